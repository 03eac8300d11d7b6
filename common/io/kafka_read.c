/* Reading single messages: one shared consumer, one partition assigned at a time, none between two
 * calls. */
#include "kafka_internal.h"
#include "osy/clock.h"

#define READ_MS 15000
#define FIRST_LOOK_BACK 8
#define LOOK_BACK_FACTOR 16

static enum osy_code reader_of(struct osy_kafka *kafka, rd_kafka_t **ret, struct osy_err *err)
{
	static const struct osy_kafka_option forced[] = {{"group.id", "orgsync-reader"},
		{"isolation.level", "read_committed"}, {"enable.auto.commit", "false"},
		{"enable.auto.offset.store", "false"}, {"auto.offset.reset", "error"},
		{"enable.partition.eof", "true"}, {"allow.auto.create.topics", "false"},
		{"fetch.wait.max.ms", "10"}, {"fetch.error.backoff.ms", "50"},
		{"check.crcs", "true"}, {"queued.max.messages.kbytes", "4096"}, {NULL, NULL}};
	rd_kafka_conf_t *conf;
	enum osy_code rc = OSY_OK;

	pthread_mutex_lock(&kafka->lock);
	if (!kafka->reader) {
		rc = osy_kafka_conf(kafka, NULL, forced, &conf, err);
		if (!rc)
			rc = osy_kafka_make(OSY_KAFKA_CONSUMER, conf, &kafka->reader, err);
		if (!rc)
			rd_kafka_poll_set_consumer(kafka->reader);
	}
	*ret = kafka->reader;
	pthread_mutex_unlock(&kafka->lock);
	return rc;
}

static enum osy_code assign_at(
	rd_kafka_t *rk, const char *topic, int32_t partition, int64_t offset, struct osy_err *err)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_resp_err_t code;

	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
	code = rd_kafka_assign(rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return code ? osy_kafka_fail(err, code, "Kafka topic %s partition %d cannot be read", topic,
			      partition)
		    : OSY_OK;
}

/* Takes a message into out, replacing what is there. */
static enum osy_code keep(
	const rd_kafka_message_t *message, struct osy_buf *out, struct osy_err *err)
{
	osy_buf_reset(out);
	return osy_buf_try(out, message->payload ? message->payload : "", message->len, err);
}

enum { READ_ON, READ_END };

/* A broker that is away, or just back and without its topics yet, is waited for. */
static enum osy_code read_failed(const rd_kafka_message_t *message, const char *topic,
	int32_t partition, int *ret_next, struct osy_err *err)
{
	switch ((int)message->err) {
	case RD_KAFKA_RESP_ERR__PARTITION_EOF:
		*ret_next = READ_END;
		return OSY_OK;
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR__BAD_MSG:
		return osy_kafka_fail(err, message->err,
			"Kafka topic %s partition %d cannot be read", topic, partition);
	default:
		*ret_next = READ_ON;
		return OSY_OK;
	}
}

static bool is_of(const rd_kafka_message_t *message, const char *topic, int32_t partition)
{
	return !message->rkt || (message->partition == partition &&
					strcmp(rd_kafka_topic_name(message->rkt), topic) == 0);
}

/* What is wanted of a partition from an offset on: the message there (one), all of them (each), or
 * the last one before its end. */
struct wanted {
	int64_t offset;
	bool one;
	osy_kafka_one each;
	void *arg;
	struct osy_buf *out;
	/* found */
	bool got;
	int64_t at;
};

static enum osy_code take(const rd_kafka_message_t *message, struct wanted *wanted, int *ret_next,
	struct osy_err *err)
{
	if (wanted->each)
		return wanted->each(
			(struct osy_str){message->payload ? message->payload : "", message->len},
			wanted->arg, err);
	*ret_next = wanted->one ? READ_END : READ_ON;
	if (wanted->one && message->offset != wanted->offset)
		return OSY_OK;
	wanted->got = true;
	wanted->at = message->offset;
	return keep(message, wanted->out, err);
}

static enum osy_code scan(rd_kafka_t *rk, const char *topic, int32_t partition,
	struct wanted *wanted, struct osy_err *err)
{
	int64_t deadline_ms = osy_mono_ms() + READ_MS;
	enum osy_code rc = OSY_OK;
	int next = READ_ON;

