/* Retries: which batches of the journal a pass takes again, and how many records. */
#include "drive_run.h"
#include "osy/idmap.h"
#include "osy/redis.h"

/* Batches that hold a record whose outcome is failed by all passes together; or skipped. */
static enum osy_code note_records(struct osy_drive *drive, struct osy_err *err)
{
	return osy_pg_do(drive->pg, NULL, err,
		"INSERT INTO retake (run, pass, lane, at_offset) SELECT b.run, r.pass, b.lane, "
		"b.at_offset FROM run r JOIN batch b ON b.run = r.id AND b.pass < r.pass AND NOT "
		"b.links WHERE r.id = $1 AND r.pass_kind IN ('retry', 'resync') GROUP BY b.run, "
		"r.pass, r.pass_kind, b.lane, b.at_offset HAVING sum(b.d_failed) + CASE WHEN "
		"r.pass_kind = 'resync' THEN sum(b.d_skipped) ELSE 0 END > 0 ON CONFLICT DO "
		"NOTHING",
		OSY_PG_Z(drive->run));
}

/* And those whose record is in but one of its links has failed: in the same lane, by its id. */
static enum osy_code note_links(struct osy_drive *drive, struct osy_err *err)
{
	return osy_pg_do(drive->pg, NULL, err,
		"INSERT INTO retake (run, pass, lane, at_offset) SELECT DISTINCT b.run, r.pass, "
		"b.lane, b.at_offset FROM run r JOIN failure f ON f.run = r.id AND f.kind = 'link' "
		"AND f.resolved_pass IS NULL JOIN batch b ON b.run = r.id AND b.pass < r.pass AND "
		"NOT b.links AND b.lane = f.lane AND b.object = f.object AND b.smallest <= "
		"left(f.source_id, 15) COLLATE \"C\" AND b.largest >= left(f.source_id, 15) "
		"COLLATE \"C\" WHERE r.id = $1 AND r.pass_kind IN ('retry', 'resync') ON CONFLICT "
		"DO NOTHING",
		OSY_PG_Z(drive->run));
}

/* Where the journal ends: what comes behind are the links of this pass. */
static enum osy_code note_ends(struct osy_drive *drive, struct osy_err *err)
{
	return osy_pg_do(drive->pg, NULL, err,
		"INSERT INTO retake (run, pass, lane, at_offset) SELECT r.id, r.pass, n, "
		"coalesce((SELECT max(at_offset) + 1 FROM batch b WHERE b.run = r.id AND b.lane = "
		"n), 0) FROM run r, generate_series(0, $2 - 1) n WHERE r.id = $1 AND r.pass_kind "
		"IN ('retry', 'resync') ON CONFLICT DO NOTHING",
		OSY_PG_Z(drive->run), OSY_PG_I32(drive->spec->lanes));
}

static enum osy_code count_records(struct osy_drive *drive, struct osy_err *err)
{
	return osy_pg_do(drive->pg, NULL, err,
		"UPDATE run_object o SET pass_records = CASE WHEN r.pass_kind IN ('retry', "
		"'resync') THEN coalesce((SELECT sum(b.d_failed) + CASE WHEN r.pass_kind = "
		"'resync' THEN sum(b.d_skipped) ELSE 0 END FROM batch b WHERE b.run = o.run AND "
		"b.object = o.object AND b.pass < r.pass AND NOT b.links), 0) END FROM run r WHERE "
		"r.id = $1 AND o.run = r.id",
		OSY_PG_Z(drive->run));
}

enum osy_code osy_retake_plan(struct osy_drive *drive, struct osy_err *err)
{
	if (drive->pass == 1)
		return OSY_OK;
	enum osy_code rc = note_records(drive, err);
	if (!rc)
		rc = note_links(drive, err);
	if (!rc)
		rc = note_ends(drive, err);
	if (!rc)
		rc = count_records(drive, err);
	return rc;
}

enum osy_code osy_retake_claims(struct osy_drive *drive, struct osy_err *err)
{
	if (drive->pass == 1)
		return OSY_OK;
	struct osy_redis *redis = osy_redis_new(drive->settings->redis_url);
	struct osy_idmap *idmap = osy_idmap_new(redis, drive->pg, drive->settings->kafka_prefix);
	enum osy_code rc = osy_idmap_claims_fill(idmap, drive->run, err);
	osy_idmap_free(idmap);
	osy_redis_free(redis);
	return rc;
}
