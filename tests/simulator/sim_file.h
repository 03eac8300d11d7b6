/*
 * Files: Attachment, Document, ContentVersion with its document and links, QuoteDocument.
 */
#ifndef SIM_FILE_H
#define SIM_FILE_H

#include "sim_http.h"
#include "sim_soql.h"
#include "sim_write.h"

bool sim_is_form(const struct sim_req *req);
/* the fields of a form, its bytes among them in base64; NULL: replied */
const struct sim_json *sim_form_json(struct sim_req *req, struct sim_resp *resp);

void sim_derive_attachment(struct sim_work *w);
void sim_derive_document(struct sim_work *w);
void sim_derive_version(struct sim_work *w);
bool sim_check_attachment(struct sim_work *w);
bool sim_check_version(struct sim_work *w);
bool sim_check_link(struct sim_work *w);
bool sim_check_quote_document(struct sim_work *w);
void sim_derive_quote_document(struct sim_work *w);
/* of a query call: links are found by their document or by what they link to alone */
struct sim_query *sim_soql_parse_call(
	struct sim_org *org, struct sim_arena *a, struct sim_str text, struct sim_err *err);

#endif
