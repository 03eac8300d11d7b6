#include "schedule.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cron.h"
#include "drive.h"
#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "osy/mem.h"

#define LOOK_MS 1000
#define SQL_TIMEOUT_MS 20000

/* A schedule whose row is ours until the transaction ends, and what comes of its time. */
struct firing {
	struct osy_pg_result *row;
	struct osy_str cron, cleans;
	char *name, *template, *source, *target;
	bool paused;
	int64_t now; /* wall ms, of Postgres */
	/* what came of it */
	const char *result;
	char run[40], note[600];
	int64_t removed;
	bool more; /* and its time stays due */
};

static void firing_done(struct firing *firing)
{
	osy_pg_result_free(firing->row);
	free(firing->name);
	free(firing->template);
	free(firing->source);
	free(firing->target);
}

static char *text_of(const struct firing *firing, int column)
{
	struct osy_str text = osy_pg_str(firing->row, 0, column);

	return text.p ? osy_xstrndup(text.p, text.len) : NULL;
}

/* A session that falls silent here (a frozen process, a net that is gone) gives the row back. */
static enum osy_code bound(
	struct osy_pg *pg, const struct osy_settings *settings, struct osy_err *err)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)settings->lease_ms);
	return osy_pg_do(pg, NULL, err,
		"SELECT set_config('idle_in_transaction_session_timeout', $1, true)",
		OSY_PG_Z(text));
}

/* Runs come before clean-ups, which may be long, and else any of those that are due: one that
 * cannot be fired holds up no other. */
static enum osy_code pick(struct osy_pg *pg, const char *name, struct firing *ret, bool *ret_found,
	struct osy_err *err)
{
	enum osy_code rc = osy_pg_do(pg, &ret->row, err,
		"SELECT name, cron, template, source, target, cleans, paused, clock_timestamp() "
		"FROM schedule WHERE next_at <= clock_timestamp() AND ($1::text IS NULL OR name = "
		"$1) ORDER BY cleans IS NOT NULL, random() LIMIT 1 FOR UPDATE SKIP LOCKED",
		OSY_PG_TEXT(osy_str(name)));

	*ret_found = !rc && osy_pg_rows(ret->row) > 0;
	if (!*ret_found)
		return rc;
	ret->name = text_of(ret, 0);
	ret->cron = osy_pg_str(ret->row, 0, 1);
	ret->template = text_of(ret, 2);
	ret->source = text_of(ret, 3);
	ret->target = text_of(ret, 4);
	ret->cleans = osy_pg_str(ret->row, 0, 5);
	ret->paused = osy_pg_i64(ret->row, 0, 6, 0) != 0;
	ret->now = osy_pg_i64(ret->row, 0, 7, 0);
	return OSY_OK;
}

/* ---- A run ---- */
static enum osy_code former_run(struct osy_pg *pg, struct firing *firing, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(pg, &row, err,
		"SELECT r.id, r.state FROM firing f JOIN run r ON r.id = f.run WHERE f.schedule = "
		"$1 AND (r.state IN ('Scan In Progress', 'Sync In Progress', 'Paused', 'Rollback', "
		"'Rollback Started') OR r.wanted IS NOT NULL) ORDER BY f.id DESC LIMIT 1",
		OSY_PG_Z(firing->name));

	if (rc || !osy_pg_rows(row))
		return rc;
	struct osy_str run = osy_pg_str(row, 0, 0), state = osy_pg_str(row, 0, 1);
	firing->result = "skipped";
	snprintf(firing->note, sizeof(firing->note), "its run %.*s is still under way (%.*s)",
		(int)run.len, run.p, (int)state.len, state.p);
	return OSY_OK;
}

/* What is not there any more, or is disconnected, is no error of ours: it is what came of it. */
static enum osy_code start_run(struct osy_pg *pg, struct firing *firing, struct osy_err *err)
{
	struct osy_err refused = OSY_ERR_NONE;
	char who[128];

