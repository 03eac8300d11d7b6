#include <ctype.h>
#include <stdlib.h>

#include "template_check.h"

enum osy_code check_fail(const struct check *check, const struct osy_json *container,
	const char *key, size_t index, struct osy_err *err, const char *format, ...)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(2048);
	unsigned line = osy_yaml_line(check->yaml, container, key, index);
	va_list args;

	va_start(args, format);
	osy_buf_vaddf(&text, format, args);
	va_end(args);
	if (line)
		return osy_fail(err, OSY_E_INVALID, "%s, line %u: %s", check->what, line, text.p);
	return osy_fail(err, OSY_E_INVALID, "%s: %s", check->what, text.p);
}

enum osy_code check_each(const struct check *check, const struct osy_json *list, check_item item,
	struct osy_json **ret, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *all = osy_json_new_array();
	size_t count = osy_json_count(list);
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; !rc && i < count; i++)
		rc = item(check, list, i, all, err);
	if (rc)
		return rc;
	*ret = all;
	all = NULL;
	return OSY_OK;
}

bool check_is_name(struct osy_str text)
{
	if (!text.p || text.len < 1 || text.len > 80 || !isalpha((unsigned char)text.p[0]))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!isalnum((unsigned char)text.p[i]) && text.p[i] != '_')
			return false;
	}
	return true;
}

/* Text for a message: at most 60 bytes of it. */
#define SHOW(s) (int)((s).len < 60 ? (s).len : 60), ((s).p ? (s).p : "")

static enum osy_code take_text(const struct check *check, const struct osy_json *container,
	const struct key *key, const struct osy_json *value, struct osy_json **ret,
	struct osy_err *err)
{
	struct osy_str text = osy_json_str(value);

	if (!text.p || (int64_t)text.len < key->min || (int64_t)text.len > key->max ||
		memchr(text.p, 0, text.len))
		return check_fail(check, container, key->name, 0, err,
			"%s must be a text of %lld to %lld bytes", key->name, (long long)key->min,
			(long long)key->max);
	if (key->kind != KEY_FILE)
		*ret = osy_json_new_str(text);
	return OSY_OK;
}

static enum osy_code take_name(const struct check *check, const struct osy_json *container,
	const struct key *key, const struct osy_json *value, struct osy_json **ret,
	struct osy_err *err)
{
	struct osy_str text = osy_json_str(value);

	if (!check_is_name(text))
		return check_fail(check, container, key->name, 0, err,
			"%s must be the API name of an object or field, letters, digits and _, for "
			"example Account or Ext_Id__c",
			key->name);
	*ret = osy_json_new_str(text);
	return OSY_OK;
}

static enum osy_code take_int(const struct check *check, const struct osy_json *container,
	const struct key *key, const struct osy_json *value, struct osy_json **ret,
	struct osy_err *err)
{
	int64_t n = osy_json_i64(value, INT64_MIN);

	if (osy_json_type(value) != OSY_JSON_INT || n < key->min || n > key->max)
		return check_fail(check, container, key->name, 0, err,
			"%s must be a whole number from %lld to %lld", key->name,
			(long long)key->min, (long long)key->max);
	*ret = osy_json_new_i64(n);
	return OSY_OK;
}

static enum osy_code take_choice(const struct check *check, const struct osy_json *container,
	const struct key *key, const struct osy_json *value, struct osy_json **ret,
	struct osy_err *err)
{
	struct osy_str text = osy_json_str(value);
	OSY_AUTO(osy_buf_done) struct osy_buf names = OSY_BUF(256);

	for (const char *p = key->choices; *p;) {
		size_t len = strcspn(p, "|");
		if (osy_str_equal(text, (struct osy_str){p, len})) {
			*ret = osy_json_new_str(text);
			return OSY_OK;
		}
		osy_buf_addf(&names, "%s%.*s", names.len ? " or " : "", (int)len, p);
		p += len + (p[len] == '|');
	}
	return check_fail(check, container, key->name, 0, err, "%s must be %s", key->name, names.p);
}

static bool seen_before(const struct osy_json *list, size_t index, struct osy_str name)
{
	for (size_t i = 0; i < index; i++) {
		if (osy_str_equal_nocase(osy_json_str(osy_json_at(list, i)), name))
			return true;
	}
	return false;
}

static bool is_choice(const char *choices, struct osy_str text)
{
	for (const char *p = choices; *p;) {
		size_t len = strcspn(p, "|");
		if (osy_str_equal(text, (struct osy_str){p, len}))
			return true;
		p += len + (p[len] == '|');
	}
	return false;
}

