/* From the text to the program: one pass, types and depth of the stack known as it goes. */
#include "expr.h"
#include "expr_parse.h"
#include "template.h"

const char *const parse_types[] = {
	"anything", "NULL", "a text", "a number", "true or false", "a date", "a moment"};

/* ---- Steps ---- */
size_t parse_emit(struct parse *parse, enum expr_op op, unsigned arg, size_t from)
{
	struct osy_expr *expr = parse->expr;

	if (expr->step_count == 3 * parse->text.len + 8 || expr->step_count == EXPR_MAX_STEPS) {
		(void)parse_fail(parse, from, "the expression is too long; at most %d steps",
			EXPR_MAX_STEPS);
		return 0;
	}
	expr->steps[expr->step_count] =
		(struct expr_step){.op = op, .arg = arg, .at = parse_place(parse, from)};
	return expr->step_count++;
}

/* How many values a step leaves more (or less) than it found. */
void parse_moves(struct parse *parse, int by)
{
	parse->stack = (unsigned)((int)parse->stack + by);
	if (parse->stack > parse->expr->stack)
		parse->expr->stack = parse->stack;
	if (parse->stack > EXPR_MAX_STACK)
		(void)parse_fail(parse, parse->from, "the expression is nested too deeply");
}

void parse_here(struct parse *parse, size_t step)
{
	parse->expr->steps[step].arg = (unsigned)parse->expr->step_count;
}

void parse_emit_const(struct parse *parse, const struct expr_value *value, size_t from)
{
	struct osy_expr *expr = parse->expr;

	expr->constants[expr->constant_count] = *value;
	(void)parse_emit(parse, EXPR_CONST, (unsigned)expr->constant_count++, from);
	parse_moves(parse, 1);
}

/* ---- Types ---- */
static enum expr_type type_of(enum osy_sf_type type)
{
	switch (type) {
	case OSY_T_STRING:
	case OSY_T_PICKLIST:
	case OSY_T_MULTIPICKLIST:
	case OSY_T_COMBOBOX:
	case OSY_T_REFERENCE:
	case OSY_T_TEXTAREA:
	case OSY_T_PHONE:
	case OSY_T_ID:
	case OSY_T_URL:
	case OSY_T_EMAIL:
	case OSY_T_ENCRYPTED:
		return EXPR_TEXT;
	case OSY_T_BOOLEAN:
		return EXPR_BOOLEAN;
	case OSY_T_CURRENCY:
	case OSY_T_INT:
	case OSY_T_DOUBLE:
	case OSY_T_PERCENT:
	case OSY_T_LONG:
		return EXPR_NUMBER;
	case OSY_T_DATE:
		return EXPR_DATE;
	case OSY_T_DATETIME:
		return EXPR_MOMENT;
	case OSY_T_OTHER:
	case OSY_T_BASE64:
	case OSY_T_TIME:
	case OSY_T_LOCATION:
	case OSY_T_ADDRESS:
	case OSY_T_COMPLEX:
	case OSY_T_JSON:
	case OSY_T_CATEGORY:
		break;
	}
	return EXPR_ANY;
}

bool parse_is_a(enum expr_type is, enum expr_type wanted)
{
	return is == wanted || is == EXPR_ANY || is == EXPR_NULL || wanted == EXPR_ANY;
}

static bool is_list(const struct parse *parse, const struct operand *operand, char letter)
{
	if (!parse->scope->fields)
		return operand->type == EXPR_ANY;
	if (operand->field < 0)
		return false;
	enum osy_sf_type type = parse->scope->fields[operand->field].type;
	return letter == 'l' ? type == OSY_T_MULTIPICKLIST
			     : type == OSY_T_PICKLIST || type == OSY_T_COMBOBOX;
}

bool parse_fits(const struct parse *parse, const struct operand *operand, char letter)
{
	switch (letter | 0x20) {
	case 't':
		return parse_is_a(operand->type, EXPR_TEXT);
	case 'n':
		return parse_is_a(operand->type, EXPR_NUMBER);
	case 'b':
		return parse_is_a(operand->type, EXPR_BOOLEAN);
	case 'd':
		return parse_is_a(operand->type, EXPR_DATE);
	case 'm':
		return parse_is_a(operand->type, EXPR_MOMENT);
	case 'p':
	case 'l':
		return is_list(parse, operand, letter);
	default:
		return true;
	}
}

bool parse_same_type(struct parse *parse, enum expr_type *type, const struct operand *other)
{
	if (*type == EXPR_NULL || *type == EXPR_ANY) {
		if (other->type != EXPR_NULL)
			*type = other->type;
		return true;
	}
	if (parse_is_a(other->type, *type))
		return true;
	(void)parse_fail(parse, other->from, "this is %s where %s is expected",
		parse_types[other->type], parse_types[*type]);
	return false;
}

