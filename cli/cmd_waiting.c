/* run waiting, run log */
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

static const struct cli_csv_column csv_columns[] = {{"source_id", "sourceId"}, {"object", "object"},
	{"field", "field"}, {"parent_id", "parentId"}, {"parent_object", "parentObject"},
	{"since", "since"}, {"tried_at", "triedAt"}, {"run", "run"}, {"lane", "lane"},
	{"offset", "offset"}, {"row", "row"}, {NULL, NULL}};

enum osy_code cli_run_log(struct cli *cli, struct osy_err *err)
{
	static const struct cli_column events[] = {
		{"AT", "at", CLI_WHEN},
		{"LEVEL", "level", CLI_TEXT},
		{"EVENT", "event", CLI_TEXT},
		{"WHAT", "message", CLI_TEXT},
		{NULL, NULL, CLI_TEXT},
	};
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);

	cli_path(&path, "/runs/{}/log", cli->words.args[0]);
	cli_query(&path, "level", cli_value(&cli->words, "level"));
	cli_query(&path, "text", cli_value(&cli->words, "text"));
	return cli_print_pages(cli, path.p, events, "event", err);
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
		return cli_export_csv(cli, path.p, file, csv_columns, err);
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
