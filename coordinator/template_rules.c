/*
 * The template's value maps and masks. Normalised, a value map is as it was written, and a mask is
 * one of its short words ("hash", "keep-last-4", "shuffle", "null") or {"replace": VALUE} or
 * {"pattern": TEXT}.
 */
#include <stdio.h>

#include "mask.h"
#include "osy/json.h"
#include "osy/json_write.h"
#include "template_check.h"

#define SHOW(s) (int)((s).len < 80 ? (s).len : 80), (s).p ? (s).p : ""
#define KEEP_MOST 20

/* ---- Value maps ---- */
static bool is_scalar(const struct osy_json *value)
{
	enum osy_json_type type = osy_json_type(value);

	return type != OSY_JSON_ARRAY && type != OSY_JSON_OBJECT;
}

static struct osy_json *copy_scalar(const struct osy_json *value)
{
	switch (osy_json_type(value)) {
	case OSY_JSON_BOOL:
		return osy_json_new_bool(osy_json_bool(value, false));
	case OSY_JSON_INT:
	case OSY_JSON_NUMBER:
		return osy_json_new_number(osy_json_number(value));
	case OSY_JSON_STRING:
		return osy_json_new_str(osy_json_str(value));
	case OSY_JSON_NULL:
	case OSY_JSON_ARRAY:
	case OSY_JSON_OBJECT:
		break;
	}
	return osy_json_new_str(OSY_STR_NULL);
}

static enum osy_code check_one_map(const struct check *check, const struct osy_json *container,
	const char *field, const struct osy_json *map, struct osy_json *out, struct osy_err *err)
{
	struct osy_str from;
	struct osy_json *to;

	if (osy_json_type(map) != OSY_JSON_OBJECT || osy_json_count(map) == 0 ||
		osy_json_count(map) > OSY_TEMPLATE_MAX_VALUES)
		return check_fail(check, container, field, 0, err,
			"values of %s must be a mapping of 1 to %d values, for example {Hot: Warm, "
			"\"*\": Cold}",
			field, OSY_TEMPLATE_MAX_VALUES);
	for (size_t i = 0; osy_json_member(map, i, &from, &to); i++) {
		OSY_AUTO_FREE char *z = osy_xstrndup(from.p, from.len);
		if (!is_scalar(to))
			return check_fail(check, map, z, 0, err,
				"values of %s: what '%.80s' becomes must be a text, a number, "
				"true, false or null",
				field, z);
		osy_json_put(out, z, copy_scalar(to));
	}
	return OSY_OK;
}

enum osy_code check_values(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err)
{
	const struct osy_json *value = osy_json_get(container, key->name);
	struct osy_str name;
	struct osy_json *map;

	if (osy_json_type(value) != OSY_JSON_OBJECT ||
		osy_json_count(value) > OSY_TEMPLATE_MAX_NAMES)
		return check_fail(check, container, key->name, 0, err,
			"values must be a mapping from fields to maps of values, for example "
			"{Rating: {Hot: Warm}}");
	OSY_AUTO(osy_json_free_at) struct osy_json *all = osy_json_new_object();
	for (size_t i = 0; osy_json_member(value, i, &name, &map); i++) {
		OSY_AUTO_FREE char *z = osy_xstrndup(name.p, name.len);
		if (!check_is_name(name))
			return check_fail(check, value, z, 0, err,
				"values: '%.*s' is not a field name", SHOW(name));
		struct osy_json *out = osy_json_new_object();
		osy_json_put(all, z, out);
		enum osy_code rc = check_one_map(check, value, z, map, out, err);
		if (rc)
			return rc;
	}
	*ret = all;
	all = NULL;
	return OSY_OK;
}

