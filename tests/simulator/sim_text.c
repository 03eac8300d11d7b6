#include "sim_base.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

long sim_utf8_len(struct sim_str s, bool utf16)
{
	long n = 0;
	size_t i = 0, k;

	while (i < s.len) {
		unsigned char c = (unsigned char)s.p[i];
		size_t more = c < 0x80	 ? 0
			      : c < 0xC2 ? 9
			      : c < 0xE0 ? 1
			      : c < 0xF0 ? 2
			      : c < 0xF5 ? 3
					 : 9;

		if (more > 3 || i + more >= s.len)
			return -1;
		for (k = 1; k <= more; k++)
			if (((unsigned char)s.p[i + k] & 0xC0) != 0x80)
				return -1;
		n += utf16 && more == 3 ? 2 : 1;
		i += more + 1;
	}
	return n;
}

static int sim_hexval(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct sim_str sim_url_decode(struct sim_arena *a, struct sim_str s, bool plus)
{
	char *out = sim_arena_get(a, s.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '%' && i + 2 < s.len && sim_hexval(s.p[i + 1]) >= 0 &&
			sim_hexval(s.p[i + 2]) >= 0) {
			out[n++] = (char)(sim_hexval(s.p[i + 1]) * 16 + sim_hexval(s.p[i + 2]));
			i += 2;
		} else {
			out[n++] = plus && s.p[i] == '+' ? ' ' : s.p[i];
		}
	}
	out[n] = 0;
	return (struct sim_str){out, n};
}

struct sim_str sim_form_get(struct sim_arena *a, struct sim_str form, const char *name)
{
	while (form.len) {
		struct sim_str pair = sim_cut(&form, '&'), key = sim_cut(&pair, '=');

		if (sim_eq(sim_url_decode(a, key, true), sim_cstr(name)))
			return sim_url_decode(a, pair, true);
	}
	return (struct sim_str){NULL, 0};
}

struct sim_str sim_base64_decode(struct sim_arena *a, struct sim_str s)
{
	unsigned char *out = sim_arena_get(a, s.len + 4);
	unsigned acc = 0, bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		int v;

		if (c >= 'A' && c <= 'Z')
			v = c - 'A';
		else if (c >= 'a' && c <= 'z')
			v = c - 'a' + 26;
		else if (c >= '0' && c <= '9')
			v = c - '0' + 52;
		else if (c == '+' || c == '-')
			v = 62;
		else if (c == '/' || c == '_')
			v = 63;
		else if (c == '=' || c == '\n' || c == '\r')
			continue;
		else
			return (struct sim_str){NULL, 0};
		acc = acc << 6 | (unsigned)v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (unsigned char)(acc >> bits);
		}
	}
	out[n] = 0;
	return (struct sim_str){(char *)out, n};
}

void sim_base64_encode(struct sim_buf *b, struct sim_str s)
{
	static const char abc[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < s.len; i += 3) {
		unsigned v = (unsigned)(unsigned char)s.p[i] << 16;
		char o[4];

		if (i + 1 < s.len)
			v |= (unsigned)(unsigned char)s.p[i + 1] << 8;
		if (i + 2 < s.len)
			v |= (unsigned char)s.p[i + 2];
		o[0] = abc[v >> 18];
		o[1] = abc[v >> 12 & 63];
		o[2] = i + 1 < s.len ? abc[v >> 6 & 63] : '=';
		o[3] = i + 2 < s.len ? abc[v & 63] : '=';
		sim_buf_add(b, o, 4);
	}
}

int64_t sim_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t sim_mono_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void sim_sleep_us(int64_t us)
{
	struct timespec ts = {us / 1000000, us % 1000000 * 1000};

	while (us > 0 && nanosleep(&ts, &ts) && errno == EINTR)
		;
}

