/* coordinator: value maps and masks of a record on its way into the batch */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "mask.h"
#include "osy/clock.h"
#include "osy/mem.h"
#include "transform.h"

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static struct osy_transform *transform_of(const struct osy_spec_object *object, const char *key)
{
	OSY_AUTO(osy_secret_done) struct osy_secret secret = {0};
	struct osy_transform *transform = NULL;
	struct osy_err err = OSY_ERR_NONE;

	osy_secret_set(&secret, key, strlen(key));
	if (osy_transform_new(object, &secret, 0, &transform, &err))
		fail_msg("%s", err.msg);
	return transform;
}

/* What a rule makes of a raw value of a field of this type. */
static char *one(enum osy_sf_type type, struct osy_spec_rule rule, const char *raw, const char *key)
{
	struct osy_spec_field field = {
		.name = "F", .target = "F", .type = type, .scale = 2, .rule = &rule};
	struct osy_spec_object object = {.name = "O", .fields = &field, .field_count = 1};
	struct osy_transform *transform = transform_of(&object, key);
	struct osy_str value = osy_str(raw);
	const struct osy_str *got = osy_transform_row(transform, &value);
	char *text = got->p ? osy_xstrndup(got->p, got->len) : osy_xstrdup("(null)");

	osy_transform_free(transform);
	return text;
}

static void assert_becomes(
	enum osy_sf_type type, struct osy_spec_rule rule, const char *raw, const char *want)
{
	OSY_AUTO_FREE char *got = one(type, rule, raw, KEY_A);

	assert_string_equal(got, want);
}

static struct osy_spec_rule masked(enum osy_mask mask, enum osy_sf_type source)
{
	return (struct osy_spec_rule){.source_type = source, .mask = mask, .length = 80};
}

static void no_rules_no_transformation(void **state)
{
	struct osy_spec_field fields[] = {{.name = "A", .type = OSY_T_STRING}, {.name = "B"}};
	struct osy_spec_object object = {.fields = fields, .field_count = 2};

	(void)state;
	assert_null(transform_of(&object, KEY_A));
}

/* Fields without a rule are the slices that came; those with one are made anew, each for itself. */
static void a_row(void **state)
{
	static const struct osy_spec_value rating[] = {{"Hot", "\"Warm\""}};
	const struct osy_spec_rule values = {
		.source_type = OSY_T_PICKLIST, .values = rating, .value_count = 1};
	const struct osy_spec_rule hash = masked(OSY_MASK_HASH, OSY_T_STRING);
	struct osy_spec_field fields[] = {{.name = "A", .type = OSY_T_STRING, .rule = &hash},
		{.name = "B", .type = OSY_T_STRING},
		{.name = "C", .type = OSY_T_PICKLIST, .rule = &values},
		{.name = "D", .type = OSY_T_STRING, .rule = &hash}};
	struct osy_spec_object object = {.fields = fields, .field_count = OSY_COUNT(fields)};
	struct osy_transform *transform = transform_of(&object, KEY_A);
	struct osy_str row[] = {
		OSY_STR("\"one\""), OSY_STR("\"two\""), OSY_STR("\"Hot\""), OSY_STR("\"one\"")};

	(void)state;
	for (int i = 0; i < 3; i++) {
		const struct osy_str *got = osy_transform_row(transform, row);
		assert_ptr_equal(got[1].p, row[1].p);
		assert_true(osy_str_is(got[2], "\"Warm\""));
		assert_int_equal(got[0].len, 28);
		assert_true(osy_str_equal(got[0], got[3]));
	}
	osy_transform_free(transform);
}

