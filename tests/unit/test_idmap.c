/* The id map on the real Redis and Postgres: asking, writing, fencing, claims, and what an emptied
 * Redis does to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "osy/clock.h"
#include "osy/idmap.h"
#include "osy/mem.h"

static struct osy_redis *redis;
static struct osy_pg *pg, *admin;
static struct osy_idmap *idmap;
static int pair;
static char prefix[64], database[64];

static struct osy_err err;
#define MUST(call)                                          \
	do {                                                \
		if (call)                                   \
			fail_msg("%s: %s", #call, err.msg); \
	} while (0)

static struct osy_id number(const char *prefix3, int n)
{
	char text[32];
	struct osy_id id;

	snprintf(text, sizeof(text), "%.3s%012d", prefix3, n);
	assert_true(osy_id_parse(osy_str(text), &id));
	return id;
}

static struct osy_id ask(int n, bool *ret_unknown)
{
	struct osy_idmap_ask a = {.pair = pair, .source = number("001", n), .target_prefix = "001"};
	bool rebuilt;

	MUST(osy_idmap_get(idmap, &a, 1, &rebuilt, &err));
	*ret_unknown = a.unknown;
	return a.target;
}

static bool is_mapped(int n)
{
	bool unknown;
	struct osy_id target = ask(n, &unknown), want = number("001", n + 1000000);

	if (osy_id_is_set(&target))
		assert_true(osy_id_equal(&target, &want));
	return osy_id_is_set(&target);
}

static void log_entries(const struct osy_idmap_entry *entries, size_t count)
{
	OSY_AUTO(osy_buf_done) struct osy_buf packed = OSY_BUF(1u << 20);
	struct osy_id smallest, largest;

	osy_idmap_pack(entries, count, &packed, &smallest, &largest);
	MUST(osy_pg_do(pg, NULL, &err,
		"INSERT INTO idmap_log (pair, source_prefix, target_prefix, smallest, largest, "
		"pairs) "
		"VALUES ($1, '001', '001', $2, $3, $4)",
		OSY_PG_I32(pair), OSY_PG_Z(smallest.c), OSY_PG_Z(largest.c),
		OSY_PG_BYTES(osy_buf_str(&packed))));
}

/* Maps from..to-1, in Redis and in the log. */
static void map(int from, int to)
{
	OSY_AUTO_FREE struct osy_idmap_entry *entries =
		osy_xcalloc((size_t)(to - from), sizeof(*entries));
	bool same = false;

	for (int i = from; i < to; i++)
		entries[i - from] = (struct osy_idmap_entry){
			.source = number("001", i), .target = number("001", i + 1000000)};
	MUST(osy_idmap_put(
		idmap, pair, "001", "001", "r:1:0", 5, entries, (size_t)(to - from), &err));
	log_entries(entries, (size_t)(to - from));
	MUST(osy_idmap_confirm(idmap, pair, &same, &err));
	assert_true(same);
}

static void empty_redis_of_ours(void)
{
	const struct osy_redis_reply *reply = NULL;
	char pattern[100];

	snprintf(pattern, sizeof(pattern), "%s:*", prefix);
	const struct osy_str scan[] = {OSY_STR("EVAL"),
		OSY_STR("for _, k in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', k) "
			"end return 1"),
		OSY_STR("0"), osy_str(pattern)};
	MUST(osy_redis_call(redis, scan, 4, &reply, &err));
}

static void test_put_and_get(void **state)
{
	(void)state;
	map(0, 5000);
	for (int i = 0; i < 5000; i += 997)
		assert_true(is_mapped(i));
	assert_false(is_mapped(5000));
}

static void test_many_asks_at_once(void **state)
{
	enum { N = 9000 };
	OSY_AUTO_FREE struct osy_idmap_ask *asks = osy_xcalloc(N, sizeof(*asks));
	bool rebuilt;

	(void)state;
	for (int i = 0; i < N; i++)
		asks[i] = (struct osy_idmap_ask){.pair = pair,
			.source = number(i % 3 ? "001" : "003", i),
			.target_prefix = "001"};
	MUST(osy_idmap_get(idmap, asks, N, &rebuilt, &err));
	for (int i = 0; i < N; i++)
		assert_int_equal(osy_id_is_set(&asks[i].target), i % 3 && i < 5000);
}

