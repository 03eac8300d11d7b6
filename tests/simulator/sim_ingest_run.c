/* Bulk API 2.0 ingest jobs: the data and the work. */
#include "sim_job.h"

#include <stdlib.h>

struct sim_csv {
	char *p, *end;
	char delimiter;
	const char *error;
};

/* one cell, unquoted in place; *last: it ended its line */
static struct sim_str sim_cell(struct sim_csv *c, bool *last)
{
	char *o = c->p, *start = c->p;

	if (c->p < c->end && *c->p == '"') {
		start = o = ++c->p;
		while (c->p < c->end && !(*c->p == '"' && (c->p + 1 >= c->end || c->p[1] != '"'))) {
			if (*c->p == '"')
				c->p++;
			*o++ = *c->p++;
		}
		if (c->p >= c->end)
			c->error = "ClientInputError : a quoted value is not closed";
		c->p++;
		if (c->p < c->end && *c->p != c->delimiter && *c->p != '\n' && *c->p != '\r')
			c->error = "ClientInputError : a character follows a closing quote";
	} else {
		while (c->p < c->end && *c->p != c->delimiter && *c->p != '\n' && *c->p != '\r')
			c->p++;
		o = c->p;
	}
	*last = true;
	if (c->p < c->end && *c->p == c->delimiter) {
		c->p++;
		*last = false;
	} else {
		if (c->p < c->end && *c->p == '\r')
			c->p++;
		if (c->p < c->end && *c->p == '\n')
			c->p++;
	}
	return (struct sim_str){start, (size_t)(o - start)};
}

static bool sim_wrong_ending(const struct sim_job *j)
{
	const char *nl = j->csv_len ? memchr(j->csv, '\n', j->csv_len) : NULL;

	return nl && (nl > j->csv && nl[-1] == '\r') != j->crlf;
}

bool sim_csv_parse(struct sim_job *j, const char **error)
{
	struct sim_csv c = {.p = j->csv, .end = j->csv + j->csv_len, .delimiter = j->delimiter};
	size_t cap = 0;
	bool last = !j->csv_len;

	if (sim_wrong_ending(j)) {
		*error = j->crlf ? "ClientInputError : LineEnding is invalid on user data. Current "
				   "LineEnding setting is CRLF"
				 : "ClientInputError : LineEnding is invalid on user data. Current "
				   "LineEnding setting is LF";
		return false;
	}
	if (j->csv_len >= 3 && !memcmp(j->csv, "\xEF\xBB\xBF", 3))
		c.p += 3;
	j->column = sim_arena_get(&j->arena, sizeof(*j->column) * 5000);
	while (!last && j->ncolumns < 5000)
		j->column[j->ncolumns++] = sim_cell(&c, &last);
	while (c.p < c.end && !c.error) {
		struct sim_ingest_row *r;
		int n = 0;

		if (j->nrows == cap) {
			struct sim_ingest_row *more = sim_arena_get(
				&j->arena, sizeof(*more) * (cap = cap ? cap * 2 : 1024));

			if (j->nrows)
				memcpy(more, j->row, sizeof(*more) * j->nrows);
			j->row = more;
		}
		r = &j->row[j->nrows++];
		*r = (struct sim_ingest_row){.cell = sim_arena_get(&j->arena,
						     sizeof(*r->cell) * (size_t)(j->ncolumns + 1))};
		for (last = false; !last; n++) {
			struct sim_str v = sim_cell(&c, &last);

			if (n < j->ncolumns)
				r->cell[n] = v;
		}
		if (n != j->ncolumns)
			c.error = "InvalidBatch : the number of values in a row differs from the "
				  "header";
	}
	*error = c.error;
	return !c.error;
}

/* every column must be a field or Relationship.Field of the object */
static const char *sim_columns_ok(struct sim_job *j, const struct sim_object *o)
{
	for (int i = 0; i < j->ncolumns; i++) {
		struct sim_str rest = j->column[i], head = sim_cut(&rest, '.'), rel = head,
			       type = {NULL, 0};
		const struct sim_field *f;

		if (!rest.len) {
			if (sim_field_find(o, head))
				continue;
			return sim_arena_fmt(&j->arena,
				"InvalidBatch : Field name not found : %.*s", SIM_P(j->column[i]));
		}
		if (memchr(head.p, ':', head.len))
			type = sim_cut(&rel, ':');
		f = sim_field_by_rel(o, rel);
		if (!f || f->polymorphic != (type.len > 0))
			return sim_arena_fmt(&j->arena,
				"InvalidBatch : Field name not found : %.*s", SIM_P(j->column[i]));
	}
	return NULL;
}

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

