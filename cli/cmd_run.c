/* run create, show, list, watch, delete, and what is asked of a run */
#include <stdio.h>

#include "cli.h"
#include "cmd_run.h"
#include "osy/json_write.h"
#include "osy/mem.h"
#include "osy/banned.h"

static const struct cli_column list_columns[] = {
	{"ID", "id", CLI_TEXT},
	{"STATE", "state", CLI_TEXT},
	{"TEMPLATE", "template", CLI_TEXT},
	{"SOURCE", "source", CLI_TEXT},
	{"TARGET", "target", CLI_TEXT},
	{"CREATED", "createdAt", CLI_WHEN},
	{"TOOK", "elapsedSeconds", CLI_ELAPSED},
	{"ERRORS", "withErrors", CLI_FLAG},
	{"WAITS FOR", "waitsFor", CLI_TEXT},
	{"NAME", "name", CLI_TEXT},
	{NULL, NULL, CLI_TEXT},
};
static const struct cli_column one_columns[] = {
	{"RUN", "id", CLI_TEXT},
	{"NAME", "name", CLI_TEXT},
	{"TEMPLATE", "template", CLI_TEXT},
	{"SOURCE", "source", CLI_TEXT},
	{"TARGET", "target", CLI_TEXT},
	{"STATE", "state", CLI_TEXT},
	{"PHASE", "phase", CLI_TEXT},
	{"ASKED FOR", "wanted", CLI_TEXT},
	{"PROBLEM", "problem", CLI_TEXT},
	{"WAITS FOR", "waitsFor", CLI_TEXT},
	{"PAUSED BY", "pausedBy", CLI_TEXT},
	{"WITH ERRORS", "withErrors", CLI_FLAG},
	{"PASS", "pass", CLI_COUNT},
	{"PASS OF", "passKind", CLI_TEXT},
	{"STAGE", "openStage", CLI_COUNT},
	{"STAGES", "stages", CLI_COUNT},
	{"CREATED", "createdAt", CLI_WHEN},
	{"CREATED BY", "createdBy", CLI_TEXT},
	{"SINCE", "since", CLI_WHEN},
	{"STARTED", "startedAt", CLI_WHEN},
	{"ENDED", "endedAt", CLI_WHEN},
	{"TOOK", "elapsedSeconds", CLI_ELAPSED},
	{"API CALLS", "apiCalls", CLI_COUNT},
	{NULL, NULL, CLI_TEXT},
};
static const struct cli_column object_columns[] = {
	{"OBJECT", "name", CLI_TEXT},
	{"STAGE", "stage", CLI_COUNT},
	{"SELECTED", "selected", CLI_COUNT},
	{"SCANNED", "scanned", CLI_COUNT},
	{"INSERTED", "inserted", CLI_COUNT},
	{"UPDATED", "updated", CLI_COUNT},
	{"EXISTING", "existing", CLI_COUNT},
	{"SKIPPED", "skipped", CLI_COUNT},
	{"DELETED", "deleted", CLI_COUNT},
	{"FAILED", "failed", CLI_COUNT},
	{"LINKS FAILED", "linkFailed", CLI_COUNT},
	{"%", "percent", CLI_COUNT},
	{"BATCH", "batchSize", CLI_COUNT},
	{"LANES", "lanes", CLI_COUNT},
	{"READ", "read", CLI_TEXT},
	{"LOAD", "load", CLI_TEXT},
	{"SINCE", "since", CLI_WHEN},
	{NULL, NULL, CLI_TEXT},
};

enum osy_code cli_run_ask(struct cli *cli, const char *method, const char *pattern,
	struct osy_json **ret, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);

	cli_path(&path, pattern, cli->words.args[0]);
	return cli_do(cli, method, path.p, ret, err);
}

enum osy_code cli_run_create(struct cli *cli, struct osy_err *err)
{
	static const char *const keys[] = {"template", "source", "target", "name", "since"};
	OSY_AUTO(osy_json_free_at) struct osy_json *run = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf body = OSY_BUF(1024 * 1024);
	struct osy_json_writer w = osy_json_writer(&body);

