/*
 * Users and queues as pins: a person of the source is the same as one of the target by the
 * template's rules, in their order; a queue is the same by its developer name, and so is a public
 * group, which shares may be for. Users come from two queries, queues from two more.
 */
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "osy/json_pull.h"
#include "osy/mem.h"
#include "osy/sf_collection.h"
#include "osy/sf_query.h"
#include "scan.h"

#define MAX_USERS 100000
#define MAX_QUEUES 20000
#define SHOWN 5

struct user {
	struct osy_id id;
	const char *username, *federation, *email, *standard; /* "" for none */
	bool active;
};

struct users {
	struct osy_arena *arena;
	struct user *items;
	size_t count, cap;
	bool lower; /* queues keep their names as they are */
};

struct name {
	const char *text;
	const struct osy_id *id; /* NULL: several have it */
};

struct names {
	struct name *items;
	size_t count;
};

/* ---- Reading ---- */
static const char *text_of(struct users *users, struct osy_str raw, bool lower)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(raw.len + 1024);
	struct osy_err ignored;

	if (raw.p && raw.p[0] == '"')
		(void)!osy_json_unquote(raw, &text, &ignored);
	for (size_t i = 0; lower && i < text.len; i++)
		text.p[i] = (char)tolower((unsigned char)text.p[i]);
	return osy_arena_strndup(users->arena, text.p, text.len);
}

static struct user *next_user(struct users *users)
{
	if (users->count == users->cap) {
		size_t cap = users->cap ? users->cap * 2 : 256;
		struct user *items = osy_arena_calloc(users->arena, cap, sizeof(*items));
		if (users->count)
			memcpy(items, users->items, users->count * sizeof(*items));
		users->items = items;
		users->cap = cap;
	}
	return &users->items[users->count++];
}

static enum osy_code take_user(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct users *users = arg;
	struct osy_id id;

	(void)err;
	if (!osy_id_parse_json(values[0], &id))
		return OSY_OK;
	*next_user(users) = (struct user){.id = id,
		.username = text_of(users, values[1], true),
		.federation = text_of(users, values[2], false),
		.email = text_of(users, values[3], true),
		.standard = text_of(users, values[5], false),
		.active = osy_str_is(values[4], "true")};
	return OSY_OK;
}

/* Its name says which of both it is: a queue and a public group of one name are two. */
static enum osy_code take_queue(const struct osy_str *values, void *arg, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf name = OSY_BUF(4096);
	struct users *queues = arg;
	struct osy_id id;

	(void)err;
	if (!osy_id_parse_json(values[0], &id))
		return OSY_OK;
	osy_buf_addf(&name, "%s %s", osy_str_is(values[2], "\"Queue\"") ? "queue" : "public group",
		text_of(queues, values[1], true));
	*next_user(queues) = (struct user){.id = id,
		.username = osy_arena_strndup(queues->arena, name.p, name.len),
		.active = true};
	return OSY_OK;
}

/* A column that our user does not see leaves its place empty. */
static enum osy_code read_users(
	struct scan *scan, struct osy_org *org, struct users *ret, struct osy_err *err)
{
	static const char *const fields[] = {
		"Id", "Username", "FederationIdentifier", "Email", "IsActive", "UserType"};
	enum osy_code rc = osy_sf_query(org,
		OSY_STR("SELECT Id, Username, FederationIdentifier, Email, IsActive, UserType FROM "
			"User"),
		fields, OSY_COUNT(fields), MAX_USERS, take_user, ret, err);

	if (rc == OSY_E_SALESFORCE && strcmp(err->origin, "sf:INVALID_FIELD") == 0)
		rc = osy_sf_query(org, OSY_STR("SELECT Id, Username, Email, IsActive FROM User"),
			fields, OSY_COUNT(fields), MAX_USERS, take_user, ret, err);
	(void)scan_not_told(scan, org,
		"does not tell our user its users: lookups to them are left out", &rc, err);
	return rc;
}

