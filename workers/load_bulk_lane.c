/* What Postgres knows of a lane's ingest jobs, and what a new owner makes of it. See load_bulk.h.
 */
#include "load_bulk.h"

#include <stdlib.h>

#include "osy/failpoint.h"
#include "osy/log.h"

#include "osy/banned.h"

/* ---- Closing ---- */
static struct osy_str name_of(const struct osy_ljob *job)
{
	return job->size ? osy_str(job->id) : OSY_STR_NULL;
}

bool osy_lbulk_say_closing(struct osy_lbulk *bulk)
{
	const struct osy_wlane *lane = bulk->load->lane;
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;

	if (osy_pg_do(bulk->load->loader->worker->pg, &result, &err,
		    "UPDATE lane SET closed_insert = $6, closed_update = $7, closed_first = $8 "
		    "WHERE run = $1 AND pass = $2 AND lane = $3 AND owner = $4 AND epoch = $5 "
		    "RETURNING 1",
		    OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->run->pass), OSY_PG_I32(lane->lane),
		    OSY_PG_Z(bulk->load->loader->worker->id), OSY_PG_I64(lane->epoch),
		    OSY_PG_TEXT(name_of(&bulk->jobs[0])), OSY_PG_TEXT(name_of(&bulk->jobs[1])),
		    OSY_PG_I64(bulk->first)))
		return osy_load_trouble(bulk->load->loader, "job.closing", &err);
	if (!osy_pg_rows(result)) {
		osy_load_lose(bulk->load);
		return false;
	}
	(void)OSY_FAILPOINT("worker.job_closing");
	bulk->closing = true;
	for (unsigned i = 0; i < 2; i++) {
		if (bulk->jobs[i].size)
			bulk->jobs[i].step = OSY_LJOB_CLOSE;
	}
	return true;
}

/* ---- What a former owner left ---- */
static void adopt_job(struct osy_ljob *job, struct osy_str id)
{
	if (!id.p || id.len >= sizeof(job->id))
		return;
	memcpy(job->id, id.p, id.len);
	job->id[id.len] = 0;
	job->step = OSY_LJOB_LOOK;
}

static void adopt_batch(struct osy_load *load, const struct osy_pg_result *result, size_t i)
{
	const struct osy_spec *spec = load->lane->run->spec;
	int64_t offset = osy_pg_i64(result, i, 0, 0), object = osy_pg_i64(result, i, 1, -1);

	if (object < 0 || (size_t)object >= spec->object_count)
		return;
	struct osy_lbulk *bulk = load->bulk ? load->bulk
					    : osy_lbulk_new(load, &spec->objects[object],
						      osy_pg_i64(result, i, 2, 0));
	bulk->adopted = true;
	bulk->closing = osy_pg_i64(result, i, 5, 0) != 0;
	bulk->phase = bulk->closing ? OSY_LBULK_RUN : OSY_LBULK_LEAVE;
	bulk->first = bulk->first < offset ? bulk->first : offset;
	bulk->since = osy_pg_i64(result, i, 6, bulk->first);
	bulk->last = offset;
	bulk->batches++;
	adopt_job(&bulk->jobs[0], osy_pg_str(result, i, 3));
	adopt_job(&bulk->jobs[1], osy_pg_str(result, i, 4));
	struct osy_lleft *left = osy_load_left_add(load, offset);
	left->bulk = true;
	left->aside = left->done = false;
}

