/* A turn: what is told, what comes back. */
#include <stdio.h>

#include "budget_internal.h"
#include "osy/clock.h"
#include "osy/json_write.h"
#include "osy/mem.h"

#define MARGIN_MS 250 /* by which a grant ends here before Redis forgets it */

static void write_latency(const struct osy_budget_org *org, struct osy_json_writer *w)
{
	osy_jw_key(w, "latency");
	osy_jw_array(w);
	for (int i = 0; i < OSY_BUDGET_CLASSES; i++) {
		const struct osy_budget_latency *latency = &org->latency[i];
		if (!latency->count)
			continue;
		osy_jw_array(w);
		osy_jw_i64(w, i);
		osy_jw_i64(w, latency->sum_ms / latency->count);
		osy_jw_array_end(w);
	}
	osy_jw_array_end(w);
}

static void write_told(const struct osy_budget_org *org, int64_t now, struct osy_json_writer *w)
{
	osy_jw_put_i64(w, "max", org->has_usage ? org->max : -1);
	osy_jw_put_i64(w, "used", org->used);
	osy_jw_put_i64(w, "age", now - org->usage_sent_ms);
	osy_jw_put_i64(w, "lost", org->lost);
	osy_jw_put_bool(w, "daily", org->daily);
	osy_jw_put_i64(w, "retry", org->retry_ms);
	osy_jw_put_i64(w, "refused", org->refused);
	osy_jw_put_i64(w, "busy", org->busy);
	osy_jw_put_i64(w, "mark", org->steps);
	write_latency(org, w);
	osy_jw_key(w, "bulk");
	osy_jw_array(w);
	for (int i = 0; i < OSY_BULK_COUNT; i++)
		osy_jw_i64(w, org->bulk_told[i]);
	osy_jw_array_end(w);
}

static void write_locks(const struct osy_budget_locks *locks, struct osy_json_writer *w)
{
	osy_jw_put_i64(w, "wflying", locks->flying);
	osy_jw_put_i64(w, "lmark", locks->steps);
	osy_jw_put_bool(w, "locked", locks->locked);
	osy_jw_put_i64(w, "clean", locks->clean);
	osy_jw_put_i64(w, "most", locks->most);
}

static void write_ask(const struct osy_budget_org *org, const struct osy_budget_ask *ask,
	int64_t now, struct osy_buf *out)
{
	struct osy_json_writer w = osy_json_writer(out);

	osy_jw_object(&w);
	osy_jw_put_i64(&w, "want", org->want);
	osy_jw_put_i64(&w, "wwant", org->want_writes);
	osy_jw_put_i64(&w, "flying", org->flying);
	osy_jw_put_i64(&w, "oldest", org->oldest ? now - org->oldest->started_ms : 0);
	osy_jw_put_i64(&w, "reserve", org->reserve_percent);
	write_told(org, now, &w);
	write_locks(&org->locks, &w);
	osy_jw_put_i64(&w, "probe", ask->probe_ms);
	osy_jw_put_i64(&w, "take", ask->take);
	osy_jw_put_i64(&w, "take_ms", ask->take_ms);
	osy_jw_put_i64(&w, "kept", OSY_BUDGET_KEPT_MS);
	osy_jw_put_bool(&w, "leave", ask->leave);
	osy_jw_object_end(&w);
}

static void forget_told(struct osy_budget_org *org)
{
	org->has_usage = org->daily = false;
	org->lost = org->refused = org->busy = org->retry_ms = 0;
	memset(org->latency, 0, sizeof(org->latency));
	for (int i = 0; i < OSY_BULK_COUNT; i++)
		org->bulk_told[i] = -1;
	org->locks.locked = false;
	org->locks.clean = 0;
	org->denied = org->at_once = false;
}

static void take_reply(struct osy_budget_org *org, const int64_t *n, int64_t now, int64_t kept_ms)
{
	org->slots = (unsigned)n[REPLY_SLOTS];
	org->calls = n[REPLY_CALLS];
	org->granted_until = now + kept_ms - MARGIN_MS;
	org->back_off_until = n[REPLY_BACK_OFF] > 0 ? now + n[REPLY_BACK_OFF] : 0;
	org->steps = (unsigned)n[REPLY_STEPS];
	org->locks.limit = (unsigned)n[REPLY_LOCK_LIMIT];
	org->locks.share = (unsigned)n[REPLY_LOCK_SHARE];
	org->locks.steps = (unsigned)n[REPLY_LOCK_STEPS];
	org->locks.patience = (unsigned)n[REPLY_LOCK_PATIENCE];
	org->locks.left = (unsigned)n[REPLY_LOCK_LEFT];
	org->last_used = n[REPLY_USED];
	org->last_max = n[REPLY_MAX];
	org->last_left = n[REPLY_LEFT];
	org->limit = (unsigned)n[REPLY_LIMIT];
	org->all_flying = (unsigned)n[REPLY_FLYING];
	org->bulk[OSY_BULK_BATCHES] = n[REPLY_BULK_BATCHES];
	org->bulk[OSY_BULK_QUERY_JOBS] = n[REPLY_BULK_QUERY_JOBS];
	org->known = true;
}

static enum osy_code call_redis(struct osy_budget_org *org, struct osy_str json,
	int64_t ret[REPLY_COUNT], struct osy_err *err)
{
	const struct osy_redis_reply *reply = NULL;
	char key[256], owner[160];

	snprintf(key, sizeof(key), "%s:budget:%s", org->budget->prefix, org->id);
	snprintf(owner, sizeof(owner), "%s:%d", org->budget->owner, org->reserve_percent);
	const struct osy_str args[] = {OSY_STR("EVAL"), osy_str(osy_budget_script), OSY_STR("1"),
		osy_str(key), osy_str(owner), json};
	enum osy_code rc = osy_redis_call(org->budget->redis, args, OSY_COUNT(args), &reply, err);
	if (rc)
		return rc;
	if (osy_redis_count(reply) != REPLY_COUNT)
		return osy_fail(err, OSY_E_REDIS, "the budget of org %s answers with %zu numbers",
			org->id, osy_redis_count(reply));
	for (size_t i = 0; i < REPLY_COUNT; i++)
		ret[i] = osy_redis_i64(osy_redis_at(reply, i), 0);
	return OSY_OK;
}

enum osy_code osy_budget_turn_(
	struct osy_budget_org *org, struct osy_budget_ask *ask, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf json = OSY_BUF(4096);
	int64_t now = osy_mono_ms(), numbers[REPLY_COUNT];

	write_ask(org, ask, now, &json);
	enum osy_code rc = call_redis(org, osy_buf_str(&json), numbers, err);
	if (rc)
		return rc;
	forget_told(org);
	take_reply(org, numbers, now, ask->take ? ask->take_ms : OSY_BUDGET_KEPT_MS);
	ask->ret_probe = numbers[REPLY_PROBE] != 0;
	org->present = !ask->leave;
	org->turned_ms = now;
	return OSY_OK;
}
