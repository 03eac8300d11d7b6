/* Requests of jobs, and what a job says of itself. */
#include "osy/sf_bulk.h"

#include "osy/json.h"
#include "osy/json_write.h"
#include "osy/mem.h"
#include "osy/sf_id.h"

#include "osy/banned.h"

#define PATH_MAX_BYTES (3 * OSY_BULK_LOCATOR_MAX + 256)
#define BODY_MAX_BYTES (6 * OSY_BULK_MAX_SOQL_BYTES + 256)

static const char *const state_names[] = {
	[OSY_BULK_OPEN] = "Open",
	[OSY_BULK_UPLOADED] = "UploadComplete",
	[OSY_BULK_RUNNING] = "InProgress",
	[OSY_BULK_COMPLETE] = "JobComplete",
	[OSY_BULK_FAILED] = "Failed",
	[OSY_BULK_ABORTED] = "Aborted",
};

const char *osy_bulk_state_name(enum osy_bulk_state state)
{
	OSY_ASSERT((size_t)state < OSY_COUNT(state_names));
	return state_names[state];
}

bool osy_bulk_ended(enum osy_bulk_state state)
{
	return state == OSY_BULK_COMPLETE || state == OSY_BULK_FAILED || state == OSY_BULK_ABORTED;
}

/* ---- Jobs ---- */

static bool state_parse(struct osy_str name, enum osy_bulk_state *ret)
{
	for (size_t i = 0; i < OSY_COUNT(state_names); i++) {
		if (osy_str_is(name, state_names[i])) {
			*ret = (enum osy_bulk_state)i;
			return true;
		}
	}
	return false;
}

static int64_t count_of(const struct osy_json *json, const char *key)
{
	const int64_t n = osy_json_get_i64(json, key, 0);
	return n < 0 ? 0 : n;
}

static void copy_cut(struct osy_str from, char *to, size_t size)
{
	size_t len = from.len < size ? from.len : size - 1;

	while (len && len < from.len && ((unsigned char)from.p[len] & 0xc0) == 0x80)
		len--;
	if (len)
		memcpy(to, from.p, len);
	to[len] = 0;
}

/* An id in its long form; what has not the form of one is kept as it came. */
static bool copy_id(struct osy_str text, char ret[19])
{
	struct osy_id id;

	if (osy_id_parse(text, &id)) {
		osy_id_18(&id, ret);
		return true;
	}
	if (!text.p || text.len == 0 || text.len > 18)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		const char c = text.p[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
			return false;
	}
	memcpy(ret, text.p, text.len);
	ret[text.len] = 0;
	return true;
}

enum osy_code osy_bulk_job_read(struct osy_str body, struct osy_bulk_job *ret, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;
	struct osy_bulk_job job = {.id = ""};
	const enum osy_code code = osy_json_parse(body, "bulk job", &json, err);

	if (code)
		return code;
	if (!copy_id(osy_json_get_str(json, "id"), job.id))
		return osy_fail(err, OSY_E_INVALID, "the reply is no bulk job: it has no id");
	const struct osy_str state = osy_json_get_str(json, "state");
	if (!state_parse(state, &job.state))
		return osy_fail(err, OSY_E_INVALID,
			"bulk job %s has a state that is not known: \"%.*s\"", job.id,
			state.len > 40 ? 40 : (int)state.len, state.p ? state.p : "");
	job.processed = count_of(json, "numberRecordsProcessed");
	job.failed = count_of(json, "numberRecordsFailed");
	copy_cut(osy_json_get_str(json, "errorMessage"), job.message, sizeof(job.message));
	*ret = job;
	return OSY_OK;
}

/* ---- Requests ---- */

void osy_bulk_ask_init(struct osy_bulk_ask *ask)
{
	*ask = (struct osy_bulk_ask){
		.path = OSY_BUF(PATH_MAX_BYTES), .body = OSY_BUF(BODY_MAX_BYTES)};
}

void osy_bulk_ask_done(struct osy_bulk_ask *ask)
{
	osy_buf_done(&ask->path);
	osy_buf_done(&ask->body);
}

/* "jobs/KIND[/JOB]": the path is ours, not contentUrl, so that each call of a job has the version
 * that the job was made with; another is refused. */
static void ask_path(struct osy_bulk_ask *ask, const char *kind, const char *job)
{
	osy_buf_reset(&ask->path);
	osy_buf_reset(&ask->body);
	osy_buf_addf(&ask->path, "jobs/%s", kind);
	if (job) {
		osy_buf_addc(&ask->path, '/');
		osy_url_encode(osy_str(job), &ask->path);
	}
}

static void ask_end(struct osy_bulk_ask *ask, const char *method, struct osy_sf_request *ret)
{
	*ret = (struct osy_sf_request){.method = method, .path = osy_buf_str(&ask->path)};
	if (ask->body.len > 0)
		ret->body = osy_buf_str(&ask->body);
}

static void ask_job(struct osy_bulk_ask *ask, const char *method, const char *kind, const char *job,
	struct osy_sf_request *ret)
{
	ask_path(ask, kind, job);
	ask_end(ask, method, ret);
}

static void ask_state(struct osy_bulk_ask *ask, const char *kind, const char *job,
	enum osy_bulk_state state, struct osy_sf_request *ret)
{
	ask_path(ask, kind, job);
	osy_buf_addf(&ask->body, "{\"state\":\"%s\"}", state_names[state]);
	ask_end(ask, "PATCH", ret);
}

