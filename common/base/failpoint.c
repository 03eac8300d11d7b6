#include "osy/failpoint.h"

#ifdef OSY_FAILPOINTS

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "osy/mem.h"
#include "osy/str.h"

#include "osy/banned.h"

enum { ARMED_MAX = 64 };

static struct armed {
	struct osy_str name;
	struct osy_str action; /* "kill", "stop", "error" or "delay:MS" */
	int64_t only_pass;     /* 0: each */
	int64_t delay_ms;
	_Atomic int64_t passes;
} armed[ARMED_MAX];
static size_t armed_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The part of *rest before the separator; *rest moves behind it. */
static struct osy_str cut(struct osy_str *rest, char separator)
{
	const char *at = rest->len ? memchr(rest->p, separator, rest->len) : NULL;
	struct osy_str part = {rest->p, at ? (size_t)(at - rest->p) : rest->len};

	*rest = at ? (struct osy_str){at + 1, rest->len - part.len - 1} : OSY_STR("");
	return part;
}

static bool is_action(struct armed *a)
{
	struct osy_str rest = a->action, word = cut(&rest, ':');
	struct osy_err err;

	if (osy_str_is(word, "delay"))
		return osy_parse_i64(rest, 0, 3600000, &a->delay_ms, &err) == OSY_OK;
	return rest.len == 0 &&
	       (osy_str_is(word, "kill") || osy_str_is(word, "stop") || osy_str_is(word, "error"));
}

static void arm(struct osy_str text)
{
	struct armed *a = &armed[armed_count];
	struct osy_str rest = text, pass;
	struct osy_err err;

	OSY_ASSERT(armed_count < ARMED_MAX);
	a->name = cut(&rest, '=');
	pass = rest;
	a->action = cut(&pass, '@');
	if (!is_action(a) || (pass.len && osy_parse_i64(pass, 1, INT64_MAX, &a->only_pass, &err)))
		OSY_BUG("ORGSYNC_FAILPOINTS: cannot read '%.*s'", (int)text.len, text.p);
	armed_count++;
}

static void arm_all(void)
{
	const char *env = getenv("ORGSYNC_FAILPOINTS");
	struct osy_str rest = osy_str(env ? osy_xstrdup(env) : ""); /* kept for ever */

	while (rest.len) {
		struct osy_str one = cut(&rest, ';');

		if (one.len)
			arm(one);
	}
}

static bool fire(const struct armed *a)
{
	if (osy_str_is(a->action, "error"))
		return true;
	if (osy_str_is(a->action, "kill"))
		kill(getpid(), SIGKILL);
	else if (osy_str_is(a->action, "stop"))
		raise(SIGSTOP);
	else
		nanosleep(
			&(struct timespec){a->delay_ms / 1000, a->delay_ms % 1000 * 1000000}, NULL);
	return false;
}

bool osy_failpoint(const char *name)
{
	bool is_error = false;

	pthread_once(&once, arm_all);
	for (size_t i = 0; i < armed_count; i++) {
		struct armed *a = &armed[i];

		if (!osy_str_is(a->name, name))
			continue;
		if (a->only_pass == 0 || atomic_fetch_add(&a->passes, 1) + 1 == a->only_pass)
			is_error |= fire(a);
	}
	return is_error;
}

#else

typedef int osy_no_failpoints; /* a translation unit may not be empty */

#endif
