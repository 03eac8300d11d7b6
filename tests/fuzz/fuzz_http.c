/* Replies of a server as they come over the wire, to the HTTP client: any bytes, then the end of
 * the connection. A reply counts as whole or has an error with a sentence; pieces handed out are
 * never more than a bound. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "osy/http.h"
#include "osy/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_BYTES = 4096 };

struct outcome {
	bool done;
	size_t pieces;
};

static int listener(unsigned *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) || listen(fd, 16) ||
		getsockname(fd, (struct sockaddr *)&address, &len))
		abort();
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static void done(struct osy_http_reply *reply, void *arg)
{
	struct outcome *outcome = arg;

	outcome->done = true;
	OSY_ASSERT(reply->body.len <= MOST_BYTES);
	OSY_ASSERT(reply->code ? reply->err.msg[0] != 0 : reply->status >= 100);
	(void)osy_http_reply_header(reply, "Sforce-Locator");
	OSY_ASSERT(reply->retry_after_ms <= 86400u * 1000);
}

static bool on_data(struct osy_http_call *call, struct osy_str piece, void *arg)
{
	struct outcome *outcome = arg;

	OSY_ASSERT(osy_http_call_status(call) / 100 == 2);
	outcome->pieces += piece.len;
	OSY_ASSERT(outcome->pieces <= MOST_BYTES);
	return true;
}

/* Answers the request; the connection stays, half closed, so that the client ends it. */
static int serve(int listen_fd, const uint8_t *data, size_t size)
{
	char request[4096];
	const int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 || recv(fd, request, sizeof(request), 0) < 0)
		abort();
	if (send(fd, data, size, MSG_NOSIGNAL) != (ssize_t)size || shutdown(fd, SHUT_WR))
		abort();
	return fd;
}

/* With a reset: a port that waits for late packets cannot be used again soon. */
static void close_now(int fd)
{
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
	close(fd);
}

static void try(struct osy_http *http, unsigned port, int listen_fd, bool stream,
	const uint8_t *data, size_t size)
{
	char url[64];
	struct outcome outcome = {false, 0};
	struct osy_err err = OSY_ERR_NONE;
	struct osy_http_request request = {.method = "GET",
		.max_reply_bytes = MOST_BYTES,
		.timeout_ms = 5000,
		.on_data = stream ? on_data : NULL,
		.plain = true,
		.gzip = true};
	const struct osy_http_header fresh[] = {{"Connection", OSY_STR("close")}};
	int n = snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);

	request.url = (struct osy_str){url, (size_t)n};
	request.headers = fresh;
	request.header_count = 1;
	if (osy_http_start(http, &request, done, &outcome, NULL, &err))
		OSY_BUG("%s", err.msg);
	osy_http_poll(http, 0, NULL, 0, NULL);
	osy_http_poll(http, 0, NULL, 0, NULL);
	const int fd = serve(listen_fd, data, size);
	while (!outcome.done)
		osy_http_poll(http, 1000, NULL, 0, NULL);
	close_now(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct osy_http *http;
	static int listen_fd;
	static unsigned port;

	if (!http) {
		http = osy_http_new(1);
		listen_fd = listener(&port);
	}
	if (size)
		try(http, port, listen_fd, data[0] & 1, data + 1, size - 1);
	return 0;
}
