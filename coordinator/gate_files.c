/*
 * The limit of new files and versions of files that an org takes within 24 hours. A worker whose
 * file is refused for it marks the batch (its row in doubt has a time when it is due); once all
 * that the open stage still waits for are such batches, the run is Paused. See gate.h.
 */
#include "gate.h"
#include "osy/clock.h"
#include "stage.h"

#define LOOK_MS 1000

static bool has_files(const struct osy_spec *spec)
{
	for (size_t i = 0; i < spec->object_count; i++) {
		if (spec->objects[i].file)
			return true;
	}
	return false;
}

void osy_gate_files_why(const struct osy_drive *drive, struct osy_buf *out)
{
	osy_buf_addf(out,
		"org '%s' has taken as many new files and versions of files within 24 hours as it "
		"takes; the run goes on by itself when it takes more",
		drive->target_name);
}

enum osy_code osy_gate_files_look(struct osy_drive *drive, const struct osy_checkpoint *checkpoint,
	bool *ret_paused, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf why = OSY_BUF(1024);
	int64_t now = osy_mono_ms();
	bool waits = false;

	if (!has_files(drive->spec) || now - drive->files_looked_at < LOOK_MS)
		return OSY_OK;
	drive->files_looked_at = now;
	enum osy_code rc =
		osy_stage_waits_for_files(drive, checkpoint, drive->open_stage, &waits, err);
	if (rc || !waits)
		return rc;
	drive->files_asked_at = now;
	osy_gate_files_why(drive, &why);
	return osy_gate_pause(drive, drive->target_name, why.p, ret_paused, err);
}

static enum osy_code is_waiting(struct osy_drive *drive, bool *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(drive->pg, &row, err,
		"SELECT EXISTS (SELECT 1 FROM batch WHERE run = $1 AND pass = $2 "
		"AND " OSY_FILES_WAIT ")",
		OSY_PG_Z(drive->run), OSY_PG_I32(drive->pass));

	*ret = !rc && osy_pg_i64(row, 0, 0, 0) != 0;
	return rc;
}

enum osy_code osy_gate_files_may_go(struct osy_drive *drive, bool *ret, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *limits = NULL;
	int64_t now = osy_mono_ms(), asked = drive->files_asked_at;
	bool waiting = false;
	enum osy_code rc = has_files(drive->spec) ? is_waiting(drive, &waiting, err) : OSY_OK;

	*ret = !rc && !waiting;
	if (!waiting || (asked && now - asked < drive->settings->limit_probe_ms))
		return rc;
	drive->files_asked_at = now;
	/* one that does not tell is asked by sending */
	*ret = osy_gate_ask_limits(drive, OSY_GATE_TARGET, &limits) &&
	       osy_json_get_i64(osy_json_get(limits, "ContentPublicationLimit"), "Remaining", -1) !=
		       0;
	return OSY_OK;
}

enum osy_code osy_gate_files_go(struct osy_drive *drive, struct osy_err *err)
{
	return osy_pg_do(drive->pg, NULL, err,
		"UPDATE batch SET due_at = NULL WHERE run = $1 AND pass = $2 AND " OSY_FILES_WAIT,
		OSY_PG_Z(drive->run), OSY_PG_I32(drive->pass));
}
