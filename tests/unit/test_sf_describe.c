#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "osy/mem.h"
#include "osy/sf_describe.h"

static const char small[] =
	"{\"updateable\":true,\"fields\":["
	"{\"name\":\"Id\",\"type\":\"id\",\"nillable\":false,\"defaultedOnCreate\":true,"
	"\"createable\":false},"
	"{\"name\":\"Name\",\"label\":\"N\\u00e4me\",\"type\":\"string\",\"length\":80,"
	"\"createable\":true,"
	"\"updateable\":true,\"nillable\":false,\"defaultedOnCreate\":false,\"compoundFieldName\":"
	"\"Name\"},"
	"{\"name\":\"Amount__c\",\"type\":\"currency\",\"precision\":18,\"scale\":2,\"createable\":"
	"true,\"nillable\":true},"
	"{\"name\":\"OwnerId\",\"type\":\"reference\",\"referenceTo\":[\"Group\",\"User\"],"
	"\"relationshipName\":\"Owner\","
	"\"createable\":true,\"nillable\":false,\"defaultedOnCreate\":true,\"relationshipOrder\":"
	"null},"
	"{\"name\":\"Master__c\",\"type\":\"reference\",\"referenceTo\":[\"Account\"],"
	"\"relationshipName\":\"Master__r\","
	"\"relationshipOrder\":0,\"cascadeDelete\":true,\"polymorphicForeignKey\":false},"
	"{\"name\":\"Stage\",\"type\":\"picklist\",\"picklistValues\":[{\"active\":true,\"value\":"
	"\"a\"},"
	"{\"active\":false,\"value\":\"b\"},{\"value\":\"c\"}],\"restrictedPicklist\":true},"
	"{\"name\":\"Odd\",\"type\":\"neverheardof\",\"scale\":99999999999}"
	"],\"childRelationships\":["
	"{\"cascadeDelete\":true,\"childSObject\":\"Part__c\",\"field\":\"Thing__c\","
	"\"relationshipName\":\"Parts__r\",\"restrictedDelete\":false},"
	"{\"cascadeDelete\":true,\"childSObject\":null,\"field\":\"Thing__c\"},"
	"{\"cascadeDelete\":false,\"childSObject\":\"Line__c\",\"field\":\"Thing__c\","
	"\"relationshipName\":null,\"restrictedDelete\":true},"
	"{\"childSObject\":\"Line__c\",\"field\":\"Other_Thing__c\"}"
	"],\"recordTypeInfos\":["
	"{\"active\":true,\"available\":false,\"developerName\":\"A\",\"master\":false,\"name\":"
	"\"An "
	"A\"},"
	"{\"active\":true,\"available\":true,\"developerName\":\"Master\",\"master\":true}"
	"],\"name\":\"Thing__c\",\"keyPrefix\":\"a01\",\"custom\":true,\"queryable\":true}";

static void reads_a_describe(void **state)
{
	OSY_AUTO(osy_sf_object_free_at) struct osy_sf_object *object = NULL;
	struct osy_err err;

	(void)state;
	assert_int_equal(osy_sf_describe_parse(osy_str(small), &object, &err), OSY_OK);
	assert_string_equal(object->name, "Thing__c");
	assert_string_equal(object->key_prefix, "a01");
	assert_int_equal(object->record_type_count, 1);
	assert_string_equal(object->record_types[0].name, "A");
	assert_true(object->record_types[0].active && !object->record_types[0].available);
	assert_true(object->updateable && object->custom && object->queryable);
	assert_true(object->createable && object->deletable); /* what it leaves out */
	assert_int_equal(object->field_count, 7);
	assert_null(osy_sf_find_field(object, "nope"));
	const struct osy_sf_field *f = osy_sf_find_field(object, "NAME");
	assert_string_equal(f->label, "N\xc3\xa4me");
	assert_true(osy_sf_field_required(f));
	assert_string_equal(f->compound_name, "Name");
	assert_null(f->reference_to[0]);
	assert_null(f->picklist[0]);
	f = osy_sf_find_field(object, "Amount__c");
	assert_int_equal(f->scale, 2);
	assert_int_equal(f->type, OSY_T_CURRENCY);
	assert_int_equal(f->relationship_order, -1);
	assert_null(f->relationship_name);
	f = osy_sf_find_field(object, "OwnerId");
	assert_false(osy_sf_field_required(f));
	assert_true(f->polymorphic);
	assert_int_equal(f->reference_count, 2);
	assert_string_equal(f->reference_to[1], "User");
	assert_int_equal(f->relationship_order, -1);
	f = osy_sf_find_field(object, "Master__c");
	assert_int_equal(f->relationship_order, 0);
	assert_true(f->cascade_delete && !f->polymorphic);
	f = osy_sf_find_field(object, "Stage");
	assert_string_equal(f->picklist[0], "a");
	assert_string_equal(f->picklist[1], "c");
	assert_null(f->picklist[2]);
	f = osy_sf_find_field(object, "Odd");
	assert_int_equal(f->type, OSY_T_OTHER);
	assert_int_equal(f->scale, 0);
}

