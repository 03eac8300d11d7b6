#include <stdlib.h>

#include "check_internal.h"
#include "osy/sf_query.h"

#define PAGES_MAX 50
#define BODY_BYTES (4u * 1024 * 1024)
#define PATH_BYTES (400u * 1024)
#define IN_FLIGHT 4

void check_parts_begin(struct check_parts *parts, struct osy_org *org, const char *path)
{
	*parts = (struct check_parts){.org = org, .path = path, .body = OSY_BUF(BODY_BYTES)};
	parts->w = osy_json_writer(&parts->body);
	osy_jw_object(&parts->w);
	osy_jw_put_bool(&parts->w, "allOrNone", false);
	osy_jw_key(&parts->w, "compositeRequest");
	osy_jw_array(&parts->w);
}

void check_parts_put(
	struct check_parts *parts, const char *method, struct osy_str path, struct osy_str body)
{
	OSY_AUTO(osy_buf_done) struct osy_buf url = OSY_BUF(PATH_BYTES), ref = OSY_BUF(32);

	OSY_ASSERT(parts->count < CHECK_PARTS_MAX);
	osy_buf_addf(&ref, "r%u", parts->count++);
	osy_buf_addz(&url, "/services/data/v" OSY_SF_API_VERSION "/");
	osy_buf_add_str(&url, path);
	osy_jw_object(&parts->w);
	osy_jw_put_str(&parts->w, "method", osy_str(method));
	osy_jw_put_str(&parts->w, "url", osy_buf_str(&url));
	osy_jw_put_str(&parts->w, "referenceId", osy_buf_str(&ref));
	if (body.p) {
		osy_jw_key(&parts->w, "body");
		osy_jw_raw(&parts->w, body);
	}
	osy_jw_object_end(&parts->w);
}

void check_parts_get(struct check_parts *parts, struct osy_str path)
{
	check_parts_put(parts, "GET", path, OSY_STR_NULL);
}

void check_parts_query(struct check_parts *parts, struct osy_str soql)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(PATH_BYTES);

	if (strncmp(parts->path, "tooling/", 8) == 0)
		osy_buf_addz(&path, "tooling/");
	osy_soql_path(soql, false, &path);
	check_parts_get(parts, osy_buf_str(&path));
}

/* ---- Without composites ---- */
static bool is_missing(int status)
{
	return status == 404 || status == 405 || status == 501;
}

static void put_answer(struct osy_json_writer *w, const struct osy_sf_many *call)
{
	const char *code = call->err.origin;

	osy_jw_object(w);
	osy_jw_put_i64(w, "httpStatusCode", call->status);
	osy_jw_key(w, "body");
	if (!call->code && call->body.len) {
		osy_jw_raw(w, osy_buf_str(&call->body));
	} else if (!call->code) {
		osy_jw_raw(w, OSY_STR("null"));
	} else {
		osy_jw_array(w);
		osy_jw_object(w);
		osy_jw_put_str(
			w, "errorCode", osy_str(strncmp(code, "sf:", 3) == 0 ? code + 3 : code));
		osy_jw_put_str(w, "message", osy_str(call->err.msg));
		osy_jw_object_end(w);
		osy_jw_array_end(w);
	}
	osy_jw_object_end(w);
}

/* Their answers, as the composite would have given them. */
static enum osy_code gather(struct check_parts *parts, const struct osy_sf_many *calls)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(64u << 20);
	struct osy_json_writer w = osy_json_writer(&text);

	osy_jw_object(&w);
	osy_jw_key(&w, "compositeResponse");
	osy_jw_array(&w);
	for (unsigned i = 0; i < parts->count; i++) {
		if (calls[i].code && calls[i].code != OSY_E_SALESFORCE &&
			!is_missing(calls[i].status)) {
			parts->err = calls[i].err;
			return parts->err.code;
		}
		put_answer(&w, &calls[i]);
	}
	osy_jw_array_end(&w);
	osy_jw_object_end(&w);
	return osy_json_parse(osy_buf_str(&text), "calls one by one", &parts->reply, &parts->err);
}

