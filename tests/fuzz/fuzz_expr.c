/* Expressions: the first line is one, the rest the values of the fields that it may name. What is
 * compiled for one type of field, which the size chooses, makes a value of that type, the same
 * twice, or says why not. */
#include "expr.h"
#include "osy/json_pull.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct osy_expr_field fields[] = {{"T", OSY_T_STRING}, {"N", OSY_T_DOUBLE},
	{"B", OSY_T_BOOLEAN}, {"D", OSY_T_DATE}, {"M", OSY_T_DATETIME}, {"P", OSY_T_PICKLIST},
	{"L", OSY_T_MULTIPICKLIST}, {"Id", OSY_T_ID}};
static const struct osy_expr_target targets[] = {{OSY_T_OTHER, 0, 0}, {OSY_T_STRING, 40, 0},
	{OSY_T_CURRENCY, 0, 2}, {OSY_T_INT, 0, 0}, {OSY_T_BOOLEAN, 0, 0}, {OSY_T_DATE, 0, 0},
	{OSY_T_DATETIME, 0, 0}};

/* Values as an org gives them: a JSON scalar a line. */
static void take_values(struct osy_str rest, struct osy_str *values)
{
	for (size_t i = 0; i < OSY_COUNT(fields) && rest.len; i++) {
		const char *end = memchr(rest.p, '\n', rest.len);
		size_t len = end ? (size_t)(end - rest.p) : rest.len;
		struct osy_json_pull pull;
		osy_json_pull_init(&pull, (struct osy_str){rest.p, len});
		enum osy_pull token = osy_json_pull_next(&pull);
		if (token == OSY_PULL_STRING || token == OSY_PULL_NUMBER)
			values[i] = pull.token;
		rest.p += len + (end != NULL);
		rest.len -= len + (end != NULL);
	}
}

static void check_value(struct osy_str made, enum osy_sf_type type)
{
	struct osy_json_pull pull;

	OSY_ASSERT(made.len > 0);
	if (made.p[0] == '!') {
		OSY_ASSERT(osy_utf8_line(made));
		return;
	}
	osy_json_pull_init(&pull, made);
	enum osy_pull token = osy_json_pull_next(&pull);
	OSY_ASSERT(token != OSY_PULL_ERROR && osy_json_pull_next(&pull) == OSY_PULL_END);
	if (type == OSY_T_STRING || type == OSY_T_DATE || type == OSY_T_DATETIME)
		OSY_ASSERT(token == OSY_PULL_STRING || osy_str_is(made, "null"));
	if (type == OSY_T_CURRENCY || type == OSY_T_INT)
		OSY_ASSERT(token == OSY_PULL_NUMBER || osy_str_is(made, "null"));
	if (type == OSY_T_BOOLEAN)
		OSY_ASSERT(osy_str_is(made, "true") || osy_str_is(made, "false"));
}

static void evaluate(
	const struct osy_expr *expr, const struct osy_str *values, enum osy_sf_type type)
{
	OSY_AUTO(osy_buf_done) struct osy_buf first = OSY_BUF(64 << 20), again = OSY_BUF(64 << 20);
	struct osy_expr_run *run = osy_expr_run_new(1700000000123);

	osy_expr_eval(expr, run, values, &first);
	check_value(osy_buf_str(&first), type);
	osy_expr_eval(expr, run, values, &again);
	OSY_ASSERT(osy_str_equal(osy_buf_str(&first), osy_buf_str(&again)));
	osy_expr_run_free(run);
}

static void with_target(
	struct osy_str text, const struct osy_str *values, const struct osy_expr_target *target)
{
	static const struct osy_expr_scope known = {fields, OSY_COUNT(fields)}, unknown = {NULL, 0};
	static const struct osy_expr_target any = {OSY_T_OTHER, 0, 0};
	OSY_AUTO(osy_arena_done) struct osy_arena arena;
	struct osy_err err = OSY_ERR_NONE;
	struct osy_expr *expr;

	osy_arena_init(&arena, 16u * 1024);
	const bool right = !osy_expr_compile(text, &known, target, &arena, &expr, &err);
	if (right)
		evaluate(expr, values, target->type);
	else
		OSY_ASSERT(err.msg[0]);
	/* what is right by the describe is right without */
	if (osy_expr_compile(text, &unknown, &any, &arena, &expr, &err) && right)
		OSY_BUG("without types: %s", err.msg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = size ? memchr(p, '\n', size) : NULL;
	size_t len = end ? (size_t)(end - p) : size;
	struct osy_str values[OSY_COUNT(fields)] = {{0}};

	take_values((struct osy_str){p + len + (end != NULL), size - len - (end != NULL)}, values);
	with_target((struct osy_str){p, len}, values, &targets[size % OSY_COUNT(targets)]);
	return 0;
}
