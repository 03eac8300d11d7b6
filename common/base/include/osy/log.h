/*
 * The log: one JSON line an event on stderr, plain text when stderr is a terminal
 * (ORGSYNC_LOG_FORMAT). Event names are dotted words ("batch.retry"). Record values and secrets are
 * never logged: only names and ids. Thread-safe. A warning or error of the same event and key is
 * muted for 30 s and then comes with a count.
 */
#ifndef OSY_LOG_H
#define OSY_LOG_H

#include "osy/err.h"
#include "osy/str.h"

enum osy_level { OSY_ERROR, OSY_WARN, OSY_INFO, OSY_DEBUG };

struct osy_kv {
	const char *key;
	enum { OSY_KV_IS_STR, OSY_KV_IS_I64, OSY_KV_IS_ERR } kind;
	struct osy_str str;
	int64_t i64;
	const struct osy_err *err;
};

#define OSY_KV(k, s) ((struct osy_kv){.key = (k), .kind = OSY_KV_IS_STR, .str = osy_str(s)})
#define OSY_KV_STR(k, s) ((struct osy_kv){.key = (k), .kind = OSY_KV_IS_STR, .str = (s)})
#define OSY_KV_INT(k, n) ((struct osy_kv){.key = (k), .kind = OSY_KV_IS_I64, .i64 = (int64_t)(n)})
#define OSY_KV_ERR(e) ((struct osy_kv){.key = "error", .kind = OSY_KV_IS_ERR, .err = (e)})

/* osy_log(OSY_WARN, "batch.retry", OSY_KV("run", id), OSY_KV_ERR(&err)); at least one pair */
#define osy_log(level, event, ...)                                       \
	do {                                                             \
		if (osy_log_on(level)) {                                 \
			const struct osy_kv osy_kvs_[] = {__VA_ARGS__};  \
			osy_log_write((level), (event), osy_kvs_,        \
				sizeof(osy_kvs_) / sizeof(osy_kvs_[0])); \
		}                                                        \
	} while (0)

/* format: "json", "text" or "auto". program is put on each line (borrowed for ever). */
void osy_log_init(const char *program, enum osy_level level, const char *format);
/* "error", "warn", "info", "debug"; OSY_INFO when it is none of them. */
enum osy_level osy_log_level(const char *name);
bool osy_log_on(enum osy_level level);
void osy_log_write(enum osy_level level, const char *event, const struct osy_kv *kvs, size_t count);
void osy_log_raise(void); /* one level more, wrapping from debug to error: SIGUSR1 */

#endif
