/* Output: tables, JSON, CSV, ids. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"
#include "osy/mem.h"
#include "osy/banned.h"

#define CELL_BYTES (16u * 1024 * 1024)

size_t cli_terminal_width(int fd)
{
	struct winsize size;

	if (!isatty(fd))
		return 0;
	if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col < 20)
		return 80;
	return size.ws_col;
}

void cli_say(const char *format, ...)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(256 * 1024);
	OSY_AUTO(osy_buf_done) struct osy_buf shown = OSY_BUF(1024 * 1024);
	va_list args;

	va_start(args, format);
	osy_buf_vaddf(&text, format, args);
	va_end(args);
	cli_show(osy_buf_str(&text), &shown);
	fflush(stdout);
	fprintf(stderr, "orgsync: %s\n", shown.p);
}

enum osy_code cli_ask(const struct cli *cli, const char *question, struct osy_err *err)
{
	char answer[16] = "";

	if (cli->words.yes || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return OSY_OK;
	fprintf(stderr, "%s [y/N] ", question);
	if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return OSY_OK;
	return osy_fail(err, OSY_E_USAGE, "nothing was done");
}

/* ---- Cells ---- */
static void add_raw(const struct osy_json *value, struct osy_buf *out)
{
	switch (osy_json_type(value)) {
	case OSY_JSON_STRING:
		osy_buf_add_str(out, osy_json_str(value));
		break;
	case OSY_JSON_INT:
	case OSY_JSON_NUMBER:
		osy_buf_add_str(out, osy_json_number(value));
		break;
	case OSY_JSON_BOOL:
		osy_buf_addz(out, osy_json_bool(value, false) ? "true" : "false");
		break;
	case OSY_JSON_ARRAY:
	case OSY_JSON_OBJECT:
		osy_json_write(value, false, out);
		break;
	case OSY_JSON_NULL:
	default:
		break;
	}
}

static int64_t whole_seconds(const struct osy_json *value)
{
	struct osy_err ignored = OSY_ERR_NONE;
	int64_t seconds = 0;
	struct osy_str text = osy_json_number(value);
	const char *dot = text.p ? memchr(text.p, '.', text.len) : NULL;

	if (dot)
		text.len = (size_t)(dot - text.p);
	if (!text.p || osy_parse_i64(text, 0, INT64_MAX, &seconds, &ignored))
		return 0;
	return seconds;
}

void cli_cell(const struct osy_json *value, enum cli_kind kind, struct osy_buf *out)
{
	OSY_AUTO(osy_buf_done) struct osy_buf raw = OSY_BUF(CELL_BYTES);
	enum osy_json_type type = osy_json_type(value);

	if (type == OSY_JSON_NULL) {
		osy_buf_addz(out, kind == CLI_FLAG ? "" : "-");
	} else if (kind == CLI_COUNT && type == OSY_JSON_INT) {
		cli_number(osy_json_i64(value, 0), out);
	} else if (kind == CLI_WHEN && type == OSY_JSON_STRING) {
		cli_time(osy_json_str(value), out);
	} else if (kind == CLI_FLAG && type == OSY_JSON_BOOL) {
		osy_buf_addz(out, osy_json_bool(value, false) ? "yes" : "no");
	} else if (kind == CLI_ELAPSED && (type == OSY_JSON_INT || type == OSY_JSON_NUMBER)) {
		cli_seconds(whole_seconds(value), out);
	} else {
		add_raw(value, &raw);
		cli_show(osy_buf_str(&raw), out);
	}
}

/* ---- Formats ---- */
static void put(const struct osy_buf *text)
{
	fwrite(text->p, 1, text->len, stdout);
}

void cli_print_json(const struct osy_json *json)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(CLI_OUT_BYTES);
	OSY_AUTO(osy_buf_done) struct osy_buf safe = OSY_BUF(CLI_OUT_BYTES);

	osy_json_write(json, true, &text);
	cli_json_safe(osy_buf_str(&text), &safe);
	if (!safe.len || safe.p[safe.len - 1] != '\n')
		osy_buf_addc(&safe, '\n');
	put(&safe);
}

static void print_id(const struct osy_json *item, const char *id_key)
{
	OSY_AUTO(osy_buf_done) struct osy_buf id = OSY_BUF(CELL_BYTES);

	cli_show(osy_json_get_str(item, id_key), &id);
	printf("%s\n", id.p);
}

void cli_print_ids(const struct osy_json *items, const char *id_key)
{
	for (size_t i = 0; i < osy_json_count(items); i++)
		print_id(osy_json_at(items, i), id_key);
}

static void csv_heads(const struct cli_column *columns)
{
	for (const struct cli_column *c = columns; c->head; c++)
		printf("%s%s", c == columns ? "" : ",", c->key);
	printf("\r\n");
}

