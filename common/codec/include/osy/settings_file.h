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

#endif
