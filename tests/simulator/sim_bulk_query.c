/* Bulk API 2.0 query jobs. The result is a list of records as they were: stable while the job is.
 */
#include "sim_job.h"

#include <stdlib.h>

static bool sim_bulk_allowed(struct sim_req *req, struct sim_resp *resp, const struct sim_query *q)
{
	bool bad = q->aggregate || q->offset;

	for (const struct sim_item *it = q->items; it; it = it->next)
		bad |= it->sub || (it->path.field && it->path.field->nparts) ||
		       (it->path.field && it->path.field->type == SIM_T_BASE64);
	(void)req;
	if (bad)
		sim_resp_error(resp, 400, "API_ERROR",
			"GROUP BY, OFFSET, aggregates, sub-queries, compound and base64 fields are "
			"not supported in a "
			"bulk query");
	return !bad;
}

/* everything that the rows show must be held at once; parents are read when shown */
static void sim_bulk_snapshot(struct sim_job *j)
{
	struct sim_result res = {0};

	sim_query_run(j->q, 0, &res);
	j->rec = sim_alloc(sizeof(*j->rec) * (res.n + 1));
	for (size_t i = 0; i < res.n;) {
		pthread_rwlock_rdlock(&j->org->db);
		for (size_t stop = i + 4096; i < res.n && i < stop; i++) {
			struct sim_rec *r = sim_store_get(j->q->obj->store, res.serial[i]);

			if (r)
				j->rec[j->nrec++] = sim_rec_ref(r);
		}
		pthread_rwlock_unlock(&j->org->db);
	}
	sim_result_done(&res);
}

void sim_bulk_query_create(struct sim_req *req, struct sim_resp *resp)
{
	const struct sim_json *doc = sim_req_json(req, resp);
	struct sim_str text = sim_json_str(doc, "query"), op = sim_json_str(doc, "operation");
	struct sim_err err = {0};
	struct sim_job *j;

	if (!doc)
		return;
	j = sim_job_new(req, false);
	j->operation = sim_strdup(sim_eq(op, SIM_S("queryAll")) ? op : SIM_S("query"));
	pthread_rwlock_rdlock(&req->org->db);
	j->q = sim_soql_parse(req->org, &j->arena, text, &err);
	pthread_rwlock_unlock(&req->org->db);
	if (err.code)
		sim_resp_err(resp, 400, &err);
	if (!j->q || !sim_job_options(req, resp, j, doc) || !sim_bulk_allowed(req, resp, j->q)) {
		sim_job_remove(req->org, j);
		sim_job_release(req->org, j);
		return;
	}
	j->q->all |= sim_eq(op, SIM_S("queryAll"));
	j->q->version = j->version;
	j->object = j->q->obj->name;
	sim_bulk_snapshot(j);
	j->done_ms = j->ready_ms;
	sim_buf_done(&resp->body);
	sim_job_json(req, &resp->body, j, false);
	/* the reply to the creation tells the first state, even when the work is done */
	{
		char *at = strstr(resp->body.p, "\"state\":\"JobComplete\"");

		if (at) {
			struct sim_buf b = {0};

			sim_buf_add(&b, resp->body.p, (size_t)(at - resp->body.p));
			sim_buf_str(&b, "\"state\":\"UploadComplete\"");
			at += strlen("\"state\":\"JobComplete\"");
			sim_buf_add(&b, at, resp->body.len - (size_t)(at - resp->body.p));
			sim_buf_done(&resp->body);
			resp->body = b;
		}
	}
	sim_job_release(req->org, j);
}

void sim_bulk_query_list(struct sim_req *req, struct sim_resp *resp)
{
	sim_job_list(req, resp, false);
}

void sim_bulk_query_get(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_job *j = sim_job_take(req, resp, false);

	if (!j)
		return;
	sim_job_json(req, &resp->body, j, true);
	sim_job_release(req->org, j);
}

void sim_bulk_query_patch(struct sim_req *req, struct sim_resp *resp)
{
	const struct sim_json *doc = sim_req_json(req, resp);
	struct sim_job *j = doc ? sim_job_take(req, resp, false) : NULL;

	if (!j)
		return;
	if (!sim_eq(sim_json_str(doc, "state"), SIM_S("Aborted")) ||
		!strcmp(sim_job_state(j), "JobComplete")) {
		sim_resp_error(
			resp, 400, "INVALIDJOBSTATE", "Aborting already completed Job not allowed");
	} else {
		j->state = "Aborted";
		sim_job_json(req, &resp->body, j, true);
	}
	sim_job_release(req->org, j);
}

void sim_bulk_query_delete(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_job *j = sim_job_take(req, resp, false);

	if (!j)
		return;
	if (!strcmp(sim_job_state(j), "InProgress")) {
		sim_resp_error(resp, 400, "API_ERROR",
			"Error encountered when deleting the job because the job is not "
			"terminated");
	} else {
		sim_job_remove(req->org, j);
		resp->status = 204;
	}
	sim_job_release(req->org, j);
}

