/*
 * Inside of the compiler of expressions: the text with the token ahead, and the program that it
 * becomes. After the first failure everything goes on to the end without any effect.
 */
#ifndef EXPR_PARSE_H
#define EXPR_PARSE_H

#include "expr_internal.h"

#define EXPR_MAX_ARGS 100
#define EXPR_SHOW(s) (int)((s).len < 60 ? (s).len : 60), (s).p

enum token { END, NAME, TEXT, NUMBER, SIGN };

struct parse {
	struct osy_str text;
	const struct osy_expr_scope *scope;
	struct osy_arena *arena;
	struct osy_expr *expr;
	struct osy_err *err;
	/* the token ahead */
	enum token token;
	size_t from, at; /* where it begins and ends, in bytes */
	struct osy_str content;
	expr_number number;
	unsigned depth, stack;
	bool failed;
};

struct operand {
	enum expr_type type;
	int field; /* it is that field as it is, -1: no */
	size_t from;
};

extern const char *const parse_types[]; /* as sentences name them */

/* ---- expr_token.c ---- */
/* The error, with the place of a byte; only the first one counts. */
struct operand parse_fail(struct parse *parse, size_t byte, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
unsigned parse_place(const struct parse *parse, size_t byte); /* in characters, from 1 */
void parse_next(struct parse *parse);
bool parse_is_sign(const struct parse *parse, const char *sign);
bool parse_take_sign(struct parse *parse, const char *sign);
void parse_need_sign(struct parse *parse, const char *sign, const char *of);

/* ---- expr.c ---- */
size_t parse_emit(struct parse *parse, enum expr_op op, unsigned arg, size_t from);
void parse_emit_const(struct parse *parse, const struct expr_value *value, size_t from);
/* How many values a step leaves more (or less) than it found. */
void parse_moves(struct parse *parse, int by);
void parse_here(struct parse *parse, size_t step); /* where that one jumps to */
bool parse_is_a(enum expr_type is, enum expr_type wanted);
/* Both are to be of one type; what is known of it by now. */
bool parse_same_type(struct parse *parse, enum expr_type *type, const struct operand *other);
bool parse_fits(const struct parse *parse, const struct operand *operand, char letter);
struct operand parse_expression(struct parse *parse);

/* ---- expr_call.c ---- */
/* A function or operator of operands that are there. */
struct operand parse_call(struct parse *parse, struct osy_str name, const struct operand *args,
	unsigned argc, size_t from);
/* A function whose parenthesis is ahead. */
struct operand parse_function(struct parse *parse, struct osy_str name, size_t from);

#endif
