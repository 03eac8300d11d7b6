#include "idmap_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/clock.h"
#include "osy/log.h"
#include "osy/mem.h"

/* Mappings a script call carries at most. */
#define CHUNK 4000
/* How often an operation is tried anew because the generation moved under it. */
#define TRIES 5

/* KEYS: gen, map prefix. ARGV: blob of (bucket u32, field 9). Gives {gen, blob of 9 bytes each}. */
static const char *const script_get =
	"local out = {}\n"
	"local blob = ARGV[1]\n"
	"local none = string.rep(string.char(255), 9)\n"
	"for i = 1, #blob, 13 do\n"
	"  local v = redis.call('HGET', KEYS[2] .. struct.unpack('>I4', blob, i), string.sub(blob, "
	"i + 4, i + 12))\n"
	"  out[#out + 1] = v or none\n"
	"end\n"
	"return {redis.call('GET', KEYS[1]) or '', table.concat(out)}\n";

/*
 * KEYS: gen, map prefix, lane epoch. ARGV: gen as it must be, epoch, blob of (bucket u32, field 9,
 * value 9). Gives 0, or 1: the generation moved, 2: a newer epoch owns the lane.
 */
static const char *const script_put =
	"if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 1 end\n"
	"local known = tonumber(redis.call('GET', KEYS[3]) or '0')\n"
	"if tonumber(ARGV[2]) < known then return 2 end\n"
	"local blob = ARGV[3]\n"
	"local none = string.rep(string.char(255), 9)\n"
	"for i = 1, #blob, 22 do\n"
	"  local key = KEYS[2] .. struct.unpack('>I4', blob, i)\n"
	"  local field, value = string.sub(blob, i + 4, i + 12), string.sub(blob, i + 13, i + 21)\n"
	"  if value == none then redis.call('HDEL', key, field) else redis.call('HSET', key, "
	"field, value) end\n"
	"end\n"
	"return 0\n";

/* KEYS: lane epoch. ARGV: epoch, seconds that it is kept. */
static const char *const script_raise =
	"local known = tonumber(redis.call('GET', KEYS[1]) or '0')\n"
	"if tonumber(ARGV[1]) > known then redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end\n"
	"return math.max(known, tonumber(ARGV[1]))\n";

#define EPOCH_KEPT_SECONDS "2592000"

struct osy_idmap *osy_idmap_new(struct osy_redis *redis, struct osy_pg *pg, const char *prefix)
{
	struct osy_idmap *idmap = osy_xcalloc(1, sizeof(*idmap));

	idmap->redis = redis;
	idmap->pg = pg;
	idmap->prefix = osy_xstrdup(prefix);
	idmap->scratch = OSY_BUF(4u * 1024 * 1024);
	return idmap;
}

struct osy_idmap *osy_idmap_free(struct osy_idmap *idmap)
{
	if (!idmap)
		return NULL;
	while (idmap->pairs) {
		struct osy_idmap_pair *pair = idmap->pairs;
		idmap->pairs = pair->next;
		free(pair->shapes);
		free(pair);
	}
	osy_buf_done(&idmap->scratch);
	free(idmap->prefix);
	free(idmap);
	return NULL;
}

struct osy_idmap_pair *osy_idmap_pair_of(struct osy_idmap *idmap, int pair)
{
	struct osy_idmap_pair *p = idmap->pairs;

	while (p && p->pair != pair)
		p = p->next;
	if (!p) {
		p = osy_xcalloc(1, sizeof(*p));
		p->pair = pair;
		p->next = idmap->pairs;
		idmap->pairs = p;
	}
	return p;
}

/* ---- Names and blobs ---- */
struct osy_str osy_idmap_gen_key(struct osy_idmap *idmap, int pair, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s:gen:%d", idmap->prefix, pair);

	OSY_ASSERT(n > 0 && (size_t)n < size);
	return (struct osy_str){buf, (size_t)n};
}

struct osy_str osy_idmap_map_key(struct osy_idmap *idmap, int pair, const char source_prefix[3],
	const char target_prefix[3], char *buf, size_t size)
{
	int n = snprintf(
		buf, size, "%s:m:%d:%.3s%.3s:", idmap->prefix, pair, source_prefix, target_prefix);

	OSY_ASSERT(n > 0 && (size_t)n < size);
	return (struct osy_str){buf, (size_t)n};
}

uint32_t osy_idmap_bucket(const unsigned char packed[OSY_ID_PACKED], uint32_t buckets)
{
	return (uint32_t)osy_hash(packed, OSY_ID_PACKED, 0) & (buckets - 1);
}

