/* run errors, run why, and the summary of a run */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "cmd_run.h"
#include "osy/mem.h"
#include "osy/banned.h"

/* ---- run errors ---- */
static const struct cli_column error_columns[] = {
	{"OBJECT", "object", CLI_TEXT},
	{"SOURCE ID", "sourceId", CLI_TEXT},
	{"KIND", "kind", CLI_TEXT},
	{"CODE", "code", CLI_TEXT},
	{"MESSAGE", "message", CLI_TEXT},
	{NULL, NULL, CLI_TEXT},
};

/* The columns and the form of the API's own CSV. */
static const struct cli_csv_column csv_columns[] = {{"source_id", "sourceId"},
	{"target_id", "targetId"}, {"object", "object"}, {"kind", "kind"}, {"code", "code"},
	{"message", "message"}, {"fields", "fields"}, {"attempt", "attempt"}, {"pass", "pass"},
	{"at", "at"}, {NULL, NULL}};

static void errors_path(const struct cli *cli, const char *pattern, struct osy_buf *path)
{
	static const char *const filters[] = {"object", "code", "message", "kind"};

	cli_path(path, pattern, cli->words.args[0]);
	for (size_t i = 0; i < OSY_COUNT(filters); i++)
		cli_query(path, filters[i], cli_value(&cli->words, filters[i]));
}

static enum osy_code print_summary(struct cli *cli, struct osy_err *err)
{
	static const struct cli_column columns[] = {
		{"OBJECT", "object", CLI_TEXT},
		{"KIND", "kind", CLI_TEXT},
		{"CODE", "code", CLI_TEXT},
		{"COUNT", "count", CLI_COUNT},
		{"EXAMPLE", "example", CLI_TEXT},
		{NULL, NULL, CLI_TEXT},
	};
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);
	OSY_AUTO(osy_json_free_at) struct osy_json *doc = NULL;

	errors_path(cli, "/runs/{}/errors/summary", &path);
	enum osy_code rc = cli_get(cli, path.p, &doc, err);
	if (!rc)
		cli_print_list(cli, doc, osy_json_get(doc, "items"), columns, "code");
	return rc;
}

enum osy_code cli_run_errors(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);
	const char *file = cli_value(&cli->words, "csv");

	if (!file && cli_value(&cli->words, "summary"))
		return print_summary(cli, err);
	errors_path(cli, "/runs/{}/errors", &path);
	if (file)
		return cli_export_csv(cli, path.p, file, csv_columns, err);
	return cli_print_pages(cli, path.p, error_columns, "sourceId", err);
}

/* ---- run why ---- */
/* One sentence a line, made of what the API says. */
static void print_outcome(const struct osy_json *why)
{
	OSY_AUTO(osy_buf_done) struct osy_buf raw = OSY_BUF(1024 * 1024);
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(4u * 1024 * 1024);
	struct osy_str object = osy_json_get_str(why, "object"),
		       source = osy_json_get_str(why, "sourceId"),
		       target = osy_json_get_str(why, "targetId"),
		       outcome = osy_json_get_str(why, "outcome"),
		       state = osy_json_get_str(why, "batchState");
	bool undone = osy_json_get_bool(why, "rolledBack", false);

	osy_buf_addf(&raw, "%.*s %.*s: %.*s", (int)object.len, object.p, (int)source.len, source.p,
		(int)outcome.len, outcome.p);
	if (target.len)
		osy_buf_addf(&raw, "; in the target it %s %.*s", undone ? "was" : "is",
			(int)target.len, target.p);
	osy_buf_addz(&raw, undone ? ". A rollback has undone that." : ".");
	cli_show(osy_buf_str(&raw), &text);
	printf("%s\n", text.p);
	osy_buf_reset(&raw);
	osy_buf_reset(&text);
	osy_buf_addf(&raw,
		"It is row %lld of the batch at offset %lld of lane %lld (pass %lld), which is "
		"%.*s after %lld attempt%s.",
		(long long)osy_json_get_i64(why, "row", 0),
		(long long)osy_json_get_i64(why, "offset", 0),
		(long long)osy_json_get_i64(why, "lane", 0),
		(long long)osy_json_get_i64(why, "pass", 0), (int)state.len, state.p,
		(long long)osy_json_get_i64(why, "attempts", 0),
		osy_json_get_i64(why, "attempts", 0) == 1 ? "" : "s");
	cli_show(osy_buf_str(&raw), &text);
	printf("%s\n", text.p);
}

