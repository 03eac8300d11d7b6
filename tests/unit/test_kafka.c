/*
 * common/io/kafka*.c against the broker of ORGSYNC_KAFKA_BROKERS, in topics of its own. The tests
 * that kill the broker run when ORGSYNC_TEST_KAFKA_KILL and ORGSYNC_TEST_KAFKA_START hold the
 * commands for it.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "osy/clock.h"
#include "osy/kafka.h"
#include "osy/mem.h"

static const char *brokers;
static struct osy_kafka *kafka;
static struct osy_err err;
static char topic[64];
static int serial;

#define OK(call)                                                             \
	do {                                                                 \
		enum osy_code osy_rc_ = (call);                              \
		if (osy_rc_)                                                 \
			fail_msg("%s: %s (%s)", #call, err.msg, err.origin); \
	} while (0)

static int setup(void **state)
{
	(void)state;
	OK(osy_kafka_new(brokers, NULL, &kafka, &err));
	snprintf(topic, sizeof(topic), "test_kafka.%d.%d", (int)getpid(), serial++);
	OK(osy_kafka_topic_create(kafka, topic, 4, NULL, 0, &err));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	OK(osy_kafka_topic_delete(kafka, topic, &err));
	kafka = osy_kafka_free(kafka);
	return 0;
}

static void send_number(
	struct osy_kafka_producer *producer, const char *to, int32_t partition, int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", n);
	OK(osy_kafka_send(producer, to, partition, osy_str(text), NULL, 0, &err));
}

static void commit_numbers(struct osy_kafka_producer *producer, int32_t partition, int from, int to)
{
	OK(osy_kafka_begin(producer, &err));
	for (int i = from; i < to; i++)
		send_number(producer, topic, partition, i);
	OK(osy_kafka_flush(producer, &err));
	OK(osy_kafka_commit_txn(producer, &err));
}

static void abort_numbers(struct osy_kafka_producer *producer, int32_t partition, int from, int to)
{
	OK(osy_kafka_begin(producer, &err));
	for (int i = from; i < to; i++)
		send_number(producer, topic, partition, i);
	OK(osy_kafka_flush(producer, &err));
	OK(osy_kafka_abort_txn(producer, &err));
}

static struct osy_kafka_producer *producer_of(const char *id)
{
	struct osy_kafka_producer *producer;

	OK(osy_kafka_producer_new(kafka, id, 4 << 20, &producer, &err));
	return producer;
}

/* Waits by the eventfd. False: nothing came within the time. */
static bool next_message(struct osy_kafka_lanes *lanes, struct osy_kafka_lane *lane, int timeout_ms,
	struct osy_kafka_message *ret)
{
	int64_t deadline_ms = osy_mono_ms() + timeout_ms;
	struct pollfd fd = {osy_kafka_lanes_fd(lanes), POLLIN, 0};
	bool got = false;

	for (;;) {
		OK(osy_kafka_lane_poll(lane, &got, ret, &err));
		if (got || osy_mono_ms() >= deadline_ms)
			return got;
		poll(&fd, 1, (int)(deadline_ms - osy_mono_ms()));
		osy_kafka_lanes_drain(lanes);
	}
}

static void expect_number(struct osy_kafka_lanes *lanes, struct osy_kafka_lane *lane, int n)
{
	struct osy_kafka_message message;
	char text[16];

	snprintf(text, sizeof(text), "%d", n);
	if (!next_message(lanes, lane, 60000, &message))
		fail_msg("message %d does not come", n);
	if (!osy_str_is(message.payload, text))
		fail_msg(
			"%.*s comes instead of %d", (int)message.payload.len, message.payload.p, n);
	osy_kafka_message_done(&message);
}

static enum osy_code await_end(
	struct osy_kafka_lanes *lanes, struct osy_kafka_lane *lane, int timeout_ms)
{
	int64_t deadline_ms = osy_mono_ms() + timeout_ms;
	struct osy_kafka_message message;
	enum osy_code rc = OSY_OK;
	bool got;

