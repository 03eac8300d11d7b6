#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "osy/json.h"
#include "osy/mem.h"
#include "osy/sf_collection.h"

#define ID1 "001000000000001AAA"
#define ID2 "001000000000002AAA"
#define ROOT "/services/data/v60.0/"

/* ---- Building ---- */

static void expect_request(const struct osy_sf_request *request, const char *method,
	const char *path, const char *body)
{
	assert_string_equal(request->method, method);
	assert_true(osy_str_is(request->path, path));
	if (!body) {
		assert_null(request->body.p);
		return;
	}
	if (!osy_str_is(request->body, body))
		print_error("%.*s\n", (int)request->body.len, request->body.p);
	assert_true(osy_str_is(request->body, body));
}

static void one_collection(void **state)
{
	OSY_AUTO(osy_sf_send_done) struct osy_sf_send send;
	struct osy_sf_request request;

	(void)state;
	osy_sf_send_init(&send, 1u << 20);
	osy_sf_send_begin(&send, 1);
	osy_sf_send_collection(&send, OSY_SF_INSERT, "Account");
	osy_sf_send_record(&send, NULL);
	osy_sf_send_field(&send, "Name", OSY_STR("\"a \\\" \\u00e9\""));
	osy_sf_send_field(&send, "Amount__c", OSY_STR("1.10"));
	osy_sf_send_field(&send, "ParentId", OSY_STR_NULL);
	osy_sf_send_record(&send, NULL);
	osy_sf_send_end(&send, &request);
	expect_request(&request, "POST", ROOT "composite/sobjects",
		"{\"allOrNone\":false,\"records\":[{\"attributes\":{\"type\":\"Account\"},\"Name\":"
		"\"a \\\" \\u00e9\","
		"\"Amount__c\":1.10,\"ParentId\":null},{\"attributes\":{\"type\":\"Account\"}}]}");
	/* the same builder again */
	osy_sf_send_begin(&send, 1);
	osy_sf_send_collection(&send, OSY_SF_UPDATE, "Contact");
	osy_sf_send_record(&send, ID1);
	osy_sf_send_field(&send, "LastName", OSY_STR("\"x\""));
	osy_sf_send_end(&send, &request);
	expect_request(&request, "PATCH", ROOT "composite/sobjects",
		"{\"allOrNone\":false,\"records\":[{\"attributes\":{\"type\":\"Contact\"},\"id\":"
		"\"" ID1 "\",\"LastName\":\"x\"}]}");
	osy_sf_send_begin(&send, 1);
	osy_sf_send_collection(&send, OSY_SF_DELETE, "Contact");
	osy_sf_send_record(&send, ID1);
	osy_sf_send_record(&send, ID2);
	osy_sf_send_end(&send, &request);
	expect_request(&request, "DELETE",
		ROOT "composite/sobjects?ids=" ID1 "," ID2 "&allOrNone=false", NULL);
	assert_int_equal(send.records, 2);
}

static void headers_of_parts(void **state)
{
	static const struct osy_http_header headers[] = {
		{"Sforce-Auto-Assign", OSY_STR("FALSE")}, {"X-Y", OSY_STR("a=b")}};
	struct osy_sf_request request;
	struct osy_sf_send send;

	(void)state;
	osy_sf_send_init(&send, 1 << 20);
	for (unsigned parts = 1; parts <= 2; parts++) {
		osy_sf_send_begin(&send, parts);
		osy_sf_send_headers(&send, headers, OSY_COUNT(headers));
		for (unsigned i = 0; i < parts; i++) {
			osy_sf_send_collection(&send, OSY_SF_INSERT, "Account");
			osy_sf_send_record(&send, NULL);
		}
		osy_sf_send_end(&send, &request);
		bool told = strstr(request.body.p, "\"p1\",\"httpHeaders\":{\"Sforce-Auto-Assign\":"
						   "\"FALSE\",\"X-Y\":\"a=b\"},"
						   "\"body\":") != NULL;
		assert_int_equal(told, parts == 2);
	}
	osy_sf_send_done(&send);
}

