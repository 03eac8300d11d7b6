#include "load_earlier.h"

#include <stdlib.h>

#include "osy/banned.h"

void osy_load_earlier_done(struct osy_learlier *earlier)
{
	free(earlier->before);
	free(earlier->open);
	free(earlier->open_links);
	*earlier = (struct osy_learlier){0};
}

/* A batch that could not be decoded has no outcomes: all its records have failed. */
static enum osy_code take_outcomes(const struct osy_lbatch *batch, struct osy_str packed,
	struct osy_learlier *to, struct osy_err *err)
{
	to->before = osy_xcalloc(batch->row_count + 1, sizeof(*to->before));
	if (packed.p)
		return osy_outcomes_read(
			packed, batch->object->target_prefix, to->before, batch->row_count, err);
	for (unsigned i = 0; i < batch->row_count; i++)
		to->before[i].outcome = OSY_FAILED;
	return OSY_OK;
}

static enum osy_code read_outcomes(
	const struct osy_lbatch *batch, struct osy_learlier *to, struct osy_err *err)
{
	const struct osy_wlane *lane = batch->load->lane;
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(osy_lworker(batch)->pg, &result, err,
		"SELECT outcome FROM batch WHERE run = $1 AND lane = $2 AND at_offset = $3 AND "
		"pass < $4 AND state = 'done' ORDER BY outcome IS NULL, pass DESC LIMIT 1",
		OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->lane), OSY_PG_I64(batch->offset),
		OSY_PG_I32(lane->run->pass));

	if (rc || !osy_pg_rows(result))
		return rc;
	to->had_row = true;
	return batch->broken ? OSY_OK : take_outcomes(batch, osy_pg_str(result, 0, 0), to, err);
}

static enum osy_code read_open(
	const struct osy_lbatch *batch, struct osy_learlier *to, struct osy_err *err)
{
	const struct osy_wlane *lane = batch->load->lane;
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(osy_lworker(batch)->pg, &result, err,
		"SELECT DISTINCT row_index FROM failure WHERE run = $1 AND lane = $2 AND at_offset "
		"= $3 AND pass < $4 AND resolved_pass IS NULL AND kind <> 'link'",
		OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->lane), OSY_PG_I64(batch->offset),
		OSY_PG_I32(lane->run->pass));

	if (rc || !osy_pg_rows(result))
		return rc;
	to->open = osy_xcalloc(batch->row_count + 1, sizeof(*to->open));
	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		int64_t row = osy_pg_i64(result, i, 0, -1);
		if (row >= 0 && row < (batch->row_count ? batch->row_count : 1))
			to->open[row] = true;
	}
	return OSY_OK;
}

/* Links that failed lie in batches of their own: they are found by their records. */
static enum osy_code read_open_links(
	const struct osy_lbatch *batch, struct osy_learlier *to, struct osy_err *err)
{
	const struct osy_wrun *run = osy_lrun(batch);
	OSY_AUTO_FREE struct osy_str *ids = osy_xcalloc(batch->row_count + 1, sizeof(*ids));
	OSY_AUTO_FREE char *texts = osy_xcalloc(batch->row_count + 1, 19);
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;

	for (unsigned i = 0; i < batch->row_count; i++) {
		osy_id_18(&batch->rows[i].source, texts + (size_t)i * 19);
		ids[i] = (struct osy_str){texts + (size_t)i * 19, 18};
	}
	enum osy_code rc = osy_pg_do(osy_lworker(batch)->pg, &result, err,
		"SELECT DISTINCT g.n - 1 FROM unnest($2::text[]) WITH ORDINALITY AS g(id, n) JOIN "
		"failure f ON f.run = $1 AND f.source_id = g.id WHERE f.kind = 'link' AND f.pass < "
		"$3 AND f.resolved_pass IS NULL",
		OSY_PG_Z(run->id), OSY_PG_TEXTS(ids, batch->row_count), OSY_PG_I32(run->pass));
	if (rc || !osy_pg_rows(result))
		return rc;
	to->open_links = osy_xcalloc(batch->row_count + 1, sizeof(*to->open_links));
	for (size_t i = 0; i < osy_pg_rows(result); i++)
		to->open_links[osy_pg_i64(result, i, 0, 0)] = true;
	return OSY_OK;
}

enum osy_code osy_load_earlier_read(
	const struct osy_lbatch *batch, struct osy_learlier *ret, struct osy_err *err)
{
	struct osy_learlier earlier = {0};
	enum osy_code rc = OSY_OK;

	if (osy_lrun(batch)->pass > 1 && !batch->skip) {
		if (!batch->head.links)
			rc = read_outcomes(batch, &earlier, err);
		if (!rc && !batch->head.links && !osy_lrun(batch)->undo)
			rc = read_open(batch, &earlier, err);
		if (!rc && !batch->broken && !osy_lrun(batch)->undo)
			rc = read_open_links(batch, &earlier, err);
	}
	if (rc)
		osy_load_earlier_done(&earlier);
	else
		*ret = earlier;
	return rc;
}
