#include <stdlib.h>

#include "plan.h"

struct order {
	const char *const *names;
	size_t nodes;
	const char **edges; /* [child * nodes + parent]: the field, NULL: no edge */
	int *path;	    /* of the last search: child, its parent, ... */
	size_t path_len;
	bool *seen;
};

/* Whether a way leads from one node up to another; leaves it in path. */
static bool reaches(struct order *order, int from, int to)
{
	if (from == to) {
		order->path_len = 0;
		order->path[order->path_len++] = from;
		return true;
	}
	if (order->seen[from])
		return false;
	order->seen[from] = true;
	for (size_t parent = 0; parent < order->nodes; parent++) {
		if (order->edges[(size_t)from * order->nodes + parent] &&
			reaches(order, (int)parent, to)) {
			order->path[order->path_len++] = from;
			return true;
		}
	}
	return false;
}

/* path holds the way from the new edge's parent to its child, last node first. */
static enum osy_code cycle_error(
	struct order *order, const struct osy_order_lookup *lookup, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(64 * 1024);
	size_t count = order->path_len, first = 0;
	int *path = order->path;

	/* From here on: a node and the field by which it points to the one before it in path (the
	 * last one to the first). */
	for (size_t i = 0; i < count; i++) {
		if (path[i] < path[first])
			first = i;
	}
	for (size_t i = 0; i < count; i++) {
		size_t at = (first + count - i) % count, next = (at + count - 1) % count;
		const char *field =
			order->edges[(size_t)path[at] * order->nodes + (size_t)path[next]];
		if (at == 0)
			field = lookup->field;
		osy_buf_addf(&text, "%s.%s -> ", order->names[path[at]], field ? field : "?");
	}
	osy_buf_addz(&text, order->names[path[first]]);
	return osy_fail(err, OSY_E_INVALID,
		"required lookups form a cycle, so that no record of it can be inserted first: "
		"%s; make one of them optional or take it out of the template",
		text.p);
}

static enum osy_code add_lookup(
	struct order *order, struct osy_order_lookup *lookup, struct osy_err *err)
{
	for (size_t i = 0; i < lookup->parent_count; i++) {
		memset(order->seen, 0, order->nodes * sizeof(*order->seen));
		if (!reaches(order, lookup->parents[i], lookup->child))
			continue;
		if (lookup->hard)
			return cycle_error(order, lookup, err);
		lookup->link = true;
		return OSY_OK;
	}
	for (size_t i = 0; i < lookup->parent_count; i++) {
		const char **edge = &order->edges[(size_t)lookup->child * order->nodes +
						  (size_t)lookup->parents[i]];
		if (!*edge)
			*edge = lookup->field;
	}
	return OSY_OK;
}

static int stage_of(const struct order *order, int node, int *stages)
{
	int stage = 1;

	if (stages[node])
		return stages[node];
	for (size_t parent = 0; parent < order->nodes; parent++) {
		if (!order->edges[(size_t)node * order->nodes + parent])
			continue;
		int above = stage_of(order, (int)parent, stages);
		if (above + 1 > stage)
			stage = above + 1;
	}
	return stages[node] = stage;
}

enum osy_code osy_order(const char *const *names, size_t nodes, struct osy_order_lookup *lookups,
	size_t count, int *ret_stages, int *ret_count, struct osy_err *err)
{
	OSY_AUTO_FREE const char **edges = osy_xcalloc(nodes * nodes + 1, sizeof(*edges));
	OSY_AUTO_FREE int *path = osy_xcalloc(nodes + 1, sizeof(*path));
	OSY_AUTO_FREE bool *seen = osy_xcalloc(nodes + 1, sizeof(*seen));
	struct order order = {
		.names = names, .nodes = nodes, .edges = edges, .path = path, .seen = seen};
	int highest = 0, stages = 0;

	for (size_t i = 0; i < count; i++) {
		lookups[i].link = false;
		if (lookups[i].rank > highest)
			highest = lookups[i].rank;
	}
	for (int pass = -1; pass <= highest; pass++) { /* hard ones first */
		for (size_t i = 0; i < count; i++) {
			if (lookups[i].hard ? pass != -1 : lookups[i].rank != pass)
				continue;
			enum osy_code rc = add_lookup(&order, &lookups[i], err);
			if (rc)
				return rc;
		}
	}
	memset(ret_stages, 0, nodes * sizeof(*ret_stages));
	for (size_t i = 0; i < nodes; i++) {
		int stage = stage_of(&order, (int)i, ret_stages);
		if (stage > stages)
			stages = stage;
	}
	*ret_count = stages;
	return OSY_OK;
}
