#include <stdio.h>
#include <stdlib.h>

#include "automation.h"
#include "drive_run.h"
#include "gate.h"
#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "osy/org_store.h"
#include "osy/sf_collection.h"

#define SQL_TIMEOUT_MS 30000
#define SCAN_ATTEMPTS 5
#define REFUSED_ATTEMPTS 8 /* of a read that is refused for a reason that may pass */
/* A reply that is not there so long after the request limit does not come. */
#define LATE_MS 60000

/* ---- Our right to the run ---- */
static enum osy_code fenced(const struct osy_drive *drive, struct osy_err *err)
{
	return osy_fail(
		err, OSY_E_FENCED, "run %s is driven by another coordinator by now", drive->run);
}

enum osy_code osy_drive_wait(struct osy_drive *drive, unsigned timeout_ms, struct osy_err *err)
{
	int64_t until = osy_mono_ms() + timeout_ms;

	do {
		int64_t left = until - osy_mono_ms();
		if (osy_driver_stopping(drive->driver))
			return osy_fail(err, OSY_E_FENCED, "the coordinator stops");
		bool paused = !osy_driver_may_go(drive->driver);
		bool expecting = osy_http_in_flight(drive->http) > 0;
		osy_http_poll(drive->http,
			paused	     ? 100u
			: left > 200 ? 200u
			: left > 0   ? (unsigned)left
				     : 0u,
			NULL, 0, NULL);
		if (!paused && expecting)
			break; /* something may have come */
	} while (osy_mono_ms() < until || !osy_driver_may_go(drive->driver));
	return OSY_OK;
}

enum osy_code osy_drive_set_(struct osy_drive *drive, bool *ret_done, struct osy_err *err,
	const char *condition, const char *assignments, const struct osy_pg_param *params,
	size_t count)
{
	OSY_AUTO(osy_buf_done) struct osy_buf sql = OSY_BUF(4096);
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_pg_param all[16] = {OSY_PG_Z(drive->run), OSY_PG_Z(osy_driver_id(drive->driver)),
		OSY_PG_I64(drive->epoch)};

	OSY_ASSERT(count + 3 <= OSY_COUNT(all));
	for (size_t i = 0; i < count; i++)
		all[3 + i] = params[i];
	osy_buf_addf(&sql,
		"WITH mine AS (UPDATE run SET %s WHERE id = $1 AND owner = $2 AND epoch = $3 AND "
		"(%s) RETURNING 1), moved AS (UPDATE world SET version = version + 1 WHERE EXISTS "
		"(SELECT 1 FROM mine)) SELECT (SELECT count(*) FROM mine), (SELECT count(*) FROM "
		"run WHERE id = $1 AND owner = $2 AND epoch = $3)",
		assignments, condition ? condition : "true");
	enum osy_code rc = osy_pg_exec(drive->pg, sql.p, all, count + 3, &result, err);
	if (rc)
		return rc;
	/* one who takes over while the update waits for the row is not seen by the second count */
	bool done = osy_pg_i64(result, 0, 0, 0) != 0;
	if (osy_pg_i64(result, 0, 1, 0) == 0 || (!done && !condition))
		return fenced(drive, err);
	if (ret_done)
		*ret_done = done;
	return OSY_OK;
}

enum osy_code osy_drive_begin(struct osy_drive *drive, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_begin(drive->pg, err);

	if (!rc)
		rc = osy_pg_do(drive->pg, &result, err,
			"SELECT 1 FROM run WHERE id = $1 AND owner = $2 AND epoch = $3 FOR UPDATE",
			OSY_PG_Z(drive->run), OSY_PG_Z(osy_driver_id(drive->driver)),
			OSY_PG_I64(drive->epoch));
	if (!rc && osy_pg_rows(result) == 0)
		rc = fenced(drive, err);
	if (rc)
		osy_pg_rollback(drive->pg);
	return rc;
}

enum osy_code osy_drive_commit(struct osy_drive *drive, struct osy_err *err)
{
	enum osy_code rc =
		osy_pg_do(drive->pg, NULL, err, "UPDATE world SET version = version + 1");

	if (!rc)
		return osy_pg_commit(drive->pg, err);
	osy_pg_rollback(drive->pg);
	return rc;
}

/* ---- The row ---- */
/* A run's orgs never change: taken once, so that whoever holds a name (a scan's plan) may keep it.
 */
static void take_name(char **at, struct osy_str name)
{
	if (!*at)
		*at = osy_xstrndup(name.p, name.len);
}

