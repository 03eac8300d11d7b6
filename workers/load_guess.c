/*
 * Targets by the keys that the coordinator has read (osy/target_keys.h): no query is needed. A
 * record that they name is read by its id before it is relied on (load_fetch.c), with its key: it
 * may be another one by now. What they do not have is not in the target, or gives itself away as a
 * duplicate. Several records of one key, and rows of which a former attempt may have made
 * something, are asked of the org as ever; all are, while the keys are not there.
 */
#include "load_internal.h"

#include "osy/log.h"
#include "osy/target_keys.h"
#include "pulse.h"

#include "osy/banned.h"

static bool may_guess(const struct osy_lbatch *batch)
{
	return batch->object->key_read && osy_lrun(batch)->pass == 1 && !osy_lrun(batch)->undo &&
	       !batch->head.links && !batch->keys_asked;
}

static bool is_guessed(const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	return osy_load_needs_look(batch, row) && !row->lost && !row->rematches && !row->unknown &&
	       !osy_id_is_set(&row->gone);
}

/* Hashes of the batch's keys from asks on; NULL: counts alone. */
static size_t collect(const struct osy_lbatch *batch, struct osy_target_key *asks)
{
	size_t n = 0;

	for (unsigned i = 0; i < batch->row_count; i++) {
		if (!is_guessed(batch, &batch->rows[i]))
			continue;
		if (asks)
			asks[n] = (struct osy_target_key){.hash = batch->rows[i].key};
		n++;
	}
	return n;
}

/* In the order in which they were collected. */
static size_t take(struct osy_lbatch *batch, const struct osy_target_key *asks)
{
	size_t n = 0;

	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		if (!is_guessed(batch, row))
			continue;
		const struct osy_target_key *answer = &asks[n++];
		row->guessed = osy_id_is_set(&answer->id);
		row->absent = !row->guessed && !answer->several;
		row->target = answer->id;
	}
	return n;
}

/* Batches of one run and object, in one round trip. */
static enum osy_code ask(
	struct osy_loader *loader, struct osy_lbatch **batches, size_t count, struct osy_err *err)
{
	const struct osy_spec_object *object = batches[0]->object;
	struct osy_worker *worker = loader->worker;
	struct osy_target_keys keys;
	size_t n = 0, at = 0;
	bool whole = false;

	for (size_t i = 0; i < count; i++)
		n += collect(batches[i], NULL);
	OSY_AUTO_FREE struct osy_target_key *asks = osy_xcalloc(n + 1, sizeof(*asks));
	for (size_t i = 0; i < count; i++)
		at += collect(batches[i], asks + at);
	osy_target_keys_init(&keys, worker->redis, worker->settings->kafka_prefix,
		osy_lrun(batches[0])->id, object->index);
	osy_pulse_blocking(worker->pulse, true);
	enum osy_code rc =
		n ? osy_target_keys_look(&keys, object->target_prefix, asks, n, &whole, err)
		  : OSY_OK;
	osy_pulse_blocking(worker->pulse, false);
	at = 0;
	for (size_t i = 0; !rc && i < count; i++) {
		batches[i]->keys_asked = true;
		if (whole)
			at += take(batches[i], asks + at);
	}
	return rc;
}

bool osy_load_guess(struct osy_loader *loader, struct osy_lbatch *const *batches, size_t count)
{
	struct osy_lbatch *same[OSY_LOAD_GATHER];
	struct osy_err err = OSY_ERR_NONE;

	for (size_t i = 0; i < count; i++) {
		size_t n = 0;
		for (size_t j = i; j < count && n < OSY_COUNT(same); j++) {
			if (may_guess(batches[j]) && batches[j]->object == batches[i]->object)
				same[n++] = batches[j];
		}
		if (may_guess(batches[i]) && ask(loader, same, n, &err))
			return osy_load_trouble(loader, "load.keys", &err);
	}
	return true;
}
