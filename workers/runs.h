/*
 * The runs whose lanes are worked on here, as Postgres says they are: spec, pass, open stage,
 * whether they go on.
 */
#ifndef OSY_RUNS_H
#define OSY_RUNS_H

#include "worker.h"

/* Looks at the table run: adds what is new, moves stages, turns off what has ended. Called when the
 * world's version moved. */
enum osy_code osy_runs_refresh(struct osy_worker *worker, struct osy_err *err) OSY_CHECKED;
struct osy_wrun *osy_runs_find(const struct osy_worker *worker, const char *id, int pass);
/* Opens run->source where that was not done. */
enum osy_code osy_runs_source(
	struct osy_worker *worker, struct osy_wrun *run, struct osy_err *err) OSY_CHECKED;
void osy_runs_unref(struct osy_wrun *run);
/* Frees runs that have ended and that nothing refers to, and their orgs: not within the callback of
 * a call, which is one of its org's. */
void osy_runs_sweep(struct osy_worker *worker);
void osy_runs_done(struct osy_worker *worker);

#endif
