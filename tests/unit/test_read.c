/* coordinator: a result page of a Bulk query as values, and the ids that the journal holds */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "osy/mem.h"
#include "osy/sf_value.h"
#include "read_internal.h"

/* ---- Pages ---- */
static const struct osy_spec_field fields[] = {
	{.name = "Name", .type = OSY_T_STRING},
	{.name = "Amount", .type = OSY_T_CURRENCY, .scale = 2},
	{.name = "Size__c", .type = OSY_T_DOUBLE, .scale = 1},
	{.name = "Count__c", .type = OSY_T_INT},
	{.name = "IsWon", .type = OSY_T_BOOLEAN},
	{.name = "CloseDate", .type = OSY_T_DATE},
	{.name = "Seen__c", .type = OSY_T_DATETIME},
	{.name = "At__c", .type = OSY_T_TIME},
	{.name = "AccountId", .type = OSY_T_REFERENCE},
	{.name = "Note__c", .type = OSY_T_TEXTAREA},
};
static const struct osy_spec_object object = {
	.name = "Opportunity", .fields = fields, .field_count = OSY_COUNT(fields)};

#define MOST_ROWS 8
struct rows {
	char values[MOST_ROWS][OSY_COUNT(fields) + 1][200];
	size_t count, fail_at;
};

static enum osy_code on_row(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct rows *rows = arg;

	if (rows->fail_at && rows->count + 1 == rows->fail_at)
		return osy_fail(err, OSY_E_INTERNAL, "no room");
	assert_true(rows->count < MOST_ROWS);
	for (size_t i = 0; i <= OSY_COUNT(fields); i++)
		snprintf(rows->values[rows->count][i], 200, "%.*s",
			values[i].p ? (int)values[i].len : 4, values[i].p ? values[i].p : "null");
	rows->count++;
	return OSY_OK;
}

#define HEADER                                                                                    \
	"\"Id\",\"Name\",\"Amount\",\"Size__c\",\"Count__c\",\"IsWon\",\"CloseDate\",\"Seen__c\"" \
	",\"At__c\",\"AccountId\",\"Note__c\"\n"

/* What has come of a page goes into its window, as on_data puts it there. */
static enum osy_code take(struct read_page *page, const char *text, bool ended, struct rows *rows,
	bool *ret_done, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf spare = OSY_BUF(1 << 20);

	osy_buf_addz(&page->window, text);
	page->ended = ended;
	page->known_end = true;
	return read_page_take(page, &spare, on_row, rows, ret_done, err);
}

static void values_of_each_type(void **state)
{
	static const char page_text[] = HEADER
		"\"006000000000001AAA\",\"A \"\"B\"\", C\",\"1234567.1\",\"300.0\",\"12\",\"true\","
		"\"2026-01-31\",\"2015-08-19T08:17:00.000Z\",\"10:00:00.000Z\","
		"\"001000000000001AAA\",\"one\r\ntwo\\\t\"\n"
		"\"006000000000002AAA\",\"\",\"1.0E7\",\"-0.5\",\"-3\",\"false\",\"\",\"\",\"\","
		"\"\","
		"\"\xc3\xa9\"\n"
		"\"006000000000003AAA\",\"12\",\"\",\"\",,\"\",\"\",\"\",\"\",\"\",\"#N/A\"\n";
	struct read_page *page =
		read_page_new(NULL, OSY_GATE_SOURCE, &object, "750000000000001AAA", "", 0);
	struct osy_err err = OSY_ERR_NONE;
	struct rows rows = {0};
	bool done = false;

	(void)state;
	if (take(page, page_text, true, &rows, &done, &err))
		fail_msg("%s", err.msg);
	assert_true(done);
	assert_int_equal(rows.count, 3);
	static const char *const wanted[3][OSY_COUNT(fields) + 1] = {
		{"\"006000000000001AAA\"", "\"A \\\"B\\\", C\"", "1234567.1", "300.0", "12", "true",
			"\"2026-01-31\"", "\"2015-08-19T08:17:00.000Z\"", "\"10:00:00.000Z\"",
			"\"001000000000001AAA\"", "\"one\\r\\ntwo\\\\\\t\""},
		{"\"006000000000002AAA\"", "null", "1.0E7", "-0.5", "-3", "false", "null", "null",
			"null", "null", "\"\xc3\xa9\""},
		{"\"006000000000003AAA\"", "\"12\"", "null", "null", "null", "null", "null", "null",
			"null", "null", "\"#N/A\""},
	};
	for (size_t row = 0; row < 3; row++) {
		for (size_t i = 0; i <= OSY_COUNT(fields); i++)
			assert_string_equal(rows.values[row][i], wanted[row][i]);
	}
	read_page_free(page);
}

/* What REST says of the same record must not look like a change. */
static void spelled_as_by_rest(void **state)
{
	static const struct {
		enum osy_sf_type type;
		int scale;
		const char *bulk, *rest;
	} cases[] = {
		{OSY_T_CURRENCY, 2, "1.0E7", "10000000"},
		{OSY_T_CURRENCY, 2, "300.0", "300.00"},
		{OSY_T_DOUBLE, 0, "300.0", "300"},
		{OSY_T_DATETIME, 0, "\"2015-08-19T08:17:00.000Z\"",
			"\"2015-08-19T08:17:00.000+0000\""},
		{OSY_T_BOOLEAN, 0, "true", "true"},
		{OSY_T_STRING, 0, "\"1\"", "\"1\""},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++)
		assert_true(osy_sf_value_equal(cases[i].type, cases[i].scale,
			osy_str(cases[i].bulk), osy_str(cases[i].rest)));
}

