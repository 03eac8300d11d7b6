#include "mask.h"

#include <stdio.h>

#include "osy/json_pull.h"
#include "osy/mem.h"
#include "osy/sf_value.h"

/* By how much a masked text may be longer: patterns and choices have limits. */
#define MORE (64u * 1024)
#define HASH_CHARS 26	    /* 130 bits */
#define HASH_EMAIL_CHARS 20 /* 100 bits */
#define URL_HEAD "https://example.com/"
/* Beyond that a number is written with an exponent. */
#define PLAIN_EXPONENT 30

enum osy_mask_kind osy_mask_kind(enum osy_sf_type type)
{
	static const unsigned char kinds[] = {
		[OSY_T_OTHER] = OSY_KIND_NONE,
		[OSY_T_STRING] = OSY_KIND_TEXT,
		[OSY_T_PICKLIST] = OSY_KIND_TEXT,
		[OSY_T_MULTIPICKLIST] = OSY_KIND_TEXT,
		[OSY_T_COMBOBOX] = OSY_KIND_TEXT,
		[OSY_T_REFERENCE] = OSY_KIND_NONE,
		[OSY_T_BASE64] = OSY_KIND_NONE,
		[OSY_T_BOOLEAN] = OSY_KIND_BOOLEAN,
		[OSY_T_CURRENCY] = OSY_KIND_NUMBER,
		[OSY_T_TEXTAREA] = OSY_KIND_TEXT,
		[OSY_T_INT] = OSY_KIND_NUMBER,
		[OSY_T_DOUBLE] = OSY_KIND_NUMBER,
		[OSY_T_PERCENT] = OSY_KIND_NUMBER,
		[OSY_T_PHONE] = OSY_KIND_PHONE,
		[OSY_T_ID] = OSY_KIND_NONE,
		[OSY_T_DATE] = OSY_KIND_DATE,
		[OSY_T_DATETIME] = OSY_KIND_DATETIME,
		[OSY_T_TIME] = OSY_KIND_TIME,
		[OSY_T_URL] = OSY_KIND_URL,
		[OSY_T_EMAIL] = OSY_KIND_EMAIL,
		[OSY_T_ENCRYPTED] = OSY_KIND_TEXT,
		[OSY_T_LOCATION] = OSY_KIND_NONE,
		[OSY_T_ADDRESS] = OSY_KIND_NONE,
		[OSY_T_COMPLEX] = OSY_KIND_NONE,
		[OSY_T_LONG] = OSY_KIND_NUMBER,
		[OSY_T_JSON] = OSY_KIND_NONE,
		[OSY_T_CATEGORY] = OSY_KIND_NONE,
	};

	return (size_t)type < OSY_COUNT(kinds) ? (enum osy_mask_kind)kinds[type] : OSY_KIND_NONE;
}

/* ---- Hash: texts ---- */
static void add_letters(const unsigned char digest[32], size_t count, struct osy_buf *out)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned bits = 0, held = 0;
	size_t next = 0;

	for (size_t i = 0; i < count; i++) {
		if (held < 5) {
			bits = bits << 8 | digest[next++];
			held += 8;
		}
		held -= 5;
		osy_buf_addc(out, letters[bits >> held & 31]);
	}
}

static void hash_email(struct osy_mac *mac, struct osy_str text, struct osy_buf *out)
{
	OSY_AUTO(osy_buf_done) struct osy_buf lower = OSY_BUF(text.len + 1);
	unsigned char digest[32];

	osy_buf_add_str(&lower, text);
	for (size_t i = 0; i < lower.len; i++) {
		if (lower.p[i] >= 'A' && lower.p[i] <= 'Z')
			lower.p[i] = (char)(lower.p[i] + 32);
	}
	osy_mac(mac, osy_buf_str(&lower), digest);
	add_letters(digest, HASH_EMAIL_CHARS, out);
	osy_buf_addz(out, MASK_EMAIL_DOMAIN);
}

static void hash_text(struct osy_mac *mac, int length, struct osy_str text, struct osy_buf *out)
{
	size_t most = length > 0 && length < HASH_CHARS ? (size_t)length : HASH_CHARS;
	size_t address = HASH_EMAIL_CHARS + sizeof(MASK_EMAIL_DOMAIN) - 1;
	unsigned char digest[32];

	if ((length <= 0 || (size_t)length >= address) && mask_looks_like_email(text)) {
		hash_email(mac, text, out);
		return;
	}
	osy_mac(mac, text, digest);
	add_letters(digest, most, out);
}

