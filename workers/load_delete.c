/*
 * Batches of what was deleted in the source. They go through the steps of every batch: RESOLVE says
 * what the id map has of them, and nothing else is ever deleted; MATCH reads the targets, whole,
 * for the snapshot; CHILDREN asks for those that would go along; then intent, send and record. What
 * is gone already is found gone by whoever does it again, and its intent says who did it.
 */
#include "load_internal.h"
#include "osy/clock.h"
#include "osy/log.h"
#include "undo.h"

#include "osy/banned.h"

void osy_delete_row_done(struct osy_lbatch *batch, unsigned i, enum osy_outcome outcome)
{
	struct osy_lrow *row = &batch->rows[i];

	row->outcome = outcome;
	row->action = OSY_ACT_NONE;
	row->ask = false;
	if (osy_id_is_set(&row->target))
		row->gone = row->target;
	row->target = (struct osy_id){{0}};
}

/* All that can be given to the record again. */
static void keep_all(struct osy_lbatch *batch, struct osy_lrow *row)
{
	row->written = osy_arena_calloc(
		&batch->arena, batch->column_count / 64 + 1, sizeof(*row->written));
	for (unsigned c = 0; row->before && c < batch->column_count; c++)
		row->written[c / 64] |= 1ull << (c % 64);
}

static void decide_row(struct osy_lbatch *batch, unsigned i)
{
	struct osy_lrow *row = &batch->rows[i];

	row->ask = false;
	if (osy_id_is_set(&row->target)) {
		row->action = OSY_ACT_DELETE;
		keep_all(batch, row);
		batch->undo->ops[i] = OSY_UNDO_DELETE;
		batch->undo->targets[i] = row->target;
		osy_lindex_add(&batch->undo->by_target, osy_lindex_id(&row->target), i);
	} else if (osy_id_is_set(&row->gone)) {
		osy_delete_row_done(batch, i, row->was_delete ? OSY_DELETED : OSY_EXISTING);
	} else {
		row->outcome = OSY_SKIPPED; /* nothing of it was ever in the target */
	}
	if (row->action != OSY_ACT_NONE && batch->given_up)
		osy_load_fail(batch, i, OSY_FAIL_CRASHED, OSY_STR(""),
			"the batch was in work at %d crashes of a worker and is not sent again",
			OSY_LOAD_CRASHES);
}

void osy_delete_decide(struct osy_lbatch *batch)
{
	size_t n = batch->row_count + 1;
	struct osy_lundo *undo = osy_arena_calloc(&batch->arena, 1, sizeof(*undo));

	undo->ops = osy_arena_calloc(&batch->arena, n, sizeof(*undo->ops));
	undo->targets = osy_arena_calloc(&batch->arena, n, sizeof(*undo->targets));
	osy_lindex_init(&undo->by_target, &batch->arena, batch->row_count);
	batch->undo = undo;
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (osy_is_pending(&batch->rows[i]) && batch->rows[i].ask)
			decide_row(batch, i);
	}
	osy_load_step(batch, OSY_STEP_CHILDREN);
}

void osy_delete_children(struct osy_loader *loader)
{
	struct osy_lbatch *batches[OSY_LOAD_GATHER];
	size_t n = osy_load_pick(loader, OSY_STEP_CHILDREN, batches, OSY_COUNT(batches));

	for (size_t i = 0; i < n; i++) {
		if (osy_load_asks_children(batches[i]))
			continue;
		batches[i]->sends = osy_load_has_actions(batches[i]);
		batches[i]->ready_at = osy_mono_ms();
		osy_load_step(batches[i], OSY_STEP_READY);
	}
}

void osy_delete_row_failed(
	struct osy_lbatch *batch, unsigned i, const struct osy_sf_row_result *result)
{
	struct osy_lrow *row = &batch->rows[i];

	if (osy_str_is(result->status_code, "ENTITY_IS_DELETED") ||
		osy_str_is(result->status_code, "INVALID_CROSS_REFERENCE_KEY"))
		osy_delete_row_done(batch, i, row->was_delete ? OSY_DELETED : OSY_EXISTING);
	else if (osy_sf_verdict(result->status_code, result->message_raw) != OSY_SF_RETRY_ROW ||
		 ++row->tries >= OSY_LOAD_TRIES)
		osy_load_refuse(batch, i, result);
}
