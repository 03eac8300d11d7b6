#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "osy/clock.h"
#include "osy/mem.h"
#include "pg_internal.h"

#define PG_MAGIC 0x70676f73u
#define DEFAULT_TIMEOUT_MS 30000u
/* statement_timeout ends a slow statement; a server that is frozen, or a net that swallows, ends
 * this much later. */
#define GRACE_MS 3000u
#define MAX_STATEMENTS 1000u

/* OPEN: on the server. FAILED: aborted there by an error. LOST: its connection is gone; only a
 * rollback ends it. */
enum txn { TXN_NONE, TXN_OPEN, TXN_FAILED, TXN_LOST };

struct statement {
	UT_hash_handle hh;
	char name[24];
	size_t key_len;
	char key[]; /* the parameters' types, then the text: types differ where a caller passes an
		       untyped NULL */
};

struct osy_pg {
	unsigned magic;
	char *url;
	char *application;
	unsigned timeout_ms;
	PGconn *conn;
	uint64_t generation;
	enum txn txn;
	struct statement *statements;
	uint64_t statement_serial;
	struct osy_buf key;
};

struct osy_pg *osy_pg_new(const char *url, const char *application, unsigned timeout_ms)
{
	struct osy_pg *pg = osy_xcalloc(1, sizeof(*pg));

	pg->magic = PG_MAGIC;
	pg->url = osy_xstrdup(url);
	pg->application = osy_xstrdup(application);
	pg->timeout_ms = timeout_ms ? timeout_ms : DEFAULT_TIMEOUT_MS;
	pg->key = OSY_BUF(16 * 1024 * 1024);
	return pg;
}

static void forget_statements(struct osy_pg *pg)
{
	struct statement *statement, *next;

	HASH_ITER(hh, pg->statements, statement, next)
	{
		HASH_DEL(pg->statements, statement);
		free(statement);
	}
}

static void drop(struct osy_pg *pg)
{
	if (!pg->conn)
		return;
	PQfinish(pg->conn);
	pg->conn = NULL;
	forget_statements(pg);
	if (pg->txn != TXN_NONE)
		pg->txn = TXN_LOST;
}

struct osy_pg *osy_pg_free(struct osy_pg *pg)
{
	if (!pg)
		return NULL;
	OSY_ASSERT(pg->magic == PG_MAGIC);
	drop(pg);
	free(pg->url);
	free(pg->application);
	osy_buf_done(&pg->key);
	pg->magic = 0;
	free(pg);
	return NULL;
}

uint64_t osy_pg_generation(const struct osy_pg *pg)
{
	return pg->generation;
}

/* ---- Errors ---- */

