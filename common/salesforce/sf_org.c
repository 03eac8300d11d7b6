/*
 * Calls of one org. A call that has no session waits in a queue; one login serves them all. A call
 * that was sent under an older session than the org's present one is sent again under the present
 * one, without a login.
 */
#include "osy/sf_org.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "osy/clock.h"
#include "osy/mem.h"
#include "osy/sf_collection.h"
#include "osy/sf_id.h"
#include "osy/sf_query.h"

#include "sf_internal.h"

#include "osy/banned.h"

#define ORG_MAGIC 0x6f726721u
#define LOGIN_TIMEOUT_MS 60000
#define LOGIN_REPLY_MAX (1u << 20)
#define LOGIN_FORM_MAX (96u << 10)
#define REPLY_MAX (64u << 20)
#define CLOCK_UNKNOWN_MS 86400000

struct call {
	struct call *prev, *next; /* of all calls of the org */
	struct call *next_waiting;
	struct osy_org *org;
	char *method, *path, *content_type;
	struct osy_http_header *headers; /* names and values are copies */
	size_t header_count;
	int body_fd;
	int64_t body_size;
	bool (*on_data)(struct osy_http_call *call, struct osy_str piece, void *arg);
	ssize_t (*read_body)(struct osy_http_call *call, char *out, size_t size, void *arg);
	struct osy_str body; /* borrowed until done, or until on_body_sent */
	bool soap;
	struct osy_buf envelope; /* of SOAP: the body with the session in it */
	void (*on_body_sent)(void *arg);
	bool (*may_send)(void *arg);
	bool body_gone;
	size_t max_reply_bytes;
	unsigned timeout_ms;
	osy_sf_done done;
	void *arg;
	uint64_t session; /* the one it was sent under */
	bool replayed;
	bool got_page;		    /* of HTML, in pieces; not handed out */
	struct osy_http_call *http; /* in flight */
};

struct osy_org {
	unsigned magic;
	struct osy_http *http;
	char *name;
	struct osy_org_login login;
	bool allow_http;
	char *instance_url;	 /* where the session lives */
	struct osy_secret token; /* not set: no session */
	uint64_t session;	 /* counts logins */
	char user_id[19];
	bool rotated, renewed; /* renewed: the login under way is the second one */
	struct osy_org_keeper keeper;
	struct call *calls;
	struct call *waiting, **waiting_end;
	bool logging_in;
	struct osy_http_call *login_call;
	struct osy_buf login_form; /* holds secrets */
	uint64_t call_count;
	bool has_usage;
	int64_t used, max;
	bool has_clock;
	int64_t clock_least_ms, clock_most_ms;
};

static void wipe(struct osy_buf *buf)
{
	if (buf->cap)
		explicit_bzero(buf->p, buf->cap);
	osy_buf_done(buf);
}

struct osy_org *osy_org_new(
	struct osy_http *http, const char *name, const struct osy_org_login *login, bool allow_http)
{
	struct osy_org *org = osy_xcalloc(1, sizeof(*org));

	org->magic = ORG_MAGIC;
	org->http = http;
	org->name = osy_xstrdup(name);
	org->allow_http = allow_http;
	osy_org_login_copy(login, &org->login);
	org->instance_url = osy_xstrdup(org->login.instance_url);
	org->waiting_end = &org->waiting;
	org->login_form = OSY_BUF(LOGIN_FORM_MAX);
	if (login->auth == OSY_AUTH_ACCESS_TOKEN) {
		const struct osy_str token = osy_secret_open(&login->access_token);
		osy_secret_set(&org->token, token.p, token.len);
		org->session = 1;
	}
	return org;
}

void osy_org_set_keeper(struct osy_org *org, const struct osy_org_keeper *keeper)
{
	org->keeper = *keeper;
}

/* ---- Calls ---- */

static void call_free(struct call *call)
{
	if (call->prev)
		call->prev->next = call->next;
	else
		call->org->calls = call->next;
	if (call->next)
		call->next->prev = call->prev;
	for (size_t i = 0; i < call->header_count; i++) {
		free((void *)(uintptr_t)call->headers[i].name);
		free((void *)(uintptr_t)call->headers[i].value.p);
	}
	wipe(&call->envelope);
	free(call->headers);
	free(call->method);
	free(call->path);
	free(call->content_type);
	free(call);
}

