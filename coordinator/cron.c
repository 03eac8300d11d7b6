#include "cron.h"

#include <strings.h>
#include <time.h>

#include "osy/mem.h"

#define LONGEST 200
#define DAY_MINUTES 1440
/* The 29th of February is eight years from the next at most, and forty from the next that is a
 * certain day of the week. */
#define FARTHEST_DAYS (41 * 366)

static const char *const month_names[] = {
	"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const struct field {
	const char *what;
	unsigned min, max;
	const char *const *names; /* of min and those after it */
	size_t name_count;
} fields[] = {
	{"minute", 0, 59, NULL, 0},
	{"hour", 0, 23, NULL, 0},
	{"day of the month", 1, 31, NULL, 0},
	{"month", 1, 12, month_names, OSY_COUNT(month_names)},
	{"day of the week", 0, 7, weekday_names, OSY_COUNT(weekday_names)},
};

/* ---- Reading ---- */
/* The text up to the separator, or all of it; *rest begins behind it. */
static struct osy_str cut(struct osy_str *rest, char separator)
{
	const char *end = rest->len ? memchr(rest->p, separator, rest->len) : NULL;
	struct osy_str head = {rest->p, end ? (size_t)(end - rest->p) : rest->len};

	*rest = end ? (struct osy_str){end + 1, rest->len - head.len - 1} : OSY_STR_NULL;
	return head;
}

static enum osy_code refuse(const struct field *field, struct osy_str text, struct osy_err *err)
{
	return osy_fail(err, OSY_E_INVALID,
		"\"%.*s\" is no %s of a cron expression: write *, a number or a range from %u to "
		"%u, with a step as in */5 or %u-%u/5, several with commas",
		(int)(text.len < 40 ? text.len : 40), text.p, field->what, field->min, field->max,
		field->min, field->max);
}

static bool read_number(const struct field *field, struct osy_str text, unsigned *ret)
{
	struct osy_err ignored = OSY_ERR_NONE;
	int64_t number;

	for (size_t i = 0; i < field->name_count; i++) {
		if (text.len == 3 && strncasecmp(text.p, field->names[i], 3) == 0) {
			*ret = field->min + (unsigned)i;
			return true;
		}
	}
	if (!text.len || text.p[0] < '0' || text.p[0] > '9' ||
		osy_parse_i64(text, field->min, field->max, &number, &ignored))
		return false;
	*ret = (unsigned)number;
	return true;
}

/* "*", "5", "1-5", "1-5/2" */
static bool read_part(const struct field *field, struct osy_str part, uint64_t *bits)
{
	static const struct field steps = {"step", 1, 59, NULL, 0};
	struct osy_str rest = part, range = cut(&rest, '/');
	unsigned from = field->min, to = field->max, step = 1;
	bool star = osy_str_is(range, "*"), single = false;

	if (rest.p && !read_number(&steps, rest, &step))
		return false;
	if (!star) {
		struct osy_str last = range, first = cut(&last, '-');
		single = !last.p;
		if (!read_number(field, first, &from) ||
			!read_number(field, single ? first : last, &to) || from > to)
			return false;
	}
	if (single && rest.p)
		return false;
	for (unsigned i = from; i <= to; i += step)
		*bits |= UINT64_C(1) << i;
	return true;
}

static enum osy_code read_field(
	const struct field *field, struct osy_str text, uint64_t *ret, struct osy_err *err)
{
	struct osy_str rest = text;

	*ret = 0;
	do {
		if (!read_part(field, cut(&rest, ','), ret))
			return refuse(field, text, err);
	} while (rest.p);
	return OSY_OK;
}

/* The next word; empty at the end. */
static struct osy_str word(struct osy_str *rest)
{
	while (rest->len && (rest->p[0] == ' ' || rest->p[0] == '\t'))
		rest->p++, rest->len--;
	struct osy_str word = {rest->p, 0};
	while (rest->len && rest->p[0] != ' ' && rest->p[0] != '\t')
		rest->p++, rest->len--, word.len++;
	return word;
}

static bool split(struct osy_str text, struct osy_str *words)
{
	if (text.len > LONGEST || (text.len && memchr(text.p, 0, text.len)))
		return false;
	for (size_t i = 0; i < OSY_COUNT(fields); i++) {
		words[i] = word(&text);
		if (!words[i].len)
			return false;
	}
	return !word(&text).len;
}

enum osy_code osy_cron_parse(struct osy_str text, struct osy_cron *ret, struct osy_err *err)
{
	struct osy_str words[OSY_COUNT(fields)];
	uint64_t bits[OSY_COUNT(fields)];

	if (!split(text, words))
		return osy_fail(err, OSY_E_INVALID,
			"a cron expression has five fields, minute, hour, day of the month, month "
			"and day of the week, as in \"0 2 * * mon-fri\"");
	for (size_t i = 0; i < OSY_COUNT(fields); i++) {
		enum osy_code rc = read_field(&fields[i], words[i], &bits[i], err);
		if (rc)
			return rc;
	}
	struct osy_cron cron = {.minutes = bits[0],
		.hours = (uint32_t)bits[1],
		.days = (uint32_t)bits[2],
		.months = (uint32_t)bits[3],
		.weekdays = (uint32_t)((bits[4] | bits[4] >> 7) & 0x7f), /* Sunday is 7 too */
		.any_day = words[2].p[0] == '*',
		.any_weekday = words[4].p[0] == '*'};
	if (osy_cron_next(&cron, 0) < 0)
		return osy_fail(err, OSY_E_INVALID,
			"no day fits \"%.*s\"; there is no such day in any month that it names",
			(int)text.len, text.p);
	*ret = cron;
	return OSY_OK;
}

/* ---- Times ---- */
static bool day_fits(const struct osy_cron *cron, int64_t day)
{
	time_t at = (time_t)(day * DAY_MINUTES * 60);
	struct tm tm;

	if (!gmtime_r(&at, &tm) || !(cron->months >> (tm.tm_mon + 1) & 1))
		return false;
	bool by_day = cron->days >> tm.tm_mday & 1, by_weekday = cron->weekdays >> tm.tm_wday & 1;
	return cron->any_day || cron->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

int64_t osy_cron_next(const struct osy_cron *cron, int64_t after_ms)
{
	int64_t minute = after_ms / 60000 + 1, first = minute / DAY_MINUTES;

	for (int64_t day = first; day <= first + FARTHEST_DAYS; day++) {
		if (!day_fits(cron, day))
			continue;
		for (int64_t at = day == first ? minute % DAY_MINUTES : 0; at < DAY_MINUTES; at++) {
			if (cron->hours >> (at / 60) & 1 && cron->minutes >> (at % 60) & 1)
				return (day * DAY_MINUTES + at) * 60000;
		}
	}
	return -1;
}
