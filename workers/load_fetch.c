/*
 * Targets that are known by id are read again to be compared. One retrieve serves as many batches
 * of a run and object as fit in it, of whatever lanes.
 */
#include "load_internal.h"

#include "osy/banned.h"

#define RETRIEVE_MOST 2000 /* ids a call, as the org bears */

static bool needs_fetch(const struct osy_lrow *row)
{
	return osy_is_pending(row) && row->ask && osy_id_is_set(&row->target) && !row->fetched;
}

static size_t count_fetches(const struct osy_lbatch *batch)
{
	size_t n = 0;

	for (unsigned i = 0; i < batch->row_count; i++)
		n += needs_fetch(&batch->rows[i]);
	return n;
}

bool osy_load_fetches(const struct osy_lbatch *batch)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (needs_fetch(&batch->rows[i]))
			return true;
	}
	return false;
}

struct osy_str *osy_load_values_kept(struct osy_lbatch *batch, const struct osy_str *values)
{
	struct osy_str *kept =
		osy_arena_calloc(&batch->arena, batch->column_count + 1, sizeof(*kept));

	memcpy(kept, values, batch->column_count * sizeof(*kept));
	return kept;
}

/* ---- The reply ---- */
struct fetch {
	struct osy_lbatch *batches[OSY_LOAD_PIECES]; /* all of them have the same columns */
	struct osy_lindex by_target[OSY_LOAD_PIECES];
	unsigned count;
	bool with_columns, with_keys, shared;
	struct osy_str *keys; /* room for those of a row */
};

/* Whether keys are asked for too: targets of the object are guessed by them. */
static bool asks_keys(const struct osy_lbatch *batch)
{
	return batch->object->key_read && !batch->head.links;
}

/* What was guessed may have another key by now: then the org is asked. */
static bool is_wrong_guess(const struct fetch *fetch, const struct osy_lbatch *batch,
	const struct osy_lrow *row, const struct osy_str *values)
{
	size_t keys_at = fetch->with_columns ? batch->column_count : 0;
	bool exact = false;

	return row->guessed &&
	       !(osy_load_keys(batch, row, fetch->keys) &&
		       osy_key_equal(batch->object, fetch->keys, values + keys_at, &exact));
}

/* A body that several batches were asked in ends before they do. */
static void copy_values(struct osy_lbatch *batch, struct osy_str *values)
{
	size_t bytes = 0;
	char *at;

	for (unsigned c = 0; c < batch->column_count; c++)
		bytes += values[c].len;
	at = osy_arena_alloc(&batch->arena, bytes + 1);
	for (unsigned c = 0; c < batch->column_count; c++) {
		if (!values[c].p)
			continue;
		memcpy(at, values[c].p, values[c].len);
		values[c].p = at;
		at += values[c].len;
	}
}

static void take_row(const struct fetch *fetch, unsigned b, const struct osy_id *id,
	const struct osy_str *values)
{
	struct osy_lbatch *batch = fetch->batches[b];
	size_t at = OSY_LINDEX_START;
	int64_t i;

	while ((i = osy_lindex_next(&fetch->by_target[b], osy_lindex_id(id), &at)) >= 0) {
		struct osy_lrow *row = &batch->rows[i];
		if (!osy_id_equal(&row->target, id) || row->fetched ||
			is_wrong_guess(fetch, batch, row, values))
			continue;
		row->fetched = true;
		if (!fetch->with_columns)
			continue;
		row->before = osy_load_values_kept(batch, values);
		if (fetch->shared)
			copy_values(batch, row->before);
	}
}

static enum osy_code on_fetched(const struct osy_str *values, void *arg, struct osy_err *err)
{
	const struct fetch *fetch = arg;
	struct osy_id id;

	(void)err;
	if (!values || !values[0].p || !osy_id_parse_json(values[0], &id))
		return OSY_OK;
	for (unsigned b = 0; b < fetch->count; b++)
		take_row(fetch, b, &id, values + 1);
	return OSY_OK;
}

/* What was asked for and is not there: a mapping whose target is gone, no record of the same id, a
 * wrong guess. */
static void not_fetched(struct osy_lbatch *batch)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		if (!needs_fetch(row))
			continue;
		if (row->mapped)
			row->gone = row->target;
		row->mapped = row->guessed = false;
		row->target = (struct osy_id){{0}};
		row->before = NULL;
		row->looked = batch->object->match == OSY_MATCH_SAME_ID;
	}
}

static void add_batch(struct fetch *fetch, struct osy_lbatch *batch)
{
	struct osy_lindex *index = &fetch->by_target[fetch->count];

	osy_lindex_init(index, &batch->arena, batch->row_count);
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (needs_fetch(&batch->rows[i]))
			osy_lindex_add(index, osy_lindex_id(&batch->rows[i].target), i);
	}
	fetch->batches[fetch->count++] = batch;
}

/* An id that the org refuses must not fail the rows of other batches: each asks by itself. */
static void fetch_failed(
	struct osy_lbatch *const *batches, unsigned count, bool shared, const struct osy_err *err)
{
	bool refusal = err->code == OSY_E_SALESFORCE && err->cls != OSY_RETRY;