/* One line, without what a message of class 22 quotes: that may be a value of a record. */
static void tidy(const char *message, const char *sqlstate, char *ret, size_t size)
{
	const char *first = strchr(message, '"');
	const char *last = strrchr(message, '"');
	size_t len;

	if (strncmp(sqlstate, "22", 2) == 0 && first)
		snprintf(ret, size, "%.*s\"***\"%s", (int)(first - message), message, last + 1);
	else
		snprintf(ret, size, "%s", message);
	len = strlen(ret);
	while (len > 0 && (ret[len - 1] == '\n' || ret[len - 1] == ' '))
		ret[--len] = '\0';
	for (char *p = ret; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
}

/* libpq's own text; never with the password in it. */
static void connection_text(struct osy_pg *pg, char *text, size_t size)
{
	const char *message = PQerrorMessage(pg->conn);
	const char *password = PQpass(pg->conn);

	if (password && *password && strstr(message, password))
		message = "(the server's text quotes the password)";
	tidy(*message ? message : "no reason given", "", text, size);
}

/* Ends the connection; the next call makes another. */
static enum osy_code lost(struct osy_pg *pg, struct osy_err *err)
{
	char text[300];
	bool in_txn = pg->txn != TXN_NONE;

	connection_text(pg, text, sizeof(text));
	drop(pg);
	return osy_fail_from(err, OSY_E_POSTGRES, "pg:08006",
		"the connection to Postgres broke%s: %s",
		in_txn ? " and its transaction is lost" : "", text);
}

static enum osy_code timed_out(struct osy_pg *pg, unsigned timeout_ms, struct osy_err *err)
{
	drop(pg);
	return osy_fail_from(err, OSY_E_TIMEOUT, "pg:timeout",
		"Postgres did not answer within %u ms, its connection is given up; look at its "
		"load and the network",
		timeout_ms);
}

static enum osy_class sqlstate_class(const char *sqlstate)
{
	static const struct {
		char prefix[6];
		enum osy_class cls;
	} rows[] = {
		{"22", OSY_REJECT},    /* data: a value that does not fit */
		{"23", OSY_REJECT},    /* a constraint */
		{"P0001", OSY_REJECT}, /* RAISE */
		{"42", OSY_FATAL}, /* our SQL and its tables do not agree, or rights are missing */
	};

	for (size_t i = 0; i < OSY_COUNT(rows); i++)
		if (strncmp(sqlstate, rows[i].prefix, strlen(rows[i].prefix)) == 0)
			return rows[i].cls;
	return OSY_RETRY;
}

/* The beginning of a statement, for people; statements of ours hold no values. */
static void shorten(const char *sql, char *ret, size_t size)
{
	size_t n = 0;

	for (; *sql && n + 1 < size; sql++) {
		bool space = *sql == ' ' || *sql == '\n' || *sql == '\t';

		if (!space)
			ret[n++] = *sql;
		else if (n > 0 && ret[n - 1] != ' ')
			ret[n++] = ' ';
	}
	ret[n] = '\0';
}

static enum osy_code refused(
	struct osy_pg *pg, const char *sql, const PGresult *result, struct osy_err *err)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	char origin[16], text[300], begin[80];
	enum osy_code code;

	sqlstate = sqlstate ? sqlstate : "XX000";
	snprintf(origin, sizeof(origin), "pg:%.5s", sqlstate);
	tidy(message ? message : "no reason given", sqlstate, text, sizeof(text));
	shorten(sql, begin, sizeof(begin));
	code = strcmp(sqlstate, "57014") == 0 ? OSY_E_TIMEOUT : OSY_E_POSTGRES;
	code = osy_fail_from(err, code, origin, "Postgres refused \"%s\": %s", begin, text);
	err->cls = sqlstate_class(sqlstate);
	if (pg->txn == TXN_OPEN)
		pg->txn = TXN_FAILED;
	/* What was prepared may be out of date; a server turned read-only is not the primary any
	 * more. */
	if (strcmp(sqlstate, "0A000") == 0 || strcmp(sqlstate, "26000") == 0)
		forget_statements(pg);
	if (strcmp(sqlstate, "25006") == 0 || PQstatus(pg->conn) == CONNECTION_BAD)
		drop(pg);
	return code;
}

/* ---- Sending and waiting: never blocks for longer than the time-out, also where the server is
 * frozen ---- */

static enum osy_code await(
	struct osy_pg *pg, int64_t deadline_ms, unsigned timeout_ms, struct osy_err *err)
{
	for (;;) {
		int unsent = PQflush(pg->conn);
		struct pollfd fd = {PQsocket(pg->conn), POLLIN, 0};
		int64_t left_ms = deadline_ms - osy_mono_ms();

		if (unsent < 0)
			return lost(pg, err);
		if (!unsent && !PQisBusy(pg->conn))
			return OSY_OK;
		if (left_ms <= 0)
			return timed_out(pg, timeout_ms, err);
		if (unsent)
			fd.events |= POLLOUT;
		if (poll(&fd, 1, (int)left_ms) > 0 && fd.revents & ~POLLOUT &&
			!PQconsumeInput(pg->conn))
			return lost(pg, err);
	}
}