struct osy_org *osy_org_free(struct osy_org *org)
{
	if (!org)
		return NULL;
	OSY_ASSERT(org->magic == ORG_MAGIC);
	if (org->login_call)
		osy_http_cancel(org->login_call);
	while (org->calls) {
		if (org->calls->http)
			osy_http_cancel(org->calls->http);
		call_free(org->calls);
	}
	wipe(&org->login_form);
	if (org->keeper.free)
		org->keeper.free(org->keeper.arg);
	osy_secret_done(&org->token);
	osy_org_login_done(&org->login);
	free(org->instance_url);
	free(org->name);
	org->magic = 0;
	free(org);
	return NULL;
}

static char *absolute_path(struct osy_str path)
{
	OSY_AUTO(osy_buf_done) struct osy_buf buf = OSY_BUF(path.len + sizeof(OSY_SF_DATA_ROOT));

	if (!path.len || path.p[0] != '/')
		osy_buf_addz(&buf, OSY_SF_DATA_ROOT);
	osy_buf_add_str(&buf, path);
	return osy_buf_take(&buf, NULL);
}

static struct call *call_new(
	struct osy_org *org, const struct osy_sf_request *request, osy_sf_done done, void *arg)
{
	struct call *call = osy_xcalloc(1, sizeof(*call));

	call->org = org;
	call->method = osy_xstrdup(request->method);
	call->path = absolute_path(request->path);
	call->content_type =
		osy_xstrdup(request->content_type ? request->content_type : "application/json");
	call->headers = osy_xcalloc(request->header_count + 1, sizeof(*call->headers));
	for (; call->header_count < request->header_count; call->header_count++) {
		const struct osy_http_header *from = &request->headers[call->header_count];
		call->headers[call->header_count] =
			(struct osy_http_header){osy_xstrdup(from->name),
				{osy_xstrndup(from->value.p ? from->value.p : "", from->value.len),
					from->value.len}};
	}
	call->body = request->body;
	call->soap = request->soap;
	call->body_fd = request->body_fd;
	call->body_size = request->body_size;
	call->on_data = request->on_data;
	call->read_body = request->read_body;
	call->body_gone = request->read_body != NULL; /* none is sent twice */
	call->max_reply_bytes =
		request->max_reply_bytes || request->on_data ? request->max_reply_bytes : REPLY_MAX;
	call->on_body_sent = request->on_body_sent;
	call->may_send = request->may_send;
	call->timeout_ms = request->timeout_ms;
	call->done = done;
	call->arg = arg;
	call->next = org->calls;
	if (org->calls)
		org->calls->prev = call;
	org->calls = call;
	return call;
}

/* Hands the outcome out and ends the call. */
static void finish(struct call *call, struct osy_http_reply *http, enum osy_code code,
	const struct osy_err *err)
{
	struct osy_buf none = OSY_BUF(1);
	struct osy_sf_reply reply = {
		.code = code, .http = http, .body = http ? &http->body : &none};

	if (http) {
		reply.status = http->status;
		reply.elapsed_us = http->elapsed_us;
	}
	if (code) {
		reply.err = *err;
		(void)osy_err_prefix(&reply.err, "org %s", call->org->name);
	}
	call->done(&reply, call->arg);
	call_free(call);
}

static void on_reply(struct osy_http_reply *http, void *arg);
static bool begins_nocase(struct osy_str s, const char *prefix);

static bool on_piece(struct osy_http_call *http, struct osy_str piece, void *arg)
{
	struct call *call = arg;
	const struct osy_str type = osy_http_call_header(http, "Content-Type");

	call->got_page = type.p && begins_nocase(type, "text/html");
	return call->got_page || call->on_data(http, piece, call->arg);
}

static ssize_t read_body(struct osy_http_call *http, char *out, size_t size, void *arg)
{
	struct call *call = arg;

	return call->read_body(http, out, size, call->arg);
}

static void on_body_sent(void *arg)
{
	struct call *call = arg;

	call->body_gone = true;
	call->on_body_sent(call->arg);
}

static bool may_send(void *arg)
{
	const struct call *call = arg;

	return call->may_send(call->arg);
}

