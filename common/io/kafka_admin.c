#include <time.h>

#include "kafka_internal.h"
#include "osy/clock.h"
#include "osy/mem.h"

#define ADMIN_MS 15000
/*
 * librdkafka 2.0.2: a consumer hangs in destroy for ever when a topic was deleted while an answer
 * to a fetch of it was under way, also when its lanes are closed by then (measured with
 * fetch.wait.max.ms=50: deleted 0 or 20 ms after the close 8 of 8 hang, after 60 ms none). So a
 * delete waits for the lanes that were closed just before.
 */
#define LET_FETCHES_END_MS 100

static void queue_done(rd_kafka_queue_t **queue)
{
	if (*queue)
		rd_kafka_queue_destroy(*queue);
}

static void event_done(rd_kafka_event_t **event)
{
	if (*event)
		rd_kafka_event_destroy(*event);
}

static void options_done(rd_kafka_AdminOptions_t **options)
{
	if (*options)
		rd_kafka_AdminOptions_destroy(*options);
}

static void new_topic_done(rd_kafka_NewTopic_t **topic)
{
	if (*topic)
		rd_kafka_NewTopic_destroy(*topic);
}

/* ---- Questions ---- */

static enum osy_code ask_partitions(
	rd_kafka_t *rk, const char *topic, unsigned *ret_count, bool *ret_led, struct osy_err *err)
{
	rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code;

	if (!handle)
		return osy_fail(
			err, OSY_E_INVALID, "%s cannot be the name of a Kafka topic", topic);
	code = rd_kafka_metadata(rk, 0, handle, &metadata, ADMIN_MS);
	rd_kafka_topic_destroy(handle);
	if (code)
		return osy_kafka_fail(err, code, "Kafka does not tell of topic %s", topic);
	OSY_ASSERT(metadata->topic_cnt == 1);
	code = metadata->topics[0].err;
	*ret_led = code == RD_KAFKA_RESP_ERR_NO_ERROR;
	*ret_count = code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
			     ? 0
			     : (unsigned)metadata->topics[0].partition_cnt;
	for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
		if (metadata->topics[0].partitions[i].leader < 0)
			*ret_led = false;
	rd_kafka_metadata_destroy(metadata);
	if (code && code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
		code != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
		return osy_kafka_fail(err, code, "Kafka does not tell of topic %s", topic);
	return OSY_OK;
}

enum osy_code osy_kafka_topic_partitions(
	struct osy_kafka *kafka, const char *topic, unsigned *ret_count, struct osy_err *err)
{
	bool led;
	rd_kafka_t *rk;
	enum osy_code rc = osy_kafka_asker(kafka, &rk, err);

	return rc ? rc : ask_partitions(rk, topic, ret_count, &led, err);
}

/* ---- Creating ---- */

/* A broker learns of a new topic a moment later; who sends or reads before that is told that there
 * is none. */
static enum osy_code await_topic(
	rd_kafka_t *rk, const char *topic, unsigned partitions, struct osy_err *err)
{
	int64_t deadline_ms = osy_mono_ms() + ADMIN_MS;
	const struct timespec pause = {0, 10 * 1000 * 1000};
	unsigned count = 0;
	bool led = false;

	for (;;) {
		enum osy_code rc = ask_partitions(rk, topic, &count, &led, err);

		if (rc)
			return rc;
		if (led && count >= partitions)
			return OSY_OK;
		if (led && count > 0)
			return osy_fail(err, OSY_E_EXISTS,
				"Kafka topic %s has %u partitions where %u are needed; delete it "
				"or choose another prefix",
				topic, count, partitions);
		if (osy_mono_ms() > deadline_ms)
			return osy_fail(err, OSY_E_TIMEOUT,
				"Kafka made topic %s, but its partitions have no leader", topic);
		nanosleep(&pause, NULL);
	}
}

static rd_kafka_AdminOptions_t *admin_options(rd_kafka_t *rk, rd_kafka_admin_op_t op)
{
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, op);
	char text[128];

	rd_kafka_AdminOptions_set_request_timeout(options, ADMIN_MS, text, sizeof(text));
	rd_kafka_AdminOptions_set_operation_timeout(options, ADMIN_MS / 2, text, sizeof(text));
	return options;
}

