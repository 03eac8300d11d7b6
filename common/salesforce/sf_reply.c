#include <stdio.h>
#include <string.h>

#include "osy/json.h"
#include "osy/mem.h"
#include "osy/sf_collection.h"
#include "osy/xml.h"

#include "sf_internal.h"

#include "osy/banned.h"

#define FAULT_MAX_BYTES (1u << 20)

/* Copies a text that goes into a message: cut at a whole character, on one line. */
static void one_line(struct osy_str text, char *to, size_t size)
{
	size_t len = text.len < size - 1 ? text.len : size - 1;

	if (len < text.len) {
		while (len && ((unsigned char)text.p[len] & 0xc0) == 0x80)
			len--;
	}
	for (size_t i = 0; i < len; i++)
		to[i] = (unsigned char)text.p[i] < ' ' ? ' ' : text.p[i];
	to[len] = 0;
}

bool osy_sf_fault_read(struct osy_str body, struct osy_sf_fault *ret)
{
	static const char *const keys[][2] = {{"errorCode", "message"},
		{"error", "error_description"}, {"statusCode", "message"}};
	OSY_AUTO(osy_json_free_at) struct osy_json *tree = NULL;
	struct osy_err ignored;

	if (!body.p || body.len > FAULT_MAX_BYTES || osy_json_parse(body, "error", &tree, &ignored))
		return false;
	const struct osy_json *fault =
		osy_json_type(tree) == OSY_JSON_ARRAY ? osy_json_at(tree, 0) : tree;
	for (size_t i = 0; i < OSY_COUNT(keys); i++) {
		const struct osy_str code = osy_json_get_str(fault, keys[i][0]);
		if (!code.p || !code.len)
			continue;
		const struct osy_str message = osy_json_get_str(fault, keys[i][1]);
		one_line(code, ret->code, sizeof(ret->code));
		one_line(message.p ? message : OSY_STR(""), ret->message, sizeof(ret->message));
		return true;
	}
	return false;
}

static enum osy_code fail_limit(
	const struct osy_sf_fault *fault, unsigned retry_after_ms, struct osy_err *err)
{
	const char *kind = strstr(fault->message, "oncurrent")	     ? ":concurrent"
			   : strstr(fault->message, "TotalRequests") ? ":daily"
								     : "";
	char origin[64];

	snprintf(origin, sizeof(origin), "sf:%.24s%s", fault->code, kind);
	(void)osy_fail_from(err, OSY_E_LIMIT, origin,
		"the org's limit of API requests is reached: %s", fault->message);
	err->retry_after_ms = retry_after_ms;
	return err->code;
}

enum osy_sf_limit osy_sf_limit_kind(const struct osy_err *err)
{
	if (err->code != OSY_E_LIMIT)
		return OSY_SF_LIMIT_NONE;
	return strstr(err->origin, ":daily") ? OSY_SF_LIMIT_DAILY : OSY_SF_LIMIT_CONCURRENT;
}

/* Refused for a reason that lies in the request, whoever wrote the page that says so. */
static bool is_about_size(int status)
{
	return status == 413 || status == 414 || status == 431;
}

static enum osy_code code_of(int status, bool is_html)
{
	if (status == 429)
		return OSY_E_LIMIT;
	if (status == 401)
		return OSY_E_SESSION;
	if (status == 420) /* the edge had no route to the org */
		return OSY_E_UNREACHABLE;
	if (is_about_size(status))
		return OSY_E_SALESFORCE;
	if (status >= 500 || status == 408 || is_html || status < 400)
		return OSY_E_NO_REPLY;
	return OSY_E_SALESFORCE;
}

static bool is_session_fault(const struct osy_sf_fault *fault)
{
	return strcmp(fault->code, "INVALID_SESSION_ID") == 0 ||
	       strcmp(fault->code, "INVALID_AUTH_HEADER") == 0;
}

static enum osy_code fail_fault(
	int status, const struct osy_sf_fault *fault, unsigned retry_after_ms, struct osy_err *err)
{
	char origin[64];
	enum osy_code code = is_session_fault(fault) ? OSY_E_SESSION : code_of(status, false);

	if (strcmp(fault->code, "REQUEST_LIMIT_EXCEEDED") == 0 && status >= 400)
		return fail_limit(fault, retry_after_ms, err);
	snprintf(origin, sizeof(origin), "sf:%s", fault->code);
	(void)osy_fail_from(
		err, code, origin, "%s: %s (HTTP %d)", fault->code, fault->message, status);
	err->retry_after_ms = retry_after_ms;
	if (code == OSY_E_SALESFORCE &&
		osy_sf_verdict(osy_str(fault->code), osy_str(fault->message)) == OSY_SF_RETRY_ROW)
		err->cls = OSY_RETRY;
	return code;
}

enum osy_code osy_sf_classify(int status, bool is_json, bool is_html, struct osy_str body,
	unsigned retry_after_ms, struct osy_err *err)
{
	struct osy_sf_fault fault;
	char origin[32];

	if ((status >= 200 && status < 300) || status == 300) {
		if (is_html && body.len)
			return osy_fail_from(err, OSY_E_NO_REPLY, "html",
				"a web page came in the place of a reply (maintenance?)");
		return OSY_OK;
	}
	if (is_json && !is_html && osy_sf_fault_read(body, &fault))
		return fail_fault(status, &fault, retry_after_ms, err);
	enum osy_code code = code_of(status, is_html);
	if (status == 403 && body.p && memmem(body.p, body.len, "Bad_OAuth_Token", 15))
		code = OSY_E_SESSION;
	snprintf(origin, sizeof(origin), "http:%d", status);
	(void)osy_fail_from(err, code, origin, "HTTP %d without an error of Salesforce's own%s",
		status, is_html ? ": a web page" : "");
	err->retry_after_ms = retry_after_ms;
	return code;
}

/* ---- SOAP ---- */
bool osy_sf_soap_fault(int status, struct osy_str body, struct osy_err *err)
{
	OSY_AUTO(osy_xml_free_at) struct osy_xml *xml = NULL;
	OSY_AUTO(osy_buf_done)
	struct osy_buf code = OSY_BUF(FAULT_MAX_BYTES), text = OSY_BUF(FAULT_MAX_BYTES);
	struct osy_sf_fault fault;
	struct osy_err ignored;

	if (osy_xml_parse(body, "a fault", &xml, &ignored))
		return false;
	const struct osy_xml_node *node =
		osy_xml_child(osy_xml_child(osy_xml_root(xml), "Body"), "Fault");
	if (!node || osy_xml_text(osy_xml_child(node, "faultcode"), &code, &ignored) ||
		osy_xml_text(osy_xml_child(node, "faultstring"), &text, &ignored))
		return false;
	const char *colon = strchr(code.p, ':');
	one_line(osy_str(colon ? colon + 1 : code.p), fault.code, sizeof(fault.code));
	one_line(osy_buf_str(&text), fault.message, sizeof(fault.message));
	/* the status of a fault is always 500 and says nothing */
	(void)fail_fault(is_session_fault(&fault) || status != 500 ? status : 400, &fault, 0, err);
	return true;
}
