#include "publish.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/clock.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "osy/metrics.h"
#include "read.h"
#include "stage.h"

#define READ_AT_ONCE 6	 /* objects of one stage whose pages are in flight */
#define LINKS_PER_TXN 50 /* rows of `deferred` */
#define HUNGRY_AFTER_MS 1000
#define COMMIT_AFTER_MS 10000

struct osy_publisher {
	struct osy_drive *drive;
	struct publish_txn txn;
	struct osy_checkpoint checkpoint; /* committed */
	struct osy_checkpoint next;	  /* of the transaction that is being made */
	struct publish_object *objects;	  /* all of the spec; those of the stage are in use */
	bool *in_use;
	int stage; /* that is read; spec->stages + 1: none any more */
	int64_t committed_at, asked_at;
};

static struct osy_metric *records_metric(void)
{
	return osy_counter(
		"orgsync_published_records_total", "", "records published to run topics");
}

static void copy_checkpoint(struct osy_checkpoint *to, const struct osy_checkpoint *from)
{
	to->pass = from->pass;
	to->links_id = from->links_id;
	to->stages_ended = from->stages_ended;
	memcpy(to->objects, from->objects, from->object_count * sizeof(*to->objects));
	memcpy(to->ends, from->ends,
		(size_t)from->stage_count * from->lane_count * sizeof(*to->ends));
}

const struct osy_checkpoint *osy_publisher_checkpoint(const struct osy_publisher *publisher)
{
	return &publisher->checkpoint;
}

bool osy_publisher_done(const struct osy_publisher *publisher)
{
	return publisher->checkpoint.stages_ended >= publisher->drive->spec->stages;
}

/* ---- What a display shows of the journal ---- */
static enum osy_code show(struct osy_publisher *publisher, struct osy_err *err)
{
	struct osy_drive *drive = publisher->drive;
	size_t count = drive->spec->object_count;
	OSY_AUTO_FREE int64_t *published = osy_xcalloc(count + 1, sizeof(*published));
	OSY_AUTO_FREE int32_t *complete = osy_xcalloc(count + 1, sizeof(*complete));
	int64_t source_calls, target_calls;
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;

	for (size_t i = 0; i < count; i++) {
		published[i] = publisher->checkpoint.objects[i].published;
		complete[i] = publisher->checkpoint.objects[i].complete;
	}
	osy_drive_calls(drive, &source_calls, &target_calls);
	enum osy_code rc = osy_pg_do(drive->pg, &result, err,
		"WITH moved AS (UPDATE world SET version = version + 1 WHERE EXISTS (SELECT 1 FROM "
		"run WHERE id = $1 AND stages_published <> $9)), mine AS (UPDATE run SET "
		"source_calls = source_calls + $4, target_calls = target_calls + $5, published = "
		"$6, stages_published = $9 WHERE id = $1 AND owner = $2 AND epoch = $3 RETURNING "
		"id), shown AS (UPDATE run_object o SET published = n.published, complete = "
		"n.complete <> 0 FROM unnest($7::bigint[], $8::integer[]) WITH ORDINALITY AS n "
		"(published, complete, at), mine WHERE o.run = mine.id AND o.object = n.at - 1 AND "
		"(o.published <> n.published OR o.complete <> (n.complete <> 0))) SELECT count(*) "
		"FROM mine",
		OSY_PG_Z(drive->run), OSY_PG_Z(osy_driver_id(drive->driver)),
		OSY_PG_I64(drive->epoch), OSY_PG_I64(source_calls), OSY_PG_I64(target_calls),
		OSY_PG_BOOL(osy_publisher_done(publisher)), OSY_PG_I64S(published, count),
		OSY_PG_I32S(complete, count),
		OSY_PG_I32((int32_t)publisher->checkpoint.stages_ended));
	if (!rc && osy_pg_i64(result, 0, 0, 0) == 0)
		return osy_fail(err, OSY_E_FENCED, "run %s is driven by another coordinator by now",
			drive->run);
	return rc;
}

