/*
 * The statement that records: arrays of batches, failures, mappings, deferred lookups, resolved
 * failures and counts of calls; all or nothing for each lane.
 */
#include "load_record.h"

#include <stdlib.h>

#include "osy/clock.h"

#include "osy/banned.h"

#define MAX OSY_LOAD_GATHER
#define COUNT_EVERY_MS 500

static const char *const sql_record =
	"WITH g AS (SELECT * FROM unnest($2::text[], $3::int[], $4::int[], $5::bigint[], "
	"$6::bigint[], $7::bigint[], $8::text[], $9::int[], $10::int[], $11::int[], $12::int[], "
	"$13::int[], $14::bytea[], $15::bytea[], $16::bigint[], $17::int[], $18::int[], "
	"$19::int[], $20::int[], $21::int[], $22::int[], $23::int[], $24::int[], $25::int[], "
	"$26::int[], $50::text[], $51::text[], $54::int[], $55::int[]) WITH ORDINALITY AS t(run, "
	"pass, lane, epoch, at_offset, position, state, object, stage, links, records, keyless, "
	"intent, outcome, due_ms, inserted, updated, existing, skipped, failed, d_inserted, "
	"d_updated, d_existing, d_skipped, d_failed, smallest, largest, deleted, d_deleted, k)), "
	"mv AS (SELECT run, pass, lane, epoch, max(position) AS position FROM g GROUP BY run, "
	"pass, lane, epoch), ok AS (UPDATE lane l SET position = greatest(l.position, mv.position) "
	"FROM mv WHERE l.run = mv.run AND l.pass = mv.pass AND l.lane = mv.lane AND l.owner = $1 "
	"AND l.epoch = mv.epoch RETURNING l.run, l.pass, l.lane), fresh AS (SELECT g.* FROM g JOIN "
	"ok ON ok.run = g.run AND ok.pass = g.pass AND ok.lane = g.lane LEFT JOIN batch b ON b.run "
	"= g.run AND b.pass = g.pass AND b.lane = g.lane AND b.at_offset = g.at_offset WHERE "
	"b.state IS DISTINCT FROM 'done'), bt AS (INSERT INTO batch AS b (run, pass, lane, "
	"at_offset, object, stage, links, records, state, keyless, epoch, intent, outcome, due_at, "
	"inserted, updated, existing, skipped, failed, d_inserted, d_updated, d_existing, "
	"d_skipped, d_failed, smallest, largest, deleted, d_deleted) SELECT run, pass, lane, "
	"at_offset, object, stage, links <> 0, records, state, keyless <> 0, epoch, intent, "
	"outcome, CASE WHEN state = 'aside' OR (state = 'doubt' AND due_ms > 0) THEN "
	"clock_timestamp() + due_ms * interval '1 millisecond' END, inserted, updated, existing, "
	"skipped, failed, d_inserted, d_updated, "
	"d_existing, d_skipped, d_failed, smallest, largest, deleted, d_deleted FROM fresh WHERE "
	"state <> '' ON CONFLICT (run, pass, lane, at_offset) DO UPDATE SET state = "
	"excluded.state, keyless = excluded.keyless, epoch = excluded.epoch, intent = "
	"excluded.intent, insert_job = NULL, update_job = NULL, outcome = excluded.outcome, due_at "
	"= excluded.due_at, inserted = excluded.inserted, updated = excluded.updated, existing = "
	"excluded.existing, skipped = excluded.skipped, failed = excluded.failed, d_inserted = "
	"excluded.d_inserted, d_updated = excluded.d_updated, d_existing = excluded.d_existing, "
	"d_skipped = excluded.d_skipped, d_failed = excluded.d_failed, smallest = "
	"excluded.smallest, largest = excluded.largest, deleted = excluded.deleted, d_deleted = "
	"excluded.d_deleted), fl AS (INSERT INTO failure AS f (run, pass, lane, at_offset, "
	"row_index, kind, object, source_id, target_id, code, message, fields, attempt) SELECT "
	"g.run, g.pass, g.lane, g.at_offset, x.row_index, x.kind, g.object, x.source_id, "
	"x.target_id, x.code, x.message, x.fields, CASE WHEN g.pass > 1 THEN 1 + coalesce((SELECT "
	"max(o.attempt) FROM failure o WHERE o.run = g.run AND o.lane = g.lane AND o.at_offset = "
	"g.at_offset AND o.row_index = x.row_index AND o.kind = x.kind AND o.pass < g.pass AND "
	"o.resolved_pass IS NULL), 0) ELSE 1 END FROM unnest($27::bigint[], $28::int[], "
	"$29::text[], $30::text[], $31::text[], $32::text[], $33::text[], $34::text[]) AS x(k, "
	"row_index, kind, source_id, target_id, code, message, fields) JOIN fresh g ON g.k = x.k "
	"ON CONFLICT (run, pass, lane, at_offset, row_index, kind, fields) DO UPDATE SET code = "
	"excluded.code, message = excluded.message, target_id = excluded.target_id, at = now(), "
	"attempt = f.attempt + 1), im AS (INSERT INTO idmap_log (pair, source_prefix, "
	"target_prefix, run, smallest, largest, tombstone, pairs, deleted) SELECT x.pair, "
	"x.source_prefix, x.target_prefix, g.run, x.smallest, x.largest, x.tombstone <> 0, "
	"x.pairs, x.tombstone = 2 FROM unnest($35::bigint[], $36::int[], $37::text[], $38::text[], "
	"$39::text[], $40::text[], $41::int[], $42::bytea[]) AS x(k, pair, source_prefix, "
	"target_prefix, smallest, largest, tombstone, pairs) JOIN fresh g ON g.k = x.k), df AS "
	"(INSERT INTO deferred (run, pass, lane, object, records, payload) SELECT g.run, g.pass, "
	"g.lane, g.object, x.records, x.payload FROM unnest($43::bigint[], $44::int[], "
	"$45::bytea[]) AS x(k, records, payload) JOIN fresh g ON g.k = x.k), rs AS (UPDATE failure "
	"f SET resolved_pass = g.pass FROM unnest($46::bigint[], $47::int[]) AS x(k, row_index) "
	"JOIN fresh g ON g.k = x.k WHERE f.run = g.run AND f.lane = g.lane AND f.at_offset = "
	"g.at_offset AND f.row_index = x.row_index AND f.kind <> 'link' AND f.pass < g.pass AND "
	"f.resolved_pass IS NULL), rl AS (UPDATE failure f SET resolved_pass = g.pass FROM "
	"unnest($52::bigint[], $53::text[]) AS x(k, source_id) JOIN fresh g ON g.k = x.k WHERE "
	"f.run = g.run AND f.source_id = x.source_id AND f.kind = 'link' AND f.pass < g.pass AND "
	"f.resolved_pass IS NULL), "
	/* what waits for a parent; what is in does not any more */
	"wt AS (SELECT DISTINCT ON (r.pair, x.source_id, o.target_name, r.template, x.field) "
	"r.pair, r.template, o.name AS object, o.target_name AS target, x.source_id, x.field, "
	"x.parent_id, x.parent_object, g.run, g.lane, g.at_offset, x.row_index FROM "
	"unnest($56::bigint[], $57::int[], $58::text[], $59::text[], $60::text[], $61::text[]) AS "
	"x(k, row_index, source_id, field, parent_id, parent_object) JOIN fresh g ON g.k = x.k "
	"JOIN run r ON r.id = g.run JOIN run_object o ON o.run = g.run AND o.object = g.object), "
	"wi AS (INSERT INTO waiting AS w (pair, template, object, target, source_id, field, "
	"parent_id, parent_object, run, lane, at_offset, row_index) SELECT pair, template, object, "
	"target, source_id, field, parent_id, parent_object, run, lane, at_offset, row_index FROM "
	"wt ON CONFLICT (pair, source_id, target, template, field) DO UPDATE SET parent_id = "
	"excluded.parent_id, parent_object = excluded.parent_object, run = excluded.run, lane = "
	"excluded.lane, at_offset = excluded.at_offset, row_index = excluded.row_index, tried_at = "
	"clock_timestamp(), in_run = NULL), wo AS (UPDATE waiting w SET in_run = g.run FROM "
	"unnest($62::bigint[], $63::text[]) AS x(k, source_id) JOIN fresh g ON g.k = x.k JOIN run "
	"r ON r.id = g.run JOIN run_object o ON o.run = g.run AND o.object = g.object WHERE w.pair "
	"= r.pair AND w.source_id = x.source_id AND w.target = o.target_name AND w.in_run IS NULL "
	"AND NOT EXISTS (SELECT 1 FROM wt WHERE wt.source_id = w.source_id AND wt.target = "
	"w.target AND wt.template = w.template AND wt.field = w.field)), ru AS (UPDATE run r SET "
	"target_calls = r.target_calls + x.calls FROM unnest($48::text[], $49::bigint[]) AS x(id, "
	"calls) WHERE r.id = x.id) SELECT run, pass, lane FROM ok";

