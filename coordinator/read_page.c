/* A page of a query job's result. */
#include <stdlib.h>

#include "osy/mem.h"
#include "plan.h"
#include "read_internal.h"

static enum osy_code on_row(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *err);

struct read_page *read_page_new(struct osy_drive *drive, enum osy_gate_side side,
	const struct osy_spec_object *object, const char *job, const char *locator, int64_t taken)
{
	struct read_page *page = osy_xcalloc(1, sizeof(*page));

	page->drive = drive;
	page->side = side;
	page->object = object;
	page->job = job;
	OSY_ASSERT(strlen(locator) < sizeof(page->locator));
	memcpy(page->locator, locator, strlen(locator));
	page->taken = taken;
	page->records = -1;
	page->window = OSY_BUF(64u * 1024 * 1024);
	page->scratch = OSY_BUF(OSY_CSV_SCRATCH_BYTES);
	page->values = osy_xcalloc(osy_spec_columns(object) + 1, sizeof(*page->values));
	osy_csv_init(&page->csv, on_row, page);
	return page;
}

struct read_page *read_page_free(struct read_page *page)
{
	if (page) {
		if (page->request)
			read_request_leave(page->request);
		osy_csv_done(&page->csv);
		osy_buf_done(&page->window);
		osy_buf_done(&page->scratch);
		free(page->columns);
		free(page->values);
		free(page);
	}
	return NULL;
}

/* ---- Asking ---- */
/* Broken off: from the beginning of the page, behind what has been taken of it. */
static void rewind_page(struct read_page *page)
{
	osy_csv_done(&page->csv);
	osy_csv_init(&page->csv, on_row, page);
	osy_buf_reset(&page->window);
	free(page->columns);
	page->columns = NULL;
	page->rows = 0;
	page->ended = page->cut = page->has_head = false;
}

/* What has come of it is taken first. */
static void page_failed(struct read_page *page, const struct osy_err *err)
{
	page->cut = true;
	read_again_after(&page->again, err);
	page->gone = err->code == OSY_E_SALESFORCE && page->again.failed.code;
}

static void take_head(struct read_page *page, struct osy_str locator, struct osy_str records)
{
	struct osy_err err = OSY_ERR_NONE;

	page->known_end = locator.p || records.p;
	if (!locator.p || osy_str_is(locator, "null"))
		locator = OSY_STR("");
	if (locator.len >= sizeof(page->next)) {
		page->again.failed = (struct osy_err){0};
		(void)osy_fail(&page->again.failed, OSY_E_TOO_BIG,
			"the locator of a result page of %s has %zu bytes", page->object->name,
			locator.len);
		return;
	}
	memcpy(page->next, locator.p, locator.len);
	page->next[locator.len] = 0;
	if (!records.p || osy_parse_i64(records, 0, INT64_MAX, &page->records, &err))
		page->records = -1;
	page->has_head = true;
}

static bool on_data(struct osy_http_call *call, struct osy_str piece, void *arg)
{
	struct osy_read_request *request = arg;
	struct read_page *page = request->owner;

	if (!page)
		return true;
	if (!page->has_head)
		take_head(page, osy_http_call_header(call, "Sforce-Locator"),
			osy_http_call_header(call, "Sforce-NumberOfRecords"));
	if (page->window.len && page->window.len + piece.len > READ_WINDOW) {
		request->paused = call;
		return false;
	}
	osy_buf_add(&page->window, piece.p, piece.len);
	return true;
}

static void on_reply(struct osy_sf_reply *reply, void *arg)
{
	struct osy_read_request *request = arg;
	struct read_page *page = request->owner;

	read_request_drop(request);
	if (!page)
		return;
	page->request = NULL;
	if (reply->code) {
		page_failed(page, &reply->err);
		return;
	}
	if (!page->has_head) /* nothing came but the headers */
		take_head(page, osy_http_reply_header(reply->http, "Sforce-Locator"),
			osy_http_reply_header(reply->http, "Sforce-NumberOfRecords"));
	page->known_end |= page->window.len == 0 && page->rows == 0 && !page->columns;
	page->ended = true;
}

enum osy_code read_page_start(struct read_page *page, struct osy_err *err)
{
	struct osy_sf_request call;

	if (page->gone)
		return OSY_OK;
	if (page->again.failed.code) {
		*err = page->again.failed;
		return err->code;
	}
	if (page->cut && page->window.len == 0)
		rewind_page(page);
	if (page->request || page->ended || page->cut || read_again_waits(&page->again))
		return OSY_OK;
	if (!osy_gate_may_read(page->drive, page->side, 1))
		return OSY_OK;
	struct osy_read_request *request = read_request_new(page->drive, page);
	osy_bulk_query_results(&request->ask, page->job, page->locator, OSY_BULK_PAGE, &call);
	call.on_data = on_data;
	enum osy_code rc = osy_gate_start(page->drive, page->side, &call, on_reply, request, err);
	if (rc)
		read_request_drop(request);
	else
		page->request = request;
	return rc;
}

bool read_page_has_rows(const struct read_page *page)
{
	return page->ended || page->window.len > 0; /* also of one that broke off */
}

