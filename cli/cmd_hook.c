/* hook ..., run hooks */
#include <stdio.h>

#include "cli.h"
#include "cmd_run.h"
#include "osy/json_write.h"
#include "osy/mem.h"
#include "osy/secret.h"
#include "osy/banned.h"

#define SECRET_BYTES 4096u
#define BODY_BYTES (64u * 1024)
#define REFUSED 4 /* exit status: the receiver did not take it */

static const struct cli_column columns[] = {
	{"DELIVERED", "ok", CLI_FLAG}, /* hook test alone has these */
	{"STATUS", "status", CLI_COUNT},
	{"WHY", "note", CLI_TEXT},
	{"NAME", "name", CLI_TEXT},
	{"ADDRESS", "address", CLI_TEXT},
	{"ADDED", "createdAt", CLI_WHEN},
	{NULL, NULL, CLI_TEXT},
};
static const struct cli_column call_columns[] = {
	{"AT", "at", CLI_TEXT},
	{"OBJECT", "object", CLI_TEXT},
	{"HOOK", "hook", CLI_TEXT},
	{"PASS", "pass", CLI_COUNT},
	{"STATE", "state", CLI_TEXT},
	{"ATTEMPTS", "attempts", CLI_COUNT},
	{"ANSWER", "status", CLI_COUNT},
	{"SENT", "sentAt", CLI_WHEN},
	{"WHY", "note", CLI_TEXT},
	{"ID", "id", CLI_TEXT},
	{NULL, NULL, CLI_TEXT},
};

/* The option's value, or what is in the file that the other option names. */
static enum osy_code read_either(struct cli *cli, const char *plain, const char *file,
	struct osy_secret *ret, struct osy_err *err)
{
	const char *value = plain ? cli_value(&cli->words, plain) : NULL;
	const char *path = cli_value(&cli->words, file);

	if (value && path)
		return osy_fail(err, OSY_E_USAGE, "--%s and --%s do not go together", plain, file);
	if (value) {
		osy_secret_set(ret, value, strlen(value));
	} else if (!path) {
		return osy_fail(err, OSY_E_USAGE, "a hook needs --%s or --%s", plain, file);
	} else if (osy_secret_read(
			   ret, strcmp(path, "-") == 0 ? "/dev/stdin" : path, SECRET_BYTES, err)) {
		err->code = OSY_E_USAGE;
		return osy_err_prefix(err, "--%s", file);
	}
	if (!osy_utf8_valid(osy_secret_open(ret)))
		return osy_fail(err, OSY_E_USAGE, "--%s is not text", value ? plain : file);
	return OSY_OK;
}

enum osy_code cli_hook_add(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *hook = NULL;
	OSY_AUTO(osy_secret_done) struct osy_secret url = {0}, secret = {0};
	OSY_AUTO(osy_buf_done) struct osy_buf body = OSY_BUF(BODY_BYTES);
	struct osy_json_writer w = osy_json_writer(&body);
	enum osy_code rc = read_either(cli, "url", "url-file", &url, err);

	if (!rc)
		rc = read_either(cli, NULL, "secret-file", &secret, err);
	if (rc)
		return rc;
	(void)osy_buf_room(&body, BODY_BYTES / 2); /* it grows no more: one copy of the secret */
	osy_jw_object(&w);
	osy_jw_put_str(&w, "name", osy_str(cli->words.args[0]));
	osy_jw_put_str(&w, "url", osy_secret_open(&url));
	osy_jw_put_str(&w, "secret", osy_secret_open(&secret));
	osy_jw_object_end(&w);
	struct cli_call call = {.method = "POST", .path = "/hooks", .body = osy_buf_str(&body)};
	rc = cli_call(cli, &call, &hook, err);
	explicit_bzero(body.p, body.len);
	if (!rc)
		cli_print_one(cli, hook, columns, "name");
	return rc;
}

enum osy_code cli_hook_list(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *doc = NULL;
	enum osy_code rc = cli_get(cli, "/hooks", &doc, err);

	if (!rc)
		cli_print_list(cli, doc, osy_json_get(doc, "items"), columns + 3, "name");
	return rc;
}

static enum osy_code on_hook(struct cli *cli, const char *method, const char *pattern,
	struct osy_json **ret, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);

	cli_path(&path, pattern, cli->words.args[0]);
	return cli_do(cli, method, path.p, ret, err);
}

enum osy_code cli_hook_show(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *hook = NULL;
	enum osy_code rc = on_hook(cli, "GET", "/hooks/{}", &hook, err);

	if (!rc)
		cli_print_one(cli, hook, columns, "name");
	return rc;
}

enum osy_code cli_hook_test(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *tried = NULL;
	enum osy_code rc = on_hook(cli, "POST", "/hooks/{}/test", &tried, err);

	if (rc)
		return rc;
	cli_print_one(cli, tried, columns, "name");
	if (!osy_json_get_bool(tried, "ok", false))
		cli->exit_status = REFUSED;
	return OSY_OK;
}

enum osy_code cli_hook_remove(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf question = OSY_BUF(CLI_PATH_BYTES);

	osy_buf_addf(
		&question, "Remove hook %.200s and its secret from orgsync?", cli->words.args[0]);
	enum osy_code rc = cli_ask(cli, question.p, err);
	return rc ? rc : on_hook(cli, "DELETE", "/hooks/{}", NULL, err);
}

/* ---- Calls of a run ---- */
enum osy_code cli_run_hooks(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);

	cli_path(&path, "/runs/{}/hooks", cli->words.args[0]);
	return cli_print_pages(cli, path.p, call_columns, "id", err);
}

void cli_run_print_hooks(const struct osy_json *run)
{
	const struct osy_json *hooks = osy_json_get(run, "hooks");
	struct osy_str id = osy_json_get_str(run, "id");

	if (!hooks)
		return;
	printf("\nHook calls: %lld delivered, %lld pending, %lld failed; `orgsync run hooks %.*s` "
	       "tells more.\n",
		(long long)osy_json_get_i64(hooks, "delivered", 0),
		(long long)osy_json_get_i64(hooks, "pending", 0),
		(long long)osy_json_get_i64(hooks, "failed", 0), (int)id.len, id.p);
}
