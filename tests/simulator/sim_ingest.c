/* Bulk API 2.0 ingest jobs: the calls. */
#include "sim_job.h"

#include <stdlib.h>

static bool sim_ingest_setup(
	struct sim_req *req, struct sim_resp *resp, struct sim_job *j, const struct sim_json *doc)
{
	static const char *const ops[] = {"insert", "update", "upsert", "delete", "hardDelete"};
	struct sim_str op = sim_json_str(doc, "operation"),
		       ext = sim_json_str(doc, "externalIdFieldName");
	struct sim_object *o = sim_object_find(req->org, sim_json_str(doc, "object"));
	const struct sim_field *f = o && ext.len ? sim_field_find(o, ext) : NULL;
	bool known = false;

	for (size_t i = 0; i < SIM_COUNT(ops); i++)
		known |= sim_eq(op, sim_cstr(ops[i]));
	j->operation = sim_strdup(op);
	j->object = sim_strdup(sim_json_str(doc, "object"));
	if (!o)
		sim_resp_error(resp, 400, "INVALIDENTITY", "Unable to find object");
	else if (!known)
		sim_resp_error(resp, 400, "JSON_PARSER_ERROR", "Unknown operation");
	else if (sim_eq(op, SIM_S("upsert")) && (!f || !(f->external_id || f->id_lookup)))
		sim_resp_error(resp, 400, "INVALIDJOB",
			"InvalidJob : Field name provided, does not match an External ID");
	else if (sim_job_options(req, resp, j, doc)) {
		j->ext_field = f ? f->name : NULL;
		return true;
	}
	return false;
}

/* the parts of a one-shot creation */
static struct sim_str sim_part(struct sim_str body, const char *name)
{
	char want[64];
	char *at, *end, *text = (char *)body.p;

	snprintf(want, sizeof(want), "name=\"%s\"", name);
	at = memmem(text, body.len, want, strlen(want));
	at = at ? strstr(at, "\r\n\r\n") : NULL;
	if (!at)
		return (struct sim_str){NULL, 0};
	at += 4;
	end = memmem(at, body.len - (size_t)(at - text), "\r\n--", 4);
	return (struct sim_str){at, end ? (size_t)(end - at) : 0};
}

static void sim_ingest_begin(struct sim_job *j);

void sim_ingest_create(struct sim_req *req, struct sim_resp *resp)
{
	bool multi = sim_starts(req->header[SIM_H_TYPE], "multipart/form-data");
	const struct sim_json *doc;
	struct sim_str part = {req->body, req->len}, data = {NULL, 0};
	struct sim_job *j;

	if (multi) {
		data = sim_part((struct sim_str){req->body, req->len}, "content");
		part = sim_part((struct sim_str){req->body, req->len}, "job");
		data = sim_arena_dup(req->arena, data);
		part = sim_arena_dup(req->arena, part);
		req->json = sim_json_parse(req->arena, (char *)part.p, part.len, NULL);
	}
	doc = sim_req_json(req, resp);
	if (!doc)
		return;
	j = sim_job_new(req, true);
	if (!sim_ingest_setup(req, resp, j, doc)) {
		sim_job_remove(req->org, j);
	} else {
		if (multi) {
			j->csv = sim_strdup(data);
			j->csv_len = data.len;
			j->uploaded = true;
			sim_ingest_begin(j);
		}
		sim_job_json(req, &resp->body, j, false);
	}
	sim_job_release(req->org, j);
}

void sim_ingest_upload(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_job *j = sim_job_take(req, resp, true);

	if (!j)
		return;
	if (strcmp(j->state, "Open") || j->uploaded) {
		sim_resp_error(resp, 400, "INVALIDJOBSTATE",
			"Found multiple contents for job; only one upload is allowed");
	} else {
		j->csv = req->body;
		j->csv_len = req->len;
		req->body = NULL;
		j->uploaded = true;
		resp->status = 201;
		resp->type = NULL;
	}
	sim_job_release(req->org, j);
}

static void *sim_ingest_thread(void *arg)
{
	struct sim_job *j = arg;

	if (j->org->set.bulk_delay_ms)
		sim_sleep_us(j->org->set.bulk_delay_ms * 1000);
	if (!strcmp(j->state, "UploadComplete"))
		j->state = "InProgress";
	sim_ingest_run(j);
	sim_job_release(j->org, j);
	return NULL;
}

static void sim_ingest_begin(struct sim_job *j)
{
	pthread_t thread;

	j->state = "UploadComplete";
	pthread_mutex_lock(&j->org->side);
	j->users++;
	pthread_mutex_unlock(&j->org->side);
	if (!pthread_create(&thread, NULL, sim_ingest_thread, j))
		pthread_detach(thread);
}

static bool sim_ingest_over(const struct sim_job *j)
{
	return !strcmp(j->state, "JobComplete") || !strcmp(j->state, "Failed") ||
	       !strcmp(j->state, "Aborted");
}

