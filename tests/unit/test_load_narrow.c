/* workers: what a worker does about row locks between two turns of the budget */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "load_narrow.h"

static void without_locks_there_is_no_limit(void **state)
{
	struct osy_budget_locks n = {0};

	(void)state;
	for (int i = 0; i < 3000; i++) {
		assert_true(osy_narrow_may_send(&n));
		osy_narrow_clean(&n, osy_narrow_sent(&n));
	}
	assert_int_equal(n.flying, 3000);
	assert_int_equal(n.clean, 3000);
}

static void a_lock_stops_at_once(void **state)
{
	struct osy_budget_locks n = {0};
	unsigned marks[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		marks[i] = osy_narrow_sent(&n);
	osy_narrow_over(&n);
	assert_true(osy_narrow_locked(&n, marks[0]));
	for (int i = 1; i < 4; i++) {
		assert_false(osy_narrow_may_send(&n));
		osy_narrow_over(&n);
		/* the same step, told once; a clean reply of before it tells nothing */
		if (i == 1)
			osy_narrow_clean(&n, marks[i]);
		else
			assert_false(osy_narrow_locked(&n, marks[i]));
	}
	assert_true(osy_narrow_may_send(&n));
	assert_true(n.locked);
	assert_int_equal(n.clean, 0);
	assert_int_equal(n.limit, 1);
}

static void requests_of_before_a_step_do_not_count(void **state)
{
	struct osy_budget_locks n = {0};
	unsigned mark = osy_narrow_sent(&n);

	(void)state;
	n.steps++; /* another worker's */
	assert_false(osy_narrow_locked(&n, mark));
	osy_narrow_clean(&n, mark);
	assert_false(n.locked);
	assert_int_equal(n.clean, 0);
}

static void a_lock_of_a_lone_request_breaks_the_row_of_clean_replies(void **state)
{
	struct osy_budget_locks n = {.limit = 1, .share = 1, .steps = 1};

	(void)state;
	osy_narrow_clean(&n, 1);
	osy_narrow_clean(&n, 1);
	assert_false(osy_narrow_locked(&n, 1));
	assert_true(n.locked);
	assert_int_equal(n.clean, 0);
}

static void the_share_of_others_is_theirs(void **state)
{
	struct osy_budget_locks n = {.limit = 1, .share = 0};

	(void)state;
	assert_false(osy_narrow_may_send(&n));
	n = (struct osy_budget_locks){.limit = 4, .share = 2};
	osy_narrow_sent(&n);
	assert_true(osy_narrow_may_send(&n));
	osy_narrow_sent(&n);
	assert_false(osy_narrow_may_send(&n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_locks_there_is_no_limit),
		cmocka_unit_test(a_lock_stops_at_once),
		cmocka_unit_test(requests_of_before_a_step_do_not_count),
		cmocka_unit_test(a_lock_of_a_lone_request_breaks_the_row_of_clean_replies),
		cmocka_unit_test(the_share_of_others_is_theirs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
