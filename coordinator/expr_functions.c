/* The table of functions and operators, and those that are not about text or days. */
#include <strings.h>

#include "expr_internal.h"

void expr_fail(struct osy_expr_run *run, struct expr_value *result, const char *why)
{
	if (!run->why)
		run->why = why;
	*result = (struct expr_value){.null = true, .text = OSY_STR("")};
}

char *expr_room(struct osy_expr_run *run, size_t len)
{
	struct expr_value ignored;

	if (len > OSY_EXPR_MAX_MADE || run->made + len > OSY_EXPR_MAX_MADE) {
		expr_fail(run, &ignored, "the text becomes too long");
		return NULL;
	}
	run->made += len;
	return osy_arena_alloc(&run->arena, len + 1);
}

bool expr_is_blank(const struct expr_value *value, enum expr_type type)
{
	return value->null || (type == EXPR_TEXT && value->text.len == 0);
}

bool expr_same(const struct expr_value *a, const struct expr_value *b, enum expr_type type)
{
	bool blank_a = expr_is_blank(a, type), blank_b = expr_is_blank(b, type);

	if (blank_a || blank_b)
		return blank_a && blank_b;
	switch (type) {
	case EXPR_TEXT:
		return osy_str_equal(a->text, b->text);
	case EXPR_NUMBER:
		return a->number == b->number;
	case EXPR_BOOLEAN:
		return a->truth == b->truth;
	case EXPR_DATE:
	case EXPR_MOMENT:
		return a->at == b->at;
	case EXPR_ANY:
	case EXPR_NULL:
		break;
	}
	return true;
}

static void answer(struct expr_value *result, bool truth)
{
	*result = (struct expr_value){.truth = truth};
}

static void number(
	struct osy_expr_run *run, struct expr_value *result, bool fits, const expr_number *n)
{
	if (fits)
		*result = (struct expr_value){.number = *n};
	else
		expr_fail(run, result, "the number has more than 20 digits before the point");
}

#define FUNCTION(name) \
	static void name(struct osy_expr_run *run, struct expr_value *args, unsigned argc)
#define UNUSED (void)run, (void)argc

/* ---- Arithmetic ---- */
FUNCTION(do_add)
{
	expr_number n = 0;

	(void)argc;
	number(run, args, expr_add(args[0].number, args[1].number, &n), &n);
}

FUNCTION(do_subtract)
{
	expr_number n = 0;

	(void)argc;
	number(run, args, expr_add(args[0].number, -args[1].number, &n), &n);
}

FUNCTION(do_multiply)
{
	expr_number n = 0;

	(void)argc;
	number(run, args, expr_multiply(args[0].number, args[1].number, &n), &n);
}

FUNCTION(do_divide)
{
	expr_number n = 0;

	(void)argc;
	if (args[1].number == 0)
		expr_fail(run, args, "division by zero");
	else
		number(run, args, expr_divide(args[0].number, args[1].number, &n), &n);
}

FUNCTION(do_negate)
{
	UNUSED;
	args[0].number = -args[0].number;
}

FUNCTION(do_abs)
{
	UNUSED;
	if (args[0].number < 0)
		args[0].number = -args[0].number;
}

FUNCTION(do_mod)
{
	(void)argc;
	if (args[1].number == 0)
		expr_fail(run, args, "division by zero");
	else
		args[0].number %= args[1].number;
}

static void round_to(
	struct osy_expr_run *run, struct expr_value *args, int64_t digits, enum expr_rounding how)
{
	expr_number n = 0;
	int places = digits > 100 ? 100 : digits < -100 ? -100 : (int)digits;

	number(run, args, expr_round(args[0].number, places, how, &n), &n);
}

FUNCTION(do_round)
{
	(void)argc;
	round_to(run, args, expr_whole(args[1].number), EXPR_HALF);
}

FUNCTION(do_floor)
{
	(void)argc;
	round_to(run, args, 0, EXPR_TOWARDS);
}

FUNCTION(do_ceiling)
{
	(void)argc;
	round_to(run, args, 0, EXPR_AWAY);
}

FUNCTION(do_min)
{
	(void)run;
	for (unsigned i = 1; i < argc; i++) {
		if (args[i].number < args[0].number)
			args[0].number = args[i].number;
	}
}

FUNCTION(do_max)
{
	(void)run;
	for (unsigned i = 1; i < argc; i++) {
		if (args[i].number > args[0].number)
			args[0].number = args[i].number;
	}
}