void sim_ingest_patch(struct sim_req *req, struct sim_resp *resp)
{
	const struct sim_json *doc = sim_req_json(req, resp);
	struct sim_job *j = doc ? sim_job_take(req, resp, true) : NULL;
	struct sim_str state = sim_json_str(doc, "state");

	if (!j)
		return;
	if (sim_eq(state, SIM_S("UploadComplete")) && !strcmp(j->state, "Open")) {
		sim_ingest_begin(j);
		sim_job_json(req, &resp->body, j, false);
	} else if (sim_eq(state, SIM_S("Aborted")) && !sim_ingest_over(j)) {
		j->state = "Aborted";
		sim_job_json(req, &resp->body, j, false);
	} else {
		sim_resp_error(resp, 400, "INVALIDJOBSTATE", "Invalid job state transition");
	}
	sim_job_release(req->org, j);
}

void sim_ingest_get(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_job *j = sim_job_take(req, resp, true);

	if (!j)
		return;
	sim_job_json(req, &resp->body, j, true);
	sim_job_release(req->org, j);
}

void sim_ingest_delete(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_job *j = sim_job_take(req, resp, true);

	if (!j)
		return;
	if (!sim_ingest_over(j) && strcmp(j->state, "UploadComplete")) {
		sim_resp_error(resp, 400, "API_ERROR",
			"Error encountered when deleting the job because the job is not "
			"terminated");
	} else {
		sim_job_remove(req->org, j);
		resp->status = 204;
	}
	sim_job_release(req->org, j);
}

void sim_ingest_list(struct sim_req *req, struct sim_resp *resp)
{
	sim_job_list(req, resp, true);
}

/* ---- result files ---- */

enum sim_file_kind { SIM_GOOD, SIM_FAILED, SIM_UNPROCESSED };

static bool sim_row_in(const struct sim_ingest_row *r, enum sim_file_kind kind)
{
	if (kind == SIM_UNPROCESSED)
		return !r->tried;
	return r->tried && (kind == SIM_GOOD) == !r->error;
}

static void sim_result_head(const struct sim_job *j, struct sim_buf *b, enum sim_file_kind kind)
{
	if (kind != SIM_UNPROCESSED)
		sim_buf_fmt(b, "\"sf__Id\"%c%s%c", j->delimiter,
			kind == SIM_GOOD ? "\"sf__Created\"" : "\"sf__Error\"", j->delimiter);
	for (int i = 0; i < j->ncolumns; i++) {
		if (i)
			sim_buf_ch(b, j->delimiter);
		sim_buf_csv(b, j->column[i]);
	}
	sim_buf_str(b, j->crlf ? "\r\n" : "\n");
}

static void sim_result_row(const struct sim_job *j, struct sim_buf *b,
	const struct sim_ingest_row *r, enum sim_file_kind kind)
{
	char id[19] = "";

	if (r->id && (kind == SIM_GOOD || strcmp(j->operation, "insert")))
		sim_id_text(j->org, r->id, id);
	if (kind != SIM_UNPROCESSED) {
		sim_buf_fmt(b, "\"%s\"%c", id, j->delimiter);
		if (kind == SIM_GOOD)
			sim_buf_str(b, r->created ? "\"true\"" : "\"false\"");
		else
			sim_buf_csv(b, sim_cstr(r->error));
		sim_buf_ch(b, j->delimiter);
	}
	for (int i = 0; i < j->ncolumns; i++) {
		if (i)
			sim_buf_ch(b, j->delimiter);
		sim_buf_csv(b, r->cell[i]);
	}
	sim_buf_str(b, j->crlf ? "\r\n" : "\n");
}

static void sim_ingest_file(struct sim_req *req, struct sim_resp *resp, enum sim_file_kind kind)
{
	struct sim_job *j = sim_job_take(req, resp, true);

	if (!j)
		return;
	if (!sim_ingest_over(j)) {
		sim_resp_error(resp, 400, "INVALIDJOBSTATE", "The job is not complete");
	} else {
		resp->type = "text/csv;charset=UTF-8";
		sim_result_head(j, &resp->body, kind);
		/* not in the order of the input, on purpose */
		for (int pass = 1; pass >= 0; pass--)
			for (size_t i = 0; i < j->nrows; i++)
				if ((int)(i / 10 % 2) == pass && sim_row_in(&j->row[i], kind))
					sim_result_row(j, &resp->body, &j->row[i], kind);
	}
	sim_job_release(req->org, j);
}

void sim_ingest_good(struct sim_req *req, struct sim_resp *resp)
{
	sim_ingest_file(req, resp, SIM_GOOD);
}

void sim_ingest_failed(struct sim_req *req, struct sim_resp *resp)
{
	sim_ingest_file(req, resp, SIM_FAILED);
}

void sim_ingest_unprocessed(struct sim_req *req, struct sim_resp *resp)
{
	sim_ingest_file(req, resp, SIM_UNPROCESSED);
}
