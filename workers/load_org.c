/* Target orgs: what their budgets allow (osy/budget.h), and whose turn it is. */
#include "load_file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "osy/clock.h"
#include "osy/log.h"

#include "osy/banned.h"

#define WANTS_MS 10	 /* between two counts of what is wanted */
#define SOON_MS 200	 /* a batch that waits for less wants its request in this turn */
#define HUNGRY_MS 200	 /* for so long a run that had to wait has its part kept */
#define NO_CALLS_MS 1000 /* until a batch for which no call is left looks again */

/* ---- Orgs ---- */

/* What is in flight when a run is aborted is settled, be it out of the reserve. */
static int reserve_of(const struct osy_wrun *run)
{
	return run->aborting ? 0 : run->spec->api_reserve_percent;
}

static struct osy_lorg *org_named(
	struct osy_loader *loader, const char *id, const char *name, int reserve)
{
	struct osy_lorg *org = loader->orgs;

	while (org && (org->reserve_percent != reserve || strcmp(org->id, id) != 0))
		org = org->next;
	if (!org) {
		org = osy_xcalloc(1, sizeof(*org));
		snprintf(org->id, sizeof(org->id), "%s", id);
		snprintf(org->name, sizeof(org->name), "%s", name);
		org->reserve_percent = reserve;
		org->budget = osy_budget_org(loader->worker->budget, id, reserve);
		org->narrow = osy_budget_locks(org->budget);
		org->narrow->most = (unsigned)loader->worker->settings->worker_requests;
		org->next = loader->orgs;
		loader->orgs = org;
	}
	return org;
}

struct osy_lorg *osy_load_org_of(struct osy_loader *loader, const struct osy_wrun *run)
{
	return org_named(loader, run->spec->target_org_id, run->spec->target, reserve_of(run));
}

struct osy_lorg *osy_load_source_of(struct osy_loader *loader, const struct osy_wrun *run)
{
	return org_named(loader, run->spec->source_org_id, run->spec->source, reserve_of(run));
}

struct osy_lorg *osy_load_org(const struct osy_lbatch *batch)
{
	return osy_load_org_of(batch->load->loader, osy_lrun(batch));
}

void osy_load_orgs_free(struct osy_loader *loader)
{
	while (loader->orgs) {
		struct osy_lorg *org = loader->orgs;
		loader->orgs = org->next;
		free(org);
	}
}

/* ---- Row locks ---- */
static void log_width(struct osy_lorg *org)
{
	const struct osy_budget_locks *locks = org->narrow;
	unsigned before = org->shown_limit ? org->shown_limit : UINT_MAX;
	unsigned now = locks->limit ? locks->limit : UINT_MAX;

	if (now < before)
		osy_log(OSY_INFO, "org.narrowed", OSY_KV("org", org->name),
			OSY_KV_INT("limit", locks->limit), OSY_KV_INT("flying", locks->flying),
			OSY_KV_INT("patience", locks->patience), OSY_KV_INT("steps", locks->steps));
	else if (now > before)
		osy_log(OSY_INFO, "org.widened", OSY_KV("org", org->name),
			OSY_KV_INT("limit", locks->limit ? locks->limit : locks->most),
			OSY_KV_INT("patience", locks->patience));
	org->shown_limit = locks->limit;
}

void osy_load_org_replied(const struct osy_lcall *call)
{
	if (!call->locked)
		osy_narrow_clean(call->org->narrow, call->mark);
	else if (osy_narrow_locked(call->org->narrow, call->mark))
		log_width(call->org);
}

/* Batches that have an intent and wait for nothing but their turn. */
static unsigned queue(const struct osy_lorg *org, const struct osy_loader *loader)
{
	unsigned n = 0;

	for (const struct osy_load *load = loader->loads; load; load = load->next) {
		const struct osy_lbatch *all[] = {load->late, load->first};
		for (size_t i = 0; i < OSY_COUNT(all); i++) {
			if (all[i] && all[i]->step == OSY_STEP_SEND &&
				all[i]->wait_until <= loader->now && !load->lane->lost &&
				osy_load_org(all[i]) == org)
				n++;
		}
	}
	return n;
}

/* One more for two that fly, so that a place that becomes free is not empty until Postgres has the
 * next intent. While locks are about none waits. */
unsigned osy_load_org_room(const struct osy_lorg *org, const struct osy_loader *loader)
{
	unsigned slots = osy_budget_slots(org->budget), taken = queue(org, loader);
	unsigned most = slots + (slots + 1) / 2, flying = osy_budget_flying(org->budget);
	unsigned room = most > flying + taken ? most - flying - taken : 0;
	unsigned writes = org->narrow->flying + taken;

	if (!org->narrow->limit)
		return room;
	writes = org->narrow->share > writes ? org->narrow->share - writes : 0;
	return writes < room ? writes : room;
}

/* ---- Runs of one org: each has its part of the requests, as long as others have less ---- */
static bool is_hungry(const struct osy_loader *loader, const struct osy_wrun *run)
{
	return loader->now - run->hungry_at < HUNGRY_MS;
}

/* Runs of the org that use it now or would; with below: those that wait and have less than that. */
static unsigned count_runs(struct osy_loader *loader, const struct osy_lorg *org,
	const struct osy_wrun *but, unsigned below)
{
	unsigned n = 0;

	for (const struct osy_wrun *run = loader->worker->runs; run; run = run->next) {
		bool hungry = is_hungry(loader, run);
		bool counts = below ? hungry && run->flying < below : hungry || run->flying;
		if (run != but && counts && osy_load_org_of(loader, run) == org)
			n++;
	}
	return n;
}