static void print_failure(const struct osy_json *failure)
{
	OSY_AUTO(osy_buf_done) struct osy_buf raw = OSY_BUF(4u * 1024 * 1024);
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(16u * 1024 * 1024);
	struct osy_str kind = osy_json_get_str(failure, "kind"),
		       code = osy_json_get_str(failure, "code"),
		       message = osy_json_get_str(failure, "message"),
		       fields = osy_json_get_str(failure, "fields");

	osy_buf_addf(&raw, "%s in pass %lld, attempt %lld: ",
		osy_str_is(kind, "record") ? "The record failed"
		: osy_str_is(kind, "link") ? "A lookup could not be set"
					   : "Notice",
		(long long)osy_json_get_i64(failure, "pass", 0),
		(long long)osy_json_get_i64(failure, "attempt", 0));
	osy_buf_add_str(&raw, code);
	osy_buf_addz(&raw, ": ");
	osy_buf_add_str(&raw, message);
	if (fields.len) {
		osy_buf_addz(&raw, " (");
		osy_buf_add_str(&raw, fields);
		osy_buf_addz(&raw, ")");
	}
	cli_show(osy_buf_str(&raw), &text);
	printf("%s\n", text.p);
}

/* The record as the journal has it. */
static void print_source(const struct osy_json *why)
{
	OSY_AUTO(osy_buf_done) struct osy_buf raw = OSY_BUF(16u * 1024 * 1024);
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(64u * 1024 * 1024);
	const struct osy_json *source = osy_json_get(why, "source");

	if (!osy_json_count(source))
		return;
	osy_json_write(source, false, &raw);
	cli_show(osy_buf_str(&raw), &text);
	printf("It was read as %s.\n", text.p);
}

enum osy_code cli_run_why(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);
	OSY_AUTO(osy_json_free_at) struct osy_json *why = NULL;

	cli_path(&path, "/runs/{}/why/{}", cli->words.args[0], cli->words.args[1]);
	enum osy_code rc = cli_get(cli, path.p, &why, err);
	if (rc)
		return rc;
	if (cli->words.quiet) {
		printf("%s\n", osy_json_get_str(why, "outcome").p
				       ? osy_json_get_str(why, "outcome").p
				       : "");
		return OSY_OK;
	}
	if (cli->words.format != CLI_TABLE) {
		cli_print_json(why);
		return OSY_OK;
	}
	print_outcome(why);
	print_source(why);
	const struct osy_json *steps = osy_json_get(why, "steps"),
			      *failures = osy_json_get(why, "failures");
	for (size_t i = 0; i < osy_json_count(steps); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(16u * 1024 * 1024);
		cli_show(osy_json_str(osy_json_at(steps, i)), &text);
		printf("%s\n", text.p);
	}
	for (size_t i = 0; i < osy_json_count(failures); i++)
		print_failure(osy_json_at(failures, i));
	return OSY_OK;
}

/* ---- The summary ---- */
#define TALLIES 64
#define LOOK_AT 50000

struct tally {
	struct tally_row {
		int64_t count;
		char key[160]; /* code, object and kind, separated by tabs */
	} rows[TALLIES];
	size_t count;
	int64_t others;
};

static void count_one(struct tally *tally, const char *key)
{
	for (size_t i = 0; i < tally->count; i++) {
		if (strcmp(tally->rows[i].key, key) == 0) {
			tally->rows[i].count++;
			return;
		}
	}
	if (tally->count == TALLIES) {
		tally->others++;
		return;
	}
	snprintf(tally->rows[tally->count].key, sizeof(tally->rows[0].key), "%s", key);
	tally->rows[tally->count++].count = 1;
}

