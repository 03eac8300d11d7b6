/*
 * Automation of the target org: the validation rules, workflow rules, flows, triggers and duplicate
 * rules of a run's objects, switched off before its first stage opens (options.automationOff) and
 * back on when it has ended. Wire facts: salesforce-wire.md sections 5.5 to 5.9.
 *
 * What every switch was is in Postgres (table automation) before the first of them is touched; each
 * step is recorded, those that may have happened unseen too, so that whoever drives the run next
 * goes on from there. The run's column `automation` is the state of the whole:
 *
 *   NULL ──record──▶ off ──end of the run, or its abort──▶ restore ──▶ on, or left
 *                                        left ──a user asks──▶ restore
 *
 * Back on means: the switch alone. What somebody else has changed of a rule meanwhile stays, and is
 * told; so is what somebody else has switched on, or another flow version.
 *
 * automation.c        the whole, and what a user may ask
 * automation_find.c   what is on, in the org
 * automation_look.c   how it is now
 * automation_switch.c by the Tooling API: PATCH, 25 a call
 * automation_deploy.c by the Metadata API: packages, one a kind
 * automation_store.c  the table
 * automation_rule.c   what to do with a switch; JSON and XML of it
 */
#ifndef OSY_AUTOMATION_H
#define OSY_AUTOMATION_H

#include "drive_run.h"
#include "osy/json_write.h"

/* Records and switches off what the run's template names; nothing when it names none, or when that
 * is done. A switch that the org refuses makes the run want to be aborted. */
enum osy_code osy_automation_off(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;
/* Switches on again what is off. *ret_left: a sentence about what could not be brought back (in the
 * run's automation_note too), empty when all is as it was. */
enum osy_code osy_automation_back(
	struct osy_drive *drive, struct osy_buf *ret_left, struct osy_err *err) OSY_CHECKED;

/* ---- What a user may ask (osy_drive_ask functions) ---- */
/* What an earlier attempt has left off is tried again. */
enum osy_code osy_automation_ask_enable(
	struct osy_pg *pg, const char *run, struct osy_err *err) OSY_CHECKED;
/* What is left off is none of ours any more. */
enum osy_code osy_automation_ask_forget(
	struct osy_pg *pg, const char *run, struct osy_err *err) OSY_CHECKED;

#endif
