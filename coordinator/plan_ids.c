/*
 * Texts that hold the id of a record each. They are resolved as lookups are, only that nothing says
 * whose ids they are: it is told by the id itself, in the worker. So they lead to no stages; what
 * is not settled when a record is loaded is left to the link pass.
 */
#include "plan_build.h"

#define BRIEF 15 /* characters of an id; 18 with its checksum */

static enum osy_code refuse(struct plan_build *build, struct plan_node *node, const char *name,
	struct osy_err *err, const char *why)
{
	return plan_fail(build, node,
		PLAN_TODO("field", name, false, "take it out of ids, or exclude the field"), err,
		"ids of '%s': %s", name, why);
}

static bool is_text(enum osy_sf_type type)
{
	return type == OSY_T_STRING || type == OSY_T_TEXTAREA;
}

/* Why the field cannot hold ids that are rewritten; NULL: it can. */
static const char *why_not(const struct plan_node *node, const struct plan_field *field)
{
	const struct osy_sf_field *source = field->source, *target = field->target;

	if (!is_text(target->type))
		return "the field is no text in the target; lookups are rewritten without being "
		       "named, so take it out of ids";
	if (!is_text(source->type) && source->type != OSY_T_REFERENCE)
		return "the field is neither a text nor a lookup in the source; take it out of ids";
	if (target->length < BRIEF ||
		(target->length < BRIEF + 3 && source->length > target->length))
		return "the field is too short in the target; make it 18 characters long";
	if (field->key)
		return "the field is a match key; match by another field, or take it out of ids";
	if (field->rule && (field->rule->mask != OSY_MASK_NONE || field->rule->value_count))
		return "the field has a mask or a map of values; take it out of one of them";
	if (!target->updateable)
		return "the field cannot be updated in the target, and an id may have to wait "
		       "until its record is in; grant our user Edit on it, or take it out of ids";
	if (plan_required(field) && node->template->insert)
		return "the field is required in the target, and an id may have to wait until its "
		       "record is in; make it optional there, or take it out of ids";
	return NULL;
}

static enum osy_code take_one(
	struct plan_build *build, struct plan_node *node, const char *name, struct osy_err *err)
{
	int index = plan_find(node, name);

	if (index < 0 && node->template->match_only)
		return OSY_OK; /* nothing of it is written */
	if (index < 0 && !osy_sf_find_field(node->source, name) &&
		!build->template->skip_missing_fields)
		return refuse(
			build, node, name, err, "the field is not in the source; correct its name");
	if (index < 0) {
		plan_note(build, node, PLAN_AT("field", name, false), false,
			"ids of %s.%s has no effect: it is not copied", node->source->name, name);
		return OSY_OK;
	}
	struct plan_field *field = &node->fields[index];
	const char *why = why_not(node, field);
	if (why)
		return refuse(build, node, name, err, why);
	field->ids = field->link = true;
	field->missing = OSY_MISSING_KEEP;
	return OSY_OK;
}

enum osy_code plan_ids(struct plan_build *build, struct plan_node *node, struct osy_err *err)
{
	const struct osy_template_object *object = node->template;
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; !rc && i < object->id_count; i++)
		rc = take_one(build, node, object->ids[i], err);
	return rc;
}
