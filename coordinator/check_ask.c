/*
 * The questions about automation: of each org one composite of the Tooling API (validation rules,
 * workflow rules, triggers, names of custom objects) and one of plain REST (flows, duplicate
 * rules), side by side; then the state of each workflow rule, which the org tells one by one, 25 a
 * call. Source: salesforce-wire.md section 5.9.
 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "check_internal.h"
#include "osy/sf_query.h"

#define SOQL_BYTES (100u * 1000)
#define RULES_MAX 20000

/* ---- The lists ---- */
struct asking;
typedef void (*take_row)(struct asking *asking, const struct osy_json *record);

struct entity {
	const char *durable, *name;
};

struct asking {
	struct osy_check *check;
	struct osy_org *org;
	int side;
	struct entity *entities; /* custom objects are told by an id in some lists */
	size_t entity_count;
};

static const char *keep(struct asking *asking, struct osy_str text)
{
	return text.p ? osy_arena_strndup(&asking->check->arena, text.p, text.len) : "";
}

static struct osy_str name_of_object(const struct osy_json *record, const char *relation)
{
	return osy_json_get_str(osy_json_get(record, relation), "QualifiedApiName");
}

static struct osy_rule *add_rule(struct asking *asking, const char *kind, struct osy_str object,
	struct osy_str name, const struct osy_json *record)
{
	OSY_AUTO(osy_buf_done) struct osy_buf whole = OSY_BUF(1024);
	struct osy_str space = osy_json_get_str(record, "NamespacePrefix");
	struct osy_rule *rule = osy_check_rule(asking->check, asking->side);

	osy_buf_addf(&whole, "%.*s%s%.*s", (int)space.len, space.len ? space.p : "",
		space.len ? "__" : "", (int)(name.len < 255 ? name.len : 255),
		name.len ? name.p : "");
	rule->kind = kind;
	rule->object = keep(asking, object);
	rule->name = keep(asking, osy_buf_str(&whole));
	rule->packaged = space.len > 0;
	return rule;
}

static void take_validation(struct asking *asking, const struct osy_json *record)
{
	add_rule(asking, "validationRule", name_of_object(record, "EntityDefinition"),
		osy_json_get_str(record, "ValidationName"), record)
		->active = osy_json_get_bool(record, "Active", false);
}

static void take_workflow(struct asking *asking, const struct osy_json *record)
{
	struct osy_rule *rule =
		add_rule(asking, "workflowRule", osy_json_get_str(record, "TableEnumOrId"),
			osy_json_get_str(record, "Name"), record);
	struct osy_str id = osy_json_get_str(record, "Id");

	(void)snprintf(rule->id, sizeof(rule->id), "%.*s", (int)id.len, id.len ? id.p : "");
}

static void take_trigger(struct asking *asking, const struct osy_json *record)
{
	struct osy_str state = osy_json_get_str(record, "Status");

	if (osy_str_is(state, "Deleted"))
		return;
	add_rule(asking, "trigger", osy_json_get_str(record, "TableEnumOrId"),
		osy_json_get_str(record, "Name"), record)
		->active = osy_str_is(state, "Active");
}

static void take_flow(struct asking *asking, const struct osy_json *record)
{
	add_rule(asking, "flow", name_of_object(record, "TriggerObjectOrEvent"),
		osy_json_get_str(record, "ApiName"), record)
		->active = osy_json_get_bool(record, "IsActive", false);
}

static void take_duplicate(struct asking *asking, const struct osy_json *record)
{
	add_rule(asking, "duplicateRule", osy_json_get_str(record, "SobjectType"),
		osy_json_get_str(record, "DeveloperName"), record)
		->active = osy_json_get_bool(record, "IsActive", false);
}

static void take_entity(struct asking *asking, const struct osy_json *record)
{
	if (asking->entity_count == asking->check->template->object_count)
		return;
	asking->entities[asking->entity_count++] =
		(struct entity){keep(asking, osy_json_get_str(record, "DurableId")),
			keep(asking, osy_json_get_str(record, "QualifiedApiName"))};
}

