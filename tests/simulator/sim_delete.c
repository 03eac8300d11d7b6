/* Deleting: cascade, restriction, lookups set to null, the recycle bin. Under the write lock. */
#include "sim_write.h"

static struct sim_rec *sim_without(struct sim_txn *t, const struct sim_rec *old, unsigned field)
{
	struct sim_val *vals = sim_arena_get(t->arena, sizeof(*vals) * (old->nslots + 1u));
	size_t n = 0;

	for (unsigned i = 0; i < old->nslots; i++) {
		vals[n] = sim_rec_slot(old, i);
		if (vals[n].field != field)
			n++;
	}
	return sim_rec_new(vals, n);
}

static void sim_set_null(struct sim_txn *t, const struct sim_rec *child, const struct sim_field *f)
{
	struct sim_rec *rec = sim_without(t, child, f->idx);

	sim_rec_stamp(t, rec, child, false);
	sim_txn_put(t, rec);
}

static void sim_bin(struct sim_txn *t, const struct sim_rec *old)
{
	struct sim_rec *rec = sim_rec_copy(old);

	rec->stamp = t->now_ms;
	rec->deleted = t->now_ms;
	sim_txn_put(t, rec);
}

static bool sim_restricted(struct sim_txn *t, struct sim_row *row, const struct sim_object *child)
{
	return sim_row_fail(t, row, "DELETE_FAILED", NULL,
		"Your attempt to delete this record could not be completed because it is "
		"associated with the "
		"following %s",
		child->plural ? child->plural : child->name);
}

/* children before their parent; a child is gone from the index once it was handled */
static bool sim_delete_tree(struct sim_txn *t, struct sim_row *row, uint64_t oid, int depth)
{
	struct sim_object *obj = t->org->object[sim_oid_obj(oid)];
	struct sim_str key = {(const char *)&oid, 8};

	for (int i = 0; i < obj->ninbound; i++) {
		struct sim_object *child = obj->inbound[i].obj;
		struct sim_field *f = obj->inbound[i].field;
		uint64_t at;

		while ((at = sim_index_next(child->store, f->index, key, 0))) {
			const struct sim_rec *r = sim_store_get(child->store, at);

			if (f->restrict_delete && !f->cascade)
				return sim_restricted(t, row, child);
			if ((f->cascade || f->master) && depth < 50) {
				if (!sim_delete_tree(t, row, r->oid, depth + 1))
					return false;
			} else {
				sim_set_null(t, r, f);
			}
		}
	}
	/* a cycle of lookups may have changed the record on the way */
	if (!sim_find(t->org, oid)->deleted)
		sim_bin(t, sim_find(t->org, oid));
	return true;
}

bool sim_delete_row(struct sim_txn *t, struct sim_row *row, uint64_t oid)
{
	const struct sim_rec *r = sim_find(t->org, oid);
	const struct sim_object *obj;

	if (!r)
		return sim_row_fail(
			t, row, "INVALID_CROSS_REFERENCE_KEY", NULL, "invalid cross reference id");
	if (r->deleted)
		return t->seed ||
		       sim_row_fail(t, row, "ENTITY_IS_DELETED", NULL, "entity is deleted");
	obj = t->org->object[sim_oid_obj(oid)];
	if (!t->seed && (!obj->deletable || oid == t->org->std_pricebook))
		return sim_row_fail(t, row, "INSUFFICIENT_ACCESS_OR_READONLY", NULL,
			"insufficient access rights on object id");
	if (t->seed) {
		sim_bin(t, r);
		return true;
	}
	return sim_delete_tree(t, row, oid, 0);
}

/* ---- Out of the recycle bin ---- */
static bool sim_is_taken(const struct sim_store *st, const struct sim_rec *r)
{
	for (int i = 0; i < st->nindexes; i++) {
		struct sim_str v;

		if (st->index[i].field->unique &&
			sim_rec_get(r, st->index[i].field->idx, &v, NULL) &&
			sim_index_next(st, i, v, 0))
			return true;
	}
	return false;
}

static void sim_revive(struct sim_txn *t, const struct sim_rec *old)
{
	struct sim_rec *rec = sim_rec_copy(old);

	rec->stamp = t->now_ms;
	rec->modified = t->now_ms;
	rec->modified_by = (uint32_t)sim_oid_serial(t->user);
	rec->deleted = 0;
	sim_txn_put(t, rec);
}

/* what went along with a record comes back with it: deleted at the same moment */
static void sim_revive_tree(struct sim_txn *t, uint64_t oid, int64_t deleted, int depth)
{
	struct sim_object *obj = t->org->object[sim_oid_obj(oid)];

	sim_revive(t, sim_find(t->org, oid));
	for (int i = 0; i < obj->ninbound && depth < 50; i++) {
		struct sim_object *child = obj->inbound[i].obj;
		struct sim_field *f = obj->inbound[i].field;

		if (!f->cascade && !f->master)
			continue;
		for (uint64_t at = 1; child->store->deleted && at <= child->store->top; at++) {
			const struct sim_rec *r = sim_store_get(child->store, at);

			if (r && r->deleted == deleted && !(r->flags & SIM_PURGED) &&
				sim_rec_u64(r, f) == oid)
				sim_revive_tree(t, r->oid, deleted, depth + 1);
		}
	}
}

bool sim_undelete_row(struct sim_txn *t, struct sim_row *row, uint64_t oid)
{
	const struct sim_rec *r = sim_find(t->org, oid);
	const struct sim_object *obj = t->org->object[sim_oid_obj(oid)];

	if (!r || !r->deleted || (r->flags & SIM_PURGED) || !obj->undeletable)
		return sim_row_fail(
			t, row, "UNDELETE_FAILED", NULL, "Entity is not in the recycle bin");
	if (sim_is_taken(obj->store, r))
		return sim_row_fail(t, row, "DUPLICATE_VALUE", NULL, "duplicate value found");
	sim_revive_tree(t, oid, r->deleted, 0);
	return true;
}
