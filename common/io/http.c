#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "http_internal.h"
#include "osy/clock.h"
#include "osy/mem.h"

#define HTTP_MAGIC 0x68747470u
#define DEFAULT_TIMEOUT_MS 660000u
#define DEFAULT_MAX_REPLY_BYTES (64u * 1024 * 1024)
#define CONNECT_TIMEOUT_MS 10000L
#define USER_TIMEOUT_MS 60000u /* sent bytes that nobody acknowledges: the peer is gone */
#define MAX_AGE_SECONDS \
	20L /* an idle TLS connection that the server has closed fails the next request */
#define MAX_RETRY_AFTER_S 86400

struct osy_http_call {
	struct osy_http *http;
	struct osy_http_call *prev, *next;
	CURL *easy;
	struct curl_slist *headers;
	osy_http_done done;
	void *arg;
	struct osy_str body; /* borrowed */
	size_t body_sent;
	bool no_reply_body; /* HEAD */
	bool safe;	    /* GET, HEAD: curl may repeat it */
	unsigned tries;	    /* how often curl was about to send it */
	bool too_big;
	bool head_ended; /* the blank line after the last reply's headers came */
	struct osy_buf reply_body;
	char where[128];
	char text[CURL_ERROR_SIZE];
};

struct osy_http {
	unsigned magic;
	CURLM *multi;
	struct osy_http_call *calls;
	size_t in_flight;
	struct osy_http_call *last_run; /* kept for the headers of the last reply of osy_http_run */
	const char *ca_file;		/* of the environment; NULL: curl's own */
};

/* ---- The client ---- */

static void init_curl(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		OSY_BUG("curl cannot be initialised");
}

/* As the curl command: where a site has a certificate authority of its own. */
static const char *ca_file(void)
{
	const char *bundle = getenv("CURL_CA_BUNDLE");
	const char *file = getenv("SSL_CERT_FILE");

	return bundle && *bundle ? bundle : file && *file ? file : NULL;
}

struct osy_http *osy_http_new(unsigned max_connections)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct osy_http *http = osy_xcalloc(1, sizeof(*http));

	pthread_once(&once, init_curl);
	http->magic = HTTP_MAGIC;
	http->ca_file = ca_file();
	http->multi = curl_multi_init();
	OSY_ASSERT(http->multi);
	curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	/* curl counts the idle ones of all hosts together; a run has two orgs and each has a few
	 * hosts. */
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)max_connections * 4);
	return http;
}

static void call_free(struct osy_http_call *call)
{
	if (!call)
		return;
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	osy_buf_done(&call->reply_body);
	free(call);
}

/* Takes the call out of what is in flight. */
static void detach(struct osy_http_call *call)
{
	struct osy_http *http = call->http;

	curl_multi_remove_handle(http->multi, call->easy);
	if (call->prev)
		call->prev->next = call->next;
	else
		http->calls = call->next;
	if (call->next)
		call->next->prev = call->prev;
	call->prev = call->next = NULL;
	http->in_flight--;
}

struct osy_http *osy_http_free(struct osy_http *http)
{
	if (!http)
		return NULL;
	OSY_ASSERT(http->magic == HTTP_MAGIC);
	while (http->calls)
		osy_http_cancel(http->calls);
	call_free(http->last_run);
	curl_multi_cleanup(http->multi);
	http->magic = 0;
	free(http);
	return NULL;
}

void osy_http_cancel(struct osy_http_call *call)
{
	detach(call);
	call_free(call);
}

size_t osy_http_in_flight(const struct osy_http *http)
{
	return http->in_flight;
}

void osy_http_wakeup(struct osy_http *http)
{
	curl_multi_wakeup(http->multi);
}

/* ---- What curl calls ---- */

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
	struct osy_http_call *call = arg;
	size_t n = size * count, left = call->body.len - call->body_sent;

	if (n > left)
		n = left;
	if (n > 0)
		memcpy(out, call->body.p + call->body_sent, n);
	call->body_sent += n;
	return n;
}

static size_t on_write(char *p, size_t size, size_t count, void *arg)
{
	struct osy_http_call *call = arg;
	struct osy_err err;

	if (osy_buf_try(&call->reply_body, p, size * count, &err) == OSY_OK)
		return size * count;
	call->too_big = true;
	return 0;
}

/* curl takes a reply that is cut off inside its headers for a whole one. */
static size_t on_header(char *p, size_t size, size_t count, void *arg)
{
	struct osy_http_call *call = arg;
	size_t len = size * count;

	if ((len == 2 && p[0] == '\r') || (len == 1 && p[0] == '\n'))
		call->head_ended = true;
	else if (len > 5 && memcmp(p, "HTTP/", 5) == 0)
		call->head_ended = false;
	return len;
}

