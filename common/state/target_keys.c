#include "osy/target_keys.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/clock.h"
#include "osy/mem.h"

#include "osy/banned.h"

#define A_BUCKET 90 /* keys on the average: hash-max-listpack-entries is 128 */
#define CHUNK 4000  /* keys a script call */
#define ASK 8
#define ITEM (ASK + OSY_ID_PACKED)
#define NONE 0xFF    /* 9 times */
#define SEVERAL 0xFE /* 9 times */
#define READ "r"
#define WHOLE "w"

/*
 * The bucket of a hash is its first four bytes, scaled. KEYS: state. ARGV: the state as it is, the
 * next one, buckets, nonce, blob of (hash 8, id 9). Gives 0, or 1: it is another.
 */
static const char *const script_put =
	"if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 1 end\n"
	"local scale, prefix, blob = ARGV[3] / 4294967296, KEYS[1] .. ':' .. ARGV[4] .. ':', "
	"ARGV[5]\n"
	"for i = 1, #blob, 17 do\n"
	"  local key = prefix .. math.floor(struct.unpack('>I4', blob, i) * scale)\n"
	"  local field, id = string.sub(blob, i + 3, i + 7), string.sub(blob, i + 8, i + 16)\n"
	"  if redis.call('HSETNX', key, field, id) == 0 then\n"
	"    local known = redis.call('HGET', key, field)\n"
	"    if #known == 9 and known ~= id then redis.call('HSET', key, field, known .. id) end\n"
	"  end\n"
	"end\n"
	"redis.call('SET', KEYS[1], ARGV[2])\n"
	"return 0\n";

/* KEYS: state. ARGV: blob of hashes. Gives 0: not whole; or the server's run_id and an answer of 9
 * bytes each. */
static const char *const script_look =
	"local server, buckets, nonce = string.match(redis.call('GET', KEYS[1]) or '', "
	"'^w (%S+) (%d+) (%x+) ')\n"
	"if not server then return 0 end\n"
	"local scale, prefix, blob, out = buckets / 4294967296, KEYS[1] .. ':' .. nonce .. ':', "
	"ARGV[1], {}\n"
	"local none, several = string.rep(string.char(255), 9), string.rep(string.char(254), 9)\n"
	"for i = 1, #blob, 8 do\n"
	"  local found = redis.call('HGET', prefix .. math.floor(struct.unpack('>I4', blob, i) * "
	"scale), string.sub(blob, i + 3, i + 7))\n"
	"  out[#out + 1] = not found and none or #found > 9 and several or found\n"
	"end\n"
	"return {server, table.concat(out)}\n";

void osy_target_keys_init(struct osy_target_keys *keys, struct osy_redis *redis, const char *prefix,
	const char *run, int object)
{
	*keys = (struct osy_target_keys){.redis = redis};
	int n = snprintf(keys->name, sizeof(keys->name), "%s:keys:%s:%d", prefix, run, object);
	OSY_ASSERT(n > 0 && (size_t)n < sizeof(keys->name));
}

static enum osy_code eval(struct osy_target_keys *keys, const char *script,
	const struct osy_str *args, size_t count, const struct osy_redis_reply **ret,
	struct osy_err *err)
{
	struct osy_str all[9] = {
		OSY_STR("EVAL"), osy_str(script), OSY_STR("1"), osy_str(keys->name)};

	OSY_ASSERT(count + 4 <= OSY_COUNT(all));
	memcpy(all + 4, args, count * sizeof(*args));
	return osy_redis_call(keys->redis, all, count + 4, ret, err);
}

/* ---- The state ---- */
/* A word of the state; "-" stands for an empty one. */
static bool take_word(struct osy_str *text, char *ret, size_t size)
{
	const char *end = text->len ? memchr(text->p, ' ', text->len) : NULL;
	size_t len = end ? (size_t)(end - text->p) : text->len;

	if (!len || len >= size)
		return false;
	memcpy(ret, text->p, len);
	ret[len] = 0;
	if (strcmp(ret, "-") == 0)
		ret[0] = 0;
	len += end ? 1 : 0;
	text->p += len;
	text->len -= len;
	return true;
}

static bool take_number(struct osy_str *text, int64_t most, int64_t *ret)
{
	char word[24];
	struct osy_err ignored = OSY_ERR_NONE;

	return take_word(text, word, sizeof(word)) &&
	       !osy_parse_i64(osy_str(word), 0, most, ret, &ignored);
}

