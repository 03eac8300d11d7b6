/* The HTTP server: connections, bodies, tokens, routes, problems. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "osy/metrics.h"

#define PREFIX "/api/v1"
#define STATEMENT_TIMEOUT_MS 60000
#define READ_TIMEOUT_S 30

struct osy_api {
	struct osy_api_context context;
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock;
	struct osy_pg *idle[OSY_API_CONNECTIONS]; /* connections nobody uses */
	unsigned idle_count;
};

/* What is kept of a request while its body comes. */
struct request {
	struct osy_buf body;
	bool too_big;
};

/* ---- Postgres connections: one a call, used again ---- */
static struct osy_pg *take_pg(struct osy_api *api)
{
	struct osy_pg *pg = NULL;

	pthread_mutex_lock(&api->lock);
	if (api->idle_count)
		pg = api->idle[--api->idle_count];
	pthread_mutex_unlock(&api->lock);
	return pg ? pg
		  : osy_pg_new(api->context.settings->postgres_url, "orgsync-api",
			    STATEMENT_TIMEOUT_MS);
}

static void give_pg(struct osy_api *api, struct osy_pg *pg)
{
	pthread_mutex_lock(&api->lock);
	if (api->idle_count < OSY_COUNT(api->idle)) {
		api->idle[api->idle_count++] = pg;
		pg = NULL;
	}
	pthread_mutex_unlock(&api->lock);
	osy_pg_free(pg);
}

/* ---- Answers ---- */
static const struct {
	const char *name, *value;
} fixed_headers[] = {
	{"Cache-Control", "no-store"},
	{"X-Content-Type-Options", "nosniff"},
	{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
};

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status, const char *type,
	struct MHD_Response *response)
{
	for (size_t i = 0; i < OSY_COUNT(fixed_headers); i++)
		MHD_add_response_header(response, fixed_headers[i].name, fixed_headers[i].value);
	MHD_add_response_header(response, "Content-Type", type);
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static void add_disposition(struct MHD_Response *response, const char *filename)
{
	char disposition[256];

	snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"", filename);
	MHD_add_response_header(response, "Content-Disposition", disposition);
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
	const char *filename, struct osy_str text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		text.len, (void *)(uintptr_t)text.p, MHD_RESPMEM_MUST_COPY);
	if (filename)
		add_disposition(response, filename);
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
	return queue(connection, status, type, response);
}

static enum MHD_Result problem(struct MHD_Connection *connection, const struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(16 * 1024);
	struct osy_json_writer w = osy_json_writer(&out);
	int status = osy_code_http(err->code);

	osy_jw_object(&w);
	osy_jw_put_str(&w, "type", OSY_STR("about:blank"));
	osy_jw_put_str(&w, "title", osy_str(osy_code_name(err->code)));
	osy_jw_put_i64(&w, "status", status);
	osy_jw_put_str(&w, "detail", osy_str(err->msg));
	osy_jw_put_str(&w, "code", osy_str(osy_code_name(err->code)));
	if (err->origin[0])
		osy_jw_put_str(&w, "origin", osy_str(err->origin));
	osy_jw_object_end(&w);
	return answer(
		connection, (unsigned)status, "application/problem+json", NULL, osy_buf_str(&out));
}

/* ---- Health, without a token ---- */
static enum MHD_Result health(
	struct osy_api *api, struct MHD_Connection *connection, const char *url)
{
	bool alive = osy_driver_may_go(api->context.driver);

	if (strcmp(url, "/metrics") == 0) {
		OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(4u * 1024 * 1024);
		osy_metrics_render(&out);
		return answer(
			connection, 200, "text/plain; version=0.0.4", NULL, osy_buf_str(&out));
	}
	/* healthz: this process works; readyz: it may drive runs, which needs Postgres. */
	if (strcmp(url, "/readyz") == 0 && !alive)
		return answer(
			connection, 503, "text/plain", NULL, OSY_STR("no lease from Postgres\n"));
	return answer(connection, 200, "text/plain", NULL, OSY_STR("ok\n"));
}

/* ---- Routing ---- */
static const struct osy_route *const parts[] = {osy_routes_orgs, osy_routes_templates,
	osy_routes_runs, osy_routes_errors, osy_routes_admin, osy_routes_check, osy_routes_order,
	osy_routes_automation};