struct batch_arrays {
	struct osy_str run[MAX], state[MAX], intent[MAX], outcome[MAX], smallest[MAX], largest[MAX];
	int32_t pass[MAX], lane[MAX], object[MAX], stage[MAX], links[MAX], records[MAX],
		keyless[MAX], counts[6][MAX], deltas[6][MAX];
	int64_t epoch[MAX], offset[MAX], position[MAX], due_ms[MAX];
};

static const enum osy_outcome counted[6] = {
	OSY_INSERTED, OSY_UPDATED, OSY_EXISTING, OSY_SKIPPED, OSY_FAILED, OSY_DELETED};

static bool has_keyless_doubt(const struct osy_lbatch *batch)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (osy_is_pending(&batch->rows[i]) && batch->rows[i].doubt)
			return true;
	}
	return false;
}

static const char *state_of(const struct osy_litem *item)
{
	if (!item->has_row)
		return "";
	switch (item->batch->record_as) {
	case OSY_RECORD_PART:
		return "doubt";
	case OSY_RECORD_ASIDE:
		return "aside";
	case OSY_RECORD_DONE:
		break;
	}
	return "done";
}

/* Where to look for a record: the first and the last source id of the batch. */
static void fill_range(struct batch_arrays *to, size_t i, const struct osy_lbatch *batch)
{
	const struct osy_id *smallest = NULL, *largest = NULL;

	for (unsigned r = 0; r < batch->row_count; r++) {
		const struct osy_id *id = &batch->rows[r].source;
		if (!smallest || memcmp(id->c, smallest->c, 15) < 0)
			smallest = id;
		if (!largest || memcmp(id->c, largest->c, 15) > 0)
			largest = id;
	}
	to->smallest[i] = smallest ? (struct osy_str){smallest->c, 15} : OSY_STR_NULL;
	to->largest[i] = largest ? (struct osy_str){largest->c, 15} : OSY_STR_NULL;
}

