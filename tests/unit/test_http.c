/* common/io/http.c against a server of threads that answers, or fails, as the path says. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "http_internal.h"
#include "osy/clock.h"
#include "osy/mem.h"

/* ---- The server ---- */

static int listener;
static int port;
static atomic_int connections;
static atomic_int seen;	     /* whole requests, all paths */
static atomic_int seen_dead; /* whole requests of /silent, /reset and /cut */
static atomic_size_t last_body;
static atomic_ullong last_hash; /* of the last body */
static char last_head[8192];

static void say(int fd, const char *text)
{
	ssize_t n = send(fd, text, strlen(text), MSG_NOSIGNAL);

	(void)n;
}

static void say_ok(int fd, const char *headers, const char *body)
{
	char text[2048];

	snprintf(text, sizeof(text),
		"HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 17:03:05 GMT\r\n%sContent-Length: "
		"%zu\r\n\r\n%s",
		headers, strlen(body), body);
	say(fd, text);
}

/* printf hello-hello | gzip -n */
static const char gzipped[] =
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\xd7\xcd\x00\x91\x00\x9e\xb5"
	"\xb3\xbd\x0b\x00\x00\x00";

static void say_big(int fd)
{
	char block[4096];

	memset(block, 'x', sizeof(block));
	say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 4096000\r\n\r\n");
	for (int i = 0; i < 1000; i++)
		if (send(fd, block, sizeof(block), MSG_NOSIGNAL) < 0)
			return;
}

/* Rows that gzip makes a fourth of, then what it makes a thousandth of. */
#define ROWS_COMMAND "{ seq 1000000 1300000; head -c 5000000 /dev/zero; }"
static struct osy_buf rows, zipped_rows;

static void read_from(const char *command, struct osy_buf *out)
{
	FILE *from = popen(command, "r");
	size_t n;

	*out = OSY_BUF(64 << 20);
	do {
		n = fread(osy_buf_room(out, 65536), 1, 65536, from);
		osy_buf_end(out, n);
	} while (n > 0);
	pclose(from);
}

static void send_all(int fd, const char *p, size_t left)
{
	ssize_t n = 1;

	for (; left > 0 && n > 0; p += n, left -= (size_t)n)
		n = send(fd, p, left, MSG_NOSIGNAL);
}

/* "/rows": with its length; "/rows-chunked"; "/rows-cut": half of it; "/rows-mute": half of it,
 * then nothing more until the client is gone. */
static bool say_rows(int fd, const char *path)
{
	const bool chunked = strcmp(path, "/rows-chunked") == 0, whole = chunked || !path[5];
	const size_t len = whole ? zipped_rows.len : zipped_rows.len / 2;
	char text[256];

	snprintf(text, sizeof(text),
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nSforce-Locator: "
		"MTAw\r\n%s%zu\r\n\r\n",
		chunked ? "Transfer-Encoding: chunked\r\nX-Size: " : "Content-Length: ",
		zipped_rows.len);
	say(fd, text);
	for (size_t at = 0, n; at < len; at += n) {
		n = len - at < 50000 ? len - at : 50000;
		snprintf(text, sizeof(text), "%zx\r\n", n);
		say(fd, chunked ? text : "");
		send_all(fd, zipped_rows.p + at, n);
		say(fd, chunked ? "\r\n" : "");
	}
	say(fd, chunked ? "0\r\n\r\n" : "");
	if (strcmp(path, "/rows-mute") == 0)
		(void)!recv(fd, text, 1, 0);
	return whole;
}

/* False: the connection is closed. */
static bool answer(int fd, const char *path)
{
	struct linger hard = {1, 0};

	if (strncmp(path, "/silent", 7) == 0)
		return false;
	if (strncmp(path, "/reset", 6) == 0) {
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		return false;
	}
	if (strncmp(path, "/cut", 4) == 0) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
		return false;
	}
	if (strncmp(path, "/head-cut", 9) == 0) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Le");
		return false;
	}
	if (strncmp(path, "/endless", 8) == 0) {
		say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
		say(fd, strcmp(path, "/endless-json") == 0	 ? "{\"a\":[1,\"}\"]}\n"
			: strcmp(path, "/endless-json-cut") == 0 ? "{\"a\":[1,\"}\"]"
								 : "Id,Name\n1,a\n");
		return false;
	}
	if (strncmp(path, "/made", 5) == 0) {
		say(fd, "HTTP/1.1 201 Created\r\nConnection: close\r\n\r\n");
		return false;
	}
	if (strncmp(path, "/old", 4) == 0) {
		say(fd, "HTTP/1.0 200 OK\r\n\r\nold");
		return false;
	}
	if (strncmp(path, "/slow", 5) == 0) {
		sleep(60);
		return false;
	}
	if (strncmp(path, "/rows", 5) == 0)
		return say_rows(fd, path);
	if (strncmp(path, "/big", 4) == 0)
		say_big(fd);
	else if (strncmp(path, "/redirect", 9) == 0)
		say(fd, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
	else if (strncmp(path, "/busy", 5) == 0)
		say(fd, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno");
	else if (strncmp(path, "/garbled", 8) == 0)
		say_ok(fd, "Content-Encoding: gzip\r\n", "this is not gzip");
	else if (strncmp(path, "/gzip", 5) == 0) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 28\r\n\r\n");
		send(fd, gzipped, 28, MSG_NOSIGNAL);
	} else if (strncmp(path, "refuse", 6) == 0)
		say(fd, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
	else
		say_ok(fd, "X-Thing: one\r\nSforce-Limit-Info: api-usage=1/2\r\n", "fine");
	return true;
}

static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	static __thread char head[8192], rest[65536];

	for (bool open = true; open;) {
		size_t len = 0, body, got = 0;
		uint64_t hash = 0;
		char path[64] = "", *end = NULL, *length;

		while (!end && len < sizeof(head) - 1 && recv(fd, head + len, 1, 0) == 1) {
			head[++len] = '\0';
			if (len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0)
				end = head + len;
		}
		if (!end)
			break;
		length = strcasestr(head, "\r\nContent-Length:");
		body = length ? strtoul(length + 17, NULL, 10) : 0;
		sscanf(head, "%*s %63s", path);
		if (strncmp(path, "/early", 6) == 0) { /* hangs up while the body comes */
			struct linger hard = {1, 0};

			setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
			break;
		}
		while (got < body) {
			ssize_t n = recv(
				fd, rest, body - got < sizeof(rest) ? body - got : sizeof(rest), 0);

			if (n <= 0)
				break;
			for (ssize_t i = 0; i < n; i++)
				hash = hash * 31 + (unsigned char)rest[i];
			got += (size_t)n;
		}
		if (got < body)
			break;
		atomic_fetch_add(&seen, 1);
		if (strncmp(path, "/silent", 7) == 0 || strncmp(path, "/reset", 6) == 0 ||
			strncmp(path, "/cut", 4) == 0)
			atomic_fetch_add(&seen_dead, 1);
		last_body = body;
		last_hash = hash;
		memcpy(last_head, head, len + 1);
		open = answer(fd, strncmp(head, "CONNECT", 7) == 0 ? "refuse" : path);
	}
	close(fd);
	return NULL;
}

