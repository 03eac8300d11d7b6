/* template ... */
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "osy/json_write.h"
#include "osy/mem.h"
#include "osy/yaml.h"
#include "osy/banned.h"

#define TEMPLATE_BYTES (4u * 1024 * 1024) /* the API's limit of a body */
#define USERS_BYTES (2u * 1024 * 1024)	  /* and of a file of users */

static const struct cli_column columns[] = {
	{"NAME", "name", CLI_TEXT},
	{"VERSION", "version", CLI_COUNT},
	{"UPDATED", "updatedAt", CLI_WHEN},
	{NULL, NULL, CLI_TEXT},
};

static enum osy_code read_file(const char *name, struct osy_buf *out, struct osy_err *err)
{
	bool from_stdin = strcmp(name, "-") == 0;
	FILE *file = from_stdin ? stdin : fopen(name, "re");
	enum osy_code rc = OSY_OK;
	char chunk[8192];
	size_t n;

	if (!file)
		return osy_fail(err, OSY_E_USAGE, "cannot open %s: %m", name);
	while (!rc && (n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		rc = osy_buf_try(out, chunk, n, err);
	if (rc)
		osy_err_prefix(err, "%s", name);
	else if (ferror(file))
		rc = osy_fail(err, OSY_E_USAGE, "cannot read %s: %m", name);
	if (!from_stdin)
		fclose(file);
	return rc;
}

/* ---- The file that users.file names: beside the template, unless its path is absolute ---- */
static void add_folder(const char *template, struct osy_buf *path)
{
	const char *slash = strcmp(template, "-") == 0 ? NULL : strrchr(template, '/');

	if (slash)
		osy_buf_add(path, template, (size_t)(slash - template) + 1);
}

/* Nothing is sent of a file that is none of users, whoever wrote the template. */
static bool begins_well(struct osy_str text)
{
	static const struct osy_str mark = {"\xef\xbb\xbf", 3};
	static const char head[] = "source,target";
	size_t at = text.len >= mark.len && memcmp(text.p, mark.p, mark.len) == 0 ? mark.len : 0;
	char line[sizeof(head) + 4];
	size_t n = 0;

	for (; at < text.len && text.p[at] != '\n' && n < sizeof(line); at++) {
		if (text.p[at] != '"' && text.p[at] != '\r')
			line[n++] = text.p[at];
	}
	return osy_str_equal_nocase((struct osy_str){line, n}, osy_str(head));
}

static enum osy_code read_users(
	const char *template, struct osy_str file, struct osy_buf *out, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);

	if (file.len > 4096 || memchr(file.p, 0, file.len))
		return osy_fail(err, OSY_E_USAGE, "users.file of the template is no file's name");
	if (file.p[0] != '/')
		add_folder(template, &path);
	osy_buf_add_str(&path, file);
	enum osy_code rc = read_file(path.p, out, err);
	if (rc) {
		osy_err_prefix(err, "users.file");
		return rc;
	}
	if (!begins_well(osy_buf_str(out)))
		return osy_fail(err, OSY_E_USAGE,
			"users.file: %s is no file of users; its first row must be source,target",
			path.p);
	return OSY_OK;
}

/* A template that names a file of users goes to the API together with what is in it. */
static enum osy_code add_users(
	const char *template, struct osy_str body, struct osy_buf *out, struct osy_err *err)
{
	OSY_AUTO(osy_yaml_free_at) struct osy_yaml *yaml = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf users = OSY_BUF(USERS_BYTES);
	struct osy_err ignored = OSY_ERR_NONE;

	if (osy_yaml_parse(body, "a template", &yaml, &ignored))
		return OSY_OK; /* the API says what is wrong with it */
	struct osy_str file = osy_json_get_str(osy_json_get(osy_yaml_root(yaml), "users"), "file");
	if (!file.len)
		return OSY_OK;
	enum osy_code rc = read_users(template, file, &users, err);
	if (rc)
		return rc;
	struct osy_json_writer w = osy_json_writer(out);
	osy_jw_object(&w);
	osy_jw_put_str(&w, "template", body);
	osy_jw_put_str(&w, "usersFile", osy_buf_str(&users));
	osy_jw_object_end(&w);
	return OSY_OK;
}

enum osy_code cli_template_apply(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *doc = NULL;
	OSY_AUTO(osy_buf_done)
	struct osy_buf body = OSY_BUF(TEMPLATE_BYTES), both = OSY_BUF(16 * TEMPLATE_BYTES);
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);
	const char *name = cli_value(&cli->words, "file");
	enum osy_code rc = read_file(name, &body, err);

