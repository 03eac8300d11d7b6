/*
 * Which of the records that the org has got lately is which of the rows whose reply was lost. Pure:
 * no clock, no network.
 *
 * A candidate answers to a suspect when it is equal in every field that was sent and null in the
 * others. Records that are equal in all of them are interchangeable, so any of them may stand for
 * any such row. What is left may have got defaults of the org in fields that were not sent: that is
 * a guess, made last, for rows that sent more fields first, and only when the caller knows that no
 * candidate is a row's that is not here.
 */
#ifndef OSY_LOAD_ASSIGN_H
#define OSY_LOAD_ASSIGN_H

#include "osy/mem.h"
#include "osy/sf_id.h"
#include "osy/sf_value.h"

struct osy_lassign_column {
	enum osy_sf_type type;
	int scale;
	bool loose;	   /* may be null in the candidate although it is sent now: linked later */
	bool must_be_null; /* where it was not sent */
};

struct osy_lcandidate {
	struct osy_id id;
	const struct osy_str *values; /* a column each */
	bool used;
};

struct osy_lsuspect {
	const struct osy_str *values; /* as sent; p NULL: not sent */
	unsigned collection;	      /* number over all batches, older ones first */
	int candidate;		      /* answer: index, -1 none */
	bool sole;    /* answer: no row of another collection may be mistaken for it */
	bool guessed; /* answer: the candidate has more than was sent */
};

/* Suspects come collection by collection. Returns how many candidates answer to none. */
size_t osy_load_assign(struct osy_arena *arena, const struct osy_lassign_column *columns,
	size_t column_count, struct osy_lsuspect *suspects, size_t suspect_count,
	struct osy_lcandidate *candidates, size_t candidate_count, bool may_guess);

#endif
