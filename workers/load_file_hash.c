/* Files: bodies that are read to be hashed and are sent nowhere. See load_file.h. */
#include "load_file_internal.h"

#include <stdio.h>

#include "osy/clock.h"

#include "osy/banned.h"

/* ---- What becomes of it ---- */

/* The body is what it should be: the other fields that differ are written without it. */
static void is_same(struct osy_lfile *file)
{
	struct osy_lbatch *batch = file->batch;
	struct osy_lrow *row = &batch->rows[file->row];
	int c = osy_lfile_column(batch, batch->object->file->body);
	bool any = false;

	osy_lfile_note(file, file->theirs, osy_lfile_changed_at(batch, row->before));
	row->written[c / 64] &= ~(1ull << (c % 64));
	for (unsigned w = 0; w <= batch->column_count / 64; w++)
		any |= row->written[w] != 0;
	if (!any) {
		row->outcome = row->revived ? OSY_INSERTED : OSY_EXISTING;
		row->action = OSY_ACT_NONE;
	}
	osy_lfile_leave(file, false);
}

/* It is written, unless the org takes no other one. */
static void is_other(struct osy_lfile *file)
{
	if (osy_lfile_is_fixed(file->batch)) {
		osy_lfile_fail_fixed(file->batch, file->row);
		osy_lfile_leave(file, false);
		return;
	}
	if (file->size < 0)
		osy_lfile_read_now(file);
	else
		osy_lfile_source_measured(file);
}

static void target_hashed(struct osy_lfile *file)
{
	const struct osy_lbatch *batch = file->batch;
	const struct osy_lrow *row = &batch->rows[file->row];

	if (file->asks == OSY_FILE_VERIFY)
		osy_lfile_verified(file);
	else if (!osy_lfile_knows_source(batch, row))
		file->phase = OSY_FILE_HASH_SOURCE;
	else if (strcmp(row->known->md5, file->theirs) == 0)
		is_same(file);
	else
		is_other(file);
}

void osy_lfile_source_hashed(struct osy_lfile *file)
{
	if (strcmp(file->sum, file->theirs) == 0)
		is_same(file);
	else
		is_other(file);
}

void osy_lfile_source_measured(struct osy_lfile *file)
{
	if (file->size > file->batch->object->file->max_bytes) {
		osy_lfile_fail_large(file->batch, file->row, file->size);
		osy_lfile_leave(file, false);
		return;
	}
	osy_lfile_read_now(file);
}

/* ---- The target's body ---- */
static bool on_piece(struct osy_http_call *http, struct osy_str piece, void *arg)
{
	struct osy_lcall *call = arg;

	(void)http;
	if (call->batch) {
		osy_md5_add(call->file->md5, piece);
		call->file->their_size += (int64_t)piece.len;
	}
	return true;
}

static bool is_final(const struct osy_lfile *file, const struct osy_sf_reply *reply)
{
	struct osy_lrow *row = &file->batch->rows[file->row];

	return (reply->code == OSY_E_SALESFORCE && reply->err.cls != OSY_RETRY) ||
	       (!osy_lfile_not_executed(&reply->err) && ++row->tries >= OSY_LOAD_FILE_TRIES);
}

/* What has been sent and cannot be read is in, and not told to be what was sent; what was to be
 * compared is sent, unless the org refuses to show it. */
static void cannot_hash(struct osy_lfile *file, const struct osy_err *err)
{
	file->theirs[0] = 0;
	file->their_size = 0;
	if (file->asks == OSY_FILE_VERIFY) {
		osy_lfile_verified(file);
	} else if (err->code == OSY_E_SALESFORCE) {
		osy_load_refuse_err(file->batch, file->row, err);
		osy_lfile_leave(file, false);
	} else {
		osy_lfile_read_now(file);
	}
}

static void on_hashed(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct osy_lfile *file = call->file;

	if (!call->batch)
		return;
	if (reply->code && is_final(file, reply)) {
		cannot_hash(file, &reply->err);
		return;
	}
	if (reply->code) {
		file->phase = file->asks;
		file->wait_until = osy_mono_ms() + osy_load_pause(file->batch, &reply->err);
		return;
	}
	osy_md5_hex(file->md5, file->theirs);
	target_hashed(file);
}

void osy_lfile_hash_target(struct osy_lfile *file)
{
	const struct osy_spec_object *object = file->batch->object;
	struct osy_lcall *call = osy_load_call_new(file->batch, file->loader, file->run, on_hashed);
	const struct osy_lrow *row = &file->batch->rows[file->row];
	struct osy_err err = OSY_ERR_NONE;
	char id[19], path[256];

	osy_id_18(file->phase == OSY_FILE_VERIFY ? &file->made : &row->target, id);
	snprintf(path, sizeof(path), "sobjects/%s/%s/%s", object->target, id,
		object->fields[object->file->body].target);
	struct osy_sf_request request = {
		.method = "GET", .path = osy_str(path), .on_data = on_piece};
	osy_md5_free(file->md5);
	file->md5 = osy_md5_new();
	file->their_size = 0;
	file->asks = file->phase;
	call->file = file;
	if (osy_load_call_request(call, &request, &err)) {
		file->wait_until = osy_mono_ms() + osy_load_pause(file->batch, &err);
		return;
	}
	file->phase = OSY_FILE_ASKING;
}
