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

/* ---- for those that change such records (sim_switch.c) ---- */
/* the record of this name; scope: where that field holds what is in `in`, NULL for anywhere */
uint64_t sim_meta_find(const struct sim_org *org, const char *object, const char *field,
	struct sim_str name, const char *scope, struct sim_str in);
/* members of a record, and its making (there: 0) or change; m is freed */
void sim_m_text(struct sim_buf *m, const char *key, struct sim_str value); /* p NULL: null */
void sim_m_raw(struct sim_buf *m, const char *key, const char *value);
const char *sim_m_put(struct sim_org *org, const char *object, uint64_t there, struct sim_buf *m,
	char ret_id[19]);

#endif
