/* schedule ... */
#include "cli.h"
#include "osy/json_write.h"
#include "osy/mem.h"
#include "osy/banned.h"

static const struct cli_column columns[] = {
	{"NAME", "name", CLI_TEXT},
	{"CRON", "cron", CLI_TEXT},
	{"TEMPLATE", "template", CLI_TEXT},
	{"SOURCE", "source", CLI_TEXT},
	{"TARGET", "target", CLI_TEXT},
	{"CLEANS", "cleans", CLI_TEXT},
	{"NEXT", "nextAt", CLI_WHEN},
	{"PREVIOUS", "previousAt", CLI_WHEN},
	{"RESULT", "result", CLI_TEXT},
	{"RUN", "run", CLI_TEXT},
	{"STATE", "runState", CLI_TEXT},
	{NULL, NULL, CLI_TEXT},
};
static const struct cli_column all_columns[] = {
	{"NAME", "name", CLI_TEXT},
	{"CRON", "cron", CLI_TEXT},
	{"TEMPLATE", "template", CLI_TEXT},
	{"SOURCE", "source", CLI_TEXT},
	{"TARGET", "target", CLI_TEXT},
	{"CLEANS", "cleans", CLI_TEXT},
	{"OLDER THAN (DAYS)", "days", CLI_COUNT},
	{"PAUSED", "paused", CLI_FLAG},
	{"NEXT", "nextAt", CLI_WHEN},
	{"PREVIOUS", "previousAt", CLI_WHEN},
	{"FIRED", "firedAt", CLI_WHEN},
	{"RESULT", "result", CLI_TEXT},
	{"RUN", "run", CLI_TEXT},
	{"STATE", "runState", CLI_TEXT},
	{"WHY", "note", CLI_TEXT},
	{"REMOVED", "removed", CLI_COUNT},
	{"BY", "createdBy", CLI_TEXT},
	{"ADDED", "createdAt", CLI_WHEN},
	{NULL, NULL, CLI_TEXT},
};

static const char *const members[][2] = {{"cron", "cron"}, {"template", "template"},
	{"source", "source"}, {"target", "target"}, {"clean", "cleans"}};

static enum osy_code write_schedule(struct cli *cli, struct osy_buf *out, struct osy_err *err)
{
	struct osy_json_writer w = osy_json_writer(out);

	osy_jw_object(&w);
	osy_jw_put_str(&w, "name", osy_str(cli->words.args[0]));
	for (size_t i = 0; i < OSY_COUNT(members); i++) {
		const char *value = cli_value(&cli->words, members[i][0]);
		if (value && !osy_utf8_valid(osy_str(value)))
			return osy_fail(
				err, OSY_E_USAGE, "--%s is not text in UTF-8", members[i][0]);
		if (value)
			osy_jw_put_str(&w, members[i][1], osy_str(value));
	}
	osy_jw_object_end(&w);
	return OSY_OK;
}

enum osy_code cli_schedule_add(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *schedule = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf body = OSY_BUF(64u * 1024);
	enum osy_code rc = write_schedule(cli, &body, err);
	struct cli_call call = {.method = "POST", .path = "/schedules"};

	call.body = osy_buf_str(&body);
	if (!rc)
		rc = cli_call(cli, &call, &schedule, err);
	if (!rc)
		cli_print_one(cli, schedule, all_columns, "name");
	return rc;
}

enum osy_code cli_schedule_list(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *doc = NULL;
	enum osy_code rc = cli_get(cli, "/schedules", &doc, err);

	if (!rc)
		cli_print_list(cli, doc, osy_json_get(doc, "items"), columns, "name");
	return rc;
}

static enum osy_code on_schedule(struct cli *cli, const char *method, const char *pattern,
	const char *id, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *schedule = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);

	cli_path(&path, pattern, cli->words.args[0]);
	enum osy_code rc = cli_do(cli, method, path.p, &schedule, err);
	if (!rc && schedule)
		cli_print_one(cli, schedule, all_columns, id);
	return rc;
}

enum osy_code cli_schedule_show(struct cli *cli, struct osy_err *err)
{
	return on_schedule(cli, "GET", "/schedules/{}", "name", err);
}

enum osy_code cli_schedule_run(struct cli *cli, struct osy_err *err)
{
	return on_schedule(cli, "POST", "/schedules/{}/run", "run", err);
}

enum osy_code cli_schedule_pause(struct cli *cli, struct osy_err *err)
{
	return on_schedule(cli, "POST", "/schedules/{}/pause", "name", err);
}

enum osy_code cli_schedule_resume(struct cli *cli, struct osy_err *err)
{
	return on_schedule(cli, "POST", "/schedules/{}/resume", "name", err);
}

enum osy_code cli_schedule_remove(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf question = OSY_BUF(CLI_PATH_BYTES);

	osy_buf_addf(&question, "Remove schedule %.200s?", cli->words.args[0]);
	enum osy_code rc = cli_ask(cli, question.p, err);
	return rc ? rc : on_schedule(cli, "DELETE", "/schedules/{}", "name", err);
}

enum osy_code cli_schedule_history(struct cli *cli, struct osy_err *err)
{
	static const struct cli_column fired[] = {
		{"DUE", "dueAt", CLI_WHEN},
		{"FIRED", "firedAt", CLI_WHEN},
		{"RESULT", "result", CLI_TEXT},
		{"RUN", "run", CLI_TEXT},
		{"STATE", "runState", CLI_TEXT},
		{"REMOVED", "removed", CLI_COUNT},
		{"WHY", "note", CLI_TEXT},
		{NULL, NULL, CLI_TEXT},
	};
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);

	cli_path(&path, "/schedules/{}/firings", cli->words.args[0]);
	return cli_print_pages(cli, path.p, fired, "run", err);
}
