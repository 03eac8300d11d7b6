/* coordinator: the template check */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "osy/mem.h"
#include "template.h"

static void assert_refused(const char *text, const char *want)
{
	OSY_AUTO(osy_buf_done) struct osy_buf doc = OSY_BUF(1 << 20);
	struct osy_err err = OSY_ERR_NONE;
	char name[64];

	if (osy_template_check(osy_str(text), "t.yaml", OSY_STR_NULL, name, &doc, &err) !=
		OSY_E_INVALID)
		fail_msg("taken: %s", text);
	if (!strstr(err.msg, want))
		fail_msg("%s: %s", text, err.msg);
	assert_int_equal(doc.len, 0);
}

static struct osy_template *assert_taken(const char *text)
{
	OSY_AUTO(osy_buf_done) struct osy_buf doc = OSY_BUF(1 << 20), again = OSY_BUF(1 << 20);
	struct osy_template *template = NULL;
	struct osy_err err = OSY_ERR_NONE;
	char name[64];

	if (osy_template_check(osy_str(text), "t.yaml", OSY_STR_NULL, name, &doc, &err))
		fail_msg("%s: %s", text, err.msg);
	/* What was normalised can be applied again and stays as it is. */
	if (osy_template_check(osy_buf_str(&doc), "doc", OSY_STR_NULL, name, &again, &err))
		fail_msg("%s: %s", doc.p, err.msg);
	assert_string_equal(doc.p, again.p);
	if (osy_template_read(osy_buf_str(&doc), &template, &err))
		fail_msg("%s: %s", doc.p, err.msg);
	assert_string_equal(template->name, name);
	return template;
}

static void defaults(void **state)
{
	(void)state;
	struct osy_template *t = assert_taken("name: crm\nobjects:\n  - name: Account\n");
	const struct osy_template_object *o = t->objects;

	assert_int_equal(t->object_count, 1);
	assert_true(t->continue_on_error && t->snapshots && !t->skip_missing_fields);
	assert_int_equal(t->api_reserve_percent, 10);
	assert_int_equal(t->lanes, 64);
	assert_string_equal(t->duplicate_rules, "allow-save");
	assert_string_equal(o->name, "Account");
	assert_string_equal(o->target, "Account");
	assert_true(o->all_fields && o->insert && o->update && !o->match_only && !o->write_nulls);
	assert_int_equal(o->include_count, 0);
	assert_int_equal(o->batch_size, 200);
	assert_int_equal(o->match, OSY_MATCH_NONE);
	assert_null(o->where);
	assert_null(o->order_by);
	assert_int_equal(o->limit, 0);
	osy_template_free(t);
}

static void everything(void **state)
{
	(void)state;
	struct osy_template *t = assert_taken(
		"name: crm-2\n"
		"objects:\n"
		"  - name: Account\n"
		"    target: Customer__c\n"
		"    where: \"Industry = 'Energy'\"\n"
		"    orderBy: Name\n"
		"    limit: 1000\n"
		"    fields: {include: [\"*\", Name], exclude: [Description]}\n"
		"    map: {Legacy_Id__c: Ext_Id__c}\n"
		"    nulls: write\n"
		"    match: {externalId: Ext_Id__c}\n"
		"    update: false\n"
		"    batchSize: 50\n"
		"    api: rest\n"
		"  - {name: Contact, match: {keys: [LastName, Email]}, mode: match-only}\n"
		"  - {name: Case, match: {id: true}, api: bulk}\n"
		"  - {name: Lead, match: {sourceId: Src__c}}\n"
		"  - {name: Task, match: none, values: null}\n"
		"users: {match: [username, federationId, email]}\n"
		"recordTypes: developerName\n"
		"options: {continueOnError: false, skipMissingFields: true, deltaSync: false, "
		"lanes: 8,\n"
		"  duplicateRules: respect, snapshots: false, apiReservePercent: 0}\n");
	const struct osy_template_object *o = t->objects;

	assert_int_equal(t->object_count, 5);
	assert_false(t->continue_on_error || t->snapshots);
	assert_true(t->skip_missing_fields);
	assert_int_equal(t->lanes, 8);
	assert_int_equal(o[0].api, OSY_API_REST);
	assert_int_equal(o[1].api, OSY_API_AUTO);
	assert_int_equal(o[2].api, OSY_API_BULK);
	assert_string_equal(o->target, "Customer__c");
	assert_string_equal(o->where, "Industry = 'Energy'");
	assert_string_equal(o->order_by, "Name");
	assert_int_equal(o->limit, 1000);
	assert_true(o->all_fields);
	assert_int_equal(o->include_count, 1);
	assert_string_equal(o->include[0], "Name");
	assert_string_equal(o->exclude[0], "Description");
	assert_string_equal(o->map[0].source, "Legacy_Id__c");
	assert_string_equal(o->map[0].target, "Ext_Id__c");
	assert_true(o->write_nulls && !o->update);
	assert_int_equal(o->match, OSY_MATCH_EXTERNAL_ID);
	assert_string_equal(o->match_fields[0], "Ext_Id__c");
	assert_int_equal(o->batch_size, 50);
	assert_int_equal(o[1].match, OSY_MATCH_KEYS);
	assert_int_equal(o[1].match_count, 2);
	assert_true(o[1].match_only);
	assert_int_equal(o[2].match, OSY_MATCH_SAME_ID);
	assert_int_equal(o[3].match, OSY_MATCH_SOURCE_ID);
	assert_int_equal(o[4].match, OSY_MATCH_NONE);
	osy_template_free(t);
}

