/* From rows to a job's CSV, and the identity by which a result finds its row. */
#include "load_bulk.h"

#include <stdlib.h>

#include "osy/crypt.h"
#include "osy/spool.h"

#include "osy/banned.h"

#define BATCH_BYTES (32u * 1024 * 1024)

/* ---- Columns ---- */
static void add_column(struct osy_lbulk *bulk, unsigned job, const char *name, int field)
{
	unsigned n = bulk->column_count[job]++;

	bulk->columns[job][n] = name;
	bulk->fields[job][n] = field;
}

static bool has_column(const struct osy_lbulk *bulk, unsigned job, const char *name)
{
	for (unsigned i = 0; i < bulk->column_count[job]; i++) {
		if (strcmp(bulk->columns[job][i], name) == 0)
			return true;
	}
	return false;
}

void osy_lbulk_columns(struct osy_lbulk *bulk)
{
	const struct osy_spec_object *object = bulk->object;

	for (unsigned job = 0; job < 2; job++) {
		bulk->columns[job] = osy_xcalloc(object->field_count + 3, sizeof(char *));
		bulk->fields[job] = osy_xcalloc(object->field_count + 3, sizeof(int));
	}
	add_column(bulk, 1, "Id", -1);
	for (size_t i = 0; i < object->field_count; i++) {
		if (object->fields[i].createable)
			add_column(bulk, 0, object->fields[i].target, (int)i);
		if (object->fields[i].updateable)
			add_column(bulk, 1, object->fields[i].target, (int)i);
	}
	if (object->currency)
		add_column(bulk, 0, "CurrencyIsoCode", -1);
	if (object->match == OSY_MATCH_SOURCE_ID) {
		for (unsigned job = 0; job < 2; job++) {
			if (!has_column(bulk, job, object->match_field))
				add_column(bulk, job, object->match_field, -1);
		}
	}
	bulk->key_column = -1;
	for (unsigned i = 0; i < bulk->column_count[0]; i++) {
		if (object->match_unique && object->match_field &&
			strcmp(bulk->columns[0][i], object->match_field) == 0)
			bulk->key_column = (int)i;
	}
}

void osy_lbulk_columns_done(struct osy_lbulk *bulk)
{
	for (unsigned job = 0; job < 2; job++) {
		free(bulk->columns[job]);
		free(bulk->fields[job]);
	}
}

/* The batch's column for each of the job's; -1: none. */
static int *map_columns(const struct osy_lbulk *bulk, unsigned job, struct osy_lbatch *batch)
{
	int *map = osy_arena_alloc(&batch->arena, (bulk->column_count[job] + 1) * sizeof(*map));

	for (unsigned i = 0; i < bulk->column_count[job]; i++) {
		map[i] = -1;
		for (unsigned c = 0; c < batch->column_count; c++) {
			if (strcmp(batch->columns[c].field->target, bulk->columns[job][i]) == 0)
				map[i] = (int)c;
		}
	}
	return map;
}

/* ---- Rows ---- */

/* REST gives +0000, CSV wants a colon in the offset or Z. */
static bool put_datetime(struct osy_buf *out, struct osy_str raw)
{
	static const char utc[] = "+0000\"";
	const size_t len = sizeof(utc) - 1;

	if (raw.len <= len || memcmp(raw.p + raw.len - len, utc, len) != 0)
		return osy_csv_put_json(out, raw);
	osy_buf_add(out, raw.p, raw.len - len);
	osy_buf_addz(out, "Z\"");
	return true;
}

static bool put_value(struct osy_buf *out, const struct osy_spec_field *field, struct osy_str raw)
{
	if (raw.len > OSY_BULK_MAX_FIELD_CHARS)
		return false;
	return field->type == OSY_T_DATETIME ? put_datetime(out, raw) : osy_csv_put_json(out, raw);
}

static bool is_null(struct osy_str raw)
{
	return !raw.p || osy_str_is(raw, "null");
}

