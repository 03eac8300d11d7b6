/*
 * Delta: of an object only what has changed since its mark is read. A mark (table mark) says up to
 * which moment of the source org's clock a template has brought everything of an object from one
 * org to another. It moves in the transaction in which a run settles, forward alone, to the moment
 * at which the run's reading began, and only where every record of the object was settled without a
 * failure. A rollback takes the marks back that the run has moved.
 *
 * The filter becomes part of the spec's `where`, so that counting, paging, lists and Bulk queries
 * all honour it.
 */
#ifndef OSY_DELTA_H
#define OSY_DELTA_H

#include "scan.h"

/* delta_scan.c: what is read of the plan's objects from this one on, before anything of them is
 * counted; the orgs are identified. */
enum osy_code osy_delta_plan(struct scan *scan, size_t first, struct osy_err *err) OSY_CHECKED;
/* delta_deletes.c: objects that delete, once stages, counts and ways of the others are known. */
enum osy_code osy_delta_deletes(struct scan *scan, struct osy_err *err) OSY_CHECKED;
/* In the transaction that writes run_object down: what the marks need. */
enum osy_code osy_delta_write(struct scan *scan, struct osy_err *err) OSY_CHECKED;

/* delta.c: before the first record is read; later calls change nothing. */
enum osy_code osy_delta_begin(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;
/* In the transaction in which the run settles. */
enum osy_code osy_delta_settle(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;
/* In the transaction in which its rollback begins. */
enum osy_code osy_delta_undo(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;

#endif
