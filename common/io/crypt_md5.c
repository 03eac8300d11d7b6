#include <openssl/evp.h>
#include <stdlib.h>

#include "osy/crypt.h"
#include "osy/mem.h"

enum { MD5_LEN = 16 };

struct osy_md5 {
	EVP_MD_CTX *ctx;
};

struct osy_md5 *osy_md5_new(void)
{
	struct osy_md5 *md5 = osy_xcalloc(1, sizeof(*md5));

	md5->ctx = EVP_MD_CTX_new();
	if (!md5->ctx || EVP_DigestInit_ex(md5->ctx, EVP_md5(), NULL) != 1)
		OSY_BUG("OpenSSL has no MD5");
	return md5;
}

struct osy_md5 *osy_md5_free(struct osy_md5 *md5)
{
	if (md5) {
		EVP_MD_CTX_free(md5->ctx);
		free(md5);
	}
	return NULL;
}

void osy_md5_add(struct osy_md5 *md5, struct osy_str piece)
{
	if (EVP_DigestUpdate(md5->ctx, piece.p, piece.len) != 1)
		OSY_BUG("OpenSSL cannot go on with an MD5");
}

void osy_md5_hex(struct osy_md5 *md5, char ret[33])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_DigestFinal_ex(md5->ctx, raw, &len) != 1 || len != MD5_LEN)
		OSY_BUG("OpenSSL cannot end an MD5");
	for (unsigned i = 0; i < len; i++) {
		ret[2 * i] = digits[raw[i] >> 4];
		ret[2 * i + 1] = digits[raw[i] & 15];
	}
	ret[2 * len] = 0;
}
