#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "osy/mem.h"
#include "osy/sf_value.h"

struct pair {
	enum osy_sf_type type;
	int scale;
	const char *a, *b; /* NULL: null */
};

static void check(const struct pair *p, bool expected)
{
	const struct osy_str a = osy_str(p->a), b = osy_str(p->b);
	const bool equal = osy_sf_value_equal(p->type, p->scale, a, b);
	const bool same = osy_sf_value_hash(p->type, p->scale, a, 7) ==
			  osy_sf_value_hash(p->type, p->scale, b, 7);

	if (equal != expected || same != expected)
		print_error("%s scale %d: %s / %s: equal %d, hash %d\n", osy_sf_type_name(p->type),
			p->scale, p->a ? p->a : "-", p->b ? p->b : "-", equal, same);
	assert_int_equal(equal, expected);
	assert_int_equal(same, expected);
	assert_int_equal(osy_sf_value_equal(p->type, p->scale, b, a), expected);
}

static void equal_values(void **state)
{
	static const struct pair pairs[] = {
		{OSY_T_DOUBLE, 2, "1.10", "1.1"},
		{OSY_T_DOUBLE, 0, "1E2", "100"},
		{OSY_T_DOUBLE, 0, "1e+2", "100.0"},
		{OSY_T_DOUBLE, 2, "1.0E7", "10000000"},
		{OSY_T_DOUBLE, 2, "-0", "0"},
		{OSY_T_DOUBLE, 2, "-0.0", "0.00"},
		{OSY_T_DOUBLE, 2, "-0.001", "0"},
		{OSY_T_CURRENCY, 2, "1.005", "1.01"},
		{OSY_T_CURRENCY, 2, "1.004999999999999999999", "1.00"},
		{OSY_T_CURRENCY, 2, "-1.005", "-1.01"},
		{OSY_T_CURRENCY, 2, "9.995", "10"},
		{OSY_T_CURRENCY, 0, "0.5", "1"},
		{OSY_T_CURRENCY, 0, "0.05", "0"},
		{OSY_T_CURRENCY, 0, "99.5", "1e2"},
		{OSY_T_CURRENCY, 2, "0.005", "0.01"},
		{OSY_T_CURRENCY, 2, "0.0049", "0"},
		{OSY_T_CURRENCY, 2, "5e-3", "1e-2"},
		{OSY_T_PERCENT, 18, "9007199254740993.000000000000000001",
			"9007199254740993.0000000000000000010"},
		{OSY_T_DOUBLE, 2, "\"1.10\"", "1.1"},
		{OSY_T_DOUBLE, 2, "1e-999999999999999999999", "0"},
		{OSY_T_INT, 5, "3.0", "3"},
		{OSY_T_LONG, 0, "9223372036854775807", "9223372036854775807.0"},
		{OSY_T_DATETIME, 0, "\"2026-11-24T17:03:05.000+0000\"", "\"2026-11-24T17:03:05Z\""},
		{OSY_T_DATETIME, 0, "\"2026-11-24T17:03:05.999Z\"",
			"\"2026-11-24T17:03:05.000+0000\""},
		{OSY_T_DATETIME, 0, "\"2026-11-24T19:33:05.000+02:30\"",
			"\"2026-11-24T17:03:05.000+0000\""},
		{OSY_T_DATETIME, 0, "\"2026-11-24T23:30:00-01:00\"",
			"\"2026-11-25T00:30:00.000Z\""},
		{OSY_T_DATETIME, 0, "\"1969-12-31T23:59:59.999Z\"",
			"\"1969-12-31T23:59:59.000+0000\""},
		{OSY_T_DATETIME, 0, "\"1700-03-01T00:00:00+0100\"",
			"\"1700-02-28T23:00:00.000+0000\""},
		{OSY_T_DATETIME, 0, "\"2024-03-01T00:30:00+0100\"",
			"\"2024-02-29T23:30:00.000+0000\""},
		{OSY_T_DATE, 0, "\"2026-11-24T00:00:00.000Z\"", "\"2026-11-24\""},
		{OSY_T_TIME, 0, "\"10:30:00.000Z\"", "\"10:30:00Z\""},
		{OSY_T_TIME, 0, "\"00:30:00.000+0100\"", "\"23:30:00.000Z\""},
		{OSY_T_STRING, 0, "\"caf\\u00e9\"", "\"caf\xc3\xa9\""},
		{OSY_T_STRING, 0, "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
		{OSY_T_STRING, 0, "\"a\\/b\"", "\"a/b\""},
		{OSY_T_STRING, 0, "\"  a b\\t\\n\"", "\"a b\""},
		{OSY_T_STRING, 0, "\"\\u0020a\"", "\"a\""},
		{OSY_T_STRING, 0, "\"\"", NULL},
		{OSY_T_STRING, 0, "\"  \\n\"", NULL},
		{OSY_T_STRING, 0, "null", NULL},
		{OSY_T_STRING, 0, "12", "\"12\""},
		{OSY_T_TEXTAREA, 0, "\"a\\r\\nb\\r\\n\"", "\"a\\nb\""},
		{OSY_T_TEXTAREA, 0, "\"a\\r\\n\\r\\nb\"", "\"a\\n\\nb\""},
		{OSY_T_MULTIPICKLIST, 0, "\"a;b;c\"", "\"c;a;b\""},
		{OSY_T_MULTIPICKLIST, 0, "\"a; b;a;\"", "\"b;a\""},
		{OSY_T_MULTIPICKLIST, 0, "\"\\u00e9;b\"", "\"b;\xc3\xa9\""},
		{OSY_T_MULTIPICKLIST, 0, "\";\"", NULL},
		{OSY_T_MULTIPICKLIST, 0, "\"a;\"", "\"a\""},
		{OSY_T_EMAIL, 0, "\"Bob@Example.COM\"", "\"bob@example.com\""},
		{OSY_T_REFERENCE, 0, "\"001D000000IqhSLIAZ\"", "\"001D000000IqhSL\""},
		{OSY_T_ID, 0, "\"001D000000IqhSLIAZ\"", "\" 001D000000IqhSL\""},
		{OSY_T_BOOLEAN, 0, "true", "\"true\""},
		{OSY_T_BOOLEAN, 0, NULL, "false"},
		{OSY_T_STRING, 0, "\"\\ud83d\"", "\"\\ud83d\""},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(pairs); i++)
		check(&pairs[i], true);
}

static void different_values(void **state)
{
	static const struct pair pairs[] = {
		{OSY_T_DOUBLE, 2, "1.11", "1.1"},
		{OSY_T_DOUBLE, 2, "-1", "1"},
		{OSY_T_DOUBLE, 2, "1e3", "1e2"},
		{OSY_T_DOUBLE, 2, "1e99999999999999999999", "1e2"},
		{OSY_T_DOUBLE, 2, "0", NULL},
		{OSY_T_DOUBLE, 2, "\"abc\"", "0"},
		{OSY_T_CURRENCY, 2, "1.005", "1.00"},
		{OSY_T_CURRENCY, 2, "2.675", "2.67"},
		{OSY_T_LONG, 0, "9007199254740993", "9007199254740992"},
		{OSY_T_DOUBLE, 18, "0.100000000000000001", "0.1"},
		{OSY_T_DATETIME, 0, "\"2026-11-24T17:03:05.000+0000\"",
			"\"2026-11-24T17:03:06.000+0000\""},
		{OSY_T_DATETIME, 0, "\"2026-11-24T17:03:05.000+0000\"",
			"\"2026-11-24T17:03:05.000+0100\""},
		{OSY_T_DATE, 0, "\"2026-11-24\"", "\"2026-11-25\""},
		{OSY_T_TIME, 0, "\"10:30:00.000Z\"", "\"10:30:00.001Z\""},
		{OSY_T_STRING, 0, "\"a\"", "\"A\""},
		{OSY_T_STRING, 0, "\"a  b\"", "\"a b\""},
		{OSY_T_STRING, 0, "\"a\\rb\"", "\"a\\nb\""},
		{OSY_T_STRING, 0, "\"null\"", NULL},
		{OSY_T_STRING, 0, "\"1.10\"", "\"1.1\""},
		{OSY_T_STRING, 0, "\"\xc2\xa0x\"", "\"x\""},
		{OSY_T_MULTIPICKLIST, 0, "\"a;b\"", "\"a;b;c\""},
		{OSY_T_MULTIPICKLIST, 0, "\"a;b\"", "\"ab\""},
		{OSY_T_PICKLIST, 0, "\"a;b\"", "\"b;a\""},
		{OSY_T_REFERENCE, 0, "\"001D000000IqhSLIAZ\"", "\"001D000000Iqhsl\""},
		{OSY_T_BOOLEAN, 0, NULL, "true"},
		{OSY_T_STRING, 0, "\"\\ud83d\"", "\"\\ud83e\""},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(pairs); i++)
		check(&pairs[i], false);
}

/* Decimals against integers: k thousandths rounded half up to hundredths, both signs, in several
 * spellings. */
static void rounding_agrees_with_integers(void **state)
{
	char exact[64], rounded[64], exponent[64];

	(void)state;
	for (int k = -3000; k <= 3000; k++) {
		const int magnitude = k < 0 ? -k : k, hundredths = (magnitude + 5) / 10;
		const char *sign = k < 0 ? "-" : "";
		snprintf(exact, sizeof(exact), "%s%d.%03d", sign, magnitude / 1000,
			magnitude % 1000);
		snprintf(exponent, sizeof(exponent), "%s%d00e-5", sign, magnitude);
		snprintf(rounded, sizeof(rounded), "%s%d.%02d", sign, hundredths / 100,
			hundredths % 100);
		check(&(struct pair){OSY_T_DOUBLE, 2, exact, rounded}, true);
		check(&(struct pair){OSY_T_DOUBLE, 2, exponent, rounded}, true);
		snprintf(rounded, sizeof(rounded), "%s%d.%02d", sign, (hundredths + 1) / 100,
			(hundredths + 1) % 100);
		check(&(struct pair){OSY_T_DOUBLE, 2, exact, rounded}, false);
	}
}

static void long_values(void **state)
{
	static char a[70000], b[70000], number[5000];

	(void)state;
	/* 131,072 characters is an org's longest text; this is past every inline buffer */
	memset(a, 'x', sizeof(a) - 1);
	a[0] = a[sizeof(a) - 2] = '"';
	memcpy(b, a, sizeof(b));
	b[1] = ' ';
	check(&(struct pair){OSY_T_TEXTAREA, 0, a, b}, false);
	b[1] = 'x';
	b[sizeof(b) - 3] = ' ';
	check(&(struct pair){OSY_T_TEXTAREA, 0, a, b}, false);
	memset(number, '9', sizeof(number) - 1);
	number[1] = '.';
	check(&(struct pair){OSY_T_DOUBLE, 2, number, "10"}, true);
	check(&(struct pair){OSY_T_DOUBLE, 4998, number, "10"}, false);
	for (size_t i = 1; i < sizeof(a) - 2; i++)
		a[i] = i % 2 ? 'a' : ';';
	check(&(struct pair){OSY_T_MULTIPICKLIST, 0, a, "\"a\""}, true);
}

static void what_is_no_json_does_no_harm(void **state)
{
	static const char *const odd[] = {"", "\"", "\"\\", "\"\\\"", "-", "+", ".", "e5", "1e",
		"1e+", "1.", "{}", "[", "\"\\u00\"", "\"2026-\"", "\"2026-13-01T00:00:00Z\"",
		"\"2026-11-24T\"", "\"2026-11-24T25:61\"", "\"2026-11-24T10:00:00+\"",
		"\"2026-11-24T10:00:00+0\"", "\"10:\"", "\"10:00:00.\"", ";;;"};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(odd); i++) {
		for (int type = 0; type <= OSY_T_CATEGORY; type++)
			check(&(struct pair){(enum osy_sf_type)type, 2, odd[i], odd[i]}, true);
	}
}

static void lock_parents(void **state)
{
	(void)state;
	assert_string_equal(osy_sf_lock_fields("Contact")[0], "AccountId");
	assert_null(osy_sf_lock_fields("Contact")[1]);
	assert_string_equal(osy_sf_lock_fields("opportunitylineitem")[0], "OpportunityId");
	assert_string_equal(osy_sf_lock_fields("CampaignMember")[0], "CampaignId");
	assert_null(osy_sf_lock_fields("Account")[0]);
	assert_null(osy_sf_lock_fields("Custom__c")[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_values),
		cmocka_unit_test(different_values),
		cmocka_unit_test(rounding_agrees_with_integers),
		cmocka_unit_test(long_values),
		cmocka_unit_test(what_is_no_json_does_no_harm),
		cmocka_unit_test(lock_parents),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
