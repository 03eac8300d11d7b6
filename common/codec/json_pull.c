#include "osy/json_pull.h"

#include "osy/utf8.h"

#include "osy/banned.h"

enum { DEPTH_MAX = 64 };

/* What may come next; the name of a key's ':' is not among them, for a key is taken together with
 * its colon. */
enum expect {
	EXPECT_VALUE,
	EXPECT_VALUE_OR_END, /* just behind '[' */
	EXPECT_KEY,
	EXPECT_KEY_OR_END, /* just behind '{' */
	EXPECT_COMMA_OR_END,
	EXPECT_NOTHING, /* the document's value is over */
	EXPECT_FAILED,
};

void osy_json_pull_init(struct osy_json_pull *pull, struct osy_str text)
{
	const char *p = text.p ? text.p : "";

	*pull = (struct osy_json_pull){.p = p, .end = p + text.len, .start = p};
}

static enum osy_pull fail(struct osy_json_pull *pull, const char *error)
{
	pull->error = error;
	pull->expect_ = EXPECT_FAILED;
	pull->token = OSY_STR_NULL;
	return OSY_PULL_ERROR;
}

static void skip_space(struct osy_json_pull *pull)
{
	const char *p = pull->p, *end = pull->end;

	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	pull->p = p;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Length of the escape at p ('\\'); 0 when it is none. Lone surrogates pass here: they are
 * well-formed JSON. */
static unsigned escape_len(const char *p, const char *end)
{
	if (end - p < 2)
		return 0;
	if (p[1] == 'u')
		return end - p >= 6 && is_hex(p[2]) && is_hex(p[3]) && is_hex(p[4]) && is_hex(p[5])
			       ? 6
			       : 0;
	return p[1] && strchr("\"\\/bfnrt", p[1]) ? 2 : 0;
}

/* Takes a string from its quote on; the place behind the closing quote, or NULL. */
static const char *scan_string(struct osy_json_pull *pull, const char *p)
{
	const char *end = pull->end;
	unsigned n;

	p++;
	while ((p = osy_utf8_skip_plain(p, end)) < end) {
		if (*p == '"')
			return p + 1;
		n = *p == '\\'		       ? escape_len(p, end)
		    : (unsigned char)*p < 0x20 ? 0
					       : osy_utf8_step(p, end);
		if (n == 0) {
			pull->p = p;
			fail(pull, *p == '\\'		      ? "bad escape"
				   : (unsigned char)*p < 0x20 ? "control character in a string"
							      : "text is not UTF-8");
			return NULL;
		}
		p += n;
		/* text of other scripts comes in stretches: no need to look for ASCII after each
		 * character */
		while (p < end && (unsigned char)*p >= 0x80 && (n = osy_utf8_step(p, end)) > 0)
			p += n;
	}
	pull->p = end;
	fail(pull, "string is cut off");
	return NULL;
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* The end of the number at p, or NULL. What stands behind it is the next call's business. */
static const char *scan_number(const char *p, const char *end)
{
	const char *digits;

	if (*p == '-')
		p++;
	digits = p;
	p = skip_digits(p, end);
	if (p == digits || (*digits == '0' && p - digits > 1))
		return NULL;
	if (p < end && *p == '.') {
		digits = ++p;
		p = skip_digits(p, end);
		if (p == digits)
			return NULL;
	}
	if (p < end && (*p | 0x20) == 'e') {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		digits = p;
		p = skip_digits(p, end);
		if (p == digits)
			return NULL;
	}
	return p;
}

/* Hands on what lies between pull->p and end. */
static enum osy_pull take(struct osy_json_pull *pull, const char *end, enum osy_pull type)
{
	pull->token = (struct osy_str){pull->p, (size_t)(end - pull->p)};
	pull->p = end;
	return type;
}

static void value_is_over(struct osy_json_pull *pull)
{
	pull->expect_ = pull->depth ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
}

static enum osy_pull take_open(struct osy_json_pull *pull, bool is_object)
{
	if (pull->depth == DEPTH_MAX)
		return fail(pull, "nested too deep");
	pull->in_object = pull->in_object << 1 | is_object;
	pull->depth++;
	pull->expect_ = is_object ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
	return take(pull, pull->p + 1, is_object ? OSY_PULL_OBJECT : OSY_PULL_ARRAY);
}

static enum osy_pull take_close(struct osy_json_pull *pull)
{
	bool is_object = pull->in_object & 1;

	if (*pull->p != (is_object ? '}' : ']'))
		return fail(pull, is_object ? "'}' or ',' expected" : "']' or ',' expected");
	pull->in_object >>= 1;
	pull->depth--;
	value_is_over(pull);
	return take(pull, pull->p + 1, is_object ? OSY_PULL_OBJECT_END : OSY_PULL_ARRAY_END);
}

static enum osy_pull take_string(struct osy_json_pull *pull)
{
	const char *end = scan_string(pull, pull->p);

	if (!end)
		return OSY_PULL_ERROR;
	value_is_over(pull);
	return take(pull, end, OSY_PULL_STRING);
}

static enum osy_pull take_number(struct osy_json_pull *pull)
{
	const char *end = scan_number(pull->p, pull->end);

	if (!end)
		return fail(pull, "bad number");
	value_is_over(pull);
	return take(pull, end, OSY_PULL_NUMBER);
}

static enum osy_pull take_word(struct osy_json_pull *pull, struct osy_str word, enum osy_pull type)
{
	if ((size_t)(pull->end - pull->p) < word.len || memcmp(pull->p, word.p, word.len) != 0)
		return fail(pull, "value expected");
	value_is_over(pull);
	return take(pull, pull->p + word.len, type);
}

static enum osy_pull take_value(struct osy_json_pull *pull)
{
	switch (*pull->p) {
	case '"':
		return take_string(pull);
	case '{':
		return take_open(pull, true);
	case '[':
		return take_open(pull, false);
	case 't':
		return take_word(pull, OSY_STR("true"), OSY_PULL_TRUE);
	case 'f':
		return take_word(pull, OSY_STR("false"), OSY_PULL_FALSE);
	case 'n':
		return take_word(pull, OSY_STR("null"), OSY_PULL_NULL);
	case '-':
	case '0' ... '9':
		return take_number(pull);
	default:
		return fail(pull, "value expected");
	}
}

static enum osy_pull take_key(struct osy_json_pull *pull)
{
	const char *key = pull->p + 1, *end;

	if (*pull->p != '"')
		return fail(pull, "key expected");
	end = scan_string(pull, pull->p);
	if (!end)
		return OSY_PULL_ERROR;
	pull->p = end;
	skip_space(pull);
	if (pull->p == pull->end || *pull->p != ':')
		return fail(pull, "':' expected");
	pull->p++;
	pull->expect_ = EXPECT_VALUE;
	pull->token = (struct osy_str){key, (size_t)(end - key) - 1};
	return OSY_PULL_KEY;
}

static enum osy_pull at_end(struct osy_json_pull *pull)
{
	if (pull->expect_ != EXPECT_NOTHING)
		return fail(pull, "text is cut off");
	pull->token = OSY_STR_NULL;
	return OSY_PULL_END;
}

/* The comma, and what then must follow. */
static enum osy_pull take_next_item(struct osy_json_pull *pull)
{
	bool is_object = pull->in_object & 1;

	if (*pull->p != ',')
		return take_close(pull);
	pull->p++;
	pull->expect_ = is_object ? EXPECT_KEY : EXPECT_VALUE;
	skip_space(pull);
	if (pull->p == pull->end)
		return at_end(pull);
	return is_object ? take_key(pull) : take_value(pull);
}

enum osy_pull osy_json_pull_next(struct osy_json_pull *pull)
{
	if (pull->expect_ == EXPECT_FAILED)
		return OSY_PULL_ERROR;
	skip_space(pull);
	if (pull->p == pull->end)
		return at_end(pull);
	switch ((enum expect)pull->expect_) {
	case EXPECT_COMMA_OR_END:
		return take_next_item(pull);
	case EXPECT_VALUE_OR_END:
		return *pull->p == ']' ? take_close(pull) : take_value(pull);
	case EXPECT_VALUE:
		return take_value(pull);
	case EXPECT_KEY_OR_END:
		return *pull->p == '}' ? take_close(pull) : take_key(pull);
	case EXPECT_KEY:
		return take_key(pull);
	case EXPECT_NOTHING:
		return fail(pull, "text behind the end of the document");
	case EXPECT_FAILED:
		break;
	}
	return OSY_PULL_ERROR;
}

enum osy_pull osy_json_pull_value(struct osy_json_pull *pull, struct osy_str *ret_raw)
{
	enum osy_pull type = osy_json_pull_next(pull), last = type;
	const char *start = pull->token.p;
	unsigned depth = pull->depth;

	if (type == OSY_PULL_ERROR)
		return type;
	if (type == OSY_PULL_OBJECT || type == OSY_PULL_ARRAY) {
		while (pull->depth >= depth && last != OSY_PULL_ERROR)
			last = osy_json_pull_next(pull);
		if (last == OSY_PULL_ERROR)
			return last;
		pull->token = (struct osy_str){start, (size_t)(pull->p - start)};
	}
	*ret_raw = pull->token;
	return type;
}

enum osy_code osy_json_pull_fail(
	const struct osy_json_pull *pull, const char *what, struct osy_err *err)
{
	return osy_fail(err, OSY_E_INVALID, "%s: JSON error at byte %zu: %s", what,
		(size_t)(pull->p - pull->start), pull->error ? pull->error : "unexpected value");
}
