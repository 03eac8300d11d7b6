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

/*
 * Each lane falls to one of the live workers by its number: lanes that follow each other to
 * different ones, for an object of few records fills the first lanes of its run only. It is no
 * more than a preference; a fair share is a number.
 */
#define SPREAD "((l.lane + hashtext(l.run)) & 2147483647)"

struct share {
	int64_t lanes;	       /* a fair share */
	int64_t mine;	       /* what is ours of all */
	int64_t named;	       /* and of those that nobody wants any more, too */
	int64_t workers, rank; /* live ones, and how many of them come before us */
};

static bool falls_to_us(const struct share *share, const struct osy_wlane *lane)
{
	return lane->spread % share->workers == share->rank;
}

static enum osy_code ask_share(struct osy_worker *worker, struct share *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(worker->pg, &result, err,
		"SELECT (SELECT count(*) " WANTED "), (SELECT count(*) " WANTED
		"AND l.owner = $1), w.workers, w.rank, (SELECT count(*) FROM lane l WHERE l.owner "
		"= $1) FROM (SELECT count(*) AS workers, count(*) FILTER (WHERE p.id < "
		"$1) AS rank FROM process p WHERE p.kind = 'worker' AND NOT p.draining AND " LIVE
		") w",
		OSY_PG_Z(worker->id), OSY_PG_I64(worker->settings->lease_ms));

	if (rc)
		return rc;
	int64_t wanted = osy_pg_i64(result, 0, 0, 0), workers = osy_pg_i64(result, 0, 2, 1);
	ret->mine = osy_pg_i64(result, 0, 1, 0);
	ret->workers = workers > 1 ? workers : 1;
	ret->rank = osy_pg_i64(result, 0, 3, 0);
	ret->named = osy_pg_i64(result, 0, 4, 0);
	ret->lanes = (wanted + ret->workers - 1) / ret->workers;
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

/* A row of run, pass, lane, epoch, position, spread. */
static void add_lane(struct osy_worker *worker, struct osy_wrun *run, int number,
	const struct osy_pg_result *result, size_t row)
{
	int64_t epoch = osy_pg_i64(result, row, 3, 0), position = osy_pg_i64(result, row, 4, 0);

	struct osy_wlane *lane = osy_xcalloc(1, sizeof(*lane));
	struct osy_wlane **end = &worker->lanes;

	lane->run = run;
	run->refs++;
	lane->lane = number;
	lane->spread = osy_pg_i64(result, row, 5, 0);
	lane->epoch = epoch;
	lane->position = lane->recorded = position;
	snprintf(lane->key, sizeof(lane->key), "%s:%d:%d", run->id, run->pass, number);
	lane->load = osy_load_new(worker->loader, lane);
	while (*end)
		end = &(*end)->next;
	*end = lane;
}

/* "<run>:<pass>" of each run in progress that is known here; *ret_count of them. */
static struct osy_str *name_runs(const struct osy_worker *worker, size_t *ret_count)
{
	size_t most = 0;

	for (const struct osy_wrun *run = worker->runs; run; run = run->next)
		most++;
	struct osy_str *names = osy_xcalloc(most + 1, sizeof(*names));
	*ret_count = 0;
	for (const struct osy_wrun *run = worker->runs; run; run = run->next) {
		if (run->active)
			names[(*ret_count)++] = osy_str(run->name);
	}
	return names;
}

/* Lanes of runs that are known here, and of no others: one that ended before the next look would
 * keep an owner that does not know of it. */
static enum osy_code claim(
	struct osy_worker *worker, const struct share *share, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	size_t count = 0;
	OSY_AUTO_FREE struct osy_str *runs = name_runs(worker, &count);
	enum osy_code rc = osy_pg_do(worker->pg, &result, err,
		"WITH pick AS (SELECT l.run, l.pass, l.lane " WANTED
		"AND l.run || ':' || l.pass = ANY($7) AND (l.owner IS NULL OR ($3 AND NOT EXISTS "
		"(SELECT 1 FROM process p WHERE p.id = "
		"l.owner AND " LIVE "))) ORDER BY " SPREAD
		" % $5 <> $6, l.lane LIMIT $4 FOR UPDATE OF l SKIP LOCKED) UPDATE lane l SET owner "
		"= $1, epoch = l.epoch + 1 FROM pick WHERE l.run = pick.run AND l.pass = pick.pass "
		"AND l.lane = pick.lane RETURNING l.run, l.pass, l.lane, l.epoch, "
		"l.position, " SPREAD,
		OSY_PG_Z(worker->id), OSY_PG_I64(worker->settings->lease_ms),
		OSY_PG_BOOL(osy_pulse_steady(worker->pulse)),
		OSY_PG_I64(share->lanes - share->mine), OSY_PG_I64(share->workers),
		OSY_PG_I64(share->rank), OSY_PG_TEXTS(runs, count));

	if (rc)
		return rc;
	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		char id[40];
		struct osy_str text = osy_pg_str(result, i, 0);
		snprintf(id, sizeof(id), "%.*s", (int)text.len, text.p);
		struct osy_wrun *run = osy_runs_find(worker, id, (int)osy_pg_i64(result, i, 1, 1));
		OSY_ASSERT(run);
		int number = (int)osy_pg_i64(result, i, 2, 0);
		struct osy_wlane *old = find_lane(worker, run, number);
		if (old)
			old->lost = true;
		add_lane(worker, run, number, result, i);
	}
	if (osy_pg_rows(result))
		osy_log(OSY_DEBUG, "lanes.claimed", OSY_KV_INT("lanes", osy_pg_rows(result)));
	return OSY_OK;
}

