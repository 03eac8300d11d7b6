/*
 * The parts of reconciling: one group of batches at a time (a run's batches of one object that hold
 * inserts without a key whose replies are missing).
 */
#ifndef OSY_LOAD_RECONCILE_H
#define OSY_LOAD_RECONCILE_H

#include "load_internal.h"

#define OSY_RECONCILE_MAX 32

enum osy_reconcile_phase {
	OSY_RECONCILE_PAGE, /* the next page of candidates is to be asked for */
	OSY_RECONCILE_ASKING,
	OSY_RECONCILE_DECIDE, /* all candidates are there */
	OSY_RECONCILE_RECORD, /* decided; the lock is held until it is recorded */
};

struct osy_lreconcile {
	struct osy_lbatch *members[OSY_RECONCILE_MAX]; /* older sends first */
	size_t count;
	enum osy_reconcile_phase phase;
	int64_t lock; /* advisory lock held by the worker's connection */
	uint64_t connection;
	int64_t wait_until;
	unsigned waits;
	struct osy_lcall *call;
	struct osy_arena arena;
	struct osy_lbody *bodies;
	int64_t since; /* by the org's clock */
	/* columns of the batches that are compared, and how */
	unsigned *columns;
	struct osy_lassign_column *assign;
	size_t column_count;
	struct osy_lcandidate *candidates;
	size_t candidate_count, candidate_cap;
	char last[19];
	/* ids that are somebody's already: hashes, sorted */
	uint64_t *taken;
	size_t taken_count, taken_cap;
};

/* load_candidates.c */
void osy_reconcile_columns(struct osy_lreconcile *rec);
enum osy_code osy_reconcile_taken(
	struct osy_loader *loader, struct osy_lreconcile *rec, struct osy_err *err) OSY_CHECKED;
void osy_reconcile_page(struct osy_loader *loader, struct osy_lreconcile *rec);
void osy_reconcile_filter(struct osy_lreconcile *rec); /* drops candidates that are taken */

/* load_verdict.c: what is done with each member, given the candidates */
struct osy_lothers {
	bool alone;	     /* no other batch of the group is unsettled */
	int64_t youngest_ms; /* time since the last send of any of them */
};
void osy_reconcile_decide(struct osy_lreconcile *rec, const struct osy_lothers *others);

#endif
