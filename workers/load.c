/* Loads, their batches and the loader's turn. */
#include "load_internal.h"

#include <stdlib.h>

#include "osy/clock.h"
#include "osy/log.h"
#include "pulse.h"

#include "osy/banned.h"

#define ROUNDS 6 /* of the steps in one turn at most: then the network gets its turn */
#define ARENA_CHUNK (256u * 1024)
#define WAIT_MS 1000
#define SLOT_WAIT_MS 50 /* something is ready and has to wait for others */

struct osy_loader *osy_loader_new(struct osy_worker *worker)
{
	struct osy_loader *loader = osy_xcalloc(1, sizeof(*loader));

	loader->worker = worker;
	return loader;
}

static void batch_destroy(struct osy_lbatch *batch)
{
	osy_arena_done(&batch->arena);
	free(batch);
}

struct osy_loader *osy_loader_free(struct osy_loader *loader)
{
	if (!loader)
		return NULL;
	OSY_ASSERT(!loader->loads);
	osy_load_reconcile_free(loader);
	osy_load_calls_drop(loader);
	osy_load_orgs_free(loader);
	while (loader->counts) {
		struct osy_lcount *count = loader->counts;
		loader->counts = count->next;
		free(count);
	}
	if (loader->spare)
		batch_destroy(loader->spare);
	free(loader->asks);
	free(loader);
	return NULL;
}

/* ---- Batches ---- */
struct osy_lbatch *osy_load_batch_new(struct osy_load *load)
{
	struct osy_loader *loader = load->loader;
	struct osy_lbatch *batch = loader->spare;

	loader->spare = NULL;
	if (!batch) {
		batch = osy_xcalloc(1, sizeof(*batch));
		osy_arena_init(&batch->arena, ARENA_CHUNK);
	}
	batch->load = load;
	batch->copy = OSY_BUF(8u * 1024 * 1024);
	loader->batches++;
	return batch;
}

struct osy_lbatch *osy_load_batch_free(struct osy_lbatch *batch)
{
	if (!batch)
		return NULL;
	struct osy_loader *loader = batch->load->loader;

	loader->batches--;
	osy_load_reconcile_drop(loader, batch);
	if (batch->call)
		batch->call->batch = NULL;
	osy_kafka_message_done(&batch->message);
	osy_buf_done(&batch->copy);
	while (batch->bodies) {
		struct osy_lbody *body = batch->bodies;
		batch->bodies = body->next;
		free(body->p);
		free(body);
	}
	if (loader->spare) {
		batch_destroy(batch);
		return NULL;
	}
	osy_arena_reset(&batch->arena);
	*batch = (struct osy_lbatch){.arena = batch->arena};
	loader->spare = batch;
	return NULL;
}

void osy_load_keep(struct osy_lbatch *batch, struct osy_buf *buf)
{
	struct osy_lbody *body = osy_xcalloc(1, sizeof(*body));

	body->p = osy_buf_take(buf, NULL);
	body->next = batch->bodies;
	batch->bodies = body;
}

void osy_load_step(struct osy_lbatch *batch, enum osy_step step)
{
	batch->step = step;
	batch->wait_until = 0;
	batch->load->loader->moved = true;
}

void osy_load_wait(struct osy_lbatch *batch, unsigned ms)
{
	batch->wait_until = osy_mono_ms() + ms;
}

/* A second batch that has to wait for the first one, or for its stage, takes nobody's place. */
static bool is_held(const struct osy_load *load, const struct osy_lbatch *batch)
{
	if (batch != load->second)
		return false;
	return batch->step == OSY_STEP_READY ||
	       (batch->step == OSY_STEP_TAKEN && !batch->broken &&
		       batch->head.stage > load->lane->run->open_stage);
}

size_t osy_load_pick(
	struct osy_loader *loader, enum osy_step step, struct osy_lbatch **ret, size_t max)
{
	size_t n = 0;

	for (struct osy_load *load = loader->loads; load && n < max; load = load->next) {
		struct osy_lbatch *all[] = {load->late, load->first, load->second};
		for (size_t i = 0; i < OSY_COUNT(all) && n < max; i++) {
			if (all[i] && all[i]->step == step && all[i]->wait_until <= loader->now &&
				!load->lane->lost && !is_held(load, all[i]))
				ret[n++] = all[i];
		}
	}
	return n;
}

static bool writes(const struct osy_lbatch *batch)
{
	return batch && (batch->step == OSY_STEP_SEND || batch->step == OSY_STEP_SENDING);
}

bool osy_load_may_write(const struct osy_lbatch *batch)
{
	const struct osy_load *load = batch->load;

	if (batch == load->late)
		return !writes(load->first);
	return batch == load->first && !writes(load->late);
}

