/*
 * Inside of the driver: one run that is driven here, by one thread. Everything here belongs to that
 * thread.
 *
 *   lease.c    process row, heartbeat, claims, threads (struct osy_driver)
 *   drive*.c   a run's thread: what is to be done now; asks of the API; deleting
 *   scan*.c    describe, plan, count, report
 *   topic.c    from Scanned to open stages: the queue behind other runs, topic, lanes
 *   retake.c   what a later pass takes again
 *   gate.c     what the orgs' budgets allow; Paused
 *   read*.c    an object's records, page by page
 *   transform.c, expr*.c, mask*.c  what a value becomes on its way into a batch
 *   publish*.c batches, transactions, checkpoints, link batches
 *   automation*.c the target's automation, off for the run and back on
 *   delta*.c   what has changed since the last run: marks
 *   stage.c    which stage is settled, opening the next one, the end
 *   rollback.c stages backwards
 *
 * Errors: OSY_E_FENCED ends the thread quietly (somebody else drives the run, or this program
 * stops); what may be tried again goes up to drive.c, which waits and starts over from what
 * Postgres and the topic say.
 */
#ifndef OSY_DRIVE_RUN_H
#define OSY_DRIVE_RUN_H

#include "drive.h"
#include "osy/names.h"
#include "osy/sf_org.h"
#include "osy/spec.h"

struct osy_drive {
	struct osy_driver *driver;
	const struct osy_settings *settings;
	struct osy_kafka *kafka;
	struct osy_pg *pg;
	struct osy_http *http;
	char run[40];
	int64_t epoch;
	char topic[200];
	/* of the run's row, as of the last osy_drive_load */
	enum osy_run_state state;
	bool wants_start, wants_abort, executing, published;
	bool held;     /* a person has paused it */
	bool restores; /* automation that the run left off is to be switched on again */
	int pass, open_stage;
	char *source_name, *target_name;
	struct osy_spec *spec;	/* NULL before the scan */
	int64_t expressions_ms; /* what expressions take for now; the publisher sets it */
	/* live orgs, opened at need */
	struct osy_org *source, *target;
	uint64_t source_calls_seen, target_calls_seen; /* already added to the row */
	bool has_problem;			 /* the row's problem is ours and to be cleared */
	struct osy_read_request *requests;	 /* in flight (read.c) */
	struct osy_gate *gate;			 /* gate.c; NULL: not used yet */
	int64_t files_looked_at, files_asked_at; /* gate_files.c; mono ms, 0: never */
	bool read_refused; /* the last error is that of a read which the org refused */
	bool waiting;	   /* behind another run: takes no slot */
};

/* ---- lease.c ---- */
bool osy_driver_stopping(const struct osy_driver *driver);
void osy_driver_waiting(struct osy_driver *driver, bool waiting);
/* The thread of a run ends: its place is free. */
void osy_driver_ended(struct osy_driver *driver, const char *run);

/* ---- drive.c ---- */
/* Body of a run's thread; frees drive. */
void *osy_drive_main(void *drive);
/*
 * Serves the network for at most timeout_ms. OSY_E_FENCED when the program stops. While our lease
 * is in doubt it waits for as long as that lasts.
 */
enum osy_code osy_drive_wait(
	struct osy_drive *drive, unsigned timeout_ms, struct osy_err *err) OSY_CHECKED;
/* Reads the run's row (and spec, when it is not there yet); OSY_E_FENCED when it is not ours any
 * more. */
enum osy_code osy_drive_load(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;
/* Opens both orgs when they are not open. */
enum osy_code osy_drive_orgs(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;
/*
 * UPDATE run SET <assignments> of our run under our epoch, and moves world.version, in one
 * statement. Parameters of assignments begin at $4. OSY_E_FENCED when the run is not ours any more.
 */
#define osy_drive_set(drive, err, assignments, ...) \
	osy_drive_set_((drive), NULL, (err), NULL, (assignments), DRIVE_PARAMS(__VA_ARGS__))
/*
 * The same for what follows from the state that was read, which others may have changed since (an
 * abort, a pause, a delete of this moment): only while the condition still holds. ret_done may be
 * NULL: when nothing was done the next look at the row tells what is to be done now.
 */
#define osy_drive_set_if(drive, ret_done, err, condition, assignments, ...) \
	osy_drive_set_(                                                     \
		(drive), (ret_done), (err), (condition), (assignments), DRIVE_PARAMS(__VA_ARGS__))
#define DRIVE_PARAMS(...)                                                           \
	(const struct osy_pg_param[]){OSY_PG_NULL, ##__VA_ARGS__} + 1,              \
		sizeof((const struct osy_pg_param[]){OSY_PG_NULL, ##__VA_ARGS__}) / \
				sizeof(struct osy_pg_param) -                       \
			1
/* condition NULL: none. */
enum osy_code osy_drive_set_(struct osy_drive *drive, bool *ret_done, struct osy_err *err,
	const char *condition, const char *assignments, const struct osy_pg_param *params,
	size_t count) OSY_CHECKED;
/* BEGIN, and our run's row locked; OSY_E_FENCED (rolled back) when it is not ours any more. */
enum osy_code osy_drive_begin(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;
/* Moves world.version in the open transaction and commits; rolls back after an error. */
enum osy_code osy_drive_commit(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;
/* API calls made since the last time, to be added to the row. */
void osy_drive_calls(struct osy_drive *drive, int64_t *ret_source, int64_t *ret_target);
/* Says why the run does not go on; cleared by osy_drive_clear. */
void osy_drive_problem(struct osy_drive *drive, const char *text);
void osy_drive_clear(struct osy_drive *drive);

/* ---- scan.c ---- */
/* Plans and scans: spec, report, run_object; then Scanned, or on when start is wanted. */
enum osy_code osy_scan(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;

/* ---- read.c ---- */
/* Frees what belongs to requests that never came back; after the http client is gone. */
void osy_read_forget(struct osy_drive *drive);

/* ---- topic.c ---- */
/* Waits behind other runs of the same objects, makes topic and lanes, opens stage 1: afterwards the
 * run is executing. */
enum osy_code osy_topic_enter(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;
/* Only the waiting: until the run is Executing, or an abort is wanted. */
enum osy_code osy_topic_wait(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;

/* ---- rollback.c ---- */
/* States Rollback and Rollback Started: OSY_OK when it is a state further. */
enum osy_code osy_rollback_run(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;

/* ---- drive_delete.c ---- */
/* What a run that is Deleted has left. */
enum osy_code osy_drive_delete(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;

/* ---- retake.c ---- */
/* In the transaction that makes the lanes of a later pass: which batches they take. */
enum osy_code osy_retake_plan(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;
/* Before it: what earlier passes have claimed, to Redis. */
enum osy_code osy_retake_claims(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;

/* ---- stage.c ---- */
/* Publishes, opens stages, links, settles. OSY_OK: the run has ended (or was aborted, or is
 * Paused).
 */
enum osy_code osy_stage_run(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;
/* Waits until nothing of the run is in work, then Aborted. */
enum osy_code osy_stage_abort(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;

#endif
