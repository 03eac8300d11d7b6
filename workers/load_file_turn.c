/* The way of a file from its turn in the lane to its outcome. See load_file.h. */
#include "load_file_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/clock.h"
#include "osy/log.h"
#include "pulse.h"
#include "runs.h"

#include "osy/banned.h"

/* ---- Calls to the source ---- */
void osy_lfile_read_began(struct osy_lfile *file)
{
	file->payer = osy_load_source_of(file->loader, file->run);
	osy_budget_started(file->payer->budget, &file->budget, 0);
	osy_load_count_call(file->loader, file->run->id);
}

void osy_lfile_read_over(struct osy_lfile *file, const struct osy_sf_reply *reply)
{
	if (file->payer)
		osy_budget_ended(file->payer->budget, &file->budget, reply);
	file->payer = NULL;
	file->from = NULL;
}

void osy_lfile_wake(const struct osy_lfile *file)
{
	file->loader->moved = true;
	osy_http_wakeup(file->loader->worker->http);
}

/* ---- The end of a transfer ---- */
void osy_lfile_free(struct osy_lfile *file)
{
	struct osy_lfile **at = &file->loader->files;

	if (file->payer) {
		osy_sf_cancel(file->run->source, file);
		osy_lfile_read_over(file, NULL);
	}
	while (*at != file)
		at = &(*at)->next;
	*at = file->next;
	osy_md5_free(file->md5);
	osy_buf_done(&file->head);
	osy_runs_unref(file->run);
	free(file);
}

/* The request to the target frees it at its own end. */
static bool is_posted(const struct osy_lfile *file)
{
	return file->phase == OSY_FILE_STREAMING;
}

void osy_file_forget(struct osy_lbatch *batch)
{
	for (struct osy_lfile *file = batch->load->loader->files; file; file = file->next) {
		if (file->batch != batch)
			continue;
		file->batch = NULL;
		if (file->to)
			osy_http_resume(file->to); /* breaks off */
		if (!is_posted(file))
			osy_lfile_free(file);
		return;
	}
}

void osy_files_free(struct osy_loader *loader)
{
	while (loader->files)
		osy_lfile_free(loader->files);
}

unsigned osy_files_reading(const struct osy_loader *loader, const struct osy_lorg *org)
{
	unsigned n = 0;

	for (const struct osy_lfile *file = loader->files; file; file = file->next)
		n += file->payer == org ||
		     ((file->phase == OSY_FILE_BEFORE || file->phase == OSY_FILE_HASH_SOURCE) &&
			     osy_load_source_of((struct osy_loader *)loader, file->run) == org);
	return n;
}

void osy_lfile_leave(struct osy_lfile *file, bool failed)
{
	struct osy_lbatch *batch = file->batch;
	/* Files that nothing tells from each other go one by one: what one has come to is recorded
	 * before the next is sent, lest a successor take the next one's for it. */
	bool alone = !osy_lfile_tells_size(batch) && !osy_is_pending(&batch->rows[file->row]);

	file->batch = NULL;
	osy_lfile_free(file);
	osy_load_go_on(batch, failed || alone);
}

void osy_lfile_set_aside(struct osy_lfile *file, int64_t ms)
{
	struct osy_lbatch *batch = file->batch;

	file->batch = NULL;
	osy_lfile_free(file);
	osy_log(OSY_INFO, "file.set_aside", OSY_KV("lane", batch->load->lane->key),
		OSY_KV_INT("offset", batch->offset), OSY_KV_INT("ms", ms));
	batch->record_as = OSY_RECORD_ASIDE;
	batch->due_in_ms = ms;
	osy_load_step(batch, OSY_STEP_RECORD);
}

bool osy_lfile_not_executed(const struct osy_err *err)
{
	return err->code == OSY_E_UNREACHABLE || err->code == OSY_E_LIMIT ||
	       err->code == OSY_E_SESSION || err->code == OSY_E_AUTH;
}

void osy_lfile_source_failed(struct osy_lfile *file)
{
	struct osy_lbatch *batch = file->batch;
	struct osy_lrow *row = &batch->rows[file->row];
	const struct osy_err err = file->err;
	bool final = err.code == OSY_E_SALESFORCE && err.cls != OSY_RETRY;

	if (final || (!osy_lfile_not_executed(&err) && ++row->tries >= OSY_LOAD_FILE_TRIES)) {
		osy_load_refuse_err(batch, file->row, &err);
		osy_lfile_leave(file, false);
		return;
	}
	batch->pause_ms = osy_load_pause(batch, &err);
	osy_lfile_leave(file, true);
}

/* ---- The step ---- */

/* The last look before the end of the form goes out. */
static void release(struct osy_lfile *file)
{
	if (!osy_pulse_may_send(file->loader->worker->pulse) || !osy_load_note_sent(file->batch))
		return;
	file->released = true;
	osy_http_resume(file->to);
}