/* An org that has no composites of this API still has the calls that they hold. */
static enum osy_code send_one_by_one(struct osy_http *http, struct check_parts *parts)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *tree = NULL;
	OSY_AUTO_FREE struct osy_sf_many *calls = osy_xcalloc(parts->count + 1, sizeof(*calls));
	OSY_AUTO_FREE struct osy_buf *bodies = osy_xcalloc(parts->count + 1, sizeof(*bodies));
	enum osy_code rc = osy_json_parse(osy_buf_str(&parts->body), "parts", &tree, &parts->err);
	const struct osy_json *list = osy_json_get(tree, "compositeRequest");

	for (unsigned i = 0; !rc && i < parts->count; i++) {
		const struct osy_json *part = osy_json_at(list, i), *body;
		bodies[i] = OSY_BUF(BODY_BYTES);
		calls[i] = (struct osy_sf_many){.org = parts->org,
			.request = {.method = osy_json_get_str(part, "method").p,
				.path = osy_json_get_str(part, "url")},
			.body = OSY_BUF(1)};
		body = osy_json_get(part, "body");
		if (body) {
			osy_json_write(body, false, &bodies[i]);
			calls[i].request.body = osy_buf_str(&bodies[i]);
		}
	}
	if (!rc) {
		osy_sf_run_many(http, calls, parts->count, IN_FLIGHT);
		rc = gather(parts, calls);
	}
	for (unsigned i = 0; i < parts->count; i++) {
		osy_buf_done(&calls[i].body);
		osy_buf_done(&bodies[i]);
	}
	return rc;
}

/* ---- Sending ---- */
void check_parts_send(struct osy_http *http, struct check_parts *parts, size_t count)
{
	OSY_AUTO_FREE struct osy_sf_many *calls = osy_xcalloc(count + 1, sizeof(*calls));

	for (size_t i = 0; i < count; i++) {
		osy_jw_array_end(&parts[i].w);
		osy_jw_object_end(&parts[i].w);
		calls[i] = (struct osy_sf_many){.org = parts[i].org,
			.request = {.method = "POST",
				.path = osy_str(parts[i].path),
				.body = osy_buf_str(&parts[i].body)},
			.body = OSY_BUF(1)};
	}
	osy_sf_run_many(http, calls, count, IN_FLIGHT);
	for (size_t i = 0; i < count; i++) {
		parts[i].code = calls[i].code;
		parts[i].err = calls[i].err;
		if (!parts[i].code)
			parts[i].code = osy_json_parse(osy_buf_str(&calls[i].body),
				"a composite's reply", &parts[i].reply, &parts[i].err);
		else if (is_missing(calls[i].status))
			parts[i].code = send_one_by_one(http, &parts[i]);
		osy_buf_done(&calls[i].body);
	}
}

static void why_of(const struct osy_json *body, struct osy_buf *out)
{
	const struct osy_json *error = osy_json_at(body, 0);
	struct osy_str code = osy_json_get_str(error, "errorCode");
	struct osy_str text = osy_json_get_str(error, "message");

	osy_buf_addf(out, "%.*s: %.*s", (int)(code.len < 80 ? code.len : 80),
		code.len ? code.p : "?", (int)(text.len < 300 ? text.len : 300),
		text.len ? text.p : "no reason given");
}

const struct osy_json *check_parts_body(
	const struct check_parts *parts, unsigned index, struct osy_buf *ret_why)
{
	const struct osy_json *list = osy_json_get(parts->reply, "compositeResponse");
	const struct osy_json *part = osy_json_at(list, index);
	const struct osy_json *body = osy_json_get(part, "body");

	if (osy_json_get_i64(part, "httpStatusCode", 0) == 200 &&
		osy_json_type(body) == OSY_JSON_OBJECT)
		return body;
	why_of(osy_json_type(body) == OSY_JSON_ARRAY && osy_json_count(body) ? body : NULL,
		ret_why);
	return NULL;
}

int check_parts_status(const struct check_parts *parts, unsigned index)
{
	const struct osy_json *list = osy_json_get(parts->reply, "compositeResponse");

	return (int)osy_json_get_i64(osy_json_at(list, index), "httpStatusCode", 0);
}

void check_parts_done(struct check_parts *parts)
{
	osy_buf_done(&parts->body);
	osy_json_free(parts->reply);
	*parts = (struct check_parts){0};
}

/* ---- Pages of a query ---- */
enum osy_code check_pages(struct osy_org *org, const struct osy_json *first,
	void (*take)(void *arg, const struct osy_json *record), void *arg, bool *ret_whole,
	struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *held = NULL;
	const struct osy_json *page = first;

	for (int pages = 0; pages < PAGES_MAX; pages++) {
		const struct osy_json *records = osy_json_get(page, "records");
		struct osy_str next = osy_json_get_str(page, "nextRecordsUrl");
		for (size_t i = 0; i < osy_json_count(records); i++)
			take(arg, osy_json_at(records, i));
		*ret_whole = osy_json_get_bool(page, "done", true) || !next.len;
		if (*ret_whole)
			return OSY_OK;
		OSY_AUTO_FREE char *path = osy_xstrndup(next.p, next.len);
		struct osy_json *more = NULL;
		enum osy_code rc = osy_sf_get(org, path, &more, err);
		if (rc)
			return rc;
		osy_json_free(held);
		page = held = more;
	}
	return OSY_OK;
}
