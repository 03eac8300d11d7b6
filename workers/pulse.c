#include "pulse.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "osy/clock.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "osy/pg.h"

#define LOOK_MS 200
#define STATEMENT_TIMEOUT_MS 3000

struct osy_pulse {
	struct osy_pg *pg;
	struct osy_http *http;
	char id[40];
	int64_t lease_ms;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stop_asked;
	bool stop;
	/* written by the thread, read by the loop */
	_Atomic int64_t
		beat_at; /* mono ms at which the last confirmed heartbeat was sent; 0: none yet */
	_Atomic int64_t steady_at; /* since when beats are unbroken */
	_Atomic int64_t world;
	_Atomic unsigned term;
	/* written by the loop */
	_Atomic int64_t alive_at;
	_Atomic bool blocking, draining;
	_Atomic unsigned verified;
};

/* ---- The thread ---- */
static bool loop_stalls(const struct osy_pulse *pulse)
{
	return !atomic_load(&pulse->blocking) &&
	       osy_mono_ms() - atomic_load(&pulse->alive_at) > pulse->lease_ms / 2;
}

static enum osy_code register_process(struct osy_pulse *pulse, struct osy_err *err)
{
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	return osy_pg_do(pulse->pg, NULL, err,
		"INSERT INTO process (id, kind, host, pid) VALUES ($1, 'worker', $2, $3) "
		"ON CONFLICT (id) DO UPDATE SET heartbeat_at = clock_timestamp()",
		OSY_PG_Z(pulse->id), OSY_PG_Z(host), OSY_PG_I32(getpid()));
}

static void confirmed(struct osy_pulse *pulse, int64_t sent_at)
{
	int64_t before = atomic_load(&pulse->beat_at);

	if (!before || sent_at - before > pulse->lease_ms - osy_lease_margin_ms(pulse->lease_ms)) {
		atomic_store(&pulse->steady_at, sent_at);
		atomic_fetch_add(&pulse->term, 1);
	}
	atomic_store(&pulse->beat_at, sent_at);
}

static void saw_world(struct osy_pulse *pulse, int64_t version)
{
	if (version && atomic_exchange(&pulse->world, version) != version)
		osy_http_wakeup(pulse->http);
}

static enum osy_code beat(struct osy_pulse *pulse, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	int64_t sent_at = osy_mono_ms();
	enum osy_code rc = osy_pg_do(pulse->pg, &result, err,
		"UPDATE process SET heartbeat_at = clock_timestamp(), draining = $2 WHERE id = $1 "
		"RETURNING (SELECT version FROM world)",
		OSY_PG_Z(pulse->id), OSY_PG_BOOL(atomic_load(&pulse->draining)));

	if (rc)
		return rc;
	if (!osy_pg_rows(result)) {
		rc = register_process(pulse, err);
		if (rc)
			return rc;
		atomic_fetch_add(&pulse->term, 1);
	} else {
		saw_world(pulse, osy_pg_i64(result, 0, 0, 0));
	}
	confirmed(pulse, sent_at);
	return OSY_OK;
}

static enum osy_code look(struct osy_pulse *pulse, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(pulse->pg, &result, err, "SELECT version FROM world");

	if (!rc && osy_pg_rows(result))
		saw_world(pulse, osy_pg_i64(result, 0, 0, 0));
	return rc;
}

/* False when the thread shall end. */
static bool wait_a_little(struct osy_pulse *pulse)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LOOK_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&pulse->lock);
	while (!pulse->stop &&
		pthread_cond_timedwait(&pulse->stop_asked, &pulse->lock, &until) == 0)
		;
	bool go_on = !pulse->stop;
	pthread_mutex_unlock(&pulse->lock);
	return go_on;
}