static void sim_ingest_in(
	struct sim_job *j, struct sim_arena *a, const struct sim_ingest_row *r, struct sim_row *row)
{
	struct sim_json *doc = sim_arena_get(a, sizeof(*doc)), **at = &doc->child;

	*doc = (struct sim_json){.type = SIM_J_OBJ};
	for (int i = 0; i < j->ncolumns; i++) {
		if (!r->cell[i].len)
			continue;
		if (sim_is(j->column[i], "Id") && row->op != SIM_UPSERT && row->op != SIM_INSERT) {
			if (sim_id_parse(j->org, r->cell[i], &row->id) != SIM_ID_OK)
				sim_err_set(&row->err, a, "INVALID_CROSS_REFERENCE_KEY", NULL,
					"invalid cross reference id");
			continue;
		}
		*at = memchr(j->column[i].p, '.', j->column[i].len)
			      ? sim_parent_node(a, j->column[i], r->cell[i])
			      : sim_text_node(a, j->column[i], r->cell[i]);
		at = &(*at)->next;
	}
	row->in = doc;
	if ((row->op == SIM_UPDATE || row->op == SIM_DELETE) && !row->id && !row->err.code)
		sim_err_set(&row->err, a, "MISSING_ARGUMENT", "Id",
			"Id not specified in an update call");
}

static char *sim_ingest_error(struct sim_job *j, const struct sim_err *e)
{
	struct sim_buf b = {0};
	char *text;

	sim_buf_fmt(&b, "%s:%s:", e->code, e->msg);
	for (int i = 0; i < e->nfields; i++)
		sim_buf_fmt(&b, "%s ", e->field[i]);
	sim_buf_str(&b, "--");
	text = (char *)sim_arena_dup(&j->arena, sim_buf_view(&b)).p;
	sim_buf_done(&b);
	return text;
}

static enum sim_op sim_ingest_op(const struct sim_job *j)
{
	return !strcmp(j->operation, "insert")	 ? SIM_INSERT
	       : !strcmp(j->operation, "update") ? SIM_UPDATE
	       : !strcmp(j->operation, "upsert") ? SIM_UPSERT
						 : SIM_DELETE;
}

static void sim_ingest_chunk(struct sim_job *j, struct sim_object *o, size_t from, size_t n)
{
	struct sim_arena a = {NULL};
	struct sim_row *row = sim_arena_get(&a, sizeof(*row) * n);
	struct sim_txn t = {
		.org = j->org, .arena = &a, .user = j->user, .row = row, .n = (int)n, .csv = true};

	for (size_t i = 0; i < n; i++) {
		row[i] = (struct sim_row){.obj = o, .op = sim_ingest_op(j)};
		if (row[i].op == SIM_UPSERT) {
			row[i].key = sim_field_named(o, j->ext_field);
			if (row[i].key->sys == SIM_SYS_ID) {
				row[i].key = NULL;
				row[i].op = SIM_UPDATE;
			}
		}
		sim_ingest_in(j, &a, &j->row[from + i], &row[i]);
	}
	t.pause_us = (int64_t)n * j->org->latency_record_us;
	sim_txn_run(&t);
	sim_txn_end(&t);
	for (size_t i = 0; i < n; i++) {
		struct sim_ingest_row *r = &j->row[from + i];

		r->tried = true;
		r->id = row[i].id;
		r->created = row[i].created;
		if (row[i].err.code || t.call_err.code) {
			r->error = sim_ingest_error(j, row[i].err.code ? &row[i].err : &t.call_err);
			j->failed++;
		}
	}
	j->processed += n;
	sim_arena_done(&a);
}

void sim_ingest_run(struct sim_job *j)
{
	struct sim_object *o = sim_object_find(j->org, sim_cstr(j->object));
	const char *error = NULL;

	if (!sim_csv_parse(j, &error) || (error = sim_columns_ok(j, o))) {
		j->error = error;
		j->state = "Failed";
		j->done_ms = sim_now_ms();
		return;
	}
	for (size_t at = 0; at < j->nrows && !strcmp(j->state, "InProgress"); at += 200)
		sim_ingest_chunk(j, o, at, j->nrows - at < 200 ? j->nrows - at : 200);
	j->done_ms = sim_now_ms();
	if (!strcmp(j->state, "InProgress"))
		j->state = "JobComplete";
}
