/* The order in which rows are sent, and whose turn it is while an org is narrowed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "load_internal.h"

#define ROWS 1000

struct world {
	struct osy_spec_object object;
	struct osy_spec_field fields[3];
	struct osy_lcolumn columns[3];
	struct osy_lrow rows[ROWS];
	struct osy_str values[ROWS][3];
	char ids[ROWS][2][21];
	struct osy_lbatch batch;
};

static int begin(void **state)
{
	struct world *w = osy_xcalloc(1, sizeof(*w));

	w->object = (struct osy_spec_object){.name = "Line",
		.target = "Line",
		.batch_size = 200,
		.lock_field = 2,
		.order_field = 1,
		.fields = w->fields,
		.field_count = 3};
	for (int i = 0; i < 3; i++)
		w->columns[i] = (struct osy_lcolumn){&w->fields[i], i - 1};
	w->batch.object = &w->object;
	w->batch.columns = w->columns;
	w->batch.column_count = 3;
	w->batch.rows = w->rows;
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

/* A row with lookups to the first-th and second-th record; 0: null, -1: left out. */
static struct osy_lrow *add(struct world *w, int first, int second)
{
	unsigned n = w->batch.row_count++;
	struct osy_lrow *row = &w->rows[n];
	const int of[2] = {second, first};

	w->values[n][0] = OSY_STR("\"x\"");
	for (int i = 0; i < 2; i++) {
		snprintf(w->ids[n][i], sizeof(w->ids[n][i]), "\"001%012dAAA\"", of[i]);
		w->values[n][i + 1] = of[i] > 0	   ? osy_str(w->ids[n][i])
				      : of[i] == 0 ? OSY_STR_NULL
						   : osy_left_out;
	}
	row->values = w->values[n];
	row->action = OSY_ACT_INSERT;
	return row;
}

static void assert_order(struct world *w, const unsigned *want)
{
	for (unsigned i = 0; i < w->batch.starts[w->batch.collections]; i++)
		assert_int_equal(w->batch.order[i], want[i]);
}

static void by_the_second_then_the_first(void **state)
{
	struct world *w = *state;

	add(w, 5, 2);
	add(w, 4, 2);
	add(w, 9, 1);
	add(w, 4, 2);
	add(w, 7, 0);
	add(w, 6, -1);
	osy_load_plan(&w->batch, NULL);
	assert_int_equal(w->batch.collections, 1);
	assert_order(w, (const unsigned[]){5, 4, 2, 1, 3, 0});
}

static void by_the_first_when_there_is_no_second(void **state)
{
	struct world *w = *state;

	w->object.order_field = -1;
	add(w, 5, 1);
	add(w, 4, 2);
	add(w, 5, 0);
	osy_load_plan(&w->batch, NULL);
	assert_order(w, (const unsigned[]){1, 0, 2});
}

static void without_locks_as_they_came(void **state)
{
	struct world *w = *state;

	w->object.lock_field = w->object.order_field = -1;
	add(w, 5, 1);
	add(w, 4, 2);
	add(w, 3, 0);
	osy_load_plan(&w->batch, NULL);
	assert_order(w, (const unsigned[]){0, 1, 2});
	assert_null(w->batch.keys);
}

/* Inserts first, then updates; what is settled is not sent. */
static void actions_apart(void **state)
{
	struct world *w = *state;

	add(w, 1, 9)->action = OSY_ACT_UPDATE;
	add(w, 1, 8);
	add(w, 1, 7)->action = OSY_ACT_UPDATE;
	add(w, 1, 6);
	add(w, 1, 1)->outcome = OSY_EXISTING;
	osy_load_plan(&w->batch, NULL);
	assert_int_equal(w->batch.collections, 2);
	assert_int_equal(w->batch.starts[2], 4);
	assert_order(w, (const unsigned[]){3, 1, 2, 0});
	assert_int_equal(w->rows[3].collection, 0);
	assert_int_equal(w->rows[0].collection, 1);
}

/* Collections are cut after ordering, and those of few rows do not cut up the others. */
static void collections_are_cut_in_order(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < ROWS; i++)
		add(w, i % 7 + 1, (i * 37) % 50 + 1)->unit = i % 10 == 0 ? 25 : 0;
	osy_load_plan(&w->batch, NULL);
	assert_int_equal(w->batch.collections, 100 / 25 + 5);
	for (unsigned c = 0; c < w->batch.collections; c++) {
		for (unsigned i = w->batch.starts[c]; i < w->batch.starts[c + 1]; i++) {
			const struct osy_lrow *row = &w->rows[w->batch.order[i]];
			assert_int_equal(row->collection, c);
			if (i > w->batch.starts[c])
				assert_true(memcmp(w->rows[w->batch.order[i - 1]].values[1].p,
						    row->values[1].p, 20) <= 0);
		}
	}
	/* and again the same, out of the same memory */
	unsigned before[ROWS];
	const struct osy_lorder *keys = w->batch.keys;
	memcpy(before, w->batch.order, sizeof(before));
	osy_load_plan(&w->batch, NULL);
	assert_ptr_equal(w->batch.keys, keys);
	assert_order(w, before);
}