bool osy_load_trouble(struct osy_loader *loader, const char *event, const struct osy_err *err)
{
	unsigned ms = osy_backoff_ms(loader->troubles++, 100, 3000);

	osy_log(OSY_WARN, event, OSY_KV_ERR(err));
	loader->trouble_until = osy_mono_ms() + (ms < 20 ? 20 : ms);
	return false;
}

/* ---- Loads ---- */
struct osy_load *osy_load_new(struct osy_loader *loader, struct osy_wlane *lane)
{
	struct osy_load *load = osy_xcalloc(1, sizeof(*load));

	load->loader = loader;
	load->lane = lane;
	load->next = loader->loads;
	loader->loads = load;
	return load;
}

static void drop_all(struct osy_load *load)
{
	load->first = osy_load_batch_free(load->first);
	load->second = osy_load_batch_free(load->second);
	load->late = osy_load_batch_free(load->late);
	while (load->left) {
		struct osy_lleft *left = load->left;
		load->left = left->next;
		free(left);
	}
}

struct osy_load *osy_load_free(struct osy_load *load)
{
	if (!load)
		return NULL;
	drop_all(load);
	for (struct osy_load **at = &load->loader->loads; *at; at = &(*at)->next) {
		if (*at == load) {
			*at = load->next;
			break;
		}
	}
	free(load);
	return NULL;
}

void osy_load_lose(struct osy_load *load)
{
	if (!load->lane->lost)
		osy_log(OSY_INFO, "lane.lost", OSY_KV("lane", load->lane->key));
	load->lane->lost = true;
	load->loader->moved = true;
}

/* What is left at or behind the position is at most one batch that was not set aside. */
static const struct osy_lleft *unfinished(const struct osy_load *load)
{
	for (const struct osy_lleft *left = load->left; left; left = left->next) {
		if (!left->aside && !left->taken)
			return left;
	}
	return NULL;
}

bool osy_load_wants(const struct osy_load *load)
{
	const struct osy_wlane *lane = load->lane;

	if (!load->looked || !lane->raised || lane->lost || load->second)
		return false;
	if (load->waits_for_stage > lane->run->open_stage)
		return false;
	if (!load->first)
		return true;
	/* One batch ahead, but not while an old one is cleared up, nor beyond what memory bears:
	 * half as many batches wait as requests fly. */
	unsigned requests = (unsigned)load->loader->worker->settings->worker_requests;
	return load->first->step >= OSY_STEP_READY && !unfinished(load) &&
	       load->loader->batches < requests + (requests + 1) / 2;
}

void osy_load_give(struct osy_load *load, struct osy_kafka_message *message)
{
	struct osy_lbatch *batch = osy_load_batch_new(load);

	OSY_ASSERT(!load->second);
	batch->message = *message;
	*message = (struct osy_kafka_message){0};
	batch->offset = batch->message.offset;
	if (load->first)
		load->second = batch;
	else
		load->first = batch;
	osy_load_decode(batch, batch->message.payload);
	osy_load_step(batch, OSY_STEP_TAKEN);
}

bool osy_load_idle(const struct osy_load *load)
{
	return !load->first && !load->second && !load->late;
}

bool osy_load_waits_for_stage(const struct osy_load *load)
{
	return load->waits_for_stage > load->lane->run->open_stage;
}

bool osy_load_owes(const struct osy_load *load)
{
	return unfinished(load) != NULL;
}

bool osy_load_has_aside(const struct osy_load *load)
{
	for (const struct osy_lleft *left = load->left; left; left = left->next) {
		if (left->aside)
			return true;
	}
	return false;
}

/* ---- Dropping what has not begun ---- */

/*
 * Nothing of it is in flight and what Postgres says of it holds: whoever takes the lane goes on
 * from there. Without a row there it is as if it had never been taken.
 */
static bool rests(const struct osy_lbatch *batch)
{
	return batch && !batch->call && batch->step <= OSY_STEP_READY;
}

static bool is_fresh(const struct osy_lbatch *batch)
{
	return rests(batch) && !batch->in_table;
}

/* Gives messages back to Kafka: the lane's queue is closed and opened again where they begin. */
static void give_back(struct osy_load *load, struct osy_lbatch **at)
{
	struct osy_wlane *lane = load->lane;

	lane->queue = lane->queue ? osy_kafka_lane_close(lane->queue) : NULL;
	if ((*at)->offset < lane->position)
		lane->position = (*at)->offset;
	osy_load_untake(load, (*at)->offset);
	*at = osy_load_batch_free(*at);
}

