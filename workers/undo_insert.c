/*
 * Rollback: records that are inserted again because they have left the recycle bin. Their snapshots
 * point to parents by the ids that these had; a parent that was deleted by the run too, and is in
 * the target again as another record, is found by its tombstone and the id map.
 */
#include <stdlib.h>

#include "load_internal.h"
#include "osy/log.h"
#include "pulse.h"
#include "undo.h"

#include "osy/banned.h"

#define TOMBSTONES_A_PAGE 200
#define PARENT_WAITS 50 /* rounds in which no parent has come back */
#define PARENT_WAIT_MS 100

/* A parent that the run has deleted. */
struct parent {
	struct osy_id old, source, now; /* source, now not set: not known */
	bool deleted;
};

struct parents {
	struct parent *items;
	size_t count;
	struct osy_lindex by_old;
};

static bool is_reference(const struct osy_lbatch *batch, unsigned c)
{
	return osy_spec_refers(batch->columns[c].field);
}

static bool is_due(const struct osy_lbatch *batch, unsigned i)
{
	return osy_is_pending(&batch->rows[i]) && batch->undo->ops[i] == OSY_UNDO_INSERT;
}

static struct parent *find(const struct parents *parents, const struct osy_id *old)
{
	size_t at = OSY_LINDEX_START;
	int64_t i;

	while ((i = osy_lindex_next(&parents->by_old, osy_lindex_id(old), &at)) >= 0) {
		if (osy_id_equal(&parents->items[i].old, old))
			return &parents->items[i];
	}
	return NULL;
}

static void collect(struct osy_lbatch *batch, struct parents *parents)
{
	size_t most = 0;

	for (unsigned c = 0; c < batch->column_count; c++)
		most += is_reference(batch, c) ? batch->row_count : 0;
	parents->items = osy_arena_calloc(&batch->arena, most + 1, sizeof(*parents->items));
	osy_lindex_init(&parents->by_old, &batch->arena, most + 1);
	for (unsigned i = 0; i < batch->row_count; i++) {
		for (unsigned c = 0; is_due(batch, i) && c < batch->column_count; c++) {
			struct osy_id id;
			struct osy_str value = batch->rows[i].values[c];
			if (!is_reference(batch, c) || !value.p || !osy_id_parse_json(value, &id) ||
				find(parents, &id))
				continue;
			osy_lindex_add(
				&parents->by_old, osy_lindex_id(&id), (uint32_t)parents->count);
			parents->items[parents->count++].old = id;
		}
	}
}

static void take_pairs(struct parents *parents, const struct osy_pg_result *result, size_t row)
{
	struct osy_str source_prefix = osy_pg_str(result, row, 1),
		       target_prefix = osy_pg_str(result, row, 2),
		       pairs = osy_pg_str(result, row, 3);

	for (size_t at = 0; at + 2 * OSY_ID_PACKED <= pairs.len; at += 2 * OSY_ID_PACKED) {
		const unsigned char *packed = (const unsigned char *)pairs.p + at;
		struct osy_id source, target;
		if (!osy_id_unpack(source_prefix.p, packed, &source) ||
			!osy_id_unpack(target_prefix.p, packed + OSY_ID_PACKED, &target))
			continue;
		struct parent *parent = find(parents, &target);
		if (!parent)
			continue;
		parent->source = source;
		parent->deleted = true;
	}
}

/* Which of them the run has deleted, page by page of its tombstones. */
static enum osy_code read_tombstones(
	const struct osy_lbatch *batch, struct parents *parents, struct osy_err *err)
{
	int64_t last = 0;
	size_t got = TOMBSTONES_A_PAGE;
	enum osy_code rc = OSY_OK;

	while (!rc && parents->count && got == TOMBSTONES_A_PAGE) {
		OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
		rc = osy_pg_do(osy_lworker(batch)->pg, &result, err,
			"SELECT id, source_prefix, target_prefix, pairs FROM idmap_log WHERE "
			"deleted AND pair = $1 AND run = $2 AND id > $3 ORDER BY id LIMIT $4",
			OSY_PG_I32(osy_lspec(batch)->pair), OSY_PG_Z(osy_lrun(batch)->id),
			OSY_PG_I64(last), OSY_PG_I64(TOMBSTONES_A_PAGE));
		got = rc ? 0 : osy_pg_rows(result);
		for (size_t i = 0; i < got; i++) {
			last = osy_pg_i64(result, i, 0, 0);
			take_pairs(parents, result, i);
		}
	}
	return rc;
}

