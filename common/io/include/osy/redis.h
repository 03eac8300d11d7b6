/*
 * Redis over hiredis: one connection, synchronous, pipelined, every call with a hard time-out (2
 * s). Not thread-safe. After any error the connection is dropped and the next call connects anew
 * (timeout, keepalive, AUTH, SELECT).
 *
 * run_id is the server's own (INFO server), asked at each connection: when it changes, what was in
 * memory may be gone.
 */
#ifndef OSY_REDIS_H
#define OSY_REDIS_H

#include "osy/str.h"

struct osy_redis;
struct osy_redis_reply; /* borrowed */

enum osy_redis_type {
	OSY_REDIS_NIL,
	OSY_REDIS_STR,
	OSY_REDIS_INT,
	OSY_REDIS_ARRAY,
	OSY_REDIS_ERROR
};

struct osy_redis *osy_redis_new(const char *url); /* connects lazily; url copied */
struct osy_redis *osy_redis_free(struct osy_redis *redis);
/* Connects when needed; refuses a server whose maxmemory-policy is not noeviction. */
enum osy_code osy_redis_ensure(struct osy_redis *redis, struct osy_err *err) OSY_CHECKED;
const char *osy_redis_run_id(const struct osy_redis *redis); /* "" before the first connection */

/* Queues a command (arguments copied into the output buffer). */
void osy_redis_push(struct osy_redis *redis, const struct osy_str *args, size_t count);
/* osy_redis_cmd(redis, OSY_STR("GET"), key) */
#define osy_redis_cmd(redis, ...)                                      \
	osy_redis_push((redis), (const struct osy_str[]){__VA_ARGS__}, \
		sizeof((const struct osy_str[]){__VA_ARGS__}) / sizeof(struct osy_str))
/*
 * Sends what is queued and takes the next reply, in order; borrowed until the next call of
 * osy_redis_next. A Redis error reply is OSY_REDIS_ERROR in the reply, not an error of the call. On
 * a failed call all queued replies are lost.
 */
enum osy_code osy_redis_next(struct osy_redis *redis, const struct osy_redis_reply **ret,
	struct osy_err *err) OSY_CHECKED;
/* One command that must not answer with an error; its reply is borrowed until the next call. */
enum osy_code osy_redis_call(struct osy_redis *redis, const struct osy_str *args, size_t count,
	const struct osy_redis_reply **ret /* may be NULL */, struct osy_err *err) OSY_CHECKED;

/* Deletes all keys that a pattern of SCAN matches, a page at a time. */
enum osy_code osy_redis_drop(
	struct osy_redis *redis, const char *pattern, struct osy_err *err) OSY_CHECKED;

enum osy_redis_type osy_redis_type(const struct osy_redis_reply *reply);
struct osy_str osy_redis_str(
	const struct osy_redis_reply *reply); /* STR or ERROR text; p NULL otherwise */
int64_t osy_redis_i64(const struct osy_redis_reply *reply, int64_t otherwise);
size_t osy_redis_count(const struct osy_redis_reply *reply);
const struct osy_redis_reply *osy_redis_at(const struct osy_redis_reply *reply, size_t index);

#endif
