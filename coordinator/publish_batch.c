#include <stdlib.h>

#include "osy/log.h"
#include "osy/mem.h"
#include "osy/sf_collection.h"
#include "publish.h"
#include "publish_hook.h"
#include "read.h"
#include "transform.h"

/* More than this cannot go into one message (the broker's limit is about 1 MB). */
#define ROW_MOST_BYTES (920u * 1024)

/* A job gathers many batches, so none of them need be full: a transaction of few lanes has at least
 * so many. */
#define BULK_BATCHES 32

/* A worker holds a batch until its last request is over: no more than a request takes, then, but
 * not a row in Postgres for a handful of records either. */
#define ROWS_LEAST 100

static int64_t request_rows(const struct osy_spec_object *object)
{
	int64_t request = (int64_t)OSY_SF_COMPOSITE_MAX * object->batch_size;

	return object->load_bulk || request > OSY_BATCH_MAX_RECORDS ? OSY_BATCH_MAX_RECORDS
								    : request;
}

static int64_t rows_most(const struct publish_object *object)
{
	/* files that nothing but their bodies tells apart: no two of a lane are in doubt at once */
	if (object->object->file && object->object->file->size < 0)
		return 1;
	return object->request_rows < ROWS_LEAST ? ROWS_LEAST : object->request_rows;
}

enum osy_code publish_object_init(struct publish_object *object, struct osy_drive *drive,
	const struct osy_read_place *place, const struct osy_checkpoint_object *from,
	struct osy_err *err)
{
	const struct osy_spec_object *spec = place->object;
	struct osy_transform *transform;
	enum osy_code rc = osy_transform_new(
		spec, &drive->settings->secret_key, drive->expressions_ms, &transform, err);

	if (rc)
		return rc;
	*object = (struct publish_object){.drive = drive,
		.object = spec,
		.stage = spec->stage + place->level,
		.transform = transform,
		.request_rows = request_rows(spec),
		.published = from->published};
	object->ready_end = &object->ready;
	object->hook = publish_hook_new(drive, spec);
	object->reader = osy_reader_new(drive, place, from);
	object->field_count = spec->deletes ? 0 : spec->field_count;
	object->names = osy_xcalloc(object->field_count + 1, sizeof(*object->names));
	for (size_t i = 0; i < object->field_count; i++)
		object->names[i] = spec->fields[i].name;
	object->lanes = osy_xcalloc((size_t)spec->lanes, sizeof(*object->lanes));
	for (int i = 0; i < spec->lanes; i++)
		osy_batch_writer_init(&object->lanes[i]);
	return OSY_OK;
}

void publish_ready_free(struct publish_ready *ready)
{
	osy_buf_done(&ready->message);
	free(ready);
}

void publish_object_done(struct publish_object *object)
{
	struct publish_ready *ready;

	while ((ready = publish_object_next(object)))
		publish_ready_free(ready);
	for (int i = 0; object->lanes && i < object->object->lanes; i++)
		osy_batch_writer_done(&object->lanes[i]);
	free(object->lanes);
	free(object->names);
	osy_reader_free(object->reader);
	osy_transform_free(object->transform);
	publish_hook_free(object->hook);
	*object = (struct publish_object){0};
}

static void cut_lane(struct publish_object *object, int lane)
{
	struct osy_batch_writer *writer = &object->lanes[lane];
	struct publish_ready *ready = osy_xcalloc(1, sizeof(*ready));

	*ready = (struct publish_ready){.message = OSY_BUF(16u * 1024 * 1024),
		.lane = (object->object->first_lane + lane) % object->drive->spec->lanes,
		.count = writer->head.count};
	object->bytes -= writer->rows.len;
	writer->head.object = object->object->index;
	writer->head.stage = object->stage;
	writer->head.pass = 1;
	osy_batch_finish(writer, object->names, object->field_count, &ready->message);
	osy_batch_writer_done(writer); /* an idle lane holds no memory */
	osy_batch_writer_init(writer);
	object->bytes += ready->message.len;
	*object->ready_end = ready;
	object->ready_end = &ready->next;
}

void publish_object_cut(struct publish_object *object)
{
	for (int i = 0; i < object->object->lanes; i++) {
		if (object->lanes[i].head.count)
			cut_lane(object, i);
	}
	object->taken_bytes = object->taken_rows = 0;
}

size_t publish_object_fill(const struct publish_object *object)
{
	size_t lanes = (size_t)object->object->lanes;

	if (object->object->load_bulk && lanes < BULK_BATCHES)
		lanes = BULK_BATCHES;
	size_t by_rows = object->taken_rows * 1000 / (lanes * OSY_BATCH_MAX_RECORDS);
	size_t by_bytes = object->taken_bytes * 1000 / (lanes * (OSY_BATCH_MAX_BYTES - 64 * 1024));

	return by_rows > by_bytes ? by_rows : by_bytes;
}

