/* Rollback: what later runs have written of an object. See undo.h. */
#include <stdlib.h>

#include "load_internal.h"
#include "undo.h"

#include "osy/banned.h"

#define LATER_PAGE 200
#define RUN_MOST 255 /* number of a later run; of all behind it */

static int by_hash(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The hash of a target, with the number of a run in its lowest byte. */
static uint64_t mark_of(const struct osy_id *target, size_t run)
{
	return (osy_lindex_id(target) & ~(uint64_t)RUN_MOST) | (run < RUN_MOST ? run : RUN_MOST);
}

static void add_written(struct osy_undo_object *object, const struct osy_id *target, size_t run)
{
	if (object->written_count == object->written_cap) {
		object->written_cap = object->written_cap ? object->written_cap * 2 : 4096;
		object->written = osy_xrealloc(
			object->written, object->written_cap * sizeof(*object->written));
	}
	object->written[object->written_count++] = mark_of(target, run);
}

static enum osy_code add_outcomes(const struct osy_lbatch *batch, struct osy_undo_object *object,
	const struct osy_pg_result *result, size_t i, size_t run, struct osy_err *err)
{
	unsigned count = (unsigned)osy_pg_i64(result, i, 2, 0);
	OSY_AUTO_FREE struct osy_outcome_row *rows = osy_xcalloc(count + 1, sizeof(*rows));
	enum osy_code rc = osy_outcomes_read(
		osy_pg_str(result, i, 3), batch->object->target_prefix, rows, count, err);

	for (unsigned r = 0; r < count && !rc; r++) {
		if (rows[r].outcome == OSY_INSERTED || rows[r].outcome == OSY_UPDATED)
			add_written(object, &rows[r].target, run);
	}
	return rc;
}

/* What one later run has written of the object, a page of its batches at a time. */
static enum osy_code read_later(const struct osy_lbatch *batch, struct osy_undo_object *object,
	size_t run, struct osy_err *err)
{
	int64_t lane = -1, offset = -1;
	size_t got = LATER_PAGE;
	enum osy_code rc = OSY_OK;

	while (got == LATER_PAGE && !rc) {
		OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
		/* Of several passes the last one has the outcomes of all. */
		rc = osy_pg_do(osy_lworker(batch)->pg, &result, err,
			"SELECT DISTINCT ON (b.lane, b.at_offset) b.lane, b.at_offset, b.records, "
			"b.outcome FROM batch b JOIN run_object o ON o.run = b.run AND o.object = "
			"b.object WHERE b.run = $1 AND o.target_name = $2 AND NOT b.links AND "
			"b.outcome IS NOT NULL AND (b.lane, b.at_offset) > ($3, $4) ORDER BY "
			"b.lane, b.at_offset, b.pass DESC LIMIT $5",
			OSY_PG_TEXT(object->later[run]), OSY_PG_Z(batch->object->target),
			OSY_PG_I32((int32_t)lane), OSY_PG_I64(offset), OSY_PG_I64(LATER_PAGE));
		got = rc ? 0 : osy_pg_rows(result);
		for (size_t i = 0; i < got && !rc; i++) {
			lane = osy_pg_i64(result, i, 0, 0);
			offset = osy_pg_i64(result, i, 1, 0);
			rc = add_outcomes(batch, object, result, i, run, err);
		}
	}
	return rc;
}

/* Once an object and rollback; the plan bounds how many these are. */
static bool know_later(const struct osy_lbatch *batch, struct osy_undo_object *object)
{
	struct osy_err err = OSY_ERR_NONE;
	enum osy_code rc = OSY_OK;

	if (object->written_known)
		return true;
	object->written_count = 0;
	for (size_t i = 0; i < object->later_count && !rc; i++)
		rc = read_later(batch, object, i, &err);
	if (rc)
		return osy_load_trouble(batch->load->loader, "undo.later", &err);
	if (object->written_count)
		qsort(object->written, object->written_count, sizeof(*object->written), by_hash);
	object->written_known = true;
	return true;
}

/* The last run that has written it; -1: none. */
static int64_t written_since(const struct osy_undo_object *object, const struct osy_id *target)
{
	uint64_t most = mark_of(target, RUN_MOST);
	size_t low = 0, high = object->written_count;

	while (low < high) { /* the first one behind all of the target's */
		size_t middle = low + (high - low) / 2;
		if (object->written[middle] > most)
			high = middle;
		else
			low = middle + 1;
	}
	return low > 0 && ((object->written[low - 1] ^ most) & ~(uint64_t)RUN_MOST) == 0
		       ? (int64_t)(object->written[low - 1] & RUN_MOST)
		       : -1;
}

static void say_written(
	struct osy_lbatch *batch, unsigned i, const struct osy_undo_object *object, int64_t run)
{
	struct osy_str name = object->later[run];
	char id[19];

	osy_id_18(&batch->undo->targets[i], id);
	osy_load_fail(batch, i, OSY_FAIL_CHANGED, OSY_STR(""),
		"a later run (%.*s%s) has written %s %s since; it was left as it is: roll that run "
		"back first",
		(int)name.len, name.p, run == RUN_MOST ? " or one after it" : "",
		batch->object->target, id);
}

bool osy_undo_check_later(struct osy_lbatch *batch)
{
	struct osy_undo *undo = osy_lrun(batch)->undo;
	struct osy_undo_object *object = &undo->objects[batch->object->index];

	if (undo->force || !object->later_count)
		return true;
	if (!know_later(batch, object))
		return false;
	for (unsigned i = 0; i < batch->row_count; i++) {
		int64_t run = osy_is_pending(&batch->rows[i])
				      ? written_since(object, &batch->undo->targets[i])
				      : -1;
		if (run >= 0)
			say_written(batch, i, object, run);
	}
	return true;
}
