/* Answers of hooks that change records: what is taken is JSON of the field's type, or null; nothing
 * but what was asked about moves. */
#include "osy/json.h"
#include "publish_hook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct osy_spec_field fields[] = {
	{.name = "Name", .target = "Name", .type = OSY_T_STRING},
	{.name = "AccountId", .target = "AccountId", .type = OSY_T_REFERENCE},
	{.name = "Size__c", .target = "Size__c", .type = OSY_T_DOUBLE},
	{.name = "Open__c", .target = "Open__c", .type = OSY_T_BOOLEAN},
};
static const int seen[] = {0, 2, 3};
static const struct osy_spec_hook spec = {
	.name = "h", .timeout_ms = 1000, .fields = seen, .field_count = OSY_COUNT(seen)};
static const struct osy_spec_object object = {.name = "A",
	.target = "A",
	.fields = fields,
	.field_count = OSY_COUNT(fields),
	.hook = &spec};

static void check_value(struct osy_str value, enum osy_json_type type)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;
	struct osy_err err = OSY_ERR_NONE;

	if (!value.p)
		return;
	if (osy_json_parse(value, "a value", &json, &err))
		OSY_BUG("a value that was taken is no JSON: %s", err.msg);
	enum osy_json_type is = osy_json_type(json);
	OSY_ASSERT(is == type || (type == OSY_JSON_NUMBER && is == OSY_JSON_INT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct osy_str ids[] = {
		OSY_STR("\"a00000000000001AAA\""), OSY_STR("\"a00000000000002AAA\"")};
	const struct osy_str values[] = {OSY_STR("\"x\""), OSY_STR("\"001000000000001AAA\""),
		OSY_STR("1.50"), OSY_STR("true")};
	struct osy_drive drive = {.run = "r"};
	struct osy_err err = OSY_ERR_NONE;
	struct publish_hook *hook = publish_hook_new(&drive, &object);

	for (size_t i = 0; i < OSY_COUNT(ids); i++)
		(void)publish_hook_add(hook, ids[i], values);
	if (publish_hook_take(hook, (struct osy_str){(const char *)data, size}, &err))
		OSY_ASSERT(err.msg[0] && osy_utf8_valid(osy_str(err.msg)));
	for (size_t i = 0; i < OSY_COUNT(ids); i++) {
		const struct osy_str *row = publish_hook_row(hook, i);
		OSY_ASSERT(osy_str_equal(row[0], ids[i]) && osy_str_equal(row[2], values[1]));
		check_value(row[1], OSY_JSON_STRING);
		check_value(row[3], OSY_JSON_NUMBER);
		check_value(row[4], OSY_JSON_BOOL);
	}
	publish_hook_free(hook);
	return 0;
}
