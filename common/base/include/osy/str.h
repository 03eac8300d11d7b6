/*
 * Strings: struct osy_str to look at bytes that somebody else owns, struct osy_buf to build.
 */
#ifndef OSY_STR_H
#define OSY_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "osy/err.h"

/* A view: not NUL-terminated, borrowed. p NULL means "no value" (null), which differs from empty.
 */
struct osy_str {
	const char *p;
	size_t len;
};

#define OSY_STR(literal) ((struct osy_str){"" literal "", sizeof(literal) - 1})
#define OSY_STR_NULL ((struct osy_str){NULL, 0})

static inline struct osy_str osy_str(const char *s)
{
	return (struct osy_str){s, s ? strlen(s) : 0};
}

static inline bool osy_str_equal(struct osy_str a, struct osy_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool osy_str_is(struct osy_str a, const char *s)
{
	return osy_str_equal(a, osy_str(s));
}

bool osy_str_equal_nocase(struct osy_str a, struct osy_str b); /* ASCII letters only */
bool osy_str_starts(struct osy_str s, const char *prefix);
uint64_t osy_hash(const void *p, size_t len, uint64_t seed); /* stable over versions and machines */

/*
 * A buffer that grows up to max bytes. Always NUL-terminated, p is never NULL. Its limit is part of
 * its birth: `OSY_AUTO(osy_buf_done) struct osy_buf b = OSY_BUF(16 * 1024);` The _add functions
 * that return nothing are for content of ours whose size is known to fit (they stop the program
 * when it does not); those with an err are for what comes from outside.
 */
struct osy_buf {
	char *p;
	size_t len;
	size_t cap; /* 0: p is not from the heap */
	size_t max;
};

#define OSY_BUF(max_bytes) ((struct osy_buf){(char *)"", 0, 0, (max_bytes)})

void osy_buf_done(struct osy_buf *buf);
void osy_buf_reset(struct osy_buf *buf); /* empty, keeps its memory */
char *osy_buf_take(struct osy_buf *buf, size_t *ret_len /* may be NULL */); /* gives: free() */
enum osy_code osy_buf_try(
	struct osy_buf *buf, const void *p, size_t len, struct osy_err *err) OSY_CHECKED;
/* Room for n more bytes at p + len; the caller writes them and adds to len (then osy_buf_end). */
char *osy_buf_room(struct osy_buf *buf, size_t n);
void osy_buf_end(struct osy_buf *buf, size_t n_written);
void osy_buf_add(struct osy_buf *buf, const void *p, size_t len);
void osy_buf_add_str(struct osy_buf *buf, struct osy_str s);
void osy_buf_addz(struct osy_buf *buf, const char *s);
void osy_buf_addc(struct osy_buf *buf, char c);
void osy_buf_addf(struct osy_buf *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void osy_buf_vaddf(struct osy_buf *buf, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
static inline struct osy_str osy_buf_str(const struct osy_buf *buf)
{
	return (struct osy_str){buf->p, buf->len};
}

/* Numbers: the whole text or nothing (no white space, no '+'); ranges checked. Bool: true, false,
 * 1, 0. */
enum osy_code osy_parse_i64(struct osy_str s, int64_t min, int64_t max, int64_t *ret_value,
	struct osy_err *err) OSY_CHECKED;
enum osy_code osy_parse_bool(struct osy_str s, bool *ret_value, struct osy_err *err) OSY_CHECKED;

/* UTF-8: whether the bytes are well-formed (no overlong forms, no surrogates). */
bool osy_utf8_valid(struct osy_str s);
/* Well-formed, and nothing in it that ends a line or that a terminal obeys: no control characters
 * (C0, C1, DEL), no separators of lines. */
bool osy_utf8_line(struct osy_str s);

/*
 * Base64 (RFC 4648); url: the alphabet of section 5 without padding. Decoding takes both alphabets,
 * padded or not, and refuses white space, cut off text and bits that are left over.
 */
void osy_base64_encode(struct osy_str in, bool url, struct osy_buf *out);
enum osy_code osy_base64_decode(
	struct osy_str in, struct osy_buf *out, struct osy_err *err) OSY_CHECKED;

/* Percent-encoding of everything but unreserved characters (RFC 3986). */
void osy_url_encode(struct osy_str in, struct osy_buf *out);

#endif
