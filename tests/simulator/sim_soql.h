/*
 * SOQL: text to a query (names resolved against the schema), finding its records, and writing
 * them as JSON. A query belongs to its arena and may outlive the request in a cursor.
 */
#ifndef SIM_SOQL_H
#define SIM_SOQL_H

#include "sim_value.h"

#define SIM_MAX_STEPS 5

struct sim_path {
	const struct sim_field *step[SIM_MAX_STEPS]; /* lookups to follow */
	struct sim_str step_name[SIM_MAX_STEPS];
	int nsteps;
	const struct sim_field *field; /* NULL: by name, in whatever object the lookup leads to */
	struct sim_str name;
	const struct sim_object *owner; /* of field; NULL when polymorphic */
};

enum sim_cmp {
	SIM_EQ,
	SIM_NE,
	SIM_LT,
	SIM_LE,
	SIM_GT,
	SIM_GE,
	SIM_LIKE,
	SIM_IN,
	SIM_NOT_IN,
	SIM_HAS,
	SIM_HAS_NOT
};

struct sim_lit {
	bool null;
	struct sim_str s; /* text */
	double num;
	int64_t lo, hi; /* ids, times, days: the range [lo, hi) */
};

struct sim_query;

struct sim_cond {
	enum { SIM_AND, SIM_OR, SIM_NOT, SIM_TEST } kind;
	struct sim_cond *a, *b;
	struct sim_path path;
	enum sim_cmp cmp;
	struct sim_lit *lit;
	size_t nlit;
	bool done;		/* the index that found the candidates saw to it */
	struct sim_query *semi; /* IN (SELECT ...) */
};

enum sim_agg {
	SIM_AGG_NONE,
	SIM_AGG_COUNT,
	SIM_AGG_DISTINCT,
	SIM_AGG_MIN,
	SIM_AGG_MAX,
	SIM_AGG_SUM,
	SIM_AGG_AVG
};

struct sim_item {
	struct sim_item *next;
	struct sim_path path;
	enum sim_agg agg;
	bool count_all;
	char *alias;
	struct sim_query *sub;
	const char *sub_name;
};

/* the shape of a reply row: a field, or a parent with a shape of its own */
struct sim_shape {
	struct sim_shape *next, *child;
	struct sim_str name;
	const struct sim_field *field; /* the field, or the lookup */
	struct sim_item *item;
	bool parent;
};

struct sim_order {
	struct sim_path path;
	bool desc, nulls_last, nulls_given;
};

struct sim_query {
	struct sim_org *org;
	struct sim_arena *arena;
	struct sim_object *obj;
	struct sim_item *items;
	struct sim_shape *shape;
	struct sim_cond *where;
	struct sim_order order[8];
	int norder;
	struct sim_path group[4];
	int ngroup;
	int64_t limit, offset;			/* limit -1: none */
	bool all, count_only, aggregate, macro; /* macro: FIELDS(...) */
	bool tooling;
	const struct sim_field *link; /* a sub-query: the lookup to the parent */
	const char *version;
};

struct sim_result {
	uint32_t *serial;
	size_t n, cap;
};

/* NULL with err set */
struct sim_query *sim_soql_parse(
	struct sim_org *org, struct sim_arena *a, struct sim_str text, struct sim_err *err);
struct sim_query *sim_soql_parse_tooling(
	struct sim_org *org, struct sim_arena *a, struct sim_str text, struct sim_err *err);
/* finds the records; takes the org's read lock in short stretches */
void sim_query_run(struct sim_query *q, uint64_t parent, struct sim_result *ret);
void sim_result_done(struct sim_result *r);
void sim_query_rows(struct sim_query *q, struct sim_buf *b, const uint32_t *serial, size_t n);
size_t sim_query_aggregate(struct sim_query *q, const struct sim_result *res, struct sim_buf *b);
void sim_query_columns(const struct sim_query *q, struct sim_buf *b); /* as JSON */
bool sim_cond_holds(const struct sim_query *q, const struct sim_cond *c, const struct sim_rec *r);
/* follows the path; needs the read lock. false: null on the way or at the end */
bool sim_path_cell(const struct sim_query *q, const struct sim_path *p, const struct sim_rec *r,
	struct sim_cell *ret);
const struct sim_rec *sim_path_rec(const struct sim_org *org, const struct sim_path *p,
	const struct sim_rec *r, const struct sim_field **ret_field);
uint64_t sim_ref_oid(const struct sim_org *org, const struct sim_rec *r, const struct sim_field *f);
struct sim_rec *sim_take_rec(const struct sim_org *org, uint64_t oid); /* referenced, or NULL */
void sim_query_path_plain(
	struct sim_buf *b, struct sim_query *q, const struct sim_path *p, struct sim_rec *r);
bool sim_date_literal(struct sim_str word, int64_t arg, int64_t *ret_lo_day, int64_t *ret_hi_day);

#endif
