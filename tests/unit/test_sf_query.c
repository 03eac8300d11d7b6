#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "osy/mem.h"
#include "osy/sf_query.h"

struct rows {
	struct osy_buf text; /* "a|b\n" with "-" for null */
	size_t fields, stop_after;
};

static enum osy_code add_row(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct rows *rows = arg;

	if (rows->stop_after && --rows->stop_after == 0)
		return osy_fail(err, OSY_E_STATE, "enough");
	if (!values)
		osy_buf_addz(&rows->text, "NULL");
	for (size_t i = 0; values && i < rows->fields; i++) {
		if (i)
			osy_buf_addc(&rows->text, '|');
		if (values[i].p)
			osy_buf_add_str(&rows->text, values[i]);
		else
			osy_buf_addc(&rows->text, '-');
	}
	osy_buf_addc(&rows->text, '\n');
	return OSY_OK;
}

static void expect_rows(const char *body, bool array, const char *const *fields, size_t count,
	const char *rows_text, struct osy_sf_page *page)
{
	struct rows rows = {.text = OSY_BUF(1u << 20), .fields = count};
	struct osy_err err = OSY_ERR_NONE;

	if (osy_sf_page_read(osy_str(body), array, fields, count, add_row, &rows, page, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(rows.text.p, rows_text);
	osy_buf_done(&rows.text);
}

#define FIELDS(...) \
	(const char *const[]){__VA_ARGS__}, OSY_COUNT(((const char *const[]){__VA_ARGS__}))

static void pages_in_any_order(void **state)
{
	struct osy_sf_page page;

	(void)state;
	expect_rows("{\"totalSize\":5,\"done\":false,\"nextRecordsUrl\":\"/services/data/v60.0/"
		    "query/01g-2000\","
		    "\"records\":[{\"attributes\":{\"type\":\"A\",\"url\":\"/"
		    "x\"},\"Id\":\"1\",\"Name\":\"n\"},"
		    "{\"attributes\":{\"type\":\"A\"},\"Id\":\"2\",\"Name\":null}]}",
		false, FIELDS("Id", "Name"), "\"1\"|\"n\"\n\"2\"|-\n", &page);
	assert_int_equal(page.total_size, 5);
	assert_false(page.done);
	assert_int_equal(page.rows, 2);
	assert_true(osy_str_is(page.next_path, "/services/data/v60.0/query/01g-2000"));
	/* other orders, blanks, omissions, other case, keys nobody asked for, attributes last */
	expect_rows(" { \"records\" : [ { \"NAME\" : 1.50 , \"x\" : { \"y\" : [ 1 , { } ] } , "
		    "\"id\" : \"1\" } ,\n"
		    "{ \"id\" : \"2\" }, {\"Name\":false,\"id\":\"3\",\"attributes\":{}}, {}, "
		    "{\"Id\":\"5\",\"Name\":2} ] ,"
		    " \"done\" : true , \"extra\":{\"records\":[]}, \"totalSize\" : 5 } ",
		false, FIELDS("Name", "Id"), "1.50|\"1\"\n-|\"2\"\nfalse|\"3\"\n-|-\n2|\"5\"\n",
		&page);
	assert_true(page.done);
	assert_null(page.next_path.p);
	assert_int_equal(page.rows, 5);
	expect_rows("{\"records\":[],\"totalSize\":7,\"done\":true,\"nextRecordsUrl\":null}", false,
		FIELDS("Id"), "", &page);
	assert_int_equal(page.total_size, 7);
	/* spelled with escapes, as some writers of JSON do */
	expect_rows("{\"records\":[],\"totalSize\":7,\"done\":false,\"nextRecordsUrl\":"
		    "\"\\/services\\/data\\/v60.0\\/query\\/01g-2000\"}",
		false, FIELDS("Id"), "", &page);
	assert_true(osy_str_is(page.next_path, "/services/data/v60.0/query/01g-2000"));
	/* done left out: the next page tells */
	expect_rows("{\"records\":[],\"totalSize\":7}", false, FIELDS("Id"), "", &page);
	assert_true(page.done);
}

static void parents(void **state)
{
	struct osy_sf_page page;

	(void)state;
	expect_rows("{\"done\":true,\"totalSize\":4,\"records\":["
		    "{\"attributes\":{\"type\":\"C\"},\"Id\":\"1\",\"Owner\":{\"attributes\":{"
		    "\"type\":\"User\"},"
		    "\"Username\":\"u\",\"Profile\":{\"Name\":\"p\"}},\"Name\":\"a\"},"
		    "{\"Id\":\"2\",\"Owner\":null,\"Name\":\"b\"},"
		    "{\"Owner\":{\"Profile\":null,\"Username\":\"v\"},\"Id\":\"3\"},"
		    "{\"Owner\":[{\"Username\":\"z\"}],\"Id\":\"4\",\"Name\":\"d\"}]}",
		false, FIELDS("Id", "Owner.Username", "owner.profile.name", "Name"),
		"\"1\"|\"u\"|\"p\"|\"a\"\n\"2\"|-|-|\"b\"\n\"3\"|\"v\"|-|-\n\"4\"|-|-|\"d\"\n",
		&page);
	/* a parent as a whole and what lies in it; a name asked for twice */
	expect_rows("{\"done\":true,\"totalSize\":1,\"records\":[{\"A\":{\"B\":1},\"C\":2}]}",
		false, FIELDS("A", "A.B", "C", "c"), "{\"B\":1}|1|2|2\n", &page);
	/* the parent's name is no name of the record */
	expect_rows("{\"done\":true,\"totalSize\":1,\"records\":[{\"Username\":1,\"Owner\":{\"Id\":"
		    "2}}]}",
		false, FIELDS("Owner.Username", "Id"), "-|-\n", &page);
	/* sub-queries are values as they are */
	expect_rows("{\"done\":true,\"totalSize\":1,\"records\":[{\"Contacts\":{\"totalSize\":1,"
		    "\"done\":true,\"records\":"
		    "[{\"Id\":\"c\"}]},\"Id\":\"1\"}]}",
		false, FIELDS("Id", "Contacts"),
		"\"1\"|{\"totalSize\":1,\"done\":true,\"records\":[{\"Id\":\"c\"}]}\n", &page);
}

static void aggregates_and_escaped_keys(void **state)
{
	struct osy_sf_page page;

	(void)state;
	expect_rows("{\"totalSize\":2,\"done\":true,\"records\":[{\"attributes\":{\"type\":"
		    "\"AggregateResult\"},"
		    "\"CampaignId\":\"701\",\"expr0\":300.0},{\"expr0\":400,\"CampaignId\":null}]}",
		false, FIELDS("CampaignId", "expr0"), "\"701\"|300.0\n-|400\n", &page);
	expect_rows("{\"totalSize\":1,\"done\":true,\"records\":[{\"N\\u0061me\":1}]}", false,
		FIELDS("Name"), "1\n", &page);
}

static void arrays_of_retrieves(void **state)
{
	struct osy_sf_page page;

	(void)state;
	expect_rows("[{\"Id\":\"1\"},null,{\"Name\":2,\"Id\":\"3\"}]", true, FIELDS("Id", "Name"),
		"\"1\"|-\nNULL\n\"3\"|2\n", &page);
	assert_int_equal(page.rows, 3);
	assert_true(page.done);
	expect_rows("[]", true, FIELDS("Id"), "", &page);
}

/* Each record with its keys in another order, and some left out. */
static void changing_orders(void **state)
{
	static const char *const names[] = {"F0", "F1", "F2", "F3", "F4", "F5", "F6"};
	OSY_AUTO(osy_buf_done)
	struct osy_buf body = OSY_BUF(1u << 20), expected = OSY_BUF(1u << 20);
	struct osy_sf_page page;
	uint64_t seed = 1;

	(void)state;
	osy_buf_addz(&body, "{\"done\":true,\"records\":[");
	for (unsigned row = 0; row < 500; row++) {
		unsigned present = 0, first = 1;
		osy_buf_addz(&body, row ? ",{" : "{");
		for (unsigned i = 0; i < 12; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			const unsigned f = (unsigned)(seed >> 40) % 9;
			if (present & 1u << f)
				continue;
			present |= 1u << f;
			osy_buf_addf(&body, "%s\"F%u\":%u", first ? "" : ",", f, row * 10 + f);
			first = 0;
		}
		osy_buf_addc(&body, '}');
		for (unsigned f = 0; f < 7; f++) {
			osy_buf_addz(&expected, f ? "|" : "");
			if (present & 1u << f)
				osy_buf_addf(&expected, "%u", row * 10 + f);
			else
				osy_buf_addc(&expected, '-');
		}
		osy_buf_addc(&expected, '\n');
	}
	osy_buf_addz(&body, "],\"totalSize\":500}");
	expect_rows(body.p, false, names, OSY_COUNT(names), expected.p, &page);
}

static void expect_error(const char *body, size_t len, bool array)
{
	struct rows rows = {.text = OSY_BUF(1u << 16), .fields = 2};
	struct osy_sf_page page = {.rows = 77};
	struct osy_err err = OSY_ERR_NONE;
	OSY_AUTO_FREE char *copy =
		osy_xmalloc(len ? len : 1); /* no NUL behind it: overruns show under ASan */

	memcpy(copy, body, len);
	const enum osy_code code = osy_sf_page_read((struct osy_str){copy, len}, array,
		(const char *const[]){"Id", "Owner.Name"}, 2, add_row, &rows, &page, &err);
	if (!code)
		print_error("accepted: %.*s\n", (int)len, body);
	assert_int_equal(code, OSY_E_INVALID);
	assert_int_equal(err.code, OSY_E_INVALID);
	assert_int_equal(page.rows, 77);
	osy_buf_done(&rows.text);
}

static void every_cut_is_an_error(void **state)
{
	static const char query[] = "{\"totalSize\":2,\"done\":false,\"nextRecordsUrl\":\"/"
				    "services/data/v60.0/query/01g-2\",\"records\":["
				    "{\"attributes\":{\"type\":\"A\"},\"Id\":\"1\",\"Owner\":{"
				    "\"Name\":\"n\\u00e9\"}},{\"Id\":null}]}";
	static const char list[] = "[{\"Id\":\"1\",\"Owner\":{\"Name\":\"n\"}},null]";

	(void)state;
	for (size_t n = 0; n < sizeof(query) - 1; n++)
		expect_error(query, n, false);
	for (size_t n = 0; n < sizeof(list) - 1; n++)
		expect_error(list, n, true);
}

static void what_is_no_page(void **state)
{
	static const char *const bad[] = {"null", "[]", "{}", "1", "{\"records\":{}}",
		"{\"records\":null}", "{\"records\":[1]}", "{\"records\":[null]}",
		"{\"done\":false,\"records\":[]}", "{\"records\":[],\"totalSize\":\"x\"}",
		"{\"records\":[],\"totalSize\":1.5}", "{\"records\":[]} x",
		"{\"records\":[],\"nextRecordsUrl\":5}",
		"{\"records\":[],\"nextRecordsUrl\":\"\\ud800\"}",
		"{\"records\":[],\"records\":[]}",
		"[{\"message\":\"m\",\"errorCode\":\"MALFORMED_QUERY\"}]",
		"{\"records\":[{\"Id\":}]}", "{\"records\":[{\"Owner\":{\"Name\":]}]}",
		"<html></html>"};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(bad); i++)
		expect_error(bad[i], strlen(bad[i]), false);
	expect_error("{\"records\":[]}", 14, true);
	expect_error("[1]", 3, true);
	expect_error("[] []", 5, true);
}

static void the_row_may_stop_it(void **state)
{
	struct rows rows = {.text = OSY_BUF(1000), .fields = 1, .stop_after = 2};
	struct osy_sf_page page;
	struct osy_err err;

	(void)state;
	assert_int_equal(osy_sf_page_read(OSY_STR("[{\"Id\":1},{\"Id\":2},{\"Id\":3}]"), true,
				 (const char *const[]){"Id"}, 1, add_row, &rows, &page, &err),
		OSY_E_STATE);
	assert_string_equal(rows.text.p, "1\n");
	osy_buf_done(&rows.text);
}

static void soql_literals(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1000);

	(void)state;
	osy_soql_quote(OSY_STR("O'Neil \\ \"x\"\n\r\t\b\f\xc3\xa9 %_"), &out);
	assert_string_equal(out.p, "'O\\'Neil \\\\ \"x\"\\n\\r\\t\\b\\f\xc3\xa9 %_'");
	osy_buf_reset(&out);
	osy_soql_path(OSY_STR("SELECT Id FROM A WHERE N = 'a+b&c'"), false, &out);
	assert_string_equal(
		out.p, "query?q=SELECT%20Id%20FROM%20A%20WHERE%20N%20%3D%20%27a%2Bb%26c%27");
	osy_buf_reset(&out);
	osy_soql_path(OSY_STR("x"), true, &out);
	assert_string_equal(out.p, "queryAll?q=x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_in_any_order),
		cmocka_unit_test(parents),
		cmocka_unit_test(aggregates_and_escaped_keys),
		cmocka_unit_test(arrays_of_retrieves),
		cmocka_unit_test(changing_orders),
		cmocka_unit_test(every_cut_is_an_error),
		cmocka_unit_test(what_is_no_page),
		cmocka_unit_test(the_row_may_stop_it),
		cmocka_unit_test(soql_literals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