bool osy_load_org_turn(struct osy_loader *loader, struct osy_wrun *run)
{
	const struct osy_lorg *org = osy_load_org_of(loader, run);
	unsigned slots = osy_budget_slots(org->budget);
	unsigned runs = 1 + count_runs(loader, org, run, 0), part = (slots + runs - 1) / runs;

	if (osy_budget_flying(org->budget) >= slots)
		run->hungry_at = loader->now;
	return run->flying < part || !part || !count_runs(loader, org, run, part);
}

/* ---- Turns ---- */
struct wants {
	unsigned requests, writes;
};

/* A file that waits for calls of its source. */
static unsigned file_wants(
	const struct osy_loader *loader, const struct osy_lorg *org, const struct osy_lbatch *batch)
{
	return batch && batch->step == OSY_STEP_SEND && osy_file_is_next(batch) &&
	       osy_load_source_of((struct osy_loader *)loader, osy_lrun(batch)) == org;
}

static void count_wants(const struct osy_loader *loader, const struct osy_lorg *org,
	const struct osy_load *load, struct wants *wants)
{
	if (load->lane->lost)
		return;
	wants->requests +=
		file_wants(loader, org, load->late) + file_wants(loader, org, load->first);
	if (osy_load_org_of((struct osy_loader *)loader, load->lane->run) != org)
		return;
	wants->requests += osy_load_bulk_wants(load);
	for (const struct osy_lbatch *batch = load->late ? load->late : load->first; batch;
		batch = batch == load->late ? load->first : batch->next) {
		bool behind = batch != load->late && batch != load->first;
		if (batch->wait_until > loader->now + SOON_MS ||
			(behind && batch->step >= OSY_STEP_READY))
			continue;
		wants->requests++;
		wants->writes += !behind;
	}
}

static void tell_wants(const struct osy_loader *loader, const struct osy_lorg *org)
{
	unsigned most = (unsigned)loader->worker->settings->worker_requests;
	unsigned flying = osy_budget_flying(org->budget);
	struct wants wants = {.requests = osy_files_reading(loader, org)};

	for (const struct osy_load *load = loader->loads; load; load = load->next)
		count_wants(loader, org, load, &wants);
	if (wants.requests < flying)
		wants.requests = flying;
	osy_budget_want(org->budget, wants.requests < most ? wants.requests : most,
		wants.writes < most ? wants.writes : most);
}

/* No call is left: an intent that is not sent is withdrawn, so that the lane can be let go. */
static void withdraw(struct osy_loader *loader)
{
	for (struct osy_load *load = loader->loads; load; load = load->next) {
		for (struct osy_lbatch *batch = load->late ? load->late : load->first; batch;
			batch = batch == load->late ? load->first : batch->next) {
			if (batch->step != OSY_STEP_SEND || load->lane->lost ||
				batch->next_collection == batch->collections ||
				!osy_budget_exhausted(osy_load_org(batch)->budget))
				continue;
			if (osy_load_unintend(batch))
				continue;
			batch->pause_ms = NO_CALLS_MS;
			osy_load_next_round(batch);
		}
	}
}

void osy_load_budget(struct osy_loader *loader)
{
	struct osy_err err = OSY_ERR_NONE;
	bool turned = false;

	if (loader->now - loader->budget_at < WANTS_MS)
		return;
	loader->budget_at = loader->now;
	for (const struct osy_lorg *org = loader->orgs; org; org = org->next)
		tell_wants(loader, org);
	if (osy_budget_turn(loader->worker->budget, &turned, &err))
		osy_log(OSY_WARN, "org.budget", OSY_KV_ERR(&err));
	if (!turned)
		return;
	for (struct osy_lorg *org = loader->orgs; org; org = org->next)
		log_width(org);
	withdraw(loader);
}

unsigned osy_load_budget_ms(const struct osy_loader *loader)
{
	int64_t earliest = loader->budget_at + WANTS_MS - osy_mono_ms();
	unsigned due = osy_budget_next_ms(loader->worker->budget);

	return due < earliest ? (unsigned)earliest : due;
}

/* ---- Whose turn it is to write ---- */
static bool any_is_narrowed(const struct osy_loader *loader)
{
	const struct osy_lorg *org = loader->orgs;

	while (org && !org->narrow->limit)
		org = org->next;
	return org != NULL;
}

/* Keeps the least of them, in order. */
static void insert(struct osy_lbatch **ret, size_t *n, size_t max, struct osy_lbatch *batch)
{
	size_t at = *n;

	while (at && ret[at - 1]->load->sent > batch->load->sent)
		at--;
	if (at == max)
		return;
	if (*n < max)
		++*n;
	memmove(&ret[at + 1], &ret[at], (*n - at - 1) * sizeof(struct osy_lbatch *));
	ret[at] = batch;
}

/* Whether it may be picked; while an org is narrowed nothing behind the first one of its lane. */
static bool is_due(const struct osy_lbatch *batch, enum osy_step step, bool narrowed)
{
	const struct osy_load *load = batch->load;

	if (batch->step != step || batch->wait_until > load->loader->now || load->lane->lost)
		return false;
	if (narrowed)
		return (batch == load->late || batch == load->first) && osy_load_may_write(batch);
	return !osy_load_is_held(batch);
}

size_t osy_load_pick_writers(
	struct osy_loader *loader, enum osy_step step, struct osy_lbatch **ret, size_t max)
{
	bool narrowed = any_is_narrowed(loader);
	size_t n = 0;

	for (struct osy_load *load = loader->loads; load; load = load->next) {
		for (struct osy_lbatch *batch = load->late ? load->late : load->first; batch;
			batch = batch == load->late ? load->first : batch->next) {
			if (is_due(batch, step, narrowed))
				insert(ret, &n, max, batch);
		}
	}
	return n;
}
