/* Seed files: JSON lines with names, past all rules. */
#include "sim_seed.h"

#include <stdlib.h>

struct sim_name {
	struct sim_name *next;
	char *name;
	uint64_t oid;
};

struct sim_names {
	struct sim_name *bucket[65536];
};

static struct sim_name **sim_name_at(struct sim_names *n, struct sim_str name)
{
	struct sim_name **at = &n->bucket[sim_hash(name, false, 5) % 65536];

	while (*at && !sim_eq(sim_cstr((*at)->name), name))
		at = &(*at)->next;
	return at;
}

void sim_names_clear(struct sim_org *org)
{
	for (size_t i = 0; org->names && i < 65536; i++)
		while (org->names->bucket[i]) {
			struct sim_name *k = org->names->bucket[i];

			org->names->bucket[i] = k->next;
			free(k->name);
			free(k);
		}
}

static void sim_name_set(struct sim_org *org, struct sim_str name, uint64_t oid)
{
	struct sim_name **at;

	if (!org->names)
		org->names = sim_zalloc(sizeof(*org->names));
	at = sim_name_at(org->names, name);
	if (!*at) {
		*at = sim_zalloc(sizeof(**at));
		(*at)->name = sim_strdup(name);
	}
	(*at)->oid = oid;
}

static uint64_t sim_record_type(struct sim_org *org, struct sim_str path)
{
	struct sim_object *rt = sim_object_find(org, SIM_S("RecordType"));
	struct sim_str type = sim_cut(&path, '.'), a, b;

	for (uint64_t s = 1; s <= rt->store->top; s++) {
		const struct sim_rec *r = sim_store_get(rt->store, s);

		if (r && sim_rec_get(r, sim_field_named(rt, "SobjectType")->idx, &a, NULL) &&
			sim_eqi(a, type) &&
			sim_rec_get(r, sim_field_named(rt, "DeveloperName")->idx, &b, NULL) &&
			sim_eqi(b, path))
			return r->oid;
	}
	return 0;
}

static uint64_t sim_name_find(struct sim_org *org, struct sim_str name)
{
	if (sim_eq(name, SIM_S("@admin")))
		return org->admin;
	if (sim_eq(name, SIM_S("@stdpricebook")))
		return org->std_pricebook;
	if (sim_starts(name, "@recordtype:")) {
		name.p += 12, name.len -= 12;
		return sim_record_type(org, name);
	}
	if (!org->names || !*sim_name_at(org->names, name))
		return 0;
	return (*sim_name_at(org->names, name))->oid;
}

struct sim_line {
	struct sim_json *doc;
	uint64_t oid;
};

static bool sim_seed_parse(struct sim_arena *a, char *text, size_t len, struct sim_line **ret,
	size_t *ret_n, const char **error)
{
	struct sim_line *line = NULL;
	size_t n = 0, cap = 0;
	char *end = text + len;

	while (text < end) {
		char *nl = memchr(text, '\n', (size_t)(end - text)), *stop = nl ? nl : end;
		const char *why = NULL;

		if (sim_trim((struct sim_str){text, (size_t)(stop - text)}).len) {
			if (n == cap)
				line = sim_realloc(
					line, (cap = cap ? cap * 2 : 256) * sizeof(*line));
			line[n] = (struct sim_line){
				sim_json_parse(a, text, (size_t)(stop - text), &why), 0};
			if (!line[n].doc || line[n].doc->type != SIM_J_OBJ) {
				*error = sim_arena_fmt(
					a, "line %zu: %s", n + 1, why ? why : "not an object");
				free(line);
				return false;
			}
			n++;
		}
		text = stop + 1;
	}
	*ret = line;
	*ret_n = n;
	return true;
}

/* names in lookups become ids; false with the unknown name */
static bool sim_seed_resolve(struct sim_org *org, struct sim_arena *a, const struct sim_object *o,
	struct sim_json *doc, const char **error)
{
	for (struct sim_json *v = doc->child; v; v = v->next) {
		const struct sim_field *f = sim_field_find(o, v->key);
		uint64_t oid;
		char *id;

		if (v->type != SIM_J_STR || !v->text.len || v->text.p[0] != '@' || !f ||
			(f->type != SIM_T_REFERENCE && f->type != SIM_T_ID))
			continue;
		oid = sim_name_find(org, v->text);
		if (!oid) {
			*error = sim_arena_fmt(
				a, "unknown name %.*s in %s.%s", SIM_P(v->text), o->name, f->name);
			return false;
		}
		id = sim_arena_get(a, 19);
		sim_id_text(org, oid, id);
		v->text = (struct sim_str){id, 18};
	}
	return true;
}

