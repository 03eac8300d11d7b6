#include "sim_org.h"
#include "sim_store.h"

#include <stdlib.h>

const struct sim_type_info sim_types[SIM_T_COUNT] = {
	[SIM_T_ID] = {"id", "tns:ID", SIM_K_REF, true, false, true, true},
	[SIM_T_STRING] = {"string", "xsd:string", SIM_K_TEXT, true, false, true, true},
	[SIM_T_TEXTAREA] = {"textarea", "xsd:string", SIM_K_TEXT, true, false, true, true},
	[SIM_T_PICKLIST] = {"picklist", "xsd:string", SIM_K_TEXT, true, false, true, true},
	[SIM_T_MULTIPICKLIST] = {"multipicklist", "xsd:string", SIM_K_TEXT, true, false, false,
		false},
	[SIM_T_COMBOBOX] = {"combobox", "xsd:string", SIM_K_TEXT, true, false, true, true},
	[SIM_T_REFERENCE] = {"reference", "tns:ID", SIM_K_REF, true, false, true, true},
	[SIM_T_BASE64] = {"base64", "xsd:base64Binary", SIM_K_TEXT, false, false, false, false},
	[SIM_T_BOOLEAN] = {"boolean", "xsd:boolean", SIM_K_BOOL, false, false, true, true},
	[SIM_T_CURRENCY] = {"currency", "xsd:double", SIM_K_NUM, false, true, true, false},
	[SIM_T_DOUBLE] = {"double", "xsd:double", SIM_K_NUM, false, true, true, false},
	[SIM_T_PERCENT] = {"percent", "xsd:double", SIM_K_NUM, false, true, true, false},
	[SIM_T_INT] = {"int", "xsd:int", SIM_K_NUM, false, true, true, true},
	[SIM_T_PHONE] = {"phone", "xsd:string", SIM_K_TEXT, true, false, true, true},
	[SIM_T_EMAIL] = {"email", "xsd:string", SIM_K_TEXT, true, false, true, true},
	[SIM_T_URL] = {"url", "xsd:string", SIM_K_TEXT, true, false, true, true},
	[SIM_T_DATE] = {"date", "xsd:date", SIM_K_TEXT, false, false, true, true},
	[SIM_T_DATETIME] = {"datetime", "xsd:dateTime", SIM_K_STAMP, false, false, true, false},
	[SIM_T_TIME] = {"time", "xsd:time", SIM_K_TEXT, false, false, true, true},
	[SIM_T_ADDRESS] = {"address", "urn:address", SIM_K_NONE, false, false, false, false},
	[SIM_T_LOCATION] = {"location", "urn:location", SIM_K_NONE, false, false, false, false},
	[SIM_T_ENCRYPTED] = {"encryptedstring", "xsd:string", SIM_K_TEXT, true, false, false,
		false},
	[SIM_T_COMPLEX] = {"complexvalue", "tns:complexvalue", SIM_K_TEXT, true, false, false,
		false},
	[SIM_T_ANYTYPE] = {"anyType", "xsd:anyType", SIM_K_TEXT, true, false, false, false},
};

/* what the letters of a table row mean */
static const struct {
	char letter;
	size_t at;
} sim_schema_flags[] = {
	{'c', offsetof(struct sim_field, createable)},
	{'u', offsetof(struct sim_field, updateable)},
	{'n', offsetof(struct sim_field, nillable)},
	{'d', offsetof(struct sim_field, defaulted)},
	{'N', offsetof(struct sim_field, name_field)},
	{'X', offsetof(struct sim_field, external_id)},
	{'I', offsetof(struct sim_field, id_lookup)},
	{'Q', offsetof(struct sim_field, unique)},
	{'K', offsetof(struct sim_field, case_sensitive)},
	{'F', offsetof(struct sim_field, calculated)},
	{'A', offsetof(struct sim_field, auto_number)},
	{'R', offsetof(struct sim_field, restricted)},
	{'H', offsetof(struct sim_field, html)},
	{'M', offsetof(struct sim_field, cascade)},	  /* goes with its parent */
	{'V', offsetof(struct sim_field, cascade_shown)}, /* and the field's describe says so */
	{'S', offsetof(
		      struct sim_field, restrict_delete)}, /* keeps its parent from being deleted */
	{'L', offsetof(struct sim_field, locks)},	   /* a write locks the parent */
	{'G', offsetof(struct sim_field, master)},	   /* master-detail */
	{'f', offsetof(struct sim_field, no_filter)},
	{'p', offsetof(struct sim_field, no_perm)},
	{'t', offsetof(struct sim_field, default_true)},
};

