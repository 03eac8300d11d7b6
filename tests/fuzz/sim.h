/* What the targets of the simulator share. */
#ifndef FUZZ_SIM_H
#define FUZZ_SIM_H

#include "../simulator/sim_http.h"

/* An org with a few records and a session, made once. */
struct sim_org *fuzz_sim_org(const char **ret_authorization);
/* Without the records that inputs have left. */
void fuzz_sim_reset(struct sim_org *org);

static inline struct sim_str fuzz_str(const uint8_t *data, size_t size)
{
	return (struct sim_str){(const char *)data, size};
}

#endif