static bool is_plain(const struct osy_org *org, const char *url)
{
	return org->allow_http && strncmp(url, "http://", 7) == 0;
}

/* Nobody's internal machines, whatever address an admin or a reply to a login names. */
static enum osy_http_reach reach_of(const struct osy_org *org, const char *url)
{
	return is_plain(org, url) ? OSY_HTTP_LOOPBACK : OSY_HTTP_PUBLIC;
}

/* The session of SOAP calls lies in their envelope. */
static struct osy_str body_of(struct call *call, struct osy_str token)
{
	static const char empty[] = "<sessionId></sessionId>";
	const char *at =
		call->soap ? memmem(call->body.p, call->body.len, empty, sizeof(empty) - 1) : NULL;

	if (!at)
		return call->body;
	const size_t head = (size_t)(at - call->body.p) + strlen("<sessionId>");
	wipe(&call->envelope);
	call->envelope = OSY_BUF(call->body.len + token.len + 1);
	(void)osy_buf_room(&call->envelope, call->body.len + token.len);
	osy_buf_add(&call->envelope, call->body.p, head);
	osy_buf_add_str(&call->envelope, token);
	osy_buf_add(&call->envelope, call->body.p + head, call->body.len - head);
	return osy_buf_str(&call->envelope);
}

static enum osy_code send_call(struct call *call, struct osy_err *err)
{
	struct osy_org *org = call->org;
	const struct osy_str token = osy_secret_open(&org->token);
	OSY_AUTO(osy_buf_done)
	struct osy_buf url = OSY_BUF(strlen(org->instance_url) + strlen(call->path) + 1);
	OSY_AUTO(wipe) struct osy_buf bearer = OSY_BUF(token.len + 16);
	OSY_AUTO_FREE struct osy_http_header *headers =
		osy_xcalloc(call->header_count + 3, sizeof(*headers));
	size_t count = 0;

	osy_buf_addz(&url, org->instance_url);
	osy_buf_addz(&url, call->path);
	(void)osy_buf_room(&bearer, token.len + 8);
	osy_buf_addz(&bearer, "Bearer ");
	osy_buf_add_str(&bearer, token);
	headers[count++] = (struct osy_http_header){"Authorization", osy_buf_str(&bearer)};
	headers[count++] =
		(struct osy_http_header){"Sforce-Call-Options", OSY_STR("client=" OSY_SF_CLIENT)};
	if (call->body.p || call->body_size > 0)
		headers[count++] =
			(struct osy_http_header){"Content-Type", osy_str(call->content_type)};
	for (size_t i = 0; i < call->header_count; i++)
		headers[count++] = call->headers[i];
	const struct osy_http_request request = {.method = call->method,
		.url = osy_buf_str(&url),
		.headers = headers,
		.header_count = count,
		.body = body_of(call, token),
		.body_fd = call->body_fd,
		.body_size = call->body_size,
		.on_data = call->on_data ? on_piece : NULL,
		.read_body = call->read_body ? read_body : NULL,
		.on_body_sent = call->on_body_sent ? on_body_sent : NULL,
		.may_send = call->may_send ? may_send : NULL,
		.max_reply_bytes = call->max_reply_bytes,
		.timeout_ms = call->timeout_ms,
		.reach = reach_of(org, org->instance_url),
		.plain = is_plain(org, org->instance_url),
		/* plain means this machine: bytes cost nothing there, packing them does */
		.gzip = !is_plain(org, org->instance_url)};
	call->session = org->session;
	const enum osy_code code =
		osy_http_start(org->http, &request, on_reply, call, &call->http, err);
	if (!code)
		org->call_count++;
	return code;
}

/* ---- Logins ---- */

static void set_session(struct osy_org *org, struct osy_sf_login_reply *reply)
{
	const struct osy_str token = osy_secret_open(&reply->token);

	osy_secret_set(&org->token, token.p, token.len);
	org->session++;
	if (reply->instance_url) {
		free(org->instance_url);
		org->instance_url = reply->instance_url;
		reply->instance_url = NULL;
	}
	if (osy_secret_is_set(&reply->refresh_token)) {
		const struct osy_str refresh = osy_secret_open(&reply->refresh_token);
		if (org->login.auth == OSY_AUTH_REFRESH_TOKEN) {
			osy_secret_set(&org->login.refresh_token, refresh.p, refresh.len);
			org->rotated = true;
			if (org->keeper.keep)
				org->keeper.keep(&org->login, org->keeper.arg);
		}
	}
	if (reply->user_id[0])
		memcpy(org->user_id, reply->user_id, sizeof(org->user_id));
}

