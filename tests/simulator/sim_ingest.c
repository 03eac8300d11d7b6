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
	j->operation = (char *)sim_arena_dup(&j->arena, op).p;
	j->object = o ? o->name : NULL;
	if (!o)
		sim_resp_error(resp, 400, "INVALIDENTITY", "InvalidEntity : Unable to find object");
	else if (req->org->bulk_batches_left <= 0)
		sim_resp_error(resp, 400, "EXCEEDEDQUOTA",
			"ExceededQuota : ApiBatchItems Limit exceeded.");
	else if (!known)
		sim_resp_error(resp, 400, "JSON_PARSER_ERROR", "Unknown operation");
	else if (sim_eq(op, SIM_S("upsert")) && (!f || !(f->external_id || f->id_lookup)))
		sim_resp_error(resp, 400, "INVALIDJOB",
			"InvalidJob : Field name provided, does not match an External ID");
	else if (sim_job_options(resp, j, doc)) {
		j->ext_field = f ? f->name : NULL;
		j->assign = sim_json_str(doc, "assignmentRuleId").len > 0;
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

/* faults of the request that closes a job hit its rows and batches */
static void sim_ingest_faults(struct sim_job *j, const struct sim_req *req)
{
	if (req->fault_rows) {
		j->fault_err = req->fault_err;
		j->fault_share = req->fault_share;
	}
	if (req->fault_fail)
		j->fail_after = req->fault_batches;
	if (req->fault_hold)
		j->hold_after = req->fault_batches;
	j->fault_clears = req->fault_clears;
}

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
	if (data.len > 100000) {
		sim_resp_error(resp, 400, "CLIENTINPUTERROR",
			"ClientInputError : The data of a multipart request has more than 100,000 "
			"characters");
		sim_job_remove(req->org, j);
	} else if (!sim_ingest_setup(req, resp, j, doc)) {
		sim_job_remove(req->org, j);
	} else {
		if (multi) {
			j->csv = sim_strdup(data);
			j->csv_len = data.len;
			j->uploaded = true;
			sim_ingest_faults(j, req);
			sim_ingest_begin(j);
		}
		sim_job_json(req, &resp->body, j, multi ? "UploadComplete" : "Open");
	}
	sim_job_release(req->org, j);
}

/* NULL, or why the upload is refused */
static const char *sim_upload_refused(const struct sim_req *req, const struct sim_job *j)
{
	if (!sim_job_is(j, "Open"))
		return "INVALIDJOBSTATE";
	if ((int64_t)req->len > req->org->set.upload_bytes)
		return "CLIENTINPUTERROR";
	return j->uploaded ? "INVALIDJOBSTATE" : NULL;
}

void sim_ingest_upload(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_job *j = sim_job_take(req, resp, true);
	const char *code = NULL;

	if (!j)
		return;
	if (req->header[SIM_H_TYPE].len && !sim_starts(req->header[SIM_H_TYPE], "text/csv")) {
		sim_resp_error(resp, 415, "UNSUPPORTED_MEDIA_TYPE",
			"The content type of the data must be text/csv");
		sim_job_release(req->org, j);
		return;
	}
	sim_pause(req, 0);
	pthread_mutex_lock(&req->org->side);
	code = sim_upload_refused(req, j);
	if (!code) {
		j->csv = req->body;
		j->csv_len = req->len;
		req->body = NULL;
		j->uploaded = true;
		resp->status = 201;
		resp->type = NULL;
	}
	pthread_mutex_unlock(&req->org->side);
	if (code && !strcmp(code, "CLIENTINPUTERROR"))
		sim_resp_error(resp, 400, code, "ClientInputError : The upload is too large");
	else if (code)
		sim_resp_error(resp, 400, code,
			"InvalidJobState : The job takes one upload, while it is Open");
	sim_job_release(req->org, j);
}

static void *sim_ingest_thread(void *arg)
{
	struct sim_job *j = arg;

	int64_t until = sim_mono_ms() + j->org->set.bulk_delay_ms;

	while (sim_job_is(j, "UploadComplete") && sim_mono_ms() < until)
		sim_sleep_us(2000);
	sim_job_move(j, "UploadComplete", "InProgress");
	sim_ingest_run(j);
	sim_job_release(j->org, j);
	return NULL;
}

static void sim_ingest_start(struct sim_job *j)
{
	pthread_t thread;

	pthread_mutex_lock(&j->org->side);
	j->users++;
	pthread_mutex_unlock(&j->org->side);
	if (!pthread_create(&thread, NULL, sim_ingest_thread, j))
		pthread_detach(thread);
}

static void sim_ingest_begin(struct sim_job *j)
{
	if (sim_job_move(j, "Open", "UploadComplete"))
		sim_ingest_start(j);
}

static bool sim_ingest_abort(struct sim_job *j)
{
	if (sim_job_move(j, "Open", "Aborted")) {
		sim_ingest_start(j); /* finds the rows for the file of unprocessed ones */
		return true;
	}
	return sim_job_move(j, "UploadComplete", "Aborted") ||
	       sim_job_move(j, "InProgress", "Aborted");
}

void sim_ingest_patch(struct sim_req *req, struct sim_resp *resp)
{
	const struct sim_json *doc = sim_req_json(req, resp);
	struct sim_job *j = doc ? sim_job_take(req, resp, true) : NULL;
	struct sim_str state = sim_json_str(doc, "state");

	if (!j)
		return;
	sim_pause(req, 0);
	if (sim_eq(state, SIM_S("UploadComplete")) && sim_job_is(j, "Open")) {
		sim_ingest_faults(j, req);
		sim_ingest_begin(j);
		sim_job_json(req, &resp->body, j, "UploadComplete");
	} else if (sim_eq(state, SIM_S("Aborted")) && sim_ingest_abort(j)) {
		sim_job_json(req, &resp->body, j, "Aborted");
	} else {
		sim_resp_error(resp, 400, "INVALIDJOBSTATE",
			"InvalidJobState : Invalid job state transition");
	}
	sim_job_release(req->org, j);
}

void sim_ingest_get(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_job *j = sim_job_take(req, resp, true);

	if (!j)
		return;
	sim_job_json(req, &resp->body, j, NULL);
	sim_job_release(req->org, j);
}

void sim_ingest_delete(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_job *j = sim_job_take(req, resp, true);

	if (!j)
		return;
	sim_job_move(j, "UploadComplete", "Aborted");
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

void sim_ingest_list(struct sim_req *req, struct sim_resp *resp)
{
	sim_job_list(req, resp, true);
}
