/* Files: the form that goes to the target. See load_file.h. */
#include "load_file_internal.h"

#include <stdio.h>
#include <strings.h>

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/json.h"
#include "osy/json_write.h"
#include "osy/log.h"
#include "pulse.h"

#include "osy/banned.h"

#define HEAD_MAX (4u * 1024 * 1024)

/* ---- Into the target ---- */
static size_t take(char *out, size_t size, const char *from, size_t len, size_t *done)
{
	size_t n = len - *done < size ? len - *done : size;

	memcpy(out, from + *done, n);
	*done += n;
	return n;
}

/* Of the form: fields, bytes, end. */
static ssize_t read_form(struct osy_http_call *http, char *out, size_t size, void *arg)
{
	struct osy_lcall *call = arg;
	struct osy_lfile *file = call->file;

	file->to = http;
	if (!file->batch || file->err.code)
		return -1;
	if (file->head_sent < file->head.len)
		return (ssize_t)take(out, size, file->head.p, file->head.len, &file->head_sent);
	if (file->sent < file->size) {
		(void)OSY_FAILPOINT("worker.in_file");
		return (ssize_t)osy_lfile_take(file, out, size);
	}
	if (!file->released)
		return 0;
	return (ssize_t)take(out, size, file->tail, strlen(file->tail), &file->tail_sent);
}

static bool is_document(const struct osy_lbatch *batch, unsigned column)
{
	return osy_lfile_column(batch, batch->object->file->document) == (int)column;
}

/* Where a file is published first: its later versions cannot say it. */
static bool is_place(const struct osy_spec_field *field)
{
	return strcasecmp(field->target, "FirstPublishLocationId") == 0;
}

/* The fields of the record, as an insert or an update writes them. */
static void write_fields(const struct osy_lfile *file, struct osy_buf *out)
{
	const struct osy_lbatch *batch = file->batch;
	const struct osy_lrow *row = &batch->rows[file->row];
	bool insert = row->action == OSY_ACT_INSERT || osy_lfile_has_versions(batch);
	struct osy_str document =
		file->document[0] ? osy_str(file->document) : osy_lfile_document(batch, row);
	struct osy_json_writer w = osy_json_writer(out);

	osy_jw_object(&w);
	for (unsigned c = 0; c < batch->column_count; c++) {
		const struct osy_spec_field *field = batch->columns[c].field;
		struct osy_str value = row->values[c];
		if (osy_file_is_body(batch, c) || osy_is_left_out(value) ||
			(document.p && is_place(field)) || is_document(batch, c))
			continue;
		if (insert ? !field->createable || !value.p || osy_str_is(value, "null")
			   : !((row->written[c / 64] >> (c % 64)) & 1))
			continue;
		osy_jw_key(&w, field->target);
		osy_jw_raw(&w, value.p ? value : OSY_STR("null"));
	}
	if (document.p) {
		osy_jw_key(&w, "ContentDocumentId");
		osy_jw_raw(&w, document);
	}
	osy_jw_object_end(&w);
}

static void write_form(struct osy_lfile *file)
{
	const struct osy_spec_object *object = file->batch->object;
	unsigned char random[12];

	osy_random_bytes(random, sizeof(random));
	int n = snprintf(file->boundary, sizeof(file->boundary), "orgsync-");
	for (size_t i = 0; i < sizeof(random); i++)
		n += snprintf(
			file->boundary + n, sizeof(file->boundary) - (size_t)n, "%02x", random[i]);
	file->head = OSY_BUF(HEAD_MAX);
	osy_buf_addf(&file->head,
		"--%s\r\nContent-Disposition: form-data; name=\"entity_document\"\r\n"
		"Content-Type: application/json\r\n\r\n",
		file->boundary);
	write_fields(file, &file->head);
	osy_buf_addf(&file->head,
		"\r\n--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"file\"\r\n"
		"Content-Type: application/octet-stream\r\n\r\n",
		file->boundary, object->fields[object->file->body].target);
	snprintf(file->tail, sizeof(file->tail), "\r\n--%s--\r\n", file->boundary);
}

/* What the org says is wrong with the record; false: it says nothing that can be read. */
static bool refused(struct osy_lfile *file, const struct osy_sf_reply *reply)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf message = OSY_BUF(1024u * 1024);
	OSY_AUTO(osy_buf_done) struct osy_buf fields = OSY_BUF(1024u * 1024);
	struct osy_err ignored = OSY_ERR_NONE;

	if (osy_json_parse(osy_buf_str(reply->body), "a reply", &json, &ignored))
		return false;
	const struct osy_json *first = osy_json_at(json, 0), *list = osy_json_get(first, "fields");
	struct osy_str code = osy_json_get_str(first, "errorCode");
	struct osy_json_writer w = osy_json_writer(&message);
	osy_jw_str(&w, osy_json_get_str(first, "message"));
	if (list)
		osy_json_write(list, false, &fields);
	struct osy_sf_row_result result = {.status_code = code,
		.message_raw = osy_buf_str(&message),
		.fields_raw = list ? osy_buf_str(&fields) : OSY_STR_NULL};
	if (!code.p)
		return false;
	osy_load_row_failed(file->batch, file->row, &result);
	return true;
}

