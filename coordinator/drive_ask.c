#include <stdio.h>
#include <string.h>

#include "drive_run.h"
#include "hook.h"
#include "osy/clock.h"
#include "osy/mem.h"
#include "osy/org_store.h"
#include "stage.h"

enum osy_code osy_no_such_run(const char *run, struct osy_err *err)
{
	return osy_fail(err, OSY_E_NOT_FOUND,
		"there is no run '%s'; `orgsync run list` shows those that are", run);
}

/* ---- A run's row, locked, and what may be asked in its state ---- */
struct asked {
	enum osy_run_state state;
	bool published, wants, held, troubled; /* a problem is told */
	bool reorders;	/* the plan with the order that was saved is not made yet */
	char apart[64]; /* one of its orgs that is disconnected, "": none */
	const char *run;
};

static enum osy_code ask_begin(
	struct osy_pg *pg, const char *run, struct asked *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_begin(pg, err);

	if (!rc)
		rc = osy_pg_do(pg, &row, err,
			"SELECT state, published, wanted IS NOT NULL, held, order_version < "
			"(SELECT coalesce(max(version), 0) FROM run_order o WHERE o.run = r.id), "
			"(SELECT min(name) FROM org WHERE name IN (r.source, r.target) AND "
			"disconnected_at IS NOT NULL), problem IS NOT NULL FROM run r WHERE id = "
			"$1 FOR UPDATE OF r",
			OSY_PG_Z(run));
	if (!rc && osy_pg_rows(row) == 0)
		rc = osy_no_such_run(run, err);
	if (!rc && !osy_run_state_parse(osy_pg_str(row, 0, 0), &ret->state))
		rc = osy_fail(err, OSY_E_INTERNAL, "run %s is in an unknown state", run);
	if (rc) {
		osy_pg_rollback(pg);
		return rc;
	}
	ret->published = osy_pg_i64(row, 0, 1, 0) != 0;
	ret->wants = osy_pg_i64(row, 0, 2, 0) != 0;
	ret->held = osy_pg_i64(row, 0, 3, 0) != 0;
	ret->reorders = osy_pg_i64(row, 0, 4, 0) != 0;
	struct osy_str apart = osy_pg_str(row, 0, 5);
	(void)snprintf(
		ret->apart, sizeof(ret->apart), "%.*s", (int)apart.len, apart.len ? apart.p : "");
	ret->troubled = osy_pg_i64(row, 0, 6, 0) != 0;
	ret->run = run;
	return OSY_OK;
}

/* The same for what needs both orgs. */
static enum osy_code ask_begin_work(
	struct osy_pg *pg, const char *run, struct asked *ret, struct osy_err *err)
{
	enum osy_code rc = ask_begin(pg, run, ret, err);

	if (rc || !ret->apart[0])
		return rc;
	osy_pg_rollback(pg);
	return osy_org_store_apart(ret->apart, err);
}

/* Ends the transaction: with this UPDATE of the run (parameter $1 is its id), with what was done
 * in it already (""), or as if nothing was asked (NULL). */
static enum osy_code ask_end(
	struct osy_pg *pg, const struct asked *asked, const char *sql, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	if (!sql) {
		osy_pg_rollback(pg);
		return OSY_OK;
	}
	if (sql[0])
		rc = osy_pg_do(pg, NULL, err, sql, OSY_PG_Z(asked->run));
	if (!rc)
		rc = osy_pg_do(pg, NULL, err, "UPDATE world SET version = version + 1");
	if (!rc)
		return osy_pg_commit(pg, err);
	osy_pg_rollback(pg);
	return rc;
}

static enum osy_code refuse(
	struct osy_pg *pg, const struct asked *asked, const char *what, struct osy_err *err)
{
	osy_pg_rollback(pg);
	return osy_fail(err, OSY_E_STATE, "run %s is in state '%s' and cannot be %s", asked->run,
		osy_run_state_name(asked->state), what);
}

