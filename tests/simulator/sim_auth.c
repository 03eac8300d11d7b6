/* OAuth flows, sessions, identity. */
#include "sim_http.h"
#include "sim_soql.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdlib.h>

#define SIM_CLIENT "orgsync"
#define SIM_SECRET "orgsync-secret"

static void sim_oauth_error(struct sim_resp *resp, const char *error, const char *text)
{
	resp->status = 400;
	sim_buf_fmt(&resp->body, "{\"error\":\"%s\",\"error_description\":\"%s\"}", error, text);
}

/* ---- sessions ---- */

static void sim_session_new(struct sim_org *org, uint64_t user, char token[120])
{
	static const char abc[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";
	struct sim_session *s;
	int n = snprintf(token, 120, "%.15s!AQ", org->id);

	for (; n < 100; n++)
		token[n] = abc[sim_random() % 64];
	token[n] = 0;
	pthread_mutex_lock(&org->side);
	if (org->nsessions == org->session_cap) {
		if (org->nsessions >= 1000) { /* the oldest go */
			memmove(org->session, org->session + 500, 500 * sizeof(*s));
			org->nsessions -= 500;
		} else {
			org->session_cap = org->session_cap ? org->session_cap * 2 : 16;
			org->session =
				sim_realloc(org->session, (size_t)org->session_cap * sizeof(*s));
		}
	}
	s = &org->session[org->nsessions++];
	memcpy(s->token, token, 120);
	s->user = user;
	s->used_ms = sim_mono_ms();
	pthread_mutex_unlock(&org->side);
}

bool sim_session_check(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_org *org = req->org;
	struct sim_str auth = req->header[SIM_H_AUTH], kind = sim_cut(&auth, ' ');
	int64_t now = sim_mono_ms();
	bool ok = false;

	pthread_mutex_lock(&org->side);
	for (int i = org->nsessions - 1; i >= 0 && !ok; i--) {
		struct sim_session *s = &org->session[i];

		if (!sim_eq(auth, sim_cstr(s->token)))
			continue;
		if (now - s->used_ms > org->session_ttl_ms)
			break;
		s->used_ms = now;
		req->user = s->user;
		req->token = sim_arena_dup(req->arena, auth);
		ok = sim_is(kind, "Bearer") || sim_is(kind, "OAuth");
	}
	pthread_mutex_unlock(&org->side);
	if (ok)
		return true;
	resp->no_limit_info = true;
	sim_resp_error(resp, 401, "INVALID_SESSION_ID", "Session expired or invalid");
	sim_resp_header(resp, "WWW-Authenticate", "Token");
	return false;
}

void sim_session_kill(struct sim_org *org, struct sim_str token)
{
	pthread_mutex_lock(&org->side);
	for (int i = org->nsessions - 1; i >= 0; i--)
		if (!token.len || sim_eq(token, sim_cstr(org->session[i].token)))
			org->session[i].token[0] = 0;
	pthread_mutex_unlock(&org->side);
}

/* the one that holds now */
static void sim_refresh_token(const struct sim_org *org, char *out, size_t size)
{
	if (org->refreshed)
		snprintf(out, size, "refresh-%s-%u", org->name, org->refreshed);
	else
		snprintf(out, size, "refresh-%s", org->name);
}

/* Takes a refresh token that holds; more: members of the answer. */
static bool sim_refresh_take(struct sim_org *org, struct sim_str token, char *more, size_t size)
{
	char want[120];
	bool held;

	pthread_mutex_lock(&org->side);
	sim_refresh_token(org, want, sizeof(want));
	held = sim_eq(token, sim_cstr(want));
	more[0] = 0;
	if (held && org->set.rotate_tokens) {
		org->refreshed++;
		sim_refresh_token(org, want, sizeof(want));
		snprintf(more, size, "\"refresh_token\":\"%s\",", want);
	}
	pthread_mutex_unlock(&org->side);
	return held;
}

/* more: members; flows that give no refresh token tell the scope */
static void sim_token_reply(
	struct sim_req *req, struct sim_resp *resp, uint64_t user, const char *more)
{
	unsigned char mac[32];
	char token[120], id[19], sign[200];
	unsigned len = sizeof(mac);
	struct sim_buf sig = {0};
	int n, shown = req->org->set.public_port ? (int)req->org->set.public_port : req->org->port;

	sim_session_new(req->org, user, token);
	sim_id_text(req->org, user, id);
	n = snprintf(sign, sizeof(sign), "http://127.0.0.1:%d/id/%s/%s%lld", req->org->port,
		req->org->id, id, (long long)sim_now_ms());
	HMAC(EVP_sha256(), SIM_SECRET, (int)strlen(SIM_SECRET), (unsigned char *)sign, (size_t)n,
		mac, &len);
	sim_base64_encode(&sig, (struct sim_str){(char *)mac, len});
	sim_buf_fmt(&resp->body,
		"{\"access_token\":\"%s\",\"signature\":\"%.*s\",%s"
		"\"instance_url\":\"http://127.0.0.1:%d\",\"id\":\"http://127.0.0.1:%d/id/%s/%s\","
		"\"token_type\":\"Bearer\",\"issued_at\":\"%lld\"}",
		token, SIM_P(sim_buf_view(&sig)), more, shown, req->org->port, req->org->id, id,
		(long long)sim_now_ms());
	sim_buf_done(&sig);
}

/* ---- users ---- */

static uint64_t sim_user_named(struct sim_org *org, struct sim_str name)
{
	const struct sim_field *f = sim_field_named(org->user_obj, "Username");
	uint64_t at;

	pthread_rwlock_rdlock(&org->db);
	at = name.len ? sim_index_next(org->user_obj->store, f->index, name, 0) : 0;
	pthread_rwlock_unlock(&org->db);
	return at ? sim_oid(org->user_obj->idx, at) : 0;
}

/* ---- JWT ---- */

bool sim_auth_load_key(struct sim_org *org, const char *pem, size_t len)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);

	BIO_free(bio);
	if (!key)
		return false;
	EVP_PKEY_free(org->jwt_key);
	org->jwt_key = key;
	return true;
}

