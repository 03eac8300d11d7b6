/* org ... */
#include <stdlib.h>
#include <unistd.h>

#include "cli.h"
#include "osy/json_write.h"
#include "osy/mem.h"
#include "osy/secret.h"
#include "osy/banned.h"

#define SECRET_BYTES (64u * 1024)
#define BODY_BYTES (1024u * 1024)

static const struct cli_column columns[] = {
	{"NAME", "name", CLI_TEXT},
	{"ORG ID", "orgId", CLI_TEXT},
	{"TYPE", "organizationType", CLI_TEXT},
	{"SANDBOX", "isSandbox", CLI_FLAG},
	{"CONNECTED", "connected", CLI_FLAG},
	{"AUTH", "auth", CLI_TEXT},
	{"ADDRESS", "instanceUrl", CLI_TEXT},
	{NULL, NULL, CLI_TEXT},
};
static const struct cli_column all_columns[] = {
	{"LOGIN", "ok", CLI_FLAG}, /* org test alone has it */
	{"NAME", "name", CLI_TEXT},
	{"ORG ID", "orgId", CLI_TEXT},
	{"CALLED", "displayName", CLI_TEXT},
	{"TYPE", "organizationType", CLI_TEXT},
	{"SANDBOX", "isSandbox", CLI_FLAG},
	{"PRODUCTION", "isProduction", CLI_FLAG},
	{"INSTANCE", "instance", CLI_TEXT},
	{"ADDRESS", "instanceUrl", CLI_TEXT},
	{"LOGIN ADDRESS", "loginUrl", CLI_TEXT},
	{"AUTH", "auth", CLI_TEXT},
	{"CLIENT ID", "clientId", CLI_TEXT},
	{"USERNAME", "username", CLI_TEXT},
	{"USER ID", "userId", CLI_TEXT},
	{"ADDED", "createdAt", CLI_WHEN},
	{"CONNECTED", "connected", CLI_FLAG},
	{"DISCONNECTED", "disconnectedAt", CLI_WHEN},
	{NULL, NULL, CLI_TEXT},
};

/* Options whose value is sent, and those that name the file of what is sent. */
static const struct {
	const char *option, *key;
} plain[] = {{"instance-url", "instanceUrl"}, {"auth", "auth"}, {"login-url", "loginUrl"},
	{"client-id", "clientId"}, {"username", "username"}},
  secret[] = {{"client-secret-file", "clientSecret"}, {"private-key-file", "privateKey"},
	  {"refresh-token-file", "refreshToken"}, {"password-file", "password"},
	  {"access-token-file", "accessToken"}};

static enum osy_code add_secret(struct osy_json_writer *w, const char *option, const char *key,
	const char *file, bool *stdin_taken, struct osy_err *err)
{
	OSY_AUTO(osy_secret_done) struct osy_secret value = {0};
	bool from_stdin = strcmp(file, "-") == 0;

	if (from_stdin && *stdin_taken)
		return osy_fail(err, OSY_E_USAGE,
			"only one secret can come from standard input; name a file for --%s",
			option);
	*stdin_taken = *stdin_taken || from_stdin;
	if (osy_secret_read(&value, from_stdin ? "/dev/stdin" : file, SECRET_BYTES, err)) {
		err->code = OSY_E_USAGE;
		return osy_err_prefix(err, "--%s", option);
	}
	if (!osy_utf8_valid(osy_secret_open(&value)))
		return osy_fail(err, OSY_E_USAGE, "--%s: %s is not text", option, file);
	osy_jw_put_str(w, key, osy_secret_open(&value));
	return OSY_OK;
}

static enum osy_code write_org(struct cli *cli, struct osy_json_writer *w, struct osy_err *err)
{
	bool stdin_taken = false;
	enum osy_code rc = OSY_OK;

	osy_jw_object(w);
	osy_jw_put_str(w, "name", osy_str(cli->words.args[0]));
	for (size_t i = 0; i < OSY_COUNT(plain); i++) {
		const char *value = cli_value(&cli->words, plain[i].option);
		if (value)
			osy_jw_put_str(w, plain[i].key, osy_str(value));
	}
	for (size_t i = 0; !rc && i < OSY_COUNT(secret); i++) {
		const char *file = cli_value(&cli->words, secret[i].option);
		if (file)
			rc = add_secret(
				w, secret[i].option, secret[i].key, file, &stdin_taken, err);
	}
	osy_jw_object_end(w);
	return rc;
}