/* The org takes no more files for now: nothing is wrong with this one. */
static void limit_reached(struct osy_lfile *file)
{
	struct osy_lbatch *batch = file->batch;
	struct osy_lrow *row = &batch->rows[file->row];

	osy_log(OSY_WARN, "file.limit", OSY_KV("lane", batch->load->lane->key),
		OSY_KV_INT("offset", batch->offset));
	if (!row->limited)
		osy_load_note(batch, file->row, "notice", OSY_FAIL_FILE_LIMIT, OSY_STR(""),
			"the org has taken as many files and versions within 24 hours as it takes; "
			"the file waits until it takes more");
	row->limited = batch->limited = true;
	if (osy_lfile_has_versions(batch)) /* it was looked for before it was sent: none is there */
		row->was_update = row->lost = false;
	batch->pause_ms = (unsigned)file->loader->worker->settings->limit_probe_ms;
	osy_lfile_leave(file, true);
}

static void target_failed(struct osy_lfile *file, struct osy_sf_reply *reply)
{
	struct osy_lbatch *batch = file->batch;
	struct osy_lrow *row = &batch->rows[file->row];
	const struct osy_err *err = &reply->err;

	if (osy_sf_is_file_limit(osy_buf_str(reply->body))) {
		limit_reached(file);
		return;
	}
	if (err->code == OSY_E_SALESFORCE) {
		if (!refused(file, reply))
			osy_load_refuse_err(batch, file->row, err);
		/* later versions wait for it */
		osy_lfile_leave(file, osy_is_pending(row));
		return;
	}
	/* without its end it is no request */
	if (file->released && !osy_lfile_not_executed(err)) {
		osy_load_doubt(batch, file->row);
		row->lost |= osy_lfile_has_versions(batch); /* it is looked for */
		row->busy_until = osy_mono_ms() + osy_load_request_limit(batch);
	}
	batch->pause_ms = osy_load_pause(batch, err);
	osy_lfile_leave(file, true);
}

/* The id of what was made; of an update the row has it already. */
static bool take_made(struct osy_lfile *file, const struct osy_sf_reply *reply)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;
	struct osy_err ignored = OSY_ERR_NONE;

	if (file->batch->rows[file->row].action == OSY_ACT_UPDATE &&
		!osy_lfile_has_versions(file->batch)) {
		file->made = file->batch->rows[file->row].target;
		return true;
	}
	return !osy_json_parse(osy_buf_str(reply->body), "a reply", &json, &ignored) &&
	       osy_load_take_id(file->batch, osy_json_get_str(json, "id"), &file->made);
}

static void on_sent(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct osy_lfile *file = call->file;

	(void)OSY_FAILPOINT("worker.after_file");
	file->to = NULL;
	file->phase = OSY_FILE_CHECKING;
	if (!file->batch)
		osy_lfile_free(file);
	else if (file->err.code && reply->code)
		osy_lfile_source_failed(file);
	else if (reply->code)
		target_failed(file, reply);
	else if (!take_made(file, reply)) {
		osy_load_fail(file->batch, file->row, "UNEXPECTED_ID", OSY_STR(""),
			"the org says that it took the file, but gave no id of its record");
		osy_lfile_leave(file, false);
	}
}

void osy_lfile_post(struct osy_lfile *file)
{
	struct osy_lbatch *batch = file->batch;
	const struct osy_lrow *row = &batch->rows[file->row];
	struct osy_lcall *call = osy_load_call_new(batch, file->loader, file->run, on_sent);
	struct osy_http_header headers[OSY_LOAD_HEADERS];
	struct osy_err err = OSY_ERR_NONE;
	char path[256], type[96], id[19] = "";

	write_form(file);
	if (row->action == OSY_ACT_UPDATE && !osy_lfile_has_versions(batch))
		osy_id_18(&row->target, id);
	snprintf(
		path, sizeof(path), "sobjects/%s%s%s", batch->object->target, id[0] ? "/" : "", id);
	snprintf(type, sizeof(type), "multipart/form-data; boundary=\"%s\"", file->boundary);
	struct osy_sf_request request = {.method = id[0] ? "PATCH" : "POST",
		.path = osy_str(path),
		.content_type = type,
		.headers = headers,
		.header_count = osy_load_headers(batch, headers),
		.read_body = read_form,
		.body_size = (int64_t)(file->head.len + strlen(file->tail)) + file->size};
	call->org = osy_load_org(batch);
	call->file = file;
	call->pieces[0] = (struct osy_lpiece){.batch = batch, .count = 1};
	call->piece_count = 1;
	if (osy_load_call_request(call, &request, &err)) {
		batch->pause_ms = osy_load_pause(batch, &err);
		osy_lfile_leave(file, true);
		return;
	}
	batch->begun = true;
	file->phase = OSY_FILE_STREAMING;
}