/* ---- Rows ---- */
static int field_at(const struct osy_spec_object *object, struct osy_str name)
{
	if (osy_str_equal_nocase(name, OSY_STR("Id")))
		return 0;
	for (size_t i = 0; i < osy_spec_columns(object); i++) {
		const char *column = osy_spec_column(object, i, NULL);
		if (column && osy_str_equal_nocase(name, osy_str(column)))
			return (int)i + 1;
	}
	return -1;
}

/* How many columns are asked for: the id, and what no expression makes. */
static size_t asked_for(const struct osy_spec_object *object)
{
	size_t count = 1;

	for (size_t i = 0; i < osy_spec_columns(object); i++)
		count += osy_spec_column(object, i, NULL) != NULL;
	return count;
}

static enum osy_code take_names(
	struct read_page *page, const struct osy_csv_cell *cells, size_t count, struct osy_err *err)
{
	size_t found = 0;

	page->columns = osy_xcalloc(count + 1, sizeof(*page->columns));
	page->column_count = count;
	for (size_t i = 0; i < count; i++) {
		osy_buf_reset(&page->scratch);
		page->columns[i] = field_at(page->object, osy_csv_text(&cells[i], &page->scratch));
		found += page->columns[i] >= 0;
	}
	if (found != asked_for(page->object))
		return osy_fail(err, OSY_E_NO_REPLY,
			"a result page of %s has %zu of the %zu columns asked for",
			page->object->name, found, asked_for(page->object));
	return OSY_OK;
}

static bool is_text(enum osy_sf_type type)
{
	return type != OSY_T_BOOLEAN && type != OSY_T_INT && type != OSY_T_LONG &&
	       type != OSY_T_DOUBLE && type != OSY_T_CURRENCY && type != OSY_T_PERCENT;
}

void read_row_values(const struct read_page *page, const struct osy_csv_cell *cells,
	struct osy_str *values, struct osy_buf *scratch)
{
	size_t room = 0;

	for (size_t i = 0; i < page->column_count; i++) {
		if (!cells[i].plain || !cells[i].quoted)
			room += 6 * cells[i].raw.len + 2;
	}
	osy_buf_reset(scratch);
	(void)osy_buf_room(scratch, room); /* slices of it must stay where they are */
	for (size_t i = 0; i < page->column_count; i++) {
		int at = page->columns[i];
		enum osy_sf_type type = OSY_T_ID;
		if (at > 0)
			(void)osy_spec_column(page->object, (size_t)at - 1, &type);
		if (at >= 0)
			values[at] = osy_csv_json(&cells[i], is_text(type), scratch);
	}
}

static enum osy_code on_row(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *err)
{
	struct read_page *page = arg;

	if (!page->columns)
		return take_names(page, cells, count, err);
	if (++page->rows <= page->taken)
		return OSY_OK;
	if (count != page->column_count)
		return osy_fail(err, OSY_E_NO_REPLY,
			"row %lld of a result page of %s has %zu cells in the place of %zu",
			(long long)page->rows, page->object->name, count, page->column_count);
	read_row_values(page, cells, page->values, &page->scratch);
	enum osy_code rc = page->row(page->values, page->arg, err);
	if (rc)
		page->row_failed = true;
	else
		page->taken++;
	page->again.attempts = 0;
	return rc;
}

/* What came is no page: it is asked for again, a few times. */
static enum osy_code broken(struct read_page *page, struct osy_err *err)
{
	if (page->row_failed)
		return err->code;
	struct osy_err why = *err;
	if (page->request) {
		read_request_leave(page->request);
		page->request = NULL;
	}
	why.cls = OSY_RETRY;
	rewind_page(page);
	read_again_after(&page->again, &why);
	*err = OSY_ERR_NONE;
	return OSY_OK;
}

enum osy_code read_page_take(struct read_page *page, struct osy_buf *spare, osy_reader_row row,
	void *arg, bool *ret_done, struct osy_err *err)
{
	struct osy_buf full = page->window;
	bool ended = page->ended;
	enum osy_code rc = OSY_OK;

	page->window = *spare;
	*spare = full;
	page->row = row;
	page->arg = arg;
	if (page->request && page->request->paused) {
		struct osy_http_call *call = page->request->paused;
		page->request->paused = NULL;
		osy_http_resume(call);
	}
	rc = osy_csv_feed(&page->csv, osy_buf_str(spare), err);
	osy_buf_reset(spare);
	if (!rc && ended && !page->known_end)
		rc = osy_fail(err, OSY_E_NO_REPLY,
			"a reply without Salesforce's headers is no result page of %s",
			page->object->name);
	if (!rc && ended)
		rc = osy_csv_end(&page->csv, err);
	if (!rc && ended && page->records >= 0 && page->rows != page->records)
		rc = osy_fail(err, OSY_E_NO_REPLY,
			"a result page of %s came with %lld rows in the place of %lld",
			page->object->name, (long long)page->rows, (long long)page->records);
	if (rc)
		return broken(page, err);
	*ret_done = ended;
	return OSY_OK;
}