	while (!rc && next == READ_ON) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 100);

		if (!message && osy_mono_ms() >= deadline_ms)
			return osy_fail_from(err, OSY_E_TIMEOUT, "kafka:timeout",
				"Kafka topic %s partition %d could not be read within %d s", topic,
				partition, READ_MS / 1000);
		if (!message)
			continue;
		if (!is_of(message, topic, partition)) {
			/* a leftover of the call before */
		} else if (message->err) {
			rc = read_failed(message, topic, partition, &next, err);
		} else if (message->offset >= wanted->offset) {
			rc = take(message, wanted, &next, err);
			deadline_ms = osy_mono_ms() + READ_MS;
		}
		rd_kafka_message_destroy(message);
	}
	return rc;
}

static enum osy_code read_from(struct osy_kafka *kafka, const char *topic, int32_t partition,
	struct wanted *wanted, struct osy_err *err)
{
	rd_kafka_t *rk;
	enum osy_code rc = reader_of(kafka, &rk, err);

	if (rc)
		return rc;
	pthread_mutex_lock(&kafka->read_lock);
	rc = assign_at(rk, topic, partition, wanted->offset, err);
	if (!rc)
		rc = scan(rk, topic, partition, wanted, err);
	rd_kafka_assign(rk, NULL);
	pthread_mutex_unlock(&kafka->read_lock);
	return rc;
}

static enum osy_code need_partition(
	struct osy_kafka *kafka, const char *topic, int32_t partition, struct osy_err *err)
{
	unsigned count = 0;
	enum osy_code rc = osy_kafka_topic_partitions(kafka, topic, &count, err);

	if (!rc && (partition < 0 || (unsigned)partition >= count))
		return osy_fail(err, OSY_E_NOT_FOUND, "there is no partition %d of Kafka topic %s",
			partition, topic);
	return rc;
}

/*
 * The end that a read_committed client is told is the last stable offset. Before it lie, besides
 * messages, markers of commits and aborts, and aborted messages: the look back widens until a
 * message shows.
 */
enum osy_code osy_kafka_last(struct osy_kafka *kafka, const char *topic, int32_t partition,
	bool *ret_got, struct osy_buf *out, int64_t *ret_offset, struct osy_err *err)
{
	int64_t low = 0, end = 0, back = FIRST_LOOK_BACK;
	struct wanted wanted = {.out = out};
	rd_kafka_resp_err_t code;
	rd_kafka_t *rk;
	enum osy_code rc = need_partition(kafka, topic, partition, err);

	if (!rc)
		rc = osy_kafka_asker(kafka, &rk, err);
	if (rc)
		return rc;
	code = rd_kafka_query_watermark_offsets(rk, topic, partition, &low, &end, READ_MS);
	if (code)
		return osy_kafka_fail(err, code,
			"Kafka does not tell the end of topic %s partition %d", topic, partition);
	wanted.offset = end;
	while (!wanted.got && wanted.offset > low) {
		wanted.offset = end - back > low ? end - back : low;
		back *= LOOK_BACK_FACTOR;
		rc = read_from(kafka, topic, partition, &wanted, err);
		if (rc)
			return rc;
	}
	*ret_got = wanted.got;
	if (wanted.got)
		*ret_offset = wanted.at;
	return OSY_OK;
}

enum osy_code osy_kafka_at(struct osy_kafka *kafka, const char *topic, int32_t partition,
	int64_t offset, struct osy_buf *out, struct osy_err *err)
{
	struct wanted wanted = {.offset = offset, .one = true, .out = out};
	enum osy_code rc = need_partition(kafka, topic, partition, err);

	if (!rc)
		rc = read_from(kafka, topic, partition, &wanted, err);
	if (rc)
		return rc;
	if (!wanted.got)
		return osy_fail(err, OSY_E_NOT_FOUND,
			"there is no message at offset %lld of Kafka topic %s partition %d",
			(long long)offset, topic, partition);
	return OSY_OK;
}

enum osy_code osy_kafka_each(struct osy_kafka *kafka, const char *topic, int32_t partition,
	osy_kafka_one each, void *arg, struct osy_err *err)
{
	struct wanted wanted = {.offset = RD_KAFKA_OFFSET_BEGINNING, .each = each, .arg = arg};
	enum osy_code rc = need_partition(kafka, topic, partition, err);

	return rc ? rc : read_from(kafka, topic, partition, &wanted, err);
}
