/* XML of an org: replies to undelete, faults, rules that are written back with another state. The
 * size chooses which, status and count. */
#include "osy/json_pull.h"
#include "osy/mem.h"
#include "osy/sf_undelete.h"
#include "osy/xml.h"
#include "sf_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_err(const struct osy_err *err)
{
	OSY_ASSERT(err->msg[0] && osy_utf8_valid(osy_str(err->msg)));
	for (const char *p = err->msg; *p; p++)
		OSY_ASSERT((unsigned char)*p >= ' ');
}

static enum osy_code on_result(unsigned part, size_t index, const struct osy_sf_row_result *result,
	void *arg, struct osy_err *err)
{
	size_t *seen = arg;
	struct osy_json_pull pull;

	(void)err;
	OSY_ASSERT(part == 0 && index == (*seen)++);
	OSY_ASSERT(result->success == !result->status_code.p);
	osy_json_pull_init(&pull, result->message_raw);
	OSY_ASSERT(osy_json_pull_next(&pull) == OSY_PULL_STRING);
	OSY_ASSERT(osy_json_pull_next(&pull) == OSY_PULL_END);
	return OSY_OK;
}

static void try_undelete(struct osy_str reply)
{
	struct osy_err err = OSY_ERR_NONE;
	const size_t count = 1 + reply.len / 3 % 3;
	size_t seen = 0;

	if (osy_sf_undelete_read(reply, count, on_result, &seen, &err))
		check_err(&err);
	else
		OSY_ASSERT(seen == count);
}

static void try_fault(struct osy_str body)
{
	static const int statuses[] = {500, 401, 503, 200};
	struct osy_err err = OSY_ERR_NONE;

	if (osy_sf_soap_fault(statuses[body.len / 3 % OSY_COUNT(statuses)], body, &err)) {
		OSY_ASSERT(err.code);
		check_err(&err);
	}
}

/* What is written is a document of that name. */
static void try_rule(struct osy_str text)
{
	OSY_AUTO(osy_xml_free_at) struct osy_xml *xml = NULL, *again = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(16u << 20), state = OSY_BUF(64);
	struct osy_err err = OSY_ERR_NONE;

	if (osy_xml_parse(text, "fuzz", &xml, &err))
		return;
	struct osy_xml_node *active = osy_xml_child(osy_xml_root(xml), "isActive");
	osy_xml_set_text(active, "true");
	if (osy_xml_write_as(osy_xml_root(xml), "R", "urn:metadata", "fullName", &out, &err)) {
		check_err(&err);
		return;
	}
	if (osy_xml_parse(osy_buf_str(&out), "again", &again, &err))
		OSY_BUG("our own document: %s", err.msg);
	const struct osy_xml_node *root = osy_xml_root(again),
				  *is = osy_xml_child(root, "isActive");
	OSY_ASSERT(!osy_xml_child(root, "fullName") && (is != NULL) == (active != NULL));
	OSY_ASSERT(!osy_xml_text(is, &state, &err));
	OSY_ASSERT(!is || osy_str_is(osy_buf_str(&state), "true"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct osy_str text = {(const char *)data, size};

	if (size % 3 == 0)
		try_undelete(text);
	else if (size % 3 == 1)
		try_fault(text);
	else
		try_rule(text);
	return 0;
}
