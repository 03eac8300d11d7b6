#include "hook.h"

#include "osy/crypt.h"
#include "osy/mem.h"
#include "osy/org_store.h"

#define URL_MOST 2000
#define SECRET_LEAST 24
#define SECRET_MOST 64
#define PREFIX "whsec_"

void osy_hook_done(struct osy_hook *hook)
{
	osy_secret_done(&hook->url);
	osy_secret_done(&hook->secret);
}

bool osy_hook_is_name(struct osy_str name)
{
	if (!name.p || name.len < 1 || name.len > 63 || name.p[0] == '.' || name.p[0] == '-')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		const char c = name.p[i];
		if (!((c | 32) >= 'a' && (c | 32) <= 'z') && !(c >= '0' && c <= '9') &&
			!memchr("._-", c, 3))
			return false;
	}
	return true;
}

/* ---- Checks ---- */

/* Scheme, host and port; the rest of the URL may be a secret and is shown nowhere. */
static struct osy_str address_of(struct osy_str url)
{
	const char *slashes = memmem(url.p, url.len, "://", 3);
	size_t at = slashes ? (size_t)(slashes - url.p) + 3 : 0;

	while (at < url.len && url.p[at] != '/' && url.p[at] != '?')
		at++;
	return (struct osy_str){url.p, at};
}

static bool is_rest_good(struct osy_str rest)
{
	for (size_t i = 0; i < rest.len; i++) {
		const unsigned char c = (unsigned char)rest.p[i];
		if (c <= ' ' || c >= 0x7f || strchr("#\\\"<>", c))
			return false;
	}
	return true;
}

static enum osy_code check_url(struct osy_str url, bool allow_http, struct osy_err *err)
{
	struct osy_str address = address_of(url);
	struct osy_err ignored;

	if (url.len > URL_MOST)
		return osy_fail(
			err, OSY_E_INVALID, "the hook's URL is longer than %d bytes", URL_MOST);
	if (osy_sf_url_check(address, allow_http, false, "the hook's URL", &ignored))
		return osy_fail(err, OSY_E_INVALID,
			"the hook's URL must be https:// and name a host by its domain, such as "
			"https://hooks.example.com/orgsync (http:// is for tests: on loopback, "
			"with ORGSYNC_ALLOW_HTTP_ORGS=true)");
	if (!is_rest_good((struct osy_str){url.p + address.len, url.len - address.len}))
		return osy_fail(err, OSY_E_INVALID,
			"the hook's URL may hold a path and a query behind its host, but no "
			"fragment, blank or quote");
	return OSY_OK;
}

static enum osy_code check_secret(struct osy_str secret, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf raw = OSY_BUF(64u * 1024);
	const size_t prefix = sizeof(PREFIX) - 1;
	struct osy_err ignored;
	bool good = osy_str_starts(secret, PREFIX) && secret.len < 1024 &&
		    osy_base64_decode((struct osy_str){secret.p + prefix, secret.len - prefix},
			    &raw, &ignored) == OSY_OK &&
		    raw.len >= SECRET_LEAST && raw.len <= SECRET_MOST;

	if (raw.cap)
		explicit_bzero(raw.p, raw.cap);
	if (good)
		return OSY_OK;
	return osy_fail(err, OSY_E_INVALID,
		"the hook's secret must be whsec_ and %d to %d bytes in base64; make one with "
		"`echo \"whsec_$(openssl rand -base64 32)\"`",
		SECRET_LEAST, SECRET_MOST);
}

enum osy_code osy_hook_check(const struct osy_hook *hook, bool allow_http, struct osy_err *err)
{
	enum osy_code rc = check_url(osy_secret_open(&hook->url), allow_http, err);

	return rc ? rc : check_secret(osy_secret_open(&hook->secret), err);
}

/* ---- At rest ---- */
static void context_of(const char *name, struct osy_buf *out)
{
	osy_buf_addf(out, "hook:%s", name);
}

