/* Intent: durable before the first byte is sent, gathered over lanes. */
#include "load_internal.h"

#include <stdlib.h>

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "pulse.h"

#include "osy/banned.h"

#define GATHER_BYTES (8u * 1024 * 1024)
#define BLOCKED_MS 100
#define UNINTENDED_MS 1000 /* no call is left for it: until it looks again */
#define LOCK_INTENTS "osy:keyless:"
#define LOCK_RECONCILE "osy:reconcile:"

/* ---- Groups: batches of a run that are written to the same target object ---- */
int64_t osy_load_lock_key(const struct osy_lbatch *batch, int lock_class)
{
	const char *name = lock_class ? LOCK_RECONCILE : LOCK_INTENTS;
	const struct osy_spec *spec = osy_lspec(batch);
	uint64_t hash = osy_hash(name, strlen(name), 0);

	hash = osy_hash(spec->target_org_id, strlen(spec->target_org_id), hash);
	return (int64_t)osy_hash(batch->object->target, strlen(batch->object->target), hash);
}

size_t osy_load_same_target(const struct osy_lbatch *batch, int32_t *ret, size_t max)
{
	const struct osy_spec *spec = osy_lspec(batch);
	size_t n = 0;

	for (size_t i = 0; i < spec->object_count && n < max; i++) {
		if (strcmp(spec->objects[i].target, batch->object->target) == 0)
			ret[n++] = (int32_t)i;
	}
	return n;
}

bool osy_load_same_group(const struct osy_lbatch *a, const struct osy_lbatch *b)
{
	return osy_lrun(a) == osy_lrun(b) && strcmp(a->object->target, b->object->target) == 0;
}

/* ---- What goes into the statement ---- */
struct gather {
	size_t count;
	struct osy_lbatch *batches[OSY_LOAD_GATHER];
	bool keyless[OSY_LOAD_GATHER];
	bool dropped[OSY_LOAD_GATHER]; /* waits for another turn */
	struct osy_buf intents[OSY_LOAD_GATHER], snapshots[OSY_LOAD_GATHER];
	int64_t org_ms[OSY_LOAD_GATHER];
};

static void gather_done(struct gather *gather)
{
	for (size_t i = 0; i < gather->count; i++) {
		osy_buf_done(&gather->intents[i]);
		osy_buf_done(&gather->snapshots[i]);
	}
}

static int64_t org_now(const struct osy_lbatch *batch)
{
	int64_t least = 0, most = 0;

	if (!osy_org_clock(osy_lrun(batch)->target, &least, &most) && batch->org_ms)
		return batch->org_ms; /* a former attempt's; nothing was heard from the org since */
	return osy_wall_ms() + least;
}

/* The batch in front of it whose collections are still to be sent; NULL: none. */
static const struct osy_lbatch *front_of(
	const struct gather *gather, const struct osy_lbatch *batch)
{
	const struct osy_lbatch *front = NULL;

	if (gather->count && gather->batches[gather->count - 1]->load == batch->load)
		return gather->batches[gather->count - 1];
	for (const struct osy_lbatch *at = batch->load->first; at && at != batch; at = at->next) {
		if (at->step == OSY_STEP_SEND && at->next_collection < at->collections)
			front = at;
	}
	return batch->late ? NULL : front;
}

static size_t add(struct gather *gather, struct osy_lbatch *batch)
{
	const struct osy_lbatch *front = front_of(gather, batch);
	size_t i = gather->count++;

	if (!osy_load_goes_bulk(batch))
		osy_load_plan(batch, front);
	gather->batches[i] = batch;
	gather->keyless[i] = osy_load_has_keyless(batch);
	gather->intents[i] = OSY_BUF(4u * 1024 * 1024);
	gather->snapshots[i] = OSY_BUF(1);
	osy_load_intent_pack(batch, false, &gather->intents[i]);
	osy_load_snapshot_pack(batch, &gather->snapshots[i]);
	gather->org_ms[i] = org_now(batch);
	return gather->intents[i].len + gather->snapshots[i].len;
}

/* Whether it goes into the request of the one that was gathered last. */
static bool goes_along(const struct gather *gather, const struct osy_lbatch *batch)
{
	return gather->count && gather->batches[gather->count - 1]->load == batch->load;
}

/* Whether its request could go out at once, after those that have an intent already. */
static bool has_room(const struct gather *gather, const struct osy_lbatch *batch)
{
	const struct osy_lorg *org = osy_load_org(batch);
	unsigned before = 0;

	if (goes_along(gather, batch))
		return true;
	for (size_t i = 0; i < gather->count; i++)
		before += osy_load_org(gather->batches[i]) == org &&
			  !(i && gather->batches[i - 1]->load == gather->batches[i]->load);
	return before < osy_load_org_room(org, batch->load->loader);
}

