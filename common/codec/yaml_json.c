/*
 * JSON is YAML, but libyaml does not take all of it (escaped surrogate pairs, keys of more than
 * 1,024 bytes), so JSON text goes through the tokenizer of json_pull.h.
 */
#include "yaml-i.h"

#include "json-i.h"
#include "osy/json_pull.h"

#include "osy/banned.h"

struct reader {
	struct osy_json_pull pull;
	struct osy_yaml_build *b;
	const char *counted; /* lines are counted up to here */
	unsigned line;
	struct osy_buf text;
};

static unsigned line_of_token(struct reader *r)
{
	const char *p;

	while ((p = memchr(r->counted, '\n', (size_t)(r->pull.token.p - r->counted)))) {
		r->line++;
		r->counted = p + 1;
	}
	r->counted = r->pull.token.p;
	return r->line;
}

static bool take_string(struct reader *r, struct osy_str raw)
{
	struct osy_err err;

	osy_buf_reset(&r->text);
	return osy_json_unquote(raw, &r->text, &err) == OSY_OK;
}

static bool take_key(struct reader *r, unsigned line)
{
	struct osy_str raw = {r->pull.token.p - 1, r->pull.token.len + 2};

	return take_string(r, raw) && !osy_yaml_key(r->b, osy_buf_str(&r->text), line);
}

static bool take_scalar(struct reader *r, enum osy_pull type, unsigned line)
{
	struct osy_json *value = NULL;

	if (type == OSY_PULL_STRING) {
		if (!take_string(r, r->pull.token))
			return false;
		value = osy_json_new_str(osy_buf_str(&r->text));
	} else if (type == OSY_PULL_NUMBER) {
		value = osy_json_try_number(r->pull.token);
		if (!value)
			return false;
	} else if (type != OSY_PULL_NULL) {
		value = osy_json_new_bool(type == OSY_PULL_TRUE);
	}
	osy_yaml_add(r->b, value, line);
	return true;
}

static bool take_token(struct reader *r, enum osy_pull type)
{
	unsigned line;

	if (type == OSY_PULL_ERROR)
		return false;
	line = line_of_token(r);
	if (type == OSY_PULL_OBJECT)
		return !osy_yaml_open(r->b, osy_json_new_object(), line);
	if (type == OSY_PULL_ARRAY)
		return !osy_yaml_open(r->b, osy_json_new_array(), line);
	if (type == OSY_PULL_KEY)
		return take_key(r, line);
	if (type != OSY_PULL_OBJECT_END && type != OSY_PULL_ARRAY_END)
		return take_scalar(r, type, line);
	osy_yaml_close(r->b);
	return true;
}

bool osy_yaml_from_json(struct osy_str text, struct osy_yaml_build *b)
{
	struct reader r = {
		.b = b, .counted = text.p, .line = 1, .text = OSY_BUF(OSY_YAML_TEXT_MAX)};
	enum osy_pull type;
	bool is_fine = true;

	osy_json_pull_init(&r.pull, text);
	while (is_fine && (type = osy_json_pull_next(&r.pull)) != OSY_PULL_END)
		is_fine = take_token(&r, type);
	osy_buf_done(&r.text);
	return is_fine;
}
