#include "osy/mem.h"
#include "stage.h"

/* Positions of the lanes of this pass; all must be there. */
static enum osy_code positions(struct osy_drive *drive, int64_t *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	enum osy_code rc = osy_pg_do(drive->pg, &rows, err,
		"SELECT lane, position FROM lane WHERE run = $1 AND pass = $2",
		OSY_PG_Z(drive->run), OSY_PG_I32(drive->pass));

	if (rc)
		return rc;
	for (int i = 0; i < drive->spec->lanes; i++)
		ret[i] = 0;
	for (size_t i = 0; i < osy_pg_rows(rows); i++) {
		int64_t lane = osy_pg_i64(rows, i, 0, -1);
		if (lane >= 0 && lane < drive->spec->lanes)
			ret[lane] = osy_pg_i64(rows, i, 1, 0);
	}
	return OSY_OK;
}

enum osy_code osy_stage_idle(struct osy_drive *drive, const struct osy_checkpoint *checkpoint,
	int *ret_idle, struct osy_err *err)
{
	OSY_AUTO_FREE int64_t *at = osy_xcalloc((size_t)drive->spec->lanes, sizeof(*at));
	enum osy_code rc = positions(drive, at, err);
	int idle = 0;

	if (rc)
		return rc;
	for (unsigned lane = 0; lane < checkpoint->lane_count; lane++) {
		bool past = true;
		for (unsigned stage = 0; stage < checkpoint->stage_count; stage++)
			past &= at[lane] > checkpoint->ends[stage * checkpoint->lane_count + lane];
		idle += past;
	}
	*ret_idle = idle;
	return OSY_OK;
}

enum osy_code osy_stage_settled(struct osy_drive *drive, const struct osy_checkpoint *checkpoint,
	int stage, bool *ret, struct osy_err *err)
{
	OSY_AUTO_FREE int64_t *at = osy_xcalloc((size_t)drive->spec->lanes, sizeof(*at));
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;

	*ret = stage == 0; /* none is open yet */
	if (checkpoint->stages_ended < stage || stage == 0)
		return OSY_OK;
	enum osy_code rc = positions(drive, at, err);
	if (rc)
		return rc;
	for (unsigned lane = 0; lane < checkpoint->lane_count; lane++) {
		if (at[lane] <=
			checkpoint->ends[(unsigned)(stage - 1) * checkpoint->lane_count + lane])
			return OSY_OK;
	}
	/* Asked after the positions: what was set aside was so in the transaction that moved them.
	 */
	rc = osy_pg_do(drive->pg, &rows, err,
		"SELECT EXISTS (SELECT 1 FROM batch WHERE run = $1 AND pass = $2 AND stage = $3 "
		"AND state <> 'done')",
		OSY_PG_Z(drive->run), OSY_PG_I32(drive->pass), OSY_PG_I32(stage));
	if (!rc)
		*ret = !osy_pg_i64(rows, 0, 0, 1);
	return rc;
}

enum osy_code osy_stage_waits_for_files(struct osy_drive *drive,
	const struct osy_checkpoint *checkpoint, int stage, bool *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	int64_t waiting = 0;

	*ret = false;
	if (checkpoint->stages_ended < stage || stage == 0)
		return OSY_OK;
	enum osy_code rc = osy_pg_do(drive->pg, &rows, err,
		"SELECT l.lane, l.position, count(b.wait) FILTER (WHERE b.wait), count(b.wait) "
		"FILTER (WHERE NOT b.wait), count(b.wait) FILTER (WHERE b.wait AND b.at_offset >= "
		"l.position) FROM lane l LEFT JOIN (SELECT lane, at_offset, " OSY_FILES_WAIT
		" AS wait FROM batch WHERE run = $1 AND pass = $2 AND stage = $3 AND state <> "
		"'done') b USING (lane) WHERE l.run = $1 AND l.pass = $2 GROUP BY l.lane, "
		"l.position",
		OSY_PG_Z(drive->run), OSY_PG_I32(drive->pass), OSY_PG_I32(stage));
	for (size_t i = 0; !rc && i < osy_pg_rows(rows); i++) {
		unsigned lane = (unsigned)osy_pg_i64(rows, i, 0, 0);
		int64_t end =
			lane < checkpoint->lane_count
				? checkpoint->ends[(unsigned)(stage - 1) * checkpoint->lane_count +
						   lane]
				: -1;
		bool past = osy_pg_i64(rows, i, 1, 0) > end;
		if (osy_pg_i64(rows, i, 3, 0) || (!past && !osy_pg_i64(rows, i, 4, 0)))
			return OSY_OK; /* something goes on there */
		waiting += osy_pg_i64(rows, i, 2, 0);
	}
	*ret = waiting > 0;
	return rc;
}

enum osy_code osy_stage_verify(
	struct osy_drive *drive, const struct osy_checkpoint *checkpoint, struct osy_err *err)
{
	OSY_AUTO_FREE int64_t *outcomes =
		osy_xcalloc(checkpoint->object_count + 1, sizeof(*outcomes));
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	enum osy_code rc = osy_pg_do(drive->pg, &rows, err,
		"SELECT object, sum(d_inserted + d_updated + d_existing + d_skipped + "
		"d_deleted + d_failed)::bigint "
		"FROM batch WHERE run = $1 AND NOT links GROUP BY object",
		OSY_PG_Z(drive->run));

	for (size_t i = 0; !rc && i < osy_pg_rows(rows); i++) {
		int64_t object = osy_pg_i64(rows, i, 0, -1);
		if (object >= 0 && object < checkpoint->object_count)
			outcomes[object] = osy_pg_i64(rows, i, 1, 0);
	}
	for (unsigned i = 0; !rc && i < checkpoint->object_count; i++) {
		if (outcomes[i] != checkpoint->objects[i].published)
			return osy_fail(err, OSY_E_INTERNAL,
				"the counts of %s do not add up: %lld records in the journal, %lld "
				"with an outcome; please report this",
				drive->spec->objects[i].name,
				(long long)checkpoint->objects[i].published,
				(long long)outcomes[i]);
	}
	return rc;
}
