/*
 * What the files of the load protocol share: a batch in work, its rows, the calls under way. Seen
 * by workers/load*.c and their unit tests alone. The picture is in docs/protocol.md.
 *
 * Who owns what: a load owns its batches (a list in the lane's order, and one that was set aside),
 * a batch owns its arena and everything in it, its message and the bodies of replies that its rows
 * point into. A call outlives the batch that started it: it owns the body under way and holds a
 * reference to the run, and it forgets its batch when that is dropped.
 */
#ifndef OSY_LOAD_INTERNAL_H
#define OSY_LOAD_INTERNAL_H

#include "load.h"
#include "load_assign.h"
#include "load_index.h"
#include "load_narrow.h"
#include "osy/batch.h"
#include "osy/sf_bulk.h"
#include "osy/intent.h"
#include "osy/key.h"
#include "osy/sf_collection.h"
#include "osy/sf_query.h"

#define OSY_LOAD_GATHER 32	    /* batches in one statement or round trip at most */
#define OSY_LOAD_TRIES 10	    /* of a row that the org asks to try again */
#define OSY_LOAD_FILE_TRIES 3	    /* of a file that the source does not send as it says it is */
#define OSY_LOAD_REMATCHES 2	    /* of a row whose insert ran into a duplicate */
#define OSY_LOAD_CRASHES 3	    /* attempts after which a batch is given up */
#define OSY_LOAD_SEND_SLACK 2000    /* ms by which sent_at may be older than the send */
#define OSY_LOAD_ORG_MARGIN 5000    /* ms by which the org's clock may be misjudged */
#define OSY_LOAD_ARENA (32u * 1024) /* what a batch holds at least */
#define OSY_LOAD_AHEAD 8	    /* batches of a lane at once at most */
#define OSY_LOAD_PIECES 16	    /* collections of batches in one request at most */
#define OSY_LOAD_JOINED_BYTES                                               \
	(2u * 1024 * 1024) /* messages whose rows go in one request at most \
			    */

/* Where a batch stands. What waits for a time stands still until wait_until. */
enum osy_step {
	OSY_STEP_TAKEN,	   /* waits for its stage, or for what a former attempt left in Postgres */
	OSY_STEP_RESOLVE,  /* its ids are asked of the id map */
	OSY_STEP_PARENTS,  /* parents without a mapping are looked up among the failures */
	OSY_STEP_DOUBT,	   /* holds inserts that may have happened and that no key finds */
	OSY_STEP_MATCH,	   /* something is to be asked of the org */
	OSY_STEP_ASKING,   /* and is under way */
	OSY_STEP_CHILDREN, /* of what is deleted: children are asked for */
	OSY_STEP_READY,	  /* compared; waits for its turn in the lane, for claims and for the intent
			   */
	OSY_STEP_SEND,	  /* its intent stands; the next call is to be sent */
	OSY_STEP_SENDING, /* a call is under way */
	OSY_STEP_UNDO,	  /* of a rollback: decided; children are asked for, then it is sent */
	OSY_STEP_UNDOING, /* a call of it is under way */
	OSY_STEP_RECORD,  /* what is known is to be recorded */
	OSY_STEP_OVER,
};

/* How a batch is recorded. */
enum osy_record {
	OSY_RECORD_DONE,
	OSY_RECORD_PART,  /* goes on: what is settled is kept, intents of what is not in flight are
			     withdrawn */
	OSY_RECORD_ASIDE, /* the lane goes on without it */
};

/* What became of a lookup, or of a text that may hold an id. */
enum osy_lref_state {
	OSY_REF_NULL, /* null in the source, or a text that stays as it is */
	OSY_REF_ASKED,
	OSY_REF_SEEK,	/* unmapped: did the parent fail? */
	OSY_REF_MAPPED, /* written */
	OSY_REF_DEFERRED,
	OSY_REF_OUT,   /* left out */
	OSY_REF_WAITS, /* left out; its record waits for the parent */
};

struct osy_lref {
	struct osy_id source;
	int parent; /* index of its object in the spec, -1: none */
	enum osy_lref_state state;
	bool brief; /* of a text: the id has 15 characters there */
	bool told;  /* of a text: that it stays as it is */
};

struct osy_lcolumn {
	const struct osy_spec_field *field;
	int lookup; /* number among the lookups, -1: none */
};

/* A record of the target that answers to a row's key. */
struct osy_lfound {
	struct osy_id id;
	const struct osy_str *values; /* a column each; NULL: only the key was read */
	bool exact;		      /* equal in case too */
	bool ours;		      /* made by our user since the batch's first intent */
	struct osy_lfound *next;
};

/* The body of a file as the target has had it for certain. */
struct osy_lknown {
	char md5[33];
	int64_t source_changed, target_changed; /* what both orgs said then (ms) */
};