/* ---- Opening ---- */
static bool has_expressions(const struct osy_spec *spec)
{
	for (size_t i = 0; i < spec->object_count; i++) {
		for (size_t f = 0; f < spec->objects[i].field_count; f++) {
			const struct osy_spec_rule *rule = spec->objects[i].fields[f].rule;
			if (rule && rule->expression)
				return true;
		}
	}
	return false;
}

/* What NOW() is for the whole run: when it was started first, kept before anything is published. */
static enum osy_code know_now(struct osy_drive *drive, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;

	if (!has_expressions(drive->spec))
		return OSY_OK;
	enum osy_code rc = osy_pg_do(drive->pg, &row, err,
		"UPDATE run SET expressions_at = coalesce(expressions_at, started_at, "
		"date_trunc('milliseconds', clock_timestamp())) WHERE id = $1 AND owner = $2 AND "
		"epoch = $3 RETURNING (extract(epoch FROM expressions_at) * 1000)::bigint",
		OSY_PG_Z(drive->run), OSY_PG_Z(osy_driver_id(drive->driver)),
		OSY_PG_I64(drive->epoch));
	if (!rc && osy_pg_rows(row) == 0)
		return osy_fail(err, OSY_E_FENCED, "run %s is driven by another coordinator by now",
			drive->run);
	if (!rc)
		drive->expressions_ms = osy_pg_i64(row, 0, 0, 0);
	return rc;
}

static enum osy_code read_checkpoint(struct osy_publisher *publisher, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf message = OSY_BUF(16u * 1024 * 1024);
	struct osy_checkpoint *checkpoint = &publisher->checkpoint;
	const struct osy_spec *spec = publisher->drive->spec;
	int64_t offset;
	bool got = false;
	enum osy_code rc;

	for (unsigned attempt = 0;; attempt++) { /* a new topic's leaders take a moment */
		rc = osy_kafka_last(publisher->drive->kafka, publisher->drive->topic, spec->lanes,
			&got, &message, &offset, err);
		if (rc != OSY_E_KAFKA || attempt == 10 ||
			osy_drive_wait(publisher->drive, 100, err))
			break;
	}
	if (!rc && got)
		rc = osy_checkpoint_read(osy_buf_str(&message), checkpoint, err);
	if (rc)
		return rc;
	if (checkpoint->pass != publisher->drive->pass) { /* a new pass makes its own links */
		checkpoint->pass = publisher->drive->pass;
		if (checkpoint->stages_ended > spec->stages)
			checkpoint->stages_ended = spec->stages;
		for (int lane = 0; lane < spec->lanes; lane++)
			checkpoint->ends[spec->stages * spec->lanes + lane] = -1;
	}
	copy_checkpoint(&publisher->next, checkpoint);
	publisher->stage = (int)checkpoint->stages_ended + 1;
	return OSY_OK;
}

enum osy_code osy_publisher_open(
	struct osy_drive *drive, struct osy_publisher **ret, struct osy_err *err)
{
	const struct osy_spec *spec = drive->spec;
	unsigned objects = (unsigned)spec->object_count, stages = (unsigned)spec->stages + 1;
	struct osy_publisher *publisher = osy_xcalloc(1, sizeof(*publisher));
	char id[256];

	OSY_ASSERT((size_t)spec->lanes < OSY_COUNT(publisher->txn.touched));
	publisher->drive = drive;
	publisher->txn.drive = drive;
	publisher->committed_at = osy_mono_ms();
	publisher->objects = osy_xcalloc(objects + 1, sizeof(*publisher->objects));
	publisher->in_use = osy_xcalloc(objects + 1, sizeof(*publisher->in_use));
	osy_checkpoint_init(&publisher->checkpoint, objects, stages, (unsigned)spec->lanes);
	osy_checkpoint_init(&publisher->next, objects, stages, (unsigned)spec->lanes);
	(void)snprintf(id, sizeof(id), "%s.%s", drive->settings->kafka_prefix, drive->run);
	enum osy_code rc = osy_kafka_producer_new(
		drive->kafka, id, 16u * 1024 * 1024, &publisher->txn.producer, err);
	if (!rc)
		osy_kafka_producer_meet(publisher->txn.producer, drive->topic);
	if (!rc)
		rc = know_now(drive, err);
	if (!rc)
		rc = read_checkpoint(publisher, err);
	if (!rc)
		rc = show(publisher, err);
	if (rc) {
		osy_publisher_free(publisher);
		return rc;
	}
	*ret = publisher;
	return OSY_OK;
}

