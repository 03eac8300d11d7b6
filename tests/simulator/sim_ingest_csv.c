/* The data of an ingest job: finding its rows, reading their cells, checking its columns. */
#include "sim_job.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIM_MAX_COLUMNS 5000
#define SIM_MAX_HEADER 32000
#define SIM_MAX_RECORD 400000

struct sim_csv {
	const char *p, *end;
	char delimiter;
	const char *error;
	struct sim_arena *arena; /* for cells with doubled quotes; NULL: cells are only passed */
};

static struct sim_str sim_undouble(struct sim_arena *a, const char *p, size_t len)
{
	char *o = sim_arena_get(a, len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		o[n++] = p[i];
		i += p[i] == '"';
	}
	return (struct sim_str){o, n};
}

static struct sim_str sim_quoted(struct sim_csv *c)
{
	const char *start = ++c->p, *q;
	bool doubled = false;
	size_t len;

	for (;;) {
		q = c->p < c->end ? memchr(c->p, '"', (size_t)(c->end - c->p)) : NULL;
		if (!q) {
			c->error =
				"InvalidBatch : Failed to parse CSV. A quoted value is not closed";
			c->p = c->end;
			return (struct sim_str){NULL, 0};
		}
		c->p = q + 1;
		if (c->p >= c->end || *c->p != '"')
			break;
		doubled = true;
		c->p++;
	}
	len = (size_t)(q - start);
	if (c->p < c->end && *c->p != c->delimiter && *c->p != '\n' && *c->p != '\r')
		c->error =
			"InvalidBatch : Failed to parse CSV. A character follows a closing quote";
	return doubled && c->arena ? sim_undouble(c->arena, start, len)
				   : (struct sim_str){start, len};
}

static struct sim_str sim_bare(struct sim_csv *c)
{
	const char *start = c->p;

	for (; c->p < c->end && *c->p != c->delimiter && *c->p != '\n' && *c->p != '\r'; c->p++)
		if (*c->p == '"')
			c->error = "InvalidBatch : Failed to parse CSV. A quote inside a value "
				   "that is not quoted";
	return (struct sim_str){start, (size_t)(c->p - start)};
}

static void sim_line_end(struct sim_csv *c)
{
	if (c->p < c->end && *c->p == '\r')
		c->p++;
	if (c->p < c->end && *c->p == '\n')
		c->p++;
}

/* one cell; *last: it ended its line */
static struct sim_str sim_cell(struct sim_csv *c, bool *last)
{
	struct sim_str v = c->p < c->end && *c->p == '"' ? sim_quoted(c) : sim_bare(c);

	*last = c->p >= c->end || *c->p != c->delimiter;
	if (*last)
		sim_line_end(c);
	else
		c->p++;
	return v;
}

static void sim_header(struct sim_job *j, struct sim_csv *c)
{
	const char *start = c->p;
	bool last = c->p >= c->end;

	j->column = sim_arena_get(&j->arena, sizeof(*j->column) * SIM_MAX_COLUMNS);
	while (!last && j->ncolumns < SIM_MAX_COLUMNS)
		j->column[j->ncolumns++] = sim_arena_dup(&j->arena, sim_cell(c, &last));
	if (!last || c->p - start > SIM_MAX_HEADER)
		c->error = "InvalidBatch : The header has too many columns or characters";
}

static void sim_pass_row(const struct sim_job *j, struct sim_csv *c)
{
	const char *start = c->p;
	size_t most = (size_t)j->org->set.csv_field_chars;
	bool last = false, longer = false;
	int n = 0;

	for (; !last && !c->error; n++) {
		struct sim_str v = sim_cell(c, &last);

		longer |= v.len > most && sim_utf8_len(v, false) > (long)most;
	}
	if (c->error)
		return;
	if (n != j->ncolumns)
		c->error = "InvalidBatch : The number of values in a row differs from the header";
	else if (longer)
		c->error = "InvalidBatch : A value has more characters than a field of a CSV may";
	else if (c->p - start > SIM_MAX_RECORD)
		c->error = "InvalidBatch : A record has more than 400,000 characters";
}

static const char *sim_wrong_ending(const struct sim_job *j)
{
	const char *nl = j->csv_len ? memchr(j->csv, '\n', j->csv_len) : NULL;

	if (!nl || (nl > j->csv && nl[-1] == '\r') == j->crlf)
		return NULL;
	return j->crlf ? "ClientInputError : LineEnding is invalid on user data. Current "
			 "LineEnding "
			 "setting is CRLF"
		       : "ClientInputError : LineEnding is invalid on user data. Current "
			 "LineEnding "
			 "setting is LF";
}

