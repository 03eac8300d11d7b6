/*
 * Records that were deleted in the source, as the scan plans them: for each object of the spec that
 * can be deleted another one behind all stages, children first, that deletes (osy/spec.h).
 */
#include <stdio.h>
#include <strings.h>

#include "children.h"
#include "delta.h"
#include "osy/clock.h"
#include "osy/mem.h"
#include "osy/sf_deleted.h"
#include "osy/sf_query.h"

#define WHERE_MAX 1024
#define DAY_MS (24 * 60 * 60 * 1000LL)
#define SLACK_MS (2 * 60 * 1000LL)

/* ---- Which objects ---- */
static bool has_field(const struct osy_sf_object *source, const char *name)
{
	const struct osy_sf_field *field = osy_sf_find_field(source, name);

	return field && field->filterable;
}

/* Of several legs the first; records that are only matched belong to the target. */
static bool is_deleted_from(struct scan *scan, size_t i)
{
	const struct osy_spec_object *object = &scan->plan.objects[i];
	size_t from = scan->plan.deltas[i].from;

	if (object->match_only)
		return false;
	for (size_t j = 0; j < i; j++) {
		if (strcmp(scan->plan.objects[j].name, object->name) == 0 &&
			strcmp(scan->plan.objects[j].target, object->target) == 0 &&
			!scan->plan.objects[j].match_only)
			return false;
	}
	if (scan->targets[from]->deletable && has_field(scan->sources[from], "IsDeleted"))
		return true;
	osy_plan_notice(&scan->plan,
		"%s: what was deleted stays in the target, because its records %s", object->name,
		scan->targets[from]->deletable ? "do not tell that they are deleted"
					       : "cannot be deleted there");
	return false;
}

/* ---- What is kept of a record before it is deleted: all that can be given to it again ---- */
static bool is_kept(const struct osy_sf_field *field)
{
	return (field->createable || field->updateable) && field->type != OSY_T_BASE64 &&
	       field->type != OSY_T_ADDRESS && field->type != OSY_T_LOCATION &&
	       field->type != OSY_T_COMPLEX && field->type != OSY_T_OTHER;
}

/* Whether the template says that the field holds ids. */
static bool holds_ids(const struct osy_spec_object *main, const char *name)
{
	for (size_t i = 0; i < main->field_count; i++) {
		if (main->fields[i].ids && strcmp(main->fields[i].target, name) == 0)
			return true;
	}
	return false;
}

static void add_fields(struct scan *scan, const struct osy_sf_object *target,
	const struct osy_spec_object *main, struct osy_spec_object *object)
{
	struct osy_spec_field *fields =
		osy_arena_calloc(&scan->plan.arena, target->field_count + 1, sizeof(*fields));
	size_t n = 0;

	for (size_t i = 0; i < target->field_count; i++) {
		const struct osy_sf_field *field = &target->fields[i];
		if (is_kept(field))
			fields[n++] = (struct osy_spec_field){.name = field->name,
				.target = field->name,
				.type = field->type,
				.scale = field->scale,
				.createable = field->createable,
				.updateable = field->updateable,
				.nillable = field->nillable,
				.unique = field->unique,
				.ids = holds_ids(main, field->name)};
	}
	object->fields = fields;
	object->field_count = n;
}

/* ---- One of them ---- */
static void write_where(struct scan *scan, struct osy_spec_object *object, size_t at)
{
	const struct osy_plan_delta *delta = &scan->plan.deltas[at];
	OSY_AUTO(osy_buf_done) struct osy_buf where = OSY_BUF(WHERE_MAX);
	char since[32];

	osy_buf_addz(&where, "IsDeleted = true");
	if (strcasecmp(object->name, "ContentDocumentLink") == 0)
		osy_buf_addf(&where, " AND %s", OSY_PLAN_LINKS_WHERE);
	if (delta->since >= 0) {
		osy_wall_text(delta->since, since);
		osy_buf_addf(&where, " AND %s >= %s", delta->field, since);
	}
	object->where = osy_arena_strndup(&scan->plan.arena, where.p, where.len);
	object->since = delta->since;
}

static enum osy_code no_id(const struct osy_id *id, void *arg, struct osy_err *err)
{
	(void)id;
	(void)arg;
	(void)err;
	return OSY_OK;
}

/* What the recycle bin holds no longer is told for a while, and not of every object. */
static enum osy_code say_limits(
	struct scan *scan, const struct osy_spec_object *object, size_t at, struct osy_err *err)
{
	const struct osy_plan_delta *delta = &scan->plan.deltas[at];
	int64_t least = 0, most = 0, earliest = -1;
	char text[32];

