/* The SOQL parser. */
#include "sim_soql.h"

#include <stdlib.h>
#include <strings.h>

struct sim_sp {
	struct sim_org *org;
	struct sim_arena *a;
	struct sim_str text;
	size_t at, tok_at;
	struct sim_str tok; /* quoted strings without their quotes */
	bool quoted, end;
	struct sim_err *err;
	struct sim_object *obj;
	struct {
		struct sim_str name;
		struct sim_object *obj;
	} alias;
	struct sim_query *q;
};

static bool sim_sp_fail(struct sim_sp *s, const char *why)
{
	if (!s->err->code)
		sim_err_set(s->err, s->a, "MALFORMED_QUERY", NULL, "%s", why);
	return false;
}

static bool sim_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '.' || c == ':';
}

static bool sim_sp_quoted(struct sim_sp *s)
{
	char *o = sim_arena_get(s->a, s->text.len - s->at + 1);
	size_t n = 0;

	for (s->at++; s->at < s->text.len && s->text.p[s->at] != '\''; s->at++) {
		char c = s->text.p[s->at];

		if (c == '\\' && s->at + 1 < s->text.len) {
			c = s->text.p[++s->at];
			if (c == 'n')
				c = '\n';
			else if (c == 'r')
				c = '\r';
			else if (c == 't')
				c = '\t';
			else if (c == '%' || c == '_')
				o[n++] = '\\';
		}
		o[n++] = c;
	}
	if (s->at >= s->text.len)
		return sim_sp_fail(s, "Bind variables only allowed in Apex code");
	s->at++;
	s->quoted = true;
	s->tok = (struct sim_str){o, n};
	return true;
}

static bool sim_sp_next(struct sim_sp *s)
{
	size_t from;
	char c;

	while (s->at < s->text.len && (unsigned char)s->text.p[s->at] <= ' ')
		s->at++;
	s->quoted = false;
	s->tok_at = from = s->at;
	if (s->at >= s->text.len) {
		s->end = true;
		s->tok = (struct sim_str){"", 0};
		return true;
	}
	c = s->text.p[s->at];
	if (c == '\'')
		return sim_sp_quoted(s);
	if (sim_word_char(c) || c == '-' || c == '+') {
		do
			s->at++;
		while (s->at < s->text.len && (sim_word_char(s->text.p[s->at]) || s->text.p[s->at] == '-' ||
						      s->text.p[s->at] == '+'));
	} else {
		s->at++;
		if (s->at < s->text.len && s->text.p[s->at] == '=' && (c == '<' || c == '>' || c == '!'))
			s->at++;
		else if (c == '<' && s->at < s->text.len && s->text.p[s->at] == '>')
			s->at++;
	}
	s->tok = (struct sim_str){s->text.p + from, s->at - from};
	return true;
}

static bool sim_sp_is(const struct sim_sp *s, const char *word)
{
	return !s->quoted && !s->end && sim_is(s->tok, word);
}

static bool sim_sp_take(struct sim_sp *s, const char *word)
{
	return sim_sp_is(s, word) && sim_sp_next(s);
}

static bool sim_sp_want(struct sim_sp *s, const char *word)
{
	char tmp[160];

	if (sim_sp_take(s, word))
		return true;
	snprintf(tmp, sizeof(tmp), "unexpected token: '%.*s'", (int)(s->tok.len > 80 ? 80 : s->tok.len),
		s->tok.p);
	return sim_sp_fail(s, tmp);
}

/* ---- names ---- */

static bool sim_no_column(struct sim_sp *s, struct sim_str name, const struct sim_object *obj, size_t at,
	bool relation)
{
	int col = (int)at + 1, from = at > 40 ? (int)at - 40 : 0;
	int show = (int)s->text.len - from > 80 ? 80 : (int)s->text.len - from;

	if (relation)
		sim_err_set(s->err, s->a, "INVALID_FIELD", NULL,
			"\n%.*s\n%*s^\nERROR at Row:1:Column:%d\nDidn't understand relationship '%.*s' in field "
			"path. If you are attempting to use a custom relationship, be sure to append the '__r' "
			"after the custom relationship name. Please reference your WSDL or the describe call for "
			"the appropriate names.",
			show, s->text.p + from, col - from - 1, "", col, SIM_P(name));
	else
		sim_err_set(s->err, s->a, "INVALID_FIELD", NULL,
			"\n%.*s\n%*s^\nERROR at Row:1:Column:%d\nNo such column '%.*s' on entity '%s'. If you are "
			"attempting to use a custom field, be sure to append the '__c' after the custom field "
			"name. Please reference your WSDL or the describe call for the appropriate names.",
			show, s->text.p + from, col - from - 1, "", col, SIM_P(name), obj->name);
	return false;
}

