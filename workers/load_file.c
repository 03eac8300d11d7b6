/* What files are, and how their bodies get from org to org. See load_file.h. */
#include "load_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "osy/clock.h"
#include "osy/crypt.h"
#include "osy/failpoint.h"
#include "osy/json.h"
#include "osy/json_write.h"
#include "osy/log.h"
#include "pulse.h"
#include "runs.h"

#include "osy/banned.h"

#define RING 65536 /* bytes of a body on their way */
#define HEAD_MAX (4u * 1024 * 1024)

enum phase { LOOKING, READING, READY, STREAMING, CHECKING, ASKING };

struct osy_lfile {
	struct osy_loader *loader;
	struct osy_wrun *run;	  /* a reference */
	struct osy_lbatch *batch; /* NULL: dropped */
	unsigned row;
	enum phase phase;
	bool looks; /* whether it is there already */
	int64_t wait_until;
	/* from the source */
	struct osy_lorg *payer; /* whose budget the reading uses; NULL: it is over */
	struct osy_budget_call budget;
	struct osy_http_call *from, *to; /* to let them go on */
	int64_t size, got, sent;
	struct osy_md5 *md5;
	char sum[33];
	bool whole;	    /* all of it came, and it is what it should be */
	struct osy_err err; /* it is not */
	/* to the target */
	char boundary[40];
	struct osy_buf head; /* what goes before the body */
	char tail[64];
	size_t head_sent, tail_sent;
	bool released; /* the end may go out */
	struct osy_id made;
	size_t begin, len; /* of the ring */
	char ring[RING];
	struct osy_lfile *next;
};

/* ---- Columns ---- */
static int column_of(const struct osy_lbatch *batch, int field)
{
	for (unsigned c = 0; field >= 0 && c < batch->column_count; c++) {
		if (batch->columns[c].field == &batch->object->fields[field])
			return (int)c;
	}
	return -1;
}

bool osy_file_is_body(const struct osy_lbatch *batch, unsigned column)
{
	const struct osy_spec_file *file = batch->object->file;

	return file && batch->columns[column].field == &batch->object->fields[file->body];
}

bool osy_file_is_told(const struct osy_lbatch *batch, unsigned column)
{
	const struct osy_spec_file *file = batch->object->file;
	int c = (int)column;

	return file && (column_of(batch, file->size) == c || column_of(batch, file->sum) == c ||
			       column_of(batch, file->changed) == c ||
			       column_of(batch, file->document) == c);
}

bool osy_file_is_kept(const struct osy_lbatch *batch, unsigned column)
{
	const struct osy_spec_file *file = batch->object->file;

	return file && (column_of(batch, file->size) == (int)column ||
			       column_of(batch, file->sum) == (int)column);
}

/* The body of such a record cannot be changed: another one is a new version of its document. */
static bool has_versions(const struct osy_lbatch *batch)
{
	return batch->object->file->sum >= 0;
}

static struct osy_str value_of(
	const struct osy_lbatch *batch, const struct osy_str *values, int field)
{
	int c = column_of(batch, field);

	return c < 0 || !values || osy_str_is(values[c], "null") ? OSY_STR_NULL : values[c];
}

/* The text of a JSON string without escapes. */
static struct osy_str plain(struct osy_str json)
{
	if (json.len < 2 || json.p[0] != '"')
		return OSY_STR_NULL;
	return (struct osy_str){json.p + 1, json.len - 2};
}

static int64_t size_of(const struct osy_lbatch *batch, const struct osy_str *values)
{
	struct osy_str text = value_of(batch, values, batch->object->file->size);
	struct osy_err ignored = OSY_ERR_NONE;
	int64_t size = -1;

	return text.p && !osy_parse_i64(text, 0, INT64_MAX, &size, &ignored) ? size : -1;
}

static int64_t changed_at(const struct osy_lbatch *batch, const struct osy_str *values)
{
	struct osy_str text = plain(value_of(batch, values, batch->object->file->changed));

	return text.p ? osy_wall_parse(text.p, text.len) : 0;
}

