#include "hook.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "osy/mem.h"

#define LOOK_MS 200
#define SQL_TIMEOUT_MS 10000
#define FLYING_MOST 16
#define OVER_MS 3000 /* behind its time-out an attempt is over, whatever became of it */
#define FIRST_WAIT_MS 1000
#define LONGEST_WAIT_MS 60000

struct osy_hooks {
	const struct osy_settings *settings;
	struct osy_pg *pg;
	struct osy_http *http;
	pthread_t thread;
	_Atomic bool stopping;
	struct flight *flying; /* a list */
	unsigned count;
};

/* One attempt. */
struct flight {
	struct osy_hooks *hooks;
	struct flight *next;
	char *id, *run, *hook, *body;
	int attempt, most;
	unsigned timeout_ms;
};

static void flight_free(struct flight *flight)
{
	struct flight **at = &flight->hooks->flying;

	while (*at && *at != flight)
		at = &(*at)->next;
	if (*at) {
		*at = flight->next;
		flight->hooks->count--;
	}
	free(flight->id);
	free(flight->run);
	free(flight->hook);
	free(flight->body);
	free(flight);
}

/* ---- What became of it ---- */

/* A row that has been claimed again since is left alone. What cannot be recorded now is sent again:
 * the row becomes due by itself. */
static void record(const struct flight *flight, const char *state, int status, const char *note,
	unsigned wait_ms)
{
	struct osy_err err = OSY_ERR_NONE;

	if (osy_pg_do(flight->hooks->pg, NULL, &err,
		    "UPDATE hook_call SET state = $3, status = nullif($4, 0), note = $5, due_at = "
		    "clock_timestamp() + $6 * interval '1 millisecond', ended_at = CASE WHEN $3 <> "
		    "'pending' THEN clock_timestamp() END WHERE id = $1::text::uuid AND attempts = "
		    "$2 AND state = 'pending'",
		    OSY_PG_Z(flight->id), OSY_PG_I32(flight->attempt), OSY_PG_Z(state),
		    OSY_PG_I32(status), OSY_PG_Z(note), OSY_PG_I64(wait_ms)))
		osy_log(OSY_WARN, "hook.not_recorded", OSY_KV("run", flight->run),
			OSY_KV("hook", flight->hook), OSY_KV_ERR(&err));
}

static void delivered(const struct flight *flight, int status)
{
	record(flight, "delivered", status, NULL, 0);
	osy_log(OSY_INFO, "hook.delivered", OSY_KV("run", flight->run),
		OSY_KV("hook", flight->hook), OSY_KV("call", flight->id),
		OSY_KV_INT("attempt", flight->attempt));
}

static void missed(const struct flight *flight, bool again, int status, const char *note,
	unsigned retry_after_ms)
{
	unsigned wait_ms =
		osy_backoff_ms((unsigned)flight->attempt - 1, FIRST_WAIT_MS, LONGEST_WAIT_MS);

	if (retry_after_ms > wait_ms)
		wait_ms = retry_after_ms < LONGEST_WAIT_MS ? retry_after_ms : LONGEST_WAIT_MS;
	again = again && flight->attempt < flight->most;
	record(flight, again ? "pending" : "failed", status, note, again ? wait_ms : 0);
	osy_log(again ? OSY_INFO : OSY_WARN, again ? "hook.again" : "hook.failed",
		OSY_KV("run", flight->run), OSY_KV("hook", flight->hook),
		OSY_KV("call", flight->id), OSY_KV_INT("attempt", flight->attempt),
		OSY_KV("why", note));
}

static void done(struct osy_http_reply *reply, void *arg)
{
	OSY_AUTO(osy_buf_done) struct osy_buf note = OSY_BUF(4096);
	struct flight *flight = arg;
	enum osy_hook_verdict verdict = osy_hook_judge(reply, &note);

	(void)OSY_FAILPOINT("coordinator.hook_answered");
	if (verdict == OSY_HOOK_DELIVERED)
		delivered(flight, reply->status);
	else
		missed(flight, verdict == OSY_HOOK_AGAIN, reply->code ? 0 : reply->status, note.p,
			reply->retry_after_ms);
	flight_free(flight);
}

/* ---- Sending ---- */
static void start(struct flight *flight)
{
	OSY_AUTO(osy_hook_done) struct osy_hook hook = {0};
	struct osy_hooks *hooks = flight->hooks;
	struct osy_err err = OSY_ERR_NONE;
	enum osy_code rc =
		osy_hook_get(hooks->pg, &hooks->settings->secret_key, flight->hook, &hook, &err);

	/* the settings may be others by now */
	if (!rc)
		rc = osy_hook_check(&hook, hooks->settings->allow_http_orgs, &err);
	if (!rc)
		rc = osy_hook_start(hooks->http, &hook,
			&(struct osy_hook_request){.id = flight->id,
				.body = osy_str(flight->body),
				.timeout_ms = flight->timeout_ms,
				.max_reply_bytes = OSY_HOOK_REPLY_BYTES},
			done, flight, NULL, &err);
	if (!rc)
		return;
	missed(flight, osy_code_class(rc) == OSY_RETRY, 0, err.msg, 0);
	flight_free(flight);
}

