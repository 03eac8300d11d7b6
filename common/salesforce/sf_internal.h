/* Between the files of this room. */
#ifndef OSY_SF_INTERNAL_H
#define OSY_SF_INTERNAL_H

#include "osy/sf_org.h"

/* "/services/data/v60.0/" */
#define OSY_SF_DATA_ROOT "/services/data/v" OSY_SF_API_VERSION "/"

/*
 * Turns a reply into a code and, when it is not OSY_OK, an error. body is looked at as JSON only
 * when is_json. A session that was refused is OSY_E_SESSION. Source: salesforce-wire.md
 * sections 2.1, 2.6, 2.13.
 */
enum osy_code osy_sf_classify(int status, bool is_json, bool is_html, struct osy_str body,
	unsigned retry_after_ms, struct osy_err *err) OSY_CHECKED;

/* By its Content-Type, or by how it begins. */
bool osy_sf_is_json(struct osy_str type, struct osy_str body);

/* Salesforce's own error out of a body: {"error",...}, {"errorCode",...} or an array of the latter;
 * false: none. */
struct osy_sf_fault {
	char code[48];
	char message[320];
};
bool osy_sf_fault_read(struct osy_str body, struct osy_sf_fault *ret);

/* ---- Logins ---- */

struct osy_sf_login_reply {
	struct osy_secret token, refresh_token;
	char *instance_url; /* NULL: as before */
	char user_id[19];
};
void osy_sf_login_reply_done(struct osy_sf_login_reply *reply);

void osy_org_login_copy(const struct osy_org_login *from, struct osy_org_login *to);
/* The token endpoint and the form to post there. server_offset_ms: the org's clock minus ours, as
 * far as it is known. */
enum osy_code osy_sf_login_form(const struct osy_org_login *login, int64_t server_offset_ms,
	struct osy_buf *url, struct osy_buf *form, struct osy_err *err) OSY_CHECKED;
/*
 * Reads the answer of the token endpoint. Whatever is not a refusal for good is OSY_E_UNREACHABLE
 * or OSY_E_LIMIT: the calls that waited for the session were not sent, for certain.
 */
enum osy_code osy_sf_login_read(const struct osy_org_login *login, bool allow_http, int status,
	struct osy_str type, struct osy_str body, unsigned retry_after_ms,
	struct osy_sf_login_reply *ret, struct osy_err *err) OSY_CHECKED;

/* What a SOAP fault says; false: body is none. */
bool osy_sf_soap_fault(int status, struct osy_str body, struct osy_err *err);

#endif
