/* /runs/{}/log: what a run went through (table run_event, written by a trigger of table run). */
#include <stdio.h>

#include "api.h"
#include "osy/mem.h"

/* The least severe comes first: level=warn gives warnings and errors. */
static const char *const levels[] = {"info", "warn", "error"};

static enum osy_code read_level(const struct osy_call *call, int *ret, struct osy_err *err)
{
	const char *text = osy_call_query(call, "level");

	*ret = 0;
	for (int i = 0; text && i < (int)OSY_COUNT(levels); i++) {
		if (strcmp(text, levels[i]) == 0) {
			*ret = i;
			return OSY_OK;
		}
	}
	return text ? osy_fail(err, OSY_E_USAGE, "level must be error, warn or info") : OSY_OK;
}

static enum osy_code ask(
	struct osy_call *call, int64_t *ret_limit, struct osy_pg_result **ret, struct osy_err *err)
{
	int64_t after = 0;
	int level = 0;
	enum osy_code rc = read_level(call, &level, err);

	if (!rc)
		rc = osy_call_page(call, ret_limit, &after, err);
	if (rc)
		return rc;
	struct osy_str wanted[OSY_COUNT(levels)];
	size_t count = 0;
	for (size_t i = (size_t)level; i < OSY_COUNT(levels); i++)
		wanted[count++] = osy_str(levels[i]);
	return osy_pg_do(call->pg, ret, err,
		"SELECT id, at, level, event, message FROM run_event WHERE run = $1 AND id > $2 "
		"AND level = ANY ($3) AND ($4::text IS NULL OR strpos(lower(message), lower($4)) > "
		"0) ORDER BY id LIMIT $5",
		OSY_PG_Z(call->params[0]), OSY_PG_I64(after), OSY_PG_TEXTS(wanted, count),
		OSY_PG_TEXT(osy_str(osy_call_query(call, "text"))), OSY_PG_I64(*ret_limit + 1));
}

static enum osy_code run_log(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	int64_t limit = 0;
	char next[32] = "";
	enum osy_code rc = osy_call_run(call, err);

	if (!rc)
		rc = ask(call, &limit, &result, err);
	if (rc)
		return rc;
	size_t rows = osy_pg_rows(result);
	osy_api_items(&w);
	for (size_t i = 0; i < rows && i < (size_t)limit; i++) {
		osy_jw_object(&w);
		osy_api_put_int(&w, "id", result, i, 0);
		osy_api_put_time(&w, "at", result, i, 1);
		osy_api_put_text(&w, "level", result, i, 2);
		osy_api_put_text(&w, "event", result, i, 3);
		osy_api_put_text(&w, "message", result, i, 4);
		osy_jw_object_end(&w);
		(void)snprintf(next, sizeof(next), "%lld", (long long)osy_pg_i64(result, i, 0, 0));
	}
	osy_api_items_end(&w, rows > (size_t)limit ? next : NULL);
	return OSY_OK;
}

const struct osy_route osy_routes_log[] = {
	{"GET", "/runs/{}/log", OSY_ROLE_VIEWER, run_log},
	{NULL, NULL, OSY_ROLE_NONE, NULL},
};
