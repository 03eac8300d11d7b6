/* The keys of one target object: from a query job's result to Redis, a window at a time. */
#include "keys.h"

#include <stdlib.h>

#include "osy/key.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "read_internal.h"

#include "osy/banned.h"

#define JOBS_MOST 2 /* the stage waits for them */
#define ITEMS_MOST (16u * 1024 * 1024)

struct key_read {
	struct osy_drive *drive;
	const struct osy_spec_object *object;
	struct osy_spec_object target; /* what is read: the target and its key fields */
	struct osy_spec_field *fields;
	struct osy_buf where, items;
	struct osy_target_keys keys;
	struct read_bulk *bulk; /* NULL: Redis has not been asked yet how far it has come */
	int64_t expected;	/* records */
	unsigned lost;		/* jobs */
};

static void make_target(struct key_read *read)
{
	const struct osy_spec_object *object = read->object;
	size_t count = osy_key_count(object);

	read->fields = osy_xcalloc(count + 1, sizeof(*read->fields));
	for (size_t k = 0; k < count; k++)
		read->fields[k] = (struct osy_spec_field){
			.name = osy_key_name(object, k), .type = osy_key_type(object, k)};
	if (count == 1 && read->fields[0].type != OSY_T_BOOLEAN)
		osy_buf_addf(&read->where, "%s != null", read->fields[0].name);
	read->target = (struct osy_spec_object){.index = object->index,
		.waiting_of = -1,
		.waiting_leg = -1,
		.person_field = -1,
		.name = object->target,
		.where = read->where.len ? read->where.p : NULL,
		.fields = read->fields,
		.field_count = count};
}

struct key_read *key_read_new(struct osy_drive *drive, struct osy_redis *redis,
	const struct osy_spec_object *object, int64_t expected)
{
	struct key_read *read = osy_xcalloc(1, sizeof(*read));

	read->drive = drive;
	read->object = object;
	read->expected = expected;
	read->where = OSY_BUF(1024);
	read->items = OSY_BUF(ITEMS_MOST);
	make_target(read);
	osy_target_keys_init(
		&read->keys, redis, drive->settings->kafka_prefix, drive->run, object->index);
	return read;
}

struct key_read *key_read_free(struct key_read *read)
{
	if (read) {
		read_bulk_free(read->bulk);
		osy_buf_done(&read->where);
		osy_buf_done(&read->items);
		free(read->fields);
		free(read);
	}
	return NULL;
}

int64_t key_read_keys(const struct key_read *read)
{
	return read->keys.keys;
}

void key_read_leave(struct key_read *read)
{
	if (read->bulk)
		read_bulk_delete(read->bulk);
}

/* ---- Where it has come to ---- */
static void take_frontier(struct key_read *read)
{
	struct osy_frontier at = {0};

	_Static_assert(sizeof(at.locator) <= sizeof(read->keys.locator), "a locator fits");
	_Static_assert(sizeof(at.job) <= sizeof(read->keys.job), "a job's id fits");
	read_bulk_frontier(read->bulk, &at);
	memcpy(read->keys.job, at.job, sizeof(at.job));
	memcpy(read->keys.locator, at.locator, sizeof(at.locator));
	read->keys.row = at.row;
}

static void make_bulk(struct key_read *read)
{
	struct osy_frontier from = {.row = read->keys.row};

	memcpy(from.job, read->keys.job, sizeof(from.job));
	memcpy(from.locator, read->keys.locator, sizeof(from.locator));
	read_bulk_free(read->bulk);
	read->bulk = read_bulk_new(read->drive, OSY_GATE_TARGET, &read->target, &from);
}

static enum osy_code begin(struct key_read *read, bool again, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	if (again)
		read->keys.job[0] = 0;
	else
		rc = osy_target_keys_load(&read->keys, err);
	if (!rc && (again || !read->keys.text[0]))
		rc = osy_target_keys_begin(&read->keys, read->expected, err);
	if (!rc && !read->keys.whole)
		make_bulk(read);
	return rc;
}

