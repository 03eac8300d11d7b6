/* Lookups that wait for the link pass: the rows of a link batch, written with the outcomes. */
#include "load_record.h"

#include "osy/banned.h"

void osy_load_defer_unsure(struct osy_lbatch *batch, unsigned i)
{
	const struct osy_spec *spec = osy_lspec(batch);
	const struct osy_lrow *row = &batch->rows[i];

	for (unsigned c = 0; c < batch->column_count && !batch->head.links; c++) {
		const struct osy_lcolumn *column = &batch->columns[c];
		if (column->lookup < 0 || !column->field->link ||
			(row->written && ((row->written[c / 64] >> (c % 64)) & 1)))
			continue;
		struct osy_lref *ref = &osy_lrefs(batch, i)[column->lookup];
		if (ref->state == OSY_REF_MAPPED && ref->parent >= 0 &&
			osy_spec_last_stage(spec, spec->objects[ref->parent].prefix) >=
				batch->head.stage)
			ref->state = OSY_REF_DEFERRED;
	}
}

/* Lookup columns that may be linked later. */
static unsigned link_columns(const struct osy_lbatch *batch, unsigned *columns, const char **names)
{
	unsigned n = 0;

	for (unsigned c = 0; c < batch->column_count; c++) {
		if (batch->columns[c].lookup < 0 || !batch->columns[c].field->link)
			continue;
		columns[n] = c;
		names[n++] = batch->columns[c].field->name;
	}
	return n;
}

/*
 * Whether this row's record may be changed by us: it is in, and either updates are on or the run
 * has inserted it (in this pass or in an earlier one).
 */
static bool may_link(
	const struct osy_lbatch *batch, unsigned i, const struct osy_outcome_row *before)
{
	const struct osy_lrow *row = &batch->rows[i];

	if (row->recorded || batch->object->match_only)
		return false;
	if (row->outcome == OSY_INSERTED || row->outcome == OSY_UPDATED)
		return true;
	return row->outcome == OSY_EXISTING &&
	       (batch->object->update || (before && before[i].outcome == OSY_INSERTED));
}

static bool link_values(struct osy_lbatch *batch, unsigned i, const unsigned *columns,
	unsigned count, struct osy_str *values)
{
	const struct osy_lref *refs = osy_lrefs(batch, i);
	bool any = false;

	for (unsigned n = 0; n < count; n++) {
		const struct osy_lref *ref = &refs[batch->columns[columns[n]].lookup];
		values[n] = OSY_STR_NULL;
		if (ref->state != OSY_REF_DEFERRED)
			continue;
		values[n] = batch->columns[columns[n]].field->ids && !ref->brief
				    ? osy_load_id_text(batch, &ref->source)
				    : (struct osy_str){ref->source.c, 15};
		any = true;
	}
	return any;
}

void osy_load_deferred(struct osy_lbatch *batch, const struct osy_outcome_row *before,
	struct osy_buf *out, unsigned *ret_rows)
{
	unsigned *columns =
		osy_arena_calloc(&batch->arena, batch->column_count + 1, sizeof(*columns));
	const char **names =
		osy_arena_calloc(&batch->arena, batch->column_count + 1, sizeof(*names));
	struct osy_str *values =
		osy_arena_calloc(&batch->arena, batch->column_count + 1, sizeof(*values));
	struct osy_batch_writer writer;
	unsigned count = batch->head.links ? 0 : link_columns(batch, columns, names);

	*ret_rows = 0;
	if (!count)
		return;
	osy_batch_writer_init(&writer);
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (may_link(batch, i, before) && link_values(batch, i, columns, count, values))
			osy_batch_add(&writer, &batch->rows[i].source, values, count);
	}
	if (writer.head.count) {
		*ret_rows = (unsigned)writer.head.count;
		writer.head.links = 1;
		writer.head.pass = osy_lrun(batch)->pass;
		writer.head.object = batch->head.object;
		writer.head.stage = osy_lspec(batch)->stages + 1;
		osy_batch_finish(&writer, names, count, out);
	}
	osy_batch_writer_done(&writer);
}
