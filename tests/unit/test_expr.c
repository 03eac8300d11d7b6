/* coordinator: the expressions of a template */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "expr.h"
#include "osy/clock.h"

static const struct osy_expr_field fields[] = {{"Name", OSY_T_STRING}, {"Amount", OSY_T_CURRENCY},
	{"Empty", OSY_T_STRING}, {"NoNumber", OSY_T_DOUBLE}, {"Closed", OSY_T_DATE},
	{"Seen", OSY_T_DATETIME}, {"Active", OSY_T_BOOLEAN}, {"Rating", OSY_T_PICKLIST},
	{"Skills", OSY_T_MULTIPICKLIST}, {"Count", OSY_T_INT}, {"At", OSY_T_TIME},
	{"NoDate", OSY_T_DATE}, {"NoMoment", OSY_T_DATETIME}, {"Umlaut", OSY_T_STRING},
	{"AccountId", OSY_T_REFERENCE}, {"Huge", OSY_T_DOUBLE}, {"Small", OSY_T_DOUBLE}};
static const char *const raws[] = {"\"Ann \\\"Q\\\" Lee\"", "1234.56", NULL, "null",
	"\"2024-02-29\"", "\"2024-02-29T23:59:59.000+0000\"", "true", "\"Hot\"", "\"C;SQL;Go\"",
	"\"7\"", "\"10:00:00.000Z\"", NULL, NULL, "\"\\u00c4hn\xc3\xbc\"", "\"001xx0000000001AAA\"",
	"3.5E8", "1E-3"};
static const struct osy_expr_scope scope = {fields, OSY_COUNT(fields)};

#define NOW_MS 1711929599123 /* 2024-03-31T23:59:59.123Z */

/* What text makes for a field of this type, or why it cannot be compiled. */
static char *made(const char *text, enum osy_sf_type type, int length, int scale)
{
	OSY_AUTO(osy_arena_done) struct osy_arena arena;
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(4 * 1024 * 1024);
	struct osy_expr_target target = {type, length, scale};
	struct osy_err err = OSY_ERR_NONE;
	struct osy_str values[OSY_COUNT(raws)];
	struct osy_expr *expr;

	for (size_t i = 0; i < OSY_COUNT(raws); i++)
		values[i] = osy_str(raws[i]);
	osy_arena_init(&arena, 16u * 1024);
	if (osy_expr_compile(osy_str(text), &scope, &target, &arena, &expr, &err))
		return osy_xstrdup(err.msg);
	struct osy_expr_run *run = osy_expr_run_new(NOW_MS);
	osy_expr_eval(expr, run, values, &out);
	osy_buf_reset(&out);
	osy_expr_eval(expr, run, values, &out); /* again gives the same */
	osy_expr_run_free(run);
	return osy_buf_take(&out, NULL);
}

struct sample {
	const char *text, *want;
};

static void assert_all(
	const struct sample *samples, size_t count, enum osy_sf_type type, int length, int scale)
{
	for (size_t i = 0; i < count; i++) {
		OSY_AUTO_FREE char *got = made(samples[i].text, type, length, scale);
		if (strcmp(got, samples[i].want) != 0)
			fail_msg("%s\n  makes %s\n  wants %s", samples[i].text, got,
				samples[i].want);
	}
}

