/* The template's users: how people and queues of the source are found in the target. */
#include "osy/csv.h"
#include "osy/json.h"
#include "osy/mem.h"
#include "template_check.h"

#define MAX_PAIRS 20000

static const struct key user_keys[] = {
	{"match", KEY_NAMES, "[\"username\",\"federationId\",\"email\"]", 0, 0, NULL, NULL},
	{"usernameSuffix", KEY_TEXT, "\"\"", 0, 80, NULL, NULL},
	{"fallback", KEY_TEXT, "\"\"", 0, 255, NULL, NULL},
	{"map", KEY_TEXTS, "{}", 0, 255, NULL, NULL},
	{"file", KEY_FILE, NULL, 1, 4096, NULL, NULL},
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

/* ---- The file: a row a user, username of the source and of the target ---- */
struct users_file {
	struct osy_json *seen, *map;
	size_t rows;
};

static const char header[] = "the first row must be source,target";

static enum osy_code take_user(
	struct users_file *file, struct osy_str source, struct osy_str target, struct osy_err *err)
{
	OSY_AUTO_FREE char *z = osy_xstrndup(source.p ? source.p : "", source.len);

	if (!source.len || source.len > 255 || target.len > 255)
		return osy_fail(err, OSY_E_INVALID,
			"a row has a username of the source and one of the target, or nothing for "
			"nobody; each of at most 255 characters");
	if (osy_json_get(file->seen, z))
		return osy_fail(err, OSY_E_INVALID, "'%.80s' is there twice", z);
	osy_json_put(file->seen, z, osy_json_new_bool(true));
	if (!osy_json_get(file->map, z))
		osy_json_put(file->map, z, osy_json_new_str(target.p ? target : OSY_STR("")));
	if (osy_json_count(file->map) > MAX_PAIRS)
		return osy_fail(err, OSY_E_INVALID, "map and file together have more than %d users",
			MAX_PAIRS);
	return OSY_OK;
}

static enum osy_code take_row(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done)
	struct osy_buf scratch = OSY_BUF(OSY_CSV_SCRATCH_BYTES),
		       other = OSY_BUF(OSY_CSV_SCRATCH_BYTES);
	struct users_file *file = arg;

	if (count != 2)
		return osy_fail(err, OSY_E_INVALID, "there are two columns, source,target");
	struct osy_str source = osy_csv_text(&cells[0], &scratch),
		       target = osy_csv_text(&cells[1], &other);
	if (file->rows++ == 0)
		return osy_str_equal_nocase(source, OSY_STR("source")) &&
				       osy_str_equal_nocase(target, OSY_STR("target"))
			       ? OSY_OK
			       : osy_fail(err, OSY_E_INVALID, "%s", header);
	return take_user(file, source, target, err);
}

/* Its rows into the map, whose own pairs go first. */
static enum osy_code check_file(const struct check *check, const struct osy_json *users,
	struct osy_json *out, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *seen = osy_json_new_object();
	OSY_AUTO(osy_csv_done) struct osy_csv csv;
	struct users_file file = {.seen = seen, .map = osy_json_get(out, "map")};
	struct osy_str name = osy_json_get_str(users, "file");
	struct osy_err why = OSY_ERR_NONE;

	osy_csv_init(&csv, take_row, &file);
	if (!check->users_file.p)
		return check_fail(check, users, "file", 0, err,
			"users.file is read by `orgsync template apply`, which sends it along; the "
			"API takes what is in it as usersFile, beside the template");
	if (check->users_file.len > OSY_TEMPLATE_USERS_BYTES)
		return check_fail(check, users, "file", 0, err,
			"the file of users is larger than %u bytes", OSY_TEMPLATE_USERS_BYTES);
	enum osy_code rc = osy_csv_feed(&csv, check->users_file, &why);
	if (!rc)
		rc = osy_csv_end(&csv, &why);
	if (rc)
		return check_fail(check, users, "file", 0, err, "%.*s, row %zu: %s", (int)name.len,
			name.p, file.rows, why.msg);
	if (!file.rows)
		return check_fail(check, users, "file", 0, err, "%.*s is empty; %s", (int)name.len,
			name.p, header);
	return OSY_OK;
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
	if (osy_json_get_str(value, "file").p)
		rc = check_file(check, value, out, err);
	if (rc)
		return rc;
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
			"the target",
			key->name, MAX_PAIRS);
	OSY_AUTO(osy_json_free_at) struct osy_json *out = osy_json_new_object();
	for (size_t i = 0; osy_json_member(value, i, &name, &item); i++) {
		OSY_AUTO_FREE char *z = osy_xstrndup(name.p, name.len);
		bool none = osy_json_type(item) == OSY_JSON_NULL;
		if (!name.len || (!none && osy_json_type(item) != OSY_JSON_STRING))
			return check_fail(check, value, z, 0, err,
				"%s: '%.80s' must be mapped to a username of the target, or null "
				"for nobody",
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
