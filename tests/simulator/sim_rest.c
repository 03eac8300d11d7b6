/* Single records: create, read, change, delete, by id and by external id. */
#include "sim_http.h"
#include "sim_soql.h"

#include <stdlib.h>

static void sim_one(struct sim_req *req, struct sim_txn *t, struct sim_row *row)
{
	*t = (struct sim_txn){.org = req->org,
		.arena = req->arena,
		.user = req->user,
		.row = row,
		.n = 1,
		.allow_save = sim_allows_duplicates(req),
		.assign = sim_assigns(req)};
	if (req->fault_rows) {
		t->fault = &req->fault_err;
		t->fault_share = req->fault_share;
	}
	if (req->undo) {
		t->keep_undo = true;
		t->undo = *req->undo;
	}
	t->pause_us = sim_latency(req, 1);
	sim_txn_run(t);
	if (req->undo)
		*req->undo = t->undo;
	sim_txn_end(t);
}

static void sim_location(
	struct sim_req *req, struct sim_resp *resp, const struct sim_row *row, char id[19])
{
	sim_id_text(req->org, row->id, id);
	sim_resp_header(resp, "Location", "/services/data/%s/sobjects/%s/%s", req->version,
		row->obj->name, id);
}

bool sim_id_of_object(struct sim_req *req, struct sim_resp *resp, const struct sim_object *o,
	struct sim_str text, uint64_t *ret)
{
	const struct sim_rec *r;
	bool gone, there;

	if (sim_id_parse(req->org, text, ret) != SIM_ID_OK || sim_oid_obj(*ret) != o->idx) {
		if (sim_id_parse(req->org, text, ret) == SIM_ID_BAD)
			sim_resp_error(resp, 400, "MALFORMED_ID", "bad id");
		else
			sim_resp_error(
				resp, 404, "NOT_FOUND", "The requested resource does not exist");
		return false;
	}
	pthread_rwlock_rdlock(&req->org->db);
	r = sim_find(req->org, *ret);
	there = r != NULL;
	gone = r && r->deleted;
	pthread_rwlock_unlock(&req->org->db);
	if (gone)
		sim_resp_row_err(resp, 404,
			&(struct sim_err){.code = "ENTITY_IS_DELETED", .msg = "entity is deleted"});
	else if (!there)
		sim_resp_error(resp, 404, "NOT_FOUND", "The requested resource does not exist");
	return there && !gone;
}

void sim_row_create(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_object *o = sim_req_object(req, resp, req->part[0]);
	const struct sim_json *in = o ? sim_req_json(req, resp) : NULL;
	struct sim_row row = {.obj = o, .in = in, .op = SIM_INSERT};
	struct sim_txn t;
	char id[19];

	if (!in)
		return;
	if (!o->createable) {
		sim_resp_error(resp, 400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
			"entity type cannot be inserted");
		return;
	}
	sim_one(req, &t, &row);
	if (row.err.code || t.call_err.code) {
		sim_resp_row_err(resp, 400, row.err.code ? &row.err : &t.call_err);
		return;
	}
	resp->status = 201;
	sim_location(req, resp, &row, id);
	sim_buf_fmt(&resp->body, "{\"id\":\"%s\",\"success\":true,\"errors\":[]%s}", id,
		sim_findi(req->path, SIM_S("/Id")) ? ",\"created\":true" : "");
}

static bool sim_unmodified(struct sim_req *req, struct sim_resp *resp, uint64_t oid)
{
	struct sim_rec *r;
	int64_t limit_s;
	bool ok;

	if (!sim_http_time(req->header[SIM_H_UNMODIFIED], &limit_s))
		return true;
	r = sim_take_rec(req->org, oid);
	ok = !r || r->modified / 1000 <= limit_s;
	sim_rec_unref(r);
	if (!ok)
		sim_resp_error(resp, 412, "PRECONDITION_FAILED",
			"The record was modified since the date given");
	return ok;
}

