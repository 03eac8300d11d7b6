/* coordinator: filters through lookups; children of the template's objects, level by level */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <cmocka.h>

#include "osy/mem.h"
#include "osy/sf_describe.h"
#include "related.h"
#include "soql.h"

/* ---- Filters ---- */
static void filters_through_a_lookup(void **state)
{
	static const char *const cases[][2] = {
		{"Industry = 'Energy'", "Account.Industry = 'Energy'"},
		{"Industry='En''ergy'", NULL},
		{"Name = 'it\\'s AND (b'", "Account.Name = 'it\\'s AND (b'"},
		{"(A__c>=5 AND NOT B__c like 'x%') or Owner.Name != null",
			"(Account.A__c >= 5 AND NOT Account.B__c like 'x%') or "
			"Account.Owner.Name != null"},
		{"Type IN ('a', 'b)') AND X__c NOT IN ('c')",
			"Account.Type IN ('a' , 'b)') AND Account.X__c NOT IN ('c')"},
		{"CreatedDate > 2024-01-01T00:00:00+01:00 AND LastModifiedDate = LAST_N_DAYS:3",
			"Account.CreatedDate > 2024-01-01T00:00:00+01:00 AND "
			"Account.LastModifiedDate = LAST_N_DAYS:3"},
		{"CALENDAR_YEAR(convertTimezone(CreatedDate)) = 2024",
			"CALENDAR_YEAR(convertTimezone(Account.CreatedDate)) = 2024"},
		{"DISTANCE(Loc__c, GEOLOCATION(37.7, -122.4), 'mi') < 20",
			"DISTANCE(Account.Loc__c , GEOLOCATION(37.7 , -122.4) , 'mi') < 20"},
		{"account.Name = 'x'", "Account.Name = 'x'"},
		{"Picks__c INCLUDES ('a;b', 'c')", "Account.Picks__c INCLUDES ('a;b' , 'c')"},
		{"A.B.C.D.E = 1", "Account.A.B.C.D.E = 1"},
		{"A.B.C.D.E.F = 1", NULL},
		{"Id IN (SELECT AccountId FROM Contact)", NULL},
		{"Name = 'SELECT'", "Account.Name = 'SELECT'"},
		{"Name =", NULL},
		{"(Name = 'a'", NULL},
		{"Name = 'a')", NULL},
		{"Name = 'a' ORDER BY Name", NULL},
		{"5 = Name", NULL},
		{"Name == ", NULL},
		{"Name IN ((1))", NULL},
		{"f(Name", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(4096);
		const char *why = osy_soql_through(cases[i][0], "Account", "Account", &out);
		if (!cases[i][1] != !!why)
			fail_msg("%s: %s", cases[i][0], why ? why : out.p);
		if (!why)
			assert_string_equal(out.p, cases[i][1]);
	}
}

static void filters_beside_others(void **state)
{
	static const char *const cases[][2] = {
		{"A = 1", "(A = 1)"},
		{"A = 'SELECT'", "(A = 'SELECT')"},
		{"Id IN (SELECT X FROM Y WHERE A = 1 OR B = 2)",
			"Id IN (SELECT X FROM Y WHERE A = 1 OR B = 2)"},
		{"A = 1 OR Id IN (SELECT X FROM Y)", "(A = 1 OR Id IN (SELECT X FROM Y))"},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(4096);
		osy_soql_nest(cases[i][0], &out);
		assert_string_equal(out.p, cases[i][1]);
	}
}

/* ---- A world of describes: "Child.Field>Parent[|Parent]", "!" before: not to be written ---- */
static const char *const lookups[] = {"Contact.AccountId>Account", "Contact.ReportsToId>Contact",
	"Case.AccountId>Account", "Case.ContactId>Contact", "Opportunity.AccountId>Account",
	"OpportunityLineItem.OpportunityId>Opportunity", "!Quote.AccountId>Account",
	"Quote.OpportunityId>Opportunity", "Role.OpportunityId>Opportunity",
	"Role.ContactId>Contact", "Task.WhatId>Account|Opportunity", "Task.WhoId>Contact",
	"Account.ParentId>Account", "ContactHistory.ContactId>Contact", "Locked.AccountId>Account",
	"L1.UpId>Account", "L2.UpId>L1", "L3.UpId>L2", "L4.UpId>L3", "L5.UpId>L4", "L6.UpId>L5",
	"L7.UpId>L6"};

static void add_field(const char *lookup, struct osy_buf *json)
{
	bool locked = *lookup == '!';
	const char *field = strchr(lookup, '.') + 1, *to = strchr(lookup, '>') + 1;
	int len = (int)(to - 1 - field);

	osy_buf_addf(json,
		",{\"name\":\"%.*s\",\"type\":\"reference\",\"createable\":%s,\"filterable\":true,"
		"\"relationshipName\":\"%.*s\",\"referenceTo\":[",
		len, field, locked ? "false" : "true", len - 2, field);
	for (const char *bar; (bar = strchr(to, '|')); to = bar + 1)
		osy_buf_addf(json, "\"%.*s\",", (int)(bar - to), to);
	osy_buf_addf(json, "\"%s\"]}", to);
}

static bool is_of(const char *lookup, const char *name)
{
	lookup += *lookup == '!';
	return strncmp(lookup, name, strlen(name)) == 0 && lookup[strlen(name)] == '.';
}

static bool is_to(const char *lookup, const char *name)
{
	const char *at = strstr(strchr(lookup, '>'), name);

	return at && strchr(">|", at[-1]) && strchr("|", at[strlen(name)]);
}

static struct osy_sf_object *describe_one(const char *name)
{
	OSY_AUTO(osy_buf_done) struct osy_buf json = OSY_BUF(1 << 20);
	struct osy_sf_object *object = NULL;
	struct osy_err err = OSY_ERR_NONE;
	bool first = true;

	osy_buf_addf(&json,
		"{\"name\":\"%s\",\"fields\":[{\"name\":\"Id\",\"type\":\"id\"},"
		"{\"name\":\"Ext__c\",\"type\":\"string\",\"externalId\":%s}",
		name, strcmp(name, "Case") == 0 ? "false" : "true");
	for (size_t i = 0; i < OSY_COUNT(lookups); i++) {
		if (is_of(lookups[i], name))
			add_field(lookups[i], &json);
	}
	osy_buf_addz(&json, "],\"childRelationships\":[");
	for (size_t i = 0; i < OSY_COUNT(lookups); i++) {
		const char *child = lookups[i] + (*lookups[i] == '!');
		const char *field = strchr(child, '.') + 1;
		if (!is_to(lookups[i], name))
			continue;
		osy_buf_addf(&json, "%s{\"childSObject\":\"%.*s\",\"field\":\"%.*s\"}",
			first ? "" : ",", (int)(field - 1 - child), child,
			(int)(strchr(field, '>') - field), field);
		first = false;
	}
	osy_buf_addz(&json, "]}");
	if (osy_sf_describe_parse(osy_buf_str(&json), &object, &err))
		fail_msg("%s: %s", json.p, err.msg);
	return object;
}

static enum osy_code describe(void *arg, const char *const *names, size_t count,
	struct osy_sf_object **ret, struct osy_err *err)
{
	(void)arg;
	(void)err;
	for (size_t i = 0; i < count; i++)
		ret[i] = describe_one(names[i]);
	return OSY_OK;
}

static enum osy_code usable(void *arg, const char *name, bool *ret, struct osy_err *err)
{
	(void)arg;
	(void)err;
	*ret = strcmp(name, "Locked") != 0;
	return OSY_OK;
}

struct found {
	struct osy_template *template;
	struct osy_related related;
};

static struct found find(const char *yaml)
{
	OSY_AUTO(osy_buf_done) struct osy_buf doc = OSY_BUF(1 << 20);
	struct osy_related_orgs orgs = {.describe = describe, .usable = usable};
	struct osy_err err = OSY_ERR_NONE;
	struct found found = {0};
	char name[64];

	if (osy_template_check(osy_str(yaml), "t", OSY_STR_NULL, name, &doc, &err) ||
		osy_template_read(osy_buf_str(&doc), &found.template, &err) ||
		osy_related_find(found.template, &orgs, &found.related, &err))
		fail_msg("%s: %s", yaml, err.msg);
	return found;
}

static void found_done(struct found *found)
{
	for (size_t i = 0; i < found->template->object_count; i++)
		osy_sf_object_free(found->related.sources[i]);
	osy_related_done(&found->related);
	osy_template_free(found->template);
}

static void assert_objects(const struct found *found, const char *const *want)
{
	size_t n = 0;

	for (; want[n]; n++) {
		if (n >= found->template->object_count ||
			strcmp(found->template->objects[n].name, want[n]) != 0)
			fail_msg("%zu: %s, want %s", n,
				n < found->template->object_count ? found->template->objects[n].name
								  : "none",
				want[n]);
	}
	assert_int_equal(found->template->object_count, n);
}
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct osy_template_object *object_of(const struct found *found, const char *name)
{
	for (size_t i = 0; i < found->template->object_count; i++) {
		if (strcmp(found->template->objects[i].name, name) == 0)
			return &found->template->objects[i];
	}
	fail_msg("no %s", name);
	return NULL;
}

static void assert_where(const struct found *found, const char *name, const char *want)
{
	assert_string_equal(object_of(found, name)->where, want);
}

static void assert_note(const struct found *found, bool refuses, const char *part)
{
	for (size_t i = 0; i < found->related.note_count; i++) {
		const struct osy_related_note *note = &found->related.notes[i];
		if (note->refuses == refuses && strstr(note->text, part))
			return;
	}
	fail_msg("no note '%s'; the first of %zu: %s", part, found->related.note_count,
		found->related.note_count ? found->related.notes[0].text : "");
}

#define ENERGY "name: x\nobjects:\n  - name: Account\n    where: \"Industry = 'Energy'\"\n    "

static void none_by_default(void **state)
{
	(void)state;
	OSY_AUTO(found_done) struct found found = find("name: x\nobjects: [{name: Account}]\n");
	assert_objects(&found, LIST("Account"));
	assert_int_equal(found.related.note_count, 0);
}

static void children_of_a_filter(void **state)
{
	(void)state;
	OSY_AUTO(found_done)
	struct found found =
		find(ENERGY "related: {exclude: [L1]}\n    match: {externalId: Ext__c}\n");
	assert_objects(&found, LIST("Account", "Contact", "Case", "Opportunity", "Task"));
	assert_where(&found, "Contact", "(AccountId != null AND (Account.Industry = 'Energy'))");
	assert_where(
		&found, "Task", "WhatId IN (SELECT Id FROM Account WHERE Industry = 'Energy')");
	assert_string_equal(object_of(&found, "Task")->related_parent, "Account");
	assert_string_equal(object_of(&found, "Task")->related_field, "WhatId");
	assert_int_equal(object_of(&found, "Contact")->match, OSY_MATCH_EXTERNAL_ID);
	assert_int_equal(object_of(&found, "Case")->match, OSY_MATCH_NONE); /* no external id */
	assert_int_equal(found.related.note_count, 0);
}

static void children_of_all(void **state)
{
	(void)state;
	OSY_AUTO(found_done)
	struct found found =
		find("name: x\nobjects: [{name: Account, related: {include: [Contact, Task]}}]\n");
	assert_objects(&found, LIST("Account", "Contact", "Task"));
	assert_where(&found, "Contact", "(AccountId != null)");
	assert_where(&found, "Task", "What.Type = 'Account'");
}

/* A lookup that only reads comes by the level where it can be written. */
static void two_levels(void **state)
{
	(void)state;
	OSY_AUTO(found_done)
	struct found found = find(ENERGY "related: {depth: 2, exclude: [L1, Task.WhatId]}\n");
	assert_objects(&found, LIST("Account", "Contact", "Case", "Opportunity", "Quote", "Role",
				       "Task", "OpportunityLineItem"));
	assert_where(&found, "Quote",
		"(OpportunityId != null AND ((Opportunity.AccountId != null AND "
		"(Opportunity.Account.Industry = 'Energy'))))");
	assert_where(&found, "Role",
		"(ContactId != null AND ((Contact.AccountId != null AND (Contact.Account.Industry "
		"= "
		"'Energy')))) OR (OpportunityId != null AND ((Opportunity.AccountId != null AND "
		"(Opportunity.Account.Industry = 'Energy'))))");
	assert_string_equal(object_of(&found, "Role")->related_parent, "Contact");
}

static void deep_ones(void **state)
{
	(void)state;
	OSY_AUTO(found_done)
	struct found found =
		find(ENERGY "related: {depth: 9, include: [L1, L2, L3, L4, L5, L6]}\n");
	assert_objects(&found, LIST("Account", "L1", "L2", "L3", "L4", "L5", "L6"));
	assert_non_null(strstr(object_of(&found, "L5")->where, "Up.Up.Up.Up.Up.Industry"));
	assert_int_equal(
		strncmp(object_of(&found, "L6")->where, "UpId IN (SELECT Id FROM L5", 26), 0);
	OSY_AUTO(found_done)
	struct found deeper =
		find(ENERGY "related: {depth: 9, include: [L1, L2, L3, L4, L5, L6, L7]}\n");
	assert_note(&deeper, true,
		"records of L7 cannot be selected as children of L6 by UpId: its filter holds a "
		"sub-query; list it with a filter of its own, or exclude it");
}

static void joined_ones(void **state)
{
	(void)state;
	OSY_AUTO(found_done)
	struct found found = find(ENERGY
		"related: {depth: 2, include: [Contact, Case.ContactId]}\n"
		"  - name: Contact\n    select: related\n    where: \"Email != null OR Phone != "
		"null\"\n    match: {keys: [Email]}\n");
	assert_objects(&found, LIST("Account", "Contact", "Case"));
	assert_where(&found, "Contact",
		"((AccountId != null AND (Account.Industry = 'Energy'))) AND (Email != null OR "
		"Phone "
		"!= null)");
	assert_int_equal(object_of(&found, "Contact")->match, OSY_MATCH_KEYS);
	assert_string_equal(object_of(&found, "Case")->related_parent, "Contact");
}

/* One that is listed by itself stays as it is. */
static void listed_ones(void **state)
{
	(void)state;
	OSY_AUTO(found_done)
	struct found found = find(
		ENERGY "related: {depth: 2, exclude: [L1, Opportunity, Task, Case.AccountId]}\n"
		       "  - name: Contact\n");
	assert_objects(&found, LIST("Account", "Contact"));
	assert_null(object_of(&found, "Contact")->where);
}

static void several_objects(void **state)
{
	(void)state;
	OSY_AUTO(found_done)
	struct found found = find(
		"name: x\nobjects:\n  - {name: Account, where: A = 1, related: {include: [Task]}}\n"
		"  - {name: Opportunity, where: B = 2, related: {exclude: [Quote, Role]}}\n");
	assert_objects(&found, LIST("Account", "Opportunity", "Task", "OpportunityLineItem"));
	assert_where(&found, "Task", "WhatId IN (SELECT Id FROM Account WHERE A = 1)");
	assert_note(&found, false,
		"records of Task cannot be selected as children of Opportunity by WhatId: a query "
		"takes one such lookup only; those that are its children by this lookup alone are "
		"not read");
}

static void transactional_ones(void **state)
{
	(void)state;
	OSY_AUTO(found_done)
	struct found found = find(
		ENERGY "related: {depth: 2, exclude: [L1]}\noptions: {skipTransactional: true}\n");
	assert_objects(&found, LIST("Account", "Contact", "Role"));
	assert_note(&found, false,
		"Opportunity is a child of Account, but transactional (options.skipTransactional)");
	assert_int_equal(found.related.note_count, 4);
	OSY_AUTO(found_done)
	struct found named = find(
		ENERGY "related: {include: [Opportunity]}\noptions: {skipTransactional: true}\n");
	assert_objects(&named, LIST("Account", "Opportunity"));
	OSY_AUTO(found_done)
	struct found own =
		find(ENERGY "related: {exclude: [L1]}\noptions: {skipTransactional: [Contact]}\n");
	assert_objects(&own, LIST("Account", "Case", "Opportunity", "Task"));
}

static void long_filters(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf yaml = OSY_BUF(100000);

	(void)state;
	osy_buf_addz(&yaml, "name: x\nobjects: [{name: Account, where: \"A = 1");
	while (yaml.len < 15000)
		osy_buf_addz(&yaml, " OR A = 1");
	osy_buf_addz(&yaml, "\", related: {include: [Contact, Task]}}]\n");
	OSY_AUTO(found_done) struct found found = find(yaml.p);
	assert_objects(&found, LIST("Account", "Contact", "Task"));
	assert_int_equal(strncmp(object_of(&found, "Contact")->where, "AccountId IN (SEL", 17), 0);
	osy_buf_reset(&yaml);
	osy_buf_addz(&yaml, "name: x\nobjects: [{name: Account, where: \"A = 1");
	while (yaml.len < 19900)
		osy_buf_addz(&yaml, " OR A = 1");
	osy_buf_addz(&yaml,
		"\", related: {include: [Contact]}}, {name: Contact, select: related, where: "
		"\"Email != 'somebody whose name is long enough to be too long for this, and "
		"then a little longer than that, just to be sure that it is'\"}]\n");
	OSY_AUTO(found_done) struct found longer = find(yaml.p);
	assert_note(
		&longer, true, "as children of Account by AccountId: its filter would be too long");
}

static void refusals(void **state)
{
	static const char *const cases[][2] = {
		{ENERGY "related: {include: [Contcat]}\n",
			"related.include of Account names Contcat, which is no child of its "
			"records "
			"within the depth of 1 (or is listed without select: related); did you "
			"mean "
			"'Contact'?"},
		{ENERGY "related: {include: [Quote]}\n", "names Quote, which is no child"},
		{ENERGY "related: {include: [Locked]}\n",
			"names Locked, whose records cannot be read in the source or inserted"},
		{ENERGY "related: {include: [Case]}\n  - {name: Contact, select: related}\n",
			"Contact has select: related, but no object's related leads to it"},
		{"name: x\nobjects: [{name: Account, where: 'Id IN (SELECT AccountId FROM Case)', "
		 "related: {include: [Contact]}}]\n",
			"Contact cannot be selected as children of Account by AccountId: its "
			"filter "
			"holds a sub-query"},
		{ENERGY "related: {depth: 2, include: [Contact, Case.ContactId]}\n"
			"  - {name: Contact, select: related, limit: 5}\n",
			"records of Case cannot be selected as children of Contact by ContactId: "
			"its "
			"parents have a limit"},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++) {
		OSY_AUTO(found_done) struct found found = find(cases[i][0]);
		assert_note(&found, true, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_through_a_lookup),
		cmocka_unit_test(filters_beside_others),
		cmocka_unit_test(none_by_default),
		cmocka_unit_test(children_of_a_filter),
		cmocka_unit_test(children_of_all),
		cmocka_unit_test(two_levels),
		cmocka_unit_test(deep_ones),
		cmocka_unit_test(joined_ones),
		cmocka_unit_test(listed_ones),
		cmocka_unit_test(several_objects),
		cmocka_unit_test(transactional_ones),
		cmocka_unit_test(long_filters),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
