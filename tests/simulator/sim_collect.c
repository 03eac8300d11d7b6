/* sObject Collections. */
#include "sim_http.h"
#include "sim_soql.h"

#include <stdlib.h>

static bool sim_too_many(struct sim_resp *resp, size_t n, size_t max)
{
	char msg[120];

	if (n <= max)
		return false;
	snprintf(msg, sizeof(msg),
		"record limit reached. cannot submit more than %zu records in this call", max);
	sim_resp_error(resp, 400, "EXCEEDED_ID_LIMIT", msg);
	return true;
}

static void sim_reply_row(
	struct sim_req *req, struct sim_buf *b, const struct sim_row *row, bool upsert)
{
	if (row->err.code) {
		sim_buf_str(b, "{\"success\":false,\"errors\":");
		sim_buf_row_errors(b, &row->err, "statusCode");
		if (upsert)
			sim_buf_str(b, ",\"created\":false");
	} else {
		sim_buf_str(b, "{\"id\":");
		sim_buf_id(b, req->org, row->id);
		sim_buf_str(b, ",\"success\":true,\"errors\":[]");
		if (upsert)
			sim_buf_str(b, row->created ? ",\"created\":true" : ",\"created\":false");
	}
	sim_buf_ch(b, '}');
}

static void sim_run_rows(struct sim_req *req, struct sim_resp *resp, struct sim_row *row, int n,
	bool all, bool upsert)
{
	struct sim_txn t = {.org = req->org,
		.arena = req->arena,
		.user = req->user,
		.row = row,
		.n = n,
		.all_or_none = all,
		.allow_save = sim_allows_duplicates(req),
		.assign = sim_assigns(req)};

	if (req->fault_rows) {
		t.fault = &req->fault_err;
		t.fault_share = req->fault_share;
	}
	if (req->undo) {
		t.keep_undo = true;
		t.undo = *req->undo;
	}
	t.pause_us = sim_latency(req, (size_t)n);
	sim_txn_run(&t);
	if (req->undo)
		*req->undo = t.undo;
	sim_txn_end(&t);
	if (t.call_err.code) {
		sim_resp_err(resp, 400, &t.call_err);
		return;
	}
	sim_buf_need(&resp->body, (size_t)n * 80);
	sim_buf_ch(&resp->body, '[');
	for (int i = 0; i < n; i++) {
		if (i)
			sim_buf_ch(&resp->body, ',');
		sim_reply_row(req, &resp->body, &row[i], upsert);
	}
	sim_buf_ch(&resp->body, ']');
}

static bool sim_row_type(struct sim_req *req, struct sim_resp *resp, struct sim_row *row)
{
	struct sim_str type = sim_json_str(sim_json_get(row->in, "attributes"), "type");
	char msg[200];

	if (row->in->type != SIM_J_OBJ || !type.len) {
		sim_resp_error(resp, 400, "INVALID_FIELD",
			"attributes: type: must be given for every record");
		return false;
	}
	row->obj = sim_object_find(req->org, type);
	if (row->obj)
		return true;
	snprintf(msg, sizeof(msg), "sObject type '%.*s' is not supported.", SIM_P(type));
	sim_resp_error(resp, 400, "INVALID_TYPE", msg);
	return false;
}

static void sim_row_id(struct sim_req *req, struct sim_row *row)
{
	const struct sim_json *id = sim_json_geti(row->in, "id");
	struct sim_err *e = &row->err;

	if (!id || id->type != SIM_J_STR) {
		sim_err_set(e, req->arena, "MISSING_ARGUMENT", "Id",
			"Id not specified in an update call");
		return;
	}
	switch (sim_id_parse(req->org, id->text, &row->id)) {
	case SIM_ID_BAD:
		sim_err_set(e, req->arena, "MALFORMED_ID", "Id",
			"%s ID: id value of incorrect type: %.*s", row->obj->label,
			SIM_P(id->text));
		break;
	case SIM_ID_FOREIGN:
		sim_err_set(e, req->arena, "INVALID_CROSS_REFERENCE_KEY", "Id",
			"invalid cross reference id");
		break;
	case SIM_ID_OK:
		if (sim_oid_obj(row->id) != row->obj->idx)
			sim_err_set(e, req->arena, "MALFORMED_ID", "Id",
				"%s ID: id value of incorrect type: %.*s", row->obj->label,
				SIM_P(id->text));
		break;
	}
}

