/*
 * Inside of the readers: how an object is read by REST, how by Bulk, and which of its ids the
 * journal holds.
 */
#ifndef OSY_READ_INTERNAL_H
#define OSY_READ_INTERNAL_H

#include "gate.h"
#include "osy/sf_bulk.h"
#include "osy/sf_collection.h"
#include "read.h"

/* ---- What a request needs while it is in flight; outlives a reader that is freed meanwhile. ----
 */
#define READ_MAX_SOQL (200 * 1024)

struct osy_read_request {
	void *owner; /* NULL: nobody waits for it any more */
	struct osy_drive *drive;
	struct osy_sf_send send; /* REST with a limit: the retrieve's body */
	struct osy_buf path;	 /* REST */
	struct osy_bulk_ask ask; /* Bulk */
	struct osy_http_call *paused;
	struct osy_read_request *next;
};
struct osy_read_request *read_request_new(struct osy_drive *drive, void *owner);
void read_request_drop(struct osy_read_request *request);
/* "SELECT Id, ... FROM Account WHERE (...)" */
void read_soql(const struct osy_spec_object *object, struct osy_buf *soql);
/* Nobody waits for it any more: what still comes is let go. */
void read_request_leave(struct osy_read_request *request);

/* What may be tried again is tried again, a few times, with a back-off. */
struct read_again {
	unsigned attempts;
	int64_t at;	       /* not before */
	struct osy_err failed; /* for good; code OSY_OK: not */
};
void read_again_after(struct read_again *again, const struct osy_err *err);
bool read_again_waits(const struct read_again *again);

/* ---- read_rest.c ---- */
struct read_rest;
struct read_rest *read_rest_new(
	struct osy_drive *drive, const struct osy_read_place *place, const char *last_id);
struct read_rest *read_rest_free(struct read_rest *reader);
enum osy_code read_rest_start(struct read_rest *reader, struct osy_err *err) OSY_CHECKED;
bool read_rest_has_page(const struct read_rest *reader);
bool read_rest_complete(const struct read_rest *reader);
const char *read_rest_last(const struct read_rest *reader);
enum osy_code read_rest_take(
	struct read_rest *reader, osy_reader_row row, void *arg, struct osy_err *err) OSY_CHECKED;

/*
 * ---- read_deleted.c: ids of records that were deleted (deletes of the spec). ----
 * Listed first and kept (read_list.c): those of the recycle bin, and by getDeleted those that it
 * holds no longer. A row has an id and nothing else.
 */
struct read_deleted;
struct read_deleted *read_deleted_new(
	struct osy_drive *drive, const struct osy_spec_object *object, const char *last_id);
struct read_deleted *read_deleted_free(struct read_deleted *reader);
enum osy_code read_deleted_start(struct read_deleted *reader, struct osy_err *err) OSY_CHECKED;
bool read_deleted_has_page(const struct read_deleted *reader);
bool read_deleted_complete(const struct read_deleted *reader);
const char *read_deleted_last(const struct read_deleted *reader);
enum osy_code read_deleted_take(struct read_deleted *reader, osy_reader_row row, void *arg,
	struct osy_err *err) OSY_CHECKED;

/*
 * ---- read_bulk.c: one query job. ----
 * Made, looked at until it is complete, then its result is read page by page. from names a job that
 * is there already (then it is looked at first) or none.
 */
struct read_bulk;
enum read_bulk_end {
	READ_BULK_GOES_ON,
	READ_BULK_REFUSED, /* the org does not make the job */
	READ_BULK_LOST,	   /* it failed, hung, or is gone, or its result is */
};
struct read_bulk *read_bulk_new(struct osy_drive *drive, enum osy_gate_side side,
	const struct osy_spec_object *object, const struct osy_frontier *from);
struct read_bulk *read_bulk_free(struct read_bulk *bulk);
enum osy_code read_bulk_start(struct read_bulk *bulk, struct osy_err *err) OSY_CHECKED;
enum read_bulk_end read_bulk_ended(const struct read_bulk *bulk, const char **ret_why);
bool read_bulk_has_page(const struct read_bulk *bulk);
bool read_bulk_complete(const struct read_bulk *bulk);
/* Rows that were given to somebody since it was made. */
int64_t read_bulk_given(const struct read_bulk *bulk);
/* Sets job, locator and row. */
void read_bulk_frontier(const struct read_bulk *bulk, struct osy_frontier *ret);
enum osy_code read_bulk_take(
	struct read_bulk *bulk, osy_reader_row row, void *arg, struct osy_err *err) OSY_CHECKED;
