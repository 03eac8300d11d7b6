#include "osy/org_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/crypt.h"
#include "osy/log.h"
#include "osy/mem.h"

#define SEALED_MAX (256u * 1024)

static void context_of(const char *name, struct osy_buf *out)
{
	osy_buf_addf(out, "org:%s", name);
}

static enum osy_code seal_login(const struct osy_secret *key, const char *name,
	const struct osy_org_login *login, struct osy_buf *out, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf context = OSY_BUF(1024);
	OSY_AUTO(osy_buf_done) struct osy_buf plain = OSY_BUF(256 * 1024);

	context_of(name, &context);
	osy_org_login_write_secrets(login, &plain);
	enum osy_code rc = osy_seal(key, osy_buf_str(&context), osy_buf_str(&plain), out, err);
	explicit_bzero(plain.p, plain.len);
	return rc;
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

enum osy_code osy_org_store_apart(const char *name, struct osy_err *err)
{
	return osy_fail(err, OSY_E_STATE,
		"org %s is disconnected; `orgsync org add %s ...` connects it again", name, name);
}

static enum osy_code no_such_org(const char *name, struct osy_err *err)
{
	return osy_fail(err, OSY_E_NOT_FOUND,
		"there is no org named %s; `orgsync org list` shows those there are", name);
}

/* Reads and unseals a login; ret must be zeroed. seen gets the sealed secrets. */
static enum osy_code read_login(struct osy_pg *pg, const struct osy_secret *key, const char *name,
	struct osy_org_login *ret, struct osy_buf *seen, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(pg, &result, err,
		"SELECT instance_url, login_url, auth, client_id, username, secrets FROM org WHERE "
		"name = $1",
		OSY_PG_Z(name));

	if (rc)
		return rc;
	if (!osy_pg_rows(result))
		return no_such_org(name, err);
	if (!osy_pg_str(result, 0, 5).len)
		return osy_org_store_apart(name, err);
	ret->instance_url = take(osy_pg_str(result, 0, 0));
	ret->login_url = take(osy_pg_str(result, 0, 1));
	ret->client_id = take(osy_pg_str(result, 0, 3));
	ret->username = take(osy_pg_str(result, 0, 4));
	if (!osy_auth_parse(osy_pg_str(result, 0, 2), &ret->auth))
		return osy_fail(err, OSY_E_INTERNAL,
			"org %s has a kind of login that is not known here", name);
	osy_buf_reset(seen);
	osy_buf_add_str(seen, osy_pg_str(result, 0, 5));
	return unseal_into(key, name, osy_pg_str(result, 0, 5), ret, err);
}

/* ---- Refresh tokens that an org replaces ---- */
struct keeper {
	struct osy_pg *pg;
	const struct osy_secret *key;
	char *name;
	struct osy_buf seen; /* what lies in Postgres, as far as we know */
};

static void keeper_free(void *arg)
{
	struct keeper *keeper = arg;

	osy_buf_done(&keeper->seen);
	free(keeper->name);
	free(keeper);
}

/* What somebody else has put there since is newer, or other credentials altogether: it stays. */
static void keep(const struct osy_org_login *login, void *arg)
{
	OSY_AUTO(osy_buf_done) struct osy_buf sealed = OSY_BUF(SEALED_MAX);
	struct keeper *keeper = arg;
	struct osy_err err;
	enum osy_code rc = seal_login(keeper->key, keeper->name, login, &sealed, &err);

	if (!rc)
		rc = osy_pg_do(keeper->pg, NULL, &err,
			"UPDATE org SET secrets = $2 WHERE name = $1 AND secrets = $3",
			OSY_PG_Z(keeper->name), OSY_PG_BYTES(osy_buf_str(&sealed)),
			OSY_PG_BYTES(osy_buf_str(&keeper->seen)));
	if (rc) {
		osy_log(OSY_ERROR, "org.token_lost", OSY_KV("org", keeper->name), OSY_KV_ERR(&err));
		return;
	}
	osy_buf_reset(&keeper->seen);
	osy_buf_add_str(&keeper->seen, osy_buf_str(&sealed));
}

static bool renew(struct osy_org_login *login, void *arg)
{
	OSY_AUTO(osy_org_login_done) struct osy_org_login now = {0};
	struct keeper *keeper = arg;
	struct osy_err err;
	struct osy_str ours = osy_secret_open(&login->refresh_token);

	if (read_login(keeper->pg, keeper->key, keeper->name, &now, &keeper->seen, &err))
		return false;
	struct osy_str theirs = osy_secret_open(&now.refresh_token);
	if (!theirs.len || osy_str_equal(ours, theirs))
		return false;
	osy_secret_set(&login->refresh_token, theirs.p, theirs.len);
	return true;
}

static void set_keeper(struct osy_org *org, struct osy_pg *pg, const struct osy_secret *key,
	const char *name, struct osy_str seen)
{
	struct keeper *keeper = osy_xcalloc(1, sizeof(*keeper));

	*keeper = (struct keeper){
		.pg = pg, .key = key, .name = osy_xstrdup(name), .seen = OSY_BUF(SEALED_MAX)};
	osy_buf_add_str(&keeper->seen, seen);
	osy_org_set_keeper(org, &(struct osy_org_keeper){keep, renew, keeper_free, keeper});
}

enum osy_code osy_org_store_open(struct osy_pg *pg, const struct osy_secret *key, const char *name,
	struct osy_http *http, bool allow_http, struct osy_org **ret, struct osy_err *err)
{
	OSY_AUTO(osy_org_login_done) struct osy_org_login login = {0};
	OSY_AUTO(osy_buf_done) struct osy_buf seen = OSY_BUF(SEALED_MAX);
	enum osy_code rc = read_login(pg, key, name, &login, &seen, err);

	if (!rc)
		rc = osy_org_login_check(&login, allow_http, err);
	if (rc)
		return rc;
	*ret = osy_org_new(http, name, &login, allow_http);
	set_keeper(*ret, pg, key, name, osy_buf_str(&seen));
	return OSY_OK;
}

enum osy_code osy_org_store_put(struct osy_pg *pg, const struct osy_secret *key, const char *name,
	const struct osy_org_login *login, const struct osy_org_identity *identity,
	struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf sealed = OSY_BUF(SEALED_MAX);
	enum osy_code rc = seal_login(key, name, login, &sealed, err);

	if (rc)
		return rc;
	return osy_pg_do(pg, NULL, err,
		"INSERT INTO org (name, org_id, display_name, organization_type, is_sandbox, "
		"instance_url, login_url, auth, client_id, username, secrets, instance_name) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (name) DO "
		"UPDATE SET org_id = EXCLUDED.org_id, display_name = EXCLUDED.display_name, "
		"organization_type = EXCLUDED.organization_type, is_sandbox = EXCLUDED.is_sandbox, "
		"instance_url = EXCLUDED.instance_url, login_url = EXCLUDED.login_url, auth = "
		"EXCLUDED.auth, client_id = EXCLUDED.client_id, username = EXCLUDED.username, "
		"secrets = EXCLUDED.secrets, instance_name = EXCLUDED.instance_name, "
		"disconnected_at = NULL",
		OSY_PG_Z(name), identity ? OSY_PG_Z(identity->org_id) : OSY_PG_TEXT(OSY_STR_NULL),
		identity ? OSY_PG_Z(identity->name) : OSY_PG_TEXT(OSY_STR_NULL),
		identity ? OSY_PG_Z(identity->organization_type) : OSY_PG_TEXT(OSY_STR_NULL),
		OSY_PG_BOOL(identity && identity->is_sandbox), OSY_PG_Z(login->instance_url),
		OSY_PG_Z(login->login_url), OSY_PG_Z(osy_auth_name(login->auth)),
		OSY_PG_Z(login->client_id), OSY_PG_Z(login->username),
		OSY_PG_BYTES(osy_buf_str(&sealed)),
		identity ? OSY_PG_Z(identity->instance_name) : OSY_PG_TEXT(OSY_STR_NULL));
}

enum osy_code osy_org_store_drop(struct osy_pg *pg, const char *name, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(pg, &row, err,
		"WITH busy AS (SELECT min(id) AS id FROM run WHERE (source = $1 OR target = $1) "
		"AND (state IN ('Scan In Progress', 'Sync In Progress', 'Paused', 'Rollback', "
		"'Rollback Started') OR wanted IS NOT NULL OR automation IN ('off', 'restore'))), "
		"dropped AS (UPDATE org SET secrets = '', disconnected_at = "
		"coalesce(disconnected_at, now()) WHERE name = $1 AND (SELECT id FROM busy) IS "
		"NULL RETURNING 1) SELECT (SELECT count(*) FROM dropped), (SELECT id FROM busy)",
		OSY_PG_Z(name));

	if (rc || osy_pg_i64(row, 0, 0, 0))
		return rc;
	struct osy_str run = osy_pg_str(row, 0, 1);
	if (!run.len)
		return no_such_org(name, err);
	return osy_fail(err, OSY_E_STATE,
		"run %.*s is under way and needs org %s; abort it first, or wait for its end",
		(int)run.len, run.p, name);
}
