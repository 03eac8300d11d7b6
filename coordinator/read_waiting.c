/* Records that wait for a parent: the ids that another leg reads, and those that are gone. */
#include <stdlib.h>

#include "osy/log.h"
#include "osy/mem.h"
#include "read_internal.h"

#define PAGE 2000

struct walk {
	struct osy_drive *drive;
	const struct osy_spec_object *leg;
	char last[19];
	struct osy_id ids[PAGE];
	size_t count;
};

static enum osy_code next_page(struct walk *walk, struct osy_err *err)
{
	enum osy_code rc =
		osy_read_list_next(walk->drive, &(struct osy_read_place){.object = walk->leg},
			walk->last, walk->ids, PAGE, &walk->count, err);

	if (!rc && walk->count)
		memcpy(walk->last, walk->ids[walk->count - 1].c, sizeof(walk->ids->c));
	return rc;
}

enum osy_code read_waiting_list(struct osy_drive *drive, const struct osy_spec_object *object,
	struct read_known **ret, struct osy_err *err)
{
	OSY_AUTO_FREE struct walk *walk = osy_xcalloc(1, sizeof(*walk));
	struct read_known *known = NULL;

	walk->drive = drive;
	walk->leg = &drive->spec->objects[object->waiting_leg];
	enum osy_code rc = read_known_new(walk->leg->limit, &known, err);
	if (!rc)
		rc = next_page(walk, err);
	while (!rc && walk->count) {
		for (size_t i = 0; !rc && i < walk->count; i++)
			rc = read_known_add(known, &walk->ids[i], err);
		if (!rc)
			rc = next_page(walk, err);
	}
	if (rc)
		read_known_free(known);
	else
		*ret = known;
	return rc;
}

static enum osy_code drop(
	struct walk *walk, const struct osy_str *gone, size_t count, struct osy_err *err)
{
	if (!count)
		return OSY_OK;
	osy_log(OSY_INFO, "waiting.gone", OSY_KV("run", walk->drive->run),
		OSY_KV("object", walk->leg->name), OSY_KV_INT("records", count));
	return osy_pg_do(walk->drive->pg, NULL, err,
		"DELETE FROM waiting w USING run r WHERE r.id = $1 AND w.pair = r.pair AND "
		"w.template = r.template AND w.object = $2 AND left(w.source_id, 15) = ANY "
		"($3::text[]) AND w.in_run IS NULL",
		OSY_PG_Z(walk->drive->run), OSY_PG_Z(walk->leg->name), OSY_PG_TEXTS(gone, count));
}

void read_waiting_gone(struct osy_drive *drive, const struct osy_spec_object *leg,
	const char *last_id, struct read_known *came)
{
	OSY_AUTO_FREE struct walk *walk = osy_xcalloc(1, sizeof(*walk));
	OSY_AUTO_FREE struct osy_str *gone = osy_xcalloc(PAGE, sizeof(*gone));
	struct osy_err err = OSY_ERR_NONE;

	walk->drive = drive;
	walk->leg = leg;
	memcpy(walk->last, last_id, strnlen(last_id, 18));
	enum osy_code rc = next_page(walk, &err);
	while (!rc && walk->count) {
		size_t n = 0;
		for (size_t i = 0; !rc && i < walk->count; i++) {
			bool has = true;
			rc = read_known_has(came, &walk->ids[i], &has, &err);
			if (!has)
				gone[n++] = (struct osy_str){walk->ids[i].c, 15};
		}
		if (!rc)
			rc = drop(walk, gone, n, &err);
		if (!rc)
			rc = next_page(walk, &err);
	}
	if (rc) /* they wait on, and the next run looks again */
		osy_log(OSY_WARN, "waiting.gone", OSY_KV("run", drive->run), OSY_KV_ERR(&err));
}
