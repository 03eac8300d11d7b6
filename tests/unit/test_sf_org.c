/* common/salesforce/sf_org.c and sf_login.c against a small org of threads that answers as the path
 * says. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "osy/clock.h"
#include "osy/mem.h"
#include "osy/sf_bulk.h"
#include "osy/sf_describe.h"
#include "osy/sf_org.h"
#include "osy/sf_query.h"

/* ---- The org ---- */

enum login_mode {
	LOGIN_OK,
	LOGIN_REFUSED,
	LOGIN_HTML,
	LOGIN_TEXT,
	LOGIN_CUT,
	LOGIN_RATE,
	LOGIN_500,
	LOGIN_EVIL,
	LOGIN_NO_TOKEN
};

static struct {
	pthread_mutex_t lock;
	int listener, port;
	enum login_mode mode;
	unsigned hidden; /* of Organization: 1 its name, 2 all of it */
	unsigned login_delay_ms, logins, calls, valid; /* valid: the token's number; 0: none is */
	char form[16384], head[32768], body[65536];
	const char *refresh; /* a rotated refresh token */
} org_side = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void say(int fd, const char *text)
{
	const ssize_t n = send(fd, text, strlen(text), MSG_NOSIGNAL);
	(void)n;
}

static void answer(int fd, int status, const char *headers, const char *body)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1u << 20);

	osy_buf_addf(&out, "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n%s", status, headers,
		strlen(body), body);
	say(fd, out.p);
}

#define JSON "Content-Type: application/json;charset=UTF-8\r\n"
#define HTML "Content-Type: text/html; charset=UTF-8\r\n"

static bool answer_login(int fd)
{
	char body[1024];
	unsigned number;

	pthread_mutex_lock(&org_side.lock);
	org_side.logins++;
	memcpy(org_side.form, org_side.body, sizeof(org_side.form));
	const enum login_mode mode = org_side.mode;
	const unsigned delay_ms = org_side.login_delay_ms;
	pthread_mutex_unlock(&org_side.lock);
	usleep(delay_ms * 1000);
	pthread_mutex_lock(&org_side.lock);
	if (mode == LOGIN_OK || mode == LOGIN_TEXT)
		org_side.valid = org_side.logins;
	number = org_side.valid;
	snprintf(body, sizeof(body),
		"{\"issued_at\":\"1278448832702\",\"token_type\":\"Bearer\",\"access_token\":"
		"\"00D000000000001!tok%u\","
		"\"id\":\"https://login.salesforce.com/id/00Dx0000000BV7zEAG/"
		"005x00000012Q9PAAU\"%s%s%s,"
		"\"instance_url\":\"http://127.0.0.1:%d\"}",
		number, org_side.refresh ? ",\"refresh_token\":\"" : "",
		org_side.refresh ? org_side.refresh : "", org_side.refresh ? "\"" : "",
		org_side.port);
	pthread_mutex_unlock(&org_side.lock);
	if (mode == LOGIN_OK)
		answer(fd, 200, JSON "Date: Tue, 24 Nov 2026 17:03:05 GMT\r\n", body);
	else if (mode == LOGIN_TEXT)
		answer(fd, 200, "Content-Type: text/plain\r\n", body);
	else if (mode == LOGIN_REFUSED)
		answer(fd, 400, JSON,
			"{\"error\":\"invalid_grant\",\"error_description\":\"audience is "
			"invalid\"}");
	else if (mode == LOGIN_HTML)
		answer(fd, 200, HTML, "<html>maintenance</html>");
	else if (mode == LOGIN_RATE)
		answer(fd, 400, JSON,
			"{\"error\":\"invalid_grant\",\"error_description\":\"login rate "
			"exceeded\"}");
	else if (mode == LOGIN_500)
		answer(fd, 500, JSON, "{\"error\":\"server_error\",\"error_description\":\"x\"}");
	else if (mode == LOGIN_EVIL)
		answer(fd, 200, JSON,
			"{\"access_token\":\"t\",\"instance_url\":\"http://evil.example\"}");
	else if (mode == LOGIN_NO_TOKEN)
		answer(fd, 200, JSON, "{\"instance_url\":\"https://a.example\"}");
	else
		say(fd, "HTTP/1.1 200 OK\r\n" JSON
			"Content-Length: 500\r\n\r\n{\"access_token\":\"00D");
	return mode != LOGIN_CUT;
}

#define LONG64 "0123456789012345678901234567890123456789012345678901234567890123"
#define LONG LONG64 LONG64 LONG64 LONG64

