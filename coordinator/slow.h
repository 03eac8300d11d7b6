/*
 * Slow callers of the HTTP server. A connection waits as long as the server has no whole request of
 * it, head and body: before the first, while one comes, between two. One that waits for longer than
 * OSY_SLOW_MS is cut off, however steadily its bytes drip in; and where more than `places`
 * connections are open, those that wait longest go first, so that whoever asks at once gets an
 * answer.
 *
 * All functions may be called by any thread. A connection is cut by shutting its socket; its own
 * thread closes it.
 */
#ifndef OSY_SLOW_H
#define OSY_SLOW_H

#include <stdbool.h>

#define OSY_SLOW_MS 15000

struct osy_slow;
struct osy_slow_caller;

struct osy_slow *osy_slow_new(unsigned places);	       /* starts a thread */
struct osy_slow *osy_slow_free(struct osy_slow *slow); /* after the last caller has gone */
/* A connection came (it waits); gives what the others take. */
struct osy_slow_caller *osy_slow_came(struct osy_slow *slow, int fd);
/* Before its socket is closed. Takes the caller. */
void osy_slow_went(struct osy_slow *slow, struct osy_slow_caller *caller);
/* A whole request is there, or refused already; or it waits for the next one. */
void osy_slow_waits(struct osy_slow *slow, struct osy_slow_caller *caller, bool waits);

#endif
