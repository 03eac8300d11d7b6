/* Gathering batches of a lane into ingest jobs. See load_bulk.h. */
#include "load_bulk.h"

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"

#include "osy/banned.h"

#define MORE_MS 30000 /* for what is still to be published */
#define FETCH_MS 1000 /* for what is in the journal already */

bool osy_load_goes_bulk(const struct osy_lbatch *batch)
{
	return batch->object && batch->object->load_bulk && !batch->rest && !batch->late &&
	       !batch->head.links && !batch->load->no_bulk && !batch->given_up &&
	       !batch->object->match_only;
}

static bool is_kin(const struct osy_lbulk *bulk, const struct osy_lbatch *batch)
{
	return bulk->object == batch->object && bulk->stage == batch->head.stage;
}

static bool is_full(const struct osy_lbulk *bulk)
{
	return bulk->rows + OSY_BATCH_MAX_RECORDS > OSY_LBULK_ROWS ||
	       bulk->jobs[0].size + OSY_BATCH_MAX_BYTES > OSY_LBULK_BYTES ||
	       bulk->jobs[1].size + OSY_BATCH_MAX_BYTES > OSY_LBULK_BYTES;
}

/* ---- A batch ---- */

static bool needs(const struct osy_lbatch *batch, enum osy_action action)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (osy_is_pending(&batch->rows[i]) && batch->rows[i].action == action)
			return true;
	}
	return false;
}

/* Whether the jobs that the batch needs are Open; else they are made. */
static bool has_jobs(struct osy_lbulk *bulk, const struct osy_lbatch *batch)
{
	static const enum osy_action actions[2] = {OSY_ACT_INSERT, OSY_ACT_UPDATE};
	bool all = true;

	for (unsigned i = 0; i < 2; i++) {
		struct osy_ljob *job = &bulk->jobs[i];
		if (!needs(batch, actions[i]) || job->step == OSY_LJOB_OPEN)
			continue;
		job->step = OSY_LJOB_CREATE;
		all = false;
	}
	return all;
}

static bool any_in_job(const struct osy_lbatch *batch)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (batch->rows[i].in_job)
			return true;
	}
	return false;
}

void osy_load_bulk_defer(struct osy_lbatch *batch)
{
	const struct osy_spec *spec = osy_lspec(batch);

	for (unsigned c = 0; c < batch->column_count; c++) {
		const struct osy_lcolumn *column = &batch->columns[c];
		if (column->lookup < 0 || !column->field->link)
			continue;
		for (unsigned i = 0; i < batch->row_count; i++) {
			struct osy_lref *ref = &osy_lrefs(batch, i)[column->lookup];
			if (ref->state != OSY_REF_MAPPED || ref->parent < 0 ||
				osy_spec_last_stage(spec, spec->objects[ref->parent].prefix) <
					batch->head.stage)
				continue;
			ref->state = OSY_REF_DEFERRED;
			batch->rows[i].values[c] = osy_left_out;
		}
	}
}

bool osy_load_bulk_behind(const struct osy_lbatch *batch)
{
	const struct osy_load *load = batch->load;

	if (batch->late || !load->bulk || load->bulk->phase != OSY_LBULK_SETTLE)
		return false;
	for (const struct osy_lleft *left = load->left; left; left = left->next) {
		if (left->bulk && left->offset > batch->offset)
			return true;
	}
	return false;
}

bool osy_load_bulk_add(struct osy_lbatch *batch)
{
	struct osy_load *load = batch->load;
	struct osy_err err = OSY_ERR_NONE;

	if (!load->bulk && (osy_load_ends(load) || load->lane->run->aborting))
		return false;
	struct osy_lbulk *bulk =
		load->bulk ? load->bulk : osy_lbulk_new(load, batch->object, batch->head.stage);
	if (!is_kin(bulk, batch) || is_full(bulk))
		bulk->cut = true;
	batch->rest = osy_load_bulk_behind(batch); /* no other job is made before it */
	if (bulk->phase != OSY_LBULK_GATHER || bulk->cut)
		return false;
	if (osy_load_record_first(batch))
		return false; /* the batch leaves memory */
	if (!has_jobs(bulk, batch))
		return false;
	if (osy_lbulk_write(bulk, batch, &err)) {
		load->no_bulk = bulk->cut = true;
		osy_log(OSY_WARN, "job.spool", OSY_KV("lane", load->lane->key), OSY_KV_ERR(&err));
		return false;
	}
	batch->rest = !any_in_job(batch);
	return !batch->rest;
}

