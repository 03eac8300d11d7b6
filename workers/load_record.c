/*
 * Record: new ids to Redis, then outcomes, failures, the id map's log, deferred lookups and the
 * lanes' positions in one statement, all or nothing for each lane.
 */
#include "load_record.h"

#include <stdlib.h>

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "pulse.h"

#include "osy/banned.h"

#define MAX OSY_LOAD_GATHER
#define DEFERRED_MAX (2u * 1024 * 1024)

static void item_done(struct osy_litem *item)
{
	osy_buf_done(&item->intent);
	osy_buf_done(&item->outcome);
	osy_buf_done(&item->deferred);
	osy_buf_done(&item->pairs);
	osy_buf_done(&item->gone);
	osy_load_earlier_done(&item->earlier);
	free(item->now);
	free(item->merged);
	free(item->entries);
}

static void gather_done(struct osy_lgather *gather)
{
	for (size_t i = 0; i < gather->count; i++)
		item_done(&gather->items[i]);
}

/* ---- Ids ---- */
static void collect_entries(struct osy_litem *item)
{
	struct osy_lbatch *batch = item->batch;
	size_t n = 0;

	item->entries = osy_xcalloc(batch->row_count + 1, sizeof(*item->entries));
	for (unsigned i = 0; i < batch->row_count && !batch->head.links; i++) {
		const struct osy_lrow *row = &batch->rows[i];
		bool dropped = osy_id_is_set(&row->gone) && !osy_id_is_set(&row->target);
		bool mark = row->put && row->unknown && row->outcome == OSY_FAILED;
		if (osy_is_pending(row) || row->recorded ||
			!(dropped || mark || (row->put && osy_id_is_set(&row->target))))
			continue;
		item->entries[n++] = (struct osy_idmap_entry){.source = row->source,
			.target = mark ? (struct osy_id){{0}} : row->target,
			.unknown = mark};
	}
	item->entry_count = n;
}

static enum osy_code put_entries(struct osy_litem *item, struct osy_err *err)
{
	const struct osy_lbatch *batch = item->batch;
	struct osy_worker *worker = osy_lworker(batch);
	const struct osy_wlane *lane = batch->load->lane;

	if (!item->entry_count)
		return OSY_OK;
	osy_pulse_blocking(worker->pulse, true);
	enum osy_code rc = osy_idmap_put(worker->idmap, osy_lspec(batch)->pair,
		batch->object->prefix, batch->object->target_prefix, lane->key, lane->epoch,
		item->entries, item->entry_count, err);
	osy_pulse_blocking(worker->pulse, false);
	item->filling = osy_idmap_filling(worker->idmap, osy_lspec(batch)->pair);
	return rc;
}

/* Mappings that are no more, with the target that they had. */
static void pack_gone(struct osy_litem *item)
{
	const struct osy_lbatch *batch = item->batch;
	OSY_AUTO_FREE struct osy_idmap_entry *entries =
		osy_xcalloc(batch->row_count + 1, sizeof(*entries));
	size_t n = 0;

	for (unsigned i = 0; i < batch->row_count && !batch->head.links; i++) {
		const struct osy_lrow *row = &batch->rows[i];
		if (!osy_is_pending(row) && !row->recorded && osy_id_is_set(&row->gone) &&
			!osy_id_is_set(&row->target))
			entries[n++] = (struct osy_idmap_entry){
				.source = row->source, .target = row->gone};
	}
	if (n)
		osy_idmap_pack(entries, n, &item->gone, &item->gone_smallest, &item->gone_largest);
}

/* ---- Packing ---- */
static void pack_outcome(struct osy_litem *item)
{
	struct osy_lbatch *batch = item->batch;
	unsigned count = batch->row_count;

	item->now = osy_xcalloc(count + 1, sizeof(*item->now));
	item->merged = osy_xcalloc(count + 1, sizeof(*item->merged));
	for (unsigned i = 0; i < count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		OSY_ASSERT(batch->record_as != OSY_RECORD_DONE || !osy_is_pending(row));
		if (row->kept && batch->record_as == OSY_RECORD_DONE)
			continue; /* as before */
		if (osy_lrun(batch)->undo && batch->object->deletes && row->outcome == OSY_INSERTED)
			row->outcome = OSY_DELETED; /* a delete that is undone */
		item->now[i].outcome = row->outcome;
		const struct osy_id *target =
			row->outcome == OSY_DELETED && !osy_id_is_set(&row->target) ? &row->gone
										    : &row->target;
		if (!osy_is_pending(row) && memcmp(target->c, batch->object->target_prefix, 3) == 0)
			item->now[i].target = *target;
	}
	if (batch->record_as == OSY_RECORD_DONE && !batch->head.links)
		osy_load_tally(item->earlier.before, item->now, count, &item->tally, item->merged);
	else
		memcpy(item->merged, item->now, count * sizeof(*item->now));
	osy_outcomes_write(item->merged, count, batch->object->target_prefix, &item->outcome);
}

