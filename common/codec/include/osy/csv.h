/*
 * CSV as Bulk API 2.0 speaks it: RFC 4180 in UTF-8, comma, LF or CRLF, a header row. Source:
 * salesforce-wire.md sections 3.2 to 3.4. On the way of every record: cells are slices, nothing is
 * copied but what needs another spelling.
 *
 * A reader is fed the bytes as they come, in pieces of any size, and calls row for each row that is
 * complete (the header row too); a row that a piece cuts is kept until the next one. Lines with
 * nothing in them and a byte order mark before the first row are passed over. Memory: the longest
 * row. One thread.
 */
#ifndef OSY_CSV_H
#define OSY_CSV_H

#include "osy/str.h"

#define OSY_CSV_MAX_ROW_BYTES (8u * 1024 * 1024)
#define OSY_CSV_MAX_CELLS 5000
/* What scratch must be able to hold for the values of one row: an escape is six bytes. */
#define OSY_CSV_SCRATCH_BYTES (6u * OSY_CSV_MAX_ROW_BYTES + 3u * OSY_CSV_MAX_CELLS)

struct osy_csv_cell {
	struct osy_str
		raw; /* as it stands, quotes included; a slice that lives as long as the call */
	bool quoted;
	bool plain; /* between its quotes (or as it stands, without them) it has no quote, no
		       backslash and no control character: it is JSON text as it is */
};
typedef enum osy_code (*osy_csv_row)(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *err);

struct osy_csv {
	osy_csv_row row;
	void *arg;
	struct osy_buf kept; /* of a row that is not complete */
	struct osy_csv_cell *cells;
	size_t cell_cap;
	uint64_t rows; /* complete ones so far, the header too; for error texts */
	bool in_quotes_, begun_;
};
void osy_csv_init(struct osy_csv *csv, osy_csv_row row, void *arg);
void osy_csv_done(struct osy_csv *csv);
/* Stops at the first error of row, or at what is no CSV (text beside quotes, a row too long, not
 * UTF-8); the reader is then of no more use. */
enum osy_code osy_csv_feed(
	struct osy_csv *csv, struct osy_str piece, struct osy_err *err) OSY_CHECKED;
/* After the last piece: a last row without a line end; a cell whose quote never ends is an error.
 */
enum osy_code osy_csv_end(struct osy_csv *csv, struct osy_err *err) OSY_CHECKED;

/*
 * The value of a cell. osy_csv_text: without its quotes, doubled quotes undone; a slice of the cell
 * unless it must be spelled anew: then it is appended to scratch (and is a slice of that, valid
 * until scratch grows again). osy_csv_json: the same as raw JSON text: a string when text is set,
 * else as it stands (numbers, true, false; what is none of these is a string all the same). A slice
 * of the cell (with its quotes) when that is JSON already. An empty cell is null: p NULL, quoted or
 * not (Salesforce does not tell them apart). Cells must come from the reader.
 */
struct osy_str osy_csv_text(const struct osy_csv_cell *cell, struct osy_buf *scratch);
struct osy_str osy_csv_json(const struct osy_csv_cell *cell, bool text, struct osy_buf *scratch);

/*
 * Writing: a cell from a raw JSON value (string, number, true, false); always quoted but for
 * numbers and booleans. False, and nothing is appended, when the value cannot be said in CSV: a NUL
 * or half a surrogate pair in it, the text "#N/A", a null or no scalar. The text is never longer
 * than raw_json. osy_csv_put_text: always quoted, at most twice as long and two quotes.
 */
bool osy_csv_put_json(struct osy_buf *out, struct osy_str raw_json);
void osy_csv_put_text(struct osy_buf *out, struct osy_str text);

#endif
