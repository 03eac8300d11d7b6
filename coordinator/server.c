/* The HTTP server: connections, bodies, tokens, routes, problems. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "answer.h"
#include "api.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "slow.h"

#define PREFIX "/api/v1"
#define STATEMENT_TIMEOUT_MS 60000
#define READ_TIMEOUT_S 30
#define MAX_VALUE_BYTES 4096
#define MAX_PARAM_BYTES 200
/* A refused caller hears so after its body, which is dropped as it comes: one that is still sending
 * would take the end of its connection for a fault. A longer body is not waited for. */
#define MAX_DROPPED_BYTES (8 * 1024 * 1024)
/* Above the places: connections that were cut off take a moment to go. */
#define MAX_CONNECTIONS (2u * OSY_API_CONNECTIONS)

struct osy_api {
	struct osy_api_context context;
	struct MHD_Daemon *daemon;
	struct osy_slow *slow;
	pthread_mutex_t lock;
	pthread_cond_t given;
	struct osy_pg *idle[OSY_API_CONNECTIONS]; /* connections nobody uses */
	unsigned idle_count, used_count;
};

/* What is kept of a request while its body comes: it has been let in by then. */
struct request {
	const struct osy_route *route; /* NULL: health */
	struct osy_call call;
	char *params[OSY_API_PARAMS];
	struct osy_buf body;
	bool ambiguous;		/* where its body ends */
	struct osy_err refused; /* its code OSY_OK: it is not */
	uint64_t dropped;
};

/* ---- Postgres connections: one a call, used again ---- */
static struct osy_pg *take_pg(struct osy_api *api)
{
	struct osy_pg *pg = NULL;

	pthread_mutex_lock(&api->lock);
	while (api->used_count == OSY_API_CONNECTIONS)
		pthread_cond_wait(&api->given, &api->lock);
	api->used_count++;
	if (api->idle_count)
		pg = api->idle[--api->idle_count];
	pthread_mutex_unlock(&api->lock);
	return pg ? pg
		  : osy_pg_new(api->context.settings->postgres_url, "orgsync-api",
			    STATEMENT_TIMEOUT_MS);
}

static void give_pg(struct osy_api *api, struct osy_pg *pg)
{
	if (!pg)
		return;
	pthread_mutex_lock(&api->lock);
	api->used_count--;
	pthread_cond_signal(&api->given);
	if (api->idle_count < OSY_COUNT(api->idle)) {
		api->idle[api->idle_count++] = pg;
		pg = NULL;
	}
	pthread_mutex_unlock(&api->lock);
	osy_pg_free(pg);
}

/* ---- Calls ---- */
static enum osy_code authorize(
	struct osy_call *call, const struct osy_route *route, struct osy_err *err)
{
	const char *header =
		MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, "Authorization");
	enum osy_code rc;

	if (!header || strncasecmp(header, "Bearer ", 7) != 0)
		return osy_fail(err, OSY_E_AUTH,
			"this call needs a token: set ORGSYNC_API_TOKEN or ORGSYNC_API_TOKEN_FILE");
	rc = osy_token_check(call->pg, osy_str(header + 7), &call->caller, err);
	/* An idle connection may have died since the last call: it is made anew by the second try.
	 */
	if (rc == OSY_E_POSTGRES)
		rc = osy_token_check(call->pg, osy_str(header + 7), &call->caller, err);
	if (rc)
		return rc;
	if (call->caller.role == OSY_ROLE_NONE)
		return osy_fail(err, OSY_E_AUTH, "this token is not known; ask an admin for one");
	return osy_call_needs(call, route->needs, err);
}

/* ---- A request: let in by its head, served when its body is there ---- */
static bool is_health(const char *url)
{
	return strcmp(url, "/healthz") == 0 || strcmp(url, "/readyz") == 0 ||
	       strcmp(url, "/metrics") == 0;
}

struct value_check {
	enum osy_code rc;
	struct osy_err *err;
};