/* at most ten runs of one type, and no setup objects among others */
static bool sim_chunks_ok(struct sim_resp *resp, const struct sim_row *row, size_t n)
{
	int chunks = 1;

	for (size_t i = 1; i < n; i++) {
		chunks += row[i].obj != row[i - 1].obj;
		if (row[i].obj->setup != row[0].obj->setup) {
			sim_resp_error(resp, 400, "MIXED_DML_OPERATION",
				"DML operation on setup object is not permitted after you have "
				"updated a non-setup object");
			return false;
		}
	}
	if (chunks <= 10)
		return true;
	sim_resp_error(resp, 400, "INVALID_BATCH_SIZE",
		"The request has more than 10 chunks of different object types");
	return false;
}

static void sim_collect(struct sim_req *req, struct sim_resp *resp, enum sim_op op)
{
	const struct sim_json *doc = sim_req_json(req, resp), *recs, *v;
	struct sim_row *row;
	size_t n, i = 0;

	if (!doc)
		return;
	recs = sim_json_get(doc, "records");
	if (!recs || recs->type != SIM_J_ARR) {
		sim_resp_error(resp, 400, "REQUIRED_FIELD_MISSING",
			"records: the list of records is required");
		return;
	}
	n = sim_json_count(recs);
	if (sim_too_many(resp, n, 200))
		return;
	row = sim_arena_get(req->arena, sizeof(*row) * (n + 1));
	memset(row, 0, sizeof(*row) * (n + 1));
	for (v = recs->child; v; v = v->next, i++) {
		row[i].in = v;
		row[i].op = op;
		if (!sim_row_type(req, resp, &row[i]))
			return;
		if (op == SIM_UPDATE)
			sim_row_id(req, &row[i]);
		else if (!row[i].obj->createable)
			sim_err_set(&row[i].err, req->arena, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
				NULL, "entity type %s does not support create", row[i].obj->name);
	}
	if (!sim_chunks_ok(resp, row, n))
		return;
	sim_run_rows(req, resp, row, (int)n, sim_json_bool(doc, "allOrNone", false), false);
}

void sim_collect_insert(struct sim_req *req, struct sim_resp *resp)
{
	sim_collect(req, resp, SIM_INSERT);
}

void sim_collect_update(struct sim_req *req, struct sim_resp *resp)
{
	sim_collect(req, resp, SIM_UPDATE);
}

void sim_collect_upsert(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_object *o = sim_req_object(req, resp, req->part[0]);
	const struct sim_field *key = o ? sim_field_find(o, req->part[1]) : NULL;
	const struct sim_json *doc, *recs, *v;
	struct sim_row *row;
	size_t n, i = 0;

	if (!o)
		return;
	if (!key || !(key->external_id || key->id_lookup)) {
		sim_resp_error(resp, 404, "NOT_FOUND", "The requested resource does not exist");
		return;
	}
	doc = sim_req_json(req, resp);
	recs = doc ? sim_json_get(doc, "records") : NULL;
	n = sim_json_count(recs);
	if (!doc || sim_too_many(resp, n, 200))
		return;
	row = sim_arena_get(req->arena, sizeof(*row) * (n + 1));
	memset(row, 0, sizeof(*row) * (n + 1));
	for (v = recs ? recs->child : NULL; v; v = v->next, i++) {
		const struct sim_json *id = sim_json_geti(v, "Id");

		row[i] = (struct sim_row){.in = v, .op = SIM_UPSERT, .obj = o, .key = key};
		if (key->sys != SIM_SYS_ID)
			continue;
		row[i].key = NULL;
		if (id && id->type == SIM_J_STR) {
			sim_row_id(req, &row[i]);
			row[i].op = SIM_UPDATE;
		} else {
			row[i].op = SIM_INSERT;
		}
	}
	sim_run_rows(req, resp, row, (int)n, sim_json_bool(doc, "allOrNone", false), true);
}

