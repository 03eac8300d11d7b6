/*
 * Automation that is switched: what a PATCH of the Tooling API or a component of a deployment
 * changes in the records of the metadata (sim_meta.c) and in what it does to other records.
 */
#ifndef SIM_SWITCH_H
#define SIM_SWITCH_H

#include "sim_json.h"
#include "sim_org.h"
#include "sim_store.h"

/* the text of a field; p NULL for none */
struct sim_str sim_switch_text(
	const struct sim_org *org, const struct sim_rec *r, const char *field);
/* status: Active or Inactive; body: p NULL leaves it */
void sim_switch_trigger(struct sim_org *org, uint64_t oid, bool active, struct sim_str version,
	struct sim_str body);
void sim_switch_duplicate_rule(struct sim_org *org, uint64_t oid, bool active);
/* "Account.Same_Account" */
uint64_t sim_switch_find_duplicate_rule(const struct sim_org *org, struct sim_str full_name);

#endif
