/* /runs/{}/waiting: what waits for a parent between the run's orgs, by its template. */
#include <stdio.h>

#include "api.h"
#include "osy/mem.h"

#define WAITING                                                                                 \
	"SELECT w.source_id, w.object, w.field, w.parent_id, w.parent_object, w.run, w.lane, "  \
	"w.at_offset, w.row_index, w.since, w.tried_at, w.seq FROM run r JOIN waiting w ON "    \
	"w.pair = r.pair AND w.template = r.template WHERE r.id = $1 AND w.in_run IS NULL AND " \
	"w.seq > $2 AND ($3::text IS NULL OR w.object = $3) AND ($4::text IS NULL OR "          \
	"left(w.parent_id, 15) = left($4, 15)) ORDER BY w.seq LIMIT $5"

static const char *const keys[] = {"sourceId", "object", "field", "parentId", "parentObject", "run",
	"lane", "offset", "row", "since", "triedAt"};
enum { TEXTS = 6, INTS = 9, TIMES = 11, SEQ = 11 };

static void write_item(struct osy_json_writer *w, const struct osy_pg_result *result, size_t row)
{
	osy_jw_object(w);
	for (int i = 0; i < TEXTS; i++)
		osy_api_put_text(w, keys[i], result, row, i);
	for (int i = TEXTS; i < INTS; i++)
		osy_api_put_int(w, keys[i], result, row, i);
	for (int i = INTS; i < TIMES; i++)
		osy_api_put_time(w, keys[i], result, row, i);
	osy_jw_object_end(w);
}

/* Where the last page ended, and how many are to come. */
static enum osy_code read_page(
	struct osy_call *call, int64_t *ret_after, int64_t *ret_limit, struct osy_err *err)
{
	enum osy_code rc = osy_call_run(call, err);

	*ret_after = 0;
	return rc ? rc : osy_call_page(call, ret_limit, ret_after, err);
}

static enum osy_code waiting(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	int64_t limit, after;
	char next[32] = "";
	enum osy_code rc = read_page(call, &after, &limit, err);

	if (!rc)
		rc = osy_pg_do(call->pg, &result, err, WAITING, OSY_PG_Z(call->params[0]),
			OSY_PG_I64(after), OSY_PG_Z(osy_call_query(call, "object")),
			OSY_PG_Z(osy_call_query(call, "parent")), OSY_PG_I64(limit + 1));
	if (rc)
		return rc;
	size_t rows = osy_pg_rows(result);
	osy_api_items(&w);
	for (size_t i = 0; i < rows && i < (size_t)limit; i++) {
		write_item(&w, result, i);
		(void)snprintf(
			next, sizeof(next), "%lld", (long long)osy_pg_i64(result, i, SEQ, 0));
	}
	osy_api_items_end(&w, rows > (size_t)limit ? next : NULL);
	return OSY_OK;
}

/* Those that most records wait for come first. */
#define PARENTS                                                                           \
	"SELECT w.object, w.field, w.parent_object, w.parent_id, count(*), min(w.since) " \
	"FROM run r JOIN waiting w ON w.pair = r.pair AND w.template = r.template WHERE " \
	"r.id = $1 AND w.in_run IS NULL AND ($2::text IS NULL OR w.object = $2) AND "     \
	"($3::text IS NULL OR left(w.parent_id, 15) = left($3, 15)) GROUP BY 1, 2, 3, 4 " \
	"ORDER BY 5 DESC, 1, 2, 4 OFFSET $4 LIMIT $5"

static enum osy_code parents(struct osy_call *call, struct osy_err *err)
{
	static const char *const texts[] = {"object", "field", "parentObject", "parentId"};
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	int64_t limit, after;
	char next[32];
	enum osy_code rc = read_page(call, &after, &limit, err);

	if (!rc)
		rc = osy_pg_do(call->pg, &result, err, PARENTS, OSY_PG_Z(call->params[0]),
			OSY_PG_Z(osy_call_query(call, "object")),
			OSY_PG_Z(osy_call_query(call, "parent")), OSY_PG_I64(after),
			OSY_PG_I64(limit + 1));
	if (rc)
		return rc;
	size_t rows = osy_pg_rows(result);
	osy_api_items(&w);
	for (size_t i = 0; i < rows && i < (size_t)limit; i++) {
		osy_jw_object(&w);
		for (int k = 0; k < (int)OSY_COUNT(texts); k++)
			osy_api_put_text(&w, texts[k], result, i, k);
		osy_api_put_int(&w, "count", result, i, 4);
		osy_api_put_time(&w, "since", result, i, 5);
		osy_jw_object_end(&w);
	}
	(void)snprintf(next, sizeof(next), "%lld", (long long)(after + limit));
	osy_api_items_end(&w, rows > (size_t)limit ? next : NULL);
	return OSY_OK;
}

const struct osy_route osy_routes_waiting[] = {
	{"GET", "/runs/{}/waiting", OSY_ROLE_VIEWER, waiting},
	{"GET", "/runs/{}/waiting/parents", OSY_ROLE_VIEWER, parents},
	{NULL, NULL, OSY_ROLE_NONE, NULL},
};
