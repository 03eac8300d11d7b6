/*
 * The currency of a record, in orgs that have several: amounts mean nothing without it, so it goes
 * along with them.
 */
#include <strings.h>

#include "plan_build.h"

#define CURRENCY "CurrencyIsoCode"

static bool has_amounts(const struct plan_node *node)
{
	for (size_t i = 0; i < node->field_count; i++) {
		if (!node->fields[i].dropped && node->fields[i].target->type == OSY_T_CURRENCY)
			return true;
	}
	return false;
}

static bool is_excluded(const struct osy_template_object *object)
{
	for (size_t i = 0; i < object->exclude_count; i++) {
		if (strcasecmp(object->exclude[i], CURRENCY) == 0)
			return true;
	}
	return false;
}

static void note_left_out(struct plan_build *build, const struct plan_node *node)
{
	plan_note(build, node,
		PLAN_TODO("currency", CURRENCY, false,
			"enable the currencies in the target, or convert the amounts yourself"),
		false,
		"%s.%s is left out, for org '%s' has one currency: amounts in any other become as "
		"many of that",
		node->source->name, CURRENCY, build->target_org);
}

void plan_currency(struct plan_build *build, struct plan_node *node)
{
	const struct osy_sf_field *source = osy_sf_find_field(node->source, CURRENCY);
	const struct osy_sf_field *target = osy_sf_find_field(node->target, CURRENCY);

	if (node->template->match_only || !source || !has_amounts(node))
		return;
	if (!target) {
		note_left_out(build, node);
		return;
	}
	if (plan_find(node, CURRENCY) >= 0 || is_excluded(node->template) || !target->createable)
		return;
	(void)plan_add_field(build, node, source, target);
	plan_note(build, node, PLAN_TODO("currency", CURRENCY, true, "exclude it"), false,
		"%s.%s is copied too, for amounts are", node->source->name, CURRENCY);
}
