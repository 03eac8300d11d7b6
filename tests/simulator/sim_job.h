/* Bulk API 2.0 jobs. Jobs are found under `side`; a job in use is not freed. */
#ifndef SIM_JOB_H
#define SIM_JOB_H

#include "sim_http.h"
#include "sim_soql.h"

#define SIM_BATCH_ROWS 10000u

struct sim_ingest_row {
	const char *error; /* "CODE:message:FIELDS --" */
	uint64_t id;
	uint32_t at; /* where its line begins in the data */
	bool created, tried;
};

struct sim_job {
	struct sim_job *next;
	char id[19];
	bool ingest, gone;
	int users;
	struct sim_arena arena;
	const char *version;
	uint64_t user;
	int64_t created_ms, ready_ms;
	_Atomic int64_t done_ms;
	/* as set; what a query's says follows from the clock besides */
	const char *_Atomic state;
	const char *error;
	char *operation, *object, *ext_field, *soql;
	char delimiter;
	bool crlf;
	/* query */
	struct sim_query *q;
	struct sim_rec **rec;
	size_t nrec;
	/* ingest */
	struct sim_org *org;
	char *csv;
	size_t csv_len;
	bool uploaded, mapped;
	bool assign;	      /* an assignment rule works on its rows */
	_Atomic bool settled; /* nothing of it changes any more */
	struct sim_str *column;
	int ncolumns;
	struct sim_ingest_row *row;
	size_t nrows;
	size_t good_rows; /* rows of the whole batches before a line that cannot be read */
	_Atomic size_t processed, failed;
	struct sim_err fault_err; /* its code is NULL: none */
	double fault_share;
	int64_t fail_after; /* batches, then it fails; -1: never */
	int64_t hold_after; /* batches, then it waits in the next one; -1: never */
	uint64_t fault_clears;
};

struct sim_job *sim_job_new(struct sim_req *req, bool ingest);
struct sim_job *sim_job_take(
	struct sim_req *req, struct sim_resp *resp, bool ingest); /* NULL: replied */
void sim_job_release(struct sim_org *org, struct sim_job *j);
void sim_job_remove(struct sim_org *org, struct sim_job *j);
const char *sim_job_state(const struct sim_job *j);
bool sim_job_is(const struct sim_job *j, const char *state);
bool sim_job_over(const struct sim_job *j);
bool sim_job_move(struct sim_job *j, const char *from, const char *to); /* false: was not in from */
/* state NULL: all that the job's own resource tells; else the short form that changes reply with */
void sim_job_json(
	struct sim_req *req, struct sim_buf *b, const struct sim_job *j, const char *state);
void sim_job_list(struct sim_req *req, struct sim_resp *resp, bool ingest);
bool sim_job_options(struct sim_resp *resp, struct sim_job *j, const struct sim_json *doc);
/* one of a daily allowance; false: it is used up */
bool sim_job_quota(_Atomic int64_t *left);

void sim_buf_csv(struct sim_buf *b, struct sim_str s); /* quoted */
/* the rows of a result are handed out in this order: all of 0 .. n-1, mixed */
size_t sim_mixed(size_t i, size_t n);
/* where a page begins, and how many rows it may have; false: a bad locator */
bool sim_page_args(struct sim_req *req, size_t *ret_at, size_t *ret_max);
void sim_page_headers(struct sim_resp *resp, size_t rows, size_t next, bool more);

/* the header and the places of the rows; the message when something is wrong */
const char *sim_csv_parse(struct sim_job *j);
/* the cells of one row, unquoted: views of the data or of the arena */
void sim_csv_row(const struct sim_job *j, struct sim_arena *a, size_t i, struct sim_str *cell);
const char *sim_csv_columns(struct sim_job *j, const struct sim_object *o);
void sim_csv_spill(struct sim_job *j); /* the data moves to a file */
void sim_ingest_run(struct sim_job *j);

#endif