void sim_row_update(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_object *o = sim_req_object(req, resp, req->part[0]);
	struct sim_row row = {.obj = o, .op = SIM_UPDATE};
	struct sim_txn t;

	if (!o || !sim_id_of_object(req, resp, o, req->part[1], &row.id) ||
		!sim_unmodified(req, resp, row.id))
		return;
	row.in = sim_req_json(req, resp);
	if (!row.in)
		return;
	if (sim_json_geti(row.in, "Id")) {
		sim_resp_error(resp, 400, "INVALID_FIELD",
			"The Id field should not be specified in the sobject data.");
		return;
	}
	sim_one(req, &t, &row);
	if (row.err.code)
		sim_resp_row_err(resp, sim_err_status(&row.err), &row.err);
	else
		resp->status = 204;
}

static void sim_delete_one(
	struct sim_req *req, struct sim_resp *resp, struct sim_object *o, uint64_t oid)
{
	struct sim_row row = {.obj = o, .op = SIM_DELETE, .id = oid};
	struct sim_txn t;

	sim_one(req, &t, &row);
	if (row.err.code)
		sim_resp_row_err(resp, sim_err_status(&row.err), &row.err);
	else
		resp->status = 204;
}

void sim_row_delete(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_object *o = sim_req_object(req, resp, req->part[0]);
	uint64_t oid;

	if (o && sim_id_of_object(req, resp, o, req->part[1], &oid))
		sim_delete_one(req, resp, o, oid);
}

static void sim_send_record(
	struct sim_req *req, struct sim_resp *resp, struct sim_object *o, uint64_t oid)
{
	struct sim_str fields = sim_req_arg(req, "fields");
	struct sim_buf soql = {0};
	struct sim_err err = {0};
	struct sim_query *q;
	struct sim_str text;
	uint32_t serial = (uint32_t)sim_oid_serial(oid);

	if (fields.len)
		sim_buf_fmt(&soql, "SELECT %.*s FROM %s", SIM_P(fields), o->name);
	else
		sim_buf_fmt(&soql, "SELECT FIELDS(ALL) FROM %s", o->name);
	text = sim_buf_view(&soql);
	q = sim_soql_parse(req->org, req->arena, text, &err);
	sim_buf_done(&soql);
	if (!q) {
		sim_resp_err(resp, 400, &err);
		return;
	}
	q->version = req->version;
	sim_query_rows(q, &resp->body, &serial, 1);
}

void sim_row_get(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_object *o = sim_req_object(req, resp, req->part[0]);
	uint64_t oid;

	if (o && sim_id_of_object(req, resp, o, req->part[1], &oid))
		sim_send_record(req, resp, o, oid);
}

/* ---- by external id ---- */

static const struct sim_field *sim_ext_field(
	struct sim_req *req, struct sim_resp *resp, struct sim_object *o)
{
	const struct sim_field *f = sim_field_find(o, req->part[1]);
	char msg[200];

	if (f && (f->external_id || f->id_lookup))
		return f;
	snprintf(msg, sizeof(msg),
		"Provided external ID field does not exist or is not accessible: %.*s",
		SIM_P(req->part[1]));
	sim_resp_error(resp, 404, "NOT_FOUND", msg);
	return NULL;
}

static void sim_choices(struct sim_req *req, struct sim_resp *resp, const struct sim_object *o,
	const uint64_t *oid, int n)
{
	char id[19];

	resp->status = 300;
	resp->body.len = 0;
	for (int i = 0; i < n; i++) {
		sim_id_text(req->org, oid[i], id);
		sim_buf_fmt(&resp->body, "%s\"/services/data/%s/sobjects/%s/%s\"", i ? "," : "[",
			req->version, o->name, id);
	}
	sim_buf_ch(&resp->body, ']');
}

