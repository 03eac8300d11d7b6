/*
 * Inside of the plan: a node is an object of the spec while it is being built (a leg of one for
 * price book entries).
 */
#ifndef OSY_PLAN_BUILD_H
#define OSY_PLAN_BUILD_H

#include "expr.h"
#include "plan.h"

struct plan_field {
	const struct osy_sf_field *source, *target;
	bool explicit_; /* named in the template */
	bool key;	/* needed for matching */
	bool dropped;
	bool told; /* read to compare by it, never written */
	const int *parents;
	size_t parent_count;
	bool link, write_nulls;
	bool level;    /* its own object's records, parents first: level by level */
	bool document; /* what a version is one of: written when it is known, and never waited for
			*/
	bool to_users, to_queues;
	bool audit;
	bool ids; /* a text whose ids are resolved */
	enum osy_missing missing;
	enum osy_kind kind;
	struct osy_spec_rule *rule; /* NULL: values pass as they are */
	struct osy_expr *expr;	    /* NULL: its values are those of the source field */
	int lock; /* how surely a write locks the parent, 1 being the surest; 0: it does not */
};

struct plan_node {
	const struct osy_template_object *template;
	const struct osy_sf_object *source, *target;
	const char *leg_where; /* beside the template's filter; NULL: nothing */
	bool person_contact;   /* the leg of contacts that belong to person accounts */
	struct plan_field *fields;
	size_t field_count, field_cap;
	bool wants_body; /* the template asks for its file */
	int stage;
};

/* What a sentence is about. */
struct plan_at {
	const char *kind;  /* as a check tells it: "field", "permission", ... (check.h) */
	const char *field; /* NULL: the object as a whole */
	bool in_target;	   /* the org where something is to be done */
	const char *todo;  /* for a check, where the sentence does not end with it */
};
#define PLAN_AT(k, f, t) ((struct plan_at){.kind = (k), .field = (f), .in_target = (t)})
#define PLAN_TODO(k, f, t, d) \
	((struct plan_at){.kind = (k), .field = (f), .in_target = (t), .todo = (d)})

/* With a sink nothing ends at the first refusal: each is told, and what it is about left out. */
struct plan_sink {
	void (*found)(void *arg, bool blocks, const struct plan_node *node,
		const struct plan_at *at, const char *text);
	void *arg;
};

struct plan_build {
	struct osy_plan *plan;
	const struct plan_sink *sink; /* NULL: the first refusal is an error */
	const struct osy_template *template;
	const char *source_org, *target_org;
	struct plan_node *nodes;
	size_t node_count;
};