static void numbers(void **state)
{
	static const struct sample samples[] = {
		{"0.1 + 0.2", "0.3"},
		{"1 - 2 - 3", "-4"},
		{"2 + 3 * 4", "14"},
		{"(2 + 3) * 4", "20"},
		{"-2 * -3", "6"},
		{"- - 2", "2"},
		{"+-+2", "-2"},
		{"10 / 4", "2.5"},
		{"1 / 3", "0.333333333333333333"},
		{"2 / 3", "0.666666666666666667"},
		{"-2 / 3", "-0.666666666666666667"},
		{"1 / 3 * 3", "0.999999999999999999"},
		{"Amount", "1234.56"},
		{"amount * 100", "123456"},
		{"Amount * 1.19", "1469.1264"},
		{"99999999999999999999 - 1", "99999999999999999998"},
		{"999999999999999.99 * 1000", "999999999999999990"},
		{"0.000000000000000001 * 1", "0.000000000000000001"},
		{"0.0000000000000000005", "0.000000000000000001"},
		{"0.0000000000000000004", "0"},
		{"Huge / 7", "50000000"},
		{"Small", "0.001"},
		{"Count * 2", "14"},
		{"NoNumber", "null"},
		{"NoNumber + 1", "null"},
		{"ABS(-3.5)", "3.5"},
		{"ROUND(2.5, 0)", "3"},
		{"ROUND(-2.5, 0)", "-3"},
		{"ROUND(2.345, 2)", "2.35"},
		{"ROUND(2.344999, 2)", "2.34"},
		{"ROUND(1250, -2)", "1300"},
		{"ROUND(7, -50)", "0"},
		{"FLOOR(2.9)", "2"},
		{"FLOOR(-2.9)", "-2"},
		{"CEILING(2.1)", "3"},
		{"CEILING(-2.1)", "-3"},
		{"MIN(3, 1, 2)", "1"},
		{"MAX(3, 1, 20, 2)", "20"},
		{"MIN(3, NoNumber)", "null"},
		{"MOD(10, 3)", "1"},
		{"MOD(-10, 3)", "-1"},
		{"MOD(5.5, 2)", "1.5"},
		{"VALUE('12.50')", "12.5"},
		{"VALUE(' -7 ')", "-7"},
		{"VALUE('1e3')", "1000"},
		{"VALUE('')", "null"},
		{"VALUE(Empty)", "null"},
		{"VALUE('twelve')", "!at 1: VALUE of a text that is no number"},
		{"1 + VALUE(Name)", "!at 5: VALUE of a text that is no number"},
		{"Amount / 0", "!at 8: division by zero"},
		{"MOD(1, 0)", "!at 1: division by zero"},
		{"Amount / (Count - 7)", "!at 8: division by zero"},
		{"99999999999999999999 * 10",
			"!at 22: the number has more than 20 digits before the point"},
		{"170141183460469231731 + 1",
			"!at 23: the number has more than 20 digits before the point"},
		{"99999999999999999999 / 0.01",
			"!at 22: the number has more than 20 digits before the point"},
		{"LEN(Name)", "11"},
		{"LEN(Umlaut)", "4"},
		{"LEN(Empty)", "0"},
		{"FIND('Q', Name)", "6"},
		{"FIND('n', Umlaut)", "3"},
		{"FIND('n', 'banana', 4)", "5"},
		{"FIND('x', Name)", "0"},
		{"FIND('', Name)", "0"},
		{"YEAR(Closed) * 10000 + MONTH(Closed) * 100 + DAY(Closed)", "20240229"},
		{"YEAR(DATEVALUE(Seen))", "2024"},
		{"Closed - DATE(2024, 1, 1)", "59"},
		{"Seen - DATETIMEVALUE('2024-02-29 11:59:59')", "0.5"},
		{"TODAY() - Closed", "31"},
		{"YEAR(NoDate)", "null"},
		{"CASE(Rating, 'Hot', 1, 'Warm', 2, 3)", "1"},
		{"CASE(Rating, 'Warm', 2, 'Hot', 1 + 1, 3)", "2"},
		{"CASE('x', 'Warm', 2, 3)", "3"},
		{"CASE(Count, 7, CASE(Rating, 'Hot', 70, 0), 8, 80, 0)", "70"},
		{"BLANKVALUE(NoNumber, Amount)", "1234.56"},
		{"BLANKVALUE(Amount, VALUE('x'))", "1234.56"},
		{"NULLVALUE(NoNumber, 0) + 1", "1"},
		{"NULL", "null"},
		{"IF(TRUE, NULL, 1)", "null"},
		{"1 /* one */ + /* two */ 2", "3"},
	};

	(void)state;
	assert_all(samples, OSY_COUNT(samples), OSY_T_DOUBLE, 0, 18);
}

static void scales(void **state)
{
	static const struct sample currency[] = {
		{"10 / 3", "3.33"}, {"2.005", "2.01"}, {"-2.005", "-2.01"}, {"1", "1"}};
	static const struct sample whole[] = {{"10 / 4", "3"}, {"-10 / 4", "-3"}, {"0.4", "0"}};

	(void)state;
	assert_all(currency, OSY_COUNT(currency), OSY_T_CURRENCY, 0, 2);
	assert_all(whole, OSY_COUNT(whole), OSY_T_INT, 0, 0);
}

