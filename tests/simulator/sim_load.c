/* Schema files: our own form, or a recorded describe reply, laid over what is there. */
#include "sim_json.h"
#include "sim_meta.h"
#include "sim_org.h"
#include "sim_store.h"

#include <stdlib.h>

static const struct {
	const char *key;
	size_t at;
} sim_load_bools[] = {
	{"createable", offsetof(struct sim_field, createable)},
	{"updateable", offsetof(struct sim_field, updateable)},
	{"nillable", offsetof(struct sim_field, nillable)},
	{"defaultedOnCreate", offsetof(struct sim_field, defaulted)},
	{"nameField", offsetof(struct sim_field, name_field)},
	{"externalId", offsetof(struct sim_field, external_id)},
	{"idLookup", offsetof(struct sim_field, id_lookup)},
	{"unique", offsetof(struct sim_field, unique)},
	{"caseSensitive", offsetof(struct sim_field, case_sensitive)},
	{"calculated", offsetof(struct sim_field, calculated)},
	{"autoNumber", offsetof(struct sim_field, auto_number)},
	{"restrictedPicklist", offsetof(struct sim_field, restricted)},
	{"htmlFormatted", offsetof(struct sim_field, html)},
	{"restrictedDelete", offsetof(struct sim_field, restrict_delete)},
	{"hidden", offsetof(struct sim_field, hidden)},
	{"readOnly", offsetof(struct sim_field, read_only)},
};

static const struct {
	const char *key;
	size_t at;
} sim_load_ints[] = {
	{"length", offsetof(struct sim_field, length)},
	{"precision", offsetof(struct sim_field, precision)},
	{"scale", offsetof(struct sim_field, scale)},
	{"digits", offsetof(struct sim_field, digits)},
};

static void sim_load_str(const struct sim_json *v, const char *key, char **to)
{
	struct sim_str s = sim_json_str(v, key);

	if (s.p)
		*to = sim_strdup(s);
}

static void sim_load_picks(struct sim_field *f, const struct sim_json *list)
{
	struct sim_pick *p = sim_zalloc(sizeof(*p) * (sim_json_count(list) + 1));
	int n = 0;

	for (const struct sim_json *v = list->child; v; v = v->next, n++) {
		struct sim_str value = v->type == SIM_J_STR ? v->text : sim_json_str(v, "value");
		struct sim_str label = sim_json_str(v, "label");

		p[n].value = sim_strdup(value);
		p[n].label = label.p ? sim_strdup(label) : p[n].value;
		p[n].active = sim_json_bool(v, "active", true);
		p[n].def = sim_json_bool(v, "defaultValue", false);
		if (p[n].def)
			f->def_text = p[n].value;
	}
	f->pick = p;
	f->npick = n;
}

static void sim_load_allowed(struct sim_field *f, const struct sim_json *map)
{
	f->allowed = sim_zalloc(sizeof(*f->allowed) * (sim_json_count(map) + 1));
	f->nallowed = 0;
	for (const struct sim_json *v = map->child; v; v = v->next) {
		struct sim_allowed *a = &f->allowed[f->nallowed++];

		a->type = sim_strdup(v->key);
		a->value = sim_zalloc(sizeof(*a->value) * (sim_json_count(v) + 1));
		for (const struct sim_json *s = v->child; s; s = s->next)
			a->value[a->n++] = sim_strdup(s->text);
	}
}

static void sim_load_field(struct sim_org *org, struct sim_field *f, const struct sim_json *v)
{
	const struct sim_json *list = sim_json_get(v, "referenceTo"),
			      *order = sim_json_get(v, "relationshipOrder");
	struct sim_buf to = {0};

	for (size_t i = 0; i < SIM_COUNT(sim_load_bools); i++) {
		bool *at = (bool *)f + sim_load_bools[i].at;

		*at = sim_json_bool(v, sim_load_bools[i].key, *at);
	}
	for (size_t i = 0; i < SIM_COUNT(sim_load_ints); i++) {
		int *at = (int *)((char *)f + sim_load_ints[i].at);

		*at = (int)sim_json_i64(v, sim_load_ints[i].key, *at);
	}
	if (sim_json_bool(v, "cascadeDelete", false))
		f->cascade = f->cascade_shown = true;
	if (order)
		f->master = order->type == SIM_J_NUM;
	if (f->master)
		f->cascade = f->locks = true;
	sim_load_str(v, "label", &f->label);
	sim_load_str(v, "relationshipName", &f->rel_name);
	sim_load_str(v, "childRelationshipName", &f->child_rel);
	sim_load_str(v, "extraTypeInfo", &f->extra);
	sim_load_str(v, "controllerName", &f->controller);
	sim_load_str(v, "calculatedFormula", &f->formula);
	if (f->type == SIM_T_BOOLEAN)
		f->default_true = sim_json_bool(v, "defaultValue", f->default_true);
	for (const struct sim_json *r = list ? list->child : NULL; r; r = r->next)
		sim_buf_fmt(&to, "%s%.*s", to.len ? "|" : "", SIM_P(r->text));
	if (to.len)
		sim_field_targets(org, f, sim_buf_view(&to));
	sim_buf_done(&to);
	list = sim_json_get(v, "picklistValues");
	if (list && list->child)
		sim_load_picks(f, list);
	list = sim_json_get(v, "recordTypeValues");
	if (list)
		sim_load_allowed(f, list);
}

