/*
 * What a run may ask of its orgs: the budgets (osy/budget.h) of both, as the run's thread sees
 * them. Reading goes through here; when an org has no call left but its reserve, the run is Paused
 * and goes on by itself.
 */
#ifndef OSY_GATE_H
#define OSY_GATE_H

#include "drive_run.h"

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
/* Looks at both budgets; *ret_paused: one is used up, the run is Paused now. A few times a second.
 */
enum osy_code osy_gate_look(
	struct osy_drive *drive, bool *ret_paused, struct osy_err *err) OSY_CHECKED;
/* Stays until there are calls again (the run is Sync In Progress then), until it is to be
 * aborted, or until a person pauses it. Asks the org for its limits every limit_probe_ms. */
enum osy_code osy_gate_rest(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;

/* ---- Scans ---- */
/* Before anything is asked of the orgs, and again when it is known who they are: refuses (with
 * OSY_E_INVALID) a scan whose calls would use the reserve. */
enum osy_code osy_gate_scan(struct osy_drive *drive, int reserve_percent, size_t objects,
	const char *source_org_id, const char *target_org_id, struct osy_err *err) OSY_CHECKED;
/* The scan is over: gives back what it did not use. */
void osy_gate_scan_over(struct osy_drive *drive);

void osy_gate_free(struct osy_drive *drive);

#endif