static void rules(void **state)
{
	(void)state;
	struct osy_template *t = assert_taken(
		"name: r\nobjects:\n  - name: Contact\n    nulls: {\"*\": write, Fax: ignore}\n"
		"    values: {Rating: {Hot: Warm, \"*\": null, null: Cold}, Active__c: {Yes: true, "
		"No: 5}}\n"
		"    mask: {Email: hash, Phone: keep-last-4, Fax: null, Name: {replace: N.N.},\n"
		"      Age__c: {replace: 40}, Tax__c: {pattern: '##-^^'}, Title: shuffle}\n");
	const struct osy_template_object *o = t->objects;
	static const enum osy_mask styles[] = {OSY_MASK_HASH, OSY_MASK_KEEP_LAST, OSY_MASK_NULL,
		OSY_MASK_REPLACE, OSY_MASK_REPLACE, OSY_MASK_PATTERN, OSY_MASK_SHUFFLE};

	assert_true(o->write_nulls);
	assert_int_equal(o->null_count, 1);
	assert_string_equal(o->nulls[0].field, "Fax");
	assert_false(o->nulls[0].write);
	assert_int_equal(o->values_count, 2);
	assert_string_equal(o->values[0].field, "Rating");
	assert_int_equal(o->values[0].count, 3);
	assert_string_equal(o->values[0].items[0].from, "Hot");
	assert_string_equal(o->values[0].items[0].to, "\"Warm\"");
	assert_string_equal(o->values[0].items[1].from, "*");
	assert_string_equal(o->values[0].items[1].to, "null");
	assert_string_equal(o->values[0].items[2].from, "null");
	assert_string_equal(o->values[1].items[0].to, "true");
	assert_string_equal(o->values[1].items[1].to, "5");
	assert_int_equal(o->mask_count, OSY_COUNT(styles));
	for (size_t i = 0; i < OSY_COUNT(styles); i++)
		assert_int_equal(o->masks[i].mask, styles[i]);
	assert_int_equal(o->masks[1].keep, 4);
	assert_string_equal(o->masks[3].text, "\"N.N.\"");
	assert_string_equal(o->masks[4].text, "40");
	assert_string_equal(o->masks[5].text, "##-^^");
	osy_template_free(t);
}

static void users(void **state)
{
	(void)state;
	struct osy_template *t =
		assert_taken("name: r\nobjects: [{name: Case}]\nusers:\n"
			     "  match: [email, username]\n  usernameSuffix: .dr\n"
			     "  fallback: a@b.c\n  map: {x@y.z: x@b.c, q@y.z: null}\n");
	assert_true(t->users.on);
	assert_int_equal(t->users.match_count, 2);
	assert_int_equal(t->users.match[0], OSY_USER_EMAIL);
	assert_int_equal(t->users.match[1], OSY_USER_USERNAME);
	assert_string_equal(t->users.suffix, ".dr");
	assert_string_equal(t->users.fallback, "a@b.c");
	assert_int_equal(t->users.map_count, 2);
	assert_string_equal(t->users.map[0].source, "x@y.z");
	assert_string_equal(t->users.map[0].target, "x@b.c");
	assert_string_equal(t->users.map[1].target, "");
	osy_template_free(t);
	t = assert_taken("name: r\nobjects: [{name: Case}]\nusers: {}\n");
	assert_true(t->users.on);
	assert_int_equal(t->users.match_count, 3);
	assert_string_equal(t->users.fallback, "");
	osy_template_free(t);
	t = assert_taken("name: r\nobjects: [{name: Case}]\n");
	assert_false(t->users.on);
	osy_template_free(t);
}

