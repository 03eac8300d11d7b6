/* common/codec: YAML into the JSON model */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "osy/mem.h"
#include "osy/yaml.h"

static void assert_yaml(struct osy_str text, const char *want)
{
	OSY_AUTO(osy_yaml_free_at) struct osy_yaml *yaml = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
	struct osy_err err;

	if (osy_yaml_parse(text, "t.yaml", &yaml, &err))
		fail_msg("%.*s: %s", (int)text.len, text.p, err.msg);
	osy_json_write(osy_yaml_root(yaml), false, &out);
	assert_string_equal(out.p, want);
}

static void assert_refused(struct osy_str text, const char *want)
{
	struct osy_yaml *yaml = (void *)1;
	struct osy_err err;

	if (osy_yaml_parse(text, "t.yaml", &yaml, &err) != OSY_E_INVALID)
		fail_msg("taken: %.*s", (int)text.len, text.p);
	if (!strstr(err.msg, want))
		fail_msg("%.*s: %s", (int)text.len, text.p, err.msg);
	assert_ptr_equal(yaml, (void *)1);
}

static void scalars_by_the_core_schema(void **state)
{
	static const char *const cases[][2] = {
		{"no", "\"no\""},
		{"yes", "\"yes\""},
		{"on", "\"on\""},
		{"off", "\"off\""},
		{"y", "\"y\""},
		{"true", "true"},
		{"True", "true"},
		{"TRUE", "true"},
		{"tRUE", "\"tRUE\""},
		{"false", "false"},
		{"null", "null"},
		{"~", "null"},
		{"", "null"},
		{"Null", "null"},
		{"nUll", "\"nUll\""},
		{"0", "0"},
		{"-0", "-0"},
		{"+7", "7"},
		{"0123", "123"},
		{"-012", "-12"},
		{"00", "0"},
		{"0o17", "15"},
		{"0x1fA", "506"},
		{"0xffffffffffffffff", "18446744073709551615"},
		{"-0x1", "\"-0x1\""},
		{"0o8", "\"0o8\""},
		{"0x", "\"0x\""},
		{"0xg", "\"0xg\""},
		{"0b1", "\"0b1\""},
		{"1_000", "\"1_000\""},
		{"1:30", "\"1:30\""},
		{"1.50", "1.50"},
		{".5", "0.5"},
		{"5.", "5.0"},
		{"-.5e-3", "-0.5e-3"},
		{"01.5", "1.5"},
		{"1e3", "1e3"},
		{"1E+3", "1e+3"},
		{"1.e3", "1.0e3"},
		{".", "\".\""},
		{"-", "[null]"},
		{"+", "\"+\""},
		{"e5", "\"e5\""},
		{"1e", "\"1e\""},
		{"1e+", "\"1e+\""},
		{"1.2.3", "\"1.2.3\""},
		{"2026-11-24", "\"2026-11-24\""},
		{"v60.0", "\"v60.0\""},
		{"60.0", "60.0"},
		{"'5'", "\"5\""},
		{"\"5\"", "\"5\""},
		{"'null'", "\"null\""},
		{"''", "\"\""},
		{"9223372036854775808", "9223372036854775808"},
		{"\"\\x41\\u00e9\\U0001F600\\0\"", "\"Aé😀\\u0000\""},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++)
		assert_yaml(osy_str(cases[i][0]), cases[i][1]);
}

static void structures(void **state)
{
	(void)state;
	assert_yaml(OSY_STR("a: 1\nb:\n  - x\n  - y: [1, {z: ~}]\n# c\nc: |\n  line\n  two\n"),
		"{\"a\":1,\"b\":[\"x\",{\"y\":[1,{\"z\":null}]}],\"c\":\"line\\ntwo\\n\"}");
	assert_yaml(OSY_STR("{a: b, c: [d]}"), "{\"a\":\"b\",\"c\":[\"d\"]}");
	assert_yaml(OSY_STR("--- \na: >-\n  x\n  y\n...\n"), "{\"a\":\"x y\"}");
	assert_yaml(
		OSY_STR("1: a\ntrue: b\nnull: c\n"), "{\"1\":\"a\",\"true\":\"b\",\"null\":\"c\"}");
	assert_yaml(OSY_STR("a:\nb:\n"), "{\"a\":null,\"b\":null}");
	assert_yaml(OSY_STR_NULL, "null");
	assert_yaml(OSY_STR("# only a comment\n"), "null");
	assert_yaml(OSY_STR("\xef\xbb\xbf"
			    "a: 1"),
		"{\"a\":1}");
	assert_yaml(OSY_STR("%YAML 1.2\n---\na: 1\n"), "{\"a\":1}");
}