struct osy_str osy_load_bulk_job(const struct osy_lbatch *batch, enum osy_sf_op op)
{
	const struct osy_lbulk *bulk = batch->load->bulk;
	const struct osy_ljob *job = bulk ? &bulk->jobs[op == OSY_SF_UPDATE] : NULL;

	return job && job->pending ? osy_str(job->id) : OSY_STR_NULL;
}

/* Claims that Redis may have forgotten while the intent was written: all of it is made anew. */
static bool are_claims_lost(const struct osy_lbatch *batch)
{
	struct osy_err err = OSY_ERR_NONE;
	bool same = false;

	return batch->object->claim &&
	       (osy_idmap_confirm(osy_lworker(batch)->idmap, osy_lspec(batch)->pair, &same, &err) ||
		       !same);
}

void osy_load_bulk_added(struct osy_lbatch *batch)
{
	struct osy_lbulk *bulk = batch->load->bulk;

	for (unsigned i = 0; i < 2; i++) {
		bulk->jobs[i].size += bulk->jobs[i].pending;
		bulk->jobs[i].pending = 0;
	}
	for (unsigned i = 0; i < batch->row_count; i++) {
		bulk->rows += batch->rows[i].in_job;
	}
	if (batch->offset < bulk->first)
		bulk->first = batch->offset;
	bulk->last = batch->offset;
	bulk->batches++;
	bulk->added_at = osy_mono_ms();
	struct osy_lleft *left = osy_load_left_add(batch->load, batch->offset);
	left->bulk = true;
	left->taken = false; /* a former owner's too is no batch in work any more */
	if (are_claims_lost(batch))
		bulk->phase = OSY_LBULK_LEAVE;
	osy_load_step(batch, OSY_STEP_OVER);
	(void)OSY_FAILPOINT("worker.job_gathered");
}

/* ---- The step ---- */
static bool waits_for_more(const struct osy_lbulk *bulk)
{
	const struct osy_load *load = bulk->load;
	bool published = bulk->stage <= load->lane->run->stages_published;

	if (bulk->cut || load->no_bulk)
		return false;
	for (const struct osy_lbatch *batch = load->first; batch; batch = batch->next) {
		if (batch->step == OSY_STEP_OVER)
			continue;
		return !batch->broken && !batch->skip && osy_load_goes_bulk(batch) &&
		       is_kin(bulk, batch) && osy_mono_ms() - bulk->added_at < MORE_MS;
	}
	return osy_mono_ms() - bulk->added_at < (published ? FETCH_MS : MORE_MS);
}

void osy_lbulk_gather(struct osy_lbulk *bulk)
{
	const struct osy_load *load = bulk->load;

	if (osy_load_ends(load) || load->lane->run->aborting || (load->no_bulk && !bulk->batches)) {
		bulk->phase = OSY_LBULK_LEAVE;
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (bulk->jobs[i].step == OSY_LJOB_CREATE)
			osy_lbulk_create(&bulk->jobs[i]);
	}
	if (waits_for_more(bulk))
		return;
	bulk->phase = bulk->batches ? OSY_LBULK_RUN : OSY_LBULK_LEAVE;
	for (unsigned i = 0; i < 2 && bulk->batches; i++) {
		struct osy_ljob *job = &bulk->jobs[i];
		if (job->size)
			job->step = OSY_LJOB_UPLOAD;
		else if (job->step == OSY_LJOB_CREATE && !job->call)
			job->step = OSY_LJOB_NONE;
		else
			osy_lbulk_abort_open(job);
		job->moved_at = osy_mono_ms();
	}
	load->loader->moved = true;
}
