/* common/salesforce/sf_bulk.c, sf_bulk_results.c against the shapes of salesforce-wire.md
 * section 3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "osy/mem.h"
#include "osy/sf_bulk.h"

#define JOB "7505e000003ZHbIAAW"

static struct osy_err err;

/* ---- Jobs ---- */

static const char created[] =
	"{\"id\":\"" JOB "\",\"operation\":\"insert\",\"object\":\"Account\",\"createdById\":"
	"\"005x00000012Q9PAAU\",\"createdDate\":\"2018-12-10T17:50:19.000+0000\","
	"\"systemModstamp\":"
	"\"2018-12-10T17:50:19.000+0000\",\"state\":\"Open\",\"concurrencyMode\":\"Parallel\","
	"\"contentType\":\"CSV\",\"apiVersion\":66.0,\"contentUrl\":\"services/data/v66.0/jobs/"
	"ingest/" JOB "/batches\",\"lineEnding\":\"LF\",\"columnDelimiter\":\"COMMA\"}";

static struct osy_bulk_job job_of(const char *body)
{
	struct osy_bulk_job job;

	if (osy_bulk_job_read(osy_str(body), &job, &err))
		fail_msg("%s: %s", body, err.msg);
	return job;
}

static void reads_jobs(void **state)
{
	struct osy_bulk_job job = job_of(created);

	(void)state;
	assert_string_equal(job.id, JOB);
	assert_int_equal(job.state, OSY_BULK_OPEN);
	assert_int_equal(job.processed + job.failed, 0);
	assert_string_equal(job.message, "");
	job = job_of(
		"{\"jobType\":\"V2Ingest\",\"state\":\"Failed\",\"retries\":3,"
		"\"numberRecordsFailed\":17,\"numberRecordsProcessed\":20000000000,"
		"\"apexProcessingTime\":0,\"neverHeardOf\":{\"a\":[1.5,null]},\"errorMessage\":"
		"\"InvalidBatch : Field name not found : Foo\",\"id\":\"7505e000003ZHbI\"}");
	assert_string_equal(job.id, JOB); /* in its long form */
	assert_int_equal(job.state, OSY_BULK_FAILED);
	assert_int_equal(job.failed, 17);
	assert_true(job.processed == 20000000000);
	assert_string_equal(job.message, "InvalidBatch : Field name not found : Foo");
	job = job_of("{\"id\":\"" JOB "\",\"state\":\"JobComplete\",\"errorMessage\":null,"
		     "\"numberRecordsProcessed\":-1}");
	assert_int_equal(job.processed, 0);
	assert_string_equal(job.message, "");
}

static void reads_states(void **state)
{
	static const char *const names[] = {
		"Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted"};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(names); i++) {
		char body[100];
		snprintf(body, sizeof(body), "{\"id\":\"" JOB "\",\"state\":\"%s\"}", names[i]);
		assert_int_equal(job_of(body).state, i);
		assert_string_equal(osy_bulk_state_name((enum osy_bulk_state)i), names[i]);
		assert_int_equal(osy_bulk_ended((enum osy_bulk_state)i), i >= 3);
	}
}

/* Nothing is done with it but to give it back. */
static void keeps_an_odd_id(void **state)
{
	(void)state;
	assert_string_equal(job_of("{\"id\":\"7500e8a1bc9d2f3a4b\",\"state\":\"Open\"}").id,
		"7500e8a1bc9d2f3a4b");
}

static void cuts_a_message(void **state)
{
	char body[2000] = "{\"id\":\"" JOB "\",\"state\":\"Failed\",\"errorMessage\":\"x";

	(void)state;
	for (size_t len = strlen(body), i = 0; i < 500; i++, len += 2)
		memcpy(body + len, "\xc3\xa9", 3);
	memcpy(body + strlen(body), "\"}", 3);
	assert_int_equal(strlen(job_of(body).message), 511);
	assert_true(osy_utf8_valid(osy_str(job_of(body).message)));
}

