/*
 * The id map: source record id -> target record id, per pair of orgs and pair of objects. Redis
 * answers; its truth is the log in Postgres (tables idmap, idmap_log), from which it is rebuilt
 * when Redis was emptied or restarted.
 *
 * In Redis: hashes bucketed so that each stays in its compact encoding; field and value are ids
 * packed to 9 bytes, the key prefixes belong to the bucket's name. `<prefix>:gen:<pair>` holds the
 * run_id of the server that was filled; when it is missing or differs, nothing that Redis says
 * counts until the pair has been rebuilt.
 *
 * One idmap object a thread; it borrows its osy_redis and osy_pg.
 */
#ifndef OSY_IDMAP_H
#define OSY_IDMAP_H

#include "osy/pg.h"
#include "osy/redis.h"
#include "osy/sf_id.h"

struct osy_idmap;

struct osy_idmap *osy_idmap_new(struct osy_redis *redis, struct osy_pg *pg, const char *prefix);
struct osy_idmap *osy_idmap_free(struct osy_idmap *idmap);

/* ---- Shape (coordinator, before a run starts) ---- */
/* The number of the pair of orgs; made when it is new. */
enum osy_code osy_idmap_pair(struct osy_pg *pg, const char *source_org_id,
	const char *target_org_id, int *ret_pair, struct osy_err *err) OSY_CHECKED;
/*
 * Makes sure that the pair of objects has a row in `idmap` with buckets for about expected mappings
 * (a power of two). Grows the number of buckets only when grow is set (no run of the pair is
 * active); then the pair is rebuilt.
 */
enum osy_code osy_idmap_shape(struct osy_pg *pg, int pair, const char source_prefix[3],
	const char target_prefix[3], const char *source_object, const char *target_object,
	int64_t expected, bool grow, struct osy_err *err) OSY_CHECKED;

/* ---- Asking: queue any number, one pipelined round trip ---- */
struct osy_idmap_ask {
	int pair;
	struct osy_id source;
	char target_prefix[4]; /* of the object that is looked for */
	struct osy_id target;  /* answer: c[0] == 0 when unmapped */
	bool unknown;	       /* answer: marked OUTCOME_UNKNOWN */
};
/*
 * Answers all asks. Rebuilds the pairs concerned first when their generation is not there (this
 * blocks, and is told by *ret_rebuilt: the caller's loop stalls, so it must not hold leases by it).
 */
enum osy_code osy_idmap_get(struct osy_idmap *idmap, struct osy_idmap_ask *asks, size_t count,
	bool *ret_rebuilt, struct osy_err *err) OSY_CHECKED;

/* ---- Writing ---- */
struct osy_idmap_entry {
	struct osy_id source, target; /* target not set: the mapping is dropped */
	bool unknown;		      /* mark OUTCOME_UNKNOWN instead of a target */
};
/*
 * Writes mappings of one pair of objects to Redis by a script that refuses an epoch older than the
 * lane's (lane_key is
 * "<run>:<pass>:<lane>"): OSY_E_FENCED. All of one osy_idmap_put are one script call.
 */
enum osy_code osy_idmap_put(struct osy_idmap *idmap, int pair, const char source_prefix[3],
	const char target_prefix[3], const char *lane_key, int64_t epoch,
	const struct osy_idmap_entry *entries, size_t count, struct osy_err *err) OSY_CHECKED;
/*
 * A put comes before the log's commit. When the pair was rebuilt in between, the rebuild has not
 * seen the log's new rows and has dropped the put: ask here after the commit, and put again when
 * *ret_same is false.
 */
enum osy_code osy_idmap_confirm(
	struct osy_idmap *idmap, int pair, bool *ret_same, struct osy_err *err) OSY_CHECKED;
/* A number for the filling of Redis that this object works with: what was put under one number went
 * to one filling. */
uint64_t osy_idmap_filling(struct osy_idmap *idmap, int pair);
/* Raises the lane's epoch in Redis: a take-over does this before anything else. */
enum osy_code osy_idmap_raise(struct osy_idmap *idmap, const char *lane_key, int64_t epoch,
	struct osy_err *err) OSY_CHECKED;
/* The packed `pairs` of idmap_log for the same entries, with the smallest and largest source id.
 * Drops are left out. */
void osy_idmap_pack(const struct osy_idmap_entry *entries, size_t count, struct osy_buf *out,
	struct osy_id *ret_smallest, struct osy_id *ret_largest);

/*
 * ---- Claims: which source record of a run has taken a match key (64-bit hash) ----
 * Answers, for each, who holds it: the asker itself (also when it had it before) or another.
 */
struct osy_idmap_claim {
	int object; /* index in the spec */
	int pair;   /* of the run: a claim counts only while the pair's generation stands */
	uint64_t key_hash;
	struct osy_id source;
	struct osy_id holder; /* answer */
};
enum osy_code osy_idmap_claim(struct osy_idmap *idmap, const char *run,
	struct osy_idmap_claim *claims, size_t count, struct osy_err *err) OSY_CHECKED;
/* Before a later pass of a run: what its earlier ones have claimed, from Postgres. */
enum osy_code osy_idmap_claims_fill(
	struct osy_idmap *idmap, const char *run, struct osy_err *err) OSY_CHECKED;
/* Forgets the claims of a run that has ended. */
enum osy_code osy_idmap_claims_drop(
	struct osy_idmap *idmap, const char *run, struct osy_err *err) OSY_CHECKED;

/*
 * ---- Rebuild ----
 * Under an advisory lock in Postgres: writes the whole log of the pair and the claims of its active
 * runs (from batch.intent, see osy/intent.h) to Redis, then the generation. Several callers: one
 * works, the others wait for it.
 */
enum osy_code osy_idmap_rebuild(struct osy_idmap *idmap, int pair, struct osy_err *err) OSY_CHECKED;

/* How many records of a pair Redis knows: mappings, and marks of unknown outcomes. */
enum osy_code osy_idmap_count(
	struct osy_idmap *idmap, int pair, int64_t *ret, struct osy_err *err) OSY_CHECKED;

#endif
