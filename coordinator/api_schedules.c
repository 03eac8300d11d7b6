/* /schedules */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "api.h"
#include "cron.h"
#include "osy/clock.h"
#include "osy/mem.h"
#include "schedule.h"

#define FIRED_MS 30000 /* a person waits for it */

/* ---- Showing ---- */
#define FIRING "f.due_at, f.fired_at, f.result, f.run, r.state, f.note, f.removed"
#define FIRING_COLUMNS 7

static void put_firing(
	struct osy_json_writer *w, const struct osy_pg_result *result, size_t row, int column)
{
	osy_api_put_time(w, "firedAt", result, row, column + 1);
	osy_api_put_text(w, "result", result, row, column + 2);
	osy_api_put_text(w, "run", result, row, column + 3);
	osy_api_put_text(w, "runState", result, row, column + 4);
	osy_api_put_text(w, "note", result, row, column + 5);
	osy_api_put_int(w, "removed", result, row, column + 6);
}

static void write_schedule(struct osy_call *call, struct osy_json_writer *w,
	const struct osy_pg_result *result, size_t row)
{
	static const char *const keys[] = {
		"name", "cron", "template", "source", "target", "cleans"};
	struct osy_str cleans = osy_pg_str(result, row, FIRING_COLUMNS + 5);

	osy_jw_object(w);
	for (int i = 0; i < (int)OSY_COUNT(keys); i++)
		osy_api_put_text(w, keys[i], result, row, FIRING_COLUMNS + i);
	osy_jw_key(w, "days");
	if (cleans.p)
		osy_jw_i64(w, osy_clean_days(call->context->settings, cleans));
	else
		osy_jw_null(w);
	osy_jw_put_bool(w, "paused", osy_pg_i64(result, row, FIRING_COLUMNS + 6, 0) != 0);
	osy_api_put_time(w, "nextAt", result, row, FIRING_COLUMNS + 7);
	osy_api_put_time(w, "previousAt", result, row, 0);
	put_firing(w, result, row, 0);
	osy_api_put_text(w, "createdBy", result, row, FIRING_COLUMNS + 8);
	osy_api_put_time(w, "createdAt", result, row, FIRING_COLUMNS + 9);
	osy_jw_object_end(w);
}

/* All of them, or one. */
static enum osy_code ask(
	struct osy_call *call, const char *name, struct osy_pg_result **ret, struct osy_err *err)
{
	return osy_pg_do(call->pg, ret, err,
		"SELECT " FIRING
		", s.name, s.cron, s.template, s.source, s.target, s.cleans, s.paused, s.next_at, "
		"s.created_by, s.created_at FROM schedule s LEFT JOIN LATERAL (SELECT * FROM "
		"firing WHERE schedule = s.name ORDER BY id DESC LIMIT 1) f ON true LEFT JOIN run "
		"r ON r.id = f.run WHERE $1::text IS NULL OR s.name = $1 ORDER BY s.name",
		OSY_PG_TEXT(osy_str(name)));
}

static enum osy_code no_such_schedule(const char *name, struct osy_err *err)
{
	return osy_fail(err, OSY_E_NOT_FOUND,
		"there is no schedule named %s; `orgsync schedule list` shows those there are",
		name);
}

static enum osy_code show_named(struct osy_call *call, const char *name, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	enum osy_code rc = ask(call, name, &result, err);

	if (rc)
		return rc;
	if (!osy_pg_rows(result))
		return no_such_schedule(name, err);
	write_schedule(call, &w, result, 0);
	return OSY_OK;
}

static enum osy_code show(struct osy_call *call, struct osy_err *err)
{
	return show_named(call, call->params[0], err);
}

static enum osy_code list(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	enum osy_code rc = ask(call, NULL, &result, err);

	if (rc)
		return rc;
	osy_api_items(&w);
	for (size_t i = 0; i < osy_pg_rows(result); i++)
		write_schedule(call, &w, result, i);
	osy_api_items_end(&w, NULL);
	return OSY_OK;
}