uint64_t sim_random(void)
{
	static __thread uint64_t state;

	while (!state)
		if (getrandom(&state, sizeof(state), 0) != sizeof(state))
			state = (uint64_t)sim_now_ms() ^ (uint64_t)(uintptr_t)&state;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

int64_t sim_days(int y, int m, int d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

void sim_civil(int64_t days, int *y, int *m, int *d)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = (int)(yoe + era * 400 + (*m <= 2));
}

static bool sim_digits(struct sim_str *s, int n, int *ret)
{
	int v = 0;

	if (s->len < (size_t)n)
		return false;
	for (int i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		v = v * 10 + s->p[i] - '0';
	}
	s->p += n;
	s->len -= (size_t)n;
	*ret = v;
	return true;
}

static bool sim_skip(struct sim_str *s, char c)
{
	if (!s->len || s->p[0] != c)
		return false;
	s->p++;
	s->len--;
	return true;
}

static bool sim_take_date(struct sim_str *s, int64_t *ret)
{
	int y, m, d, y2, m2, d2;

	if (!sim_digits(s, 4, &y) || !sim_skip(s, '-') || !sim_digits(s, 2, &m) ||
		!sim_skip(s, '-') || !sim_digits(s, 2, &d) || m < 1 || m > 12 || d < 1 || d > 31)
		return false;
	*ret = sim_days(y, m, d);
	sim_civil(*ret, &y2, &m2, &d2);
	return y == y2 && m == m2 && d == d2;
}

bool sim_parse_date(struct sim_str s, int64_t *ret_days)
{
	return sim_take_date(&s, ret_days) && !s.len;
}

static bool sim_take_zone(struct sim_str *s, int64_t *ret_min)
{
	int h, m, sign = 1;

	*ret_min = 0;
	if (sim_skip(s, 'Z'))
		return true;
	if (sim_skip(s, '-'))
		sign = -1;
	else if (!sim_skip(s, '+'))
		return false;
	if (!sim_digits(s, 2, &h))
		return false;
	sim_skip(s, ':');
	if (!sim_digits(s, 2, &m))
		return false;
	*ret_min = sign * (h * 60 + m);
	return true;
}

bool sim_parse_datetime(struct sim_str s, int64_t *ret_ms)
{
	int64_t days, zone;
	int h, mi, sec = 0, ms = 0, scale = 100;

	if (!sim_take_date(&s, &days) || !sim_skip(&s, 'T') || !sim_digits(&s, 2, &h) ||
		!sim_skip(&s, ':') || !sim_digits(&s, 2, &mi))
		return false;
	if (sim_skip(&s, ':') && !sim_digits(&s, 2, &sec))
		return false;
	if (sim_skip(&s, '.'))
		for (; s.len && *s.p >= '0' && *s.p <= '9'; s.p++, s.len--, scale /= 10)
			ms += (*s.p - '0') * scale;
	if (!sim_take_zone(&s, &zone) || s.len || h > 24 || mi > 59 || sec > 60)
		return false;
	*ret_ms = ((days * 24 + h) * 60 + mi - zone) * 60000 + sec * 1000 + ms;
	return true;
}

static void sim_put(char *p, int v, int width)
{
	while (width--) {
		p[width] = (char)('0' + v % 10);
		v /= 10;
	}
}

void sim_buf_date(struct sim_buf *b, int64_t days)
{
	char t[10] = "0000-00-00";
	int y, m, d;

	sim_civil(days, &y, &m, &d);
	sim_put(t, y, 4);
	sim_put(t + 5, m, 2);
	sim_put(t + 8, d, 2);
	sim_buf_add(b, t, sizeof(t));
}

void sim_buf_datetime(struct sim_buf *b, int64_t ms)
{
	char t[18] = "T00:00:00.000+0000";
	int64_t sec = ms / 1000 - (ms % 1000 < 0), days = sec / 86400 - (sec % 86400 < 0);
	int rest = (int)(sec - days * 86400);

	sim_buf_date(b, days);
	sim_put(t + 1, rest / 3600, 2);
	sim_put(t + 4, rest / 60 % 60, 2);
	sim_put(t + 7, rest % 60, 2);
	sim_buf_add(b, t, sizeof(t));
}
