/*
 * A spool: an open file without a name under $TMPDIR (else /tmp), for what is too large for memory
 * and of no use to anybody once the process is gone. The caller owns the descriptor: close() it.
 */
#ifndef OSY_SPOOL_H
#define OSY_SPOOL_H

#include "osy/str.h"

enum osy_code osy_spool_open(int *ret_fd, struct osy_err *err) OSY_CHECKED;
enum osy_code osy_spool_write(
	int fd, int64_t at, struct osy_str bytes, struct osy_err *err) OSY_CHECKED;
/* Exactly size bytes; fewer in the file are an error. */
enum osy_code osy_spool_read(
	int fd, int64_t at, char *to, size_t size, struct osy_err *err) OSY_CHECKED;

#endif
