/*
 * How many writes may fly to one org at once, while row locks are about. What holds for all workers
 * together, the org's budget knows (osy/budget.h): row locks that requests take from each other
 * bring it down to one, clean replies double it again. Here is what a worker does between two
 * turns: a lock stops it at once. Pure logic: no clock, no allocation.
 *
 * Nobody waits without an end: the number is at least one and goes round, and a request that flies
 * ends by its time limit, whatever its reply says.
 */
#ifndef OSY_LOAD_NARROW_H
#define OSY_LOAD_NARROW_H

#include "osy/budget.h"

bool osy_narrow_may_send(const struct osy_budget_locks *locks);
/* A request goes out. Returns its mark, which its reply brings back. */
unsigned osy_narrow_sent(struct osy_budget_locks *locks);
/* A request is over, with or without a reply. */
void osy_narrow_over(struct osy_budget_locks *locks);
/*
 * A reply brought rows that found a lock taken. True when the org is narrowed by it: not for a
 * request that was sent before the last step, nor for one that flew alone, whose lock is somebody
 * else's.
 */
bool osy_narrow_locked(struct osy_budget_locks *locks, unsigned mark);
/* A reply without such rows. */
void osy_narrow_clean(struct osy_budget_locks *locks, unsigned mark);

#endif
