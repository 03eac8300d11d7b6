/*
 * A batch that was begun before: what its row in Postgres says of each of its rows. Settled rows
 * stay settled; updates are sent again as they were; inserts are first looked for.
 */
#include "load_internal.h"

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"

#include "osy/banned.h"

static enum osy_code apply_outcome(
	struct osy_lbatch *batch, struct osy_str packed, struct osy_err *err)
{
	struct osy_outcome_row *outcomes =
		osy_arena_calloc(&batch->arena, batch->row_count + 1, sizeof(*outcomes));

	if (!packed.p)
		return OSY_OK;
	enum osy_code rc = osy_outcomes_read(
		packed, batch->object->target_prefix, outcomes, batch->row_count, err);
	for (unsigned i = 0; i < batch->row_count && !rc; i++) {
		struct osy_lrow *row = &batch->rows[i];
		if (outcomes[i].outcome == OSY_PENDING)
			continue;
		row->outcome = outcomes[i].outcome;
		row->target = outcomes[i].target;
		row->ask = false;
		row->recorded = true;
	}
	return rc;
}

static int find_target(const struct osy_lbatch *batch, struct osy_str name)
{
	for (unsigned c = 0; c < batch->column_count; c++) {
		if (osy_str_is(name, batch->columns[c].field->target))
			return (int)c;
	}
	return -1;
}

static struct osy_str copy(struct osy_lbatch *batch, struct osy_str s)
{
	if (!s.p)
		return s;
	return (struct osy_str){osy_arena_strndup(&batch->arena, s.p, s.len), s.len};
}

/* Which fields were written, and what was in them before: it stays the oldest value. */
enum osy_code osy_load_snapshot_read(
	struct osy_lbatch *batch, struct osy_str packed, struct osy_err *err)
{
	struct osy_snapshot snapshot;
	enum osy_code rc = OSY_OK;

	if (!packed.p)
		return OSY_OK;
	rc = osy_snapshot_read(copy(batch, packed), &batch->arena, &snapshot, err);
	for (unsigned i = 0; !rc && i < snapshot.count; i++) {
		const struct osy_snapshot_row *from = &snapshot.rows[i];
		if (from->row >= batch->row_count)
			continue;
		struct osy_lrow *row = &batch->rows[from->row];
		if (!row->written)
			row->written = osy_arena_calloc(
				&batch->arena, batch->column_count / 64 + 1, sizeof(*row->written));
		if (!row->before)
			row->before = osy_arena_calloc(
				&batch->arena, batch->column_count + 1, sizeof(*row->before));
		for (unsigned f = 0; f < snapshot.field_count; f++) {
			int c = find_target(batch, snapshot.fields[f]);
			if (c < 0 || (from->values[f].p && !from->values[f].len) ||
				((row->written[c / 64] >> (c % 64)) & 1))
				continue;
			row->before[c] = from->values[f];
			row->written[c / 64] |= 1ull << (c % 64);
		}
		row->old_target = from->target;
	}
	return rc;
}

/* From here on rows are read and compared anew: what the snapshot has stays as it is. */
static void keep_snapshot(struct osy_lbatch *batch)
{
	size_t bytes = (batch->column_count / 64 + 1) * sizeof(uint64_t);

	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		if (!row->written)
			continue;
		row->old = row->before;
		row->old_written = osy_arena_alloc(&batch->arena, bytes);
		memcpy(row->old_written, row->written, bytes);
	}
}

static enum osy_code apply_intent(
	struct osy_lbatch *batch, struct osy_str packed, bool in_jobs, struct osy_err *err)
{
	struct osy_intent intent;
	enum osy_code rc = OSY_OK;

	if (!packed.p)
		return OSY_OK;
	rc = osy_intent_read(packed, &batch->arena, &intent, err);
	for (unsigned i = 0; !rc && i < intent.count && i < batch->row_count; i++) {
		const struct osy_intent_row *from = &intent.rows[i];
		struct osy_lrow *row = &batch->rows[i];
		row->claimed = from->claim != 0;
		row->in_job = false;
		row->collection = from->collection;
		/* Jobs that were left have done nothing. */
		if (!osy_is_pending(row) || (from->in_job && !in_jobs))
			continue;
		if (from->action == OSY_ACT_INSERT) {
			row->lost = true;
			row->gone = from->target;
		} else if (from->action == OSY_ACT_UPDATE) {
			row->was_update = true;
			row->target = from->target;
			/* it may have been found by its key, and its mapping not be noted */
			row->put = !from->in_job && !osy_lrun(batch)->undo;
		} else if (from->action == OSY_ACT_DELETE) {
			row->was_delete = true;
			row->target = from->target; /* its mapping may be dropped already */
			row->mapped = true;
		} else if (from->action == OSY_ACT_UNDELETE) {
			row->revived = true;
		}
	}
	return rc;
}

