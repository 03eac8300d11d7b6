/* PATCH of the Tooling API: validation rules, workflow rules, flows. */
#include "sim_switch.h"

#include <stdlib.h>

#include "sim_http.h"
#include "sim_meta.h"
#include "sim_soql.h"

struct sim_str sim_switch_text(
	const struct sim_org *org, const struct sim_rec *r, const char *field)
{
	const struct sim_object *o = org->object[sim_oid_obj(r->oid)];
	const struct sim_field *f = sim_field_named(o, field);
	struct sim_str s = {NULL, 0};

	return f && sim_rec_get(r, f->idx, &s, NULL) && s.len ? s : (struct sim_str){NULL, 0};
}

/* what it does to records: full is "Account.Rule", or the name of a trigger or flow */
static void sim_switch_rule(struct sim_org *org, const char *kind, struct sim_str full, bool on)
{
	char name[400];

	pthread_rwlock_wrlock(&org->db);
	for (int i = 0; i < org->nrules; i++) {
		struct sim_rule *r = &org->rule[i];

		snprintf(name, sizeof(name), "%.150s.%.200s", r->object, r->name);
		if (!strcmp(r->kind, kind) && (sim_is(full, name) || sim_is(full, r->name)))
			r->active = on;
	}
	pthread_rwlock_unlock(&org->db);
}

/* ---- one kind each; gives the code of what is wrong, or NULL ---- */

struct sim_switch {
	struct sim_req *req;
	struct sim_rec *rec;
	struct sim_str full;
	const struct sim_json *metadata;
	const char *msg;
};

static const char *sim_s_lacks(struct sim_switch *s, const char *const *keys)
{
	for (; *keys; keys++) {
		const struct sim_json *v = sim_json_get(s->metadata, *keys);

		if (v && v->type != SIM_J_NULL)
			continue;
		s->msg = sim_arena_fmt(s->req->arena, "Required fields are missing: [%s]", *keys);
		return "REQUIRED_FIELD_MISSING";
	}
	return NULL;
}

/* what the caller left out is gone */
static void sim_s_whole(struct sim_switch *s, struct sim_buf *m)
{
	struct sim_buf text = {0};

	sim_json_write(&text, s->metadata);
	sim_m_text(m, "Metadata", sim_buf_view(&text));
	sim_buf_done(&text);
}

static const char *sim_s_validation(struct sim_switch *s)
{
	static const char *const keys[] = {"active", "errorConditionFormula", "errorMessage", NULL};
	bool on = sim_json_bool(s->metadata, "active", false);
	const char *code = sim_s_lacks(s, keys);
	struct sim_buf m = {0};
	char id[19];

	if (code)
		return code;
	sim_m_raw(&m, "Active", on ? "true" : "false");
	sim_m_text(&m, "ErrorMessage", sim_json_str(s->metadata, "errorMessage"));
	sim_m_text(&m, "ErrorDisplayField", sim_json_str(s->metadata, "errorDisplayField"));
	sim_s_whole(s, &m);
	sim_m_put(s->req->org, "ValidationRule", s->rec->oid, &m, id);
	sim_switch_rule(s->req->org, "validationRules", s->full, on);
	return NULL;
}

static const char *sim_s_workflow(struct sim_switch *s)
{
	static const char *const keys[] = {"active", "triggerType", NULL};
	const char *code = sim_s_lacks(s, keys);
	struct sim_buf m = {0};
	char id[19];

	if (code)
		return code;
	sim_s_whole(s, &m);
	sim_m_put(s->req->org, "WorkflowRule", s->rec->oid, &m, id);
	sim_switch_rule(
		s->req->org, "workflowRules", s->full, sim_json_bool(s->metadata, "active", false));
	return NULL;
}

static uint64_t sim_s_version(struct sim_switch *s, int64_t number)
{
	const char *name =
		sim_arena_fmt(s->req->arena, "%.*s-%lld", SIM_P(s->full), (long long)number);

	return sim_meta_find(
		s->req->org, "Flow", "FullName", sim_cstr(name), NULL, (struct sim_str){NULL, 0});
}

/* the version that was active is Obsolete now */
static void sim_s_versions(struct sim_switch *s, int64_t active)
{
	uint64_t oid;
	char id[19];

	for (int64_t n = 1; (oid = sim_s_version(s, n)); n++) {
		struct sim_buf m = {0};
		struct sim_rec *r = sim_take_rec(s->req->org, oid);
		bool was = sim_is(sim_switch_text(s->req->org, r, "Status"), "Active");

		sim_rec_unref(r);
		if (n != active && !was)
			continue;
		sim_m_raw(&m, "Status", n == active ? "\"Active\"" : "\"Obsolete\"");
		sim_m_put(s->req->org, "Flow", oid, &m, id);
	}
}