static const struct {
	const char *path;
	int status;
	const char *headers, *body;
} replies[] = {
	{"/ok", 200,
		JSON
		"Sforce-Limit-Info: per-app-api-usage=17/250(appName=x), api-usage=18/5000\r\n",
		"{\"a\":1}"},
	{"/empty", 204, "", ""},
	{"/many", 300, JSON, "[\"/services/data/v60.0/sobjects/A/1\"]"},
	{"/bad", 400, JSON,
		"[{\"message\":\"\\nSELECT x\\n ^\\nERROR\",\"errorCode\":\"MALFORMED_QUERY\"}]"},
	{"/locked", 400, JSON, "[{\"message\":\"m\",\"errorCode\":\"UNABLE_TO_LOCK_ROW\"}]"},
	{"/sobjects/Nope/describe", 404, JSON,
		"[{\"errorCode\":\"NOT_FOUND\",\"message\":\"The requested resource does not "
		"exist\"}]"},
	{"/html503", 503, HTML "Retry-After: 3\r\n", "<html>Down</html>"},
	{"/html200", 200, HTML, "<html>Down</html>"},
	{"/html404", 404, HTML, "<html>?</html>"},
	{"/plain404", 404, "", ""},
	{"/text400", 400, "Content-Type: text/plain; charset=utf-8\r\n",
		"\n[{\"message\":\"m\",\"errorCode\":\"UNABLE_TO_LOCK_ROW\"}]"},
	{"/next", 200, "Content-Type: text/csv\r\nSforce-Locator: MTAwMDA\r\n", "\"Id\"\n"},
	{"/far", 200, "Content-Type: text/csv\r\nSforce-Locator: " LONG LONG "\r\n", "\"Id\"\n"},
	{"/csv", 200, "Content-Type: text/csv\r\nSforce-Locator: null\r\n", "\"Id\"\n\"1\"\n"},
	{"/uri", 414, HTML, "<html>URI Too Long</html>"},
	{"/moved", 302, "Location: https://maintenance.example/\r\n", ""},
	{"/err500", 500, JSON,
		"[{\"errorCode\":\"UNKNOWN_EXCEPTION\",\"message\":\"ErrorId: 1\"}]"},
	{"/err503", 503, JSON, "[{\"errorCode\":\"SERVER_UNAVAILABLE\",\"message\":\"busy\"}]"},
	{"/daily", 403, JSON,
		"[{\"message\":\"TotalRequests Limit "
		"exceeded.\",\"errorCode\":\"REQUEST_LIMIT_EXCEEDED\"}]"},
	{"/concurrent", 403, JSON,
		"[{\"errorCode\":\"REQUEST_LIMIT_EXCEEDED\",\"message\":\"ConcurrentRequests "
		"(Concurrent API Requests) "
		"Limit exceeded.\"}]"},
	{"/429", 429, "Retry-After: 7\r\n", ""},
	{"/edge", 420, HTML, "<html></html>"},
	{"/garbage", 400, JSON, "[{\"errorCo"},
	{"/always401", 401, JSON,
		"[{\"message\":\"Session expired or "
		"invalid\",\"errorCode\":\"INVALID_SESSION_ID\"}]"},
	{"/userinfo", 200, JSON,
		"{\"user_id\":\"005x00000012Q9P\",\"organization_id\":\"00Dx0000000BV7z\"}"},
};

static bool answer_call(int fd, const char *path)
{
	char bearer[64];

	pthread_mutex_lock(&org_side.lock);
	org_side.calls++;
	snprintf(bearer, sizeof(bearer), "Authorization: Bearer 00D000000000001!tok%u\r\n",
		org_side.valid);
	const bool welcome = org_side.valid && strstr(org_side.head, bearer);
	pthread_mutex_unlock(&org_side.lock);
	if (!welcome) {
		answer(fd, 401, JSON,
			"[{\"message\":\"Session expired or "
			"invalid\",\"errorCode\":\"INVALID_SESSION_ID\"}]");
		return true;
	}
	if (strstr(path, "/cut")) {
		say(fd, "HTTP/1.1 200 OK\r\n" JSON "Content-Length: 100\r\n\r\n[{\"id\"");
		return false;
	}
	if (strstr(path, "/hangup"))
		return false;
	if (strstr(path, "/slow"))
		usleep(1500000);
	if (org_side.hidden && strstr(path, "Organization")) {
		if (strstr(path, "Name") || org_side.hidden > 1)
			answer(fd, 400, JSON,
				"[{\"errorCode\":\"INVALID_FIELD\",\"message\":\"No such "
				"column\"}]");
		else
			answer(fd, 200, JSON,
				"{\"records\":[{\"Id\":\"00Dx0000000BV7z\"}],\"done\":true}");
		return true;
	}
	if (strstr(path, "query?q=SELECT%20Id%2C%20Name")) {
		answer(fd, 200, JSON,
			"{\"totalSize\":1,\"done\":true,\"records\":[{\"Id\":"
			"\"00Dx0000000BV7zEAG\",\"Name\":\"Acme\","
			"\"InstanceName\":\"NA1\",\"IsSandbox\":true,\"OrganizationType\":"
			"\"Developer Edition\"}]}");
		return true;
	}
	if (strstr(path, "query?q=page")) {
		answer(fd, 200, JSON,
			"{\"totalSize\":3,\"done\":false,\"nextRecordsUrl\":\"/services/data/v60.0/"
			"query/01g-2\","
			"\"records\":[{\"Id\":1},{\"Id\":2}]}");
		return true;
	}
	if (strstr(path, "query/01g-2")) {
		answer(fd, 200, JSON, "{\"totalSize\":3,\"done\":true,\"records\":[{\"Id\":3}]}");
		return true;
	}
	if (strstr(path, "/composite")) {
		answer(fd, 200, JSON,
			"{\"compositeResponse\":[{\"body\":{\"totalSize\":1,\"done\":true,"
			"\"records\":[{\"Id\":9}]},"
			"\"httpHeaders\":{},\"httpStatusCode\":200,\"referenceId\":\"p0\"}]}");
		return true;
	}
	for (size_t i = 0; i < OSY_COUNT(replies); i++) {
		if (strstr(path, replies[i].path)) {
			if (replies[i].status == 204)
				say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
			else
				answer(fd, replies[i].status, replies[i].headers, replies[i].body);
			return true;
		}
	}
	answer(fd, 404, JSON, "[{\"errorCode\":\"NOT_FOUND\",\"message\":\"x\"}]");
	return true;
}

static void *serve(void *arg)
{
	const int fd = (int)(intptr_t)arg;
	static __thread char head[32768], body[65536];

	for (bool open = true; open;) {
		size_t len = 0, got = 0;
		char path[1024] = "";
		while (len < sizeof(head) - 1 && recv(fd, head + len, 1, 0) == 1) {
			head[++len] = 0;
			if (len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0)
				break;
		}
		if (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0)
			break;
		const char *length = strcasestr(head, "\r\nContent-Length:");
		const size_t want = length ? strtoul(length + 17, NULL, 10) : 0;
		while (got < want && got < sizeof(body) - 1) {
			const ssize_t n = recv(fd, body + got, want - got, 0);
			if (n <= 0)
				break;
			got += (size_t)n;
		}
		body[got] = 0;
		sscanf(head, "%*s %1023s", path);
		pthread_mutex_lock(&org_side.lock);
		memcpy(org_side.head, head, sizeof(org_side.head));
		memcpy(org_side.body, body, sizeof(org_side.body));
		pthread_mutex_unlock(&org_side.lock);
		open = strstr(path, "/oauth2/token") ? answer_login(fd) : answer_call(fd, path);
	}
	shutdown(fd, SHUT_RDWR);
	close(fd);
	return NULL;
}

