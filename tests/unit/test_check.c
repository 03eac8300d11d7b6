/* coordinator: what the check says of describes and rules; orders that a user gives */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "check.h"
#include "order.h"
#include "plan.h"

#define NONE ((const char *const[]){NULL})
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

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
		.permissionable = true,
		.relationship_order = -1,
		.reference_to = NONE,
		.picklist = NONE};
}

static struct osy_sf_field typed(const char *name, enum osy_sf_type type)
{
	struct osy_sf_field field = text(name);

	field.type = type;
	return field;
}

static struct osy_sf_field number(const char *name, int precision, int scale)
{
	struct osy_sf_field field = typed(name, OSY_T_DOUBLE);

	field.length = 0;
	field.precision = precision;
	field.scale = scale;
	return field;
}

static struct osy_sf_field lookup(const char *name, const char *const *to)
{
	struct osy_sf_field field = typed(name, OSY_T_REFERENCE);

	field.reference_to = to;
	while (to[field.reference_count])
		field.reference_count++;
	return field;
}

#define OBJECT(n, prefix, array)                                                     \
	{                                                                            \
		.name = (n), .label = (n), .key_prefix = prefix, .createable = true, \
		.updateable = true, .queryable = true, .fields = (array),            \
		.field_count = OSY_COUNT(array)                                      \
	}

/* ---- A check of given describes ---- */
struct subject {
	struct osy_template *template;
	struct osy_check check;
};

static void begin(struct subject *subject, const char *yaml, struct osy_sf_object *const *sources,
	struct osy_sf_object *const *targets)
{
	OSY_AUTO(osy_buf_done) struct osy_buf doc = OSY_BUF(1 << 20);
	struct osy_err err = OSY_ERR_NONE;
	char name[64];

	if (osy_template_check(osy_str(yaml), "t", OSY_STR_NULL, name, &doc, &err) ||
		osy_template_read(osy_buf_str(&doc), &subject->template, &err))
		fail_msg("%s: %s", yaml, err.msg);
	osy_check_init(&subject->check, subject->template, "src", "dst");
	for (size_t i = 0; i < subject->template->object_count; i++) {
		subject->check.describes[OSY_CHECK_SOURCE][i] = sources[i];
		subject->check.describes[OSY_CHECK_TARGET][i] = targets[i];
	}
}

static void end(struct subject *subject)
{
	for (size_t i = 0; i < subject->template->object_count; i++) {
		subject->check.describes[OSY_CHECK_SOURCE][i] = NULL;
		subject->check.describes[OSY_CHECK_TARGET][i] = NULL;
	}
	osy_check_done(&subject->check);
	osy_template_free(subject->template);
}

/* The finding of this kind about this field or name; NULL: none. */
static const struct osy_finding *found(
	const struct subject *subject, const char *kind, const char *what)
{
	for (size_t i = 0; i < subject->check.count; i++) {
		const struct osy_finding *finding = &subject->check.findings[i];
		if (strcmp(finding->kind, kind) == 0 &&
			(strcmp(finding->field, what) == 0 || strcmp(finding->name, what) == 0 ||
				strcmp(finding->object, what) == 0))
			return finding;
	}
	return NULL;
}

/* severity: "B" blocks, "w" warns, "-" is not there */
static void assert_found(const struct subject *subject, const char *severity, const char *kind,
	const char *what, const char *part)
{
	const struct osy_finding *finding = found(subject, kind, what);

	if (!finding != (*severity == '-'))
		fail_msg("%s of %s: %s", kind, what, finding ? finding->what : "not found");
	if (!finding)
		return;
	if (finding->blocks != (*severity == 'B'))
		fail_msg("%s of %s: blocks is %d", kind, what, finding->blocks);
	if (!strstr(finding->what, part) || !*finding->todo)
		fail_msg("%s of %s: '%s', to do: '%s'", kind, what, finding->what, finding->todo);
}

