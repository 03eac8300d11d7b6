/* JSON strings to text and back. */
#include "osy/json_pull.h"

#include "osy/mem.h"
#include "osy/utf8.h"

#include "osy/banned.h"

bool osy_json_plain(struct osy_str raw, struct osy_str *ret_text)
{
	if (raw.len < 2 || raw.p[0] != '"' || raw.p[raw.len - 1] != '"' ||
		memchr(raw.p, '\\', raw.len))
		return false;
	*ret_text = (struct osy_str){raw.p + 1, raw.len - 2};
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind "\u"; -1 when p is no such escape. */
static long unit_at(const char *p, const char *end)
{
	long unit = 0;

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		if (hex_value(p[i]) < 0)
			return -1;
		unit = unit << 4 | hex_value(p[i]);
	}
	return unit;
}

static unsigned put_utf8(char to[4], unsigned long c)
{
	unsigned len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (unsigned i = len - 1; i > 0; i--, c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(leads[len] | c);
	return len;
}

/*
 * Decodes the escape at *p and moves behind it; the number of bytes put into `to`, 0 when it is
 * bad. Half a surrogate pair has no UTF-8; to put something else in its place would change a record
 * without a word.
 */
static unsigned decode_escape(const char **p, const char *end, char to[4])
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
	long unit = unit_at(*p, end), low;
	const char *at;

	if (unit < 0) {
		at = end - *p >= 2 && (*p)[1] ? strchr(from, (*p)[1]) : NULL;
		if (!at)
			return 0;
		to[0] = into[at - from];
		*p += 2;
		return 1;
	}
	*p += 6;
	if (unit < 0xd800 || unit > 0xdfff)
		return put_utf8(to, (unsigned long)unit);
	low = unit_at(*p, end);
	if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff)
		return 0;
	*p += 6;
	return put_utf8(to, 0x10000ul + (unsigned long)((unit - 0xd800) << 10 | (low - 0xdc00)));
}

/* Decodes what lies between the quotes into `to`, which has room for as much; -1 when an escape is
 * bad. */
static long decode(const char *p, const char *end, char *to)
{
	char *start = to, piece[4];

	while (p < end) {
		const char *stop = memchr(p, '\\', (size_t)(end - p));
		size_t plain = (size_t)((stop ? stop : end) - p);
		unsigned n;

		memcpy(to, p, plain);
		to += plain;
		p += plain;
		if (!stop)
			break;
		n = decode_escape(&p, end, piece);
		if (n == 0)
			return -1;
		memcpy(to, piece, n);
		to += n;
	}
	return to - start;
}

enum osy_code osy_json_unquote(struct osy_str raw, struct osy_buf *out, struct osy_err *err)
{
	const char *end = raw.p + raw.len;
	struct osy_str text;
	size_t room;
	long n;

	if (osy_json_plain(raw, &text))
		return osy_buf_try(out, text.p, text.len, err);
	if (raw.len < 2 || raw.p[0] != '"' || end[-1] != '"')
		return osy_fail(err, OSY_E_INVALID, "JSON value is not a string");
	/* decoded text is never longer than its source, but it may well be shorter: try with the
	 * limit first */
	room = raw.len - 2;
	if (room > out->max - out->len) {
		OSY_AUTO(osy_buf_done) struct osy_buf aside = OSY_BUF(room);
		enum osy_code rc = osy_json_unquote(raw, &aside, err);

		return rc ? rc : osy_buf_try(out, aside.p, aside.len, err);
	}
	n = decode(raw.p + 1, end - 1, osy_buf_room(out, room));
	if (n < 0) {
		out->p[out->len] = '\0';
		return osy_fail(err, OSY_E_INVALID,
			"JSON string has a bad escape or half a surrogate pair");
	}
	osy_buf_end(out, (size_t)n);
	return OSY_OK;
}
