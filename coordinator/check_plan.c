/*
 * What the describes say: the plan is made with a sink, so that the check knows exactly what the
 * scan would refuse and what it would leave out, and which fields would be copied.
 */
#include <strings.h>

#include "check.h"
#include "plan_build.h"

struct walk {
	struct osy_check *check;
	struct osy_template *template; /* without the objects that an org does not have */
	size_t *places;		       /* of its objects in the check's template */
};

/* ---- Objects that are not there ---- */
static void tell_missing(struct osy_check *check, int side, size_t place)
{
	const struct osy_template_object *object = &check->template->objects[place];
	const char *name = side == OSY_CHECK_TARGET ? object->target : object->name;
	const char *near = check->nearest[side][place];
	OSY_AUTO(osy_buf_done) struct osy_buf todo = OSY_BUF(1024);

	if (near)
		osy_buf_addf(&todo, "did you mean '%.255s'? ", near);
	osy_buf_addz(&todo, side == OSY_CHECK_TARGET
				    ? "deploy it, or grant our user Read on it"
				    : "correct the template, or grant our user Read on it");
	osy_check_add(check, true,
		&(struct osy_check_at){.kind = "object", .side = side, .place = place}, todo.p,
		"there is no object '%s' in org '%s' (or our user may not see it)", name,
		check->orgs[side]);
}

/* ---- What the plan tells ---- */
static size_t place_of(const struct walk *walk, const struct plan_node *node)
{
	return walk->places[node->template - walk->template->objects];
}

/* Whether the lookup's parent is in the template, only that an org does not have it: that has been
 * told. */
static bool parent_is_missing(
	const struct walk *walk, const struct plan_node *node, const char *name)
{
	const struct osy_template *template = walk->check->template;
	const struct osy_sf_field *field = osy_sf_find_field(node->source, name);

	for (size_t r = 0; field && r < field->reference_count; r++) {
		for (size_t i = 0; i < template->object_count; i++) {
			if (strcasecmp(template->objects[i].name, field->reference_to[r]) == 0)
				return true;
		}
	}
	return false;
}

/* Sentences of the scan begin with object and field; a finding tells the object by itself. */
static const char *without_object(
	const struct plan_node *node, const struct plan_at *at, const char *text)
{
	const char *point = strchr(text, '.');

	if (!at->field || !point)
		return text;
	size_t len = (size_t)(point - text), field = strlen(at->field);
	bool object =
		(len == strlen(node->source->name) &&
			strncmp(text, node->source->name, len) == 0) ||
		(len == strlen(node->target->name) && strncmp(text, node->target->name, len) == 0);
	return object && strncmp(point + 1, at->field, field) == 0 && point[1 + field] == ' '
		       ? point + 1
		       : text;
}

/* A sentence of the plan is what is wrong and, behind its last semicolon, what to do. */
static void take_found(void *arg, bool blocks, const struct plan_node *node,
	const struct plan_at *at, const char *text)
{
	struct walk *walk = arg;
	text = without_object(node, at, text);
	const char *cut = strrchr(text, ';');
	size_t len = cut ? (size_t)(cut - text) : strlen(text);
	const char *todo = cut ? cut + 1 + strspn(cut + 1, " ") : at->todo ? at->todo : "";
	struct osy_check_at here = {.kind = at->kind,
		.side = at->in_target ? OSY_CHECK_TARGET : OSY_CHECK_SOURCE,
		.place = place_of(walk, node),
		.field = at->field};

	if (strcmp(at->kind, "lookup") == 0 && parent_is_missing(walk, node, at->field))
		return;
	osy_check_add(walk->check, blocks, &here, todo, "%.*s", (int)len, text);
}

static void tell_order(struct osy_check *check, const struct osy_err *err)
{
	const char *cut = strrchr(err->msg, ';');
	size_t len = cut ? (size_t)(cut - err->msg) : strlen(err->msg);

	osy_check_add(check, true,
		&(struct osy_check_at){.kind = "order",
			.side = OSY_CHECK_TARGET,
			.place = check->template->object_count},
		cut ? cut + 1 + strspn(cut + 1, " ") : "correct the template", "%.*s", (int)len,
		err->msg);
}

/* ---- Record types ---- */
static const struct osy_sf_record_type *find_type(
	const struct osy_sf_object *object, const char *name)
{
	for (size_t i = 0; i < object->record_type_count; i++) {
		if (strcasecmp(object->record_types[i].name, name) == 0)
			return &object->record_types[i];
	}
	return NULL;
}

static void check_type(struct osy_check *check, const struct osy_check_at *at,
	const struct osy_sf_record_type *target)
{
	const char *org = check->orgs[OSY_CHECK_TARGET];

	if (!target)
		osy_check_add(check, false, at,
			"deploy the record type, if its records are to keep it",
			"record type %s is not in org '%s': its records get our user's default",
			at->name, org);
	else if (!target->active)
		osy_check_add(check, true, at, "activate the record type, or exclude RecordTypeId",
			"record type %s is inactive in org '%s': records with it are refused",
			at->name, org);
	else if (!target->available)
		osy_check_add(check, true, at,
			"assign the record type to our user's profile or a permission set",
			"record type %s is not assigned to our user in org '%s': records with it "
			"are refused",
			at->name, org);
}

