#include "osy/json_write.h"

#include "osy/json_pull.h"
#include "osy/utf8.h"

#include "osy/banned.h"

enum { DEPTH_MAX = 32 };

/* What a byte needs in a string: 0 nothing, 'u' \u00XX, 1 a look at the UTF-8, else the letter
 * behind the backslash. */
static const unsigned char needs[256] = {
	[0 ... 7] = 'u',
	['\b'] = 'b',
	['\t'] = 't',
	['\n'] = 'n',
	[0x0b] = 'u',
	['\f'] = 'f',
	['\r'] = 'r',
	[0x0e ... 0x1f] = 'u',
	['"'] = '"',
	['\\'] = '\\',
	[0x80 ... 0xff] = 1,
};

/* Writes the byte at p that may not stand as it is; bytes that are not UTF-8 become U+FFFD, so that
 * what we send is JSON whatever an error text of some library holds. Returns how many bytes it
 * took. */
static unsigned quote_one(const char *p, const char *end, struct osy_buf *out)
{
	unsigned char c = (unsigned char)*p, need = needs[c];
	unsigned n;

	if (need == 1) {
		n = osy_utf8_step(p, end);
		osy_buf_add(out, n ? p : "\xef\xbf\xbd", n ? n : 3);
		return n ? n : 1;
	}
	if (need == 'u')
		osy_buf_addf(out, "\\u%04x", c);
	else
		osy_buf_add(out, (char[]){'\\', (char)need}, 2);
	return 1;
}

void osy_json_quote(struct osy_str text, struct osy_buf *out)
{
	const char *p = text.p, *end = p + text.len;

	osy_buf_addc(out, '"');
	while (p < end) {
		const char *plain = p;

		while (p < end && !needs[(unsigned char)*p])
			p++;
		osy_buf_add(out, plain, (size_t)(p - plain));
		if (p < end)
			p += quote_one(p, end, out);
	}
	osy_buf_addc(out, '"');
}

/* The comma before a value or key, when one is due. */
static void before_item(struct osy_json_writer *w)
{
	uint32_t bit = w->depth ? 1u << (w->depth - 1) : 0;

	if (w->after_key)
		w->after_key = false;
	else if (w->has_items & bit)
		osy_buf_addc(w->out, ',');
	w->has_items |= bit;
}

static void open_container(struct osy_json_writer *w, char c)
{
	before_item(w);
	OSY_ASSERT(w->depth < DEPTH_MAX);
	w->depth++;
	w->has_items &= ~(1u << (w->depth - 1));
	osy_buf_addc(w->out, c);
}

static void close_container(struct osy_json_writer *w, char c)
{
	OSY_ASSERT(w->depth > 0 && !w->after_key);
	w->depth--;
	osy_buf_addc(w->out, c);
}

void osy_jw_object(struct osy_json_writer *w)
{
	open_container(w, '{');
}

void osy_jw_object_end(struct osy_json_writer *w)
{
	close_container(w, '}');
}

void osy_jw_array(struct osy_json_writer *w)
{
	open_container(w, '[');
}

void osy_jw_array_end(struct osy_json_writer *w)
{
	close_container(w, ']');
}

void osy_jw_key(struct osy_json_writer *w, const char *key)
{
	OSY_ASSERT(w->depth > 0 && !w->after_key);
	before_item(w);
	osy_buf_addc(w->out, '"');
	osy_buf_addz(w->out, key);
	osy_buf_add(w->out, "\":", 2);
	w->after_key = true;
}

void osy_jw_key_str(struct osy_json_writer *w, struct osy_str key)
{
	OSY_ASSERT(w->depth > 0 && !w->after_key);
	before_item(w);
	osy_json_quote(key, w->out);
	osy_buf_addc(w->out, ':');
	w->after_key = true;
}

void osy_jw_raw(struct osy_json_writer *w, struct osy_str json)
{
	before_item(w);
	osy_buf_add_str(w->out, json);
}

void osy_jw_str(struct osy_json_writer *w, struct osy_str text)
{
	before_item(w);
	if (text.p)
		osy_json_quote(text, w->out);
	else
		osy_buf_add(w->out, "null", 4);
}

void osy_jw_i64(struct osy_json_writer *w, int64_t n)
{
	before_item(w);
	osy_buf_addf(w->out, "%lld", (long long)n);
}

void osy_jw_bool(struct osy_json_writer *w, bool b)
{
	osy_jw_raw(w, b ? OSY_STR("true") : OSY_STR("false"));
}

void osy_jw_null(struct osy_json_writer *w)
{
	osy_jw_raw(w, OSY_STR("null"));
}

void osy_jw_put_str(struct osy_json_writer *w, const char *key, struct osy_str text)
{
	osy_jw_key(w, key);
	osy_jw_str(w, text);
}

void osy_jw_put_i64(struct osy_json_writer *w, const char *key, int64_t n)
{
	osy_jw_key(w, key);
	osy_jw_i64(w, n);
}

void osy_jw_put_bool(struct osy_json_writer *w, const char *key, bool b)
{
	osy_jw_key(w, key);
	osy_jw_bool(w, b);
}