static void *listen_for_ever(void *arg)
{
	(void)arg;
	for (;;) {
		pthread_t thread;
		const int fd = accept(org_side.listener, NULL, NULL);
		if (fd < 0)
			return NULL;
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0)
			pthread_detach(thread);
	}
}

static int start_org(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	pthread_t thread;

	(void)state;
	org_side.listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(org_side.listener, (struct sockaddr *)&at, sizeof(at)) ||
		listen(org_side.listener, 64) ||
		getsockname(org_side.listener, (struct sockaddr *)&at, &len))
		return -1;
	org_side.port = ntohs(at.sin_port);
	return pthread_create(&thread, NULL, listen_for_ever, NULL) ? -1 : pthread_detach(thread);
}

/* ---- The client ---- */

struct fixture {
	struct osy_http *http;
	struct osy_org *org;
	char url[64];
};

static void login_set(struct osy_secret *secret, const char *text)
{
	osy_secret_set(secret, text, strlen(text));
}

/* A client of the org above; url NULL: its own. */
static void begin(struct fixture *f, enum osy_auth auth, const char *url)
{
	struct osy_org_login login = {.auth = auth,
		.client_id = osy_xstrdup("client id"),
		.username = osy_xstrdup("u@x")};

	org_side.mode = LOGIN_OK;
	org_side.login_delay_ms = org_side.logins = org_side.calls = org_side.valid = 0;
	org_side.refresh = NULL;
	snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%d", org_side.port);
	login.instance_url = osy_xstrdup(url ? url : f->url);
	login_set(&login.client_secret, "s&cret");
	login_set(&login.refresh_token, "refresh-1");
	login_set(&login.password, "p ss");
	login_set(&login.access_token, "00D000000000001!tok77");
	f->http = osy_http_new(8);
	f->org = osy_org_new(f->http, "acme", &login, true);
	osy_org_login_done(&login);
}

static void end(struct fixture *f)
{
	f->org = osy_org_free(f->org);
	f->http = osy_http_free(f->http);
}

static enum osy_code get(struct fixture *f, const char *path, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1u << 20);
	const struct osy_sf_request request = {.method = "GET", .path = osy_str(path)};

	*err = OSY_ERR_NONE;
	return osy_sf_run(f->org, &request, &out, err);
}

static void one_login_serves_many_calls(void **state)
{
	struct fixture f;
	struct osy_err err;
	int64_t used = 0, max = 0, least, most;

	(void)state;
	begin(&f, OSY_AUTH_CLIENT_CREDENTIALS, NULL);
	assert_false(osy_org_usage(f.org, &used, &max));
	assert_false(osy_org_clock(f.org, &least, &most));
	assert_true(least < 0 && most > 0);
	assert_int_equal(get(&f, "ok", &err), OSY_OK);
	assert_int_equal(get(&f, "/services/data/v60.0/ok", &err), OSY_OK);
	assert_int_equal(get(&f, "empty", &err), OSY_OK);
	assert_int_equal(get(&f, "many", &err), OSY_OK);
	assert_int_equal(org_side.logins, 1);
	assert_int_equal(osy_org_calls(f.org), 4);
	assert_string_equal(org_side.form,
		"grant_type=client_credentials&client_id=client%20id&client_secret=s%26cret");
	assert_non_null(strstr(org_side.head, "Sforce-Call-Options: client=orgsync\r\n"));
	assert_non_null(strstr(org_side.head, "/services/data/v60.0/many"));
	assert_true(osy_org_usage(f.org, &used, &max));
	assert_int_equal(used, 18);
	assert_int_equal(max, 5000);
	assert_true(osy_org_clock(f.org, &least, &most));
	const int64_t offset = 1795539785000 - osy_wall_ms();
	assert_true(least <= offset + 10000 && most >= offset - 10000 && least <= most &&
		    most - least < 5000);
	end(&f);
}

static void each_way_to_log_in(void **state)
{
	static const struct {
		enum osy_auth auth;
		const char *form;
	} ways[] = {
		{OSY_AUTH_REFRESH_TOKEN, "grant_type=refresh_token&client_id=client%20id&client_"
					 "secret=s%26cret&refresh_token=refresh-1"},
		{OSY_AUTH_PASSWORD, "grant_type=password&client_id=client%20id&client_secret=s%"
				    "26cret&username=u%40x&"
				    "password=p%20ss"},
	};
	struct fixture f;
	struct osy_err err;

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(ways); i++) {
		begin(&f, ways[i].auth, NULL);
		assert_int_equal(get(&f, "ok", &err), OSY_OK);
		assert_string_equal(org_side.form, ways[i].form);
		assert_null(osy_org_rotated_token(f.org));
		end(&f);
	}
	begin(&f, OSY_AUTH_REFRESH_TOKEN, NULL);
	org_side.refresh = "refresh-2";
	assert_int_equal(get(&f, "ok", &err), OSY_OK);
	assert_true(osy_str_is(osy_secret_open(osy_org_rotated_token(f.org)), "refresh-2"));
	org_side.valid = 0;
	assert_int_equal(get(&f, "ok", &err), OSY_OK);
	assert_non_null(strstr(org_side.form, "refresh_token=refresh-2"));
	end(&f);
}

