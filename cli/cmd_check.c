/* run check */
#include <stdio.h>

#include "cli.h"
#include "cmd_run.h"
#include "osy/mem.h"
#include "osy/banned.h"

static const struct cli_column columns[] = {
	{"SEVERITY", "severity", CLI_TEXT},
	{"ORG", "org", CLI_TEXT},
	{"OBJECT", "object", CLI_TEXT},
	{"FIELD", "field", CLI_TEXT},
	{"KIND", "kind", CLI_TEXT},
	{"NAME", "name", CLI_TEXT},
	{"WHAT", "what", CLI_TEXT},
	{"WHAT TO DO", "todo", CLI_TEXT},
	{NULL, NULL, CLI_TEXT},
};

#define REFUSED 4 /* exit status: something blocks */

/* Two lines a finding: what is wrong, and below it what to do. */
static void add_finding(struct cli_table *table, const struct osy_json *finding)
{
	static const char *const keys[] = {"severity", "org", "object", "field", "what"};
	OSY_AUTO(osy_buf_done) struct osy_buf todo = OSY_BUF(256 * 1024);

	for (size_t i = 0; i < OSY_COUNT(keys); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf cell = OSY_BUF(256 * 1024);
		cli_show(osy_json_get_str(finding, keys[i]), &cell);
		cli_table_add(table, osy_buf_str(&cell));
	}
	osy_buf_addz(&todo, "-> ");
	cli_show(osy_json_get_str(finding, "todo"), &todo);
	for (size_t i = 1; i < OSY_COUNT(keys); i++)
		cli_table_add(table, OSY_STR(""));
	cli_table_add(table, osy_buf_str(&todo));
}

static void print_findings(const struct osy_json *findings)
{
	static const char *const heads[] = {
		"SEVERITY", "ORG", "OBJECT", "FIELD", "WHAT, AND WHAT TO DO"};
	OSY_AUTO(cli_table_done) struct cli_table table = {0};

	for (size_t i = 0; i < OSY_COUNT(heads); i++)
		cli_table_column(&table, heads[i], false);
	for (size_t i = 0; i < osy_json_count(findings); i++)
		add_finding(&table, osy_json_at(findings, i));
	/* never cut: a sentence without its end is of no use */
	cli_table_print(&table, 0, stdout);
	printf("\n");
}

static void print_table(const struct osy_json *report)
{
	const struct osy_json *findings = osy_json_get(report, "findings");
	long long blocking = (long long)osy_json_get_i64(report, "blocking", 0);
	long long warnings = (long long)osy_json_get_i64(report, "warnings", 0);

	if (osy_json_count(findings))
		print_findings(findings);
	if (osy_json_get_bool(report, "cut", false))
		printf("There is more; these are the first.\n");
	printf("%lld blocking, %lld warning%s; %lld API calls in the source, %lld in the target\n",
		blocking, warnings, warnings == 1 ? "" : "s",
		(long long)osy_json_get_i64(report, "sourceCalls", 0),
		(long long)osy_json_get_i64(report, "targetCalls", 0));
}

enum osy_code cli_run_check(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *report = NULL;
	const char *method = cli_value(&cli->words, "last") ? "GET" : "POST";
	enum osy_code rc = cli_run_ask(cli, method, "/runs/{}/check", &report, err);

	if (rc)
		return rc;
	if (cli->words.quiet)
		cli_print_ids(osy_json_get(report, "findings"), "what");
	else if (cli->words.format == CLI_JSON)
		cli_print_json(report);
	else if (cli->words.format == CLI_CSV)
		cli_print_rows(cli, osy_json_get(report, "findings"), columns);
	else
		print_table(report);
	if (osy_json_get_i64(report, "blocking", 0) > 0)
		cli->exit_status = REFUSED;
	return OSY_OK;
}
