/* What a record statement has to say of table waiting: lookups that wait for a parent, and records
 * that are in and so wait no more. */
#include "load_record.h"

#include <stdlib.h>

#include "osy/banned.h"

struct osy_str osy_load_id_text(struct osy_lbatch *batch, const struct osy_id *id)
{
	if (!osy_id_is_set(id))
		return OSY_STR_NULL;
	char *text = osy_arena_alloc(&batch->arena, 24);
	osy_id_18(id, text);
	return (struct osy_str){text, 18};
}

void osy_lwaits_done(struct osy_lwaits *a)
{
	free(a->k);
	free(a->row);
	free(a->source); /* one block with the other texts */
	free(a->in_k);
	free(a->in_source);
}

void osy_lwaits_alloc(struct osy_lwaits *a, const struct osy_lgather *gather)
{
	size_t n = 0, in = 0;

	for (size_t i = 0; i < gather->count; i++) {
		const struct osy_lbatch *batch = gather->items[i].batch;
		for (const struct osy_lwait *wait = batch->waits_for; wait; wait = wait->next)
			n++;
		in += batch->object && batch->object->waits ? batch->row_count : 0;
	}
	a->k = osy_xcalloc(n + 1, sizeof(*a->k));
	a->row = osy_xcalloc(n + 1, sizeof(*a->row));
	struct osy_str *texts = osy_xcalloc(4 * n + 1, sizeof(*texts));
	a->source = texts;
	a->field = texts + n;
	a->parent = texts + 2 * n;
	a->parent_object = texts + 3 * n;
	a->in_k = osy_xcalloc(in + 1, sizeof(*a->in_k));
	a->in_source = osy_xcalloc(in + 1, sizeof(*a->in_source));
}

static bool is_in(const struct osy_lrow *row)
{
	return (row->outcome == OSY_INSERTED || row->outcome == OSY_UPDATED ||
		       row->outcome == OSY_EXISTING) &&
	       !row->recorded && !row->kept;
}

/* A record that is in with this statement settles all that waits of it, but for what the statement
 * itself says: a lookup that was told before, while its record was still to be sent again, is told
 * once more. */
static bool is_told(const struct osy_lbatch *batch, const struct osy_lwait *wait)
{
	return !wait->recorded || is_in(&batch->rows[wait->row]);
}

void osy_lwaits_fill(struct osy_lwaits *a, size_t k, struct osy_lbatch *batch)
{
	const struct osy_spec *spec = osy_lspec(batch);

	for (const struct osy_lwait *wait = batch->waits_for; wait; wait = wait->next) {
		if (!is_told(batch, wait))
			continue;
		size_t n = a->count++;
		a->k[n] = (int64_t)k + 1;
		a->row[n] = (int32_t)wait->row;
		a->source[n] = osy_load_id_text(batch, &batch->rows[wait->row].source);
		a->field[n] = osy_str(wait->field->name);
		a->parent[n] = osy_load_id_text(batch, &wait->parent);
		a->parent_object[n] = wait->parent_object < 0
					      ? OSY_STR_NULL
					      : osy_str(spec->objects[wait->parent_object].name);
	}
	if (batch->broken || osy_lrun(batch)->undo || !batch->object->waits)
		return;
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (!is_in(&batch->rows[i]))
			continue;
		a->in_k[a->in] = (int64_t)k + 1;
		a->in_source[a->in++] = osy_load_id_text(batch, &batch->rows[i].source);
	}
}
