/* Queries with pages, limits, counts, replication. */
#include "sim_file.h"
#include "sim_soql.h"

#include <stdlib.h>

struct sim_cursor {
	uint64_t no;
	uint64_t user;
	struct sim_arena arena;
	struct sim_query *q;
	struct sim_result res;
	const char *version;
	int users; /* requests reading it now */
	bool dead;
};

static void sim_cursor_free(struct sim_cursor *c)
{
	struct sim_arena a = c->arena;

	sim_result_done(&c->res);
	free(c);
	sim_arena_done(&a);
}

static void sim_cursor_drop(struct sim_cursor *c)
{
	if (!c)
		return;
	if (c->users)
		c->dead = true;
	else
		sim_cursor_free(c);
}

/* keeps the cursor; the oldest of ten goes */
static void sim_cursor_keep(struct sim_org *org, struct sim_cursor *c)
{
	int at = 0;

	pthread_mutex_lock(&org->side);
	c->no = ++org->cursor_no;
	for (int i = 1; i < 10 && org->cursor[at]; i++)
		if (!org->cursor[i] || org->cursor[i]->no < org->cursor[at]->no)
			at = i;
	sim_cursor_drop(org->cursor[at]);
	org->cursor[at] = c;
	c->users = 1;
	pthread_mutex_unlock(&org->side);
}

static void sim_cursor_release(struct sim_org *org, struct sim_cursor *c)
{
	pthread_mutex_lock(&org->side);
	c->users--;
	if (!c->users && c->dead)
		sim_cursor_free(c);
	pthread_mutex_unlock(&org->side);
}

static size_t sim_page_size(const struct sim_req *req)
{
	struct sim_str opt = req->header[SIM_H_QUERY_OPTIONS], word;
	int64_t n = 2000;

	while (opt.len) {
		word = sim_trim(sim_cut(&opt, ','));
		if (sim_starts(word, "batchSize=")) {
			word.p += 10, word.len -= 10;
			sim_to_i64(sim_trim(word), &n);
		}
	}
	n = n < 200 ? 200 : n > 2000 ? 2000 : n;
	if (req->org->set.page_rows > 0 && req->org->set.page_rows < n)
		n = req->org->set.page_rows;
	return (size_t)n;
}

static void sim_locator(const struct sim_cursor *c, size_t at, char out[64])
{
	snprintf(out, 64, "01g%015llx-%zu", (unsigned long long)c->no * 0x1D3F77ull, at);
}

/* one page; true when there is more behind it */
static bool sim_page(struct sim_req *req, struct sim_resp *resp, struct sim_cursor *c, size_t at)
{
	size_t page = sim_page_size(req), left = c->res.n - at, n = left < page ? left : page;
	struct sim_buf *b = &resp->body;
	char loc[64];

	sim_pause(req, n);
	if (c->q->tooling)
		sim_buf_fmt(b, "{\"size\":%zu,\"totalSize\":%zu,\"done\":%s,\"queryLocator\":null",
			n, c->res.n, n < left ? "false" : "true");
	else
		sim_buf_fmt(
			b, "{\"totalSize\":%zu,\"done\":%s", c->res.n, n < left ? "false" : "true");
	if (n < left) {
		if (!c->no)
			sim_cursor_keep(req->org, c);
		sim_locator(c, at + n, loc);
		sim_buf_fmt(b, ",\"nextRecordsUrl\":\"/services/data/%s/%squery/%s\"", req->version,
			c->q->tooling ? "tooling/" : "", loc);
	}
	if (c->q->tooling)
		sim_buf_fmt(b, ",\"entityTypeName\":\"%s\"", c->q->obj->name);
	sim_buf_str(b, ",\"records\":[");
	c->q->version = req->version;
	if (n)
		sim_query_rows(c->q, b, c->res.serial + at, n);
	sim_buf_str(b, "]}");
	return n < left;
}

