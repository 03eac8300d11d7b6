/*
 * Names that cross a process boundary: run states, outcomes, topics.
 */
#ifndef OSY_NAMES_H
#define OSY_NAMES_H

#include "osy/str.h"

#define OSY_RUN_STATES(X)                                   \
	X(OSY_RUN_NOT_STARTED, "Not Started")               \
	X(OSY_RUN_SCANNING, "Scan In Progress")             \
	X(OSY_RUN_SCANNED, "Scanned")                       \
	X(OSY_RUN_SYNCING, "Sync In Progress")              \
	X(OSY_RUN_PAUSED, "Paused")                         \
	X(OSY_RUN_SYNCED, "Synced")                         \
	X(OSY_RUN_ROLLBACK, "Rollback")                     \
	X(OSY_RUN_ROLLBACK_STARTED, "Rollback Started")     \
	X(OSY_RUN_ROLLBACK_COMPLETED, "Rollback Completed") \
	X(OSY_RUN_ABORTED, "Aborted")                       \
	X(OSY_RUN_DELETED, "Deleted")

enum osy_run_state {
#define X(symbol, name) symbol,
	OSY_RUN_STATES(X)
#undef X
};
const char *osy_run_state_name(enum osy_run_state state);
bool osy_run_state_parse(struct osy_str name, enum osy_run_state *ret);

/* What became of one record; the numbers are stored. */
#define OSY_OUTCOMES(X)                \
	X(OSY_PENDING, 0, "pending")   \
	X(OSY_INSERTED, 1, "inserted") \
	X(OSY_UPDATED, 2, "updated")   \
	X(OSY_EXISTING, 3, "existing") \
	X(OSY_SKIPPED, 4, "skipped")   \
	X(OSY_DELETED, 5, "deleted")   \
	X(OSY_FAILED, 6, "failed")

enum osy_outcome {
#define X(symbol, number, name) symbol = number,
	OSY_OUTCOMES(X)
#undef X
		OSY_OUTCOMES_COUNT
};
const char *osy_outcome_name(enum osy_outcome outcome);

/* "<prefix>.run.<run>", "<prefix>.deadletter" */
void osy_run_topic(const char *prefix, const char *run, char *ret_topic, size_t size);
void osy_deadletter_topic(const char *prefix, char *ret_topic, size_t size);

/* Codes of our own in failure.code, beside Salesforce's. */
#define OSY_FAIL_PARENT_FAILED "PARENT_FAILED" /* the message names the parent */
#define OSY_FAIL_PARENT_MISSING \
	"PARENT_MISSING" /* a required lookup to a record that the run does not have */
#define OSY_FAIL_IDS_IN_TEXT "IDS_IN_TEXT"	   /* a notice: of a text that is more than an id */
#define OSY_FAIL_WAITS "WAITS_FOR_PARENT"	   /* a notice: it is in table waiting */
#define OSY_FAIL_AMBIGUOUS "AMBIGUOUS_MATCH"	   /* several targets for one key */
#define OSY_FAIL_KEY_CLAIMED "KEY_CLAIMED"	   /* a second source record for a key */
#define OSY_FAIL_OUTCOME_UNKNOWN "OUTCOME_UNKNOWN" /* a lost reply that nothing could clear up */
#define OSY_FAIL_CRASHED "CRASHED"		   /* the batch was there at three crashes */
#define OSY_FAIL_ABORTED "ABORTED"		   /* a notice: the run ended before it was sent */
#define OSY_FAIL_JOB "JOB_FAILED"		   /* a notice: of an ingest job, as a whole */
#define OSY_FAIL_CHANGED "CHANGED_MEANWHILE"	   /* by somebody else, or by a later run */
#define OSY_FAIL_HAS_CHILDREN "HAS_CHILDREN"	   /* which are not the run's, and would go along */
#define OSY_FAIL_NO_SNAPSHOT "NO_SNAPSHOT"	   /* the values before were not kept */
#define OSY_FAIL_EXPRESSION "EXPRESSION" /* an expression of the template cannot be made of it */
#define OSY_FAIL_FILE_TOO_LARGE "FILE_TOO_LARGE" /* for the template */
#define OSY_FAIL_FILE_DIFFERS "FILE_DIFFERS"	 /* the target's is not the one that was sent */
#define OSY_FAIL_FILE_LIMIT "FILE_LIMIT"       /* notice: it waits, the org takes no more for now */
#define OSY_FAIL_FILE_NOT_KEPT "FILE_NOT_KEPT" /* of a rollback: the file before it */
#define OSY_FAIL_UNDECODABLE "UNDECODABLE"     /* dead-lettered */

#endif
