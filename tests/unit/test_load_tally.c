/* Counts of a batch, and how a later pass moves the run's totals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load_internal.h"

static struct osy_outcome_row row(enum osy_outcome outcome, const char *target)
{
	struct osy_outcome_row r = {.outcome = outcome};

	if (target)
		memcpy(r.target.c, target, 15);
	return r;
}

static void first_pass_counts_all(void **state)
{
	const struct osy_outcome_row now[] = {row(OSY_INSERTED, "001000000000001"),
		row(OSY_INSERTED, "001000000000002"), row(OSY_UPDATED, "001000000000003"),
		row(OSY_EXISTING, "001000000000004"), row(OSY_SKIPPED, NULL),
		row(OSY_FAILED, NULL)};
	struct osy_outcome_row merged[6];
	struct osy_ltally tally;

	(void)state;
	osy_load_tally(NULL, now, 6, &tally, merged);
	for (int i = 0; i < OSY_OUTCOMES_COUNT; i++)
		assert_int_equal(tally.counts[i], tally.deltas[i]);
	assert_int_equal(tally.counts[OSY_INSERTED], 2);
	assert_int_equal(tally.counts[OSY_FAILED], 1);
	assert_int_equal(tally.counts[OSY_PENDING], 0);
	assert_memory_equal(merged, now, sizeof(now));
}

/* Only records whose outcome improves move the totals; the better outcome is kept. */
static void later_pass_moves_improvements_only(void **state)
{
	const struct osy_outcome_row before[] = {row(OSY_INSERTED, "001000000000001"),
		row(OSY_FAILED, NULL), row(OSY_SKIPPED, NULL), row(OSY_FAILED, NULL),
		row(OSY_UPDATED, "001000000000005"), row(OSY_EXISTING, "001000000000006")};
	const struct osy_outcome_row now[] = {row(OSY_EXISTING, "001000000000001"),
		row(OSY_INSERTED, "001000000000002"), row(OSY_EXISTING, "001000000000003"),
		row(OSY_FAILED, NULL), row(OSY_FAILED, NULL), row(OSY_UPDATED, "001000000000006")};
	struct osy_outcome_row merged[6];
	struct osy_ltally tally;

	(void)state;
	osy_load_tally(before, now, 6, &tally, merged);
	assert_int_equal(tally.counts[OSY_EXISTING], 2);
	assert_int_equal(tally.counts[OSY_INSERTED], 1);
	assert_int_equal(tally.counts[OSY_UPDATED], 1);
	assert_int_equal(tally.counts[OSY_FAILED], 2);
	assert_int_equal(tally.deltas[OSY_INSERTED], 1);
	assert_int_equal(tally.deltas[OSY_EXISTING], 1);
	assert_int_equal(tally.deltas[OSY_FAILED], -1);
	assert_int_equal(tally.deltas[OSY_SKIPPED], -1);
	assert_int_equal(tally.deltas[OSY_UPDATED], 0);
	assert_int_equal(merged[0].outcome, OSY_INSERTED);
	assert_int_equal(merged[1].outcome, OSY_INSERTED);
	assert_int_equal(merged[3].outcome, OSY_FAILED);
	assert_int_equal(merged[4].outcome, OSY_UPDATED);
	assert_int_equal(merged[5].outcome, OSY_UPDATED);
	int64_t sum = 0;
	for (int i = 0; i < OSY_OUTCOMES_COUNT; i++)
		sum += tally.deltas[i];
	assert_int_equal(sum, 0);
}

/* Somebody has deleted what the run had inserted, updated or found: what is inserted anew is what
 * there is to be undone. */
static void what_is_inserted_anew_counts(void **state)
{
	const struct osy_outcome_row before[] = {row(OSY_INSERTED, "001000000000001"),
		row(OSY_UPDATED, "001000000000002"), row(OSY_EXISTING, "001000000000003")};
	const struct osy_outcome_row now[] = {row(OSY_INSERTED, "001000000000011"),
		row(OSY_INSERTED, "001000000000012"), row(OSY_INSERTED, "001000000000013")};
	struct osy_outcome_row merged[3];
	struct osy_ltally tally;

	(void)state;
	osy_load_tally(before, now, 3, &tally, merged);
	assert_memory_equal(merged, now, sizeof(now));
	for (int i = 0; i < OSY_OUTCOMES_COUNT; i++)
		assert_int_equal(tally.deltas[i], 0);
}

/* What was deleted is found deleted by a replay, and a delete that failed may come about by a
 * retry.
 */
static void deletes_are_settled(void **state)
{
	const struct osy_outcome_row before[] = {
		row(OSY_DELETED, "001000000000001"), row(OSY_FAILED, "001000000000002")};
	const struct osy_outcome_row now[] = {
		row(OSY_SKIPPED, NULL), row(OSY_DELETED, "001000000000002")};
	struct osy_outcome_row merged[2];
	struct osy_ltally tally;

	(void)state;
	osy_load_tally(before, now, 2, &tally, merged);
	assert_int_equal(tally.deltas[OSY_DELETED], 1);
	assert_int_equal(tally.deltas[OSY_FAILED], -1);
	assert_int_equal(tally.deltas[OSY_SKIPPED], 0);
	assert_memory_equal(&merged[0], &before[0], sizeof(before[0]));
	assert_int_equal(merged[1].outcome, OSY_DELETED);
}

/* A retry says nothing of the records that it leaves alone. */
static void rows_of_no_pass_stay(void **state)
{
	const struct osy_outcome_row before[] = {row(OSY_INSERTED, "001000000000001"),
		row(OSY_FAILED, NULL), row(OSY_SKIPPED, NULL)};
	const struct osy_outcome_row now[] = {row(OSY_PENDING, NULL),
		row(OSY_UPDATED, "001000000000002"), row(OSY_PENDING, NULL)};
	struct osy_outcome_row merged[3];
	struct osy_ltally tally;

	(void)state;
	osy_load_tally(before, now, 3, &tally, merged);
	assert_int_equal(tally.counts[OSY_UPDATED], 1);
	assert_int_equal(tally.counts[OSY_INSERTED] + tally.counts[OSY_SKIPPED] +
				 tally.counts[OSY_PENDING] + tally.counts[OSY_FAILED],
		0);
	assert_int_equal(tally.deltas[OSY_UPDATED], 1);
	assert_int_equal(tally.deltas[OSY_FAILED], -1);
	assert_int_equal(tally.deltas[OSY_SKIPPED], 0);
	assert_memory_equal(&merged[0], &before[0], sizeof(before[0]));
	assert_memory_equal(&merged[1], &now[1], sizeof(now[1]));
	assert_memory_equal(&merged[2], &before[2], sizeof(before[2]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_pass_counts_all),
		cmocka_unit_test(later_pass_moves_improvements_only),
		cmocka_unit_test(what_is_inserted_anew_counts),
		cmocka_unit_test(deletes_are_settled),
		cmocka_unit_test(rows_of_no_pass_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
