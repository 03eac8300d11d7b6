/* Ingest jobs of a lane: what gathers, runs, is joined and settled. See load_bulk.h. */
#include "load_bulk.h"

#include <stdlib.h>
#include <unistd.h>

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/json_pull.h"
#include "osy/log.h"
#include "osy/spool.h"

#include "osy/banned.h"

#define MORE_MS 30000 /* for what is still to be published */
#define FETCH_MS 1000 /* for what is in the journal already */
#define SOON_MS 200   /* a call that is due so soon wants its place in the org's budget now */

/* ---- Lifetime ---- */
static struct osy_lbulk *bulk_new(
	struct osy_load *load, const struct osy_spec_object *object, int64_t stage)
{
	static const enum osy_sf_op ops[2] = {OSY_SF_INSERT, OSY_SF_UPDATE};
	struct osy_lbulk *bulk = osy_xcalloc(1, sizeof(*bulk));

	bulk->load = load;
	bulk->object = object;
	bulk->stage = stage;
	bulk->added_at = osy_mono_ms();
	bulk->first = INT64_MAX;
	for (unsigned i = 0; i < 2; i++)
		bulk->jobs[i] = (struct osy_ljob){
			.bulk = bulk, .op = ops[i], .fd = -1, .moved_at = bulk->added_at};
	osy_lbulk_columns(bulk);
	load->bulk = bulk;
	return bulk;
}

void osy_load_bulk_free(struct osy_load *load)
{
	struct osy_lbulk *bulk = load->bulk;

	if (!bulk)
		return;
	for (unsigned i = 0; i < 2; i++) {
		if (bulk->jobs[i].call)
			bulk->jobs[i].call->job = NULL;
		if (bulk->jobs[i].fd >= 0)
			close(bulk->jobs[i].fd);
	}
	if (load->loader->results == bulk)
		load->loader->results = NULL;
	osy_lbulk_join_free(bulk);
	osy_lbulk_columns_done(bulk);
	free(bulk);
	load->bulk = NULL;
	load->loader->moved = true;
}

bool osy_load_bulk_runs(const struct osy_load *load)
{
	return load->bulk && load->bulk->phase != OSY_LBULK_GATHER &&
	       load->bulk->phase != OSY_LBULK_SETTLE;
}

bool osy_load_bulk_gathers(const struct osy_load *load)
{
	return load->bulk && load->bulk->phase == OSY_LBULK_GATHER;
}

int64_t osy_load_bulk_wait(const struct osy_load *load)
{
	int64_t now = osy_mono_ms(), wait = 1000;

	for (unsigned i = 0; load->bulk && i < 2; i++) {
		const struct osy_ljob *job = &load->bulk->jobs[i];
		bool due = !job->call && job->step != OSY_LJOB_NONE && job->step != OSY_LJOB_OPEN &&
			   job->step != OSY_LJOB_ENDED;
		int64_t left = job->next_at > now ? job->next_at - now : 50;
		if (due && left < wait)
			wait = left;
	}
	return wait;
}

unsigned osy_load_bulk_wants(const struct osy_load *load)
{
	unsigned n = 0;

	for (unsigned i = 0; load->bulk && i < 2; i++) {
		const struct osy_ljob *job = &load->bulk->jobs[i];
		bool calls = job->step != OSY_LJOB_NONE && job->step != OSY_LJOB_OPEN &&
			     job->step != OSY_LJOB_ENDED;
		n += job->call || (calls && job->next_at <= load->loader->now + SOON_MS);
	}
	return n + (load->bulk && load->bulk->phase == OSY_LBULK_RESULTS);
}

/* ---- Gathering ---- */
bool osy_load_goes_bulk(const struct osy_lbatch *batch)
{
	return batch->object && batch->object->load_bulk && !batch->rest && !batch->late &&
	       !batch->head.links && !batch->load->no_bulk && !batch->given_up &&
	       !batch->object->match_only;
}

static bool is_kin(const struct osy_lbulk *bulk, const struct osy_lbatch *batch)
{
	return bulk->object == batch->object && bulk->stage == batch->head.stage;
}