static const char *sim_s_flow(struct sim_switch *s)
{
	int64_t active = sim_json_i64(s->metadata, "activeVersionNumber", 0);
	uint64_t version = active ? sim_s_version(s, active) : 0,
		 view = sim_meta_find(s->req->org, "FlowDefinitionView", "ApiName", s->full, NULL,
			 (struct sim_str){NULL, 0});
	struct sim_buf m = {0}, v = {0};
	char id[19] = "";

	if (active && !version) {
		s->msg = "The version of the flow that is to be active is not there";
		return "INVALID_CROSS_REFERENCE_KEY";
	}
	if (version)
		sim_id_text(s->req->org, version, id);
	sim_s_versions(s, active);
	sim_m_text(&m, "ActiveVersionId", sim_cstr(id));
	sim_s_whole(s, &m);
	sim_m_raw(&v, "IsActive", active ? "true" : "false");
	sim_m_text(&v, "ActiveVersionId", sim_cstr(id));
	sim_m_put(s->req->org, "FlowDefinition", s->rec->oid, &m, id);
	sim_m_put(s->req->org, "FlowDefinitionView", view, &v, id);
	sim_switch_rule(s->req->org, "flows", s->full, active != 0);
	return NULL;
}

static const struct {
	const char *object;
	const char *(*put)(struct sim_switch *s);
} sim_switches[] = {
	{"ValidationRule", sim_s_validation},
	{"WorkflowRule", sim_s_workflow},
	{"FlowDefinition", sim_s_flow},
};

static const char *sim_s_put(struct sim_switch *s, const char *object)
{
	if (sim_switch_text(s->req->org, s->rec, "NamespacePrefix").p) {
		s->msg = "Cannot modify managed object";
		return "CANNOT_MODIFY_MANAGED_OBJECT";
	}
	for (size_t i = 0; i < SIM_COUNT(sim_switches); i++)
		if (!strcmp(sim_switches[i].object, object))
			return sim_switches[i].put(s);
	s->msg = "Not allowed to update this type; deploy it";
	return "INVALID_TYPE_FOR_OPERATION";
}

void sim_tooling_patch(struct sim_req *req, struct sim_resp *resp)
{
	const struct sim_json *doc = sim_req_json(req, resp);
	struct sim_object *o = sim_object_find(req->org, req->part[0]);
	struct sim_switch s = {.req = req, .metadata = sim_json_get(doc, "Metadata")};
	const char *code;
	uint64_t oid = 0;

	if (!doc)
		return;
	if (o && o->meta)
		sim_id_parse(req->org, req->part[1], &oid);
	s.rec = oid && sim_oid_obj(oid) == o->idx ? sim_take_rec(req->org, oid) : NULL;
	if (!s.rec) {
		sim_resp_error(resp, 404, "NOT_FOUND", "The requested resource does not exist");
		return;
	}
	s.full = sim_switch_text(req->org, s.rec, "FullName");
	if (s.metadata && s.metadata->type == SIM_J_OBJ) {
		code = sim_s_put(&s, o->name);
	} else {
		code = "INVALID_FIELD";
		s.msg = "Metadata is required";
	}
	if (code)
		sim_resp_error(resp, 400, code, s.msg);
	else
		resp->status = 204;
	sim_rec_unref(s.rec);
}

/* ---- what deployments change ---- */

void sim_switch_trigger(
	struct sim_org *org, uint64_t oid, bool active, struct sim_str version, struct sim_str body)
{
	struct sim_buf m = {0}, meta = {0};
	struct sim_rec *r = sim_take_rec(org, oid);
	struct sim_str name = sim_switch_text(org, r, "Name");
	char id[19];

	sim_buf_fmt(&meta,
		"{\"apiVersion\":%.*s,\"packageVersions\":[],\"status\":\"%s\",\"urls\":null}",
		SIM_P(version), active ? "Active" : "Inactive");
	sim_m_raw(&m, "Status", active ? "\"Active\"" : "\"Inactive\"");
	sim_m_text(&m, "Metadata", sim_buf_view(&meta));
	if (body.p)
		sim_m_text(&m, "Body", body);
	sim_m_put(org, "ApexTrigger", oid, &m, id);
	sim_switch_rule(org, "triggers", name, active);
	sim_buf_done(&meta);
	sim_rec_unref(r);
}

void sim_switch_duplicate_rule(struct sim_org *org, uint64_t oid, bool active)
{
	struct sim_buf m = {0}, full = {0};
	struct sim_rec *r = sim_take_rec(org, oid);
	char id[19];

	sim_buf_s(&full, sim_switch_text(org, r, "SobjectType"));
	sim_buf_ch(&full, '.');
	sim_buf_s(&full, sim_switch_text(org, r, "DeveloperName"));
	sim_m_raw(&m, "IsActive", active ? "true" : "false");
	sim_m_put(org, "DuplicateRule", oid, &m, id);
	sim_switch_rule(org, "duplicateRules", sim_buf_view(&full), active);
	sim_buf_done(&full);
	sim_rec_unref(r);
}

uint64_t sim_switch_find_duplicate_rule(const struct sim_org *org, struct sim_str full_name)
{
	struct sim_str name = full_name, object = sim_cut(&name, '.');

	return sim_meta_find(org, "DuplicateRule", "DeveloperName", name, "SobjectType", object);
}
