/*
 * Cryptography by OpenSSL: sealing credentials at rest (AES-256-GCM, random nonce, the row's name
 * as additional data so that a sealed value cannot be moved to another row), RS256 signatures,
 * SHA-256, random tokens.
 */
#ifndef OSY_CRYPT_H
#define OSY_CRYPT_H

#include "osy/secret.h"
#include "osy/str.h"

/* key_base64: 32 bytes in base64. Sealed form: version byte, 12 nonce, ciphertext, 16 tag. */
enum osy_code osy_seal(const struct osy_secret *key_base64, struct osy_str context,
	struct osy_str plain, struct osy_buf *out, struct osy_err *err) OSY_CHECKED;
enum osy_code osy_unseal(const struct osy_secret *key_base64, struct osy_str context,
	struct osy_str sealed, struct osy_secret *ret, struct osy_err *err) OSY_CHECKED;
enum osy_code osy_key_check(const struct osy_secret *key_base64, struct osy_err *err) OSY_CHECKED;
/* RS256 over text with a PEM private key; the raw signature is appended to out. */
enum osy_code osy_sign_rs256(const struct osy_secret *pem, struct osy_str text, struct osy_buf *out,
	struct osy_err *err) OSY_CHECKED;
void osy_sha256(struct osy_str text, unsigned char ret[32]);
void osy_sha256_hex(struct osy_str text, char ret[65]);
/* MD5 of what comes in pieces: what an org calls a file's checksum. */
struct osy_md5;
struct osy_md5 *osy_md5_new(void);
struct osy_md5 *osy_md5_free(struct osy_md5 *md5);
void osy_md5_add(struct osy_md5 *md5, struct osy_str piece);
void osy_md5_hex(struct osy_md5 *md5, char ret[33]); /* once, at the end */
/* HMAC-SHA256 under a key as it is. */
void osy_hmac(struct osy_str key, struct osy_str text, unsigned char ret[32]);
bool osy_equal_in_constant_time(struct osy_str a, struct osy_str b);

/*
 * HMAC-SHA256 under a key of its own for each purpose, derived from the secret key: the same text
 * gives the same 32 bytes wherever the secret key is the same. One thread.
 */
struct osy_mac;
enum osy_code osy_mac_new(const struct osy_secret *key_base64, const char *purpose,
	struct osy_mac **ret, struct osy_err *err) OSY_CHECKED;
struct osy_mac *osy_mac_free(struct osy_mac *mac);
void osy_mac_free_at(struct osy_mac **mac);
void osy_mac(struct osy_mac *mac, struct osy_str text, unsigned char ret[32]);

#endif
