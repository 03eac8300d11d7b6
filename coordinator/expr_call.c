/* Calls of functions and operators: which form fits, and those that evaluate what is needed only.
 */
#include <ctype.h>

#include "expr_parse.h"
#include "template.h"

/* With types that are not known, another row of that name may be the one. */
static enum expr_type gives(
	const struct parse *parse, size_t row, const struct operand *args, unsigned argc)
{
	bool known = parse->scope->fields != NULL;

	for (unsigned i = 0; i < argc && !known; i++) {
		if (args[i].type != EXPR_ANY)
			continue;
		for (size_t r = row + 1; r < expr_function_count; r++) {
			if (strcmp(expr_functions[r].name, expr_functions[row].name) == 0 &&
				expr_functions[r].gives != expr_functions[row].gives)
				return EXPR_ANY;
		}
	}
	return expr_functions[row].gives;
}

static struct operand emit_call(
	struct parse *parse, size_t row, const struct operand *args, unsigned argc, size_t from)
{
	size_t step = parse_emit(parse, EXPR_CALL, (unsigned)row, from);

	parse->expr->steps[step].argc = argc;
	parse_moves(parse, 1 - (int)argc);
	return (struct operand){gives(parse, row, args, argc), -1, from};
}

/* The row of this name whose arguments fit; else the one to blame. */
struct operand parse_call(struct parse *parse, struct osy_str name, const struct operand *args,
	unsigned argc, size_t from)
{
	const struct expr_function *known = NULL;
	unsigned wrong = 0;

	for (size_t i = 0; i < expr_function_count && !parse->failed; i++) {
		const struct expr_function *row = &expr_functions[i];
		size_t letters = strlen(row->takes);
		unsigned good = 0;
		if (!osy_str_equal_nocase(name, osy_str(row->name)))
			continue;
		if (argc < row->min || argc > row->max) {
			known = known ? known : row;
			continue;
		}
		while (good < argc && parse_fits(parse, &args[good],
					      row->takes[good < letters ? good : letters - 1]))
			good++;
		if (good == argc)
			return emit_call(parse, i, args, argc, from);
		wrong = !known || known->min > argc || good > wrong ? good : wrong;
		known = row;
	}
	if (known && argc >= known->min && argc <= known->max)
		return parse_fail(parse, args[wrong].from, "this is %s, which does not fit: %s",
			parse_types[args[wrong].type], known->form);
	return parse_fail(
		parse, from, "%u arguments do not fit: %s", argc, known ? known->form : "?");
}

static struct operand condition(struct parse *parse)
{
	struct operand operand = parse_expression(parse);

	if (!parse_is_a(operand.type, EXPR_BOOLEAN))
		return parse_fail(parse, operand.from, "this is %s where a condition is expected",
			parse_types[operand.type]);
	return operand;
}

/* IF(condition, value, value) */
static struct operand take_if(struct parse *parse, size_t from, const char *form)
{
	(void)condition(parse);
	size_t unless = parse_emit(parse, EXPR_UNLESS, 0, from);
	parse_moves(parse, -1);
	parse_need_sign(parse, ",", form);
	struct operand result = parse_expression(parse);
	size_t jump = parse_emit(parse, EXPR_JUMP, 0, from);
	parse_need_sign(parse, ",", form);
	if (parse->failed)
		return result;
	parse_here(parse, unless);
	parse_moves(parse, -1);
	struct operand other = parse_expression(parse);
	parse_here(parse, jump);
	(void)parse_same_type(parse, &result.type, &other);
	return (struct operand){result.type, -1, from};
}

/* CASE(expression, value, result, ..., else) */
static struct operand take_case(struct parse *parse, size_t from, const char *form)
{
	struct operand subject = parse_expression(parse), item;
	enum expr_type result = EXPR_NULL;
	size_t jumps[EXPR_MAX_ARGS * 2], count = 0;

