/* common/base: errors, memory, strings, secrets, clocks, log, failpoints, metrics */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "osy/metrics.h"
#include "osy/secret.h"
#include "osy/utf8.h"

/* Runs f in a child and gives the signal that ended it, 0 when none did. */
static int signal_of(void (*f)(void))
{
	int status, null;
	pid_t pid = fork();

	if (pid == 0) {
		null = open("/dev/null", O_WRONLY);
		dup2(null, STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		f();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* err */

static void err_fills_and_keeps(void **state)
{
	struct osy_err err = {.code = OSY_E_KAFKA, .retry_after_ms = 7};

	(void)state;
	assert_int_equal(osy_fail(&err, OSY_E_TIMEOUT, "took %d ms", 5), OSY_E_TIMEOUT);
	assert_string_equal(err.msg, "took 5 ms");
	assert_int_equal(err.cls, OSY_RETRY);
	assert_int_equal(err.retry_after_ms, 0);
	assert_string_equal(err.origin, "");
	assert_int_equal(osy_fail_from(&err, OSY_E_POSTGRES, "pg:40001", "x"), OSY_E_POSTGRES);
	/* arguments from inside the error itself */
	osy_fail_at(&err, OSY_E_INVALID, err.origin, "f", 1, "[%s]", err.msg);
	assert_string_equal(err.msg, "[x]");
	assert_string_equal(err.origin, "pg:40001");
	assert_int_equal(osy_err_prefix(&err, "%s:%d", "file", 3), OSY_E_INVALID);
	assert_string_equal(err.msg, "file:3: [x]");
}

static void err_long_texts_are_cut(void **state)
{
	char text[2000];
	struct osy_err err;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	osy_fail_at(&err, OSY_E_INVALID, text, "f", 1, "%s", text);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	assert_int_equal(strlen(err.origin), sizeof(err.origin) - 1);
	osy_err_prefix(&err, "%s", text);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	osy_fail(&err, OSY_E_INVALID, "y");
	osy_err_prefix(&err, "%s", text);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

static void err_texts_are_one_line_of_whole_characters(void **state)
{
	struct osy_err err;
	char text[600];

	(void)state;
	osy_fail(&err, OSY_E_INVALID, "a\nb\x1b[2J\x7f \xff\xc3 \xc3\xa9 \xe2\x82");
	assert_string_equal(err.msg, "a b [2J  ?? \xc3\xa9 ");
	for (size_t shift = 0; shift < 4; shift++) {
		memset(text, 'x', sizeof(text));
		for (size_t i = shift; i + 4 < sizeof(text); i += 4)
			memcpy(text + i, "\xf0\x9f\x98\x80", 4);
		text[sizeof(text) - 1] = 0;
		osy_fail(&err, OSY_E_INVALID, "%s", text);
		assert_true(osy_utf8_valid(osy_str(err.msg)));
		assert_in_range(strlen(err.msg), sizeof(err.msg) - 4, sizeof(err.msg) - 1);
		osy_err_prefix(&err, "%s", "\xc3\xa9");
		assert_true(osy_utf8_valid(osy_str(err.msg)));
	}
}

static void err_codes_have_rows(void **state)
{
	(void)state;
	assert_string_equal(osy_code_name(OSY_OK), "ok");
	assert_int_equal(osy_code_http(OSY_E_TOO_BIG), 413);
	assert_int_equal(osy_code_exit(OSY_E_TIMEOUT), 3);
	assert_int_equal(osy_code_class(OSY_E_INTERNAL), OSY_FATAL);
	assert_string_equal(osy_code_name((enum osy_code)9999), "internal");
	assert_string_equal(osy_code_name((enum osy_code) - 1), "internal");
}

static void do_bug(void)
{
	OSY_BUG("%02000d", 1);
}

static void do_assert(void)
{
	OSY_ASSERT(1 == 1);
	OSY_ASSERT(1 == 2);
}

static void bugs_stop(void **state)
{
	(void)state;
	assert_int_equal(signal_of(do_bug), SIGABRT);
	assert_int_equal(signal_of(do_assert), SIGABRT);
}

/* mem */

static void mem_edges(void **state)
{
	OSY_AUTO_FREE char *a = osy_xmalloc(0);
	OSY_AUTO_FREE char *b = osy_xcalloc(0, 8);
	OSY_AUTO_FREE char *c = osy_xstrndup("abc", 2);
	OSY_AUTO_FREE char *d = osy_xstrndup(NULL, 0);

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_string_equal(c, "ab");
	assert_string_equal(d, "");
	a = osy_xrealloc(a, 100);
	a = osy_xrealloc(a, 0);
	assert_non_null(a);
}

static void do_calloc_overflow(void)
{
	free(osy_xcalloc(SIZE_MAX / 2, 4));
}

static void do_arena_overflow(void)
{
	struct osy_arena arena;

	osy_arena_init(&arena, 0);
	osy_arena_calloc(&arena, SIZE_MAX / 2, 4);
}

static void mem_overflow_stops(void **state)
{
	(void)state;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they stop by an exit */
	assert_int_equal(signal_of(do_calloc_overflow), SIGABRT);
#else
	(void)do_calloc_overflow;
#endif
	assert_int_equal(signal_of(do_arena_overflow), SIGABRT);
}

static bool is_zero(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

static void arena_zeroed_aligned_distinct(void **state)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 255, 256, 257, 1000, 4096, 100000};
	struct osy_arena arena;
	char *at[1000];
	size_t len[1000];

	(void)state;
	osy_arena_init(&arena, 1024);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 1000; i++) {
			len[i] = sizes[osy_random_u64() % 10];
			at[i] = osy_arena_alloc(&arena, len[i]);
			assert_int_equal((uintptr_t)at[i] % 16, 0);
			assert_true(is_zero(at[i], len[i]));
			memset(at[i], 1 + i % 255, len[i]);
		}
		for (int i = 0; i < 1000; i++)
			for (size_t k = 0; k < len[i]; k++)
				assert_int_equal((unsigned char)at[i][k], 1 + i % 255);
		assert_true(arena.used_bytes > 0);
		osy_arena_reset(&arena);
		assert_int_equal(arena.used_bytes, 0);
	}
	osy_arena_done(&arena);
	osy_arena_reset(&arena);
	osy_arena_done(&arena);
}

static void arena_big_first_and_strings(void **state)
{
	struct osy_arena arena = {0}; /* works without init */

	(void)state;
	memset(osy_arena_alloc(&arena, 1 << 20), 1, 1 << 20);
	osy_arena_reset(&arena);
	assert_string_equal(osy_arena_strndup(&arena, "abc", 2), "ab");
	assert_string_equal(osy_arena_strndup(&arena, NULL, 0), "");
	assert_true(is_zero(osy_arena_calloc(&arena, 10, 10), 100));
	osy_arena_done(&arena);
}

/* str */

static void str_views(void **state)
{
	(void)state;
	assert_true(osy_str_is(OSY_STR("a\0b"), "a") == false);
	assert_true(osy_str_equal(OSY_STR_NULL, OSY_STR("")));
	assert_true(osy_str_equal_nocase(OSY_STR("aZ_é"), OSY_STR("Az_é")));
	assert_false(osy_str_equal_nocase(OSY_STR("@"), OSY_STR("`")));
	assert_false(osy_str_equal_nocase(OSY_STR("["), OSY_STR("{")));
	assert_true(osy_str_starts(OSY_STR("abc"), "ab"));
	assert_true(osy_str_starts(OSY_STR_NULL, ""));
	assert_false(osy_str_starts(OSY_STR("a"), "ab"));
}

static void hash_is_stable(void **state)
{
	static const char text[] = "0015g00000ABCDEAA4";

	(void)state;
	/* kept in tables and topics: if one of these changes, old data is lost */
	assert_true(osy_hash("", 0, 0) == 0);
	assert_true(osy_hash("", 0, 1) != 0);
	assert_true(osy_hash(text, 18, 0) == osy_hash(text, 18, 0));
	assert_true(osy_hash(text, 18, 0) != osy_hash(text, 17, 0));
	assert_true(osy_hash(text, 18, 0) == UINT64_C(0x29b8d0b02330923a));
	assert_true(osy_hash("a", 1, 42) == UINT64_C(0xf9dac41c2dc20c49));
	/* unaligned input */
	char shifted[20];
	for (int i = 0; i < 2; i++) {
		memcpy(shifted + i, text, 18);
		assert_true(osy_hash(shifted + i, 18, 7) == osy_hash(text, 18, 7));
	}
}

static void buf_limit_is_exact(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf b = OSY_BUF(100);
	struct osy_err err = OSY_ERR_NONE;
	char text[101];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_string_equal(b.p, "");
	assert_int_equal(osy_buf_try(&b, text, 101, &err), OSY_E_TOO_BIG);
	assert_int_equal(b.len, 0);
	assert_int_equal(osy_buf_try(&b, text, SIZE_MAX, &err), OSY_E_TOO_BIG);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(osy_buf_try(&b, text, 1, &err), OSY_OK);
		assert_int_equal(strlen(b.p), b.len);
		assert_true(b.cap <= 101);
	}
	assert_int_equal(osy_buf_try(&b, text, 0, &err), OSY_OK);
	assert_int_equal(osy_buf_try(&b, text, 1, &err), OSY_E_TOO_BIG);
	assert_int_equal(err.cls, OSY_REJECT);
	osy_buf_reset(&b);
	assert_string_equal(b.p, "");
	assert_int_equal(osy_buf_try(&b, text, 100, &err), OSY_OK);
}