	snprintf(who, sizeof(who), "schedule %.100s", firing->name);
	enum osy_code rc = osy_drive_create(pg, firing->template, firing->source, firing->target,
		NULL, -1, who, firing->run, &refused);
	if (!rc)
		rc = osy_drive_start_new(pg, firing->run, &refused);
	if (!rc)
		rc = osy_pg_do(pg, NULL, &refused,
			"INSERT INTO audit (token, action, subject) VALUES ($1, 'run.start', $2)",
			OSY_PG_Z(who), OSY_PG_Z(firing->run));
	firing->result = rc ? "refused" : "started";
	if (!rc)
		return OSY_OK;
	if (osy_code_class(rc) != OSY_REJECT) {
		*err = refused;
		return rc;
	}
	firing->run[0] = 0;
	snprintf(firing->note, sizeof(firing->note), "%s", refused.msg);
	return OSY_OK;
}

/* ---- Firing ---- */
static enum osy_code work(struct osy_pg *pg, const struct osy_settings *settings,
	struct firing *firing, struct osy_err *err)
{
	enum osy_code rc;

	if (firing->cleans.p) {
		rc = osy_clean(pg, settings, firing->cleans, &firing->removed, &firing->more, err);
		firing->result = firing->more ? "cleaning" : "cleaned";
		return rc;
	}
	rc = former_run(pg, firing, err);
	return rc || firing->result ? rc : start_run(pg, firing, err);
}

static enum osy_code record(struct osy_pg *pg, const struct firing *firing, struct osy_err *err)
{
	return osy_pg_do(pg, NULL, err,
		"INSERT INTO firing (schedule, due_at, result, run, note, removed) SELECT name, "
		"next_at, $2, $3, $4, $5 FROM schedule WHERE name = $1 ON CONFLICT (schedule, "
		"due_at) DO UPDATE SET fired_at = EXCLUDED.fired_at, result = EXCLUDED.result, "
		"removed = firing.removed + EXCLUDED.removed",
		OSY_PG_Z(firing->name), OSY_PG_Z(firing->result),
		firing->run[0] ? OSY_PG_Z(firing->run) : OSY_PG_NULL,
		firing->note[0] ? OSY_PG_Z(firing->note) : OSY_PG_NULL,
		OSY_PG_I64(firing->removed));
}

static enum osy_code move_on(struct osy_pg *pg, const struct firing *firing, struct osy_err *err)
{
	struct osy_cron cron;
	int64_t next;
	enum osy_code rc;

	if (firing->more)
		return OSY_OK;
	rc = osy_cron_parse(firing->cron, &cron, err);
	if (rc)
		return rc;
	next = osy_cron_next(&cron, firing->now); /* -1: never again */
	return osy_pg_do(pg, NULL, err,
		"UPDATE schedule SET next_at = to_timestamp($2::bigint / 1000.0) WHERE name = $1",
		OSY_PG_Z(firing->name),
		firing->paused || next < 0 ? OSY_PG_NULL : OSY_PG_I64(next));
}

static enum osy_code fire(struct osy_pg *pg, const struct osy_settings *settings, const char *name,
	struct firing *firing, bool *ret_fired, struct osy_err *err)
{
	enum osy_code rc = bound(pg, settings, err);

	if (!rc)
		rc = pick(pg, name, firing, ret_fired, err);
	if (rc || !*ret_fired)
		return rc;
	rc = work(pg, settings, firing, err);
	if (!rc)
		rc = record(pg, firing, err);
	if (!rc)
		rc = move_on(pg, firing, err);
	if (!rc && OSY_FAILPOINT("coordinator.schedule_fired"))
		rc = osy_fail(err, OSY_E_POSTGRES, "failpoint coordinator.schedule_fired");
	return rc;
}

