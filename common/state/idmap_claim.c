/* Claims: hashes bucketed like the id map, field: 8 bytes of the key's hash, value: the source id,
 * 15 characters. */
#include <stdio.h>
#include <stdlib.h>

#include "idmap_internal.h"
#include "osy/mem.h"

#define BUCKETS 4096
#define ITEM (4 + 8 + 15)
#define CHUNK 2000
#define TRIES 5

/* KEYS: gen, claim prefix. ARGV: gen as it must be ("" any), blob of (bucket u32, hash 8, source
 * 15). Gives holders, or 1. */
static const char *const script_claim =
	"if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then return 1 end\n"
	"local blob, out = ARGV[2], {}\n"
	"for i = 1, #blob, 27 do\n"
	"  local key = KEYS[2] .. struct.unpack('>I4', blob, i)\n"
	"  local field, mine = string.sub(blob, i + 4, i + 11), string.sub(blob, i + 12, i + 26)\n"
	"  if redis.call('HSETNX', key, field, mine) == 1 then out[#out + 1] = mine\n"
	"  else out[#out + 1] = redis.call('HGET', key, field) end\n"
	"end\n"
	"return table.concat(out)\n";

static struct osy_str claim_key(
	struct osy_idmap *idmap, const char *run, int object, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s:claim:%s:%d:", idmap->prefix, run, object);

	OSY_ASSERT(n > 0 && (size_t)n < size);
	return (struct osy_str){buf, (size_t)n};
}

static void add_item(struct osy_buf *out, uint64_t hash, const struct osy_id *source)
{
	unsigned char item[ITEM];

	osy_idmap_put_u32(item, (uint32_t)(hash % BUCKETS));
	osy_idmap_put_u32(item + 4, (uint32_t)(hash >> 32));
	osy_idmap_put_u32(item + 8, (uint32_t)hash);
	memcpy(item + 12, source->c, 15);
	osy_buf_add(out, item, sizeof(item));
}

/* The blob in idmap->scratch, for one object of a run. pair NULL: whatever the generation. */
static enum osy_code claim_blob(struct osy_idmap *idmap, struct osy_idmap_pair *pair,
	const char *run, int object, const struct osy_redis_reply **ret, struct osy_err *err)
{
	char gen_key[256], key[256];
	const struct osy_str keys[] = {
		osy_idmap_gen_key(idmap, pair ? pair->pair : 0, gen_key, sizeof(gen_key)),
		claim_key(idmap, run, object, key, sizeof(key))};
	const struct osy_str args[] = {
		osy_str(pair ? pair->gen : ""), osy_buf_str(&idmap->scratch)};

	return osy_idmap_eval(idmap, script_claim, keys, 2, args, 2, ret, err);
}

static enum osy_code claim_some(struct osy_idmap *idmap, const char *run,
	struct osy_idmap_claim *claims, size_t count, bool *ret_moved, struct osy_err *err)
{
	struct osy_idmap_pair *pair =
		claims[0].pair ? osy_idmap_pair_of(idmap, claims[0].pair) : NULL;
	const struct osy_redis_reply *reply = NULL;
	bool rebuilt = false;
	enum osy_code rc = pair ? osy_idmap_ready(idmap, pair, &rebuilt, err) : OSY_OK;

	if (rc)
		return rc;
	osy_buf_reset(&idmap->scratch);
	for (size_t i = 0; i < count; i++)
		add_item(&idmap->scratch, claims[i].key_hash, &claims[i].source);
	rc = claim_blob(idmap, pair, run, claims[0].object, &reply, err);
	if (rc)
		return rc;
	*ret_moved = osy_redis_type(reply) == OSY_REDIS_INT;
	if (*ret_moved) {
		pair->gen[0] = 0;
		return OSY_OK;
	}
	struct osy_str holders = osy_redis_str(reply);
	if (holders.len != count * 15)
		return osy_fail(err, OSY_E_REDIS, "Redis answered %zu bytes for %zu claims",
			holders.len, count);
	for (size_t i = 0; i < count; i++) {
		memcpy(claims[i].holder.c, holders.p + i * 15, 15);
		claims[i].holder.c[15] = 0;
	}
	return OSY_OK;
}

enum osy_code osy_idmap_claim(struct osy_idmap *idmap, const char *run,
	struct osy_idmap_claim *claims, size_t count, struct osy_err *err)
{
	int attempts = 0;

	for (size_t at = 0, n; at < count; at += n) {
		bool moved = false;
		for (n = 1; at + n < count && n < CHUNK &&
			    claims[at + n].object == claims[at].object &&
			    claims[at + n].pair == claims[at].pair;)
			n++;
		enum osy_code rc = claim_some(idmap, run, claims + at, n, &moved, err);
		if (rc)
			return rc;
		if (moved && ++attempts == TRIES)
			return osy_fail(err, OSY_E_REDIS,
				"the id map is being rebuilt again and again; is Redis "
				"restarting?");
		if (moved)
			n = 0;
	}
	return OSY_OK;
}

enum osy_code osy_idmap_claims_load(struct osy_idmap *idmap, const char *run, int object,
	const uint64_t *hashes, const struct osy_id *sources, size_t count, struct osy_err *err)
{
	for (size_t at = 0; at < count; at += CHUNK) {
		const struct osy_redis_reply *reply = NULL;
		osy_buf_reset(&idmap->scratch);
		for (size_t i = at; i < count && i < at + CHUNK; i++)
			add_item(&idmap->scratch, hashes[i], &sources[i]);
		enum osy_code rc = claim_blob(idmap, NULL, run, object, &reply, err);
		if (rc)
			return rc;
	}
	return OSY_OK;
}

enum osy_code osy_idmap_claims_drop(struct osy_idmap *idmap, const char *run, struct osy_err *err)
{
	char pattern[256];

	snprintf(pattern, sizeof(pattern), "%s:claim:%s:*", idmap->prefix, run);
	return osy_redis_drop(idmap->redis, pattern, err);
}
