/*
 * The ways to get a session. Source: salesforce-wire.md section 1.
 */
#include "osy/sf_org.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/clock.h"
#include "osy/crypt.h"
#include "osy/json_write.h"
#include "osy/mem.h"
#include "osy/sf_id.h"

#include "sf_internal.h"

#include "osy/banned.h"

#define JWT_LIFE_S 170 /* the org takes three minutes at most */

static const char *const auth_names[] = {
	[OSY_AUTH_JWT] = "jwt",
	[OSY_AUTH_CLIENT_CREDENTIALS] = "client-credentials",
	[OSY_AUTH_REFRESH_TOKEN] = "refresh-token",
	[OSY_AUTH_PASSWORD] = "password",
	[OSY_AUTH_ACCESS_TOKEN] = "access-token",
};

bool osy_auth_parse(struct osy_str name, enum osy_auth *ret)
{
	for (size_t i = 0; i < OSY_COUNT(auth_names); i++) {
		if (osy_str_is(name, auth_names[i])) {
			*ret = (enum osy_auth)i;
			return true;
		}
	}
	return false;
}

const char *osy_auth_name(enum osy_auth auth)
{
	OSY_ASSERT((size_t)auth < OSY_COUNT(auth_names));
	return auth_names[auth];
}

/* ---- The parts of a login, as tables ---- */

#define BIT(auth) (1u << (auth))
#define TOKEN_KINDS                                                                           \
	(BIT(OSY_AUTH_JWT) | BIT(OSY_AUTH_CLIENT_CREDENTIALS) | BIT(OSY_AUTH_REFRESH_TOKEN) | \
		BIT(OSY_AUTH_PASSWORD))

static const struct text_part {
	size_t offset;
	unsigned needed_by; /* bits of enum osy_auth */
	const char *option;
} text_parts[] = {
	{offsetof(struct osy_org_login, client_id), TOKEN_KINDS, "--client-id"},
	{offsetof(struct osy_org_login, username), BIT(OSY_AUTH_JWT) | BIT(OSY_AUTH_PASSWORD),
		"--username"},
	{offsetof(struct osy_org_login, instance_url), TOKEN_KINDS | BIT(OSY_AUTH_ACCESS_TOKEN),
		"--instance-url"},
	{offsetof(struct osy_org_login, login_url), 0, "--login-url"},
};

static const struct secret_part {
	size_t offset;
	unsigned needed_by;
	const char *key; /* in the sealed JSON */
	const char *option;
} secret_parts[] = {
	{offsetof(struct osy_org_login, client_secret),
		BIT(OSY_AUTH_CLIENT_CREDENTIALS) | BIT(OSY_AUTH_PASSWORD), "client_secret",
		"--client-secret-file"},
	{offsetof(struct osy_org_login, private_key), BIT(OSY_AUTH_JWT), "private_key",
		"--private-key-file"},
	{offsetof(struct osy_org_login, refresh_token), BIT(OSY_AUTH_REFRESH_TOKEN),
		"refresh_token", "--refresh-token-file"},
	{offsetof(struct osy_org_login, password), BIT(OSY_AUTH_PASSWORD), "password",
		"--password-file"},
	{offsetof(struct osy_org_login, access_token), BIT(OSY_AUTH_ACCESS_TOKEN), "access_token",
		"--access-token-file"},
};

static char **text_at(struct osy_org_login *login, size_t i)
{
	return (char **)((char *)login + text_parts[i].offset);
}

static struct osy_secret *secret_at(struct osy_org_login *login, size_t i)
{
	return (struct osy_secret *)((char *)login + secret_parts[i].offset);
}

static const struct osy_secret *secret_in(const struct osy_org_login *login, size_t i)
{
	return (const struct osy_secret *)((const char *)login + secret_parts[i].offset);
}

void osy_org_login_done(struct osy_org_login *login)
{
	for (size_t i = 0; i < OSY_COUNT(text_parts); i++)
		free(*text_at(login, i));
	for (size_t i = 0; i < OSY_COUNT(secret_parts); i++)
		osy_secret_done(secret_at(login, i));
	*login = (struct osy_org_login){.auth = login->auth};
}

static char *copy_url(const char *url)
{
	size_t len = strlen(url);
	while (len && url[len - 1] == '/')
		len--;
	return osy_xstrndup(url, len);
}

