/*
 * Postgres over libpq: one connection, synchronous, every call with a hard time-out. Statements are
 * prepared once per connection, by their text; parameters and results travel in binary. Not
 * thread-safe: a connection belongs to a thread.
 *
 * A lost connection is reported once as OSY_E_POSTGRES (OSY_RETRY); the next call connects anew
 * (session state such as advisory locks is gone then: osy_pg_generation() counts connections). A
 * commit whose answer never came is OSY_E_NO_REPLY: the caller looks what happened.
 */
#ifndef OSY_PG_H
#define OSY_PG_H

#include "osy/migrations.h"
#include "osy/str.h"

struct osy_pg;
struct osy_pg_result;

enum osy_pg_kind {
	OSY_PG_KIND_NULL,
	OSY_PG_KIND_TEXT,
	OSY_PG_KIND_I64,
	OSY_PG_KIND_I32,
	OSY_PG_KIND_BOOL,
	OSY_PG_KIND_BYTES,
	OSY_PG_KIND_TEXTS,
	OSY_PG_KIND_I64S,
	OSY_PG_KIND_I32S,
	OSY_PG_KIND_BYTESS
};

struct osy_pg_param {
	enum osy_pg_kind kind;
	struct osy_str str;
	int64_t i64;
	const void *items; /* struct osy_str[], int64_t[] or int32_t[] */
	size_t count;
};

/* text, bigint, integer, boolean, bytea; a struct osy_str with p NULL is NULL, also inside arrays
 */
#define OSY_PG_NULL ((struct osy_pg_param){.kind = OSY_PG_KIND_NULL})
#define OSY_PG_TEXT(s) ((struct osy_pg_param){.kind = OSY_PG_KIND_TEXT, .str = (s)})
#define OSY_PG_Z(z) OSY_PG_TEXT(osy_str(z))
#define OSY_PG_BYTES(s) ((struct osy_pg_param){.kind = OSY_PG_KIND_BYTES, .str = (s)})
#define OSY_PG_I64(n) ((struct osy_pg_param){.kind = OSY_PG_KIND_I64, .i64 = (n)})
#define OSY_PG_I32(n) ((struct osy_pg_param){.kind = OSY_PG_KIND_I32, .i64 = (n)})
#define OSY_PG_BOOL(b) ((struct osy_pg_param){.kind = OSY_PG_KIND_BOOL, .i64 = (b)})
#define OSY_PG_TEXTS(a, n) \
	((struct osy_pg_param){.kind = OSY_PG_KIND_TEXTS, .items = (a), .count = (n)})
#define OSY_PG_BYTESS(a, n) \
	((struct osy_pg_param){.kind = OSY_PG_KIND_BYTESS, .items = (a), .count = (n)})
#define OSY_PG_I64S(a, n) \
	((struct osy_pg_param){.kind = OSY_PG_KIND_I64S, .items = (a), .count = (n)})
#define OSY_PG_I32S(a, n) \
	((struct osy_pg_param){.kind = OSY_PG_KIND_I32S, .items = (a), .count = (n)})

/*
 * Opens lazily: the first call connects. url is a libpq URI (copied); application shows in
 * pg_stat_activity; timeout_ms bounds each statement (statement_timeout) and tcp_user_timeout.
 */
struct osy_pg *osy_pg_new(const char *url, const char *application, unsigned timeout_ms);
struct osy_pg *osy_pg_free(struct osy_pg *pg); /* returns NULL */
uint64_t osy_pg_generation(
	const struct osy_pg *pg); /* changes with each new connection; 0: none yet */

/*
 * Runs one statement. ret may be NULL when no rows are wanted; otherwise gives a result for
 * osy_pg_result_free(). Inside a transaction an error leaves it aborted: call osy_pg_rollback().
 */
enum osy_code osy_pg_exec(struct osy_pg *pg, const char *sql, const struct osy_pg_param *params,
	size_t count, struct osy_pg_result **ret, struct osy_err *err) OSY_CHECKED;
/* osy_pg_do(pg, &result_or_NULL, err, "sql", OSY_PG_Z(x), ...): the same with the parameters as
 * arguments */
#define osy_pg_do(pg, ret, err, sql, ...)                                                       \
	osy_pg_exec((pg), (sql), (const struct osy_pg_param[]){OSY_PG_NULL, ##__VA_ARGS__} + 1, \
		sizeof((const struct osy_pg_param[]){OSY_PG_NULL, ##__VA_ARGS__}) /             \
				sizeof(struct osy_pg_param) -                                   \
			1,                                                                      \
		(ret), (err))

enum osy_code osy_pg_begin(struct osy_pg *pg, struct osy_err *err) OSY_CHECKED;
enum osy_code osy_pg_commit(struct osy_pg *pg, struct osy_err *err) OSY_CHECKED;
void osy_pg_rollback(
	struct osy_pg *pg); /* never fails: a dead connection is rolled back by nature */

size_t osy_pg_rows(const struct osy_pg_result *result);
size_t osy_pg_affected(const struct osy_pg_result *result);
int osy_pg_column(const struct osy_pg_result *result, const char *name); /* -1: none */
bool osy_pg_is_null(const struct osy_pg_result *result, size_t row, int column);
/* text, varchar, bytea, json, jsonb, uuid...: as bytes; p NULL for NULL; borrowed from the result.
 * Other types: a bug. */
struct osy_str osy_pg_str(const struct osy_pg_result *result, size_t row, int column);
/* smallint, integer, bigint, boolean, count(*), timestamptz (wall ms); NULL gives otherwise */
int64_t osy_pg_i64(const struct osy_pg_result *result, size_t row, int column, int64_t otherwise);
/* bigint[] / integer[]: fills at most max items, returns how many there are; NULL gives 0 */
size_t osy_pg_i64s(
	const struct osy_pg_result *result, size_t row, int column, int64_t *items, size_t max);
void osy_pg_result_free(struct osy_pg_result *result);
void osy_pg_result_free_at(struct osy_pg_result **result); /* for OSY_AUTO */

/* Applies the migrations that are missing, each in a transaction, under an advisory lock. */
enum osy_code osy_pg_migrate(struct osy_pg *pg, const struct osy_migration *migrations,
	size_t count, struct osy_err *err) OSY_CHECKED;

#endif
