/*
 * Results of ingest jobs, joined to rows by value. Files are read as they come; of a row there is
 * its identity, its target and where its error lies in a spool: memory follows the rows of one
 * lane's jobs, whatever they hold.
 */
#include "load_bulk.h"

#include <stdlib.h>
#include <unistd.h>

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "osy/spool.h"

#include "osy/banned.h"

#define INTENTS_AT_ONCE 32

/* ---- Rows that wait for a result ---- */
static uint64_t hash_of(const unsigned char sent[16])
{
	uint64_t hash;

	memcpy(&hash, sent, sizeof(hash));
	return hash;
}

static void add_row(struct osy_ljoin *join, unsigned row, const struct osy_intent_row *from)
{
	if (join->count == join->cap) {
		join->cap = join->cap ? join->cap * 2 : 4096;
		join->rows = osy_xrealloc(join->rows, join->cap * sizeof(*join->rows));
	}
	struct osy_lsent *to = &join->rows[join->count++];
	*to = (struct osy_lsent){
		.row = (uint16_t)row, .job = from->action == OSY_ACT_UPDATE ? 1 : 0};
	memcpy(to->sent, from->sent, sizeof(to->sent));
	join->open[to->job]++;
}

static enum osy_code add_batch(
	struct osy_ljoin *join, int64_t offset, struct osy_str packed, struct osy_err *err)
{
	struct osy_arena arena;
	struct osy_intent intent = {0};

	osy_arena_init(&arena, 256u * 1024);
	enum osy_code rc = osy_intent_read(packed, &arena, &intent, err);
	if (join->batch_count == join->batch_cap) {
		join->batch_cap = join->batch_cap ? join->batch_cap * 2 : 64;
		join->batches =
			osy_xrealloc(join->batches, join->batch_cap * sizeof(*join->batches));
	}
	struct osy_lsent_batch *batch = &join->batches[join->batch_count++];
	*batch = (struct osy_lsent_batch){.offset = offset, .first = (uint32_t)join->count};
	for (unsigned i = 0; !rc && i < intent.count; i++) {
		if (intent.rows[i].in_job)
			add_row(join, i, &intent.rows[i]);
	}
	batch->count = (uint32_t)join->count - batch->first;
	osy_arena_done(&arena);
	return rc;
}

/* What a row of the jobs has got already is recorded: its result is nobody else's. */
static enum osy_code add_taken(
	struct osy_lbulk *bulk, struct osy_str packed, size_t count, struct osy_err *err)
{
	struct osy_ljoin *join = bulk->join;
	OSY_AUTO_FREE struct osy_outcome_row *rows = osy_xcalloc(count + 1, sizeof(*rows));
	enum osy_code rc =
		osy_outcomes_read(packed, bulk->object->target_prefix, rows, (unsigned)count, err);

	for (size_t i = 0; i < count && !rc; i++) {
		if (rows[i].outcome != OSY_INSERTED)
			continue;
		if (join->taken_count == join->taken_cap) {
			join->taken_cap = join->taken_cap ? join->taken_cap * 2 : 4096;
			join->taken_ids = osy_xrealloc(
				join->taken_ids, join->taken_cap * sizeof(*join->taken_ids));
		}
		memcpy(join->taken_ids[join->taken_count++], rows[i].target.c, 15);
	}
	return rc;
}

static bool is_of_jobs(const struct osy_lbulk *bulk, struct osy_str insert, struct osy_str update)
{
	return (insert.p && osy_str_is(insert, bulk->jobs[0].id)) ||
	       (update.p && osy_str_is(update, bulk->jobs[1].id));
}

/* The batches of the jobs, those that are in them still, and what the others have got. */
static enum osy_code read_batches(struct osy_lbulk *bulk, struct osy_err *err)
{
	const struct osy_wlane *lane = bulk->load->lane;
	int64_t from = bulk->adopted ? bulk->since : bulk->first;
	enum osy_code rc = OSY_OK;
	size_t got = INTENTS_AT_ONCE;