static void reads_child_relationships(void **state)
{
	OSY_AUTO(osy_sf_object_free_at) struct osy_sf_object *object = NULL, *none = NULL;
	struct osy_err err;

	(void)state;
	assert_int_equal(osy_sf_describe_parse(osy_str(small), &object, &err), OSY_OK);
	assert_int_equal(object->child_count, 3);
	const struct osy_sf_child *child = osy_sf_find_child(object, "part__c", "THING__C");
	assert_string_equal(child->object, "Part__c");
	assert_true(child->cascade_delete && !child->restricted_delete);
	child = osy_sf_find_child(object, "Line__c", "Thing__c");
	assert_true(!child->cascade_delete && child->restricted_delete);
	child = osy_sf_find_child(object, "Line__c", "Other_Thing__c");
	assert_true(!child->cascade_delete && !child->restricted_delete);
	assert_null(osy_sf_find_child(object, "Part__c", "Other_Thing__c"));
	assert_int_equal(osy_sf_describe_parse(OSY_STR("{\"name\":\"A\",\"fields\":[],"
						       "\"childRelationships\":null}"),
				 &none, &err),
		OSY_OK);
	assert_int_equal(none->child_count, 0);
	assert_null(osy_sf_find_child(none, "A", "B"));
}

static void every_cut_is_an_error(void **state)
{
	struct osy_sf_object *object = NULL;
	struct osy_err err;

	(void)state;
	for (size_t n = 0; n < sizeof(small) - 1; n++) {
		OSY_AUTO_FREE char *copy = osy_xstrndup(small, n);
		assert_int_not_equal(
			osy_sf_describe_parse((struct osy_str){copy, n}, &object, &err), OSY_OK);
		assert_null(object);
	}
}

static void what_is_no_describe(void **state)
{
	static const char *const bad[] = {"null", "[]", "{}", "{\"name\":\"X\"}",
		"{\"name\":\"X\",\"fields\":{}}", "{\"name\":\"X\",\"fields\":[{}]}",
		"{\"name\":\"X\",\"fields\":[1]}", "{\"name\":\"\",\"fields\":[]}"};
	struct osy_sf_object *object = NULL;
	struct osy_err err;

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(bad); i++)
		assert_int_equal(
			osy_sf_describe_parse(osy_str(bad[i]), &object, &err), OSY_E_INVALID);
	assert_null(osy_sf_object_free(NULL));
}

static void type_names(void **state)
{
	(void)state;
	for (int t = 0; t <= OSY_T_CATEGORY; t++)
		assert_int_equal(
			osy_sf_type_parse(osy_str(osy_sf_type_name((enum osy_sf_type)t))), t);
	assert_int_equal(osy_sf_type_parse(OSY_STR("")), OSY_T_OTHER);
	assert_int_equal(osy_sf_type_parse(OSY_STR_NULL), OSY_T_OTHER);
}

static char *slurp(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return NULL;
	fseek(f, 0, SEEK_END);
	const size_t size = (size_t)ftell(f);
	rewind(f);
	char *text = osy_xmalloc(size + 1);
	*ret_len = fread(text, 1, size, f);
	fclose(f);
	return text;
}

/* Recorded describes are not part of the project; where they lie beside it they are read too.
 * __FILE__ is tests/unit/... of the project. */
static void fixture(const char *name, char path[512])
{
	snprintf(path, 512, "%.*s/../../../shared/fixtures/%s",
		(int)(strrchr(__FILE__, '/') - __FILE__), __FILE__, name);
}

static void recorded_describes(void **state)
{
	static const struct {
		const char *path, *name, *prefix, *field;
		enum osy_sf_type type;
	} files[] = {
		{"describe/cumulusci/Account.json", "Account", "001", "BillingStreet",
			OSY_T_TEXTAREA},
		{"describe/cumulusci/Contact.json", "Contact", "003", "AccountId", OSY_T_REFERENCE},
		{"describe/cumulusci/Opportunity.json", "Opportunity", "006", "Amount",
			OSY_T_CURRENCY},
		{"describe/cumulusci/Event.json", "Event", "00U", "WhoId", OSY_T_REFERENCE},
		{"describe/amaxa/Task.json", "Task", "00T", "WhatId", OSY_T_REFERENCE},
		{"describe/amaxa/Attachment.json", "Attachment", "00P", "Body", OSY_T_BASE64},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(files); i++) {
		OSY_AUTO(osy_sf_object_free_at) struct osy_sf_object *object = NULL;
		char path[512];
		struct osy_err err;
		size_t len = 0;
		fixture(files[i].path, path);
		OSY_AUTO_FREE char *text = slurp(path, &len);
		assert_non_null(text);
		if (osy_sf_describe_parse((struct osy_str){text, len}, &object, &err))
			fail_msg("%s: %s", path, err.msg);
		assert_string_equal(object->name, files[i].name);
		assert_string_equal(object->key_prefix, files[i].prefix);
		assert_int_equal(osy_sf_find_field(object, files[i].field)->type, files[i].type);
		assert_false(osy_sf_field_required(osy_sf_find_field(object, "OwnerId")));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_describe),
		cmocka_unit_test(reads_child_relationships),
		cmocka_unit_test(every_cut_is_an_error),
		cmocka_unit_test(what_is_no_describe),
		cmocka_unit_test(type_names),
		cmocka_unit_test(recorded_describes),
	};
	char path[512];

	fixture("README.md", path);
	return _cmocka_run_group_tests(
		"describe", tests, OSY_COUNT(tests) - (access(path, R_OK) != 0), NULL, NULL);
}
