/*
 * Failpoints: places where a test makes the program stop, wait or fail. Compiled in with
 * -DOSY_FAILPOINTS only.
 *
 * ORGSYNC_FAILPOINTS="worker.after_send=kill@3;coordinator.commit=delay:500;x.y=error@1" arms them:
 * `kill` is SIGKILL to itself, `stop` SIGSTOP, `delay:MS` waits, `error` makes OSY_FAILPOINT()
 * true; `@n` means the n-th pass only.
 */
#ifndef OSY_FAILPOINT_H
#define OSY_FAILPOINT_H

#include <stdbool.h>

#ifdef OSY_FAILPOINTS
bool osy_failpoint(const char *name);
#define OSY_FAILPOINT(name) osy_failpoint(name)
#else
#define OSY_FAILPOINT(name) (false)
#endif

#endif
