#include "soql.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define LOOKUPS_MAX 5 /* that an org follows in a path */

/* ---- Tokens ---- */
enum kind { END, WORD, TEXT, SIGN, OTHER };

struct token {
	enum kind kind;
	struct osy_str text;
};

static size_t text_end(const char *p)
{
	size_t n = 1;

	while (p[n] && p[n] != '\'')
		n += p[n] == '\\' && p[n + 1] ? 2 : 1;
	return p[n] ? n + 1 : n;
}

/* Names, paths, numbers, moments ("2024-01-01T00:00:00+01:00"), LAST_N_DAYS:3. */
static size_t word_end(const char *p)
{
	size_t n = 0;

	while (isalnum((unsigned char)p[n]) || (p[n] && strchr("_.:+-", p[n])))
		n++;
	return n;
}

static struct token next(const char **at)
{
	struct token token = {.kind = END};
	const char *p = *at + strspn(*at, " \t\r\n");
	size_t n = word_end(p);

	if (n) {
		token.kind = WORD;
	} else if (*p == '\'') {
		token.kind = TEXT;
		n = text_end(p);
	} else if (*p && strchr("=!<>", *p)) {
		token.kind = SIGN;
		n = strspn(p, "=!<>");
	} else if (*p) {
		token.kind = OTHER;
		n = 1;
	}
	token.text = (struct osy_str){p, n};
	*at = p + n;
	return token;
}

static bool is(const struct token *token, const char *word)
{
	return token->kind != TEXT && strlen(word) == token->text.len &&
	       strncasecmp(token->text.p, word, token->text.len) == 0;
}

static bool is_one_of(const struct token *token, const char *const *words)
{
	while (*words && !is(token, *words))
		words++;
	return *words != NULL;
}

/* ---- Beside other conditions ---- */
static bool has_word(const char *where, const char *word, bool top_level)
{
	int depth = 0;

	for (struct token token = next(&where); token.kind != END; token = next(&where)) {
		depth += is(&token, "(") ? 1 : is(&token, ")") ? -1 : 0;
		if (is(&token, word) && (!top_level || depth == 0))
			return true;
	}
	return false;
}

bool osy_soql_has_query(const char *where)
{
	return has_word(where, "SELECT", false);
}

void osy_soql_nest(const char *where, struct osy_buf *out)
{
	bool bare = osy_soql_has_query(where) && !has_word(where, "OR", true);

	osy_buf_addf(out, bare ? "%s" : "(%s)", where);
}

/* ---- Through a lookup ---- */
struct through {
	const char *at;
	const char *object, *relation;
	struct osy_buf *out;
	const char *why;
};

static void put(struct through *t, struct osy_str text)
{
	if (t->out->len && !strchr("( ", t->out->p[t->out->len - 1]) && !osy_str_is(text, ")"))
		osy_buf_addc(t->out, ' ');
	osy_buf_add_str(t->out, text);
}

static bool refuse(struct through *t, const char *why)
{
	t->why = why;
	return false;
}

#define UNREAD "its filter cannot be read through a lookup"

/* A field, which may be named with the object's own name. */
static bool put_path(struct through *t, struct osy_str path)
{
	size_t own = strlen(t->object), lookups = 1;

	if (path.len > own && path.p[own] == '.' && strncasecmp(path.p, t->object, own) == 0) {
		path.p += own + 1;
		path.len -= own + 1;
	}
	for (size_t i = 0; i < path.len; i++) {
		if (strchr(":+-", path.p[i]))
			return refuse(t, UNREAD);
		lookups += path.p[i] == '.';
	}
	if (lookups > LOOKUPS_MAX)
		return refuse(t, "its filter would go over more than five lookups");
	put(t, osy_str(t->relation));
	osy_buf_addc(t->out, '.');
	osy_buf_add_str(t->out, path);
	return true;
}

static bool follows(const struct through *t, const char *word)
{
	const char *at = t->at;
	struct token token = next(&at);

	return is(&token, word);
}

/* The arguments of a function: fields, texts, numbers, functions. */
static bool put_arguments(struct through *t)
{
	int depth = 0;

	do {
		struct token token = next(&t->at);
		depth += is(&token, "(") ? 1 : is(&token, ")") ? -1 : 0;
		if (token.kind == END)
			return refuse(t, UNREAD);
		if (is(&token, "(")) {
			osy_buf_addc(t->out, '(');
			continue;
		}
		if (token.kind != WORD || !isalpha((unsigned char)token.text.p[0]) ||
			follows(t, "("))
			put(t, token.text);
		else if (!put_path(t, token.text))
			return false;
	} while (depth);
	return true;
}

static bool put_operand(struct through *t, struct token token)
{
	if (token.kind != WORD || !isalpha((unsigned char)token.text.p[0]))
		return refuse(t, UNREAD);
	if (!follows(t, "("))
		return put_path(t, token.text);
	put(t, token.text);
	return put_arguments(t);
}

static bool put_operator(struct through *t)
{
	static const char *const words[] = {"LIKE", "IN", "INCLUDES", "EXCLUDES", NULL};
	struct token token = next(&t->at);

	if (is(&token, "NOT")) {
		put(t, token.text);
		token = next(&t->at);
	}
	put(t, token.text);
	return token.kind == SIGN || is_one_of(&token, words) || refuse(t, UNREAD);
}

static bool put_value(struct through *t)
{
	struct token token = next(&t->at);
	bool list = is(&token, "(");

	put(t, token.text);
	if (!list)
		return token.kind == WORD || token.kind == TEXT || refuse(t, UNREAD);
	while (token.kind != END && !is(&token, ")")) {
		token = next(&t->at);
		put(t, token.text);
		if (is(&token, "("))
			return refuse(t, UNREAD);
	}
	return token.kind != END || refuse(t, UNREAD);
}

/* From one condition to the one behind AND or OR. */
static bool put_condition(struct through *t, int *depth, bool *ret_more)
{
	struct token token = next(&t->at);

	for (; is(&token, "(") || is(&token, "NOT"); token = next(&t->at)) {
		*depth += is(&token, "(");
		put(t, token.text);
	}
	if (!put_operand(t, token) || !put_operator(t) || !put_value(t))
		return false;
	token = next(&t->at);
	for (; is(&token, ")") && *depth > 0; token = next(&t->at)) {
		put(t, token.text);
		(*depth)--;
	}
	*ret_more = is(&token, "AND") || is(&token, "OR");
	if (*ret_more)
		put(t, token.text);
	return *ret_more || (token.kind == END && *depth == 0) || refuse(t, UNREAD);
}

const char *osy_soql_through(
	const char *where, const char *object, const char *relation, struct osy_buf *out)
{
	struct through t = {.at = where, .object = object, .relation = relation, .out = out};
	bool more = true;
	int depth = 0;

	if (osy_soql_has_query(where))
		return "its filter holds a sub-query";
	if (strlen(relation) > OSY_SOQL_NAME_MAX)
		return UNREAD;
	while (more) {
		if (!put_condition(&t, &depth, &more))
			return t.why;
	}
	return NULL;
}