/* %s: the names of the side's objects, quoted */
static const struct list {
	const char *noun;
	bool tooling;
	const char *soql;
	take_row take;
} lists[] = {
	{"validation rules", true,
		"SELECT Id, ValidationName, Active, EntityDefinition.QualifiedApiName, "
		"NamespacePrefix FROM ValidationRule WHERE EntityDefinition.QualifiedApiName IN (",
		take_validation},
	{"workflow rules", true,
		"SELECT Id, Name, TableEnumOrId, NamespacePrefix FROM WorkflowRule", take_workflow},
	{"Apex triggers", true,
		"SELECT Id, Name, TableEnumOrId, Status, NamespacePrefix FROM ApexTrigger",
		take_trigger},
	{"custom objects", true,
		"SELECT DurableId, QualifiedApiName FROM EntityDefinition WHERE QualifiedApiName "
		"IN (",
		take_entity},
	{"flows", false,
		"SELECT ApiName, IsActive, TriggerObjectOrEvent.QualifiedApiName, NamespacePrefix "
		"FROM FlowDefinitionView WHERE ProcessType IN ('AutoLaunchedFlow','Workflow') AND "
		"TriggerType != null AND TriggerObjectOrEvent.QualifiedApiName IN (",
		take_flow},
	{"duplicate rules", false,
		"SELECT Id, DeveloperName, SobjectType, IsActive, NamespacePrefix FROM "
		"DuplicateRule WHERE SobjectType IN (",
		take_duplicate},
};

/* ---- Asking for them ---- */
static void write_query(
	const struct osy_check *check, int side, const struct list *list, struct osy_buf *out)
{
	bool scoped = list->soql[strlen(list->soql) - 1] == '(';

	osy_buf_addz(out, list->soql);
	for (size_t i = 0; scoped && i < check->template->object_count; i++) {
		const struct osy_template_object *object = &check->template->objects[i];
		if (i)
			osy_buf_addc(out, ',');
		osy_soql_quote(
			osy_str(side == OSY_CHECK_TARGET ? object->target : object->name), out);
	}
	if (scoped)
		osy_buf_addc(out, ')');
}

static void ask_lists(struct osy_check *check, int side, bool tooling, struct check_parts *parts)
{
	for (size_t i = 0; i < OSY_COUNT(lists); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(SOQL_BYTES);
		if (lists[i].tooling != tooling)
			continue;
		write_query(check, side, &lists[i], &soql);
		check_parts_query(parts, osy_buf_str(&soql));
	}
}

static void tell_refused(struct asking *asking, const char *noun, const char *why)
{
	osy_check_add(asking->check, false,
		&(struct osy_check_at){.kind = "tooling",
			.side = asking->side,
			.place = asking->check->template->object_count},
		"grant our user View Setup and Configuration and View All Data, or look there by "
		"hand",
		"org '%s' does not tell our user its %s (%s)", asking->check->orgs[asking->side],
		noun, why);
}

struct taking {
	struct asking *asking;
	const struct list *list;
};

static void take_record(void *arg, const struct osy_json *record)
{
	const struct taking *taking = arg;
	struct asking *asking = taking->asking;

	if (asking->check->rules[asking->side].count < RULES_MAX)
		taking->list->take(asking, record);
}

static enum osy_code take_pages(struct asking *asking, const struct list *list,
	const struct osy_json *first, struct osy_err *err)
{
	struct taking taking = {asking, list};
	bool whole = false; /* RULES_MAX is the bound that counts */

	return check_pages(asking->org, first, take_record, &taking, &whole, err);
}

static enum osy_code take_lists(
	struct asking *asking, const struct check_parts *parts, bool tooling, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;
	unsigned part = 0;

	if (parts->code == OSY_E_SALESFORCE) {
		tell_refused(asking,
			tooling ? "validation rules, workflow rules and Apex triggers"
				: "flows and duplicate rules",
			parts->err.msg);
		return OSY_OK;
	}
	if (parts->code) {
		*err = parts->err;
		return parts->code;
	}
	for (size_t i = 0; !rc && i < OSY_COUNT(lists); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf why = OSY_BUF(4096);
		if (lists[i].tooling != tooling)
			continue;
		const struct osy_json *body = check_parts_body(parts, part++, &why);
		if (body)
			rc = take_pages(asking, &lists[i], body, err);
		else
			tell_refused(asking, lists[i].noun, why.p);
	}
	return rc;
}

/* ---- What comes back is brought into the template's terms ---- */
static void name_object(const struct asking *asking, struct osy_rule *rule)
{
	if (strncmp(rule->object, "01I", 3) != 0 || strlen(rule->object) < 15)
		return; /* a name */
	for (size_t i = 0; i < asking->entity_count; i++) {
		if (strncmp(asking->entities[i].durable, rule->object, 15) == 0) {
			rule->object = asking->entities[i].name;
			return;
		}
	}
}

