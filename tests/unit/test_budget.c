/* The budget of an org on the real Redis: owners that come, share, refuse and die. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "osy/budget.h"
#include "osy/clock.h"
#include "osy/json.h"
#include "osy/mem.h"

#define OWNERS 8
#define CALLS 64

/* One process: a budget with one org, and the calls that it has under way. */
struct owner {
	struct osy_budget *budget;
	struct osy_budget_org *org;
	struct osy_budget_call calls[CALLS];
	unsigned first, count; /* in the ring */
};

static struct osy_redis *redis;
static struct owner owners[OWNERS];
static char prefix[64], org_id[19];
static int tests_begun;
static struct osy_err err;

#define MUST(call)                                          \
	do {                                                \
		if (call)                                   \
			fail_msg("%s: %s", #call, err.msg); \
	} while (0)

static void join(int i, int reserve)
{
	char name[16];

	snprintf(name, sizeof(name), "owner%d", i);
	owners[i] = (struct owner){.budget = osy_budget_new(redis, prefix, name)};
	owners[i].org = osy_budget_org(owners[i].budget, org_id, reserve);
}

static int begin(void **state)
{
	(void)state;
	snprintf(org_id, sizeof(org_id), "00D%012dAAA", ++tests_begun);
	for (int i = 0; i < OWNERS; i++)
		join(i, 10);
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (int i = 0; i < OWNERS; i++)
		owners[i].budget = osy_budget_free(owners[i].budget);
	return 0;
}

static void turn(int i)
{
	MUST(osy_budget_turn(owners[i].budget, NULL, &err));
}

static void turn_now(int i)
{
	MUST(osy_budget_turn_now(owners[i].org, &err));
}

static void want(int i, unsigned requests)
{
	osy_budget_want(owners[i].org, requests, 0);
}

static unsigned slots(int i)
{
	return osy_budget_slots(owners[i].org);
}

static bool start(int i)
{
	struct owner *owner = &owners[i];

	if (!osy_budget_may_start(owner->org))
		return false;
	assert_true(owner->count < CALLS);
	osy_budget_started(owner->org, &owner->calls[(owner->first + owner->count++) % CALLS], 0);
	return true;
}

/* The oldest call ends; without a reply it counts as one call of the day. */
static void finish(int i, const struct osy_sf_reply *reply)
{
	struct owner *owner = &owners[i];

	assert_true(owner->count > 0);
	owner->count--;
	osy_budget_ended(owner->org, &owner->calls[owner->first++ % CALLS], reply);
}

static void finish_all(int i)
{
	while (owners[i].count)
		finish(i, NULL);
}

/* Until it is believed: a smaller number is not at once. */
static void tell_limits(int i, int64_t used, int64_t max)
{
	char text[300];
	struct osy_json *json = NULL;
	struct osy_budget_usage usage;

	snprintf(text, sizeof(text),
		"{\"DailyApiRequests\":{\"Max\":%lld,\"Remaining\":%lld},"
		"\"DailyBulkApiBatches\":{\"Max\":15000,\"Remaining\":14000},"
		"\"DailyBulkV2QueryJobs\":{\"Max\":10000,\"Remaining\":77}}",
		(long long)max, (long long)(max - used));
	MUST(osy_json_parse(osy_str(text), "limits", &json, &err));
	do {
		osy_budget_limits(owners[i].org, json, osy_mono_ms());
		turn_now(i);
		osy_budget_usage(owners[i].org, &usage);
	} while (usage.used != used ||
		 osy_budget_exhausted(owners[i].org) != (max - used - max / 10 <= 0));
	osy_json_free(json);
}

/* Turns of the first so many owners until it is so, at most for thirty seconds. */
#define UNTIL(count, condition)                                          \
	do {                                                             \
		int64_t until_ = osy_mono_ms() + 30000;                  \
		while (!(condition)) {                                   \
			assert_true(osy_mono_ms() < until_);             \
			for (int owner_ = 0; owner_ < (count); owner_++) \
				turn(owner_);                            \
		}                                                        \
	} while (0)

static unsigned held(void)
{
	unsigned sum = 0;

	for (int i = 0; i < OWNERS; i++) {
		unsigned flying = osy_budget_flying(owners[i].org), granted = slots(i);
		sum += flying > granted ? flying : granted;
	}
	return sum;
}

static unsigned width(int i)
{
	unsigned limit, flying;

	osy_budget_width(owners[i].org, &limit, &flying);
	return limit;
}

/* As the owner saw it whose turn was last, while it only grows. */
static unsigned widest(void)
{
	unsigned most = 0;

	for (int i = 0; i < OWNERS; i++)
		most = width(i) > most ? width(i) : most;
	return most;
}

/* ---- Slots ---- */
static void test_from_one_to_what_is_wanted(void **state)
{
	int64_t begun = osy_mono_ms();

	(void)state;
	for (int i = 0; i < OWNERS; i++)
		want(i, 8);
	turn(0);
	assert_int_equal(slots(0), 1);
	while (held() < 64) {
		assert_true(osy_mono_ms() - begun < 10000); /* one by one it would take twelve */
		for (int i = 0; i < OWNERS; i++) {
			turn(i);
			assert_true(held() <= widest());
			assert_true(widest() <= 64);
		}
	}
	assert_true(osy_mono_ms() - begun >= 1000); /* six doublings */
	for (int i = 0; i < OWNERS; i++)
		assert_int_equal(slots(i), 8);
}

static void test_shares_are_even_as_wants_allow(void **state)
{
	(void)state;
	want(0, 16);
	want(1, 2);
	UNTIL(2, slots(0) == 16 && slots(1) == 2);
	/* A third comes: nobody holds more than its part for long, and never more than all. */
	want(2, 16);
	for (int i = 0; i < 16; i++)
		assert_true(start(0));
	turn(2);
	assert_true(slots(2) + 18 <= width(2));
	finish_all(0);
	UNTIL(3, slots(0) == 16 && slots(1) == 2 && slots(2) == 16);
	assert_true(held() <= widest());
}

static void refuse(int i)
{
	struct osy_sf_reply reply = {.code = OSY_E_LIMIT, .status = 403};

	(void)osy_fail_from(
		&reply.err, OSY_E_LIMIT, "sf:REQUEST_LIMIT_EXCEEDED:concurrent", "too many");
	finish(i, &reply);
}

static void test_a_refusal_shows_the_bound(void **state)
{
	(void)state;
	want(0, 16);
	UNTIL(1, slots(0) == 16);
	for (int i = 0; i < 16; i++)
		assert_true(start(0));
	for (int i = 0; i < 6; i++) /* the org bears ten */
		refuse(0);
	turn_now(0);
	assert_int_equal(width(0), 10);
	assert_int_equal(slots(0), 10);
	assert_false(start(0));
	/* Replies of requests from before tell nothing new. */
	refuse(0);
	turn_now(0);
	assert_int_equal(width(0), 10);
	/* Another owner: both together stay within it, half each. */
	finish_all(0);
	want(1, 16);
	UNTIL(2, slots(0) == 5 && slots(1) == 5);
	/* One more is tried after a while, and only one, when the ten are used. */
	for (int i = 0; i < 10; i++)
		assert_true(start(i / 5));
	UNTIL(2, width(0) == 11);
	assert_true(held() <= 11);
	finish_all(0);
	finish_all(1);
}

/* Few flew by chance when a refusal came: the org bears much more, and that is found out soon. */
static void test_a_false_bound_is_soon_left(void **state)
{
	int64_t begun = 0;

	(void)state;
	want(0, 48);
	UNTIL(1, slots(0) == 48);
	for (int i = 0; i < 4; i++)
		assert_true(start(0));
	refuse(0);
	turn_now(0);
	assert_int_equal(width(0), 3);
	begun = osy_mono_ms();
	while (width(0) < 40) {
		while (start(0))
			continue;
		turn(0);
		assert_true(osy_mono_ms() - begun < 14000); /* one by one it would take eighteen */
	}
	finish_all(0);
}

static void test_busy_halves_once_and_all_wait(void **state)
{
	struct osy_sf_reply reply = {.code = OSY_E_LIMIT, .status = 429};

	(void)state;
	(void)osy_fail_from(&reply.err, OSY_E_LIMIT, "http:429", "slow down");
	reply.err.retry_after_ms = 2500;
	want(0, 16);
	want(1, 1);
	UNTIL(2, slots(0) == 16 && slots(1) == 1);
	for (int i = 0; i < 16; i++)
		assert_true(start(0));
	for (int i = 0; i < 8; i++)
		finish(0, &reply);
	assert_false(start(0)); /* at once here */
	turn_now(0);
	assert_int_equal(width(0), 8);
	turn_now(1);
	assert_int_equal(slots(1), 0);
	for (int i = 0; i < 8; i++)
		finish(0, &reply);
	turn_now(0);
	assert_int_equal(width(0), 8);
	UNTIL(2, slots(1) == 1);
	UNTIL(2, slots(0) == 16);
}

static void test_one_place_goes_round(void **state)
{
	bool had[3] = {false, false, false};

	(void)state;
	want(0, 4);
	UNTIL(1, slots(0) == 4);
	for (int i = 0; i < 2; i++)
		assert_true(start(0));
	refuse(0);
	turn_now(0);
	finish_all(0);
	assert_int_equal(width(0), 1);
	want(1, 4);
	want(2, 4);
	int64_t until = osy_mono_ms() + 20000;
	while (!had[0] || !had[1] || !had[2]) {
		assert_true(osy_mono_ms() < until);
		for (int i = 0; i < 3; i++) {
			turn(i);
			had[i] |= slots(i) > 0;
			assert_true(held() <= width(i));
		}
	}
}

static void test_the_dead_leave_nothing(void **state)
{
	(void)state;
	want(0, 8);
	want(1, 8);
	UNTIL(2, slots(0) == 8 && slots(1) == 8);
	for (int i = 0; i < 8; i++)
		assert_true(start(0));
	tell_limits(1, 0, 1000);
	/* Owner 0 is heard of no more. Its requests count until it is forgotten; others see none of
	 * them afterwards. */
	want(1, 16);
	UNTIL(1 + 1, slots(1) == 8);
	int64_t since = osy_mono_ms();
	while (slots(1) < 16) {
		assert_true(osy_mono_ms() - since < OSY_BUDGET_KEPT_MS + 20000);
		turn(1);
	}
	finish_all(0);
}

static void test_grants_have_an_end(void **state)
{
	(void)state;
	want(0, 1);
	turn(0);
	assert_true(osy_budget_may_start(owners[0].org));
	/* Without another turn (Redis does not answer) nothing is started after it. */
	int64_t since = osy_mono_ms(), asked = since;
	for (; osy_budget_may_start(owners[0].org); asked = osy_mono_ms())
		assert_true(asked - since < OSY_BUDGET_KEPT_MS);
	turn(0);
	assert_true(osy_budget_may_start(owners[0].org));
}

static void empty_redis_of_ours(void)
{
	char key[128];

	snprintf(key, sizeof(key), "%s:budget:%s", prefix, org_id);
	const struct osy_str args[] = {OSY_STR("DEL"), osy_str(key)};
	MUST(osy_redis_call(redis, args, 2, NULL, &err));
}

static void test_an_emptied_redis_starts_at_one(void **state)
{
	(void)state;
	want(0, 16);
	UNTIL(1, slots(0) == 16);
	for (int i = 0; i < 16; i++)
		assert_true(start(0));
	empty_redis_of_ours();
	want(1, 16);
	turn_now(1);
	assert_int_equal(slots(1), 1);
	turn_now(0);
	assert_int_equal(slots(0), 0);
	turn_now(1);
	assert_int_equal(slots(1), 0); /* sixteen fly */
	finish_all(0);
	UNTIL(2, slots(0) == 16 && slots(1) == 16);
}

static void test_slow_requests_cap_the_org(void **state)
{
	(void)state;
	want(0, 30);
	UNTIL(1, slots(0) == 30);
	assert_true(start(0));
	owners[0].calls[0].started_ms -= 15001;
	turn_now(0);
	assert_int_equal(slots(0), 20);
	finish(0, NULL);
	turn_now(0);
	assert_int_equal(slots(0), 30);
}

/* Requests of one size that take ever longer the more of them fly. */
static void write_taking(unsigned ms)
{
	struct osy_sf_reply reply = {.code = OSY_OK, .status = 200};
	struct osy_budget_call call;

	osy_budget_started(owners[0].org, &call, 200);
	call.started_ms -= ms;
	osy_budget_ended(owners[0].org, &call, &reply);
}

static void test_latency_stops_the_growth(void **state)
{
	(void)state;
	want(0, 60);
	while (slots(0) < 8) {
		write_taking(300);
		turn(0);
	}
	/* the same latency as ever holds nothing up */
	while (slots(0) < 16) {
		write_taking(300 + slots(0));
		turn(0);
	}
	for (int i = 0; i < 20; i++) {
		write_taking(1500);
		turn_now(0);
	}
	unsigned stopped = width(0);
	assert_true(stopped < 60);
	for (int64_t until = osy_mono_ms() + 500; osy_mono_ms() < until;) {
		write_taking(1500);
		turn(0);
		assert_true(width(0) <= stopped);
	}
	UNTIL(1, (write_taking(300), width(0) > stopped));
}

/* ---- Calls of the day ---- */
static void test_the_reserve_is_exact(void **state)
{
	unsigned sent = 0;
	bool any = true;

	(void)state;
	for (int i = 0; i < 4; i++)
		want(i, 8);
	tell_limits(0, 400, 1000);
	for (int i = 0; i < 4; i++)
		turn_now(i);
	int64_t until = osy_mono_ms() + 20000;
	while (any) {
		any = false;
		assert_true(osy_mono_ms() < until);
		for (int i = 0; i < 4; i++) {
			while (owners[i].count < 8 && start(i))
				sent++;
			if (owners[i].count && sent % 3)
				finish(i, NULL);
			turn(i);
			any |= owners[i].count > 0 || !osy_budget_exhausted(owners[i].org);
			assert_true(sent <= 500);
			if (sent >= 490)
				finish_all(i);
		}
	}
	assert_int_equal(sent, 500);
	struct osy_budget_usage usage;
	osy_budget_usage(owners[3].org, &usage);
	assert_true(usage.known);
	assert_int_equal(usage.used, 900);
	assert_int_equal(usage.reserve, 100);
	assert_int_equal(usage.left, 0);
	/* A few calls more than none are not worth going on; a new day is. */
	tell_limits(2, 895, 1000);
	assert_false(osy_budget_exhausted(owners[2].org));
	assert_false(osy_budget_recovered(owners[2].org));
	tell_limits(2, 1, 1000);
	assert_true(osy_budget_recovered(owners[2].org));
	turn_now(0);
	assert_true(start(0));
	finish_all(0);
}

static void test_what_a_dead_owner_was_granted_comes_back(void **state)
{
	unsigned sent = 0;

	(void)state;
	want(0, 8);
	want(1, 8);
	tell_limits(0, 880, 1000); /* twenty are left */
	turn_now(1);
	turn_now(0);
	assert_true(start(0));
	finish(0, NULL);
	turn_now(0);
	/* Owner 0 dies with calls in its hand. */
	int64_t until = osy_mono_ms() + OSY_BUDGET_KEPT_MS + 20000;
	while (!osy_budget_exhausted(owners[1].org)) {
		assert_true(osy_mono_ms() < until);
		while (start(1))
			sent++;
		finish_all(1);
		turn(1);
	}
	assert_int_equal(sent, 19);
}

static void test_a_daily_refusal_uses_up_all(void **state)
{
	struct osy_sf_reply reply = {.code = OSY_E_LIMIT, .status = 403};

	(void)state;
	(void)osy_fail_from(&reply.err, OSY_E_LIMIT, "sf:REQUEST_LIMIT_EXCEEDED:daily", "no more");
	want(0, 2);
	turn(0);
	assert_true(start(0));
	finish(0, &reply);
	turn_now(0);
	turn_now(1);
	assert_true(osy_budget_exhausted(owners[1].org));
	assert_false(start(0));
	tell_limits(1, 10, 1000);
	turn_now(0);
	assert_false(osy_budget_exhausted(owners[0].org));
}

static void test_replies_in_another_order_than_they_were_made(void **state)
{
	int64_t now = osy_mono_ms();
	struct osy_budget_usage usage;

	(void)state;
	osy_budget_note_usage(owners[0].org, 899, 1000, now - 20);
	osy_budget_note_usage(owners[0].org, 898, 1000, now - 10); /* sent later, made before */
	turn_now(0);
	osy_budget_note_usage(owners[1].org, 897, 1000, now);
	turn_now(1);
	osy_budget_usage(owners[1].org, &usage);
	assert_int_equal(usage.used, 899);
}

static void test_reserves_differ_by_run(void **state)
{
	struct osy_budget_org *greedy = osy_budget_org(owners[0].budget, org_id, 0);

	(void)state;
	assert_ptr_equal(osy_budget_org(owners[0].budget, org_id, 10), owners[0].org);
	assert_ptr_not_equal(greedy, owners[0].org);
	tell_limits(0, 950, 1000);
	osy_budget_want(greedy, 1, 0);
	MUST(osy_budget_turn_now(greedy, &err));
	assert_true(osy_budget_exhausted(owners[0].org));
	assert_false(osy_budget_exhausted(greedy));
	assert_true(osy_budget_may_start(greedy));
}

static void test_a_scan_takes_its_calls_whole(void **state)
{
	bool taken = true;

	(void)state;
	tell_limits(0, 850, 1000); /* fifty are left */
	MUST(osy_budget_take(owners[0].org, 51, 60000, &taken, &err));
	assert_false(taken);
	MUST(osy_budget_take(owners[0].org, 30, 60000, &taken, &err));
	assert_true(taken);
	MUST(osy_budget_take(owners[1].org, 30, 60000, &taken, &err));
	assert_false(taken);
	MUST(osy_budget_turn_now(owners[0].org, &err)); /* gives back */
	MUST(osy_budget_take(owners[1].org, 30, 60000, &taken, &err));
	assert_true(taken);
}

static void test_one_probe_and_bulk_limits_for_all(void **state)
{
	bool first = false, second = true;

	(void)state;
	assert_int_equal(osy_budget_bulk_left(owners[1].org, OSY_BULK_BATCHES), -1);
	MUST(osy_budget_may_probe(owners[0].org, 60000, &first, &err));
	MUST(osy_budget_may_probe(owners[1].org, 60000, &second, &err));
	assert_true(first);
	assert_false(second);
	tell_limits(0, 1, 1000);
	turn_now(1);
	assert_int_equal(osy_budget_bulk_left(owners[1].org, OSY_BULK_BATCHES), 14000);
	assert_int_equal(osy_budget_bulk_left(owners[1].org, OSY_BULK_QUERY_JOBS), 77);
}

/* ---- Row locks ---- */
static void write_want(int i)
{
	osy_budget_want(owners[i].org, 8, 8);
	osy_budget_locks(owners[i].org)->most = 8;
}

static void test_a_lock_narrows_all(void **state)
{
	struct osy_budget_locks *a = osy_budget_locks(owners[0].org),
				*b = osy_budget_locks(owners[1].org);

	(void)state;
	write_want(0);
	write_want(1);
	a->flying = b->flying = 3;
	turn_now(0);
	turn_now(1);
	assert_int_equal(a->limit, 0);
	a->locked = true;
	turn_now(0);
	assert_int_equal(a->limit, 1);
	assert_int_equal(a->share, 0); /* three of the other still fly */
	b->locked = true;	       /* of a request that was sent before: no second step */
	turn_now(1);
	assert_int_equal(b->limit, 1);
	assert_int_equal(b->steps, 1);
	assert_int_equal(a->steps, 1);
	a->flying = b->flying = 0;
	UNTIL(2, a->share + b->share == 1);
	/* Both come in turn. */
	bool had_a = false, had_b = false;
	UNTIL(2, (had_a |= a->share > 0, had_b |= b->share > 0, had_a && had_b));
	assert_int_equal(a->patience, 4);
	a->clean = 3;
	turn_now(0);
	assert_int_equal(a->limit, 1);
	b->clean = 1;
	turn_now(1);
	assert_int_equal(b->limit, 2);
	turn_now(0);
	turn_now(1);
	turn_now(0);
	assert_int_equal(a->share + b->share, 2);
	/* Again: twice as patient. A lock of a lone request is somebody else's. */
	a->locked = true;
	turn_now(0);
	assert_int_equal(a->limit, 1);
	assert_int_equal(a->patience, 8);
	a->locked = true;
	turn_now(0);
	assert_int_equal(a->steps, 2);
	for (unsigned limit = 1; limit < 16; limit *= 2) {
		assert_int_equal(a->limit, limit);
		a->clean = 8;
		turn_now(0);
	}
	assert_int_equal(a->limit, 0);
	a->clean = 1024; /* the past is over */
	turn_now(0);
	assert_int_equal(a->patience, 0);
}

static void test_each_step_down_takes_longer_to_undo(void **state)
{
	static const unsigned patience[] = {4, 8, 16, 32, 64, 128, 256, 256};
	struct osy_budget_locks *locks = osy_budget_locks(owners[0].org);

	(void)state;
	write_want(0);
	for (size_t i = 0; i < sizeof(patience) / sizeof(patience[0]); i++) {
		locks->locked = true;
		turn_now(0);
		assert_int_equal(locks->patience, patience[i]);
		locks->clean = patience[i] - 1;
		turn_now(0);
		locks->locked = true; /* breaks the row */
		turn_now(0);
		assert_int_equal(locks->left, patience[i]);
		locks->clean = patience[i];
		turn_now(0);
		assert_int_equal(locks->limit, 2);
	}
}

static int set_up(void **state)
{
	const char *url = getenv("ORGSYNC_REDIS_URL");

	(void)state;
	if (!url) {
		fprintf(stderr,
			"test_budget needs ORGSYNC_REDIS_URL: eval \"$(tests/stack env)\"\n");
		return -1;
	}
	snprintf(prefix, sizeof(prefix), "t%d", (int)getpid());
	redis = osy_redis_new(url);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (; tests_begun; tests_begun--) {
		snprintf(org_id, sizeof(org_id), "00D%012dAAA", tests_begun);
		empty_redis_of_ours();
	}
	osy_redis_free(redis);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_from_one_to_what_is_wanted),
		TEST(test_shares_are_even_as_wants_allow),
		TEST(test_a_refusal_shows_the_bound),
		TEST(test_a_false_bound_is_soon_left),
		TEST(test_busy_halves_once_and_all_wait),
		TEST(test_one_place_goes_round),
		TEST(test_the_dead_leave_nothing),
		TEST(test_grants_have_an_end),
		TEST(test_an_emptied_redis_starts_at_one),
		TEST(test_slow_requests_cap_the_org),
		TEST(test_latency_stops_the_growth),
		TEST(test_the_reserve_is_exact),
		TEST(test_what_a_dead_owner_was_granted_comes_back),
		TEST(test_a_daily_refusal_uses_up_all),
		TEST(test_replies_in_another_order_than_they_were_made),
		TEST(test_reserves_differ_by_run),
		TEST(test_a_scan_takes_its_calls_whole),
		TEST(test_one_probe_and_bulk_limits_for_all),
		TEST(test_a_lock_narrows_all),
		TEST(test_each_step_down_takes_longer_to_undo),
	};

	return cmocka_run_group_tests_name("budget", tests, set_up, tear_down);
}
