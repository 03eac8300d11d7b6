/* /runs/{}/errors and /runs/{}/why/{} */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "api.h"
#include "osy/batch.h"
#include "osy/clock.h"
#include "osy/intent.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "osy/spec.h"

/* ---- Errors ---- */
#define FAILURES                                                                                \
	"SELECT f.source_id, f.target_id, o.name, f.kind, f.code, f.message, f.fields, "        \
	"f.attempt, f.pass, f.at, f.seq "                                                       \
	"FROM failure f JOIN run_object o ON o.run = f.run AND o.object = f.object "            \
	"WHERE f.run = $1 AND f.resolved_pass IS NULL AND f.seq > $2 AND ($3::text IS NULL OR " \
	"lower(o.name) = lower($3)) AND "                                                       \
	"($4::text IS NULL OR f.code = $4) AND ($5::text IS NULL OR position(lower($5) in "     \
	"lower(f.message)) > 0) AND "                                                           \
	"($6 = 'all' OR f.kind = $6 OR ($6 = 'failed' AND f.kind <> 'notice')) ORDER BY f.seq " \
	"LIMIT $7"

static const char *const failure_keys[] = {"sourceId", "targetId", "object", "kind", "code",
	"message", "fields", "attempt", "pass", "at"};
enum { FAILURE_TEXTS = 7, FAILURE_AT = 9, FAILURE_SEQ = 10 };
#define CSV_HEADER "source_id,target_id,object,kind,code,message,fields,attempt,pass,at\n"
#define CSV_PAGE 1000

/* What is asked for; NULL: all. */
struct filter {
	char *run, *object, *code, *message, *kind;
};

static enum osy_code ask_failures(struct osy_pg *pg, const struct filter *filter, int64_t after,
	int64_t limit, struct osy_pg_result **ret, struct osy_err *err)
{
	return osy_pg_do(pg, ret, err, FAILURES, OSY_PG_Z(filter->run), OSY_PG_I64(after),
		OSY_PG_Z(filter->object), OSY_PG_Z(filter->code), OSY_PG_Z(filter->message),
		OSY_PG_Z(filter->kind), OSY_PG_I64(limit));
}

static char *copy_query(const struct osy_call *call, const char *name, const char *otherwise)
{
	const char *value = osy_call_query(call, name);

	if (!value || !*value)
		value = otherwise;
	return value ? osy_xstrdup(value) : NULL;
}

static struct filter read_filter(const struct osy_call *call)
{
	return (struct filter){.run = osy_xstrdup(call->params[0]),
		.object = copy_query(call, "object", NULL),
		.code = copy_query(call, "code", NULL),
		.message = copy_query(call, "message", NULL),
		.kind = copy_query(call, "kind", "failed")};
}

static void filter_done(struct filter *filter)
{
	free(filter->run);
	free(filter->object);
	free(filter->code);
	free(filter->message);
	free(filter->kind);
}

static void write_failure(struct osy_json_writer *w, const struct osy_pg_result *result, size_t row)
{
	osy_jw_object(w);
	for (int i = 0; i < FAILURE_TEXTS; i++)
		osy_api_put_text(w, failure_keys[i], result, row, i);
	for (int i = FAILURE_TEXTS; i < FAILURE_AT; i++)
		osy_api_put_int(w, failure_keys[i], result, row, i);
	osy_api_put_time(w, failure_keys[FAILURE_AT], result, row, FAILURE_AT);
	osy_jw_object_end(w);
}

/*
 * RFC 4180. A spreadsheet takes a value that begins with = + - or @ for a formula; messages come
 * from outside, so such a value is led by an apostrophe.
 */
static void csv_value(struct osy_str value, struct osy_buf *out)
{
	osy_buf_addc(out, '"');
	if (value.len && strchr("=+-@\t\r", value.p[0]))
		osy_buf_addc(out, '\'');
	for (size_t i = 0; i < value.len; i++) {
		if (value.p[i] == '"')
			osy_buf_addc(out, '"');
		osy_buf_addc(out, value.p[i]);
	}
	osy_buf_addc(out, '"');
}