static void test_older_epoch_is_refused(void **state)
{
	struct osy_idmap_entry entry = {.source = number("001", 70000), .target = number("001", 1)};

	(void)state;
	MUST(osy_idmap_raise(idmap, "r:1:9", 7, &err));
	assert_int_equal(osy_idmap_put(idmap, pair, "001", "001", "r:1:9", 6, &entry, 1, &err),
		OSY_E_FENCED);
	assert_int_equal(osy_idmap_raise(idmap, "r:1:9", 6, &err), OSY_E_FENCED);
	assert_false(is_mapped(70000));
	MUST(osy_idmap_raise(idmap, "r:1:9", 7, &err));
}

static void test_drop_and_unknown(void **state)
{
	struct osy_idmap_entry drop = {.source = number("001", 80000)};
	struct osy_idmap_entry unknown = {.source = number("001", 80001), .unknown = true};
	bool is_unknown = false;

	(void)state;
	map(80000, 80001);
	assert_true(is_mapped(80000));
	MUST(osy_idmap_put(idmap, pair, "001", "001", "r:1:0", 5, &drop, 1, &err));
	assert_false(is_mapped(80000));
	MUST(osy_idmap_put(idmap, pair, "001", "001", "r:1:0", 5, &unknown, 1, &err));
	struct osy_id target = ask(80001, &is_unknown);
	assert_true(is_unknown && !osy_id_is_set(&target));
}

/* Some thrice, some that have no mapping between them: each ask has its own answer. */
static void test_asks_for_the_same(void **state)
{
	static const int numbers[] = {42, 7, 999999, 42, 8, 999999, 42, 999998, 7};
	struct osy_idmap_ask asks[OSY_COUNT(numbers)];
	bool rebuilt;

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(numbers); i++)
		asks[i] = (struct osy_idmap_ask){
			.pair = pair, .source = number("001", numbers[i]), .target_prefix = "001"};
	MUST(osy_idmap_get(idmap, asks, OSY_COUNT(asks), &rebuilt, &err));
	for (size_t i = 0; i < OSY_COUNT(numbers); i++) {
		bool is_unknown;
		struct osy_id alone = ask(numbers[i], &is_unknown);

		assert_string_equal(asks[i].target.c, alone.c);
		assert_int_equal(osy_id_is_set(&asks[i].target), numbers[i] < 999998);
	}
}

static void test_emptied_redis_is_filled_from_the_log(void **state)
{
	struct osy_idmap_ask a = {
		.pair = pair, .source = number("001", 42), .target_prefix = "001"};
	bool rebuilt = false, same = true;

	(void)state;
	empty_redis_of_ours();
	MUST(osy_idmap_confirm(idmap, pair, &same, &err));
	assert_false(same);
	MUST(osy_idmap_get(idmap, &a, 1, &rebuilt, &err));
	assert_true(rebuilt);
	assert_true(osy_id_is_set(&a.target));
	for (int i = 0; i < 5000; i += 499)
		assert_true(is_mapped(i));
	assert_false(is_mapped(60000));
}

/* Of a run long ago; the second one has been found by a later run since. */
static void test_a_filling_marks_unknown_what_has_no_mapping(void **state)
{
	bool lost = false, found = true;
	char id[19];

	(void)state;
	MUST(osy_pg_do(pg, NULL, &err,
		"ALTER TABLE run DROP CONSTRAINT run_source_fkey, DROP CONSTRAINT "
		"run_target_fkey"));
	MUST(osy_pg_do(pg, NULL, &err,
		"INSERT INTO run (id, template, doc, source, target, state, pair) VALUES ('old', "
		"'t', '{}', 'src', 'dst', 'Synced', $1)",
		OSY_PG_I32(pair)));
	for (int n = 90000; n < 90002; n++) {
		struct osy_id source = number("001", n);
		osy_id_18(&source, id);
		MUST(osy_pg_do(pg, NULL, &err,
			"INSERT INTO failure (run, pass, lane, at_offset, row_index, object, "
			"source_id, code, message) VALUES ('old', 1, 0, 0, $1, 0, $2, "
			"'OUTCOME_UNKNOWN', '')",
			OSY_PG_I32(n), OSY_PG_Z(id)));
	}
	map(90001, 90002);
	empty_redis_of_ours();
	(void)ask(90000, &lost);
	assert_true(lost);
	struct osy_id target = ask(90001, &found);
	assert_true(!found && osy_id_is_set(&target));
}

