/* Calls of the API. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "osy/mem.h"
#include "osy/banned.h"

#define PREFIX "/api/v1"
#define TIMEOUT_MS 660000
#define MAX_REPLY (64u * 1024 * 1024)
#define POLL_MS 100

void cli_path(struct osy_buf *out, const char *pattern, ...)
{
	va_list args;

	va_start(args, pattern);
	while (*pattern) {
		size_t len = strcspn(pattern, "{");
		osy_buf_add(out, pattern, len);
		pattern += len;
		if (*pattern) {
			osy_url_encode(osy_str(va_arg(args, const char *)), out);
			pattern += 2;
		}
	}
	va_end(args);
}

void cli_query(struct osy_buf *path, const char *key, const char *value)
{
	if (!value)
		return;
	osy_buf_addc(path, strchr(path->p, '?') ? '&' : '?');
	osy_buf_addz(path, key);
	osy_buf_addc(path, '=');
	osy_url_encode(osy_str(value), path);
}

/* ---- Answers that are problems ---- */
static enum osy_code code_of(struct osy_str name, int status)
{
	for (int code = OSY_E_USAGE; code <= OSY_E_INTERNAL; code++) {
		if (osy_str_is(name, osy_code_name((enum osy_code)code)))
			return (enum osy_code)code;
	}
	if (status == 502 || status == 503 || status == 504)
		return OSY_E_UNREACHABLE;
	return status == 401 ? OSY_E_AUTH : status == 403 ? OSY_E_FORBIDDEN : OSY_E_INTERNAL;
}

static enum osy_code problem(
	const struct cli *cli, const struct osy_http_reply *reply, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;
	struct osy_err ignored = OSY_ERR_NONE;
	struct osy_str detail = OSY_STR_NULL;

	if (!osy_json_parse(osy_buf_str(&reply->body), "the answer", &json, &ignored))
		detail = osy_json_get_str(json, "detail");
	enum osy_code code = code_of(osy_json_get_str(json, "code"), reply->status);
	if (!detail.len)
		return osy_fail(err, code,
			"%s answered with status %d and no reason; is it the coordinator "
			"(ORGSYNC_API_URL)?",
			cli->url, reply->status);
	return osy_fail(err, code, "%.*s", (int)(detail.len < 480 ? detail.len : 480), detail.p);
}

static enum osy_code no_reply(
	const struct cli *cli, const struct osy_http_reply *reply, struct osy_err *err)
{
	const char *advice = reply->code == OSY_E_UNREACHABLE
				     ? "; is it running, and is ORGSYNC_API_URL right?"
				     : "";

	return osy_fail(err, reply->code, "no answer from the coordinator at %s: %.300s%s",
		cli->url, reply->err.msg, advice);
}

/* ---- One call ---- */
struct waiting {
	bool done;
	struct osy_http_reply reply; /* its err and body are taken over */
};

static void take_reply(struct osy_http_reply *reply, void *arg)
{
	struct waiting *waiting = arg;

	waiting->reply = *reply;
	reply->body = OSY_BUF(0);
	waiting->done = true;
}

static enum osy_code wait_for(struct cli *cli, const struct osy_http_request *request,
	const volatile bool *stop, struct waiting *waiting, struct osy_err *err)
{
	struct osy_http_call *call = NULL;
	enum osy_code rc = osy_http_start(cli->http, request, take_reply, waiting, &call, err);

	if (rc)
		return rc;
	while (!waiting->done) {
		if (stop && *stop) {
			osy_http_cancel(call);
			return osy_fail(err, OSY_E_TIMEOUT, "stopped");
		}
		osy_http_poll(cli->http, POLL_MS, NULL, 0, NULL);
	}
	return OSY_OK;
}

