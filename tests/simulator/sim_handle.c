/* From a request to its handler: session, limits, latency, faults, routes. */
#include "sim_file.h"

#include <stdarg.h>
#include <stdlib.h>

void sim_resp_header(struct sim_resp *r, const char *name, const char *fmt, ...)
{
	va_list ap;

	if (r->nheaders == (int)SIM_COUNT(r->header))
		return;
	r->header[r->nheaders].name = name;
	va_start(ap, fmt);
	vsnprintf(r->header[r->nheaders++].value, sizeof(r->header[0].value), fmt, ap);
	va_end(ap);
}

void sim_resp_error(struct sim_resp *r, int status, const char *code, const char *msg)
{
	struct sim_err e = {.code = code, .msg = msg};

	sim_resp_err(r, status, &e);
}

static void sim_buf_err(
	struct sim_buf *b, const struct sim_err *e, const char *code_key, bool fields)
{
	sim_buf_str(b, "{");
	if (!strcmp(code_key, "statusCode")) {
		sim_buf_str(b, "\"statusCode\":");
		sim_buf_jstr(b, e->code);
		sim_buf_str(b, ",\"message\":");
		sim_buf_jstr(b, e->msg);
	} else {
		sim_buf_str(b, "\"message\":");
		sim_buf_jstr(b, e->msg);
		sim_buf_str(b, ",\"errorCode\":");
		sim_buf_jstr(b, e->code);
	}
	if (fields || e->nfields) {
		sim_buf_str(b, ",\"fields\":[");
		for (int i = 0; i < e->nfields; i++) {
			if (i)
				sim_buf_ch(b, ',');
			sim_buf_jstr(b, e->field[i]);
		}
		sim_buf_ch(b, ']');
	}
	sim_buf_ch(b, '}');
}

void sim_buf_row_errors(struct sim_buf *b, const struct sim_err *e, const char *code_key)
{
	sim_buf_ch(b, '[');
	if (e->code)
		sim_buf_err(b, e, code_key, true);
	sim_buf_ch(b, ']');
}

static void sim_resp_one(struct sim_resp *r, int status, const struct sim_err *e, bool fields)
{
	r->status = status;
	r->body.len = 0;
	r->type = "application/json;charset=UTF-8";
	sim_buf_ch(&r->body, '[');
	sim_buf_err(&r->body, e, "errorCode", fields);
	sim_buf_ch(&r->body, ']');
}

void sim_resp_err(struct sim_resp *r, int status, const struct sim_err *e)
{
	sim_resp_one(r, status, e, false);
}

/* what went wrong while writing has fields, be it none; what was wrong with the request has not */
void sim_resp_row_err(struct sim_resp *r, int status, const struct sim_err *e)
{
	sim_resp_one(r, status, e, strcmp(e->code, "INVALID_FIELD") != 0);
}

int sim_err_status(const struct sim_err *e)
{
	static const struct {
		const char *code;
		int status;
	} codes[] = {{"NOT_FOUND", 404}, {"ENTITY_IS_DELETED", 404},
		{"INSUFFICIENT_ACCESS_OR_READONLY", 403}};

	for (size_t i = 0; i < SIM_COUNT(codes); i++)
		if (!strcmp(codes[i].code, e->code))
			return codes[i].status;
	return 400;
}

int64_t sim_latency(struct sim_req *req, size_t n)
{
	int64_t us = req->base_us + (int64_t)n * req->org->latency_record_us;

	req->base_us = 0;
	return us;
}

void sim_pause(struct sim_req *req, size_t n)
{
	sim_sleep_us(sim_latency(req, n));
}

struct sim_str sim_req_arg(struct sim_req *req, const char *name)
{
	return sim_form_get(req->arena, req->args, name);
}

const struct sim_json *sim_req_json(struct sim_req *req, struct sim_resp *resp)
{
	const char *why = NULL;
	char msg[300];

	if (!req->json && sim_is_form(req))
		return req->json = sim_form_json(req, resp);
	if (!req->json)
		req->json = sim_json_parse(req->arena, req->body, req->len, &why);
	if (req->json && req->json->type == SIM_J_OBJ)
		return req->json;
	snprintf(msg, sizeof(msg), "%s at [line:1, column:%zu]",
		why ? why : "The HTTP entity body is required", req->len);
	sim_resp_error(resp, 400, "JSON_PARSER_ERROR", msg);
	return NULL;
}

