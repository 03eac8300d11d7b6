/*
 * The hierarchy: each object below one parent, the one that has selected it, else the one that its
 * writes lock, else the first that its lookups name, and that is not below it. And the lookups by
 * which records of an object are below others of the same object.
 */
#include <strings.h>

#include "osy/json_write.h"
#include "scan.h"

struct branch {
	const char *name;
	const struct osy_template_object *template;
	int parent; /* index of a branch; -1: none */
	const char *field;
	int stage; /* the first */
	int64_t selected;
};

static int find(const struct branch *branches, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(branches[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

/* Objects that are in the plan in several legs are one branch. */
static size_t gather(const struct scan *scan, struct branch *branches)
{
	size_t count = 0;

	for (size_t i = 0; i < scan->plan.spec.object_count; i++) {
		const struct osy_spec_object *object = &scan->plan.objects[i];
		if (object->deletes || object->person_contact)
			continue;
		int at = find(branches, count, object->name);
		if (at < 0) {
			at = (int)count++;
			branches[at] = (struct branch){.name = object->name,
				.template = &scan->template->objects[scan->plan.deltas[i].from],
				.parent = -1,
				.stage = object->stage};
		}
		branches[at].selected += object->selected;
	}
	return count;
}

static bool take_parent(
	const struct branch *branches, struct branch *branch, int parent, const char *field)
{
	int above = parent;

	while (above >= 0 && &branches[above] != branch)
		above = branches[above].parent;
	if (parent < 0 || above >= 0)
		return false;
	branch->parent = parent;
	branch->field = field;
	return true;
}

static bool take_lookup(const struct scan *scan, const struct branch *branches, size_t count,
	struct branch *branch, const struct osy_spec_field *field)
{
	for (size_t i = 0; !field->link && i < field->parent_count; i++) {
		int parent = find(branches, count, scan->plan.objects[field->parents[i]].name);
		if (parent >= 0 && branches[parent].stage < branch->stage &&
			take_parent(branches, branch, parent, field->name))
			return true;
	}
	return false;
}

static void place(
	const struct scan *scan, const struct branch *branches, size_t count, struct branch *branch)
{
	const struct osy_spec_object *object = scan->plan.objects;

	if (branch->template->related_parent) {
		take_parent(branches, branch,
			find(branches, count, branch->template->related_parent),
			branch->template->related_field);
		return;
	}
	while (strcasecmp(object->name, branch->name) != 0)
		object++;
	if (object->lock_field >= 0 &&
		take_lookup(scan, branches, count, branch, &object->fields[object->lock_field]))
		return;
	for (size_t f = 0; f < object->field_count; f++) {
		if (take_lookup(scan, branches, count, branch, &object->fields[f]))
			return;
	}
}

static bool is_within(
	const struct scan *scan, const struct branch *branch, const struct osy_spec_field *field)
{
	for (size_t i = 0; i < field->parent_count; i++) {
		if (strcasecmp(scan->plan.objects[field->parents[i]].name, branch->name) == 0)
			return true;
	}
	return false;
}

static void write_within(
	const struct scan *scan, const struct branch *branch, struct osy_json_writer *w)
{
	const struct osy_spec_object *object = scan->plan.objects;

	while (strcasecmp(object->name, branch->name) != 0)
		object++;
	osy_jw_key(w, "within");
	osy_jw_array(w);
	for (size_t f = 0; f < object->field_count; f++) {
		if (is_within(scan, branch, &object->fields[f]))
			osy_jw_str(w, osy_str(object->fields[f].name));
	}
	osy_jw_array_end(w);
}

static void write_branch(const struct scan *scan, const struct branch *branches,
	const struct branch *branch, int level, struct osy_json_writer *w)
{
	osy_jw_object(w);
	osy_jw_put_str(w, "object", osy_str(branch->name));
	osy_jw_put_str(w, "parent",
		branch->parent < 0 ? OSY_STR_NULL : osy_str(branches[branch->parent].name));
	osy_jw_put_str(w, "field", branch->parent < 0 ? OSY_STR_NULL : osy_str(branch->field));
	osy_jw_put_i64(w, "level", level);
	osy_jw_put_i64(w, "selected", branch->selected);
	osy_jw_put_bool(w, "related", branch->template->related_parent != NULL);
	write_within(scan, branch, w);
	osy_jw_object_end(w);
}

/* Those below parent, each before its own children. */
static void write_below(const struct scan *scan, const struct branch *branches, size_t count,
	int parent, int level, struct osy_json_writer *w)
{
	for (size_t i = 0; i < count; i++) {
		if (branches[i].parent != parent)
			continue;
		write_branch(scan, branches, &branches[i], level, w);
		write_below(scan, branches, count, (int)i, level + 1, w);
	}
}

void scan_hierarchy(const struct scan *scan, struct osy_json_writer *w)
{
	OSY_AUTO_FREE struct branch *branches =
		osy_xcalloc(scan->plan.spec.object_count + 1, sizeof(*branches));
	size_t count = gather(scan, branches);

	for (size_t i = 0; i < count; i++)
		place(scan, branches, count, &branches[i]);
	osy_jw_key(w, "hierarchy");
	osy_jw_array(w);
	write_below(scan, branches, count, -1, 0, w);
	osy_jw_array_end(w);
}