/* When it is looked at again: one that was set aside; one that waits for the org to take files. */
static int64_t due_ms(const struct osy_lbatch *batch)
{
	if (batch->record_as == OSY_RECORD_ASIDE)
		return batch->due_in_ms;
	return batch->limited && batch->after == OSY_STEP_READY ? batch->pause_ms : 0;
}

static void fill_batch(struct batch_arrays *to, size_t i, const struct osy_litem *item)
{
	const struct osy_lbatch *batch = item->batch;
	const struct osy_wlane *lane = batch->load->lane;

	to->run[i] = osy_str(lane->run->id);
	to->pass[i] = lane->run->pass;
	to->lane[i] = lane->lane;
	to->epoch[i] = lane->epoch;
	to->offset[i] = batch->offset;
	to->position[i] = item->position;
	to->state[i] = osy_str(state_of(item));
	to->object[i] = (int32_t)batch->head.object;
	to->stage[i] = batch->head.stage ? (int32_t)batch->head.stage : 1;
	to->links[i] = batch->head.links != 0;
	to->records[i] = (int32_t)(batch->broken ? batch->head.count : batch->row_count);
	to->keyless[i] = batch->record_as != OSY_RECORD_DONE && has_keyless_doubt(batch);
	to->intent[i] = item->intent.len ? osy_buf_str(&item->intent) : OSY_STR_NULL;
	to->outcome[i] = item->outcome.len ? osy_buf_str(&item->outcome) : OSY_STR_NULL;
	to->due_ms[i] = due_ms(batch);
	fill_range(to, i, batch);
	for (size_t c = 0; c < OSY_COUNT(counted); c++) {
		to->counts[c][i] = (int32_t)item->tally.counts[counted[c]];
		to->deltas[c][i] = (int32_t)item->tally.deltas[counted[c]];
	}
}