static void note_clock(struct osy_org *org, const struct osy_http_reply *http)
{
	if (http->server_wall_ms < 0)
		return;
	/* Its clock showed this second at some moment between our sending and our having the reply.
	 */
	const int64_t after = osy_wall_ms(), before = after - http->elapsed_us / 1000 - 1;
	const int64_t least = http->server_wall_ms - after,
		      most = http->server_wall_ms + 999 - before;
	const int64_t both_least = least > org->clock_least_ms ? least : org->clock_least_ms;
	const int64_t both_most = most < org->clock_most_ms ? most : org->clock_most_ms;
	const bool fits =
		org->has_clock && both_least <= both_most; /* else one of the clocks was set */

	org->clock_least_ms = fits ? both_least : least;
	org->clock_most_ms = fits ? both_most : most;
	org->has_clock = true;
}

static enum osy_code read_login(
	struct osy_org *org, struct osy_http_reply *http, struct osy_err *err)
{
	OSY_AUTO(osy_sf_login_reply_done) struct osy_sf_login_reply reply = {.instance_url = NULL};

	if (http->code) /* whatever happened to the login: the calls that wait for it were not sent
			 */
		return osy_fail_from(err, OSY_E_UNREACHABLE, http->err.origin,
			"the login did not come through: %.400s", &http->err.msg[0]);
	note_clock(org, http);
	const enum osy_code code = osy_sf_login_read(&org->login, org->allow_http, http->status,
		osy_http_reply_header(http, "Content-Type"), osy_buf_str(&http->body),
		http->retry_after_ms, &reply, err);
	if (!code)
		set_session(org, &reply);
	if (http->body.cap)
		explicit_bzero(http->body.p, http->body.cap);
	return code;
}

static enum osy_code start_login(struct osy_org *org, struct osy_err *err);

/* Once: ours may have been replaced by what another program was given. */
static bool renew(struct osy_org *org)
{
	struct osy_err ignored;

	org->renewed =
		!org->renewed && org->keeper.renew && org->login.auth == OSY_AUTH_REFRESH_TOKEN &&
		org->keeper.renew(&org->login, org->keeper.arg) && !start_login(org, &ignored);
	return org->renewed;
}

/* The callbacks may start calls and so another login: the queue is taken off first. */
static void on_login(struct osy_http_reply *http, void *arg)
{
	struct osy_org *org = arg;
	struct osy_err err;

	org->login_call = NULL;
	org->logging_in = false;
	wipe(&org->login_form);
	const enum osy_code login_code = read_login(org, http, &err);
	if (login_code == OSY_E_AUTH && renew(org))
		return;
	org->renewed = false;
	struct call *call = org->waiting;
	org->waiting = NULL;
	org->waiting_end = &org->waiting;
	while (call) {
		struct call *next = call->next_waiting;
		struct osy_err call_err;
		enum osy_code code = login_code;
		call->next_waiting = NULL;
		if (code)
			call_err = err;
		else
			code = send_call(call, &call_err);
		if (code)
			finish(call, NULL, code, &call_err);
		call = next;
	}
}

static enum osy_code start_login(struct osy_org *org, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf url = OSY_BUF(8192);
	const int64_t offset = org->has_clock ? (org->clock_least_ms + org->clock_most_ms) / 2 : 0;

	wipe(&org->login_form);
	(void)osy_buf_room(&org->login_form, LOGIN_FORM_MAX / 2);
	enum osy_code code = osy_sf_login_form(&org->login, offset, &url, &org->login_form, err);
	if (code)
		return code;
	const struct osy_http_header headers[] = {
		{"Content-Type", OSY_STR("application/x-www-form-urlencoded")},
		{"Accept", OSY_STR("application/json")},
	};
	const struct osy_http_request request = {.method = "POST",
		.url = osy_buf_str(&url),
		.headers = headers,
		.header_count = OSY_COUNT(headers),
		.body = osy_buf_str(&org->login_form),
		.max_reply_bytes = LOGIN_REPLY_MAX,
		.timeout_ms = LOGIN_TIMEOUT_MS,
		.reach = reach_of(org, url.p),
		.plain = is_plain(org, url.p)};
	code = osy_http_start(org->http, &request, on_login, org, &org->login_call, err);
	org->logging_in = code == OSY_OK;
	return code;
}

