/* common/codec: MessagePack */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "osy/clock.h"
#include "osy/mem.h"
#include "osy/msgpack.h"

static void numbers_round_trip(void **state)
{
	static const int64_t edges[] = {0, 1, 127, 128, 255, 256, 65535, 65536, UINT32_MAX,
		(int64_t)UINT32_MAX + 1, INT64_MAX, -1, -32, -33, -128, -129, -32768, -32769,
		INT32_MIN, (int64_t)INT32_MIN - 1, INT64_MIN};
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
	struct osy_mp mp;

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(edges); i++)
		osy_mp_i64(&out, edges[i]);
	osy_mp_init(&mp, out.p, out.len);
	for (size_t i = 0; i < OSY_COUNT(edges); i++)
		assert_true(osy_mp_need_i64(&mp) == edges[i]);
	assert_int_equal(osy_mp_next(&mp), OSY_MP_END);
	assert_null(mp.error);
	for (int i = 0; i < 10000; i++) {
		int64_t n = (int64_t)(osy_random_u64() >> osy_random_u64() % 64);

		n = i & 1 ? -n : n;
		osy_buf_reset(&out);
		osy_mp_i64(&out, n);
		osy_mp_init(&mp, out.p, out.len);
		assert_true(osy_mp_need_i64(&mp) == n);
		assert_ptr_equal(mp.p, mp.end);
	}
}

static void strings_round_trip(void **state)
{
	static const size_t sizes[] = {0, 1, 31, 32, 255, 256, 65535, 65536, 100000};
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
	char *text = calloc(1, 100000);
	struct osy_mp mp;

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(sizes); i++) {
		struct osy_str s = {text, sizes[i]};

		osy_mp_str(&out, s);
		osy_mp_bin(&out, s);
	}
	osy_mp_str(&out, OSY_STR_NULL);
	osy_mp_init(&mp, out.p, out.len);
	for (size_t i = 0; i < OSY_COUNT(sizes); i++) {
		assert_int_equal(osy_mp_need_str_or_nil(&mp).len, sizes[i]);
		assert_int_equal(osy_mp_need_bin(&mp).len, sizes[i]);
	}
	assert_null(osy_mp_need_str_or_nil(&mp).p);
	assert_int_equal(osy_mp_next(&mp), OSY_MP_END);
	assert_null(mp.error);
	free(text);
}

static void write_sample(struct osy_buf *out)
{
	osy_mp_map(out, 4);
	osy_mp_str(out, OSY_STR("list"));
	osy_mp_array(out, 20);
	for (int i = 0; i < 20; i++)
		osy_mp_i64(out, i * 100);
	osy_mp_str(out, OSY_STR("raw"));
	osy_mp_bin(out, OSY_STR("\0\1\2"));
	osy_mp_str(out, OSY_STR("yes"));
	osy_mp_bool(out, true);
	osy_mp_str(out, OSY_STR("sub"));
	osy_mp_map(out, 1);
	osy_mp_nil(out);
	osy_mp_bool(out, false);
}

static void reading_and_skipping(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1000);
	struct osy_mp mp;

	(void)state;
	write_sample(&out);
	osy_mp_init(&mp, out.p, out.len);
	assert_int_equal(osy_mp_need_map(&mp), 4);
	assert_true(osy_str_is(osy_mp_need_str(&mp), "list"));
	osy_mp_skip(&mp);
	assert_true(osy_str_is(osy_mp_need_str(&mp), "raw"));
	assert_int_equal(osy_mp_need_bin(&mp).len, 3);
	osy_mp_skip(&mp);
	assert_int_equal(osy_mp_next(&mp), OSY_MP_BOOL);
	assert_int_equal(mp.i64, 1);
	osy_mp_skip(&mp);
	assert_int_equal(osy_mp_need_map(&mp), 1);
	assert_int_equal(osy_mp_next(&mp), OSY_MP_NIL);
	assert_int_equal(osy_mp_next(&mp), OSY_MP_BOOL);
	assert_int_equal(mp.i64, 0);
	assert_int_equal(osy_mp_next(&mp), OSY_MP_END);
	osy_mp_init(&mp, out.p, out.len);
	osy_mp_skip(&mp);
	assert_ptr_equal(mp.p, mp.end);
	assert_null(mp.error);
}

static void every_prefix_is_refused(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1000);

	(void)state;
	write_sample(&out);
	for (size_t len = 0; len < out.len; len++) {
		char *copy = malloc(len ? len : 1); /* exact, for ASan */
		struct osy_mp mp;

		memcpy(copy, out.p, len);
		osy_mp_init(&mp, copy, len);
		osy_mp_skip(&mp);
		assert_non_null(mp.error);
		assert_int_equal(osy_mp_next(&mp), OSY_MP_ERROR);
		assert_true(mp.p <= mp.end);
		free(copy);
	}
}

