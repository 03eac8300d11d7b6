#include "load_assign.h"

#include <stdlib.h>

#include "load_index.h"

#include "osy/banned.h"

struct assign {
	const struct osy_lassign_column *columns;
	size_t column_count;
	bool *common; /* columns that every suspect sent: what is hashed */
	struct osy_lindex by_hash;
};

static void find_common(struct assign *a, const struct osy_lsuspect *suspects, size_t count)
{
	for (size_t c = 0; c < a->column_count; c++) {
		a->common[c] = !a->columns[c].loose;
		for (size_t i = 0; i < count && a->common[c]; i++)
			a->common[c] = suspects[i].values[c].p != NULL;
	}
}

static uint64_t hash_of(const struct assign *a, const struct osy_str *values)
{
	uint64_t hash = 7;

	for (size_t c = 0; c < a->column_count; c++) {
		if (a->common[c])
			hash = osy_sf_value_hash(
				a->columns[c].type, a->columns[c].scale, values[c], hash);
	}
	return hash;
}

/* How close a candidate has to be. */
enum fit {
	FIT_EXACT,
	FIT_LINKED, /* lookups that are linked later may be null */
	FIT_GUESS,  /* and fields that were not sent may have a default */
};

static bool fits(const struct osy_lassign_column *column, struct osy_str sent, struct osy_str has,
	enum fit fit)
{
	const struct osy_str null = OSY_STR_NULL;
	bool empty = osy_sf_value_equal(column->type, column->scale, null, has);

	if (!sent.p)
		return empty || (fit == FIT_GUESS && !column->must_be_null && !column->loose);
	if (column->loose && fit != FIT_EXACT && empty)
		return true;
	return osy_sf_value_equal(column->type, column->scale, sent, has);
}

static bool answers(const struct assign *a, const struct osy_lsuspect *suspect,
	const struct osy_lcandidate *candidate, enum fit fit)
{
	for (size_t c = 0; c < a->column_count; c++) {
		if (!fits(&a->columns[c], suspect->values[c], candidate->values[c], fit))
			return false;
	}
	return true;
}

/* Whether a candidate of the one could be taken for the other's. */
static bool alike(
	const struct assign *a, const struct osy_lsuspect *x, const struct osy_lsuspect *y)
{
	for (size_t c = 0; c < a->column_count; c++) {
		if (x->values[c].p && y->values[c].p && !a->columns[c].loose &&
			!osy_sf_value_equal(a->columns[c].type, a->columns[c].scale, x->values[c],
				y->values[c]))
			return false;
	}
	return true;
}

static void find_sole(struct assign *a, struct osy_arena *arena, struct osy_lsuspect *suspects,
	const uint64_t *hashes, size_t count)
{
	struct osy_lindex index;

	osy_lindex_init(&index, arena, count);
	for (size_t i = 0; i < count; i++)
		osy_lindex_add(&index, hashes[i], (uint32_t)i);
	for (size_t i = 0; i < count; i++) {
		size_t at = OSY_LINDEX_START;
		int64_t other;
		suspects[i].sole = true;
		while (suspects[i].sole && (other = osy_lindex_next(&index, hashes[i], &at)) >= 0) {
			if (suspects[other].collection != suspects[i].collection &&
				alike(a, &suspects[i], &suspects[other]))
				suspects[i].sole = false;
		}
	}
}

static void give_one(const struct assign *a, struct osy_lsuspect *suspect, uint64_t hash,
	struct osy_lcandidate *candidates, enum fit fit)
{
	size_t at = OSY_LINDEX_START;
	int64_t c;

	while (suspect->candidate < 0 && (c = osy_lindex_next(&a->by_hash, hash, &at)) >= 0) {
		if (candidates[c].used || !answers(a, suspect, &candidates[c], fit))
			continue;
		candidates[c].used = true;
		suspect->candidate = (int)c;
		suspect->guessed = fit == FIT_GUESS;
	}
}

struct rank {
	unsigned sent;
	unsigned suspect;
};

/* Those that sent more come first, then in their order. */
static int by_rank(const void *x, const void *y)
{
	const struct rank *a = x, *b = y;

	if (a->sent != b->sent)
		return a->sent > b->sent ? -1 : 1;
	return (a->suspect > b->suspect) - (a->suspect < b->suspect);
}

static void guess(const struct assign *a, struct osy_arena *arena, struct osy_lsuspect *suspects,
	const uint64_t *hashes, size_t count, struct osy_lcandidate *candidates)
{
	struct rank *ranks = osy_arena_calloc(arena, count + 1, sizeof(*ranks));

	for (size_t i = 0; i < count; i++) {
		ranks[i].suspect = (unsigned)i;
		for (size_t c = 0; c < a->column_count; c++)
			ranks[i].sent += suspects[i].values[c].p != NULL;
	}
	if (count)
		qsort(ranks, count, sizeof(*ranks), by_rank);
	for (size_t i = 0; i < count; i++)
		give_one(a, &suspects[ranks[i].suspect], hashes[ranks[i].suspect], candidates,
			FIT_GUESS);
}

size_t osy_load_assign(struct osy_arena *arena, const struct osy_lassign_column *columns,
	size_t column_count, struct osy_lsuspect *suspects, size_t suspect_count,
	struct osy_lcandidate *candidates, size_t candidate_count, bool may_guess)
{
	struct assign a = {.columns = columns, .column_count = column_count};
	uint64_t *hashes = osy_arena_calloc(arena, suspect_count + 1, sizeof(*hashes));
	size_t left = 0;

	a.common = osy_arena_calloc(arena, column_count + 1, sizeof(*a.common));
	find_common(&a, suspects, suspect_count);
	osy_lindex_init(&a.by_hash, arena, candidate_count);
	for (size_t i = 0; i < candidate_count; i++)
		osy_lindex_add(&a.by_hash, hash_of(&a, candidates[i].values), (uint32_t)i);
	for (size_t i = 0; i < suspect_count; i++) {
		hashes[i] = hash_of(&a, suspects[i].values);
		suspects[i].candidate = -1;
		suspects[i].guessed = false;
	}
	find_sole(&a, arena, suspects, hashes, suspect_count);
	for (enum fit fit = FIT_EXACT; fit <= FIT_LINKED; fit++) {
		for (size_t i = 0; i < suspect_count; i++)
			give_one(&a, &suspects[i], hashes[i], candidates, fit);
	}
	if (may_guess)
		guess(&a, arena, suspects, hashes, suspect_count, candidates);
	for (size_t i = 0; i < candidate_count; i++)
		left += !candidates[i].used;
	return left;
}