static void csv_row(const struct osy_pg_result *result, size_t row, struct osy_buf *out)
{
	char at[32];

	for (int i = 0; i < FAILURE_TEXTS; i++) {
		csv_value(osy_pg_str(result, row, i), out);
		osy_buf_addc(out, ',');
	}
	osy_wall_text(osy_pg_i64(result, row, FAILURE_AT, 0), at);
	osy_buf_addf(out, "%lld,%lld,%s\n", (long long)osy_pg_i64(result, row, FAILURE_TEXTS, 0),
		(long long)osy_pg_i64(result, row, FAILURE_TEXTS + 1, 0), at);
}

/* The CSV is streamed a page at a time, however many failures there are. */
struct csv {
	struct osy_pg *pg;
	struct filter filter;
	int64_t after;
	struct osy_buf out; /* not sent yet, from at on */
	size_t at;
	bool ended;
};

static void csv_free(void *arg)
{
	struct csv *csv = arg;

	osy_pg_free(csv->pg);
	filter_done(&csv->filter);
	osy_buf_done(&csv->out);
	free(csv);
}

/* False when Postgres failed: the connection is cut, so that nobody takes half a file for the
 * whole. */
static bool csv_page(struct csv *csv)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;

	osy_buf_reset(&csv->out);
	csv->at = 0;
	if (ask_failures(csv->pg, &csv->filter, csv->after, CSV_PAGE, &result, &err)) {
		osy_log(OSY_WARN, "api.csv", OSY_KV("run", csv->filter.run), OSY_KV_ERR(&err));
		return false;
	}
	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		csv_row(result, i, &csv->out);
		csv->after = osy_pg_i64(result, i, FAILURE_SEQ, 0);
	}
	csv->ended = osy_pg_rows(result) < CSV_PAGE;
	return true;
}

static ssize_t csv_read(void *arg, uint64_t position, char *out, size_t max)
{
	struct csv *csv = arg;

	(void)position;
	while (csv->at == csv->out.len) {
		if (csv->ended)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (!csv_page(csv))
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	size_t n = csv->out.len - csv->at < max ? csv->out.len - csv->at : max;
	memcpy(out, csv->out.p + csv->at, n);
	csv->at += n;
	return (ssize_t)n;
}

static void errors_csv(struct osy_call *call)
{
	struct csv *csv = osy_xcalloc(1, sizeof(*csv));

	csv->pg = osy_pg_new(call->context->settings->postgres_url, "orgsync-csv", 30000);
	csv->filter = read_filter(call);
	csv->out = OSY_BUF(16u * 1024 * 1024);
	osy_buf_addz(&csv->out, CSV_HEADER);
	call->type = "text/csv; charset=utf-8";
	call->filename = "errors.csv";
	call->read = csv_read;
	call->done = csv_free;
	call->stream = csv;
}

static enum osy_code run_is_there(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(call->pg, &result, err, "SELECT 1 FROM run WHERE id = $1",
		OSY_PG_Z(call->params[0]));

	if (!rc && !osy_pg_rows(result))
		return osy_no_such_run(call->params[0], err);
	return rc;
}

static enum osy_code errors(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	const char *accept = osy_call_header(call, "Accept");
	struct osy_json_writer w = osy_json_writer(&call->out);
	int64_t limit = 0, after = 0;
	char next[32] = "";
	OSY_AUTO(filter_done) struct filter filter = read_filter(call);
	enum osy_code rc = run_is_there(call, err);

	if (!rc && accept && strncasecmp(accept, "text/csv", 8) == 0) {
		errors_csv(call);
		return OSY_OK;
	}
	if (!rc)
		rc = osy_call_page(call, &limit, &after, err);
	if (!rc)
		rc = ask_failures(call->pg, &filter, after, limit + 1, &result, err);
	if (rc)
		return rc;
	size_t rows = osy_pg_rows(result);
	osy_api_items(&w);
	for (size_t i = 0; i < rows && i < (size_t)limit; i++) {
		write_failure(&w, result, i);
		snprintf(next, sizeof(next), "%lld",
			(long long)osy_pg_i64(result, i, FAILURE_SEQ, 0));
	}
	osy_api_items_end(&w, rows > (size_t)limit ? next : NULL);
	return OSY_OK;
}

/* ---- How many of what ---- */
#define SUMMARY                                                                               \
	"SELECT o.name, f.kind, f.code, count(*), min(f.message) FROM failure f JOIN "        \
	"run_object o ON o.run = f.run AND o.object = f.object WHERE f.run = $1 AND "         \
	"f.resolved_pass IS NULL AND ($2::text IS NULL OR lower(o.name) = lower($2)) AND "    \
	"($3::text IS NULL "                                                                  \
	"OR f.code = $3) AND ($4::text IS NULL OR position(lower($4) in lower(f.message)) > " \
	"0) AND ($5 = 'all' OR f.kind = $5 OR ($5 = 'failed' AND f.kind <> 'notice')) GROUP " \
	"BY o.name, f.kind, f.code ORDER BY count(*) DESC, o.name, f.kind, f.code"

static enum osy_code summary(struct osy_call *call, struct osy_err *err)
{
	static const char *const keys[] = {"object", "kind", "code"};
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	OSY_AUTO(filter_done) struct filter filter = read_filter(call);
	struct osy_json_writer w = osy_json_writer(&call->out);
	enum osy_code rc = run_is_there(call, err);

	if (!rc)
		rc = osy_pg_do(call->pg, &result, err, SUMMARY, OSY_PG_Z(filter.run),
			OSY_PG_Z(filter.object), OSY_PG_Z(filter.code), OSY_PG_Z(filter.message),
			OSY_PG_Z(filter.kind));
	if (rc)
		return rc;
	osy_api_items(&w);
	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		osy_jw_object(&w);
		for (int k = 0; k < (int)OSY_COUNT(keys); k++)
			osy_api_put_text(&w, keys[k], result, i, k);
		osy_api_put_int(&w, "count", result, i, 3);
		osy_api_put_text(&w, "example", result, i, 4);
		osy_jw_object_end(&w);
	}
	osy_api_items_end(&w, NULL);
	return OSY_OK;
}

