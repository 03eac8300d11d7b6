/* What single objects check and fill in. Runs under the org's write lock. */
#include "sim_file.h"
#include "sim_number.h"
#include "sim_write.h"

#include <stdlib.h>

void sim_put_text(struct sim_work *w, const char *name, struct sim_str s)
{
	const struct sim_field *f = sim_field_named(w->obj, name);

	if (f)
		w->slot[f->idx] = s.len ? sim_work_keep(w, sim_val_text(w->t->arena, f, s)) : NULL;
}

void sim_put_bool(struct sim_work *w, const char *name, bool on)
{
	static const struct sim_str yes = {"t", 1};
	const struct sim_field *f = sim_field_named(w->obj, name);

	if (f)
		w->slot[f->idx] =
			on ? sim_work_keep(w, (struct sim_val){.field = f->idx, .s = yes}) : NULL;
}

void sim_put_num(struct sim_work *w, const char *name, double v)
{
	const struct sim_field *f = sim_field_named(w->obj, name);

	if (f)
		w->slot[f->idx] = sim_work_keep(w, sim_val_num(w->t->arena, f, v));
}

void sim_put_ref(struct sim_work *w, const char *name, uint64_t oid)
{
	const struct sim_field *f = sim_field_named(w->obj, name);

	if (f)
		w->slot[f->idx] = oid ? sim_work_keep(w, sim_val_u64(w->t->arena, f, oid)) : NULL;
}

static struct sim_str sim_text_of(const struct sim_work *w, uint64_t oid, const char *name)
{
	const struct sim_rec *r = sim_find(w->t->org, oid);
	const struct sim_field *f =
		r ? sim_field_named(w->t->org->object[sim_oid_obj(oid)], name) : NULL;
	struct sim_str s = {NULL, 0};

	if (f)
		sim_rec_get(r, f->idx, &s, NULL);
	return s;
}

static uint64_t sim_ref_of(const struct sim_work *w, uint64_t oid, const char *name)
{
	struct sim_str s = sim_text_of(w, oid, name);
	uint64_t v = 0;

	if (s.len == 8)
		memcpy(&v, s.p, 8);
	return v;
}

/* another record of this object that agrees with this one in both lookups */
uint64_t sim_twin(const struct sim_work *w, const char *a, const char *b)
{
	const struct sim_field *fa = sim_field_named(w->obj, a), *fb = sim_field_named(w->obj, b);
	struct sim_str va = sim_work_text(w, a);
	uint64_t want = sim_work_ref(w, b), at = 0;

	if (!va.len || !want)
		return 0;
	while ((at = sim_index_next(w->obj->store, fa->index, va, at))) {
		const struct sim_rec *r = sim_store_get(w->obj->store, at);

		if (sim_rec_u64(r, fb) == want && (!w->old || r->oid != w->old->oid))
			return r->oid;
	}
	return 0;
}

static bool sim_check_pbe(struct sim_work *w)
{
	const struct sim_field *fp = sim_field_named(w->obj, "Product2Id");
	const struct sim_field *fb = sim_field_named(w->obj, "Pricebook2Id");
	struct sim_str product = sim_work_text(w, "Product2Id");
	uint64_t book = sim_work_ref(w, "Pricebook2Id"), at = 0;

	if (w->old)
		return true;
	if (sim_twin(w, "Product2Id", "Pricebook2Id"))
		return sim_row_fail(w->t, w->row, "DUPLICATE_VALUE", NULL,
			"This price definition already exists in this price book");
	if (book == w->t->org->std_pricebook)
		return true;
	while ((at = sim_index_next(w->obj->store, fp->index, product, at)))
		if (sim_rec_u64(sim_store_get(w->obj->store, at), fb) == w->t->org->std_pricebook)
			return true;
	return sim_row_fail(w->t, w->row, "STANDARD_PRICE_NOT_DEFINED", NULL,
		"Before creating a custom price, create a standard price.");
}

