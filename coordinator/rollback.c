/*
 * Rollback: a pass of the run over its own journal, from the last stage to the first. The workers
 * delete what was inserted and give back what was changed (workers/load_undo.c); here it is
 * planned, stages are opened one by one, and the end is seen.
 *
 * The plan, in run.rollback: {"dryRun", "force", "was", "objects": [{"children": [[object, field]
 * ...], "later": [run ...]} ...]}. children: lookups of the target org that would take records
 * along when one of the object is deleted, of objects that hold any; later: runs that wrote the
 * object in the same org since, in their order; was: the run's state before, which a dry run gives
 * back.
 */
#include <stdio.h>
#include <stdlib.h>

#include "children.h"
#include "delta.h"
#include "drive_run.h"
#include "hook.h"
#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/json.h"
#include "osy/json_write.h"
#include "osy/log.h"
#include "osy/mem.h"

#define LOOK_MS 100
#define LATER_MOST 1000000
#define PLAN_MAX (4u * 1024 * 1024)

/* ---- Which children a delete would take along ---- */
static enum osy_code plan_children(struct osy_drive *drive, const struct osy_spec_object *object,
	struct osy_children_known **known, struct osy_arena *arena, struct osy_json_writer *w,
	struct osy_err *err)
{
	OSY_AUTO(osy_sf_object_free_at) struct osy_sf_object *described = NULL;
	struct osy_spec_child *children = NULL;
	size_t count = 0;
	enum osy_code rc = osy_sf_describe(drive->target, object->target, &described, err);

	if (!rc)
		rc = osy_children_find(
			drive, described, NULL, arena, known, &children, &count, err);
	osy_jw_key(w, "children");
	osy_jw_array(w);
	for (size_t i = 0; !rc && i < count; i++) {
		osy_jw_array(w);
		osy_jw_str(w, osy_str(children[i].object));
		osy_jw_str(w, osy_str(children[i].field));
		osy_jw_str(w, osy_str(children[i].where));
		osy_jw_array_end(w);
	}
	osy_jw_array_end(w);
	return rc;
}

/* Started after we were for the first time: those before us that write the same have ended by
 * then (topic.c), and a retry moves started_at. ret_written: how many records these have written.
 */
static enum osy_code plan_later(struct osy_drive *drive, const struct osy_spec_object *object,
	struct osy_json_writer *w, int64_t *ret_written, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	enum osy_code rc = osy_pg_do(drive->pg, &rows, err,
		"SELECT r.id, sum(b.inserted + b.updated + b.deleted)::bigint FROM run me JOIN org "
		"mo ON mo.name = me.target JOIN run r ON r.id <> me.id AND r.state <> 'Rollback "
		"Completed' AND r.started_at > me.first_started_at JOIN org ro ON ro.name = "
		"r.target AND ro.org_id = mo.org_id JOIN run_object o ON o.run = r.id AND "
		"o.target_name = $2 JOIN batch b ON b.run = r.id AND b.object = o.object AND "
		"b.inserted + b.updated + b.deleted > 0 WHERE me.id = $1 GROUP BY r.id ORDER BY "
		"r.started_at, r.id",
		OSY_PG_Z(drive->run), OSY_PG_Z(object->target));

	osy_jw_key(w, "later");
	osy_jw_array(w);
	for (size_t i = 0; !rc && i < osy_pg_rows(rows); i++) {
		osy_jw_str(w, osy_pg_str(rows, i, 0));
		*ret_written += osy_pg_i64(rows, i, 1, 0);
	}
	osy_jw_array_end(w);
	return rc;
}

struct asked {
	bool dry, force;
	char was[32];
};