	osy_jw_object(&w);
	for (size_t i = 0; i < OSY_COUNT(keys); i++) {
		const char *value = cli_value(&cli->words, keys[i]);
		if (value && !osy_utf8_valid(osy_str(value)))
			return osy_fail(err, OSY_E_USAGE, "--%s is not text in UTF-8", keys[i]);
		if (value)
			osy_jw_put_str(&w, keys[i], osy_str(value));
	}
	osy_jw_object_end(&w);
	struct cli_call call = {.method = "POST", .path = "/runs", .body = osy_buf_str(&body)};
	enum osy_code rc = cli_call(cli, &call, &run, err);
	if (rc)
		return rc;
	if (cli->words.format == CLI_JSON && !cli->words.quiet)
		cli_print_json(run);
	else
		printf("%.*s\n", (int)osy_json_get_str(run, "id").len,
			osy_json_get_str(run, "id").p);
	return OSY_OK;
}

enum osy_code cli_run_list(struct cli *cli, struct osy_err *err)
{
	static const struct {
		const char *option, *key;
	} filters[] = {{"state", "state"}, {"template", "template"}, {"source", "source"},
		{"target", "target"}, {"name", "name"}, {"by", "createdBy"}, {"since", "since"},
		{"until", "until"}, {"errors", "withErrors"}};
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);

	osy_buf_addz(&path, "/runs");
	for (size_t i = 0; i < OSY_COUNT(filters); i++)
		cli_query(&path, filters[i].key, cli_value(&cli->words, filters[i].option));
	return cli_print_pages(cli, path.p, list_columns, "id", err);
}

void cli_run_print_objects(const struct cli *cli, const struct osy_json *run)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(CLI_OUT_BYTES);
	OSY_AUTO(osy_json_free_at) struct osy_json *rows = NULL, *total = NULL;
	struct osy_json *objects = osy_json_get(run, "objects");
	struct osy_err ignored = OSY_ERR_NONE;

	if (!osy_json_count(objects))
		return;
	if (cli->words.format == CLI_CSV) {
		cli_print_rows(cli, objects, object_columns);
		return;
	}
	/* The table ends with a line of totals. */
	osy_json_write(objects, false, &text);
	if (osy_json_parse(osy_buf_str(&text), "objects", &rows, &ignored))
		return;
	osy_buf_reset(&text);
	osy_json_write(osy_json_get(run, "totals"), false, &text);
	if (osy_json_parse(osy_buf_str(&text), "totals", &total, &ignored))
		return;
	osy_json_put(total, "name", osy_json_new_str(OSY_STR("total")));
	osy_json_put(total, "stage", osy_json_new_str(OSY_STR("")));
	osy_json_push(rows, total);
	total = NULL;
	cli_print_rows(cli, rows, object_columns);
}

void cli_run_print_rollback(const struct osy_json *run)
{
	const struct osy_json *done = osy_json_get(run, "rollback");
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(1024);
	bool dry = osy_json_get_bool(done, "dryRun", false);

	if (!done)
		return;
	osy_buf_addz(&text, dry ? "A rollback would delete " : "The rollback has deleted ");
	cli_number(osy_json_get_i64(done, "deleted", 0), &text);
	osy_buf_addz(&text, dry ? ", give " : ", given ");
	cli_number(osy_json_get_i64(done, "restored", 0), &text);
	osy_buf_addz(&text, " their values back");
	if (osy_json_get_i64(done, "undeleted", 0)) {
		osy_buf_addz(&text, dry ? ", bring back " : ", brought back ");
		cli_number(osy_json_get_i64(done, "undeleted", 0), &text);
		osy_buf_addz(&text, " that the run has deleted");
	}
	osy_buf_addz(&text, dry ? " and leave " : " and left ");
	cli_number(osy_json_get_i64(done, "left", 0), &text);
	printf("%s as they are.\n", text.p);
	if (dry && osy_json_get_i64(done, "deleted", 0))
		printf("Children that others have given these records are looked for when it is "
		       "done, in objects that the run has loaded: their parents are left then.\n");
	if (osy_json_get_i64(done, "left", 0))
		printf("`orgsync run errors %.*s --kind rollback` tells why.\n",
			(int)osy_json_get_str(run, "id").len, osy_json_get_str(run, "id").p);
}

enum osy_code cli_run_show(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *run = NULL;
	enum osy_code rc = cli_run_ask(cli, "GET", "/runs/{}", &run, err);

	if (rc)
		return rc;
	if (cli->words.quiet || cli->words.format == CLI_JSON) {
		cli_print_one(cli, run, one_columns, "id");
	} else if (cli->words.format == CLI_CSV) {
		cli_run_print_objects(cli, run);
	} else {
		cli_print_one(cli, run, one_columns, "id");
		if (osy_json_count(osy_json_get(run, "objects")))
			printf("\n");
		cli_run_print_objects(cli, run);
		cli_run_print_rollback(run);
		cli_run_print_hooks(run);
	}
	return OSY_OK;
}