static void *accept_all(void *arg)
{
	(void)arg;
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;

		if (fd < 0)
			return NULL;
		atomic_fetch_add(&connections, 1);
		pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd);
		pthread_detach(thread);
	}
}

static int start_server(void **state)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	pthread_t thread;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	read_from(ROWS_COMMAND, &rows);
	read_from(ROWS_COMMAND " | gzip -n", &zipped_rows);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, len) || listen(listener, 200))
		return -1;
	getsockname(listener, (struct sockaddr *)&address, &len);
	port = ntohs(address.sin_port);
	pthread_create(&thread, NULL, accept_all, NULL);
	pthread_detach(thread);
	return 0;
}

/* ---- The client ---- */

static struct osy_http *http;
static struct osy_err err;

static int setup(void **state)
{
	(void)state;
	http = osy_http_new(8);
	seen = seen_dead = connections = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	http = osy_http_free(http);
	return 0;
}

static char url_text[256];

static struct osy_http_request request_of(const char *method, const char *path)
{
	snprintf(url_text, sizeof(url_text), "http://127.0.0.1:%d%s", port, path);
	return (struct osy_http_request){.method = method,
		.url = osy_str(url_text),
		.plain = true,
		.max_reply_bytes = 100000,
		.timeout_ms = 5000};
}

static enum osy_code run(
	const char *method, const char *path, struct osy_str body, struct osy_http_reply *reply)
{
	struct osy_http_request request = request_of(method, path);

	request.body = body;
	return osy_http_run(http, &request, reply, &err);
}

static enum osy_code run_only(const char *method, const char *path, struct osy_str body)
{
	struct osy_http_reply reply;
	enum osy_code code = run(method, path, body, &reply);

	osy_buf_done(&reply.body);
	return code;
}

static void test_reply(void **state)
{
	struct osy_http_header headers[] = {
		{"Authorization", OSY_STR("Bearer x")}, {"X-Empty", OSY_STR("")}};
	struct osy_http_request request = request_of("POST", "/ok?q=1");
	struct osy_http_reply reply;

	(void)state;
	request.headers = headers;
	request.header_count = 2;
	request.body = OSY_STR("{}");
	assert_int_equal(osy_http_run(http, &request, &reply, &err), OSY_OK);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.body.p, "fine");
	assert_int_equal(reply.server_wall_ms, 1795539785000);
	assert_true(
		osy_str_is(osy_http_reply_header(&reply, "sforce-limit-info"), "api-usage=1/2"));
	assert_null(osy_http_reply_header(&reply, "nope").p);
	assert_false(reply.reused_connection);
	assert_true(reply.elapsed_us > 0);
	osy_buf_done(&reply.body);
	assert_non_null(strstr(last_head, "POST /ok?q=1 HTTP/1.1\r\n"));
	assert_non_null(strstr(last_head, "Authorization: Bearer x\r\n"));
	assert_non_null(strstr(last_head, "X-Empty:\r\n"));
	assert_non_null(strstr(last_head, "Content-Length: 2\r\n"));
	assert_null(strstr(last_head, "Content-Type"));
	assert_null(strstr(last_head, "Expect"));
	assert_null(strstr(last_head, "chunked"));
	assert_int_equal(last_body, 2);
	assert_int_equal(run("GET", "/ok", OSY_STR_NULL, &reply), OSY_OK);
	assert_true(reply.reused_connection);
	osy_buf_done(&reply.body);
	assert_int_equal(connections, 1);
}

