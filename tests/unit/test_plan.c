/* coordinator: from template and describes to the spec */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "osy/mem.h"
#include "plan.h"

#define NONE ((const char *const[]){NULL})

/* ---- Describes, short ---- */
static struct osy_sf_field text(const char *name)
{
	return (struct osy_sf_field){.name = name,
		.type = OSY_T_STRING,
		.length = 80,
		.createable = true,
		.updateable = true,
		.nillable = true,
		.filterable = true,
		.relationship_order = -1,
		.reference_to = NONE,
		.picklist = NONE};
}

static struct osy_sf_field lookup(const char *name, const char *const *to)
{
	struct osy_sf_field field = text(name);

	field.type = OSY_T_REFERENCE;
	field.reference_to = to;
	while (to[field.reference_count])
		field.reference_count++;
	return field;
}

#define TO(...) ((const char *const[]){__VA_ARGS__, NULL})
#define OBJECT(n, prefix, array)                                                     \
	{                                                                            \
		.name = (n), .label = (n), .key_prefix = prefix, .createable = true, \
		.updateable = true, .queryable = true, .fields = (array),            \
		.field_count = OSY_COUNT(array)                                      \
	}

static struct osy_template *template_of(const char *yaml)
{
	OSY_AUTO(osy_buf_done) struct osy_buf doc = OSY_BUF(1 << 20);
	struct osy_template *template = NULL;
	struct osy_err err = OSY_ERR_NONE;
	char name[64];

	if (osy_template_check(osy_str(yaml), "t", OSY_STR_NULL, name, &doc, &err) ||
		osy_template_read(osy_buf_str(&doc), &template, &err))
		fail_msg("%s: %s", yaml, err.msg);
	return template;
}

/* The same describes in both orgs. */
static enum osy_code plan_of(const char *yaml, struct osy_sf_object **sources,
	struct osy_sf_object **targets, struct osy_plan *plan, struct osy_template **ret,
	struct osy_err *err)
{
	*ret = template_of(yaml);
	return osy_plan_build(plan, *ret, sources, targets, "src", "dst", err);
}

static bool has_notice(const struct osy_plan *plan, const char *part)
{
	for (size_t i = 0; i < plan->notice_count; i++) {
		if (strstr(plan->notices[i], part))
			return true;
	}
	return false;
}

