/* common/io/redis*.c against the server of ORGSYNC_REDIS_URL, and a private one on a socket that is
 * killed and frozen. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "osy/clock.h"
#include "osy/mem.h"
#include "osy/redis.h"

static const char *url;
static struct osy_redis *redis;
static struct osy_err err;
static char key_text[64];

#define KEY osy_str(key_text)
#define OK(call)                                                             \
	do {                                                                 \
		enum osy_code osy_rc_ = (call);                              \
		if (osy_rc_)                                                 \
			fail_msg("%s: %s (%s)", #call, err.msg, err.origin); \
	} while (0)
#define CALL(ret, ...)                                                                         \
	osy_redis_call(redis, (const struct osy_str[]){__VA_ARGS__},                           \
		sizeof((const struct osy_str[]){__VA_ARGS__}) / sizeof(struct osy_str), (ret), \
		&err)

static int setup(void **state)
{
	(void)state;
	redis = osy_redis_new(url);
	snprintf(key_text, sizeof(key_text), "test_redis.%d", (int)getpid());
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)!CALL(NULL, OSY_STR("DEL"), KEY);
	redis = osy_redis_free(redis);
	return 0;
}

static void test_values(void **state)
{
	const struct osy_redis_reply *reply;

	(void)state;
	assert_string_equal(osy_redis_run_id(redis), "");
	OK(osy_redis_ensure(redis, &err));
	assert_int_equal(strlen(osy_redis_run_id(redis)), 40);
	OK(CALL(&reply, OSY_STR("SET"), KEY, OSY_STR("a\0\r\nb")));
	assert_true(osy_str_is(osy_redis_str(reply), "OK"));
	OK(CALL(&reply, OSY_STR("GET"), KEY));
	assert_true(osy_str_equal(osy_redis_str(reply), OSY_STR("a\0\r\nb")));
	OK(CALL(&reply, OSY_STR("GET"), OSY_STR("test_redis.nothing")));
	assert_int_equal(osy_redis_type(reply), OSY_REDIS_NIL);
	assert_null(osy_redis_str(reply).p);
	OK(CALL(&reply, OSY_STR("SET"), KEY, OSY_STR("41")));
	OK(CALL(&reply, OSY_STR("GET"), KEY));
	assert_int_equal(osy_redis_i64(reply, 0), 41);
	OK(CALL(&reply, OSY_STR("INCR"), KEY));
	assert_int_equal(osy_redis_type(reply), OSY_REDIS_INT);
	assert_int_equal(osy_redis_i64(reply, 0), 42);
	OK(CALL(&reply, OSY_STR("EVAL"), OSY_STR("return {1,'x',{2,false}}"), OSY_STR("0")));
	assert_int_equal(osy_redis_count(reply), 3);
	assert_true(osy_str_is(osy_redis_str(osy_redis_at(reply, 1)), "x"));
	assert_int_equal(osy_redis_i64(osy_redis_at(osy_redis_at(reply, 2), 0), 0), 2);
	assert_int_equal(osy_redis_type(osy_redis_at(osy_redis_at(reply, 2), 1)), OSY_REDIS_NIL);
}

static void test_errors_are_replies(void **state)
{
	const struct osy_redis_reply *reply;

	(void)state;
	assert_int_equal(CALL(NULL, OSY_STR("EVALSHA"),
				 OSY_STR("ffffffffffffffffffffffffffffffffffffffff"), OSY_STR("0")),
		OSY_E_REDIS);
	assert_string_equal(err.origin, "redis:NOSCRIPT");
	assert_int_equal(CALL(NULL, OSY_STR("NOSUCH"), OSY_STR("my-secret")), OSY_E_REDIS);
	assert_null(strstr(err.msg, "my-secret"));
	osy_redis_cmd(redis, OSY_STR("SET"), KEY, OSY_STR("1"));
	osy_redis_cmd(redis, OSY_STR("HGET"), KEY, OSY_STR("f"));
	osy_redis_cmd(redis, OSY_STR("GET"), KEY);
	OK(osy_redis_next(redis, &reply, &err));
	OK(osy_redis_next(redis, &reply, &err));
	assert_int_equal(osy_redis_type(reply), OSY_REDIS_ERROR);
	assert_true(osy_str_starts(osy_redis_str(reply), "WRONGTYPE"));
	OK(osy_redis_next(redis, &reply, &err));
	assert_int_equal(osy_redis_i64(reply, 0), 1);
}

static void test_pipeline(void **state)
{
	const struct osy_redis_reply *reply;
	int64_t start_us = osy_mono_us();
	char field[16];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		snprintf(field, sizeof(field), "%d", i);
		osy_redis_cmd(redis, OSY_STR("HSET"), KEY, osy_str(field), osy_str(field));
		osy_redis_cmd(redis, OSY_STR("HGET"), KEY, osy_str(field));
	}
	for (int i = 0; i < 20000; i++) {
		OK(osy_redis_next(redis, &reply, &err));
		OK(osy_redis_next(redis, &reply, &err));
		assert_int_equal(osy_redis_i64(reply, -1), i);
	}
	print_message("pipelined: %.2f us a command\n", (double)(osy_mono_us() - start_us) / 40000);
}

/* A connection that was killed fails once; the next call has a new one. */
static void test_reconnect(void **state)
{
	struct osy_redis *other = osy_redis_new(url);
	const struct osy_redis_reply *reply;
	char id[24];

	(void)state;
	OK(CALL(&reply, OSY_STR("CLIENT"), OSY_STR("ID")));
	snprintf(id, sizeof(id), "%ld", (long)osy_redis_i64(reply, 0));
	OK(osy_redis_call(other,
		(const struct osy_str[]){
			OSY_STR("CLIENT"), OSY_STR("KILL"), OSY_STR("ID"), osy_str(id)},
		4, NULL, &err));
	osy_redis_free(other);
	osy_redis_cmd(redis, OSY_STR("PING"));
	osy_redis_cmd(redis, OSY_STR("PING"));
	assert_int_equal(osy_redis_next(redis, &reply, &err), OSY_E_REDIS);
	assert_int_equal(err.cls, OSY_RETRY);
	OK(CALL(&reply, OSY_STR("ECHO"), OSY_STR("hello")));
	assert_true(osy_str_is(osy_redis_str(reply), "hello"));
}