static enum osy_code firings(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	int64_t limit = 0, before = INT64_MAX;
	char next[32] = "";
	enum osy_code rc = osy_call_page(call, &limit, &before, err);

	if (!rc)
		rc = osy_pg_do(call->pg, &result, err,
			"SELECT " FIRING
			", f.id FROM schedule s LEFT JOIN firing f ON f.schedule = "
			"s.name AND f.id < $2 LEFT JOIN run r ON r.id = f.run WHERE s.name = $1 "
			"ORDER BY f.id DESC LIMIT $3",
			OSY_PG_Z(call->params[0]), OSY_PG_I64(before), OSY_PG_I64(limit + 1));
	if (rc)
		return rc;
	if (!osy_pg_rows(result))
		return no_such_schedule(call->params[0], err);
	size_t rows = osy_pg_is_null(result, 0, FIRING_COLUMNS) ? 0 : osy_pg_rows(result);
	osy_api_items(&w);
	for (size_t i = 0; i < rows && i < (size_t)limit; i++) {
		osy_jw_object(&w);
		osy_api_put_time(&w, "dueAt", result, i, 0);
		put_firing(&w, result, i, 0);
		osy_jw_object_end(&w);
		snprintf(next, sizeof(next), "%lld",
			(long long)osy_pg_i64(result, i, FIRING_COLUMNS, 0));
	}
	osy_api_items_end(&w, rows > (size_t)limit ? next : NULL);
	return OSY_OK;
}

/* ---- Adding ---- */
struct asked {
	const char *name, *cron, *template, *source, *target, *cleans;
	int64_t next_at; /* wall ms */
};

/* A schedule does what it does with the rights of who has made it or set it off. cleans: NULL for
 * one that starts runs. */
static enum osy_code needs_of(
	const struct osy_call *call, struct osy_str cleans, struct osy_err *err)
{
	enum osy_code rc;

	if (osy_str_is(cleans, "runs"))
		return osy_call_needs(call, OSY_RIGHT_DELETE, err);
	if (cleans.p)
		return osy_call_needs(call, OSY_ROLE_ADMIN, err);
	rc = osy_call_needs(call, OSY_RIGHT_PREVIEW, err);
	return rc ? rc : osy_call_needs(call, OSY_RIGHT_START, err);
}

static enum osy_code check_action(struct osy_call *call, const struct osy_json *body,
	struct asked *asked, struct osy_err *err)
{
	enum osy_code rc;

	if (!osy_json_get(body, "cleans")) {
		rc = osy_call_text(body, "template", &asked->template, err);
		if (!rc)
			rc = osy_call_text(body, "source", &asked->source, err);
		if (!rc)
			rc = osy_call_text(body, "target", &asked->target, err);
		if (!rc)
			rc = needs_of(call, OSY_STR_NULL, err);
		return rc ? rc
			  : osy_drive_may_create(
				    call->pg, asked->template, asked->source, asked->target, err);
	}
	if (osy_json_get(body, "template") || osy_json_get(body, "source") ||
		osy_json_get(body, "target"))
		return osy_fail(err, OSY_E_INVALID,
			"a schedule either runs a template or cleans a table; make two of it");
	rc = osy_call_text(body, "cleans", &asked->cleans, err);
	if (!rc && !osy_clean_is_known(asked->cleans))
		rc = osy_fail(err, OSY_E_INVALID, "what a schedule cleans is " OSY_CLEANS);
	return rc ? rc : needs_of(call, osy_str(asked->cleans), err);
}

/* Whether the caller may set it off, or (only_cleans) take a clean-up away. */
static enum osy_code check_rights(struct osy_call *call, bool only_cleans, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(call->pg, &row, err,
		"SELECT cleans FROM schedule WHERE name = $1", OSY_PG_Z(call->params[0]));

	if (rc)
		return rc;
	if (!osy_pg_rows(row))
		return no_such_schedule(call->params[0], err);
	struct osy_str cleans = osy_pg_str(row, 0, 0);
	return only_cleans && !cleans.p ? OSY_OK : needs_of(call, cleans, err);
}

