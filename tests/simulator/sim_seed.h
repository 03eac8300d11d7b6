/* Records that come in past the rules: seeds, the admin door's changes, generated ones. */
#ifndef SIM_SEED_H
#define SIM_SEED_H

#include "sim_http.h"

/* under the write lock; the row's id is its place already */
bool sim_seed_put(
	struct sim_org *org, struct sim_arena *a, struct sim_row *row, const char **error);
size_t sim_change(struct sim_org *org, char *text, size_t len, bool del, struct sim_buf *out,
	const char **error);
void sim_names_clear(struct sim_org *org);
uint64_t sim_generate(struct sim_org *org, const struct sim_json *spec, const char **error);
void sim_builtin(struct sim_org *org); /* users, profiles, price book and the like */

#endif