struct failure_arrays {
	size_t count, cap;
	int64_t *k;
	int32_t *row;
	struct osy_str *kind, *source, *target, *code, *message, *fields;
};

static void failures_done(struct failure_arrays *a)
{
	free(a->k);
	free(a->row);
	free(a->kind); /* one block with the other texts */
}

static void failures_alloc(struct failure_arrays *a, const struct osy_lgather *gather)
{
	size_t n = 0;

	for (size_t i = 0; i < gather->count; i++) {
		for (const struct osy_lfailure *f = gather->items[i].batch->failures; f;
			f = f->next)
			n += !f->recorded;
		n += gather->items[i].batch->broken != NULL;
	}
	a->cap = n;
	a->k = osy_xcalloc(n + 1, sizeof(*a->k));
	a->row = osy_xcalloc(n + 1, sizeof(*a->row));
	struct osy_str *texts = osy_xcalloc(6 * n + 1, sizeof(*texts));
	a->kind = texts;
	a->source = texts + n;
	a->target = texts + 2 * n;
	a->code = texts + 3 * n;
	a->message = texts + 4 * n;
	a->fields = texts + 5 * n;
}

static void fill_broken(struct failure_arrays *a, size_t k, const struct osy_lbatch *batch)
{
	size_t n = a->count++;

	a->k[n] = (int64_t)k + 1;
	a->kind[n] = OSY_STR("record");
	a->source[n] = a->fields[n] = OSY_STR("");
	a->code[n] = OSY_STR(OSY_FAIL_UNDECODABLE);
	a->message[n] = osy_str(batch->broken->msg);
}

/* Whether another failure of the same key is in the statement already. */
static bool is_twin(const struct failure_arrays *a, size_t from, const struct osy_lfailure *f)
{
	for (size_t i = from; i < a->count; i++) {
		if (a->row[i] == (int32_t)f->row && osy_str_is(a->kind[i], f->kind) &&
			osy_str_equal(a->fields[i], f->fields))
			return true;
	}
	return false;
}

static void fill_failures(struct failure_arrays *a, size_t k, struct osy_lbatch *batch)
{
	/* Those of a row lie close together: the newest come first. */
	for (const struct osy_lfailure *f = batch->failures; f; f = f->next) {
		size_t near = a->count > 64 ? a->count - 64 : 0;
		while (near < a->count && a->k[near] != (int64_t)k + 1)
			near++;
		if (f->recorded || is_twin(a, near, f))
			continue;
		const struct osy_lrow *row = &batch->rows[f->row];
		size_t n = a->count++;
		a->k[n] = (int64_t)k + 1;
		a->row[n] = (int32_t)f->row;
		a->kind[n] = osy_str(f->kind);
		a->source[n] = osy_load_id_text(batch, &row->source);
		a->target[n] = osy_load_id_text(batch, &row->target);
		a->code[n] = f->code;
		a->message[n] = f->message;
		a->fields[n] = f->fields;
	}
	if (batch->broken)
		fill_broken(a, k, batch);
}

