/*
 * The publisher: from pages to batches to transactions of the run's topic, exactly once. Everything
 * it must remember is in the checkpoint that ends each transaction. After any error it is freed and
 * opened anew: that fences what is left of the old producer, and the last committed checkpoint says
 * where to go on.
 */
#ifndef OSY_PUBLISH_H
#define OSY_PUBLISH_H

#include "drive_run.h"
#include "osy/batch.h"
#include "read.h"

struct osy_publisher;

enum osy_code osy_publisher_open(
	struct osy_drive *drive, struct osy_publisher **ret, struct osy_err *err) OSY_CHECKED;
struct osy_publisher *osy_publisher_free(struct osy_publisher *publisher);
/* As of the last commit. */
const struct osy_checkpoint *osy_publisher_checkpoint(const struct osy_publisher *publisher);
/* All stages are in the journal (not the links). */
bool osy_publisher_done(const struct osy_publisher *publisher);
/*
 * One turn: takes pages that have come, commits what is ready; when nothing has come it waits for
 * it, at most 100 ms. With hold set nothing is read (too much is waiting to be loaded).
 */
enum osy_code osy_publisher_turn(
	struct osy_publisher *publisher, bool hold, struct osy_err *err) OSY_CHECKED;
/*
 * Once all stages are settled: publishes the deferred lookups of this pass as link batches, and
 * that these are all. *ret_any: whether the journal has link batches of this pass.
 */
enum osy_code osy_publisher_links(
	struct osy_publisher *publisher, bool *ret_any, struct osy_err *err) OSY_CHECKED;

/* ---- publish_batch.c: open batches of the objects that are being read ---- */
struct publish_ready { /* a finished message that waits for its transaction */
	struct publish_ready *next;
	struct osy_buf message;
	int lane;
	int64_t count;
};
struct publish_object {
	struct osy_drive *drive;
	const struct osy_spec_object *object;
	int stage; /* that is read of it */
	const char **names;
	size_t field_count; /* of a row; of what was deleted: none */
	struct osy_reader *reader;
	struct osy_transform *transform; /* NULL: values pass as they are */
	struct publish_hook *hook;	 /* NULL: nobody else changes them */
	struct osy_batch_writer *lanes;	 /* object->lanes */
	int64_t request_rows;		 /* what a request, or a batch of a job, takes */
	struct publish_ready *ready, **ready_end;
	size_t bytes;	    /* of ready and open batches */
	size_t taken_bytes; /* of all rows since the last cut, and how many */
	size_t taken_rows;
	int64_t published; /* with what is open */
};
enum osy_code publish_object_init(struct publish_object *object, struct osy_drive *drive,
	const struct osy_read_place *place, const struct osy_checkpoint_object *from,
	struct osy_err *err) OSY_CHECKED;
void publish_object_done(struct publish_object *object);
/* Callback of the reader: transforms a record and puts it into the batch of its lane. */
enum osy_code publish_object_row(const struct osy_str *values, void *object, struct osy_err *err);
/*
 * How full the open batches are on the average, in thousandths, as if no lane had spilled over:
 * PUBLISH_FULL leaves room for lanes that got more than their share.
 */
#define PUBLISH_FULL 970
size_t publish_object_fill(const struct publish_object *object);
/* Asks about the rows that the hook holds, and puts them into batches. Not within a transaction:
 * the answer may take long. */
enum osy_code publish_object_flush(struct publish_object *object, struct osy_err *err) OSY_CHECKED;
/* Finishes all open batches. */
void publish_object_cut(struct publish_object *object);
/* The next finished message, in the order of each lane; NULL at the end. For publish_ready_free().
 */
struct publish_ready *publish_object_next(struct publish_object *object);
void publish_ready_free(struct publish_ready *ready);

/* ---- publish_txn.c: one transaction of the topic ---- */
struct publish_txn {
	struct osy_drive *drive;
	struct osy_kafka_producer *producer;
	bool touched[1024]; /* lanes */
};
enum osy_code publish_txn_begin(struct publish_txn *txn, struct osy_err *err) OSY_CHECKED;
enum osy_code publish_txn_send(struct publish_txn *txn, bool links, int object, int stage, int lane,
	int64_t count, struct osy_str message, struct osy_err *err) OSY_CHECKED;
/* Flushes, notes the lanes' ends of this stage in next, sends it as the checkpoint, and commits.
 * Aborts after an error. */
enum osy_code publish_txn_commit(struct publish_txn *txn, int stage, struct osy_checkpoint *next,
	struct osy_err *err) OSY_CHECKED;
/* After an error of a send. */
void publish_txn_abort(struct publish_txn *txn);

#endif
