#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "kafka_internal.h"
#include "osy/clock.h"
#include "osy/log.h"
#include "osy/mem.h"

#define LANES_MAGIC 0x6b6c616eu
#define SHOW_EVERY_MS 1000
/* How long a broker may say that there is no such topic: it does so right after its start, too. */
#define UNKNOWN_MS 3000
#define CHECK_MS 1000
#define NUDGE_EVERY_MS 5
#define NUDGE_MS 500
#define MAX_NUDGES 64
/* Of one answer, all lanes together: it is unpacked as a whole. A message that is larger comes
 * alone. (fetch.max.bytes may not be below a consumer's message.max.bytes.) */
#define ANSWER_BYTES "262144"

struct osy_kafka_lanes {
	unsigned magic;
	rd_kafka_t *rk;
	rd_kafka_queue_t *main_queue;
	int fd;
	struct osy_kafka_lane *lanes;
	struct osy_kafka_lane
		*polled;  /* whose queue is being asked: on_error has no other way to know */
	int64_t shown_ms; /* when positions were last committed */
	/* The nudger and what it is asked to do. */
	pthread_t nudger;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct nudge {
		char *topic;
		int32_t partition;
	} nudges[MAX_NUDGES];
	size_t nudge_count;
	bool stop;
	struct osy_kafka_lanes *left_behind; /* the next one */
};

struct osy_kafka_lane {
	struct osy_kafka_lanes *lanes;
	struct osy_kafka_lane *prev, *next;
	rd_kafka_queue_t *queue;
	char *topic;
	int32_t partition;
	int64_t position;	  /* of the next message */
	int64_t show;		  /* to be shown; -1: nothing new */
	int64_t unknown_since_ms; /* since when the broker says that there is no such topic; 0: it
				     does not */
	bool missed;		  /* a message went past the lane */
	bool at_end;		  /* nothing has come since the broker had nothing more */
};

/* ---- The consumer ---- */

/*
 * Errors of the client, and those of a partition that librdkafka does not hand out as messages
 * ("desired partition is no longer available"); the latter come while the lane's queue is asked.
 */
static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct osy_kafka_lanes *lanes = opaque;

	(void)rk;
	if (lanes->polled && (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
				     code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
				     code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)) {
		if (!lanes->polled->unknown_since_ms)
			lanes->polled->unknown_since_ms = osy_mono_ms();
		return;
	}
	osy_log(OSY_WARN, "kafka.lanes", OSY_KV("code", rd_kafka_err2name(code)),
		OSY_KV("reason", reason));
}

static enum osy_code make_consumer(struct osy_kafka *kafka, const char *group, size_t fetch_bytes,
	struct osy_kafka_lanes *lanes, struct osy_err *err)
{
	char bytes[24], kbytes[24];
	const struct osy_kafka_option forced[] = {{"group.id", group},
		{"isolation.level", "read_committed"}, {"enable.auto.commit", "false"},
		{"enable.auto.offset.store", "false"}, {"auto.offset.reset", "error"},
		{"enable.partition.eof", "true"}, {"allow.auto.create.topics", "false"},
		{"check.crcs", "true"}, {"topic.metadata.propagation.max.ms", "1000"},
		{"fetch.wait.max.ms", "20"}, {"fetch.error.backoff.ms", "100"},
		{"fetch.message.max.bytes", bytes}, {"queued.max.messages.kbytes", kbytes},
		{"message.max.bytes", ANSWER_BYTES}, {"fetch.max.bytes", ANSWER_BYTES},
		{NULL, NULL}};
	rd_kafka_conf_t *conf;
	enum osy_code rc;

	if (fetch_bytes < 64 * 1024)
		fetch_bytes = 64 * 1024;
	snprintf(bytes, sizeof(bytes), "%zu", fetch_bytes);
	snprintf(kbytes, sizeof(kbytes), "%zu", fetch_bytes / 1024);
	rc = osy_kafka_conf(kafka, NULL, forced, &conf, err);
	if (rc)
		return rc;
	rd_kafka_conf_set_opaque(conf, lanes);
	rd_kafka_conf_set_error_cb(conf, on_error);
	return osy_kafka_make(OSY_KAFKA_CONSUMER, conf, &lanes->rk, err);
}

