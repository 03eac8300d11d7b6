#include <ctype.h>
#include <stdio.h>

#include "soql.h"
#include "template_check.h"

#define TEXT(name, max)                                      \
	{                                                    \
		(name), KEY_TEXT, NULL, 1, (max), NULL, NULL \
	}
#define FLAG(name, fallback)                                   \
	{                                                      \
		(name), KEY_BOOL, (fallback), 0, 0, NULL, NULL \
	}
#define NUMBER(name, fallback, min, max)                              \
	{                                                             \
		(name), KEY_INT, (fallback), (min), (max), NULL, NULL \
	}
#define CHOICE(name, fallback, choices)                               \
	{                                                             \
		(name), KEY_CHOICE, (fallback), 0, 0, (choices), NULL \
	}
#define ONLY(name, value)                                   \
	{                                                   \
		(name), KEY_ONLY, NULL, 0, 0, (value), NULL \
	}

static const struct key fields_keys[] = {
	{"include", KEY_NAMES, "[\"*\"]", 1, 0, NULL, NULL},
	{"exclude", KEY_NAMES, "[]", 0, 0, NULL, NULL},
	{0},
};

#define DEPTH_MAX 100
static const struct key related_keys[] = {
	NUMBER("depth", "1", 1, DEPTH_MAX),
	{"include", KEY_CHILDREN, "[]", 1, 0, NULL, NULL},
	{"exclude", KEY_CHILDREN, "[]", 1, 0, NULL, NULL},
	{0},
};

const struct key template_object_keys[] = {
	{"name", KEY_NAME, NULL, 0, 0, NULL, NULL},
	{"target", KEY_NAME, NULL, 0, 0, "name", NULL},
	TEXT("where", OSY_SOQL_WHERE_MAX),
	TEXT("orderBy", 2000),
	NUMBER("limit", NULL, 1, 1000000),
	CHOICE("select", "\"all\"", "all|related"),
	{"related", KEY_OBJECT, NULL, 0, 0, NULL, related_keys},
	{"excludeParents", KEY_LOOKUPS, "[]", 0, 0, NULL, NULL},
	{"fields", KEY_OBJECT, "{\"include\":[\"*\"],\"exclude\":[]}", 0, 0, NULL, fields_keys},
	{"map", KEY_MAP, "{}", 0, 0, NULL, NULL},
	{"expressions", KEY_EXPRESSIONS, NULL, 0, 0, NULL, NULL},
	{"values", KEY_VALUES, NULL, 0, 0, NULL, NULL},
	{"mask", KEY_MASK, NULL, 0, 0, NULL, NULL},
	{"nulls", KEY_NULLS, "\"ignore\"", 0, 0, "ignore|write", NULL},
	{"missingParents", KEY_PARENTS, "\"blank\"", 0, 0, NULL, NULL},
	{"ids", KEY_NAMES, NULL, 0, 0, NULL, NULL},
	{"match", KEY_MATCH, "\"none\"", 0, 0, NULL, NULL},
	FLAG("insert", "true"),
	FLAG("update", "true"),
	CHOICE("mode", "\"sync\"", "sync|match-only"),
	NUMBER("batchSize", "200", 1, 200),
	CHOICE("api", "\"auto\"", "auto|rest|bulk"),
	FLAG("hooks", NULL),
	{"transform", KEY_OBJECT, NULL, 0, 0, NULL, template_transform_keys},
	{0},
};

static const struct key option_keys[] = {
	FLAG("continueOnError", "true"),
	FLAG("skipMissingFields", "false"),
	FLAG("deltaSync", "false"),
	NUMBER("deltaOverlapMinutes", "5", 0, 1440),
	FLAG("includeDeleted", "false"),
	FLAG("snapshots", "true"),
	NUMBER("apiReservePercent", "10", 0, 100),
	CHOICE("duplicateRules", "\"allow-save\"", "allow-save|block|respect"),
	FLAG("auditFields", "false"),
	{"skipTransactional", KEY_TRANSACTIONAL, "false", 0, 0, NULL, NULL},
	NUMBER("lanes", "64", 1, 512),
	{"automationOff", KEY_CHOICES, "[]", 0, 0,
		"validationRules|workflowRules|flows|triggers|duplicateRules", NULL},
	{0},
};

#define OPTION_DEFAULTS                                                              \
	"{\"continueOnError\":true,\"skipMissingFields\":false,\"deltaSync\":false," \
	"\"deltaOverlapMinutes\":5,\"includeDeleted\":false,\"snapshots\":true,"     \
	"\"apiReservePercent\":10,\"duplicateRules\":\"allow-save\","                \
	"\"auditFields\":false,\"skipTransactional\":false,\"lanes\":64,\"automationOff\":[]}"

