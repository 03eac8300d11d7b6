/* Match keys of rows, and how SOQL spells them. */
#include "load_internal.h"

#include "osy/clock.h"

#include "osy/banned.h"

/* ---- Keys of rows ---- */
static int find_column(const struct osy_lbatch *batch, const char *target)
{
	for (unsigned c = 0; c < batch->column_count; c++) {
		if (strcmp(batch->columns[c].field->target, target) == 0)
			return (int)c;
	}
	return -1;
}

static void find_key_columns(struct osy_lbatch *batch)
{
	size_t count = osy_key_count(batch->object);
	int *columns = osy_arena_calloc(&batch->arena, count + 1, sizeof(*columns));

	if (!count || batch->head.links)
		return;
	for (size_t k = 0; k < count; k++) {
		columns[k] = find_column(batch, osy_key_name(batch->object, k));
		if (columns[k] < 0)
			return;
	}
	batch->key_columns = columns;
}

bool osy_load_keys(const struct osy_lbatch *batch, const struct osy_lrow *row, struct osy_str *ret)
{
	bool any = false;

	if (!batch->key_columns)
		return false;
	for (size_t k = 0; k < osy_key_count(batch->object); k++) {
		ret[k] = row->values[batch->key_columns[k]];
		if (osy_is_left_out(ret[k]))
			return false;
		any |= !osy_key_is_null(ret[k]);
	}
	return any;
}

static bool is_keyed(const struct osy_lbatch *batch, const struct osy_str *keys)
{
	const struct osy_spec_object *object = batch->object;

	if (object->match != OSY_MATCH_KEYS)
		return object->match_unique;
	for (size_t k = 0; k < object->key_count; k++) {
		if (object->fields[object->keys[k]].unique && !osy_key_is_null(keys[k]))
			return true;
	}
	return false;
}

void osy_load_find_keys(struct osy_lbatch *batch)
{
	find_key_columns(batch);
	if (!batch->key_columns)
		return;
	struct osy_str *keys =
		osy_arena_calloc(&batch->arena, osy_key_count(batch->object) + 1, sizeof(*keys));
	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		if (!osy_load_keys(batch, row, keys))
			continue;
		row->key = osy_key_hash(batch->object, keys);
		row->keyed = is_keyed(batch, keys);
	}
}

/* ---- SOQL ---- */
static void add_moment(struct osy_str text, struct osy_buf *out)
{
	char moment[32];
	int64_t ms = osy_wall_parse(text.p, text.len);

	if (ms < 0) {
		osy_buf_add_str(out, text);
		return;
	}
	osy_wall_text(ms, moment);
	osy_buf_addz(out, moment);
}

void osy_load_literal(enum osy_sf_type type, struct osy_str raw, struct osy_buf *out)
{
	OSY_AUTO(osy_buf_done) struct osy_buf buf = OSY_BUF(raw.len + 64);
	struct osy_str text;

	if (osy_key_is_null(raw)) {
		osy_buf_addz(out, "null");
		return;
	}
	text = osy_key_text(raw, &buf);
	if (type == OSY_T_DATETIME)
		add_moment(text, out);
	else if (raw.p[0] != '"' || type == OSY_T_DATE || type == OSY_T_TIME)
		osy_buf_add_str(out, text);
	else
		osy_soql_quote(text, out);
}