struct sim_object *sim_req_object(struct sim_req *req, struct sim_resp *resp, struct sim_str name)
{
	struct sim_object *o = sim_object_find(req->org, name);

	if (o && !o->tooling && !o->hidden)
		return o;
	sim_resp_error(resp, 404, "NOT_FOUND", "The requested resource does not exist");
	return NULL;
}

static const struct sim_route {
	const char *method, *pattern;
	sim_handler *handler;
} sim_routes[] = {
	{"GET", "", sim_resources},
	{"GET", "sobjects", sim_global_describe},
	{"GET", "sobjects/*/describe", sim_describe},
	{"GET", "sobjects/*/updated", sim_updated},
	{"GET", "sobjects/*/deleted", sim_deleted},
	{"GET", "sobjects/*", sim_object_basic},
	{"POST", "sobjects/*", sim_row_create},
	{"GET", "sobjects/*/*", sim_row_get},
	{"PATCH", "sobjects/*/*", sim_row_update},
	{"POST", "sobjects/*/Id", sim_row_create},
	{"DELETE", "sobjects/*/*", sim_row_delete},
	{"GET", "sobjects/*/*/Body", sim_row_blob},
	{"GET", "sobjects/*/*/VersionData", sim_row_blob},
	{"GET", "sobjects/*/*/Document", sim_row_blob},
	{"GET", "sobjects/*/*/*", sim_row_get_ext},
	{"PATCH", "sobjects/*/*/*", sim_row_upsert},
	{"DELETE", "sobjects/*/*/*", sim_row_delete_ext},
	{"GET", "query", sim_query_call},
	{"GET", "queryAll", sim_query_all_call},
	{"GET", "query/*", sim_query_more},
	{"GET", "queryAll/*", sim_query_more},
	{"GET", "ui-api/object-info/*/picklist-values/*", sim_ui_values},
	{"GET", "limits", sim_limits},
	{"GET", "limits/recordCount", sim_record_count},
	{"POST", "composite", sim_composite},
	{"POST", "composite/batch", sim_batch},
	{"POST", "composite/tree/*", sim_tree},
	{"POST", "composite/sobjects", sim_collect_insert},
	{"PATCH", "composite/sobjects", sim_collect_update},
	{"DELETE", "composite/sobjects", sim_collect_delete},
	{"GET", "composite/sobjects/*", sim_collect_get},
	{"POST", "composite/sobjects/*", sim_collect_retrieve},
	{"PATCH", "composite/sobjects/*/*", sim_collect_upsert},
	{"GET", "tooling/query", sim_tooling_query},
	{"GET", "tooling/query/*", sim_query_more},
	{"GET", "tooling/sobjects", sim_tooling_objects},
	{"GET", "tooling/sobjects/*/*", sim_tooling_get},
	{"PATCH", "tooling/sobjects/*/*", sim_tooling_patch},
	{"POST", "tooling/composite", sim_tooling_composite},
	{"POST", "metadata/deployRequest", sim_deploy_create},
	{"GET", "metadata/deployRequest/*", sim_deploy_get},
	{"POST", "jobs/query", sim_bulk_query_create},
	{"GET", "jobs/query", sim_bulk_query_list},
	{"GET", "jobs/query/*", sim_bulk_query_get},
	{"PATCH", "jobs/query/*", sim_bulk_query_patch},
	{"DELETE", "jobs/query/*", sim_bulk_query_delete},
	{"GET", "jobs/query/*/results", sim_bulk_query_results},
	{"GET", "jobs/query/*/resultPages", sim_bulk_query_pages},
	{"POST", "jobs/ingest", sim_ingest_create},
	{"GET", "jobs/ingest", sim_ingest_list},
	{"GET", "jobs/ingest/*", sim_ingest_get},
	{"PATCH", "jobs/ingest/*", sim_ingest_patch},
	{"DELETE", "jobs/ingest/*", sim_ingest_delete},
	{"PUT", "jobs/ingest/*/batches", sim_ingest_upload},
	{"GET", "jobs/ingest/*/successfulResults", sim_ingest_good},
	{"GET", "jobs/ingest/*/failedResults", sim_ingest_failed},
	{"GET", "jobs/ingest/*/unprocessedrecords", sim_ingest_unprocessed},
};