static void value_maps(void **state)
{
	static const struct osy_spec_value map[] = {
		{"Hot", "\"Warm\""}, {"Ähm", "null"}, {"null", "\"None\""}, {"*", "\"Cold\""}};
	static const struct osy_spec_value flags[] = {{"Yes", "true"}, {"No", "false"}};
	static const struct osy_spec_value numbers[] = {{"5", "50"}, {"1000", "1"}};
	struct osy_spec_rule rule = {
		.source_type = OSY_T_PICKLIST, .values = map, .value_count = OSY_COUNT(map)};
	struct osy_spec_rule no_other = {
		.source_type = OSY_T_PICKLIST, .values = map, .value_count = 2};
	struct osy_spec_rule yes = {
		.source_type = OSY_T_PICKLIST, .values = flags, .value_count = 2};
	struct osy_spec_rule number = {
		.source_type = OSY_T_DOUBLE, .values = numbers, .value_count = 2};
	struct osy_spec_rule multi = {
		.source_type = OSY_T_MULTIPICKLIST, .values = map, .value_count = 2};

	(void)state;
	assert_becomes(OSY_T_PICKLIST, rule, "\"Hot\"", "\"Warm\"");
	assert_becomes(OSY_T_PICKLIST, rule, "\"H\\u006ft\"", "\"Warm\"");
	assert_becomes(OSY_T_PICKLIST, rule, "\"\\u00c4hm\"", "(null)");
	assert_becomes(OSY_T_PICKLIST, rule, "\"hot\"", "\"Cold\"");
	assert_becomes(OSY_T_PICKLIST, rule, "null", "\"None\"");
	assert_becomes(OSY_T_PICKLIST, no_other, "\"Else\"", "\"Else\"");
	assert_becomes(OSY_T_PICKLIST, no_other, "null", "null");
	assert_becomes(OSY_T_BOOLEAN, yes, "\"Yes\"", "true");
	assert_becomes(OSY_T_DOUBLE, number, "5.0", "50");
	assert_becomes(OSY_T_DOUBLE, number, "1E3", "1");
	assert_becomes(OSY_T_DOUBLE, number, "6", "6");
	assert_becomes(OSY_T_MULTIPICKLIST, multi, "\"A;Hot;B\"", "\"A;Warm;B\"");
	assert_becomes(OSY_T_MULTIPICKLIST, multi, "\"Ähm;Hot\"", "\"Warm\"");
	assert_becomes(OSY_T_MULTIPICKLIST, multi, "\"Ähm\"", "(null)");
}

static void assert_same(enum osy_sf_type type, const char *a, const char *b)
{
	OSY_AUTO_FREE char *x = one(type, masked(OSY_MASK_HASH, type), a, KEY_A);
	OSY_AUTO_FREE char *y = one(type, masked(OSY_MASK_HASH, type), b, KEY_A);

	assert_string_equal(x, y);
	assert_string_not_equal(x, a);
}

/* REST, Bulk and another spelling give the same. */
static void the_same_everywhere(void **state)
{
	(void)state;
	assert_same(OSY_T_STRING, "\"Bj\\u00f6rn\"", "\"Björn\"");
	assert_same(OSY_T_EMAIL, "\"Ann@Acme.com\"", "\"ann@acme.com\"");
	assert_same(OSY_T_DOUBLE, "3.5E8", "350000000.00");
	assert_same(OSY_T_CURRENCY, "12.50", "12.5");
	assert_same(
		OSY_T_DATETIME, "\"2024-02-03T04:05:06.000+0000\"", "\"2024-02-03T04:05:06.000Z\"");
	OSY_AUTO_FREE char *a =
		one(OSY_T_STRING, masked(OSY_MASK_HASH, OSY_T_STRING), "\"x@y.de\"", KEY_A);
	OSY_AUTO_FREE char *b =
		one(OSY_T_EMAIL, masked(OSY_MASK_HASH, OSY_T_EMAIL), "\"X@y.de\"", KEY_A);
	assert_string_equal(a, b);
}

static void another_key_another_value(void **state)
{
	static const enum osy_sf_type types[] = {
		OSY_T_STRING, OSY_T_EMAIL, OSY_T_PHONE, OSY_T_DATETIME};
	static const char *const values[] = {
		"\"Ann\"", "\"a@b.de\"", "\"+49 30 1234567\"", "\"2024-02-03T04:05:06.000Z\""};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(types); i++) {
		struct osy_spec_rule rule = masked(OSY_MASK_HASH, types[i]);
		OSY_AUTO_FREE char *a = one(types[i], rule, values[i], KEY_A);
		OSY_AUTO_FREE char *b = one(types[i], rule, values[i], KEY_B);
		assert_string_not_equal(a, b);
		assert_string_not_equal(a, values[i]);
	}
}