void osy_idmap_put_u32(unsigned char *to, uint32_t n)
{
	to[0] = (unsigned char)(n >> 24);
	to[1] = (unsigned char)(n >> 16);
	to[2] = (unsigned char)(n >> 8);
	to[3] = (unsigned char)n;
}

static bool all_bytes(const char *p, unsigned char byte)
{
	for (int i = 0; i < OSY_ID_PACKED; i++) {
		if ((unsigned char)p[i] != byte)
			return false;
	}
	return true;
}

enum osy_code osy_idmap_eval(struct osy_idmap *idmap, const char *script,
	const struct osy_str *keys, size_t key_count, const struct osy_str *args, size_t arg_count,
	const struct osy_redis_reply **ret, struct osy_err *err)
{
	struct osy_str all[16] = {OSY_STR("EVAL"), osy_str(script)};
	char number[16];
	size_t n = 3;

	OSY_ASSERT(key_count + arg_count + n <= OSY_COUNT(all));
	snprintf(number, sizeof(number), "%zu", key_count);
	all[2] = osy_str(number);
	for (size_t i = 0; i < key_count; i++)
		all[n++] = keys[i];
	for (size_t i = 0; i < arg_count; i++)
		all[n++] = args[i];
	return osy_redis_call(idmap->redis, all, n, ret, err);
}

/* ---- Generations ---- */
bool osy_idmap_gen_fits(
	const struct osy_idmap *idmap, const struct osy_idmap_pair *pair, struct osy_str gen)
{
	char want[128];
	int n = snprintf(
		want, sizeof(want), "%s:%d:", osy_redis_run_id(idmap->redis), pair->generation);

	return gen.p && n > 0 && gen.len > (size_t)n && gen.len < sizeof(pair->gen) &&
	       memcmp(gen.p, want, (size_t)n) == 0;
}

static enum osy_code read_gen(
	struct osy_idmap *idmap, struct osy_idmap_pair *pair, bool *ret_fits, struct osy_err *err)
{
	char key[256];
	const struct osy_redis_reply *reply = NULL;
	const struct osy_str args[] = {
		OSY_STR("GET"), osy_idmap_gen_key(idmap, pair->pair, key, sizeof(key))};
	enum osy_code rc = osy_redis_call(idmap->redis, args, 2, &reply, err);

	if (rc)
		return rc;
	struct osy_str gen = osy_redis_str(reply);
	*ret_fits = osy_idmap_gen_fits(idmap, pair, gen);
	if (*ret_fits) {
		memcpy(pair->gen, gen.p, gen.len);
		pair->gen[gen.len] = 0;
	}
	return OSY_OK;
}

enum osy_code osy_idmap_ready(struct osy_idmap *idmap, struct osy_idmap_pair *pair,
	bool *ret_rebuilt, struct osy_err *err)
{
	bool fits = false;
	enum osy_code rc;

	if (pair->gen[0])
		return OSY_OK;
	rc = osy_idmap_load_shapes(idmap, pair, err);
	if (!rc)
		rc = osy_redis_ensure(idmap->redis, err);
	if (!rc)
		rc = read_gen(idmap, pair, &fits, err);
	if (rc || fits)
		return rc;
	*ret_rebuilt = true;
	rc = osy_idmap_rebuild(idmap, pair->pair, err);
	if (!rc)
		rc = read_gen(idmap, pair, &fits, err);
	if (!rc && !fits)
		return osy_fail(err, OSY_E_REDIS,
			"the id map of pair %d was rebuilt and is gone again; is Redis "
			"restarting?",
			pair->pair);
	return rc;
}

/*
 * The shape of a pair of objects; NULL when it has none. Another run may have made it since we
 * looked: then the table is read again. *ret_moved: its generation is another by now.
 */
static enum osy_code find_shape(struct osy_idmap *idmap, struct osy_idmap_pair *pair,
	const char source_prefix[3], const char target_prefix[3],
	const struct osy_idmap_shape_row **ret, bool *ret_moved, struct osy_err *err)
{
	const int generation = pair->generation;

	*ret = osy_idmap_shape_of(pair, source_prefix, target_prefix);
	if (*ret)
		return OSY_OK;
	enum osy_code rc = osy_idmap_load_shapes(idmap, pair, err);
	if (rc)
		return rc;
	*ret = osy_idmap_shape_of(pair, source_prefix, target_prefix);
	*ret_moved = pair->generation != generation;
	return OSY_OK;
}

/* ---- Asking ---- */

/* Of asks that are sorted: whether this one is the same as the one before. Children of one parent
 * ask for it one after the other. */
