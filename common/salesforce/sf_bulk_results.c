/* What stands in result files, and where they go on. */
#include "osy/sf_bulk.h"

#include <stdlib.h>

#include "osy/mem.h"

#include "osy/banned.h"

#define NONE (-1)

/* ---- Columns ---- */

static int find_column(const struct osy_str *names, size_t count, struct osy_str name)
{
	for (size_t i = 0; i < count; i++) {
		if (osy_str_equal_nocase(names[i], name))
			return (int)i;
	}
	return NONE;
}

/* Names are ASCII: one that has to be spelled anew is none that was sent. */
static struct osy_str *names_of(const struct osy_csv_cell *header, size_t count)
{
	OSY_AUTO(osy_buf_done) struct osy_buf unused = OSY_BUF(OSY_CSV_SCRATCH_BYTES);
	struct osy_str *names = osy_xcalloc(count + 1, sizeof(*names));

	for (size_t i = 0; i < count; i++) {
		if (header[i].plain)
			names[i] = osy_csv_text(&header[i], &unused);
	}
	return names;
}

enum osy_code osy_bulk_columns_read(const struct osy_csv_cell *header, size_t count,
	const char *const *sent, size_t sent_count, struct osy_bulk_columns *ret,
	struct osy_err *err)
{
	OSY_AUTO_FREE struct osy_str *names = names_of(header, count);
	struct osy_bulk_columns columns = {.id = find_column(names, count, OSY_STR("sf__Id")),
		.created = find_column(names, count, OSY_STR("sf__Created")),
		.error = find_column(names, count, OSY_STR("sf__Error")),
		.sent = osy_xcalloc(sent_count + 1, sizeof(int)),
		.sent_count = sent_count};
	size_t found = 0;

	for (size_t i = 0; i < sent_count; i++) {
		columns.sent[i] = find_column(names, count, osy_str(sent[i]));
		found += columns.sent[i] != NONE;
	}
	if (sent_count > 0 && found == 0) {
		osy_bulk_columns_done(&columns);
		return osy_fail(err, OSY_E_INVALID,
			"the result file of a bulk job has none of the %zu columns that were sent, "
			"such as %s: it is not this job's",
			sent_count, sent[0]);
	}
	*ret = columns;
	return OSY_OK;
}

void osy_bulk_columns_done(struct osy_bulk_columns *columns)
{
	free(columns->sent);
	columns->sent = NULL;
	columns->sent_count = 0;
}

/* ---- Errors of rows ---- */

static bool looks_like_code(struct osy_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		const char c = s.p[i];
		if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
			return false;
	}
	return s.len > 0;
}

static struct osy_str or_null(const char *p, const char *end)
{
	return p < end ? (struct osy_str){p, (size_t)(end - p)} : OSY_STR_NULL;
}

/* Takes ":FIELD1 FIELD2 --" off the text of p to *end. */
static struct osy_str take_fields(const char *p, const char **end)
{
	const size_t len = (size_t)(*end - p);
	const char *colon = memrchr(p, ':', len), *stop = *end - 2;
	const bool only_mark = len == 2;

	if (len < 2 || memcmp(stop, "--", 2) != 0 || (!colon && !only_mark))
		return OSY_STR_NULL;
	*end = colon ? colon : p;
	if (!colon)
		return OSY_STR_NULL;
	while (stop > colon + 1 && stop[-1] == ' ')
		stop--;
	return or_null(colon + 1, stop);
}

void osy_bulk_error_read(struct osy_str text, struct osy_str *ret_code, struct osy_str *ret_message,
	struct osy_str *ret_fields)
{
	const char *p = text.p, *end, *colon;

	*ret_code = *ret_message = *ret_fields = OSY_STR_NULL;
	if (text.len == 0)
		return;
	end = p + text.len;
	colon = memchr(p, ':', text.len);
	if (!colon) {
		*(looks_like_code(text) ? ret_code : ret_message) = or_null(p, end);
		return;
	}
	*ret_code = or_null(p, colon);
	*ret_fields = take_fields(colon + 1, &end);
	*ret_message = or_null(colon + 1, end);
}

/* ---- Pages ---- */

static enum osy_code next_of(
	struct osy_str header, char ret[OSY_BULK_LOCATOR_MAX], struct osy_err *err)
{
	if (header.len >= OSY_BULK_LOCATOR_MAX)
		return osy_fail(err, OSY_E_TOO_BIG,
			"the locator of a page of results has %zu bytes; orgsync takes %d",
			header.len, OSY_BULK_LOCATOR_MAX - 1);
	if (osy_str_is(header, "null"))
		header.len = 0;
	if (header.len)
		memcpy(ret, header.p, header.len);
	ret[header.len] = 0;
	return OSY_OK;
}

enum osy_code osy_bulk_next(
	const struct osy_http_reply *reply, char ret[OSY_BULK_LOCATOR_MAX], struct osy_err *err)
{
	return next_of(osy_http_reply_header(reply, "Sforce-Locator"), ret, err);
}

enum osy_code osy_bulk_next_early(
	const struct osy_http_call *call, char ret[OSY_BULK_LOCATOR_MAX], struct osy_err *err)
{
	return next_of(osy_http_call_header(call, "Sforce-Locator"), ret, err);
}
