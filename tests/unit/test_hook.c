/* coordinator: hooks: what is sent, what an answer means, what is refused */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "hook.h"
#include "osy/json.h"
#include "publish_hook.h"

static void set(struct osy_secret *secret, const char *text)
{
	osy_secret_set(secret, text, strlen(text));
}

/* The example of the specification's reference libraries. */
static void signature(void **state)
{
	OSY_AUTO(osy_secret_done) struct osy_secret secret = {0};
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1024);

	(void)state;
	set(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
	osy_hook_sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
		OSY_STR("{\"test\": 2432232314}"), &out);
	assert_string_equal(out.p, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void answers(void **state)
{
	static const struct {
		int status;
		enum osy_hook_verdict verdict;
	} cases[] = {{200, OSY_HOOK_DELIVERED}, {204, OSY_HOOK_DELIVERED}, {302, OSY_HOOK_REFUSED},
		{304, OSY_HOOK_REFUSED}, {400, OSY_HOOK_REFUSED}, {403, OSY_HOOK_REFUSED},
		{408, OSY_HOOK_AGAIN}, {410, OSY_HOOK_REFUSED}, {425, OSY_HOOK_AGAIN},
		{429, OSY_HOOK_AGAIN}, {500, OSY_HOOK_AGAIN}, {503, OSY_HOOK_AGAIN}};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf note = OSY_BUF(1024);
		struct osy_http_reply reply = {.status = cases[i].status};
		if (osy_hook_judge(&reply, &note) != cases[i].verdict)
			fail_msg("%d", cases[i].status);
		assert_int_equal(note.len > 0, cases[i].verdict != OSY_HOOK_DELIVERED);
	}
	OSY_AUTO(osy_buf_done) struct osy_buf note = OSY_BUF(1024);
	struct osy_http_reply reply = {.code = OSY_E_TIMEOUT, .status = 200};
	assert_int_equal(osy_hook_judge(&reply, &note), OSY_HOOK_AGAIN);
}

static void assert_checked(const char *url, const char *secret, bool plain, const char *want)
{
	OSY_AUTO(osy_hook_done) struct osy_hook hook = {0};
	struct osy_err err = OSY_ERR_NONE;

	set(&hook.url, url);
	set(&hook.secret, secret);
	enum osy_code rc = osy_hook_check(&hook, plain, &err);
	if (rc && (!want || !strstr(err.msg, want)))
		fail_msg("%s %s: %s", url, secret, err.msg);
	if (!rc && want)
		fail_msg("taken: %s %s", url, secret);
}

#define GOOD "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static void refusals(void **state)
{
	static const char *const bad_hosts[] = {"http://hooks.example.com/", "https://10.0.0.1/x",
		"https://2130706433/", "https://0x7f.1/", "https://[::1]/", "https://localhost/",
		"https://intranet", "ftp://hooks.example.com", "hooks.example.com", "",
		"https://u:p@hooks.example.com/", "https://hooks.example.com:0/", "https:///x",
		"http://127.0.0.1/"};

	(void)state;
	assert_checked("https://hooks.example.com", GOOD, false, NULL);
	assert_checked("https://hooks.example.com:8443/a/b?code=x%20y&z", GOOD, false, NULL);
	assert_checked("http://127.0.0.1:80/x", GOOD, true, NULL);
	assert_checked("http://example.com/x", GOOD, true, "must be https://");
	for (size_t i = 0; i < OSY_COUNT(bad_hosts); i++)
		assert_checked(bad_hosts[i], GOOD, false, "must be https:// and name a host");
	assert_checked("https://hooks.example.com/a b", GOOD, false, "no fragment, blank");
	assert_checked("https://hooks.example.com/#a", GOOD, false, "no fragment, blank");
	assert_checked("https://hooks.example.com/\r\nX: y", GOOD, false, "no fragment, blank");
	assert_checked("https://hooks.example.com/", "", false, "must be whsec_");
	assert_checked("https://hooks.example.com/", "whsec_", false, "must be whsec_");
	assert_checked("https://hooks.example.com/", "whsec_dG9vIHNob3J0", false, "24 to 64 bytes");
	assert_checked("https://hooks.example.com/", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", false,
		"must be whsec_");
	assert_checked("https://hooks.example.com/", GOOD "!", false, "must be whsec_");
	assert_true(osy_hook_is_name(OSY_STR("a.b-c_9")));
	assert_false(osy_hook_is_name(OSY_STR("")) || osy_hook_is_name(OSY_STR("a b")) ||
		     osy_hook_is_name(OSY_STR("-a")) || osy_hook_is_name(OSY_STR("a\n")));
}

