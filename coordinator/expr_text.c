/* Functions of text. Positions and lengths count characters of UTF-8. */
#include <locale.h>
#include <pthread.h>
#include <wctype.h>

#include "expr_internal.h"

static bool is_first(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

size_t expr_characters(struct osy_str text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += is_first(text.p[i]);
	return n;
}

/* Where the character at index (from 0) begins; the end when there are fewer. */
static size_t offset_of(struct osy_str text, int64_t index)
{
	size_t at = 0;

	for (; index > 0 && at < text.len; index--) {
		do
			at++;
		while (at < text.len && !is_first(text.p[at]));
	}
	return at;
}

static struct osy_str part(struct osy_str text, size_t from, size_t until)
{
	return (struct osy_str){text.p + from, until - from};
}

static struct osy_str left(struct osy_str text, int64_t count)
{
	return part(text, 0, offset_of(text, count));
}

/* Index of needle in hay from an offset on, -1: it is not there. */
static int64_t search(struct osy_str hay, struct osy_str needle, size_t from)
{
	if (needle.len == 0 || from > hay.len)
		return needle.len == 0 && from <= hay.len ? (int64_t)from : -1;
	const char *found = memmem(hay.p + from, hay.len - from, needle.p, needle.len);
	return found ? found - hay.p : -1;
}

void expr_left(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
{
	(void)run;
	(void)argc;
	args[0].text = left(args[0].text, expr_whole(args[1].number));
}

void expr_right(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
{
	struct osy_str text = args[0].text;
	int64_t count = expr_whole(args[1].number), all = (int64_t)expr_characters(text);

	(void)run;
	(void)argc;
	count = count < 0 ? 0 : count > all ? all : count;
	args[0].text = part(text, offset_of(text, all - count), text.len);
}

/* MID(text, start from 1, count); a start before the text is its start. */
void expr_mid(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
{
	struct osy_str text = args[0].text;
	int64_t start = expr_whole(args[1].number);
	size_t from = offset_of(text, start > 1 ? start - 1 : 0);

	(void)run;
	(void)argc;
	args[0].text = left(part(text, from, text.len), expr_whole(args[2].number));
}

void expr_len(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
{
	(void)run;
	(void)argc;
	args[0].null = false;
	(void)expr_from_whole((int64_t)expr_characters(args[0].text), &args[0].number);
}

void expr_trim(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
{
	struct osy_str text = args[0].text;

	(void)run;
	(void)argc;
	while (text.len && (unsigned char)text.p[0] <= ' ')
		text = part(text, 1, text.len);
	while (text.len && (unsigned char)text.p[text.len - 1] <= ' ')
		text.len--;
	args[0].text = text;
}

/* ---- Capital and small letters: by Unicode, one character to one ---- */
static locale_t unicode;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find_unicode(void)
{
	unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static unsigned decode(const char *p, size_t len)
{
	unsigned char c = (unsigned char)p[0];
	unsigned code = len == 1 ? c : len == 2 ? c & 0x1f : len == 3 ? c & 0x0f : c & 0x07;

	for (size_t i = 1; i < len; i++)
		code = code << 6 | ((unsigned char)p[i] & 0x3f);
	return code;
}

static size_t encode(unsigned code, char *out)
{
	static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	for (size_t i = len; i-- > 1; code >>= 6)
		out[i] = (char)(0x80 | (code & 0x3f));
	out[0] = (char)(marks[len == 1 ? 0 : len] | code);
	return len;
}

static unsigned convert(unsigned code, bool upper)
{
	if (code < 0x80 || !unicode) {
		bool letter = upper ? code >= 'a' && code <= 'z' : code >= 'A' && code <= 'Z';
		return letter ? code ^ 0x20 : code;
	}
	return (unsigned)(upper ? towupper_l((wint_t)code, unicode)
				: towlower_l((wint_t)code, unicode));
}

static void change_case(struct osy_expr_run *run, struct expr_value *args, bool upper)
{
	struct osy_str text = args[0].text;
	char *out = expr_room(run, 2 * text.len + 4);
	size_t n = 0;

	pthread_once(&once, find_unicode);
	for (size_t at = 0, next; out && at < text.len; at = next) {
		next = at + offset_of(part(text, at, text.len), 1);
		if (next - at > 4) /* no UTF-8 */
			next = at + 1;
		n += encode(convert(decode(text.p + at, next - at), upper), out + n);
	}
	args[0].text = (struct osy_str){out, n};
}

void expr_upper(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
{
	(void)argc;
	change_case(run, args, true);
}

void expr_lower(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
{
	(void)argc;
	change_case(run, args, false);
}

/* ---- Finding ---- */
void expr_contains(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
{
	(void)run;
	(void)argc;
	args[0].truth = search(args[0].text, args[1].text, 0) >= 0;
	args[0].null = false;
}

void expr_begins(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
{
	struct osy_str text = args[0].text, with = args[1].text;

	(void)run;
	(void)argc;
	args[0].truth =
		text.len >= with.len && (!with.len || memcmp(text.p, with.p, with.len) == 0);
	args[0].null = false;
}

/* FIND(what, text, start): from 1; 0 when it is not there. */
void expr_find(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
{
	struct osy_str what = args[0].text, text = args[1].text;
	int64_t start = argc > 2 ? expr_whole(args[2].number) : 1;
	int64_t at = -1;

	(void)run;
	if (what.len)
		at = search(text, what, offset_of(text, start > 1 ? start - 1 : 0));
	int64_t place = at < 0 ? 0 : (int64_t)expr_characters(part(text, 0, (size_t)at)) + 1;
	args[0].null = false;
	(void)expr_from_whole(place, &args[0].number);
}

/* INCLUDES(multi-select field, value) */
void expr_includes(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
{
	struct osy_str rest = args[0].text;

	(void)run;
	(void)argc;
	args[0].null = args[0].truth = false;
	while (rest.len) {
		const char *end = memchr(rest.p, ';', rest.len);
		size_t len = end ? (size_t)(end - rest.p) : rest.len;
		args[0].truth |= osy_str_equal((struct osy_str){rest.p, len}, args[1].text);
		rest = part(rest, len + (end != NULL), rest.len);
	}
}

/* ---- Making ---- */
void expr_substitute(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
{
	struct osy_str text = args[0].text, old = args[1].text, new = args[2].text;
	size_t count = 0, from = 0, n = 0;
	int64_t at;

	(void)argc;
	if (!old.len)
		return;
	for (size_t i = 0; (at = search(text, old, i)) >= 0; i = (size_t)at + old.len)
		count++;
	if (!count)
		return;
	char *out = expr_room(run, text.len - count * old.len + count * new.len + 1);
	while (out && (at = search(text, old, from)) >= 0) {
		memcpy(out + n, text.p + from, (size_t)at - from);
		n += (size_t)at - from;
		if (new.len)
			memcpy(out + n, new.p, new.len);
		n += new.len;
		from = (size_t)at + old.len;
	}
	if (out)
		memcpy(out + n, text.p + from, text.len - from);
	args[0].text = (struct osy_str){out, out ? n + text.len - from : 0};
}

void expr_concat(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
{
	struct osy_str a = args[0].text, b = args[1].text;

	(void)argc;
	if (!b.len)
		return;
	char *out = expr_room(run, a.len + b.len);
	if (!out)
		return;
	if (a.len)
		memcpy(out, a.p, a.len);
	memcpy(out + a.len, b.p, b.len);
	args[0].text = (struct osy_str){out, a.len + b.len};
}

/* xPAD(text, length, pad): a longer text is cut; without a pad it is filled with blanks. */
static void pad(struct osy_expr_run *run, struct expr_value *args, unsigned argc, bool before)
{
	struct osy_str text = args[0].text, with = argc > 2 ? args[2].text : OSY_STR(" ");
	int64_t want = expr_whole(args[1].number), has = (int64_t)expr_characters(text);
	int64_t of_pad = (int64_t)expr_characters(with), fill = want - has;

	if (fill <= 0 || !of_pad) {
		args[0].text = left(text, want);
		return;
	}
	if (fill > OSY_EXPR_MAX_MADE) {
		expr_fail(run, args, "the text becomes too long");
		return;
	}
	struct osy_str last = left(with, fill % of_pad);
	size_t bytes = (size_t)(fill / of_pad) * with.len + last.len, n = before ? 0 : text.len;
	char *out = expr_room(run, bytes + text.len + 1);
	if (!out)
		return;
	for (int64_t i = 0; i < fill / of_pad; i++, n += with.len)
		memcpy(out + n, with.p, with.len);
	memcpy(out + n, last.p, last.len);
	if (text.len)
		memcpy(out + (before ? bytes : 0), text.p, text.len);
	args[0].text = (struct osy_str){out, bytes + text.len};
}

void expr_lpad(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
{
	pad(run, args, argc, true);
}

void expr_rpad(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
{
	pad(run, args, argc, false);
}
