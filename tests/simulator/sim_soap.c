/* SOAP: readMetadata of duplicate rules, which no other call tells whole, and undelete. */
#include <libxml/tree.h>
#include <stdlib.h>

#include "sim_http.h"
#include "sim_soql.h"
#include "sim_switch.h"
#include "sim_write.h"
#include "sim_xml.h"

#define SIM_READ_MOST 10
#define SIM_UNDELETE_MOST 200

static void sim_soap_begin(struct sim_buf *b)
{
	b->len = 0;
	sim_buf_str(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope "
		       "xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" "
		       "xmlns=\"http://soap.sforce.com/2006/04/metadata\" "
		       "xmlns:sf=\"http://soap.sforce.com/2006/04/metadata\" "
		       "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>");
}

static void sim_soap_fault(struct sim_resp *resp, const char *code, const char *text)
{
	resp->status = 500;
	resp->type = "text/xml;charset=UTF-8";
	sim_soap_begin(&resp->body);
	sim_buf_fmt(&resp->body,
		"<soapenv:Fault><faultcode>sf:%s</faultcode><faultstring>%s: ", code, code);
	sim_buf_xml(&resp->body, sim_cstr(text));
	sim_buf_str(
		&resp->body, "</faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>");
}

/* the session is told in the envelope */
static bool sim_soap_session(struct sim_req *req, struct sim_resp *resp, const xmlNode *envelope)
{
	const xmlNode *header = sim_xml_child(sim_xml_child(envelope, "Header"), "SessionHeader");
	struct sim_str id = sim_xml_text(req->arena, sim_xml_child(header, "sessionId"));

	req->header[SIM_H_AUTH] =
		sim_cstr(sim_arena_fmt(req->arena, "Bearer %.*s", SIM_P(id.p ? id : SIM_S("-"))));
	if (sim_session_check(req, resp))
		return true;
	resp->nheaders = 0;
	sim_soap_fault(resp, "INVALID_SESSION_ID",
		"Invalid Session ID found in SessionHeader: Illegal Session");
	return false;
}

/* a duplicate rule as the WSDL orders its elements */
static void sim_soap_rule(struct sim_req *req, struct sim_buf *b, struct sim_str full, uint64_t oid)
{
	struct sim_rec *r = oid ? sim_take_rec(req->org, oid) : NULL;
	struct sim_str active;

	if (!r) {
		sim_buf_str(b, "<records xsi:nil=\"true\"/>");
		return;
	}
	active = sim_switch_text(req->org, r, "IsActive");
	sim_buf_str(b, "<records xsi:type=\"DuplicateRule\"><fullName>");
	sim_buf_xml(b, full);
	sim_buf_str(b, "</fullName><actionOnInsert>Allow</actionOnInsert>"
		       "<actionOnUpdate>Allow</actionOnUpdate><alertText>You &amp; a "
		       "duplicate?</alertText><description xsi:nil=\"true\"/>"
		       "<duplicateRuleFilter xsi:nil=\"true\"/><duplicateRuleMatchRules>"
		       "<matchRuleSObjectType>");
	sim_buf_xml(b, sim_switch_text(req->org, r, "SobjectType"));
	sim_buf_str(b, "</matchRuleSObjectType><matchingRule>Standard_Matching_Rule</matchingRule>"
		       "<objectMapping xsi:nil=\"true\"/></duplicateRuleMatchRules>");
	sim_buf_fmt(b, "<isActive>%s</isActive><masterLabel>", active.p ? "true" : "false");
	sim_buf_xml(b, sim_switch_text(req->org, r, "MasterLabel"));
	sim_buf_str(b, "</masterLabel><operationsOnInsert>Alert</operationsOnInsert>"
		       "<securityOption>EnforceSharingRules</securityOption><sortOrder>1"
		       "</sortOrder></records>");
	sim_rec_unref(r);
}

static void sim_soap_read(struct sim_req *req, struct sim_resp *resp, const xmlNode *call)
{
	struct sim_str type = sim_xml_text(req->arena, sim_xml_child(call, "type"));
	struct sim_buf *b = &resp->body;
	int n = 0;

	for (xmlNode *x = sim_xml_child(call, "fullNames"); x; x = sim_xml_next(x))
		n++;
	if (!sim_is(type, "DuplicateRule")) {
		sim_soap_fault(resp, "INVALID_TYPE", "Unknown type");
		return;
	}
	if (n > SIM_READ_MOST) {
		sim_soap_fault(resp, "EXCEEDED_ID_LIMIT",
			"record limit reached. cannot submit "
			"more than 10 records into this call");
		return;
	}
	sim_soap_begin(b);
	sim_buf_str(b, "<readMetadataResponse><result>");
	for (xmlNode *x = sim_xml_child(call, "fullNames"); x; x = sim_xml_next(x)) {
		struct sim_str full = sim_xml_text(req->arena, x);

		sim_soap_rule(req, b, full, sim_switch_find_duplicate_rule(req->org, full));
	}
	sim_buf_str(b, "</result></readMetadataResponse></soapenv:Body></soapenv:Envelope>");
}

