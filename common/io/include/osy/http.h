/*
 * HTTP client over a curl multi: any number of requests in flight on one thread. Not thread-safe
 * but for osy_http_wakeup().
 *
 * A request is sent once. curl's own silent retry on a dead kept-alive connection is made
 * impossible for requests with a body (a read callback that cannot rewind): a POST that may have
 * been executed is never repeated here. Whether the request can have reached the server is told by
 * the error: OSY_E_UNREACHABLE: no (no connection was made); OSY_E_NO_REPLY: perhaps (sent, or
 * partly sent, and no whole reply came); OSY_E_TIMEOUT: perhaps (too slow).
 *
 * The silent retry is stopped for every method but GET and HEAD, also without a body. A reply whose
 * headers are cut off, or one of HTTP/1.1 that says no length (it ends where its connection ends)
 * and is no JSON, counts as not whole. CURL_CA_BUNDLE and SSL_CERT_FILE name another certificate
 * authority, the usual proxy variables a proxy (not for plain requests).
 */
#ifndef OSY_HTTP_H
#define OSY_HTTP_H

#include <sys/types.h>

#include "osy/str.h"

struct osy_http;
struct osy_http_call;

struct osy_http_header {
	const char *name;
	struct osy_str value; /* line ends in it are refused */
};

struct osy_http_reply {
	enum osy_code code; /* OSY_OK: a whole reply came, whatever its status */
	int status;
	struct osy_buf body; /* decoded (gzip); the callback may take it */
	int64_t elapsed_us;
	int64_t server_wall_ms;	 /* its Date header, -1 without */
	unsigned retry_after_ms; /* its Retry-After, 0 without */
	bool reused_connection;
	struct osy_err err; /* when code is not OSY_OK */
	struct osy_http_call *call_;
};

/* A response header by name (any case), p NULL when missing; borrowed as long as the reply. */
struct osy_str osy_http_reply_header(const struct osy_http_reply *reply, const char *name);

/*
 * Which machines a request may go to, looked at where the connection is made, so that no name and
 * no way to write an address gets around it. PUBLIC: addresses of the public network, over the
 * proxy of the environment where there is one (then the proxy resolves the name, and may be
 * anywhere). LOOPBACK: this machine. A request that is refused ends in OSY_E_UNREACHABLE; nothing
 * was sent.
 */
enum osy_http_reach { OSY_HTTP_ANYWHERE, OSY_HTTP_PUBLIC, OSY_HTTP_LOOPBACK };

typedef void (*osy_http_done)(struct osy_http_reply *reply, void *arg);

struct osy_http_request {
	const char *method; /* "GET", "POST", ... */
	struct osy_str url; /* https:// only, or http:// when plain is set */
	const struct osy_http_header *headers;
	size_t header_count;
	struct osy_str body; /* borrowed until done is called; p NULL: none */
	/* May be NULL. Called with done's arg when all of body has been taken: it is borrowed no
	 * longer. From osy_http_poll, before done. */
	void (*on_body_sent)(void *arg);
	/* May be NULL. Asked with done's arg before each piece of the body goes out; false: it is
	 * withheld, and the call ends with OSY_E_UNREACHABLE: no server has the whole of it. */
	bool (*may_send)(void *arg);
	size_t max_reply_bytes; /* a longer reply is an error (OSY_E_TOO_BIG); 0: 64 MiB */
	unsigned timeout_ms;	/* whole request; 0: 660,000 (the org's own limit is 10 minutes) */
	/* A body out of a file instead, read by position from its beginning; body_fd is used when
	 * body_size > 0 and stays the caller's. Sent with its length, never chunked. */
	int body_fd;
	int64_t body_size;
	/*
	 * May be NULL. A body of body_size bytes that is made as it goes up: fills out with at most
	 * size bytes and returns how many. 0: there are none yet; the call pauses until
	 * osy_http_resume(). -1: there will be no more; the call ends with OSY_E_UNREACHABLE, and
	 * no server has the whole of it. What on_data must not do it must not either; a pause does
	 * not count as a slow server here too.
	 */
	ssize_t (*read_body)(struct osy_http_call *call, char *out, size_t size, void *arg);
	/*
	 * With on_data the reply's body is handed out in pieces as it comes (decoded) instead of
	 * being gathered; status and headers are there by then (osy_http_call_status,
	 * osy_http_call_header). Bodies of replies that are not 2xx are gathered all the same. It
	 * returns false to pause: the piece is given again after osy_http_resume(). A pause does
	 * not count as a slow server; timeout_ms then bounds the silence between two pieces.
	 * max_reply_bytes bounds the whole body still; 0: no bound. Pieces may have come when a
	 * reply turns out not to be whole. curl must not be entered again from on_data: it may
	 * resume others, but start and cancel nothing (that stops the program); pause and do it
	 * after osy_http_poll.
	 */
	bool (*on_data)(struct osy_http_call *call, struct osy_str piece, void *arg);
	enum osy_http_reach reach;
	bool plain; /* http:// allowed */
	bool gzip;  /* ask for gzip */
	int timer_id_;
};

/* max_connections per host bounds the idle ones kept. */
struct osy_http *osy_http_new(unsigned max_connections);
/* Of requests that name no time-out; 660 s without. */
void osy_http_set_timeout(struct osy_http *http, unsigned timeout_ms);
struct osy_http *osy_http_free(
	struct osy_http *http); /* calls in flight are dropped without their callback */
/*
 * Starts a request. done is called from osy_http_poll (never from here), exactly once, unless it is
 * cancelled. Everything of the request but the body is copied. An unusable request fails here.
 */
enum osy_code osy_http_start(struct osy_http *http, const struct osy_http_request *request,
	osy_http_done done, void *arg, struct osy_http_call **ret /* may be NULL */,
	struct osy_err *err) OSY_CHECKED;
/* Of a request with on_data, from its first piece on. */
int osy_http_call_status(const struct osy_http_call *call);
struct osy_str osy_http_call_header(const struct osy_http_call *call, const char *name);
/* Lets a paused call go on; its pieces come (or are asked for) from osy_http_poll. Nothing when it
 * is not paused. */
void osy_http_resume(struct osy_http_call *call);
/* Before its own done is called; also from within another's done. */
void osy_http_cancel(struct osy_http_call *call);
size_t osy_http_in_flight(const struct osy_http *http);
/*
 * Waits at most timeout_ms for the network, a wake-up or one of the fds to be readable, calls the
 * callbacks that are due. ret_readable (may be NULL): a flag a fd.
 */
void osy_http_poll(struct osy_http *http, unsigned timeout_ms, const int *fds, size_t fd_count,
	bool *ret_readable);
void osy_http_wakeup(struct osy_http *http); /* any thread, also a signal handler's thread */
/* A whole request on the spot, without on_data (polls until it is done); reply is the caller's:
 * osy_buf_done(&reply->body). Its code is returned. Its headers live until the next osy_http_run().
 */
enum osy_code osy_http_run(struct osy_http *http, const struct osy_http_request *request,
	struct osy_http_reply *reply, struct osy_err *err) OSY_CHECKED;

#endif
