/* common/codec: the JSON tree and the writer */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "osy/clock.h"
#include "osy/json.h"
#include "osy/json_write.h"
#include "osy/mem.h"

static struct osy_json *parse(struct osy_str text)
{
	struct osy_json *json = NULL;
	struct osy_err err;

	if (osy_json_parse(text, "test", &json, &err))
		fail_msg("%.*s: %s", (int)text.len, text.p, err.msg);
	return json;
}

/* The text of what comes back, compact. */
static void assert_round(const char *text, const char *want)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *json = parse(osy_str(text));
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 16);

	osy_json_write(json, false, &out);
	assert_string_equal(out.p, want);
}

static void values_survive(void **state)
{
	/* style.md section 3: what the libraries get wrong */
	static const char *const same[] = {"9007199254740993", "18446744073709551615", "1234567.10",
		"0.1", "1.0", "1E400", "-0", "-0.0", "1e-7", "9223372036854775807",
		"-9223372036854775808", "\"a\\u0000b\"", "null", "true", "[]", "{}", "\"/\"",
		"{\"b\":1,\"a\":{\"c\":[1,\"x\",null,false]}}", "12345678901234567890.5"};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(same); i++)
		assert_round(same[i], same[i]);
	assert_round(" [ 1 , 2 ] ", "[1,2]");
	assert_round("\"\\u00e9\\/\\ud83d\\ude00\\u001f\"", "\"é/😀\\u001f\"");
	assert_round("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}");
	assert_round("{\"a\":[1],\"a\":null}", "{\"a\":null}");
}

static void refused(void **state)
{
	static const char *const bad[] = {"NaN", "-NaN", "Infinity", "[NaN]",
		"18446744073709551616", "-9223372036854775809", "92233720368547758080", "[1,]",
		"{\"a\":1,}", "'a'", "01", "1 2", "[1]//", "", "\"\xc0\x80\"", "\"\xed\xa0\x80\"",
		"\"\\ud800\"", "{\"\\ud800\":1}", "{\"a\\u0000b\":1}", "[", "{\"a\"",
		"{\"a\":", "{\"a\":1", "nul"};
	struct osy_json *json = (void *)1;
	struct osy_err err;

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(bad); i++) {
		if (osy_json_parse(osy_str(bad[i]), "reply", &json, &err) != OSY_E_INVALID)
			fail_msg("taken: %s", bad[i]);
		assert_true(osy_str_starts(osy_str(err.msg), "reply: JSON error at byte "));
		assert_ptr_equal(json, (void *)1); /* written on success only */
	}
	assert_int_equal(
		osy_json_parse((struct osy_str){"", 64 * 1024 * 1024 + 1}, "reply", &json, &err),
		OSY_E_TOO_BIG);
	assert_int_equal(osy_json_parse(OSY_STR_NULL, "reply", &json, &err), OSY_E_INVALID);
}

static enum osy_code nested(unsigned depth, const char *open, const char *close)
{
	OSY_AUTO(osy_buf_done) struct osy_buf b = OSY_BUF(1 << 20);
	OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;
	struct osy_err err;

	for (unsigned i = 0; i < depth; i++)
		osy_buf_addz(&b, open);
	osy_buf_addz(&b, "1");
	for (unsigned i = 0; i < depth; i++)
		osy_buf_addz(&b, close);
	return osy_json_parse(osy_buf_str(&b), "deep", &json, &err);
}

static void depth_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(nested(32, "[", "]"), OSY_OK);
	assert_int_equal(nested(33, "[", "]"), OSY_E_INVALID);
	assert_int_equal(nested(32, "{\"a\":", "}"), OSY_OK);
	assert_int_equal(nested(33, "{\"a\":", "}"), OSY_E_INVALID);
	assert_int_equal(nested(50000, "[", "]"), OSY_E_INVALID);
}

static void every_prefix_is_refused(void **state)
{
	static const char text[] = "{\"a\":[1,-2.5,\"x\\u00e9\",{\"b\":null}],\"c\":true}";
	struct osy_json *json;
	struct osy_err err;

	(void)state;
	osy_json_free(parse(osy_str(text)));
	for (size_t len = 0; len < sizeof(text) - 1; len++)
		assert_int_equal(osy_json_parse((struct osy_str){text, len}, "t", &json, &err),
			OSY_E_INVALID);
}

