/*
 * Picklist values by record type: what the UI API tells of them, and the refusal of others by
 * restricted picklists. A field that says nothing of a record type takes all of its values there.
 */
#include "sim_http.h"
#include "sim_org.h"
#include "sim_server.h"
#include "sim_write.h"

static const struct sim_allowed *sim_allowed_find(const struct sim_field *f, struct sim_str type)
{
	for (int i = 0; i < f->nallowed; i++)
		if (sim_is(type, f->allowed[i].type))
			return &f->allowed[i];
	return NULL;
}

static bool sim_allows(const struct sim_allowed *a, struct sim_str value)
{
	for (int i = 0; a && i < a->n; i++)
		if (sim_is(value, a->value[i]))
			return true;
	return !a;
}

/* ---- Writes ---- */
static bool sim_value_ok(struct sim_work *w, const struct sim_field *f, struct sim_str type)
{
	const struct sim_allowed *a = sim_allowed_find(f, type);
	struct sim_str rest = sim_work_text(w, f->name), part;

	while (a && rest.len) {
		part = f->type == SIM_T_MULTIPICKLIST ? sim_trim(sim_cut(&rest, ';')) : rest;
		if (f->type != SIM_T_MULTIPICKLIST)
			rest.len = 0;
		if (part.len && !sim_allows(a, part))
			return sim_row_fail(w->t, w->row, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
				f->name, "%s: bad value for restricted picklist field: %.*s",
				f->label, SIM_P(part));
	}
	return true;
}

bool sim_values_check(struct sim_work *w)
{
	const struct sim_rec *r =
		w->obj->record_type ? sim_find(w->t->org, sim_work_ref(w, "RecordTypeId")) : NULL;
	struct sim_str type = {NULL, 0};

	if (!r || !sim_rec_get(r,
			  sim_field_named(w->t->org->object[sim_oid_obj(r->oid)], "DeveloperName")
				  ->idx,
			  &type, NULL))
		return true;
	for (unsigned i = 0; i < w->obj->nfields; i++) {
		const struct sim_field *f = w->obj->field[i];

		if (f->restricted && f->nallowed && w->sent[f->idx] && !sim_value_ok(w, f, type))
			return false;
	}
	return true;
}

/* ---- ui-api/object-info/{object}/picklist-values/{record type} ---- */
static void sim_ui_field(
	struct sim_buf *b, const struct sim_field *f, struct sim_str type, const char *url)
{
	const struct sim_allowed *a = sim_allowed_find(f, type);
	bool first = true;

	sim_buf_jstr(b, f->name);
	sim_buf_fmt(b,
		":{\"controllerValues\":{},\"defaultValue\":null,\"url\":\"%s/%s\",\"values\":[",
		url, f->name);
	for (int i = 0; i < f->npick; i++) {
		if (!f->pick[i].active || !sim_allows(a, sim_cstr(f->pick[i].value)))
			continue;
		sim_buf_str(b, first ? "{\"attributes\":null,\"label\":"
				     : ",{\"attributes\":null,\"label\":");
		sim_buf_jstr(b, f->pick[i].label);
		sim_buf_str(b, ",\"validFor\":[],\"value\":");
		sim_buf_jstr(b, f->pick[i].value);
		sim_buf_ch(b, '}');
		first = false;
	}
	sim_buf_str(b, "]}");
}

/* The developer name of the object's record type; that of the master is "". */
static bool sim_ui_type(const struct sim_org *org, const struct sim_object *o, struct sim_str id,
	struct sim_str *ret)
{
	struct sim_object *rt = sim_object_find(org, SIM_S("RecordType"));
	struct sim_str of = {NULL, 0};

	*ret = SIM_S("");
	if (id.len >= 15 && !strncmp(id.p, "012000000000000", 15))
		return true;
	for (uint64_t s = 1; s <= rt->store->top; s++) {
		const struct sim_rec *r = sim_store_get(rt->store, s);
		char text[19];

		if (!r || r->deleted ||
			!sim_rec_get(r, sim_field_named(rt, "SobjectType")->idx, &of, NULL) ||
			!sim_is(of, o->name))
			continue;
		sim_id_text(org, r->oid, text);
		if (id.len >= 15 && !strncmp(id.p, text, 15))
			return sim_rec_get(r, sim_field_named(rt, "DeveloperName")->idx, ret, NULL);
	}
	return false;
}

static bool sim_is_list(const struct sim_field *f)
{
	return !f->hidden && (f->type == SIM_T_PICKLIST || f->type == SIM_T_MULTIPICKLIST);
}

void sim_ui_values(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_object *o = sim_req_object(req, resp, req->part[0]);
	struct sim_buf *b = &resp->body;
	struct sim_str type;
	char url[512], msg[128];
	bool first = true;

	if (!o)
		return;
	if (!strcmp(o->name, "Task") || !strcmp(o->name, "Event")) {
		snprintf(msg, sizeof(msg), "Object %s is not supported in UI API", o->name);
		sim_resp_error(resp, 400, "INVALID_TYPE", msg);
		return;
	}
	pthread_rwlock_rdlock(&req->org->db);
	if (sim_ui_type(req->org, o, req->part[1], &type)) {
		snprintf(url, sizeof(url),
			"/services/data/%s/ui-api/object-info/%s/picklist-values/%.*s",
			req->version, o->name, SIM_P(req->part[1]));
		sim_buf_str(b,
			"{\"eTag\":\"0123456789abcdef0123456789abcdef\",\"picklistFieldValues\":{");
		for (unsigned i = 0; i < o->nfields; i++) {
			if (!sim_is_list(o->field[i]))
				continue;
			if (!first)
				sim_buf_ch(b, ',');
			first = false;
			sim_ui_field(b, o->field[i], type, url);
		}
		sim_buf_fmt(b, "},\"url\":\"%s\"}", url);
	} else {
		sim_resp_error(resp, 404, "NOT_FOUND", "The requested resource does not exist");
	}
	pthread_rwlock_unlock(&req->org->db);
}
