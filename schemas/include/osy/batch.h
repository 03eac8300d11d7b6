/*
 * The messages of a run's topic: record batches, link batches and checkpoints, as MessagePack maps
 * with a schema version. Defined once, in the tables below, which make structs, encoders, decoders
 * and docs/messages.md.
 *
 * A batch is column-oriented: field names once, then rows. A row is an array: the source id (15
 * characters), then one value a field: nil for null, else str with the raw JSON text as it came
 * from the source org (strings with quotes and escapes), so that a value is never parsed on its
 * way. One that an expression could not make is '!' and the sentence that its record fails with; no
 * JSON begins so. In a link batch the fields are lookups and each value is the source id of the
 * parent (15 characters, no quotes; 18 where the text that holds it has them) or nil where that
 * lookup was not deferred.
 *
 * A batch of what was deleted in the source (deletes of the spec's object) has rows of ids alone.
 *
 * Kafka headers, so that an undecodable batch still counts: "kind" (records, deletes, links),
 * "object" (index), "stage", "count", "pass", each as decimal or plain text.
 */
#ifndef OSY_BATCH_H
#define OSY_BATCH_H

#include "osy/msgpack.h"
#include "osy/sf_id.h"
#include "osy/str.h"

#define OSY_BATCH_VERSION 1
#define OSY_BATCH_MAX_RECORDS 1000
#define OSY_BATCH_MAX_BYTES (900 * 1024)
#define OSY_BATCH_MAX_FIELDS 1000

/* C type, name (also the key on the wire), meaning */
#define OSY_BATCH_HEAD(X)                                           \
	X(int64_t, v, "schema version, 1")                          \
	X(int64_t, links, "0: records, 1: link batch")              \
	X(int64_t, pass, "pass that wrote it: 1 for records")       \
	X(int64_t, object, "index of the object in the run's spec") \
	X(int64_t, stage, "stage in which it is loaded")            \
	X(int64_t, count, "number of rows")

struct osy_batch_head {
#define X(type, name, help) type name;
	OSY_BATCH_HEAD(X)
#undef X
};

/* ---- Writing: rows are appended as they come, the message is made at the end. ---- */
struct osy_batch_writer {
	struct osy_batch_head
		head; /* object, stage, links and pass are the caller's; count is kept here */
	struct osy_buf rows;
};
void osy_batch_writer_init(struct osy_batch_writer *writer);
void osy_batch_writer_done(struct osy_batch_writer *writer);
/* Whether a row of so many bytes of values still fits (records and bytes). A row larger than a
 * message: never. */
bool osy_batch_fits(const struct osy_batch_writer *writer, size_t value_bytes, size_t field_count);
void osy_batch_add(struct osy_batch_writer *writer, const struct osy_id *source,
	const struct osy_str *values, size_t field_count);
/* Appends the message to out and empties the writer (its memory is kept). */
void osy_batch_finish(struct osy_batch_writer *writer, const char *const *fields,
	size_t field_count, struct osy_buf *out);

/* ---- Reading: slices of the message. ---- */
struct osy_batch_reader {
	struct osy_batch_head head;
	const struct osy_str *fields; /* in the caller's arena */
	size_t field_count;
	struct osy_mp mp;
	size_t rows_left;
};
struct osy_arena;
enum osy_code osy_batch_read(struct osy_str message, struct osy_arena *arena,
	struct osy_batch_reader *ret, struct osy_err *err) OSY_CHECKED;
/* The next row: values has field_count items; false at the end (err untouched) or on a broken
 * message (*ret_code set). */
bool osy_batch_row(struct osy_batch_reader *reader, struct osy_id *ret_source,
	struct osy_str *values, enum osy_code *ret_code, struct osy_err *err);

/*
 * ---- Checkpoint: the last message of each transaction, in the extra partition (the topic's last).
 * ---- What has been read and published so far; a new coordinator goes on from it.
 */
#define OSY_FRONTIER_LOCATOR_MAX 512

/*
 * Where the reading of an object goes on. By REST: behind last_id. By a Bulk query job: in the
 * result page at locator ("" for the first) behind its first row rows. With again set the object is
 * being read anew, because a job's result was lost when part of it was in the journal already: ids
 * that are there are left out.
 */
struct osy_frontier {
	char last_id[19]; /* "" before the first */
	char job[19];	  /* "" when there is none */
	char locator[OSY_FRONTIER_LOCATOR_MAX];
	int64_t row;
	bool again;
};
struct osy_checkpoint_object {
	int64_t published; /* records in the journal */
	bool complete;
	struct osy_frontier frontier;
};
struct osy_checkpoint {
	int64_t pass;
	int64_t links_id;     /* last row of `deferred` that was published */
	int64_t stages_ended; /* stages 1..n whose batches are all in the journal */
	unsigned object_count, stage_count, lane_count;
	struct osy_checkpoint_object *objects;
	int64_t *ends; /* [stage - 1][lane]: last offset of that stage in that lane so far, -1 none;
			  stage_count * lane_count */
};
/* Zeroed, ends at -1; memory of its own. stage_count includes the link stage. */
void osy_checkpoint_init(
	struct osy_checkpoint *checkpoint, unsigned objects, unsigned stages, unsigned lanes);
void osy_checkpoint_done(struct osy_checkpoint *checkpoint);
void osy_checkpoint_write(const struct osy_checkpoint *checkpoint, struct osy_buf *out);
/* Fills one that was init'ed with the run's numbers; refuses other numbers. */
enum osy_code osy_checkpoint_read(
	struct osy_str message, struct osy_checkpoint *checkpoint, struct osy_err *err) OSY_CHECKED;

#endif
