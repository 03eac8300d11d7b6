/*
 * What a run may ask of its orgs: the budgets (osy/budget.h) of both, as the run's thread sees
 * them. Reading goes through here; when an org has no call left but its reserve, the run is Paused
 * and goes on by itself. So it is when nothing is left to be done but files of which the target
 * takes no more within 24 hours.
 */
#ifndef OSY_GATE_H
#define OSY_GATE_H

#include "drive_run.h"
#include "osy/batch.h"

/* ---- Reading ---- */
enum osy_gate_side { OSY_GATE_SOURCE, OSY_GATE_TARGET };
/* Whether so many calls may be started now (1: a request; more, of the source alone: a list that is
 * asked for on the spot). */
bool osy_gate_may_read(struct osy_drive *drive, enum osy_gate_side side, unsigned calls);
/* osy_sf_start() on the org, counted. */
enum osy_code osy_gate_start(struct osy_drive *drive, enum osy_gate_side side,
	const struct osy_sf_request *request, osy_sf_done done, void *arg,
	struct osy_err *err) OSY_CHECKED;

/* ---- Paused ---- */
/* Paused with this sentence; *ret_paused false: a person wants something else by now. */
enum osy_code osy_gate_pause(struct osy_drive *drive, const char *org, const char *why,
	bool *ret_paused, struct osy_err *err) OSY_CHECKED;
/* Looks at both budgets; *ret_paused: one is used up, the run is Paused now. A few times a second.
 */
enum osy_code osy_gate_look(
	struct osy_drive *drive, bool *ret_paused, struct osy_err *err) OSY_CHECKED;
/* Stays until there are calls again and the target takes files (the run is Sync In Progress then),
 * until it is to be aborted, or until a person pauses it. Asks the org for its limits every
 * limit_probe_ms. */
enum osy_code osy_gate_rest(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;

/* What the org says of its limits now; false: nothing. */
bool osy_gate_ask_limits(
	struct osy_drive *drive, enum osy_gate_side side, struct osy_json **ret_limits);

/* ---- gate_files.c ---- */
/* *ret_paused: nothing but files that the target takes no more of today is left of the open stage;
 * the run is Paused now. */
enum osy_code osy_gate_files_look(struct osy_drive *drive, const struct osy_checkpoint *checkpoint,
	bool *ret_paused, struct osy_err *err) OSY_CHECKED;
void osy_gate_files_why(const struct osy_drive *drive, struct osy_buf *out);
/* Whether no file waits any more, or the target takes some; it is asked every limit_probe_ms. */
enum osy_code osy_gate_files_may_go(
	struct osy_drive *drive, bool *ret, struct osy_err *err) OSY_CHECKED;
/* Those that wait are to be sent. */
enum osy_code osy_gate_files_go(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;

/* ---- Scans ---- */
/* Before anything is asked of the orgs, and again when it is known who they are: refuses (with
 * OSY_E_INVALID) a scan whose calls would use the reserve. */
enum osy_code osy_gate_scan(struct osy_drive *drive, int reserve_percent, size_t objects,
	const char *source_org_id, const char *target_org_id, struct osy_err *err) OSY_CHECKED;
/* The same for so many more reads of the source, once it is known who the orgs are. */
enum osy_code osy_gate_scan_reads(struct osy_drive *drive, int reserve_percent, unsigned calls,
	struct osy_err *err) OSY_CHECKED;
/* The scan is over: gives back what it did not use. */
void osy_gate_scan_over(struct osy_drive *drive);

void osy_gate_free(struct osy_drive *drive);

#endif
