/* Words, names and literals of SOQL. */
#include "sim_soql_lex.h"

#include <stdlib.h>
#include <strings.h>

bool sim_sp_fail(struct sim_sp *s, const char *why)
{
	if (!s->err->code)
		sim_err_set(s->err, s->a, "MALFORMED_QUERY", NULL, "%s", why);
	return false;
}

bool sim_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == ':';
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

bool sim_sp_next(struct sim_sp *s)
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
		while (s->at < s->text.len &&
			(sim_word_char(s->text.p[s->at]) || s->text.p[s->at] == '-' ||
				s->text.p[s->at] == '+'));
	} else {
		s->at++;
		if (s->at < s->text.len && s->text.p[s->at] == '=' &&
			(c == '<' || c == '>' || c == '!'))
			s->at++;
		else if (c == '<' && s->at < s->text.len && s->text.p[s->at] == '>')
			s->at++;
	}
	s->tok = (struct sim_str){s->text.p + from, s->at - from};
	return true;
}

bool sim_sp_is(const struct sim_sp *s, const char *word)
{
	return !s->quoted && !s->end && sim_is(s->tok, word);
}

bool sim_sp_take(struct sim_sp *s, const char *word)
{
	return sim_sp_is(s, word) && sim_sp_next(s);
}

bool sim_sp_want(struct sim_sp *s, const char *word)
{
	char tmp[160];

	if (sim_sp_take(s, word))
		return true;
	snprintf(tmp, sizeof(tmp), "unexpected token: '%.*s'",
		(int)(s->tok.len > 80 ? 80 : s->tok.len), s->tok.p);
	return sim_sp_fail(s, tmp);
}

/* ---- names ---- */

const char *sim_sp_snippet(struct sim_sp *s, size_t at)
{
	int col = (int)at + 1, from = at > 40 ? (int)at - 40 : 0;
	int show = (int)s->text.len - from > 80 ? 80 : (int)s->text.len - from;

	return sim_arena_fmt(s->a, "\n%.*s\n%*s^\nERROR at Row:1:Column:%d\n", show,
		s->text.p + from, col - from - 1, "", col);
}

bool sim_no_column(struct sim_sp *s, struct sim_str name, const struct sim_object *obj, size_t at,
	bool relation)
{
	const char *there = sim_sp_snippet(s, at);

	if (relation)
		sim_err_set(s->err, s->a, "INVALID_FIELD", NULL,
			"%sDidn't understand relationship "
			"'%.*s' in field "
			"path. If you are attempting to use a custom relationship, be sure to "
			"append the '__r' "
			"after the custom relationship name. Please reference your WSDL or the "
			"describe call for "
			"the appropriate names.",
			there, SIM_P(name));
	else
		sim_err_set(s->err, s->a, "INVALID_FIELD", NULL,
			"%sNo such column '%.*s' on entity "
			"'%s'. If you are "
			"attempting to use a custom field, be sure to append the '__c' after the "
			"custom field "
			"name. Please reference your WSDL or the describe call for the appropriate "
			"names.",
			there, SIM_P(name), obj->name);
	return false;
}

/* fields that every target of a polymorphic lookup shows */
static bool sim_name_field_ok(struct sim_str n)
{
	static const char *const ok[] = {"Id", "Name", "Type", "FirstName", "LastName", "Email",
		"Username", "Alias", "Title", "Phone", "IsActive", "ProfileId", "UserRoleId",
		"RecordTypeId"};

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

bool sim_take_path(struct sim_sp *s, struct sim_path *p)
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
		return date ||
		       sim_sp_fail(s,
			       "value of filter criterion for a dateTime field must be a dateTime");
	}
	if (sim_parse_datetime(s->tok, &lo)) {
		lo = lo / 1000 * 1000;
		sim_range(l, lo, lo + 1000);
		return !date ||
		       sim_sp_fail(s, "value of filter criterion for a date field must be a date");
	}
	if (rest.len)
		sim_to_i64(rest, &n);
	if (!sim_date_literal(word, n, &lo, &hi))
		return sim_sp_fail(s, "unexpected token in a date filter");
	sim_range(l, date ? lo : lo * 86400000, date ? hi : hi * 86400000);
	return true;
}

/* an id of another org lies before or behind every id of ours */
static void sim_lit_id(
	struct sim_sp *s, const struct sim_field *f, struct sim_lit *l, struct sim_str text)
{
	char first[19];
	uint64_t oid;

	if (sim_id_parse(s->org, text, &oid) == SIM_ID_OK) {
		sim_range(l, (int64_t)oid, (int64_t)oid + (oid < SIM_MASTER_RT));
		return;
	}
	sim_id_text(s->org, sim_oid(s->obj->idx, 0), first);
	if (f->sys == SIM_SYS_ID && sim_cmpi(text, sim_cstr(first)) > 0 &&
		(text.len < 3 || strncmp(text.p, first, text.len < 15 ? text.len : 15) > 0))
		sim_range(l, INT64_MAX - 1, INT64_MAX);
	else
		sim_range(l, -1, 0);
}

bool sim_lit_take(struct sim_sp *s, const struct sim_path *p, struct sim_lit *l)
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
				"value of filter criterion for field '%s' must be of type %s and "
				"should not be enclosed "
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
				"value of filter criterion for field '%s' must be of type %s and "
				"should not be enclosed "
				"in quotes",
				f->name, sim_types[f->type].name);
			return false;
		}
		l->num = strtod(tmp, NULL);
	} else if (f && f->type == SIM_T_BOOLEAN) {
		l->lo = sim_is(s->tok, "true");
		if (!l->lo && !sim_is(s->tok, "false"))
			return sim_sp_fail(s, "value of filter criterion for a boolean field must "
					      "be true or false");
	} else if (!s->quoted && f && f->kept == SIM_K_TEXT && f->type != SIM_T_TIME) {
		sim_err_set(s->err, s->a, "INVALID_FIELD", NULL,
			"value of filter criterion for field '%s' must be of type string and "
			"should be enclosed in "
			"quotes",
			f->name);
		return false;
	}
	l->s = sim_arena_dup(s->a, l->s);
	return sim_sp_next(s);
}
