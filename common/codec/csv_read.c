/*
 * Reading. A row that lies wholly in a piece is taken apart where it stands. Of a row that is cut,
 * only the end is looked for in the pieces that follow: it is the first line end behind an even
 * number of quotes. Each byte is so looked at twice at most, however small the pieces are.
 */
#include "osy/csv.h"

#include <stdlib.h>

#include "osy/mem.h"
#include "osy/utf8.h"

#include "osy/banned.h"

enum { FIRST_CELLS = 64 };

static const char not_utf8[] = "text that is not UTF-8";

void osy_csv_init(struct osy_csv *csv, osy_csv_row row, void *arg)
{
	*csv = (struct osy_csv){.row = row, .arg = arg, .kept = OSY_BUF(OSY_CSV_MAX_ROW_BYTES + 1)};
}

void osy_csv_done(struct osy_csv *csv)
{
	osy_buf_done(&csv->kept);
	free(csv->cells);
	csv->cells = NULL;
	csv->cell_cap = 0;
}

static struct osy_csv_cell *cell_at(struct osy_csv *csv, size_t index)
{
	if (index == csv->cell_cap) {
		csv->cell_cap = index ? index * 2 : FIRST_CELLS;
		csv->cells = osy_xrealloc(csv->cells, csv->cell_cap * sizeof(*csv->cells));
	}
	return &csv->cells[index];
}

/* ---- Cells ---- */

/* Moves over text of other scripts; NULL: it is not UTF-8. One that is cut counts as the latter
 * only where four bytes could have come. */
static const char *skip_utf8(const char *p, const char *end, const char **wrong)
{
	while (p < end && (unsigned char)*p >= 0x80) {
		const unsigned n = osy_utf8_step(p, end);

		if (n == 0) {
			*wrong = end - p >= 4 ? not_utf8 : NULL;
			return NULL;
		}
		p += n;
	}
	return p;
}

/* The place behind the cell; NULL: cut off, or wrong says why it is no cell. */
static inline const char *take_quoted(
	const char *p, const char *end, struct osy_csv_cell *cell, const char **wrong)
{
	const char *start = p++;
	bool plain = true;

	for (;;) {
		p = osy_utf8_skip_plain(p, end);
		if (end - p < 2)
			return NULL;
		if (*p == '"') {
			if (p[1] != '"')
				break;
			plain = false;
			p += 2;
		} else if ((unsigned char)*p >= 0x80) {
			p = skip_utf8(p, end, wrong);
			if (!p)
				return NULL;
		} else {
			plain = false;
			p++;
		}
	}
	p++;
	*cell = (struct osy_csv_cell){{start, (size_t)(p - start)}, true, plain};
	return p;
}

static inline const char *take_bare(
	const char *p, const char *end, struct osy_csv_cell *cell, const char **wrong)
{
	const char *start = p;
	bool plain = true;

	while (p < end && *p != ',' && *p != '\n') {
		if (*p == '"') {
			*wrong = "text beside quotes";
			return NULL;
		}
		if (*p == '\r' && (end - p < 2 || p[1] == '\n'))
			break;
		if ((unsigned char)*p >= 0x80) {
			p = skip_utf8(p, end, wrong);
			if (!p)
				return NULL;
			continue;
		}
		plain = plain && (unsigned char)*p >= 0x20 && *p != '\\';
		p++;
	}
	*cell = (struct osy_csv_cell){{start, (size_t)(p - start)}, false, plain};
	return p;
}

/* ---- Rows ---- */

/*
 * Takes the row at p apart into csv->cells. Returns the place behind it; NULL: it is cut off, or
 * wrong says why it is no row.
 */
static const char *take_row(
	struct osy_csv *csv, const char *p, const char *end, size_t *ret_count, const char **wrong)
{
	for (size_t count = 0;; p++) {
		struct osy_csv_cell *cell = cell_at(csv, count);

		if (count++ == OSY_CSV_MAX_CELLS) {
			*wrong = "more cells than a row may have";
			return NULL;
		}
		p = p < end && *p == '"' ? take_quoted(p, end, cell, wrong)
					 : take_bare(p, end, cell, wrong);
		if (!p || p == end)
			return NULL;
		if (__builtin_expect(*p == ',', 1))
			continue;
		if (*p == '\r' && ++p == end)
			return NULL;
		if (*p != '\n') {
			*wrong = "text beside quotes";
			return NULL;
		}
		*ret_count = count;
		return p + 1;
	}
}

