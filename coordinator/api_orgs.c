/* /orgs */
#include <stdio.h>
#include <stdlib.h>

#include "api.h"
#include "osy/budget.h"
#include "osy/clock.h"
#include "osy/mem.h"
#include "osy/org_store.h"

#define COLUMNS                                                                                \
	"name, org_id, display_name, organization_type, is_sandbox, instance_url, login_url, " \
	"auth, client_id, username, created_at, instance_name, disconnected_at"

/* A developer's or a trial's org is neither that nor a sandbox. */
static bool is_production(const struct osy_pg_result *result, size_t row)
{
	struct osy_str type = osy_pg_str(result, row, 3);

	return type.len && !osy_pg_i64(result, row, 4, 0) && !osy_str_is(type, "Developer Edition");
}

static void write_org(struct osy_json_writer *w, const struct osy_pg_result *result, size_t row)
{
	static const char *const keys[] = {"name", "orgId", "displayName", "organizationType", NULL,
		"instanceUrl", "loginUrl", "auth", "clientId", "username"};

	osy_jw_object(w);
	for (int i = 0; i < (int)OSY_COUNT(keys); i++) {
		if (keys[i])
			osy_api_put_text(w, keys[i], result, row, i);
		else
			osy_jw_put_bool(w, "isSandbox", osy_pg_i64(result, row, i, 0) != 0);
	}
	osy_api_put_time(w, "createdAt", result, row, 10);
	osy_api_put_text(w, "instance", result, row, 11);
	osy_jw_put_bool(w, "isProduction", is_production(result, row));
	osy_jw_put_bool(w, "connected", osy_pg_is_null(result, row, 12));
	osy_api_put_time(w, "disconnectedAt", result, row, 12);
	osy_jw_object_end(w);
}

static enum osy_code show_org(struct osy_call *call, const char *name, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	enum osy_code rc = osy_pg_do(call->pg, &result, err,
		"SELECT " COLUMNS " FROM org WHERE name = $1", OSY_PG_Z(name));

	if (rc)
		return rc;
	if (!osy_pg_rows(result))
		return osy_fail(err, OSY_E_NOT_FOUND,
			"there is no org named %s; `orgsync org list` shows those there are", name);
	write_org(&w, result, 0);
	return OSY_OK;
}

static enum osy_code list(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	enum osy_code rc =
		osy_pg_do(call->pg, &result, err, "SELECT " COLUMNS " FROM org ORDER BY name");

	if (rc)
		return rc;
	osy_api_items(&w);
	for (size_t i = 0; i < osy_pg_rows(result); i++)
		write_org(&w, result, i);
	osy_api_items_end(&w, NULL);
	return OSY_OK;
}

static enum osy_code show(struct osy_call *call, struct osy_err *err)
{
	return show_org(call, call->params[0], err);
}

static char *copy(const struct osy_json *body, const char *key)
{
	struct osy_str text = osy_json_get_str(body, key);

	return text.p && text.len ? osy_xstrndup(text.p, text.len) : NULL;
}

static void take_secret(const struct osy_json *body, const char *key, struct osy_secret *secret)
{
	struct osy_str text = osy_json_get_str(body, key);

	if (text.p && text.len)
		osy_secret_set(secret, text.p, text.len);
}

static void read_login(const struct osy_json *body, struct osy_org_login *login)
{
	login->instance_url = copy(body, "instanceUrl");
	login->login_url = copy(body, "loginUrl");
	login->client_id = copy(body, "clientId");
	login->username = copy(body, "username");
	for (char *url = login->instance_url; url && *url && url[strlen(url) - 1] == '/';)
		url[strlen(url) - 1] = 0;
	take_secret(body, "clientSecret", &login->client_secret);
	take_secret(body, "privateKey", &login->private_key);
	take_secret(body, "refreshToken", &login->refresh_token);
	take_secret(body, "password", &login->password);
	take_secret(body, "accessToken", &login->access_token);
}

/* Logs in; login gets the refresh token that holds from now on. */
static enum osy_code identify(struct osy_call *call, const char *name, struct osy_org_login *login,
	struct osy_org_identity *ret, struct osy_err *err)
{
	struct osy_http *http = osy_http_new(1);
	struct osy_org *org =
		osy_org_new(http, name, login, call->context->settings->allow_http_orgs);
	enum osy_code rc = osy_org_identify(org, ret, err);
	const struct osy_secret *rotated = osy_org_rotated_token(org);

