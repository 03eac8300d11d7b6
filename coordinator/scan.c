#include "scan.h"

#include "delta.h"
#include "gate.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/failpoint.h"
#include "osy/idmap.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "read.h"

enum osy_code scan_may_go_on(struct scan *scan, struct osy_err *err)
{
	enum osy_code rc = osy_drive_wait(scan->drive, 0, err);

	if (!rc)
		rc = osy_drive_load(scan->drive, err);
	if (!rc && scan->drive->wants_abort)
		return osy_fail(err, OSY_E_STATE, "run %s is to be aborted", scan->drive->run);
	return rc;
}

static enum osy_code load_template(struct scan *scan, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(scan->drive->pg, &row, err,
		"SELECT doc, coalesce(o.version, 0), o.objects FROM run LEFT JOIN LATERAL (SELECT "
		"version, objects FROM run_order WHERE run = id ORDER BY version DESC LIMIT 1) o "
		"ON true WHERE id = $1",
		OSY_PG_Z(scan->drive->run));

	if (rc)
		return rc;
	if (osy_pg_rows(row) == 0)
		return osy_fail(err, OSY_E_FENCED, "run %s is gone", scan->drive->run);
	rc = osy_template_read(osy_pg_str(row, 0, 0), &scan->template, err);
	scan->order_version = (int)osy_pg_i64(row, 0, 1, 0);
	if (!rc && !osy_pg_is_null(row, 0, 2))
		rc = osy_template_give_order(scan->template, osy_pg_str(row, 0, 2), err);
	return rc;
}

static enum osy_code keep_identity(struct osy_drive *drive, const char *name,
	const struct osy_org_identity *identity, struct osy_err *err)
{
	return osy_pg_do(drive->pg, NULL, err,
		"UPDATE org SET org_id = $2, display_name = $3, organization_type = $4, is_sandbox "
		"= $5, instance_name = $6 WHERE name = $1 AND (org_id IS DISTINCT FROM $2 OR "
		"display_name IS DISTINCT FROM $3 OR instance_name IS DISTINCT FROM $6)",
		OSY_PG_Z(name), OSY_PG_Z(identity->org_id), OSY_PG_Z(identity->name),
		OSY_PG_Z(identity->organization_type), OSY_PG_BOOL(identity->is_sandbox),
		OSY_PG_Z(identity->instance_name));
}

static enum osy_code identify(struct scan *scan, struct osy_err *err)
{
	struct osy_drive *drive = scan->drive;
	enum osy_code rc = osy_drive_orgs(drive, err);

	if (!rc)
		rc = osy_org_identify(drive->source, &scan->source, err);
	if (!rc)
		rc = osy_org_identify(drive->target, &scan->target, err);
	if (rc)
		return rc;
	if (strncmp(scan->source.org_id, scan->target.org_id, 15) == 0)
		return osy_fail(err, OSY_E_INVALID,
			"source '%s' and target '%s' are the same org (%s); a run needs two",
			drive->source_name, drive->target_name, scan->source.org_id);
	rc = keep_identity(drive, drive->source_name, &scan->source, err);
	return rc ? rc : keep_identity(drive, drive->target_name, &scan->target, err);
}

/* A record's query must fit into a URL. */
static enum osy_code check_queries(struct scan *scan, struct osy_err *err)
{
	for (size_t i = 0; i < scan->plan.spec.object_count; i++) {
		const struct osy_spec_object *object = &scan->plan.objects[i];
		if (!osy_read_fits(object))
			return osy_fail(err, OSY_E_INVALID,
				"template '%s', object %s: the query with its %zu fields and "
				"filter is longer than the org takes; exclude fields or shorten "
				"the filter",
				scan->template->name, object->name, object->field_count);
	}
	return OSY_OK;
}

