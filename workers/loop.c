#include "loop.h"

#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "health.h"
#include "lanes.h"
#include "load.h"
#include "osy/clock.h"
#include "osy/crypt.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "pulse.h"
#include "runs.h"

#define BALANCE_MS 1000
#define STATEMENT_TIMEOUT_MS 30000
#define FETCH_BYTES_PER_LANE (64u * 1024) /* a message of any size still comes through */
#define DRAIN_LIMIT_MS 600000
/* A reply that is not there so long after the request limit does not come. */
#define LATE_MS 60000

struct loop {
	struct osy_worker worker;
	int signals;
	int64_t world; /* version that the runs are of */
	int64_t next_balance;
	int64_t drain_since; /* 0: not draining */
	bool now;	     /* a second signal came */
	struct osy_health *health;
};

static enum osy_code open_signals(int *ret_fd, struct osy_err *err)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
		(*ret_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
		return osy_fail(err, OSY_E_INTERNAL, "cannot take signals: %m");
	return OSY_OK;
}

static void take_signals(struct loop *loop)
{
	struct signalfd_siginfo info;

	while (read(loop->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGUSR1) {
			osy_log_raise();
		} else if (loop->drain_since) {
			loop->now = true;
		} else {
			loop->drain_since = osy_mono_ms();
			loop->worker.draining = true;
			osy_pulse_drain(loop->worker.pulse);
			osy_health_draining(loop->health);
			osy_log(OSY_INFO, "worker.draining", OSY_KV("worker", loop->worker.id));
		}
	}
}

/* New lanes first raise their epoch in Redis; until then they are not worked on. */
static void raise_epochs(struct osy_worker *worker)
{
	for (struct osy_wlane *lane = worker->lanes; lane; lane = lane->next) {
		struct osy_err err = OSY_ERR_NONE;
		if (lane->raised || lane->lost)
			continue;
		enum osy_code rc = osy_idmap_raise(worker->idmap, lane->key, lane->epoch, &err);
		if (rc == OSY_E_FENCED) {
			lane->lost = true;
		} else if (rc) {
			osy_log(OSY_WARN, "lane.raise", OSY_KV("lane", lane->key),
				OSY_KV_ERR(&err));
			return;
		}
		lane->raised = !rc;
	}
}

static void look_around(struct loop *loop)
{
	struct osy_worker *worker = &loop->worker;
	struct osy_err err = OSY_ERR_NONE;
	int64_t version = osy_pulse_world(worker->pulse);
	bool moved = version != loop->world;
	bool due = osy_mono_ms() >= loop->next_balance;

	if (moved) {
		if (osy_runs_refresh(worker, &err)) {
			osy_log(OSY_WARN, "runs.refresh", OSY_KV_ERR(&err));
			return;
		}
		loop->world = version;
		osy_lanes_look_again(worker);
	}
	if (moved || due || !osy_pulse_may_send(worker->pulse)) {
		loop->next_balance = osy_mono_ms() + BALANCE_MS;
		if (osy_lanes_balance(worker, &err))
			osy_log(OSY_WARN, "lanes.balance", OSY_KV_ERR(&err));
	}
}

static bool ended(struct loop *loop)
{
	if (!loop->drain_since)
		return false;
	if (loop->now || osy_mono_ms() - loop->drain_since > DRAIN_LIMIT_MS)
		return true;
	return loop->worker.lanes == NULL;
}

static void turn(struct loop *loop)
{
	struct osy_worker *worker = &loop->worker;
	const int fds[] = {loop->signals, osy_kafka_lanes_fd(worker->consumer)};
	bool readable[OSY_COUNT(fds)] = {false};

	osy_pulse_loop_alive(worker->pulse);
	osy_health_alive(loop->health);
	look_around(loop);
	raise_epochs(worker);
	unsigned place_ms = UINT_MAX;
	bool took = osy_lanes_fetch(worker, &place_ms);
	unsigned wait_ms = osy_loader_turn(worker->loader);
	/* For the room that the turn has made: what is there already wakes nobody. */
	if (wait_ms > 0 && !took)
		took = osy_lanes_fetch(worker, &place_ms);
	osy_lanes_release(worker);
	osy_runs_sweep(worker);
	if (took)
		wait_ms = 0;
	else if (place_ms < wait_ms)
		wait_ms = place_ms;
	osy_http_poll(worker->http, wait_ms < BALANCE_MS ? wait_ms : BALANCE_MS, fds,
		OSY_COUNT(fds), readable);
	if (readable[0])
		take_signals(loop);
	osy_kafka_lanes_drain(worker->consumer);
}

