/* JSON text to trees and back. */
#include "json-i.h"
#include "osy/json_pull.h"
#include "osy/mem.h"

#include "osy/banned.h"

enum { TEXT_MAX = 64 * 1024 * 1024, DEPTH_MAX = 32 };

struct build {
	struct osy_json_pull pull;
	struct osy_json *root;
	struct osy_json *open[DEPTH_MAX];
	unsigned depth;
	struct osy_buf key; /* of the value to come, when the innermost container is an object */
	struct osy_buf text;
};

/* The innermost container or the document takes the value. */
static void attach(struct build *b, struct osy_json *value)
{
	struct osy_json *into = b->depth ? b->open[b->depth - 1] : NULL;

	if (!into)
		b->root = value;
	else if (osy_json_type(into) == OSY_JSON_OBJECT)
		osy_json_put(into, b->key.p, value);
	else
		osy_json_push(into, value);
}

static enum osy_code open_container(struct build *b, struct osy_json *container)
{
	attach(b, container);
	if (b->depth == DEPTH_MAX) {
		b->pull.error = "nested too deep";
		return OSY_E_INVALID;
	}
	b->open[b->depth++] = container;
	return OSY_OK;
}

static enum osy_code take_key(struct build *b, struct osy_err *err)
{
	/* the token is a slice between two quotes of the input */
	struct osy_str raw = {b->pull.token.p - 1, b->pull.token.len + 2};

	osy_buf_reset(&b->key);
	if (osy_json_unquote(raw, &b->key, err))
		return err->code;
	if (memchr(b->key.p, '\0', b->key.len)) /* json-c would cut it there */
		return osy_fail(err, OSY_E_INVALID, "key contains a NUL");
	return OSY_OK;
}

static enum osy_code take_string(struct build *b, struct osy_err *err)
{
	struct osy_str text;

	if (!osy_json_plain(b->pull.token, &text)) {
		osy_buf_reset(&b->text);
		if (osy_json_unquote(b->pull.token, &b->text, err))
			return err->code;
		text = osy_buf_str(&b->text);
	}
	attach(b, osy_json_new_str(text));
	return OSY_OK;
}

static enum osy_code take_number(struct build *b, struct osy_err *err)
{
	struct osy_json *number = osy_json_try_number(b->pull.token);

	if (!number)
		return osy_fail(err, OSY_E_INVALID, "whole number has more than 64 bits");
	attach(b, number);
	return OSY_OK;
}

/* A failure without a text of its own is the tokenizer's. */
static enum osy_code take_token(struct build *b, enum osy_pull type, struct osy_err *err)
{
	switch (type) {
	case OSY_PULL_OBJECT:
		return open_container(b, osy_json_new_object());
	case OSY_PULL_ARRAY:
		return open_container(b, osy_json_new_array());
	case OSY_PULL_OBJECT_END:
	case OSY_PULL_ARRAY_END:
		b->depth--;
		return OSY_OK;
	case OSY_PULL_KEY:
		return take_key(b, err);
	case OSY_PULL_STRING:
		return take_string(b, err);
	case OSY_PULL_NUMBER:
		return take_number(b, err);
	case OSY_PULL_TRUE:
	case OSY_PULL_FALSE:
		attach(b, osy_json_new_bool(type == OSY_PULL_TRUE));
		return OSY_OK;
	case OSY_PULL_NULL:
		attach(b, NULL);
		return OSY_OK;
	case OSY_PULL_END:
	case OSY_PULL_ERROR:
		break;
	}
	return OSY_E_INVALID;
}

enum osy_code osy_json_parse(
	struct osy_str text, const char *what, struct osy_json **ret, struct osy_err *err)
{
	struct build b = {.key = OSY_BUF(TEXT_MAX), .text = OSY_BUF(TEXT_MAX)};
	struct osy_err cause = OSY_ERR_NONE;
	enum osy_code rc = OSY_OK;
	enum osy_pull type;

	if (text.len > TEXT_MAX)
		return osy_fail(err, OSY_E_TOO_BIG,
			"%s: JSON text of %zu bytes is over the limit of %d", what, text.len,
			TEXT_MAX);
	osy_json_pull_init(&b.pull, text);
	while (!rc && (type = osy_json_pull_next(&b.pull)) != OSY_PULL_END)
		rc = take_token(&b, type, &cause);
	osy_buf_done(&b.key);
	osy_buf_done(&b.text);
	if (!rc) {
		*ret = b.root;
		return OSY_OK;
	}
	osy_json_free(b.root);
	if (cause.code)
		b.pull.error = cause.msg;
	return osy_json_pull_fail(&b.pull, what, err);
}

static void new_line(struct osy_buf *out, bool pretty, unsigned depth)
{
	if (!pretty)
		return;
	osy_buf_addc(out, '\n');
	for (unsigned i = 0; i < depth; i++)
		osy_buf_add(out, "  ", 2);
}

static void write_value(
	const struct osy_json *json, bool pretty, unsigned depth, struct osy_buf *out);

/* Recursion: a tree from the parser has at most 32 levels, one of ours as many as its code. */
static void write_items(
	const struct osy_json *json, bool pretty, unsigned depth, struct osy_buf *out)
{
	bool is_object = osy_json_type(json) == OSY_JSON_OBJECT;
	size_t count = osy_json_count(json);
	struct osy_json *value;
	struct osy_str key;

	osy_buf_addc(out, is_object ? '{' : '[');
	for (size_t i = 0; i < count; i++) {
		if (i)
			osy_buf_addc(out, ',');
		new_line(out, pretty, depth + 1);
		if (is_object) {
			osy_json_member(json, i, &key, &value);
			osy_json_quote(key, out);
			osy_buf_addz(out, pretty ? ": " : ":");
		} else {
			value = osy_json_at(json, i);
		}
		write_value(value, pretty, depth + 1, out);
	}
	if (count)
		new_line(out, pretty, depth);
	osy_buf_addc(out, is_object ? '}' : ']');
}

static void write_value(
	const struct osy_json *json, bool pretty, unsigned depth, struct osy_buf *out)
{
	switch (osy_json_type(json)) {
	case OSY_JSON_NULL:
		osy_buf_addz(out, "null");
		break;
	case OSY_JSON_BOOL:
		osy_buf_addz(out, osy_json_bool(json, false) ? "true" : "false");
		break;
	case OSY_JSON_INT:
	case OSY_JSON_NUMBER:
		osy_buf_add_str(out, osy_json_number(json));
		break;
	case OSY_JSON_STRING:
		osy_json_quote(osy_json_str(json), out);
		break;
	case OSY_JSON_ARRAY:
	case OSY_JSON_OBJECT:
		write_items(json, pretty, depth, out);
		break;
	}
}

void osy_json_write(const struct osy_json *json, bool pretty, struct osy_buf *out)
{
	write_value(json, pretty, 0, out);
}
