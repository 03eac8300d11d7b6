#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "osy/crypt.h"
#include "osy/mem.h"

enum { MAC_LEN = 32 };

struct osy_mac {
	EVP_MAC_CTX *ctx;
};

static void wipe_buf(struct osy_buf *buf)
{
	if (buf->cap)
		OPENSSL_cleanse(buf->p, buf->cap);
	osy_buf_done(buf);
}

static EVP_MAC_CTX *keyed(const unsigned char *key, size_t len)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
		OSSL_PARAM_construct_end()};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

	EVP_MAC_free(mac);
	if (!ctx || EVP_MAC_init(ctx, key, len, params) != 1)
		OSY_BUG("OpenSSL has no HMAC-SHA256");
	return ctx;
}

static void finish(EVP_MAC_CTX *ctx, struct osy_str text, unsigned char ret[32])
{
	size_t len = 0;

	if (EVP_MAC_update(ctx, (const unsigned char *)(text.p ? text.p : ""), text.len) != 1 ||
		EVP_MAC_final(ctx, ret, &len, MAC_LEN) != 1 || len != MAC_LEN)
		OSY_BUG("OpenSSL cannot compute an HMAC of %zu bytes", text.len);
}

void osy_hmac(struct osy_str key, struct osy_str text, unsigned char ret[32])
{
	EVP_MAC_CTX *ctx = keyed((const unsigned char *)key.p, key.len);

	finish(ctx, text, ret);
	EVP_MAC_CTX_free(ctx);
}

enum osy_code osy_mac_new(const struct osy_secret *key_base64, const char *purpose,
	struct osy_mac **ret, struct osy_err *err)
{
	OSY_AUTO(wipe_buf) struct osy_buf key = OSY_BUF(1024);
	unsigned char derived[MAC_LEN];
	enum osy_code rc = osy_key_check(key_base64, err);

	if (!rc)
		rc = osy_base64_decode(osy_secret_open(key_base64), &key, err);
	if (rc)
		return rc;
	EVP_MAC_CTX *ctx = keyed((const unsigned char *)key.p, key.len);
	finish(ctx, osy_str(purpose), derived);
	EVP_MAC_CTX_free(ctx);
	*ret = osy_xcalloc(1, sizeof(**ret));
	(*ret)->ctx = keyed(derived, sizeof(derived));
	OPENSSL_cleanse(derived, sizeof(derived));
	return OSY_OK;
}

struct osy_mac *osy_mac_free(struct osy_mac *mac)
{
	if (mac) {
		EVP_MAC_CTX_free(mac->ctx);
		free(mac);
	}
	return NULL;
}

void osy_mac_free_at(struct osy_mac **mac)
{
	*mac = osy_mac_free(*mac);
}

void osy_mac(struct osy_mac *mac, struct osy_str text, unsigned char ret[32])
{
	if (EVP_MAC_init(mac->ctx, NULL, 0, NULL) != 1)
		OSY_BUG("OpenSSL cannot begin an HMAC again");
	finish(mac->ctx, text, ret);
}
