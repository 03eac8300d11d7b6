/*
 * The SQL migrations of schemas/sql, embedded at build time, in the order in which they are
 * applied.
 */
#ifndef OSY_MIGRATIONS_H
#define OSY_MIGRATIONS_H

#include <stddef.h>

struct osy_migration {
	const char *name; /* file name without ending, for example "001_runs" */
	const char *sql;
};

extern const struct osy_migration osy_migrations[];
extern const size_t osy_migrations_count;

#endif
