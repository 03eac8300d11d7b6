/*
 * Person accounts, in orgs whose Account has IsPersonAccount (person-accounts.json). An account of
 * a person record type takes LastName and never Name; its contact is made, changed and deleted with
 * it and by nobody else. Runs under the org's write lock.
 */
#include "sim_write.h"

#include <stdlib.h>

/* fields of the account that its contact shows under another name */
static const char *const sim_shown[][2] = {
	{"LastName", "LastName"},
	{"FirstName", "FirstName"},
	{"Salutation", "Salutation"},
	{"PersonEmail", "Email"},
	{"PersonMobilePhone", "MobilePhone"},
	{"PersonTitle", "Title"},
	{"PersonDepartment", "Department"},
	{"PersonBirthdate", "Birthdate"},
	{"PersonMailingStreet", "MailingStreet"},
	{"PersonMailingCity", "MailingCity"},
	{"PersonMailingPostalCode", "MailingPostalCode"},
	{"PersonMailingCountry", "MailingCountry"},
	{"Phone", "Phone"},
	{"Fax", "Fax"},
	{"OwnerId", "OwnerId"},
	{"Name", "Name"},
};

static bool sim_ends_pc(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && !strcmp(name + len - 4, "__pc");
}

/* fields that only a person account may have */
static bool sim_of_person(const char *name)
{
	static const char *const names[] = {"LastName", "FirstName", "Salutation"};

	for (size_t i = 0; i < SIM_COUNT(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return sim_ends_pc(name) ||
	       (!strncmp(name, "Person", 6) && strcmp(name, "PersonContactId"));
}

static bool sim_flag(const struct sim_rec *r, const struct sim_field *f)
{
	struct sim_str s;

	return r && f && sim_rec_get(r, f->idx, &s, NULL);
}

static bool sim_is_person(const struct sim_work *w)
{
	const struct sim_rec *type = sim_find(w->t->org, sim_work_ref(w, "RecordTypeId"));
	const struct sim_field *f = sim_field_named(w->obj, "IsPersonAccount");

	if (!f || w->old)
		return sim_flag(w->old, f);
	return type && sim_flag(type, sim_field_named(w->t->org->object[sim_oid_obj(type->oid)],
					      "IsPersonType"));
}

static bool sim_bad_names(struct sim_work *w, const struct sim_field *f)
{
	return sim_row_fail(w->t, w->row, "INVALID_FIELD_FOR_INSERT_UPDATE", f->name,
		"Account: bad field names on insert/update call: %s", f->name);
}

bool sim_person_check(struct sim_work *w)
{
	bool person = sim_is_person(w);
	const char *must = person ? "LastName" : "Name";

	if (!sim_field_named(w->obj, "IsPersonAccount"))
		return true;
	for (unsigned i = 0; i < w->obj->nfields; i++) {
		const struct sim_field *f = w->obj->field[i];

		if (w->sent[i] && w->slot[i] &&
			(person ? !strcmp(f->name, "Name") : sim_of_person(f->name)))
			return sim_bad_names(w, f);
	}
	return w->slot[sim_field_named(w->obj, must)->idx] ||
	       sim_row_fail(w->t, w->row, "REQUIRED_FIELD_MISSING", must,
		       "Required fields are missing: [%s]", must);
}

bool sim_person_contact_check(struct sim_work *w)
{
	return !sim_flag(w->old, sim_field_named(w->obj, "IsPersonAccount")) ||
	       sim_row_fail(w->t, w->row, "INVALID_FIELD_FOR_INSERT_UPDATE", NULL,
		       "Contact: the contact of a person account is changed by its account");
}

static void sim_show(struct sim_work *w, const struct sim_object *contact, const char *from,
	const char *to, struct sim_val *vals, size_t *n)
{
	const struct sim_field *f = sim_field_named(w->obj, from),
			       *g = sim_field_named(contact, to);

	if (!f || !g)
		return;
	for (size_t i = 0; i < *n; i++)
		if (vals[i].field == g->idx)
			vals[i--] = vals[--*n];
	if (w->slot[f->idx]) {
		vals[*n] = *w->slot[f->idx];
		vals[(*n)++].field = g->idx;
	}
}

static int sim_by_field(const void *a, const void *b)
{
	return (int)((const struct sim_val *)a)->field - (int)((const struct sim_val *)b)->field;
}

static void sim_put_contact(struct sim_work *w, struct sim_object *contact, uint64_t oid)
{
	const struct sim_rec *old = sim_find(w->t->org, oid);
	struct sim_val *vals = sim_arena_get(w->t->arena, sizeof(*vals) * SIM_MAX_FIELDS);
	struct sim_rec *rec;
	size_t n = 0;

	for (unsigned i = 0; old && i < old->nslots; i++)
		vals[n++] = sim_rec_slot(old, i);
	for (size_t i = 0; i < SIM_COUNT(sim_shown); i++)
		sim_show(w, contact, sim_shown[i][0], sim_shown[i][1], vals, &n);
	for (unsigned i = 0; i < w->obj->nfields; i++) {
		const char *name = w->obj->field[i]->name;

		if (sim_ends_pc(name))
			sim_show(w, contact, name,
				sim_arena_fmt(w->t->arena, "%.*sc", (int)strlen(name) - 2, name),
				vals, &n);
	}
	if (!old) {
		vals[n++] =
			sim_val_u64(w->t->arena, sim_field_named(contact, "AccountId"), w->row->id);
		vals[n++] = (struct sim_val){
			.field = sim_field_named(contact, "IsPersonAccount")->idx, .s = {"t", 1}};
	}
	qsort(vals, n, sizeof(*vals), sim_by_field);
	rec = sim_rec_new(vals, n);
	sim_rec_stamp(w->t, rec, old, true);
	rec->oid = oid;
	sim_txn_put(w->t, rec);
}

void sim_person_derive(struct sim_work *w)
{
	struct sim_object *contact = sim_object_find(w->t->org, SIM_S("Contact"));
	struct sim_str first = sim_work_text(w, "FirstName"), last = sim_work_text(w, "LastName");
	uint64_t oid = sim_work_ref(w, "PersonContactId");

	if (!sim_is_person(w))
		return;
	if (!oid)
		oid = sim_oid(contact->idx, sim_store_new_serial(contact->store));
	sim_put_bool(w, "IsPersonAccount", true);
	sim_put_ref(w, "PersonContactId", oid);
	sim_put_text(w, "Name",
		sim_cstr(sim_arena_fmt(w->t->arena, "%.*s%s%.*s", SIM_P(first),
			first.len ? " " : "", SIM_P(last))));
	sim_put_contact(w, contact, oid);
}