static bool take_state(struct osy_target_keys *keys, struct osy_str text)
{
	char kind[4];
	int64_t buckets;

	if (!take_word(&text, kind, sizeof(kind)) ||
		!take_word(&text, keys->server, sizeof(keys->server)) ||
		!take_number(&text, UINT32_MAX, &buckets) ||
		!take_word(&text, keys->nonce, sizeof(keys->nonce)) ||
		!take_number(&text, INT64_MAX, &keys->keys) ||
		!take_word(&text, keys->job, sizeof(keys->job)) ||
		!take_word(&text, keys->locator, sizeof(keys->locator)) ||
		!take_number(&text, INT64_MAX, &keys->row))
		return false;
	keys->buckets = (uint32_t)buckets;
	keys->whole = strcmp(kind, WHOLE) == 0;
	return keys->whole || strcmp(kind, READ) == 0;
}

static void write_state(
	const struct osy_target_keys *keys, bool whole, char text[sizeof(keys->text)])
{
	int n = snprintf(text, sizeof(keys->text), "%s %s %u %s %lld %s %s %lld",
		whole ? WHOLE : READ, keys->server, keys->buckets, keys->nonce,
		(long long)keys->keys, keys->job[0] ? keys->job : "-",
		keys->locator[0] ? keys->locator : "-", (long long)keys->row);

	OSY_ASSERT(n > 0 && (size_t)n < sizeof(keys->text));
}

/* Written by a server that has been restarted since: nobody knows what of it is there. */
static bool is_of_server(const struct osy_target_keys *keys)
{
	return strcmp(keys->server, osy_redis_run_id(keys->redis)) == 0;
}

enum osy_code osy_target_keys_load(struct osy_target_keys *keys, struct osy_err *err)
{
	const struct osy_redis_reply *reply = NULL;
	const struct osy_str get[] = {OSY_STR("GET"), osy_str(keys->name)};
	enum osy_code rc = osy_redis_call(keys->redis, get, 2, &reply, err);

	if (rc)
		return rc;
	struct osy_str text = osy_redis_str(reply);
	struct osy_target_keys found = *keys;
	keys->text[0] = keys->stale[0] = 0;
	keys->whole = false;
	if (!text.p || text.len >= sizeof(keys->text) || !take_state(&found, text))
		return OSY_OK;
	if (!is_of_server(&found)) {
		memcpy(keys->stale, found.nonce, sizeof(keys->stale));
		return OSY_OK;
	}
	found.stale[0] = 0;
	*keys = found;
	memcpy(keys->text, text.p, text.len);
	keys->text[text.len] = 0;
	return OSY_OK;
}

enum osy_code osy_target_keys_begin(
	struct osy_target_keys *keys, int64_t expected, struct osy_err *err)
{
	char text[sizeof(keys->text)], stale[sizeof(keys->name) + 24];
	enum osy_code rc = osy_redis_ensure(keys->redis, err);

	if (rc)
		return rc;
	if (keys->text[0])
		memcpy(keys->stale, keys->nonce, sizeof(keys->stale));
	snprintf(keys->server, sizeof(keys->server), "%s", osy_redis_run_id(keys->redis));
	snprintf(keys->nonce, sizeof(keys->nonce), "%08x", (unsigned)osy_random_u64());
	keys->buckets = (uint32_t)(expected / A_BUCKET) + 1;
	keys->locator[0] = 0;
	keys->row = keys->keys = 0;
	keys->whole = false;
	write_state(keys, false, text);
	const struct osy_str set[] = {OSY_STR("SET"), osy_str(keys->name), osy_str(text)};
	rc = osy_redis_call(keys->redis, set, 3, NULL, err);
	if (rc)
		return rc;
	memcpy(keys->text, text, sizeof(keys->text));
	snprintf(stale, sizeof(stale), "%s:%s:*", keys->name, keys->stale);
	return keys->stale[0] ? osy_redis_drop(keys->redis, stale, err) : OSY_OK;
}

/* ---- Writing ---- */
static void put_u64(unsigned char to[8], uint64_t n)
{
	for (int i = 0; i < 8; i++)
		to[i] = (unsigned char)(n >> (56 - 8 * i));
}

void osy_target_keys_add(struct osy_buf *items, uint64_t hash, const struct osy_id *id)
{
	unsigned char item[ITEM];

	put_u64(item, hash);
	osy_id_pack(id, item + ASK);
	osy_buf_add(items, item, sizeof(item));
}

/* One call of the script, to the state text. */
static enum osy_code put_some(struct osy_target_keys *keys, struct osy_str items, const char *text,
	bool *ret_moved, struct osy_err *err)
{
	const struct osy_redis_reply *reply = NULL;
	char buckets[16];

	snprintf(buckets, sizeof(buckets), "%u", keys->buckets);
	const struct osy_str args[] = {
		osy_str(keys->text), osy_str(text), osy_str(buckets), osy_str(keys->nonce), items};
	enum osy_code rc = eval(keys, script_put, args, OSY_COUNT(args), &reply, err);
	if (rc)
		return rc;
	*ret_moved = osy_redis_i64(reply, 1) != 0 || !is_of_server(keys);
	if (!*ret_moved)
		memmove(keys->text, text, strlen(text) + 1);
	return OSY_OK;
}