struct publish_ready *publish_object_next(struct publish_object *object)
{
	struct publish_ready *ready = object->ready;

	if (!ready)
		return NULL;
	object->ready = ready->next;
	if (!object->ready)
		object->ready_end = &object->ready;
	object->bytes -= ready->message.len;
	return ready;
}

/*
 * Records that lock no parent may go anywhere: lanes get a request's worth of them in turn. So
 * requests are full, and lanes have equally much to do and end together.
 */
static int lane_of(
	const struct publish_object *object, const struct osy_id *id, const struct osy_str *values)
{
	const struct osy_spec_object *spec = object->object;
	struct osy_id parent;

	if (spec->lock_field < 0)
		return (int)(object->published / object->request_rows % spec->lanes);
	if (values[spec->lock_field].p && osy_id_parse_json(values[spec->lock_field], &parent))
		id = &parent;
	return (int)(osy_hash(id->c, 15, 0) % (uint64_t)spec->lanes);
}

/* A record too large for a message goes without its largest values: rare, and said in the log. */
static size_t shrink(const struct publish_object *object, const struct osy_id *id,
	struct osy_str *values, size_t bytes)
{
	while (bytes > ROW_MOST_BYTES) {
		size_t largest = 0;
		for (size_t i = 1; i < object->field_count; i++) {
			if (values[i].len > values[largest].len)
				largest = i;
		}
		osy_log(OSY_WARN, "record.too_large", OSY_KV("run", object->drive->run),
			OSY_KV("object", object->object->name), OSY_KV("record", id->c),
			OSY_KV("left_out", object->names[largest]));
		bytes -= values[largest].len;
		values[largest] = OSY_STR_NULL;
	}
	return bytes;
}

/* Values as they are published, one a field. */
static void put(
	struct publish_object *object, const struct osy_id *id, const struct osy_str *values)
{
	size_t count = object->field_count, bytes = 0;
	OSY_AUTO_FREE struct osy_str *copy = NULL;

	for (size_t i = 0; i < count; i++)
		bytes += values[i].len;
	int lane = lane_of(object, id, values);
	if (bytes > ROW_MOST_BYTES) {
		copy = osy_xcalloc(count, sizeof(*copy));
		memcpy(copy, values, count * sizeof(*copy));
		bytes = shrink(object, id, copy, bytes);
		values = copy;
	}
	struct osy_batch_writer *writer = &object->lanes[lane];
	if (writer->head.count &&
		(writer->head.count >= rows_most(object) || !osy_batch_fits(writer, bytes, count)))
		cut_lane(object, lane);
	size_t before = writer->rows.len;
	osy_batch_add(writer, id, values, count);
	object->bytes += writer->rows.len - before;
	object->taken_bytes += writer->rows.len - before;
	object->taken_rows++;
	object->published++;
}

/* Rows that the hook has seen: those that it saw early have their rules before them. */
enum osy_code publish_object_flush(struct publish_object *object, struct osy_err *err)
{
	struct publish_hook *hook = object->hook;
	enum osy_code rc = hook ? publish_hook_ask(hook, err) : OSY_OK;

	if (rc || !hook)
		return rc;
	for (size_t i = 0; i < publish_hook_count(hook); i++) {
		const struct osy_str *values = publish_hook_row(hook, i);
		struct osy_id id;
		if (!osy_id_parse_json(values++[0], &id))
			OSY_BUG("a row of %s that was taken has no id", object->object->name);
		if (publish_hook_is_early(hook) && object->transform)
			values = osy_transform_row(object->transform, values);
		put(object, &id, values);
	}
	object->bytes -= publish_hook_bytes(hook);
	publish_hook_reset(hook);
	return OSY_OK;
}

static enum osy_code hold(struct publish_object *object, struct osy_str id,
	const struct osy_str *values, struct osy_err *err)
{
	size_t before = publish_hook_bytes(object->hook);
	bool full = publish_hook_add(object->hook, id, values);

	object->bytes += publish_hook_bytes(object->hook) - before;
	return full ? publish_object_flush(object, err) : OSY_OK;
}

enum osy_code publish_object_row(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct publish_object *object = arg;
	struct osy_str raw_id = values[0];
	struct osy_id id;

	if (!osy_id_parse_json(raw_id, &id))
		return osy_fail(
			err, OSY_E_SALESFORCE, "a record of %s has no id", object->object->name);
	values++;
	if (object->hook && publish_hook_is_early(object->hook))
		return hold(object, raw_id, values, err);
	if (object->transform)
		values = osy_transform_row(object->transform, values);
	if (object->hook)
		return hold(object, raw_id, values, err);
	put(object, &id, values);
	return OSY_OK;
}
