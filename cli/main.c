/* orgsync: the command line. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "osy/settings_file.h"
#include "osy/banned.h"

#define VERSION "0.1.0"

static enum osy_code check_url(const char *url, struct osy_err *err)
{
	if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
		return osy_fail(err, OSY_E_USAGE,
			"ORGSYNC_API_URL is \"%.200s\"; it must begin with http:// or https://",
			url);
	return OSY_OK;
}

static enum osy_code run(struct cli_words *words, const struct osy_settings *settings, int *status,
	struct osy_err *err)
{
	OSY_AUTO_FREE char *url = osy_xstrdup(settings->api_url);
	struct cli cli = {.settings = settings, .words = *words, .url = url};
	enum osy_code rc = check_url(url, err);

	if (rc)
		return rc;
	for (size_t len = strlen(url); len && url[len - 1] == '/';)
		url[--len] = 0;
	if (!settings->core_dumps)
		osy_secret_shut_process();
	osy_log_init("orgsync", OSY_ERROR, settings->log_format);
	cli.http = osy_http_new(2);
	rc = words->command->run(&cli, err);
	osy_http_free(cli.http);
	*status = cli.exit_status;
	return rc;
}

/* What was printed must have arrived: a full disk is an error, a reader that left is not. */
static int finish(enum osy_code rc, int status, const struct osy_err *err)
{
	if (rc)
		cli_say("%s", err->msg);
	if ((fflush(stdout) != 0 || ferror(stdout)) && !rc) {
		cli_say("cannot write to standard output: %m");
		return 5;
	}
	return rc ? osy_code_exit(rc) : status;
}

int main(int argc, char **argv)
{
	OSY_AUTO(osy_settings_done) struct osy_settings settings;
	struct osy_err err = OSY_ERR_NONE, usage = OSY_ERR_NONE;
	struct cli_words words = {.command = NULL};
	int status = 0;

	enum osy_code rc = osy_settings_load(&settings, OSY_IN_CLI, &argc, argv, &err);
	enum osy_code parsed = cli_parse(cli_commands, argc, argv, &words, &usage);
	if (argc == 1 && !rc) {
		cli_print_help(NULL, NULL, stderr);
		return osy_code_exit(OSY_E_USAGE);
	}
	if (!parsed && words.version) {
		printf("orgsync " VERSION "\n");
		return finish(OSY_OK, 0, &err);
	}
	if (!parsed && words.help) {
		cli_print_help(words.noun, words.command, stdout);
		return finish(OSY_OK, 0, &err);
	}
	if (rc &&
		!(!parsed && words.command->run == cli_help)) /* before the words: they may be
								 settings that were not taken out */
		return finish(OSY_E_USAGE, 0, &err);
	if (parsed)
		return finish(parsed, 0, &usage);
	rc = run(&words, &settings, &status, &err);
	return finish(rc, status, &err);
}