static void sim_query_reply(struct sim_req *req, struct sim_resp *resp, struct sim_cursor *c)
{
	struct sim_buf rows = {0};
	size_t n;

	if (c->q->count_only && !c->q->ngroup) {
		sim_buf_fmt(
			&resp->body, "{\"totalSize\":%zu,\"done\":true,\"records\":[]}", c->res.n);
	} else if (c->q->aggregate) {
		n = sim_query_aggregate(c->q, &c->res, &rows);
		sim_buf_fmt(&resp->body, "{\"totalSize\":%zu,\"done\":true,\"records\":[%.*s]}", n,
			SIM_P(sim_buf_view(&rows)));
		sim_buf_done(&rows);
	} else if (sim_page(req, resp, c, 0)) {
		sim_cursor_release(req->org, c);
		return;
	}
	if (!c->no)
		sim_cursor_free(c);
}

/* what an org works out row by row is given for one row at a time */
static bool sim_one_whole(const struct sim_query *q, size_t rows, struct sim_resp *resp)
{
	char msg[300];
	bool whole = false;

	for (const struct sim_item *it = q->items; it; it = it->next)
		whole |= it->path.field && (it->path.field->type == SIM_T_COMPLEX ||
						   !strcmp(it->path.field->name, "FullName"));
	if (!q->tooling || !whole || rows <= 1)
		return true;
	snprintf(msg, sizeof(msg),
		"When retrieving results with Metadata or FullName fields, the query "
		"qualifications must specify no more than one row for retrieval. Result size: %zu",
		rows);
	sim_resp_error(resp, 400, "MALFORMED_QUERY", msg);
	return false;
}

static void sim_run_soql(struct sim_req *req, struct sim_resp *resp, bool all, bool tooling)
{
	struct sim_str text = sim_req_arg(req, "q");
	struct sim_cursor *c;
	struct sim_err err = {0};

	if (!text.len) {
		sim_resp_error(resp, 400, "MALFORMED_QUERY", "A query is required");
		return;
	}
	c = sim_zalloc(sizeof(*c));
	pthread_rwlock_rdlock(&req->org->db);
	c->q = tooling ? sim_soql_parse_tooling(req->org, &c->arena, text, &err)
		       : sim_soql_parse_call(req->org, &c->arena, text, &err);
	pthread_rwlock_unlock(&req->org->db);
	if (!c->q) {
		sim_resp_err(resp, 400, &err);
		sim_cursor_free(c);
		return;
	}
	if (sim_is(sim_req_arg(req, "columns"), "true")) {
		sim_query_columns(c->q, &resp->body);
		sim_cursor_free(c);
		return;
	}
	c->user = req->user;
	c->q->version = req->version;
	c->q->all |= all;
	if (c->q->count_only && !c->q->where && !c->q->all && !c->q->ngroup)
		c->res.n = c->q->obj->store->live;
	else
		sim_query_run(c->q, 0, &c->res);
	if (!sim_one_whole(c->q, c->res.n, resp))
		sim_cursor_free(c);
	else
		sim_query_reply(req, resp, c);
}

void sim_query_call(struct sim_req *req, struct sim_resp *resp)
{
	sim_run_soql(req, resp, false, false);
}

void sim_query_all_call(struct sim_req *req, struct sim_resp *resp)
{
	sim_run_soql(req, resp, true, false);
}

void sim_query_more(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_str rest = req->part[0], id = sim_cut(&rest, '-');
	struct sim_cursor *c = NULL;
	char loc[64];
	int64_t at = -1;

	sim_to_i64(rest, &at);
	pthread_mutex_lock(&req->org->side);
	for (int i = 0; i < 10 && !c; i++) {
		struct sim_cursor *k = req->org->cursor[i];

		if (!k)
			continue;
		sim_locator(k, 0, loc);
		if (id.len == 18 && !memcmp(loc, id.p, 18) && at >= 0 && (size_t)at <= k->res.n) {
			c = k;
			c->users++;
		}
	}
	pthread_mutex_unlock(&req->org->side);
	if (!c) {
		sim_resp_error(resp, 400, "INVALID_QUERY_LOCATOR", "invalid query locator");
		return;
	}
	sim_page(req, resp, c, (size_t)at);
	sim_cursor_release(req->org, c);
}