#define YAML(options) "name: t\nobjects: [{name: Account, " options "}]\n"

/* One field of one object, as it is here and there. */
static void assert_pair(struct osy_sf_field source, struct osy_sf_field target,
	const char *severity, const char *kind, const char *part)
{
	struct osy_sf_field sources[] = {source, text("Name")};
	struct osy_sf_field targets[] = {target, text("Name")};
	struct osy_sf_object a = OBJECT("Account", "001", sources),
			     b = OBJECT("Account", "001", targets);
	struct subject subject;

	begin(&subject, YAML("insert: true"), (struct osy_sf_object *[]){&a},
		(struct osy_sf_object *[]){&b});
	osy_check_metadata(&subject.check);
	assert_found(&subject, severity, kind, target.name, part);
	end(&subject);
}

/* ---- Fields ---- */
static void types(void **state)
{
	static const struct {
		enum osy_sf_type from, to;
		const char *severity;
	} rows[] = {
		{OSY_T_STRING, OSY_T_STRING, "-"},
		{OSY_T_STRING, OSY_T_TEXTAREA, "-"},
		{OSY_T_PICKLIST, OSY_T_STRING, "-"},
		{OSY_T_STRING, OSY_T_EMAIL, "w"},
		{OSY_T_STRING, OSY_T_DOUBLE, "w"},
		{OSY_T_DOUBLE, OSY_T_STRING, "w"},
		{OSY_T_DOUBLE, OSY_T_CURRENCY, "-"},
		{OSY_T_DOUBLE, OSY_T_INT, "w"},
		{OSY_T_BOOLEAN, OSY_T_DATE, "B"},
		{OSY_T_DATETIME, OSY_T_DATE, "B"},
		{OSY_T_DATE, OSY_T_DATETIME, "w"},
		{OSY_T_DOUBLE, OSY_T_BOOLEAN, "B"},
		{OSY_T_TIME, OSY_T_TIME, "-"},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(rows); i++)
		assert_pair(typed("A__c", rows[i].from), typed("A__c", rows[i].to),
			rows[i].severity, "type", osy_sf_type_name(rows[i].to));
}

static void lengths_and_numbers(void **state)
{
	struct osy_sf_field shorter = text("A__c"), whole = typed("A__c", OSY_T_INT);

	(void)state;
	shorter.length = 40;
	whole.digits = 8;
	assert_pair(text("A__c"), shorter, "w", "length", "80 characters in org 'src' and 40");
	assert_pair(shorter, text("A__c"), "-", "length", "");
	assert_pair(number("A__c", 18, 2), number("A__c", 10, 2), "w", "precision", "16 digits");
	assert_pair(number("A__c", 10, 4), number("A__c", 10, 2), "w", "precision", "rounded");
	assert_pair(number("A__c", 10, 2), number("A__c", 18, 2), "-", "precision", "");
	assert_pair(number("A__c", 18, 0), whole, "w", "precision", "18 digits");
}

static void picklists(void **state)
{
	struct osy_sf_field source = typed("A__c", OSY_T_PICKLIST), target = source;
	struct osy_sf_field plain = text("A__c");

	(void)state;
	source.picklist = LIST("Red", "Blue", "1", "2", "3", "4", "5", "6");
	target.picklist = LIST("red", "Blue", "Green");
	assert_pair(source, target, "w", "picklist", "'1', '2', '3', '4', '5' and 1 more");
	target.restricted_picklist = true;
	assert_pair(source, target, "B", "picklist", "refused");
	source.picklist = LIST("Green", "RED");
	assert_pair(source, target, "-", "picklist", "");
	assert_pair(plain, target, "w", "picklist", "none in org 'src'");
	target.restricted_picklist = false;
	assert_pair(plain, target, "-", "picklist", "");
}

