/* The truth table of compare, and what of it is kept in Postgres before anything is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "load_internal.h"

#define FIELDS 4

/* A batch of rows by hand, as decode and match leave them. */
struct world {
	struct osy_worker worker;
	struct osy_loader loader;
	struct osy_load load;
	struct osy_wlane lane;
	struct osy_wrun run;
	struct osy_spec spec;
	struct osy_spec_object object;
	struct osy_spec_field fields[FIELDS];
	struct osy_lcolumn columns[FIELDS];
	struct osy_lrow rows[1000];
	struct osy_lbatch batch;
};

static int begin(void **state)
{
	static const char *const names[FIELDS] = {"Name", "Amount", "Note", "Code"};
	struct world *w = osy_xcalloc(1, sizeof(*w));

	for (int i = 0; i < FIELDS; i++) {
		w->fields[i] = (struct osy_spec_field){.name = names[i],
			.target = names[i],
			.type = i == 1 ? OSY_T_DOUBLE : OSY_T_STRING,
			.scale = 2,
			.createable = true,
			.updateable = i != 3,
			.nillable = i != 0};
		w->columns[i] = (struct osy_lcolumn){&w->fields[i], -1};
	}
	w->object = (struct osy_spec_object){.name = "Thing",
		.target = "Thing",
		.prefix = "001",
		.target_prefix = "001",
		.stage = 1,
		.insert = true,
		.update = true,
		.batch_size = 200,
		.lock_field = -1,
		.order_field = -1,
		.fields = w->fields,
		.field_count = FIELDS};
	w->spec.objects = &w->object;
	w->spec.object_count = 1;
	w->spec.snapshots = true;
	w->run.spec = &w->spec;
	w->lane.run = &w->run;
	w->loader.worker = &w->worker;
	w->load.loader = &w->loader;
	w->load.lane = &w->lane;
	w->batch.load = &w->load;
	w->batch.object = &w->object;
	w->batch.columns = w->columns;
	w->batch.column_count = FIELDS;
	w->batch.rows = w->rows;
	w->batch.head.stage = 1;
	osy_arena_init(&w->batch.arena, 65536);
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	osy_arena_done(&w->batch.arena);
	free(w);
	return 0;
}

static struct osy_str *strs(
	struct world *w, const char *a, const char *b, const char *c, const char *d)
{
	struct osy_str *v = osy_arena_calloc(&w->batch.arena, FIELDS, sizeof(*v));

	v[0] = osy_str(a);
	v[1] = osy_str(b);
	v[2] = osy_str(c);
	v[3] = osy_str(d);
	return v;
}

static struct osy_lrow *add_row(struct world *w, bool found)
{
	unsigned n = w->batch.row_count++;
	struct osy_lrow *row = &w->rows[n];

	snprintf(row->source.c, sizeof(row->source.c), "001%012u", n);
	row->ask = true;
	row->collection = -1;
	row->values = strs(w, "\"a\"", "1.50", NULL, "\"k\"");
	if (found) {
		snprintf(row->target.c, sizeof(row->target.c), "001%012u", 500 + n);
		row->before = strs(w, "\"a\"", "1.5", "\"old\"", "\"other\"");
	}
	return row;
}

static void check(
	struct world *w, struct osy_lrow *row, enum osy_outcome outcome, enum osy_action action)
{
	osy_load_compare(&w->batch);
	assert_int_equal(row->outcome, outcome);
	assert_int_equal(row->action, action);
	assert_int_equal(w->batch.step, OSY_STEP_READY);
}

static void none_is_inserted(void **state)
{
	struct world *w = *state;

	check(w, add_row(w, false), OSY_PENDING, OSY_ACT_INSERT);
}

static void none_is_skipped_when_insert_is_off(void **state)
{
	struct world *w = *state;

	w->object.insert = false;
	check(w, add_row(w, false), OSY_SKIPPED, OSY_ACT_NONE);
}

static void none_of_a_match_only_object_is_skipped(void **state)
{
	struct world *w = *state;

	w->object.match_only = true;
	check(w, add_row(w, false), OSY_SKIPPED, OSY_ACT_NONE);
}

