/* Parents that are not there: the policy of each lookup, and the leg of records that wait. */
#include <stdlib.h>
#include <strings.h>

#include "plan_build.h"

static enum osy_code fail_policy(struct plan_build *build, struct plan_node *node,
	const char *field, const char *what, const char *todo, struct osy_err *err)
{
	return plan_fail(build, node, PLAN_AT("lookup", field, false), err,
		"missingParents of '%s': the field %s; %s", field, what, todo);
}

static enum osy_code take_policy(struct plan_build *build, struct plan_node *node,
	const struct osy_template_parent *parent, struct osy_err *err)
{
	const struct osy_sf_field *source = osy_sf_find_field(node->source, parent->field);
	int index = plan_find(node, parent->field);

	if (index >= 0 && (node->fields[index].parent_count || node->fields[index].ids)) {
		node->fields[index].missing = parent->missing;
		return OSY_OK;
	}
	if (index < 0 && !source)
		return fail_policy(build, node, parent->field, "is not in the source",
			"correct its name", err);
	if (index < 0)
		return fail_policy(build, node, parent->field, "is not copied",
			source->type == OSY_T_REFERENCE ? "add the object that it points to, or "
							  "take it out of missingParents"
							: "take it out of missingParents",
			err);
	return fail_policy(build, node, parent->field, "points to no object of the template",
		"take it out of missingParents", err);
}

enum osy_code plan_parents(struct plan_build *build, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	for (size_t n = 0; n < build->node_count; n++) {
		struct plan_node *node = &build->nodes[n];
		const struct osy_template_object *object = node->template;
		for (size_t i = 0; i < node->field_count; i++) {
			if (node->fields[i].parent_count && !node->person_contact)
				node->fields[i].missing = object->missing;
		}
		for (size_t i = 0; !rc && i < object->parent_count && !node->person_contact; i++)
			rc = take_policy(build, node, &object->parents[i], err);
	}
	return rc;
}

/* ---- Records that wait ---- */
void osy_plan_add_waiting(struct osy_plan *plan, size_t index, int64_t count)
{
	size_t n = plan->spec.object_count;

	struct osy_spec_object *main = &plan->objects[index], *leg = &plan->objects[n];
	*leg = *main;
	leg->index = (int)n;
	leg->waiting_of = (int)index;
	leg->waiting_leg = -1;
	leg->where = leg->order_by = NULL;
	leg->limit = leg->selected = count;
	main->waiting_leg = (int)n;
	/* Without a filter the query selects them too, and they are left out there. */
	if (!main->where && !main->limit)
		main->selected -= count < main->selected ? count : main->selected;
	plan->apis[n] = OSY_API_AUTO;
	plan->deltas[n] =
		(struct osy_plan_delta){.from = plan->deltas[index].from, .since = -1, .mark = -1};
	plan->spec.object_count = n + 1;
}
