/* The stack machine: a program over one record. */
#include <stdlib.h>

#include "expr_internal.h"
#include "osy/json_pull.h"

#define ARENA_BYTES (64u * 1024) /* what records of usual size make is no allocation */

struct osy_expr_run *osy_expr_run_new(int64_t now_ms)
{
	struct osy_expr_run *run = osy_xcalloc(1, sizeof(*run));

	osy_arena_init(&run->arena, ARENA_BYTES);
	run->scratch = OSY_BUF(2 * OSY_EXPR_MAX_MADE);
	run->now_ms = now_ms;
	return run;
}

struct osy_expr_run *osy_expr_run_free(struct osy_expr_run *run)
{
	if (run) {
		osy_arena_done(&run->arena);
		osy_buf_done(&run->scratch);
		free(run);
	}
	return NULL;
}

/* ---- Fields of the record ---- */
static struct osy_str text_of(struct osy_expr_run *run, struct osy_str raw, struct expr_value *ret)
{
	struct osy_str text = raw;
	struct osy_err ignored = OSY_ERR_NONE;

	if (raw.len < 2 || raw.p[0] != '"' || osy_json_plain(raw, &text))
		return text;
	osy_buf_reset(&run->scratch);
	if (osy_json_unquote(raw, &run->scratch, &ignored)) {
		expr_fail(run, ret, "a field holds a text that is too long, or no Unicode");
		return OSY_STR("");
	}
	char *room = expr_room(run, run->scratch.len);
	if (!room)
		return OSY_STR("");
	memcpy(room, run->scratch.p, run->scratch.len);
	return (struct osy_str){room, run->scratch.len};
}

static void read_field(
	struct osy_expr_run *run, enum expr_type type, struct osy_str raw, struct expr_value *ret)
{
	bool good = true;

	*ret = (struct expr_value){.text = OSY_STR("")};
	if (!raw.p || osy_str_is(raw, "null")) {
		ret->null = true;
		return;
	}
	ret->text = text_of(run, raw, ret);
	ret->null = ret->text.len == 0 && type != EXPR_TEXT;
	if (ret->null)
		return;
	if (type == EXPR_NUMBER)
		good = expr_number_read(ret->text, &ret->number);
	else if (type == EXPR_DATE)
		good = expr_date_read(ret->text, &ret->at);
	else if (type == EXPR_MOMENT)
		good = expr_moment_read(ret->text, &ret->at);
	else if (type == EXPR_BOOLEAN)
		ret->truth = osy_str_is(ret->text, "true");
	if (!good)
		expr_fail(run, ret, "the org gave a value that its field cannot have");
}

/* ---- Steps ---- */
static void call(struct osy_expr_run *run, const struct expr_step *step, struct expr_value *args)
{
	const struct expr_function *function = &expr_functions[step->arg];
	size_t letters = strlen(function->takes);
	bool null = false;

	for (unsigned i = 0; i < step->argc; i++) {
		char letter = function->takes[i < letters ? i : letters - 1];
		bool text = letter == 't' || letter == 'p' || letter == 'l' || letter == 'T';
		if (text && args[i].null)
			args[i].text = OSY_STR("");
		null |= args[i].null && !text && letter >= 'a';
		if (text && letter != 'T')
			args[i].null = false;
	}
	if (null)
		args[0] = (struct expr_value){.null = true, .text = OSY_STR("")};
	else
		function->call(run, args, step->argc);
}

/* One step; the next one's index. top: the value above the stack. */
static size_t take_step(const struct osy_expr *expr, struct osy_expr_run *run,
	const struct osy_str *values, size_t at, struct expr_value **top)
{
	const struct expr_step *step = &expr->steps[at];
	struct expr_value *last = *top - 1;
	bool truth;

	switch (step->op) {
	case EXPR_CONST:
		*(*top)++ = expr->constants[step->arg];
		return at + 1;
	case EXPR_FIELD:
		read_field(run, step->type, values[step->arg], (*top)++);
		return at + 1;
	case EXPR_CALL:
		*top -= step->argc;
		call(run, step, *top);
		(*top)++;
		return at + 1;
	case EXPR_JUMP:
		return step->arg;
	case EXPR_UNLESS:
		(*top)--;
		return last->null || !last->truth ? step->arg : at + 1;
	case EXPR_AND:
	case EXPR_OR:
		truth = !last->null && last->truth;
		*last = (struct expr_value){.truth = truth};
		if (truth == (step->op == EXPR_OR))
			return step->arg;
		(*top)--;
		return at + 1;
	case EXPR_FILLED:
		if (!expr_is_blank(last, step->type))
			return step->arg;
		(*top)--;
		return at + 1;
	case EXPR_SAME:
		truth = expr_same(last - 1, last, step->type);
		*last = (struct expr_value){.truth = truth};
		return at + 1;
	case EXPR_DROP_BELOW:
		last[-1] = *last;
		(*top)--;
		return at + 1;
	}
	OSY_BUG("an expression has a step of kind %d", (int)step->op);
}

/* ---- The result ---- */
static const char *write_number(const struct osy_expr *expr, expr_number n, struct osy_buf *out)
{
	char text[EXPR_TEXT_BYTES];
	bool whole = expr->target.type == OSY_T_INT || expr->target.type == OSY_T_LONG;

	if (!expr_round(n, whole ? 0 : expr->target.scale, EXPR_HALF, &n))
		return "the number has more than 20 digits before the point";
	(void)expr_number_write(n, text);
	osy_buf_addz(out, text);
	return NULL;
}

/* Why it does not fit, NULL when it does and is written. */
static const char *write_result(
	const struct osy_expr *expr, const struct expr_value *value, struct osy_buf *out)
{
	char text[EXPR_TEXT_BYTES];

	if (expr_is_blank(value, expr->type)) {
		osy_buf_addz(out, expr->target.type == OSY_T_BOOLEAN ? "false" : "null");
		return NULL;
	}
	switch (expr->type) {
	case EXPR_TEXT:
		if (expr->target.length > 0 &&
			expr_characters(value->text) > (size_t)expr->target.length)
			return "the text is longer than the field";
		osy_json_quote(value->text, out);
		return NULL;
	case EXPR_NUMBER:
		return write_number(expr, value->number, out);
	case EXPR_BOOLEAN:
		osy_buf_addz(out, value->truth ? "true" : "false");
		return NULL;
	case EXPR_DATE:
		(void)expr_date_write(value->at, text);
		osy_buf_addf(out, "\"%s\"", text);
		return NULL;
	case EXPR_MOMENT:
		(void)expr_moment_write(value->at, false, text);
		osy_buf_addf(out, "\"%s\"", text);
		return NULL;
	case EXPR_ANY:
	case EXPR_NULL:
		break;
	}
	osy_buf_addz(out, "null");
	return NULL;
}

void osy_expr_eval(const struct osy_expr *expr, struct osy_expr_run *run,
	const struct osy_str *values, struct osy_buf *out)
{
	struct expr_value *top = run->stack;
	size_t at = 0, last = 0;

	run->made = 0;
	run->why = NULL;
	while (at < expr->step_count && !run->why) {
		last = at;
		at = take_step(expr, run, values, at, &top);
		OSY_ASSERT(top >= run->stack && top <= run->stack + expr->stack);
	}
	if (!run->why)
		run->why = write_result(expr, run->stack, out);
	if (run->why)
		osy_buf_addf(out, "!at %u: %s", expr->steps[last].at, run->why);
	osy_arena_reset(&run->arena);
}
