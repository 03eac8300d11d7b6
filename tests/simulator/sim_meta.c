#include "sim_meta.h"

#include <stdlib.h>

#include "sim_seed.h"

/* ---- one record, new or changed ---- */

/* the text of a field as it is kept: text, or 8 bytes of an id */
static bool sim_meta_is(
	const struct sim_object *o, const struct sim_rec *r, const char *field, struct sim_str want)
{
	const struct sim_field *f = sim_field_named(o, field);
	struct sim_str s;

	return f && sim_rec_get(r, f->idx, &s, NULL) && sim_eqi(s, want);
}

/* the record of this name; scope: where that field holds what is in `in`, NULL for anywhere */
uint64_t sim_meta_find(const struct sim_org *org, const char *object, const char *field,
	struct sim_str name, const char *scope, struct sim_str in)
{
	const struct sim_object *o = sim_object_find(org, sim_cstr(object));

	for (uint64_t s = 1; s <= o->store->top; s++) {
		const struct sim_rec *r = sim_store_get(o->store, s);

		if (r && !r->deleted && sim_meta_is(o, r, field, name) &&
			(!scope || sim_meta_is(o, r, scope, in)))
			return r->oid;
	}
	return 0;
}

uint64_t sim_meta_entity(const struct sim_org *org, struct sim_str object)
{
	return sim_meta_find(org, "EntityDefinition", "QualifiedApiName", object, NULL,
		(struct sim_str){NULL, 0});
}

/* members: `"A":"b",...`; gives the record's id */
static const char *sim_meta_put(struct sim_org *org, const char *object, uint64_t there,
	const char *members, char ret_id[19])
{
	struct sim_buf line = {0}, ignored = {0};
	struct sim_object *o = sim_object_find(org, sim_cstr(object));
	const char *error = NULL;

	sim_buf_fmt(&line, "{\"attributes\":{\"type\":\"%s\"}", object);
	if (there) {
		sim_id_text(org, there, ret_id);
		sim_buf_fmt(&line, ",\"Id\":\"%s\"", ret_id);
	}
	sim_buf_fmt(&line, "%s%s}", *members ? "," : "", members);
	if (there)
		sim_change(org, line.p, line.len, false, &ignored, &error);
	else
		sim_seed(org, line.p, line.len, NULL, &error);
	if (!there)
		sim_id_text(org, sim_oid(o->idx, o->store->top), ret_id);
	sim_buf_done(&line);
	sim_buf_done(&ignored);
	return error;
}

void sim_m_text(struct sim_buf *m, const char *key, struct sim_str value)
{
	sim_buf_fmt(m, "%s\"%s\":", m->len ? "," : "", key);
	if (value.p)
		sim_buf_json(m, value);
	else
		sim_buf_str(m, "null");
}

void sim_m_raw(struct sim_buf *m, const char *key, const char *value)
{
	sim_buf_fmt(m, "%s\"%s\":%s", m->len ? "," : "", key, value);
}

const char *sim_m_put(
	struct sim_org *org, const char *object, uint64_t there, struct sim_buf *m, char ret_id[19])
{
	const char *error;

	sim_buf_ch(m, 0);
	error = sim_meta_put(org, object, there, m->p, ret_id);
	sim_buf_done(m);
	return error;
}

/* ---- objects ---- */

static const char *sim_meta_entities(struct sim_org *org)
{
	const char *error = NULL;
	char id[19];

	for (unsigned i = 0; i < org->nobjects && !error; i++) {
		struct sim_object *o = org->object[i];
		struct sim_buf m = {0};
		char durable[80];

		if (o->entity)
			continue;
		/* standard objects are known by name, custom ones by an id of 15 characters */
		if (o->custom)
			snprintf(durable, sizeof(durable), "01I%s%010u", org->pod, o->idx);
		else
			snprintf(durable, sizeof(durable), "%.79s", o->name);
		sim_m_text(&m, "DurableId", sim_cstr(durable));
		sim_m_text(&m, "QualifiedApiName", sim_cstr(o->name));
		sim_m_text(&m, "DeveloperName",
			(struct sim_str){o->name, strlen(o->name) - (o->custom ? 3 : 0)});
		sim_m_text(&m, "Label", sim_cstr(o->label));
		sim_m_text(&m, "KeyPrefix", sim_cstr(o->prefix));
		error = sim_m_put(org, "EntityDefinition", 0, &m, id);
		if (!error)
			sim_id_parse(org, sim_cstr(id), &o->entity);
	}
	return error;
}

struct sim_on {
	struct sim_object *obj;
	char entity[19];
	struct sim_str durable; /* as TableEnumOrId tells an object */
	struct sim_str name, space;
};