/* Null does not write over a value, and a field that cannot be updated is not compared. */
static void equal_is_existing(void **state)
{
	struct world *w = *state;
	struct osy_lrow *row = add_row(w, true);

	check(w, row, OSY_EXISTING, OSY_ACT_NONE);
	assert_true(row->put);
}

static void what_is_mapped_already_is_not_put_again(void **state)
{
	struct world *w = *state;
	struct osy_lrow *row = add_row(w, true);

	row->mapped = true;
	check(w, row, OSY_EXISTING, OSY_ACT_NONE);
	assert_false(row->put);
}

static void different_is_updated_in_what_differs(void **state)
{
	struct world *w = *state;
	struct osy_lrow *row = add_row(w, true);

	row->values[1] = OSY_STR("2");
	check(w, row, OSY_PENDING, OSY_ACT_UPDATE);
	assert_int_equal(row->written[0], 1u << 1);
}

static void different_is_existing_when_update_is_off(void **state)
{
	struct world *w = *state;
	struct osy_lrow *row = add_row(w, true);

	w->object.update = false;
	row->values[1] = OSY_STR("2");
	check(w, row, OSY_EXISTING, OSY_ACT_NONE);
}

static void nulls_are_written_on_demand(void **state)
{
	struct world *w = *state;
	struct osy_lrow *row = add_row(w, true);

	w->object.write_nulls = true;
	row->values[0] = OSY_STR_NULL; /* Name cannot be null */
	check(w, row, OSY_PENDING, OSY_ACT_UPDATE);
	assert_int_equal(row->written[0], 1u << 2);
}

static void nulls_of_one_field(void **state)
{
	struct world *w = *state;
	struct osy_lrow *row = add_row(w, true);

	row->values[1] = OSY_STR_NULL; /* ignored */
	row->values[2] = OSY_STR_NULL;
	w->fields[2].write_nulls = true;
	check(w, row, OSY_PENDING, OSY_ACT_UPDATE);
	assert_int_equal(row->written[0], 1u << 2);
}

static void what_is_left_out_is_never_blanked(void **state)
{
	struct world *w = *state;
	struct osy_lrow *row = add_row(w, true);

	w->object.write_nulls = true;
	row->values[2] = osy_left_out;
	check(w, row, OSY_EXISTING, OSY_ACT_NONE);
}

static void unknown_is_never_sent(void **state)
{
	struct world *w = *state;
	struct osy_lrow *row = add_row(w, false);

	row->unknown = true;
	check(w, row, OSY_FAILED, OSY_ACT_NONE);
	assert_true(osy_str_is(w->batch.failures->code, OSY_FAIL_OUTCOME_UNKNOWN));
}

static void given_up_is_not_sent(void **state)
{
	struct world *w = *state;
	struct osy_lrow *row = add_row(w, false);

	w->batch.given_up = true;
	check(w, row, OSY_FAILED, OSY_ACT_NONE);
	assert_true(osy_str_is(w->batch.failures->code, OSY_FAIL_CRASHED));
}

static void our_own_update_counts_as_one(void **state)
{
	struct world *w = *state;
	struct osy_lrow *row = add_row(w, true);

	row->was_update = true;
	check(w, row, OSY_UPDATED, OSY_ACT_NONE);
}

static void second_of_two_twins_fails(void **state)
{
	struct world *w = *state;
	struct osy_lrow *first = add_row(w, true), *second = add_row(w, true);

	second->target = first->target;
	osy_load_compare(&w->batch);
	assert_int_equal(first->outcome, OSY_EXISTING);
	assert_int_equal(second->outcome, OSY_FAILED);
	assert_true(osy_str_is(w->batch.failures->code, OSY_FAIL_KEY_CLAIMED));
	assert_non_null(strstr(w->batch.failures->message.p, "001000000000000"));
}

