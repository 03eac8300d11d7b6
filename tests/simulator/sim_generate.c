/* Plausible records in numbers, fast. */
#include "sim_seed.h"

#include <stdlib.h>

static const char *const sim_words[] = {"Acme", "Globex", "Initech", "Umbra", "Northwind",
	"Contoso", "Helios", "Vertex", "Quanta", "Borealis", "Cobalt", "Delta", "Ember", "Fjord",
	"Granite", "Harbor", "Indigo", "Juniper", "Krypton", "Lumen", "Meridian", "Nimbus", "Onyx",
	"Pioneer", "Quartz", "Raven", "Sierra", "Tundra", "Ultra", "Vega", "Willow", "Zenith"};
static const char *const sim_firsts[] = {"Anna", "Ben", "Chloë", "David", "Eva", "Félix", "Grace",
	"Hugo", "Iris", "Jonas", "Kira", "Léo", "Mia", "Noah", "Olga", "Paul"};
static const char *const sim_lasts[] = {"Müller", "Smith", "Tanaka", "García", "Kowalski", "Rossi",
	"Dubois", "Nielsen", "O'Brien", "Novák", "Silva", "Jansen", "Brown", "Ivanova", "Chen",
	"Kaya"};

struct sim_gen {
	struct sim_org *org;
	struct sim_object *obj;
	struct sim_arena arena;
	uint64_t state, no, count, seed;
	int64_t fields, start_ms, spread_ms;
	struct sim_object *parent;
	struct sim_field *link;
};

