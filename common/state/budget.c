#include "osy/budget.h"

#include <stdio.h>
#include <stdlib.h>

#include "budget_internal.h"
#include "osy/clock.h"
#include "osy/mem.h"

#define HUNGRY_MS 50  /* between turns while there is nothing that could be started */
#define AT_ONCE_MS 10 /* between turns at the least */
#define RETRY_MS 500
#define BACK_OFF_MOST_MS 600000

struct osy_budget *osy_budget_new(struct osy_redis *redis, const char *prefix, const char *owner)
{
	struct osy_budget *budget = osy_xcalloc(1, sizeof(*budget));

	budget->redis = redis;
	budget->prefix = osy_xstrdup(prefix);
	budget->owner = osy_xstrdup(owner);
	return budget;
}

struct osy_budget *osy_budget_free(struct osy_budget *budget)
{
	if (!budget)
		return NULL;
	while (budget->orgs) {
		struct osy_budget_org *org = budget->orgs;
		struct osy_budget_ask ask = {.leave = true};
		struct osy_err ignored = OSY_ERR_NONE;
		budget->orgs = org->next;
		org->want = org->want_writes = 0;
		if (org->present && osy_mono_ms() >= budget->retry_at)
			(void)!osy_budget_turn_(org, &ask, &ignored);
		free(org);
	}
	free(budget->prefix);
	free(budget->owner);
	free(budget);
	return NULL;
}

struct osy_budget_org *osy_budget_org(
	struct osy_budget *budget, const char *org_id, int reserve_percent)
{
	struct osy_budget_org *org = budget->orgs;

	while (org && (org->reserve_percent != reserve_percent || strcmp(org->id, org_id) != 0))
		org = org->next;
	if (!org) {
		org = osy_xcalloc(1, sizeof(*org));
		org->budget = budget;
		snprintf(org->id, sizeof(org->id), "%s", org_id);
		org->reserve_percent = reserve_percent;
		for (int i = 0; i < OSY_BULK_COUNT; i++)
			org->bulk_told[i] = org->bulk[i] = -1;
		org->next = budget->orgs;
		budget->orgs = org;
	}
	return org;
}

/* ---- Calls ---- */
void osy_budget_want(struct osy_budget_org *org, unsigned requests, unsigned writes)
{
	if (requests > org->want && org->want <= org->slots)
		org->at_once = true;
	org->want = requests;
	org->want_writes = writes;
}

static bool is_granted(const struct osy_budget_org *org, int64_t now)
{
	return now < org->granted_until && now >= org->back_off_until;
}

bool osy_budget_may_start(struct osy_budget_org *org)
{
	if (is_granted(org, osy_mono_ms()) && org->flying < org->slots && org->calls > 0)
		return true;
	org->denied = true;
	return false;
}

static unsigned class_of(unsigned records)
{
	unsigned class = 0;

	while ((records >>= 1) && class < OSY_BUDGET_CLASSES - 1)
		class ++;
	return class;
}

void osy_budget_started(struct osy_budget_org *org, struct osy_budget_call *call, unsigned records)
{
	*call = (struct osy_budget_call){.started_ms = osy_mono_ms(),
		.mark = org->steps,
		.write_class = records ? (int)class_of(records) : -1,
		.prev = org->newest};
	if (org->newest)
		org->newest->next = call;
	else
		org->oldest = call;
	org->newest = call;
	org->flying++;
	if (org->calls > 0)
		org->calls--;
}

static void unlink_call(struct osy_budget_org *org, struct osy_budget_call *call)
{
	if (call->prev)
		call->prev->next = call->next;
	else
		org->oldest = call->next;
	if (call->next)
		call->next->prev = call->prev;
	else
		org->newest = call->prev;
	call->prev = call->next = NULL;
}

static bool is_busy(const struct osy_sf_reply *reply)
{
	return reply->status == 429 || reply->status == 503;
}