static bool is_full(const struct osy_lbulk *bulk)
{
	return bulk->rows + OSY_BATCH_MAX_RECORDS > OSY_LBULK_ROWS ||
	       bulk->jobs[0].size + OSY_BATCH_MAX_BYTES > OSY_LBULK_BYTES ||
	       bulk->jobs[1].size + OSY_BATCH_MAX_BYTES > OSY_LBULK_BYTES;
}

/* What is settled before anything is sent, and what was left out, is recorded first: the batch
 * leaves memory. */
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

static void record_part(struct osy_lbatch *batch)
{
	batch->record_as = OSY_RECORD_PART;
	batch->after = OSY_STEP_READY;
	osy_load_step(batch, OSY_STEP_RECORD);
}

static bool needs(const struct osy_lbatch *batch, enum osy_action action)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (osy_is_pending(&batch->rows[i]) && batch->rows[i].action == action)
			return true;
	}
	return false;
}

/* Whether the jobs that the batch needs are Open; else they are made. */
static bool has_jobs(struct osy_lbulk *bulk, const struct osy_lbatch *batch)
{
	static const enum osy_action actions[2] = {OSY_ACT_INSERT, OSY_ACT_UPDATE};
	bool all = true;

	for (unsigned i = 0; i < 2; i++) {
		struct osy_ljob *job = &bulk->jobs[i];
		if (!needs(batch, actions[i]) || job->step == OSY_LJOB_OPEN)
			continue;
		job->step = OSY_LJOB_CREATE;
		all = false;
	}
	return all;
}

static bool any_in_job(const struct osy_lbatch *batch)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (batch->rows[i].in_job)
			return true;
	}
	return false;
}

void osy_load_bulk_defer(struct osy_lbatch *batch)
{
	const struct osy_spec *spec = osy_lspec(batch);

	for (unsigned c = 0; c < batch->column_count; c++) {
		const struct osy_lcolumn *column = &batch->columns[c];
		if (column->lookup < 0 || !column->field->link)
			continue;
		for (unsigned i = 0; i < batch->row_count; i++) {
			struct osy_lref *ref = &osy_lrefs(batch, i)[column->lookup];
			if (ref->state != OSY_REF_MAPPED || ref->parent < 0 ||
				osy_spec_last_stage(spec, spec->objects[ref->parent].prefix) <
					batch->head.stage)
				continue;
			ref->state = OSY_REF_DEFERRED;
			batch->rows[i].values[c] = osy_left_out;
		}
	}
}

bool osy_load_bulk_add(struct osy_lbatch *batch)
{
	struct osy_load *load = batch->load;
	struct osy_err err = OSY_ERR_NONE;

	if (!load->bulk && osy_load_ends(load))
		return false;
	struct osy_lbulk *bulk =
		load->bulk ? load->bulk : bulk_new(load, batch->object, batch->head.stage);
	if (!is_kin(bulk, batch) || is_full(bulk))
		bulk->cut = true;
	if (bulk->phase != OSY_LBULK_GATHER || bulk->cut)
		return false;
	if (has_unrecorded(batch)) {
		record_part(batch);
		return false;
	}
	if (!has_jobs(bulk, batch))
		return false;
	if (osy_lbulk_write(bulk, batch, &err)) {
		load->no_bulk = bulk->cut = true;
		osy_log(OSY_WARN, "job.spool", OSY_KV("lane", load->lane->key), OSY_KV_ERR(&err));
		return false;
	}
	batch->rest = !any_in_job(batch);
	return !batch->rest;
}

struct osy_str osy_load_bulk_job(const struct osy_lbatch *batch, enum osy_sf_op op)
{
	const struct osy_lbulk *bulk = batch->load->bulk;
	const struct osy_ljob *job = bulk ? &bulk->jobs[op == OSY_SF_UPDATE] : NULL;

	return job && job->pending ? osy_str(job->id) : OSY_STR_NULL;
}

static void add_left(struct osy_load *load, int64_t offset)
{
	struct osy_lleft *left = osy_load_left_of(load, offset);

	if (!left) {
		left = osy_xcalloc(1, sizeof(*left));
		left->offset = offset;
		left->next = load->left;
		load->left = left;
	}
	left->bulk = true;
	left->taken = left->aside = left->done = false;
}