static void a_jwt_needs_a_key(void **state)
{
	struct fixture f;
	struct osy_err err;

	(void)state;
	begin(&f, OSY_AUTH_JWT, NULL);
	assert_int_equal(get(&f, "ok", &err), OSY_E_AUTH);
	assert_non_null(strstr(err.msg, "org acme"));
	assert_int_equal(org_side.logins, 0);
	end(&f);
}

static void an_expired_session_is_renewed_once(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1000);
	const struct osy_sf_request post = {
		.method = "POST", .path = OSY_STR("ok"), .body = OSY_STR("{\"x\":1}")};
	struct fixture f;
	struct osy_err err;

	(void)state;
	begin(&f, OSY_AUTH_CLIENT_CREDENTIALS, NULL);
	assert_int_equal(get(&f, "ok", &err), OSY_OK);
	org_side.valid = 0;
	org_side.calls = 0;
	assert_int_equal(osy_sf_run(f.org, &post, &out, &err), OSY_OK);
	assert_string_equal(out.p, "{\"a\":1}");
	assert_int_equal(org_side.logins, 2);
	assert_int_equal(org_side.calls, 2);
	assert_string_equal(org_side.body, "{\"x\":1}"); /* the body went along the second time */
	assert_non_null(strstr(org_side.head, "Content-Type: application/json"));
	assert_int_equal(get(&f, "always401", &err), OSY_E_SESSION);
	assert_int_equal(err.cls, OSY_RETRY);
	assert_int_equal(org_side.logins, 3);
	assert_int_equal(get(&f, "ok", &err), OSY_OK);
	assert_int_equal(org_side.logins, 4);
	end(&f);
}

struct pieces {
	struct osy_buf got;
	bool done, paused;
	struct osy_sf_reply reply;
	struct osy_http_call *call;
	char early[OSY_BULK_LOCATOR_MAX], next[OSY_BULK_LOCATOR_MAX];
	enum osy_code next_code;
};

/* Pauses once. */
static bool on_piece(struct osy_http_call *call, struct osy_str piece, void *arg)
{
	struct pieces *pieces = arg;

	assert_int_equal(osy_http_call_status(call), 200);
	if (!pieces->call) {
		struct osy_err err;
		pieces->next_code = osy_bulk_next_early(call, pieces->early, &err);
		pieces->call = call;
		pieces->paused = true;
		return false;
	}
	osy_buf_add_str(&pieces->got, piece);
	return true;
}

static void on_pieces_done(struct osy_sf_reply *reply, void *arg)
{
	struct pieces *pieces = arg;

	pieces->done = true;
	pieces->reply = *reply;
	if (!reply->code)
		assert_int_equal(osy_bulk_next(reply->http, pieces->next, &pieces->reply.err),
			pieces->next_code);
}

static enum osy_code get_pieces(struct fixture *f, const char *path, struct pieces *pieces)
{
	const struct osy_sf_request request = {
		.method = "GET", .path = osy_str(path), .on_data = on_piece};
	struct osy_err err;

	*pieces = (struct pieces){.got = OSY_BUF(10000)};
	assert_int_equal(osy_sf_start(f->org, &request, on_pieces_done, pieces, &err), OSY_OK);
	while (!pieces->done) {
		osy_http_poll(f->http, 1000, NULL, 0, NULL);
		if (pieces->paused)
			osy_http_resume(pieces->call);
		pieces->paused = false;
	}
	return pieces->reply.code;
}

static void replies_in_pieces(void **state)
{
	struct pieces pieces;
	struct fixture f;
	struct osy_err err;

	(void)state;
	begin(&f, OSY_AUTH_CLIENT_CREDENTIALS, NULL);
	assert_int_equal(get(&f, "ok", &err), OSY_OK);
	org_side.valid = 0; /* a 401 first: it is no piece */
	assert_int_equal(get_pieces(&f, "csv", &pieces), OSY_OK);
	assert_int_equal(org_side.logins, 2);
	assert_string_equal(pieces.got.p, "\"Id\"\n\"1\"\n");
	assert_string_equal(pieces.next, "");
	osy_buf_done(&pieces.got);
	assert_int_equal(get_pieces(&f, "next", &pieces), OSY_OK);
	assert_string_equal(pieces.early, "MTAwMDA");
	assert_string_equal(pieces.next, "MTAwMDA");
	osy_buf_done(&pieces.got);
	assert_int_equal(get_pieces(&f, "far", &pieces), OSY_OK);
	assert_int_equal(pieces.next_code, OSY_E_TOO_BIG);
	osy_buf_done(&pieces.got);
	assert_int_equal(get_pieces(&f, "bad", &pieces), OSY_E_SALESFORCE);
	assert_string_equal(pieces.reply.err.origin, "sf:MALFORMED_QUERY");
	assert_null(pieces.call);
	assert_int_equal(get_pieces(&f, "html200", &pieces), OSY_E_NO_REPLY);
	assert_null(pieces.call);
	assert_int_equal(get_pieces(&f, "cut", &pieces), OSY_E_NO_REPLY);
	osy_buf_done(&pieces.got);
	end(&f);
}

static void a_body_out_of_a_file(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1000);
	FILE *file = tmpfile();
	struct osy_sf_request put = {
		.method = "PUT", .path = OSY_STR("ok"), .content_type = "text/csv"};
	struct fixture f;
	struct osy_err err;

	(void)state;
	assert_non_null(file);
	assert_int_equal(fwrite("Id\n\"1\"\n\"2\"\n", 1, 11, file), 11);
	fflush(file);
	put.body_fd = fileno(file);
	put.body_size = 11;
	begin(&f, OSY_AUTH_CLIENT_CREDENTIALS, NULL);
	assert_int_equal(get(&f, "ok", &err), OSY_OK);
	org_side.valid = 0;
	org_side.calls = 0;
	assert_int_equal(osy_sf_run(f.org, &put, &out, &err), OSY_OK);
	assert_int_equal(org_side.calls, 2);
	assert_string_equal(org_side.body, "Id\n\"1\"\n\"2\"\n");
	assert_non_null(strstr(org_side.head, "Content-Type: text/csv\r\n"));
	end(&f);
	fclose(file);
}

