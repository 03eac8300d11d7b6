/* schemas: the spec of a run */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "osy/spec.h"

static const struct osy_spec_field fields[] = {
	{.name = "Name", .target = "Name", .type = OSY_T_STRING, .createable = true},
	{.name = "A__c", .target = "B__c", .type = OSY_T_REFERENCE, .link = true},
	{.name = "C__c", .target = "C__c", .type = OSY_T_REFERENCE, .required = true},
};

static const struct osy_spec_object object = {.name = "Thing__c",
	.target = "Thing__c",
	.prefix = "a00",
	.target_prefix = "a01",
	.stage = 1,
	.insert = true,
	.batch_size = 200,
	.lanes = 3,
	.lock_field = 1,
	.order_field = 2,
	.limit = 10000000000,
	.fields = fields,
	.field_count = 3};

static void write_spec(const struct osy_spec_object *of, struct osy_buf *out)
{
	struct osy_spec spec = {.run = "r1",
		.source = "src",
		.target = "dst",
		.pair = 7,
		.lanes = 3,
		.stages = 1,
		.objects = of,
		.object_count = 1};

	osy_spec_write(&spec, out);
}

static void comes_back_as_it_was(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
	struct osy_spec *spec = NULL;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	write_spec(&object, &out);
	if (osy_spec_read(osy_buf_str(&out), &spec, &err))
		fail_msg("%s", err.msg);
	const struct osy_spec_object *got = &spec->objects[0];
	assert_string_equal(spec->run, "r1");
	assert_int_equal(spec->pair, 7);
	assert_string_equal(got->target_prefix, "a01");
	assert_true(got->insert && !got->update);
	assert_int_equal(got->lock_field, 1);
	assert_int_equal(got->order_field, 2);
	assert_true(got->limit == 10000000000);
	assert_null(got->where);
	assert_int_equal(got->field_count, 3);
	assert_string_equal(got->fields[1].target, "B__c");
	assert_true(got->fields[1].link && got->fields[2].required);
	assert_int_equal(got->fields[2].type, OSY_T_REFERENCE);
	osy_spec_free(spec);
}

/* A program that knows no deletes would insert what is to be deleted: it refuses the spec. */
static void deletes_come_back(void **state)
{
	static const struct osy_spec_child children[] = {{"Contact", "AccountId", ""}};
	struct osy_spec_object of = object;
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
	struct osy_spec *spec = NULL;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	of.deletes = true;
	of.since = 1795792440123;
	of.children = children;
	of.child_count = 1;
	write_spec(&of, &out);
	assert_non_null(strstr(out.p, "\"v\":3"));
	assert_int_equal(osy_spec_read(osy_buf_str(&out), &spec, &err), OSY_OK);
	const struct osy_spec_object *got = &spec->objects[0];
	assert_true(got->deletes && got->since == of.since);
	assert_int_equal(got->child_count, 1);
	assert_string_equal(got->children[0].object, "Contact");
	assert_string_equal(got->children[0].field, "AccountId");
	/* nothing waits for what is deleted */
	assert_int_equal(osy_spec_last_stage(spec, "a00"), 0);
	osy_spec_free(spec);
}

/* A program that knows no hooks would publish what nobody was asked about. */
static void hooks_come_back(void **state)
{
	static const int seen[] = {0, 2}, beyond[] = {3};
	struct osy_spec_hook hook = {.name = "clean",
		.early = true,
		.timeout_ms = 5000,
		.fields = seen,
		.field_count = 2};
	struct osy_spec_object of = object;
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
	struct osy_spec *spec = NULL;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	of.hook = &hook;
	write_spec(&of, &out);
	assert_non_null(strstr(out.p, "\"v\":7"));
	assert_int_equal(osy_spec_read(osy_buf_str(&out), &spec, &err), OSY_OK);
	const struct osy_spec_hook *got = spec->objects[0].hook;
	assert_string_equal(got->name, "clean");
	assert_true(got->early && got->timeout_ms == 5000);
	assert_int_equal(got->field_count, 2);
	assert_int_equal(got->fields[1], 2);
	osy_spec_free(spec);
	hook.fields = beyond;
	hook.field_count = 1;
	osy_buf_reset(&out);
	write_spec(&of, &out);
	assert_int_equal(osy_spec_read(osy_buf_str(&out), &spec, &err), OSY_E_INTERNAL);
}