/* ---- Days ---- */
static void days(struct osy_expr_run *run, struct expr_value *args, int64_t at)
{
	if (expr_in_years(at))
		args[0].at = at;
	else
		expr_fail(run, args, "the year is not between 1 and 9999");
}

static int64_t bounded(int64_t n)
{
	return n > 100000000 ? 100000000 : n < -100000000 ? -100000000 : n;
}

FUNCTION(do_days_later)
{
	(void)argc;
	days(run, args, args[0].at + bounded(expr_whole(args[1].number)));
}

FUNCTION(do_days_earlier)
{
	(void)argc;
	days(run, args, args[0].at - bounded(expr_whole(args[1].number)));
}

FUNCTION(do_days_between)
{
	UNUSED;
	int64_t between = args[0].at - args[1].at;
	args[0].null = false;
	(void)expr_from_whole(between, &args[0].number);
}

#define MANY_MS ((int64_t)1 << 60) /* more than all years have */

/* Days with their parts, in milliseconds. */
static void moves(struct osy_expr_run *run, struct expr_value *args, bool later)
{
	expr_number ms = 0;
	bool fits = expr_multiply(args[1].number, expr_one() * EXPR_DAY_MS, &ms) &&
		    expr_round(ms, 0, EXPR_HALF, &ms);
	int64_t by = fits ? expr_whole(ms) : MANY_MS;
	by = by > MANY_MS ? MANY_MS : by < -MANY_MS ? -MANY_MS : by;
	int64_t at = args[0].at + (later ? by : -by);

	if (!expr_in_years(expr_days_of(at)))
		expr_fail(run, args, "the year is not between 1 and 9999");
	else
		args[0].at = at;
}

FUNCTION(do_later)
{
	(void)argc;
	moves(run, args, true);
}

FUNCTION(do_earlier)
{
	(void)argc;
	moves(run, args, false);
}

FUNCTION(do_between)
{
	expr_number ms = 0, n = 0;

	(void)argc;
	(void)expr_from_whole(args[0].at - args[1].at, &ms);
	number(run, args, expr_divide(ms, expr_one() * EXPR_DAY_MS, &n), &n);
}

FUNCTION(do_today)
{
	(void)argc;
	args[0] = (struct expr_value){.at = expr_days_of(run->now_ms)};
}

FUNCTION(do_now)
{
	(void)argc;
	args[0] = (struct expr_value){.at = run->now_ms};
}

static void part_of(struct expr_value *args, int which)
{
	int parts[3];

	expr_date_parts(args[0].at, &parts[0], &parts[1], &parts[2]);
	(void)expr_from_whole(parts[which], &args[0].number);
}

FUNCTION(do_year)
{
	UNUSED;
	part_of(args, 0);
}

FUNCTION(do_month)
{
	UNUSED;
	part_of(args, 1);
}

FUNCTION(do_day)
{
	UNUSED;
	part_of(args, 2);
}

/* ---- Comparing; the type of both is that of the step, which these do not know: four of each ----
 */
#define COMPARISON(name, member, operator)                                                         \
	FUNCTION(name)                                                                             \
	{                                                                                          \
		UNUSED;                                                                            \
		answer(args,                                                                       \
			!args[0].null && !args[1].null && args[0].member operator args[1].member); \
	}
COMPARISON(number_below, number, <)
COMPARISON(number_most, number, <=)
COMPARISON(number_above, number, >)
COMPARISON(number_least, number, >=)
COMPARISON(time_below, at, <)
COMPARISON(time_most, at, <=)
COMPARISON(time_above, at, >)
COMPARISON(time_least, at, >=)

#define EQUALITY(name, type, wanted)                                         \
	FUNCTION(name)                                                       \
	{                                                                    \
		UNUSED;                                                      \
		answer(args, expr_same(&args[0], &args[1], type) == wanted); \
	}
EQUALITY(text_same, EXPR_TEXT, true)
EQUALITY(text_other, EXPR_TEXT, false)
EQUALITY(number_same, EXPR_NUMBER, true)
EQUALITY(number_other, EXPR_NUMBER, false)
EQUALITY(boolean_same, EXPR_BOOLEAN, true)
EQUALITY(boolean_other, EXPR_BOOLEAN, false)
EQUALITY(time_same, EXPR_DATE, true)
EQUALITY(time_other, EXPR_DATE, false)

FUNCTION(do_not)
{
	UNUSED;
	answer(args, args[0].null || !args[0].truth);
}

