/* Ids of records that were deleted in the source. */
#include <stdio.h>
#include <stdlib.h>

#include "osy/clock.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "osy/sf_deleted.h"
#include "osy/sf_query.h"
#include "read_internal.h"

#define PAGE 2000
#define DAY_MS (24 * 60 * 60 * 1000LL)
#define SLACK_MS (2 * 60 * 1000LL) /* spans are told in whole minutes */

struct read_deleted {
	struct osy_drive *drive;
	const struct osy_spec_object *object;
	char taken[19];
	bool listed, complete;
	struct osy_id ids[PAGE];
	size_t count; /* of the page that is here */
};

struct read_deleted *read_deleted_new(
	struct osy_drive *drive, const struct osy_spec_object *object, const char *last_id)
{
	struct read_deleted *reader = osy_xcalloc(1, sizeof(*reader));

	reader->drive = drive;
	reader->object = object;
	(void)snprintf(reader->taken, sizeof(reader->taken), "%s", last_id);
	return reader;
}

struct read_deleted *read_deleted_free(struct read_deleted *reader)
{
	free(reader);
	return NULL;
}

/* ---- The list ---- */
static enum osy_code add_purged(const struct osy_id *id, void *list, struct osy_err *err)
{
	struct osy_read_list *to = list;

	if (to->count >= OSY_READ_LIST_MOST)
		return osy_fail(err, OSY_E_TOO_BIG, "more than %d records were deleted",
			OSY_READ_LIST_MOST);
	osy_read_list_add(to, id);
	return OSY_OK;
}

/* An org that does not tell (the object is not replicateable) has the bin alone. */
static enum osy_code list_purged(
	struct read_deleted *reader, struct osy_read_list *list, struct osy_err *err)
{
	int64_t least = 0, most = 0, earliest = -1;

	osy_org_clock(reader->drive->source, &least, &most);
	int64_t now = osy_wall_ms() + most;
	int64_t start = now - OSY_SF_DELETED_DAYS * DAY_MS + SLACK_MS;
	if (reader->object->since > start)
		start = reader->object->since;
	enum osy_code rc = osy_sf_deleted(reader->drive->source, reader->object->name, start,
		now + SLACK_MS, add_purged, list, &earliest, err);
	if (rc != OSY_E_SALESFORCE || err->cls == OSY_RETRY)
		return rc;
	osy_log(OSY_WARN, "read.no_deleted", OSY_KV("run", reader->drive->run),
		OSY_KV("object", reader->object->name), OSY_KV_ERR(err));
	*err = OSY_ERR_NONE;
	return OSY_OK;
}

static enum osy_code make_list(struct read_deleted *reader, struct osy_err *err)
{
	static const char *const fields[] = {"Id"};
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(4096);
	struct osy_read_list list = {0};
	bool kept = false;
	enum osy_code rc = osy_read_list_kept(reader->drive, reader->object, &kept, err);

	if (rc || kept)
		return rc;
	osy_buf_addf(
		&soql, "SELECT Id FROM %s WHERE %s", reader->object->name, reader->object->where);
	rc = osy_sf_query_all(reader->drive->source, osy_buf_str(&soql), fields, 1,
		OSY_READ_LIST_MOST, osy_read_list_row, &list, err);
	if (!rc)
		rc = list_purged(reader, &list, err);
	if (!rc)
		rc = osy_read_list_keep(reader->drive, reader->object, &list, err);
	if (!rc)
		osy_log(OSY_INFO, "read.deleted", OSY_KV("run", reader->drive->run),
			OSY_KV("object", reader->object->name),
			OSY_KV_INT("records", (int64_t)list.count));
	free(list.ids);
	return rc;
}

/* ---- Pages ---- */
enum osy_code read_deleted_start(struct read_deleted *reader, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	if (reader->count || reader->complete)
		return OSY_OK;
	if (!reader->listed && !osy_gate_may_read(reader->drive, OSY_GATE_SOURCE, 3))
		return OSY_OK; /* the publisher comes again */
	if (!reader->listed)
		rc = make_list(reader, err);
	if (rc)
		return osy_err_prefix(err, "reading what was deleted of %s", reader->object->name);
	reader->listed = true;
	rc = osy_read_list_next(reader->drive, &(struct osy_read_place){.object = reader->object},
		reader->taken, reader->ids, PAGE, &reader->count, err);
	reader->complete = !rc && reader->count == 0;
	return rc;
}

bool read_deleted_has_page(const struct read_deleted *reader)
{
	return reader->count > 0;
}

bool read_deleted_complete(const struct read_deleted *reader)
{
	return reader->complete;
}

const char *read_deleted_last(const struct read_deleted *reader)
{
	return reader->taken;
}

enum osy_code read_deleted_take(
	struct read_deleted *reader, osy_reader_row row, void *arg, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; !rc && i < reader->count; i++) {
		char text[24] = "\"";
		osy_id_18(&reader->ids[i], text + 1);
		text[19] = '"';
		struct osy_str value = {text, 20};
		rc = row(&value, arg, err);
		memcpy(reader->taken, reader->ids[i].c, sizeof(reader->ids[i].c));
	}
	reader->count = 0;
	return rc;
}
