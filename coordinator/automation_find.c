/*
 * What is on: one composite of the Tooling API and one of plain REST. A managed package's is
 * recorded as packaged.
 */
#include <stdio.h>
#include <strings.h>

#include "automation_internal.h"
#include "check_internal.h"
#include "osy/sf_query.h"

#define SOQL_BYTES (100u * 1000)

struct finding {
	struct auto_work *work;
	const bool *kinds;
	const char *const *objects;
	size_t count;
	struct entity {
		const char *durable, *name;
	} * entities; /* custom objects are told by an id in some lists */
	size_t entity_count;
};

static struct osy_str object_of(const struct osy_json *record, const char *relation)
{
	return osy_json_get_str(osy_json_get(record, relation), "QualifiedApiName");
}

static bool in_scope(const struct finding *finding, struct osy_str object)
{
	for (size_t i = 0; i < finding->count; i++) {
		if (osy_str_equal_nocase(object, osy_str(finding->objects[i])))
			return true;
	}
	return false;
}

static struct auto_switch *add(struct finding *finding, enum auto_kind kind, struct osy_str object,
	struct osy_str name, const struct osy_json *record)
{
	OSY_AUTO(osy_buf_done) struct osy_buf whole = OSY_BUF(1024);
	struct osy_str space = osy_json_get_str(record, "NamespacePrefix");
	struct osy_str id = osy_json_get_str(record, "Id");

	if (!in_scope(finding, object) || !name.len)
		return NULL;
	struct auto_switch *item = auto_add(finding->work);
	osy_buf_addf(&whole, "%.*s%s%.*s", (int)(space.len < 80 ? space.len : 80),
		space.len ? space.p : "", space.len ? "__" : "",
		(int)(name.len < 255 ? name.len : 255), name.p);
	item->kind = kind;
	item->object = auto_keep(finding->work, object);
	item->name = auto_keep(finding->work, osy_buf_str(&whole));
	(void)snprintf(item->id, sizeof(item->id), "%.*s", (int)id.len, id.len ? id.p : "");
	item->state = AUTO_FOUND;
	if (space.len)
		auto_set(finding->work, item, AUTO_PACKAGED,
			"it belongs to the managed package %.*s, whose automation nobody can "
			"switch; see whether the package has a bypass setting of its own",
			(int)(space.len < 80 ? space.len : 80), space.p);
	return item;
}

static void take_validation(struct finding *finding, const struct osy_json *record)
{
	add(finding, AUTO_VALIDATION, object_of(record, "EntityDefinition"),
		osy_json_get_str(record, "ValidationName"), record);
}

static void take_entity(struct finding *finding, const struct osy_json *record)
{
	if (finding->entity_count == finding->count)
		return;
	finding->entities[finding->entity_count++] =
		(struct entity){auto_keep(finding->work, osy_json_get_str(record, "DurableId")),
			auto_keep(finding->work, osy_json_get_str(record, "QualifiedApiName"))};
}

/* A standard object by its name, a custom one by its id (of 15 or 18 characters). */
static struct osy_str table_of(const struct finding *finding, const struct osy_json *record)
{
	struct osy_str table = osy_json_get_str(record, "TableEnumOrId");

	for (size_t i = 0;
		i < finding->entity_count && table.len >= 15 && memcmp(table.p, "01I", 3) == 0;
		i++) {
		if (strncmp(finding->entities[i].durable, table.p, 15) == 0)
			return osy_str(finding->entities[i].name);
	}
	return table;
}

static void take_workflow(struct finding *finding, const struct osy_json *record)
{
	add(finding, AUTO_WORKFLOW, table_of(finding, record), osy_json_get_str(record, "Name"),
		record);
}

static void take_trigger(struct finding *finding, const struct osy_json *record)
{
	add(finding, AUTO_TRIGGER, table_of(finding, record), osy_json_get_str(record, "Name"),
		record);
}

/* The view says which object starts a flow; the definition, which comes later, its id and version.
 */
static void take_view(struct finding *finding, const struct osy_json *record)
{
	add(finding, AUTO_FLOW, object_of(record, "TriggerObjectOrEvent"),
		osy_json_get_str(record, "ApiName"), record);
}

