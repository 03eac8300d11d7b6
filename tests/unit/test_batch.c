/* The messages of a run's topic: what goes in comes out; what is cut, or has a byte changed, is
 * refused or harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "osy/batch.h"
#include "osy/intent.h"
#include "osy/mem.h"

static const char *const fields[] = {"Name", "ParentId", "Amount"};

static struct osy_id id_of(const char *text)
{
	struct osy_id id;

	assert_true(osy_id_parse(osy_str(text), &id));
	return id;
}

static void make(struct osy_buf *out, int rows)
{
	struct osy_batch_writer writer;

	osy_batch_writer_init(&writer);
	writer.head = (struct osy_batch_head){.pass = 1, .object = 3, .stage = 2};
	for (int i = 0; i < rows; i++) {
		char id[32], name[40];
		snprintf(id, sizeof(id), "001000000000%03d", i);
		snprintf(name, sizeof(name), "\"n %d \\u00e9\"", i);
		struct osy_id source = id_of(id);
		const struct osy_str values[] = {
			osy_str(name), OSY_STR_NULL, OSY_STR("1234567.10")};
		assert_true(osy_batch_fits(&writer, 60, 3));
		osy_batch_add(&writer, &source, values, 3);
	}
	osy_batch_finish(&writer, fields, 3, out);
	assert_int_equal(writer.head.count, 0);
	osy_batch_writer_done(&writer);
}

/* Reads the whole message; the number of rows, or -1 when it was refused. */
static int read_all(struct osy_str message)
{
	struct osy_arena arena;
	struct osy_batch_reader reader;
	struct osy_err err = OSY_ERR_NONE;
	enum osy_code rc;
	int rows = -1;

	osy_arena_init(&arena, 4096);
	if (!osy_batch_read(message, &arena, &reader, &err)) {
		struct osy_id source;
		struct osy_str *values =
			osy_arena_calloc(&arena, reader.field_count + 1, sizeof(*values));
		for (rows = 0; osy_batch_row(&reader, &source, values, &rc, &err); rows++)
			;
		if (rc)
			rows = -1;
	}
	osy_arena_done(&arena);
	return rows;
}

static void test_round_trip(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1u << 20);
	OSY_AUTO(osy_arena_done) struct osy_arena arena;
	struct osy_batch_reader reader;
	struct osy_err err = OSY_ERR_NONE;
	struct osy_str values[3];
	struct osy_id source;
	enum osy_code rc;

	(void)state;
	make(&out, 5);
	osy_arena_init(&arena, 4096);
	assert_int_equal(osy_batch_read(osy_buf_str(&out), &arena, &reader, &err), OSY_OK);
	assert_int_equal(reader.head.object, 3);
	assert_int_equal(reader.head.stage, 2);
	assert_int_equal(reader.head.count, 5);
	assert_int_equal(reader.field_count, 3);
	assert_true(osy_str_is(reader.fields[1], "ParentId"));
	for (int i = 0; i < 5; i++) {
		assert_true(osy_batch_row(&reader, &source, values, &rc, &err));
		assert_null(values[1].p);
		assert_true(osy_str_is(values[2], "1234567.10"));
	}
	assert_true(osy_str_is(values[0], "\"n 4 \\u00e9\""));
	assert_string_equal(source.c, "001000000000004");
	assert_false(osy_batch_row(&reader, &source, values, &rc, &err));
	assert_int_equal(rc, OSY_OK);
}

static void test_cut_anywhere(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1u << 20);

	(void)state;
	make(&out, 3);
	assert_int_equal(read_all(osy_buf_str(&out)), 3);
	for (size_t len = 0; len < out.len; len++) {
		/* A copy of exactly that size, so that a sanitizer sees a read past it. */
		OSY_AUTO_FREE char *copy = osy_xmalloc(len + 1);
		memcpy(copy, out.p, len);
		assert_int_equal(read_all((struct osy_str){copy, len}), -1);
	}
	osy_buf_addc(&out, 0);
	assert_int_equal(read_all(osy_buf_str(&out)), -1);
}

