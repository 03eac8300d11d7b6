/* coordinator: migration order */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "plan.h"

#define TO(...)                                \
	.parents = (const int[]){__VA_ARGS__}, \
	.parent_count = sizeof((int[]){__VA_ARGS__}) / sizeof(int)

static void chain(void **state)
{
	static const char *const names[] = {"Case", "Contact", "Account", "Product2"};
	struct osy_order_lookup lookups[] = {
		{.child = 0, .field = "ContactId", TO(1)},
		{.child = 0, .field = "AccountId", TO(2)},
		{.child = 1, .field = "AccountId", TO(2), .hard = true},
	};
	struct osy_err err = OSY_ERR_NONE;
	int stages[4], count;

	(void)state;
	assert_int_equal(osy_order(names, 4, lookups, 3, stages, &count, &err), OSY_OK);
	assert_int_equal(count, 3);
	assert_int_equal(stages[2], 1);
	assert_int_equal(stages[3], 1);
	assert_int_equal(stages[1], 2);
	assert_int_equal(stages[0], 3);
	for (size_t i = 0; i < 3; i++)
		assert_false(lookups[i].link);
}

static void self_and_cycles_are_cut(void **state)
{
	static const char *const names[] = {"Account", "Contact", "Task"};
	struct osy_order_lookup lookups[] = {
		{.child = 0, .field = "ParentId", TO(0), .rank = 2},
		{.child = 0, .field = "Primary_Contact__c", TO(1), .rank = 3},
		{.child = 1, .field = "AccountId", TO(0), .rank = 1},
		{.child = 2, .field = "WhoId", TO(1, 0), .rank = 2},
	};
	struct osy_err err = OSY_ERR_NONE;
	int stages[3], count;

	(void)state;
	assert_int_equal(osy_order(names, 3, lookups, 4, stages, &count, &err), OSY_OK);
	assert_true(lookups[0].link && lookups[1].link);
	assert_false(lookups[2].link || lookups[3].link);
	assert_int_equal(stages[0], 1);
	assert_int_equal(stages[1], 2);
	assert_int_equal(stages[2], 3);
	assert_int_equal(count, 3);
}

static void hard_beats_soft(void **state)
{
	static const char *const names[] = {"A", "B"};
	struct osy_order_lookup lookups[] = {
		{.child = 0, .field = "B__c", TO(1), .rank = 0},
		{.child = 1, .field = "A__c", TO(0), .hard = true, .rank = 9},
	};
	struct osy_err err = OSY_ERR_NONE;
	int stages[2], count;

	(void)state;
	assert_int_equal(osy_order(names, 2, lookups, 2, stages, &count, &err), OSY_OK);
	assert_true(lookups[0].link);
	assert_false(lookups[1].link);
	assert_int_equal(stages[0], 1);
	assert_int_equal(stages[1], 2);
}

static void required_cycles_are_named(void **state)
{
	static const char *const names[] = {"Other__c", "Ledger__c", "Ledger_Line__c", "Third__c"};
	struct osy_order_lookup two[] = {
		{.child = 2, .field = "Ledger__c", TO(1), .hard = true},
		{.child = 1, .field = "Line__c", TO(2), .hard = true},
	};
	struct osy_order_lookup three[] = {
		{.child = 3, .field = "L__c", TO(2), .hard = true},
		{.child = 1, .field = "T__c", TO(3), .hard = true},
		{.child = 2, .field = "Ledger__c", TO(1), .hard = true},
	};
	struct osy_order_lookup self[] = {{.child = 0, .field = "Up__c", TO(0), .hard = true}};
	struct osy_err err = OSY_ERR_NONE;
	int stages[4], count;

	(void)state;
	assert_int_equal(osy_order(names, 4, two, 2, stages, &count, &err), OSY_E_INVALID);
	assert_non_null(
		strstr(err.msg, "Ledger__c.Line__c -> Ledger_Line__c.Ledger__c -> Ledger__c"));
	assert_int_equal(osy_order(names, 4, three, 3, stages, &count, &err), OSY_E_INVALID);
	assert_non_null(strstr(err.msg,
		": Ledger__c.T__c -> Third__c.L__c -> Ledger_Line__c.Ledger__c -> Ledger__c;"));
	assert_int_equal(osy_order(names, 4, self, 1, stages, &count, &err), OSY_E_INVALID);
	assert_non_null(strstr(err.msg,
		"required lookups form a cycle, so that no record of it can be inserted first: "
		"Other__c.Up__c -> Other__c; make one of them optional"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chain),
		cmocka_unit_test(self_and_cycles_are_cut),
		cmocka_unit_test(hard_beats_soft),
		cmocka_unit_test(required_cycles_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
