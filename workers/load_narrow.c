#include "load_narrow.h"

#include "osy/err.h"

#include "osy/banned.h"

bool osy_narrow_may_send(const struct osy_budget_locks *locks)
{
	return !locks->limit || locks->flying < locks->share;
}

unsigned osy_narrow_sent(struct osy_budget_locks *locks)
{
	locks->flying++;
	return locks->steps;
}

void osy_narrow_over(struct osy_budget_locks *locks)
{
	OSY_ASSERT(locks->flying > 0);
	locks->flying--;
}

bool osy_narrow_locked(struct osy_budget_locks *locks, unsigned mark)
{
	if (mark != locks->steps)
		return false;
	bool alone = locks->limit == 1;
	locks->clean = 0;
	locks->locked = true;
	if (alone)
		return false;
	locks->limit = locks->share = 1;
	return true;
}

void osy_narrow_clean(struct osy_budget_locks *locks, unsigned mark)
{
	if (mark == locks->steps && !locks->locked)
		locks->clean++;
}