enum osy_code osy_drive_ask_scan(struct osy_pg *pg, const char *run, struct osy_err *err)
{
	struct asked asked;
	enum osy_code rc = ask_begin_work(pg, run, &asked, err);

	if (rc)
		return rc;
	if (asked.state == OSY_RUN_SCANNING)
		return ask_end(pg, &asked, NULL, err);
	if ((asked.state != OSY_RUN_NOT_STARTED && asked.state != OSY_RUN_SCANNED) || asked.wants)
		return refuse(pg, &asked, "scanned", err);
	return ask_end(pg, &asked,
		"UPDATE run SET state = 'Scan In Progress', problem = NULL WHERE id = $1", err);
}

enum osy_code osy_drive_ask_start(struct osy_pg *pg, const char *run, struct osy_err *err)
{
	struct asked asked;
	enum osy_code rc = ask_begin_work(pg, run, &asked, err);

	if (rc)
		return rc;
	if (asked.state == OSY_RUN_SYNCING)
		return ask_end(pg, &asked, NULL, err);
	if (asked.state == OSY_RUN_NOT_STARTED)
		return ask_end(pg, &asked,
			"UPDATE run SET state = 'Scan In Progress', wanted = 'start', problem = "
			"NULL WHERE id = $1",
			err);
	if (asked.state == OSY_RUN_SCANNING && asked.reorders) {
		osy_pg_rollback(pg);
		return osy_fail(err, OSY_E_STATE,
			"run %s works its order out anew; start it when it is Scanned", run);
	}
	if (asked.state == OSY_RUN_SCANNING || asked.state == OSY_RUN_SCANNED)
		return ask_end(pg, &asked, "UPDATE run SET wanted = 'start' WHERE id = $1", err);
	if (asked.state != OSY_RUN_PAUSED)
		return refuse(pg, &asked, "started", err);
	osy_pg_rollback(pg);
	return osy_fail(
		err, OSY_E_STATE, "run %s is Paused; `orgsync run resume %s` goes on", run, run);
}

enum osy_code osy_drive_ask_pause(
	struct osy_pg *pg, const char *run, const char *who, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf why = OSY_BUF(1024);
	struct asked asked;
	enum osy_code rc = ask_begin(pg, run, &asked, err);

	if (rc)
		return rc;
	if (asked.held)
		return ask_end(pg, &asked, NULL, err);
	if ((asked.state != OSY_RUN_SYNCING && asked.state != OSY_RUN_PAUSED) || asked.wants)
		return refuse(pg, &asked, "paused", err);
	osy_buf_addf(&why, "paused by %.200s; `orgsync run resume %s` goes on", who, run);
	rc = osy_pg_do(pg, NULL, err, "UPDATE run SET held = true, problem = $2 WHERE id = $1",
		OSY_PG_Z(run), OSY_PG_Z(why.p));
	if (!rc)
		return ask_end(pg, &asked, "", err);
	osy_pg_rollback(pg);
	return rc;
}

/* Paused by a limit of an org. */
static enum osy_code refuse_resume(struct osy_pg *pg, const char *run, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(pg, &row, err,
		"SELECT EXISTS (SELECT 1 FROM batch b JOIN run r ON r.id = b.run AND r.pass = "
		"b.pass WHERE b.run = $1 AND b." OSY_FILES_WAIT ")",
		OSY_PG_Z(run));

	osy_pg_rollback(pg);
	if (rc)
		return rc;
	if (osy_pg_i64(row, 0, 0, 0))
		return osy_fail(err, OSY_E_STATE,
			"run %s is Paused because its target takes no more files within 24 hours; "
			"it goes on by itself when it takes more",
			run);
	return osy_fail(err, OSY_E_STATE,
		"run %s is Paused because an org has no API calls left for it; it goes on by "
		"itself when there are calls again, or with a smaller apiReservePercent in a new "
		"run",
		run);
}