/* '0' in the form: a digit; 'a': a small letter or digit; else itself. */
static void assert_form(const char *text, const char *form)
{
	assert_int_equal(strlen(text), strlen(form));
	for (size_t i = 0; form[i]; i++) {
		bool digit = text[i] >= '0' && text[i] <= '9';
		bool good = form[i] == '0'   ? digit
			    : form[i] == 'a' ? digit || (text[i] >= 'a' && text[i] <= 'z')
					     : text[i] == form[i];
		if (!good)
			fail_msg("%s is not like %s", text, form);
	}
}

static void assert_hash(enum osy_sf_type type, const char *raw, const char *form)
{
	OSY_AUTO_FREE char *got = one(type, masked(OSY_MASK_HASH, type), raw, KEY_A);

	assert_form(got, form);
}

static void hashes_keep_the_form(void **state)
{
	struct osy_spec_rule shorter = masked(OSY_MASK_HASH, OSY_T_STRING);

	(void)state;
	assert_hash(OSY_T_EMAIL, "\"a@b.de\"", "\"aaaaaaaaaaaaaaaaaaaa@exaaple.com\"");
	assert_hash(OSY_T_URL, "\"www.acme.com\"", "\"https://exaaple.com/aaaaaaaaaaaaaaaaaaaa\"");
	assert_hash(OSY_T_PHONE, "\"+49 (30) 1234567\"", "\"+00 (00) 0000000\"");
	assert_hash(OSY_T_PHONE, "\"12 ext. é\"", "\"00 xxx. x\"");
	assert_hash(OSY_T_DATE, "\"2024-02-29\"", "\"2024-00-00\"");
	assert_hash(
		OSY_T_DATETIME, "\"1999-12-31T23:59:59.000+0000\"", "\"1999-00-00T00:00:00.000Z\"");
	assert_hash(OSY_T_TIME, "\"10:11:12.000Z\"", "\"00:00:00.000Z\"");
	assert_hash(OSY_T_CURRENCY, "-1234.56", "-0000.00");
	assert_hash(OSY_T_INT, "12", "00");
	assert_hash(OSY_T_INT, "1200", "0000");
	assert_hash(OSY_T_DOUBLE, "0.0051", "0.0000");
	assert_hash(OSY_T_DOUBLE, "1e200", "0.0e000");
	assert_becomes(OSY_T_INT, masked(OSY_MASK_HASH, OSY_T_INT), "0", "0");
	shorter.length = 7;
	OSY_AUTO_FREE char *text = one(OSY_T_STRING, shorter, "\"some text\"", KEY_A);
	assert_form(text, "\"aaaaaaa\"");
	/* what cannot be read is no value */
	assert_becomes(OSY_T_DATE, masked(OSY_MASK_HASH, OSY_T_DATE), "\"soon\"", "(null)");
	assert_becomes(OSY_T_DOUBLE, masked(OSY_MASK_HASH, OSY_T_DOUBLE), "\"many\"", "(null)");
}

static void no_day_stays(void **state)
{
	(void)state;
	for (int day = 1; day <= 28; day++) {
		for (int month = 1; month <= 12; month++) {
			char raw[32];
			(void)snprintf(raw, sizeof(raw), "\"1980-%02d-%02d\"", month, day);
			OSY_AUTO_FREE char *got =
				one(OSY_T_DATE, masked(OSY_MASK_HASH, OSY_T_DATE), raw, KEY_A);
			assert_string_not_equal(got, raw);
		}
	}
}

