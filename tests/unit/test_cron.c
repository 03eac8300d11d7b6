/* cron: what an expression may be, and the times that follow from it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cron.h"
#include "osy/clock.h"
#include "osy/mem.h"

static struct osy_err err;

/* The times after a moment, one after the other. */
static void gives(const char *text, const char *after, const char *const *times, size_t count)
{
	struct osy_cron cron;
	int64_t at = osy_wall_parse(after, strlen(after));
	char got[32];

	err = OSY_ERR_NONE;
	if (osy_cron_parse(osy_str(text), &cron, &err))
		fail_msg("\"%s\": %s", text, err.msg);
	for (size_t i = 0; i < count; i++) {
		at = osy_cron_next(&cron, at);
		osy_wall_text(at, got);
		if (strncmp(got, times[i], 16) != 0)
			fail_msg("\"%s\" after %s: %zu is %s, want %s", text, after, i, got,
				times[i]);
		assert_int_equal(at % 60000, 0);
	}
}

#define GIVES(text, after, ...)                                \
	gives(text, after, (const char *const[]){__VA_ARGS__}, \
		sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void minutes_and_hours(void **state)
{
	(void)state;
	GIVES("* * * * *", "2026-11-27T12:00:59.999Z", "2026-11-27T12:01", "2026-11-27T12:02");
	GIVES("*/15 * * * *", "2026-11-27T12:45:00Z", "2026-11-27T13:00", "2026-11-27T13:15");
	GIVES("5 2 * * *", "2026-11-27T02:05:00Z", "2026-11-28T02:05");
	GIVES("5 2 * * *", "2026-11-27T02:04:59Z", "2026-11-27T02:05");
	GIVES("0,30 9-10 * * *", "2026-11-27T00:00:00Z", "2026-11-27T09:00", "2026-11-27T09:30",
		"2026-11-27T10:00", "2026-11-27T10:30", "2026-11-28T09:00");
	GIVES("10-30/10,59 23 31 12 *", "2026-06-01T00:00:00Z", "2026-12-31T23:10",
		"2026-12-31T23:20", "2026-12-31T23:30", "2026-12-31T23:59", "2027-12-31T23:10");
}

static void days(void **state)
{
	(void)state;
	/* 2026-11-27 is a Friday */
	GIVES("0 4 * * 0", "2026-11-27T00:00:00Z", "2026-11-29T04:00", "2026-12-06T04:00");
	GIVES("0 4 * * 7", "2026-11-27T00:00:00Z", "2026-11-29T04:00");
	GIVES("0 4 * * SUN", "2026-11-27T00:00:00Z", "2026-11-29T04:00");
	GIVES("0 4 * * 5-7", "2026-11-27T05:00:00Z", "2026-11-28T04:00", "2026-11-29T04:00",
		"2026-12-04T04:00");
	GIVES("0 0 1,15 * *", "2026-11-27T00:00:00Z", "2026-12-01T00:00", "2026-12-15T00:00");
	GIVES("0 0 1 jan,Jul *", "2026-11-27T00:00:00Z", "2027-01-01T00:00", "2027-07-01T00:00");
	/* both days: either; one of them begins with a star: both */
	GIVES("0 0 28 * mon", "2026-11-27T00:00:00Z", "2026-11-28T00:00", "2026-11-30T00:00");
	GIVES("0 0 */2 * mon", "2026-11-27T00:00:00Z", "2026-12-07T00:00", "2026-12-21T00:00");
}

static void months_without_the_day(void **state)
{
	(void)state;
	GIVES("0 0 31 * *", "2026-01-31T00:00:00Z", "2026-03-31T00:00", "2026-05-31T00:00");
	GIVES("0 0 30 feb,apr *", "2026-01-01T00:00:00Z", "2026-04-30T00:00");
}

static void leap_years(void **state)
{
	(void)state;
	GIVES("0 0 29 2 *", "2026-11-27T00:00:00Z", "2028-02-29T00:00", "2032-02-29T00:00");
	GIVES("0 0 29 2 *", "2096-02-29T00:00:00Z", "2104-02-29T00:00"); /* 2100 is none */
	GIVES("59 23 28 2 *", "2028-02-28T23:58:00Z", "2028-02-28T23:59", "2029-02-28T23:59");
	GIVES("0 0 1 3 *", "2028-02-28T23:59:00Z", "2028-03-01T00:00");
	GIVES("0 0 * * *", "2028-02-28T12:00:00Z", "2028-02-29T00:00", "2028-03-01T00:00");
}

static void refused(void **state)
{
	static const char *const wrong[] = {"", " ", "* * * *", "* * * * * *", "60 * * * *",
		"* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *", "* * * 13 *", "* * * * 8",
		"-1 * * * *", "+1 * * * *", "1- * * * *", "-5 * * * *", "5-1 * * * *",
		"1-5-7 * * * *", "*/0 * * * *", "*/60 * * * *", "*/ * * * *", "5/10 * * * *",
		"1//2 * * * *", ", * * * *", "1,,2 * * * *", "1, * * * *", "** * * * *",
		"*5 * * * *", "a * * * *", "* * * janu *", "* * * mon *", "* * * * jan", "@daily",
		"1.5 * * * *", "0x1 * * * *", "? * * * *", "* * L * *", "\xc3\xa9 * * * *",
		"99999999999999999999 * * * *"};
	struct osy_cron cron;

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(wrong); i++) {
		err = OSY_ERR_NONE;
		if (osy_cron_parse(osy_str(wrong[i]), &cron, &err) != OSY_E_INVALID)
			fail_msg("\"%s\" was taken", wrong[i]);
		assert_non_null(strstr(err.msg, "cron expression"));
	}
	assert_int_equal(
		osy_cron_parse((struct osy_str){"* * * *\0 *", 10}, &cron, &err), OSY_E_INVALID);
}

static void days_that_never_come(void **state)
{
	static const char *const never[] = {"0 0 30 2 *", "0 0 31 feb *", "* * 30,31 2 *",
		"0 0 31 4,6,9,11 *", "0 0 31 2-2 */7"};
	struct osy_cron cron;

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(never); i++) {
		err = OSY_ERR_NONE;
		if (osy_cron_parse(osy_str(never[i]), &cron, &err) != OSY_E_INVALID)
			fail_msg("\"%s\" was taken", never[i]);
		assert_non_null(strstr(err.msg, "no day fits"));
	}
	/* its Mondays do come */
	GIVES("0 0 30 2 mon", "2026-01-01T00:00:00Z", "2026-02-02T00:00");
}

/* A long list is read once, and what is longer is refused. */
static void bounds(void **state)
{
	char text[4096];
	struct osy_cron cron;

	(void)state;
	memset(text, '1', sizeof(text));
	for (size_t i = 1; i < 180; i += 2)
		text[i] = ',';
	memcpy(text + 181, " * * * *", 9);
	assert_int_equal(osy_cron_parse(osy_str(text), &cron, &err), OSY_OK);
	memset(text, '1', 300);
	memcpy(text + 300, " * * * *", 9);
	assert_int_equal(osy_cron_parse(osy_str(text), &cron, &err), OSY_E_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(minutes_and_hours),
		cmocka_unit_test(days),
		cmocka_unit_test(months_without_the_day),
		cmocka_unit_test(leap_years),
		cmocka_unit_test(refused),
		cmocka_unit_test(days_that_never_come),
		cmocka_unit_test(bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