static bool sim_check_oli(struct sim_work *w)
{
	uint64_t opp = sim_work_ref(w, "OpportunityId"), pbe = sim_work_ref(w, "PricebookEntryId");
	uint64_t book = sim_ref_of(w, opp, "Pricebook2Id");

	if (w->old)
		return true;
	if (!pbe)
		return sim_row_fail(w->t, w->row, "FIELD_INTEGRITY_EXCEPTION", "PricebookEntryId",
			"field integrity exception: PricebookEntryId (pricebook entry must be "
			"given)");
	if (book && sim_ref_of(w, pbe, "Pricebook2Id") != book)
		return sim_row_fail(w->t, w->row, "FIELD_INTEGRITY_EXCEPTION", "PricebookEntryId",
			"field integrity exception: PricebookEntryId (pricebook entry is in a "
			"different "
			"pricebook than the one assigned to the opportunity)");
	if (w->sent[sim_field_named(w->obj, "UnitPrice")->idx] &&
		w->sent[sim_field_named(w->obj, "TotalPrice")->idx])
		return sim_row_fail(w->t, w->row, "FIELD_INTEGRITY_EXCEPTION", "TotalPrice",
			"field integrity exception: TotalPrice (specify UnitPrice or TotalPrice, "
			"not both)");
	return true;
}

static bool sim_check_member(struct sim_work *w)
{
	if (!sim_work_ref(w, "ContactId") && !sim_work_ref(w, "LeadId"))
		return sim_row_fail(w->t, w->row, "REQUIRED_FIELD_MISSING", "LeadId",
			"Required fields are missing: [LeadId]");
	if (sim_twin(w, "ContactId", "CampaignId") || sim_twin(w, "LeadId", "CampaignId"))
		return sim_row_fail(
			w->t, w->row, "DUPLICATE_VALUE", NULL, "Already a campaign member.");
	return true;
}

static bool sim_check_activity(struct sim_work *w)
{
	uint64_t who = sim_work_ref(w, "WhoId"), what = sim_work_ref(w, "WhatId");
	const struct sim_object *o = who ? w->t->org->object[sim_oid_obj(who)] : NULL;

	if (what && o && !strcmp(o->name, "Lead"))
		return sim_row_fail(w->t, w->row, "FIELD_INTEGRITY_EXCEPTION", "WhatId",
			"You can only relate an activity to a lead or to a record, not to both");
	return true;
}

static bool sim_check_event(struct sim_work *w)
{
	bool timed =
		sim_work_text(w, "ActivityDateTime").len || sim_work_text(w, "StartDateTime").len;
	bool day = sim_work_text(w, "ActivityDate").len;

	if (!sim_check_activity(w))
		return false;
	if (!timed && !day)
		return sim_row_fail(w->t, w->row, "REQUIRED_FIELD_MISSING", "ActivityDateTime",
			"Required fields are missing: [ActivityDateTime]");
	if (!sim_work_text(w, "DurationInMinutes").len && !sim_work_text(w, "EndDateTime").len &&
		timed)
		return sim_row_fail(w->t, w->row, "REQUIRED_FIELD_MISSING", "DurationInMinutes",
			"Required fields are missing: [DurationInMinutes]");
	return true;
}

/* By hand one gives what the owner and the rules have not given, and not everything. */
static bool sim_check_share(struct sim_work *w)
{
	if (sim_is(sim_work_text(w, "AccountAccessLevel"), "All"))
		return sim_row_fail(w->t, w->row, "INVALID_ACCESS_LEVEL", "AccountAccessLevel",
			"access level All cannot be given");
	if (sim_work_ref(w, "UserOrGroupId") ==
		sim_ref_of(w, sim_work_ref(w, "AccountId"), "OwnerId"))
		return sim_row_fail(w->t, w->row, "FIELD_INTEGRITY_EXCEPTION", "UserOrGroupId",
			"the owner has access already");
	return true;
}

static void sim_derive_share(struct sim_work *w)
{
	if (!sim_work_text(w, "RowCause").len)
		sim_put_text(w, "RowCause", SIM_S("Manual"));
}