static void csv_row(const struct osy_json *item, const struct cli_column *columns)
{
	OSY_AUTO(osy_buf_done) struct osy_buf line = OSY_BUF(CELL_BYTES);

	for (const struct cli_column *c = columns; c->head; c++) {
		OSY_AUTO(osy_buf_done) struct osy_buf raw = OSY_BUF(CELL_BYTES);
		OSY_AUTO(osy_buf_done) struct osy_buf shown = OSY_BUF(CELL_BYTES);
		const struct osy_json *value = osy_json_get(item, c->key);
		add_raw(value, &raw);
		if (isatty(STDOUT_FILENO))
			cli_show(osy_buf_str(&raw), &shown);
		if (c != columns)
			osy_buf_addc(&line, ',');
		cli_csv(osy_buf_str(isatty(STDOUT_FILENO) ? &shown : &raw),
			osy_json_type(value) == OSY_JSON_STRING, &line);
	}
	osy_buf_addz(&line, "\r\n");
	put(&line);
}

static void print_table(const struct osy_json *items, const struct cli_column *columns)
{
	OSY_AUTO(cli_table_done) struct cli_table table = {0};

	for (const struct cli_column *c = columns; c->head; c++)
		cli_table_column(&table, c->head, c->kind == CLI_COUNT || c->kind == CLI_ELAPSED);
	for (size_t i = 0; i < osy_json_count(items); i++) {
		for (const struct cli_column *c = columns; c->head; c++) {
			OSY_AUTO(osy_buf_done) struct osy_buf cell = OSY_BUF(CELL_BYTES);
			cli_cell(osy_json_get(osy_json_at(items, i), c->key), c->kind, &cell);
			cli_table_add(&table, osy_buf_str(&cell));
		}
	}
	cli_table_print(&table, cli_terminal_width(STDOUT_FILENO), stdout);
}

void cli_print_rows(
	const struct cli *cli, const struct osy_json *items, const struct cli_column *columns)
{
	if (cli->words.format != CLI_CSV) {
		print_table(items, columns);
		return;
	}
	csv_heads(columns);
	for (size_t i = 0; i < osy_json_count(items); i++)
		csv_row(osy_json_at(items, i), columns);
}

void cli_print_list(const struct cli *cli, const struct osy_json *doc, const struct osy_json *items,
	const struct cli_column *columns, const char *id_key)
{
	if (cli->words.quiet)
		cli_print_ids(items, id_key);
	else if (cli->words.format == CLI_JSON)
		cli_print_json(doc);
	else
		cli_print_rows(cli, items, columns);
}

static void print_pairs(const struct osy_json *doc, const struct cli_column *columns)
{
	int widest = 0;

	for (const struct cli_column *c = columns; c->head; c++) {
		if ((int)strlen(c->head) > widest)
			widest = (int)strlen(c->head);
	}
	for (const struct cli_column *c = columns; c->head; c++) {
		OSY_AUTO(osy_buf_done) struct osy_buf cell = OSY_BUF(CELL_BYTES);
		const struct osy_json *value = osy_json_get(doc, c->key);
		if (osy_json_type(value) == OSY_JSON_NULL)
			continue;
		cli_cell(value, c->kind, &cell);
		printf("%-*s  %s\n", widest, c->head, cell.p);
	}
}

void cli_print_one(const struct cli *cli, const struct osy_json *doc,
	const struct cli_column *columns, const char *id_key)
{
	if (cli->words.quiet) {
		print_id(doc, id_key);
	} else if (cli->words.format == CLI_JSON) {
		cli_print_json(doc);
	} else if (cli->words.format == CLI_CSV) {
		csv_heads(columns);
		csv_row(doc, columns);
	} else {
		print_pairs(doc, columns);
	}
}

/* ---- Paged lists ---- */
static enum osy_code gather(void *arg, const struct osy_json *items, struct osy_err *err)
{
	(void)err;
	for (size_t i = 0; i < osy_json_count(items); i++) {
		/* Trees have one owner: what is kept is a copy. */
		OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(CELL_BYTES);
		struct osy_json *copy = NULL;
		osy_json_write(osy_json_at(items, i), false, &text);
		enum osy_code rc = osy_json_parse(osy_buf_str(&text), "a row", &copy, err);
		if (rc)
			return rc;
		osy_json_push(arg, copy);
	}
	return OSY_OK;
}

enum osy_code cli_print_pages(struct cli *cli, const char *path, const struct cli_column *columns,
	const char *id_key, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *doc = osy_json_new_object();
	struct osy_json *items = osy_json_new_array();
	const char *text = cli_value(&cli->words, "limit");
	int64_t limit = 100;
	OSY_AUTO_FREE char *next = NULL;

	osy_json_put(doc, "items", items);
	if (text && osy_parse_i64(osy_str(text), 0, INT64_MAX, &limit, err))
		return osy_fail(err, OSY_E_USAGE,
			"--limit is \"%.60s\"; it must be a number, 0 for all", text);
	enum osy_code rc = cli_pages(cli, path, limit, gather, items, &next, err);
	if (rc)
		return rc;
	osy_json_put(doc, "next", osy_json_new_str(osy_str(next)));
	cli_print_list(cli, doc, items, columns, id_key);
	if (next)
		cli_say("these are the first %lld; --limit 0 shows all", (long long)limit);
	return OSY_OK;
}
