/* The template's expressions, compiled against the source's describe: fields that are made. */
#include <strings.h>

#include "expr.h"
#include "plan_build.h"

/* A field as if it were one of the source, in the place of the expression: "=Name". */
static const struct osy_sf_field *stand_in(
	struct plan_build *build, const struct osy_sf_field *target)
{
	struct osy_arena *arena = &build->plan->arena;
	struct osy_sf_field *field = osy_arena_alloc(arena, sizeof(*field));
	size_t len = strlen(target->name);
	char *name = osy_arena_alloc(arena, len + 2);

	name[0] = '=';
	memcpy(name + 1, target->name, len + 1);
	*field = *target;
	field->name = name;
	field->unique = false;
	return field;
}

static enum osy_code compile(struct plan_build *build, struct plan_node *node,
	const struct osy_template_pair *pair, const struct osy_sf_field *target,
	struct osy_expr **ret, struct osy_err *err)
{
	const struct osy_sf_object *source = node->source;
	struct osy_arena *arena = &build->plan->arena;
	struct osy_expr_field *fields =
		osy_arena_calloc(arena, source->field_count + 1, sizeof(*fields));
	struct osy_err why = OSY_ERR_NONE;

	for (size_t i = 0; i < source->field_count; i++)
		fields[i] = (struct osy_expr_field){source->fields[i].name, source->fields[i].type};
	const struct osy_expr_scope scope = {fields, source->field_count};
	const struct osy_expr_target kind = {target->type, target->length, target->scale};
	if (osy_expr_compile(osy_str(pair->source), &scope, &kind, arena, ret, &why)) {
		*ret = NULL;
		return plan_fail(build, node, PLAN_AT("expression", pair->target, true), err,
			"expression of '%s', %s (org '%s')", pair->target, why.msg,
			build->source_org);
	}
	return OSY_OK;
}

enum osy_code plan_expression(struct plan_build *build, struct plan_node *node,
	const struct osy_template_pair *pair, const struct osy_sf_field *target,
	struct osy_err *err)
{
	struct osy_expr *expr;
	enum osy_code rc = compile(build, node, pair, target, &expr, err);

	if (rc || !expr)
		return rc;
	struct osy_spec_rule *rule = osy_arena_calloc(&build->plan->arena, 1, sizeof(*rule));
	rule->expression = pair->source;
	rule->source_type = target->type;
	rule->length = target->length;
	rule->choices = osy_arena_calloc(&build->plan->arena, 1, sizeof(char *));
	struct plan_field *field = plan_add_field(build, node, stand_in(build, target), target);
	field->explicit_ = true;
	field->rule = rule;
	field->expr = expr;
	return OSY_OK;
}

/* ---- What they read ---- */
static bool is_used(const struct plan_node *node, size_t source)
{
	for (size_t i = 0; i < node->field_count; i++) {
		if (!node->fields[i].dropped && node->fields[i].expr &&
			osy_expr_uses(node->fields[i].expr, source))
			return true;
	}
	return false;
}

static int column_of(const struct osy_spec_object *object, const char *name)
{
	for (size_t i = 0; i < object->field_count; i++) {
		const char *column = osy_spec_column(object, i, NULL);
		if (column && strcasecmp(column, name) == 0)
			return (int)i;
	}
	return OSY_COLUMN_ID - 1;
}

void plan_inputs(
	struct plan_build *build, const struct plan_node *node, struct osy_spec_object *object)
{
	const struct osy_sf_object *source = node->source;
	struct osy_spec_input *inputs =
		osy_arena_calloc(&build->plan->arena, source->field_count + 1, sizeof(*inputs));

	object->inputs = inputs;
	for (size_t i = 0; i < source->field_count; i++) {
		const char *name = source->fields[i].name;
		if (!is_used(node, i))
			continue;
		int column = strcasecmp(name, "Id") == 0 ? OSY_COLUMN_ID : column_of(object, name);
		if (column < OSY_COLUMN_ID)
			column = (int)object->field_count + object->extra++;
		inputs[object->input_count++] =
			(struct osy_spec_input){name, source->fields[i].type, column};
	}
}

/* ---- Masks ---- */
static bool is_masked(const struct plan_node *node, const char *source)
{
	for (size_t i = 0; i < node->template->mask_count; i++) {
		if (strcasecmp(node->template->masks[i].field, source) == 0)
			return true;
	}
	for (size_t i = 0; i < node->field_count; i++) {
		const struct plan_field *field = &node->fields[i];
		if (!field->expr && field->rule && field->rule->mask != OSY_MASK_NONE &&
			strcasecmp(field->source->name, source) == 0)
			return true;
	}
	return false;
}

enum osy_code plan_expression_masks(
	struct plan_build *build, struct plan_node *node, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; !rc && i < node->field_count; i++) {
		const struct plan_field *field = &node->fields[i];
		if (!field->expr || field->dropped || field->rule->mask != OSY_MASK_NONE)
			continue;
		for (size_t s = 0; !rc && s < node->source->field_count; s++) {
			const char *name = node->source->fields[s].name;
			if (osy_expr_uses(field->expr, s) && is_masked(node, name))
				rc = plan_fail(build, node,
					PLAN_AT("expression", field->target->name, true), err,
					"expression of '%s': it reads '%s', which is masked, so "
					"its own value must be masked too; add %s to mask",
					field->target->name, name, field->target->name);
		}
	}
	return rc;
}
