#include <stdio.h>

#include "automation.h"
#include "drive_run.h"
#include "hook.h"
#include "keys.h"
#include "osy/clock.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "queue.h"

/* One lock for all decisions who may begin: "osyq" */
#define QUEUE_LOCK 0x6f737971

/* The run that ours must wait for: one that writes the same objects of the same org and began, or
 * asked, before. */
static enum osy_code find_blocker(
	struct osy_drive *drive, struct osy_buf *ret_why, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	enum osy_code rc = osy_pg_do(
		drive->pg, NULL, err, "SELECT pg_advisory_xact_lock($1)", OSY_PG_I64(QUEUE_LOCK));

	if (!rc)
		rc = osy_pg_do(drive->pg, &rows, err,
			"SELECT b.id, (SELECT min(bj.target_name) FROM run_object bj JOIN "
			"run_object rj ON rj.target_name = bj.target_name WHERE bj.run = b.id AND "
			"rj.run = r.id) FROM run r JOIN run b ON " OSY_QUEUE_BEFORE
			" WHERE r.id = $1 ORDER BY b.started_at, b.id LIMIT 1",
			OSY_PG_Z(drive->run));
	if (rc || osy_pg_rows(rows) == 0)
		return rc;
	struct osy_str run = osy_pg_str(rows, 0, 0), object = osy_pg_str(rows, 0, 1);
	osy_buf_addf(ret_why, "waits for run %.*s, which writes %.*s of the same org", (int)run.len,
		run.p, (int)object.len, object.p);
	return OSY_OK;
}

/* One try to begin; *ret_begun false: why says for whom we wait, "": a person wants something else
 * by now. */
static enum osy_code try_to_begin(
	struct osy_drive *drive, bool *ret_begun, struct osy_buf *why, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *begun = NULL;
	enum osy_code rc = osy_drive_begin(drive, err);

	if (rc)
		return rc;
	rc = find_blocker(drive, why, err);
	if (!rc && why->len == 0)
		rc = osy_pg_do(drive->pg, &begun, err,
			"UPDATE run SET phase = 'Executing', problem = NULL WHERE id = $1 AND NOT "
			"held AND wanted IS NULL RETURNING 1",
			OSY_PG_Z(drive->run));
	if (rc || why->len || osy_pg_rows(begun) == 0) {
		osy_pg_rollback(drive->pg);
		return rc;
	}
	*ret_begun = true;
	return osy_drive_commit(drive, err);
}

enum osy_code osy_topic_wait(struct osy_drive *drive, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;
	bool begun = false, said = false;

	while (!rc && !begun) {
		OSY_AUTO(osy_buf_done) struct osy_buf why = OSY_BUF(1024);
		rc = try_to_begin(drive, &begun, &why, err);
		if (rc || begun)
			break;
		if (!said && why.len)
			osy_log(OSY_INFO, "run.waits", OSY_KV("run", drive->run),
				OSY_KV("why", why.p));
		if (!drive->waiting) {
			drive->waiting = true;
			osy_driver_waiting(drive->driver, true);
		}
		if (!said && why.len)
			osy_drive_problem(drive, why.p);
		said |= why.len > 0;
		for (int64_t until = osy_mono_ms() + 500; !rc && osy_mono_ms() < until;)
			rc = osy_drive_wait(drive, 200, err);
		if (!rc)
			rc = osy_drive_load(drive, err);
		if (drive->wants_abort || drive->held)
			break;
	}
	if (drive->waiting) {
		drive->waiting = false;
		osy_driver_waiting(drive->driver, false);
	}
	return rc;
}

static enum osy_code make_topic(struct osy_drive *drive, struct osy_err *err)
{
	static const struct osy_kafka_property properties[] = {
		{"retention.ms", "-1"},
		{"retention.bytes", "-1"},
		{"cleanup.policy", "delete"},
	};

	return osy_kafka_topic_create(drive->kafka, drive->topic, (unsigned)drive->spec->lanes + 1,
		properties, OSY_COUNT(properties), err);
}

/* The sizes and ways that the pass goes by, for those who look at it later. */
static enum osy_code note_sizes(struct osy_drive *drive, struct osy_err *err)
{
	size_t count = drive->spec->object_count;
	OSY_AUTO_FREE int32_t *numbers = osy_xcalloc(4 * count + 1, sizeof(*numbers));

	for (size_t i = 0; i < count; i++) {
		const struct osy_spec_object *object = &drive->spec->objects[i];
		numbers[i] = object->batch_size;
		numbers[count + i] = object->lanes;
		numbers[2 * count + i] = object->read_bulk;
		numbers[3 * count + i] = object->load_bulk;
	}
	return osy_pg_do(drive->pg, NULL, err,
		"UPDATE run_object o SET batch_size = n.size, lanes = n.lanes, read_bulk = n.read "
		"<> 0, load_bulk = n.load <> 0 FROM unnest($2::int[], $3::int[], $4::int[], "
		"$5::int[]) WITH ORDINALITY AS n(size, lanes, read, load, at) WHERE o.run = $1 AND "
		"o.object = n.at - 1",
		OSY_PG_Z(drive->run), OSY_PG_I32S(numbers, count),
		OSY_PG_I32S(numbers + count, count), OSY_PG_I32S(numbers + 2 * count, count),
		OSY_PG_I32S(numbers + 3 * count, count));
}

static enum osy_code open_lanes(struct osy_drive *drive, struct osy_err *err)
{
	/* the first stage too waits for keys that it needs (keys.h) */
	int stage = osy_keys_of_stage(drive, 1) ? 0 : 1;
	enum osy_code rc = osy_drive_begin(drive, err);

	if (rc)
		return rc;
	rc = osy_retake_plan(drive, err);
	if (!rc)
		rc = note_sizes(drive, err);
	if (!rc)
		rc = osy_pg_do(drive->pg, NULL, err,
			"INSERT INTO lane (run, pass, lane, position) SELECT $1, $2, n, "
			"coalesce((SELECT min(at_offset) FROM retake t WHERE t.run = $1 AND t.pass "
			"= $2 AND t.lane = n), 0) FROM generate_series(0, $3 - 1) n ON CONFLICT DO "
			"NOTHING",
			OSY_PG_Z(drive->run), OSY_PG_I32(drive->pass),
			OSY_PG_I32(drive->spec->lanes));
	if (!rc)
		rc = osy_pg_do(drive->pg, NULL, err,
			"UPDATE run SET open_stage = $2, problem = CASE WHEN held THEN problem END "
			"WHERE id = $1",
			OSY_PG_Z(drive->run), OSY_PG_I32(stage));
	if (rc) {
		osy_pg_rollback(drive->pg);
		return rc;
	}
	rc = osy_drive_commit(drive, err);
	if (!rc)
		drive->open_stage = stage;
	return rc;
}

enum osy_code osy_topic_enter(struct osy_drive *drive, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	if (!drive->executing)
		rc = osy_topic_wait(drive, err);
	if (rc || drive->wants_abort || drive->held)
		return rc;
	drive->executing = true;
	rc = osy_hooks_before(drive, err);
	if (rc || drive->wants_abort || drive->held)
		return rc;
	rc = osy_automation_off(drive, err);
	if (rc || drive->wants_abort)
		return rc;
	rc = make_topic(drive, err);
	if (!rc)
		rc = osy_retake_claims(drive, err);
	if (!rc)
		rc = open_lanes(drive, err);
	if (!rc)
		osy_log(OSY_INFO, "run.begun", OSY_KV("run", drive->run),
			OSY_KV_INT("pass", drive->pass), OSY_KV_INT("lanes", drive->spec->lanes));
	return rc;
}
