/*
 * Reconcile: inserts whose reply was lost and that no key can find again. Under an advisory lock of
 * their object, once every older insert of it is recorded or in doubt itself; new ones wait. See
 * docs/protocol.md.
 */
#include "load_reconcile.h"

#include <stdlib.h>

#include "osy/clock.h"
#include "osy/log.h"

#include "osy/banned.h"

#define BUSY_MS 150 /* somebody else reconciles, or inserts are still under way */

/* ---- The end of one ---- */
static void unlock(struct osy_loader *loader, const struct osy_lreconcile *rec)
{
	struct osy_err err = OSY_ERR_NONE;

	if (osy_pg_generation(loader->worker->pg) != rec->connection)
		return; /* the lock went with its connection */
	if (osy_pg_do(loader->worker->pg, NULL, &err, "SELECT pg_advisory_unlock($1)",
		    OSY_PG_I64(rec->lock)))
		osy_load_trouble(loader, "reconcile.unlock", &err);
}

static void rec_free(struct osy_lreconcile *rec)
{
	osy_arena_done(&rec->arena);
	free(rec->candidates);
	free(rec->taken);
	free(rec);
}

static void end(struct osy_loader *loader)
{
	unlock(loader, loader->reconcile);
	rec_free(loader->reconcile);
	loader->reconcile = NULL;
	loader->moved = true;
}

void osy_load_reconcile_free(struct osy_loader *loader)
{
	if (loader->reconcile)
		rec_free(loader->reconcile);
	loader->reconcile = NULL;
}

void osy_load_reconcile_drop(struct osy_loader *loader, const struct osy_lbatch *batch)
{
	struct osy_lreconcile *rec = loader->reconcile;
	size_t kept = 0;

	if (!rec)
		return;
	for (size_t i = 0; i < rec->count; i++) {
		if (rec->members[i] != batch)
			rec->members[kept++] = rec->members[i];
	}
	rec->count = kept;
	if (!kept)
		end(loader);
}

/* ---- The beginning ---- */
static size_t find_members(struct osy_loader *loader, struct osy_lbatch **ret)
{
	struct osy_lbatch *batches[OSY_LOAD_GATHER];
	size_t n = osy_load_pick(loader, OSY_STEP_DOUBT, batches, OSY_COUNT(batches)), count = 0;

	for (size_t i = 0; i < n && count < OSY_RECONCILE_MAX; i++) {
		if (osy_load_same_group(batches[0], batches[i]) &&
			batches[0]->object == batches[i]->object &&
			batches[0]->column_count == batches[i]->column_count)
			ret[count++] = batches[i];
	}
	return count;
}

static void all_wait(struct osy_lbatch **members, size_t count)
{
	for (size_t i = 0; i < count; i++)
		osy_load_wait(members[i], BUSY_MS);
}

