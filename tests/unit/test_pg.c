/* common/io/pg*.c against the server of ORGSYNC_POSTGRES_URL, in a schema of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "osy/clock.h"
#include "osy/mem.h"
#include "osy/pg.h"

static const char *url;
static struct osy_pg *pg;
static struct osy_err err;

#define OK(call)                                                             \
	do {                                                                 \
		enum osy_code osy_rc_ = (call);                              \
		if (osy_rc_)                                                 \
			fail_msg("%s: %s (%s)", #call, err.msg, err.origin); \
	} while (0)

static int setup(void **state)
{
	(void)state;
	pg = osy_pg_new(url, "test_pg", 20000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pg = osy_pg_free(pg);
	return 0;
}

static int64_t one_i64(const char *sql)
{
	struct osy_pg_result *result;
	int64_t value;

	OK(osy_pg_exec(pg, sql, NULL, 0, &result, &err));
	assert_int_equal(osy_pg_rows(result), 1);
	value = osy_pg_i64(result, 0, 0, -77);
	osy_pg_result_free(result);
	return value;
}

static void test_scalars(void **state)
{
	struct osy_pg_result *r;

	(void)state;
	assert_int_equal(osy_pg_generation(pg), 0);
	OK(osy_pg_do(pg, &r, &err,
		"SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d, $5 AS e, $6::bigint AS f, $7 AS g, "
		"$8::jsonb AS h",
		OSY_PG_Z("h\xc3\xa9llo"), OSY_PG_I64(INT64_MIN), OSY_PG_I32(-5), OSY_PG_BOOL(true),
		OSY_PG_BYTES(OSY_STR("a\0b")), OSY_PG_NULL, OSY_PG_TEXT(OSY_STR_NULL),
		OSY_PG_Z("{\"a\": 1}")));
	assert_int_equal(osy_pg_rows(r), 1);
	assert_true(osy_str_is(osy_pg_str(r, 0, osy_pg_column(r, "a")), "h\xc3\xa9llo"));
	assert_true(osy_pg_i64(r, 0, 1, 0) == INT64_MIN);
	assert_int_equal(osy_pg_i64(r, 0, 2, 0), -5);
	assert_int_equal(osy_pg_i64(r, 0, 3, 0), 1);
	assert_true(osy_str_equal(osy_pg_str(r, 0, 4), OSY_STR("a\0b")));
	assert_true(osy_pg_is_null(r, 0, 5));
	assert_int_equal(osy_pg_i64(r, 0, 5, 42), 42);
	assert_null(osy_pg_str(r, 0, 6).p);
	assert_true(osy_str_is(osy_pg_str(r, 0, 7), "{\"a\": 1}"));
	assert_int_equal(osy_pg_column(r, "nope"), -1);
	osy_pg_result_free(r);
	assert_int_equal(osy_pg_generation(pg), 1);
}

static void test_types_of_results(void **state)
{
	struct osy_pg_result *r;
	int64_t items[3] = {0};

	(void)state;
	OK(osy_pg_exec(pg,
		"SELECT 7::smallint, sum(x)::numeric, '2026-11-24T17:03:05.123Z'::timestamptz, "
		"array[5,6,7,8]::bigint[], array[-1]::int[], '{}'::int[], ''::text, "
		"-12345678.9::numeric, "
		"sum(x), 0::numeric, 1e30::numeric, '1999-12-31T23:59:59.999Z'::timestamptz "
		"FROM (VALUES (1000000000000::bigint), (20003)) v(x)",
		NULL, 0, &r, &err));
	assert_int_equal(osy_pg_i64(r, 0, 0, 0), 7);
	assert_int_equal(osy_pg_i64(r, 0, 1, 0), 1000000020003);
	assert_int_equal(osy_pg_i64(r, 0, 2, 0), 1795539785123);
	assert_int_equal(osy_pg_i64s(r, 0, 3, items, 3), 4);
	assert_int_equal(items[2], 7);
	assert_int_equal(osy_pg_i64s(r, 0, 4, items, 3), 1);
	assert_int_equal(items[0], -1);
	assert_int_equal(osy_pg_i64s(r, 0, 5, items, 3), 0);
	assert_non_null(osy_pg_str(r, 0, 6).p);
	assert_int_equal(osy_pg_str(r, 0, 6).len, 0);
	assert_int_equal(osy_pg_i64(r, 0, 7, 0), -12345678);
	assert_int_equal(osy_pg_i64(r, 0, 8, 0), 1000000020003);
	assert_int_equal(osy_pg_i64(r, 0, 9, 5), 0);
	assert_true(osy_pg_i64(r, 0, 10, 5) == INT64_MAX);
	assert_int_equal(osy_pg_i64(r, 0, 11, 0), 946684799999);
	osy_pg_result_free(r);
}

static void test_arrays(void **state)
{
	const struct osy_str texts[] = {OSY_STR("a"), OSY_STR_NULL, OSY_STR("{\"x\",}")};
	const struct osy_str blobs[] = {OSY_STR("\0\1"), OSY_STR(""), OSY_STR_NULL};
	const int64_t longs[] = {1, INT64_MAX, -9};
	const int32_t ints[] = {3, -2, 1};
	struct osy_pg_result *r;

	(void)state;
	OK(osy_pg_do(pg, &r, &err,
		"SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::int[]) AS "
		"t(a,b,c,d)",
		OSY_PG_TEXTS(texts, 3), OSY_PG_BYTESS(blobs, 3), OSY_PG_I64S(longs, 3),
		OSY_PG_I32S(ints, 3)));
	assert_int_equal(osy_pg_rows(r), 3);
	assert_true(osy_str_is(osy_pg_str(r, 2, 0), "{\"x\",}"));
	assert_null(osy_pg_str(r, 1, 0).p);
	assert_true(osy_str_equal(osy_pg_str(r, 0, 1), OSY_STR("\0\1")));
	assert_non_null(osy_pg_str(r, 1, 1).p);
	assert_null(osy_pg_str(r, 2, 1).p);
	assert_true(osy_pg_i64(r, 1, 2, 0) == INT64_MAX);
	assert_int_equal(osy_pg_i64(r, 1, 3, 0), -2);
	osy_pg_result_free(r);
	OK(osy_pg_do(pg, &r, &err, "SELECT 1 WHERE 5 = ANY ($1::bigint[])", OSY_PG_I64S(NULL, 0)));
	assert_int_equal(osy_pg_rows(r), 0);
	osy_pg_result_free(r);
}

/* The same text with other types is another statement; a failed one is not kept. */
static void test_statement_cache(void **state)
{
	struct osy_pg_result *r;

	(void)state;
	for (int i = 0; i < 3; i++) {
		OK(osy_pg_do(pg, NULL, &err, "SELECT coalesce($1, 5::bigint)", OSY_PG_NULL));
		OK(osy_pg_do(pg, NULL, &err, "SELECT coalesce($1, 5::bigint)", OSY_PG_I64(2)));
		OK(osy_pg_do(pg, &r, &err, "SELECT coalesce($1, 5::bigint)", OSY_PG_I32(2)));
		assert_int_equal(osy_pg_i64(r, 0, 0, 0), 2);
		osy_pg_result_free(r);
	}
	assert_int_equal(one_i64("SELECT count(*) FROM pg_prepared_statements"), 4);
	for (int i = 0; i < 1100; i++) {
		char sql[40];

		snprintf(sql, sizeof(sql), "SELECT %d", i);
		OK(osy_pg_exec(pg, sql, NULL, 0, NULL, &err));
	}
	assert_in_range(one_i64("SELECT count(*) FROM pg_prepared_statements"), 50, 1000);
}