static void related(void **state)
{
	(void)state;
	struct osy_template *t = assert_taken(
		"name: r\nobjects:\n  - name: Account\n    related: {include: [Contact, "
		"Case.ContactId], exclude: [Task]}\n    excludeParents: [ParentId]\n  - name: "
		"Case\n"
		"    select: related\n    excludeParents: all\noptions: {skipTransactional: "
		"[Order]}\n");
	const struct osy_template_object *o = t->objects;
	assert_int_equal(o[0].related.depth, 1);
	assert_int_equal(o[0].related.include_count, 2);
	assert_string_equal(o[0].related.include[1], "Case.ContactId");
	assert_string_equal(o[0].related.exclude[0], "Task");
	assert_string_equal(o[0].no_parent[0], "ParentId");
	assert_false(o[0].select_related || o[0].no_parents || o[1].related.depth);
	assert_true(o[1].select_related && o[1].no_parents);
	assert_int_equal(t->transactional_count, 1);
	osy_template_free(t);
	t = assert_taken("name: r\nobjects: [{name: A}]\noptions: {skipTransactional: true}\n");
	assert_string_equal(t->transactional[0], "Opportunity");
	osy_template_free(t);
	t = assert_taken("name: r\nobjects: [{name: A}]\n");
	assert_int_equal(t->transactional_count, 0);
	osy_template_free(t);
}

static enum osy_code check_file(
	const char *text, const char *file, struct osy_buf *doc, struct osy_err *err)
{
	char name[64];

	return osy_template_check(osy_str(text), "t.yaml", osy_str(file), name, doc, err);
}

#define FILE_OF_USERS \
	"name: r\nobjects: [{name: Case}]\nusers:\n  map: {b@s: other@t}\n  file: u.csv\n"

static void users_file(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf doc = OSY_BUF(1 << 20);
	struct osy_template *t = NULL;
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	assert_int_equal(
		check_file(FILE_OF_USERS,
			"\xef\xbb\xbfSource,target\r\na@s,a@t\r\n\"b@s\",b@t\nc@s,\n", &doc, &err),
		OSY_OK);
	assert_null(strstr(doc.p, "u.csv")); /* the doc can be applied again without it */
	assert_int_equal(osy_template_read(osy_buf_str(&doc), &t, &err), OSY_OK);
	assert_int_equal(t->users.map_count, 3);
	assert_string_equal(t->users.map[0].target, "other@t");
	assert_string_equal(t->users.map[1].source, "a@s");
	assert_string_equal(t->users.map[1].target, "a@t");
	assert_string_equal(t->users.map[2].target, "");
	osy_template_free(t);
}

static void users_file_refusals(void **state)
{
	static const char *const cases[][2] = {
		{"", "line 5: u.csv is empty; the first row must be source,target"},
		{"a,b\n", "line 5: u.csv, row 1: the first row must be source,target"},
		{"source,target\na\n", "u.csv, row 1: there are two columns"},
		{"source,target\n,x\n", "row 2: a row has a username of the source"},
		{"source,target\na@s,a@t\na@s,b@t\n", "row 3: 'a@s' is there twice"},
		{"source,target\n\"a@s,a@t\n", "u.csv, row 1: "},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf doc = OSY_BUF(1 << 20);
		struct osy_err err = OSY_ERR_NONE;
		assert_int_equal(check_file(FILE_OF_USERS, cases[i][0], &doc, &err), OSY_E_INVALID);
		if (!strstr(err.msg, cases[i][1]))
			fail_msg("%s: %s", cases[i][0], err.msg);
	}
	assert_refused(FILE_OF_USERS, "users.file is read by `orgsync template apply`");
	OSY_AUTO(osy_buf_done) struct osy_buf doc = OSY_BUF(1 << 20);
	struct osy_err err = OSY_ERR_NONE;
	assert_int_equal(
		check_file("name: r\nobjects: [{name: Case}]\n", "source,target\n", &doc, &err),
		OSY_E_INVALID);
	assert_non_null(strstr(err.msg, "the template names none"));
}