/* Matches path against "/runs/{}/errors"; params are copies (free()). */
static bool match(const char *pattern, const char *path, char *params[OSY_API_PARAMS])
{
	unsigned n = 0;

	while (*pattern && *path) {
		if (strncmp(pattern, "{}", 2) == 0) {
			size_t len = strcspn(path, "/");
			if (!len || n == OSY_API_PARAMS)
				return false;
			free(params[n]);
			params[n] = osy_xstrndup(path, len);
			n++;
			pattern += 2;
			path += len;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return !*pattern && !*path;
}

static const struct osy_route *find(
	const char *method, const char *path, char *params[OSY_API_PARAMS], bool *ret_path_known)
{
	for (size_t p = 0; p < OSY_COUNT(parts); p++) {
		for (const struct osy_route *route = parts[p]; route->method; route++) {
			if (!match(route->path, path, params))
				continue;
			*ret_path_known = true;
			if (strcmp(route->method, method) == 0)
				return route;
		}
	}
	return NULL;
}

static enum osy_code authorize(
	struct osy_call *call, const struct osy_route *route, struct osy_err *err)
{
	const char *header =
		MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, "Authorization");
	enum osy_code rc;

	if (!header || strncasecmp(header, "Bearer ", 7) != 0)
		return osy_fail(err, OSY_E_AUTH,
			"this call needs a token: set ORGSYNC_API_TOKEN or ORGSYNC_API_TOKEN_FILE");
	rc = osy_token_check(call->pg, osy_str(header + 7), &call->role, call->token, err);
	/* An idle connection may have died since the last call: it is made anew by the second try.
	 */
	if (rc == OSY_E_POSTGRES)
		rc = osy_token_check(call->pg, osy_str(header + 7), &call->role, call->token, err);
	if (rc)
		return rc;
	if (call->role == OSY_ROLE_NONE)
		return osy_fail(err, OSY_E_AUTH, "this token is not known; ask an admin for one");
	if (call->role < route->role)
		return osy_fail(err, OSY_E_FORBIDDEN,
			"the role of token %s is not enough for this call", call->token);
	return OSY_OK;
}

static enum MHD_Result send_call(struct osy_call *call)
{
	struct MHD_Response *response;

	if (!call->read)
		return answer(call->connection, (unsigned)call->status,
			call->type ? call->type : "application/json", call->filename,
			osy_buf_str(&call->out));
	response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, 64u * 1024, call->read, call->stream, call->done);
	if (call->filename)
		add_disposition(response, call->filename);
	return queue(call->connection, 200, call->type, response);
}

/* A handler may ask an org for longer than a connection may be idle. */
static enum osy_code handle_call(
	struct osy_call *call, const struct osy_route *route, struct osy_err *err)
{
	MHD_set_connection_option(call->connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
	enum osy_code rc = route->handler(call, err);
	MHD_set_connection_option(
		call->connection, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)READ_TIMEOUT_S);
	return rc;
}

