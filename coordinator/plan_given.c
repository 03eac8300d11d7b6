/* An order that the user gives instead of the computed one: a stage an object. */
#include <stdlib.h>
#include <strings.h>

#include "plan_build.h"

static size_t place_of(const struct osy_template *template, const struct plan_node *node)
{
	size_t i = 0;

	while (i < template->order_count &&
		strcasecmp(template->order[i], node->template->name) != 0)
		i++;
	return i;
}

/* Nodes before it: by place, and legs in their own order. */
static int stage_of(const struct plan_build *build, size_t node)
{
	size_t place = place_of(build->template, &build->nodes[node]);
	int stage = 1;

	for (size_t i = 0; i < build->node_count; i++) {
		size_t other = place_of(build->template, &build->nodes[i]);
		stage += other < place || (other == place && i < node);
	}
	return stage;
}

/* Whether records are matched by the lookup: then it must be filled at once. */
static bool is_key(const struct plan_node *node, const char *lookup)
{
	for (size_t i = 0; i < node->field_count; i++) {
		if (node->fields[i].key && strcmp(node->fields[i].source->name, lookup) == 0)
			return true;
	}
	return false;
}

static enum osy_code refuse(const struct plan_build *build, const struct osy_order_lookup *lookup,
	int parent, struct osy_err *err)
{
	const struct plan_node *child = &build->nodes[lookup->child];
	const char *name = build->nodes[parent].source->name;

	return plan_fail(build, child, PLAN_AT("order", lookup->field, true), err,
		"it cannot come before %s, for its lookup %s is %s; put %s before %s", name,
		lookup->field, lookup->hard ? "required in the target" : "a match key", name,
		child->source->name);
}

/* A lookup that the computed order would have filled at once. */
static void tell_later(
	const struct plan_build *build, const struct osy_order_lookup *lookup, int parent)
{
	const struct plan_node *child = &build->nodes[lookup->child];
	const char *name = build->nodes[parent].source->name;

	plan_note(build, child,
		PLAN_TODO("order", lookup->field, true,
			"nothing, or give an order in which the parent comes first"),
		false,
		"%s.%s points to %s, which comes later in the given order: it waits for the link "
		"pass",
		child->source->name, lookup->field, name);
}

static enum osy_code judge(const struct plan_build *build, struct osy_order_lookup *lookup,
	const int *stages, struct osy_err *err)
{
	for (size_t i = 0; i < lookup->parent_count; i++) {
		int parent = lookup->parents[i];
		if (stages[parent] < stages[lookup->child])
			continue;
		if (lookup->hard || (parent != lookup->child &&
					    is_key(&build->nodes[lookup->child], lookup->field)))
			return refuse(build, lookup, parent, err);
		if (!lookup->link && parent != lookup->child)
			tell_later(build, lookup, parent);
		lookup->link = true;
		return OSY_OK;
	}
	lookup->link = false;
	return OSY_OK;
}

enum osy_code plan_given(struct plan_build *build, struct osy_order_lookup *lookups, size_t count,
	int *stages, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; i < build->node_count; i++)
		stages[i] = stage_of(build, i);
	for (size_t i = 0; !rc && i < count; i++)
		rc = judge(build, &lookups[i], stages, err);
	build->plan->spec.stages = (int)build->node_count;
	return rc;
}
