#include "osy/sf_undelete.h"

#include "osy/json_write.h"
#include "osy/mem.h"
#include "osy/xml.h"

#define TEXT_MAX (64u * 1024)

void osy_sf_undelete(
	const char (*ids)[19], size_t count, struct osy_buf *body, struct osy_sf_request *ret)
{
	static const struct osy_http_header action = {"SOAPAction", {"\"undelete\"", 10}};

	OSY_ASSERT(count <= OSY_SF_UNDELETE_MAX);
	osy_buf_reset(body);
	osy_buf_addz(body,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope "
		"xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" "
		"xmlns=\"urn:partner.soap.sforce.com\"><soapenv:Header><SessionHeader>"
		"<sessionId></sessionId></SessionHeader><CallOptions><client>" OSY_SF_CLIENT
		"</client></CallOptions></soapenv:Header><soapenv:Body><undelete>");
	for (size_t i = 0; i < count; i++)
		osy_buf_addf(body, "<ids>%s</ids>", ids[i]);
	osy_buf_addz(body, "</undelete></soapenv:Body></soapenv:Envelope>");
	*ret = (struct osy_sf_request){.method = "POST",
		.path = OSY_STR("/services/Soap/u/" OSY_SF_API_VERSION),
		.body = osy_buf_str(body),
		.soap = true,
		.content_type = "text/xml; charset=UTF-8",
		.headers = &action,
		.header_count = 1};
}

static enum osy_code take(const struct osy_xml_node *node, size_t index, osy_sf_result result,
	void *arg, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done)
	struct osy_buf id = OSY_BUF(TEXT_MAX), success = OSY_BUF(TEXT_MAX),
		       code = OSY_BUF(TEXT_MAX), text = OSY_BUF(TEXT_MAX),
		       message = OSY_BUF(6 * TEXT_MAX);
	const struct osy_xml_node *errors = osy_xml_child(node, "errors");
	struct osy_json_writer w = osy_json_writer(&message);
	enum osy_code rc = osy_xml_text(osy_xml_child(node, "id"), &id, err);

	if (!rc)
		rc = osy_xml_text(osy_xml_child(node, "success"), &success, err);
	if (!rc)
		rc = osy_xml_text(osy_xml_child(errors, "statusCode"), &code, err);
	if (!rc)
		rc = osy_xml_text(osy_xml_child(errors, "message"), &text, err);
	if (rc)
		return rc;
	osy_jw_str(&w, text.len ? osy_buf_str(&text) : OSY_STR(""));
	struct osy_sf_row_result row = {.success = osy_str_is(osy_buf_str(&success), "true"),
		.id = id.len ? osy_buf_str(&id) : OSY_STR_NULL,
		.message_raw = osy_buf_str(&message),
		.fields_raw = OSY_STR("[]")};
	if (!row.success)
		row.status_code = code.len ? osy_buf_str(&code) : OSY_STR("UNKNOWN_EXCEPTION");
	return result(0, index, &row, arg, err);
}

enum osy_code osy_sf_undelete_read(
	struct osy_str reply, size_t count, osy_sf_result result, void *arg, struct osy_err *err)
{
	OSY_AUTO(osy_xml_free_at) struct osy_xml *xml = NULL;
	enum osy_code rc = osy_xml_parse(reply, "the reply of undelete", &xml, err);
	size_t n = 0;

	if (rc)
		return rc;
	const struct osy_xml_node *node = osy_xml_child(
		osy_xml_child(osy_xml_child(osy_xml_root(xml), "Body"), "undeleteResponse"),
		"result");
	for (const struct osy_xml_node *at = node; at; at = osy_xml_next(at))
		n++;
	if (n != count)
		return osy_fail(err, OSY_E_NO_REPLY,
			"an undelete of %zu records was answered for %zu", count, n);
	n = 0;
	for (const struct osy_xml_node *at = node; !rc && at; at = osy_xml_next(at))
		rc = take(at, n++, result, arg, err);
	return rc;
}
