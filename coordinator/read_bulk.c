/*
 * One query job: made, looked at with growing pauses, read page by page. Two pages are on their way
 * at once; they are taken one after the other.
 */
#include <stdio.h>
#include <stdlib.h>

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "read_internal.h"

#define PAGES 2
#define FIRST_LOOK_MS 200
#define LAST_LOOK_MS 5000
#define HANGS_AFTER_MS (10 * 60 * 1000)

_Static_assert(OSY_FRONTIER_LOCATOR_MAX == OSY_BULK_LOCATOR_MAX, "a locator fits into a frontier");

struct read_bulk {
	struct osy_drive *drive;
	enum osy_gate_side side;
	const struct osy_spec_object *object;
	char job[19]; /* "": not made yet */
	bool found;   /* made by an earlier reader */
	bool ready;   /* its result is there */
	struct osy_read_request *request;
	struct read_again again;
	int64_t look_at, pause_ms;
	int64_t processed, moved_at; /* its progress, and when that last moved */
	enum osy_bulk_state state;
	enum read_bulk_end end;
	char why[640];
	/* where the first page is, and the pages */
	char locator[OSY_FRONTIER_LOCATOR_MAX];
	int64_t row, given;
	struct read_page *pages[PAGES];
	size_t page_count;
	struct osy_buf spare;
	bool complete;
};

struct read_bulk *read_bulk_new(struct osy_drive *drive, enum osy_gate_side side,
	const struct osy_spec_object *object, const struct osy_frontier *from)
{
	struct read_bulk *bulk = osy_xcalloc(1, sizeof(*bulk));

	bulk->drive = drive;
	bulk->side = side;
	bulk->object = object;
	memcpy(bulk->job, from->job, sizeof(bulk->job));
	bulk->found = from->job[0] != 0;
	memcpy(bulk->locator, from->locator, sizeof(bulk->locator));
	bulk->row = from->row;
	bulk->pause_ms = FIRST_LOOK_MS;
	bulk->processed = -1;
	bulk->moved_at = osy_mono_ms();
	bulk->spare = OSY_BUF(64u * 1024 * 1024);
	return bulk;
}

struct read_bulk *read_bulk_free(struct read_bulk *bulk)
{
	if (bulk) {
		if (bulk->request)
			read_request_leave(bulk->request);
		for (size_t i = 0; i < bulk->page_count; i++)
			read_page_free(bulk->pages[i]);
		osy_buf_done(&bulk->spare);
		free(bulk);
	}
	return NULL;
}

static void end(struct read_bulk *bulk, enum read_bulk_end how, const char *why)
{
	bulk->end = how;
	(void)snprintf(bulk->why, sizeof(bulk->why), "%s", why);
}

enum read_bulk_end read_bulk_ended(const struct read_bulk *bulk, const char **ret_why)
{
	*ret_why = bulk->why;
	return bulk->end;
}

/* ---- The job ---- */
/* What the org refuses, and would refuse again. */
static bool is_refusal(const struct osy_err *err)
{
	return err->code == OSY_E_SALESFORCE && err->cls != OSY_RETRY;
}

/* The request for whatever is to be sent next; call points into it. */
static enum osy_code send(struct read_bulk *bulk, struct osy_read_request *request,
	const struct osy_sf_request *call, osy_sf_done done, struct osy_err *err)
{
	enum osy_code rc = osy_gate_start(bulk->drive, bulk->side, call, done, request, err);

	if (rc)
		read_request_drop(request);
	else if (request->owner)
		bulk->request = request;
	return rc;
}

static void on_let_go(struct osy_sf_reply *reply, void *arg)
{
	struct osy_read_request *request = arg;

	if (reply->code)
		osy_log(OSY_INFO, "read.job_left", OSY_KV("run", request->drive->run),
			OSY_KV_ERR(&reply->err));
	read_request_drop(request);
}

static void let_go(struct read_bulk *bulk,
	void (*fill)(struct osy_bulk_ask *ask, const char *job, struct osy_sf_request *ret))
{
	struct osy_read_request *request = read_request_new(bulk->drive, NULL);
	struct osy_sf_request call;
	struct osy_err ignored = OSY_ERR_NONE;

	fill(&request->ask, bulk->job, &call);
	(void)!send(bulk, request, &call, on_let_go, &ignored);
}

void read_bulk_delete(struct read_bulk *bulk)
{
	if (bulk->job[0] && !bulk->ready && bulk->end == READ_BULK_GOES_ON)
		let_go(bulk, osy_bulk_query_abort);
	else if (bulk->job[0])
		let_go(bulk, osy_bulk_query_delete);
	bulk->job[0] = 0;
}