/* After this no insert without a key of this object gets an intent. */
static bool mark(struct osy_loader *loader, struct osy_lbatch **members, size_t count)
{
	struct osy_pg *pg = loader->worker->pg;
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;
	int32_t lanes[OSY_RECONCILE_MAX];
	int64_t epochs[OSY_RECONCILE_MAX], offsets[OSY_RECONCILE_MAX];
	const struct osy_wrun *run = osy_lrun(members[0]);

	for (size_t i = 0; i < count; i++) {
		lanes[i] = members[i]->load->lane->lane;
		epochs[i] = members[i]->load->lane->epoch;
		offsets[i] = members[i]->offset;
	}
	bool good =
		!osy_pg_begin(pg, &err) &&
		!osy_pg_do(pg, NULL, &err, "SELECT pg_advisory_xact_lock($1)",
			OSY_PG_I64(osy_load_lock_key(members[0], 0))) &&
		!osy_pg_do(pg, &result, &err,
			"UPDATE batch b SET state = 'doubt', keyless = true, epoch = g.epoch FROM "
			"unnest($4::int[], $5::bigint[], $6::bigint[]) AS g(lane, epoch, "
			"at_offset) JOIN lane l ON l.run = $2 AND l.pass = $3 AND l.lane = g.lane "
			"AND l.owner = $1 AND l.epoch = g.epoch WHERE b.run = $2 AND b.pass = $3 "
			"AND b.lane = g.lane AND b.at_offset = g.at_offset AND b.state <> 'done' "
			"RETURNING b.lane, b.at_offset",
			OSY_PG_Z(loader->worker->id), OSY_PG_Z(run->id), OSY_PG_I32(run->pass),
			OSY_PG_I32S(lanes, count), OSY_PG_I64S(epochs, count),
			OSY_PG_I64S(offsets, count)) &&
		!osy_pg_commit(pg, &err);
	if (!good) {
		osy_pg_rollback(pg);
		return osy_load_trouble(loader, "reconcile.mark", &err);
	}
	if (osy_pg_rows(result) == count)
		return true;
	/* Some lane is not ours any more: which one the next statements will tell. */
	for (size_t i = 0; i < count; i++) {
		bool there = false;
		for (size_t r = 0; r < osy_pg_rows(result); r++)
			there |= osy_pg_i64(result, r, 0, -1) == lanes[i] &&
				 osy_pg_i64(result, r, 1, -1) == offsets[i];
		if (!there)
			osy_load_lose(members[i]->load);
	}
	return false;
}

static bool lock(struct osy_loader *loader, int64_t key, bool *ret_got)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;

	if (osy_pg_do(loader->worker->pg, &result, &err, "SELECT pg_try_advisory_lock($1)",
		    OSY_PG_I64(key)))
		return osy_load_trouble(loader, "reconcile.lock", &err);
	*ret_got = osy_pg_i64(result, 0, 0, 0) != 0;
	return true;
}

/*
 * An intent of a former owner of its lane is in doubt itself, be it taken up again or not: several
 * batches of a lane go in one request, and the next one is not taken before the first is cleared
 * up, which would wait for it for ever. What is in a job is in no doubt: the job's results say it.
 */
#define IS_ORPHAN                                                                               \
	"b.insert_job IS NULL AND b.update_job IS NULL AND EXISTS (SELECT 1 FROM lane l WHERE " \
	"l.run = b.run AND l.pass = b.pass "                                                    \
	"AND l.lane = b.lane AND l.epoch > b.epoch)"

/* Whether inserts of the group are under way whose replies may still come. */
static bool ask_under_way(struct osy_loader *loader, const struct osy_lbatch *batch, bool *ret)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;
	int32_t objects[64];
	size_t n = osy_load_same_target(batch, objects, OSY_COUNT(objects));

	if (osy_pg_do(loader->worker->pg, &result, &err,
		    "SELECT 1 FROM batch b WHERE run = $1 AND object = ANY($2) AND state = "
		    "'intent' AND keyless AND NOT (" IS_ORPHAN ") LIMIT 1",
		    OSY_PG_Z(osy_lrun(batch)->id), OSY_PG_I32S(objects, n)))
		return osy_load_trouble(loader, "reconcile.look", &err);
	*ret = osy_pg_rows(result) > 0;
	return true;
}

static void begin(struct osy_loader *loader)
{
	struct osy_lbatch *members[OSY_RECONCILE_MAX];
	size_t count = find_members(loader, members);
	struct osy_err err = OSY_ERR_NONE;
	bool got = false, under_way = true;

	if (!count || !mark(loader, members, count))
		return;
	int64_t key = osy_load_lock_key(members[0], 1);
	if (!lock(loader, key, &got))
		return;
	if (!got) {
		all_wait(members, count);
		return;
	}
	struct osy_lreconcile *rec = osy_xcalloc(1, sizeof(*rec));
	osy_arena_init(&rec->arena, 256u * 1024);
	rec->lock = key;
	rec->connection = osy_pg_generation(loader->worker->pg);
	memcpy(rec->members, members, count * sizeof(struct osy_lbatch *));
	rec->count = count;
	loader->reconcile = rec;
	bool good = ask_under_way(loader, members[0], &under_way);
	if (good && !under_way) {
		osy_reconcile_columns(rec);
		good = !osy_reconcile_taken(loader, rec, &err) ||
		       osy_load_trouble(loader, "reconcile.taken", &err);
	}
	if (!good || under_way) {
		all_wait(members, count);
		end(loader);
	}
}