struct osy_lrow {
	struct osy_id source;
	struct osy_id target;	/* mapped, matched or made; not set: none */
	struct osy_id gone;	/* the mapping it had, whose target is no more */
	struct osy_id bin;	/* the target it had when it was deleted, by its tombstone */
	struct osy_str *values; /* a column each; p NULL: null, osy_left_out: not written */
	struct osy_str *before; /* the target's values, a column each; NULL: not known */
	uint64_t *written;	/* updates: a bit a column */
	/* What a former attempt has kept of old_target before it wrote there; NULL: nothing. Never
	 * replaced: what is there now may be ours. */
	struct osy_str *old;
	uint64_t *old_written;
	struct osy_id old_target;
	struct osy_lfound *found;
	const struct osy_lknown *known; /* of its body; NULL: nothing, or it has a checksum */
	uint64_t key;			/* hash of its match key, 0: none */
	enum osy_outcome outcome;
	enum osy_action action;
	int collection;
	uint16_t unit;			   /* most records of a collection that it goes in */
	uint8_t tries, rematches, revives; /* revives: undeletes that were refused */
	bool keyed;			   /* an insert can be found again for certain */
	bool mapped;			   /* target comes from the id map */
	bool unknown;			   /* marked OUTCOME_UNKNOWN by an earlier pass or run */
	bool ask;			   /* to be matched */
	bool fetched;			   /* its target was read */
	bool looked;			   /* its key was asked */
	bool guessed;	 /* its target is what the keys that were read say: still to be fetched */
	bool absent;	 /* by the keys that were read, the target has none */
	bool lost;	 /* an insert of ours got no reply, once */
	bool doubt;	 /* and that is not cleared up */
	bool was_update; /* an update of ours may have happened */
	int64_t busy_until; /* mono ms: the org may still make what got no reply (of files) */
	bool was_delete;    /* a delete */
	bool revived;	    /* its target was undeleted by us, or may have been */
	bool lost_undelete; /* without a reply */
	bool limited;	    /* a file that waits: the org takes no more for now */
	bool claimed;	    /* its key is claimed by it */
	bool put;	    /* its mapping is new */
	bool recorded;	    /* its outcome is in Postgres */
	bool reparented;
	bool kept;		/* a retry leaves it as earlier passes have made it */
	bool person;		/* an account of a person */
	bool relinks;		/* and makes its links again */
	bool in_job;		/* it goes in an ingest job */
	unsigned char sent[16]; /* what its result is found by */
};

/* A row of table failure. */
struct osy_lfailure {
	unsigned row;
	const char *kind;
	struct osy_str code, message, fields;
	bool recorded;
	struct osy_lfailure *next;
};

/* A row of table waiting. */
struct osy_lwait {
	unsigned row;
	const struct osy_spec_field *field;
	struct osy_id parent;
	int parent_object; /* index in the spec, -1: none of the run's */
	bool recorded;
	struct osy_lwait *next;
};

struct osy_lbody {
	char *p;
	struct osy_lbody *next;
};

struct osy_lpath;
struct osy_lorder;
struct osy_lbulk;
struct osy_ljob;
struct osy_lfile;

struct osy_lbatch {
	struct osy_load *load;
	struct osy_lbatch *next; /* in the lane's order */
	struct osy_arena arena;
	struct osy_kafka_message message;
	struct osy_buf copy; /* a message that was fetched again */
	int64_t offset;
	enum osy_step step;
	int64_t wait_until;	/* mono ms; 0: at once */
	unsigned waits;		/* back-offs in a row */
	bool late;		/* was set aside: the lane is past it */
	bool recording;		/* goes into the statement that is being made */
	bool skip;		/* not of this pass */
	struct osy_err *broken; /* cannot be decoded */
	struct osy_batch_head head;
	const struct osy_spec_object *object;
	struct osy_lcolumn *columns;
	int *key_columns; /* of each part of the match key; NULL: it cannot be told */
	unsigned column_count, lookup_count, row_count;
	unsigned kept_count; /* rows that a retry leaves as they are */
	struct osy_lrow *rows;
	struct osy_lref *refs; /* rows x lookups */
	struct osy_lfailure *failures;
	struct osy_lwait *waits_for; /* parents */
	struct osy_lbody *bodies;
	size_t kept_bytes; /* of bodies */
	size_t weight;	   /* its part of loader->bytes */
	/* resolve */
	size_t first_ask;
	/* match */
	struct osy_lcall *call;	  /* under way; this batch is in it */
	struct osy_lpath *paths;  /* queries still to be sent */
	bool bins_known;	  /* targets of tombstones have been looked at */
	bool keys_asked;	  /* the keys that were read have been looked at */
	bool fetches_alone;	  /* a call with ids of several batches was refused */
	bool greeted;		  /* the org has answered, with a time or without */
	bool wide;		  /* too many fields for a query: keys are asked alone */
	bool asks_maker;	  /* who made a record, and when, is asked too */
	struct osy_lindex by_key; /* rows by key while asking */
	/* send */
	unsigned *order;	 /* rows by collection */
	struct osy_lorder *keys; /* of the rows, while they are put in order */
	unsigned *starts;	 /* of each collection in order, and the end */
	unsigned collections, next_collection;
	unsigned tail; /* rows in the collection of a request in which its last one ends, as planned
			*/
	bool sends;    /* compared: something of it is to be sent */
	int64_t ready_at; /* mono ms; since a reply, of what is still to be sent */
	bool single;	  /* one collection a call */
	unsigned splits;  /* calls spent on finding the bad row of a refused collection */
	/* Postgres */
	bool in_table;		/* has a row in table batch */
	bool in_intent;		/* whose state is 'intent' */
	bool begun;		/* it was there before this intent, or something of it was sent */
	struct osy_lundo *undo; /* of a rollback, or of a batch that deletes */
	bool limited;		/* since its last intent the org took a file not for now */
	bool from_job;		/* results of ingest jobs are applied and not yet recorded */
	bool rest;		/* goes by collections, whatever the object's way is */
	bool claims_held;
	bool claims_doubtful; /* Redis was filled anew meanwhile: to be taken again before the send
			       */
	bool waited;	      /* was set aside, for as long as it had to be */
	bool given_up;	      /* was there at too many crashes: nothing of it is sent any more */
	int doubts;	      /* rounds of reconciling in which others stood in the way */
	int64_t org_ms;	      /* the org's clock before the first attempt; 0: none yet */
	int64_t sent_at;      /* mono ms as noted in Postgres, of an intent or a later send */
	int64_t due_in_ms;    /* set aside: looked at again after this time */
	enum osy_record record_as;
	enum osy_step after; /* step after a part is recorded */
	unsigned pause_ms;   /* and how long it waits before */
};

