#include "stage.h"

#include "automation.h"
#include "delta.h"

#include "gate.h"
#include "hook.h"
#include "keys.h"

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/idmap.h"
#include "osy/log.h"
#include "publish.h"

#define LOOK_MS 300		 /* at the run's row and its failures */
#define CHECK_MS 50		 /* whether a stage is settled */
#define OUTSTANDING_MOST 2000000 /* records in the journal that are not loaded yet */

struct watch {
	struct osy_drive *drive;
	struct osy_publisher *publisher;
	struct osy_keys *keys;
	int64_t looked_at, checked_at, counted_at;
	bool hold; /* too much is outstanding */
	int told;  /* the stage whose objects the hooks know */
};

/* ---- The end ---- */
static void forget_keys(struct osy_drive *drive)
{
	const char *prefix = drive->settings->kafka_prefix;
	struct osy_err err = OSY_ERR_NONE;
	struct osy_redis *redis = osy_redis_new(drive->settings->redis_url);
	struct osy_idmap *idmap = osy_idmap_new(redis, drive->pg, prefix);
	enum osy_code rc = osy_idmap_claims_drop(idmap, drive->run, &err);

	if (!rc)
		rc = osy_target_keys_drop(redis, prefix, drive->run, -1, &err);
	if (rc)
		osy_log(OSY_WARN, "run.claims_left", OSY_KV("run", drive->run), OSY_KV_ERR(&err));
	osy_idmap_free(idmap);
	osy_redis_free(redis);
}

/* Whether the run ends so: not when an abort was asked for, of which workers may have heard, and
 * for which they have skipped records. */
static enum osy_code end_run(struct osy_drive *drive, int64_t source_calls, int64_t target_calls,
	bool *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(drive->pg, &row, err,
		"UPDATE run SET state = 'Synced', phase = 'Completed', published = true, held = "
		"false, wanted = NULL, problem = CASE WHEN automation = 'left' THEN "
		"automation_note END, ended_at = now(), source_calls = source_calls + $2, "
		"target_calls = target_calls + $3 WHERE id = $1 AND wanted IS DISTINCT FROM "
		"'abort' RETURNING 1",
		OSY_PG_Z(drive->run), OSY_PG_I64(source_calls), OSY_PG_I64(target_calls));

	*ret = !rc && osy_pg_rows(row) > 0;
	return rc;
}

static enum osy_code settle(struct osy_drive *drive, int64_t source_calls, int64_t target_calls,
	bool *ret_ended, struct osy_err *err)
{
	enum osy_code rc = osy_drive_begin(drive, err);

	if (rc)
		return rc;
	rc = end_run(drive, source_calls, target_calls, ret_ended, err);
	if (!rc && !*ret_ended) {
		osy_pg_rollback(drive->pg);
		return OSY_OK;
	}
	if (!rc)
		rc = osy_delta_settle(drive, err);
	if (!rc)
		rc = osy_hooks_tell(drive, OSY_HOOK_AFTER_RUN, 0, err);
	if (!rc && OSY_FAILPOINT("coordinator.settle"))
		rc = osy_fail(err, OSY_E_POSTGRES, "failpoint coordinator.settle");
	if (!rc)
		return osy_drive_commit(drive, err);
	osy_pg_rollback(drive->pg);
	return rc;
}

static enum osy_code finish(struct watch *watch, bool *ret_ended, struct osy_err *err)
{
	struct osy_drive *drive = watch->drive;
	int64_t source_calls, target_calls;
	OSY_AUTO(osy_buf_done) struct osy_buf left = OSY_BUF(16 * 1024);
	enum osy_code rc = osy_stage_verify(drive, osy_publisher_checkpoint(watch->publisher), err);

	if (rc == OSY_E_INTERNAL)
		osy_log(OSY_ERROR, "run.counts_differ", OSY_KV("run", drive->run), OSY_KV_ERR(err));
	if (!rc)
		rc = osy_automation_back(drive, &left, err);
	if (rc)
		return rc;
	(void)OSY_FAILPOINT("coordinator.settles");
	osy_drive_calls(drive, &source_calls, &target_calls);
	rc = settle(drive, source_calls, target_calls, ret_ended, err);
	if (rc)
		return rc;
	if (!*ret_ended) { /* the calls are told at the other end */
		drive->source_calls_seen -= (uint64_t)source_calls;
		drive->target_calls_seen -= (uint64_t)target_calls;
		drive->wants_abort = true;
		return OSY_OK;
	}
	osy_log(OSY_INFO, "run.synced", OSY_KV("run", drive->run));
	forget_keys(drive);
	return OSY_OK;
}

/* ---- Abort ---- */
static enum osy_code unsettled(struct osy_drive *drive, bool *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	enum osy_code rc = osy_pg_do(drive->pg, &rows, err,
		"SELECT EXISTS (SELECT 1 FROM batch WHERE run = $1 AND state <> 'done')",
		OSY_PG_Z(drive->run));

	if (!rc)
		*ret = osy_pg_i64(rows, 0, 0, 1) != 0;
	return rc;
}

