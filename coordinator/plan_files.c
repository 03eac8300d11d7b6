/*
 * Objects whose records hold a file. The body is a field of the spec like others, but what a query
 * gives for it is only where it can be read; beside it stand fields that nobody writes and that
 * tell whether two files are the same.
 */
#include <strings.h>

#include "plan_build.h"
#include "soql.h"

static const struct kind {
	const char *object, *body;
	const char *size, *sum, *changed; /* NULL: none */
} kinds[] = {
	{"Attachment", "Body", "BodyLength", NULL, "LastModifiedDate"},
	{"Document", "Body", "BodyLength", NULL, "LastModifiedDate"},
	{"ContentVersion", "VersionData", "ContentSize", "Checksum", NULL},
	{"QuoteDocument", "Document", NULL, NULL, "LastModifiedDate"},
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

static const struct osy_template_object *versions_of(const struct osy_template *template)
{
	for (size_t i = 0; i < template->object_count; i++) {
		if (strcasecmp(template->objects[i].name, "ContentVersion") == 0)
			return &template->objects[i];
	}
	return NULL;
}

/* The org keeps the body of such a record in a file that it makes itself. */
static void tell_of_versions(struct plan_build *build, const struct plan_node *node)
{
	const struct osy_template_object *versions = versions_of(build->template);

	if (versions && !versions->match_only && !versions->where)
		plan_note(build, node, PLAN_AT("object", NULL, false), false,
			"the org keeps the file of each QuoteDocument as a ContentVersion of its "
			"own: those of the source are copied as well, beside those that the target "
			"makes; leave them out by a filter (where) of ContentVersion");
}

enum osy_code plan_files(struct plan_build *build, struct plan_node *node, struct osy_err *err)
{
	const struct kind *kind = kind_of(node);

	if (!kind || !node->wants_body || node->template->match_only)
		return OSY_OK;
	enum osy_code rc = take(build, node, kind->body, false, err);
	if (!rc && kind->size)
		rc = take(build, node, kind->size, true, err);
	if (!rc && kind->sum)
		rc = take(build, node, kind->sum, true, err);
	if (!rc && kind->changed)
		rc = take(build, node, kind->changed, true, err);
	if (!kind->size)
		tell_of_versions(build, node);
	return rc;
}

/* ---- Versions, documents, links ---- */
static bool is_object(const struct plan_node *node, const char *name)
{
	return strcasecmp(node->source->name, name) == 0;
}

/* Documents of the versions that are read. */
static void add_documents(const struct osy_template *template, struct osy_buf *out)
{
	const struct osy_template_object *versions = versions_of(template);
	const char *where = versions ? versions->where : NULL;

	if (!versions) {
		osy_buf_addz(out, "SELECT Id FROM ContentDocument");
		return;
	}
	osy_buf_addz(out, "SELECT ContentDocumentId FROM ContentVersion");
	if (!template->all_versions || where)
		osy_buf_addz(out, " WHERE ");
	if (!template->all_versions)
		osy_buf_addf(out, "IsLatest = true%s", where ? " AND " : "");
	if (where)
		osy_soql_nest(where, out);
}

const char *plan_file_where(struct plan_build *build, const struct plan_node *node)
{
	OSY_AUTO(osy_buf_done) struct osy_buf where = OSY_BUF(64 * 1024);

	if (is_object(node, "ContentVersion") && !build->template->all_versions)
		return "IsLatest = true";
	if (is_object(node, "ContentDocument")) {
		osy_buf_addz(&where, "Id IN (");
	} else if (is_object(node, "ContentDocumentLink")) {
		/* each file is linked to its owner by the org itself */
		if (!build->template->users.on)
			osy_buf_addz(&where, "LinkedEntity.Type != 'User' AND ");
		osy_buf_addz(&where, "ContentDocumentId IN (");
	} else {
		return osy_template_is_share(node->source->name) ? "RowCause = 'Manual'"
								 : node->leg_where;
	}
	add_documents(build->template, &where);
	osy_buf_addz(&where, ")");
	return osy_arena_strndup(&build->plan->arena, where.p, where.len);
}

static int place_of(const struct plan_node *node, const int *place, const char *name)
{
	int index = name ? plan_find(node, name) : -1;

	return index < 0 ? -1 : place[index];
}

static int document_of(const struct plan_node *node, const int *place)
{
	for (size_t i = 0; i < node->field_count; i++) {
		if (node->fields[i].document && !node->fields[i].dropped)
			return place[i];
	}
	return -1;
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
		.document = document_of(node, place),
		.max_bytes = build->template->file_max_bytes,
		.all = build->template->all_versions,
		.verify = build->template->file_verify};
	return file;
}

const char *osy_plan_target_where(const struct osy_spec_object *object)
{
	return strcasecmp(object->target, "ContentDocumentLink") == 0 ? OSY_PLAN_LINKS_WHERE : NULL;
}

bool osy_plan_target_grows(const struct osy_spec_object *object)
{
	return strcasecmp(object->target, "ContentDocumentLink") == 0 ||
	       strcasecmp(object->target, "ContentDocument") == 0;
}
