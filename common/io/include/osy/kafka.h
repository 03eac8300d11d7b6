/*
 * Kafka over librdkafka: topics, one transactional producer a run, lanes that are assigned (never
 * subscribed to), and reading a partition's last message. Settings: bootstrap list and
 * ORGSYNC_KAFKA_<PROPERTY> (see osy_kafka_new).
 *
 * Traps of librdkafka 2.0.2 that shape this: a consumer hangs in destroy when a topic was deleted
 * while assigned, so lanes are closed before topics go; polling is one message at a time;
 * auto.offset.reset=error, because a position that is gone is a fault to report; message.timeout.ms
 * is long and a fatal producer is freed and made anew.
 *
 * More of them, found by measuring: a consumer hangs too when a topic is deleted while an answer to
 * a fetch of it is under way, so osy_kafka_topic_delete() waits 100 ms for lanes closed just
 * before; a lane with a full buffer is not filled again for up to a second, so the lanes have a
 * thread that nudges the broker; a broker just started may not know its topics, so a lane is said
 * to be gone only after 3 s and a second question (which may block osy_kafka_lane_poll() for up to
 * a second, once). Closing takes up to 5 s while no broker answers.
 */
#ifndef OSY_KAFKA_H
#define OSY_KAFKA_H

#include "osy/str.h"

struct osy_kafka; /* the settings of a cluster; immutable, shared by threads */

/* environ: properties named ORGSYNC_KAFKA_SASL_USERNAME etc. become sasl.username (less BROKERS and
 * PREFIX). */
enum osy_code osy_kafka_new(const char *brokers, char **environ_or_null, struct osy_kafka **ret,
	struct osy_err *err) OSY_CHECKED;
struct osy_kafka *osy_kafka_free(struct osy_kafka *kafka);
/* Asks the cluster for its metadata, within timeout_ms. */
enum osy_code osy_kafka_ping(struct osy_kafka *kafka, unsigned timeout_ms, unsigned *ret_brokers,
	struct osy_err *err) OSY_CHECKED;

/* ---- Topics. A topic that is there already with as many partitions or more is fine. ---- */
struct osy_kafka_property {
	const char *name, *value;
};
enum osy_code osy_kafka_topic_create(struct osy_kafka *kafka, const char *topic,
	unsigned partitions, const struct osy_kafka_property *properties, size_t count,
	struct osy_err *err) OSY_CHECKED;
enum osy_code osy_kafka_topic_delete(struct osy_kafka *kafka, const char *topic,
	struct osy_err *err) OSY_CHECKED; /* one that is not there is fine */
enum osy_code osy_kafka_topic_partitions(struct osy_kafka *kafka, const char *topic,
	unsigned *ret_count, struct osy_err *err) OSY_CHECKED; /* 0: no such topic */

/* ---- Producer: transactional. Blocking calls; one thread at a time. ---- */
struct osy_kafka_producer;
struct osy_kafka_header {
	const char *name;
	struct osy_str value;
};

/* Initialises transactions, which fences an older producer of the same id. queue_bytes bounds its
 * own queue. */
enum osy_code osy_kafka_producer_new(struct osy_kafka *kafka, const char *transactional_id,
	size_t queue_bytes, struct osy_kafka_producer **ret, struct osy_err *err) OSY_CHECKED;
/*
 * Asks for the partitions of the topic that it is going to send to. Once at most; not needed, but
 * librdkafka 2.0.2 looks after topics it does not know once a second only, and the first messages
 * wait for that (measured: 0.85 s a run).
 */
void osy_kafka_producer_meet(struct osy_kafka_producer *producer, const char *topic);
/* Frees without waiting for long; an open transaction is left to be fenced. */
struct osy_kafka_producer *osy_kafka_producer_free(struct osy_kafka_producer *producer);
/*
 * begin, send ..., flush, commit. OSY_E_FENCED: another producer of this id has taken over. Other
 * errors: abort and try again, unless osy_kafka_producer_fatal(): then free it and make a new one.
 */
enum osy_code osy_kafka_begin(struct osy_kafka_producer *producer, struct osy_err *err) OSY_CHECKED;
/* Copies payload. Waits while the queue is full (at most 60 s). */
enum osy_code osy_kafka_send(struct osy_kafka_producer *producer, const char *topic,
	int32_t partition, struct osy_str payload, const struct osy_kafka_header *headers,
	size_t count, struct osy_err *err) OSY_CHECKED;
