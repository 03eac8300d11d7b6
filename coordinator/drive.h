/*
 * The run driver: plans, scans, publishes, opens stages and settles runs. One lease thread
 * registers this process (table process, kind coordinator), beats once a second and claims runs;
 * one thread drives one run, at most run-slots (eight) at once. Everything it knows is in Postgres
 * and in the run's topic, so another coordinator can take over at any moment.
 *
 * The API never changes a run's state by itself: it asks, by the osy_drive_ask functions below.
 */
#ifndef OSY_DRIVE_H
#define OSY_DRIVE_H

#include "osy/kafka.h"
#include "osy/pg.h"
#include "osy/settings.h"

struct osy_driver;

/* Starts the lease thread. settings and kafka are borrowed and must outlive it; the migrations must
 * have been applied. */
enum osy_code osy_driver_new(const struct osy_settings *settings, struct osy_kafka *kafka,
	struct osy_driver **ret, struct osy_err *err) OSY_CHECKED;
/* Asks all threads to stop between two transactions; returns at once. Any thread. */
void osy_driver_stop(struct osy_driver *driver);
/* Stops, waits for the threads, gives leases back and removes the process row. Returns NULL. */
struct osy_driver *osy_driver_free(struct osy_driver *driver);
/* Looks for work at once instead of at its next turn (200 ms); any thread. The ask functions move
 * world.version, which does the same in all coordinators. */
void osy_driver_wake(struct osy_driver *driver);
/* Whether our leases are good by the monotonic clock; for /healthz and before each step of a
 * driver. Any thread. */
bool osy_driver_may_go(const struct osy_driver *driver);
/* process.id of this coordinator */
const char *osy_driver_id(const struct osy_driver *driver);
/* Runs driven here now. */
unsigned osy_driver_runs(const struct osy_driver *driver);

/*
 * ---- What a user may ask for. Each is one short transaction on the caller's connection, checks
 * the state and that both orgs are connected when it needs them (OSY_E_STATE with a sentence;
 * OSY_E_NOT_FOUND), and moves world.version. The work is
 * done by whichever coordinator drives the run. ----
 */
/* The one sentence for it: OSY_E_NOT_FOUND. */
enum osy_code osy_no_such_run(const char *run, struct osy_err *err);
/*
 * A run of a template: name may be NULL. Checks that template and both orgs are there and that
 * source and target are not the same org. since: wall ms, instead of the marks of a template with
 * deltaSync; -1: by the marks. ret_run gets the new id.
 */
enum osy_code osy_drive_create(struct osy_pg *pg, const char *template_name, const char *source,
	const char *target, const char *name, int64_t since, const char *created_by,
	char ret_run[40], struct osy_err *err) OSY_CHECKED;
/* Whether a run of these could be created: the same sentences when not. */
enum osy_code osy_drive_may_create(struct osy_pg *pg, const char *template_name, const char *source,
	const char *target, struct osy_err *err) OSY_CHECKED;
/* Starts a run that was created in the caller's transaction, which it leaves open. */
enum osy_code osy_drive_start_new(
	struct osy_pg *pg, const char *run, struct osy_err *err) OSY_CHECKED;
/* Not Started, Scanned -> Scan In Progress. */
enum osy_code osy_drive_ask_scan(
	struct osy_pg *pg, const char *run, struct osy_err *err) OSY_CHECKED;
/* Not Started -> Scan In Progress and then on; Scanned -> Sync In Progress. Already on its way:
 * fine. */
enum osy_code osy_drive_ask_start(
	struct osy_pg *pg, const char *run, struct osy_err *err) OSY_CHECKED;
/* Sync In Progress, Paused: held, until it is resumed; the driver makes it Paused. Held: fine. */
enum osy_code osy_drive_ask_pause(
	struct osy_pg *pg, const char *run, const char *who, struct osy_err *err) OSY_CHECKED;
/* Held: goes on, unless the quota of an org keeps it Paused. In progress: fine. */
enum osy_code osy_drive_ask_resume(
	struct osy_pg *pg, const char *run, struct osy_err *err) OSY_CHECKED;
/* Scan or Sync In Progress, Paused: wanted = abort; Not Started, Scanned: Aborted at once. Aborted:
 * fine. */
enum osy_code osy_drive_ask_abort(
	struct osy_pg *pg, const char *run, struct osy_err *err) OSY_CHECKED;
/*
 * Synced or Aborted -> Sync In Progress with the next pass, the whole journal again. Refused when
 * the journal is not whole (aborted before everything was published) .
 */
enum osy_code osy_drive_ask_replay(
	struct osy_pg *pg, const char *run, struct osy_err *err) OSY_CHECKED;
/*
 * Synced, Aborted, Rollback Completed -> Rollback. dry: nothing is written, the counts and errors
 * tell what would be. force: records that somebody has changed since are undone all the same.
 */
enum osy_code osy_drive_ask_rollback(
	struct osy_pg *pg, const char *run, bool dry, bool force, struct osy_err *err) OSY_CHECKED;
/*
 * The same with only the records that have failed, and links that have (resync: and records that
 * were skipped). Refused when there are none, or when an abort has left records without an outcome,
 * records that it has skipped (not of a resync), or links that are not made.
 */
enum osy_code osy_drive_ask_retry(
	struct osy_pg *pg, const char *run, struct osy_err *err) OSY_CHECKED;
enum osy_code osy_drive_ask_resync(
	struct osy_pg *pg, const char *run, struct osy_err *err) OSY_CHECKED;
/*
 * Deletes a run that is not in progress: it is Deleted at once, and whoever drives it removes its
 * topic (after the workers have let go of its lanes) and its rows. Blocks until they are gone, for
 * 30 s at most: then OSY_E_TIMEOUT, and the work goes on. OSY_E_NOT_FOUND: there is none.
 */
enum osy_code osy_drive_ask_delete(struct osy_pg *pg, struct osy_driver *driver, const char *run,
	struct osy_err *err) OSY_CHECKED;

#endif
