#include "osy/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "osy/clock.h"
#include "osy/mem.h"
#include "osy/utf8.h"

#include "osy/banned.h"

enum {
	MUTE_MS = 30000,
	MUTE_SLOTS = 256,
	VALUE_BYTES = 4096, /* a longer value is cut */
	PAIRS = 32,
	LINE_BYTES = (PAIRS + 4) * (VALUE_BYTES + 256) * 6,
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static struct {
	const char *program;
	_Atomic int level;
	_Atomic bool is_text;
	pthread_mutex_t lock;
	/* of warnings and errors; a collision forgets the older event, which may then come unmuted
	 */
	struct mute {
		uint64_t hash;
		int64_t until_ms;
		uint64_t muted;
	} mutes[MUTE_SLOTS];
} the_log = {.program = "orgsync", .level = OSY_INFO, .lock = PTHREAD_MUTEX_INITIALIZER};

enum osy_level osy_log_level(const char *name)
{
	for (unsigned i = 0; i < OSY_COUNT(level_names); i++)
		if (strcmp(name, level_names[i]) == 0)
			return (enum osy_level)i;
	return OSY_INFO;
}

void osy_log_init(const char *program, enum osy_level level, const char *format)
{
	bool is_auto = strcmp(format, "json") != 0 && strcmp(format, "text") != 0;

	the_log.program = program;
	atomic_store(&the_log.level, (int)level);
	atomic_store(&the_log.is_text, is_auto ? isatty(STDERR_FILENO) == 1 : format[0] == 't');
}

bool osy_log_on(enum osy_level level)
{
	return (int)level <= atomic_load_explicit(&the_log.level, memory_order_relaxed);
}

void osy_log_raise(void)
{
	int level = atomic_load(&the_log.level);

	atomic_store(&the_log.level, level >= OSY_DEBUG ? OSY_ERROR : level + 1);
}

/* What a terminal obeys instead of showing it, or what turns the order of a line around; 0: it is
 * neither. */
static unsigned hidden_control(const char *p, unsigned n)
{
	const unsigned c = osy_utf8_code(p, n);
	const bool is_direction = c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
				  (c >= 0x2066 && c <= 0x2069);

	return osy_utf8_is_control(c) || is_direction ? c : 0;
}

/* Between quotes, for JSON and for text alike: one line, valid UTF-8, no terminal escapes. */
static void put_escaped(struct osy_buf *line, struct osy_str s)
{
	const char *p = s.p, *end = p + (s.len > VALUE_BYTES ? VALUE_BYTES : s.len);
	unsigned n;

	for (; p < end; p += n ? n : 1) {
		n = osy_utf8_step(p, end);
		if (n == 0)
			osy_buf_addz(line, "\\ufffd");
		else if (*p == '"' || *p == '\\')
			osy_buf_add(line, (char[]){'\\', *p}, 2);
		else if (*p == '\n')
			osy_buf_addz(line, "\\n");
		else if (hidden_control(p, n))
			osy_buf_addf(line, "\\u%04x", hidden_control(p, n));
		else
			osy_buf_add(line, p, n);
	}
}

/* A word needs no quotes in the text form. */
static bool is_word(struct osy_str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f || s.p[i] == '"' ||
			s.p[i] == '\\' || s.p[i] == '=')
			return false;
	return s.len > 0 && s.len < VALUE_BYTES;
}

static void put_key(struct osy_buf *line, bool is_text, const char *key)
{
	osy_buf_addf(line, is_text ? " %s=" : ",\"%s\":", key);
}

static void put_str(struct osy_buf *line, bool is_text, const char *key, struct osy_str s)
{
	put_key(line, is_text, key);
	if (!s.p) {
		osy_buf_addz(line, "null");
	} else if (is_text && is_word(s)) {
		osy_buf_add_str(line, s);
	} else {
		osy_buf_addc(line, '"');
		put_escaped(line, s);
		osy_buf_addc(line, '"');
	}
}

static void put_i64(struct osy_buf *line, bool is_text, const char *key, int64_t n)
{
	put_key(line, is_text, key);
	osy_buf_addf(line, "%lld", (long long)n);
}

/*
 * An error as the log may hold it. What an org says about a call quotes the call, values of records
 * with it, so of its words only the code is kept ("sf:CODE" in the origin); the whole sentence is
 * for those who may read the run.
 */
