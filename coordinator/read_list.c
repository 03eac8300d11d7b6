#include <stdlib.h>

#include "osy/mem.h"
#include "osy/sf_query.h"
#include "read.h"
#include "soql.h"

#define ID_LEN 15
#define CHUNK 10000

void osy_read_list_add(struct osy_read_list *list, const struct osy_id *id)
{
	if (list->count == list->cap) {
		list->cap = list->cap ? list->cap * 2 : 1024;
		list->ids = osy_xrealloc(list->ids, list->cap * ID_LEN);
	}
	memcpy(list->ids + list->count++ * ID_LEN, id->c, ID_LEN);
}

enum osy_code osy_read_list_row(const struct osy_str *values, void *list, struct osy_err *err)
{
	struct osy_id id;

	if (!osy_id_parse_json(values[0], &id))
		return osy_fail(err, OSY_E_SALESFORCE, "a record came without its id");
	osy_read_list_add(list, &id);
	return OSY_OK;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, ID_LEN);
}

enum osy_code osy_read_list_kept(struct osy_drive *drive, const struct osy_spec_object *object,
	bool *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	enum osy_code rc = osy_pg_do(drive->pg, &rows, err,
		"SELECT 1 FROM run_ids WHERE run = $1 AND object = $2 LIMIT 1",
		OSY_PG_Z(drive->run), OSY_PG_I32(object->index));

	if (!rc)
		*ret = osy_pg_rows(rows) > 0;
	return rc;
}

static void drop_twins(struct osy_read_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		char *at = list->ids + i * ID_LEN;
		if (kept && memcmp(list->ids + (kept - 1) * ID_LEN, at, ID_LEN) == 0)
			continue;
		memmove(list->ids + kept++ * ID_LEN, at, ID_LEN);
	}
	list->count = kept;
}

/* All chunks in one transaction: a list is there whole or not at all. An empty one is an empty
 * chunk. */
enum osy_code osy_read_list_keep(struct osy_drive *drive, const struct osy_spec_object *object,
	struct osy_read_list *list, struct osy_err *err)
{
	enum osy_code rc = osy_drive_begin(drive, err);

	if (list->count)
		qsort(list->ids, list->count, ID_LEN, compare);
	drop_twins(list);
	if (rc)
		return rc;
	for (size_t at = 0; !rc && (at == 0 || at < list->count); at += CHUNK) {
		size_t n = list->count - at < CHUNK ? list->count - at : CHUNK;
		struct osy_str ids = {n ? list->ids + at * ID_LEN : "", n * ID_LEN};
		rc = osy_pg_do(drive->pg, NULL, err,
			"INSERT INTO run_ids (run, object, chunk, ids) VALUES ($1, $2, $3, $4)",
			OSY_PG_Z(drive->run), OSY_PG_I32(object->index),
			OSY_PG_I32((int64_t)(at / CHUNK)), OSY_PG_BYTES(ids));
	}
	if (!rc)
		return osy_pg_commit(drive->pg, err);
	osy_pg_rollback(drive->pg);
	return rc;
}

enum osy_code osy_read_list_make(
	struct osy_drive *drive, const struct osy_spec_object *object, struct osy_err *err)
{
	static const char *const fields[] = {"Id"};
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(100 * 1024);
	struct osy_read_list list = {0};
	bool kept = false;
	/* the scan has made it, and it may be empty by now */
	if (object->waiting_of >= 0 || object->levels)
		return OSY_OK;
	enum osy_code rc = osy_read_list_kept(drive, object, &kept, err);

	if (rc || kept)
		return rc;
	osy_buf_addf(&soql, "SELECT Id FROM %s", object->name);
	if (object->where) {
		osy_buf_addz(&soql, " WHERE ");
		osy_soql_nest(object->where, &soql);
	}
	osy_buf_addf(&soql, " ORDER BY %s LIMIT %lld", object->order_by ? object->order_by : "Id",
		(long long)object->limit);
	rc = osy_sf_query(drive->source, osy_buf_str(&soql), fields, 1, OSY_READ_LIST_MOST,
		osy_read_list_row, &list, err);
	if (!rc)
		rc = osy_read_list_keep(drive, object, &list, err);
	free(list.ids);
	return rc;
}

/* First id of a chunk behind last. */
static size_t behind(struct osy_str chunk, const char *last)
{
	size_t low = 0, high = chunk.len / ID_LEN;

	while (last[0] && low < high) {
		size_t middle = (low + high) / 2;
		if (memcmp(chunk.p + middle * ID_LEN, last, ID_LEN) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

enum osy_code osy_read_list_next(struct osy_drive *drive, const struct osy_read_place *place,
	const char *last, struct osy_id *ids, size_t most, size_t *ret_count, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	char first[16] = "";
	size_t count = 0;

	memcpy(first, last, strnlen(last, ID_LEN));
	/* The chunk whose last id lies behind last, and the one after it. */
	enum osy_code rc = osy_pg_do(drive->pg, &rows, err,
		"SELECT ids FROM run_ids WHERE run = $1 AND object = $2 AND level = $4 AND "
		"length(ids) > 0 AND substring(ids FROM length(ids) - 14) > $3 ORDER BY chunk "
		"LIMIT 2",
		OSY_PG_Z(drive->run), OSY_PG_I32(place->object->index),
		OSY_PG_BYTES(osy_str(first)), OSY_PG_I32(place->level));
	if (rc)
		return rc;
	for (size_t i = 0; i < osy_pg_rows(rows); i++) {
		struct osy_str chunk = osy_pg_str(rows, i, 0);
		for (size_t at = behind(chunk, first); at < chunk.len / ID_LEN && count < most;
			at++)
			memcpy(ids[count++].c, chunk.p + at * ID_LEN, ID_LEN);
	}
	*ret_count = count;
	return OSY_OK;
}
