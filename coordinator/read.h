/*
 * A reader gives the records of one object in an order that survives a restart, page by page. The
 * next request is in flight while the page before it is taken.
 *
 * By REST, without a limit: keyset paging, `Id > last ORDER BY Id LIMIT n`, never by a locator.
 * With a limit: the ids are listed first and kept in Postgres (table run_ids), then read in the
 * list's order. So it is with levels, whose ids the scan has listed.
 *
 * By Bulk (read_bulk of the spec): one query job, whose result does not change while the job is
 * there; its pages are streamed and taken in pieces. A job that the org does not make: by REST. A
 * job that is lost: a new one, and what the journal holds of the object is left out by its ids;
 * after three by REST.
 *
 * What was deleted (deletes of the spec): ids alone, which are listed first like those of a limit.
 */
#ifndef OSY_READ_H
#define OSY_READ_H

#include "drive_run.h"
#include "osy/batch.h"

struct osy_reader;
struct osy_read_place {
	const struct osy_spec_object *object;
	int level; /* from 0; 0 where an object has no levels */
};

/* from: where to go on, zeroed: from the start. Of an object with levels a reader reads one.
 * Nothing is sent yet. */
struct osy_reader *osy_reader_new(struct osy_drive *drive, const struct osy_read_place *place,
	const struct osy_checkpoint_object *from);
/* A request in flight is cancelled. */
struct osy_reader *osy_reader_free(struct osy_reader *reader);
/*
 * Sees to it that a request is in flight when there is something left to ask for. With a limit the
 * first call lists the ids (it blocks). An error of a request that may be tried again is tried
 * again, a few times, with a back-off; the last one comes out here.
 */
enum osy_code osy_reader_start(struct osy_reader *reader, struct osy_err *err) OSY_CHECKED;
/* Something may be taken: a page, or as much of one as has come. */
bool osy_reader_has_page(const struct osy_reader *reader);
/* All pages have been taken. */
bool osy_reader_complete(const struct osy_reader *reader);
/* How far it has taken. */
void osy_reader_frontier(const struct osy_reader *reader, struct osy_frontier *ret);
/* All of it is in the journal, or nobody wants it any more: a job may go. */
void osy_reader_settled(struct osy_reader *reader);
/* row: the id as raw JSON, then the values of the object's fields; of what was deleted the id
 * alone.
 */
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
/* The query by which it will be read, with filter and order, for one record: what an org refuses of
 * it, it refuses of all. */
void osy_read_probe(const struct osy_spec_object *object, struct osy_buf *soql);
/* ---- read_list.c: ids that are listed before the first record is read ---- */
#define OSY_READ_LIST_MOST 1000000
struct osy_read_list {
	char *ids; /* packed; for free() */
	size_t count, cap;
};
void osy_read_list_add(struct osy_read_list *list, const struct osy_id *id);
/* A row whose first value is its id. */
enum osy_code osy_read_list_row(const struct osy_str *values, void *list, struct osy_err *err);
enum osy_code osy_read_list_kept(struct osy_drive *drive, const struct osy_spec_object *object,
	bool *ret, struct osy_err *err) OSY_CHECKED;
/* Sorts it and keeps it, each id once. */
enum osy_code osy_read_list_keep(struct osy_drive *drive, const struct osy_spec_object *object,
	struct osy_read_list *list, struct osy_err *err) OSY_CHECKED;
/* Those that a limit selects. */
/* Lists them once and keeps them; later calls find them kept. */
enum osy_code osy_read_list_make(struct osy_drive *drive, const struct osy_spec_object *object,
	struct osy_err *err) OSY_CHECKED;
/* At most most ids of the list of a level behind last ("" for the start), in its order. */
enum osy_code osy_read_list_next(struct osy_drive *drive, const struct osy_read_place *place,
	const char *last, struct osy_id *ids, size_t most, size_t *ret_count,
	struct osy_err *err) OSY_CHECKED;

#endif