static void sim_derive_person(struct sim_work *w)
{
	struct sim_str first = sim_work_text(w, "FirstName"), last = sim_work_text(w, "LastName");

	sim_put_text(w, "Name",
		sim_cstr(sim_arena_fmt(w->t->arena, "%.*s%s%.*s", SIM_P(first),
			first.len && last.len ? " " : "", SIM_P(last))));
}

static void sim_derive_pbe(struct sim_work *w)
{
	uint64_t product = sim_work_ref(w, "Product2Id");

	sim_put_text(w, "Name", sim_text_of(w, product, "Name"));
	sim_put_text(w, "ProductCode", sim_text_of(w, product, "ProductCode"));
}

/* the opportunity of the first line takes that line's price book */
static void sim_touch_opp(struct sim_work *w, uint64_t opp, uint64_t book)
{
	const struct sim_rec *old = sim_find(w->t->org, opp);
	struct sim_object *o = old ? w->t->org->object[sim_oid_obj(opp)] : NULL;
	const struct sim_field *fb = o ? sim_field_named(o, "Pricebook2Id") : NULL;
	const struct sim_field *fh = o ? sim_field_named(o, "HasOpportunityLineItem") : NULL;
	struct sim_val *vals;
	struct sim_str s;
	struct sim_rec *rec;
	size_t n = 0;

	if (!fb || !fh || (sim_rec_u64(old, fb) && sim_rec_get(old, fh->idx, &s, NULL)))
		return;
	vals = sim_arena_get(w->t->arena, sizeof(*vals) * (old->nslots + 2u));
	for (unsigned i = 0; i < o->nfields; i++) {
		if (i == fb->idx)
			vals[n++] = sim_val_u64(w->t->arena, fb, book);
		else if (i == fh->idx)
			vals[n++] = (struct sim_val){.field = fh->idx, .s = {"t", 1}};
		else if (sim_rec_get(old, i, &vals[n].s, &vals[n].dirty)) {
			vals[n].null = false;
			vals[n++].field = (uint16_t)i;
		}
	}
	rec = sim_rec_new(vals, n);
	sim_rec_stamp(w->t, rec, old, true);
	sim_txn_put(w->t, rec);
}

static void sim_derive_oli(struct sim_work *w)
{
	uint64_t pbe = sim_work_ref(w, "PricebookEntryId"), opp = sim_work_ref(w, "OpportunityId");
	double qty = sim_work_num(w, "Quantity");
	struct sim_str price = sim_text_of(w, pbe, "UnitPrice");

	if (!w->old && pbe) {
		sim_put_ref(w, "Product2Id", sim_ref_of(w, pbe, "Product2Id"));
		sim_put_text(w, "ProductCode", sim_text_of(w, pbe, "ProductCode"));
		sim_put_num(w, "ListPrice", price.len ? sim_num_value(price) : 0);
		if (!w->t->seed)
			sim_touch_opp(w, opp, sim_ref_of(w, pbe, "Pricebook2Id"));
	}
	sim_put_text(w, "Name",
		sim_cstr(sim_arena_fmt(w->t->arena, "%.*s %.*s", SIM_P(sim_text_of(w, opp, "Name")),
			SIM_P(sim_text_of(w, pbe, "Name")))));
	if (w->sent[sim_field_named(w->obj, "TotalPrice")->idx] && qty != 0)
		sim_put_num(w, "UnitPrice", sim_work_num(w, "TotalPrice") / qty);
	else
		sim_put_num(w, "TotalPrice", sim_work_num(w, "UnitPrice") * qty);
}

static void sim_derive_orderitem(struct sim_work *w)
{
	uint64_t pbe = sim_work_ref(w, "PricebookEntryId");
	struct sim_str price = sim_text_of(w, pbe, "UnitPrice");

	if (!w->old && pbe) {
		sim_put_ref(w, "Product2Id", sim_ref_of(w, pbe, "Product2Id"));
		sim_put_num(w, "ListPrice", price.len ? sim_num_value(price) : 0);
	}
	sim_put_num(w, "TotalPrice", sim_work_num(w, "UnitPrice") * sim_work_num(w, "Quantity"));
}

