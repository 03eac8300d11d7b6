/* Which record of the org is which row whose reply was lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "load_assign.h"

#define ROWS 400
#define COLUMNS 3

struct world {
	struct osy_arena arena;
	struct osy_lassign_column columns[COLUMNS];
	struct osy_lsuspect suspects[ROWS];
	struct osy_lcandidate candidates[ROWS];
	size_t suspect_count, candidate_count;
	bool crowded; /* others are in doubt too */
};

static int begin(void **state)
{
	struct world *w = osy_xcalloc(1, sizeof(*w));

	osy_arena_init(&w->arena, 65536);
	w->columns[0].type = w->columns[1].type = OSY_T_STRING;
	w->columns[2].type = OSY_T_REFERENCE;
	w->columns[2].loose = true;
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	osy_arena_done(&w->arena);
	osy_free_at(&w);
	return 0;
}

static const struct osy_str *values(
	struct world *w, const char *a, const char *b, const char *reference)
{
	struct osy_str *v = osy_arena_calloc(&w->arena, COLUMNS, sizeof(*v));

	v[0] = osy_str(a);
	v[1] = osy_str(b);
	v[2] = osy_str(reference);
	return v;
}

static void suspect(
	struct world *w, unsigned collection, const char *a, const char *b, const char *reference)
{
	w->suspects[w->suspect_count++] = (struct osy_lsuspect){
		.values = values(w, a, b, reference), .collection = collection};
}

static void candidate(struct world *w, const char *a, const char *b, const char *reference)
{
	struct osy_lcandidate *c = &w->candidates[w->candidate_count++];

	snprintf(c->id.c, sizeof(c->id.c), "001%012zu", w->candidate_count);
	c->values = values(w, a, b, reference);
}

static size_t assign(struct world *w)
{
	return osy_load_assign(&w->arena, w->columns, COLUMNS, w->suspects, w->suspect_count,
		w->candidates, w->candidate_count, !w->crowded);
}

static void finds_equal_rows(void **state)
{
	struct world *w = *state;

	suspect(w, 0, "\"a\"", "\"x\"", NULL);
	suspect(w, 0, "\"b\"", NULL, NULL);
	suspect(w, 1, "\"c\"", "\"x\"", NULL);
	candidate(w, "\"b\"", "\"a default of the org\"", NULL);
	candidate(w, "\"a\"", "\"x\"", NULL);
	candidate(w, "\"c\"", "\"changed by a trigger\"", NULL);
	assert_int_equal(assign(w), 1);
	assert_int_equal(w->suspects[0].candidate, 1);
	assert_int_equal(w->suspects[1].candidate, 0);
	assert_int_equal(w->suspects[2].candidate, -1);
	assert_true(w->suspects[0].sole && w->suspects[1].sole);
}

/* Equal records stand for any equal rows, each once, those of older collections first. */
static void identical_rows_are_interchangeable(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 300; i++)
		suspect(w, i / 100, "\"same\"", NULL, NULL);
	for (unsigned i = 0; i < 150; i++)
		candidate(w, "\"same\"", NULL, NULL);
	assert_int_equal(assign(w), 0);
	bool used[ROWS] = {false};
	for (unsigned i = 0; i < 300; i++) {
		int c = w->suspects[i].candidate;
		assert_int_equal(c >= 0, i < 150);
		assert_false(w->suspects[i].sole);
		if (c < 0)
			continue;
		assert_false(used[c]);
		used[c] = true;
	}
}

/* Copies within one collection still tell that it was committed. */
static void copies_of_one_collection_are_sole(void **state)
{
	struct world *w = *state;

	suspect(w, 0, "\"same\"", NULL, NULL);
	suspect(w, 0, "\"same\"", NULL, NULL);
	suspect(w, 1, "\"other\"", NULL, NULL);
	candidate(w, "\"same\"", NULL, NULL);
	assert_int_equal(assign(w), 0);
	assert_true(w->suspects[0].sole);
	assert_true(w->suspects[1].sole);
	assert_int_equal(w->suspects[0].candidate, 0);
	assert_int_equal(w->suspects[1].candidate, -1);
}

