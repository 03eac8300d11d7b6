/*
 * Between the files of the HTTP client. curl shows through here and nowhere else.
 */
#ifndef OSY_HTTP_INTERNAL_H
#define OSY_HTTP_INTERNAL_H

#include <curl/curl.h>

#include "osy/http.h"

struct osy_http_call {
	struct osy_http *http;
	struct osy_http_call *prev, *next;
	CURL *easy;
	struct curl_slist *headers;
	osy_http_done done;
	void *arg;
	struct osy_str body; /* borrowed; p NULL: body_fd, when body_size > 0 */
	int body_fd;
	int64_t body_size, body_sent;
	bool is_put;
	ssize_t (*read_body)(struct osy_http_call *call, char *out, size_t size, void *arg);
	void (*on_body_sent)(void *arg); /* NULL: nobody waits for it */
	bool (*may_send)(void *arg);	 /* NULL: always */
	bool body_failed, withheld;
	bool no_reply_body; /* HEAD */
	bool safe;	    /* GET, HEAD: curl may repeat it */
	enum osy_http_reach reach;
	bool over_proxy, out_of_reach; /* an address was refused */
	unsigned tries;		       /* how often curl was about to send it */
	bool too_big;
	bool head_ended; /* the blank line after the last reply's headers came */
	struct osy_buf reply_body;
	/* With on_data or read_body only. */
	bool (*on_data)(struct osy_http_call *call, struct osy_str piece, void *arg);
	uint64_t handed_out, max_handed_out; /* 0: no bound */
	unsigned silence_ms;		     /* the longest; 0: without them */
	int64_t heard_ms;		     /* when something went to and fro */
	bool paused, resumes;
	char where[128];
	char text[CURL_ERROR_SIZE];
};

struct osy_http {
	unsigned magic;
	CURLM *multi;
	struct osy_http_call *calls;
	size_t in_flight;
	unsigned timeout_ms;		/* of requests that name none */
	size_t streams, resumes;	/* how many of them have silence_ms, are to go on */
	struct osy_http_call *last_run; /* kept for the headers of the last reply of osy_http_run */
	const char *ca_file;		/* of the environment; NULL: curl's own */
};

/* ---- http_check.c: whether a request may be sent at all ---- */

enum osy_code osy_http_check(
	const struct osy_http_request *request, struct osy_err *err) OSY_CHECKED;
/* The URL's scheme and host, for error texts: no path, no query (they may hold a token). */
void osy_http_where(struct osy_str url, char *ret, size_t size);

/* ---- http_reach.c ---- */

bool osy_http_may_reach(const struct sockaddr *address, enum osy_http_reach reach);
/* The proxy of the environment for https to a host, as curl finds it; NULL: none. */
const char *osy_http_proxy(struct osy_str host);

/* ---- http_reply.c ---- */

/* All of a reply but its body, from the call and what curl says of its end. */
void osy_http_fill_reply(struct osy_http_reply *reply, CURLcode curl);

/* ---- http_stream.c ---- */

/* A piece for on_data; returns what curl's write callback is to return. */
size_t osy_http_hand_out(struct osy_http_call *call, struct osy_str piece);
/* Lets a resumed call go on; it gets pieces from here. What went wrong is for finish(): curl leaves
 * such a call where it is. */
CURLcode osy_http_go_on(struct osy_http_call *call);
/* How much longer nothing may come; 0 or less: it is over. A paused one may wait for ever. */
int64_t osy_http_silence_left(const struct osy_http_call *call);

#endif