static void json_is_yaml(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf long_key = OSY_BUF(10000);

	(void)state;
	assert_yaml(OSY_STR("{\"a\": \"\\ud83d\\ude00\\/\",\n\t\"b\":[1.50,-0,true,null,{}]}\n"),
		"{\"a\":\"😀/\",\"b\":[1.50,-0,true,null,{}]}");
	assert_yaml(OSY_STR("[]"), "[]");
	osy_buf_addf(&long_key, "{\"%02000d\":1}", 5);
	assert_yaml(osy_buf_str(&long_key), long_key.p);
	assert_refused(OSY_STR("{\"a\":1,\"b\":2,\"a\":3}"), "t.yaml:1:14: duplicate key");
	assert_refused(OSY_STR("{\"a\":null,\"a\":3}"), "duplicate key");
	assert_refused(OSY_STR("{\"a\":\"\\ud800\"}"), "t.yaml:1:");
	assert_refused(OSY_STR("[1,2"), "t.yaml:2:1: ");
}

static void refused(void **state)
{
	(void)state;
	assert_refused(OSY_STR("a: &x 1\nb: *x"), "t.yaml:1:4: anchors");
	assert_refused(OSY_STR("a: *x"), "t.yaml:1:4: aliases");
	assert_refused(OSY_STR("&x a: 1"), "anchors");
	assert_refused(OSY_STR("a: &x [1]"), "anchors");
	assert_refused(OSY_STR("a: !!str 1"), "tags");
	assert_refused(OSY_STR("a: !x {}"), "tags");
	assert_refused(OSY_STR("a: ! 1"), "tags");
	assert_refused(OSY_STR("a: 1\n---\nb: 2"), "t.yaml:2:1: more than one document");
	assert_refused(OSY_STR("a: 1\nb: 2\na: 3"), "t.yaml:3:1: duplicate key");
	assert_refused(OSY_STR("a:\n'a': 3"), "t.yaml:2:1: duplicate key");
	assert_refused(OSY_STR("\"a\\0b\": 1"), "NUL");
	assert_refused(OSY_STR("? [a]\n: b"), "a key must be a scalar");
	assert_refused(OSY_STR("{{a: b}: c}"), "a key must be a scalar");
	assert_refused(OSY_STR("a: .inf"), "t.yaml:1:4: infinity");
	assert_refused(OSY_STR("-.INF"), "infinity");
	assert_refused(OSY_STR(".nan"), "infinity and NaN");
	assert_refused(OSY_STR("18446744073709551616"), "64 bits");
	assert_refused(OSY_STR("-9223372036854775809"), "64 bits");
	assert_refused(OSY_STR("0x10000000000000000"), "64 bits");
	assert_refused(OSY_STR("a: \xff"), "not UTF-8");
	assert_refused(OSY_STR("\xff\xfe"
			       "a"),
		"not UTF-8");
	assert_refused(OSY_STR("a: \x01"), "t.yaml: ");
	assert_refused(OSY_STR("a:\n\t- b"), "t.yaml:2:1");
	assert_refused(OSY_STR("a: 1\n b: 2"), "t.yaml:2:");
	assert_refused(OSY_STR("a: b: c"), "t.yaml:1:");
	assert_refused(OSY_STR("a\0b"), "t.yaml");
}

static enum osy_code nested(unsigned depth, const char *open, const char *close)
{
	OSY_AUTO(osy_buf_done) struct osy_buf b = OSY_BUF(1 << 20);
	OSY_AUTO(osy_yaml_free_at) struct osy_yaml *yaml = NULL;
	struct osy_err err;

	for (unsigned i = 0; i < depth; i++)
		osy_buf_addz(&b, open);
	osy_buf_addz(&b, "x");
	for (unsigned i = 0; i < depth; i++)
		osy_buf_addz(&b, close);
	return osy_yaml_parse(osy_buf_str(&b), "deep", &yaml, &err);
}

