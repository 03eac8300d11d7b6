#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "drive_run.h"
#include "osy/clock.h"
#include "osy/log.h"
#include "osy/mem.h"

#define LOOK_MS 200
#define SQL_TIMEOUT_MS 3000
/* A run that is driven has a producer; those that wait behind another run, for which there are more
 * threads, do not count among the slots. */
#define MOST_THREADS 128

struct slot {
	bool used, joinable;
	char run[40];
	pthread_t thread;
};

struct osy_driver {
	const struct osy_settings *settings;
	struct osy_kafka *kafka;
	struct osy_pg *pg; /* of the lease thread */
	char id[40];
	pthread_t thread;
	pthread_mutex_t lock; /* slots, waiting, wake */
	pthread_cond_t changed;
	struct slot slots[MOST_THREADS];
	unsigned running, waiting;
	bool wake, stop_lease;
	_Atomic bool stopping;
	_Atomic int64_t beat_at,
		steady_since; /* monotonic ms; beats are unbroken since the second */
	int64_t world;
};

bool osy_driver_may_go(const struct osy_driver *driver)
{
	int64_t at = atomic_load(&driver->beat_at);

	return at && osy_mono_ms() < at + driver->settings->lease_ms -
					     osy_lease_margin_ms(driver->settings->lease_ms);
}

const char *osy_driver_id(const struct osy_driver *driver)
{
	return driver->id;
}

bool osy_driver_stopping(const struct osy_driver *driver)
{
	return atomic_load(&driver->stopping);
}

unsigned osy_driver_runs(const struct osy_driver *driver)
{
	struct osy_driver *mutable = (struct osy_driver *)(uintptr_t)driver;

	pthread_mutex_lock(&mutable->lock);
	unsigned running = driver->running;
	pthread_mutex_unlock(&mutable->lock);
	return running;
}

void osy_driver_wake(struct osy_driver *driver)
{
	pthread_mutex_lock(&driver->lock);
	driver->wake = true;
	pthread_cond_broadcast(&driver->changed);
	pthread_mutex_unlock(&driver->lock);
}

void osy_driver_waiting(struct osy_driver *driver, bool waiting)
{
	pthread_mutex_lock(&driver->lock);
	driver->waiting += waiting ? 1u : -1u;
	pthread_mutex_unlock(&driver->lock);
}

void osy_driver_ended(struct osy_driver *driver, const char *run)
{
	pthread_mutex_lock(&driver->lock);
	for (size_t i = 0; i < MOST_THREADS; i++) {
		struct slot *slot = &driver->slots[i];
		if (slot->used && strcmp(slot->run, run) == 0) {
			slot->used = false;
			driver->running--;
		}
	}
	driver->wake = true;
	pthread_cond_broadcast(&driver->changed);
	pthread_mutex_unlock(&driver->lock);
}

/* ---- Heartbeat ---- */
static enum osy_code register_process(struct osy_driver *driver, struct osy_err *err)
{
	char host[256] = "";

	(void)gethostname(host, sizeof(host) - 1);
	return osy_pg_do(driver->pg, NULL, err,
		"INSERT INTO process (id, kind, host, pid) VALUES ($1, 'coordinator', $2, $3) ON "
		"CONFLICT (id) DO UPDATE SET heartbeat_at = clock_timestamp()",
		OSY_PG_Z(driver->id), OSY_PG_Z(host), OSY_PG_I32(getpid()));
}

static enum osy_code beat(struct osy_driver *driver, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	int64_t sent_at = osy_mono_ms(), before = atomic_load(&driver->beat_at);
	enum osy_code rc = osy_pg_do(driver->pg, &result, err,
		"UPDATE process SET heartbeat_at = clock_timestamp(), draining = $2 WHERE id = $1 "
		"RETURNING 1",
		OSY_PG_Z(driver->id), OSY_PG_BOOL(osy_driver_stopping(driver)));

	if (!rc && osy_pg_rows(result) == 0) {
		rc = register_process(driver, err);
		before = 0;
	}
	if (rc)
		return rc;
	if (!before || sent_at - before > driver->settings->lease_ms -
						  osy_lease_margin_ms(driver->settings->lease_ms))
		atomic_store(&driver->steady_since, sent_at);
	atomic_store(&driver->beat_at, sent_at);
	return OSY_OK;
}

