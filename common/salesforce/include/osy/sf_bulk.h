/*
 * Bulk API 2.0: requests and replies of ingest and query jobs. Source: salesforce-wire.md
 * section 3. Nothing is sent here: a request is filled in, osy_sf_start() sends it, its reply is
 * read here.
 *
 * An ingest job: create (Open), one upload, close (UploadComplete: it begins to be executed only
 * now), states, three result files, delete. A job that is Open has done nothing and never will
 * without a close. JobComplete says nothing of the rows; Failed and Aborted have committed some:
 * always read all result files. Rows of results come in any order and are joined by value.
 */
#ifndef OSY_SF_BULK_H
#define OSY_SF_BULK_H

#include "osy/csv.h"
#include "osy/sf_collection.h"
#include "osy/sf_org.h"

#define OSY_BULK_MAX_FIELD_CHARS 32000
#define OSY_BULK_MAX_ROW_CHARS 400000
#define OSY_BULK_LOCATOR_MAX 512

enum osy_bulk_state {
	OSY_BULK_OPEN,
	OSY_BULK_UPLOADED,
	OSY_BULK_RUNNING,
	OSY_BULK_COMPLETE,
	OSY_BULK_FAILED,
	OSY_BULK_ABORTED,
};
const char *osy_bulk_state_name(enum osy_bulk_state state); /* as on the wire */
/* Whether it is over: its result files are there and do not change any more. */
bool osy_bulk_ended(enum osy_bulk_state state);

struct osy_bulk_job {
	char id[19];
	enum osy_bulk_state state;
	int64_t processed; /* rows, the failed ones too */
	int64_t failed;
	char message[512]; /* errorMessage, "" without; cut */
};
/* Reads a job's JSON (of create, close, abort and GET). Counters that are missing are 0. */
enum osy_code osy_bulk_job_read(
	struct osy_str body, struct osy_bulk_job *ret, struct osy_err *err) OSY_CHECKED;

/*
 * What a request points to until it is done; one request at a time. max_reply_bytes, timeout_ms and
 * on_data of the request are the caller's to set.
 */
struct osy_bulk_ask {
	struct osy_buf path, body;
	struct osy_http_header headers[2];
};
void osy_bulk_ask_init(struct osy_bulk_ask *ask);
void osy_bulk_ask_done(struct osy_bulk_ask *ask);

/* ---- Ingest ---- */
void osy_bulk_ingest_create(struct osy_bulk_ask *ask, enum osy_sf_op op, const char *object,
	struct osy_sf_request *ret);
/* The data, from an open file, read from its beginning by position; size bytes. */
void osy_bulk_ingest_upload(struct osy_bulk_ask *ask, const char *job, int fd, int64_t size,
	struct osy_sf_request *ret);
void osy_bulk_ingest_close(struct osy_bulk_ask *ask, const char *job, struct osy_sf_request *ret);
void osy_bulk_ingest_abort(struct osy_bulk_ask *ask, const char *job, struct osy_sf_request *ret);
void osy_bulk_ingest_get(struct osy_bulk_ask *ask, const char *job, struct osy_sf_request *ret);
void osy_bulk_ingest_delete(struct osy_bulk_ask *ask, const char *job, struct osy_sf_request *ret);

enum osy_bulk_file { OSY_BULK_SUCCESSFUL, OSY_BULK_FAILED_ROWS, OSY_BULK_UNPROCESSED };
/* locator: "" for the first page. The reply may go on at its Sforce-Locator (osy_bulk_next). */
void osy_bulk_ingest_results(struct osy_bulk_ask *ask, const char *job, enum osy_bulk_file file,
	const char *locator, struct osy_sf_request *ret);
/*
 * The columns of a result file. sf__Id, sf__Created, sf__Error are found by name; the others by the
 * names that were sent (any case, any order). A file without any of the latter is an error.
 */
struct osy_bulk_columns {
	int id, created, error; /* NONE (-1) where missing */
	int *sent;		/* place of each column that was sent; -1: not in the file */
	size_t sent_count;
};
enum osy_code osy_bulk_columns_read(const struct osy_csv_cell *header, size_t count,
	const char *const *sent, size_t sent_count, struct osy_bulk_columns *ret,
	struct osy_err *err) OSY_CHECKED;
void osy_bulk_columns_done(struct osy_bulk_columns *columns);
/*
 * "CODE:message:FIELD1 FIELD2 --" into its parts (slices of text; p NULL where there is none). The
 * first colon ends the code; what stands between it and the last ":... --" is the message. Text
 * without a colon is a code when it looks like one, else a message.
 */
void osy_bulk_error_read(struct osy_str text, struct osy_str *ret_code, struct osy_str *ret_message,
	struct osy_str *ret_fields);

/* ---- Query ---- */

#define OSY_BULK_MAX_SOQL_BYTES 100000 /* a longer one stops the program */
void osy_bulk_query_create(
	struct osy_bulk_ask *ask, struct osy_str soql, bool all_rows, struct osy_sf_request *ret);
void osy_bulk_query_get(struct osy_bulk_ask *ask, const char *job, struct osy_sf_request *ret);
void osy_bulk_query_abort(struct osy_bulk_ask *ask, const char *job, struct osy_sf_request *ret);
void osy_bulk_query_delete(struct osy_bulk_ask *ask, const char *job, struct osy_sf_request *ret);
/* locator as above; max_records 0: as the org likes. */
void osy_bulk_query_results(struct osy_bulk_ask *ask, const char *job, const char *locator,
	int64_t max_records, struct osy_sf_request *ret);

/*
 * Where a reply of results goes on: its Sforce-Locator; "" after the last page ("null", or no such
 * header). Known as soon as the headers are in, before the body. OSY_E_TOO_BIG: longer than ret.
 */
enum osy_code osy_bulk_next(const struct osy_http_reply *reply, char ret[OSY_BULK_LOCATOR_MAX],
	struct osy_err *err) OSY_CHECKED;
/* The same from on_data. */
enum osy_code osy_bulk_next_early(const struct osy_http_call *call, char ret[OSY_BULK_LOCATOR_MAX],
	struct osy_err *err) OSY_CHECKED;

#endif