static void lies_are_refused(void **state)
{
	static const struct {
		struct osy_str bytes;
		const char *error;
	} cases[] = {
		{OSY_STR("\xdd\xff\xff\xff\xff"), "container passes the end of the message"},
		{OSY_STR("\xdf\xff\xff\xff\xff\xc0\xc0"),
			"container passes the end of the message"},
		{OSY_STR("\xdf\x80\x00\x00\x00\xc0"), "container passes the end of the message"},
		{OSY_STR("\x92\xc0"), "container passes the end of the message"},
		{OSY_STR("\x81\xc0"), "container passes the end of the message"},
		{OSY_STR("\xdb\xff\xff\xff\xffz"), "string passes the end of the message"},
		{OSY_STR("\xa2z"), "string passes the end of the message"},
		{OSY_STR("\xc6\x00\x00\x00\x01"), "string passes the end of the message"},
		{OSY_STR("\xcf\x80\x00\x00\x00\x00\x00\x00\x00"), "number is over the limit"},
		{OSY_STR("\xcf\x80\x00"), "message is cut off"},
		{OSY_STR("\xd9"), "message is cut off"},
		{OSY_STR("\xc1"), "floats, extensions and unknown tags are not used here"},
		{OSY_STR("\xca\x00\x00\x00\x00"),
			"floats, extensions and unknown tags are not used here"},
		{OSY_STR("\xcb\x00\x00\x00\x00\x00\x00\x00\x00"),
			"floats, extensions and unknown tags are not used here"},
		{OSY_STR("\xd4\x00\x00"), "floats, extensions and unknown tags are not used here"},
		{OSY_STR("\xc7\x01\x00\x00"),
			"floats, extensions and unknown tags are not used here"},
		{OSY_STR("\xc9\x00\x00\x00\x01\x00\x00"),
			"floats, extensions and unknown tags are not used here"},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++) {
		struct osy_err err;
		struct osy_mp mp;

		osy_mp_init(&mp, cases[i].bytes.p, cases[i].bytes.len);
		assert_int_equal(osy_mp_next(&mp), OSY_MP_ERROR);
		assert_string_equal(mp.error, cases[i].error);
		assert_int_equal(osy_mp_fail(&mp, "batch", &err), OSY_E_INVALID);
		assert_true(osy_str_starts(osy_str(err.msg), "batch: "));
	}
}

static void skip_depth_is_bounded(void **state)
{
	(void)state;
	for (uint32_t depth = 15; depth <= 18; depth++) {
		OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1000);
		struct osy_mp mp;

		for (uint32_t i = 0; i < depth; i++)
			osy_mp_array(&out, 1);
		osy_mp_nil(&out);
		osy_mp_init(&mp, out.p, out.len);
		osy_mp_skip(&mp);
		assert_int_equal(mp.error == NULL, depth <= 16);
	}
}

static void other_types_are_sticky_errors(void **state)
{
	struct osy_mp mp;

	(void)state;
#define WRONG(bytes, call, good)                    \
	osy_mp_init(&mp, bytes, sizeof(bytes) - 1); \
	assert_true((call) == (good));              \
	assert_non_null(mp.error);                  \
	assert_int_equal(osy_mp_next(&mp), OSY_MP_ERROR)
	WRONG("\xc0", osy_mp_need_map(&mp), 0);
	WRONG("\x81\xc0\xc0", osy_mp_need_array(&mp), 0);
	WRONG("\xc3", osy_mp_need_i64(&mp), 0);
	WRONG("\x05", osy_mp_need_str(&mp).len, 0);
	WRONG("\xc0", osy_mp_need_str(&mp).len, 0);
	WRONG("\xa1z", osy_mp_need_bin(&mp).len, 0);
	WRONG("\xc4\x01z", osy_mp_need_str_or_nil(&mp).len, 0);
	WRONG("", osy_mp_need_i64(&mp), 0);
	WRONG("", osy_mp_need_str_or_nil(&mp).len, 0);
#undef WRONG
	/* the first error is the one that is kept */
	osy_mp_init(&mp, "\xc0\xc1", 2);
	osy_mp_need_map(&mp);
	osy_mp_need_str(&mp);
	assert_string_equal(mp.error, "a map was expected");
	osy_mp_init(&mp, NULL, 0);
	assert_int_equal(osy_mp_next(&mp), OSY_MP_END);
}

static void random_bytes_are_survived(void **state)
{
	(void)state;
	for (int i = 0; i < 50000; i++) {
		size_t len = osy_random_u64() % 64;
		unsigned char *bytes = malloc(len ? len : 1);
		struct osy_mp mp;

		osy_random_bytes(bytes, len);
		osy_mp_init(&mp, bytes, len);
		while (!mp.error && mp.p < mp.end)
			osy_mp_skip(&mp);
		assert_true(mp.p <= mp.end);
		free(bytes);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_round_trip),
		cmocka_unit_test(strings_round_trip),
		cmocka_unit_test(reading_and_skipping),
		cmocka_unit_test(every_prefix_is_refused),
		cmocka_unit_test(lies_are_refused),
		cmocka_unit_test(skip_depth_is_bounded),
		cmocka_unit_test(other_types_are_sticky_errors),
		cmocka_unit_test(random_bytes_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