static bool asks_again(struct osy_idmap_ask **asks, size_t i)
{
	return i > 0 && osy_id_equal(&asks[i]->source, &asks[i - 1]->source);
}

/* asked: how many of them went to Redis. */
static enum osy_code read_answers(struct osy_str blob, struct osy_idmap_ask **asks, size_t count,
	size_t asked, struct osy_err *err)
{
	const char *p = blob.p;

	if (blob.len != asked * OSY_ID_PACKED)
		return osy_fail(
			err, OSY_E_REDIS, "Redis answered %zu bytes for %zu ids", blob.len, asked);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && !asks_again(asks, i))
			p += OSY_ID_PACKED;
		if (all_bytes(p, OSY_IDMAP_NONE))
			continue;
		if (all_bytes(p, OSY_IDMAP_UNKNOWN))
			asks[i]->unknown = true;
		else if (!osy_id_unpack(asks[i]->target_prefix, (const unsigned char *)p,
				 &asks[i]->target))
			return osy_fail(
				err, OSY_E_REDIS, "a value of the id map in Redis is no id");
	}
	return OSY_OK;
}

/* Asks of one shape, at most CHUNK; *ret_moved when the generation is not what it was. */
static enum osy_code get_chunk(struct osy_idmap *idmap, struct osy_idmap_pair *pair,
	const struct osy_idmap_shape_row *shape, struct osy_idmap_ask **asks, size_t count,
	bool *ret_moved, struct osy_err *err)
{
	char gen_key[256], map_key[256];
	const struct osy_redis_reply *reply = NULL;
	size_t asked = 0;

	osy_buf_reset(&idmap->scratch);
	for (size_t i = 0; i < count; i++) {
		unsigned char item[4 + OSY_ID_PACKED];
		if (asks_again(asks, i))
			continue;
		asked++;
		osy_id_pack(&asks[i]->source, item + 4);
		osy_idmap_put_u32(item, osy_idmap_bucket(item + 4, shape->buckets));
		osy_buf_add(&idmap->scratch, item, sizeof(item));
	}
	const struct osy_str keys[] = {
		osy_idmap_gen_key(idmap, pair->pair, gen_key, sizeof(gen_key)),
		osy_idmap_map_key(idmap, pair->pair, shape->source_prefix, shape->target_prefix,
			map_key, sizeof(map_key))};
	const struct osy_str args[] = {osy_buf_str(&idmap->scratch)};
	enum osy_code rc = osy_idmap_eval(idmap, script_get, keys, 2, args, 1, &reply, err);
	if (rc)
		return rc;
	*ret_moved = !osy_str_is(osy_redis_str(osy_redis_at(reply, 0)), pair->gen);
	if (*ret_moved)
		return OSY_OK;
	return read_answers(osy_redis_str(osy_redis_at(reply, 1)), asks, count, asked, err);
}

static int compare_shapes(const struct osy_idmap_ask *x, const struct osy_idmap_ask *y)
{
	if (x->pair != y->pair)
		return x->pair < y->pair ? -1 : 1;
	int order = memcmp(x->source.c, y->source.c, 3);
	return order ? order : memcmp(x->target_prefix, y->target_prefix, 3);
}

static int compare_asks(const void *a, const void *b)
{
	const struct osy_idmap_ask *x = *(struct osy_idmap_ask *const *)a,
				   *y = *(struct osy_idmap_ask *const *)b;
	int order = compare_shapes(x, y);

	return order ? order : memcmp(x->source.c, y->source.c, 15);
}

/* Asks that are sorted, from first on: as many as share the shape. */
static size_t same_shape(struct osy_idmap_ask **asks, size_t count)
{
	size_t n = 1;

	while (n < count && n < CHUNK && compare_shapes(asks[0], asks[n]) == 0)
		n++;
	return n;
}

static enum osy_code get_all(struct osy_idmap *idmap, struct osy_idmap_ask **asks, size_t count,
	bool *ret_moved, bool *ret_rebuilt, struct osy_err *err)
{
	for (size_t at = 0, n; at < count; at += n) {
		struct osy_idmap_pair *pair = osy_idmap_pair_of(idmap, asks[at]->pair);
		n = same_shape(asks + at, count - at);
		enum osy_code rc = osy_idmap_ready(idmap, pair, ret_rebuilt, err);
		if (rc)
			return rc;
		const struct osy_idmap_shape_row *shape = NULL;
		rc = find_shape(idmap, pair, asks[at]->source.c, asks[at]->target_prefix, &shape,
			ret_moved, err);
		if (!rc && shape && !*ret_moved)
			rc = get_chunk(idmap, pair, shape, asks + at, n, ret_moved, err);
		if (rc)
			return rc;
		if (*ret_moved) {
			pair->gen[0] = 0;
			return OSY_OK;
		}
	}
	return OSY_OK;
}

