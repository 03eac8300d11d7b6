/* Marks: when the reading began, forward when a run settles, back when it is rolled back. */
#include "delta.h"

#include "osy/clock.h"
#include "osy/log.h"

static enum osy_code has_begun(struct osy_drive *drive, bool *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(drive->pg, &row, err,
		"SELECT read_at IS NOT NULL FROM run WHERE id = $1", OSY_PG_Z(drive->run));

	if (!rc)
		*ret = osy_pg_i64(row, 0, 0, 0) != 0;
	return rc;
}

/*
 * One moment for all objects: a child that is read late may point to a parent that came into being
 * after its object was read, and both must be in what the next run reads.
 */
enum osy_code osy_delta_begin(struct osy_drive *drive, struct osy_err *err)
{
	struct osy_org_identity identity;
	int64_t least = 0, most = 0;
	bool begun = true;
	enum osy_code rc = drive->spec->delta ? has_begun(drive, &begun, err) : OSY_OK;

	if (rc || begun)
		return rc;
	rc = osy_org_identify(drive->source, &identity, err); /* its replies tell its clock */
	if (rc)
		return rc;
	osy_org_clock(drive->source, &least, &most);
	return osy_drive_set(drive, err,
		"read_at = coalesce(read_at, to_timestamp($4::bigint / 1000.0))",
		OSY_PG_I64(osy_wall_ms() + least));
}

#define SAME_MARK                                                                                 \
	"m.source_org_id = $2 AND m.target_org_id = $3 AND m.template = r.template AND m.object " \
	"= o.name AND m.leg = o.leg AND m.deletes = o.deletes"

/* Nothing of it has failed, nor may have been left unread. */
#define IS_WHOLE                                                                                \
	"(o.mark_limit IS NULL OR o.published < o.mark_limit) AND NOT EXISTS (SELECT 1 FROM "   \
	"batch b WHERE b.run = o.run AND b.object = o.object GROUP BY b.object HAVING "         \
	"sum(b.d_failed) > 0) AND NOT EXISTS (SELECT 1 FROM failure f WHERE f.run = o.run AND " \
	"f.object = o.object AND f.kind IN ('record', 'link') AND f.resolved_pass IS NULL)"

enum osy_code osy_delta_settle(struct osy_drive *drive, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;

	if (!drive->spec->delta)
		return OSY_OK;
	/* A mark that was taken back since the scan leaves a gap behind what was read. */
	enum osy_code rc = osy_pg_do(drive->pg, &rows, err,
		"WITH moved AS (INSERT INTO mark AS m (source_org_id, target_org_id, template, "
		"object, leg, deletes, at, hash, run) SELECT $2, $3, r.template, o.name, o.leg, "
		"o.deletes, r.read_at, o.mark_hash, r.id FROM run r JOIN run_object o ON o.run = "
		"r.id WHERE r.id = $1 AND r.read_at IS NOT NULL AND o.mark_hash IS NOT NULL AND "
		"(o.mark_from IS NULL OR EXISTS (SELECT 1 FROM mark m WHERE " SAME_MARK
		" AND m.hash = o.mark_hash AND m.at >= o.mark_from)) AND " IS_WHOLE
		" ON CONFLICT (source_org_id, target_org_id, template, object, leg, deletes) DO "
		"UPDATE SET at = excluded.at, hash = excluded.hash, run = excluded.run WHERE m.at "
		"< excluded.at RETURNING m.object, m.leg, m.deletes) UPDATE run_object o SET "
		"mark_moved = true FROM moved n WHERE o.run = $1 AND o.name = n.object AND o.leg = "
		"n.leg AND o.deletes = n.deletes RETURNING 1",
		OSY_PG_Z(drive->run), OSY_PG_Z(drive->spec->source_org_id),
		OSY_PG_Z(drive->spec->target_org_id));
	if (!rc)
		osy_log(OSY_INFO, "run.marks", OSY_KV("run", drive->run),
			OSY_KV_INT("moved", (int64_t)osy_pg_rows(rows)));
	return rc;
}

enum osy_code osy_delta_undo(struct osy_drive *drive, struct osy_err *err)
{
	const struct osy_pg_param params[] = {OSY_PG_Z(drive->run),
		OSY_PG_Z(drive->spec->source_org_id), OSY_PG_Z(drive->spec->target_org_id)};
	enum osy_code rc = OSY_OK;

	if (!drive->spec->delta)
		return OSY_OK;
	rc = osy_pg_exec(drive->pg,
		"DELETE FROM mark m USING run r, run_object o WHERE r.id = $1 AND o.run = r.id AND "
		"o.mark_moved AND o.mark_from IS NULL AND " SAME_MARK,
		params, OSY_COUNT(params), NULL, err);
	if (!rc)
		rc = osy_pg_exec(drive->pg,
			"UPDATE mark m SET at = least(m.at, o.mark_from) FROM run r, run_object o "
			"WHERE r.id = $1 AND o.run = r.id AND o.mark_moved AND o.mark_from IS NOT "
			"NULL AND " SAME_MARK,
			params, OSY_COUNT(params), NULL, err);
	return rc;
}