/*
 * Called whenever curl, connected, is about to send. A second time is its silent repetition of a
 * request on a kept connection that died: fatal for a POST that was executed. A read callback that
 * cannot rewind does not stop it when the body is empty; this does, for each method.
 */
static int on_prereq(void *arg, char *peer, char *own, int peer_port, int own_port)
{
	struct osy_http_call *call = arg;

	(void)peer;
	(void)own;
	(void)peer_port;
	(void)own_port;
	if (call->tries > 0 && !call->safe)
		return CURL_PREREQFUNC_ABORT;
	call->tries++;
	call->head_ended = false;
	call->body_sent = 0;
	osy_buf_reset(&call->reply_body);
	return CURL_PREREQFUNC_OK;
}

static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	unsigned timeout_ms = USER_TIMEOUT_MS;

	(void)arg;
	(void)purpose;
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
	return CURL_SOCKOPT_OK;
}

/* ---- Starting a request ---- */

/* curl's options are what we know to exist: a refusal is a bug. */
#define SET(option, value) OSY_ASSERT(curl_easy_setopt(call->easy, (option), (value)) == CURLE_OK)

static void add_header(struct osy_http_call *call, const char *name, struct osy_str value)
{
	OSY_AUTO(osy_buf_done) struct osy_buf line = OSY_BUF(128 * 1024);
	struct curl_slist *list;

	osy_buf_addz(&line, name);
	osy_buf_addz(&line, value.len > 0 ? ": " : ";"); /* curl's sign for an empty value */
	osy_buf_add_str(&line, value);
	list = curl_slist_append(call->headers, line.p);
	OSY_ASSERT(list);
	call->headers = list;
}

static bool has_header(const struct osy_http_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (osy_str_equal_nocase(osy_str(request->headers[i].name), osy_str(name)))
			return true;
	return false;
}

static void drop_header(struct osy_http_call *call, const char *line)
{
	struct curl_slist *list = curl_slist_append(call->headers, line);

	OSY_ASSERT(list);
	call->headers = list;
}

static void set_headers(struct osy_http_call *call, const struct osy_http_request *request)
{
	for (size_t i = 0; i < request->header_count; i++)
		add_header(call, request->headers[i].name, request->headers[i].value);
	if (!has_header(request, "Expect"))
		drop_header(call, "Expect:");
	if (!has_header(request, "Content-Type"))
		drop_header(call, "Content-Type:"); /* curl would call it a form */
	if (!has_header(request, "User-Agent"))
		add_header(call, "User-Agent", OSY_STR("orgsync"));
	SET(CURLOPT_HTTPHEADER, call->headers);
}

/* A body goes up by on_read, of a size that is known, without a way to rewind. */
static void set_method(struct osy_http_call *call, const struct osy_http_request *request)
{
	const char *method = request->method;
	bool sends = request->body.p || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
		     strcmp(method, "PATCH") == 0;

	call->safe = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	if (strcmp(method, "HEAD") == 0) {
		call->no_reply_body = true;
		SET(CURLOPT_NOBODY, 1L);
		return;
	}
	if (sends) {
		call->body = request->body;
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
		SET(CURLOPT_READFUNCTION, on_read);
		SET(CURLOPT_READDATA, call);
		SET(CURLOPT_UPLOAD_BUFFERSIZE, 256 * 1024L);
	}
	SET(CURLOPT_CUSTOMREQUEST, method);
}

static void set_limits(struct osy_http_call *call, const struct osy_http_request *request)
{
	unsigned timeout_ms = request->timeout_ms ? request->timeout_ms : DEFAULT_TIMEOUT_MS;

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	SET(CURLOPT_MAXAGE_CONN, MAX_AGE_SECONDS);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_TCP_KEEPIDLE, 30L);
	SET(CURLOPT_TCP_KEEPINTVL, 10L);
	SET(CURLOPT_SOCKOPTFUNCTION, on_socket);
	SET(CURLOPT_BUFFERSIZE, 128 * 1024L);
}

static void set_protocol(struct osy_http_call *call, const struct osy_http_request *request)
{
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_PROTOCOLS_STR, request->plain ? "http,https" : "https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	if (request->plain)
		SET(CURLOPT_PROXY, ""); /* plain means this machine: no proxy of the environment */
	if (call->http->ca_file)
		SET(CURLOPT_CAINFO, call->http->ca_file);
	if (request->gzip)
		SET(CURLOPT_ACCEPT_ENCODING, "gzip");
}