static void test_methods(void **state)
{
	const char *methods[] = {"POST", "PUT", "PATCH", "DELETE", "HEAD", "GET"};
	char start[32];

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(methods); i++) {
		assert_int_equal(run_only(methods[i], "/ok", OSY_STR_NULL), OSY_OK);
		snprintf(start, sizeof(start), "%s /ok HTTP/1.1\r\n", methods[i]);
		assert_int_equal(strncmp(last_head, start, strlen(start)), 0);
		assert_int_equal(strstr(last_head, "Content-Length: 0\r\n") != NULL, i < 3);
	}
	assert_int_equal(run_only("DELETE", "/ok", OSY_STR("abc")), OSY_OK);
	assert_int_equal(last_body, 3);
	assert_int_equal(connections, 1);
}

static void test_statuses(void **state)
{
	struct osy_http_reply reply;

	(void)state;
	assert_int_equal(run("GET", "/busy", OSY_STR_NULL, &reply), OSY_OK);
	assert_int_equal(reply.status, 503);
	assert_int_equal(reply.retry_after_ms, 7000);
	assert_int_equal(reply.server_wall_ms, -1);
	assert_string_equal(reply.body.p, "no");
	osy_buf_done(&reply.body);
	assert_int_equal(run("GET", "/redirect", OSY_STR_NULL, &reply), OSY_OK);
	assert_int_equal(reply.status, 302);
	assert_true(osy_str_is(osy_http_reply_header(&reply, "Location"), "/ok"));
	osy_buf_done(&reply.body);
	assert_int_equal(seen, 2);
}

static void test_gzip(void **state)
{
	struct osy_http_request request = request_of("GET", "/gzip");
	struct osy_http_reply reply;

	(void)state;
	request.gzip = true;
	assert_int_equal(osy_http_run(http, &request, &reply, &err), OSY_OK);
	assert_string_equal(reply.body.p, "hello-hello");
	osy_buf_done(&reply.body);
	assert_non_null(strstr(last_head, "Accept-Encoding: gzip\r\n"));
	request = request_of("GET", "/garbled");
	request.gzip = true;
	assert_int_equal(osy_http_run(http, &request, &reply, &err), OSY_E_NO_REPLY);
	osy_buf_done(&reply.body);
}

/*
 * The trap: a request on a kept connection that dies without a reply. The server has it whole,
 * once, and the caller hears NO_REPLY; a GET may be repeated.
 */
static void once(const char *method, const char *path, size_t size)
{
	OSY_AUTO_FREE char *body = osy_xcalloc(1, size + 1);
	int before = seen_dead;

	memset(body, 'b', size);
	assert_int_equal(run_only("GET", "/ok", OSY_STR_NULL), OSY_OK);
	for (int i = 0; i < 2; i++) { /* reused, then fresh */
		assert_int_equal(run_only(method, path,
					 (struct osy_str){size == SIZE_MAX ? NULL : body, size}),
			OSY_E_NO_REPLY);
		assert_int_equal(err.cls, OSY_RETRY);
		usleep(30000);
		assert_int_equal(seen_dead, before + i + 1);
		assert_int_equal(last_body, size);
	}
}

static void test_sent_once(void **state)
{
	const size_t sizes[] = {0, 10, 300000};
	const char *methods[] = {"POST", "PATCH", "PUT", "DELETE"};
	const char *paths[] = {"/silent", "/reset", "/cut"};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(sizes); i++)
		for (size_t j = 0; j < OSY_COUNT(methods); j++)
			for (size_t k = 0; k < OSY_COUNT(paths); k++)
				once(methods[j], paths[k], sizes[i]);
}

static void test_sent_once_without_body(void **state)
{
	const char *methods[] = {"DELETE", "POST", "PATCH"};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(methods); i++) {
		int before;

		assert_int_equal(run_only("GET", "/ok", OSY_STR_NULL), OSY_OK);
		before = seen_dead;
		assert_int_equal(run_only(methods[i], "/silent", OSY_STR_NULL), OSY_E_NO_REPLY);
		usleep(30000);
		assert_int_equal(seen_dead, before + 1);
	}
	/* curl's repetition is there, and left to a GET: this is what the others must not do */
	assert_int_equal(run_only("GET", "/ok", OSY_STR_NULL), OSY_OK);
	seen_dead = 0;
	assert_int_equal(run_only("GET", "/silent", OSY_STR_NULL), OSY_E_NO_REPLY);
	usleep(30000);
	assert_int_equal(seen_dead, 2);
}

static void test_no_reply(void **state)
{
	OSY_AUTO_FREE char *body = osy_xcalloc(1, 20000000);

	(void)state;
	memset(body, 'b', 20000000);
	assert_int_equal(run_only("POST", "/head-cut", OSY_STR("x")), OSY_E_NO_REPLY);
	assert_int_equal(run_only("GET", "/endless", OSY_STR_NULL), OSY_E_NO_REPLY);
	assert_int_equal(run_only("GET", "/endless-json-cut", OSY_STR_NULL), OSY_E_NO_REPLY);
	/* the id of what it has made is lost */
	assert_int_equal(run_only("POST", "/made", OSY_STR("x")), OSY_E_NO_REPLY);
	/* what is whole by itself */
	assert_int_equal(run_only("GET", "/endless-json", OSY_STR_NULL), OSY_OK);
	assert_int_equal(run_only("PUT", "/made", OSY_STR("x")), OSY_OK);
	assert_int_equal(run_only("GET", "/old", OSY_STR_NULL), OSY_OK);
	assert_int_equal(run_only("HEAD", "/old", OSY_STR_NULL), OSY_OK);
	assert_int_equal(
		run_only("POST", "/early", (struct osy_str){body, 20000000}), OSY_E_NO_REPLY);
	assert_int_equal(run_only("POST", "/ok", OSY_STR("x")), OSY_OK);
	assert_int_equal(
		run_only("POST", "/early", (struct osy_str){body, 20000000}), OSY_E_NO_REPLY);
}

