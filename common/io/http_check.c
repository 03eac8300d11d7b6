#include <stdio.h>

#include "http_internal.h"

#define MAX_URL_BYTES (256u * 1024)
#define MAX_HEADER_BYTES (64u * 1024)

static bool is_token(const char *s)
{
	static const char more[] = "!#$%&'*+-.^_`|~";

	if (!s || !*s)
		return false;
	for (; *s; s++) {
		bool plain = (*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z') ||
			     (*s >= '0' && *s <= '9');

		if (!plain && !strchr(more, *s))
			return false;
	}
	return true;
}

static bool has_byte_below(struct osy_str s, unsigned char limit)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < limit || s.p[i] == 0x7f)
			return true;
	return false;
}

static bool line_ends_in(struct osy_str s)
{
	return s.len > 0 &&
	       (memchr(s.p, '\r', s.len) || memchr(s.p, '\n', s.len) || memchr(s.p, '\0', s.len));
}

static enum osy_code check_headers(const struct osy_http_request *request, struct osy_err *err)
{
	for (size_t i = 0; i < request->header_count; i++) {
		const struct osy_http_header *header = &request->headers[i];

		if (!is_token(header->name))
			return osy_fail(err, OSY_E_INVALID,
				"the HTTP request has a header without a proper name");
		if (line_ends_in(header->value) || header->value.len > MAX_HEADER_BYTES)
			return osy_fail(err, OSY_E_INVALID,
				"the HTTP header %s has a value with a line end, or of more than "
				"64 KiB",
				header->name);
	}
	return OSY_OK;
}

enum osy_code osy_http_check(const struct osy_http_request *request, struct osy_err *err)
{
	struct osy_str url = request->url;
	bool secure = osy_str_starts(url, "https://");

	if (!is_token(request->method))
		return osy_fail(err, OSY_E_INVALID, "the HTTP request has no proper method");
	if (!secure && !(request->plain && osy_str_starts(url, "http://")))
		return osy_fail(err, OSY_E_INVALID,
			"the address of an HTTP request must begin with %s",
			request->plain ? "http:// or https://" : "https://");
	if (url.len > MAX_URL_BYTES || has_byte_below(url, 0x21))
		return osy_fail(err, OSY_E_INVALID,
			"the address of an HTTP request has a blank or control character in it, or "
			"is too long");
	if (request->body_size < 0 || (request->body_size > 0 && request->body.p))
		return osy_fail(err, OSY_E_INVALID,
			"the HTTP request has two bodies, or one of less than nothing");
	return check_headers(request, err);
}

void osy_http_where(struct osy_str url, char *ret, size_t size)
{
	const char *host = memmem(url.p, url.len, "://", 3);
	size_t len = 0;

	if (!host) {
		snprintf(ret, size, "the server");
		return;
	}
	for (host += 3; host + len < url.p + url.len && !strchr("/?#", host[len]); len++)
		;
	for (size_t i = 0; i < len; i++)
		if (host[i] == '@') { /* not user:password */
			host += i + 1;
			len -= i + 1;
			i = 0;
		}
	snprintf(ret, size, "%.*s", (int)len, host);
}