	parse_need_sign(parse, ",", form);
	for (item = parse_expression(parse); parse_take_sign(parse, ",");
		item = parse_expression(parse)) {
		if (!parse_same_type(parse, &subject.type, &item))
			return item;
		if (count == OSY_COUNT(jumps))
			return parse_fail(parse, item.from, "CASE takes at most %zu values",
				OSY_COUNT(jumps));
		size_t same = parse_emit(parse, EXPR_SAME, 0, item.from);
		size_t unless = parse_emit(parse, EXPR_UNLESS, 0, item.from);
		parse_moves(parse, -1);
		item = parse_expression(parse);
		(void)parse_same_type(parse, &result, &item);
		(void)parse_emit(parse, EXPR_DROP_BELOW, 0, item.from);
		jumps[count++] = parse_emit(parse, EXPR_JUMP, 0, item.from);
		parse_moves(parse, -1);
		parse_need_sign(parse, ",", form);
		if (parse->failed)
			return item;
		parse->expr->steps[same].type = subject.type;
		parse_here(parse, unless);
	}
	if (!count)
		return parse_fail(
			parse, from, "a value and its result are missing; it is %s", form);
	(void)parse_same_type(parse, &result, &item);
	(void)parse_emit(parse, EXPR_DROP_BELOW, 0, item.from);
	parse_moves(parse, -1);
	for (size_t i = 0; i < count && !parse->failed; i++)
		parse_here(parse, jumps[i]);
	return (struct operand){result, -1, from};
}

/* AND(condition, ...), OR(condition, ...) */
static struct operand take_conditions(struct parse *parse, enum expr_op op, size_t from)
{
	size_t jumps[EXPR_MAX_ARGS], count = 0;

	(void)condition(parse);
	while (parse_take_sign(parse, ",")) {
		if (count == EXPR_MAX_ARGS)
			return parse_fail(
				parse, parse->from, "more than %d conditions", EXPR_MAX_ARGS);
		jumps[count++] = parse_emit(parse, op, 0, from);
		parse_moves(parse, -1);
		(void)condition(parse);
	}
	if (!count && !parse->failed) { /* of one: still true or false, never null */
		jumps[count++] = parse_emit(parse, op, 0, from);
		parse_moves(parse, -1);
		struct expr_value value = {.truth = op == EXPR_AND};
		parse_emit_const(parse, &value, from);
	}
	for (size_t i = 0; i < count && !parse->failed; i++)
		parse_here(parse, jumps[i]);
	return (struct operand){EXPR_BOOLEAN, -1, from};
}

/* BLANKVALUE(expression, value) */
static struct operand take_blank_value(struct parse *parse, size_t from, const char *form)
{
	struct operand first = parse_expression(parse);
	size_t filled = parse_emit(parse, EXPR_FILLED, 0, from);

	parse_moves(parse, -1);
	parse_need_sign(parse, ",", form);
	struct operand second = parse_expression(parse);
	enum expr_type type = first.type;
	if (!parse_same_type(parse, &type, &second) || parse->failed)
		return second;
	parse->expr->steps[filled].type = type;
	parse_here(parse, filled);
	return (struct operand){type, -1, from};
}

static struct operand take_call(struct parse *parse, struct osy_str name, size_t from)
{
	struct operand args[EXPR_MAX_ARGS];
	unsigned argc = 0;

	if (!parse_is_sign(parse, ")")) {
		do {
			if (argc == EXPR_MAX_ARGS)
				return parse_fail(parse, parse->from, "more than %d arguments",
					EXPR_MAX_ARGS);
			args[argc++] = parse_expression(parse);
		} while (parse_take_sign(parse, ","));
	}
	return parse_call(parse, name, args, argc, from);
}

static struct operand unknown_function(struct parse *parse, struct osy_str name, size_t from)
{
	OSY_AUTO_FREE const char **names = osy_xcalloc(expr_function_count, sizeof(*names));
	OSY_AUTO_FREE char *z = osy_xstrndup(name.p, name.len);

	for (size_t i = 0; i < expr_function_count; i++)
		names[i] = expr_functions[i].name;
	const char *near = osy_nearest(z, names, expr_function_count);
	near = near && isalpha((unsigned char)near[0]) ? near : NULL;
	return parse_fail(parse, from, "there is no function '%.60s'%s%s%s", z,
		near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

struct operand parse_function(struct parse *parse, struct osy_str name, size_t from)
{
	int index = expr_find_function(name);
	struct operand result;

	if (index < 0)
		return unknown_function(parse, name, from);
	const struct expr_function *function = &expr_functions[index];
	parse_next(parse); /* the parenthesis */
	if (osy_str_equal_nocase(name, OSY_STR("IF")))
		result = take_if(parse, from, function->form);
	else if (osy_str_equal_nocase(name, OSY_STR("CASE")))
		result = take_case(parse, from, function->form);
	else if (osy_str_equal_nocase(name, OSY_STR("AND")))
		result = take_conditions(parse, EXPR_AND, from);
	else if (osy_str_equal_nocase(name, OSY_STR("OR")))
		result = take_conditions(parse, EXPR_OR, from);
	else if (!function->call)
		result = take_blank_value(parse, from, function->form);
	else
		result = take_call(parse, name, from);
	parse_need_sign(parse, ")", function->form);
	return result;
}
