/* CSV: cut into pieces, how long by the size of the text, the same rows come; what a cell is as
 * JSON, written and read again, is the same. */
#include "osy/csv.h"
#include "osy/json_pull.h"
#include "osy/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BYTES_MAX (16u << 20)

struct rows {
	struct osy_buf seen; /* every cell as JSON */
	struct osy_buf scratch;
	bool check_values;
};

static enum osy_code json_of_copy(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf scratch = OSY_BUF(BYTES_MAX);
	const struct osy_str json = osy_csv_json(&cells[0], true, &scratch), *want = arg;

	(void)err;
	OSY_ASSERT(count == 1 && osy_str_equal(json, *want));
	return OSY_OK;
}

/* Written as CSV and read again it is the same JSON, byte by byte. */
static void check_round_trip(struct osy_str json)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(BYTES_MAX);
	struct osy_csv csv;
	struct osy_err err;

	if (!osy_csv_put_json(&out, json))
		return;
	OSY_ASSERT(out.len <= json.len);
	osy_csv_init(&csv, json_of_copy, &json);
	OSY_ASSERT(osy_csv_feed(&csv, osy_buf_str(&out), &err) == OSY_OK);
	OSY_ASSERT(osy_csv_end(&csv, &err) == OSY_OK && csv.rows == 1);
	osy_csv_done(&csv);
}

static void check_is_json(struct osy_str json)
{
	struct osy_json_pull pull;

	osy_json_pull_init(&pull, json);
	OSY_ASSERT(osy_json_pull_next(&pull) > OSY_PULL_ERROR);
	OSY_ASSERT(osy_json_pull_next(&pull) == OSY_PULL_END);
}

static enum osy_code on_row(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *err)
{
	struct rows *rows = arg;

	(void)err;
	for (size_t i = 0; i < count; i++) {
		osy_buf_reset(&rows->scratch);
		const struct osy_str json = osy_csv_json(&cells[i], true, &rows->scratch);
		osy_buf_add_str(&rows->seen, json);
		osy_buf_addc(&rows->seen, i + 1 < count ? ',' : '\n');
		if (!rows->check_values || !json.p)
			continue;
		check_is_json(json);
		check_round_trip(json);
		OSY_ASSERT(osy_csv_text(&cells[i], &rows->scratch).len > 0);
		check_is_json(osy_csv_json(&cells[i], false, &rows->scratch));
	}
	return OSY_OK;
}

/* Pieces of 1 to `most` bytes, the lengths out of the text itself. */
static bool read_in_pieces(const uint8_t *data, size_t size, size_t most, struct rows *rows)
{
	struct osy_csv csv;
	struct osy_err err;
	enum osy_code code = OSY_OK;

	osy_csv_init(&csv, on_row, rows);
	for (size_t at = 0, n; !code && at < size; at += n) {
		n = 1 + data[at] % most;
		n = n > size - at || most > size ? size - at : n;
		OSY_AUTO_FREE char *piece = osy_xmalloc(n); /* of its own, for the sanitizer */
		memcpy(piece, data + at, n);
		code = osy_csv_feed(&csv, (struct osy_str){piece, n}, &err);
	}
	if (!code)
		code = osy_csv_end(&csv, &err);
	osy_csv_done(&csv);
	return code == OSY_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rows whole = {OSY_BUF(BYTES_MAX), OSY_BUF(BYTES_MAX), true};
	const bool good = read_in_pieces(data, size, SIZE_MAX, &whole);
	struct rows cut = {OSY_BUF(BYTES_MAX), OSY_BUF(BYTES_MAX), false};
	const size_t most[] = {1, 3, 17};

	OSY_ASSERT(read_in_pieces(data, size, most[size % OSY_COUNT(most)], &cut) == good);
	OSY_ASSERT(osy_str_equal(osy_buf_str(&cut.seen), osy_buf_str(&whole.seen)));
	osy_buf_done(&cut.seen);
	osy_buf_done(&cut.scratch);
	osy_buf_done(&whole.seen);
	osy_buf_done(&whole.scratch);
	return 0;
}
