/* Which lanes fetch from Kafka: there are more of them than memory bears at once. */
#include "lanes.h"

#include "load.h"
#include "osy/clock.h"
#include "osy/log.h"

/* Each lane that fetches has a message ahead, or more if they are small: so much of them all. */
#define AHEAD_BYTES (4u * 1024 * 1024)
#define LEAST_FETCHING 4

/* Half as many lanes again fetch as there are requests in flight: more would only fill memory. */
static unsigned most_fetching(const struct osy_worker *worker)
{
	unsigned requests = (unsigned)worker->settings->worker_requests;
	size_t most = requests + (requests + 1) / 2;

	if (worker->message_bytes && most > AHEAD_BYTES / worker->message_bytes)
		most = AHEAD_BYTES / worker->message_bytes;
	return most < LEAST_FETCHING ? LEAST_FETCHING : (unsigned)most;
}

static bool may_fetch(const struct osy_worker *worker, const struct osy_wlane *lane)
{
	return !lane->lost && !lane->run->undo && !osy_lane_shall_go(worker, lane) &&
	       (!lane->run->aborting || osy_load_owes(lane->load)) && !osy_load_waits(lane->load);
}

static void close_queue(struct osy_wlane *lane)
{
	if (lane->queue)
		lane->queue = osy_kafka_lane_close(lane->queue);
}

static void open_queue(struct osy_worker *worker, struct osy_wlane *lane)
{
	struct osy_err err = OSY_ERR_NONE;

	lane->position = osy_load_next(lane->load, lane->position);
	if (osy_kafka_lane_open(worker->consumer, lane->run->topic, lane->lane, lane->position,
		    &lane->queue, &err)) {
		lane->queue = NULL;
		osy_log(OSY_WARN, "lane.open", OSY_KV("lane", lane->key), OSY_KV_ERR(&err));
	}
}

/* Moves a lane behind all others, so that those that wait for a place come before it. */
static void to_the_end(struct osy_worker *worker, struct osy_wlane *lane)
{
	struct osy_wlane **at = &worker->lanes;

	while (*at != lane)
		at = &(*at)->next;
	*at = lane->next;
	while (*at)
		at = &(*at)->next;
	*at = lane;
	lane->next = NULL;
}

/*
 * A lane that has nothing gives its place to one that waits for a place: at once when Kafka said
 * that this was all, else after so long without a message, and after twice as long each time that
 * it had none at all. For so long, too, it does not ask for a place again.
 */
#define EMPTY_MS 200
#define EMPTY_MOST_MS 1600

static bool has_nothing(const struct osy_wlane *lane)
{
	return lane->queue && lane->empty_since &&
	       (osy_load_idle(lane->load) || osy_load_waits_for_more(lane->load));
}

static int64_t patience_left(const struct osy_wlane *lane)
{
	return lane->empty_since + lane->patience_ms - osy_mono_ms();
}

static void wait_at_most(int64_t ms, unsigned *ret_wait_ms)
{
	if (ms < *ret_wait_ms)
		*ret_wait_ms = (unsigned)ms;
}

/* The first that takes nothing now, has nothing more, or has been empty for long enough;
 * *ret_wait_ms: if none, when the next one will have. */
static struct osy_wlane *least_useful(struct osy_worker *worker, unsigned *ret_wait_ms)
{
	for (struct osy_wlane *lane = worker->lanes; lane; lane = lane->next) {
		if (lane->queue && !osy_load_wants(lane->load))
			return lane;
	}
	for (struct osy_wlane *lane = worker->lanes; lane; lane = lane->next) {
		if (has_nothing(lane) && lane->at_end)
			return lane;
	}
	for (struct osy_wlane *lane = worker->lanes; lane; lane = lane->next) {
		if (!has_nothing(lane))
			continue;
		int64_t left = patience_left(lane);
		if (left <= 0)
			return lane;
		wait_at_most(left, ret_wait_ms);
	}
	return NULL;
}

static void give_up_place(struct osy_worker *worker, struct osy_wlane *lane)
{
	if (osy_load_wants(lane->load))
		osy_load_give_back(lane->load);
	close_queue(lane);
	if (lane->empty_since && lane->patience_ms < EMPTY_MOST_MS)
		lane->patience_ms *= 2;
	if (lane->at_end)
		lane->empty_since = osy_mono_ms();
	to_the_end(worker, lane);
}