static const char *skip_mark(struct osy_csv *csv, const char *p, const char *end)
{
	if (!csv->begun_ && end - p >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	return p;
}

static enum osy_code not_a_row(const struct osy_csv *csv, const char *wrong, struct osy_err *err)
{
	return osy_fail(err, OSY_E_INVALID, "row %llu of the CSV has %s",
		(unsigned long long)csv->rows + 1, wrong);
}

static enum osy_code too_long(const struct osy_csv *csv, struct osy_err *err)
{
	return osy_fail(err, OSY_E_TOO_BIG, "row %llu of the CSV is longer than %u bytes",
		(unsigned long long)csv->rows + 1, OSY_CSV_MAX_ROW_BYTES);
}

/* Hands the row at *p out and moves behind it; *p stays where it is when the row is cut off. */
static inline enum osy_code one_row(
	struct osy_csv *csv, const char **p, const char *end, struct osy_err *err)
{
	const char *wrong = NULL, *start = skip_mark(csv, *p, end);
	size_t count = 0;
	const char *next = take_row(csv, start, end, &count, &wrong);

	if (wrong)
		return not_a_row(csv, wrong, err);
	if (!next)
		return OSY_OK;
	if (next - *p > OSY_CSV_MAX_ROW_BYTES)
		return too_long(csv, err);
	*p = next;
	csv->begun_ = true;
	if (count == 1 && csv->cells[0].raw.len == 0)
		return OSY_OK;
	csv->rows++;
	return csv->row(csv->cells, count, csv->arg, err);
}

/* The place behind the line end that ends the row which began before p; NULL: not in here. */
static const char *row_end(struct osy_csv *csv, const char *p, const char *end)
{
	while (p < end) {
		const char *quote = memchr(p, '"', (size_t)(end - p));

		if (!csv->in_quotes_) {
			const char *stop = quote ? quote : end;
			const char *line_end = memchr(p, '\n', (size_t)(stop - p));
			if (line_end)
				return line_end + 1;
		}
		if (!quote)
			return NULL;
		csv->in_quotes_ = !csv->in_quotes_;
		p = quote + 1;
	}
	return NULL;
}

static enum osy_code keep(struct osy_csv *csv, const char *p, const char *end, struct osy_err *err)
{
	const size_t len = (size_t)(end - p);

	if (csv->kept.len + len > OSY_CSV_MAX_ROW_BYTES)
		return too_long(csv, err);
	osy_buf_add(&csv->kept, p, len);
	return OSY_OK;
}

static enum osy_code end_kept(struct osy_csv *csv, struct osy_err *err)
{
	const char *p = csv->kept.p, *end = p + csv->kept.len;
	enum osy_code code = one_row(csv, &p, end, err);

	if (!code && p != end) /* nothing else is left that could seem to be cut off */
		code = not_a_row(csv, not_utf8, err);
	osy_buf_reset(&csv->kept);
	return code;
}

enum osy_code osy_csv_feed(struct osy_csv *csv, struct osy_str piece, struct osy_err *err)
{
	const char *p = piece.p, *end = p + piece.len;
	enum osy_code code = OSY_OK;

	if (csv->kept.len > 0 && piece.len > 0) {
		const char *stop = row_end(csv, p, end);
		code = keep(csv, p, stop ? stop : end, err);
		if (code || !stop)
			return code;
		code = end_kept(csv, err);
		p = stop;
	}
	while (!code && p < end) {
		const char *start = p;
		code = one_row(csv, &p, end, err);
		if (code || p != start)
			continue;
		csv->in_quotes_ = false;
		(void)row_end(csv, p, end);
		return keep(csv, p, end, err);
	}
	return code;
}

enum osy_code osy_csv_end(struct osy_csv *csv, struct osy_err *err)
{
	if (csv->kept.len == 0)
		return OSY_OK;
	if (csv->in_quotes_)
		return not_a_row(csv, "a cell whose quote never ends: the text is cut off", err);
	osy_buf_addc(&csv->kept, '\n');
	return end_kept(csv, err);
}

/* ---- Values ---- */

static struct osy_str inside(const struct osy_csv_cell *cell)
{
	return cell->quoted ? (struct osy_str){cell->raw.p + 1, cell->raw.len - 2} : cell->raw;
}

struct osy_str osy_csv_text(const struct osy_csv_cell *cell, struct osy_buf *scratch)
{
	const struct osy_str in = inside(cell);
	const char *p = in.p, *end = p + in.len, *quote;
	const size_t start = scratch->len;

	if (in.len == 0)
		return OSY_STR_NULL;
	if (cell->plain || !cell->quoted || !memchr(p, '"', in.len))
		return in;
	while ((quote = memchr(p, '"', (size_t)(end - p)))) {
		osy_buf_add(scratch, p, (size_t)(quote + 1 - p));
		p = quote + 2;
	}
	osy_buf_add(scratch, p, (size_t)(end - p));
	return (struct osy_str){scratch->p + start, scratch->len - start};
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

static bool is_number(struct osy_str s)
{
	const char *p = s.p, *end = p + s.len, *digits;

	p += p < end && *p == '-';
	digits = p;
	p = skip_digits(p, end);
	if (p == digits || (*digits == '0' && p - digits > 1))
		return false;
	if (p < end && *p == '.') {
		digits = ++p;
		p = skip_digits(p, end);
		if (p == digits)
			return false;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		p += p < end && (*p == '+' || *p == '-');
		digits = p;
		p = skip_digits(p, end);
		if (p == digits)
			return false;
	}
	return p == end;
}

/* Undoes doubled quotes and escapes in one go; p to end is what the reader has taken for a cell. */
static void put_escaped(const char *p, const char *end, bool quoted, struct osy_buf *out)
{
	static const char letters[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

	while (p < end) {
		const char *run = p;

		while (p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\')
			p++;
		osy_buf_add(out, run, (size_t)(p - run));
		if (p == end)
			return;
		if (*p == '"' || *p == '\\')
			osy_buf_add(out, (char[]){'\\', *p}, 2);
		else if (letters[(unsigned char)*p])
			osy_buf_add(out, (char[]){'\\', letters[(unsigned char)*p]}, 2);
		else
			osy_buf_addf(out, "\\u%04x", (unsigned char)*p);
		p += *p == '"' && quoted ? 2 : 1;
	}
}

struct osy_str osy_csv_json(const struct osy_csv_cell *cell, bool text, struct osy_buf *scratch)
{
	const struct osy_str in = inside(cell);
	const size_t start = scratch->len;

	if (in.len == 0)
		return OSY_STR_NULL;
	if (!text && (is_number(in) || osy_str_is(in, "true") || osy_str_is(in, "false")))
		return in;
	if (cell->plain && cell->quoted)
		return cell->raw;
	osy_buf_addc(scratch, '"');
	if (cell->plain)
		osy_buf_add_str(scratch, in);
	else
		put_escaped(in.p, in.p + in.len, cell->quoted, scratch);
	osy_buf_addc(scratch, '"');
	return (struct osy_str){scratch->p + start, scratch->len - start};
}