static const struct {
	const char *name;
	enum sim_sys sys;
} sim_sys_names[] = {
	{"Id", SIM_SYS_ID},
	{"IsDeleted", SIM_SYS_DELETED},
	{"CreatedDate", SIM_SYS_CREATED},
	{"CreatedById", SIM_SYS_CREATED_BY},
	{"LastModifiedDate", SIM_SYS_MODIFIED},
	{"LastModifiedById", SIM_SYS_MODIFIED_BY},
	{"SystemModstamp", SIM_SYS_STAMP},
};

struct sim_object *sim_object_find(const struct sim_org *org, struct sim_str name)
{
	for (unsigned i = 0; i < org->nobjects; i++)
		if (sim_is(name, org->object[i]->name))
			return org->object[i];
	return NULL;
}

static unsigned sim_slot_of(const struct sim_object *obj, struct sim_str name)
{
	unsigned h = (unsigned)sim_hash(name, true, 0) % SIM_NAME_SLOTS;

	while (obj->slot[h] && !sim_is(name, obj->field[obj->slot[h] - 1]->name))
		h = (h + 1) % SIM_NAME_SLOTS;
	return h;
}

struct sim_field *sim_field_find(const struct sim_object *obj, struct sim_str name)
{
	unsigned short at = obj->slot[sim_slot_of(obj, name)];

	return at ? obj->field[at - 1] : NULL;
}

struct sim_field *sim_field_named(const struct sim_object *obj, const char *name)
{
	return sim_field_find(obj, sim_cstr(name));
}

struct sim_field *sim_field_by_rel(const struct sim_object *obj, struct sim_str rel)
{
	for (unsigned i = 0; i < obj->nfields; i++)
		if (obj->field[i]->rel_name && sim_is(rel, obj->field[i]->rel_name))
			return obj->field[i];
	return NULL;
}

bool sim_field_is_text(const struct sim_field *f)
{
	return f->kept == SIM_K_TEXT && f->type != SIM_T_DATE && f->type != SIM_T_TIME;
}

bool sim_field_is_num(const struct sim_field *f)
{
	return f->kept == SIM_K_NUM;
}

char *sim_label_of(struct sim_str name)
{
	struct sim_buf b = {0};

	if (name.len > 3 && !memcmp(name.p + name.len - 3, "__c", 3))
		name.len -= 3;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];
		bool low = i && name.p[i - 1] >= 'a' && name.p[i - 1] <= 'z';

		if (low && c >= 'A' && c <= 'Z')
			sim_buf_ch(&b, ' ');
		sim_buf_ch(&b, c == '_' ? ' ' : c);
	}
	if (b.len > 3 && !memcmp(b.p + b.len - 3, " Id", 3))
		b.p[b.len - 1] = 'D';
	sim_buf_ch(&b, 0);
	return b.p;
}