enum osy_code cli_org_add(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *org = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf body = OSY_BUF(BODY_BYTES);
	struct osy_json_writer w = osy_json_writer(&body);
	enum osy_code rc;

	(void)osy_buf_room(&body, BODY_BYTES / 2); /* it grows no more: one copy of the secrets */
	rc = write_org(cli, &w, err);
	if (!rc) {
		struct cli_call call = {
			.method = "POST", .path = "/orgs", .body = osy_buf_str(&body)};
		rc = cli_call(cli, &call, &org, err);
	}
	explicit_bzero(body.p, body.len);
	if (!rc)
		cli_print_one(cli, org, all_columns, "name");
	return rc;
}

enum osy_code cli_org_list(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *doc = NULL;
	enum osy_code rc = cli_get(cli, "/orgs", &doc, err);

	if (!rc)
		cli_print_list(cli, doc, osy_json_get(doc, "items"), columns, "name");
	return rc;
}

static enum osy_code on_org(struct cli *cli, const char *method, const char *pattern,
	struct osy_json **ret, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);

	cli_path(&path, pattern, cli->words.args[0]);
	return cli_do(cli, method, path.p, ret, err);
}

enum osy_code cli_org_show(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *org = NULL;
	enum osy_code rc = on_org(cli, "GET", "/orgs/{}", &org, err);

	if (!rc)
		cli_print_one(cli, org, all_columns, "name");
	return rc;
}

enum osy_code cli_org_test(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *org = NULL;
	enum osy_code rc = on_org(cli, "POST", "/orgs/{}/test", &org, err);

	if (!rc)
		cli_print_one(cli, org, all_columns, "name");
	return rc;
}

enum osy_code cli_org_disconnect(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *org = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf question = OSY_BUF(CLI_PATH_BYTES);

	osy_buf_addf(&question, "Drop the credentials of org %.200s?", cli->words.args[0]);
	enum osy_code rc = cli_ask(cli, question.p, err);
	if (!rc)
		rc = on_org(cli, "POST", "/orgs/{}/disconnect", &org, err);
	if (!rc)
		cli_print_one(cli, org, all_columns, "name");
	return rc;
}

enum osy_code cli_org_remove(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf question = OSY_BUF(CLI_PATH_BYTES);

	osy_buf_addf(&question, "Remove org %.200s and its credentials from orgsync?",
		cli->words.args[0]);
	enum osy_code rc = cli_ask(cli, question.p, err);
	return rc ? rc : on_org(cli, "DELETE", "/orgs/{}", NULL, err);
}

/* {"DailyApiRequests": {"Max": 15000, "Remaining": 14998}, ...} as rows. */
static struct osy_json *limit_rows(const struct osy_json *doc)
{
	struct osy_json *rows = osy_json_new_array(), *value = NULL;
	struct osy_str key;

	for (size_t i = 0; osy_json_member(doc, i, &key, &value); i++) {
		if (!osy_json_has(value, "Max"))
			continue;
		struct osy_json *row = osy_json_new_object();
		int64_t max = osy_json_get_i64(value, "Max", 0),
			left = osy_json_get_i64(value, "Remaining", 0);
		osy_json_put(row, "name", osy_json_new_str(key));
		osy_json_put(row, "max", osy_json_new_i64(max));
		osy_json_put(row, "remaining", osy_json_new_i64(left));
		osy_json_put(row, "usedPercent",
			osy_json_new_i64(
				max > 0 ? (int64_t)((double)(max - left) / (double)max * 100) : 0));
		osy_json_push(rows, row);
	}
	return rows;
}

enum osy_code cli_org_limits(struct cli *cli, struct osy_err *err)
{
	static const struct cli_column limit_columns[] = {
		{"LIMIT", "name", CLI_TEXT},
		{"MAX", "max", CLI_COUNT},
		{"REMAINING", "remaining", CLI_COUNT},
		{"USED %", "usedPercent", CLI_COUNT},
		{NULL, NULL, CLI_TEXT},
	};
	OSY_AUTO(osy_json_free_at) struct osy_json *doc = NULL;
	enum osy_code rc = on_org(cli, "GET", "/orgs/{}/limits", &doc, err);

	if (rc)
		return rc;
	OSY_AUTO(osy_json_free_at) struct osy_json *rows = limit_rows(doc);
	cli_print_list(cli, doc, rows, limit_columns, "name");
	return OSY_OK;
}