/* ---- Hooks that change records ---- */
static const struct osy_spec_rule late_rule = {.expression = "X", .source_type = OSY_T_STRING};
static const struct osy_spec_field fields[] = {
	{.name = "Name", .target = "Title__c", .type = OSY_T_STRING},
	{.name = "AccountId", .target = "AccountId", .type = OSY_T_REFERENCE},
	{.name = "Size__c", .target = "Size__c", .type = OSY_T_DOUBLE},
	{.name = "Open__c", .target = "Open__c", .type = OSY_T_BOOLEAN},
	{.name = "=Sum__c", .target = "Sum__c", .type = OSY_T_STRING, .rule = &late_rule},
};
static const int seen[] = {0, 2, 3, 4};
static const struct osy_spec_hook spec = {
	.name = "clean", .timeout_ms = 1000, .fields = seen, .field_count = OSY_COUNT(seen)};
static const struct osy_spec_object object = {.name = "Thing__c",
	.target = "Other__c",
	.fields = fields,
	.field_count = OSY_COUNT(fields),
	.hook = &spec};

static struct publish_hook *two_rows(struct osy_drive *drive)
{
	const struct osy_str values[] = {OSY_STR("\"a \\\"b\\\"\""),
		OSY_STR("\"001000000000001AAA\""), OSY_STR("1234567.10"), OSY_STR("true"),
		OSY_STR("!no number")};
	const struct osy_str none[] = {
		OSY_STR_NULL, OSY_STR_NULL, OSY_STR("null"), OSY_STR_NULL, OSY_STR("\"s\"")};
	struct publish_hook *hook = publish_hook_new(drive, &object);

	drive->source_name = drive->target_name = (char *)(uintptr_t) "org";
	assert_false(publish_hook_add(hook, OSY_STR("\"a00000000000001AAA\""), values));
	assert_false(publish_hook_add(hook, OSY_STR("\"a00000000000002AAA\""), none));
	return hook;
}

static void question(void **state)
{
	struct osy_drive drive = {.run = "r1"};
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
	OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;
	struct osy_err err = OSY_ERR_NONE;
	struct publish_hook *hook = two_rows(&drive);

	(void)state;
	publish_hook_write(hook, "ask-1", &out);
	assert_int_equal(osy_json_parse(osy_buf_str(&out), "a question", &json, &err), OSY_OK);
	assert_non_null(strstr(out.p, "\"type\":\"afterMasking\""));
	assert_non_null(strstr(out.p,
		"\"records\":[{\"Id\":\"a00000000000001AAA\",\"Name\":\"a \\\"b\\\"\",\"Size__c\":"
		"1234567.10,\"Open__c\":true,\"Sum__c\":null},{\"Id\":\"a00000000000002AAA\","
		"\"Name\":null,\"Size__c\":null,\"Open__c\":null,\"Sum__c\":\"s\"}]"));
	assert_null(strstr(out.p, "001000000000001AAA"));
	publish_hook_free(hook);
}

static void assert_value(
	const struct publish_hook *hook, size_t row, size_t field, const char *want)
{
	struct osy_str value = publish_hook_row(hook, row)[1 + field];

	if (want ? !osy_str_is(value, want) : value.p != NULL)
		fail_msg("%.*s, not %s", (int)value.len, value.p ? value.p : "", want);
}