/* ---- Turns ---- */
#define LOADS 40

struct orgs {
	struct osy_settings settings;
	struct osy_redis *redis;
	struct osy_worker worker;
	struct osy_loader loader;
	struct osy_spec specs[2];
	struct osy_wrun runs[2];
	struct osy_wlane lanes[LOADS];
	struct osy_load loads[LOADS];
	struct osy_lbatch batches[LOADS];
};

static struct orgs *orgs_new(void)
{
	struct orgs *o = osy_xcalloc(1, sizeof(*o));

	o->settings.worker_requests = 8;
	o->worker.settings = &o->settings;
	o->redis = osy_redis_new("redis://127.0.0.1:1/0"); /* nothing is asked of it */
	o->worker.budget = osy_budget_new(o->redis, "t", "w");
	o->loader.worker = &o->worker;
	o->loader.now = 1000;
	for (int i = 0; i < 2; i++) {
		snprintf(o->specs[i].target_org_id, sizeof(o->specs[i].target_org_id),
			"00D00000000000%d", i);
		o->specs[i].api_reserve_percent = 10;
		o->specs[i].target = i ? "two" : "one";
		o->runs[i].spec = &o->specs[i];
	}
	for (int i = LOADS - 1; i >= 0; i--) {
		o->lanes[i].run = &o->runs[i % 2];
		o->loads[i] = (struct osy_load){.loader = &o->loader,
			.lane = &o->lanes[i],
			.first = &o->batches[i],
			.next = o->loader.loads};
		o->batches[i] = (struct osy_lbatch){
			.load = &o->loads[i], .step = OSY_STEP_SEND, .offset = i};
		o->loader.loads = &o->loads[i];
	}
	return o;
}

static void orgs_free(struct orgs *o)
{
	osy_load_orgs_free(&o->loader);
	osy_budget_free(o->worker.budget);
	osy_redis_free(o->redis);
	free(o);
}

static struct osy_lcall write_of(struct orgs *o, int load, bool locked)
{
	struct osy_lorg *org = osy_load_org(&o->batches[load]);

	return (struct osy_lcall){.loader = &o->loader,
		.run = o->lanes[load].run,
		.org = org,
		.mark = org->narrow->steps,
		.locked = locked};
}

static void an_org_is_narrowed_for_all_its_runs_alone(void **state)
{
	struct orgs *o = orgs_new();
	struct osy_lcall call = write_of(o, 0, true);

	(void)state;
	osy_load_org_replied(&call);
	assert_ptr_equal(osy_load_org(&o->batches[0]), osy_load_org(&o->batches[2]));
	assert_int_equal(osy_load_org(&o->batches[2])->narrow->limit, 1);
	assert_int_equal(osy_load_org(&o->batches[1])->narrow->limit, 0);
	/* a run that is being aborted pays out of the reserve: as another owner, of the same org */
	o->runs[0].aborting = true;
	assert_ptr_not_equal(osy_load_org(&o->batches[0]), call.org);
	assert_string_equal(osy_load_org(&o->batches[0])->id, call.org->id);
	orgs_free(o);
}

/* While one flies at a time each lane comes in its turn, however many there are. */
static void no_lane_starves(void **state)
{
	struct orgs *o = orgs_new();
	struct osy_lcall call = write_of(o, 0, true);
	struct osy_lbatch *batches[8];
	unsigned count[LOADS] = {0};

	(void)state;
	osy_load_org_replied(&call);
	for (int i = 0; i < LOADS * 3; i++) {
		size_t n = osy_load_pick_writers(&o->loader, OSY_STEP_SEND, batches, 8);
		assert_int_equal(n, 8);
		batches[0]->load->sent = ++o->loader.sends;
		count[batches[0]->offset]++;
	}
	for (int i = 0; i < LOADS; i++)
		assert_int_equal(count[i], 3);
	/* those that rest, are lost or stand elsewhere are nobody's hindrance */
	for (int i = 0; i < LOADS - 1; i++) {
		if (i % 3 == 0)
			o->batches[i].wait_until = 5000;
		else if (i % 3 == 1)
			o->lanes[i].lost = true;
		else
			o->batches[i].step = OSY_STEP_RECORD;
	}
	assert_int_equal(osy_load_pick_writers(&o->loader, OSY_STEP_SEND, batches, 8), 1);
	assert_int_equal(batches[0]->offset, LOADS - 1);
	orgs_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(by_the_second_then_the_first, begin, end),
		cmocka_unit_test_setup_teardown(by_the_first_when_there_is_no_second, begin, end),
		cmocka_unit_test_setup_teardown(without_locks_as_they_came, begin, end),
		cmocka_unit_test_setup_teardown(actions_apart, begin, end),
		cmocka_unit_test_setup_teardown(collections_are_cut_in_order, begin, end),
		cmocka_unit_test(an_org_is_narrowed_for_all_its_runs_alone),
		cmocka_unit_test(no_lane_starves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
