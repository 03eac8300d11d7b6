#include "serve.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api.h"
#include "hook.h"
#include "osy/clock.h"
#include "osy/crypt.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "schedule.h"

#define STATEMENT_TIMEOUT_MS 60000

struct coordinator {
	struct osy_api_context context;
	struct osy_api *api;
	struct osy_hooks *hooks;
	struct osy_schedules *schedules;
	struct osy_pg *pg;
	int signals;
};

/* Before the first thread: all of them inherit the mask. */
static enum osy_code open_signals(struct coordinator *c, struct osy_err *err)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
		(c->signals = signalfd(-1, &set, SFD_CLOEXEC)) < 0)
		return osy_fail(err, OSY_E_INTERNAL, "cannot take signals: %m");
	return OSY_OK;
}

/* Waits for a signal, at most timeout_ms (-1: for ever); true when the program shall end. */
static bool end_asked(struct coordinator *c, int timeout_ms)
{
	struct pollfd fd = {.fd = c->signals, .events = POLLIN};
	struct signalfd_siginfo info;

	if (poll(&fd, 1, timeout_ms) <= 0 || read(c->signals, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo == SIGUSR1) {
		osy_log_raise();
		return false;
	}
	return true;
}

static enum osy_code prepare_tables(struct coordinator *c, struct osy_err *err)
{
	const char *file = c->context.settings->bootstrap_token_file;
	enum osy_code rc = osy_pg_migrate(c->pg, osy_migrations, osy_migrations_count, err);

	if (!rc && file[0])
		rc = osy_token_bootstrap(c->pg, file, err);
	return rc;
}

/* Backends may start after us. */
static enum osy_code wait_for_tables(struct coordinator *c, struct osy_err *err)
{
	for (unsigned attempt = 0;; attempt++) {
		struct osy_err problem = OSY_ERR_NONE;
		enum osy_code rc = prepare_tables(c, &problem);
		if (!rc)
			return OSY_OK;
		if (osy_code_class(rc) != OSY_RETRY || end_asked(c, 0))
			return osy_fail(err, rc, "%s", problem.msg);
		osy_log(OSY_WARN, "coordinator.waiting", OSY_KV_ERR(&problem));
		if (end_asked(c, (int)osy_backoff_ms(attempt, 200, 5000)))
			return osy_fail(
				err, rc, "stopped while waiting for Postgres: %s", problem.msg);
	}
}

static void stop(struct coordinator *c)
{
	if (c->context.driver)
		osy_driver_stop(c->context.driver);
	osy_schedules_stop(c->schedules);
	osy_api_stop(c->api);
	osy_driver_free(c->context.driver);
	osy_hooks_free(c->hooks);
	osy_kafka_free(c->context.kafka);
	osy_pg_free(c->pg);
	if (c->signals >= 0)
		close(c->signals);
}

enum osy_code osy_coordinator_run(const struct osy_settings *settings, struct osy_err *err)
{
	struct coordinator c = {.context = {.settings = settings}, .signals = -1};
	enum osy_code rc = osy_key_check(&settings->secret_key, err);

	if (!rc)
		rc = open_signals(&c, err);
	if (!rc)
		rc = osy_kafka_new(settings->kafka_brokers, environ, &c.context.kafka, err);
	if (!rc) {
		c.pg = osy_pg_new(
			settings->postgres_url, "orgsync-coordinator", STATEMENT_TIMEOUT_MS);
		rc = wait_for_tables(&c, err);
	}
	if (!rc)
		rc = osy_driver_new(settings, c.context.kafka, &c.context.driver, err);
	if (!rc)
		rc = osy_hooks_new(settings, &c.hooks, err);
	if (!rc)
		rc = osy_schedules_start(settings, &c.schedules, err);
	if (!rc)
		rc = osy_api_start(&c.context, &c.api, err);
	if (!rc) {
		osy_log(OSY_INFO, "coordinator.ready",
			OSY_KV("coordinator", osy_driver_id(c.context.driver)),
			OSY_KV_INT("port", osy_api_port(c.api)), OSY_KV("say", "ready"));
		while (!end_asked(&c, -1))
			;
		osy_log(OSY_INFO, "coordinator.stopping",
			OSY_KV("coordinator", osy_driver_id(c.context.driver)));
	}
	stop(&c);
	return rc;
}