static void *run(void *arg)
{
	struct osy_pulse *pulse = arg;
	int64_t next_beat = 0;

	do {
		struct osy_err err = OSY_ERR_NONE;
		enum osy_code rc = OSY_OK;
		if (osy_mono_ms() >= next_beat) {
			if (loop_stalls(pulse)) {
				osy_log(OSY_WARN, "pulse.stalled", OSY_KV("worker", pulse->id));
			} else {
				next_beat = osy_mono_ms() + osy_lease_beat_ms(pulse->lease_ms);
				rc = beat(pulse, &err);
			}
		} else {
			rc = look(pulse, &err);
		}
		if (rc) {
			next_beat = 0;
			osy_log(OSY_WARN, "pulse.failed", OSY_KV("worker", pulse->id),
				OSY_KV_ERR(&err));
		}
	} while (wait_a_little(pulse));
	return NULL;
}

/* ---- For the loop ---- */
enum osy_code osy_pulse_start(const struct osy_settings *settings, const char *id,
	struct osy_http *http, struct osy_pulse **ret, struct osy_err *err)
{
	struct osy_pulse *pulse = osy_xcalloc(1, sizeof(*pulse));
	pthread_condattr_t attr;

	pulse->pg =
		osy_pg_new(settings->postgres_url, "orgsync-worker-pulse", STATEMENT_TIMEOUT_MS);
	pulse->http = http;
	pulse->lease_ms = settings->lease_ms;
	snprintf(pulse->id, sizeof(pulse->id), "%s", id);
	atomic_store(&pulse->alive_at, osy_mono_ms());
	pthread_mutex_init(&pulse->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&pulse->stop_asked, &attr);
	pthread_condattr_destroy(&attr);
	enum osy_code rc = register_process(pulse, err);
	if (!rc && pthread_create(&pulse->thread, NULL, run, pulse) != 0)
		rc = osy_fail(err, OSY_E_INTERNAL, "cannot start the heartbeat's thread: %m");
	if (rc) {
		pulse->pg = osy_pg_free(pulse->pg);
		free(pulse);
		return rc;
	}
	*ret = pulse;
	return OSY_OK;
}

struct osy_pulse *osy_pulse_stop(struct osy_pulse *pulse)
{
	struct osy_err ignored = OSY_ERR_NONE;

	if (!pulse)
		return NULL;
	pthread_mutex_lock(&pulse->lock);
	pulse->stop = true;
	pthread_cond_signal(&pulse->stop_asked);
	pthread_mutex_unlock(&pulse->lock);
	pthread_join(pulse->thread, NULL);
	(void)!osy_pg_do(pulse->pg, NULL, &ignored, "DELETE FROM process WHERE id = $1",
		OSY_PG_Z(pulse->id));
	osy_pg_free(pulse->pg);
	pthread_cond_destroy(&pulse->stop_asked);
	pthread_mutex_destroy(&pulse->lock);
	free(pulse);
	return NULL;
}

void osy_pulse_loop_alive(struct osy_pulse *pulse)
{
	atomic_store(&pulse->alive_at, osy_mono_ms());
}

void osy_pulse_blocking(struct osy_pulse *pulse, bool blocking)
{
	osy_pulse_loop_alive(pulse);
	atomic_store(&pulse->blocking, blocking);
}

void osy_pulse_drain(struct osy_pulse *pulse)
{
	atomic_store(&pulse->draining, true);
}

int64_t osy_pulse_world(const struct osy_pulse *pulse)
{
	return atomic_load(&pulse->world);
}

bool osy_pulse_beats(const struct osy_pulse *pulse)
{
	int64_t at = atomic_load(&pulse->beat_at);

	return at && osy_mono_ms() < at + pulse->lease_ms;
}

bool osy_pulse_steady(const struct osy_pulse *pulse)
{
	return osy_pulse_beats(pulse) &&
	       osy_mono_ms() - atomic_load(&pulse->steady_at) >= pulse->lease_ms;
}

unsigned osy_pulse_term(const struct osy_pulse *pulse)
{
	return atomic_load(&pulse->term);
}

void osy_pulse_verified(struct osy_pulse *pulse, unsigned term)
{
	atomic_store(&pulse->verified, term);
}

bool osy_pulse_may_send(const struct osy_pulse *pulse)
{
	int64_t at = atomic_load(&pulse->beat_at);

	return at && osy_mono_ms() < at + pulse->lease_ms - osy_lease_margin_ms(pulse->lease_ms) &&
	       atomic_load(&pulse->verified) == atomic_load(&pulse->term);
}
