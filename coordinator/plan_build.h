/*
 * Inside of the plan: a node is an object of the spec while it is being built (a leg of one for
 * price book entries).
 */
#ifndef OSY_PLAN_BUILD_H
#define OSY_PLAN_BUILD_H

#include "plan.h"

struct plan_field {
	const struct osy_sf_field *source, *target;
	bool explicit_; /* named in the template */
	bool key;	/* needed for matching */
	bool dropped;
	const int *parents;
	size_t parent_count;
	bool link;
	int lock; /* how surely a write locks the parent, 1 being the surest; 0: it does not */
};

struct plan_node {
	const struct osy_template_object *template;
	const struct osy_sf_object *source, *target;
	const char *leg_where; /* NULL: no leg */
	struct plan_field *fields;
	size_t field_count, field_cap;
	int stage;
};

struct plan_build {
	struct osy_plan *plan;
	const struct osy_template *template;
	const char *source_org, *target_org;
	struct plan_node *nodes;
	size_t node_count;
};

/* "template 'crm', object Account: ..." */
enum osy_code plan_fail(const struct plan_build *build, const struct plan_node *node,
	struct osy_err *err, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* plan_fields.c: the fields of a node, those of its match key too. */
enum osy_code plan_fields(
	struct plan_build *build, struct plan_node *node, struct osy_err *err) OSY_CHECKED;
/* plan_lookups.c: parents of lookups, over all nodes; those without any are dropped. Then order,
 * cuts and stages. */
enum osy_code plan_lookups(struct plan_build *build, struct osy_err *err) OSY_CHECKED;
enum osy_code plan_stages(struct plan_build *build, struct osy_err *err) OSY_CHECKED;
bool plan_required(const struct plan_field *field);
/* Index of the field with this name in the target among those that are kept, else in the source;
 * -1. */
int plan_find(const struct plan_node *node, const char *name);
/* Index of the field whose value chooses the lane, -1: none. */
int plan_lock_field(const struct plan_node *node);
/* Index of a second field whose parents a write locks, -1: none. */
int plan_order_field(const struct plan_node *node);

#endif
