/* A hook that changes records: which fields it may see. */
#include <strings.h>

#include "plan_build.h"

static struct plan_field *find(const struct plan_node *node, const char *name)
{
	for (size_t i = 0; i < node->field_count; i++) {
		struct plan_field *field = &node->fields[i];
		if (!field->dropped && !field->told && !field->expr &&
			strcasecmp(field->source->name, name) == 0)
			return field;
	}
	for (size_t i = 0; i < node->field_count; i++) {
		struct plan_field *field = &node->fields[i];
		if (!field->dropped && !field->told && strcasecmp(field->target->name, name) == 0)
			return field;
	}
	return NULL;
}

/* Ids are mapped, files are streamed: neither is a receiver's to change. */
static bool is_plain(enum osy_sf_type type)
{
	return type != OSY_T_REFERENCE && type != OSY_T_ID && type != OSY_T_BASE64 &&
	       type != OSY_T_LOCATION && type != OSY_T_ADDRESS && type != OSY_T_COMPLEX;
}

static enum osy_code check_field(
	struct plan_build *build, struct plan_node *node, const char *name, struct osy_err *err)
{
	const struct osy_template_object *object = node->template;
	const struct plan_field *field = find(node, name);
	const struct plan_at at = PLAN_AT("field", name, false);

	if (!field && !osy_sf_find_field(node->source, name) &&
		!osy_sf_find_field(node->target, name) && !build->template->skip_missing_fields)
		return plan_fail(build, node, at, err,
			"transform: field '%s' is not on %s in org '%s'", name, node->source->name,
			build->source_org);
	if (!field) {
		plan_note(build, node, at, false,
			"transform of %s.%s has no effect: it is not copied", node->source->name,
			name);
		return OSY_OK;
	}
	if (!is_plain(field->target->type))
		return plan_fail(build, node, at, err,
			"transform: '%s' is a lookup or a file, which no hook may change; name "
			"other fields",
			name);
	if (object->hook_early && field->expr)
		return plan_fail(build, node, at, err,
			"transform: '%s' is made by an expression, so it is not there after "
			"retrieval; use at: afterMasking",
			name);
	if (object->hook_early && field->rule && field->rule->mask != OSY_MASK_NONE)
		return plan_fail(build, node, at, err,
			"transform: '%s' is masked, so no hook may see it as it was; use at: "
			"afterMasking",
			name);
	return OSY_OK;
}

enum osy_code plan_hook(struct plan_build *build, struct plan_node *node, struct osy_err *err)
{
	const struct osy_template_object *object = node->template;
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; !rc && object->hook && i < object->hook_field_count; i++)
		rc = check_field(build, node, object->hook_fields[i], err);
	return rc;
}

const struct osy_spec_hook *plan_spec_hook(
	struct plan_build *build, const struct plan_node *node, const int *place)
{
	const struct osy_template_object *object = node->template;
	struct osy_arena *arena = &build->plan->arena;

	if (!object->hook || node->person_contact)
		return NULL;
	struct osy_spec_hook *hook = osy_arena_calloc(arena, 1, sizeof(*hook));
	int *fields = osy_arena_calloc(arena, object->hook_field_count + 1, sizeof(*fields));
	for (size_t i = 0; i < object->hook_field_count; i++) {
		const struct plan_field *field = find(node, object->hook_fields[i]);
		if (field)
			fields[hook->field_count++] = place[field - node->fields];
	}
	if (!hook->field_count)
		return NULL;
	hook->name = object->hook;
	hook->early = object->hook_early;
	hook->timeout_ms = object->hook_timeout_ms;
	hook->fields = fields;
	return hook;
}