static void test_time_out(void **state)
{
	struct osy_http_request request = request_of("POST", "/slow");
	struct osy_http_reply reply;
	int64_t start_ms = osy_mono_ms();

	(void)state;
	request.body = OSY_STR("x");
	request.timeout_ms = 300;
	assert_int_equal(osy_http_run(http, &request, &reply, &err), OSY_E_TIMEOUT);
	assert_in_range(osy_mono_ms() - start_ms, 290, 20000);
	assert_string_equal(err.origin, "curl:28");
	osy_buf_done(&reply.body);
}

static void test_too_big(void **state)
{
	(void)state;
	assert_int_equal(run_only("GET", "/big", OSY_STR_NULL), OSY_E_TOO_BIG);
	assert_int_equal(run_only("GET", "/ok", OSY_STR_NULL), OSY_OK);
}

static enum osy_code run_url(const char *url, bool plain)
{
	struct osy_http_request request = {.method = "POST",
		.url = osy_str(url),
		.body = OSY_STR("x"),
		.plain = plain,
		.timeout_ms = 8000};
	struct osy_http_reply reply;
	enum osy_code code = osy_http_run(http, &request, &reply, &err);

	osy_buf_done(&reply.body);
	return code;
}

static void test_unreachable(void **state)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char url[64], proxy[64];

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	getsockname(fd, (struct sockaddr *)&address, &len); /* nobody listens there */
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(address.sin_port));
	assert_int_equal(run_url(url, true), OSY_E_UNREACHABLE);
	assert_string_equal(err.origin, "curl:7");
	close(fd);
	assert_int_equal(run_url("https://no-such-host.invalid/", false), OSY_E_UNREACHABLE);
	assert_string_equal(err.origin, "curl:6");
	/* a TLS handshake that fails */
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/\r\n\r\n", port);
	url[strcspn(url, "\r")] = '\0';
	connections = 0;
	{
		struct osy_http_request request = {.method = "POST",
			.url = osy_str(url),
			.body = OSY_STR("x"),
			.timeout_ms = 700};
		struct osy_http_reply reply;

		assert_int_equal(osy_http_run(http, &request, &reply, &err), OSY_E_UNREACHABLE);
		osy_buf_done(&reply.body);
	}
	for (int i = 0; i < 1000 && connections == 0; i++)
		usleep(10000);
	assert_int_equal(connections, 1);
	assert_int_equal(seen, 0);
	/* a proxy that refuses */
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", port);
	setenv("https_proxy", proxy, 1);
	assert_int_equal(run_url("https://example.com/", false), OSY_E_UNREACHABLE);
	assert_int_equal(seen, 1);
	unsetenv("https_proxy");
}

static const struct {
	const char *address;
	bool is_public, is_loopback;
} addresses[] = {
	{"104.109.10.129", true, false},
	{"9.255.255.255", true, false},
	{"11.0.0.0", true, false},
	{"100.63.255.255", true, false},
	{"172.15.0.1", true, false},
	{"172.32.0.1", true, false},
	{"192.167.1.1", true, false},
	{"223.255.255.255", true, false},
	{"0.0.0.0", false, false},
	{"10.1.2.3", false, false},
	{"100.64.0.1", false, false},
	{"127.0.0.1", false, true},
	{"127.255.0.9", false, true},
	{"169.254.169.254", false, false},
	{"172.16.0.1", false, false},
	{"172.31.255.255", false, false},
	{"192.0.0.192", false, false},
	{"192.168.0.1", false, false},
	{"198.18.0.1", false, false},
	{"198.19.255.255", false, false},
	{"224.0.0.1", false, false},
	{"240.0.0.1", false, false},
	{"255.255.255.255", false, false},
	{"2a02:26f0::1", true, false},
	{"2606:4700::1", true, false},
	{"2001:4860::1", true, false},
	{"::", false, false},
	{"::1", false, true},
	{"::127.0.0.1", false, false},
	{"::ffff:127.0.0.1", false, true},
	{"::ffff:10.0.0.1", false, false},
	{"::ffff:169.254.169.254", false, false},
	{"::ffff:104.109.10.129", true, false},
	{"64:ff9b::a9fe:a9fe", false, false},
	{"64:ff9b::686d:a81", true, false},
	{"64:ff9b:1::1", false, false},
	{"2002:a00:1::1", false, false},
	{"2002:686d:a81::", true, false},
	{"2001::1", false, false},
	{"2001:db8::1", false, false},
	{"3fff:1::", false, false},
	{"fe80::1", false, false},
	{"febf::1", false, false},
	{"fec0::1", false, false},
	{"fc00::1", false, false},
	{"fd00:ec2::254", false, false},
	{"ff02::1", false, false},
};

