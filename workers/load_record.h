/*
 * Recording: what load_record.c gathers of each batch and load_write.c puts into one statement.
 */
#ifndef OSY_LOAD_RECORD_H
#define OSY_LOAD_RECORD_H

#include "load_earlier.h"

/* One batch on its way into the statement. */
struct osy_litem {
	struct osy_lbatch *batch;
	bool has_row; /* a row of table batch is written */
	struct osy_learlier earlier;
	struct osy_outcome_row *now, *merged;
	struct osy_ltally tally;
	struct osy_idmap_entry *entries;
	size_t entry_count;
	uint64_t filling; /* of Redis, when the entries were put */
	struct osy_buf intent, outcome, deferred, pairs, gone;
	struct osy_id smallest, largest, gone_smallest, gone_largest;
	unsigned deferred_rows;
	int64_t position; /* of the lane, behind it; 0: it stays */
};

struct osy_lgather {
	struct osy_loader *loader;
	struct osy_litem items[OSY_LOAD_GATHER];
	size_t count;
};

/* An id as people write it, in the batch's arena; unset: null. */
struct osy_str osy_load_id_text(struct osy_lbatch *batch, const struct osy_id *id);

/* ---- load_wait.c: arrays for table waiting ---- */
struct osy_lwaits {
	size_t count;
	int64_t *k;
	int32_t *row;
	struct osy_str *source, *field, *parent, *parent_object;
	size_t in; /* records that are in */
	int64_t *in_k;
	struct osy_str *in_source;
};
void osy_lwaits_alloc(struct osy_lwaits *waits, const struct osy_lgather *gather);
/* k: the batch's place in the statement. */
void osy_lwaits_fill(struct osy_lwaits *waits, size_t k, struct osy_lbatch *batch);
void osy_lwaits_done(struct osy_lwaits *waits);

/*
 * Writes all of them, and the API calls that were made since: rows of run, pass and lane that were
 * accepted, in *ret.
 */
enum osy_code osy_load_write(const struct osy_lgather *gather, struct osy_pg_result **ret,
	struct osy_err *err) OSY_CHECKED;
/* API calls alone, when nothing is recorded any more. */
void osy_load_write_calls(struct osy_loader *loader);

#endif