static void rules_of_fields(void **state)
{
	struct osy_sf_field target = text("A__c"), source = text("A__c");

	(void)state;
	target.nillable = false;
	assert_pair(source, target, "w", "required", "records without a value");
	source.nillable = false;
	assert_pair(source, target, "-", "required", "");
	target.unique = true;
	assert_pair(source, target, "w", "unique", "DUPLICATE_VALUE");
	source.unique = source.case_sensitive = true;
	assert_pair(source, target, "w", "unique", "differ in case only");
	target.case_sensitive = true;
	assert_pair(source, target, "-", "unique", "");
	target.updateable = false;
	assert_pair(source, target, "w", "permission", "on insert only");
	target.createable = false;
	assert_pair(source, target, "w", "permission", "cannot be written");
	target.permissionable = false;
	assert_pair(source, target, "-", "permission", "");
	assert_pair(source, target, "w", "field", "cannot be written");
	assert_pair(text("B__c"), text("C__c"), "-", "field", "");
}

/* ---- Objects ---- */
static void what_is_missing(void **state)
{
	struct osy_sf_field contact[] = {text("LastName"), lookup("AccountId", LIST("Account")),
		text("Here__c"), text("Named__c")};
	struct osy_sf_field there[] = {
		text("LastName"), lookup("AccountId", LIST("Account")), text("Must__c")};
	struct osy_sf_object a = OBJECT("Contact", "003", contact),
			     b = OBJECT("Contact", "003", there);
	struct subject subject;

	(void)state;
	there[2].nillable = false;
	begin(&subject,
		"name: t\nobjects:\n  - {name: Acount}\n"
		"  - {name: Contact, fields: {include: ['*', Named__c, Nix__c]}}\n",
		(struct osy_sf_object *[]){NULL, &a}, (struct osy_sf_object *[]){NULL, &b});
	subject.check.nearest[OSY_CHECK_TARGET][0] = "Account";
	osy_check_metadata(&subject.check);
	assert_found(&subject, "B", "object", "Acount", "there is no object");
	assert_string_equal(found(&subject, "object", "Acount")->org, "src");
	assert_found(&subject, "w", "field", "Here__c", "is not in the target");
	assert_found(&subject, "B", "field", "Named__c", "not on Contact in org 'dst'");
	assert_found(&subject, "B", "field", "Nix__c", "not on Contact in org 'src'");
	assert_found(&subject, "B", "required", "Must__c", "inserts will fail");
	assert_int_equal(
		strncmp(found(&subject, "required", "Must__c")->what, "Must__c is", 10), 0);
	assert_found(&subject, "w", "lookup", "AccountId", "points to Account");
	assert_int_equal(osy_check_blocking(&subject.check), 5);
	end(&subject);
}

/* A lookup to an object that the template has and an org has not is told with the object. */
static void lookups_to_what_is_missing(void **state)
{
	struct osy_sf_field contact[] = {text("LastName"), lookup("AccountId", LIST("Account"))};
	struct osy_sf_object a = OBJECT("Contact", "003", contact);
	struct subject subject;

	(void)state;
	contact[1].nillable = false;
	begin(&subject, "name: t\nobjects: [{name: Account}, {name: Contact}]\n",
		(struct osy_sf_object *[]){NULL, &a}, (struct osy_sf_object *[]){&a, &a});
	osy_check_metadata(&subject.check);
	assert_found(&subject, "B", "object", "Account", "there is no object");
	assert_found(&subject, "-", "lookup", "AccountId", "");
	end(&subject);
}