static void on_made(struct osy_sf_reply *reply, void *arg)
{
	struct osy_read_request *request = arg;
	struct read_bulk *bulk = request->owner;
	struct osy_bulk_job job;
	struct osy_err err = reply->err;

	read_request_drop(request);
	if (!bulk)
		return;
	bulk->request = NULL;
	if (!reply->code && osy_bulk_job_read(osy_buf_str(reply->body), &job, &err) == OSY_OK) {
		memcpy(bulk->job, job.id, sizeof(bulk->job));
		bulk->again.attempts = 0;
		bulk->moved_at = osy_mono_ms();
		bulk->look_at = bulk->moved_at + bulk->pause_ms;
		osy_log(OSY_INFO, "read.job", OSY_KV("run", bulk->drive->run),
			OSY_KV("object", bulk->object->name), OSY_KV("job", bulk->job));
	} else if (err.code == OSY_E_SALESFORCE) { /* not supported, or no quota left */
		end(bulk, READ_BULK_REFUSED, err.msg);
	} else {
		read_again_after(&bulk->again, &err);
	}
}

static enum osy_code make(struct read_bulk *bulk, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(READ_MAX_SOQL);
	struct osy_read_request *request = read_request_new(bulk->drive, bulk);
	struct osy_sf_request call;

	read_soql(bulk->object, &soql);
	osy_bulk_query_create(&request->ask, osy_buf_str(&soql), false, &call);
	return send(bulk, request, &call, on_made, err);
}

/* A job that does not move is given up. */
static bool hangs(struct read_bulk *bulk, const struct osy_bulk_job *job)
{
	int64_t now = osy_mono_ms();

	if (job->processed != bulk->processed || job->state != bulk->state) {
		bulk->processed = job->processed;
		bulk->state = job->state;
		bulk->moved_at = now;
	}
	return (job->state != OSY_BULK_COMPLETE && now - bulk->moved_at >= HANGS_AFTER_MS) ||
	       OSY_FAILPOINT("coordinator.bulk_hangs");
}

static void take_state(struct read_bulk *bulk, const struct osy_bulk_job *job)
{
	char why[600];

	if (job->state == OSY_BULK_FAILED || job->state == OSY_BULK_ABORTED) {
		(void)snprintf(why, sizeof(why), "job %s is %s: %s", bulk->job,
			osy_bulk_state_name(job->state), job->message);
		end(bulk, READ_BULK_LOST, why);
	} else if (hangs(bulk, job)) {
		let_go(bulk, osy_bulk_query_abort);
		(void)snprintf(why, sizeof(why), "job %s did not move for %d minutes", bulk->job,
			HANGS_AFTER_MS / 60000);
		end(bulk, READ_BULK_LOST, why);
	} else if (job->state == OSY_BULK_COMPLETE) {
		bulk->ready = true;
		if (bulk->found)
			osy_log(OSY_INFO, "read.job_found", OSY_KV("run", bulk->drive->run),
				OSY_KV("object", bulk->object->name), OSY_KV("job", bulk->job),
				OSY_KV("locator", bulk->locator), OSY_KV_INT("row", bulk->row));
	} else {
		bulk->look_at = osy_mono_ms() + bulk->pause_ms;
		bulk->pause_ms = bulk->pause_ms * 3 / 2;
		if (bulk->pause_ms > LAST_LOOK_MS)
			bulk->pause_ms = LAST_LOOK_MS;
	}
}

static void on_state(struct osy_sf_reply *reply, void *arg)
{
	struct osy_read_request *request = arg;
	struct read_bulk *bulk = request->owner;
	struct osy_bulk_job job;
	struct osy_err err = reply->err;

	read_request_drop(request);
	if (!bulk)
		return;
	bulk->request = NULL;
	if (!reply->code && osy_bulk_job_read(osy_buf_str(reply->body), &job, &err) == OSY_OK) {
		bulk->again.attempts = 0;
		take_state(bulk, &job);
	} else if (is_refusal(&err)) {
		end(bulk, READ_BULK_LOST, err.msg);
	} else {
		read_again_after(&bulk->again, &err);
	}
}

static enum osy_code look(struct read_bulk *bulk, struct osy_err *err)
{
	struct osy_read_request *request = read_request_new(bulk->drive, bulk);
	struct osy_sf_request call;

	osy_bulk_query_get(&request->ask, bulk->job, &call);
	return send(bulk, request, &call, on_state, err);
}

