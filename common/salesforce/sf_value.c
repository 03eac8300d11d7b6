/*
 * Both comparing and hashing go through one canonical form, so that they cannot disagree: a value's
 * type says how its text is brought into that form. Most texts are their own canonical form and
 * nothing is copied for them.
 */
#include "osy/sf_value.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/json_pull.h"
#include "osy/mem.h"
#include "osy/sf_id.h"

#include "osy/banned.h"

struct canon {
	struct osy_str text; /* p NULL: null; may lie in the input, in small or in heap */
	char small[160];
	struct osy_buf decoded;
	char *heap;
};

static void canon_done(struct canon *c)
{
	if (c->decoded.cap)
		osy_buf_done(&c->decoded);
	if (c->heap)
		free(c->heap);
}

/* Room for a text made of at most len bytes of input and a little more. */
static char *canon_room(struct canon *c, size_t len)
{
	const size_t need = len + 32;
	if (need <= sizeof(c->small))
		return c->small;
	c->heap = osy_xmalloc(need);
	return c->heap;
}

static bool is_space(char c)
{
	return (unsigned char)c <= ' ';
}

static struct osy_str trim(struct osy_str s)
{
	while (s.len && is_space(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len && is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

static void crlf_to_lf(struct osy_buf *buf)
{
	char *to = memchr(buf->p, '\r', buf->len);
	if (!to)
		return;
	const char *end = buf->p + buf->len;
	for (const char *from = to; from < end; from++) {
		if (*from == '\r' && from + 1 < end && from[1] == '\n')
			continue;
		*to++ = *from;
	}
	buf->len = (size_t)(to - buf->p);
}

/* The text of a raw token, trimmed; p NULL for null and for what is nothing but white space. */
static struct osy_str text_of(struct canon *c, struct osy_str raw)
{
	struct osy_str text = raw;
	struct osy_err err;

	if (!raw.p || osy_str_equal(raw, OSY_STR("null")))
		return OSY_STR_NULL;
	if (raw.len >= 2 && raw.p[0] == '"' && raw.p[raw.len - 1] == '"') {
		text = (struct osy_str){raw.p + 1, raw.len - 2};
		if (memchr(text.p, '\\', text.len)) {
			c->decoded = OSY_BUF(raw.len + 64);
			if (osy_json_unquote(raw, &c->decoded, &err) == OSY_OK) {
				crlf_to_lf(&c->decoded);
				text = osy_buf_str(&c->decoded);
			} /* a lone surrogate is no text: compared as it came */
		}
	}
	text = trim(text);
	return text.len ? text : OSY_STR_NULL;
}

/* ---- Decimals: 0.DIGITS * 10^exponent ---- */

#define EXPONENT_MAX 1000000000 /* saturates; no org keeps such a number */

struct decimal {
	bool negative;
	char *digits;
	size_t count;
	int64_t exponent;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool decimal_exponent(const char *p, const char *end, int64_t *ret)
{
	bool negative = false;
	int64_t n = 0;

	if (p < end && (*p == '+' || *p == '-'))
		negative = *p++ == '-';
	if (p == end)
		return false;
	for (; p < end; p++) {
		if (!is_digit(*p))
			return false;
		if (n < EXPONENT_MAX)
			n = n * 10 + (*p - '0');
	}
	if (n > EXPONENT_MAX)
		n = EXPONENT_MAX;
	*ret = negative ? -n : n;
	return true;
}

/* Reads [+-]digits[.digits][e[+-]digits]; d->digits has room for them all. */
static bool decimal_read(struct osy_str s, struct decimal *d)
{
	const char *p = s.p, *end = s.p + s.len;
	bool any = false, after_point = false;
	int64_t exponent = 0;

	if (p < end && (*p == '-' || *p == '+'))
		d->negative = *p++ == '-';
	for (; p < end; p++) {
		if (*p == '.' && !after_point) {
			after_point = true;
			continue;
		}
		if (!is_digit(*p))
			break;
		any = true;
		if (d->count == 0 && *p == '0') {
			d->exponent -= after_point; /* 0.00x */
			continue;
		}
		d->digits[d->count++] = *p;
		d->exponent += !after_point;
	}
	if (!any)
		return false;
	if (p < end) {
		if ((*p != 'e' && *p != 'E') || !decimal_exponent(p + 1, end, &exponent))
			return false;
		d->exponent += exponent;
	}
	return true;
}

/* Half up: a half goes away from zero. */
static void decimal_round(struct decimal *d, int scale)
{
	const int64_t keep = d->exponent + scale;

	if (keep >= (int64_t)d->count)
		return;
	if (keep < 0) {
		d->count = 0;
		return;
	}
	const bool up = d->digits[keep] >= '5';
	d->count = (size_t)keep;
	if (!up)
		return;
	while (d->count && d->digits[d->count - 1] == '9')
		d->count--;
	if (d->count) {
		d->digits[d->count - 1]++;
	} else {
		d->digits[d->count++] = '1';
		d->exponent++;
	}
}

static struct osy_str canon_decimal(struct canon *c, struct osy_str text, int scale)
{
	char *out = canon_room(c, text.len);
	struct decimal d = {.digits = out + 1};

	if (!decimal_read(text, &d))
		return text;
	if (scale >= 0)
		decimal_round(&d, scale);
	while (d.count && d.digits[d.count - 1] == '0')
		d.count--;
	if (d.count == 0)
		return OSY_STR("0");
	const int n = snprintf(d.digits + d.count, 24, "e%lld", (long long)d.exponent);
	out[0] = '-';
	const size_t len = d.count + (size_t)n;
	return d.negative ? (struct osy_str){out, len + 1} : (struct osy_str){out + 1, len};
}

static struct osy_str canon_integer(struct canon *c, struct osy_str text, int scale)
{
	(void)scale;
	return canon_decimal(c, text, 0);
}

/* ---- Moments ---- */

static bool take_number(struct osy_str *s, unsigned width, int *ret)
{
	int n = 0;
	if (s->len < width)
		return false;
	for (unsigned i = 0; i < width; i++) {
		if (!is_digit(s->p[i]))
			return false;
		n = n * 10 + (s->p[i] - '0');
	}
	s->p += width;
	s->len -= width;
	*ret = n;
	return true;
}

static bool take_char(struct osy_str *s, char c)
{
	if (!s->len || s->p[0] != c)
		return false;
	s->p++;
	s->len--;
	return true;
}

/* Days since 1970-01-01 of a Gregorian date, any year (Howard Hinnant's days_from_civil). */
static int64_t days_of(int year, int month, int day)
{
	const int64_t y = month <= 2 ? year - 1 : year;
	const int64_t era = (y >= 0 ? y : y - 399) / 400;
	const int64_t year_of_era = y - era * 400;
	const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

static bool take_date(struct osy_str *s, int64_t *ret_days)
{
	int year, month, day;
	if (!take_number(s, 4, &year) || !take_char(s, '-') || !take_number(s, 2, &month) ||
		!take_char(s, '-') || !take_number(s, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	*ret_days = days_of(year, month, day);
	return true;
}

/* hh:mm[:ss[.fraction]]; the fraction is cut to milliseconds. */
static bool take_clock(struct osy_str *s, int64_t *ret_ms)
{
	int hour, minute, second = 0, digit;
	int64_t ms = 0;

	if (!take_number(s, 2, &hour) || !take_char(s, ':') || !take_number(s, 2, &minute))
		return false;
	if (take_char(s, ':') && !take_number(s, 2, &second))
		return false;
	if (hour > 24 || minute > 59 || second > 60)
		return false;
	if (take_char(s, '.')) {
		int weight = 100;
		if (!s->len || !is_digit(s->p[0]))
			return false;
		for (; take_number(s, 1, &digit); weight /= 10)
			ms += (int64_t)digit * weight;
	}
	*ret_ms = ((int64_t)hour * 3600 + minute * 60 + second) * 1000 + ms;
	return true;
}

/* Nothing (UTC), Z, +hh, +hhmm or +hh:mm, and then the end. */
static bool take_zone(struct osy_str *s, int64_t *ret_seconds)
{
	int hours, minutes = 0;

	*ret_seconds = 0;
	if (s->len == 0 || take_char(s, 'Z') || take_char(s, 'z'))
		return s->len == 0;
	const bool west = s->p[0] == '-';
	if (!take_char(s, '+') && !take_char(s, '-'))
		return false;
	if (!take_number(s, 2, &hours))
		return false;
	(void)take_char(s, ':');
	if (s->len && !take_number(s, 2, &minutes))
		return false;
	if (minutes > 59)
		return false;
	const int64_t seconds = (int64_t)hours * 3600 + minutes * 60;
	*ret_seconds = west ? -seconds : seconds;
	return s->len == 0;
}

static int64_t floor_div(int64_t n, int64_t by)
{
	return n / by - (n % by < 0);
}

static struct osy_str canon_datetime(struct canon *c, struct osy_str text, int scale)
{
	struct osy_str s = text;
	int64_t days, ms = 0, zone = 0;

	(void)scale;
	if (!take_date(&s, &days))
		return text;
	if (s.len && !((take_char(&s, 'T') || take_char(&s, ' ')) && take_clock(&s, &ms) &&
			     take_zone(&s, &zone)))
		return text;
	const int64_t at_s = days * 86400 + floor_div(ms, 1000) - zone;
	const int n = snprintf(c->small, sizeof(c->small), "@%lld", (long long)at_s);
	return (struct osy_str){c->small, (size_t)n};
}

static struct osy_str canon_time(struct canon *c, struct osy_str text, int scale)
{
	struct osy_str s = text;
	int64_t ms, zone;

	(void)scale;
	if (!take_clock(&s, &ms) || !take_zone(&s, &zone))
		return text;
	ms -= zone * 1000;
	ms -= floor_div(ms, 86400000) * 86400000;
	const int n = snprintf(c->small, sizeof(c->small), "@%lld", (long long)ms);
	return (struct osy_str){c->small, (size_t)n};
}

/* A moment given for a date: its date part. */
static struct osy_str canon_date(struct canon *c, struct osy_str text, int scale)
{
	struct osy_str s = text;
	int64_t days;

	(void)c;
	(void)scale;
	if (take_date(&s, &days) && s.len && s.p[0] == 'T')
		text.len = 10;
	return text;
}

/* ---- Texts ---- */

static struct osy_str canon_text(struct canon *c, struct osy_str text, int scale)
{
	(void)c;
	(void)scale;
	return text;
}

static struct osy_str canon_email(struct canon *c, struct osy_str text, int scale)
{
	char *out = canon_room(c, text.len);

	(void)scale;
	for (size_t i = 0; i < text.len; i++) {
		const char at = text.p[i];
		out[i] = at >= 'A' && at <= 'Z' ? (char)(at + 32) : at;
	}
	return (struct osy_str){out, text.len};
}

static struct osy_str canon_id(struct canon *c, struct osy_str text, int scale)
{
	struct osy_id id;

	(void)c;
	(void)scale;
	if (osy_id_parse(text, &id))
		text.len = 15;
	return text;
}

static int compare_str(const void *a, const void *b)
{
	const struct osy_str *x = a, *y = b;
	const int order = memcmp(x->p, y->p, x->len < y->len ? x->len : y->len);
	return order ? order : (x->len > y->len) - (x->len < y->len);
}

static size_t split(struct osy_str text, struct osy_str *items)
{
	size_t count = 0;
	const char *end = text.p + text.len;

	for (const char *p = text.p; p <= end;) {
		const char *stop = memchr(p, ';', (size_t)(end - p));
		if (!stop)
			stop = end;
		const struct osy_str item = trim((struct osy_str){p, (size_t)(stop - p)});
		if (item.len)
			items[count++] = item;
		p = stop + 1;
	}
	return count;
}

/* A set: sorted, each once, joined by ';'. */
static struct osy_str canon_multi(struct canon *c, struct osy_str text, int scale)
{
	size_t most = 1, len = 0;

	(void)scale;
	for (size_t i = 0; i < text.len; i++)
		most += text.p[i] == ';';
	if (most == 1)
		return text;
	OSY_AUTO_FREE struct osy_str *items = osy_xmalloc(most * sizeof(*items));
	char *out = canon_room(c, text.len);
	const size_t count = split(text, items);
	if (count)
		qsort(items, count, sizeof(*items), compare_str);
	for (size_t i = 0; i < count; i++) {
		if (i && osy_str_equal(items[i], items[i - 1]))
			continue;
		if (len)
			out[len++] = ';';
		memcpy(out + len, items[i].p, items[i].len);
		len += items[i].len;
	}
	return len ? (struct osy_str){out, len} : OSY_STR_NULL;
}

typedef struct osy_str (*canon_fn)(struct canon *c, struct osy_str text, int scale);

static const canon_fn canon_of[] = {
	[OSY_T_OTHER] = canon_text,
	[OSY_T_STRING] = canon_text,
	[OSY_T_PICKLIST] = canon_text,
	[OSY_T_MULTIPICKLIST] = canon_multi,
	[OSY_T_COMBOBOX] = canon_text,
	[OSY_T_REFERENCE] = canon_id,
	[OSY_T_BASE64] = canon_text,
	[OSY_T_BOOLEAN] = canon_text,
	[OSY_T_CURRENCY] = canon_decimal,
	[OSY_T_TEXTAREA] = canon_text,
	[OSY_T_INT] = canon_integer,
	[OSY_T_DOUBLE] = canon_decimal,
	[OSY_T_PERCENT] = canon_decimal,
	[OSY_T_PHONE] = canon_text,
	[OSY_T_ID] = canon_id,
	[OSY_T_DATE] = canon_date,
	[OSY_T_DATETIME] = canon_datetime,
	[OSY_T_TIME] = canon_time,
	[OSY_T_URL] = canon_text,
	[OSY_T_EMAIL] = canon_email,
	[OSY_T_ENCRYPTED] = canon_text,
	[OSY_T_LOCATION] = canon_text,
	[OSY_T_ADDRESS] = canon_text,
	[OSY_T_COMPLEX] = canon_text,
	[OSY_T_LONG] = canon_integer,
	[OSY_T_JSON] = canon_text,
	[OSY_T_CATEGORY] = canon_text,
};

static void canon_init(struct canon *c, enum osy_sf_type type, int scale, struct osy_str raw)
{
	OSY_ASSERT((size_t)type < OSY_COUNT(canon_of));
	c->decoded = (struct osy_buf){0};
	c->heap = NULL;
	c->text = text_of(c, raw);
	if (c->text.p)
		c->text = canon_of[type](c, c->text, scale);
	/* No org keeps a boolean that is null: what is sent as null is kept as false, or refused.
	 */
	if (!c->text.p && type == OSY_T_BOOLEAN)
		c->text = OSY_STR("false");
}

bool osy_sf_value_equal(
	enum osy_sf_type type, int scale, struct osy_str a_raw, struct osy_str b_raw)
{
	if (a_raw.p && b_raw.p && osy_str_equal(a_raw, b_raw))
		return true;

	OSY_AUTO(canon_done) struct canon a;
	canon_init(&a, type, scale, a_raw);
	OSY_AUTO(canon_done) struct canon b;
	canon_init(&b, type, scale, b_raw);
	if (!a.text.p || !b.text.p)
		return !a.text.p && !b.text.p;
	return osy_str_equal(a.text, b.text);
}

uint64_t osy_sf_value_hash(enum osy_sf_type type, int scale, struct osy_str raw, uint64_t seed)
{
	OSY_AUTO(canon_done) struct canon c;

	canon_init(&c, type, scale, raw);
	if (!c.text.p)
		return osy_hash("", 0, ~seed);
	return osy_hash(c.text.p, c.text.len, seed);
}

bool osy_sf_value_canon(enum osy_sf_type type, int scale, struct osy_str raw, struct osy_buf *out)
{
	OSY_AUTO(canon_done) struct canon c;

	canon_init(&c, type, scale, raw);
	if (c.text.p)
		osy_buf_add_str(out, c.text);
	return c.text.p != NULL;
}

/* ---- Locks by platform rule. Source: salesforce-wire.md section 6. ---- */

struct lock_rule {
	const char *object;
	const char *fields[3];
};

static const struct lock_rule lock_rules[] = {
	{"Contact", {"AccountId"}},
	{"Opportunity", {"AccountId"}},
	{"Case", {"AccountId"}},
	{"Asset", {"AccountId"}},
	{"OpportunityLineItem", {"OpportunityId"}},
	{"CampaignMember", {"CampaignId"}},
	{"AccountTeamMember", {"AccountId"}},
	{"AccountShare", {"AccountId"}},
};

const char *const *osy_sf_lock_fields(const char *object)
{
	static const char *const none[] = {NULL};

	for (size_t i = 0; i < OSY_COUNT(lock_rules); i++) {
		if (osy_str_equal_nocase(osy_str(object), osy_str(lock_rules[i].object)))
			return lock_rules[i].fields;
	}
	return none;
}