	for (unsigned b = 0; b < count; b++) {
		if (!shared || !refusal) {
			osy_load_ask_refused(batches[b], err);
			continue;
		}
		batches[b]->fetches_alone = true;
		osy_load_step(batches[b], OSY_STEP_MATCH);
	}
}

static void on_fetch(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct fetch fetch = {.shared = call->piece_count > 1};
	struct osy_err err = OSY_ERR_NONE;
	struct osy_sf_page page;
	size_t count = 0;

	for (unsigned i = 0; i < call->piece_count; i++) {
		if (call->pieces[i].batch)
			add_batch(&fetch, call->pieces[i].batch);
	}
	if (!fetch.count)
		return;
	if (reply->code) {
		fetch_failed(fetch.batches, fetch.count, fetch.shared, &reply->err);
		return;
	}
	fetch.with_columns = osy_load_compares(fetch.batches[0]);
	fetch.with_keys = asks_keys(fetch.batches[0]);
	fetch.keys = osy_arena_calloc(&fetch.batches[0]->arena,
		osy_key_count(fetch.batches[0]->object) + 1, sizeof(*fetch.keys));
	const char **names =
		osy_load_asked(fetch.batches[0], fetch.with_columns, fetch.with_keys, &count);
	bool broken = osy_sf_page_read(osy_buf_str(reply->body), true, names, count, on_fetched,
			      &fetch, &page, &err) != OSY_OK;
	if (!fetch.shared) /* also of a broken one: rows that were read already point into it */
		osy_load_keep(fetch.batches[0], reply->body);
	for (unsigned b = 0; b < fetch.count; b++) {
		if (broken) {
			osy_load_ask_again(fetch.batches[b], &err);
			continue;
		}
		not_fetched(fetch.batches[b]);
		fetch.batches[b]->waits = 0;
		osy_load_step(fetch.batches[b], OSY_STEP_MATCH);
	}
}

/* ---- The call ---- */
static bool same_columns(const struct osy_lbatch *a, const struct osy_lbatch *b)
{
	if (a->column_count != b->column_count)
		return false;
	for (unsigned c = 0; c < a->column_count; c++) {
		if (a->columns[c].field != b->columns[c].field)
			return false;
	}
	return true;
}

/* Whether both may be asked for by one call. */
static bool goes_along(const struct osy_lbatch *first, const struct osy_lbatch *batch)
{
	return batch->step == OSY_STEP_MATCH && !batch->fetches_alone && !batch->paths &&
	       osy_lrun(batch) == osy_lrun(first) && batch->object == first->object &&
	       osy_load_compares(batch) == osy_load_compares(first) &&
	       asks_keys(batch) == asks_keys(first) && same_columns(first, batch);
}

/* The first batch and those behind it that its call has room for. */
static size_t gather(struct osy_lbatch *const *batches, size_t count, struct osy_lcall *call)
{
	size_t ids = count_fetches(batches[0]);

	call->pieces[call->piece_count++] = (struct osy_lpiece){.batch = batches[0]};
	if (batches[0]->fetches_alone)
		return ids;
	for (size_t i = 1; i < count && call->piece_count < OSY_LOAD_PIECES; i++) {
		if (!goes_along(batches[0], batches[i]))
			continue;
		size_t more = count_fetches(batches[i]);
		if (!more || ids + more > RETRIEVE_MOST)
			continue;
		call->pieces[call->piece_count++] = (struct osy_lpiece){.batch = batches[i]};
		ids += more;
	}
	return ids;
}

static enum osy_code start(struct osy_lcall *call, size_t id_count, struct osy_err *err)
{
	struct osy_lbatch *first = call->pieces[0].batch;
	bool with_columns = osy_load_compares(first);
	size_t count = 0, n = 0;
	const char **names = osy_load_asked(first, with_columns, asks_keys(first), &count);
	const char **fields = osy_arena_calloc(&first->arena, count + 1, sizeof(*fields));
	OSY_AUTO_FREE char(*ids)[19] = osy_xcalloc(id_count + 1, sizeof(*ids));

	for (unsigned p = 0; p < call->piece_count; p++) {
		const struct osy_lbatch *batch = call->pieces[p].batch;
		for (unsigned i = 0; i < batch->row_count; i++) {
			if (needs_fetch(&batch->rows[i]))
				osy_id_18(&batch->rows[i].target, ids[n++]);
		}
	}
	count = osy_load_select_names(first, with_columns, names, count, fields);
	osy_sf_send_begin(&call->send, 1);
	osy_sf_send_retrieve(
		&call->send, first->object->target, fields, count, (const char(*)[19])ids, n);
	return osy_load_call_start(call, NULL, 0, err);
}

void osy_load_fetch(struct osy_lbatch *const *batches, size_t count)
{
	struct osy_lbatch *first = batches[0], *asked[OSY_LOAD_PIECES];
	struct osy_lcall *call =
		osy_load_call_new(first, first->load->loader, osy_lrun(first), on_fetch);
	size_t ids = gather(batches, count, call);
	unsigned n = call->piece_count;
	struct osy_err err = OSY_ERR_NONE;

	for (unsigned i = 0; i < n; i++)
		asked[i] = call->pieces[i].batch;
	if (start(call, ids, &err)) {
		fetch_failed(asked, n, n > 1, &err);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		osy_load_step(asked[i], OSY_STEP_ASKING);
}
