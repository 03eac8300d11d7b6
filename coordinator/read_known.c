/*
 * Ids of the journal: open addressing in a sparse file, a slot an id. A lookup is one read of a few
 * hundred bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "osy/log.h"
#include "osy/mem.h"
#include "read_internal.h"

#define ID_LEN 15
#define LOOK 16 /* slots read at once */

struct read_known {
	int fd;
	uint64_t slots;
	int64_t count, most;
};

static enum osy_code fail_file(struct osy_err *err, const char *what)
{
	return osy_fail(err, OSY_E_INTERNAL,
		"a temporary file of ids cannot be %s (errno %d); make room in TMPDIR", what,
		errno);
}

enum osy_code read_known_new(int64_t most, struct read_known **ret, struct osy_err *err)
{
	const char *dir = getenv("TMPDIR");
	int fd = open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	/* a look never wraps: LOOK slots more than are hashed into */
	uint64_t slots = (uint64_t)most * 2 + LOOK;

	if (fd < 0)
		return fail_file(err, "made");
	if (ftruncate(fd, (off_t)((slots + LOOK) * ID_LEN))) {
		(void)fail_file(err, "made");
		close(fd);
		return err->code;
	}
	*ret = osy_xmalloc(sizeof(**ret));
	**ret = (struct read_known){.fd = fd, .slots = slots, .most = most};
	return OSY_OK;
}

struct read_known *read_known_free(struct read_known *known)
{
	if (known) {
		close(known->fd);
		free(known);
	}
	return NULL;
}

/* The slot of an id, or the empty one where it would be. */
static enum osy_code find(struct read_known *known, const struct osy_id *id, uint64_t *ret_slot,
	bool *ret_there, struct osy_err *err)
{
	char look[LOOK * ID_LEN];
	uint64_t slot = osy_hash(id->c, ID_LEN, 0) % known->slots;

	for (uint64_t seen = 0; seen <= known->slots; seen += LOOK) {
		ssize_t n = pread(known->fd, look, sizeof(look), (off_t)(slot * ID_LEN));
		if (n != (ssize_t)sizeof(look))
			return fail_file(err, "read");
		for (size_t i = 0; i < LOOK; i++) {
			*ret_there = memcmp(look + i * ID_LEN, id->c, ID_LEN) == 0;
			if (*ret_there || !look[i * ID_LEN]) {
				*ret_slot = slot + i;
				return OSY_OK;
			}
		}
		slot += LOOK;
		if (slot >= known->slots)
			slot = 0;
	}
	return osy_fail(err, OSY_E_INTERNAL, "a table of %llu ids is full",
		(unsigned long long)known->slots);
}

enum osy_code read_known_add(struct read_known *known, const struct osy_id *id, struct osy_err *err)
{
	uint64_t slot = 0;
	bool there = false;

	if (known->count == known->most)
		return osy_fail(err, OSY_E_INTERNAL,
			"the journal holds more than the %lld ids that its checkpoint counts",
			(long long)known->most);
	enum osy_code rc = find(known, id, &slot, &there, err);
	if (rc || there)
		return rc;
	if (pwrite(known->fd, id->c, ID_LEN, (off_t)(slot * ID_LEN)) != ID_LEN)
		return fail_file(err, "written");
	known->count++;
	return OSY_OK;
}

enum osy_code read_known_has(
	struct read_known *known, const struct osy_id *id, bool *ret, struct osy_err *err)
{
	uint64_t slot;

	return find(known, id, &slot, ret, err);
}

/* ---- From the journal ---- */
struct collecting {
	struct read_known *known;
	const struct osy_spec_object *object;
	struct osy_arena arena;
	struct osy_str *values;
};

static enum osy_code on_message(struct osy_str payload, void *arg, struct osy_err *err)
{
	struct collecting *collecting = arg;
	struct osy_batch_reader reader;
	struct osy_id id;
	enum osy_code code = OSY_OK;

	osy_arena_reset(&collecting->arena);
	enum osy_code rc = osy_batch_read(payload, &collecting->arena, &reader, err);
	if (rc || reader.head.links || reader.head.object != collecting->object->index)
		return rc;
	while (!rc && osy_batch_row(&reader, &id, collecting->values, &code, err))
		rc = read_known_add(collecting->known, &id, err);
	return rc ? rc : code;
}

enum osy_code read_known_make(struct osy_drive *drive, const struct osy_spec_object *object,
	int64_t published, struct read_known **ret, struct osy_err *err)
{
	struct collecting collecting = {.object = object};
	enum osy_code rc = read_known_new(published, &collecting.known, err);

	if (rc)
		return rc;
	collecting.values = osy_xcalloc(OSY_BATCH_MAX_FIELDS + 1, sizeof(*collecting.values));
	osy_arena_init(&collecting.arena, 64u * 1024);
	for (int lane = 0; !rc && lane < object->lanes; lane++) {
		rc = osy_drive_wait(drive, 0, err);
		if (!rc)
			rc = osy_kafka_each(
				drive->kafka, drive->topic, lane, on_message, &collecting, err);
	}
	if (!rc)
		osy_log(OSY_INFO, "read.known", OSY_KV("run", drive->run),
			OSY_KV("object", object->name), OSY_KV_INT("ids", collecting.known->count));
	osy_arena_done(&collecting.arena);
	free(collecting.values);
	if (rc)
		read_known_free(collecting.known);
	else
		*ret = collecting.known;
	return rc;
}
