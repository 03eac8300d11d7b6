/* common/codec: the pull tokenizer and JSON strings */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "osy/clock.h"
#include "osy/json_pull.h"
#include "osy/mem.h"

/* The tokens as letters, with the raw text of scalars and keys: "{k'a'n'1'}"; "!" and the error at
 * last when wrong. */
static void trace(struct osy_str text, struct osy_buf *out)
{
	static const char letters[] = "$!{}[]ksntfz";
	struct osy_json_pull pull;
	enum osy_pull t;

	osy_json_pull_init(&pull, text);
	do {
		t = osy_json_pull_next(&pull);
		if (t == OSY_PULL_ERROR) {
			assert_non_null(pull.error);
			assert_int_equal(osy_json_pull_next(&pull), OSY_PULL_ERROR); /* sticky */
		}
		osy_buf_addc(out, letters[t]);
		if (t == OSY_PULL_KEY || t == OSY_PULL_STRING || t == OSY_PULL_NUMBER) {
			assert_true(pull.token.p >= text.p &&
				    pull.token.p + pull.token.len <= text.p + text.len);
			osy_buf_addf(out, "'%.*s'", (int)pull.token.len, pull.token.p);
		}
	} while (t != OSY_PULL_END && t != OSY_PULL_ERROR);
}

/* A copy on the heap of the exact size, so that ASan sees a read past the end. */
static bool accepts(struct osy_str text)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
	char *copy = malloc(text.len ? text.len : 1);

	if (text.len)
		memcpy(copy, text.p, text.len);
	trace((struct osy_str){copy, text.len}, &out);
	free(copy);
	return out.p[out.len - 1] == '$';
}

static void tokens(void **state)
{
	static const char *const cases[][2] = {
		{"{\"a\":1,\"b\\n\":[true,false,null,\"x\\\"y\"],\"c\":{},\"d\":[]}",
			"{k'a'n'1'k'b\\n'[tfzs'\"x\\\"y\"']k'c'{}k'd'[]}$"},
		{" \t\r\n[ 1 , -0.5e+10 ] \n", "[n'1'n'-0.5e+10']$"},
		{"\"\"", "s'\"\"'$"},
		{"null", "z$"},
		{"0", "n'0'$"},
		{"{ \"a\" : { \"b\" : [ ] } }", "{k'a'{k'b'[]}}$"},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1000);

		trace(osy_str(cases[i][0]), &out);
		assert_string_equal(out.p, cases[i][1]);
	}
}

static void refused(void **state)
{
	static const char *const bad[] = {"", " ", "{", "[", "]", "}", ",", ":", "[1,]", "[,1]",
		"[1 2]", "[1,,2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\" 1}", "{a:1}",
		"{1:1}", "{\"a\":1 \"b\":2}", "{'a':1}", "[1}", "{\"a\":1]", "1 2", "[] []", "nul",
		"nulll", "truE", "True", "NaN", "Infinity", "-Infinity", "+1", "-", "01", "-01",
		"00", "1.", ".5", "1.e5", "1e", "1e+", "1e-", "0x1", "1_000", "--1", "1.2.3",
		"1e5.5", "\"", "\"a", "'a'", "\"\\\"", "\"\\x\"", "\"\\u\"", "\"\\u123\"",
		"\"\\u12g4\"", "\"\\U1234\"", "\"a\nb\"", "\"a\tb\"", "\"\x1f\"", "\"\x80\"",
		"\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf5\x80\x80\x80\"", "\"\xe2\x82\"",
		"\"\xff\"", "/* */ 1", "1 // x", "\xef\xbb\xbf[]", "[1]x", "\"a\"\"b\"", "tru",
		"\xc3\xa9", "[\"0123456789abcdef\x01\"]"};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(bad); i++)
		if (accepts(osy_str(bad[i])))
			fail_msg("taken: %s", bad[i]);
	assert_false(accepts(OSY_STR("\"a\0b\"")));
	assert_false(accepts(OSY_STR("1\0")));
	assert_false(accepts(OSY_STR_NULL));
}