/* Whether the lane, which has no place, should get one. */
static bool asks_for_place(
	const struct osy_worker *worker, struct osy_wlane *lane, unsigned *ret_wait_ms)
{
	int64_t left = 0;

	if (lane->queue || !may_fetch(worker, lane))
		return false;
	if (lane->at_end && (left = patience_left(lane)) > 0) {
		wait_at_most(left, ret_wait_ms);
		return false;
	}
	lane->at_end = false;
	return true;
}

static void close_queues(struct osy_worker *worker, unsigned most, unsigned *fetching)
{
	for (struct osy_wlane *lane = worker->lanes; lane; lane = lane->next) {
		if (!may_fetch(worker, lane))
			close_queue(lane);
		*fetching += lane->queue != NULL;
	}
	/* messages have turned out larger */
	for (struct osy_wlane *lane = worker->lanes; lane && *fetching > most; lane = lane->next) {
		if (!lane->queue || osy_load_wants(lane->load))
			continue;
		close_queue(lane);
		(*fetching)--;
	}
}

static void choose(struct osy_worker *worker, unsigned *ret_wait_ms)
{
	unsigned fetching = 0, most = most_fetching(worker);

	close_queues(worker, most, &fetching);
	for (struct osy_wlane *lane = worker->lanes, *next; lane; lane = next) {
		next = lane->next;
		if (!asks_for_place(worker, lane, ret_wait_ms))
			continue;
		if (fetching >= most) {
			if (!osy_load_wants(lane->load))
				continue;
			struct osy_wlane *idle = least_useful(worker, ret_wait_ms);
			if (!idle)
				return;
			if (next == idle)
				next = idle->next;
			give_up_place(worker, idle);
			fetching--;
		}
		open_queue(worker, lane);
		lane->empty_since = osy_mono_ms();
		if (!lane->patience_ms)
			lane->patience_ms = EMPTY_MS;
		fetching += lane->queue != NULL;
	}
}

void osy_lanes_look_again(struct osy_worker *worker)
{
	for (struct osy_wlane *lane = worker->lanes; lane; lane = lane->next) {
		if (lane->queue)
			continue;
		lane->at_end = false;
		lane->patience_ms = EMPTY_MS;
	}
}

static void note_size(struct osy_worker *worker, size_t bytes)
{
	worker->message_bytes =
		worker->message_bytes ? (worker->message_bytes * 7 + bytes) / 8 : bytes;
}

#define FAR 4 /* messages: more are not read to get past them */

/* Takes what the lane's load wants; true when it got something. */
static bool take(struct osy_worker *worker, struct osy_wlane *lane)
{
	bool took = false;

	while (lane->queue && osy_load_wants(lane->load)) {
		struct osy_kafka_message message = {0};
		struct osy_err err = OSY_ERR_NONE;
		bool got = false;
		enum osy_code rc = osy_kafka_lane_poll(lane->queue, &got, &message, &err);
		if (rc) {
			osy_log(rc == OSY_E_NOT_FOUND ? OSY_ERROR : OSY_WARN, "lane.poll",
				OSY_KV("lane", lane->key), OSY_KV_ERR(&err));
			close_queue(lane);
			return took;
		}
		if (!got) {
			if (!lane->empty_since)
				lane->empty_since = osy_mono_ms();
			lane->at_end = osy_kafka_lane_at_end(lane->queue);
			return took;
		}
		lane->at_end = false;
		lane->empty_since = 0;
		lane->patience_ms = EMPTY_MS;
		if (message.offset < lane->position) { /* a retry does not take it */
			osy_kafka_message_done(&message);
			continue;
		}
		lane->position = osy_load_next(lane->load, message.offset + 1);
		bool far = lane->position - message.offset > FAR;
		note_size(worker, message.payload.len);
		osy_load_give(lane->load, &message);
		took = true;
		if (far) /* opened again where the next one is */
			close_queue(lane);
	}
	return took;
}

bool osy_lanes_fetch(struct osy_worker *worker, unsigned *ret_wait_ms)
{
	bool took = false;

	choose(worker, ret_wait_ms);
	for (struct osy_wlane *lane = worker->lanes; lane; lane = lane->next)
		took |= take(worker, lane);
	return took;
}