/* Its first time, by the clock of Postgres. */
static enum osy_code first_time(
	struct osy_pg *pg, const char *text, int64_t *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *now = NULL;
	struct osy_cron cron;
	enum osy_code rc = osy_cron_parse(osy_str(text), &cron, err);

	if (!rc)
		rc = osy_pg_do(pg, &now, err, "SELECT clock_timestamp()");
	if (!rc)
		*ret = osy_cron_next(&cron, osy_pg_i64(now, 0, 0, 0));
	return rc;
}

static enum osy_code read_schedule(struct osy_call *call, const struct osy_json *body,
	struct asked *asked, struct osy_err *err)
{
	enum osy_code rc = osy_call_text(body, "name", &asked->name, err);

	if (!rc && !osy_api_name_is_good(asked->name))
		rc = osy_fail(err, OSY_E_INVALID,
			"a schedule's name is made of letters, digits, dots, dashes and "
			"underscores, 63 at most");
	if (!rc)
		rc = osy_call_text(body, "cron", &asked->cron, err);
	if (!rc)
		rc = first_time(call->pg, asked->cron, &asked->next_at, err);
	return rc ? rc : check_action(call, body, asked, err);
}

static enum osy_code add(struct osy_call *call, struct osy_err *err)
{
	static const char *const members[] = {
		"name", "cron", "template", "source", "target", "cleans", NULL};
	OSY_AUTO(osy_json_free_at) struct osy_json *body = NULL;
	struct asked asked = {.name = NULL};
	enum osy_code rc = osy_call_json(call, members, &body, err);

	if (!rc)
		rc = read_schedule(call, body, &asked, err);
	if (!rc)
		rc = osy_pg_do(call->pg, NULL, err,
			"INSERT INTO schedule (name, cron, template, source, target, cleans, "
			"next_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, "
			"to_timestamp($7::bigint / 1000.0), $8) ON CONFLICT (name) DO UPDATE SET "
			"cron = EXCLUDED.cron, template = EXCLUDED.template, source = "
			"EXCLUDED.source, target = EXCLUDED.target, cleans = EXCLUDED.cleans, "
			"next_at = EXCLUDED.next_at, created_by = EXCLUDED.created_by, paused = "
			"false",
			OSY_PG_Z(asked.name), OSY_PG_Z(asked.cron),
			OSY_PG_TEXT(osy_str(asked.template)), OSY_PG_TEXT(osy_str(asked.source)),
			OSY_PG_TEXT(osy_str(asked.target)), OSY_PG_TEXT(osy_str(asked.cleans)),
			OSY_PG_I64(asked.next_at), OSY_PG_Z(call->caller.token));
	if (rc)
		return rc;
	osy_call_audit(call, "schedule.add", asked.name);
	call->status = 201;
	return show_named(call, asked.name, err);
}

static enum osy_code remove_schedule(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = check_rights(call, true, err);

	if (!rc)
		rc = osy_pg_do(call->pg, &result, err,
			"DELETE FROM schedule WHERE name = $1 RETURNING name",
			OSY_PG_Z(call->params[0]));
	if (rc)
		return rc;
	if (!osy_pg_rows(result))
		return no_such_schedule(call->params[0], err);
	osy_call_audit(call, "schedule.remove", call->params[0]);
	call->status = 204;
	return OSY_OK;
}

/* ---- Firing by hand ---- */
/* Due from now on, unless it is already; *ret_due: since when. */
static enum osy_code make_due(struct osy_call *call, int64_t *ret_due, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *due = NULL;
	enum osy_code rc = check_rights(call, false, err);

	if (rc)
		return rc;
	rc = osy_pg_do(call->pg, &due, err,
		"UPDATE schedule SET next_at = least(next_at, clock_timestamp()) WHERE name = $1 "
		"RETURNING next_at",
		OSY_PG_Z(call->params[0]));
	if (rc)
		return rc;
	if (!osy_pg_rows(due))
		return no_such_schedule(call->params[0], err);
	*ret_due = osy_pg_i64(due, 0, 0, 0);
	return OSY_OK;
}