	while (!rc && osy_mono_ms() < deadline_ms) {
		rc = osy_kafka_lane_poll(lane, &got, &message, &err);
		if (!rc && got)
			osy_kafka_message_done(&message);
		usleep(10000);
		osy_kafka_lanes_drain(lanes);
	}
	return rc;
}

static void await_at_end(struct osy_kafka_lanes *lanes, struct osy_kafka_lane *lane)
{
	struct pollfd fd = {osy_kafka_lanes_fd(lanes), POLLIN, 0};
	struct osy_kafka_message message;
	bool got = false;

	for (int64_t deadline_ms = osy_mono_ms() + 60000; !osy_kafka_lane_at_end(lane);) {
		OK(osy_kafka_lane_poll(lane, &got, &message, &err));
		assert_false(got);
		if (osy_mono_ms() >= deadline_ms)
			fail_msg("the end is not noticed");
		poll(&fd, 1, 100);
		osy_kafka_lanes_drain(lanes);
	}
}

static void test_settings(void **state)
{
	const char *good[] = {"ORGSYNC_KAFKA_BROKERS=x:1", "ORGSYNC_KAFKA_PREFIX=p",
		"ORGSYNC_KAFKA_SASL_USERNAME=me", "ORGSYNC_KAFKA_SOCKET_SEND_BUFFER_BYTES=100000",
		"PATH=/bin", NULL};
	const char *unknown[] = {"ORGSYNC_KAFKA_NO_SUCH_THING=x", NULL};
	const char *secret[] = {"ORGSYNC_KAFKA_SECURITY_PROTOCOL=pa55word", NULL};
	struct osy_kafka *other;
	unsigned count;
	int64_t start_ms = osy_mono_ms();

	(void)state;
	OK(osy_kafka_ping(kafka, 5000, &count, &err));
	assert_true(count >= 1);
	print_message("ping: %ld ms\n", (long)(osy_mono_ms() - start_ms));
	OK(osy_kafka_new(brokers, (char **)good, &other, &err));
	osy_kafka_free(other);
	assert_int_equal(osy_kafka_new(brokers, (char **)unknown, &other, &err), OSY_E_INVALID);
	assert_non_null(strstr(err.msg, "no.such.thing"));
	assert_int_equal(osy_kafka_new(brokers, (char **)secret, &other, &err), OSY_E_INVALID);
	assert_null(strstr(err.msg, "pa55word"));
	assert_int_equal(osy_kafka_new("", NULL, &other, &err), OSY_E_INVALID);
	OK(osy_kafka_new("127.0.0.1:1", NULL, &other, &err));
	start_ms = osy_mono_ms();
	assert_int_equal(osy_kafka_ping(other, 500, &count, &err), OSY_E_KAFKA);
	assert_in_range(osy_mono_ms() - start_ms, 400, 20000);
	osy_kafka_free(other);
}

static void test_topics(void **state)
{
	const struct osy_kafka_property properties[] = {
		{"retention.ms", "-1"}, {"max.message.bytes", "2000000"}};
	char name[80];
	unsigned count;

	(void)state;
	snprintf(name, sizeof(name), "%s.more", topic);
	OK(osy_kafka_topic_partitions(kafka, name, &count, &err));
	assert_int_equal(count, 0);
	OK(osy_kafka_topic_create(kafka, name, 5, properties, 2, &err));
	OK(osy_kafka_topic_create(kafka, name, 5, properties, 2, &err));
	OK(osy_kafka_topic_create(kafka, name, 3, properties, 2, &err));
	assert_int_equal(osy_kafka_topic_create(kafka, name, 6, NULL, 0, &err), OSY_E_EXISTS);
	OK(osy_kafka_topic_partitions(kafka, name, &count, &err));
	assert_int_equal(count, 5);
	OK(osy_kafka_topic_delete(kafka, name, &err));
	OK(osy_kafka_topic_delete(kafka, name, &err));
	OK(osy_kafka_topic_partitions(kafka, name, &count, &err));
	assert_int_equal(count, 0);
	assert_int_equal(
		osy_kafka_topic_create(kafka, "no good name", 1, NULL, 0, &err), OSY_E_KAFKA);
}

