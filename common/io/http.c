#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

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
#define BUFFER_BYTES (128 * 1024L)
/* What curl has read when a reply is paused it decodes to the end and keeps: that is up to a
 * thousand times as much. */
#define STREAM_BUFFER_BYTES (16 * 1024L)

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
	http->timeout_ms = DEFAULT_TIMEOUT_MS;
	return http;
}

void osy_http_set_timeout(struct osy_http *http, unsigned timeout_ms)
{
	http->timeout_ms = timeout_ms;
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

	OSY_ASSERT(curl_multi_remove_handle(http->multi, call->easy) == CURLM_OK);
	if (call->prev)
		call->prev->next = call->next;
	else
		http->calls = call->next;
	if (call->next)
		call->next->prev = call->prev;
	call->prev = call->next = NULL;
	http->in_flight--;
	http->streams -= call->silence_ms != 0;
	http->resumes -= call->resumes;
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
	int64_t left = call->body_size - call->body_sent;
	ssize_t n = (int64_t)(size * count) < left ? (ssize_t)(size * count) : (ssize_t)left;

	call->heard_ms = osy_mono_ms();
	if (n == 0)
		return 0;
	if (call->may_send && !call->may_send(call->arg)) {
		call->withheld = true;
		return CURL_READFUNC_ABORT;
	}
	if (call->read_body) {
		n = call->read_body(call, out, (size_t)n, call->arg);
		call->paused = n == 0;
		if (n == 0)
			return CURL_READFUNC_PAUSE;
		call->withheld = n < 0;
	} else if (call->body.p) {
		memcpy(out, call->body.p + call->body_sent, (size_t)n);
	} else {
		n = pread(call->body_fd, out, (size_t)n, call->body_sent);
	}
	if (n <= 0) {
		call->body_failed = true;
		return CURL_READFUNC_ABORT;
	}
	call->body_sent += n;
	if (n == left && call->on_body_sent) {
		call->on_body_sent(call->arg);
		call->on_body_sent = NULL;
	}
	return (size_t)n;
}

static size_t on_write(char *p, size_t size, size_t count, void *arg)
{
	struct osy_http_call *call = arg;
	const int status = osy_http_call_status(call);
	struct osy_err err;

	if (call->on_data && status >= 200 && status < 300)
		return osy_http_hand_out(call, (struct osy_str){p, size * count});
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

	call->heard_ms = osy_mono_ms();
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
	call->heard_ms = osy_mono_ms();
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

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct osy_http_call *call = arg;

	(void)purpose;
	if (!call->over_proxy && !osy_http_may_reach(&address->addr, call->reach)) {
		call->out_of_reach = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
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
	bool sends = request->body.p || request->body_size > 0 || strcmp(method, "POST") == 0 ||
		     strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;

	call->is_put = strcmp(method, "PUT") == 0;
	call->safe = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	if (strcmp(method, "HEAD") == 0) {
		call->no_reply_body = true;
		SET(CURLOPT_NOBODY, 1L);
		return;
	}
	if (sends) {
		call->body = request->body;
		call->body_fd = request->body_fd;
		call->body_size = request->body.p ? (int64_t)request->body.len : request->body_size;
		call->read_body = request->read_body;
		call->on_body_sent = request->on_body_sent;
		call->may_send = request->may_send;
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_size);
		SET(CURLOPT_READFUNCTION, on_read);
		SET(CURLOPT_READDATA, call);
		SET(CURLOPT_UPLOAD_BUFFERSIZE, 64 * 1024L);
	}
	SET(CURLOPT_CUSTOMREQUEST, method);
}

static void set_limits(struct osy_http_call *call, const struct osy_http_request *request)
{
	unsigned timeout_ms = request->timeout_ms ? request->timeout_ms : call->http->timeout_ms;

	SET(CURLOPT_NOSIGNAL, 1L);
	if (request->on_data ||
		request->read_body) /* curl's clock runs on in a pause: ours instead */
		call->silence_ms = timeout_ms;
	else
		SET(CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	SET(CURLOPT_MAXAGE_CONN, MAX_AGE_SECONDS);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_TCP_KEEPIDLE, 30L);
	SET(CURLOPT_TCP_KEEPINTVL, 10L);
	SET(CURLOPT_SOCKOPTFUNCTION, on_socket);
	SET(CURLOPT_BUFFERSIZE, request->on_data ? STREAM_BUFFER_BYTES : BUFFER_BYTES);
}