static void a_composite(void **state)
{
	OSY_AUTO(osy_sf_send_done) struct osy_sf_send send;
	struct osy_sf_request request;

	(void)state;
	osy_sf_send_init(&send, 1u << 20);
	osy_sf_send_begin(&send, 3);
	osy_sf_send_collection(&send, OSY_SF_INSERT, "A__c");
	osy_sf_send_record(&send, NULL);
	osy_sf_send_field(&send, "N", OSY_STR("1"));
	osy_sf_send_collection(&send, OSY_SF_UPDATE, "B__c");
	osy_sf_send_record(&send, ID1);
	osy_sf_send_collection(&send, OSY_SF_DELETE, "C__c");
	osy_sf_send_record(&send, ID1);
	osy_sf_send_record(&send, ID2);
	osy_sf_send_end(&send, &request);
	expect_request(&request, "POST", ROOT "composite",
		"{\"allOrNone\":false,\"collateSubrequests\":false,\"compositeRequest\":["
		"{\"method\":\"POST\",\"url\":\"" ROOT
		"composite/sobjects\",\"referenceId\":\"p0\",\"body\":"
		"{\"allOrNone\":false,\"records\":[{\"attributes\":{\"type\":\"A__c\"},\"N\":1}]}},"
		"{\"method\":\"PATCH\",\"url\":\"" ROOT
		"composite/sobjects\",\"referenceId\":\"p1\",\"body\":"
		"{\"allOrNone\":false,\"records\":[{\"attributes\":{\"type\":\"B__c\"},\"id\":"
		"\"" ID1 "\"}]}},"
		"{\"method\":\"DELETE\",\"url\":\"" ROOT "composite/sobjects?ids=" ID1 "," ID2
		"&allOrNone=false\",\"referenceId\":\"p2\"}]}");
}

static void queries_and_retrieves(void **state)
{
	OSY_AUTO(osy_sf_send_done) struct osy_sf_send send;
	static const char ids[][19] = {ID1, ID2};
	static const char *const fields[] = {"Id", "Name"};
	struct osy_sf_request request;

	(void)state;
	osy_sf_send_init(&send, 1u << 20);
	osy_sf_send_begin(&send, 1);
	osy_sf_send_retrieve(&send, "Account", fields, 2, ids, 2);
	osy_sf_send_end(&send, &request);
	expect_request(&request, "POST", ROOT "composite/sobjects/Account",
		"{\"ids\":[\"" ID1 "\",\"" ID2 "\"],\"fields\":[\"Id\",\"Name\"]}");
	osy_sf_send_begin(&send, 2);
	osy_sf_send_get(&send, OSY_STR("query?q=SELECT%20Id"));
	osy_sf_send_retrieve(&send, "Account", fields, 1, ids, 1);
	osy_sf_send_end(&send, &request);
	expect_request(&request, "POST", ROOT "composite",
		"{\"allOrNone\":false,\"collateSubrequests\":false,\"compositeRequest\":["
		"{\"method\":\"GET\",\"url\":\"" ROOT
		"query?q=SELECT%20Id\",\"referenceId\":\"p0\"},"
		"{\"method\":\"POST\",\"url\":\"" ROOT
		"composite/sobjects/Account\",\"referenceId\":\"p1\",\"body\":"
		"{\"ids\":[\"" ID1 "\"],\"fields\":[\"Id\"]}}]}");
	/* a lone query is for long ones: in the body of a composite */
	osy_sf_send_begin(&send, 1);
	osy_sf_send_get(&send, OSY_STR("/services/data/v60.0/query/01g-2000"));
	osy_sf_send_end(&send, &request);
	expect_request(&request, "POST", ROOT "composite",
		"{\"allOrNone\":false,\"collateSubrequests\":false,\"compositeRequest\":["
		"{\"method\":\"GET\",\"url\":\"/services/data/v60.0/query/"
		"01g-2000\",\"referenceId\":\"p0\"}]}");
}