static bool sim_rs256_ok(struct sim_org *org, struct sim_str text, struct sim_str sig)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = org->jwt_key && sig.len &&
		  EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, org->jwt_key) == 1 &&
		  EVP_DigestVerify(ctx, (const unsigned char *)sig.p, sig.len,
			  (const unsigned char *)text.p, text.len) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool sim_aud_ok(const struct sim_org *org, struct sim_str aud)
{
	char own[64];

	snprintf(own, sizeof(own), "http://127.0.0.1:%d", org->port);
	return sim_is(aud, "https://login.salesforce.com") ||
	       sim_is(aud, "https://test.salesforce.com") || sim_is(aud, own) ||
	       sim_starts(aud, "http://localhost:");
}

static void sim_jwt_flow(struct sim_req *req, struct sim_resp *resp, struct sim_str form)
{
	struct sim_str jwt = sim_form_get(req->arena, form, "assertion"), rest = jwt, head, body,
		       sig;
	struct sim_json *h, *b;
	int64_t now = sim_now_ms() / 1000, exp;
	uint64_t user;

	head = sim_cut(&rest, '.');
	body = sim_cut(&rest, '.');
	sig = sim_base64_decode(req->arena, rest);
	if (!head.len || !body.len || !rest.len) {
		sim_oauth_error(resp, "invalid_grant", "invalid assertion");
		return;
	}
	rest = sim_base64_decode(req->arena, head);
	h = rest.p ? sim_json_parse(req->arena, (char *)rest.p, rest.len, NULL) : NULL;
	rest = sim_base64_decode(req->arena, body);
	b = rest.p ? sim_json_parse(req->arena, (char *)rest.p, rest.len, NULL) : NULL;
	if (!h || !b || !sim_eq(sim_json_str(h, "alg"), SIM_S("RS256")) ||
		!sim_rs256_ok(req->org, (struct sim_str){jwt.p, head.len + 1 + body.len}, sig)) {
		sim_oauth_error(resp, "invalid_grant", "invalid assertion");
		return;
	}
	exp = sim_json_i64(b, "exp", 0);
	user = sim_user_named(req->org, sim_json_str(b, "sub"));
	if (!sim_eq(sim_json_str(b, "iss"), SIM_S(SIM_CLIENT)))
		sim_oauth_error(resp, "invalid_client_id", "client identifier invalid");
	else if (!sim_aud_ok(req->org, sim_json_str(b, "aud")))
		sim_oauth_error(resp, "invalid_grant", "audience is invalid");
	else if (exp < now)
		sim_oauth_error(resp, "invalid_grant", "assertion expired");
	else if (exp > now + 310)
		sim_oauth_error(resp, "invalid_grant", "invalid assertion");
	else if (!user)
		sim_oauth_error(resp, "invalid_grant", "user hasn't approved this consumer");
	else
		sim_token_reply(req, resp, user, "\"scope\":\"api\",");
}

