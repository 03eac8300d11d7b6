/* The three result files of an ingest job: rows and columns in another order than sent, paged. */
#include "sim_job.h"

enum sim_file_kind { SIM_GOOD, SIM_FAILED, SIM_UNPROCESSED };

static bool sim_row_in(const struct sim_ingest_row *r, enum sim_file_kind kind)
{
	if (kind == SIM_UNPROCESSED)
		return !r->tried;
	return r->tried && (kind == SIM_GOOD) == !r->error;
}

static void sim_result_cells(const struct sim_job *j, struct sim_buf *b, const struct sim_str *cell)
{
	for (int i = j->ncolumns - 1; i >= 0; i--) {
		sim_buf_csv(b, cell[i]);
		if (i)
			sim_buf_ch(b, j->delimiter);
	}
	sim_buf_str(b, j->crlf ? "\r\n" : "\n");
}

static void sim_result_head(const struct sim_job *j, struct sim_buf *b, enum sim_file_kind kind)
{
	if (kind != SIM_UNPROCESSED)
		sim_buf_fmt(b, "\"sf__Id\"%c%s%c", j->delimiter,
			kind == SIM_GOOD ? "\"sf__Created\"" : "\"sf__Error\"", j->delimiter);
	sim_result_cells(j, b, j->column);
}

static void sim_result_row(
	const struct sim_job *j, struct sim_buf *b, size_t i, enum sim_file_kind kind)
{
	const struct sim_ingest_row *r = &j->row[i];
	struct sim_arena a = {NULL};
	struct sim_str *cell = sim_arena_get(&a, sizeof(*cell) * (size_t)(j->ncolumns + 1));
	char id[19] = "";

	if (r->id && (kind == SIM_GOOD || strcmp(j->operation, "insert") != 0))
		sim_id_text(j->org, r->id, id);
	if (kind != SIM_UNPROCESSED) {
		sim_buf_fmt(b, "\"%s\"%c", id, j->delimiter);
		if (kind == SIM_GOOD)
			sim_buf_str(b, r->created ? "\"true\"" : "\"false\"");
		else
			sim_buf_csv(b, sim_cstr(r->error));
		sim_buf_ch(b, j->delimiter);
	}
	sim_csv_row(j, &a, i, cell);
	sim_result_cells(j, b, cell);
	sim_arena_done(&a);
}

/* from position *at of the mixed order; *at moves to the next row of the kind, nrows at the end */
static size_t sim_result_page(
	const struct sim_job *j, struct sim_buf *b, enum sim_file_kind kind, size_t *at, size_t max)
{
	size_t n = 0, i, turn = (size_t)j->org->set.result_turn % (j->nrows + 1);

	for (; *at < j->nrows; (*at)++) {
		i = sim_mixed((*at + turn) % j->nrows, j->nrows);
		if (!sim_row_in(&j->row[i], kind))
			continue;
		if (n == max)
			break;
		sim_result_row(j, b, i, kind);
		n++;
	}
	return n;
}

/* an org answers when the batch that ran at the abort has ended */
static void sim_await_settled(const struct sim_job *j)
{
	while (!j->settled)
		sim_sleep_us(1000);
}

static void sim_ingest_file(struct sim_req *req, struct sim_resp *resp, enum sim_file_kind kind)
{
	struct sim_job *j = sim_job_take(req, resp, true);
	size_t at, max, n;

	if (!j)
		return;
	if (!sim_job_over(j)) {
		sim_resp_error(resp, 400, "INVALIDJOBSTATE", "The job is not complete");
	} else if (!sim_page_args(req, &at, &max)) {
		sim_resp_error(resp, 400, "INVALID_QUERY_LOCATOR", "invalid query locator");
	} else {
		/* these come whole unless asked otherwise */
		if (!sim_req_arg(req, "maxRecords").len && !req->org->set.result_rows)
			max = SIZE_MAX;
		sim_await_settled(j);
		sim_result_head(j, &resp->body, kind);
		n = sim_result_page(j, &resp->body, kind, &at, max);
		sim_page_headers(resp, n, at, at < j->nrows);
	}
	sim_job_release(req->org, j);
}

void sim_ingest_good(struct sim_req *req, struct sim_resp *resp)
{
	sim_ingest_file(req, resp, SIM_GOOD);
}

void sim_ingest_failed(struct sim_req *req, struct sim_resp *resp)
{
	sim_ingest_file(req, resp, SIM_FAILED);
}

void sim_ingest_unprocessed(struct sim_req *req, struct sim_resp *resp)
{
	sim_ingest_file(req, resp, SIM_UNPROCESSED);
}