static const char *sim_meta_on(struct sim_org *org, const struct sim_json *v, struct sim_on *ret)
{
	const struct sim_object *e = sim_object_find(org, SIM_S("EntityDefinition"));

	ret->name = sim_json_str(v, "name");
	ret->space = sim_json_str(v, "namespace");
	ret->obj = sim_object_find(org, sim_json_str(v, "object"));
	if (!ret->name.len)
		return "metadata without a name";
	if (!ret->obj)
		return "metadata of an object that is not there";
	sim_id_text(org, ret->obj->entity, ret->entity);
	sim_rec_get(sim_find(org, ret->obj->entity), sim_field_named(e, "DurableId")->idx,
		&ret->durable, NULL);
	return NULL;
}

static void sim_m_on(struct sim_buf *m, const char *key, const struct sim_on *on)
{
	sim_m_text(m, key, on->name);
	sim_m_text(m, "NamespacePrefix", on->space);
}

static void sim_m_full_name(struct sim_buf *m, const struct sim_on *on, bool with_object)
{
	struct sim_buf b = {0};

	if (with_object)
		sim_buf_fmt(&b, "%s.", on->obj->name);
	sim_buf_s(&b, on->name);
	sim_m_text(m, "FullName", sim_buf_view(&b));
	sim_buf_done(&b);
}

/* ---- the kinds ---- */

static struct sim_str sim_key_of(const uint64_t *oid)
{
	return (struct sim_str){(const char *)oid, 8};
}

static void sim_rule_metadata(struct sim_buf *b, const struct sim_json *v, bool active)
{
	sim_buf_fmt(b, "{\"active\":%s,\"description\":null,\"errorConditionFormula\":",
		active ? "true" : "false");
	sim_buf_json(b, sim_json_str(v, "formula").p ? sim_json_str(v, "formula") : SIM_S("false"));
	sim_buf_str(b, ",\"errorDisplayField\":null,\"errorMessage\":");
	sim_buf_json(
		b, sim_json_str(v, "message").p ? sim_json_str(v, "message") : SIM_S("refused"));
	sim_buf_str(b, ",\"shouldEvaluateOnClient\":null,\"urls\":null}");
}

static const char *sim_put_rule(
	struct sim_org *org, const struct sim_json *v, const struct sim_on *on)
{
	struct sim_buf m = {0};
	struct sim_buf meta = {0};
	bool active = sim_json_bool(v, "active", true);
	const char *error;
	char id[19];

	sim_rule_metadata(&meta, v, active);
	sim_m_on(&m, "ValidationName", on);
	sim_m_text(&m, "EntityDefinitionId", sim_cstr(on->entity));
	sim_m_raw(&m, "Active", active ? "true" : "false");
	sim_m_text(&m, "ErrorMessage",
		sim_json_str(v, "message").p ? sim_json_str(v, "message") : SIM_S("refused"));
	sim_m_text(&m, "ErrorDisplayField", sim_json_str(v, "errorField"));
	sim_m_full_name(&m, on, true);
	sim_m_text(&m, "Metadata", sim_buf_view(&meta));
	error = sim_m_put(org, "ValidationRule",
		sim_meta_find(org, "ValidationRule", "ValidationName", on->name,
			"EntityDefinitionId", sim_key_of(&on->obj->entity)),
		&m, id);
	sim_buf_done(&meta);
	return error;
}

static const char *sim_put_workflow(
	struct sim_org *org, const struct sim_json *v, const struct sim_on *on)
{
	struct sim_buf m = {0};
	char meta[300], id[19];

	snprintf(meta, sizeof(meta),
		"{\"actions\":[],\"active\":%s,\"booleanFilter\":null,\"criteriaItems\":[],"
		"\"description\":null,\"formula\":\"true\",\"triggerType\":\"onAllChanges\","
		"\"workflowTimeTriggers\":[]}",
		sim_json_bool(v, "active", true) ? "true" : "false");
	sim_m_on(&m, "Name", on);
	sim_m_text(&m, "TableEnumOrId", on->durable);
	sim_m_full_name(&m, on, true);
	sim_m_text(&m, "Metadata", sim_cstr(meta));
	return sim_m_put(org, "WorkflowRule",
		sim_meta_find(org, "WorkflowRule", "Name", on->name, "TableEnumOrId", on->durable),
		&m, id);
}

static const char *sim_put_trigger(
	struct sim_org *org, const struct sim_json *v, const struct sim_on *on)
{
	struct sim_buf m = {0};
	bool active = sim_json_bool(v, "active", true);
	char meta[200], body[400], id[19];