/* A row that left a field out may be mistaken for one that sent it. */
static void what_was_not_sent_proves_nothing(void **state)
{
	struct world *w = *state;

	suspect(w, 0, "\"a\"", NULL, NULL);
	suspect(w, 1, "\"a\"", "\"x\"", NULL);
	assert_int_equal(assign(w), 0);
	assert_false(w->suspects[0].sole);
	assert_false(w->suspects[1].sole);
}

/* A lookup that is mapped by now may not have been sent then; one that was goes to its own row. */
static void lookups_that_are_linked_later(void **state)
{
	struct world *w = *state;

	suspect(w, 0, "\"a\"", NULL, "\"001000000000001AAA\"");
	suspect(w, 0, "\"a\"", NULL, "\"001000000000002AAA\"");
	candidate(w, "\"a\"", NULL, NULL);
	candidate(w, "\"a\"", NULL, "\"001000000000001AAA\"");
	assert_int_equal(assign(w), 0);
	assert_int_equal(w->suspects[0].candidate, 1);
	assert_int_equal(w->suspects[1].candidate, 0);
}

static void a_key_that_was_not_sent_must_be_null(void **state)
{
	struct world *w = *state;

	w->columns[1].must_be_null = true;
	suspect(w, 0, "\"a\"", NULL, NULL);
	candidate(w, "\"a\"", "\"K-1\"", NULL);
	candidate(w, "\"a\"", NULL, NULL);
	assert_int_equal(assign(w), 1);
	assert_int_equal(w->suspects[0].candidate, 1);
}

/* A row that the org refused for want of a field takes nobody's record that has it. */
static void who_sent_less_takes_no_others_record(void **state)
{
	struct world *w = *state;

	suspect(w, 0, "\"a\"", NULL, NULL);
	suspect(w, 1, "\"a\"", "\"x\"", NULL);
	candidate(w, "\"a\"", "\"x\"", NULL);
	assert_int_equal(assign(w), 0);
	assert_int_equal(w->suspects[0].candidate, -1);
	assert_int_equal(w->suspects[1].candidate, 0);
	assert_false(w->suspects[1].guessed);
}

/* Defaults of the org are a guess: not made while others' rows may be meant. */
static void defaults_are_a_guess(void **state)
{
	struct world *w = *state;

	suspect(w, 0, "\"a\"", NULL, NULL);
	candidate(w, "\"a\"", "\"a default\"", NULL);
	w->crowded = true;
	assert_int_equal(assign(w), 1);
	assert_int_equal(w->suspects[0].candidate, -1);
	w->crowded = false;
	assert_int_equal(assign(w), 0);
	assert_int_equal(w->suspects[0].candidate, 0);
	assert_true(w->suspects[0].guessed);
}

static void nothing_to_do(void **state)
{
	struct world *w = *state;

	assert_int_equal(assign(w), 0);
	candidate(w, "\"a\"", NULL, NULL);
	assert_int_equal(assign(w), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_equal_rows, begin, end),
		cmocka_unit_test_setup_teardown(identical_rows_are_interchangeable, begin, end),
		cmocka_unit_test_setup_teardown(copies_of_one_collection_are_sole, begin, end),
		cmocka_unit_test_setup_teardown(what_was_not_sent_proves_nothing, begin, end),
		cmocka_unit_test_setup_teardown(lookups_that_are_linked_later, begin, end),
		cmocka_unit_test_setup_teardown(a_key_that_was_not_sent_must_be_null, begin, end),
		cmocka_unit_test_setup_teardown(who_sent_less_takes_no_others_record, begin, end),
		cmocka_unit_test_setup_teardown(defaults_are_a_guess, begin, end),
		cmocka_unit_test_setup_teardown(nothing_to_do, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