static void what_is_no_job(void **state)
{
	static const char *const bodies[] = {"", "[]", "{}", "{\"id\":\"" JOB "\"}",
		"{\"state\":\"Open\"}", "{\"id\":\"" JOB "\",\"state\":\"Queued\"}",
		"{\"id\":\"../../x\",\"state\":\"Open\"}", "{\"id\":750,\"state\":\"Open\"}",
		"{\"id\":\"7500e8a1bc9d2f3a4b5\",\"state\":\"Open\"}"};
	struct osy_bulk_job job;

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(bodies); i++)
		assert_int_equal(osy_bulk_job_read(osy_str(bodies[i]), &job, &err), OSY_E_INVALID);
}

/* ---- Requests ---- */

static void check(const struct osy_sf_request *request, const char *method, const char *path,
	const char *body)
{
	assert_string_equal(request->method, method);
	assert_true(osy_str_is(request->path, path));
	assert_true(body ? osy_str_is(request->body, body) : !request->body.p);
	assert_null(request->on_data);
}

static void check_csv(const struct osy_sf_request *request, const char *path)
{
	check(request, "GET", path, NULL);
	assert_int_equal(request->header_count, 1);
	assert_string_equal(request->headers[0].name, "Accept");
	assert_true(osy_str_is(request->headers[0].value, "text/csv"));
}

#define FORMAT "\"contentType\":\"CSV\",\"lineEnding\":\"LF\",\"columnDelimiter\":\"COMMA\"}"

static void ingest_requests(void **state)
{
	OSY_AUTO(osy_bulk_ask_done) struct osy_bulk_ask ask;
	struct osy_sf_request r;

	(void)state;
	osy_bulk_ask_init(&ask);
	osy_bulk_ingest_create(&ask, OSY_SF_INSERT, "Account", &r);
	check(&r, "POST", "jobs/ingest",
		"{\"object\":\"Account\",\"operation\":\"insert\"," FORMAT);
	osy_bulk_ingest_create(&ask, OSY_SF_UPDATE, "A__c", &r);
	check(&r, "POST", "jobs/ingest", "{\"object\":\"A__c\",\"operation\":\"update\"," FORMAT);
	osy_bulk_ingest_create(&ask, OSY_SF_DELETE, "A__c", &r);
	check(&r, "POST", "jobs/ingest", "{\"object\":\"A__c\",\"operation\":\"delete\"," FORMAT);
	osy_bulk_ingest_upload(&ask, JOB, 7, 100000000, &r);
	check(&r, "PUT", "jobs/ingest/" JOB "/batches", NULL);
	assert_string_equal(r.content_type, "text/csv");
	assert_int_equal(r.body_fd, 7);
	assert_int_equal(r.body_size, 100000000);
	osy_bulk_ingest_close(&ask, JOB, &r);
	check(&r, "PATCH", "jobs/ingest/" JOB, "{\"state\":\"UploadComplete\"}");
	osy_bulk_ingest_abort(&ask, JOB, &r);
	check(&r, "PATCH", "jobs/ingest/" JOB, "{\"state\":\"Aborted\"}");
	osy_bulk_ingest_get(&ask, JOB, &r);
	check(&r, "GET", "jobs/ingest/" JOB, NULL);
	osy_bulk_ingest_delete(&ask, JOB, &r);
	check(&r, "DELETE", "jobs/ingest/" JOB, NULL);
	osy_bulk_ingest_results(&ask, JOB, OSY_BULK_SUCCESSFUL, "", &r);
	check_csv(&r, "jobs/ingest/" JOB "/successfulResults/");
	osy_bulk_ingest_results(&ask, JOB, OSY_BULK_FAILED_ROWS, "MT+w=", &r);
	check_csv(&r, "jobs/ingest/" JOB "/failedResults/?locator=MT%2Bw%3D");
	osy_bulk_ingest_results(&ask, JOB, OSY_BULK_UNPROCESSED, "", &r);
	check_csv(&r, "jobs/ingest/" JOB "/unprocessedrecords/");
}

