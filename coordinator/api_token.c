/* Tokens: 32 random bytes after "osy_"; only their SHA-256 is kept. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api.h"
#include "osy/clock.h"
#include "osy/crypt.h"
#include "osy/mem.h"

static const char *const role_names[] = {"", "viewer", "operator", "admin"};

enum osy_code osy_token_check(struct osy_pg *pg, struct osy_str token, enum osy_role *ret_role,
	char name[128], struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	unsigned char hash[32];

	osy_sha256(token, hash);
	/* The look-up is by the hash, so its timing tells nothing about a token. */
	enum osy_code rc =
		osy_pg_do(pg, &result, err, "SELECT name, role FROM token WHERE hash = $1",
			OSY_PG_BYTES(((struct osy_str){(const char *)hash, sizeof(hash)})));
	if (rc)
		return rc;
	*ret_role = OSY_ROLE_NONE;
	if (!osy_pg_rows(result))
		return OSY_OK;
	struct osy_str text = osy_pg_str(result, 0, 0);
	snprintf(name, 128, "%.*s", (int)text.len, text.p);
	for (size_t i = 1; i < OSY_COUNT(role_names); i++) {
		if (osy_str_is(osy_pg_str(result, 0, 1), role_names[i]))
			*ret_role = (enum osy_role)i;
	}
	return OSY_OK;
}

enum osy_code osy_token_make(struct osy_pg *pg, const char *name, const char *role, char ret_id[40],
	struct osy_buf *ret_token, struct osy_err *err)
{
	unsigned char bytes[32], hash[32];

	osy_random_bytes(bytes, sizeof(bytes));
	osy_new_id("t", ret_id, 40);
	osy_buf_addz(ret_token, "osy_");
	osy_base64_encode((struct osy_str){(const char *)bytes, sizeof(bytes)}, true, ret_token);
	osy_sha256(osy_buf_str(ret_token), hash);
	return osy_pg_do(pg, NULL, err,
		"INSERT INTO token (id, name, role, hash) VALUES ($1, $2, $3, $4)",
		OSY_PG_Z(ret_id), OSY_PG_Z(name), OSY_PG_Z(role),
		OSY_PG_BYTES(((struct osy_str){(const char *)hash, sizeof(hash)})));
}

static enum osy_code write_token_file(const char *path, struct osy_str token, struct osy_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || fchmod(fd, 0600) != 0 ||
		write(fd, token.p, token.len) != (ssize_t)token.len || write(fd, "\n", 1) != 1) {
		int problem = errno;
		if (fd >= 0)
			close(fd);
		errno = problem;
		return osy_fail(err, OSY_E_USAGE, "cannot write the first token to %s: %m", path);
	}
	close(fd);
	return OSY_OK;
}

enum osy_code osy_token_bootstrap(struct osy_pg *pg, const char *path, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf token = OSY_BUF(256);
	char id[40];
	/* Two coordinators that start together: the lock lets one make the token, the other finds
	 * it. */
	enum osy_code rc = osy_pg_begin(pg, err);

	if (rc)
		return rc;
	rc = osy_pg_do(pg, NULL, err, "LOCK TABLE token IN SHARE ROW EXCLUSIVE MODE");
	if (!rc)
		rc = osy_pg_do(pg, &result, err, "SELECT 1 FROM token LIMIT 1");
	if (!rc && !osy_pg_rows(result)) {
		rc = osy_token_make(pg, "bootstrap", "admin", id, &token, err);
		if (!rc)
			rc = write_token_file(path, osy_buf_str(&token), err);
	}
	if (!rc)
		rc = osy_pg_commit(pg, err);
	if (rc)
		osy_pg_rollback(pg);
	return rc;
}