enum osy_code osy_drive_ask_resume(struct osy_pg *pg, const char *run, struct osy_err *err)
{
	struct asked asked;
	enum osy_code rc = ask_begin_work(pg, run, &asked, err);

	if (rc)
		return rc;
	if (asked.held)
		return ask_end(pg, &asked,
			"UPDATE run SET held = false, problem = NULL WHERE id = $1", err);
	/* one that is Paused without a reason has been resumed just now */
	if (asked.state == OSY_RUN_SYNCING || (asked.state == OSY_RUN_PAUSED && !asked.troubled))
		return ask_end(pg, &asked, NULL, err);
	if (asked.state != OSY_RUN_PAUSED)
		return refuse(pg, &asked, "resumed", err);
	return refuse_resume(pg, run, err);
}

enum osy_code osy_drive_ask_abort(struct osy_pg *pg, const char *run, struct osy_err *err)
{
	struct asked asked;
	enum osy_code rc = ask_begin(pg, run, &asked, err);

	if (rc)
		return rc;
	if (asked.state == OSY_RUN_ABORTED)
		return ask_end(pg, &asked, NULL, err);
	if (asked.state == OSY_RUN_NOT_STARTED || asked.state == OSY_RUN_SCANNED)
		return ask_end(pg, &asked,
			"UPDATE run SET state = 'Aborted', phase = 'Aborted', wanted = NULL, "
			"ended_at = now() WHERE id = $1",
			err);
	if (asked.state == OSY_RUN_SCANNING || asked.state == OSY_RUN_SYNCING ||
		asked.state == OSY_RUN_PAUSED)
		return ask_end(pg, &asked,
			"UPDATE run SET wanted = 'abort', held = false, problem = NULL WHERE id = "
			"$1",
			err);
	return refuse(pg, &asked, "aborted", err);
}

/* ---- Later passes ---- */
static enum osy_code ask_pass(
	struct osy_pg *pg, const struct asked *asked, const char *kind, struct osy_err *err)
{
	enum osy_code rc = osy_pg_do(pg, NULL, err,
		"UPDATE run SET state = 'Sync In Progress', phase = 'Initializing', pass = pass + "
		"1, pass_kind = $2, open_stage = 0, wanted = NULL, held = false, problem = NULL, "
		"started_at = now(), first_started_at = coalesce(first_started_at, now()), "
		"ended_at = NULL WHERE id = $1",
		OSY_PG_Z(asked->run), OSY_PG_Z(kind));

	if (rc) {
		osy_pg_rollback(pg);
		return rc;
	}
	return ask_end(pg, asked, "", err);
}

enum osy_code osy_drive_ask_replay(struct osy_pg *pg, const char *run, struct osy_err *err)
{
	struct asked asked;
	enum osy_code rc = ask_begin_work(pg, run, &asked, err);

	if (rc)
		return rc;
	if (asked.state != OSY_RUN_SYNCED && asked.state != OSY_RUN_ABORTED)
		return refuse(pg, &asked, "replayed", err);
	if (!asked.published) {
		osy_pg_rollback(pg);
		return osy_fail(err, OSY_E_STATE,
			"run %s was aborted before everything was read, so its journal is not "
			"whole; create a new run instead of a replay",
			run);
	}
	return ask_pass(pg, &asked, "replay", err);
}

/* What a retry would take: records, links; and what is neither in nor a failure: records without an
 * outcome, those that an abort has skipped, lookups whose turn has not come. */
struct retakes {
	int64_t failed, skipped, links, open, unsent, unlinked;
};

