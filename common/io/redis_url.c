#include <ctype.h>
#include <stdlib.h>

#include "osy/mem.h"
#include "redis_internal.h"

static int hex_digit(char c)
{
	return c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

/* "%41" -> "A"; the result is of the heap. */
static char *decoded(struct osy_str s)
{
	char *out = osy_xmalloc(s.len + 1), *p = out;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '%' && i + 2 < s.len && isxdigit((unsigned char)s.p[i + 1]) &&
			isxdigit((unsigned char)s.p[i + 2])) {
			*p++ = (char)(hex_digit(s.p[i + 1]) << 4 | hex_digit(s.p[i + 2]));
			i += 2;
		} else {
			*p++ = s.p[i];
		}
	}
	*p = '\0';
	return out;
}

static enum osy_code bad(struct osy_err *err, const char *why)
{
	return osy_fail(err, OSY_E_INVALID,
		"the Redis URL %s; expected redis://[:password@]host:port/db or unix:///path", why);
}

/* Everything before the last byte c, and what follows it; false: there is none. */
static bool split_last(
	struct osy_str s, char c, struct osy_str *ret_before, struct osy_str *ret_after)
{
	const char *at = s.len ? memrchr(s.p, c, s.len) : NULL;

	if (!at)
		return false;
	*ret_after = (struct osy_str){at + 1, s.len - (size_t)(at + 1 - s.p)};
	*ret_before = (struct osy_str){s.p, (size_t)(at - s.p)};
	return true;
}

static void take_login(struct osy_redis_url *url, struct osy_str login)
{
	const char *colon = memchr(login.p, ':', login.len);
	size_t user_len = colon ? (size_t)(colon - login.p) : login.len;

	if (user_len > 0)
		url->user = decoded((struct osy_str){login.p, user_len});
	if (colon) {
		OSY_AUTO_FREE char *password =
			decoded((struct osy_str){colon + 1, login.len - user_len - 1});

		osy_secret_set(&url->password, password, strlen(password));
	}
}

static enum osy_code take_host(struct osy_redis_url *url, struct osy_str host, struct osy_err *err)
{
	struct osy_str name = host, port = OSY_STR_NULL;
	struct osy_err ignored;
	int64_t number = 6379;

	if (host.len > 0 && host.p[0] == '[') { /* [::1]:6379 */
		if (!split_last(host, ']', &name, &port) || (port.len > 0 && port.p[0] != ':'))
			return bad(err, "has a broken IPv6 address");
		name = (struct osy_str){name.p + 1, name.len - 1};
		port = port.len ? (struct osy_str){port.p + 1, port.len - 1} : OSY_STR_NULL;
	} else {
		split_last(host, ':', &name, &port);
	}
	if (port.p && osy_parse_i64(port, 1, 65535, &number, &ignored))
		return bad(err, "has a port that is none");
	if (name.len == 0)
		return bad(err, "names no host");
	url->host = decoded(name);
	url->port = (int)number;
	return OSY_OK;
}

enum osy_code osy_redis_url_parse(const char *text, struct osy_redis_url *ret, struct osy_err *err)
{
	struct osy_str rest = osy_str(text), login, path;
	struct osy_err ignored;
	const char *slash;

	if (osy_str_starts(rest, "unix://")) {
		ret->path = decoded((struct osy_str){rest.p + 7, rest.len - 7});
		return ret->path[0] == '/' ? OSY_OK : bad(err, "has no absolute path of a socket");
	}
	if (osy_str_starts(rest, "rediss://"))
		return bad(err, "asks for TLS, which needs a tunnel beside orgsync (stunnel)");
	if (!osy_str_starts(rest, "redis://"))
		return bad(err, "has an unknown scheme");
	rest = (struct osy_str){rest.p + 8, rest.len - 8};
	if (split_last(rest, '@', &login, &rest))
		take_login(ret, login);
	slash = memchr(rest.p, '/', rest.len);
	if (slash) {
		path = (struct osy_str){slash + 1, rest.len - (size_t)(slash + 1 - rest.p)};
		rest.len = (size_t)(slash - rest.p);
		if (path.len > 0 && osy_parse_i64(path, 0, 1000000, &ret->db, &ignored))
			return bad(err, "has a database that is no number");
	}
	return take_host(ret, rest, err);
}

void osy_redis_url_done(struct osy_redis_url *url)
{
	free(url->host);
	free(url->path);
	free(url->user);
	osy_secret_done(&url->password);
	*url = (struct osy_redis_url){0};
}

/* The value of "name:value" in the text of INFO. */
bool osy_redis_info_field(struct osy_str info, const char *name, char *ret, size_t size)
{
	size_t name_len = strlen(name);

	for (const char *p = info.p, *end = info.p + info.len; p && p < end;) {
		const char *line_end = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((line_end ? line_end : end) - p);

		if (len > name_len && memcmp(p, name, name_len) == 0 && p[name_len] == ':') {
			size_t n = len - name_len - 1;

			n = n > 0 && p[name_len + n] == '\r' ? n - 1 : n;
			if (n >= size)
				return false;
			memcpy(ret, p + name_len + 1, n);
			ret[n] = '\0';
			return true;
		}
		p = line_end ? line_end + 1 : end;
	}
	return false;
}