static void test_errors(void **state)
{
	(void)state;
	assert_int_equal(
		osy_pg_exec(pg, "SELECT nope FROM nowhere", NULL, 0, NULL, &err), OSY_E_POSTGRES);
	assert_string_equal(err.origin, "pg:42P01");
	assert_int_equal(err.cls, OSY_FATAL);
	assert_non_null(strstr(err.msg, "nowhere"));
	/* a value in the server's own text does not get out */
	assert_int_equal(osy_pg_do(pg, NULL, &err, "SELECT $1::int", OSY_PG_Z("my\"secret")),
		OSY_E_POSTGRES);
	assert_string_equal(err.origin, "pg:22P02");
	assert_int_equal(err.cls, OSY_REJECT);
	assert_null(strstr(err.msg, "secret"));
	assert_int_equal(one_i64("SELECT 1"), 1);
	assert_int_equal(osy_pg_generation(pg), 1);
}

static void test_transactions(void **state)
{
	(void)state;
	OK(osy_pg_exec(pg, "CREATE TABLE IF NOT EXISTS test_pg_t (n int PRIMARY KEY)", NULL, 0,
		NULL, &err));
	OK(osy_pg_exec(pg, "TRUNCATE test_pg_t", NULL, 0, NULL, &err));
	OK(osy_pg_begin(pg, &err));
	OK(osy_pg_do(pg, NULL, &err, "INSERT INTO test_pg_t VALUES ($1)", OSY_PG_I32(1)));
	OK(osy_pg_commit(pg, &err));
	OK(osy_pg_begin(pg, &err));
	assert_int_equal(
		osy_pg_do(pg, NULL, &err, "INSERT INTO test_pg_t VALUES ($1)", OSY_PG_I32(1)),
		OSY_E_POSTGRES);
	assert_string_equal(err.origin, "pg:23505");
	assert_int_equal(err.cls, OSY_REJECT);
	/* a commit after a failure must not look like one */
	assert_int_equal(osy_pg_commit(pg, &err), OSY_E_POSTGRES);
	assert_string_equal(err.origin, "pg:25P02");
	osy_pg_rollback(pg);
	OK(osy_pg_begin(pg, &err));
	OK(osy_pg_do(pg, NULL, &err, "INSERT INTO test_pg_t VALUES ($1)", OSY_PG_I32(2)));
	osy_pg_rollback(pg);
	assert_int_equal(one_i64("SELECT count(*) FROM test_pg_t"), 1);
	OK(osy_pg_exec(pg, "DROP TABLE test_pg_t", NULL, 0, NULL, &err));
}