enum osy_code osy_idmap_get(struct osy_idmap *idmap, struct osy_idmap_ask *asks, size_t count,
	bool *ret_rebuilt, struct osy_err *err)
{
	OSY_AUTO_FREE struct osy_idmap_ask **order = osy_xmalloc((count + 1) * sizeof(*order));

	*ret_rebuilt = false;
	for (size_t i = 0; i < count; i++)
		order[i] = &asks[i];
	if (count)
		qsort(order, count, sizeof(*order), compare_asks);
	for (int attempt = 0; attempt < TRIES; attempt++) {
		bool moved = false;
		for (size_t i = 0; i < count; i++) {
			asks[i].target.c[0] = 0;
			asks[i].unknown = false;
		}
		enum osy_code rc = get_all(idmap, order, count, &moved, ret_rebuilt, err);
		if (rc || !moved)
			return rc;
	}
	return osy_fail(err, OSY_E_REDIS,
		"the id map is being rebuilt again and again; is Redis restarting?");
}

/* ---- Writing ---- */
static void pack_entry(const struct osy_idmap_entry *entry, uint32_t buckets, struct osy_buf *out)
{
	unsigned char item[4 + 2 * OSY_ID_PACKED];

	osy_id_pack(&entry->source, item + 4);
	osy_idmap_put_u32(item, osy_idmap_bucket(item + 4, buckets));
	if (entry->unknown)
		memset(item + 4 + OSY_ID_PACKED, OSY_IDMAP_UNKNOWN, OSY_ID_PACKED);
	else if (!osy_id_is_set(&entry->target))
		memset(item + 4 + OSY_ID_PACKED, OSY_IDMAP_NONE, OSY_ID_PACKED);
	else
		osy_id_pack(&entry->target, item + 4 + OSY_ID_PACKED);
	osy_buf_add(out, item, sizeof(item));
}

static struct osy_str epoch_key(
	struct osy_idmap *idmap, const char *lane_key, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s:epoch:%s", idmap->prefix, lane_key);

	OSY_ASSERT(n > 0 && (size_t)n < size);
	return (struct osy_str){buf, (size_t)n};
}

enum put_answer { PUT_DONE, PUT_MOVED, PUT_FENCED };

static enum osy_code put_chunk(struct osy_idmap *idmap, struct osy_idmap_pair *pair,
	const struct osy_idmap_shape_row *shape, struct osy_str epoch_name, int64_t epoch,
	const struct osy_idmap_entry *entries, size_t count, enum put_answer *ret,
	struct osy_err *err)
{
	char gen_key[256], map_key[256], number[24];
	const struct osy_redis_reply *reply = NULL;

	osy_buf_reset(&idmap->scratch);
	for (size_t i = 0; i < count; i++)
		pack_entry(&entries[i], shape->buckets, &idmap->scratch);
	snprintf(number, sizeof(number), "%lld", (long long)epoch);
	const struct osy_str keys[] = {
		osy_idmap_gen_key(idmap, pair->pair, gen_key, sizeof(gen_key)),
		osy_idmap_map_key(idmap, pair->pair, shape->source_prefix, shape->target_prefix,
			map_key, sizeof(map_key)),
		epoch_name};
	const struct osy_str args[] = {
		osy_str(pair->gen), osy_str(number), osy_buf_str(&idmap->scratch)};
	enum osy_code rc = osy_idmap_eval(idmap, script_put, keys, 3, args, 3, &reply, err);
	if (!rc)
		*ret = (enum put_answer)osy_redis_i64(reply, PUT_MOVED);
	return rc;
}

static enum osy_code put_all(struct osy_idmap *idmap, struct osy_idmap_pair *pair,
	const char source_prefix[3], const char target_prefix[3], struct osy_str epoch_name,
	int64_t epoch, const struct osy_idmap_entry *entries, size_t count, enum put_answer *ret,
	struct osy_err *err)
{
	bool rebuilt = false;
	enum osy_code rc = osy_idmap_ready(idmap, pair, &rebuilt, err);