static const char *spec_with(const struct osy_spec_input *inputs, size_t count, int extra,
	struct osy_spec **ret, struct osy_err *err)
{
	static const struct osy_spec_rule rule = {
		.source_type = OSY_T_STRING, .expression = "UPPER(Name) & Other__c & Id"};
	static const struct osy_spec_field made[] = {
		{.name = "Name", .target = "Name", .type = OSY_T_STRING},
		{.name = "=Fax", .target = "Fax", .type = OSY_T_STRING, .rule = &rule}};
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
	struct osy_spec_object with = object;

	with.fields = made;
	with.field_count = 2;
	with.lock_field = with.order_field = -1;
	with.inputs = inputs;
	with.input_count = count;
	with.extra = extra;
	write_spec(&with, &out);
	return osy_spec_read(osy_buf_str(&out), ret, err) ? err->msg : NULL;
}

static void expressions_come_back(void **state)
{
	static const struct osy_spec_input inputs[] = {{"Name", OSY_T_STRING, 0},
		{"Other__c", OSY_T_DOUBLE, 2}, {"Id", OSY_T_ID, OSY_COLUMN_ID}};
	struct osy_spec *spec = NULL;
	struct osy_err err = OSY_ERR_NONE;
	enum osy_sf_type type;

	(void)state;
	assert_null(spec_with(inputs, 3, 1, &spec, &err));
	const struct osy_spec_object *got = &spec->objects[0];
	assert_string_equal(got->fields[1].rule->expression, "UPPER(Name) & Other__c & Id");
	assert_int_equal(osy_spec_columns(got), 3);
	assert_string_equal(osy_spec_column(got, 0, &type), "Name");
	assert_null(osy_spec_column(got, 1, &type));
	assert_string_equal(osy_spec_column(got, 2, &type), "Other__c");
	assert_int_equal(type, OSY_T_DOUBLE);
	osy_spec_free(spec);
	/* a column that nothing is read into, one too many, one that no row has */
	assert_non_null(spec_with(inputs, 1, 1, &spec, &err));
	assert_non_null(spec_with(inputs, 3, 2, &spec, &err));
	assert_non_null(spec_with(inputs, 3, 0, &spec, &err));
}

static void rules_come_back(void **state)
{
	static const struct osy_spec_value values[] = {{"Hot", "\"Warm\""}, {"null", "true"}};
	static const char *const choices[] = {"A", "B"};
	static const struct osy_spec_rule rule = {.source_type = OSY_T_PICKLIST,
		.length = 40,
		.values = values,
		.value_count = 2,
		.mask = OSY_MASK_KEEP_LAST,
		.keep = 4,
		.text = "t",
		.choices = choices,
		.choice_count = 2};
	struct osy_spec_field ruled[3];
	struct osy_spec_object of = object;
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
	struct osy_spec *spec = NULL;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	memcpy(ruled, fields, sizeof(ruled));
	ruled[0].rule = &rule;
	of.fields = ruled;
	write_spec(&of, &out);
	/* a program that knows no rules refuses it */
	assert_non_null(strstr(out.p, "\"v\":2"));
	assert_int_equal(osy_spec_read(osy_buf_str(&out), &spec, &err), OSY_OK);
	const struct osy_spec_rule *got = spec->objects[0].fields[0].rule;
	assert_non_null(got);
	assert_null(spec->objects[0].fields[1].rule);
	assert_int_equal(got->source_type, OSY_T_PICKLIST);
	assert_int_equal(got->length, 40);
	assert_int_equal(got->value_count, 2);
	assert_string_equal(got->values[1].from, "null");
	assert_string_equal(got->values[1].to, "true");
	assert_int_equal(got->mask, OSY_MASK_KEEP_LAST);
	assert_int_equal(got->keep, 4);
	assert_string_equal(got->text, "t");
	assert_string_equal(got->choices[1], "B");
	osy_spec_free(spec);
	/* a mask that nobody knows hides all */
	memcpy(strstr(out.p, "keep-last"), "keep-liar", 9);
	assert_int_equal(osy_spec_read(osy_buf_str(&out), &spec, &err), OSY_OK);
	assert_int_equal(spec->objects[0].fields[0].rule->mask, OSY_MASK_NULL);
	osy_spec_free(spec);
}