static bool is_error(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
	       status != PGRES_EMPTY_QUERY;
}

/* Takes all results of what was sent and gives the last one, or the first that is an error. */
static enum osy_code collect(struct osy_pg *pg, const char *sql, unsigned timeout_ms,
	PGresult **ret, struct osy_err *err)
{
	int64_t deadline_ms = osy_mono_ms() + timeout_ms;
	PGresult *kept = NULL, *result;
	enum osy_code rc;

	for (;;) {
		rc = await(pg, deadline_ms, timeout_ms, err);
		result = rc ? NULL : PQgetResult(pg->conn);
		if (!result)
			break;
		OSY_ASSERT(PQresultStatus(result) != PGRES_COPY_IN &&
			   PQresultStatus(result) != PGRES_COPY_OUT);
		if (kept && is_error(kept)) {
			PQclear(result);
			continue;
		}
		PQclear(kept);
		kept = result;
	}
	if (!rc && !kept)
		rc = lost(pg, err);
	else if (!rc && is_error(kept))
		rc = refused(pg, sql, kept, err);
	if (rc) {
		PQclear(kept);
		return rc;
	}
	*ret = kept;
	return OSY_OK;
}

static enum osy_code simple(struct osy_pg *pg, const char *sql, unsigned timeout_ms, PGresult **ret,
	struct osy_err *err)
{
	PGresult *result;
	enum osy_code rc;

	if (!PQsendQuery(pg->conn, sql))
		return lost(pg, err);
	rc = collect(pg, sql, timeout_ms, &result, err);
	if (rc)
		return rc;
	if (ret)
		*ret = result;
	else
		PQclear(result);
	return OSY_OK;
}

/* ---- Connecting ---- */

static void ignore_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

/* What bounds the session. Not by the "options" of the connection: poolers refuse those. */
static enum osy_code settle_session(struct osy_pg *pg, struct osy_err *err)
{
	char sql[256];
	/* A process frozen inside a transaction must not hold its locks for ever. */
	unsigned idle_ms = pg->timeout_ms > 10000 ? pg->timeout_ms : 10000;

	snprintf(sql, sizeof(sql),
		"SET statement_timeout = %u; SET idle_in_transaction_session_timeout = %u; SET "
		"timezone = 'UTC'",
		pg->timeout_ms, idle_ms);
	return simple(pg, sql, pg->timeout_ms + GRACE_MS, NULL, err);
}

static enum osy_code check_url(const struct osy_pg *pg, struct osy_err *err)
{
	char *text = NULL;
	PQconninfoOption *options = PQconninfoParse(pg->url, &text);

	PQfreemem(text); /* it may quote the password */
	if (!options)
		return osy_fail(err, OSY_E_INVALID,
			"the Postgres URL cannot be read; expected "
			"postgresql://user:password@host:port/database");
	PQconninfoFree(options);
	return OSY_OK;
}

static PGconn *open_connection(const struct osy_pg *pg)
{
	char user_timeout[16];
	/* Before dbname: what the URL may override. After it: what it may not. */
	const char *names[] = {"connect_timeout", "keepalives", "keepalives_idle",
		"keepalives_interval", "keepalives_count", "dbname", "tcp_user_timeout",
		"application_name", "client_encoding", NULL};
	const char *values[] = {
		"5", "1", "15", "5", "3", pg->url, user_timeout, pg->application, "UTF8", NULL};

	snprintf(user_timeout, sizeof(user_timeout), "%u", pg->timeout_ms);
	return PQconnectdbParams(names, values, 1);
}

static enum osy_code ensure(struct osy_pg *pg, struct osy_err *err)
{
	char text[300];
	enum osy_code rc;