static void limits(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf b = OSY_BUF(2 << 20);
	struct osy_yaml *yaml = NULL;
	struct osy_err err;

	(void)state;
	assert_int_equal(nested(32, "[", "]"), OSY_OK);
	assert_int_equal(nested(33, "[", "]"), OSY_E_INVALID);
	assert_int_equal(nested(32, "- ", ""), OSY_OK);
	assert_int_equal(nested(33, "- ", ""), OSY_E_INVALID);
	assert_int_equal(nested(30, "{a: ", "}"), OSY_OK);
	assert_int_equal(nested(33, "{a: ", "}"), OSY_E_INVALID);
	assert_int_equal(nested(100000, "[", "]"), OSY_E_INVALID);
	memset(osy_buf_room(&b, 1024 * 1024 + 1), 'x', 1024 * 1024 + 1);
	osy_buf_end(&b, 1024 * 1024 + 1);
	assert_int_equal(osy_yaml_parse(osy_buf_str(&b), "t", &yaml, &err), OSY_E_TOO_BIG);
	b.len--;
	assert_int_equal(osy_yaml_parse(osy_buf_str(&b), "t", &yaml, &err), OSY_OK);
	assert_int_equal(osy_json_str(osy_yaml_root(yaml)).len, 1024 * 1024);
	osy_yaml_free(yaml);
	osy_yaml_free(NULL);
}

static void check_lines(struct osy_str text)
{
	OSY_AUTO(osy_yaml_free_at) struct osy_yaml *yaml = NULL;
	const struct osy_json *root, *list, *inner;
	struct osy_err err;

	assert_int_equal(osy_yaml_parse(text, "t", &yaml, &err), OSY_OK);
	root = osy_yaml_root(yaml);
	list = osy_json_get(root, "list");
	inner = osy_json_at(list, 1);
	assert_int_equal(osy_yaml_line(yaml, root, "a", 0), 1);
	assert_int_equal(osy_yaml_line(yaml, root, "list", 0), 3);
	assert_int_equal(osy_yaml_line(yaml, root, NULL, 1), 3);
	assert_int_equal(osy_yaml_line(yaml, list, NULL, 0), 4);
	assert_int_equal(osy_yaml_line(yaml, list, NULL, 1), 5);
	assert_int_equal(osy_yaml_line(yaml, inner, "y", 0), 6);
	assert_int_equal(osy_yaml_line(yaml, root, "last", 0), 7);
	/* what there is not */
	assert_int_equal(osy_yaml_line(yaml, root, "none", 0), 0);
	assert_int_equal(osy_yaml_line(yaml, list, NULL, 2), 0);
	assert_int_equal(osy_yaml_line(yaml, NULL, NULL, 0), 0);
	assert_int_equal(osy_yaml_line(yaml, osy_json_get(root, "a"), NULL, 0), 0);
}

static void lines_of_keys_and_items(void **state)
{
	(void)state;
	check_lines(OSY_STR("a: 1\n\nlist:\n  - x\n  - x: 1\n    y: 2\nlast: z\n"));
	check_lines(OSY_STR(
		"{\"a\":\n1,\n\"list\":[\n\"x\",\n{\"x\":1,\n\"y\":2}],\n\"last\":\n\n\"z\"}"));
}

static void many_members(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf b = OSY_BUF(1 << 20);
	OSY_AUTO(osy_yaml_free_at) struct osy_yaml *yaml = NULL;
	struct osy_err err;

	(void)state;
	for (int i = 0; i < 20000; i++)
		osy_buf_addf(&b, "key%d: {a: %d}\n", i, i);
	assert_int_equal(osy_yaml_parse(osy_buf_str(&b), "t", &yaml, &err), OSY_OK);
	assert_int_equal(osy_json_count(osy_yaml_root(yaml)), 20000);
	assert_int_equal(osy_yaml_line(yaml, osy_yaml_root(yaml), "key19999", 0), 20000);
}

static void every_prefix_is_survived(void **state)
{
	static const char text[] =
		"# x\na: [1, {b: 'c', \"d\\n\": 0x1}]\ne:\n  - |\n    f\n  - >-\n    g\n? h\n: i\n";

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		OSY_AUTO(osy_yaml_free_at) struct osy_yaml *yaml = NULL;
		struct osy_err err;
		char *copy = malloc(len ? len : 1);

		memcpy(copy, text, len);
		if (osy_yaml_parse((struct osy_str){copy, len}, "t", &yaml, &err))
			assert_null(yaml);
		free(copy);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_by_the_core_schema),
		cmocka_unit_test(structures),
		cmocka_unit_test(json_is_yaml),
		cmocka_unit_test(refused),
		cmocka_unit_test(limits),
		cmocka_unit_test(lines_of_keys_and_items),
		cmocka_unit_test(many_members),
		cmocka_unit_test(every_prefix_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
