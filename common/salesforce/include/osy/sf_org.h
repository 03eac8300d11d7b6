/*
 * A live org: credentials, session, and calls to its APIs over an osy_http. One thread (that of its
 * osy_http).
 *
 * A call carries the session's token; without a session it logs in first; a 401 INVALID_SESSION_ID
 * (nothing was executed) logs in anew once and is sent again. No other failure is retried here.
 * Logins of one org never run side by side.
 *
 * The reply's code says what a loop needs to know:
 *   OSY_OK            2xx (and 300, whose body is a list of URLs)
 *   OSY_E_UNREACHABLE the request was not executed, for certain: no connection, or refused before
 * execution OSY_E_NO_REPLY    it may have been executed: connection lost, cut body, time-out, 500,
 * 502, 503, 504 or HTML OSY_E_LIMIT       refused by a limit, not executed: REQUEST_LIMIT_EXCEEDED,
 * 429; origin tells daily from concurrent OSY_E_SESSION     refused again after a fresh login
 *   OSY_E_AUTH        the login itself was refused
 *   OSY_E_SALESFORCE  4xx with Salesforce's own code in origin ("sf:MALFORMED_QUERY") and its
 * message A 503 with SERVER_UNAVAILABLE may come from an instance that has executed nothing, but
 * that is not certain.
 */
#ifndef OSY_SF_ORG_H
#define OSY_SF_ORG_H

#include "osy/http.h"
#include "osy/json.h"
#include "osy/secret.h"
#include "osy/str.h"

#define OSY_SF_API_VERSION "60.0"
#define OSY_SF_CLIENT "orgsync"

enum osy_auth {
	OSY_AUTH_JWT,
	OSY_AUTH_CLIENT_CREDENTIALS,
	OSY_AUTH_REFRESH_TOKEN,
	OSY_AUTH_PASSWORD,
	OSY_AUTH_ACCESS_TOKEN
};

/* Names as on the command line: "jwt", "client-credentials", ...; false when unknown. */
bool osy_auth_parse(struct osy_str name, enum osy_auth *ret);
const char *osy_auth_name(enum osy_auth auth);

struct osy_org_login {
	enum osy_auth auth;
	char *instance_url; /* without a slash at the end */
	char *login_url;    /* NULL: instance_url */
	char *client_id;
	char *username;
	struct osy_secret client_secret, private_key, refresh_token, password, access_token;
};
void osy_org_login_done(struct osy_org_login *login);
/* "https://host", or "http://host" on loopback when allowed; path: one may follow. The sentence
 * says what is wrong. */
enum osy_code osy_sf_url_check(struct osy_str url, bool allow_http, bool path, const char *what,
	struct osy_err *err) OSY_CHECKED;
/*
 * Checks a login before anything is sent: URL well-formed, https, or http on loopback when allowed;
 * no user, query or fragment in it; what the kind of login needs is there. The sentence of the
 * error says what to do.
 */
enum osy_code osy_org_login_check(
	const struct osy_org_login *login, bool allow_http, struct osy_err *err) OSY_CHECKED;
/* The secrets as one JSON text for sealing, and back. */
void osy_org_login_write_secrets(const struct osy_org_login *login, struct osy_buf *out);
enum osy_code osy_org_login_read_secrets(
	struct osy_org_login *login, struct osy_str json, struct osy_err *err) OSY_CHECKED;

struct osy_org;

/* Takes a copy of login; http is borrowed and must outlive it. name is for error texts. */
struct osy_org *osy_org_new(struct osy_http *http, const char *name,
	const struct osy_org_login *login, bool allow_http);
/* Breaks its calls off; not out of the done of one of them. */
struct osy_org *osy_org_free(struct osy_org *org);

/*
 * Where a login is kept. Some orgs put a new refresh token in the place of the one that was used,
 * which holds no longer: keep is told at once. renew is asked when ours is refused; true: somebody
 * else has kept another one meanwhile, which it has put into login.
 */
struct osy_org_keeper {
	void (*keep)(const struct osy_org_login *login, void *arg);
	bool (*renew)(struct osy_org_login *login, void *arg);
	void (*free)(void *arg); /* with the org */
	void *arg;
};
void osy_org_set_keeper(struct osy_org *org, const struct osy_org_keeper *keeper);

struct osy_sf_reply {
	enum osy_code code;
	int status;
	struct osy_buf *body;	     /* the callback may take it (osy_buf_take) */
	struct osy_http_reply *http; /* NULL when no request was made */
	int64_t elapsed_us;
	struct osy_err err; /* when code is not OSY_OK */
};