	*ret = PUT_DONE;
	if (rc)
		return rc;
	const struct osy_idmap_shape_row *shape = NULL;
	bool moved = false;
	rc = find_shape(idmap, pair, source_prefix, target_prefix, &shape, &moved, err);
	if (rc)
		return rc;
	if (moved) {
		*ret = PUT_MOVED;
		return OSY_OK;
	}
	if (!shape)
		return osy_fail(err, OSY_E_INTERNAL,
			"the id map has no row for %.3s -> %.3s of pair %d", source_prefix,
			target_prefix, pair->pair);
	for (size_t at = 0; at < count && !rc && *ret == PUT_DONE; at += CHUNK) {
		size_t n = count - at < CHUNK ? count - at : CHUNK;
		rc = put_chunk(idmap, pair, shape, epoch_name, epoch, entries + at, n, ret, err);
	}
	return rc;
}

enum osy_code osy_idmap_put(struct osy_idmap *idmap, int pair_number, const char source_prefix[3],
	const char target_prefix[3], const char *lane_key, int64_t epoch,
	const struct osy_idmap_entry *entries, size_t count, struct osy_err *err)
{
	char buf[320];
	struct osy_str name = epoch_key(idmap, lane_key, buf, sizeof(buf));
	struct osy_idmap_pair *pair = osy_idmap_pair_of(idmap, pair_number);

	for (int attempt = 0; attempt < TRIES; attempt++) {
		enum put_answer answer;
		enum osy_code rc = put_all(idmap, pair, source_prefix, target_prefix, name, epoch,
			entries, count, &answer, err);
		if (rc || answer == PUT_DONE)
			return rc;
		if (answer == PUT_FENCED)
			return osy_fail(err, OSY_E_FENCED,
				"lane %s has a newer owner than epoch %lld", lane_key,
				(long long)epoch);
		pair->gen[0] = 0;
	}
	return osy_fail(err, OSY_E_REDIS,
		"the id map is being rebuilt again and again; is Redis restarting?");
}

enum osy_code osy_idmap_confirm(
	struct osy_idmap *idmap, int pair_number, bool *ret_same, struct osy_err *err)
{
	struct osy_idmap_pair *pair = osy_idmap_pair_of(idmap, pair_number);
	char key[256], before[sizeof(pair->gen)];
	const struct osy_redis_reply *reply = NULL;
	const struct osy_str args[] = {
		OSY_STR("GET"), osy_idmap_gen_key(idmap, pair_number, key, sizeof(key))};

	memcpy(before, pair->gen, sizeof(before));
	enum osy_code rc = osy_redis_call(idmap->redis, args, 2, &reply, err);
	if (rc)
		return rc;
	*ret_same = before[0] && osy_str_is(osy_redis_str(reply), before);
	if (!*ret_same)
		pair->gen[0] = 0;
	return OSY_OK;
}

uint64_t osy_idmap_filling(struct osy_idmap *idmap, int pair_number)
{
	const struct osy_idmap_pair *pair = osy_idmap_pair_of(idmap, pair_number);

	return osy_hash(pair->gen, strlen(pair->gen), 1);
}

enum osy_code osy_idmap_raise(
	struct osy_idmap *idmap, const char *lane_key, int64_t epoch, struct osy_err *err)
{
	char buf[320], number[24];
	const struct osy_redis_reply *reply = NULL;

	snprintf(number, sizeof(number), "%lld", (long long)epoch);
	const struct osy_str keys[] = {epoch_key(idmap, lane_key, buf, sizeof(buf))};
	const struct osy_str args[] = {osy_str(number), OSY_STR(EPOCH_KEPT_SECONDS)};
	enum osy_code rc = osy_idmap_eval(idmap, script_raise, keys, 1, args, 2, &reply, err);
	if (!rc && osy_redis_i64(reply, 0) > epoch)
		return osy_fail(err, OSY_E_FENCED, "lane %s has a newer owner than epoch %lld",
			lane_key, (long long)epoch);
	return rc;
}

void osy_idmap_pack(const struct osy_idmap_entry *entries, size_t count, struct osy_buf *out,
	struct osy_id *ret_smallest, struct osy_id *ret_largest)
{
	struct osy_id smallest = {{0}}, largest = {{0}};

	for (size_t i = 0; i < count; i++) {
		unsigned char packed[2 * OSY_ID_PACKED];
		const struct osy_idmap_entry *entry = &entries[i];
		if (entry->unknown || !osy_id_is_set(&entry->target))
			continue;
		osy_id_pack(&entry->source, packed);
		osy_id_pack(&entry->target, packed + OSY_ID_PACKED);
		osy_buf_add(out, packed, sizeof(packed));
		if (!smallest.c[0] || memcmp(entry->source.c, smallest.c, 15) < 0)
			smallest = entry->source;
		if (!largest.c[0] || memcmp(entry->source.c, largest.c, 15) > 0)
			largest = entry->source;
	}
	*ret_smallest = smallest;
	*ret_largest = largest;
}
