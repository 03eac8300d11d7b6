/*
 * The pull tokenizer and the string functions. Beside memory safety: what is taken token by token
 * is taken value by value too; each string that decodes comes back the same when it is quoted and
 * decoded again; json-c in its strict mode takes what we take.
 */
#include <json-c/json.h>
#include <stdlib.h>

#include "osy/json_pull.h"
#include "osy/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_string(struct osy_str raw)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(1 << 20);
	OSY_AUTO(osy_buf_done) struct osy_buf again = OSY_BUF(8 << 20);
	OSY_AUTO(osy_buf_done) struct osy_buf back = OSY_BUF(1 << 20);
	struct osy_str plain;
	struct osy_err err;

	if (osy_json_unquote(raw, &text, &err))
		return;
	OSY_ASSERT(osy_utf8_valid(osy_buf_str(&text)));
	OSY_ASSERT(!osy_json_plain(raw, &plain) || osy_str_equal(plain, osy_buf_str(&text)));
	osy_json_quote(osy_buf_str(&text), &again);
	if (osy_json_unquote(osy_buf_str(&again), &back, &err))
		OSY_BUG("our own quoting: %s", err.msg);
	OSY_ASSERT(osy_str_equal(osy_buf_str(&text), osy_buf_str(&back)));
}

/* Bytes that no tokenizer has seen: they may decode to anything, but inside the buffer. */
static void survive_string(struct osy_str raw)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(16);
	struct osy_err err;

	if (osy_json_unquote(raw, &text, &err))
		OSY_ASSERT(text.len == 0);
	OSY_ASSERT(text.len <= 16);
}

static bool by_tokens(struct osy_str text)
{
	struct osy_json_pull pull;
	enum osy_pull type;

	osy_json_pull_init(&pull, text);
	while ((type = osy_json_pull_next(&pull)) > OSY_PULL_ERROR) {
		OSY_ASSERT(pull.token.p >= text.p &&
			   pull.token.p + pull.token.len <= text.p + text.len);
		if (type == OSY_PULL_STRING)
			check_string(pull.token);
		if (type == OSY_PULL_KEY)
			check_string((struct osy_str){pull.token.p - 1, pull.token.len + 2});
	}
	OSY_ASSERT((type == OSY_PULL_ERROR) == (pull.error != NULL));
	OSY_ASSERT(osy_json_pull_next(&pull) == type);
	return type == OSY_PULL_END;
}

static bool by_value(struct osy_str text)
{
	struct osy_json_pull pull;
	struct osy_str raw;

	osy_json_pull_init(&pull, text);
	if (osy_json_pull_value(&pull, &raw) == OSY_PULL_ERROR)
		return false;
	OSY_ASSERT(raw.p >= text.p && raw.p + raw.len <= text.p + text.len);
	return osy_json_pull_next(&pull) == OSY_PULL_END;
}

static bool by_json_c(struct osy_str text)
{
	struct json_tokener *tokener = json_tokener_new_ex(100);
	struct json_object *object;
	enum json_tokener_error error;
	char *copy = osy_xstrndup(text.p, text.len); /* a bare number ends at the NUL */

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, copy, (int)text.len + 1);
	error = json_tokener_get_error(tokener);
	json_object_put(object);
	json_tokener_free(tokener);
	free(copy);
	return error == json_tokener_success;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct osy_str text = {(const char *)data, size};
	bool is_taken = by_tokens(text);

	OSY_ASSERT(by_value(text) == is_taken);
	if (is_taken)
		OSY_ASSERT(by_json_c(text));
	survive_string(text);
	return 0;
}
