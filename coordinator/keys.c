/* Which keys of targets are read, and when. */
#include "keys.h"

#include <stdlib.h>

#include "osy/clock.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "plan.h"

#include "osy/banned.h"

#define LOOK_MS 1000 /* whether Redis still has them */

enum progress { UNREAD, WHOLE, NONE };

struct osy_keys {
	struct osy_drive *drive;
	struct osy_redis *redis;
	enum progress *progress; /* an object of the spec */
	int wanted;		 /* the stage that waits for its keys */
	int settled;		 /* the last one whose keys have been forgotten */
	struct key_read *reading;
	const struct osy_spec_object *object; /* that it is about */
	int64_t begun_at, looked_at, wait_until;
	unsigned failures; /* of Redis, in a row */
};

struct osy_keys *osy_keys_new(struct osy_drive *drive)
{
	struct osy_keys *keys = osy_xcalloc(1, sizeof(*keys));

	keys->drive = drive;
	keys->redis = osy_redis_new(drive->settings->redis_url);
	keys->progress = osy_xcalloc(drive->spec->object_count + 1, sizeof(*keys->progress));
	return keys;
}

static void stop_reading(struct osy_keys *keys)
{
	keys->reading = key_read_free(keys->reading);
	keys->object = NULL;
}

struct osy_keys *osy_keys_free(struct osy_keys *keys)
{
	if (keys) {
		if (keys->reading && keys->drive->wants_abort)
			key_read_leave(keys->reading);
		stop_reading(keys);
		osy_redis_free(keys->redis);
		free(keys->progress);
		free(keys);
	}
	return NULL;
}

static bool is_read(const struct osy_drive *drive, const struct osy_spec_object *object)
{
	return object->key_read && drive->pass == 1;
}

bool osy_keys_of_stage(const struct osy_drive *drive, int stage)
{
	for (size_t i = 0; i < drive->spec->object_count; i++) {
		const struct osy_spec_object *object = &drive->spec->objects[i];
		if (object->stage == stage && is_read(drive, object))
			return true;
	}
	return false;
}

/* ---- Redis ---- */
static void redis_failed(struct osy_keys *keys, const struct osy_err *err)
{
	osy_log(OSY_WARN, "keys.redis", OSY_KV("run", keys->drive->run), OSY_KV_ERR(err));
	keys->wait_until = osy_mono_ms() + osy_backoff_ms(keys->failures++, 250, 10000) + 50;
}

static void drop(struct osy_keys *keys, const struct osy_spec_object *object)
{
	struct osy_err err = OSY_ERR_NONE;

	if (osy_target_keys_drop(keys->redis, keys->drive->settings->kafka_prefix, keys->drive->run,
		    object->index, &err))
		osy_log(OSY_WARN, "keys.left", OSY_KV("run", keys->drive->run),
			OSY_KV("object", object->target), OSY_KV_ERR(&err));
}

/* Whether Redis has them as a whole. */
static enum osy_code ask_whole(struct osy_keys *keys, const struct osy_spec_object *object,
	bool *ret_whole, struct osy_err *err)
{
	struct osy_target_keys state;

	osy_target_keys_init(&state, keys->redis, keys->drive->settings->kafka_prefix,
		keys->drive->run, object->index);
	enum osy_code rc = osy_target_keys_load(&state, err);
	*ret_whole = !rc && state.whole;
	return rc;
}

/* Those that are there are looked after: what Redis lost is to be read again. */
static void look(struct osy_keys *keys)
{
	const struct osy_spec *spec = keys->drive->spec;

	keys->looked_at = osy_mono_ms();
	for (size_t i = 0; i < spec->object_count; i++) {
		struct osy_err err = OSY_ERR_NONE;
		bool whole = false;
		if (keys->progress[i] != WHOLE)
			continue;
		if (ask_whole(keys, &spec->objects[i], &whole, &err)) {
			redis_failed(keys, &err);
			return;
		}
		if (whole)
			continue;
		keys->progress[i] = UNREAD;
		osy_log(OSY_WARN, "keys.lost", OSY_KV("run", keys->drive->run),
			OSY_KV("object", spec->objects[i].target));
	}
}

/* ---- What is next ---- */
/* A record that somebody inserts after the keys were read is a duplicate then, and looked for. */
static bool may_be_early(const struct osy_spec_object *object)
{
	return object->match_field && object->match_unique && object->insert && !object->match_only;
}

static bool is_due(const struct osy_keys *keys, const struct osy_spec_object *object)
{
	int open = keys->drive->open_stage;

	if (!is_read(keys->drive, object) || keys->progress[object->index] != UNREAD)
		return false;
	return osy_spec_is_loaded_in(object, open) || object->stage == keys->wanted ||
	       (object->stage == open + 1 && may_be_early(object));
}

