#include "hook.h"

#include <stdio.h>

#include "osy/clock.h"
#include "osy/crypt.h"
#include "osy/mem.h"

#define PREFIX_LEN 6 /* whsec_ */

void osy_hook_sign(const struct osy_secret *secret, const char *id, int64_t at_s,
	struct osy_str body, struct osy_buf *out)
{
	OSY_AUTO(osy_buf_done) struct osy_buf key = OSY_BUF(4096), text = OSY_BUF(SIZE_MAX / 2);
	struct osy_str given = osy_secret_open(secret);
	struct osy_err err;
	unsigned char mac[32];

	OSY_ASSERT(given.len > PREFIX_LEN);
	if (osy_base64_decode(
		    (struct osy_str){given.p + PREFIX_LEN, given.len - PREFIX_LEN}, &key, &err))
		OSY_BUG("a hook's secret that was checked is no base64");
	osy_buf_addf(&text, "%s.%lld.", id, (long long)at_s);
	osy_buf_add_str(&text, body);
	osy_hmac(osy_buf_str(&key), osy_buf_str(&text), mac);
	explicit_bzero(key.p, key.cap);
	osy_buf_addz(out, "v1,");
	osy_base64_encode((struct osy_str){(const char *)mac, sizeof(mac)}, false, out);
}

enum osy_code osy_hook_start(struct osy_http *http, const struct osy_hook *hook,
	const struct osy_hook_request *asked, osy_http_done done, void *arg,
	struct osy_http_call **ret, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf signature = OSY_BUF(256);
	const struct osy_str url = osy_secret_open(&hook->url);
	const bool plain = osy_str_starts(url, "http://");
	const int64_t now_s = osy_wall_ms() / 1000;
	char moment[32];

	(void)snprintf(moment, sizeof(moment), "%lld", (long long)now_s);
	osy_hook_sign(&hook->secret, asked->id, now_s, asked->body, &signature);
	const struct osy_http_header headers[] = {
		{"Content-Type", OSY_STR("application/json")},
		{"webhook-id", osy_str(asked->id)},
		{"webhook-timestamp", osy_str(moment)},
		{"webhook-signature", osy_buf_str(&signature)},
	};
	const struct osy_http_request request = {.method = "POST",
		.url = url,
		.headers = headers,
		.header_count = OSY_COUNT(headers),
		.body = asked->body,
		.max_reply_bytes = asked->max_reply_bytes,
		.timeout_ms = asked->timeout_ms,
		.reach = plain ? OSY_HTTP_LOOPBACK : OSY_HTTP_PUBLIC,
		.plain = plain};
	return osy_http_start(http, &request, done, arg, ret, err);
}

/* Of those of 4xx that say "not now" rather than "no". */
static bool may_pass(int status)
{
	return status >= 500 || status == 408 || status == 425 || status == 429;
}

enum osy_hook_verdict osy_hook_judge(const struct osy_http_reply *reply, struct osy_buf *ret_note)
{
	if (reply->code == OSY_E_TOO_BIG) {
		osy_buf_addf(ret_note, "its answer is larger than %zu bytes", reply->body.max);
		return OSY_HOOK_AGAIN;
	}
	if (reply->code) {
		osy_buf_addf(ret_note, "%s", reply->err.msg);
		return OSY_HOOK_AGAIN;
	}
	if (reply->status >= 200 && reply->status < 300)
		return OSY_HOOK_DELIVERED;
	osy_buf_addf(ret_note, "it answered %d%s", reply->status,
		reply->status >= 300 && reply->status < 400 ? "; redirects are not followed" : "");
	return may_pass(reply->status) ? OSY_HOOK_AGAIN : OSY_HOOK_REFUSED;
}
