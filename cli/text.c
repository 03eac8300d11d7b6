#include "text.h"

#include "osy/mem.h"
#include "osy/utf8.h"
#include "osy/banned.h"

#define REPLACEMENT "\xef\xbf\xbd"
#define ELLIPSIS "\xe2\x80\xa6"

/* ---- Width ---- */
struct range {
	uint32_t first, last;
};

static const struct range nothing[] = {{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd},
	{0x0610, 0x061a}, {0x064b, 0x065f}, {0x0900, 0x0902}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a},
	{0x0e47, 0x0e4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x2028, 0x202e},
	{0x2060, 0x206f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff},
	{0x1f3fb, 0x1f3ff}, {0xe0100, 0xe01ef}};
static const struct range wide[] = {{0x1100, 0x115f}, {0x231a, 0x231b}, {0x2329, 0x232a},
	{0x23e9, 0x23ec}, {0x25fd, 0x25fe}, {0x2614, 0x2615}, {0x2648, 0x2653}, {0x26aa, 0x26ab},
	{0x26bd, 0x26be}, {0x26c4, 0x26c5}, {0x2705, 0x2705}, {0x270a, 0x270b}, {0x2728, 0x2728},
	{0x274c, 0x274c}, {0x2753, 0x2755}, {0x2795, 0x2797}, {0x2e80, 0x303e}, {0x3041, 0x33ff},
	{0x3400, 0x4dbf}, {0x4e00, 0xa4cf}, {0xa960, 0xa97f}, {0xac00, 0xd7a3}, {0xf900, 0xfaff},
	{0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f004, 0x1f004},
	{0x1f18e, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f3fa}, {0x1f400, 0x1f64f},
	{0x1f680, 0x1f6ff}, {0x1f7e0, 0x1f7eb}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd}};

static bool within(uint32_t c, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count && ranges[i].first <= c; i++) {
		if (c <= ranges[i].last)
			return true;
	}
	return false;
}

static size_t width_of(uint32_t c)
{
	if (c < 0x0300)
		return 1;
	if (within(c, nothing, OSY_COUNT(nothing)))
		return 0;
	return within(c, wide, OSY_COUNT(wide)) ? 2 : 1;
}

/* The character at p, n bytes of well-formed UTF-8. */
static uint32_t decode(const char *p, unsigned n)
{
	const unsigned char *s = (const unsigned char *)p;
	uint32_t c = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));

	for (unsigned i = 1; i < n; i++)
		c = c << 6 | (s[i] & 0x3fu);
	return c;
}

/* Takes the next character; a byte that is no UTF-8 counts as U+FFFD. */
static unsigned next(struct osy_str text, size_t at, uint32_t *ret)
{
	unsigned n = osy_utf8_step(text.p + at, text.p + text.len);

	*ret = n ? decode(text.p + at, n) : 0xfffd;
	return n ? n : 1;
}

size_t cli_width(struct osy_str text)
{
	size_t width = 0;
	uint32_t c;

	for (size_t at = 0; at < text.len;) {
		at += next(text, at, &c);
		width += width_of(c);
	}
	return width;
}

/* ---- What may be shown ---- */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* Marks that turn the direction of what follows, and line separators. */
static bool is_trap(uint32_t c)
{
	return c == 0xfffd || c == 0x061c || (c >= 0x200e && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void cli_show(struct osy_str text, struct osy_buf *out)
{
	uint32_t c;

	for (size_t at = 0; at < text.len;) {
		unsigned n = next(text, at, &c);
		if (c == '\n' || c == '\r' || c == '\t')
			osy_buf_addc(out, ' ');
		else if (is_control(c) || is_trap(c))
			osy_buf_addz(out, REPLACEMENT);
		else
			osy_buf_add(out, text.p + at, n);
		at += n;
	}
}

void cli_cut(struct osy_str text, size_t width, struct osy_buf *out)
{
	size_t used = 0, keep = 0, at = 0;
	uint32_t c;

	while (at < text.len) {
		unsigned n = next(text, at, &c);
		used += width_of(c);
		if (used > width)
			break;
		at += n;
		if (used + 1 <= width)
			keep = at;
	}
	if (at == text.len) {
		osy_buf_add_str(out, text);
	} else if (width) {
		osy_buf_add(out, text.p, keep);
		osy_buf_addz(out, ELLIPSIS);
	}
}

void cli_csv(struct osy_str value, bool guard, struct osy_buf *out)
{
	bool led = guard && value.len && strchr("=+-@\t\r", value.p[0]), quoted = led;

	for (size_t i = 0; i < value.len && !quoted; i++)
		quoted = strchr(",\"\r\n", value.p[i]) != NULL;
	if (!quoted) {
		osy_buf_add_str(out, value);
		return;
	}
	osy_buf_addz(out, led ? "\"'" : "\"");
	for (size_t i = 0; i < value.len; i++) {
		if (value.p[i] == '"')
			osy_buf_addc(out, '"');
		osy_buf_addc(out, value.p[i]);
	}
	osy_buf_addc(out, '"');
}

void cli_json_safe(struct osy_str json, struct osy_buf *out)
{
	uint32_t c;

	for (size_t at = 0; at < json.len;) {
		unsigned n = next(json, at, &c);
		if ((c >= 0x7f && c < 0xa0) || (is_trap(c) && c != 0xfffd))
			osy_buf_addf(out, "\\u%04x", c);
		else
			osy_buf_add(out, json.p + at, n);
		at += n;
	}
}

/* ---- Numbers and times ---- */
void cli_number(int64_t n, struct osy_buf *out)
{
	char digits[32];
	size_t at = sizeof(digits), count = 0;
	uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	do {
		if (count && count % 3 == 0)
			digits[--at] = ',';
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
		count++;
	} while (left);
	if (n < 0)
		digits[--at] = '-';
	osy_buf_add(out, digits + at, sizeof(digits) - at);
}

void cli_seconds(int64_t seconds, struct osy_buf *out)
{
	int64_t h = seconds / 3600, m = seconds / 60 % 60, s = seconds % 60;

	if (h)
		osy_buf_addf(out, "%lld:%02lld:%02lld", (long long)h, (long long)m, (long long)s);
	else if (m)
		osy_buf_addf(out, "%lld:%02lld", (long long)m, (long long)s);
	else
		osy_buf_addf(out, "%llds", (long long)s);
}

void cli_time(struct osy_str iso, struct osy_buf *out)
{
	if (iso.len < 20 || iso.p[10] != 'T' || iso.p[iso.len - 1] != 'Z') {
		cli_show(iso, out);
		return;
	}
	osy_buf_add(out, iso.p, 10);
	osy_buf_addc(out, ' ');
	osy_buf_add(out, iso.p + 11, 8);
	osy_buf_addc(out, 'Z');
}