struct small_arrays {
	/* id map log */
	size_t logs;
	int64_t log_k[2 * MAX];
	int32_t pair[2 * MAX], tombstone[2 * MAX];
	struct osy_str source_prefix[2 * MAX], target_prefix[2 * MAX], smallest[2 * MAX],
		largest[2 * MAX], pairs[2 * MAX];
	/* deferred */
	size_t deferreds;
	int64_t deferred_k[MAX];
	int32_t deferred_rows[MAX];
	struct osy_str payload[MAX];
	/* resolved failures */
	size_t resolved, resolved_cap;
	int64_t *resolved_k;
	int32_t *resolved_row;
	size_t linked, linked_cap;
	int64_t *linked_k;
	struct osy_str *linked_source;
	/* calls */
	size_t runs;
	struct osy_str run[MAX];
	int64_t calls[MAX];
};

static void small_done(struct small_arrays *a)
{
	free(a->resolved_k);
	free(a->resolved_row);
	free(a->linked_k);
	free(a->linked_source);
}

static void fill_log(struct small_arrays *a, size_t k, const struct osy_litem *item, bool tombstone)
{
	const struct osy_buf *pairs = tombstone ? &item->gone : &item->pairs;
	const struct osy_spec_object *object = item->batch->object;
	size_t n = a->logs;

	if (!pairs->len)
		return;
	a->logs++;
	a->log_k[n] = (int64_t)k + 1;
	a->pair[n] = osy_lspec(item->batch)->pair;
	/* 2: of a delete, which may be taken back */
	a->tombstone[n] = tombstone ? (object->deletes && !osy_lrun(item->batch)->undo ? 2 : 1) : 0;
	a->source_prefix[n] = (struct osy_str){object->prefix, 3};
	a->target_prefix[n] = (struct osy_str){object->target_prefix, 3};
	a->smallest[n] = (struct osy_str){tombstone ? item->gone_smallest.c : item->smallest.c, 15};
	a->largest[n] = (struct osy_str){tombstone ? item->gone_largest.c : item->largest.c, 15};
	a->pairs[n] = osy_buf_str(pairs);
}

static size_t grow(size_t count, size_t *cap)
{
	if (count == *cap)
		*cap = *cap ? *cap * 2 : 256;
	return *cap;
}

static void add_resolved(struct small_arrays *a, size_t k, unsigned row)
{
	size_t cap = grow(a->resolved, &a->resolved_cap);

	a->resolved_k = osy_xrealloc(a->resolved_k, cap * sizeof(*a->resolved_k));
	a->resolved_row = osy_xrealloc(a->resolved_row, cap * sizeof(*a->resolved_row));
	a->resolved_k[a->resolved] = (int64_t)k + 1;
	a->resolved_row[a->resolved++] = (int32_t)row;
}

static void add_linked(struct small_arrays *a, size_t k, struct osy_lbatch *batch, unsigned row)
{
	size_t cap = grow(a->linked, &a->linked_cap);

	a->linked_k = osy_xrealloc(a->linked_k, cap * sizeof(*a->linked_k));
	a->linked_source = osy_xrealloc(a->linked_source, cap * sizeof(*a->linked_source));
	a->linked_k[a->linked] = (int64_t)k + 1;
	a->linked_source[a->linked++] = osy_load_id_text(batch, &batch->rows[row].source);
}

static bool is_deferred(const struct osy_lbatch *batch, unsigned row)
{
	for (unsigned l = 0; l < batch->lookup_count; l++) {
		if (osy_lrefs(batch, row)[l].state == OSY_REF_DEFERRED)
			return true;
	}
	return false;
}

/* Links are made by the link batch, when the record's own has deferred them. */
static bool is_linked(const struct osy_lbatch *batch, unsigned row)
{
	return batch->head.links ||
	       (batch->rows[row].outcome != OSY_FAILED && !is_deferred(batch, row));
}