static bool sim_route_match(struct sim_req *req, const char *pattern, struct sim_str path)
{
	struct sim_str pat = sim_cstr(pattern);
	int n = 0;

	while (pat.len || path.len) {
		struct sim_str a = sim_cut(&pat, '/'), b = sim_cut(&path, '/');

		if (!b.len || !a.len)
			return false;
		if (a.p[0] == '*') {
			if (n == (int)SIM_COUNT(req->part))
				return false;
			req->part[n++] = sim_url_decode(req->arena, b, false);
		} else if (!sim_eqi(a, b)) {
			return false;
		}
	}
	req->nparts = n;
	return true;
}

static void sim_count_call(struct sim_org *org, struct sim_str method, const char *pattern)
{
	struct sim_stats *s = &org->stats;
	char call[160];
	int i;

	snprintf(call, sizeof(call), "%.*s %s", SIM_P(method), pattern);
	pthread_mutex_lock(&org->side);
	for (i = 0; i < s->ncalls && strcmp(s->by_call[i].call, call); i++)
		;
	if (i == s->ncalls && i < (int)SIM_COUNT(s->by_call)) {
		s->by_call[s->ncalls++].call = sim_strdup(sim_cstr(call));
		s->by_call[i].n = 0;
	}
	if (i < s->ncalls)
		s->by_call[i].n++;
	pthread_mutex_unlock(&org->side);
}

void sim_dispatch(struct sim_req *req, struct sim_resp *resp)
{
	bool known = false;

	while (req->path.len && req->path.p[req->path.len - 1] == '/')
		req->path.len--;
	for (size_t i = 0; i < SIM_COUNT(sim_routes); i++) {
		const struct sim_route *r = &sim_routes[i];

		if (!sim_route_match(req, r->pattern, req->path))
			continue;
		known = true;
		if (!sim_eq(req->method, sim_cstr(r->method)))
			continue;
		if (!req->inner)
			sim_count_call(req->org, req->method, r->pattern);
		r->handler(req, resp);
		return;
	}
	if (known)
		sim_resp_error(resp, 405, "METHOD_NOT_ALLOWED",
			"HTTP Method not allowed. Allowed are others");
	else
		sim_resp_error(resp, 404, "NOT_FOUND", "The requested resource does not exist");
}