static void query_requests(void **state)
{
	OSY_AUTO(osy_bulk_ask_done) struct osy_bulk_ask ask;
	OSY_AUTO_FREE char *longest = osy_xcalloc(1, OSY_BULK_MAX_SOQL_BYTES + 1);
	char locator[OSY_BULK_LOCATOR_MAX];
	struct osy_sf_request r;

	(void)state;
	osy_bulk_ask_init(&ask);
	osy_bulk_query_create(&ask, OSY_STR("SELECT Id FROM A WHERE N = 'a\"b'"), false, &r);
	check(&r, "POST", "jobs/query",
		"{\"operation\":\"query\",\"query\":\"SELECT Id FROM A WHERE N = "
		"'a\\\"b'\"," FORMAT);
	osy_bulk_query_create(&ask, OSY_STR("SELECT Id FROM A"), true, &r);
	check(&r, "POST", "jobs/query",
		"{\"operation\":\"queryAll\",\"query\":\"SELECT Id FROM A\"," FORMAT);
	osy_bulk_query_get(&ask, JOB, &r);
	check(&r, "GET", "jobs/query/" JOB, NULL);
	osy_bulk_query_abort(&ask, JOB, &r);
	check(&r, "PATCH", "jobs/query/" JOB, "{\"state\":\"Aborted\"}");
	osy_bulk_query_delete(&ask, JOB, &r);
	check(&r, "DELETE", "jobs/query/" JOB, NULL);
	osy_bulk_query_results(&ask, JOB, "", 0, &r);
	check_csv(&r, "jobs/query/" JOB "/results");
	osy_bulk_query_results(&ask, JOB, "", 50000, &r);
	check_csv(&r, "jobs/query/" JOB "/results?maxRecords=50000");
	osy_bulk_query_results(&ask, JOB, "MTAw", 50000, &r);
	check_csv(&r, "jobs/query/" JOB "/results?locator=MTAw&maxRecords=50000");
	/* the longest of both */
	memset(locator, '%', sizeof(locator) - 1);
	locator[sizeof(locator) - 1] = 0;
	osy_bulk_query_results(&ask, JOB, locator, INT64_MAX, &r);
	memset(longest, 1, OSY_BULK_MAX_SOQL_BYTES);
	osy_bulk_query_create(&ask, (struct osy_str){longest, OSY_BULK_MAX_SOQL_BYTES}, false, &r);
	assert_true(r.body.len > 6 * OSY_BULK_MAX_SOQL_BYTES);
}

/* ---- Result files ---- */

struct header {
	const char *const *sent;
	size_t sent_count;
	struct osy_bulk_columns columns;
};

static enum osy_code on_header(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *e)
{
	struct header *header = arg;

	return osy_bulk_columns_read(
		cells, count, header->sent, header->sent_count, &header->columns, e);
}

static enum osy_code columns_of(const char *line, struct header *header)
{
	struct osy_csv csv;

	osy_csv_init(&csv, on_header, header);
	enum osy_code code = osy_csv_feed(&csv, osy_str(line), &err);
	if (!code)
		code = osy_csv_end(&csv, &err);
	osy_csv_done(&csv);
	return code;
}