FUNCTION(text_blank)
{
	UNUSED;
	answer(args, expr_is_blank(args, EXPR_TEXT));
}

FUNCTION(value_blank)
{
	UNUSED;
	answer(args, args[0].null);
}

/* ---- From one type to another ---- */
static void write_text(
	struct osy_expr_run *run, struct expr_value *args, const char *text, size_t len)
{
	char *out = expr_room(run, len);

	if (out)
		memcpy(out, text, len);
	args[0].text = (struct osy_str){out ? out : "", out ? len : 0};
}

FUNCTION(number_text)
{
	char text[EXPR_TEXT_BYTES];

	(void)argc;
	if (!args[0].null)
		write_text(run, args, text, expr_number_write(args[0].number, text));
}

FUNCTION(date_text)
{
	char text[EXPR_TEXT_BYTES];

	(void)argc;
	if (!args[0].null)
		write_text(run, args, text, expr_date_write(args[0].at, text));
}

FUNCTION(moment_text)
{
	char text[EXPR_TEXT_BYTES];

	(void)argc;
	if (!args[0].null)
		write_text(run, args, text, expr_moment_write(args[0].at, true, text));
}

FUNCTION(boolean_text)
{
	UNUSED;
	args[0].text = args[0].null    ? OSY_STR("")
		       : args[0].truth ? OSY_STR("true")
				       : OSY_STR("false");
}

FUNCTION(same_text)
{
	UNUSED;
	(void)args;
}

FUNCTION(do_value)
{
	expr_number n;

	expr_trim(run, args, argc);
	args[0].null = args[0].text.len == 0;
	if (args[0].null)
		return;
	if (expr_number_read(args[0].text, &n))
		args[0].number = n;
	else
		expr_fail(run, args, "VALUE of a text that is no number");
}

FUNCTION(do_is_number)
{
	expr_number n;

	expr_trim(run, args, argc);
	answer(args, expr_number_read(args[0].text, &n));
}

FUNCTION(text_date)
{
	expr_trim(run, args, argc);
	args[0].null = args[0].text.len == 0;
	if (!args[0].null && !expr_date_read(args[0].text, &args[0].at))
		expr_fail(run, args, "DATEVALUE of a text that is no date such as 2024-12-31");
}

FUNCTION(moment_date)
{
	UNUSED;
	args[0].at = expr_days_of(args[0].at);
}

FUNCTION(text_moment)
{
	expr_trim(run, args, argc);
	args[0].null = args[0].text.len == 0;
	if (!args[0].null && !expr_moment_read(args[0].text, &args[0].at))
		expr_fail(run, args,
			"DATETIMEVALUE of a text that is no moment such as 2024-12-31 23:59:59");
}

FUNCTION(date_moment)
{
	UNUSED;
	args[0].at *= EXPR_DAY_MS;
}

/*
 * Rows of one name are forms of one function: the first whose arguments fit is taken, "d" being a
 * date and "m" a moment. Operators are functions that no name of a text can reach.
 */