static void users_file_bounds(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf doc = OSY_BUF(8 << 20), file = OSY_BUF(4 << 20);
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	osy_buf_addz(&file, "source,target\n");
	for (int i = 0; i < 19999; i++)
		osy_buf_addf(&file, "user%d@source,user%d@target\n", i, i);
	assert_int_equal(check_file(FILE_OF_USERS, file.p, &doc, &err), OSY_OK);
	osy_buf_addz(&file, "last@s,\n");
	assert_int_equal(check_file(FILE_OF_USERS, file.p, &doc, &err), OSY_E_INVALID);
	assert_non_null(strstr(err.msg, "more than 20000 users"));
	while (file.len <= OSY_TEMPLATE_USERS_BYTES)
		osy_buf_addz(&file, "last@s,last@t,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n");
	assert_int_equal(check_file(FILE_OF_USERS, file.p, &doc, &err), OSY_E_INVALID);
	assert_non_null(strstr(err.msg, "larger than 2097152 bytes"));
}

static void ids(void **state)
{
	(void)state;
	struct osy_template *t =
		assert_taken("name: r\nobjects:\n  - name: Case\n    ids: [Ref__c, Other__c]\n"
			     "    missingParents: {Ref__c: wait}\n  - name: Lead\n");
	assert_int_equal(t->objects[0].id_count, 2);
	assert_string_equal(t->objects[0].ids[1], "Other__c");
	assert_int_equal(t->objects[1].id_count, 0);
	osy_template_free(t);
}

#define HOOKS(text) "name: x\nobjects: [{name: A}]\nhooks: " text "\n"
#define ONE(body) "name: x\nobjects:\n  - name: Account\n    " body "\n"

static void hooks(void **state)
{
	struct osy_template *t = assert_taken(
		"name: x\n"
		"objects:\n"
		"  - {name: A, transform: {hook: h, fields: [Name, B__c]}}\n"
		"  - {name: B, transform: {hook: h, fields: [Name], at: afterRetrieval, "
		"timeoutSeconds: 5}}\n"
		"  - {name: C, hooks: false, transform: {hook: h, fields: [Name]}}\n"
		"hooks: [{at: beforeRun, hook: h, onError: abort}, {at: afterRun, hook: g}]\n");

	(void)state;
	assert_string_equal(t->objects[0].hook, "h");
	assert_int_equal(t->objects[0].hook_field_count, 2);
	assert_string_equal(t->objects[0].hook_fields[1], "B__c");
	assert_false(t->objects[0].hook_early);
	assert_int_equal(t->objects[0].hook_timeout_ms, 30000);
	assert_true(t->objects[1].hook_early);
	assert_int_equal(t->objects[1].hook_timeout_ms, 5000);
	assert_null(t->objects[2].hook);
	osy_template_free(t);
}