bool osy_file_differs(const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	const struct osy_spec_file *file = batch->object->file;

	if (!row->before || size_of(batch, row->values) != size_of(batch, row->before))
		return true;
	struct osy_str mine = plain(value_of(batch, row->values, file->sum));
	struct osy_str theirs = plain(value_of(batch, row->before, file->sum));
	if (mine.p && theirs.p)
		return !osy_str_equal_nocase(mine, theirs);
	/* No checksum: as long, and not touched since it was written there. */
	return changed_at(batch, row->values) > changed_at(batch, row->before);
}

bool osy_file_is_sent(const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	int c = batch->object->file ? column_of(batch, batch->object->file->body) : -1;

	if (c < 0 || !row->values[c].p || osy_str_is(row->values[c], "null"))
		return false;
	return row->action == OSY_ACT_INSERT || (row->action == OSY_ACT_UPDATE && row->written &&
							((row->written[c / 64] >> (c % 64)) & 1));
}

void osy_file_check(struct osy_lbatch *batch, unsigned i)
{
	const struct osy_lrow *row = &batch->rows[i];

	if (!osy_file_is_sent(batch, row))
		return;
	int64_t size = size_of(batch, row->values), most = batch->object->file->max_bytes;
	if (row->action == OSY_ACT_UPDATE && has_versions(batch) &&
		!value_of(batch, row->before, batch->object->file->document).p)
		osy_load_fail(batch, i, OSY_FAIL_FILE_DIFFERS, OSY_STR("ContentDocumentId"),
			"the target's file is another one, and its document is not known, of which "
			"this would be a new version; do not exclude ContentDocumentId");
	else if (size > most)
		osy_load_fail(batch, i, OSY_FAIL_FILE_TOO_LARGE, OSY_STR(""),
			"the file has %lld bytes and the template takes files of %lld at most "
			"(files.maxBytes)",
			(long long)size, (long long)most);
}

/* ---- The end of a transfer ---- */
static void read_over(struct osy_lfile *file, const struct osy_sf_reply *reply)
{
	if (file->payer)
		osy_budget_ended(file->payer->budget, &file->budget, reply);
	file->payer = NULL;
	file->from = NULL;
}

static void file_free(struct osy_lfile *file)
{
	struct osy_lfile **at = &file->loader->files;

	if (file->payer) {
		osy_sf_cancel(file->run->source, file);
		read_over(file, NULL);
	}
	while (*at != file)
		at = &(*at)->next;
	*at = file->next;
	osy_md5_free(file->md5);
	osy_buf_done(&file->head);
	osy_runs_unref(file->loader->worker, file->run);
	free(file);
}

/* The request to the target frees it at its own end. */
static bool is_posted(const struct osy_lfile *file)
{
	return file->phase == STREAMING;
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
			file_free(file);
		return;
	}
}

void osy_files_free(struct osy_loader *loader)
{
	while (loader->files)
		file_free(loader->files);
}

unsigned osy_files_reading(const struct osy_loader *loader, const struct osy_lorg *org)
{
	unsigned n = 0;

	for (const struct osy_lfile *file = loader->files; file; file = file->next)
		n += file->payer == org;
	return n;
}

/* Over for this time: the row has its outcome, or its round is made again. */
static void leave(struct osy_lfile *file, bool failed)
{
	struct osy_lbatch *batch = file->batch;

	file->batch = NULL;
	file_free(file);
	osy_load_go_on(batch, failed);
}

static bool not_executed(const struct osy_err *err)
{
	return err->code == OSY_E_UNREACHABLE || err->code == OSY_E_LIMIT ||
	       err->code == OSY_E_SESSION || err->code == OSY_E_AUTH;
}

