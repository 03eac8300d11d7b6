#include "osy/sf_many.h"

#include "osy/mem.h"

#include "osy/banned.h"

#define POLL_MS 1000

static void done(struct osy_sf_reply *reply, void *arg)
{
	struct osy_sf_many *call = arg;

	call->code = reply->code;
	call->status = reply->status;
	if (reply->code) {
		call->err = reply->err;
	} else {
		size_t len = 0;
		char *p = osy_buf_take(reply->body, &len);
		call->body = (struct osy_buf){p, len, len + 1, len};
	}
	call->ended_ = true;
}

static size_t under_way(const struct osy_sf_many *calls, size_t started)
{
	size_t n = 0;

	for (size_t i = 0; i < started; i++)
		n += !calls[i].ended_;
	return n;
}

void osy_sf_run_many(
	struct osy_http *http, struct osy_sf_many *calls, size_t count, unsigned in_flight)
{
	size_t started = 0;

	for (;;) {
		size_t flying = under_way(calls, started);
		if (started == count && !flying)
			return;
		while (started < count && flying < in_flight) {
			struct osy_sf_many *call = &calls[started++];
			call->body = OSY_BUF(1);
			call->status = 0;
			call->code =
				osy_sf_start(call->org, &call->request, done, call, &call->err);
			call->ended_ = call->code != OSY_OK;
			flying += !call->ended_;
		}
		if (flying)
			osy_http_poll(http, POLL_MS, NULL, 0, NULL);
	}
}
