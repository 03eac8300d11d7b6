#include <stdio.h>
#include <stdlib.h>

#include "kafka_internal.h"
#include "osy/clock.h"
#include "osy/mem.h"

#define PRODUCER_MAGIC 0x6b707264u
#define INIT_MS 30000
#define QUEUE_FULL_MS 60000
#define TXN_MS 60000
#define ABORT_MS 30000
#define MAX_PARTITION 100000
#define MEET_MS 5000

struct osy_kafka_producer {
	unsigned magic;
	rd_kafka_t *rk;
	char *id;
	int64_t *stored;    /* a partition: the last offset, -1 none */
	int64_t *committed; /* the same as of the last commit: an aborted message counts for nothing
			     */
	size_t slots;
	size_t undelivered; /* since begin */
	rd_kafka_resp_err_t why;
	bool broken; /* it can only be freed */
	rd_kafka_topic_t *met;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct osy_kafka_producer *producer = opaque;
	size_t slot = (size_t)message->partition;

	(void)rk;
	if (message->err) {
		producer->why = producer->undelivered++ ? producer->why : message->err;
		return;
	}
	if (slot < producer->slots && message->offset > producer->stored[slot])
		producer->stored[slot] = message->offset;
}

static void make_slot(struct osy_kafka_producer *producer, int32_t partition)
{
	size_t count = producer->slots ? producer->slots : 16;

	OSY_ASSERT(partition >= 0 && partition < MAX_PARTITION);
	if ((size_t)partition < producer->slots)
		return;
	while (count <= (size_t)partition)
		count *= 2;
	producer->stored = osy_xrealloc(producer->stored, count * sizeof(int64_t));
	producer->committed = osy_xrealloc(producer->committed, count * sizeof(int64_t));
	for (; producer->slots < count; producer->slots++)
		producer->stored[producer->slots] = producer->committed[producer->slots] = -1;
}

/* An error of code, or the fatal one behind it. */
static enum osy_code failed(struct osy_kafka_producer *producer, rd_kafka_resp_err_t code,
	const char *what, struct osy_err *err)
{
	char text[8];
	rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(producer->rk, text, sizeof(text));

	if (fatal || osy_kafka_is_fenced(code))
		producer->broken = true;
	if (fatal)
		code = fatal;
	return osy_kafka_fail(err, code, "producer %s %s", producer->id, what);
}

static enum osy_code failed_with(struct osy_kafka_producer *producer, rd_kafka_error_t *error,
	const char *what, struct osy_err *err)
{
	rd_kafka_resp_err_t code = rd_kafka_error_code(error);

	if (rd_kafka_error_is_fatal(error))
		producer->broken = true;
	rd_kafka_error_destroy(error);
	return failed(producer, code, what, err);
}

enum osy_code osy_kafka_producer_new(struct osy_kafka *kafka, const char *transactional_id,
	size_t queue_bytes, struct osy_kafka_producer **ret, struct osy_err *err)
{
	char queue_kb[24];
	const struct osy_kafka_option defaults[] = {
		{"compression.codec", "lz4"}, {"linger.ms", "5"}, {NULL, NULL}};
	const struct osy_kafka_option forced[] = {{"transactional.id", transactional_id},
		{"enable.idempotence", "true"}, {"acks", "all"}, {"message.max.bytes", "2000000"},
		{"transaction.timeout.ms", "60000"}, {"message.timeout.ms", "60000"},
		/* what is compressed together is unpacked together, and kept as long as one
		 * message of it is: large ones go alone */
		{"batch.size", "262144"}, {"queue.buffering.max.kbytes", queue_kb}, {NULL, NULL}};
	struct osy_kafka_producer *producer;
	rd_kafka_conf_t *conf;
	rd_kafka_error_t *error;
	enum osy_code rc;

	/* the largest message must fit */
	snprintf(queue_kb, sizeof(queue_kb), "%zu",
		queue_bytes / 1024 > 2048 ? queue_bytes / 1024 : 2048);
	rc = osy_kafka_conf(kafka, defaults, forced, &conf, err);
	if (rc)
		return rc;
	producer = osy_xcalloc(1, sizeof(*producer));
	producer->magic = PRODUCER_MAGIC;
	producer->id = osy_xstrdup(transactional_id);
	rd_kafka_conf_set_opaque(conf, producer);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rc = osy_kafka_make(OSY_KAFKA_PRODUCER, conf, &producer->rk, err);
	if (!rc) {
		error = rd_kafka_init_transactions(producer->rk, INIT_MS);
		if (error)
			rc = failed_with(producer, error, "cannot begin its work", err);
	}
	if (rc) {
		osy_kafka_producer_free(producer);
		return rc;
	}
	*ret = producer;
	return OSY_OK;
}