/* Rows of programs that died long ago and left nothing behind. */
static void sweep(struct osy_driver *driver)
{
	struct osy_err ignored = OSY_ERR_NONE;

	(void)!osy_pg_do(driver->pg, NULL, &ignored,
		"DELETE FROM process p WHERE heartbeat_at < clock_timestamp() - interval '10 "
		"minutes' AND NOT EXISTS (SELECT 1 FROM run WHERE owner = p.id) AND NOT EXISTS "
		"(SELECT 1 FROM lane WHERE owner = p.id)");
}

/* ---- Claims ---- */
static size_t live_runs(struct osy_driver *driver, struct osy_str *runs, size_t *ret_free)
{
	size_t count = 0;

	pthread_mutex_lock(&driver->lock);
	for (size_t i = 0; i < MOST_THREADS; i++) {
		if (driver->slots[i].used)
			runs[count++] = osy_str(driver->slots[i].run);
	}
	unsigned busy = driver->running - driver->waiting;
	unsigned slots = (unsigned)driver->settings->run_slots;
	*ret_free = busy < slots ? slots - busy : 0;
	if (*ret_free > MOST_THREADS - count)
		*ret_free = MOST_THREADS - count;
	pthread_mutex_unlock(&driver->lock);
	return count;
}

static void start_thread(struct osy_driver *driver, struct osy_str run, int64_t epoch)
{
	struct osy_drive *drive = osy_xcalloc(1, sizeof(*drive));
	struct slot *slot = NULL;

	*drive = (struct osy_drive){.driver = driver,
		.settings = driver->settings,
		.kafka = driver->kafka,
		.epoch = epoch};
	(void)snprintf(drive->run, sizeof(drive->run), "%.*s", (int)run.len, run.p);
	pthread_mutex_lock(&driver->lock);
	for (size_t i = 0; !slot && i < MOST_THREADS; i++) {
		if (!driver->slots[i].used)
			slot = &driver->slots[i];
	}
	OSY_ASSERT(slot);
	if (slot->joinable)
		pthread_join(slot->thread, NULL); /* it has left the lock for good */
	(void)snprintf(slot->run, sizeof(slot->run), "%s", drive->run);
	slot->used = true;
	driver->running++;
	slot->joinable = pthread_create(&slot->thread, NULL, osy_drive_main, drive) == 0;
	bool started = slot->joinable;
	pthread_mutex_unlock(&driver->lock);
	if (!started) { /* the claim stays ours and is found again */
		osy_driver_ended(driver, drive->run);
		osy_log(OSY_ERROR, "run.no_thread", OSY_KV("run", drive->run));
		free(drive);
	}
}

static enum osy_code claim(struct osy_driver *driver, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_str live[MOST_THREADS];
	size_t most, count = live_runs(driver, live, &most);
	bool steady =
		osy_driver_may_go(driver) &&
		osy_mono_ms() - atomic_load(&driver->steady_since) >= driver->settings->lease_ms;

	if (most == 0 || !osy_driver_may_go(driver))
		return OSY_OK;
	enum osy_code rc = osy_pg_do(driver->pg, &result, err,
		"WITH pick AS (SELECT id FROM run r WHERE (state IN ('Scan In Progress', 'Sync In "
		"Progress', 'Rollback', 'Rollback Started', 'Deleted') OR (state = 'Paused' AND "
		"NOT held) OR wanted IS NOT NULL OR automation = 'restore') AND id <> ALL ($2) AND "
		"(owner IS NULL OR owner = $1 OR ($3 AND NOT EXISTS (SELECT 1 FROM process p WHERE "
		"p.id = r.owner AND p.heartbeat_at > clock_timestamp() - $4 * interval '1 "
		"millisecond'))) ORDER BY state = 'Deleted', phase <> 'Executing', created_at "
		"LIMIT $5 FOR UPDATE SKIP LOCKED) UPDATE run r SET owner = $1, epoch = r.epoch + 1 "
		"FROM pick WHERE r.id = pick.id RETURNING r.id, r.epoch",
		OSY_PG_Z(driver->id), OSY_PG_TEXTS(live, count), OSY_PG_BOOL(steady),
		OSY_PG_I64(driver->settings->lease_ms), OSY_PG_I64((int64_t)most));
	for (size_t i = 0; !rc && i < osy_pg_rows(result); i++)
		start_thread(driver, osy_pg_str(result, i, 0), osy_pg_i64(result, i, 1, 0));
	return rc;
}

