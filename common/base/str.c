#include "osy/str.h"

#include <endian.h>

#include "osy/utf8.h"

#include "osy/banned.h"

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

bool osy_str_equal_nocase(struct osy_str a, struct osy_str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower((unsigned char)a.p[i]) != lower((unsigned char)b.p[i]))
			return false;
	return true;
}

bool osy_str_starts(struct osy_str s, const char *prefix)
{
	size_t len = strlen(prefix);

	return s.len >= len && (len == 0 || memcmp(s.p, prefix, len) == 0);
}

/*
 * MurmurHash64A (Austin Appleby, public domain), read little-endian on every machine: the values
 * are kept in topics and tables, so this may never change.
 */
uint64_t osy_hash(const void *p, size_t len, uint64_t seed)
{
	const uint64_t m = 0xc6a4a7935bd1e995u;
	const unsigned char *s = p;
	uint64_t h = seed ^ (len * m), k;

	for (; len >= 8; s += 8, len -= 8) {
		memcpy(&k, s, 8);
		k = le64toh(k) * m;
		k = (k ^ (k >> 47)) * m;
		h = (h ^ k) * m;
	}
	if (len) {
		k = 0;
		memcpy(&k, s, len);
		h = (h ^ le64toh(k)) * m;
	}
	h = (h ^ (h >> 47)) * m;
	return h ^ (h >> 47);
}

bool osy_utf8_valid(struct osy_str s)
{
	const char *p = s.p, *end = p + s.len;
	uint64_t word;
	unsigned n;

	while (p < end) {
		if (end - p >= 8) {
			memcpy(&word, p, 8);
			if (!(word & 0x8080808080808080u)) {
				p += 8;
				continue;
			}
		}
		n = osy_utf8_step(p, end);
		if (n == 0)
			return false;
		p += n;
	}
	return true;
}

bool osy_utf8_line(struct osy_str s)
{
	unsigned n;

	for (const char *p = s.p, *end = p + s.len; p < end; p += n) {
		n = osy_utf8_step(p, end);
		if (n == 0 || osy_utf8_is_control(osy_utf8_code(p, n)))
			return false;
	}
	return true;
}

enum osy_code osy_parse_i64(
	struct osy_str s, int64_t min, int64_t max, int64_t *ret_value, struct osy_err *err)
{
	bool is_negative = s.len > 0 && s.p[0] == '-';
	int shown = s.len > 40 ? 40 : (int)s.len;
	size_t i = is_negative;
	int64_t n = 0;

	if (i == s.len)
		return osy_fail(err, OSY_E_INVALID, "'%.*s' is not a whole number", shown, s.p);
	for (; i < s.len; i++) {
		int digit = s.p[i] - '0';

		if (digit < 0 || digit > 9)
			return osy_fail(
				err, OSY_E_INVALID, "'%.*s' is not a whole number", shown, s.p);
		/* gathered below zero, where the range is wider by one */
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_sub_overflow(n, digit, &n))
			goto range;
	}
	if (!is_negative && __builtin_sub_overflow(0, n, &n))
		goto range;
	if (n < min || n > max)
		goto range;
	*ret_value = n;
	return OSY_OK;
range:
	return osy_fail(err, OSY_E_INVALID, "%.*s is not between %lld and %lld", shown, s.p,
		(long long)min, (long long)max);
}

enum osy_code osy_parse_bool(struct osy_str s, bool *ret_value, struct osy_err *err)
{
	if (osy_str_is(s, "true") || osy_str_is(s, "1"))
		*ret_value = true;
	else if (osy_str_is(s, "false") || osy_str_is(s, "0"))
		*ret_value = false;
	else
		return osy_fail(err, OSY_E_INVALID, "'%.*s' is neither true nor false",
			s.len > 40 ? 40 : (int)s.len, s.p);
	return OSY_OK;
}
