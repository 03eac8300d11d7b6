/* common/codec/csv_read.c, csv_write.c: rows, values, pieces of any size, and the way there and
 * back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "osy/clock.h"
#include "osy/csv.h"
#include "osy/mem.h"

static struct osy_err err;

/* What came, as text: cells by '|', quoted ones in <>, not plain ones with a '!', rows by '/'. */
static enum osy_code show(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *e)
{
	struct osy_buf *out = arg;

	(void)e;
	for (size_t i = 0; i < count; i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf scratch = OSY_BUF(OSY_CSV_SCRATCH_BYTES);
		osy_buf_addz(out, i ? "|" : "");
		osy_buf_addz(out, cells[i].quoted ? "<" : "");
		osy_buf_add_str(out, osy_csv_text(&cells[i], &scratch));
		osy_buf_addz(out, cells[i].quoted ? ">" : "");
		osy_buf_addz(out, cells[i].plain ? "" : "!");
	}
	osy_buf_addc(out, '/');
	return OSY_OK;
}

static enum osy_code read_all(struct osy_str text, size_t piece, struct osy_buf *out)
{
	struct osy_csv csv;
	enum osy_code code = OSY_OK;

	osy_csv_init(&csv, show, out);
	for (size_t at = 0; !code && at < text.len; at += piece) {
		const size_t n = text.len - at < piece ? text.len - at : piece;
		OSY_AUTO_FREE char *copy = osy_xmalloc(n); /* of its own, for the sanitizer */
		memcpy(copy, text.p + at, n);
		code = osy_csv_feed(&csv, (struct osy_str){copy, n}, &err);
	}
	if (!code)
		code = osy_csv_end(&csv, &err);
	osy_csv_done(&csv);
	return code;
}

/* The same in each piece size, the whole first. */
static void reads(const char *text, const char *want)
{
	const struct osy_str all = osy_str(text);

	for (size_t piece = all.len + 1; piece > 0; piece--) {
		OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
		assert_int_equal(read_all(all, piece, &out), OSY_OK);
		assert_string_equal(out.p, want);
	}
}

static void refuses(const char *text, const char *rows_before, const char *why)
{
	const struct osy_str all = osy_str(text);

	for (size_t piece = all.len + 1; piece > 0; piece--) {
		OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
		assert_int_equal(read_all(all, piece, &out), OSY_E_INVALID);
		assert_string_equal(out.p, rows_before);
		if (why)
			assert_non_null(strstr(err.msg, why));
	}
}

static void test_rows(void **state)
{
	(void)state;
	reads("", "");
	reads("a,b\n1,2\n", "a|b/1|2/");
	reads("a,b\r\n1,2\r\n", "a|b/1|2/");
	reads("\"a\",\"b\"\r\n\"1\",\"2\"", "<a>|<b>/<1>|<2>/");
	reads("\"a\"\r", "<a>/");
	reads("a,,\n,,\n", "a||/||/");
	reads("\"\"\n", "<>/");
	reads("\n\r\na\n\n\nb\n\n", "a/b/");
}

static void test_quotes(void **state)
{
	(void)state;
	reads("\"a \"\"b\"\"\",\"\"\"\"\n", "<a \"b\">!|<\">!/");
	reads("\"a,b\nc\r\nd\",x\n", "<a,b\nc\r\nd>!|x/");
	reads("\"back\\slash\",back\\slash\n", "<back\\slash>!|back\\slash!/");
	reads("\" a \", b ,\"\t\"\n", "< a >| b |<\t>!/");
	reads("cr\rin,\"it\"\n", "cr\rin!|<it>/");
	reads("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 long enough for the eight\",\xc3\xa9\n",
		"<\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 long enough for the eight>|\xc3\xa9/");
}

static void test_byte_order_mark(void **state)
{
	(void)state;
	reads("\xef\xbb\xbf\"Id\",x\n\xef\xbb\xbf,y\n", "<Id>|x/\xef\xbb\xbf|y/");
	reads("\xef\xbb\xbf", "");
	reads("\xef\xbb\xbf\na\n", "a/");
}

static void test_refused(void **state)
{
	(void)state;
	refuses("a\n\"b\"c\n", "a/", "row 2 of the CSV has text beside quotes");
	refuses("a\n\"b\" ,c\n", "a/", NULL);
	refuses("a\n \"b\",c\n", "a/", NULL);
	refuses("a\nb\"\n", "a/", NULL);
	refuses("a\n\"b\"\rc\n", "a/", NULL);
	refuses("a\n\"b\nc\n", "a/", "quote never ends");
	refuses("a\n\"\xff\"\n", "a/", "not UTF-8");
	refuses("a\n\xc3\n", "a/", "not UTF-8");
	refuses("a\n\"\xed\xa0\x80 half a pair\"\n", "a/", "not UTF-8");
}