static enum osy_code send_call(
	struct cli *cli, const struct cli_call *call, struct waiting *waiting, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf url = OSY_BUF(CLI_PATH_BYTES + 4096);
	OSY_AUTO(osy_buf_done) struct osy_buf bearer = OSY_BUF(64 * 1024);
	struct osy_http_header headers[3];
	size_t count = 0;
	struct osy_str token = osy_secret_open(&cli->settings->api_token);

	osy_buf_addf(&url, "%s" PREFIX "%s", cli->url, call->path);
	if (token.len) {
		osy_buf_addz(&bearer, "Bearer ");
		osy_buf_add_str(&bearer, token);
		headers[count++] = (struct osy_http_header){"Authorization", osy_buf_str(&bearer)};
	}
	headers[count++] = (struct osy_http_header){"Accept", OSY_STR("application/json")};
	if (call->body.p)
		headers[count++] = (struct osy_http_header){
			"Content-Type", osy_str(call->type ? call->type : "application/json")};
	struct osy_http_request request = {.method = call->method,
		.url = osy_buf_str(&url),
		.headers = headers,
		.header_count = count,
		.body = call->body,
		.max_reply_bytes = MAX_REPLY,
		.timeout_ms = call->timeout_ms ? call->timeout_ms : TIMEOUT_MS,
		.plain = strncmp(cli->url, "http://", 7) == 0};
	enum osy_code rc = wait_for(cli, &request, call->stop, waiting, err);
	if (bearer.len)
		explicit_bzero(bearer.p, bearer.len);
	return rc;
}

enum osy_code cli_call(
	struct cli *cli, const struct cli_call *call, struct osy_json **ret, struct osy_err *err)
{
	struct waiting waiting = {.reply = {.body = OSY_BUF(0)}};
	enum osy_code rc = send_call(cli, call, &waiting, err);
	const struct osy_http_reply *reply = &waiting.reply;

	if (!rc && reply->code)
		rc = no_reply(cli, reply, err);
	if (!rc && (reply->status < 200 || reply->status > 299))
		rc = problem(cli, reply, err);
	if (!rc && ret && reply->body.len)
		rc = osy_json_parse(
			osy_buf_str(&reply->body), "the coordinator's answer", ret, err);
	osy_buf_done(&waiting.reply.body);
	return rc;
}

enum osy_code cli_get(struct cli *cli, const char *path, struct osy_json **ret, struct osy_err *err)
{
	return cli_do(cli, "GET", path, ret, err);
}

enum osy_code cli_do(struct cli *cli, const char *method, const char *path, struct osy_json **ret,
	struct osy_err *err)
{
	struct cli_call call = {.method = method, .path = path};

	return cli_call(cli, &call, ret, err);
}

/* ---- Pages ---- */
enum osy_code cli_pages(struct cli *cli, const char *path, int64_t limit, cli_page page, void *arg,
	char **ret_next, struct osy_err *err)
{
	OSY_AUTO_FREE char *cursor = NULL;
	int64_t left = limit;
	bool more = true;

	while (more && (!limit || left > 0)) {
		OSY_AUTO(osy_buf_done) struct osy_buf at = OSY_BUF(CLI_PATH_BYTES);
		OSY_AUTO(osy_json_free_at) struct osy_json *doc = NULL;
		char count[32];
		snprintf(count, sizeof(count), "%lld",
			(long long)(limit && left < CLI_PAGE ? left : CLI_PAGE));
		osy_buf_addz(&at, path);
		cli_query(&at, "limit", count);
		cli_query(&at, "cursor", cursor);
		enum osy_code rc = cli_get(cli, at.p, &doc, err);
		struct osy_json *items = osy_json_get(doc, "items");
		if (!rc)
			rc = page(arg, items, err);
		if (rc)
			return rc;
		left -= (int64_t)osy_json_count(items);
		struct osy_str next = osy_json_get_str(doc, "next");
		more = next.p && osy_json_count(items) > 0;
		free(cursor);
		cursor = next.p ? osy_xstrndup(next.p, next.len) : NULL;
	}
	*ret_next = more ? cursor : NULL;
	if (more)
		cursor = NULL;
	return OSY_OK;
}