static enum osy_code take_choices(const struct check *check, const struct osy_json *container,
	const struct key *key, const struct osy_json *value, struct osy_json **ret,
	struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *list = osy_json_new_array();

	if (osy_json_type(value) != OSY_JSON_ARRAY)
		return check_fail(check, container, key->name, 0, err,
			"%s must be a list of some of %s", key->name, key->choices);
	for (size_t i = 0; i < osy_json_count(value); i++) {
		struct osy_str text = osy_json_str(osy_json_at(value, i));
		if (!is_choice(key->choices, text))
			return check_fail(check, value, NULL, i, err,
				"item %zu of %s must be one of %s", i + 1, key->name, key->choices);
		if (seen_before(value, i, text))
			return check_fail(check, value, NULL, i, err, "%s names %.*s twice",
				key->name, SHOW(text));
		osy_json_push(list, osy_json_new_str(text));
	}
	*ret = list;
	list = NULL;
	return OSY_OK;
}

static enum osy_code take_names(const struct check *check, const struct osy_json *container,
	const struct key *key, const struct osy_json *value, struct osy_json **ret,
	struct osy_err *err)
{
	size_t count = osy_json_count(value);

	if (osy_json_type(value) != OSY_JSON_ARRAY || count > OSY_TEMPLATE_MAX_NAMES)
		return check_fail(check, container, key->name, 0, err,
			"%s must be a list of at most %d field names, for example [Name, Phone]",
			key->name, OSY_TEMPLATE_MAX_NAMES);
	OSY_AUTO(osy_json_free_at) struct osy_json *list = osy_json_new_array();
	for (size_t i = 0; i < count; i++) {
		struct osy_str name = osy_json_str(osy_json_at(value, i));
		if (!check_is_name(name) && !(key->min && osy_str_is(name, "*")))
			return check_fail(check, value, NULL, i, err,
				"item %zu of %s is not a field name", i + 1, key->name);
		if (seen_before(value, i, name))
			return check_fail(check, value, NULL, i, err, "%s names %.*s twice",
				key->name, SHOW(name));
		osy_json_push(list, osy_json_new_str(name));
	}
	*ret = list;
	list = NULL;
	return OSY_OK;
}

static enum osy_code take_map(const struct check *check, const struct osy_json *container,
	const struct key *key, const struct osy_json *value, struct osy_json **ret,
	struct osy_err *err)
{
	struct osy_str name;
	struct osy_json *item;

	if (osy_json_type(value) != OSY_JSON_OBJECT ||
		osy_json_count(value) > OSY_TEMPLATE_MAX_NAMES)
		return check_fail(check, container, key->name, 0, err,
			"%s must be a mapping from source fields to target fields, for example "
			"{Legacy_Id__c: Ext_Id__c}",
			key->name);
	OSY_AUTO(osy_json_free_at) struct osy_json *map = osy_json_new_object();
	for (size_t i = 0; osy_json_member(value, i, &name, &item); i++) {
		OSY_AUTO_FREE char *z = osy_xstrndup(name.p, name.len);
		if (!check_is_name(name) || !check_is_name(osy_json_str(item)))
			return check_fail(check, value, z, 0, err,
				"%s: %.*s must be a field name, and so must what it is mapped to",
				key->name, SHOW(name));
		osy_json_put(map, z, osy_json_new_str(osy_json_str(item)));
	}
	*ret = map;
	map = NULL;
	return OSY_OK;
}

static const struct key match_keys[] = {
	{"externalId", KEY_NAME, NULL, 0, 0, NULL, NULL},
	{"keys", KEY_NAMES, NULL, 0, 0, NULL, NULL},
	{"id", KEY_BOOL, NULL, 0, 0, NULL, NULL},
	{"sourceId", KEY_NAME, NULL, 0, 0, NULL, NULL},
	{0},
};

static enum osy_code take_match(const struct check *check, const struct osy_json *container,
	const struct key *key, const struct osy_json *value, const char *where,
	struct osy_json **ret, struct osy_err *err)
{
	static const char *const forms =
		"match must be {externalId: FIELD}, {keys: [FIELD, ...]}, {id: true}, {sourceId: "
		"FIELD} or none";

	if (osy_str_is(osy_json_str(value), "none")) {
		*ret = osy_json_new_str(OSY_STR("none"));
		return OSY_OK;
	}
	if (osy_json_type(value) != OSY_JSON_OBJECT)
		return check_fail(check, container, key->name, 0, err, "%s", forms);
	OSY_AUTO(osy_json_free_at) struct osy_json *out = osy_json_new_object();
	enum osy_code rc = check_object(check, value, match_keys, where, out, err);
	if (rc)
		return rc;
	if (osy_json_count(out) != 1 ||
		(osy_json_get(out, "id") && !osy_json_get_bool(out, "id", false)) ||
		(osy_json_get(out, "keys") && osy_json_count(osy_json_get(out, "keys")) == 0))
		return check_fail(check, container, key->name, 0, err, "%s", forms);
	*ret = out;
	out = NULL;
	return OSY_OK;
}