void osy_load_bulk_added(struct osy_lbatch *batch)
{
	struct osy_lbulk *bulk = batch->load->bulk;

	for (unsigned i = 0; i < 2; i++) {
		bulk->jobs[i].size += bulk->jobs[i].pending;
		bulk->jobs[i].pending = 0;
	}
	for (unsigned i = 0; i < batch->row_count; i++) {
		bulk->jobs[batch->rows[i].action == OSY_ACT_UPDATE].rows += batch->rows[i].in_job;
		bulk->rows += batch->rows[i].in_job;
	}
	if (batch->offset < bulk->first)
		bulk->first = batch->offset;
	bulk->last = batch->offset;
	bulk->batches++;
	bulk->added_at = osy_mono_ms();
	add_left(batch->load, batch->offset);
	/* Claims that Redis may have forgotten while the intent was written: all of it is made
	 * anew. */
	if (batch->object->claim) {
		struct osy_err err = OSY_ERR_NONE;
		bool same = false;
		if (osy_idmap_confirm(
			    osy_lworker(batch)->idmap, osy_lspec(batch)->pair, &same, &err) ||
			!same)
			bulk->phase = OSY_LBULK_LEAVE;
	}
	osy_load_step(batch, OSY_STEP_OVER);
	(void)OSY_FAILPOINT("worker.job_gathered");
}

/* ---- What a former owner left ---- */
static void adopt_job(struct osy_ljob *job, struct osy_str id)
{
	if (!id.p || id.len >= sizeof(job->id))
		return;
	memcpy(job->id, id.p, id.len);
	job->id[id.len] = 0;
	job->step = OSY_LJOB_LOOK;
}

void osy_load_bulk_adopt(struct osy_load *load)
{
	const struct osy_wlane *lane = load->lane;
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;

	if (load->bulk || !load->left)
		return;
	if (osy_pg_do(load->loader->worker->pg, &result, &err,
		    "UPDATE batch SET attempts = attempts + 1 WHERE run = $1 AND pass = $2 AND "
		    "lane "
		    "= $3 AND state = 'intent' AND (insert_job IS NOT NULL OR update_job IS NOT "
		    "NULL) RETURNING at_offset, insert_job, update_job, object",
		    OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->run->pass), OSY_PG_I32(lane->lane))) {
		load->looked = false;
		osy_load_trouble(load->loader, "job.adopt", &err);
		return;
	}
	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		int64_t offset = osy_pg_i64(result, i, 0, 0), object = osy_pg_i64(result, i, 3, -1);
		if (object < 0 || (size_t)object >= lane->run->spec->object_count)
			continue;
		struct osy_lbulk *bulk = load->bulk
						 ? load->bulk
						 : bulk_new(load, &lane->run->spec->objects[object],
							   lane->run->spec->objects[object].stage);
		bulk->adopted = true;
		bulk->phase = OSY_LBULK_RUN;
		if (offset < bulk->first)
			bulk->first = offset;
		if (offset > bulk->last)
			bulk->last = offset;
		bulk->batches++;
		adopt_job(&bulk->jobs[0], osy_pg_str(result, i, 1));
		adopt_job(&bulk->jobs[1], osy_pg_str(result, i, 2));
		add_left(load, offset);
	}
	if (load->bulk)
		osy_log(OSY_INFO, "job.adopted", OSY_KV("lane", lane->key),
			OSY_KV("insert", load->bulk->jobs[0].id),
			OSY_KV("update", load->bulk->jobs[1].id),
			OSY_KV_INT("batches", load->bulk->batches));
}

/* ---- Results onto rows ---- */
static struct osy_str quote(struct osy_lbatch *batch, struct osy_str text)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(6 * text.len + 16);

	osy_json_quote(text, &out);
	return (struct osy_str){osy_arena_strndup(&batch->arena, out.p, out.len), out.len};
}

/* "A B" as ["A","B"] */
static struct osy_str quote_fields(struct osy_lbatch *batch, struct osy_str fields)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(7 * fields.len + 16);

	osy_buf_addc(&out, '[');
	for (size_t at = 0; at < fields.len;) {
		const char *end = memchr(fields.p + at, ' ', fields.len - at);
		size_t len = end ? (size_t)(end - fields.p) - at : fields.len - at;
		if (len) {
			if (out.len > 1)
				osy_buf_addc(&out, ',');
			osy_json_quote((struct osy_str){fields.p + at, len}, &out);
		}
		at += len + 1;
	}
	osy_buf_addc(&out, ']');
	return (struct osy_str){osy_arena_strndup(&batch->arena, out.p, out.len), out.len};
}

