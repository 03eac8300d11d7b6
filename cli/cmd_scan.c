/* run scan */
#include <stdio.h>

#include "cli.h"
#include "cmd_run.h"
#include "osy/mem.h"
#include "osy/banned.h"

static const struct cli_column object_columns[] = {
	{"STAGE", "stage", CLI_COUNT},
	{"OBJECT", "name", CLI_TEXT},
	{"TARGET", "target", CLI_TEXT},
	{"SELECTED", "selected", CLI_COUNT},
	{"SINCE", "since", CLI_WHEN},
	{"IN TARGET", "targetCount", CLI_COUNT},
	{"FIELDS", "fields", CLI_COUNT},
	{"LANES", "lanes", CLI_COUNT},
	{"MATCH", "match", CLI_TEXT},
	{"READ", "read", CLI_TEXT},
	{"LOAD", "load", CLI_TEXT},
	{"SOURCE CALLS", "sourceCalls", CLI_COUNT},
	{"TARGET CALLS", "targetCalls", CLI_COUNT},
	{NULL, NULL, CLI_TEXT},
};

static int64_t stage_of(const struct osy_json *objects, size_t i)
{
	return osy_json_get_i64(osy_json_at(objects, i), "stage", 0);
}

/* A copy of the objects, by stage. */
static enum osy_code by_stage(
	const struct osy_json *objects, struct osy_json **ret, struct osy_err *err)
{
	struct osy_json *sorted = osy_json_new_array();
	int64_t last = 0;
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; i < osy_json_count(objects); i++)
		last = stage_of(objects, i) > last ? stage_of(objects, i) : last;
	for (int64_t stage = 0; stage <= last; stage++) {
		for (size_t i = 0; !rc && i < osy_json_count(objects); i++) {
			OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(1024 * 1024);
			struct osy_json *copy = NULL;
			if (stage_of(objects, i) != stage)
				continue;
			osy_json_write(osy_json_at(objects, i), false, &text);
			rc = osy_json_parse(osy_buf_str(&text), "an object", &copy, err);
			if (!rc)
				osy_json_push(sorted, copy);
		}
	}
	if (rc)
		osy_json_free(sorted);
	else
		*ret = sorted;
	return rc;
}

/* The lookups of an object to itself, in one text. */
static void put_own(struct osy_json *item)
{
	OSY_AUTO(osy_buf_done) struct osy_buf own = OSY_BUF(64 * 1024);
	const struct osy_json *within = osy_json_get(item, "within");

	for (size_t i = 0; i < osy_json_count(within); i++) {
		osy_buf_addz(&own, i ? ", " : "");
		osy_buf_add_str(&own, osy_json_str(osy_json_at(within, i)));
	}
	if (own.len)
		osy_json_put(item, "own", osy_json_new_str(osy_buf_str(&own)));
}

/* Objects below the one that has selected them, or that they point to. */
static void print_hierarchy(const struct osy_json *hierarchy)
{
	static const struct cli_column columns[] = {
		{"HIERARCHY", "shown", CLI_TEXT},
		{"SELECTED", "selected", CLI_COUNT},
		{"BY", "field", CLI_TEXT},
		{"WITHIN ITSELF BY", "own", CLI_TEXT},
		{"RELATED", "related", CLI_FLAG},
		{NULL, NULL, CLI_TEXT},
	};
	struct cli table = {.words = {.format = CLI_TABLE}};
	bool any = false;

	for (size_t i = 0; i < osy_json_count(hierarchy); i++) {
		struct osy_json *item = osy_json_at(hierarchy, i);
		OSY_AUTO(osy_buf_done) struct osy_buf shown = OSY_BUF(4096);
		int64_t level = osy_json_get_i64(item, "level", 0);
		any |= level > 0 || osy_json_count(osy_json_get(item, "within")) > 0;
		osy_buf_addf(&shown, "%*s", (int)(level < 100 ? 2 * level : 200), "");
		osy_buf_add_str(&shown, osy_json_get_str(item, "object"));
		osy_json_put(item, "shown", osy_json_new_str(osy_buf_str(&shown)));
		put_own(item);
	}
	if (!any)
		return;
	printf("\n");
	cli_print_rows(&table, hierarchy, columns);
}