/* Keys, and how far it has come, in one. Somebody else moved it, or Redis was emptied: from what it
 * says by now, by the same job where there is nothing. */
static enum osy_code put(struct key_read *read, bool whole, struct osy_err *err)
{
	bool moved = false;
	enum osy_code rc;

	take_frontier(read);
	rc = osy_target_keys_put(&read->keys, &read->items, whole, &moved, err);
	if (!rc && moved) {
		osy_log(OSY_INFO, "keys.moved", OSY_KV("run", read->drive->run),
			OSY_KV("object", read->target.name));
		read->bulk = read_bulk_free(read->bulk);
	}
	return rc;
}

/* ---- Rows ---- */
static enum osy_code on_row(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct key_read *read = arg;
	struct osy_id id;
	bool any = false;

	if (!osy_id_parse_json(values[0], &id) || memcmp(id.c, read->object->target_prefix, 3) != 0)
		return osy_fail(err, OSY_E_NO_REPLY, "a result page of %s has '%.*s' as an id",
			read->target.name, (int)(values[0].len < 40 ? values[0].len : 40),
			values[0].p ? values[0].p : "");
	for (size_t k = 0; k < read->target.field_count; k++)
		any |= !osy_key_is_null(values[1 + k]);
	if (any)
		osy_target_keys_add(&read->items, osy_key_hash(read->object, values + 1), &id);
	return OSY_OK;
}

/* ---- A step ---- */
static enum key_read_end give_up(const struct osy_err *err, struct osy_err *why)
{
	*why = *err;
	return KEY_READ_NONE;
}

static enum key_read_end redis_failed(const struct osy_err *err, struct osy_err *why)
{
	*why = *err;
	return osy_target_keys_no_room(err) ? KEY_READ_NONE : KEY_READ_AGAIN;
}

static enum key_read_end job_ended(
	struct key_read *read, enum read_bulk_end how, const char *text, struct osy_err *why)
{
	struct osy_err err = OSY_ERR_NONE;

	if (how == READ_BULK_REFUSED || ++read->lost >= JOBS_MOST) {
		(void)osy_fail(&err, OSY_E_SALESFORCE, "%s", text);
		return give_up(&err, why);
	}
	osy_log(OSY_WARN, "keys.job_lost", OSY_KV("run", read->drive->run),
		OSY_KV("object", read->target.name), OSY_KV("reason", text));
	key_read_leave(read);
	if (begin(read, true, &err))
		return redis_failed(&err, why);
	return KEY_READ_GOES_ON;
}

static enum key_read_end take(struct key_read *read, struct osy_err *why)
{
	struct osy_err err = OSY_ERR_NONE;
	enum osy_code rc = read_bulk_take(read->bulk, on_row, read, &err);
	bool complete = !rc && read_bulk_complete(read->bulk);

	if (rc)
		return give_up(&err, why);
	if (put(read, complete, &err))
		return redis_failed(&err, why);
	return read->keys.whole ? KEY_READ_WHOLE : KEY_READ_GOES_ON;
}

enum key_read_end key_read_turn(struct key_read *read, struct osy_err *why)
{
	struct osy_err err = OSY_ERR_NONE;
	struct osy_frontier at = {0};
	const char *text;

	if (!read->bulk && begin(read, false, &err))
		return redis_failed(&err, why);
	if (read->keys.whole)
		return KEY_READ_WHOLE;
	if (read_bulk_start(read->bulk, &err))
		return give_up(&err, why);
	enum read_bulk_end how = read_bulk_ended(read->bulk, &text);
	if (how != READ_BULK_GOES_ON)
		return job_ended(read, how, text, why);
	if (read_bulk_has_page(read->bulk))
		return take(read, why);
	/* The job is made: whoever comes next is to find it. */
	read_bulk_frontier(read->bulk, &at);
	if (strcmp(at.job, read->keys.job) != 0 && put(read, false, &err))
		return redis_failed(&err, why);
	return KEY_READ_GOES_ON;
}
