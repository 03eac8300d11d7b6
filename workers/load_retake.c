/*
 * Retries: a pass that takes only the batches with records that have failed (or were skipped), and
 * of these only such rows. All others keep what earlier passes made of them.
 */
#include "load_earlier.h"

#include <stdlib.h>

#include "osy/banned.h"

/* ---- Which batches ---- */
static struct osy_load *find_load(
	struct osy_load *const *loads, size_t count, struct osy_str run, int64_t pass, int64_t lane)
{
	for (size_t i = 0; i < count; i++) {
		const struct osy_wlane *at = loads[i]->lane;
		if (at->lane == lane && at->run->pass == pass && osy_str_is(run, at->run->id))
			return loads[i];
	}
	return NULL;
}

static void add(struct osy_load *load, int64_t offset)
{
	/* grows by doubling: 0, 16, 32 ... */
	size_t n = load->retake_count;

	if (n < 16 ? n == 0 : (n & (n - 1)) == 0)
		load->retakes =
			osy_xrealloc(load->retakes, (n ? 2 * n : 16) * sizeof(*load->retakes));
	load->retakes[load->retake_count++] = offset;
}

enum osy_code osy_load_retakes_read(
	struct osy_load *const *loads, size_t count, struct osy_err *err)
{
	OSY_AUTO_FREE struct osy_str *runs = osy_xcalloc(count + 1, sizeof(*runs));
	OSY_AUTO_FREE int32_t *numbers = osy_xcalloc(2 * count + 1, sizeof(*numbers));
	int32_t *passes = numbers, *lanes = numbers + count;
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct osy_wlane *lane = loads[i]->lane;
		osy_load_retakes_free(loads[i]);
		if (!lane->run->retakes)
			continue;
		runs[n] = osy_str(lane->run->id);
		passes[n] = lane->run->pass;
		lanes[n++] = lane->lane;
	}
	if (!n)
		return OSY_OK;
	enum osy_code rc = osy_pg_do(loads[0]->loader->worker->pg, &result, err,
		"SELECT t.run, t.pass, t.lane, t.at_offset FROM retake t JOIN unnest($1::text[], "
		"$2::int[], $3::int[]) AS g(run, pass, lane) ON t.run = g.run AND t.pass = g.pass "
		"AND t.lane = g.lane ORDER BY t.run, t.pass, t.lane, t.at_offset",
		OSY_PG_TEXTS(runs, n), OSY_PG_I32S(passes, n), OSY_PG_I32S(lanes, n));
	for (size_t i = 0; !rc && i < osy_pg_rows(result); i++) {
		struct osy_load *load = find_load(loads, count, osy_pg_str(result, i, 0),
			osy_pg_i64(result, i, 1, 0), osy_pg_i64(result, i, 2, -1));
		if (load)
			add(load, osy_pg_i64(result, i, 3, 0));
	}
	return rc;
}

void osy_load_retakes_free(struct osy_load *load)
{
	free(load->retakes);
	load->retakes = NULL;
	load->retake_count = 0;
}

int64_t osy_load_next(const struct osy_load *load, int64_t offset)
{
	size_t low = 0, high = load->retake_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (load->retakes[middle] < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low < load->retake_count ? load->retakes[low] : offset;
}

/* ---- Which rows ---- */
static bool is_retaken(const struct osy_wrun *run, enum osy_outcome before)
{
	return before == OSY_FAILED || before == OSY_PENDING ||
	       (before == OSY_SKIPPED && run->retakes_skipped);
}

static void keep_row(
	struct osy_lbatch *batch, unsigned i, const struct osy_outcome_row *before, bool links)
{
	struct osy_lrow *row = &batch->rows[i];

	row->outcome = before->outcome;
	row->target = before->target;
	row->ask = false;
	row->kept = true;
	row->relinks = links;
	row->recorded = !links;
	batch->kept_count++;
}

bool osy_load_retake(struct osy_lbatch *batch)
{
	const struct osy_wrun *run = osy_lrun(batch);
	OSY_AUTO(osy_load_earlier_done) struct osy_learlier earlier = {0};
	struct osy_err err = OSY_ERR_NONE;

	if (!run->retakes || batch->broken || batch->skip || batch->head.links)
		return true;
	if (osy_load_earlier_read(batch, &earlier, &err))
		return osy_load_trouble(batch->load->loader, "batch.retake", &err);
	batch->kept_count = 0;
	batch->rest = run->retakes_few;
	for (unsigned i = 0; earlier.before && i < batch->row_count; i++) {
		if (!is_retaken(run, earlier.before[i].outcome))
			keep_row(batch, i, &earlier.before[i],
				earlier.open_links && earlier.open_links[i]);
	}
	return true;
}

void osy_load_retake_links(struct osy_lbatch *batch)
{
	for (unsigned i = 0; batch->kept_count && i < batch->row_count; i++) {
		if (batch->rows[i].relinks && !batch->rows[i].recorded)
			osy_load_defer_unsure(batch, i);
	}
}