struct osy_publisher *osy_publisher_free(struct osy_publisher *publisher)
{
	if (!publisher)
		return NULL;
	for (size_t i = 0; i < publisher->drive->spec->object_count; i++) {
		if (!publisher->in_use[i])
			continue;
		if (publisher->drive->wants_abort)
			osy_reader_settled(publisher->objects[i].reader);
		publish_object_done(&publisher->objects[i]);
	}
	osy_kafka_producer_free(publisher->txn.producer);
	osy_checkpoint_done(&publisher->checkpoint);
	osy_checkpoint_done(&publisher->next);
	free(publisher->objects);
	free(publisher->in_use);
	free(publisher);
	return NULL;
}

/* ---- A transaction ---- */
static bool of_stage(const struct osy_publisher *publisher, size_t index)
{
	return osy_spec_is_loaded_in(&publisher->drive->spec->objects[index], publisher->stage);
}

static enum osy_code send_object(
	struct osy_publisher *publisher, struct publish_object *object, struct osy_err *err)
{
	struct publish_ready *ready;
	enum osy_code rc = OSY_OK;

	publish_object_cut(object);
	while (!rc && (ready = publish_object_next(object))) {
		rc = publish_txn_send(&publisher->txn, false, object->object->index, object->stage,
			ready->lane, ready->count, osy_buf_str(&ready->message), err);
		publish_ready_free(ready);
	}
	return rc;
}

/* A frontier is one of the stage that is read: behind the end of a level begins the next one. */
static void note_frontier(struct osy_publisher *publisher, size_t index, bool stage_ends)
{
	const struct publish_object *object = &publisher->objects[index];
	struct osy_checkpoint_object *to = &publisher->next.objects[index];
	bool last = object->stage == osy_spec_object_last(object->object);

	to->published = object->published;
	to->complete = last && osy_reader_complete(object->reader);
	if (stage_ends && !last)
		to->frontier = (struct osy_frontier){0};
	else
		osy_reader_frontier(object->reader, &to->frontier);
}

static enum osy_code commit(struct osy_publisher *publisher, bool stage_ends, struct osy_err *err)
{
	struct osy_drive *drive = publisher->drive;
	int64_t before = 0, after = 0, begun_at = osy_mono_ms();
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; !rc && i < drive->spec->object_count; i++) {
		if (publisher->in_use[i])
			rc = publish_object_flush(&publisher->objects[i], err);
	}
	if (!rc)
		rc = osy_drive_wait(drive, 0, err);
	if (!rc)
		rc = publish_txn_begin(&publisher->txn, err);
	if (rc)
		return rc;
	for (size_t i = 0; !rc && i < drive->spec->object_count; i++) {
		if (!publisher->in_use[i])
			continue;
		rc = send_object(publisher, &publisher->objects[i], err);
		note_frontier(publisher, i, stage_ends);
		before += publisher->checkpoint.objects[i].published;
		after += publisher->next.objects[i].published;
	}
	if (rc) {
		publish_txn_abort(&publisher->txn);
		return rc;
	}
	if (stage_ends)
		publisher->next.stages_ended = publisher->stage;
	rc = publish_txn_commit(&publisher->txn, publisher->stage, &publisher->next, err);
	if (rc)
		return rc;
	copy_checkpoint(&publisher->checkpoint, &publisher->next);
	publisher->committed_at = osy_mono_ms();
	osy_metric_add(records_metric(), after - before);
	osy_log(OSY_DEBUG, "run.published", OSY_KV("run", drive->run),
		OSY_KV_INT("stage", publisher->stage), OSY_KV_INT("records", after - before),
		OSY_KV_INT("ms", publisher->committed_at - begun_at));
	return show(publisher, err);
}

