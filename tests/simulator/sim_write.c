#include "sim_write.h"

#include <stdlib.h>

struct sim_rec *sim_rec_copy(const struct sim_rec *r)
{
	size_t size = sizeof(*r) + r->nslots * 6u + r->bytes;
	struct sim_rec *c = sim_alloc(size);

	/* the references are other threads' to count */
	memcpy((char *)c + offsetof(struct sim_rec, oid),
		(const char *)r + offsetof(struct sim_rec, oid),
		size - offsetof(struct sim_rec, oid));
	c->log_at = 0;
	atomic_init(&c->refs, 1);
	return c;
}

void sim_rec_stamp(
	const struct sim_txn *t, struct sim_rec *rec, const struct sim_rec *old, bool touch)
{
	if (old) {
		rec->oid = old->oid;
		rec->created = old->created;
		rec->created_by = old->created_by;
		rec->modified = old->modified;
		rec->modified_by = old->modified_by;
		rec->deleted = old->deleted;
	} else {
		rec->created = t->now_ms;
		rec->created_by = (uint32_t)sim_oid_serial(t->user);
	}
	if (touch) {
		rec->modified = t->now_ms;
		rec->modified_by = (uint32_t)sim_oid_serial(t->user);
	}
	rec->stamp = t->now_ms;
}

void sim_txn_put(struct sim_txn *t, struct sim_rec *rec)
{
	struct sim_store *st = t->org->object[sim_oid_obj(rec->oid)]->store;
	struct sim_undo *u;

	if (t->seed) {
		sim_rec_unref(sim_store_put(st, rec));
		return;
	}
	u = sim_alloc(sizeof(*u));
	*u = (struct sim_undo){.next = t->undo, .oid = rec->oid};
	u->old = sim_store_put(st, rec);
	t->undo = u;
}

static void sim_undo_to(struct sim_org *org, struct sim_undo **list, const struct sim_undo *stop)
{
	while (*list != stop) {
		struct sim_undo *u = *list;
		struct sim_store *st = org->object[sim_oid_obj(u->oid)]->store;

		sim_rec_unref(u->old ? sim_store_put(st, u->old)
				     : sim_store_take(st, sim_oid_serial(u->oid)));
		*list = u->next;
		free(u);
	}
}

void sim_undo_all(struct sim_org *org, struct sim_undo **list)
{
	pthread_rwlock_wrlock(&org->db);
	sim_undo_to(org, list, NULL);
	pthread_rwlock_unlock(&org->db);
}

void sim_undo_free(struct sim_undo **list)
{
	while (*list) {
		struct sim_undo *u = *list;

		*list = u->next;
		sim_rec_unref(u->old);
		free(u);
	}
}

/* ---- finding targets and taking row locks ---- */

static bool sim_find_ext(struct sim_txn *t, struct sim_row *row, const struct sim_ext *e)
{
	struct sim_store *st = e->target->store;
	uint64_t at = e->val.null || e->key->index < 0
			      ? 0
			      : sim_index_next(st, e->key->index, e->val.s, 0);

	if (!at)
		return sim_row_fail(t, row, "INVALID_FIELD", e->field->name,
			"Foreign key external ID: %.*s not found for field %s in entity %s",
			SIM_P(e->val.s), e->key->name, e->target->name);
	if (sim_index_next(st, e->key->index, e->val.s, at))
		return sim_row_fail(t, row, "DUPLICATE_EXTERNAL_ID", e->key->name,
			"%s: more than one record found for external id field: [%.*s]",
			e->key->name, SIM_P(e->val.s));
	row->val[row->nval++] = sim_val_u64(t->arena, e->field, sim_oid(e->target->idx, at));
	return true;
}

