#include <stdlib.h>
#include <strings.h>

#include "osy/sf_value.h"
#include "plan_build.h"

int plan_find(const struct plan_node *node, const char *name)
{
	for (size_t i = 0; i < node->field_count; i++) {
		if (!node->fields[i].dropped && strcasecmp(node->fields[i].target->name, name) == 0)
			return (int)i;
	}
	for (size_t i = 0; i < node->field_count; i++) {
		if (!node->fields[i].dropped && strcasecmp(node->fields[i].source->name, name) == 0)
			return (int)i;
	}
	return -1;
}

bool plan_required(const struct plan_field *field)
{
	return osy_sf_field_required(field->target);
}

static bool inserts(const struct plan_node *node)
{
	return node->template->insert && !node->template->match_only && !node->person_contact;
}

static bool refers_to(const struct osy_sf_field *field, const char *object)
{
	for (size_t i = 0; i < field->reference_count; i++) {
		if (strcasecmp(field->reference_to[i], object) == 0)
			return true;
	}
	return false;
}

static void find_parents(struct plan_build *build, struct plan_field *field)
{
	int *parents =
		osy_arena_calloc(&build->plan->arena, build->node_count + 1, sizeof(*parents));

	for (size_t i = 0; i < build->node_count; i++) {
		if (refers_to(field->source, build->nodes[i].source->name) &&
			refers_to(field->target, build->nodes[i].target->name))
			parents[field->parent_count++] = (int)i;
	}
	field->parents = parents;
}

static enum osy_code drop_orphan(struct plan_build *build, struct plan_node *node,
	struct plan_field *field, struct osy_err *err)
{
	const char *parent = field->source->reference_count ? field->source->reference_to[0] : "?";

	if (plan_required(field) && refers_to(field->source, "User") && node->template->insert &&
		!build->template->users.on)
		return plan_fail(build, node, PLAN_AT("lookup", field->target->name, true), err,
			"lookup '%s' to users is required in the target; map them: add users to "
			"the template",
			field->target->name);
	if (field->key)
		return plan_fail(build, node, PLAN_AT("match", field->source->name, true), err,
			"match key '%s' is a lookup to %s, which is not in the template; add %s",
			field->source->name, parent, parent);
	if (plan_required(field) && node->template->insert && !node->template->match_only)
		return plan_fail(build, node, PLAN_AT("lookup", field->target->name, true), err,
			"lookup '%s' to %s is required in the target, but %s is not in the "
			"template; add it, or set insert: false",
			field->target->name, parent, parent);
	field->dropped = true;
	plan_note(build, node,
		PLAN_TODO("lookup", field->source->name, true,
			"add it to the template, or exclude the field"),
		false, "%s.%s points to %s%s, which is not in the template, and is left out",
		node->source->name, field->source->name, parent,
		field->source->reference_count > 1 ? " and others" : "");
	return OSY_OK;
}

/* Place of a field among those that lock by the platform's own rules, from 1; 0: none. */
static int rule_of(const struct plan_node *node, const struct plan_field *field)
{
	/* One product's entries in one lane: the standard price before the others, and one lock
	 * parent. */
	if (strcasecmp(node->target->name, "PricebookEntry") == 0)
		return strcasecmp(field->target->name, "Product2Id") == 0;
	/* One quote's documents in one lane: the org numbers them as they come. */
	if (strcasecmp(node->target->name, "QuoteDocument") == 0)
		return strcasecmp(field->target->name, "QuoteId") == 0;
	const char *const *names = osy_sf_lock_fields(node->target->name);
	for (int i = 0; names[i]; i++) {
		if (strcasecmp(names[i], field->target->name) == 0)
			return i + 1;
	}
	return 0;
}

/* Whether a parent of the template says that it does not go without its children, or not at all. */
static bool parent_is_bound(const struct plan_build *build, const struct plan_node *node,
	const struct plan_field *field)
{
	for (size_t i = 0; i < field->parent_count; i++) {
		const struct osy_sf_child *child =
			osy_sf_find_child(build->nodes[field->parents[i]].target,
				node->target->name, field->target->name);
		if (child && (child->cascade_delete || child->restricted_delete))
			return true;
	}
	return false;
}

/*
 * Whether records of the object must go in after the one that the field names, for no link pass can
 * set it. With legs of one object no level can be told.
 */
