#include "org_store.h"

#include <stdlib.h>

#include "osy/crypt.h"
#include "osy/mem.h"

static void seal_context(const char *name, struct osy_buf *context)
{
	osy_buf_addf(context, "org:%s", name);
}

static char *text_at(const struct osy_pg_result *row, const char *column)
{
	struct osy_str text = osy_pg_str(row, 0, osy_pg_column(row, column));

	return text.p && text.len ? osy_xstrndup(text.p, text.len) : NULL;
}

static enum osy_code take_row(const struct osy_settings *settings, const char *name,
	const struct osy_pg_result *row, struct osy_org_login *login, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf context = OSY_BUF(512);
	OSY_AUTO(osy_secret_done) struct osy_secret secrets = {0};
	struct osy_str auth = osy_pg_str(row, 0, osy_pg_column(row, "auth"));

	if (!osy_auth_parse(auth, &login->auth))
		return osy_fail(err, OSY_E_INTERNAL, "org '%s' has an unknown kind of login '%.*s'",
			name, (int)auth.len, auth.p);
	login->instance_url = text_at(row, "instance_url");
	login->login_url = text_at(row, "login_url");
	login->client_id = text_at(row, "client_id");
	login->username = text_at(row, "username");
	seal_context(name, &context);
	enum osy_code rc = osy_unseal(&settings->secret_key, osy_buf_str(&context),
		osy_pg_str(row, 0, osy_pg_column(row, "secrets")), &secrets, err);
	if (rc)
		return osy_err_prefix(err,
			"the credentials of org '%s' cannot be opened with this secret key; set "
			"the "
			"key they were sealed with, or add the org anew",
			name);
	return osy_org_login_read_secrets(login, osy_secret_open(&secrets), err);
}

enum osy_code osy_org_store_login(struct osy_pg *pg, const struct osy_settings *settings,
	const char *name, struct osy_org_login *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	struct osy_org_login login = {0};
	enum osy_code rc = osy_pg_do(pg, &row, err,
		"SELECT auth, instance_url, login_url, client_id, username, secrets FROM org WHERE "
		"name = "
		"$1",
		OSY_PG_Z(name));

	if (rc)
		return rc;
	if (osy_pg_rows(row) == 0)
		return osy_fail(err, OSY_E_NOT_FOUND,
			"there is no org '%s'; `orgsync org list` shows those that are", name);
	rc = take_row(settings, name, row, &login, err);
	if (rc) {
		osy_org_login_done(&login);
		return rc;
	}
	*ret = login;
	return OSY_OK;
}

enum osy_code osy_org_store_open(struct osy_pg *pg, const struct osy_settings *settings,
	struct osy_http *http, const char *name, struct osy_org **ret, struct osy_err *err)
{
	struct osy_org_login login = {0};
	enum osy_code rc = osy_org_store_login(pg, settings, name, &login, err);

	if (rc)
		return rc;
	*ret = osy_org_new(http, name, &login, settings->allow_http_orgs);
	osy_org_login_done(&login);
	return OSY_OK;
}

/* Text or NULL where it is empty. */
static struct osy_pg_param text_or_null(const char *text)
{
	return text && text[0] ? OSY_PG_Z(text) : OSY_PG_NULL;
}

enum osy_code osy_org_store_put(struct osy_pg *pg, const struct osy_settings *settings,
	const char *name, const struct osy_org_login *login,
	const struct osy_org_identity *identity, bool replace, struct osy_err *err)
{
	static const struct osy_org_identity unknown;
	OSY_AUTO(osy_buf_done) struct osy_buf context = OSY_BUF(512), sealed = OSY_BUF(128 * 1024);
	struct osy_buf plain = OSY_BUF(64 * 1024);
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;

	seal_context(name, &context);
	osy_org_login_write_secrets(login, &plain);
	enum osy_code rc = osy_seal(
		&settings->secret_key, osy_buf_str(&context), osy_buf_str(&plain), &sealed, err);
	if (plain.cap)
		explicit_bzero(plain.p, plain.len);
	osy_buf_done(&plain);
	if (rc)
		return rc;
	if (!identity)
		identity = &unknown;
	rc = osy_pg_do(pg, &row, err,
		"INSERT INTO org (name, org_id, display_name, organization_type, is_sandbox, "
		"instance_url, login_url, auth, client_id, username, secrets) VALUES ($1, $2, $3, "
		"$4, $5, "
		"$6, $7, $8, $9, $10, $11) ON CONFLICT (name) DO UPDATE SET org_id = "
		"coalesce(excluded.org_id, org.org_id), display_name = "
		"coalesce(excluded.display_name, "
		"org.display_name), organization_type = coalesce(excluded.organization_type, "
		"org.organization_type), is_sandbox = coalesce(excluded.is_sandbox, "
		"org.is_sandbox), "
		"instance_url = excluded.instance_url, login_url = excluded.login_url, auth = "
		"excluded.auth, client_id = excluded.client_id, username = excluded.username, "
		"secrets = "
		"excluded.secrets WHERE $12 RETURNING name",
		OSY_PG_Z(name), text_or_null(identity->org_id), text_or_null(identity->name),
		text_or_null(identity->organization_type),
		identity->org_id[0] ? OSY_PG_BOOL(identity->is_sandbox) : OSY_PG_NULL,
		OSY_PG_Z(login->instance_url), text_or_null(login->login_url),
		OSY_PG_Z(osy_auth_name(login->auth)), text_or_null(login->client_id),
		text_or_null(login->username), OSY_PG_BYTES(osy_buf_str(&sealed)),
		OSY_PG_BOOL(replace));
	if (!rc && osy_pg_rows(row) == 0)
		return osy_fail(err, OSY_E_EXISTS,
			"there is an org '%s' already; remove it first or choose another name",
			name);
	return rc;
}

enum osy_code osy_org_store_identity(struct osy_pg *pg, const char *name,
	const struct osy_org_identity *identity, struct osy_err *err)
{
	return osy_pg_do(pg, NULL, err,
		"UPDATE org SET org_id = $2, display_name = $3, organization_type = $4, is_sandbox "
		"= $5 "
		"WHERE name = $1 AND (org_id, display_name, organization_type, is_sandbox) IS "
		"DISTINCT "
		"FROM ($2, $3, $4, $5)",
		OSY_PG_Z(name), OSY_PG_Z(identity->org_id), OSY_PG_Z(identity->name),
		OSY_PG_Z(identity->organization_type), OSY_PG_BOOL(identity->is_sandbox));
}