static void sim_custom_prefix(struct sim_org *org, char out[4])
{
	static const char abc[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	uint64_t n = sim_hash(sim_cstr(org->name), false, 7) % 400 + org->nobjects;

	do {
		out[0] = 'a';
		out[1] = abc[n / 62 % 62];
		out[2] = abc[n % 62];
		out[3] = 0;
		n++;
	} while (sim_id_object(org, (struct sim_str){out, 3}));
}

struct sim_object *sim_object_add(struct sim_org *org, struct sim_str name, const char *prefix)
{
	struct sim_object *o = sim_zalloc(sizeof(*o));

	o->name = sim_strdup(name);
	o->label = sim_label_of(name);
	o->custom = name.len > 3 && !memcmp(name.p + name.len - 3, "__c", 3);
	o->createable = o->updateable = o->deletable = o->queryable = true;
	o->undeletable = o->replicateable = true;
	if (prefix && !sim_id_object(org, sim_cstr(prefix)))
		memcpy(o->prefix, prefix, 3);
	else
		sim_custom_prefix(org, o->prefix);
	o->idx = org->nobjects;
	o->store = sim_store_new();
	o->changed_ms = sim_now_ms();
	org->object[org->nobjects++] = o;
	return o;
}

struct sim_field *sim_field_add(struct sim_object *obj, struct sim_str name, enum sim_type type)
{
	struct sim_field *f = sim_zalloc(sizeof(*f));

	f->name = sim_strdup(name);
	f->label = sim_label_of(name);
	f->type = type;
	f->kept = sim_types[type].kept;
	f->custom = name.len > 3 && !memcmp(name.p + name.len - 3, "__c", 3);
	f->index = -1;
	f->idx = (unsigned short)obj->nfields;
	for (size_t i = 0; i < SIM_COUNT(sim_sys_names); i++)
		if (sim_is(name, sim_sys_names[i].name)) {
			f->sys = sim_sys_names[i].sys;
			f->kept = SIM_K_NONE;
		}
	obj->field[obj->nfields] = f;
	obj->slot[sim_slot_of(obj, name)] = (unsigned short)++obj->nfields;
	return f;
}

void sim_field_targets(struct sim_org *org, struct sim_field *f, struct sim_str list)
{
	(void)org;
	f->ref_to = sim_realloc(NULL, sizeof(char *) * 64);
	f->nref = 0;
	while (list.len && f->nref < 64)
		f->ref_to[f->nref++] = sim_strdup(sim_cut(&list, '|'));
	f->polymorphic = f->nref > 1;
}

void sim_field_picks(struct sim_field *f, struct sim_str list)
{
	f->npick = 0;
	f->pick = NULL;
	while (list.len) {
		struct sim_str v = sim_cut(&list, ';');
		struct sim_pick *p;
		bool def = v.len && v.p[0] == '*';

		f->pick = sim_realloc(f->pick, sizeof(*p) * (size_t)(f->npick + 1));
		if (def)
			v.p++, v.len--;
		p = &f->pick[f->npick++];
		*p = (struct sim_pick){.value = sim_strdup(v), .active = true, .def = def};
		p->label = p->value;
		if (def)
			f->def_text = p->value;
	}
}

static void sim_def_rel(struct sim_field *f, struct sim_str rel)
{
	struct sim_str head = sim_cut(&rel, '>');

	if (head.len)
		f->rel_name = sim_strdup(head);
	if (rel.len)
		f->child_rel = sim_strdup(rel);
}

static void sim_def_extra(struct sim_object *o, struct sim_field *f, const char *extra)
{
	if (f->type == SIM_T_PICKLIST || f->type == SIM_T_MULTIPICKLIST ||
		f->type == SIM_T_COMBOBOX)
		sim_field_picks(f, sim_cstr(extra));
	else if (f->auto_number)
		o->auto_format = sim_strdup(sim_cstr(extra));
	else if (f->calculated)
		f->formula = sim_strdup(sim_cstr(extra));
	else
		f->def_text = sim_strdup(sim_cstr(extra));
}

static void sim_def_row(struct sim_org *org, struct sim_object *o, const struct sim_def_field *d)
{
	struct sim_field *f = sim_field_add(o, sim_cstr(d->name), d->type);

	for (const char *c = d->flags; *c; c++)
		for (size_t i = 0; i < SIM_COUNT(sim_schema_flags); i++)
			if (sim_schema_flags[i].letter == *c)
				*((bool *)f + sim_schema_flags[i].at) = true;
	if (f->type == SIM_T_INT) {
		f->digits = d->len;
	} else if (sim_types[f->type].number) {
		f->precision = d->len;
		f->scale = d->scale;
	} else {
		f->length = d->type == SIM_T_REFERENCE ? 18 : d->len;
	}
	if (f->type == SIM_T_BOOLEAN && (f->createable || f->updateable))
		f->defaulted = true;
	if (d->to)
		sim_field_targets(org, f, sim_cstr(d->to));
	if (d->rel)
		sim_def_rel(f, sim_cstr(d->rel));
	if (d->extra)
		sim_def_extra(o, f, d->extra);
}

static void sim_def_object(struct sim_org *org, const struct sim_def_object *d)
{
	struct sim_object *o = sim_object_add(org, sim_cstr(d->name), d->prefix);

	free(o->label);
	o->label = sim_strdup(sim_cstr(d->label));
	o->plural = sim_strdup(sim_cstr(d->plural));
	for (const char *c = d->flags; *c; c++) {
		o->createable &= *c != 'c';
		o->updateable &= *c != 'u';
		o->deletable &= *c != 'd';
		o->undeletable &= *c != 'd' && *c != 'n';
		o->replicateable &= *c != 'r';
		o->setup |= *c == 's';
		o->tooling |= *c == 't';
		o->meta |= *c == 't' || *c == 'm';
	}
	for (size_t i = 0; i < d->nfields; i++)
		sim_def_row(org, o, &d->fields[i]);
}

static void sim_field_settle(struct sim_org *org, struct sim_object *o, struct sim_field *f)
{
	static const char *const parts[] = {"City", "Country", "GeocodeAccuracy", "Latitude",
		"Longitude", "PostalCode", "State", "Street"};
	char name[160];
	int n = (int)strlen(f->name);

	for (int i = 0; i < f->nref; i++)
		f->target[i] = sim_object_find(org, sim_cstr(f->ref_to[i]));
	if (f->name_field)
		o->name_field = f;
	if (f->type == SIM_T_ADDRESS && !f->nparts)
		for (int i = 0; i < 8; i++) {
			struct sim_field *c;

			snprintf(name, sizeof(name), "%.*s%s", n - 7, f->name, parts[i]);
			c = sim_field_named(o, name);
			f->part[i] = c ? c->idx : UINT16_MAX;
			if (c && !c->compound)
				c->compound = f->name;
			f->nparts = 8;
		}
	if (f->type == SIM_T_LOCATION && !f->nparts)
		for (int i = 0; i < 2; i++) {
			struct sim_field *c;

			snprintf(name, sizeof(name), "%.*s__%s__s", n - 3, f->name, parts[3 + i]);
			c = sim_field_named(o, name);
			f->part[i] = c ? c->idx : UINT16_MAX;
			if (c && !c->compound)
				c->compound = f->name;
			f->nparts = 2;
		}
}

static bool sim_wants_index(const struct sim_field *f)
{
	if (f->kept == SIM_K_REF)
		return f->nref && strcmp(f->ref_to[0], "User") && strcmp(f->ref_to[0], "Group") &&
		       strcmp(f->ref_to[0], "RecordType") && strcmp(f->ref_to[0], "Profile");
	return f->kept != SIM_K_NONE && f->kept != SIM_K_STAMP && f->type != SIM_T_BASE64 &&
	       (f->unique || f->external_id || f->id_lookup || f->name_field);
}

static void sim_inbound(struct sim_object *from, struct sim_field *f)
{
	for (int i = 0; i < f->nref; i++) {
		struct sim_object *to = f->target[i];
		bool seen = !to || f->index < 0 || to->ninbound == (int)SIM_COUNT(to->inbound);

		for (int k = 0; !seen && k < to->ninbound; k++)
			seen = to->inbound[k].field == f;
		if (seen)
			continue;
		to->inbound[to->ninbound].obj = from;
		to->inbound[to->ninbound++].field = f;
	}
}

/* fields that say to be parts of another, and yet are as writable as any */
static void sim_compounds(struct sim_object *o)
{
	static const char *const part[][3] = {{"Account", "Name", "Name"},
		{"Opportunity", "FiscalQuarter", "Fiscal"},
		{"Opportunity", "FiscalYear", "Fiscal"}};

	for (size_t i = 0; i < SIM_COUNT(part); i++) {
		struct sim_field *f =
			strcmp(o->name, part[i][0]) ? NULL : sim_field_named(o, part[i][1]);

		if (f)
			f->compound = (char *)part[i][2];
	}
}

void sim_schema_settle(struct sim_org *org)
{
	for (unsigned i = 0; i < org->nobjects; i++) {
		struct sim_object *o = org->object[i];
		struct sim_field *first;

		for (unsigned k = 0; k < o->nfields; k++)
			sim_field_settle(org, o, o->field[k]);
		o->owner = sim_field_named(o, "OwnerId");
		o->record_type = sim_field_named(o, "RecordTypeId");
		o->has_owner = o->owner != NULL;
		first = sim_field_named(o, "FirstName");
		if (first && o->name_field && !o->name_field->createable && !first->compound) {
			first->compound = (char *)"Name";
			sim_field_named(o, "LastName")->compound = (char *)"Name";
			if (sim_field_named(o, "Salutation"))
				sim_field_named(o, "Salutation")->compound = (char *)"Name";
		}
		sim_compounds(o);
		for (unsigned k = 0; k < o->nfields; k++)
			if (o->field[k]->index < 0 && sim_wants_index(o->field[k]))
				o->field[k]->index = sim_store_add_index(o->store, o->field[k]);
	}
	for (unsigned i = 0; i < org->nobjects; i++)
		for (unsigned k = 0; k < org->object[i]->nfields; k++)
			sim_inbound(org->object[i], org->object[i]->field[k]);
	org->user_obj = sim_object_find(org, SIM_S("User"));
}

void sim_schema_init(struct sim_org *org)
{
	for (size_t i = 0; i < sim_std_crm_count; i++)
		sim_def_object(org, &sim_std_crm[i]);
	for (size_t i = 0; i < sim_std_sales_count; i++)
		sim_def_object(org, &sim_std_sales[i]);
	for (size_t i = 0; i < sim_std_custom_count; i++)
		sim_def_object(org, &sim_std_custom[i]);
	for (size_t i = 0; i < sim_std_files_count; i++)
		sim_def_object(org, &sim_std_files[i]);
	for (size_t i = 0; i < sim_std_meta_count; i++)
		sim_def_object(org, &sim_std_meta[i]);
	sim_schema_settle(org);
}