/* A batch that a former owner (or we) left unsettled, as the table says. */
struct osy_lleft {
	int64_t offset;
	int64_t due; /* mono ms; set aside only */
	bool aside;
	bool done;  /* at or behind the position, and recorded before those in front of it */
	bool bulk;  /* its rows are in the ingest jobs of load->bulk */
	bool taken; /* a batch in work */
	int doubts; /* batch->doubts */
	struct osy_lleft *next;
};

struct osy_load {
	struct osy_loader *loader;
	struct osy_wlane *lane;
	struct osy_lbatch *first, *late;
	struct osy_lleft *left;
	struct osy_lbulk *bulk;	 /* ingest jobs that hold its batches; NULL: none */
	bool no_bulk;		 /* they failed again and again, or the org refuses them */
	unsigned jobs_failed;	 /* to be made, in a row */
	unsigned uploads_failed; /* of jobs, in a row */
	bool looked;		 /* left has been read */
	int64_t undo_at;	 /* of a rollback: not looked for more before (mono ms) */
	int undone_stage;	 /* of a rollback: nothing of this stage is left here; 0: none */
	int waits_for_stage;	 /* the stage, 0: none */
	int64_t *retakes;	 /* offsets that a retry takes, in order; then where it ends */
	size_t retake_count;
	uint64_t sent; /* number of its last write, of all of the loader */
	struct osy_load *next;
};

/* One collection of a batch, in a write; several of them may go in one collection of the request.
 */
struct osy_lpiece {
	struct osy_lbatch *batch; /* NULL: dropped meanwhile */
	unsigned collection, count;
	unsigned part;	/* of the request */
	unsigned begin; /* its first row's place in that part */
};

/* A call under way. */
struct osy_lcall {
	struct osy_loader *loader;
	struct osy_wrun *run;
	struct osy_lbatch *batch; /* that it is about (of a write: the first one); NULL: dropped */
	struct osy_ljob *job;	  /* that it is about; NULL: dropped, or about none */
	struct osy_bulk_ask *ask; /* of a job's */
	struct osy_lfile *file;	  /* that it is about; NULL: none */
	struct osy_sf_send send;
	size_t body_weight; /* of a body that is not sent yet: its part of loader->bytes */
	struct osy_lpiece pieces[OSY_LOAD_PIECES]; /* of a write; of a fetch a batch each */
	unsigned piece_count;
	struct osy_lorg *org;	/* a write's; NULL: a read */
	unsigned mark;		/* of a write, for osy_narrow */
	struct osy_lorg *payer; /* whose budget it uses; NULL: not started */
	struct osy_budget_call budget;
	bool locked;   /* its reply told of row locks */
	unsigned term; /* of the pulse when it was started: it is sent in that one alone */
	void (*done)(struct osy_lcall *call, struct osy_sf_reply *reply);
	struct osy_lcall *next;
};

/* A target org and the reserve that is kept of its calls, for as long as the loader. */
struct osy_lorg {
	char id[19];
	int reserve_percent;
	struct osy_budget_org *budget;
	struct osy_budget_locks *narrow; /* its */
	unsigned shown_limit;		 /* of narrow, as the log knows it */
	char name[64];
	struct osy_lorg *next;
};

