/*
 * Files of objects whose records tell no checksum: what is known of their bodies from the time when
 * the target had them for certain (table file_body), and what follows from it. See load_file.h.
 */
#include "load_file_internal.h"

#include "osy/clock.h"
#include "osy/log.h"

#include "osy/banned.h"

int64_t osy_lfile_changed_at(const struct osy_lbatch *batch, const struct osy_str *values)
{
	struct osy_str text =
		osy_lfile_plain(osy_lfile_value(batch, values, batch->object->file->changed));

	return text.p ? osy_wall_parse(text.p, text.len) : 0;
}

/* ---- What is known ---- */

/* And is ours from now on: it goes with the last run that has asked for it. */
static enum osy_code ask(struct osy_lbatch *batch, struct osy_pg_result **ret, struct osy_err *err)
{
	OSY_AUTO_FREE struct osy_str *ids = osy_xcalloc(batch->row_count + 1, sizeof(*ids));

	for (unsigned i = 0; i < batch->row_count; i++)
		ids[i] = (struct osy_str){batch->rows[i].source.c, 15};
	return osy_pg_do(osy_lworker(batch)->pg, ret, err,
		"WITH g AS (SELECT * FROM unnest($2::text[]) WITH ORDINALITY AS t(source, n)), "
		"kept AS (UPDATE file_body b SET run = $3 FROM g WHERE b.pair = $1 AND b.source = "
		"g.source AND b.run <> $3) SELECT g.n, b.target, encode(b.md5, 'hex'), "
		"b.source_changed, b.target_changed FROM g JOIN file_body b ON b.pair = $1 AND "
		"b.source = g.source",
		OSY_PG_I32(osy_lspec(batch)->pair), OSY_PG_TEXTS(ids, batch->row_count),
		OSY_PG_Z(osy_lrun(batch)->id));
}

bool osy_file_known(struct osy_lbatch *batch)
{
	const struct osy_spec_file *file = batch->object->file;
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;

	if (!file || file->sum >= 0 || batch->head.links || osy_ltarget_empty(batch))
		return true;
	if (ask(batch, &result, &err))
		return osy_load_trouble(batch->load->loader, "file.known", &err);
	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		struct osy_lrow *row = &batch->rows[osy_pg_i64(result, i, 0, 1) - 1];
		struct osy_lknown *known = osy_arena_calloc(&batch->arena, 1, sizeof(*known));
		struct osy_str target = osy_pg_str(result, i, 1), md5 = osy_pg_str(result, i, 2);
		if (target.len != 15 || memcmp(target.p, row->target.c, 15) != 0 || md5.len != 32)
			continue;
		memcpy(known->md5, md5.p, 32);
		known->source_changed = osy_pg_i64(result, i, 3, 0);
		known->target_changed = osy_pg_i64(result, i, 4, 0);
		row->known = known;
	}
	return true;
}

void osy_lfile_note(const struct osy_lfile *file, const char *md5, int64_t target_changed)
{
	const struct osy_lbatch *batch = file->batch;
	const struct osy_lrow *row = &batch->rows[file->row];
	struct osy_err err = OSY_ERR_NONE;

	if (osy_pg_do(osy_lworker(batch)->pg, NULL, &err,
		    "INSERT INTO file_body (pair, source, target, md5, source_changed, "
		    "target_changed, run) VALUES ($1, $2, $3, decode($4, 'hex'), $5, $6, $7) ON "
		    "CONFLICT (pair, source) DO UPDATE SET target = excluded.target, md5 = "
		    "excluded.md5, source_changed = excluded.source_changed, target_changed = "
		    "excluded.target_changed, run = excluded.run",
		    OSY_PG_I32(osy_lspec(batch)->pair),
		    OSY_PG_TEXT(((struct osy_str){row->source.c, 15})),
		    OSY_PG_TEXT(((struct osy_str){row->target.c, 15})), OSY_PG_Z(md5),
		    OSY_PG_I64(osy_lfile_changed_at(batch, row->values)),
		    OSY_PG_I64(target_changed), OSY_PG_Z(osy_lrun(batch)->id)))
		osy_load_trouble(file->loader, "file.note", &err); /* the next run looks again */
}

/* ---- What follows ---- */
bool osy_lfile_knows_source(const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	return row->known && row->known->source_changed == osy_lfile_changed_at(batch, row->values);
}

/* Of two that are equally long. */
static enum osy_lbody_is by_stamps(const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	int64_t source = osy_lfile_changed_at(batch, row->values);
	int64_t target = osy_lfile_changed_at(batch, row->before);

	if (osy_lfile_knows_source(batch, row))
		return row->known->target_changed == target ? OSY_LBODY_SAME : OSY_LBODY_UNSURE;
	if (!osy_lfile_tells_size(batch))
		return OSY_LBODY_UNSURE;
	if (source > target)
		return OSY_LBODY_OTHER;
	return row->known || batch->object->file->verify ? OSY_LBODY_UNSURE : OSY_LBODY_SAME;
}

enum osy_lbody_is osy_lfile_body_is(const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	const struct osy_spec_file *file = batch->object->file;

	if (!row->before ||
		osy_lfile_size(batch, row->values) != osy_lfile_size(batch, row->before))
		return OSY_LBODY_OTHER;
	struct osy_str mine = osy_lfile_plain(osy_lfile_value(batch, row->values, file->sum));
	struct osy_str theirs = osy_lfile_plain(osy_lfile_value(batch, row->before, file->sum));
	if (mine.p && theirs.p)
		return osy_str_equal_nocase(mine, theirs) ? OSY_LBODY_SAME : OSY_LBODY_OTHER;
	return by_stamps(batch, row);
}

bool osy_file_differs(const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	return osy_lfile_body_is(batch, row) != OSY_LBODY_SAME;
}