static uint64_t sim_gen_rand(struct sim_gen *g)
{
	uint64_t z = (g->state += 0x9E3779B97F4A7C15ull);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

static const char *sim_gen_pick(struct sim_gen *g, const char *const *list, size_t n)
{
	return list[sim_gen_rand(g) % n];
}

static char *sim_gen_string(struct sim_gen *g, const struct sim_field *f)
{
	const char *w = sim_gen_pick(g, sim_words, SIM_COUNT(sim_words));
	unsigned long long r = sim_gen_rand(g) % 100000, no = g->no;

	if (!strcmp(f->name, "FirstName"))
		return sim_arena_fmt(
			&g->arena, "%s", sim_gen_pick(g, sim_firsts, SIM_COUNT(sim_firsts)));
	if (!strcmp(f->name, "LastName"))
		return sim_arena_fmt(
			&g->arena, "%s", sim_gen_pick(g, sim_lasts, SIM_COUNT(sim_lasts)));
	if (!strcmp(f->name, "Ext_Id__c"))
		return sim_arena_fmt(
			&g->arena, "%s-%llu-%08llu", g->obj->name, (unsigned long long)g->seed, no);
	if (f->unique)
		return NULL;
	if (f->name_field || !strcmp(f->name, "Company"))
		return sim_arena_fmt(&g->arena, "%s %s %llu", w,
			sim_gen_pick(g, sim_words, SIM_COUNT(sim_words)), no);
	return sim_arena_fmt(&g->arena, "%s %llu", w, r);
}

static char *sim_gen_text(struct sim_gen *g, const struct sim_field *f)
{
	unsigned long long r = sim_gen_rand(g), no = g->no;

	switch (f->type) {
	case SIM_T_EMAIL:
		return sim_arena_fmt(&g->arena, "user%llu@example.com", no);
	case SIM_T_PHONE:
		return sim_arena_fmt(&g->arena, "+1 555 %07llu", r % 10000000);
	case SIM_T_URL:
		return sim_arena_fmt(&g->arena, "https://www.example.com/%llu", r % 1000000);
	case SIM_T_DATE:
		return sim_arena_fmt(&g->arena, "20%02llu-%02llu-%02llu", 15 + r % 11,
			1 + r / 16 % 12, 1 + r / 256 % 28);
	case SIM_T_TIME:
		return sim_arena_fmt(&g->arena, "%02llu:%02llu:00.000Z", r % 24, r / 32 % 60);
	case SIM_T_TEXTAREA:
		return sim_arena_fmt(&g->arena, "%s %s, line %llu\nsecond \"line\"",
			sim_gen_pick(g, sim_words, SIM_COUNT(sim_words)),
			sim_gen_pick(g, sim_words, SIM_COUNT(sim_words)), r % 1000);
	case SIM_T_PICKLIST:
	case SIM_T_COMBOBOX:
	case SIM_T_MULTIPICKLIST:
		return f->npick ? f->pick[r % (unsigned)f->npick].value : NULL;
	case SIM_T_BASE64:
		return sim_arena_fmt(&g->arena, "aGVsbG8=");
	case SIM_T_STRING:
	case SIM_T_ENCRYPTED:
	case SIM_T_COMPLEX:
	case SIM_T_ANYTYPE:
		return sim_gen_string(g, f);
	case SIM_T_ID:
	case SIM_T_REFERENCE:
	case SIM_T_BOOLEAN:
	case SIM_T_CURRENCY:
	case SIM_T_DOUBLE:
	case SIM_T_PERCENT:
	case SIM_T_INT:
	case SIM_T_DATETIME:
	case SIM_T_ADDRESS:
	case SIM_T_LOCATION:
	case SIM_T_COUNT:
		break;
	}
	return NULL;
}

/* some living record of the object, the same one for neighbours */
static uint64_t sim_gen_parent(struct sim_gen *g, const struct sim_object *o)
{
	struct sim_store *st = o->store;

	for (int tries = 0; st->top && tries < 20; tries++) {
		uint64_t s = tries ? 1 + sim_gen_rand(g) % st->top
				   : 1 + g->no * st->top / (g->count + 1);
		const struct sim_rec *r = sim_store_get(st, s);

		if (r && !r->deleted && r->oid != g->org->std_pricebook)
			return r->oid;
	}
	return 0;
}

static bool sim_gen_value(struct sim_gen *g, const struct sim_field *f, struct sim_val *ret)
{
	uint64_t r = sim_gen_rand(g), oid;
	char *text;
	int whole;

	switch (f->kept) {
	case SIM_K_BOOL:
		*ret = (struct sim_val){.field = f->idx, .s = {"t", 1}};
		return r % 2;
	case SIM_K_NUM:
		whole = f->type == SIM_T_INT ? 6 : f->precision - f->scale;
		whole = whole > 6 ? 6 : whole < 1 ? 1 : whole;
		r %= whole == 6 ? 1000000 : whole > 2 ? 100 : whole > 1 ? 90 : 9;
		*ret = sim_val_num(&g->arena, f, (double)r + (f->scale ? (double)(r % 4) / 4 : 0));
		return !ret->null;
	case SIM_K_STAMP:
		*ret = sim_val_u64(&g->arena, f, (1500000000 + r % 200000000) * 1000);
		return true;
	case SIM_K_REF:
		if (f == g->obj->owner || f == g->obj->record_type || !f->nref ||
			(f != g->link && f->nillable))
			return false;
		oid = f->target[0] ? sim_gen_parent(g, f == g->link ? g->parent : f->target[0]) : 0;
		*ret = sim_val_u64(&g->arena, f, oid);
		return oid != 0;
	case SIM_K_TEXT:
	case SIM_K_NONE:
		break;
	}
	text = f->kept == SIM_K_TEXT ? sim_gen_text(g, f) : NULL;
	if (!text)
		return false;
	*ret = sim_val_text(&g->arena, f, sim_cstr(text));
	return !ret->null;
}

static void sim_gen_one(struct sim_gen *g, struct sim_row *row)
{
	int64_t left = g->fields;

	row->obj = g->obj;
	row->op = SIM_INSERT;
	row->val = sim_arena_get(&g->arena, sizeof(*row->val) * g->obj->nfields);
	for (unsigned i = 0; i < g->obj->nfields; i++) {
		const struct sim_field *f = g->obj->field[i];
		bool must = f == g->link || (!f->nillable && !f->defaulted) ||
			    !strcmp(f->name, "Ext_Id__c");

		if (!f->createable || f->sys || f->hidden || (!must && left <= 0))
			continue;
		if (sim_gen_value(g, f, &row->val[row->nval]))
			row->nval++, left--;
	}
}

static struct sim_field *sim_gen_link(struct sim_gen *g)
{
	for (unsigned i = 0; g->parent && i < g->obj->nfields; i++)
		for (int k = 0; k < g->obj->field[i]->nref; k++)
			if (g->obj->field[i]->target[k] == g->parent &&
				g->obj->field[i]->createable)
				return g->obj->field[i];
	return NULL;
}

uint64_t sim_generate(struct sim_org *org, const struct sim_json *spec, const char **error)
{
	struct sim_gen g = {.org = org, .obj = sim_object_find(org, sim_json_str(spec, "object"))};
	struct sim_str parent = sim_json_str(spec, "parent");

	if (!g.obj) {
		*error = "unknown object";
		return 0;
	}
	g.parent = parent.len ? sim_object_find(org, parent) : NULL;
	g.link = sim_gen_link(&g);
	g.seed = (uint64_t)sim_json_i64(spec, "seed", 1);
	g.state = g.seed * 7919;
	g.count = (uint64_t)sim_json_i64(spec, "count", 1);
	g.fields = sim_json_i64(spec, "fields", 12);
	g.start_ms = sim_now_ms();
	g.spread_ms = sim_json_i64(spec, "spreadSeconds", 0) * 1000;
	while (g.no < g.count) {
		pthread_rwlock_wrlock(&org->db);
		for (int i = 0; i < 500 && g.no < g.count; i++, g.no++) {
			int64_t now = sim_now_ms();
			struct sim_row row = {0};
			struct sim_txn t = {.org = org,
				.arena = &g.arena,
				.user = org->admin,
				.row = &row,
				.n = 1,
				.seed = true};

			sim_gen_one(&g, &row);
			t.now_ms = org->last_ms = now > org->last_ms ? now : org->last_ms;
			if (g.spread_ms)
				t.now_ms = g.start_ms - g.spread_ms +
					   (int64_t)((double)g.spread_ms * (double)g.no /
						     (double)g.count);
			row.id = sim_oid(g.obj->idx, sim_store_new_serial(g.obj->store));
			sim_write_past_rules(&t, &row);
		}
		pthread_rwlock_unlock(&org->db);
		sim_arena_done(&g.arena);
	}
	return g.no;
}
