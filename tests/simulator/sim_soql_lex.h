/* The SOQL parser's own: the text being read, words, names and literals. */
#ifndef SIM_SOQL_LEX_H
#define SIM_SOQL_LEX_H

#include "sim_soql.h"

#define SIM_MAX_NESTED 500

struct sim_sp {
	struct sim_org *org;
	struct sim_arena *a;
	struct sim_str text;
	size_t at, tok_at;
	struct sim_str tok; /* quoted strings without their quotes */
	bool quoted, end, tooling;
	struct sim_err *err;
	struct sim_object *obj;
	struct {
		struct sim_str name;
		struct sim_object *obj;
	} alias;
	struct sim_query *q;
	int nested;  /* conditions, each in parentheses or behind a NOT of the one before */
	int parens;  /* open ones of the conditions */
	int semis;   /* sub-queries of the conditions */
	bool inside; /* such a sub-query */
};

bool sim_sp_fail(struct sim_sp *s, const char *why); /* always false */
bool sim_word_char(char c);
bool sim_sp_next(struct sim_sp *s);
bool sim_sp_is(const struct sim_sp *s, const char *word);
bool sim_sp_take(struct sim_sp *s, const char *word); /* steps over it when it is there */
bool sim_sp_want(struct sim_sp *s, const char *word); /* fails when it is not */
/* always false; relation: the name was to be a relationship */
const char *sim_sp_snippet(struct sim_sp *s, size_t at); /* the text there, marked, for messages */
bool sim_no_column(struct sim_sp *s, struct sim_str name, const struct sim_object *obj, size_t at,
	bool relation);
bool sim_take_path(struct sim_sp *s, struct sim_path *p);
bool sim_lit_take(struct sim_sp *s, const struct sim_path *p, struct sim_lit *l);

#endif
