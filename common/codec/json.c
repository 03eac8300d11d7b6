/*
 * The tree is json-c's, the parser is not: json-c's own accepts NaN and overlong UTF-8, saturates
 * big integers and turns half a surrogate pair into U+FFFD, all without a word. Ours builds the
 * same objects from the pull tokenizer.
 */
#include "osy/json.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "json-i.h"
#include "osy/json_pull.h"
#include "osy/mem.h"

#include "osy/banned.h"

static struct json_object *theirs(const struct osy_json *json)
{
	return (struct json_object *)json;
}

static struct osy_json *ours(struct json_object *object)
{
	return (struct osy_json *)object;
}

static struct osy_json *made(struct json_object *object)
{
	if (!object)
		OSY_BUG("out of memory: a JSON value");
	return ours(object);
}

void osy_json_free(struct osy_json *json)
{
	json_object_put(theirs(json));
}

void osy_json_free_at(struct osy_json **json)
{
	osy_json_free(*json);
}

enum osy_json_type osy_json_type(const struct osy_json *json)
{
	static const enum osy_json_type types[] = {
		[json_type_null] = OSY_JSON_NULL,
		[json_type_boolean] = OSY_JSON_BOOL,
		[json_type_double] = OSY_JSON_NUMBER,
		[json_type_int] = OSY_JSON_INT,
		[json_type_object] = OSY_JSON_OBJECT,
		[json_type_array] = OSY_JSON_ARRAY,
		[json_type_string] = OSY_JSON_STRING,
	};

	return types[json_object_get_type(theirs(json))];
}

struct osy_json *osy_json_get(const struct osy_json *object, const char *key)
{
	struct json_object *value = NULL;

	if (osy_json_type(object) == OSY_JSON_OBJECT)
		json_object_object_get_ex(theirs(object), key, &value);
	return ours(value);
}

bool osy_json_has(const struct osy_json *object, const char *key)
{
	return osy_json_type(object) == OSY_JSON_OBJECT &&
	       json_object_object_get_ex(theirs(object), key, NULL);
}

struct osy_str osy_json_str(const struct osy_json *json)
{
	struct json_object *object = theirs(json);

	if (osy_json_type(json) != OSY_JSON_STRING)
		return OSY_STR_NULL;
	return (struct osy_str){
		json_object_get_string(object), (size_t)json_object_get_string_len(object)};
}

struct osy_str osy_json_get_str(const struct osy_json *object, const char *key)
{
	return osy_json_str(osy_json_get(object, key));
}

int64_t osy_json_i64(const struct osy_json *json, int64_t otherwise)
{
	struct json_object *object = theirs(json);

	if (osy_json_type(json) != OSY_JSON_INT ||
		(json_object_get_int64(object) == INT64_MAX &&
			json_object_get_uint64(object) > INT64_MAX))
		return otherwise;
	return json_object_get_int64(object);
}

bool osy_json_bool(const struct osy_json *json, bool otherwise)
{
	return osy_json_type(json) == OSY_JSON_BOOL ? json_object_get_boolean(theirs(json))
						    : otherwise;
}

int64_t osy_json_get_i64(const struct osy_json *object, const char *key, int64_t otherwise)
{
	return osy_json_i64(osy_json_get(object, key), otherwise);
}

bool osy_json_get_bool(const struct osy_json *object, const char *key, bool otherwise)
{
	return osy_json_bool(osy_json_get(object, key), otherwise);
}

struct osy_str osy_json_number(const struct osy_json *json)
{
	enum osy_json_type type = osy_json_type(json);
	struct osy_str text;

	if (type != OSY_JSON_INT && type != OSY_JSON_NUMBER)
		return OSY_STR_NULL;
	text.p = json_object_to_json_string_length(theirs(json), JSON_C_TO_STRING_PLAIN, &text.len);
	return text;
}

size_t osy_json_count(const struct osy_json *json)
{
	enum osy_json_type type = osy_json_type(json);

	if (type == OSY_JSON_ARRAY)
		return json_object_array_length(theirs(json));
	return type == OSY_JSON_OBJECT ? (size_t)json_object_object_length(theirs(json)) : 0;
}

struct osy_json *osy_json_at(const struct osy_json *array, size_t index)
{
	return index < osy_json_count(array) && osy_json_type(array) == OSY_JSON_ARRAY
		       ? ours(json_object_array_get_idx(theirs(array), index))
		       : NULL;
}