static void test_limits(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(64 << 20), out = OSY_BUF(64 << 20);

	(void)state;
	for (int i = 0; i < OSY_CSV_MAX_CELLS; i++)
		osy_buf_addz(&text, i ? ",x" : "x");
	assert_int_equal(read_all(osy_buf_str(&text), 1000, &out), OSY_OK);
	osy_buf_addz(&text, ",x");
	assert_int_equal(read_all(osy_buf_str(&text), SIZE_MAX, &out), OSY_E_INVALID);
	osy_buf_reset(&text);
	osy_buf_reset(&out);
	osy_buf_addc(&text, '"');
	memset(osy_buf_room(&text, OSY_CSV_MAX_ROW_BYTES), 'x', OSY_CSV_MAX_ROW_BYTES);
	osy_buf_end(&text, OSY_CSV_MAX_ROW_BYTES - 3);
	osy_buf_addz(&text, "\"\n");
	assert_int_equal(read_all(osy_buf_str(&text), SIZE_MAX, &out), OSY_OK);
	assert_int_equal(read_all(osy_buf_str(&text), 10000, &out), OSY_OK);
	text.p[text.len - 2] = 'x';
	osy_buf_addz(&text, "\"\n");
	assert_int_equal(read_all(osy_buf_str(&text), SIZE_MAX, &out), OSY_E_TOO_BIG);
	assert_int_equal(read_all(osy_buf_str(&text), 10000, &out), OSY_E_TOO_BIG);
	assert_non_null(strstr(err.msg, "row 1 of the CSV is longer than"));
}

static enum osy_code refuse(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *e)
{
	(void)cells;
	(void)count;
	(void)arg;
	return osy_fail(e, OSY_E_STATE, "not now");
}

static void test_row_says_no(void **state)
{
	struct osy_csv csv;

	(void)state;
	osy_csv_init(&csv, refuse, NULL);
	assert_int_equal(osy_csv_feed(&csv, OSY_STR("a\nb\n"), &err), OSY_E_STATE);
	assert_int_equal(csv.rows, 1);
	osy_csv_done(&csv);
}

/* ---- Pieces ---- */

static unsigned roll(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16;
}

/* Any text of the bytes that matter: however it is cut, the same rows and the same outcome. */
static void test_any_split(void **state)
{
	static const char *const parts[] = {"\"", "\"", "\"\"", ",", ",", "\n", "\n", "\r\n", "\r",
		"a", "bc", "\\", " ", "\xc3\xa9", "\xc3", "1", "\t", "\"x\",", "\"yy\"\n", "\"\","};
	unsigned seed = 1, good = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(4096), whole = OSY_BUF(65536);
		const unsigned count = roll(&seed) % 12;
		for (unsigned i = 0; i < count; i++)
			osy_buf_addz(&text, parts[roll(&seed) % OSY_COUNT(parts)]);
		const enum osy_code code = read_all(osy_buf_str(&text), SIZE_MAX, &whole);
		good += code == OSY_OK;
		for (size_t piece = 1; piece <= text.len; piece++) {
			OSY_AUTO(osy_buf_done) struct osy_buf cut = OSY_BUF(65536);
			assert_int_equal(read_all(osy_buf_str(&text), piece, &cut), code);
			assert_string_equal(cut.p, whole.p);
		}
	}
	assert_in_range(good, 2000, 18000);
}

/* ---- There and back ---- */

static enum osy_code keep_json(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *e)
{
	struct osy_buf *out = arg;
	OSY_AUTO(osy_buf_done) struct osy_buf scratch = OSY_BUF(OSY_CSV_SCRATCH_BYTES);

	(void)e;
	assert_int_equal(count, 3);
	osy_buf_add_str(out, osy_csv_json(&cells[1], true, &scratch));
	return OSY_OK;
}

static void there_and_back(const char *json, const char *want)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(4096), back = OSY_BUF(4096);
	struct osy_csv csv;

	osy_buf_addz(&text, "\xef\xbb\xbf\"before\",");
	assert_true(osy_csv_put_json(&text, osy_str(json)));
	osy_buf_addz(&text, ",7\n");
	osy_csv_init(&csv, keep_json, &back);
	assert_int_equal(osy_csv_feed(&csv, osy_buf_str(&text), &err), OSY_OK);
	assert_int_equal(osy_csv_end(&csv, &err), OSY_OK);
	osy_csv_done(&csv);
	assert_string_equal(back.p, want);
}