static void getters_never_coerce(void **state)
{
	OSY_AUTO(osy_json_free_at)
	struct osy_json *j = parse(OSY_STR(
		"{\"s\":\"5\",\"i\":5,\"d\":5.0,\"b\":true,\"n\":null,\"a\":[7],\"o\":{},"
		"\"big\":9223372036854775808,\"max\":9223372036854775807,\"nul\":\"a\\u0000b\"}"));

	(void)state;
	assert_int_equal(osy_json_get_i64(j, "i", -1), 5);
	assert_int_equal(osy_json_get_i64(j, "s", -1), -1);
	assert_int_equal(osy_json_get_i64(j, "d", -1), -1);
	assert_int_equal(osy_json_get_i64(j, "b", -1), -1);
	assert_int_equal(osy_json_get_i64(j, "big", -1), -1);
	assert_true(osy_json_get_i64(j, "max", -1) == INT64_MAX);
	assert_int_equal(osy_json_get_i64(j, "none", -1), -1);
	assert_true(osy_json_get_bool(j, "b", false));
	assert_false(osy_json_get_bool(j, "i", false));
	assert_true(osy_json_get_bool(j, "n", true));
	assert_true(osy_str_is(osy_json_get_str(j, "s"), "5"));
	assert_null(osy_json_get_str(j, "i").p);
	assert_int_equal(osy_json_get_str(j, "nul").len, 3);
	assert_true(osy_str_is(osy_json_number(osy_json_get(j, "d")), "5.0"));
	assert_true(osy_str_is(osy_json_number(osy_json_get(j, "big")), "9223372036854775808"));
	assert_null(osy_json_number(osy_json_get(j, "s")).p);
	assert_int_equal(osy_json_type(osy_json_get(j, "d")), OSY_JSON_NUMBER);
	assert_int_equal(osy_json_type(osy_json_get(j, "big")), OSY_JSON_INT);
	assert_int_equal(osy_json_type(osy_json_get(j, "none")), OSY_JSON_NULL);
	assert_true(osy_json_has(j, "n"));
	assert_false(osy_json_has(j, "none"));
	assert_int_equal(osy_json_i64(osy_json_at(osy_json_get(j, "a"), 0), 0), 7);
	assert_null(osy_json_at(osy_json_get(j, "a"), 1));
	assert_null(osy_json_at(j, 0));
	assert_null(osy_json_get(osy_json_get(j, "a"), "x"));
	assert_int_equal(osy_json_count(osy_json_get(j, "s")), 0);
	/* all of it on nothing */
	assert_null(osy_json_get(NULL, "x"));
	assert_null(osy_json_str(NULL).p);
	assert_int_equal(osy_json_count(NULL), 0);
	assert_null(osy_json_at(NULL, 0));
	assert_false(osy_json_has(NULL, "x"));
	osy_json_free(NULL);
}

static void members_in_order(void **state)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *j = osy_json_new_object();
	struct osy_json *value;
	struct osy_str key;
	char name[32];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		osy_json_put(j, name, osy_json_new_i64(i));
	}
	for (int i = 0; i < 3000; i++) {
		assert_true(osy_json_member(j, (size_t)i, &key, &value));
		assert_int_equal(osy_json_i64(value, -1), i);
	}
	assert_false(osy_json_member(j, 3000, &key, &value));
	/* back and forth, and after a change in between */
	for (int i = 0; i < 1000; i++) {
		size_t at = osy_random_u64() % 3000;

		if (i % 10 == 0)
			osy_json_put(j, "k5", osy_json_new_i64(5));
		assert_true(osy_json_member(j, at, &key, &value));
		assert_true(osy_json_i64(value, -1) == (int64_t)at);
	}
	assert_false(osy_json_member(NULL, 0, &key, &value));
}

static void building_and_pretty(void **state)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *j = osy_json_new_object();
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1000);
	struct osy_json *a = osy_json_new_array();

	(void)state;
	osy_json_push(a, osy_json_new_number(OSY_STR("1.50")));
	osy_json_push(a, osy_json_new_number(OSY_STR("99999999999999999999")));
	osy_json_push(a, osy_json_new_str(OSY_STR_NULL));
	osy_json_put(j, "a", a);
	osy_json_put(j, "q\"", osy_json_new_bool(false));
	osy_json_put(j, "e", osy_json_new_array());
	osy_json_put(j, "s", osy_json_new_str(OSY_STR("x\n")));
	osy_json_write(j, false, &out);
	assert_string_equal(out.p,
		"{\"a\":[1.50,99999999999999999999,null],\"q\\\"\":false,\"e\":[],\"s\":\"x\\n\"}");
	osy_buf_reset(&out);
	osy_json_write(j, true, &out);
	assert_string_equal(out.p,
		"{\n  \"a\": [\n    1.50,\n    99999999999999999999,\n    null\n  ],\n"
		"  \"q\\\"\": false,\n  \"e\": [],\n  \"s\": \"x\\n\"\n}");
}