/* ---- Plan ---- */
static void inserts_and_updates_go_apart(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 450; i++) {
		struct osy_lrow *row = add_row(w, i % 3 == 0);
		row->action = i % 3 ? OSY_ACT_INSERT : OSY_ACT_UPDATE;
	}
	osy_load_plan(&w->batch, NULL);
	assert_int_equal(w->batch.collections, 3);
	assert_int_equal(w->batch.starts[1], 200);
	assert_int_equal(w->batch.starts[2], 300);
	assert_int_equal(w->batch.starts[3], 450);
	for (unsigned at = 0; at < 450; at++) {
		const struct osy_lrow *row = &w->rows[w->batch.order[at]];
		assert_int_equal(row->action, at < 300 ? OSY_ACT_INSERT : OSY_ACT_UPDATE);
		assert_int_equal(row->collection, at < 200 ? 0 : at < 300 ? 1 : 2);
	}
}

static void rows_of_a_smaller_unit_go_apart(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 100; i++) {
		struct osy_lrow *row = add_row(w, false);
		row->action = OSY_ACT_INSERT;
		row->unit = i >= 60 ? 20 : 0;
	}
	w->rows[10].outcome = OSY_INSERTED;
	osy_load_plan(&w->batch, NULL);
	assert_int_equal(w->batch.collections, 3);
	assert_int_equal(w->batch.starts[1], 59);
	assert_int_equal(w->batch.starts[2], 79);
	assert_int_equal(w->batch.starts[3], 99);
}

/* ---- Packing ---- */
static void intent_says_what_may_happen(void **state)
{
	struct world *w = *state;
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(65536);
	struct osy_intent intent;
	struct osy_err err = OSY_ERR_NONE;

	add_row(w, false);
	add_row(w, true)->values[1] = OSY_STR("9");
	add_row(w, true);
	add_row(w, false)->claimed = true;
	w->rows[3].key = 77;
	osy_load_compare(&w->batch);
	osy_load_plan(&w->batch, NULL);
	osy_load_intent_pack(&w->batch, false, &out);
	assert_int_equal(osy_intent_read(osy_buf_str(&out), &w->batch.arena, &intent, &err), 0);
	assert_int_equal(intent.count, 4);
	assert_int_equal(intent.rows[0].action, OSY_ACT_INSERT);
	assert_int_equal(intent.rows[0].collection, 0);
	assert_int_equal(intent.rows[1].action, OSY_ACT_UPDATE);
	assert_int_equal(intent.rows[1].collection, 1);
	assert_true(osy_id_equal(&intent.rows[1].target, &w->rows[1].target));
	assert_int_equal(intent.rows[2].action, OSY_ACT_NONE);
	assert_int_equal(intent.rows[3].claim, 77);
	assert_true(osy_id_equal(&intent.rows[3].source, &w->rows[3].source));
}

/* What is not under way is withdrawn; what may have happened stays. */
static void withdrawn_intent_keeps_doubts(void **state)
{
	struct world *w = *state;
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(65536);
	struct osy_intent intent;
	struct osy_err err = OSY_ERR_NONE;

	for (int i = 0; i < 3; i++)
		add_row(w, false)->action = OSY_ACT_INSERT;
	w->rows[1].doubt = w->rows[1].lost = true;
	w->rows[2].lost = w->rows[2].keyed = true;
	w->rows[0].ask = false;
	osy_load_intent_pack(&w->batch, true, &out);
	assert_int_equal(osy_intent_read(osy_buf_str(&out), &w->batch.arena, &intent, &err), 0);
	assert_int_equal(intent.rows[0].action, OSY_ACT_NONE);
	assert_int_equal(intent.rows[1].action, OSY_ACT_INSERT);
	assert_int_equal(intent.rows[2].action, OSY_ACT_INSERT);
}