/* Takes the lanes from the workers, so that no new intent can come, and looks once more. */
static enum osy_code close_lanes(struct osy_drive *drive, bool *ret_closed, struct osy_err *err)
{
	bool busy = true;
	enum osy_code rc = osy_drive_begin(drive, err);

	if (rc)
		return rc;
	rc = osy_pg_do(drive->pg, NULL, err,
		"UPDATE lane SET owner = NULL, epoch = epoch + 1 WHERE run = $1",
		OSY_PG_Z(drive->run));
	if (!rc)
		rc = unsettled(drive, &busy, err);
	if (!rc && !busy)
		rc = osy_pg_do(drive->pg, NULL, err,
			"UPDATE run SET state = 'Aborted', phase = 'Aborted', held = false, wanted "
			"= NULL, ended_at = now(), automation = CASE WHEN automation = 'off' THEN "
			"'restore' ELSE automation END WHERE id = $1",
			OSY_PG_Z(drive->run));
	if (!rc && !busy)
		rc = osy_hooks_tell(drive, OSY_HOOK_AFTER_RUN, 0, err);
	if (rc || busy) {
		osy_pg_rollback(drive->pg);
		return rc;
	}
	*ret_closed = true;
	return osy_drive_commit(drive, err);
}

enum osy_code osy_stage_abort(struct osy_drive *drive, struct osy_err *err)
{
	bool busy = true, closed = false;
	enum osy_code rc = OSY_OK;

	if (drive->state ==
		OSY_RUN_PAUSED) /* the workers settle what is in doubt of active runs alone */
		rc = osy_drive_set(drive, err, "state = 'Sync In Progress', problem = NULL");
	while (!rc && !closed) {
		rc = unsettled(drive, &busy, err);
		if (!rc && !busy)
			rc = close_lanes(drive, &closed, err);
		for (int64_t until = osy_mono_ms() + 200; !rc && !closed && osy_mono_ms() < until;)
			rc = osy_drive_wait(drive, 200, err);
		if (!rc && !closed)
			rc = osy_drive_load(drive, err);
	}
	if (rc)
		return rc;
	osy_log(OSY_INFO, "run.aborted", OSY_KV("run", drive->run));
	forget_keys(drive);
	return OSY_OK;
}

/* continueOnError: false: the first failed record ends the run. */
static enum osy_code check_failures(struct osy_drive *drive, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf why = OSY_BUF(16 * 1024);

	if (drive->spec->continue_on_error || drive->wants_abort)
		return OSY_OK;
	enum osy_code rc = osy_pg_do(drive->pg, &rows, err,
		"SELECT source_id, code, object FROM failure WHERE run = $1 AND pass = $2 AND kind "
		"<> 'notice' AND resolved_pass IS NULL LIMIT 1",
		OSY_PG_Z(drive->run), OSY_PG_I32(drive->pass));
	if (rc || osy_pg_rows(rows) == 0)
		return rc;
	struct osy_str id = osy_pg_str(rows, 0, 0), code = osy_pg_str(rows, 0, 1);
	size_t object = (size_t)osy_pg_i64(rows, 0, 2, 0);
	osy_buf_addf(&why, "%s %.*s failed (%.*s) and continueOnError is false",
		object < drive->spec->object_count ? drive->spec->objects[object].name : "record",
		(int)id.len, id.p, (int)code.len, code.p);
	rc = osy_drive_set(drive, err, "wanted = 'abort', problem = $4", OSY_PG_Z(why.p));
	if (!rc)
		drive->wants_abort = true;
	return rc;
}

/* ---- Looking, between two turns ---- */
static enum osy_code look(struct watch *watch, bool *ret_paused, struct osy_err *err)
{
	int64_t now = osy_mono_ms();

	if (now - watch->looked_at < LOOK_MS)
		return OSY_OK;
	watch->looked_at = now;
	enum osy_code rc = osy_drive_load(watch->drive, err);
	if (!rc && watch->drive->state != OSY_RUN_SYNCING)
		return osy_fail(
			err, OSY_E_STATE, "run %s is not in progress any more", watch->drive->run);
	if (!rc)
		rc = check_failures(watch->drive, err);
	if (!rc && !watch->drive->wants_abort && !watch->drive->held)
		rc = osy_gate_look(watch->drive, ret_paused, err);
	if (!rc && !watch->drive->wants_abort && !watch->drive->held && !*ret_paused)
		rc = osy_gate_files_look(
			watch->drive, osy_publisher_checkpoint(watch->publisher), ret_paused, err);
	return rc;
}

static enum osy_code check_outstanding(struct watch *watch, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	const struct osy_checkpoint *checkpoint = osy_publisher_checkpoint(watch->publisher);
	int64_t published = 0, now = osy_mono_ms();

	for (unsigned i = 0; i < checkpoint->object_count; i++)
		published += checkpoint->objects[i].published;
	if (published <= OUTSTANDING_MOST || now - watch->counted_at < 1000)
		return OSY_OK;
	watch->counted_at = now;
	enum osy_code rc = osy_pg_do(watch->drive->pg, &rows, err,
		"SELECT coalesce(sum(records), 0)::bigint FROM batch WHERE run = $1 AND pass = 1 "
		"AND NOT links",
		OSY_PG_Z(watch->drive->run));
	if (!rc)
		watch->hold = published - osy_pg_i64(rows, 0, 0, 0) > OUTSTANDING_MOST;
	return rc;
}

