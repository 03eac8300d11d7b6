/* Decimals of 128 bits, scaled by 10^18. */
#include <ctype.h>
#include <string.h>

#include "expr_internal.h"

#define ONE ((expr_number)1000000000000000000)

typedef unsigned __int128 wide;

expr_number expr_one(void)
{
	return ONE;
}

static wide magnitude(expr_number n)
{
	return n < 0 ? -(wide)n : (wide)n;
}

static bool with_sign(wide n, bool negative, expr_number *ret)
{
	if (n >> 127)
		return false;
	*ret = negative ? -(expr_number)n : (expr_number)n;
	return true;
}

bool expr_add(expr_number a, expr_number b, expr_number *ret)
{
	/* the smallest of all has no counterpart */
	return !__builtin_add_overflow(a, b, ret) && magnitude(*ret) >> 127 == 0;
}

/* ---- 256 bits in four limbs, the lowest first ---- */
static void multiply_wide(wide a, wide b, uint64_t limbs[4])
{
	const uint64_t x[2] = {(uint64_t)a, (uint64_t)(a >> 64)};
	const uint64_t y[2] = {(uint64_t)b, (uint64_t)(b >> 64)};

	memset(limbs, 0, 4 * sizeof(*limbs));
	for (int i = 0; i < 2; i++) {
		uint64_t carry = 0;
		for (int j = 0; j < 2; j++) {
			wide sum = (wide)x[i] * y[j] + limbs[i + j] + carry;
			limbs[i + j] = (uint64_t)sum;
			carry = (uint64_t)(sum >> 64);
		}
		limbs[i + 2] = carry;
	}
}

bool expr_multiply(expr_number a, expr_number b, expr_number *ret)
{
	uint64_t limbs[4];
	wide rest = 0;

	multiply_wide(magnitude(a), magnitude(b), limbs);
	for (int i = 3; i >= 0; i--) {
		wide part = rest << 64 | limbs[i];
		limbs[i] = (uint64_t)(part / (wide)ONE);
		rest = part % (wide)ONE;
	}
	if (limbs[3] || limbs[2])
		return false;
	wide n = (wide)limbs[1] << 64 | limbs[0];
	if (rest >= (wide)ONE / 2 && ++n == 0)
		return false;
	return with_sign(n, (a < 0) != (b < 0), ret);
}

/* Bit by bit: the divisor may have 128 bits. */
bool expr_divide(expr_number a, expr_number b, expr_number *ret)
{
	uint64_t limbs[4];
	wide by = magnitude(b), rest = 0, n = 0;

	multiply_wide(magnitude(a), (wide)ONE, limbs);
	for (int bit = 255; bit >= 0; bit--) {
		bool carry = rest >> 127;
		rest = rest << 1 | (limbs[bit / 64] >> (bit % 64) & 1);
		if (n >> 127)
			return false;
		n <<= 1;
		if (carry || rest >= by) {
			rest -= by;
			n |= 1;
		}
	}
	if (rest >= by - rest)
		n++;
	return with_sign(n, (a < 0) != (b < 0), ret);
}

/* ---- Rounding ---- */
bool expr_round(expr_number n, int digits, enum expr_rounding how, expr_number *ret)
{
	wide unit = 1, value = magnitude(n);

	if (digits >= EXPR_SCALE) {
		*ret = n;
		return true;
	}
	if (digits < -20) {
		*ret = 0;
		return how != EXPR_AWAY || n == 0;
	}
	for (int i = digits; i < EXPR_SCALE; i++)
		unit *= 10;
	wide rest = value % unit;
	value -= rest;
	if (rest && (how == EXPR_AWAY || (how == EXPR_HALF && rest >= unit - rest)))
		value += unit;
	return with_sign(value, n < 0, ret);
}

int64_t expr_whole(expr_number n)
{
	expr_number whole = n / ONE;

	return whole > INT64_MAX ? INT64_MAX : whole < INT64_MIN ? INT64_MIN : (int64_t)whole;
}

bool expr_from_whole(int64_t n, expr_number *ret)
{
	return !__builtin_mul_overflow((expr_number)n, ONE, ret);
}

/* ---- Text ---- */
struct digits {
	const char *p, *end;
	wide n;
	int scale; /* decimals taken */
	bool any;
};

static bool add_digit(struct digits *d, unsigned digit)
{
	if (__builtin_mul_overflow(d->n, (wide)10, &d->n) ||
		__builtin_add_overflow(d->n, (wide)digit, &d->n))
		return false;
	return true;
}

static bool read_digits(struct digits *d, bool behind)
{
	for (; d->p < d->end && isdigit((unsigned char)*d->p); d->p++) {
		unsigned digit = (unsigned)(*d->p - '0');
		d->any = true;
		if (behind && d->n > ~(wide)0 / 100)
			continue; /* far behind what can be told apart */
		if (!add_digit(d, digit))
			return false;
		d->scale += behind;
	}
	return true;
}

/* [eE][+-]digits, or nothing */
static bool read_exponent(struct digits *d, int *ret)
{
	bool negative = false;
	int n = 0;

	*ret = 0;
	if (d->p == d->end)
		return true;
	if (*d->p != 'e' && *d->p != 'E')
		return false;
	d->p++;
	if (d->p < d->end && (*d->p == '+' || *d->p == '-'))
		negative = *d->p++ == '-';
	if (d->p == d->end)
		return false;
	for (; d->p < d->end; d->p++) {
		if (!isdigit((unsigned char)*d->p))
			return false;
		if (n < 1000)
			n = n * 10 + (*d->p - '0');
	}
	*ret = negative ? -n : n;
	return true;
}

/* n * 10^-scale as a decimal. */
static bool scaled(wide n, int scale, bool negative, expr_number *ret)
{
	for (; n && scale < EXPR_SCALE; scale++) {
		if (__builtin_mul_overflow(n, (wide)10, &n))
			return false;
	}
	unsigned last = 0;
	for (; n && scale > EXPR_SCALE; scale--) {
		last = (unsigned)(n % 10);
		n /= 10;
	}
	if (scale > EXPR_SCALE)
		last = 0;
	return with_sign(n + (last >= 5), negative, ret);
}

bool expr_number_read(struct osy_str text, expr_number *ret)
{
	struct digits d = {.p = text.p, .end = text.p + text.len};
	bool negative = false;
	int exponent;

	if (d.p < d.end && (*d.p == '-' || *d.p == '+'))
		negative = *d.p++ == '-';
	if (!read_digits(&d, false))
		return false;
	if (d.p < d.end && *d.p == '.') {
		d.p++;
		if (!read_digits(&d, true))
			return false;
	}
	if (!d.any || !read_exponent(&d, &exponent))
		return false;
	return scaled(d.n, d.scale - exponent, negative, ret);
}

size_t expr_number_write(expr_number n, char out[EXPR_TEXT_BYTES])
{
	char digits[EXPR_TEXT_BYTES];
	wide value = magnitude(n);
	size_t len = 0, at = 0, zeros = 0;

	while (value || len <= EXPR_SCALE) {
		digits[len++] = (char)('0' + (int)(value % 10));
		value /= 10;
	}
	while (zeros < EXPR_SCALE && digits[zeros] == '0')
		zeros++;
	if (n < 0)
		out[at++] = '-';
	for (size_t i = len; i > EXPR_SCALE; i--)
		out[at++] = digits[i - 1];
	if (zeros < EXPR_SCALE)
		out[at++] = '.';
	for (size_t i = EXPR_SCALE; i > zeros; i--)
		out[at++] = digits[i - 1];
	out[at] = 0;
	return at;
}
