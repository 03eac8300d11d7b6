/*
 * Audit fields (options.auditFields): who made and last changed a record, and when. An org takes
 * them with an insert, of some objects, from a user who has the permission, while a preference of
 * the org is on; then its describe says that they can be created. Source: salesforce-wire.md
 * section 2.17.
 */
#include <strings.h>

#include "plan_build.h"

#define HOW_TO_ALLOW                                                                      \
	"switch on 'Enable \"Set Audit Fields upon Record Creation\"' in the org's User " \
	"Interface settings, and grant our user the permission of that name"

static const char *const names[] = {
	"CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById"};

static bool is_excluded(const struct plan_node *node, const char *name)
{
	for (size_t i = 0; i < node->template->exclude_count; i++) {
		if (strcasecmp(node->template->exclude[i], name) == 0)
			return true;
	}
	return false;
}

/* Users point to users: that one was made by another cannot be said of the first. */
static bool is_taken(const struct plan_node *node, const struct osy_sf_field *source)
{
	return source && !is_excluded(node, source->name) &&
	       !(source->type == OSY_T_REFERENCE && strcasecmp(node->source->name, "User") == 0);
}

static bool is_for(const struct plan_node *node)
{
	return node->template->insert && !node->template->match_only;
}

void plan_audit_fields(struct plan_build *build, struct plan_node *node)
{
	if (!build->template->audit_fields || !is_for(node))
		return;
	for (size_t i = 0; i < OSY_COUNT(names); i++) {
		const struct osy_sf_field *source = osy_sf_find_field(node->source, names[i]);
		const struct osy_sf_field *target = osy_sf_find_field(node->target, names[i]);
		if (is_taken(node, source) && target && target->createable)
			plan_add_field(build, node, source, target)->audit = true;
	}
}

static bool has_any(const struct plan_node *node)
{
	for (size_t i = 0; i < node->field_count; i++) {
		if (node->fields[i].audit)
			return true;
	}
	return false;
}

enum osy_code plan_audit_check(struct plan_build *build, struct osy_err *err)
{
	const struct plan_node *first = NULL;
	bool any = false;

	for (size_t i = 0; build->template->audit_fields && i < build->node_count; i++) {
		if (!is_for(&build->nodes[i]))
			continue;
		first = first ? first : &build->nodes[i];
		any |= has_any(&build->nodes[i]);
	}
	if (first && !any)
		return plan_fail(build, first,
			PLAN_TODO("permission", names[0], true, HOW_TO_ALLOW), err,
			"org '%s' lets our user set no audit fields; " HOW_TO_ALLOW
			", or set auditFields: false",
			build->target_org);
	for (size_t i = 0; any && i < build->node_count; i++) {
		const struct plan_node *node = &build->nodes[i];
		if (is_for(node) && !has_any(node))
			plan_note(build, node,
				PLAN_TODO("permission", names[0], true,
					"its records get the moment and the user of the run"),
				false, "org '%s' takes no audit fields of %s", build->target_org,
				node->target->name);
	}
	return OSY_OK;
}
