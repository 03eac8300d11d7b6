/*
 * ZIP files, written in memory by libzip: the packages of deployments.
 */
#ifndef OSY_ZIP_H
#define OSY_ZIP_H

#include "osy/str.h"

struct osy_zip_file {
	const char *name; /* "triggers/X.trigger", UTF-8 */
	struct osy_str body;
};

/* Appends a zip with these files to out. */
enum osy_code osy_zip_write(const struct osy_zip_file *files, size_t count, struct osy_buf *out,
	struct osy_err *err) OSY_CHECKED;

#endif