static void rights_of_objects(void **state)
{
	struct osy_sf_field fields[] = {text("Name")};
	struct osy_sf_object a = OBJECT("Account", "001", fields), b = a;
	struct subject subject;

	(void)state;
	b.createable = b.updateable = false;
	begin(&subject, YAML("insert: true"), (struct osy_sf_object *[]){&a},
		(struct osy_sf_object *[]){&b});
	osy_check_metadata(&subject.check);
	assert_found(&subject, "B", "permission", "Account", "cannot be inserted in org 'dst'");
	assert_string_equal(found(&subject, "permission", "Account")->todo,
		"grant it Create or set insert: false");
	end(&subject);
	begin(&subject, YAML("insert: false"), (struct osy_sf_object *[]){&a},
		(struct osy_sf_object *[]){&b});
	osy_check_metadata(&subject.check);
	assert_found(&subject, "w", "permission", "Account", "cannot be updated");
	end(&subject);
	a.queryable = false;
	begin(&subject, YAML("insert: true"), (struct osy_sf_object *[]){&a},
		(struct osy_sf_object *[]){&a});
	osy_check_metadata(&subject.check);
	assert_found(&subject, "B", "permission", "Account", "cannot be queried in org 'src'");
	end(&subject);
}

static struct osy_json *reply(const char *text)
{
	struct osy_json *json = NULL;
	struct osy_err err = OSY_ERR_NONE;

	assert_int_equal(osy_json_parse(osy_str(text), "a reply", &json, &err), OSY_OK);
	return json;
}

#define VALUE(v) "{\"attributes\":null,\"label\":\"x\",\"validFor\":[],\"value\":\"" v "\"}"
#define REPLY(values)                                                 \
	"{\"picklistFieldValues\":{\"Tight__c\":{\"values\":[" values \
	"]},\"Free__c\":{\"values\":[" values "]}}}"

static void values_of_record_types(void **state)
{
	struct osy_sf_field sources[] = {typed("Tight__c", OSY_T_PICKLIST),
		typed("Free__c", OSY_T_PICKLIST), text("Name")},
			    targets[OSY_COUNT(sources)];
	struct osy_check_type gold[] = {{.name = "Gold",
		.values = {reply(REPLY(VALUE("A") "," VALUE("B") "," VALUE("C"))),
			reply(REPLY(VALUE("a")))}}};
	struct subject subject;

	(void)state;
	sources[0].picklist = sources[1].picklist = LIST("A", "B", "C", "D");
	memcpy(targets, sources, sizeof(targets));
	targets[0].restricted_picklist = true;
	/* what the picklist as a whole lacks is told of that */
	targets[0].picklist = targets[1].picklist = LIST("A", "B", "D");
	struct osy_sf_object a = OBJECT("Account", "001", sources),
			     b = OBJECT("Account", "001", targets);
	begin(&subject, YAML("values: {Free__c: {B: A}}"), (struct osy_sf_object *[]){&a},
		(struct osy_sf_object *[]){&b});
	subject.check.types[0] = (struct osy_check_types){.items = gold, .count = 1};
	osy_check_metadata(&subject.check);
	assert_found(&subject, "B", "picklist", "Gold",
		"Tight__c has values that record type Gold of org 'dst' does not have; the "
		"picklist is "
		"restricted, so that records with them are refused "
		"(INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST): 'B'");
	size_t of_types = 0;
	for (size_t i = 0; i < subject.check.count; i++)
		of_types += strcmp(subject.check.findings[i].name, "Gold") == 0;
	assert_int_equal(of_types, 1); /* Free__c's B becomes A */
	end(&subject);
}

#define TYPE(n, is_active, is_available)                                                      \
	{                                                                                     \
		.name = (n), .label = "l", .active = (is_active), .available = (is_available) \
	}

