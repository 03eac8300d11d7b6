/* idmap, token, audit, doctor */
#include <fcntl.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "osy/json_write.h"
#include "osy/mem.h"
#include "osy/banned.h"

/* A POST whose body has these text members. */
static enum osy_code post(struct cli *cli, const char *path, const char *const *keys,
	const char *const *values, struct osy_json **ret, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf body = OSY_BUF(1024 * 1024);
	struct osy_json_writer w = osy_json_writer(&body);

	osy_jw_object(&w);
	for (; *keys; keys++, values++) {
		if (!osy_utf8_valid(osy_str(*values)))
			return osy_fail(err, OSY_E_USAGE, "the %s is not text in UTF-8", *keys);
		osy_jw_put_str(&w, *keys, osy_str(*values));
	}
	osy_jw_object_end(&w);
	struct cli_call call = {.method = "POST", .path = path, .body = osy_buf_str(&body)};
	return cli_call(cli, &call, ret, err);
}

/* ---- idmap ---- */
enum osy_code cli_idmap_get(struct cli *cli, struct osy_err *err)
{
	static const struct cli_column columns[] = {
		{"SOURCE ID", "sourceId", CLI_TEXT},
		{"TARGET ID", "targetId", CLI_TEXT},
		{"OBJECT", "object", CLI_TEXT},
		{NULL, NULL, CLI_TEXT},
	};
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);
	OSY_AUTO(osy_json_free_at) struct osy_json *doc = NULL;

	osy_buf_addz(&path, "/idmap");
	cli_query(&path, "source", cli_value(&cli->words, "source"));
	cli_query(&path, "target", cli_value(&cli->words, "target"));
	cli_query(&path, "record", cli->words.args[0]);
	enum osy_code rc = cli_get(cli, path.p, &doc, err);
	if (!rc)
		cli_print_one(cli, doc, columns, "targetId");
	return rc;
}

enum osy_code cli_idmap_rebuild(struct cli *cli, struct osy_err *err)
{
	static const char *const keys[] = {"source", "target", NULL};
	static const struct cli_column columns[] = {
		{"PAIR", "pair", CLI_COUNT},
		{"MAPPINGS", "mappings", CLI_COUNT},
		{NULL, NULL, CLI_TEXT},
	};
	const char *values[] = {cli_value(&cli->words, "source"), cli_value(&cli->words, "target")};
	OSY_AUTO(osy_json_free_at) struct osy_json *doc = NULL;
	enum osy_code rc = post(cli, "/idmap/rebuild", keys, values, &doc, err);

	if (!rc && !cli->words.quiet)
		cli_print_one(cli, doc, columns, "pair");
	return rc;
}

/* ---- token ---- */
enum osy_code cli_token_list(struct cli *cli, struct osy_err *err)
{
	static const struct cli_column columns[] = {
		{"ID", "id", CLI_TEXT},
		{"NAME", "name", CLI_TEXT},
		{"ROLE", "role", CLI_TEXT},
		{"RIGHTS", "rights", CLI_TEXT},
		{"CREATED", "createdAt", CLI_WHEN},
		{"LAST USED", "lastUsedAt", CLI_WHEN},
		{"REVOKED", "revokedAt", CLI_WHEN},
		{NULL, NULL, CLI_TEXT},
	};
	OSY_AUTO(osy_json_free_at) struct osy_json *doc = NULL;
	enum osy_code rc = cli_get(cli, "/tokens", &doc, err);

	if (!rc)
		cli_print_list(cli, doc, osy_json_get(doc, "items"), columns, "id");
	return rc;
}

