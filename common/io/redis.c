#include <hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include "osy/mem.h"
#include "redis_internal.h"

#define REDIS_MAGIC 0x72656473u
#define MAX_QUEUE_BYTES (256u * 1024 * 1024)
#define TIMEOUT_S 2

struct osy_redis {
	unsigned magic;
	char *text; /* the URL as given */
	struct osy_redis_url url;
	bool parsed;
	redisContext *context; /* NULL: not connected */
	struct osy_buf queue;  /* commands not handed to hiredis yet */
	redisReply *reply;     /* the one that is lent out */
	char run_id[64];
};

struct osy_redis *osy_redis_new(const char *url)
{
	struct osy_redis *redis = osy_xcalloc(1, sizeof(*redis));

	redis->magic = REDIS_MAGIC;
	redis->text = osy_xstrdup(url);
	redis->queue = OSY_BUF(MAX_QUEUE_BYTES);
	return redis;
}

static void give_back_reply(struct osy_redis *redis)
{
	if (redis->reply)
		freeReplyObject(redis->reply);
	redis->reply = NULL;
}

/* After an error a context is dead for good; what was queued is lost with it. */
static void drop(struct osy_redis *redis)
{
	if (redis->context)
		redisFree(redis->context);
	redis->context = NULL;
	osy_buf_reset(&redis->queue);
}

struct osy_redis *osy_redis_free(struct osy_redis *redis)
{
	if (!redis)
		return NULL;
	OSY_ASSERT(redis->magic == REDIS_MAGIC);
	give_back_reply(redis);
	drop(redis);
	osy_buf_done(&redis->queue);
	osy_redis_url_done(&redis->url);
	explicit_bzero(redis->text, strlen(redis->text)); /* it may hold the password */
	free(redis->text);
	redis->magic = 0;
	free(redis);
	return NULL;
}

const char *osy_redis_run_id(const struct osy_redis *redis)
{
	return redis->run_id;
}

/* ---- Connecting: the one place, so that time-out, keepalive, login and database are never
 * forgotten ---- */

static enum osy_code broken(struct osy_redis *redis, struct osy_err *err)
{
	char text[160];

	snprintf(text, sizeof(text), "%s",
		redis->context && redis->context->errstr[0] ? redis->context->errstr : "no memory");
	drop(redis);
	return osy_fail_from(err, OSY_E_REDIS, "redis:connection",
		"the connection to Redis broke, or it did not answer within %d s: %s", TIMEOUT_S,
		text);
}

static enum osy_code open_context(struct osy_redis *redis, struct osy_err *err)
{
	struct timeval timeout = {TIMEOUT_S, 0};
	const struct osy_redis_url *url = &redis->url;
	redisContext *context = url->path ? redisConnectUnixWithTimeout(url->path, timeout)
					  : redisConnectWithTimeout(url->host, url->port, timeout);

	redis->context = context;
	if (!context || context->err)
		return broken(redis, err);
	/* the connect time-out does not bound commands, and is forgotten by a reconnect */
	if (redisSetTimeout(context, timeout) != REDIS_OK)
		return broken(redis, err);
	if (!url->path && redisEnableKeepAlive(context) != REDIS_OK)
		return broken(redis, err);
	return OSY_OK;
}

static void append(struct osy_redis *redis, const struct osy_str *args, size_t count)
{
	osy_buf_addf(&redis->queue, "*%zu\r\n", count);
	for (size_t i = 0; i < count; i++) {
		osy_buf_addf(&redis->queue, "$%zu\r\n", args[i].len);
		osy_buf_add(&redis->queue, args[i].p ? args[i].p : "", args[i].len);
		osy_buf_add(&redis->queue, "\r\n", 2);
	}
}

/* Hands what is queued to hiredis, which sends it before it reads. */
static enum osy_code flush(struct osy_redis *redis, struct osy_err *err)
{
	if (redis->queue.len > 0 && redisAppendFormattedCommand(redis->context, redis->queue.p,
					    redis->queue.len) != REDIS_OK)
		return broken(redis, err);
	osy_buf_reset(&redis->queue);
	return OSY_OK;
}

static enum osy_code take(struct osy_redis *redis, struct osy_err *err)
{
	void *reply = NULL;

	give_back_reply(redis);
	if (redisGetReply(redis->context, &reply) != REDIS_OK || !reply)
		return broken(redis, err);
	redis->reply = reply;
	return OSY_OK;
}

/* The first word of an error ("NOSCRIPT") to origin; its text without the arguments that Redis may
 * quote. */
static enum osy_code refused(const redisReply *reply, const char *what, struct osy_err *err)
{
	size_t word = strcspn(reply->str, " ");
	const char *args = strstr(reply->str, ", with args");
	size_t len = args ? (size_t)(args - reply->str) : reply->len;
	char origin[64];