static enum osy_code add_payload(struct osy_str payload, void *arg, struct osy_err *why)
{
	(void)why;
	osy_buf_addf(arg, "%.*s ", (int)payload.len, payload.p);
	return OSY_OK;
}

static enum osy_code refuse(struct osy_str payload, void *arg, struct osy_err *why)
{
	(void)payload;
	(void)arg;
	return osy_fail(why, OSY_E_INVALID, "no more");
}

static void test_transactions_and_last(void **state)
{
	struct osy_kafka_producer *producer = producer_of(topic);
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1000);
	int64_t offset = -5, start_us;
	bool got = true;

	(void)state;
	OK(osy_kafka_last(kafka, topic, 3, &got, &out, &offset, &err));
	assert_false(got);
	assert_int_equal(
		osy_kafka_last(kafka, topic, 9, &got, &out, &offset, &err), OSY_E_NOT_FOUND);
	assert_int_equal(osy_kafka_last_offset(producer, 3), -1);
	abort_numbers(producer, 3, 0, 2); /* offsets 0 1, marker 2 */
	assert_int_equal(osy_kafka_last_offset(producer, 3), -1);
	OK(osy_kafka_last(kafka, topic, 3, &got, &out, &offset, &err));
	assert_false(got);
	commit_numbers(producer, 3, 5, 7); /* 3 4, marker 5 */
	assert_int_equal(osy_kafka_last_offset(producer, 3), 4);
	OK(osy_kafka_last(kafka, topic, 3, &got, &out, &offset, &err));
	assert_true(got);
	assert_string_equal(out.p, "6");
	assert_int_equal(offset, 4);
	for (int i = 0; i < 60; i++)
		abort_numbers(producer, 3, 100, 105);
	assert_int_equal(osy_kafka_last_offset(producer, 3), 4);
	OK(osy_kafka_last(kafka, topic, 3, &got, &out, &offset, &err));
	assert_true(got);
	assert_string_equal(out.p, "6");
	/* an open transaction is not seen either */
	OK(osy_kafka_begin(producer, &err));
	send_number(producer, topic, 3, 9);
	OK(osy_kafka_flush(producer, &err));
	OK(osy_kafka_last(kafka, topic, 3, &got, &out, &offset, &err));
	assert_string_equal(out.p, "6");
	OK(osy_kafka_commit_txn(producer, &err));
	start_us = osy_mono_us();
	for (int i = 0; i < 20; i++)
		OK(osy_kafka_last(kafka, topic, 3, &got, &out, &offset, &err));
	print_message("last: %ld us\n", (long)((osy_mono_us() - start_us) / 20));
	assert_string_equal(out.p, "9");
	OK(osy_kafka_at(kafka, topic, 3, 3, &out, &err));
	assert_string_equal(out.p, "5");
	assert_int_equal(
		osy_kafka_at(kafka, topic, 3, 0, &out, &err), OSY_E_NOT_FOUND); /* aborted */
	assert_int_equal(
		osy_kafka_at(kafka, topic, 3, 5, &out, &err), OSY_E_NOT_FOUND); /* a marker */
	assert_int_equal(osy_kafka_at(kafka, topic, 3, 1000000, &out, &err), OSY_E_NOT_FOUND);
	assert_int_equal(osy_kafka_at(kafka, "test_kafka.none", 0, 0, &out, &err), OSY_E_NOT_FOUND);
	/* all of them: neither what was aborted nor markers */
	OSY_AUTO(osy_buf_done) struct osy_buf all = OSY_BUF(4096);
	OK(osy_kafka_each(kafka, topic, 3, add_payload, &all, &err));
	assert_string_equal(all.p, "5 6 9 ");
	OK(osy_kafka_each(kafka, topic, 2, add_payload, &all, &err));
	assert_string_equal(all.p, "5 6 9 ");
	assert_int_equal(osy_kafka_each(kafka, topic, 3, refuse, &all, &err), OSY_E_INVALID);
	assert_int_equal(osy_kafka_each(kafka, topic, 9, refuse, &all, &err), OSY_E_NOT_FOUND);
	osy_kafka_producer_free(producer);
}