static void policies_come_back(void **state)
{
	struct osy_spec_field with[3];
	struct osy_spec_object of = object;
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
	struct osy_spec *spec = NULL;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	memcpy(with, fields, sizeof(with));
	with[0].kind = OSY_KIND_PERSON;
	with[1].missing = OSY_MISSING_WAIT;
	with[1].to_several = true;
	of.fields = with;
	of.waits = of.person_contact = true;
	of.person_field = 0;
	of.waiting_leg = -1;
	of.currency = "EUR";
	write_spec(&of, &out);
	/* a program that knows no policies refuses it */
	assert_non_null(strstr(out.p, "\"v\":4"));
	assert_int_equal(osy_spec_read(osy_buf_str(&out), &spec, &err), OSY_OK);
	const struct osy_spec_object *got = &spec->objects[0];
	assert_int_equal(got->fields[0].kind, OSY_KIND_PERSON);
	assert_int_equal(got->fields[1].missing, OSY_MISSING_WAIT);
	assert_true(got->fields[1].to_several && !got->fields[2].to_several);
	assert_true(got->waits && got->person_contact);
	assert_true(got->person_field == 0 && got->waiting_leg == -1 && got->waiting_of == 0);
	assert_string_equal(got->currency, "EUR");
	osy_spec_free(spec);
	/* a leg that is not there */
	of.waiting_leg = 1;
	osy_buf_reset(&out);
	write_spec(&of, &out);
	assert_int_not_equal(osy_spec_read(osy_buf_str(&out), &spec, &err), OSY_OK);
}

static void levels_come_back(void **state)
{
	struct osy_spec_field with[3];
	struct osy_spec_object of = object;
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
	struct osy_spec *spec = NULL;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	memcpy(with, fields, sizeof(with));
	with[1].level = true;
	of.fields = with;
	of.levels = 1;
	of.circles = true;
	write_spec(&of, &out);
	/* a program that knows no levels refuses it */
	assert_non_null(strstr(out.p, "\"v\":9"));
	assert_int_equal(osy_spec_read(osy_buf_str(&out), &spec, &err), OSY_OK);
	const struct osy_spec_object *got = &spec->objects[0];
	assert_true(got->fields[1].level && !got->fields[0].level);
	assert_true(got->levels == 1 && got->circles);
	assert_int_equal(osy_spec_object_last(got), got->stage);
	osy_spec_free(spec);
	/* more levels than there are stages */
	of.levels = 100;
	osy_buf_reset(&out);
	write_spec(&of, &out);
	assert_int_not_equal(osy_spec_read(osy_buf_str(&out), &spec, &err), OSY_OK);
}

/* Specs of runs that were scanned before there was an order. */
static void without_an_order(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
	struct osy_spec *spec = NULL;
	struct osy_err err = OSY_ERR_NONE;
	static const char member[] = "\"order_field\":2,";

	(void)state;
	write_spec(&object, &out);
	char *at = strstr(out.p, member);
	assert_non_null(at);
	memset(at, ' ', sizeof(member) - 1);
	if (osy_spec_read(osy_buf_str(&out), &spec, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(spec->objects[0].order_field, -1);
	osy_spec_free(spec);
}

static void indexes_are_checked(void **state)
{
	static const int wrong[][2] = {{3, -1}, {-2, -1}, {-1, 3}, {-1, -2}};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
		struct osy_spec_object bad = object;
		struct osy_spec *spec = NULL;
		struct osy_err err = OSY_ERR_NONE;
		bad.lock_field = wrong[i][0];
		bad.order_field = wrong[i][1];
		write_spec(&bad, &out);
		assert_int_equal(osy_spec_read(osy_buf_str(&out), &spec, &err), OSY_E_INTERNAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(deletes_come_back),
		cmocka_unit_test(hooks_come_back),
		cmocka_unit_test(expressions_come_back),
		cmocka_unit_test(rules_come_back),
		cmocka_unit_test(policies_come_back),
		cmocka_unit_test(levels_come_back),
		cmocka_unit_test(without_an_order),
		cmocka_unit_test(indexes_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