static bool in_scope(const struct asking *asking, const char *object)
{
	const struct osy_template *template = asking->check->template;

	for (size_t i = 0; i < template->object_count; i++) {
		if (strcasecmp(asking->side == OSY_CHECK_TARGET ? template->objects[i].target
								: template->objects[i].name,
			    object) == 0)
			return true;
	}
	return false;
}

static void narrow(struct asking *asking)
{
	struct osy_rules *rules = &asking->check->rules[asking->side];
	size_t kept = 0;

	for (size_t i = 0; i < rules->count; i++) {
		name_object(asking, &rules->items[i]);
		if (in_scope(asking, rules->items[i].object))
			rules->items[kept++] = rules->items[i];
	}
	rules->count = kept;
}

/* ---- Workflow rules, one by one ---- */
static enum osy_code ask_some(struct asking *asking, struct osy_http *http, struct osy_rule **rules,
	size_t count, struct osy_err *err)
{
	OSY_AUTO(check_parts_done) struct check_parts parts;

	check_parts_begin(&parts, asking->org, "tooling/composite");
	for (size_t i = 0; i < count; i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(256);
		osy_buf_addf(&path, "tooling/sobjects/WorkflowRule/%s", rules[i]->id);
		check_parts_get(&parts, osy_buf_str(&path));
	}
	check_parts_send(http, &parts, 1);
	if (parts.code && parts.code != OSY_E_SALESFORCE) {
		*err = parts.err;
		return parts.code;
	}
	for (size_t i = 0; i < count; i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf why = OSY_BUF(4096);
		const struct osy_json *body = check_parts_body(&parts, (unsigned)i, &why);
		/* one whose state is not told is taken for active */
		rules[i]->active =
			osy_json_get_bool(osy_json_get(body, "Metadata"), "active", true);
	}
	return OSY_OK;
}

static enum osy_code ask_workflows(
	struct asking *asking, struct osy_http *http, struct osy_err *err)
{
	struct osy_rules *rules = &asking->check->rules[asking->side];
	struct osy_rule *some[CHECK_PARTS_MAX];
	size_t count = 0;
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; !rc && i < rules->count; i++) {
		if (rules->items[i].id[0])
			some[count++] = &rules->items[i];
		if (count == CHECK_PARTS_MAX || (count && i + 1 == rules->count)) {
			rc = ask_some(asking, http, some, count, err);
			count = 0;
		}
	}
	return rc;
}

/* ---- Both orgs ---- */
static enum osy_code take_side(struct asking *asking, struct osy_http *http,
	const struct check_parts *tooling, const struct check_parts *plain, struct osy_err *err)
{
	enum osy_code rc = take_lists(asking, tooling, true, err);

	if (!rc)
		rc = take_lists(asking, plain, false, err);
	if (rc)
		return rc;
	narrow(asking);
	return ask_workflows(asking, http, err);
}

static enum osy_code ask_automation(struct osy_check *check, struct osy_http *http,
	struct osy_org *const orgs[], struct osy_err *err)
{
	struct check_parts parts[2 * OSY_CHECK_SIDES];
	enum osy_code rc = OSY_OK;

	for (int i = 0; i < 2 * OSY_CHECK_SIDES; i++) {
		int side = i / 2;
		bool tooling = i % 2 == 0;
		check_parts_begin(
			&parts[i], orgs[side], tooling ? "tooling/composite" : "composite");
		ask_lists(check, side, tooling, &parts[i]);
	}
	check_parts_send(http, parts, OSY_COUNT(parts));
	for (int side = 0; !rc && side < OSY_CHECK_SIDES; side++) {
		struct asking asking = {.check = check,
			.org = orgs[side],
			.side = side,
			.entities = osy_arena_calloc(&check->arena,
				check->template->object_count + 1, sizeof(struct entity))};
		rc = take_side(&asking, http, &parts[2 * side], &parts[2 * side + 1], err);
		if (rc)
			osy_err_prefix(err, "org '%s'", check->orgs[side]);
	}
	for (int i = 0; i < 2 * OSY_CHECK_SIDES; i++)
		check_parts_done(&parts[i]);
	return rc;
}

enum osy_code osy_check_ask(struct osy_check *check, struct osy_http *http,
	struct osy_org *const orgs[OSY_CHECK_SIDES], struct osy_err *err)
{
	enum osy_code rc = check_describe(check, http, orgs, err);

	if (!rc)
		rc = check_queries(check, http, orgs[OSY_CHECK_SOURCE], err);
	return rc ? rc : ask_automation(check, http, orgs, err);
}