static void apply_failure(
	struct osy_lbatch *batch, const struct osy_ljoin *join, const struct osy_lsent *sent)
{
	char *text = osy_arena_alloc(&batch->arena, sent->error_len + 1);
	struct osy_err err = OSY_ERR_NONE;
	struct osy_str code, message, fields;

	if (sent->error_len &&
		osy_spool_read(join->errors, sent->error_at, text, sent->error_len, &err)) {
		osy_load_refuse_err(batch, sent->row, &err);
		return;
	}
	osy_bulk_error_read((struct osy_str){text, sent->error_len}, &code, &message, &fields);
	struct osy_sf_row_result result = {.status_code = code,
		.message_raw = quote(batch, message),
		.fields_raw = quote_fields(batch, fields)};
	osy_load_row_failed(batch, sent->row, &result);
}

static void apply_row(
	struct osy_lbatch *batch, const struct osy_lbulk *bulk, const struct osy_lsent *sent)
{
	struct osy_lrow *row = &batch->rows[sent->row];
	bool executed = !bulk->jobs[sent->job].was_open;

	row->lost = row->was_update = false;
	row->action = sent->job ? OSY_ACT_UPDATE : OSY_ACT_INSERT;
	row->ask = false;
	switch ((enum osy_lresult)sent->result) {
	case OSY_LRESULT_OK: {
		struct osy_sf_row_result result = {
			.success = true, .id = {sent->target, sizeof(sent->target)}};
		osy_load_row_succeeded(batch, sent->row, &result);
		return;
	}
	case OSY_LRESULT_FAILED:
		apply_failure(batch, bulk->join, sent);
		return;
	case OSY_LRESULT_UNPROCESSED:
		break;
	case OSY_LRESULT_NONE:
		row->lost = executed && !sent->job;
		break;
	}
	/* Updates are sent again as they were; inserts are looked for, or for the first time sent.
	 */
	if (sent->job) {
		row->was_update = true;
	} else {
		row->action = OSY_ACT_NONE;
		row->ask = true;
	}
}

static bool has_links(const struct osy_lbatch *batch)
{
	for (unsigned c = 0; c < batch->column_count; c++) {
		if (batch->columns[c].lookup >= 0 && batch->columns[c].field->link)
			return true;
	}
	return false;
}

bool osy_load_bulk_apply(struct osy_lbatch *batch)
{
	const struct osy_lbulk *bulk = batch->load->bulk;
	const struct osy_lsent_batch *sent = bulk ? osy_lbulk_batch(bulk, batch->offset) : NULL;
	bool pending = false;

	if (!sent)
		return false;
	batch->rest = true;
	for (uint32_t i = 0; i < sent->count; i++) {
		const struct osy_lsent *from = &bulk->join->rows[sent->first + i];
		if (from->row < batch->row_count && osy_is_pending(&batch->rows[from->row]))
			apply_row(batch, bulk, from);
	}
	for (unsigned i = 0; i < batch->row_count; i++)
		pending |= osy_is_pending(&batch->rows[i]);
	return !pending && !has_links(batch) && !batch->object->claim;
}

/* ---- The step ---- */
static bool waits_for_more(const struct osy_lbulk *bulk)
{
	const struct osy_load *load = bulk->load;
	bool published = bulk->stage <= load->lane->run->stages_published;

	if (bulk->cut || load->no_bulk)
		return false;
	for (const struct osy_lbatch *batch = load->first; batch; batch = batch->next) {
		if (batch->step == OSY_STEP_OVER)
			continue;
		return !batch->broken && !batch->skip && osy_load_goes_bulk(batch) &&
		       is_kin(bulk, batch) && osy_mono_ms() - bulk->added_at < MORE_MS;
	}
	return osy_mono_ms() - bulk->added_at < (published ? FETCH_MS : MORE_MS);
}