static void test_fencing(void **state)
{
	struct osy_kafka_producer *old = producer_of(topic), *new;
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1000);
	int64_t offset, start_ms;
	enum osy_code rc;
	bool got;

	(void)state;
	commit_numbers(old, 0, 1, 2);
	OK(osy_kafka_begin(old, &err));
	send_number(old, topic, 0, 666);
	OK(osy_kafka_flush(old, &err));
	start_ms = osy_mono_ms();
	new = producer_of(topic);
	print_message(
		"take-over with an open transaction: %ld ms\n", (long)(osy_mono_ms() - start_ms));
	OK(osy_kafka_last(kafka, topic, 0, &got, &out, &offset, &err));
	assert_string_equal(out.p, "1");
	assert_int_equal(osy_kafka_commit_txn(old, &err), OSY_E_FENCED);
	assert_true(osy_kafka_producer_fatal(old));
	commit_numbers(new, 0, 2, 3);
	OK(osy_kafka_last(kafka, topic, 0, &got, &out, &offset, &err));
	assert_string_equal(out.p, "2");
	assert_false(osy_kafka_producer_fatal(new));
	osy_kafka_producer_free(old);

	/* one that was between two transactions, and begins the next */
	old = new;
	new = producer_of(topic);
	rc = osy_kafka_begin(old, &err);
	if (!rc)
		rc = osy_kafka_send(old, topic, 0, OSY_STR("667"), NULL, 0, &err);
	if (!rc)
		rc = osy_kafka_flush(old, &err);
	if (!rc)
		rc = osy_kafka_commit_txn(old, &err);
	assert_int_equal(rc, OSY_E_FENCED);
	assert_true(osy_kafka_producer_fatal(old));
	OK(osy_kafka_last(kafka, topic, 0, &got, &out, &offset, &err));
	assert_string_equal(out.p, "2");
	start_ms = osy_mono_ms();
	osy_kafka_producer_free(old);
	osy_kafka_producer_free(new);
	assert_in_range(osy_mono_ms() - start_ms, 0, 20000);
}

static void test_large_and_throughput(void **state)
{
	struct osy_kafka_producer *producer = producer_of(topic);
	size_t size = 900000;
	char *bytes = osy_xmalloc(size);
	int64_t start_ms;

	(void)state;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)osy_random_u64(); /* does not compress */
	start_ms = osy_mono_ms();
	for (int round = 0; round < 5; round++) {
		OK(osy_kafka_begin(producer, &err));
		for (int i = 0; i < 20; i++)
			OK(osy_kafka_send(producer, topic, i % 4, (struct osy_str){bytes, size},
				NULL, 0, &err));
		OK(osy_kafka_flush(producer, &err));
		OK(osy_kafka_commit_txn(producer, &err));
	}
	print_message("90 MB that do not compress: %ld ms\n", (long)(osy_mono_ms() - start_ms));
	OK(osy_kafka_begin(producer, &err));
	bytes = osy_xrealloc(bytes, 3000000);
	assert_int_equal(
		osy_kafka_send(producer, topic, 0, (struct osy_str){bytes, 3000000}, NULL, 0, &err),
		OSY_E_TOO_BIG);
	OK(osy_kafka_abort_txn(producer, &err));
	commit_numbers(producer, 0, 1, 2);
	start_ms = osy_mono_ms();
	for (int i = 0; i < 50; i++)
		commit_numbers(producer, 0, i, i + 1);
	print_message("a small transaction: %.1f ms\n", (double)(osy_mono_ms() - start_ms) / 50);
	free(bytes);
	osy_kafka_producer_free(producer);
}

