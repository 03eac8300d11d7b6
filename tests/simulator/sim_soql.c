/* The SOQL parser: conditions, select list, clauses. */
#include "sim_soql_lex.h"

static struct sim_query *sim_select(struct sim_sp *s, struct sim_object *child_of);

/* Where an org takes a sub-query among conditions. */
static bool sim_semi_fits(struct sim_sp *s)
{
	const char *why = NULL;

	if (s->inside)
		why = "Nesting of semi join sub-selects is not supported";
	else if (s->parens)
		why = "Semi join sub-selects are only allowed at the top level WHERE expressions "
		      "and not in nested WHERE expressions.";
	else if (s->semis++ == 2)
		why = "Maximum 2 semi join sub-selects are allowed.";
	if (why)
		sim_err_set(s->err, s->a, "MALFORMED_QUERY", NULL, "%s", why);
	return !why;
}

static bool sim_lit_list(struct sim_sp *s, struct sim_cond *c)
{
	size_t cap = 0;

	if (!sim_sp_want(s, "("))
		return false;
	if (sim_sp_is(s, "SELECT")) {
		struct sim_sp in = *s;

		if (!sim_semi_fits(s))
			return false;
		in.inside = true;
		in.parens = in.semis = 0;
		in.alias.name = (struct sim_str){NULL, 0};
		c->semi = sim_select(&in, NULL);
		if (!c->semi)
			return false;
		s->at = in.at, s->tok = in.tok, s->tok_at = in.tok_at, s->end = in.end,
		s->quoted = in.quoted;
		return sim_sp_want(s, ")");
	}
	do {
		if (c->nlit == cap) {
			struct sim_lit *more;

			cap = cap ? cap * 2 : 16;
			more = sim_arena_get(s->a, cap * sizeof(*more));
			if (c->nlit)
				memcpy(more, c->lit, c->nlit * sizeof(*more));
			c->lit = more;
		}
		if (!sim_lit_take(s, &c->path, &c->lit[c->nlit++]))
			return false;
	} while (sim_sp_take(s, ","));
	return sim_sp_want(s, ")");
}

/* ---- conditions ---- */

static struct sim_cond *sim_cond_new(
	struct sim_sp *s, int kind, struct sim_cond *a, struct sim_cond *b)
{
	struct sim_cond *c = sim_arena_get(s->a, sizeof(*c));

	memset(c, 0, sizeof(*c));
	c->kind = kind;
	c->a = a;
	c->b = b;
	return c;
}

static bool sim_cmp_take(struct sim_sp *s, enum sim_cmp *ret)
{
	static const struct {
		const char *word;
		enum sim_cmp cmp;
	} ops[] = {{"=", SIM_EQ}, {"!=", SIM_NE}, {"<>", SIM_NE}, {"<", SIM_LT}, {"<=", SIM_LE},
		{">", SIM_GT}, {">=", SIM_GE}, {"LIKE", SIM_LIKE}, {"IN", SIM_IN},
		{"INCLUDES", SIM_HAS}, {"EXCLUDES", SIM_HAS_NOT}};

	if (sim_sp_take(s, "NOT")) {
		*ret = SIM_NOT_IN;
		return sim_sp_want(s, "IN");
	}
	for (size_t i = 0; i < SIM_COUNT(ops); i++)
		if (sim_sp_take(s, ops[i].word)) {
			*ret = ops[i].cmp;
			return true;
		}
	return sim_sp_want(s, "an operator");
}

static struct sim_cond *sim_or(struct sim_sp *s);

static struct sim_cond *sim_test(struct sim_sp *s);

static struct sim_cond *sim_bare_test(struct sim_sp *s)
{
	struct sim_cond *c;

	if (sim_sp_take(s, "NOT")) {
		c = sim_test(s);
		return c ? sim_cond_new(s, SIM_NOT, c, NULL) : NULL;
	}
	if (sim_sp_take(s, "(")) {
		s->parens++;
		c = sim_or(s);
		s->parens--;
		return c && sim_sp_want(s, ")") ? c : NULL;
	}
	c = sim_cond_new(s, SIM_TEST, NULL, NULL);
	if (!sim_take_path(s, &c->path) || !sim_cmp_take(s, &c->cmp))
		return NULL;
	if (c->path.field &&
		((c->path.field->type == SIM_T_TEXTAREA && c->path.field->length > 255) ||
			c->path.field->type == SIM_T_BASE64)) {
		sim_err_set(s->err, s->a, "INVALID_FIELD", NULL,
			"field '%s' can not be filtered in a query call", c->path.field->name);
		return NULL;
	}
	if (c->cmp >= SIM_IN)
		return sim_lit_list(s, c) ? c : NULL;
	c->lit = sim_arena_get(s->a, sizeof(*c->lit));
	c->nlit = 1;
	return sim_lit_take(s, &c->path, c->lit) ? c : NULL;
}

