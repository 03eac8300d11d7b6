/*
 * Claims: a source record takes its match key for the run, so that no second one is merged into the
 * same target. Taken in Redis before the intent, which stores them; when Redis was filled anew in
 * between, it may not have seen them, so they are taken once more after it.
 */
#include "load_internal.h"

#include <stdlib.h>

#include "osy/log.h"
#include "pulse.h"

#include "osy/banned.h"

static bool needs_claim(const struct osy_lrow *row)
{
	return row->key && (osy_is_pending(row) || row->outcome == OSY_EXISTING) && !row->recorded;
}

static void claim_lost(struct osy_lbatch *batch, unsigned i, const struct osy_id *holder)
{
	struct osy_lrow *row = &batch->rows[i];
	char other[19];

	osy_id_18(holder, other);
	osy_load_fail(batch, i, OSY_FAIL_KEY_CLAIMED, osy_str(osy_key_name(batch->object, 0)),
		"%s %s has the same match key", batch->object->name, other);
	if (!row->mapped)
		row->target = (struct osy_id){{0}};
	row->put = false;
}

/* Records that waited count with the others of their object. */
static int claims_as(const struct osy_spec_object *object)
{
	return object->waiting_of >= 0 ? object->waiting_of : object->index;
}

static bool take(struct osy_lbatch *batch)
{
	struct osy_worker *worker = osy_lworker(batch);
	struct osy_idmap_claim *claims =
		osy_arena_calloc(&batch->arena, batch->row_count + 1, sizeof(*claims));
	unsigned *rows = osy_arena_calloc(&batch->arena, batch->row_count + 1, sizeof(*rows));
	struct osy_err err = OSY_ERR_NONE;
	size_t n = 0;

	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		if (!needs_claim(row))
			continue;
		claims[n] = (struct osy_idmap_claim){.object = claims_as(batch->object),
			.pair = osy_lspec(batch)->pair,
			.key_hash = row->key,
			.source = row->source};
		rows[n++] = i;
	}
	osy_pulse_blocking(worker->pulse, true);
	enum osy_code rc =
		n ? osy_idmap_claim(worker->idmap, osy_lrun(batch)->id, claims, n, &err) : OSY_OK;
	osy_pulse_blocking(worker->pulse, false);
	if (rc)
		return osy_load_trouble(batch->load->loader, "load.claim", &err);
	for (size_t i = 0; i < n; i++) {
		batch->rows[rows[i]].claimed = true;
		if (!osy_id_equal(&claims[i].holder, &claims[i].source)) {
			batch->rows[rows[i]].claimed = false;
			claim_lost(batch, rows[i], &claims[i].holder);
		}
	}
	batch->claims_held = true;
	return true;
}

void osy_load_claim(struct osy_loader *loader)
{
	struct osy_lbatch *batches[OSY_LOAD_GATHER];
	size_t n = osy_load_pick(loader, OSY_STEP_READY, batches, OSY_COUNT(batches));

	for (size_t i = 0; i < n; i++) {
		struct osy_lbatch *batch = batches[i];
		if (!batch->object->claim || batch->head.links || batch->claims_held ||
			!osy_load_may_write(batch))
			continue;
		if (!take(batch))
			return;
	}
}

bool osy_load_claim_again(struct osy_lbatch *batch)
{
	struct osy_err err = OSY_ERR_NONE;
	bool same = true;

	if (!batch->object->claim || batch->head.links)
		return true;
	if (osy_idmap_confirm(osy_lworker(batch)->idmap, osy_lspec(batch)->pair, &same, &err))
		return osy_load_trouble(batch->load->loader, "load.claim", &err);
	return same || take(batch);
}