/* URL and secret, a line each: neither holds a line end. */
static enum osy_code seal(const struct osy_secret *key, const char *name,
	const struct osy_hook *hook, struct osy_buf *out, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf context = OSY_BUF(1024);
	OSY_AUTO(osy_buf_done) struct osy_buf plain = OSY_BUF(8192);

	context_of(name, &context);
	(void)osy_buf_room(&plain, 4096); /* it grows no more: one copy */
	osy_buf_add_str(&plain, osy_secret_open(&hook->url));
	osy_buf_addc(&plain, '\n');
	osy_buf_add_str(&plain, osy_secret_open(&hook->secret));
	enum osy_code rc = osy_seal(key, osy_buf_str(&context), osy_buf_str(&plain), out, err);
	explicit_bzero(plain.p, plain.cap);
	return rc;
}

static enum osy_code unseal(const struct osy_secret *key, const char *name, struct osy_str sealed,
	struct osy_hook *ret, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf context = OSY_BUF(1024);
	OSY_AUTO(osy_secret_done) struct osy_secret plain = {0};

	context_of(name, &context);
	enum osy_code rc = osy_unseal(key, osy_buf_str(&context), sealed, &plain, err);
	if (rc)
		return osy_err_prefix(err, "hook %s cannot be opened", name);
	struct osy_str text = osy_secret_open(&plain);
	const char *line = memchr(text.p, '\n', text.len);
	if (!line)
		return osy_fail(err, OSY_E_INTERNAL, "hook %s holds no URL", name);
	osy_secret_set(&ret->url, text.p, (size_t)(line - text.p));
	osy_secret_set(&ret->secret, line + 1, text.len - (size_t)(line - text.p) - 1);
	return OSY_OK;
}

enum osy_code osy_hook_put(struct osy_pg *pg, const struct osy_secret *key, const char *name,
	const struct osy_hook *hook, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf sealed = OSY_BUF(16u * 1024);
	enum osy_code rc = seal(key, name, hook, &sealed, err);

	if (rc)
		return rc;
	return osy_pg_do(pg, NULL, err,
		"INSERT INTO hook (name, address, sealed) VALUES ($1, $2, $3) ON CONFLICT (name) "
		"DO UPDATE SET address = EXCLUDED.address, sealed = EXCLUDED.sealed",
		OSY_PG_Z(name), OSY_PG_TEXT(address_of(osy_secret_open(&hook->url))),
		OSY_PG_BYTES(osy_buf_str(&sealed)));
}

enum osy_code osy_hook_get(struct osy_pg *pg, const struct osy_secret *key, const char *name,
	struct osy_hook *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc =
		osy_pg_do(pg, &row, err, "SELECT sealed FROM hook WHERE name = $1", OSY_PG_Z(name));

	if (rc)
		return rc;
	if (!osy_pg_rows(row))
		return osy_fail(err, OSY_E_NOT_FOUND,
			"there is no hook named %s; `orgsync hook list` shows those there are",
			name);
	return unseal(key, name, osy_pg_str(row, 0, 0), ret, err);
}

enum osy_code osy_hooks_are_there(struct osy_pg *pg, const char *template_name, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(pg, &row, err,
		"SELECT n.name FROM template t CROSS JOIN LATERAL (SELECT h->>'hook' FROM "
		"jsonb_array_elements(t.doc::jsonb -> 'hooks') h UNION ALL SELECT o -> 'transform' "
		"->> 'hook' FROM jsonb_array_elements(t.doc::jsonb -> 'objects') o WHERE o -> "
		"'transform' IS NOT NULL) n(name) WHERE t.name = $1 AND NOT EXISTS (SELECT 1 FROM "
		"hook WHERE hook.name = n.name) LIMIT 1",
		OSY_PG_Z(template_name));

	if (rc || !osy_pg_rows(row))
		return rc;
	struct osy_str name = osy_pg_str(row, 0, 0);
	return osy_fail(err, OSY_E_INVALID,
		"template %s names hook %.*s, which is not there; an admin adds it: `orgsync hook "
		"add %.*s --url URL --secret-file FILE`",
		template_name, (int)name.len, name.p, (int)name.len, name.p);
}
