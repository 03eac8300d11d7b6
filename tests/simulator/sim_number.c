/* Decimal numbers as text: rounding half up to a scale, and Java's way of writing doubles. */
#include "sim_number.h"

#include <stdlib.h>

struct sim_dec {
	bool neg;
	char d[80];
	int n, point; /* digits d[0..n), value 0.d * 10^point */
};

static bool sim_dec_parse(struct sim_str s, struct sim_dec *r)
{
	bool any = false, dot = false;
	size_t i = 0;
	long e;

	memset(r, 0, sizeof(*r));
	if (i < s.len && (s.p[i] == '-' || s.p[i] == '+'))
		r->neg = s.p[i++] == '-';
	for (; i < s.len && ((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] == '.' && !dot)); i++) {
		if (s.p[i] == '.') {
			dot = true;
			continue;
		}
		any = true;
		if (!dot && (r->n || s.p[i] != '0'))
			r->point++;
		if (dot && !r->n && s.p[i] == '0')
			r->point--;
		else if (r->n < 60 && (r->n || s.p[i] != '0'))
			r->d[r->n++] = s.p[i];
	}
	if (i < s.len && (s.p[i] | 32) == 'e' && any) {
		char tmp[16], *end;
		size_t len = s.len - i - 1;

		if (!len || len >= sizeof(tmp))
			return false;
		memcpy(tmp, s.p + i + 1, len);
		tmp[len] = 0;
		e = strtol(tmp, &end, 10); /* lint: strtol, end and range are checked below */
		if (*end || e > 400 || e < -400)
			return false;
		r->point += (int)e;
		i = s.len;
	}
	return any && i == s.len;
}

static void sim_dec_round(struct sim_dec *r, int scale)
{
	int keep = r->point + scale, i;

	if (keep >= r->n)
		return;
	if (keep < 0) {
		r->n = 0;
		return;
	}
	if (r->d[keep] >= '5') {
		for (i = keep - 1; i >= 0 && r->d[i] == '9'; i--)
			r->d[i] = '0';
		if (i >= 0) {
			r->d[i]++;
		} else {
			memmove(r->d + 1, r->d, (size_t)keep);
			r->d[0] = '1';
			r->point++;
			keep++;
		}
	}
	r->n = keep;
}

static size_t sim_dec_plain(const struct sim_dec *r, char *o)
{
	size_t n = 0;

	if (!r->n) {
		o[0] = '0';
		return 1;
	}
	if (r->neg)
		o[n++] = '-';
	if (r->point <= 0) {
		o[n++] = '0';
		o[n++] = '.';
		for (int i = r->point; i < 0; i++)
			o[n++] = '0';
	}
	for (int i = 0; i < r->n || i < r->point; i++) {
		if (i == r->point && i > 0)
			o[n++] = '.';
		o[n++] = i < r->n ? r->d[i] : '0';
	}
	return n;
}

bool sim_num_text(struct sim_str in, int precision, int scale, char out[SIM_NUM_TEXT],
	size_t *ret_len, bool *ret_range)
{
	struct sim_dec r;
	char tmp[40];

	*ret_range = false;
	if (!sim_dec_parse(in, &r))
		return false;
	sim_dec_round(&r, scale);
	while (r.n && r.d[r.n - 1] == '0')
		r.n--;
	if (!r.n)
		r.point = 0;
	if (r.point > precision - scale || r.point < -60) {
		*ret_range = r.point > 0;
		if (*ret_range)
			return false;
	}
	*ret_len = sim_dec_plain(&r, out);
	if (r.n > 15) { /* more than a double holds: what the wire's double would be */
		double v;

		out[*ret_len] = 0;
		v = strtod(out, NULL);
		for (int p = 15; p <= 17; p++) {
			snprintf(tmp, sizeof(tmp), "%.*e", p - 1, v);
			if (strtod(tmp, NULL) == v)
				break;
		}
		sim_dec_parse(sim_cstr(tmp), &r);
		while (r.n && r.d[r.n - 1] == '0')
			r.n--;
		*ret_len = sim_dec_plain(&r, out);
	}
	return true;
}

double sim_num_value(struct sim_str s)
{
	char tmp[SIM_NUM_TEXT];

	if (s.len >= sizeof(tmp))
		return 0;
	memcpy(tmp, s.p, s.len);
	tmp[s.len] = 0;
	return strtod(tmp, NULL);
}

void sim_num_java(struct sim_buf *b, struct sim_str s)
{
	struct sim_dec r;

	sim_dec_parse(s, &r);
	if (!r.n || (r.point >= -2 && r.point <= 7)) {
		sim_buf_s(b, s);
		if (!memchr(s.p, '.', s.len))
			sim_buf_add(b, ".0", 2);
		return;
	}
	while (r.n > 1 && r.d[r.n - 1] == '0')
		r.n--;
	if (r.neg)
		sim_buf_ch(b, '-');
	sim_buf_ch(b, r.d[0]);
	sim_buf_ch(b, '.');
	if (r.n > 1)
		sim_buf_add(b, r.d + 1, (size_t)r.n - 1);
	else
		sim_buf_ch(b, '0');
	sim_buf_fmt(b, "E%d", r.point - 1);
}
