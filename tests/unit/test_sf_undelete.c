/* common/salesforce: SOAP undelete */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "osy/mem.h"
#include "osy/sf_undelete.h"

static void asks_for_all_ids(void **state)
{
	static const char ids[2][19] = {"001000000000001AAA", "001000000000002AAA"};
	OSY_AUTO(osy_buf_done) struct osy_buf body = OSY_BUF(64u * 1024);
	struct osy_sf_request request;

	(void)state;
	osy_sf_undelete(ids, 2, &body, &request);
	assert_string_equal(request.method, "POST");
	assert_true(request.soap && osy_str_is(request.path, "/services/Soap/u/60.0"));
	assert_non_null(strstr(body.p, "<undelete><ids>001000000000001AAA</ids><ids>"
				       "001000000000002AAA</ids></undelete>"));
	assert_non_null(strstr(body.p, "<sessionId></sessionId>"));
	assert_string_equal(request.headers[0].name, "SOAPAction");
}

#define REPLY(results)                                                           \
	"<?xml version=\"1.0\"?><soapenv:Envelope "                              \
	"xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" "           \
	"xmlns=\"urn:partner.soap.sforce.com\" "                                 \
	"xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>" \
	"<undeleteResponse>" results "</undeleteResponse></soapenv:Body></soapenv:Envelope>"

struct seen {
	size_t good, bad;
};

static enum osy_code see(unsigned part, size_t index, const struct osy_sf_row_result *row,
	void *arg, struct osy_err *err)
{
	struct seen *seen = arg;

	(void)err;
	assert_int_equal(part, 0);
	if (row->success) {
		assert_int_equal(index, 0);
		assert_true(osy_str_is(row->id, "001000000000001AAA"));
		assert_null(row->status_code.p);
		seen->good++;
	} else {
		assert_int_equal(index, 1);
		assert_true(osy_str_is(row->status_code, "UNDELETE_FAILED"));
		assert_true(osy_str_is(row->message_raw, "\"it's \\\"gone\\\" & away\""));
		seen->bad++;
	}
	return OSY_OK;
}

static void tells_of_each(void **state)
{
	static const char reply[] =
		REPLY("<result><id>001000000000001AAA</id><success>true</success></result>"
		      "<result><errors><message>it's \"gone\" &amp; away</message>"
		      "<statusCode>UNDELETE_FAILED</statusCode></errors><id xsi:nil=\"true\"/>"
		      "<success>false</success></result>");
	struct seen seen = {0};
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	if (osy_sf_undelete_read(osy_str(reply), 2, see, &seen, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(seen.good, 1);
	assert_int_equal(seen.bad, 1);
}

/* What is answered for less than was sent may have been done: it is a reply that is missing. */
static void short_replies_are_none(void **state)
{
	static const char reply[] =
		REPLY("<result><id>001000000000001AAA</id><success>true</success></result>");
	struct seen seen = {0};
	struct osy_err err = OSY_ERR_NONE;

	(void)state;
	assert_int_equal(osy_sf_undelete_read(osy_str(reply), 2, see, &seen, &err), OSY_E_NO_REPLY);
	err = OSY_ERR_NONE;
	assert_int_not_equal(osy_sf_undelete_read(OSY_STR("<html>"), 1, see, &seen, &err), OSY_OK);
	assert_int_equal(seen.good + seen.bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_for_all_ids),
		cmocka_unit_test(tells_of_each),
		cmocka_unit_test(short_replies_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