/* ---- The lease thread ---- */
static bool look(struct osy_driver *driver)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err ignored = OSY_ERR_NONE;

	if (osy_pg_do(driver->pg, &result, &ignored, "SELECT version FROM world") ||
		osy_pg_rows(result) == 0)
		return false;
	int64_t world = osy_pg_i64(result, 0, 0, 0);
	bool moved = world != driver->world;
	driver->world = world;
	return moved;
}

/* False when the thread is to end; *ret_woken when somebody asked for a look. */
static bool rest(struct osy_driver *driver, bool *ret_woken)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LOOK_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&driver->lock);
	int rc = 0;
	while (!driver->wake && !driver->stop_lease && rc == 0)
		rc = pthread_cond_timedwait(&driver->changed, &driver->lock, &until);
	*ret_woken = driver->wake;
	driver->wake = false;
	bool go_on = !driver->stop_lease;
	pthread_mutex_unlock(&driver->lock);
	return go_on;
}

static void *lease_main(void *arg)
{
	struct osy_driver *driver = arg;
	int64_t next_beat = 0, next_sweep = 0;
	bool woken = true;

	do {
		struct osy_err err = OSY_ERR_NONE;
		enum osy_code rc = OSY_OK;
		int64_t now = osy_mono_ms();
		bool due = now >= next_beat;
		if (due) {
			rc = beat(driver, &err);
			next_beat = rc ? 0 : now + osy_lease_beat_ms(driver->settings->lease_ms);
		}
		bool moved = !rc && look(driver);
		if (!rc && (due || moved || woken) && !osy_driver_stopping(driver))
			rc = claim(driver, &err);
		if (!rc && now >= next_sweep) {
			sweep(driver);
			next_sweep = now + 60000;
		}
		if (rc)
			osy_log(OSY_WARN, "lease.failed", OSY_KV("process", driver->id),
				OSY_KV_ERR(&err));
	} while (rest(driver, &woken));
	return NULL;
}

enum osy_code osy_driver_new(const struct osy_settings *settings, struct osy_kafka *kafka,
	struct osy_driver **ret, struct osy_err *err)
{
	struct osy_driver *driver = osy_xcalloc(1, sizeof(*driver));
	pthread_condattr_t attr;

	driver->settings = settings;
	driver->kafka = kafka;
	osy_new_id("coordinator-", driver->id, sizeof(driver->id));
	driver->pg =
		osy_pg_new(settings->postgres_url, "orgsync-coordinator-lease", SQL_TIMEOUT_MS);
	pthread_mutex_init(&driver->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&driver->changed, &attr);
	pthread_condattr_destroy(&attr);
	enum osy_code rc = register_process(driver, err);
	if (!rc && pthread_create(&driver->thread, NULL, lease_main, driver) != 0)
		rc = osy_fail(err, OSY_E_INTERNAL, "cannot start the lease thread: %m");
	if (rc) {
		osy_pg_free(driver->pg);
		free(driver);
		return rc;
	}
	*ret = driver;
	return OSY_OK;
}

void osy_driver_stop(struct osy_driver *driver)
{
	atomic_store(&driver->stopping, true);
	osy_driver_wake(driver);
}

struct osy_driver *osy_driver_free(struct osy_driver *driver)
{
	struct osy_err ignored = OSY_ERR_NONE;

	if (!driver)
		return NULL;
	osy_driver_stop(driver);
	pthread_mutex_lock(&driver->lock);
	while (driver->running) /* the leases beat on until all have stopped */
		pthread_cond_wait(&driver->changed, &driver->lock);
	driver->stop_lease = true;
	pthread_cond_broadcast(&driver->changed);
	pthread_mutex_unlock(&driver->lock);
	pthread_join(driver->thread, NULL);
	for (size_t i = 0; i < MOST_THREADS; i++) {
		if (driver->slots[i].joinable)
			pthread_join(driver->slots[i].thread, NULL);
	}
	(void)!osy_pg_do(driver->pg, NULL, &ignored, "DELETE FROM process WHERE id = $1",
		OSY_PG_Z(driver->id));
	osy_pg_free(driver->pg);
	pthread_cond_destroy(&driver->changed);
	pthread_mutex_destroy(&driver->lock);
	free(driver);
	return NULL;
}
