/*
 * Objects whose records hold a file. The body is a field of the spec like others, but what a query
 * gives for it is only where it can be read; beside it stand fields that nobody writes and that
 * tell whether two files are the same.
 */
#include <strings.h>

#include "plan_build.h"

static const struct kind {
	const char *object, *body, *size;
	const char *sum, *changed; /* NULL: none */
} kinds[] = {
	{"Attachment", "Body", "BodyLength", NULL, "LastModifiedDate"},
	{"Document", "Body", "BodyLength", NULL, "LastModifiedDate"},
	{"ContentVersion", "VersionData", "ContentSize", "Checksum", NULL},
};

static const struct kind *kind_of(const struct plan_node *node)
{
	for (size_t i = 0; i < OSY_COUNT(kinds); i++) {
		if (strcasecmp(node->source->name, kinds[i].object) == 0 &&
			strcasecmp(node->target->name, kinds[i].object) == 0)
			return &kinds[i];
	}
	return NULL;
}

bool plan_is_body(const struct plan_node *node, const struct osy_sf_field *source)
{
	const struct kind *kind = kind_of(node);

	return kind && source->type == OSY_T_BASE64 && strcasecmp(source->name, kind->body) == 0;
}

/* A field that both orgs have, whether it can be written or not. */
static enum osy_code take(struct plan_build *build, struct plan_node *node, const char *name,
	bool told, struct osy_err *err)
{
	const struct osy_sf_field *source = osy_sf_find_field(node->source, name);
	const struct osy_sf_field *target = osy_sf_find_field(node->target, name);

	if (!source || !target)
		return plan_fail(build, node,
			PLAN_TODO("permission", name, source != NULL,
				"grant our user the right to see it"),
			err,
			"field '%s', without which files cannot be copied, is not seen in org '%s'",
			name, source ? build->target_org : build->source_org);
	if (plan_find(node, name) < 0)
		plan_add_field(build, node, source, target)->told = told;
	return OSY_OK;
}

enum osy_code plan_files(struct plan_build *build, struct plan_node *node, struct osy_err *err)
{
	const struct kind *kind = kind_of(node);

	if (!kind || !node->wants_body || node->template->match_only)
		return OSY_OK;
	enum osy_code rc = take(build, node, kind->body, false, err);
	if (!rc)
		rc = take(build, node, kind->size, true, err);
	if (!rc && kind->sum)
		rc = take(build, node, kind->sum, true, err);
	if (!rc && kind->changed)
		rc = take(build, node, kind->changed, true, err);
	return rc;
}

static int place_of(const struct plan_node *node, const int *place, const char *name)
{
	int index = name ? plan_find(node, name) : -1;

	return index < 0 ? -1 : place[index];
}

const struct osy_spec_file *plan_spec_file(
	struct plan_build *build, const struct plan_node *node, const int *place)
{
	const struct kind *kind = kind_of(node);

	if (!kind || place_of(node, place, kind->body) < 0)
		return NULL;
	struct osy_spec_file *file = osy_arena_calloc(&build->plan->arena, 1, sizeof(*file));
	*file = (struct osy_spec_file){.body = place_of(node, place, kind->body),
		.size = place_of(node, place, kind->size),
		.sum = place_of(node, place, kind->sum),
		.changed = place_of(node, place, kind->changed),
		.document = -1,
		.max_bytes = build->template->file_max_bytes};
	return file;
}