/* "template 'crm', object Account: ..."; OSY_OK when there is a sink. */
enum osy_code plan_fail(const struct plan_build *build, const struct plan_node *node,
	struct plan_at at, struct osy_err *err, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* A notice of the scan. blocks: in the eyes of a check it is worse than that. */
void plan_note(const struct plan_build *build, const struct plan_node *node, struct plan_at at,
	bool blocks, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* plan.c: the nodes with their fields; then what the target wants and nobody fills. */
enum osy_code plan_nodes(struct plan_build *build, struct osy_sf_object *const *sources,
	struct osy_sf_object *const *targets, struct osy_err *err) OSY_CHECKED;
void plan_required_fields(struct plan_build *build);
/* plan_fields.c: the fields of a node, those of its match key too. */
enum osy_code plan_fields(
	struct plan_build *build, struct plan_node *node, struct osy_err *err) OSY_CHECKED;
/* plan_audit.c: the audit fields of a node that is to have them; then, over all nodes, whether any
 * has. */
void plan_audit_fields(struct plan_build *build, struct plan_node *node);
enum osy_code plan_audit_check(struct plan_build *build, struct osy_err *err) OSY_CHECKED;
/* Another field of a node. */
struct plan_field *plan_add_field(struct plan_build *build, struct plan_node *node,
	const struct osy_sf_field *source, const struct osy_sf_field *target);
/*
 * plan_expressions.c: a field that an expression (pair->source) makes; what the expressions of a
 * node whose other fields are placed read; and that none of them shows what is masked.
 */
enum osy_code plan_expression(struct plan_build *build, struct plan_node *node,
	const struct osy_template_pair *pair, const struct osy_sf_field *target,
	struct osy_err *err) OSY_CHECKED;
void plan_inputs(
	struct plan_build *build, const struct plan_node *node, struct osy_spec_object *object);
enum osy_code plan_expression_masks(
	struct plan_build *build, struct plan_node *node, struct osy_err *err) OSY_CHECKED;
/* Which records, beside the template's filter, of an object of files, or of shares. */
const char *plan_file_where(struct plan_build *build, const struct plan_node *node);
/* plan_files.c: the file that a record holds, and what is known of it. */
bool plan_is_body(const struct plan_node *node, const struct osy_sf_field *source);
enum osy_code plan_files(
	struct plan_build *build, struct plan_node *node, struct osy_err *err) OSY_CHECKED;
/* Of a node whose fields are known; place: their indexes in the spec. NULL: it holds no file. */
const struct osy_spec_file *plan_spec_file(
	struct plan_build *build, const struct plan_node *node, const int *place);
/* plan_rules.c: value maps and masks of a node whose fields are known. */
enum osy_code plan_rules(
	struct plan_build *build, struct plan_node *node, struct osy_err *err) OSY_CHECKED;
/*
 * plan_hooks.c: the hook that may change records of a node whose rules are known: whether it may
 * see the fields that the template names; then, of what is kept, the spec's form. NULL: none.
 */
enum osy_code plan_hook(
	struct plan_build *build, struct plan_node *node, struct osy_err *err) OSY_CHECKED;
const struct osy_spec_hook *plan_spec_hook(
	struct plan_build *build, const struct plan_node *node, const int *place);
/* plan_ids.c: texts that hold ids, of a node whose rules are known. */
enum osy_code plan_ids(
	struct plan_build *build, struct plan_node *node, struct osy_err *err) OSY_CHECKED;
/* plan.c: a second leg of the last node, a copy of it. */
struct plan_node *plan_second_leg(struct plan_build *build, struct plan_node *node);
/*
 * plan_person.c: person accounts. Before the legs of a node are made: which of its fields are for
 * people, which for businesses, and what is needed for people besides. Then the leg of their
 * contacts.
 */
void plan_person_fields(struct plan_build *build, struct plan_node *node);
void plan_person_contacts(struct plan_build *build, struct plan_node *node);
extern const char *const plan_person_keys[]; /* of that leg, two */
bool plan_has_people(const struct osy_sf_object *object);
/* plan_currency.c: before the legs of a node are made. */
void plan_currency(struct plan_build *build, struct plan_node *node);
/* plan_parents.c: what becomes of records whose parent is not there; after plan_lookups(). */
enum osy_code plan_parents(struct plan_build *build, struct osy_err *err) OSY_CHECKED;
/* plan_lookups.c: parents of lookups, over all nodes; those without any are dropped. Then order,
 * cuts and stages. */
enum osy_code plan_lookups(struct plan_build *build, struct osy_err *err) OSY_CHECKED;
enum osy_code plan_stages(struct plan_build *build, struct osy_err *err) OSY_CHECKED;
/* plan_given.c: stages of the order that the template gives, and which lookups it cuts; after
 * osy_order(), whose cuts it replaces. */
enum osy_code plan_given(struct plan_build *build, struct osy_order_lookup *lookups, size_t count,
	int *stages, struct osy_err *err) OSY_CHECKED;
bool plan_required(const struct plan_field *field);
/* Index of the field with this name in the target among those that are kept, else in the source;
 * -1. */
int plan_find(const struct plan_node *node, const char *name);
/* Index of the field whose value chooses the lane, -1: none. */
int plan_lock_field(const struct plan_node *node);
/* Index of a second field whose parents a write locks, -1: none. */
int plan_order_field(const struct plan_node *node);

#endif