/* ---- The nudger ----
 *
 * librdkafka 2.0.2 asks a broker for more when its thread for that broker wakes up: at an answer,
 * or after a second. A lane whose buffer was full when the last answer came waits out that second
 * with an empty buffer (measured: 20 MB through a buffer of 128 KB took 20 s). Any question to the
 * broker wakes the thread; it blocks, so a thread of ours asks.
 */
static void ask(rd_kafka_t *rk, const struct nudge *what)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

	rd_kafka_topic_partition_list_add(list, what->topic, what->partition)->offset =
		RD_KAFKA_OFFSET_END;
	(void)!rd_kafka_offsets_for_times(
		rk, list, NUDGE_MS); /* query_watermark_offsets keeps to no time-out */
	rd_kafka_topic_partition_list_destroy(list);
}

static void *nudge(void *arg)
{
	struct osy_kafka_lanes *lanes = arg;
	const struct timespec pause = {0, NUDGE_EVERY_MS * 1000000L};

	pthread_mutex_lock(&lanes->lock);
	while (!lanes->stop) {
		struct nudge first = lanes->nudges[0];

		if (lanes->nudge_count == 0) {
			pthread_cond_wait(&lanes->wake, &lanes->lock);
			continue;
		}
		lanes->nudge_count--;
		memmove(lanes->nudges, lanes->nudges + 1, lanes->nudge_count * sizeof(first));
		pthread_mutex_unlock(&lanes->lock);
		ask(lanes->rk, &first);
		free(first.topic);
		nanosleep(&pause, NULL);
		pthread_mutex_lock(&lanes->lock);
	}
	pthread_mutex_unlock(&lanes->lock);
	return NULL;
}

/* After a message was taken: where the buffer runs dry, more is wanted. One that finds no place is
 * no loss: the others wake the same brokers. */
static void want_more(struct osy_kafka_lane *lane)
{
	struct osy_kafka_lanes *lanes = lane->lanes;

	if (rd_kafka_queue_length(lane->queue) > 1)
		return;
	pthread_mutex_lock(&lanes->lock);
	if (lanes->nudge_count < MAX_NUDGES)
		lanes->nudges[lanes->nudge_count++] =
			(struct nudge){osy_xstrdup(lane->topic), lane->partition};
	pthread_cond_signal(&lanes->wake);
	pthread_mutex_unlock(&lanes->lock);
}

static void forget_nudges(struct osy_kafka_lane *lane)
{
	struct osy_kafka_lanes *lanes = lane->lanes;
	size_t kept = 0;

	pthread_mutex_lock(&lanes->lock);
	for (size_t i = 0; i < lanes->nudge_count; i++) {
		struct nudge *one = &lanes->nudges[i];

		if (one->partition == lane->partition && strcmp(one->topic, lane->topic) == 0)
			free(one->topic);
		else
			lanes->nudges[kept++] = *one;
	}
	lanes->nudge_count = kept;
	pthread_mutex_unlock(&lanes->lock);
}