static void texts(void **state)
{
	static const struct sample samples[] = {
		{"Name", "\"Ann \\\"Q\\\" Lee\""},
		{"'it\\'s'", "\"it's\""},
		{"\"a\\\"b\\\\c\\n\"", "\"a\\\"b\\\\c\\n\""},
		{"'a' & 'b' & 'c'", "\"abc\""},
		{"'a' + 'b'", "\"ab\""},
		{"Empty & 'x'", "\"x\""},
		{"Empty & Empty", "null"},
		{"''", "null"},
		{"LEFT(Name, 3)", "\"Ann\""},
		{"LEFT(Name, 99)", "\"Ann \\\"Q\\\" Lee\""},
		{"LEFT(Name, 0)", "null"},
		{"LEFT(Name, -1)", "null"},
		{"LEFT(Umlaut, 1)", "\"\xc3\x84\""},
		{"RIGHT(Name, 3)", "\"Lee\""},
		{"RIGHT(Umlaut, 1)", "\"\xc3\xbc\""},
		{"RIGHT('ab', 5)", "\"ab\""},
		{"MID(Name, 5, 3)", "\"\\\"Q\\\"\""},
		{"MID('abc', 2, 99)", "\"bc\""},
		{"MID('abc', 4, 1)", "null"},
		{"MID('abc', 0, 1)", "\"a\""},
		{"TRIM('  a b\\n')", "\"a b\""},
		{"UPPER(Umlaut)", "\"\xc3\x84HN\xc3\x9c\""},
		{"LOWER(Umlaut)", "\"\xc3\xa4hn\xc3\xbc\""},
		{"UPPER(Empty)", "null"},
		{"SUBSTITUTE('banana', 'an', 'AN')", "\"bANANa\""},
		{"SUBSTITUTE('banana', 'a', '')", "\"bnn\""},
		{"SUBSTITUTE('aaa', 'a', 'bb')", "\"bbbbbb\""},
		{"SUBSTITUTE('abc', '', 'x')", "\"abc\""},
		{"SUBSTITUTE(Empty, 'a', 'b')", "null"},
		{"LPAD('7', 3, '0')", "\"007\""},
		{"LPAD('7', 3)", "\"  7\""},
		{"LPAD('12345', 3, '0')", "\"123\""},
		{"RPAD('x', 6, 'ab')", "\"xababa\""},
		{"LPAD(Empty, 2, 'z')", "\"zz\""},
		{"LPAD('x', 3, '')", "\"x\""},
		{"TEXT(Amount)", "\"1234.56\""},
		{"TEXT(-0.50)", "\"-0.5\""},
		{"TEXT(Huge)", "\"350000000\""},
		{"TEXT(Closed)", "\"2024-02-29\""},
		{"TEXT(Seen)", "\"2024-02-29 23:59:59Z\""},
		{"TEXT(Rating)", "\"Hot\""},
		{"TEXT(Active)", "\"true\""},
		{"TEXT(NoNumber)", "null"},
		{"TEXT(NoNumber) & 'x'", "\"x\""},
		{"TEXT(TODAY())", "\"2024-03-31\""},
		{"TEXT(NOW())", "\"2024-03-31 23:59:59Z\""},
		{"TEXT(DATE(2024, 12, 31) + 1)", "\"2025-01-01\""},
		{"AccountId", "\"001xx0000000001AAA\""},
		{"IF(Amount > 1000, 'big', UPPER(Name))", "\"big\""},
		{"IF(Amount > 9999, 'big', UPPER(Name))", "\"ANN \\\"Q\\\" LEE\""},
		{"IF(NoNumber > 0, 'a', 'b')", "\"b\""},
		{"IF(ISBLANK(Empty), 'none', Empty)", "\"none\""},
		{"IF(FALSE, TEXT(1 / 0), 'lazy')", "\"lazy\""},
		{"IF(TRUE || 1 / 0 = 1, 'lazy', '')", "\"lazy\""},
		{"IF(FALSE && 1 / 0 = 1, '', 'lazy')", "\"lazy\""},
		{"IF(OR(TRUE, 1 / 0 = 1), 'lazy', '')", "\"lazy\""},
		{"BLANKVALUE(Empty, 'none')", "\"none\""},
		{"BLANKVALUE(Empty, NULL)", "null"},
		{"CASE(Rating, 'Hot', 'H', NULL)", "\"H\""},
		{"LEFT(Name & 'x', 3) & '-' & TEXT(Count)", "\"Ann-7\""},
		{"LPAD('', 41, 'x')", "!at 1: the text is longer than the field"},
		{"LPAD('', 2000000, 'x')", "!at 1: the text becomes too long"},
		{"LPAD('', 99999999999999999999, 'x')", "!at 1: the text becomes too long"},
		{"LPAD('', 900000, 'x') & LPAD('', 900000, 'x')",
			"!at 25: the text becomes too long"},
		{"TEXT(DATE(2023, 2, 29))", "!at 6: there is no such day"},
		{"TEXT(DATEVALUE('2023-13-01'))",
			"!at 6: DATEVALUE of a text that is no date such as 2024-12-31"},
		{"TEXT(DATE(9999, 12, 31) + 1)", "!at 25: the year is not between 1 and 9999"},
		{"TEXT(Closed + 99999999999999999999)",
			"!at 13: the year is not between 1 and 9999"},
	};

	(void)state;
	assert_all(samples, OSY_COUNT(samples), OSY_T_STRING, 40, 0);
}