enum osy_code osy_schedule_fire(struct osy_pg *pg, const struct osy_settings *settings,
	const char *name, bool *ret_fired, struct osy_err *err)
{
	OSY_AUTO(firing_done) struct firing firing = {.row = NULL};
	enum osy_code rc = osy_pg_begin(pg, err);

	*ret_fired = false;
	if (rc)
		return rc;
	rc = fire(pg, settings, name, &firing, ret_fired, err);
	if (!rc && *ret_fired)
		rc = osy_pg_commit(pg, err);
	else
		osy_pg_rollback(pg);
	if (rc || !*ret_fired)
		return rc;
	(void)OSY_FAILPOINT("coordinator.schedule_committed");
	osy_log(OSY_INFO, "schedule.fired", OSY_KV("schedule", firing.name),
		OSY_KV("result", firing.result), OSY_KV("run", firing.run),
		OSY_KV("why", firing.note), OSY_KV_INT("removed", firing.removed));
	return OSY_OK;
}

/* ---- The thread ---- */
struct osy_schedules {
	const struct osy_settings *settings;
	struct osy_pg *pg;
	pthread_t thread;
	pthread_mutex_t lock; /* stop */
	pthread_cond_t changed;
	bool stop;
};

/* Waits a while; false when it is to end. */
static bool rest(struct osy_schedules *schedules, int64_t ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms % 1000 * 1000000L;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&schedules->lock);
	int rc = 0;
	while (!schedules->stop && rc == 0)
		rc = pthread_cond_timedwait(&schedules->changed, &schedules->lock, &until);
	bool go_on = !schedules->stop;
	pthread_mutex_unlock(&schedules->lock);
	return go_on;
}

static enum osy_code is_due(struct osy_pg *pg, bool *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(pg, &row, err,
		"SELECT EXISTS (SELECT 1 FROM schedule WHERE next_at <= clock_timestamp())");

	*ret = !rc && osy_pg_i64(row, 0, 0, 0) != 0;
	return rc;
}

static void *schedules_main(void *arg)
{
	struct osy_schedules *schedules = arg;
	enum osy_code rc = OSY_OK;
	bool fired = false;

	do {
		struct osy_err err = OSY_ERR_NONE;
		bool due = false;
		rc = is_due(schedules->pg, &due, &err);
		fired = false;
		if (!rc && due)
			rc = osy_schedule_fire(
				schedules->pg, schedules->settings, NULL, &fired, &err);
		if (rc)
			osy_log(OSY_WARN, "schedule.failed", OSY_KV_ERR(&err));
	} while (rest(schedules, !rc && fired ? 0 : LOOK_MS));
	return NULL;
}

enum osy_code osy_schedules_start(
	const struct osy_settings *settings, struct osy_schedules **ret, struct osy_err *err)
{
	struct osy_schedules *schedules = osy_xcalloc(1, sizeof(*schedules));
	pthread_condattr_t attr;

	schedules->settings = settings;
	schedules->pg =
		osy_pg_new(settings->postgres_url, "orgsync-coordinator-schedules", SQL_TIMEOUT_MS);
	pthread_mutex_init(&schedules->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&schedules->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&schedules->thread, NULL, schedules_main, schedules) != 0) {
		osy_pg_free(schedules->pg);
		free(schedules);
		return osy_fail(err, OSY_E_INTERNAL, "cannot start the thread of schedules: %m");
	}
	*ret = schedules;
	return OSY_OK;
}

struct osy_schedules *osy_schedules_stop(struct osy_schedules *schedules)
{
	if (!schedules)
		return NULL;
	pthread_mutex_lock(&schedules->lock);
	schedules->stop = true;
	pthread_cond_signal(&schedules->changed);
	pthread_mutex_unlock(&schedules->lock);
	pthread_join(schedules->thread, NULL);
	osy_pg_free(schedules->pg);
	pthread_cond_destroy(&schedules->changed);
	pthread_mutex_destroy(&schedules->lock);
	free(schedules);
	return NULL;
}