static bool has_unrecorded(const struct osy_lbatch *batch)
{
	for (const struct osy_lfailure *f = batch->failures; f; f = f->next) {
		if (!f->recorded)
			return true;
	}
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (!osy_is_pending(&batch->rows[i]) && !batch->rows[i].recorded)
			return true;
	}
	return false;
}

bool osy_load_record_first(struct osy_lbatch *batch)
{
	if (!has_unrecorded(batch))
		return false;
	batch->record_as = OSY_RECORD_PART;
	batch->after = OSY_STEP_READY;
	osy_load_step(batch, OSY_STEP_RECORD);
	return true;
}

/* Once its run is to end, nothing more of a batch is sent but updates and deletes that may have
 * happened. */
static void end_unsent(struct osy_lbatch *batch)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		if (osy_is_pending(row) && row->revived && osy_id_is_set(&row->target)) {
			row->outcome = OSY_INSERTED; /* it is in, as it was */
			row->action = OSY_ACT_NONE;
			row->put = true;
			continue;
		}
		if (!osy_is_pending(row) || row->action == OSY_ACT_NONE || row->was_update ||
			row->was_delete)
			continue;
		osy_load_note(batch, i, "notice", OSY_FAIL_ABORTED, OSY_STR(""),
			"the run was aborted before the record was sent");
		row->outcome = OSY_SKIPPED;
		row->action = OSY_ACT_NONE;
	}
}

/* Batches that are ready and whose request could go out at once. */
static void collect(struct osy_loader *loader, struct gather *gather)
{
	struct osy_lbatch *batches[OSY_LOAD_GATHER];
	const struct osy_worker *worker = loader->worker;
	size_t n = osy_load_pick_writers(loader, OSY_STEP_READY, batches, OSY_COUNT(batches));
	size_t bytes = 0, requests = 0;
	size_t slots = (size_t)worker->settings->worker_requests;
	bool may_send = osy_pulse_may_send(worker->pulse);

	slots = worker->requests_in_flight < slots ? slots - worker->requests_in_flight : 0;
	for (size_t i = 0; i < n; i++) {
		struct osy_lbatch *batch = batches[i];
		if (!osy_load_may_write(batch) ||
			(batch->object->claim && !batch->head.links && !batch->claims_held))
			continue;
		if (osy_lrun(batch)->aborting && batch->in_table)
			end_unsent(batch);
		if (!osy_load_has_actions(batch)) {
			batch->record_as = OSY_RECORD_DONE;
			osy_load_step(batch, OSY_STEP_RECORD);
		} else if (batch->in_table && osy_load_record_first(batch)) {
			continue; /* what a former attempt did is known now, and the intent forgets
				     it */
		} else if (osy_load_goes_bulk(batch)) {
			if (may_send && bytes < GATHER_BYTES && osy_load_bulk_add(batch))
				bytes += add(gather, batch);
		} else if (may_send && bytes < GATHER_BYTES && has_room(gather, batch) &&
			   (goes_along(gather, batch) || requests < slots)) {
			requests += !goes_along(gather, batch);
			bytes += add(gather, batch);
		}
	}
}

/* ---- Inserts without a key ---- */
static bool lock_shared(struct osy_pg *pg, int64_t key, struct osy_err *err)
{
	return !osy_pg_do(
		pg, NULL, err, "SELECT pg_advisory_xact_lock_shared($1)", OSY_PG_I64(key));
}

/* Whether another batch of its group is in doubt. */
static bool ask_doubt(
	struct osy_pg *pg, const struct osy_lbatch *batch, bool *ret_doubt, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	int32_t objects[64];
	size_t n = osy_load_same_target(batch, objects, OSY_COUNT(objects));

	if (osy_pg_do(pg, &result, err,
		    "SELECT 1 FROM batch WHERE run = $1 AND object = ANY($2) AND state = 'doubt' "
		    "AND keyless LIMIT 1",
		    OSY_PG_Z(osy_lrun(batch)->id), OSY_PG_I32S(objects, n)))
		return false;
	*ret_doubt = osy_pg_rows(result) > 0;
	return true;
}

static bool check_keyless(struct gather *gather, size_t i, struct osy_err *err)
{
	const struct osy_lbatch *batch = gather->batches[i];
	struct osy_pg *pg = osy_lworker(batch)->pg;
	return lock_shared(pg, osy_load_lock_key(batch, 0), err) &&
	       ask_doubt(pg, batch, &gather->dropped[i], err);
}

