/*
 * Expressions: what a template's `expressions` make of the fields of a record, in the words of a
 * Salesforce formula (docs/templates.md). A text is compiled once, typed against the source's
 * describe, into a program of a small stack machine; it is run for each record and can do nothing
 * but make one value: no loop, no call out of it, so it ends after as many steps as it has.
 *
 * Bounds: the text, the depth, the program and the bytes that a record makes. A program lives in
 * the arena that it was compiled into. One thread per run of it.
 */
#ifndef OSY_EXPR_H
#define OSY_EXPR_H

#include "osy/mem.h"
#include "osy/sf_describe.h"

#define OSY_EXPR_MAX_TEXT 4000	    /* bytes of an expression */
#define OSY_EXPR_MAX_MADE (1 << 20) /* bytes of text that one record may make */

struct osy_expr_field { /* of the source */
	const char *name;
	enum osy_sf_type type;
};
struct osy_expr_scope { /* fields NULL: none is known, all names and types pass (syntax only) */
	const struct osy_expr_field *fields;
	size_t count;
};
struct osy_expr_target {
	enum osy_sf_type type; /* OSY_T_OTHER: any (syntax only) */
	int length, scale;     /* of text, in characters, 0: not limited; of numbers */
};

struct osy_expr;

/*
 * Compiles; an error says where in the text: "at 12: there is no function 'UPER'; did you mean
 * 'UPPER'?". Borrows scope's names.
 */
enum osy_code osy_expr_compile(struct osy_str text, const struct osy_expr_scope *scope,
	const struct osy_expr_target *target, struct osy_arena *arena, struct osy_expr **ret,
	struct osy_err *err) OSY_CHECKED;
/* Whether it reads the scope's field at index. */
bool osy_expr_uses(const struct osy_expr *expr, size_t index);

/* What runs programs: stack and text of one record. */
struct osy_expr_run;
struct osy_expr_run *osy_expr_run_new(int64_t now_ms); /* what NOW() and TODAY() say, UTC */
struct osy_expr_run *osy_expr_run_free(struct osy_expr_run *run);
/*
 * values: raw JSON of the scope's fields. Appends raw JSON (or null) to out; when it fails, '!' and
 * a sentence without any value: "at 12: division by zero".
 */
void osy_expr_eval(const struct osy_expr *expr, struct osy_expr_run *run,
	const struct osy_str *values, struct osy_buf *out);

#endif
