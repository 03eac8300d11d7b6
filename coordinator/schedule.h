/*
 * Schedules (table schedule): work at the times of a cron expression (cron.h), by the clock of
 * Postgres, whichever coordinators are up.
 *
 * A due time is fired in one transaction that holds the schedule's row: it does the work, writes
 * what came of it (table firing) and moves next_at. So a coordinator that dies leaves the time due,
 * and nobody fires it twice; one that falls silent in between loses the row with its session after
 * the lease. Times that passed while no coordinator was up are fired once, together.
 *
 * A run whose former run of that schedule is still under way is skipped, with a reason: it would
 * only queue up behind it. A clean-up goes part by part, each a transaction, and is due until the
 * last.
 */
#ifndef OSY_SCHEDULE_H
#define OSY_SCHEDULE_H

#include "osy/pg.h"
#include "osy/settings.h"

/* Fires what is due longest, of this schedule only unless name is NULL; *ret_fired: something was.
 * A schedule that somebody else fires now is passed over. */
enum osy_code osy_schedule_fire(struct osy_pg *pg, const struct osy_settings *settings,
	const char *name, bool *ret_fired, struct osy_err *err) OSY_CHECKED;

/* ---- Clean-ups: each removes the oldest rows of a table, by the days of a setting ---- */
/* "runs, audit, tokens, firings" */
#define OSY_CLEANS "runs, audit, tokens or firings"
bool osy_clean_is_known(const char *what);
/* The days after which rows go; 0: never. */
int64_t osy_clean_days(const struct osy_settings *settings, struct osy_str what);
/* A part of it, in the caller's transaction; *ret_more: rows may be left. */
enum osy_code osy_clean(struct osy_pg *pg, const struct osy_settings *settings, struct osy_str what,
	int64_t *ret_removed, bool *ret_more, struct osy_err *err) OSY_CHECKED;

/* ---- The thread that fires; settings are borrowed until it has stopped ---- */
struct osy_schedules;
enum osy_code osy_schedules_start(const struct osy_settings *settings, struct osy_schedules **ret,
	struct osy_err *err) OSY_CHECKED;
struct osy_schedules *osy_schedules_stop(struct osy_schedules *schedules); /* returns NULL */

#endif
