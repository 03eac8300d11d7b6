/* Filling Redis anew from Postgres: the log of a pair, the marks of unknown outcomes, the claims of
 * its active runs. */
#include <stdio.h>
#include <stdlib.h>

#include "idmap_internal.h"
#include "osy/clock.h"
#include "osy/intent.h"
#include "osy/log.h"
#include "osy/mem.h"

#define ADVISORY_CLASS 0x6f73796d /* "osym" */
#define LOG_ROWS "500"
#define BUCKETS_AT_ONCE 1000u

/* KEYS: map prefix. ARGV: blob of (bucket u32, field 9, value 9), HSET (later ones win) or HSETNX.
 */
static const char *const script_load =
	"local blob = ARGV[1]\n"
	"local none = string.rep(string.char(255), 9)\n"
	"for i = 1, #blob, 22 do\n"
	"  local key = KEYS[1] .. struct.unpack('>I4', blob, i)\n"
	"  local field, value = string.sub(blob, i + 4, i + 12), string.sub(blob, i + 13, i + 21)\n"
	"  if value == none then redis.call('HDEL', key, field) else redis.call(ARGV[2], key, "
	"field, value) end\n"
	"end\n"
	"return 0\n";

static enum osy_code clear_shape(struct osy_idmap *idmap, int pair,
	const struct osy_idmap_shape_row *shape, struct osy_err *err)
{
	char key[256], name[300];
	struct osy_str prefix = osy_idmap_map_key(
		idmap, pair, shape->source_prefix, shape->target_prefix, key, sizeof(key));
	const struct osy_redis_reply *reply = NULL;
	enum osy_code rc = OSY_OK;

	for (uint32_t at = 0; at < shape->buckets && !rc; at += BUCKETS_AT_ONCE) {
		uint32_t left = shape->buckets - at;
		uint32_t end = at + (left < BUCKETS_AT_ONCE ? left : BUCKETS_AT_ONCE);
		for (uint32_t b = at; b < end; b++) {
			snprintf(name, sizeof(name), "%.*s%u", (int)prefix.len, prefix.p, b);
			osy_redis_cmd(idmap->redis, OSY_STR("UNLINK"), osy_str(name));
		}
		for (uint32_t b = at; b < end && !rc; b++)
			rc = osy_redis_next(idmap->redis, &reply, err);
	}
	return rc;
}

/* KEYS: map prefix. ARGV: the first bucket, the one behind the last. */
static const char *const script_count =
	"local n = 0\n"
	"for b = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do n = n + redis.call('HLEN', KEYS[1] .. "
	"string.format('%d', b)) end\n"
	"return n\n";

static enum osy_code load_blob(struct osy_idmap *idmap, int pair,
	const struct osy_idmap_shape_row *shape, const char *how, struct osy_err *err)
{
	char key[256];
	const struct osy_redis_reply *reply = NULL;
	const struct osy_str keys[] = {osy_idmap_map_key(
		idmap, pair, shape->source_prefix, shape->target_prefix, key, sizeof(key))};
	const struct osy_str args[] = {osy_buf_str(&idmap->scratch), osy_str(how)};

	return osy_idmap_eval(idmap, script_load, keys, 1, args, 2, &reply, err);
}

/* One row of the log. */
static enum osy_code load_row(struct osy_idmap *idmap, struct osy_idmap_pair *pair,
	struct osy_str source_prefix, struct osy_str target_prefix, struct osy_str pairs,
	bool tombstone, struct osy_err *err)
{
	if (source_prefix.len != 3 || target_prefix.len != 3 || pairs.len % (2 * OSY_ID_PACKED))
		return osy_fail(
			err, OSY_E_INTERNAL, "a row of idmap_log of pair %d is broken", pair->pair);
	const struct osy_idmap_shape_row *shape =
		osy_idmap_shape_of(pair, source_prefix.p, target_prefix.p);
	if (!shape)
		return OSY_OK;
	osy_buf_reset(&idmap->scratch);
	for (size_t at = 0; at < pairs.len; at += 2 * OSY_ID_PACKED) {
		unsigned char item[4 + 2 * OSY_ID_PACKED];
		memcpy(item + 4, pairs.p + at, 2 * OSY_ID_PACKED);
		if (tombstone)
			memset(item + 4 + OSY_ID_PACKED, OSY_IDMAP_NONE, OSY_ID_PACKED);
		osy_idmap_put_u32(item, osy_idmap_bucket(item + 4, shape->buckets));
		osy_buf_add(&idmap->scratch, item, sizeof(item));
	}
	return load_blob(idmap, pair->pair, shape, "HSET", err);
}