static enum MHD_Result check_value(
	void *arg, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct value_check *check = arg;

	(void)kind;
	if (osy_utf8_line(osy_str(key)) && osy_utf8_line(osy_str(value ? value : "")) &&
		strlen(key) <= MAX_VALUE_BYTES && (!value || strlen(value) <= MAX_VALUE_BYTES))
		return MHD_YES;
	check->rc = osy_fail(check->err, OSY_E_USAGE,
		"a parameter of the query is no plain text, or longer than %d bytes",
		MAX_VALUE_BYTES);
	return MHD_NO;
}

static enum osy_code check_values(struct request *request, struct osy_err *err)
{
	struct value_check check = {OSY_OK, err};

	for (size_t i = 0; i < OSY_API_PARAMS && request->params[i]; i++)
		if (!osy_utf8_line(osy_str(request->params[i])) ||
			strlen(request->params[i]) > MAX_PARAM_BYTES)
			return osy_fail(err, OSY_E_NOT_FOUND,
				"nothing has a name or an id that is no plain text, or longer than "
				"%d bytes",
				MAX_PARAM_BYTES);
	MHD_get_connection_values(
		request->call.connection, MHD_GET_ARGUMENT_KIND, check_value, &check);
	return check.rc;
}

static const char *header_of(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->call.connection, MHD_HEADER_KIND, name);
}

/* -1: not told. */
static int64_t length_of(const struct request *request)
{
	const char *text = header_of(request, "Content-Length");
	struct osy_err ignored;
	int64_t length = INT64_MAX;

	if (!text)
		return -1;
	if (osy_parse_i64(osy_str(text), 0, INT64_MAX, &length, &ignored))
		return INT64_MAX;
	return length;
}

static enum osy_code check_length(const struct request *request, struct osy_err *err)
{
	if (length_of(request) > OSY_API_MAX_BODY)
		return osy_fail(
			err, OSY_E_TOO_BIG, "the body is larger than %u bytes", OSY_API_MAX_BODY);
	return OSY_OK;
}

static enum osy_code let_in(struct osy_api *api, struct request *request, const char *method,
	const char *url, struct osy_err *err)
{
	struct osy_call *call = &request->call;
	bool known = false;
	enum osy_code rc;

	/* Two ways to tell where a body ends: what a proxy takes for its end, we may not. */
	request->ambiguous =
		header_of(request, "Transfer-Encoding") && header_of(request, "Content-Length");
	if (request->ambiguous)
		return osy_fail(err, OSY_E_USAGE, "the request tells both a length and chunks");
	if (is_health(url))
		return OSY_OK;
	if (strncmp(url, PREFIX "/", sizeof(PREFIX)) != 0)
		return osy_fail(err, OSY_E_NOT_FOUND, "the API lies below " PREFIX);
	request->route = osy_api_route(method, url + sizeof(PREFIX) - 1, request->params, &known);
	if (!request->route)
		return osy_fail(err, OSY_E_NOT_FOUND, "%s",
			known ? "this address does not take that method"
			      : "there is no such address; see schemas/openapi.yaml");
	call->pg = take_pg(api);
	rc = authorize(call, request->route, err);
	if (!rc)
		rc = check_length(request, err);
	if (!rc)
		rc = check_values(request, err);
	return rc;
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

static enum MHD_Result serve(struct osy_api *api, struct request *request)
{
	struct osy_call *call = &request->call;
	struct osy_err err = OSY_ERR_NONE;
	enum osy_code rc;

	for (int i = 0; i < OSY_API_PARAMS; i++)
		call->params[i] = request->params[i];
	call->body = osy_buf_str(&request->body);
	rc = handle_call(call, request->route, &err);
	enum MHD_Result result =
		rc ? osy_answer_problem(call->connection, &err) : osy_answer_call(call);
	give_pg(api, call->pg);
	call->pg = NULL;
	return result;
}

static void note_waits(struct osy_api *api, struct MHD_Connection *connection, bool waits)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	if (info && info->socket_context)
		osy_slow_waits(api->slow, info->socket_context, waits);
}

/* The answer to a refusal ends the connection when a body would still come. */
static enum MHD_Result refuse(const struct request *request)
{
	return osy_answer_problem(request->call.connection, &request->refused);
}

