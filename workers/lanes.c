#include "lanes.h"

#include <stdio.h>
#include <stdlib.h>

#include "load.h"
#include "osy/clock.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "pulse.h"
#include "runs.h"

/* ---- Leases ---- */

/* Lanes that may be worked on: of runs in progress, this pass, a stage open. */
#define WANTED                                                               \
	"FROM lane l JOIN run r ON r.id = l.run WHERE r.state IN ('Sync In " \
	"Progress', 'Rollback Started') AND r.open_stage > 0 "               \
	"AND l.pass = r.pass "
#define LIVE "p.heartbeat_at > clock_timestamp() - $2 * interval '1 millisecond'"

/* What a fair share is, and what of it is ours. */
static enum osy_code ask_share(
	struct osy_worker *worker, int64_t *ret_share, int64_t *ret_mine, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(worker->pg, &result, err,
		"SELECT (SELECT count(*) " WANTED "), (SELECT count(*) " WANTED
		"AND l.owner = $1), "
		"(SELECT count(*) FROM process p WHERE p.kind = 'worker' AND NOT p.draining "
		"AND " LIVE ")",
		OSY_PG_Z(worker->id), OSY_PG_I64(worker->settings->lease_ms));

	if (rc)
		return rc;
	int64_t wanted = osy_pg_i64(result, 0, 0, 0), workers = osy_pg_i64(result, 0, 2, 1);
	*ret_mine = osy_pg_i64(result, 0, 1, 0);
	*ret_share = workers > 1 ? (wanted + workers - 1) / workers : wanted;
	return OSY_OK;
}

static struct osy_wlane *find_lane(
	const struct osy_worker *worker, const struct osy_wrun *run, int number)
{
	struct osy_wlane *lane = worker->lanes;

	while (lane && (lane->run != run || lane->lane != number))
		lane = lane->next;
	return lane;
}

static void add_lane(struct osy_worker *worker, struct osy_wrun *run, int number, int64_t epoch,
	int64_t position)
{
	struct osy_wlane *lane = osy_xcalloc(1, sizeof(*lane));
	struct osy_wlane **end = &worker->lanes;

	lane->run = run;
	run->refs++;
	lane->lane = number;
	lane->epoch = epoch;
	lane->position = lane->recorded = position;
	snprintf(lane->key, sizeof(lane->key), "%s:%d:%d", run->id, run->pass, number);
	lane->load = osy_load_new(worker->loader, lane);
	while (*end)
		end = &(*end)->next;
	*end = lane;
}

static enum osy_code claim(struct osy_worker *worker, int64_t most, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(worker->pg, &result, err,
		"WITH pick AS (SELECT l.run, l.pass, l.lane " WANTED
		"AND (l.owner IS NULL OR ($3 AND NOT EXISTS (SELECT 1 FROM process p WHERE p.id = "
		"l.owner AND " LIVE "))) ORDER BY l.lane LIMIT $4 FOR UPDATE OF l SKIP LOCKED) "
		"UPDATE lane l SET owner = $1, epoch = l.epoch + 1 FROM pick WHERE l.run = "
		"pick.run AND "
		"l.pass = pick.pass AND l.lane = pick.lane RETURNING l.run, l.pass, l.lane, "
		"l.epoch, l.position",
		OSY_PG_Z(worker->id), OSY_PG_I64(worker->settings->lease_ms),
		OSY_PG_BOOL(osy_pulse_steady(worker->pulse)), OSY_PG_I64(most));

	if (rc)
		return rc;
	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		char id[40];
		struct osy_str text = osy_pg_str(result, i, 0);
		snprintf(id, sizeof(id), "%.*s", (int)text.len, text.p);
		struct osy_wrun *run = osy_runs_find(worker, id, (int)osy_pg_i64(result, i, 1, 1));
		/* A run that is newer than our last look: its lanes are claimed, the next look
		 * brings the run. */
		if (!run)
			continue;
		int number = (int)osy_pg_i64(result, i, 2, 0);
		struct osy_wlane *old = find_lane(worker, run, number);
		if (old)
			old->lost = true;
		add_lane(worker, run, number, osy_pg_i64(result, i, 3, 0),
			osy_pg_i64(result, i, 4, 0));
	}
	if (osy_pg_rows(result))
		osy_log(OSY_DEBUG, "lanes.claimed", OSY_KV_INT("lanes", osy_pg_rows(result)));
	return OSY_OK;
}

/*
 * What Postgres says of lanes that are ours by name: lanes here whose epoch moved on are lost,
 * lanes that we do not know (claimed, and the answer never came) are taken up.
 */