static const char *sim_load_fields(
	struct sim_org *org, struct sim_object *o, const struct sim_json *list)
{
	for (const struct sim_json *v = list ? list->child : NULL; v; v = v->next) {
		struct sim_str name = sim_json_str(v, "name"), type = sim_json_str(v, "type");
		struct sim_field *f = name.len ? sim_field_find(o, name) : NULL;
		int t = SIM_T_STRING;

		if (!name.len)
			return "a field without a name";
		if (!f) {
			for (t = 0; t < SIM_T_COUNT && !sim_is(type, sim_types[t].name); t++)
				;
			if (t == SIM_T_COUNT)
				t = type.len ? SIM_T_ANYTYPE : SIM_T_STRING;
			if (o->nfields >= SIM_MAX_FIELDS)
				return "too many fields";
			f = sim_field_add(o, name, (enum sim_type)t);
			f->nillable = t != SIM_T_BOOLEAN;
			f->createable = f->updateable = !sim_json_bool(v, "calculated", false);
			f->defaulted = t == SIM_T_BOOLEAN;
			f->length = t == SIM_T_REFERENCE ? 18 : sim_types[t].text ? 255 : 0;
			f->precision = sim_types[t].number ? 18 : 0;
			f->hidden = org->set.new_fields_hidden;
		}
		sim_load_field(org, f, v);
	}
	return NULL;
}

static const char *sim_load_object(struct sim_org *org, const struct sim_json *v)
{
	struct sim_str name = sim_json_str(v, "name"), prefix = sim_json_str(v, "keyPrefix");
	struct sim_object *o = name.len ? sim_object_find(org, name) : NULL;
	const char *error;
	bool fresh = !o;

	if (!name.len)
		return "an object without a name";
	if (fresh) {
		if (org->nobjects == SIM_MAX_OBJECTS)
			return "too many objects";
		o = sim_object_add(org, name, prefix.len == 3 ? sim_strdup(prefix) : NULL);
	}
	if (fresh && !sim_json_get(v, "recordTypeInfos")) {
		sim_field_add(o, SIM_S("Id"), SIM_T_ID)->defaulted = true;
		sim_field_add(o, SIM_S("IsDeleted"), SIM_T_BOOLEAN)->defaulted = true;
		sim_field_add(o, SIM_S("CreatedDate"), SIM_T_DATETIME)->defaulted = true;
		sim_field_add(o, SIM_S("LastModifiedDate"), SIM_T_DATETIME)->defaulted = true;
		sim_field_add(o, SIM_S("SystemModstamp"), SIM_T_DATETIME)->defaulted = true;
	}
	sim_load_str(v, "label", &o->label);
	sim_load_str(v, "labelPlural", &o->plural);
	o->createable = sim_json_bool(v, "createable", o->createable);
	o->updateable = sim_json_bool(v, "updateable", o->updateable);
	o->deletable = sim_json_bool(v, "deletable", o->deletable);
	o->queryable = sim_json_bool(v, "queryable", o->queryable);
	o->hidden = sim_json_bool(v, "hidden", o->hidden);
	error = sim_load_fields(org, o, sim_json_get(v, "fields"));
	o->changed_ms = sim_now_ms();
	return error;
}

static void sim_load_rule(struct sim_org *org, const char *kind, const struct sim_json *v)
{
	struct sim_str name = sim_json_str(v, "name");
	struct sim_rule *r = NULL;

	for (int i = 0; i < org->nrules; i++)
		if (!strcmp(kind, org->rule[i].kind) && sim_is(name, org->rule[i].name) &&
			sim_is(sim_json_str(v, "object"), org->rule[i].object))
			r = &org->rule[i];
	if (!r) {
		org->rule = sim_realloc(org->rule, sizeof(*r) * (size_t)(org->nrules + 1));
		r = &org->rule[org->nrules++];
		*r = (struct sim_rule){.kind = kind,
			.active = true,
			.name = (char *)"",
			.object = (char *)"",
			.field = (char *)"",
			.op = (char *)"=",
			.message = (char *)"refused"};
	}
	sim_load_str(v, "object", &r->object);
	sim_load_str(v, "name", &r->name);
	sim_load_str(v, "field", &r->field);
	sim_load_str(v, "op", &r->op);
	sim_load_str(v, "message", &r->message);
	sim_load_str(v, "errorField", &r->error_field);
	if (sim_json_get(v, "value"))
		r->value = sim_strdup(sim_json_get(v, "value")->text);
	r->alert = sim_json_bool(v, "alert", r->alert);
	r->active = sim_json_get(v, "activeVersion") ? sim_json_i64(v, "activeVersion", 1) != 0
						     : sim_json_bool(v, "active", r->active);
}

/* automation that may refuse a record */
static void sim_load_rules(struct sim_org *org, const struct sim_json *doc)
{
	static const char *const kinds[] = {
		"validationRules", "workflowRules", "triggers", "flows", "duplicateRules"};

	for (size_t i = 0; i < SIM_COUNT(kinds); i++) {
		const struct sim_json *list = sim_json_get(doc, kinds[i]);

		for (const struct sim_json *v = list ? list->child : NULL; v; v = v->next)
			sim_load_rule(org, kinds[i], v);
	}
}

const char *sim_schema_load(struct sim_org *org, const struct sim_json *doc)
{
	const struct sim_json *objects = sim_json_get(doc, "objects");
	const char *error = NULL;

	pthread_rwlock_wrlock(&org->db);
	if (!objects && !sim_meta_has(doc))
		error = sim_load_object(org, doc);
	for (const struct sim_json *v = objects ? objects->child : NULL; v && !error; v = v->next)
		error = sim_load_object(org, v);
	if (!error)
		sim_load_rules(org, doc);
	sim_schema_settle(org);
	pthread_rwlock_unlock(&org->db);
	return error ? error : sim_meta_load(org, doc);
}