static enum MHD_Result begin(struct osy_api *api, struct MHD_Connection *connection,
	const char *method, const char *url, void **context)
{
	struct request *request = osy_xcalloc(1, sizeof(*request));
	struct osy_err *err = &request->refused;

	*context = request;
	request->body = OSY_BUF(OSY_API_MAX_BODY);
	request->call = (struct osy_call){.context = &api->context,
		.connection = connection,
		.status = 200,
		.out = OSY_BUF(64u * 1024 * 1024)};
	if (let_in(api, request, method, url, err) == OSY_OK)
		return MHD_YES;
	give_pg(api, request->call.pg);
	request->call.pg = NULL;
	return request->ambiguous || length_of(request) > MAX_DROPPED_BYTES ? refuse(request)
									    : MHD_YES;
}

/* MHD_NO ends the connection. */
static enum MHD_Result take_body(struct request *request, const char *p, size_t size)
{
	if (!request->refused.code &&
		osy_buf_try(&request->body, p, size, &request->refused) != OSY_OK)
		(void)osy_fail(&request->refused, OSY_E_TOO_BIG, "the body is larger than %u bytes",
			OSY_API_MAX_BODY);
	if (request->refused.code)
		request->dropped += size;
	return request->dropped > MAX_DROPPED_BYTES ? MHD_NO : MHD_YES;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload_data, size_t *upload_size,
	void **context)
{
	struct osy_api *api = arg;
	struct request *request = *context;
	const size_t size = *upload_size;

	(void)version;
	if (!request)
		return begin(api, connection, method, url, context);
	*upload_size = 0;
	if (size)
		return take_body(request, upload_data, size);
	note_waits(api, connection, false);
	if (request->refused.code)
		return refuse(request);
	if (!request->route)
		return osy_answer_health(&api->context, connection, url);
	return serve(api, request);
}

static void completed(void *arg, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode why)
{
	struct osy_api *api = arg;
	struct request *request = *context;

	(void)why;
	note_waits(api, connection, true);
	if (!request)
		return;
	give_pg(api, request->call.pg);
	osy_buf_done(&request->call.out);
	osy_buf_done(&request->body);
	for (int i = 0; i < OSY_API_PARAMS; i++)
		free(request->params[i]);
	free(request);
}

static void connection_changed(void *arg, struct MHD_Connection *connection, void **caller,
	enum MHD_ConnectionNotificationCode what)
{
	struct osy_api *api = arg;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		*caller = osy_slow_came(api->slow, info->connect_fd);
	} else if (*caller) {
		osy_slow_went(api->slow, *caller);
		*caller = NULL;
	}
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9'		    ? c - '0'
	       : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
						    : -1;
}

/* "%41" -> "A", in place; but "%00" stays: it would end the text in the middle. */
static size_t unescape(void *arg, struct MHD_Connection *connection, char *text)
{
	char *to = text;

	(void)arg;
	(void)connection;
	for (const char *p = text; *p; p++) {
		const int high = *p == '%' ? hex_value(p[1]) : -1,
			  low = high >= 0 ? hex_value(p[2]) : -1;

		if (low >= 0 && (high || low)) {
			*to++ = (char)(high << 4 | low);
			p += 2;
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
	return (size_t)(to - text);
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

static void api_free(struct osy_api *api)
{
	osy_slow_free(api->slow);
	pthread_cond_destroy(&api->given);
	pthread_mutex_destroy(&api->lock);
	free(api);
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
	pthread_cond_init(&api->given, NULL);
	api->slow = osy_slow_new(OSY_API_CONNECTIONS);
	api->daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION |
					       MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
					       (address->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0),
		0, NULL, NULL, handle, api, MHD_OPTION_SOCK_ADDR, address->ai_addr,
		MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)READ_TIMEOUT_S, MHD_OPTION_NOTIFY_COMPLETED, completed, api,
		MHD_OPTION_NOTIFY_CONNECTION, connection_changed, api, MHD_OPTION_UNESCAPE_CALLBACK,
		unescape, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)128 * 1024,
		MHD_OPTION_END);
	freeaddrinfo(address);
	if (!api->daemon) {
		(void)osy_fail(err, OSY_E_UNREACHABLE,
			"cannot listen on %s: %m; is the port taken?", context->settings->listen);
		api_free(api);
		return err->code;
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
	api_free(api);
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
