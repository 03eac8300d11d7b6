/*
 * How many writes may fly to one org at once. Row locks that requests of this worker take from each
 * other step it down to one; clean replies double it again, the more slowly the oftener it had to
 * step down. Pure logic: no clock, no allocation; the loader has one of these an org.
 *
 * Nobody waits without an end: the number is at least one, and a request that flies ends by its
 * time limit, whatever its reply says.
 */
#ifndef OSY_LOAD_NARROW_H
#define OSY_LOAD_NARROW_H

#include <stdbool.h>

struct osy_narrow {
	unsigned limit;	   /* 0: as many as the worker may */
	unsigned flying;   /* writes under way */
	unsigned clean;	   /* replies in a row since the last step, of requests sent after it */
	unsigned patience; /* clean replies that the next doubling takes; 0: never stepped down */
	unsigned steps;	   /* down, so far */
};

bool osy_narrow_may_send(const struct osy_narrow *narrow);
/* A request goes out. Returns its mark, which its reply brings back. */
unsigned osy_narrow_sent(struct osy_narrow *narrow);
/* A request is over, with or without a reply. */
void osy_narrow_over(struct osy_narrow *narrow);
/*
 * A reply brought rows that found a lock taken. True when the org is narrowed by it: not for a
 * request that was sent before the last step, nor for one that flew alone, whose lock is somebody
 * else's.
 */
bool osy_narrow_locked(struct osy_narrow *narrow, unsigned mark);
/* A reply without such rows; most: what the worker may at most. True when the limit went up. */
bool osy_narrow_clean(struct osy_narrow *narrow, unsigned mark, unsigned most);

#endif