static void record_types(void **state)
{
	static const struct osy_sf_record_type here[] = {TYPE("Same", true, true),
		TYPE("Gone", true, true), TYPE("Old", false, false), TYPE("Off", true, true),
		TYPE("Mine", true, true)};
	static const struct osy_sf_record_type there[] = {
		TYPE("same", true, true), TYPE("Off", false, false), TYPE("Mine", true, false)};
	struct osy_sf_field fields[] = {text("Name"), lookup("RecordTypeId", LIST("RecordType"))};
	struct osy_sf_object a = OBJECT("Account", "001", fields), b = a;
	struct subject subject;

	(void)state;
	a.record_types = here;
	a.record_type_count = OSY_COUNT(here);
	b.record_types = there;
	b.record_type_count = OSY_COUNT(there);
	begin(&subject, YAML("insert: true"), (struct osy_sf_object *[]){&a},
		(struct osy_sf_object *[]){&b});
	osy_check_metadata(&subject.check);
	assert_found(&subject, "-", "recordType", "Same", "");
	assert_found(&subject, "w", "recordType", "Gone", "is not in org 'dst'");
	assert_found(&subject, "-", "recordType", "Old", "");
	assert_found(&subject, "B", "recordType", "Off", "inactive");
	assert_found(&subject, "B", "recordType", "Mine", "not assigned to our user");
	end(&subject);
	begin(&subject, YAML("fields: {exclude: [RecordTypeId]}"), (struct osy_sf_object *[]){&a},
		(struct osy_sf_object *[]){&b});
	osy_check_metadata(&subject.check);
	assert_found(&subject, "-", "recordType", "Off", "");
	end(&subject);
}

static void keys(void **state)
{
	struct osy_sf_field source[] = {text("Name"), text("Ext__c")};
	struct osy_sf_field target[] = {text("Name"), text("Ext__c")};
	struct osy_sf_object a = OBJECT("Account", "001", source),
			     b = OBJECT("Account", "001", target);
	struct subject subject;

	(void)state;
	begin(&subject, YAML("match: {externalId: Ext__c}"), (struct osy_sf_object *[]){&a},
		(struct osy_sf_object *[]){&b});
	osy_check_metadata(&subject.check);
	assert_found(&subject, "B", "match", "Ext__c", "is neither");
	end(&subject);
	target[1].external_id = true;
	begin(&subject, YAML("match: {externalId: Ext__c}"), (struct osy_sf_object *[]){&a},
		(struct osy_sf_object *[]){&b});
	osy_check_metadata(&subject.check);
	assert_found(&subject, "-", "match", "Ext__c", "");
	assert_found(&subject, "w", "unique", "Ext__c", "is not unique in org");
	end(&subject);
	begin(&subject, YAML("match: {externalId: Nix__c}"), (struct osy_sf_object *[]){&a},
		(struct osy_sf_object *[]){&b});
	osy_check_metadata(&subject.check);
	assert_found(&subject, "B", "field", "Nix__c", "is not on Account");
	end(&subject);
}

static void cycles(void **state)
{
	struct osy_sf_field fields[] = {text("Name"), lookup("Self__c", LIST("Account")),
		lookup("Line__c", LIST("Line__c"))};
	struct osy_sf_field line[] = {text("Name"), lookup("Account__c", LIST("Account"))};
	struct osy_sf_object a = OBJECT("Account", "001", fields);
	struct osy_sf_object l = OBJECT("Line__c", "a00", line);
	struct osy_sf_object *both[] = {&a, &l};
	struct subject subject;

	(void)state;
	fields[1].nillable = false; /* level by level */
	begin(&subject, YAML("insert: true, fields: {exclude: [Line__c]}"), both, both);
	osy_check_metadata(&subject.check);
	assert_found(&subject, "-", "order", "", "");
	end(&subject);
	fields[2].nillable = line[1].nillable = false;
	begin(&subject, "name: t\nobjects: [{name: Account}, {name: Line__c}]\n", both, both);
	osy_check_metadata(&subject.check);
	assert_found(
		&subject, "B", "order", "", "Account.Line__c -> Line__c.Account__c -> Account");
	end(&subject);
}

/* ---- Automation ---- */
static void put(struct subject *subject, int side, const char *name, bool active)
{
	struct osy_rule *rule = osy_check_rule(&subject->check, side);

	rule->kind = "validationRule";
	rule->object = "Account";
	rule->name = name;
	rule->active = active;
	rule->packaged = strstr(name, "__") != NULL;
}

