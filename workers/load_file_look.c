/* Files: what the target has, and what became of a row. See load_file.h. */
#include "load_file_internal.h"

#include <stdio.h>

#include "osy/clock.h"

#include "osy/banned.h"

/* ---- What the target has now ---- */
struct check {
	const struct osy_lfile *file;
	bool told_sum, seen, same;
	int64_t changed;
	bool any;    /* one that is the same will do, be there others as well */
	bool unread; /* its body could not be read */
	struct osy_id id;
	int64_t size;
	char sum[40];
};

static enum osy_code on_checked_row(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct check *check = arg;
	bool sized = osy_lfile_tells_size(check->file->batch);
	struct osy_str told = osy_lfile_plain(values[1]);
	struct osy_str sum = check->told_sum ? told : OSY_STR_NULL;
	struct osy_err ignored = OSY_ERR_NONE;

	(void)err;
	if (check->any && check->same)
		return OSY_OK;
	check->seen = values[0].p && osy_id_parse_json(values[0], &check->id);
	check->size = sized ? -1 : check->file->size;
	check->changed = told.p && !check->told_sum ? osy_wall_parse(told.p, told.len) : 0;
	if (sized && values[2].p)
		(void)!osy_parse_i64(values[2], 0, INT64_MAX, &check->size, &ignored);
	snprintf(check->sum, sizeof(check->sum), "%.*s", (int)(sum.len < 39 ? sum.len : 39),
		sum.p ? sum.p : "");
	check->same = check->size == check->file->size &&
		      (!sum.p || osy_str_equal_nocase(sum, osy_str(check->file->sum)));
	return OSY_OK;
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
	if (check->seen && check->same && !check->told_sum)
		osy_lfile_note(file, file->sum, check->changed);
	if (check->unread) {
		osy_load_fail(batch, file->row, OSY_FAIL_FILE_DIFFERS, OSY_STR(""),
			"%s was sent with %lld bytes (MD5 %s) and is there, but the target did not "
			"give its file back to be compared; retry the run's failures to compare it "
			"again",
			id, (long long)file->size, file->sum);
	} else if (!check->seen || !check->same) {
		osy_load_fail(batch, file->row, OSY_FAIL_FILE_DIFFERS, OSY_STR(""),
			"%s was sent with %lld bytes (MD5 %s), but the target has %lld%s%s%s; "
			"retry the run's failures to send it again",
			id, (long long)file->size, file->sum,
			(long long)(check->seen ? check->size : 0), check->sum[0] ? " (MD5 " : "",
			check->sum, check->sum[0] ? ")" : "");
	}
	osy_lfile_leave(file, false);
}

void osy_lfile_verified(struct osy_lfile *file)
{
	struct check check = {.file = file,
		.seen = true,
		.unread = !file->theirs[0],
		.same = strcmp(file->sum, file->theirs) == 0,
		.size = file->their_size,
		.changed = file->their_change};

	snprintf(check.sum, sizeof(check.sum), "%s", file->theirs);
	settle(file, &check);
}

static void checked(struct osy_lfile *file, const struct check *check)
{
	file->their_change = check->changed;
	if (check->same && !check->told_sum &&
		(file->batch->object->file->verify || !osy_lfile_tells_size(file->batch)))
		file->phase = OSY_FILE_VERIFY;
	else
		settle(file, check);
}

/* A new version whose reply was lost is there, or may still come, or is sent again. */
static void looked(struct osy_lfile *file, const struct check *check)
{
	const struct osy_lrow *row = &file->batch->rows[file->row];
	int64_t rest = row->busy_until - osy_mono_ms();

	if (check->seen && check->same) {
		file->made = check->id;
		settle(file, check);
	} else if (rest > 0) {
		osy_lfile_set_aside(file, rest);
	} else {
		osy_lfile_read_now(file);
	}
}

void osy_lfile_set_document(struct osy_lfile *file, struct osy_str id)
{
	if (id.p)
		snprintf(file->document, sizeof(file->document), "\"%.*s\"", (int)id.len, id.p);
}

static void told_document(struct osy_lfile *file, const struct check *check)
{
	struct osy_lbatch *batch = file->batch;
	char id[19];

	if (check->seen) {
		osy_id_18(&check->id, id);
		osy_lfile_set_document(file, osy_str(id));
	} else if (batch->rows[file->row].action == OSY_ACT_UPDATE) {
		osy_load_fail(batch, file->row, OSY_FAIL_FILE_DIFFERS, OSY_STR("ContentDocumentId"),
			"the target's file, of which this would be a new version, is gone; retry "
			"the run's failures");
		osy_lfile_leave(file, false);
		return;
	}
	osy_lfile_look_or_read(file);
}