static void a_full_composite_is_json(void **state)
{
	OSY_AUTO(osy_sf_send_done) struct osy_sf_send send;
	OSY_AUTO(osy_json_free_at) struct osy_json *tree = NULL;
	struct osy_sf_request request;
	struct osy_err err;

	(void)state;
	osy_sf_send_init(&send, 4u << 20);
	osy_sf_send_begin(&send, 5);
	for (unsigned part = 0; part < 5; part++) {
		osy_sf_send_collection(
			&send, part == 4 ? OSY_SF_DELETE : OSY_SF_UPDATE, "Thing__c");
		for (unsigned i = 0; i < 200; i++) {
			osy_sf_send_record(&send, ID1);
			for (unsigned f = 0; f < 20 && part < 4; f++)
				osy_sf_send_field(&send, "Field__c",
					OSY_STR("\"some text of a usual length\""));
		}
	}
	osy_sf_send_end(&send, &request);
	assert_int_equal(send.records, 1000);
	assert_int_equal(osy_json_parse(request.body, "body", &tree, &err), OSY_OK);
	assert_int_equal(strlen(request.body.p), request.body.len);
	const struct osy_json *list = osy_json_get(tree, "compositeRequest");
	assert_int_equal(osy_json_count(list), 5);
	const struct osy_json *records =
		osy_json_get(osy_json_get(osy_json_at(list, 3), "body"), "records");
	assert_int_equal(osy_json_count(records), 200);
}

/* ---- Reading ---- */

struct seen {
	struct osy_buf text;
};

static enum osy_code see(unsigned part, size_t index, const struct osy_sf_row_result *r, void *arg,
	struct osy_err *err)
{
	struct seen *seen = arg;

	(void)err;
	osy_buf_addf(&seen->text, "%u.%zu%s", part, index, r->success ? "+" : "-");
	const struct osy_str parts[] = {r->id, r->status_code, r->message_raw, r->fields_raw};
	for (size_t i = 0; i < OSY_COUNT(parts); i++) {
		if (parts[i].p) {
			osy_buf_addc(&seen->text, ' ');
			osy_buf_add_str(&seen->text, parts[i]);
		}
	}
	osy_buf_addc(&seen->text, '\n');
	return OSY_OK;
}

/* A send of collections with so many records each (0: a query). */
static void prepare(struct osy_sf_send *send, const unsigned *records, unsigned parts)
{
	struct osy_sf_request request;

	osy_sf_send_init(send, 1u << 20);
	osy_sf_send_begin(send, parts);
	for (unsigned i = 0; i < parts; i++) {
		if (!records[i]) {
			osy_sf_send_get(send, OSY_STR("query?q=x"));
			continue;
		}
		osy_sf_send_collection(send, OSY_SF_INSERT, "A");
		for (unsigned j = 0; j < records[i]; j++)
			osy_sf_send_record(send, NULL);
	}
	osy_sf_send_end(send, &request);
}

static enum osy_code read_reply(const unsigned *records, unsigned parts, struct osy_str reply,
	const char *rows, int *status, struct osy_err *errs, struct osy_err *err)
{
	OSY_AUTO(osy_sf_send_done) struct osy_sf_send send;
	struct seen seen = {OSY_BUF(1u << 20)};

	prepare(&send, records, parts);
	const enum osy_code code = osy_sf_send_read(&send, reply, status, errs, see, &seen, err);
	if (rows && strcmp(seen.text.p, rows) != 0)
		print_error("%s", seen.text.p);
	if (rows)
		assert_string_equal(seen.text.p, rows);
	osy_buf_done(&seen.text);
	return code;
}

#define RECORDS(...) (const unsigned[]){__VA_ARGS__}, OSY_COUNT(((const unsigned[]){__VA_ARGS__}))

static const char rows_reply[] =
	"[{\"id\":\"" ID1 "\",\"success\":true,\"errors\":[]},"
	"{\"success\":false,\"errors\":[{\"statusCode\":\"REQUIRED_FIELD_MISSING\",\"message\":"
	"\"Required: \\\"[Name]\\\"\","
	"\"fields\":[\"Name\"]},{\"statusCode\":\"OTHER\",\"message\":\"m\",\"fields\":[]}]},"
	"{\"errors\":[{\"fields\":[],\"message\":\"m\",\"extendedErrorDetails\":[{\"a\":1}],"
	"\"statusCode\":\"UNABLE_TO_LOCK_ROW\"}],\"success\":false,\"id\":null,\"created\":false}]";