static void take_flow(struct finding *finding, const struct osy_json *record)
{
	struct osy_str id = osy_json_get_str(record, "Id"),
		       space = osy_json_get_str(record, "NamespacePrefix"),
		       name = osy_json_get_str(record, "DeveloperName");
	OSY_AUTO(osy_buf_done) struct osy_buf whole = OSY_BUF(1024);

	osy_buf_addf(&whole, "%.*s%s%.*s", (int)(space.len < 80 ? space.len : 80),
		space.len ? space.p : "", space.len ? "__" : "",
		(int)(name.len < 255 ? name.len : 255), name.len ? name.p : "");
	for (size_t i = 0; i < finding->work->count; i++) {
		struct auto_switch *item = &finding->work->items[i];
		if (item->kind != AUTO_FLOW || strcmp(item->name, whole.p) != 0)
			continue;
		(void)snprintf(item->id, sizeof(item->id), "%.*s", (int)id.len, id.len ? id.p : "");
		item->version =
			osy_json_get_i64(osy_json_get(record, "ActiveVersion"), "VersionNumber", 0);
	}
}

static void take_duplicate(struct finding *finding, const struct osy_json *record)
{
	OSY_AUTO(osy_buf_done) struct osy_buf name = OSY_BUF(1024);
	struct osy_str object = osy_json_get_str(record, "SobjectType"),
		       own = osy_json_get_str(record, "DeveloperName");

	osy_buf_addf(&name, "%.*s.%.*s", (int)(object.len < 80 ? object.len : 80),
		object.len ? object.p : "", (int)(own.len < 255 ? own.len : 255),
		own.len ? own.p : "");
	add(finding, AUTO_DUPLICATE, object, osy_buf_str(&name), record);
}

/* A list is asked for when one of its kinds is wanted. Those that end in '(' are closed with the
 * names of the objects. Views come before definitions, custom objects before what is told by their
 * ids. */
static const struct list {
	enum auto_kind kind, also;
	bool tooling;
	const char *soql;
	void (*take)(struct finding *finding, const struct osy_json *record);
} lists[] = {
	{AUTO_FLOW, AUTO_FLOW, false,
		"SELECT ApiName, NamespacePrefix, TriggerObjectOrEvent.QualifiedApiName FROM "
		"FlowDefinitionView WHERE IsActive = true AND ProcessType IN "
		"('AutoLaunchedFlow','Workflow') AND TriggerType != null AND "
		"TriggerObjectOrEvent.QualifiedApiName IN (",
		take_view},
	{AUTO_DUPLICATE, AUTO_DUPLICATE, false,
		"SELECT Id, DeveloperName, SobjectType, NamespacePrefix FROM DuplicateRule WHERE "
		"IsActive = true AND SobjectType IN (",
		take_duplicate},
	{AUTO_VALIDATION, AUTO_VALIDATION, true,
		"SELECT Id, ValidationName, NamespacePrefix, EntityDefinition.QualifiedApiName "
		"FROM ValidationRule WHERE Active = true AND EntityDefinition.QualifiedApiName IN "
		"(",
		take_validation},
	{AUTO_WORKFLOW, AUTO_TRIGGER, true,
		"SELECT DurableId, QualifiedApiName FROM EntityDefinition WHERE QualifiedApiName "
		"IN (",
		take_entity},
	{AUTO_WORKFLOW, AUTO_WORKFLOW, true,
		"SELECT Id, Name, TableEnumOrId, NamespacePrefix FROM WorkflowRule", take_workflow},
	{AUTO_TRIGGER, AUTO_TRIGGER, true,
		"SELECT Id, Name, TableEnumOrId, NamespacePrefix FROM ApexTrigger WHERE Status = "
		"'Active'",
		take_trigger},
	{AUTO_FLOW, AUTO_FLOW, true,
		"SELECT Id, DeveloperName, NamespacePrefix, ActiveVersion.VersionNumber FROM "
		"FlowDefinition WHERE ActiveVersionId != null",
		take_flow},
};

