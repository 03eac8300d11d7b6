#include "osy/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "osy/utf8.h"

#include "osy/banned.h"

static const struct row {
	const char *name;
	enum osy_class cls;
	int http;
	int exit_status;
} rows[] = {
#define X(symbol, name, cls, http, exit_status) [symbol] = {name, cls, http, exit_status},
	OSY_ERRORS(X)
#undef X
};

/* A code from a newer peer or from damaged memory is an internal error, not a crash. */
static const struct row *row_of(enum osy_code code)
{
	unsigned i = (unsigned)code;

	return &rows[i < sizeof(rows) / sizeof(rows[0]) ? i : OSY_E_INTERNAL];
}

const char *osy_code_name(enum osy_code code)
{
	return row_of(code)->name;
}

enum osy_class osy_code_class(enum osy_code code)
{
	return row_of(code)->cls;
}

int osy_code_http(enum osy_code code)
{
	return row_of(code)->http;
}

int osy_code_exit(enum osy_code code)
{
	return row_of(code)->exit_status;
}

/* Whether only the beginning of a character is left. */
static bool is_cut(const char *p, const char *end)
{
	const unsigned char lead = (unsigned char)*p;
	const long length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;

	if (lead < 0xc2 || end - p >= length)
		return false;
	while (++p < end && osy_utf8_is_tail((unsigned char)*p))
		;
	return p == end;
}

/*
 * One line of whole characters, whatever came in from outside and wherever it was cut: Postgres
 * takes no other text, and no terminal should see another.
 */
static void make_sentence(char *text)
{
	char *end = text + strlen(text), *to = text;
	unsigned n;

	for (const char *p = text; p < end; p += n ? n : 1) {
		n = osy_utf8_step(p, end);
		if (n == 0 && is_cut(p, end))
			break;
		if (n <= 1)
			*to++ = n == 0 ? '?' : (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p;
		else
			to = (char *)memmove(to, p, n) + n;
	}
	*to = '\0';
}

enum osy_code osy_fail_at(struct osy_err *err, enum osy_code code, const char *origin,
	const char *file, int line, const char *format, ...)
{
	/* built aside: the arguments may point into *err */
	struct osy_err e = {.code = code, .cls = osy_code_class(code), .file = file, .line = line};
	va_list args;

	va_start(args, format);
	vsnprintf(e.msg, sizeof(e.msg), format, args);
	va_end(args);
	make_sentence(e.msg);
	if (origin)
		snprintf(e.origin, sizeof(e.origin), "%s", origin);
	*err = e;
	return code;
}

enum osy_code osy_err_prefix(struct osy_err *err, const char *format, ...)
{
	char text[2 * sizeof(err->msg)];
	va_list args;
	size_t len;

	va_start(args, format);
	vsnprintf(text, sizeof(err->msg), format, args);
	va_end(args);
	len = strlen(text);
	snprintf(text + len, sizeof(text) - len, ": %.*s", (int)sizeof(err->msg) - 1, err->msg);
	memcpy(err->msg, text, sizeof(err->msg));
	err->msg[sizeof(err->msg) - 1] = '\0';
	make_sentence(err->msg);
	return err->code;
}

void osy_bug(const char *file, int line, const char *format, ...)
{
	char text[1024];
	va_list args;
	int n;

	/* neither the heap nor the log: they may be what is broken */
	n = snprintf(text, sizeof(text), "orgsync: BUG at %s:%d: ", file, line);
	va_start(args, format);
	n += vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
	va_end(args);
	if (n > (int)sizeof(text) - 2)
		n = (int)sizeof(text) - 2;
	text[n] = '\n';
	if (write(STDERR_FILENO, text, (size_t)n + 1) < 0)
		abort();
	abort();
}