static enum osy_code read_asked(struct osy_drive *drive, struct asked *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;
	enum osy_code rc = osy_pg_do(drive->pg, &row, err, "SELECT rollback FROM run WHERE id = $1",
		OSY_PG_Z(drive->run));

	if (!rc)
		rc = osy_json_parse(osy_pg_str(row, 0, 0), "the rollback", &json, err);
	if (rc)
		return rc;
	struct osy_str was = osy_json_get_str(json, "was");
	ret->dry = osy_json_get_bool(json, "dryRun", false);
	ret->force = osy_json_get_bool(json, "force", false);
	(void)snprintf(ret->was, sizeof(ret->was), "%.*s", (int)was.len, was.p ? was.p : "");
	return OSY_OK;
}

static enum osy_code make_plan(struct osy_drive *drive, const struct asked *asked,
	struct osy_buf *out, int64_t *ret_written, struct osy_err *err)
{
	struct osy_json_writer w = osy_json_writer(out);
	struct osy_arena arena;
	struct osy_children_known *known = NULL;
	enum osy_code rc = OSY_OK;

	osy_arena_init(&arena, 64u * 1024);
	osy_jw_object(&w);
	osy_jw_put_bool(&w, "dryRun", asked->dry);
	osy_jw_put_bool(&w, "force", asked->force);
	osy_jw_put_str(&w, "was", osy_str(asked->was));
	osy_jw_key(&w, "objects");
	osy_jw_array(&w);
	for (size_t i = 0; !rc && i < drive->spec->object_count; i++) {
		const struct osy_spec_object *object = &drive->spec->objects[i];
		osy_jw_object(&w);
		rc = plan_children(drive, object, &known, &arena, &w, err);
		if (!rc)
			rc = plan_later(drive, object, &w, ret_written, err);
		osy_jw_object_end(&w);
	}
	osy_jw_array_end(&w);
	osy_jw_object_end(&w);
	osy_arena_done(&arena);
	return rc;
}

/* ---- Beginning ---- */

/* A worker keeps what later runs have written in memory; and so much is rolled back the other way
 * round anyway. */
static enum osy_code refuse(
	struct osy_drive *drive, const struct asked *asked, int64_t written, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf why = OSY_BUF(1024);

	osy_buf_addf(&why,
		"later runs have written %lld records of these objects; roll them back first, or "
		"use force",
		(long long)written);
	return osy_drive_set(drive, err,
		"state = $4, phase = CASE WHEN $4 = 'Aborted' THEN 'Aborted' ELSE 'Completed' END, "
		"problem = $5",
		OSY_PG_Z(asked->was), OSY_PG_Z(why.p));
}

static enum osy_code begin(struct osy_drive *drive, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf plan = OSY_BUF(PLAN_MAX);
	struct asked asked = {0};
	int64_t written = 0;
	enum osy_code rc = OSY_OK;

	if (!drive->executing)
		rc = osy_topic_wait(drive, err);
	if (!rc)
		rc = osy_drive_orgs(drive, err);
	if (!rc)
		rc = read_asked(drive, &asked, err);
	if (!rc)
		rc = make_plan(drive, &asked, &plan, &written, err);
	if (!rc && written > LATER_MOST && !asked.force)
		return refuse(drive, &asked, written, err);
	if (!rc)
		rc = osy_drive_begin(drive, err);
	if (rc)
		return rc;
	rc = osy_pg_do(drive->pg, NULL, err,
		"INSERT INTO lane (run, pass, lane) SELECT $1, $2, n FROM generate_series(0, $3 - "
		"1) n ON CONFLICT DO NOTHING",
		OSY_PG_Z(drive->run), OSY_PG_I32(drive->pass), OSY_PG_I32(drive->spec->lanes));
	if (!rc)
		rc = osy_pg_do(drive->pg, NULL, err,
			"UPDATE run SET state = 'Rollback Started', open_stage = $2, rollback = "
			"$3, problem = NULL WHERE id = $1",
			OSY_PG_Z(drive->run), OSY_PG_I32(drive->spec->stages + 1),
			OSY_PG_TEXT(osy_buf_str(&plan)));
	if (!rc && !asked.dry)
		rc = osy_delta_undo(drive, err);
	if (rc) {
		osy_pg_rollback(drive->pg);
		return rc;
	}
	osy_log(OSY_INFO, "run.rollback", OSY_KV("run", drive->run),
		OSY_KV_INT("pass", drive->pass));
	return osy_drive_commit(drive, err);
}