static void buf_take_and_format(void **state)
{
	struct osy_buf b = OSY_BUF(1 << 20);
	char *s;
	size_t len = 9;

	(void)state;
	s = osy_buf_take(&b, &len);
	assert_string_equal(s, "");
	assert_int_equal(len, 0);
	free(s);
	osy_buf_addf(&b, "%d-%s", 5, "abc");
	osy_buf_addf(&b, "%s", "");
	for (int i = 0; i < 1000; i++)
		osy_buf_addf(&b, "%d", i % 10);
	osy_buf_addc(&b, '\0');
	assert_int_equal(b.len, 5 + 1000 + 1);
	memcpy(osy_buf_room(&b, 50), "xyz", 3);
	osy_buf_end(&b, 3);
	osy_buf_end(&b, 0);
	s = osy_buf_take(&b, &len);
	assert_int_equal(len, 1009);
	assert_string_equal(s + 1006, "xyz");
	assert_int_equal(b.len, 0);
	assert_int_equal(b.max, 1 << 20);
	free(s);
	osy_buf_done(&b);
	osy_buf_done(&b);
}

static void do_buf_overflow(void)
{
	struct osy_buf b = OSY_BUF(10);

	osy_buf_addz(&b, "12345678901");
}

static void do_format_overflow(void)
{
	struct osy_buf b = OSY_BUF(10);

	osy_buf_addf(&b, "%s", "12345678901");
}