	while (got == INTENTS_AT_ONCE && !rc) {
		OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
		rc = osy_pg_do(bulk->load->loader->worker->pg, &result, err,
			"SELECT at_offset, records, CASE WHEN state = 'intent' THEN intent END, "
			"outcome, insert_job, update_job FROM batch WHERE run = $1 AND pass = $2 "
			"AND lane = $3 AND at_offset BETWEEN $4 AND $5 AND object = $6 AND NOT "
			"links ORDER BY at_offset LIMIT $7",
			OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->run->pass),
			OSY_PG_I32(lane->lane), OSY_PG_I64(from), OSY_PG_I64(bulk->last),
			OSY_PG_I32((int32_t)(bulk->object - lane->run->spec->objects)),
			OSY_PG_I64(INTENTS_AT_ONCE));
		got = rc ? 0 : osy_pg_rows(result);
		for (size_t i = 0; i < got && !rc; i++) {
			struct osy_str outcome = osy_pg_str(result, i, 3);
			from = osy_pg_i64(result, i, 0, 0) + 1;
			if (outcome.p)
				rc = add_taken(
					bulk, outcome, (size_t)osy_pg_i64(result, i, 1, 0), err);
			if (!rc && is_of_jobs(bulk, osy_pg_str(result, i, 4),
					   osy_pg_str(result, i, 5)))
				rc = add_batch(bulk->join, from - 1, osy_pg_str(result, i, 2), err);
		}
	}
	return rc;
}

/* Jobs whose results a worker cannot bear must not bring down one worker after the other: an
 * attempt for each worker that takes them over, as with any batch. */
static enum osy_code count_attempt(struct osy_lbulk *bulk, struct osy_err *err)
{
	const struct osy_wlane *lane = bulk->load->lane;

	if (bulk->counted || !bulk->adopted)
		return OSY_OK;
	enum osy_code rc = osy_pg_do(bulk->load->loader->worker->pg, NULL, err,
		"UPDATE batch SET attempts = attempts + 1 WHERE run = $1 AND pass = $2 AND lane = "
		"$3 AND state = 'intent' AND (insert_job IS NOT NULL OR update_job IS NOT NULL)",
		OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->run->pass), OSY_PG_I32(lane->lane));
	bulk->counted = !rc;
	return rc;
}

void osy_load_bulk_leaves(struct osy_load *load)
{
	struct osy_lbulk *bulk = load->bulk;
	struct osy_err err = OSY_ERR_NONE;

	if (!bulk || !bulk->counted)
		return;
	const struct osy_wlane *lane = load->lane;
	if (osy_pg_do(load->loader->worker->pg, NULL, &err,
		    "UPDATE batch SET attempts = attempts - 1 WHERE run = $1 AND pass = $2 AND "
		    "lane = $3 AND attempts > 0 AND state = 'intent' AND (insert_job IS NOT NULL "
		    "OR update_job IS NOT NULL)",
		    OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->run->pass), OSY_PG_I32(lane->lane)))
		osy_log(OSY_WARN, "job.leaves", OSY_KV("lane", lane->key), OSY_KV_ERR(&err));
	bulk->counted = false;
}

static uint64_t hash_of_id(const char *id)
{
	return osy_hash(id, 15, 0);
}

static void index_taken(struct osy_ljoin *join)
{
	osy_lindex_init(&join->taken, &join->arena, join->taken_count);
	for (size_t i = 0; i < join->taken_count; i++)
		osy_lindex_add(&join->taken, hash_of_id(join->taken_ids[i]), (uint32_t)i);
}

static bool is_taken(const struct osy_ljoin *join, struct osy_str id)
{
	size_t at = OSY_LINDEX_START;
	int64_t i;

	if (!join->taken_count || id.len < 15)
		return false;
	while ((i = osy_lindex_next(&join->taken, hash_of_id(id.p), &at)) >= 0) {
		if (memcmp(join->taken_ids[i], id.p, 15) == 0)
			return true;
	}
	return false;
}

static void index_rows(struct osy_ljoin *join)
{
	osy_lindex_init(&join->index, &join->arena, join->count);
	for (size_t i = join->count; i-- > 0;)
		osy_lindex_add(&join->index, hash_of(join->rows[i].sent), (uint32_t)i);
}

/* A row of that identity which has no result yet: equal ones are interchangeable. */
static struct osy_lsent *find(struct osy_ljoin *join, const unsigned char sent[16])
{
	size_t at = OSY_LINDEX_START;
	int64_t i;

	while ((i = osy_lindex_next(&join->index, hash_of(sent), &at)) >= 0) {
		struct osy_lsent *row = &join->rows[i];
		if (row->result == OSY_LRESULT_NONE && row->job == join->job &&
			memcmp(row->sent, sent, 16) == 0)
			return row;
	}
	return NULL;
}

const struct osy_lsent_batch *osy_lbulk_batch(const struct osy_lbulk *bulk, int64_t offset)
{
	for (size_t i = 0; bulk->join && i < bulk->join->batch_count; i++) {
		if (bulk->join->batches[i].offset == offset)
			return &bulk->join->batches[i];
	}
	return NULL;
}

