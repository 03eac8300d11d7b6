/*
 * The words of the command line: a table of commands decides what may be written. Pure; words are
 * borrowed from argv.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "osy/err.h"
#include "osy/str.h"

#define CLI_ARGS 4
#define CLI_OPTIONS 16

struct cli;

struct cli_option {
	const char *name;  /* without its dashes; NULL ends the list */
	char letter;	   /* 0: none */
	const char *value; /* what stands for the value in the help; NULL: a flag */
	bool required;
	const char *help;
};

struct cli_command {
	const char *noun;		  /* NULL ends the table */
	const char *verb;		  /* NULL: the noun alone is the command */
	const char *args;		  /* "NAME", "RUN RECORD-ID", "[NOUN] [VERB]" */
	const struct cli_option *options; /* may be NULL */
	const char *help;
	enum osy_code (*run)(struct cli *cli, struct osy_err *err);
};

enum cli_format { CLI_TABLE, CLI_JSON, CLI_CSV };

struct cli_words {
	const struct cli_command *command; /* NULL: only with help or version */
	const char *noun;		   /* may be NULL with help */
	const char *args[CLI_ARGS];	   /* NULL: not given */
	unsigned arg_count;
	const char *values[CLI_OPTIONS]; /* parallel to command->options; "" for a flag */
	enum cli_format format;
	bool quiet, yes, help, version;
};

/* The options that every command takes, ended by a row without a name. */
extern const struct cli_option cli_common_options[];

enum osy_code cli_parse(const struct cli_command *table, int argc, char **argv,
	struct cli_words *ret, struct osy_err *err) OSY_CHECKED;
/* The value of an option of the command, NULL when it was not given. The name must be one of the
 * command's. */
const char *cli_value(const struct cli_words *words, const char *option);
/* The nearest of the names, NULL when none is near. */
const char *cli_nearest(const char *word, const char *const *names, size_t count);

#endif