static enum osy_code read_queues(
	struct scan *scan, struct osy_org *org, bool groups, struct users *ret, struct osy_err *err)
{
	static const char *const fields[] = {"Id", "DeveloperName", "Type"};
	enum osy_code rc = osy_sf_query(org,
		groups ? OSY_STR("SELECT Id, DeveloperName, Type FROM Group WHERE Type IN "
				 "('Queue', 'Regular')")
		       : OSY_STR("SELECT Id, DeveloperName, Type FROM Group WHERE Type = 'Queue'"),
		fields, OSY_COUNT(fields), MAX_QUEUES, take_queue, ret, err);

	(void)scan_not_told(scan, org,
		"does not tell our user its queues: lookups to them are left out", &rc, err);
	return rc;
}

/* ---- Names of the target ---- */
static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static const char *name_of(const struct user *user, enum osy_user_match by)
{
	switch (by) {
	case OSY_USER_USERNAME:
		return user->username;
	case OSY_USER_FEDERATION_ID:
		return user->federation;
	case OSY_USER_EMAIL:
		return user->email;
	}
	return "";
}

/* The active ones by name; inactive users may own nothing. */
static void index_names(const struct users *users, enum osy_user_match by, struct names *ret)
{
	size_t kept = 0;

	ret->items = osy_arena_calloc(users->arena, users->count + 1, sizeof(*ret->items));
	for (size_t i = 0; i < users->count; i++) {
		const char *text = name_of(&users->items[i], by);
		if (*text && users->items[i].active)
			ret->items[ret->count++] = (struct name){text, &users->items[i].id};
	}
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), compare_names);
	for (size_t i = 0; i < ret->count; i++) {
		if (kept && strcmp(ret->items[kept - 1].text, ret->items[i].text) == 0)
			ret->items[kept - 1].id = NULL;
		else
			ret->items[kept++] = ret->items[i];
	}
	ret->count = kept;
}

static const struct osy_id *find_name(const struct names *names, const char *text)
{
	struct name key = {.text = text};
	const struct name *found = names->count && *text ? bsearch(&key, names->items, names->count,
								   sizeof(key), compare_names)
							 : NULL;

	return found ? found->id : NULL;
}

/* ---- Who is who ---- */
struct matching {
	struct scan *scan;
	const struct osy_template_users *rules;
	struct users sources, targets;
	struct names by[3];
	const struct osy_template_pair **map; /* by username of the source */
	const char *suffix;		      /* in small letters */
	const struct osy_id *fallback;
	const struct osy_pg_result *stand_ins; /* usernames that stood in for others */
	size_t matched, unmatched;
	struct osy_buf shown;
};