/* ---- A row of a file ---- */
static enum osy_code keep_error(
	struct osy_ljoin *join, struct osy_lsent *row, struct osy_str text, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	if (text.len > 16384)
		text.len = 16384;
	if (join->errors < 0)
		rc = osy_spool_open(&join->errors, err);
	if (!rc)
		rc = osy_spool_write(join->errors, join->errors_size, text, err);
	if (rc)
		return rc;
	row->error_at = join->errors_size;
	row->error_len = (uint32_t)text.len;
	join->errors_size += (int64_t)text.len;
	return OSY_OK;
}

static struct osy_str cell_text(
	struct osy_ljoin *join, const struct osy_csv_cell *cells, size_t count, int place)
{
	osy_buf_reset(&join->scratch);
	if (place < 0 || (size_t)place >= count)
		return OSY_STR_NULL;
	return osy_csv_text(&cells[place], &join->scratch);
}

static enum osy_code take_result(struct osy_lbulk *bulk, struct osy_lsent *row,
	const struct osy_csv_cell *cells, size_t count, struct osy_err *err)
{
	struct osy_ljoin *join = bulk->join;
	struct osy_str text;

	switch (join->file) {
	case OSY_BULK_SUCCESSFUL:
		text = cell_text(join, cells, count, join->columns.id);
		if (text.len >= 15)
			memcpy(row->target, text.p, sizeof(row->target));
		row->result = OSY_LRESULT_OK;
		break;
	case OSY_BULK_FAILED_ROWS:
		row->result = OSY_LRESULT_FAILED;
		text = cell_text(join, cells, count, join->columns.error);
		return keep_error(join, row, text, err);
	case OSY_BULK_UNPROCESSED:
		row->result = OSY_LRESULT_UNPROCESSED;
		break;
	}
	return OSY_OK;
}

static enum osy_code on_row(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *err)
{
	struct osy_lbulk *bulk = arg;
	struct osy_ljoin *join = bulk->join;
	unsigned char sent[16];

	if (!join->has_columns) {
		enum osy_code rc = osy_bulk_columns_read(cells, count, bulk->columns[join->job],
			bulk->column_count[join->job], &join->columns, err);
		join->has_columns = !rc;
		return rc;
	}
	if (join->job == 0 && join->file == OSY_BULK_SUCCESSFUL &&
		is_taken(join, cell_text(join, cells, count, join->columns.id)))
		return OSY_OK;
	osy_lbulk_identity(bulk, join->job, cells, count, join->columns.sent, &join->canon,
		&join->scratch, sent);
	struct osy_lsent *row = find(join, sent);
	if (!row) {
		join->strangers++;
		return OSY_OK;
	}
	enum osy_code rc = take_result(bulk, row, cells, count, err);
	row->page = join->page;
	join->open[join->job]--;
	return rc;
}

/* ---- A page of a file ---- */
static bool on_data(struct osy_http_call *http, struct osy_str piece, void *arg)
{
	struct osy_lcall *call = arg;

	(void)http;
	if (!call->job)
		return true;
	struct osy_ljoin *join = call->job->bulk->join;
	if (!join->broken.code && osy_csv_feed(&join->csv, piece, &join->broken))
		OSY_ASSERT(join->broken.code);
	return true;
}

static void end_page(struct osy_ljoin *join)
{
	if (join->in_csv)
		osy_csv_done(&join->csv);
	if (join->has_columns)
		osy_bulk_columns_done(&join->columns);
	join->in_csv = join->has_columns = false;
}

static void next_file(struct osy_lbulk *bulk)
{
	struct osy_ljoin *join = bulk->join;

	join->locator[0] = 0;
	if (join->open[join->job] && join->file < OSY_BULK_UNPROCESSED) {
		join->file++;
		return;
	}
	if (join->open[join->job] || join->strangers)
		osy_log(OSY_WARN, "job.unmatched", OSY_KV("job", bulk->jobs[join->job].id),
			OSY_KV_INT("rows", join->open[join->job]),
			OSY_KV_INT("results", join->strangers));
	join->job++;
	join->file = OSY_BULK_SUCCESSFUL;
	join->strangers = 0;
}

/* Whether an org has no such file: of a job that was aborted, for one. */
static bool has_no_file(const struct osy_ljoin *join, const struct osy_sf_reply *reply)
{
	return reply->code == OSY_E_SALESFORCE && join->file != OSY_BULK_SUCCESSFUL &&
	       reply->err.cls != OSY_RETRY;
}

static enum osy_code read_page(
	struct osy_ljoin *join, struct osy_sf_reply *reply, struct osy_err *err)
{
	enum osy_code rc = reply->code;

