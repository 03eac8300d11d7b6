/* Plain scalars by the core schema of YAML 1.2 (10.3.2); what is none of its forms is a string. */
#include "yaml-i.h"

#include "json-i.h"
#include "osy/mem.h"

#include "osy/banned.h"

static bool is_one_of(struct osy_str s, const char *const *words)
{
	for (; *words; words++)
		if (osy_str_is(s, *words))
			return true;
	return false;
}

static size_t digits_at(struct osy_str s, size_t i)
{
	size_t n = 0;

	while (i + n < s.len && s.p[i + n] >= '0' && s.p[i + n] <= '9')
		n++;
	return n;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? cut into its parts; false when
 * it is none. */
struct number {
	bool is_negative;
	struct osy_str whole, fraction, exponent; /* the exponent with its sign */
};

static struct osy_str slice(struct osy_str s, size_t from, size_t len)
{
	return (struct osy_str){s.p + from, len};
}

static bool cut_number(struct osy_str s, struct number *n)
{
	size_t i = 0, sign;

	*n = (struct number){.is_negative = s.len && s.p[0] == '-'};
	if (s.len && (s.p[0] == '-' || s.p[0] == '+'))
		i++;
	n->whole = slice(s, i, digits_at(s, i));
	i += n->whole.len;
	if (i < s.len && s.p[i] == '.') {
		n->fraction = slice(s, i + 1, digits_at(s, i + 1));
		i += 1 + n->fraction.len;
	}
	if (n->whole.len + n->fraction.len == 0)
		return false;
	if (i < s.len && (s.p[i] | 0x20) == 'e') {
		sign = i + 1 < s.len && (s.p[i + 1] == '-' || s.p[i + 1] == '+');
		n->exponent = slice(s, i + 1, sign + digits_at(s, i + 1 + sign));
		if (n->exponent.len == sign)
			return false;
		i += 1 + n->exponent.len;
	}
	return i == s.len;
}

/* The same number as JSON writes it: no '+', no leading zeros, digits on both sides of the point.
 */
static void put_json_number(const struct number *n, struct osy_buf *out)
{
	struct osy_str whole = n->whole;

	while (whole.len > 1 && whole.p[0] == '0')
		whole = slice(whole, 1, whole.len - 1);
	if (n->is_negative)
		osy_buf_addc(out, '-');
	osy_buf_add_str(out, whole.len ? whole : OSY_STR("0"));
	if (n->fraction.p) {
		osy_buf_addc(out, '.');
		osy_buf_add_str(out, n->fraction.len ? n->fraction : OSY_STR("0"));
	}
	if (n->exponent.p) {
		osy_buf_addc(out, 'e');
		osy_buf_add_str(out, n->exponent);
	}
}

/* 0o17 and 0x1F, without sign; false when it is neither. *ret is UINT64_MAX + 1 and more: over. */
static bool cut_radix(struct osy_str s, uint64_t *ret, bool *ret_over)
{
	unsigned bits = osy_str_starts(s, "0x") ? 4 : osy_str_starts(s, "0o") ? 3 : 0;
	uint64_t n = 0;

	if (!bits || s.len == 2)
		return false;
	*ret_over = false;
	for (size_t i = 2; i < s.len; i++) {
		char c = s.p[i], low = c | 0x20;
		int digit = c >= '0' && c <= '9'       ? c - '0'
			    : low >= 'a' && low <= 'f' ? low - 'a' + 10
						       : 16;

		if (digit >> bits)
			return false;
		*ret_over |= n >> (64 - bits) != 0;
		n = n << bits | (unsigned)digit;
	}
	*ret = n;
	return true;
}

const char *osy_yaml_plain(struct osy_str text, struct osy_json **ret)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const trues[] = {"true", "True", "TRUE", NULL};
	static const char *const falses[] = {"false", "False", "FALSE", NULL};
	static const char *const specials[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF",
		"-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN", NULL};
	OSY_AUTO(osy_buf_done) struct osy_buf json = OSY_BUF(OSY_YAML_TEXT_MAX + 8);
	struct number number;
	bool is_over = false;
	uint64_t n;

	*ret = NULL;
	if (is_one_of(text, nulls))
		return NULL;
	if (is_one_of(text, specials))
		return "infinity and NaN have no place in our model; quote it if it is text";
	if (is_one_of(text, trues) || is_one_of(text, falses)) {
		*ret = osy_json_new_bool(is_one_of(text, trues));
	} else if (cut_radix(text, &n, &is_over)) {
		osy_buf_addf(&json, "%llu", (unsigned long long)n);
		*ret = is_over ? NULL : osy_json_try_number(osy_buf_str(&json));
	} else if (cut_number(text, &number)) {
		put_json_number(&number, &json);
		*ret = osy_json_try_number(osy_buf_str(&json));
	} else {
		*ret = osy_json_new_str(text);
	}
	return *ret ? NULL : "whole number has more than 64 bits; quote it if it is text";
}
