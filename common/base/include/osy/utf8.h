/*
 * UTF-8, one character at a time; inline because it sits in the inner loops of the codecs.
 */
#ifndef OSY_UTF8_H
#define OSY_UTF8_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * Moves over the bytes of a string that need no look: printable ASCII but quote and backslash.
 * Eight at a time: the top bit of each byte of `hit` says that it is a quote, a backslash, below
 * 0x20 or above 0x7f. A borrow can only come out of a byte that is a hit itself, so the lowest hit,
 * the first in the text, is always right.
 */
static inline const char *osy_utf8_skip_plain(const char *p, const char *end)
{
	const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;

	for (; end - p >= 8; p += 8) {
		uint64_t w, hit;

		memcpy(&w, p, 8);
		w = le64toh(w);
		hit = (((w ^ ones * '"') - ones) | ((w ^ ones * '\\') - ones) | (w - ones * 0x20) |
			      w) &
		      tops;
		if (hit)
			return p + (__builtin_ctzll(hit) >> 3);
	}
	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
		*p != '\\')
		p++;
	return p;
}

static inline bool osy_utf8_is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/*
 * Length of the well-formed character (Unicode 15, table 3-7) that begins at p < end; 0 when there
 * is none: overlong forms, surrogates, more than U+10FFFF, cut off.
 */
static inline unsigned osy_utf8_step(const char *p, const char *end)
{
	const unsigned char *s = (const unsigned char *)p;
	long left = end - p;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	if (s[0] < 0xe0)
		return left >= 2 && osy_utf8_is_tail(s[1]) ? 2 : 0;
	if (s[0] < 0xf0) {
		if (left < 3 || !osy_utf8_is_tail(s[1]) || !osy_utf8_is_tail(s[2]))
			return 0;
		return (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ? 0 : 3;
	}
	if (left < 4 || !osy_utf8_is_tail(s[1]) || !osy_utf8_is_tail(s[2]) ||
		!osy_utf8_is_tail(s[3]))
		return 0;
	return (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f) ? 0 : 4;
}

/* The code point of a character of n bytes, as osy_utf8_step() has found it. */
static inline unsigned osy_utf8_code(const char *p, unsigned n)
{
	const unsigned char *s = (const unsigned char *)p;
	unsigned code = n == 1 ? s[0] : s[0] & (0x7fu >> n);

	for (unsigned i = 1; i < n; i++)
		code = code << 6 | (s[i] & 0x3fu);
	return code;
}

static inline bool osy_utf8_is_control(unsigned code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
}

#endif