static void test_public_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < OSY_COUNT(addresses); i++) {
		struct sockaddr_in v4 = {.sin_family = AF_INET};
		struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
		const char *text = addresses[i].address;
		const bool is_v4 = inet_pton(AF_INET, text, &v4.sin_addr) == 1;
		const struct sockaddr *address =
			is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6;

		assert_true(is_v4 || inet_pton(AF_INET6, text, &v6.sin6_addr) == 1);
		if (osy_http_may_reach(address, OSY_HTTP_PUBLIC) != addresses[i].is_public ||
			osy_http_may_reach(address, OSY_HTTP_LOOPBACK) != addresses[i].is_loopback)
			fail_msg("%s", text);
		assert_true(osy_http_may_reach(address, OSY_HTTP_ANYWHERE));
	}
	assert_false(osy_http_may_reach(&(struct sockaddr){.sa_family = AF_UNIX}, OSY_HTTP_PUBLIC));
}

static void run_reach(const char *url, enum osy_http_reach reach, bool plain)
{
	struct osy_http_request request = {.method = "GET",
		.url = osy_str(url),
		.reach = reach,
		.plain = plain,
		.timeout_ms = 2000};
	struct osy_http_reply reply;
	const enum osy_code ignored = osy_http_run(http, &request, &reply, &err);

	(void)ignored;
	osy_buf_done(&reply.body);
}

/* Names as well as addresses, however they are written; nothing is even connected. */
static void test_out_of_reach(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1",
		"127.1", "localhost", "org.localhost", "[::ffff:127.0.0.1]"};
	char url[96];

	(void)state;
	connections = 0;
	for (size_t i = 0; i < 2 * OSY_COUNT(hosts); i++) {
		snprintf(url, sizeof(url), "http%s://%s:%d/ok", i & 1 ? "s" : "", hosts[i / 2],
			port);
		run_reach(url, OSY_HTTP_PUBLIC, !(i & 1));
		assert_int_equal(err.code, OSY_E_UNREACHABLE);
		assert_string_equal(err.origin, "reach");
	}
	assert_int_equal(connections, 0);
	run_reach("http://169.254.169.254/", OSY_HTTP_LOOPBACK, true);
	assert_string_equal(err.origin, "reach");
	snprintf(url, sizeof(url), "http://localhost:%d/ok", port);
	err = OSY_ERR_NONE;
	run_reach(url, OSY_HTTP_LOOPBACK, true);
	assert_int_equal(err.code, OSY_OK);
}

/* A proxy may be anywhere; what it is left out for is looked at again. */
static void test_reach_over_a_proxy(void **state)
{
	static const struct {
		const char *exceptions, *host;
		bool over_proxy;
	} cases[] = {{"", "a.example", true}, {"a.example", "a.example", false},
		{".example", "a.example", false}, {"x, EXAMPLE", "a.example", false},
		{"*", "a.example", false}, {"le", "a.example", true},
		{"b.a.example", "a.example", true}};
	char proxy[64];

	(void)state;
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", port);
	setenv("https_proxy", proxy, 1);
	for (size_t i = 0; i < OSY_COUNT(cases); i++) {
		setenv("no_proxy", cases[i].exceptions, 1);
		assert_int_equal(
			osy_http_proxy(osy_str(cases[i].host)) != NULL, cases[i].over_proxy);
	}
	connections = 0;
	setenv("no_proxy", "", 1);
	run_reach("https://org.localhost/", OSY_HTTP_PUBLIC, false);
	assert_int_equal(connections, 1);
	setenv("no_proxy", "localhost", 1);
	run_reach("https://org.localhost/", OSY_HTTP_PUBLIC, false);
	assert_string_equal(err.origin, "reach");
	assert_int_equal(connections, 1);
	unsetenv("https_proxy");
	unsetenv("no_proxy");
}

static void test_refused_requests(void **state)
{
	const char *bad[] = {"ftp://127.0.0.1/", "http:///", "file:///etc/passwd", "https://a b/",
		"", "http://[::1/"};
	struct osy_http_header split = {"X", OSY_STR("a\r\nEvil: b")},
			       unnamed = {"A B", OSY_STR("x")};
	struct osy_http_request request = request_of("GET", "/ok");
	struct osy_http_reply reply;

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(bad); i++)
		assert_int_equal(run_url(bad[i], true), OSY_E_INVALID);
	assert_int_equal(run_url("http://127.0.0.1/", false), OSY_E_INVALID);
	assert_int_equal(run_url("https://user:pa55@127.0.0.1/", false), OSY_E_INVALID);
	assert_null(strstr(err.msg, "pa55"));
	request.headers = &split;
	request.header_count = 1;
	assert_int_equal(osy_http_run(http, &request, &reply, &err), OSY_E_INVALID);
	request.headers = &unnamed;
	assert_int_equal(osy_http_run(http, &request, &reply, &err), OSY_E_INVALID);
	assert_int_equal(osy_http_in_flight(http), 0);
	assert_int_equal(seen, 0);
}

/* ---- In flight together ---- */

static int finished;

static void count_done(struct osy_http_reply *reply, void *arg)
{
	(void)arg;
	assert_int_equal(reply->status, 200);
	finished++;
}

