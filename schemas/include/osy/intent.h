/*
 * What Postgres keeps packed of a batch (table batch): intent, snapshot, outcome. MessagePack,
 * version first.
 */
#ifndef OSY_INTENT_H
#define OSY_INTENT_H

#include "osy/mem.h"
#include "osy/names.h"
#include "osy/sf_id.h"
#include "osy/str.h"

enum osy_action {
	OSY_ACT_NONE, /* nothing is sent: existing, skipped, failed before, or settled already */
	OSY_ACT_INSERT,
	OSY_ACT_UPDATE,
	OSY_ACT_DELETE,
	OSY_ACT_UNDELETE, /* out of the recycle bin; then it is updated */
};

/* One row of a batch, in its order. */
struct osy_intent_row {
	enum osy_action action;
	int collection; /* number of the collection it goes in within the batch (from 0); -1 none */
	struct osy_id target; /* of inserts: the one that it was mapped to and that is no more */
	uint64_t claim;	      /* hash of the match key that it has claimed; 0: none */
	bool in_job;	      /* it goes in an ingest job; sent is what its result is found by */
	unsigned char sent[16];
	struct osy_id source; /* kept only with a claim */
};
struct osy_intent {
	unsigned count;
	struct osy_intent_row *rows;
};
void osy_intent_write(const struct osy_intent *intent, struct osy_buf *out);
enum osy_code osy_intent_read(struct osy_str packed, struct osy_arena *arena,
	struct osy_intent *ret, struct osy_err *err) OSY_CHECKED;

/* Values before a change, of the written fields, for the rows that are updated. */
struct osy_snapshot_row {
	unsigned row;
	struct osy_id target;
	const struct osy_str *values; /* raw JSON of the target, p NULL: null; as many as fields */
};
struct osy_snapshot {
	const struct osy_str *fields; /* names in the target */
	unsigned field_count;
	unsigned count;
	struct osy_snapshot_row *rows;
};
void osy_snapshot_write(const struct osy_snapshot *snapshot, struct osy_buf *out);
enum osy_code osy_snapshot_read(struct osy_str packed, struct osy_arena *arena,
	struct osy_snapshot *ret, struct osy_err *err) OSY_CHECKED;

/* Outcome of each row, as far as known: a byte, and the packed target id where there is one. */
struct osy_outcome_row {
	enum osy_outcome outcome; /* OSY_PENDING: not yet */
	struct osy_id target;
};
void osy_outcomes_write(const struct osy_outcome_row *rows, unsigned count,
	const char target_prefix[3], struct osy_buf *out);
enum osy_code osy_outcomes_read(struct osy_str packed, const char target_prefix[3],
	struct osy_outcome_row *rows, unsigned count, struct osy_err *err) OSY_CHECKED;

#endif