static void check_types(struct osy_check *check, size_t place, const struct plan_node *node)
{
	int index = plan_find(node, "RecordTypeId");

	if (index < 0 || node->template->match_only)
		return;
	for (size_t i = 0; i < node->source->record_type_count; i++) {
		const struct osy_sf_record_type *type = &node->source->record_types[i];
		if (type->active)
			check_type(check,
				&(struct osy_check_at){.kind = "recordType",
					.side = OSY_CHECK_TARGET,
					.place = place,
					.field = "RecordTypeId",
					.name = type->name},
				find_type(node->target, type->name));
	}
}

/* ---- The match key ---- */
static void check_key(struct osy_check *check, size_t place, const struct plan_node *node)
{
	const struct osy_template_object *object = node->template;

	if (object->match != OSY_MATCH_EXTERNAL_ID && object->match != OSY_MATCH_SOURCE_ID)
		return;
	const struct osy_sf_field *target =
		osy_sf_find_field(node->target, object->match_fields[0]);
	struct osy_check_at at = {.kind = "unique",
		.side = OSY_CHECK_TARGET,
		.place = place,
		.field = object->match_fields[0]};
	if (target && !target->unique)
		osy_check_add(check, false, &at, "make the field unique in the target",
			"match key %s is not unique in org '%s': a record with several targets "
			"fails, and an insert whose reply is lost is found by comparing only",
			target->name, check->orgs[OSY_CHECK_TARGET]);
	int index = plan_find(node, object->match_fields[0]);
	if (object->match == OSY_MATCH_SOURCE_ID || index < 0)
		return;
	const struct osy_sf_field *source = node->fields[index].source;
	at.side = OSY_CHECK_SOURCE;
	at.field = source->name;
	if (!source->unique)
		osy_check_add(check, false, &at,
			"make the field unique in the source, or look for values that are there "
			"twice",
			"match key %s is not unique in org '%s': the second record with a value "
			"fails",
			source->name, check->orgs[OSY_CHECK_SOURCE]);
	else if (source->case_sensitive && target && !target->case_sensitive)
		osy_check_add(check, false, &at, "make both alike",
			"match key %s tells values by case in org '%s' alone: records whose keys "
			"differ in case only fail",
			source->name, check->orgs[OSY_CHECK_SOURCE]);
}

/* ---- Objects and their pairs of fields ---- */
static void check_node(struct walk *walk, const struct plan_node *node)
{
	size_t place = place_of(walk, node);

	check_key(walk->check, place, node);
	check_types(walk->check, place, node);
	if (node->template->match_only)
		return;
	for (size_t i = 0; i < node->field_count; i++) {
		const struct plan_field *field = &node->fields[i];
		if (!field->dropped && !field->expr &&
			(field->target->createable || field->target->updateable) &&
			strcasecmp(field->target->name, "CurrencyIsoCode") != 0)
			osy_check_pair(
				walk->check, place, field->source, field->target, field->rule);
	}
}

/* The template with what both orgs have; its describes. */
static void narrow(struct walk *walk, struct osy_template *template,
	struct osy_sf_object **describes[OSY_CHECK_SIDES])
{
	struct osy_check *check = walk->check;
	size_t count = check->template->object_count;
	struct osy_template_object *objects =
		osy_arena_calloc(&check->arena, count + 1, sizeof(*objects));

	*template = *check->template;
	template->objects = objects;
	template->object_count = 0;
	walk->template = template;
	walk->places = osy_arena_calloc(&check->arena, count + 1, sizeof(*walk->places));
	for (int side = 0; side < OSY_CHECK_SIDES; side++)
		describes[side] =
			osy_arena_calloc(&check->arena, count + 1, sizeof(*describes[side]));
	for (size_t i = 0; i < count; i++) {
		bool there = true;
		for (int side = 0; side < OSY_CHECK_SIDES; side++) {
			if (!check->describes[side][i]) {
				tell_missing(check, side, i);
				there = false;
			}
		}
		if (!there)
			continue;
		for (int side = 0; side < OSY_CHECK_SIDES; side++)
			describes[side][template->object_count] = check->describes[side][i];
		walk->places[template->object_count] = i;
		objects[template->object_count++] = check->template->objects[i];
	}
}

void osy_check_metadata(struct osy_check *check)
{
	struct osy_sf_object **describes[OSY_CHECK_SIDES];
	struct osy_template template;
	struct osy_plan plan = {0};
	struct walk walk = {.check = check};
	struct osy_err err = OSY_ERR_NONE;
	struct plan_sink sink = {take_found, &walk};
	struct plan_build build = {.plan = &plan,
		.sink = &sink,
		.template = &template,
		.source_org = check->orgs[OSY_CHECK_SOURCE],
		.target_org = check->orgs[OSY_CHECK_TARGET]};

	narrow(&walk, &template, describes);
	osy_arena_init(&plan.arena, 64u * 1024);
	enum osy_code rc =
		plan_nodes(&build, describes[OSY_CHECK_SOURCE], describes[OSY_CHECK_TARGET], &err);
	if (!rc)
		rc = plan_lookups(&build, &err);
	if (!rc)
		rc = plan_parents(&build, &err);
	if (!rc)
		rc = plan_stages(&build, &err);
	if (rc)
		tell_order(check, &err);
	plan_required_fields(&build);
	for (size_t i = 0; i < build.node_count; i++) {
		if (i == 0 || build.nodes[i].template != build.nodes[i - 1].template)
			check_node(&walk, &build.nodes[i]);
	}
	osy_plan_done(&plan);
}