static bool is_level(const struct plan_build *build, const struct plan_node *node,
	const struct plan_field *field)
{
	bool self = false;

	for (size_t i = 0; i < field->parent_count; i++) {
		const struct plan_node *parent = &build->nodes[field->parents[i]];
		if (parent != node && parent->source == node->source)
			return false;
		self |= parent == node;
	}
	return self && inserts(node) && !field->expr && !field->document &&
	       (plan_required(field) || !field->target->updateable);
}

/* How surely a write of the field locks its parent, 1 being the surest; 0: it does not. */
static int lock_of(const struct plan_build *build, const struct plan_node *node,
	const struct plan_field *field)
{
	const struct osy_sf_field *target = field->target;
	int rule = rule_of(node, field);

	for (size_t i = 0; i < field->parent_count; i++) {
		if (&build->nodes[field->parents[i]] == node && !field->level)
			return 0; /* waits for the link pass */
	}
	if (target->relationship_order >= 0)
		return target->relationship_order == 0 ? 1 : 2;
	if (rule)
		return 2 + rule;
	if (target->cascade_delete || target->restricted_delete)
		return 10;
	return parent_is_bound(build, node, field) ? 11 : 0;
}

/* Whether it may point to users or queues that the template maps, in both orgs. */
static bool to_both(
	const struct plan_build *build, const struct plan_field *field, const char *name)
{
	return build->template->users.on && refers_to(field->source, name) &&
	       refers_to(field->target, name);
}

/* Users and queues are pins too. */
static bool is_person(const struct plan_build *build, struct plan_field *field)
{
	field->to_users = to_both(build, field, "User");
	field->to_queues = to_both(build, field, "Group");
	return field->to_users || field->to_queues;
}

/* A document's folder, which is a pin as well. */
static bool is_folder(const struct plan_node *node, const struct plan_field *field)
{
	return strcasecmp(node->source->name, "Document") == 0 &&
	       refers_to(field->source, "Folder");
}

enum osy_code plan_lookups(struct plan_build *build, struct osy_err *err)
{
	for (size_t n = 0; n < build->node_count; n++) {
		struct plan_node *node = &build->nodes[n];
		for (size_t i = 0; i < node->field_count; i++) {
			struct plan_field *field = &node->fields[i];
			if (field->dropped || field->target->type != OSY_T_REFERENCE)
				continue;
			find_parents(build, field);
			field->document = strcasecmp(node->source->name, "ContentVersion") == 0 &&
					  strcasecmp(field->source->name, "ContentDocumentId") == 0;
			field->level = is_level(build, node, field);
			/* versions of one document in one lane, in their order */
			field->lock = field->document && build->template->all_versions
					      ? 1
					      : lock_of(build, node, field);
			/* Record types and folders are mapped by name, as pins of the spec. */
			if (field->parent_count || refers_to(field->source, "RecordType") ||
				is_folder(node, field) || is_person(build, field))
				continue;
			enum osy_code rc = drop_orphan(build, node, field, err);
			if (rc)
				return rc;
		}
	}
	return OSY_OK;
}

static bool usable_lock(const struct plan_field *field)
{
	return !field->dropped && field->parent_count && !field->link && field->lock;
}

/* The best but one; -1: none. */
static int best_lock(const struct plan_node *node, int but)
{
	int best = -1;

	for (size_t i = 0; i < node->field_count; i++) {
		const struct plan_field *field = &node->fields[i];
		if ((int)i != but && usable_lock(field) &&
			(best < 0 || field->lock < node->fields[best].lock))
			best = (int)i;
	}
	return best;
}

int plan_lock_field(const struct plan_node *node)
{
	return best_lock(node, -1);
}

int plan_order_field(const struct plan_node *node)
{
	int lock = best_lock(node, -1);

	return lock < 0 ? -1 : best_lock(node, lock);
}

/* Small ranks are kept when a cycle must be cut. */
static int rank_of(const struct plan_node *node, size_t index, size_t node_index)
{
	const struct plan_field *field = &node->fields[index];
	size_t len = strlen(field->target->name);
	bool custom = len > 3 && strcasecmp(field->target->name + len - 3, "__c") == 0;
	bool later = false;
	int rank = custom ? 3 : 2;

	for (size_t i = 0; i < field->parent_count; i++)
		later |= field->parents[i] > (int)node_index;
	if (field->key || !field->target->updateable)
		rank = 0;
	else if (plan_lock_field(node) == (int)index)
		rank = 1;
	return rank * 2 + later;
}