/* What this pass has settled: it says itself what became of the record, for better or worse. */
static void fill_resolved(struct small_arrays *a, size_t k, const struct osy_litem *item)
{
	const struct osy_learlier *earlier = &item->earlier;
	struct osy_lbatch *batch = item->batch;

	if (osy_lrun(batch)->undo)
		return;
	for (unsigned i = 0; (earlier->open || earlier->open_links) && i < batch->row_count; i++) {
		const struct osy_lrow *row = &batch->rows[i];
		if (osy_is_pending(row) || row->recorded || row->kept)
			continue;
		if (earlier->open && earlier->open[i])
			add_resolved(a, k, i);
		if (earlier->open_links && earlier->open_links[i] && is_linked(batch, i))
			add_linked(a, k, batch, i);
	}
	if (batch->broken && earlier->open)
		add_resolved(a, k, 0);
}

static void fill_small(struct small_arrays *a, size_t k, const struct osy_litem *item)
{
	fill_log(a, k, item, true);
	fill_log(a, k, item, false);
	if (item->deferred_rows) {
		size_t n = a->deferreds++;
		a->deferred_k[n] = (int64_t)k + 1;
		a->deferred_rows[n] = (int32_t)item->deferred_rows;
		a->payload[n] = osy_buf_str(&item->deferred);
	}
	fill_resolved(a, k, item);
}

static void fill_calls(struct small_arrays *a, const struct osy_loader *loader)
{
	if (osy_mono_ms() - loader->counted_at < COUNT_EVERY_MS)
		return;
	for (const struct osy_lcount *count = loader->counts; count && a->runs < MAX;
		count = count->next) {
		if (!count->calls)
			continue;
		a->run[a->runs] = osy_str(count->run);
		a->calls[a->runs++] = count->calls;
	}
}

static void calls_counted(struct osy_loader *loader, const struct small_arrays *a)
{
	struct osy_lcount **at = &loader->counts;

	if (!a->runs)
		return;
	loader->counted_at = osy_mono_ms();
	for (struct osy_lcount *count = *at; count; count = count->next) {
		for (size_t i = 0; i < a->runs; i++) {
			if (osy_str_is(a->run[i], count->run))
				count->calls -= a->calls[i];
		}
	}
	/* only now: the names of a are those of the counts */
	while (*at) {
		struct osy_lcount *count = *at;
		if (count->calls) {
			at = &count->next;
			continue;
		}
		*at = count->next;
		free(count);
	}
}

static enum osy_code run_statement(const struct osy_lgather *gather, const struct batch_arrays *b,
	const struct failure_arrays *f, const struct small_arrays *s, const struct osy_lwaits *w,
	struct osy_pg_result **ret, struct osy_err *err)
{
	size_t n = gather->count;

