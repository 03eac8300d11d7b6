/* Rollback: the calls that undo. See undo.h. */
#include <stdlib.h>

#include "load_internal.h"
#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "osy/sf_undelete.h"
#include "pulse.h"
#include "undo.h"

#include "osy/banned.h"

#define CHILD_TRIES 4 /* of a record that others of the run keep from being deleted */

static void again(struct osy_lbatch *batch, const struct osy_err *err)
{
	osy_load_step(batch, OSY_STEP_UNDO);
	osy_load_wait(batch, osy_load_pause(batch, err));
}

/* ---- Results ---- */
static bool is_kept_by_children(struct osy_str code)
{
	return osy_str_is(code, "DELETE_FAILED") || osy_str_is(code, "DEPENDENCY_EXISTS");
}

static void row_failed(struct osy_lbatch *batch, unsigned i, const struct osy_sf_row_result *result)
{
	struct osy_lrow *row = &batch->rows[i];
	bool delete = batch->undo->ops[i] == OSY_UNDO_DELETE;

	if (delete &&osy_str_is(result->status_code, "ENTITY_IS_DELETED")) {
		osy_undo_row_done(batch, i);
		return;
	}
	row->tries++;
	if (osy_sf_verdict(result->status_code, result->message_raw) == OSY_SF_RETRY_ROW &&
		row->tries < OSY_LOAD_TRIES)
		return;
	if (is_kept_by_children(result->status_code) && row->tries < CHILD_TRIES)
		return;
	osy_load_refuse(batch, i, result);
}

static unsigned row_of(const struct osy_lundo *undo, unsigned part, size_t index)
{
	return undo->sent[undo->parts[part] + index];
}

static enum osy_code on_row(unsigned part, size_t index, const struct osy_sf_row_result *result,
	void *arg, struct osy_err *err)
{
	struct osy_lbatch *batch = arg;
	unsigned i = row_of(batch->undo, part, index);

	(void)err;
	if (!osy_is_pending(&batch->rows[i]))
		return OSY_OK;
	if (result->success)
		osy_undo_row_done(batch, i);
	else
		row_failed(batch, i, result);
	return OSY_OK;
}

/* A part that was refused as a whole; all of it is sent again unless that is final. */
static void part_failed(
	struct osy_lbatch *batch, unsigned part, size_t count, const struct osy_err *err)
{
	for (size_t n = 0; n < count; n++) {
		unsigned i = row_of(batch->undo, part, n);
		if (osy_is_pending(&batch->rows[i]) && err->code == OSY_E_SALESFORCE &&
			(err->cls != OSY_RETRY || ++batch->rows[i].tries >= OSY_LOAD_TRIES))
			osy_load_refuse_err(batch, i, err);
	}
}

static void on_sent(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct osy_lbatch *batch = call->batch;
	int status[OSY_SF_COMPOSITE_MAX];
	struct osy_err errs[OSY_SF_COMPOSITE_MAX], err = OSY_ERR_NONE;
	bool failed = false, left = false;

	if (!batch)
		return;
	(void)OSY_FAILPOINT("worker.undo_replied");
	enum osy_code rc = reply->code;
	if (rc)
		err = reply->err;
	else
		rc = osy_sf_send_read(
			&call->send, osy_buf_str(reply->body), status, errs, on_row, batch, &err);
	for (unsigned p = 0; p < call->send.parts; p++) {
		if (!rc && status[p] >= 200 && status[p] < 300)
			continue;
		failed = true;
		part_failed(batch, p, call->send.part_records[p], rc ? &err : &errs[p]);
	}
	if (!failed)
		batch->waits = 0;
	osy_load_org_replied(call);
	osy_load_step(batch, OSY_STEP_UNDO);
	for (unsigned i = 0; i < batch->row_count; i++)
		left |= osy_is_pending(&batch->rows[i]) && batch->rows[i].tries;
	if (failed || left)
		osy_load_wait(batch, osy_load_pause(batch, rc ? &err : NULL));
}

