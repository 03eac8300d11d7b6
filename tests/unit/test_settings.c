/* common/base: the settings table */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "osy/mem.h"
#include "osy/settings.h"

static struct osy_settings s;
static struct osy_err err;

static int setup(void **state)
{
	(void)state;
	unsetenv("ORGSYNC_LEASE_MS");
	unsetenv("ORGSYNC_LISTEN");
	unsetenv("ORGSYNC_API_TOKEN");
	osy_settings_init(&s);
	err = OSY_ERR_NONE;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	osy_settings_done(&s);
	osy_settings_done(&s); /* twice is fine */
	return 0;
}

static void defaults(void **state)
{
	(void)state;
	assert_string_equal(s.kafka_brokers, "127.0.0.1:9092");
	assert_int_equal(s.lease_ms, 5000);
	assert_false(s.allow_http_orgs);
	assert_string_equal(s.health_listen, "");
	assert_false(osy_secret_is_set(&s.secret_key));
}

static enum osy_code set(const char *flag, const char *value)
{
	return osy_settings_set(&s, osy_str(flag), osy_str(value), "orgsync.yaml:3", &err);
}

static void order_is_default_file_env_flag(void **state)
{
	const char *argv[] = {"prog", "--lease-ms", "4000", NULL};
	int argc = 3;

	(void)state;
	assert_int_equal(set("lease-ms", "2000"), OSY_OK);
	assert_int_equal(s.lease_ms, 2000);
	setenv("ORGSYNC_LEASE_MS", "", 1); /* counts as not set */
	assert_int_equal(osy_settings_env(&s, OSY_IN_WORKER, &err), OSY_OK);
	assert_int_equal(s.lease_ms, 2000);
	setenv("ORGSYNC_LEASE_MS", "3000", 1);
	assert_int_equal(osy_settings_env(&s, OSY_IN_WORKER, &err), OSY_OK);
	assert_int_equal(s.lease_ms, 3000);
	assert_int_equal(osy_settings_args(&s, OSY_IN_WORKER, &argc, (char **)argv, &err), OSY_OK);
	assert_int_equal(s.lease_ms, 4000);
	assert_int_equal(argc, 1);
	assert_null(argv[1]);
}

static void ranges_and_unknown_keys(void **state)
{
	static const char *const bad[][2] = {{"lease-ms", "999"}, {"lease-ms", "600001"},
		{"lease-ms", ""}, {"lease-ms", "5s"}, {"lease-ms", "99999999999999999999"},
		{"lease_ms", "5000"}, {"no-such", "1"}, {"", ""}, {"allow-http-orgs", "yes"},
		{"log-level", "loud"}, {"log-format", "xml"}};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(bad); i++) {
		assert_int_equal(set(bad[i][0], bad[i][1]), OSY_E_INVALID);
		assert_true(osy_str_starts(osy_str(err.msg), "orgsync.yaml:3: "));
		assert_non_null(strstr(err.msg, bad[i][0]));
	}
	assert_int_equal(s.lease_ms, 5000);
	assert_int_equal(set("lease-ms", "1000"), OSY_OK);
	assert_int_equal(set("lease-ms", "600000"), OSY_OK);
	assert_int_equal(set("log-level", "debug"), OSY_OK);
	assert_string_equal(s.log_level, "debug");
}

static void values_are_bounded(void **state)
{
	static char text[20000];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(
		osy_settings_set(&s, OSY_STR("listen"), (struct osy_str){text, 4097}, "f", &err),
		OSY_E_TOO_BIG);
	assert_int_equal(
		osy_settings_set(&s, OSY_STR("listen"), OSY_STR("a\0b"), "f", &err), OSY_E_INVALID);
	assert_int_equal(osy_settings_set(&s, OSY_STR("secret-key"), (struct osy_str){text, 16385},
				 "f", &err),
		OSY_E_TOO_BIG);
	assert_null(strstr(err.msg, "xxx"));
}

