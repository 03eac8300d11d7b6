#include <time.h>

#include "drive_run.h"
#include "osy/clock.h"
#include "osy/idmap.h"
#include "osy/log.h"

#define GONE_MS 30000 /* a person waits for it */

/* Deleted in the eyes of all programs: workers let go of its lanes. */
static enum osy_code mark(struct osy_pg *pg, const char *run, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(pg, &row, err,
		"WITH gone AS (UPDATE run SET state = 'Deleted', wanted = NULL WHERE id = $1 AND "
		"state NOT IN ('Scan In Progress', 'Sync In Progress', 'Rollback', 'Rollback "
		"Started', 'Paused') AND coalesce(automation, 'on') = 'on' RETURNING 1), moved AS "
		"(UPDATE world SET version = version + 1 WHERE EXISTS (SELECT 1 FROM gone)) SELECT "
		"(SELECT count(*) FROM gone), (SELECT state FROM run WHERE id = $1), (SELECT "
		"coalesce(automation, 'on') <> 'on' FROM run WHERE id = $1)",
		OSY_PG_Z(run));

	if (rc)
		return rc;
	struct osy_str state = osy_pg_str(row, 0, 1);
	if (!state.p)
		return osy_no_such_run(run, err);
	if (osy_pg_i64(row, 0, 0, 0) == 0 && osy_pg_i64(row, 0, 2, 0))
		return osy_fail(err, OSY_E_STATE,
			"run %s has automation of its target off, and alone knows what it was; "
			"`orgsync run automation %s` shows it, --enable brings it back",
			run, run);
	if (osy_pg_i64(row, 0, 0, 0) == 0)
		return osy_fail(err, OSY_E_STATE,
			"run %s is in state '%.*s' and cannot be deleted; abort it first", run,
			(int)state.len, state.p);
	return OSY_OK;
}

/* Lanes whose worker still lives; those of a dead one do not matter. */
static enum osy_code held_lanes(struct osy_pg *pg, const struct osy_settings *settings,
	const char *run, int64_t *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(pg, &row, err,
		"SELECT count(*) FROM lane l JOIN process p ON p.id = l.owner WHERE l.run = $1 AND "
		"p.heartbeat_at > clock_timestamp() - $2 * interval '1 millisecond'",
		OSY_PG_Z(run), OSY_PG_I64(settings->lease_ms));

	if (!rc)
		*ret = osy_pg_i64(row, 0, 0, 0);
	return rc;
}

/* ---- The work: whoever drives the run ---- */
static enum osy_code wait_for_lanes(struct osy_drive *drive, struct osy_err *err)
{
	int64_t held = 0;
	enum osy_code rc = held_lanes(drive->pg, drive->settings, drive->run, &held, err);

	if (rc || held == 0)
		return rc;
	osy_driver_waiting(drive->driver, true); /* no run that has work waits for this one */
	while (!rc && held) {
		rc = osy_drive_wait(drive, 100, err);
		if (!rc)
			rc = held_lanes(drive->pg, drive->settings, drive->run, &held, err);
	}
	osy_driver_waiting(drive->driver, false);
	return rc;
}

static void drop_claims(struct osy_drive *drive)
{
	struct osy_err err = OSY_ERR_NONE;
	struct osy_redis *redis = osy_redis_new(drive->settings->redis_url);
	struct osy_idmap *idmap = osy_idmap_new(redis, drive->pg, drive->settings->kafka_prefix);

	if (osy_idmap_claims_drop(idmap, drive->run, &err))
		osy_log(OSY_WARN, "run.claims_left", OSY_KV("run", drive->run), OSY_KV_ERR(&err));
	osy_idmap_free(idmap);
	osy_redis_free(redis);
}

/* What grows with records goes a part at a time: no statement takes long, whatever the run's size.
 */
static enum osy_code delete_rows(struct osy_drive *drive, const char *sql, struct osy_err *err)
{
	int64_t gone = 0;

	do {
		OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
		enum osy_code rc = osy_pg_do(drive->pg, &result, err, sql, OSY_PG_Z(drive->run));
		if (!rc)
			rc = osy_drive_wait(drive, 0, err);
		if (rc)
			return rc;
		gone = osy_pg_i64(result, 0, 0, 0);
	} while (gone > 0);
	return OSY_OK;
}

#define DELETE_PART(table, rows)                                                              \
	"WITH gone AS (DELETE FROM " table " WHERE ctid = ANY (ARRAY(SELECT ctid FROM " table \
	" WHERE run = $1 LIMIT " rows ")) RETURNING 1) SELECT count(*) FROM gone"

enum osy_code osy_drive_delete(struct osy_drive *drive, struct osy_err *err)
{
	enum osy_code rc = wait_for_lanes(drive, err);

	if (!rc)
		rc = osy_kafka_topic_delete(drive->kafka, drive->topic, err);
	if (rc)
		return rc;
	drop_claims(drive);
	/* records that wait stay, whoever put them there; those that this run has settled do not
	 * come back */
	rc = osy_pg_do(drive->pg, NULL, err, "DELETE FROM waiting WHERE in_run = $1",
		OSY_PG_Z(drive->run));
	if (!rc)
		rc = delete_rows(drive, DELETE_PART("failure", "20000"), err);
	if (!rc)
		rc = delete_rows(drive, DELETE_PART("batch", "1000"), err);
	if (!rc)
		rc = delete_rows(drive, DELETE_PART("file_body", "20000"), err);
	if (!rc)
		rc = osy_pg_do(drive->pg, NULL, err,
			"DELETE FROM run WHERE id = $1 AND owner = $2 AND epoch = $3",
			OSY_PG_Z(drive->run), OSY_PG_Z(osy_driver_id(drive->driver)),
			OSY_PG_I64(drive->epoch));
	if (!rc)
		osy_log(OSY_INFO, "run.deleted", OSY_KV("run", drive->run));
	return rc;
}

/* ---- Asking for it ---- */
static enum osy_code is_gone(struct osy_pg *pg, const char *run, bool *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc =
		osy_pg_do(pg, &row, err, "SELECT 1 FROM run WHERE id = $1", OSY_PG_Z(run));

	*ret = !rc && osy_pg_rows(row) == 0;
	return rc;
}

enum osy_code osy_drive_ask_delete(
	struct osy_pg *pg, struct osy_driver *driver, const char *run, struct osy_err *err)
{
	int64_t until = osy_mono_ms() + GONE_MS;
	const struct timespec pause = {.tv_nsec = 50 * 1000000L};
	enum osy_code rc = mark(pg, run, err);
	bool gone = false;

	if (rc)
		return rc;
	osy_driver_wake(driver);
	for (;;) {
		rc = is_gone(pg, run, &gone, err);
		if (rc || gone)
			return rc;
		if (osy_mono_ms() > until)
			return osy_fail(err, OSY_E_TIMEOUT,
				"run %s is Deleted, and what it has left is being removed; that "
				"takes longer than usual",
				run);
		nanosleep(&pause, NULL);
	}
}
