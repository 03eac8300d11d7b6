/* common/io/crypt.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "osy/crypt.h"
#include "osy/mem.h"

#define KEY "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define OTHER_KEY "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWc="

static struct osy_err err;

static struct osy_secret secret(const char *text)
{
	struct osy_secret ret = {0};

	osy_secret_set(&ret, text, strlen(text));
	return ret;
}

static void test_seal(void **state)
{
	OSY_AUTO(osy_secret_done) struct osy_secret key = secret(KEY), other = secret(OTHER_KEY);
	OSY_AUTO(osy_secret_done) struct osy_secret opened = {0};
	OSY_AUTO(osy_buf_done) struct osy_buf a = OSY_BUF(1000), b = OSY_BUF(1000);
	struct osy_str plain = OSY_STR("5Aep861!token"), context = OSY_STR("org.00D1");

	(void)state;
	assert_int_equal(osy_seal(&key, context, plain, &a, &err), OSY_OK);
	assert_int_equal(osy_seal(&key, context, plain, &b, &err), OSY_OK);
	assert_int_equal(a.len, plain.len + 29);
	assert_false(osy_str_equal(osy_buf_str(&a), osy_buf_str(&b)));
	assert_int_equal(osy_unseal(&key, context, osy_buf_str(&a), &opened, &err), OSY_OK);
	assert_true(osy_str_equal(osy_secret_open(&opened), plain));
	/* another row, another key, each byte changed, each length */
	assert_int_equal(osy_unseal(&key, OSY_STR("org.00D2"), osy_buf_str(&a), &opened, &err),
		OSY_E_INVALID);
	assert_int_equal(
		osy_unseal(&other, context, osy_buf_str(&a), &opened, &err), OSY_E_INVALID);
	for (size_t i = 0; i < a.len; i++) {
		a.p[i] ^= 4;
		assert_int_equal(
			osy_unseal(&key, context, osy_buf_str(&a), &opened, &err), OSY_E_INVALID);
		a.p[i] ^= 4;
		assert_int_equal(osy_unseal(&key, context, (struct osy_str){a.p, i}, &opened, &err),
			OSY_E_INVALID);
	}
	osy_buf_reset(&a);
	assert_int_equal(osy_seal(&key, OSY_STR(""), OSY_STR(""), &a, &err), OSY_OK);
	assert_int_equal(osy_unseal(&key, OSY_STR(""), osy_buf_str(&a), &opened, &err), OSY_OK);
	assert_int_equal(osy_secret_open(&opened).len, 0);
}

static void test_keys(void **state)
{
	OSY_AUTO(osy_secret_done) struct osy_secret key = secret(KEY), none = {0};
	const char *bad[] = {"", "abc", "MDEyMw==", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYw"};

	(void)state;
	assert_int_equal(osy_key_check(&key, &err), OSY_OK);
	assert_int_equal(osy_key_check(&none, &err), OSY_E_INVALID);
	for (size_t i = 0; i < OSY_COUNT(bad); i++) {
		OSY_AUTO(osy_secret_done) struct osy_secret wrong = secret(bad[i]);

		assert_int_equal(osy_key_check(&wrong, &err), OSY_E_INVALID);
		assert_true(!*bad[i] || !strstr(err.msg, bad[i]));
	}
}

/* By the openssl tool, which is not ours. */
static void test_sign(void **state)
{
	OSY_AUTO(osy_secret_done) struct osy_secret pem = {0}, ec = {0}, locked = {0};
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1000);
	char dir[] = "/tmp/test_crypt.XXXXXX", name[64], line[512];
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(line, sizeof(line),
		"cd %s && openssl genrsa -out k 2048 2>/dev/null && openssl rsa -in k -pubout -out "
		"p 2>/dev/null && "
		"openssl ecparam -name prime256v1 -genkey -noout -out e && "
		"openssl rsa -aes128 -passout pass:x -in k -out l 2>/dev/null && printf 'a.b' > t",
		dir);
	f = popen(line, "r");
	assert_int_equal(pclose(f), 0);
	snprintf(name, sizeof(name), "%s/k", dir);
	assert_int_equal(osy_secret_read(&pem, name, 10000, &err), OSY_OK);
	snprintf(name, sizeof(name), "%s/e", dir);
	assert_int_equal(osy_secret_read(&ec, name, 10000, &err), OSY_OK);
	snprintf(name, sizeof(name), "%s/l", dir);
	assert_int_equal(osy_secret_read(&locked, name, 10000, &err), OSY_OK);

	assert_int_equal(osy_sign_rs256(&pem, OSY_STR("a.b"), &out, &err), OSY_OK);
	assert_int_equal(out.len, 256);
	snprintf(line, sizeof(line),
		"cd %s && cat > s && openssl dgst -sha256 -verify p -signature s t", dir);
	f = popen(line, "w");
	assert_int_equal(fwrite(out.p, 1, out.len, f), out.len);
	assert_int_equal(pclose(f), 0);

	assert_int_equal(osy_sign_rs256(&ec, OSY_STR("a.b"), &out, &err), OSY_E_INVALID);
	assert_int_equal(osy_sign_rs256(&locked, OSY_STR("a.b"), &out, &err), OSY_E_INVALID);
	osy_secret_set(&ec, "nonsense", 8);
	assert_int_equal(osy_sign_rs256(&ec, OSY_STR("a.b"), &out, &err), OSY_E_INVALID);
	osy_secret_done(&ec);
	assert_int_equal(osy_sign_rs256(&ec, OSY_STR("a.b"), &out, &err), OSY_E_INVALID);
	assert_int_equal(out.len, 256);
	snprintf(line, sizeof(line), "rm -r %s", dir);
	f = popen(line, "r");
	assert_int_equal(pclose(f), 0);
}

static void test_digests(void **state)
{
	char hex[65];

	(void)state;
	osy_sha256_hex(OSY_STR("abc"), hex);
	assert_string_equal(
		hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	osy_sha256_hex(OSY_STR_NULL, hex);
	assert_string_equal(
		hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_true(osy_equal_in_constant_time(OSY_STR("abc"), OSY_STR("abc")));
	assert_false(osy_equal_in_constant_time(OSY_STR("abc"), OSY_STR("abd")));
	assert_false(osy_equal_in_constant_time(OSY_STR("abc"), OSY_STR("ab")));
	assert_true(osy_equal_in_constant_time(OSY_STR_NULL, OSY_STR("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_sign),
		cmocka_unit_test(test_digests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
