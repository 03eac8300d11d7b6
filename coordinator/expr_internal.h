/*
 * Inside of the expressions: values, instructions, and the table of functions.
 *
 * Numbers are decimals: 128-bit integers of 10^-18, that is 20 digits before the point and 18
 * behind it, so every number that a field can hold is exact, and 0.1 + 0.2 is 0.3.
 */
#ifndef EXPR_INTERNAL_H
#define EXPR_INTERNAL_H

#include "expr.h"

#define EXPR_SCALE 18
#define EXPR_MAX_DEPTH 64
#define EXPR_MAX_STEPS 4096
#define EXPR_MAX_STACK 512
#define EXPR_DAY_MS 86400000

typedef __int128 expr_number;

enum expr_type {
	EXPR_ANY, /* not known: syntax only */
	EXPR_NULL,
	EXPR_TEXT,
	EXPR_NUMBER,
	EXPR_BOOLEAN,
	EXPR_DATE,
	EXPR_MOMENT
};

struct expr_value {
	bool null; /* a text without a character counts as null, too */
	bool truth;
	int64_t at; /* DATE: days, MOMENT: milliseconds, since 1970 */
	expr_number number;
	struct osy_str text; /* in the run's arena, the program's, or the record */
};

enum expr_op {
	EXPR_CONST,	/* pushes constants[arg] */
	EXPR_FIELD,	/* pushes the field at arg */
	EXPR_CALL,	/* functions[arg] of argc values */
	EXPR_JUMP,	/* to arg */
	EXPR_UNLESS,	/* pops; to arg unless it is true */
	EXPR_AND,	/* to arg unless the top is true, else pops it */
	EXPR_OR,	/* to arg if the top is true, else pops it */
	EXPR_FILLED,	/* to arg if the top is not blank, else pops it */
	EXPR_SAME,	/* pops; whether it equals the new top, which stays */
	EXPR_DROP_BELOW /* takes away what is under the top */
};

struct expr_step {
	enum expr_op op;
	unsigned argc, arg;
	unsigned at; /* character of the text, from 1 */
	enum expr_type type;
};

struct osy_expr {
	struct expr_step *steps;
	size_t step_count;
	struct expr_value *constants;
	size_t constant_count;
	const struct osy_expr_field *fields;
	bool *uses;
	size_t field_count;
	struct osy_expr_target target;
	enum expr_type type;
	unsigned stack;
};

struct osy_expr_run {
	struct osy_arena arena; /* text that is made for one record */
	size_t made;
	struct osy_buf scratch;
	int64_t now_ms;
	const char *why; /* it failed: a sentence */
	struct expr_value stack[EXPR_MAX_STACK];
};

/* ---- expr_functions.c ---- */
typedef void (*expr_fn)(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
/*
 * The result takes the place of args[0]. takes: a letter an argument, the last one for all further
 * ones: t text, n number, b true or false, d date, m moment, a anything, p a picklist field, l a
 * multi-select picklist field. A capital: null is looked at by the function; a small letter: a null
 * that is no text makes the result null without a call, and a null text is "".
 */
struct expr_function {
	const char *name;
	const char *takes;
	unsigned min, max;
	enum expr_type gives;
	expr_fn call;
	const char *form; /* for sentences: "LEFT(text, number)" */
};
extern const struct expr_function expr_functions[];
extern const size_t expr_function_count;
/* Index by name without case, -1: there is none. */
int expr_find_function(struct osy_str name);
void expr_fail(struct osy_expr_run *run, struct expr_value *result, const char *why);
bool expr_is_blank(const struct expr_value *value, enum expr_type type);
bool expr_same(const struct expr_value *a, const struct expr_value *b, enum expr_type type);
/* Room for text of this record; NULL, and the run has failed, when it makes too much. */
char *expr_room(struct osy_expr_run *run, size_t len);

/* ---- expr_text.c ---- */
void expr_left(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
void expr_right(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
void expr_mid(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
void expr_len(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
void expr_trim(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
void expr_upper(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
void expr_lower(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
void expr_substitute(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
void expr_contains(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
void expr_begins(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
void expr_find(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
void expr_lpad(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
void expr_rpad(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
void expr_includes(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
void expr_concat(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
size_t expr_characters(struct osy_str text);

/* ---- expr_number.c: each false when it does not fit ---- */
#define EXPR_TEXT_BYTES 64
expr_number expr_one(void);
/* Digits, a point, an exponent; further decimals are rounded, a half away from zero. */
bool expr_number_read(struct osy_str text, expr_number *ret);
size_t expr_number_write(expr_number n, char out[EXPR_TEXT_BYTES]); /* without zeros at the end */
bool expr_add(expr_number a, expr_number b, expr_number *ret);
bool expr_multiply(expr_number a, expr_number b, expr_number *ret);
bool expr_divide(expr_number a, expr_number b, expr_number *ret); /* b is not zero */
/* To so many decimals (negative: tens, hundreds ...): half away from zero, away from zero, towards
 * zero. */
enum expr_rounding { EXPR_HALF, EXPR_AWAY, EXPR_TOWARDS };
bool expr_round(expr_number n, int digits, enum expr_rounding how, expr_number *ret);
/* The whole number towards zero, held within int64. */
int64_t expr_whole(expr_number n);
bool expr_from_whole(int64_t n, expr_number *ret);

/* ---- expr_date.c ---- */
void expr_date(struct osy_expr_run *run, struct expr_value *args, unsigned argc);
bool expr_date_read(struct osy_str text, int64_t *ret_days);
bool expr_moment_read(struct osy_str text, int64_t *ret_ms);
size_t expr_date_write(int64_t days, char out[EXPR_TEXT_BYTES]);
size_t expr_moment_write(int64_t ms, bool plain, char out[EXPR_TEXT_BYTES]);
int64_t expr_days_of(int64_t ms); /* rounded down */
void expr_date_parts(int64_t days, int *ret_year, int *ret_month, int *ret_day);
bool expr_in_years(int64_t days); /* 0001 to 9999 */

#endif