static void good_answers(void **state)
{
	struct osy_drive drive = {.run = "r1"};
	struct osy_err err = OSY_ERR_NONE;
	struct publish_hook *hook = two_rows(&drive);

	(void)state;
	assert_int_equal(publish_hook_take(hook, OSY_STR("{\"records\":[]}"), &err), OSY_OK);
	assert_value(hook, 0, 0, "\"a \\\"b\\\"\"");
	assert_int_equal(
		publish_hook_take(hook,
			OSY_STR("{\"records\":[{\"Id\":\"a00000000000002\",\"Name\":\"x\","
				"\"Size__c\":7.50,\"Open__c\":false},{\"Id\":"
				"\"a00000000000001AAA\",\"Name\":null,\"Sum__c\":\"y\"}]}"),
			&err),
		OSY_OK);
	assert_value(hook, 0, 0, NULL);
	assert_value(hook, 0, 1, "\"001000000000001AAA\"");
	assert_value(hook, 0, 2, "1234567.10");
	assert_value(hook, 0, 4, "!no number"); /* it fails all the same */
	assert_value(hook, 1, 0, "\"x\"");
	assert_value(hook, 1, 2, "7.50");
	assert_value(hook, 1, 3, "false");
	assert_value(hook, 1, 4, "\"s\"");
	publish_hook_reset(hook);
	assert_int_equal(publish_hook_count(hook), 0);
	assert_int_equal(publish_hook_bytes(hook), 0);
	publish_hook_free(hook);
}

static void wrong_answers(void **state)
{
#define ID "\"Id\":\"a00000000000001AAA\""
	static const struct {
		const char *answer, *want;
	} cases[] = {{"", "no JSON"}, {"{\"records\":", "no JSON"}, {"[]", "without a list"},
		{"{\"records\":{}}", "without a list"},
		{"{\"records\":[1]}", "a record that it was not"},
		{"{\"records\":[{\"Name\":\"x\"}]}", "a record that it was not"},
		{"{\"records\":[{\"Id\":\"a00000000000009AAA\"}]}", "a record that it was not"},
		{"{\"records\":[{" ID ",\"Secret\":\"x\"}]}", "a field that it was not"},
		{"{\"records\":[{" ID ",\"AccountId\":\"x\"}]}", "a field that it was not"},
		{"{\"records\":[{" ID ",\"name\":\"x\"}]}", "a field that it was not"},
		{"{\"records\":[{" ID ",\"Name\":1}]}", "field Name a value of another type"},
		{"{\"records\":[{" ID ",\"Name\":{}}]}", "field Name a value of another type"},
		{"{\"records\":[{" ID ",\"Size__c\":\"1\"}]}", "field Size__c a value of another"},
		{"{\"records\":[{" ID ",\"Open__c\":1}]}", "field Open__c a value of another"}};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++) {
		struct osy_drive drive = {.run = "r1"};
		struct osy_err err = OSY_ERR_NONE;
		struct publish_hook *hook = two_rows(&drive);
		if (publish_hook_take(hook, osy_str(cases[i].answer), &err) != OSY_E_UNREACHABLE)
			fail_msg("taken: %s", cases[i].answer);
		if (!strstr(err.msg, cases[i].want))
			fail_msg("%s: %s", cases[i].answer, err.msg);
		assert_null(strstr(err.msg, "Secret"));
		publish_hook_free(hook);
	}
}

/* However many there are: so many are held, and the last one says so. */
static void is_bounded(void **state)
{
	struct osy_drive drive = {.run = "r1"};
	const struct osy_str values[] = {
		OSY_STR("\"x\""), OSY_STR_NULL, OSY_STR_NULL, OSY_STR_NULL, OSY_STR_NULL};
	struct publish_hook *hook = publish_hook_new(&drive, &object);
	size_t rows = 1;

	(void)state;
	while (!publish_hook_add(hook, OSY_STR("\"a00000000000001AAA\""), values))
		rows++;
	assert_int_equal(rows, PUBLISH_HOOK_ROWS);
	publish_hook_reset(hook);
	char *large = malloc(PUBLISH_HOOK_BYTES);
	memset(large, 'x', PUBLISH_HOOK_BYTES);
	const struct osy_str big[] = {{large, PUBLISH_HOOK_BYTES}, OSY_STR_NULL, OSY_STR_NULL,
		OSY_STR_NULL, OSY_STR_NULL};
	assert_true(publish_hook_add(hook, OSY_STR("\"a00000000000001AAA\""), big));
	free(large);
	publish_hook_free(hook);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signature),
		cmocka_unit_test(answers),
		cmocka_unit_test(refusals),
		cmocka_unit_test(question),
		cmocka_unit_test(good_answers),
		cmocka_unit_test(wrong_answers),
		cmocka_unit_test(is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
