/* The inside of a package: package.xml, triggers, duplicate rules. */
#include "sim_deploy.h"

#include <libxml/tree.h>
#include <stdlib.h>
#include <zip.h>

#include "sim_meta.h"
#include "sim_soql.h"
#include "sim_switch.h"
#include "sim_xml.h"

#define SIM_FILES_MOST 10000
#define SIM_FILE_BYTES (64u << 20)

/* ---- the zip ---- */

static bool sim_unpack_one(struct sim_package *p, zip_t *z, zip_uint64_t i)
{
	struct sim_file *f = &p->file[p->nfiles];
	zip_stat_t st;
	zip_file_t *in;
	char *data;
	bool ok;

	if (zip_stat_index(z, i, 0, &st) || st.size > SIM_FILE_BYTES)
		return false;
	in = zip_fopen_index(z, i, 0);
	if (!in)
		return false;
	data = sim_arena_get(&p->arena, (size_t)st.size + 1);
	ok = zip_fread(in, data, st.size) == (zip_int64_t)st.size;
	zip_fclose(in);
	f->name = sim_arena_dup(&p->arena, sim_cstr(st.name));
	f->data = (struct sim_str){data, (size_t)st.size};
	p->nfiles++;
	return ok;
}

bool sim_package_open(struct sim_package *p, struct sim_str zip)
{
	zip_source_t *source = zip_source_buffer_create(zip.p, zip.len, 0, NULL);
	zip_t *z = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, NULL) : NULL;
	zip_int64_t n = z ? zip_get_num_entries(z, 0) : -1;
	bool ok = n >= 0 && n <= SIM_FILES_MOST;

	if (!z && source)
		zip_source_free(source);
	if (ok)
		p->file = sim_zalloc(sizeof(*p->file) * (size_t)(n + 1));
	for (zip_int64_t i = 0; ok && i < n; i++)
		ok = sim_unpack_one(p, z, (zip_uint64_t)i);
	if (z)
		zip_discard(z);
	return ok;
}

void sim_package_done(struct sim_package *p)
{
	free(p->file);
	sim_arena_done(&p->arena);
}

static const struct sim_file *sim_file_of(const struct sim_package *p, const char *name)
{
	for (size_t i = 0; i < p->nfiles; i++)
		if (sim_eq(p->file[i].name, sim_cstr(name)))
			return &p->file[i];
	return NULL;
}

/* ---- components ---- */

struct sim_component {
	struct sim_org *org;
	struct sim_package *p;
	struct sim_str name;
	const char *type;
	bool apply;
};

static void sim_problem(struct sim_component *c, const char *file, const char *text)
{
	struct sim_package *p = c->p;

	if (p->nproblems < SIM_COUNT(p->problem))
		p->problem[p->nproblems++] =
			(struct sim_problem){sim_cstr(file), c->name, c->type, text};
}

/* the file's tree; NULL: told */
static xmlDoc *sim_component_xml(struct sim_component *c, const char *file, const char *root)
{
	const struct sim_file *f = sim_file_of(c->p, file);
	xmlDoc *doc = f ? sim_xml_parse(f->data) : NULL;

	if (doc && strcmp((const char *)xmlDocGetRootElement(doc)->name, root) == 0)
		return doc;
	sim_problem(c, file,
		!f ? "An object was named in package.xml, but was not found in zipped directory"
		   : "Error parsing file");
	if (doc)
		xmlFreeDoc(doc);
	return NULL;
}

static bool sim_component_free(struct sim_component *c, const char *file, uint64_t oid)
{
	struct sim_rec *r = oid ? sim_take_rec(c->org, oid) : NULL;
	bool managed = r && sim_switch_text(c->org, r, "NamespacePrefix").p;

	if (!r)
		sim_problem(c, file, "Entity is not there");
	else if (managed)
		sim_problem(c, file, "Cannot modify managed object");
	if (r)
		sim_rec_unref(r);
	return r && !managed;
}