static void an_access_token_cannot_be_renewed(void **state)
{
	struct fixture f;
	struct osy_err err;

	(void)state;
	begin(&f, OSY_AUTH_ACCESS_TOKEN, NULL);
	org_side.valid = 77;
	assert_int_equal(get(&f, "ok", &err), OSY_OK);
	org_side.valid = 78;
	assert_int_equal(get(&f, "ok", &err), OSY_E_AUTH);
	assert_int_equal(get(&f, "ok", &err), OSY_E_AUTH);
	assert_int_equal(org_side.logins, 0);
	end(&f);
}

static void logins_that_fail(void **state)
{
	static const struct {
		enum login_mode mode;
		enum osy_code code;
		const char *origin;
	} cases[] = {
		{LOGIN_REFUSED, OSY_E_AUTH, "sf:invalid_grant"},
		{LOGIN_HTML, OSY_E_UNREACHABLE, "http:200"},
		{LOGIN_CUT, OSY_E_UNREACHABLE, NULL},
		{LOGIN_RATE, OSY_E_LIMIT, "sf:invalid_grant"},
		{LOGIN_500, OSY_E_UNREACHABLE, "sf:server_error"},
		{LOGIN_EVIL, OSY_E_AUTH, "http:200"},
		{LOGIN_NO_TOKEN, OSY_E_AUTH, "http:200"},
	};
	struct fixture f;
	struct osy_err err;

	(void)state;
	begin(&f, OSY_AUTH_CLIENT_CREDENTIALS, NULL);
	for (size_t i = 0; i < OSY_COUNT(cases); i++) {
		org_side.mode = cases[i].mode;
		const enum osy_code code = get(&f, "ok", &err);
		if (code != cases[i].code)
			print_error("mode %d: %s\n", (int)cases[i].mode, err.msg);
		assert_int_equal(code, cases[i].code);
		assert_int_equal(err.code, code);
		if (cases[i].origin)
			assert_string_equal(err.origin, cases[i].origin);
		assert_int_equal(org_side.logins, i + 1);
	}
	assert_int_equal(org_side.calls, 0);
	org_side.mode = LOGIN_TEXT; /* JSON by what it holds */
	assert_int_equal(get(&f, "ok", &err), OSY_OK);
	end(&f);
}

static void what_replies_mean(void **state)
{
	static const struct {
		const char *path;
		enum osy_code code;
		const char *origin;
		enum osy_sf_limit limit;
		unsigned retry_after_ms;
		enum osy_class cls;
	} cases[] = {
		{"bad", OSY_E_SALESFORCE, "sf:MALFORMED_QUERY", OSY_SF_LIMIT_NONE, 0, OSY_REJECT},
		{"locked", OSY_E_SALESFORCE, "sf:UNABLE_TO_LOCK_ROW", OSY_SF_LIMIT_NONE, 0,
			OSY_RETRY},
		{"html503", OSY_E_NO_REPLY, "http:503", OSY_SF_LIMIT_NONE, 3000, OSY_RETRY},
		{"html200", OSY_E_NO_REPLY, "html", OSY_SF_LIMIT_NONE, 0, OSY_RETRY},
		{"html404", OSY_E_NO_REPLY, "http:404", OSY_SF_LIMIT_NONE, 0, OSY_RETRY},
		{"plain404", OSY_E_SALESFORCE, "http:404", OSY_SF_LIMIT_NONE, 0, OSY_REJECT},
		{"text400", OSY_E_SALESFORCE, "sf:UNABLE_TO_LOCK_ROW", OSY_SF_LIMIT_NONE, 0,
			OSY_RETRY},
		{"uri", OSY_E_SALESFORCE, "http:414", OSY_SF_LIMIT_NONE, 0, OSY_REJECT},
		{"moved", OSY_E_NO_REPLY, "http:302", OSY_SF_LIMIT_NONE, 0, OSY_RETRY},
		{"err500", OSY_E_NO_REPLY, "sf:UNKNOWN_EXCEPTION", OSY_SF_LIMIT_NONE, 0, OSY_RETRY},
		{"err503", OSY_E_NO_REPLY, "sf:SERVER_UNAVAILABLE", OSY_SF_LIMIT_NONE, 0,
			OSY_RETRY},
		{"daily", OSY_E_LIMIT, "sf:REQUEST_LIMIT_EXCEEDED:daily", OSY_SF_LIMIT_DAILY, 0,
			OSY_RETRY},
		{"concurrent", OSY_E_LIMIT, "sf:REQUEST_LIMIT_EXCEEDED:concurrent",
			OSY_SF_LIMIT_CONCURRENT, 0, OSY_RETRY},
		{"429", OSY_E_LIMIT, "http:429", OSY_SF_LIMIT_CONCURRENT, 7000, OSY_RETRY},
		{"edge", OSY_E_UNREACHABLE, "http:420", OSY_SF_LIMIT_NONE, 0, OSY_RETRY},
		{"garbage", OSY_E_SALESFORCE, "http:400", OSY_SF_LIMIT_NONE, 0, OSY_REJECT},
		{"cut", OSY_E_NO_REPLY, NULL, OSY_SF_LIMIT_NONE, 0, OSY_RETRY},
		{"hangup", OSY_E_NO_REPLY, NULL, OSY_SF_LIMIT_NONE, 0, OSY_RETRY},
	};
	struct fixture f;
	struct osy_err err;

	(void)state;
	begin(&f, OSY_AUTH_CLIENT_CREDENTIALS, NULL);
	for (size_t i = 0; i < OSY_COUNT(cases); i++) {
		const enum osy_code code = get(&f, cases[i].path, &err);
		if (code != cases[i].code)
			print_error("%s: %s\n", cases[i].path, err.msg);
		assert_int_equal(code, cases[i].code);
		assert_int_equal(err.code, code);
		assert_int_equal(err.cls, cases[i].cls);
		if (cases[i].origin)
			assert_string_equal(err.origin, cases[i].origin);
		assert_int_equal(osy_sf_limit_kind(&err), cases[i].limit);
		assert_int_equal(err.retry_after_ms, cases[i].retry_after_ms);
		assert_null(strchr(err.msg, '\n'));
	}
	assert_int_equal(org_side.logins, 1);
	end(&f);
}