static int field_of(const struct osy_spec_object *object, const char *name)
{
	for (size_t i = 0; i < object->field_count; i++) {
		if (strcmp(object->fields[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static void fields_and_lookups(void **state)
{
	struct osy_sf_field account[] = {text("Name"), text("Formula__c"), text("Auto__c"),
		text("BillingAddress"), text("Only_Here__c"), text("Ext__c"),
		lookup("ParentId", TO("Account")), lookup("OwnerId", TO("Group", "User")),
		text("CreatedDate"), text("Id"), text("Out__c")};
	struct osy_sf_field contact[] = {text("LastName"), lookup("AccountId", TO("Account"))};
	struct osy_sf_field target_account[OSY_COUNT(account)];
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	account[1].calculated = true;
	account[1].createable = account[1].updateable = false;
	account[2].auto_number = true;
	account[3].type = OSY_T_ADDRESS;
	account[5].external_id = account[5].unique = true;
	account[7].nillable = false;
	account[7].defaulted_on_create = true;
	account[9].type = OSY_T_ID;
	memcpy(target_account, account, sizeof(account));
	target_account[4].name = "Another__c";
	struct osy_sf_object source_a = OBJECT("Account", "001", account);
	struct osy_sf_object target_a = OBJECT("Account", "001", target_account);
	struct osy_sf_object c = OBJECT("Contact", "003", contact);
	if (plan_of("name: x\nobjects:\n  - name: Contact\n  - name: Account\n    fields: "
		    "{exclude: [Out__c]}\n"
		    "    match: {externalId: Ext__c}\n",
		    (struct osy_sf_object *[]){&c, &source_a},
		    (struct osy_sf_object *[]){&c, &target_a}, &plan, &template, &err))
		fail_msg("%s", err.msg);
	const struct osy_spec_object *ac = &plan.spec.objects[1], *co = &plan.spec.objects[0];
	assert_int_equal(plan.spec.stages, 2);
	assert_int_equal(ac->stage, 1);
	assert_int_equal(co->stage, 2);
	assert_int_equal(ac->field_count, 3);
	assert_int_equal(field_of(ac, "Name"), 0);
	assert_int_equal(field_of(ac, "Ext__c"), 1);
	const struct osy_spec_field *parent = &ac->fields[field_of(ac, "ParentId")];
	assert_true(parent->link && !parent->required);
	assert_int_equal(parent->parents[0], 1);
	assert_int_equal(ac->lock_field, -1);
	assert_int_equal(ac->match, OSY_MATCH_EXTERNAL_ID);
	assert_int_equal(ac->keys[0], 1);
	assert_string_equal(ac->match_field, "Ext__c");
	assert_true(ac->match_unique && !ac->claim);
	assert_int_equal(co->lock_field, 1); /* Contact -> Account by the platform's rule */
	assert_false(co->fields[1].link);
	assert_int_equal(co->fields[1].parents[0], 1);
	assert_true(has_notice(&plan, "Account.Only_Here__c is not in the target"));
	assert_true(has_notice(&plan, "Account.OwnerId points to Group and others"));
	assert_false(has_notice(&plan, "Formula__c"));
	osy_plan_done(&plan);
	osy_template_free(template);
}

/* One object with one change; what the sentence must say. */
static void assert_plan_fails(const char *yaml, struct osy_sf_object *source,
	struct osy_sf_object *target, const char *want)
{
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;

	if (plan_of(yaml, &source, &target, &plan, &template, &err) != OSY_E_INVALID)
		fail_msg("planned: %s", yaml);
	if (!strstr(err.msg, want))
		fail_msg("%s: %s", yaml, err.msg);
	osy_plan_done(&plan);
	osy_template_free(template);
}

/* Lookups by name, or all but those that are named and those that are no parents. */
static void exclude_parents(void **state)
{
	static const struct {
		const char *body;
		size_t count;
		const char *left; /* the only lookup to Account that is left; NULL: all or none */
	} cases[] = {
		{"", 5, NULL},
		{"excludeParents: [ParentId]", 4, "Other__c"},
		{"excludeParents: all", 3, NULL},
		{"excludeParents: all, fields: {include: [\"*\", Other__c]}", 4, "Other__c"},
	};
	struct osy_sf_field account[] = {text("Name"), lookup("ParentId", TO("Account")),
		lookup("Other__c", TO("Account")), lookup("OwnerId", TO("User")),
		lookup("RecordTypeId", TO("RecordType"))};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf yaml = OSY_BUF(4096);
		struct osy_sf_object a = OBJECT("Account", "001", account);
		struct osy_template *template;
		struct osy_plan plan;
		struct osy_err err = OSY_ERR_NONE;
		osy_buf_addf(&yaml, "name: x\nobjects: [{name: Account, %s}]\nusers: {}\n",
			cases[i].body);
		if (plan_of(yaml.p, (struct osy_sf_object *[]){&a}, (struct osy_sf_object *[]){&a},
			    &plan, &template, &err))
			fail_msg("%s", err.msg);
		const struct osy_spec_object *object = &plan.spec.objects[0];
		assert_int_equal(object->field_count, cases[i].count);
		if (cases[i].left)
			assert_true(field_of(object, cases[i].left) >= 0);
		osy_plan_done(&plan);
		osy_template_free(template);
	}
}

static void refusals(void **state)
{
	struct osy_sf_field fields[] = {text("Name"), text("Formula__c"), text("Body"),
		lookup("Need__c", TO("Other__c")), lookup("Self__c", TO("Thing__c"))};
	struct osy_sf_field no_fields[] = {text("Name")};

	(void)state;
	fields[1].calculated = true;
	fields[2].type = OSY_T_BASE64;
	struct osy_sf_object thing = OBJECT("Thing__c", "a00", fields);
	struct osy_sf_object less = OBJECT("Thing__c", "a00", no_fields);
#define T(body) "name: crm\nobjects: [{name: Thing__c, " body "}]\n"
	assert_plan_fails(T("fields: {include: [Nmae]}"), &thing, &thing,
		"template 'crm', object Thing__c: field 'Nmae' is not on Thing__c in org 'src' (or "
		"our user "
		"may not see it); did you mean 'Name'?");
	assert_plan_fails(T("fields: {include: [Need__c]}"), &thing, &less,
		"field 'Need__c' is not on Thing__c in org 'dst'");
	assert_plan_fails(T("fields: {exclude: [Nix]}"), &thing, &thing, "field 'Nix'");
	assert_plan_fails(T("excludeParents: [Slef__c]"), &thing, &thing,
		"field 'Slef__c' is not on Thing__c in org 'src' (or our user may not see it); did "
		"you "
		"mean 'Self__c'?");
	assert_plan_fails(T("excludeParents: [Name]"), &thing, &thing,
		"excludeParents names 'Name', which is no lookup; put it into fields.exclude");
	assert_plan_fails(
		T("fields: {include: [Formula__c]}"), &thing, &thing, "is calculated in org 'dst'");
	assert_plan_fails(T("fields: {include: [Body]}"), &thing, &thing, "holds a file");
	assert_plan_fails(T("map: {Name: Formula__c}"), &thing, &thing, "is calculated");
	assert_plan_fails(T("map: {Formula__c: Name}, fields: {include: [Name]}"), &thing, &thing,
		"both go to 'Name'");
	assert_plan_fails(T("map: {Name: Self__c}"), &thing, &thing, "is a lookup in the target");
	assert_plan_fails(T("match: {externalId: Name}"), &thing, &thing, "neither");
	assert_plan_fails(T("match: {keys: [Need__c]}"), &thing, &thing,
		"match key 'Need__c' is a lookup to Other__c, which is not in the template");
	assert_plan_fails(T("match: {keys: [Self__c]}"), &thing, &thing, "lies in a cycle");
	assert_plan_fails(T("match: {sourceId: Name}"), &thing, &thing, "external-id text field");
	fields[3].nillable = false;
	assert_plan_fails(
		T("insert: true"), &thing, &thing, "lookup 'Need__c' to Other__c is required");
	fields[3].nillable = true;
	thing.createable = false;
	assert_plan_fails(T("insert: true"), &thing, &thing, "cannot be inserted in org 'dst'");
}

static void skip_missing(void **state)
{
	struct osy_sf_field fields[] = {text("Name"), text("A__c")};
	struct osy_sf_field less[] = {text("Name")};
	struct osy_sf_object source = OBJECT("Thing__c", "a00", fields);
	struct osy_sf_object target = OBJECT("Thing__c", "a00", less);
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	if (plan_of("name: x\nobjects: [{name: Thing__c, fields: {include: [Name, A__c, Nix]}}]\n"
		    "options: {skipMissingFields: true}\n",
		    (struct osy_sf_object *[]){&source}, (struct osy_sf_object *[]){&target}, &plan,
		    &template, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(plan.spec.objects[0].field_count, 1);
	assert_true(has_notice(&plan, "Thing__c.A__c is not in both orgs"));
	assert_true(has_notice(&plan, "Thing__c.Nix is not in both orgs"));
	osy_plan_done(&plan);
	osy_template_free(template);
}

static void rules(void **state)
{
	struct osy_sf_field fields[] = {text("Name"), text("Ext__c"), text("Rating"), text("Email"),
		text("Active__c"), text("Born__c"), text("Spot__Latitude__s"), text("Short__c"),
		text("Full"), text("First"), lookup("Self__c", TO("Thing__c")), text("Out__c")};
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	fields[1].unique = fields[1].external_id = true;
	fields[2].type = OSY_T_PICKLIST;
	fields[2].restricted_picklist = true;
	fields[2].picklist = TO("Hot", "Warm");
	fields[3].type = OSY_T_EMAIL;
	fields[4].type = OSY_T_BOOLEAN;
	fields[5].type = OSY_T_DATE;
	fields[6].type = OSY_T_DOUBLE;
	fields[7].length = 8;
	fields[7].nillable = false;
	fields[8].createable = fields[8].updateable = false;
	fields[9].compound_name = "Full";
	struct osy_sf_object thing = OBJECT("Thing__c", "a00", fields);
	struct osy_sf_object *things[] = {&thing};
	if (plan_of(T("where: \"Email != ''\", fields: {exclude: [Out__c]}, match: {externalId: "
		      "Ext__c}, "
		      "values: {Rating: {Cold: Warm, '*': null}, Active__c: {Yes: 'true'}}, "
		      "nulls: {'*': write, Name: ignore}, mask: {EXT__C: hash, Email: keep-last-2, "
		      "Rating: hash, Out__c: hash, "
		      "Born__c: {replace: '2000-01-01'}}"),
		    things, things, &plan, &template, &err))
		fail_msg("%s", err.msg);
	const struct osy_spec_field *of = plan.spec.objects[0].fields;
	assert_false(plan.spec.objects[0].write_nulls || of[0].write_nulls);
	assert_true(of[1].write_nulls);
	assert_null(of[0].rule);
	assert_int_equal(of[1].rule->mask, OSY_MASK_HASH);
	assert_int_equal(of[2].rule->choice_count, 2);
	assert_string_equal(of[2].rule->values[0].to, "\"Warm\"");
	assert_string_equal(of[4].rule->values[0].to, "true");
	assert_string_equal(of[5].rule->text, "\"2000-01-01\"");
	assert_true(has_notice(&plan, "the filter of Thing__c names Email, which is masked"));
	assert_true(has_notice(&plan, "mask of Thing__c.Out__c has no effect: it is not copied"));
	osy_plan_done(&plan);
	osy_template_free(template);
	static const char *const bad[][2] = {
		{T("values: {Rating: {Hot: Wram}}"), "values of 'Rating': 'Wram' is no active "
						     "value of the restricted picklist Rating "
						     "in org 'dst'; did you mean 'Warm'?"},
		{T("values: {Active__c: {Yes: maybe}}"), "'maybe' must be true or false"},
		{T("values: {Born__c: {a: tomorrow}}"), "must be a date such as"},
		{T("values: {Short__c: {a: far too long}}"), "is too long for the field"},
		{T("values: {Short__c: {a: null}}"), "may not be null"},
		{T("values: {Self__c: {a: b}}"), "takes no map of values"},
		{T("values: {Nix: {a: b}}"), "values of 'Nix': the field is not on Thing__c"},
		{T("mask: {Emial: hash}"),
			"mask of 'Emial': the field is not on Thing__c in org 'src'"},
		{T("mask: {Full: hash}"), "it is made of parts; name those: First"},
		{T("mask: {Self__c: hash}"), "cannot be masked; exclude it"},
		{T("mask: {Ext__c: keep-last-4}"), "is unique in the target, and this style"},
		{T("match: {keys: [Name]}, mask: {Name: shuffle}"),
			"is a match key, and this style"},
		{T("match: {keys: [Short__c]}, mask: {Short__c: hash}"),
			"is a match key, and this style"},
		{T("mask: {Ext__c: {pattern: '####'}}"), "is unique in the target"},
		{T("mask: {Active__c: hash}"), "hash has no meaning for it"},
		{T("mask: {Spot__Latitude__s: hash}"), "hash has no meaning for it"},
		{T("mask: {Born__c: shuffle}"), "this style is for text, phone and e-mail"},
		{T("mask: {Rating: keep-last-2}"), "is of type picklist, restricted"},
		{T("mask: {Rating: {replace: Mild}}"), "is no active value of the restricted"},
		{T("mask: {Email: {replace: nobody}}"), "must be an e-mail address"},
		{T("mask: {Email: {pattern: '^^^'}}"), "must make e-mail addresses"},
		{T("mask: {Short__c: {pattern: '#########'}}"),
			"makes 9 characters, Short__c takes 8"},
		{T("nulls: {Nix: write}"), "nulls of 'Nix': the field is not on Thing__c"},
		{T("mask: {Short__c: null}"), "may not be null"},
	};
	for (size_t i = 0; i < OSY_COUNT(bad); i++)
		assert_plan_fails(bad[i][0], &thing, &thing, bad[i][1]);
}

static void users_and_queues(void **state)
{
	struct osy_sf_field fields[] = {text("Name"), lookup("OwnerId", TO("Group", "User")),
		lookup("Boss__c", TO("User")), lookup("CreatedById", TO("User")),
		lookup("Profile__c", TO("Profile"))};
	struct osy_sf_field others[OSY_COUNT(fields)];
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	memcpy(others, fields, sizeof(others));
	others[1] = lookup("OwnerId", TO("User"));
	struct osy_sf_object thing = OBJECT("Thing__c", "a00", fields);
	struct osy_sf_object other = OBJECT("Thing__c", "a00", others);
	if (plan_of("name: x\nobjects: [{name: Thing__c}]\nusers: {}\n",
		    (struct osy_sf_object *[]){&thing}, (struct osy_sf_object *[]){&other}, &plan,
		    &template, &err))
		fail_msg("%s", err.msg);
	const struct osy_spec_object *o = plan.spec.objects;
	assert_int_equal(o->field_count, 3); /* created by is left alone */
	assert_true(o->fields[1].to_users && !o->fields[1].to_queues);
	assert_true(o->fields[2].to_users);
	assert_int_equal(o->fields[2].parent_count, 0);
	assert_true(has_notice(&plan, "Thing__c.Profile__c points to Profile"));
	osy_plan_done(&plan);
	osy_template_free(template);
}

static void parents_that_are_not_there(void **state)
{
	struct osy_sf_field account[] = {text("Name"), lookup("ParentId", TO("Account"))};
	struct osy_sf_field task[] = {text("Subject"), lookup("WhatId", TO("Account", "Case")),
		lookup("Account__c", TO("Account")), lookup("Other__c", TO("Account"))};
	struct osy_sf_object a = OBJECT("Account", "001", account);
	struct osy_sf_object t = OBJECT("Task", "00T", task);
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	if (plan_of("name: x\nobjects:\n  - name: Account\n    where: \"Name = 'x'\"\n"
		    "    missingParents: fail\n  - name: Task\n"
		    "    missingParents: {account__c: fail, Other__c: blank, '*': wait}\n",
		    (struct osy_sf_object *[]){&a, &t}, (struct osy_sf_object *[]){&a, &t}, &plan,
		    &template, &err))
		fail_msg("%s", err.msg);
	const struct osy_spec_field *fields = plan.spec.objects[1].fields;
	assert_int_equal(plan.spec.objects[0].fields[1].missing, OSY_MISSING_FAIL);
	assert_int_equal(fields[0].missing, OSY_MISSING_BLANK);
	assert_int_equal(fields[1].missing, OSY_MISSING_WAIT);
	assert_true(fields[1].to_several && !fields[2].to_several);
	assert_int_equal(fields[2].missing, OSY_MISSING_FAIL);
	assert_int_equal(fields[3].missing, OSY_MISSING_BLANK);
	/* Records that wait are an object of their own, read by a list. */
	osy_plan_add_waiting(&plan, 0, 7);
	const struct osy_spec_object *leg = &plan.spec.objects[2];
	assert_int_equal(plan.spec.object_count, 3);
	assert_int_equal(plan.spec.objects[0].waiting_leg, 2);
	assert_true(leg->index == 2 && leg->waiting_of == 0 && leg->waiting_leg == -1);
	assert_true(!leg->where && leg->limit == 7 && leg->selected == 7 && leg->stage == 1);
	osy_plan_done(&plan);
	osy_template_free(template);
	struct osy_sf_object *both[] = {&a, &t};
	if (!plan_of("name: x\nobjects:\n  - name: Account\n    missingParents: {Name: wait}\n",
		    both, both, &plan, &template, &err))
		fail_msg("a field that is no lookup has a policy");
	assert_non_null(strstr(err.msg, "missingParents of 'Name': the field points to no object"));
	osy_plan_done(&plan);
	osy_template_free(template);
}

/* A lookup to its own object that no link pass can set: a stage a level, the others behind them. */
static void level_by_level(void **state)
{
	struct osy_sf_field node[] = {
		text("Name"), lookup("Up__c", TO("Node__c")), lookup("Free__c", TO("Node__c"))};
	struct osy_sf_field leaf[] = {text("Name"), lookup("Node__c", TO("Node__c")),
		lookup("Up__c", TO("Leaf__c", "Node__c"))};
	struct osy_sf_field other[] = {text("Name"), lookup("Node__c", TO("Node__c"))};
	struct osy_sf_object n = OBJECT("Node__c", "a01", node);
	struct osy_sf_object l = OBJECT("Leaf__c", "a02", leaf);
	struct osy_sf_object o = OBJECT("Other__c", "a03", other);
	struct osy_sf_object *all[] = {&l, &n, &o};
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	node[1].nillable = false;
	node[1].restricted_delete = true;
	leaf[2].updateable = false;
	if (plan_of("name: x\nobjects: [{name: Leaf__c}, {name: Node__c}, {name: Other__c}]\n", all,
		    all, &plan, &template, &err))
		fail_msg("%s", err.msg);
	struct osy_spec_object *leaves = &plan.objects[0], *nodes = &plan.objects[1],
			       *others = &plan.objects[2];
	assert_true(nodes->fields[1].level && !nodes->fields[1].link);
	assert_true(nodes->fields[2].link && !nodes->fields[2].level);
	assert_true(leaves->fields[2].level && !leaves->fields[2].link);
	assert_true(nodes->levels && leaves->levels && !others->levels);
	assert_int_equal(nodes->lock_field, 1); /* its own kind is written with it */
	assert_true(nodes->stage == 1 && leaves->stage == 2 && others->stage == 2);
	nodes->levels = 4;
	leaves->levels = 3;
	osy_plan_levels(&plan);
	assert_int_equal(plan.spec.stages, 7);
	assert_true(nodes->stage == 1 && leaves->stage == 5 && others->stage == 5);
	assert_int_equal(osy_spec_last_stage(&plan.spec, "a01"), 4);
	assert_int_equal(osy_spec_last_stage(&plan.spec, "a02"), 7);
	/* few records of many levels are no matter for jobs; their ids are listed in any case */
	const struct osy_plan_quota plenty = {-1, -1, -1};
	nodes->selected = 300000;
	osy_plan_api(&plan, &plenty, &plenty);
	assert_true(nodes->load_bulk && !nodes->read_bulk);
	nodes->levels = 100;
	osy_plan_api(&plan, &plenty, &plenty);
	assert_true(!nodes->load_bulk && !nodes->read_bulk);
	osy_plan_done(&plan);
	osy_template_free(template);
	/* what inserts nothing waits for the link pass, or leaves it out */
	if (plan_of("name: x\nobjects: [{name: Leaf__c, insert: false}, {name: Node__c, insert: "
		    "false}, {name: Other__c}]\n",
		    all, all, &plan, &template, &err))
		fail_msg("%s", err.msg);
	assert_true(!plan.objects[0].levels && !plan.objects[1].levels);
	assert_true(plan.objects[1].fields[1].link);
	assert_true(has_notice(&plan, "Leaf__c.Up__c closes a cycle of lookups"));
	osy_plan_done(&plan);
	osy_template_free(template);
}

static void texts_that_hold_ids(void **state)
{
	struct osy_sf_field fields[] = {text("Name"), text("Ref__c"), text("Short__c"),
		text("Need__c"), text("Rating"), lookup("Self__c", TO("Thing__c")), text("Out__c"),
		text("Long__c")};
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	fields[2].length = 14;
	fields[3].nillable = false;
	fields[4].type = OSY_T_PICKLIST;
	fields[7].type = OSY_T_TEXTAREA;
	struct osy_sf_object thing = OBJECT("Thing__c", "a00", fields);
	struct osy_sf_object *things[] = {&thing};
	if (plan_of(T("fields: {exclude: [Out__c]}, map: {Self__c: Name}, ids: [Ref__c, Long__c, "
		      "name, Out__c], missingParents: {Long__c: wait, '*': fail}"),
		    things, things, &plan, &template, &err))
		fail_msg("%s", err.msg);
	size_t found = 0;
	for (size_t i = 0; i < plan.spec.objects[0].field_count; i++) {
		const struct osy_spec_field *field = &plan.spec.objects[0].fields[i];
		if (!field->ids)
			continue;
		found++;
		assert_true(field->link && !field->required && !field->parent_count);
		assert_int_equal(field->missing,
			strcmp(field->name, "Long__c") ? OSY_MISSING_KEEP : OSY_MISSING_WAIT);
	}
	assert_int_equal(found, 3); /* a lookup that goes into a text is one too */
	assert_non_null(strstr(plan.notices[plan.notice_count - 1],
		"ids of Thing__c.Out__c has no effect: it is not copied"));
	assert_int_equal(plan.spec.stages, 1);
	osy_plan_done(&plan);
	osy_template_free(template);
	assert_plan_fails(T("ids: [Reff__c]"), &thing, &thing,
		"object Thing__c: ids of 'Reff__c': the field is not in the source; correct its "
		"name");
	assert_plan_fails(T("ids: [Rating]"), &thing, &thing, "no text in the target");
	assert_plan_fails(
		T("ids: [Self__c]"), &thing, &thing, "lookups are rewritten without being named");
	assert_plan_fails(T("map: {Rating: Ref__c}, ids: [Ref__c]"), &thing, &thing,
		"neither a text nor a lookup in the source");
	assert_plan_fails(T("ids: [Short__c]"), &thing, &thing, "make it 18 characters long");
	assert_plan_fails(T("ids: [Need__c]"), &thing, &thing, "required in the target");
	assert_plan_fails(T("ids: [Ref__c], match: {keys: [Ref__c]}"), &thing, &thing, "match key");
	assert_plan_fails(T("ids: [Ref__c], mask: {Ref__c: shuffle}"), &thing, &thing,
		"has a mask or a map of values");
	assert_plan_fails(T("ids: [Ref__c], values: {Ref__c: {a: b}}"), &thing, &thing,
		"has a mask or a map of values");
	fields[1].updateable = false;
	assert_plan_fails(T("ids: [Ref__c]"), &thing, &thing, "cannot be updated in the target");
}

static void person_accounts(void **state)
{
	struct osy_sf_field account[] = {text("Name"), text("LastName"), text("FirstName"),
		text("PersonEmail"), text("Personality__c"), text("Level__pc"),
		lookup("RecordTypeId", TO("RecordType")), text("IsPersonAccount")};
	struct osy_sf_field contact[] = {
		text("LastName"), lookup("AccountId", TO("Account")), text("IsPersonAccount")};
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	account[7].type = contact[2].type = OSY_T_BOOLEAN;
	account[7].createable = account[7].updateable = false;
	contact[2].createable = contact[2].updateable = false;
	struct osy_sf_object a = OBJECT("Account", "001", account);
	struct osy_sf_object c = OBJECT("Contact", "003", contact);
	struct osy_sf_object bare = a;
	bare.field_count = 1;
	if (plan_of("name: x\nobjects:\n  - name: Account\n    fields: {include: [Name, "
		    "PersonEmail, Personality__c, Level__pc]}\n  - name: Contact\n"
		    "    where: LastName != null\n",
		    (struct osy_sf_object *[]){&a, &c}, (struct osy_sf_object *[]){&a, &c}, &plan,
		    &template, &err))
		fail_msg("%s", err.msg);
	const struct osy_spec_object *account_of = &plan.spec.objects[0];
	static const enum osy_kind kinds[] = {OSY_KIND_BUSINESS, OSY_KIND_PERSON, OSY_KIND_BOTH,
		OSY_KIND_PERSON, OSY_KIND_PERSON, OSY_KIND_PERSON, OSY_KIND_PERSON, OSY_KIND_BOTH};
	assert_int_equal(account_of->field_count, OSY_COUNT(kinds));
	for (size_t i = 0; i < OSY_COUNT(kinds); i++)
		assert_int_equal(account_of->fields[i].kind, kinds[i]);
	assert_string_equal(account_of->fields[account_of->person_field].name, "IsPersonAccount");
	const struct osy_spec_object *business = &plan.spec.objects[1], *people = business + 1;
	assert_int_equal(plan.spec.object_count, 3);
	assert_string_equal(business->where, "IsPersonAccount = false AND (LastName != null)");
	assert_true(business->insert && !business->person_contact);
	assert_string_equal(people->where, "IsPersonAccount = true AND (LastName != null)");
	assert_true(people->person_contact && people->match_only && !people->insert);
	assert_int_equal(people->match, OSY_MATCH_KEYS);
	assert_int_equal(people->key_count, 2);
	assert_string_equal(people->fields[people->keys[0]].name, "AccountId");
	assert_true(people->stage > account_of->stage);
	osy_plan_done(&plan);
	osy_template_free(template);
	/* A target without them. */
	if (plan_of("name: x\nobjects:\n  - name: Account\n", (struct osy_sf_object *[]){&a},
		    (struct osy_sf_object *[]){&bare}, &plan, &template, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(plan.spec.objects[0].person_field, -1);
	assert_true(has_notice(&plan, "person accounts are enabled in org 'src' and not in"));
	osy_plan_done(&plan);
	osy_template_free(template);
}

static void currencies(void **state)
{
	struct osy_sf_field several[] = {text("Name"), text("Amount"), text("CurrencyIsoCode")};
	struct osy_sf_field one[] = {text("Name"), text("Amount")};
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	several[1].type = one[1].type = OSY_T_CURRENCY;
	several[2].type = OSY_T_PICKLIST;
	struct osy_sf_object s = OBJECT("Opportunity", "006", several);
	struct osy_sf_object o = OBJECT("Opportunity", "006", one);
	static const struct {
		const char *fields;
		bool target_has_one;
		size_t count;
		const char *notice; /* NULL: none */
	} cases[] = {
		{"", false, 3, NULL},
		{"    fields: {include: [Name, Amount]}\n", false, 3, "is copied too, for amounts"},
		{"    fields: {include: [Name]}\n", false, 1, NULL},
		{"    fields: {exclude: [CurrencyIsoCode]}\n", false, 2, NULL},
		{"", true, 2, "is left out, for org 'dst' has one currency"},
		{"    fields: {include: [Name]}\n", true, 1, NULL},
	};
	for (size_t i = 0; i < OSY_COUNT(cases); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf yaml = OSY_BUF(4096);
		osy_buf_addf(
			&yaml, "name: x\nobjects:\n  - name: Opportunity\n%s", cases[i].fields);
		if (plan_of(yaml.p, (struct osy_sf_object *[]){&s},
			    (struct osy_sf_object *[]){cases[i].target_has_one ? &o : &s}, &plan,
			    &template, &err))
			fail_msg("%s", err.msg);
		assert_int_equal(plan.spec.objects[0].field_count, cases[i].count);
		assert_int_equal(plan.notice_count, cases[i].notice ? 1 : 0);
		assert_true(!cases[i].notice || has_notice(&plan, cases[i].notice));
		osy_plan_done(&plan);
		osy_template_free(template);
	}
}

static void price_books_in_two_legs(void **state)
{
	struct osy_sf_field book[] = {text("Name")}, product[] = {text("Name")};
	struct osy_sf_field entry[] = {lookup("Pricebook2Id", TO("Pricebook2")),
		lookup("Product2Id", TO("Product2")), text("UnitPrice")};
	struct osy_sf_field line[] = {lookup("PricebookEntryId", TO("PricebookEntry")),
		text("UnitPrice"), text("TotalPrice")};
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		entry[i].nillable = false;
		entry[i].updateable = false;
	}
	struct osy_sf_object all[] = {OBJECT("OpportunityLineItem", "00k", line),
		OBJECT("PricebookEntry", "01u", entry), OBJECT("Pricebook2", "01s", book),
		OBJECT("Product2", "01t", product)};
	struct osy_sf_object *objects[] = {&all[0], &all[1], &all[2], &all[3]};
	if (plan_of("name: x\nobjects:\n  - name: OpportunityLineItem\n  - name: PricebookEntry\n"
		    "    where: IsActive = true\n    match: {keys: [Pricebook2Id, Product2Id]}\n"
		    "  - name: Pricebook2\n  - name: Product2\n",
		    objects, objects, &plan, &template, &err))
		fail_msg("%s", err.msg);
	const struct osy_spec_object *o = plan.spec.objects;
	assert_true(plan.standard_pricebook);
	assert_int_equal(plan.spec.object_count, 5);
	assert_string_equal(o[1].name, o[2].name);
	assert_string_equal(o[1].where, "Pricebook2.IsStandard = true AND (IsActive = true)");
	assert_string_equal(o[2].where, "Pricebook2.IsStandard = false AND (IsActive = true)");
	assert_int_equal(o[3].stage, 1);
	assert_int_equal(o[4].stage, 1);
	assert_int_equal(o[1].stage, 2);
	assert_int_equal(o[2].stage, 3);
	assert_int_equal(o[0].stage, 4);
	assert_int_equal(o[0].fields[0].parent_count, 2);
	assert_int_equal(field_of(&o[0], "TotalPrice"), -1);
	assert_int_equal(o[1].lock_field, field_of(&o[1], "Product2Id"));
	assert_int_equal(o[1].key_count, 2);
	assert_true(o[1].claim);
	assert_int_equal(o[2].index, 2);
	osy_plan_done(&plan);
	osy_template_free(template);
}

/* Which lookups lock, the surest first: master-detail, the platform's rules, deletes that the field
 * tells of, deletes that the parent's describe tells of. */
static void locks(void **state)
{
	struct osy_sf_field name[] = {text("Name")};
	struct osy_sf_field line[] = {lookup("Product2Id", TO("Product2")),
		lookup("PricebookEntryId", TO("PricebookEntry")),
		lookup("OpportunityId", TO("Opportunity"))};
	struct osy_sf_field junction[] = {lookup("Loose__c", TO("Product2")),
		lookup("Two__c", TO("Product2")), lookup("One__c", TO("Opportunity"))};
	struct osy_sf_field plain[] = {lookup("Self__c", TO("Plain__c")),
		lookup("Bound__c", TO("Product2")), lookup("Kept__c", TO("Opportunity"))};
	struct osy_sf_field loose[] = {lookup("Loose__c", TO("Product2"))};
	const struct osy_sf_child children[] = {
		{.object = "OpportunityLineItem", .field = "PricebookEntryId"},
		{.object = "opportunitylineitem",
			.field = "pricebookentryid",
			.restricted_delete = true},
	};
	const struct osy_sf_child of_product[] = {
		{.object = "OpportunityLineItem", .field = "Product2Id"},
		{.object = "Plain__c", .field = "Bound__c", .cascade_delete = true},
		{.object = "Plain__c", .field = "Loose__c", .cascade_delete = true}};
	const struct osy_sf_child of_plain[] = {
		{.object = "Plain__c", .field = "Self__c", .cascade_delete = true}};
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	junction[1].relationship_order = 1;
	junction[2].relationship_order = 0;
	plain[2].restricted_delete = true;
	struct osy_sf_object all[] = {OBJECT("Product2", "01t", name),
		OBJECT("PricebookEntry", "01u", name), OBJECT("Opportunity", "006", name),
		OBJECT("OpportunityLineItem", "00k", line), OBJECT("Junction__c", "a01", junction),
		OBJECT("Plain__c", "a02", plain), OBJECT("Loose__c", "a03", loose)};
	all[0].children = of_product;
	all[0].child_count = OSY_COUNT(of_product);
	all[1].children = &children[1];
	all[1].child_count = 1;
	all[5].children = of_plain;
	all[5].child_count = 1;
	struct osy_sf_object *objects[] = {
		&all[0], &all[1], &all[2], &all[3], &all[4], &all[5], &all[6]};
	const char *yaml = "name: x\nobjects: [{name: Product2}, {name: PricebookEntry}, "
			   "{name: Opportunity}, {name: OpportunityLineItem}, {name: Junction__c}, "
			   "{name: Plain__c}, {name: Loose__c}]\n";
	if (plan_of(yaml, objects, objects, &plan, &template, &err))
		fail_msg("%s", err.msg);
	const struct osy_spec_object *o = plan.spec.objects; /* 1 and 2 are legs of one */
	assert_int_equal(o[0].order_field, -1);
	assert_int_equal(o[4].lock_field, field_of(&o[4], "OpportunityId"));
	assert_int_equal(o[4].order_field, field_of(&o[4], "PricebookEntryId"));
	assert_int_equal(o[5].lock_field, field_of(&o[5], "One__c"));
	assert_int_equal(o[5].order_field, field_of(&o[5], "Two__c"));
	assert_int_equal(o[6].lock_field, field_of(&o[6], "Kept__c"));
	assert_int_equal(o[6].order_field, field_of(&o[6], "Bound__c"));
	assert_true(o[6].fields[field_of(&o[6], "Self__c")].link);
	assert_int_equal(o[7].lock_field, -1);
	assert_int_equal(o[7].order_field, -1);
	osy_plan_done(&plan);
	osy_template_free(template);

	/* A parent that sets no store by it locks nothing. */
	all[1].children = children;
	if (plan_of(yaml, objects, objects, &plan, &template, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(plan.spec.objects[4].order_field, -1);
	osy_plan_done(&plan);
	osy_template_free(template);
}

/* Objects of a stage that lock nothing in common have lanes of their own, as long as there are. */
static void lanes_side_by_side(void **state)
{
	struct osy_sf_field account[] = {text("Name")};
	struct osy_sf_field lead[] = {text("LastName")};
	struct osy_sf_field contact[] = {text("LastName"), lookup("AccountId", TO("Account"))};
	struct osy_sf_object all[] = {OBJECT("Account", "001", account),
		OBJECT("Lead", "00Q", lead), OBJECT("Contact", "003", contact)};
	struct osy_sf_object *objects[] = {&all[0], &all[1], &all[2]};
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	if (plan_of("name: x\nobjects: [{name: Account}, {name: Lead}, {name: Contact}]\n", objects,
		    objects, &plan, &template, &err))
		fail_msg("%s", err.msg);
	plan.objects[0].selected = 3500;
	plan.objects[1].selected = 5000;
	plan.objects[2].selected = 10;
	osy_plan_lanes(&plan, 64);
	assert_int_equal(plan.objects[0].first_lane, 0);
	assert_int_equal(plan.objects[0].lanes, 3);
	assert_int_equal(plan.objects[1].first_lane, 3);
	assert_int_equal(plan.objects[1].lanes, 5);
	assert_int_equal(plan.objects[2].first_lane, 0); /* another stage */
	assert_int_equal(plan.spec.lanes, 8);
	osy_plan_lanes(&plan, 4); /* more than there are: they come round */
	assert_int_equal(plan.objects[1].first_lane, 3);
	assert_int_equal(plan.objects[1].lanes, 4);
	assert_int_equal(plan.spec.lanes, 4);
	osy_plan_done(&plan);
	osy_template_free(template);
}

static void lanes(void **state)
{
	struct osy_sf_field account[] = {text("Name")};
	struct osy_sf_field contact[] = {text("LastName"), lookup("AccountId", TO("Account"))};
	struct osy_sf_field opportunity[] = {text("Name"), lookup("AccountId", TO("Account"))};
	struct osy_sf_object all[] = {OBJECT("Account", "001", account),
		OBJECT("Contact", "003", contact), OBJECT("Opportunity", "006", opportunity)};
	struct osy_sf_object *objects[] = {&all[0], &all[1], &all[2]};
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	if (plan_of("name: x\nobjects: [{name: Account}, {name: Contact}, {name: Opportunity}]\n",
		    objects, objects, &plan, &template, &err))
		fail_msg("%s", err.msg);
	plan.objects[0].selected = 3500;
	plan.objects[1].selected = 100000;
	plan.objects[2].selected = 10;
	osy_plan_lanes(&plan, 64);
	assert_int_equal(plan.objects[0].lanes, 3);
	assert_int_equal(plan.objects[1].lanes, 20);
	assert_int_equal(plan.objects[2].lanes, 20); /* they lock the same accounts */
	assert_int_equal(plan.spec.lanes, 20);
	plan.objects[0].selected = 12000;
	plan.objects[1].selected = 1000000;
	osy_plan_lanes(&plan, 64);
	assert_int_equal(plan.objects[0].lanes, 8);
	assert_int_equal(plan.spec.lanes, 64);
	plan.objects[0].load_bulk = true; /* one per 100,000 */
	osy_plan_lanes(&plan, 64);
	assert_int_equal(plan.objects[0].lanes, 1);
	assert_int_equal(plan.objects[2].lanes, 64);
	plan.objects[2].load_bulk = true; /* its sibling with it */
	osy_plan_lanes(&plan, 64);
	assert_int_equal(plan.objects[1].lanes, 8);
	assert_int_equal(plan.objects[2].lanes, 8);
	plan.objects[1].selected = 250000;
	osy_plan_lanes(&plan, 64);
	assert_int_equal(plan.objects[1].lanes, 3);
	plan.objects[0].load_bulk = plan.objects[2].load_bulk = false;
	plan.objects[0].selected = 0;
	osy_plan_lanes(&plan, 4);
	assert_int_equal(plan.objects[0].lanes, 1);
	assert_int_equal(plan.spec.lanes, 4);
	/* smaller requests, more lanes */
	plan.objects[0].selected = 20000;
	plan.objects[0].batch_size = 40;
	osy_plan_lanes(&plan, 64);
	assert_int_equal(plan.objects[0].lanes, 20);
	osy_plan_done(&plan);
	osy_template_free(template);
}

/* One object: what is chosen for it, by what the orgs have left. */
struct choice {
	const char *yaml;
	int64_t selected;
	bool target_empty;
	struct osy_plan_quota source, target;
	bool read, load;
	const char *notice;
};

static void assert_choice(const struct choice *c)
{
	struct osy_sf_field fields[] = {text("Name"), text("Ext__c"), text("Key__c")};
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;
	OSY_AUTO(osy_buf_done) struct osy_buf yaml = OSY_BUF(4096);

	fields[1].external_id = fields[1].unique = true;
	fields[1].length = 18;
	fields[2].external_id = true;
	struct osy_sf_object thing = OBJECT("Thing__c", "a00", fields);
	struct osy_sf_object *objects[] = {&thing};
	osy_buf_addf(&yaml, "name: x\nobjects: [{name: Thing__c, %s}]\n", c->yaml);
	if (plan_of(yaml.p, objects, objects, &plan, &template, &err))
		fail_msg("%s: %s", c->yaml, err.msg);
	plan.objects[0].selected = c->selected;
	plan.objects[0].target_empty = c->target_empty;
	osy_plan_api(&plan, &c->source, &c->target);
	if (plan.objects[0].read_bulk != c->read || plan.objects[0].load_bulk != c->load)
		fail_msg("%s, %lld records: read %d, load %d", c->yaml, (long long)c->selected,
			plan.objects[0].read_bulk, plan.objects[0].load_bulk);
	assert_int_equal(plan.notice_count > 0, c->notice != NULL);
	if (c->notice && !has_notice(&plan, c->notice))
		fail_msg("%s: %s", c->yaml, plan.notices[0]);
	osy_plan_done(&plan);
	osy_template_free(template);
}

#define KEYED "match: {externalId: Ext__c}"
#define PLENTY             \
	{                  \
		-1, -1, -1 \
	}
static void rest_or_bulk(void **state)
{
	static const struct choice choices[] = {
		{KEYED, 199999, true, PLENTY, PLENTY, false, false, NULL},
		{KEYED, 200000, true, PLENTY, PLENTY, true, true, NULL},
		{KEYED ", api: rest", 5000000, true, PLENTY, PLENTY, false, false, NULL},
		{KEYED ", api: bulk", 1, true, PLENTY, PLENTY, true, true, NULL},
		/* 20,000 records: 11 pages, 20 requests, 10 more where there are records */
		{KEYED, 20000, true, {1000, -1, -1}, {2001, -1, -1}, true, false, NULL},
		{KEYED, 20000, true, {1100, -1, -1}, {1999, -1, -1}, false, true, NULL},
		{KEYED, 20000, false, PLENTY, {2999, -1, -1}, false, true, NULL},
		{KEYED, 19999, false, {0, -1, -1}, {0, -1, -1}, false, false, NULL},
		/* nothing that is unique finds a lost insert again */
		{"match: none", 50000, true, PLENTY, PLENTY, false, true, NULL},
		{"match: none", 49999, true, PLENTY, PLENTY, false, false, NULL},
		{"match: {keys: [Name, Key__c]}", 50000, true, PLENTY, PLENTY, false, true, NULL},
		{"match: {keys: [Name, Ext__c]}", 50000, true, PLENTY, PLENTY, false, false, NULL},
		{"match: {externalId: Key__c}", 50000, true, PLENTY, PLENTY, false, true, NULL},
		{KEYED, 50000, true, PLENTY, PLENTY, false, false, NULL},
		/* nothing is written; ids are listed */
		{KEYED ", mode: match-only, api: bulk", 300000, true, PLENTY, PLENTY, true, false,
			NULL},
		{KEYED ", limit: 300000", 300000, true, PLENTY, PLENTY, false, true, NULL},
		{KEYED ", limit: 10, api: bulk", 10, true, PLENTY, PLENTY, false, true,
			"Thing__c is read by REST in spite of api: bulk: with a limit"},
		/* no Bulk left: 30 batches and one a lane are wanted */
		{KEYED, 300000, true, {-1, 0, -1}, {-1, 37, -1}, false, false, NULL},
		{KEYED, 300000, true, {-1, 1, -1}, {-1, 38, -1}, true, true, NULL},
		{KEYED ", api: bulk", 300000, true, {-1, 0, -1}, {-1, 38, -1}, true, true,
			"api: bulk of Thing__c needs about 1 of org 'src' today's Bulk query jobs"},
		{KEYED ", api: bulk", 300000, true, {-1, 9, -1}, {-1, 37, -1}, true, true,
			"needs about 38 of org 'dst' today's Bulk batches, of which 37 are left"},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(choices); i++)
		assert_choice(&choices[i]);
}

/* Whether the target's keys are read: by what that costs. */
struct key_choice {
	const char *yaml;
	int64_t selected, held, mapped, jobs;
	bool read;
};

static void assert_key_choice(const struct key_choice *c)
{
	struct osy_sf_field fields[] = {text("Name"), text("Ext__c"), text("Key__c")};
	struct osy_plan_quota plenty = PLENTY, target = {-1, -1, c->jobs};
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;
	OSY_AUTO(osy_buf_done) struct osy_buf yaml = OSY_BUF(4096);
	bool reads, loads, keys;

	fields[1].external_id = fields[1].unique = true;
	fields[1].length = 18;
	fields[2].external_id = true;
	struct osy_sf_object thing = OBJECT("Thing__c", "a00", fields);
	struct osy_sf_object *objects[] = {&thing, &thing};
	osy_buf_addf(&yaml, "name: x\nobjects: [{name: Thing__c, %s}]\n", c->yaml);
	if (plan_of(yaml.p, objects, objects, &plan, &template, &err))
		fail_msg("%s: %s", c->yaml, err.msg);
	plan.objects[0].selected = c->selected;
	plan.objects[0].target_count = c->held;
	plan.objects[0].target_empty = c->held == 0;
	plan.mapped[0] = c->mapped;
	osy_plan_wants_bulk(&plan, &plenty, &target, &reads, &loads, &keys);
	osy_plan_api(&plan, &plenty, &target);
	if (plan.objects[0].key_read != c->read || (keys != c->read && c->jobs != 0))
		fail_msg("%s, %lld records, %lld in the target: %d", c->yaml,
			(long long)c->selected, (long long)c->held, plan.objects[0].key_read);
	osy_plan_done(&plan);
	osy_template_free(template);
}

static void keys_read_or_asked(void **state)
{
	static const struct key_choice choices[] = {
		{KEYED, 100000, 100000, 0, -1, true},
		{KEYED, 100000, 0, 0, -1, false},
		{KEYED, 100000, 1, 0, -1, true},
		{"match: {keys: [Name, Key__c]}", 100000, 100000, 0, -1, true},
		{"match: {sourceId: Ext__c}", 100000, 100000, 0, -1, true},
		{"match: {id: true}", 100000, 100000, 0, -1, false},
		{"match: none", 100000, 100000, 0, -1, false},
		/* few records to be matched: 20 requests against 1 page, 7 calls, 10 retrieves */
		{KEYED, 20000, 20000, 0, -1, true},
		{KEYED, 19999, 20000, 0, -1, false},
		/* the rest has been mapped: 24 against 4 + 7 + 12, 23 against 4 + 7 + 12 */
		{KEYED, 100000, 100000, 76000, -1, true},
		{KEYED, 100000, 100000, 77000, -1, false},
		{KEYED, 100000, 100000, 200000, -1, false},
		/* a target that is so large that its pages cost more: 42 + 7 + 50, 43 + 7 + 50 */
		{KEYED, 100000, 1050000, 0, -1, true},
		{KEYED, 100000, 1050001, 0, -1, false},
		{KEYED, 40000000, 10000000, 0, -1, true},
		{KEYED, 40000000, 10000001, 0, -1, false},
		{KEYED ", api: rest", 1000000, 1000000, 0, -1, false},
		{KEYED ", api: bulk", 18000, 18000, 0, -1, true},
		{KEYED ", api: bulk", 10000, 10000, 0, -1, false},
		{KEYED ", mode: match-only", 100000, 100000, 0, -1, true},
		/* the org has a job left, or none */
		{KEYED, 100000, 100000, 0, 1, true},
		{KEYED, 100000, 100000, 0, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(choices); i++)
		assert_key_choice(&choices[i]);
}

/* What another object of the run writes there too may come after the keys were read. */
static void keys_of_a_target_written_twice(void **state)
{
	struct osy_spec_object objects[] = {
		{.name = "A", .target = "T", .match = OSY_MATCH_KEYS, .key_count = 1},
		{.name = "B", .target = "T", .match = OSY_MATCH_KEYS, .key_count = 1}};
	struct osy_spec spec = {.objects = objects, .object_count = 2};

	(void)state;
	assert_false(osy_plan_can_read_keys(&spec, &objects[0]));
	objects[1].target = "U";
	assert_true(osy_plan_can_read_keys(&spec, &objects[0]));
}

static void calls_of_an_object(void **state)
{
	struct osy_spec_object object = {
		.selected = 1000000, .lanes = 8, .target_empty = true, .match = OSY_MATCH_KEYS};

	(void)state;
	assert_int_equal(osy_plan_read_calls(&object, false), 501);
	assert_int_equal(osy_plan_read_calls(&object, true), 47);
	assert_int_equal(osy_plan_load_calls(&object, false), 1000);
	assert_int_equal(osy_plan_load_calls(&object, true), 96);
	object.target_empty = false;
	assert_int_equal(osy_plan_load_calls(&object, false), 2000);
	object.limit = 1000000;
	assert_int_equal(osy_plan_read_calls(&object, false), 1001);
	/* 7 calls and 20 pages, 250 retrieves, 1000 requests */
	object.target_count = 500000;
	object.key_read = true;
	assert_int_equal(osy_plan_load_calls(&object, false), 1277);
}

static void audit_fields(void **state)
{
	struct osy_sf_field account[] = {text("Name"), text("CreatedDate"),
		text("LastModifiedDate"), lookup("CreatedById", TO("User")),
		lookup("OwnerId", TO("User"))};
	struct osy_sf_field product[] = {text("Name"), text("CreatedDate")};
	struct osy_template *template;
	struct osy_plan plan;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	for (size_t i = 1; i < 4; i++)
		account[i].updateable = false;
	product[1].createable = product[1].updateable = false;
	struct osy_sf_object a = OBJECT("Account", "001", account);
	struct osy_sf_object p = OBJECT("Product2", "01t", product);
	struct osy_sf_object *const objects[] = {&a, &p};
	const char *yaml = "name: x\nobjects:\n  - {name: Account, fields: {exclude: "
			   "[LastModifiedDate]}}\n  - name: Product2\nusers: {}\n"
			   "options: {auditFields: true}\n";
	if (plan_of(yaml, (struct osy_sf_object **)objects, (struct osy_sf_object **)objects, &plan,
		    &template, &err))
		fail_msg("%s", err.msg);
	const struct osy_spec_object *spec = &plan.spec.objects[0];
	assert_true(plan.spec.audit_fields);
	const struct osy_spec_field *date = &spec->fields[field_of(spec, "CreatedDate")];
	assert_true(date->createable && !date->updateable);
	assert_true(spec->fields[field_of(spec, "CreatedById")].to_users);
	assert_int_equal(field_of(spec, "LastModifiedDate"), -1);
	assert_int_equal(field_of(&plan.spec.objects[1], "CreatedDate"), -1);
	assert_true(has_notice(&plan, "takes no audit fields of Product2"));
	osy_plan_done(&plan);
	osy_template_free(template);
	for (size_t i = 1; i < 4; i++)
		account[i].createable = false;
	assert_int_equal(plan_of(yaml, (struct osy_sf_object **)objects,
				 (struct osy_sf_object **)objects, &plan, &template, &err),
		OSY_E_INVALID);
	assert_non_null(strstr(err.msg, "lets our user set no audit fields"));
	osy_plan_done(&plan);
	osy_template_free(template);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_and_lookups),
		cmocka_unit_test(exclude_parents),
		cmocka_unit_test(refusals),
		cmocka_unit_test(skip_missing),
		cmocka_unit_test(rules),
		cmocka_unit_test(users_and_queues),
		cmocka_unit_test(parents_that_are_not_there),
		cmocka_unit_test(level_by_level),
		cmocka_unit_test(texts_that_hold_ids),
		cmocka_unit_test(person_accounts),
		cmocka_unit_test(currencies),
		cmocka_unit_test(price_books_in_two_legs),
		cmocka_unit_test(locks),
		cmocka_unit_test(audit_fields),
		cmocka_unit_test(lanes),
		cmocka_unit_test(lanes_side_by_side),
		cmocka_unit_test(rest_or_bulk),
		cmocka_unit_test(keys_read_or_asked),
		cmocka_unit_test(keys_of_a_target_written_twice),
		cmocka_unit_test(calls_of_an_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