static bool sim_client_ok(struct sim_req *req, struct sim_str form, bool secret_needed)
{
	struct sim_str id = sim_form_get(req->arena, form, "client_id");
	struct sim_str secret = sim_form_get(req->arena, form, "client_secret");
	struct sim_str basic = req->header[SIM_H_AUTH];

	if (sim_starts(basic, "Basic ")) {
		basic.p += 6, basic.len -= 6;
		secret = sim_base64_decode(req->arena, basic);
		id = sim_cut(&secret, ':');
	}
	return sim_eq(id, SIM_S(SIM_CLIENT)) &&
	       (sim_eq(secret, SIM_S(SIM_SECRET)) || (!secret_needed && !secret.len));
}

void sim_auth_token(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_str form = {req->body, req->len}, grant, user, pass;
	char more[160];

	if (!sim_eq(req->method, SIM_S("POST"))) {
		sim_oauth_error(resp, "invalid_request", "must use HTTP POST");
		return;
	}
	grant = sim_form_get(req->arena, form, "grant_type");
	if (sim_eq(grant, SIM_S("urn:ietf:params:oauth:grant-type:jwt-bearer"))) {
		sim_jwt_flow(req, resp, form);
		return;
	}
	if (!sim_client_ok(req, form, !sim_eq(grant, SIM_S("refresh_token")))) {
		sim_oauth_error(resp, "invalid_client", "invalid client credentials");
		return;
	}
	if (sim_eq(grant, SIM_S("client_credentials"))) {
		sim_token_reply(req, resp, req->org->admin, "\"scope\":\"api\",");
	} else if (sim_eq(grant, SIM_S("refresh_token"))) {
		if (sim_refresh_take(req->org, sim_form_get(req->arena, form, "refresh_token"),
			    more, sizeof(more)))
			sim_token_reply(req, resp, req->org->admin, more);
		else
			sim_oauth_error(resp, "invalid_grant", "expired access/refresh token");
	} else if (sim_eq(grant, SIM_S("password"))) {
		user = sim_form_get(req->arena, form, "username");
		pass = sim_form_get(req->arena, form, "password");
		if (sim_user_named(req->org, user) && sim_starts(pass, "simulator"))
			sim_token_reply(req, resp, sim_user_named(req->org, user), "");
		else
			sim_oauth_error(resp, "invalid_grant", "authentication failure");
	} else {
		sim_oauth_error(resp, "unsupported_grant_type", "grant type not supported");
	}
}

static void sim_user_text(struct sim_buf *b, struct sim_org *org, const struct sim_rec *r,
	const char *key, const char *field)
{
	sim_buf_fmt(b, ",\"%s\":", key);
	sim_value_out(b, org, org->user_obj, r, sim_field_named(org->user_obj, field));
}

static struct sim_rec *sim_this_user(struct sim_req *req, struct sim_resp *resp)
{
	return sim_session_check(req, resp) ? sim_take_rec(req->org, req->user) : NULL;
}