static void hash_url(struct osy_mac *mac, struct osy_str text, struct osy_buf *out)
{
	unsigned char digest[32];

	osy_mac(mac, text, digest);
	osy_buf_addz(out, URL_HEAD);
	add_letters(digest, HASH_EMAIL_CHARS, out);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Its digits become others; what stands between them stays, letters do not. */
static void hash_phone(struct osy_mac *mac, int length, struct osy_str text, struct osy_buf *out)
{
	char digits[MASK_DIGITS_MOST];
	size_t count = 0, next = 0;

	for (size_t i = 0; i < text.len && count < sizeof(digits); i++) {
		if (is_digit(text.p[i]))
			digits[count++] = text.p[i];
	}
	if (count == 0 || count == sizeof(digits)) {
		hash_text(mac, length, text, out);
		return;
	}
	mask_digits(mac, digits, count);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];
		if (is_digit(c))
			osy_buf_addc(out, digits[next++]);
		else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
			osy_buf_addc(out, 'x');
		else if ((c & 0xc0) != 0x80)
			osy_buf_addc(out, (unsigned char)c < 0x80 ? c : 'x');
	}
}

/* ---- Hash: numbers ---- */
struct number {
	bool negative;
	char digits[MASK_DIGITS_MOST]; /* 0.DIGITS * 10^exponent, neither first nor last is 0 */
	size_t count;
	int64_t exponent;
};

/* The canonical form of sf_value.h. */
static bool read_number(struct osy_str text, struct number *ret)
{
	struct osy_err ignored;
	size_t i = text.len && text.p[0] == '-';

	*ret = (struct number){.negative = i == 1};
	if (osy_str_is(text, "0")) {
		ret->digits[ret->count++] = '0';
		ret->exponent = 1;
		return true;
	}
	for (; i < text.len && is_digit(text.p[i]); i++) {
		if (ret->count == sizeof(ret->digits))
			return false;
		ret->digits[ret->count++] = text.p[i];
	}
	return ret->count && i < text.len && text.p[i] == 'e' &&
	       osy_parse_i64((struct osy_str){text.p + i + 1, text.len - i - 1}, -400, 400,
		       &ret->exponent, &ignored) == OSY_OK;
}

static void write_number(const struct number *n, struct osy_buf *out)
{
	if (n->negative)
		osy_buf_addc(out, '-');
	if (n->exponent > PLAIN_EXPONENT || n->exponent < -PLAIN_EXPONENT) {
		osy_buf_addf(out, "0.%.*se%lld", (int)n->count, n->digits, (long long)n->exponent);
		return;
	}
	if (n->exponent <= 0)
		osy_buf_addz(out, "0.");
	for (int64_t i = n->exponent; i < 0; i++)
		osy_buf_addc(out, '0');
	for (int64_t i = 0; i < (int64_t)n->count || i < n->exponent; i++) {
		if (i == n->exponent && i > 0)
			osy_buf_addc(out, '.');
		osy_buf_addc(out, i < (int64_t)n->count ? n->digits[i] : '0');
	}
}

/* The same size, sign and decimals, other digits. Walking on until it is a number written in the
 * shortest way keeps it a permutation. */
static bool hash_number(struct osy_mac *mac, struct osy_str text, struct osy_buf *out)
{
	struct number n;

	if (!read_number(text, &n))
		return false;
	if (n.digits[0] != '0') {
		do
			mask_digits(mac, n.digits, n.count);
		while (n.digits[0] == '0' || n.digits[n.count - 1] == '0');
	}
	write_number(&n, out);
	return true;
}

/* ---- Hash: moments ---- */
static bool is_leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* A day of the year, from 0, as a date. */
static void write_date(unsigned year, unsigned day, struct osy_buf *out)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	unsigned month = 0;

	for (;; month++) {
		unsigned n = days[month] + (month == 1 && is_leap(year));
		if (day < n)
			break;
		day -= n;
	}
	osy_buf_addf(out, "%04u-%02u-%02u", year, month + 1, day + 1);
}

static bool read_year(struct osy_str raw, unsigned *ret)
{
	struct osy_err ignored;
	int64_t year;

	if (raw.len < 10 || raw.p[4] != '-' ||
		osy_parse_i64((struct osy_str){raw.p, 4}, 1, 9999, &year, &ignored))
		return false;
	*ret = (unsigned)year;
	return true;
}

static void write_clock(unsigned second, struct osy_buf *out)
{
	osy_buf_addf(out, "%02u:%02u:%02u.000Z", second / 3600, second / 60 % 60, second % 60);
}

/* A day of the year that is not the one of plain. */
static void add_day(
	struct mask_bytes *bytes, unsigned year, struct osy_str plain, struct osy_buf *out)
{
	unsigned days = 365 + is_leap(year), day = mask_bytes_below(bytes, days);

	write_date(year, day, out);
	if (memcmp(out->p, plain.p, 10) != 0)
		return;
	osy_buf_reset(out);
	write_date(year, (day + 1) % days, out);
}