#define ROW(n) "\"00600000000000" n "AAA\",\"x\",1,1,1,true,\"\",\"\",\"\",\"\",\"\"\n"

static void in_pieces_behind_what_was_taken(void **state)
{
	struct read_page *page =
		read_page_new(NULL, OSY_GATE_SOURCE, &object, "750000000000001AAA", "L1", 2);
	struct osy_err err = OSY_ERR_NONE;
	struct rows rows = {0};
	bool done = false;

	(void)state;
	page->records = 4;
	assert_int_equal(
		take(page, HEADER ROW("1") ROW("2") "\"0060000", false, &rows, &done, &err),
		OSY_OK);
	assert_int_equal(rows.count, 0);
	assert_int_equal(page->taken, 2);
	assert_int_equal(
		take(page, "00000003AAA\",\"x\",1,1,1,true,,,,,\n", false, &rows, &done, &err),
		OSY_OK);
	assert_int_equal(rows.count, 1);
	assert_int_equal(page->taken, 3);
	assert_int_equal(take(page, ROW("4"), true, &rows, &done, &err), OSY_OK);
	assert_true(done);
	assert_int_equal(rows.count, 2);
	assert_string_equal(rows.values[0][0], "\"006000000000003AAA\"");
	assert_string_equal(rows.values[1][0], "\"006000000000004AAA\"");
	read_page_free(page);
}

/* Asked for again: nothing is an error, nothing is done, and what was taken stays so. */
static void assert_broken(const char *text, int64_t records, bool known_end, int64_t taken)
{
	struct read_page *page =
		read_page_new(NULL, OSY_GATE_SOURCE, &object, "750000000000001AAA", "", 0);
	OSY_AUTO(osy_buf_done) struct osy_buf spare = OSY_BUF(1 << 20);
	struct osy_err err = OSY_ERR_NONE;
	struct rows rows = {0};
	bool done = false;

	page->records = records;
	osy_buf_addz(&page->window, text);
	page->ended = true;
	page->known_end = known_end;
	assert_int_equal(read_page_take(page, &spare, on_row, &rows, &done, &err), OSY_OK);
	assert_false(done || page->ended || read_page_has_rows(page));
	assert_int_equal(page->taken, taken);
	assert_int_equal(page->rows, 0);
	assert_int_equal(page->again.attempts, 1);
	read_page_free(page);
}

static void pages_that_are_none(void **state)
{
	struct read_page *page =
		read_page_new(NULL, OSY_GATE_SOURCE, &object, "750000000000001AAA", "", 0);
	struct osy_err err = OSY_ERR_NONE;
	struct rows rows = {.fail_at = 1};
	bool done = false;

	(void)state;
	assert_broken(HEADER ROW("1"), 2, true, 1);
	assert_broken(HEADER ROW("1"), -1, false, 1);
	assert_broken(HEADER ROW("1") "\"open", -1, true, 1);
	assert_broken(HEADER ROW("1") "\"006000000000002AAA\"\n", -1, true, 1);
	assert_broken("\"Id\",\"Name\"\n", -1, true, 0);
	assert_broken("<html>maintenance</html>\n", -1, true, 0);
	/* an error of the row is the caller's */
	assert_int_equal(take(page, HEADER ROW("1"), true, &rows, &done, &err), OSY_E_INTERNAL);
	assert_int_equal(page->taken, 0);
	read_page_free(page);
}

static void columns_in_another_order(void **state)
{
	struct read_page *page =
		read_page_new(NULL, OSY_GATE_SOURCE, &object, "750000000000001AAA", "", 0);
	struct osy_err err = OSY_ERR_NONE;
	struct rows rows = {0};
	bool done = false;

	(void)state;
	if (take(page,
		    "NAME,Extra__c,amount,Size__c,Count__c,IsWon,CloseDate,Seen__c,At__c,"
		    "AccountId,Note__c,id\nN,?,7,,,,,,,,,006000000000001AAA\n",
		    true, &rows, &done, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(rows.values[0][0], "\"006000000000001AAA\"");
	assert_string_equal(rows.values[0][1], "\"N\"");
	assert_string_equal(rows.values[0][2], "7");
	read_page_free(page);
}

/* ---- Known ids ---- */
static struct osy_id id_of(unsigned n)
{
	struct osy_id id;

	snprintf(id.c, sizeof(id.c), "001%012u", n);
	return id;
}

static void known_ids(void **state)
{
	const unsigned most = 20000;
	struct read_known *known = NULL;
	struct osy_err err = OSY_ERR_NONE;
	bool has;

	(void)state;
	assert_int_equal(read_known_new(most, &known, &err), OSY_OK);
	for (unsigned i = 0; i < most; i++) {
		struct osy_id id = id_of(i * 7);
		assert_int_equal(read_known_add(known, &id, &err), OSY_OK);
	}
	for (unsigned i = 0; i < most * 7; i++) {
		struct osy_id id = id_of(i);
		assert_int_equal(read_known_has(known, &id, &has, &err), OSY_OK);
		if (has != (i % 7 == 0))
			fail_msg("%s: %d", id.c, has);
	}
	struct osy_id one_more = id_of(1);
	assert_int_equal(read_known_add(known, &one_more, &err), OSY_E_INTERNAL);
	read_known_free(known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_each_type),
		cmocka_unit_test(spelled_as_by_rest),
		cmocka_unit_test(in_pieces_behind_what_was_taken),
		cmocka_unit_test(pages_that_are_none),
		cmocka_unit_test(columns_in_another_order),
		cmocka_unit_test(known_ids),
	};

	return cmocka_run_group_tests_name("read", tests, NULL, NULL);
}
