/*
 * Files with all their versions: the document of one that is not the first is that of any version
 * before it that is in the target. Those of this lane are known here; else the source tells which
 * there are, and the id map which of them came in.
 */
#include "load_file_internal.h"

#include "osy/clock.h"
#include "pulse.h"

#include "osy/banned.h"

#define VERSIONS 200 /* looked at: the nearest ones */

/* The source's document; NULL: it is not known. */
static const struct osy_id *source_document(const struct osy_lbatch *batch, unsigned row)
{
	int c = osy_lfile_column(batch, batch->object->file->document);
	int lookup = c < 0 ? -1 : batch->columns[c].lookup;
	const struct osy_lref *ref = lookup < 0 ? NULL : &osy_lrefs(batch, row)[lookup];

	return ref && osy_id_is_set(&ref->source) ? &ref->source : NULL;
}

bool osy_lfile_follows(const struct osy_lbatch *batch, unsigned row)
{
	return batch->object->file->all && batch->rows[row].action == OSY_ACT_INSERT &&
	       source_document(batch, row) && !osy_lfile_document(batch, &batch->rows[row]).p;
}

static bool find_in_batch(
	struct osy_lfile *file, const struct osy_lbatch *batch, const struct osy_id *document)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		const struct osy_lrow *row = &batch->rows[i];
		const struct osy_id *other = source_document(batch, i);
		if (!other || !osy_id_equal(other, document) || !osy_id_is_set(&row->target) ||
			osy_id_equal(&row->source, &file->batch->rows[file->row].source))
			continue;
		file->before = row->target;
		return true;
	}
	return false;
}

/* Batches of the lane that are not recorded yet. */
static bool find_in_lane(struct osy_lfile *file)
{
	const struct osy_load *load = file->batch->load;
	const struct osy_id *document = source_document(file->batch, file->row);

	for (const struct osy_lbatch *batch = load->first; batch; batch = batch->next) {
		if (batch->object == file->batch->object && find_in_batch(file, batch, document))
			return true;
	}
	return load->late && load->late->object == file->batch->object &&
	       find_in_batch(file, load->late, document);
}

struct found {
	struct osy_idmap_ask asks[VERSIONS];
	size_t count;
	const struct osy_lfile *file;
};

static enum osy_code on_version(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct found *found = arg;
	struct osy_idmap_ask *ask = &found->asks[found->count];

	(void)err;
	if (found->count == VERSIONS || !values[0].p)
		return OSY_OK;
	*ask = (struct osy_idmap_ask){.pair = osy_lspec(found->file->batch)->pair};
	memcpy(ask->target_prefix, found->file->batch->object->target_prefix, 3);
	found->count += osy_id_parse_json(values[0], &ask->source);
	return OSY_OK;
}

static enum osy_code find_in_map(
	struct osy_lfile *file, const struct osy_sf_reply *reply, struct osy_err *err)
{
	static const char *const names[] = {"Id"};
	struct osy_worker *worker = file->loader->worker;
	struct found found = {.file = file};
	struct osy_sf_page page;
	bool rebuilt = false;
	enum osy_code rc = osy_sf_page_read(
		osy_buf_str(reply->body), false, names, 1, on_version, &found, &page, err);

	osy_pulse_blocking(worker->pulse, true);
	if (!rc && found.count)
		rc = osy_idmap_get(worker->idmap, found.asks, found.count, &rebuilt, err);
	osy_pulse_blocking(worker->pulse, false);
	for (size_t i = 0; !rc && i < found.count && !osy_id_is_set(&file->before); i++)
		file->before = found.asks[i].target;
	return rc;
}

static void on_versions(struct osy_sf_reply *reply, void *arg)
{
	struct osy_lfile *file = arg;
	struct osy_err err = reply->err;

	osy_lfile_read_over(file, reply);
	osy_lfile_wake(file);
	if (reply->code || find_in_map(file, reply, &err)) {
		file->err = err;
		file->phase = OSY_FILE_READY;
	} else if (osy_id_is_set(&file->before)) {
		file->phase = OSY_FILE_DOCUMENT;
	} else {
		osy_lfile_read_now(file);
	}
}

static void ask_source(struct osy_lfile *file)
{
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(1024);
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(4096);
	char document[19], own[19];

	osy_id_18(source_document(file->batch, file->row), document);
	osy_id_18(&file->batch->rows[file->row].source, own);
	osy_buf_addf(&soql,
		"SELECT Id FROM ContentVersion WHERE ContentDocumentId = '%s' AND Id < '%s' "
		"ORDER BY Id DESC LIMIT %d",
		document, own, VERSIONS);
	osy_soql_path(osy_buf_str(&soql), false, &path);
	const struct osy_sf_request request = {.method = "GET", .path = osy_buf_str(&path)};
	if (osy_sf_start(file->run->source, &request, on_versions, file, &file->err)) {
		file->phase = OSY_FILE_READY;
		return;
	}
	osy_lfile_read_began(file);
	file->phase = OSY_FILE_ASKING;
}

void osy_lfile_find_before(struct osy_lfile *file)
{
	if (find_in_lane(file))
		file->phase = OSY_FILE_DOCUMENT;
	else if (osy_budget_may_start(osy_load_source_of(file->loader, file->run)->budget))
		ask_source(file);
}