static bool asked(const struct finding *finding, const struct list *list, bool tooling)
{
	return list->tooling == tooling &&
	       (finding->kinds[list->kind] || finding->kinds[list->also]);
}

static void write_queries(const struct finding *finding, bool tooling, struct check_parts *parts)
{
	for (size_t i = 0; i < OSY_COUNT(lists); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(SOQL_BYTES);
		const char *text = lists[i].soql;
		if (!asked(finding, &lists[i], tooling))
			continue;
		osy_buf_addz(&soql, text);
		for (size_t k = 0; text[strlen(text) - 1] == '(' && k < finding->count; k++) {
			osy_buf_addz(&soql, k ? "," : "");
			osy_soql_quote(osy_str(finding->objects[k]), &soql);
		}
		osy_buf_addz(&soql, text[strlen(text) - 1] == '(' ? ")" : "");
		check_parts_query(parts, osy_buf_str(&soql));
	}
}

struct taking {
	struct finding *finding;
	const struct list *list;
};

static void take_record(void *arg, const struct osy_json *record)
{
	const struct taking *taking = arg;

	taking->list->take(taking->finding, record);
}

static enum osy_code take_pages(struct finding *finding, const struct list *list,
	const struct osy_json *first, struct osy_err *err)
{
	struct taking taking = {finding, list};
	bool whole = false;
	enum osy_code rc =
		check_pages(finding->work->drive->target, first, take_record, &taking, &whole, err);

	if (!rc && !whole)
		rc = osy_fail(err, OSY_E_TOO_BIG, "org '%s' has more %s than can be switched",
			finding->work->drive->target_name, auto_kind_name(list->kind));
	return rc;
}

static enum osy_code ask(struct finding *finding, bool tooling, struct osy_err *err)
{
	OSY_AUTO(check_parts_done) struct check_parts parts;
	enum osy_code rc = OSY_OK;
	unsigned part = 0;

	check_parts_begin(
		&parts, finding->work->drive->target, tooling ? "tooling/composite" : "composite");
	write_queries(finding, tooling, &parts);
	if (!parts.count)
		return OSY_OK;
	check_parts_send(finding->work->drive->http, &parts, 1);
	if (parts.code) {
		*err = parts.err;
		return parts.code;
	}
	for (size_t i = 0; !rc && i < OSY_COUNT(lists); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf why = OSY_BUF(4096);
		if (!asked(finding, &lists[i], tooling))
			continue;
		const struct osy_json *body = check_parts_body(&parts, part++, &why);
		rc = body ? take_pages(finding, &lists[i], body, err)
			  : osy_fail(err, OSY_E_SALESFORCE,
				    "org '%s' does not tell our user its %s (%s); grant it View "
				    "Setup and Configuration, or take them out of "
				    "options.automationOff",
				    finding->work->drive->target_name,
				    auto_kind_name(lists[i].kind), why.p);
	}
	return rc;
}

static bool is_found(const struct auto_switch *item)
{
	return item->state == AUTO_FOUND;
}

/* Workflow rules, whose state no query tells, and what was switched off since the list was made. */
static void drop_inactive(struct auto_work *work)
{
	size_t kept = 0;

	for (size_t i = 0; i < work->count; i++) {
		struct auto_switch *item = &work->items[i];
		if (is_found(item) && (!item->there || !item->active))
			continue;
		item->before = item->now;
		if (item->kind == AUTO_FLOW && item->looked)
			item->version = item->active_version;
		work->items[kept++] = *item;
	}
	work->count = kept;
}

enum osy_code auto_find(struct auto_work *work, const bool kinds[AUTO_KIND_COUNT],
	const char *const *objects, size_t count, struct osy_err *err)
{
	struct finding finding = {.work = work,
		.kinds = kinds,
		.objects = objects,
		.count = count,
		.entities = osy_arena_calloc(&work->arena, count + 1, sizeof(struct entity))};
	enum osy_code rc = count ? ask(&finding, false, err) : OSY_OK;

	if (!rc && count)
		rc = ask(&finding, true, err);
	if (!rc)
		rc = auto_look(work, is_found, err);
	if (!rc)
		drop_inactive(work);
	return rc;
}