/* ---- Stage by stage ---- */
static enum osy_code is_undone(struct osy_drive *drive, bool *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	enum osy_code rc = osy_pg_do(drive->pg, &rows, err,
		"SELECT EXISTS (SELECT 1 FROM batch b JOIN run r ON r.id = b.run WHERE b.run = $1 "
		"AND b.pass <= r.loaded_pass AND b.stage = $3 AND b.state = 'done' AND b.outcome "
		"IS NOT NULL AND (b.inserted + b.updated + b.deleted > 0 OR b.links) AND NOT "
		"EXISTS (SELECT 1 FROM batch u WHERE u.run = b.run AND u.pass = $2 AND u.lane = "
		"b.lane AND u.at_offset = b.at_offset AND u.state = 'done'))",
		OSY_PG_Z(drive->run), OSY_PG_I32(drive->pass), OSY_PG_I32(drive->open_stage));

	if (!rc)
		*ret = !osy_pg_i64(rows, 0, 0, 1);
	return rc;
}

static enum osy_code end(struct osy_drive *drive, const struct asked *asked, int64_t target_calls,
	struct osy_err *err)
{
	return osy_pg_do(drive->pg, NULL, err,
		"UPDATE run SET state = $3, phase = CASE WHEN $3 = 'Aborted' THEN 'Aborted' ELSE "
		"'Completed' END, open_stage = 0, problem = NULL, wanted = NULL, ended_at = now(), "
		"target_calls = target_calls + $2 WHERE id = $1",
		OSY_PG_Z(drive->run), OSY_PG_I64(target_calls),
		OSY_PG_Z(asked->dry && asked->was[0] ? asked->was : "Rollback Completed"));
}

static enum osy_code finish(struct osy_drive *drive, struct osy_err *err)
{
	int64_t source_calls, target_calls;
	struct asked asked = {0};
	enum osy_code rc = read_asked(drive, &asked, err);

	if (rc)
		return rc;
	osy_drive_calls(drive, &source_calls, &target_calls);
	rc = osy_drive_begin(drive, err);
	if (rc)
		return rc;
	/* what it took out of table waiting waits again */
	if (!asked.dry)
		rc = osy_pg_do(drive->pg, NULL, err,
			"UPDATE waiting SET in_run = NULL WHERE in_run = $1", OSY_PG_Z(drive->run));
	if (!rc)
		rc = end(drive, &asked, target_calls, err);
	if (!rc && !asked.dry)
		rc = osy_hooks_tell(drive, OSY_HOOK_AFTER_RUN, 0, err);
	if (rc) {
		osy_pg_rollback(drive->pg);
		return rc;
	}
	rc = osy_drive_commit(drive, err);
	if (!rc)
		osy_log(OSY_INFO, "run.rolled_back", OSY_KV("run", drive->run));
	return rc;
}

static enum osy_code undo_stages(struct osy_drive *drive, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	while (!rc && drive->state == OSY_RUN_ROLLBACK_STARTED) {
		bool undone = false;
		rc = is_undone(drive, &undone, err);
		if (!rc && undone && drive->open_stage <= 1)
			return finish(drive, err);
		if (!rc && undone) {
			(void)OSY_FAILPOINT("coordinator.undo_stage");
			rc = osy_drive_set(
				drive, err, "open_stage = $4", OSY_PG_I32(drive->open_stage - 1));
		} else if (!rc) {
			rc = osy_drive_wait(drive, LOOK_MS, err);
		}
		if (!rc)
			rc = osy_drive_load(drive, err);
	}
	return rc;
}

enum osy_code osy_rollback_run(struct osy_drive *drive, struct osy_err *err)
{
	if (!drive->spec)
		return osy_fail(err, OSY_E_INTERNAL, "run %s has no spec", drive->run);
	return drive->state == OSY_RUN_ROLLBACK ? begin(drive, err) : undo_stages(drive, err);
}
