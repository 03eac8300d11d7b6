/* Help, made from the table of commands. */
#include <stdio.h>

#include "cli.h"
#include "osy/mem.h"
#include "osy/banned.h"

#define INDENT 34

static void print_options(const struct cli_option *options, FILE *out)
{
	for (const struct cli_option *o = options; o && o->name; o++) {
		int used = fprintf(out, "  ");
		if (o->letter)
			used += fprintf(out, "-%c, ", o->letter);
		used += fprintf(
			out, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
		fprintf(out, "%*s%s%s\n", used < INDENT ? INDENT - used : 1, "", o->help,
			o->required ? " (needed)" : "");
	}
}

static void print_row(const struct cli_command *c, FILE *out)
{
	int used = fprintf(out, "  %s%s%s%s%s", c->noun, c->verb ? " " : "", c->verb ? c->verb : "",
		*c->args ? " " : "", c->args);

	fprintf(out, "%*s%s\n", used < INDENT ? INDENT - used : 1, "", c->help);
}

static void print_command(const struct cli_command *c, FILE *out)
{
	fprintf(out, "usage: orgsync %s%s%s%s%s", c->noun, c->verb ? " " : "",
		c->verb ? c->verb : "", *c->args ? " " : "", c->args);
	for (const struct cli_option *o = c->options; o && o->name; o++) {
		if (o->required)
			fprintf(out, " --%s %s", o->name, o->value);
	}
	fprintf(out, " [OPTION...]\n\n%s\n", c->help);
	if (c->options) {
		fprintf(out, "\n");
		print_options(c->options, out);
	}
	fprintf(out, "\n");
	print_options(cli_common_options, out);
}

static void print_noun(const char *noun, FILE *out)
{
	fprintf(out, "usage: orgsync %s VERB [ARGUMENT...] [OPTION...]\n\n", noun);
	for (const struct cli_command *c = cli_commands; c->noun; c++) {
		if (strcmp(c->noun, noun) == 0)
			print_row(c, out);
	}
	fprintf(out, "\n`orgsync %s VERB --help` tells a verb's options.\n", noun);
}

static void print_all(FILE *out)
{
	OSY_AUTO(osy_buf_done) struct osy_buf settings = OSY_BUF(64 * 1024);
	const char *noun = "";

	fprintf(out, "usage: orgsync COMMAND [VERB] [ARGUMENT...] [OPTION...]\n"
		     "\nSyncs records between Salesforce orgs.\n");
	for (const struct cli_command *c = cli_commands; c->noun; c++) {
		if (strcmp(c->noun, noun) != 0 && c->verb)
			fprintf(out, "\n");
		else if (!c->verb && strcmp(c->noun, "audit") == 0)
			fprintf(out, "\n");
		noun = c->noun;
		print_row(c, out);
	}
	fprintf(out, "\nOptions of every command:\n");
	print_options(cli_common_options, out);
	fprintf(out, "  --config FILE                   settings (orgsync.yaml)\n");
	osy_settings_help(OSY_IN_CLI, &settings);
	fprintf(out, "\nSettings, by flag, environment or file:\n%s", settings.p);
	fprintf(out,
		"\nExit status: 0 done; 1 the run ended with failed records; 2 usage; 3 cannot "
		"reach\ncoordinator or a backend; 4 refused; 5 anything else.\n");
}

void cli_print_help(const char *noun, const struct cli_command *command, FILE *out)
{
	if (command && command->run != cli_help)
		print_command(command, out);
	else if (noun && (!command || command->run != cli_help))
		print_noun(noun, out);
	else
		print_all(out);
}

enum osy_code cli_help(struct cli *cli, struct osy_err *err)
{
	char program[] = "orgsync", option[] = "--help";
	char *argv[5] = {program, option};
	int argc = 2;
	struct cli_words words;

	/* As if --help stood behind it. */
	for (unsigned i = 0; i < cli->words.arg_count; i++)
		argv[argc++] = (char *)(uintptr_t)cli->words.args[i];
	enum osy_code rc = cli_parse(cli_commands, argc, argv, &words, err);
	if (!rc)
		cli_print_help(words.noun, words.command, stdout);
	return rc;
}