	snprintf(origin, sizeof(origin), "redis:%.*s", (int)(word < 50 ? word : 50), reply->str);
	return osy_fail_from(err, OSY_E_REDIS, origin, "Redis refused %s: %.*s", what,
		(int)(len < 200 ? len : 200), reply->str);
}

static enum osy_code hand_shake_reply(
	struct osy_redis *redis, const char *what, struct osy_err *err)
{
	enum osy_code rc = take(redis, err);

	if (rc)
		return rc;
	if (redis->reply->type == REDIS_REPLY_ERROR)
		return refused(redis->reply, what, err);
	return OSY_OK;
}

static void queue_hand_shake(struct osy_redis *redis)
{
	const struct osy_redis_url *url = &redis->url;
	struct osy_str auth[3] = {OSY_STR("AUTH")};
	size_t count = 1;
	char db[24];

	if (url->user)
		auth[count++] = osy_str(url->user);
	if (osy_secret_is_set(&url->password)) {
		auth[count++] = osy_secret_open(&url->password);
		append(redis, auth, count);
	}
	snprintf(db, sizeof(db), "%lld", (long long)url->db);
	append(redis, (const struct osy_str[]){OSY_STR("SELECT"), osy_str(db)}, 2);
	append(redis, (const struct osy_str[]){OSY_STR("PING")},
		1); /* an error while it loads its dump */
	append(redis, (const struct osy_str[]){OSY_STR("INFO"), OSY_STR("memory")}, 2);
	append(redis, (const struct osy_str[]){OSY_STR("INFO"), OSY_STR("server")}, 2);
}

/* By INFO and not by CONFIG GET, which hosted Redis services forbid. */
static enum osy_code check_policy(struct osy_redis *redis, struct osy_err *err)
{
	char policy[32] = "";
	struct osy_str info = {redis->reply->str, redis->reply->len};

	if (redis->reply->type != REDIS_REPLY_STRING ||
		!osy_redis_info_field(info, "maxmemory_policy", policy, sizeof(policy)))
		return osy_fail_from(err, OSY_E_REDIS, "redis:policy",
			"Redis does not tell its maxmemory-policy; is it a Redis of version 4 or "
			"later?");
	if (strcmp(policy, "noeviction") != 0)
		return osy_fail_from(err, OSY_E_REDIS, "redis:policy",
			"Redis has maxmemory-policy %s, which may drop id maps; set it to "
			"noeviction",
			policy);
	return OSY_OK;
}

static enum osy_code read_run_id(struct osy_redis *redis, struct osy_err *err)
{
	struct osy_str info = {redis->reply->str, redis->reply->len};

	if (redis->reply->type != REDIS_REPLY_STRING ||
		!osy_redis_info_field(info, "run_id", redis->run_id, sizeof(redis->run_id)))
		return osy_fail_from(err, OSY_E_REDIS, "redis:run_id",
			"Redis does not tell its run_id in INFO server");
	return OSY_OK;
}

static enum osy_code hand_shake(struct osy_redis *redis, struct osy_err *err)
{
	enum osy_code rc;

	queue_hand_shake(redis);
	rc = flush(redis, err);
	if (!rc && osy_secret_is_set(&redis->url.password))
		rc = hand_shake_reply(redis, "the password", err);
	if (!rc)
		rc = hand_shake_reply(redis, "the database", err);
	if (!rc)
		rc = hand_shake_reply(redis, "a PING", err);
	if (!rc)
		rc = hand_shake_reply(redis, "INFO memory", err);
	if (!rc)
		rc = check_policy(redis, err);
	if (!rc)
		rc = hand_shake_reply(redis, "INFO server", err);
	if (!rc)
		rc = read_run_id(redis, err);
	return rc;
}

/* Leaves what the caller has queued in place; an error loses it. */
enum osy_code osy_redis_ensure(struct osy_redis *redis, struct osy_err *err)
{
	struct osy_buf queued;
	enum osy_code rc;

	OSY_ASSERT(redis->magic == REDIS_MAGIC);
	if (redis->context)
		return OSY_OK;
	if (!redis->parsed) {
		osy_redis_url_done(&redis->url);
		rc = osy_redis_url_parse(redis->text, &redis->url, err);
		if (rc)
			return rc;
		redis->parsed = true;
	}
	queued = redis->queue;
	redis->queue = OSY_BUF(MAX_QUEUE_BYTES);
	rc = open_context(redis, err);
	if (!rc)
		rc = hand_shake(redis, err);
	if (rc)
		drop(redis);
	osy_buf_done(&redis->queue);
	redis->queue = queued;
	if (rc)
		osy_buf_reset(&redis->queue);
	return rc;
}

/* ---- Commands ---- */

void osy_redis_push(struct osy_redis *redis, const struct osy_str *args, size_t count)
{
	OSY_ASSERT(redis->magic == REDIS_MAGIC && count > 0);
	append(redis, args, count);
}