/* A text without a character (of a hook, or of a map of values): by a collection it clears the
 * field, or keeps a default of the org out of it, and by CSV it would say nothing. */
static bool is_blank(const struct osy_spec_field *field, struct osy_str raw)
{
	return raw.p[0] == '"' && osy_sf_value_equal(field->type, field->scale, raw, OSY_STR_NULL);
}

/* An insert leaves out what is null, so that a default of the org fills it. */
static bool put_insert(
	struct osy_buf *out, const struct osy_lbatch *batch, const struct osy_lrow *row, int column)
{
	if (column < 0 || is_null(row->values[column]) || osy_is_left_out(row->values[column]) ||
		!osy_lfits(row, batch->columns[column].field))
		return true;
	if (!is_blank(batch->columns[column].field, row->values[column]))
		return put_value(out, batch->columns[column].field, row->values[column]);
	osy_csv_put_text(out, OSY_STR("#N/A"));
	return true;
}

/* An update says #N/A for null; what stays as it is, is empty. */
static bool put_update(
	struct osy_buf *out, const struct osy_lbatch *batch, const struct osy_lrow *row, int column)
{
	if (column < 0 || !((row->written[column / 64] >> (column % 64)) & 1) ||
		osy_is_left_out(row->values[column]))
		return true;
	if (!is_null(row->values[column]) &&
		!is_blank(batch->columns[column].field, row->values[column]))
		return put_value(out, batch->columns[column].field, row->values[column]);
	osy_csv_put_text(out, OSY_STR("#N/A"));
	return true;
}

static void put_id(struct osy_buf *out, const struct osy_lrow *row)
{
	char id[19];

	osy_id_18(&row->target, id);
	osy_csv_put_text(out, osy_str(id));
}

/* False, and nothing is left of it, when the row cannot be said in CSV. */
static bool put_row(const struct osy_lbulk *bulk, unsigned job, const struct osy_lbatch *batch,
	const struct osy_lrow *row, const int *map, struct osy_buf *out)
{
	size_t begin = out->len;
	bool good = true;

	for (unsigned i = 0; i < bulk->column_count[job] && good; i++) {
		if (i)
			osy_buf_addc(out, ',');
		if (job == 1 && i == 0)
			put_id(out, row);
		else if (job == 1)
			good = put_update(out, batch, row, map[i]);
		else
			good = put_insert(out, batch, row, map[i]);
	}
	/* A line end of another kind than the job's, even within a value, may fail the whole job.
	 */
	good = good && out->len > begin && out->len - begin <= OSY_BULK_MAX_ROW_CHARS &&
	       !memchr(out->p + begin, '\r', out->len - begin);
	if (good)
		osy_buf_addc(out, '\n');
	else
		out->len = begin;
	return good;
}

/* ---- Identity ---- */
void osy_lbulk_identity(const struct osy_lbulk *bulk, unsigned job,
	const struct osy_csv_cell *cells, size_t count, const int *places, struct osy_buf *canon,
	struct osy_buf *scratch, unsigned char ret[16])
{
	unsigned char hash[32];
	int key = job == 1 ? 0 : bulk->key_column;

	osy_buf_reset(canon);
	for (int round = key >= 0 ? 0 : 1; round < 2 && !canon->len; round++) {
		for (unsigned i = 0; i < bulk->column_count[job]; i++) {
			int place = places ? places[i] : (int)i;
			if (round == 0 && (int)i != key)
				continue;
			osy_buf_reset(scratch);
			struct osy_str text = place >= 0 && (size_t)place < count
						      ? osy_csv_text(&cells[place], scratch)
						      : OSY_STR_NULL;
			const uint32_t head[2] = {i, (uint32_t)text.len};
			if (text.len)
				osy_buf_add(canon, head, sizeof(head));
			osy_buf_add_str(canon, text);
		}
	}
	osy_sha256(osy_buf_str(canon), hash);
	memcpy(ret, hash, 16);
}

