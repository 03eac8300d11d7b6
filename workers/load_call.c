/* Calls to the org that are under way. */
#include "load_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/clock.h"
#include "osy/log.h"
#include "pulse.h"
#include "runs.h"

#include "osy/banned.h"

#define MAX_BODY (64u * 1024 * 1024)
#define SPARE_LEAST (64u * 1024)
#define SPARE_MOST (1024u * 1024)
#define FIRST_PAUSE_MS 250
#define LONGEST_PAUSE_MS 30000

bool osy_load_slot(const struct osy_lbatch *batch, bool write)
{
	return osy_load_slot_of(batch->load->loader, osy_lrun(batch), write);
}

bool osy_load_slot_of(struct osy_loader *loader, struct osy_wrun *run, bool write)
{
	const struct osy_lorg *org = osy_load_org_of(loader, run);

	if (loader->worker->requests_in_flight >=
		(unsigned)loader->worker->settings->worker_requests)
		return false;
	if (write && !osy_narrow_may_send(org->narrow))
		return false;
	return osy_load_org_turn(loader, run) && osy_budget_may_start(org->budget);
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
	if (loader->spare_body_count)
		call->send.body = loader->spare_bodies[--loader->spare_body_count];
	call->next = loader->calls;
	loader->calls = call;
	return call;
}

/* It flies no more, with a reply or without. */
static void landed(struct osy_lcall *call, const struct osy_sf_reply *reply)
{
	struct osy_worker *worker = call->loader->worker;

	if (!call->payer)
		return;
	OSY_ASSERT(worker->requests_in_flight > 0 && call->run->flying > 0);
	worker->requests_in_flight--;
	call->run->flying--;
	osy_budget_ended(call->payer->budget, &call->budget, reply);
	if (call->org)
		osy_narrow_over(call->org->narrow);
	call->payer = NULL;
}

static void call_free(struct osy_lcall *call)
{
	struct osy_lcall **at = &call->loader->calls;

	landed(call, NULL);
	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	call->loader->bytes -= call->body_weight;
	osy_sf_send_done(&call->send);
	if (call->ask)
		osy_bulk_ask_done(call->ask);
	free(call->ask);
	osy_runs_unref(call->run);
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

void osy_load_count_call(struct osy_loader *loader, const char *run)
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

	landed(call, reply);
	loader->moved = true;
	loader->now = osy_mono_ms();
	set_call(call, NULL);
	call->done(call, reply);
	call_free(call);
}

/* A few bodies' memory is used again. */
static void keep_body(struct osy_lcall *call)
{
	struct osy_loader *loader = call->loader;
	struct osy_buf *body = &call->send.body;

	if (loader->spare_body_count < OSY_COUNT(loader->spare_bodies) &&
		body->cap >= SPARE_LEAST && body->cap <= SPARE_MOST) {
		osy_buf_reset(body);
		loader->spare_bodies[loader->spare_body_count++] = *body;
		*body = OSY_BUF(MAX_BODY);
	} else {
		osy_buf_done(body);
	}
}

/* A body weighs as much as its rows, and an org takes seconds to answer. Rows whose session was
 * refused are not settled and go once more. */
static void on_body_sent(void *arg)
{
	struct osy_lcall *call = arg;

	call->loader->bytes -= call->body_weight;
	call->body_weight = 0;
	keep_body(call);
}

static unsigned records_of(const struct osy_lcall *call)
{
	unsigned records = 0;

	for (unsigned p = 0; p < call->piece_count; p++)
		records += call->pieces[p].count;
	return records;
}

static void took_off(struct osy_lcall *call)
{
	call->payer = osy_load_org_of(call->loader, call->run);
	call->loader->worker->requests_in_flight++;
	call->run->flying++;
	osy_budget_started(call->payer->budget, &call->budget, records_of(call));
	if (call->org)
		call->mark = osy_narrow_sent(call->org->narrow);
}

enum osy_code osy_load_call_start(struct osy_lcall *call, const struct osy_http_header *headers,
	size_t header_count, struct osy_err *err)
{
	struct osy_sf_request request;

	osy_sf_send_end(&call->send, &request);
	request.headers = headers;
	request.header_count = header_count;
	request.on_body_sent = call->org ? on_body_sent : NULL;
	return osy_load_call_request(call, &request, err);
}

/* A worker that was stopped between the last look at its lease and the send: by now its lanes may
 * be somebody else's, who waits for what it may have sent, but not for what it still sends. */
static bool may_send(void *arg)
{
	const struct osy_lcall *call = arg;
	const struct osy_pulse *pulse = call->loader->worker->pulse;

	return osy_pulse_may_send(pulse) && osy_pulse_term(pulse) == call->term;
}

enum osy_code osy_load_call_request(
	struct osy_lcall *call, struct osy_sf_request *request, struct osy_err *err)
{
	call->term = osy_pulse_term(call->loader->worker->pulse);
	request->may_send = may_send;
	enum osy_code rc = osy_sf_start(call->run->target, request, on_done, call, err);

	if (rc) {
		call_free(call);
		return rc;
	}
	call->body_weight = call->send.body.len;
	call->loader->bytes += call->body_weight;
	took_off(call);
	osy_load_count_call(call->loader, call->run->id);
	set_call(call, call);
	return OSY_OK;
}

enum osy_code osy_load_call_bodies(struct osy_lcall *call, const struct osy_sf_reply *reply,
	int *ret_status, struct osy_str *ret_bodies, struct osy_err *ret_errs, struct osy_err *err)
{
	if (reply->code) {
		*err = reply->err;
		return reply->code;
	}
	return osy_sf_send_bodies(
		&call->send, osy_buf_str(reply->body), ret_status, ret_bodies, ret_errs, err);
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
