#include <ctype.h>
#include <stdlib.h>

#include "osy/json.h"
#include "template.h"

/* ---- Nearest name ---- */
#define NEAR_MAX 64

/* Edit distance without case, where exchanging two neighbours counts one; names over 64 bytes are
 * far. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][NEAR_MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > NEAR_MAX || m > NEAR_MAX)
		return NEAR_MAX;
	for (unsigned j = 0; j <= m; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i + 2) % 3], *twice = rows[(i + 1) % 3];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			int x = tolower((unsigned char)a[i - 1]),
			    y = tolower((unsigned char)b[j - 1]);
			unsigned best = above[j - 1] + (x != y);
			if (above[j] + 1 < best)
				best = above[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
				y == tolower((unsigned char)a[i - 2]) && twice[j - 2] + 1 < best)
				best = twice[j - 2] + 1;
			row[j] = best;
		}
	}
	return rows[n % 3][m];
}

const char *osy_nearest(const char *name, const char *const *candidates, size_t count)
{
	const char *best = NULL;
	unsigned limit = (unsigned)strlen(name) / 3 + 2;

	for (size_t i = 0; i < count; i++) {
		unsigned d = distance(name, candidates[i]);
		if (d < limit) {
			limit = d;
			best = candidates[i];
		}
	}
	return best;
}

/* ---- From the normalised doc ---- */
static const char *text(struct osy_arena *arena, struct osy_str s)
{
	return s.p ? osy_arena_strndup(arena, s.p, s.len) : NULL;
}

/* The list's names without "*", whose presence goes to *ret_star when that is asked for. */
static const char *const *names(
	struct osy_arena *arena, const struct osy_json *list, size_t *ret_count, bool *ret_star)
{
	size_t count = osy_json_count(list), kept = 0;
	const char **items = osy_arena_calloc(arena, count + 1, sizeof(*items));

	for (size_t i = 0; i < count; i++) {
		struct osy_str name = osy_json_str(osy_json_at(list, i));
		if (ret_star && osy_str_is(name, "*"))
			*ret_star = true;
		else
			items[kept++] = text(arena, name);
	}
	*ret_count = kept;
	return items;
}

/* {source field: target field}; reversed: {target field: expression}, which is the source then. */
static const struct osy_template_pair *read_pairs(
	struct osy_arena *arena, const struct osy_json *map, bool reversed, size_t *ret_count)
{
	struct osy_template_pair *pairs =
		osy_arena_calloc(arena, osy_json_count(map) + 1, sizeof(*pairs));
	struct osy_str key;
	struct osy_json *value;

	*ret_count = 0;
	for (size_t i = 0; osy_json_member(map, i, &key, &value); i++) {
		const char *left = text(arena, key), *right = text(arena, osy_json_str(value));
		pairs[i].source = reversed ? right : left;
		pairs[i].target = reversed ? left : right;
		*ret_count = i + 1;
	}
	return pairs;
}

static void read_match(
	struct osy_arena *arena, const struct osy_json *match, struct osy_template_object *object)
{
	static const struct {
		const char *key;
		enum osy_match match;
	} forms[] = {{"externalId", OSY_MATCH_EXTERNAL_ID}, {"sourceId", OSY_MATCH_SOURCE_ID}};

	object->match = OSY_MATCH_NONE;
	for (size_t i = 0; i < OSY_COUNT(forms); i++) {
		const char *field = text(arena, osy_json_get_str(match, forms[i].key));
		if (!field)
			continue;
		const char **one = osy_arena_calloc(arena, 2, sizeof(*one));
		one[0] = field;
		object->match = forms[i].match;
		object->match_fields = one;
		object->match_count = 1;
	}
	if (osy_json_get_bool(match, "id", false))
		object->match = OSY_MATCH_SAME_ID;
	if (osy_json_get(match, "keys")) {
		object->match = OSY_MATCH_KEYS;
		object->match_fields =
			names(arena, osy_json_get(match, "keys"), &object->match_count, NULL);
	}
}

static enum osy_template_api read_api(struct osy_str name)
{
	return osy_str_is(name, "bulk")	  ? OSY_API_BULK
	       : osy_str_is(name, "rest") ? OSY_API_REST
					  : OSY_API_AUTO;
}

static void read_object(
	struct osy_arena *arena, const struct osy_json *json, struct osy_template_object *object)
{
	const struct osy_json *fields = osy_json_get(json, "fields");

