/*
 * The coordinator as a whole: tables, first token, driver, HTTP API; until SIGTERM or SIGINT.
 */
#ifndef OSY_SERVE_H
#define OSY_SERVE_H

#include "osy/settings.h"

enum osy_code osy_coordinator_run(
	const struct osy_settings *settings, struct osy_err *err) OSY_CHECKED;

#endif
