/* The HTTP API: method, path, query, headers and body of a call, through its route to its handler,
 * as an admin. Every backend is down, so that a handler ends where it has read its call; a stand-in
 * for libmicrohttpd gives query and headers. Input: "METHOD /path?query", lines "Name: value", an
 * empty line, the body. */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "api.h"
#include "osy/http.h"
#include "osy/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- The call as it came ---- */
enum { MOST = 16 };
static struct {
	char *name, *value;
	enum MHD_ValueKind kind;
} values[MOST];
static size_t value_count;

const char *MHD_lookup_connection_value(
	struct MHD_Connection *connection, enum MHD_ValueKind kind, const char *key)
{
	(void)connection;
	for (size_t i = 0; i < value_count; i++)
		if (values[i].kind == kind && strcasecmp(values[i].name, key) == 0)
			return values[i].value;
	return NULL;
}

/* "%41" -> "A", in place. */
static void decode(char *text)
{
	char *to = text;
	unsigned c;

	for (; *text; text++) {
		if (*text == '%' && sscanf(text + 1, "%2x", &c) == 1 && c && text[1] && text[2]) {
			*to++ = (char)c;
			text += 2;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

static void take_value(char *text, const char *between, enum MHD_ValueKind kind)
{
	char *value = strpbrk(text, between);

	if (value_count == MOST)
		return;
	if (value)
		*value++ = '\0';
	if (kind == MHD_GET_ARGUMENT_KIND && value)
		decode(value);
	values[value_count].name = text;
	values[value_count].value = value ? value + strspn(value, " ") : NULL;
	values[value_count++].kind = kind;
}

/* ---- The backends, all down ---- */
static enum osy_code down(enum osy_code code, struct osy_err *err)
{
	return osy_fail(err, code, "it is down");
}

enum osy_code osy_pg_exec(struct osy_pg *pg, const char *sql, const struct osy_pg_param *params,
	size_t count, struct osy_pg_result **ret, struct osy_err *err)
{
	(void)pg;
	(void)sql;
	(void)ret;
	for (size_t i = 0; i < count; i++)
		if (params[i].kind == OSY_PG_KIND_TEXT && params[i].str.p)
			OSY_ASSERT(!memchr(params[i].str.p, 0, params[i].str.len));
	return down(OSY_E_POSTGRES, err);
}

enum osy_code osy_pg_begin(struct osy_pg *pg, struct osy_err *err)
{
	(void)pg;
	return down(OSY_E_POSTGRES, err);
}

void osy_pg_rollback(struct osy_pg *pg)
{
	(void)pg;
}

enum osy_code osy_http_start(struct osy_http *http, const struct osy_http_request *request,
	osy_http_done done, void *arg, struct osy_http_call **ret, struct osy_err *err)
{
	(void)http;
	(void)done;
	(void)arg;
	(void)ret;
	OSY_ASSERT(osy_str_starts(request->url, "https://"));
	return down(OSY_E_UNREACHABLE, err);
}

struct osy_http *osy_http_new(unsigned max_connections)
{
	return osy_xcalloc(1, max_connections);
}

struct osy_http *osy_http_free(struct osy_http *http)
{
	free(http);
	return NULL;
}

void osy_http_poll(struct osy_http *http, unsigned timeout_ms, const int *fds, size_t fd_count,
	bool *ret_readable)
{
	(void)http;
	(void)timeout_ms;
	(void)fds;
	(void)fd_count;
	(void)ret_readable;
}

void osy_http_cancel(struct osy_http_call *call)
{
	(void)call;
}

struct osy_str osy_http_call_header(const struct osy_http_call *call, const char *name)
{
	(void)call;
	(void)name;
	return OSY_STR_NULL;
}

int osy_http_call_status(const struct osy_http_call *call)
{
	(void)call;
	return 0;
}

struct osy_str osy_http_reply_header(const struct osy_http_reply *reply, const char *name)
{
	(void)reply;
	(void)name;
	return OSY_STR_NULL;
}

/* ---- One call ---- */
static void handle(const struct osy_route *route, char **params, struct osy_str body)
{
	static struct osy_settings settings;
	const struct osy_api_context context = {.settings = &settings};
	struct osy_call call = {.context = &context,
		.body = body,
		.caller = {.role = OSY_ROLE_ADMIN, .token = "fuzz"},
		.status = 200,
		.out = OSY_BUF(64u * 1024 * 1024)};
	struct osy_err err = OSY_ERR_NONE;

	if (!settings.redis_url)
		osy_settings_init(&settings);
	for (int i = 0; i < OSY_API_PARAMS; i++)
		call.params[i] = params[i];
	const enum osy_code code = route->handler(&call, &err);
	if (code)
		OSY_ASSERT(err.msg[0] && osy_utf8_valid(osy_str(err.msg)));
	if (call.done)
		call.done(call.stream);
	osy_buf_done(&call.out);
}

static char *take_line(char **rest)
{
	char *line = *rest, *end = strchr(line, '\n');

	*rest = end ? end + 1 : line + strlen(line);
	if (end)
		*end = '\0';
	return line;
}

static void take_query(char *query)
{
	char *item, *rest = query;

	while (rest && (item = rest)) {
		rest = strchr(item, '&');
		if (rest)
			*rest++ = '\0';
		take_value(item, "=", MHD_GET_ARGUMENT_KIND);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OSY_AUTO_FREE char *text = osy_xstrndup((const char *)data, size);
	char *params[OSY_API_PARAMS] = {NULL}, *rest = text, *line = take_line(&rest);
	char *path = strchr(line, ' '), *query = path ? strchr(path, '?') : NULL;
	bool known = false;

	value_count = 0;
	if (!path)
		return 0;
	*path++ = '\0';
	if (query)
		*query++ = '\0';
	take_query(query);
	decode(path);
	while (*rest && *(line = take_line(&rest)))
		take_value(line, ":", MHD_HEADER_KIND);
	const struct osy_route *route =
		osy_api_route(line == path ? "" : text, path, params, &known);
	OSY_ASSERT(!route || known);
	if (route && strcmp(route->path, "/doctor") != 0)
		handle(route, params,
			(struct osy_str){
				(const char *)data + (rest - text), size - (size_t)(rest - text)});
	for (int i = 0; i < OSY_API_PARAMS; i++)
		free(params[i]);
	return 0;
}