/* What was cut becomes a link, unless it cannot be one. */
static enum osy_code take_cut(struct plan_build *build, struct plan_node *node,
	struct plan_field *field, struct osy_err *err)
{
	if (field->key)
		return plan_fail(build, node, PLAN_AT("match", field->source->name, true), err,
			"match key '%s' lies in a cycle of lookups; match by another field",
			field->source->name);
	if (field->target->updateable) {
		field->link = true;
		return OSY_OK;
	}
	field->dropped = true;
	plan_note(build, node,
		PLAN_TODO("lookup", field->source->name, true,
			"exclude the field, or give an order in which its parent comes first"),
		false,
		"%s.%s closes a cycle of lookups, cannot be updated afterwards, and is left out",
		node->source->name, field->source->name);
	return OSY_OK;
}

struct lookup_of {
	size_t node, field;
};

/* Parents that go in before the object as a whole: of a level, those of other objects. */
static size_t parents_before(
	struct plan_build *build, size_t node, const struct plan_field *field, const int **ret)
{
	size_t count = 0;

	*ret = field->parents;
	if (!field->level)
		return field->parent_count;
	int *others =
		osy_arena_calloc(&build->plan->arena, field->parent_count + 1, sizeof(*others));
	for (size_t i = 0; i < field->parent_count; i++) {
		if (field->parents[i] != (int)node)
			others[count++] = field->parents[i];
	}
	*ret = others;
	return count;
}

static size_t gather(
	struct plan_build *build, struct osy_order_lookup *lookups, struct lookup_of *origins)
{
	size_t count = 0;

	for (size_t n = 0; n < build->node_count; n++) {
		struct plan_node *node = &build->nodes[n];
		for (size_t i = 0; i < node->field_count; i++) {
			struct plan_field *field = &node->fields[i];
			const int *parents;
			size_t parent_count = parents_before(build, n, field, &parents);
			if (field->dropped || !parent_count || field->document)
				continue;
			if (lookups) {
				lookups[count] = (struct osy_order_lookup){.child = (int)n,
					.field = field->source->name,
					.parents = parents,
					.parent_count = parent_count,
					.hard = plan_required(field) && inserts(node),
					.rank = rank_of(node, i, n)};
				origins[count] = (struct lookup_of){n, i};
			}
			count++;
		}
	}
	return count;
}

/* The second leg of an object waits for the first. */
static size_t add_legs(struct plan_build *build, struct osy_order_lookup *lookups, size_t count)
{
	for (size_t n = 1; n < build->node_count; n++) {
		if (!build->nodes[n].leg_where ||
			build->nodes[n - 1].source != build->nodes[n].source)
			continue;
		int *before = osy_arena_calloc(&build->plan->arena, 1, sizeof(*before));
		*before = (int)n - 1;
		lookups[count++] = (struct osy_order_lookup){.child = (int)n,
			.field = "",
			.parents = before,
			.parent_count = 1,
			.hard = true};
	}
	return count;
}

enum osy_code plan_stages(struct plan_build *build, struct osy_err *err)
{
	size_t nodes = build->node_count, fields = gather(build, NULL, NULL);
	struct osy_arena *arena = &build->plan->arena;
	struct osy_order_lookup *lookups =
		osy_arena_calloc(arena, fields + nodes + 1, sizeof(*lookups));
	struct lookup_of *origins = osy_arena_calloc(arena, fields + 1, sizeof(*origins));
	const char **names = osy_arena_calloc(arena, nodes + 1, sizeof(*names));
	int *stages = osy_arena_calloc(arena, nodes + 1, sizeof(*stages));

	gather(build, lookups, origins);
	for (size_t i = 0; i < nodes; i++)
		names[i] = build->nodes[i].source->name;
	size_t count = add_legs(build, lookups, fields);
	enum osy_code rc =
		osy_order(names, nodes, lookups, count, stages, &build->plan->spec.stages, err);
	if (rc) {
		osy_err_prefix(err, "template '%s'", build->template->name);
		return rc;
	}
	if (build->template->order_count)
		rc = plan_given(build, lookups, count, stages, err);
	for (size_t i = 0; !rc && i < fields; i++) {
		struct plan_node *node = &build->nodes[origins[i].node];
		if (lookups[i].link)
			rc = take_cut(build, node, &node->fields[origins[i].field], err);
	}
	for (size_t i = 0; i < nodes; i++)
		build->nodes[i].stage = stages[i];
	return rc;
}