	if (delta->since < 0)
		return OSY_OK;
	if (!scan->sources[delta->from]->replicateable) {
		osy_plan_notice(&scan->plan,
			"%s: deletes are known as long as the recycle bin holds them, since it is "
			"not replicateable",
			object->name);
		return OSY_OK;
	}
	osy_org_clock(scan->drive->source, &least, &most);
	int64_t now = osy_wall_ms() + most;
	int64_t from = now - OSY_SF_DELETED_DAYS * DAY_MS + SLACK_MS;
	enum osy_code rc = osy_sf_deleted(scan->drive->source, object->name, now - 2 * SLACK_MS,
		now + SLACK_MS, no_id, NULL, &earliest, err);
	if (rc == OSY_E_SALESFORCE && err->cls != OSY_RETRY) {
		*err = OSY_ERR_NONE;
		rc = OSY_OK;
	}
	if (rc)
		return rc;
	earliest = earliest > from ? earliest : from;
	if (delta->since >= earliest)
		return OSY_OK;
	osy_wall_text(earliest, text);
	osy_plan_notice(&scan->plan,
		"%s: what was deleted before %s and has left the recycle bin since is not known to "
		"the org any more, and stays in the target",
		object->name, text);
	return OSY_OK;
}

static enum osy_code count_deleted(
	struct scan *scan, struct osy_spec_object *object, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(4096), path = OSY_BUF(16384);
	OSY_AUTO(osy_json_free_at) struct osy_json *reply = NULL;

	osy_buf_addf(&soql, "SELECT COUNT() FROM %s WHERE %s", object->name, object->where);
	osy_soql_path(osy_buf_str(&soql), true, &path);
	enum osy_code rc = osy_sf_get(scan->drive->source, path.p, &reply, err);
	if (!rc)
		object->selected = osy_json_get_i64(reply, "totalSize", 0);
	return rc;
}

static void add_object(struct scan *scan, size_t i)
{
	struct osy_spec *spec = &scan->plan.spec;
	const struct osy_spec_object *of = &scan->plan.objects[i];
	size_t at = spec->object_count++, from = scan->plan.deltas[i].from;
	struct osy_spec_object *object = &scan->plan.objects[at];

	*object = (struct osy_spec_object){.index = (int)at,
		.name = of->name,
		.target = of->target,
		.stage = of->stage, /* for the time being */
		.deletes = true,
		.batch_size = of->batch_size,
		.lanes = 1,
		.lock_field = -1,
		.order_field = -1,
		.waiting_of = -1,
		.waiting_leg = -1,
		.person_field = -1,
		.target_count = of->target_count};
	memcpy(object->prefix, of->prefix, sizeof(object->prefix));
	memcpy(object->target_prefix, of->target_prefix, sizeof(object->target_prefix));
	add_fields(scan, scan->targets[from], of, object);
	scan->plan.deltas[at] =
		(struct osy_plan_delta){.from = from, .deletes = true, .since = -1, .mark = -1};
}

/* Once it is known since when. */
static enum osy_code ask_object(
	struct scan *scan, size_t at, struct osy_children_known **known, struct osy_err *err)
{
	struct osy_spec_object *object = &scan->plan.objects[at];
	struct osy_spec_child *children = NULL;
	enum osy_code rc = osy_children_find(scan->drive, scan->targets[scan->plan.deltas[at].from],
		&scan->plan.spec, &scan->plan.arena, known, &children, &object->child_count, err);

	object->children = children;
	if (rc)
		return rc;
	write_where(scan, object, at);
	rc = say_limits(scan, object, at, err);
	return rc ? rc : count_deleted(scan, object, err);
}

/* Behind the last stage, those of the last one first; stages without any are left out. */
static void place(struct scan *scan, size_t first)
{
	struct osy_spec *spec = &scan->plan.spec;
	int stages = spec->stages;

	for (int stage = spec->stages; stage >= 1; stage--) {
		bool any = false;
		for (size_t i = first; i < spec->object_count; i++) {
			struct osy_spec_object *object = &scan->plan.objects[i];
			if (object->stage != stage)
				continue;
			any = true;
			object->stage = stages + 1;
		}
		stages += any;
	}
	spec->stages = stages;
}

enum osy_code osy_delta_deletes(struct scan *scan, struct osy_err *err)
{
	size_t count = scan->plan.spec.object_count;
	struct osy_children_known *known = NULL;

	if (!scan->template->include_deleted)
		return OSY_OK;
	for (size_t i = 0; i < count; i++) {
		if (is_deleted_from(scan, i))
			add_object(scan, i);
	}
	enum osy_code rc = osy_delta_plan(scan, count, err);
	for (size_t i = count; !rc && i < scan->plan.spec.object_count; i++)
		rc = ask_object(scan, i, &known, err);
	if (!rc)
		place(scan, count);
	scan->plan.spec.revives = true;
	return rc;
}