void sim_collect_delete(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_str ids = sim_req_arg(req, "ids"), rest = ids;
	bool all = sim_is(sim_req_arg(req, "allOrNone"), "true");
	struct sim_row *row;
	size_t n = 0;

	while (rest.len)
		n += sim_cut(&rest, ',').len > 0;
	if (sim_too_many(resp, n, 200))
		return;
	row = sim_arena_get(req->arena, sizeof(*row) * (n + 1));
	memset(row, 0, sizeof(*row) * (n + 1));
	for (n = 0, rest = ids; rest.len;) {
		struct sim_str id = sim_trim(sim_cut(&rest, ','));
		enum sim_id_result res;

		if (!id.len)
			continue;
		row[n].op = SIM_DELETE;
		res = sim_id_parse(req->org, id, &row[n].id);
		if (res == SIM_ID_BAD)
			sim_err_set(&row[n].err, req->arena, "MALFORMED_ID", NULL,
				"malformed id %.*s", SIM_P(id));
		else if (res == SIM_ID_FOREIGN || row[n].id == SIM_MASTER_RT)
			sim_err_set(&row[n].err, req->arena, "INVALID_CROSS_REFERENCE_KEY", NULL,
				"invalid cross reference id");
		else
			row[n].obj = req->org->object[sim_oid_obj(row[n].id)];
		n++;
	}
	sim_run_rows(req, resp, row, (int)n, all, false);
}

/* ---- reading ---- */

static void sim_retrieve(struct sim_req *req, struct sim_resp *resp, struct sim_str *ids, size_t n,
	struct sim_str fields)
{
	struct sim_object *o = sim_req_object(req, resp, req->part[0]);
	struct sim_buf soql = {0};
	struct sim_err err = {0};
	struct sim_query *q;

	if (!o)
		return;
	sim_buf_fmt(
		&soql, "SELECT %.*s FROM %s", SIM_P(fields.len ? fields : SIM_S("Id")), o->name);
	q = sim_soql_parse(req->org, req->arena, sim_buf_view(&soql), &err);
	sim_buf_done(&soql);
	if (!q) {
		sim_resp_err(resp, 400, &err);
		return;
	}
	q->version = req->version;
	sim_pause(req, n);
	sim_buf_ch(&resp->body, '[');
	for (size_t i = 0; i < n; i++) {
		uint64_t oid = 0;
		uint32_t serial;
		struct sim_rec *r = NULL;

		if (i)
			sim_buf_ch(&resp->body, ',');
		if (sim_id_parse(req->org, ids[i], &oid) == SIM_ID_OK && sim_oid_obj(oid) == o->idx)
			r = sim_take_rec(req->org, oid);
		serial = (uint32_t)sim_oid_serial(oid);
		if (r && !r->deleted)
			sim_query_rows(q, &resp->body, &serial, 1);
		else
			sim_buf_add(&resp->body, "null", 4);
		sim_rec_unref(r);
	}
	sim_buf_ch(&resp->body, ']');
}

void sim_collect_get(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_str rest = sim_req_arg(req, "ids"),
		       *ids = sim_arena_get(req->arena, sizeof(*ids) * 2001);
	size_t n = 0;

	while (rest.len && n < 2001)
		ids[n++] = sim_trim(sim_cut(&rest, ','));
	if (!sim_too_many(resp, n, 2000))
		sim_retrieve(req, resp, ids, n, sim_req_arg(req, "fields"));
}

void sim_collect_retrieve(struct sim_req *req, struct sim_resp *resp)
{
	const struct sim_json *doc = sim_req_json(req, resp), *v, *list = sim_json_get(doc, "ids");
	size_t n = sim_json_count(list), i = 0;
	struct sim_buf fields = {0};
	struct sim_str *ids;

	if (!doc || sim_too_many(resp, n, 2000))
		return;
	ids = sim_arena_get(req->arena, sizeof(*ids) * (n + 1));
	for (v = list ? list->child : NULL; v; v = v->next)
		ids[i++] = v->text;
	v = sim_json_get(doc, "fields");
	for (v = v ? v->child : NULL; v; v = v->next) {
		if (fields.len)
			sim_buf_ch(&fields, ',');
		sim_buf_s(&fields, v->text);
	}
	sim_retrieve(req, resp, ids, n, sim_buf_view(&fields));
	sim_buf_done(&fields);
}