/* An org takes files of 2 GB at most. */
static const struct key file_keys[] = {
	CHOICE("versions", "\"latest\"", "latest|all"),
	NUMBER("maxBytes", "2147483648", 1, OSY_TEMPLATE_FILE_BYTES),
	FLAG("verify", "false"),
	{0},
};

static const struct key top_keys[] = {
	TEXT("name", 63),
	{"objects", KEY_OBJECTS, NULL, 0, 0, NULL, NULL},
	{"order", KEY_NAMES, NULL, 0, 0, NULL, NULL},
	{"users", KEY_USERS, NULL, 0, 0, NULL, NULL},
	ONLY("recordTypes", "\"developerName\""),
	{"files", KEY_OBJECT, NULL, 0, 0, NULL, file_keys},
	{"hooks", KEY_HOOKS, NULL, 0, 0, NULL, NULL},
	{"options", KEY_OBJECT, OPTION_DEFAULTS, 0, 0, NULL, option_keys},
	{0},
};

static const char *nearest_key(const struct key *keys, const char *name)
{
	const char *names[64];
	size_t count = 0;

	for (; keys[count].name && count < OSY_COUNT(names); count++)
		names[count] = keys[count].name;
	return osy_nearest(name, names, count);
}

static enum osy_code check_unknown(const struct check *check, const struct osy_json *container,
	const struct key *keys, const char *where, struct osy_err *err)
{
	struct osy_str name;
	struct osy_json *value;

	for (size_t i = 0; osy_json_member(container, i, &name, &value); i++) {
		const struct key *key = keys;
		while (key->name && !osy_str_is(name, key->name))
			key++;
		if (key->name)
			continue;
		OSY_AUTO_FREE char *z = osy_xstrndup(name.p, name.len);
		const char *near = nearest_key(keys, z);
		return check_fail(check, container, z, 0, err, "unknown key '%.80s' in %s%s%s%s", z,
			where, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	}
	return OSY_OK;
}

static enum osy_code check_objects(const struct check *check, const struct osy_json *container,
	struct osy_json **ret, struct osy_err *err);

static enum osy_code check_member(const struct check *check, const struct osy_json *container,
	const struct key *key, const char *where, struct osy_json *out, struct osy_err *err)
{
	struct osy_json *value = NULL;
	enum osy_code rc = OSY_OK;

	if (key->kind == KEY_OBJECTS) {
		rc = check_objects(check, container, &value, err);
	} else if (osy_json_type(osy_json_get(container, key->name)) != OSY_JSON_NULL) {
		rc = check_value(check, container, key, where, &value, err);
	} else if (key->fallback) {
		rc = osy_json_parse(osy_str(key->fallback), "a default", &value, err);
	} else if (key->kind == KEY_NAME && key->choices) {
		value = osy_json_new_str(osy_json_get_str(container, key->choices));
	}
	if (!rc && value)
		osy_json_put(out, key->name, value);
	return rc;
}

enum osy_code check_object(const struct check *check, const struct osy_json *container,
	const struct key *keys, const char *where, struct osy_json *out, struct osy_err *err)
{
	enum osy_code rc = check_unknown(check, container, keys, where, err);

	for (; !rc && keys->name; keys++)
		rc = check_member(check, container, keys, where, out, err);
	return rc;
}

/* What the table cannot say of one object. */
static enum osy_code check_together(const struct check *check, const struct osy_json *object,
	const struct osy_json *out, const char *name, struct osy_err *err)
{
	bool match_only = osy_str_is(osy_json_get_str(out, "mode"), "match-only");

	if (osy_json_count(osy_json_get(osy_json_get(out, "fields"), "include")) == 0)
		return check_fail(check, object, "fields", 0, err,
			"fields.include of object %s is empty; name fields or \"*\"", name);
	if (match_only && osy_str_is(osy_json_get_str(out, "match"), "none"))
		return check_fail(check, object, "mode", 0, err,
			"mode: match-only of object %s needs a match key", name);
	if (!osy_json_get_bool(out, "insert", true) && !osy_json_get_bool(out, "update", true) &&
		!match_only)
		return check_fail(check, object, "insert", 0, err,
			"object %s has neither insert nor update; use mode: match-only to map ids "
			"without writing",
			name);
	enum osy_code rc = check_related(check, object, out, name, err);
	return rc ? rc : check_transform(check, object, out, name, err);
}

static enum osy_code check_one(const struct check *check, const struct osy_json *list, size_t index,
	struct osy_json *all, struct osy_err *err)
{
	const struct osy_json *object = osy_json_at(list, index);
	struct osy_str name = osy_json_get_str(object, "name");
	OSY_AUTO(osy_json_free_at) struct osy_json *out = osy_json_new_object();
	char where[128];

	if (osy_json_type(object) != OSY_JSON_OBJECT || !check_is_name(name))
		return check_fail(check, list, NULL, index, err,
			"item %zu of objects must be a mapping with the name of an object, for "
			"example {name: Account}",
			index + 1);
	(void)snprintf(where, sizeof(where), "object %.*s", (int)name.len, name.p);
	for (size_t i = 0; i < index; i++) {
		if (osy_str_equal_nocase(osy_json_get_str(osy_json_at(list, i), "name"), name))
			return check_fail(check, list, NULL, index, err,
				"%s is listed twice; put both into one", where);
	}
	enum osy_code rc = check_object(check, object, template_object_keys, where, out, err);
	if (!rc)
		rc = check_together(check, object, out, where + 7, err);
	if (rc)
		return rc;
	osy_json_push(all, out);
	out = NULL;
	return OSY_OK;
}

static enum osy_code check_objects(const struct check *check, const struct osy_json *container,
	struct osy_json **ret, struct osy_err *err)
{
	const struct osy_json *list = osy_json_get(container, "objects");
	size_t count = osy_json_count(list);

	if (osy_json_type(list) != OSY_JSON_ARRAY || count == 0 || count > OSY_TEMPLATE_MAX_OBJECTS)
		return check_fail(check, container, "objects", 0, err,
			"objects must be a list of 1 to %d objects", OSY_TEMPLATE_MAX_OBJECTS);
	return check_each(check, list, check_one, ret, err);
}

static bool has_name(const struct osy_json *list, const char *key, struct osy_str name)
{
	for (size_t i = 0; i < osy_json_count(list); i++) {
		const struct osy_json *item = osy_json_at(list, i);
		struct osy_str other = key ? osy_json_get_str(item, key) : osy_json_str(item);
		if (osy_str_equal_nocase(other, name))
			return true;
	}
	return false;
}

/* The order must name each object, and nothing else. */
static enum osy_code check_order(const struct check *check, const struct osy_json *root,
	const struct osy_json *out, struct osy_err *err)
{
	const struct osy_json *order = osy_json_get(out, "order");
	const struct osy_json *objects = osy_json_get(out, "objects");

	for (size_t i = 0; order && i < osy_json_count(objects); i++) {
		if (osy_json_get(osy_json_at(objects, i), "related"))
			return check_fail(check, root, "order", 0, err,
				"order must name every object, but related finds some; give the "
				"order of a scanned run by `orgsync run order --set` instead");
	}
	for (size_t i = 0; i < osy_json_count(order); i++) {
		struct osy_str name = osy_json_str(osy_json_at(order, i));
		if (!has_name(objects, "name", name))
			return check_fail(check, root, "order", 0, err,
				"order names %.*s, which is not among the objects", (int)name.len,
				name.p);
	}
	for (size_t i = 0; order && i < osy_json_count(objects); i++) {
		struct osy_str name = osy_json_get_str(osy_json_at(objects, i), "name");
		if (!has_name(order, NULL, name))
			return check_fail(check, root, "order", 0, err,
				"order does not name %.*s; name every object once, or leave order "
				"out",
				(int)name.len, name.p);
	}
	return OSY_OK;
}

static bool is_template_name(struct osy_str name)
{
	if (!name.p || name.len < 1 || name.len > 63 || !isalnum((unsigned char)name.p[0]))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (!isalnum((unsigned char)name.p[i]) && !memchr("._-", name.p[i], 3))
			return false;
	}
	return true;
}

