/* Bulk API 2.0 ingest jobs: the work, in batches of 10,000 rows, each in chunks of 200. */
#include "sim_job.h"

#include <stdlib.h>

#define SIM_CHUNK_ROWS 200u

static struct sim_json *sim_text_node(struct sim_arena *a, struct sim_str key, struct sim_str v)
{
	struct sim_json *n = sim_arena_get(a, sizeof(*n));

	*n = (struct sim_json){.key = key, .text = v, .type = SIM_J_STR};
	if (sim_eq(v, SIM_S("#N/A")))
		n->type = SIM_J_NULL;
	return n;
}

static struct sim_json *sim_parent_node(
	struct sim_arena *a, struct sim_str column, struct sim_str v)
{
	struct sim_str rest = column, head = sim_cut(&rest, '.'), type = {NULL, 0};
	struct sim_json *obj = sim_arena_get(a, sizeof(*obj)), *attr;

	if (memchr(head.p, ':', head.len))
		type = sim_cut(&head, ':');
	*obj = (struct sim_json){
		.key = head, .type = SIM_J_OBJ, .child = sim_text_node(a, rest, v)};
	if (type.len) {
		attr = sim_arena_get(a, sizeof(*attr));
		*attr = (struct sim_json){.key = SIM_S("attributes"),
			.type = SIM_J_OBJ,
			.next = obj->child,
			.child = sim_text_node(a, SIM_S("type"), type)};
		obj->child = attr;
	}
	return obj;
}

static void sim_ingest_in(struct sim_job *j, struct sim_arena *a, size_t i, struct sim_row *row)
{
	struct sim_json *doc = sim_arena_get(a, sizeof(*doc)), **at = &doc->child;
	struct sim_str *cell = sim_arena_get(a, sizeof(*cell) * (size_t)(j->ncolumns + 1));

	sim_csv_row(j, a, i, cell);
	*doc = (struct sim_json){.type = SIM_J_OBJ};
	for (int k = 0; k < j->ncolumns; k++) {
		if (!cell[k].len) /* left as it is */
			continue;
		if (sim_is(j->column[k], "Id") && row->op != SIM_UPSERT && row->op != SIM_INSERT) {
			if (sim_id_parse(j->org, cell[k], &row->id) != SIM_ID_OK ||
				sim_oid_obj(row->id) != row->obj->idx)
				sim_err_set(&row->err, a, "INVALID_CROSS_REFERENCE_KEY", NULL,
					"invalid cross reference id");
			continue;
		}
		*at = memchr(j->column[k].p, '.', j->column[k].len)
			      ? sim_parent_node(a, j->column[k], cell[k])
			      : sim_text_node(a, j->column[k], cell[k]);
		at = &(*at)->next;
	}
	row->in = doc;
	if ((row->op == SIM_UPDATE || row->op == SIM_DELETE) && !row->id && !row->err.code)
		sim_err_set(&row->err, a, "MISSING_ARGUMENT", "Id",
			"Id not specified in an update call");
}

static const char *sim_ingest_error(struct sim_job *j, const struct sim_err *e)
{
	struct sim_buf b = {0};
	const char *text;

	sim_buf_fmt(&b, "%s:%s:", e->code, e->msg);
	for (int i = 0; i < e->nfields; i++)
		sim_buf_fmt(&b, "%s ", e->field[i]);
	sim_buf_str(&b, "--");
	text = sim_arena_dup(&j->arena, sim_buf_view(&b)).p;
	sim_buf_done(&b);
	return text;
}

static void sim_ingest_row_begin(const struct sim_job *j, struct sim_object *o, struct sim_row *row)
{
	*row = (struct sim_row){.obj = o, .op = SIM_DELETE};
	row->hard = !strcmp(j->operation, "hardDelete");
	if (!strcmp(j->operation, "insert")) {
		row->op = SIM_INSERT;
	} else if (!strcmp(j->operation, "update")) {
		row->op = SIM_UPDATE;
	} else if (!strcmp(j->operation, "upsert")) {
		row->op = SIM_UPSERT;
		row->key = sim_field_named(o, j->ext_field);
		if (row->key->sys == SIM_SYS_ID) {
			row->key = NULL;
			row->op = SIM_UPDATE;
		}
	}
}