/* What has become of what was asked for, so far. */
static enum osy_code say_asked(struct cli *cli, const struct osy_json *run)
{
	if (cli->words.quiet || cli->words.format != CLI_TABLE) {
		cli_print_one(cli, run, one_columns, "id");
		return OSY_OK;
	}
	struct osy_str state = osy_json_get_str(run, "state");
	struct osy_str wanted = osy_json_get_str(run, "wanted");
	printf("run %s: %.*s%s%.*s\n", cli->words.args[0], (int)state.len, state.p,
		wanted.len ? ", asked for: " : "", (int)wanted.len, wanted.len ? wanted.p : "");
	return OSY_OK;
}

static enum osy_code ask(struct cli *cli, const char *pattern, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *run = NULL;
	enum osy_code rc = cli_run_ask(cli, "POST", pattern, &run, err);

	if (rc)
		return rc;
	return say_asked(cli, run);
}

/* Asks for work, and watches it when --wait is given. */
static enum osy_code ask_and_wait(
	struct cli *cli, const char *pattern, bool aborting, struct osy_err *err)
{
	struct cli_watch watch = {.run = cli->words.args[0], .aborting = aborting};

	if (!cli_value(&cli->words, "wait"))
		return ask(cli, pattern, err);
	enum osy_code rc = cli_run_ask(cli, "POST", pattern, NULL, err);
	return rc ? rc : cli_watch(cli, &watch, err);
}

enum osy_code cli_run_start(struct cli *cli, struct osy_err *err)
{
	return ask_and_wait(cli, "/runs/{}/start", false, err);
}

enum osy_code cli_run_abort(struct cli *cli, struct osy_err *err)
{
	return ask_and_wait(cli, "/runs/{}/abort", true, err);
}

enum osy_code cli_run_rollback(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);
	OSY_AUTO(osy_buf_done) struct osy_buf body = OSY_BUF(1024);
	OSY_AUTO(osy_json_free_at) struct osy_json *run = NULL;
	struct osy_json_writer w = osy_json_writer(&body);
	struct cli_watch watch = {.run = cli->words.args[0], .rollback = true};

	osy_jw_object(&w);
	osy_jw_put_bool(&w, "dryRun", cli_value(&cli->words, "dry-run") != NULL);
	osy_jw_put_bool(&w, "force", cli_value(&cli->words, "force") != NULL);
	osy_jw_object_end(&w);
	cli_path(&path, "/runs/{}/rollback", cli->words.args[0]);
	struct cli_call call = {.method = "POST", .path = path.p, .body = osy_buf_str(&body)};
	enum osy_code rc = cli_call(cli, &call, &run, err);
	if (rc)
		return rc;
	return cli_value(&cli->words, "wait") ? cli_watch(cli, &watch, err) : say_asked(cli, run);
}

enum osy_code cli_run_replay(struct cli *cli, struct osy_err *err)
{
	return ask_and_wait(cli, "/runs/{}/replay", false, err);
}

enum osy_code cli_run_retry(struct cli *cli, struct osy_err *err)
{
	return ask_and_wait(cli, "/runs/{}/retry", false, err);
}

enum osy_code cli_run_resync(struct cli *cli, struct osy_err *err)
{
	return ask_and_wait(cli, "/runs/{}/resync", false, err);
}

enum osy_code cli_run_pause(struct cli *cli, struct osy_err *err)
{
	return ask(cli, "/runs/{}/pause", err);
}

enum osy_code cli_run_resume(struct cli *cli, struct osy_err *err)
{
	return ask_and_wait(cli, "/runs/{}/resume", false, err);
}

enum osy_code cli_run_watch(struct cli *cli, struct osy_err *err)
{
	struct cli_watch watch = {.run = cli->words.args[0]};

	return cli_watch(cli, &watch, err);
}

enum osy_code cli_run_delete(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf question = OSY_BUF(CLI_PATH_BYTES);

	osy_buf_addf(&question,
		"Delete run %.200s, its journal and its errors? (Records in the target stay.)",
		cli->words.args[0]);
	enum osy_code rc = cli_ask(cli, question.p, err);
	return rc ? rc : cli_run_ask(cli, "DELETE", "/runs/{}", NULL, err);
}