enum osy_code osy_template_check(struct osy_str text, const char *what, struct osy_str users_file,
	char ret_name[64], struct osy_buf *ret_doc, struct osy_err *err)
{
	OSY_AUTO(osy_yaml_free_at) struct osy_yaml *yaml = NULL;
	enum osy_code rc = osy_yaml_parse(text, what, &yaml, err);

	if (rc)
		return rc;
	const struct osy_json *root = osy_yaml_root(yaml);
	struct check check = {.yaml = yaml, .what = what, .users_file = users_file};
	if (osy_json_type(root) != OSY_JSON_OBJECT)
		return osy_fail(err, OSY_E_INVALID,
			"%s: a template is a mapping with the keys name and objects", what);
	OSY_AUTO(osy_json_free_at) struct osy_json *out = osy_json_new_object();
	rc = check_object(&check, root, top_keys, "the template", out, err);
	if (rc)
		return rc;
	if (users_file.p && !osy_json_get_str(osy_json_get(root, "users"), "file").p)
		return osy_fail(err, OSY_E_INVALID,
			"%s: a file of users was sent along, but the template names none; add "
			"users.file or do not send it",
			what);
	struct osy_str name = osy_json_get_str(out, "name");
	if (!is_template_name(name))
		return check_fail(&check, root, "name", 0, err,
			"the template needs a name of letters, digits, '.', '_' and '-', at most "
			"63");
	rc = check_order(&check, root, out, err);
	if (rc)
		return rc;
	memcpy(ret_name, name.p, name.len);
	ret_name[name.len] = 0;
	osy_json_write(out, false, ret_doc);
	return OSY_OK;
}