static void columns(void **state)
{
	static const char *const sent[] = {"Name", "Ext__c", "Parent__r.Ext__c"};
	struct header header = {.sent = sent, .sent_count = 3};

	(void)state;
	assert_int_equal(
		columns_of("\"sf__Id\",\"sf__Created\",Name,Ext__c,Parent__r.Ext__c\n", &header),
		OSY_OK);
	assert_int_equal(header.columns.id, 0);
	assert_int_equal(header.columns.created, 1);
	assert_int_equal(header.columns.error, -1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(header.columns.sent[i], i + 2);
	osy_bulk_columns_done(&header.columns);
	/* another order and case, one missing, one that nobody sent */
	assert_int_equal(columns_of("\xef\xbb\xbf\"EXT__C\",sf__error,\"More\",\"name\",SF__ID\r\n",
				 &header),
		OSY_OK);
	assert_int_equal(header.columns.id, 4);
	assert_int_equal(header.columns.created, -1);
	assert_int_equal(header.columns.error, 1);
	assert_int_equal(header.columns.sent[0], 3);
	assert_int_equal(header.columns.sent[1], 0);
	assert_int_equal(header.columns.sent[2], -1);
	osy_bulk_columns_done(&header.columns);
	/* unprocessed rows have none of the org's own columns */
	assert_int_equal(columns_of("Parent__r.Ext__c,Ext__c,Name", &header), OSY_OK);
	assert_int_equal(header.columns.id, -1);
	assert_int_equal(header.columns.sent[0], 2);
	osy_bulk_columns_done(&header.columns);
	assert_int_equal(
		columns_of("\"sf__Id\",\"sf__Error\",\"Other\"\n", &header), OSY_E_INVALID);
	assert_non_null(strstr(err.msg, "none of the 3 columns"));
}

static void errors_of_rows(void **state)
{
	static const struct {
		const char *text, *code, *message, *fields; /* NULL: none */
	} samples[] = {
		{"INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--",
			"INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", NULL},
		{"REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --",
			"REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]", "Name"},
		{"ENTITY_IS_DELETED:entity is deleted:--", "ENTITY_IS_DELETED", "entity is deleted",
			NULL},
		{"FIELD_CUSTOM_VALIDATION_EXCEPTION:a: b -- c:A__c B__c --",
			"FIELD_CUSTOM_VALIDATION_EXCEPTION", "a: b -- c", "A__c B__c"},
		{"CODE::--", "CODE", NULL, NULL},
		{"CODE:--", "CODE", NULL, NULL},
		{"CODE:", "CODE", NULL, NULL},
		{"CODE:no mark", "CODE", "no mark", NULL},
		{"CODE:no: mark", "CODE", "no: mark", NULL},
		{"CODE:dashes --", "CODE", "dashes --", NULL},
		{"CODE:x:-", "CODE", "x:-", NULL},
		{"UNABLE_TO_LOCK_ROW", "UNABLE_TO_LOCK_ROW", NULL, NULL},
		{"Something else", NULL, "Something else", NULL},
		{":m:--", NULL, "m", NULL},
		{"", NULL, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(samples); i++) {
		struct osy_str parts[3];
		const char *want[] = {samples[i].code, samples[i].message, samples[i].fields};
		osy_bulk_error_read(osy_str(samples[i].text), &parts[0], &parts[1], &parts[2]);
		for (size_t j = 0; j < 3; j++)
			if (want[j] ? !osy_str_is(parts[j], want[j]) : parts[j].p != NULL)
				fail_msg("%s: part %zu is \"%.*s\"", samples[i].text, j,
					(int)parts[j].len, parts[j].p);
	}
	osy_bulk_error_read(OSY_STR_NULL, &(struct osy_str){NULL, 0}, &(struct osy_str){NULL, 0},
		&(struct osy_str){NULL, 0});
}

/* Recorded files are not part of the project; where they lie beside it they are read too. */
static enum osy_code count_cells(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *e)
{
	(void)cells;
	(void)e;
	assert_int_equal(count, 30);
	++*(unsigned *)arg;
	return OSY_OK;
}

static void fixture(const char *name, char path[512])
{
	snprintf(path, 512, "%.*s/../../../shared/fixtures/bulk/%s",
		(int)(strrchr(__FILE__, '/') - __FILE__), __FILE__, name);
}

static void recorded_files(void **state)
{
	static const char *const names[] = {
		"jsforce/Account_bulk1_test.csv", "jsforce/Account_bulk2_test.csv"};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(names); i++) {
		char path[512], piece[1000];
		unsigned rows = 0;
		struct osy_csv csv;
		fixture(names[i], path);
		FILE *file = fopen(path, "rb");
		assert_non_null(file);
		osy_csv_init(&csv, count_cells, &rows);
		for (size_t n; (n = fread(piece, 1, sizeof(piece), file)) > 0;)
			assert_int_equal(
				osy_csv_feed(&csv, (struct osy_str){piece, n}, &err), OSY_OK);
		assert_int_equal(osy_csv_end(&csv, &err), OSY_OK);
		assert_true(rows > 2);
		osy_csv_done(&csv);
		fclose(file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_jobs),
		cmocka_unit_test(reads_states),
		cmocka_unit_test(keeps_an_odd_id),
		cmocka_unit_test(cuts_a_message),
		cmocka_unit_test(what_is_no_job),
		cmocka_unit_test(ingest_requests),
		cmocka_unit_test(query_requests),
		cmocka_unit_test(columns),
		cmocka_unit_test(errors_of_rows),
		cmocka_unit_test(recorded_files),
	};
	char path[512];

	fixture("jsforce", path);
	return _cmocka_run_group_tests(
		"bulk", tests, OSY_COUNT(tests) - (access(path, R_OK) != 0), NULL, NULL);
}