static void conditions(void **state)
{
	static const struct sample samples[] = {
		{"Active", "true"},
		{"!Active", "false"},
		{"NOT(Active)", "false"},
		{"NULL", "false"},
		{"1 < 2", "true"},
		{"1 <= 1", "true"},
		{"2 > 10", "false"},
		{"1 >= 2", "false"},
		{"1 = 1.0", "true"},
		{"1 == 1", "true"},
		{"1 <> 1", "false"},
		{"1 != 2", "true"},
		{"'a' = 'A'", "false"},
		{"Empty = ''", "true"},
		{"Empty = NULL", "true"},
		{"NoNumber = NULL", "true"},
		{"NoNumber = 0", "false"},
		{"NoNumber <> 0", "true"},
		{"NoNumber < 1", "false"},
		{"NoNumber >= 1", "false"},
		{"NoDate < TODAY()", "false"},
		{"NoMoment = NULL", "true"},
		{"Closed < TODAY()", "true"},
		{"Seen < NOW()", "true"},
		{"Closed = DATE(2024, 2, 29)", "true"},
		{"Active = TRUE", "true"},
		{"TRUE && FALSE || TRUE", "true"},
		{"TRUE || FALSE && FALSE", "true"},
		{"(TRUE || FALSE) && FALSE", "false"},
		{"AND(TRUE, 1 = 1, Active)", "true"},
		{"AND(TRUE, FALSE)", "false"},
		{"OR(FALSE, FALSE)", "false"},
		{"OR(FALSE, Active)", "true"},
		{"AND(NULL)", "false"},
		{"OR(Active)", "true"},
		{"ISBLANK(Empty)", "true"},
		{"ISBLANK(NoNumber)", "true"},
		{"ISBLANK(Name)", "false"},
		{"ISNULL(NoDate)", "true"},
		{"ISNUMBER('1.5')", "true"},
		{"ISNUMBER('')", "false"},
		{"ISNUMBER('x')", "false"},
		{"ISPICKVAL(Rating, 'Hot')", "true"},
		{"ISPICKVAL(Rating, '')", "false"},
		{"INCLUDES(Skills, 'SQL')", "true"},
		{"INCLUDES(Skills, 'S')", "false"},
		{"INCLUDES(Skills, 'Go')", "true"},
		{"CONTAINS(Name, 'Q')", "true"},
		{"CONTAINS(Name, 'q')", "false"},
		{"CONTAINS(Name, '')", "true"},
		{"CONTAINS(Empty, 'q')", "false"},
		{"BEGINS(Name, 'Ann')", "true"},
		{"BEGINS(Name, 'nn')", "false"},
		{"BEGINS(Empty, '')", "true"},
		{"1 < 2 = TRUE", "true"},
		{"1 + 1 = 2 && 'a' & 'b' = 'ab'", "true"},
	};

	(void)state;
	assert_all(samples, OSY_COUNT(samples), OSY_T_BOOLEAN, 0, 0);
}