void sim_tooling_query(struct sim_req *req, struct sim_resp *resp)
{
	sim_run_soql(req, resp, false, true);
}

void sim_tooling_objects(struct sim_req *req, struct sim_resp *resp)
{
	bool first = true;

	sim_buf_str(&resp->body, "{\"encoding\":\"UTF-8\",\"maxBatchSize\":200,\"sobjects\":[");
	for (unsigned i = 0; i < req->org->nobjects; i++) {
		const struct sim_object *o = req->org->object[i];

		if (!o->meta)
			continue;
		sim_buf_fmt(&resp->body,
			"%s{\"keyPrefix\":\"%s\",\"label\":\"%s\",\"name\":\"%s\",\"queryable\":"
			"true}",
			first ? "" : ",", o->prefix, o->label, o->name);
		first = false;
	}
	sim_buf_str(&resp->body, "]}");
}

void sim_tooling_get(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_object *o = sim_object_find(req->org, req->part[0]);
	struct sim_err err = {0};
	struct sim_query *q;
	struct sim_rec *r;
	uint64_t oid = 0;
	uint32_t serial;

	if (o && o->meta)
		sim_id_parse(req->org, req->part[1], &oid);
	r = oid && sim_oid_obj(oid) == o->idx ? sim_take_rec(req->org, oid) : NULL;
	if (!r) {
		sim_resp_error(resp, 404, "NOT_FOUND", "The requested resource does not exist");
		return;
	}
	q = sim_soql_parse_tooling(req->org, req->arena,
		sim_cstr(sim_arena_fmt(req->arena, "SELECT FIELDS(ALL) FROM %s", o->name)), &err);
	serial = (uint32_t)sim_oid_serial(oid);
	q->version = req->version;
	sim_query_rows(q, &resp->body, &serial, 1);
	sim_rec_unref(r);
}

void sim_limits(struct sim_req *req, struct sim_resp *resp)
{
	static const struct {
		const char *name;
		int max;
	} rows[] = {{"ConcurrentAsyncGetReportInstances", 200},
		{"DailyAsyncApexExecutions", 250000}, {"DailyBulkV2QueryFileStorageMB", 976562},
		{"DailyDurableStreamingApiEvents", 10000}, {"DailyStreamingApiEvents", 10000},
		{"DataStorageMB", 1024}, {"FileStorageMB", 1024}, {"HourlyTimeBasedWorkflow", 1000},
		{"MonthlyPlatformEventsUsageEntitlement", 0}, {"SingleEmail", 5000}};

	sim_buf_fmt(&resp->body, "{\"DailyApiRequests\":{\"Max\":%lld,\"Remaining\":%lld}",
		(long long)req->org->daily_max, (long long)req->org->daily_left);
	sim_buf_fmt(&resp->body,
		",\"ContentPublicationLimit\":{\"Max\":%lld,\"Remaining\":%lld}"
		",\"DailyBulkApiBatches\":{\"Max\":%lld,\"Remaining\":%lld}"
		",\"DailyBulkV2QueryJobs\":{\"Max\":%lld,\"Remaining\":%lld}",
		(long long)req->org->files_max, (long long)req->org->files_left,
		(long long)req->org->bulk_batches_max, (long long)req->org->bulk_batches_left,
		(long long)req->org->bulk_queries_max, (long long)req->org->bulk_queries_left);
	for (size_t i = 0; i < SIM_COUNT(rows); i++)
		sim_buf_fmt(&resp->body, ",\"%s\":{\"Max\":%d,\"Remaining\":%d}", rows[i].name,
			rows[i].max, rows[i].max);
	sim_buf_ch(&resp->body, '}');
}