/* ---- When ---- */
static size_t gathered(const struct osy_publisher *publisher)
{
	size_t bytes = 0;

	for (size_t i = 0; i < publisher->drive->spec->object_count; i++) {
		if (publisher->in_use[i])
			bytes += publisher->objects[i].bytes;
	}
	return bytes;
}

/*
 * Large transactions make large batches, but a worker must not wait for work: while half of the
 * lanes of the open stage have nothing to do, what is there goes out. full: another page would make
 * the batches of an object spill over.
 */
static enum osy_code is_time(
	struct osy_publisher *publisher, bool full, bool *ret, struct osy_err *err)
{
	struct osy_drive *drive = publisher->drive;
	unsigned runs = osy_driver_runs(drive->driver);
	size_t bytes = gathered(publisher);
	size_t share = (size_t)drive->settings->publish_buffer_mb * 1024 * 1024 * 2 / 3 /
		       (runs ? runs : 1);
	int64_t now = osy_mono_ms(), waited = now - publisher->committed_at;

	*ret = bytes && (full || bytes >= share || waited >= COMMIT_AFTER_MS);
	if (*ret || !bytes || waited < HUNGRY_AFTER_MS || publisher->stage > drive->open_stage ||
		now - publisher->asked_at < HUNGRY_AFTER_MS)
		return OSY_OK;
	publisher->asked_at = now;
	int idle = 0;
	enum osy_code rc = osy_stage_idle(drive, &publisher->checkpoint, &idle, err);
	*ret = !rc && idle * 2 >= drive->spec->lanes;
	return rc;
}

/* ---- A turn ---- */
static enum osy_code use_object(struct osy_publisher *publisher, size_t index, struct osy_err *err)
{
	const struct osy_spec_object *object = &publisher->drive->spec->objects[index];
	const struct osy_read_place place = {object, publisher->stage - object->stage};
	enum osy_code rc = publish_object_init(&publisher->objects[index], publisher->drive, &place,
		&publisher->checkpoint.objects[index], err);

	publisher->in_use[index] = !rc;
	return rc;
}

/* Requests in flight for the objects of the stage; *ret_busy: objects that are not complete. */
static enum osy_code start_reading(
	struct osy_publisher *publisher, size_t *ret_busy, struct osy_err *err)
{
	size_t busy = 0;

	for (size_t i = 0; i < publisher->drive->spec->object_count && busy < READ_AT_ONCE; i++) {
		if (!of_stage(publisher, i) || publisher->next.objects[i].complete)
			continue;
		enum osy_code rc = OSY_OK;
		if (!publisher->in_use[i])
			rc = use_object(publisher, i, err);
		if (!rc)
			rc = osy_reader_start(publisher->objects[i].reader, err);
		if (rc)
			return rc;
		if (osy_reader_complete(publisher->objects[i].reader))
			publisher->next.objects[i].complete = true; /* for this round only */
		else
			busy++;
	}
	*ret_busy = busy;
	return OSY_OK;
}

static enum osy_code take_pages(
	struct osy_publisher *publisher, bool *ret_took, struct osy_err *err)
{
	for (size_t i = 0; i < publisher->drive->spec->object_count; i++) {
		struct publish_object *object = &publisher->objects[i];
		bool now = false;
		if (!publisher->in_use[i] || !osy_reader_has_page(object->reader))
			continue;
		size_t before = publish_object_fill(object);
		enum osy_code rc = osy_reader_take(object->reader, publish_object_row, object, err);
		*ret_took = true;
		if (rc)
			return rc;
		if (osy_reader_complete(object->reader))
			continue; /* the end of the stage may commit it */
		size_t fill = publish_object_fill(object);
		rc = is_time(publisher, fill + (fill - before) > PUBLISH_FULL, &now, err);
		if (!rc && now)
			rc = commit(publisher, false, err);
		if (rc)
			return rc;
	}
	return OSY_OK;
}