static void sim_put_apex(struct sim_component *c)
{
	struct sim_arena *a = &c->p->arena;
	const char *code = sim_arena_fmt(a, "triggers/%.*s.trigger", SIM_P(c->name)),
		   *meta = sim_arena_fmt(a, "triggers/%.*s.trigger-meta.xml", SIM_P(c->name));
	const struct sim_file *body = sim_file_of(c->p, code);
	xmlDoc *doc = sim_component_xml(c, meta, "ApexTrigger");
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	struct sim_str status = sim_xml_text(a, sim_xml_child(root, "status")),
		       version = sim_xml_text(a, sim_xml_child(root, "apiVersion"));
	uint64_t oid = sim_meta_find(
		c->org, "ApexTrigger", "Name", c->name, NULL, (struct sim_str){NULL, 0});

	c->p->apex = true;
	if (!doc)
		return;
	if (!body)
		sim_problem(c, code, "A trigger without its body");
	else if (!version.len || (!sim_is(status, "Active") && !sim_is(status, "Inactive")))
		sim_problem(c, meta, "apiVersion and status are required");
	else if (sim_component_free(c, meta, oid) && c->apply)
		sim_switch_trigger(c->org, oid, sim_is(status, "Active"), version, body->data);
	xmlFreeDoc(doc);
}

static void sim_put_duplicate(struct sim_component *c)
{
	static const char *const needed[] = {"actionOnInsert", "actionOnUpdate", "isActive",
		"masterLabel", "securityOption", "sortOrder", "duplicateRuleMatchRules"};
	struct sim_arena *a = &c->p->arena;
	const char *file = sim_arena_fmt(a, "duplicateRules/%.*s.duplicateRule", SIM_P(c->name));
	xmlDoc *doc = sim_component_xml(c, file, "DuplicateRule");
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	uint64_t oid = sim_switch_find_duplicate_rule(c->org, c->name);
	bool whole = true;

	if (!doc)
		return;
	for (size_t i = 0; i < SIM_COUNT(needed) && whole; i++) {
		whole = sim_xml_child(root, needed[i]) != NULL;
		if (!whole)
			sim_problem(c, file,
				sim_arena_fmt(a, "Required field is missing: %s", needed[i]));
	}
	if (whole && sim_component_free(c, file, oid) && c->apply)
		sim_switch_duplicate_rule(c->org, oid,
			sim_is(sim_xml_text(a, sim_xml_child(root, "isActive")), "true"));
	xmlFreeDoc(doc);
}

static const struct {
	const char *type;
	void (*put)(struct sim_component *c);
} sim_types_of_package[] = {
	{"ApexTrigger", sim_put_apex},
	{"DuplicateRule", sim_put_duplicate},
};

static void sim_walk_type(struct sim_component *c, xmlNode *types)
{
	struct sim_str type = sim_xml_text(&c->p->arena, sim_xml_child(types, "name"));
	size_t i = 0;

	while (i < SIM_COUNT(sim_types_of_package) && !sim_is(type, sim_types_of_package[i].type))
		i++;
	for (xmlNode *m = sim_xml_child(types, "members"); m; m = sim_xml_next(m)) {
		c->name = sim_xml_text(&c->p->arena, m);
		c->p->components++;
		if (i == SIM_COUNT(sim_types_of_package)) {
			sim_problem(c, "package.xml", "Unknown type name specified in package.xml");
			continue;
		}
		c->type = sim_types_of_package[i].type;
		sim_types_of_package[i].put(c);
	}
}

void sim_package_walk(struct sim_org *org, struct sim_package *p, bool apply)
{
	struct sim_component c = {
		.org = org, .p = p, .type = "", .name = SIM_S("package.xml"), .apply = apply};
	const struct sim_file *f = sim_file_of(p, "package.xml");
	xmlDoc *doc = f ? sim_xml_parse(f->data) : NULL;
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;

	p->components = 0;
	if (!root)
		sim_problem(&c, "package.xml", "No package.xml found");
	else if (!sim_xml_child(root, "version"))
		sim_problem(&c, "package.xml", "A version is required");
	for (xmlNode *t = sim_xml_child(root, "types"); t; t = sim_xml_next(t))
		sim_walk_type(&c, t);
	if (doc)
		xmlFreeDoc(doc);
}
