#include <stdio.h>

#include "osy/clock.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "pg_internal.h"

/* A migration may rewrite a large table: not bounded by the connection's own time-out. */
#define MIGRATE_MS 600000u
#define MIGRATE_LOCK INT64_C(0x6f7267737973) /* "orgsys" */

/* In a transaction of its own lock, so that coordinators that start together take turns. */
static enum osy_code locked_begin(struct osy_pg *pg, struct osy_err *err)
{
	char sql[160];
	enum osy_code rc = osy_pg_begin(pg, err);

	if (rc)
		return rc;
	snprintf(sql, sizeof(sql),
		"SET LOCAL statement_timeout = %u; SELECT pg_advisory_xact_lock(%lld)", MIGRATE_MS,
		(long long)MIGRATE_LOCK);
	return osy_pg_script(pg, sql, MIGRATE_MS + 5000, err);
}

static enum osy_code make_table(struct osy_pg *pg, struct osy_err *err)
{
	enum osy_code rc = locked_begin(pg, err);

	if (!rc)
		rc = osy_pg_script(pg,
			"CREATE TABLE IF NOT EXISTS migration ("
			"name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())",
			MIGRATE_MS, err);
	if (!rc)
		rc = osy_pg_commit(pg, err);
	if (rc)
		osy_pg_rollback(pg);
	return rc;
}

static enum osy_code is_applied(
	struct osy_pg *pg, const char *name, bool *ret_applied, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(
		pg, &result, err, "SELECT 1 FROM migration WHERE name = $1", OSY_PG_Z(name));

	if (!rc)
		*ret_applied = osy_pg_rows(result) > 0;
	return rc;
}

static enum osy_code apply(
	struct osy_pg *pg, const struct osy_migration *migration, struct osy_err *err)
{
	bool applied = false;
	int64_t start_ms = osy_mono_ms();
	enum osy_code rc = locked_begin(pg, err);

	if (!rc)
		rc = is_applied(
			pg, migration->name, &applied, err); /* by another, while we waited */
	if (!rc && !applied)
		rc = osy_pg_script(pg, migration->sql, MIGRATE_MS, err);
	if (!rc && !applied)
		rc = osy_pg_do(pg, NULL, err, "INSERT INTO migration (name) VALUES ($1)",
			OSY_PG_Z(migration->name));
	if (!rc)
		rc = osy_pg_commit(pg, err);
	if (rc) {
		osy_pg_rollback(pg);
		return osy_err_prefix(err, "migration %s", migration->name);
	}
	if (!applied)
		osy_log(OSY_INFO, "postgres.migrated", OSY_KV("migration", migration->name),
			OSY_KV_INT("ms", osy_mono_ms() - start_ms));
	return OSY_OK;
}

enum osy_code osy_pg_migrate(struct osy_pg *pg, const struct osy_migration *migrations,
	size_t count, struct osy_err *err)
{
	enum osy_code rc = make_table(pg, err);

	for (size_t i = 0; !rc && i < count; i++) {
		bool applied = false;

		rc = is_applied(pg, migrations[i].name, &applied, err);
		if (!rc && !applied)
			rc = apply(pg, &migrations[i], err);
	}
	return rc;
}