static void sim_derive_opp(struct sim_work *w)
{
	static const struct {
		const char *stage;
		int probability;
		const char *category;
	} stages[] = {{"Prospecting", 10, "Pipeline"}, {"Qualification", 10, "Pipeline"},
		{"Needs Analysis", 20, "Pipeline"}, {"Value Proposition", 50, "Pipeline"},
		{"Id. Decision Makers", 60, "Pipeline"}, {"Perception Analysis", 70, "Pipeline"},
		{"Proposal/Price Quote", 75, "Pipeline"}, {"Negotiation/Review", 90, "Pipeline"},
		{"Closed Won", 100, "Closed"}, {"Closed Lost", 0, "Omitted"}};
	struct sim_str stage = sim_work_text(w, "StageName"), amount = sim_work_text(w, "Amount");
	const struct sim_field *fs = sim_field_named(w->obj, "StageName");
	const struct sim_field *fp = sim_field_named(w->obj, "Probability");
	const struct sim_field *fc = sim_field_named(w->obj, "ForecastCategoryName");
	bool moved = !w->old || w->sent[fs->idx];

	for (size_t i = 0; i < SIM_COUNT(stages) && moved; i++) {
		if (!sim_is(stage, stages[i].stage))
			continue;
		if (!w->sent[fp->idx])
			sim_put_num(w, "Probability", stages[i].probability);
		if (!w->sent[fc->idx])
			sim_put_text(w, "ForecastCategoryName", sim_cstr(stages[i].category));
		sim_put_text(w, "ForecastCategory", sim_cstr(stages[i].category));
	}
	sim_put_bool(w, "IsClosed", sim_starts(stage, "Closed"));
	sim_put_bool(w, "IsWon", sim_is(stage, "Closed Won"));
	if (amount.len)
		sim_put_num(w, "ExpectedRevenue",
			sim_num_value(amount) * sim_work_num(w, "Probability") / 100);
	else
		sim_put_text(w, "ExpectedRevenue", (struct sim_str){NULL, 0});
}

static void sim_derive_closed(struct sim_work *w)
{
	struct sim_str s = sim_work_text(w, "Status");

	sim_put_bool(w, "IsClosed", sim_starts(s, "Closed") || sim_is(s, "Completed"));
}

static void sim_derive_event(struct sim_work *w)
{
	const struct sim_field *fs = sim_field_named(w->obj, "StartDateTime");
	const struct sim_field *fa = sim_field_named(w->obj, "ActivityDateTime");
	const struct sim_field *fe = sim_field_named(w->obj, "EndDateTime");
	bool use_start = w->slot[fs->idx] && (w->sent[fs->idx] || !w->slot[fa->idx]);
	const struct sim_val *start = use_start ? w->slot[fs->idx] : w->slot[fa->idx];
	int64_t from, to;

	if (!start || start->s.len != 8)
		return;
	memcpy(&from, start->s.p, 8);
	sim_put_ref(w, "ActivityDateTime", (uint64_t)from);
	sim_put_ref(w, "StartDateTime", (uint64_t)from);
	if (w->slot[fe->idx] && !(w->sent[sim_field_named(w->obj, "DurationInMinutes")->idx])) {
		memcpy(&to, w->slot[fe->idx]->s.p, 8);
		sim_put_num(w, "DurationInMinutes", (double)((to - from) / 60000));
	} else {
		to = from + (int64_t)sim_work_num(w, "DurationInMinutes") * 60000;
		sim_put_ref(w, "EndDateTime", (uint64_t)to);
	}
}

static void sim_derive_member(struct sim_work *w)
{
	uint64_t contact = sim_work_ref(w, "ContactId"), lead = sim_work_ref(w, "LeadId");

	sim_put_text(w, "Name", sim_text_of(w, contact ? contact : lead, "Name"));
	sim_put_text(w, "Type", sim_cstr(contact ? "Contact" : "Lead"));
	sim_put_ref(w, "LeadOrContactId", contact ? contact : lead);
	sim_put_bool(w, "HasResponded", sim_is(sim_work_text(w, "Status"), "Responded"));
}