static void set_callbacks(struct osy_http_call *call)
{
	SET(CURLOPT_PRIVATE, call);
	SET(CURLOPT_ERRORBUFFER, call->text);
	SET(CURLOPT_WRITEFUNCTION, on_write);
	SET(CURLOPT_WRITEDATA, call);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, call);
	SET(CURLOPT_PREREQFUNCTION, on_prereq);
	SET(CURLOPT_PREREQDATA, call);
}

static void attach(struct osy_http_call *call)
{
	struct osy_http *http = call->http;

	call->next = http->calls;
	if (call->next)
		call->next->prev = call;
	http->calls = call;
	http->in_flight++;
	OSY_ASSERT(curl_multi_add_handle(http->multi, call->easy) == CURLM_OK);
}

enum osy_code osy_http_start(struct osy_http *http, const struct osy_http_request *request,
	osy_http_done done, void *arg, struct osy_http_call **ret, struct osy_err *err)
{
	OSY_AUTO_FREE char *url =
		osy_xstrndup(request->url.p ? request->url.p : "", request->url.len);
	struct osy_http_call *call;
	enum osy_code rc = osy_http_check(request, err);

	OSY_ASSERT(http->magic == HTTP_MAGIC);
	if (rc)
		return rc;
	call = osy_xcalloc(1, sizeof(*call));
	call->http = http;
	call->done = done;
	call->arg = arg;
	call->reply_body = OSY_BUF(
		request->max_reply_bytes ? request->max_reply_bytes : DEFAULT_MAX_REPLY_BYTES);
	osy_http_where(request->url, call->where, sizeof(call->where));
	call->easy = curl_easy_init();
	OSY_ASSERT(call->easy);
	SET(CURLOPT_URL, url);
	set_callbacks(call);
	set_limits(call, request);
	set_protocol(call, request);
	set_method(call, request);
	set_headers(call, request);
	attach(call);
	if (ret)
		*ret = call;
	return OSY_OK;
}

/* ---- Replies ---- */

struct osy_str osy_http_reply_header(const struct osy_http_reply *reply, const char *name)
{
	struct curl_header *header;

	if (!reply->call_ || curl_easy_header(reply->call_->easy, name, 0, CURLH_HEADER, -1,
				     &header) != CURLHE_OK)
		return OSY_STR_NULL;
	return osy_str(header->value);
}

static const struct {
	CURLcode curl;
	enum osy_code code;
} always[] = {
	{CURLE_URL_MALFORMAT, OSY_E_INVALID},
	{CURLE_LOGIN_DENIED, OSY_E_INVALID}, /* a user name in the URL */
	{CURLE_SSL_CACERT_BADFILE, OSY_E_INVALID},
};

/*
 * on_prereq, not curl's code, tells whether a byte of the request can have left: a proxy's refusal,
 * for one, is the same CURLE_RECV_ERROR as a reply cut off in the middle.
 */
static enum osy_code code_of(const struct osy_http_call *call, CURLcode curl)
{
	for (size_t i = 0; i < OSY_COUNT(always); i++)
		if (always[i].curl == curl)
			return always[i].code;
	if (call->tries == 0)
		return OSY_E_UNREACHABLE;
	if (call->too_big)
		return OSY_E_TOO_BIG;
	return curl == CURLE_OPERATION_TIMEDOUT ? OSY_E_TIMEOUT : OSY_E_NO_REPLY;
}

/*
 * Why a reply that curl finds good is not whole. One of HTTP/1.1 that says no length ends where its
 * connection ends, and nobody can tell whether that is its end: rows of a CSV would be lost without
 * a word.
 */
static const char *cut_off(const struct osy_http_reply *reply)
{
	long version = 0, status = reply->status;

	if (!reply->call_->head_ended)
		return "its headers are cut off";
	curl_easy_getinfo(reply->call_->easy, CURLINFO_HTTP_VERSION, &version);
	if (version != CURL_HTTP_VERSION_1_1 || status == 204 || status == 304 ||
		reply->call_->no_reply_body || osy_http_reply_header(reply, "Content-Length").p ||
		osy_http_reply_header(reply, "Transfer-Encoding").p)
		return NULL;
	return "it does not say its length";
}

static void fill_error(
	struct osy_http_reply *reply, const struct osy_http_call *call, CURLcode curl)
{
	const char *text = call->text[0] ? call->text : curl_easy_strerror(curl);
	enum osy_code code = code_of(call, curl);
	char origin[24];

