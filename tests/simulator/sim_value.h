/*
 * Values on their way in (JSON or text to what a record keeps, with Salesforce's normalisations
 * and refusals) and out (JSON, plain text). Needs no lock.
 */
#ifndef SIM_VALUE_H
#define SIM_VALUE_H

#include "sim_json.h"
#include "sim_org.h"
#include "sim_store.h"

struct sim_err {
	const char *code; /* NULL: no error */
	const char *msg;
	const char *field[12];
	int nfields;
};

struct sim_conv {
	const struct sim_org *org;
	struct sim_arena *arena;
	bool csv, seed;
};

void sim_err_set(struct sim_err *e, struct sim_arena *a, const char *code, const char *field,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* false with err set; ret->null for null */
bool sim_value_in(const struct sim_conv *c, const struct sim_field *f, const struct sim_json *v,
	struct sim_val *ret, struct sim_err *err);
struct sim_val sim_val_u64(struct sim_arena *a, const struct sim_field *f, uint64_t v);
struct sim_val sim_val_text(struct sim_arena *a, const struct sim_field *f, struct sim_str s);
struct sim_val sim_val_num(struct sim_arena *a, const struct sim_field *f, double v);

void sim_value_out(struct sim_buf *b, const struct sim_org *org, const struct sim_object *obj,
	const struct sim_rec *r, const struct sim_field *f);
/* as text, for CSV; nothing for null */
void sim_value_plain(struct sim_buf *b, const struct sim_org *org, const struct sim_rec *r,
	const struct sim_field *f);
/* for filters and sorting: id, time, number or text; false when null */
struct sim_cell {
	enum sim_kept kept;
	struct sim_str s;
	double num;
	int64_t i64;
};
bool sim_value_cell(const struct sim_rec *r, const struct sim_field *f, struct sim_cell *ret);

#endif