static void gather(struct osy_lbulk *bulk)
{
	if (osy_load_ends(bulk->load) || bulk->load->lane->run->aborting ||
		(bulk->load->no_bulk && !bulk->batches)) {
		bulk->phase = OSY_LBULK_LEAVE;
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (bulk->jobs[i].step == OSY_LJOB_CREATE)
			osy_lbulk_create(&bulk->jobs[i]);
	}
	if (waits_for_more(bulk))
		return;
	if (!bulk->batches) {
		bulk->phase = OSY_LBULK_LEAVE;
		return;
	}
	bulk->phase = OSY_LBULK_RUN;
	for (unsigned i = 0; i < 2; i++) {
		struct osy_ljob *job = &bulk->jobs[i];
		if (job->size)
			job->step = OSY_LJOB_UPLOAD;
		else
			osy_lbulk_abort_open(job);
		job->moved_at = osy_mono_ms();
	}
	bulk->load->loader->moved = true;
}

static bool all_ended(const struct osy_lbulk *bulk)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct osy_ljob *job = &bulk->jobs[i];
		if (job->step != OSY_LJOB_ENDED && (job->size || bulk->adopted) && job->id[0])
			return false;
	}
	return true;
}

/* The lane goes back to the first of its batches, which come once more. */
static void rewind_lane(struct osy_lbulk *bulk)
{
	struct osy_wlane *lane = bulk->load->lane;

	osy_load_give_back(bulk->load);
	bulk->load->waits_for_stage = 0; /* what waits for it lies behind them */
	lane->queue = lane->queue ? osy_kafka_lane_close(lane->queue) : NULL;
	if (bulk->first < lane->position)
		lane->position = bulk->first;
}

/* The jobs have done nothing and never will: the intents go. */
static void leave(struct osy_lbulk *bulk)
{
	struct osy_load *load = bulk->load;
	const struct osy_wlane *lane = load->lane;
	struct osy_err err = OSY_ERR_NONE;

	if (bulk->batches &&
		osy_pg_do(load->loader->worker->pg, NULL, &err,
			"DELETE FROM batch b USING lane l WHERE b.run = $1 AND b.pass = "
			"$2 AND b.lane = $3 AND l.run = b.run AND l.pass = b.pass AND "
			"l.lane = b.lane AND l.owner = $4 AND l.epoch = $5 AND b.state = "
			"'intent' AND (b.insert_job = $6 OR b.update_job = $7)",
			OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->run->pass),
			OSY_PG_I32(lane->lane), OSY_PG_Z(load->loader->worker->id),
			OSY_PG_I64(lane->epoch), OSY_PG_Z(bulk->jobs[0].id),
			OSY_PG_Z(bulk->jobs[1].id))) {
		osy_load_trouble(load->loader, "job.leave", &err);
		return;
	}
	for (unsigned i = 0; i < 2; i++)
		osy_lbulk_abort_open(&bulk->jobs[i]);
	for (struct osy_lleft **at = &load->left; *at;) {
		struct osy_lleft *left = *at;
		if (!left->bulk) {
			at = &left->next;
			continue;
		}
		*at = left->next;
		free(left);
	}
	if (bulk->batches)
		rewind_lane(bulk);
	osy_load_bulk_free(load);
}

static bool any_left(const struct osy_load *load)
{
	for (const struct osy_lleft *left = load->left; left; left = left->next) {
		if (left->bulk && !left->aside)
			return true;
	}
	return false;
}

static void turn(struct osy_lbulk *bulk)
{
	struct osy_loader *loader = bulk->load->loader;

	switch (bulk->phase) {
	case OSY_LBULK_GATHER:
		gather(bulk);
		break;
	case OSY_LBULK_RUN:
		if (!all_ended(bulk)) {
			osy_lbulk_run(bulk);
		} else if (!loader->results) {
			loader->results = bulk;
			bulk->phase = OSY_LBULK_RESULTS;
			loader->moved = true;
		}
		break;
	case OSY_LBULK_RESULTS:
		osy_lbulk_join(bulk);
		if (bulk->phase == OSY_LBULK_SETTLE)
			rewind_lane(bulk);
		break;
	case OSY_LBULK_SETTLE:
		if (!any_left(bulk->load))
			osy_load_bulk_free(bulk->load);
		break;
	case OSY_LBULK_LEAVE:
		leave(bulk);
		break;
	}
}

void osy_load_bulk(struct osy_loader *loader)
{
	for (struct osy_load *load = loader->loads; load; load = load->next) {
		if (load->bulk && !load->lane->lost && loader->trouble_until <= loader->now)
			turn(load->bulk);
	}
}
