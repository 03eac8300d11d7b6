/* The calls of ingest jobs: make, upload, close, look, abort. */
#include "load_bulk.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "pulse.h"

#include "osy/banned.h"

#define FIRST_LOOK_MS 300
#define LONGEST_LOOK_MS 5000
#define REFUSALS 10 /* of one call in a row, after which no more is hoped for */
#define CODE_MAX 60
#define UPLOADS 4 /* jobs in a row whose data did not arrive */

/* ---- Any call ---- */
struct osy_lcall *osy_lbulk_call(
	struct osy_ljob *job, void (*done)(struct osy_lcall *, struct osy_sf_reply *))
{
	struct osy_load *load = job->bulk->load;
	struct osy_lcall *call = osy_load_call_new(NULL, load->loader, load->lane->run, done);

	call->ask = osy_xcalloc(1, sizeof(*call->ask));
	osy_bulk_ask_init(call->ask);
	call->job = job;
	return call;
}

bool osy_lbulk_start(struct osy_ljob *job, struct osy_lcall *call, struct osy_sf_request *request)
{
	struct osy_err err = OSY_ERR_NONE;

	if (osy_load_call_request(call, request, &err)) {
		(void)osy_lbulk_failed(job, "job.start", &err);
		return false;
	}
	job->call = call;
	return true;
}

static bool is_away(const struct osy_err *err)
{
	return err->code == OSY_E_UNREACHABLE || err->code == OSY_E_NO_REPLY ||
	       err->code == OSY_E_TIMEOUT || err->code == OSY_E_LIMIT ||
	       err->code == OSY_E_SESSION || err->code == OSY_E_AUTH;
}

enum osy_ltrouble osy_lbulk_failed(
	struct osy_ljob *job, const char *event, const struct osy_err *err)
{
	bool away = is_away(err);
	unsigned ms = 200 + osy_backoff_ms(job->waits++, 250, 30000);

	if (err->retry_after_ms > ms)
		ms = err->retry_after_ms < 600000 ? err->retry_after_ms : 600000;
	osy_log(OSY_WARN, event, OSY_KV("lane", job->bulk->load->lane->key), OSY_KV("job", job->id),
		OSY_KV_INT("ms", ms), OSY_KV_ERR(err));
	job->next_at = osy_mono_ms() + ms;
	job->bulk->load->loader->moved = true;
	if (away)
		return OSY_LTROUBLE_AWAY;
	if (++job->refusals >= REFUSALS || (err->code == OSY_E_SALESFORCE && err->cls != OSY_RETRY))
		return OSY_LTROUBLE_REFUSED;
	return OSY_LTROUBLE_AGAIN;
}

static bool is_not_executed(const struct osy_err *err)
{
	return err->code == OSY_E_UNREACHABLE || err->code == OSY_E_LIMIT ||
	       err->code == OSY_E_SESSION || err->code == OSY_E_AUTH;
}

static void step(struct osy_ljob *job, enum osy_ljob_step to, unsigned wait_ms)
{
	job->step = to;
	job->waits = job->refusals = 0;
	job->next_at = osy_mono_ms() + wait_ms;
	job->bulk->load->loader->moved = true;
}

/* The job, as a reply tells of it; NULL: dropped meanwhile. */
static struct osy_ljob *take(struct osy_lcall *call)
{
	struct osy_ljob *job = call->job;

	if (job)
		job->call = NULL;
	return job;
}

static enum osy_code read_job(
	struct osy_ljob *job, const struct osy_sf_reply *reply, struct osy_err *err)
{
	struct osy_bulk_job seen;
	enum osy_code rc = reply->code;

	if (rc)
		*err = reply->err;
	else
		rc = osy_bulk_job_read(osy_buf_str(reply->body), &seen, err);
	if (rc)
		return rc;
	if (seen.processed != job->seen.processed || seen.state != job->seen.state)
		job->moved_at = osy_mono_ms();
	job->seen = seen;
	return OSY_OK;
}

/* ---- Making one ---- */
static void on_created(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct osy_ljob *job = take(call);
	struct osy_err err = OSY_ERR_NONE;

	if (!job)
		return; /* a job that nobody knows stays Open and does nothing */
	if (!read_job(job, reply, &err)) {
		memcpy(job->id, job->seen.id, sizeof(job->id));
		step(job, OSY_LJOB_OPEN, 0);
		(void)OSY_FAILPOINT("worker.job_created");
		if (job->bulk->phase != OSY_LBULK_GATHER)
			osy_lbulk_abort_open(job); /* nothing is to go into it any more */
		job->bulk->load->jobs_failed = 0;
	} else {
		/* The org does not take the object by Bulk, or no more jobs today. */
		enum osy_ltrouble trouble = osy_lbulk_failed(job, "job.create", &err);
		job->bulk->load->no_bulk |= trouble == OSY_LTROUBLE_REFUSED ||
					    (trouble == OSY_LTROUBLE_AGAIN &&
						    ++job->bulk->load->jobs_failed >= REFUSALS);
	}
}