/* ---- A private server ---- */

static char socket_path[64];
static char dir[] = "/tmp/test_redis.XXXXXX";
static char private_url[100];

static pid_t start_private(const char *policy)
{

	pid_t pid = fork();

	snprintf(socket_path, sizeof(socket_path), "%s/s", dir);
	if (pid == 0) {
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket_path,
			"--dir", dir, "--save", "", "--maxmemory-policy", policy, "--requirepass",
			"pa:ss@word", "--logfile", "/dev/null", NULL);
		_exit(1);
	}
	return pid;
}

/* Until it is connected, or the server has refused it. */
static void await_private(void)
{
	for (int i = 0; i < 600 && osy_redis_ensure(redis, &err) != OSY_OK; i++) {
		if (strcmp(err.origin, "redis:policy") == 0 ||
			strcmp(err.origin, "redis:NOAUTH") == 0 ||
			strcmp(err.origin, "redis:WRONGPASS") == 0)
			return;
		usleep(50000);
	}
}

static void stop_private(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* No password by unix:///: a TCP-less server that needs one answers NOAUTH, cleanly. */
static void test_private(void **state)
{
	const struct osy_redis_reply *reply;
	pid_t pid;
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(private_url, sizeof(private_url), "unix://%s/s", dir);
	redis = osy_redis_free(redis);
	redis = osy_redis_new(private_url);
	assert_int_equal(osy_redis_ensure(redis, &err), OSY_E_REDIS);
	pid = start_private("noeviction");
	await_private();
	assert_string_equal(err.origin, "redis:NOAUTH");
	assert_int_equal(CALL(&reply, OSY_STR("PING")), OSY_E_REDIS);
	stop_private(pid);
}

static char tcp_host[32];

/* A port that nobody else uses, of an address of 127.0.0.0/8 that is ours alone. */
static int tcp_port(void)
{
	snprintf(tcp_host, sizeof(tcp_host), "127.%d.%d.%d", 1 + (int)getpid() / 65536 % 254,
		(int)getpid() / 256 % 256, 1 + (int)getpid() % 254);
	return 6379;
}

static pid_t start_tcp(int port, const char *policy)
{
	char port_text[16];
	pid_t pid = fork();

	snprintf(port_text, sizeof(port_text), "%d", port);
	if (pid == 0) {
		execlp("redis-server", "redis-server", "--port", port_text, "--bind", tcp_host,
			"--dir", dir, "--save", "", "--maxmemory-policy", policy, "--requirepass",
			"pa:ss@word", "--logfile", "/dev/null", NULL);
		_exit(1);
	}
	return pid;
}

static void test_restart_freeze_policy(void **state)
{
	const struct osy_redis_reply *reply;
	int port = tcp_port();
	pid_t pid = start_tcp(port, "noeviction");
	char before[64];
	int64_t start_ms;

	(void)state;
	snprintf(private_url, sizeof(private_url), "redis://:pa%%3ass%%40word@%s:%d/3", tcp_host,
		port);
	redis = osy_redis_free(redis);
	redis = osy_redis_new(private_url);
	await_private();
	OK(CALL(&reply, OSY_STR("CLIENT"), OSY_STR("INFO")));
	assert_non_null(strstr(osy_redis_str(reply).p, " db=3 "));
	snprintf(before, sizeof(before), "%s", osy_redis_run_id(redis));

	kill(pid,
		SIGSTOP); /* frozen: the time-out holds, also on a connection that was made anew */
	for (int i = 0; i < 2; i++) {
		start_ms = osy_mono_ms();
		assert_int_equal(CALL(NULL, OSY_STR("PING")), OSY_E_REDIS);
		assert_in_range(osy_mono_ms() - start_ms, 1900, 20000); /* without: for ever */
	}
	kill(pid, SIGCONT);
	OK(CALL(NULL, OSY_STR("PING")));
	assert_string_equal(osy_redis_run_id(redis), before);

	stop_private(pid);
	assert_int_equal(CALL(NULL, OSY_STR("PING")), OSY_E_REDIS);
	pid = start_tcp(port, "noeviction");
	await_private();
	OK(CALL(NULL, OSY_STR("PING")));
	assert_string_not_equal(osy_redis_run_id(redis), before);

	stop_private(pid);
	assert_int_equal(CALL(NULL, OSY_STR("PING")), OSY_E_REDIS);
	pid = start_tcp(port, "allkeys-lru");
	await_private();
	assert_int_equal(osy_redis_ensure(redis, &err), OSY_E_REDIS);
	assert_string_equal(err.origin, "redis:policy");
	stop_private(pid);

	redis = osy_redis_free(redis);
	snprintf(private_url, sizeof(private_url), "redis://:wr0ng@%s:%d", tcp_host, port);
	pid = start_tcp(port, "noeviction");
	redis = osy_redis_new(private_url);
	await_private();
	assert_int_equal(osy_redis_ensure(redis, &err), OSY_E_REDIS);
	assert_string_equal(err.origin, "redis:WRONGPASS");
	assert_null(strstr(err.msg, "wr0ng"));
	stop_private(pid);
	unlink(socket_path);
	rmdir(dir);
}

static void test_urls(void **state)
{
	const char *bad[] = {"", "http://x", "rediss://:pa55@x", "redis://", "redis://:pa55@:1/",
		"redis://h:99999", "redis://h:6379/x", "unix://rel", "redis://:pa55@[::1"};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(bad); i++) {
		redis = osy_redis_free(redis);
		redis = osy_redis_new(bad[i]);
		assert_int_equal(osy_redis_ensure(redis, &err), OSY_E_INVALID);
		assert_null(strstr(err.msg, "pa55"));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_values),
		TEST(test_errors_are_replies),
		TEST(test_pipeline),
		TEST(test_reconnect),
		TEST(test_urls),
		TEST(test_private),
		TEST(test_restart_freeze_policy),
	};

	url = getenv("ORGSYNC_REDIS_URL");
	if (!url || !*url) {
		fprintf(stderr,
			"test_redis: ORGSYNC_REDIS_URL is not set: run it by tests/run, or after "
			"`tests/stack up` and `eval \"$(tests/stack env)\"`\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