/* What curl would find itself; but so it is known whether a connection goes to the proxy. */
static void set_proxy(struct osy_http_call *call)
{
	const struct osy_str host = {call->where, strcspn(call->where, ":")};
	const char *proxy = osy_http_proxy(host);

	call->over_proxy = proxy != NULL;
	SET(CURLOPT_PROXY, proxy ? proxy : "");
	SET(CURLOPT_NOPROXY, "");
}

static void set_protocol(struct osy_http_call *call, const struct osy_http_request *request)
{
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_PROTOCOLS_STR, request->plain ? "http,https" : "https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	if (request->plain)
		SET(CURLOPT_PROXY, ""); /* plain means this machine: no proxy of the environment */
	else if (request->reach == OSY_HTTP_PUBLIC)
		set_proxy(call);
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
	SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	SET(CURLOPT_OPENSOCKETDATA, call);
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
	http->streams += call->silence_ms != 0;
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
	call->reach = request->reach;
	call->on_data = request->on_data;
	call->max_handed_out = request->max_reply_bytes;
	call->heard_ms = osy_mono_ms();
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

/* ---- The end of a call ---- */

static void finish(struct osy_http_call *call, CURLcode curl)
{
	struct osy_http *http = call->http;
	struct osy_http_reply reply = {.call_ = call};

	detach(call);
	osy_http_fill_reply(&reply, curl);
	reply.body = call->reply_body;
	call->reply_body = OSY_BUF(0);
	call->done(&reply, call->arg);
	osy_buf_done(&reply.body);
	if (call != http->last_run)
		call_free(call);
}

/* Calls that were resumed; one that fails has left the list, and others may have with it. */
static size_t go_on(struct osy_http *http)
{
	struct osy_http_call *call = http->calls;
	size_t count = 0;

	while (http->resumes > 0 && call) {
		CURLcode curl;

		if (!call->resumes) {
			call = call->next;
			continue;
		}
		count++;
		curl = osy_http_go_on(call);
		if (curl != CURLE_OK)
			finish(call, curl);
		call = curl == CURLE_OK ? call->next : http->calls;
	}
	return count;
}

static size_t end_silent(struct osy_http *http)
{
	struct osy_http_call *call = http->streams > 0 ? http->calls : NULL;
	size_t count = 0;

	while (call) {
		if (osy_http_silence_left(call) > 0) {
			call = call->next;
			continue;
		}
		snprintf(
			call->text, sizeof(call->text), "nothing came for %u ms", call->silence_ms);
		finish(call, CURLE_OPERATION_TIMEDOUT);
		count++;
		call = http->calls;
	}
	return count;
}

static unsigned until_silent(const struct osy_http *http, unsigned timeout_ms)
{
	const struct osy_http_call *call = http->streams > 0 ? http->calls : NULL;

	for (; call; call = call->next) {
		const int64_t left_ms = osy_http_silence_left(call);

		if (left_ms < timeout_ms)
			timeout_ms = left_ms > 0 ? (unsigned)left_ms : 0;
	}
	return timeout_ms;
}

static size_t deliver(struct osy_http *http)
{
	size_t count = go_on(http);
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
	return count + end_silent(http);
}

void osy_http_poll(struct osy_http *http, unsigned timeout_ms, const int *fds, size_t fd_count,
	bool *ret_readable)
{
	struct curl_waitfd waits[16];

	OSY_ASSERT(http->magic == HTTP_MAGIC && fd_count <= OSY_COUNT(waits));
	for (size_t i = 0; i < fd_count; i++)
		waits[i] = (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
	if (deliver(http) > 0 || http->resumes > 0)
		timeout_ms = 0;
	timeout_ms = until_silent(http, timeout_ms);
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

	OSY_ASSERT(!request->on_data); /* it would be called with an argument of ours */
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
