/* Compare: what is done with each record, out of what it is and what the target has. */
#include "load_file.h"

#include "osy/clock.h"

#include "osy/log.h"

#include "osy/banned.h"

static bool is_null(struct osy_str value)
{
	return !value.p || osy_str_is(value, "null");
}

/* Whether an update would write this value at all. */
static bool is_written(const struct osy_lbatch *batch, const struct osy_lrow *row,
	const struct osy_spec_field *field, struct osy_str value)
{
	if (!field->updateable || osy_is_left_out(value) || !osy_lfits(row, field))
		return false;
	if (is_null(value))
		return (batch->object->write_nulls || field->write_nulls) && !batch->head.links &&
		       field->nillable && field->type != OSY_T_BOOLEAN;
	return true;
}

bool osy_load_differs(const struct osy_lbatch *batch, const struct osy_lrow *row, uint64_t *written)
{
	bool differs = false;

	for (unsigned c = 0; c < batch->column_count; c++) {
		const struct osy_spec_field *field = batch->columns[c].field;
		if (osy_file_is_body(batch, c)) {
			bool sends = row->values[c].p && !osy_str_is(row->values[c], "null");
			if (sends && osy_file_differs(batch, row)) {
				written[c / 64] |= 1ull << (c % 64);
				differs = true;
			}
			continue;
		}
		struct osy_str before = row->before ? row->before[c] : OSY_STR_NULL;
		if (!is_written(batch, row, field, row->values[c]) ||
			osy_sf_value_equal(field->type, field->scale, row->values[c], before))
			continue;
		written[c / 64] |= 1ull << (c % 64);
		differs = true;
	}
	return differs;
}

/* A target was found. */
static void compare_found(struct osy_lbatch *batch, struct osy_lrow *row)
{
	uint64_t *written =
		osy_arena_calloc(&batch->arena, batch->column_count / 64 + 1, sizeof(*written));

	row->put |= !row->mapped;
	if (osy_load_compares(batch) && osy_load_differs(batch, row, written)) {
		row->action = OSY_ACT_UPDATE;
		row->written = written;
		return;
	}
	/* What a former attempt of ours updated is equal now. */
	row->outcome = row->revived ? OSY_INSERTED : row->was_update ? OSY_UPDATED : OSY_EXISTING;
}

static void compare_none(struct osy_lbatch *batch, unsigned i)
{
	struct osy_lrow *row = &batch->rows[i];
	const struct osy_spec_object *object = batch->object;

	if (row->unknown) {
		/* Not to be lost again: the mark stays. */
		row->put = true;
		osy_load_fail(batch, i, OSY_FAIL_OUTCOME_UNKNOWN, OSY_STR(""),
			"an earlier attempt to insert it got no reply that could be cleared up; it "
			"is not sent again");
	} else if (object->match_only || !object->insert) {
		row->outcome = OSY_SKIPPED;
	} else {
		row->action = OSY_ACT_INSERT;
	}
}

static void compare_row(struct osy_lbatch *batch, unsigned i)
{
	struct osy_lrow *row = &batch->rows[i];

	row->ask = false;
	row->action = OSY_ACT_NONE;
	if (batch->head.links && !osy_id_is_set(&row->target)) {
		/* The record itself did not come in: that is said already. */
		row->outcome = OSY_SKIPPED;
		return;
	}
	if (osy_id_is_set(&row->target))
		compare_found(batch, row);
	else
		compare_none(batch, i);
	osy_file_check(batch, i);
	if (row->action != OSY_ACT_NONE && batch->given_up)
		osy_load_fail(batch, i, OSY_FAIL_CRASHED, OSY_STR(""),
			"the batch was in work at %d crashes of a worker and is not sent again",
			OSY_LOAD_CRASHES);
}

/* Two records of a batch that found the same target: it belongs to the first. */
static void check_twins(struct osy_lbatch *batch)
{
	struct osy_lindex targets;

	osy_lindex_init(&targets, &batch->arena, batch->row_count);
	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		size_t at = OSY_LINDEX_START;
		int64_t other;
		char first[19], target[19];
		if (!osy_id_is_set(&row->target) || row->outcome == OSY_FAILED)
			continue;
		uint64_t hash = osy_lindex_id(&row->target);
		while ((other = osy_lindex_next(&targets, hash, &at)) >= 0) {
			if (osy_id_equal(&batch->rows[other].target, &row->target))
				break;
		}
		if (other < 0) {
			osy_lindex_add(&targets, hash, i);
			continue;
		}
		if (row->recorded || row->mapped)
			continue;
		osy_id_18(&batch->rows[other].source, first);
		osy_id_18(&row->target, target);
		row->put = false;
		osy_load_fail(batch, i, OSY_FAIL_KEY_CLAIMED, OSY_STR(""),
			"record %s of the target belongs to %s already, which has the same key",
			target, first);
		row->target = (struct osy_id){{0}};
	}
}

void osy_load_compare(struct osy_lbatch *batch)
{
	if (osy_lrun(batch)->undo) {
		osy_undo_decide(batch);
		return;
	}
	if (batch->object->deletes) {
		osy_delete_decide(batch);
		return;
	}
	if (!osy_file_known(batch))
		return;
	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		if (osy_is_pending(row) && row->ask)
			compare_row(batch, i);
	}
	if (!batch->head.links)
		check_twins(batch);
	batch->sends = osy_load_has_actions(batch);
	batch->ready_at = osy_mono_ms();
	osy_load_step(batch, OSY_STEP_READY);
}