/* API calls of a run that are not yet in its row. */
struct osy_lcount {
	char run[40];
	int64_t calls;
	struct osy_lcount *next;
};

struct osy_lreconcile;

struct osy_loader {
	struct osy_worker *worker;
	struct osy_load *loads;
	struct osy_lcall *calls;
	struct osy_lfile *files;   /* on their way */
	struct osy_lbatch *spares; /* a few kept for their memory */
	unsigned spare_count;
	struct osy_buf spare_bodies[4]; /* as well; those that are free come first */
	unsigned spare_body_count;
	unsigned batches, rows; /* in work, of all loads */
	size_t bytes;		/* and what they weigh, with bodies that are not sent yet */
	size_t usual_weight;	/* of a batch at its end */
	struct osy_idmap_ask *asks;
	size_t ask_cap;
	struct osy_lorg *orgs;
	int64_t budget_at; /* mono ms: wants were counted */
	uint64_t sends;	   /* writes so far */
	struct osy_lcount *counts;
	int64_t counted_at;
	struct osy_lreconcile *reconcile;
	struct osy_lbulk *results; /* whose results are read or recorded: one at a time */
	int64_t now;		   /* mono ms of this turn */
	int64_t trouble_until;	   /* Redis or Postgres failed: nothing is tried before */
	unsigned troubles;
	bool moved; /* something has gone on in this round */
};

extern const struct osy_str osy_left_out;
static inline bool osy_is_left_out(struct osy_str value)
{
	return value.p == osy_left_out.p;
}
static inline bool osy_is_pending(const struct osy_lrow *row)
{
	return row->outcome == OSY_PENDING;
}
static inline bool osy_any_pending(const struct osy_lbatch *batch)
{
	unsigned i = 0;

	while (i < batch->row_count && !osy_is_pending(&batch->rows[i]))
		i++;
	return i < batch->row_count;
}
static inline struct osy_wrun *osy_lrun(const struct osy_lbatch *batch)
{
	return batch->load->lane->run;
}
static inline const struct osy_spec *osy_lspec(const struct osy_lbatch *batch)
{
	return batch->load->lane->run->spec;
}
/* At the scan, and nobody but the first pass has put anything there since. */
static inline bool osy_ltarget_empty(const struct osy_lbatch *batch)
{
	return batch->object->target_empty && osy_lrun(batch)->pass == 1;
}
static inline struct osy_worker *osy_lworker(const struct osy_lbatch *batch)
{
	return batch->load->loader->worker;
}
/* Whether the field may be written for accounts of the row's kind. */
static inline bool osy_lfits(const struct osy_lrow *row, const struct osy_spec_field *field)
{
	return field->kind == OSY_KIND_BOTH || (field->kind == OSY_KIND_PERSON) == row->person;
}
static inline struct osy_lref *osy_lrefs(const struct osy_lbatch *batch, unsigned row)
{
	return batch->refs + (size_t)row * batch->lookup_count;
}

/* ---- load.c: batches and their order ---- */
/* Batches of this step whose time has come, at most max. */
size_t osy_load_pick(
	struct osy_loader *loader, enum osy_step step, struct osy_lbatch **ret, size_t max);
void osy_load_step(struct osy_lbatch *batch, enum osy_step step);
void osy_load_wait(struct osy_lbatch *batch, unsigned ms);
/* Redis or Postgres failed: logs it and lets the loader pause. Always false. */
bool osy_load_trouble(struct osy_loader *loader, const char *event, const struct osy_err *err);
struct osy_lbatch *osy_load_batch_new(struct osy_load *load);
struct osy_lbatch *osy_load_batch_free(struct osy_lbatch *batch);
/* Keeps a reply's body as long as the batch. */
void osy_load_keep(struct osy_lbatch *batch, struct osy_buf *body);
/* The lane belongs to somebody else. */
void osy_load_lose(struct osy_load *load);

/* ---- load_turn.c ---- */
/*
 * Whether it is this batch's turn to write: nothing of the lane is being sent, and those in front
 * of it are about to be sent in the same request, which has room for it.
 */
bool osy_load_may_write(const struct osy_lbatch *batch);
/* Whether a batch may go into a request that rows of the other one, in front of it, go in too. */
bool osy_load_joins(const struct osy_lbatch *front, const struct osy_lbatch *batch);
/* A batch that has to wait for others of its lane, for more of them or for its stage, takes
 * nobody's place. */
bool osy_load_is_held(const struct osy_lbatch *batch);
/* Rows that one request of the batch's object takes. */
unsigned osy_load_request_rows(const struct osy_lbatch *batch);
/* What is prepared and not yet sent fills a request. */
bool osy_load_is_full(const struct osy_load *load);
bool osy_load_has_memory(const struct osy_loader *loader, bool fills);
bool osy_load_ends(const struct osy_load *load); /* its lane is to be let go */
/*
 * How long a request that is not full waits for more of its lane, for calls are dear. 0: it does
 * not wait.
 */