static void test_lanes(void **state)
{
	struct osy_kafka_producer *producer = producer_of(topic);
	struct osy_kafka_lanes *lanes;
	struct osy_kafka_lane *lane;
	struct osy_kafka_message message;
	int64_t start_us;

	(void)state;
	commit_numbers(producer, 1, 0, 50);   /* offsets 0..49, marker 50 */
	abort_numbers(producer, 1, 600, 620); /* 51..70, marker 71 */
	commit_numbers(producer, 1, 50, 60);  /* 72..81, marker 82 */
	OK(osy_kafka_lanes_new(kafka, "test_kafka", 256 * 1024, &lanes, &err));
	OK(osy_kafka_lane_open(lanes, topic, 1, 0, &lane, &err));
	for (int i = 0; i < 60; i++)
		expect_number(lanes, lane, i);
	assert_false(next_message(lanes, lane, 300, &message));
	commit_numbers(producer, 1, 60, 61); /* 83 */
	expect_number(lanes, lane, 60);
	osy_kafka_lane_show(lane, 84);
	osy_kafka_lane_close(lane);
	/* again, at other positions, forward and back; never one before, none left out */
	for (int i = 0; i < 20; i++) {
		int at = (i * 37) % 50;

		start_us = osy_mono_us();
		OK(osy_kafka_lane_open(lanes, topic, 1, at, &lane, &err));
		assert_true(next_message(lanes, lane, 60000, &message));
		assert_int_equal(message.offset, at);
		if (i == 19)
			print_message(
				"a lane resumed in %ld us\n", (long)(osy_mono_us() - start_us));
		osy_kafka_message_done(&message);
		osy_kafka_message_done(&message);
		for (int j = at + 1; j < at + 5; j++)
			expect_number(lanes, lane, j);
		start_us = osy_mono_us();
		osy_kafka_lane_close(lane);
		if (i == 19)
			print_message("and closed in %ld us\n", (long)(osy_mono_us() - start_us));
	}
	OK(osy_kafka_lane_open(lanes, topic, 1, 51, &lane, &err)); /* among what was aborted */
	expect_number(lanes, lane, 50);
	osy_kafka_lane_close(lane);
	OK(osy_kafka_lane_open(lanes, topic, 1, 85, &lane, &err)); /* the end */
	assert_int_equal(await_end(lanes, lane, 500), OSY_OK);
	osy_kafka_lane_close(lane);
	OK(osy_kafka_lane_open(lanes, topic, 1, 99, &lane, &err)); /* past the end */
	assert_int_equal(await_end(lanes, lane, 60000), OSY_E_NOT_FOUND);
	osy_kafka_lane_close(lane);
	osy_kafka_lanes_free(lanes);
	osy_kafka_producer_free(producer);
}

#define TOPICS 10
#define PER_TOPIC 4
#define EACH 25

/* Commits and aborts leave marks behind the last message: the end is behind these. */
static void test_end_of_lane(void **state)
{
	struct osy_kafka_producer *producer = producer_of(topic);
	struct osy_kafka_lanes *lanes;
	struct osy_kafka_lane *lane;

	(void)state;
	osy_kafka_producer_meet(producer, topic);
	commit_numbers(producer, 0, 0, 2);
	abort_numbers(producer, 0, 600, 605);
	OK(osy_kafka_lanes_new(kafka, "test_kafka", 1 << 20, &lanes, &err));
	OK(osy_kafka_lane_open(lanes, topic, 0, 0, &lane, &err));
	assert_false(osy_kafka_lane_at_end(lane)); /* nobody has asked */
	for (int i = 0; i < 2; i++) {
		expect_number(lanes, lane, i);
		assert_false(osy_kafka_lane_at_end(lane));
	}
	await_at_end(lanes, lane);
	commit_numbers(producer, 0, 2, 3);
	expect_number(lanes, lane, 2);
	assert_false(osy_kafka_lane_at_end(lane));
	await_at_end(lanes, lane);
	osy_kafka_lane_close(lane);
	osy_kafka_lanes_free(lanes);
	osy_kafka_producer_free(producer);
}

