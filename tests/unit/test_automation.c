#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs those above */
#include <cmocka.h>
#include <string.h>

#include "automation_internal.h"
#include "osy/json.h"
#include "osy/zip.h"

static enum auto_action decide(
	enum auto_kind kind, enum auto_state state, bool active, int64_t version)
{
	struct auto_switch item = {.kind = kind,
		.state = state,
		.name = "x",
		.version = 2,
		.there = true,
		.active = active,
		.active_version = version};

	return auto_decide(&item);
}

static void back_by_how_it_is(void **state)
{
	struct auto_switch gone = {.kind = AUTO_TRIGGER, .state = AUTO_OFF};

	(void)state;
	assert_int_equal(auto_decide(&gone), AUTO_IS_GONE);
	for (int kind = 0; kind < AUTO_KIND_COUNT; kind++) {
		bool flow = kind == AUTO_FLOW;
		assert_int_equal(decide((enum auto_kind)kind, AUTO_OFF, false, 0), AUTO_DO);
		assert_int_equal(decide((enum auto_kind)kind, AUTO_SENT, false, 0), AUTO_DO);
		assert_int_equal(
			decide((enum auto_kind)kind, AUTO_OFF, true, flow ? 2 : 0), AUTO_IS_BACK);
		/* an answer that never came: what was sent may still take effect */
		assert_int_equal(
			decide((enum auto_kind)kind, AUTO_SENT, true, flow ? 2 : 0), AUTO_DO);
	}
	assert_int_equal(decide(AUTO_FLOW, AUTO_OFF, true, 3), AUTO_IS_THEIRS);
	assert_int_equal(decide(AUTO_FLOW, AUTO_SENT, true, 3), AUTO_IS_THEIRS);
}

static void names_go_there_and_back(void **state)
{
	enum auto_kind kind;
	enum auto_state known;

	(void)state;
	for (int i = 0; i < AUTO_KIND_COUNT; i++) {
		assert_true(auto_kind_parse(osy_str(auto_kind_name((enum auto_kind)i)), &kind));
		assert_int_equal(kind, i);
	}
	for (int i = 0; i < AUTO_STATE_COUNT; i++) {
		assert_true(auto_state_parse(osy_str(auto_state_name((enum auto_state)i)), &known));
		assert_int_equal(known, i);
	}
	assert_false(auto_kind_parse(OSY_STR("trigger"), &kind));
	assert_false(auto_state_parse(OSY_STR("forgotten"), &known));
}

static void reads(enum auto_kind kind, const char *json, bool active, int64_t version)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *record = NULL;
	struct auto_switch item = {.kind = kind, .name = "x"};
	struct osy_err err;

	assert_int_equal(osy_json_parse(osy_str(json), "x", &record, &err), OSY_OK);
	auto_read_json(&item, record);
	assert_true(item.there);
	assert_int_equal(item.active, active);
	assert_int_equal(item.active_version, version);
}

static void how_it_is(void **state)
{
	(void)state;
	reads(AUTO_VALIDATION, "{\"Metadata\":{\"active\":true}}", true, 0);
	reads(AUTO_WORKFLOW, "{\"Metadata\":{\"active\":false}}", false, 0);
	reads(AUTO_FLOW, "{\"Metadata\":{\"activeVersionNumber\":7}}", true, 7);
	reads(AUTO_FLOW, "{\"Metadata\":{\"activeVersionNumber\":0}}", false, 0);
	reads(AUTO_FLOW, "{\"Metadata\":{\"activeVersionNumber\":null}}", false, 0);
	reads(AUTO_TRIGGER, "{\"Status\":\"Active\",\"Metadata\":{\"status\":\"Active\"}}", true,
		0);
	reads(AUTO_TRIGGER, "{\"Status\":\"Inactive\"}", false, 0);
}

static void patches(const struct auto_switch *item, bool on, const char *want)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1u << 20);
	struct osy_err err;

	assert_int_equal(auto_write_patch(item, on, &out, &err), OSY_OK);
	assert_string_equal(out.p, want);
}

static void the_whole_metadata_is_sent(void **state)
{
	struct auto_switch rule = {.kind = AUTO_VALIDATION,
		.name = "x",
		.now = "{\"Id\":\"1\",\"Metadata\":{\"active\":true,\"errorMessage\":\"no\","
		       "\"n\":1.50,\"urls\":null}}"};
	struct auto_switch flow = {.kind = AUTO_FLOW,
		.name = "x",
		.version = 4,
		.now = "{\"Metadata\":{\"activeVersionNumber\":0,\"description\":\"d\"}}"};

	(void)state;
	patches(&rule, false,
		"{\"Metadata\":{\"errorMessage\":\"no\",\"n\":1.50,\"urls\":null,\"active\":false}"
		"}");
	patches(&flow, true, "{\"Metadata\":{\"description\":\"d\",\"activeVersionNumber\":4}}");
	patches(&flow, false, "{\"Metadata\":{\"description\":\"d\",\"activeVersionNumber\":0}}");
}