/* ---- Masks ---- */
static bool read_style(struct osy_str text, enum osy_mask *ret, int *ret_keep)
{
	static const struct {
		const char *name;
		enum osy_mask mask;
	} plain[] = {
		{"hash", OSY_MASK_HASH}, {"shuffle", OSY_MASK_SHUFFLE}, {"null", OSY_MASK_NULL}};
	static const char keep[] = "keep-last-";
	struct osy_err ignored;
	int64_t n = 0;

	for (size_t i = 0; i < OSY_COUNT(plain); i++) {
		if (osy_str_is(text, plain[i].name)) {
			*ret = plain[i].mask;
			return true;
		}
	}
	if (!text.p || !osy_str_starts(text, keep) ||
		osy_parse_i64(
			(struct osy_str){text.p + sizeof(keep) - 1, text.len - (sizeof(keep) - 1)},
			1, KEEP_MOST, &n, &ignored))
		return false;
	*ret = OSY_MASK_KEEP_LAST;
	*ret_keep = (int)n;
	return true;
}

static bool good_pattern(struct osy_str pattern)
{
	struct osy_mask_pattern read;

	return pattern.len >= 1 && pattern.len <= OSY_TEMPLATE_MAX_TEXT &&
	       osy_mask_pattern_read(pattern, &read);
}

/* The normalised form of one mask; NULL when it is none. */
static struct osy_json *take_mask(const struct osy_json *mask)
{
	enum osy_mask style;
	int keep = 0;

	if (osy_json_type(mask) == OSY_JSON_NULL)
		return osy_json_new_str(OSY_STR("null"));
	if (osy_json_type(mask) == OSY_JSON_STRING)
		return read_style(osy_json_str(mask), &style, &keep)
			       ? osy_json_new_str(osy_json_str(mask))
			       : NULL;
	const struct osy_json *replace = osy_json_get(mask, "replace");
	const struct osy_json *pattern = osy_json_get(mask, "pattern");
	if (osy_json_type(mask) != OSY_JSON_OBJECT || osy_json_count(mask) != 1)
		return NULL;
	if (pattern ? !good_pattern(osy_json_str(pattern))
		    : !replace || !is_scalar(replace) ||
				osy_json_str(replace).len > OSY_TEMPLATE_MAX_TEXT)
		return NULL;
	struct osy_json *out = osy_json_new_object();
	osy_json_put(
		out, pattern ? "pattern" : "replace", copy_scalar(pattern ? pattern : replace));
	return out;
}

enum osy_code check_mask(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err)
{
	const struct osy_json *value = osy_json_get(container, key->name);
	struct osy_str name;
	struct osy_json *mask;

	if (osy_json_type(value) != OSY_JSON_OBJECT ||
		osy_json_count(value) > OSY_TEMPLATE_MAX_NAMES)
		return check_fail(check, container, key->name, 0, err,
			"mask must be a mapping from fields to styles, for example {Email: hash, "
			"Phone: keep-last-4}");
	OSY_AUTO(osy_json_free_at) struct osy_json *all = osy_json_new_object();
	for (size_t i = 0; osy_json_member(value, i, &name, &mask); i++) {
		OSY_AUTO_FREE char *z = osy_xstrndup(name.p, name.len);
		struct osy_json *taken = check_is_name(name) ? take_mask(mask) : NULL;
		if (!taken)
			return check_fail(check, value, z, 0, err,
				"mask of '%.*s' must be hash, keep-last-N (N from 1 to %d), "
				"shuffle, null, {replace: VALUE} or {pattern: TEXT}",
				SHOW(name), KEEP_MOST);
		osy_json_put(all, z, taken);
	}
	*ret = all;
	all = NULL;
	return OSY_OK;
}

/* ---- Nulls ---- */
enum osy_code check_nulls(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err)
{
	const struct osy_json *value = osy_json_get(container, key->name);
	struct osy_str name;
	struct osy_json *item;