struct sim_seeding {
	struct sim_org *org;
	struct sim_arena arena;
	struct sim_line *line;
	size_t n;
	struct sim_row *row;
};

/* every record first gets its place, so that names may point forward */
static bool sim_seed_places(struct sim_seeding *s, const char **error)
{
	for (size_t i = 0; i < s->n; i++) {
		struct sim_json *doc = s->line[i].doc, *id = sim_json_geti(doc, "Id");
		struct sim_str type = sim_json_str(sim_json_get(doc, "attributes"), "type");
		struct sim_object *o = sim_object_find(s->org, type);

		if (!o) {
			*error = sim_arena_fmt(
				&s->arena, "line %zu: unknown object '%.*s'", i + 1, SIM_P(type));
			return false;
		}
		s->row[i] = (struct sim_row){.obj = o, .in = doc, .op = SIM_INSERT};
		s->row[i].id = sim_oid(o->idx, sim_store_new_serial(o->store));
		if (id && id->type == SIM_J_STR && id->text.len && id->text.p[0] == '@')
			sim_name_set(s->org, id->text, s->row[i].id);
	}
	return true;
}

size_t sim_seed(
	struct sim_org *org, char *text, size_t len, struct sim_buf *out, const char **error)
{
	static char kept[300];
	struct sim_seeding s = {.org = org};
	const char *why = NULL;
	uint64_t count[SIM_MAX_OBJECTS] = {0};
	size_t done = 0;

	if (sim_seed_parse(&s.arena, text, len, &s.line, &s.n, &why)) {
		s.row = sim_zalloc(sizeof(*s.row) * (s.n + 1));
		pthread_rwlock_wrlock(&org->db);
		if (sim_seed_places(&s, &why))
			for (; done < s.n && !why; done++) {
				if (sim_seed_resolve(org, &s.arena, s.row[done].obj,
					    s.line[done].doc, &why) &&
					sim_seed_put(org, &s.arena, &s.row[done], &why))
					count[s.row[done].obj->idx]++;
			}
		pthread_rwlock_unlock(&org->db);
		free(s.line);
		free(s.row);
	}
	if (why) {
		snprintf(kept, sizeof(kept), "record %zu: %s", done, why);
		*error = kept;
	}
	if (out) {
		bool first = true;

		sim_buf_ch(out, '{');
		for (unsigned i = 0; i < org->nobjects; i++)
			if (count[i]) {
				sim_buf_fmt(out, "%s\"%s\":%llu", first ? "" : ",",
					org->object[i]->name, (unsigned long long)count[i]);
				first = false;
			}
		sim_buf_ch(out, '}');
	}
	sim_arena_done(&s.arena);
	return done;
}

bool sim_seed_put(struct sim_org *org, struct sim_arena *a, struct sim_row *row, const char **error)
{
	int64_t now = sim_now_ms();
	struct sim_txn t = {
		.org = org, .arena = a, .user = org->admin, .row = row, .n = 1, .seed = true};

	t.now_ms = org->last_ms = now > org->last_ms ? now : org->last_ms;
	if (!sim_row_convert(&t, row) || !sim_write_past_rules(&t, row)) {
		*error = row->err.msg ? row->err.msg : "bad record";
		return false;
	}
	return true;
}

size_t sim_change(struct sim_org *org, char *text, size_t len, bool del, struct sim_buf *out,
	const char **error)
{
	struct sim_arena arena = {NULL};
	struct sim_line *line;
	size_t n, done = 0;

	if (!sim_seed_parse(&arena, text, len, &line, &n, error)) {
		*error = "bad JSON lines";
		sim_arena_done(&arena);
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		struct sim_json *id = sim_json_geti(line[i].doc, "Id");
		struct sim_row row = {.op = del ? SIM_DELETE : SIM_UPDATE, .in = line[i].doc};
		struct sim_txn t = {.org = org,
			.arena = &arena,
			.user = org->admin,
			.row = &row,
			.n = 1,
			.seed = true};

		if (id && id->type == SIM_J_STR && id->text.len && id->text.p[0] == '@')
			row.id = sim_name_find(org, id->text);
		else if (id)
			sim_id_parse(org, id->text, &row.id);
		if (!row.id || !sim_find(org, row.id))
			continue;
		row.obj = org->object[sim_oid_obj(row.id)];
		if (!del && !sim_seed_resolve(org, &arena, row.obj, line[i].doc, error))
			continue;
		sim_txn_run(&t);
		sim_txn_end(&t);
		done += !row.err.code;
	}
	sim_buf_fmt(out, "{\"%s\":%zu}", del ? "deleted" : "updated", done);
	free(line);
	sim_arena_done(&arena);
	return done;
}
