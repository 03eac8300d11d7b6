/*
 * The keys of a target object as one bulk read has found them, in Redis: hash of a match key ->
 * ids of the records that have it. The coordinator fills them for an object of a run, workers look
 * them up instead of asking the org. They say what the target held when they were read; whoever
 * finds a record by them reads it before relying on it, whoever finds none may still run into a
 * duplicate.
 *
 * `<prefix>:keys:<run>:<object>` is their state: whether they are whole, and for as long as they
 * are not, how far the reading has come. It is moved by the script that writes keys, and only from
 * what the writer knows it to be: so another coordinator goes on where the last one has come to,
 * and one that has been replaced, or whose Redis was emptied, finds that it has moved. It names
 * the server (run_id): after a restart nothing of it counts.
 *
 * The keys are in hashes, bucketed so that each stays in its compact encoding: field: 5 bytes of
 * the hash, value: packed ids of 9 bytes, two at most (then there are several). About 20 bytes a
 * key.
 */
#ifndef OSY_TARGET_KEYS_H
#define OSY_TARGET_KEYS_H

#include "osy/redis.h"
#include "osy/sf_id.h"

#define OSY_TARGET_KEYS_JOB 19
#define OSY_TARGET_KEYS_LOCATOR 512

/* One object of a run, as seen by one thread. Borrows redis. */
struct osy_target_keys {
	struct osy_redis *redis;
	char name[200]; /* of the state */
	char text[800]; /* the state as Redis has it; "": none that counts */
	char server[64];
	bool whole;
	uint32_t buckets;
	char nonce[20], stale[20]; /* stale: of a state that does not count */
	/* how far the reading has come: the Bulk job ("": none yet), the page, its row */
	char job[OSY_TARGET_KEYS_JOB], locator[OSY_TARGET_KEYS_LOCATOR];
	int64_t row, keys; /* keys: written so far */
};

void osy_target_keys_init(struct osy_target_keys *keys, struct osy_redis *redis, const char *prefix,
	const char *run, int object);

/* ---- Filling ---- */
/* What Redis has. text is "" when there is nothing, or nothing that counts. */
enum osy_code osy_target_keys_load(struct osy_target_keys *keys, struct osy_err *err) OSY_CHECKED;
/* Drops what there is and begins anew, with room for about expected keys. A job that was made
 * already is kept (its result is read from the start). */
enum osy_code osy_target_keys_begin(
	struct osy_target_keys *keys, int64_t expected, struct osy_err *err) OSY_CHECKED;
/* A key that was read; goes to Redis with the next osy_target_keys_put. */
void osy_target_keys_add(struct osy_buf *items, uint64_t hash, const struct osy_id *id);
/*
 * Writes items (and empties them), and moves the state to what job, locator and row of keys say by
 * now. whole: they are all there. *ret_moved: the state was not what it was, so nothing was
 * written: load it again.
 */
enum osy_code osy_target_keys_put(struct osy_target_keys *keys, struct osy_buf *items, bool whole,
	bool *ret_moved, struct osy_err *err) OSY_CHECKED;
/* Redis has no room for them. */
bool osy_target_keys_no_room(const struct osy_err *err);
/* Forgets them, state and all; object -1: those of all objects of the run. */
enum osy_code osy_target_keys_drop(struct osy_redis *redis, const char *prefix, const char *run,
	int object, struct osy_err *err) OSY_CHECKED;

/* ---- Looking up ---- */
struct osy_target_key {
	uint64_t hash;
	struct osy_id id; /* answer: the one record, not set: none, or several */
	bool several;	  /* answer */
};
/* prefix: of the target object's ids. *ret_whole: false: they are not all there, so there is no
 * answer. */
enum osy_code osy_target_keys_look(struct osy_target_keys *keys, const char prefix[3],
	struct osy_target_key *asks, size_t count, bool *ret_whole,
	struct osy_err *err) OSY_CHECKED;

#endif