/* Known keys whose function is not there yet: only the default is taken. */
static enum osy_code take_only(const struct check *check, const struct osy_json *container,
	const struct key *key, const struct osy_json *value, struct osy_json **ret,
	struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(2 * 1024 * 1024);
	OSY_AUTO(osy_json_free_at) struct osy_json *only = NULL;

	osy_json_write(value, false, &text);
	if (key->choices) {
		enum osy_code rc = osy_json_parse(osy_str(key->choices), "a default", &only, err);
		OSY_AUTO(osy_buf_done) struct osy_buf expected = OSY_BUF(4096);
		if (rc)
			return rc;
		osy_json_write(only, false, &expected);
		if (osy_str_equal(osy_buf_str(&text), osy_buf_str(&expected))) {
			*ret = only;
			only = NULL;
			return OSY_OK;
		}
	}
	return check_fail(check, container, key->name, 0, err,
		"%s is not supported yet%s%s; take it out of the template", key->name,
		key->choices ? " with another value than its default, " : "",
		key->choices ? key->choices : "");
}

static enum osy_code take_object(const struct check *check, const struct osy_json *container,
	const struct key *key, const struct osy_json *value, const char *where,
	struct osy_json **ret, struct osy_err *err)
{
	if (osy_json_type(value) != OSY_JSON_OBJECT)
		return check_fail(check, container, key->name, 0, err,
			"%s must be a mapping of keys and values", key->name);
	OSY_AUTO(osy_json_free_at) struct osy_json *out = osy_json_new_object();
	enum osy_code rc = check_object(check, value, key->keys, where, out, err);
	if (rc)
		return rc;
	*ret = out;
	out = NULL;
	return OSY_OK;
}

enum osy_code check_value(const struct check *check, const struct osy_json *container,
	const struct key *key, const char *where, struct osy_json **ret, struct osy_err *err)
{
	const struct osy_json *value = osy_json_get(container, key->name);

	switch (key->kind) {
	case KEY_TEXT:
	case KEY_FILE:
		return take_text(check, container, key, value, ret, err);
	case KEY_NAME:
		return take_name(check, container, key, value, ret, err);
	case KEY_INT:
		return take_int(check, container, key, value, ret, err);
	case KEY_BOOL:
		if (osy_json_type(value) != OSY_JSON_BOOL)
			return check_fail(check, container, key->name, 0, err,
				"%s must be true or false", key->name);
		*ret = osy_json_new_bool(osy_json_bool(value, false));
		return OSY_OK;
	case KEY_CHOICE:
		return take_choice(check, container, key, value, ret, err);
	case KEY_CHOICES:
		return take_choices(check, container, key, value, ret, err);
	case KEY_NAMES:
		return take_names(check, container, key, value, ret, err);
	case KEY_MAP:
		return take_map(check, container, key, value, ret, err);
	case KEY_MATCH:
		return take_match(check, container, key, value, where, ret, err);
	case KEY_NULLS:
		if (osy_json_type(value) == OSY_JSON_OBJECT)
			return check_nulls(check, container, key, ret, err);
		return take_choice(check, container, key, value, ret, err);
	case KEY_PARENTS:
		return check_parents(check, container, key, ret, err);
	case KEY_USERS:
		return check_users(check, container, key, ret, err);
	case KEY_TEXTS:
		return check_texts(check, container, key, ret, err);
	case KEY_EXPRESSIONS:
		return check_expressions(check, container, key, ret, err);
	case KEY_VALUES:
		return check_values(check, container, key, ret, err);
	case KEY_MASK:
		return check_mask(check, container, key, ret, err);
	case KEY_CHILDREN:
		return check_children(check, container, key, ret, err);
	case KEY_LOOKUPS:
		return check_lookups(check, container, key, ret, err);
	case KEY_TRANSACTIONAL:
		return check_transactional(check, container, key, ret, err);
	case KEY_HOOKS:
		return check_hooks(check, container, key, ret, err);
	case KEY_OBJECT:
		return take_object(check, container, key, value, where, ret, err);
	case KEY_ONLY:
		return take_only(check, container, key, value, ret, err);
	case KEY_OBJECTS:
		break;
	}
	OSY_BUG("a template key of kind %d is not handled here", (int)key->kind);
}
