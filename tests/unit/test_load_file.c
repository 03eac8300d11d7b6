/* Whether two files are the same, by what both orgs say of them and what is known from before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load_file_internal.h"
#include "osy/clock.h"

#define AT(second) "\"2026-11-27T10:00:" second ".000+0000\""

static const struct osy_spec_field fields[] = {
	{.name = "Body", .target = "Body", .type = OSY_T_BASE64},
	{.name = "BodyLength", .target = "BodyLength", .type = OSY_T_INT},
	{.name = "LastModifiedDate", .target = "LastModifiedDate", .type = OSY_T_DATETIME},
	{.name = "Checksum", .target = "Checksum", .type = OSY_T_STRING},
};

struct side {
	const char *size, *changed, *sum;
};

static int64_t ms(const char *json)
{
	return osy_wall_parse(json + 1, strlen(json) - 2);
}

static enum osy_lbody_is compare(
	struct side source, struct side target, const char *known_source, const char *known_target)
{
	struct osy_lcolumn columns[] = {
		{&fields[0], -1}, {&fields[1], -1}, {&fields[2], -1}, {&fields[3], -1}};
	struct osy_spec_file file = {.body = 0,
		.size = source.size ? 1 : -1,
		.changed = 2,
		.sum = source.sum ? 3 : -1,
		.document = -1};
	struct osy_spec_object object = {.fields = fields, .file = &file};
	struct osy_lbatch batch = {.object = &object, .columns = columns, .column_count = 4};
	struct osy_str values[] = {osy_str("\"/x\""), osy_str(source.size), osy_str(source.changed),
		osy_str(source.sum)};
	struct osy_str before[] = {osy_str("\"/y\""), osy_str(target.size), osy_str(target.changed),
		osy_str(target.sum)};
	struct osy_lrow row = {.values = values, .before = before};
	struct osy_lknown known;

	if (known_source) {
		known = (struct osy_lknown){
			.source_changed = ms(known_source), .target_changed = ms(known_target)};
		row.known = &known;
	}
	file.verify = target.sum && !source.sum; /* a test says it so */
	return osy_lfile_body_is(&batch, &row);
}

static void by_checksum(void **state)
{
	(void)state;
	assert_int_equal(compare((struct side){"5", AT("01"), "\"ab\""},
				 (struct side){"5", AT("09"), "\"AB\""}, NULL, NULL),
		OSY_LBODY_SAME);
	assert_int_equal(compare((struct side){"5", AT("01"), "\"ab\""},
				 (struct side){"5", AT("09"), "\"ac\""}, NULL, NULL),
		OSY_LBODY_OTHER);
}

static void by_stamps(void **state)
{
	static const struct {
		const char *source, *target, *known_source, *known_target;
		bool other_size, verify;
		enum osy_lbody_is is;
	} cases[] = {
		/* nothing is known of them */
		{AT("01"), AT("02"), NULL, NULL, false, false, OSY_LBODY_SAME},
		{AT("03"), AT("02"), NULL, NULL, false, false, OSY_LBODY_OTHER},
		{AT("01"), AT("02"), NULL, NULL, false, true, OSY_LBODY_UNSURE},
		{AT("03"), AT("02"), NULL, NULL, false, true, OSY_LBODY_OTHER},
		{AT("01"), AT("02"), NULL, NULL, true, true, OSY_LBODY_OTHER},
		/* they are as they were, whatever the orgs' clocks say */
		{AT("01"), AT("02"), AT("01"), AT("02"), false, true, OSY_LBODY_SAME},
		{AT("03"), AT("02"), AT("03"), AT("02"), false, false, OSY_LBODY_SAME},
		/* the target was touched */
		{AT("01"), AT("05"), AT("01"), AT("02"), false, false, OSY_LBODY_UNSURE},
		{AT("01"), AT("05"), AT("01"), AT("02"), true, false, OSY_LBODY_OTHER},
		/* the source was */
		{AT("03"), AT("02"), AT("01"), AT("02"), false, false, OSY_LBODY_OTHER},
		/* both were, the target later */
		{AT("03"), AT("05"), AT("01"), AT("02"), false, false, OSY_LBODY_UNSURE},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++)
		assert_int_equal(
			compare((struct side){"5", cases[i].source, NULL},
				(struct side){cases[i].other_size ? "6" : "5", cases[i].target,
					cases[i].verify ? "\"verify\"" : NULL},
				cases[i].known_source, cases[i].known_target),
			cases[i].is);
}

/* Where no record tells a size, nothing but what is known of both makes them the same. */
static void without_size(void **state)
{
	(void)state;
	assert_int_equal(compare((struct side){NULL, AT("01"), NULL},
				 (struct side){NULL, AT("02"), NULL}, NULL, NULL),
		OSY_LBODY_UNSURE);
	assert_int_equal(compare((struct side){NULL, AT("03"), NULL},
				 (struct side){NULL, AT("02"), NULL}, NULL, NULL),
		OSY_LBODY_UNSURE);
	assert_int_equal(compare((struct side){NULL, AT("01"), NULL},
				 (struct side){NULL, AT("02"), NULL}, AT("01"), AT("02")),
		OSY_LBODY_SAME);
	assert_int_equal(compare((struct side){NULL, AT("01"), NULL},
				 (struct side){NULL, AT("04"), NULL}, AT("01"), AT("02")),
		OSY_LBODY_UNSURE);
	assert_int_equal(compare((struct side){NULL, AT("03"), NULL},
				 (struct side){NULL, AT("02"), NULL}, AT("01"), AT("02")),
		OSY_LBODY_UNSURE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(by_checksum),
		cmocka_unit_test(by_stamps), cmocka_unit_test(without_size)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