/* All but the last call leave the state as it is: after a crash in between they are repeated. */
enum osy_code osy_target_keys_put(struct osy_target_keys *keys, struct osy_buf *items, bool whole,
	bool *ret_moved, struct osy_err *err)
{
	char text[sizeof(keys->text)];
	struct osy_str left = osy_buf_str(items);
	enum osy_code rc = OSY_OK;

	*ret_moved = false;
	keys->keys += (int64_t)(items->len / ITEM);
	while (!rc && !*ret_moved && left.len > CHUNK * ITEM) {
		rc = put_some(
			keys, (struct osy_str){left.p, CHUNK * ITEM}, keys->text, ret_moved, err);
		left.p += CHUNK * ITEM;
		left.len -= CHUNK * ITEM;
	}
	write_state(keys, whole, text);
	if (!rc && !*ret_moved)
		rc = put_some(keys, left.len ? left : OSY_STR(""), text, ret_moved, err);
	keys->whole = whole && !rc && !*ret_moved;
	osy_buf_reset(items);
	return rc;
}

bool osy_target_keys_no_room(const struct osy_err *err)
{
	return err->code == OSY_E_REDIS && strstr(err->msg, "OOM") != NULL;
}

enum osy_code osy_target_keys_drop(struct osy_redis *redis, const char *prefix, const char *run,
	int object, struct osy_err *err)
{
	char pattern[220];

	if (object < 0) {
		snprintf(pattern, sizeof(pattern), "%s:keys:%s:*", prefix, run);
		return osy_redis_drop(redis, pattern, err);
	}
	/* The state first: without it nobody looks at the keys. */
	snprintf(pattern, sizeof(pattern), "%s:keys:%s:%d", prefix, run, object);
	const struct osy_str unlink[] = {OSY_STR("UNLINK"), osy_str(pattern)};
	enum osy_code rc = osy_redis_call(redis, unlink, 2, NULL, err);
	snprintf(pattern, sizeof(pattern), "%s:keys:%s:%d:*", prefix, run, object);
	return rc ? rc : osy_redis_drop(redis, pattern, err);
}

/* ---- Looking up ---- */
static bool all_bytes(const char *p, unsigned char byte)
{
	for (int i = 0; i < OSY_ID_PACKED; i++) {
		if ((unsigned char)p[i] != byte)
			return false;
	}
	return true;
}

static enum osy_code take_answers(struct osy_str blob, const char prefix[3],
	struct osy_target_key *asks, size_t count, struct osy_err *err)
{
	if (blob.len != count * OSY_ID_PACKED)
		return osy_fail(
			err, OSY_E_REDIS, "Redis answered %zu bytes for %zu keys", blob.len, count);
	for (size_t i = 0; i < count; i++) {
		const char *p = blob.p + i * OSY_ID_PACKED;
		asks[i].several = all_bytes(p, SEVERAL);
		asks[i].id = (struct osy_id){{0}};
		if (asks[i].several || all_bytes(p, NONE))
			continue;
		if (!osy_id_unpack(prefix, (const unsigned char *)p, &asks[i].id))
			return osy_fail(err, OSY_E_REDIS,
				"a value of the keys of a target in Redis is no id");
	}
	return OSY_OK;
}

static enum osy_code look_some(struct osy_target_keys *keys, const char prefix[3],
	struct osy_target_key *asks, size_t count, bool *ret_whole, struct osy_err *err)
{
	OSY_AUTO_FREE char *blob = osy_xmalloc(count * ASK);
	const struct osy_redis_reply *reply = NULL;

	for (size_t i = 0; i < count; i++)
		put_u64((unsigned char *)blob + i * ASK, asks[i].hash);
	const struct osy_str args[] = {{blob, count * ASK}};
	enum osy_code rc = eval(keys, script_look, args, 1, &reply, err);
	if (rc)
		return rc;
	*ret_whole =
		osy_redis_type(reply) == OSY_REDIS_ARRAY &&
		osy_str_is(osy_redis_str(osy_redis_at(reply, 0)), osy_redis_run_id(keys->redis));
	if (!*ret_whole)
		return OSY_OK;
	return take_answers(osy_redis_str(osy_redis_at(reply, 1)), prefix, asks, count, err);
}

enum osy_code osy_target_keys_look(struct osy_target_keys *keys, const char prefix[3],
	struct osy_target_key *asks, size_t count, bool *ret_whole, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	*ret_whole = true;
	for (size_t at = 0, n; !rc && *ret_whole && at < count; at += n) {
		n = count - at < CHUNK ? count - at : CHUNK;
		rc = look_some(keys, prefix, asks + at, n, ret_whole, err);
	}
	return rc;
}
