/*
 * Between the files of what load_file.h tells.
 */
#ifndef OSY_LOAD_FILE_INTERNAL_H
#define OSY_LOAD_FILE_INTERNAL_H

#include "load_file.h"
#include "osy/crypt.h"

#define OSY_FILE_RING 65536 /* bytes of a body on their way */

enum osy_lfile_phase {
	OSY_FILE_LOOKING,  /* whether a new version is there already */
	OSY_FILE_BEFORE,   /* which version was before it */
	OSY_FILE_DOCUMENT, /* whose document is to be asked for */
	OSY_FILE_MEASURE,  /* the source's body is to be read to know its size */
	OSY_FILE_READING,
	OSY_FILE_READY, /* the first bytes are there, or none will come */
	OSY_FILE_STREAMING,
	OSY_FILE_CHECKING,
	OSY_FILE_HASH_TARGET, /* the target's body may be the same: it is to be read */
	OSY_FILE_HASH_SOURCE, /* and the source's */
	OSY_FILE_VERIFY,      /* what was sent is to be read again */
	OSY_FILE_ASKING,      /* a question of one of the others is under way */
};

enum osy_lbody_is { OSY_LBODY_SAME, OSY_LBODY_OTHER, OSY_LBODY_UNSURE };

struct osy_lfile {
	struct osy_loader *loader;
	struct osy_wrun *run;	  /* a reference */
	struct osy_lbatch *batch; /* NULL: dropped */
	unsigned row;
	enum osy_lfile_phase phase, asks; /* asks: what is asked for */
	int64_t wait_until;
	/* from the source */
	struct osy_lorg *payer; /* whose budget its call uses; NULL: none is under way */
	struct osy_budget_call budget;
	struct osy_http_call *from, *to; /* to let them go on */
	int64_t size, got, sent;	 /* size -1: not known yet */
	struct osy_md5 *md5;
	char sum[33];
	bool whole;	    /* all of it came, and it is what it should be */
	struct osy_err err; /* it is not */
	/* to the target */
	struct osy_id before; /* the target's record of a version before it */
	char document[24];    /* the target's document, as JSON; "": as the row says */
	char boundary[40];
	struct osy_buf head; /* what goes before the body */
	char tail[64];
	size_t head_sent, tail_sent;
	bool released; /* the end may go out */
	bool hashes;   /* the source's bytes go nowhere */
	bool measures; /* they are counted */
	struct osy_id made;
	char theirs[33]; /* MD5 of the target's body */
	int64_t their_size;
	int64_t their_change; /* of the target's record, as CHECKING was told */
	size_t begin, len;    /* of the ring */
	char ring[OSY_FILE_RING];
	struct osy_lfile *next;
};

/* ---- load_file.c ---- */
int osy_lfile_column(const struct osy_lbatch *batch, int field); /* -1: none */
/* The body of such a record cannot be changed: another one is a new version of its document. */
bool osy_lfile_has_versions(const struct osy_lbatch *batch);
/* The org takes no other body for a record that is there. */
bool osy_lfile_is_fixed(const struct osy_lbatch *batch);
bool osy_lfile_tells_size(const struct osy_lbatch *batch);
/* The row fails: its target's body is another one, which is_fixed(). */
void osy_lfile_fail_fixed(struct osy_lbatch *batch, unsigned row);
void osy_lfile_fail_large(struct osy_lbatch *batch, unsigned row, int64_t size);
/* p NULL for null, or when the batch does not have the field. */
struct osy_str osy_lfile_value(
	const struct osy_lbatch *batch, const struct osy_str *values, int field);
struct osy_str osy_lfile_plain(struct osy_str json); /* the text of a string without escapes */
int64_t osy_lfile_size(const struct osy_lbatch *batch, const struct osy_str *values); /* -1: none */
/* The document of which the record is to be a new version, as JSON; p NULL: none that the row tells
 * of. */
struct osy_str osy_lfile_document(const struct osy_lbatch *batch, const struct osy_lrow *row);

/* ---- load_file_known.c ---- */
int64_t osy_lfile_changed_at(const struct osy_lbatch *batch, const struct osy_str *values);
enum osy_lbody_is osy_lfile_body_is(const struct osy_lbatch *batch, const struct osy_lrow *row);
/* row->known tells of the source's body as it is now. */
bool osy_lfile_knows_source(const struct osy_lbatch *batch, const struct osy_lrow *row);
/* Keeps that the row's target has the body with this MD5. */
void osy_lfile_note(const struct osy_lfile *file, const char *md5, int64_t target_changed);

/* ---- load_file_hash.c ---- */
void osy_lfile_hash_target(struct osy_lfile *file);
void osy_lfile_source_hashed(struct osy_lfile *file); /* file->sum is its MD5 */
void osy_lfile_source_measured(struct osy_lfile *file);

/* ---- load_file_turn.c ---- */
void osy_lfile_free(struct osy_lfile *file);
void osy_lfile_wake(const struct osy_lfile *file);
/* The call to the source has ended; reply: NULL when it was given up. */
void osy_lfile_read_over(struct osy_lfile *file, const struct osy_sf_reply *reply);
void osy_lfile_read_began(struct osy_lfile *file);
/* Over for this time: the row has its outcome, or its round is made again. */
void osy_lfile_leave(struct osy_lfile *file, bool failed);
/* What became of it cannot be told yet: its batch is set aside for so long. */
void osy_lfile_set_aside(struct osy_lfile *file, int64_t ms);
/* The source did not give it, or not all of it: nothing happened in the target. */
void osy_lfile_source_failed(struct osy_lfile *file);
bool osy_lfile_not_executed(const struct osy_err *err);

/* ---- load_file_read.c ---- */
/* Asks for the bytes; a failure is that of the file. In phases HASH_SOURCE and MEASURE they go
 * nowhere; MEASURE comes first where the size is not known. */
void osy_lfile_read_now(struct osy_lfile *file);
size_t osy_lfile_take(struct osy_lfile *file, char *out, size_t size); /* out of the ring */

/* ---- load_file_send.c ---- */
void osy_lfile_post(struct osy_lfile *file);

/* Sends it, unless it is to be looked for first. */
void osy_lfile_look_or_read(struct osy_lfile *file);

/* ---- load_file_look.c ---- */
/* The document of which it is a new version; p NULL: not known. */
void osy_lfile_set_document(struct osy_lfile *file, struct osy_str id);
void osy_lfile_look(struct osy_lfile *file);	 /* asks the target what the phase says */
void osy_lfile_verified(struct osy_lfile *file); /* what was sent has been read again */

/* ---- load_file_before.c ---- */
/* Whether the version that goes before this one has to be found. */
bool osy_lfile_follows(const struct osy_lbatch *batch, unsigned row);
void osy_lfile_find_before(struct osy_lfile *file);

#endif