static void restricted_picklists(void **state)
{
	static const char *const choices[] = {"Red", "Green", "Blue"};
	struct osy_spec_rule rule = masked(OSY_MASK_HASH, OSY_T_PICKLIST);
	unsigned seen[3] = {0};
	char raw[32];

	(void)state;
	rule.choices = choices;
	rule.choice_count = 3;
	for (int i = 0; i < 60; i++) {
		(void)snprintf(raw, sizeof(raw), "\"v%d\"", i);
		OSY_AUTO_FREE char *got = one(OSY_T_PICKLIST, rule, raw, KEY_A);
		for (int c = 0; c < 3; c++)
			seen[c] += strncmp(got + 1, choices[c], strlen(choices[c])) == 0;
	}
	assert_int_equal(seen[0] + seen[1] + seen[2], 60);
	assert_true(seen[0] && seen[1] && seen[2]);
}

static int number_of(const char *text)
{
	struct osy_err err = OSY_ERR_NONE;
	int64_t n = 0;

	while (text[0] == '0' && text[1])
		text++;
	assert_int_equal(osy_parse_i64(osy_str(text), 0, 9999, &n, &err), OSY_OK);
	return (int)n;
}

/* No two numbers, phones or texts become one. */
static void unique_stays_unique(void **state)
{
	static unsigned char seen[10000];
	struct osy_spec_rule rule = masked(OSY_MASK_HASH, OSY_T_INT);
	char raw[32];

	(void)state;
	for (int i = 1000; i < 3000; i++) {
		(void)snprintf(raw, sizeof(raw), "%d", i);
		OSY_AUTO_FREE char *got = one(OSY_T_INT, rule, raw, KEY_A);
		int n = number_of(got);
		assert_in_range(n, 1000, 9999);
		assert_int_equal(seen[n]++, 0);
	}
}

static void digits_are_permuted(void **state)
{
	OSY_AUTO(osy_secret_done) struct osy_secret secret = {0};
	struct osy_mac *mac = NULL;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	osy_secret_set(&secret, KEY_A, strlen(KEY_A));
	assert_int_equal(osy_mac_new(&secret, "t", &mac, &err), OSY_OK);
	for (size_t count = 1, all = 10; count <= 4; count++, all *= 10) {
		OSY_AUTO_FREE unsigned char *seen = osy_xcalloc(all, 1);
		for (size_t i = 0; i < all; i++) {
			char text[32];
			(void)snprintf(text, sizeof(text), "%0*zu", (int)count, i);
			mask_digits(mac, text, count);
			assert_int_equal(seen[number_of(text)]++, 0);
		}
	}
	osy_mac_free(mac);
}

static void keep_last(void **state)
{
	struct osy_spec_rule rule = masked(OSY_MASK_KEEP_LAST, OSY_T_STRING);

	(void)state;
	rule.keep = 4;
	assert_becomes(OSY_T_STRING, rule, "\"4111-1111-1111-1234\"", "\"****-****-****-1234\"");
	assert_becomes(OSY_T_PHONE, rule, "\"+1 (555) 123-4567\"", "\"+0 (000) 000-4567\"");
	assert_becomes(
		OSY_T_EMAIL, rule, "\"ann.smithson@acme.com\"", "\"xxx.xxxxhson@example.com\"");
	assert_becomes(OSY_T_STRING, rule, "\"Müßiggang\"", "\"*****gang\"");
	/* never more than half */
	assert_becomes(OSY_T_STRING, rule, "\"12345\"", "\"***45\"");
	assert_becomes(OSY_T_STRING, rule, "\"1\"", "\"*\"");
	assert_becomes(OSY_T_STRING, rule, "\"\"", "(null)");
}