/* For its owner's eyes alone, and never over a file that is there. */
static int open_token_file(const char *file)
{
	return open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static void write_rights(const char *rights, struct osy_json_writer *w)
{
	osy_jw_key(w, "rights");
	osy_jw_array(w);
	for (const char *p = rights; *p; p += strspn(p, ", ")) {
		size_t len = strcspn(p, ", ");
		osy_jw_str(w, (struct osy_str){p, len});
		p += len;
	}
	osy_jw_array_end(w);
}

static enum osy_code post_token(struct cli *cli, struct osy_json **ret, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf body = OSY_BUF(1024 * 1024);
	struct osy_json_writer w = osy_json_writer(&body);
	const char *name = cli->words.args[0], *role = cli_value(&cli->words, "role"),
		   *rights = cli_value(&cli->words, "rights");

	if (!osy_utf8_valid(osy_str(name)) || !osy_utf8_valid(osy_str(role)) ||
		(rights && !osy_utf8_valid(osy_str(rights))))
		return osy_fail(
			err, OSY_E_USAGE, "a token's name, role or rights are not text in UTF-8");
	osy_jw_object(&w);
	osy_jw_put_str(&w, "name", osy_str(name));
	osy_jw_put_str(&w, "role", osy_str(role));
	if (rights)
		write_rights(rights, &w);
	osy_jw_object_end(&w);
	struct cli_call call = {.method = "POST", .path = "/tokens", .body = osy_buf_str(&body)};
	return cli_call(cli, &call, ret, err);
}

enum osy_code cli_token_create(struct cli *cli, struct osy_err *err)
{
	const char *file = cli_value(&cli->words, "file");
	OSY_AUTO(osy_json_free_at) struct osy_json *doc = NULL;
	int fd = file ? open_token_file(file) : STDOUT_FILENO;
	FILE *out = stdout;

	if (fd < 0)
		return osy_fail(err, OSY_E_USAGE, "cannot make the token's file %s: %m", file);
	enum osy_code rc = post_token(cli, &doc, err);
	if (rc) {
		if (file) {
			close(fd);
			unlink(file);
		}
		return rc;
	}
	if (file)
		out = fdopen(fd, "w");
	else if (cli->words.format == CLI_JSON && !cli->words.quiet)
		return cli_print_json(doc), OSY_OK;
	struct osy_str token = osy_json_get_str(doc, "token");
	if (!out || fprintf(out, "%.*s\n", (int)token.len, token.p) < 0 || fflush(out) != 0)
		rc = osy_fail(err, OSY_E_INTERNAL, "cannot write the token: %m");
	if (file && out)
		fclose(out);
	return rc;
}

enum osy_code cli_token_revoke(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);
	OSY_AUTO(osy_buf_done) struct osy_buf question = OSY_BUF(CLI_PATH_BYTES);

	osy_buf_addf(&question, "Revoke token %.200s?", cli->words.args[0]);
	cli_path(&path, "/tokens/{}", cli->words.args[0]);
	enum osy_code rc = cli_ask(cli, question.p, err);
	return rc ? rc : cli_do(cli, "DELETE", path.p, NULL, err);
}

/* ---- audit ---- */
enum osy_code cli_audit(struct cli *cli, struct osy_err *err)
{
	static const struct cli_column columns[] = {
		{"AT", "at", CLI_WHEN},
		{"TOKEN", "token", CLI_TEXT},
		{"ACTION", "action", CLI_TEXT},
		{"SUBJECT", "subject", CLI_TEXT},
		{NULL, NULL, CLI_TEXT},
	};

	return cli_print_pages(cli, "/audit", columns, "subject", err);
}

/* ---- doctor ---- */
static void print_check(const struct osy_json *check, bool colour)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(1024 * 1024);
	bool ok = osy_json_get_bool(check, "ok", false);
	const char *mark = ok ? "ok  " : "FAIL", *on = ok ? "\x1b[32m" : "\x1b[1;31m";
	struct osy_str advice = osy_json_get_str(check, "advice");

	cli_show(osy_json_get_str(check, "what"), &text);
	size_t width = cli_width(osy_buf_str(&text));
	osy_buf_addf(&text, "%*s", width < 14 ? (int)(14 - width) : 2, "");
	cli_show(osy_json_get_str(check, "detail"), &text);
	if (!ok && advice.len) {
		osy_buf_addz(&text, "; ");
		cli_show(advice, &text);
	}
	printf("%s%s%s  %s\n", colour ? on : "", mark, colour ? "\x1b[0m" : "", text.p);
}

/* The coordinator answers, but cannot: that is a finding too. */
static bool is_finding(enum osy_code rc)
{
	return osy_code_class(rc) == OSY_RETRY && rc != OSY_E_SESSION;
}

enum osy_code cli_doctor(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *doc = NULL;
	const char *no_color = getenv("NO_COLOR");
	bool colour = cli_terminal_width(STDOUT_FILENO) && !(no_color && *no_color);
	enum osy_code rc = cli_get(cli, "/doctor", &doc, err);
	const struct osy_json *items = osy_json_get(doc, "items");

	if (rc) {
		if (is_finding(rc) && cli->words.format == CLI_TABLE)
			printf("FAIL  coordinator\n");
		return rc;
	}
	for (size_t i = 0; i < osy_json_count(items); i++) {
		const struct osy_json *check = osy_json_at(items, i);
		bool ok = osy_json_get_bool(check, "ok", false);
		if (!ok)
			cli->exit_status = 3;
		if (cli->words.format == CLI_TABLE && (!cli->words.quiet || !ok))
			print_check(check, colour);
	}
	if (cli->words.format != CLI_TABLE) {
		static const struct cli_column columns[] = {
			{"WHAT", "what", CLI_TEXT},
			{"OK", "ok", CLI_FLAG},
			{"DETAIL", "detail", CLI_TEXT},
			{"ADVICE", "advice", CLI_TEXT},
			{NULL, NULL, CLI_TEXT},
		};
		cli_print_list(cli, doc, items, columns, "what");
	}
	return OSY_OK;
}