void osy_kafka_producer_meet(struct osy_kafka_producer *producer, const char *topic)
{
	const struct rd_kafka_metadata *metadata = NULL;

	OSY_ASSERT(producer->magic == PRODUCER_MAGIC && !producer->met);
	/* The answer tells what the handle is to know, so the handle comes first. */
	producer->met = rd_kafka_topic_new(producer->rk, topic, NULL);
	if (producer->met && !rd_kafka_metadata(producer->rk, 0, producer->met, &metadata, MEET_MS))
		rd_kafka_metadata_destroy(metadata);
}

struct osy_kafka_producer *osy_kafka_producer_free(struct osy_kafka_producer *producer)
{
	if (!producer)
		return NULL;
	OSY_ASSERT(producer->magic == PRODUCER_MAGIC);
	if (producer->met)
		rd_kafka_topic_destroy(producer->met);
	if (producer->rk) {
		rd_kafka_purge(producer->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
						     RD_KAFKA_PURGE_F_NON_BLOCKING);
		if (!osy_kafka_destroy(producer->rk, producer->id))
			return NULL; /* its callbacks may still use what is here */
	}
	free(producer->id);
	free(producer->stored);
	free(producer->committed);
	producer->magic = 0;
	free(producer);
	return NULL;
}

bool osy_kafka_producer_fatal(const struct osy_kafka_producer *producer)
{
	char text[8];

	return producer->broken || rd_kafka_fatal_error(producer->rk, text, sizeof(text));
}

/* ---- Transactions ---- */

enum osy_code osy_kafka_begin(struct osy_kafka_producer *producer, struct osy_err *err)
{
	rd_kafka_error_t *error;

	OSY_ASSERT(producer->magic == PRODUCER_MAGIC);
	error = rd_kafka_begin_transaction(producer->rk);
	if (error)
		return failed_with(producer, error, "cannot begin a transaction", err);
	producer->undelivered = 0;
	return OSY_OK;
}

static rd_kafka_headers_t *headers_of(const struct osy_kafka_header *headers, size_t count)
{
	rd_kafka_headers_t *list = count ? rd_kafka_headers_new(count) : NULL;

	for (size_t i = 0; i < count; i++)
		rd_kafka_header_add(list, headers[i].name, -1, headers[i].value.p,
			(ssize_t)headers[i].value.len);
	return list;
}

/* list is taken on success. */
static rd_kafka_resp_err_t produce(rd_kafka_t *rk, const char *topic, int32_t partition,
	struct osy_str payload, rd_kafka_headers_t *list, void *opaque)
{
	void *bytes = (void *)(uintptr_t)payload.p;

	if (!list)
		return rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic),
			RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_VALUE(bytes, payload.len),
			RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(opaque),
			RD_KAFKA_V_END);
	return rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
		RD_KAFKA_V_VALUE(bytes, payload.len), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_HEADERS(list), RD_KAFKA_V_END);
}

enum osy_code osy_kafka_send(struct osy_kafka_producer *producer, const char *topic,
	int32_t partition, struct osy_str payload, const struct osy_kafka_header *headers,
	size_t count, struct osy_err *err)
{
	int64_t deadline_ms = osy_mono_ms() + QUEUE_FULL_MS;
	rd_kafka_headers_t *list = headers_of(headers, count);
	rd_kafka_resp_err_t code;

	OSY_ASSERT(producer->magic == PRODUCER_MAGIC);
	make_slot(producer, partition);
	rd_kafka_poll(producer->rk, 0);
	while ((code = produce(producer->rk, topic, partition, payload, list, NULL)) ==
			RD_KAFKA_RESP_ERR__QUEUE_FULL &&
		osy_mono_ms() < deadline_ms && !producer->undelivered)
		rd_kafka_poll(producer->rk, 50);
	if (code) {
		if (list)
			rd_kafka_headers_destroy(list);
		return failed(producer, code, "cannot send a message", err);
	}
	return OSY_OK;
}

enum osy_code osy_kafka_flush(struct osy_kafka_producer *producer, struct osy_err *err)
{
	int64_t deadline_ms = osy_mono_ms() + TXN_MS;
	rd_kafka_resp_err_t code;

	OSY_ASSERT(producer->magic == PRODUCER_MAGIC);
	do
		code = rd_kafka_flush(producer->rk, 500);
	while (code == RD_KAFKA_RESP_ERR__TIMED_OUT && osy_mono_ms() < deadline_ms &&
		!osy_kafka_producer_fatal(producer));
	if (producer->undelivered)
		code = producer->why;
	return code ? failed(producer, code, "has undelivered messages", err) : OSY_OK;
}