/* ---- Deciding ---- */
static bool is_member(const struct osy_lreconcile *rec, int64_t lane, int64_t offset)
{
	for (size_t i = 0; i < rec->count; i++) {
		if (rec->members[i]->load->lane->lane == lane && rec->members[i]->offset == offset)
			return true;
	}
	return false;
}

static bool ask_others(
	struct osy_loader *loader, const struct osy_lreconcile *rec, struct osy_lothers *ret)
{
	const struct osy_lbatch *batch = rec->members[0];
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;
	int32_t objects[64];
	size_t n = osy_load_same_target(batch, objects, OSY_COUNT(objects));

	*ret = (struct osy_lothers){.alone = true, .youngest_ms = INT64_MAX};
	if (osy_pg_do(loader->worker->pg, &result, &err,
		    "SELECT lane, at_offset, coalesce(extract(epoch FROM clock_timestamp() - "
		    "sent_at) * 1000, 0)::bigint FROM batch b WHERE run = $1 AND object = ANY($2) "
		    "AND keyless AND (state IN ('doubt', 'aside') OR (state = 'intent' "
		    "AND " IS_ORPHAN "))",
		    OSY_PG_Z(osy_lrun(batch)->id), OSY_PG_I32S(objects, n)))
		return osy_load_trouble(loader, "reconcile.others", &err);
	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		int64_t age = osy_pg_i64(result, i, 2, 0);
		if (age < ret->youngest_ms)
			ret->youngest_ms = age;
		if (!is_member(rec, osy_pg_i64(result, i, 0, -1), osy_pg_i64(result, i, 1, -1)))
			ret->alone = false;
	}
	return true;
}

static void decide(struct osy_loader *loader, struct osy_lreconcile *rec)
{
	struct osy_lothers others;
	struct osy_err err = OSY_ERR_NONE;

	if (!ask_others(loader, rec, &others))
		return;
	if (osy_reconcile_taken(loader, rec, &err)) {
		osy_load_trouble(loader, "reconcile.taken", &err);
		return;
	}
	osy_reconcile_filter(rec);
	osy_reconcile_decide(rec, &others);
	rec->phase = OSY_RECONCILE_RECORD;
	(void)osy_load_record_these(loader, rec->members, rec->count);
}

/* The lock is kept until what was assigned is recorded. */
static bool all_recorded(const struct osy_lreconcile *rec)
{
	for (size_t i = 0; i < rec->count; i++) {
		if (rec->members[i]->step == OSY_STEP_RECORD && !rec->members[i]->load->lane->lost)
			return false;
	}
	return true;
}

static void again(struct osy_loader *loader, struct osy_lreconcile *rec)
{
	all_wait(rec->members, rec->count);
	end(loader);
}

void osy_load_reconcile(struct osy_loader *loader)
{
	if (!loader->reconcile)
		begin(loader);
	struct osy_lreconcile *rec = loader->reconcile;
	if (!rec)
		return;
	if (rec->phase != OSY_RECONCILE_RECORD &&
		osy_pg_generation(loader->worker->pg) != rec->connection) {
		again(loader, rec);
		return;
	}
	if (rec->phase == OSY_RECONCILE_PAGE)
		osy_reconcile_page(loader, rec);
	if (rec->phase == OSY_RECONCILE_DECIDE)
		decide(loader, rec);
	if (rec->phase == OSY_RECONCILE_RECORD && all_recorded(rec))
		end(loader);
}
