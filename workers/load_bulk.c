/* Ingest jobs of a lane: their phases. See load_bulk.h. */
#include "load_bulk.h"

#include <stdlib.h>
#include <unistd.h>

#include "osy/clock.h"

#include "osy/banned.h"

#define SOON_MS 200 /* a call that is due so soon wants its place in the org's budget now */

/* ---- Lifetime ---- */
struct osy_lbulk *osy_lbulk_new(
	struct osy_load *load, const struct osy_spec_object *object, int64_t stage)
{
	static const enum osy_sf_op ops[2] = {OSY_SF_INSERT, OSY_SF_UPDATE};
	struct osy_lbulk *bulk = osy_xcalloc(1, sizeof(*bulk));

	bulk->load = load;
	bulk->object = object;
	bulk->stage = stage;
	bulk->added_at = osy_mono_ms();
	bulk->first = INT64_MAX;
	for (unsigned i = 0; i < 2; i++)
		bulk->jobs[i] = (struct osy_ljob){
			.bulk = bulk, .op = ops[i], .fd = -1, .moved_at = bulk->added_at};
	osy_lbulk_columns(bulk);
	load->bulk = bulk;
	return bulk;
}

static void release_results(struct osy_lbulk *bulk)
{
	osy_lbulk_join_free(bulk);
	if (bulk->load->loader->results != bulk)
		return;
	bulk->load->loader->results = NULL;
	bulk->load->loader->moved = true;
}

void osy_load_bulk_free(struct osy_load *load)
{
	struct osy_lbulk *bulk = load->bulk;

	if (!bulk)
		return;
	for (unsigned i = 0; i < 2; i++) {
		if (bulk->jobs[i].call)
			bulk->jobs[i].call->job = NULL;
		if (bulk->jobs[i].fd >= 0)
			close(bulk->jobs[i].fd);
	}
	release_results(bulk);
	osy_lbulk_columns_done(bulk);
	free(bulk);
	load->bulk = NULL;
	load->loader->moved = true;
}

/* ---- What others see ---- */
bool osy_load_bulk_runs(const struct osy_load *load)
{
	return load->bulk && load->bulk->phase != OSY_LBULK_GATHER &&
	       load->bulk->phase != OSY_LBULK_SETTLE;
}

bool osy_load_bulk_gathers(const struct osy_load *load)
{
	return load->bulk && load->bulk->phase == OSY_LBULK_GATHER;
}

bool osy_lbulk_calls(const struct osy_ljob *job)
{
	return job->step != OSY_LJOB_NONE && job->step != OSY_LJOB_OPEN &&
	       job->step != OSY_LJOB_FULL && job->step != OSY_LJOB_ENDED;
}

int64_t osy_load_bulk_wait(const struct osy_load *load)
{
	int64_t now = osy_mono_ms(), wait = 1000;

	for (unsigned i = 0; load->bulk && i < 2; i++) {
		const struct osy_ljob *job = &load->bulk->jobs[i];
		bool due = !job->call &&
			   (osy_lbulk_calls(job) || load->bulk->phase == OSY_LBULK_RESULTS);
		int64_t left = job->next_at > now ? job->next_at - now : 50;
		if (due && left < wait)
			wait = left;
	}
	return wait;
}

unsigned osy_load_bulk_wants(const struct osy_load *load)
{
	unsigned n = 0;

	for (unsigned i = 0; load->bulk && i < 2; i++) {
		const struct osy_ljob *job = &load->bulk->jobs[i];
		n += job->call ||
		     (osy_lbulk_calls(job) && job->next_at <= load->loader->now + SOON_MS);
	}
	return n + (load->bulk && load->bulk->phase == OSY_LBULK_RESULTS);
}

/* ---- Running ---- */
static bool all_in_step(const struct osy_lbulk *bulk, enum osy_ljob_step step)
{
	bool all = true;

	for (unsigned i = 0; i < 2; i++)
		all = all && (!bulk->jobs[i].id[0] || bulk->jobs[i].step == step ||
				     (!bulk->jobs[i].size && !bulk->adopted));
	return all;
}

/* An aborted run's jobs are told so; those that nobody was to close are left. */
static void heed_abort(struct osy_lbulk *bulk)
{
	if (!bulk->load->lane->run->aborting)
		return;
	if (!bulk->closing) {
		bulk->phase = OSY_LBULK_LEAVE;
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		struct osy_ljob *job = &bulk->jobs[i];
		if (job->step == OSY_LJOB_LOOK && !job->call && !job->told)
			job->step = OSY_LJOB_ABORT;
	}
}

static void run(struct osy_lbulk *bulk)
{
	struct osy_loader *loader = bulk->load->loader;

	heed_abort(bulk);
	if (bulk->phase != OSY_LBULK_RUN)
		return;
	if (!bulk->closing && all_in_step(bulk, OSY_LJOB_FULL) && !osy_lbulk_say_closing(bulk))
		return;
	if (!all_in_step(bulk, OSY_LJOB_ENDED)) {
		osy_lbulk_run(bulk);
	} else if (!loader->results) {
		loader->results = bulk;
		bulk->phase = OSY_LBULK_RESULTS;
		loader->moved = true;
	}
}

/* The results are held until each batch has its own, recorded. */
static bool any_left(const struct osy_load *load)
{
	for (const struct osy_lleft *left = load->left; left; left = left->next) {
		if (left->bulk)
			return true;
	}
	return false;
}

static void turn(struct osy_lbulk *bulk)
{
	switch (bulk->phase) {
	case OSY_LBULK_GATHER:
		osy_lbulk_gather(bulk);
		break;
	case OSY_LBULK_RUN:
		run(bulk);
		break;
	case OSY_LBULK_RESULTS:
		osy_lbulk_join(bulk);
		break;
	case OSY_LBULK_SETTLE:
		if (!any_left(bulk->load))
			osy_load_bulk_free(bulk->load);
		break;
	case OSY_LBULK_LEAVE:
		osy_lbulk_leave(bulk);
		break;
	}
}

void osy_load_bulk(struct osy_loader *loader)
{
	for (struct osy_load *load = loader->loads; load; load = load->next) {
		if (load->bulk && !load->lane->lost && loader->trouble_until <= loader->now)
			turn(load->bulk);
	}
}