	OSY_ASSERT(pg->magic == PG_MAGIC);
	if (pg->txn == TXN_LOST)
		return osy_fail_from(err, OSY_E_POSTGRES, "pg:08006",
			"the transaction was lost with its connection to Postgres; roll back and "
			"begin again");
	if (pg->conn)
		return OSY_OK;
	rc = check_url(pg, err);
	if (rc)
		return rc;
	pg->conn = open_connection(pg);
	if (PQstatus(pg->conn) != CONNECTION_OK) {
		connection_text(pg, text, sizeof(text));
		drop(pg);
		return osy_fail_from(
			err, OSY_E_POSTGRES, "pg:08001", "cannot connect to Postgres: %s", text);
	}
	PQsetNoticeReceiver(pg->conn, ignore_notice, NULL);
	PQsetnonblocking(pg->conn, 1);
	rc = settle_session(pg, err);
	if (rc) {
		drop(pg);
		return rc;
	}
	pg->generation++;
	return OSY_OK;
}

/* ---- Statements ---- */

static void make_key(struct osy_pg *pg, const char *sql, const struct osy_pg_wire *wire)
{
	osy_buf_reset(&pg->key);
	osy_buf_add(&pg->key, wire->types, (size_t)wire->count * sizeof(wire->types[0]));
	osy_buf_addz(&pg->key, sql);
}

/* Statements are made by our code, so that there are few; one that builds its text must not fill
 * the server. */
static enum osy_code limit_statements(struct osy_pg *pg, struct osy_err *err)
{
	if (HASH_COUNT(pg->statements) < MAX_STATEMENTS || pg->txn == TXN_FAILED)
		return OSY_OK;
	forget_statements(pg);
	return simple(pg, "DEALLOCATE ALL", pg->timeout_ms + GRACE_MS, NULL, err);
}

static enum osy_code prepare(struct osy_pg *pg, const char *sql, const struct osy_pg_wire *wire,
	struct statement **ret, struct osy_err *err)
{
	struct statement *statement = NULL;
	PGresult *result;
	enum osy_code rc;

	make_key(pg, sql, wire);
	HASH_FIND(hh, pg->statements, pg->key.p, pg->key.len, statement);
	if (statement) {
		*ret = statement;
		return OSY_OK;
	}
	rc = limit_statements(pg, err);
	if (rc)
		return rc;
	statement = osy_xcalloc(1, sizeof(*statement) + pg->key.len);
	snprintf(statement->name, sizeof(statement->name), "s%llu",
		(unsigned long long)++pg->statement_serial);
	statement->key_len = pg->key.len;
	memcpy(statement->key, pg->key.p, pg->key.len);
	if (!PQsendPrepare(pg->conn, statement->name, sql, wire->count, wire->types))
		rc = lost(pg, err);
	else
		rc = collect(pg, sql, pg->timeout_ms + GRACE_MS, &result, err);
	if (rc) {
		free(statement);
		return rc;
	}
	PQclear(result);
	HASH_ADD_KEYPTR(hh, pg->statements, statement->key, statement->key_len, statement);
	*ret = statement;
	return OSY_OK;
}

static enum osy_code run(struct osy_pg *pg, const char *sql, const struct osy_pg_wire *wire,
	PGresult **ret, struct osy_err *err)
{
	struct statement *statement;
	enum osy_code rc = prepare(pg, sql, wire, &statement, err);

	if (rc)
		return rc;
	if (!PQsendQueryPrepared(pg->conn, statement->name, wire->count, wire->values,
		    wire->lengths, wire->formats, 1))
		return lost(pg, err);
	return collect(pg, sql, pg->timeout_ms + GRACE_MS, ret, err);
}

enum osy_code osy_pg_exec(struct osy_pg *pg, const char *sql, const struct osy_pg_param *params,
	size_t count, struct osy_pg_result **ret, struct osy_err *err)
{
	struct osy_pg_wire wire;
	PGresult *result;
	enum osy_code rc = ensure(pg, err);

	if (rc)
		return rc;
	rc = osy_pg_encode(params, count, &wire, err);
	if (!rc)
		rc = run(pg, sql, &wire, &result, err);
	osy_buf_done(&wire.buf);
	if (rc)
		return rc;
	if (ret)
		*ret = (struct osy_pg_result *)result;
	else
		PQclear(result);
	return OSY_OK;
}