static const char rows_seen[] =
	"0.0+ " ID1 "\n"
	"0.1- REQUIRED_FIELD_MISSING \"Required: \\\"[Name]\\\"\" [\"Name\"]\n"
	"0.2- UNABLE_TO_LOCK_ROW \"m\" []\n";

static void rows_of_one_collection(void **state)
{
	struct osy_err errs[5], err;
	int status[5];

	(void)state;
	assert_int_equal(
		read_reply(RECORDS(3), osy_str(rows_reply), rows_seen, status, errs, &err), OSY_OK);
	assert_int_equal(status[0], 200);
	assert_int_equal(errs[0].code, OSY_OK);
	/* what may be left out */
	assert_int_equal(
		read_reply(RECORDS(3),
			OSY_STR(" [ { \"id\" : \"x\" , \"success\" : true } , { \"success\" : "
				"false } ,"
				" { \"success\" : false , \"errors\" : null , \"id\" : \"\" } ] "),
			"0.0+ x\n0.1- UNKNOWN_EXCEPTION\n0.2- UNKNOWN_EXCEPTION\n", status, errs,
			&err),
		OSY_OK);
	assert_int_equal(read_reply(RECORDS(2),
				 OSY_STR("[{\"id\":\"x\",\"errors\":[]},{\"errors\":[{"
					 "\"statusCode\":\"S\"}]}]"),
				 "0.0+ x\n0.1- S\n", status, errs, &err),
		OSY_OK);
}

static void every_cut_gives_no_row(void **state)
{
	struct osy_err errs[5], err;
	int status[5];

	(void)state;
	for (size_t n = 0; n < sizeof(rows_reply) - 1; n++) {
		OSY_AUTO_FREE char *copy = osy_xmalloc(n + 1);
		memcpy(copy, rows_reply, n);
		assert_int_equal(
			read_reply(RECORDS(3), (struct osy_str){copy, n}, "", status, errs, &err),
			OSY_E_NO_REPLY);
		assert_int_equal(err.cls, OSY_RETRY);
	}
}

static void other_counts_give_no_row(void **state)
{
	static const char *const bad[] = {"[]", "{}", "null", "[null,null]",
		"[{\"success\":true,\"id\":\"x\"}]", "[{},{}]",
		"[{\"success\":true},{\"success\":true},{\"success\":true}]", "[1,2]",
		"[{\"success\":true},{\"errors\":5}]", "[{\"success\":true},{\"success\":true}] 1",
		"{\"compositeResponse\":[]}"};
	struct osy_err errs[5], err;
	int status[5];

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(bad); i++)
		assert_int_equal(read_reply(RECORDS(2), osy_str(bad[i]), "", status, errs, &err),
			OSY_E_NO_REPLY);
}

static void a_refused_call_is_its_parts_error(void **state)
{
	const struct osy_str refusal = OSY_STR("[{\"message\":\"No such column 'X' on sobject of "
					       "type A\",\"errorCode\":\"INVALID_FIELD\"}]");
	struct osy_err errs[5], err;
	int status[5];

	(void)state;
	assert_int_equal(read_reply(RECORDS(1), refusal, "", status, errs, &err), OSY_OK);
	assert_int_equal(status[0], 400);
	assert_int_equal(errs[0].code, OSY_E_SALESFORCE);
	assert_string_equal(errs[0].origin, "sf:INVALID_FIELD");
	assert_non_null(strstr(errs[0].msg, "No such column 'X'"));
	assert_int_equal(read_reply(RECORDS(200), refusal, "", status, errs, &err), OSY_OK);
	assert_int_equal(status[0], 400);
	assert_int_equal(read_reply(RECORDS(2, 1), refusal, "", status, errs, &err), OSY_OK);
	assert_int_equal(status[1], 400);
	assert_string_equal(errs[1].origin, "sf:INVALID_FIELD");
	/* among rows it is a row */
	assert_int_equal(
		read_reply(RECORDS(2),
			OSY_STR("[{\"errorCode\":\"E\",\"message\":\"m\"},{\"success\":true}]"),
			"0.0- E\n0.1+\n", status, errs, &err),
		OSY_OK);
	assert_int_equal(status[0], 200);
}