static struct sim_cond *sim_test(struct sim_sp *s)
{
	struct sim_cond *c = NULL;

	if (++s->nested > SIM_MAX_NESTED)
		sim_sp_fail(s, "the conditions are nested too deep");
	else
		c = sim_bare_test(s);
	s->nested--;
	return c;
}

static struct sim_cond *sim_and(struct sim_sp *s)
{
	struct sim_cond *c = sim_test(s), *d;

	while (c && sim_sp_take(s, "AND")) {
		d = sim_test(s);
		c = d ? sim_cond_new(s, SIM_AND, c, d) : NULL;
	}
	return c;
}

static struct sim_cond *sim_or(struct sim_sp *s)
{
	struct sim_cond *c = sim_and(s), *d;

	while (c && sim_sp_take(s, "OR")) {
		d = sim_and(s);
		c = d ? sim_cond_new(s, SIM_OR, c, d) : NULL;
		if (c && s->semis) {
			sim_err_set(s->err, s->a, "MALFORMED_QUERY", NULL,
				"Semi join sub-selects are not allowed with the 'OR' operator");
			return NULL;
		}
	}
	return c;
}

/* ---- select list ---- */

static struct sim_item *sim_item_new(struct sim_sp *s, struct sim_item ***at)
{
	struct sim_item *it = sim_arena_get(s->a, sizeof(*it));

	memset(it, 0, sizeof(*it));
	**at = it;
	*at = &it->next;
	return it;
}

static bool sim_fields_macro(struct sim_sp *s, struct sim_item ***at)
{
	bool all, custom;

	if (!sim_sp_want(s, "("))
		return false;
	all = sim_sp_is(s, "ALL");
	custom = sim_sp_is(s, "CUSTOM");
	if (!all && !custom && !sim_sp_is(s, "STANDARD"))
		return sim_sp_fail(s, "FIELDS takes ALL, STANDARD or CUSTOM");
	sim_sp_next(s);
	for (unsigned i = 0; i < s->obj->nfields; i++)
		if (!s->obj->field[i]->hidden && (all || s->obj->field[i]->custom == custom)) {
			struct sim_item *it = sim_item_new(s, at);

			it->path.field = s->obj->field[i];
			it->path.name = sim_cstr(it->path.field->name);
			it->path.owner = s->obj;
		}
	return sim_sp_want(s, ")");
}

static bool sim_aggregate_item(struct sim_sp *s, struct sim_item *it, enum sim_agg agg, int *anon)
{
	it->agg = agg;
	s->q->aggregate = true;
	sim_sp_next(s);
	if (!sim_sp_want(s, "("))
		return false;
	if (agg == SIM_AGG_COUNT && sim_sp_is(s, ")"))
		it->count_all = true;
	else if (!sim_take_path(s, &it->path))
		return false;
	if (!sim_sp_want(s, ")"))
		return false;
	if (!s->end && !s->quoted && !sim_sp_is(s, ",") && !sim_sp_is(s, "FROM")) {
		it->alias = (char *)sim_arena_dup(s->a, s->tok).p;
		return sim_sp_next(s);
	}
	it->alias = sim_arena_fmt(s->a, "expr%d", (*anon)++);
	return true;
}

static enum sim_agg sim_agg_word(const struct sim_sp *s)
{
	static const char *const words[] = {
		"", "COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG"};
	size_t at = s->at;

	while (at < s->text.len && s->text.p[at] == ' ')
		at++;
	for (int i = 1; i < (int)SIM_COUNT(words); i++)
		if (sim_sp_is(s, words[i]) && at < s->text.len && s->text.p[at] == '(')
			return (enum sim_agg)i;
	return SIM_AGG_NONE;
}