static void accepted(void **state)
{
	static const char *const good[] = {"-0", "1E400", "123456789012345678901234567890", "0.0",
		"0e0", "\"\\u0000\"", "\"\\ud800\"", "\"\\uDC00\\ud800\"",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\uABcd\"", "\"\x7f\"", "\"é€😀\"",
		"\"0123456é€😀0123456789\"", "{\"\":1,\"\":2}", "\"\xf4\x8f\xbf\xbf\""};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(good); i++)
		if (!accepts(osy_str(good[i])))
			fail_msg("refused: %s", good[i]);
}

static const char sample[] =
	"{\"totalSize\":2,\"done\":false,\"records\":[{\"attributes\":{\"type\":\"Account\"},"
	"\"Name\":\"M\\u00fcller \\ud83d\\ude00 & S\xc3\xb6hne\",\"n\":-1.50E+3,\"x\":null}, "
	"[[]],{}]}";

static void every_prefix_is_refused(void **state)
{
	(void)state;
	assert_true(accepts(osy_str(sample)));
	for (size_t len = 0; len < sizeof(sample) - 1; len++)
		assert_false(accepts((struct osy_str){sample, len}));
}

static void every_byte_changed_is_survived(void **state)
{
	char text[sizeof(sample)];

	(void)state;
	for (size_t i = 0; i < sizeof(sample) - 1; i++)
		for (int c = 0; c < 256; c++) {
			memcpy(text, sample, sizeof(text));
			text[i] = (char)c;
			accepts((struct osy_str){text, sizeof(text) - 1});
		}
}

/* The eight-at-a-time loop against the simple rule, for each byte at each place. */
static void each_byte_at_each_place(void **state)
{
	(void)state;
	for (size_t len = 1; len <= 20; len++)
		for (size_t at = 0; at < len; at++)
			for (unsigned c = 0; c < 256; c++) {
				char text[24];

				memset(text, 'x', sizeof(text));
				text[0] = text[len + 1] = '"';
				text[at + 1] = (char)c;
				bool is_good = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
				/* an escape of 'x' is none, a quote leaves text behind the end */
				assert_int_equal(accepts((struct osy_str){text, len + 2}), is_good);
			}
}

static bool nested(unsigned depth, const char *open, const char *close)
{
	OSY_AUTO(osy_buf_done) struct osy_buf b = OSY_BUF(1 << 22);

	for (unsigned i = 0; i < depth; i++)
		osy_buf_addz(&b, open);
	osy_buf_addz(&b, "1");
	for (unsigned i = 0; i < depth; i++)
		osy_buf_addz(&b, close);
	return accepts(osy_buf_str(&b));
}

static void depth(void **state)
{
	(void)state;
	assert_true(nested(64, "[", "]"));
	assert_false(nested(65, "[", "]"));
	assert_true(nested(64, "{\"a\":", "}"));
	assert_false(nested(65, "{\"a\":", "}"));
	assert_true(nested(32, "[{\"a\":", "}]"));
	assert_false(nested(100000, "[", "]"));
	assert_false(nested(3, "[{\"a\":", "]}"));
}

