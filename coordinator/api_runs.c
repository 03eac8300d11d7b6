/* /runs: creating, showing, asking for work. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "api.h"
#include "osy/mem.h"
#include "osy/clock.h"
#include "osy/names.h"
#include "queue.h"

/* ---- Showing ---- */
#define WITH_ERRORS                                                                      \
	"EXISTS (SELECT 1 FROM failure f WHERE f.run = r.id AND f.kind <> 'notice' AND " \
	"f.resolved_pass IS NULL)"
#define RUN_COLUMNS                                                                              \
	"r.id, r.name, r.template, r.source, r.target, r.state, r.phase, r.wanted, r.problem, "  \
	"r.created_by, r.created_at, "                                                           \
	"r.started_at, r.ended_at, r.pass, r.open_stage, r.source_calls, r.target_calls, "       \
	"(extract(epoch FROM coalesce(r.ended_at, clock_timestamp()) - r.started_at) * "         \
	"1000)::bigint, "                                                                        \
	"(SELECT coalesce(max(stage), 0) FROM run_object o WHERE o.run = r.id), " WITH_ERRORS    \
	", r.pass_kind, CASE WHEN r.held THEN 'user' WHEN r.state = 'Paused' THEN 'quota' END, " \
	"CASE WHEN " OSY_QUEUE_WAITS                                                             \
	" THEN (SELECT coalesce(string_agg(b.id, ',' ORDER BY b.phase <> 'Executing', "          \
	"b.started_at, b.id), '') FROM run b WHERE " OSY_QUEUE_BEFORE ") END, r.since, "         \
	"r.automation, r.automation_note"

/* Counts of an object: all legs together. */
#define COUNTS                                                                                    \
	"WITH done AS (SELECT object, sum(d_inserted) i, sum(d_updated) u, sum(d_existing) e, "   \
	"sum(d_skipped) s, "                                                                      \
	"sum(d_deleted) d, "                                                                      \
	"sum(d_failed) f, sum(inserted + updated + existing + skipped + deleted + failed) "       \
	"FILTER (WHERE "                                                                          \
	"pass = (SELECT pass FROM run WHERE id = $1)) p FROM batch WHERE run = $1 GROUP BY "      \
	"object), "                                                                               \
	"links AS (SELECT object, count(*) n FROM failure WHERE run = $1 AND kind = 'link' AND "  \
	"resolved_pass IS NULL "                                                                  \
	"GROUP BY object) "                                                                       \
	"SELECT o.name, min(o.target_name), min(o.stage), sum(o.selected)::bigint, "              \
	"sum(o.published)::bigint, "                                                              \
	"coalesce(sum(i), 0)::bigint, coalesce(sum(u), 0)::bigint, coalesce(sum(e), 0)::bigint, " \
	"coalesce(sum(s), 0)::bigint, coalesce(sum(d), 0)::bigint, "                              \
	"coalesce(sum(f), 0)::bigint, coalesce(sum(n), 0)::bigint, "                              \
	"coalesce(sum(p), 0)::bigint, coalesce(sum(coalesce(o.pass_records, "                     \
	"greatest(o.published, "                                                                  \
	"CASE WHEN o.complete THEN 0 ELSE o.selected END))), 0)::bigint, bool_and(o.complete), "  \
	"min(o.batch_size), max(o.lanes), "                                                       \
	"bool_or(o.read_bulk), bool_or(o.load_bulk), CASE WHEN bool_and(o.since IS NOT NULL) "    \
	"THEN min(o.since) END, coalesce(sum(o.published) FILTER (WHERE o.deletes), 0)::bigint "  \
	"FROM run_object o LEFT JOIN done USING (object) LEFT JOIN links USING (object) WHERE "   \
	"o.run = $1 "                                                                             \
	"GROUP BY o.name ORDER BY min(o.stage), min(o.object)"

enum count {
	SELECTED,
	SCANNED,
	INSERTED,
	UPDATED,
	EXISTING,
	SKIPPED,
	DELETED,
	FAILED,
	LINK_FAILED,
	DONE,  /* settled in the run's present pass */
	TO_DO, /* all that it takes */
	COUNTS_N
};
static const char *const count_keys[COUNTS_N] = {"selected", "scanned", "inserted", "updated",
	"existing", "skipped", "deleted", "failed", "linkFailed", "done", "passRecords"};
#define FIRST_COUNT 3 /* its column */