	return osy_pg_do(gather->loader->worker->pg, ret, err, sql_record,
		OSY_PG_Z(gather->loader->worker->id), OSY_PG_TEXTS(b->run, n),
		OSY_PG_I32S(b->pass, n), OSY_PG_I32S(b->lane, n), OSY_PG_I64S(b->epoch, n),
		OSY_PG_I64S(b->offset, n), OSY_PG_I64S(b->position, n), OSY_PG_TEXTS(b->state, n),
		OSY_PG_I32S(b->object, n), OSY_PG_I32S(b->stage, n), OSY_PG_I32S(b->links, n),
		OSY_PG_I32S(b->records, n), OSY_PG_I32S(b->keyless, n), OSY_PG_BYTESS(b->intent, n),
		OSY_PG_BYTESS(b->outcome, n), OSY_PG_I64S(b->due_ms, n),
		OSY_PG_I32S(b->counts[0], n), OSY_PG_I32S(b->counts[1], n),
		OSY_PG_I32S(b->counts[2], n), OSY_PG_I32S(b->counts[3], n),
		OSY_PG_I32S(b->counts[4], n), OSY_PG_I32S(b->deltas[0], n),
		OSY_PG_I32S(b->deltas[1], n), OSY_PG_I32S(b->deltas[2], n),
		OSY_PG_I32S(b->deltas[3], n), OSY_PG_I32S(b->deltas[4], n),
		OSY_PG_I64S(f->k, f->count), OSY_PG_I32S(f->row, f->count),
		OSY_PG_TEXTS(f->kind, f->count), OSY_PG_TEXTS(f->source, f->count),
		OSY_PG_TEXTS(f->target, f->count), OSY_PG_TEXTS(f->code, f->count),
		OSY_PG_TEXTS(f->message, f->count), OSY_PG_TEXTS(f->fields, f->count),
		OSY_PG_I64S(s->log_k, s->logs), OSY_PG_I32S(s->pair, s->logs),
		OSY_PG_TEXTS(s->source_prefix, s->logs), OSY_PG_TEXTS(s->target_prefix, s->logs),
		OSY_PG_TEXTS(s->smallest, s->logs), OSY_PG_TEXTS(s->largest, s->logs),
		OSY_PG_I32S(s->tombstone, s->logs), OSY_PG_BYTESS(s->pairs, s->logs),
		OSY_PG_I64S(s->deferred_k, s->deferreds),
		OSY_PG_I32S(s->deferred_rows, s->deferreds),
		OSY_PG_BYTESS(s->payload, s->deferreds), OSY_PG_I64S(s->resolved_k, s->resolved),
		OSY_PG_I32S(s->resolved_row, s->resolved), OSY_PG_TEXTS(s->run, s->runs),
		OSY_PG_I64S(s->calls, s->runs), OSY_PG_TEXTS(b->smallest, n),
		OSY_PG_TEXTS(b->largest, n), OSY_PG_I64S(s->linked_k, s->linked),
		OSY_PG_TEXTS(s->linked_source, s->linked), OSY_PG_I32S(b->counts[5], n),
		OSY_PG_I32S(b->deltas[5], n), OSY_PG_I64S(w->k, w->count),
		OSY_PG_I32S(w->row, w->count), OSY_PG_TEXTS(w->source, w->count),
		OSY_PG_TEXTS(w->field, w->count), OSY_PG_TEXTS(w->parent, w->count),
		OSY_PG_TEXTS(w->parent_object, w->count), OSY_PG_I64S(w->in_k, w->in),
		OSY_PG_TEXTS(w->in_source, w->in));
}

enum osy_code osy_load_write(
	const struct osy_lgather *gather, struct osy_pg_result **ret, struct osy_err *err)
{
	OSY_AUTO_FREE struct batch_arrays *b = osy_xcalloc(1, sizeof(*b));
	OSY_AUTO(failures_done) struct failure_arrays f = {0};
	OSY_AUTO(osy_lwaits_done) struct osy_lwaits w = {0};
	OSY_AUTO_FREE struct small_arrays *s = osy_xcalloc(1, sizeof(*s));

	failures_alloc(&f, gather);
	osy_lwaits_alloc(&w, gather);
	for (size_t i = 0; i < gather->count; i++) {
		fill_batch(b, i, &gather->items[i]);
		fill_failures(&f, i, gather->items[i].batch);
		if (gather->items[i].has_row) {
			fill_small(s, i, &gather->items[i]);
			osy_lwaits_fill(&w, i, gather->items[i].batch);
		}
	}
	fill_calls(s, gather->loader);
	enum osy_code rc = run_statement(gather, b, &f, s, &w, ret, err);
	if (!rc)
		calls_counted(gather->loader, s);
	small_done(s);
	return rc;
}

/* Calls that were made since: also when nothing is recorded any more. */
void osy_load_write_calls(struct osy_loader *loader)
{
	if (osy_mono_ms() - loader->counted_at <= 4 * COUNT_EVERY_MS)
		return;
	OSY_AUTO_FREE struct small_arrays *s = osy_xcalloc(1, sizeof(*s));
	struct osy_err err = OSY_ERR_NONE;

	fill_calls(s, loader);
	if (!s->runs)
		return;
	if (osy_pg_do(loader->worker->pg, NULL, &err,
		    "UPDATE run r SET target_calls = r.target_calls + x.calls FROM "
		    "unnest($1::text[], $2::bigint[]) AS x(id, calls) WHERE r.id = x.id",
		    OSY_PG_TEXTS(s->run, s->runs), OSY_PG_I64S(s->calls, s->runs)))
		osy_load_trouble(loader, "load.calls", &err);
	else
		calls_counted(loader, s);
}
