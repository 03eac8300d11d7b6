/* A list as a CSV file. */
#include <errno.h>
#include <stdio.h>

#include "cli.h"
#include "osy/mem.h"
#include "osy/banned.h"

#define LINE_BYTES (16u * 1024 * 1024)

struct export
{
	const struct cli_csv_column *columns;
	FILE *out;
};

static void write_row(const struct export *export, const struct osy_json *item)
{
	OSY_AUTO(osy_buf_done) struct osy_buf line = OSY_BUF(LINE_BYTES);

	for (size_t i = 0; export->columns[i].head; i++) {
		const struct osy_json *value = osy_json_get(item, export->columns[i].key);
		if (i)
			osy_buf_addc(&line, ',');
		if (osy_json_type(value) == OSY_JSON_INT)
			osy_buf_add_str(&line, osy_json_number(value));
		else
			cli_csv(osy_json_str(value), true, &line);
	}
	osy_buf_addz(&line, "\r\n");
	fwrite(line.p, 1, line.len, export->out);
}

static enum osy_code write_page(void *arg, const struct osy_json *items, struct osy_err *err)
{
	const struct export *export = arg;

	for (size_t i = 0; i < osy_json_count(items); i++)
		write_row(export, osy_json_at(items, i));
	if (fflush(export->out) != 0 || ferror(export->out))
		return osy_fail(err, OSY_E_INTERNAL, "cannot write the CSV file: %m");
	return OSY_OK;
}

enum osy_code cli_export_csv(struct cli *cli, const char *path, const char *file,
	const struct cli_csv_column *columns, struct osy_err *err)
{
	OSY_AUTO_FREE char *next = NULL;
	bool to_stdout = strcmp(file, "-") == 0;
	struct export export = {columns, to_stdout ? stdout : fopen(file, "we")};

	if (!export.out)
		return osy_fail(err, OSY_E_USAGE, "cannot write %s: %m", file);
	for (size_t i = 0; columns[i].head; i++)
		fprintf(export.out, "%s%s", i ? "," : "", columns[i].head);
	fprintf(export.out, "\r\n");
	enum osy_code rc = cli_pages(cli, path, 0, write_page, &export, &next, err);
	if (to_stdout)
		return rc;
	if (fclose(export.out) != 0 && !rc)
		rc = osy_fail(err, OSY_E_INTERNAL, "cannot write %s: %m", file);
	if (rc)
		remove(file);
	return rc;
}