static enum osy_code load_log(
	struct osy_idmap *idmap, struct osy_idmap_pair *pair, struct osy_err *err)
{
	int64_t last = 0;

	for (;;) {
		OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
		enum osy_code rc = osy_pg_do(idmap->pg, &result, err,
			"SELECT id, source_prefix, target_prefix, pairs, tombstone FROM idmap_log "
			"WHERE pair = $1 AND id > $2 ORDER BY id LIMIT " LOG_ROWS,
			OSY_PG_I32(pair->pair), OSY_PG_I64(last));
		if (rc || !osy_pg_rows(result))
			return rc;
		for (size_t i = 0; i < osy_pg_rows(result); i++) {
			rc = load_row(idmap, pair, osy_pg_str(result, i, 1),
				osy_pg_str(result, i, 2), osy_pg_str(result, i, 3),
				osy_pg_i64(result, i, 4, 0) != 0, err);
			if (rc)
				return rc;
			last = osy_pg_i64(result, i, 0, 0);
		}
	}
}

/* Records whose outcome nobody knows stay marked, so that later passes only look for them; but for
 * those that a later run has found: its mapping is in the log, and the failure is another run's. */
static enum osy_code load_unknown(
	struct osy_idmap *idmap, struct osy_idmap_pair *pair, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(idmap->pg, &result, err,
		"SELECT DISTINCT f.source_id FROM failure f JOIN run r ON r.id = f.run WHERE "
		"r.pair = $1 AND f.code = '" OSY_FAIL_OUTCOME_UNKNOWN
		"' AND f.kind = 'record' AND f.resolved_pass IS NULL",
		OSY_PG_I32(pair->pair));

	for (size_t i = 0; !rc && i < osy_pg_rows(result); i++) {
		struct osy_id source;
		unsigned char item[4 + 2 * OSY_ID_PACKED];
		if (!osy_id_parse(osy_pg_str(result, i, 0), &source))
			continue;
		osy_id_pack(&source, item + 4);
		memset(item + 4 + OSY_ID_PACKED, OSY_IDMAP_UNKNOWN, OSY_ID_PACKED);
		for (size_t s = 0; s < pair->shape_count && !rc; s++) {
			const struct osy_idmap_shape_row *shape = &pair->shapes[s];
			if (memcmp(shape->source_prefix, source.c, 3) != 0)
				continue;
			osy_idmap_put_u32(item, osy_idmap_bucket(item + 4, shape->buckets));
			osy_buf_reset(&idmap->scratch);
			osy_buf_add(&idmap->scratch, item, sizeof(item));
			rc = load_blob(idmap, pair->pair, shape, "HSETNX", err);
		}
	}
	return rc;
}

static enum osy_code load_intent_claims(struct osy_idmap *idmap, const char *run, int object,
	struct osy_str packed, struct osy_err *err)
{
	struct osy_arena arena;
	struct osy_intent intent;

	osy_arena_init(&arena, 64u * 1024);
	enum osy_code rc = osy_intent_read(packed, &arena, &intent, err);
	if (!rc) {
		uint64_t *hashes = osy_arena_calloc(&arena, intent.count + 1u, sizeof(*hashes));
		struct osy_id *sources =
			osy_arena_calloc(&arena, intent.count + 1u, sizeof(*sources));
		size_t n = 0;
		for (unsigned i = 0; i < intent.count; i++) {
			if (intent.rows[i].claim && osy_id_is_set(&intent.rows[i].source)) {
				hashes[n] = intent.rows[i].claim;
				sources[n++] = intent.rows[i].source;
			}
		}
		rc = osy_idmap_claims_load(idmap, run, object, hashes, sources, n, err);
	}
	osy_arena_done(&arena);
	return rc;
}