/* Gives back a lane that is ours by name, in this epoch. */
static enum osy_code disown(struct osy_worker *worker, struct osy_str run, int64_t pass,
	int64_t lane, int64_t epoch, struct osy_err *err)
{
	return osy_pg_do(worker->pg, NULL, err,
		"UPDATE lane SET owner = NULL WHERE run = $1 AND pass = $2 AND lane = $3 AND owner "
		"= $4 AND epoch = $5",
		OSY_PG_TEXT(run), OSY_PG_I64(pass), OSY_PG_I64(lane), OSY_PG_Z(worker->id),
		OSY_PG_I64(epoch));
}

/*
 * What Postgres says of lanes that are ours by name, whatever has become of their runs: lanes here
 * whose epoch moved on are lost; lanes that we do not know (claimed, and the answer never came) are
 * taken up, or given back when their run has ended. Those of ended runs that are here go the usual
 * way, for a request may be in flight.
 */
static enum osy_code verify(struct osy_worker *worker, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	unsigned term = osy_pulse_term(worker->pulse);
	enum osy_code rc = osy_pg_do(worker->pg, &result, err,
		"SELECT l.run, l.pass, l.lane, l.epoch, l.position, " SPREAD
		" FROM lane l WHERE l.owner = $1",
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
		struct osy_wlane *lane = run ? find_lane(worker, run, number) : NULL;
		while (lane && (lane->epoch != epoch || lane->run != run || lane->lane != number))
			lane = lane->next;
		if (lane)
			lane->lost = false;
		else if (run && run->active)
			add_lane(worker, run, number, result, i);
		else if (disown(worker, text, osy_pg_i64(result, i, 1, 0), number, epoch, err))
			rc = err->code; /* looked at again */
	}
	if (!rc)
		osy_pulse_verified(worker->pulse, term);
	return rc;
}

/* Marks so many lanes to be given back: those that fall to others first, of these those without
 * work. */
static void give_back(struct osy_worker *worker, const struct share *share, int64_t surplus)
{
	for (int turn = 0; turn < 4; turn++) {
		bool ours = turn >= 2, idle = turn % 2 == 0;
		for (struct osy_wlane *lane = worker->lanes; lane && surplus > 0;
			lane = lane->next) {
			if (lane->giving_back || lane->lost || falls_to_us(share, lane) != ours ||
				osy_load_idle(lane->load) != idle)
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
	struct share share = {0};
	enum osy_code rc = OSY_OK;

	if (worker->draining || !osy_pulse_beats(worker->pulse))
		return OSY_OK;
	rc = ask_share(worker, &share, err);
	/* Lanes that are ours by name and unknown here, or the other way round: look closely. */
	int64_t here = 0;
	for (const struct osy_wlane *lane = worker->lanes; lane; lane = lane->next)
		here += !lane->lost;
	if (!rc && (here != share.named || !osy_pulse_may_send(worker->pulse)))
		rc = verify(worker, err);
	if (rc)
		return rc;
	int64_t stay = staying(worker);
	if (stay > share.lanes)
		give_back(worker, &share, stay - share.lanes);
	else if (share.mine < share.lanes)
		rc = claim(worker, &share, err);
	return rc;
}

/* ---- Giving lanes up ---- */
static void drop_lane(struct osy_wlane **at)
{
	struct osy_wlane *lane = *at;

	*at = lane->next;
	lane->queue = lane->queue ? osy_kafka_lane_close(lane->queue) : NULL;
	osy_load_free(lane->load);
	osy_runs_unref(lane->run);
	free(lane);
}

bool osy_lane_shall_go(const struct osy_worker *worker, const struct osy_wlane *lane)
{
	return worker->draining || lane->giving_back || !lane->run->active;
}

void osy_lanes_release(struct osy_worker *worker)
{
	for (struct osy_wlane **at = &worker->lanes; *at;) {
		struct osy_wlane *lane = *at;
		struct osy_err err = OSY_ERR_NONE;
		if (lane->lost) {
			drop_lane(at);
			continue;
		}
		if (!osy_lane_shall_go(worker, lane) || !osy_load_idle(lane->load)) {
			at = &lane->next;
			continue;
		}
		osy_load_bulk_leaves(lane->load);
		if (disown(worker, osy_str(lane->run->id), lane->run->pass, lane->lane, lane->epoch,
			    &err)) {
			osy_log(OSY_WARN, "lane.release", OSY_KV("lane", lane->key),
				OSY_KV_ERR(&err));
			return;
		}
		drop_lane(at);
	}
}

void osy_lanes_done(struct osy_worker *worker)
{
	while (worker->lanes)
		drop_lane(&worker->lanes);
}