static bool sim_sub_item(struct sim_sp *s, struct sim_item *it)
{
	struct sim_sp in = *s;

	in.alias.name = (struct sim_str){NULL, 0};
	it->sub = sim_select(&in, s->obj);
	if (!it->sub)
		return false;
	it->sub_name = it->sub->link->child_rel;
	s->at = in.at, s->tok = in.tok, s->tok_at = in.tok_at, s->end = in.end,
	s->quoted = in.quoted;
	return sim_sp_want(s, ")");
}

static bool sim_items(struct sim_sp *s)
{
	struct sim_item **at = &s->q->items, *it;
	int anon = 0;

	do {
		enum sim_agg agg = sim_agg_word(s);

		if (sim_sp_is(s, "FIELDS")) {
			sim_sp_next(s);
			s->q->macro = true;
			if (!sim_fields_macro(s, &at))
				return false;
			continue;
		}
		it = sim_item_new(s, &at);
		if (agg) {
			if (!sim_aggregate_item(s, it, agg, &anon))
				return false;
		} else if (sim_sp_take(s, "(")) {
			if (!sim_sub_item(s, it))
				return false;
		} else if (!sim_take_path(s, &it->path)) {
			return false;
		}
	} while (sim_sp_take(s, ","));
	it = s->q->items;
	s->q->count_only = it && it->count_all && !it->next;
	return true;
}

static void sim_shape_add(struct sim_sp *s, struct sim_item *it)
{
	struct sim_shape **at = &s->q->shape, *n;
	int depth = 0;

	for (;; depth++) {
		bool parent = depth < it->path.nsteps;

		while (*at && !(parent && (*at)->parent && (*at)->field == it->path.step[depth]))
			at = &(*at)->next;
		if (!*at) {
			n = sim_arena_get(s->a, sizeof(*n));
			*n = (struct sim_shape){.parent = parent, .item = it};
			n->field = parent ? it->path.step[depth] : it->path.field;
			n->name = parent ? it->path.step_name[depth] : it->path.name;
			if (it->sub)
				n->name = sim_cstr(it->sub_name);
			*at = n;
		}
		if (!parent)
			return;
		at = &(*at)->child;
	}
}

/* ---- clauses ---- */

static bool sim_order_by(struct sim_sp *s)
{
	do {
		struct sim_order *o = &s->q->order[s->q->norder];

		if (s->q->norder == 8 || !sim_take_path(s, &o->path))
			return sim_sp_fail(s, "too many ORDER BY fields");
		s->q->norder++;
		o->desc = sim_sp_take(s, "DESC");
		if (!o->desc)
			sim_sp_take(s, "ASC");
		o->nulls_last = false;
		if (sim_sp_take(s, "NULLS")) {
			o->nulls_last = sim_sp_take(s, "LAST");
			if (!o->nulls_last && !sim_sp_want(s, "FIRST"))
				return false;
		}
	} while (sim_sp_take(s, ","));
	return true;
}

static bool sim_group_by(struct sim_sp *s)
{
	s->q->aggregate = true;
	do
		if (s->q->ngroup == 4 || !sim_take_path(s, &s->q->group[s->q->ngroup++]))
			return sim_sp_fail(s, "too many GROUP BY fields");
	while (sim_sp_take(s, ","));
	return true;
}

static bool sim_take_number(struct sim_sp *s, int64_t *ret)
{
	return (sim_to_i64(s->tok, ret) && *ret >= 0 && sim_sp_next(s)) ||
	       sim_sp_fail(s, "unexpected token: a number was expected");
}

static bool sim_clauses(struct sim_sp *s)
{
	if (sim_sp_take(s, "USING") && (!sim_sp_want(s, "SCOPE") || !sim_sp_next(s)))
		return false;
	if (sim_sp_take(s, "WHERE") && !(s->q->where = sim_or(s)))
		return false;
	if (sim_sp_take(s, "GROUP") && (!sim_sp_want(s, "BY") || !sim_group_by(s)))
		return false;
	if (sim_sp_take(s, "ORDER") && (!sim_sp_want(s, "BY") || !sim_order_by(s)))
		return false;
	if (sim_sp_take(s, "LIMIT") && !sim_take_number(s, &s->q->limit))
		return false;
	if (sim_sp_take(s, "OFFSET") && !sim_take_number(s, &s->q->offset))
		return false;
	if (s->q->offset > 2000) {
		sim_err_set(s->err, s->a, "NUMBER_OUTSIDE_VALID_RANGE", NULL,
			"Maximum SOQL offset allowed is 2000");
		return false;
	}
	if (sim_sp_take(s, "ALL") && sim_sp_want(s, "ROWS"))
		s->q->all = true;
	if (sim_sp_take(s, "FOR"))
		sim_sp_next(s);
	return !s->err->code;
}