/* Deletes the job (aborts it when it is not over), without waiting for it. */
void read_bulk_delete(struct read_bulk *bulk);

/*
 * ---- read_page.c: a page of a result, streamed into a window of READ_WINDOW bytes. ----
 * A page that breaks off is asked for again, and what has been taken of it is left out.
 */
#define READ_WINDOW (512u * 1024)

struct read_page {
	struct osy_drive *drive;
	enum osy_gate_side side;
	const struct osy_spec_object *object;
	const char *job;
	char locator[OSY_FRONTIER_LOCATOR_MAX], next[OSY_FRONTIER_LOCATOR_MAX];
	bool has_head;	 /* next is known; "": this is the last one */
	bool known_end;	 /* its headers are those of a result, or it is empty */
	bool ended;	 /* all of it is in the window, or taken */
	bool cut;	 /* it broke off behind what is in the window */
	int64_t records; /* that the org says it has, -1: does not say */
	int64_t taken;	 /* rows that were given, also by an earlier reader: the frontier */
	int64_t rows;	 /* seen since it was asked for last */
	struct osy_read_request *request;
	struct osy_buf window;
	struct osy_csv csv;
	int *columns; /* place of each column in a row, -1: not asked for; NULL before the header */
	size_t column_count;
	struct read_again again;
	bool gone; /* the org refuses it: again.failed says why */
	/* while rows are taken */
	struct osy_str *values;
	struct osy_buf scratch;
	osy_reader_row row;
	void *arg;
	bool row_failed; /* an error is that of row */
};
struct read_page *read_page_new(struct osy_drive *drive, enum osy_gate_side side,
	const struct osy_spec_object *object, const char *job, const char *locator, int64_t taken);
struct read_page *read_page_free(struct read_page *page);
/* Sees to it that it is on its way. */
enum osy_code read_page_start(struct read_page *page, struct osy_err *err) OSY_CHECKED;
bool read_page_has_rows(const struct read_page *page);
/* Gives the rows that are in the window; spare is an empty buffer to be exchanged for it.
 * *ret_done: that was all of it. */
enum osy_code read_page_take(struct read_page *page, struct osy_buf *spare, osy_reader_row row,
	void *arg, bool *ret_done, struct osy_err *err) OSY_CHECKED;
/* The values of a row as raw JSON, as REST would give them; those that are not slices of the cells
 * are made in scratch. */
void read_row_values(const struct read_page *page, const struct osy_csv_cell *cells,
	struct osy_str *values, struct osy_buf *scratch);

/*
 * ---- read_known.c: the ids of an object that the journal holds. ----
 * A hash table in an unlinked file of TMPDIR, twice the size of the ids: memory stays flat.
 * published is how many there are.
 */
struct read_known;
enum osy_code read_known_make(struct osy_drive *drive, const struct osy_spec_object *object,
	int64_t published, struct read_known **ret, struct osy_err *err) OSY_CHECKED;
struct read_known *read_known_free(struct read_known *known);
enum osy_code read_known_has(struct read_known *known, const struct osy_id *id, bool *ret,
	struct osy_err *err) OSY_CHECKED;
/*
 * read_waiting.c: records that wait for a parent, which a leg of their own reads by their ids. The
 * table of these ids; and what is done when the leg is in the journal: those behind last_id that
 * did not come are no more in the source, and wait no more.
 */
enum osy_code read_waiting_list(struct osy_drive *drive, const struct osy_spec_object *object,
	struct read_known **ret, struct osy_err *err) OSY_CHECKED;
void read_waiting_gone(struct osy_drive *drive, const struct osy_spec_object *leg,
	const char *last_id, struct read_known *came);
/* An empty table for so many ids, and an id into it. */
enum osy_code read_known_new(
	int64_t most, struct read_known **ret, struct osy_err *err) OSY_CHECKED;
enum osy_code read_known_add(
	struct read_known *known, const struct osy_id *id, struct osy_err *err) OSY_CHECKED;

#endif