/* In an open stage: nothing of them may be there any more, and little may be left to be matched. */
static enum osy_code still_pays(
	struct osy_keys *keys, const struct osy_spec_object *object, bool *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	enum osy_code rc = osy_pg_do(keys->drive->pg, &rows, err,
		"SELECT coalesce(sum(records), 0)::bigint FROM batch WHERE run = $1 AND pass = 1 "
		"AND object = $2 AND NOT links",
		OSY_PG_Z(keys->drive->run), OSY_PG_I32(object->index));

	if (!rc)
		*ret = osy_plan_key_read_pays(object, object->selected - osy_pg_i64(rows, 0, 0, 0));
	return rc;
}

static enum osy_code choose(
	struct osy_keys *keys, const struct osy_spec_object *object, struct osy_err *err)
{
	struct osy_err why = OSY_ERR_NONE;
	bool whole = false, pays = true;
	int64_t expected = object->target_count;
	enum osy_code rc = OSY_OK;

	if (osy_spec_is_loaded_in(object, keys->drive->open_stage)) {
		if (ask_whole(keys, object, &whole, &why)) {
			redis_failed(keys, &why);
			return OSY_OK;
		}
		if (!whole)
			rc = still_pays(keys, object, &pays, err);
		expected += object->selected; /* what has been loaded by now is there too */
	}
	if (rc)
		return rc;
	if (whole || !pays) {
		keys->progress[object->index] = whole ? WHOLE : NONE;
		return OSY_OK;
	}
	keys->reading = key_read_new(keys->drive, keys->redis, object, expected);
	keys->object = object;
	keys->begun_at = osy_mono_ms();
	return OSY_OK;
}

static enum osy_code begin_next(struct osy_keys *keys, struct osy_err *err)
{
	const struct osy_spec *spec = keys->drive->spec;

	for (size_t i = 0; i < spec->object_count; i++) {
		if (is_due(keys, &spec->objects[i]))
			return choose(keys, &spec->objects[i], err);
	}
	return OSY_OK;
}

/* ---- The one that is being read ---- */
static void is_whole(struct osy_keys *keys)
{
	osy_log(OSY_INFO, "keys.read", OSY_KV("run", keys->drive->run),
		OSY_KV("object", keys->object->target),
		OSY_KV_INT("keys", key_read_keys(keys->reading)),
		OSY_KV_INT("ms", osy_mono_ms() - keys->begun_at));
	keys->progress[keys->object->index] = WHOLE;
	key_read_leave(keys->reading);
	stop_reading(keys);
}

static void go_on(struct osy_keys *keys)
{
	struct osy_err why = OSY_ERR_NONE;
	const struct osy_spec_object *object = keys->object;

	switch (key_read_turn(keys->reading, &why)) {
	case KEY_READ_GOES_ON:
		keys->failures = 0;
		break;
	case KEY_READ_WHOLE:
		is_whole(keys);
		break;
	case KEY_READ_AGAIN:
		redis_failed(keys, &why);
		stop_reading(keys);
		break;
	case KEY_READ_NONE:
		osy_log(OSY_WARN, "keys.by_query", OSY_KV("run", keys->drive->run),
			OSY_KV("object", object->target), OSY_KV_ERR(&why));
		keys->progress[object->index] = NONE;
		key_read_leave(keys->reading);
		stop_reading(keys);
		drop(keys, object);
		break;
	}
}

enum osy_code osy_keys_turn(struct osy_keys *keys, struct osy_err *err)
{
	int64_t now = osy_mono_ms();

	if (now < keys->wait_until)
		return OSY_OK;
	if (now - keys->looked_at >= LOOK_MS)
		look(keys);
	if (keys->reading) {
		go_on(keys);
		return OSY_OK;
	}
	return begin_next(keys, err);
}

/* ---- Stages ---- */
bool osy_keys_may_open(struct osy_keys *keys, int stage)
{
	const struct osy_spec *spec = keys->drive->spec;

	keys->wanted = stage;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < spec->object_count; i++) {
			const struct osy_spec_object *object = &spec->objects[i];
			if (object->stage == stage && is_read(keys->drive, object) &&
				keys->progress[i] == UNREAD)
				return false;
		}
		if (round == 0)
			look(keys); /* they may have been lost by now */
	}
	return true;
}

void osy_keys_settled(struct osy_keys *keys, int stage)
{
	const struct osy_spec *spec = keys->drive->spec;

	if (stage <= keys->settled)
		return;
	keys->settled = stage;
	for (size_t i = 0; i < spec->object_count; i++) {
		if (osy_spec_object_last(&spec->objects[i]) != stage ||
			!is_read(keys->drive, &spec->objects[i]))
			continue;
		if (keys->object == &spec->objects[i]) {
			key_read_leave(keys->reading);
			stop_reading(keys);
		}
		keys->progress[i] = NONE;
		drop(keys, &spec->objects[i]);
	}
}