/* Of all active runs of a pair, or (pair 0) of one run alone. */
static enum osy_code load_claims(
	struct osy_idmap *idmap, int pair, const char *only, struct osy_err *err)
{
	char run[64] = "";
	int64_t pass = 0, lane = 0, offset = -1;

	for (;;) {
		OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
		enum osy_code rc = osy_pg_do(idmap->pg, &result, err,
			"SELECT b.run, b.pass, b.lane, b.at_offset, coalesce(o.waiting_of, "
			"b.object), b.intent FROM batch b JOIN run r ON r.id = b.run LEFT JOIN "
			"run_object o ON o.run = b.run AND o.object = b.object WHERE (r.pair = $1 "
			"AND r.state IN ('Sync In Progress', 'Paused') OR r.id = $6) AND b.intent "
			"IS NOT NULL AND (b.run, b.pass, b.lane, b.at_offset) > ($2, $3, $4, $5) "
			"ORDER BY b.run, b.pass, b.lane, b.at_offset LIMIT " LOG_ROWS,
			OSY_PG_I32(pair), OSY_PG_Z(run), OSY_PG_I32(pass), OSY_PG_I32(lane),
			OSY_PG_I64(offset), OSY_PG_Z(only));
		if (rc || !osy_pg_rows(result))
			return rc;
		for (size_t i = 0; i < osy_pg_rows(result) && !rc; i++) {
			struct osy_str id = osy_pg_str(result, i, 0);
			snprintf(run, sizeof(run), "%.*s", (int)id.len, id.p);
			pass = osy_pg_i64(result, i, 1, 0);
			lane = osy_pg_i64(result, i, 2, 0);
			offset = osy_pg_i64(result, i, 3, 0);
			rc = load_intent_claims(idmap, run, (int)osy_pg_i64(result, i, 4, 0),
				osy_pg_str(result, i, 5), err);
		}
		if (rc)
			return rc;
	}
}

enum osy_code osy_idmap_claims_fill(struct osy_idmap *idmap, const char *run, struct osy_err *err)
{
	return load_claims(idmap, 0, run, err);
}

static enum osy_code fill(struct osy_idmap *idmap, struct osy_idmap_pair *pair, struct osy_err *err)
{
	char key[256], gen[sizeof(pair->gen)], server[64];
	struct osy_str gen_key = osy_idmap_gen_key(idmap, pair->pair, key, sizeof(key));
	const struct osy_str drop[] = {OSY_STR("DEL"), gen_key};
	enum osy_code rc = osy_redis_call(idmap->redis, drop, 2, NULL, err);

	/* Another server under the same address half-way: what went to the first is lost, so the
	 * whole must be done anew. */
	snprintf(server, sizeof(server), "%s", osy_redis_run_id(idmap->redis));
	for (size_t i = 0; i < pair->shape_count && !rc; i++)
		rc = clear_shape(idmap, pair->pair, &pair->shapes[i], err);
	if (!rc)
		rc = load_log(idmap, pair, err);
	if (!rc)
		rc = load_unknown(idmap, pair, err);
	if (!rc)
		rc = load_claims(idmap, pair->pair, NULL, err);
	if (rc)
		return rc;
	snprintf(gen, sizeof(gen), "%s:%d:%llx", server, pair->generation,
		(unsigned long long)osy_random_u64());
	const struct osy_str set[] = {OSY_STR("SET"), gen_key, osy_str(gen)};
	rc = osy_redis_call(idmap->redis, set, 3, NULL, err);
	if (!rc && strcmp(server, osy_redis_run_id(idmap->redis)) != 0)
		return osy_fail(err, OSY_E_REDIS, "Redis restarted while the id map was rebuilt");
	return rc;
}

static enum osy_code try_lock(struct osy_idmap *idmap, int pair, bool *ret_got, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(idmap->pg, &result, err, "SELECT pg_try_advisory_lock($1, $2)",
		OSY_PG_I32(ADVISORY_CLASS), OSY_PG_I32(pair));

	if (!rc)
		*ret_got = osy_pg_i64(result, 0, 0, 0) != 0;
	return rc;
}

static enum osy_code gen_stands(
	struct osy_idmap *idmap, struct osy_idmap_pair *pair, bool *ret_stands, struct osy_err *err)
{
	char key[256];
	const struct osy_redis_reply *reply = NULL;
	const struct osy_str get[] = {
		OSY_STR("GET"), osy_idmap_gen_key(idmap, pair->pair, key, sizeof(key))};
	enum osy_code rc = osy_redis_call(idmap->redis, get, 2, &reply, err);