	object->name = text(arena, osy_json_get_str(json, "name"));
	object->target = text(arena, osy_json_get_str(json, "target"));
	object->where = text(arena, osy_json_get_str(json, "where"));
	object->order_by = text(arena, osy_json_get_str(json, "orderBy"));
	object->limit = osy_json_get_i64(json, "limit", 0);
	object->include = names(arena, osy_json_get(fields, "include"), &object->include_count,
		&object->all_fields);
	object->exclude =
		names(arena, osy_json_get(fields, "exclude"), &object->exclude_count, NULL);
	object->map = read_pairs(arena, osy_json_get(json, "map"), false, &object->map_count);
	object->expressions = read_pairs(
		arena, osy_json_get(json, "expressions"), true, &object->expression_count);
	object->ids = names(arena, osy_json_get(json, "ids"), &object->id_count, NULL);
	read_match(arena, osy_json_get(json, "match"), object);
	osy_template_read_rules(arena, json, object);
	osy_template_read_parents(arena, osy_json_get(json, "missingParents"), object);
	osy_template_read_related(arena, json, object);
	osy_template_read_hook(arena, json, object);
	object->insert = osy_json_get_bool(json, "insert", true);
	object->update = osy_json_get_bool(json, "update", true);
	object->match_only = osy_str_is(osy_json_get_str(json, "mode"), "match-only");
	object->batch_size = (int)osy_json_get_i64(json, "batchSize", 200);
	object->api = read_api(osy_json_get_str(json, "api"));
}

enum osy_code osy_template_read(struct osy_str doc, struct osy_template **ret, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;
	enum osy_code rc = osy_json_parse(doc, "a template", &json, err);

	if (rc)
		return rc;
	struct osy_template *template = osy_xcalloc(1, sizeof(*template));
	struct osy_arena *arena = &template->arena_;
	osy_arena_init(arena, 32u * 1024);
	const struct osy_json *list = osy_json_get(json, "objects");
	const struct osy_json *options = osy_json_get(json, "options");
	template->name = text(arena, osy_json_get_str(json, "name"));
	template->object_count = osy_json_count(list);
	struct osy_template_object *objects =
		osy_arena_calloc(arena, template->object_count + 2, sizeof(*objects));
	for (size_t i = 0; i < template->object_count; i++)
		read_object(arena, osy_json_at(list, i), &objects[i]);
	osy_template_add_files(arena, objects, &template->object_count);
	template->objects = objects;
	osy_template_read_users(arena, osy_json_get(json, "users"), &template->users);
	template->continue_on_error = osy_json_get_bool(options, "continueOnError", true);
	template->skip_missing_fields = osy_json_get_bool(options, "skipMissingFields", false);
	template->snapshots = osy_json_get_bool(options, "snapshots", true);
	template->audit_fields = osy_json_get_bool(options, "auditFields", false);
	template->api_reserve_percent = (int)osy_json_get_i64(options, "apiReservePercent", 10);
	template->lanes = (int)osy_json_get_i64(options, "lanes", 64);
	template->delta_sync = osy_json_get_bool(options, "deltaSync", false);
	template->delta_overlap_minutes = (int)osy_json_get_i64(options, "deltaOverlapMinutes", 5);
	template->include_deleted = osy_json_get_bool(options, "includeDeleted", false);
	const struct osy_json *files = osy_json_get(json, "files");
	template->all_versions = osy_str_is(osy_json_get_str(files, "versions"), "all");
	template->file_verify = osy_json_get_bool(files, "verify", false);
	template->file_max_bytes = osy_json_get_i64(files, "maxBytes", OSY_TEMPLATE_FILE_BYTES);
	const char *rules = text(arena, osy_json_get_str(options, "duplicateRules"));
	template->duplicate_rules = rules ? rules : "allow-save";
	osy_template_read_transactional(
		arena, osy_json_get(options, "skipTransactional"), template);
	template->automation_off = names(arena, osy_json_get(options, "automationOff"),
		&template->automation_off_count, NULL);
	template->order = names(arena, osy_json_get(json, "order"), &template->order_count, NULL);
	template->order = osy_template_order_files(arena, template->order, &template->order_count);
	*ret = template;
	return OSY_OK;
}

enum osy_code osy_template_give_order(
	struct osy_template *template, struct osy_str text, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *list = NULL;
	enum osy_code rc = osy_json_parse(text, "an order", &list, err);

	if (rc)
		return rc;
	template->order = names(&template->arena_, list, &template->order_count, NULL);
	template->order = osy_template_order_files(
		&template->arena_, template->order, &template->order_count);
	return OSY_OK;
}

struct osy_template *osy_template_free(struct osy_template *template)
{
	if (template) {
		osy_arena_done(&template->arena_);
		free(template);
	}
	return NULL;
}

void osy_template_free_at(struct osy_template **template)
{
	*template = osy_template_free(*template);
}