/* Where they are now. */
static enum osy_code resolve(
	const struct osy_lbatch *batch, struct parents *parents, struct osy_err *err)
{
	struct osy_worker *worker = osy_lworker(batch);
	OSY_AUTO_FREE struct osy_idmap_ask *asks = osy_xcalloc(parents->count + 1, sizeof(*asks));
	bool rebuilt = false;
	size_t n = 0;

	for (size_t i = 0; i < parents->count; i++) {
		const struct parent *parent = &parents->items[i];
		if (!parent->deleted)
			continue;
		asks[n] = (struct osy_idmap_ask){
			.pair = osy_lspec(batch)->pair, .source = parent->source};
		memcpy(asks[n++].target_prefix, parent->old.c, 3);
	}
	if (!n)
		return OSY_OK;
	osy_pulse_blocking(worker->pulse, true);
	enum osy_code rc = osy_idmap_get(worker->idmap, asks, n, &rebuilt, err);
	osy_pulse_blocking(worker->pulse, false);
	n = 0;
	for (size_t i = 0; !rc && i < parents->count; i++) {
		if (parents->items[i].deleted)
			parents->items[i].now = asks[n++].target;
	}
	return rc;
}

static void readdress(struct osy_lbatch *batch, unsigned i, unsigned c, const struct parent *parent)
{
	char *text = osy_arena_alloc(&batch->arena, 24);
	struct osy_str *value = &batch->rows[i].values[c];

	text[0] = '"';
	osy_id_18(&parent->now, text + 1);
	text[value->len - 1] = '"';
	*value = (struct osy_str){text, value->len}; /* as many characters as before */
}

/* A parent that is not back yet: the record waits for it, though not for ever. */
static bool waits(struct osy_lbatch *batch, unsigned i, unsigned c)
{
	if (batch->undo->waits < PARENT_WAITS)
		return true;
	osy_load_note(batch, i, "rollback", OSY_FAIL_PARENT_MISSING,
		osy_str(batch->columns[c].field->target),
		"the record is in again without this lookup, whose parent is not");
	batch->rows[i].values[c] = osy_left_out;
	return false;
}

static void prepare_row(struct osy_lbatch *batch, unsigned i, const struct parents *parents)
{
	struct osy_lrow *row = &batch->rows[i];
	bool later = false;

	for (unsigned c = 0; c < batch->column_count; c++) {
		struct osy_id id;
		if (!is_reference(batch, c) || !row->values[c].p ||
			!osy_id_parse_json(row->values[c], &id))
			continue;
		const struct parent *parent = find(parents, &id);
		if (!parent || !parent->deleted)
			continue;
		if (osy_id_is_set(&parent->now))
			readdress(batch, i, c, parent);
		else
			later |= waits(batch, i, c);
	}
	row->action = later && !row->doubt ? OSY_ACT_NONE : OSY_ACT_INSERT;
	row->ask = row->action == OSY_ACT_NONE;
}

bool osy_undo_insert(struct osy_lbatch *batch)
{
	struct parents parents = {0};
	struct osy_err err = OSY_ERR_NONE;
	bool any = false;

	collect(batch, &parents);
	if (read_tombstones(batch, &parents, &err) || resolve(batch, &parents, &err)) {
		osy_load_trouble(batch->load->loader, "undo.parents", &err);
		return false;
	}
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (!is_due(batch, i))
			continue;
		prepare_row(batch, i, &parents);
		any |= batch->rows[i].action == OSY_ACT_INSERT;
	}
	batch->undo->waits = any ? 0 : batch->undo->waits + 1;
	if (!any)
		osy_load_wait(batch, PARENT_WAIT_MS);
	return any;
}