void osy_lbulk_create(struct osy_ljob *job)
{
	struct osy_load *load = job->bulk->load;
	struct osy_sf_request request;

	if (job->call || job->next_at > load->loader->now ||
		!osy_load_slot_of(load->loader, load->lane->run, false) ||
		!osy_pulse_may_send(load->loader->worker->pulse))
		return;
	struct osy_lcall *call = osy_lbulk_call(job, on_created);
	osy_bulk_ingest_create(call->ask, job->op, job->bulk->object->target, &request);
	osy_lbulk_start(job, call, &request);
}

/* ---- Upload: a job takes its data once, so when that goes wrong, it is made anew ---- */
static void on_uploaded(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct osy_ljob *job = take(call);

	if (!job)
		return;
	struct osy_load *load = job->bulk->load;
	(void)OSY_FAILPOINT("worker.job_uploaded");
	if (!reply->code) {
		load->uploads_failed = 0;
		step(job, OSY_LJOB_FULL, 0);
		return;
	}
	bool refused = osy_lbulk_failed(job, "job.upload", &reply->err) == OSY_LTROUBLE_REFUSED;
	if (is_not_executed(&reply->err) && !refused)
		return;
	/* Half of it may be there. */
	load->no_bulk |= refused || ++load->uploads_failed >= UPLOADS;
	job->bulk->phase = OSY_LBULK_LEAVE;
}

static void upload(struct osy_ljob *job)
{
	struct osy_lcall *call = osy_lbulk_call(job, on_uploaded);
	struct osy_sf_request request;

	osy_bulk_ingest_upload(call->ask, job->id, job->fd, job->size, &request);
	osy_lbulk_start(job, call, &request);
}

/* ---- Close: from the first of the two there is no way back ---- */
static void on_closed(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct osy_ljob *job = take(call);
	struct osy_err err = OSY_ERR_NONE;

	if (!job)
		return;
	(void)OSY_FAILPOINT("worker.job_closed");
	if (!read_job(job, reply, &err)) {
		step(job, OSY_LJOB_LOOK, FIRST_LOOK_MS);
	} else {
		job->stuck = osy_lbulk_failed(job, "job.close", &err) == OSY_LTROUBLE_REFUSED;
		job->step = is_not_executed(&err) ? OSY_LJOB_CLOSE : OSY_LJOB_LOOK;
	}
	job->moved_at = osy_mono_ms();
}

static void close_job(struct osy_ljob *job)
{
	struct osy_lcall *call = osy_lbulk_call(job, on_closed);
	struct osy_sf_request request;

	osy_bulk_ingest_close(call->ask, job->id, &request);
	osy_lbulk_start(job, call, &request);
}

/* ---- Look ---- */
static bool hangs(const struct osy_ljob *job)
{
	return osy_mono_ms() - job->moved_at >
	       job->bulk->load->loader->worker->settings->request_limit_ms;
}

static unsigned longer_pause(struct osy_ljob *job)
{
	unsigned ms = FIRST_LOOK_MS;

	for (unsigned i = 0; i < job->looks && ms < LONGEST_LOOK_MS; i++)
		ms = ms * 8 / 5;
	job->looks++;
	return ms < LONGEST_LOOK_MS ? ms : LONGEST_LOOK_MS;
}

/* A call to close it was lost; or it was refused: then nothing of it was executed, nor will be. */
static void still_open(struct osy_ljob *job)
{
	unsigned ms = job->stuck ? longer_pause(job) : 0;

	job->bulk->load->no_bulk |= job->stuck;
	step(job, job->stuck ? OSY_LJOB_ABORT : OSY_LJOB_CLOSE, ms);
}

/* "InvalidBatch : Field name not found : X": the code alone is logged, the rest may hold values of
 * records and becomes a notice of the run (load_bulk_apply.c). */
static void code_of(const struct osy_ljob *job, char code[CODE_MAX + 1])
{
	size_t len = 0;

	while (isalnum((unsigned char)job->seen.message[len]) || job->seen.message[len] == '_')
		len++;
	if (len > CODE_MAX || job->seen.message[len + strspn(job->seen.message + len, " ")] != ':')
		len = 0;
	memcpy(code, job->seen.message, len);
	code[len] = 0;
}

