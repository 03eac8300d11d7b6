/*
 * Stages: what the workers have done of what the checkpoint says is there.
 */
#ifndef OSY_STAGE_H
#define OSY_STAGE_H

#include "drive_run.h"
#include "osy/batch.h"

/* Lanes that have done everything that the checkpoint names. */
enum osy_code osy_stage_idle(struct osy_drive *drive, const struct osy_checkpoint *checkpoint,
	int *ret_idle, struct osy_err *err) OSY_CHECKED;
/* Whether a stage has ended, every lane is past its last batch and no batch of it is unsettled. */
enum osy_code osy_stage_settled(struct osy_drive *drive, const struct osy_checkpoint *checkpoint,
	int stage, bool *ret, struct osy_err *err) OSY_CHECKED;
/* Of batches: files that wait for the target to take more of them within 24 hours. Inserts without
 * a key that are looked for keep the moment until which they were set aside. */
#define OSY_FILES_WAIT "state = 'doubt' AND NOT keyless AND due_at IS NOT NULL"
/* Whether all that a stage, which has ended, still waits for are such files. */
enum osy_code osy_stage_waits_for_files(struct osy_drive *drive,
	const struct osy_checkpoint *checkpoint, int stage, bool *ret,
	struct osy_err *err) OSY_CHECKED;
/* Σ outcomes of every object against the journal: OSY_E_INTERNAL names the first that differs. */
enum osy_code osy_stage_verify(struct osy_drive *drive, const struct osy_checkpoint *checkpoint,
	struct osy_err *err) OSY_CHECKED;

#endif