static void test_many_lanes(void **state)
{
	struct osy_kafka_producer *producer = producer_of(topic);
	struct osy_kafka_lane *many[TOPICS][PER_TOPIC];
	struct osy_kafka_lanes *lanes;
	char names[TOPICS][80];
	int64_t start_ms;

	(void)state;
	OK(osy_kafka_lanes_new(kafka, "test_kafka", 256 * 1024, &lanes, &err));
	for (int t = 0; t < TOPICS; t++) {
		snprintf(names[t], sizeof(names[t]), "%s.%d", topic, t);
		OK(osy_kafka_topic_create(kafka, names[t], PER_TOPIC, NULL, 0, &err));
		for (int p = 0; p < PER_TOPIC; p++)
			OK(osy_kafka_lane_open(lanes, names[t], p, 0, &many[t][p], &err));
	}
	OK(osy_kafka_begin(producer, &err));
	for (int i = 0; i < EACH * TOPICS * PER_TOPIC; i++)
		send_number(producer, names[i % TOPICS], i / TOPICS % PER_TOPIC, i);
	OK(osy_kafka_flush(producer, &err));
	OK(osy_kafka_commit_txn(producer, &err));
	start_ms = osy_mono_ms();
	for (int i = 0; i < EACH * TOPICS * PER_TOPIC; i++)
		expect_number(lanes, many[i % TOPICS][i / TOPICS % PER_TOPIC], i);
	print_message("%d messages of %d lanes: %ld ms\n", EACH * TOPICS * PER_TOPIC,
		TOPICS * PER_TOPIC, (long)(osy_mono_ms() - start_ms));
	/* a topic that goes while the others are read on */
	for (int t = 0; t < TOPICS; t++) {
		for (int p = 0; p < PER_TOPIC; p++)
			osy_kafka_lane_close(many[t][p]);
		OK(osy_kafka_topic_delete(kafka, names[t], &err));
	}
	start_ms = osy_mono_ms();
	osy_kafka_lanes_free(lanes);
	print_message("lanes freed in %ld ms\n", (long)(osy_mono_ms() - start_ms));
	assert_in_range(osy_mono_ms() - start_ms, 0, 20000);
	osy_kafka_producer_free(producer);
}

/* A lane whose topic is taken away while it is open, and one that never had a topic: they end; all
 * closes. */
static void test_topic_is_gone(void **state)
{
	struct osy_kafka_producer *producer = producer_of(topic);
	struct osy_kafka_lane *lane, *none;
	struct osy_kafka_lanes *lanes;
	char name[80];
	int64_t start_ms;

	(void)state;
	snprintf(name, sizeof(name), "%s.gone", topic);
	OK(osy_kafka_topic_create(kafka, name, 1, NULL, 0, &err));
	OK(osy_kafka_lanes_new(kafka, "test_kafka", 256 * 1024, &lanes, &err));
	OK(osy_kafka_lane_open(lanes, name, 0, 0, &lane, &err));
	OK(osy_kafka_begin(producer, &err));
	send_number(producer, name, 0, 7);
	OK(osy_kafka_flush(producer, &err));
	OK(osy_kafka_commit_txn(producer, &err));
	expect_number(lanes, lane, 7);
	OK(osy_kafka_topic_delete(kafka, name, &err));
	start_ms = osy_mono_ms();
	assert_int_equal(await_end(lanes, lane, 60000), OSY_E_NOT_FOUND);
	print_message(
		"a deleted topic was noticed after %ld ms\n", (long)(osy_mono_ms() - start_ms));
	osy_kafka_lane_close(lane);
	OK(osy_kafka_lane_open(lanes, "test_kafka.never", 0, 0, &none, &err));
	start_ms = osy_mono_ms();
	assert_int_equal(await_end(lanes, none, 60000), OSY_E_NOT_FOUND);
	print_message(
		"a missing topic was noticed after %ld ms\n", (long)(osy_mono_ms() - start_ms));
	osy_kafka_lane_close(none);
	/* the others go on */
	commit_numbers(producer, 0, 0, 3);
	OK(osy_kafka_lane_open(lanes, topic, 0, 0, &lane, &err));
	for (int i = 0; i < 3; i++)
		expect_number(lanes, lane, i);
	osy_kafka_lane_close(lane);
	start_ms = osy_mono_ms();
	osy_kafka_lanes_free(lanes);
	print_message("lanes freed in %ld ms\n", (long)(osy_mono_ms() - start_ms));
	assert_in_range(osy_mono_ms() - start_ms, 0, 30000);
	osy_kafka_producer_free(producer);
}

