/* run waiting */
#include <stdio.h>

#include "cli.h"
#include "cmd_run.h"
#include "osy/mem.h"
#include "osy/banned.h"

static const struct cli_column columns[] = {
	{"OBJECT", "object", CLI_TEXT},
	{"SOURCE ID", "sourceId", CLI_TEXT},
	{"FIELD", "field", CLI_TEXT},
	{"PARENT", "parentObject", CLI_TEXT},
	{"PARENT ID", "parentId", CLI_TEXT},
	{"SINCE", "since", CLI_WHEN},
	{NULL, NULL, CLI_TEXT},
};

static const struct cli_column parent_columns[] = {
	{"WAITING", "count", CLI_COUNT},
	{"OBJECT", "object", CLI_TEXT},
	{"FIELD", "field", CLI_TEXT},
	{"PARENT", "parentObject", CLI_TEXT},
	{"PARENT ID", "parentId", CLI_TEXT},
	{"SINCE", "since", CLI_WHEN},
	{NULL, NULL, CLI_TEXT},
};

static const char *const csv_keys[] = {"sourceId", "object", "field", "parentId", "parentObject",
	"since", "triedAt", "run", "lane", "offset", "row"};

static void csv_row(const struct osy_json *item, FILE *out)
{
	OSY_AUTO(osy_buf_done) struct osy_buf line = OSY_BUF(64u * 1024);

	for (size_t i = 0; i < OSY_COUNT(csv_keys); i++) {
		const struct osy_json *value = osy_json_get(item, csv_keys[i]);
		if (i)
			osy_buf_addc(&line, ',');
		if (osy_json_type(value) == OSY_JSON_INT)
			osy_buf_add_str(&line, osy_json_number(value));
		else
			cli_csv(osy_json_str(value), true, &line);
	}
	osy_buf_addz(&line, "\r\n");
	fwrite(line.p, 1, line.len, out);
}

static enum osy_code csv_page(void *arg, const struct osy_json *items, struct osy_err *err)
{
	FILE *out = arg;

	for (size_t i = 0; i < osy_json_count(items); i++)
		csv_row(osy_json_at(items, i), out);
	if (fflush(out) != 0 || ferror(out))
		return osy_fail(err, OSY_E_INTERNAL, "cannot write the CSV file: %m");
	return OSY_OK;
}

/* A file that could not be written whole is removed. */
static enum osy_code export(
	struct cli *cli, const char *path, const char *file, struct osy_err *err) {
	OSY_AUTO_FREE char *next = NULL; bool to_stdout = strcmp(file, "-") == 0;
	FILE *out = to_stdout ? stdout : fopen(file, "we");

	if (!out) return osy_fail(err, OSY_E_USAGE, "cannot write %s: %m", file);
	fprintf(out, "source_id,object,field,parent_id,parent_object,since,tried_at,run,lane,"
		     "offset,row\r\n");
	enum osy_code rc = cli_pages(cli, path, 0, csv_page, out, &next, err);
	if (to_stdout) return rc;
	if (fclose(out) != 0 && !rc)
		rc = osy_fail(err, OSY_E_INTERNAL, "cannot write %s: %m", file);
	if (rc) remove(file);
	return rc;
}

enum osy_code cli_run_waiting(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);
	const char *file = cli_value(&cli->words, "csv");
	bool parents = cli_value(&cli->words, "parents") != NULL;

	cli_path(&path, parents ? "/runs/{}/waiting/parents" : "/runs/{}/waiting",
		cli->words.args[0]);
	cli_query(&path, "object", cli_value(&cli->words, "object"));
	cli_query(&path, "parent", cli_value(&cli->words, "parent"));
	if (file && !parents)
		return export(cli, path.p, file, err);
	if (file)
		return osy_fail(err, OSY_E_USAGE,
			"--csv writes the records that wait, --parents counts them; use -o csv "
			"for the counts");
	return cli_print_pages(cli, path.p, parents ? parent_columns : columns,
		parents ? "parentId" : "sourceId", err);
}

enum osy_code cli_run_tell_waiting(
	struct cli *cli, const struct osy_json *run, const char *id, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);
	OSY_AUTO(osy_json_free_at) struct osy_json *list = NULL;

	if (osy_json_get_i64(osy_json_get(run, "totals"), "skipped", 0) == 0)
		return OSY_OK;
	cli_path(&path, "/runs/{}/waiting", id);
	cli_query(&path, "limit", "1");
	enum osy_code rc = cli_get(cli, path.p, &list, err);
	if (!rc && osy_json_count(osy_json_get(list, "items")))
		printf("Some wait for a parent: orgsync run waiting %s --parents\n", id);
	return rc;
}
