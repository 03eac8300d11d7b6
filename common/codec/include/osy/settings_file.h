/*
 * The settings of a program from all their places, in order: default < file < environment < flag.
 * The file is the one of
 * --config FILE, else orgsync.yaml of the working folder when there is one; its keys are the flags'
 * names. An unknown key names file, line and the nearest known key.
 */
#ifndef OSY_SETTINGS_FILE_H
#define OSY_SETTINGS_FILE_H

#include "osy/settings.h"

/* argc and argv are left with what is no setting. settings is init'ed here; osy_settings_done() in
 * any case. */
enum osy_code osy_settings_load(struct osy_settings *settings, enum osy_program program, int *argc,
	char **argv, struct osy_err *err) OSY_CHECKED;

/*
 * What main() of a server does: the settings, --help, the log, core dumps off unless they are
 * wanted, then run. What is wrong goes to stderr; returns the exit status. name is the program's,
 * large_bytes as osy_mem_tune() has it.
 */
struct osy_server {
	const char *name;
	enum osy_program program;
	size_t large_bytes;
	enum osy_code (*run)(const struct osy_settings *settings, struct osy_err *err);
};
int osy_server_main(const struct osy_server *server, int argc, char **argv);

#endif
