/* Bulk jobs: replies about a job, the columns of a result file, errors of rows. */
#include <stdlib.h>

#include "osy/mem.h"
#include "osy/sf_bulk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const sent[] = {"Id", "Name", "Parent__c", "Ext__c"};

static void try_job(struct osy_str text)
{
	struct osy_bulk_job job;
	struct osy_err err = OSY_ERR_NONE;

	if (osy_bulk_job_read(text, &job, &err))
		return;
	OSY_ASSERT(strlen(job.id) == 18 && strlen(job.message) < sizeof(job.message));
	OSY_ASSERT(job.processed >= 0 && job.failed >= 0 && osy_bulk_state_name(job.state)[0]);
	OSY_ASSERT(osy_utf8_valid(osy_str(job.message)));
}

struct file {
	struct osy_bulk_columns columns;
	size_t cells;
	struct osy_str text;
};

static void try_error(struct osy_str text)
{
	struct osy_str parts[3];

	osy_bulk_error_read(text, &parts[0], &parts[1], &parts[2]);
	for (size_t i = 0; i < OSY_COUNT(parts); i++)
		OSY_ASSERT(!parts[i].p || (parts[i].len > 0 && parts[i].p >= text.p &&
						  parts[i].p + parts[i].len <= text.p + text.len));
}

static enum osy_code row(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *err)
{
	struct file *file = arg;

	if (!file->columns.sent) {
		file->cells = count;
		return osy_bulk_columns_read(
			cells, count, sent, OSY_COUNT(sent), &file->columns, err);
	}
	OSY_ASSERT(file->columns.id < (int)file->cells && file->columns.error < (int)file->cells);
	for (size_t i = 0; i < file->columns.sent_count; i++)
		OSY_ASSERT(file->columns.sent[i] >= -1 && file->columns.sent[i] < (int)file->cells);
	if (file->columns.error >= 0 && (size_t)file->columns.error < count) {
		OSY_AUTO(osy_buf_done) struct osy_buf scratch = OSY_BUF(OSY_CSV_SCRATCH_BYTES);

		try_error(osy_csv_text(&cells[file->columns.error], &scratch));
	}
	return OSY_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OSY_AUTO(osy_csv_done) struct osy_csv csv;
	const struct osy_str text = {(const char *)data, size};
	struct file file = {.text = text};
	struct osy_err err = OSY_ERR_NONE;

	try_job(text);
	try_error(text);
	osy_csv_init(&csv, row, &file);
	if (osy_csv_feed(&csv, text, &err) == OSY_OK && osy_csv_end(&csv, &err) == OSY_OK)
		OSY_ASSERT(csv.rows == 0 || file.columns.sent);
	osy_bulk_columns_done(&file.columns);
	return 0;
}