/* ---- Fields ---- */
static struct operand unknown_field(struct parse *parse, struct osy_str name, size_t from)
{
	const struct osy_expr_scope *scope = parse->scope;
	OSY_AUTO_FREE const char **names = osy_xcalloc(scope->count + 1, sizeof(*names));
	OSY_AUTO_FREE char *z = osy_xstrndup(name.p, name.len);

	for (size_t i = 0; i < scope->count; i++)
		names[i] = scope->fields[i].name;
	const char *near = osy_nearest(z, names, scope->count);
	return parse_fail(parse, from, "there is no field '%.60s' in the source%s%s%s", z,
		near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static struct operand take_field(struct parse *parse, struct osy_str name, size_t from)
{
	const struct osy_expr_scope *scope = parse->scope;
	size_t i = 0;

	if (memchr(name.p, '.', name.len) || memchr(name.p, '$', name.len))
		return parse_fail(parse, from,
			"'%.*s' is no field of the record itself; lookups and global values "
			"cannot be followed",
			EXPR_SHOW(name));
	if (!scope->fields) {
		struct expr_value none = {.null = true, .text = OSY_STR("")};
		parse_emit_const(parse, &none, from);
		return (struct operand){EXPR_ANY, -1, from};
	}
	while (i < scope->count && !osy_str_equal_nocase(osy_str(scope->fields[i].name), name))
		i++;
	if (i == scope->count)
		return unknown_field(parse, name, from);
	enum expr_type type = type_of(scope->fields[i].type);
	if (type == EXPR_ANY)
		return parse_fail(parse, from,
			"field '%.60s' is of type %s, which expressions cannot use",
			scope->fields[i].name, osy_sf_type_name(scope->fields[i].type));
	size_t step = parse_emit(parse, EXPR_FIELD, (unsigned)i, from);
	if (!parse->failed)
		parse->expr->steps[step].type = type;
	parse->expr->uses[i] = true;
	parse_moves(parse, 1);
	return (struct operand){type, (int)i, from};
}

/* ---- Operators, the loosest first ---- */
static struct operand take_name(struct parse *parse)
{
	struct osy_str name = parse->content;
	size_t from = parse->from;
	struct expr_value value = {.text = OSY_STR("")};

	parse_next(parse);
	if (parse_is_sign(parse, "("))
		return parse_function(parse, name, from);
	bool truth = osy_str_equal_nocase(name, OSY_STR("TRUE"));
	if (osy_str_equal_nocase(name, OSY_STR("NULL"))) {
		value.null = true;
		parse_emit_const(parse, &value, from);
		return (struct operand){EXPR_NULL, -1, from};
	}
	if (!truth && !osy_str_equal_nocase(name, OSY_STR("FALSE")))
		return take_field(parse, name, from);
	value.truth = truth;
	parse_emit_const(parse, &value, from);
	return (struct operand){EXPR_BOOLEAN, -1, from};
}

static struct operand primary(struct parse *parse)
{
	struct expr_value value = {.text = OSY_STR("")};
	struct operand operand = {EXPR_TEXT, -1, parse->from};

	if (parse->token == NAME)
		return take_name(parse);
	if (parse->token == TEXT || parse->token == NUMBER) {
		operand.type = parse->token == TEXT ? EXPR_TEXT : EXPR_NUMBER;
		value.text = parse->content;
		value.number = parse->number;
		parse_emit_const(parse, &value, parse->from);
		parse_next(parse);
		return operand;
	}
	if (parse_take_sign(parse, "(")) {
		operand = parse_expression(parse);
		parse_need_sign(parse, ")", NULL);
		return operand;
	}
	if (parse->token == END)
		return parse_fail(parse, parse->text.len, "the expression ends too early");
	return parse_fail(
		parse, parse->from, "'%.*s' has no meaning here", EXPR_SHOW(parse->content));
}

static struct operand unary(struct parse *parse)
{
	size_t from = parse->from;
	bool minus = parse_is_sign(parse, "-");

	if (!minus && !parse_is_sign(parse, "!")) {
		while (parse_take_sign(parse, "+"))
			from = parse->from;
		minus = parse_is_sign(parse, "-");
		if (!minus && !parse_is_sign(parse, "!"))
			return primary(parse);
	}
	parse_next(parse);
	if (++parse->depth > EXPR_MAX_DEPTH)
		return parse_fail(parse, from, "the expression is nested too deeply");
	struct operand operand = unary(parse);
	parse->depth--;
	return parse_call(parse, minus ? OSY_STR("-") : OSY_STR("NOT"), &operand, 1, from);
}

#define LEVELS 4
static const char *const levels[LEVELS][8] = {
	{"=", "==", "<>", "!="}, {"<", "<=", ">", ">="}, {"+", "-", "&"}, {"*", "/"}};

static struct operand binary(struct parse *parse, int level)
{
	if (level == LEVELS)
		return unary(parse);
	struct operand args[2] = {binary(parse, level + 1)};
	while (parse->token == SIGN) {
		size_t from = parse->from;
		struct osy_str sign = OSY_STR_NULL;
		for (int i = 0; i < 8 && levels[level][i] && !sign.p; i++) {
			if (parse_is_sign(parse, levels[level][i]))
				sign = osy_str(levels[level][i]);
		}
		if (!sign.p)
			break;
		parse_next(parse);
		args[1] = binary(parse, level + 1);
		sign = osy_str_is(sign, "==")	? OSY_STR("=")
		       : osy_str_is(sign, "!=") ? OSY_STR("<>")
						: sign;
		size_t begin = args[0].from;
		args[0] = parse_call(parse, sign, args, 2, from);
		args[0].from = begin;
	}
	return args[0];
}

/* Conditions joined by one sign; only what is needed is evaluated. */
static struct operand joined(struct parse *parse, const char *sign, enum expr_op op)
{
	struct operand first = op == EXPR_OR ? joined(parse, "&&", EXPR_AND) : binary(parse, 0);

	while (parse_is_sign(parse, sign)) {
		size_t from = parse->from;
		parse_next(parse);
		if (!parse_is_a(first.type, EXPR_BOOLEAN))
			return parse_fail(parse, first.from,
				"this is %s where a condition is expected",
				parse_types[first.type]);
		size_t jump = parse_emit(parse, op, 0, from);
		parse_moves(parse, -1);
		struct operand second =
			op == EXPR_OR ? joined(parse, "&&", EXPR_AND) : binary(parse, 0);
		if (!parse_is_a(second.type, EXPR_BOOLEAN))
			return parse_fail(parse, second.from,
				"this is %s where a condition is expected",
				parse_types[second.type]);
		if (parse->failed)
			return second;
		parse_here(parse, jump);
		first.type = EXPR_BOOLEAN;
		first.field = -1;
	}
	return first;
}

struct operand parse_expression(struct parse *parse)
{
	if (parse->failed)
		return (struct operand){EXPR_ANY, -1, parse->from};
	if (++parse->depth > EXPR_MAX_DEPTH)
		return parse_fail(parse, parse->from, "the expression is nested too deeply");
	struct operand operand = joined(parse, "||", EXPR_OR);
	parse->depth--;
	return operand;
}

/* ---- The whole ---- */
/* What it makes must be what the field takes. */
static void check_target(struct parse *parse, enum expr_type type)
{
	enum osy_sf_type field = parse->expr->target.type;
	enum expr_type wanted = type_of(field);

	if (field == OSY_T_OTHER || parse->failed)
		return;
	if (wanted == EXPR_ANY || field == OSY_T_REFERENCE || field == OSY_T_ID)
		(void)parse_fail(parse, 0, "a field of type %s takes no expression",
			osy_sf_type_name(field));
	else if (!parse_is_a(type, wanted))
		(void)parse_fail(parse, 0, "it makes %s, but the field is of type %s%s",
			parse_types[type], osy_sf_type_name(field),
			wanted == EXPR_TEXT			     ? "; use TEXT(...)"
			: wanted == EXPR_NUMBER && type == EXPR_TEXT ? "; use VALUE(...)"
								     : "");
}

enum osy_code osy_expr_compile(struct osy_str text, const struct osy_expr_scope *scope,
	const struct osy_expr_target *target, struct osy_arena *arena, struct osy_expr **ret,
	struct osy_err *err)
{
	struct osy_expr *expr = osy_arena_calloc(arena, 1, sizeof(*expr));
	struct parse parse = {
		.text = text, .scope = scope, .arena = arena, .expr = expr, .err = err};

	if (text.len > OSY_EXPR_MAX_TEXT || !osy_utf8_valid(text))
		return osy_fail(err, OSY_E_INVALID, "an expression is UTF-8 of at most %d bytes",
			OSY_EXPR_MAX_TEXT);
	*expr = (struct osy_expr){
		.fields = scope->fields, .field_count = scope->count, .target = *target};
	expr->steps = osy_arena_calloc(arena, 3 * text.len + 8, sizeof(*expr->steps));
	expr->constants = osy_arena_calloc(arena, text.len + 2, sizeof(*expr->constants));
	expr->uses = osy_arena_calloc(arena, scope->count + 1, sizeof(*expr->uses));
	parse_next(&parse);
	struct operand result = parse_expression(&parse);
	if (!parse.failed && parse.token != END)
		(void)parse_fail(&parse, parse.from, "'%.*s' is more than one expression",
			EXPR_SHOW(parse.content));
	check_target(&parse, result.type);
	if (parse.failed)
		return err->code;
	expr->type = result.type;
	*ret = expr;
	return OSY_OK;
}

bool osy_expr_uses(const struct osy_expr *expr, size_t index)
{
	return expr->uses[index];
}