/* A lane that is read one by one must not wait where its buffer was full. */
static void test_small_buffer(void **state)
{
	struct osy_kafka_producer *producer = producer_of(topic);
	struct osy_kafka_lanes *lanes;
	struct osy_kafka_lane *lane;
	struct osy_kafka_message message;
	char *bytes = osy_xmalloc(20000);
	int64_t start_ms, worst_ms = 0;

	(void)state;
	for (size_t i = 0; i < 20000; i++)
		bytes[i] = (char)osy_random_u64();
	OK(osy_kafka_begin(producer, &err));
	for (int i = 0; i < 1000; i++)
		OK(osy_kafka_send(
			producer, topic, 2, (struct osy_str){bytes, 20000}, NULL, 0, &err));
	OK(osy_kafka_flush(producer, &err));
	OK(osy_kafka_commit_txn(producer, &err));
	OK(osy_kafka_lanes_new(kafka, "test_kafka", 128 * 1024, &lanes, &err));
	OK(osy_kafka_lane_open(lanes, topic, 2, 0, &lane, &err));
	start_ms = osy_mono_ms();
	for (int i = 0; i < 1000; i++) {
		int64_t before_ms = osy_mono_ms();

		assert_true(next_message(lanes, lane, 60000, &message));
		assert_int_equal(message.offset, i);
		osy_kafka_message_done(&message);
		if (osy_mono_ms() - before_ms > worst_ms)
			worst_ms = osy_mono_ms() - before_ms;
		usleep(1000);
	}
	print_message("20 MB through a buffer of 128 KB: %ld ms, longest wait %ld ms\n",
		(long)(osy_mono_ms() - start_ms), (long)worst_ms);
	free(bytes);
	osy_kafka_lane_close(lane);
	osy_kafka_lanes_free(lanes);
	osy_kafka_producer_free(producer);
}

static void test_put(void **state)
{
	const struct osy_kafka_header headers[] = {
		{"object", OSY_STR("Account")}, {"count", OSY_STR("3")}};
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1000);
	OSY_AUTO(osy_buf_done) struct osy_buf small = OSY_BUF(3);
	int64_t offset;
	bool got;

	(void)state;
	OK(osy_kafka_put(kafka, topic, 2, OSY_STR("dead"), headers, 2, &err));
	OK(osy_kafka_put(kafka, topic, 2, OSY_STR("letter"), NULL, 0, &err));
	OK(osy_kafka_last(kafka, topic, 2, &got, &out, &offset, &err));
	assert_string_equal(out.p, "letter");
	OK(osy_kafka_at(kafka, topic, 2, 0, &out, &err));
	assert_string_equal(out.p, "dead");
	assert_int_equal(osy_kafka_at(kafka, topic, 2, 0, &small, &err), OSY_E_TOO_BIG);
	assert_int_equal(
		osy_kafka_put(kafka, topic, 77, OSY_STR("x"), NULL, 0, &err), OSY_E_NOT_FOUND);
}

/* ---- kill -9 of the broker ---- */

static void command(const char *variable)
{
	char line[1000];
	FILE *f;

	snprintf(line, sizeof(line), "( %s ) >/dev/null 2>&1", getenv(variable));
	f = popen(line, "r");
	assert_non_null(f);
	assert_int_equal(pclose(f), 0);
}