void osy_org_login_copy(const struct osy_org_login *from, struct osy_org_login *to)
{
	*to = (struct osy_org_login){.auth = from->auth,
		.instance_url = copy_url(from->instance_url),
		.login_url = from->login_url && *from->login_url ? copy_url(from->login_url) : NULL,
		.client_id = from->client_id ? osy_xstrdup(from->client_id) : NULL,
		.username = from->username ? osy_xstrdup(from->username) : NULL};
	for (size_t i = 0; i < OSY_COUNT(secret_parts); i++) {
		const struct osy_secret *secret = secret_in(from, i);
		if (osy_secret_is_set(secret))
			osy_secret_set(secret_at(to, i), osy_secret_open(secret).p,
				osy_secret_open(secret).len);
	}
}

void osy_org_login_write_secrets(const struct osy_org_login *login, struct osy_buf *out)
{
	struct osy_json_writer w = osy_json_writer(out);

	osy_jw_object(&w);
	for (size_t i = 0; i < OSY_COUNT(secret_parts); i++) {
		if (osy_secret_is_set(secret_in(login, i)))
			osy_jw_put_str(
				&w, secret_parts[i].key, osy_secret_open(secret_in(login, i)));
	}
	osy_jw_object_end(&w);
}

enum osy_code osy_org_login_read_secrets(
	struct osy_org_login *login, struct osy_str json, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *tree = NULL;
	const enum osy_code code = osy_json_parse(json, "credentials", &tree, err);

	if (code)
		return code;
	if (osy_json_type(tree) != OSY_JSON_OBJECT)
		return osy_fail(err, OSY_E_INVALID, "credentials are no JSON object");
	for (size_t i = 0; i < OSY_COUNT(secret_parts); i++) {
		const struct osy_str s = osy_json_get_str(tree, secret_parts[i].key);
		if (s.p)
			osy_secret_set(secret_at(login, i), s.p, s.len);
	}
	return OSY_OK;
}

/* ---- Checking ---- */

static bool is_number(struct osy_str host)
{
	for (size_t i = 0; i < host.len; i++)
		if (!strchr("0123456789.", host.p[i]))
			return false;
	return true;
}

static bool is_loopback(struct osy_str host)
{
	return osy_str_equal_nocase(host, OSY_STR("localhost")) || osy_str_is(host, "[::1]") ||
	       (osy_str_starts(host, "127.") && is_number(host));
}