static enum MHD_Result serve(struct osy_api *api, struct MHD_Connection *connection,
	const char *method, const char *path, struct osy_str body)
{
	struct osy_err err = OSY_ERR_NONE;
	char *params[OSY_API_PARAMS] = {NULL};
	bool known = false;
	enum MHD_Result result;
	const struct osy_route *route = find(method, path, params, &known);
	struct osy_call call = {.context = &api->context,
		.connection = connection,
		.body = body,
		.status = 200,
		.out = OSY_BUF(64u * 1024 * 1024)};
	enum osy_code rc = OSY_OK;

	call.pg = take_pg(api);
	for (int i = 0; i < OSY_API_PARAMS; i++)
		call.params[i] = params[i];
	if (!route)
		rc = osy_fail(&err, OSY_E_NOT_FOUND, "%s",
			known ? "this address does not take that method"
			      : "there is no such address; see schemas/openapi.yaml");
	if (!rc)
		rc = authorize(&call, route, &err);
	if (!rc)
		rc = handle_call(&call, route, &err);
	result = rc ? problem(connection, &err) : send_call(&call);
	give_pg(api, call.pg);
	osy_buf_done(&call.out);
	for (int i = 0; i < OSY_API_PARAMS; i++)
		free(params[i]);
	return result;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload_data, size_t *upload_size,
	void **context)
{
	struct osy_api *api = arg;
	struct request *request = *context;
	struct osy_err err = OSY_ERR_NONE;

	(void)version;
	if (!request) {
		request = osy_xcalloc(1, sizeof(*request));
		request->body = OSY_BUF(OSY_API_MAX_BODY);
		*context = request;
		return MHD_YES;
	}
	if (*upload_size) {
		if (!request->too_big &&
			osy_buf_try(&request->body, upload_data, *upload_size, &err))
			request->too_big = true;
		*upload_size = 0;
		return MHD_YES;
	}
	if (request->too_big) {
		(void)osy_fail(
			&err, OSY_E_TOO_BIG, "the body is larger than %u bytes", OSY_API_MAX_BODY);
		return problem(connection, &err);
	}
	if (strcmp(url, "/healthz") == 0 || strcmp(url, "/readyz") == 0 ||
		strcmp(url, "/metrics") == 0)
		return health(api, connection, url);
	if (strncmp(url, PREFIX "/", sizeof(PREFIX)) != 0) {
		(void)osy_fail(&err, OSY_E_NOT_FOUND, "the API lies below " PREFIX);
		return problem(connection, &err);
	}
	return serve(
		api, connection, method, url + sizeof(PREFIX) - 1, osy_buf_str(&request->body));
}

static void completed(void *arg, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode why)
{
	struct request *request = *context;

	(void)arg;
	(void)connection;
	(void)why;
	if (request) {
		osy_buf_done(&request->body);
		free(request);
	}
}

/* ---- Start and stop ---- */
static enum osy_code resolve(const char *listen, struct addrinfo **ret, struct osy_err *err)
{
	const char *colon = strrchr(listen, ':');
	struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};

	if (!colon)
		return osy_fail(err, OSY_E_USAGE,
			"listen is %s; it must be an address and a port, as 127.0.0.1:8080",
			listen);
	OSY_AUTO_FREE char *host = osy_xstrndup(listen, (size_t)(colon - listen));
	int code = getaddrinfo(*host ? host : NULL, colon + 1, &hints, ret);
	if (code)
		return osy_fail(
			err, OSY_E_USAGE, "cannot listen on %s: %s", listen, gai_strerror(code));
	return OSY_OK;
}

enum osy_code osy_api_start(
	const struct osy_api_context *context, struct osy_api **ret, struct osy_err *err)
{
	struct addrinfo *address = NULL;
	enum osy_code rc = resolve(context->settings->listen, &address, err);

	if (rc)
		return rc;
	struct osy_api *api = osy_xcalloc(1, sizeof(*api));
	api->context = *context;
	pthread_mutex_init(&api->lock, NULL);
	api->daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION |
					       MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
					       (address->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0),
		0, NULL, NULL, handle, api, MHD_OPTION_SOCK_ADDR, address->ai_addr,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)OSY_API_CONNECTIONS,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)READ_TIMEOUT_S,
		MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)128 * 1024, MHD_OPTION_END);
	freeaddrinfo(address);
	if (!api->daemon) {
		pthread_mutex_destroy(&api->lock);
		free(api);
		return osy_fail(err, OSY_E_UNREACHABLE,
			"cannot listen on %s: %m; is the port taken?", context->settings->listen);
	}
	*ret = api;
	return OSY_OK;
}

struct osy_api *osy_api_stop(struct osy_api *api)
{
	if (!api)
		return NULL;
	MHD_stop_daemon(api->daemon);
	while (api->idle_count)
		osy_pg_free(api->idle[--api->idle_count]);
	pthread_mutex_destroy(&api->lock);
	free(api);
	return NULL;
}

unsigned osy_api_port(const struct osy_api *api)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_BIND_PORT);

	return info ? info->port : 0;
}

/* ---- For handlers ---- */
const char *osy_call_query(const struct osy_call *call, const char *name)
{
	return MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *osy_call_header(const struct osy_call *call, const char *name)
{
	return MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name);
}