static void test_broker_is_killed(void **state)
{
	struct osy_kafka_producer *producer;
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1000);
	struct osy_kafka_lanes *lanes;
	struct osy_kafka_lane *lane, *idle;
	struct osy_kafka_message message;
	int64_t offset, start_ms;
	enum osy_code rc;
	int n = 0;
	bool got;

	(void)state;
	if (!getenv("ORGSYNC_TEST_KAFKA_KILL") || !getenv("ORGSYNC_TEST_KAFKA_START"))
		skip();
	producer = producer_of(topic);
	OK(osy_kafka_lanes_new(kafka, "test_kafka", 256 * 1024, &lanes, &err));
	OK(osy_kafka_lane_open(lanes, topic, 0, 0, &lane, &err));
	OK(osy_kafka_lane_open(lanes, topic, 1, 0, &idle, &err));
	for (int round = 0; round < 2; round++) {
		commit_numbers(producer, 0, n, n + 20);
		for (int i = 0; i < 10; i++)
			expect_number(lanes, lane, n + i);
		OK(osy_kafka_begin(producer, &err));
		send_number(producer, topic, 0, n + 20);
		command("ORGSYNC_TEST_KAFKA_KILL");
		send_number(producer, topic, 0, n + 21);
		for (int i = 10; i < 20; i++)
			expect_number(lanes, lane, n + i);
		assert_false(next_message(lanes, lane, 2000, &message));
		command("ORGSYNC_TEST_KAFKA_START");
		start_ms = osy_mono_ms();
		rc = osy_kafka_flush(producer, &err);
		if (!rc)
			rc = osy_kafka_commit_txn(producer, &err);
		print_message("after its return: transaction %s after %ld ms\n",
			rc ? err.msg : "committed", (long)(osy_mono_ms() - start_ms));
		if (rc && osy_kafka_producer_fatal(producer)) {
			osy_kafka_producer_free(producer);
			producer = producer_of(topic);
		} else if (rc) {
			OK(osy_kafka_abort_txn(producer, &err));
		}
		if (rc)
			commit_numbers(producer, 0, n + 20, n + 22);
		expect_number(lanes, lane, n + 20);
		expect_number(lanes, lane, n + 21);
		print_message(
			"and the lane has it after %ld ms\n", (long)(osy_mono_ms() - start_ms));
		OK(osy_kafka_last(kafka, topic, 0, &got, &out, &offset, &err));
		assert_true(got);
		n += 22;
	}
	assert_int_equal(await_end(lanes, idle, 5000), OSY_OK);
	commit_numbers(producer, 1, 1, 2);
	expect_number(lanes, idle, 1);
	osy_kafka_lane_close(lane);
	osy_kafka_lane_close(idle);
	osy_kafka_lanes_free(lanes);
	osy_kafka_producer_free(producer);
}

static void test_free_while_broker_is_away(void **state)
{
	struct osy_kafka_producer *producer;
	struct osy_kafka_lanes *lanes;
	struct osy_kafka_lane *lane;
	struct osy_kafka *other;
	int64_t start_ms;

	(void)state;
	if (!getenv("ORGSYNC_TEST_KAFKA_KILL") || !getenv("ORGSYNC_TEST_KAFKA_START"))
		skip();
	OK(osy_kafka_new(brokers, NULL, &other, &err));
	OK(osy_kafka_producer_new(other, topic, 1 << 20, &producer, &err));
	OK(osy_kafka_lanes_new(other, "test_kafka", 256 * 1024, &lanes, &err));
	OK(osy_kafka_lane_open(lanes, topic, 0, 0, &lane, &err));
	commit_numbers(producer, 0, 0, 1);
	expect_number(lanes, lane, 0);
	OK(osy_kafka_begin(producer, &err));
	send_number(producer, topic, 0, 1);
	command("ORGSYNC_TEST_KAFKA_KILL");
	osy_kafka_lane_show(lane, 1);
	assert_int_equal(osy_kafka_put(other, topic, 0, OSY_STR("x"), NULL, 0, &err), OSY_E_KAFKA);
	start_ms = osy_mono_ms();
	osy_kafka_lane_close(lane);
	osy_kafka_lanes_free(lanes);
	osy_kafka_producer_free(producer);
	osy_kafka_free(other);
	print_message("all freed without a broker in %ld ms\n", (long)(osy_mono_ms() - start_ms));
	command("ORGSYNC_TEST_KAFKA_START");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_settings),
		TEST(test_topics),
		TEST(test_transactions_and_last),
		TEST(test_fencing),
		TEST(test_large_and_throughput),
		TEST(test_lanes),
		TEST(test_end_of_lane),
		TEST(test_many_lanes),
		TEST(test_topic_is_gone),
		TEST(test_small_buffer),
		TEST(test_put),
		TEST(test_broker_is_killed),
		TEST(test_free_while_broker_is_away),
	};

	brokers = getenv("ORGSYNC_KAFKA_BROKERS");
	if (!brokers || !*brokers) {
		fprintf(stderr, "test_kafka: ORGSYNC_KAFKA_BROKERS is not set: run it by "
				"tests/run, or after "
				"`tests/stack up` and `eval \"$(tests/stack env)\"`\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
