#include <stdlib.h>
#include <strings.h>

#include "children.h"
#include "related_internal.h"
#include "soql.h"

#define NOTES_MAX 500
#define TEXT_MAX (64u * 1024)
#define NONE ((size_t)-1)

void related_note(struct related_walk *walk, bool refuses, size_t place, const char *format, ...)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(TEXT_MAX);
	struct osy_related *ret = walk->ret;
	va_list args;

	if (ret->note_count == NOTES_MAX && !refuses)
		return;
	va_start(args, format);
	osy_buf_vaddf(&text, format, args);
	va_end(args);
	ret->notes = osy_xrealloc(ret->notes, (ret->note_count + 1) * sizeof(*ret->notes));
	ret->notes[ret->note_count++] = (struct osy_related_note){
		refuses, place, osy_arena_strndup(&walk->template->arena_, text.p, text.len)};
}

/* ---- Names ---- */
static bool is_in(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* Of lists of "Contact" and "Case.ContactId". */
static bool is_child_in(const struct osy_sf_child *child, const char *const *names, size_t count)
{
	size_t len = strlen(child->object);

	for (size_t i = 0; i < count; i++) {
		if (strncasecmp(names[i], child->object, len) == 0 &&
			(!names[i][len] || (names[i][len] == '.' && strcasecmp(names[i] + len + 1,
									    child->field) == 0)))
			return true;
	}
	return false;
}

static size_t place_of(const struct related_walk *walk, const char *name)
{
	for (size_t i = 0; i < walk->template->object_count; i++) {
		if (strcasecmp(walk->objects[i].name, name) == 0)
			return i;
	}
	return NONE;
}

/* Files and their links come in by rules of their own (template_files.c). */
static bool is_file(const char *name)
{
	static const char *const names[] = {
		"ContentDocument", "ContentDocumentLink", "ContentVersion"};

	return is_in(name, names, OSY_COUNT(names));
}

/* ---- A level's children ---- */
static const struct osy_template_related *related_of(const struct related_walk *walk, size_t place)
{
	return &walk->objects[walk->places[place].root].related;
}

static bool is_wanted(struct related_walk *walk, const struct osy_template_related *related,
	const struct osy_sf_child *child)
{
	const struct osy_template *template = walk->template;
	bool named = is_child_in(child, related->include, related->include_count);

	if (strlen(child->object) > OSY_SOQL_NAME_MAX || strlen(child->field) > OSY_SOQL_NAME_MAX ||
		(related->include_count && !named) ||
		is_child_in(child, related->exclude, related->exclude_count) ||
		(osy_is_shadow(child->object) &&
			!(named && osy_template_is_share(child->object))) ||
		is_file(child->object))
		return false;
	if (named || place_of(walk, child->object) != NONE ||
		!is_in(child->object, template->transactional, template->transactional_count))
		return true;
	return false;
}

/* With the template's defaults. */
static struct osy_template_object new_object(struct related_walk *walk, const char *name)
{
	struct osy_arena *arena = &walk->template->arena_;
	const char *const *none = osy_arena_calloc(arena, 1, sizeof(*none));

	name = osy_arena_strndup(arena, name, strlen(name));
	return (struct osy_template_object){.name = name,
		.target = name,
		.all_fields = true,
		.include = none,
		.exclude = none,
		.insert = true,
		.update = true,
		.select_related = true,
		.batch_size = 200};
}

/* *ret NONE: not to be had. */
static enum osy_code add_object(struct related_walk *walk, size_t parent,
	const struct osy_sf_child *child, bool named, size_t *ret, struct osy_err *err)
{
	size_t place = walk->template->object_count, root = walk->places[parent].root;
	bool usable = false;
	enum osy_code rc = walk->orgs->usable(walk->orgs->arg, child->object, &usable, err);

	*ret = NONE;
	if (rc)
		return rc;
	if (!usable && named)
		related_note(walk, true, root,
			"related.include of %s names %s, whose records cannot be read in the "
			"source or inserted in the target; take it out, or grant our user Read "
			"there and Create here",
			walk->objects[root].name, child->object);
	if (!usable)
		return OSY_OK;
	if (place >= walk->listed + OSY_TEMPLATE_MAX_OBJECTS)
		return osy_fail(err, OSY_E_INVALID,
			"template '%s': related finds more than %d objects; lessen the depth, or "
			"exclude some",
			walk->template->name, OSY_TEMPLATE_MAX_OBJECTS);
	walk->objects[place] = new_object(walk, child->object);
	walk->places[place] = (struct related_place){.root = root, .level = -1};
	walk->template->object_count++;
	*ret = place;
	return OSY_OK;
}

static void add_edge(struct related_walk *walk, size_t parent, size_t place,
	const struct osy_sf_child *child, bool named)
{
	if (walk->edge_count == walk->edge_cap) {
		walk->edge_cap = walk->edge_cap ? walk->edge_cap * 2 : 64;
		walk->edges = osy_xrealloc(walk->edges, walk->edge_cap * sizeof(*walk->edges));
	}
	walk->edges[walk->edge_count++] = (struct related_edge){.parent = parent,
		.child = place,
		.named = named,
		.name = osy_arena_strndup(
			&walk->template->arena_, child->field, strlen(child->field))};
}

static void tell_skipped(struct related_walk *walk, size_t parent, const struct osy_sf_child *child)
{
	const struct osy_template *template = walk->template;

	if (!is_in(child->object, template->transactional, template->transactional_count) ||
		is_in(child->object, walk->skipped, walk->skipped_count) ||
		place_of(walk, child->object) != NONE)
		return;
	walk->skipped =
		osy_xrealloc(walk->skipped, (walk->skipped_count + 1) * sizeof(*walk->skipped));
	walk->skipped[walk->skipped_count++] = child->object;
	related_note(walk, false, walk->places[parent].root,
		"%s is a child of %s, but transactional (options.skipTransactional), and is left "
		"out",
		child->object, walk->objects[parent].name);
}

static enum osy_code gather_child(struct related_walk *walk, size_t parent,
	const struct osy_sf_child *child, struct osy_err *err)
{
	const struct osy_template_related *related = related_of(walk, parent);
	bool named = is_child_in(child, related->include, related->include_count);
	size_t place = place_of(walk, child->object);
	enum osy_code rc = OSY_OK;

	if (!is_wanted(walk, related, child)) {
		if (!related->include_count &&
			!is_child_in(child, related->exclude, related->exclude_count))
			tell_skipped(walk, parent, child);
		return OSY_OK;
	}
	if (place == NONE)
		rc = add_object(walk, parent, child, named, &place, err);
	if (rc || place == NONE || !walk->objects[place].select_related ||
		walk->places[place].level >= 0 || walk->places[place].gone)
		return rc;
	add_edge(walk, parent, place, child, named);
	return OSY_OK;
}

static enum osy_code gather(struct related_walk *walk, int level, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	walk->edges_told = walk->edge_count;
	for (size_t i = 0; i < walk->template->object_count; i++) {
		const struct osy_sf_object *source = walk->ret->sources[i];
		if (walk->places[i].level != level || walk->places[i].gone || !source ||
			related_of(walk, i)->depth <= level)
			continue;
		for (size_t k = 0; !rc && k < source->child_count; k++)
			rc = gather_child(walk, i, &source->children[k], err);
		if (rc)
			return rc;
	}
	return OSY_OK;
}

/* ---- Describes ---- */
static bool is_to_be_asked(const struct related_walk *walk, size_t i)
{
	bool reached = false;

	if (walk->ret->sources[i] || walk->places[i].gone)
		return false;
	if (walk->places[i].level == 0)
		return walk->objects[i].related.depth > 0;
	for (size_t k = walk->edges_told; k < walk->edge_count; k++)
		reached |= walk->edges[k].child == i;
	return reached;
}

static enum osy_code describe(struct related_walk *walk, struct osy_err *err)
{
	size_t count = walk->template->object_count, n = 0;
	OSY_AUTO_FREE const char **names = osy_xcalloc(count + 1, sizeof(*names));
	OSY_AUTO_FREE size_t *places = osy_xcalloc(count + 1, sizeof(*places));
	OSY_AUTO_FREE struct osy_sf_object **found = osy_xcalloc(count + 1, sizeof(*found));

	for (size_t i = 0; i < count; i++) {
		if (!is_to_be_asked(walk, i))
			continue;
		names[n] = walk->objects[i].name;
		places[n++] = i;
	}
	enum osy_code rc = n ? walk->orgs->describe(walk->orgs->arg, names, n, found, err) : OSY_OK;
	for (size_t i = 0; i < n; i++)
		walk->ret->sources[places[i]] = found[i];
	return rc;
}

/* ---- A level's objects ---- */
/* A lookup that is filled by people, and by which one can ask. */
static const struct osy_sf_field *usable_field(
	const struct osy_sf_object *source, const char *name, const char *parent)
{
	const struct osy_sf_field *field = source ? osy_sf_find_field(source, name) : NULL;

	if (!field || field->type != OSY_T_REFERENCE || !field->filterable ||
		(!field->createable && !field->updateable) ||
		!is_in(parent, field->reference_to, field->reference_count))
		return NULL;
	return field;
}

/* What is found is matched as its first parent is, where it has the same external id, or by id. */
static void inherit_match(struct related_walk *walk, size_t place, size_t parent)
{
	struct osy_template_object *object = &walk->objects[place];
	const struct osy_template_object *from = &walk->objects[parent];
	const struct osy_sf_field *field;

	if (place >= walk->listed)
		osy_template_match_share(&walk->template->arena_, object);
	if (place < walk->listed || object->match != OSY_MATCH_NONE)
		return;
	if (from->match == OSY_MATCH_EXTERNAL_ID) {
		field = osy_sf_find_field(walk->ret->sources[place], from->match_fields[0]);
		if (!field || !field->external_id)
			return;
	} else if (from->match != OSY_MATCH_SAME_ID) {
		return;
	}
	object->match = from->match;
	object->match_fields = from->match_fields;
	object->match_count = from->match_count;
}

static void take_level(struct related_walk *walk, int level)
{
	for (size_t k = walk->edges_told; k < walk->edge_count; k++) {
		struct related_edge *edge = &walk->edges[k];
		edge->field = usable_field(walk->ret->sources[edge->child], edge->name,
			walk->objects[edge->parent].name);
		if (!edge->field)
			continue;
		walk->places[edge->child].level = level;
		walk->places[edge->child].root = walk->places[edge->parent].root;
		inherit_match(walk, edge->child, edge->parent);
	}
	for (size_t i = 0; i < walk->template->object_count; i++) {
		if (walk->places[i].level == level)
			related_select(walk, i);
	}
}

/* ---- The end ---- */
/* What was found and left out leaves the template. */
static void drop_gone(struct related_walk *walk)
{
	size_t kept = walk->listed;

	for (size_t i = walk->listed; i < walk->template->object_count; i++) {
		if (walk->places[i].gone || walk->places[i].level < 0) {
			osy_sf_object_free(walk->ret->sources[i]);
			continue;
		}
		walk->objects[kept] = walk->objects[i];
		walk->ret->sources[kept++] = walk->ret->sources[i];
	}
	for (size_t i = kept; i < walk->template->object_count; i++)
		walk->ret->sources[i] = NULL;
	walk->template->object_count = kept;
}

/* Whether a name of an include list was found anywhere below its root. */
static bool is_found(const struct related_walk *walk, size_t root, const char *name)
{
	for (size_t k = 0; k < walk->edge_count; k++) {
		const struct related_edge *edge = &walk->edges[k];
		struct osy_sf_child child = {
			walk->objects[edge->child].name, edge->name, false, false};
		if (walk->places[edge->parent].root == root && edge->field &&
			is_child_in(&child, &name, 1))
			return true;
	}
	return false;
}

static void tell_not_found(struct related_walk *walk, size_t root, const char *name)
{
	const struct osy_sf_object *source = walk->ret->sources[root];
	OSY_AUTO_FREE const char **names = osy_xcalloc(source->child_count + 1, sizeof(*names));

	for (size_t i = 0; i < source->child_count; i++)
		names[i] = source->children[i].object;
	const char *near = osy_nearest(name, names, source->child_count);
	related_note(walk, true, root,
		"related.include of %s names %s, which is no child of its records within the "
		"depth of %d (or is listed without select: related)%s%s%s; correct or take it out",
		walk->objects[root].name, name, walk->objects[root].related.depth,
		near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static void tell_unreached(struct related_walk *walk)
{
	for (size_t i = 0; i < walk->listed; i++) {
		const struct osy_template_object *object = &walk->objects[i];
		if (object->select_related && walk->places[i].level < 0)
			related_note(walk, true, i,
				"%s has select: related, but no object's related leads to it; "
				"raise a depth, include it there, or select it by a filter of its "
				"own",
				object->name);
		for (size_t k = 0; walk->ret->sources[i] && k < object->related.include_count;
			k++) {
			if (!is_found(walk, i, object->related.include[k]))
				tell_not_found(walk, i, object->related.include[k]);
		}
	}
}

static void begin(struct related_walk *walk)
{
	struct osy_template *template = walk->template;
	size_t most = template->object_count + OSY_TEMPLATE_MAX_OBJECTS + 1;

	walk->listed = template->object_count;
	walk->objects = osy_arena_calloc(&template->arena_, most, sizeof(*walk->objects));
	memcpy(walk->objects, template->objects, walk->listed * sizeof(*walk->objects));
	walk->places = osy_xcalloc(most, sizeof(*walk->places));
	for (size_t i = 0; i < walk->listed; i++)
		walk->places[i] = (struct related_place){
			.root = i, .level = walk->objects[i].select_related ? -1 : 0};
	template->objects = walk->objects;
	walk->ret->sources = osy_xcalloc(most, sizeof(*walk->ret->sources));
}

enum osy_code osy_related_find(struct osy_template *template, const struct osy_related_orgs *orgs,
	struct osy_related *ret, struct osy_err *err)
{
	struct related_walk walk = {.template = template, .orgs = orgs, .ret = ret};
	size_t before;

	*ret = (struct osy_related){0};
	begin(&walk);
	enum osy_code rc = describe(&walk, err);
	for (int level = 0; !rc; level++) {
		before = walk.edge_count;
		rc = gather(&walk, level, err);
		if (!rc && walk.edge_count == before)
			break;
		if (!rc)
			rc = describe(&walk, err);
		if (!rc)
			take_level(&walk, level + 1);
	}
	if (!rc)
		tell_unreached(&walk);
	drop_gone(&walk);
	free(walk.places);
	free(walk.edges);
	free(walk.skipped);
	return rc;
}

void osy_related_done(struct osy_related *related)
{
	free(related->sources);
	free(related->notes);
}