static void test_many(void **state)
{
	struct osy_http_request request = request_of("POST", "/ok");
	int64_t start_us = osy_mono_us();

	(void)state;
	osy_http_free(http);
	http = osy_http_new(50);
	request.body = OSY_STR("body");
	for (int round = 0; round < 20; round++) {
		finished = 0;
		for (int i = 0; i < 50; i++)
			assert_int_equal(
				osy_http_start(http, &request, count_done, NULL, NULL, &err),
				OSY_OK);
		assert_int_equal(osy_http_in_flight(http), 50);
		while (osy_http_in_flight(http) > 0)
			osy_http_poll(http, 1000, NULL, 0, NULL);
		assert_int_equal(finished, 50);
	}
	assert_int_equal(seen, 1000);
	print_message("1,000 requests, 50 at a time: %ld us each, %d connections\n",
		(long)((osy_mono_us() - start_us) / 1000), connections);
}

static struct osy_http_call *victim;

static void nested(struct osy_http_reply *reply, void *arg)
{
	struct osy_http_request request = request_of("GET", "/ok");

	(void)arg;
	assert_int_equal(reply->status, 200);
	osy_http_cancel(victim);
	assert_int_equal(run_only("GET", "/ok", OSY_STR_NULL), OSY_OK);
	assert_int_equal(osy_http_start(http, &request, count_done, NULL, NULL, &err), OSY_OK);
}

static void never(struct osy_http_reply *reply, void *arg)
{
	(void)reply;
	(void)arg;
	fail_msg("the callback of a cancelled call was called");
}

static void test_cancel_and_nest(void **state)
{
	struct osy_http_request request = request_of("GET", "/slow");

	(void)state;
	assert_int_equal(osy_http_start(http, &request, never, NULL, &victim, &err), OSY_OK);
	request = request_of("GET", "/ok");
	assert_int_equal(osy_http_start(http, &request, nested, NULL, NULL, &err), OSY_OK);
	finished = 0;
	while (osy_http_in_flight(http) > 0)
		osy_http_poll(http, 1000, NULL, 0, NULL);
	assert_int_equal(finished, 1);
	request = request_of("GET", "/slow");
	assert_int_equal(osy_http_start(http, &request, never, NULL, NULL, &err), OSY_OK);
	osy_http_poll(http, 50, NULL, 0, NULL); /* freed with it in flight */
}

static void *wake_soon(void *arg)
{
	usleep(50000);
	osy_http_wakeup(arg);
	return NULL;
}

static void test_wait(void **state)
{
	int64_t start_ms = osy_mono_ms();
	bool readable[2];
	int fds[2], pair[2];
	pthread_t thread;

	(void)state;
	assert_int_equal(pipe(pair), 0);
	fds[0] = fds[1] = pair[0];
	osy_http_poll(http, 30, fds, 2, readable);
	assert_false(readable[0] || readable[1]);
	assert_in_range(osy_mono_ms() - start_ms, 25, 10000);
	assert_int_equal(write(pair[1], "x", 1), 1);
	start_ms = osy_mono_ms();
	osy_http_poll(http, 60000, fds, 2, readable);
	assert_true(readable[0] && readable[1]);
	assert_in_range(osy_mono_ms() - start_ms, 0, 20000);
	pthread_create(&thread, NULL, wake_soon, http);
	osy_http_poll(http, 60000, NULL, 0, NULL);
	assert_in_range(osy_mono_ms() - start_ms, 40, 40000);
	pthread_join(thread, NULL);
	close(pair[0]);
	close(pair[1]);
}

/* ---- Bodies out of files ---- */

#define FILE_BYTES 20000000

/* A file of that size, without a name; its hash as the server makes it. */
static int file_of(size_t size, uint64_t *ret_hash)
{
	OSY_AUTO_FREE char *text = osy_xmalloc(size);
	FILE *file = tmpfile();
	int fd;

	*ret_hash = 0;
	for (size_t i = 0; i < size; i++) {
		text[i] = (char)(i * 7 + i / 1000);
		*ret_hash = *ret_hash * 31 + (unsigned char)text[i];
	}
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, size, file), size);
	assert_int_equal(fflush(file), 0);
	fd = dup(fileno(file));
	fclose(file);
	return fd;
}

static enum osy_code run_file(const char *method, const char *path, int fd, int64_t size)
{
	struct osy_http_request request = request_of(method, path);
	struct osy_http_reply reply;
	enum osy_code code;

	request.body_fd = fd;
	request.body_size = size;
	code = osy_http_run(http, &request, &reply, &err);
	osy_buf_done(&reply.body);
	return code;
}

static void test_body_from_file(void **state)
{
	uint64_t hash;
	int fd = file_of(FILE_BYTES, &hash);

	(void)state;
	for (int i = 0; i < 2; i++) { /* its position does not matter */
		assert_int_equal(run_file("PUT", "/ok", fd, FILE_BYTES), OSY_OK);
		assert_int_equal(last_body, FILE_BYTES);
		assert_true(last_hash == hash);
		assert_non_null(strstr(last_head, "Content-Length: 20000000\r\n"));
		assert_null(strstr(last_head, "chunked"));
	}
	assert_int_equal(run_file("PUT", "/ok", fd, 10), OSY_OK);
	assert_int_equal(last_body, 10);
	assert_int_equal(seen, 3);
	close(fd);
}