static enum osy_code take_row(
	struct osy_drive *drive, const struct osy_pg_result *row, struct osy_err *err)
{
	struct osy_str state = osy_pg_str(row, 0, 0), wanted = osy_pg_str(row, 0, 1);

	if (!osy_run_state_parse(state, &drive->state))
		return osy_fail(err, OSY_E_INTERNAL, "run %s is in an unknown state '%.*s'",
			drive->run, (int)state.len, state.p);
	drive->wants_start = osy_str_is(wanted, "start");
	drive->wants_abort = osy_str_is(wanted, "abort");
	drive->executing = osy_str_is(osy_pg_str(row, 0, 2), "Executing");
	take_name(&drive->source_name, osy_pg_str(row, 0, 3));
	take_name(&drive->target_name, osy_pg_str(row, 0, 4));
	drive->pass = (int)osy_pg_i64(row, 0, 6, 1);
	drive->open_stage = (int)osy_pg_i64(row, 0, 7, 0);
	drive->published = osy_pg_i64(row, 0, 8, 0) != 0;
	drive->has_problem = osy_pg_i64(row, 0, 9, 0) != 0;
	drive->held = osy_pg_i64(row, 0, 10, 0) != 0;
	drive->restores = osy_pg_i64(row, 0, 11, 0) != 0;
	struct osy_str spec = osy_pg_str(row, 0, 5);
	if (!spec.p || drive->state == OSY_RUN_SCANNING || drive->spec)
		return OSY_OK;
	return osy_spec_read(spec, &drive->spec, err);
}

enum osy_code osy_drive_load(struct osy_drive *drive, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(drive->pg, &row, err,
		"SELECT state, wanted, phase, source, target, CASE WHEN $4 THEN spec END, pass, "
		"open_stage, published, problem IS NOT NULL, held, automation = 'restore' FROM run "
		"WHERE id = $1 AND owner = $2 AND epoch = $3",
		OSY_PG_Z(drive->run), OSY_PG_Z(osy_driver_id(drive->driver)),
		OSY_PG_I64(drive->epoch), OSY_PG_BOOL(!drive->spec));

	if (rc)
		return rc;
	return osy_pg_rows(row) ? take_row(drive, row, err) : fenced(drive, err);
}

enum osy_code osy_drive_orgs(struct osy_drive *drive, struct osy_err *err)
{
	const struct osy_settings *settings = drive->settings;
	enum osy_code rc = OSY_OK;

	if (!drive->source)
		rc = osy_org_store_open(drive->pg, &settings->secret_key, drive->source_name,
			drive->http, settings->allow_http_orgs, &drive->source, err);
	if (!rc && !drive->target)
		rc = osy_org_store_open(drive->pg, &settings->secret_key, drive->target_name,
			drive->http, settings->allow_http_orgs, &drive->target, err);
	return rc;
}

void osy_drive_calls(struct osy_drive *drive, int64_t *ret_source, int64_t *ret_target)
{
	uint64_t source = drive->source ? osy_org_calls(drive->source) : 0;
	uint64_t target = drive->target ? osy_org_calls(drive->target) : 0;

	*ret_source = (int64_t)(source - drive->source_calls_seen);
	*ret_target = (int64_t)(target - drive->target_calls_seen);
	drive->source_calls_seen = source;
	drive->target_calls_seen = target;
}

void osy_drive_problem(struct osy_drive *drive, const char *text)
{
	struct osy_err ignored = OSY_ERR_NONE;

	drive->has_problem = true;
	(void)!osy_drive_set_if(drive, NULL, &ignored, "NOT held", "problem = $4", OSY_PG_Z(text));
}

void osy_drive_clear(struct osy_drive *drive)
{
	struct osy_err ignored = OSY_ERR_NONE;

	if (drive->has_problem &&
		osy_drive_set_if(drive, NULL, &ignored, "NOT held", "problem = NULL") == OSY_OK)
		drive->has_problem = false;
}

/* ---- What is to be done ---- */
static enum osy_code start(struct osy_drive *drive, struct osy_err *err)
{
	(void)OSY_FAILPOINT("coordinator.starts");
	return osy_drive_set_if(drive, NULL, err, "state = 'Scanned' AND wanted = 'start'",
		"state = 'Sync In Progress', phase = 'Initializing', wanted = NULL, problem = "
		"NULL, started_at = now(), first_started_at = coalesce(first_started_at, now()), "
		"ended_at = NULL, open_stage = 0");
}