static const char composite_reply[] =
	"{\"compositeResponse\":["
	"{\"body\":[{\"id\":\"" ID1
	"\",\"success\":true,\"errors\":[]}],\"httpHeaders\":{},\"httpStatusCode\":200,"
	"\"referenceId\":\"p0\"},"
	"{\"httpStatusCode\":400,\"referenceId\":\"p2\",\"body\":[{\"errorCode\":\"INVALID_FIELD\","
	"\"message\":\"no X\"}]},"
	"{\"referenceId\":\"p1\",\"httpStatusCode\":200,\"body\":[{\"id\":\"" ID2
	"\",\"success\":true,\"errors\":[]},"
	"{\"success\":false,\"errors\":[{\"statusCode\":\"S\",\"message\":\"m\",\"fields\":[]}]}]},"
	"{\"referenceId\":\"p3\",\"httpStatusCode\":403,\"body\":[{\"errorCode\":\"REQUEST_LIMIT_"
	"EXCEEDED\","
	"\"message\":\"TotalRequests Limit exceeded.\"}]},"
	"{\"referenceId\":\"p4\",\"httpStatusCode\":500,\"body\":[{\"errorCode\":\"UNKNOWN_"
	"EXCEPTION\",\"message\":\"id\"}]}"
	"]}";

static void parts_stand_alone(void **state)
{
	struct osy_err errs[5], err;
	int status[5];

	(void)state;
	assert_int_equal(
		read_reply(RECORDS(1, 2, 1, 1, 1), osy_str(composite_reply),
			"0.0+ " ID1 "\n1.0+ " ID2 "\n1.1- S \"m\" []\n", status, errs, &err),
		OSY_OK);
	assert_int_equal(status[1], 200);
	assert_int_equal(status[2], 400);
	assert_int_equal(errs[0].code, OSY_OK);
	assert_string_equal(errs[2].origin, "sf:INVALID_FIELD");
	assert_int_equal(errs[2].code, OSY_E_SALESFORCE);
	assert_int_equal(errs[3].code, OSY_E_LIMIT);
	assert_int_equal(osy_sf_limit_kind(&errs[3]), OSY_SF_LIMIT_DAILY);
	assert_int_equal(errs[4].code, OSY_E_NO_REPLY);
	for (size_t n = 0; n < sizeof(composite_reply) - 1; n++) {
		OSY_AUTO_FREE char *copy = osy_xmalloc(n + 1);
		memcpy(copy, composite_reply, n);
		assert_int_equal(read_reply(RECORDS(1, 2, 1, 1, 1), (struct osy_str){copy, n}, "",
					 status, errs, &err),
			OSY_E_NO_REPLY);
	}
	/* a part that is missing, or comes twice */
	assert_int_equal(read_reply(RECORDS(1, 1),
				 OSY_STR("{\"compositeResponse\":[{\"body\":[{\"success\":true}],"
					 "\"httpStatusCode\":200,\"referenceId\":\"p1\"}]}"),
				 "", status, errs, &err),
		OSY_E_NO_REPLY);
	assert_int_equal(read_reply(RECORDS(1, 1),
				 OSY_STR("{\"compositeResponse\":[{\"body\":[{\"success\":true}],"
					 "\"httpStatusCode\":200,"
					 "\"referenceId\":\"p1\"},{\"body\":[{\"success\":true}],"
					 "\"httpStatusCode\":200,"
					 "\"referenceId\":\"p1\"}]}"),
				 "", status, errs, &err),
		OSY_E_NO_REPLY);
	/* without reference ids: by place */
	assert_int_equal(read_reply(RECORDS(1, 1),
				 OSY_STR("{\"compositeResponse\":[{\"body\":[{\"success\":true,"
					 "\"id\":\"x\"}],"
					 "\"httpStatusCode\":200},{\"body\":[{\"success\":true,"
					 "\"id\":\"y\"}],"
					 "\"httpStatusCode\":201}]}"),
				 "0.0+ x\n1.0+ y\n", status, errs, &err),
		OSY_OK);
}