static void test_file_is_sent_once(void **state)
{
	const char *paths[] = {"/silent", "/reset", "/cut"};
	uint64_t hash;
	int fd = file_of(300000, &hash);

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(paths) * 2; i++) { /* reused, then fresh */
		if (i % 2 == 0)
			assert_int_equal(run_only("GET", "/ok", OSY_STR_NULL), OSY_OK);
		assert_int_equal(run_file("PUT", paths[i / 2], fd, 300000), OSY_E_NO_REPLY);
		usleep(30000);
		assert_int_equal(seen_dead, i + 1);
		assert_true(last_hash == hash);
	}
	seen = 0;
	assert_int_equal(run_file("PUT", "/ok", fd, 300001), OSY_E_NO_REPLY);
	assert_non_null(strstr(err.msg, "cannot be read from its file"));
	assert_int_equal(run_file("PUT", "/ok", -1, 10), OSY_E_NO_REPLY);
	assert_int_equal(seen, 0);
	assert_int_equal(run_file("PUT", "/ok", fd, -1), OSY_E_INVALID);
	close(fd);
}

static int pieces_left;

static bool one_more(void *arg)
{
	(void)arg;
	return pieces_left-- > 0;
}

/* A body that may not go out any more reaches no server as a whole, and the caller knows that. */
static void test_withheld(void **state)
{
	uint64_t hash;
	int fd = file_of(300000, &hash);

	(void)state;
	seen = 0;
	for (int pieces = 0; pieces < 3; pieces++) {
		struct osy_http_request request = request_of("PUT", "/ok");
		struct osy_http_reply reply;
		request.body_fd = fd;
		request.body_size = 300000;
		request.may_send = one_more;
		pieces_left = pieces;
		assert_int_equal(osy_http_run(http, &request, &reply, &err), OSY_E_UNREACHABLE);
		assert_non_null(strstr(err.msg, "withheld"));
		osy_buf_done(&reply.body);
	}
	assert_int_equal(seen, 0);
	assert_int_equal(run_file("PUT", "/ok", fd, 300000), OSY_OK);
	assert_int_equal(seen, 1);
	close(fd);
}

/* ---- A body that is made as it goes ---- */

struct made {
	struct osy_http_call *call;
	size_t given, ends_at; /* ends_at: there it breaks off */
	unsigned asked, pauses;
	uint64_t hash;
	bool done;
	enum osy_code code;
};

static ssize_t make_piece(struct osy_http_call *call, char *out, size_t size, void *arg)
{
	struct made *made = arg;
	size_t n = size < 7000 ? size : 7000;

	made->call = call;
	if (made->given >= made->ends_at)
		return -1;
	if (made->asked++ % 3 == 2) {
		made->pauses++;
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		out[i] = (char)((made->given + i) * 7);
		made->hash = made->hash * 31 + (unsigned char)out[i];
	}
	made->given += n;
	return (ssize_t)n;
}

static void made_done(struct osy_http_reply *reply, void *arg)
{
	struct made *made = arg;

	made->done = true;
	made->code = reply->code;
}

static void send_made(struct made *made, int64_t size)
{
	struct osy_http_request request = request_of("POST", "/ok");

	request.read_body = make_piece;
	request.body_size = size;
	assert_int_equal(osy_http_start(http, &request, made_done, made, NULL, &err), OSY_OK);
	while (!made->done) {
		osy_http_poll(http, 5, NULL, 0, NULL);
		if (made->call && !made->done)
			osy_http_resume(made->call);
	}
}

static void test_made_body(void **state)
{
	struct made made = {.ends_at = SIZE_MAX}, broken = {.ends_at = 100000};

	(void)state;
	seen = 0;
	send_made(&made, 700000);
	assert_int_equal(made.code, OSY_OK);
	assert_true(made.pauses > 10);
	assert_int_equal(last_body, 700000);
	assert_true(last_hash == made.hash);
	assert_non_null(strstr(last_head, "Content-Length: 700000\r\n"));
	assert_int_equal(seen, 1);
	send_made(&broken, 700000);
	assert_int_equal(broken.code, OSY_E_UNREACHABLE); /* no server has the whole of it */
	assert_int_equal(seen, 1);
}

/* ---- Replies in pieces ---- */

struct stream {
	struct osy_http_call *call;
	struct osy_buf got;
	unsigned asked, pause_each; /* 0: never */
	bool paused, done;
	enum osy_code code;
	int status;
	size_t gathered;
	struct osy_err err;
};

static bool on_piece(struct osy_http_call *call, struct osy_str piece, void *arg)
{
	struct stream *stream = arg;

	assert_false(stream->done || stream->paused);
	assert_int_equal(osy_http_call_status(call), 200);
	assert_true(osy_str_is(osy_http_call_header(call, "sforce-locator"), "MTAw"));
	assert_null(osy_http_call_header(call, "nope").p);
	stream->asked++;
	if (stream->pause_each && stream->asked % stream->pause_each == 0) {
		stream->paused = true;
		return false;
	}
	osy_buf_add_str(&stream->got, piece);
	return true;
}

static void on_stream_done(struct osy_http_reply *reply, void *arg)
{
	struct stream *stream = arg;

	assert_false(stream->done);
	stream->done = true;
	stream->code = reply->code;
	stream->status = reply->status;
	stream->gathered = reply->body.len;
	if (reply->code)
		stream->err = reply->err;
}

static void start_stream(
	struct stream *stream, const char *path, unsigned pause_each, unsigned timeout_ms)
{
	struct osy_http_request request = request_of("GET", path);

	*stream = (struct stream){.got = OSY_BUF(64 << 20), .pause_each = pause_each};
	request.gzip = true;
	request.max_reply_bytes = 0;
	request.timeout_ms = timeout_ms;
	request.on_data = on_piece;
	assert_int_equal(
		osy_http_start(http, &request, on_stream_done, stream, &stream->call, &err),
		OSY_OK);
}