static int64_t percent_of(const int64_t counts[COUNTS_N], bool complete)
{
	if (counts[TO_DO] == 0)
		return complete ? 100 : 0;
	return counts[DONE] >= counts[TO_DO] ? 100 : counts[DONE] * 100 / counts[TO_DO];
}

static void write_counts(struct osy_json_writer *w, const int64_t counts[COUNTS_N], bool complete)
{
	for (int i = 0; i < COUNTS_N; i++)
		osy_jw_put_i64(w, count_keys[i], counts[i]);
	osy_jw_put_i64(w, "published", counts[SCANNED]);
	osy_jw_put_i64(w, "percent", percent_of(counts, complete));
}

/* Null before it has begun. */
static void write_sizes(struct osy_json_writer *w, const struct osy_pg_result *result, size_t row)
{
	static const char *const ways[] = {"read", "load"};
	int at = FIRST_COUNT + COUNTS_N + 1;

	osy_api_put_int(w, "batchSize", result, row, at++);
	osy_api_put_int(w, "lanes", result, row, at++);
	for (int i = 0; i < (int)OSY_COUNT(ways); i++, at++) {
		bool bulk = osy_pg_i64(result, row, at, 0) != 0;
		osy_jw_put_str(w, ways[i],
			osy_pg_is_null(result, row, at) ? OSY_STR_NULL
							: osy_str(bulk ? "bulk" : "rest"));
	}
}

/* How the calls of its hooks stand; nothing without any. */
static enum osy_code write_hooks(
	struct osy_pg *pg, const char *id, struct osy_json_writer *w, struct osy_err *err)
{
	static const char *const keys[] = {"pending", "delivered", "failed"};
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(pg, &result, err,
		"SELECT count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = "
		"'delivered'), count(*) FILTER (WHERE state = 'failed') FROM hook_call WHERE run = "
		"$1 HAVING count(*) > 0",
		OSY_PG_Z(id));

	if (rc || !osy_pg_rows(result))
		return rc;
	osy_jw_key(w, "hooks");
	osy_jw_object(w);
	for (int i = 0; i < (int)OSY_COUNT(keys); i++)
		osy_api_put_int(w, keys[i], result, 0, i);
	osy_jw_object_end(w);
	return OSY_OK;
}

static enum osy_code write_objects(struct osy_pg *pg, const char *id, int64_t elapsed_ms,
	struct osy_json_writer *w, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	int64_t totals[COUNTS_N] = {0};
	bool all_complete = true;
	enum osy_code rc = osy_pg_do(pg, &result, err, COUNTS, OSY_PG_Z(id));

	if (rc)
		return rc;
	osy_jw_key(w, "objects");
	osy_jw_array(w);
	for (size_t row = 0; row < osy_pg_rows(result); row++) {
		int64_t counts[COUNTS_N];
		bool complete = osy_pg_i64(result, row, FIRST_COUNT + COUNTS_N, 0) != 0;
		for (int i = 0; i < COUNTS_N; i++) {
			counts[i] = osy_pg_i64(result, row, FIRST_COUNT + i, 0);
			totals[i] += counts[i];
		}
		all_complete = all_complete && complete;
		osy_jw_object(w);
		osy_api_put_text(w, "name", result, row, 0);
		osy_api_put_text(w, "target", result, row, 1);
		osy_api_put_int(w, "stage", result, row, 2);
		write_counts(w, counts, complete);
		write_sizes(w, result, row);
		osy_api_put_time(w, "since", result, row, FIRST_COUNT + COUNTS_N + 5);
		osy_api_put_int(w, "scannedDeletes", result, row, FIRST_COUNT + COUNTS_N + 6);
		osy_jw_object_end(w);
	}
	osy_jw_array_end(w);
	osy_jw_key(w, "totals");
	osy_jw_object(w);
	write_counts(w, totals, all_complete && osy_pg_rows(result) > 0);
	osy_jw_object_end(w);
	osy_jw_put_i64(w, "rate", elapsed_ms > 0 ? totals[DONE] * 1000 / elapsed_ms : 0);
	return OSY_OK;
}