/* Sends the call, or lets it wait for a session. On failure it is nowhere. */
static enum osy_code send_or_wait(struct call *call, struct osy_err *err)
{
	struct osy_org *org = call->org;

	if (osy_secret_is_set(&org->token))
		return send_call(call, err);
	if (!org->logging_in) {
		const enum osy_code code = start_login(org, err);
		if (code)
			return code;
	}
	*org->waiting_end = call;
	org->waiting_end = &call->next_waiting;
	return OSY_OK;
}

/* ---- Replies ---- */

/* "api-usage=18/5000, per-app-api-usage=17/250(appName=x)" */
bool osy_sf_usage(struct osy_str info, int64_t *ret_used, int64_t *ret_max)
{
	static const char key[] = "api-usage=";
	const char *p = info.p, *end = p + info.len;
	struct osy_err ignored;

	while (p && (p = memmem(p, (size_t)(end - p), key, sizeof(key) - 1))) {
		const bool own = p == info.p || p[-1] == ' ' || p[-1] == ',' || p[-1] == ';';
		p += sizeof(key) - 1;
		if (own)
			break;
	}
	if (!p)
		return false;
	const char *slash = memchr(p, '/', (size_t)(end - p)), *stop = slash ? slash + 1 : end;
	while (stop < end && *stop >= '0' && *stop <= '9')
		stop++;
	return slash &&
	       !osy_parse_i64((struct osy_str){p, (size_t)(slash - p)}, 0, INT64_MAX, ret_used,
		       &ignored) &&
	       !osy_parse_i64((struct osy_str){slash + 1, (size_t)(stop - slash - 1)}, 0, INT64_MAX,
		       ret_max, &ignored);
}

static bool begins_nocase(struct osy_str s, const char *prefix)
{
	return s.len >= strlen(prefix) && strncasecmp(s.p, prefix, strlen(prefix)) == 0;
}

static struct osy_str without_blanks(struct osy_str body)
{
	while (body.len && (unsigned char)body.p[0] <= ' ') {
		body.p++;
		body.len--;
	}
	return body;
}

static bool looks_like_html(struct osy_str body)
{
	body = without_blanks(body);
	return begins_nocase(body, "<!doctype html") || begins_nocase(body, "<html");
}

/* A type that says nothing of JSON is no proof against it: gateways put their own in its place. */
bool osy_sf_is_json(struct osy_str type, struct osy_str body)
{
	if (type.p && memmem(type.p, type.len, "json", 4))
		return true;
	body = without_blanks(body);
	return body.len && (body.p[0] == '{' || body.p[0] == '[');
}

static enum osy_code judge(
	const struct call *call, const struct osy_http_reply *http, struct osy_err *err)
{
	if (http->code == OSY_E_TIMEOUT)
		return osy_fail_from(
			err, OSY_E_NO_REPLY, http->err.origin, "%s", &http->err.msg[0]);
	if (http->code) {
		*err = http->err;
		return err->code;
	}
	const struct osy_str type = osy_http_reply_header(http, "Content-Type"),
			     body = call->got_page ? OSY_STR("<html>") : osy_buf_str(&http->body);
	const bool is_html = type.p ? begins_nocase(type, "text/html") ||
					      begins_nocase(type, "application/xhtml")
				    : looks_like_html(body);
	const bool is_json = !is_html && osy_sf_is_json(type, body);
	if (call->soap && http->status >= 400 && osy_sf_soap_fault(http->status, body, err))
		return err->code;
	return osy_sf_classify(http->status, is_json, is_html, body, http->retry_after_ms, err);
}

static void note_usage(struct osy_org *org, struct osy_str info)
{
	int64_t used, max;

	if (!osy_sf_usage(info, &used, &max))
		return;
	org->used = used;
	org->max = max;
	org->has_usage = true;
}