	if (!rc)
		rc = add_users(name, osy_buf_str(&body), &both, err);
	if (rc)
		return rc;
	if (strlen(name) > 4096)
		return osy_fail(err, OSY_E_USAGE, "the name of the template's file is too long");
	osy_buf_addz(&path, "/templates");
	cli_query(&path, "file", strcmp(name, "-") == 0 ? "standard input" : name);
	struct cli_call call = {.method = "POST",
		.path = path.p,
		.body = osy_buf_str(both.len ? &both : &body),
		.type = both.len ? "application/json" : "application/yaml"};
	rc = cli_call(cli, &call, &doc, err);
	if (!rc)
		cli_print_one(cli, doc, columns, "name");
	return rc;
}

enum osy_code cli_template_list(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *doc = NULL;
	enum osy_code rc = cli_get(cli, "/templates", &doc, err);

	if (!rc)
		cli_print_list(cli, doc, osy_json_get(doc, "items"), columns, "name");
	return rc;
}

/* The text as it was applied; a terminal gets it without what it would act on. */
static void print_body(struct osy_str body)
{
	bool terminal = isatty(STDOUT_FILENO);

	while (body.len) {
		OSY_AUTO(osy_buf_done) struct osy_buf line = OSY_BUF(4 * TEMPLATE_BYTES);
		const char *end = memchr(body.p, '\n', body.len);
		size_t len = end ? (size_t)(end - body.p) : body.len;
		struct osy_str text = {body.p, len};
		if (terminal)
			cli_show(text, &line);
		else
			osy_buf_add_str(&line, text);
		fwrite(line.p, 1, line.len, stdout);
		fputc('\n', stdout);
		body.p += len + (end != NULL);
		body.len -= len + (end != NULL);
	}
}

/* As comments: what is shown can be applied again. */
static void print_marks(const struct osy_json *marks)
{
	for (size_t i = 0; i < osy_json_count(marks); i++) {
		static const char *const keys[] = {"source", "target", "object", "at"};
		const struct osy_json *mark = osy_json_at(marks, i);
		OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(4096);
		osy_buf_addz(&text, i ? "#" : "# brought up to:\n#");
		for (size_t k = 0; k < OSY_COUNT(keys); k++) {
			osy_buf_addc(&text, ' ');
			cli_show(osy_json_get_str(mark, keys[k]), &text);
		}
		if (osy_json_get_bool(mark, "deletes", false))
			osy_buf_addz(&text, " (deletes)");
		puts(text.p);
	}
}

enum osy_code cli_template_show(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *doc = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);

	cli_path(&path, "/templates/{}", cli->words.args[0]);
	enum osy_code rc = cli_get(cli, path.p, &doc, err);
	if (rc)
		return rc;
	if (cli->words.format == CLI_TABLE && !cli->words.quiet) {
		print_body(osy_json_get_str(doc, "body"));
		print_marks(osy_json_get(doc, "marks"));
	} else {
		cli_print_one(cli, doc, columns, "name");
	}
	return OSY_OK;
}

enum osy_code cli_template_remove(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);
	OSY_AUTO(osy_buf_done) struct osy_buf question = OSY_BUF(CLI_PATH_BYTES);

	osy_buf_addf(&question, "Remove template %.200s? (Runs keep their own copy.)",
		cli->words.args[0]);
	cli_path(&path, "/templates/{}", cli->words.args[0]);
	enum osy_code rc = cli_ask(cli, question.p, err);
	return rc ? rc : cli_do(cli, "DELETE", path.p, NULL, err);
}
