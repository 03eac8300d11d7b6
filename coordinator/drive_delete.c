#include <stdlib.h>
#include <time.h>

#include "drive_run.h"
#include "osy/clock.h"
#include "osy/idmap.h"
#include "osy/log.h"

#define LANES_LET_GO_MS 30000

/* Deleted in the eyes of all programs: workers let go of its lanes. */
static enum osy_code mark(struct osy_pg *pg, const char *run, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(pg, &row, err,
		"WITH gone AS (UPDATE run SET state = 'Deleted', wanted = NULL WHERE id = $1 AND "
		"state NOT IN "
		"('Scan In Progress', 'Sync In Progress', 'Rollback', 'Rollback Started', "
		"'Paused') "
		"AND coalesce(automation, 'on') = 'on' RETURNING 1), moved AS (UPDATE world SET "
		"version = version + 1 WHERE EXISTS "
		"(SELECT 1 "
		"FROM gone)) SELECT (SELECT count(*) FROM gone), (SELECT state FROM run WHERE id = "
		"$1), (SELECT coalesce(automation, 'on') <> 'on' FROM run WHERE id = $1)",
		OSY_PG_Z(run));

	if (rc)
		return rc;
	struct osy_str state = osy_pg_str(row, 0, 1);
	if (!state.p)
		return osy_fail(err, OSY_E_NOT_FOUND,
			"there is no run '%s'; `orgsync run list` shows those that are", run);
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

static enum osy_code wait_for_lanes(struct osy_pg *pg, const struct osy_settings *settings,
	const char *run, struct osy_err *err)
{
	int64_t until = osy_mono_ms() + LANES_LET_GO_MS, held = 0;
	const struct timespec pause = {.tv_nsec = 100 * 1000000L};

	for (;;) {
		enum osy_code rc = held_lanes(pg, settings, run, &held, err);
		if (rc || held == 0)
			return rc;
		if (osy_mono_ms() > until)
			return osy_fail(err, OSY_E_TIMEOUT,
				"workers still hold %lld lanes of run %s; ask again in a while",
				(long long)held, run);
		nanosleep(&pause, NULL);
	}
}

static void drop_claims(struct osy_pg *pg, const struct osy_settings *settings, const char *run)
{
	struct osy_err err = OSY_ERR_NONE;
	struct osy_redis *redis = osy_redis_new(settings->redis_url);
	struct osy_idmap *idmap = osy_idmap_new(redis, pg, settings->kafka_prefix);

	if (osy_idmap_claims_drop(idmap, run, &err))
		osy_log(OSY_WARN, "run.claims_left", OSY_KV("run", run), OSY_KV_ERR(&err));
	osy_idmap_free(idmap);
	osy_redis_free(redis);
}

enum osy_code osy_drive_delete(struct osy_pg *pg, struct osy_kafka *kafka,
	const struct osy_settings *settings, const char *run, struct osy_err *err)
{
	char topic[200];
	enum osy_code rc = mark(pg, run, err);

	if (!rc)
		rc = wait_for_lanes(pg, settings, run, err);
	osy_run_topic(settings->kafka_prefix, run, topic, sizeof(topic));
	if (!rc)
		rc = osy_kafka_topic_delete(kafka, topic, err);
	if (rc)
		return rc;
	drop_claims(pg, settings, run);
	return osy_pg_do(pg, NULL, err, "DELETE FROM run WHERE id = $1", OSY_PG_Z(run));
}