	if (!rc)
		*ret_stands = osy_idmap_gen_fits(idmap, pair, osy_redis_str(reply));
	return rc;
}

static enum osy_code rebuild_locked(
	struct osy_idmap *idmap, struct osy_idmap_pair *pair, struct osy_err *err)
{
	int64_t begin = osy_mono_ms();
	uint64_t session = osy_pg_generation(idmap->pg);
	bool stands = false;
	enum osy_code rc = osy_idmap_load_shapes(idmap, pair, err);

	if (!rc)
		rc = gen_stands(idmap, pair, &stands, err);
	if (rc || stands)
		return rc;
	rc = fill(idmap, pair, err);
	if (rc)
		return rc;
	if (session != osy_pg_generation(idmap->pg))
		return osy_fail(err, OSY_E_POSTGRES,
			"the lock on the id map of pair %d was lost while it was rebuilt",
			pair->pair);
	osy_log(OSY_INFO, "idmap.rebuilt", OSY_KV_INT("pair", pair->pair),
		OSY_KV_INT("elapsed_ms", osy_mono_ms() - begin));
	return OSY_OK;
}

enum osy_code osy_idmap_rebuild(struct osy_idmap *idmap, int pair_number, struct osy_err *err)
{
	struct osy_idmap_pair *pair = osy_idmap_pair_of(idmap, pair_number);
	bool locked = false;
	enum osy_code rc = osy_redis_ensure(idmap->redis, err);

	pair->gen[0] = 0;
	while (!rc && !locked) {
		rc = try_lock(idmap, pair_number, &locked, err);
		if (!rc && !locked) {
			struct osy_err ignored = OSY_ERR_NONE;
			OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
			/* Postgres does the waiting, so that a lost connection is seen. */
			if (osy_pg_do(idmap->pg, &result, &ignored, "SELECT pg_sleep(0.1)"))
				return osy_fail(err, ignored.code, "%s", ignored.msg);
		}
	}
	if (rc)
		return rc;
	rc = rebuild_locked(idmap, pair, err);
	struct osy_err ignored = OSY_ERR_NONE;
	(void)!osy_pg_do(idmap->pg, NULL, &ignored, "SELECT pg_advisory_unlock($1, $2)",
		OSY_PG_I32(ADVISORY_CLASS), OSY_PG_I32(pair_number));
	return rc;
}

static enum osy_code count_shape(struct osy_idmap *idmap, int pair,
	const struct osy_idmap_shape_row *shape, int64_t *count, struct osy_err *err)
{
	char key[256], from[16], to[16];
	const struct osy_str keys[] = {osy_idmap_map_key(
		idmap, pair, shape->source_prefix, shape->target_prefix, key, sizeof(key))};
	enum osy_code rc = OSY_OK;

	for (uint32_t at = 0; at < shape->buckets && !rc; at += BUCKETS_AT_ONCE) {
		const struct osy_redis_reply *reply = NULL;
		uint32_t left = shape->buckets - at;
		snprintf(from, sizeof(from), "%u", at);
		snprintf(to, sizeof(to), "%u",
			at + (left < BUCKETS_AT_ONCE ? left : BUCKETS_AT_ONCE));
		const struct osy_str args[] = {osy_str(from), osy_str(to)};
		rc = osy_idmap_eval(idmap, script_count, keys, 1, args, 2, &reply, err);
		if (!rc)
			*count += osy_redis_i64(reply, 0);
	}
	return rc;
}

enum osy_code osy_idmap_count(
	struct osy_idmap *idmap, int pair_number, int64_t *ret, struct osy_err *err)
{
	struct osy_idmap_pair *pair = osy_idmap_pair_of(idmap, pair_number);
	bool rebuilt = false;
	enum osy_code rc = osy_idmap_ready(idmap, pair, &rebuilt, err);

	*ret = 0;
	for (size_t i = 0; i < pair->shape_count && !rc; i++)
		rc = count_shape(idmap, pair_number, &pair->shapes[i], ret, err);
	return rc;
}