static void buf_overflow_of_ours_stops(void **state)
{
	(void)state;
	assert_int_equal(signal_of(do_buf_overflow), SIGABRT);
	assert_int_equal(signal_of(do_format_overflow), SIGABRT);
}

static void parse_i64_limits(void **state)
{
	static const struct {
		const char *text;
		bool is_good;
		int64_t value;
	} cases[] = {
		{"0", true, 0},
		{"-0", true, 0},
		{"007", true, 7},
		{"-5", true, -5},
		{"9223372036854775807", true, INT64_MAX},
		{"-9223372036854775808", true, INT64_MIN},
		{"9223372036854775808", false, 0},
		{"-9223372036854775809", false, 0},
		{"99999999999999999999999", false, 0},
		{"", false, 0},
		{"-", false, 0},
		{"+1", false, 0},
		{" 1", false, 0},
		{"1 ", false, 0},
		{"1.0", false, 0},
		{"0x1", false, 0},
		{"--1", false, 0},
	};
	struct osy_err err;
	int64_t n = 77;

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++) {
		enum osy_code rc =
			osy_parse_i64(osy_str(cases[i].text), INT64_MIN, INT64_MAX, &n, &err);

		assert_int_equal(rc, cases[i].is_good ? OSY_OK : OSY_E_INVALID);
		if (cases[i].is_good)
			assert_true(n == cases[i].value);
	}
	n = 77;
	assert_int_equal(osy_parse_i64(OSY_STR("11"), 0, 10, &n, &err), OSY_E_INVALID);
	assert_int_equal(osy_parse_i64(OSY_STR("-1"), 0, 10, &n, &err), OSY_E_INVALID);
	assert_int_equal(osy_parse_i64(OSY_STR_NULL, 0, 10, &n, &err), OSY_E_INVALID);
	assert_int_equal(n, 77);
	assert_int_equal(osy_parse_i64(OSY_STR("10"), 0, 10, &n, &err), OSY_OK);
}