static void run_stream(struct stream *stream)
{
	while (!stream->done) {
		osy_http_poll(http, 1000, NULL, 0, NULL);
		if (!stream->paused)
			continue;
		stream->paused = false;
		osy_http_resume(stream->call);
		osy_http_resume(stream->call); /* once more is as good as once */
	}
}

static void check_rows(struct stream *stream)
{
	assert_int_equal(stream->code, OSY_OK);
	assert_int_equal(stream->gathered, 0);
	assert_true(osy_str_equal(osy_buf_str(&stream->got), osy_buf_str(&rows)));
	osy_buf_done(&stream->got);
}

static void test_stream(void **state)
{
	const char *paths[] = {"/rows", "/rows-chunked"};
	const unsigned each[] = {0, 1000, 7, 2};
	struct stream stream;

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(paths); i++)
		for (size_t j = 0; j < OSY_COUNT(each); j++) {
			start_stream(&stream, paths[i], each[j], 5000);
			run_stream(&stream);
			assert_true(stream.asked > rows.len / 16384);
			check_rows(&stream);
		}
}

/* A pause of more than its time is no silence, and others go on meanwhile. */
static void test_long_pause(void **state)
{
	struct stream slow, quick;
	int64_t start_ms;

	(void)state;
	start_stream(&slow, "/rows", 5, 1500);
	while (!slow.paused)
		osy_http_poll(http, 1000, NULL, 0, NULL);
	start_ms = osy_mono_ms();
	start_stream(&quick, "/rows-chunked", 50, 5000);
	run_stream(&quick);
	check_rows(&quick);
	while (osy_mono_ms() < start_ms + 3200)
		osy_http_poll(http, 50, NULL, 0, NULL);
	assert_int_equal(slow.asked, 5);
	slow.paused = false;
	osy_http_resume(slow.call);
	run_stream(&slow);
	check_rows(&slow);
}

static void test_stream_is_cut(void **state)
{
	struct stream stream;
	int64_t start_ms;

	(void)state;
	for (unsigned each = 0; each <= 3; each += 3) {
		start_stream(&stream, "/rows-cut", each, 5000);
		run_stream(&stream);
		assert_int_equal(stream.code, OSY_E_NO_REPLY);
		assert_true(stream.got.len > 100000);
		assert_memory_equal(stream.got.p, rows.p, stream.got.len);
		osy_buf_done(&stream.got);
	}
	start_ms = osy_mono_ms();
	start_stream(&stream, "/rows-mute", 0, 300);
	run_stream(&stream);
	assert_int_equal(stream.code, OSY_E_TIMEOUT);
	assert_string_equal(stream.err.origin, "curl:28");
	assert_in_range(osy_mono_ms() - start_ms, 290, 20000);
	osy_buf_done(&stream.got);
}

static void test_stream_gathers(void **state)
{
	struct osy_http_request request = request_of("GET", "/busy");
	struct stream stream = {.got = OSY_BUF(64 << 20)};

	(void)state;
	request.on_data = on_piece;
	assert_int_equal(
		osy_http_start(http, &request, on_stream_done, &stream, NULL, &err), OSY_OK);
	run_stream(&stream);
	assert_int_equal(stream.code, OSY_OK);
	assert_int_equal(stream.status, 503);
	assert_int_equal(stream.gathered, 2);
	assert_int_equal(stream.asked, 0);
	request = request_of("GET", "/rows");
	request.on_data = on_piece;
	request.gzip = true;
	stream.done = false;
	assert_int_equal(
		osy_http_start(http, &request, on_stream_done, &stream, NULL, &err), OSY_OK);
	run_stream(&stream);
	assert_int_equal(stream.code, OSY_E_TOO_BIG);
	assert_in_range(stream.got.len, 1, 100000);
	osy_buf_done(&stream.got);
}

static void test_stream_is_cancelled(void **state)
{
	struct stream stream;

	(void)state;
	for (int resumed = 0; resumed < 2; resumed++) {
		start_stream(&stream, "/rows", 3, 5000);
		while (!stream.paused)
			osy_http_poll(http, 1000, NULL, 0, NULL);
		if (resumed)
			osy_http_resume(stream.call);
		osy_http_cancel(stream.call);
		osy_buf_done(&stream.got);
		assert_int_equal(osy_http_in_flight(http), 0);
		assert_int_equal(run_only("GET", "/ok", OSY_STR_NULL), OSY_OK);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reply),
		TEST(test_methods),
		TEST(test_statuses),
		TEST(test_gzip),
		TEST(test_sent_once),
		TEST(test_sent_once_without_body),
		TEST(test_no_reply),
		TEST(test_time_out),
		TEST(test_too_big),
		TEST(test_unreachable),
		TEST(test_public_addresses),
		TEST(test_out_of_reach),
		TEST(test_reach_over_a_proxy),
		TEST(test_refused_requests),
		TEST(test_many),
		TEST(test_cancel_and_nest),
		TEST(test_wait),
		TEST(test_body_from_file),
		TEST(test_file_is_sent_once),
		TEST(test_withheld),
		TEST(test_made_body),
		TEST(test_stream),
		TEST(test_long_pause),
		TEST(test_stream_is_cut),
		TEST(test_stream_gathers),
		TEST(test_stream_is_cancelled),
	};

	return cmocka_run_group_tests(tests, start_server, NULL);
}