static void looked(struct osy_ljob *job)
{
	char code[CODE_MAX + 1];

	switch (job->seen.state) {
	case OSY_BULK_OPEN:
		still_open(job);
		return;
	case OSY_BULK_UPLOADED:
	case OSY_BULK_RUNNING:
		if (hangs(job))
			step(job, OSY_LJOB_ABORT, 0);
		else
			step(job, OSY_LJOB_LOOK, longer_pause(job));
		return;
	case OSY_BULK_COMPLETE:
	case OSY_BULK_FAILED:
	case OSY_BULK_ABORTED:
		break;
	}
	/* Refused as a whole, and so would be the next one. */
	job->bulk->load->no_bulk |= job->seen.state == OSY_BULK_FAILED && job->seen.processed == 0;
	code_of(job, code);
	osy_log(job->seen.state == OSY_BULK_COMPLETE ? OSY_DEBUG : OSY_WARN, "job.ended",
		OSY_KV("lane", job->bulk->load->lane->key), OSY_KV("job", job->id),
		OSY_KV("state", osy_bulk_state_name(job->seen.state)),
		OSY_KV_INT("processed", job->seen.processed),
		OSY_KV_INT("failed", job->seen.failed), OSY_KV("code", code));
	step(job, OSY_LJOB_ENDED, 0);
}

static bool is_gone(const struct osy_sf_reply *reply)
{
	return reply->code == OSY_E_SALESFORCE && reply->status == 404;
}

static void on_looked(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct osy_ljob *job = take(call);
	struct osy_err err = OSY_ERR_NONE;

	if (!job)
		return;
	if (!read_job(job, reply, &err)) {
		looked(job);
	} else if (is_gone(reply)) {
		osy_log(OSY_WARN, "job.gone", OSY_KV("job", job->id), OSY_KV_ERR(&err));
		job->gone = true;
		step(job, OSY_LJOB_ENDED, 0);
	} else {
		(void)osy_lbulk_failed(job, "job.look", &err);
		job->moved_at = osy_mono_ms(); /* without an answer it is not the job that hangs */
	}
}

static void look(struct osy_ljob *job)
{
	struct osy_lcall *call = osy_lbulk_call(job, on_looked);
	struct osy_sf_request request;

	osy_bulk_ingest_get(call->ask, job->id, &request);
	osy_lbulk_start(job, call, &request);
}

/* ---- Abort ---- */
static void on_aborted(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct osy_ljob *job = take(call);

	if (!job)
		return;
	step(job, OSY_LJOB_LOOK, 0); /* whatever came: its state says more */
	if (reply->code)
		job->told = osy_lbulk_failed(job, "job.abort", &reply->err) == OSY_LTROUBLE_REFUSED;
}

static void abort_job(struct osy_ljob *job)
{
	struct osy_lcall *call = osy_lbulk_call(job, on_aborted);
	struct osy_sf_request request;

	job->moved_at = osy_mono_ms();
	job->told = true;
	osy_bulk_ingest_abort(call->ask, job->id, &request);
	osy_lbulk_start(job, call, &request);
}

static void nobody_waits(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	(void)call;
	(void)reply;
}

void osy_lbulk_abort_open(struct osy_ljob *job)
{
	struct osy_sf_request request;
	struct osy_err ignored = OSY_ERR_NONE;

	if (!job->id[0] || (job->bulk->closing && (job->size || job->bulk->adopted)))
		return;
	struct osy_lcall *call = osy_lbulk_call(job, nobody_waits);
	osy_bulk_ingest_abort(call->ask, job->id, &request);
	call->job = NULL;
	(void)!osy_load_call_request(call, &request, &ignored);
}

/* ---- What is due ---- */
static const struct {
	bool writes;
	void (*start)(struct osy_ljob *job);
} steps[] = {
	[OSY_LJOB_UPLOAD] = {true, upload},
	[OSY_LJOB_FULL] = {false, NULL},
	[OSY_LJOB_CLOSE] = {true, close_job},
	[OSY_LJOB_LOOK] = {false, look},
	[OSY_LJOB_ABORT] = {true, abort_job},
	[OSY_LJOB_ENDED] = {false, NULL},
};

void osy_lbulk_run(struct osy_lbulk *bulk)
{
	struct osy_loader *loader = bulk->load->loader;

	for (unsigned i = 0; i < 2; i++) {
		struct osy_ljob *job = &bulk->jobs[i];
		if (job->call || !steps[job->step].start || job->next_at > loader->now ||
			!osy_load_slot_of(loader, bulk->load->lane->run, false) ||
			(steps[job->step].writes && !osy_pulse_may_send(loader->worker->pulse)))
			continue;
		steps[job->step].start(job);
	}
}