static enum osy_code ask_former(
	struct osy_lbatch *batch, struct osy_pg_result **ret, struct osy_err *err)
{
	const struct osy_wlane *lane = batch->load->lane;

	return osy_pg_do(osy_lworker(batch)->pg, ret, err,
		"UPDATE batch b SET attempts = b.attempts + CASE WHEN b.state = 'intent' AND "
		"b.insert_job IS NULL AND b.update_job IS NULL THEN 1 ELSE 0 END "
		"FROM lane l WHERE l.run = b.run AND l.pass = b.pass AND l.lane = b.lane AND "
		"l.owner = $5 AND l.epoch = $6 AND b.run = $1 AND b.pass = $2 AND b.lane = $3 AND "
		"b.at_offset = $4 AND b.state <> 'done' "
		"RETURNING b.state, b.attempts, coalesce(b.org_ms, 0), "
		"coalesce(extract(epoch FROM clock_timestamp() - b.sent_at) * 1000, 0)::bigint, "
		"b.intent, b.snapshot, b.outcome, b.begun, b.insert_job IS NOT NULL OR "
		"b.update_job IS NOT NULL, b.state = 'aside' AND b.due_at <= clock_timestamp()",
		OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->run->pass), OSY_PG_I32(lane->lane),
		OSY_PG_I64(batch->offset), OSY_PG_Z(osy_lworker(batch)->id),
		OSY_PG_I64(lane->epoch));
}

bool osy_load_former_read(struct osy_lbatch *batch)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;

	(void)OSY_FAILPOINT("worker.reconcile");
	if (ask_former(batch, &result, &err))
		return osy_load_trouble(batch->load->loader, "batch.former", &err);
	if (!osy_pg_rows(result)) {
		osy_load_lose(batch->load);
		return false;
	}
	batch->in_table = true;
	batch->begun = osy_pg_i64(result, 0, 7, 0) != 0;
	batch->org_ms = osy_pg_i64(result, 0, 2, 0);
	batch->sent_at = osy_mono_ms() - osy_pg_i64(result, 0, 3, 0);
	batch->waited = osy_pg_i64(result, 0, 9, 0) != 0;
	batch->given_up = osy_pg_i64(result, 0, 1, 0) > OSY_LOAD_CRASHES;
	enum osy_code rc = apply_outcome(batch, osy_pg_str(result, 0, 6), &err);
	if (!rc)
		rc = osy_load_snapshot_read(batch, osy_pg_str(result, 0, 5), &err);
	if (!rc && !osy_lrun(batch)->undo)
		keep_snapshot(batch);
	if (!rc)
		rc = apply_intent(batch, copy(batch, osy_pg_str(result, 0, 4)),
			osy_pg_i64(result, 0, 8, 0) != 0, &err);
	if (rc)
		return osy_load_trouble(batch->load->loader, "batch.former", &err);
	osy_log(OSY_INFO, "batch.again", OSY_KV("lane", batch->load->lane->key),
		OSY_KV_INT("offset", batch->offset), OSY_KV_STR("state", osy_pg_str(result, 0, 0)),
		OSY_KV_INT("attempts", osy_pg_i64(result, 0, 1, 0)));
	return true;
}

#define SAYS_CRASHED "the batch was in work at %d crashes of a worker and is not sent again"

static void sort_row(struct osy_lbatch *batch, unsigned i)
{
	struct osy_lrow *row = &batch->rows[i];

	if (row->lost && row->mapped) {
		/* The reply had come: ids go to Redis first. */
		row->outcome = OSY_INSERTED;
		row->put = true;
		row->ask = false;
		osy_load_defer_unsure(batch, i);
	} else if (row->lost && !row->keyed) {
		row->ask = false;
		row->doubt = true;
		row->action = OSY_ACT_INSERT;
	} else if (row->was_update && row->written) {
		row->ask = false;
		row->busy_until =
			batch->waited ? 0 : batch->sent_at + osy_load_request_limit(batch);
		row->action = OSY_ACT_UPDATE;
		osy_load_defer_unsure(batch, i);
		if (batch->given_up)
			osy_load_fail(batch, i, OSY_FAIL_CRASHED, OSY_STR(""), SAYS_CRASHED,
				OSY_LOAD_CRASHES);
	}
}

void osy_load_former_sort(struct osy_lbatch *batch)
{
	bool doubt = false;

	if (osy_load_goes_bulk(batch) || batch->rest)
		osy_load_bulk_defer(batch);
	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		/* What may have happened goes in no job: when that is left, nobody knows of it any
		 * more. */
		batch->rest |= osy_is_pending(row) && (row->lost || row->was_update);
		if (osy_is_pending(row))
			sort_row(batch, i);
		batch->asks_maker |= row->lost && row->ask;
		doubt |= row->doubt;
	}
	if (!osy_load_bulk_settle(batch) && !(doubt && osy_load_bulk_doubt(batch)))
		osy_load_step(batch, doubt ? OSY_STEP_DOUBT : OSY_STEP_MATCH);
}
