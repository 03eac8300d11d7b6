/* Loads, their batches and the loader's turn. */
#include "load_earlier.h"
#include "load_file.h"

#include <stdlib.h>

#include "osy/clock.h"
#include "osy/log.h"
#include "pulse.h"

#include "osy/banned.h"

#define ROUNDS 6 /* of the steps in one turn at most: then the network gets its turn */
#define SPARES 6
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
	osy_files_free(loader);
	osy_load_orgs_free(loader);
	while (loader->counts) {
		struct osy_lcount *count = loader->counts;
		loader->counts = count->next;
		free(count);
	}
	while (loader->spares) {
		struct osy_lbatch *batch = loader->spares;
		loader->spares = batch->next;
		batch_destroy(batch);
	}
	while (loader->spare_body_count)
		osy_buf_done(&loader->spare_bodies[--loader->spare_body_count]);
	free(loader->asks);
	free(loader);
	return NULL;
}

/* ---- Batches ---- */
struct osy_lbatch *osy_load_batch_new(struct osy_load *load)
{
	struct osy_loader *loader = load->loader;
	struct osy_lbatch *batch = loader->spares;

	if (batch) {
		loader->spares = batch->next;
		loader->spare_count--;
		batch->next = NULL;
	} else {
		batch = osy_xcalloc(1, sizeof(*batch));
		osy_arena_init(&batch->arena, OSY_LOAD_ARENA);
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
	loader->rows -= batch->row_count;
	osy_load_unweigh(batch);
	osy_load_reconcile_drop(loader, batch);
	osy_load_call_forget(batch);
	osy_file_forget(batch);
	osy_kafka_message_done(&batch->message);
	osy_buf_done(&batch->copy);
	while (batch->bodies) {
		struct osy_lbody *body = batch->bodies;
		batch->bodies = body->next;
		free(body->p);
		free(body);
	}
	if (loader->spare_count == SPARES) {
		batch_destroy(batch);
		return NULL;
	}
	osy_arena_reset(&batch->arena);
	*batch = (struct osy_lbatch){.arena = batch->arena, .next = loader->spares};
	loader->spares = batch;
	loader->spare_count++;
	return NULL;
}

void osy_load_keep(struct osy_lbatch *batch, struct osy_buf *buf)
{
	struct osy_lbody *body = osy_xcalloc(1, sizeof(*body));

	batch->kept_bytes += buf->len;
	body->p = osy_buf_take(buf, NULL);
	body->next = batch->bodies;
	batch->bodies = body;
}

void osy_load_step(struct osy_lbatch *batch, enum osy_step step)
{
	batch->step = step;
	batch->wait_until = 0;
	batch->load->loader->moved = true;
	osy_load_weigh(batch);
}

void osy_load_wait(struct osy_lbatch *batch, unsigned ms)
{
	batch->wait_until = osy_mono_ms() + ms;
}

size_t osy_load_pick(
	struct osy_loader *loader, enum osy_step step, struct osy_lbatch **ret, size_t max)
{
	size_t n = 0;

	for (struct osy_load *load = loader->loads; load && n < max; load = load->next) {
		if (load->lane->lost)
			continue;
		for (struct osy_lbatch *batch = load->late ? load->late : load->first;
			batch && n < max; batch = batch == load->late ? load->first : batch->next) {
			if (batch->step == step && batch->wait_until <= loader->now &&
				!osy_load_is_held(batch))
				ret[n++] = batch;
		}
	}
	return n;
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
	while (load->first) {
		struct osy_lbatch *batch = load->first;
		load->first = batch->next;
		osy_load_batch_free(batch);
	}
	load->late = osy_load_batch_free(load->late);
	osy_load_bulk_free(load);
	osy_load_left_free(load);
}

struct osy_load *osy_load_free(struct osy_load *load)
{
	if (!load)
		return NULL;
	drop_all(load);
	osy_load_retakes_free(load);
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

struct osy_lleft *osy_load_unfinished(const struct osy_load *load)
{
	struct osy_lleft *least = NULL;

	for (struct osy_lleft *left = load->left; left; left = left->next) {
		if (!left->aside && !left->done && !left->taken &&
			!(left->bulk &&
				(osy_load_bulk_gathers(load) || osy_load_bulk_runs(load))) &&
			(!least || left->offset < least->offset))
			least = left;
	}
	return least;
}

static struct osy_lbatch **end_of(struct osy_load *load)
{
	struct osy_lbatch **at = &load->first;