static bool stop_nudger(struct osy_kafka_lanes *lanes)
{
	struct timespec until;

	pthread_mutex_lock(&lanes->lock);
	lanes->stop = true;
	pthread_cond_signal(&lanes->wake);
	pthread_mutex_unlock(&lanes->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 3;
	if (pthread_timedjoin_np(lanes->nudger, NULL, &until) != 0)
		return false;
	while (lanes->nudge_count > 0)
		free(lanes->nudges[--lanes->nudge_count].topic);
	pthread_mutex_destroy(&lanes->lock);
	pthread_cond_destroy(&lanes->wake);
	return true;
}

/* librdkafka writes these bytes when a queue gets its first message. */
static void signal_on(rd_kafka_queue_t *queue, int fd)
{
	static const uint64_t one = 1;

	rd_kafka_queue_io_event_enable(queue, fd, &one, sizeof(one));
}

enum osy_code osy_kafka_lanes_new(struct osy_kafka *kafka, const char *group,
	size_t fetch_bytes_per_lane, struct osy_kafka_lanes **ret, struct osy_err *err)
{
	struct osy_kafka_lanes *lanes = osy_xcalloc(1, sizeof(*lanes));
	enum osy_code rc = make_consumer(kafka, group, fetch_bytes_per_lane, lanes, err);

	if (rc) {
		free(lanes);
		return rc;
	}
	lanes->magic = LANES_MAGIC;
	lanes->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	OSY_ASSERT(lanes->fd >= 0);
	rd_kafka_poll_set_consumer(lanes->rk);
	lanes->main_queue = rd_kafka_queue_get_consumer(lanes->rk);
	signal_on(lanes->main_queue, lanes->fd);
	pthread_mutex_init(&lanes->lock, NULL);
	pthread_cond_init(&lanes->wake, NULL);
	OSY_ASSERT(pthread_create(&lanes->nudger, NULL, nudge, lanes) == 0);
	*ret = lanes;
	return OSY_OK;
}

/* One whose client hangs may still be used by it: it stays, where it can be found. */
static void leave_behind(struct osy_kafka_lanes *lanes)
{
	static _Atomic(struct osy_kafka_lanes *) all;

	lanes->left_behind = atomic_load(&all);
	while (!atomic_compare_exchange_weak(&all, &lanes->left_behind, lanes))
		;
}

struct osy_kafka_lanes *osy_kafka_lanes_free(struct osy_kafka_lanes *lanes)
{
	if (!lanes)
		return NULL;
	OSY_ASSERT(lanes->magic == LANES_MAGIC && !lanes->lanes);
	rd_kafka_queue_io_event_enable(lanes->main_queue, -1, NULL, 0);
	rd_kafka_queue_destroy(lanes->main_queue);
	rd_kafka_assign(lanes->rk, NULL);
	if (!stop_nudger(lanes)) {
		osy_log(OSY_WARN, "kafka.close_hangs", OSY_KV("client", "lanes"));
		leave_behind(lanes);
		return NULL;
	}
	if (!osy_kafka_destroy(lanes->rk, "lanes")) {
		leave_behind(lanes); /* with the eventfd and what its callbacks see */
		return NULL;
	}
	close(lanes->fd);
	lanes->magic = 0;
	free(lanes);
	return NULL;
}

int osy_kafka_lanes_fd(const struct osy_kafka_lanes *lanes)
{
	return lanes->fd;
}

/* ---- Showing positions: all that are new in one commit, at most once a second ---- */

static void commit_shown(struct osy_kafka_lanes *lanes, bool now)
{
	rd_kafka_topic_partition_list_t *list;
	int64_t now_ms = osy_mono_ms();

	if (!now && now_ms - lanes->shown_ms < SHOW_EVERY_MS)
		return;
	list = rd_kafka_topic_partition_list_new(16);
	for (struct osy_kafka_lane *lane = lanes->lanes; lane; lane = lane->next) {
		if (lane->show < 0)
			continue;
		rd_kafka_topic_partition_list_add(list, lane->topic, lane->partition)->offset =
			lane->show;
		lane->show = -1;
	}
	if (list->cnt > 0) {
		lanes->shown_ms = now_ms;
		rd_kafka_commit(lanes->rk, list, 1);
	}
	rd_kafka_topic_partition_list_destroy(list);
}

void osy_kafka_lane_show(struct osy_kafka_lane *lane, int64_t position)
{
	lane->show = position;
	commit_shown(lane->lanes, false);
}

/* ---- Events of the consumer itself ---- */

/* Each lane has its own queue before it is assigned, so that nothing should come this way. */
static void went_past(struct osy_kafka_lanes *lanes, const rd_kafka_message_t *message)
{
	for (struct osy_kafka_lane *lane = lanes->lanes; lane; lane = lane->next)
		if (lane->partition == message->partition && message->rkt &&
			strcmp(lane->topic, rd_kafka_topic_name(message->rkt)) == 0)
			lane->missed = true;
}

void osy_kafka_lanes_drain(struct osy_kafka_lanes *lanes)
{
	rd_kafka_message_t *message;
	uint64_t count;

	OSY_ASSERT(lanes->magic == LANES_MAGIC);
	(void)!read(lanes->fd, &count, sizeof(count));
	while ((message = rd_kafka_consumer_poll(lanes->rk, 0))) {
		if (!message->err)
			went_past(lanes, message);
		rd_kafka_message_destroy(message);
	}
	commit_shown(lanes, false);
}

/* ---- Lanes ---- */

static rd_kafka_topic_partition_list_t *list_of(const struct osy_kafka_lane *lane)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

	rd_kafka_topic_partition_list_add(list, lane->topic, lane->partition)->offset =
		lane->position;
	return list;
}