static void sim_path_header(struct sim_buf *b, const struct sim_path *p)
{
	struct sim_buf name = {0};

	for (int i = 0; i < p->nsteps; i++) {
		sim_buf_s(&name, p->step_name[i]);
		sim_buf_ch(&name, '.');
	}
	sim_buf_s(&name, p->name);
	sim_buf_csv(b, sim_buf_view(&name));
	sim_buf_done(&name);
}

static void sim_bulk_rows(struct sim_job *j, struct sim_buf *b, size_t at, size_t n)
{
	const char *end = j->crlf ? "\r\n" : "\n";
	struct sim_buf cell = {0};

	for (const struct sim_item *it = j->q->items; it; it = it->next) {
		sim_path_header(b, &it->path);
		sim_buf_add(b, it->next ? &j->delimiter : end, it->next ? 1 : strlen(end));
	}
	for (size_t i = at; i < at + n; i++)
		for (const struct sim_item *it = j->q->items; it; it = it->next) {
			cell.len = 0;
			sim_query_path_plain(&cell, j->q, &it->path, j->rec[i]);
			sim_buf_csv(b, sim_buf_view(&cell));
			sim_buf_add(b, it->next ? &j->delimiter : end, it->next ? 1 : strlen(end));
		}
	sim_buf_done(&cell);
}

/* locators are text to be handed back, not to be read */
static bool sim_locator_at(struct sim_str s, size_t *ret)
{
	int64_t v = 0;

	if (s.len < 2 || s.p[0] != 'L')
		return false;
	s.p++, s.len--;
	if (!sim_to_i64(s, &v) || v < 0 || v % 7919)
		return false;
	*ret = (size_t)(v / 7919);
	return true;
}

static size_t sim_max_records(struct sim_req *req)
{
	int64_t n = 0;

	sim_to_i64(sim_req_arg(req, "maxRecords"), &n);
	return n > 0 ? (size_t)n : 50000;
}

static struct sim_job *sim_ready_job(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_job *j = sim_job_take(req, resp, false);

	if (!j)
		return NULL;
	if (strcmp(sim_job_state(j), "JobComplete")) {
		sim_resp_error(resp, 400, "INVALIDJOBSTATE", "The job is not complete");
	} else if (strcmp(j->version, req->version)) {
		sim_resp_error(resp, 409, "API_ERROR",
			"The job was created with another version of the API");
	} else {
		return j;
	}
	sim_job_release(req->org, j);
	return NULL;
}

void sim_bulk_query_results(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_job *j = sim_ready_job(req, resp);
	struct sim_str loc = sim_req_arg(req, "locator");
	size_t at = 0, max = sim_max_records(req), n;

	if (!j)
		return;
	if (loc.len && (!sim_locator_at(loc, &at) || at > j->nrec)) {
		sim_resp_error(resp, 400, "INVALID_QUERY_LOCATOR", "invalid query locator");
		sim_job_release(req->org, j);
		return;
	}
	n = j->nrec - at < max ? j->nrec - at : max;
	sim_pause(req, n);
	resp->type = "text/csv;charset=UTF-8";
	sim_bulk_rows(j, &resp->body, at, n);
	sim_resp_header(resp, "Sforce-NumberOfRecords", "%zu", n);
	if (at + n < j->nrec)
		sim_resp_header(resp, "Sforce-Locator", "L%zu", (at + n) * 7919);
	else
		sim_resp_header(resp, "Sforce-Locator", "null");
	sim_job_release(req->org, j);
}

void sim_bulk_query_pages(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_job *j = sim_ready_job(req, resp);
	size_t at = 0, max = sim_max_records(req);
	struct sim_buf *b = &resp->body;
	int n = 0;

	if (!j)
		return;
	sim_locator_at(sim_req_arg(req, "locator"), &at);
	sim_buf_str(b, "{\"resultPages\":[");
	for (; n < 5 && (at < j->nrec || (!n && !j->nrec)); n++, at += max) {
		sim_buf_fmt(b,
			"%s{\"resultUrl\":\"/services/data/%s/jobs/query/%s/"
			"results?locator=L%zu&maxRecords=%zu\"}",
			n ? "," : "", j->version, j->id, at * 7919, max);
		if (!j->nrec)
			break;
	}
	sim_buf_ch(b, ']');
	if (at < j->nrec)
		sim_buf_fmt(b,
			",\"nextRecordsUrl\":\"/services/data/%s/jobs/query/%s/"
			"resultPages?locator=L%zu&maxRecords=%zu\"",
			j->version, j->id, at * 7919, max);
	sim_buf_fmt(b, ",\"done\":%s}", at < j->nrec ? "false" : "true");
	sim_job_release(req->org, j);
}
