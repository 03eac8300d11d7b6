#include "osy/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "osy/err.h"

#include "osy/banned.h"

static int64_t read_us(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t osy_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t osy_mono_ms(void)
{
	return osy_mono_us() / 1000;
}

int64_t osy_wall_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Proleptic Gregorian calendar; both ways after Howard Hinnant's "chrono-compatible low-level date
 * algorithms". */
static int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = floor_div(y, 400);
	unsigned yoe = (unsigned)(y - era * 400);
	unsigned doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468, era = floor_div(z, 146097);
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

void osy_wall_text(int64_t wall_ms, char text[32])
{
	int64_t days = floor_div(wall_ms, 86400000), year;
	unsigned ms = (unsigned)(wall_ms - days * 86400000), month, day;
	char wide[64]; /* more than 30 never come, but the compiler cannot know */

	civil_from_days(days, &year, &month, &day);
	snprintf(wide, sizeof(wide), "%04lld-%02u-%02uT%02u:%02u:%02u.%03uZ", (long long)year,
		month, day, ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
	memcpy(text, wide, 32);
	text[31] = '\0';
}

/* Takes exactly `width` digits; false when they are not there. */
static bool take_digits(const char **p, const char *end, unsigned width, unsigned *ret)
{
	unsigned n = 0;

	if (end - *p < (long)width)
		return false;
	for (; width > 0; width--, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		n = n * 10 + (unsigned)(**p - '0');
	}
	*ret = n;
	return true;
}

static bool take_char(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	(*p)++;
	return true;
}

static bool take_date(const char **p, const char *end, int64_t *ret_days)
{
	static const unsigned char lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	unsigned year, month, day;
	bool is_leap;

	if (!take_digits(p, end, 4, &year) || !take_char(p, end, '-') ||
		!take_digits(p, end, 2, &month) || !take_char(p, end, '-') ||
		!take_digits(p, end, 2, &day))
		return false;
	is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (month < 1 || month > 12 || day < 1 || day > lengths[month - 1] ||
		(month == 2 && day == 29 && !is_leap))
		return false;
	*ret_days = days_from_civil(year, month, day);
	return true;
}

/* ".1" to ".123456789"; what is finer than a millisecond is cut off. */
static bool take_fraction(const char **p, const char *end, unsigned *ret_ms)
{
	unsigned digit, scale = 100, count = 0;

	*ret_ms = 0;
	if (!take_char(p, end, '.'))
		return true;
	for (; count < 9 && take_digits(p, end, 1, &digit); count++, scale /= 10)
		*ret_ms += digit * scale;
	return count > 0;
}

static bool take_zone(const char **p, const char *end, int64_t *ret_ms)
{
	unsigned hours, minutes;
	int sign;

	*ret_ms = 0;
	if (take_char(p, end, 'Z'))
		return true;
	sign = take_char(p, end, '+') ? 1 : take_char(p, end, '-') ? -1 : 0;
	if (!sign || !take_digits(p, end, 2, &hours))
		return false;
	take_char(p, end, ':');
	if (!take_digits(p, end, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_ms = sign * (int64_t)(hours * 60 + minutes) * 60000;
	return true;
}

int64_t osy_wall_parse(const char *p, size_t len)
{
	const char *end = p + len;
	unsigned hours, minutes, seconds, ms;
	int64_t days, zone_ms;

	if (!take_date(&p, end, &days))
		return -1;
	if (p == end)
		return days * 86400000;
	if (!take_char(&p, end, 'T') || !take_digits(&p, end, 2, &hours) ||
		!take_char(&p, end, ':') || !take_digits(&p, end, 2, &minutes) ||
		!take_char(&p, end, ':') || !take_digits(&p, end, 2, &seconds) ||
		!take_fraction(&p, end, &ms) || !take_zone(&p, end, &zone_ms) || p != end)
		return -1;
	if (hours > 23 || minutes > 59 || seconds > 59)
		return -1;
	return days * 86400000 + (int64_t)(hours * 3600 + minutes * 60 + seconds) * 1000 + ms -
	       zone_ms;
}

unsigned osy_backoff_ms(unsigned attempt, unsigned base_ms, unsigned max_ms)
{
	uint64_t top = attempt < 32 ? (uint64_t)base_ms << attempt : UINT64_MAX;

	if (top > max_ms)
		top = max_ms;
	if (top <= base_ms)
		return (unsigned)top;
	return base_ms + (unsigned)(osy_random_u64() % (top - base_ms + 1));
}

void osy_random_bytes(void *p, size_t len)
{
	char *to = p;

	while (len > 0) {
		ssize_t n = getrandom(to, len, 0);

		if (n < 0 && errno != EINTR)
			OSY_BUG("getrandom: %s", strerror(errno));
		if (n > 0) {
			to += n;
			len -= (size_t)n;
		}
	}
}

uint64_t osy_random_u64(void)
{
	uint64_t n;

	osy_random_bytes(&n, sizeof(n));
	return n;
}

static void put_base36(uint64_t n, char *to, unsigned width)
{
	while (width-- > 0) {
		to[width] = "0123456789abcdefghijklmnopqrstuvwxyz"[n % 36];
		n /= 36;
	}
}

void osy_new_id(const char *prefix, char *ret_id, size_t size)
{
	enum { TIME_WIDTH = 9, RANDOM_WIDTH = 11 }; /* enough until the year 5188; 56 random bits */
	size_t len = strlen(prefix);

	OSY_ASSERT(len + TIME_WIDTH + RANDOM_WIDTH < size);
	memcpy(ret_id, prefix, len);
	put_base36((uint64_t)osy_wall_ms(), ret_id + len, TIME_WIDTH);
	put_base36(osy_random_u64(), ret_id + len + TIME_WIDTH, RANDOM_WIDTH);
	ret_id[len + TIME_WIDTH + RANDOM_WIDTH] = '\0';
}
