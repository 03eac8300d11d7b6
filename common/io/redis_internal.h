/*
 * What of the Redis module does not need hiredis.
 */
#ifndef OSY_REDIS_INTERNAL_H
#define OSY_REDIS_INTERNAL_H

#include "osy/redis.h"
#include "osy/secret.h"

struct osy_redis_url {
	char *host; /* or path */
	int port;
	char *path;
	int64_t db;
	char *user; /* may be NULL */
	struct osy_secret password;
};

/* The password never stands in an error. */
enum osy_code osy_redis_url_parse(
	const char *text, struct osy_redis_url *ret, struct osy_err *err) OSY_CHECKED;
void osy_redis_url_done(struct osy_redis_url *url);
/* The value of "name:value" in the text of INFO; false: not there, or too long. */
bool osy_redis_info_field(struct osy_str info, const char *name, char *ret, size_t size);

#endif