static void an_edit_is_noticed(void **state)
{
	struct auto_switch rule = {.kind = AUTO_WORKFLOW,
		.name = "x",
		.before = "{\"Metadata\":{\"active\":true,\"formula\":\"a\"}}",
		.now = "{\"Metadata\":{\"active\":false,\"formula\":\"a\"}}"};
	struct auto_switch trigger = {.kind = AUTO_TRIGGER,
		.name = "x",
		.before = "{\"Body\":\"a\",\"Status\":\"Active\"}",
		.now = "{\"Body\":\"a\",\"Status\":\"Inactive\"}"};

	(void)state;
	assert_false(auto_edited(&rule));
	rule.now = "{\"Metadata\":{\"active\":false,\"formula\":\"b\"}}";
	assert_true(auto_edited(&rule));
	assert_false(auto_edited(&trigger));
	trigger.now = "{\"Body\":\"b\",\"Status\":\"Inactive\"}";
	assert_true(auto_edited(&trigger));
}

static void xml_becomes_a_file(void **state)
{
	static const char text[] =
		"<r xmlns=\"u\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"
		"<records xsi:type=\"DuplicateRule\"><fullName>A.b</fullName><t>x &amp; y</t>"
		"<d xsi:nil=\"true\"/><in><fullName>k</fullName></in></records></r>";
	OSY_AUTO(osy_xml_free_at) struct osy_xml *xml = NULL, *again = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1u << 20), part = OSY_BUF(100);
	struct osy_err err;

	(void)state;
	assert_int_equal(osy_xml_parse(osy_str(text), "x", &xml, &err), OSY_OK);
	struct osy_xml_node *node = osy_xml_child(osy_xml_root(xml), "records");
	osy_xml_set_text(osy_xml_child(node, "t"), "a < b");
	assert_int_equal(
		osy_xml_write_as(node, "DuplicateRule", "ns", "fullName", &out, &err), OSY_OK);
	assert_non_null(strstr(out.p, "<t>a &lt; b</t>"));
	assert_non_null(strstr(out.p, "<d xsi:nil=\"true\"/>"));
	assert_null(strstr(out.p, "A.b"));
	assert_int_equal(osy_xml_parse(osy_buf_str(&out), "x", &again, &err), OSY_OK);
	node = osy_xml_child(osy_xml_child(osy_xml_root(again), "in"), "fullName");
	assert_int_equal(osy_xml_text(node, &part, &err), OSY_OK);
	assert_string_equal(part.p, "k");
	assert_null(osy_xml_next(node));
}

static void bad_xml_is_refused(void **state)
{
	static const char *const bad[] = {"", "<a>", "<a></b>",
		"<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>", "text", "<a b=\"c", "<!-- <a></a>",
		"<", "<!", "<?a", "<![CDATA[x]]", "\xfe\xff", "<a>\xff</a>"};
	struct osy_xml *xml = NULL;
	struct osy_err err;

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(bad); i++)
		assert_int_equal(osy_xml_parse(osy_str(bad[i]), "x", &xml, &err), OSY_E_INVALID);
	assert_null(xml);
}

static enum osy_code parse_attributes(int count, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(4096);
	OSY_AUTO(osy_xml_free_at) struct osy_xml *xml = NULL;

	osy_buf_addz(&text, "<?a '?><!-- <a ' --><a><![CDATA[<a \"]]><b c='=>' ");
	for (int i = 1; i < count; i++)
		osy_buf_addf(&text, "d%d=\"'\" ", i);
	osy_buf_addz(&text, "/></a>");
	return osy_xml_parse(osy_buf_str(&text), "x", &xml, err);
}

/* A parser would be busy for hours with a million of them. */
static void attributes_are_bounded(void **state)
{
	struct osy_err err;

	(void)state;
	assert_int_equal(parse_attributes(32, &err), OSY_OK);
	assert_int_equal(parse_attributes(33, &err), OSY_E_INVALID);
	assert_non_null(strstr(err.msg, "at most 32 attributes"));
}

static void a_zip_has_its_files(void **state)
{
	const struct osy_zip_file files[] = {
		{"package.xml", OSY_STR("<Package/>")}, {"triggers/X.trigger", OSY_STR("")}};
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1u << 20), small = OSY_BUF(20);
	struct osy_err err;

	(void)state;
	assert_int_equal(osy_zip_write(files, OSY_COUNT(files), &out, &err), OSY_OK);
	assert_memory_equal(out.p, "PK\3\4", 4);
	assert_non_null(memmem(out.p, out.len, "triggers/X.trigger", 18));
	assert_int_equal(osy_zip_write(files, OSY_COUNT(files), &small, &err), OSY_E_TOO_BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(back_by_how_it_is),
		cmocka_unit_test(names_go_there_and_back),
		cmocka_unit_test(how_it_is),
		cmocka_unit_test(the_whole_metadata_is_sent),
		cmocka_unit_test(an_edit_is_noticed),
		cmocka_unit_test(xml_becomes_a_file),
		cmocka_unit_test(bad_xml_is_refused),
		cmocka_unit_test(attributes_are_bounded),
		cmocka_unit_test(a_zip_has_its_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
