/*
 * Several currencies, in orgs that have CurrencyType (multi-currency.json): a record is in one that
 * is active; one that says nothing is in the user's own, else in the corporate one. Runs under the
 * org's write lock.
 */
#include "sim_write.h"

static const struct sim_rec *sim_currency_of(
	const struct sim_work *w, const struct sim_object *type, struct sim_str code)
{
	const struct sim_field *iso = sim_field_named(type, "IsoCode");
	const struct sim_field *corporate = sim_field_named(type, "IsCorporate");

	for (uint64_t i = 1; i <= type->store->top; i++) {
		const struct sim_rec *r = sim_store_get(type->store, i);
		struct sim_str s = {NULL, 0};

		if (!r || r->deleted)
			continue;
		if (code.len ? sim_rec_get(r, iso->idx, &s, NULL) && sim_eq(s, code)
			     : sim_rec_get(r, corporate->idx, &s, NULL))
			return r;
	}
	(void)w;
	return NULL;
}

static const struct sim_object *sim_currency_type(const struct sim_work *w)
{
	return sim_field_named(w->obj, "CurrencyIsoCode")
		       ? sim_object_find(w->t->org, SIM_S("CurrencyType"))
		       : NULL;
}

bool sim_currency_check(struct sim_work *w)
{
	const struct sim_object *type = sim_currency_type(w);
	struct sim_str code = sim_work_text(w, "CurrencyIsoCode"), on;
	const struct sim_rec *r;

	if (!type || !code.len || !w->sent[sim_field_named(w->obj, "CurrencyIsoCode")->idx])
		return true;
	r = sim_currency_of(w, type, code);
	return (r && sim_rec_get(r, sim_field_named(type, "IsActive")->idx, &on, NULL)) ||
	       sim_row_fail(w->t, w->row, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
		       "CurrencyIsoCode",
		       "Currency ISO Code: bad value for restricted picklist field: %.*s",
		       SIM_P(code));
}

void sim_currency_derive(struct sim_work *w)
{
	const struct sim_object *type = sim_currency_type(w);
	const struct sim_rec *user = sim_find(w->t->org, w->t->user), *r;
	const struct sim_field *own =
		sim_field_named(w->t->org->user_obj, "DefaultCurrencyIsoCode");
	struct sim_str code = {NULL, 0};

	if (!type || w->old || sim_work_text(w, "CurrencyIsoCode").len)
		return;
	if (!user || !own || !sim_rec_get(user, own->idx, &code, NULL)) {
		r = sim_currency_of(w, type, code);
		if (!r || !sim_rec_get(r, sim_field_named(type, "IsoCode")->idx, &code, NULL))
			return;
	}
	sim_put_text(w, "CurrencyIsoCode", code);
}