static enum osy_code shape_idmaps(struct scan *scan, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	struct osy_drive *drive = scan->drive;
	struct osy_spec *spec = &scan->plan.spec;
	enum osy_code rc = osy_idmap_pair(
		drive->pg, spec->source_org_id, spec->target_org_id, &spec->pair, err);

	if (!rc)
		rc = osy_pg_do(drive->pg, &row, err,
			"SELECT count(*) FROM run WHERE pair = $1 AND id <> $2 AND state IN ('Sync "
			"In Progress', 'Paused', 'Rollback', 'Rollback Started')",
			OSY_PG_I32(spec->pair), OSY_PG_Z(drive->run));
	if (rc)
		return rc;
	bool grow = osy_pg_i64(row, 0, 0, 1) == 0;
	for (size_t i = 0; !rc && i < spec->object_count; i++) {
		const struct osy_spec_object *object = &spec->objects[i];
		int64_t expected = 0;
		for (size_t j = 0; j < spec->object_count; j++) {
			if (strcmp(spec->objects[j].name, object->name) == 0)
				expected += spec->objects[j].selected;
		}
		rc = osy_idmap_shape(drive->pg, spec->pair, object->prefix, object->target_prefix,
			object->name, object->target, expected, grow, err);
	}
	return rc;
}

static enum osy_code write_objects(struct scan *scan, struct osy_err *err)
{
	struct osy_drive *drive = scan->drive;
	enum osy_code rc = osy_pg_do(drive->pg, NULL, err, "DELETE FROM run_object WHERE run = $1",
		OSY_PG_Z(drive->run));

	if (!rc)
		rc = osy_pg_do(drive->pg, NULL, err, "DELETE FROM run_ids WHERE run = $1",
			OSY_PG_Z(drive->run));
	for (size_t i = 0; !rc && i < scan->plan.spec.object_count; i++) {
		const struct osy_spec_object *object = &scan->plan.objects[i];
		rc = osy_pg_do(drive->pg, NULL, err,
			"INSERT INTO run_object (run, object, name, target_name, stage, selected, "
			"waiting_of) VALUES ($1, $2, $3, $4, $5, $6, nullif($7::int, -1))",
			OSY_PG_Z(drive->run), OSY_PG_I32(object->index), OSY_PG_Z(object->name),
			OSY_PG_Z(object->target), OSY_PG_I32(osy_spec_object_last(object)),
			OSY_PG_I64(object->selected), OSY_PG_I32(object->waiting_of));
		if (!rc && object->waiting_of >= 0)
			rc = scan_list_waiting(scan, object, err);
		if (!rc && object->levels)
			rc = scan_list_levels(scan, object, err);
	}
	return rc;
}

static enum osy_code write_run(struct scan *scan, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done)
	struct osy_buf spec = OSY_BUF(64 * 1024 * 1024), report = OSY_BUF(16 * 1024 * 1024);
	struct osy_drive *drive = scan->drive;
	int64_t source_calls, target_calls;

	osy_spec_write(&scan->plan.spec, &spec);
	scan_report(scan, &report);
	osy_drive_calls(drive, &source_calls, &target_calls);
	return osy_pg_do(drive->pg, NULL, err,
		"UPDATE run SET spec = $2, scan = $3, pair = $4, problem = NULL, source_calls = "
		"source_calls + $5, target_calls = target_calls + $6, state = CASE WHEN wanted = "
		"'start' THEN 'Sync In Progress' ELSE 'Scanned' END, started_at = CASE WHEN wanted "
		"= 'start' THEN now() END, first_started_at = CASE WHEN wanted = 'start' THEN "
		"coalesce(first_started_at, now()) ELSE first_started_at END, phase = "
		"'Initializing', open_stage = 0, published = false, wanted = CASE WHEN wanted = "
		"'abort' THEN wanted END, order_version = $7 WHERE id = $1",
		OSY_PG_Z(drive->run), OSY_PG_TEXT(osy_buf_str(&spec)),
		OSY_PG_TEXT(osy_buf_str(&report)), OSY_PG_I32(scan->plan.spec.pair),
		OSY_PG_I64(source_calls), OSY_PG_I64(target_calls),
		OSY_PG_I32(scan->order_version));
}

static enum osy_code write_down(struct scan *scan, struct osy_err *err)
{
	enum osy_code rc = osy_drive_begin(scan->drive, err);

