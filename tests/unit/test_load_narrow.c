/* workers: stepping down on row locks */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "load_narrow.h"

#define MOST 8

static bool reply(struct osy_narrow *n, bool locked)
{
	unsigned mark = osy_narrow_sent(n);

	osy_narrow_over(n);
	return locked ? osy_narrow_locked(n, mark) : osy_narrow_clean(n, mark, MOST);
}

/* Clean replies until the limit goes up. */
static unsigned until_wider(struct osy_narrow *n)
{
	unsigned count = 1;

	while (!reply(n, false)) {
		count++;
		assert_true(count < 1000);
	}
	return count;
}

static void without_locks_there_is_no_limit(void **state)
{
	struct osy_narrow n = {0};

	(void)state;
	for (int i = 0; i < 3000; i++) {
		assert_true(osy_narrow_may_send(&n));
		osy_narrow_sent(&n);
		assert_false(osy_narrow_clean(&n, 0, MOST));
	}
	assert_int_equal(n.flying, 3000);
}

static void down_to_one_and_up_again(void **state)
{
	struct osy_narrow n = {0};

	(void)state;
	assert_true(reply(&n, true));
	assert_int_equal(n.limit, 1);
	assert_true(osy_narrow_may_send(&n));
	osy_narrow_sent(&n);
	assert_false(osy_narrow_may_send(&n));
	osy_narrow_over(&n);
	assert_int_equal(until_wider(&n), 4);
	assert_int_equal(n.limit, 2);
	osy_narrow_sent(&n);
	assert_true(osy_narrow_may_send(&n));
	osy_narrow_sent(&n);
	assert_false(osy_narrow_may_send(&n));
	osy_narrow_over(&n);
	osy_narrow_over(&n);
	assert_int_equal(until_wider(&n), 4);
	assert_int_equal(n.limit, 4);
	assert_int_equal(until_wider(&n), 4);
	assert_int_equal(n.limit, 0); /* 8: what the worker may */
}

static void each_step_down_takes_longer_to_undo(void **state)
{
	static const unsigned patience[] = {4, 8, 16, 32, 64, 128, 256, 256, 256};
	struct osy_narrow n = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(patience) / sizeof(patience[0]); i++) {
		assert_true(reply(&n, true));
		assert_int_equal(n.limit, 1);
		assert_int_equal(until_wider(&n), patience[i]);
		assert_int_equal(n.limit, 2);
	}
}

static void a_lock_breaks_the_row_of_clean_replies(void **state)
{
	struct osy_narrow n = {0};

	(void)state;
	reply(&n, true);
	for (int i = 0; i < 3; i++)
		assert_false(reply(&n, false));
	assert_false(reply(&n, true)); /* alone: somebody else's lock, no step */
	assert_int_equal(n.patience, 4);
	assert_int_equal(until_wider(&n), 4);
}

static void requests_of_before_the_step_do_not_count(void **state)
{
	struct osy_narrow n = {0};
	unsigned marks[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		marks[i] = osy_narrow_sent(&n);
	osy_narrow_over(&n);
	assert_true(osy_narrow_locked(&n, marks[0]));
	for (int i = 1; i < 4; i++) {
		assert_false(osy_narrow_may_send(&n));
		osy_narrow_over(&n);
		assert_false(i == 1 ? osy_narrow_clean(&n, marks[i], MOST)
				    : osy_narrow_locked(&n, marks[i]));
	}
	assert_int_equal(n.steps, 1);
	assert_int_equal(n.patience, 4);
	assert_true(osy_narrow_may_send(&n));
	assert_int_equal(until_wider(&n), 4);
}

static void long_calm_forgets(void **state)
{
	struct osy_narrow n = {0};

	(void)state;
	reply(&n, true);
	while (n.limit)
		until_wider(&n);
	reply(&n, true);
	assert_int_equal(n.patience, 8);
	while (n.limit)
		until_wider(&n);
	for (int i = 0; i < 1024; i++)
		assert_false(reply(&n, false));
	reply(&n, true);
	assert_int_equal(n.patience, 4);
}

static void a_worker_of_one_request(void **state)
{
	struct osy_narrow n = {0};

	(void)state;
	for (int i = 0; i < 3; i++)
		osy_narrow_clean(&n, osy_narrow_sent(&n), 1);
	assert_true(osy_narrow_locked(&n, 0));
	n.flying = 0;
	for (int i = 0; i < 3; i++)
		assert_false(reply(&n, false));
	osy_narrow_sent(&n);
	assert_true(osy_narrow_clean(&n, n.steps, 1));
	assert_int_equal(n.limit, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_locks_there_is_no_limit),
		cmocka_unit_test(down_to_one_and_up_again),
		cmocka_unit_test(each_step_down_takes_longer_to_undo),
		cmocka_unit_test(a_lock_breaks_the_row_of_clean_replies),
		cmocka_unit_test(requests_of_before_the_step_do_not_count),
		cmocka_unit_test(long_calm_forgets),
		cmocka_unit_test(a_worker_of_one_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