/* Waits until everything sent in this transaction is stored; an undelivered message is an error. */
enum osy_code osy_kafka_flush(struct osy_kafka_producer *producer, struct osy_err *err) OSY_CHECKED;
/* Offset of the last message stored in this partition by this producer since it was made; -1: none.
 * After flush. */
int64_t osy_kafka_last_offset(const struct osy_kafka_producer *producer, int32_t partition);
enum osy_code osy_kafka_commit_txn(
	struct osy_kafka_producer *producer, struct osy_err *err) OSY_CHECKED;
enum osy_code osy_kafka_abort_txn(
	struct osy_kafka_producer *producer, struct osy_err *err) OSY_CHECKED;
bool osy_kafka_producer_fatal(const struct osy_kafka_producer *producer);

/* One message outside a transaction (dead letters), waited for. Thread-safe; its producer is made
 * at the first call. */
enum osy_code osy_kafka_put(struct osy_kafka *kafka, const char *topic, int32_t partition,
	struct osy_str payload, const struct osy_kafka_header *headers, size_t count,
	struct osy_err *err) OSY_CHECKED;

/* ---- Lanes: one consumer, any number of assigned partitions, each with its own queue. One thread.
 * ---- */
struct osy_kafka_lanes;
struct osy_kafka_lane;
struct osy_kafka_message {
	struct osy_str payload; /* lives until osy_kafka_message_done */
	int64_t offset;
	void *handle_;
};

/* group shows positions in everybody's tools. fd becomes readable (an eventfd, never closed by the
 * caller) when a lane has something. */
enum osy_code osy_kafka_lanes_new(struct osy_kafka *kafka, const char *group,
	size_t fetch_bytes_per_lane, struct osy_kafka_lanes **ret, struct osy_err *err) OSY_CHECKED;
/* Unassigns everything and closes under a watchdog. All lanes must be closed before. */
struct osy_kafka_lanes *osy_kafka_lanes_free(struct osy_kafka_lanes *lanes);
int osy_kafka_lanes_fd(const struct osy_kafka_lanes *lanes);
void osy_kafka_lanes_drain(
	struct osy_kafka_lanes *lanes); /* clears the fd and serves the consumer's own events */
enum osy_code osy_kafka_lane_open(struct osy_kafka_lanes *lanes, const char *topic,
	int32_t partition, int64_t position, struct osy_kafka_lane **ret,
	struct osy_err *err) OSY_CHECKED;
struct osy_kafka_lane *osy_kafka_lane_close(struct osy_kafka_lane *lane);
/*
 * The next message, or *ret_got false when there is none yet. Never blocks. A message that is there
 * before the position asked for is never given. OSY_E_NOT_FOUND: the position or topic is gone.
 */
enum osy_code osy_kafka_lane_poll(struct osy_kafka_lane *lane, bool *ret_got,
	struct osy_kafka_message *ret, struct osy_err *err) OSY_CHECKED;
/* Whether the broker, when it was last asked, had nothing committed behind what has been given. */
bool osy_kafka_lane_at_end(const struct osy_kafka_lane *lane);
/* A header by name, borrowed from the message; p NULL when it has none. */
struct osy_str osy_kafka_message_header(const struct osy_kafka_message *message, const char *name);
void osy_kafka_message_done(
	struct osy_kafka_message *message); /* zeroed afterwards; a zeroed one is fine */
/* Shows the position under the group; never waits, errors are ignored (the truth is in Postgres).
 */
void osy_kafka_lane_show(struct osy_kafka_lane *lane, int64_t position);

/* ---- Reading without a lane ---- */
/* The last committed message of a partition; *ret_got false when there is none. Copies it into out.
 */
enum osy_code osy_kafka_last(struct osy_kafka *kafka, const char *topic, int32_t partition,
	bool *ret_got, struct osy_buf *out, int64_t *ret_offset, struct osy_err *err) OSY_CHECKED;
/* The message at an offset (a retry reads its payload from there). */
enum osy_code osy_kafka_at(struct osy_kafka *kafka, const char *topic, int32_t partition,
	int64_t offset, struct osy_buf *out, struct osy_err *err) OSY_CHECKED;
/* All committed messages of a partition, from its beginning to where it ends now; stops at the
 * first error of each. Others who read without a lane wait meanwhile. */
typedef enum osy_code (*osy_kafka_one)(struct osy_str payload, void *arg, struct osy_err *err);
enum osy_code osy_kafka_each(struct osy_kafka *kafka, const char *topic, int32_t partition,
	osy_kafka_one each, void *arg, struct osy_err *err) OSY_CHECKED;

#endif