int64_t osy_load_lingers_ms(const struct osy_load *load);
void osy_load_linger_ends(struct osy_loader *loader);
/* The same for what a request had no room for. */
bool osy_load_rest_waits(const struct osy_lbatch *batch);
/* ---- load_room.c ---- */
/* After anything that a batch holds has grown. */
void osy_load_weigh(struct osy_lbatch *batch);
void osy_load_unweigh(struct osy_lbatch *batch); /* it ends */
/*
 * Whether memory bears another batch. fills: one that fills up a request that is about to be sent:
 * for these a part of it is kept.
 */
bool osy_load_has_room(const struct osy_loader *loader, bool fills);

/* ---- load_take.c ---- */
void osy_load_decode(struct osy_lbatch *batch, struct osy_str message);
struct osy_lleft *osy_load_left_of(const struct osy_load *load, int64_t offset);
struct osy_lleft *osy_load_left_add(
	struct osy_load *load, int64_t offset); /* or the one there is */
void osy_load_left_out_of_job(struct osy_load *load, int64_t offset);
void osy_load_left_free(struct osy_load *load); /* all of them */
/* load.c: the first of those left at or behind the position that is still to be settled in the
 * lane's order; NULL: none. */
struct osy_lleft *osy_load_unfinished(const struct osy_load *load);
void osy_load_untake(struct osy_load *load, int64_t offset); /* its batch was dropped */
void osy_load_left_done(struct osy_load *load, int64_t offset);
void osy_load_left_aside(const struct osy_lbatch *batch);
void osy_load_look(struct osy_loader *loader);	    /* what former owners left */
void osy_load_begin(struct osy_loader *loader);	    /* TAKEN */
void osy_load_take_late(struct osy_loader *loader); /* what was set aside and is due */

