/* /hooks, /runs/{}/hooks */
#include <stdio.h>

#include "api.h"
#include "hook.h"
#include "osy/clock.h"
#include "osy/mem.h"

#define TEST_TIMEOUT_MS 10000

/* ---- Receivers ---- */
static void write_hook(struct osy_json_writer *w, const struct osy_pg_result *rows, size_t row)
{
	osy_jw_object(w);
	osy_api_put_text(w, "name", rows, row, 0);
	osy_api_put_text(w, "address", rows, row, 1);
	osy_api_put_time(w, "createdAt", rows, row, 2);
	osy_jw_object_end(w);
}

static enum osy_code list(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	enum osy_code rc = osy_pg_do(
		call->pg, &rows, err, "SELECT name, address, created_at FROM hook ORDER BY name");

	if (rc)
		return rc;
	osy_api_items(&w);
	for (size_t i = 0; i < osy_pg_rows(rows); i++)
		write_hook(&w, rows, i);
	osy_api_items_end(&w, NULL);
	return OSY_OK;
}

static enum osy_code no_such_hook(const char *name, struct osy_err *err)
{
	return osy_fail(err, OSY_E_NOT_FOUND,
		"there is no hook named %.100s; `orgsync hook list` shows those there are", name);
}

static enum osy_code show_hook(struct osy_call *call, const char *name, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	enum osy_code rc = osy_pg_do(call->pg, &rows, err,
		"SELECT name, address, created_at FROM hook WHERE name = $1", OSY_PG_Z(name));

	if (rc)
		return rc;
	if (!osy_pg_rows(rows))
		return no_such_hook(name, err);
	write_hook(&w, rows, 0);
	return OSY_OK;
}

static enum osy_code show(struct osy_call *call, struct osy_err *err)
{
	return show_hook(call, call->params[0], err);
}

static enum osy_code read_secret(
	const struct osy_json *body, const char *name, struct osy_secret *ret, struct osy_err *err)
{
	struct osy_str text = osy_json_get_str(body, name);

	if (!text.len)
		return osy_fail(err, OSY_E_INVALID, "%s is missing, or no text", name);
	osy_secret_set(ret, text.p, text.len);
	return OSY_OK;
}

static enum osy_code add(struct osy_call *call, struct osy_err *err)
{
	static const char *const members[] = {"name", "url", "secret", NULL};
	OSY_AUTO(osy_json_free_at) struct osy_json *body = NULL;
	OSY_AUTO(osy_hook_done) struct osy_hook hook = {0};
	const struct osy_settings *settings = call->context->settings;
	const char *name = NULL;
	enum osy_code rc = osy_call_json(call, members, &body, err);

	if (!rc)
		rc = osy_call_text(body, "name", &name, err);
	if (!rc && !osy_hook_is_name(osy_str(name)))
		rc = osy_fail(err, OSY_E_INVALID,
			"a hook's name is made of letters, digits, dots, dashes and underscores, "
			"63 at most");
	if (!rc)
		rc = read_secret(body, "url", &hook.url, err);
	if (!rc)
		rc = read_secret(body, "secret", &hook.secret, err);
	if (!rc)
		rc = osy_hook_check(&hook, settings->allow_http_orgs, err);
	if (!rc)
		rc = osy_hook_put(call->pg, &settings->secret_key, name, &hook, err);
	if (rc)
		return rc;
	osy_call_audit(call, "hook.add", name);
	call->status = 201;
	return show_hook(call, name, err);
}

static enum osy_code remove_hook(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *calls = NULL, *gone = NULL;
	const char *name = call->params[0];
	enum osy_code rc = osy_pg_do(call->pg, &calls, err,
		"SELECT run FROM hook_call WHERE hook = $1 AND state = 'pending' LIMIT 1",
		OSY_PG_Z(name));

	if (rc)
		return rc;
	if (osy_pg_rows(calls)) {
		struct osy_str run = osy_pg_str(calls, 0, 0);
		return osy_fail(err, OSY_E_STATE,
			"hook %s has calls of run %.*s that are not answered yet; wait for them, "
			"or delete the run",
			name, (int)run.len, run.p);
	}
	rc = osy_pg_do(call->pg, &gone, err, "DELETE FROM hook WHERE name = $1 RETURNING 1",
		OSY_PG_Z(name));
	if (rc)
		return rc;
	if (!osy_pg_rows(gone))
		return no_such_hook(name, err);
	osy_call_audit(call, "hook.remove", name);
	call->status = 204;
	return OSY_OK;
}

/* ---- A test ---- */
struct tried {
	bool over;
	enum osy_hook_verdict verdict;
	int status;
	struct osy_buf note;
};

static void test_done(struct osy_http_reply *reply, void *arg)
{
	struct tried *tried = arg;

	tried->verdict = osy_hook_judge(reply, &tried->note);
	tried->status = reply->code ? 0 : reply->status;
	tried->over = true;
}