enum osy_code osy_redis_next(
	struct osy_redis *redis, const struct osy_redis_reply **ret, struct osy_err *err)
{
	enum osy_code rc = osy_redis_ensure(redis, err);

	if (!rc)
		rc = flush(redis, err);
	if (!rc)
		rc = take(redis, err);
	if (!rc)
		*ret = (const struct osy_redis_reply *)redis->reply;
	return rc;
}

enum osy_code osy_redis_call(struct osy_redis *redis, const struct osy_str *args, size_t count,
	const struct osy_redis_reply **ret, struct osy_err *err)
{
	const struct osy_redis_reply *reply;
	char what[32];
	enum osy_code rc;

	osy_redis_push(redis, args, count);
	rc = osy_redis_next(redis, &reply, err);
	if (rc)
		return rc;
	snprintf(what, sizeof(what), "%.*s", (int)(args[0].len < 20 ? args[0].len : 20), args[0].p);
	if (osy_redis_type(reply) == OSY_REDIS_ERROR)
		return refused(redis->reply, what, err);
	if (ret)
		*ret = reply;
	return OSY_OK;
}

/* Deletes the keys of one page of a SCAN; *cursor is moved on ("0" at the end). */
static enum osy_code drop_page(
	struct osy_redis *redis, const char *pattern, char cursor[32], struct osy_err *err)
{
	const struct osy_redis_reply *reply = NULL;
	const struct osy_str scan[] = {OSY_STR("SCAN"), osy_str(cursor), OSY_STR("MATCH"),
		osy_str(pattern), OSY_STR("COUNT"), OSY_STR("1000")};
	enum osy_code rc = osy_redis_call(redis, scan, OSY_COUNT(scan), &reply, err);

	if (rc)
		return rc;
	const struct osy_redis_reply *found = osy_redis_at(reply, 1);
	size_t count = osy_redis_count(found);
	snprintf(cursor, 32, "%.*s", (int)osy_redis_str(osy_redis_at(reply, 0)).len,
		osy_redis_str(osy_redis_at(reply, 0)).p);
	if (!count)
		return OSY_OK;
	OSY_AUTO_FREE struct osy_str *unlink = osy_xcalloc(count + 1, sizeof(*unlink));
	unlink[0] = OSY_STR("UNLINK");
	for (size_t i = 0; i < count; i++)
		unlink[i + 1] = osy_redis_str(osy_redis_at(found, i));
	return osy_redis_call(redis, unlink, count + 1, NULL, err);
}

enum osy_code osy_redis_drop(struct osy_redis *redis, const char *pattern, struct osy_err *err)
{
	char cursor[32] = "0";
	enum osy_code rc;

	do {
		rc = drop_page(redis, pattern, cursor, err);
	} while (!rc && strcmp(cursor, "0") != 0);
	return rc;
}

/* ---- Replies ---- */

static const redisReply *reply_of(const struct osy_redis_reply *reply)
{
	return (const redisReply *)reply;
}

enum osy_redis_type osy_redis_type(const struct osy_redis_reply *reply)
{
	switch (reply_of(reply)->type) {
	case REDIS_REPLY_STRING:
	case REDIS_REPLY_STATUS:
		return OSY_REDIS_STR;
	case REDIS_REPLY_INTEGER:
		return OSY_REDIS_INT;
	case REDIS_REPLY_ARRAY:
		return OSY_REDIS_ARRAY;
	case REDIS_REPLY_ERROR:
		return OSY_REDIS_ERROR;
	default:
		return OSY_REDIS_NIL;
	}
}

struct osy_str osy_redis_str(const struct osy_redis_reply *reply)
{
	enum osy_redis_type type = osy_redis_type(reply);

	if (type != OSY_REDIS_STR && type != OSY_REDIS_ERROR)
		return OSY_STR_NULL;
	return (struct osy_str){reply_of(reply)->str, reply_of(reply)->len};
}

/* Redis gives numbers that it keeps as strings (GET, HGET) as text. */
int64_t osy_redis_i64(const struct osy_redis_reply *reply, int64_t otherwise)
{
	struct osy_err ignored;
	int64_t value;

	if (osy_redis_type(reply) == OSY_REDIS_INT)
		return reply_of(reply)->integer;
	if (osy_redis_type(reply) == OSY_REDIS_STR &&
		osy_parse_i64(osy_redis_str(reply), INT64_MIN, INT64_MAX, &value, &ignored) ==
			OSY_OK)
		return value;
	return otherwise;
}

size_t osy_redis_count(const struct osy_redis_reply *reply)
{
	return osy_redis_type(reply) == OSY_REDIS_ARRAY ? reply_of(reply)->elements : 0;
}

const struct osy_redis_reply *osy_redis_at(const struct osy_redis_reply *reply, size_t index)
{
	OSY_ASSERT(index < osy_redis_count(reply));
	return (const struct osy_redis_reply *)reply_of(reply)->element[index];
}