/* ---- load_fail.c ---- */
void osy_load_fail(struct osy_lbatch *batch, unsigned row, const char *code, struct osy_str fields,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
/* A failure that leaves the outcome as it is: a lookup left out, or one link of several. */
void osy_load_note(struct osy_lbatch *batch, unsigned row, const char *kind, const char *code,
	struct osy_str fields, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* The record waits for this parent. */
void osy_load_wait_for(struct osy_lbatch *batch, unsigned row, const struct osy_spec_field *field,
	const struct osy_lref *ref);
/* With Salesforce's own words. */
void osy_load_refuse(
	struct osy_lbatch *batch, unsigned row, const struct osy_sf_row_result *result);
void osy_load_refuse_err(struct osy_lbatch *batch, unsigned row, const struct osy_err *err);
/* Takes an id that the org gave; false when it is none of the batch's object. */
bool osy_load_take_id(const struct osy_lbatch *batch, struct osy_str text, struct osy_id *ret);

/* ---- load_resolve.c ---- */
void osy_load_resolve(struct osy_loader *loader);
void osy_load_parents(struct osy_loader *loader);

/* ---- load_text.c ---- */
/* A notice of ids inside of a text that is none itself. */
void osy_load_tell_text(
	struct osy_lbatch *batch, unsigned row, unsigned column, struct osy_lref *ref);

/* ---- load_former.c: a former attempt of the same batch ---- */
/* Reads what Postgres has of it and marks the rows; false when it must be tried again. */
bool osy_load_former_read(struct osy_lbatch *batch);
/* After resolve: what is clear by now is settled, the rest goes to DOUBT or MATCH. */
void osy_load_former_sort(struct osy_lbatch *batch);

/* ---- load_key.c ---- */
/* The key values of a row; false when it has no key. */
bool osy_load_keys(const struct osy_lbatch *batch, const struct osy_lrow *row, struct osy_str *ret);
void osy_load_find_keys(struct osy_lbatch *batch); /* key and keyed of all rows */
/* Appends a SOQL literal of a raw value. */
void osy_load_literal(enum osy_sf_type type, struct osy_str raw, struct osy_buf *out);

/* Values before a change onto rows, where a row has none: before and written. */
enum osy_code osy_load_snapshot_read(
	struct osy_lbatch *batch, struct osy_str packed, struct osy_err *err) OSY_CHECKED;

/* ---- undo.c, undo_send.c: the steps of a rollback ---- */
void osy_undo_take(struct osy_loader *loader);
/* undo_insert.c: rows that are inserted again, as far as their parents are back. False: none now.
 */
bool osy_undo_insert(struct osy_lbatch *batch);
void osy_undo_resolved(struct osy_lbatch *batch);
void osy_undo_decide(struct osy_lbatch *batch); /* its targets were read */
/* What a later run has written is left, and told with the run; false: later. */
bool osy_undo_check_later(struct osy_lbatch *batch);
void osy_undo_send(struct osy_loader *loader);
void osy_undo_row_done(struct osy_lbatch *batch, unsigned row);

/* ---- load_children.c ---- */
/* Whether children of rows that are to be deleted have still to be asked for; then it asks, when
 * there is a slot. */
bool osy_load_asks_children(struct osy_lbatch *batch);

/* ---- load_delete.c: what was deleted in the source ---- */
void osy_delete_decide(struct osy_lbatch *batch);    /* its targets were read */
void osy_delete_children(struct osy_loader *loader); /* the step */
void osy_delete_row_done(struct osy_lbatch *batch, unsigned row, enum osy_outcome outcome);
void osy_delete_row_failed(
	struct osy_lbatch *batch, unsigned row, const struct osy_sf_row_result *result);

/* ---- load_undelete.c: what is alive again ---- */
/* Whether targets in the recycle bin have still to be asked for; then it asks, when it can. */
bool osy_load_takes_back(struct osy_lbatch *batch);
/* A call that undeletes a collection, for osy_load_call_request(). body stays the caller's. */
struct osy_lcall *osy_load_undelete_call(
	const struct osy_lpiece *piece, struct osy_buf *body, struct osy_sf_request *ret);

/* ---- load_greet.c ---- */
/* Whether the org has to say something before there may be an intent for it. */
bool osy_load_must_greet(const struct osy_lbatch *batch);
void osy_load_greet(struct osy_lbatch *batch);

/* ---- load_match.c ---- */
struct osy_lpath {
	struct osy_str path;
	struct osy_lpath *next;
};
void osy_load_match(struct osy_loader *loader);
/* A question that came to nothing is asked again later. */
void osy_load_ask_again(struct osy_lbatch *batch, const struct osy_err *err);
/* One that the org refuses: the rows that it was about fail. */
void osy_load_ask_refused(struct osy_lbatch *batch, const struct osy_err *err);

/* ---- load_guess.c ---- */
/* Targets of batches that stand at MATCH, by the keys that the coordinator has read. False: Redis
 * has to be asked again. */
bool osy_load_guess(struct osy_loader *loader, struct osy_lbatch *const *batches, size_t count);

/* ---- load_fetch.c ---- */
/* Whether targets of it that are known by id are still to be read. */
bool osy_load_fetches(const struct osy_lbatch *batch);
/* Reads those of the first batch, and of others that fit in the same call; each gets its step. */
void osy_load_fetch(struct osy_lbatch *const *batches, size_t count);
/* The slices of a reply (a column each), in the arena; what they point into is not copied. */
struct osy_str *osy_load_values_kept(struct osy_lbatch *batch, const struct osy_str *values);

/* ---- load_query.c ---- */
/* Names in the order in which values come: Id, columns, keys, maker. */
const char **osy_load_asked(
	struct osy_lbatch *batch, bool with_columns, bool with_keys, size_t *ret_count);
/* Those of them that are asked for: each once, and no column that is never compared. */
size_t osy_load_select_names(const struct osy_lbatch *batch, bool with_columns,
	const char *const *names, size_t count, const char **ret);
/* The column that sends this audit field with inserts; -1: none does. */
int osy_load_audit_column(const struct osy_lbatch *batch, const char *name);
/* Whether the org is to be asked for the row's key. */
bool osy_load_needs_look(const struct osy_lbatch *batch, const struct osy_lrow *row);
/* Queries for all of them, in batch->paths. */
void osy_load_make_paths(struct osy_lbatch *batch);
/* Whether rows that match are compared field by field. */
bool osy_load_compares(const struct osy_lbatch *batch);

/* ---- load_compare.c ---- */
void osy_load_compare(struct osy_lbatch *batch); /* decides action and outcome of rows that ask */
bool osy_load_differs(
	const struct osy_lbatch *batch, const struct osy_lrow *row, uint64_t *written);

/* ---- load_claim.c, load_intent.c, load_pack.c ---- */
void osy_load_claim(struct osy_loader *loader);
/* After the intent; false when it must be tried again before anything is sent. */
bool osy_load_claim_again(struct osy_lbatch *batch);
void osy_load_intents(struct osy_loader *loader);
void osy_load_intent_pack(const struct osy_lbatch *batch, bool withdraw, struct osy_buf *out);
void osy_load_snapshot_pack(const struct osy_lbatch *batch, struct osy_buf *out);
/* The intent of a batch of which nothing was ever sent is deleted: it is as if it had never begun.
 * False: it was begun, or Postgres fails. */
bool osy_load_unintend(struct osy_lbatch *batch);
bool osy_load_has_actions(const struct osy_lbatch *batch);
/* Rows that are settled, and what was left out of others, are recorded before the rest of the batch
 * goes on; false: all of it is. */
bool osy_load_record_first(struct osy_lbatch *batch);
bool osy_load_has_keyless(const struct osy_lbatch *batch);
/* Advisory lock of the inserts of a target object without a key; class 0: intents, 1: reconciling.
 */
int64_t osy_load_lock_key(const struct osy_lbatch *batch, int lock_class);
/* Indexes of the spec's objects that are written to the same target object. */
size_t osy_load_same_target(const struct osy_lbatch *batch, int32_t *ret, size_t max);
bool osy_load_same_group(const struct osy_lbatch *a, const struct osy_lbatch *b);

/* ---- load_org.c: what holds for all runs into one org ---- */
struct osy_lorg *osy_load_org(const struct osy_lbatch *batch);
struct osy_lorg *osy_load_org_of(struct osy_loader *loader, const struct osy_wrun *run);
/* The same for the run's source, out of which files are read. */
struct osy_lorg *osy_load_source_of(struct osy_loader *loader, const struct osy_wrun *run);
/* Tells the budgets what is wanted, takes their turns, and takes back intents that no call is left
 * for. Each turn of the loader. */
void osy_load_budget(struct osy_loader *loader);
unsigned osy_load_budget_ms(const struct osy_loader *loader); /* until it is to be called again */
void osy_load_orgs_free(struct osy_loader *loader);
/* A reply to a write was read: narrows or widens. */
void osy_load_org_replied(const struct osy_lcall *call);
/* How many more writes may have an intent, so that it does not stand for long unsent. */
unsigned osy_load_org_room(const struct osy_lorg *org, const struct osy_loader *loader);
/* Whether the run may have one more of the requests that its org bears. */
bool osy_load_org_turn(struct osy_loader *loader, struct osy_wrun *run);
/*
 * Like osy_load_pick, but lanes that have not written for longest come first, so that they end
 * together: the last one alone would have one request in flight. While an org is narrowed only
 * those whose turn to write it is in their lane.
 */
size_t osy_load_pick_writers(
	struct osy_loader *loader, enum osy_step step, struct osy_lbatch **ret, size_t max);

/* ---- load_order.c ---- */
/* Puts rows that one action sends in the order of what they lock. */
void osy_load_order(struct osy_lbatch *batch, unsigned *rows, unsigned count);

/* ---- load_send.c ---- */
unsigned osy_load_row_limit(const struct osy_lbatch *batch, const struct osy_lrow *row);
/*
 * Collections of what is to be sent. front: a batch in front of it, with which it shares a request;
 * what is left of that one's last collection is filled up by the first one here. NULL: none.
 */
void osy_load_plan(struct osy_lbatch *batch, const struct osy_lbatch *front);
void osy_load_send(struct osy_loader *loader);
/* Whether the template passes duplicate rules that only alert. */
bool osy_load_allows_duplicates(const struct osy_lbatch *batch);
/* What each call that writes says besides: assignment rules take no record from its owner, not even
 * one that automation changes on account of it. Into ret[OSY_LOAD_HEADERS]; how many. */
#define OSY_LOAD_HEADERS 2
size_t osy_load_headers(const struct osy_lbatch *batch, struct osy_http_header *ret);

/* After so long (ms) the org is not busy any more with what was sent. */
int64_t osy_load_request_limit(const struct osy_lbatch *batch);
/* sent_at in Postgres is moved to now when it is older; false: to be tried again later. */
bool osy_load_note_sent(struct osy_lbatch *batch);

/* ---- load_settle.c ---- */
void osy_load_doubt(struct osy_lbatch *batch, unsigned row); /* its reply is missing */
/* What comes next for a batch after a call; failed: something of it got no answer row by row. */
void osy_load_go_on(struct osy_lbatch *batch, bool failed);
void osy_load_row_succeeded(
	struct osy_lbatch *batch, unsigned row, const struct osy_sf_row_result *result);
/* What the org's error means for the row: tried again, matched again, refused. */
void osy_load_row_failed(
	struct osy_lbatch *batch, unsigned row, const struct osy_sf_row_result *result);
void osy_load_settle_reply(struct osy_lcall *call, struct osy_sf_reply *reply);
void osy_load_next_round(struct osy_lbatch *batch); /* after the last call of a round */

/* ---- load_call.c ---- */
/* Whether a request of this batch may start now: of the worker, the org's budget, the run. */
bool osy_load_slot(const struct osy_lbatch *batch, bool write);
struct osy_lcall *osy_load_call_new(struct osy_lbatch *batch, struct osy_loader *loader,
	struct osy_wrun *run, void (*done)(struct osy_lcall *, struct osy_sf_reply *));
/* Starts what call->send holds. On failure the call is gone. */
enum osy_code osy_load_call_start(struct osy_lcall *call, const struct osy_http_header *headers,
	size_t header_count, struct osy_err *err);
/* What came of a call that asks: why the org did not answer, or osy_sf_send_bodies(). */
enum osy_code osy_load_call_bodies(struct osy_lcall *call, const struct osy_sf_reply *reply,
	int *ret_status, struct osy_str *ret_bodies, struct osy_err *ret_errs,
	struct osy_err *err) OSY_CHECKED;
void osy_load_call_drop(struct osy_lcall *call);     /* one that was not started */
void osy_load_call_forget(struct osy_lbatch *batch); /* the call that it is in goes on without it */
void osy_load_calls_drop(struct osy_loader *loader);
void osy_load_count_call(struct osy_loader *loader, const char *run);
/* The waits after a call that was not executed, or whose reply did not come. */
unsigned osy_load_pause(struct osy_lbatch *batch, const struct osy_err *err);

/* The same for any request of a run; data: a reply in pieces. On failure the call is gone. */
enum osy_code osy_load_call_request(
	struct osy_lcall *call, struct osy_sf_request *request, struct osy_err *err);
bool osy_load_slot_of(struct osy_loader *loader, struct osy_wrun *run, bool write);

/* ---- load_bulk*.c: see load_bulk.h ---- */
/* Whether the batch, which is ready, is to go in an ingest job. */
bool osy_load_goes_bulk(const struct osy_lbatch *batch);
/* Makes its rows ready for the job; false: it has to wait, or has gone on to another step. */
bool osy_load_bulk_add(struct osy_lbatch *batch);
/* Whether batches whose job has ended, and whose results are held, are taken up behind it only. */
bool osy_load_bulk_behind(const struct osy_lbatch *batch);
/* One before such ones that is in doubt, or waits for a doubt, is set aside: they are cleared up
 * first; false: there are none. */
bool osy_load_bulk_doubt(struct osy_lbatch *batch);
/* Its intent stands: the rows are in the job now, and the batch is over until the job is. */
void osy_load_bulk_added(struct osy_lbatch *batch);
/* The job's ids for the intent (p NULL: none of that kind). */
struct osy_str osy_load_bulk_job(const struct osy_lbatch *batch, enum osy_sf_op op);
void osy_load_bulk_adopt(struct osy_load *load); /* what a former owner left */
/* Results onto the rows of a batch that was read again. */
enum osy_lapplied {
	OSY_LAPPLIED_NOTHING, /* there are none for it */
	OSY_LAPPLIED_SOME,
	OSY_LAPPLIED_ALL,    /* every row is settled, and nothing has to be looked up for it */
	OSY_LAPPLIED_UNSENT, /* the run ends, and nothing of the batch was ever executed */
};
enum osy_lapplied osy_load_bulk_apply(struct osy_lbatch *batch);
/* Records what they settled before anything else is sent; false: nothing was applied. */
bool osy_load_bulk_settle(struct osy_lbatch *batch);
/* Lookups that wait for the link pass are never sent by a job, mapped or not. */
void osy_load_bulk_defer(struct osy_lbatch *batch);
void osy_load_bulk(struct osy_loader *loader); /* the step */
/* A job is under way (nothing else of the lane is taken or sent) or gathers (others of its kind are
 * taken). */
bool osy_load_bulk_runs(const struct osy_load *load);
bool osy_load_bulk_gathers(const struct osy_load *load);
int64_t osy_load_bulk_wait(const struct osy_load *load);   /* ms until its next step */
unsigned osy_load_bulk_wants(const struct osy_load *load); /* calls that fly or are to start soon */
void osy_load_bulk_free(struct osy_load *load);

/* ---- load_record.c, load_tally.c ---- */
void osy_load_record(struct osy_loader *loader);
/* Records these at once, whatever their step; false when it did not come through. */
bool osy_load_record_these(struct osy_loader *loader, struct osy_lbatch **batches, size_t count);

struct osy_ltally {
	int64_t counts[OSY_OUTCOMES_COUNT]; /* of this pass */
	int64_t deltas[OSY_OUTCOMES_COUNT]; /* how the run's totals move */
};
/*
 * before: outcomes of the best earlier pass (NULL: none); now: of this pass. merged gets the better
 * one of each row. What is pending now was not taken by this pass.
 */
void osy_load_tally(const struct osy_outcome_row *before, const struct osy_outcome_row *now,
	unsigned count, struct osy_ltally *ret, struct osy_outcome_row *merged);

/* ---- load_link.c ---- */
/* A former attempt has sent the row; lookups that are mapped by now may not have been then: the
 * link pass looks. */
void osy_load_defer_unsure(struct osy_lbatch *batch, unsigned row);
/* The lookups that wait for the link pass, as a whole message; *ret_rows 0: none. */
void osy_load_deferred(struct osy_lbatch *batch, const struct osy_outcome_row *before,
	struct osy_buf *out, unsigned *ret_rows);

/* ---- load_reconcile.c, load_assign.c ---- */
void osy_load_reconcile(struct osy_loader *loader);
void osy_load_reconcile_drop(struct osy_loader *loader, const struct osy_lbatch *batch);
void osy_load_reconcile_free(struct osy_loader *loader);

#endif
