/*
 * Secrets: a type that cannot be printed by accident and is wiped when it goes.
 */
#ifndef OSY_SECRET_H
#define OSY_SECRET_H

#include "osy/str.h"

struct osy_secret {
	char *bytes_; /* reach it through osy_secret_open() alone */
	size_t len_;
};

void osy_secret_set(struct osy_secret *secret, const void *p, size_t len); /* copies; replaces */
void osy_secret_done(struct osy_secret *secret);			   /* wipes */
static inline bool osy_secret_is_set(const struct osy_secret *secret)
{
	return secret->bytes_ != NULL;
}
/* The bytes, for the one place that must send or use them; borrowed, NUL-terminated. */
static inline struct osy_str osy_secret_open(const struct osy_secret *secret)
{
	return (struct osy_str){secret->bytes_, secret->len_};
}
/* Reads a file of at most max bytes, without its last line end. */
enum osy_code osy_secret_read(struct osy_secret *secret, const char *path, size_t max_bytes,
	struct osy_err *err) OSY_CHECKED;

/* No core dump of this process is written, and nobody but root reads its memory or its environment.
 */
void osy_secret_shut_process(void);

#endif
