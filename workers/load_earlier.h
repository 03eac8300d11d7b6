/*
 * What earlier passes of a run have left of a batch: outcomes, failures that are still open. And
 * the batches that a retry takes again, which are few out of a journal.
 */
#ifndef OSY_LOAD_EARLIER_H
#define OSY_LOAD_EARLIER_H

#include "load_internal.h"

struct osy_learlier {
	bool had_row;			/* a pass was done with it */
	struct osy_outcome_row *before; /* a row each, the best of all passes; NULL: none */
	bool *open;			/* rows whose failures or notices are open; NULL: none */
	bool *open_links;		/* rows with links that failed; NULL: none */
};

/* Asks Postgres. Nothing in a first pass. */
enum osy_code osy_load_earlier_read(
	const struct osy_lbatch *batch, struct osy_learlier *ret, struct osy_err *err) OSY_CHECKED;
void osy_load_earlier_done(struct osy_learlier *earlier);

/* ---- Retries ---- */
/* Reads which batches of these lanes are taken again. */
enum osy_code osy_load_retakes_read(
	struct osy_load *const *loads, size_t count, struct osy_err *err) OSY_CHECKED;
void osy_load_retakes_free(struct osy_load *load);
/*
 * Marks the rows of a batch that this pass leaves as they are, and those of which only the links
 * are made again. False: Postgres fails, and it is to be tried again.
 */
bool osy_load_retake(struct osy_lbatch *batch);
/* After resolve: links that are made again go to the link pass, mapped or not. */
void osy_load_retake_links(struct osy_lbatch *batch);

#endif