static void test_any_byte_changed(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1u << 20);

	(void)state;
	make(&out, 2);
	for (size_t i = 0; i < out.len; i++) {
		char before = out.p[i];
		for (int bit = 0; bit < 8; bit++) {
			out.p[i] = (char)(before ^ (1 << bit));
			assert_in_range(read_all(osy_buf_str(&out)) + 1, 0, 3);
		}
		out.p[i] = before;
	}
}

static void test_limits(void **state)
{
	struct osy_batch_writer writer;

	(void)state;
	osy_batch_writer_init(&writer);
	writer.head.count = OSY_BATCH_MAX_RECORDS;
	assert_false(osy_batch_fits(&writer, 1, 1));
	writer.head.count = 0;
	assert_false(osy_batch_fits(&writer, OSY_BATCH_MAX_BYTES, 1));
	assert_true(osy_batch_fits(&writer, 100000, 20));
	osy_batch_writer_done(&writer);
}

static void test_checkpoint(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1u << 20);
	struct osy_checkpoint a, b, other;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	osy_checkpoint_init(&a, 3, 2, 4);
	osy_checkpoint_init(&b, 3, 2, 4);
	osy_checkpoint_init(&other, 3, 2, 5);
	a.pass = 2;
	a.links_id = 77;
	a.stages_ended = 1;
	a.objects[1].published = 123456789012;
	a.objects[1].complete = true;
	memcpy(a.objects[2].frontier.last_id, "001000000000001AAA", 19);
	a.objects[0].published = 5;
	memcpy(a.objects[0].frontier.job, "750000000000001AAA", 19);
	memcpy(a.objects[0].frontier.locator, "L123", 5);
	a.objects[0].frontier.row = 24999;
	a.objects[1].frontier.again = true;
	a.ends[7] = 99;
	osy_checkpoint_write(&a, &out);
	assert_int_equal(osy_checkpoint_read(osy_buf_str(&out), &b, &err), OSY_OK);
	assert_int_equal(b.pass, 2);
	assert_int_equal(b.links_id, 77);
	assert_int_equal(b.stages_ended, 1);
	assert_true(b.objects[1].published == 123456789012 && b.objects[1].complete &&
		    !b.objects[0].complete);
	assert_string_equal(b.objects[2].frontier.last_id, "001000000000001AAA");
	assert_string_equal(b.objects[2].frontier.job, "");
	assert_string_equal(b.objects[0].frontier.job, "750000000000001AAA");
	assert_string_equal(b.objects[0].frontier.locator, "L123");
	assert_true(b.objects[0].published == 5 && b.objects[0].frontier.row == 24999);
	assert_true(b.objects[1].frontier.again && !b.objects[0].frontier.again);
	assert_int_equal(b.ends[7], 99);
	assert_int_equal(b.ends[6], -1);
	assert_int_equal(osy_checkpoint_read(osy_buf_str(&out), &other, &err), OSY_E_INVALID);
	for (size_t len = 0; len < out.len; len++)
		assert_int_equal(
			osy_checkpoint_read((struct osy_str){out.p, len}, &b, &err), OSY_E_INVALID);
	osy_checkpoint_done(&a);
	osy_checkpoint_done(&b);
	osy_checkpoint_done(&other);
}

