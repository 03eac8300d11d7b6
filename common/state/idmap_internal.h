/*
 * Inside of the id map: shapes of the pairs that this thread knows, names of keys, scripts. See
 * osy/idmap.h.
 */
#ifndef OSY_IDMAP_INTERNAL_H
#define OSY_IDMAP_INTERNAL_H

#include "osy/idmap.h"

/* Values in Redis that are no packed id (62^12 is less than 0xFC... in 9 bytes). */
#define OSY_IDMAP_NONE 0xFF    /* 9 times: unmapped (in replies), drop (in writes) */
#define OSY_IDMAP_UNKNOWN 0xFE /* 9 times: OUTCOME_UNKNOWN */

struct osy_idmap_shape_row {
	char source_prefix[4], target_prefix[4];
	uint32_t buckets;
};

struct osy_idmap_pair {
	int pair;
	int generation; /* org_pair.generation */
	char gen[160];	/* what `gen` in Redis must be: "<run_id>:<generation>:<nonce>"; "": not
			   known */
	struct osy_idmap_shape_row *shapes;
	size_t shape_count;
	struct osy_idmap_pair *next;
};

struct osy_idmap {
	struct osy_redis *redis;
	struct osy_pg *pg;
	char *prefix;
	struct osy_idmap_pair *pairs;
	struct osy_buf scratch;
};

struct osy_idmap_pair *osy_idmap_pair_of(struct osy_idmap *idmap, int pair);
enum osy_code osy_idmap_load_shapes(
	struct osy_idmap *idmap, struct osy_idmap_pair *pair, struct osy_err *err) OSY_CHECKED;
const struct osy_idmap_shape_row *osy_idmap_shape_of(const struct osy_idmap_pair *pair,
	const char source_prefix[3], const char target_prefix[3]);
/* "<prefix>:gen:<pair>" and "<prefix>:m:<pair>:<source><target>:" */
struct osy_str osy_idmap_gen_key(struct osy_idmap *idmap, int pair, char *buf, size_t size);
struct osy_str osy_idmap_map_key(struct osy_idmap *idmap, int pair, const char source_prefix[3],
	const char target_prefix[3], char *buf, size_t size);
uint32_t osy_idmap_bucket(const unsigned char packed[OSY_ID_PACKED], uint32_t buckets);
void osy_idmap_put_u32(unsigned char *to, uint32_t n); /* big-endian */
/* Whether gen (as Redis holds it) belongs to the server that we talk to and to the pair's
 * generation. */
bool osy_idmap_gen_fits(
	const struct osy_idmap *idmap, const struct osy_idmap_pair *pair, struct osy_str gen);
/* Makes sure that pair->gen is known and true; rebuilds when it must. */
enum osy_code osy_idmap_ready(struct osy_idmap *idmap, struct osy_idmap_pair *pair,
	bool *ret_rebuilt, struct osy_err *err) OSY_CHECKED;
/* Runs a script: keys, then arguments; the reply is borrowed. */
enum osy_code osy_idmap_eval(struct osy_idmap *idmap, const char *script,
	const struct osy_str *keys, size_t key_count, const struct osy_str *args, size_t arg_count,
	const struct osy_redis_reply **ret, struct osy_err *err) OSY_CHECKED;
/* Stores claims without asking (rebuild). */
enum osy_code osy_idmap_claims_load(struct osy_idmap *idmap, const char *run, int object,
	const uint64_t *hashes, const struct osy_id *sources, size_t count,
	struct osy_err *err) OSY_CHECKED;

#endif
