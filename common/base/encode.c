/* Base64 and percent-encoding. */
#include "osy/str.h"

#include <ctype.h>

#include "osy/banned.h"

static const char alphabets[2][65] = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

void osy_base64_encode(struct osy_str in, bool url, struct osy_buf *out)
{
	const char *letters = alphabets[url];
	const unsigned char *s = (const unsigned char *)in.p;
	size_t left = in.len, n = 0, full = (in.len + 2) / 3 * 4;
	char *to = osy_buf_room(out, url ? full - (3 - in.len % 3) % 3 : full);

	for (; left >= 3; s += 3, left -= 3) {
		to[n++] = letters[s[0] >> 2];
		to[n++] = letters[(s[0] & 3) << 4 | s[1] >> 4];
		to[n++] = letters[(s[1] & 15) << 2 | s[2] >> 6];
		to[n++] = letters[s[2] & 63];
	}
	if (left) {
		unsigned second = left == 2 ? s[1] : 0;

		to[n++] = letters[s[0] >> 2];
		to[n++] = letters[(s[0] & 3) << 4 | second >> 4];
		if (left == 2)
			to[n++] = letters[(second & 15) << 2];
		while (!url && n % 4)
			to[n++] = '=';
	}
	osy_buf_end(out, n);
}

/* Value of a letter of either alphabet; -1 for any other. */
static int base64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

/* Takes letters into `to`; the number of bytes, or -1 when a letter is wrong or bits are left over
 * that are set. */
static long base64_take(const unsigned char *s, size_t len, char *to)
{
	unsigned bits = 0, held = 0;
	long n = 0;

	for (size_t i = 0; i < len; i++) {
		int value = base64_value(s[i]);

		if (value < 0)
			return -1;
		held = (held << 6 | (unsigned)value) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			to[n++] = (char)(held >> bits);
		}
	}
	return held & ((1u << bits) - 1) ? -1 : n;
}

enum osy_code osy_base64_decode(struct osy_str in, struct osy_buf *out, struct osy_err *err)
{
	size_t len = in.len, most;
	long n;

	/* padding may be missing, but what is there must be right */
	if (len > 0 && len % 4 == 0 && in.p[len - 1] == '=')
		len -= in.p[len - 2] == '=' ? 2 : 1;
	most = len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0);
	if (len % 4 == 1)
		return osy_fail(err, OSY_E_INVALID, "base64 text is cut off (%zu letters)", len);
	if (most > out->max - out->len)
		return osy_fail(err, OSY_E_TOO_BIG, "base64 text decodes to more than %zu bytes",
			out->max - out->len);
	n = base64_take((const unsigned char *)in.p, len, osy_buf_room(out, most));
	if (n < 0)
		return osy_fail(err, OSY_E_INVALID, "text is not base64");
	osy_buf_end(out, (size_t)n);
	return OSY_OK;
}

void osy_url_encode(struct osy_str in, struct osy_buf *out)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < in.len; i++) {
		unsigned char c = (unsigned char)in.p[i];
		bool is_plain = c < 0x80 && (isalnum(c) || strchr("-._~", c)) && c;

		if (is_plain)
			osy_buf_addc(out, (char)c);
		else
			osy_buf_add(out, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
	}
}