static bool sim_find_upsert(struct sim_txn *t, struct sim_row *row)
{
	struct sim_store *st = row->obj->store;
	uint64_t at = 0;

	if (!row->key) {
		row->op = row->id ? SIM_UPDATE : SIM_INSERT;
		return true;
	}
	if (row->key->index < 0)
		return sim_row_fail(
			t, row, "INVALID_FIELD", NULL, "not an external id: %s", row->key->name);
	row->found = sim_arena_get(t->arena, sizeof(uint64_t) * 20);
	while (row->nfound < 20 && (at = sim_index_next(st, row->key->index, row->key_val.s, at)))
		row->found[row->nfound++] = sim_oid(row->obj->idx, at);
	if (row->nfound > 1)
		return sim_row_fail(t, row, "DUPLICATE_EXTERNAL_ID", row->key->name,
			"%s: more than one record found for external id field: [%s]",
			row->key->name, sim_arena_dup(t->arena, row->key_val.s).p);
	if (!row->nfound && row->update_only)
		return sim_row_fail(
			t, row, "NOT_FOUND", NULL, "The requested resource does not exist");
	row->op = row->nfound ? SIM_UPDATE : SIM_INSERT;
	row->id = row->nfound ? row->found[0] : 0;
	return true;
}

static bool sim_prepare(struct sim_txn *t, struct sim_row *row)
{
	for (int i = 0; i < row->next; i++)
		if (!sim_find_ext(t, row, &row->ext[i]))
			return false;
	return row->op != SIM_UPSERT || sim_find_upsert(t, row);
}

/* the rows whose locks a write of this row takes */
static int sim_wanted(struct sim_txn *t, const struct sim_row *row, uint64_t *want, int max)
{
	const struct sim_rec *old = row->id ? sim_find(t->org, row->id) : NULL;
	int n = 0;

	if (row->id)
		want[n++] = row->id;
	if (!row->obj)
		return n;
	for (unsigned i = 0; i < row->obj->nfields && n < max - 2; i++) {
		const struct sim_field *f = row->obj->field[i];
		uint64_t v;

		if (!(f->locks || f->master || f->restrict_delete))
			continue;
		v = old ? sim_rec_u64(old, f) : 0;
		if (v)
			want[n++] = v;
		for (int k = 0; k < row->nval; k++)
			if (row->val[k].field == f->idx && row->val[k].s.len == 8) {
				memcpy(&want[n], row->val[k].s.p, 8);
				n++;
			}
	}
	return n;
}

static bool sim_lock_row(struct sim_txn *t, struct sim_row *row, int64_t deadline)
{
	uint64_t want[40];
	char id[19];
	int n;

	pthread_rwlock_rdlock(&t->org->db);
	n = sim_prepare(t, row) ? sim_wanted(t, row, want, 40) : -1;
	pthread_rwlock_unlock(&t->org->db);
	for (int i = 0; i < n; i++) {
		bool waited = false, ok = sim_lock(&t->held, want[i], deadline, &waited);

		t->org->stats.lock_waits += waited;
		if (ok)
			continue;
		t->org->stats.lock_failures++;
		sim_id_text(t->org, want[i], id);
		return sim_row_fail(t, row, "UNABLE_TO_LOCK_ROW", NULL,
			"unable to obtain exclusive access to this record or 1 records: %s", id);
	}
	return n >= 0;
}

/* ---- applying one row under the write lock ---- */

const struct sim_val *sim_work_keep(struct sim_work *w, struct sim_val v)
{
	struct sim_val *k = sim_arena_get(w->t->arena, sizeof(*k));

	*k = v;
	return k;
}

void sim_work_set(struct sim_work *w, const struct sim_val *v)
{
	w->slot[v->field] = v->null ? NULL : v;
}

static void sim_work_fill(
	struct sim_work *w, struct sim_txn *t, struct sim_row *row, const struct sim_rec *old)
{
	struct sim_val *have;

	w->t = t;
	w->row = row;
	w->obj = row->obj;
	w->old = old;
	memset(w->slot, 0, sizeof(w->slot[0]) * row->obj->nfields);
	memset(w->sent, 0, row->obj->nfields);
	if (old) {
		have = sim_arena_get(t->arena, sizeof(*have) * old->nslots);
		for (unsigned i = 0; i < old->nslots; i++) {
			have[i] = sim_rec_slot(old, i);
			w->slot[have[i].field] = &have[i];
		}
	}
	for (int i = 0; i < row->nval; i++) {
		w->sent[row->val[i].field] = true;
		sim_work_set(w, &row->val[i]);
	}
}

