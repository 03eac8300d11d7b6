/*
 * The command line's inside: what every command gets, calls of the API, and output.
 */
#ifndef CLI_H
#define CLI_H

#include <stdio.h>

#include "args.h"
#include "osy/http.h"
#include "osy/json.h"
#include "osy/settings.h"
#include "table.h"
#include "text.h"

#define CLI_PATH_BYTES (64u * 1024)
#define CLI_OUT_BYTES (512u * 1024 * 1024)
#define CLI_PAGE 1000 /* the API's largest */

struct cli {
	const struct osy_settings *settings;
	struct osy_http *http;
	struct cli_words words;
	char *url;	 /* of the API, without a last slash */
	int exit_status; /* when all went well but what was found is not */
};

extern const struct cli_command cli_commands[];

/* ---- The API (call.c) ---- */
/* Adds the path, each {} replaced by the next argument, encoded. */
void cli_path(struct osy_buf *out, const char *pattern, ...);
/* Adds a query parameter; nothing when value is NULL. */
void cli_query(struct osy_buf *path, const char *key, const char *value);
/*
 * A call; path below /api/v1. The body is JSON unless type says otherwise, none when its p is NULL.
 * ret (may be NULL) gets the answer's tree, NULL for an empty one. A problem of the API becomes the
 * error. With a stop flag the call ends with OSY_E_TIMEOUT soon after it was raised.
 */
struct cli_call {
	const char *method, *path;
	struct osy_str body;
	const char *type;
	const volatile bool *stop;
	unsigned timeout_ms; /* 0: 11 minutes: logging in to an org may take long */
};
enum osy_code cli_call(struct cli *cli, const struct cli_call *call, struct osy_json **ret,
	struct osy_err *err) OSY_CHECKED;
enum osy_code cli_get(
	struct cli *cli, const char *path, struct osy_json **ret, struct osy_err *err) OSY_CHECKED;
/* POST or DELETE without a body. */
enum osy_code cli_do(struct cli *cli, const char *method, const char *path, struct osy_json **ret,
	struct osy_err *err) OSY_CHECKED;
/*
 * Pages of a list, each given to page() until limit items (0: all) have come. ret_next gets the
 * cursor of what is left (free()), NULL when that was all.
 */
typedef enum osy_code (*cli_page)(void *arg, const struct osy_json *items, struct osy_err *err);
enum osy_code cli_pages(struct cli *cli, const char *path, int64_t limit, cli_page page, void *arg,
	char **ret_next, struct osy_err *err) OSY_CHECKED;

/* ---- Output (out.c) ---- */
enum cli_kind { CLI_TEXT, CLI_COUNT, CLI_WHEN, CLI_FLAG, CLI_ELAPSED };
struct cli_column {
	const char *head; /* NULL ends the list */
	const char *key;  /* the API's; the head in CSV */
	enum cli_kind kind;
};
/* A cell as people read it. */
void cli_cell(const struct osy_json *value, enum cli_kind kind, struct osy_buf *out);
/* A list in the asked format: id_key's value alone with -q. doc: the API's whole answer, for JSON.
 */
void cli_print_list(const struct cli *cli, const struct osy_json *doc, const struct osy_json *items,
	const struct cli_column *columns, const char *id_key);
/* One thing: a line a column in table format. */
void cli_print_one(const struct cli *cli, const struct osy_json *doc,
	const struct cli_column *columns, const char *id_key);
void cli_print_json(const struct osy_json *json);
void cli_print_ids(const struct osy_json *items, const char *id_key);
/* Rows of a table that is no list of the API: in table or CSV format. */
void cli_print_rows(
	const struct cli *cli, const struct osy_json *items, const struct cli_column *columns);
/* A paged list, up to --limit (of the command's options, default 100; 0: all). */
enum osy_code cli_print_pages(struct cli *cli, const char *path, const struct cli_column *columns,
	const char *id_key, struct osy_err *err) OSY_CHECKED;
/*
 * All of a list into a CSV file ("-": stdout), page by page: neither side holds more than a page,
 * however many there are. A file that could not be written whole is removed. The last column has no
 * head.
 */
