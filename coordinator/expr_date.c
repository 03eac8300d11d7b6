/* Dates and moments: days and milliseconds since 1970, UTC, Gregorian. */
#include <stdio.h>

#include "expr_internal.h"
#include "osy/clock.h"

#define FIRST_DAY (-719162) /* 0001-01-01 */
#define LAST_DAY 2932896    /* 9999-12-31 */

static int64_t days_from(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	unsigned of_era = (unsigned)(year - era * 400);
	unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + (int64_t)(of_era * 365 + of_era / 4 - of_era / 100 + of_year) -
	       719468;
}

void expr_date_parts(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	unsigned of_era = (unsigned)(days - era * 146097);
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153;

	*ret_day = (int)(of_year - (153 * month + 2) / 5 + 1);
	*ret_month = (int)(month < 10 ? month + 3 : month - 9);
	*ret_year = (int)(year + era * 400) + (*ret_month <= 2);
}

bool expr_in_years(int64_t days)
{
	return days >= FIRST_DAY && days <= LAST_DAY;
}

int64_t expr_days_of(int64_t ms)
{
	int64_t days = ms / EXPR_DAY_MS;

	return ms % EXPR_DAY_MS < 0 ? days - 1 : days;
}

static bool is_date(int64_t year, int64_t month, int64_t day, int64_t *ret)
{
	int y, m, d;

	if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	*ret = days_from(year, (unsigned)month, (unsigned)day);
	expr_date_parts(*ret, &y, &m, &d);
	return d == day;
}

/* So many digits at p. */
static bool number_at(const char *p, size_t count, int64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < count; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		*ret = *ret * 10 + (p[i] - '0');
	}
	return true;
}

bool expr_date_read(struct osy_str text, int64_t *ret_days)
{
	int64_t year, month, day;

	return text.len == 10 && text.p[4] == '-' && text.p[7] == '-' &&
	       number_at(text.p, 4, &year) && number_at(text.p + 5, 2, &month) &&
	       number_at(text.p + 8, 2, &day) && is_date(year, month, day, ret_days);
}

/* ".123", or nothing; p moves behind it. */
static bool read_fraction(const char **p, const char *end, int64_t *ret_ms)
{
	int64_t unit = 100;

	*ret_ms = 0;
	if (*p == end || **p != '.')
		return true;
	const char *from = ++*p;
	for (; *p < end && **p >= '0' && **p <= '9'; ++*p) {
		*ret_ms += unit * (**p - '0');
		unit /= 10;
	}
	return *p > from;
}

/* "", "Z", "+0100", "+01:00" */
static bool read_zone(const char *p, const char *end, int64_t *ret_ms)
{
	int64_t hours, minutes;
	size_t len = (size_t)(end - p);

	*ret_ms = 0;
	if (len == 0 || (len == 1 && *p == 'Z'))
		return true;
	if ((*p != '+' && *p != '-') || (len != 5 && (len != 6 || p[3] != ':')) ||
		!number_at(p + 1, 2, &hours) || !number_at(end - 2, 2, &minutes))
		return false;
	*ret_ms = (hours * 60 + minutes) * 60000 * (*p == '-' ? -1 : 1);
	return true;
}

/* A date, or a date, 'T' or a blank, and a time with or without fraction and zone. */
bool expr_moment_read(struct osy_str text, int64_t *ret_ms)
{
	const char *end = text.p + text.len, *p = text.p + 19;
	int64_t days, hour, minute, second, fraction, zone;

	if (text.len < 10 || !expr_date_read((struct osy_str){text.p, 10}, &days))
		return false;
	if (text.len == 10) {
		*ret_ms = days * EXPR_DAY_MS;
		return true;
	}
	if (text.len < 19 || (text.p[10] != 'T' && text.p[10] != ' ') || text.p[13] != ':' ||
		text.p[16] != ':' || !number_at(text.p + 11, 2, &hour) ||
		!number_at(text.p + 14, 2, &minute) || !number_at(text.p + 17, 2, &second) ||
		hour > 23 || minute > 59 || second > 59 || !read_fraction(&p, end, &fraction) ||
		!read_zone(p, end, &zone))
		return false;
	*ret_ms =
		days * EXPR_DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + fraction - zone;
	return expr_in_years(expr_days_of(*ret_ms));
}

size_t expr_date_write(int64_t days, char out[EXPR_TEXT_BYTES])
{
	int year, month, day;

	expr_date_parts(days, &year, &month, &day);
	return (size_t)snprintf(out, EXPR_TEXT_BYTES, "%04d-%02d-%02d", year, month, day);
}

/* plain: as TEXT() gives it, "2024-12-31 23:59:59Z". */
size_t expr_moment_write(int64_t ms, bool plain, char out[EXPR_TEXT_BYTES])
{
	int64_t days = expr_days_of(ms), rest = ms - days * EXPR_DAY_MS;
	size_t len = expr_date_write(days, out);
	int second = (int)(rest / 1000);

	len += (size_t)snprintf(out + len, EXPR_TEXT_BYTES - len, "%c%02d:%02d:%02d",
		plain ? ' ' : 'T', second / 3600, second / 60 % 60, second % 60);
	if (plain)
		len += (size_t)snprintf(out + len, EXPR_TEXT_BYTES - len, "Z");
	else
		len += (size_t)snprintf(
			out + len, EXPR_TEXT_BYTES - len, ".%03d+0000", (int)(rest % 1000));
	return len;
}

/* DATE(year, month, day) */
void expr_date(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
{
	int64_t days;

	(void)argc;
	if (is_date(expr_whole(args[0].number), expr_whole(args[1].number),
		    expr_whole(args[2].number), &days))
		args[0].at = days;
	else
		expr_fail(run, args, "there is no such day");
}
