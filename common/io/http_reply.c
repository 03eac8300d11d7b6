/* What a reply says, and what its end means. */
#include "http_internal.h"

#include <stdio.h>

#include "osy/json_pull.h"
#include "osy/mem.h"

#define MAX_RETRY_AFTER_S 86400

int osy_http_call_status(const struct osy_http_call *call)
{
	long status = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

struct osy_str osy_http_call_header(const struct osy_http_call *call, const char *name)
{
	struct curl_header *header;

	if (curl_easy_header(call->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return OSY_STR_NULL;
	return osy_str(header->value);
}

struct osy_str osy_http_reply_header(const struct osy_http_reply *reply, const char *name)
{
	return reply->call_ ? osy_http_call_header(reply->call_, name) : OSY_STR_NULL;
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
	if (call->tries == 0 || call->withheld) /* then no server has the whole of it */
		return OSY_E_UNREACHABLE;
	if (call->too_big)
		return OSY_E_TOO_BIG;
	return curl == CURLE_OPERATION_TIMEDOUT ? OSY_E_TIMEOUT : OSY_E_NO_REPLY;
}

/* Whether a body shows by itself that nothing of it is missing. */
static bool is_whole_json(struct osy_str body)
{
	struct osy_json_pull pull;
	enum osy_pull token;

	osy_json_pull_init(&pull, body);
	do
		token = osy_json_pull_next(&pull);
	while (token != OSY_PULL_END && token != OSY_PULL_ERROR);
	return token == OSY_PULL_END && body.len > 0;
}

/*
 * Why a reply that curl finds good is not whole. One of HTTP/1.1 that says no length ends where its
 * connection ends, and nobody can tell whether that is its end: rows of a CSV would be lost without
 * a word. JSON tells, and a PUT that is answered by a 201 has nothing more to tell (the data of an
 * ingest job); what a POST has made would be told in a body.
 */
static const char *cut_off(const struct osy_http_reply *reply)
{
	long version = 0, status = reply->status;

	if (!reply->call_->head_ended)
		return "its headers are cut off";
	if (status < 100 || status > 599)
		return "its first line is none of HTTP";
	curl_easy_getinfo(reply->call_->easy, CURLINFO_HTTP_VERSION, &version);
	if (version != CURL_HTTP_VERSION_1_1 || status == 204 || status == 304 ||
		reply->call_->no_reply_body || osy_http_reply_header(reply, "Content-Length").p ||
		osy_http_reply_header(reply, "Transfer-Encoding").p)
		return NULL;
	if (is_whole_json(osy_buf_str(&reply->call_->reply_body)) ||
		(reply->call_->is_put && status == 201 && reply->call_->reply_body.len == 0))
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
	if (code == OSY_E_UNREACHABLE && call->out_of_reach) {
		reply->code = osy_fail_from(&reply->err, code, "reach",
			"%s was not asked: its name leads to an address that is %s", call->where,
			call->reach == OSY_HTTP_PUBLIC ? "not public" : "not of this machine");
		return;
	}
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

void osy_http_fill_reply(struct osy_http_reply *reply, CURLcode curl)
{
	struct osy_http_call *call = reply->call_;
	const char *why = NULL;

	fill_facts(reply, call);
	if (curl == CURLE_OK) {
		why = cut_off(reply);
		curl = why ? CURLE_PARTIAL_FILE : CURLE_OK;
	} else if (call->withheld) {
		why = "the request was withheld: its sender's lease is in doubt";
	} else if (call->body_failed) {
		why = "its body cannot be read from its file to the end";
	}
	if (why)
		snprintf(call->text, sizeof(call->text), "%s", why);
	if (curl != CURLE_OK)
		fill_error(reply, call, curl);
}