static enum osy_code end_stage(struct osy_publisher *publisher, struct osy_err *err)
{
	enum osy_code rc = commit(publisher, true, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < publisher->drive->spec->object_count; i++) {
		if (publisher->in_use[i]) {
			osy_reader_settled(publisher->objects[i].reader);
			publish_object_done(&publisher->objects[i]);
		}
		publisher->in_use[i] = false;
	}
	publisher->stage++;
	if (osy_publisher_done(publisher))
		osy_log(OSY_INFO, "run.journal_complete", OSY_KV("run", publisher->drive->run));
	return OSY_OK;
}

enum osy_code osy_publisher_turn(struct osy_publisher *publisher, bool hold, struct osy_err *err)
{
	size_t busy = 0;
	bool took = false, now = false;
	enum osy_code rc;

	if (hold)
		return osy_drive_wait(publisher->drive, 100, err);
	rc = start_reading(publisher, &busy, err);
	publisher->drive->read_refused = rc == OSY_E_SALESFORCE && err->cls != OSY_RETRY;
	if (rc)
		return rc;
	if (busy == 0)
		return end_stage(publisher, err);
	rc = take_pages(publisher, &took, err);
	if (rc || took)
		return rc;
	/* a page that takes long holds up nobody but those behind it */
	rc = is_time(publisher, false, &now, err);
	if (!rc && now)
		return commit(publisher, false, err);
	return rc ? rc : osy_drive_wait(publisher->drive, 100, err);
}

/* ---- Links ---- */
static enum osy_code send_links(
	struct osy_publisher *publisher, const struct osy_pg_result *rows, struct osy_err *err)
{
	int stage = publisher->drive->spec->stages + 1;
	enum osy_code rc = publish_txn_begin(&publisher->txn, err);

	if (rc)
		return rc;
	for (size_t i = 0; !rc && i < osy_pg_rows(rows); i++) {
		rc = publish_txn_send(&publisher->txn, true, (int)osy_pg_i64(rows, i, 2, 0), stage,
			(int)osy_pg_i64(rows, i, 1, 0), osy_pg_i64(rows, i, 3, 0),
			osy_pg_str(rows, i, 4), err);
		publisher->next.links_id = osy_pg_i64(rows, i, 0, 0);
	}
	if (rc) {
		publish_txn_abort(&publisher->txn);
		return rc;
	}
	if (osy_pg_rows(rows) < LINKS_PER_TXN)
		publisher->next.stages_ended = stage;
	rc = publish_txn_commit(&publisher->txn, stage, &publisher->next, err);
	if (rc)
		return rc;
	copy_checkpoint(&publisher->checkpoint, &publisher->next);
	return show(publisher, err);
}

static bool has_links(const struct osy_publisher *publisher)
{
	const struct osy_spec *spec = publisher->drive->spec;

	for (int lane = 0; lane < spec->lanes; lane++) {
		if (publisher->checkpoint.ends[spec->stages * spec->lanes + lane] >= 0)
			return true;
	}
	return false;
}

enum osy_code osy_publisher_links(
	struct osy_publisher *publisher, bool *ret_any, struct osy_err *err)
{
	struct osy_drive *drive = publisher->drive;
	enum osy_code rc = OSY_OK;

	while (!rc && publisher->checkpoint.stages_ended <= drive->spec->stages) {
		OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
		rc = osy_drive_wait(drive, 0, err);
		if (!rc)
			rc = osy_pg_do(drive->pg, &rows, err,
				"SELECT id, lane, object, records, payload FROM deferred WHERE run "
				"= $1 AND pass = $2 AND id > $3 ORDER BY id LIMIT $4",
				OSY_PG_Z(drive->run), OSY_PG_I32(drive->pass),
				OSY_PG_I64(publisher->checkpoint.links_id),
				OSY_PG_I64(LINKS_PER_TXN));
		if (!rc && osy_pg_rows(rows) == 0 && !has_links(publisher))
			break; /* nothing was deferred: no link stage */
		if (!rc)
			rc = send_links(publisher, rows, err);
	}
	if (!rc)
		*ret_any = has_links(publisher);
	return rc;
}