	snprintf(origin, sizeof(origin), "curl:%d", (int)curl);
	if (code == OSY_E_UNREACHABLE)
		reply->code = osy_fail_from(
			&reply->err, code, origin, "cannot reach %s: %s", call->where, text);
	else if (code == OSY_E_TOO_BIG)
		reply->code = osy_fail_from(&reply->err, code, origin,
			"the reply of %s passes the limit of %zu bytes", call->where,
			call->reply_body.max);
	else if (code == OSY_E_INVALID)
		reply->code = osy_fail_from(
			&reply->err, code, origin, "cannot ask %s: %s", call->where, text);
	else
		reply->code = osy_fail_from(&reply->err, code, origin,
			"no whole reply came from %s, the request may have been executed: %s",
			call->where, text);
}

static void fill_facts(struct osy_http_reply *reply, struct osy_http_call *call)
{
	struct osy_str date = osy_http_reply_header(reply, "Date");
	curl_off_t elapsed_us = 0, retry_after_s = 0;
	long status = 0, connects = 1;
	time_t at;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(call->easy, CURLINFO_TOTAL_TIME_T, &elapsed_us);
	curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &connects);
	curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
	at = date.p ? curl_getdate(date.p, NULL) : -1;
	reply->status = (int)status;
	reply->elapsed_us = elapsed_us;
	reply->reused_connection = connects == 0 && call->tries > 0;
	reply->server_wall_ms = at < 0 ? -1 : (int64_t)at * 1000;
	if (retry_after_s > 0)
		reply->retry_after_ms =
			(unsigned)(retry_after_s > MAX_RETRY_AFTER_S ? MAX_RETRY_AFTER_S
								     : retry_after_s) *
			1000;
}

static void finish(struct osy_http_call *call, CURLcode curl)
{
	struct osy_http *http = call->http;
	struct osy_http_reply reply = {.call_ = call};

	detach(call);
	fill_facts(&reply, call);
	if (curl == CURLE_OK && cut_off(&reply)) {
		snprintf(call->text, sizeof(call->text), "%s", cut_off(&reply));
		curl = CURLE_PARTIAL_FILE;
	}
	if (curl != CURLE_OK)
		fill_error(&reply, call, curl);
	reply.body = call->reply_body;
	call->reply_body = OSY_BUF(0);
	call->done(&reply, call->arg);
	osy_buf_done(&reply.body);
	if (call != http->last_run)
		call_free(call);
}

static size_t deliver(struct osy_http *http)
{
	size_t count = 0;
	int running, left;
	CURLMsg *msg;

	OSY_ASSERT(curl_multi_perform(http->multi, &running) == CURLM_OK);
	while ((msg = curl_multi_info_read(http->multi, &left))) {
		CURLcode curl = msg->data.result;
		char *call;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &call);
		finish((struct osy_http_call *)call, curl);
		count++;
	}
	return count;
}

void osy_http_poll(struct osy_http *http, unsigned timeout_ms, const int *fds, size_t fd_count,
	bool *ret_readable)
{
	struct curl_waitfd waits[16];

	OSY_ASSERT(http->magic == HTTP_MAGIC && fd_count <= OSY_COUNT(waits));
	for (size_t i = 0; i < fd_count; i++)
		waits[i] = (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
	if (deliver(http) > 0)
		timeout_ms = 0;
	curl_multi_poll(http->multi, waits, (unsigned)fd_count, (int)timeout_ms, NULL);
	for (size_t i = 0; ret_readable && i < fd_count; i++)
		ret_readable[i] = waits[i].revents != 0;
	deliver(http);
}

/* ---- On the spot ---- */

struct on_the_spot {
	struct osy_http_reply *reply;
	bool done;
};

static void on_run_done(struct osy_http_reply *reply, void *arg)
{
	struct on_the_spot *spot = arg;
	struct osy_http *http = reply->call_->http;

	*spot->reply = *reply;
	reply->body = OSY_BUF(0);
	call_free(http->last_run);
	http->last_run = reply->call_;
	spot->done = true;
}

enum osy_code osy_http_run(struct osy_http *http, const struct osy_http_request *request,
	struct osy_http_reply *reply, struct osy_err *err)
{
	struct on_the_spot spot = {reply, false};
	enum osy_code rc;

	*reply = (struct osy_http_reply){.body = OSY_BUF(0), .server_wall_ms = -1};
	rc = osy_http_start(http, request, on_run_done, &spot, NULL, err);
	if (rc) {
		reply->code = rc;
		reply->err = *err;
		return rc;
	}
	while (!spot.done)
		osy_http_poll(http, 1000, NULL, 0, NULL);
	if (reply->code)
		*err = reply->err;
	return reply->code;
}