	if (rc)
		*err = reply->err;
	else if (join->broken.code) {
		*err = join->broken;
		rc = err->code;
	} else {
		rc = osy_csv_end(&join->csv, err);
	}
	return rc ? rc : osy_bulk_next(reply->http, join->next, err);
}

/* A page that broke is read again as a whole: its results must not be taken twice. */
static void undo_page(struct osy_ljoin *join)
{
	for (size_t i = 0; i < join->count; i++) {
		struct osy_lsent *row = &join->rows[i];
		if (row->result == OSY_LRESULT_NONE || row->page != join->page)
			continue;
		row->result = OSY_LRESULT_NONE;
		join->open[row->job]++;
	}
}

static void on_page(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct osy_ljob *job = call->job;
	struct osy_err err = OSY_ERR_NONE;

	if (!job)
		return;
	struct osy_lbulk *bulk = job->bulk;
	struct osy_ljoin *join = bulk->join;
	job->call = NULL;
	bulk->load->loader->moved = true;
	enum osy_code rc = read_page(join, reply, &err);
	end_page(join);
	if (rc)
		undo_page(join);
	if (!rc) {
		job->waits = job->refusals = 0;
		memcpy(join->locator, join->next, sizeof(join->locator));
		if (!join->locator[0])
			next_file(bulk);
	} else if (has_no_file(join, reply)) {
		next_file(bulk);
	} else if (osy_lbulk_failed(job, "job.results", &err) == OSY_LTROUBLE_REFUSED) {
		/* Rows without a result are in doubt, as after any lost reply. */
		join->job++;
		join->file = OSY_BULK_SUCCESSFUL;
		join->locator[0] = 0;
	}
}

static void start_page(struct osy_lbulk *bulk)
{
	struct osy_ljoin *join = bulk->join;
	struct osy_ljob *job = &bulk->jobs[join->job];
	struct osy_loader *loader = bulk->load->loader;
	struct osy_sf_request request;

	if (job->call || job->next_at > loader->now ||
		!osy_load_slot_of(loader, bulk->load->lane->run, false))
		return;
	struct osy_lcall *call = osy_lbulk_call(job, on_page);
	osy_bulk_ingest_results(call->ask, job->id, join->file, join->locator, &request);
	request.on_data = on_data;
	osy_csv_init(&join->csv, on_row, bulk);
	join->in_csv = true;
	join->page++;
	join->broken = OSY_ERR_NONE;
	if (!osy_lbulk_start(job, call, &request))
		end_page(join);
}

/* ---- All of it ---- */
static bool begin(struct osy_lbulk *bulk)
{
	struct osy_ljoin *join = osy_xcalloc(1, sizeof(*join));
	struct osy_err err = OSY_ERR_NONE;

	osy_arena_init(&join->arena, 1024u * 1024);
	join->errors = -1;
	join->canon = OSY_BUF(4 * OSY_BULK_MAX_ROW_CHARS);
	join->scratch = OSY_BUF(OSY_CSV_SCRATCH_BYTES);
	bulk->join = join;
	if (count_attempt(bulk, &err) || read_batches(bulk, &err)) {
		osy_lbulk_join_free(bulk);
		return osy_load_trouble(bulk->load->loader, "job.batches", &err);
	}
	index_rows(join);
	index_taken(join);
	return true;
}

/* A job without rows, or of which the org has nothing to tell. */
static bool is_skipped(const struct osy_lbulk *bulk, unsigned job)
{
	return !bulk->jobs[job].id[0] || bulk->jobs[job].gone || !bulk->join->open[job];
}

void osy_lbulk_join(struct osy_lbulk *bulk)
{
	if (!bulk->join && !begin(bulk))
		return;
	struct osy_ljoin *join = bulk->join;
	while (join->job < 2 && is_skipped(bulk, join->job) && !bulk->jobs[join->job].call)
		join->job++;
	if (join->job < 2) {
		start_page(bulk);
		return;
	}
	(void)OSY_FAILPOINT("worker.job_results");
	if (!osy_lbulk_rewind(bulk))
		return;
	bulk->phase = OSY_LBULK_SETTLE;
	bulk->load->loader->moved = true;
}

void osy_lbulk_join_free(struct osy_lbulk *bulk)
{
	struct osy_ljoin *join = bulk->join;

	if (!join)
		return;
	end_page(join);
	if (join->errors >= 0)
		close(join->errors);
	osy_buf_done(&join->canon);
	osy_buf_done(&join->scratch);
	osy_arena_done(&join->arena);
	free(join->rows);
	free(join->batches);
	free(join->taken_ids);
	free(join);
	bulk->join = NULL;
}