static void whole_values(void **state)
{
	static const char text[] = "{\"a\": {\"b\":[1,{}],\"c\":2} ,\"d\":\"x\",\"e\":[ [] , 5 ]}";
	struct osy_json_pull pull;
	struct osy_str raw;

	(void)state;
	osy_json_pull_init(&pull, osy_str(text));
	assert_int_equal(osy_json_pull_next(&pull), OSY_PULL_OBJECT);
	assert_int_equal(osy_json_pull_next(&pull), OSY_PULL_KEY);
	assert_int_equal(osy_json_pull_value(&pull, &raw), OSY_PULL_OBJECT);
	assert_true(osy_str_is(raw, "{\"b\":[1,{}],\"c\":2}"));
	assert_int_equal(osy_json_pull_next(&pull), OSY_PULL_KEY);
	assert_int_equal(osy_json_pull_value(&pull, &raw), OSY_PULL_STRING);
	assert_true(osy_str_is(raw, "\"x\""));
	assert_int_equal(osy_json_pull_next(&pull), OSY_PULL_KEY);
	assert_int_equal(osy_json_pull_next(&pull), OSY_PULL_ARRAY);
	assert_int_equal(osy_json_pull_value(&pull, &raw), OSY_PULL_ARRAY);
	assert_true(osy_str_is(raw, "[]"));
	assert_int_equal(osy_json_pull_value(&pull, &raw), OSY_PULL_NUMBER);
	assert_int_equal(osy_json_pull_value(&pull, &raw), OSY_PULL_ARRAY_END);
	assert_int_equal(osy_json_pull_value(&pull, &raw), OSY_PULL_OBJECT_END);
	assert_int_equal(osy_json_pull_next(&pull), OSY_PULL_END);
	assert_int_equal(osy_json_pull_next(&pull), OSY_PULL_END);
	/* the whole document, and one that is cut off within */
	osy_json_pull_init(&pull, osy_str(text));
	assert_int_equal(osy_json_pull_value(&pull, &raw), OSY_PULL_OBJECT);
	assert_true(osy_str_is(raw, text));
	osy_json_pull_init(&pull, OSY_STR("[[1,2"));
	assert_int_equal(osy_json_pull_value(&pull, &raw), OSY_PULL_ERROR);
	osy_json_pull_init(&pull, OSY_STR("[[1,x]]"));
	assert_int_equal(osy_json_pull_value(&pull, &raw), OSY_PULL_ERROR);
}

static void errors_name_the_place(void **state)
{
	struct osy_json_pull pull;
	struct osy_err err;

	(void)state;
	osy_json_pull_init(&pull, OSY_STR("[1,x]"));
	while (osy_json_pull_next(&pull) != OSY_PULL_ERROR)
		;
	assert_int_equal(osy_json_pull_fail(&pull, "reply", &err), OSY_E_INVALID);
	assert_string_equal(err.msg, "reply: JSON error at byte 3: value expected");
	osy_json_pull_init(&pull, OSY_STR("[]"));
	osy_json_pull_fail(&pull, "reply", &err); /* what the caller did not expect */
	assert_string_equal(err.msg, "reply: JSON error at byte 0: unexpected value");
}

static void unquoting(void **state)
{
	static const char *const good[][2] = {{"\"\"", ""}, {"\"abc\"", "abc"},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
		{"\"\\u0041\\u00e9\\u20ac\"", "Aé€"}, {"\"\\uD83D\\uDE00\"", "😀"},
		{"\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf"}, {"\"\xc3\xa9\\n\"", "é\n"},
		{"\"\\ud7ff\\ue000\\uffff\"", "\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"}};
	static const char *const bad[] = {"\"\\ud800\"", "\"\\udc00\"", "\"\\udc00\\ud800\"",
		"\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\ud800\"", "\"\\ud800\\u0041\"",
		"\"\\\"", "\"\\u12\"", "\"\\x\"", "", "\"", "abc", "\"abc", "abc\"", "null", "1",
		"\"\\ud83d\\ude0\""};
	struct osy_err err;

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(good); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf b = OSY_BUF(100);

		osy_buf_addz(&b, "+");
		assert_int_equal(osy_json_unquote(osy_str(good[i][0]), &b, &err), OSY_OK);
		assert_string_equal(b.p + 1, good[i][1]);
	}
	for (size_t i = 0; i < OSY_COUNT(bad); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf b = OSY_BUF(100);

		osy_buf_addz(&b, "+");
		if (osy_json_unquote(osy_str(bad[i]), &b, &err) != OSY_E_INVALID)
			fail_msg("taken: %s", bad[i]);
		assert_string_equal(b.p, "+");
		assert_int_equal(b.len, 1);
	}
}