static struct osy_str loggable(const struct osy_err *err)
{
	const bool is_orgs = strncmp(err->origin, "sf:", 3) == 0 &&
			     (err->code == OSY_E_SALESFORCE || err->code == OSY_E_NO_REPLY);
	const char *code = is_orgs ? err->origin + 3 : "",
		   *at = *code ? strstr(err->msg, code) : NULL;

	if (!is_orgs)
		return osy_str(err->msg);
	return at ? (struct osy_str){err->msg, (size_t)(at - err->msg) + strlen(code)}
		  : osy_str(code);
}

static void put_kv(struct osy_buf *line, bool is_text, const struct osy_kv *kv)
{
	switch (kv->kind) {
	case OSY_KV_IS_STR:
		put_str(line, is_text, kv->key, kv->str);
		break;
	case OSY_KV_IS_I64:
		put_i64(line, is_text, kv->key, kv->i64);
		break;
	case OSY_KV_IS_ERR:
		put_str(line, is_text, kv->key, loggable(kv->err));
		put_str(line, is_text, "code", osy_str(osy_code_name(kv->err->code)));
		if (kv->err->origin[0])
			put_str(line, is_text, "origin", osy_str(kv->err->origin));
		break;
	}
}

/* What tells one repeating event from another: its name and its first pair. */
static uint64_t key_of(const char *event, const struct osy_kv *kv)
{
	uint64_t h = osy_hash(event, strlen(event), 0);

	h = osy_hash(kv->key, strlen(kv->key), h);
	if (kv->kind == OSY_KV_IS_STR)
		return osy_hash(kv->str.p, kv->str.len, h);
	if (kv->kind == OSY_KV_IS_I64)
		return osy_hash(&kv->i64, sizeof(kv->i64), h);
	return osy_hash(kv->err->msg, strlen(kv->err->msg), h);
}

/* Whether the event stays silent; otherwise how many came unseen before it. */
static bool is_muted(uint64_t hash, uint64_t *ret_muted)
{
	struct mute *m = &the_log.mutes[hash % MUTE_SLOTS];
	int64_t now_ms = osy_mono_ms();
	bool is_same, is_silent;

	pthread_mutex_lock(&the_log.lock);
	is_same = m->until_ms != 0 && m->hash == hash;
	is_silent = is_same && now_ms < m->until_ms;
	if (is_silent) {
		m->muted++;
	} else {
		*ret_muted = is_same ? m->muted : 0;
		*m = (struct mute){.hash = hash, .until_ms = now_ms + MUTE_MS};
	}
	pthread_mutex_unlock(&the_log.lock);
	return is_silent;
}

/* One line, whole: lines of two threads do not mix. What stderr does not take is lost. */
static void write_line(const struct osy_buf *line)
{
	size_t done = 0;

	pthread_mutex_lock(&the_log.lock);
	while (done < line->len) {
		ssize_t n = write(STDERR_FILENO, line->p + done, line->len - done);

		if (n < 0 && errno != EINTR)
			break;
		if (n > 0)
			done += (size_t)n;
	}
	pthread_mutex_unlock(&the_log.lock);
}

static void put_head(struct osy_buf *line, bool is_text, enum osy_level level, const char *event)
{
	char at[32];

	osy_wall_text(osy_wall_ms(), at);
	if (is_text)
		osy_buf_addf(line, "%s %-5s %s", at, level_names[level], event);
	else
		osy_buf_addf(line,
			"{\"at\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"pid\":%d,\"event\":"
			"\"%s\"",
			at, level_names[level], the_log.program, (int)getpid(), event);
}

void osy_log_write(enum osy_level level, const char *event, const struct osy_kv *kvs, size_t count)
{
	OSY_AUTO(osy_buf_done) struct osy_buf line = OSY_BUF(LINE_BYTES);
	bool is_text = atomic_load_explicit(&the_log.is_text, memory_order_relaxed);
	int saved_errno = errno;
	uint64_t muted = 0;

	if (!osy_log_on(level))
		return;
	if (level <= OSY_WARN && count > 0 && is_muted(key_of(event, &kvs[0]), &muted))
		return;
	put_head(&line, is_text, level, event);
	for (size_t i = 0; i < count && i < PAIRS; i++)
		put_kv(&line, is_text, &kvs[i]);
	if (muted)
		put_i64(&line, is_text, "muted", (int64_t)muted);
	osy_buf_addz(&line, is_text ? "\n" : "}\n");
	write_line(&line);
	errno = saved_errno;
}
