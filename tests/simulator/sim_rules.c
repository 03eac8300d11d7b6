/* What the org checks on every write. Runs under the org's write lock. */
#include "sim_number.h"
#include "sim_write.h"

#include <stdlib.h>

static struct sim_str sim_slot_text(const struct sim_work *w, const struct sim_field *f)
{
	const struct sim_val *v = f ? w->slot[f->idx] : NULL;

	return v ? v->s : (struct sim_str){NULL, 0};
}

struct sim_str sim_work_text(const struct sim_work *w, const char *name)
{
	return sim_slot_text(w, sim_field_named(w->obj, name));
}

double sim_work_num(const struct sim_work *w, const char *name)
{
	struct sim_str s = sim_work_text(w, name);

	return s.len ? sim_num_value(s) : 0;
}

uint64_t sim_work_ref(const struct sim_work *w, const char *name)
{
	struct sim_str s = sim_work_text(w, name);
	uint64_t v = 0;

	if (s.len == 8)
		memcpy(&v, s.p, 8);
	return v;
}

void sim_defaults(struct sim_work *w)
{
	static const struct sim_str on = {"t", 1};

	for (unsigned i = 0; i < w->obj->nfields; i++) {
		const struct sim_field *f = w->obj->field[i];

		if (w->sent[i] || f->sys || f->calculated || f->auto_number)
			continue;
		if (f->kept == SIM_K_BOOL && f->default_true)
			w->slot[i] = sim_work_keep(w, (struct sim_val){.field = f->idx, .s = on});
		else if (f->def_text && f->kept == SIM_K_TEXT)
			w->slot[i] = sim_work_keep(
				w, (struct sim_val){.field = f->idx, .s = sim_cstr(f->def_text)});
	}
}

static bool sim_required(struct sim_work *w)
{
	struct sim_err *e = &w->row->err;
	struct sim_buf b = {0};

	for (unsigned i = 0; i < w->obj->nfields; i++) {
		const struct sim_field *f = w->obj->field[i];
		bool must = !f->nillable && !f->defaulted && f->kept != SIM_K_BOOL && !f->sys &&
			    (w->old ? w->sent[i] : f->createable);

		if (!must || w->slot[i] || e->nfields == (int)SIM_COUNT(e->field))
			continue;
		sim_buf_fmt(&b, "%s%s", b.len ? ", " : "", f->name);
		e->field[e->nfields++] = f->name;
	}
	if (!b.len)
		return true;
	e->code = "REQUIRED_FIELD_MISSING";
	e->msg = sim_arena_fmt(
		w->t->arena, "Required fields are missing: [%.*s]", SIM_P(sim_buf_view(&b)));
	sim_buf_done(&b);
	return false;
}

static bool sim_leg_writable(struct sim_work *w)
{
	struct sim_str had;

	if (!w->row->key)
		return true;
	for (int i = 0; i < w->row->nval; i++) {
		const struct sim_val *v = &w->row->val[i];
		const struct sim_field *f = w->obj->field[v->field];

		if (f == w->row->key || (w->old ? f->updateable : f->createable))
			continue;
		if (w->old && sim_rec_get(w->old, f->idx, &had, NULL) && sim_eq(had, v->s))
			continue;
		return sim_row_fail(w->t, w->row, "INVALID_FIELD_FOR_INSERT_UPDATE", f->name,
			"Unable to create/update fields: %s. Please check the security settings of "
			"this field "
			"and verify that it is read/write for your profile or permission set.",
			f->name);
	}
	return true;
}

static bool sim_owner_ok(struct sim_work *w, const struct sim_field *f, const struct sim_rec *user)
{
	const struct sim_field *active = sim_field_named(w->t->org->user_obj, "IsActive");
	struct sim_str v;
	char id[19];

	if (f != w->obj->owner || w->t->org->set.inactive_owner ||
		sim_oid_obj(user->oid) != w->t->org->user_obj->idx ||
		sim_rec_get(user, active->idx, &v, NULL))
		return true;
	sim_id_text(w->t->org, user->oid, id);
	return sim_row_fail(w->t, w->row, "INACTIVE_OWNER_OR_USER", f->name,
		"operation performed with inactive user [%s] as owner of %s", id, w->obj->label);
}

static bool sim_record_type_ok(struct sim_work *w, const struct sim_rec *rt)
{
	struct sim_object *o = w->t->org->object[sim_oid_obj(rt->oid)];
	const struct sim_field *type = sim_field_named(o, "SobjectType");
	struct sim_str v = {NULL, 0};
	char id[19];

	if (!type || (sim_rec_get(rt, type->idx, &v, NULL) && sim_is(v, w->obj->name)))
		return true;
	sim_id_text(w->t->org, rt->oid, id);
	return sim_row_fail(w->t, w->row, "INVALID_CROSS_REFERENCE_KEY", "RecordTypeId",
		"Record Type ID: this ID value isn't valid for the user: %s", id);
}

static bool sim_cycle_free(struct sim_work *w, const struct sim_field *f, uint64_t parent)
{
	int depth = 0;

	if (!w->old || f->custom || sim_oid_obj(parent) != w->obj->idx)
		return true;
	for (uint64_t at = parent; at && depth < 10000; depth++) {
		const struct sim_rec *r = sim_find(w->t->org, at);

		if (at == w->old->oid)
			return sim_row_fail(w->t, w->row, "CIRCULAR_DEPENDENCY", f->name,
				"attempt to violate hierarchy constraints");
		at = r ? sim_rec_u64(r, f) : 0;
	}
	return true;
}