static void parse_bool(void **state)
{
	struct osy_err err;
	bool b = true;

	(void)state;
	assert_int_equal(osy_parse_bool(OSY_STR("false"), &b, &err), OSY_OK);
	assert_false(b);
	assert_int_equal(osy_parse_bool(OSY_STR("1"), &b, &err), OSY_OK);
	assert_true(b);
	assert_int_equal(osy_parse_bool(OSY_STR("TRUE"), &b, &err), OSY_E_INVALID);
	assert_int_equal(osy_parse_bool(OSY_STR(""), &b, &err), OSY_E_INVALID);
}

/* Well-formed by decoding and encoding again: a second opinion on osy_utf8_step(). */
static bool slow_utf8(const unsigned char *s, size_t len)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

	for (size_t i = 0; i < len;) {
		size_t n = s[i] < 0x80	     ? 1
			   : s[i] >> 5 == 6  ? 2
			   : s[i] >> 4 == 14 ? 3
			   : s[i] >> 3 == 30 ? 4
					     : 0;
		uint32_t c = n == 1 ? s[i] : s[i] & (0x7fu >> n);

		if (n == 0 || i + n > len)
			return false;
		for (size_t k = 1; k < n; k++) {
			if (s[i + k] >> 6 != 2)
				return false;
			c = c << 6 | (s[i + k] & 63);
		}
		if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return false;
		i += n;
	}
	return true;
}

static void utf8_against_a_second_opinion(void **state)
{
	static const unsigned char bytes[] = {0, 'a', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
		0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4,
		0xf5, 0xff};
	unsigned char s[12];

	(void)state;
	memset(s, 'x', sizeof(s));
	for (size_t i = 0;
		i < OSY_COUNT(bytes) * OSY_COUNT(bytes) * OSY_COUNT(bytes) * OSY_COUNT(bytes);
		i++) {
		size_t left = i;

		for (int k = 0; k < 4; k++, left /= OSY_COUNT(bytes))
			s[k] = bytes[left % OSY_COUNT(bytes)];
		for (size_t len = 1; len <= 5; len += 2) {
			struct osy_str str = {(const char *)s, len};

			if (osy_utf8_valid(str) != slow_utf8(s, len))
				fail_msg("%02x %02x %02x %02x", s[0], s[1], s[2], s[3]);
		}
	}
	assert_true(osy_utf8_valid(OSY_STR_NULL));
	assert_true(osy_utf8_valid(OSY_STR("0123456789äöü€😀 0123456789abcdef")));
	assert_false(osy_utf8_valid(OSY_STR("0123456789abcde\xff")));
	assert_false(osy_utf8_valid(OSY_STR("0123456\xe2\x82")));
}

static void base64_round_trips(void **state)
{
	unsigned char data[70];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(100);
		OSY_AUTO(osy_buf_done) struct osy_buf back = OSY_BUF(70);
		struct osy_str in = {(const char *)data, (size_t)i % 70};
		struct osy_err err;

		osy_random_bytes(data, sizeof(data));
		osy_base64_encode(in, i & 1, &text);
		assert_int_equal(osy_base64_decode(osy_buf_str(&text), &back, &err), OSY_OK);
		assert_true(osy_str_equal(in, osy_buf_str(&back)));
	}
}

static void base64_vectors(void **state)
{
	static const char *const good[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="},
		{"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"}};
	static const char *const bad[] = {"Z", "Zm9vY", "Zg=", "Z===", "====", "=",
		"Zh==", "Zm9=", "Zm8 ", "Zm\n8", "Zg==Zg==", "Zm9v====", "Z\xc3\xa9=="};
	struct osy_err err;

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(good); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf b = OSY_BUF(100);

		osy_base64_encode(osy_str(good[i][0]), false, &b);
		assert_string_equal(b.p, good[i][1]);
		osy_buf_reset(&b);
		assert_int_equal(osy_base64_decode(osy_str(good[i][1]), &b, &err), OSY_OK);
		assert_string_equal(b.p, good[i][0]);
	}
	for (size_t i = 0; i < OSY_COUNT(bad); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf b = OSY_BUF(100);

		if (osy_base64_decode(osy_str(bad[i]), &b, &err) != OSY_E_INVALID)
			fail_msg("taken: '%s'", bad[i]);
		assert_int_equal(b.len, 0);
	}
	OSY_AUTO(osy_buf_done) struct osy_buf small = OSY_BUF(5);
	assert_int_equal(osy_base64_decode(OSY_STR("Zm9vYmFy"), &small, &err), OSY_E_TOO_BIG);
	osy_base64_encode(OSY_STR("\xfb\xff"), true, &small);
	assert_string_equal(small.p, "-_8");
}