/* ---- The statement ---- */
static const char *const sql_intent =
	"WITH g AS (SELECT * FROM unnest($2::text[], $3::int[], $4::int[], $5::bigint[], "
	"$6::bigint[], $7::int[], $8::int[], $9::int[], $10::int[], $11::int[], $12::bytea[], "
	"$13::bytea[], $14::bigint[], $15::text[], $16::text[]) AS t(run, pass, lane, epoch, "
	"at_offset, object, stage, links, records, keyless, intent, snapshot, org_ms, insert_job, "
	"update_job)), ok AS (SELECT g.* FROM g JOIN lane l ON l.run = g.run AND l.pass = g.pass "
	"AND l.lane = g.lane WHERE l.owner = $1 AND l.epoch = g.epoch FOR SHARE OF l) INSERT INTO "
	"batch AS b (run, pass, lane, at_offset, object, stage, links, records, state, keyless, "
	"epoch, intent, snapshot, org_ms, sent_at, insert_job, update_job) SELECT run, pass, lane, "
	"at_offset, object, stage, links <> 0, records, 'intent', keyless <> 0, epoch, intent, "
	"snapshot, org_ms, clock_timestamp(), insert_job, update_job FROM ok ON CONFLICT (run, "
	"pass, lane, at_offset) DO UPDATE SET state = 'intent', keyless = excluded.keyless, epoch "
	"= excluded.epoch, intent = excluded.intent, snapshot = coalesce(excluded.snapshot, "
	"b.snapshot), org_ms = least(b.org_ms, excluded.org_ms), sent_at = excluded.sent_at, "
	"due_at = NULL, begun = b.begun OR b.insert_job IS DISTINCT FROM excluded.insert_job OR "
	"b.update_job IS DISTINCT FROM excluded.update_job, insert_job = excluded.insert_job, "
	"update_job = excluded.update_job WHERE b.state <> 'done' RETURNING b.run, b.pass, b.lane, "
	"b.at_offset";

static enum osy_code write_intents(const struct gather *gather, struct osy_worker *worker,
	struct osy_pg_result **ret, struct osy_err *err)
{
	struct osy_str runs[OSY_LOAD_GATHER], intents[OSY_LOAD_GATHER], snapshots[OSY_LOAD_GATHER],
		inserts[OSY_LOAD_GATHER], updates[OSY_LOAD_GATHER];
	int32_t passes[OSY_LOAD_GATHER], lanes[OSY_LOAD_GATHER], objects[OSY_LOAD_GATHER],
		stages[OSY_LOAD_GATHER], links[OSY_LOAD_GATHER], records[OSY_LOAD_GATHER],
		keyless[OSY_LOAD_GATHER];
	int64_t epochs[OSY_LOAD_GATHER], offsets[OSY_LOAD_GATHER], org_ms[OSY_LOAD_GATHER];
	size_t n = 0;

	for (size_t i = 0; i < gather->count; i++) {
		const struct osy_lbatch *batch = gather->batches[i];
		const struct osy_wlane *lane = batch->load->lane;
		if (gather->dropped[i])
			continue;
		runs[n] = osy_str(lane->run->id);
		passes[n] = lane->run->pass;
		lanes[n] = lane->lane;
		epochs[n] = lane->epoch;
		offsets[n] = batch->offset;
		objects[n] = (int32_t)batch->head.object;
		stages[n] = (int32_t)batch->head.stage;
		links[n] = batch->head.links != 0;
		records[n] = (int32_t)batch->row_count;
		keyless[n] = gather->keyless[i];
		intents[n] = osy_buf_str(&gather->intents[i]);
		snapshots[n] = gather->snapshots[i].len ? osy_buf_str(&gather->snapshots[i])
							: OSY_STR_NULL;
		bool bulk = osy_load_goes_bulk(batch);
		inserts[n] = bulk ? osy_load_bulk_job(batch, OSY_SF_INSERT) : OSY_STR_NULL;
		updates[n] = bulk ? osy_load_bulk_job(batch, OSY_SF_UPDATE) : OSY_STR_NULL;
		org_ms[n++] = gather->org_ms[i];
	}
	return osy_pg_do(worker->pg, ret, err, sql_intent, OSY_PG_Z(worker->id),
		OSY_PG_TEXTS(runs, n), OSY_PG_I32S(passes, n), OSY_PG_I32S(lanes, n),
		OSY_PG_I64S(epochs, n), OSY_PG_I64S(offsets, n), OSY_PG_I32S(objects, n),
		OSY_PG_I32S(stages, n), OSY_PG_I32S(links, n), OSY_PG_I32S(records, n),
		OSY_PG_I32S(keyless, n), OSY_PG_BYTESS(intents, n), OSY_PG_BYTESS(snapshots, n),
		OSY_PG_I64S(org_ms, n), OSY_PG_TEXTS(inserts, n), OSY_PG_TEXTS(updates, n));
}