static void refusals(void **state)
{
	static const char *const cases[][2] = {
		{ONE("wehre: a"), "t.yaml, line 4: unknown key 'wehre' in object Account; did you "
				  "mean 'where'?"},
		{"nmae: x\nobjects: [{name: A}]\n",
			"line 1: unknown key 'nmae' in the template; did you mean 'name'?"},
		{"name: x\nobjects: [{name: A}]\noptions:\n  lane: 3\n",
			"line 4: unknown key 'lane' in"},
		{"name: x\nobjects: [{name: A}]\nqqqqqqqqqqqq: 1\n",
			"unknown key 'qqqqqqqqqqqq' in the template"},
		{"objects: [{name: A}]\n", "needs a name"},
		{"name: x/y\nobjects: [{name: A}]\n", "needs a name"},
		{"name: x\n", "objects must be a list"},
		{"name: x\nobjects: []\n", "objects must be a list"},
		{"name: x\nobjects: [Account]\n", "item 1 of objects"},
		{"name: x\nobjects:\n  - name: Account\n  - name: account\n",
			"line 4: object account is listed twice"},
		{"- a\n", "a template is a mapping"},
		{ONE("batchSize: 201"), "batchSize must be a whole number from 1 to 200"},
		{ONE("batchSize: many"), "batchSize must be a whole number"},
		{ONE("limit: 0"), "limit must be a whole number from 1"},
		{ONE("insert: yes"), "insert must be true or false"},
		{ONE("nulls: both"), "nulls must be ignore or write"},
		{ONE("missingParents: later"), "missingParents must be wait, blank or fail"},
		{ONE("missingParents: {ParentId: later}"), "missingParents of 'ParentId' must be"},
		{ONE("missingParents: {'a b': wait}"), "missingParents of 'a b' must be"},
		{ONE("nulls: {Fax: both}"), "nulls of 'Fax' must be ignore or write"},
		{ONE("nulls: {'a b': write}"), "nulls of 'a b' must be"},
		{ONE("mode: match-only"), "needs a match key"},
		{ONE("insert: false\n    update: false"), "neither insert nor update"},
		{ONE("match: {externalId: A, id: true}"), "match must be"},
		{ONE("match: {}"), "match must be"},
		{ONE("match: {id: false}"), "match must be"},
		{ONE("match: {keys: []}"), "match must be"},
		{ONE("match: externalId"), "match must be"},
		{ONE("match: {externalID: A}"), "did you mean 'externalId'?"},
		{ONE("fields: {include: []}"), "fields.include of object Account is empty"},
		{ONE("fields: {include: [Name, name]}"), "names name twice"},
		{ONE("fields: {exclude: [\"*\"]}"), "item 1 of exclude is not a field name"},
		{ONE("fields: [Name]"), "fields must be a mapping"},
		{"name: x\norder: [A, B]\nobjects: [{name: A}]\n",
			"line 2: order names B, which is not among the objects"},
		{"name: x\norder: [a]\nobjects: [{name: A}, {name: B}]\n",
			"line 2: order does not name B"},
		{"name: x\norder: [A, a]\nobjects: [{name: A}]\n", "order names a twice"},
		{"name: x\norder: A\nobjects: [{name: A}]\n", "order must be a list"},
		{ONE("map: {A: 'B C'}"), "must be a field name"},
		{ONE("target: 'a b'"), "target must be the API name"},
		{ONE("mask: hash"), "line 4: mask must be a mapping from fields to styles"},
		{ONE("mask: {Email: hide}"), "line 4: mask of 'Email' must be hash, keep-last-N"},
		{ONE("mask: {Email: keep-last-0}"), "must be hash"},
		{ONE("mask: {Email: keep-last-}"), "must be hash"},
		{ONE("mask: {Email: {replace: [a]}}"), "must be hash"},
		{ONE("mask: {Email: {pattern: 5}}"), "must be hash"},
		{ONE("mask: {Email: {pattern: '#\\'}}"), "must be hash"},
		{ONE("mask: {Email: {pattern: a, replace: b}}"), "must be hash"},
		{ONE("mask: {'E mail': hash}"), "mask of 'E mail'"},
		{ONE("values: {A: b}"), "line 4: values of A must be a mapping of 1 to"},
		{ONE("values: {A: {}}"), "values of A must be a mapping"},
		{ONE("values: {A: {b: [c]}}"), "values of A: what 'b' becomes must be a text"},
		{ONE("values: [A]"), "values must be a mapping from fields"},
		{ONE("related: 2"), "related must be a mapping"},
		{ONE("related: {depth: 0}"), "depth must be a whole number from 1 to 100"},
		{ONE("related: {depht: 1}"), "did you mean 'depth'?"},
		{ONE("related: {include: Contact}"), "include must be a list of at most"},
		{ONE("related: {exclude: [a.b.c]}"),
			"item 1 of exclude is not the name of an object or"},
		{ONE("related: {depth: 1}\n    limit: 5"),
			"related of object Account does not go with limit"},
		{ONE("related: {depth: 1}\n    select: related"),
			"has related and select: related"},
		{ONE("select: some"), "select must be all or related"},
		{ONE("excludeParents: [\"*\"]"), "item 1 of excludeParents is not a field name"},
		{ONE("excludeParents: none"), "excludeParents must be all, or a list of lookups"},
		{"name: x\norder: [A]\nobjects: [{name: A, related: {depth: 1}}]\n",
			"order must name every object, but related finds some"},
		{"name: x\nobjects: [{name: A}]\noptions: {skipTransactional: maybe}\n",
			"skipTransactional must be true, false, or a list of objects"},
		{"name: x\nobjects: [{name: A}]\noptions: {skipTransactional: [a.b]}\n",
			"item 1 of skipTransactional is not the name of an object"},
		{ONE("ids: Ref__c"), "line 4: ids must be a list of"},
		{ONE("ids: ['Ref c']"), "ids"},
		{ONE("ids: [A__c, a__c]"), "ids names a__c twice"},
		{ONE("missingParents: keep"), "missingParents must be wait, blank or fail"},
		{ONE("api: soap"), "api must be auto or rest or bulk"},
		{"name: x\nobjects: [{name: A}]\noptions: {deltaSync: yes please}\n",
			"deltaSync must be true or false"},
		{"name: x\nobjects: [{name: A}]\noptions: {deltaOverlapMinutes: -1}\n",
			"deltaOverlapMinutes must be a whole number"},
		{"name: x\nobjects: [{name: A}]\noptions: {lanes: 0}\n",
			"lanes must be a whole number"},
		{"name: x\nobjects: [{name: A}]\nrecordTypes: id\n",
			"recordTypes is not supported yet"},
		{"name: x\nobjects: [{name: A}]\nfiles: {verify: twice}\n",
			"verify must be true or false"},
		{"name: x\nobjects: [{name: A}]\nusers: [a]\n", "users must be a mapping"},
		{"name: x\nobjects: [{name: A}]\nusers: {falback: a@b.c}\n",
			"did you mean 'fallback'?"},
		{"name: x\nobjects: [{name: A}]\nusers: {match: [name]}\n",
			"match must be a list of username, federationId and email"},
		{"name: x\nobjects: [{name: A}]\nusers: {map: {a: 1}}\n",
			"map: 'a' must be mapped to a username"},
		{"name: x\nobjects: [{name: A}]\nusers: {map: [a]}\n", "map must be a mapping"},
		{HOOKS("{at: afterRun, hook: h}"), "hooks must be a list of at most 20"},
		{HOOKS("[h]"), "item 1 of hooks must be a mapping"},
		{HOOKS("[{hook: h}]"), "item 1 of hooks needs at: beforeRun"},
		{HOOKS("[{at: afterRun}]"), "item 1 of hooks needs hook: the name of one"},
		{HOOKS("[{at: afterRun, hook: 'a b'}]"), "item 1 of hooks needs hook: the name"},
		{HOOKS("[{at: afterwards, hook: h}]"),
			"line 3: at must be beforeRun or afterObject or afterRun"},
		{HOOKS("[{at: afterRun, hook: h, onError: abort}]"),
			"onError of a hook at afterRun must be continue: the run has ended by "
			"then"},
		{HOOKS("[{at: afterRun, hook: h, timeoutSeconds: 0}]"),
			"timeoutSeconds must be a whole number from 1 to 60"},
		{HOOKS("[{at: afterRun, hook: h, attempts: 21}]"),
			"attempts must be a whole number from 1 to 20"},
		{HOOKS("[{at: afterRun, hook: h, url: 'https://a.b'}]"),
			"unknown key 'url' in a hook"},
		{ONE("hooks: maybe"), "hooks must be true or false"},
		{ONE("transform: {fields: [Name]}"), "transform of object Account needs hook"},
		{ONE("transform: {hook: h}"), "transform of object Account needs fields"},
		{ONE("transform: {hook: h, fields: ['*']}"), "line 4"},
		{ONE("transform: {hook: h, fields: [A], at: afterRun}"),
			"at must be afterRetrieval or afterMasking"},
		{ONE("transform: {hook: h, fields: [A], timeoutSeconds: 61}"),
			"timeoutSeconds must be a whole number from 1 to 60"},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++)
		assert_refused(cases[i][0], cases[i][1]);
}

static void nearest(void **state)
{
	static const char *const names[] = {"Name", "BillingCity", "Phone"};

	(void)state;
	assert_string_equal(osy_nearest("nmae", names, 3), "Name");
	assert_string_equal(osy_nearest("BilingCity", names, 3), "BillingCity");
	assert_null(osy_nearest("Zzzzzzzz", names, 3));
	assert_null(osy_nearest("x", names, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(everything),
		cmocka_unit_test(rules),
		cmocka_unit_test(users),
		cmocka_unit_test(related),
		cmocka_unit_test(hooks),
		cmocka_unit_test(users_file),
		cmocka_unit_test(users_file_refusals),
		cmocka_unit_test(users_file_bounds),
		cmocka_unit_test(ids),
		cmocka_unit_test(refusals),
		cmocka_unit_test(nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