static void pack_intent(struct osy_litem *item)
{
	const struct osy_lbatch *batch = item->batch;

	/* Of a batch that is done only its claims are kept. */
	if (batch->record_as != OSY_RECORD_DONE || (batch->object->claim && !batch->head.links))
		osy_load_intent_pack(batch, true, &item->intent);
}

static void item_init(struct osy_litem *item, struct osy_lbatch *batch)
{
	*item = (struct osy_litem){.batch = batch, .has_row = !batch->skip};
	item->intent = OSY_BUF(4u * 1024 * 1024);
	item->outcome = OSY_BUF(1024u * 1024);
	item->deferred = OSY_BUF(DEFERRED_MAX);
	item->pairs = OSY_BUF(1024u * 1024);
	item->gone = OSY_BUF(1024u * 1024);
}

static bool prepare(struct osy_lgather *gather, struct osy_lbatch *batch)
{
	struct osy_litem *item = &gather->items[gather->count++];
	struct osy_err err = OSY_ERR_NONE;

	item_init(item, batch);
	if (batch->skip)
		return true;
	enum osy_code rc = osy_load_earlier_read(batch, &item->earlier, &err);
	if (!rc && batch->broken) {
		item->tally.counts[OSY_FAILED] = batch->head.links ? 0 : batch->head.count;
		item->tally.deltas[OSY_FAILED] =
			item->earlier.had_row ? 0 : item->tally.counts[OSY_FAILED];
		return true;
	}
	if (!rc) {
		collect_entries(item);
		rc = put_entries(item, &err);
	}
	if (rc == OSY_E_FENCED) {
		osy_load_lose(batch->load);
		item_done(item);
		gather->count--;
		return true;
	}
	if (rc)
		return osy_load_trouble(gather->loader, "load.record", &err);
	pack_outcome(item);
	pack_intent(item);
	osy_idmap_pack(
		item->entries, item->entry_count, &item->pairs, &item->smallest, &item->largest);
	pack_gone(item);
	if (!osy_lrun(batch)->undo)
		osy_load_deferred(
			batch, item->earlier.before, &item->deferred, &item->deferred_rows);
	return true;
}

/* ---- Positions ---- */

/*
 * A batch may be recorded before one in front of it, which waits for a retry: then the position
 * stays with that one, and passes all of them once it is recorded.
 */
static bool is_behind_us(const struct osy_lbatch *batch)
{
	return batch->step == OSY_STEP_OVER ||
	       (batch->recording && batch->record_as != OSY_RECORD_PART);
}

/* Batches that are in ingest jobs, and in no list, hold it too. */
static int64_t held_at(const struct osy_load *load)
{
	int64_t held = INT64_MAX;

	for (const struct osy_lleft *left = load->left; left; left = left->next) {
		if (left->bulk && !left->taken && left->offset < held)
			held = left->offset;
	}
	return held;
}

static int64_t position_of(const struct osy_lbatch *batch)
{
	int64_t position = 0, held = held_at(batch->load);

	if (osy_lrun(batch)->undo)
		return 0;

	if (batch->late || batch->record_as == OSY_RECORD_PART)
		return 0;
	for (const struct osy_lbatch *at = batch->load->first;
		at && is_behind_us(at) && at->offset < held; at = at->next)
		position = osy_load_next(batch->load, at->offset + 1);
	return position;
}

/* ---- Afterwards ---- */
static bool is_accepted(const struct osy_pg_result *result, const struct osy_wlane *lane)
{
	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		if (osy_pg_i64(result, i, 2, -1) == lane->lane &&
			osy_pg_i64(result, i, 1, -1) == lane->run->pass &&
			osy_str_is(osy_pg_str(result, i, 0), lane->run->id))
			return true;
	}
	return false;
}

/*
 * Ids were put before their log was committed: a filling of Redis that began in between has neither
 * seen the log nor kept the put. Puts them again until one filling has both.
 */