	OSY_AUTO(osy_json_free_at) struct osy_json *out = osy_json_new_object();
	for (size_t i = 0; osy_json_member(value, i, &name, &item); i++) {
		OSY_AUTO_FREE char *z = osy_xstrndup(name.p, name.len);
		struct osy_str word = osy_json_str(item);
		if ((!check_is_name(name) && !osy_str_is(name, "*")) ||
			(!osy_str_is(word, "ignore") && !osy_str_is(word, "write")))
			return check_fail(check, value, z, 0, err,
				"nulls of '%.*s' must be ignore or write; names are fields, or "
				"\"*\" for all others",
				SHOW(name));
		osy_json_put(out, z, osy_json_new_str(word));
	}
	*ret = out;
	out = NULL;
	return OSY_OK;
}

/* ---- Reading ---- */
static const char *text(struct osy_arena *arena, struct osy_str s)
{
	return osy_arena_strndup(arena, s.p ? s.p : "", s.len);
}

static const char *raw(struct osy_arena *arena, const struct osy_json *value)
{
	OSY_AUTO(osy_buf_done) struct osy_buf json = OSY_BUF(2 * 1024 * 1024);

	osy_json_write(value, false, &json);
	return text(arena, osy_buf_str(&json));
}

static void read_values(
	struct osy_arena *arena, const struct osy_json *map, struct osy_template_values *values)
{
	struct osy_spec_value *items =
		osy_arena_calloc(arena, osy_json_count(map) + 1, sizeof(*items));
	struct osy_str from;
	struct osy_json *to;

	for (size_t i = 0; osy_json_member(map, i, &from, &to); i++) {
		items[i] = (struct osy_spec_value){text(arena, from), raw(arena, to)};
		values->count = i + 1;
	}
	values->items = items;
}

static void read_mask(
	struct osy_arena *arena, const struct osy_json *json, struct osy_template_mask *mask)
{
	const struct osy_json *pattern = osy_json_get(json, "pattern");

	mask->mask = OSY_MASK_NULL;
	if (pattern) {
		mask->mask = OSY_MASK_PATTERN;
		mask->text = text(arena, osy_json_str(pattern));
	} else if (osy_json_type(json) == OSY_JSON_OBJECT) {
		mask->mask = OSY_MASK_REPLACE;
		mask->text = raw(arena, osy_json_get(json, "replace"));
	} else {
		(void)read_style(osy_json_str(json), &mask->mask, &mask->keep);
	}
}

static void read_nulls(
	struct osy_arena *arena, const struct osy_json *json, struct osy_template_object *object)
{
	struct osy_template_null *nulls =
		osy_arena_calloc(arena, osy_json_count(json) + 1, sizeof(*nulls));
	struct osy_str name;
	struct osy_json *word;

	object->write_nulls = osy_str_is(osy_json_str(json), "write");
	object->nulls = nulls;
	for (size_t i = 0; osy_json_member(json, i, &name, &word); i++) {
		bool write = osy_str_is(osy_json_str(word), "write");
		if (osy_str_is(name, "*"))
			object->write_nulls = write;
		else
			nulls[object->null_count++] =
				(struct osy_template_null){text(arena, name), write};
	}
}

void osy_template_read_rules(
	struct osy_arena *arena, const struct osy_json *json, struct osy_template_object *object)
{
	const struct osy_json *values = osy_json_get(json, "values");
	const struct osy_json *masks = osy_json_get(json, "mask");
	struct osy_template_values *maps =
		osy_arena_calloc(arena, osy_json_count(values) + 1, sizeof(*maps));
	struct osy_template_mask *styles =
		osy_arena_calloc(arena, osy_json_count(masks) + 1, sizeof(*styles));
	struct osy_str name;
	struct osy_json *value;

	for (size_t i = 0; osy_json_member(values, i, &name, &value); i++) {
		maps[i].field = text(arena, name);
		read_values(arena, value, &maps[i]);
		object->values_count = i + 1;
	}
	for (size_t i = 0; osy_json_member(masks, i, &name, &value); i++) {
		styles[i].field = text(arena, name);
		read_mask(arena, value, &styles[i]);
		object->mask_count = i + 1;
	}
	read_nulls(arena, osy_json_get(json, "nulls"), object);
	object->values = maps;
	object->masks = styles;
}
