/*
 * Reading the keys of target objects (key_read of the spec) before their stages open: one Bulk
 * query job of the target an object, `SELECT Id, <key fields>`, whose rows go to Redis
 * (osy/target_keys.h). Workers find targets by them instead of asking the org batch by batch.
 *
 * The reading goes on between two turns of the run's thread. A key that is unique in the target is
 * read while the stage before is being loaded, for a record that somebody inserts meanwhile gives
 * itself away as a duplicate; others when that stage has settled. How far the reading has come is
 * in Redis with the keys, so another coordinator goes on there. What Redis has lost is read again,
 * in an open stage as long as that pays; until it is there, and where the org makes no job, workers
 * ask batch by batch.
 *
 * The first pass alone: later ones find nearly everything by the id map.
 */
#ifndef OSY_KEYS_H
#define OSY_KEYS_H

#include "drive_run.h"
#include "osy/target_keys.h"

struct osy_keys;

struct osy_keys *osy_keys_new(struct osy_drive *drive);
/* A run that is to be aborted leaves no job behind. */
struct osy_keys *osy_keys_free(struct osy_keys *keys);
/* Does what can be done now, without waiting for anything. */
enum osy_code osy_keys_turn(struct osy_keys *keys, struct osy_err *err) OSY_CHECKED;
/* All stages before are settled: whether this one may open. Until it may, its keys are being read.
 */
bool osy_keys_may_open(struct osy_keys *keys, int stage);
/* It has settled: its keys are forgotten. */
void osy_keys_settled(struct osy_keys *keys, int stage);
/* Whether keys are to be read before a stage opens. */
bool osy_keys_of_stage(const struct osy_drive *drive, int stage);

/* ---- keys_read.c: one object ---- */
/* expected: about how many records the target has. */
struct key_read;
enum key_read_end {
	KEY_READ_GOES_ON,
	KEY_READ_WHOLE,
	KEY_READ_AGAIN, /* Redis is away: another one may begin where it has come to */
	KEY_READ_NONE,	/* there will be no keys: workers ask */
};
struct key_read *key_read_new(struct osy_drive *drive, struct osy_redis *redis,
	const struct osy_spec_object *object, int64_t expected);
struct key_read *key_read_free(struct key_read *read);
/* A step of it; why says what is to be told of the end. */
enum key_read_end key_read_turn(struct key_read *read, struct osy_err *why);
int64_t key_read_keys(const struct key_read *read); /* so far */
/* Nobody wants it any more: its job may go. */
void key_read_leave(struct key_read *read);

#endif
