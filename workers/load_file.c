/* What files are, and which of them are to be sent. See load_file.h. */
#include "load_file_internal.h"

#include "osy/banned.h"

/* ---- Columns ---- */
int osy_lfile_column(const struct osy_lbatch *batch, int field)
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

	return file && (osy_lfile_column(batch, file->size) == c ||
			       osy_lfile_column(batch, file->sum) == c ||
			       osy_lfile_column(batch, file->changed) == c ||
			       osy_lfile_column(batch, file->document) == c);
}

bool osy_file_is_kept(const struct osy_lbatch *batch, unsigned column)
{
	const struct osy_spec_file *file = batch->object->file;

	return file && (osy_lfile_column(batch, file->size) == (int)column ||
			       osy_lfile_column(batch, file->sum) == (int)column);
}

/* The body of such a record cannot be changed: another one is a new version of its document. */
bool osy_lfile_has_versions(const struct osy_lbatch *batch)
{
	return batch->object->file->sum >= 0;
}

bool osy_lfile_is_fixed(const struct osy_lbatch *batch)
{
	return !osy_lfile_has_versions(batch) &&
	       !batch->object->fields[batch->object->file->body].updateable;
}

bool osy_lfile_tells_size(const struct osy_lbatch *batch)
{
	return batch->object->file->size >= 0;
}

struct osy_str osy_lfile_value(
	const struct osy_lbatch *batch, const struct osy_str *values, int field)
{
	int c = osy_lfile_column(batch, field);

	return c < 0 || !values || osy_str_is(values[c], "null") ? OSY_STR_NULL : values[c];
}

/* The text of a JSON string without escapes. */
struct osy_str osy_lfile_plain(struct osy_str json)
{
	if (json.len < 2 || json.p[0] != '"')
		return OSY_STR_NULL;
	return (struct osy_str){json.p + 1, json.len - 2};
}

int64_t osy_lfile_size(const struct osy_lbatch *batch, const struct osy_str *values)
{
	struct osy_str text = osy_lfile_value(batch, values, batch->object->file->size);
	struct osy_err ignored = OSY_ERR_NONE;
	int64_t size = -1;

	return text.p && !osy_parse_i64(text, 0, INT64_MAX, &size, &ignored) ? size : -1;
}

bool osy_file_is_sent(const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	int c = batch->object->file ? osy_lfile_column(batch, batch->object->file->body) : -1;

	if (c < 0 || !row->values[c].p || osy_str_is(row->values[c], "null"))
		return false;
	return row->action == OSY_ACT_INSERT || (row->action == OSY_ACT_UPDATE && row->written &&
							((row->written[c / 64] >> (c % 64)) & 1));
}

void osy_lfile_fail_fixed(struct osy_lbatch *batch, unsigned i)
{
	const struct osy_spec_object *object = batch->object;

	osy_load_fail(batch, i, OSY_FAIL_FILE_DIFFERS,
		osy_str(object->fields[object->file->body].target),
		"the target's file is another one, and its org does not let our user change the "
		"file of %s; delete the record there, and retry the run's failures",
		object->target);
}

void osy_lfile_fail_large(struct osy_lbatch *batch, unsigned i, int64_t size)
{
	osy_load_fail(batch, i, OSY_FAIL_FILE_TOO_LARGE, OSY_STR(""),
		"the file has %lld bytes and the template takes files of %lld at most "
		"(files.maxBytes)",
		(long long)size, (long long)batch->object->file->max_bytes);
}

void osy_file_check(struct osy_lbatch *batch, unsigned i)
{
	const struct osy_lrow *row = &batch->rows[i];

	if (!osy_file_is_sent(batch, row))
		return;
	int64_t size = osy_lfile_size(batch, row->values);
	if (row->action == OSY_ACT_UPDATE && osy_lfile_has_versions(batch) &&
		!osy_lfile_value(batch, row->before, batch->object->file->document).p)
		osy_load_fail(batch, i, OSY_FAIL_FILE_DIFFERS, OSY_STR("ContentDocumentId"),
			"the target's file is another one, and its document is not known, of which "
			"this would be a new version; do not exclude ContentDocumentId");
	else if (row->action == OSY_ACT_UPDATE && osy_lfile_is_fixed(batch) &&
		 osy_lfile_body_is(batch, row) == OSY_LBODY_OTHER)
		osy_lfile_fail_fixed(batch, i);
	else if (size > batch->object->file->max_bytes)
		osy_lfile_fail_large(batch, i, size);
}

/* The document of which the record is to be a new version; p NULL: it is the first of its own. */
struct osy_str osy_lfile_document(const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	const struct osy_spec_file *file = batch->object->file;

	if (row->action == OSY_ACT_UPDATE)
		return osy_lfile_has_versions(batch)
			       ? osy_lfile_value(batch, row->before, file->document)
			       : OSY_STR_NULL;
	struct osy_str id = osy_lfile_value(batch, row->values, file->document);
	return osy_is_left_out(id) ? OSY_STR_NULL : id;
}

bool osy_file_waits(const struct osy_lbatch *batch)
{
	return batch->step == OSY_STEP_READY && batch->object && batch->object->file &&
	       !osy_lfile_tells_size(batch) && osy_load_has_aside(batch->load);
}

bool osy_file_is_next(const struct osy_lbatch *batch)
{
	unsigned c = batch->next_collection;

	return batch->object && batch->object->file && c < batch->collections &&
	       batch->starts[c] < batch->starts[c + 1] &&
	       osy_file_is_sent(batch, &batch->rows[batch->order[batch->starts[c]]]);
}