/* Where the last walk over an object stands: json-c has a list, and an index alone would start anew
 * each time. */
struct walk {
	size_t index;
	struct lh_entry *entry;
};

static void walk_free(struct json_object *object, void *walk)
{
	(void)object;
	free(walk);
}

static struct walk *walk_of(struct json_object *object)
{
	struct walk *walk = json_object_get_userdata(object);

	if (!walk) {
		walk = osy_xcalloc(1, sizeof(*walk));
		json_object_set_userdata(object, walk, walk_free);
	}
	return walk;
}

bool osy_json_member(const struct osy_json *object, size_t index, struct osy_str *ret_key,
	struct osy_json **ret_value)
{
	struct json_object *o = theirs(object);
	struct walk *walk;

	if (osy_json_type(object) != OSY_JSON_OBJECT || index >= osy_json_count(object))
		return false;
	walk = walk_of(o);
	if (!walk->entry || walk->index > index)
		*walk = (struct walk){0, json_object_get_object(o)->head};
	for (; walk->index < index; walk->index++)
		walk->entry = walk->entry->next;
	*ret_key = osy_str(lh_entry_k(walk->entry));
	*ret_value = ours((struct json_object *)lh_entry_v(walk->entry));
	return true;
}

struct osy_json *osy_json_new_object(void)
{
	return made(json_object_new_object());
}

struct osy_json *osy_json_new_array(void)
{
	return made(json_object_new_array());
}

struct osy_json *osy_json_new_str(struct osy_str s)
{
	OSY_ASSERT(s.len < INT32_MAX);
	return s.p ? made(json_object_new_string_len(s.p, (int)s.len)) : NULL;
}

struct osy_json *osy_json_new_i64(int64_t n)
{
	return made(json_object_new_int64(n));
}

struct osy_json *osy_json_new_bool(bool b)
{
	return made(json_object_new_boolean(b));
}

void osy_json_put(struct osy_json *object, const char *key, struct osy_json *value)
{
	struct walk *walk;

	OSY_ASSERT(osy_json_type(object) == OSY_JSON_OBJECT);
	walk = json_object_get_userdata(theirs(object));
	if (walk)
		*walk = (struct walk){0};
	if (json_object_object_add(theirs(object), key, theirs(value)) != 0)
		OSY_BUG("out of memory: a JSON member");
}

void osy_json_push(struct osy_json *array, struct osy_json *value)
{
	OSY_ASSERT(osy_json_type(array) == OSY_JSON_ARRAY);
	if (json_object_array_add(theirs(array), theirs(value)) != 0)
		OSY_BUG("out of memory: a JSON item");
}

static bool is_whole(struct osy_str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] == '.' || (text.p[i] | 0x20) == 'e')
			return false;
	return true;
}

/* A whole number that fits 64 bits; NULL when it does not. */
static struct json_object *new_whole(const char *text)
{
	struct json_object *object;
	bool is_negative = text[0] == '-';

	errno = 0;
	if (is_negative) {
		int64_t n = strtoll(text, NULL, 10);

		object = errno ? NULL : theirs(osy_json_new_i64(n));
		/* "-0" has no integer of its own: keep its text */
		if (object && n == 0)
			json_object_set_serializer(object, json_object_userdata_to_json_string,
				osy_xstrdup(text), json_object_free_userdata);
		return object;
	}
	uint64_t u = strtoull(text, NULL, 10);

	if (errno)
		return NULL;
	return u <= INT64_MAX ? theirs(osy_json_new_i64((int64_t)u))
			      : theirs(made(json_object_new_uint64(u)));
}

struct osy_json *osy_json_try_number(struct osy_str text)
{
	OSY_AUTO_FREE char *copy = osy_xstrndup(text.p, text.len);

	if (is_whole(text))
		return ours(new_whole(copy));
	/* its double is never looked at, its text is what counts */
	return made(json_object_new_double_s(0, copy));
}

struct osy_json *osy_json_new_number(struct osy_str text)
{
	OSY_AUTO_FREE char *copy = osy_xstrndup(text.p, text.len);
	struct osy_json_pull pull;
	struct osy_json *json;

	osy_json_pull_init(&pull, text);
	if (osy_json_pull_next(&pull) != OSY_PULL_NUMBER || pull.token.len != text.len)
		OSY_BUG("not a JSON number: '%s'", copy);
	json = osy_json_try_number(text);
	/* one of ours that is too wide for 64 bits still has its text */
	return json ? json : made(json_object_new_double_s(0, copy));
}