static enum osy_code send_test(struct osy_call *call, const struct osy_hook *hook,
	struct tried *tried, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf body = OSY_BUF(4096);
	struct osy_json_writer w = osy_json_writer(&body);
	struct osy_http *http = osy_http_new(1);
	char id[40], now[32];

	osy_new_id("test-", id, sizeof(id));
	osy_wall_text(osy_wall_ms(), now);
	osy_jw_object(&w);
	osy_jw_put_str(&w, "id", osy_str(id));
	osy_jw_put_str(&w, "type", OSY_STR("test"));
	osy_jw_put_str(&w, "timestamp", osy_str(now));
	osy_jw_object_end(&w);
	enum osy_code rc = osy_hook_check(hook, call->context->settings->allow_http_orgs, err);
	if (!rc)
		rc = osy_hook_start(http, hook,
			&(struct osy_hook_request){.id = id,
				.body = osy_buf_str(&body),
				.timeout_ms = TEST_TIMEOUT_MS,
				.max_reply_bytes = OSY_HOOK_REPLY_BYTES},
			test_done, tried, NULL, err);
	while (!rc && !tried->over)
		osy_http_poll(http, 1000, NULL, 0, NULL);
	osy_http_free(http);
	return rc;
}

static enum osy_code test(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_hook_done) struct osy_hook hook = {0};
	struct osy_json_writer w = osy_json_writer(&call->out);
	struct tried tried = {.note = OSY_BUF(4096)};
	enum osy_code rc = osy_hook_get(
		call->pg, &call->context->settings->secret_key, call->params[0], &hook, err);

	if (!rc)
		rc = send_test(call, &hook, &tried, err);
	if (!rc) {
		osy_jw_object(&w);
		osy_jw_put_bool(&w, "ok", tried.verdict == OSY_HOOK_DELIVERED);
		osy_jw_put_str(&w, "name", osy_str(call->params[0]));
		osy_jw_key(&w, "status");
		if (tried.status)
			osy_jw_i64(&w, tried.status);
		else
			osy_jw_null(&w);
		osy_jw_put_str(
			&w, "note", tried.note.len ? osy_buf_str(&tried.note) : OSY_STR_NULL);
		osy_jw_object_end(&w);
	}
	osy_buf_done(&tried.note);
	return rc;
}

/* ---- Calls of a run ---- */
static void write_call(struct osy_json_writer *w, const struct osy_pg_result *rows, size_t row)
{
	static const char *const texts[] = {"id", "at", "object", "hook", "state", "note"};
	static const char *const ints[] = {"pass", "attempts", "attemptsMost", "status"};
	static const char *const times[] = {"createdAt", "sentAt", "endedAt", "dueAt"};
	int column = 0;

	osy_jw_object(w);
	for (size_t i = 0; i < OSY_COUNT(texts); i++)
		osy_api_put_text(w, texts[i], rows, row, column++);
	for (size_t i = 0; i < OSY_COUNT(ints); i++)
		osy_api_put_int(w, ints[i], rows, row, column++);
	for (size_t i = 0; i < OSY_COUNT(times); i++)
		osy_api_put_time(w, times[i], rows, row, column++);
	osy_jw_put_bool(w, "aborts", osy_pg_i64(rows, row, column, 0) != 0);
	osy_jw_object_end(w);
}

#define CALLS                                                                                    \
	"SELECT c.id::text, c.at, nullif(c.object, ''), c.hook, c.state, c.note, c.pass, "       \
	"c.attempts, c.attempts_most, c.status, c.created_at, c.sent_at, c.ended_at, CASE WHEN " \
	"c.state = 'pending' THEN c.due_at END, c.aborts, c.seq FROM hook_call c WHERE c.run = " \
	"$1 AND c.seq > $2 ORDER BY c.seq LIMIT $3"
enum { SEQ = 15 };

static enum osy_code calls(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *run = NULL, *rows = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	int64_t limit = 0, after = 0;
	char next[32] = "";
	enum osy_code rc = osy_pg_do(
		call->pg, &run, err, "SELECT 1 FROM run WHERE id = $1", OSY_PG_Z(call->params[0]));

	if (!rc && !osy_pg_rows(run))
		rc = osy_no_such_run(call->params[0], err);
	if (!rc)
		rc = osy_call_page(call, &limit, &after, err);
	if (!rc)
		rc = osy_pg_do(call->pg, &rows, err, CALLS, OSY_PG_Z(call->params[0]),
			OSY_PG_I64(after), OSY_PG_I64(limit + 1));
	if (rc)
		return rc;
	size_t count = osy_pg_rows(rows);
	osy_api_items(&w);
	for (size_t i = 0; i < count && i < (size_t)limit; i++) {
		write_call(&w, rows, i);
		(void)snprintf(next, sizeof(next), "%lld", (long long)osy_pg_i64(rows, i, SEQ, 0));
	}
	osy_api_items_end(&w, count > (size_t)limit ? next : NULL);
	return OSY_OK;
}

const struct osy_route osy_routes_hooks[] = {
	{"GET", "/hooks", OSY_ROLE_VIEWER, list},
	{"POST", "/hooks", OSY_ROLE_ADMIN, add},
	{"GET", "/hooks/{}", OSY_ROLE_VIEWER, show},
	{"DELETE", "/hooks/{}", OSY_ROLE_ADMIN, remove_hook},
	{"POST", "/hooks/{}/test", OSY_ROLE_OPERATOR, test},
	{"GET", "/runs/{}/hooks", OSY_ROLE_VIEWER, calls},
	{NULL, NULL, OSY_ROLE_NONE, NULL},
};