/* Nil is null before; an empty text says that the row does not write the field. */
static void snapshot_holds_what_is_written(void **state)
{
	struct world *w = *state;
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1);
	struct osy_snapshot snapshot;
	struct osy_err err = OSY_ERR_NONE;

	add_row(w, true)->values[1] = OSY_STR("9");
	add_row(w, true)->values[0] = OSY_STR("\"b\"");
	add_row(w, true);
	w->rows[0].before[1] = OSY_STR_NULL;
	osy_load_compare(&w->batch);
	osy_load_snapshot_pack(&w->batch, &out);
	assert_int_equal(osy_snapshot_read(osy_buf_str(&out), &w->batch.arena, &snapshot, &err), 0);
	assert_int_equal(snapshot.count, 2);
	assert_int_equal(snapshot.field_count, 2);
	assert_true(osy_str_is(snapshot.fields[0], "Name"));
	assert_true(osy_str_is(snapshot.fields[1], "Amount"));
	assert_int_equal(snapshot.rows[0].row, 0);
	assert_non_null(snapshot.rows[0].values[0].p);
	assert_int_equal(snapshot.rows[0].values[0].len, 0);
	assert_null(snapshot.rows[0].values[1].p);
	assert_true(osy_str_is(snapshot.rows[1].values[0], "\"a\""));
	assert_int_equal(snapshot.rows[1].values[1].len, 0);
}

static void no_snapshot_without_updates(void **state)
{
	struct world *w = *state;
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1);

	add_row(w, false);
	osy_load_compare(&w->batch);
	osy_load_snapshot_pack(&w->batch, &out);
	assert_int_equal(out.len, 0);
}

/* ---- Keys ---- */
static void keys_are_compared_as_the_org_does(void **state)
{
	struct world *w = *state;
	static const int keys[] = {0, 1};
	const struct osy_str a[] = {OSY_STR("\"Acme \\u00e9\""), OSY_STR("1.50")};
	const struct osy_str b[] = {OSY_STR("\"ACME é\""), OSY_STR("1.5")};
	const struct osy_str c[] = {OSY_STR("\"Acme é\""), OSY_STR("1.5")};
	const struct osy_str d[] = {OSY_STR("\"Acme é\""), OSY_STR("1.6")};
	bool exact = true;

	w->object.match = OSY_MATCH_KEYS;
	w->object.keys = keys;
	w->object.key_count = 2;
	assert_int_equal(osy_key_hash(&w->object, a), osy_key_hash(&w->object, b));
	assert_true(osy_key_equal(&w->object, a, b, &exact));
	assert_false(exact);
	assert_true(osy_key_equal(&w->object, a, c, &exact));
	assert_true(exact);
	assert_false(osy_key_equal(&w->object, a, d, &exact));
}

static void literals(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(4096);

	(void)state;
	osy_load_literal(OSY_T_STRING, OSY_STR("\"O'Neil\""), &out);
	osy_buf_addc(&out, ' ');
	osy_load_literal(OSY_T_DOUBLE, OSY_STR("1.5"), &out);
	osy_buf_addc(&out, ' ');
	osy_load_literal(OSY_T_DATE, OSY_STR("\"2026-01-02\""), &out);
	osy_buf_addc(&out, ' ');
	osy_load_literal(OSY_T_DATETIME, OSY_STR("\"2026-01-02T03:04:05.000+0000\""), &out);
	osy_buf_addc(&out, ' ');
	osy_load_literal(OSY_T_STRING, OSY_STR_NULL, &out);
	assert_string_equal(out.p, "'O\\'Neil' 1.5 2026-01-02 2026-01-02T03:04:05.000Z null");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(none_is_inserted),
		TEST(none_is_skipped_when_insert_is_off),
		TEST(none_of_a_match_only_object_is_skipped),
		TEST(equal_is_existing),
		TEST(what_is_mapped_already_is_not_put_again),
		TEST(different_is_updated_in_what_differs),
		TEST(different_is_existing_when_update_is_off),
		TEST(nulls_are_written_on_demand),
		TEST(nulls_of_one_field),
		TEST(what_is_left_out_is_never_blanked),
		TEST(unknown_is_never_sent),
		TEST(given_up_is_not_sent),
		TEST(our_own_update_counts_as_one),
		TEST(second_of_two_twins_fails),
		TEST(inserts_and_updates_go_apart),
		TEST(rows_of_a_smaller_unit_go_apart),
		TEST(intent_says_what_may_happen),
		TEST(withdrawn_intent_keeps_doubts),
		TEST(snapshot_holds_what_is_written),
		TEST(no_snapshot_without_updates),
		TEST(keys_are_compared_as_the_org_does),
		TEST(literals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