static struct osy_json *random_tree(unsigned depth)
{
	static const char *const numbers[] = {
		"0", "-0", "1.10", "1E5", "-7", "18446744073709551615", "0.000"};
	static const char *const texts[] = {"", "a", "é\"\\", "\n\t\x01", "😀", "0123456789abcdef"};
	uint64_t n = osy_random_u64();
	struct osy_json *j;
	char key[16];

	switch (n % (depth < 6 ? 7 : 4)) {
	case 0:
		return NULL;
	case 1:
		return osy_json_new_bool(n & 64);
	case 2:
		return osy_json_new_number(osy_str(numbers[n / 64 % OSY_COUNT(numbers)]));
	case 3:
		return osy_json_new_str(osy_str(texts[n / 64 % OSY_COUNT(texts)]));
	case 4:
		j = osy_json_new_array();
		for (uint64_t i = 0; i < n / 64 % 5; i++)
			osy_json_push(j, random_tree(depth + 1));
		return j;
	default:
		j = osy_json_new_object();
		for (uint64_t i = 0; i < n / 64 % 5; i++) {
			snprintf(key, sizeof(key), "é\"%d", (int)i);
			osy_json_put(j, key, random_tree(depth + 1));
		}
		return j;
	}
}

static void random_trees_round_trip(void **state)
{
	(void)state;
	for (int i = 0; i < 3000; i++) {
		OSY_AUTO(osy_json_free_at)
		struct osy_json *j = random_tree(0), *back = NULL, *again = NULL;
		OSY_AUTO(osy_buf_done) struct osy_buf a = OSY_BUF(1 << 24), b = OSY_BUF(1 << 24);
		struct osy_err err;

		osy_json_write(j, false, &a);
		assert_int_equal(osy_json_parse(osy_buf_str(&a), "a", &back, &err), OSY_OK);
		osy_json_write(back, true, &b);
		assert_int_equal(osy_json_parse(osy_buf_str(&b), "b", &again, &err), OSY_OK);
		osy_buf_reset(&b);
		osy_json_write(again, false, &b);
		assert_string_equal(a.p, b.p);
	}
}

/* writer */

static void writer_puts_commas(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1000);
	struct osy_json_writer w = osy_json_writer(&out);

	(void)state;
	osy_jw_object(&w);
	osy_jw_put_str(&w, "s", OSY_STR("a\"b"));
	osy_jw_put_str(&w, "none", OSY_STR_NULL);
	osy_jw_put_i64(&w, "min", INT64_MIN);
	osy_jw_put_bool(&w, "b", true);
	osy_jw_key_str(&w, OSY_STR("k\n"));
	osy_jw_array(&w);
	osy_jw_array(&w);
	osy_jw_array_end(&w);
	osy_jw_i64(&w, 1);
	osy_jw_raw(&w, OSY_STR("1.50"));
	osy_jw_object(&w);
	osy_jw_object_end(&w);
	osy_jw_null(&w);
	osy_jw_bool(&w, false);
	osy_jw_array_end(&w);
	osy_jw_key(&w, "o");
	osy_jw_object(&w);
	osy_jw_key(&w, "x");
	osy_jw_raw(&w, OSY_STR("{}"));
	osy_jw_object_end(&w);
	osy_jw_put_i64(&w, "last", 0);
	osy_jw_object_end(&w);
	assert_string_equal(out.p,
		"{\"s\":\"a\\\"b\",\"none\":null,\"min\":-9223372036854775808,\"b\":true,"
		"\"k\\n\":[[],1,1.50,{},null,false],\"o\":{\"x\":{}},\"last\":0}");
	assert_int_equal(w.depth, 0);
	osy_json_free(parse(osy_buf_str(&out)));
}

static void writer_at_full_depth(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1000);
	struct osy_json_writer w = osy_json_writer(&out);

	(void)state;
	for (int i = 0; i < 32; i++) {
		osy_jw_i64(&w, i);
		out.len = i ? out.len : 0; /* the document has one value */
		osy_jw_array(&w);
	}
	osy_jw_i64(&w, 5);
	osy_jw_i64(&w, 6);
	for (int i = 0; i < 32; i++)
		osy_jw_array_end(&w);
	osy_json_free(parse(osy_buf_str(&out)));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_survive),
		cmocka_unit_test(refused),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(every_prefix_is_refused),
		cmocka_unit_test(getters_never_coerce),
		cmocka_unit_test(members_in_order),
		cmocka_unit_test(building_and_pretty),
		cmocka_unit_test(random_trees_round_trip),
		cmocka_unit_test(writer_puts_commas),
		cmocka_unit_test(writer_at_full_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
