#include <stddef.h>
#include <stdio.h>

#include "osy/mem.h"
#include "schedule.h"

#define PART 5000

/* $1: days, $2: rows of a part */
#define DELETE_OLD(table, at, condition)                                                        \
	"WITH gone AS (DELETE FROM " table " WHERE id IN (SELECT id FROM " table " t WHERE " at \
	" < clock_timestamp() - $1 * interval '1 day' AND " condition " ORDER BY " at           \
	" LIMIT $2) RETURNING 1) SELECT count(*) FROM gone"

static const struct clean {
	const char *what;
	size_t days; /* setting */
	const char *sql;
} cleans[] = {
	/* Deleted in the eyes of all programs; whoever drives it removes the rest. One that has
	 * automation of its target off alone knows what it was. One that a schedule has made and
	 * that never began is nobody's; a person's waits for the person. */
	{"runs", offsetof(struct osy_settings, run_retention_days),
		"WITH gone AS (UPDATE run SET state = 'Deleted', wanted = NULL WHERE id IN (SELECT "
		"id FROM run r WHERE coalesce(automation, 'on') = 'on' AND ((state IN ('Synced', "
		"'Aborted', 'Rollback Completed') AND ended_at < clock_timestamp() - $1 * interval "
		"'1 day') OR (state IN ('Not Started', 'Scanned') AND wanted IS NULL AND "
		"created_at < clock_timestamp() - $1 * interval '1 day' AND EXISTS (SELECT 1 FROM "
		"firing f WHERE f.run = r.id))) ORDER BY created_at LIMIT $2 FOR UPDATE SKIP "
		"LOCKED) RETURNING 1), moved AS (UPDATE world SET version = version + 1 WHERE "
		"EXISTS (SELECT 1 FROM gone)) SELECT count(*) FROM gone"},
	{"audit", offsetof(struct osy_settings, audit_retention_days),
		DELETE_OLD("audit", "at", "true")},
	{"tokens", offsetof(struct osy_settings, token_retention_days),
		DELETE_OLD("token", "revoked_at", "true")},
	/* while its run is there, what started it is there too */
	{"firings", offsetof(struct osy_settings, firing_retention_days),
		DELETE_OLD(
			"firing", "fired_at", "NOT EXISTS (SELECT 1 FROM run WHERE id = t.run)")},
};

static const struct clean *find(struct osy_str what)
{
	for (size_t i = 0; i < OSY_COUNT(cleans); i++) {
		if (osy_str_is(what, cleans[i].what))
			return &cleans[i];
	}
	return NULL;
}

bool osy_clean_is_known(const char *what)
{
	return find(osy_str(what)) != NULL;
}

int64_t osy_clean_days(const struct osy_settings *settings, struct osy_str what)
{
	const struct clean *clean = find(what);

	return clean ? *(const int64_t *)((const char *)settings + clean->days) : 0;
}

enum osy_code osy_clean(struct osy_pg *pg, const struct osy_settings *settings, struct osy_str what,
	int64_t *ret_removed, bool *ret_more, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	const struct clean *clean = find(what);
	int64_t days = osy_clean_days(settings, what);

	*ret_removed = 0;
	*ret_more = false;
	if (!clean || !days)
		return OSY_OK;
	enum osy_code rc =
		osy_pg_do(pg, &result, err, clean->sql, OSY_PG_I64(days), OSY_PG_I64(PART));
	if (rc)
		return rc;
	*ret_removed = osy_pg_i64(result, 0, 0, 0);
	*ret_more = *ret_removed == PART;
	return OSY_OK;
}
