/* Shapes: which pairs of objects there are, and over how many buckets each is spread (tables
 * org_pair, idmap). */
#include <stdlib.h>

#include "idmap_internal.h"
#include "osy/mem.h"

/* A bucket holds about so many mappings; Redis keeps hashes of up to 128 (or 512) entries compact.
 */
#define BUCKET_MAPPINGS 100
#define MAX_BUCKETS (1u << 26)

enum osy_code osy_idmap_pair(struct osy_pg *pg, const char *source_org_id,
	const char *target_org_id, int *ret_pair, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	/* The update makes the row come back when it was there before. */
	enum osy_code rc = osy_pg_do(pg, &result, err,
		"INSERT INTO org_pair (source_org_id, target_org_id) VALUES ($1, $2) ON CONFLICT "
		"(source_org_id, target_org_id) DO UPDATE SET source_org_id = "
		"EXCLUDED.source_org_id RETURNING id",
		OSY_PG_Z(source_org_id), OSY_PG_Z(target_org_id));

	if (!rc)
		*ret_pair = (int)osy_pg_i64(result, 0, 0, 0);
	return rc;
}

static int64_t buckets_for(int64_t expected)
{
	int64_t buckets = 1;

	while (buckets < MAX_BUCKETS && buckets * BUCKET_MAPPINGS < expected)
		buckets *= 2;
	return buckets;
}

enum osy_code osy_idmap_shape(struct osy_pg *pg, int pair, const char source_prefix[3],
	const char target_prefix[3], const char *source_object, const char *target_object,
	int64_t expected, bool grow, struct osy_err *err)
{
	struct osy_str source = {source_prefix, 3}, target = {target_prefix, 3};
	int64_t buckets = buckets_for(expected);
	enum osy_code rc = osy_pg_do(pg, NULL, err,
		"INSERT INTO idmap (pair, source_prefix, target_prefix, source_object, "
		"target_object, buckets) "
		"VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
		OSY_PG_I32(pair), OSY_PG_TEXT(source), OSY_PG_TEXT(target), OSY_PG_Z(source_object),
		OSY_PG_Z(target_object), OSY_PG_I32(buckets));

	if (rc || !grow)
		return rc;
	/* One statement: the generation moves with the buckets, so that nobody uses the one without
	 * the other. */
	return osy_pg_do(pg, NULL, err,
		"WITH grown AS (UPDATE idmap SET buckets = $4 WHERE pair = $1 AND source_prefix = "
		"$2 AND target_prefix = $3 AND buckets < $4 RETURNING pair) UPDATE org_pair SET "
		"generation = generation + 1 WHERE id IN (SELECT pair FROM grown)",
		OSY_PG_I32(pair), OSY_PG_TEXT(source), OSY_PG_TEXT(target), OSY_PG_I32(buckets));
}

static void take_prefix(struct osy_str text, char to[4])
{
	memset(to, 0, 4);
	memcpy(to, text.p, text.len < 3 ? text.len : 3);
}

enum osy_code osy_idmap_load_shapes(
	struct osy_idmap *idmap, struct osy_idmap_pair *pair, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(idmap->pg, &result, err,
		"SELECT p.generation, m.source_prefix, m.target_prefix, m.buckets FROM org_pair p "
		"LEFT JOIN idmap m ON m.pair = p.id WHERE p.id = $1",
		OSY_PG_I32(pair->pair));

	if (rc)
		return rc;
	size_t rows = osy_pg_rows(result);
	if (!rows)
		return osy_fail(err, OSY_E_INTERNAL,
			"the id map knows no pair of orgs with number %d", pair->pair);
	free(pair->shapes);
	pair->shapes = osy_xcalloc(rows, sizeof(*pair->shapes));
	pair->shape_count = 0;
	pair->generation = (int)osy_pg_i64(result, 0, 0, 0);
	for (size_t i = 0; i < rows; i++) {
		struct osy_idmap_shape_row *shape = &pair->shapes[pair->shape_count];
		if (osy_pg_is_null(result, i, 1))
			continue;
		take_prefix(osy_pg_str(result, i, 1), shape->source_prefix);
		take_prefix(osy_pg_str(result, i, 2), shape->target_prefix);
		shape->buckets = (uint32_t)osy_pg_i64(result, i, 3, 1);
		pair->shape_count++;
	}
	return OSY_OK;
}

const struct osy_idmap_shape_row *osy_idmap_shape_of(
	const struct osy_idmap_pair *pair, const char source_prefix[3], const char target_prefix[3])
{
	for (size_t i = 0; i < pair->shape_count; i++) {
		const struct osy_idmap_shape_row *shape = &pair->shapes[i];
		if (memcmp(shape->source_prefix, source_prefix, 3) == 0 &&
			memcmp(shape->target_prefix, target_prefix, 3) == 0)
			return shape;
	}
	return NULL;
}