struct identify {
	struct osy_lbulk *bulk;
	unsigned job;
	struct osy_lbatch *batch;
	const unsigned *rows;
	size_t at;
	struct osy_buf canon, scratch;
};

static void identify_done(struct identify *identify)
{
	osy_buf_done(&identify->canon);
	osy_buf_done(&identify->scratch);
}

static enum osy_code on_row(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *err)
{
	struct identify *identify = arg;
	struct osy_lrow *row = &identify->batch->rows[identify->rows[identify->at++]];

	(void)err;
	osy_lbulk_identity(identify->bulk, identify->job, cells, count, NULL, &identify->canon,
		&identify->scratch, row->sent);
	row->in_job = true;
	return OSY_OK;
}

static enum osy_code identify_rows(struct osy_lbulk *bulk, unsigned job, struct osy_lbatch *batch,
	const unsigned *rows, struct osy_str csv_text, struct osy_err *err)
{
	OSY_AUTO(identify_done)
	struct identify identify = {.bulk = bulk,
		.job = job,
		.batch = batch,
		.rows = rows,
		.canon = OSY_BUF(4 * OSY_BULK_MAX_ROW_CHARS),
		.scratch = OSY_BUF(OSY_CSV_SCRATCH_BYTES)};
	struct osy_csv csv;

	osy_csv_init(&csv, on_row, &identify);
	enum osy_code rc = osy_csv_feed(&csv, csv_text, err);
	if (!rc)
		rc = osy_csv_end(&csv, err);
	osy_csv_done(&csv);
	return rc;
}

/* ---- Into the spools ---- */
static void put_header(const struct osy_lbulk *bulk, unsigned job, struct osy_buf *out)
{
	for (unsigned i = 0; i < bulk->column_count[job]; i++)
		osy_buf_addf(out, "%s%s", i ? "," : "", bulk->columns[job][i]);
	osy_buf_addc(out, '\n');
}

static enum osy_code write_job(
	struct osy_lbulk *bulk, unsigned job, struct osy_lbatch *batch, struct osy_err *err)
{
	struct osy_ljob *to = &bulk->jobs[job];
	enum osy_action action = job ? OSY_ACT_UPDATE : OSY_ACT_INSERT;
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(BATCH_BYTES);
	OSY_AUTO(osy_buf_done) struct osy_buf header = OSY_BUF(1024u * 1024);
	unsigned *rows = osy_arena_alloc(&batch->arena, (batch->row_count + 1) * sizeof(*rows));
	const int *map = map_columns(bulk, job, batch);
	unsigned count = 0;
	enum osy_code rc = OSY_OK;

	for (unsigned i = 0; i < batch->row_count; i++) {
		const struct osy_lrow *row = &batch->rows[i];
		if (osy_is_pending(row) && row->action == action &&
			put_row(bulk, job, batch, row, map, &out))
			rows[count++] = i;
	}
	to->pending = 0;
	if (!count)
		return OSY_OK;
	if (to->fd < 0)
		rc = osy_spool_open(&to->fd, err);
	if (to->size == 0)
		put_header(bulk, job, &header);
	if (!rc)
		rc = osy_spool_write(to->fd, to->size, osy_buf_str(&header), err);
	if (!rc)
		rc = osy_spool_write(
			to->fd, to->size + (int64_t)header.len, osy_buf_str(&out), err);
	if (rc)
		return rc;
	to->pending = (int64_t)(header.len + out.len);
	return identify_rows(bulk, job, batch, rows, osy_buf_str(&out), err);
}

enum osy_code osy_lbulk_write(struct osy_lbulk *bulk, struct osy_lbatch *batch, struct osy_err *err)
{
	for (unsigned i = 0; i < batch->row_count; i++)
		batch->rows[i].in_job = false;
	enum osy_code rc = write_job(bulk, 0, batch, err);
	return rc ? rc : write_job(bulk, 1, batch, err);
}