struct cli_csv_column {
	const char *head, *key;
};
enum osy_code cli_export_csv(struct cli *cli, const char *path, const char *file,
	const struct cli_csv_column *columns, struct osy_err *err) OSY_CHECKED;
size_t cli_terminal_width(int fd); /* 0: no terminal */
/* One line on stderr, "orgsync: ..."; text from outside is made safe. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Asks on a terminal unless --yes; OSY_E_USAGE when the answer is no. Without a terminal it goes
 * on. */
enum osy_code cli_ask(const struct cli *cli, const char *question, struct osy_err *err) OSY_CHECKED;

/* ---- Help (help.c) ---- */
enum osy_code cli_help(struct cli *cli, struct osy_err *err);
void cli_print_help(const char *noun, const struct cli_command *command, FILE *out);

/* ---- Watching a run (watch.c) ---- */
struct cli_watch {
	const char *run;
	bool scan;     /* only until it is scanned */
	bool aborting; /* that it ends Aborted is what was asked for */
	bool rollback; /* what it has done, or would do, is the summary */
};
/* Until the run no longer moves; then its summary on stdout. Sets cli->exit_status. */
enum osy_code cli_watch(
	struct cli *cli, const struct cli_watch *watch, struct osy_err *err) OSY_CHECKED;
bool cli_run_moves(const struct osy_json *run);

/* ---- The commands ---- */
enum osy_code cli_org_add(struct cli *cli, struct osy_err *err);
enum osy_code cli_org_list(struct cli *cli, struct osy_err *err);
enum osy_code cli_org_show(struct cli *cli, struct osy_err *err);
enum osy_code cli_org_test(struct cli *cli, struct osy_err *err);
enum osy_code cli_org_limits(struct cli *cli, struct osy_err *err);
enum osy_code cli_org_disconnect(struct cli *cli, struct osy_err *err);
enum osy_code cli_org_remove(struct cli *cli, struct osy_err *err);
enum osy_code cli_hook_add(struct cli *cli, struct osy_err *err);
enum osy_code cli_hook_list(struct cli *cli, struct osy_err *err);
enum osy_code cli_hook_show(struct cli *cli, struct osy_err *err);
enum osy_code cli_hook_test(struct cli *cli, struct osy_err *err);
enum osy_code cli_hook_remove(struct cli *cli, struct osy_err *err);
enum osy_code cli_template_apply(struct cli *cli, struct osy_err *err);
enum osy_code cli_template_list(struct cli *cli, struct osy_err *err);
enum osy_code cli_template_show(struct cli *cli, struct osy_err *err);
enum osy_code cli_template_remove(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_create(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_rollback(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_check(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_scan(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_order(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_automation(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_hooks(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_start(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_watch(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_show(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_list(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_errors(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_log(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_waiting(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_why(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_abort(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_replay(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_retry(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_resync(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_pause(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_resume(struct cli *cli, struct osy_err *err);
enum osy_code cli_run_delete(struct cli *cli, struct osy_err *err);
enum osy_code cli_idmap_get(struct cli *cli, struct osy_err *err);
enum osy_code cli_idmap_rebuild(struct cli *cli, struct osy_err *err);
enum osy_code cli_schedule_add(struct cli *cli, struct osy_err *err);
enum osy_code cli_schedule_list(struct cli *cli, struct osy_err *err);
enum osy_code cli_schedule_show(struct cli *cli, struct osy_err *err);
enum osy_code cli_schedule_run(struct cli *cli, struct osy_err *err);
enum osy_code cli_schedule_pause(struct cli *cli, struct osy_err *err);
enum osy_code cli_schedule_resume(struct cli *cli, struct osy_err *err);
enum osy_code cli_schedule_remove(struct cli *cli, struct osy_err *err);
enum osy_code cli_schedule_history(struct cli *cli, struct osy_err *err);
enum osy_code cli_token_list(struct cli *cli, struct osy_err *err);
enum osy_code cli_token_create(struct cli *cli, struct osy_err *err);
enum osy_code cli_token_revoke(struct cli *cli, struct osy_err *err);
enum osy_code cli_audit(struct cli *cli, struct osy_err *err);
enum osy_code cli_init(struct cli *cli, struct osy_err *err);
enum osy_code cli_doctor(struct cli *cli, struct osy_err *err);

#endif
