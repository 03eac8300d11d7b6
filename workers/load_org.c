/* Target orgs: how many writes may fly to each (load_narrow.h), and whose turn it is then. */
#include "load_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/log.h"

#include "osy/banned.h"

struct osy_lorg *osy_load_org(const struct osy_lbatch *batch)
{
	struct osy_loader *loader = batch->load->loader;
	const char *id = osy_lspec(batch)->target_org_id;
	struct osy_lorg *org = loader->orgs;

	while (org && strcmp(org->id, id) != 0)
		org = org->next;
	if (!org) {
		org = osy_xcalloc(1, sizeof(*org));
		snprintf(org->id, sizeof(org->id), "%s", id);
		org->next = loader->orgs;
		loader->orgs = org;
	}
	return org;
}

void osy_load_orgs_free(struct osy_loader *loader)
{
	while (loader->orgs) {
		struct osy_lorg *org = loader->orgs;
		loader->orgs = org->next;
		free(org);
	}
}

void osy_load_org_replied(const struct osy_lcall *call)
{
	struct osy_narrow *narrow = &call->org->narrow;
	const char *name = call->run->spec->target;
	unsigned most = (unsigned)call->loader->worker->settings->worker_requests;

	if (call->locked && osy_narrow_locked(narrow, call->mark))
		osy_log(OSY_INFO, "org.narrowed", OSY_KV("org", name), OSY_KV_INT("limit", 1),
			OSY_KV_INT("flying", narrow->flying + 1),
			OSY_KV_INT("patience", narrow->patience),
			OSY_KV_INT("steps", narrow->steps));
	else if (!call->locked && osy_narrow_clean(narrow, call->mark, most))
		osy_log(OSY_INFO, "org.widened", OSY_KV("org", name),
			OSY_KV_INT("limit", narrow->limit ? narrow->limit : most),
			OSY_KV_INT("patience", narrow->patience));
}

unsigned osy_load_org_queue(const struct osy_lorg *org, const struct osy_loader *loader)
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

static bool any_is_narrowed(const struct osy_loader *loader)
{
	const struct osy_lorg *org = loader->orgs;

	while (org && !org->narrow.limit)
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

size_t osy_load_pick_writers(
	struct osy_loader *loader, enum osy_step step, struct osy_lbatch **ret, size_t max)
{
	size_t n = 0;

	if (!any_is_narrowed(loader))
		return osy_load_pick(loader, step, ret, max);
	for (struct osy_load *load = loader->loads; load; load = load->next) {
		struct osy_lbatch *all[] = {load->late, load->first};
		for (size_t i = 0; i < OSY_COUNT(all); i++) {
			if (all[i] && all[i]->step == step && all[i]->wait_until <= loader->now &&
				!load->lane->lost && osy_load_may_write(all[i]))
				insert(ret, &n, max, all[i]);
		}
	}
	return n;
}