/* clang-format off */
const struct expr_function expr_functions[] = {
	/* IF, CASE and the like are the compiler's own: here for their names */
	{"IF", "", 3, 3, EXPR_ANY, NULL, "IF(condition, value, value)"},
	{"CASE", "", 4, 400, EXPR_ANY, NULL, "CASE(expression, value, result, ..., else)"},
	{"AND", "", 1, 100, EXPR_BOOLEAN, NULL, "AND(condition, ...)"},
	{"OR", "", 1, 100, EXPR_BOOLEAN, NULL, "OR(condition, ...)"},
	{"BLANKVALUE", "", 2, 2, EXPR_ANY, NULL, "BLANKVALUE(expression, value)"},
	{"NULLVALUE", "", 2, 2, EXPR_ANY, NULL, "NULLVALUE(expression, value)"},
	{"NOT", "B", 1, 1, EXPR_BOOLEAN, do_not, "NOT(condition)"},
	{"ISBLANK", "T", 1, 1, EXPR_BOOLEAN, text_blank, "ISBLANK(expression)"},
	{"ISBLANK", "A", 1, 1, EXPR_BOOLEAN, value_blank, "ISBLANK(expression)"},
	{"ISNULL", "T", 1, 1, EXPR_BOOLEAN, text_blank, "ISNULL(expression)"},
	{"ISNULL", "A", 1, 1, EXPR_BOOLEAN, value_blank, "ISNULL(expression)"},
	{"ISNUMBER", "t", 1, 1, EXPR_BOOLEAN, do_is_number, "ISNUMBER(text)"},
	{"ISPICKVAL", "pt", 2, 2, EXPR_BOOLEAN, text_same, "ISPICKVAL(picklist field, text)"},
	{"INCLUDES", "lt", 2, 2, EXPR_BOOLEAN, expr_includes, "INCLUDES(multi-select field, text)"},
	{"TEXT", "T", 1, 1, EXPR_TEXT, same_text, "TEXT(expression)"},
	{"TEXT", "N", 1, 1, EXPR_TEXT, number_text, "TEXT(expression)"},
	{"TEXT", "D", 1, 1, EXPR_TEXT, date_text, "TEXT(expression)"},
	{"TEXT", "M", 1, 1, EXPR_TEXT, moment_text, "TEXT(expression)"},
	{"TEXT", "B", 1, 1, EXPR_TEXT, boolean_text, "TEXT(expression)"},
	{"VALUE", "t", 1, 1, EXPR_NUMBER, do_value, "VALUE(text)"},
	{"LEFT", "tn", 2, 2, EXPR_TEXT, expr_left, "LEFT(text, count)"},
	{"RIGHT", "tn", 2, 2, EXPR_TEXT, expr_right, "RIGHT(text, count)"},
	{"MID", "tnn", 3, 3, EXPR_TEXT, expr_mid, "MID(text, start, count)"},
	{"LEN", "t", 1, 1, EXPR_NUMBER, expr_len, "LEN(text)"},
	{"TRIM", "t", 1, 1, EXPR_TEXT, expr_trim, "TRIM(text)"},
	{"UPPER", "t", 1, 1, EXPR_TEXT, expr_upper, "UPPER(text)"},
	{"LOWER", "t", 1, 1, EXPR_TEXT, expr_lower, "LOWER(text)"},
	{"SUBSTITUTE", "ttt", 3, 3, EXPR_TEXT, expr_substitute, "SUBSTITUTE(text, old, new)"},
	{"CONTAINS", "tt", 2, 2, EXPR_BOOLEAN, expr_contains, "CONTAINS(text, text)"},
	{"BEGINS", "tt", 2, 2, EXPR_BOOLEAN, expr_begins, "BEGINS(text, text)"},
	{"FIND", "ttn", 2, 3, EXPR_NUMBER, expr_find, "FIND(text, in text, start)"},
	{"LPAD", "tnt", 2, 3, EXPR_TEXT, expr_lpad, "LPAD(text, length, with)"},
	{"RPAD", "tnt", 2, 3, EXPR_TEXT, expr_rpad, "RPAD(text, length, with)"},
	{"ABS", "n", 1, 1, EXPR_NUMBER, do_abs, "ABS(number)"},
	{"ROUND", "nn", 2, 2, EXPR_NUMBER, do_round, "ROUND(number, decimals)"},
	{"FLOOR", "n", 1, 1, EXPR_NUMBER, do_floor, "FLOOR(number)"},
	{"CEILING", "n", 1, 1, EXPR_NUMBER, do_ceiling, "CEILING(number)"},
	{"MIN", "n", 1, 100, EXPR_NUMBER, do_min, "MIN(number, ...)"},
	{"MAX", "n", 1, 100, EXPR_NUMBER, do_max, "MAX(number, ...)"},
	{"MOD", "nn", 2, 2, EXPR_NUMBER, do_mod, "MOD(number, divisor)"},
	{"DATE", "nnn", 3, 3, EXPR_DATE, expr_date, "DATE(year, month, day)"},
	{"DATEVALUE", "t", 1, 1, EXPR_DATE, text_date, "DATEVALUE(text or moment)"},
	{"DATEVALUE", "m", 1, 1, EXPR_DATE, moment_date, "DATEVALUE(text or moment)"},
	{"DATEVALUE", "d", 1, 1, EXPR_DATE, same_text, "DATEVALUE(text or moment)"},
	{"DATETIMEVALUE", "t", 1, 1, EXPR_MOMENT, text_moment, "DATETIMEVALUE(text or date)"},
	{"DATETIMEVALUE", "d", 1, 1, EXPR_MOMENT, date_moment, "DATETIMEVALUE(text or date)"},
	{"DATETIMEVALUE", "m", 1, 1, EXPR_MOMENT, same_text, "DATETIMEVALUE(text or date)"},
	{"YEAR", "d", 1, 1, EXPR_NUMBER, do_year, "YEAR(date)"},
	{"MONTH", "d", 1, 1, EXPR_NUMBER, do_month, "MONTH(date)"},
	{"DAY", "d", 1, 1, EXPR_NUMBER, do_day, "DAY(date)"},
	{"TODAY", "", 0, 0, EXPR_DATE, do_today, "TODAY()"},
	{"NOW", "", 0, 0, EXPR_MOMENT, do_now, "NOW()"},
	{"+", "nn", 2, 2, EXPR_NUMBER, do_add, "number + number"},
	{"+", "tt", 2, 2, EXPR_TEXT, expr_concat, "text + text"},
	{"+", "dn", 2, 2, EXPR_DATE, do_days_later, "date + number"},
	{"+", "mn", 2, 2, EXPR_MOMENT, do_later, "moment + number"},
	{"-", "nn", 2, 2, EXPR_NUMBER, do_subtract, "number - number"},
	{"-", "dd", 2, 2, EXPR_NUMBER, do_days_between, "date - date"},
	{"-", "mm", 2, 2, EXPR_NUMBER, do_between, "moment - moment"},
	{"-", "dn", 2, 2, EXPR_DATE, do_days_earlier, "date - number"},
	{"-", "mn", 2, 2, EXPR_MOMENT, do_earlier, "moment - number"},
	{"-", "n", 1, 1, EXPR_NUMBER, do_negate, "-number"},
	{"*", "nn", 2, 2, EXPR_NUMBER, do_multiply, "number * number"},
	{"/", "nn", 2, 2, EXPR_NUMBER, do_divide, "number / number"},
	{"&", "tt", 2, 2, EXPR_TEXT, expr_concat, "text & text"},
	{"=", "NN", 2, 2, EXPR_BOOLEAN, number_same, "two values of one type"},
	{"=", "TT", 2, 2, EXPR_BOOLEAN, text_same, "two values of one type"},
	{"=", "BB", 2, 2, EXPR_BOOLEAN, boolean_same, "two values of one type"},
	{"=", "DD", 2, 2, EXPR_BOOLEAN, time_same, "two values of one type"},
	{"=", "MM", 2, 2, EXPR_BOOLEAN, time_same, "two values of one type"},
	{"<>", "NN", 2, 2, EXPR_BOOLEAN, number_other, "two values of one type"},
	{"<>", "TT", 2, 2, EXPR_BOOLEAN, text_other, "two values of one type"},
	{"<>", "BB", 2, 2, EXPR_BOOLEAN, boolean_other, "two values of one type"},
	{"<>", "DD", 2, 2, EXPR_BOOLEAN, time_other, "two values of one type"},
	{"<>", "MM", 2, 2, EXPR_BOOLEAN, time_other, "two values of one type"},
	{"<", "NN", 2, 2, EXPR_BOOLEAN, number_below, "two numbers, dates or moments"},
	{"<", "DD", 2, 2, EXPR_BOOLEAN, time_below, "two numbers, dates or moments"},
	{"<", "MM", 2, 2, EXPR_BOOLEAN, time_below, "two numbers, dates or moments"},
	{"<=", "NN", 2, 2, EXPR_BOOLEAN, number_most, "two numbers, dates or moments"},
	{"<=", "DD", 2, 2, EXPR_BOOLEAN, time_most, "two numbers, dates or moments"},
	{"<=", "MM", 2, 2, EXPR_BOOLEAN, time_most, "two numbers, dates or moments"},
	{">", "NN", 2, 2, EXPR_BOOLEAN, number_above, "two numbers, dates or moments"},
	{">", "DD", 2, 2, EXPR_BOOLEAN, time_above, "two numbers, dates or moments"},
	{">", "MM", 2, 2, EXPR_BOOLEAN, time_above, "two numbers, dates or moments"},
	{">=", "NN", 2, 2, EXPR_BOOLEAN, number_least, "two numbers, dates or moments"},
	{">=", "DD", 2, 2, EXPR_BOOLEAN, time_least, "two numbers, dates or moments"},
	{">=", "MM", 2, 2, EXPR_BOOLEAN, time_least, "two numbers, dates or moments"},
};
/* clang-format on */
const size_t expr_function_count = OSY_COUNT(expr_functions);

int expr_find_function(struct osy_str name)
{
	for (size_t i = 0; i < expr_function_count; i++) {
		if (osy_str_equal_nocase(name, osy_str(expr_functions[i].name)))
			return (int)i;
	}
	return -1;
}
