#include <limits.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdio.h>

#include "osy/clock.h"
#include "osy/crypt.h"
#include "osy/mem.h"

/* Sealed: version, nonce, ciphertext, tag. */
enum {
	VERSION = 1,
	KEY_LEN = 32,
	NONCE_LEN = 12,
	TAG_LEN = 16,
	OVERHEAD = 1 + NONCE_LEN + TAG_LEN
};

static void cipher_done(EVP_CIPHER_CTX **ctx)
{
	EVP_CIPHER_CTX_free(*ctx);
}

static void digest_done(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static void pkey_done(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void buf_wipe(struct osy_buf *buf)
{
	if (buf->cap)
		OPENSSL_cleanse(buf->p, buf->cap);
	osy_buf_done(buf);
}

static enum osy_code read_key(
	const struct osy_secret *key_base64, unsigned char ret[KEY_LEN], struct osy_err *err)
{
	OSY_AUTO(buf_wipe) struct osy_buf raw = OSY_BUF(1024);
	struct osy_err ignored;

	if (!osy_secret_is_set(key_base64))
		return osy_fail(err, OSY_E_INVALID,
			"there is no secret key; set ORGSYNC_SECRET_KEY (make one with `openssl "
			"rand -base64 32`)");
	if (osy_base64_decode(osy_secret_open(key_base64), &raw, &ignored) || raw.len != KEY_LEN)
		return osy_fail(err, OSY_E_INVALID,
			"the secret key is not 32 bytes in base64; make one with `openssl rand "
			"-base64 32`");
	memcpy(ret, raw.p, KEY_LEN);
	return OSY_OK;
}

enum osy_code osy_key_check(const struct osy_secret *key_base64, struct osy_err *err)
{
	unsigned char key[KEY_LEN];
	enum osy_code rc = read_key(key_base64, key, err);

	OPENSSL_cleanse(key, sizeof(key));
	return rc;
}

static bool encrypt(const unsigned char *key, struct osy_str context, struct osy_str plain,
	unsigned char *nonce, unsigned char *out, unsigned char *tag)
{
	OSY_AUTO(cipher_done) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;

	return ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
	       EVP_EncryptUpdate(
		       ctx, NULL, &n, (const unsigned char *)context.p, (int)context.len) == 1 &&
	       EVP_EncryptUpdate(ctx, out, &n, (const unsigned char *)plain.p, (int)plain.len) ==
		       1 &&
	       EVP_EncryptFinal_ex(ctx, out + n, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, tag) == 1;
}

enum osy_code osy_seal(const struct osy_secret *key_base64, struct osy_str context,
	struct osy_str plain, struct osy_buf *out, struct osy_err *err)
{
	unsigned char key[KEY_LEN], *room;
	bool ok;
	enum osy_code rc = read_key(key_base64, key, err);

	if (rc)
		return rc;
	OSY_ASSERT(plain.len < INT_MAX - OVERHEAD && context.len < INT_MAX);
	room = (unsigned char *)osy_buf_room(out, plain.len + OVERHEAD);
	room[0] = VERSION;
	osy_random_bytes(room + 1, NONCE_LEN);
	ok = encrypt(key, context, plain, room + 1, room + 1 + NONCE_LEN,
		room + 1 + NONCE_LEN + plain.len);
	OPENSSL_cleanse(key, sizeof(key));
	if (!ok)
		return osy_fail(err, OSY_E_INTERNAL, "OpenSSL cannot encrypt with AES-256-GCM");
	osy_buf_end(out, plain.len + OVERHEAD);
	return OSY_OK;
}

static bool decrypt(const unsigned char *key, struct osy_str context, const unsigned char *sealed,
	size_t len, unsigned char *out)
{
	OSY_AUTO(cipher_done) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const unsigned char *tag = sealed + 1 + NONCE_LEN + len;
	int n = 0;

	return ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, sealed + 1) == 1 &&
	       EVP_DecryptUpdate(
		       ctx, NULL, &n, (const unsigned char *)context.p, (int)context.len) == 1 &&
	       EVP_DecryptUpdate(ctx, out, &n, sealed + 1 + NONCE_LEN, (int)len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, (void *)(uintptr_t)tag) ==
		       1 &&
	       EVP_DecryptFinal_ex(ctx, out + n, &n) == 1;
}

enum osy_code osy_unseal(const struct osy_secret *key_base64, struct osy_str context,
	struct osy_str sealed, struct osy_secret *ret, struct osy_err *err)
{
	OSY_AUTO(buf_wipe) struct osy_buf plain = OSY_BUF(sealed.len + 1);
	unsigned char key[KEY_LEN];
	size_t len;
	bool ok;
	enum osy_code rc;

	if (sealed.len < OVERHEAD || sealed.p[0] != VERSION || sealed.len > INT_MAX)
		return osy_fail(
			err, OSY_E_INVALID, "a sealed value is damaged or of an unknown version");
	rc = read_key(key_base64, key, err);
	if (rc)
		return rc;
	len = sealed.len - OVERHEAD;
	osy_buf_room(&plain, len + 1);
	ok = decrypt(key, context, (const unsigned char *)sealed.p, len, (unsigned char *)plain.p);
	OPENSSL_cleanse(key, sizeof(key));
	if (!ok)
		return osy_fail(err, OSY_E_INVALID,
			"a sealed value does not open: it was sealed with another secret key, or "
			"was changed");
	osy_secret_set(ret, plain.p, len);
	return OSY_OK;
}

/* ---- Signatures ---- */

/* Without this OpenSSL asks the terminal for the passphrase of an encrypted key. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static enum osy_code read_pem(const struct osy_secret *pem, EVP_PKEY **ret, struct osy_err *err)
{
	struct osy_str text = osy_secret_open(pem);
	BIO *bio = text.p ? BIO_new_mem_buf(text.p, (int)text.len) : NULL;
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	if (!key)
		return osy_fail(err, OSY_E_INVALID,
			"the private key cannot be read: it must be PEM, RSA, without a "
			"passphrase");
	if (EVP_PKEY_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_bits(key) < 2048) {
		EVP_PKEY_free(key);
		return osy_fail(
			err, OSY_E_INVALID, "the private key must be RSA of 2048 bits or more");
	}
	*ret = key;
	return OSY_OK;
}

enum osy_code osy_sign_rs256(
	const struct osy_secret *pem, struct osy_str text, struct osy_buf *out, struct osy_err *err)
{
	OSY_AUTO(pkey_done) EVP_PKEY *key = NULL;
	OSY_AUTO(digest_done) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = 0;
	enum osy_code rc = read_pem(pem, &key, err);

	if (rc)
		return rc;
	if (ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
		EVP_DigestSign(ctx, NULL, &len, (const unsigned char *)text.p, text.len) == 1) {
		unsigned char *room = (unsigned char *)osy_buf_room(out, len);

		if (EVP_DigestSign(ctx, room, &len, (const unsigned char *)text.p, text.len) == 1) {
			osy_buf_end(out, len);
			return OSY_OK;
		}
	}
	ERR_clear_error();
	return osy_fail(err, OSY_E_INVALID, "OpenSSL cannot sign with this private key");
}

/* ---- Digests ---- */

void osy_sha256(struct osy_str text, unsigned char ret[32])
{
	SHA256((const unsigned char *)(text.p ? text.p : ""), text.len, ret);
}

void osy_sha256_hex(struct osy_str text, char ret[65])
{
	unsigned char raw[32];

	osy_sha256(text, raw);
	for (size_t i = 0; i < sizeof(raw); i++)
		snprintf(ret + 2 * i, 3, "%02x", raw[i]);
}

bool osy_equal_in_constant_time(struct osy_str a, struct osy_str b)
{
	return a.len == b.len && CRYPTO_memcmp(a.p, b.p, a.len) == 0;
}