static enum osy_code aborted(struct osy_drive *drive, struct osy_err *err)
{
	return osy_drive_set_if(drive, NULL, err,
		"state IN ('Scan In Progress', 'Scanned') AND wanted = 'abort'",
		"state = 'Aborted', phase = 'Aborted', wanted = NULL, ended_at = now()");
}

/* Paused by a person: nobody drives it until it is resumed or aborted. */
static enum osy_code hold(struct osy_drive *drive, struct osy_err *err)
{
	bool done = false;
	enum osy_code rc = osy_drive_set_if(drive, &done, err, "held", "state = 'Paused'");

	if (rc || !done)
		return rc;
	drive->state = OSY_RUN_PAUSED;
	osy_log(OSY_INFO, "run.paused", OSY_KV("run", drive->run), OSY_KV("by", "a person"));
	return OSY_OK;
}

static enum osy_code sync_run(struct osy_drive *drive, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	if (!drive->spec)
		return osy_fail(err, OSY_E_INTERNAL, "run %s has no spec", drive->run);
	if (drive->wants_abort)
		return osy_stage_abort(drive, err);
	if (drive->held)
		return hold(drive, err);
	if (!drive->executing || drive->open_stage == 0)
		rc = osy_topic_enter(drive, err);
	if (!rc && drive->wants_abort)
		return osy_stage_abort(drive, err);
	if (!rc && drive->held)
		return hold(drive, err);
	return rc ? rc : osy_stage_run(drive, err);
}

/* After the end: a run that goes on brings its automation back by itself. */
static bool restores(const struct osy_drive *drive)
{
	return drive->restores && drive->state != OSY_RUN_SYNCING && drive->state != OSY_RUN_PAUSED;
}

static enum osy_code restore(struct osy_drive *drive, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf left = OSY_BUF(16 * 1024);

	return osy_automation_back(drive, &left, err);
}

/* One step; *ret_more when there may be another. */
static enum osy_code step(struct osy_drive *drive, bool *ret_more, struct osy_err *err)
{
	enum osy_code rc = osy_drive_load(drive, err);

	*ret_more = true;
	if (rc)
		return rc;
	if (restores(drive))
		return restore(drive, err);
	switch (drive->state) {
	case OSY_RUN_SCANNING:
		return drive->wants_abort ? aborted(drive, err) : osy_scan(drive, err);
	case OSY_RUN_SYNCING:
		return sync_run(drive, err);
	case OSY_RUN_SCANNED:
		if (drive->wants_start)
			return start(drive, err);
		if (drive->wants_abort)
			return aborted(drive, err);
		break;
	case OSY_RUN_PAUSED:
		if (drive->wants_abort)
			return osy_stage_abort(drive, err);
		if (!drive->held)
			return osy_gate_rest(drive, err);
		break;
	case OSY_RUN_ROLLBACK:
	case OSY_RUN_ROLLBACK_STARTED:
		return osy_rollback_run(drive, err);
	case OSY_RUN_NOT_STARTED:
	case OSY_RUN_SYNCED:
	case OSY_RUN_ROLLBACK_COMPLETED:
	case OSY_RUN_ABORTED:
		break;
	case OSY_RUN_DELETED:
		*ret_more = false;
		return osy_drive_delete(drive, err);
	}
	*ret_more = false;
	if (drive->wants_start || drive->wants_abort) /* a wish that has no meaning any more */
		return osy_drive_set_if(drive, NULL, err, "state = $4", "wanted = NULL",
			OSY_PG_Z(osy_run_state_name(drive->state)));
	return OSY_OK;
}

/* A scan that cannot be made: the sentence stays with the run, which is as if it had never been
 * started. */
static enum osy_code give_up_scan(
	struct osy_drive *drive, const struct osy_err *why, struct osy_err *err)
{
	osy_log(OSY_WARN, "run.scan_failed", OSY_KV("run", drive->run), OSY_KV_ERR(why));
	(void)OSY_FAILPOINT("coordinator.scan_fails");
	return osy_drive_set_if(drive, NULL, err,
		"state = 'Scan In Progress' AND wanted IS DISTINCT FROM 'abort'",
		"state = 'Not Started', phase = 'Initializing', wanted = NULL, spec = NULL, scan = "
		"NULL, problem = $4",
		OSY_PG_Z(why->msg));
}

/* A query that the source refuses, and would refuse again: the run ends, and says why. */
static enum osy_code give_up_reading(
	struct osy_drive *drive, const struct osy_err *why, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(2048);

	osy_log(OSY_ERROR, "run.read_refused", OSY_KV("run", drive->run), OSY_KV_ERR(why));
	osy_buf_addf(&text,
		"org '%s' refuses it: %s; correct the template or the rights of our user, and "
		"create a new run",
		drive->source_name, why->msg);
	return osy_drive_set(
		drive, err, "wanted = 'abort', held = false, problem = $4", OSY_PG_Z(text.p));
}