static void test_more_buckets_move_the_generation(void **state)
{
	bool same = true;

	(void)state;
	MUST(osy_idmap_shape(pg, pair, "001", "001", "Account", "Account", 1000000, false, &err));
	MUST(osy_idmap_confirm(idmap, pair, &same, &err));
	assert_true(same);
	MUST(osy_idmap_shape(pg, pair, "001", "001", "Account", "Account", 1000000, true, &err));
	/* Another process takes the new shape and fills Redis anew; this one notices at its next
	 * ask. */
	struct osy_redis *redis2 = osy_redis_new(getenv("ORGSYNC_REDIS_URL"));
	struct osy_idmap *other = osy_idmap_new(redis2, pg, prefix);
	struct osy_idmap_ask a = {
		.pair = pair, .source = number("001", 4999), .target_prefix = "001"};
	bool rebuilt = false;
	MUST(osy_idmap_get(other, &a, 1, &rebuilt, &err));
	assert_true(rebuilt && osy_id_is_set(&a.target));
	for (int i = 0; i < 5000; i += 499)
		assert_true(is_mapped(i));
	map(5000, 5100);
	assert_true(is_mapped(5050));
	osy_idmap_free(other);
	osy_redis_free(redis2);
}

static void test_claims(void **state)
{
	struct osy_idmap_claim claims[3] = {
		{.object = 1, .pair = pair, .key_hash = 11, .source = number("001", 1)},
		{.object = 1, .pair = pair, .key_hash = 11, .source = number("001", 2)},
		{.object = 2, .pair = pair, .key_hash = 11, .source = number("001", 3)}};
	struct osy_id first = number("001", 1), third = number("001", 3), second = number("001", 2);

	(void)state;
	for (int again = 0; again < 2; again++) {
		MUST(osy_idmap_claim(idmap, "run1", claims, 3, &err));
		assert_true(osy_id_equal(&claims[0].holder, &first));
		assert_true(osy_id_equal(&claims[1].holder, &first));
		assert_true(osy_id_equal(&claims[2].holder, &third));
	}
	MUST(osy_idmap_claims_drop(idmap, "run1", &err));
	MUST(osy_idmap_claim(idmap, "run1", claims + 1, 1, &err));
	assert_true(osy_id_equal(&claims[1].holder, &second));
}

static int set_up(void **state)
{
	const char *url = getenv("ORGSYNC_POSTGRES_URL"), *redis_url = getenv("ORGSYNC_REDIS_URL");
	char sql[200], own[1024];

	(void)state;
	if (!url || !redis_url) {
		fprintf(stderr, "test_idmap needs ORGSYNC_POSTGRES_URL and ORGSYNC_REDIS_URL: eval "
				"\"$(tests/stack env)\"\n");
		return -1;
	}
	snprintf(prefix, sizeof(prefix), "t%d", (int)getpid());
	snprintf(database, sizeof(database), "u_idmap_%d", (int)getpid());
	admin = osy_pg_new(url, "test", 10000);
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s", database);
	MUST(osy_pg_do(admin, NULL, &err, sql));
	const char *slash = strrchr(url, '/');
	snprintf(own, sizeof(own), "%.*s/%s", (int)(slash - url), url, database);
	pg = osy_pg_new(own, "test", 10000);
	MUST(osy_pg_migrate(pg, osy_migrations, osy_migrations_count, &err));
	redis = osy_redis_new(redis_url);
	idmap = osy_idmap_new(redis, pg, prefix);
	MUST(osy_idmap_pair(pg, "00D000000000001EAA", "00D000000000002EAA", &pair, &err));
	MUST(osy_idmap_shape(pg, pair, "001", "001", "Account", "Account", 5000, true, &err));
	return 0;
}

static int tear_down(void **state)
{
	char sql[200];

	(void)state;
	empty_redis_of_ours();
	osy_idmap_free(idmap);
	osy_redis_free(redis);
	osy_pg_free(pg);
	snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE)", database);
	MUST(osy_pg_do(admin, NULL, &err, sql));
	osy_pg_free(admin);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_and_get),
		cmocka_unit_test(test_many_asks_at_once),
		cmocka_unit_test(test_older_epoch_is_refused),
		cmocka_unit_test(test_drop_and_unknown),
		cmocka_unit_test(test_asks_for_the_same),
		cmocka_unit_test(test_emptied_redis_is_filled_from_the_log),
		cmocka_unit_test(test_a_filling_marks_unknown_what_has_no_mapping),
		cmocka_unit_test(test_more_buckets_move_the_generation),
		cmocka_unit_test(test_claims),
	};

	return cmocka_run_group_tests_name("idmap", tests, set_up, tear_down);
}