/* ---- Why ---- */
struct found {
	int64_t pass, lane, offset;
	size_t row;
	int object;
	struct osy_outcome_row outcome;
	char state[16];
	int64_t attempts;
	struct osy_buf source; /* its fields as the journal has them, as JSON */
};

/* Values are raw JSON as the source's org has written it. */
static void write_source(
	const struct osy_batch_reader *reader, const struct osy_str *values, struct osy_buf *out)
{
	struct osy_json_writer w = osy_json_writer(out);

	osy_jw_object(&w);
	for (size_t i = 0; i < reader->field_count; i++) {
		osy_jw_key_str(&w, reader->fields[i]);
		if (values[i].len && values[i].p[0] == '!') /* an expression that failed */
			osy_jw_str(&w, values[i]);
		else if (values[i].p)
			osy_jw_raw(&w, values[i]);
		else
			osy_jw_null(&w);
	}
	osy_jw_object_end(&w);
}

/* Looks for the record in one batch of the journal; true when it is there. */
static enum osy_code look_in_batch(struct osy_call *call, const char *topic,
	const struct osy_id *id, const struct osy_spec_object *object,
	const struct osy_pg_result *batches, size_t at, bool *ret_found, struct found *ret,
	struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf message = OSY_BUF(4u * 1024 * 1024);
	OSY_AUTO(osy_arena_done) struct osy_arena arena;
	struct osy_batch_reader reader;
	struct osy_id source;
	int64_t lane = osy_pg_i64(batches, at, 1, 0), offset = osy_pg_i64(batches, at, 2, 0);
	enum osy_code rc, row_rc;

	osy_arena_init(&arena, 64u * 1024);
	rc = osy_kafka_at(call->context->kafka, topic, (int32_t)lane, offset, &message, err);
	if (!rc)
		rc = osy_batch_read(osy_buf_str(&message), &arena, &reader, err);
	if (rc)
		return rc;
	struct osy_str *values = osy_arena_calloc(&arena, reader.field_count + 1, sizeof(*values));
	for (size_t row = 0; osy_batch_row(&reader, &source, values, &row_rc, err); row++) {
		if (!osy_id_equal(&source, id))
			continue;
		size_t count = (size_t)reader.head.count;
		struct osy_outcome_row *outcomes =
			osy_arena_calloc(&arena, count, sizeof(*outcomes));
		struct osy_str packed = osy_pg_str(batches, at, 5);
		if (packed.p)
			rc = osy_outcomes_read(
				packed, object->target_prefix, outcomes, (unsigned)count, err);
		struct osy_str state = osy_pg_str(batches, at, 3);
		*ret = (struct found){.pass = osy_pg_i64(batches, at, 0, 1),
			.lane = lane,
			.offset = offset,
			.row = row,
			.object = object->index,
			.outcome = outcomes[row],
			.attempts = osy_pg_i64(batches, at, 4, 0)};
		snprintf(ret->state, sizeof(ret->state), "%.*s", (int)state.len, state.p);
		ret->source = OSY_BUF(8u * 1024 * 1024);
		write_source(&reader, values, &ret->source);
		*ret_found = true;
		return rc;
	}
	return row_rc;
}

