/* How switches are now: records of the Tooling API, 25 a call; duplicate rules by readMetadata. */
#include <stdlib.h>

#include "automation_internal.h"
#include "check_internal.h"

#define METADATA_NS "http://soap.sforce.com/2006/04/metadata"
#define READ_MOST 10 /* full names of one readMetadata */
#define REPLY_BYTES (64u << 20)

/* ---- Tooling ---- */
static enum osy_code take_record(struct auto_work *work, struct auto_switch *item,
	const struct check_parts *parts, unsigned index, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf why = OSY_BUF(4096), text = OSY_BUF(REPLY_BYTES);
	const struct osy_json *record = check_parts_body(parts, index, &why);

	item->looked = true;
	item->there = false;
	if (record) {
		auto_read_json(item, record);
		osy_json_write(record, false, &text);
		item->now = auto_keep(work, osy_buf_str(&text));
		return OSY_OK;
	}
	if (check_parts_status(parts, index) == 404)
		return OSY_OK;
	return osy_fail(err, OSY_E_SALESFORCE, "org '%s' does not show %s %s (%s)",
		work->drive->target_name, auto_kind_type(item->kind), item->name, why.p);
}

static enum osy_code look_some(
	struct auto_work *work, struct auto_switch **items, size_t count, struct osy_err *err)
{
	OSY_AUTO(check_parts_done) struct check_parts parts;
	enum osy_code rc = OSY_OK;

	check_parts_begin(&parts, work->drive->target, "tooling/composite");
	for (size_t i = 0; i < count; i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(256);
		osy_buf_addf(&path, "tooling/sobjects/%s/%s", auto_kind_type(items[i]->kind),
			items[i]->id);
		check_parts_get(&parts, osy_buf_str(&path));
	}
	check_parts_send(work->drive->http, &parts, 1);
	if (parts.code) {
		*err = parts.err;
		return parts.code;
	}
	for (size_t i = 0; !rc && i < count; i++)
		rc = take_record(work, items[i], &parts, (unsigned)i, err);
	return rc;
}

/* ---- SOAP ---- */
static void write_read(struct auto_switch **items, size_t count, struct osy_buf *out)
{
	osy_buf_addz(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope "
		"xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" "
		"xmlns=\"" METADATA_NS "\"><soapenv:Header><SessionHeader>"
		"<sessionId></sessionId></SessionHeader><CallOptions><client>" OSY_SF_CLIENT
		"</client></CallOptions></soapenv:Header><soapenv:Body>"
		"<readMetadata><type>DuplicateRule</type>");
	for (size_t i = 0; i < count; i++) {
		osy_buf_addz(out, "<fullNames>");
		osy_xml_escape(osy_str(items[i]->name), out);
		osy_buf_addz(out, "</fullNames>");
	}
	osy_buf_addz(out, "</readMetadata></soapenv:Body></soapenv:Envelope>");
}

static enum osy_code take_rule(struct auto_work *work, struct auto_switch **items, size_t count,
	struct osy_xml_node *rule, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done)
	struct osy_buf name = OSY_BUF(4096), on = OSY_BUF(64), text = OSY_BUF(REPLY_BYTES);
	struct osy_xml_node *active = osy_xml_child(rule, "isActive");
	enum osy_code rc = osy_xml_text(osy_xml_child(rule, "fullName"), &name, err);

	if (!rc)
		rc = osy_xml_text(active, &on, err);
	if (rc || !active)
		return rc; /* xsi:nil: it is not there */
	osy_xml_set_text(active, "true");
	rc = osy_xml_write_as(rule, "DuplicateRule", METADATA_NS, "fullName", &text, err);
	for (size_t i = 0; !rc && i < count; i++) {
		if (!osy_str_is(osy_buf_str(&name), items[i]->name))
			continue;
		items[i]->there = true;
		items[i]->active = osy_str_is(osy_buf_str(&on), "true");
		items[i]->now = auto_keep(work, osy_buf_str(&text));
	}
	return rc;
}

static enum osy_code read_rules(
	struct auto_work *work, struct auto_switch **items, size_t count, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done)
	struct osy_buf body = OSY_BUF(64u << 10), reply = OSY_BUF(REPLY_BYTES);
	OSY_AUTO(osy_xml_free_at) struct osy_xml *xml = NULL;
	const struct osy_http_header action = {"SOAPAction", OSY_STR("\"readMetadata\"")};

	write_read(items, count, &body);
	const struct osy_sf_request request = {.method = "POST",
		.path = OSY_STR("/services/Soap/m/" OSY_SF_API_VERSION),
		.body = osy_buf_str(&body),
		.soap = true,
		.content_type = "text/xml; charset=UTF-8",
		.headers = &action,
		.header_count = 1};
	enum osy_code rc = osy_sf_run(work->drive->target, &request, &reply, err);
	if (!rc)
		rc = osy_xml_parse(osy_buf_str(&reply), "the reply of readMetadata", &xml, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < count; i++) {
		items[i]->looked = true;
		items[i]->there = false;
	}
	struct osy_xml_node *result = osy_xml_child(
		osy_xml_child(osy_xml_child(osy_xml_root(xml), "Body"), "readMetadataResponse"),
		"result");
	for (struct osy_xml_node *rule = osy_xml_child(result, "records"); !rc && rule;
		rule = osy_xml_next(rule))
		rc = take_rule(work, items, count, rule, err);
	return rc;
}

/* ---- All ---- */
static enum osy_code look_way(
	struct auto_work *work, auto_pick pick, bool soap, struct osy_err *err)
{
	struct auto_switch *some[CHECK_PARTS_MAX];
	size_t count = 0, most = soap ? READ_MOST : CHECK_PARTS_MAX;
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; !rc && i <= work->count; i++) {
		struct auto_switch *item = i < work->count ? &work->items[i] : NULL;
		if (item && pick(item) && !item->looked && (item->kind == AUTO_DUPLICATE) == soap)
			some[count++] = item;
		if (count == 0 || (item && count < most))
			continue;
		rc = soap ? read_rules(work, some, count, err) : look_some(work, some, count, err);
		count = 0;
	}
	return rc;
}

enum osy_code auto_look(struct auto_work *work, auto_pick pick, struct osy_err *err)
{
	enum osy_code rc = look_way(work, pick, false, err);

	return rc ? rc : look_way(work, pick, true, err);
}