void osy_load_bulk_adopt(struct osy_load *load)
{
	const struct osy_wlane *lane = load->lane;
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;

	if (load->bulk || !load->left)
		return;
	if (osy_pg_do(load->loader->worker->pg, &result, &err,
		    "SELECT b.at_offset, b.object, b.stage, b.insert_job, b.update_job, "
		    "coalesce(b.insert_job = l.closed_insert, false) OR coalesce(b.update_job = "
		    "l.closed_update, false), "
		    "CASE WHEN b.insert_job = l.closed_insert OR b.update_job = l.closed_update "
		    "THEN l.closed_first END FROM batch b "
		    "JOIN lane l ON l.run = b.run AND l.pass = b.pass AND l.lane = b.lane WHERE "
		    "b.run = $1 AND b.pass = $2 AND b.lane = $3 AND b.state = 'intent' AND "
		    "(b.insert_job IS NOT NULL OR b.update_job IS NOT NULL) ORDER BY b.at_offset",
		    OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->run->pass), OSY_PG_I32(lane->lane))) {
		osy_load_left_free(load); /* all of it is read again */
		load->looked = false;
		osy_load_trouble(load->loader, "job.adopt", &err);
		return;
	}
	for (size_t i = 0; i < osy_pg_rows(result); i++)
		adopt_batch(load, result, i);
	if (load->bulk)
		osy_log(OSY_INFO, "job.adopted", OSY_KV("lane", lane->key),
			OSY_KV("insert", load->bulk->jobs[0].id),
			OSY_KV("update", load->bulk->jobs[1].id),
			OSY_KV_INT("batches", load->bulk->batches),
			OSY_KV_INT("closing", load->bulk->closing));
}

/* ---- Back to the batches ---- */
bool osy_lbulk_rewind(struct osy_lbulk *bulk)
{
	struct osy_load *load = bulk->load;
	struct osy_wlane *lane = load->lane;

	if (!osy_load_give_all_back(load))
		return false;
	load->waits_for_stage = 0; /* what waits for it lies behind them */
	lane->queue = lane->queue ? osy_kafka_lane_close(lane->queue) : NULL;
	if (bulk->first < lane->position)
		lane->position = bulk->first;
	return true;
}

/* Batches that were begun before the jobs keep their row: they are taken up again from there. */
static bool withdraw(struct osy_lbulk *bulk, struct osy_pg_result **ret)
{
	const struct osy_load *load = bulk->load;
	const struct osy_wlane *lane = load->lane;
	struct osy_err err = OSY_ERR_NONE;

	if (!osy_pg_do(load->loader->worker->pg, ret, &err,
		    "WITH j AS (SELECT b.at_offset, b.begun FROM batch b JOIN lane l ON l.run = "
		    "b.run AND l.pass = b.pass AND l.lane = b.lane WHERE b.run = $1 AND b.pass = "
		    "$2 AND b.lane = $3 AND l.owner = $4 AND l.epoch = $5 AND b.state = 'intent' "
		    "AND (b.insert_job IS NOT NULL OR b.update_job IS NOT NULL) FOR SHARE OF l), "
		    "d AS (DELETE FROM batch b USING j WHERE b.run = $1 AND b.pass = $2 AND "
		    "b.lane = $3 AND b.at_offset = j.at_offset AND NOT j.begun) "
		    "UPDATE batch b SET state = 'doubt', keyless = false, insert_job = NULL, "
		    "update_job = NULL FROM j WHERE b.run = $1 AND b.pass = $2 AND b.lane = $3 "
		    "AND b.at_offset = j.at_offset AND j.begun RETURNING b.at_offset",
		    OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->run->pass), OSY_PG_I32(lane->lane),
		    OSY_PG_Z(load->loader->worker->id), OSY_PG_I64(lane->epoch)))
		return true;
	return osy_load_trouble(load->loader, "job.leave", &err);
}

static bool is_among(const struct osy_pg_result *result, int64_t offset)
{
	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		if (osy_pg_i64(result, i, 0, -1) == offset)
			return true;
	}
	return false;
}

static void forget_batches(struct osy_load *load, const struct osy_pg_result *result)
{
	for (struct osy_lleft **at = &load->left; *at;) {
		struct osy_lleft *left = *at;
		if (!left->bulk || is_among(result, left->offset)) {
			left->bulk = false;
			at = &left->next;
			continue;
		}
		*at = left->next;
		free(left);
	}
}

void osy_lbulk_leave(struct osy_lbulk *bulk)
{
	struct osy_load *load = bulk->load;
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;

	if (bulk->batches) {
		if (!osy_lbulk_rewind(bulk) || !withdraw(bulk, &result))
			return;
		forget_batches(load, result);
	}
	for (unsigned i = 0; i < 2; i++)
		osy_lbulk_abort_open(&bulk->jobs[i]);
	osy_load_bulk_free(load);
}