static void turn(struct osy_lfile *file)
{
	struct osy_loader *loader = file->loader;

	if (file->wait_until > loader->now)
		return;
	switch (file->phase) {
	case OSY_FILE_READY:
		if (file->err.code)
			osy_lfile_source_failed(file);
		else if (osy_load_slot(file->batch, true) &&
			 osy_pulse_may_send(loader->worker->pulse))
			osy_lfile_post(file);
		break;
	case OSY_FILE_STREAMING:
		if (file->whole && !file->released && file->to)
			release(file);
		break;
	case OSY_FILE_BEFORE:
		osy_lfile_find_before(file);
		break;
	case OSY_FILE_LOOKING:
	case OSY_FILE_DOCUMENT:
	case OSY_FILE_CHECKING:
		if (osy_load_slot(file->batch, false))
			osy_lfile_look(file);
		break;
	case OSY_FILE_HASH_TARGET:
	case OSY_FILE_VERIFY:
		if (osy_load_slot(file->batch, false))
			osy_lfile_hash_target(file);
		break;
	case OSY_FILE_HASH_SOURCE:
		if (osy_budget_may_start(osy_load_source_of(loader, file->run)->budget))
			osy_lfile_read_now(file);
		break;
	case OSY_FILE_MEASURE:
	case OSY_FILE_READING:
	case OSY_FILE_ASKING:
		break;
	}
}

void osy_load_files(struct osy_loader *loader)
{
	for (struct osy_lfile *file = loader->files, *next; file; file = next) {
		next = file->next;
		if (file->batch && !file->batch->load->lane->lost &&
			loader->trouble_until <= loader->now)
			turn(file);
	}
}

void osy_lfile_look_or_read(struct osy_lfile *file)
{
	const struct osy_lbatch *batch = file->batch;
	const struct osy_lrow *row = &batch->rows[file->row];
	struct osy_str sum =
		osy_lfile_plain(osy_lfile_value(batch, row->values, batch->object->file->sum));

	if (row->action != OSY_ACT_UPDATE || !(row->lost || row->was_update)) {
		osy_lfile_read_now(file);
		return;
	}
	snprintf(file->sum, sizeof(file->sum), "%.*s",
		(int)(sum.len < sizeof(file->sum) ? sum.len : 0), sum.p ? sum.p : "");
	file->phase = OSY_FILE_LOOKING;
}

/* Whether an update has to know first whether the bodies are the same. */
static bool is_hashed(const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	return osy_lfile_is_fixed(batch) ||
	       (row->before && !row->was_update &&
		       osy_lfile_body_is(batch, row) == OSY_LBODY_UNSURE);
}

/* What comes first. */
static void begin(struct osy_lfile *file)
{
	const struct osy_lbatch *batch = file->batch;
	const struct osy_lrow *row = &batch->rows[file->row];

	if (row->action == OSY_ACT_UPDATE && osy_lfile_has_versions(batch)) {
		struct osy_str document = osy_lfile_plain(osy_lfile_document(batch, row));
		osy_lfile_set_document(file, document);
		if (file->document[0]) {
			osy_lfile_look_or_read(file);
			return;
		}
		file->before = row->target; /* a former owner knew it */
		file->phase = OSY_FILE_DOCUMENT;
	} else if (row->action == OSY_ACT_UPDATE && is_hashed(batch, row)) {
		file->phase = OSY_FILE_HASH_TARGET;
	} else if (osy_lfile_follows(batch, file->row)) {
		file->phase = OSY_FILE_BEFORE;
	} else {
		osy_lfile_read_now(file);
	}
}

void osy_file_send(struct osy_lbatch *batch)
{
	struct osy_loader *loader = batch->load->loader;
	struct osy_wrun *run = osy_lrun(batch);
	struct osy_err err = OSY_ERR_NONE;

	if (osy_runs_source(loader->worker, run, &err)) {
		osy_load_wait(batch, osy_load_pause(batch, &err));
		return;
	}
	if (!osy_budget_may_start(osy_load_source_of(loader, run)->budget))
		return;
	struct osy_lfile *file = osy_xcalloc(1, sizeof(*file));
	*file = (struct osy_lfile){.loader = loader, .run = run, .batch = batch};
	run->refs++;
	file->row = batch->order[batch->starts[batch->next_collection]];
	file->size = osy_lfile_size(batch, batch->rows[file->row].values);
	if (file->size < 0 && osy_lfile_tells_size(batch))
		file->size = 0;
	file->next = loader->files;
	loader->files = file;
	begin(file);
	batch->load->sent = ++loader->sends;
	batch->next_collection++;
	osy_load_step(batch, OSY_STEP_SENDING);
}