static void sim_soap_row(struct sim_req *req, struct sim_buf *b, const struct sim_row *row)
{
	char id[19] = "";

	if (row->id)
		sim_id_text(req->org, row->id, id);
	sim_buf_str(b, "<result>");
	if (row->err.code) {
		sim_buf_fmt(b, "<errors><message>");
		sim_buf_xml(b, sim_cstr(row->err.msg ? row->err.msg : ""));
		sim_buf_fmt(b, "</message><statusCode>%s</statusCode></errors>", row->err.code);
	}
	if (*id)
		sim_buf_fmt(b, "<id>%s</id>", id);
	else
		sim_buf_str(b, "<id xsi:nil=\"true\"/>");
	sim_buf_fmt(b, "<success>%s</success></result>", row->err.code ? "false" : "true");
}

static void sim_soap_undelete(struct sim_req *req, struct sim_resp *resp, const xmlNode *call)
{
	struct sim_row row[SIM_UNDELETE_MOST] = {0};
	struct sim_txn t = {.org = req->org, .arena = req->arena, .user = req->user, .row = row};
	int n = 0;

	for (xmlNode *x = sim_xml_child(call, "ids"); x; x = sim_xml_next(x), n++) {
		if (n == SIM_UNDELETE_MOST) {
			sim_soap_fault(resp, "EXCEEDED_ID_LIMIT",
				"record limit reached. cannot submit more than 200 records into "
				"this call");
			return;
		}
		row[n].op = SIM_UNDELETE;
		if (sim_id_parse(req->org, sim_xml_text(req->arena, x), &row[n].id) != SIM_ID_OK) {
			row[n].id = 0;
			sim_row_fail(&t, &row[n], "MALFORMED_ID", NULL, "malformed id");
			continue;
		}
		row[n].obj = req->org->object[sim_oid_obj(row[n].id)];
	}
	t.n = n;
	sim_txn_run(&t);
	sim_txn_end(&t);
	sim_soap_begin(&resp->body);
	sim_buf_str(&resp->body, "<undeleteResponse>");
	for (int i = 0; i < n; i++)
		sim_soap_row(req, &resp->body, &row[i]);
	sim_buf_str(&resp->body, "</undeleteResponse></soapenv:Body></soapenv:Envelope>");
}

typedef void sim_soap_call(struct sim_req *req, struct sim_resp *resp, const xmlNode *call);

static void sim_soap(
	struct sim_req *req, struct sim_resp *resp, const char *name, sim_soap_call *run)
{
	xmlDoc *doc = sim_xml_parse((struct sim_str){req->body, req->len});
	const xmlNode *envelope = doc ? xmlDocGetRootElement(doc) : NULL;
	const xmlNode *call = sim_xml_child(sim_xml_child(envelope, "Body"), name);

	resp->type = "text/xml;charset=UTF-8";
	resp->no_limit_info = true;
	if (!req->header[SIM_H_SOAP_ACTION].p || !sim_starts(req->header[SIM_H_TYPE], "text/xml"))
		sim_soap_fault(resp, "UNKNOWN_EXCEPTION",
			"a call needs the headers SOAPAction and Content-Type: text/xml");
	else if (!envelope)
		sim_soap_fault(resp, "UNKNOWN_EXCEPTION", "the envelope is not well-formed");
	else if (!sim_soap_session(req, resp, envelope))
		resp->status = 500; /* the fault is told */
	else if (sim_over_limit(req, resp))
		sim_soap_fault(resp, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
	else if (!call)
		sim_soap_fault(resp, "UNKNOWN_EXCEPTION", "no such operation here");
	else
		run(req, resp, call);
	if (doc)
		xmlFreeDoc(doc);
}

void sim_soap_metadata(struct sim_req *req, struct sim_resp *resp)
{
	sim_soap(req, resp, "readMetadata", sim_soap_read);
}

void sim_soap_partner(struct sim_req *req, struct sim_resp *resp)
{
	sim_soap(req, resp, "undelete", sim_soap_undelete);
}
