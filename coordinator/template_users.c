/* The template's users: how people and queues of the source are found in the target. */
#include "osy/json.h"
#include "template_check.h"

#define MAX_PAIRS 20000

static const struct key user_keys[] = {
	{"match", KEY_NAMES, "[\"username\",\"federationId\",\"email\"]", 0, 0, NULL, NULL},
	{"usernameSuffix", KEY_TEXT, "\"\"", 0, 80, NULL, NULL},
	{"fallback", KEY_TEXT, "\"\"", 0, 255, NULL, NULL},
	{"map", KEY_TEXTS, "{}", 0, 255, NULL, NULL},
	{0},
};

static const struct {
	const char *name;
	enum osy_user_match match;
} matches[] = {{"username", OSY_USER_USERNAME}, {"federationId", OSY_USER_FEDERATION_ID},
	{"email", OSY_USER_EMAIL}};

static bool read_word(struct osy_str word, enum osy_user_match *ret)
{
	for (size_t i = 0; i < OSY_COUNT(matches); i++) {
		if (osy_str_is(word, matches[i].name)) {
			*ret = matches[i].match;
			return true;
		}
	}
	return false;
}

enum osy_code check_users(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err)
{
	const struct osy_json *value = osy_json_get(container, key->name);
	enum osy_user_match ignored;

	if (osy_json_type(value) != OSY_JSON_OBJECT)
		return check_fail(check, container, key->name, 0, err,
			"users must be a mapping, for example {match: [username, email], fallback: "
			"admin@example.com}");
	OSY_AUTO(osy_json_free_at) struct osy_json *out = osy_json_new_object();
	enum osy_code rc = check_object(check, value, user_keys, "users", out, err);
	if (rc)
		return rc;
	const struct osy_json *words = osy_json_get(out, "match");
	for (size_t i = 0; i < osy_json_count(words); i++) {
		if (!read_word(osy_json_str(osy_json_at(words, i)), &ignored))
			return check_fail(check, value, "match", 0, err,
				"users: match must be a list of username, federationId and email");
	}
	*ret = out;
	out = NULL;
	return OSY_OK;
}

/* {text: text}; what a null becomes is the empty text. */
enum osy_code check_texts(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err)
{
	const struct osy_json *value = osy_json_get(container, key->name);
	struct osy_str name;
	struct osy_json *item;

	if (osy_json_type(value) != OSY_JSON_OBJECT || osy_json_count(value) > MAX_PAIRS)
		return check_fail(check, container, key->name, 0, err,
			"%s must be a mapping of at most %d usernames of the source to those of "
			"the "
			"target",
			key->name, MAX_PAIRS);
	OSY_AUTO(osy_json_free_at) struct osy_json *out = osy_json_new_object();
	for (size_t i = 0; osy_json_member(value, i, &name, &item); i++) {
		OSY_AUTO_FREE char *z = osy_xstrndup(name.p, name.len);
		bool none = osy_json_type(item) == OSY_JSON_NULL;
		if (!name.len || (!none && osy_json_type(item) != OSY_JSON_STRING))
			return check_fail(check, value, z, 0, err,
				"%s: '%.80s' must be mapped to a username of the target, or null "
				"for "
				"nobody",
				key->name, z);
		osy_json_put(out, z, osy_json_new_str(none ? OSY_STR("") : osy_json_str(item)));
	}
	*ret = out;
	out = NULL;
	return OSY_OK;
}

static const char *text(struct osy_arena *arena, struct osy_str s)
{
	return osy_arena_strndup(arena, s.p ? s.p : "", s.len);
}

void osy_template_read_users(
	struct osy_arena *arena, const struct osy_json *json, struct osy_template_users *users)
{
	const struct osy_json *words = osy_json_get(json, "match"),
			      *map = osy_json_get(json, "map");
	struct osy_template_pair *pairs =
		osy_arena_calloc(arena, osy_json_count(map) + 1, sizeof(*pairs));
	struct osy_str name;
	struct osy_json *item;

	users->on = osy_json_type(json) == OSY_JSON_OBJECT;
	for (size_t i = 0; i < osy_json_count(words) && i < OSY_COUNT(users->match); i++)
		users->match_count += read_word(
			osy_json_str(osy_json_at(words, i)), &users->match[users->match_count]);
	users->suffix = text(arena, osy_json_get_str(json, "usernameSuffix"));
	users->fallback = text(arena, osy_json_get_str(json, "fallback"));
	for (size_t i = 0; osy_json_member(map, i, &name, &item); i++) {
		pairs[i].source = text(arena, name);
		pairs[i].target = text(arena, osy_json_str(item));
		users->map_count = i + 1;
	}
	users->map = pairs;
}
