/*
 * Errors: a code for programs, a text for people, a class for the loop.
 *
 * A function that can fail returns enum osy_code (OSY_OK is zero) and takes a struct osy_err as its
 * last parameter, never NULL. On success *err is left untouched. The class is set where the cause
 * is known; only a loop acts on it. A function either returns an error or logs it, never both. What
 * goes wrong with single records of a batch is data in the result, not an error.
 */
#ifndef OSY_ERR_H
#define OSY_ERR_H

#include <stdarg.h>
#include <stdbool.h>

enum osy_class {
	OSY_NONE,   /* no error */
	OSY_RETRY,  /* the same call may succeed later */
	OSY_REJECT, /* the input is wrong; trying again is of no use */
	OSY_FATAL,  /* this process cannot go on as it is */
};

/* symbol, wire name, class, HTTP status, exit status (interfaces.md section 3) */
#define OSY_ERRORS(X)                                                                              \
	X(OSY_OK, "ok", OSY_NONE, 200, 0)                                                          \
	X(OSY_E_USAGE, "usage", OSY_REJECT, 400, 2)                                                \
	X(OSY_E_INVALID, "invalid", OSY_REJECT, 422, 2) /* malformed or impossible input */        \
	X(OSY_E_TOO_BIG, "too_big", OSY_REJECT, 413, 2) /* passes a limit that is ours */          \
	X(OSY_E_NOT_FOUND, "not_found", OSY_REJECT, 404, 4)                                        \
	X(OSY_E_EXISTS, "exists", OSY_REJECT, 409, 4)                                              \
	X(OSY_E_STATE, "state", OSY_REJECT, 409, 4) /* not in this state */                        \
	X(OSY_E_AUTH, "auth", OSY_REJECT, 401, 4)                                                  \
	X(OSY_E_FORBIDDEN, "forbidden", OSY_REJECT, 403, 4)                                        \
	X(OSY_E_FENCED, "fenced", OSY_REJECT, 409, 5) /* somebody else owns it by now */           \
	X(OSY_E_TIMEOUT, "timeout", OSY_RETRY, 504, 3)                                             \
	X(OSY_E_UNREACHABLE, "unreachable", OSY_RETRY, 502, 3) /* backend or org not reached */    \
	X(OSY_E_NO_REPLY, "no_reply", OSY_RETRY, 502, 3)       /* sent, outcome unknown */         \
	X(OSY_E_LIMIT, "limit", OSY_RETRY, 429, 3)	       /* the org's limits */              \
	X(OSY_E_SESSION, "session", OSY_RETRY, 401, 4)	       /* the org's session has expired */ \
	X(OSY_E_KAFKA, "kafka", OSY_RETRY, 502, 3)                                                 \
	X(OSY_E_REDIS, "redis", OSY_RETRY, 502, 3)                                                 \
	X(OSY_E_POSTGRES, "postgres", OSY_RETRY, 502, 3)                                           \
	X(OSY_E_SALESFORCE, "salesforce", OSY_REJECT, 502,                                         \
		4) /* the org refused; origin has its code */                                      \
	X(OSY_E_INTERNAL, "internal", OSY_FATAL, 500, 5)

enum osy_code {
#define X(symbol, name, cls, http, exit_status) symbol,
	OSY_ERRORS(X)
#undef X
};

struct osy_err {
	enum osy_code code;
	enum osy_class cls;
	unsigned retry_after_ms; /* 0: the caller's own back-off */
	char origin[64]; /* "curl:55", "pg:40001", "sf:UNABLE_TO_LOCK_ROW"; empty when ours */
	char msg[512];	 /* one sentence: what, where, what to do */
	const char *file;
	int line;
};

#define OSY_ERR_NONE ((struct osy_err){0})
#define OSY_CHECKED __attribute__((warn_unused_result))

/* Fills *err and returns code: `return osy_fail(err, OSY_E_INVALID, "...", ...)`. */
#define osy_fail(err, code, ...) osy_fail_at((err), (code), NULL, __FILE__, __LINE__, __VA_ARGS__)
/* The same with an origin such as "pg:40001" (borrowed, may be NULL). */
#define osy_fail_from(err, code, origin, ...) \
	osy_fail_at((err), (code), (origin), __FILE__, __LINE__, __VA_ARGS__)

enum osy_code osy_fail_at(struct osy_err *err, enum osy_code code, const char *origin,
	const char *file, int line, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Puts "prefix: " before the text of an error on its way up; returns err->code. */
enum osy_code osy_err_prefix(struct osy_err *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

const char *osy_code_name(enum osy_code code);
enum osy_class osy_code_class(enum osy_code code);
int osy_code_http(enum osy_code code);
int osy_code_exit(enum osy_code code);

/* When we are wrong, stop: on in release too. Never for outside input. */
#define OSY_BUG(...) osy_bug(__FILE__, __LINE__, __VA_ARGS__)
#define OSY_ASSERT(x) ((x) ? (void)0 : OSY_BUG("assertion failed: %s", #x))
_Noreturn void osy_bug(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