void sim_record_count(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_str names = sim_req_arg(req, "sObjects");
	bool all = !names.len, first = true;

	sim_buf_str(&resp->body, "{\"sObjects\":[");
	for (unsigned i = 0; i < req->org->nobjects; i++) {
		const struct sim_object *o = req->org->object[i];
		struct sim_str rest = names;
		bool asked = all;

		while (rest.len && !asked)
			asked = sim_is(sim_trim(sim_cut(&rest, ',')), o->name);
		if (!asked || (all && !o->store->live))
			continue;
		sim_buf_fmt(&resp->body, "%s{\"count\":%llu,\"name\":\"%s\"}", first ? "" : ",",
			(unsigned long long)o->store->live, o->name);
		first = false;
	}
	sim_buf_str(&resp->body, "]}");
}

/* ---- getUpdated, getDeleted ---- */

static bool sim_window(
	struct sim_req *req, struct sim_resp *resp, int64_t back_days, int64_t *lo, int64_t *hi)
{
	struct sim_str start = sim_req_arg(req, "start"), end = sim_req_arg(req, "end");
	int64_t now = sim_now_ms();

	if (!sim_parse_datetime(start, lo) || !sim_parse_datetime(end, hi)) {
		sim_resp_error(resp, 400, "INVALID_REPLICATION_DATE",
			"startDate and endDate must be ISO 8601 dates");
		return false;
	}
	*lo = *lo / 60000 * 60000;
	*hi = *hi / 60000 * 60000;
	if (*hi - *lo < 60000) {
		sim_resp_error(resp, 400, "INVALID_REPLICATION_DATE",
			"endDate must be at least one minute greater than startDate");
		return false;
	}
	if (*lo < now - back_days * 86400000) {
		sim_resp_error(resp, 400, "INVALID_REPLICATION_DATE",
			"startDate cannot be more than 30 days ago");
		return false;
	}
	return true;
}

static void sim_replication(struct sim_req *req, struct sim_resp *resp, bool deleted)
{
	struct sim_object *o = sim_req_object(req, resp, req->part[0]);
	struct sim_buf *b = &resp->body;
	int64_t lo, hi, now = sim_now_ms() / 60000 * 60000;
	bool first = true;

	if (!o || !sim_window(req, resp, deleted ? 15 : 30, &lo, &hi))
		return;
	sim_buf_str(b, deleted ? "{\"deletedRecords\":[" : "{\"ids\":[");
	pthread_rwlock_wrlock(&req->org->db);
	sim_store_sort_log(o->store);
	pthread_rwlock_unlock(&req->org->db);
	pthread_rwlock_rdlock(&req->org->db);
	for (size_t i = sim_store_log_from(o->store, lo);
		i < o->store->nlog && o->store->log[i].ms < hi; i++) {
		const struct sim_rec *r = sim_store_get(o->store, o->store->log[i].serial);

		if (!r || r->log_at != (uint32_t)i || (r->deleted != 0) != deleted)
			continue;
		if (!first)
			sim_buf_ch(b, ',');
		first = false;
		if (deleted)
			sim_buf_str(b, "{\"deletedDate\":\"");
		if (deleted) {
			sim_buf_datetime(b, r->deleted);
			sim_buf_str(b, "\",\"id\":");
		}
		sim_buf_id(b, req->org, r->oid);
		if (deleted)
			sim_buf_ch(b, '}');
	}
	pthread_rwlock_unlock(&req->org->db);
	sim_buf_ch(b, ']');
	if (deleted) {
		sim_buf_str(b, ",\"earliestDateAvailable\":\"");
		sim_buf_datetime(b, now - 15LL * 86400000);
		sim_buf_ch(b, '"');
	}
	sim_buf_str(b, ",\"latestDateCovered\":\"");
	sim_buf_datetime(b, hi < now ? hi : now);
	sim_buf_str(b, "\"}");
}

void sim_updated(struct sim_req *req, struct sim_resp *resp)
{
	sim_replication(req, resp, false);
}

void sim_deleted(struct sim_req *req, struct sim_resp *resp)
{
	sim_replication(req, resp, true);
}