static void bodies_of_queries(void **state)
{
	OSY_AUTO(osy_sf_send_done) struct osy_sf_send send;
	struct osy_err errs[5], err;
	struct osy_str bodies[5];
	int status[5];

	(void)state;
	prepare(&send, RECORDS(0, 0));
	assert_int_equal(
		osy_sf_send_bodies(&send,
			OSY_STR("{\"compositeResponse\":[{\"body\":{\"totalSize\":0,\"done\":true,"
				"\"records\":[]},"
				"\"httpStatusCode\":200,\"referenceId\":\"p0\"},{\"body\":[{"
				"\"errorCode\":"
				"\"MALFORMED_QUERY\",\"message\":\"bad\"}],\"httpStatusCode\":400,"
				"\"referenceId\":\"p1\"}]}"),
			status, bodies, errs, &err),
		OSY_OK);
	assert_true(osy_str_is(bodies[0], "{\"totalSize\":0,\"done\":true,\"records\":[]}"));
	assert_null(bodies[1].p);
	assert_string_equal(errs[1].origin, "sf:MALFORMED_QUERY");
}

static void what_to_do(void **state)
{
	static const struct {
		const char *code, *message;
		enum osy_sf_verdict verdict;
	} cases[] = {
		{"UNABLE_TO_LOCK_ROW", "\"unable to obtain exclusive access\"", OSY_SF_RETRY_ROW},
		{"REQUIRED_FIELD_MISSING", "\"x\"", OSY_SF_PERMANENT},
		{"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
			"\"T: System.DmlException: UNABLE_TO_LOCK_ROW\"", OSY_SF_RETRY_ROW},
		{"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "\"T: System.LimitException: Too many\"",
			OSY_SF_RETRY_ROW},
		{"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "\"T: System.NullPointerException\"",
			OSY_SF_PERMANENT},
		{"DUPLICATE_VALUE", "\"duplicate value found\"", OSY_SF_REMATCH},
		{"ENTITY_IS_DELETED", "\"entity is deleted\"", OSY_SF_REMATCH},
		{"INVALID_CROSS_REFERENCE_KEY", "\"invalid cross reference id\"",
			OSY_SF_BAD_PARENT},
		{"INVALID_FIELD",
			"\"Foreign key external ID: X not found for field Y in entity Z\"",
			OSY_SF_BAD_PARENT},
		{"INVALID_FIELD", "\"No such column\"", OSY_SF_PERMANENT},
		{"STORAGE_LIMIT_EXCEEDED", NULL, OSY_SF_STOP},
		{"API_DISABLED_FOR_ORG", NULL, OSY_SF_STOP},
		{"NEVER_HEARD_OF", NULL, OSY_SF_PERMANENT},
		{NULL, NULL, OSY_SF_PERMANENT},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(cases); i++)
		assert_int_equal(osy_sf_verdict(osy_str(cases[i].code), osy_str(cases[i].message)),
			cases[i].verdict);
}

static void locks(void **state)
{
	(void)state;
	assert_true(osy_sf_is_lock(OSY_STR("UNABLE_TO_LOCK_ROW"), OSY_STR("\"x\"")));
	assert_true(osy_sf_is_lock(OSY_STR("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
		OSY_STR("\"T: System.DmlException: UNABLE_TO_LOCK_ROW\"")));
	assert_false(osy_sf_is_lock(OSY_STR("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
		OSY_STR("\"T: System.LimitException: Too many\"")));
	assert_false(osy_sf_is_lock(OSY_STR("STRING_TOO_LONG"),
		OSY_STR("\"data value too large: UNABLE_TO_LOCK_ROW\"")));
	assert_false(osy_sf_is_lock(OSY_STR("REQUEST_LIMIT_EXCEEDED"), OSY_STR("\"x\"")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_collection),
		cmocka_unit_test(a_composite),
		cmocka_unit_test(headers_of_parts),
		cmocka_unit_test(queries_and_retrieves),
		cmocka_unit_test(a_full_composite_is_json),
		cmocka_unit_test(rows_of_one_collection),
		cmocka_unit_test(every_cut_gives_no_row),
		cmocka_unit_test(other_counts_give_no_row),
		cmocka_unit_test(a_refused_call_is_its_parts_error),
		cmocka_unit_test(parts_stand_alone),
		cmocka_unit_test(bodies_of_queries),
		cmocka_unit_test(what_to_do),
		cmocka_unit_test(locks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