static void unquoting_keeps_the_limit(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf b = OSY_BUF(3);
	struct osy_err err;

	(void)state;
	assert_int_equal(osy_json_unquote(OSY_STR("\"abcd\""), &b, &err), OSY_E_TOO_BIG);
	assert_int_equal(
		osy_json_unquote(OSY_STR("\"\\u0041\\n\\n\\n\""), &b, &err), OSY_E_TOO_BIG);
	assert_int_equal(osy_json_unquote(OSY_STR("\"\\u0041\\n\\x\""), &b, &err), OSY_E_INVALID);
	assert_int_equal(b.len, 0);
	/* longer than the limit as it stands, not so when decoded */
	assert_int_equal(osy_json_unquote(OSY_STR("\"\\u0041\\n\\n\""), &b, &err), OSY_OK);
	assert_string_equal(b.p, "A\n\n");
}

static void plain(void **state)
{
	struct osy_str text;

	(void)state;
	assert_true(osy_json_plain(OSY_STR("\"abc\""), &text));
	assert_true(osy_str_is(text, "abc"));
	assert_true(osy_json_plain(OSY_STR("\"\""), &text));
	assert_int_equal(text.len, 0);
	assert_false(osy_json_plain(OSY_STR("\"a\\n\""), &text));
	assert_false(osy_json_plain(OSY_STR("null"), &text));
	assert_false(osy_json_plain(OSY_STR("\""), &text));
	assert_false(osy_json_plain(OSY_STR(""), &text));
}

static void put_random_text(struct osy_buf *b)
{
	static const char *const pieces[] = {"a", "\"", "\\", "/", "\n", "\x01", "\x1f", "\x7f",
		"é", "€", "😀", "\xf4\x8f\xbf\xbf", "01234567", "\\u0041", "\xed\x9f\xbf",
		"\xee\x80\x80"};
	uint64_t n = osy_random_u64() % 20;

	while (n-- > 0)
		osy_buf_addz(b, pieces[osy_random_u64() % OSY_COUNT(pieces)]);
	if (osy_random_u64() % 8 == 0)
		osy_buf_addc(b, '\0');
}

static void quote_and_back(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		OSY_AUTO(osy_buf_done)
		struct osy_buf text = OSY_BUF(1000), raw = OSY_BUF(1000), back = OSY_BUF(1000);
		struct osy_err err;

		put_random_text(&text);
		osy_json_quote(osy_buf_str(&text), &raw);
		assert_true(accepts(osy_buf_str(&raw)));
		assert_int_equal(osy_json_unquote(osy_buf_str(&raw), &back, &err), OSY_OK);
		assert_true(osy_str_equal(osy_buf_str(&text), osy_buf_str(&back)));
	}
}

static void quoting_makes_utf8(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf b = OSY_BUF(1000);

	(void)state;
	osy_json_quote(OSY_STR("a\xff\xe2\x82z\xed\xa0\x80"), &b);
	assert_string_equal(b.p,
		"\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	osy_buf_reset(&b);
	osy_json_quote(OSY_STR_NULL, &b);
	assert_string_equal(b.p, "\"\"");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens),
		cmocka_unit_test(refused),
		cmocka_unit_test(accepted),
		cmocka_unit_test(every_prefix_is_refused),
		cmocka_unit_test(every_byte_changed_is_survived),
		cmocka_unit_test(each_byte_at_each_place),
		cmocka_unit_test(depth),
		cmocka_unit_test(whole_values),
		cmocka_unit_test(errors_name_the_place),
		cmocka_unit_test(unquoting),
		cmocka_unit_test(unquoting_keeps_the_limit),
		cmocka_unit_test(plain),
		cmocka_unit_test(quote_and_back),
		cmocka_unit_test(quoting_makes_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
