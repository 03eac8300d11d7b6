/*
 * Row locks of one org, held by a request (any pointer names it) until it lets go of all. A
 * request that may not wait any longer is told so. Take them before the org's other locks.
 */
#ifndef SIM_LOCK_H
#define SIM_LOCK_H

#include "sim_base.h"

struct sim_locks;

struct sim_held {
	struct sim_locks *locks;
	uint64_t *oid;
	size_t n, cap;
};

struct sim_locks *sim_locks_new(void);
/* false when somebody else still holds it at the deadline (monotonic ms); *waited counts */
bool sim_lock(struct sim_held *h, uint64_t oid, int64_t deadline_ms, bool *waited);
void sim_unlock_all(struct sim_held *h);

#endif
