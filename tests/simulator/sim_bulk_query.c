/* Bulk API 2.0 query jobs. The result is a list of records as they were: stable while the job is.
 */
#include "sim_job.h"

#include <stdlib.h>

static bool sim_bulk_allowed(struct sim_resp *resp, const struct sim_query *q)
{
	bool bad = q->aggregate || q->offset || q->macro;

	for (const struct sim_item *it = q->items; it; it = it->next)
		bad |= it->sub || (it->path.field && it->path.field->nparts) ||
		       (it->path.field && it->path.field->type == SIM_T_BASE64);
	if (bad)
		sim_resp_error(resp, 400, "API_ERROR",
			"GROUP BY, OFFSET, FIELDS(), aggregates, sub-queries, compound and base64 "
			"fields are not supported in a bulk query");
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

/* false: replied */
static bool sim_bulk_setup(
	struct sim_req *req, struct sim_resp *resp, struct sim_job *j, const struct sim_json *doc)
{
	struct sim_str text = sim_json_str(doc, "query"), op = sim_json_str(doc, "operation");
	struct sim_err err = {0};

	if (!sim_eq(op, SIM_S("query")) && !sim_eq(op, SIM_S("queryAll"))) {
		sim_resp_error(resp, 400, "JSON_PARSER_ERROR", "Unknown operation");
		return false;
	}
	j->operation = (char *)sim_arena_dup(&j->arena, op).p;
	text = sim_arena_dup(&j->arena, text);
	pthread_rwlock_rdlock(&req->org->db);
	j->q = sim_soql_parse(req->org, &j->arena, text, &err);
	pthread_rwlock_unlock(&req->org->db);
	if (!j->q) {
		sim_resp_err(resp, 400, &err);
		return false;
	}
	if (!sim_job_options(resp, j, doc) || !sim_bulk_allowed(resp, j->q))
		return false;
	if (!sim_job_quota(&req->org->bulk_queries_left)) {
		sim_resp_error(resp, 400, "EXCEEDEDQUOTA",
			"ExceededQuota : The limit of query jobs in 24 hours is exceeded.");
		return false;
	}
	j->q->all |= sim_eq(op, SIM_S("queryAll"));
	j->q->version = j->version;
	j->object = j->q->obj->name;
	return true;
}

void sim_bulk_query_create(struct sim_req *req, struct sim_resp *resp)
{
	const struct sim_json *doc = sim_req_json(req, resp);
	struct sim_job *j;

	if (!doc)
		return;
	j = sim_job_new(req, false);
	if (!sim_bulk_setup(req, resp, j, doc)) {
		sim_job_remove(req->org, j);
	} else {
		sim_bulk_snapshot(j);
		j->done_ms = j->ready_ms + req->org->set.bulk_batch_ms;
		sim_job_json(req, &resp->body, j, "UploadComplete");
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
	sim_job_json(req, &resp->body, j, NULL);
	sim_job_release(req->org, j);
}

void sim_bulk_query_patch(struct sim_req *req, struct sim_resp *resp)
{
	const struct sim_json *doc = sim_req_json(req, resp);
	struct sim_job *j = doc ? sim_job_take(req, resp, false) : NULL;

	if (!j)
		return;
	sim_pause(req, 0);
	if (sim_eq(sim_json_str(doc, "state"), SIM_S("Aborted")) &&
		(sim_job_move(j, "UploadComplete", "Aborted") ||
			sim_job_move(j, "InProgress", "Aborted")))
		sim_job_json(req, &resp->body, j, "Aborted");
	else
		sim_resp_error(resp, 400, "INVALIDJOBSTATE",
			"InvalidJobState : Aborting already completed Job not allowed");
	sim_job_release(req->org, j);
}

void sim_bulk_query_delete(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_job *j = sim_job_take(req, resp, false);

	if (!j)
		return;
	if (!sim_job_over(j)) {
		sim_resp_error(resp, 400, "API_ERROR",
			"Error encountered when deleting the job because the job is not "
			"terminated");
	} else {
		sim_job_remove(req->org, j);
		resp->status = 204;
	}
	sim_job_release(req->org, j);
}

/* ---- results ---- */

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

/* in no order unless the query asks for one */
static struct sim_rec *sim_bulk_row(const struct sim_job *j, size_t i)
{
	return j->rec[j->q->norder ? i : sim_mixed(i, j->nrec)];
}

static void sim_bulk_rows(struct sim_job *j, struct sim_buf *b, size_t at, size_t n)
{
	const char *end = j->crlf ? "\r\n" : "\n";
	struct sim_buf cell = {0};

	if (!n && j->org->set.empty_no_header)
		return;
	for (const struct sim_item *it = j->q->items; it; it = it->next) {
		sim_path_header(b, &it->path);
		sim_buf_add(b, it->next ? &j->delimiter : end, it->next ? 1 : strlen(end));
	}
	for (size_t i = at; i < at + n; i++)
		for (const struct sim_item *it = j->q->items; it; it = it->next) {
			cell.len = 0;
			sim_query_path_plain(&cell, j->q, &it->path, sim_bulk_row(j, i));
			if (cell.len || !j->org->set.bare_null)
				sim_buf_csv(b, sim_buf_view(&cell));
			sim_buf_add(b, it->next ? &j->delimiter : end, it->next ? 1 : strlen(end));
		}
	sim_buf_done(&cell);
}

static struct sim_job *sim_ready_job(
	struct sim_req *req, struct sim_resp *resp, size_t *ret_at, size_t *ret_max)
{
	struct sim_job *j = sim_job_take(req, resp, false);

	if (!j)
		return NULL;
	if (strcmp(j->version, req->version) != 0)
		sim_resp_error(resp, 409, "API_ERROR",
			"The job was created with another version of the API");
	else if (!sim_job_is(j, "JobComplete") && req->org->set.early_not_found)
		sim_resp_error(resp, 404, "NOT_FOUND", "The requested resource does not exist");
	else if (!sim_job_is(j, "JobComplete"))
		sim_resp_error(resp, 400, "INVALIDJOBSTATE", "The job is not complete");
	else if (!sim_page_args(req, ret_at, ret_max) || *ret_at > j->nrec)
		sim_resp_error(resp, 400, "INVALID_QUERY_LOCATOR", "invalid query locator");
	else
		return j;
	sim_job_release(req->org, j);
	return NULL;
}

void sim_bulk_query_results(struct sim_req *req, struct sim_resp *resp)
{
	size_t at, max, n;
	struct sim_job *j = sim_ready_job(req, resp, &at, &max);

	if (!j)
		return;
	n = j->nrec - at < max ? j->nrec - at : max;
	sim_pause(req, n);
	sim_bulk_rows(j, &resp->body, at, n);
	sim_page_headers(resp, n, at + n, at + n < j->nrec);
	sim_job_release(req->org, j);
}

void sim_bulk_query_pages(struct sim_req *req, struct sim_resp *resp)
{
	size_t at, max;
	struct sim_job *j = sim_ready_job(req, resp, &at, &max);
	struct sim_buf *b = &resp->body;
	double version = 0;

	if (!j)
		return;
	sscanf(req->version, "v%lf", &version);
	if (version < 58) {
		sim_resp_error(resp, 404, "NOT_FOUND", "The requested resource does not exist");
		sim_job_release(req->org, j);
		return;
	}
	sim_buf_str(b, "{\"resultPages\":[");
	for (int n = 0; n < 5 && (at < j->nrec || (!n && !j->nrec)); n++, at += max)
		sim_buf_fmt(b,
			"%s{\"resultUrl\":\"/services/data/%s/jobs/query/%s/"
			"results?locator=L%zuN%zu\"}",
			n ? "," : "", j->version, j->id, at * 7919, max);
	sim_buf_ch(b, ']');
	if (at < j->nrec)
		sim_buf_fmt(b,
			",\"nextRecordsUrl\":\"/services/data/%s/jobs/query/%s/"
			"resultPages?locator=L%zuN%zu\"",
			j->version, j->id, at * 7919, max);
	sim_buf_fmt(b, ",\"done\":%s}", at < j->nrec ? "false" : "true");
	sim_job_release(req->org, j);
}