static void let_go(struct osy_load *load)
{
	const struct osy_wlane *lane = load->lane;
	bool ends = load->loader->worker->draining || lane->giving_back || !lane->run->active;

	if (!ends && !lane->run->aborting)
		return;
	if (ends ? rests(load->second) : is_fresh(load->second))
		give_back(load, &load->second);
	if (!load->second && (ends ? rests(load->first) : is_fresh(load->first)))
		give_back(load, &load->first);
	if (ends && rests(load->late)) {
		osy_load_untake(load, load->late->offset);
		load->late = osy_load_batch_free(load->late);
	}
}

/* The first batch waits for its stage: it need not wait here. */
static void wait_for_stage(struct osy_load *load)
{
	const struct osy_lbatch *first = load->first;

	if (load->waits_for_stage && load->waits_for_stage <= load->lane->run->open_stage)
		load->waits_for_stage = 0;
	if (!first || first->step != OSY_STEP_TAKEN || first->broken || first->skip ||
		first->head.stage <= load->lane->run->open_stage)
		return;
	if (load->second)
		give_back(load, &load->second);
	load->waits_for_stage = (int)first->head.stage;
	give_back(load, &load->first);
}

static void promote(struct osy_load *load)
{
	if (load->late && load->late->step == OSY_STEP_OVER)
		load->late = osy_load_batch_free(load->late);
	if (load->first && load->first->step == OSY_STEP_OVER) {
		osy_load_batch_free(load->first);
		load->first = load->second;
		load->second = NULL;
		load->loader->moved = true;
	}
}

static void tidy(struct osy_loader *loader)
{
	for (struct osy_load *load = loader->loads; load; load = load->next) {
		if (load->lane->lost) {
			drop_all(load);
			continue;
		}
		promote(load);
		let_go(load);
		wait_for_stage(load);
	}
}

/* ---- The turn ---- */

/* The first load becomes the last, so that all come first in their turn. */
static void rotate(struct osy_loader *loader)
{
	struct osy_load *first = loader->loads, *last = first;

	if (!first || !first->next)
		return;
	while (last->next)
		last = last->next;
	loader->loads = first->next;
	last->next = first;
	first->next = NULL;
}

static const struct {
	void (*run)(struct osy_loader *loader);
} steps[] = {
	{osy_load_look},
	{osy_load_record},
	{osy_load_send},
	{osy_load_take_late},
	{osy_load_begin},
	{osy_load_resolve},
	{osy_load_parents},
	{osy_load_reconcile},
	{osy_load_match},
	{osy_load_claim},
	{osy_load_intents},
	{osy_load_send},
	{osy_load_record},
};

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t batch_wait(const struct osy_lbatch *batch, int64_t now)
{
	if (!batch || batch->step == OSY_STEP_SENDING || batch->step == OSY_STEP_ASKING ||
		batch->step == OSY_STEP_TAKEN)
		return WAIT_MS;
	if (batch->wait_until > now)
		return batch->wait_until - now;
	/* ready, but something of others has to end first; a slot or a turn wakes us itself */
	return SLOT_WAIT_MS;
}

static unsigned next_turn(const struct osy_loader *loader)
{
	int64_t now = osy_mono_ms(), wait = osy_load_budget_ms(loader);

	if (loader->trouble_until > now)
		return (unsigned)least(WAIT_MS, loader->trouble_until - now);
	if (loader->moved)
		return 0;
	for (const struct osy_load *load = loader->loads; load; load = load->next) {
		wait = least(wait, batch_wait(load->late, now));
		wait = least(wait, batch_wait(load->first, now));
		if (load->second && load->second->step < OSY_STEP_READY)
			wait = least(wait, batch_wait(load->second, now));
		for (const struct osy_lleft *left = load->left; left; left = left->next) {
			if (left->aside && !left->taken)
				wait = least(
					wait, left->due > now ? left->due - now : SLOT_WAIT_MS);
		}
	}
	return (unsigned)wait;
}

unsigned osy_loader_turn(struct osy_loader *loader)
{
	loader->now = osy_mono_ms();
	osy_load_budget(loader);
	tidy(loader);
	rotate(loader);
	loader->moved = true;
	for (int round = 0; round < ROUNDS && loader->moved; round++) {
		loader->moved = false;
		for (size_t i = 0; i < OSY_COUNT(steps); i++) {
			if (loader->trouble_until > loader->now)
				return next_turn(loader);
			steps[i].run(loader);
		}
		tidy(loader);
		loader->now = osy_mono_ms();
	}
	loader->troubles = 0;
	return next_turn(loader);
}
