#include "osy/org_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/crypt.h"
#include "osy/mem.h"

static void context_of(const char *name, struct osy_buf *out)
{
	osy_buf_addf(out, "org:%s", name);
}

static char *take(struct osy_str text)
{
	return text.p ? osy_xstrndup(text.p, text.len) : NULL;
}

static enum osy_code unseal_into(const struct osy_secret *key, const char *name,
	struct osy_str sealed, struct osy_org_login *login, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf context = OSY_BUF(1024);
	OSY_AUTO(osy_secret_done) struct osy_secret plain = {0};

	context_of(name, &context);
	enum osy_code rc = osy_unseal(key, osy_buf_str(&context), sealed, &plain, err);
	if (rc)
		return osy_err_prefix(err, "the credentials of org %s cannot be opened", name);
	return osy_org_login_read_secrets(login, osy_secret_open(&plain), err);
}

enum osy_code osy_org_store_login(struct osy_pg *pg, const struct osy_secret *key, const char *name,
	struct osy_org_login *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(pg, &result, err,
		"SELECT instance_url, login_url, auth, client_id, username, secrets FROM org WHERE "
		"name = $1",
		OSY_PG_Z(name));

	if (rc)
		return rc;
	if (!osy_pg_rows(result))
		return osy_fail(err, OSY_E_NOT_FOUND,
			"there is no org named %s; `orgsync org list` shows those there are", name);
	ret->instance_url = take(osy_pg_str(result, 0, 0));
	ret->login_url = take(osy_pg_str(result, 0, 1));
	ret->client_id = take(osy_pg_str(result, 0, 3));
	ret->username = take(osy_pg_str(result, 0, 4));
	if (!osy_auth_parse(osy_pg_str(result, 0, 2), &ret->auth))
		return osy_fail(err, OSY_E_INTERNAL,
			"org %s has a kind of login that is not known here", name);
	return unseal_into(key, name, osy_pg_str(result, 0, 5), ret, err);
}

enum osy_code osy_org_store_open(struct osy_pg *pg, const struct osy_secret *key, const char *name,
	struct osy_http *http, bool allow_http, struct osy_org **ret, struct osy_err *err)
{
	OSY_AUTO(osy_org_login_done) struct osy_org_login login = {0};
	enum osy_code rc = osy_org_store_login(pg, key, name, &login, err);

	if (!rc)
		rc = osy_org_login_check(&login, allow_http, err);
	if (!rc)
		*ret = osy_org_new(http, name, &login, allow_http);
	return rc;
}

enum osy_code osy_org_store_put(struct osy_pg *pg, const struct osy_secret *key, const char *name,
	const struct osy_org_login *login, const struct osy_org_identity *identity,
	struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf context = OSY_BUF(1024);
	OSY_AUTO(osy_buf_done) struct osy_buf plain = OSY_BUF(256 * 1024);
	OSY_AUTO(osy_buf_done) struct osy_buf sealed = OSY_BUF(256 * 1024);

	context_of(name, &context);
	osy_org_login_write_secrets(login, &plain);
	enum osy_code rc = osy_seal(key, osy_buf_str(&context), osy_buf_str(&plain), &sealed, err);
	explicit_bzero(plain.p, plain.len);
	if (rc)
		return rc;
	return osy_pg_do(pg, NULL, err,
		"INSERT INTO org (name, org_id, display_name, organization_type, is_sandbox, "
		"instance_url, login_url, auth, "
		"client_id, username, secrets) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
		"$11) "
		"ON CONFLICT (name) DO UPDATE SET org_id = EXCLUDED.org_id, display_name = "
		"EXCLUDED.display_name, "
		"organization_type = EXCLUDED.organization_type, is_sandbox = EXCLUDED.is_sandbox, "
		"instance_url = EXCLUDED.instance_url, login_url = EXCLUDED.login_url, auth = "
		"EXCLUDED.auth, "
		"client_id = EXCLUDED.client_id, username = EXCLUDED.username, secrets = "
		"EXCLUDED.secrets",
		OSY_PG_Z(name), identity ? OSY_PG_Z(identity->org_id) : OSY_PG_TEXT(OSY_STR_NULL),
		identity ? OSY_PG_Z(identity->name) : OSY_PG_TEXT(OSY_STR_NULL),
		identity ? OSY_PG_Z(identity->organization_type) : OSY_PG_TEXT(OSY_STR_NULL),
		OSY_PG_BOOL(identity && identity->is_sandbox), OSY_PG_Z(login->instance_url),
		OSY_PG_Z(login->login_url), OSY_PG_Z(osy_auth_name(login->auth)),
		OSY_PG_Z(login->client_id), OSY_PG_Z(login->username),
		OSY_PG_BYTES(osy_buf_str(&sealed)));
}