	if (rotated) {
		const struct osy_str token = osy_secret_open(rotated);
		osy_secret_set(&login->refresh_token, token.p, token.len);
	}
	osy_org_free(org);
	osy_http_free(http);
	return rc;
}

static enum osy_code add(struct osy_call *call, struct osy_err *err)
{
	static const char *const members[] = {"name", "instanceUrl", "auth", "loginUrl", "clientId",
		"clientSecret", "username", "privateKey", "refreshToken", "password", "accessToken",
		NULL};
	OSY_AUTO(osy_json_free_at) struct osy_json *body = NULL;
	OSY_AUTO(osy_org_login_done) struct osy_org_login login = {0};
	struct osy_org_identity identity = {.org_id = ""};
	const char *name = NULL, *auth = NULL;
	enum osy_code rc = osy_call_json(call, members, &body, err);

	if (!rc)
		rc = osy_call_text(body, "name", &name, err);
	if (!rc)
		rc = osy_call_text(body, "auth", &auth, err);
	if (rc)
		return rc;
	if (!osy_api_name_is_good(name))
		return osy_fail(err, OSY_E_INVALID,
			"an org's name is made of letters, digits, dots, dashes and underscores, "
			"63 at most");
	if (!osy_auth_parse(osy_str(auth), &login.auth))
		return osy_fail(err, OSY_E_INVALID,
			"auth must be jwt, client-credentials, refresh-token, password or "
			"access-token");
	read_login(body, &login);
	rc = osy_org_login_check(&login, call->context->settings->allow_http_orgs, err);
	if (!rc)
		rc = identify(call, name, &login, &identity, err);
	if (!rc)
		rc = osy_org_store_put(call->pg, &call->context->settings->secret_key, name, &login,
			&identity, err);
	if (rc)
		return rc;
	osy_call_audit(call, "org.add", name);
	call->status = 201;
	return show_org(call, name, err);
}

static enum osy_code test(struct osy_call *call, struct osy_err *err)
{
	struct osy_org_identity identity = {.org_id = ""};
	const struct osy_settings *settings = call->context->settings;
	const char *name = call->params[0];
	struct osy_json_writer w = osy_json_writer(&call->out);
	struct osy_http *http = osy_http_new(1);
	struct osy_org *org = NULL;
	enum osy_code rc = osy_org_store_open(
		call->pg, &settings->secret_key, name, http, settings->allow_http_orgs, &org, err);

	if (!rc)
		rc = osy_org_identify(org, &identity, err);
	osy_org_free(org);
	osy_http_free(http);
	if (rc)
		return rc;
	osy_jw_object(&w);
	osy_jw_put_bool(&w, "ok", true);
	osy_jw_put_str(&w, "name", osy_str(name));
	osy_jw_put_str(&w, "orgId", osy_str(identity.org_id));
	osy_jw_put_str(&w, "userId", osy_str(identity.user_id));
	osy_jw_put_str(&w, "displayName", osy_str(identity.name));
	osy_jw_put_str(&w, "organizationType", osy_str(identity.organization_type));
	osy_jw_put_bool(&w, "isSandbox", identity.is_sandbox);
	osy_jw_object_end(&w);
	return OSY_OK;
}

/* Adds a member to the object that out ends with. */
static void add_width(struct osy_buf *out, unsigned limit, unsigned flying)
{
	while (out->len && out->p[out->len - 1] != '}')
		out->len--;
	if (out->len < 2)
		return;
	out->len--;
	osy_buf_addf(out, ",\"OrgsyncRequestsInFlight\":{\"Max\":%u,\"Remaining\":%u}}", limit,
		limit > flying ? limit - flying : 0);
}

/* The org's budget learns what the org has told, and tells how many requests it bears at once. What
 * Redis cannot do now is left out. */