/* The error of an event with one result; that of the whole request goes first. */
static rd_kafka_resp_err_t event_error(rd_kafka_event_t *event)
{
	const rd_kafka_topic_result_t **results = NULL;
	size_t count = 0;

	if (!event)
		return RD_KAFKA_RESP_ERR__TIMED_OUT;
	if (rd_kafka_event_error(event))
		return rd_kafka_event_error(event);
	if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATETOPICS_RESULT)
		results = rd_kafka_CreateTopics_result_topics(
			rd_kafka_event_CreateTopics_result(event), &count);
	else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DELETETOPICS_RESULT)
		results = rd_kafka_DeleteTopics_result_topics(
			rd_kafka_event_DeleteTopics_result(event), &count);
	return count == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__FAIL;
}

enum osy_code osy_kafka_topic_create(struct osy_kafka *kafka, const char *topic,
	unsigned partitions, const struct osy_kafka_property *properties, size_t count,
	struct osy_err *err)
{
	OSY_AUTO(queue_done) rd_kafka_queue_t *queue = NULL;
	OSY_AUTO(event_done) rd_kafka_event_t *event = NULL;
	OSY_AUTO(options_done) rd_kafka_AdminOptions_t *options = NULL;
	OSY_AUTO(new_topic_done) rd_kafka_NewTopic_t *new_topic = NULL;
	rd_kafka_resp_err_t code;
	char text[200];
	rd_kafka_t *rk;
	enum osy_code rc = osy_kafka_asker(kafka, &rk, err);

	if (rc)
		return rc;
	/* -1: the broker's own replication factor */
	new_topic = rd_kafka_NewTopic_new(topic, (int)partitions, -1, text, sizeof(text));
	if (!new_topic)
		return osy_fail(
			err, OSY_E_INVALID, "Kafka topic %s cannot be made: %s", topic, text);
	for (size_t i = 0; i < count; i++)
		OSY_ASSERT(!rd_kafka_NewTopic_set_config(
			new_topic, properties[i].name, properties[i].value));
	queue = rd_kafka_queue_new(rk);
	options = admin_options(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	rd_kafka_CreateTopics(rk, &new_topic, 1, options, queue);
	event = rd_kafka_queue_poll(queue, ADMIN_MS + 5000);
	code = event_error(event);
	if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		return osy_kafka_fail(err, code, "Kafka topic %s cannot be made", topic);
	return await_topic(rk, topic, partitions, err);
}

/* ---- Deleting ---- */

/* So that who asks, or makes it anew, does not hear of the old one. */
static void await_no_topic(rd_kafka_t *rk, const char *topic)
{
	int64_t deadline_ms = osy_mono_ms() + ADMIN_MS / 3;
	const struct timespec pause = {0, 10 * 1000 * 1000};
	unsigned count = 1;
	struct osy_err ignored;
	bool led;

	while (ask_partitions(rk, topic, &count, &led, &ignored) == OSY_OK && count > 0 &&
		osy_mono_ms() < deadline_ms)
		nanosleep(&pause, NULL);
}

enum osy_code osy_kafka_topic_delete(
	struct osy_kafka *kafka, const char *topic, struct osy_err *err)
{
	OSY_AUTO(queue_done) rd_kafka_queue_t *queue = NULL;
	OSY_AUTO(event_done) rd_kafka_event_t *event = NULL;
	OSY_AUTO(options_done) rd_kafka_AdminOptions_t *options = NULL;
	rd_kafka_DeleteTopic_t *old = rd_kafka_DeleteTopic_new(topic);
	const struct timespec pause = {0, LET_FETCHES_END_MS * 1000000L};
	rd_kafka_resp_err_t code;
	rd_kafka_t *rk;
	enum osy_code rc = osy_kafka_asker(kafka, &rk, err);

	if (!rc) {
		nanosleep(&pause, NULL);
		queue = rd_kafka_queue_new(rk);
		options = admin_options(rk, RD_KAFKA_ADMIN_OP_DELETETOPICS);
		rd_kafka_DeleteTopics(rk, &old, 1, options, queue);
		event = rd_kafka_queue_poll(queue, ADMIN_MS + 5000);
		code = event_error(event);
		if (code && code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
			rc = osy_kafka_fail(err, code, "Kafka topic %s cannot be deleted", topic);
		else
			await_no_topic(rk, topic);
	}
	rd_kafka_DeleteTopic_destroy(old);
	return rc;
}