/* What a reply tells of how many the org bears; the request itself still counts as flying. */
static void note_refusal(struct osy_budget_org *org, const struct osy_budget_call *call,
	const struct osy_sf_reply *reply)
{
	unsigned retry = reply->err.retry_after_ms;

	if (osy_sf_limit_kind(&reply->err) == OSY_SF_LIMIT_DAILY) {
		org->daily = org->at_once = true;
		org->calls = 0;
		return;
	}
	if (is_busy(reply) && retry) {
		retry = retry < BACK_OFF_MOST_MS ? retry : BACK_OFF_MOST_MS;
		org->retry_ms = retry > org->retry_ms ? retry : org->retry_ms;
		org->back_off_until = osy_mono_ms() + retry;
		org->at_once = true;
	}
	if (call->mark != org->steps)
		return;
	if (is_busy(reply)) {
		org->busy++;
	} else if (reply->code == OSY_E_LIMIT) {
		if (!org->refused || org->flying < org->refused)
			org->refused = org->flying;
		if (org->slots >= org->flying && org->slots > 1)
			org->slots = org->flying > 1 ? org->flying - 1 : 1;
	} else {
		return;
	}
	org->at_once = true;
}

void osy_budget_note_usage(struct osy_budget_org *org, int64_t used, int64_t max, int64_t sent_ms)
{
	/* A smaller number may be of a reply that was made before the larger one was. */
	if (org->has_usage && used < org->used && sent_ms <= org->usage_heard_ms)
		return;
	org->usage_heard_ms = osy_mono_ms();
	org->has_usage = true;
	org->used = used;
	org->max = max;
	org->usage_sent_ms = sent_ms;
}

void osy_budget_ended(
	struct osy_budget_org *org, struct osy_budget_call *call, const struct osy_sf_reply *reply)
{
	int64_t used, max, ms = osy_mono_ms() - call->started_ms;

	OSY_ASSERT(org->flying > 0);
	unlink_call(org, call);
	if (reply && reply->http &&
		osy_sf_usage(osy_http_reply_header(reply->http, "Sforce-Limit-Info"), &used, &max))
		osy_budget_note_usage(org, used, max, call->started_ms);
	else if (!reply || reply->code != OSY_E_UNREACHABLE)
		org->lost++;
	if (reply && reply->code)
		note_refusal(org, call, reply);
	else if (reply && call->write_class >= 0) {
		org->latency[call->write_class].count++;
		org->latency[call->write_class].sum_ms += ms;
	}
	org->flying--;
}

unsigned osy_budget_flying(const struct osy_budget_org *org)
{
	return org->flying;
}

unsigned osy_budget_slots(const struct osy_budget_org *org)
{
	return is_granted(org, osy_mono_ms()) ? org->slots : 0;
}

struct osy_budget_locks *osy_budget_locks(struct osy_budget_org *org)
{
	return &org->locks;
}

/* ---- Turns ---- */
/* In how many ms; negative: it has nothing to say. */
static int64_t due_in(const struct osy_budget_org *org, int64_t now)
{
	int64_t every = OSY_BUDGET_TURN_MS;
	const struct osy_budget_locks *locks = &org->locks;

	if (!org->want && !org->flying && !org->present)
		return -1;
	if (!org->turned_ms)
		return 0;
	if (org->denied && (org->slots == 0 || org->calls <= 0 || now >= org->granted_until) &&
		now >= org->back_off_until && org->last_left > 0)
		every = HUNGRY_MS;
	if (org->at_once || (locks->limit && locks->left && locks->clean >= locks->left) ||
		(locks->locked))
		every = AT_ONCE_MS;
	return org->turned_ms + every > now ? org->turned_ms + every - now : 0;
}

enum osy_code osy_budget_turn(struct osy_budget *budget, bool *ret_turned, struct osy_err *err)
{
	int64_t now = osy_mono_ms();
	bool turned = false;

	for (struct osy_budget_org *org = budget->orgs; org; org = org->next) {
		struct osy_budget_ask ask = {.leave = !org->want && !org->flying};
		if (due_in(org, now) != 0 || now < budget->retry_at)
			continue;
		enum osy_code rc = osy_budget_turn_(org, &ask, err);
		if (rc) {
			budget->retry_at = osy_mono_ms() + RETRY_MS;
			return rc;
		}
		turned = true;
	}
	if (ret_turned)
		*ret_turned = turned;
	return OSY_OK;
}