	if (rc)
		return rc;
	rc = write_objects(scan, err);
	if (!rc)
		rc = osy_delta_write(scan, err);
	if (!rc)
		rc = write_run(scan, err);
	if (!rc)
		return osy_drive_commit(scan->drive, err);
	osy_pg_rollback(scan->drive->pg);
	return rc;
}

static void fill_spec(struct scan *scan)
{
	struct osy_spec *spec = &scan->plan.spec;

	(void)snprintf(spec->run, sizeof(spec->run), "%s", scan->drive->run);
	memcpy(spec->source_org_id, scan->source.org_id, sizeof(spec->source_org_id));
	memcpy(spec->target_org_id, scan->target.org_id, sizeof(spec->target_org_id));
	memcpy(spec->target_user_id, scan->target.user_id, sizeof(spec->target_user_id));
}

static enum osy_code may_ask(struct scan *scan, const char *source_org_id,
	const char *target_org_id, struct osy_err *err)
{
	return osy_gate_scan(scan->drive, scan->template->api_reserve_percent,
		scan->template->object_count, source_org_id, target_org_id, err);
}

static enum osy_code do_scan(struct scan *scan, struct osy_err *err)
{
	struct osy_drive *drive = scan->drive;
	enum osy_code rc = load_template(scan, err);

	if (!rc)
		rc = may_ask(scan, NULL, NULL, err);
	if (!rc)
		rc = identify(scan, err);
	if (!rc)
		rc = may_ask(scan, scan->source.org_id, scan->target.org_id, err);
	if (!rc)
		rc = scan_related(scan, err);
	if (!rc)
		rc = scan_describe(scan, err);
	if (!rc)
		rc = osy_plan_build(&scan->plan, scan->template, scan->sources, scan->targets,
			drive->source_name, drive->target_name, err);
	if (!rc)
		scan_tell_related(scan);
	if (!rc && OSY_FAILPOINT("coordinator.plan"))
		rc = osy_fail(err, OSY_E_UNREACHABLE, "failpoint coordinator.plan");
	if (!rc)
		rc = osy_delta_plan(scan, 0, err);
	if (!rc)
		rc = check_queries(scan, err);
	if (!rc)
		rc = scan_count(scan, err);
	if (!rc)
		rc = scan_currency(scan, err);
	if (!rc)
		rc = scan_waiting(scan, err);
	if (!rc)
		rc = scan_levels(scan, err);
	if (rc)
		return rc;
	fill_spec(scan);
	rc = scan_api(scan, err);
	if (!rc)
		rc = osy_delta_deletes(scan, err);
	if (rc)
		return rc;
	osy_plan_lanes(&scan->plan, scan->template->lanes);
	rc = shape_idmaps(scan, err);
	return rc ? rc : write_down(scan, err);
}

static void scan_done(struct scan *scan)
{
	size_t count = scan->template ? scan->template->object_count : 0;

	for (size_t i = 0; i < count; i++) {
		if (scan->sources)
			osy_sf_object_free(scan->sources[i]);
		if (scan->targets)
			osy_sf_object_free(scan->targets[i]);
	}
	osy_related_done(&scan->related);
	free(scan->targets);
	free(scan->missing);
	osy_plan_done(&scan->plan);
	osy_template_free(scan->template);
}

enum osy_code osy_scan(struct osy_drive *drive, struct osy_err *err)
{
	struct scan scan = {.drive = drive};
	enum osy_code rc = do_scan(&scan, err);

	osy_gate_scan_over(drive);

	if (!rc)
		osy_log(OSY_INFO, "run.scanned", OSY_KV("run", drive->run),
			OSY_KV_INT("objects", scan.plan.spec.object_count),
			OSY_KV_INT("stages", scan.plan.spec.stages),
			OSY_KV_INT("lanes", scan.plan.spec.lanes));
	scan_levels_done(&scan);
	scan_done(&scan);
	drive->spec = osy_spec_free(drive->spec);
	if (rc == OSY_E_STATE) { /* to be aborted: the next step sees to it */
		*err = OSY_ERR_NONE;
		return OSY_OK;
	}
	return rc;
}