static void env_of_other_programs_is_left_alone(void **state)
{
	(void)state;
	setenv("ORGSYNC_LISTEN", "0.0.0.0:1", 1);
	assert_int_equal(osy_settings_env(&s, OSY_IN_WORKER, &err), OSY_OK);
	assert_string_equal(s.listen, "127.0.0.1:8080");
	assert_int_equal(osy_settings_env(&s, OSY_IN_COORDINATOR, &err), OSY_OK);
	assert_string_equal(s.listen, "0.0.0.0:1");
	setenv("ORGSYNC_LEASE_MS", "1", 1);
	assert_int_equal(osy_settings_env(&s, OSY_IN_WORKER, &err), OSY_E_INVALID);
	assert_non_null(strstr(err.msg, "ORGSYNC_LEASE_MS"));
}

static void args_leave_the_rest(void **state)
{
	const char *argv[] = {"prog", "run", "--allow-http-orgs", "--other", "v", "--listen=a=b",
		"--log-level", "debug", "-x", "--", "--listen", "c", NULL};
	static const char *const left[] = {
		"prog", "run", "--other", "v", "-x", "--", "--listen", "c"};
	int argc = 12;

	(void)state;
	assert_int_equal(
		osy_settings_args(&s, OSY_IN_COORDINATOR, &argc, (char **)argv, &err), OSY_OK);
	assert_int_equal(argc, 8);
	for (int i = 0; i < argc; i++)
		assert_string_equal(argv[i], left[i]);
	assert_null(argv[argc]);
	assert_true(s.allow_http_orgs);
	assert_string_equal(s.listen, "a=b");
	assert_string_equal(s.log_level, "debug");
}

static void args_that_are_wrong(void **state)
{
	const char *missing[] = {"prog", "--listen", NULL};
	const char *empty[] = {"prog", "--listen=", "--allow-http-orgs=false", NULL};
	const char *bad[] = {"prog", "--allow-http-orgs=maybe", NULL};
	const char *foreign[] = {"prog", "--api-url", "x", NULL};
	int argc = 2;

	(void)state;
	assert_int_equal(osy_settings_args(&s, OSY_IN_COORDINATOR, &argc, (char **)missing, &err),
		OSY_E_USAGE);
	argc = 3;
	assert_int_equal(
		osy_settings_args(&s, OSY_IN_COORDINATOR, &argc, (char **)empty, &err), OSY_OK);
	assert_string_equal(s.listen, "");
	argc = 2;
	assert_int_equal(osy_settings_args(&s, OSY_IN_COORDINATOR, &argc, (char **)bad, &err),
		OSY_E_INVALID);
	argc = 3;
	assert_int_equal(
		osy_settings_args(&s, OSY_IN_COORDINATOR, &argc, (char **)foreign, &err), OSY_OK);
	assert_int_equal(argc, 3);
	argc = 0;
	assert_int_equal(osy_settings_args(&s, OSY_IN_CLI, &argc, (char *[]){NULL}, &err), OSY_OK);
}

static void secrets_from_files(void **state)
{
	char path[] = "/tmp/osy-test-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, "tok\n", 4), 4);
	close(fd);
	assert_int_equal(set("api-token-file", path), OSY_OK);
	assert_int_equal(osy_settings_files(&s, &err), OSY_OK);
	assert_string_equal(osy_secret_open(&s.api_token).p, "tok");
	assert_false(osy_secret_is_set(&s.secret_key));
	/* one that is set wins over its file */
	assert_int_equal(set("api-token", "other"), OSY_OK);
	assert_int_equal(osy_settings_files(&s, &err), OSY_OK);
	assert_string_equal(osy_secret_open(&s.api_token).p, "other");
	assert_int_equal(set("api-token", ""), OSY_OK);
	assert_false(osy_secret_is_set(&s.api_token));
	unlink(path);
	assert_int_equal(osy_settings_files(&s, &err), OSY_E_NOT_FOUND);
}

static void help_names_the_programs_rows(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 16);

	(void)state;
	osy_settings_help(OSY_IN_WORKER, &out);
	assert_non_null(strstr(out.p, "  --lease-ms N                "));
	assert_non_null(strstr(out.p, "ORGSYNC_LEASE_MS, default 5000, from 1000 to 600000\n"));
	assert_null(strstr(out.p, "--listen "));
	assert_null(strstr(out.p, "--api-url"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(defaults),
		T(order_is_default_file_env_flag),
		T(ranges_and_unknown_keys),
		T(values_are_bounded),
		T(env_of_other_programs_is_left_alone),
		T(args_leave_the_rest),
		T(args_that_are_wrong),
		T(secrets_from_files),
		T(help_names_the_programs_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
