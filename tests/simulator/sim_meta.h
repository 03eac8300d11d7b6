/*
 * What schema files say of an org's automation: validation rules, workflow rules, triggers, flows,
 * duplicate rules, record types. It becomes records of the metadata's own objects. Takes the
 * org's write lock.
 */
#ifndef SIM_META_H
#define SIM_META_H

#include "sim_json.h"
#include "sim_org.h"

bool sim_meta_has(const struct sim_json *doc); /* there is a list of ours in it */
/* lays them over what is there, by object and name; the message of a bad one, or NULL */
const char *sim_meta_load(struct sim_org *org, const struct sim_json *doc);
uint64_t sim_meta_entity(const struct sim_org *org, struct sim_str object); /* 0: none */

#endif