/* ---- Sending ---- */
static void add_record(struct osy_sf_send *send, const struct osy_lbatch *batch, unsigned i)
{
	const struct osy_lrow *row = &batch->rows[i];
	char id[19];

	osy_id_18(&batch->undo->targets[i], id);
	osy_sf_send_record(send, id);
	for (unsigned c = 0; batch->undo->ops[i] == OSY_UNDO_RESTORE && c < batch->column_count;
		c++) {
		if ((row->written[c / 64] >> (c % 64)) & 1)
			osy_sf_send_field(
				send, batch->columns[c].field->target, batch->undo->olds[i][c]);
	}
}

/* Rows of one operation, in parts of 200, as far as the request has room. */
static void choose(
	struct osy_lbatch *batch, enum osy_undo_op op, unsigned *count, enum osy_undo_op *part_ops)
{
	struct osy_lundo *undo = batch->undo;
	unsigned in_part = OSY_SF_COLLECTION_MAX;

	for (unsigned i = 0; i < batch->row_count; i++) {
		if (!osy_is_pending(&batch->rows[i]) || undo->ops[i] != op)
			continue;
		if (in_part == OSY_SF_COLLECTION_MAX) {
			if (undo->part_count == OSY_SF_COMPOSITE_MAX)
				return;
			part_ops[undo->part_count] = op;
			undo->parts[undo->part_count++] = *count;
			in_part = 0;
		}
		undo->sent[(*count)++] = i;
		in_part++;
	}
}

static void start(struct osy_lbatch *batch)
{
	struct osy_lundo *undo = batch->undo;
	enum osy_undo_op part_ops[OSY_SF_COMPOSITE_MAX];
	struct osy_http_header headers[OSY_LOAD_HEADERS];
	size_t header_count = osy_load_headers(batch, headers);
	struct osy_err err = OSY_ERR_NONE;
	unsigned count = 0;
	struct osy_lcall *call =
		osy_load_call_new(batch, batch->load->loader, osy_lrun(batch), on_sent);

	call->org = osy_load_org(batch);
	undo->part_count = 0;
	choose(batch, OSY_UNDO_RESTORE, &count, part_ops);
	choose(batch, OSY_UNDO_DELETE, &count, part_ops);
	osy_sf_send_begin(&call->send, undo->part_count);
	osy_sf_send_headers(&call->send, headers, header_count);
	for (unsigned p = 0; p < undo->part_count; p++) {
		unsigned end = p + 1 < undo->part_count ? undo->parts[p + 1] : count;
		osy_sf_send_collection(&call->send,
			part_ops[p] == OSY_UNDO_DELETE ? OSY_SF_DELETE : OSY_SF_UPDATE,
			batch->object->target);
		for (unsigned n = undo->parts[p]; n < end; n++)
			add_record(&call->send, batch, undo->sent[n]);
	}
	(void)OSY_FAILPOINT("worker.undo_sends");
	if (osy_load_call_start(call, headers, header_count, &err))
		again(batch, &err);
	else
		osy_load_step(batch, OSY_STEP_UNDOING);
}

/* ---- Out of the recycle bin ---- */
static enum osy_code on_back(unsigned part, size_t index, const struct osy_sf_row_result *result,
	void *arg, struct osy_err *err)
{
	struct osy_lbatch *batch = arg;
	unsigned i = batch->undo->sent[index];
	struct osy_lrow *row = &batch->rows[i];

	(void)part;
	(void)err;
	if (result->success)
		osy_undo_row_done(batch, i);
	else if (osy_sf_verdict(result->status_code, result->message_raw) != OSY_SF_RETRY_ROW)
		row->revives++; /* it is looked at once more */
	else if (++row->tries >= OSY_LOAD_TRIES)
		osy_load_refuse(batch, i, result);
	return OSY_OK;
}