static char *take(const struct osy_pg_result *rows, size_t row, int column)
{
	struct osy_str text = osy_pg_str(rows, row, column);

	return osy_xstrndup(text.p, text.len);
}

static void begin(struct osy_hooks *hooks, const struct osy_pg_result *rows, size_t row)
{
	struct flight *flight = osy_xcalloc(1, sizeof(*flight));

	*flight = (struct flight){.hooks = hooks,
		.next = hooks->flying,
		.id = take(rows, row, 0),
		.run = take(rows, row, 1),
		.hook = take(rows, row, 2),
		.body = take(rows, row, 3),
		.timeout_ms = (unsigned)osy_pg_i64(rows, row, 4, 0),
		.attempt = (int)osy_pg_i64(rows, row, 5, 1),
		.most = (int)osy_pg_i64(rows, row, 6, 1)};
	hooks->flying = flight;
	hooks->count++;
	start(flight);
}

/* Calls of one run to one hook go one after the other. */
/* Under way to one receiver, or soon again: one that is slow or away must not hold up the others.
 */
#define HOOK_MOST "4"
#define CLAIM                                                                                   \
	"WITH pick AS (SELECT id FROM hook_call p WHERE state = 'pending' AND due_at <= "       \
	"clock_timestamp() AND NOT EXISTS (SELECT 1 FROM hook_call e WHERE e.run = p.run AND "  \
	"e.hook = p.hook AND e.seq < p.seq AND e.state = 'pending') AND (SELECT count(*) FROM " \
	"hook_call f WHERE f.hook = p.hook AND f.state = 'pending' AND f.attempts > 0 AND "     \
	"f.due_at > clock_timestamp()) < " HOOK_MOST " ORDER BY due_at LIMIT $1 "               \
	"FOR UPDATE SKIP LOCKED) UPDATE hook_call c SET attempts = attempts + 1, sent_at = "    \
	"clock_timestamp(), due_at = clock_timestamp() + (timeout_ms + $2) * interval '1 "      \
	"millisecond' FROM pick WHERE c.id = pick.id RETURNING c.id::text, c.run, c.hook, "     \
	"c.body, c.timeout_ms, c.attempts, c.attempts_most"

static void look(struct osy_hooks *hooks)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	struct osy_err err = OSY_ERR_NONE;

	if (hooks->count >= FLYING_MOST)
		return;
	if (osy_pg_do(hooks->pg, &rows, &err, CLAIM, OSY_PG_I64(FLYING_MOST - hooks->count),
		    OSY_PG_I32(OVER_MS))) {
		osy_log(OSY_WARN, "hook.no_look", OSY_KV_ERR(&err));
		return;
	}
	if (osy_pg_rows(rows))
		(void)OSY_FAILPOINT("coordinator.hook_claimed");
	for (size_t i = 0; i < osy_pg_rows(rows); i++)
		begin(hooks, rows, i);
}

/* What is under way when the program stops: whoever looks next sends it again. */
static void give_back(struct osy_hooks *hooks)
{
	struct osy_err ignored = OSY_ERR_NONE;

	while (hooks->flying) {
		struct flight *flight = hooks->flying;
		(void)!osy_pg_do(hooks->pg, NULL, &ignored,
			"UPDATE hook_call SET due_at = clock_timestamp(), attempts = attempts - 1 "
			"WHERE id = $1::text::uuid AND attempts = $2 AND state = 'pending'",
			OSY_PG_Z(flight->id), OSY_PG_I32(flight->attempt));
		flight_free(flight);
	}
}

static void *send_main(void *arg)
{
	struct osy_hooks *hooks = arg;
	int64_t looked_at = 0;

	while (!atomic_load(&hooks->stopping)) {
		if (osy_mono_ms() - looked_at >= LOOK_MS) {
			looked_at = osy_mono_ms();
			look(hooks);
		}
		osy_http_poll(hooks->http, LOOK_MS, NULL, 0, NULL);
	}
	return NULL;
}

/* ---- Life ---- */
enum osy_code osy_hooks_new(
	const struct osy_settings *settings, struct osy_hooks **ret, struct osy_err *err)
{
	struct osy_hooks *hooks = osy_xcalloc(1, sizeof(*hooks));

	hooks->settings = settings;
	hooks->pg = osy_pg_new(settings->postgres_url, "orgsync-coordinator-hooks", SQL_TIMEOUT_MS);
	hooks->http = osy_http_new(FLYING_MOST);
	if (pthread_create(&hooks->thread, NULL, send_main, hooks) != 0) {
		osy_http_free(hooks->http);
		osy_pg_free(hooks->pg);
		free(hooks);
		return osy_fail(err, OSY_E_INTERNAL, "cannot start the thread of the hooks: %m");
	}
	*ret = hooks;
	return OSY_OK;
}

struct osy_hooks *osy_hooks_free(struct osy_hooks *hooks)
{
	if (!hooks)
		return NULL;
	atomic_store(&hooks->stopping, true);
	osy_http_wakeup(hooks->http);
	pthread_join(hooks->thread, NULL);
	osy_http_free(hooks->http); /* no callback comes any more */
	give_back(hooks);
	osy_pg_free(hooks->pg);
	free(hooks);
	return NULL;
}