static enum osy_code open_stage(struct watch *watch, int stage, struct osy_err *err)
{
	if (OSY_FAILPOINT("coordinator.stage_open"))
		return osy_fail(err, OSY_E_POSTGRES, "failpoint coordinator.stage_open");
	enum osy_code rc = osy_drive_set(watch->drive, err, "open_stage = $4", OSY_PG_I32(stage));
	if (rc)
		return rc;
	watch->drive->open_stage = stage;
	osy_log(OSY_INFO, "run.stage_open", OSY_KV("run", watch->drive->run),
		OSY_KV_INT("stage", stage));
	return OSY_OK;
}

/* What is told of the objects of the stage that has settled; false: an answer is waited for. */
static enum osy_code tell_objects(struct watch *watch, bool *ret, struct osy_err *err)
{
	struct osy_drive *drive = watch->drive;
	enum osy_code rc = OSY_OK;

	if (watch->told != drive->open_stage)
		rc = osy_hooks_tell(drive, OSY_HOOK_AFTER_OBJECT, drive->open_stage, err);
	if (!rc)
		watch->told = drive->open_stage;
	if (!rc)
		rc = osy_hooks_answered(drive, OSY_HOOK_AFTER_OBJECT, ret, err);
	if (!*ret)
		watch->checked_at = osy_mono_ms();
	return rc;
}

/* The stage that is open has settled: the next one, the links, or the end. */
static enum osy_code advance(struct watch *watch, bool *ret_ended, struct osy_err *err)
{
	struct osy_drive *drive = watch->drive;
	bool any = false, told = false;
	enum osy_code rc = check_failures(drive, err);

	if (!rc && !drive->wants_abort)
		rc = tell_objects(watch, &told, err);
	if (rc || drive->wants_abort || !told)
		return rc;
	osy_keys_settled(watch->keys, drive->open_stage);
	if (drive->open_stage < drive->spec->stages) {
		if (osy_keys_may_open(watch->keys, drive->open_stage + 1))
			return open_stage(watch, drive->open_stage + 1, err);
		watch->checked_at = osy_mono_ms();
		return OSY_OK;
	}
	if (drive->open_stage == drive->spec->stages) {
		rc = osy_publisher_links(watch->publisher, &any, err);
		if (rc || any)
			return rc ? rc : open_stage(watch, drive->open_stage + 1, err);
	}
	return finish(watch, ret_ended, err);
}

static enum osy_code check_stage(struct watch *watch, bool *ret_ended, struct osy_err *err)
{
	bool settled = true;
	int64_t now = osy_mono_ms();
	enum osy_code rc = OSY_OK;

	if (now - watch->checked_at < CHECK_MS)
		return OSY_OK;
	watch->checked_at = now;
	rc = osy_stage_settled(watch->drive, osy_publisher_checkpoint(watch->publisher),
		watch->drive->open_stage, &settled, err);
	if (rc || !settled)
		return rc;
	watch->checked_at = 0; /* the next one may be empty */
	return advance(watch, ret_ended, err);
}

static enum osy_code run_turns(struct watch *watch, struct osy_err *err)
{
	struct osy_drive *drive = watch->drive;
	bool ended = false, paused = false;
	enum osy_code rc = OSY_OK;

	while (!rc && !ended) {
		rc = look(watch, &paused, err);
		if (!rc && (drive->wants_abort || drive->held || paused))
			return OSY_OK; /* the caller sees to it */
		if (!rc)
			rc = osy_keys_turn(watch->keys, err);
		if (!rc)
			rc = check_stage(watch, &ended, err);
		if (!rc && !ended && !osy_publisher_done(watch->publisher)) {
			rc = check_outstanding(watch, err);
			if (!rc)
				rc = osy_publisher_turn(watch->publisher, watch->hold, err);
			if (!rc && drive->has_problem)
				osy_drive_clear(drive);
		} else if (!rc && !ended && watch->checked_at) {
			rc = osy_drive_wait(drive, CHECK_MS, err);
		}
	}
	return rc;
}

enum osy_code osy_stage_run(struct osy_drive *drive, struct osy_err *err)
{
	struct watch watch = {.drive = drive, .told = -1};
	enum osy_code rc = osy_drive_orgs(drive, err);

	if (!rc)
		rc = osy_delta_begin(drive, err);
	if (!rc)
		rc = osy_publisher_open(drive, &watch.publisher, err);
	if (rc)
		return rc;
	osy_drive_clear(drive);
	watch.keys = osy_keys_new(drive);
	rc = run_turns(&watch, err);
	osy_keys_free(watch.keys);
	osy_publisher_free(watch.publisher);
	if (!rc && drive->wants_abort)
		return osy_stage_abort(drive, err);
	return rc;
}