static void share_limits(struct osy_call *call, const char *org_id, int64_t asked_ms)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *doc = NULL;
	const struct osy_settings *settings = call->context->settings;
	struct osy_err ignored = OSY_ERR_NONE;
	unsigned limit, flying;
	char owner[32];

	if (!org_id[0] || osy_json_parse(osy_buf_str(&call->out), "limits", &doc, &ignored))
		return;
	osy_new_id("api-", owner, sizeof(owner));
	struct osy_redis *redis = osy_redis_new(settings->redis_url);
	struct osy_budget *budget = osy_budget_new(redis, settings->kafka_prefix, owner);
	struct osy_budget_org *org = osy_budget_org(budget, org_id, 0);
	osy_budget_limits(org, doc, asked_ms);
	if (osy_budget_turn_now(org, &ignored) == OSY_OK) {
		osy_budget_width(org, &limit, &flying);
		add_width(&call->out, limit, flying);
	}
	osy_budget_free(budget);
	osy_redis_free(redis);
}

static enum osy_code ask_org_id(
	struct osy_call *call, const char *name, char ret[19], struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(call->pg, &row, err,
		"SELECT coalesce(org_id, '') FROM org WHERE name = $1", OSY_PG_Z(name));

	if (rc || !osy_pg_rows(row))
		return rc;
	struct osy_str id = osy_pg_str(row, 0, 0);
	snprintf(ret, 19, "%.*s", (int)id.len, id.p);
	return OSY_OK;
}

static enum osy_code limits(struct osy_call *call, struct osy_err *err)
{
	char org_id[19] = "";
	int64_t asked_ms = osy_mono_ms();
	struct osy_http *http = osy_http_new(1);
	struct osy_org *org = NULL;
	const struct osy_settings *settings = call->context->settings;
	struct osy_sf_request request = {.method = "GET", .path = OSY_STR("limits")};
	enum osy_code rc = osy_org_store_open(call->pg, &settings->secret_key, call->params[0],
		http, settings->allow_http_orgs, &org, err);

	if (!rc)
		rc = osy_sf_run(org, &request, &call->out, err);
	osy_org_free(org);
	osy_http_free(http);
	if (!rc)
		rc = ask_org_id(call, call->params[0], org_id, err);
	if (!rc)
		share_limits(call, org_id, asked_ms);
	return rc;
}

static enum osy_code disconnect(struct osy_call *call, struct osy_err *err)
{
	enum osy_code rc = osy_org_store_drop(call->pg, call->params[0], err);

	if (rc)
		return rc;
	osy_call_audit(call, "org.disconnect", call->params[0]);
	return show_org(call, call->params[0], err);
}

static enum osy_code remove_org(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	const char *name = call->params[0];
	enum osy_code rc = osy_pg_do(call->pg, &result, err,
		"SELECT id FROM run WHERE source = $1 OR target = $1 LIMIT 1", OSY_PG_Z(name));

	if (rc)
		return rc;
	if (osy_pg_rows(result)) {
		struct osy_str run = osy_pg_str(result, 0, 0);
		return osy_fail(err, OSY_E_STATE,
			"org %s is used by run %.*s; delete its runs first", name, (int)run.len,
			run.p);
	}
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *gone = NULL;
	rc = osy_pg_do(call->pg, &gone, err, "DELETE FROM org WHERE name = $1 RETURNING name",
		OSY_PG_Z(name));
	if (rc)
		return rc;
	if (!osy_pg_rows(gone))
		return osy_fail(err, OSY_E_NOT_FOUND, "there is no org named %s", name);
	osy_call_audit(call, "org.remove", name);
	call->status = 204;
	return OSY_OK;
}

const struct osy_route osy_routes_orgs[] = {
	{"GET", "/orgs", OSY_ROLE_VIEWER, list},
	{"POST", "/orgs", OSY_ROLE_ADMIN, add},
	{"GET", "/orgs/{}", OSY_ROLE_VIEWER, show},
	{"DELETE", "/orgs/{}", OSY_ROLE_ADMIN, remove_org},
	{"POST", "/orgs/{}/disconnect", OSY_ROLE_ADMIN, disconnect},
	{"POST", "/orgs/{}/test", OSY_RIGHT_CHECK, test},
	{"GET", "/orgs/{}/limits", OSY_ROLE_VIEWER, limits},
	{NULL, NULL, OSY_ROLE_NONE, NULL},
};