/* As coordinators before Bulk wrote them: three members an object. */
static void test_old_checkpoint(void **state)
{
	static const char old[] = "\x86\xa1v\x01\xa4pass\x01\xa8links_id\x00\xacstages_ended\x00"
				  "\xa7objects\x91\x93\x07\xb2"
				  "001000000000001AAA\xc2\xa4"
				  "ends\x91\xff";
	struct osy_checkpoint checkpoint;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	osy_checkpoint_init(&checkpoint, 1, 1, 1);
	if (osy_checkpoint_read((struct osy_str){old, sizeof(old) - 1}, &checkpoint, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(checkpoint.objects[0].published, 7);
	assert_string_equal(checkpoint.objects[0].frontier.last_id, "001000000000001AAA");
	assert_string_equal(checkpoint.objects[0].frontier.job, "");
	assert_false(checkpoint.objects[0].complete || checkpoint.objects[0].frontier.again);
	osy_checkpoint_done(&checkpoint);
}

static void test_intent(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1u << 20);
	OSY_AUTO(osy_arena_done) struct osy_arena arena;
	struct osy_intent_row rows[4] = {{.action = OSY_ACT_NONE, .collection = -1},
		{.action = OSY_ACT_UPDATE, .collection = 4, .target = id_of("003000000000001")},
		{.action = OSY_ACT_INSERT,
			.collection = 0,
			.claim = 0xfedcba9876543210,
			.source = id_of("003000000000002")},
		{.action = OSY_ACT_DELETE, .collection = 1, .target = id_of("003000000000003")}};
	struct osy_intent intent = {4, rows}, back;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	osy_arena_init(&arena, 4096);
	osy_intent_write(&intent, &out);
	assert_int_equal(osy_intent_read(osy_buf_str(&out), &arena, &back, &err), OSY_OK);
	assert_int_equal(back.count, 4);
	assert_int_equal(back.rows[3].action, OSY_ACT_DELETE);
	assert_true(osy_id_equal(&back.rows[3].target, &rows[3].target));
	assert_int_equal(back.rows[0].action, OSY_ACT_NONE);
	assert_int_equal(back.rows[1].collection, 4);
	assert_true(osy_id_equal(&back.rows[1].target, &rows[1].target));
	assert_true(back.rows[2].claim == 0xfedcba9876543210);
	assert_true(osy_id_equal(&back.rows[2].source, &rows[2].source));
	for (size_t len = 0; len < out.len; len++)
		assert_int_not_equal(
			osy_intent_read((struct osy_str){out.p, len}, &arena, &back, &err), OSY_OK);
}

static void test_snapshot(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1u << 20);
	OSY_AUTO(osy_arena_done) struct osy_arena arena;
	const struct osy_str names[] = {OSY_STR("Name"), OSY_STR("Fax")};
	const struct osy_str values[] = {OSY_STR("\"before\""), OSY_STR_NULL};
	struct osy_snapshot_row row = {
		.row = 17, .target = id_of("003000000000001"), .values = values};
	struct osy_snapshot snapshot = {names, 2, 1, &row}, back;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	osy_arena_init(&arena, 4096);
	osy_snapshot_write(&snapshot, &out);
	assert_int_equal(osy_snapshot_read(osy_buf_str(&out), &arena, &back, &err), OSY_OK);
	assert_int_equal(back.count, 1);
	assert_int_equal(back.rows[0].row, 17);
	assert_true(osy_str_is(back.rows[0].values[0], "\"before\""));
	assert_null(back.rows[0].values[1].p);
	assert_true(osy_str_is(back.fields[1], "Fax"));
	for (size_t len = 0; len < out.len; len++)
		assert_int_not_equal(
			osy_snapshot_read((struct osy_str){out.p, len}, &arena, &back, &err),
			OSY_OK);
}

static void test_outcomes(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1u << 20);
	struct osy_outcome_row rows[4] = {
		{.outcome = OSY_INSERTED, .target = id_of("003000000000001")},
		{.outcome = OSY_FAILED}, {.outcome = OSY_PENDING},
		{.outcome = OSY_EXISTING, .target = id_of("003zzzzzzzzzzzz")}};
	struct osy_outcome_row back[4];
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	osy_outcomes_write(rows, 4, "003", &out);
	assert_int_equal(osy_outcomes_read(osy_buf_str(&out), "003", back, 4, &err), OSY_OK);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(back[i].outcome, rows[i].outcome);
		assert_int_equal(osy_id_is_set(&back[i].target), osy_id_is_set(&rows[i].target));
	}
	assert_true(osy_id_equal(&back[3].target, &rows[3].target));
	assert_int_not_equal(osy_outcomes_read(osy_buf_str(&out), "003", back, 3, &err), OSY_OK);
	for (size_t len = 0; len < out.len; len++)
		assert_int_not_equal(
			osy_outcomes_read((struct osy_str){out.p, len}, "003", back, 4, &err),
			OSY_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_any_byte_changed),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_checkpoint),
		cmocka_unit_test(test_old_checkpoint),
		cmocka_unit_test(test_intent),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_outcomes),
	};

	return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
