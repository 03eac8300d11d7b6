/*
 * Person accounts. An account of a person has LastName and its kin, and its Name is made of them by
 * the org; one of a business has Name. Its contact is made by the org together with it, so a
 * contact that belongs to a person account is never sent: it is found by its account, and mapped.
 */
#include <stdlib.h>
#include <strings.h>

#include "plan_build.h"

#define FLAG "IsPersonAccount"

const char *const plan_person_keys[] = {"AccountId", FLAG};

bool plan_has_people(const struct osy_sf_object *object)
{
	return osy_sf_find_field(object, FLAG) != NULL;
}

static bool is_object(const struct plan_node *node, const char *name)
{
	return strcasecmp(node->source->name, name) == 0 &&
	       strcasecmp(node->target->name, name) == 0;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), end = strlen(suffix);

	return len > end && strcasecmp(name + len - end, suffix) == 0;
}

static enum osy_kind kind_of(const struct osy_sf_field *field)
{
	static const char *const names[] = {
		"LastName", "FirstName", "MiddleName", "Suffix", "InformalName", "Salutation"};

	if (strcasecmp(field->name, "Name") == 0)
		return OSY_KIND_BUSINESS;
	for (size_t i = 0; i < OSY_COUNT(names); i++) {
		if (strcasecmp(field->name, names[i]) == 0)
			return OSY_KIND_PERSON;
	}
	bool person =
		has_suffix(field->name, "__pc") ||
		(!has_suffix(field->name, "__c") && strncasecmp(field->name, "Person", 6) == 0);
	return person ? OSY_KIND_PERSON : OSY_KIND_BOTH;
}

static bool is_excluded(const struct osy_template_object *object, const char *name)
{
	for (size_t i = 0; i < object->exclude_count; i++) {
		if (strcasecmp(object->exclude[i], name) == 0)
			return true;
	}
	return false;
}

/* A field that people need and the template does not name. */
static struct plan_field *need(struct plan_build *build, struct plan_node *node, const char *name)
{
	const struct osy_sf_field *source = osy_sf_find_field(node->source, name);
	const struct osy_sf_field *target = osy_sf_find_field(node->target, name);
	int index = plan_find(node, name);

	if (index >= 0)
		return &node->fields[index];
	if (!source || !target)
		return NULL;
	struct plan_field *field = plan_add_field(build, node, source, target);
	field->kind = OSY_KIND_PERSON;
	return field;
}

static void note_without_people(struct plan_build *build, const struct plan_node *node)
{
	plan_note(build, node,
		PLAN_TODO("feature", FLAG, true,
			"enable person accounts there, or leave them out: where: \"" FLAG
			" = false\""),
		true,
		"person accounts are enabled in org '%s' and not in org '%s': accounts of people "
		"become business accounts there, and their contacts contacts of their own",
		build->source_org, build->target_org);
}

void plan_person_fields(struct plan_build *build, struct plan_node *node)
{
	if (!is_object(node, "Account") || !plan_has_people(node->source))
		return;
	if (!plan_has_people(node->target)) {
		if (!node->template->match_only)
			note_without_people(build, node);
		return;
	}
	if (node->template->match_only)
		return;
	for (size_t i = 0; i < node->field_count; i++)
		node->fields[i].kind = kind_of(node->fields[i].target);
	if (plan_find(node, "Name") >= 0) {
		if (!is_excluded(node->template, "LastName"))
			(void)need(build, node, "LastName");
		if (!is_excluded(node->template, "FirstName"))
			(void)need(build, node, "FirstName");
	}
	(void)need(build, node, "RecordTypeId");
	struct plan_field *flag = need(build, node, FLAG);
	flag->key = true;
	flag->kind = OSY_KIND_BOTH;
}

static bool in_template(const struct plan_build *build, const char *name)
{
	for (size_t i = 0; i < build->template->object_count; i++) {
		const struct osy_template_object *object = &build->template->objects[i];
		if (strcasecmp(object->name, name) == 0 && strcasecmp(object->target, name) == 0)
			return true;
	}
	return false;
}

void plan_person_contacts(struct plan_build *build, struct plan_node *node)
{
	if (!is_object(node, "Contact") || !plan_has_people(node->source) ||
		!plan_has_people(node->target))
		return;
	node->leg_where = FLAG " = false";
	if (!in_template(build, "Account")) {
		plan_note(build, node, PLAN_TODO("lookup", "AccountId", true, "add Account"), false,
			"contacts of person accounts are left out, for they belong to their "
			"accounts, and Account is not in the template");
		return;
	}
	struct plan_node *people = plan_second_leg(build, node);
	people->leg_where = FLAG " = true";
	people->person_contact = true;
	for (size_t i = 0; i < people->field_count; i++)
		people->fields[i].dropped = true;
	for (size_t i = 0; i < 2; i++) {
		struct plan_field *field = need(build, people, plan_person_keys[i]);
		if (!field)
			continue;
		field->key = true;
		field->kind = OSY_KIND_BOTH;
	}
}