static void sim_user_urls(struct sim_buf *b, const struct sim_org *org, const char *id)
{
	static const struct {
		const char *name, *path;
	} soap[] = {{"enterprise", "c"}, {"metadata", "m"}, {"partner", "u"}},
	  rest[] = {{"rest", ""}, {"sobjects", "sobjects/"}, {"search", "search/"},
		  {"query", "query/"}, {"recent", "recent/"}, {"feeds", "chatter/feeds"},
		  {"groups", "chatter/groups"}, {"users", "chatter/users"},
		  {"feed_items", "chatter/feed-items"}};

	sim_buf_fmt(b, ",\"urls\":{\"profile\":\"http://127.0.0.1:%d/%s\"", org->port, id);
	for (size_t i = 0; i < SIM_COUNT(soap); i++)
		sim_buf_fmt(b, ",\"%s\":\"http://127.0.0.1:%d/services/Soap/%s/{version}/%.15s\"",
			soap[i].name, org->port, soap[i].path, org->id);
	for (size_t i = 0; i < SIM_COUNT(rest); i++)
		sim_buf_fmt(b, ",\"%s\":\"http://127.0.0.1:%d/services/data/v{version}/%s\"",
			rest[i].name, org->port, rest[i].path);
	sim_buf_ch(b, '}');
}

void sim_auth_info(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_buf *b = &resp->body;
	struct sim_rec *r = sim_this_user(req, resp);
	char id[19];

	if (!r)
		return;
	sim_id_text(req->org, req->user, id);
	sim_buf_fmt(b,
		"{\"sub\":\"http://127.0.0.1:%d/id/%s/%s\",\"user_id\":\"%s\","
		"\"organization_id\":\"%s\",\"email_verified\":true,\"zoneinfo\":"
		"\"America/Los_Angeles\",\"user_type\":\"STANDARD\",\"language\":\"en_US\","
		"\"locale\":\"en_US\",\"utcOffset\":-28800000",
		req->org->port, req->org->id, id, id, req->org->id);
	sim_user_text(b, req->org, r, "preferred_username", "Username");
	sim_user_text(b, req->org, r, "name", "Name");
	sim_user_text(b, req->org, r, "nickname", "CommunityNickname");
	sim_user_text(b, req->org, r, "given_name", "FirstName");
	sim_user_text(b, req->org, r, "family_name", "LastName");
	sim_user_text(b, req->org, r, "email", "Email");
	sim_user_text(b, req->org, r, "active", "IsActive");
	sim_user_urls(b, req->org, id);
	sim_buf_ch(b, '}');
	sim_rec_unref(r);
}

void sim_auth_identity(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_buf *b = &resp->body;
	struct sim_rec *r = sim_this_user(req, resp);
	char id[19];

	if (!r)
		return;
	sim_id_text(req->org, req->user, id);
	sim_buf_fmt(b,
		"{\"id\":\"http://127.0.0.1:%d/id/%s/%s\",\"asserted_user\":true,\"user_id\":"
		"\"%s\",\"organization_id\":\"%s\",\"email_verified\":true,\"timezone\":"
		"\"America/Los_Angeles\",\"photos\":{\"picture\":\"http://127.0.0.1:%d/F\","
		"\"thumbnail\":\"http://127.0.0.1:%d/T\"},\"addr_street\":null,\"addr_city\":null,"
		"\"addr_state\":null,\"addr_country\":\"US\",\"addr_zip\":\"94105\","
		"\"mobile_phone\":null,\"mobile_phone_verified\":false,\"status\":{"
		"\"created_date\":null,\"body\":null},\"user_type\":\"STANDARD\",\"language\":"
		"\"en_US\",\"locale\":\"en_US\",\"utcOffset\":-28800000,\"is_app_installed\":"
		"true",
		req->org->port, req->org->id, id, id, req->org->id, req->org->port, req->org->port);
	sim_user_text(b, req->org, r, "username", "Username");
	sim_user_text(b, req->org, r, "nick_name", "CommunityNickname");
	sim_user_text(b, req->org, r, "display_name", "Name");
	sim_user_text(b, req->org, r, "email", "Email");
	sim_user_text(b, req->org, r, "first_name", "FirstName");
	sim_user_text(b, req->org, r, "last_name", "LastName");
	sim_user_text(b, req->org, r, "active", "IsActive");
	sim_user_text(b, req->org, r, "last_modified_date", "LastModifiedDate");
	sim_user_urls(b, req->org, id);
	sim_buf_ch(b, '}');
	sim_rec_unref(r);
}