static void a_slow_reply_may_have_been_executed(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1000);
	const struct osy_sf_request slow = {
		.method = "GET", .path = OSY_STR("slow"), .timeout_ms = 300};
	const struct osy_sf_request big = {
		.method = "GET", .path = OSY_STR("ok"), .max_reply_bytes = 3};
	struct fixture f;
	struct osy_err err;

	(void)state;
	begin(&f, OSY_AUTH_CLIENT_CREDENTIALS, NULL);
	assert_int_equal(osy_sf_run(f.org, &slow, &out, &err), OSY_E_NO_REPLY);
	assert_int_equal(osy_sf_run(f.org, &big, &out, &err), OSY_E_TOO_BIG);
	end(&f);
}

static void nobody_there(void **state)
{
	struct fixture f;
	struct osy_err err;

	(void)state;
	begin(&f, OSY_AUTH_CLIENT_CREDENTIALS, "http://127.0.0.1:1");
	assert_int_equal(get(&f, "ok", &err), OSY_E_UNREACHABLE);
	end(&f);
	begin(&f, OSY_AUTH_ACCESS_TOKEN, "http://127.0.0.1:1");
	assert_int_equal(get(&f, "ok", &err), OSY_E_UNREACHABLE);
	end(&f);
}

struct outcome {
	unsigned done, ok;
	struct osy_org *org; /* set: its callback starts one more call */
	enum osy_code last;
};

static void on_done(struct osy_sf_reply *reply, void *arg)
{
	struct outcome *o = arg;
	const struct osy_sf_request request = {.method = "GET", .path = OSY_STR("ok")};
	struct osy_err err;

	o->done++;
	o->ok += reply->code == OSY_OK && osy_str_is(osy_buf_str(reply->body), "{\"a\":1}");
	o->last = reply->code;
	if (o->org && o->done == 1)
		assert_int_equal(osy_sf_start(o->org, &request, on_done, arg, &err), OSY_OK);
}

static void start_calls(struct fixture *f, unsigned count, struct outcome *o)
{
	const struct osy_sf_request request = {.method = "GET", .path = OSY_STR("ok")};
	struct osy_err err;

	for (unsigned i = 0; i < count; i++)
		assert_int_equal(osy_sf_start(f->org, &request, on_done, o, &err), OSY_OK);
}

static void poll_until(struct fixture *f, const unsigned *counter, unsigned want)
{
	const int64_t stop = osy_mono_ms() + 10000;
	while (*counter < want && osy_mono_ms() < stop)
		osy_http_poll(f->http, 100, NULL, 0, NULL);
	assert_int_equal(*counter, want);
}

static void calls_wait_for_one_login(void **state)
{
	struct outcome o = {0};
	struct fixture f;

	(void)state;
	begin(&f, OSY_AUTH_CLIENT_CREDENTIALS, NULL);
	org_side.login_delay_ms = 200;
	start_calls(&f, 5, &o);
	poll_until(&f, &o.done, 5);
	assert_int_equal(o.ok, 5);
	assert_int_equal(org_side.logins, 1);
	/* all of them find the session expired: one login again, each replayed once */
	org_side.valid = 0;
	org_side.calls = 0;
	o = (struct outcome){0};
	start_calls(&f, 5, &o);
	poll_until(&f, &o.done, 5);
	assert_int_equal(o.ok, 5);
	assert_int_equal(org_side.logins, 2);
	assert_int_equal(org_side.calls, 10);
	end(&f);
}

struct borrowed {
	struct outcome outcome; /* first: what on_done sees */
	char *body;
	unsigned sent;
};

static void on_body_sent(void *arg)
{
	struct borrowed *b = arg;

	assert_int_equal(b->outcome.done, 0);
	free(b->body);
	b->body = NULL;
	b->sent++;
}

static void post_borrowed(struct fixture *f, struct borrowed *b)
{
	struct osy_err err;

	*b = (struct borrowed){.body = osy_xstrdup("{\"x\":1}")};
	const struct osy_sf_request post = {.method = "POST",
		.path = OSY_STR("ok"),
		.body = osy_str(b->body),
		.on_body_sent = on_body_sent};
	assert_int_equal(osy_sf_start(f->org, &post, on_done, b, &err), OSY_OK);
	poll_until(f, &b->outcome.done, 1);
	assert_int_equal(b->sent, 1);
}

/* A body that is let go when it is sent cannot go along a second time. */
static void a_body_is_borrowed_until_it_is_sent(void **state)
{
	struct borrowed b;
	struct fixture f;

	(void)state;
	begin(&f, OSY_AUTH_CLIENT_CREDENTIALS, NULL);
	post_borrowed(&f, &b);
	assert_int_equal(b.outcome.ok, 1);
	assert_string_equal(org_side.body, "{\"x\":1}");
	org_side.valid = 0;
	org_side.calls = 0;
	post_borrowed(&f, &b);
	assert_int_equal(b.outcome.last, OSY_E_SESSION);
	assert_int_equal(org_side.calls, 1);
	assert_int_equal(org_side.logins, 1);
	post_borrowed(&f, &b);
	assert_int_equal(b.outcome.ok, 1);
	assert_int_equal(org_side.logins, 2);
	end(&f);
}