static void confirm(struct osy_litem *item)
{
	struct osy_worker *worker = osy_lworker(item->batch);
	int pair = osy_lspec(item->batch)->pair;

	for (int attempt = 0; item->entry_count && attempt < 20; attempt++) {
		struct osy_err err = OSY_ERR_NONE;
		bool same = false;
		enum osy_code rc = osy_idmap_confirm(worker->idmap, pair, &same, &err);
		if (!rc && same && item->filling == osy_idmap_filling(worker->idmap, pair))
			return;
		/* By now the log has it: one put under any filling is enough. */
		if (!rc)
			rc = put_entries(item, &err);
		if (!rc || rc == OSY_E_FENCED)
			return;
		osy_log(OSY_WARN, "load.confirm", OSY_KV_ERR(&err));
		if (attempt == 19)
			osy_load_trouble(item->batch->load->loader, "load.confirm", &err);
	}
}

static void mark_recorded(struct osy_lbatch *batch)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		if (osy_is_pending(row))
			continue;
		row->recorded = true;
		row->put = false;
	}
	for (struct osy_lfailure *f = batch->failures; f; f = f->next)
		f->recorded = true;
	for (struct osy_lwait *wait = batch->waits_for; wait; wait = wait->next)
		wait->recorded = true;
}

static void show_position(struct osy_wlane *lane, int64_t position)
{
	if (position <= lane->recorded)
		return;
	lane->recorded = position;
	if (lane->queue)
		osy_kafka_lane_show(lane->queue, position);
}

/* continueOnError: false. Nothing more is begun here; the coordinator sees the failure and aborts.
 */
static void stop_at_failure(const struct osy_lbatch *batch)
{
	struct osy_wrun *run = osy_lrun(batch);
	bool failed = batch->broken != NULL;

	for (const struct osy_lfailure *f = batch->failures; f && !failed; f = f->next)
		failed = strcmp(f->kind, "notice") != 0;
	if (failed && !run->undo && !run->spec->continue_on_error)
		run->strict_failed = run->aborting = true;
}

static void recorded(struct osy_litem *item)
{
	struct osy_lbatch *batch = item->batch;

	stop_at_failure(batch);
	mark_recorded(batch);
	show_position(batch->load->lane, item->position);
	batch->in_intent = false;
	switch (batch->record_as) {
	case OSY_RECORD_PART:
		batch->in_table = true;
		osy_load_left_out_of_job(batch->load, batch->offset);
		osy_load_step(batch, batch->after);
		if (batch->pause_ms)
			osy_load_wait(batch, batch->pause_ms);
		batch->pause_ms = 0;
		break;
	case OSY_RECORD_ASIDE:
		osy_load_left_aside(batch);
		osy_load_step(batch, OSY_STEP_OVER);
		break;
	case OSY_RECORD_DONE:
		osy_load_left_done(batch->load, batch->offset);
		osy_load_step(batch, OSY_STEP_OVER);
		break;
	}
}

static bool write_all(struct osy_lgather *gather)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;

	if (osy_load_write(gather, &result, &err))
		return osy_load_trouble(gather->loader, "load.record", &err);
	(void)OSY_FAILPOINT("worker.after_record");
	for (size_t i = 0; i < gather->count; i++) {
		struct osy_lbatch *batch = gather->items[i].batch;
		if (!is_accepted(result, batch->load->lane)) {
			osy_load_lose(batch->load);
			continue;
		}
		confirm(&gather->items[i]);
		recorded(&gather->items[i]);
	}
	return true;
}

/* What goes into one statement, all or nothing for each lane. */
static void gather_positions(struct osy_lgather *gather)
{
	for (size_t i = 0; i < gather->count; i++)
		gather->items[i].batch->recording = true;
	for (size_t i = 0; i < gather->count; i++)
		gather->items[i].position = position_of(gather->items[i].batch);
	for (size_t i = 0; i < gather->count; i++)
		gather->items[i].batch->recording = false;
}

bool osy_load_record_these(struct osy_loader *loader, struct osy_lbatch **batches, size_t count)
{
	OSY_AUTO_FREE struct osy_lgather *gather = osy_xcalloc(1, sizeof(*gather));
	bool good = true;

	gather->loader = loader;
	for (size_t i = 0; i < count && i < MAX && good; i++)
		good = prepare(gather, batches[i]);
	(void)OSY_FAILPOINT("worker.after_idmap");
	(void)OSY_FAILPOINT("worker.before_record");
	gather_positions(gather);
	if (good && gather->count)
		good = write_all(gather);
	gather_done(gather);
	return good;
}

void osy_load_record(struct osy_loader *loader)
{
	struct osy_lbatch *batches[OSY_LOAD_GATHER];
	size_t n = osy_load_pick(loader, OSY_STEP_RECORD, batches, OSY_COUNT(batches));

	if (n)
		osy_load_record_these(loader, batches, n);
	else if (loader->counts)
		osy_load_write_calls(loader);
}