static void days(void **state)
{
	static const struct sample dates[] = {
		{"Closed", "\"2024-02-29\""},
		{"Closed + 1", "\"2024-03-01\""},
		{"Closed - 60", "\"2023-12-31\""},
		{"TODAY()", "\"2024-03-31\""},
		{"DATE(YEAR(Closed), MONTH(Closed) + 1, 1) - 1", "\"2024-02-29\""},
		{"DATEVALUE('2000-01-01')", "\"2000-01-01\""},
		{"DATEVALUE(Seen)", "\"2024-02-29\""},
		{"DATEVALUE(Empty)", "null"},
		{"NoDate + 1", "null"},
		{"DATE(1, 1, 1)", "\"0001-01-01\""},
		{"DATE(1900, 2, 28) + 1", "\"1900-03-01\""},
	};
	static const struct sample moments[] = {
		{"Seen", "\"2024-02-29T23:59:59.000+0000\""},
		{"NOW()", "\"2024-03-31T23:59:59.123+0000\""},
		{"Seen + 0.5", "\"2024-03-01T11:59:59.000+0000\""},
		{"Seen - 1 / 86400", "\"2024-02-29T23:59:58.000+0000\""},
		{"DATETIMEVALUE('2024-01-02 03:04:05')", "\"2024-01-02T03:04:05.000+0000\""},
		{"DATETIMEVALUE('2024-01-02T03:04:05.250+01:00')",
			"\"2024-01-02T02:04:05.250+0000\""},
		{"DATETIMEVALUE('1969-12-31T23:59:59.999Z')", "\"1969-12-31T23:59:59.999+0000\""},
		{"DATETIMEVALUE(Closed)", "\"2024-02-29T00:00:00.000+0000\""},
		{"DATETIMEVALUE('2024-01-02 25:00:00')",
			"!at 1: DATETIMEVALUE of a text that is no moment such as 2024-12-31 "
			"23:59:59"},
	};

	(void)state;
	assert_all(dates, OSY_COUNT(dates), OSY_T_DATE, 0, 0);
	assert_all(moments, OSY_COUNT(moments), OSY_T_DATETIME, 0, 0);
}

/* Found when it is compiled: what, and where. */
static void refused(void **state)
{
	static const struct sample samples[] = {
		{"UPER(Name)", "at 1: there is no function 'UPER'; did you mean 'UPPER'?"},
		{"UPPER(Nmae)",
			"at 7: there is no field 'Nmae' in the source; did you mean 'Name'?"},
		{"'\xc3\xa4' & Nmae",
			"at 7: there is no field 'Nmae' in the source; did you mean 'Name'?"},
		{"UPPER(Zzzzzzzz)", "at 7: there is no field 'Zzzzzzzz' in the source"},
		{"Account.Name",
			"at 1: 'Account.Name' is no field of the record itself; lookups and global "
			"values cannot be followed"},
		{"$User.Name",
			"at 1: '$User.Name' is no field of the record itself; lookups and global "
			"values cannot be followed"},
		{"Amount",
			"at 1: it makes a number, but the field is of type string; use TEXT(...)"},
		{"Active", "at 1: it makes true or false, but the field is of type string; use "
			   "TEXT(...)"},
		{"At", "at 1: field 'At' is of type time, which expressions cannot use"},
		{"LEFT(Name)", "at 1: 1 arguments do not fit: LEFT(text, count)"},
		{"LEFT(Name, 'x')", "at 12: this is a text, which does not fit: LEFT(text, count)"},
		{"UPPER(Amount)", "at 7: this is a number, which does not fit: UPPER(text)"},
		{"Name = 5", "at 8: this is a number, which does not fit: two values of one type"},
		{"Name < 'x'",
			"at 1: this is a text, which does not fit: two numbers, dates or moments"},
		{"Name * 2", "at 1: this is a text, which does not fit: number * number"},
		{"Closed = Seen",
			"at 10: this is a moment, which does not fit: two values of one type"},
		{"-Name", "at 2: this is a text, which does not fit: -number"},
		{"IF(Name, 'a', 'b')", "at 4: this is a text where a condition is expected"},
		{"IF(Active, 'a', 1)", "at 17: this is a number where a text is expected"},
		{"IF(Active, 'a')", "at 15: ',' is missing; it is IF(condition, value, value)"},
		{"IF(Active, 'a', 'b', 'c')",
			"at 20: ')' is missing; it is IF(condition, value, value)"},
		{"CASE(Rating, 'a', 'b')",
			"at 22: ',' is missing; it is CASE(expression, value, result, ..., else)"},
		{"CASE(Rating, 1, 'b', 'c')", "at 14: this is a number where a text is expected"},
		{"CASE(Rating, 'a', 'b', 1)", "at 24: this is a number where a text is expected"},
		{"Name && Active", "at 1: this is a text where a condition is expected"},
		{"AND(Active, Name)", "at 13: this is a text where a condition is expected"},
		{"ISPICKVAL(Name, 'x')", "at 11: this is a text, which does not fit: "
					 "ISPICKVAL(picklist field, text)"},
		{"INCLUDES(Rating, 'x')", "at 10: this is a text, which does not fit: "
					  "INCLUDES(multi-select field, text)"},
		{"BLANKVALUE(Name, 1)", "at 18: this is a number where a text is expected"},
		{"", "at 1: the expression ends too early"},
		{"Name &", "at 7: the expression ends too early"},
		{"(Name", "at 6: ')' is missing"},
		{"Name Name", "at 6: 'Name' is more than one expression"},
		{"Name)", "at 5: ')' is more than one expression"},
		{"* 2", "at 1: '*' has no meaning here"},
		{"Name # 2", "at 6: '#' has no meaning here"},
		{"'abc", "at 1: the text does not end; put a ' behind it"},
		{"TEXT(1.2.3)", "at 6: '1.2.3' is no number of at most 20 digits before the point"},
		{"TEXT(999999999999999999999999)",
			"at 6: '999999999999999999999999' is no number of at most 20 digits before "
			"the point"},
	};

	(void)state;
	assert_all(samples, OSY_COUNT(samples), OSY_T_STRING, 40, 0);
	OSY_AUTO_FREE char *lookup = made("AccountId", OSY_T_REFERENCE, 18, 0);
	assert_string_equal(lookup, "at 1: a field of type reference takes no expression");
	OSY_AUTO_FREE char *value = made("Name", OSY_T_DOUBLE, 0, 2);
	assert_string_equal(
		value, "at 1: it makes a text, but the field is of type double; use VALUE(...)");
}

