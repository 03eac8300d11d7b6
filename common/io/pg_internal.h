/*
 * What the files of the Postgres module share. libpq itself is seen by pg.c alone: pg_value.c turns
 * parameters into bytes and bytes into values, pg_migrate.c is a user of pg.c.
 */
#ifndef OSY_PG_INTERNAL_H
#define OSY_PG_INTERNAL_H

#include "osy/pg.h"

#define OSY_PG_MAX_PARAMS 64

/* Type numbers of pg_type.dat; they never change. */
enum osy_pg_oid {
	OSY_PG_OID_ANY = 0, /* the server infers it */
	OSY_PG_OID_BOOL = 16,
	OSY_PG_OID_BYTEA = 17,
	OSY_PG_OID_CHAR = 18,
	OSY_PG_OID_NAME = 19,
	OSY_PG_OID_INT8 = 20,
	OSY_PG_OID_INT2 = 21,
	OSY_PG_OID_INT4 = 23,
	OSY_PG_OID_TEXT = 25,
	OSY_PG_OID_OID = 26,
	OSY_PG_OID_JSON = 114,
	OSY_PG_OID_UNKNOWN = 705,
	OSY_PG_OID_BYTEAS = 1001,
	OSY_PG_OID_INT4S = 1007,
	OSY_PG_OID_TEXTS = 1009,
	OSY_PG_OID_INT8S = 1016,
	OSY_PG_OID_BPCHAR = 1042,
	OSY_PG_OID_VARCHAR = 1043,
	OSY_PG_OID_TIMESTAMP = 1114,
	OSY_PG_OID_TIMESTAMPTZ = 1184,
	OSY_PG_OID_NUMERIC = 1700,
	OSY_PG_OID_VOID = 2278,
	OSY_PG_OID_UUID = 2950,
	OSY_PG_OID_JSONB = 3802,
	OSY_PG_OID_FIRST_USER = 16384, /* enums of ours: their label */
};

/* The parameters of one call as libpq wants them: binary all of them. */
struct osy_pg_wire {
	int count;
	unsigned types[OSY_PG_MAX_PARAMS];
	const char *values[OSY_PG_MAX_PARAMS];
	int lengths[OSY_PG_MAX_PARAMS];
	int formats[OSY_PG_MAX_PARAMS];
	char numbers[OSY_PG_MAX_PARAMS][8];
	size_t offsets[OSY_PG_MAX_PARAMS]; /* of an array in buf */
	struct osy_buf buf;
};

/* Borrows the strings of params; give buf back with osy_buf_done() in any case. */
enum osy_code osy_pg_encode(const struct osy_pg_param *params, size_t count,
	struct osy_pg_wire *ret, struct osy_err *err) OSY_CHECKED;

/* One field of a result, as it came. */
struct osy_pg_cell {
	const char *p; /* NULL: NULL */
	size_t len;
	unsigned type;
};
struct osy_pg_cell osy_pg_cell(const struct osy_pg_result *result, size_t row, int column);

/* Runs SQL text of several statements, without parameters, in at most timeout_ms. */
enum osy_code osy_pg_script(
	struct osy_pg *pg, const char *sql, unsigned timeout_ms, struct osy_err *err) OSY_CHECKED;

#endif