static void a_refused_login_fails_all_that_wait(void **state)
{
	struct outcome o = {0};
	struct fixture f;

	(void)state;
	begin(&f, OSY_AUTH_CLIENT_CREDENTIALS, NULL);
	org_side.mode = LOGIN_REFUSED;
	org_side.login_delay_ms = 50;
	start_calls(&f, 3, &o);
	poll_until(&f, &o.done, 3);
	assert_int_equal(o.last, OSY_E_AUTH);
	assert_int_equal(org_side.logins, 1);
	/* a callback that starts a call brings on the next login */
	o = (struct outcome){.org = f.org};
	start_calls(&f, 2, &o);
	poll_until(&f, &o.done, 3);
	assert_int_equal(org_side.logins, 3);
	end(&f);
}

static void freed_with_calls_in_flight(void **state)
{
	struct outcome o = {0};
	struct fixture f;
	struct osy_err err;

	(void)state;
	begin(&f, OSY_AUTH_CLIENT_CREDENTIALS, NULL);
	org_side.login_delay_ms = 300;
	start_calls(&f, 3, &o);
	osy_http_poll(f.http, 50, NULL, 0, NULL);
	end(&f);
	begin(&f, OSY_AUTH_CLIENT_CREDENTIALS, NULL);
	assert_int_equal(get(&f, "ok", &err), OSY_OK);
	start_calls(&f, 3, &o);
	end(&f);
	assert_int_equal(o.done, 0);
	assert_null(osy_org_free(NULL));
}

static void who_it_is(void **state)
{
	struct osy_org_identity identity;
	struct fixture f;
	struct osy_err err;

	(void)state;
	begin(&f, OSY_AUTH_CLIENT_CREDENTIALS, NULL);
	assert_int_equal(osy_org_identify(f.org, &identity, &err), OSY_OK);
	assert_string_equal(identity.org_id, "00Dx0000000BV7zEAG");
	assert_string_equal(identity.user_id, "005x00000012Q9PAAU");
	assert_string_equal(identity.name, "Acme");
	assert_string_equal(identity.instance_name, "NA1");
	assert_string_equal(identity.organization_type, "Developer Edition");
	assert_true(identity.is_sandbox);
	for (org_side.hidden = 1; org_side.hidden <= 2; org_side.hidden++) {
		assert_int_equal(osy_org_identify(f.org, &identity, &err), OSY_OK);
		assert_string_equal(identity.org_id, "00Dx0000000BV7zEAG");
		assert_string_equal(identity.name, "");
	}
	org_side.hidden = 0;
	end(&f);
	begin(&f, OSY_AUTH_ACCESS_TOKEN, NULL);
	org_side.valid = 77;
	assert_int_equal(osy_org_identify(f.org, &identity, &err), OSY_OK);
	assert_string_equal(identity.user_id, "005x00000012Q9PAAU");
	end(&f);
}

static enum osy_code sum_row(const struct osy_str *values, void *arg, struct osy_err *err)
{
	int64_t n;
	const enum osy_code code = osy_parse_i64(values[0], 0, 100, &n, err);
	if (!code)
		*(int64_t *)arg += n;
	return code;
}

static void queries_on_the_spot(void **state)
{
	static const char *const fields[] = {"Id"};
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(40000);
	struct osy_sf_object *object = NULL;
	struct fixture f;
	struct osy_err err;
	int64_t sum = 0, count = 0;

	(void)state;
	begin(&f, OSY_AUTH_CLIENT_CREDENTIALS, NULL);
	assert_int_equal(
		osy_sf_query(f.org, OSY_STR("page"), fields, 1, 3, sum_row, &sum, &err), OSY_OK);
	assert_int_equal(sum, 6);
	assert_int_equal(osy_sf_query(f.org, OSY_STR("page"), fields, 1, 2, sum_row, &sum, &err),
		OSY_E_TOO_BIG);
	assert_int_equal(osy_sf_count(f.org, OSY_STR("page"), &count, &err), OSY_OK);
	assert_int_equal(count, 3);
	/* past the longest URL: in the body of a composite */
	for (unsigned i = 0; i < 2000; i++)
		osy_buf_addz(&soql, "SELECT Id ");
	sum = 0;
	assert_int_equal(
		osy_sf_query(f.org, osy_buf_str(&soql), fields, 1, 3, sum_row, &sum, &err), OSY_OK);
	assert_int_equal(sum, 9);
	assert_int_equal(osy_sf_describe(f.org, "Nope", &object, &err), OSY_E_NOT_FOUND);
	end(&f);
}

static void paths_stay_at_the_org(void **state)
{
	static const char *const bad[] = {
		"http://evil.example/x", "query?q=a b", "query?q=a\r\nX: y", "//evil.example/"};
	struct fixture f;
	struct osy_err err;

	(void)state;
	begin(&f, OSY_AUTH_CLIENT_CREDENTIALS, NULL);
	for (size_t i = 0; i < OSY_COUNT(bad); i++)
		assert_int_equal(get(&f, bad[i], &err), OSY_E_INVALID);
	assert_int_equal(org_side.logins, 0);
	end(&f);
}

/* ---- Checking logins ---- */