static void sim_audit_given(struct sim_work *w, struct sim_rec *rec)
{
	for (int i = 0; i < w->row->nval; i++) {
		const struct sim_field *f = w->obj->field[w->row->val[i].field];
		uint64_t v = 0;

		if (!f->sys || w->row->val[i].null || w->row->val[i].s.len != 8)
			continue;
		memcpy(&v, w->row->val[i].s.p, 8);
		if (f->sys == SIM_SYS_CREATED)
			rec->created = (int64_t)v;
		else if (f->sys == SIM_SYS_MODIFIED)
			rec->modified = (int64_t)v;
		else if (f->sys == SIM_SYS_STAMP)
			rec->stamp = (int64_t)v;
		else if (f->sys == SIM_SYS_CREATED_BY)
			rec->created_by = (uint32_t)sim_oid_serial(v);
		else if (f->sys == SIM_SYS_MODIFIED_BY)
			rec->modified_by = (uint32_t)sim_oid_serial(v);
	}
}

static struct sim_rec *sim_work_build(struct sim_work *w)
{
	struct sim_val *vals = sim_arena_get(w->t->arena, sizeof(*vals) * w->obj->nfields);
	struct sim_rec *rec;
	size_t n = 0;

	for (unsigned i = 0; i < w->obj->nfields; i++)
		if (w->slot[i] && !w->obj->field[i]->sys)
			vals[n++] = *w->slot[i];
	rec = sim_rec_new(vals, n);
	sim_rec_stamp(w->t, rec, w->old, true);
	sim_audit_given(w, rec);
	return rec;
}

/* a name that may be left out is the record's id then */
static void sim_work_name(struct sim_work *w)
{
	const struct sim_field *f = w->obj->name_field;
	char id[19];

	if (w->t->seed || !f || w->slot[f->idx] || f->type != SIM_T_STRING || !f->defaulted ||
		!f->createable)
		return;
	sim_id_text(w->t->org, w->row->id, id);
	w->slot[f->idx] = sim_work_keep(
		w, (struct sim_val){.field = f->idx,
			   .s = sim_arena_dup(w->t->arena, (struct sim_str){id, 15})});
}

static bool sim_apply_write(struct sim_txn *t, struct sim_row *row)
{
	static __thread struct sim_work work;
	const struct sim_rec *old = NULL;
	struct sim_rec *rec;

	if (row->op == SIM_UPDATE) {
		old = sim_find(t->org, row->id);
		if (!old)
			return sim_row_fail(t, row, "INVALID_CROSS_REFERENCE_KEY", NULL,
				"invalid cross reference id");
		if (old->deleted && !t->seed)
			return sim_row_fail(t, row, "ENTITY_IS_DELETED", NULL, "entity is deleted");
	}
	sim_work_fill(&work, t, row, old);
	if (!t->seed && !sim_rules_check(&work))
		return false;
	if (!old) {
		row->id = sim_oid(row->obj->idx, sim_store_new_serial(row->obj->store));
		row->created = true;
	}
	sim_derive(&work);
	sim_work_name(&work);
	rec = sim_work_build(&work);
	rec->oid = row->id;
	sim_txn_put(t, rec);
	return true;
}

bool sim_write_past_rules(struct sim_txn *t, struct sim_row *row)
{
	static __thread struct sim_work work;
	struct sim_rec *rec;

	sim_work_fill(&work, t, row, NULL);
	sim_defaults(&work);
	sim_derive(&work);
	rec = sim_work_build(&work);
	rec->oid = row->id;
	sim_txn_put(t, rec);
	return true;
}