static void kill_backend(int64_t pid)
{
	struct osy_pg *other = osy_pg_new(url, "test_pg_killer", 60000);

	OK(osy_pg_do(other, NULL, &err, "SELECT pg_terminate_backend($1, 50000)", OSY_PG_I32(pid)));
	osy_pg_free(other);
}

static void test_lost_connection(void **state)
{
	int64_t start_ms;

	(void)state;
	OK(osy_pg_exec(pg, "CREATE TABLE IF NOT EXISTS test_pg_l (n int)", NULL, 0, NULL, &err));
	OK(osy_pg_exec(pg, "TRUNCATE test_pg_l", NULL, 0, NULL, &err));
	kill_backend(one_i64("SELECT pg_backend_pid()"));
	assert_int_equal(osy_pg_exec(pg, "SELECT 1", NULL, 0, NULL, &err), OSY_E_POSTGRES);
	assert_int_equal(err.cls, OSY_RETRY);
	assert_int_equal(one_i64("SELECT 1"), 1);
	assert_int_equal(osy_pg_generation(pg), 2);

	OK(osy_pg_begin(pg, &err));
	OK(osy_pg_exec(pg, "INSERT INTO test_pg_l VALUES (1)", NULL, 0, NULL, &err));
	kill_backend(one_i64("SELECT pg_backend_pid()"));
	for (int i = 0; i < 3; i++) { /* the transaction does not go on upon a new connection */
		assert_int_equal(
			osy_pg_exec(pg, "INSERT INTO test_pg_l VALUES (2)", NULL, 0, NULL, &err),
			OSY_E_POSTGRES);
		assert_non_null(strstr(err.msg, "transaction"));
	}
	assert_int_equal(osy_pg_commit(pg, &err), OSY_E_POSTGRES);
	assert_int_equal(one_i64("SELECT count(*) FROM test_pg_l"), 0);

	OK(osy_pg_begin(pg, &err));
	OK(osy_pg_exec(pg, "INSERT INTO test_pg_l VALUES (3)", NULL, 0, NULL, &err));
	kill_backend(one_i64("SELECT pg_backend_pid()"));
	assert_int_equal(osy_pg_commit(pg, &err), OSY_E_NO_REPLY);
	start_ms = osy_mono_ms();
	assert_int_equal(one_i64("SELECT count(*) FROM test_pg_l"), 0);
	assert_true(osy_mono_ms() - start_ms < 15000);
	OK(osy_pg_exec(pg, "DROP TABLE test_pg_l", NULL, 0, NULL, &err));
}

static void test_time_outs(void **state)
{
	int64_t start_ms = osy_mono_ms();
	struct osy_pg *quick = osy_pg_new(url, "test_pg", 200);

	(void)state;
	assert_int_equal(
		osy_pg_exec(quick, "SELECT pg_sleep(60)", NULL, 0, NULL, &err), OSY_E_TIMEOUT);
	assert_string_equal(err.origin, "pg:57014");
	assert_in_range(osy_mono_ms() - start_ms, 150, 20000);
	/* a server that is frozen: its own clock does not help */
	OK(osy_pg_exec(quick, "SET statement_timeout = 0", NULL, 0, NULL, &err));
	start_ms = osy_mono_ms();
	assert_int_equal(
		osy_pg_exec(quick, "SELECT pg_sleep(60)", NULL, 0, NULL, &err), OSY_E_TIMEOUT);
	assert_string_equal(err.origin, "pg:timeout");
	assert_in_range(osy_mono_ms() - start_ms, 3000, 30000);
	OK(osy_pg_exec(quick, "SELECT 1", NULL, 0, NULL, &err));
	assert_int_equal(osy_pg_generation(quick), 2);
	osy_pg_free(quick);
}

