/*
 * Writing records as one transaction: convert rows, lock rows, then check and apply under the
 * org's write lock. The caller builds the rows, runs the transaction, reads the results and
 * ends it, which releases the row locks. A request in its latency has not committed yet.
 */
#ifndef SIM_WRITE_H
#define SIM_WRITE_H

#include "sim_lock.h"
#include "sim_value.h"

enum sim_op { SIM_INSERT, SIM_UPDATE, SIM_UPSERT, SIM_DELETE, SIM_UNDELETE };

/* a parent named by an external id */
struct sim_ext {
	struct sim_field *field;
	struct sim_object *target;
	struct sim_field *key;
	struct sim_val val;
};

struct sim_row {
	struct sim_object *obj;
	const struct sim_json *in;
	enum sim_op op;
	uint64_t id;
	const struct sim_field *key; /* of an upsert; NULL: by Id */
	struct sim_val key_val;
	struct sim_val *val;
	int nval;
	struct sim_ext *ext;
	int next;
	bool created, done, update_only, hard;
	struct sim_err err; /* code NULL: it went well */
	uint64_t *found;    /* several matches of an upsert */
	int nfound;
};

struct sim_undo {
	struct sim_undo *next;
	struct sim_rec *old; /* NULL: it did not exist */
	uint64_t oid;
};

struct sim_txn {
	struct sim_org *org;
	struct sim_arena *arena;
	uint64_t user;
	struct sim_row *row;
	int n;
	bool all_or_none, csv, seed;
	bool allow_save; /* duplicate rules that only alert are passed */
	bool assign;	 /* assignment rules work */
	struct sim_held held;
	struct sim_undo *undo;
	bool keep_undo; /* the caller may still roll back what was committed */
	int64_t now_ms;
	uint64_t first_new[SIM_MAX_OBJECTS]; /* serial before this transaction, + 1 */
	const struct sim_err *fault;	     /* rows fail with it */
	double fault_share;		     /* how many of them */
	int64_t pause_us; /* latency, slept between taking the row locks and committing */
	int written;
	struct sim_err call_err; /* refuses the whole call */
};

void sim_txn_run(struct sim_txn *t);
void sim_txn_end(struct sim_txn *t); /* row locks and undo */
/* under the write lock: puts a converted row in the place that its id names */
bool sim_write_past_rules(struct sim_txn *t, struct sim_row *row);
/* takes back everything of an undo list that was kept; needs no lock */
void sim_undo_all(struct sim_org *org, struct sim_undo **list);
void sim_undo_free(struct sim_undo **list);

/* ---- between the parts of the writer ---- */

/* the values that a record will have: one slot a field, NULL for null */
struct sim_work {
	struct sim_txn *t;
	struct sim_row *row;
	const struct sim_object *obj;
	const struct sim_rec *old;
	const struct sim_val *slot[SIM_MAX_FIELDS];
	bool sent[SIM_MAX_FIELDS];
};

bool sim_row_convert(struct sim_txn *t, struct sim_row *row);
void sim_txn_put(struct sim_txn *t, struct sim_rec *rec);
void sim_rec_stamp(
	const struct sim_txn *t, struct sim_rec *rec, const struct sim_rec *old, bool touch);
struct sim_rec *sim_rec_copy(const struct sim_rec *r);
bool sim_delete_row(struct sim_txn *t, struct sim_row *row, uint64_t oid);
bool sim_undelete_row(struct sim_txn *t, struct sim_row *row, uint64_t oid);
bool sim_rules_check(struct sim_work *w);
void sim_derive(struct sim_work *w);
void sim_defaults(struct sim_work *w);
/* whom the active assignment rule gives a record of this object; 0: none works */
uint64_t sim_assigned(const struct sim_txn *t, const struct sim_object *o);
bool sim_special_check(struct sim_work *w);
void sim_put_text(struct sim_work *w, const char *name, struct sim_str s);
void sim_put_bool(struct sim_work *w, const char *name, bool on);
void sim_put_ref(struct sim_work *w, const char *name, uint64_t oid);
bool sim_currency_check(struct sim_work *w);
/* sim_values.c: values that the record type does not take */
bool sim_values_check(struct sim_work *w);
void sim_currency_derive(struct sim_work *w);
bool sim_person_check(struct sim_work *w);
void sim_person_derive(struct sim_work *w);
bool sim_person_contact_check(struct sim_work *w);
bool sim_row_fail(struct sim_txn *t, struct sim_row *row, const char *code, const char *field,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
struct sim_str sim_work_text(const struct sim_work *w, const char *name);
double sim_work_num(const struct sim_work *w, const char *name);
uint64_t sim_work_ref(const struct sim_work *w, const char *name);
void sim_work_set(struct sim_work *w, const struct sim_val *v); /* borrows v for the row */
void sim_put_text(struct sim_work *w, const char *name, struct sim_str s);
void sim_put_bool(struct sim_work *w, const char *name, bool on);
void sim_put_num(struct sim_work *w, const char *name, double v);
void sim_put_ref(struct sim_work *w, const char *name, uint64_t oid);
/* another record of this object that agrees with this one in both lookups; 0: none */
uint64_t sim_twin(const struct sim_work *w, const char *a, const char *b);
const struct sim_val *sim_work_keep(struct sim_work *w, struct sim_val v);

#endif