static const char *lowered(struct osy_arena *arena, const char *text)
{
	char *copy = osy_arena_strndup(arena, text, strlen(text));

	for (char *p = copy; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

/* With the suffix, without the source's own, as it is. */
static const struct osy_id *by_username(const struct matching *m, const char *username)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(4096);
	size_t len = strlen(username), cut = strlen(m->suffix);
	const struct osy_id *found = NULL;

	if (cut && len < 1024) {
		osy_buf_addf(&text, "%s%s", username, m->suffix);
		found = find_name(&m->by[OSY_USER_USERNAME], text.p);
	}
	if (!found && cut && len > cut && strcmp(username + len - cut, m->suffix) == 0) {
		osy_buf_reset(&text);
		osy_buf_add(&text, username, len - cut);
		found = find_name(&m->by[OSY_USER_USERNAME], text.p);
	}
	return found ? found : find_name(&m->by[OSY_USER_USERNAME], username);
}

static const struct osy_template_pair *mapped(const struct matching *m, const char *username)
{
	size_t low = 0, high = m->rules->map_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcasecmp(m->map[middle]->source, username) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < m->rules->map_count && strcasecmp(m->map[low]->source, username) == 0
		       ? m->map[low]
		       : NULL;
}

/* Of names that differ in case alone the first one counts. */
static int by_source(const void *a, const void *b)
{
	const struct osy_template_pair *x = *(const struct osy_template_pair *const *)a,
				       *y = *(const struct osy_template_pair *const *)b;
	int order = strcasecmp(x->source, y->source);

	return order ? order : (x > y) - (x < y);
}

static void index_map(struct matching *m)
{
	size_t count = m->rules->map_count;

	m->map = osy_arena_calloc(&m->scan->plan.arena, count + 1, sizeof(*m->map));
	for (size_t i = 0; i < count; i++)
		m->map[i] = &m->rules->map[i];
	qsort(m->map, count, sizeof(*m->map), by_source);
}

static const struct osy_id *match_user(const struct matching *m, const struct user *user)
{
	const struct osy_template_pair *pair = mapped(m, user->username);
	const struct osy_id *found = NULL;

	if (pair)
		return find_name(
			&m->by[OSY_USER_USERNAME], lowered(&m->scan->plan.arena, pair->target));
	for (size_t i = 0; !found && i < m->rules->match_count; i++) {
		enum osy_user_match by = m->rules->match[i];
		found = by == OSY_USER_USERNAME ? by_username(m, user->username)
						: find_name(&m->by[by], name_of(user, by));
	}
	return found;
}

/* Whether a run the other way round wrote this user where it found nobody: that is not sent back.
 */
static bool stood_in(const struct matching *m, const struct user *user)
{
	for (size_t i = 0; i < osy_pg_rows(m->stand_ins); i++) {
		const struct osy_str name = osy_pg_str(m->stand_ins, i, 0);
		if (osy_str_equal_nocase(name, osy_str(user->username)) ||
			osy_str_equal_nocase(name, osy_str(user->email)))
			return true;
	}
	return false;
}

static void pin_user(struct matching *m, const struct user *user)
{
	static const struct osy_id nobody = {{0}};
	const struct osy_id *target = stood_in(m, user) ? &nobody : match_user(m, user);

	if (target && osy_id_is_set(target)) {
		m->matched++;
	} else if (!target && user->active && strcmp(user->standard, "Standard") == 0) {
		if (m->unmatched++ < SHOWN)
			osy_buf_addf(
				&m->shown, "%s%.80s", m->shown.len ? ", " : "", user->username);
	}
	if (!target)
		target = m->fallback ? m->fallback : &nobody;
	scan_add_pin(m->scan, &user->id, target);
}

static void say_unmatched(const struct matching *m)
{
	if (!m->unmatched)
		return;
	osy_plan_notice(&m->scan->plan,
		"%zu active users of the source have no active match in the target (%s%s): %s",
		m->unmatched, m->shown.p, m->unmatched > SHOWN ? ", ..." : "",
		m->fallback ? "the fallback takes their place"
			    : "lookups to them are left out, new records belong to our user");
}

static enum osy_code find_fallback(struct matching *m, struct osy_err *err)
{
	const char *name = m->rules->fallback;

	if (!*name)
		return OSY_OK;
	name = lowered(&m->scan->plan.arena, name);
	m->fallback = find_name(&m->by[OSY_USER_USERNAME], name);
	if (!m->fallback) /* an address that one user alone has */
		m->fallback = find_name(&m->by[OSY_USER_EMAIL], name);
	if (m->fallback)
		return OSY_OK;
	name = m->rules->fallback;
	return osy_fail(err, OSY_E_INVALID,
		"template '%s', users: there is no active user '%s' in org '%s' to fall back to",
		m->scan->template->name, name, m->scan->drive->target_name);
}

static enum osy_code check_map(const struct matching *m, struct osy_err *err)
{
	for (size_t i = 0; i < m->rules->map_count; i++) {
		const char *target = m->rules->map[i].target;
		if (*target && !find_name(&m->by[OSY_USER_USERNAME],
				       lowered(&m->scan->plan.arena, target)))
			return osy_fail(err, OSY_E_INVALID,
				"template '%s', users: '%s' is mapped to '%s', which is no active "
				"user of org '%s'",
				m->scan->template->name, m->rules->map[i].source, target,
				m->scan->drive->target_name);
	}
	return OSY_OK;
}

static enum osy_code match_all(struct matching *m, struct osy_err *err)
{
	enum osy_code rc;

	for (size_t i = 0; i < OSY_COUNT(m->by); i++)
		index_names(&m->targets, (enum osy_user_match)i, &m->by[i]);
	index_map(m);
	m->suffix = lowered(&m->scan->plan.arena, m->rules->suffix);
	rc = find_fallback(m, err);
	if (!rc)
		rc = check_map(m, err);
	for (size_t i = 0; !rc && i < m->sources.count; i++)
		pin_user(m, &m->sources.items[i]);
	if (!rc)
		say_unmatched(m);
	return rc;
}

static enum osy_code pin_users(struct scan *scan, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *stand_ins = NULL;
	struct matching m = {.scan = scan,
		.rules = &scan->template->users,
		.sources.arena = &scan->plan.arena,
		.targets.arena = &scan->plan.arena,
		.shown = OSY_BUF(1024)};
	enum osy_code rc = read_users(scan, scan->drive->source, &m.sources, err);

	if (!rc)
		rc = read_users(scan, scan->drive->target, &m.targets, err);
	if (!rc)
		rc = osy_pg_do(scan->drive->pg, &stand_ins, err,
			"SELECT DISTINCT doc::jsonb -> 'users' ->> 'fallback' FROM run WHERE "
			"source = $2 AND target = $1 AND doc::jsonb -> 'users' ->> 'fallback' <> "
			"''",
			OSY_PG_Z(scan->drive->source_name), OSY_PG_Z(scan->drive->target_name));
	m.stand_ins = stand_ins;
	if (!rc)
		rc = match_all(&m, err);
	osy_buf_done(&m.shown);
	return rc;
}

/* ---- Queues ---- */
static bool has_shares(const struct scan *scan)
{
	for (size_t i = 0; i < scan->template->object_count; i++) {
		if (osy_template_is_share(scan->template->objects[i].name))
			return true;
	}
	return false;
}

static enum osy_code pin_queues(struct scan *scan, struct osy_err *err)
{
	static const struct osy_id nobody = {{0}};
	struct users sources = {.arena = &scan->plan.arena}, targets = {.arena = &scan->plan.arena};
	struct names names = {0};
	bool groups = has_shares(scan);
	enum osy_code rc = read_queues(scan, scan->drive->source, groups, &sources, err);

	if (!rc)
		rc = read_queues(scan, scan->drive->target, groups, &targets, err);
	if (rc)
		return rc;
	index_names(&targets, OSY_USER_USERNAME, &names);
	for (size_t i = 0; i < sources.count; i++) {
		const struct osy_id *found = find_name(&names, sources.items[i].username);
		if (!found)
			osy_plan_notice(&scan->plan,
				"%s is not in the target: lookups to it are left out",
				sources.items[i].username);
		scan_add_pin(scan, &sources.items[i].id, found ? found : &nobody);
	}
	return OSY_OK;
}

/* ---- Whether any lookup of the run needs them ---- */
static bool points_to(const struct scan *scan, bool groups)
{
	for (size_t i = 0; i < scan->plan.spec.object_count; i++) {
		const struct osy_spec_object *object = &scan->plan.objects[i];
		for (size_t f = 0; f < object->field_count; f++) {
			if (groups ? object->fields[f].to_queues : object->fields[f].to_users)
				return true;
		}
	}
	return false;
}

enum osy_code scan_users(struct scan *scan, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	if (points_to(scan, false))
		rc = pin_users(scan, err);
	if (!rc && points_to(scan, true))
		rc = pin_queues(scan, err);
	return rc;
}
