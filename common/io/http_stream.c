/*
 * Replies that are handed out as they come. curl keeps the piece that made a pause, and gives it
 * again from within curl_easy_pause(), as it does with what follows in its buffer: so that is
 * called from the loop only, never from where the caller resumes, which may be a callback of curl.
 */
#include "http_internal.h"

#include "osy/clock.h"

size_t osy_http_hand_out(struct osy_http_call *call, struct osy_str piece)
{
	call->heard_ms = osy_mono_ms();
	if (call->max_handed_out && call->handed_out + piece.len > call->max_handed_out) {
		call->too_big = true;
		return 0;
	}
	if (piece.len > 0 && !call->on_data(call, piece, call->arg)) {
		call->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	call->handed_out += piece.len;
	return piece.len;
}

void osy_http_resume(struct osy_http_call *call)
{
	if (!call->paused || call->resumes)
		return;
	call->resumes = true;
	call->http->resumes++;
}

CURLcode osy_http_go_on(struct osy_http_call *call)
{
	call->resumes = call->paused = false;
	call->http->resumes--;
	call->heard_ms = osy_mono_ms();
	return curl_easy_pause(call->easy, CURLPAUSE_CONT);
}

int64_t osy_http_silence_left(const struct osy_http_call *call)
{
	if (!call->silence_ms || call->paused)
		return INT64_MAX;
	return call->heard_ms + call->silence_ms - osy_mono_ms();
}
