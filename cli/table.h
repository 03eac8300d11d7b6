/*
 * A table of text: columns as wide as their widest cell. Cells are copied.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdio.h>

#include "osy/str.h"

#define CLI_COLUMNS 20

struct cli_table {
	unsigned columns;
	unsigned gap;			/* between columns; 0: two */
	const char *heads[CLI_COLUMNS]; /* borrowed */
	bool right[CLI_COLUMNS];	/* numbers */
	char **cells;			/* row by row */
	size_t count, cap;
};

void cli_table_column(struct cli_table *table, const char *head, bool right);
/* The next cell, left to right; text that may be shown (cli_show). */
void cli_table_add(struct cli_table *table, struct osy_str text);
void cli_table_done(struct cli_table *table);
/*
 * Lines without trailing spaces, after a line of heads. width 0: as wide as it takes; otherwise the
 * last column is cut to fit, and then every line.
 */
void cli_table_print(const struct cli_table *table, size_t width, FILE *out);

#endif