/* The runs that go before it, in their order; null when it does not wait. */
static void write_queue(struct osy_json_writer *w, struct osy_str ids)
{
	osy_jw_key(w, "waitsFor");
	if (!ids.p) {
		osy_jw_null(w);
		return;
	}
	osy_jw_array(w);
	while (ids.len) {
		const char *comma = memchr(ids.p, ',', ids.len);
		size_t len = comma ? (size_t)(comma - ids.p) : ids.len;
		osy_jw_str(w, (struct osy_str){ids.p, len});
		len += comma != NULL;
		ids = (struct osy_str){ids.p + len, ids.len - len};
	}
	osy_jw_array_end(w);
}

static void write_head(struct osy_json_writer *w, const struct osy_pg_result *result, size_t row)
{
	static const char *const texts[] = {"id", "name", "template", "source", "target", "state",
		"phase", "wanted", "problem", "createdBy"};
	int64_t source_calls = osy_pg_i64(result, row, 15, 0),
		target_calls = osy_pg_i64(result, row, 16, 0);
	char seconds[32];

	for (int i = 0; i < (int)OSY_COUNT(texts); i++)
		osy_api_put_text(w, texts[i], result, row, i);
	osy_jw_put_bool(w, "withErrors", osy_pg_i64(result, row, 19, 0) != 0);
	osy_api_put_time(w, "createdAt", result, row, 10);
	osy_api_put_time(w, "startedAt", result, row, 11);
	osy_api_put_time(w, "endedAt", result, row, 12);
	int64_t ms = osy_pg_i64(result, row, 17, 0);
	snprintf(seconds, sizeof(seconds), "%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000));
	osy_jw_key(w, "elapsedSeconds");
	osy_jw_raw(w, osy_str(ms > 0 ? seconds : "0"));
	osy_api_put_int(w, "pass", result, row, 13);
	osy_api_put_text(w, "passKind", result, row, 20);
	osy_api_put_text(w, "pausedBy", result, row, 21);
	write_queue(w, osy_pg_str(result, row, 22));
	osy_api_put_time(w, "since", result, row, 23);
	osy_api_put_text(w, "automation", result, row, 24);
	osy_api_put_text(w, "automationNote", result, row, 25);
	osy_api_put_int(w, "openStage", result, row, 14);
	osy_api_put_int(w, "stages", result, row, 18);
	osy_jw_put_i64(w, "apiCalls", source_calls + target_calls);
	osy_jw_put_i64(w, "sourceCalls", source_calls);
	osy_jw_put_i64(w, "targetCalls", target_calls);
}

/* What the last rollback has done, or (dryRun) would do; nothing once the run has gone on since. */
static enum osy_code write_rollback(
	struct osy_pg *pg, const char *id, struct osy_json_writer *w, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	OSY_AUTO(osy_json_free_at) struct osy_json *plan = NULL;
	enum osy_code rc = osy_pg_do(pg, &result, err,
		"SELECT r.rollback, coalesce(sum(b.inserted), 0)::bigint, coalesce(sum(b.updated), "
		"0)::bigint, coalesce(sum(b.failed), 0)::bigint, coalesce(sum(b.deleted), "
		"0)::bigint FROM run r LEFT JOIN batch b ON b.run = r.id AND b.pass = r.pass AND "
		"b.pass > r.loaded_pass WHERE r.id = $1 AND r.pass_kind = 'rollback' AND "
		"r.rollback IS NOT NULL GROUP BY r.id",
		OSY_PG_Z(id));

	if (rc || !osy_pg_rows(result))
		return rc;
	rc = osy_json_parse(osy_pg_str(result, 0, 0), "the rollback", &plan, err);
	if (rc)
		return rc;
	osy_jw_key(w, "rollback");
	osy_jw_object(w);
	osy_jw_put_bool(w, "dryRun", osy_json_get_bool(plan, "dryRun", false));
	osy_jw_put_bool(w, "force", osy_json_get_bool(plan, "force", false));
	osy_jw_put_i64(w, "deleted", osy_pg_i64(result, 0, 1, 0));
	osy_jw_put_i64(w, "restored", osy_pg_i64(result, 0, 2, 0));
	osy_jw_put_i64(w, "undeleted", osy_pg_i64(result, 0, 4, 0));
	osy_jw_put_i64(w, "left", osy_pg_i64(result, 0, 3, 0));
	osy_jw_object_end(w);
	return OSY_OK;
}

enum osy_code osy_api_write_run(
	struct osy_pg *pg, const char *id, bool full, struct osy_buf *out, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_json_writer w = osy_json_writer(out);
	enum osy_code rc = osy_pg_do(pg, &result, err,
		"SELECT " RUN_COLUMNS " FROM run r WHERE r.id = $1", OSY_PG_Z(id));

	if (rc)
		return rc;
	if (!osy_pg_rows(result))
		return osy_no_such_run(id, err);
	osy_jw_object(&w);
	write_head(&w, result, 0);
	if (full)
		rc = write_rollback(pg, id, &w, err);
	if (full && !rc)
		rc = write_hooks(pg, id, &w, err);
	if (full && !rc)
		rc = write_objects(pg, id, osy_pg_i64(result, 0, 17, 0), &w, err);
	osy_jw_object_end(&w);
	return rc;
}

static enum osy_code show(struct osy_call *call, struct osy_err *err)
{
	return osy_api_write_run(call->pg, call->params[0], true, &call->out, err);
}

/* A moment as of the query: null, or ms since 1970. */
static enum osy_code read_moment(const struct osy_call *call, const char *name,
	struct osy_pg_param *ret, struct osy_err *err)
{
	const char *text = osy_call_query(call, name);

	*ret = OSY_PG_NULL;
	if (!text || !*text)
		return OSY_OK;
	int64_t ms = osy_wall_parse(text, strlen(text));
	if (ms < 0)
		return osy_fail(err, OSY_E_USAGE,
			"%s=%.100s is no time; write it as 2026-11-27T12:00:00Z", name, text);
	*ret = OSY_PG_I64(ms);
	return OSY_OK;
}

static enum osy_code read_flag(const struct osy_call *call, const char *name,
	struct osy_pg_param *ret, struct osy_err *err)
{
	const char *text = osy_call_query(call, name);

	*ret = OSY_PG_NULL;
	if (!text || !*text)
		return OSY_OK;
	bool yes = strcmp(text, "true") == 0;
	if (!yes && strcmp(text, "false") != 0)
		return osy_fail(
			err, OSY_E_USAGE, "%s=%.100s is neither true nor false", name, text);
	*ret = OSY_PG_BOOL(yes);
	return OSY_OK;
}

/* NULL: all but those that are deleted. */
static enum osy_code read_state(const struct osy_call *call, const char **ret, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf known = OSY_BUF(1024);
	const char *text = osy_call_query(call, "state");

	*ret = NULL;
	if (!text || !*text)
		return OSY_OK;
	for (int state = 0; state <= OSY_RUN_DELETED; state++) {
		*ret = osy_run_state_name((enum osy_run_state)state);
		if (strcasecmp(text, *ret) == 0)
			return OSY_OK;
		osy_buf_addf(&known, "%s%s", state ? ", " : "", *ret);
	}
	return osy_fail(
		err, OSY_E_USAGE, "state=%.100s is none of a run's states: %s", text, known.p);
}

#define LIST                                                                                       \
	"SELECT " RUN_COLUMNS                                                                      \
	" FROM run r WHERE ($1::text IS NULL OR r.state = $1) AND ($2::text IS NULL OR "           \
	"r.template = $2) AND ($3::text IS NULL OR (r.created_at, r.id) < (SELECT created_at, id " \
	"FROM run WHERE id = $3)) AND (r.state <> 'Deleted' OR $1 = 'Deleted') AND ($5::text IS "  \
	"NULL OR r.source = $5) AND ($6::text IS NULL OR r.target = $6) AND ($7::text IS NULL OR " \
	"position(lower($7) in lower(r.name)) > 0) AND ($8::bigint IS NULL OR r.created_at >= "    \
	"to_timestamp($8 / 1000.0)) AND ($9::bigint IS NULL OR r.created_at < to_timestamp($9 / "  \
	"1000.0)) AND ($10::boolean IS NULL OR " WITH_ERRORS                                       \
	" = $10) AND ($11::text IS NULL OR r.created_by = $11) ORDER BY r.created_at DESC, r.id "  \
	"DESC LIMIT $4"

static enum osy_code ask_list(
	struct osy_call *call, int64_t limit, struct osy_pg_result **ret, struct osy_err *err)
{
	struct osy_pg_param since, until, errors;
	const char *state = NULL;
	enum osy_code rc = read_moment(call, "since", &since, err);

	if (!rc)
		rc = read_moment(call, "until", &until, err);
	if (!rc)
		rc = read_flag(call, "withErrors", &errors, err);
	if (!rc)
		rc = read_state(call, &state, err);
	if (rc)
		return rc;
	return osy_pg_do(call->pg, ret, err, LIST, OSY_PG_Z(state),
		OSY_PG_Z(osy_call_query(call, "template")),
		OSY_PG_Z(osy_call_query(call, "cursor")), OSY_PG_I64(limit + 1),
		OSY_PG_Z(osy_call_query(call, "source")), OSY_PG_Z(osy_call_query(call, "target")),
		OSY_PG_Z(osy_call_query(call, "name")), since, until, errors,
		OSY_PG_Z(osy_call_query(call, "createdBy")));
}

static enum osy_code list(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	char next[64] = "";
	int64_t limit = 0;
	enum osy_code rc = osy_call_limit(call, &limit, err);

	if (!rc)
		rc = ask_list(call, limit, &result, err);
	if (rc)
		return rc;
	size_t rows = osy_pg_rows(result);
	osy_api_items(&w);
	for (size_t i = 0; i < rows && i < (size_t)limit; i++) {
		osy_jw_object(&w);
		write_head(&w, result, i);
		osy_jw_object_end(&w);
		struct osy_str id = osy_pg_str(result, i, 0);
		snprintf(next, sizeof(next), "%.*s", (int)id.len, id.p);
	}
	osy_api_items_end(&w, rows > (size_t)limit ? next : NULL);
	return OSY_OK;
}

static enum osy_code show_scan(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(call->pg, &result, err, "SELECT scan FROM run WHERE id = $1",
		OSY_PG_Z(call->params[0]));

	if (rc)
		return rc;
	if (!osy_pg_rows(result))
		return osy_no_such_run(call->params[0], err);
	if (osy_pg_is_null(result, 0, 0))
		return osy_fail(
			err, OSY_E_STATE, "run %s has not been scanned yet", call->params[0]);
	osy_buf_add_str(&call->out, osy_pg_str(result, 0, 0));
	return OSY_OK;
}

/* ---- Asking for work ---- */
static enum osy_code read_since(const struct osy_json *body, int64_t *ret_ms, struct osy_err *err)
{
	const char *text = NULL;

	if (!osy_json_get(body, "since"))
		return OSY_OK;
	enum osy_code rc = osy_call_text(body, "since", &text, err);
	if (rc)
		return rc;
	*ret_ms = osy_wall_parse(text, strlen(text));
	if (*ret_ms < 0)
		return osy_fail(err, OSY_E_USAGE,
			"since %.100s is no time; write it as 2026-11-27T12:00:00Z", text);
	return OSY_OK;
}

static enum osy_code create(struct osy_call *call, struct osy_err *err)
{
	static const char *const members[] = {
		"template", "source", "target", "name", "since", NULL};
	OSY_AUTO(osy_json_free_at) struct osy_json *body = NULL;
	const char *template = NULL, *source = NULL, *target = NULL, *name = NULL;
	int64_t since = -1;
	char id[40];
	enum osy_code rc = osy_call_json(call, members, &body, err);

	if (!rc)
		rc = osy_call_text(body, "template", &template, err);
	if (!rc)
		rc = osy_call_text(body, "source", &source, err);
	if (!rc)
		rc = osy_call_text(body, "target", &target, err);
	if (!rc && osy_json_get(body, "name"))
		rc = osy_call_text(body, "name", &name, err);
	if (!rc)
		rc = read_since(body, &since, err);
	if (!rc)
		rc = osy_drive_create(call->pg, template, source, target, name, since,
			call->caller.token, id, err);
	if (rc)
		return rc;
	osy_call_audit(call, "run.create", id);
	call->status = 201;
	return osy_api_write_run(call->pg, id, true, &call->out, err);
}

typedef enum osy_code (*ask)(struct osy_pg *pg, const char *run, struct osy_err *err);

static enum osy_code asked_for(struct osy_call *call, const char *action, struct osy_err *err)
{
	osy_call_audit(call, action, call->params[0]);
	osy_driver_wake(call->context->driver);
	call->status = 202;
	return osy_api_write_run(call->pg, call->params[0], true, &call->out, err);
}

static enum osy_code ask_for(
	struct osy_call *call, ask what, const char *action, struct osy_err *err)
{
	enum osy_code rc = what(call->pg, call->params[0], err);

	return rc ? rc : asked_for(call, action, err);
}

static enum osy_code scan(struct osy_call *call, struct osy_err *err)
{
	return ask_for(call, osy_drive_ask_scan, "run.scan", err);
}

static enum osy_code start(struct osy_call *call, struct osy_err *err)
{
	return ask_for(call, osy_drive_ask_start, "run.start", err);
}

static enum osy_code abort_run(struct osy_call *call, struct osy_err *err)
{
	return ask_for(call, osy_drive_ask_abort, "run.abort", err);
}

static enum osy_code replay(struct osy_call *call, struct osy_err *err)
{
	return ask_for(call, osy_drive_ask_replay, "run.replay", err);
}

static enum osy_code rollback(struct osy_call *call, struct osy_err *err)
{
	static const char *const members[] = {"dryRun", "force", NULL};
	OSY_AUTO(osy_json_free_at) struct osy_json *body = NULL;
	enum osy_code rc = call->body.len ? osy_call_json(call, members, &body, err) : OSY_OK;

	if (!rc)
		rc = osy_drive_ask_rollback(call->pg, call->params[0],
			osy_json_get_bool(body, "dryRun", false),
			osy_json_get_bool(body, "force", false), err);
	if (rc)
		return rc;
	osy_call_audit(call, "run.rollback", call->params[0]);
	osy_driver_wake(call->context->driver);
	call->status = 202;
	return osy_api_write_run(call->pg, call->params[0], true, &call->out, err);
}

static enum osy_code retry(struct osy_call *call, struct osy_err *err)
{
	return ask_for(call, osy_drive_ask_retry, "run.retry", err);
}

static enum osy_code resync(struct osy_call *call, struct osy_err *err)
{
	return ask_for(call, osy_drive_ask_resync, "run.resync", err);
}

static enum osy_code pause_run(struct osy_call *call, struct osy_err *err)
{
	enum osy_code rc = osy_drive_ask_pause(call->pg, call->params[0], call->caller.token, err);

	return rc ? rc : asked_for(call, "run.pause", err);
}

static enum osy_code resume(struct osy_call *call, struct osy_err *err)
{
	return ask_for(call, osy_drive_ask_resume, "run.resume", err);
}

static enum osy_code delete_run(struct osy_call *call, struct osy_err *err)
{
	enum osy_code rc =
		osy_drive_ask_delete(call->pg, call->context->driver, call->params[0], err);

	if (rc)
		return rc;
	osy_call_audit(call, "run.delete", call->params[0]);
	call->status = 204;
	return OSY_OK;
}

static enum osy_code events(struct osy_call *call, struct osy_err *err)
{
	const char *last = osy_call_header(call, "Last-Event-ID");
	int64_t seq = 0;
	OSY_AUTO(osy_buf_done) struct osy_buf run = OSY_BUF(64u * 1024 * 1024);
	enum osy_code rc = osy_api_write_run(call->pg, call->params[0], false, &run, err);

	if (!rc && last && *last)
		rc = osy_parse_i64(osy_str(last), 0, INT64_MAX, &seq, err);
	if (!rc)
		osy_events_begin(call, seq);
	return rc;
}

const struct osy_route osy_routes_runs[] = {
	{"GET", "/runs", OSY_ROLE_VIEWER, list},
	{"POST", "/runs", OSY_RIGHT_PREVIEW, create},
	{"GET", "/runs/{}", OSY_ROLE_VIEWER, show},
	{"DELETE", "/runs/{}", OSY_RIGHT_DELETE, delete_run},
	{"GET", "/runs/{}/scan", OSY_ROLE_VIEWER, show_scan},
	{"POST", "/runs/{}/scan", OSY_RIGHT_PREVIEW, scan},
	{"POST", "/runs/{}/start", OSY_RIGHT_START, start},
	{"POST", "/runs/{}/abort", OSY_RIGHT_ABORT, abort_run},
	{"POST", "/runs/{}/replay", OSY_RIGHT_START, replay},
	{"POST", "/runs/{}/rollback", OSY_RIGHT_ROLLBACK, rollback},
	{"POST", "/runs/{}/retry", OSY_RIGHT_START, retry},
	{"POST", "/runs/{}/resync", OSY_RIGHT_START, resync},
	{"POST", "/runs/{}/pause", OSY_RIGHT_ABORT, pause_run},
	{"POST", "/runs/{}/resume", OSY_RIGHT_START, resume},
	{"GET", "/runs/{}/events", OSY_ROLE_VIEWER, events},
	{NULL, NULL, OSY_ROLE_NONE, NULL},
};