static void on_reply(struct osy_http_reply *http, void *arg)
{
	struct call *call = arg;
	struct osy_org *org = call->org;
	struct osy_err err;

	call->http = NULL;
	if (!http->code) {
		note_usage(org, osy_http_reply_header(http, "Sforce-Limit-Info"));
		note_clock(org, http);
	}
	enum osy_code code = judge(call, http, &err);
	if (code == OSY_E_SESSION) {
		/* of a session that others have found refused before it: no login was for this call
		 * yet */
		const bool stale = call->session != org->session || !osy_secret_is_set(&org->token);
		if (!stale)
			osy_secret_done(&org->token);
		if ((stale || !call->replayed) && !call->body_gone) {
			call->replayed |= !stale;
			code = send_or_wait(call, &err);
			if (!code)
				return;
		}
	}
	finish(call, http, code, &err);
}

enum osy_code osy_sf_start(struct osy_org *org, const struct osy_sf_request *request,
	osy_sf_done done, void *arg, struct osy_err *err)
{
	OSY_ASSERT(org->magic == ORG_MAGIC);
	for (size_t i = 0; i < request->path.len; i++) {
		const unsigned char c = (unsigned char)request->path.p[i];
		if (c <= ' ' || c >= 0x7f)
			return osy_fail(err, OSY_E_INVALID,
				"org %s: the path of a call must be percent-encoded", org->name);
	}
	/* "//host" and "scheme://host" would send the token elsewhere */
	if (osy_str_starts(request->path, "//") ||
		memmem(request->path.p ? request->path.p : "", request->path.len, "://", 3))
		return osy_fail(
			err, OSY_E_INVALID, "org %s: a call takes a path, not a URL", org->name);
	struct call *call = call_new(org, request, done, arg);
	const enum osy_code code = send_or_wait(call, err);
	if (code) {
		call_free(call);
		return osy_err_prefix(err, "org %s", org->name);
	}
	return OSY_OK;
}

/* One that waits for a session is in the queue of the login as well. */
static void leave_queue(struct osy_org *org, const struct call *call)
{
	struct call **at = &org->waiting;

	while (*at && *at != call)
		at = &(*at)->next_waiting;
	if (*at)
		*at = call->next_waiting;
	for (org->waiting_end = at; *org->waiting_end;)
		org->waiting_end = &(*org->waiting_end)->next_waiting;
}

void osy_sf_cancel(struct osy_org *org, const void *arg)
{
	for (struct call *call = org->calls, *next; call; call = next) {
		next = call->next;
		if (call->arg != arg)
			continue;
		if (call->http)
			osy_http_cancel(call->http);
		leave_queue(org, call);
		call_free(call);
	}
}

/* ---- Calls on the spot ---- */

struct spot {
	bool is_done;
	struct osy_buf *out;
	enum osy_code code;
	struct osy_err err;
};

static void on_spot(struct osy_sf_reply *reply, void *arg)
{
	struct spot *spot = arg;

	spot->is_done = true;
	spot->code = reply->code;
	if (reply->code) {
		spot->err = reply->err;
	} else {
		const size_t max = spot->out->max;
		osy_buf_done(spot->out);
		*spot->out = *reply->body;
		spot->out->max = max;
		*reply->body = OSY_BUF(reply->body->max);
	}
}

enum osy_code osy_sf_run(struct osy_org *org, const struct osy_sf_request *request,
	struct osy_buf *out, struct osy_err *err)
{
	struct osy_sf_request bounded = *request;
	struct spot spot = {.out = out};

	OSY_ASSERT(!request->on_data); /* it would be called with an argument of ours */
	if (!bounded.max_reply_bytes || bounded.max_reply_bytes > out->max)
		bounded.max_reply_bytes = out->max;
	const enum osy_code code = osy_sf_start(org, &bounded, on_spot, &spot, err);
	if (code)
		return code;
	while (!spot.is_done)
		osy_http_poll(org->http, 1000, NULL, 0, NULL);
	if (spot.code)
		*err = spot.err;
	return spot.code;
}