static enum osy_code look_in_object(struct osy_call *call, const struct osy_spec_object *object,
	const struct osy_id *id, bool *ret_found, struct found *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *batches = NULL;
	char topic[256];
	enum osy_code rc = osy_pg_do(call->pg, &batches, err,
		"SELECT pass, lane, at_offset, state, attempts, outcome FROM batch WHERE run = $1 "
		"AND object = $2 AND NOT links AND smallest <= $3 COLLATE \"C\" AND largest >= $3 "
		"COLLATE \"C\" ORDER BY pass DESC, lane, at_offset",
		OSY_PG_Z(call->params[0]), OSY_PG_I32(object->index), OSY_PG_Z(id->c));

	osy_run_topic(call->context->settings->kafka_prefix, call->params[0], topic, sizeof(topic));
	for (size_t i = 0; !rc && !*ret_found && i < osy_pg_rows(batches); i++)
		rc = look_in_batch(call, topic, id, object, batches, i, ret_found, ret, err);
	return rc;
}

static enum osy_code write_record_failures(struct osy_call *call, const struct osy_id *id,
	struct osy_json_writer *w, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	char id18[19];

	osy_id_18(id, id18);
	enum osy_code rc = osy_pg_do(call->pg, &result, err,
		"SELECT f.source_id, f.target_id, o.name, f.kind, f.code, f.message, f.fields, "
		"f.attempt, f.pass, f.at FROM failure f JOIN run_object o ON o.run = f.run AND "
		"o.object = f.object WHERE f.run = $1 AND f.source_id IN ($2, $3) ORDER BY f.seq",
		OSY_PG_Z(call->params[0]), OSY_PG_Z(id->c), OSY_PG_Z(id18));
	osy_jw_key(w, "failures");
	osy_jw_array(w);
	for (size_t i = 0; !rc && i < osy_pg_rows(result); i++)
		write_failure(w, result, i);
	osy_jw_array_end(w);
	return rc;
}

static void write_found(const struct found *found, const struct osy_spec_object *object,
	const struct osy_id *id, struct osy_json_writer *w)
{
	char text[19];

	osy_id_18(id, text);
	osy_jw_put_str(w, "sourceId", osy_str(text));
	osy_jw_put_str(w, "object", osy_str(object->name));
	osy_jw_put_str(w, "outcome", osy_str(osy_outcome_name(found->outcome.outcome)));
	if (osy_id_is_set(&found->outcome.target)) {
		osy_id_18(&found->outcome.target, text);
		osy_jw_put_str(w, "targetId", osy_str(text));
	} else {
		osy_jw_put_str(w, "targetId", OSY_STR_NULL);
	}
	osy_jw_put_i64(w, "pass", found->pass);
	osy_jw_put_i64(w, "lane", found->lane);
	osy_jw_put_i64(w, "offset", found->offset);
	osy_jw_put_i64(w, "row", (int64_t)found->row);
	osy_jw_put_str(w, "batchState", osy_str(found->state));
	osy_jw_put_i64(w, "attempts", found->attempts);
}