static void replace_pattern_null(void **state)
{
	struct osy_spec_rule replace = masked(OSY_MASK_REPLACE, OSY_T_STRING);
	struct osy_spec_rule pattern = masked(OSY_MASK_PATTERN, OSY_T_STRING);
	struct osy_spec_rule none = masked(OSY_MASK_NULL, OSY_T_STRING);

	(void)state;
	replace.text = "\"Confidential\"";
	assert_becomes(OSY_T_STRING, replace, "\"Ann\"", "\"Confidential\"");
	assert_becomes(OSY_T_STRING, replace, "null", "(null)");
	assert_becomes(OSY_T_STRING, none, "\"Ann\"", "(null)");
	pattern.text = "ID-\\##### ????^";
	OSY_AUTO_FREE char *a = one(OSY_T_STRING, pattern, "\"Ann\"", KEY_A);
	OSY_AUTO_FREE char *b = one(OSY_T_STRING, pattern, "\"Ann\"", KEY_A);
	OSY_AUTO_FREE char *c = one(OSY_T_STRING, pattern, "\"Bob\"", KEY_A);
	assert_string_equal(a, b);
	assert_string_not_equal(a, c);
	assert_int_equal(strlen(a), 16);
	assert_memory_equal(a, "\"ID-#", 5);
	assert_true(a[14] >= 'A' && a[14] <= 'Z');
}

static void shuffles(void **state)
{
	struct osy_spec_rule rule = masked(OSY_MASK_SHUFFLE, OSY_T_STRING);
	OSY_AUTO_FREE char *a = one(OSY_T_STRING, rule, "\"abcdefghij klmnöpqrst\"", KEY_A);
	OSY_AUTO_FREE char *b = one(OSY_T_STRING, rule, "\"abcdefghij klmnöpqrst\"", KEY_A);

	(void)state;
	assert_string_equal(a, b);
	assert_string_not_equal(a, "\"abcdefghij klmnöpqrst\"");
	assert_int_equal(strlen(a), 24);
	assert_non_null(strstr(a, "ö"));
	for (char c = 'a'; c <= 't'; c++)
		assert_true(c == 'o' || strchr(a, c));
	/* what has nothing to exchange is covered */
	assert_becomes(OSY_T_STRING, rule, "\"aaa\"", "\"***\"");
	assert_becomes(OSY_T_EMAIL, rule, "\"a@acme.com\"", "\"x@example.com\"");
}

/* The value map comes first, the mask works on what it made. */
static void map_then_mask(void **state)
{
	static const struct osy_spec_value map[] = {{"Hot", "\"Warm\""}, {"Out", "null"}};
	struct osy_spec_rule both = masked(OSY_MASK_KEEP_LAST, OSY_T_PICKLIST);

	(void)state;
	both.keep = 2;
	both.values = map;
	both.value_count = 2;
	assert_becomes(OSY_T_STRING, both, "\"Hot\"", "\"**rm\"");
	assert_becomes(OSY_T_STRING, both, "\"Out\"", "(null)");
}

static void speed(void **state)
{
	struct osy_spec_rule rule = masked(OSY_MASK_HASH, OSY_T_EMAIL);
	struct osy_spec_field field = {.name = "F", .type = OSY_T_EMAIL, .rule = &rule};
	struct osy_spec_object object = {.fields = &field, .field_count = 1};
	struct osy_transform *transform = transform_of(&object, KEY_A);
	struct osy_str value = OSY_STR("\"somebody@somewhere.example\"");
	int64_t began = osy_mono_ms();

	(void)state;
	for (int i = 0; i < 20000; i++)
		(void)osy_transform_row(transform, &value);
	print_message(
		"# 20000 e-mail addresses hashed in %lld ms\n", (long long)(osy_mono_ms() - began));
	osy_transform_free(transform);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_rules_no_transformation),
		cmocka_unit_test(a_row),
		cmocka_unit_test(value_maps),
		cmocka_unit_test(the_same_everywhere),
		cmocka_unit_test(another_key_another_value),
		cmocka_unit_test(hashes_keep_the_form),
		cmocka_unit_test(no_day_stays),
		cmocka_unit_test(restricted_picklists),
		cmocka_unit_test(unique_stays_unique),
		cmocka_unit_test(digits_are_permuted),
		cmocka_unit_test(keep_last),
		cmocka_unit_test(replace_pattern_null),
		cmocka_unit_test(shuffles),
		cmocka_unit_test(map_then_mask),
		cmocka_unit_test(speed),
	};

	return cmocka_run_group_tests_name("transform", tests, NULL, NULL);
}