/* ---- Questions ---- */
static size_t names_of(const struct osy_lfile *file, const char **ret)
{
	const struct osy_spec_object *object = file->batch->object;

	int told = object->file->sum < 0 ? object->file->changed : object->file->sum;

	ret[0] = file->asks == OSY_FILE_DOCUMENT ? "ContentDocumentId" : "Id";
	ret[1] = object->fields[told].target;
	if (!osy_lfile_tells_size(file->batch))
		return 2;
	ret[2] = object->fields[object->file->size].target;
	return 3;
}

static void answered(struct osy_lfile *file, const struct check *check)
{
	switch (file->asks) {
	case OSY_FILE_LOOKING:
		looked(file, check);
		break;
	case OSY_FILE_DOCUMENT:
		told_document(file, check);
		break;
	case OSY_FILE_CHECKING:
	case OSY_FILE_HASH_TARGET:
	case OSY_FILE_HASH_SOURCE:
	case OSY_FILE_VERIFY:
	case OSY_FILE_BEFORE:
	case OSY_FILE_MEASURE:
	case OSY_FILE_READING:
	case OSY_FILE_READY:
	case OSY_FILE_STREAMING:
	case OSY_FILE_ASKING:
		checked(file, check);
		break;
	}
}

static void on_answer(struct osy_lcall *call, struct osy_sf_reply *reply)
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
	enum osy_code rc = osy_load_call_bodies(call, reply, &status, &body, &err, &err);
	size_t count = names_of(file, names);
	check.told_sum = file->batch->object->file->sum >= 0;
	check.any = file->asks == OSY_FILE_LOOKING;
	if (!rc && body.p)
		rc = osy_sf_page_read(
			body, false, names, count, on_checked_row, &check, &page, &err);
	if (rc || !body.p) {
		file->phase = file->asks;
		file->wait_until = osy_mono_ms() + osy_load_pause(file->batch, &err);
		return;
	}
	answered(file, &check);
}

/* The versions of the document that are ours and were made since the batch was begun. */
static void ask_since(const struct osy_lfile *file, const char *document, struct osy_buf *soql)
{
	const struct osy_lbatch *batch = file->batch;
	bool sends_date = osy_load_audit_column(batch, "CreatedDate") >= 0;
	char since[32], own[19];

	osy_wall_text(batch->org_ms - OSY_LOAD_ORG_MARGIN, since);
	osy_id_18(&batch->rows[file->row].target, own);
	osy_buf_addf(soql, "ContentDocumentId = '%s' AND Id != '%s' AND %s >= %s", document, own,
		sends_date ? "SystemModstamp" : "CreatedDate", since);
	if (osy_load_audit_column(batch, "CreatedById") < 0)
		osy_buf_addf(soql, " AND CreatedById = '%s'", osy_lspec(batch)->target_user_id);
	osy_buf_addz(soql, " ORDER BY Id DESC LIMIT 200");
}

/* The id that the question is about. */
static void id_of(const struct osy_lfile *file, char ret[19])
{
	if (file->asks == OSY_FILE_LOOKING)
		snprintf(ret, 19, "%.18s", file->document + 1);
	else
		osy_id_18(file->asks == OSY_FILE_DOCUMENT ? &file->before : &file->made, ret);
}

void osy_lfile_look(struct osy_lfile *file)
{
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(4096);
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(8192);
	struct osy_lcall *call = osy_load_call_new(file->batch, file->loader, file->run, on_answer);
	struct osy_err err = OSY_ERR_NONE;
	const char *names[3];
	char id[19];

	file->asks = file->phase;
	id_of(file, id);
	size_t count = names_of(file, names);
	osy_buf_addf(&soql, "SELECT %s,%s%s%s FROM %s WHERE ", names[0], names[1],
		count > 2 ? "," : "", count > 2 ? names[2] : "", file->batch->object->target);
	if (file->asks == OSY_FILE_LOOKING)
		ask_since(file, id, &soql);
	else
		osy_buf_addf(&soql, "Id = '%s'", id);
	osy_soql_path(osy_buf_str(&soql), false, &path);
	osy_sf_send_begin(&call->send, 1);
	osy_sf_send_get(&call->send, osy_buf_str(&path));
	call->file = file;
	if (osy_load_call_start(call, NULL, 0, &err)) {
		file->wait_until = osy_mono_ms() + osy_load_pause(file->batch, &err);
		return;
	}
	file->phase = OSY_FILE_ASKING;
}