	snprintf(body, sizeof(body), "trigger %.*s on %.100s (before insert) {\n\t// %s\n}\n",
		SIM_P(on->name), on->obj->name, "what it does is \"its own\" & <more>");
	snprintf(meta, sizeof(meta),
		"{\"apiVersion\":60.0,\"packageVersions\":[],\"status\":\"%s\",\"urls\":null}",
		active ? "Active" : "Inactive");
	sim_m_on(&m, "Name", on);
	sim_m_text(&m, "TableEnumOrId", on->durable);
	sim_m_text(&m, "EntityDefinitionId", sim_cstr(on->entity));
	sim_m_raw(&m, "Status", active ? "\"Active\"" : "\"Inactive\"");
	sim_m_raw(&m, "ApiVersion", "60.0");
	sim_m_text(&m, "Body", sim_cstr(body));
	sim_m_full_name(&m, on, false);
	sim_m_text(&m, "Metadata", sim_cstr(meta));
	return sim_m_put(org, "ApexTrigger",
		sim_meta_find(
			org, "ApexTrigger", "Name", on->name, NULL, (struct sim_str){NULL, 0}),
		&m, id);
}

static const char *sim_put_duplicate_rule(
	struct sim_org *org, const struct sim_json *v, const struct sim_on *on)
{
	struct sim_buf m = {0};
	char id[19];

	sim_m_on(&m, "DeveloperName", on);
	sim_m_text(&m, "MasterLabel", on->name);
	sim_m_text(&m, "SobjectType", sim_cstr(on->obj->name));
	sim_m_raw(&m, "Language", "\"en_US\"");
	sim_m_raw(&m, "IsActive", sim_json_bool(v, "active", true) ? "true" : "false");
	return sim_m_put(org, "DuplicateRule",
		sim_meta_find(org, "DuplicateRule", "DeveloperName", on->name, "SobjectType",
			sim_cstr(on->obj->name)),
		&m, id);
}

static const char *sim_put_record_type(
	struct sim_org *org, const struct sim_json *v, const struct sim_on *on)
{
	struct sim_store *store = sim_object_find(org, SIM_S("RecordType"))->store;
	struct sim_buf m = {0};
	struct sim_str label = sim_json_str(v, "label");
	const char *error;
	char id[19];

	sim_m_text(&m, "DeveloperName", on->name);
	sim_m_text(&m, "Name", label.p ? label : on->name);
	sim_m_text(&m, "SobjectType", sim_cstr(on->obj->name));
	sim_m_raw(&m, "IsActive", sim_json_bool(v, "active", true) ? "true" : "false");
	if (sim_json_bool(v, "isPersonType", false))
		sim_m_raw(&m, "IsPersonType", "true");
	error = sim_m_put(org, "RecordType",
		sim_meta_find(org, "RecordType", "DeveloperName", on->name, "SobjectType",
			sim_cstr(on->obj->name)),
		&m, id);
	store->builtin = store->top; /* a reset leaves it */
	return error;
}

/* ---- flows: a definition, its versions, and the view of both ---- */

struct sim_flow_def {
	const struct sim_on *on;
	struct sim_str label, type, trigger;
	int64_t active, latest; /* version numbers; active 0: off */
	char id[19];
	char active_id[19], latest_id[19]; /* of versions; "" for none */
};

static const char *sim_put_versions(struct sim_org *org, struct sim_flow_def *f)
{
	const char *error = NULL;

	for (int64_t n = 1; n <= f->latest && !error; n++) {
		struct sim_buf m = {0};
		struct sim_buf name = {0};
		char id[19], number[24];

		snprintf(number, sizeof(number), "%lld", (long long)n);
		sim_buf_fmt(&name, "%.*s-%lld", SIM_P(f->on->name), (long long)n);
		sim_m_text(&m, "DefinitionId", sim_cstr(f->id));
		sim_m_text(&m, "MasterLabel", f->label);
		sim_m_text(&m, "ProcessType", f->type);
		sim_m_raw(&m, "VersionNumber", number);
		sim_m_raw(&m, "Status",
			n == f->active	? "\"Active\""
			: n < f->latest ? "\"Obsolete\""
					: "\"Draft\"");
		sim_m_text(&m, "FullName", sim_buf_view(&name));
		error = sim_m_put(org, "Flow",
			sim_meta_find(org, "Flow", "FullName", sim_buf_view(&name), NULL,
				(struct sim_str){NULL, 0}),
			&m, id);
		if (n == f->active)
			memcpy(f->active_id, id, sizeof(id));
		memcpy(f->latest_id, id, sizeof(id));
		sim_buf_done(&name);
	}
	return error;
}

