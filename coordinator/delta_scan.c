/* Delta, as the scan plans it: marks, and the filter that each object gets by them. */
#include <stdio.h>

#include "delta.h"
#include "osy/clock.h"
#include "osy/json.h"
#include "osy/mem.h"
#include "soql.h"

#define WHERE_MAX (64u * 1024)

struct asked {
	int64_t since; /* ms; -1: by the marks */
	struct osy_json *doc;
};

static enum osy_code read_asked(struct scan *scan, struct asked *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(scan->drive->pg, &row, err,
		"SELECT since, doc FROM run WHERE id = $1", OSY_PG_Z(scan->drive->run));

	if (rc)
		return rc;
	ret->since = osy_pg_i64(row, 0, 0, -1);
	return osy_json_parse(osy_pg_str(row, 0, 1), "a template", &ret->doc, err);
}

/* ---- What selects and shapes an object's records ---- */
static void add_json(struct osy_buf *text, struct osy_str key, const struct osy_json *value)
{
	osy_buf_add_str(text, key);
	osy_buf_addc(text, '\n');
	osy_json_write(value, false, text);
	osy_buf_addc(text, '\n');
}

/* Deletes do not go by the filter. */
static void hash_object(
	const struct scan *scan, const struct osy_json *doc, size_t i, char ret[OSY_PLAN_HASH])
{
	const struct osy_spec_object *object = &scan->plan.objects[i];
	const struct osy_json *members =
		osy_json_at(osy_json_get(doc, "objects"), scan->plan.deltas[i].from);
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(16u * 1024 * 1024);
	struct osy_json *value;
	struct osy_str key;

	for (size_t m = 0; !object->deletes && osy_json_member(members, m, &key, &value); m++) {
		if (!osy_str_is(key, "api") && !osy_str_is(key, "batchSize") &&
			!osy_str_is(key, "related"))
			add_json(&text, key, value);
	}
	if (!object->deletes)
		add_json(&text, OSY_STR("users"), osy_json_get(doc, "users"));
	osy_buf_addf(&text, "%s %s\n", object->target, object->where ? object->where : "");
	for (size_t f = 0; !object->deletes && f < object->field_count; f++)
		osy_buf_addf(&text, "%s:%s\n", object->fields[f].name, object->fields[f].target);
	(void)snprintf(
		ret, OSY_PLAN_HASH, "%016llx", (unsigned long long)osy_hash(text.p, text.len, 0));
}

/* ---- The field that tells when a record has changed ---- */
static const char *change_field(struct scan *scan, size_t i)
{
	static const char *const names[] = {"SystemModstamp", "LastModifiedDate", "CreatedDate"};
	const struct osy_sf_object *source = scan->sources[scan->plan.deltas[i].from];

	for (size_t n = 0; n < OSY_COUNT(names); n++) {
		const struct osy_sf_field *field = osy_sf_find_field(source, names[n]);
		if (!field || !field->filterable || (n == 2 && source->updateable))
			continue;
		if (n && !scan->plan.deltas[i].deletes)
			osy_plan_notice(&scan->plan,
				"%s has no SystemModstamp; what has changed since is told by %s",
				source->name, names[n]);
		return names[n];
	}
	osy_plan_notice(&scan->plan,
		"%s has no field that tells when a record has changed; it is read as a whole",
		source->name);
	return NULL;
}

/* ---- Marks ---- */
static enum osy_code read_marks(struct scan *scan, struct osy_pg_result **ret, struct osy_err *err)
{
	return osy_pg_do(scan->drive->pg, ret, err,
		"SELECT object, leg, at, hash, deletes FROM mark WHERE source_org_id = $1 AND "
		"target_org_id = $2 AND template = $3",
		OSY_PG_Z(scan->source.org_id), OSY_PG_Z(scan->target.org_id),
		OSY_PG_Z(scan->template->name));
}

/* Of the objects with its name, which one it is. */
static int leg_of(const struct osy_plan *plan, size_t i)
{
	int leg = 0;

	for (size_t j = 0; j < i; j++)
		leg += strcmp(plan->objects[j].name, plan->objects[i].name) == 0 &&
		       plan->deltas[j].deletes == plan->deltas[i].deletes;
	return leg;
}