/* What has failed before it was skipped for an abort has failed still: a retry takes it. */
static enum osy_code count_retakes(
	struct osy_pg *pg, const char *run, struct retakes *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(pg, &row, err,
		"SELECT coalesce(sum(d_failed), 0)::bigint, coalesce(sum(d_skipped), 0)::bigint, "
		"(SELECT count(*) FROM failure WHERE run = $1 AND kind = 'link' AND resolved_pass "
		"IS NULL), (SELECT coalesce(sum(published), 0) FROM run_object WHERE run = "
		"$1)::bigint - coalesce(sum(d_inserted + d_updated + d_existing + d_skipped + "
		"d_deleted + d_failed), 0)::bigint, (SELECT count(*) FROM failure f JOIN batch a "
		"USING (run, pass, lane, at_offset) WHERE f.run = $1 AND f.kind = 'notice' AND "
		"f.code = '" OSY_FAIL_ABORTED "' AND f.resolved_pass IS NULL AND NOT a.links AND "
		"NOT EXISTS (SELECT 1 FROM failure o "
		"WHERE o.run = $1 AND o.kind = 'record' AND o.pass < f.pass AND o.lane = f.lane "
		"AND "
		"o.at_offset = f.at_offset AND o.row_index = f.row_index)) FROM "
		"batch WHERE run = $1 AND NOT links",
		OSY_PG_Z(run));

	if (rc)
		return rc;
	*ret = (struct retakes){.failed = osy_pg_i64(row, 0, 0, 0),
		.skipped = osy_pg_i64(row, 0, 1, 0),
		.links = osy_pg_i64(row, 0, 2, 0),
		.open = osy_pg_i64(row, 0, 3, 0),
		.unsent = osy_pg_i64(row, 0, 4, 0)};
	return OSY_OK;
}

/* Batches of links that an abort has left, since the last pass that took the whole journal (it has
 * no rows of retake, and each of its lanes is behind the last batch of records): that one has made
 * the links of those before it. */
static enum osy_code count_unlinked(
	struct osy_pg *pg, const char *run, int64_t *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(pg, &row, err,
		"WITH ends AS (SELECT lane, max(at_offset) AS at_offset FROM batch WHERE run = $1 "
		"AND NOT links GROUP BY lane), whole AS (SELECT coalesce(max(p.pass), 1) AS pass "
		"FROM (SELECT DISTINCT pass FROM lane WHERE run = $1) p WHERE NOT EXISTS (SELECT 1 "
		"FROM retake t WHERE t.run = $1 AND t.pass = p.pass) AND NOT EXISTS (SELECT 1 FROM "
		"ends e LEFT JOIN lane l ON l.run = $1 AND l.pass = p.pass AND l.lane = e.lane "
		"WHERE l.position IS NULL OR l.position <= e.at_offset)), made AS (SELECT b.pass, "
		"b.lane, b.at_offset FROM batch b, "
		"whole "
		"WHERE b.run = $1 AND b.links AND b.state = 'done' AND b.pass >= whole.pass AND "
		"EXISTS (SELECT 1 FROM deferred d WHERE d.run = $1 AND d.pass = b.pass)) SELECT "
		"(SELECT count(*) FROM deferred d, whole WHERE d.run = $1 AND d.pass >= "
		"whole.pass) "
		"- (SELECT count(*) FROM made) + (SELECT count(*) FROM failure f JOIN made USING "
		"(pass, lane, at_offset) WHERE f.run = $1 AND f.kind = 'notice' AND f.code = "
		"'" OSY_FAIL_ABORTED "')",
		OSY_PG_Z(run));

	if (!rc)
		*ret = osy_pg_i64(row, 0, 0, 0);
	return rc;
}

static enum osy_code check_retakes(
	struct osy_pg *pg, const struct asked *asked, bool skipped_too, struct osy_err *err)
{
	struct retakes retakes = {0};
	enum osy_code rc = count_retakes(pg, asked->run, &retakes, err);