enum osy_code osy_pg_script(
	struct osy_pg *pg, const char *sql, unsigned timeout_ms, struct osy_err *err)
{
	enum osy_code rc = ensure(pg, err);

	return rc ? rc : simple(pg, sql, timeout_ms, NULL, err);
}

/* ---- Transactions ---- */

enum osy_code osy_pg_begin(struct osy_pg *pg, struct osy_err *err)
{
	enum osy_code rc;

	if (pg->txn == TXN_OPEN)
		OSY_BUG("a Postgres transaction is begun inside another");
	osy_pg_rollback(pg); /* one that has failed and that nobody ended */
	rc = ensure(pg, err);
	if (!rc)
		rc = simple(pg, "BEGIN", pg->timeout_ms + GRACE_MS, NULL, err);
	if (!rc)
		pg->txn = TXN_OPEN;
	return rc;
}

enum osy_code osy_pg_commit(struct osy_pg *pg, struct osy_err *err)
{
	PGresult *result = NULL;
	bool rolled_back;
	enum osy_code rc;

	OSY_ASSERT(pg->txn != TXN_NONE);
	rc = ensure(
		pg, err); /* lost before the commit was sent: it is certain that nothing stays */
	if (!rc) {
		rc = simple(pg, "COMMIT", pg->timeout_ms + GRACE_MS, &result, err);
		if (rc && !pg->conn)
			rc = osy_fail_from(err, OSY_E_NO_REPLY, "pg:08007",
				"the connection to Postgres broke while it committed; whether it "
				"did must be looked up");
	}
	pg->txn = TXN_NONE;
	if (rc)
		return rc;
	rolled_back = strcmp(PQcmdStatus(result), "ROLLBACK") == 0;
	PQclear(result);
	if (rolled_back)
		return osy_fail_from(err, OSY_E_POSTGRES, "pg:25P02",
			"the transaction had failed before its commit, so Postgres rolled it back");
	return OSY_OK;
}

void osy_pg_rollback(struct osy_pg *pg)
{
	struct osy_err err;

	if (pg->conn && pg->txn != TXN_NONE &&
		simple(pg, "ROLLBACK", pg->timeout_ms + GRACE_MS, NULL, &err) != OSY_OK)
		drop(pg);
	pg->txn = TXN_NONE;
}

/* ---- Results ---- */

static const PGresult *result_of(const struct osy_pg_result *result)
{
	return (const PGresult *)result;
}

size_t osy_pg_rows(const struct osy_pg_result *result)
{
	return (size_t)PQntuples(result_of(result));
}

size_t osy_pg_affected(const struct osy_pg_result *result)
{
	return strtoul(PQcmdTuples((PGresult *)result_of(result)), NULL, 10);
}

int osy_pg_column(const struct osy_pg_result *result, const char *name)
{
	return PQfnumber(result_of(result), name);
}

struct osy_pg_cell osy_pg_cell(const struct osy_pg_result *result, size_t row, int column)
{
	const PGresult *res = result_of(result);

	OSY_ASSERT(row < (size_t)PQntuples(res) && column >= 0 && column < PQnfields(res));
	if (PQgetisnull(res, (int)row, column))
		return (struct osy_pg_cell){NULL, 0, PQftype(res, column)};
	return (struct osy_pg_cell){PQgetvalue(res, (int)row, column),
		(size_t)PQgetlength(res, (int)row, column), PQftype(res, column)};
}

bool osy_pg_is_null(const struct osy_pg_result *result, size_t row, int column)
{
	return !osy_pg_cell(result, row, column).p;
}

void osy_pg_result_free(struct osy_pg_result *result)
{
	PQclear((PGresult *)result);
}

void osy_pg_result_free_at(struct osy_pg_result **result)
{
	osy_pg_result_free(*result);
	*result = NULL;
}