	while (*at)
		at = &(*at)->next;
	return at;
}

bool osy_load_wants(const struct osy_load *load)
{
	const struct osy_wlane *lane = load->lane;
	const struct osy_lbatch *last = load->first;

	if (!load->looked || !lane->raised || lane->lost || osy_load_bulk_runs(load))
		return false;
	if (load->waits_for_stage > lane->run->open_stage)
		return false;
	if (!last)
		return osy_load_unfinished(load) || osy_load_has_memory(load->loader, false);
	while (last->next)
		last = last->next;
	/* Ahead of those that are sent, but not while an old one is cleared up. */
	return last->step >= OSY_STEP_READY && !osy_load_unfinished(load) &&
	       !osy_load_is_full(load) &&
	       osy_load_has_memory(load->loader, last->step <= OSY_STEP_SEND);
}

void osy_load_give(struct osy_load *load, struct osy_kafka_message *message)
{
	struct osy_lbatch *batch = osy_load_batch_new(load);

	batch->message = *message;
	*message = (struct osy_kafka_message){0};
	batch->offset = batch->message.offset;
	*end_of(load) = batch;
	osy_load_decode(batch, batch->message.payload);
	load->loader->rows += batch->row_count;
	osy_load_step(batch, OSY_STEP_TAKEN);
}

bool osy_load_idle(const struct osy_load *load)
{
	return !load->first && !load->late && !osy_load_bulk_gathers(load);
}

bool osy_load_waits(const struct osy_load *load)
{
	return osy_load_bulk_runs(load) || load->waits_for_stage > load->lane->run->open_stage;
}

bool osy_load_owes(const struct osy_load *load)
{
	return osy_load_unfinished(load) != NULL;
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

/* Gives the last message back to Kafka: the lane's queue is closed and opened again where it
 * begins. */
static void give_back_last(struct osy_load *load)
{
	struct osy_wlane *lane = load->lane;
	struct osy_lbatch **at = &load->first;

	while ((*at)->next)
		at = &(*at)->next;
	lane->queue = lane->queue ? osy_kafka_lane_close(lane->queue) : NULL;
	if ((*at)->offset < lane->position)
		lane->position = (*at)->offset;
	osy_load_untake(load, (*at)->offset);
	*at = osy_load_batch_free(*at);
}

static const struct osy_lbatch *last_of(const struct osy_load *load)
{
	const struct osy_lbatch *last = load->first;

	while (last && last->next)
		last = last->next;
	return last;
}

void osy_load_give_back(struct osy_load *load)
{
	while (is_fresh(last_of(load)))
		give_back_last(load);
}

bool osy_load_give_all_back(struct osy_load *load)
{
	while (rests(last_of(load))) {
		const struct osy_lbatch *last = last_of(load);
		if (last->in_table)
			osy_load_left_add(load, last->offset);
		give_back_last(load);
	}
	return !load->first;
}

/* What waits for the org to take files has nothing to wait for any more. */
static void end_waits(struct osy_load *load)
{
	for (struct osy_lbatch *batch = load->late ? load->late : load->first; batch;
		batch = batch == load->late ? load->first : batch->next) {
		if (batch->limited)
			batch->wait_until = 0;
	}
}

static void let_go(struct osy_load *load)
{
	bool over = osy_load_ends(load);

	if (!over && !load->lane->run->aborting)
		return;
	end_waits(load);
	while (over ? rests(last_of(load)) : is_fresh(last_of(load)))
		give_back_last(load);
	if (over && rests(load->late)) {
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
	load->waits_for_stage = (int)first->head.stage;
	while (load->first)
		give_back_last(load);
}

static void promote(struct osy_load *load)
{
	if (load->late && load->late->step == OSY_STEP_OVER)
		load->late = osy_load_batch_free(load->late);
	while (load->first && load->first->step == OSY_STEP_OVER) {
		struct osy_lbatch *batch = load->first;
		load->first = batch->next;
		osy_load_batch_free(batch);
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
	osy_load_linger_ends(loader);
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
	{osy_load_take_late},
	{osy_undo_take},
	{osy_load_begin},
	{osy_load_resolve},
	{osy_load_parents},
	{osy_load_reconcile},
	{osy_load_bulk},
	{osy_load_match},
	{osy_delete_children},
	{osy_load_claim},
	{osy_load_intents},
	{osy_load_files},
	{osy_load_send},
	{osy_undo_send},
	{osy_load_record},
};

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t batch_wait(const struct osy_lbatch *batch, int64_t now)
{
	if (!batch || batch->step == OSY_STEP_SENDING || batch->step == OSY_STEP_ASKING ||
		batch->step == OSY_STEP_TAKEN || batch->step == OSY_STEP_OVER ||
		batch->step == OSY_STEP_UNDOING)
		return WAIT_MS;
	if (batch->wait_until > now)
		return batch->wait_until - now;
	if (batch->step == OSY_STEP_READY && osy_load_lingers_ms(batch->load))
		return osy_load_lingers_ms(batch->load);
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
		wait = least(wait, load->bulk ? osy_load_bulk_wait(load) : WAIT_MS);
		for (const struct osy_lbatch *batch = load->first; batch; batch = batch->next) {
			if (batch == load->first || batch->step < OSY_STEP_READY)
				wait = least(wait, batch_wait(batch, now));
		}
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
