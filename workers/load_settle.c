/* What a reply to a write means for each row, and what comes next. */
#include "load_internal.h"

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"

#include "osy/banned.h"

#define SPLITS 60 /* calls a batch spends on finding the bad rows of refused collections */

static const struct osy_lpiece *piece_of(const struct osy_lcall *call, unsigned part, size_t index)
{
	for (unsigned p = 0; p < call->piece_count; p++) {
		const struct osy_lpiece *piece = &call->pieces[p];
		if (piece->part == part && index >= piece->begin &&
			index < piece->begin + piece->count)
			return piece;
	}
	OSY_BUG("a reply has row %zu of part %u, which was not sent", index, part);
}

/* ---- Rows ---- */
void osy_load_row_succeeded(
	struct osy_lbatch *batch, unsigned i, const struct osy_sf_row_result *result)
{
	struct osy_lrow *row = &batch->rows[i];

	if (row->action == OSY_ACT_DELETE) {
		osy_delete_row_done(batch, i, OSY_DELETED);
	} else if (row->action == OSY_ACT_UPDATE) {
		row->outcome = row->revived ? OSY_INSERTED : OSY_UPDATED;
	} else if (osy_load_take_id(batch, result->id, &row->target)) {
		row->outcome = OSY_INSERTED;
		row->put = true;
	} else {
		osy_load_fail(batch, i, "UNEXPECTED_ID", OSY_STR(""),
			"the org says that it inserted the record, but gave \"%.*s\" as its id",
			(int)(result->id.len < 40 ? result->id.len : 40),
			result->id.p ? result->id.p : "");
		return;
	}
	row->action = OSY_ACT_NONE;
}

static void try_again(struct osy_lbatch *batch, unsigned i, const struct osy_sf_row_result *result)
{
	struct osy_lrow *row = &batch->rows[i];

	if (++row->tries >= OSY_LOAD_TRIES) {
		osy_load_refuse(batch, i, result);
		return;
	}
	if (row->tries < 2)
		return;
	/* Locks that last: fewer rows hold them together. */
	unsigned unit = row->unit ? row->unit : OSY_SF_COLLECTION_MAX;
	row->unit = (uint16_t)(unit > 1 ? unit / 2 : 1);
}

/*
 * A duplicate of ours by key is matched, a target that is gone is matched anew. A duplicate in some
 * other unique field is the record's own fault.
 */
static void match_again(
	struct osy_lbatch *batch, unsigned i, const struct osy_sf_row_result *result)
{
	struct osy_lrow *row = &batch->rows[i];
	bool gone = osy_str_is(result->status_code, "ENTITY_IS_DELETED");
	bool update = row->action == OSY_ACT_UPDATE;

	if (row->rematches >= OSY_LOAD_REMATCHES || batch->head.links || update != gone ||
		(!update && !row->key)) {
		osy_load_refuse(batch, i, result);
		return;
	}
	row->rematches++;
	if (update) {
		row->gone = row->mapped ? row->target : row->gone;
		row->mapped = row->was_update = false;
	}
	row->target = (struct osy_id){{0}};
	row->written = NULL;
	row->before = NULL;
	row->action = OSY_ACT_NONE;
	row->ask = true;
	row->looked = row->fetched = false;
	batch->asks_maker |= row->lost;
}

/* Lookups that came from the map before their parent's stage was settled wait for the link pass. */
static void bad_parent(struct osy_lbatch *batch, unsigned i, const struct osy_sf_row_result *result)
{
	const struct osy_spec *spec = osy_lspec(batch);
	struct osy_lrow *row = &batch->rows[i];
	struct osy_lref *refs = osy_lrefs(batch, i);
	bool any = false;

	for (unsigned c = 0; c < batch->column_count && !batch->head.links; c++) {
		const struct osy_lcolumn *column = &batch->columns[c];
		if (column->lookup < 0 || !column->field->link)
			continue;
		struct osy_lref *ref = &refs[column->lookup];
		if (ref->state != OSY_REF_MAPPED || ref->parent < 0 ||
			osy_spec_last_stage(spec, spec->objects[ref->parent].prefix) <
				batch->head.stage)
			continue;
		ref->state = OSY_REF_DEFERRED;
		row->values[c] = osy_left_out;
		any = true;
	}
	if (!any || row->reparented)
		osy_load_refuse(batch, i, result);
	row->reparented = true;
}