typedef void (*osy_sf_done)(struct osy_sf_reply *reply, void *arg);

struct osy_sf_request {
	const char *method;
	struct osy_str
		path; /* "/services/data/v60.0/..." or relative to the data root: "query?q=..." */
	struct osy_str body; /* JSON; borrowed until done; p NULL: none */
	/*
	 * May be NULL. Called with done's arg when all of body is on its way: it is borrowed no
	 * longer. A session that is refused after that is told (OSY_E_SESSION: the call was not
	 * executed); the next call logs in.
	 */
	void (*on_body_sent)(void *arg);
	/* May be NULL: osy/http.h. With done's arg. */
	bool (*may_send)(void *arg);
	const char *content_type;	       /* NULL: application/json */
	const struct osy_http_header *headers; /* further ones; copied */
	size_t header_count;
	/* body is a SOAP envelope: the session's token goes into its first empty <sessionId>. A
	 * fault is OSY_E_SALESFORCE with its code in origin, whatever the status. */
	bool soap;
	size_t max_reply_bytes; /* 0: 64 MiB */
	unsigned timeout_ms;	/* 0: the org's own limit and a little */
	/* As in osy_http_request: a body out of a file, a reply in pieces. A session that is
	 * refused is renewed and the request sent again, as always: no piece has come then. A page
	 * of HTML with a status of 2xx is not handed out; it ends in OSY_E_NO_REPLY. With on_data
	 * max_reply_bytes 0 is no bound. */
	int body_fd;
	int64_t body_size;
	bool (*on_data)(struct osy_http_call *call, struct osy_str piece, void *arg);
	/* As there, with done's arg: a body that is made as it goes. A session that is refused is
	 * told (OSY_E_SESSION): such a body cannot be made again. */
	ssize_t (*read_body)(struct osy_http_call *call, char *out, size_t size, void *arg);
};

/* done is called from osy_http_poll, exactly once. */
enum osy_code osy_sf_start(struct osy_org *org, const struct osy_sf_request *request,
	osy_sf_done done, void *arg, struct osy_err *err) OSY_CHECKED;
/* Breaks off the calls with this arg; done is not called. Not from on_data or read_body. */
void osy_sf_cancel(struct osy_org *org, const void *arg);
/* A whole call on the spot, without on_data (polls). out gets the body; the code is returned. */
enum osy_code osy_sf_run(struct osy_org *org, const struct osy_sf_request *request,
	struct osy_buf *out, struct osy_err *err) OSY_CHECKED;
/* GET path, parsed as JSON. */
enum osy_code osy_sf_get(struct osy_org *org, const char *path, struct osy_json **ret,
	struct osy_err *err) OSY_CHECKED;

/* Logs in when there is no session and asks who the org is; fills the identity below. */
struct osy_org_identity {
	char org_id[19], user_id[19];
	char name[128], instance_name[32], organization_type[48];
	bool is_sandbox;
};
enum osy_code osy_org_identify(
	struct osy_org *org, struct osy_org_identity *ret, struct osy_err *err) OSY_CHECKED;

/*
 * Which limit an OSY_E_LIMIT ran into. Its origin is "sf:REQUEST_LIMIT_EXCEEDED:daily",
 * "...:concurrent", without a suffix when the text does not tell (taken as concurrent: a short
 * wait, then osy_org_usage() knows more), or "http:429".
 */
enum osy_sf_limit { OSY_SF_LIMIT_NONE, OSY_SF_LIMIT_DAILY, OSY_SF_LIMIT_CONCURRENT };
enum osy_sf_limit osy_sf_limit_kind(const struct osy_err *err);

const char *osy_org_name(const struct osy_org *org);
/* The refresh token that the org has put in the place of ours (rotation), to be kept; NULL: ours
 * still holds. */
const struct osy_secret *osy_org_rotated_token(const struct osy_org *org);
uint64_t osy_org_calls(
	const struct osy_org *org); /* API calls sent so far by this object (logins not counted) */
/* Daily API calls out of a Sforce-Limit-Info header; false when it does not tell. */
bool osy_sf_usage(struct osy_str info, int64_t *ret_used, int64_t *ret_max);
/* As of the last reply that told; false when never seen. */
bool osy_org_usage(const struct osy_org *org, int64_t *ret_used, int64_t *ret_max);
/* The org's clock minus ours, from Date headers (1 s resolution): the smallest and the largest that
 * fit. False: it has not told yet, and a day either way is given. */
bool osy_org_clock(const struct osy_org *org, int64_t *ret_least_ms, int64_t *ret_most_ms);

#endif