/* fields that every target of a polymorphic lookup shows */
static bool sim_name_field_ok(struct sim_str n)
{
	static const char *const ok[] = {"Id", "Name", "Type", "FirstName", "LastName", "Email", "Username",
		"Alias", "Title", "Phone", "IsActive", "ProfileId", "UserRoleId", "RecordTypeId"};

	for (size_t i = 0; i < SIM_COUNT(ok); i++)
		if (sim_is(n, ok[i]))
			return true;
	return false;
}

static bool sim_path_parse(struct sim_sp *s, struct sim_str text, size_t at, struct sim_path *p)
{
	const struct sim_object *obj = s->obj;
	struct sim_str rest = text, part = sim_cut(&rest, '.');

	memset(p, 0, sizeof(*p));
	if (rest.len && (sim_eqi(part, s->alias.name) || sim_is(part, s->obj->name)))
		part = sim_cut(&rest, '.');
	while (rest.len) {
		const struct sim_field *f = obj ? sim_field_by_rel(obj, part) : NULL;

		if (!f || p->nsteps == SIM_MAX_STEPS)
			return sim_no_column(s, part, obj ? obj : s->obj, at, true);
		p->step_name[p->nsteps] = sim_arena_dup(s->a, sim_cstr(f->rel_name));
		p->step[p->nsteps++] = f;
		obj = f->polymorphic || !f->nref ? NULL : f->target[0];
		part = sim_cut(&rest, '.');
	}
	p->owner = obj;
	p->field = obj ? sim_field_find(obj, part) : NULL;
	if (p->field && p->field->hidden)
		p->field = NULL;
	p->name = p->field ? sim_cstr(p->field->name) : sim_arena_dup(s->a, part);
	if (p->field || (p->nsteps && sim_is(part, "Type")) || (!obj && sim_name_field_ok(part)))
		return true;
	return sim_no_column(s, part, obj ? obj : s->obj, at, false);
}

static bool sim_take_path(struct sim_sp *s, struct sim_path *p)
{
	struct sim_str text = s->tok;
	size_t at = s->tok_at;

	if (s->quoted || s->end || !sim_word_char(text.p[0]))
		return sim_sp_want(s, "a field");
	return sim_sp_next(s) && sim_path_parse(s, text, at, p);
}

/* ---- literals ---- */

static void sim_range(struct sim_lit *l, int64_t lo, int64_t hi)
{
	l->lo = lo;
	l->hi = hi;
}

static bool sim_lit_time(struct sim_sp *s, const struct sim_field *f, struct sim_lit *l)
{
	bool date = f->type == SIM_T_DATE;
	struct sim_str rest = s->tok, word = sim_cut(&rest, ':');
	int64_t lo, hi, n = 0;

	if (sim_parse_date(s->tok, &lo)) {
		sim_range(l, date ? lo : lo * 86400000, date ? lo + 1 : (lo + 1) * 86400000);
		return date || sim_sp_fail(s, "value of filter criterion for a dateTime field must be a dateTime");
	}
	if (sim_parse_datetime(s->tok, &lo)) {
		lo = lo / 1000 * 1000;
		sim_range(l, lo, lo + 1000);
		return !date || sim_sp_fail(s, "value of filter criterion for a date field must be a date");
	}
	if (rest.len)
		sim_to_i64(rest, &n);
	if (!sim_date_literal(word, n, &lo, &hi))
		return sim_sp_fail(s, "unexpected token in a date filter");
	sim_range(l, date ? lo : lo * 86400000, date ? hi : hi * 86400000);
	return true;
}

/* an id of another org lies before or behind every id of ours */
static void sim_lit_id(struct sim_sp *s, const struct sim_field *f, struct sim_lit *l, struct sim_str text)
{
	char first[19];
	uint64_t oid;

	if (sim_id_parse(s->org, text, &oid) == SIM_ID_OK) {
		sim_range(l, (int64_t)oid, (int64_t)oid + 1);
		return;
	}
	sim_id_text(s->org, sim_oid(s->obj->idx, 0), first);
	if (f->sys == SIM_SYS_ID && sim_cmpi(text, sim_cstr(first)) > 0 &&
		(text.len < 3 || strncmp(text.p, first, text.len < 15 ? text.len : 15) > 0))
		sim_range(l, INT64_MAX - 1, INT64_MAX);
	else
		sim_range(l, -1, 0);
}

