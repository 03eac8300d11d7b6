/* Replies of a server as they come over the wire, to the HTTP client: any bytes, then the end of
 * the connection. A reply counts as whole or has an error with a sentence; pieces handed out are
 * never more than a bound. */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "osy/http.h"
#include "osy/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_BYTES = 4096 };

struct outcome {
	bool done;
	size_t pieces;
};

/* ---- The wire ---- */
static struct {
	const uint8_t *data; /* what is answered */
	size_t size;
	int peer; /* the far end; 0: no connection yet */
} wire;

static void hang_up(void)
{
	if (wire.peer)
		close(wire.peer);
	wire.peer = 0;
}

/* What the client opens is one end of a pair; at the other the reply waits already, then comes the
 * end. */
int socket(int domain, int type, int protocol)
{
	int ends[2];

	if (domain != AF_INET) /* curl asks whether there is an IPv6 */
		return (int)syscall(SYS_socket, domain, type, protocol);
	hang_up();
	if (socketpair(AF_UNIX, type, 0, ends) ||
		send(ends[1], wire.data, wire.size, MSG_NOSIGNAL) != (ssize_t)wire.size ||
		shutdown(ends[1], SHUT_WR))
		abort();
	wire.peer = ends[1];
	return ends[0];
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
	(void)fd;
	(void)address;
	(void)len;
	return 0;
}

/* ---- The client ---- */
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

static void try(struct osy_http *http, bool stream)
{
	struct outcome outcome = {false, 0};
	struct osy_err err = OSY_ERR_NONE;
	const struct osy_http_header fresh[] = {{"Connection", OSY_STR("close")}};
	const struct osy_http_request request = {.method = "GET",
		.url = OSY_STR("http://127.0.0.1:9/"),
		.headers = fresh,
		.header_count = 1,
		.max_reply_bytes = MOST_BYTES,
		.timeout_ms = 5000,
		.on_data = stream ? on_data : NULL,
		.plain = true,
		.gzip = true};

	if (osy_http_start(http, &request, done, &outcome, NULL, &err))
		OSY_BUG("%s", err.msg);
	while (!outcome.done)
		osy_http_poll(http, 1000, NULL, 0, NULL);
	OSY_ASSERT(wire.peer);
	hang_up();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct osy_http *http;

	if (!http)
		http = osy_http_new(1);
	if (!size)
		return 0;
	wire.data = data + 1;
	wire.size = size - 1;
	try(http, data[0] & 1);
	return 0;
}