/* The source did not give it, or not all of it: nothing happened in the target. */
static void source_failed(struct osy_lfile *file)
{
	struct osy_lbatch *batch = file->batch;
	struct osy_lrow *row = &batch->rows[file->row];
	const struct osy_err err = file->err;
	bool final = err.code == OSY_E_SALESFORCE && err.cls != OSY_RETRY;

	if (final || (!not_executed(&err) && ++row->tries >= OSY_LOAD_FILE_TRIES)) {
		osy_load_refuse_err(batch, file->row, &err);
		leave(file, false);
		return;
	}
	batch->pause_ms = osy_load_pause(batch, &err);
	leave(file, true);
}

/* ---- From the source ---- */
static void wake(const struct osy_lfile *file)
{
	file->loader->moved = true;
	osy_http_wakeup(file->loader->worker->http);
}

static void put_in_ring(struct osy_lfile *file, struct osy_str piece)
{
	size_t end = (file->begin + file->len) % RING, first = RING - end;

	first = piece.len < first ? piece.len : first;
	memcpy(file->ring + end, piece.p, first);
	memcpy(file->ring, piece.p + first, piece.len - first);
	file->len += piece.len;
}

static bool on_piece(struct osy_http_call *call, struct osy_str piece, void *arg)
{
	struct osy_lfile *file = arg;

	file->from = call;
	if (file->err.code || file->got + (int64_t)piece.len > file->size) {
		file->got += (int64_t)piece.len; /* more than it should be: told at its end */
		return true;
	}
	if (file->len + piece.len > RING)
		return false;
	put_in_ring(file, piece);
	file->got += (int64_t)piece.len;
	osy_md5_add(file->md5, piece);
	if (file->phase == READING) {
		file->phase = READY;
		wake(file);
	} else if (file->to) {
		osy_http_resume(file->to);
	}
	return true;
}

static enum osy_code judge(struct osy_lfile *file, const struct osy_sf_reply *reply)
{
	const struct osy_lbatch *batch = file->batch;
	struct osy_str sum = batch ? plain(value_of(batch, batch->rows[file->row].values,
					     batch->object->file->sum))
				   : OSY_STR_NULL;

	if (reply->code) {
		file->err = reply->err;
		return reply->code;
	}
	if (file->got != file->size)
		return osy_fail_from(&file->err, OSY_E_INVALID, "file",
			"the source says that the file has %lld bytes, and sent %lld",
			(long long)file->size, (long long)file->got);
	osy_md5_hex(file->md5, file->sum);
	if (sum.p && !osy_str_equal_nocase(sum, osy_str(file->sum)))
		return osy_fail_from(&file->err, OSY_E_INVALID, "file",
			"the file has the checksum %.*s, and what the source sent has %s",
			(int)sum.len, sum.p, file->sum);
	return OSY_OK;
}

static void on_read(struct osy_sf_reply *reply, void *arg)
{
	struct osy_lfile *file = arg;

	read_over(file, reply);
	file->whole = judge(file, reply) == OSY_OK;
	if (file->phase == READING)
		file->phase = READY;
	if (file->to)
		osy_http_resume(file->to);
	wake(file);
}

static enum osy_code start_reading(struct osy_lfile *file, struct osy_err *err)
{
	const struct osy_lbatch *batch = file->batch;
	const struct osy_spec_object *object = batch->object;
	char id[19], path[256];

	osy_id_18(&batch->rows[file->row].source, id);
	snprintf(path, sizeof(path), "sobjects/%s/%s/%s", object->name, id,
		object->fields[object->file->body].name);
	const struct osy_sf_request request = {
		.method = "GET", .path = osy_str(path), .on_data = on_piece};
	enum osy_code rc = osy_sf_start(file->run->source, &request, on_read, file, err);

	if (rc)
		return rc;
	file->phase = READING;
	file->payer = osy_load_source_of(file->loader, file->run);
	osy_budget_started(file->payer->budget, &file->budget, 0);
	osy_load_count_call(file->loader, file->run->id);
	return OSY_OK;
}

