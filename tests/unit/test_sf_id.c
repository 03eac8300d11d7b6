#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "osy/sf_id.h"

static void checksums_of_recorded_ids(void **state)
{
	/* from salesforce-wire.md section 2 and recorded describes */
	static const char *const ids[] = {"012000000000000AAA", "701E0000000JuFHIA0",
		"701E00000005ZqAIAU", "01gRO0000016PIAYA2", "001D000000IqhSLIAZ",
		"005D0000001KyEIIA0"};
	struct osy_id id;
	char text[19];

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		assert_true(osy_id_parse(osy_str(ids[i]), &id));
		osy_id_18(&id, text);
		assert_string_equal(text, ids[i]);
		assert_true(osy_id_parse((struct osy_str){ids[i], 15}, &id));
		osy_id_18(&id, text);
		assert_string_equal(text, ids[i]);
	}
}

static void what_is_no_id(void **state)
{
	static const char *const bad[] = {"", "001", "00100000000000", "0010000000000000",
		"012000000000000AAB", "012000000000000aaa", "012000000000000AA", "01200000000000-",
		"01200000000000\xc3\xa9", "0120000000 0000", "012000000000000AAAA",
		"701E0000000juFHIA0"};
	struct osy_id id;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(osy_id_parse(osy_str(bad[i]), &id));
	assert_false(osy_id_parse(OSY_STR_NULL, &id));
	assert_false(osy_id_parse((struct osy_str){"01200000000\000000", 15}, &id));
	assert_true(osy_id_parse_json(OSY_STR("\"012000000000000AAA\""), &id));
	assert_false(osy_id_parse_json(OSY_STR("012000000000000AAA"), &id));
	assert_false(osy_id_parse_json(OSY_STR("\"012000000000000AAA"), &id));
	assert_false(osy_id_parse_json(OSY_STR("null"), &id));
	assert_false(osy_id_parse_json(OSY_STR("\""), &id));
	assert_false(osy_id_parse_json(OSY_STR_NULL, &id));
}

static void none_is_empty(void **state)
{
	const struct osy_id none = {{0}};
	char text[19] = "x";

	(void)state;
	assert_false(osy_id_is_set(&none));
	osy_id_18(&none, text);
	assert_string_equal(text, "");
}

static void case_tells_ids_apart(void **state)
{
	struct osy_id a, b;

	(void)state;
	assert_true(osy_id_parse(OSY_STR("001D000000IqhSL"), &a));
	assert_true(osy_id_parse(OSY_STR("001D000000IqhSl"), &b));
	assert_false(osy_id_equal(&a, &b));
	assert_true(osy_id_parse(OSY_STR("001D000000IqhSLIAZ"), &b));
	assert_true(osy_id_equal(&a, &b));
}

static void round_trip(const char *text)
{
	unsigned char packed[OSY_ID_PACKED];
	struct osy_id id, back;

	assert_true(osy_id_parse(osy_str(text), &id));
	osy_id_pack(&id, packed);
	assert_true(osy_id_unpack(text, packed, &back));
	assert_string_equal(back.c, id.c);
}

static void packing_keeps_every_id(void **state)
{
	static const char alphabet[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	uint64_t seed = 42;
	char text[16] = "a0X";

	(void)state;
	round_trip("001000000000000");
	round_trip("001zzzzzzzzzzzz");
	round_trip("001zzzzzz000000");
	round_trip("001000000zzzzzz");
	for (unsigned n = 0; n < 100000; n++) {
		for (unsigned i = 3; i < 15; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			text[i] = alphabet[(seed >> 33) % 62];
		}
		round_trip(text);
	}
}

static void bad_packings_are_refused(void **state)
{
	unsigned char packed[OSY_ID_PACKED];
	struct osy_id id;

	(void)state;
	memset(packed, 0xff, sizeof(packed));
	assert_false(osy_id_unpack("001", packed, &id));
	memset(packed, 0, sizeof(packed));
	assert_true(osy_id_unpack("001", packed, &id));
	assert_string_equal(id.c, "001000000000000");
	assert_false(osy_id_unpack("0-1", packed, &id));
	packed[4] = 0x0f; /* the low half past 62^6 */
	packed[5] = 0xff;
	assert_false(osy_id_unpack("001", packed, &id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums_of_recorded_ids),
		cmocka_unit_test(what_is_no_id),
		cmocka_unit_test(none_is_empty),
		cmocka_unit_test(case_tells_ids_apart),
		cmocka_unit_test(packing_keeps_every_id),
		cmocka_unit_test(bad_packings_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
