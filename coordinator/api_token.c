/* Tokens: 32 random bytes after "osy_"; only their SHA-256 is kept. /tokens */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api.h"
#include "osy/clock.h"
#include "osy/crypt.h"
#include "osy/mem.h"

#define RIGHTS_BYTES 1024

static const char *const role_names[] = {"", "viewer", "operator", "admin"};

/* ---- Rights ---- */
static const struct right {
	enum osy_role right;
	const char *name, *what;
} rights[] = {
#define X(symbol, name, what) {OSY_RIGHT_##symbol, name, what},
	OSY_RIGHTS(X)
#undef X
};

#define BIT(right) (1u << (right))

static uint32_t all_rights(void)
{
	uint32_t all = 0;

	for (size_t i = 0; i < OSY_COUNT(rights); i++)
		all |= BIT(rights[i].right);
	return all;
}

static uint32_t right_named(struct osy_str name)
{
	for (size_t i = 0; i < OSY_COUNT(rights); i++) {
		if (osy_str_is(name, rights[i].name))
			return BIT(rights[i].right);
	}
	return 0;
}

/* "start,abort"; a name that is not known here gives nothing. */
static uint32_t rights_read(struct osy_str text)
{
	uint32_t bits = 0;

	while (text.len) {
		const char *comma = memchr(text.p, ',', text.len);
		struct osy_str name = {text.p, comma ? (size_t)(comma - text.p) : text.len};
		bits |= right_named(name);
		text.p += name.len + (comma != NULL);
		text.len -= name.len + (comma != NULL);
	}
	return bits;
}

static void rights_list(uint32_t bits, const char *separator, struct osy_buf *out)
{
	for (size_t i = 0; i < OSY_COUNT(rights); i++) {
		if (bits & BIT(rights[i].right))
			osy_buf_addf(out, "%s%s", out->len ? separator : "", rights[i].name);
	}
}

bool osy_call_may(const struct osy_call *call, enum osy_role needs)
{
	const struct osy_caller *caller = &call->caller;

	if (needs <= OSY_ROLE_VIEWER || caller->role == OSY_ROLE_ADMIN)
		return caller->role >= needs || caller->role == OSY_ROLE_ADMIN;
	if (caller->role != OSY_ROLE_OPERATOR || needs == OSY_ROLE_ADMIN)
		return false;
	return needs == OSY_ROLE_OPERATOR ? caller->rights == all_rights()
					  : (caller->rights & BIT(needs)) != 0;
}

enum osy_code osy_call_needs(const struct osy_call *call, enum osy_role needs, struct osy_err *err)
{
	if (osy_call_may(call, needs))
		return OSY_OK;
	for (size_t i = 0; i < OSY_COUNT(rights); i++) {
		if (rights[i].right == needs && call->caller.role == OSY_ROLE_OPERATOR)
			return osy_fail(err, OSY_E_FORBIDDEN,
				"token %s has not the right '%s' (%s); an admin makes one that has "
				"it",
				call->caller.token, rights[i].name, rights[i].what);
	}
	return osy_fail(err, OSY_E_FORBIDDEN, "the role of token %s is not enough for this call",
		call->caller.token);
}