void osy_load_row_failed(
	struct osy_lbatch *batch, unsigned i, const struct osy_sf_row_result *result)
{
	enum osy_sf_verdict verdict = osy_sf_verdict(result->status_code, result->message_raw);

	if (batch->rows[i].action == OSY_ACT_DELETE) {
		osy_delete_row_failed(batch, i, result);
		return;
	}
	/* An insert cannot be deleted already: it is something that it points to. */
	if (verdict == OSY_SF_REMATCH && batch->rows[i].action == OSY_ACT_INSERT &&
		osy_str_is(result->status_code, "ENTITY_IS_DELETED"))
		verdict = OSY_SF_BAD_PARENT;
	switch (verdict) {
	case OSY_SF_RETRY_ROW:
		try_again(batch, i, result);
		break;
	case OSY_SF_REMATCH:
		match_again(batch, i, result);
		break;
	case OSY_SF_BAD_PARENT:
		bad_parent(batch, i, result);
		break;
	case OSY_SF_STOP:
	case OSY_SF_PERMANENT:
		osy_load_refuse(batch, i, result);
		break;
	}
}

static enum osy_code on_row(unsigned part, size_t index, const struct osy_sf_row_result *result,
	void *arg, struct osy_err *err)
{
	struct osy_lcall *call = arg;
	const struct osy_lpiece *piece = piece_of(call, part, index);
	struct osy_lbatch *batch = piece->batch;

	(void)err;
	if (!batch)
		return OSY_OK;
	unsigned i = batch->order[batch->starts[piece->collection] + index - piece->begin];
	if (result->success) {
		osy_load_row_succeeded(batch, i, result);
		return OSY_OK;
	}
	call->locked |= osy_sf_is_lock(result->status_code, result->message_raw);
	osy_load_row_failed(batch, i, result);
	return OSY_OK;
}

/* ---- Collections that got no answer row by row ---- */

/* The reply is missing: updates are sent again, inserts may have happened. */
void osy_load_doubt(struct osy_lbatch *batch, unsigned i)
{
	struct osy_lrow *row = &batch->rows[i];

	row->was_delete |= row->action == OSY_ACT_DELETE;
	if (row->action != OSY_ACT_INSERT)
		return;
	row->lost = true;
	if (row->keyed) {
		row->ask = true;
		row->looked = false;
		batch->asks_maker = true;
	} else {
		row->doubt = true;
	}
}

/* Refused as a whole by reason of a row that is in it: which one is found by halving. */
static void split(struct osy_lbatch *batch, unsigned i, unsigned count, const struct osy_err *err)
{
	if (count > 1 && batch->splits < SPLITS)
		batch->rows[i].unit = (uint16_t)(count / 2);
	else
		osy_load_refuse_err(batch, i, err);
}

static void piece_failed(
	const struct osy_lcall *call, const struct osy_lpiece *piece, const struct osy_err *err)
{
	struct osy_lbatch *batch = piece->batch;
	unsigned begin = batch->starts[piece->collection], end = begin + piece->count;
	bool refused = err->code == OSY_E_SALESFORCE;

	for (unsigned at = begin; at < end; at++) {
		unsigned i = batch->order[at];
		if (!osy_is_pending(&batch->rows[i]))
			continue;
		if (err->code == OSY_E_UNREACHABLE || err->code == OSY_E_LIMIT ||
			err->code == OSY_E_SESSION || err->code == OSY_E_AUTH)
			continue; /* not executed, for certain */
		if (!refused)
			osy_load_doubt(batch, i);
		else if (err->cls == OSY_RETRY && ++batch->rows[i].tries < OSY_LOAD_TRIES)
			continue;
		else if (call->send.parts > 1 && !batch->single)
			continue; /* perhaps the composite itself was refused: one by one next */
		else
			split(batch, i, end - begin, err);
	}
	if (refused && call->send.parts > 1)
		batch->single = true;
	else if (refused)
		batch->splits++;
	if (batch->pause_ms == 0 && !(refused && err->cls != OSY_RETRY))
		batch->pause_ms = osy_load_pause(batch, err);
}

/* A composite that was too slow: next time one collection a call. */
static bool too_slow(const struct osy_lcall *call, const struct osy_err *err)
{
	return call->send.parts > 1 &&
	       (err->code == OSY_E_TIMEOUT || strcmp(err->origin, "curl:28") == 0 ||
		       strcmp(err->origin, "http:504") == 0);
}

