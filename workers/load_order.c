/*
 * The order in which rows are sent. A write locks parents as it comes to its rows: when all
 * requests take these locks in one order, they wait for each other but never in a circle. Lanes
 * keep the first lock parents of an object apart; the second ones, and the first ones of an object
 * that are the second of another, are only kept in order.
 */
#include "load_internal.h"

#include <stdlib.h>

#include "osy/banned.h"

/* Larger than 32 bytes would make qsort sort pointers. */
struct osy_lorder {
	const char *second, *first;
	uint16_t second_len, first_len, limit;
	unsigned row;
};

static int column_of(const struct osy_lbatch *batch, int field)
{
	for (unsigned c = 0; c < batch->column_count && field >= 0; c++) {
		if (batch->columns[c].field == &batch->object->fields[field])
			return (int)c;
	}
	return -1;
}

/* A raw value of an id; what is not sent comes first. */
static uint16_t raw_id(const struct osy_lrow *row, int column, const char **ret)
{
	struct osy_str value = column < 0 ? OSY_STR_NULL : row->values[column];

	if (!value.p || osy_is_left_out(value) || value.len > UINT16_MAX) {
		*ret = "";
		return 0;
	}
	*ret = value.p;
	return (uint16_t)value.len;
}

static int compare_raw(const char *a, uint16_t a_len, const char *b, uint16_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order ? order : a_len - b_len;
}

static int compare(const void *a, const void *b)
{
	const struct osy_lorder *x = a, *y = b;
	int order = x->limit - y->limit; /* collections of one size are cut from rows in order */

	if (!order)
		order = compare_raw(x->second, x->second_len, y->second, y->second_len);
	if (!order)
		order = compare_raw(x->first, x->first_len, y->first, y->first_len);
	return order ? order : (x->row > y->row) - (x->row < y->row);
}

void osy_load_order(struct osy_lbatch *batch, unsigned *rows, unsigned count)
{
	int first = column_of(batch, batch->object->lock_field),
	    second = column_of(batch, batch->object->order_field);
	bool in_order = true;

	if (count < 2 || (first < 0 && second < 0))
		return;
	if (!batch->keys)
		batch->keys =
			osy_arena_alloc(&batch->arena, batch->row_count * sizeof(*batch->keys));
	struct osy_lorder *keys = batch->keys;
	for (unsigned i = 0; i < count; i++) {
		const struct osy_lrow *row = &batch->rows[rows[i]];
		keys[i].second_len = raw_id(row, second, &keys[i].second);
		keys[i].first_len = raw_id(row, first, &keys[i].first);
		keys[i].limit = (uint16_t)osy_load_row_limit(batch, row);
		keys[i].row = rows[i];
		in_order = in_order && (i == 0 || compare(&keys[i - 1], &keys[i]) < 0);
	}
	if (in_order)
		return;
	qsort(keys, count, sizeof(*keys), compare);
	for (unsigned i = 0; i < count; i++)
		rows[i] = keys[i].row;
}