/* ---- Tokens ---- */
enum osy_code osy_token_check(
	struct osy_pg *pg, struct osy_str token, struct osy_caller *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	unsigned char hash[32];

	osy_sha256(token, hash);
	/* The look-up is by the hash, so its timing tells nothing about a token. */
	enum osy_code rc = osy_pg_do(pg, &result, err,
		"WITH used AS (UPDATE token SET last_used_at = now() WHERE hash = $1 AND "
		"revoked_at IS NULL AND (last_used_at IS NULL OR last_used_at < now() - interval "
		"'1 minute')) SELECT name, role, rights FROM token WHERE hash = $1 AND revoked_at "
		"IS NULL",
		OSY_PG_BYTES(((struct osy_str){(const char *)hash, sizeof(hash)})));
	if (rc)
		return rc;
	*ret = (struct osy_caller){.role = OSY_ROLE_NONE};
	if (!osy_pg_rows(result))
		return OSY_OK;
	struct osy_str text = osy_pg_str(result, 0, 0);
	snprintf(ret->token, sizeof(ret->token), "%.*s", (int)text.len, text.p);
	for (size_t i = 1; i < OSY_COUNT(role_names); i++) {
		if (osy_str_is(osy_pg_str(result, 0, 1), role_names[i]))
			ret->role = (enum osy_role)i;
	}
	ret->rights =
		osy_pg_is_null(result, 0, 2) ? all_rights() : rights_read(osy_pg_str(result, 0, 2));
	return OSY_OK;
}

/* Makes one and stores its hash; rights 0: all of the role. ret_token gets its text (once). */
static enum osy_code make(struct osy_pg *pg, const char *name, const char *role, uint32_t bits,
	char ret_id[40], struct osy_buf *ret_token, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf list = OSY_BUF(RIGHTS_BYTES);
	unsigned char bytes[32], hash[32];

	rights_list(bits, ",", &list);
	osy_random_bytes(bytes, sizeof(bytes));
	osy_new_id("t", ret_id, 40);
	osy_buf_addz(ret_token, "osy_");
	osy_base64_encode((struct osy_str){(const char *)bytes, sizeof(bytes)}, true, ret_token);
	osy_sha256(osy_buf_str(ret_token), hash);
	return osy_pg_do(pg, NULL, err,
		"INSERT INTO token (id, name, role, hash, rights) VALUES ($1, $2, $3, $4, $5)",
		OSY_PG_Z(ret_id), OSY_PG_Z(name), OSY_PG_Z(role),
		OSY_PG_BYTES(((struct osy_str){(const char *)hash, sizeof(hash)})),
		bits ? OSY_PG_Z(list.p) : OSY_PG_NULL);
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
		rc = osy_pg_do(
			pg, &result, err, "SELECT 1 FROM token WHERE revoked_at IS NULL LIMIT 1");
	if (!rc && !osy_pg_rows(result)) {
		rc = make(pg, "bootstrap", "admin", 0, id, &token, err);
		if (!rc)
			rc = write_token_file(path, osy_buf_str(&token), err);
	}
	if (!rc)
		rc = osy_pg_commit(pg, err);
	if (rc)
		osy_pg_rollback(pg);
	return rc;
}

/* ---- /tokens ---- */
static void put_rights(struct osy_json_writer *w, uint32_t bits)
{
	osy_jw_key(w, "rights");
	if (!bits) {
		osy_jw_null(w);
		return;
	}
	osy_jw_array(w);
	for (size_t i = 0; i < OSY_COUNT(rights); i++) {
		if (bits & BIT(rights[i].right))
			osy_jw_str(w, osy_str(rights[i].name));
	}
	osy_jw_array_end(w);
}

static enum osy_code list(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	enum osy_code rc = osy_pg_do(call->pg, &result, err,
		"SELECT id, name, role, created_at, last_used_at, revoked_at, rights FROM token "
		"ORDER BY created_at");

	if (rc)
		return rc;
	osy_api_items(&w);
	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		osy_jw_object(&w);
		osy_api_put_text(&w, "id", result, i, 0);
		osy_api_put_text(&w, "name", result, i, 1);
		osy_api_put_text(&w, "role", result, i, 2);
		osy_api_put_time(&w, "createdAt", result, i, 3);
		osy_api_put_time(&w, "lastUsedAt", result, i, 4);
		osy_api_put_time(&w, "revokedAt", result, i, 5);
		put_rights(&w, rights_read(osy_pg_str(result, i, 6)));
		osy_jw_object_end(&w);
	}
	osy_api_items_end(&w, NULL);
	return OSY_OK;
}