static bool sim_lit_take(struct sim_sp *s, const struct sim_path *p, struct sim_lit *l)
{
	const struct sim_field *f = p->field;
	bool stamp;

	memset(l, 0, sizeof(*l));
	if (s->end)
		return sim_sp_fail(s, "unexpected token: '<EOF>'");
	if (sim_sp_take(s, "null")) {
		l->null = true;
		return true;
	}
	l->s = s->tok;
	stamp = f && (f->type == SIM_T_DATE || f->type == SIM_T_DATETIME);
	if (stamp) {
		if (s->quoted) {
			sim_err_set(s->err, s->a, "INVALID_FIELD", NULL,
				"value of filter criterion for field '%s' must be of type %s and should not be enclosed "
				"in quotes",
				f->name, sim_types[f->type].name);
			return false;
		}
		if (!sim_lit_time(s, f, l))
			return false;
	} else if (f && (f->type == SIM_T_ID || f->type == SIM_T_REFERENCE)) {
		sim_lit_id(s, f, l, s->tok);
	} else if (f && sim_types[f->type].number) {
		char tmp[64];
		size_t n = s->tok.len < 63 ? s->tok.len : 63;

		memcpy(tmp, s->tok.p, n);
		tmp[n] = 0;
		if (s->quoted) {
			sim_err_set(s->err, s->a, "INVALID_FIELD", NULL,
				"value of filter criterion for field '%s' must be of type %s and should not be enclosed "
				"in quotes",
				f->name, sim_types[f->type].name);
			return false;
		}
		l->num = strtod(tmp, NULL);
	} else if (f && f->type == SIM_T_BOOLEAN) {
		l->lo = sim_is(s->tok, "true");
		if (!l->lo && !sim_is(s->tok, "false"))
			return sim_sp_fail(s, "value of filter criterion for a boolean field must be true or false");
	} else if (!s->quoted && f && f->kept == SIM_K_TEXT && f->type != SIM_T_TIME) {
		sim_err_set(s->err, s->a, "INVALID_FIELD", NULL,
			"value of filter criterion for field '%s' must be of type string and should be enclosed in "
			"quotes",
			f->name);
		return false;
	}
	l->s = sim_arena_dup(s->a, l->s);
	return sim_sp_next(s);
}

static struct sim_query *sim_select(struct sim_sp *s, struct sim_object *child_of);

static bool sim_lit_list(struct sim_sp *s, struct sim_cond *c)
{
	size_t cap = 0;

	if (!sim_sp_want(s, "("))
		return false;
	if (sim_sp_is(s, "SELECT")) {
		struct sim_sp in = *s;

		in.alias.name = (struct sim_str){NULL, 0};
		c->semi = sim_select(&in, NULL);
		if (!c->semi)
			return false;
		s->at = in.at, s->tok = in.tok, s->tok_at = in.tok_at, s->end = in.end, s->quoted = in.quoted;
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

static struct sim_cond *sim_cond_new(struct sim_sp *s, int kind, struct sim_cond *a, struct sim_cond *b)
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
	} ops[] = {{"=", SIM_EQ}, {"!=", SIM_NE}, {"<>", SIM_NE}, {"<", SIM_LT}, {"<=", SIM_LE}, {">", SIM_GT},
		{">=", SIM_GE}, {"LIKE", SIM_LIKE}, {"IN", SIM_IN}, {"INCLUDES", SIM_HAS},
		{"EXCLUDES", SIM_HAS_NOT}};

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

static struct sim_cond *sim_test(struct sim_sp *s)
{
	struct sim_cond *c;

	if (sim_sp_take(s, "NOT")) {
		c = sim_test(s);
		return c ? sim_cond_new(s, SIM_NOT, c, NULL) : NULL;
	}
	if (sim_sp_take(s, "(")) {
		c = sim_or(s);
		return c && sim_sp_want(s, ")") ? c : NULL;
	}
	c = sim_cond_new(s, SIM_TEST, NULL, NULL);
	if (!sim_take_path(s, &c->path) || !sim_cmp_take(s, &c->cmp))
		return NULL;
	if (c->path.field && ((c->path.field->type == SIM_T_TEXTAREA && c->path.field->length > 255) ||
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
	static const char *const words[] = {"", "COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG"};
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
	s->at = in.at, s->tok = in.tok, s->tok_at = in.tok_at, s->end = in.end, s->quoted = in.quoted;
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
		sim_err_set(s->err, s->a, "NUMBER_OUTSIDE_VALID_RANGE", NULL, "Maximum SOQL offset allowed is 2000");
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
	if (!s->obj || !s->obj->queryable) {
		sim_err_set(s->err, s->a, "INVALID_TYPE", NULL,
			"sObject type '%.*s' is not supported. If you are attempting to use a custom object, be sure "
			"to append the '__c' after the entity name. Please reference your WSDL or the describe call "
			"for the appropriate names.",
			SIM_P(name));
		return false;
	}
	s->q->obj = s->obj;
	sim_sp_next(s);
	if (!s->end && !s->quoted && sim_word_char(s->tok.p[0])) {
		static const char *const words[] = {"WHERE", "ORDER", "GROUP", "LIMIT", "OFFSET", "ALL", "FOR", "USING"};

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

struct sim_query *sim_soql_parse(struct sim_org *org, struct sim_arena *a, struct sim_str text,
	struct sim_err *err)
{
	struct sim_sp s = {.org = org, .a = a, .text = sim_arena_dup(a, text), .err = err};
	struct sim_query *q;

	if (text.len > 100000) {
		sim_err_set(err, a, "MALFORMED_QUERY", NULL, "SOQL statements cannot be longer than 100000 characters.");
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