static const struct sim_special {
	const char *object;
	bool (*check)(struct sim_work *w);
	void (*derive)(struct sim_work *w);
} sim_specials[] = {
	{"Account", sim_person_check, sim_person_derive},
	{"Contact", sim_person_contact_check, sim_derive_person},
	{"Lead", NULL, sim_derive_person},
	{"User", NULL, sim_derive_person},
	{"AccountShare", sim_check_share, sim_derive_share},
	{"Opportunity", NULL, sim_derive_opp},
	{"Case", NULL, sim_derive_closed},
	{"Task", sim_check_activity, sim_derive_closed},
	{"Event", sim_check_event, sim_derive_event},
	{"PricebookEntry", sim_check_pbe, sim_derive_pbe},
	{"OpportunityLineItem", sim_check_oli, sim_derive_oli},
	{"OrderItem", NULL, sim_derive_orderitem},
	{"CampaignMember", sim_check_member, sim_derive_member},
	{"Attachment", sim_check_attachment, sim_derive_attachment},
	{"Document", NULL, sim_derive_document},
	{"ContentVersion", sim_check_version, sim_derive_version},
	{"ContentDocumentLink", sim_check_link, NULL},
	{"QuoteDocument", sim_check_quote_document, sim_derive_quote_document},
};

static const struct sim_special *sim_special_of(const struct sim_object *o)
{
	for (size_t i = 0; i < SIM_COUNT(sim_specials); i++)
		if (!strcmp(sim_specials[i].object, o->name))
			return &sim_specials[i];
	return NULL;
}

bool sim_special_check(struct sim_work *w)
{
	const struct sim_special *s = sim_special_of(w->obj);

	return !s || !s->check || s->check(w);
}

/* "PRJ-{0000}": the digits give the least width */
static void sim_auto_number(struct sim_work *w, const struct sim_field *f)
{
	const char *open = strchr(w->obj->auto_format, '{'),
		   *close = strchr(w->obj->auto_format, '}');
	uint64_t n;

	if (!open || !close || w->slot[f->idx])
		return;
	n = ++w->obj->store->auto_no;
	w->slot[f->idx] = sim_work_keep(
		w, sim_val_text(w->t->arena, f,
			   sim_cstr(sim_arena_fmt(w->t->arena, "%.*s%0*llu%s",
				   (int)(open - w->obj->auto_format), w->obj->auto_format,
				   (int)(close - open - 1), (unsigned long long)n, close + 1))));
}

/* "A - B", "A * B" or "A + B" over number fields */
static void sim_formula(struct sim_work *w, const struct sim_field *f)
{
	char a[64], op, b[64];
	double x, y;

	if (!f->formula || sscanf(f->formula, "%63s %c %63s", a, &op, b) != 3)
		return;
	x = sim_work_num(w, a);
	y = sim_work_num(w, b);
	sim_put_num(w, f->name, op == '*' ? x * y : op == '+' ? x + y : x - y);
}

uint64_t sim_assigned(const struct sim_txn *t, const struct sim_object *o)
{
	const char *to = t->org->set.assign_to;
	uint64_t oid;

	if (!t->assign || !to[0] ||
		(strcmp(o->name, "Case") != 0 && strcmp(o->name, "Lead") != 0) ||
		sim_id_parse(t->org, sim_cstr(to), &oid) != SIM_ID_OK)
		return 0;
	return oid;
}

void sim_derive(struct sim_work *w)
{
	const struct sim_special *s = sim_special_of(w->obj);

	if (sim_assigned(w->t, w->obj))
		sim_put_ref(w, "OwnerId", sim_assigned(w->t, w->obj));
	if (w->obj->owner && !w->slot[w->obj->owner->idx])
		sim_put_ref(w, "OwnerId", w->t->user);
	for (unsigned i = 0; i < w->obj->nfields; i++) {
		const struct sim_field *f = w->obj->field[i];

		if (f->auto_number && w->obj->auto_format && !w->old)
			sim_auto_number(w, f);
		else if (f->calculated && f->formula)
			sim_formula(w, f);
	}
	sim_currency_derive(w);
	if (s && s->derive)
		s->derive(w);
}