static void on_undeleted(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct osy_lbatch *batch = call->batch;
	struct osy_err err = OSY_ERR_NONE;

	if (!batch)
		return;
	(void)OSY_FAILPOINT("worker.undo_replied");
	unsigned count = batch->undo->parts[0];
	enum osy_code rc = reply->code;
	if (rc)
		err = reply->err;
	else
		rc = osy_sf_undelete_read(osy_buf_str(reply->body), count, on_back, batch, &err);
	bool refused = rc && err.code == OSY_E_SALESFORCE && err.cls != OSY_RETRY;
	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		if (!osy_is_pending(row) || batch->undo->ops[i] != OSY_UNDO_UNDELETE)
			continue;
		row->revives = (uint8_t)(row->revives + refused);
		row->target = batch->undo->targets[i];
		row->mapped = row->ask = true;
		row->fetched = false;
	}
	if (!rc)
		batch->waits = 0;
	osy_load_org_replied(call);
	osy_load_step(batch, OSY_STEP_MATCH);
	if (rc && !refused)
		osy_load_wait(batch, osy_load_pause(batch, &err));
}

static bool undelete(struct osy_lbatch *batch)
{
	OSY_AUTO(osy_buf_done) struct osy_buf body = OSY_BUF(64u * 1024);
	char ids[OSY_SF_UNDELETE_MAX][19];
	struct osy_sf_request request;
	struct osy_err err = OSY_ERR_NONE;
	unsigned n = 0;

	for (unsigned i = 0; i < batch->row_count && n < OSY_SF_UNDELETE_MAX; i++) {
		if (!osy_is_pending(&batch->rows[i]) || batch->undo->ops[i] != OSY_UNDO_UNDELETE)
			continue;
		osy_id_18(&batch->undo->targets[i], ids[n]);
		batch->undo->sent[n++] = i;
	}
	if (!n)
		return false;
	struct osy_lcall *call =
		osy_load_call_new(batch, batch->load->loader, osy_lrun(batch), on_undeleted);
	call->org = osy_load_org(batch);
	batch->undo->parts[0] = n;
	osy_buf_done(&call->send.body);
	osy_sf_undelete((const char(*)[19])ids, n, &body, &request);
	call->send.body = body;
	body = OSY_BUF(1);
	request.body = osy_buf_str(&call->send.body);
	(void)OSY_FAILPOINT("worker.undo_sends");
	if (osy_load_call_request(call, &request, &err))
		again(batch, &err);
	else
		osy_load_step(batch, OSY_STEP_UNDOING);
	return true;
}

static bool inserts(const struct osy_lbatch *batch)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (osy_is_pending(&batch->rows[i]) && batch->undo->ops[i] == OSY_UNDO_INSERT)
			return true;
	}
	return false;
}

static void would_be_done(struct osy_lbatch *batch)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (osy_is_pending(&batch->rows[i]))
			osy_undo_row_done(batch, i);
	}
}

static void undo(struct osy_lbatch *batch)
{
	if (osy_load_asks_children(batch))
		return;
	if (osy_lrun(batch)->undo->dry)
		would_be_done(batch);
	if (!osy_any_pending(batch)) {
		batch->record_as = OSY_RECORD_DONE;
		osy_load_step(batch, OSY_STEP_RECORD);
	} else if (osy_load_slot(batch, true) && osy_pulse_may_send(osy_lworker(batch)->pulse)) {
		if (undelete(batch))
			return;
		if (!inserts(batch))
			start(batch);
		else if (osy_undo_insert(batch))
			osy_load_step(batch, OSY_STEP_READY);
	}
}

void osy_undo_send(struct osy_loader *loader)
{
	struct osy_lbatch *batches[OSY_LOAD_GATHER];
	size_t n = osy_load_pick(loader, OSY_STEP_UNDO, batches, OSY_COUNT(batches));

	for (size_t i = 0; i < n; i++)
		undo(batches[i]);
}
