/* An expression's text: tokens, and sentences about places in it. */
#include <ctype.h>
#include <stdio.h>

#include "expr_parse.h"

/* ---- Sentences ---- */
/* Characters from 1. */
unsigned parse_place(const struct parse *parse, size_t byte)
{
	return (unsigned)expr_characters((struct osy_str){parse->text.p, byte}) + 1;
}

__attribute__((format(printf, 3, 4))) struct operand parse_fail(
	struct parse *parse, size_t byte, const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!parse->failed)
		(void)osy_fail(
			parse->err, OSY_E_INVALID, "at %u: %s", parse_place(parse, byte), text);
	parse->failed = true;
	parse->token = END;
	return (struct operand){EXPR_ANY, -1, byte};
}

/* ---- Tokens ---- */
static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$';
}

static size_t skip_blank(const struct parse *parse, size_t at)
{
	struct osy_str text = parse->text;

	for (;;) {
		while (at < text.len && isspace((unsigned char)text.p[at]))
			at++;
		if (at + 1 >= text.len || text.p[at] != '/' || text.p[at + 1] != '*')
			return at;
		const char *end = memmem(text.p + at + 2, text.len - at - 2, "*/", 2);
		at = end ? (size_t)(end - text.p) + 2 : text.len;
	}
}

/* 'text' or "text", with \' \" \\ \n \r \t */
static void read_text(struct parse *parse)
{
	struct osy_str text = parse->text;
	char quote = text.p[parse->from];
	char *out = osy_arena_alloc(parse->arena, text.len - parse->from);
	size_t n = 0, at = parse->from + 1;

	for (; at < text.len && text.p[at] != quote; at++) {
		char c = text.p[at];
		if (c == '\\' && at + 1 < text.len) {
			c = text.p[++at];
			c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
		}
		out[n++] = c;
	}
	parse->token = TEXT;
	parse->content = (struct osy_str){out, n};
	if (at >= text.len)
		(void)parse_fail(
			parse, parse->from, "the text does not end; put a %c behind it", quote);
	parse->at = at + 1;
}

static void read_number(struct parse *parse)
{
	struct osy_str text = parse->text;
	size_t at = parse->from;

	while (at < text.len && (isdigit((unsigned char)text.p[at]) || text.p[at] == '.'))
		at++;
	parse->content = (struct osy_str){text.p + parse->from, at - parse->from};
	parse->at = at;
	parse->token = NUMBER;
	if (!expr_number_read(parse->content, &parse->number))
		(void)parse_fail(parse, parse->from,
			"'%.*s' is no number of at most 20 digits before the point",
			EXPR_SHOW(parse->content));
}

static void read_sign(struct parse *parse)
{
	static const char *const signs[] = {"<>", "!=", "<=", ">=", "==", "&&", "||", "+", "-", "*",
		"/", "&", "=", "<", ">", "!", "(", ")", ","};
	struct osy_str rest = {parse->text.p + parse->from, parse->text.len - parse->from};

	for (size_t i = 0; i < OSY_COUNT(signs); i++) {
		if (!osy_str_starts(rest, signs[i]))
			continue;
		parse->token = SIGN;
		parse->content = osy_str(signs[i]);
		parse->at = parse->from + strlen(signs[i]);
		return;
	}
	size_t len = 1;
	while (len < rest.len && ((unsigned char)rest.p[len] & 0xc0) == 0x80)
		len++;
	rest.len = len;
	(void)parse_fail(parse, parse->from, "'%.*s' has no meaning here", EXPR_SHOW(rest));
}

void parse_next(struct parse *parse)
{
	struct osy_str text = parse->text;

	if (parse->failed)
		return;
	parse->from = parse->at = skip_blank(parse, parse->at);
	parse->token = END;
	parse->content = OSY_STR("");
	if (parse->from >= text.len)
		return;
	char c = text.p[parse->from];
	bool point = c == '.' && parse->from + 1 < text.len &&
		     isdigit((unsigned char)text.p[parse->from + 1]);
	if (c == '\'' || c == '"') {
		read_text(parse);
	} else if (isdigit((unsigned char)c) || point) {
		read_number(parse);
	} else if (is_name_char(c)) {
		while (parse->at < text.len &&
			(is_name_char(text.p[parse->at]) || text.p[parse->at] == '.'))
			parse->at++;
		parse->token = NAME;
		parse->content = (struct osy_str){text.p + parse->from, parse->at - parse->from};
	} else {
		read_sign(parse);
	}
}

bool parse_is_sign(const struct parse *parse, const char *sign)
{
	return parse->token == SIGN && osy_str_is(parse->content, sign);
}

bool parse_take_sign(struct parse *parse, const char *sign)
{
	if (!parse_is_sign(parse, sign))
		return false;
	parse_next(parse);
	return true;
}

void parse_need_sign(struct parse *parse, const char *sign, const char *of)
{
	if (!parse_take_sign(parse, sign))
		(void)parse_fail(parse, parse->from, "'%s' is missing%s%s", sign,
			of ? "; it is " : "", of ? of : "");
}
