/*
 * What the commands about a run share.
 */
#ifndef CLI_CMD_RUN_H
#define CLI_CMD_RUN_H

#include "cli.h"

/* A call about the run of the first argument; pattern has one {}. */
enum osy_code cli_run_ask(struct cli *cli, const char *method, const char *pattern,
	struct osy_json **ret, struct osy_err *err) OSY_CHECKED;
/* The objects' counts with a line of totals; nothing when there are none. */
void cli_run_print_objects(const struct cli *cli, const struct osy_json *run);
/* What its last rollback has done, or would do; nothing when there was none. */
void cli_run_print_rollback(const struct osy_json *run);
/* How the calls of its hooks stand; nothing when there are none. */
void cli_run_print_hooks(const struct osy_json *run);
/* That some of what it skipped waits for a parent, when that is so. */
enum osy_code cli_run_tell_waiting(struct cli *cli, const struct osy_json *run, const char *id,
	struct osy_err *err) OSY_CHECKED;
/* The summary of a run that has ended, in the asked format. */
enum osy_code cli_run_print_summary(
	struct cli *cli, const struct osy_json *run, struct osy_err *err) OSY_CHECKED;

#endif