static bool is_read_over(const struct osy_drive *drive, const struct osy_err *why, unsigned attempt)
{
	return drive->state == OSY_RUN_SYNCING && drive->read_refused &&
	       (osy_sf_is_bad_query(why) || attempt >= REFUSED_ATTEMPTS);
}

/* After an error: what it means for the run; false: the thread ends. */
static bool recover(struct osy_drive *drive, struct osy_err *why, unsigned attempt)
{
	struct osy_err err = OSY_ERR_NONE;

	if (why->code == OSY_E_FENCED)
		return false;
	bool ours =
		why->code == OSY_E_POSTGRES || why->code == OSY_E_KAFKA || why->code == OSY_E_REDIS;
	if (drive->state == OSY_RUN_SCANNING && !ours &&
		(why->cls != OSY_RETRY || attempt >= SCAN_ATTEMPTS))
		return give_up_scan(drive, why, &err) == OSY_OK;
	if (is_read_over(drive, why, attempt) && give_up_reading(drive, why, &err) == OSY_OK)
		return true;
	osy_log(OSY_WARN, "run.stalled", OSY_KV("run", drive->run), OSY_KV_INT("attempt", attempt),
		OSY_KV_ERR(why));
	if (why->code != OSY_E_POSTGRES && restores(drive)) /* its end keeps its own sentence */
		(void)!osy_drive_set(drive, &err, "automation_note = $4", OSY_PG_Z(why->msg));
	else if (why->code != OSY_E_POSTGRES)
		osy_drive_problem(drive, why->msg);
	unsigned wait = why->retry_after_ms ? why->retry_after_ms
					    : osy_backoff_ms(attempt, 250, 30000) + 50;
	for (int64_t until = osy_mono_ms() + wait; osy_mono_ms() < until;) {
		if (osy_drive_wait(drive, 200, &err))
			return false;
	}
	return true;
}

static void release(struct osy_drive *drive)
{
	struct osy_err ignored = OSY_ERR_NONE;

	(void)!osy_pg_do(drive->pg, NULL, &ignored,
		"UPDATE run SET owner = NULL WHERE id = $1 AND owner = $2 AND epoch = $3",
		OSY_PG_Z(drive->run), OSY_PG_Z(osy_driver_id(drive->driver)),
		OSY_PG_I64(drive->epoch));
}

static void drive_free(struct osy_drive *drive)
{
	osy_org_free(drive->source);
	osy_org_free(drive->target);
	osy_http_free(drive->http);
	osy_read_forget(drive);
	osy_gate_free(drive);
	osy_pg_free(drive->pg);
	osy_spec_free(drive->spec);
	free(drive->source_name);
	free(drive->target_name);
	free(drive);
}

static void drive_loop(struct osy_drive *drive)
{
	unsigned attempt = 0;
	bool more = true;

	while (more && !osy_driver_stopping(drive->driver)) {
		struct osy_err err = OSY_ERR_NONE;
		enum osy_run_state before = drive->state;
		int64_t begun_at = osy_mono_ms();
		enum osy_code rc = step(drive, &more, &err);
		if (rc == OSY_OK || drive->state != before || osy_mono_ms() - begun_at > 60000)
			attempt = 0;
		if (rc && !recover(drive, &err, attempt++))
			break;
		if (rc)
			more = true;
	}
}

void *osy_drive_main(void *arg)
{
	struct osy_drive *drive = arg;
	struct osy_driver *driver = drive->driver;
	char run[40];

	memcpy(run, drive->run, sizeof(run));
	osy_run_topic(drive->settings->kafka_prefix, run, drive->topic, sizeof(drive->topic));
	drive->pg = osy_pg_new(
		drive->settings->postgres_url, "orgsync-coordinator-run", SQL_TIMEOUT_MS);
	drive->http = osy_http_new(16);
	osy_http_set_timeout(drive->http, (unsigned)drive->settings->request_limit_ms + LATE_MS);
	osy_log(OSY_INFO, "run.driven", OSY_KV("run", run), OSY_KV_INT("epoch", drive->epoch));
	drive_loop(drive);
	release(drive);
	osy_log(OSY_INFO, "run.left", OSY_KV("run", run),
		OSY_KV("state", osy_run_state_name(drive->state)));
	drive_free(drive);
	osy_driver_ended(driver, run);
	return NULL;
}
