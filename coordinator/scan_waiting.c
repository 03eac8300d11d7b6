/*
 * Records that wait for a parent since earlier runs of the template between these orgs: each object
 * that has some gets a leg, which reads them by their ids, and its query leaves them out. So they
 * are read once, whatever the filter selects by now.
 */
#include "scan.h"

#include <strings.h>

#define MOST 1000000 /* ids of a run's list */

static bool may_wait(const struct osy_spec_object *object)
{
	for (size_t i = 0; i < object->field_count; i++) {
		if (object->fields[i].missing == OSY_MISSING_WAIT)
			return true;
	}
	return false;
}

/* All legs of an object leave its waiting records out; the last one is as good as any to copy. */
static void add_leg(struct scan *scan, struct osy_str name, struct osy_str target, int64_t count)
{
	struct osy_plan *plan = &scan->plan;
	size_t last = plan->spec.object_count, n = last;

	for (size_t i = 0; i < n; i++) {
		struct osy_spec_object *object = &plan->objects[i];
		if (!osy_str_is(name, object->name) || !osy_str_is(target, object->target))
			continue;
		object->waits = true;
		if (object->levels) /* they are among the ids of its levels */
			continue;
		object->waiting_leg = count ? (int)n : -1;
		last = object->person_contact ? last : i;
	}
	if (last < n && count)
		osy_plan_add_waiting(plan, last, count < MOST ? count : MOST);
}

enum osy_code scan_waiting(struct scan *scan, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	enum osy_code rc = osy_pg_do(scan->drive->pg, &rows, err,
		"SELECT w.object, w.target, count(DISTINCT w.source_id) FILTER (WHERE w.template = "
		"$3) FROM waiting w JOIN org_pair p ON p.id = w.pair WHERE p.source_org_id = $1 "
		"AND p.target_org_id = $2 AND w.in_run IS NULL GROUP BY w.object, w.target ORDER "
		"BY 1, 2",
		OSY_PG_Z(scan->source.org_id), OSY_PG_Z(scan->target.org_id),
		OSY_PG_Z(scan->template->name));

	if (rc)
		return rc;
	for (size_t i = 0; i < scan->plan.spec.object_count; i++)
		scan->plan.objects[i].waits = may_wait(&scan->plan.objects[i]);
	for (size_t i = 0; i < osy_pg_rows(rows); i++)
		add_leg(scan, osy_pg_str(rows, i, 0), osy_pg_str(rows, i, 1),
			osy_pg_i64(rows, i, 2, 0));
	return OSY_OK;
}

enum osy_code scan_list_waiting(
	struct scan *scan, const struct osy_spec_object *object, struct osy_err *err)
{
	struct osy_drive *drive = scan->drive;

	return osy_pg_do(drive->pg, NULL, err,
		"INSERT INTO run_ids (run, object, chunk, ids) SELECT $1, $2, (n - 1) / 10000, "
		"string_agg(convert_to(id, 'UTF8'), ''::bytea ORDER BY n) FROM (SELECT id, "
		"row_number() OVER (ORDER BY id COLLATE \"C\") AS n FROM (SELECT DISTINCT "
		"left(source_id, 15) AS id FROM waiting WHERE pair = $3 AND template = $4 AND "
		"object = $5 AND target = $6 AND in_run IS NULL) d ORDER BY n LIMIT $7) l GROUP BY "
		"(n - 1) / 10000",
		OSY_PG_Z(drive->run), OSY_PG_I32(object->index), OSY_PG_I32(scan->plan.spec.pair),
		OSY_PG_Z(scan->template->name), OSY_PG_Z(object->name), OSY_PG_Z(object->target),
		OSY_PG_I64(object->limit));
}