/* A large array does not fit the socket's buffer: sending must not block, nor forget the rest. */
static void test_large(void **state)
{
	size_t size = 30u << 20;
	char *bytes = osy_xmalloc(size);
	struct osy_str items[2] = {{bytes, size}, {bytes, size}};
	struct osy_pg_result *r;

	(void)state;
	memset(bytes, 'x', size);
	OK(osy_pg_do(pg, &r, &err, "SELECT length(b), b FROM unnest($1::bytea[]) u(b)",
		OSY_PG_BYTESS(items, 1)));
	assert_int_equal(osy_pg_i64(r, 0, 0, 0), (int64_t)size);
	assert_int_equal(osy_pg_str(r, 0, 1).len, size);
	osy_pg_result_free(r);
	items[0].len = items[1].len = 150u << 20;
	assert_int_equal(osy_pg_do(pg, NULL, &err, "SELECT $1::bytea[]", OSY_PG_BYTESS(items, 2)),
		OSY_E_TOO_BIG);
	free(bytes);
}

static void test_unusable_urls(void **state)
{
	struct osy_pg *bad = osy_pg_new("postgresql://me:pa55word@127.0.0.1:xx/y", "test_pg", 1000);
	int64_t start_ms;

	(void)state;
	assert_int_equal(osy_pg_exec(bad, "SELECT 1", NULL, 0, NULL, &err), OSY_E_POSTGRES);
	assert_null(strstr(err.msg, "pa55word"));
	osy_pg_free(bad);
	bad = osy_pg_new("postgresql://me:pa55word@[127.0.0.1:1/y", "test_pg", 1000);
	assert_int_equal(osy_pg_exec(bad, "SELECT 1", NULL, 0, NULL, &err), OSY_E_INVALID);
	assert_null(strstr(err.msg, "pa55word"));
	osy_pg_free(bad);
	bad = osy_pg_new("postgresql://me:pa55word@127.0.0.1:1/y", "test_pg", 20000);
	start_ms = osy_mono_ms();
	assert_int_equal(osy_pg_begin(bad, &err), OSY_E_POSTGRES);
	assert_string_equal(err.origin, "pg:08001");
	assert_null(strstr(err.msg, "pa55word"));
	assert_true(osy_mono_ms() - start_ms < 10000);
	osy_pg_free(bad);
}

static void test_migrate(void **state)
{
	const struct osy_migration good[] = {
		{"test_001", "CREATE TABLE test_pg_m (a int); INSERT INTO test_pg_m VALUES (1);"},
		{"test_002", "ALTER TABLE test_pg_m ADD b text; -- more\nUPDATE test_pg_m SET b = "
			     "'x''y;';"},
		{"test_003", "INSERT INTO test_pg_m VALUES (2); SELECT nope;"},
	};

	(void)state;
	OK(osy_pg_migrate(pg, good, 1, &err));
	OK(osy_pg_migrate(pg, good, 2, &err));
	OK(osy_pg_migrate(pg, good, 2, &err));
	assert_int_equal(osy_pg_migrate(pg, good, 3, &err), OSY_E_POSTGRES);
	assert_non_null(strstr(err.msg, "test_003"));
	assert_int_equal(one_i64("SELECT count(*) FROM test_pg_m WHERE b = 'x''y;'"), 1);
	assert_int_equal(one_i64("SELECT count(*) FROM test_pg_m"), 1);
	OK(osy_pg_exec(pg, "DROP TABLE test_pg_m", NULL, 0, NULL, &err));
	OK(osy_pg_exec(pg, "DELETE FROM migration WHERE name LIKE 'test_%'", NULL, 0, NULL, &err));
}

static void test_speed(void **state)
{
	int64_t start_us = osy_mono_us();

	(void)state;
	for (int i = 0; i < 2000; i++)
		OK(osy_pg_do(pg, NULL, &err, "SELECT $1", OSY_PG_I64(i)));
	print_message(
		"a prepared statement takes %ld us\n", (long)((osy_mono_us() - start_us) / 2000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_scalars, setup, teardown),
		cmocka_unit_test_setup_teardown(test_types_of_results, setup, teardown),
		cmocka_unit_test_setup_teardown(test_arrays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_statement_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_transactions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(test_time_outs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unusable_urls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_migrate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_speed, setup, teardown),
	};

	url = getenv("ORGSYNC_POSTGRES_URL");
	if (!url || !*url) {
		fprintf(stderr,
			"test_pg: ORGSYNC_POSTGRES_URL is not set: run it by tests/run, or after "
			"`tests/stack up` and `eval \"$(tests/stack env)\"`\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