/* ---- Into the target ---- */
static size_t take(char *out, size_t size, const char *from, size_t len, size_t *done)
{
	size_t n = len - *done < size ? len - *done : size;

	memcpy(out, from + *done, n);
	*done += n;
	return n;
}

static size_t take_from_ring(struct osy_lfile *file, char *out, size_t size)
{
	size_t n = file->len < size ? file->len : size;

	n = n < RING - file->begin ? n : RING - file->begin;
	memcpy(out, file->ring + file->begin, n);
	file->begin = (file->begin + n) % RING;
	file->len -= n;
	file->sent += (int64_t)n;
	if (n && file->from)
		osy_http_resume(file->from);
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
		return (ssize_t)take_from_ring(file, out, size);
	}
	if (!file->released)
		return 0;
	return (ssize_t)take(out, size, file->tail, strlen(file->tail), &file->tail_sent);
}

static bool is_document(const struct osy_lbatch *batch, unsigned column)
{
	return column_of(batch, batch->object->file->document) == (int)column;
}

/* The document of which the record is to be a new version; p NULL: it is the first of its own. */
static struct osy_str document_of(const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	const struct osy_spec_file *file = batch->object->file;

	if (row->action == OSY_ACT_UPDATE)
		return has_versions(batch) ? value_of(batch, row->before, file->document)
					   : OSY_STR_NULL;
	struct osy_str id = value_of(batch, row->values, file->document);
	return osy_is_left_out(id) ? OSY_STR_NULL : id;
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
	bool insert = row->action == OSY_ACT_INSERT || has_versions(batch);
	struct osy_str document = document_of(batch, row);
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

static void target_failed(struct osy_lfile *file, struct osy_sf_reply *reply)
{
	struct osy_lbatch *batch = file->batch;
	const struct osy_err *err = &reply->err;

	if (err->code == OSY_E_SALESFORCE) {
		if (!refused(file, reply))
			osy_load_refuse_err(batch, file->row, err);
		leave(file, false);
		return;
	}
	if (!not_executed(err)) {
		osy_load_doubt(batch, file->row);
		batch->rows[file->row].lost |= has_versions(batch); /* it is looked for */
	}
	batch->pause_ms = osy_load_pause(batch, err);
	leave(file, true);
}

/* The id of what was made; of an update the row has it already. */
static bool take_made(struct osy_lfile *file, const struct osy_sf_reply *reply)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;
	struct osy_err ignored = OSY_ERR_NONE;

	if (file->batch->rows[file->row].action == OSY_ACT_UPDATE && !has_versions(file->batch)) {
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
	file->phase = CHECKING;
	if (!file->batch)
		file_free(file);
	else if (file->err.code && reply->code)
		source_failed(file);
	else if (reply->code)
		target_failed(file, reply);
	else if (!take_made(file, reply)) {
		osy_load_fail(file->batch, file->row, "UNEXPECTED_ID", OSY_STR(""),
			"the org says that it took the file, but gave no id of its record");
		leave(file, false);
	}
}

static void start_sending(struct osy_lfile *file)
{
	struct osy_lbatch *batch = file->batch;
	const struct osy_lrow *row = &batch->rows[file->row];
	struct osy_lcall *call = osy_load_call_new(batch, file->loader, file->run, on_sent);
	struct osy_err err = OSY_ERR_NONE;
	char path[256], type[96], id[19] = "";

	write_form(file);
	if (row->action == OSY_ACT_UPDATE && !has_versions(batch))
		osy_id_18(&row->target, id);
	snprintf(
		path, sizeof(path), "sobjects/%s%s%s", batch->object->target, id[0] ? "/" : "", id);
	snprintf(type, sizeof(type), "multipart/form-data; boundary=\"%s\"", file->boundary);
	struct osy_sf_request request = {.method = id[0] ? "PATCH" : "POST",
		.path = osy_str(path),
		.content_type = type,
		.read_body = read_form,
		.body_size = (int64_t)(file->head.len + strlen(file->tail)) + file->size};
	call->org = osy_load_org(batch);
	call->file = file;
	call->pieces[0] = (struct osy_lpiece){.batch = batch, .count = 1};
	call->piece_count = 1;
	if (osy_load_call_request(call, &request, &err)) {
		batch->pause_ms = osy_load_pause(batch, &err);
		leave(file, true);
		return;
	}
	batch->begun = true;
	file->phase = STREAMING;
}

/* ---- What the target has now ---- */
struct check {
	const struct osy_lfile *file;
	bool told_sum, seen, same;
	struct osy_id id;
	int64_t size;
	char sum[40];
};

static enum osy_code on_checked_row(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct check *check = arg;
	struct osy_str sum = check->told_sum ? plain(values[2]) : OSY_STR_NULL;
	struct osy_err ignored = OSY_ERR_NONE;

	(void)err;
	check->seen = values[0].p && osy_id_parse_json(values[0], &check->id);
	check->size = -1;
	if (values[1].p)
		(void)!osy_parse_i64(values[1], 0, INT64_MAX, &check->size, &ignored);
	snprintf(check->sum, sizeof(check->sum), "%.*s", (int)(sum.len < 39 ? sum.len : 39),
		sum.p ? sum.p : "");
	check->same = check->size == check->file->size &&
		      (!sum.p || osy_str_equal_nocase(sum, osy_str(check->file->sum)));
	return OSY_OK;
}

static size_t check_names(const struct osy_lbatch *batch, const char **ret)
{
	const struct osy_spec_object *object = batch->object;
	const struct osy_spec_file *file = object->file;

	ret[0] = "Id";
	ret[1] = object->fields[file->size].target;
	if (file->sum < 0)
		return 2;
	ret[2] = object->fields[file->sum].target;
	return 3;
}

static void settle(struct osy_lfile *file, const struct check *check)
{
	struct osy_lbatch *batch = file->batch;
	struct osy_lrow *row = &batch->rows[file->row];
	char id[19];

	osy_id_18(&file->made, id);
	const struct osy_sf_row_result result = {.success = true, .id = osy_str(id)};
	osy_load_row_succeeded(batch, file->row, &result);
	row->put |= !osy_id_equal(&row->target, &file->made);
	row->target = file->made; /* mapped in any case: a retry sends the body again */
	if (!check->seen || !check->same) {
		osy_load_fail(batch, file->row, OSY_FAIL_FILE_DIFFERS, OSY_STR(""),
			"%s was sent with %lld bytes (MD5 %s), but the target has %lld%s%s%s; "
			"retry "
			"the run's failures to send it again",
			id, (long long)file->size, file->sum,
			(long long)(check->seen ? check->size : 0), check->sum[0] ? " (MD5 " : "",
			check->sum, check->sum[0] ? ")" : "");
	}
	leave(file, false);
}

/* A new version whose reply was lost is there, or is sent again. */
static void looked(struct osy_lfile *file, const struct check *check)
{
	const struct osy_lrow *row = &file->batch->rows[file->row];
	struct osy_err err = OSY_ERR_NONE;

	file->looks = false;
	if (check->seen && check->same && check->told_sum &&
		!osy_id_equal(&check->id, &row->target)) {
		file->made = check->id;
		settle(file, check);
	} else if (start_reading(file, &err)) {
		file->err = err;
		file->phase = READY;
	}
}

static void on_checked(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct osy_lfile *file = call->file;
	struct check check = {.file = file};
	struct osy_sf_page page = {.done = true};
	struct osy_str body = OSY_STR_NULL;
	struct osy_err err = OSY_ERR_NONE;
	const char *names[3];
	int status = 0;

	if (!call->batch)
		return;
	enum osy_code rc = reply->code;
	if (rc)
		err = reply->err;
	else
		rc = osy_sf_send_bodies(
			&call->send, osy_buf_str(reply->body), &status, &body, &err, &err);
	size_t count = check_names(file->batch, names);
	check.told_sum = count > 2;
	if (!rc && body.p)
		rc = osy_sf_page_read(
			body, false, names, count, on_checked_row, &check, &page, &err);
	if (rc || !body.p) {
		file->phase = file->looks ? LOOKING : CHECKING;
		file->wait_until = osy_mono_ms() + osy_load_pause(file->batch, &err);
		return;
	}
	if (file->looks)
		looked(file, &check);
	else
		settle(file, &check);
}

static void start_check(struct osy_lfile *file)
{
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(4096);
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(8192);
	struct osy_lbatch *batch = file->batch;
	struct osy_lcall *call = osy_load_call_new(batch, file->loader, file->run, on_checked);
	struct osy_err err = OSY_ERR_NONE;
	const char *names[3] = {"Id", "Id", "Id"};
	size_t count = check_names(batch, names);
	char id[19];

	osy_id_18(file->looks ? &batch->rows[file->row].target : &file->made, id);
	osy_buf_addf(&soql, "SELECT Id,%s%s%s FROM %s WHERE Id = '%s'", names[1],
		count > 2 ? "," : "", count > 2 ? names[2] : "", batch->object->target, id);
	if (file->looks) { /* another one than the target that it had */
		struct osy_str document = plain(document_of(batch, &batch->rows[file->row]));
		osy_buf_reset(&soql);
		osy_buf_addf(&soql,
			"SELECT Id,%s,%s FROM %s WHERE ContentDocumentId = '%.*s' AND IsLatest = "
			"true",
			names[1], names[2], batch->object->target, (int)document.len, document.p);
	}
	osy_soql_path(osy_buf_str(&soql), false, &path);
	osy_sf_send_begin(&call->send, 1);
	osy_sf_send_get(&call->send, osy_buf_str(&path));
	call->file = file;
	if (osy_load_call_start(call, NULL, 0, &err)) {
		file->wait_until = osy_mono_ms() + osy_load_pause(batch, &err);
		return;
	}
	file->phase = ASKING;
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
	case READY:
		if (file->err.code)
			source_failed(file);
		else if (osy_load_slot(file->batch, true) &&
			 osy_pulse_may_send(loader->worker->pulse))
			start_sending(file);
		break;
	case STREAMING:
		if (file->whole && !file->released && file->to)
			release(file);
		break;
	case LOOKING:
	case CHECKING:
		if (osy_load_slot(file->batch, false))
			start_check(file);
		break;
	case READING:
	case ASKING:
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

bool osy_file_is_next(const struct osy_lbatch *batch)
{
	unsigned c = batch->next_collection;

	return batch->object && batch->object->file && c < batch->collections &&
	       batch->starts[c] < batch->starts[c + 1] &&
	       osy_file_is_sent(batch, &batch->rows[batch->order[batch->starts[c]]]);
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
	file->size = size_of(batch, batch->rows[file->row].values);
	file->size = file->size < 0 ? 0 : file->size;
	file->md5 = osy_md5_new();
	file->next = loader->files;
	loader->files = file;
	const struct osy_lrow *row = &batch->rows[file->row];
	file->looks = row->action == OSY_ACT_UPDATE && has_versions(batch) &&
		      (row->lost || row->was_update);
	if (file->looks) {
		struct osy_str sum = plain(value_of(batch, row->values, batch->object->file->sum));
		snprintf(file->sum, sizeof(file->sum), "%.*s",
			(int)(sum.len < sizeof(file->sum) ? sum.len : 0), sum.p ? sum.p : "");
		file->phase = LOOKING;
	} else if (start_reading(file, &err)) {
		file->batch = NULL;
		file_free(file);
		osy_load_wait(batch, osy_load_pause(batch, &err));
		return;
	}
	batch->load->sent = ++loader->sends;
	batch->next_collection++;
	osy_load_step(batch, OSY_STEP_SENDING);
}