/* finds by part[1] = part[2]; the number of matches, -1 when replied */
static int sim_find_by_ext(
	struct sim_req *req, struct sim_resp *resp, struct sim_object *o, uint64_t *oid, int max)
{
	const struct sim_field *f = sim_ext_field(req, resp, o);
	struct sim_conv conv = {.org = req->org, .arena = req->arena, .csv = true};
	struct sim_json text = {.type = SIM_J_STR, .text = req->part[2], .clean = false};
	struct sim_err err = {0};
	struct sim_val v;
	uint64_t at = 0;
	int n = 0;

	if (!f)
		return -1;
	if (f->sys == SIM_SYS_ID)
		return sim_id_of_object(req, resp, o, req->part[2], oid) ? 1 : -1;
	if (!sim_value_in(&conv, f, &text, &v, &err)) {
		sim_resp_err(resp, 400, &err);
		return -1;
	}
	pthread_rwlock_rdlock(&req->org->db);
	while (n < max && !v.null && (at = sim_index_next(o->store, f->index, v.s, at)))
		oid[n++] = sim_oid(o->idx, at);
	pthread_rwlock_unlock(&req->org->db);
	return n;
}

static bool sim_only_one(
	struct sim_req *req, struct sim_resp *resp, struct sim_object *o, uint64_t *oid)
{
	uint64_t found[20];
	int n = sim_find_by_ext(req, resp, o, found, 20);

	if (n == 0)
		sim_resp_error(resp, 404, "NOT_FOUND", "The requested resource does not exist");
	else if (n > 1)
		sim_choices(req, resp, o, found, n);
	else if (n == 1)
		*oid = found[0];
	return n == 1;
}

void sim_row_get_ext(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_object *o = sim_req_object(req, resp, req->part[0]);
	uint64_t oid;

	if (o && sim_only_one(req, resp, o, &oid))
		sim_send_record(req, resp, o, oid);
}

void sim_row_delete_ext(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_object *o = sim_req_object(req, resp, req->part[0]);
	uint64_t oid;

	if (o && sim_only_one(req, resp, o, &oid))
		sim_delete_one(req, resp, o, oid);
}

static void sim_upsert_reply(struct sim_req *req, struct sim_resp *resp, struct sim_row *row)
{
	double version = 60;
	char id[19];

	sscanf(req->version, "v%lf", &version);
	sim_location(req, resp, row, id);
	resp->status = row->created ? 201 : version >= 46 ? 200 : 204;
	if (resp->status == 204)
		return;
	sim_buf_fmt(&resp->body, "{\"id\":\"%s\",\"success\":true,\"errors\":[]%s}", id,
		version < 46   ? ""
		: row->created ? ",\"created\":true"
			       : ",\"created\":false");
}

void sim_row_upsert(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_object *o = sim_req_object(req, resp, req->part[0]);
	const struct sim_field *key = o ? sim_ext_field(req, resp, o) : NULL;
	struct sim_conv conv = {.org = req->org, .arena = req->arena, .csv = true};
	struct sim_json text = {.type = SIM_J_STR, .text = req->part[2]};
	struct sim_row row = {.obj = o, .op = SIM_UPSERT, .key = key};
	struct sim_txn t;

	if (!key)
		return;
	row.in = sim_req_json(req, resp);
	if (!row.in)
		return;
	if (sim_json_geti(row.in, key->name)) {
		sim_resp_error(resp, 400, "INVALID_FIELD",
			"The external id field should not be specified in the sobject data.");
		return;
	}
	if (key->sys == SIM_SYS_ID) {
		row.key = NULL;
		row.op = SIM_UPDATE;
		if (!sim_id_of_object(req, resp, o, req->part[2], &row.id))
			return;
	} else if (!sim_value_in(&conv, key, &text, &row.key_val, &row.err)) {
		sim_resp_err(resp, 400, &row.err);
		return;
	}
	row.update_only = sim_is(sim_req_arg(req, "updateOnly"), "true");
	sim_one(req, &t, &row);
	if (row.nfound > 1)
		sim_choices(req, resp, o, row.found, row.nfound);
	else if (row.err.code)
		sim_resp_row_err(resp, sim_err_status(&row.err), &row.err);
	else
		sim_upsert_reply(req, resp, &row);
}