static void put_format(struct osy_json_writer *json)
{
	osy_jw_put_str(json, "contentType", OSY_STR("CSV"));
	osy_jw_put_str(json, "lineEnding", OSY_STR("LF"));
	osy_jw_put_str(json, "columnDelimiter", OSY_STR("COMMA"));
}

/* A page of a result file of CSV. */
static void ask_csv(struct osy_bulk_ask *ask, const char *locator, int64_t max_records,
	struct osy_sf_request *ret)
{
	if (*locator) {
		osy_buf_addz(&ask->path, "?locator=");
		osy_url_encode(osy_str(locator), &ask->path);
	}
	if (max_records > 0)
		osy_buf_addf(&ask->path, "%cmaxRecords=%lld", *locator ? '&' : '?',
			(long long)max_records);
	ask_end(ask, "GET", ret);
	ask->headers[0] = (struct osy_http_header){"Accept", OSY_STR("text/csv")};
	ret->headers = ask->headers;
	ret->header_count = 1;
}

/* ---- Ingest ---- */

void osy_bulk_ingest_create(
	struct osy_bulk_ask *ask, enum osy_sf_op op, const char *object, struct osy_sf_request *ret)
{
	static const char *const operations[] = {
		[OSY_SF_INSERT] = "insert", [OSY_SF_UPDATE] = "update", [OSY_SF_DELETE] = "delete"};
	struct osy_json_writer json = osy_json_writer(&ask->body);

	OSY_ASSERT((size_t)op < OSY_COUNT(operations));
	ask_path(ask, "ingest", NULL);
	osy_jw_object(&json);
	osy_jw_put_str(&json, "object", osy_str(object));
	osy_jw_put_str(&json, "operation", osy_str(operations[op]));
	put_format(&json);
	osy_jw_object_end(&json);
	ask_end(ask, "POST", ret);
}

void osy_bulk_ingest_upload(
	struct osy_bulk_ask *ask, const char *job, int fd, int64_t size, struct osy_sf_request *ret)
{
	ask_path(ask, "ingest", job);
	osy_buf_addz(&ask->path, "/batches");
	ask_end(ask, "PUT", ret);
	ret->content_type = "text/csv";
	ret->body_fd = fd;
	ret->body_size = size;
}

void osy_bulk_ingest_close(struct osy_bulk_ask *ask, const char *job, struct osy_sf_request *ret)
{
	ask_state(ask, "ingest", job, OSY_BULK_UPLOADED, ret);
}

void osy_bulk_ingest_abort(struct osy_bulk_ask *ask, const char *job, struct osy_sf_request *ret)
{
	ask_state(ask, "ingest", job, OSY_BULK_ABORTED, ret);
}

void osy_bulk_ingest_get(struct osy_bulk_ask *ask, const char *job, struct osy_sf_request *ret)
{
	ask_job(ask, "GET", "ingest", job, ret);
}

void osy_bulk_ingest_delete(struct osy_bulk_ask *ask, const char *job, struct osy_sf_request *ret)
{
	ask_job(ask, "DELETE", "ingest", job, ret);
}

void osy_bulk_ingest_results(struct osy_bulk_ask *ask, const char *job, enum osy_bulk_file file,
	const char *locator, struct osy_sf_request *ret)
{
	static const char *const files[] = {[OSY_BULK_SUCCESSFUL] = "/successfulResults/",
		[OSY_BULK_FAILED_ROWS] = "/failedResults/",
		[OSY_BULK_UNPROCESSED] = "/unprocessedrecords/"};

	OSY_ASSERT((size_t)file < OSY_COUNT(files));
	ask_path(ask, "ingest", job);
	osy_buf_addz(&ask->path, files[file]);
	ask_csv(ask, locator, 0, ret);
}

/* ---- Query ---- */

void osy_bulk_query_create(
	struct osy_bulk_ask *ask, struct osy_str soql, bool all_rows, struct osy_sf_request *ret)
{
	struct osy_json_writer json = osy_json_writer(&ask->body);

	ask_path(ask, "query", NULL);
	osy_jw_object(&json);
	osy_jw_put_str(&json, "operation", all_rows ? OSY_STR("queryAll") : OSY_STR("query"));
	osy_jw_put_str(&json, "query", soql);
	put_format(&json);
	osy_jw_object_end(&json);
	ask_end(ask, "POST", ret);
}

void osy_bulk_query_get(struct osy_bulk_ask *ask, const char *job, struct osy_sf_request *ret)
{
	ask_job(ask, "GET", "query", job, ret);
}

void osy_bulk_query_abort(struct osy_bulk_ask *ask, const char *job, struct osy_sf_request *ret)
{
	ask_state(ask, "query", job, OSY_BULK_ABORTED, ret);
}

void osy_bulk_query_delete(struct osy_bulk_ask *ask, const char *job, struct osy_sf_request *ret)
{
	ask_job(ask, "DELETE", "query", job, ret);
}

void osy_bulk_query_results(struct osy_bulk_ask *ask, const char *job, const char *locator,
	int64_t max_records, struct osy_sf_request *ret)
{
	ask_path(ask, "query", job);
	osy_buf_addz(&ask->path, "/results");
	ask_csv(ask, locator, max_records, ret);
}
