/* What ingest jobs say of the rows of a batch that was taken once more. See load_bulk.h. */
#include "load_bulk.h"

#include "osy/json_pull.h"
#include "osy/spool.h"

#include "osy/banned.h"

#define SOON_MS 200 /* doubts that are set aside: the jobs of the lane end first */

/* ---- Failures, in Salesforce's own words ---- */
static struct osy_str quote(struct osy_lbatch *batch, struct osy_str text)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(6 * text.len + 16);

	osy_json_quote(text, &out);
	return (struct osy_str){osy_arena_strndup(&batch->arena, out.p, out.len), out.len};
}

/* "A B" as ["A","B"] */
static struct osy_str quote_fields(struct osy_lbatch *batch, struct osy_str fields)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(7 * fields.len + 16);

	osy_buf_addc(&out, '[');
	for (size_t at = 0; at < fields.len;) {
		const char *end = memchr(fields.p + at, ' ', fields.len - at);
		size_t len = end ? (size_t)(end - fields.p) - at : fields.len - at;
		if (len) {
			if (out.len > 1)
				osy_buf_addc(&out, ',');
			osy_json_quote((struct osy_str){fields.p + at, len}, &out);
		}
		at += len + 1;
	}
	osy_buf_addc(&out, ']');
	return (struct osy_str){osy_arena_strndup(&batch->arena, out.p, out.len), out.len};
}

/* Matched and compared anew before anything is sent. */
static void ask_anew(struct osy_lrow *row)
{
	row->action = OSY_ACT_NONE;
	row->ask = true;
}

static void apply_failure(
	struct osy_lbatch *batch, const struct osy_ljoin *join, const struct osy_lsent *sent)
{
	char *text = osy_arena_alloc(&batch->arena, sent->error_len + 1);
	struct osy_lrow *row = &batch->rows[sent->row];
	struct osy_err err = OSY_ERR_NONE;
	struct osy_str code, message, fields;

	if (sent->error_len &&
		osy_spool_read(join->errors, sent->error_at, text, sent->error_len, &err)) {
		osy_load_refuse_err(batch, sent->row, &err);
		return;
	}
	osy_bulk_error_read((struct osy_str){text, sent->error_len}, &code, &message, &fields);
	struct osy_sf_row_result result = {.status_code = code,
		.message_raw = quote(batch, message),
		.fields_raw = quote_fields(batch, fields)};
	if (row->action == OSY_ACT_INSERT && osy_key_count(batch->object) &&
		osy_str_is(code, "DUPLICATE_VALUE")) {
		ask_anew(row); /* somebody was quicker; a duplicate of another field fails then */
		return;
	}
	/* A job cannot say that alerts are to be passed; a collection can. */
	if (osy_str_is(code, "DUPLICATES_DETECTED") && osy_load_allows_duplicates(batch)) {
		ask_anew(row);
		return;
	}
	osy_load_row_failed(batch, sent->row, &result);
	if (osy_is_pending(row) && row->action == OSY_ACT_UPDATE && !row->written)
		ask_anew(row); /* no snapshot tells what was to be written */
}

/* ---- Rows ---- */
static void apply_row(
	struct osy_lbatch *batch, const struct osy_lbulk *bulk, const struct osy_lsent *sent)
{
	struct osy_lrow *row = &batch->rows[sent->row];

	row->lost = row->was_update = row->ask = false;
	row->action = sent->job ? OSY_ACT_UPDATE : OSY_ACT_INSERT;
	/* Found by its key: in Redis, and of a worker that died perhaps there alone. */
	row->put |= sent->job && (!row->mapped || bulk->adopted);
	switch ((enum osy_lresult)sent->result) {
	case OSY_LRESULT_OK: {
		struct osy_sf_row_result result = {
			.success = true, .id = {sent->target, sizeof(sent->target)}};
		osy_load_row_succeeded(batch, sent->row, &result);
		return;
	}
	case OSY_LRESULT_FAILED:
		apply_failure(batch, bulk->join, sent);
		return;
	case OSY_LRESULT_UNPROCESSED:
		ask_anew(row);
		return;
	case OSY_LRESULT_NONE:
		row->lost = !sent->job;
		row->was_update = sent->job;
		ask_anew(row);
		return;
	}
}

static bool has_links(const struct osy_lbatch *batch)
{
	for (unsigned c = 0; c < batch->column_count; c++) {
		if (batch->columns[c].lookup >= 0 && batch->columns[c].field->link)
			return true;
	}
	return false;
}

/* Its records are sent again in another way; why it failed as a whole is told once a job. */
static void notice(struct osy_lbatch *batch, struct osy_ljob *job, uint32_t row)
{
	if (job->noticed || job->seen.state != OSY_BULK_FAILED || !job->seen.message[0])
		return;
	job->noticed = true;
	osy_load_note(batch, row, "notice", OSY_FAIL_JOB, OSY_STR(""),
		"bulk job %s failed as a whole, what it had not done is sent again: %s", job->id,
		job->seen.message);
}

enum osy_lapplied osy_load_bulk_apply(struct osy_lbatch *batch)
{
	struct osy_lbulk *bulk = batch->load->bulk;
	const struct osy_lsent_batch *sent = bulk ? osy_lbulk_batch(bulk, batch->offset) : NULL;
	bool executed = false;

	if (!sent)
		return OSY_LAPPLIED_NOTHING;
	for (uint32_t i = 0; i < sent->count; i++) {
		const struct osy_lsent *from = &bulk->join->rows[sent->first + i];
		executed |= from->result != OSY_LRESULT_UNPROCESSED;
		if (from->row < batch->row_count)
			notice(batch, &bulk->jobs[from->job], from->row);
		if (from->row < batch->row_count && osy_is_pending(&batch->rows[from->row]))
			apply_row(batch, bulk, from);
	}
	batch->rest = batch->from_job = true;
	if (osy_lrun(batch)->aborting && !executed && !batch->begun)
		return OSY_LAPPLIED_UNSENT;
	return !osy_any_pending(batch) && !has_links(batch) && !batch->object->claim
		       ? OSY_LAPPLIED_ALL
		       : OSY_LAPPLIED_SOME;
}

bool osy_load_bulk_doubt(struct osy_lbatch *batch)
{
	if (!osy_load_bulk_behind(batch))
		return false;
	batch->record_as = OSY_RECORD_ASIDE;
	batch->due_in_ms = SOON_MS;
	osy_load_step(batch, OSY_STEP_RECORD);
	return true;
}

bool osy_load_bulk_settle(struct osy_lbatch *batch)
{
	bool doubt = false;

	if (!batch->from_job)
		return false;
	batch->from_job = false;
	for (unsigned i = 0; i < batch->row_count; i++)
		doubt |= osy_is_pending(&batch->rows[i]) && batch->rows[i].doubt;
	batch->record_as = doubt		    ? OSY_RECORD_ASIDE
			   : osy_any_pending(batch) ? OSY_RECORD_PART
						    : OSY_RECORD_DONE;
	batch->after = OSY_STEP_MATCH;
	batch->due_in_ms = SOON_MS;
	osy_load_step(batch, OSY_STEP_RECORD);
	return true;
}