static bool is_accepted(const struct osy_pg_result *result, const struct osy_lbatch *batch)
{
	const struct osy_wlane *lane = batch->load->lane;

	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		if (osy_pg_i64(result, i, 3, -1) == batch->offset &&
			osy_pg_i64(result, i, 2, -1) == lane->lane &&
			osy_pg_i64(result, i, 1, -1) == lane->run->pass &&
			osy_str_is(osy_pg_str(result, i, 0), lane->run->id))
			return true;
	}
	return false;
}

static void accepted(struct osy_lbatch *batch, int64_t org_ms)
{
	batch->begun |= batch->in_table;
	batch->in_table = batch->in_intent = true;
	batch->limited = false;
	batch->sent_at = osy_mono_ms();
	if (!batch->org_ms)
		batch->org_ms = org_ms;
	if (osy_load_goes_bulk(batch)) {
		osy_load_bulk_added(batch);
		return;
	}
	osy_load_step(batch, OSY_STEP_SEND);
	/* Claims that Redis may have forgotten while the intent was written. */
	batch->claims_doubtful = batch->object->claim && !batch->head.links;
}

bool osy_load_unintend(struct osy_lbatch *batch)
{
	const struct osy_wlane *lane = batch->load->lane;
	struct osy_err err = OSY_ERR_NONE;

	if (batch->begun)
		return false;
	if (osy_pg_do(osy_lworker(batch)->pg, NULL, &err,
		    "DELETE FROM batch b USING lane l WHERE b.run = $1 AND b.pass = $2 AND b.lane "
		    "= $3 AND b.at_offset = $4 AND b.state = 'intent' AND l.run = b.run AND l.pass "
		    "= b.pass AND l.lane = b.lane AND l.owner = $5 AND l.epoch = $6",
		    OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->run->pass), OSY_PG_I32(lane->lane),
		    OSY_PG_I64(batch->offset), OSY_PG_Z(osy_lworker(batch)->id),
		    OSY_PG_I64(lane->epoch)))
		return osy_load_trouble(batch->load->loader, "load.unintend", &err);
	batch->in_table = batch->in_intent = false;
	osy_load_step(batch, OSY_STEP_READY);
	osy_load_wait(batch, UNINTENDED_MS);
	return true;
}

/* True when the transaction stands, or none was needed. */
static bool commit(
	struct gather *gather, struct osy_worker *worker, bool keyless, struct osy_pg_result **ret)
{
	struct osy_err err = OSY_ERR_NONE;
	bool good = !keyless || !osy_pg_begin(worker->pg, &err);

	for (size_t i = 0; i < gather->count && good; i++) {
		if (gather->keyless[i])
			good = check_keyless(gather, i, &err);
	}
	good = good && !write_intents(gather, worker, ret, &err);
	if (good && keyless)
		good = !osy_pg_commit(worker->pg, &err);
	if (good)
		return true;
	if (keyless)
		osy_pg_rollback(worker->pg);
	/* A commit whose answer is missing: the same intents are written once more. */
	return osy_load_trouble(worker->loader, "load.intent", &err);
}

void osy_load_intents(struct osy_loader *loader)
{
	OSY_AUTO(gather_done) struct gather gather = {.count = 0};
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	bool keyless = false;

	collect(loader, &gather);
	if (!gather.count)
		return;
	for (size_t i = 0; i < gather.count; i++)
		keyless |= gather.keyless[i];
	(void)OSY_FAILPOINT("worker.before_intent");
	if (!commit(&gather, loader->worker, keyless, &result))
		return;
	(void)OSY_FAILPOINT("worker.after_intent");
	for (size_t i = 0; i < gather.count; i++) {
		if (gather.dropped[i] && !osy_load_bulk_doubt(gather.batches[i]))
			osy_load_wait(gather.batches[i], BLOCKED_MS);
		else if (gather.dropped[i])
			continue;
		else if (is_accepted(result, gather.batches[i]))
			accepted(gather.batches[i], gather.org_ms[i]);
		else
			osy_load_lose(gather.batches[i]->load);
	}
}