static const char *sim_put_definition(struct sim_org *org, struct sim_flow_def *f, uint64_t there)
{
	struct sim_buf m = {0};
	char meta[120];

	snprintf(meta, sizeof(meta),
		"{\"activeVersionNumber\":%lld,\"description\":null,\"masterLabel\":null}",
		(long long)f->active);
	sim_m_on(&m, "DeveloperName", f->on);
	sim_m_text(&m, "MasterLabel", f->label);
	if (there)
		sim_m_text(&m, "ActiveVersionId", sim_cstr(f->active_id[0] ? f->active_id : ""));
	if (there)
		sim_m_text(&m, "LatestVersionId", sim_cstr(f->latest_id));
	sim_m_full_name(&m, f->on, false);
	sim_m_text(&m, "Metadata", sim_cstr(meta));
	return sim_m_put(org, "FlowDefinition", there, &m, f->id);
}

static const char *sim_put_view(struct sim_org *org, const struct sim_flow_def *f)
{
	struct sim_buf m = {0};
	char number[24], id[19];

	snprintf(number, sizeof(number), "%lld", (long long)(f->active ? f->active : f->latest));
	sim_m_on(&m, "ApiName", f->on);
	sim_m_text(&m, "DurableId", sim_cstr(f->id));
	sim_m_text(&m, "Label", f->label);
	sim_m_text(&m, "ProcessType", f->type);
	sim_m_text(&m, "TriggerType", f->trigger);
	sim_m_raw(&m, "RecordTriggerType", "\"CreateAndUpdate\"");
	sim_m_text(&m, "TriggerObjectOrEventId", sim_cstr(f->on->entity));
	sim_m_text(&m, "TriggerObjectOrEventLabel", sim_cstr(f->on->obj->label));
	sim_m_raw(&m, "IsActive", f->active ? "true" : "false");
	sim_m_text(&m, "ActiveVersionId", sim_cstr(f->active_id));
	sim_m_text(&m, "LatestVersionId", sim_cstr(f->latest_id));
	sim_m_raw(&m, "VersionNumber", number);
	return sim_m_put(org, "FlowDefinitionView",
		sim_meta_find(org, "FlowDefinitionView", "ApiName", f->on->name, NULL,
			(struct sim_str){NULL, 0}),
		&m, id);
}

static const char *sim_put_flow(
	struct sim_org *org, const struct sim_json *v, const struct sim_on *on)
{
	struct sim_flow_def f = {.on = on,
		.label = sim_json_str(v, "label"),
		.type = sim_json_str(v, "processType"),
		.trigger = sim_json_str(v, "triggerType"),
		.active = sim_json_i64(v, "activeVersion", 1)};
	uint64_t there = sim_meta_find(
		org, "FlowDefinition", "DeveloperName", on->name, NULL, (struct sim_str){NULL, 0});
	const char *error;

	f.latest = sim_json_i64(v, "latestVersion", f.active ? f.active : 1);
	if (f.active < 0 || f.active > f.latest || f.latest > 100)
		return "a flow's versions: 0 (off) to latestVersion, 100 at most";
	f.label = f.label.p ? f.label : on->name;
	f.type = f.type.p ? f.type : SIM_S("AutoLaunchedFlow");
	f.trigger = f.trigger.p ? f.trigger : SIM_S("RecordAfterSave");
	error = there ? NULL : sim_put_definition(org, &f, 0);
	if (there)
		sim_id_text(org, there, f.id);
	if (!error)
		error = sim_put_versions(org, &f);
	sim_id_parse(org, sim_cstr(f.id), &there);
	if (!error)
		error = sim_put_definition(org, &f, there);
	return error ? error : sim_put_view(org, &f);
}

/* ---- schema files ---- */

static const struct {
	const char *key;
	const char *(*put)(struct sim_org *org, const struct sim_json *v, const struct sim_on *on);
} sim_kinds[] = {
	{"validationRules", sim_put_rule},
	{"workflowRules", sim_put_workflow},
	{"triggers", sim_put_trigger},
	{"flows", sim_put_flow},
	{"duplicateRules", sim_put_duplicate_rule},
	{"recordTypes", sim_put_record_type},
};

bool sim_meta_has(const struct sim_json *doc)
{
	for (size_t i = 0; i < SIM_COUNT(sim_kinds); i++)
		if (sim_json_get(doc, sim_kinds[i].key))
			return true;
	return false;
}

const char *sim_meta_load(struct sim_org *org, const struct sim_json *doc)
{
	const char *error = sim_meta_entities(org);

	for (size_t i = 0; i < SIM_COUNT(sim_kinds); i++) {
		const struct sim_json *list = sim_json_get(doc, sim_kinds[i].key);

		for (const struct sim_json *v = list ? list->child : NULL; v && !error;
			v = v->next) {
			struct sim_on on = {0};

			error = sim_meta_on(org, v, &on);
			if (!error)
				error = sim_kinds[i].put(org, v, &on);
		}
	}
	return error;
}