enum osy_code osy_budget_turn_now(struct osy_budget_org *org, struct osy_err *err)
{
	struct osy_budget_ask ask = {.leave = !org->want && !org->flying};

	return osy_budget_turn_(org, &ask, err);
}

unsigned osy_budget_next_ms(const struct osy_budget *budget)
{
	int64_t now = osy_mono_ms(), wait = 1000;

	for (const struct osy_budget_org *org = budget->orgs; org; org = org->next) {
		int64_t due = due_in(org, now);
		if (due >= 0 && due < wait)
			wait = due;
	}
	if (budget->retry_at - now > wait)
		wait = budget->retry_at - now;
	return (unsigned)wait;
}

/* ---- The day's calls ---- */
void osy_budget_usage(const struct osy_budget_org *org, struct osy_budget_usage *ret)
{
	bool known = org->known && org->last_max >= 0;

	*ret = (struct osy_budget_usage){.known = known};
	if (!known)
		return;
	ret->used = org->last_used;
	ret->max = org->last_max;
	ret->left = org->last_left;
	ret->reserve = (org->last_max * org->reserve_percent + 99) / 100;
}

bool osy_budget_exhausted(const struct osy_budget_org *org)
{
	return org->known && org->last_left <= 0;
}

bool osy_budget_recovered(const struct osy_budget_org *org)
{
	int64_t most = org->last_max - (org->last_max * org->reserve_percent + 99) / 100;
	int64_t enough = org->last_max / 100;

	if (enough > most / 2)
		enough = most / 2;
	return org->known && org->last_max >= 0 && org->last_left > 0 && org->last_left >= enough;
}

enum osy_code osy_budget_take(struct osy_budget_org *org, unsigned calls, unsigned for_ms,
	bool *ret_taken, struct osy_err *err)
{
	struct osy_budget_ask ask = {.take = calls, .take_ms = for_ms};
	enum osy_code rc = osy_budget_turn_(org, &ask, err);

	if (!rc)
		*ret_taken = org->calls >= calls;
	return rc;
}

enum osy_code osy_budget_may_probe(
	struct osy_budget_org *org, unsigned every_ms, bool *ret_may, struct osy_err *err)
{
	struct osy_budget_ask ask = {.probe_ms = every_ms, .leave = !org->want && !org->flying};
	enum osy_code rc = osy_budget_turn_(org, &ask, err);

	if (!rc)
		*ret_may = ask.ret_probe;
	return rc;
}

static int64_t remaining(const struct osy_json *limits, const char *name, int64_t *ret_max)
{
	const struct osy_json *limit = osy_json_get(limits, name);

	*ret_max = osy_json_get_i64(limit, "Max", -1);
	return osy_json_get_i64(limit, "Remaining", -1);
}

void osy_budget_limits(struct osy_budget_org *org, const struct osy_json *limits, int64_t asked_ms)
{
	static const char *const bulk[OSY_BULK_COUNT] = {[OSY_BULK_BATCHES] = "DailyBulkApiBatches",
		[OSY_BULK_QUERY_JOBS] = "DailyBulkV2QueryJobs"};
	int64_t max, left = remaining(limits, "DailyApiRequests", &max);

	if (max >= 0 && left >= 0)
		osy_budget_note_usage(org, max - left, max, asked_ms);
	for (int i = 0; i < OSY_BULK_COUNT; i++)
		org->bulk_told[i] = remaining(limits, bulk[i], &max);
}

int64_t osy_budget_bulk_left(const struct osy_budget_org *org, enum osy_budget_bulk which)
{
	return org->bulk[which];
}

void osy_budget_width(const struct osy_budget_org *org, unsigned *ret_limit, unsigned *ret_flying)
{
	*ret_limit = org->limit;
	*ret_flying = org->all_flying;
}
