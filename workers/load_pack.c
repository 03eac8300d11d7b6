/* What Postgres keeps of a batch before it is sent: intent and snapshot. */
#include "load_internal.h"

#include <stdlib.h>

#include "osy/banned.h"

#define SNAPSHOT_MAX (64u * 1024 * 1024)

bool osy_load_has_actions(const struct osy_lbatch *batch)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (osy_is_pending(&batch->rows[i]) && batch->rows[i].action != OSY_ACT_NONE)
			return true;
	}
	return false;
}

bool osy_load_has_keyless(const struct osy_lbatch *batch)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		const struct osy_lrow *row = &batch->rows[i];
		if (osy_is_pending(row) && row->action == OSY_ACT_INSERT && !row->keyed)
			return true;
	}
	return false;
}

/* Nothing of this row can be under way: its intent may be withdrawn. */
static bool is_withdrawn(const struct osy_lrow *row)
{
	return row->action == OSY_ACT_INSERT && !row->doubt && !(row->lost && row->ask);
}

void osy_load_intent_pack(const struct osy_lbatch *batch, bool withdraw, struct osy_buf *out)
{
	OSY_AUTO_FREE struct osy_intent_row *rows =
		osy_xcalloc(batch->row_count + 1, sizeof(*rows));
	struct osy_intent intent = {.count = batch->row_count, .rows = rows};
	bool bulk = osy_load_goes_bulk(batch);

	for (unsigned i = 0; i < batch->row_count; i++) {
		const struct osy_lrow *row = &batch->rows[i];
		struct osy_intent_row *to = &intent.rows[i];
		to->collection = -1;
		if (row->claimed) {
			to->claim = row->key;
			to->source = row->source;
		}
		if (osy_is_pending(row) && row->revived && !row->was_update) {
			to->action = OSY_ACT_UNDELETE; /* until it is settled */
			to->target = row->target;
			continue;
		}
		if (!osy_is_pending(row) || row->action == OSY_ACT_NONE ||
			(withdraw && is_withdrawn(row)) || (!withdraw && bulk && !row->in_job))
			continue;
		if (bulk && !withdraw) {
			to->in_job = true;
			memcpy(to->sent, row->sent, sizeof(to->sent));
		}
		to->action = row->action;
		to->collection = row->collection;
		/* Of an insert, the mapping that it had: it says nothing of this insert. */
		to->target = row->action == OSY_ACT_INSERT ? row->gone : row->target;
	}
	osy_intent_write(&intent, out);
}

static bool in_snapshot(const struct osy_lrow *row)
{
	return row->written && ((osy_is_pending(row) && (row->action == OSY_ACT_UPDATE ||
								row->action == OSY_ACT_DELETE)) ||
				       row->outcome == OSY_UPDATED || row->outcome == OSY_DELETED);
}

static bool is_bit(const uint64_t *bits, unsigned c)
{
	return (bits[c / 64] >> (c % 64)) & 1;
}

static struct osy_id target_of(const struct osy_lrow *row)
{
	return osy_id_is_set(&row->target) ? row->target : row->gone;
}

/* Whether a former attempt has kept what was in this column, of the same target. */
static bool is_kept(const struct osy_lrow *row, unsigned c)
{
	struct osy_id target = target_of(row);

	return row->old && is_bit(row->old_written, c) &&
	       (!osy_id_is_set(&row->old_target) || osy_id_equal(&row->old_target, &target));
}

static bool is_in_row(const struct osy_lrow *row, unsigned c)
{
	return is_bit(row->written, c) || is_kept(row, c);
}

/* Columns that any row writes. */
static unsigned snapshot_columns(const struct osy_lbatch *batch, struct osy_snapshot *snapshot,
	struct osy_str *names, unsigned *columns)
{
	OSY_AUTO_FREE bool *all = osy_xcalloc(batch->column_count + 1, sizeof(*all));
	unsigned n = 0;

	for (unsigned i = 0; i < batch->row_count; i++) {
		if (!in_snapshot(&batch->rows[i]))
			continue;
		snapshot->count++;
		for (unsigned c = 0; c < batch->column_count; c++)
			all[c] |= is_in_row(&batch->rows[i], c);
	}
	for (unsigned c = 0; c < batch->column_count; c++) {
		if (!all[c])
			continue;
		names[n] = osy_str(batch->columns[c].field->target);
		columns[n++] = c;
	}
	snapshot->field_count = n;
	return n;
}

static struct osy_str value_before(const struct osy_lrow *row, unsigned c)
{
	if (is_kept(row, c))
		return row->old[c];
	if (!is_bit(row->written, c))
		return OSY_STR("");
	return row->before ? row->before[c] : OSY_STR_NULL;
}

/*
 * A snapshot row has a value for each field that any row of the batch writes: nil is null in the
 * target; an empty text, which is no JSON, says that this row does not write that field.
 */
void osy_load_snapshot_pack(const struct osy_lbatch *batch, struct osy_buf *out)
{
	OSY_AUTO_FREE unsigned *columns = osy_xcalloc(batch->column_count + 1, sizeof(*columns));
	OSY_AUTO_FREE struct osy_str *names = osy_xcalloc(batch->column_count + 1, sizeof(*names));
	struct osy_snapshot snapshot = {.fields = names};
	unsigned n = snapshot_columns(batch, &snapshot, names, columns), at = 0;

	if (!snapshot.count || !osy_lspec(batch)->snapshots)
		return;
	OSY_AUTO_FREE struct osy_snapshot_row *rows =
		osy_xcalloc(snapshot.count + 1, sizeof(*rows));
	OSY_AUTO_FREE struct osy_str *all =
		osy_xcalloc((size_t)snapshot.count * n + 1, sizeof(*all));
	snapshot.rows = rows;
	for (unsigned i = 0; i < batch->row_count; i++) {
		const struct osy_lrow *row = &batch->rows[i];
		if (!in_snapshot(row))
			continue;
		struct osy_str *values = all + (size_t)at * n;
		for (unsigned f = 0; f < n; f++)
			values[f] = value_before(row, columns[f]);
		rows[at++] = (struct osy_snapshot_row){i, target_of(row), values};
	}
	*out = OSY_BUF(SNAPSHOT_MAX);
	osy_snapshot_write(&snapshot, out);
}