/* Record values are for those who may also run a sync. */
static void write_values(
	const struct osy_call *call, const struct found *found, struct osy_json_writer *w)
{
	osy_jw_key(w, "source");
	if (osy_call_may(call, OSY_RIGHT_START))
		osy_jw_raw(w, osy_buf_str(&found->source));
	else
		osy_jw_null(w);
}

/* Whether a rollback has undone what the run did with the record. */
static enum osy_code write_rolled_back(struct osy_call *call, const struct found *found,
	const struct osy_id *id, struct osy_json_writer *w, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	bool written =
		found->outcome.outcome == OSY_INSERTED || found->outcome.outcome == OSY_UPDATED;
	char id18[19];

	osy_id_18(id, id18);
	enum osy_code rc = osy_pg_do(call->pg, &result, err,
		"SELECT r.loaded_pass IS NOT NULL AND $2 > r.loaded_pass AND NOT "
		"coalesce((r.rollback::json->>'dryRun')::boolean, true) AND NOT EXISTS (SELECT 1 "
		"FROM failure f WHERE f.run = r.id AND f.pass = $2 AND f.kind = 'rollback' AND "
		"f.source_id = $3) FROM run r WHERE r.id = $1",
		OSY_PG_Z(call->params[0]), OSY_PG_I64(found->pass), OSY_PG_Z(id18));
	osy_jw_put_bool(w, "rolledBack", !rc && written && osy_pg_i64(result, 0, 0, 0) != 0);
	return rc;
}

static enum osy_code read_spec(struct osy_call *call, struct osy_spec **ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(call->pg, &result, err, "SELECT spec FROM run WHERE id = $1",
		OSY_PG_Z(call->params[0]));

	if (!rc && osy_pg_is_null(result, 0, 0))
		return osy_fail(
			err, OSY_E_STATE, "run %s has not been scanned yet", call->params[0]);
	return rc ? rc : osy_spec_read(osy_pg_str(result, 0, 0), ret, err);
}

static enum osy_code why(struct osy_call *call, struct osy_err *err)
{
	struct osy_spec *spec = NULL;
	struct osy_id id;
	struct found found = {0};
	bool have = false;
	struct osy_json_writer w = osy_json_writer(&call->out);
	enum osy_code rc = run_is_there(call, err);

	if (!rc && !osy_id_parse(osy_str(call->params[1]), &id))
		rc = osy_fail(err, OSY_E_USAGE, "%s is no record id: 15 or 18 letters and digits",
			call->params[1]);
	if (!rc)
		rc = read_spec(call, &spec, err);
	for (size_t i = 0; !rc && !have && i < spec->object_count; i++) {
		if (memcmp(spec->objects[i].prefix, id.c, 3) == 0)
			rc = look_in_object(call, &spec->objects[i], &id, &have, &found, err);
	}
	if (!rc && !have)
		rc = osy_fail(err, OSY_E_NOT_FOUND,
			"run %s has not taken record %s: it is not in the selection, or its batch "
			"has not been reached yet",
			call->params[0], call->params[1]);
	if (!rc) {
		osy_jw_object(&w);
		write_found(&found, &spec->objects[found.object], &id, &w);
		write_values(call, &found, &w);
		rc = write_rolled_back(call, &found, &id, &w, err);
		if (!rc)
			rc = write_record_failures(call, &id, &w, err);
		osy_jw_object_end(&w);
	}
	osy_buf_done(&found.source);
	osy_spec_free(spec);
	return rc;
}

const struct osy_route osy_routes_errors[] = {
	{"GET", "/runs/{}/errors", OSY_ROLE_VIEWER, errors},
	{"GET", "/runs/{}/errors/summary", OSY_ROLE_VIEWER, summary},
	{"GET", "/runs/{}/why/{}", OSY_ROLE_VIEWER, why},
	{NULL, NULL, OSY_ROLE_NONE, NULL},
};