static void automation(void **state)
{
	struct osy_sf_field fields[] = {text("Name")};
	struct osy_sf_object a = OBJECT("Account", "001", fields);
	struct subject subject;

	(void)state;
	begin(&subject, YAML("insert: true"), (struct osy_sf_object *[]){&a},
		(struct osy_sf_object *[]){&a});
	put(&subject, OSY_CHECK_SOURCE, "Both", true);
	put(&subject, OSY_CHECK_TARGET, "both", true);
	put(&subject, OSY_CHECK_SOURCE, "Off_there", true);
	put(&subject, OSY_CHECK_TARGET, "Off_there", false);
	put(&subject, OSY_CHECK_SOURCE, "Off_here", false);
	put(&subject, OSY_CHECK_TARGET, "Off_here", true);
	put(&subject, OSY_CHECK_SOURCE, "Here", true);
	put(&subject, OSY_CHECK_SOURCE, "Here_off", false);
	put(&subject, OSY_CHECK_TARGET, "There", true);
	put(&subject, OSY_CHECK_TARGET, "There_off", false);
	put(&subject, OSY_CHECK_TARGET, "pkg__Rule", true);
	osy_check_automation(&subject.check);
	assert_int_equal(subject.check.count, 8);
	assert_found(
		&subject, "w", "validationRule", "both", "active in org 'dst' and in org 'src'");
	assert_found(&subject, "w", "validationRule", "Off_there", "off in org 'dst' but active");
	assert_found(&subject, "w", "validationRule", "Off_here", "and off in org 'src'");
	assert_found(&subject, "w", "validationRule", "Here", "not there in org 'dst'");
	assert_found(&subject, "w", "validationRule", "Here_off", "off in org 'src'");
	assert_string_equal(found(&subject, "validationRule", "Here_off")->org, "src");
	assert_found(&subject, "w", "validationRule", "There", "not there in org 'src'");
	assert_found(&subject, "w", "validationRule", "There_off", "off in org 'dst'");
	assert_non_null(strstr(found(&subject, "validationRule", "pkg__Rule")->todo, "package"));
	end(&subject);
	begin(&subject, YAML("match: {keys: [Name]}, mode: match-only"),
		(struct osy_sf_object *[]){&a}, (struct osy_sf_object *[]){&a});
	put(&subject, OSY_CHECK_TARGET, "There", true);
	osy_check_automation(&subject.check);
	assert_int_equal(subject.check.count, 0);
	end(&subject);
}