static bool sim_refs_ok(struct sim_work *w)
{
	for (int i = 0; i < w->row->nval; i++) {
		const struct sim_field *f = w->obj->field[w->row->val[i].field];
		const struct sim_rec *r;
		uint64_t oid = 0;

		if (f->type != SIM_T_REFERENCE || w->row->val[i].null || w->row->val[i].s.len != 8)
			continue;
		memcpy(&oid, w->row->val[i].s.p, 8);
		r = sim_find(w->t->org, oid);
		if (r && r->deleted && !w->t->org->set.deleted_parent_xref)
			return sim_row_fail(
				w->t, w->row, "ENTITY_IS_DELETED", f->name, "entity is deleted");
		if (!r || r->deleted)
			return sim_row_fail(w->t, w->row, "INVALID_CROSS_REFERENCE_KEY", f->name,
				"invalid cross reference id");
		if (!sim_owner_ok(w, f, r) || !sim_cycle_free(w, f, oid) ||
			(f == w->obj->record_type && !sim_record_type_ok(w, r)))
			return false;
	}
	return true;
}

static bool sim_unique_ok(struct sim_work *w)
{
	uint64_t self = w->old ? sim_oid_serial(w->old->oid) : 0;

	for (int i = 0; i < w->row->nval; i++) {
		const struct sim_val *v = &w->row->val[i];
		const struct sim_field *f = w->obj->field[v->field];
		uint64_t at;
		char id[19];

		if (!f->unique || f->index < 0 || v->null)
			continue;
		at = sim_index_next(w->obj->store, f->index, v->s, 0);
		if (at && at == self)
			at = sim_index_next(w->obj->store, f->index, v->s, at);
		if (!at)
			continue;
		sim_id_text(w->t->org, sim_oid(w->obj->idx, at), id);
		return sim_row_fail(w->t, w->row, "DUPLICATE_VALUE", f->name,
			"duplicate value found: %s duplicates value on record with id: %.15s",
			f->name, id);
	}
	return true;
}

/* ---- validation rules and other automation of schema files ---- */

static bool sim_rule_holds(
	const struct sim_work *w, const struct sim_rule *r, const struct sim_field *f)
{
	struct sim_str s = sim_slot_text(w, f), want = sim_cstr(r->value ? r->value : "");
	const char *op = r->op;
	int c;

	if (f->kept == SIM_K_BOOL)
		s = s.len ? SIM_S("true") : SIM_S("false");
	if (!strcmp(op, "isblank"))
		return !s.len;
	if (!strcmp(op, "contains"))
		return s.len && sim_findi(s, want);
	if (!s.len)
		return !strcmp(op, "=") ? !want.len : !strcmp(op, "!=") && want.len;
	if (sim_field_is_num(f)) {
		double a = sim_num_value(s), b = sim_num_value(want);

		c = (a > b) - (a < b);
	} else {
		c = sim_cmpi(s, want);
	}
	switch (op[0]) {
	case '=':
		return !c;
	case '!':
		return c != 0;
	case '<':
		return op[1] ? c <= 0 : c < 0;
	case '>':
		return op[1] ? c >= 0 : c > 0;
	default:
		return false;
	}
}

/* another record holds the same value in an indexed field */
static bool sim_has_twin(const struct sim_work *w, const struct sim_field *f)
{
	struct sim_str s = sim_slot_text(w, f);
	uint64_t self = w->old ? sim_oid_serial(w->old->oid) : 0, at = 0;

	if (!s.len || f->index < 0)
		return false;
	do {
		at = sim_index_next(w->obj->store, f->index, s, at);
	} while (at && at == self);
	return at != 0;
}

static bool sim_rule_refuses(
	const struct sim_work *w, const struct sim_rule *r, const struct sim_field *f)
{
	if (!f || (r->alert && w->t->allow_save))
		return false;
	return strcmp(r->op, "duplicate") ? sim_rule_holds(w, r, f) : sim_has_twin(w, f);
}

static const char *sim_rule_code(const struct sim_rule *r)
{
	if (!strcmp(r->kind, "validationRules"))
		return "FIELD_CUSTOM_VALIDATION_EXCEPTION";
	return strcmp(r->kind, "duplicateRules") ? "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
						 : "DUPLICATES_DETECTED";
}

static bool sim_validation(struct sim_work *w)
{
	for (int i = 0; i < w->t->org->nrules; i++) {
		const struct sim_rule *r = &w->t->org->rule[i];
		const struct sim_field *f;

		if (!r->active || !sim_is(sim_cstr(r->object), w->obj->name))
			continue;
		f = sim_field_named(w->obj, r->field);
		if (sim_rule_refuses(w, r, f))
			return sim_row_fail(
				w->t, w->row, sim_rule_code(r), r->error_field, "%s", r->message);
	}
	return true;
}

bool sim_rules_check(struct sim_work *w)
{
	if (!w->old)
		sim_defaults(w);
	return sim_leg_writable(w) && sim_required(w) && sim_refs_ok(w) && sim_unique_ok(w) &&
	       sim_special_check(w) && sim_currency_check(w) && sim_values_check(w) &&
	       sim_validation(w);
}