/* an earlier row of this call may have made the record that this upsert is to make */
static bool sim_upsert_again(struct sim_txn *t, struct sim_row *row)
{
	uint64_t at;
	char id[19];

	if (!row->key || row->op != SIM_INSERT || row->key->index < 0)
		return true;
	at = sim_index_next(row->obj->store, row->key->index, row->key_val.s, 0);
	if (!at)
		return true;
	if (!t->org->set.duplicate_last_wins) {
		sim_id_text(t->org, sim_oid(row->obj->idx, at), id);
		return sim_row_fail(t, row, "DUPLICATE_VALUE", row->key->name,
			"duplicate value found: %s duplicates value on record with id: %.15s",
			row->key->name, id);
	}
	row->op = SIM_UPDATE;
	row->id = sim_oid(row->obj->idx, at);
	return true;
}

static bool sim_apply(struct sim_txn *t, struct sim_row *row)
{
	struct sim_undo *mark = t->undo;
	bool ok;

	if (row->op == SIM_DELETE)
		ok = sim_delete_row(t, row, row->id);
	else if (row->op == SIM_UNDELETE)
		ok = sim_undelete_row(t, row, row->id);
	else
		ok = sim_upsert_again(t, row) && sim_apply_write(t, row);
	if (!ok)
		sim_undo_to(t->org, &t->undo, mark);
	return ok;
}

static void sim_roll_back(struct sim_txn *t, struct sim_undo *mark)
{
	sim_undo_to(t->org, &t->undo, mark);
	for (int i = 0; i < t->n; i++) {
		t->row[i].created = false;
		if (!t->row[i].err.code)
			sim_row_fail(t, &t->row[i], "ALL_OR_NONE_OPERATION_ROLLED_BACK", NULL,
				"Record rolled back because not all records were valid and the "
				"request was using "
				"AllOrNone header");
	}
	t->written = 0;
}

/* a hard delete leaves nothing in the recycle bin */
static void sim_past_bin(struct sim_txn *t, uint64_t oid)
{
	sim_rec_unref(sim_store_take(t->org->object[sim_oid_obj(oid)]->store, sim_oid_serial(oid)));
}

static void sim_commit(struct sim_txn *t)
{
	struct sim_undo *mark = t->undo;
	bool failed = false;

	pthread_rwlock_wrlock(&t->org->db);
	t->now_ms = sim_now_ms();
	if (t->now_ms < t->org->last_ms)
		t->now_ms = t->org->last_ms;
	t->org->last_ms = t->now_ms;
	for (int i = 0; i < t->n; i++) {
		struct sim_row *row = &t->row[i];

		if (!row->err.code && sim_apply(t, row))
			t->written++;
		failed |= row->err.code != NULL;
	}
	if (failed && t->all_or_none)
		sim_roll_back(t, mark);
	for (int i = 0; i < t->n; i++)
		if (t->row[i].hard && !t->row[i].err.code)
			sim_past_bin(t, t->row[i].id);
	pthread_rwlock_unlock(&t->org->db);
}

static bool sim_fault_hits(const struct sim_txn *t)
{
	return t->fault &&
	       (t->fault_share >= 1 ||
		       (double)(sim_random() >> 11) / 9007199254740992.0 < t->fault_share);
}

void sim_txn_run(struct sim_txn *t)
{
	int64_t deadline = sim_mono_ms() + t->org->set.lock_wait_ms;

	t->held.locks = t->org->locks;
	for (int i = 0; i < t->n; i++) {
		struct sim_row *row = &t->row[i];

		if (sim_fault_hits(t))
			row->err = *t->fault;
		if (!row->err.code && row->op != SIM_DELETE && row->op != SIM_UNDELETE)
			sim_row_convert(t, row);
		if (t->call_err.code)
			return;
	}
	for (int i = 0; i < t->n; i++)
		if (!t->row[i].err.code && !t->seed)
			sim_lock_row(t, &t->row[i], deadline);
	sim_sleep_us(t->pause_us);
	sim_commit(t);
	t->org->stats.written += (uint64_t)t->written;
}

void sim_txn_end(struct sim_txn *t)
{
	if (!t->keep_undo)
		sim_undo_free(&t->undo);
	if (t->held.locks)
		sim_unlock_all(&t->held);
}