static enum osy_code start_job(struct read_bulk *bulk, struct osy_err *err)
{
	if (bulk->again.failed.code) {
		*err = bulk->again.failed;
		return err->code;
	}
	if (bulk->request || read_again_waits(&bulk->again))
		return OSY_OK;
	if (osy_mono_ms() < bulk->look_at || !osy_gate_may_read(bulk->drive, bulk->side, 1))
		return OSY_OK;
	if (!bulk->job[0])
		return make(bulk, err);
	if (OSY_FAILPOINT("coordinator.bulk_job"))
		return osy_fail(err, OSY_E_UNREACHABLE, "failpoint coordinator.bulk_job");
	return look(bulk, err);
}

/* ---- Pages ---- */
static void add_page(struct read_bulk *bulk, const char *locator, int64_t taken)
{
	bulk->pages[bulk->page_count++] =
		read_page_new(bulk->drive, bulk->side, bulk->object, bulk->job, locator, taken);
}

/* Pages ahead, while the first one is on its way or here: one that waits for the first must not
 * hold the place among the org's requests that the first one needs. */
static void look_ahead(struct read_bulk *bulk)
{
	const struct read_page *first = bulk->pages[0], *last;

	if (!first->request && !first->ended) {
		while (bulk->page_count > 1)
			read_page_free(bulk->pages[--bulk->page_count]);
		return;
	}
	while (bulk->page_count < PAGES) {
		last = bulk->pages[bulk->page_count - 1];
		if (!last->has_head || !last->next[0])
			return;
		add_page(bulk, last->next, 0);
	}
}

static enum osy_code start_pages(struct read_bulk *bulk, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	if (bulk->page_count == 0)
		add_page(bulk, bulk->locator, bulk->row);
	look_ahead(bulk);
	for (size_t i = 0; !rc && i < bulk->page_count; i++) {
		rc = read_page_start(bulk->pages[i], err);
		if (bulk->pages[0]->gone) {
			end(bulk, READ_BULK_LOST, bulk->pages[0]->again.failed.msg);
			return OSY_OK;
		}
	}
	return rc;
}

enum osy_code read_bulk_start(struct read_bulk *bulk, struct osy_err *err)
{
	if (bulk->end != READ_BULK_GOES_ON || bulk->complete)
		return OSY_OK;
	return bulk->ready ? start_pages(bulk, err) : start_job(bulk, err);
}

bool read_bulk_has_page(const struct read_bulk *bulk)
{
	return bulk->page_count && read_page_has_rows(bulk->pages[0]);
}

bool read_bulk_complete(const struct read_bulk *bulk)
{
	return bulk->complete;
}

int64_t read_bulk_given(const struct read_bulk *bulk)
{
	return bulk->given;
}

void read_bulk_frontier(const struct read_bulk *bulk, struct osy_frontier *ret)
{
	memcpy(ret->job, bulk->job, sizeof(ret->job));
	memcpy(ret->locator, bulk->locator, sizeof(ret->locator));
	ret->row = bulk->row;
}

static void next_page(struct read_bulk *bulk)
{
	struct read_page *done = bulk->pages[0];

	if (done->next[0]) {
		memcpy(bulk->locator, done->next, sizeof(bulk->locator));
		bulk->row = 0;
	} else {
		bulk->complete = true;
		if (!bulk->found && bulk->processed > 0 && bulk->given != bulk->processed)
			osy_log(OSY_WARN, "read.rows_differ", OSY_KV("run", bulk->drive->run),
				OSY_KV("object", bulk->object->name), OSY_KV("job", bulk->job),
				OSY_KV_INT("rows", bulk->given),
				OSY_KV_INT("processed", bulk->processed));
	}
	read_page_free(done);
	bulk->page_count--;
	memmove(&bulk->pages[0], &bulk->pages[1], bulk->page_count * sizeof(bulk->pages[0]));
	/* a page that was asked for twice may have told another locator */
	if (bulk->page_count && strcmp(bulk->pages[0]->locator, bulk->locator) != 0)
		read_page_free(bulk->pages[--bulk->page_count]);
}

enum osy_code read_bulk_take(
	struct read_bulk *bulk, osy_reader_row row, void *arg, struct osy_err *err)
{
	struct read_page *page = bulk->pages[0];
	int64_t before = page->taken;
	bool done = false;

	if (OSY_FAILPOINT("coordinator.bulk_page"))
		return osy_fail(err, OSY_E_NO_REPLY, "failpoint coordinator.bulk_page");
	enum osy_code rc = read_page_take(page, &bulk->spare, row, arg, &done, err);
	bulk->given += page->taken - before;
	bulk->row = page->taken;
	if (rc)
		return rc;
	if (done)
		next_page(bulk);
	return OSY_OK;
}