static enum osy_code refuse_right(struct osy_str name, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf all = OSY_BUF(RIGHTS_BYTES);

	rights_list(all_rights(), ", ", &all);
	return osy_fail(err, OSY_E_INVALID, "there is no right \"%.*s\"; there are: %s",
		(int)(name.len < 40 ? name.len : 40), name.p ? name.p : "", all.p);
}

/* "rights": a list of names, without which an operator has all. */
static enum osy_code read_rights(
	const struct osy_json *body, const char *role, uint32_t *ret, struct osy_err *err)
{
	const struct osy_json *list = osy_json_get(body, "rights");

	*ret = 0;
	if (osy_json_type(list) == OSY_JSON_NULL)
		return OSY_OK;
	if (osy_json_type(list) != OSY_JSON_ARRAY || !osy_json_count(list))
		return osy_fail(err, OSY_E_INVALID, "\"rights\" must be a list of names");
	if (strcmp(role, "operator") != 0)
		return osy_fail(err, OSY_E_INVALID,
			"only an operator has rights of its own; a viewer has none, an admin all");
	for (size_t i = 0; i < osy_json_count(list); i++) {
		struct osy_str name = osy_json_str(osy_json_at(list, i));
		uint32_t bit = right_named(name);
		if (!bit)
			return refuse_right(name, err);
		*ret |= bit;
	}
	return OSY_OK;
}

static enum osy_code check_new(const char *name, const char *role, struct osy_err *err)
{
	if (strcmp(role, "viewer") != 0 && strcmp(role, "operator") != 0 &&
		strcmp(role, "admin") != 0)
		return osy_fail(err, OSY_E_INVALID, "role must be viewer, operator or admin");
	if (strlen(name) > 100)
		return osy_fail(err, OSY_E_INVALID, "a token's name has at most 100 characters");
	return OSY_OK;
}

static enum osy_code add(struct osy_call *call, struct osy_err *err)
{
	static const char *const members[] = {"name", "role", "rights", NULL};
	OSY_AUTO(osy_json_free_at) struct osy_json *body = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf token = OSY_BUF(256);
	const char *name = NULL, *role = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	uint32_t bits = 0;
	char id[40];
	enum osy_code rc = osy_call_json(call, members, &body, err);

	if (!rc)
		rc = osy_call_text(body, "name", &name, err);
	if (!rc)
		rc = osy_call_text(body, "role", &role, err);
	if (!rc)
		rc = check_new(name, role, err);
	if (!rc)
		rc = read_rights(body, role, &bits, err);
	if (!rc)
		rc = make(call->pg, name, role, bits, id, &token, err);
	if (rc)
		return rc;
	osy_call_audit(call, "token.add", name);
	call->status = 201;
	osy_jw_object(&w);
	osy_jw_put_str(&w, "id", osy_str(id));
	osy_jw_put_str(&w, "name", osy_str(name));
	osy_jw_put_str(&w, "role", osy_str(role));
	put_rights(&w, bits);
	osy_jw_put_str(&w, "token", osy_buf_str(&token));
	osy_jw_object_end(&w);
	return OSY_OK;
}

static enum osy_code revoke_token(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(call->pg, &result, err,
		"UPDATE token SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL "
		"RETURNING name",
		OSY_PG_Z(call->params[0]));

	if (rc)
		return rc;
	if (!osy_pg_rows(result))
		return osy_fail(
			err, OSY_E_NOT_FOUND, "there is no token %s that holds", call->params[0]);
	osy_call_audit(call, "token.remove", call->params[0]);
	call->status = 204;
	return OSY_OK;
}

const struct osy_route osy_routes_tokens[] = {
	{"GET", "/tokens", OSY_ROLE_ADMIN, list},
	{"POST", "/tokens", OSY_ROLE_ADMIN, add},
	{"DELETE", "/tokens/{}", OSY_ROLE_ADMIN, revoke_token},
	{NULL, NULL, OSY_ROLE_NONE, NULL},
};
