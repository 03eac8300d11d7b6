/* Bulk API 2.0 jobs. Jobs are found under `side`; a job in use is not freed. */
#ifndef SIM_JOB_H
#define SIM_JOB_H

#include "sim_http.h"
#include "sim_soql.h"

struct sim_ingest_row {
	struct sim_str *cell; /* as sent, unquoted */
	uint64_t id;
	bool created, tried;
	char *error; /* "CODE:message:FIELDS --" */
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
	const char *_Atomic
		state; /* as set; InProgress and JobComplete follow from the clock for queries */
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
	bool uploaded;
	struct sim_str *column;
	int ncolumns;
	struct sim_ingest_row *row;
	size_t nrows;
	_Atomic size_t processed, failed;
};

struct sim_job *sim_job_new(struct sim_req *req, bool ingest);
struct sim_job *sim_job_take(
	struct sim_req *req, struct sim_resp *resp, bool ingest); /* NULL: replied */
void sim_job_release(struct sim_org *org, struct sim_job *j);
void sim_job_remove(struct sim_org *org, struct sim_job *j);
const char *sim_job_state(const struct sim_job *j);
void sim_job_json(struct sim_req *req, struct sim_buf *b, const struct sim_job *j, bool full);
void sim_job_list(struct sim_req *req, struct sim_resp *resp, bool ingest);
void sim_buf_csv(struct sim_buf *b, struct sim_str s); /* quoted */
bool sim_csv_parse(struct sim_job *j, const char **error);
void sim_ingest_run(struct sim_job *j);
bool sim_job_options(
	struct sim_req *req, struct sim_resp *resp, struct sim_job *j, const struct sim_json *doc);

#endif