static rd_kafka_resp_err_t assign(struct osy_kafka_lane *lane, bool on)
{
	rd_kafka_topic_partition_list_t *list = list_of(lane);
	rd_kafka_error_t *error = on ? rd_kafka_incremental_assign(lane->lanes->rk, list)
				     : rd_kafka_incremental_unassign(lane->lanes->rk, list);
	rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;

	if (error)
		rd_kafka_error_destroy(error);
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

static void lane_free(struct osy_kafka_lane *lane)
{
	rd_kafka_message_t *message;

	if (lane->queue) {
		rd_kafka_queue_io_event_enable(lane->queue, -1, NULL, 0);
		/* librdkafka would keep what has come until the lane is opened again */
		while ((message = rd_kafka_consume_queue(lane->queue, 0)))
			rd_kafka_message_destroy(message);
		rd_kafka_queue_destroy(lane->queue);
	}
	free(lane->topic);
	free(lane);
}

enum osy_code osy_kafka_lane_open(struct osy_kafka_lanes *lanes, const char *topic,
	int32_t partition, int64_t position, struct osy_kafka_lane **ret, struct osy_err *err)
{
	struct osy_kafka_lane *lane = osy_xcalloc(1, sizeof(*lane));
	rd_kafka_resp_err_t code;

	OSY_ASSERT(lanes->magic == LANES_MAGIC && position >= 0);
	lane->lanes = lanes;
	lane->topic = osy_xstrdup(topic);
	lane->partition = partition;
	lane->position = position;
	lane->show = -1;
	/* its own queue first: an assignment forwards to the common one only where nobody has
	 * decided otherwise */
	lane->queue = rd_kafka_queue_get_partition(lanes->rk, topic, partition);
	if (lane->queue) {
		rd_kafka_queue_forward(lane->queue, NULL);
		signal_on(lane->queue, lanes->fd);
	}
	code = lane->queue ? assign(lane, true) : RD_KAFKA_RESP_ERR__INVALID_ARG;
	if (code) {
		lane_free(lane);
		return osy_kafka_fail(
			err, code, "lane %d of Kafka topic %s cannot be opened", partition, topic);
	}
	lane->next = lanes->lanes;
	if (lane->next)
		lane->next->prev = lane;
	lanes->lanes = lane;
	*ret = lane;
	return OSY_OK;
}

struct osy_kafka_lane *osy_kafka_lane_close(struct osy_kafka_lane *lane)
{
	rd_kafka_resp_err_t code;

	if (!lane)
		return NULL;
	if (lane->show >= 0)
		commit_shown(lane->lanes, true);
	forget_nudges(lane);
	code = assign(lane, false);
	if (code)
		osy_log(OSY_WARN, "kafka.lane_close", OSY_KV("topic", lane->topic),
			OSY_KV_INT("partition", lane->partition),
			OSY_KV("reason", rd_kafka_err2str(code)));
	if (lane->prev)
		lane->prev->next = lane->next;
	else
		lane->lanes->lanes = lane->next;
	if (lane->next)
		lane->next->prev = lane->prev;
	lane_free(lane);
	return NULL;
}

/* ---- Messages ---- */

/*
 * The broker said a while ago that there is no such topic. Asks once more, shortly: gone for good,
 * or to be assigned again, or nobody answers (then later).
 */
static enum osy_code check_unknown(struct osy_kafka_lane *lane, struct osy_err *err)
{
	rd_kafka_topic_t *handle = rd_kafka_topic_new(lane->lanes->rk, lane->topic, NULL);
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code;
	bool known;

	lane->unknown_since_ms = osy_mono_ms();
	if (!handle)
		return OSY_OK;
	code = rd_kafka_metadata(lane->lanes->rk, 0, handle, &metadata, CHECK_MS);
	rd_kafka_topic_destroy(handle);
	if (code)
		return OSY_OK;
	code = metadata->topic_cnt == 1 ? metadata->topics[0].err
					: RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	known = !code && metadata->topics[0].partition_cnt > lane->partition;
	rd_kafka_metadata_destroy(metadata);
	if (code && code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		return OSY_OK;
	if (!known)
		return osy_kafka_fail(err, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
			"lane %d of Kafka topic %s is gone", lane->partition, lane->topic);
	lane->unknown_since_ms = 0;
	assign(lane, false);
	code = assign(lane, true);
	return code ? osy_kafka_fail(err, code, "lane %d of Kafka topic %s cannot be opened",
			      lane->partition, lane->topic)
		    : OSY_OK;
}

/* What ends a lane and what passes: librdkafka goes on by itself after a broker or a connection was
 * away. */
static enum osy_code lane_failed(
	struct osy_kafka_lane *lane, const rd_kafka_message_t *message, struct osy_err *err)
{
	switch ((int)message->err) {
	case RD_KAFKA_RESP_ERR__PARTITION_EOF:
		lane->at_end = true;
		return OSY_OK;
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
		return osy_kafka_fail(err, message->err,
			"position %lld of lane %d of Kafka topic %s is gone",
			(long long)lane->position, lane->partition, lane->topic);
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR__BAD_MSG:
	case RD_KAFKA_RESP_ERR__FATAL:
		return osy_kafka_fail(err, message->err, "lane %d of Kafka topic %s cannot be read",
			lane->partition, lane->topic);
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		if (!lane->unknown_since_ms)
			lane->unknown_since_ms = osy_mono_ms();
		return OSY_OK;
	default:
		osy_log(OSY_WARN, "kafka.lane_waits", OSY_KV("topic", lane->topic),
			OSY_KV_INT("partition", lane->partition),
			OSY_KV("reason", rd_kafka_err2str(message->err)));
		return OSY_OK;
	}
}

static rd_kafka_message_t *take(struct osy_kafka_lane *lane)
{
	rd_kafka_message_t *message;

	lane->lanes->polled = lane;
	message = rd_kafka_consume_queue(lane->queue, 0);
	lane->lanes->polled = NULL;
	return message;
}

enum osy_code osy_kafka_lane_poll(struct osy_kafka_lane *lane, bool *ret_got,
	struct osy_kafka_message *ret, struct osy_err *err)
{
	rd_kafka_message_t *message;
	enum osy_code rc = OSY_OK;

	*ret_got = false;
	if (lane->missed)
		return osy_fail_from(err, OSY_E_KAFKA, "kafka:missed",
			"a message went past lane %d of Kafka topic %s; open it again at its "
			"position",
			lane->partition, lane->topic);
	while (!rc && (message = take(lane))) {
		if (message->err) {
			rc = lane_failed(lane, message, err);
		} else if (message->offset >= lane->position) {
			*ret = (struct osy_kafka_message){
				.payload = {message->payload ? message->payload : "", message->len},
				.offset = message->offset,
				.handle_ = message,
			};
			lane->position = message->offset + 1;
			lane->unknown_since_ms = 0;
			lane->at_end = false;
			want_more(lane);
			*ret_got = true;
			return OSY_OK;
		}
		rd_kafka_message_destroy(message);
	}
	if (!rc && lane->unknown_since_ms && osy_mono_ms() - lane->unknown_since_ms > UNKNOWN_MS)
		rc = check_unknown(lane, err);
	return rc;
}

bool osy_kafka_lane_at_end(const struct osy_kafka_lane *lane)
{
	return lane->at_end;
}

struct osy_str osy_kafka_message_header(const struct osy_kafka_message *message, const char *name)
{
	rd_kafka_headers_t *headers = NULL;
	const void *value = NULL;
	size_t len = 0;

	if (!message->handle_ || rd_kafka_message_headers(message->handle_, &headers) ||
		rd_kafka_header_get_last(headers, name, &value, &len))
		return OSY_STR_NULL;
	return (struct osy_str){value, len};
}

void osy_kafka_message_done(struct osy_kafka_message *message)
{
	if (message->handle_)
		rd_kafka_message_destroy(message->handle_);
	*message = (struct osy_kafka_message){0};
}
