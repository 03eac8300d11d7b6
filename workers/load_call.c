/* Calls to the org that are under way. */
#include "load_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/clock.h"
#include "osy/log.h"
#include "runs.h"

#include "osy/banned.h"

#define MAX_BODY (64u * 1024 * 1024)
#define FIRST_PAUSE_MS 250
#define LONGEST_PAUSE_MS 30000

bool osy_load_slot(const struct osy_loader *loader)
{
	return loader->worker->requests_in_flight <
	       (unsigned)loader->worker->settings->worker_requests;
}

struct osy_lcall *osy_load_call_new(struct osy_lbatch *batch, struct osy_loader *loader,
	struct osy_wrun *run, void (*done)(struct osy_lcall *, struct osy_sf_reply *))
{
	struct osy_lcall *call = osy_xcalloc(1, sizeof(*call));

	call->loader = loader;
	call->run = run;
	run->refs++;
	call->batch = batch;
	call->done = done;
	osy_sf_send_init(&call->send, MAX_BODY);
	call->next = loader->calls;
	loader->calls = call;
	return call;
}

static void call_free(struct osy_lcall *call)
{
	struct osy_lcall **at = &call->loader->calls;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	osy_sf_send_done(&call->send);
	osy_runs_unref(call->loader->worker, call->run);
	free(call);
}

void osy_load_call_drop(struct osy_lcall *call)
{
	call_free(call);
}

void osy_load_calls_drop(struct osy_loader *loader)
{
	while (loader->calls)
		call_free(loader->calls);
}

void osy_load_call_forget(struct osy_lbatch *batch)
{
	struct osy_lcall *call = batch->call;

	batch->call = NULL;
	if (!call)
		return;
	if (call->batch == batch)
		call->batch = NULL;
	for (unsigned i = 0; i < call->piece_count; i++) {
		if (call->pieces[i].batch == batch)
			call->pieces[i].batch = NULL;
	}
}

static void set_call(struct osy_lcall *call, struct osy_lcall *value)
{
	if (call->batch)
		call->batch->call = value;
	for (unsigned i = 0; i < call->piece_count; i++) {
		if (call->pieces[i].batch)
			call->pieces[i].batch->call = value;
	}
}

static void count_call(struct osy_loader *loader, const char *run)
{
	struct osy_lcount *count = loader->counts;

	while (count && strcmp(count->run, run) != 0)
		count = count->next;
	if (!count) {
		count = osy_xcalloc(1, sizeof(*count));
		snprintf(count->run, sizeof(count->run), "%s", run);
		count->next = loader->counts;
		loader->counts = count;
	}
	count->calls++;
}

static void on_done(struct osy_sf_reply *reply, void *arg)
{
	struct osy_lcall *call = arg;
	struct osy_loader *loader = call->loader;

	OSY_ASSERT(loader->worker->requests_in_flight > 0);
	loader->worker->requests_in_flight--;
	if (call->org)
		osy_narrow_over(&call->org->narrow);
	loader->moved = true;
	loader->now = osy_mono_ms();
	set_call(call, NULL);
	call->done(call, reply);
	call_free(call);
}

enum osy_code osy_load_call_start(struct osy_lcall *call, const struct osy_http_header *headers,
	size_t header_count, struct osy_err *err)
{
	struct osy_sf_request request;

	osy_sf_send_end(&call->send, &request);
	request.headers = headers;
	request.header_count = header_count;
	enum osy_code rc = osy_sf_start(call->run->target, &request, on_done, call, err);
	if (rc) {
		call_free(call);
		return rc;
	}
	call->loader->worker->requests_in_flight++;
	if (call->org)
		call->mark = osy_narrow_sent(&call->org->narrow);
	count_call(call->loader, call->run->id);
	set_call(call, call);
	return OSY_OK;
}

unsigned osy_load_pause(struct osy_lbatch *batch, const struct osy_err *err)
{
	unsigned ms = FIRST_PAUSE_MS / 2 +
		      osy_backoff_ms(batch->waits++, FIRST_PAUSE_MS, LONGEST_PAUSE_MS);

	if (err) {
		osy_log(OSY_WARN, "batch.wait", OSY_KV("lane", batch->load->lane->key),
			OSY_KV_INT("offset", batch->offset), OSY_KV_INT("ms", ms), OSY_KV_ERR(err));
		if (err->retry_after_ms > ms)
			ms = err->retry_after_ms < 600000 ? err->retry_after_ms : 600000;
	}
	return ms;
}