/* What came of it, once that is written. */
static enum osy_code outcome(
	struct osy_call *call, int64_t due, bool *ret_there, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(call->pg, &result, err,
		"SELECT result, note FROM firing WHERE schedule = $1 AND due_at >= "
		"to_timestamp($2::bigint / 1000.0) AND result <> 'cleaning' ORDER BY due_at LIMIT "
		"1",
		OSY_PG_Z(call->params[0]), OSY_PG_I64(due));

	*ret_there = !rc && osy_pg_rows(result) > 0;
	if (!*ret_there)
		return rc;
	struct osy_str what = osy_pg_str(result, 0, 0), note = osy_pg_str(result, 0, 1);
	if (osy_str_is(what, "skipped") || osy_str_is(what, "refused"))
		return osy_fail(err, OSY_E_STATE, "schedule %s was %.*s: %.*s", call->params[0],
			(int)what.len, what.p, (int)note.len, note.len ? note.p : "");
	return OSY_OK;
}

static enum osy_code run_now(struct osy_call *call, struct osy_err *err)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000000L};
	int64_t until = osy_mono_ms() + FIRED_MS, due = 0;
	bool fired = false, there = false;
	enum osy_code rc = make_due(call, &due, err);

	if (rc)
		return rc;
	osy_call_audit(call, "schedule.run", call->params[0]);
	while (!there) { /* be it we or another coordinator */
		rc = osy_schedule_fire(
			call->pg, call->context->settings, call->params[0], &fired, err);
		if (!rc)
			rc = outcome(call, due, &there, err);
		if (rc)
			return rc;
		if (!there && osy_mono_ms() > until)
			return osy_fail(err, OSY_E_TIMEOUT,
				"schedule %s is due, and takes longer than usual; `orgsync "
				"schedule show %s` tells when it was fired",
				call->params[0], call->params[0]);
		if (!there && !fired)
			nanosleep(&pause, NULL);
	}
	osy_driver_wake(call->context->driver);
	return show_named(call, call->params[0], err);
}

/* ---- Pausing ---- */
static enum osy_code set_paused(
	struct osy_call *call, bool paused, const char *action, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	int64_t next = 0;
	enum osy_code rc = check_rights(call, paused, err);

	if (!rc)
		rc = osy_pg_do(call->pg, &row, err, "SELECT cron FROM schedule WHERE name = $1",
			OSY_PG_Z(call->params[0]));
	if (rc)
		return rc;
	if (!osy_pg_rows(row))
		return no_such_schedule(call->params[0], err);
	struct osy_str cron = osy_pg_str(row, 0, 0);
	OSY_AUTO_FREE char *text = osy_xstrndup(cron.p, cron.len);
	rc = first_time(call->pg, text, &next, err);
	if (!rc)
		rc = osy_pg_do(call->pg, NULL, err,
			"UPDATE schedule SET paused = $2, next_at = to_timestamp($3::bigint / "
			"1000.0) WHERE name = $1 AND paused <> $2",
			OSY_PG_Z(call->params[0]), OSY_PG_BOOL(paused),
			paused ? OSY_PG_NULL : OSY_PG_I64(next));
	if (rc)
		return rc;
	osy_call_audit(call, action, call->params[0]);
	return show_named(call, call->params[0], err);
}

static enum osy_code pause_schedule(struct osy_call *call, struct osy_err *err)
{
	return set_paused(call, true, "schedule.pause", err);
}

static enum osy_code resume_schedule(struct osy_call *call, struct osy_err *err)
{
	return set_paused(call, false, "schedule.resume", err);
}

const struct osy_route osy_routes_schedules[] = {
	{"GET", "/schedules", OSY_ROLE_VIEWER, list},
	{"POST", "/schedules", OSY_RIGHT_SCHEDULE, add},
	{"GET", "/schedules/{}", OSY_ROLE_VIEWER, show},
	{"DELETE", "/schedules/{}", OSY_RIGHT_SCHEDULE, remove_schedule},
	{"GET", "/schedules/{}/firings", OSY_ROLE_VIEWER, firings},
	{"POST", "/schedules/{}/run", OSY_RIGHT_SCHEDULE, run_now},
	{"POST", "/schedules/{}/pause", OSY_RIGHT_SCHEDULE, pause_schedule},
	{"POST", "/schedules/{}/resume", OSY_RIGHT_SCHEDULE, resume_schedule},
	{NULL, NULL, OSY_ROLE_NONE, NULL},
};
