/*
 * Folders of documents, which nobody copies: they are the same by developer name. A document whose
 * folder is not in the target, or that lies in somebody's own, goes to our user's own.
 */
#include <strings.h>

#include "osy/json_pull.h"
#include "osy/sf_query.h"
#include "scan.h"

#define MAX_FOLDERS 20000

struct folder {
	struct osy_id id;
	const char *name; /* NULL: not asked */
};

struct folders {
	struct osy_arena *arena;
	struct folder *items;
	size_t count;
};

static enum osy_code take(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct folders *folders = arg;
	struct folder *folder = &folders->items[folders->count];
	struct osy_str name = OSY_STR_NULL;

	(void)err;
	if (!values[0].p || !osy_id_parse_json(values[0], &folder->id))
		return OSY_OK;
	if (values[1].p && osy_json_plain(values[1], &name))
		folder->name = osy_arena_strndup(folders->arena, name.p, name.len);
	folders->count++;
	return OSY_OK;
}

static enum osy_code ask(struct scan *scan, struct osy_org *org, const char *soql,
	const char *id_field, struct folders *ret, struct osy_err *err)
{
	const char *const fields[] = {id_field, "DeveloperName"};

	*ret = (struct folders){.arena = &scan->plan.arena};
	ret->items = osy_arena_calloc(&scan->plan.arena, MAX_FOLDERS + 1, sizeof(*ret->items));
	return osy_sf_query(
		org, osy_str(soql), fields, OSY_COUNT(fields), MAX_FOLDERS, take, ret, err);
}

static const struct folder *by_id(const struct folders *folders, const struct osy_id *id)
{
	for (size_t i = 0; i < folders->count; i++) {
		if (osy_id_equal(&folders->items[i].id, id))
			return &folders->items[i];
	}
	return NULL;
}

static const struct folder *by_name(const struct folders *folders, const char *name)
{
	for (size_t i = 0; name && i < folders->count; i++) {
		if (folders->items[i].name && strcasecmp(folders->items[i].name, name) == 0)
			return &folders->items[i];
	}
	return NULL;
}

/* Whether folders are wanted at all, and people's own ones. */
static bool has_folders(const struct scan *scan)
{
	for (size_t i = 0; i < scan->plan.spec.object_count; i++) {
		const struct osy_spec_object *object = &scan->plan.objects[i];
		for (size_t f = 0; f < object->field_count; f++) {
			if (object->file && strcasecmp(object->fields[f].name, "FolderId") == 0)
				return true;
		}
	}
	return false;
}

static void pin(struct scan *scan, const struct osy_id *used, const struct folders *sources,
	const struct folders *targets)
{
	const struct folder *source = by_id(sources, used);
	const struct folder *target = source ? by_name(targets, source->name) : NULL;
	struct osy_id own;

	if (target) {
		scan_add_pin(scan, used, &target->id);
		return;
	}
	if (!source && scan->template->users.on)
		return; /* a user, who is mapped as one */
	if (!osy_id_parse(osy_str(scan->target.user_id), &own))
		return;
	scan_add_pin(scan, used, &own);
	osy_plan_notice(&scan->plan,
		"the documents of %s%s go to the own folder of our user in org '%s'",
		source ? "folder " : "a user's own folder",
		source && source->name ? source->name : "", scan->drive->target_name);
}

enum osy_code scan_folders(struct scan *scan, struct osy_err *err)
{
	static const char folders[] =
		"SELECT Id, DeveloperName FROM Folder WHERE Type = 'Document'";
	struct folders used, sources, targets;

	if (!has_folders(scan))
		return OSY_OK;
	enum osy_code rc = ask(scan, scan->drive->source,
		"SELECT FolderId FROM Document GROUP BY FolderId", "FolderId", &used, err);
	if (!rc)
		rc = ask(scan, scan->drive->source, folders, "Id", &sources, err);
	if (!rc)
		rc = ask(scan, scan->drive->target, folders, "Id", &targets, err);
	for (size_t i = 0; !rc && i < used.count; i++)
		pin(scan, &used.items[i].id, &sources, &targets);
	return rc;
}