static void url_encoding(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf b = OSY_BUF(100);

	(void)state;
	osy_url_encode(OSY_STR("aZ09-._~ +/%\0é"), &b);
	assert_string_equal(b.p, "aZ09-._~%20%2B%2F%25%00%C3%A9");
}

/* secret */

static void write_file(const char *path, const char *text, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
}

static void secret_life(void **state)
{
	struct osy_secret s = {0};

	(void)state;
	assert_false(osy_secret_is_set(&s));
	osy_secret_set(&s, "abc", 3);
	osy_secret_set(&s, osy_secret_open(&s).p, 2); /* from itself */
	assert_string_equal(osy_secret_open(&s).p, "ab");
	osy_secret_set(&s, NULL, 0);
	assert_false(osy_secret_is_set(&s));
	osy_secret_done(&s);
}

static void secret_shuts_the_process(void **state)
{
	struct rlimit limit;
	int status = -1;
	const pid_t child = fork();

	(void)state;
	if (child == 0) {
		osy_secret_shut_process();
		_exit(getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_cur || limit.rlim_max ||
			prctl(PR_GET_DUMPABLE) != 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void secret_files(void **state)
{
	char path[] = "/tmp/osy-test-XXXXXX";
	struct osy_secret s = {0};
	struct osy_err err;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(osy_secret_read(&s, path, 10, &err), OSY_E_INVALID);
	write_file(path, "\n", 1);
	assert_int_equal(osy_secret_read(&s, path, 10, &err), OSY_E_INVALID);
	write_file(path, "0123456789\r\n", 12);
	assert_int_equal(osy_secret_read(&s, path, 10, &err), OSY_OK);
	assert_string_equal(osy_secret_open(&s).p, "0123456789");
	assert_int_equal(osy_secret_read(&s, path, 9, &err), OSY_E_TOO_BIG);
	assert_null(strstr(err.msg, "0123"));
	write_file(path, "a\n\n", 3);
	assert_int_equal(osy_secret_read(&s, path, 10, &err), OSY_OK);
	assert_string_equal(osy_secret_open(&s).p, "a\n");
	unlink(path);
	assert_int_equal(osy_secret_read(&s, path, 10, &err), OSY_E_NOT_FOUND);
	assert_int_equal(osy_secret_read(&s, "/tmp", 10, &err), OSY_E_INVALID);
	assert_string_equal(osy_secret_open(&s).p, "a\n");
	osy_secret_done(&s);
}

/* clock */

static void clock_texts(void **state)
{
	char text[32];

	(void)state;
	osy_wall_text(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	osy_wall_text(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999Z");
	osy_wall_text(951782400123, text);
	assert_string_equal(text, "2000-02-29T00:00:00.123Z");
	osy_wall_text(INT64_MAX, text);
	assert_string_equal(text, "292278994-08-17T07:12:55.807Z");
	osy_wall_text(INT64_MIN, text);
	assert_string_equal(text, "-292275055-05-16T16:47:04.192Z");
}

static void clock_round_trips(void **state)
{
	char text[32];

	(void)state;
	for (int i = 0; i < 20000; i++) { /* years 0 to 9999 */
		int64_t ms = (int64_t)(osy_random_u64() % 315569520000000) - 62167219200000;

		osy_wall_text(ms, text);
		if (ms != -1)
			assert_true(osy_wall_parse(text, strlen(text)) == ms);
	}
}

static void clock_parses(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
		{"2026-11-24T17:03:05.000+0000", 1795539785000},
		{"2026-11-24T17:03:05.000Z", 1795539785000},
		{"2026-11-24T18:03:05+01:00", 1795539785000},
		{"2026-11-24T16:33:05.5-0030", 1795539785500},
		{"2026-11-24T17:03:05.123456789Z", 1795539785123},
		{"2026-11-24", 1795478400000},
		{"2024-02-29", 1709164800000},
		{"1900-02-29", -1},
		{"2023-02-29", -1},
		{"2026-13-01", -1},
		{"2026-00-01", -1},
		{"2026-04-31", -1},
		{"2026-11-24T", -1},
		{"2026-11-24T17:03Z", -1},
		{"2026-11-24T17:03:05", -1},
		{"2026-11-24T24:00:00Z", -1},
		{"2026-11-24T17:60:00Z", -1},
		{"2026-11-24T17:03:60Z", -1},
		{"2026-11-24T17:03:05.Z", -1},
		{"2026-11-24T17:03:05.1234567890Z", -1},
		{"2026-11-24T17:03:05+1", -1},
		{"2026-11-24T17:03:05+24:00", -1},
		{"2026-11-24T17:03:05Zx", -1},
		{"", -1},
		{"2026", -1},
		{"2026-11-24 17:03:05Z", -1},
		{"+026-11-24", -1},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++)
		if (osy_wall_parse(cases[i].text, strlen(cases[i].text)) != cases[i].ms)
			fail_msg("'%s' gives %lld", cases[i].text,
				(long long)osy_wall_parse(cases[i].text, strlen(cases[i].text)));
}

static void clock_backoff(void **state)
{
	(void)state;
	for (unsigned attempt = 0; attempt < 70; attempt++) {
		unsigned ms = osy_backoff_ms(attempt, 100, 5000);

		assert_true(ms >= 100 && ms <= 5000);
		if (attempt == 1)
			assert_true(ms <= 200);
	}
	assert_int_equal(osy_backoff_ms(0, 100, 5000), 100);
	assert_int_equal(osy_backoff_ms(3, 100, 50), 50);
	assert_int_equal(osy_backoff_ms(3, 0, 50), 0);
	assert_true(osy_backoff_ms(31, UINT32_MAX, UINT32_MAX) == UINT32_MAX);
}

static void ids_sort_by_time(void **state)
{
	char a[25], b[25];

	(void)state;
	osy_new_id("run_", a, sizeof(a));
	usleep(2000);
	osy_new_id("run_", b, sizeof(b));
	assert_int_equal(strlen(a), 24);
	assert_int_equal(strspn(a + 4, "0123456789abcdefghijklmnopqrstuvwxyz"), 20);
	assert_true(strcmp(a, b) < 0);
	assert_true(osy_mono_ms() <= osy_mono_us() / 1000);
}

/* log: what a function writes to stderr */

static char *stderr_of(void (*f)(void))
{
	int fds[2], saved = dup(STDERR_FILENO);
	char *text = calloc(1, 1 << 16);
	size_t len = 0;
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	f();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[1]);
	while ((n = read(fds[0], text + len, (1 << 16) - 1 - len)) > 0)
		len += (size_t)n;
	close(fds[0]);
	return text;
}

static void log_json(void)
{
	struct osy_err err;

	osy_log_init("test", OSY_INFO, "json");
	osy_fail_from(&err, OSY_E_TIMEOUT, "curl:28", "a \"b\" é");
	osy_log(OSY_INFO, "x.y", OSY_KV("run", "r1"), OSY_KV_INT("n", -5),
		OSY_KV_STR("none", OSY_STR_NULL),
		OSY_KV("say", "\n\x01\xff é\xc2\x9b[2J\u202e\u2028\u2066\u00a0"), OSY_KV_ERR(&err));
	osy_log(OSY_DEBUG, "x.hidden", OSY_KV("run", "r1"));
}

static void log_text(void)
{
	osy_log_init("test", OSY_WARN, "text");
	osy_log(OSY_WARN, "x.y", OSY_KV("run", "r1"), OSY_KV("say", "a b\x1b[31m"),
		OSY_KV("word", "\xc2\x9b"), OSY_KV("empty", ""));
	osy_log(OSY_INFO, "x.hidden", OSY_KV("run", "r1"));
}

static void log_repeating(void)
{
	osy_log_init("test", OSY_INFO, "json");
	for (int i = 0; i < 5; i++) {
		osy_log(OSY_WARN, "mute.me", OSY_KV("run", "r1"), OSY_KV_INT("i", i));
		osy_log(OSY_WARN, "mute.me", OSY_KV("run", "r2"));
		osy_log(OSY_INFO, "never.muted", OSY_KV("run", "r1"));
	}
}

static void log_of_an_org(void)
{
	struct osy_err err;

	osy_log_init("test", OSY_INFO, "text");
	osy_fail_from(&err, OSY_E_SALESFORCE, "sf:MALFORMED_QUERY",
		"run r1: MALFORMED_QUERY: WHERE Email = 'jane@example.com' (HTTP 400)");
	osy_log(OSY_INFO, "a", OSY_KV_ERR(&err));
	osy_fail_from(&err, OSY_E_NO_REPLY, "sf:UNKNOWN_EXCEPTION", "jane@example.com");
	osy_log(OSY_INFO, "b", OSY_KV_ERR(&err));
	osy_fail_from(&err, OSY_E_LIMIT, "sf:REQUEST_LIMIT_EXCEEDED:daily", "the limit is reached");
	osy_log(OSY_INFO, "c", OSY_KV_ERR(&err));
}

static void log_huge(void)
{
	static char text[100000];

	memset(text, 1, sizeof(text) - 1);
	osy_log_init("test", OSY_INFO, "json");
	osy_log(OSY_INFO, "huge", OSY_KV("a", text));
}

static unsigned count_of(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

static void log_lines(void **state)
{
	char *text = stderr_of(log_json);

	(void)state;
	assert_non_null(strstr(text, "\"level\":\"info\",\"program\":\"test\",\"pid\":"));
	assert_non_null(
		strstr(text, "\"event\":\"x.y\",\"run\":\"r1\",\"n\":-5,\"none\":null,"
			     "\"say\":\"\\n\\u0001\\ufffd é\\u009b[2J\\u202e\\u2028\\u2066\u00a0\","
			     "\"error\":\"a \\\"b\\\" é\",\"code\":\"timeout\","
			     "\"origin\":\"curl:28\"}\n"));
	assert_int_equal(count_of(text, "\n"), 1);
	free(text);
	text = stderr_of(log_text);
	assert_non_null(strstr(text, "Z warn  x.y run=r1 say=\"a b\\u001b[31m\" word=\"\\u009b\" "
				     "empty=\"\"\n"));
	assert_int_equal(count_of(text, "\n"), 1);
	free(text);
	text = stderr_of(log_of_an_org);
	assert_null(strstr(text, "jane"));
	assert_non_null(
		strstr(text, "error=\"run r1: MALFORMED_QUERY\" code=salesforce origin=sf:"));
	assert_non_null(strstr(text, "error=UNKNOWN_EXCEPTION code=no_reply"));
	assert_non_null(strstr(text, "error=\"the limit is reached\" code=limit"));
	free(text);
	text = stderr_of(log_repeating);
	assert_int_equal(count_of(text, "mute.me"), 2);
	assert_int_equal(count_of(text, "never.muted"), 5);
	free(text);
	text = stderr_of(log_huge);
	assert_int_equal(count_of(text, "\\u0001"), 4096);
	free(text);
}

static void log_levels(void **state)
{
	(void)state;
	assert_int_equal(osy_log_level("debug"), OSY_DEBUG);
	assert_int_equal(osy_log_level("error"), OSY_ERROR);
	assert_int_equal(osy_log_level("loud"), OSY_INFO);
	osy_log_init("test", OSY_INFO, "json");
	osy_log_raise();
	assert_true(osy_log_on(OSY_DEBUG));
	osy_log_raise();
	assert_false(osy_log_on(OSY_WARN));
	assert_true(osy_log_on(OSY_ERROR));
}

/* failpoints */

#ifdef OSY_FAILPOINTS
static void do_failpoints(void)
{
	setenv("ORGSYNC_FAILPOINTS", "a=error@2;b=delay:1;;c=kill@3;d=error", 1);
	if (osy_failpoint("a") || !osy_failpoint("a") || osy_failpoint("a"))
		_exit(1);
	if (osy_failpoint("b") || osy_failpoint("unknown") || !osy_failpoint("d") ||
		!osy_failpoint("d"))
		_exit(2);
	for (int i = 0; i < 2; i++)
		osy_failpoint("c");
	signal(SIGABRT, SIG_IGN);
	osy_failpoint("c");
	_exit(3);
}

static void do_bad_failpoints(void)
{
	setenv("ORGSYNC_FAILPOINTS", "a=explode", 1);
	osy_failpoint("a");
}
#endif

static void failpoints(void **state)
{
	(void)state;
#ifdef OSY_FAILPOINTS
	assert_int_equal(signal_of(do_failpoints), SIGKILL);
	assert_int_equal(signal_of(do_bad_failpoints), SIGABRT);
#endif
	assert_false(OSY_FAILPOINT("nothing"));
}

/* metrics */

static void *add_many(void *metric)
{
	for (int i = 0; i < 10000; i++)
		osy_metric_add(metric, 1);
	return NULL;
}

static void metrics_render(void **state)
{
	static const double bounds[] = {0.001, 0.5, 10};
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 16);
	char labels[] = "api=\"rest\"";
	struct osy_metric *calls = osy_counter("t_calls", labels, "calls made");
	struct osy_metric *h = osy_histogram("t_seconds", "api=\"rest\"", "time", bounds, 3);
	pthread_t threads[4];

	(void)state;
	labels[0] = 'X'; /* labels are copied */
	osy_metric_set(osy_gauge("t_lanes", "", "lanes"), -3);
	osy_metric_add(osy_counter("t_calls", "api=\"bulk\"", "calls made"), 2);
	assert_ptr_equal(calls, osy_counter("t_calls", "api=\"rest\"", "calls made"));
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, add_many, calls);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	osy_metric_observe_us(h, 1000); /* on the bound: inside */
	osy_metric_observe_us(h, 1001);
	osy_metric_observe_us(h, 11000000);
	osy_metrics_render(&out);
	assert_string_equal(out.p,
		"# HELP t_calls calls made\n# TYPE t_calls counter\n"
		"t_calls{api=\"rest\"} 40000\nt_calls{api=\"bulk\"} 2\n"
		"# HELP t_seconds time\n# TYPE t_seconds histogram\n"
		"t_seconds_bucket{api=\"rest\",le=\"0.001\"} 1\n"
		"t_seconds_bucket{api=\"rest\",le=\"0.5\"} 2\n"
		"t_seconds_bucket{api=\"rest\",le=\"10\"} 2\n"
		"t_seconds_bucket{api=\"rest\",le=\"+Inf\"} 3\n"
		"t_seconds_sum{api=\"rest\"} 11.002001\nt_seconds_count{api=\"rest\"} 3\n"
		"# HELP t_lanes lanes\n# TYPE t_lanes gauge\nt_lanes -3\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_fills_and_keeps),
		cmocka_unit_test(err_long_texts_are_cut),
		cmocka_unit_test(err_texts_are_one_line_of_whole_characters),
		cmocka_unit_test(err_codes_have_rows),
		cmocka_unit_test(bugs_stop),
		cmocka_unit_test(mem_edges),
		cmocka_unit_test(mem_overflow_stops),
		cmocka_unit_test(arena_zeroed_aligned_distinct),
		cmocka_unit_test(arena_big_first_and_strings),
		cmocka_unit_test(str_views),
		cmocka_unit_test(hash_is_stable),
		cmocka_unit_test(buf_limit_is_exact),
		cmocka_unit_test(buf_take_and_format),
		cmocka_unit_test(buf_overflow_of_ours_stops),
		cmocka_unit_test(parse_i64_limits),
		cmocka_unit_test(parse_bool),
		cmocka_unit_test(utf8_against_a_second_opinion),
		cmocka_unit_test(base64_round_trips),
		cmocka_unit_test(base64_vectors),
		cmocka_unit_test(url_encoding),
		cmocka_unit_test(secret_life),
		cmocka_unit_test(secret_files),
		cmocka_unit_test(secret_shuts_the_process),
		cmocka_unit_test(clock_texts),
		cmocka_unit_test(clock_round_trips),
		cmocka_unit_test(clock_parses),
		cmocka_unit_test(clock_backoff),
		cmocka_unit_test(ids_sort_by_time),
		cmocka_unit_test(log_lines),
		cmocka_unit_test(log_levels),
		cmocka_unit_test(failpoints),
		cmocka_unit_test(metrics_render),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