/* Takes "host[:port]" off the front; false when it is none. */
static bool take_host(struct osy_str *rest, struct osy_str *ret_host)
{
	static const char host_chars[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	const char *p = rest->p, *end = p + rest->len;
	int64_t port;
	struct osy_err ignored;

	if (p < end && *p == '[') {
		for (p++;
			p < end && (*p == ':' || *p == '.' || strchr("0123456789abcdefABCDEF", *p));
			p++)
			;
		if (p == end || *p++ != ']')
			return false;
	} else {
		while (p < end && *p && strchr(host_chars, *p))
			p++;
	}
	*ret_host = (struct osy_str){rest->p, (size_t)(p - rest->p)};
	if (ret_host->len == 0)
		return false;
	if (p < end && *p == ':') {
		const char *digits = ++p;
		while (p < end && *p >= '0' && *p <= '9')
			p++;
		if (osy_parse_i64((struct osy_str){digits, (size_t)(p - digits)}, 1, 65535, &port,
			    &ignored))
			return false;
	}
	*rest = (struct osy_str){p, (size_t)(end - p)};
	return true;
}

/*
 * A name with a domain: no address in any of the ways to write one (its last label would be a
 * number: 127.0.0.1, 2130706433, 0x7f.1), no name without a dot, which only a network of one's own
 * knows.
 */
static bool is_domain(struct osy_str host)
{
	const char *dot = memrchr(host.p, '.', host.len), *end = host.p + host.len;

	if (!dot || dot == host.p || dot + 1 == end || host.p[0] == '[' ||
		memmem(host.p, host.len, "..", 2))
		return false;
	return !(dot[1] >= '0' && dot[1] <= '9');
}

enum osy_code osy_sf_url_check(
	struct osy_str url, bool allow_http, bool path, const char *what, struct osy_err *err)
{
	struct osy_str rest = url, host;
	const bool secure = osy_str_starts(url, "https://"), plain = osy_str_starts(url, "http://");

	if (!secure && !plain)
		return osy_fail(err, OSY_E_INVALID,
			"%s must begin with https://, such as https://MyDomain.my.salesforce.com",
			what);
	rest.p += secure ? 8 : 7;
	rest.len -= secure ? 8 : 7;
	for (size_t i = 0; i < rest.len; i++) {
		const unsigned char c = (unsigned char)rest.p[i];
		if (c <= ' ' || c >= 0x7f || strchr("@?#\\\"<>", c))
			return osy_fail(err, OSY_E_INVALID,
				"%s may hold a host and a port only: no user, query, fragment or "
				"blank",
				what);
	}
	if (!take_host(&rest, &host))
		return osy_fail(err, OSY_E_INVALID, "%s has no valid host and port", what);
	if (rest.len && (rest.p[0] != '/' || (rest.len > 1 && !path)))
		return osy_fail(err, OSY_E_INVALID,
			"%s must end after its host: leave out \"%.*s\"", what,
			(int)(rest.len < 60 ? rest.len : 60), rest.p);
	if (secure && !is_domain(host))
		return osy_fail(err, OSY_E_INVALID,
			"%s must name the org's host by its domain, such as "
			"https://MyDomain.my.salesforce.com, not by an address",
			what);
	if (plain && !(allow_http && is_loopback(host)))
		return osy_fail(err, OSY_E_INVALID,
			"%s must be https:// (http:// is for simulators: on loopback, with "
			"ORGSYNC_ALLOW_HTTP_ORGS=true)",
			what);
	return OSY_OK;
}

static enum osy_code check_parts(const struct osy_org_login *login, struct osy_err *err)
{
	for (size_t i = 0; i < OSY_COUNT(text_parts); i++) {
		const char *s = *(char *const *)((const char *)login + text_parts[i].offset);
		if ((text_parts[i].needed_by & BIT(login->auth)) && (!s || !*s))
			return osy_fail(err, OSY_E_INVALID, "auth %s needs %s",
				osy_auth_name(login->auth), text_parts[i].option);
	}
	for (size_t i = 0; i < OSY_COUNT(secret_parts); i++) {
		if ((secret_parts[i].needed_by & BIT(login->auth)) &&
			(!osy_secret_is_set(secret_in(login, i)) ||
				!osy_secret_open(secret_in(login, i)).len))
			return osy_fail(err, OSY_E_INVALID, "auth %s needs %s",
				osy_auth_name(login->auth), secret_parts[i].option);
	}
	return OSY_OK;
}

static bool is_token(struct osy_str token)
{
	for (size_t i = 0; i < token.len; i++) {
		if ((unsigned char)token.p[i] <= ' ' || (unsigned char)token.p[i] >= 0x7f)
			return false;
	}
	return token.len > 0;
}

static const char *login_host(const struct osy_org_login *login)
{
	return login->login_url && *login->login_url ? login->login_url : login->instance_url;
}

enum osy_code osy_org_login_check(
	const struct osy_org_login *login, bool allow_http, struct osy_err *err)
{
	enum osy_code code = check_parts(login, err);

	if (!code)
		code = osy_sf_url_check(
			osy_str(login->instance_url), allow_http, false, "the instance URL", err);
	if (!code && login->login_url && *login->login_url)
		code = osy_sf_url_check(
			osy_str(login->login_url), allow_http, true, "the login URL", err);
	if (code)
		return code;
	if (login->auth == OSY_AUTH_ACCESS_TOKEN &&
		!is_token(osy_secret_open(&login->access_token)))
		return osy_fail(
			err, OSY_E_INVALID, "the access token has blanks or line ends in it");
	if (login->auth == OSY_AUTH_CLIENT_CREDENTIALS &&
		(osy_str_starts(osy_str(login_host(login)), "https://login.s") ||
			osy_str_starts(osy_str(login_host(login)), "https://test.s")))
		return osy_fail(err, OSY_E_INVALID,
			"client credentials work at the org's own address only: use its My Domain "
			"as the login URL");
	return OSY_OK;
}

/* ---- The request ---- */

static void add_param(struct osy_buf *form, const char *name, struct osy_str value)
{
	osy_buf_addf(form, "%s%s=", form->len ? "&" : "", name);
	osy_url_encode(value, form);
}

/* header.claims.signature, each in base64url. */
static enum osy_code write_jwt(const struct osy_org_login *login, int64_t server_offset_ms,
	struct osy_buf *out, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf claims = OSY_BUF(16384), signature = OSY_BUF(4096);
	struct osy_json_writer w = osy_json_writer(&claims);

	osy_jw_object(&w);
	osy_jw_put_str(&w, "iss", osy_str(login->client_id));
	osy_jw_put_str(&w, "sub", osy_str(login->username));
	osy_jw_put_str(&w, "aud", osy_str(login_host(login)));
	osy_jw_put_i64(&w, "exp", (osy_wall_ms() + server_offset_ms) / 1000 + JWT_LIFE_S);
	osy_jw_object_end(&w);
	osy_base64_encode(OSY_STR("{\"alg\":\"RS256\",\"typ\":\"JWT\"}"), true, out);
	osy_buf_addc(out, '.');
	osy_base64_encode(osy_buf_str(&claims), true, out);
	const enum osy_code code =
		osy_sign_rs256(&login->private_key, osy_buf_str(out), &signature, err);
	if (code) {
		(void)osy_fail(err, OSY_E_AUTH, "the private key cannot sign: %.300s",
			osy_str(err->msg).p);
		return err->code;
	}
	osy_buf_addc(out, '.');
	osy_base64_encode(osy_buf_str(&signature), true, out);
	return OSY_OK;
}

static enum osy_code add_jwt(const struct osy_org_login *login, int64_t server_offset_ms,
	struct osy_buf *form, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf jwt = OSY_BUF(32768);
	const enum osy_code code = write_jwt(login, server_offset_ms, &jwt, err);

	if (!code)
		add_param(form, "assertion", osy_buf_str(&jwt));
	return code;
}

static void add_client(const struct osy_org_login *login, struct osy_buf *form)
{
	add_param(form, "client_id", osy_str(login->client_id));
	if (osy_secret_is_set(&login->client_secret))
		add_param(form, "client_secret", osy_secret_open(&login->client_secret));
}

enum osy_code osy_sf_login_form(const struct osy_org_login *login, int64_t server_offset_ms,
	struct osy_buf *url, struct osy_buf *form, struct osy_err *err)
{
	static const char *const grants[] = {
		[OSY_AUTH_JWT] = "urn:ietf:params:oauth:grant-type:jwt-bearer",
		[OSY_AUTH_CLIENT_CREDENTIALS] = "client_credentials",
		[OSY_AUTH_REFRESH_TOKEN] = "refresh_token",
		[OSY_AUTH_PASSWORD] = "password",
	};

	if (login->auth == OSY_AUTH_ACCESS_TOKEN)
		return osy_fail(
			err, OSY_E_AUTH, "the access token is no longer accepted: give a new one");
	osy_buf_addf(url, "%s/services/oauth2/token", login_host(login));
	add_param(form, "grant_type", osy_str(grants[login->auth]));
	if (login->auth == OSY_AUTH_JWT)
		return add_jwt(login, server_offset_ms, form, err);
	add_client(login, form);
	if (login->auth == OSY_AUTH_REFRESH_TOKEN)
		add_param(form, "refresh_token", osy_secret_open(&login->refresh_token));
	if (login->auth == OSY_AUTH_PASSWORD) {
		add_param(form, "username", osy_str(login->username));
		add_param(form, "password", osy_secret_open(&login->password));
	}
	return OSY_OK;
}

/* ---- The reply ---- */

void osy_sf_login_reply_done(struct osy_sf_login_reply *reply)
{
	osy_secret_done(&reply->token);
	osy_secret_done(&reply->refresh_token);
	free(reply->instance_url);
	reply->instance_url = NULL;
}

/* What to do about a refusal, by a word of its code or text. */
static const struct hint {
	const char *word, *hint;
} hints[] = {
	{"approved this consumer", "pre-authorise the user for the connected app"},
	{"audience is invalid", "check the login URL"},
	{"invalid_client_id", "check the client id"},
	{"invalid_client", "check the client id and secret"},
	{"invalid assertion", "check the certificate of the connected app, the private key and "
			      "this machine's clock"},
	{"expired access/refresh token", "authorise orgsync anew"},
	{"inactive_user", "the user is inactive"},
	{"inactive_org", "the org is inactive"},
	{"unsupported_grant_type", "this way to log in is not enabled in the org"},
	{"invalid_app_access", "the user may not use the connected app: assign it to the user"},
	{"Invalid Password", "check the user name and the password with its security token"},
};

static const char *hint_of(const struct osy_sf_fault *fault)
{
	for (size_t i = 0; i < OSY_COUNT(hints); i++) {
		if (strstr(fault->code, hints[i].word) || strstr(fault->message, hints[i].word))
			return hints[i].hint;
	}
	return "check its credentials";
}

static bool is_rate(const struct osy_sf_fault *fault)
{
	return strstr(fault->code, "rate_limit") || strstr(fault->code, "REQUEST_LIMIT") ||
	       strstr(fault->message, "rate exceeded") || strstr(fault->message, "rate limit");
}

static bool is_passing(const struct osy_sf_fault *fault)
{
	return strcmp(fault->code, "server_error") == 0 ||
	       strcmp(fault->code, "temporarily_unavailable") == 0 ||
	       strcmp(fault->code, "unknown_error") == 0 ||
	       strcmp(fault->code, "SERVER_UNAVAILABLE") == 0 ||
	       strstr(fault->message, "retry your request");
}

static enum osy_code refused(
	int status, bool is_json, struct osy_str body, unsigned retry_after_ms, struct osy_err *err)
{
	struct osy_sf_fault fault;
	char origin[64];

	snprintf(origin, sizeof(origin), "http:%d", status);
	if (status == 429)
		(void)osy_fail_from(
			err, OSY_E_LIMIT, origin, "the org limits logins for now (HTTP 429)");
	else if (!is_json || !osy_sf_fault_read(body, &fault))
		(void)osy_fail_from(err,
			status >= 400 && status < 500 && status != 408 && status != 420 && is_json
				? OSY_E_AUTH
				: OSY_E_UNREACHABLE,
			origin,
			"the login did not give an answer of Salesforce's (HTTP %d): maintenance, "
			"or not the right login URL",
			status);
	else {
		snprintf(origin, sizeof(origin), "sf:%s", fault.code);
		if (is_rate(&fault))
			(void)osy_fail_from(err, OSY_E_LIMIT, origin,
				"the org limits logins for now: %s", fault.message);
		else if (status >= 500 || status == 408 || status == 420 || is_passing(&fault))
			(void)osy_fail_from(err, OSY_E_UNREACHABLE, origin,
				"the login failed: %s: %s", fault.code, fault.message);
		else
			(void)osy_fail_from(err, OSY_E_AUTH, origin,
				"the login was refused (%s: %.200s): %s", fault.code, fault.message,
				hint_of(&fault));
	}
	err->retry_after_ms = retry_after_ms;
	return err->code;
}

/* "https://login.salesforce.com/id/ORG/USER": the user's id, when it is one. */
static void user_of(struct osy_str id_url, char ret[19])
{
	const char *slash = id_url.p ? memrchr(id_url.p, '/', id_url.len) : NULL;
	struct osy_id id;

	ret[0] = 0;
	if (slash && osy_id_parse((struct osy_str){slash + 1,
					  (size_t)(id_url.p + id_url.len - slash - 1)},
			     &id))
		osy_id_18(&id, ret);
}

enum osy_code osy_sf_login_read(const struct osy_org_login *login, bool allow_http, int status,
	struct osy_str type, struct osy_str body, unsigned retry_after_ms,
	struct osy_sf_login_reply *ret, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *tree = NULL;
	const bool is_json = osy_sf_is_json(type, body);
	struct osy_err parse_err;

	if (status != 200)
		return refused(status, is_json, body, retry_after_ms, err);
	if (!is_json || osy_json_parse(body, "login", &tree, &parse_err))
		return osy_fail_from(err, OSY_E_UNREACHABLE, "http:200",
			"the reply to the login is not what Salesforce sends: cut off, or not the "
			"right login URL");
	const struct osy_str token = osy_json_get_str(tree, "access_token");
	const struct osy_str instance = osy_json_get_str(tree, "instance_url");
	const struct osy_str refresh = osy_json_get_str(tree, "refresh_token");
	if (!token.p || !is_token(token))
		return osy_fail_from(err, OSY_E_AUTH, "http:200",
			"the reply to the login holds no access token");
	const bool plain = allow_http && osy_str_starts(osy_str(login->instance_url), "http://");
	if (instance.p && instance.len &&
		osy_sf_url_check(instance, plain, false, "the instance", &parse_err))
		return osy_fail_from(err, OSY_E_AUTH, "http:200",
			"the reply to the login names an instance that cannot be used: %.300s",
			&parse_err.msg[0]);
	osy_secret_set(&ret->token, token.p, token.len);
	if (refresh.p && refresh.len &&
		!osy_str_equal(refresh, osy_secret_open(&login->refresh_token)))
		osy_secret_set(&ret->refresh_token, refresh.p, refresh.len);
	if (instance.p && instance.len)
		ret->instance_url = osy_xstrndup(
			instance.p, instance.len - (instance.p[instance.len - 1] == '/'));
	user_of(osy_json_get_str(tree, "id"), ret->user_id);
	return OSY_OK;
}