static void print_missing(const struct osy_json *missing)
{
	static const struct cli_column columns[] = {
		{"MISSING PARENTS", "count", CLI_COUNT},
		{"OBJECT", "object", CLI_TEXT},
		{"FIELD", "field", CLI_TEXT},
		{"PARENT", "parent", CLI_TEXT},
		{"POLICY", "policy", CLI_TEXT},
		{NULL, NULL, CLI_TEXT},
	};
	struct cli table = {.words = {.format = CLI_TABLE}};

	if (!osy_json_count(missing))
		return;
	printf("\n");
	cli_print_rows(&table, missing, columns);
	printf("These lookups point to records that the run does not take along. Where no earlier "
	       "run "
	       "has mapped them:\n"
	       "blank: the lookup is left out; wait: the records wait until a later run has it; "
	       "fail: "
	       "they fail.\n");
}

static void print_waiting(const struct osy_json *objects)
{
	for (size_t i = 0; i < osy_json_count(objects); i++) {
		const struct osy_json *object = osy_json_at(objects, i);
		OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(4096);
		int64_t count = osy_json_get_i64(object, "waiting", 0);
		if (!count)
			continue;
		osy_buf_addc(&text, '\n');
		cli_number(count, &text);
		osy_buf_addz(&text, count == 1 ? " record of " : " records of ");
		cli_show(osy_json_get_str(object, "name"), &text);
		printf("%s that %s since earlier runs %s read too, whatever the filter selects.\n",
			text.p, count == 1 ? "waits" : "wait", count == 1 ? "is" : "are");
	}
}

static void print_cost(const struct osy_json *report)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(4096);
	const struct osy_json *calls = osy_json_get(report, "apiCalls");
	int64_t seconds = osy_json_get_i64(
		report, "estimateSeconds", osy_json_get_i64(report, "estimatedSeconds", -1));

	osy_buf_addz(&text, "API calls: about ");
	cli_number(osy_json_get_i64(calls, "source", 0), &text);
	osy_buf_addz(&text, " in the source, ");
	cli_number(osy_json_get_i64(calls, "target", 0), &text);
	osy_buf_addz(&text, " in the target");
	if (seconds >= 0) {
		osy_buf_addz(&text, "; estimated time: ");
		cli_seconds(seconds, &text);
	}
	printf("\n%s\n", text.p);
}

static void print_files(const struct osy_json *files)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(4096);
	int64_t selected = osy_json_get_i64(files, "selected", 0);
	int64_t left = osy_json_get_i64(files, "left", -1);

	if (!selected)
		return;
	osy_buf_addz(&text, "Files and versions of files: ");
	cli_number(selected, &text);
	if (left >= 0) {
		osy_buf_addz(&text, " at most; the target takes ");
		cli_number(left, &text);
		osy_buf_addz(&text, " more within 24 hours");
	}
	printf("%s\n", text.p);
}

static void print_notices(const struct osy_json *notices)
{
	if (osy_json_count(notices))
		printf("\nNotices:\n");
	for (size_t i = 0; i < osy_json_count(notices); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(1024 * 1024);
		cli_show(osy_json_str(osy_json_at(notices, i)), &text);
		printf("  %s\n", text.p);
	}
}

static enum osy_code print_report(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *report = NULL, *objects = NULL;
	enum osy_code rc = cli_run_ask(cli, "GET", "/runs/{}/scan", &report, err);

	if (!rc)
		rc = by_stage(osy_json_get(report, "objects"), &objects, err);
	if (rc)
		return rc;
	if (cli->words.quiet) {
		cli_print_ids(objects, "name");
	} else if (cli->words.format == CLI_JSON) {
		cli_print_json(report);
	} else {
		cli_print_rows(cli, objects, object_columns);
		if (cli->words.format == CLI_TABLE) {
			print_hierarchy(osy_json_get(report, "hierarchy"));
			print_missing(osy_json_get(report, "missingParents"));
			print_waiting(objects);
			print_cost(report);
			print_files(osy_json_get(report, "fileVersions"));
			print_notices(osy_json_get(report, "notices"));
		}
	}
	return OSY_OK;
}

enum osy_code cli_run_scan(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *run = NULL;
	struct cli_watch watch = {.run = cli->words.args[0], .scan = true};
	enum osy_code rc = cli_run_ask(cli, "POST", "/runs/{}/scan", &run, err);

	if (rc)
		return rc;
	if (!cli_value(&cli->words, "no-wait")) {
		rc = cli_watch(cli, &watch, err);
		return rc || cli->exit_status ? rc : print_report(cli, err);
	}
	if (cli->words.format == CLI_JSON && !cli->words.quiet)
		cli_print_json(run);
	else
		printf("%s\n", cli->words.args[0]);
	return OSY_OK;
}