static void find_mark(struct scan *scan, const struct osy_pg_result *marks, size_t i)
{
	struct osy_plan_delta *delta = &scan->plan.deltas[i];
	const char *name = scan->plan.objects[i].name;

	for (size_t row = 0; row < osy_pg_rows(marks); row++) {
		if (!osy_str_is(osy_pg_str(marks, row, 0), name) ||
			osy_pg_i64(marks, row, 1, -1) != delta->leg ||
			(osy_pg_i64(marks, row, 4, 0) != 0) != delta->deletes)
			continue;
		if (osy_str_is(osy_pg_str(marks, row, 3), delta->hash))
			delta->mark = osy_pg_i64(marks, row, 2, -1);
		else
			osy_plan_notice(&scan->plan,
				"the template's %s has changed since the last run; it is read as a "
				"whole",
				name);
	}
}

static void restrict_object(struct scan *scan, size_t i)
{
	struct osy_spec_object *object = &scan->plan.objects[i];
	struct osy_plan_delta *delta = &scan->plan.deltas[i];
	OSY_AUTO(osy_buf_done) struct osy_buf where = OSY_BUF(WHERE_MAX);
	char since[32];

	osy_wall_text(delta->since, since);
	if (object->where) {
		osy_soql_nest(object->where, &where);
		osy_buf_addz(&where, " AND ");
	}
	osy_buf_addf(&where, "%s >= %s", delta->field, since);
	object->where = osy_arena_strndup(&scan->plan.arena, where.p, where.len);
}

static void plan_object(
	struct scan *scan, const struct asked *asked, const struct osy_pg_result *marks, size_t i)
{
	struct osy_plan_delta *delta = &scan->plan.deltas[i];
	int64_t overlap = (int64_t)scan->template->delta_overlap_minutes * 60000;

	delta->leg = leg_of(&scan->plan, i);
	delta->field = change_field(scan, i);
	if (!delta->field)
		return;
	hash_object(scan, asked->doc, i, delta->hash);
	find_mark(scan, marks, i);
	if (asked->since >= 0) {
		delta->since = asked->since;
		/* what lies between the mark and that moment is not read */
		delta->moves = delta->mark >= 0 && asked->since <= delta->mark;
	} else {
		delta->since = delta->mark < 0	       ? -1
			       : delta->mark > overlap ? delta->mark - overlap
						       : 0;
		delta->moves = true;
	}
	if (delta->since >= 0 && !delta->deletes)
		restrict_object(scan, i);
}

enum osy_code osy_delta_plan(struct scan *scan, size_t first, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *marks = NULL;
	struct asked asked = {.since = -1};

	if (!scan->template->delta_sync)
		return OSY_OK;
	enum osy_code rc = read_asked(scan, &asked, err);
	if (!rc)
		rc = read_marks(scan, &marks, err);
	for (size_t i = first; !rc && i < scan->plan.spec.object_count; i++)
		plan_object(scan, &asked, marks, i);
	osy_json_free(asked.doc);
	if (!rc)
		scan->plan.spec.delta = true;
	return rc;
}

static struct osy_pg_param moment(int64_t ms)
{
	return ms < 0 ? OSY_PG_NULL : OSY_PG_I64(ms);
}

enum osy_code osy_delta_write(struct scan *scan, struct osy_err *err)
{
	struct osy_drive *drive = scan->drive;
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; !rc && i < scan->plan.spec.object_count; i++) {
		const struct osy_plan_delta *delta = &scan->plan.deltas[i];
		const struct osy_spec_object *object = &scan->plan.objects[i];
		rc = osy_pg_do(drive->pg, NULL, err,
			"UPDATE run_object SET leg = $3, since = to_timestamp($4::bigint / "
			"1000.0), mark_from = to_timestamp($5::bigint / 1000.0), mark_hash = $6, "
			"mark_limit = $7::bigint, deletes = $8 WHERE run = $1 AND object = $2",
			OSY_PG_Z(drive->run), OSY_PG_I32(object->index), OSY_PG_I32(delta->leg),
			moment(delta->since), moment(delta->mark),
			delta->moves ? OSY_PG_Z(delta->hash) : OSY_PG_NULL,
			object->limit ? OSY_PG_I64(object->limit) : OSY_PG_NULL,
			OSY_PG_BOOL(delta->deletes));
	}
	return rc;
}
