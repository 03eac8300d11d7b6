/*
 * A reader gives the records of one object in an order that survives a restart, page by page. One
 * request is in flight while the page before it is taken.
 *
 * Without a limit: keyset paging, `Id > last ORDER BY Id LIMIT n`, never by a locator. With a
 * limit: the ids are listed first and kept in Postgres (table run_ids), then read in the list's
 * order.
 */
#ifndef OSY_READ_H
#define OSY_READ_H

#include "drive_run.h"

struct osy_reader;

/* last_id: where to go on, "" from the start. Nothing is sent yet. */
struct osy_reader *osy_reader_new(
	struct osy_drive *drive, const struct osy_spec_object *object, const char *last_id);
/* A request in flight is cancelled. */
struct osy_reader *osy_reader_free(struct osy_reader *reader);
/*
 * Sees to it that a request is in flight when there is something left to ask for. With a limit the
 * first call lists the ids (it blocks). An error of a request that may be tried again is tried
 * again, a few times, with a back-off; the last one comes out here.
 */
enum osy_code osy_reader_start(struct osy_reader *reader, struct osy_err *err) OSY_CHECKED;
bool osy_reader_has_page(const struct osy_reader *reader);
/* All pages have been taken. */
bool osy_reader_complete(const struct osy_reader *reader);
/* The last id of the last page taken: the frontier. */
const char *osy_reader_last(const struct osy_reader *reader);
/* row: the id as raw JSON, then the values of the object's fields. */
typedef enum osy_code (*osy_reader_row)(
	const struct osy_str *values, void *arg, struct osy_err *err);
/*
 * Takes the page that has come: starts the next request, then calls row for each record. After an
 * error of row the reader is of no use any more.
 */
enum osy_code osy_reader_take(
	struct osy_reader *reader, osy_reader_row row, void *arg, struct osy_err *err) OSY_CHECKED;

/* Whether the query of an object fits into a URL. */
bool osy_read_fits(const struct osy_spec_object *object);
/* ---- read_list.c: the ids that a limit selects ---- */
/* Lists them once and keeps them; later calls find them kept. */
enum osy_code osy_read_list_make(struct osy_drive *drive, const struct osy_spec_object *object,
	struct osy_err *err) OSY_CHECKED;
/* At most most ids of the list behind last ("" for the start), in its order. */
enum osy_code osy_read_list_next(struct osy_drive *drive, const struct osy_spec_object *object,
	const char *last, struct osy_id *ids, size_t most, size_t *ret_count,
	struct osy_err *err) OSY_CHECKED;

#endif