/* ---- Orders that are given ---- */
static void given_orders(void **state)
{
	struct osy_sf_field account[] = {text("Name"), lookup("Contact__c", LIST("Contact"))};
	struct osy_sf_field contact[] = {text("LastName"), lookup("AccountId", LIST("Account"))};
	struct osy_sf_field line[] = {text("Name"), lookup("Head__c", LIST("Contact"))};
	struct osy_sf_object a = OBJECT("Account", "001", account),
			     c = OBJECT("Contact", "003", contact),
			     l = OBJECT("Line__c", "a01", line);
	struct osy_sf_object *all[] = {&a, &c, &l};
	struct osy_err err = OSY_ERR_NONE;
	struct subject subject;
	struct osy_plan plan;

	(void)state;
	line[1].nillable = false;
	begin(&subject,
		"name: t\norder: [contact, Line__c, Account]\n"
		"objects: [{name: Account}, {name: Contact}, {name: Line__c}]\n",
		all, all);
	assert_int_equal(osy_plan_build(&plan, subject.template, all, all, "src", "dst", &err), 0);
	assert_int_equal(plan.spec.stages, 3);
	assert_int_equal(plan.objects[0].stage, 3);
	assert_int_equal(plan.objects[1].stage, 1);
	assert_int_equal(plan.objects[2].stage, 2);
	assert_true(plan.objects[1].fields[1].link);  /* its parent comes later */
	assert_false(plan.objects[0].fields[1].link); /* its parent comes first */
	assert_non_null(strstr(plan.notices[0], "comes later in the given order"));
	/* what may be asked for next */
	assert_int_equal(
		osy_order_check(&plan.spec, LIST("Account", "Contact", "Line__c"), 3, &err), 0);
	assert_int_equal(
		osy_order_check(&plan.spec, LIST("Line__c", "Account", "Contact"), 3, &err),
		OSY_E_INVALID);
	assert_string_equal(err.msg,
		"Line__c cannot come before Contact: its lookup Head__c is required in the target, "
		"so that Contact must be in first; put Contact before Line__c");
	assert_int_equal(
		osy_order_check(&plan.spec, LIST("Account", "Contact"), 2, &err), OSY_E_INVALID);
	assert_non_null(strstr(err.msg, "does not name Line__c"));
	assert_int_equal(osy_order_check(&plan.spec, LIST("Acount", "Contact", "Line__c"), 3, &err),
		OSY_E_INVALID);
	assert_non_null(strstr(err.msg, "did you mean 'Account'?"));
	assert_int_equal(
		osy_order_check(&plan.spec, LIST("Account", "Contact", "account"), 3, &err),
		OSY_E_INVALID);
	assert_non_null(strstr(err.msg, "twice"));
	osy_plan_done(&plan);
	end(&subject);
	begin(&subject,
		"name: t\norder: [Line__c, Contact, Account]\n"
		"objects: [{name: Account}, {name: Contact}, {name: Line__c}]\n",
		all, all);
	assert_int_equal(osy_plan_build(&plan, subject.template, all, all, "src", "dst", &err),
		OSY_E_INVALID);
	assert_non_null(strstr(err.msg, "object Line__c: it cannot come before Contact"));
	osy_plan_done(&plan);
	end(&subject);
}

static void reasons(void **state)
{
	struct osy_sf_field account[] = {text("Name"), lookup("ParentId", LIST("Account"))};
	struct osy_sf_field contact[] = {text("LastName"), lookup("AccountId", LIST("Account"))};
	struct osy_sf_object a = OBJECT("Account", "001", account),
			     c = OBJECT("Contact", "003", contact);
	struct osy_sf_object *all[] = {&c, &a};
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
	struct osy_json_writer w = osy_json_writer(&out);
	struct osy_err err = OSY_ERR_NONE;
	struct subject subject;
	struct osy_plan plan;

	(void)state;
	contact[1].nillable = false;
	begin(&subject, "name: t\nobjects: [{name: Contact}, {name: Account}]\n", all, all);
	assert_int_equal(osy_plan_build(&plan, subject.template, all, all, "src", "dst", &err), 0);
	osy_jw_object(&w);
	osy_order_write(&plan.spec, &w);
	osy_jw_object_end(&w);
	assert_non_null(strstr(out.p, "\"order\":[\"Account\",\"Contact\"]"));
	assert_non_null(strstr(out.p,
		"\"after\":[{\"object\":\"Account\",\"field\":\"AccountId\",\"required\":true}]"));
	assert_non_null(strstr(out.p, "\"reason\":\"after Account (AccountId, required)\""));
	assert_non_null(strstr(
		out.p, "\"reason\":\"waits for no other object; link pass: ParentId to Account\""));
	osy_plan_done(&plan);
	end(&subject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types),
		cmocka_unit_test(lengths_and_numbers),
		cmocka_unit_test(picklists),
		cmocka_unit_test(rules_of_fields),
		cmocka_unit_test(what_is_missing),
		cmocka_unit_test(lookups_to_what_is_missing),
		cmocka_unit_test(rights_of_objects),
		cmocka_unit_test(record_types),
		cmocka_unit_test(values_of_record_types),
		cmocka_unit_test(keys),
		cmocka_unit_test(cycles),
		cmocka_unit_test(automation),
		cmocka_unit_test(given_orders),
		cmocka_unit_test(reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