static void test_there_and_back(void **state)
{
	static const char *const same[] = {"\"plain\"", "\"a, b\"", "\"say \\\"x\\\"\"", "\"\\\"\"",
		"\"\\\"\\\"\"", "\"two\\nlines\"", "\"two\\r\\nlines\"", "\"\\r\"",
		"\"back\\\\slash\"", "\"\\\\\\\"\"", "\" blanks  \"", "\"\\t\\b\\f\"",
		"\"\\u0001\\u001f\"", "\"\x7f\"", "\"\xc3\xa9 \xf0\x9f\x98\x80\"", "\"N/A\"",
		"\"#N/A \"", "\"'=1+1\"", "\"\xef\xbb\xbfmark\"", "\"007\"", "\"null\""};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(same); i++)
		there_and_back(same[i], same[i]);
	there_and_back("\"\\u00e9\\ud83d\\ude00\"", "\"\xc3\xa9\xf0\x9f\x98\x80\"");
	there_and_back("\"\\/\\u0022\\u000a\"", "\"/\\\"\\n\"");
	there_and_back("\"\"", "");
}

static void test_cannot_be_said(void **state)
{
	static const char *const bad[] = {"", "null", "{}", "[1]", "\"#N/A\"", "\"\\u0023N/A\"",
		"\"a\\u0000b\"", "\"\\u0000\"", "\"\\ud83d\"", "\"\\q\""};
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(100);

	(void)state;
	osy_buf_addz(&out, "x");
	for (size_t i = 0; i < OSY_COUNT(bad); i++) {
		assert_false(osy_csv_put_json(&out, osy_str(bad[i])));
		assert_string_equal(out.p, "x");
	}
	assert_false(osy_csv_put_json(&out, OSY_STR_NULL));
}

static void test_put(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(100);

	(void)state;
	assert_true(osy_csv_put_json(&out, OSY_STR("-1.5E+3")));
	osy_buf_addc(&out, ',');
	assert_true(osy_csv_put_json(&out, OSY_STR("true")));
	osy_buf_addc(&out, ',');
	osy_csv_put_text(&out, OSY_STR("a\"b\"\n"));
	osy_csv_put_text(&out, OSY_STR(""));
	osy_csv_put_text(&out, OSY_STR("\""));
	assert_string_equal(out.p, "-1.5E+3,true,\"a\"\"b\"\"\n\"\"\"\"\"\"\"");
}

static enum osy_code as_values(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *e)
{
	struct osy_buf *out = arg;

	(void)e;
	for (size_t i = 0; i < count; i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf scratch = OSY_BUF(OSY_CSV_SCRATCH_BYTES);
		const struct osy_str json = osy_csv_json(&cells[i], false, &scratch);
		osy_buf_addz(out, i ? " " : "");
		osy_buf_add_str(out, json.p ? json : OSY_STR("null"));
	}
	return OSY_OK;
}

static void test_numbers(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(4096);
	struct osy_csv csv;

	(void)state;
	osy_csv_init(&csv, as_values, &out);
	assert_int_equal(
		osy_csv_feed(&csv,
			OSY_STR("\"1\",-0.50,\"3.00E+07\",true,\"false\",,\"\",007,.5,1.,-,"
				"1e,\"1 \",yes,\"a\"\"\",0\n"),
			&err),
		OSY_OK);
	osy_csv_done(&csv);
	assert_string_equal(out.p, "1 -0.50 3.00E+07 true false null null \"007\" \".5\" \"1.\" "
				   "\"-\" \"1e\" \"1 \" \"yes\" \"a\\\"\" 0");
}

/* ---- Speed ---- */

static enum osy_code count_cells(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *e)
{
	(void)cells;
	(void)e;
	*(size_t *)arg += count;
	return OSY_OK;
}

static void test_speed(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(32 << 20);
	struct osy_csv csv;
	size_t cells = 0, rows = 0;

	(void)state;
	for (; text.len < (16 << 20); rows++)
		osy_buf_addf(&text,
			"\"001xx%08zuGb2AAG\",\"Acme %zu\",\"true\",\"%zu.10\",\"\","
			"\"2024-01-02T03:04:05.000Z\",\"12 Some street\",\"name@example.com\"\n",
			rows, rows, rows);
	const int64_t start_us = osy_mono_us();
	osy_csv_init(&csv, count_cells, &cells);
	for (size_t at = 0; at < text.len; at += 16384) {
		const size_t left = text.len - at;
		assert_int_equal(
			osy_csv_feed(&csv,
				(struct osy_str){text.p + at, left < 16384 ? left : 16384}, &err),
			OSY_OK);
	}
	osy_csv_done(&csv);
	assert_int_equal(csv.rows, rows);
	assert_int_equal(cells, rows * 8);
	print_message("%zu rows of 8 quoted cells: %ld MB/s\n", rows,
		(long)((int64_t)text.len / (osy_mono_us() - start_us + 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_byte_order_mark),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_row_says_no),
		cmocka_unit_test(test_any_split),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_cannot_be_said),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
