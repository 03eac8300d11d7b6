/*
 * Times by a cron expression, in UTC: minute, hour, day of the month, month, day of the week.
 *
 * A field is a list, with commas, of: *, a number, a range a-b; a star or a range may have a step,
 * as in 0-30/10. Months and days of the week have names too (jan, mon); Sunday is 0 and 7. A time
 * fits when minute, hour, month and day fit. When both days are given, one of them is enough; a
 * field that begins with * counts as not given, and then both must fit.
 */
#ifndef OSY_CRON_H
#define OSY_CRON_H

#include "osy/str.h"

struct osy_cron {
	uint64_t minutes; /* bit n: n */
	uint32_t hours, days, months, weekdays;
	bool any_day, any_weekday; /* the field begins with * */
};

/* What is no expression, and one that no day fits (30 feb), is refused: OSY_E_INVALID. */
enum osy_code osy_cron_parse(
	struct osy_str text, struct osy_cron *ret, struct osy_err *err) OSY_CHECKED;
/* The first time after a moment; wall ms. */
int64_t osy_cron_next(const struct osy_cron *cron, int64_t after_ms);

#endif