static enum osy_code open_parts(
	struct loop *loop, const struct osy_settings *settings, struct osy_err *err)
{
	struct osy_worker *worker = &loop->worker;
	enum osy_code rc = osy_key_check(&settings->secret_key, err);

	worker->settings = settings;
	osy_new_id("w", worker->id, sizeof(worker->id));
	if (!rc)
		rc = open_signals(&loop->signals, err);
	if (!rc)
		rc = osy_kafka_new(settings->kafka_brokers, environ, &worker->kafka, err);
	if (!rc)
		rc = osy_kafka_lanes_new(worker->kafka, settings->kafka_prefix,
			FETCH_BYTES_PER_LANE, &worker->consumer, err);
	if (rc)
		return rc;
	worker->http = osy_http_new((unsigned)settings->worker_requests);
	osy_http_set_timeout(worker->http, (unsigned)settings->request_limit_ms + LATE_MS);
	worker->redis = osy_redis_new(settings->redis_url);
	worker->pg = osy_pg_new(settings->postgres_url, "orgsync-worker", STATEMENT_TIMEOUT_MS);
	worker->idmap = osy_idmap_new(worker->redis, worker->pg, settings->kafka_prefix);
	worker->budget = osy_budget_new(worker->redis, settings->kafka_prefix, worker->id);
	worker->loader = osy_loader_new(worker);
	return osy_health_start(settings->health_listen, &loop->health, err);
}

static void close_parts(struct loop *loop)
{
	struct osy_worker *worker = &loop->worker;

	osy_lanes_done(worker);
	worker->loader = worker->loader ? osy_loader_free(worker->loader) : NULL;
	osy_runs_done(worker);
	osy_pulse_stop(worker->pulse);
	osy_health_stop(loop->health);
	osy_budget_free(worker->budget);
	osy_idmap_free(worker->idmap);
	osy_redis_free(worker->redis);
	osy_pg_free(worker->pg);
	osy_http_free(worker->http);
	osy_kafka_lanes_free(worker->consumer);
	osy_kafka_free(worker->kafka);
	if (loop->signals > 0)
		close(loop->signals);
}

/* The tables come with the coordinator, which may start after us; Redis, Kafka and Postgres may be
 * late too. */
static enum osy_code wait_for_backends(struct loop *loop, struct osy_err *err)
{
	struct osy_worker *worker = &loop->worker;
	unsigned attempt = 0;

	for (;;) {
		struct osy_err problem = OSY_ERR_NONE;
		bool readable = false;
		enum osy_code rc = osy_pulse_start(
			worker->settings, worker->id, worker->http, &worker->pulse, &problem);
		if (!rc)
			return OSY_OK;
		if (osy_code_class(rc) != OSY_RETRY)
			return osy_fail(err, rc, "%s", problem.msg);
		osy_log(OSY_WARN, "worker.waiting", OSY_KV_ERR(&problem));
		osy_http_poll(worker->http, osy_backoff_ms(attempt++, 200, 5000), &loop->signals, 1,
			&readable);
		if (readable)
			return osy_fail(err, OSY_E_UNREACHABLE,
				"stopped while waiting for the backends: %s", problem.msg);
	}
}

enum osy_code osy_worker_run(const struct osy_settings *settings, struct osy_err *err)
{
	struct loop loop = {.signals = -1};
	enum osy_code rc = open_parts(&loop, settings, err);

	if (!rc)
		rc = wait_for_backends(&loop, err);
	if (!rc) {
		osy_log(OSY_INFO, "worker.ready", OSY_KV("worker", loop.worker.id),
			OSY_KV("say", "ready"));
		while (!ended(&loop))
			turn(&loop);
	}
	close_parts(&loop);
	return rc;
}