	if (!rc)
		rc = count_unlinked(pg, asked->run, &retakes.unlinked, err);
	if (rc)
		return rc;
	if (!asked->published || retakes.open > 0 || retakes.unlinked > 0 ||
		(retakes.unsent > 0 && !skipped_too))
		return osy_fail(err, OSY_E_STATE,
			"run %s was aborted before everything was loaded, so there is more to do "
			"than what has failed; %s",
			asked->run,
			asked->published ? "replay it: what is in already is only compared"
					 : "create a new run: what is in already is only compared");
	if (retakes.failed + retakes.links + (skipped_too ? retakes.skipped : 0) == 0)
		return osy_fail(err, OSY_E_STATE, "run %s has no failed%s record", asked->run,
			skipped_too ? " and no skipped" : "");
	return OSY_OK;
}

static enum osy_code ask_retake(
	struct osy_pg *pg, const char *run, bool skipped_too, struct osy_err *err)
{
	struct asked asked;
	enum osy_code rc = ask_begin_work(pg, run, &asked, err);

	if (rc)
		return rc;
	if (asked.state != OSY_RUN_SYNCED && asked.state != OSY_RUN_ABORTED)
		return refuse(pg, &asked, skipped_too ? "resynced" : "retried", err);
	rc = check_retakes(pg, &asked, skipped_too, err);
	if (!rc)
		return ask_pass(pg, &asked, skipped_too ? "resync" : "retry", err);
	osy_pg_rollback(pg);
	return rc;
}

enum osy_code osy_drive_ask_retry(struct osy_pg *pg, const char *run, struct osy_err *err)
{
	return ask_retake(pg, run, false, err);
}

enum osy_code osy_drive_ask_resync(struct osy_pg *pg, const char *run, struct osy_err *err)
{
	return ask_retake(pg, run, true, err);
}

enum osy_code osy_drive_ask_rollback(
	struct osy_pg *pg, const char *run, bool dry, bool force, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	struct asked asked;
	enum osy_code rc = ask_begin_work(pg, run, &asked, err);

	if (rc)
		return rc;
	if ((asked.state != OSY_RUN_SYNCED && asked.state != OSY_RUN_ABORTED &&
		    asked.state != OSY_RUN_ROLLBACK_COMPLETED) ||
		asked.wants)
		return refuse(pg, &asked, "rolled back", err);
	rc = osy_pg_do(pg, &rows, err,
		"UPDATE run SET rollback = json_build_object('dryRun', $2::boolean, 'force', "
		"$3::boolean, 'was', state)::text WHERE id = $1 AND spec IS NOT NULL RETURNING 1",
		OSY_PG_Z(run), OSY_PG_BOOL(dry), OSY_PG_BOOL(force));
	if (!rc && !osy_pg_rows(rows))
		rc = osy_fail(err, OSY_E_STATE,
			"run %s ended before it was scanned; there is nothing to roll back", run);
	if (rc) {
		osy_pg_rollback(pg);
		return rc;
	}
	rc = osy_pg_do(pg, NULL, err,
		"UPDATE failure SET resolved_pass = r.pass + 1 FROM run r WHERE r.id = $1 AND "
		"failure.run = r.id AND kind = 'rollback' AND resolved_pass IS NULL",
		OSY_PG_Z(run));
	if (rc) {
		osy_pg_rollback(pg);
		return rc;
	}
	return ask_end(pg, &asked,
		"WITH o AS (UPDATE run_object SET pass_records = NULL WHERE run = $1) UPDATE run "
		"SET state = 'Rollback', phase = 'Initializing', pass_kind = 'rollback', "
		"loaded_pass = CASE WHEN state = 'Rollback Completed' THEN loaded_pass ELSE pass "
		"END, pass = pass + 1, open_stage = 0, problem = NULL WHERE id = $1",
		err);
}

