/* run order */
#include <stdio.h>

#include "cli.h"
#include "cmd_run.h"
#include "osy/json_write.h"
#include "osy/mem.h"
#include "osy/banned.h"

static const struct cli_column columns[] = {
	{"PLACE", "place", CLI_COUNT},
	{"STAGE", "stage", CLI_COUNT},
	{"OBJECT", "name", CLI_TEXT},
	{"TARGET", "target", CLI_TEXT},
	{"WHY", "reason", CLI_TEXT},
	{NULL, NULL, CLI_TEXT},
};

static void print_source(const struct osy_json *order)
{
	struct osy_str source = osy_json_get_str(order, "source");
	long long version = (long long)osy_json_get_i64(order, "version", 0);

	if (osy_json_get_bool(order, "recalculating", false))
		printf("\nThis order is being worked out anew.\n");
	else if (osy_str_is(source, "given"))
		printf("\nGiven order, version %lld; --reset goes back to the computed one.\n",
			version);
	else if (osy_str_is(source, "template"))
		printf("\nThe order that the template gives.\n");
	else
		printf("\nComputed from the lookups; objects of one stage are loaded side by "
		       "side.\n");
}

/* A table that is never cut: a reason without its end is none. */
static void print_table(const struct osy_json *objects)
{
	OSY_AUTO(cli_table_done) struct cli_table table = {0};

	for (const struct cli_column *c = columns; c->head; c++)
		cli_table_column(&table, c->head, c->kind == CLI_COUNT);
	for (size_t i = 0; i < osy_json_count(objects); i++) {
		for (const struct cli_column *c = columns; c->head; c++) {
			OSY_AUTO(osy_buf_done) struct osy_buf cell = OSY_BUF(256 * 1024);
			cli_cell(osy_json_get(osy_json_at(objects, i), c->key), c->kind, &cell);
			cli_table_add(&table, osy_buf_str(&cell));
		}
	}
	cli_table_print(&table, 0, stdout);
}

/* One a line, as --set takes them with commas between. */
static void print_names(const struct osy_json *names)
{
	for (size_t i = 0; i < osy_json_count(names); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(4096);
		cli_show(osy_json_str(osy_json_at(names, i)), &text);
		printf("%s\n", text.p);
	}
}

static enum osy_code print_order(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *order = NULL;
	enum osy_code rc = cli_run_ask(cli, "GET", "/runs/{}/order", &order, err);

	if (rc)
		return rc;
	if (cli->words.quiet) {
		print_names(osy_json_get(order, "order"));
		return OSY_OK;
	}
	if (cli->words.format == CLI_TABLE) {
		print_table(osy_json_get(order, "objects"));
		print_source(order);
		return OSY_OK;
	}
	cli_print_list(cli, order, osy_json_get(order, "objects"), columns, "name");
	return OSY_OK;
}

/* "A, B,C" as a list of names. */
static enum osy_code write_names(const char *text, struct osy_buf *out, struct osy_err *err)
{
	struct osy_json_writer w = osy_json_writer(out);

	if (!osy_utf8_valid(osy_str(text)))
		return osy_fail(err, OSY_E_USAGE, "--set is not text in UTF-8");
	osy_jw_object(&w);
	osy_jw_key(&w, "objects");
	osy_jw_array(&w);
	while (*text) {
		size_t len = strcspn(text, ",");
		const char *end = text + len;
		text += strspn(text, " ");
		while (end > text && end[-1] == ' ')
			end--;
		if (end <= text)
			return osy_fail(err, OSY_E_USAGE,
				"--set has an empty name; write all objects with commas between "
				"them, as --set Account,Contact");
		osy_jw_str(&w, (struct osy_str){text, (size_t)(end - text)});
		text = end + strcspn(end, ",");
		text += *text == ',';
	}
	osy_jw_array_end(&w);
	osy_jw_object_end(&w);
	return OSY_OK;
}

/* Saves, and waits until the plan is made anew. A run without a plan stays so. */
static enum osy_code change(
	struct cli *cli, const char *names, bool *ret_planned, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done)
	struct osy_buf path = OSY_BUF(CLI_PATH_BYTES), body = OSY_BUF(1024 * 1024);
	struct cli_watch watch = {.run = cli->words.args[0], .scan = true};
	struct cli_call call = {.method = names ? "PUT" : "DELETE"};
	OSY_AUTO(osy_json_free_at) struct osy_json *run = NULL;
	enum osy_code rc = names ? write_names(names, &body, err) : OSY_OK;

	if (rc)
		return rc;
	cli_path(&path, "/runs/{}/order", cli->words.args[0]);
	call.path = path.p;
	if (names)
		call.body = osy_buf_str(&body);
	rc = cli_call(cli, &call, &run, err);
	*ret_planned = osy_str_is(osy_json_get_str(run, "state"), "Scan In Progress") &&
		       !cli_value(&cli->words, "no-wait");
	return rc || !*ret_planned ? rc : cli_watch(cli, &watch, err);
}

enum osy_code cli_run_order(struct cli *cli, struct osy_err *err)
{
	const char *names = cli_value(&cli->words, "set");
	bool reset = cli_value(&cli->words, "reset") != NULL;
	bool planned = true;
	enum osy_code rc = OSY_OK;

	if (names && reset)
		return osy_fail(err, OSY_E_USAGE, "--set and --reset do not go together");
	if (names || reset)
		rc = change(cli, names, &planned, err);
	if (rc || cli->exit_status || !planned)
		return rc;
	return print_order(cli, err);
}
