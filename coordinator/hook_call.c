#include "hook.h"

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "osy/mem.h"

#define LOOK_MS 100

static const char *const points[] = {"beforeRun", "afterObject", "afterRun"};

/* ---- Telling ---- */

/* Cheap for the runs that have no hook at this point, which are most. */
static enum osy_code is_told(
	struct osy_drive *drive, enum osy_hook_point point, bool *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(drive->pg, &row, err,
		"SELECT EXISTS (SELECT 1 FROM run r CROSS JOIN jsonb_array_elements(r.doc::jsonb "
		"-> 'hooks') h WHERE r.id = $1 AND h->>'at' = $2)",
		OSY_PG_Z(drive->run), OSY_PG_Z(points[point]));

	if (!rc)
		*ret = osy_pg_i64(row, 0, 0, 0) != 0;
	return rc;
}

/*
 * An object is done with its last leg's stage. A run's problem is not told: an org's words may
 * quote values of records.
 */
#define TELL                                                                                    \
	"WITH me AS (SELECT * FROM run WHERE id = $1 AND owner = $2 AND epoch = $3), done AS "  \
	"(SELECT object, sum(d_inserted) i, sum(d_updated) u, sum(d_existing) e, "              \
	"sum(d_skipped) s, sum(d_deleted) d, sum(d_failed) f FROM batch WHERE run = $1 GROUP "  \
	"BY object), counts AS (SELECT o.name, max(o.stage) AS stage, min(o.object) AS at, "    \
	"json_build_object('name', o.name, 'target', min(o.target_name), 'selected', "          \
	"sum(o.selected), 'scanned', sum(o.published), 'inserted', coalesce(sum(i), 0), "       \
	"'updated', coalesce(sum(u), 0), 'existing', coalesce(sum(e), 0), 'skipped', "          \
	"coalesce(sum(s), 0), 'deleted', coalesce(sum(d), 0), 'failed', coalesce(sum(f), 0)) "  \
	"AS doc FROM run_object o LEFT JOIN done USING (object) WHERE o.run = $1 GROUP BY "     \
	"o.name), point AS MATERIALIZED (SELECT gen_random_uuid() AS id, h.n AS item, h.hook, " \
	"c.name AS object, c.doc, c.at FROM me CROSS JOIN jsonb_array_elements(me.doc::jsonb "  \
	"-> 'hooks') WITH ORDINALITY h(hook, n) LEFT JOIN counts c ON $4 = 'afterObject' AND "  \
	"c.stage = $5 AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements(me.doc::jsonb -> "     \
	"'objects') x WHERE lower(x->>'name') = lower(c.name) AND x->>'hooks' = 'false') "      \
	"WHERE h.hook->>'at' = $4 AND ($4 <> 'afterObject' OR c.name IS NOT NULL)) INSERT "     \
	"INTO hook_call (id, run, pass, item, at, object, hook, timeout_ms, attempts_most, "    \
	"aborts, body) SELECT p.id, me.id, me.pass, p.item, $4, coalesce(p.object, ''), "       \
	"p.hook->>'hook', (p.hook->>'timeoutSeconds')::int * 1000, "                            \
	"(p.hook->>'attempts')::int, p.hook->>'onError' = 'abort', json_build_object('id', "    \
	"p.id, 'type', $4, 'timestamp', to_char(clock_timestamp() AT TIME ZONE 'UTC', "         \
	"'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), 'run', json_build_object('id', me.id, 'name', "  \
	"me.name, 'template', me.template, 'source', me.source, 'target', me.target, "          \
	"'state', me.state, 'pass', me.pass, 'passKind', me.pass_kind), 'objects', CASE WHEN "  \
	"$4 = 'afterObject' THEN json_build_array(p.doc) ELSE (SELECT "                         \
	"coalesce(json_agg(c.doc ORDER BY c.stage, c.at), '[]') FROM counts c) END)::text "     \
	"FROM me CROSS JOIN point p ORDER BY p.item, p.at ON CONFLICT (run, pass, item, "       \
	"object) DO NOTHING"

enum osy_code osy_hooks_tell(
	struct osy_drive *drive, enum osy_hook_point point, int stage, struct osy_err *err)
{
	bool told = false;
	enum osy_code rc = is_told(drive, point, &told, err);

	if (rc || !told)
		return rc;
	rc = osy_pg_do(drive->pg, NULL, err, TELL, OSY_PG_Z(drive->run),
		OSY_PG_Z(osy_driver_id(drive->driver)), OSY_PG_I64(drive->epoch),
		OSY_PG_Z(points[point]), OSY_PG_I32(stage));
	(void)OSY_FAILPOINT("coordinator.hook_told");
	return rc;
}

/* ---- Waiting ---- */
static enum osy_code refuse(
	struct osy_drive *drive, const struct osy_pg_result *row, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf why = OSY_BUF(16u * 1024);
	struct osy_str hook = osy_pg_str(row, 0, 1), object = osy_pg_str(row, 0, 2),
		       note = osy_pg_str(row, 0, 3), at = osy_pg_str(row, 0, 4);

	osy_buf_addf(&why, "hook %.*s ends the run at %.*s%s%.*s: %.*s", (int)hook.len, hook.p,
		(int)at.len, at.p, object.len ? " of " : "", (int)object.len, object.p,
		(int)note.len, note.p ? note.p : "");
	enum osy_code rc = osy_drive_set(
		drive, err, "wanted = 'abort', held = false, problem = $4", OSY_PG_Z(why.p));
	if (!rc)
		drive->wants_abort = true;
	return rc;
}

enum osy_code osy_hooks_answered(
	struct osy_drive *drive, enum osy_hook_point point, bool *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(drive->pg, &row, err,
		"SELECT (SELECT count(*) FROM hook_call WHERE run = $1 AND pass = $2 AND state = "
		"'pending' AND at = $3 AND (aborts OR $3 = 'beforeRun')), f.hook, f.object, "
		"f.note, f.at FROM (SELECT 1) one LEFT JOIN (SELECT * FROM hook_call WHERE run = "
		"$1 AND pass = $2 AND at = $3 AND state = 'failed' AND aborts ORDER BY seq LIMIT "
		"1) f ON true",
		OSY_PG_Z(drive->run), OSY_PG_I32(drive->pass), OSY_PG_Z(points[point]));

	if (rc)
		return rc;
	*ret = osy_pg_i64(row, 0, 0, 0) == 0;
	return osy_pg_is_null(row, 0, 1) ? OSY_OK : refuse(drive, row, err);
}

enum osy_code osy_hooks_before(struct osy_drive *drive, struct osy_err *err)
{
	bool answered = false;
	enum osy_code rc = osy_hooks_tell(drive, OSY_HOOK_BEFORE_RUN, 0, err);

	while (!rc && !answered && !drive->wants_abort && !drive->held) {
		rc = osy_hooks_answered(drive, OSY_HOOK_BEFORE_RUN, &answered, err);
		if (!rc && !answered && !drive->wants_abort) {
			rc = osy_drive_wait(drive, LOOK_MS, err);
			if (!rc)
				rc = osy_drive_load(drive, err);
		}
	}
	return rc;
}