static bool has_doubt(const struct osy_lbatch *batch)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		const struct osy_lrow *row = &batch->rows[i];
		if (osy_is_pending(row) && (row->doubt || (row->lost && row->ask)))
			return true;
	}
	return false;
}

/* What comes next for a batch of the call. */
void osy_load_go_on(struct osy_lbatch *batch, bool failed)
{
	if (!failed)
		batch->waits = 0;
	if (failed || batch->next_collection == batch->collections || has_doubt(batch) ||
		osy_lrun(batch)->aborting) {
		osy_load_next_round(batch);
		return;
	}
	batch->ready_at = osy_mono_ms();
	osy_load_step(batch, OSY_STEP_SEND);
}

/* Reads the reply; *ret_failed has a flag for each part that got no answer row by row. */
static bool read_reply(struct osy_lcall *call, struct osy_sf_reply *reply, bool *ret_failed)
{
	int status[OSY_SF_COMPOSITE_MAX];
	struct osy_err errs[OSY_SF_COMPOSITE_MAX], err = OSY_ERR_NONE;
	bool slow = false, any = false;
	enum osy_code rc = reply->code;

	if (rc)
		err = reply->err;
	else
		rc = osy_sf_send_read(
			&call->send, osy_buf_str(reply->body), status, errs, on_row, call, &err);
	for (unsigned p = 0; p < call->send.parts; p++) {
		ret_failed[p] = rc || status[p] < 200 || status[p] >= 300;
		any |= ret_failed[p];
	}
	for (unsigned p = 0; p < call->piece_count; p++) {
		const struct osy_lpiece *piece = &call->pieces[p];
		const struct osy_err *why = rc ? &err : &errs[piece->part];
		if (!ret_failed[piece->part])
			continue;
		slow |= too_slow(call, why);
		call->locked |= strcmp(why->origin, "sf:UNABLE_TO_LOCK_ROW") == 0;
		if (piece->batch)
			piece_failed(call, piece, why);
	}
	if (call->locked || !any)
		osy_load_org_replied(call);
	return slow;
}

void osy_load_settle_reply(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	bool failed[OSY_SF_COMPOSITE_MAX] = {false};

	(void)OSY_FAILPOINT("worker.after_reply");
	for (unsigned p = 0; p < call->piece_count; p++) {
		if (call->pieces[p].batch)
			call->pieces[p].batch->pause_ms = 0;
	}
	bool slow = read_reply(call, reply, failed);
	for (unsigned p = 0, next; p < call->piece_count; p = next) {
		struct osy_lbatch *batch = call->pieces[p].batch;
		bool any = false;
		for (next = p; next < call->piece_count && call->pieces[next].batch == batch;
			next++)
			any |= failed[call->pieces[next].part];
		if (!batch)
			continue;
		batch->single |= slow;
		osy_load_go_on(batch, any);
	}
}

/* ---- After a round ---- */
static unsigned row_pause(const struct osy_lbatch *batch)
{
	unsigned tries = 0;

	for (unsigned i = 0; i < batch->row_count; i++) {
		if (osy_is_pending(&batch->rows[i]) && batch->rows[i].tries > tries)
			tries = batch->rows[i].tries;
	}
	return tries ? osy_backoff_ms(tries - 1, 300, 30000) + (unsigned)(osy_random_u64() % 200)
		     : 0;
}

void osy_load_next_round(struct osy_lbatch *batch)
{
	bool pending = false, ask = false, doubtful = false;

	for (unsigned i = 0; i < batch->row_count; i++) {
		const struct osy_lrow *row = &batch->rows[i];
		if (!osy_is_pending(row))
			continue;
		pending = true;
		ask |= row->ask;
		doubtful |= row->doubt;
	}
	if (doubtful && osy_load_bulk_doubt(batch))
		return;
	batch->record_as = pending ? OSY_RECORD_PART : OSY_RECORD_DONE;
	batch->after = doubtful ? OSY_STEP_DOUBT : ask ? OSY_STEP_MATCH : OSY_STEP_READY;
	if (!batch->pause_ms)
		batch->pause_ms = row_pause(batch);
	osy_load_step(batch, OSY_STEP_RECORD);
}
