/* Match keys: their fields, hashes and comparison. */
#include "osy/key.h"

#include "osy/json_pull.h"
#include "osy/sf_value.h"

#include "osy/banned.h"

size_t osy_key_count(const struct osy_spec_object *object)
{
	switch (object->match) {
	case OSY_MATCH_EXTERNAL_ID:
	case OSY_MATCH_KEYS:
		return object->key_count;
	case OSY_MATCH_SOURCE_ID:
		return 1;
	case OSY_MATCH_NONE:
	case OSY_MATCH_SAME_ID:
		break;
	}
	return 0;
}

static const struct osy_spec_field *key_field(const struct osy_spec_object *object, size_t index)
{
	return object->match == OSY_MATCH_SOURCE_ID ? NULL : &object->fields[object->keys[index]];
}

const char *osy_key_name(const struct osy_spec_object *object, size_t index)
{
	const struct osy_spec_field *field = key_field(object, index);

	return field ? field->target : object->match_field;
}

enum osy_sf_type osy_key_type(const struct osy_spec_object *object, size_t index)
{
	const struct osy_spec_field *field = key_field(object, index);

	return field ? field->type : OSY_T_STRING;
}

static int key_scale(const struct osy_spec_object *object, size_t index)
{
	const struct osy_spec_field *field = key_field(object, index);

	return field ? field->scale : 0;
}

/* Types that the org compares without case. */
static bool is_text(enum osy_sf_type type)
{
	return type == OSY_T_STRING || type == OSY_T_PICKLIST || type == OSY_T_COMBOBOX ||
	       type == OSY_T_TEXTAREA || type == OSY_T_PHONE || type == OSY_T_URL ||
	       type == OSY_T_EMAIL || type == OSY_T_ENCRYPTED || type == OSY_T_OTHER;
}

struct osy_str osy_key_text(struct osy_str raw, struct osy_buf *buf)
{
	struct osy_str text = raw;
	struct osy_err ignored = OSY_ERR_NONE;

	if (raw.len >= 2 && raw.p[0] == '"' && !osy_json_plain(raw, &text)) {
		osy_buf_reset(buf);
		if (osy_json_unquote(raw, buf, &ignored))
			return raw;
		text = osy_buf_str(buf);
	}
	while (text.len && (unsigned char)text.p[0] <= ' ')
		text.p++, text.len--;
	while (text.len && (unsigned char)text.p[text.len - 1] <= ' ')
		text.len--;
	return text;
}

static uint64_t hash_text(struct osy_str text, uint64_t seed)
{
	char lower[256];
	size_t len = text.len < sizeof(lower) ? text.len : sizeof(lower);

	for (size_t i = 0; i < len; i++) {
		char c = text.p[i];
		lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	return osy_hash(lower, len, seed);
}

bool osy_key_is_null(struct osy_str value)
{
	return !value.p || osy_str_is(value, "null") || osy_str_is(value, "\"\"");
}

uint64_t osy_key_hash(const struct osy_spec_object *object, const struct osy_str *keys)
{
	uint64_t hash = 1;

	for (size_t k = 0; k < osy_key_count(object); k++) {
		enum osy_sf_type type = osy_key_type(object, k);
		if (osy_key_is_null(keys[k])) {
			hash = osy_hash("", 0, ~hash);
		} else if (is_text(type)) {
			OSY_AUTO(osy_buf_done)
			struct osy_buf buf = OSY_BUF(keys[k].len + 64);
			hash = hash_text(osy_key_text(keys[k], &buf), hash);
		} else {
			hash = osy_sf_value_hash(type, key_scale(object, k), keys[k], hash);
		}
	}
	return hash ? hash : 1;
}

bool osy_key_equal(const struct osy_spec_object *object, const struct osy_str *a,
	const struct osy_str *b, bool *ret_exact)
{
	bool exact = true;

	for (size_t k = 0; k < osy_key_count(object); k++) {
		enum osy_sf_type type = osy_key_type(object, k);
		if (osy_sf_value_equal(type, key_scale(object, k), a[k], b[k]))
			continue;
		exact = false;
		if (!is_text(type) || osy_key_is_null(a[k]) || osy_key_is_null(b[k]))
			return false;
		OSY_AUTO(osy_buf_done) struct osy_buf x = OSY_BUF(a[k].len + 64);
		OSY_AUTO(osy_buf_done) struct osy_buf y = OSY_BUF(b[k].len + 64);
		if (!osy_str_equal_nocase(osy_key_text(a[k], &x), osy_key_text(b[k], &y)))
			return false;
	}
	*ret_exact = exact;
	return true;
}

bool osy_key_is_unique(const struct osy_spec_object *object)
{
	for (size_t i = 0; i < object->key_count; i++) {
		if (object->fields[object->keys[i]].unique)
			return true;
	}
	return object->match_unique && (object->match_field || object->match == OSY_MATCH_KEYS);
}