/* Another day of the same year; any second of a day. plain: the text as it stands; canon: one for
 * all spellings. out is empty. */
static bool hash_moment(struct osy_mac *mac, enum osy_mask_kind kind, struct osy_str plain,
	struct osy_str canon, struct osy_buf *out)
{
	struct mask_bytes bytes;
	unsigned year;

	mask_bytes_init(&bytes, mac, canon);
	if (kind != OSY_KIND_TIME) {
		if (!read_year(plain, &year))
			return false;
		add_day(&bytes, year, plain, out);
	}
	if (kind == OSY_KIND_DATETIME)
		osy_buf_addc(out, 'T');
	if (kind != OSY_KIND_DATE)
		write_clock(mask_bytes_below(&bytes, 86400), out);
	return true;
}

/* ---- One value ---- */
static void add_choice(struct osy_mac *mac, const struct osy_spec_rule *rule, struct osy_str canon,
	struct osy_buf *out)
{
	struct mask_bytes bytes;

	mask_bytes_init(&bytes, mac, canon);
	osy_buf_addz(out, rule->choices[mask_bytes_below(&bytes, (unsigned)rule->choice_count)]);
}

/* Appends text; false: null. */
static bool hash(struct osy_mac *mac, const struct osy_spec_rule *rule, enum osy_mask_kind kind,
	struct osy_str plain, struct osy_str canon, struct osy_buf *out)
{
	if (rule->choice_count) {
		add_choice(mac, rule, canon, out);
		return true;
	}
	switch (kind) {
	case OSY_KIND_TEXT:
		hash_text(mac, rule->length, canon, out);
		return true;
	case OSY_KIND_EMAIL:
		hash_email(mac, canon, out);
		return true;
	case OSY_KIND_URL:
		hash_url(mac, canon, out);
		return true;
	case OSY_KIND_PHONE:
		hash_phone(mac, rule->length, canon, out);
		return true;
	case OSY_KIND_NUMBER:
		return hash_number(mac, canon, out);
	case OSY_KIND_DATE:
	case OSY_KIND_DATETIME:
	case OSY_KIND_TIME:
		return hash_moment(mac, kind, plain, canon, out);
	case OSY_KIND_BOOLEAN:
	case OSY_KIND_NONE:
		break;
	}
	return false;
}

static bool mask_text(struct osy_mac *mac, const struct osy_spec_rule *rule,
	enum osy_mask_kind kind, struct osy_str plain, struct osy_str canon, struct osy_buf *out)
{
	switch (rule->mask) {
	case OSY_MASK_HASH:
		return hash(mac, rule, kind, plain, canon, out);
	case OSY_MASK_KEEP_LAST:
		mask_keep_last(kind, canon, rule->keep, out);
		return true;
	case OSY_MASK_PATTERN:
		if (rule->text)
			mask_pattern(mac, osy_str(rule->text), canon, out);
		return rule->text != NULL;
	case OSY_MASK_SHUFFLE:
		mask_shuffle(mac, kind, canon, out);
		return true;
	case OSY_MASK_NONE:
	case OSY_MASK_REPLACE:
	case OSY_MASK_NULL:
		break;
	}
	return false;
}

/* The type by which a value is read: where its form matters, that of the target. */
static enum osy_sf_type canon_type(
	enum osy_mask_kind kind, enum osy_sf_type type, enum osy_sf_type canon)
{
	if (kind == OSY_KIND_EMAIL)
		return OSY_T_EMAIL;
	return kind == OSY_KIND_TEXT || kind == OSY_KIND_PHONE || kind == OSY_KIND_URL ? canon
										       : type;
}

bool osy_mask_value(struct osy_mac *mac, const struct osy_spec_rule *rule, enum osy_sf_type type,
	enum osy_sf_type canon, struct osy_str raw, struct osy_buf *out)
{
	OSY_AUTO(osy_buf_done)
	struct osy_buf text = OSY_BUF(raw.len + 1024), made = OSY_BUF(raw.len + MORE);
	enum osy_mask_kind kind = osy_mask_kind(type);
	struct osy_str plain = raw;

	if (rule->mask == OSY_MASK_NULL ||
		!osy_sf_value_canon(canon_type(kind, type, canon), -1, raw, &text) || !text.len)
		return false;
	if (rule->mask == OSY_MASK_REPLACE) {
		osy_buf_addz(out, rule->text ? rule->text : "null");
		return true;
	}
	(void)osy_json_plain(raw, &plain);
	if (!mask_text(mac, rule, kind, plain, osy_buf_str(&text), &made))
		return false;
	if (kind == OSY_KIND_NUMBER)
		osy_buf_add_str(out, osy_buf_str(&made));
	else
		osy_json_quote(osy_buf_str(&made), out);
	return true;
}