static bool sim_from(struct sim_sp *s, struct sim_object *child_of)
{
	struct sim_str name = s->tok;

	if (child_of) {
		for (int i = 0; i < child_of->ninbound; i++)
			if (child_of->inbound[i].field->child_rel &&
				sim_is(name, child_of->inbound[i].field->child_rel)) {
				s->obj = child_of->inbound[i].obj;
				s->q->link = child_of->inbound[i].field;
			}
		if (!s->q->link)
			return sim_no_column(s, name, child_of, s->tok_at, true);
	} else {
		s->obj = sim_object_find(s->org, name);
	}
	if (!s->obj || !s->obj->queryable || s->obj->hidden ||
		(s->tooling ? !s->obj->meta : s->obj->tooling)) {
		sim_err_set(s->err, s->a, "INVALID_TYPE", NULL,
			"%ssObject type '%.*s' is not supported. If you are attempting to use a "
			"custom object, be sure "
			"to append the '__c' after the entity name. Please reference your WSDL or "
			"the describe call "
			"for the appropriate names.",
			sim_sp_snippet(s, s->tok_at), SIM_P(name));
		return false;
	}
	s->q->obj = s->obj;
	sim_sp_next(s);
	if (!s->end && !s->quoted && sim_word_char(s->tok.p[0])) {
		static const char *const words[] = {
			"WHERE", "ORDER", "GROUP", "LIMIT", "OFFSET", "ALL", "FOR", "USING"};

		for (size_t i = 0; i < SIM_COUNT(words); i++)
			if (sim_sp_is(s, words[i]))
				return true;
		s->alias.name = s->tok;
		return sim_sp_next(s);
	}
	return true;
}

/* the object is needed first: look ahead to this level's FROM */
static bool sim_skip_to_from(struct sim_sp *s)
{
	int depth = 0;

	while (!s->end) {
		if (sim_sp_is(s, "("))
			depth++;
		else if (sim_sp_is(s, ")") && depth-- == 0)
			break;
		else if (!depth && sim_sp_is(s, "FROM"))
			return sim_sp_next(s);
		if (!sim_sp_next(s))
			return false;
	}
	return sim_sp_fail(s, "unexpected token: '<EOF>'");
}

static struct sim_query *sim_select(struct sim_sp *s, struct sim_object *child_of)
{
	struct sim_query *q = sim_arena_get(s->a, sizeof(*q));
	struct sim_sp list;

	memset(q, 0, sizeof(*q));
	q->org = s->org;
	q->arena = s->a;
	q->limit = -1;
	q->tooling = s->tooling;
	s->q = q;
	if (!sim_sp_want(s, "SELECT"))
		return NULL;
	list = *s;
	if (!sim_skip_to_from(s) || !sim_from(s, child_of))
		return NULL;
	list.obj = s->obj;
	list.alias = s->alias;
	if (!sim_items(&list) || !sim_sp_want(&list, "FROM") || !sim_clauses(s))
		return NULL;
	for (struct sim_item *it = q->items; it; it = it->next)
		if (!it->agg)
			sim_shape_add(s, it);
	return q;
}

static struct sim_query *sim_parse(struct sim_org *org, struct sim_arena *a, struct sim_str text,
	bool tooling, struct sim_err *err)
{
	struct sim_sp s = {
		.org = org, .a = a, .text = sim_arena_dup(a, text), .tooling = tooling, .err = err};
	struct sim_query *q;

	if (text.len > 100000) {
		sim_err_set(err, a, "MALFORMED_QUERY", NULL,
			"SOQL statements cannot be longer than 100000 characters.");
		return NULL;
	}
	if (!sim_sp_next(&s))
		return NULL;
	q = sim_select(&s, NULL);
	if (q && !s.end) {
		sim_sp_want(&s, "<EOF>");
		return NULL;
	}
	return err->code ? NULL : q;
}

struct sim_query *sim_soql_parse(
	struct sim_org *org, struct sim_arena *a, struct sim_str text, struct sim_err *err)
{
	return sim_parse(org, a, text, false, err);
}

struct sim_query *sim_soql_parse_tooling(
	struct sim_org *org, struct sim_arena *a, struct sim_str text, struct sim_err *err)
{
	return sim_parse(org, a, text, true, err);
}