static void urls(void **state)
{
	static const struct {
		const char *url;
		bool allow_http, good;
	} cases[] = {
		{"https://acme.my.salesforce.com", false, true},
		{"https://acme.my.salesforce.com/", false, true},
		{"https://acme--dev.sandbox.my.salesforce.com:8443", false, true},
		{"http://127.0.0.1:8080", true, true},
		{"http://localhost:8080", true, true},
		{"http://[::1]:8080", true, true},
		{"http://127.0.0.1:8080", false, false},
		{"http://acme.my.salesforce.com", true, false},
		{"http://127.0.0.1.evil.example", true, false},
		{"http://localhost.evil.example", true, false},
		{"https://user@acme.my.salesforce.com", false, false},
		{"https://a?b", false, false},
		{"https://a#b", false, false},
		{"https://a/path", false, false},
		{"https://a b", false, false},
		{"https://", false, false},
		{"https://a:0", false, false},
		{"https://a:99999", false, false},
		{"https://a:", false, false},
		{"https://[::1", false, false},
		{"https://a\\b", false, false},
		{"https://10.0.0.1", false, false},
		{"https://169.254.169.254", true, false},
		{"https://127.0.0.1:8080", true, false},
		{"https://2130706433", false, false},
		{"https://0x7f.0.0.0x1", false, false},
		{"https://0177.1", false, false},
		{"https://[::1]", true, false},
		{"https://[::ffff:169.254.169.254]", false, false},
		{"https://localhost", true, false},
		{"https://metadata", false, false},
		{"https://a..example", false, false},
		{"https://.example", false, false},
		{"https://example.", false, false},
		{"http://2130706433", true, false},
		{"http://0.0.0.0:8080", true, false},
		{"http://[::ffff:127.0.0.1]:8080", true, false},
		{"acme.my.salesforce.com", false, false},
		{"ftp://a", false, false},
		{"", false, false},
	};
	struct osy_err err;

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++) {
		struct osy_org_login login = {
			.auth = OSY_AUTH_ACCESS_TOKEN, .instance_url = osy_xstrdup(cases[i].url)};
		login_set(&login.access_token, "00D!x");
		const enum osy_code code = osy_org_login_check(&login, cases[i].allow_http, &err);
		if ((code == OSY_OK) != cases[i].good)
			print_error("%s\n", cases[i].url);
		assert_int_equal(code, cases[i].good ? OSY_OK : OSY_E_INVALID);
		osy_org_login_done(&login);
	}
}

static void what_a_login_needs(void **state)
{
	struct osy_org_login login = {
		.auth = OSY_AUTH_JWT, .instance_url = osy_xstrdup("https://a.example")};
	struct osy_err err;
	enum osy_auth auth;

	(void)state;
	assert_int_equal(osy_org_login_check(&login, false, &err), OSY_E_INVALID);
	assert_non_null(strstr(err.msg, "--client-id"));
	login.client_id = osy_xstrdup("c");
	assert_int_equal(osy_org_login_check(&login, false, &err), OSY_E_INVALID);
	assert_non_null(strstr(err.msg, "--username"));
	login.username = osy_xstrdup("u");
	assert_int_equal(osy_org_login_check(&login, false, &err), OSY_E_INVALID);
	assert_non_null(strstr(err.msg, "--private-key-file"));
	login_set(&login.private_key, "k");
	login.login_url = osy_xstrdup("https://login.salesforce.com");
	assert_int_equal(osy_org_login_check(&login, false, &err), OSY_OK);
	login.auth = OSY_AUTH_CLIENT_CREDENTIALS;
	login_set(&login.client_secret, "s");
	assert_int_equal(osy_org_login_check(&login, false, &err), OSY_E_INVALID);
	assert_non_null(strstr(err.msg, "My Domain"));
	login.auth = OSY_AUTH_ACCESS_TOKEN;
	login_set(&login.access_token, "a\nb");
	assert_int_equal(osy_org_login_check(&login, false, &err), OSY_E_INVALID);
	osy_org_login_done(&login);
	for (int i = 0; i <= OSY_AUTH_ACCESS_TOKEN; i++) {
		assert_true(osy_auth_parse(osy_str(osy_auth_name((enum osy_auth)i)), &auth));
		assert_int_equal(auth, i);
	}
	assert_false(osy_auth_parse(OSY_STR("soap"), &auth));
}

static void secrets_there_and_back(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf json = OSY_BUF(10000);
	struct osy_org_login a = {.auth = OSY_AUTH_JWT}, b = {.auth = OSY_AUTH_JWT};
	struct osy_err err;

	(void)state;
	login_set(&a.private_key, "-----BEGIN\nx\"\\\n");
	login_set(&a.client_secret, "s\xc3\xa9");
	osy_org_login_write_secrets(&a, &json);
	assert_int_equal(osy_org_login_read_secrets(&b, osy_buf_str(&json), &err), OSY_OK);
	assert_true(
		osy_str_equal(osy_secret_open(&a.private_key), osy_secret_open(&b.private_key)));
	assert_true(osy_str_equal(
		osy_secret_open(&a.client_secret), osy_secret_open(&b.client_secret)));
	assert_false(osy_secret_is_set(&b.password));
	assert_int_equal(osy_org_login_read_secrets(&b, OSY_STR("[]"), &err), OSY_E_INVALID);
	osy_org_login_done(&a);
	osy_org_login_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_login_serves_many_calls),
		cmocka_unit_test(each_way_to_log_in),
		cmocka_unit_test(a_jwt_needs_a_key),
		cmocka_unit_test(an_expired_session_is_renewed_once),
		cmocka_unit_test(replies_in_pieces),
		cmocka_unit_test(a_body_out_of_a_file),
		cmocka_unit_test(an_access_token_cannot_be_renewed),
		cmocka_unit_test(logins_that_fail),
		cmocka_unit_test(what_replies_mean),
		cmocka_unit_test(a_slow_reply_may_have_been_executed),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(calls_wait_for_one_login),
		cmocka_unit_test(a_body_is_borrowed_until_it_is_sent),
		cmocka_unit_test(a_refused_login_fails_all_that_wait),
		cmocka_unit_test(freed_with_calls_in_flight),
		cmocka_unit_test(who_it_is),
		cmocka_unit_test(queries_on_the_spot),
		cmocka_unit_test(paths_stay_at_the_org),
		cmocka_unit_test(urls),
		cmocka_unit_test(what_a_login_needs),
		cmocka_unit_test(secrets_there_and_back),
	};
	return cmocka_run_group_tests(tests, start_org, NULL);
}