static enum osy_code count_page(void *arg, const struct osy_json *items, struct osy_err *err)
{
	(void)err;
	for (size_t i = 0; i < osy_json_count(items); i++) {
		const struct osy_json *item = osy_json_at(items, i);
		struct osy_str code = osy_json_get_str(item, "code"),
			       object = osy_json_get_str(item, "object"),
			       kind = osy_json_get_str(item, "kind");
		char key[160];
		snprintf(key, sizeof(key), "%.*s\t%.*s\t%.*s", (int)code.len, code.p ? code.p : "",
			(int)object.len, object.p ? object.p : "", (int)kind.len,
			kind.p ? kind.p : "");
		count_one(arg, key);
	}
	return OSY_OK;
}

static void add_parts(struct cli_table *table, const char *key)
{
	for (int i = 0; i < 3; i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf cell = OSY_BUF(4096);
		size_t len = strcspn(key, "\t");
		cli_show((struct osy_str){key, len}, &cell);
		cli_table_add(table, osy_buf_str(&cell));
		key += len + (key[len] == '\t');
	}
}

static int most_first(const void *a, const void *b)
{
	const struct tally_row *x = a, *y = b;

	return x->count == y->count ? strcmp(x->key, y->key) : x->count < y->count ? 1 : -1;
}

static void print_tally(const struct tally *tally)
{
	OSY_AUTO(cli_table_done) struct cli_table table = {0};

	cli_table_column(&table, "FAILURES", true);
	cli_table_column(&table, "CODE", false);
	cli_table_column(&table, "OBJECT", false);
	cli_table_column(&table, "KIND", false);
	for (size_t i = 0; i < tally->count; i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf count = OSY_BUF(64);
		cli_number(tally->rows[i].count, &count);
		cli_table_add(&table, osy_buf_str(&count));
		add_parts(&table, tally->rows[i].key);
	}
	printf("\n");
	cli_table_print(&table, cli_terminal_width(1), stdout);
	if (tally->others)
		printf("and %lld of further codes\n", (long long)tally->others);
}

static enum osy_code print_failures(struct cli *cli, const char *run, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);
	OSY_AUTO_FREE struct tally *tally = osy_xcalloc(1, sizeof(*tally));
	OSY_AUTO_FREE char *next = NULL;

	cli_path(&path, "/runs/{}/errors", run);
	enum osy_code rc = cli_pages(cli, path.p, LOOK_AT, count_page, tally, &next, err);
	if (rc || !tally->count)
		return rc;
	qsort(tally->rows, tally->count, sizeof(tally->rows[0]), most_first);
	print_tally(tally);
	if (next)
		printf("(of the first %d)\n", LOOK_AT);
	printf("All of them: orgsync run errors %s   as a file: orgsync run errors %s --csv "
	       "errors.csv\n",
		run, run);
	return OSY_OK;
}

enum osy_code cli_run_print_summary(
	struct cli *cli, const struct osy_json *run, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf took = OSY_BUF(4096);
	OSY_AUTO(osy_buf_done) struct osy_buf calls = OSY_BUF(4096);
	struct osy_str id = osy_json_get_str(run, "id"), state = osy_json_get_str(run, "state");

	if (cli->words.quiet) {
		printf("%.*s\n", (int)id.len, id.p);
		return OSY_OK;
	}
	if (cli->words.format == CLI_JSON) {
		cli_print_json(run);
		return OSY_OK;
	}
	cli_run_print_objects(cli, run);
	if (cli->words.format == CLI_CSV)
		return OSY_OK;
	cli_cell(osy_json_get(run, "elapsedSeconds"), CLI_ELAPSED, &took);
	cli_cell(osy_json_get(run, "apiCalls"), CLI_COUNT, &calls);
	printf("\nRun %.*s: %.*s in %s, %s API calls\n", (int)id.len, id.p, (int)state.len, state.p,
		took.p, calls.p);
	OSY_AUTO_FREE char *name = osy_xstrndup(id.p, id.len);
	enum osy_code rc = cli_run_tell_waiting(cli, run, name, err);
	if (rc || !osy_json_get_bool(run, "withErrors", false))
		return rc;
	return print_failures(cli, name, err);
}