bool sim_over_limit(struct sim_req *req, struct sim_resp *resp)
{
	int64_t most = req->org->concurrent;

	if (most > 0 && (int64_t)req->org->stats.in_flight > most) {
		sim_resp_error(resp, 403, "REQUEST_LIMIT_EXCEEDED",
			"ConcurrentRequests (Concurrent API Requests) Limit exceeded.");
		return true;
	}
	if (atomic_fetch_sub(&req->org->daily_left, 1) > 0)
		return false;
	atomic_fetch_add(&req->org->daily_left, 1);
	sim_resp_error(resp, 403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
	return true;
}

bool sim_allows_duplicates(const struct sim_req *req)
{
	return sim_findi(req->header[SIM_H_DUPLICATES], SIM_S("allowSave=true"));
}

bool sim_assigns(const struct sim_req *req)
{
	return !sim_is(req->header[SIM_H_ASSIGN], "FALSE");
}

/* faults that are a reply of their own; true when it was given */
static bool sim_fault_reply(struct sim_req *req, struct sim_resp *resp)
{
	const char *kind = req->fault_err.code;

	if (!kind || req->fault_rows)
		return false;
	resp->no_limit_info = true;
	if (!strcmp(kind, "503")) {
		sim_resp_error(
			resp, 503, "SERVER_UNAVAILABLE", "The REST API is currently unavailable");
	} else if (!strcmp(kind, "500")) {
		sim_resp_error(resp, 500, "UNKNOWN_EXCEPTION",
			"An unexpected error occurred. Please include this ErrorId if you contact "
			"support: "
			"1234567890-12345 (-1234567890)");
	} else if (!strcmp(kind, "429")) {
		sim_resp_error(resp, 429, "REQUEST_LIMIT_EXCEEDED", "Too many requests");
		sim_resp_header(resp, "Retry-After", "1");
	} else if (!strcmp(kind, "html")) {
		resp->status = 503;
		resp->type = "text/html;charset=UTF-8";
		sim_buf_str(&resp->body, "<html><head><title>Down for "
					 "maintenance</title></head><body><h1>We are down "
					 "for maintenance.</h1></body></html>");
	} else if (!strcmp(kind, "refused")) {
		sim_resp_error(resp, 400, "FeatureNotEnabled",
			"This feature is not currently enabled for this user");
	} else if (!strcmp(kind, "query-timeout")) {
		sim_resp_error(
			resp, 400, "QUERY_TIMEOUT", "Your query request was running for too long.");
	} else if (!strcmp(kind, "session")) {
		struct sim_str t = req->header[SIM_H_AUTH];

		sim_cut(&t, ' ');
		sim_session_kill(req->org, t);
		return false;
	} else {
		return false;
	}
	return true;
}

static void sim_data(struct sim_req *req, struct sim_resp *resp, struct sim_str rest)
{
	struct sim_str version = sim_cut(&rest, '/'), method;
	double number = 0;

	if (!version.len) {
		resp->no_limit_info = true;
		sim_versions(req, resp);
		return;
	}
	req->version = sim_arena_dup(req->arena, version).p;
	if (sscanf(req->version, "v%lf", &number) != 1 || number < 20 || number > 66) {
		sim_resp_error(resp, number > 0 && number < 20 ? 410 : 404, "NOT_FOUND",
			"The requested resource does not exist");
		return;
	}
	if (!sim_session_check(req, resp) || sim_over_limit(req, resp))
		return;
	method = sim_req_arg(req, "_HttpMethod");
	if (method.len && sim_eq(req->method, SIM_S("POST")))
		req->method = method;
	req->path = rest;
	sim_dispatch(req, resp);
	if (resp->status != 204 && !resp->no_limit_info)
		sim_resp_header(resp, "Sforce-Limit-Info", "api-usage=%lld/%lld",
			(long long)(req->org->daily_max - req->org->daily_left),
			(long long)req->org->daily_max);
}

void sim_raise(_Atomic uint64_t *most, uint64_t now)
{
	uint64_t max = *most;

	while (now > max && !atomic_compare_exchange_weak(most, &max, now))
		;
}

static void sim_enter(const struct sim_req *req)
{
	struct sim_stats *stats = &req->org->stats;

	sim_raise(&stats->max_in_flight, atomic_fetch_add(&stats->in_flight, 1) + 1);
	sim_raise(&stats->longest_uri, req->uri.len);
	stats->requests++;
}

static void sim_api(struct sim_req *req, struct sim_resp *resp, struct sim_str path)
{
	req->base_us = req->org->latency_ms * 1000;
	sim_enter(req);
	if (sim_fault_reply(req, resp)) {
		sim_pause(req, 0);
	} else if (sim_starts(path, "/services/data")) {
		path.p += 14, path.len -= 14;
		if (path.len && path.p[0] == '/')
			path.p++, path.len--;
		sim_data(req, resp, path);
	} else if (sim_starts(path, "/services/Soap/m/")) {
		sim_soap_metadata(req, resp);
	} else if (sim_starts(path, "/services/Soap/u/")) {
		sim_soap_partner(req, resp);
	} else if (sim_eq(path, SIM_S("/services/oauth2/token"))) {
		sim_auth_token(req, resp);
	} else if (sim_eq(path, SIM_S("/services/oauth2/userinfo"))) {
		sim_auth_info(req, resp);
	} else if (sim_starts(path, "/id/")) {
		sim_auth_identity(req, resp);
	} else {
		sim_resp_error(resp, 404, "NOT_FOUND", "The requested resource does not exist");
	}
	sim_pause(req, 0);
	atomic_fetch_sub(&req->org->stats.in_flight, 1);
}

void sim_handle(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_str rest = req->uri, path;

	resp->status = 200;
	resp->type = "application/json;charset=UTF-8";
	if (rest.len > 16384) {
		sim_resp_error(resp, 414, "URI_TOO_LONG", "URI Too Long");
		return;
	}
	path = sim_cut(&rest, '?');
	req->args = rest;
	while (path.len > 1 && path.p[0] == '/' && path.p[1] == '/')
		path.p++, path.len--;
	req->path = path;
	if (sim_starts(path, "/__sim/"))
		sim_admin(req, resp);
	else
		sim_api(req, resp, path);
}