static void sim_ingest_end(struct sim_job *j, size_t from, const struct sim_txn *t)
{
	for (int i = 0; i < t->n; i++) {
		struct sim_ingest_row *r = &j->row[from + (size_t)i];
		const struct sim_row *row = &t->row[i];

		r->tried = true;
		r->id = row->id;
		r->created = row->created;
		if (row->err.code || t->call_err.code) {
			r->error = sim_ingest_error(j, row->err.code ? &row->err : &t->call_err);
			j->failed++;
		}
	}
}

static void sim_ingest_chunk(
	struct sim_job *j, struct sim_object *o, size_t from, size_t n, int64_t pause_us)
{
	struct sim_arena a = {NULL};
	struct sim_row *row = sim_arena_get(&a, sizeof(*row) * n);
	struct sim_txn t = {.org = j->org,
		.arena = &a,
		.user = j->user,
		.row = row,
		.n = (int)n,
		.csv = true,
		.assign = j->assign,
		.fault = j->fault_err.code ? &j->fault_err : NULL,
		.fault_share = j->fault_share,
		.pause_us = pause_us + (int64_t)n * j->org->latency_record_us};

	for (size_t i = 0; i < n; i++) {
		sim_ingest_row_begin(j, o, &row[i]);
		sim_ingest_in(j, &a, from + i, &row[i]);
	}
	sim_txn_run(&t);
	sim_txn_end(&t);
	sim_ingest_end(j, from, &t);
	sim_arena_done(&a);
}

/* as long as the faults stand, unless the job is aborted */
static void sim_ingest_hold(const struct sim_job *j)
{
	j->org->stats.held++;
	while (sim_fault_holds(j->org, j->fault_clears) && sim_job_is(j, "InProgress"))
		sim_sleep_us(2000);
	j->org->stats.held--;
}

static void sim_ingest_batch(struct sim_job *j, struct sim_object *o, size_t from, size_t n)
{
	bool held = j->hold_after >= 0 && from == (size_t)j->hold_after * SIM_BATCH_ROWS;
	size_t chunks = (n + SIM_CHUNK_ROWS - 1) / SIM_CHUNK_ROWS;
	int64_t pause_us = j->org->set.bulk_batch_ms * 1000 / (int64_t)chunks;

	for (size_t at = 0; at < n; at += SIM_CHUNK_ROWS) {
		sim_ingest_chunk(j, o, from + at, n - at < SIM_CHUNK_ROWS ? n - at : SIM_CHUNK_ROWS,
			pause_us);
		if (held && at == 0)
			sim_ingest_hold(j);
	}
	j->processed += n;
}

/* NULL, or why the rest was left */
static const char *sim_ingest_batches(struct sim_job *j, struct sim_object *o)
{
	int64_t done = 0;

	for (size_t at = 0; at < j->good_rows && sim_job_is(j, "InProgress");
		at += SIM_BATCH_ROWS) {
		size_t n = j->good_rows - at;

		if (j->fail_after >= 0 && done++ >= j->fail_after)
			break;
		if (!sim_job_quota(&j->org->bulk_batches_left))
			return "ExceededQuota : ApiBatchItems Limit exceeded.";
		sim_ingest_batch(j, o, at, n < SIM_BATCH_ROWS ? n : SIM_BATCH_ROWS);
	}
	return j->fail_after >= 0 ? "InternalServerError : A batch was retried too often." : NULL;
}

void sim_ingest_run(struct sim_job *j)
{
	struct sim_object *o = sim_object_find(j->org, sim_cstr(j->object));
	const char *unread = sim_csv_parse(j), *error = sim_csv_columns(j, o);

	sim_raise(&j->org->stats.max_jobs, atomic_fetch_add(&j->org->stats.jobs, 1) + 1);
	if (!error)
		error = sim_ingest_batches(j, o);
	atomic_fetch_sub(&j->org->stats.jobs, 1);
	j->error = error ? error : unread;
	sim_csv_spill(j);
	j->done_ms = sim_now_ms();
	j->settled = true;
	sim_job_move(j, "InProgress", j->error ? "Failed" : "JobComplete");
}