static char *repeated(const char *a, size_t count, const char *middle, const char *b)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(64 * 1024);

	for (size_t i = 0; i < count; i++)
		osy_buf_addz(&text, a);
	osy_buf_addz(&text, middle);
	for (size_t i = 0; i < count; i++)
		osy_buf_addz(&text, b);
	return osy_buf_take(&text, NULL);
}

static void assert_long(
	const char *a, size_t count, const char *middle, const char *b, const char *want)
{
	OSY_AUTO_FREE char *text = repeated(a, count, middle, b);
	OSY_AUTO_FREE char *got = made(text, OSY_T_DOUBLE, 0, 2);

	if (!strstr(got, want))
		fail_msg("%.40s...: %s", text, got);
}

static void bounds(void **state)
{
	(void)state;
	assert_long("(", 50, "1", ")", "1");
	assert_long("(", 500, "1", ")", "nested too deeply");
	assert_long("-", 1000, "1", "", "nested too deeply");
	assert_long("!", 1000, "Active", "", "nested too deeply");
	assert_long("+", 1000, "1", "", "1");
	assert_long("1+", 1000, "1", "", "1001");
	assert_long("1 + ", 1100, "1", "", "at most 4000 bytes");
	assert_long("IF(Active,", 40, "2", ",1)", "2");
	assert_long("MAX(1,", 60, "2", ")", "2");
	assert_long("MAX(", 1,
		"1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
		"1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
		"1,1,1,1,1,"
		"1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
		")", "more than 100 arguments");
}

/* Without an org: what can be said is said, and nothing that a describe might make right. */
static void syntax(void **state)
{
	static const char *const good[] = {"LEFT(A + B, 2)", "IF(A, B, C)", "ISPICKVAL(A, 'x')",
		"YEAR(A)", "A - B", "CASE(A, B, C, D)", "TEXT(A + B) & C", "A = B",
		"ROUND(A - B, 2)", "BLANKVALUE(A, B)", "A && B || !C"};
	static const struct osy_expr_scope none = {NULL, 0};
	static const struct osy_expr_target any = {OSY_T_OTHER, 0, 0};
	OSY_AUTO(osy_arena_done) struct osy_arena arena;
	struct osy_err err = OSY_ERR_NONE;
	struct osy_expr *expr;

	(void)state;
	osy_arena_init(&arena, 16u * 1024);
	for (size_t i = 0; i < OSY_COUNT(good); i++) {
		if (osy_expr_compile(osy_str(good[i]), &none, &any, &arena, &expr, &err))
			fail_msg("%s: %s", good[i], err.msg);
	}
	assert_int_not_equal(
		osy_expr_compile(OSY_STR("LEFT(A)"), &none, &any, &arena, &expr, &err), OSY_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(scales),
		cmocka_unit_test(texts),
		cmocka_unit_test(conditions),
		cmocka_unit_test(days),
		cmocka_unit_test(refused),
		cmocka_unit_test(bounds),
		cmocka_unit_test(syntax),
	};

	return cmocka_run_group_tests_name("expr", tests, NULL, NULL);
}
