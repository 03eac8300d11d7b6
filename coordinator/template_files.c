/*
 * What files need beside what the template says: the documents, which no one can write and which
 * the links point to, are matched by their newest version; links by their two ends, which the org
 * keeps apart.
 */
#include <strings.h>

#include "template.h"

static struct osy_template_object *find(
	struct osy_template_object *objects, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(objects[i].name, name) == 0)
			return &objects[i];
	}
	return NULL;
}

static const char *const *names(struct osy_arena *arena, const char *a, const char *b)
{
	const char **list = osy_arena_calloc(arena, 3, sizeof(*list));

	list[0] = a;
	list[1] = b;
	return list;
}

static void match_by(struct osy_template_object *object, const char *const *fields, size_t count)
{
	object->match = OSY_MATCH_KEYS;
	object->match_fields = fields;
	object->match_count = count;
}

void osy_template_add_files(
	struct osy_arena *arena, struct osy_template_object *objects, size_t *count)
{
	struct osy_template_object *link = find(objects, *count, "ContentDocumentLink");
	const struct osy_template_object *version = find(objects, *count, "ContentVersion");

	if (link && link->match == OSY_MATCH_NONE)
		match_by(link, names(arena, "ContentDocumentId", "LinkedEntityId"), 2);
	if (!version || version->match_only || find(objects, *count, "ContentDocument"))
		return;
	struct osy_template_object *document = &objects[(*count)++];
	*document = (struct osy_template_object){.name = "ContentDocument",
		.target = "ContentDocument",
		.include = names(arena, NULL, NULL),
		.exclude = names(arena, NULL, NULL),
		.match_only = true,
		.batch_size = version->batch_size,
		.api = OSY_API_REST};
	match_by(document, names(arena, "LatestPublishedVersionId", NULL), 1);
}

/* A given order names the objects of the template: their documents come after the versions. */
const char *const *osy_template_order_files(
	struct osy_arena *arena, const char *const *order, size_t *count)
{
	size_t n = 0;
	const char **all = osy_arena_calloc(arena, *count + 2, sizeof(*all));

	for (size_t i = 0; i < *count; i++) {
		if (strcasecmp(order[i], "ContentDocument") == 0)
			return order;
	}
	for (size_t i = 0; i < *count; i++) {
		all[n++] = order[i];
		if (strcasecmp(order[i], "ContentVersion") == 0)
			all[n++] = "ContentDocument";
	}
	*count = n;
	return all;
}