const char *sim_csv_parse(struct sim_job *j)
{
	struct sim_csv c = {.p = j->csv,
		.end = j->csv ? j->csv + j->csv_len : NULL,
		.delimiter = j->delimiter,
		.arena = &j->arena};
	const char *wrong = sim_wrong_ending(j);
	size_t cap = 0;

	if (j->csv_len >= 3 && !memcmp(j->csv, "\xEF\xBB\xBF", 3))
		c.p += 3;
	sim_header(j, &c);
	c.arena = NULL;
	while (c.p < c.end && !c.error) {
		uint32_t at = (uint32_t)(c.p - j->csv);

		if (*c.p == '\n' || *c.p == '\r') { /* an empty line is no row */
			sim_line_end(&c);
			continue;
		}
		sim_pass_row(j, &c);
		if (c.error)
			break;
		if (j->nrows == cap) {
			cap = cap ? cap * 2 : 64;
			j->row = sim_realloc(j->row, cap * sizeof(*j->row));
		}
		j->row[j->nrows++] = (struct sim_ingest_row){.at = at};
	}
	j->good_rows = wrong ? 0 : c.error ? j->nrows / SIM_BATCH_ROWS * SIM_BATCH_ROWS : j->nrows;
	return wrong ? wrong : c.error;
}

void sim_csv_row(const struct sim_job *j, struct sim_arena *a, size_t i, struct sim_str *cell)
{
	struct sim_csv c = {.p = j->csv + j->row[i].at,
		.end = j->csv + j->csv_len,
		.delimiter = j->delimiter,
		.arena = a};
	bool last;

	for (int k = 0; k < j->ncolumns; k++)
		cell[k] = sim_cell(&c, &last);
}

/* ---- columns ---- */

static bool sim_relation_ok(
	const struct sim_object *o, struct sim_str relation, struct sim_str field)
{
	struct sim_str rel = relation, type = {NULL, 0};
	const struct sim_field *f, *key;

	if (memchr(relation.p, ':', relation.len))
		type = sim_cut(&rel, ':');
	f = sim_field_by_rel(o, rel);
	if (!f || f->hidden || f->polymorphic != (type.len > 0))
		return false;
	for (int i = 0; i < f->nref; i++) {
		if (!f->target[i] || (type.len && !sim_is(type, f->target[i]->name)))
			continue;
		key = sim_field_find(f->target[i], field);
		if (key && !key->hidden && (key->external_id || key->id_lookup))
			return true;
	}
	return false;
}

static bool sim_column_ok(
	const struct sim_job *j, const struct sim_object *o, struct sim_str column)
{
	struct sim_str rest = column, head = sim_cut(&rest, '.');
	const struct sim_field *f;

	if (!strcmp(j->operation, "delete") || !strcmp(j->operation, "hardDelete"))
		return sim_is(column, "Id");
	if (rest.len)
		return sim_relation_ok(o, head, rest);
	f = sim_field_find(o, head);
	return f && !f->hidden && !f->nparts && f->type != SIM_T_BASE64;
}

const char *sim_csv_columns(struct sim_job *j, const struct sim_object *o)
{
	for (int i = 0; i < j->ncolumns; i++) {
		for (int k = 0; k < i; k++)
			if (sim_eqi(j->column[i], j->column[k]))
				return sim_arena_fmt(&j->arena,
					"InvalidBatch : Duplicate column : %.*s",
					SIM_P(j->column[i]));
		if (!sim_column_ok(j, o, j->column[i]))
			return sim_arena_fmt(&j->arena,
				"InvalidBatch : Field name not found : %.*s", SIM_P(j->column[i]));
	}
	return NULL;
}

void sim_csv_spill(struct sim_job *j)
{
	const char *dir = getenv("TMPDIR");
	int fd = j->csv_len ? open(dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
	size_t done = 0;
	void *map;

	while (fd >= 0 && done < j->csv_len) {
		ssize_t n = write(fd, j->csv + done, j->csv_len - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	map = fd >= 0 && done == j->csv_len ? mmap(NULL, j->csv_len, PROT_READ, MAP_SHARED, fd, 0)
					    : MAP_FAILED;
	if (fd >= 0)
		close(fd);
	if (map == MAP_FAILED)
		return;
	free(j->csv);
	j->csv = map;
	j->mapped = true;
}