/* ---- Creating ---- */
static enum osy_code check_orgs(
	struct osy_pg *pg, const char *source, const char *target, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	enum osy_code rc = osy_pg_do(pg, &rows, err,
		"SELECT s.name IS NOT NULL, t.name IS NOT NULL, coalesce(s.org_id = t.org_id, "
		"false), s.disconnected_at IS NOT NULL, t.disconnected_at IS NOT NULL FROM "
		"(SELECT 1) one LEFT JOIN org s ON s.name = $1 LEFT JOIN org t ON t.name = $2",
		OSY_PG_Z(source), OSY_PG_Z(target));

	if (rc)
		return rc;
	for (int i = 0; i < 2; i++) {
		if (!osy_pg_i64(rows, 0, i, 0))
			return osy_fail(err, OSY_E_NOT_FOUND,
				"there is no org '%s'; `orgsync org list` shows those that are",
				i ? target : source);
		if (osy_pg_i64(rows, 0, 3 + i, 0))
			return osy_org_store_apart(i ? target : source, err);
	}
	if (strcmp(source, target) == 0 || osy_pg_i64(rows, 0, 2, 0))
		return osy_fail(err, OSY_E_INVALID,
			"source '%s' and target '%s' are the same org; a run needs two", source,
			target);
	return OSY_OK;
}

static enum osy_code check_since(struct osy_pg *pg, const char *template_name, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(pg, &row, err,
		"SELECT coalesce((doc::json -> 'options' ->> 'deltaSync')::boolean, false) FROM "
		"template WHERE name = $1",
		OSY_PG_Z(template_name));

	if (!rc && osy_pg_rows(row) && !osy_pg_i64(row, 0, 0, 0))
		return osy_fail(err, OSY_E_INVALID,
			"template '%s' reads everything each time, so that since has no meaning; "
			"give it options: {deltaSync: true}",
			template_name);
	return rc;
}

static enum osy_code no_such_template(const char *name, struct osy_err *err)
{
	return osy_fail(err, OSY_E_NOT_FOUND,
		"there is no template '%s'; `orgsync template list` shows those that are", name);
}

enum osy_code osy_drive_may_create(struct osy_pg *pg, const char *template_name, const char *source,
	const char *target, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = check_orgs(pg, source, target, err);

	if (!rc)
		rc = osy_pg_do(pg, &row, err, "SELECT 1 FROM template WHERE name = $1",
			OSY_PG_Z(template_name));
	if (!rc && !osy_pg_rows(row))
		return no_such_template(template_name, err);
	return rc;
}

enum osy_code osy_drive_start_new(struct osy_pg *pg, const char *run, struct osy_err *err)
{
	enum osy_code rc = osy_pg_do(pg, NULL, err,
		"UPDATE run SET state = 'Scan In Progress', wanted = 'start' WHERE id = $1",
		OSY_PG_Z(run));

	return rc ? rc : osy_pg_do(pg, NULL, err, "UPDATE world SET version = version + 1");
}

enum osy_code osy_drive_create(struct osy_pg *pg, const char *template_name, const char *source,
	const char *target, const char *name, int64_t since, const char *created_by,
	char ret_run[40], struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	char run[40];
	enum osy_code rc = check_orgs(pg, source, target, err);

	if (!rc && since >= 0)
		rc = check_since(pg, template_name, err);
	if (!rc)
		rc = osy_hooks_are_there(pg, template_name, err);
	if (rc)
		return rc;
	osy_new_id("", run, sizeof(run));
	rc = osy_pg_do(pg, &row, err,
		"INSERT INTO run (id, name, template, doc, source, target, created_by, since) "
		"SELECT $1, $2, t.name, t.doc, $4, $5, $6, to_timestamp($7::bigint / 1000.0) FROM "
		"template t WHERE t.name = $3 RETURNING id",
		OSY_PG_Z(run), name && name[0] ? OSY_PG_Z(name) : OSY_PG_NULL,
		OSY_PG_Z(template_name), OSY_PG_Z(source), OSY_PG_Z(target),
		OSY_PG_Z(created_by ? created_by : ""),
		since < 0 ? OSY_PG_NULL : OSY_PG_I64(since));
	if (rc)
		return rc;
	if (osy_pg_rows(row) == 0)
		return no_such_template(template_name, err);
	memcpy(ret_run, run, sizeof(run));
	return OSY_OK;
}