enum osy_code osy_sf_get(
	struct osy_org *org, const char *path, struct osy_json **ret, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf body = OSY_BUF(REPLY_MAX);
	const struct osy_sf_request request = {.method = "GET", .path = osy_str(path)};
	enum osy_code code = osy_sf_run(org, &request, &body, err);

	if (code)
		return code;
	code = osy_json_parse(osy_buf_str(&body), "reply", ret, err);
	return code ? osy_err_prefix(err, "org %s", org->name) : OSY_OK;
}

/* ---- Who it is ---- */

static void copy_text(const struct osy_json *object, const char *key, char *to, size_t size)
{
	const struct osy_str s = osy_json_get_str(object, key);
	size_t len = s.len < size ? s.len : size - 1;

	while (len && len < s.len && ((unsigned char)s.p[len] & 0xc0) == 0x80)
		len--;
	if (len)
		memcpy(to, s.p, len);
	to[len] = 0;
}

/* An id in its long form; "" when it is none. */
static void copy_id(const struct osy_json *object, const char *key, char to[19])
{
	struct osy_id id;

	to[0] = 0;
	if (osy_id_parse(osy_json_get_str(object, key), &id))
		osy_id_18(&id, to);
}

/* Sessions that did not come from a login of ours: asks. An org that does not tell leaves it empty.
 * The org's id too, where that is not known yet. */
static void ask_user(struct osy_org *org, struct osy_org_identity *identity)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *info = NULL;
	struct osy_err ignored;

	if (osy_sf_get(org, "/services/oauth2/userinfo", &info, &ignored))
		return;
	if (!org->user_id[0])
		copy_id(info, "user_id", org->user_id);
	if (!identity->org_id[0])
		copy_id(info, "organization_id", identity->org_id);
}

static enum osy_code ask_organization(
	struct osy_org *org, struct osy_str soql, struct osy_json **ret, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(1024);

	osy_soql_path(soql, false, &path);
	return osy_sf_get(org, path.p, ret, err);
}

enum osy_code osy_org_identify(
	struct osy_org *org, struct osy_org_identity *ret, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *reply = NULL;
	struct osy_org_identity identity = {.is_sandbox = false};
	enum osy_code code = ask_organization(org,
		OSY_STR("SELECT Id, Name, InstanceName, IsSandbox, OrganizationType FROM "
			"Organization"),
		&reply, err);

	if (code && osy_sf_is_bad_query(err)) /* our user does not see them all */
		code = ask_organization(org, OSY_STR("SELECT Id FROM Organization"), &reply, err);
	if (code && !osy_sf_is_bad_query(err))
		return code;
	const struct osy_json *row = osy_json_at(osy_json_get(reply, "records"), 0);
	copy_id(row, "Id", identity.org_id);
	if (!org->user_id[0] || !identity.org_id[0])
		ask_user(org, &identity);
	if (!identity.org_id[0])
		return osy_fail(err, OSY_E_INVALID,
			"org %s does not say who it is: no row of Organization", org->name);
	copy_text(row, "Name", identity.name, sizeof(identity.name));
	copy_text(row, "InstanceName", identity.instance_name, sizeof(identity.instance_name));
	copy_text(row, "OrganizationType", identity.organization_type,
		sizeof(identity.organization_type));
	identity.is_sandbox = osy_json_get_bool(row, "IsSandbox", false);
	memcpy(identity.user_id, org->user_id, sizeof(identity.user_id));
	*err = OSY_ERR_NONE;
	*ret = identity;
	return OSY_OK;
}

const char *osy_org_name(const struct osy_org *org)
{
	return org->name;
}

const struct osy_secret *osy_org_rotated_token(const struct osy_org *org)
{
	return org->rotated ? &org->login.refresh_token : NULL;
}

uint64_t osy_org_calls(const struct osy_org *org)
{
	return org->call_count;
}

bool osy_org_usage(const struct osy_org *org, int64_t *ret_used, int64_t *ret_max)
{
	if (!org->has_usage)
		return false;
	*ret_used = org->used;
	*ret_max = org->max;
	return true;
}

bool osy_org_clock(const struct osy_org *org, int64_t *ret_least_ms, int64_t *ret_most_ms)
{
	*ret_least_ms = org->has_clock ? org->clock_least_ms : -CLOCK_UNKNOWN_MS;
	*ret_most_ms = org->has_clock ? org->clock_most_ms : CLOCK_UNKNOWN_MS;
	return org->has_clock;
}
