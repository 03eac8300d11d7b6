/*
 * What does not need curl: whether a request may be sent at all.
 */
#ifndef OSY_HTTP_INTERNAL_H
#define OSY_HTTP_INTERNAL_H

#include "osy/http.h"

enum osy_code osy_http_check(
	const struct osy_http_request *request, struct osy_err *err) OSY_CHECKED;
/* The URL's scheme and host, for error texts: no path, no query (they may hold a token). */
void osy_http_where(struct osy_str url, char *ret, size_t size);

#endif
