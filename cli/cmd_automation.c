/* run automation */
#include <stdio.h>
#include <time.h>

#include "cli.h"
#include "cmd_run.h"
#include "osy/mem.h"
#include "osy/banned.h"

#define REFUSED 4 /* exit status: something is left off */
#define LOOK_NS 300000000L

static const struct cli_column columns[] = {
	{"KIND", "kind", CLI_TEXT},
	{"OBJECT", "object", CLI_TEXT},
	{"NAME", "name", CLI_TEXT},
	{"VERSION", "version", CLI_COUNT},
	{"STATE", "state", CLI_TEXT},
	{"WHAT THERE IS TO SAY", "note", CLI_TEXT},
	{NULL, NULL, CLI_TEXT},
};

static bool is(const struct osy_json *automation, const char *state)
{
	return osy_str_is(osy_json_get_str(automation, "state"), state);
}

static void print(const struct cli *cli, const struct osy_json *automation)
{
	struct osy_str note = osy_json_get_str(automation, "note");

	cli_print_list(cli, automation, osy_json_get(automation, "switches"), columns, "name");
	if (cli->words.format != CLI_TABLE || cli->words.quiet)
		return;
	if (is(automation, "off"))
		printf("\nOff for the run; back on at its end.\n");
	else if (is(automation, "restore"))
		printf("\nBeing switched on again.\n");
	else if (is(automation, "on"))
		printf("\nEverything that the run switched off is back.\n");
	else if (!is(automation, "left"))
		printf("\nThe run has switched nothing off.\n");
	if (note.len) {
		OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(256u * 1024);
		cli_show(note, &text);
		printf("\n%s\n", text.p);
	}
}

/* Until what is to be brought back is, or could not be. */
static enum osy_code follow(struct cli *cli, struct osy_json **automation, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	while (!rc && is(*automation, "restore")) {
		struct osy_json *next = NULL;
		nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
		rc = cli_run_ask(cli, "GET", "/runs/{}/automation", &next, err);
		if (rc)
			return rc;
		osy_json_free(*automation);
		*automation = next;
	}
	return rc;
}

enum osy_code cli_run_automation(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *automation = NULL;
	bool enable = cli_value(&cli->words, "enable") != NULL;
	bool forget = cli_value(&cli->words, "forget") != NULL;
	enum osy_code rc = OSY_OK;

	if (enable && forget)
		return osy_fail(err, OSY_E_USAGE, "--enable and --forget do not go together");
	if (forget)
		rc = cli_ask(cli, "Forget what was switched off? (It stays off in the org.)", err);
	if (!rc)
		rc = cli_run_ask(cli,
			enable	 ? "POST"
			: forget ? "DELETE"
				 : "GET",
			"/runs/{}/automation", &automation, err);
	if (!rc && enable)
		rc = follow(cli, &automation, err);
	if (rc)
		return rc;
	print(cli, automation);
	if (is(automation, "left"))
		cli->exit_status = REFUSED;
	return OSY_OK;
}
