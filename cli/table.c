#include "table.h"

#include <stdlib.h>

#include "osy/mem.h"
#include "text.h"
#include "osy/banned.h"

#define GAP 2
#define LINE_BYTES (1024u * 1024)

void cli_table_column(struct cli_table *table, const char *head, bool right)
{
	OSY_ASSERT(table->columns < CLI_COLUMNS && !table->count);
	table->heads[table->columns] = head;
	table->right[table->columns++] = right;
}

void cli_table_add(struct cli_table *table, struct osy_str text)
{
	if (table->count == table->cap) {
		table->cap = table->cap ? table->cap * 2 : 64;
		table->cells = osy_xrealloc(table->cells, table->cap * sizeof(*table->cells));
	}
	table->cells[table->count++] = osy_xstrndup(text.p ? text.p : "", text.len);
}

void cli_table_done(struct cli_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct cli_table){0};
}

static void print_line(const struct cli_table *table, const char *const *cells,
	const size_t *widths, size_t width, FILE *out)
{
	OSY_AUTO(osy_buf_done) struct osy_buf line = OSY_BUF(LINE_BYTES);

	for (unsigned c = 0; c < table->columns; c++) {
		size_t used = cli_width(osy_str(cells[c])),
		       pad = widths[c] > used ? widths[c] - used : 0;
		if (c)
			osy_buf_addf(&line, "%*s", table->gap ? (int)table->gap : GAP, "");
		if (table->right[c])
			osy_buf_addf(&line, "%*s", (int)pad, "");
		osy_buf_addz(&line, cells[c]);
		if (!table->right[c])
			osy_buf_addf(&line, "%*s", (int)pad, "");
	}
	while (line.len && line.p[line.len - 1] == ' ')
		line.p[--line.len] = 0;
	if (width) {
		OSY_AUTO(osy_buf_done) struct osy_buf cut = OSY_BUF(LINE_BYTES);
		cli_cut(osy_buf_str(&line), width, &cut);
		fprintf(out, "%s\n", cut.p);
	} else {
		fprintf(out, "%s\n", line.p);
	}
}

void cli_table_print(const struct cli_table *table, size_t width, FILE *out)
{
	size_t widths[CLI_COLUMNS] = {0};

	for (unsigned c = 0; c < table->columns; c++)
		widths[c] = cli_width(osy_str(table->heads[c]));
	for (size_t i = 0; i < table->count; i++) {
		size_t used = cli_width(osy_str(table->cells[i]));
		if (used > widths[i % table->columns])
			widths[i % table->columns] = used;
	}
	/* Nothing is padded after the last column, however wide one of its cells is. */
	if (!table->right[table->columns - 1])
		widths[table->columns - 1] = 0;
	print_line(table, table->heads, widths, width, out);
	for (size_t i = 0; i + table->columns <= table->count; i += table->columns)
		print_line(table, (const char *const *)table->cells + i, widths, width, out);
}
