/* Keys of a target that were read, on the real Redis: what is found and what is not, and who may
 * write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "osy/mem.h"
#include "osy/target_keys.h"

static struct osy_redis *redis;
static char prefix[64];
static int object; /* another one a test */

static struct osy_err err;
#define MUST(call)                                          \
	do {                                                \
		if (call)                                   \
			fail_msg("%s: %s", #call, err.msg); \
	} while (0)

static struct osy_id number(int n)
{
	char text[32];
	struct osy_id id;

	snprintf(text, sizeof(text), "003%012d", n);
	assert_true(osy_id_parse(osy_str(text), &id));
	return id;
}

static uint64_t hash(int n)
{
	return osy_hash(&n, sizeof(n), 7);
}

static struct osy_target_keys open_keys(void)
{
	struct osy_target_keys keys;

	osy_target_keys_init(&keys, redis, prefix, "run1", object);
	MUST(osy_target_keys_load(&keys, &err));
	return keys;
}

/* Records from..to-1, each with a key of its own. */
static bool put(struct osy_target_keys *keys, int from, int to, bool whole)
{
	OSY_AUTO(osy_buf_done) struct osy_buf items = OSY_BUF(1u << 24);
	bool moved = true;

	for (int n = from; n < to; n++) {
		struct osy_id id = number(n);
		osy_target_keys_add(&items, hash(n), &id);
	}
	MUST(osy_target_keys_put(keys, &items, whole, &moved, &err));
	assert_int_equal(items.len, 0);
	return !moved;
}

static struct osy_target_key look(int n, bool *ret_whole)
{
	struct osy_target_key ask = {.hash = hash(n)};
	struct osy_target_keys keys;

	osy_target_keys_init(&keys, redis, prefix, "run1", object);
	MUST(osy_target_keys_look(&keys, "003", &ask, 1, ret_whole, &err));
	return ask;
}

static bool is_found(int n)
{
	struct osy_id want = number(n);
	bool whole = false;
	struct osy_target_key key = look(n, &whole);

	assert_true(whole);
	if (osy_id_is_set(&key.id))
		assert_true(osy_id_equal(&key.id, &want));
	return osy_id_is_set(&key.id);
}

static bool is_answered(void)
{
	bool whole = false;

	(void)look(1, &whole);
	return whole;
}

static void redis_do(const char *command, const char *key, const char *value)
{
	const struct osy_str args[] = {osy_str(command), osy_str(key), osy_str(value)};

	MUST(osy_redis_call(redis, args, value[0] ? 3 : 2, NULL, &err));
}

static size_t count_left(void)
{
	const struct osy_redis_reply *reply = NULL;
	char pattern[200];

	snprintf(pattern, sizeof(pattern), "%s:keys:run1:%d*", prefix, object);
	const struct osy_str args[] = {OSY_STR("KEYS"), osy_str(pattern)};
	MUST(osy_redis_call(redis, args, 2, &reply, &err));
	return osy_redis_count(reply);
}

static void found_or_absent(void **state)
{
	struct osy_target_keys keys = open_keys();

	(void)state;
	assert_string_equal(keys.text, "");
	assert_false(is_answered());
	MUST(osy_target_keys_begin(&keys, 10000, &err));
	assert_int_equal(keys.buckets, 112);
	assert_true(put(&keys, 0, 10000, false));
	assert_false(is_answered()); /* they are not whole */
	assert_true(put(&keys, 10000, 10001, true));
	assert_true(keys.whole);
	for (int n = 0; n <= 10000; n += 7)
		assert_true(is_found(n));
	for (int n = 10001; n < 12000; n += 7)
		assert_false(is_found(n));
}

static void many_at_once(void **state)
{
	struct osy_target_keys keys = open_keys();
	OSY_AUTO_FREE struct osy_target_key *asks = osy_xcalloc(9000, sizeof(*asks));
	bool whole = false;

	(void)state;
	MUST(osy_target_keys_begin(&keys, 4500, &err));
	assert_true(put(&keys, 0, 4500, true));
	for (int n = 0; n < 9000; n++)
		asks[n].hash = hash(n);
	MUST(osy_target_keys_look(&keys, "003", asks, 9000, &whole, &err));
	assert_true(whole);
	for (int n = 0; n < 9000; n++) {
		struct osy_id want = number(n);
		assert_int_equal(osy_id_is_set(&asks[n].id), n < 4500);
		assert_true(n >= 4500 || osy_id_equal(&asks[n].id, &want));
		assert_false(asks[n].several);
	}
}

static void several_of_one_key(void **state)
{
	struct osy_target_keys keys = open_keys();
	OSY_AUTO(osy_buf_done) struct osy_buf items = OSY_BUF(1u << 20);
	bool moved = true, whole = false;

	(void)state;
	MUST(osy_target_keys_begin(&keys, 10, &err));
	for (int n = 0; n < 5; n++) { /* five records of one key, and one that is written twice */
		struct osy_id id = number(n), one = number(9);
		osy_target_keys_add(&items, hash(1), &id);
		osy_target_keys_add(&items, hash(9), &one);
	}
	MUST(osy_target_keys_put(&keys, &items, true, &moved, &err));
	assert_true(look(1, &whole).several);
	assert_false(is_found(1));
	assert_false(look(9, &whole).several);
	assert_true(is_found(9));
}

/* Another coordinator goes on; the one before finds that it has been replaced. */
static void goes_on_where_it_was(void **state)
{
	struct osy_target_keys first = open_keys();

	(void)state;
	MUST(osy_target_keys_begin(&first, 100, &err));
	memcpy(first.job, "750000000000001AAA", 19);
	memcpy(first.locator, "MTAwMDAw", 9);
	first.row = 50;
	assert_true(put(&first, 0, 50, false));
	struct osy_target_keys second = open_keys();
	assert_string_equal(second.job, "750000000000001AAA");
	assert_string_equal(second.locator, "MTAwMDAw");
	assert_int_equal(second.row, 50);
	assert_int_equal(second.keys, 50);
	second.row = 60;
	assert_true(put(&second, 50, 60, false));
	first.row = 55;
	assert_false(put(&first, 1000, 1005, true)); /* nothing of it is written */
	second.row = 100;
	assert_true(put(&second, 60, 100, true));
	assert_true(is_found(0) && is_found(55) && is_found(99));
	assert_false(is_found(1000));
}

static void emptied_in_the_middle(void **state)
{
	struct osy_target_keys keys = open_keys();

	(void)state;
	MUST(osy_target_keys_begin(&keys, 100, &err));
	memcpy(keys.job, "750000000000002AAA", 19);
	assert_true(put(&keys, 0, 50, false));
	redis_do("DEL", keys.name, "");
	assert_false(put(&keys, 50, 100, true));
	assert_false(is_answered());
	MUST(osy_target_keys_load(&keys, &err));
	assert_string_equal(keys.text, "");
	MUST(osy_target_keys_begin(&keys, 100, &err));
	assert_string_equal(keys.job, "750000000000002AAA"); /* its result is read from the start */
	assert_int_equal(keys.row, 0);
	assert_true(put(&keys, 0, 100, true));
	assert_true(is_found(49) && is_found(50));
}

/* What a server has that was restarted since may be older than what was written. */
static void of_another_server(void **state)
{
	struct osy_target_keys keys = open_keys();
	char text[sizeof(keys.text)];

	(void)state;
	MUST(osy_target_keys_begin(&keys, 100, &err));
	assert_true(put(&keys, 0, 100, true));
	assert_true(is_answered());
	snprintf(text, sizeof(text), "%s", keys.text);
	text[2] = text[2] == 'x' ? 'y' : 'x';
	redis_do("SET", keys.name, text);
	assert_false(is_answered());
	keys = open_keys();
	assert_string_equal(keys.text, "");
	assert_false(keys.whole);
	MUST(osy_target_keys_begin(&keys, 10, &err));
	assert_int_equal(count_left(), 1); /* the old ones are dropped */
	assert_true(put(&keys, 200, 210, true));
	assert_false(is_found(1));
	assert_true(is_found(205));
}

static void forgotten(void **state)
{
	struct osy_target_keys keys = open_keys();

	(void)state;
	MUST(osy_target_keys_begin(&keys, 1000, &err));
	assert_true(put(&keys, 0, 1000, true));
	assert_true(count_left() > 5);
	MUST(osy_target_keys_drop(redis, prefix, "run2", -1, &err));
	MUST(osy_target_keys_drop(redis, prefix, "run1", object + 1, &err));
	assert_true(is_found(1));
	MUST(osy_target_keys_drop(redis, prefix, "run1", object, &err));
	assert_int_equal(count_left(), 0);
	assert_false(is_answered());
}

static int set_up(void **state)
{
	const char *url = getenv("ORGSYNC_REDIS_URL");

	(void)state;
	if (!url) {
		fprintf(stderr, "test_target_keys needs ORGSYNC_REDIS_URL: eval "
				"\"$(tests/stack env)\"\n");
		return -1;
	}
	snprintf(prefix, sizeof(prefix), "t%d", (int)getpid());
	redis = osy_redis_new(url);
	return 0;
}

static int next_object(void **state)
{
	(void)state;
	object += 10;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	MUST(osy_target_keys_drop(redis, prefix, "run1", -1, &err));
	osy_redis_free(redis);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(found_or_absent, next_object),
		cmocka_unit_test_setup(many_at_once, next_object),
		cmocka_unit_test_setup(several_of_one_key, next_object),
		cmocka_unit_test_setup(goes_on_where_it_was, next_object),
		cmocka_unit_test_setup(emptied_in_the_middle, next_object),
		cmocka_unit_test_setup(of_another_server, next_object),
		cmocka_unit_test_setup(forgotten, next_object),
	};

	return cmocka_run_group_tests_name("target_keys", tests, set_up, tear_down);
}