int64_t osy_kafka_last_offset(const struct osy_kafka_producer *producer, int32_t partition)
{
	return partition >= 0 && (size_t)partition < producer->slots ? producer->stored[partition]
								     : -1;
}

enum osy_code osy_kafka_commit_txn(struct osy_kafka_producer *producer, struct osy_err *err)
{
	int64_t deadline_ms = osy_mono_ms() + TXN_MS;
	rd_kafka_error_t *error;

	OSY_ASSERT(producer->magic == PRODUCER_MAGIC);
	while ((error = rd_kafka_commit_transaction(producer->rk, 10000))) {
		if (!rd_kafka_error_is_retriable(error) || osy_mono_ms() >= deadline_ms)
			break;
		rd_kafka_error_destroy(error);
	}
	if (error) {
		/* not refused but unanswered: whether it is committed, only the next producer's
		 * look will tell */
		if (!rd_kafka_error_txn_requires_abort(error))
			producer->broken = true;
		return failed_with(producer, error, "cannot commit", err);
	}
	if (producer->slots)
		memcpy(producer->committed, producer->stored, producer->slots * sizeof(int64_t));
	return OSY_OK;
}

enum osy_code osy_kafka_abort_txn(struct osy_kafka_producer *producer, struct osy_err *err)
{
	int64_t deadline_ms = osy_mono_ms() + ABORT_MS;
	rd_kafka_error_t *error;

	OSY_ASSERT(producer->magic == PRODUCER_MAGIC);
	while ((error = rd_kafka_abort_transaction(producer->rk, 10000))) {
		if (!rd_kafka_error_is_retriable(error) || osy_mono_ms() >= deadline_ms)
			break;
		rd_kafka_error_destroy(error);
	}
	if (error) {
		producer->broken = true; /* there is no way from here to another transaction */
		return failed_with(producer, error, "cannot abort", err);
	}
	if (producer->slots)
		memcpy(producer->stored, producer->committed, producer->slots * sizeof(int64_t));
	producer->undelivered = 0;
	return OSY_OK;
}

/* ---- Single messages ---- */

struct single {
	int done; /* atomic */
	rd_kafka_resp_err_t code;
};

static void on_single(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct single *single = message->_private;

	(void)rk;
	(void)opaque;
	single->code = message->err;
	__atomic_store_n(&single->done, 1, __ATOMIC_RELEASE);
}

static enum osy_code putter_of(struct osy_kafka *kafka, rd_kafka_t **ret, struct osy_err *err)
{
	/* message.timeout.ms bounds the wait: the report comes in any case */
	static const struct osy_kafka_option defaults[] = {
		{"compression.codec", "lz4"}, {NULL, NULL}};
	static const struct osy_kafka_option forced[] = {{"acks", "all"},
		{"message.max.bytes", "2000000"}, {"message.timeout.ms", "10000"},
		{"linger.ms", "0"}, {NULL, NULL}};
	rd_kafka_conf_t *conf;
	enum osy_code rc = OSY_OK;

	pthread_mutex_lock(&kafka->lock);
	if (!kafka->putter) {
		rc = osy_kafka_conf(kafka, defaults, forced, &conf, err);
		if (!rc) {
			rd_kafka_conf_set_dr_msg_cb(conf, on_single);
			rc = osy_kafka_make(OSY_KAFKA_PRODUCER, conf, &kafka->putter, err);
		}
	}
	*ret = kafka->putter;
	pthread_mutex_unlock(&kafka->lock);
	return rc;
}

/* Any thread's poll may bring any thread's report. */
enum osy_code osy_kafka_put(struct osy_kafka *kafka, const char *topic, int32_t partition,
	struct osy_str payload, const struct osy_kafka_header *headers, size_t count,
	struct osy_err *err)
{
	struct single single = {0, RD_KAFKA_RESP_ERR_NO_ERROR};
	rd_kafka_headers_t *list;
	rd_kafka_t *rk;
	enum osy_code rc = putter_of(kafka, &rk, err);

	if (rc)
		return rc;
	list = headers_of(headers, count);
	single.code = produce(rk, topic, partition, payload, list, &single);
	if (single.code) {
		if (list)
			rd_kafka_headers_destroy(list);
		return osy_kafka_fail(
			err, single.code, "a message cannot be put into Kafka topic %s", topic);
	}
	while (!__atomic_load_n(&single.done, __ATOMIC_ACQUIRE))
		rd_kafka_poll(rk, 20);
	if (single.code)
		return osy_kafka_fail(
			err, single.code, "a message was not put into Kafka topic %s", topic);
	return OSY_OK;
}