static enum osy_code verify(struct osy_worker *worker, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	unsigned term = osy_pulse_term(worker->pulse);
	enum osy_code rc = osy_pg_do(worker->pg, &result, err,
		"SELECT l.run, l.pass, l.lane, l.epoch, l.position " WANTED "AND l.owner = $1",
		OSY_PG_Z(worker->id));

	if (rc)
		return rc;
	for (struct osy_wlane *lane = worker->lanes; lane; lane = lane->next)
		lane->lost = true;
	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		char id[40];
		struct osy_str text = osy_pg_str(result, i, 0);
		snprintf(id, sizeof(id), "%.*s", (int)text.len, text.p);
		struct osy_wrun *run = osy_runs_find(worker, id, (int)osy_pg_i64(result, i, 1, 1));
		int number = (int)osy_pg_i64(result, i, 2, 0);
		int64_t epoch = osy_pg_i64(result, i, 3, 0);
		if (!run)
			continue;
		struct osy_wlane *lane = find_lane(worker, run, number);
		while (lane && (lane->epoch != epoch || lane->run != run || lane->lane != number))
			lane = lane->next;
		if (lane)
			lane->lost = false;
		else
			add_lane(worker, run, number, epoch, osy_pg_i64(result, i, 4, 0));
	}
	osy_pulse_verified(worker->pulse, term);
	return OSY_OK;
}

/* Marks so many lanes to be given back, those without work first. */
static void give_back(struct osy_worker *worker, int64_t surplus)
{
	for (int busy = 0; busy < 2; busy++) {
		for (struct osy_wlane *lane = worker->lanes; lane && surplus > 0;
			lane = lane->next) {
			if (lane->giving_back || lane->lost ||
				osy_load_idle(lane->load) == (busy == 1))
				continue;
			lane->giving_back = true;
			surplus--;
		}
	}
}

static int64_t staying(const struct osy_worker *worker)
{
	int64_t n = 0;

	for (const struct osy_wlane *lane = worker->lanes; lane; lane = lane->next)
		n += lane->run->active && !lane->giving_back && !lane->lost;
	return n;
}

enum osy_code osy_lanes_balance(struct osy_worker *worker, struct osy_err *err)
{
	int64_t share = 0, mine = 0;
	enum osy_code rc = OSY_OK;

	if (worker->draining || !osy_pulse_beats(worker->pulse))
		return OSY_OK;
	rc = ask_share(worker, &share, &mine, err);
	/* Lanes that are ours by name and unknown here, or the other way round: look closely. */
	int64_t here = 0;
	for (const struct osy_wlane *lane = worker->lanes; lane; lane = lane->next)
		here += lane->run->active && !lane->lost;
	if (!rc && (here != mine || !osy_pulse_may_send(worker->pulse)))
		rc = verify(worker, err);
	if (rc)
		return rc;
	int64_t stay = staying(worker);
	if (stay > share)
		give_back(worker, stay - share);
	else if (mine < share)
		rc = claim(worker, share - mine, err);
	return rc;
}

/* ---- Giving lanes up ---- */
static void drop_lane(struct osy_worker *worker, struct osy_wlane **at)
{
	struct osy_wlane *lane = *at;

	*at = lane->next;
	lane->queue = lane->queue ? osy_kafka_lane_close(lane->queue) : NULL;
	osy_load_free(lane->load);
	osy_runs_unref(worker, lane->run);
	free(lane);
}

static bool shall_go(const struct osy_worker *worker, const struct osy_wlane *lane)
{
	return worker->draining || lane->giving_back || !lane->run->active;
}

void osy_lanes_release(struct osy_worker *worker)
{
	for (struct osy_wlane **at = &worker->lanes; *at;) {
		struct osy_wlane *lane = *at;
		struct osy_err err = OSY_ERR_NONE;
		if (lane->lost) {
			drop_lane(worker, at);
			continue;
		}
		if (!shall_go(worker, lane) || !osy_load_idle(lane->load)) {
			at = &lane->next;
			continue;
		}
		if (osy_pg_do(worker->pg, NULL, &err,
			    "UPDATE lane SET owner = NULL WHERE run = $1 AND pass = $2 AND lane = "
			    "$3 AND owner = $4 AND "
			    "epoch = $5",
			    OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->run->pass),
			    OSY_PG_I32(lane->lane), OSY_PG_Z(worker->id),
			    OSY_PG_I64(lane->epoch))) {
			osy_log(OSY_WARN, "lane.release", OSY_KV("lane", lane->key),
				OSY_KV_ERR(&err));
			return;
		}
		drop_lane(worker, at);
	}
}

void osy_lanes_done(struct osy_worker *worker)
{
	while (worker->lanes)
		drop_lane(worker, &worker->lanes);
}

/* ---- Fetching ---- */

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
	return !lane->lost && !lane->run->undo && !shall_go(worker, lane) &&
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
