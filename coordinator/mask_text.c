#include "mask.h"

#include <math.h>
#include <stdlib.h>

#include "osy/mem.h"
#include "osy/utf8.h"

/* ---- Bytes ---- */
void mask_bytes_init(struct mask_bytes *bytes, struct osy_mac *mac, struct osy_str text)
{
	bytes->mac = mac;
	bytes->used = 0;
	osy_mac(mac, text, bytes->block);
}

unsigned mask_bytes_below(struct mask_bytes *bytes, unsigned limit)
{
	unsigned n = 0;

	if (bytes->used + 4 > sizeof(bytes->block)) {
		unsigned char next[32];
		osy_mac(bytes->mac, (struct osy_str){(const char *)bytes->block, 32}, next);
		memcpy(bytes->block, next, sizeof(next));
		bytes->used = 0;
	}
	for (unsigned i = 0; i < 4; i++)
		n = n << 8 | bytes->block[bytes->used++];
	return n % limit;
}

/* ---- Characters ---- */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Letters and digits are masked, separators stay; beyond ASCII all counts as letters. */
static bool is_letter(char c)
{
	return (unsigned char)c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t step(struct osy_str text, size_t at)
{
	unsigned n = osy_utf8_step(text.p + at, text.p + text.len);

	return n ? n : 1;
}

static size_t count_masked(struct osy_str text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.len; i += step(text, i))
		count += is_letter(text.p[i]) || is_digit(text.p[i]);
	return count;
}

static char cover(enum osy_mask_kind kind, char c)
{
	if (kind == OSY_KIND_PHONE)
		return is_digit(c) ? '0' : 'x';
	return kind == OSY_KIND_EMAIL ? 'x' : '*';
}

bool mask_looks_like_email(struct osy_str text)
{
	const char *at = text.len ? memchr(text.p, '@', text.len) : NULL;
	size_t rest = at ? text.len - (size_t)(at + 1 - text.p) : 0;

	return at && at > text.p && !memchr(at + 1, '@', rest) && !memchr(text.p, ' ', text.len) &&
	       rest > 2 && memchr(at + 2, '.', rest - 2);
}

/* Of an address only what stands before the '@' is worked on; the domain becomes another. */
static struct osy_str local_part(enum osy_mask_kind kind, struct osy_str text)
{
	const char *at = kind == OSY_KIND_EMAIL ? memchr(text.p, '@', text.len) : NULL;

	return at ? (struct osy_str){text.p, (size_t)(at - text.p)} : text;
}

/* ---- keep-last ---- */
void mask_keep_last(enum osy_mask_kind kind, struct osy_str text, int keep, struct osy_buf *out)
{
	struct osy_str part = local_part(kind, text);
	size_t count = count_masked(part);
	size_t most = (size_t)keep < count / 2 ? (size_t)keep : count / 2, seen = 0;

	for (size_t i = 0, n; i < part.len; i += n) {
		char c = part.p[i];
		n = step(part, i);
		if (!is_letter(c) && !is_digit(c))
			osy_buf_addc(out, c);
		else if (seen++ < count - most)
			osy_buf_addc(out, cover(kind, c));
		else
			osy_buf_add(out, part.p + i, n);
	}
	if (kind == OSY_KIND_EMAIL)
		osy_buf_addz(out, MASK_EMAIL_DOMAIN);
}

/* ---- shuffle ---- */
static void shuffle(struct mask_bytes *bytes, struct osy_str *items, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		size_t j = mask_bytes_below(bytes, (unsigned)i);
		struct osy_str item = items[i - 1];
		items[i - 1] = items[j];
		items[j] = item;
	}
}

static void cut(struct osy_buf *out, size_t len)
{
	if (out->len > len) {
		out->len = len;
		out->p[len] = 0;
	}
}

static void write_shuffled(struct osy_str part, const struct osy_str *items, struct osy_buf *out)
{
	size_t next = 0;

	for (size_t i = 0, n; i < part.len; i += n) {
		n = step(part, i);
		if (is_letter(part.p[i]) || is_digit(part.p[i]))
			osy_buf_add_str(out, items[next++]);
		else
			osy_buf_addc(out, part.p[i]);
	}
}

void mask_shuffle(
	struct osy_mac *mac, enum osy_mask_kind kind, struct osy_str text, struct osy_buf *out)
{
	struct osy_str part = local_part(kind, text);
	size_t count = count_masked(part), at = 0, before = out->len;
	OSY_AUTO_FREE struct osy_str *items = osy_xcalloc(count + 1, sizeof(*items));
	struct mask_bytes bytes;

	for (size_t i = 0, n; i < part.len; i += n) {
		n = step(part, i);
		if (is_letter(part.p[i]) || is_digit(part.p[i]))
			items[at++] = (struct osy_str){part.p + i, n};
	}
	mask_bytes_init(&bytes, mac, text);
	shuffle(&bytes, items, count);
	write_shuffled(part, items, out);
	struct osy_str made = {out->p + before, out->len - before};
	if (osy_str_equal(made, part)) { /* nothing to exchange: nothing is shown */
		cut(out, before);
		mask_keep_last(kind, text, 0, out);
	} else if (kind == OSY_KIND_EMAIL) {
		osy_buf_addz(out, MASK_EMAIL_DOMAIN);
	}
}

/* ---- pattern ---- */
void mask_pattern(
	struct osy_mac *mac, struct osy_str pattern, struct osy_str text, struct osy_buf *out)
{
	struct mask_bytes bytes;

	mask_bytes_init(&bytes, mac, text);
	for (size_t i = 0; i < pattern.len; i++) {
		char c = pattern.p[i];
		if (c == '#')
			osy_buf_addc(out, (char)('0' + mask_bytes_below(&bytes, 10)));
		else if (c == '?')
			osy_buf_addc(out, (char)('a' + mask_bytes_below(&bytes, 26)));
		else if (c == '^')
			osy_buf_addc(out, (char)('A' + mask_bytes_below(&bytes, 26)));
		else if (c == '\\' && i + 1 < pattern.len)
			osy_buf_addc(out, pattern.p[++i]);
		else
			osy_buf_addc(out, c);
	}
}

bool osy_mask_pattern_read(struct osy_str pattern, struct osy_mask_pattern *ret)
{
	OSY_AUTO(osy_buf_done) struct osy_buf sample = OSY_BUF(pattern.len + 1);

	*ret = (struct osy_mask_pattern){0};
	for (size_t i = 0; i < pattern.len; i++) {
		char c = pattern.p[i];
		if (c == '\\' && ++i == pattern.len)
			return false;
		ret->characters += (pattern.p[i] & 0xc0) != 0x80;
		if (c == '#')
			ret->bits += log2(10);
		else if (c == '?' || c == '^')
			ret->bits += log2(26);
		osy_buf_addc(&sample, c == '#' || c == '?' || c == '^' ? 'x' : pattern.p[i]);
	}
	ret->is_email = mask_looks_like_email(osy_buf_str(&sample));
	return true;
}
