/* Ingest jobs without an org: rows as CSV and back, by what a result finds its row, and what
 * results make of rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "load_bulk.h"

#include "osy/spool.h"

enum { NAME, AMOUNT, BORN, DAY, FLAG, CODE, FORMULA, FIELDS };
#define ROWS 8

struct world {
	struct osy_worker worker;
	struct osy_loader loader;
	struct osy_load load;
	struct osy_wlane lane;
	struct osy_wrun run;
	struct osy_spec spec;
	struct osy_spec_object object;
	struct osy_spec_field fields[FIELDS];
	struct osy_lcolumn columns[FIELDS];
	struct osy_lrow rows[ROWS];
	struct osy_lbatch batch;
	struct osy_err err;
};

static int begin(void **state)
{
	static const char *const names[FIELDS] = {
		"Name", "Amount", "Born", "Day", "Flag", "Code", "Formula"};
	static const enum osy_sf_type types[FIELDS] = {OSY_T_STRING, OSY_T_DOUBLE, OSY_T_DATETIME,
		OSY_T_DATE, OSY_T_BOOLEAN, OSY_T_STRING, OSY_T_STRING};
	struct world *w = osy_xcalloc(1, sizeof(*w));

	for (int i = 0; i < FIELDS; i++) {
		w->fields[i] = (struct osy_spec_field){.name = names[i],
			.target = names[i],
			.type = types[i],
			.scale = 3,
			.createable = i != FORMULA,
			.updateable = i != FORMULA && i != CODE,
			.nillable = true};
		w->columns[i] = (struct osy_lcolumn){&w->fields[i], -1};
	}
	w->object = (struct osy_spec_object){.name = "Thing",
		.target = "Thing",
		.prefix = "001",
		.target_prefix = "001",
		.stage = 1,
		.insert = true,
		.update = true,
		.load_bulk = true,
		.batch_size = 200,
		.lock_field = -1,
		.order_field = -1,
		.fields = w->fields,
		.field_count = FIELDS};
	w->spec.objects = &w->object;
	w->spec.object_count = 1;
	w->run.spec = &w->spec;
	w->lane.run = &w->run;
	w->loader.worker = &w->worker;
	w->load.loader = &w->loader;
	w->load.lane = &w->lane;
	w->batch.load = &w->load;
	w->batch.object = &w->object;
	w->batch.columns = w->columns;
	w->batch.column_count = FIELDS;
	w->batch.rows = w->rows;
	w->batch.head.stage = 1;
	w->batch.offset = 7;
	osy_arena_init(&w->batch.arena, 65536);
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	osy_load_bulk_free(&w->load);
	osy_load_left_free(&w->load);
	osy_arena_done(&w->batch.arena);
	free(w);
	return 0;
}

/* Values in the order of the fields; NULL: null. */
static struct osy_lrow *add_row(
	struct world *w, enum osy_action action, const char *const values[FIELDS])
{
	unsigned n = w->batch.row_count++;
	struct osy_lrow *row = &w->rows[n];

	snprintf(row->source.c, sizeof(row->source.c), "001%012u", n);
	row->action = action;
	row->collection = -1;
	row->values = osy_arena_calloc(&w->batch.arena, FIELDS, sizeof(*row->values));
	for (int i = 0; i < FIELDS; i++)
		row->values[i] = values[i] ? osy_str(values[i]) : OSY_STR_NULL;
	if (action != OSY_ACT_UPDATE)
		return row;
	snprintf(row->target.c, sizeof(row->target.c), "001%012u", 500 + n);
	row->written = osy_arena_calloc(&w->batch.arena, 1, sizeof(*row->written));
	return row;
}

static struct osy_lbulk *write_rows(struct world *w)
{
	struct osy_lbulk *bulk =
		w->load.bulk ? w->load.bulk : osy_lbulk_new(&w->load, &w->object, 1);

	assert_int_equal(osy_lbulk_write(bulk, &w->batch, &w->err), OSY_OK);
	return bulk;
}

/* What a job's spool has, with what waits for its intent. */
static void spool_is(const struct osy_ljob *job, const char *want)
{
	char text[4096];
	size_t size = (size_t)(job->size + job->pending);
	struct osy_err err;

	assert_true(size < sizeof(text));
	assert_int_equal(osy_spool_read(job->fd, 0, text, size, &err), OSY_OK);
	text[size] = 0;
	assert_string_equal(text, want);
}

/* ---- CSV ---- */
static void each_kind_of_value(void **state)
{
	struct world *w = *state;

	add_row(w, OSY_ACT_INSERT,
		(const char *[]){"\"say \\\"x\\\", a\\nb \"", "3.5E8",
			"\"2024-02-03T04:05:06.000+0000\"", "\"2024-02-03\"", "true", "\"c\"",
			"\"no\""});
	add_row(w, OSY_ACT_INSERT,
		(const char *[]){"\"Z\xc3\xbcrich \\u20ac\"", "-0.5",
			"\"2024-02-03T04:05:06.000Z\"", NULL, "false", "null", NULL});
	struct osy_lbulk *bulk = write_rows(w);
	spool_is(&bulk->jobs[0],
		"Name,Amount,Born,Day,Flag,Code\n"
		"\"say \"\"x\"\", a\nb \",3.5E8,\"2024-02-03T04:05:06.000Z\",\"2024-02-03\",true,"
		"\"c\"\n"
		"\"Z\xc3\xbcrich \xe2\x82\xac\",-0.5,\"2024-02-03T04:05:06.000Z\",,false,\n");
	assert_int_equal(bulk->jobs[1].pending, 0);
	assert_true(w->rows[0].in_job && w->rows[1].in_job);
}

static void an_update_says_what_it_writes(void **state)
{
	struct world *w = *state;
	struct osy_lrow *row = add_row(w, OSY_ACT_UPDATE,
		(const char *[]){"\"a\"", NULL, NULL, "\"2024-02-03\"", "true", "\"c\"", NULL});

	row->written[0] = 1u << NAME | 1u << AMOUNT | 1u << FLAG;
	row->values[FLAG] = osy_left_out;
	struct osy_lbulk *bulk = write_rows(w);
	/* Code is not to be updated; null is said as such; what stays is empty. */
	spool_is(&bulk->jobs[1],
		"Id,Name,Amount,Born,Day,Flag\n\"001000000000500AAA\",\"a\",\"#N/A\",,,\n");
	assert_int_equal(bulk->jobs[0].pending, 0);
}

/* An empty cell would leave the field as it is, or to a default; a collection clears it. */
static void a_blank_text_clears_its_field(void **state)
{
	static const char *const blanks[] = {"\"\"", "\" \"", "\"\\n\""};
	struct world *w = *state;

	add_row(w, OSY_ACT_INSERT, (const char *[]){blanks[0], "7", NULL, NULL, NULL, NULL, NULL});

	for (size_t i = 0; i < OSY_COUNT(blanks); i++)
		add_row(w, OSY_ACT_UPDATE,
			(const char *[]){blanks[i], NULL, NULL, NULL, NULL, NULL, NULL})
			->written[0] = 1u << NAME;
	struct osy_lbulk *bulk = write_rows(w);
	spool_is(&bulk->jobs[0], "Name,Amount,Born,Day,Flag,Code\n\"#N/A\",7,,,,\n");
	spool_is(&bulk->jobs[1], "Id,Name,Amount,Born,Day,Flag\n"
				 "\"001000000000501AAA\",\"#N/A\",,,,\n"
				 "\"001000000000502AAA\",\"#N/A\",,,,\n"
				 "\"001000000000503AAA\",\"#N/A\",,,,\n");
}

static void what_csv_cannot_say_stays_out(void **state)
{
	struct world *w = *state;
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(OSY_BULK_MAX_FIELD_CHARS + 100);
	static const char *const bad[] = {
		"\"#N/A\"", "\"c\\rr\"", "\"dos\\r\\nline\"", "\"nul\\u0000\"", "\"\\ud83d\""};

	for (size_t i = 0; i < OSY_COUNT(bad); i++)
		add_row(w, OSY_ACT_INSERT,
			(const char *[]){bad[i], "1", NULL, NULL, NULL, NULL, NULL});
	osy_buf_addc(&text, '"');
	for (unsigned i = 0; i < OSY_BULK_MAX_FIELD_CHARS; i++)
		osy_buf_addc(&text, 'x');
	osy_buf_addc(&text, '"');
	add_row(w, OSY_ACT_INSERT, (const char *[]){text.p, "2", NULL, NULL, NULL, NULL, NULL});
	add_row(w, OSY_ACT_INSERT, (const char *[]){"\"good\"", "3", NULL, NULL, NULL, NULL, NULL});
	struct osy_lbulk *bulk = write_rows(w);
	spool_is(&bulk->jobs[0], "Name,Amount,Born,Day,Flag,Code\n\"good\",3,,,,\n");
	for (unsigned i = 0; i < 6; i++)
		assert_false(w->rows[i].in_job);
	assert_true(w->rows[6].in_job);
}

/* A row of one column that is empty is no row of a CSV at all. */
static void an_empty_row_stays_out(void **state)
{
	struct world *w = *state;

	for (int i = AMOUNT; i < FIELDS; i++)
		w->fields[i].createable = false;
	add_row(w, OSY_ACT_INSERT, (const char *[]){NULL, NULL, NULL, NULL, NULL, NULL, NULL});
	struct osy_lbulk *bulk = write_rows(w);
	assert_int_equal(bulk->jobs[0].pending, 0);
	assert_false(w->rows[0].in_job);
}

static void only_what_is_to_be_sent_goes_in(void **state)
{
	struct world *w = *state;
	static const char *const values[FIELDS] = {"\"a\"", "1"};

	add_row(w, OSY_ACT_INSERT, values)->outcome = OSY_FAILED;
	add_row(w, OSY_ACT_NONE, values);
	add_row(w, OSY_ACT_INSERT, values);
	struct osy_lbulk *bulk = write_rows(w);
	spool_is(&bulk->jobs[0], "Name,Amount,Born,Day,Flag,Code\n\"a\",1,,,,\n");
	/* Without an intent it is written over. */
	w->rows[2].outcome = OSY_FAILED;
	w->rows[1].action = OSY_ACT_INSERT;
	w->rows[1].values[NAME] = OSY_STR("\"b\"");
	write_rows(w);
	spool_is(&bulk->jobs[0], "Name,Amount,Born,Day,Flag,Code\n\"b\",1,,,,\n");
	assert_false(w->rows[2].in_job);
	osy_load_bulk_added(&w->batch);
	assert_int_equal(bulk->rows, 1);
	assert_int_equal(w->batch.step, OSY_STEP_OVER);
	/* The next batch has no header. */
	write_rows(w);
	spool_is(&bulk->jobs[0], "Name,Amount,Born,Day,Flag,Code\n\"b\",1,,,,\n\"b\",1,,,,\n");
}

static void a_source_id_has_its_column(void **state)
{
	struct world *w = *state;

	w->object.match = OSY_MATCH_SOURCE_ID;
	w->object.match_field = "Source__c";
	w->object.match_unique = true;
	struct osy_lbulk *bulk = osy_lbulk_new(&w->load, &w->object, 1);
	assert_string_equal(bulk->columns[0][6], "Source__c");
	assert_int_equal(bulk->key_column, 6);
	assert_string_equal(bulk->columns[1][bulk->column_count[1] - 1], "Source__c");
}

/* ---- What a job takes ---- */
static bool takes(struct world *w, struct osy_lbulk *bulk)
{
	w->batch.step = OSY_STEP_READY;
	w->batch.rest = false;
	bulk->cut = false;
	for (int i = 0; i < 2; i++)
		bulk->jobs[i].step = OSY_LJOB_OPEN;
	return osy_load_bulk_add(&w->batch) && !bulk->cut;
}

static void a_job_has_an_end(void **state)
{
	struct world *w = *state;
	struct osy_lbulk *bulk = osy_lbulk_new(&w->load, &w->object, 1);
	struct osy_spec_object other = w->object;

	w->run.active = true;
	add_row(w, OSY_ACT_INSERT, (const char *[FIELDS]){"\"a\""});
	assert_true(takes(w, bulk));
	bulk->rows = OSY_LBULK_ROWS - OSY_BATCH_MAX_RECORDS;
	assert_true(takes(w, bulk));
	bulk->rows++;
	assert_false(takes(w, bulk));
	assert_true(bulk->cut);
	bulk->rows = 0;
	for (int i = 0; i < 2; i++) {
		bulk->jobs[i].size = OSY_LBULK_BYTES - OSY_BATCH_MAX_BYTES + 1;
		assert_false(takes(w, bulk));
		bulk->jobs[i].size = 0;
	}
	w->batch.object = &other;
	assert_false(takes(w, bulk));
	w->batch.object = &w->object;
	w->batch.head.stage = 2;
	assert_false(takes(w, bulk));
	assert_true(bulk->cut);
}

/* Without one row that goes in it, the batch is no part of the job. */
static void a_batch_of_the_rest_is_not_taken(void **state)
{
	struct world *w = *state;
	struct osy_lbulk *bulk = osy_lbulk_new(&w->load, &w->object, 1);

	w->run.active = true;
	add_row(w, OSY_ACT_INSERT, (const char *[FIELDS]){"\"#N/A\""});
	assert_false(takes(w, bulk));
	assert_true(w->batch.rest);
	assert_false(osy_load_goes_bulk(&w->batch));
	/* What is not recorded yet is recorded first, for the batch leaves memory. */
	add_row(w, OSY_ACT_NONE, (const char *[FIELDS]){"\"b\""})->outcome = OSY_EXISTING;
	assert_false(takes(w, bulk));
	assert_int_equal(w->batch.step, OSY_STEP_RECORD);
	assert_int_equal(w->batch.record_as, OSY_RECORD_PART);
}

/* ---- Identity ---- */
struct results {
	struct osy_lbulk *bulk;
	unsigned job;
	struct osy_bulk_columns columns;
	bool has_columns;
	unsigned char sent[ROWS][16];
	unsigned count;
};

static enum osy_code on_result(
	const struct osy_csv_cell *cells, size_t count, void *arg, struct osy_err *err)
{
	struct results *r = arg;
	OSY_AUTO(osy_buf_done) struct osy_buf canon = OSY_BUF(1u << 20);
	OSY_AUTO(osy_buf_done) struct osy_buf scratch = OSY_BUF(OSY_CSV_SCRATCH_BYTES);

	if (!r->has_columns) {
		r->has_columns = true;
		return osy_bulk_columns_read(cells, count, r->bulk->columns[r->job],
			r->bulk->column_count[r->job], &r->columns, err);
	}
	osy_lbulk_identity(r->bulk, r->job, cells, count, r->columns.sent, &canon, &scratch,
		r->sent[r->count++]);
	return OSY_OK;
}

/* Identities of a result file's rows. */
static struct results read_results(struct osy_lbulk *bulk, unsigned job, const char *text)
{
	struct results r = {.bulk = bulk, .job = job};
	struct osy_csv csv;
	struct osy_err err;

	osy_csv_init(&csv, on_result, &r);
	assert_int_equal(osy_csv_feed(&csv, osy_str(text), &err), OSY_OK);
	assert_int_equal(osy_csv_end(&csv, &err), OSY_OK);
	osy_csv_done(&csv);
	osy_bulk_columns_done(&r.columns);
	return r;
}

static void same(const struct results *r, unsigned i, const struct osy_lrow *row, bool want)
{
	assert_true(i < r->count);
	assert_int_equal(memcmp(r->sent[i], row->sent, 16) == 0, want);
}

static void found_by_all_that_was_sent(void **state)
{
	struct world *w = *state;

	add_row(w, OSY_ACT_INSERT,
		(const char *[]){"\"a, \\\"b\\\"\\n\"", "350000000.5",
			"\"2024-02-03T04:05:06.000+0000\"", NULL, "true", NULL, NULL});
	add_row(w, OSY_ACT_INSERT,
		(const char *[]){"\"a\"", NULL, NULL, NULL, NULL, "\"b\"", NULL});
	add_row(w, OSY_ACT_INSERT,
		(const char *[]){"\"a\"", NULL, NULL, NULL, NULL, "\"b\"", "\"other\""});
	add_row(w, OSY_ACT_INSERT,
		(const char *[]){"\"b\"", NULL, NULL, NULL, NULL, "\"a\"", NULL});
	struct osy_lbulk *bulk = write_rows(w);
	/* Equal rows are one; the same texts in other fields are not. */
	assert_memory_equal(w->rows[1].sent, w->rows[2].sent, 16);
	assert_memory_not_equal(w->rows[1].sent, w->rows[3].sent, 16);
	/* In another order of columns, in other letters, all quoted, CRLF. */
	struct results r = read_results(bulk, 0,
		"\"sf__Id\",\"sf__Created\",\"CODE\",\"Flag\",\"Day\",\"Born\",\"amount\","
		"\"Name\"\r\n"
		"\"001000000000001AAA\",\"true\",\"\",\"true\",\"\",\"2024-02-03T04:05:06.000Z\","
		"\"350000000.5\",\"a, \"\"b\"\"\n\"\r\n"
		"\"001000000000002AAA\",\"true\",\"b\",\"\",\"\",\"\",\"\",\"a\"\r\n"
		"\"001000000000003AAA\",\"true\",\"a\",,,,,\"b\"\r\n");
	same(&r, 0, &w->rows[0], true);
	same(&r, 1, &w->rows[1], true);
	same(&r, 2, &w->rows[3], true);
	same(&r, 2, &w->rows[1], false);
}

/* A number that an org spells in its own way is another text: without a key its row is in doubt,
 * with one it is found all the same. */
static void numbers_that_are_spelled_anew(void **state)
{
	struct world *w = *state;
	static const char *const values[FIELDS] = {
		"\"a\"", "350000000.0", NULL, NULL, NULL, "\"key\""};
	static const char *const result =
		"sf__Id,sf__Created,Amount,Name,Code\n001000000000001AAA,true,3.5E8,a,key\n";

	add_row(w, OSY_ACT_INSERT, values);
	struct osy_lbulk *bulk = write_rows(w);
	struct results r = read_results(bulk, 0, result);
	same(&r, 0, &w->rows[0], false);
	osy_load_bulk_free(&w->load);

	w->object.match = OSY_MATCH_EXTERNAL_ID;
	w->object.match_field = "Code";
	w->object.match_unique = true;
	bulk = write_rows(w);
	assert_int_equal(bulk->key_column, 5);
	r = read_results(bulk, 0, result);
	same(&r, 0, &w->rows[0], true);
	/* A row without a key is what it has. */
	w->rows[0].values[CODE] = OSY_STR_NULL;
	w->rows[0].values[AMOUNT] = OSY_STR("7");
	write_rows(w);
	r = read_results(bulk, 0, "sf__Id,Code,Amount,Name\n001000000000001AAA,,7,a\n,,8,a\n");
	same(&r, 0, &w->rows[0], true);
	same(&r, 1, &w->rows[0], false);
}

static void updates_are_found_by_their_id(void **state)
{
	struct world *w = *state;
	struct osy_lrow *row = add_row(
		w, OSY_ACT_UPDATE, (const char *[]){"\"a\"", "1.0", NULL, NULL, NULL, NULL, NULL});

	row->written[0] = 1u << NAME | 1u << AMOUNT;
	struct osy_lbulk *bulk = write_rows(w);
	struct results r = read_results(bulk, 1,
		"sf__Id,sf__Error,Flag,Day,Born,Amount,Name,Id\n"
		",X:y:--,,,,1,b,001000000000500AAA\n,X:y:--,,,,1.0,a,001000000000501AAA\n");
	same(&r, 0, row, true);
	same(&r, 1, row, false);
}

/* ---- What results make of rows ---- */
static struct osy_lsent *add_result(
	struct world *w, struct osy_ljoin *join, unsigned row, enum osy_lresult result)
{
	struct osy_lsent *sent = &join->rows[join->count++];

	*sent = (struct osy_lsent){.row = (uint16_t)row, .result = (unsigned char)result};
	sent->job = w->rows[row].action == OSY_ACT_UPDATE;
	join->batches[0].count++;
	return sent;
}

static struct osy_ljoin *join_new(struct world *w)
{
	struct osy_lbulk *bulk = osy_lbulk_new(&w->load, &w->object, 1);
	struct osy_ljoin *join = osy_xcalloc(1, sizeof(*join));

	osy_arena_init(&join->arena, 65536);
	join->rows = osy_xcalloc(ROWS, sizeof(*join->rows));
	join->batches = osy_xcalloc(1, sizeof(*join->batches));
	join->batch_count = 1;
	join->batches[0].offset = w->batch.offset;
	assert_int_equal(osy_spool_open(&join->errors, &w->err), OSY_OK);
	bulk->join = join;
	return join;
}

static void say(struct world *w, struct osy_ljoin *join, struct osy_lsent *sent, const char *text)
{
	sent->error_at = join->errors_size;
	sent->error_len = (uint32_t)strlen(text);
	assert_int_equal(
		osy_spool_write(join->errors, join->errors_size, osy_str(text), &w->err), OSY_OK);
	join->errors_size += sent->error_len;
}

static const char *const plain_values[FIELDS] = {"\"a\"", "1"};

static void results_settle_rows(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++) {
		add_row(w, i ? OSY_ACT_UPDATE : OSY_ACT_INSERT, plain_values);
		w->rows[i].lost = !i;
		w->rows[i].was_update = i;
		w->rows[i].mapped = i == 1;
	}
	struct osy_ljoin *join = join_new(w);
	memcpy(add_result(w, join, 0, OSY_LRESULT_OK)->target, "001000000000900", 15);
	memcpy(add_result(w, join, 1, OSY_LRESULT_OK)->target, "001000000000501", 15);
	memcpy(add_result(w, join, 2, OSY_LRESULT_OK)->target, "001000000000502", 15);
	assert_int_equal(osy_load_bulk_apply(&w->batch), OSY_LAPPLIED_ALL);
	assert_int_equal(w->rows[0].outcome, OSY_INSERTED);
	assert_string_equal(w->rows[0].target.c, "001000000000900");
	assert_true(w->rows[0].put);
	assert_int_equal(w->rows[1].outcome, OSY_UPDATED);
	assert_string_equal(w->rows[1].target.c, "001000000000501");
	assert_false(w->rows[1].put);
	assert_int_equal(w->rows[2].outcome, OSY_UPDATED);
	assert_true(w->rows[2].put); /* found by its key: nobody knows it yet */
}

static void an_id_of_another_object_is_none(void **state)
{
	struct world *w = *state;

	add_row(w, OSY_ACT_INSERT, plain_values);
	struct osy_ljoin *join = join_new(w);
	memcpy(add_result(w, join, 0, OSY_LRESULT_OK)->target, "003000000000900", 15);
	osy_load_bulk_apply(&w->batch);
	assert_int_equal(w->rows[0].outcome, OSY_FAILED);
	assert_true(osy_str_is(w->batch.failures->code, "UNEXPECTED_ID"));
}

static void errors_keep_their_words(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++)
		add_row(w, OSY_ACT_INSERT, plain_values);
	struct osy_ljoin *join = join_new(w);
	say(w, join, add_result(w, join, 0, OSY_LRESULT_FAILED),
		"REQUIRED_FIELD_MISSING:Required \"fields\":\nmissing: [A]:Name Code --");
	say(w, join, add_result(w, join, 1, OSY_LRESULT_FAILED), "what nobody expected");
	add_result(w, join, 2, OSY_LRESULT_FAILED); /* without a word */
	assert_int_equal(osy_load_bulk_apply(&w->batch), OSY_LAPPLIED_ALL);
	const struct osy_lfailure *last = w->batch.failures, *middle = last->next,
				  *first = middle->next;
	assert_true(osy_str_is(first->code, "REQUIRED_FIELD_MISSING"));
	assert_true(osy_str_is(first->message, "Required \"fields\":\nmissing: [A]"));
	assert_true(osy_str_is(first->fields, "Name,Code"));
	assert_true(osy_str_is(middle->message, "what nobody expected"));
	for (const struct osy_lfailure *f = last; f; f = f->next)
		assert_true(f->code.p && f->message.p && f->fields.p);
	for (int i = 0; i < 3; i++)
		assert_int_equal(w->rows[i].outcome, OSY_FAILED);
}

static void what_is_left_over_goes_on(void **state)
{
	struct world *w = *state;
	static const char *const lock = "UNABLE_TO_LOCK_ROW:unable to obtain access:--";

	for (int i = 0; i < 6; i++)
		add_row(w, i > 2 ? OSY_ACT_UPDATE : OSY_ACT_INSERT, plain_values);
	struct osy_ljoin *join = join_new(w);
	w->rows[4].written = NULL; /* snapshots are off */
	say(w, join, add_result(w, join, 0, OSY_LRESULT_FAILED), lock);
	add_result(w, join, 1, OSY_LRESULT_UNPROCESSED);
	add_result(w, join, 2, OSY_LRESULT_NONE);
	say(w, join, add_result(w, join, 3, OSY_LRESULT_FAILED), lock);
	say(w, join, add_result(w, join, 4, OSY_LRESULT_FAILED), lock);
	add_result(w, join, 5, OSY_LRESULT_NONE);
	assert_int_equal(osy_load_bulk_apply(&w->batch), OSY_LAPPLIED_SOME);
	for (int i = 0; i < 6; i++)
		assert_int_equal(w->rows[i].outcome, OSY_PENDING);
	assert_true(w->rows[0].action == OSY_ACT_INSERT && !w->rows[0].ask && !w->rows[0].lost);
	assert_true(w->rows[1].ask && !w->rows[1].lost);
	assert_true(w->rows[2].lost); /* it may be there */
	assert_true(w->rows[3].action == OSY_ACT_UPDATE && !w->rows[3].ask);
	assert_true(w->rows[4].ask);
	assert_true(w->rows[5].was_update);
	/* It goes by collections from here, after what is known is recorded. */
	assert_false(osy_load_goes_bulk(&w->batch));
	assert_true(osy_load_bulk_settle(&w->batch));
	assert_int_equal(w->batch.step, OSY_STEP_RECORD);
	assert_int_equal(w->batch.record_as, OSY_RECORD_PART);
	assert_false(osy_load_bulk_settle(&w->batch));
}

static void somebody_was_quicker(void **state)
{
	struct world *w = *state;
	static const char *const said =
		"DUPLICATE_VALUE:duplicate value found: Code duplicates value on record with id: "
		"001000000000777:--";

	w->fields[CODE].unique = true;
	w->object.match = OSY_MATCH_EXTERNAL_ID;
	w->object.match_field = "Code";
	w->object.match_unique = true;
	w->object.keys = (int[]){CODE};
	w->object.key_count = 1;
	for (int round = 0; round < 2; round++) {
		add_row(w, OSY_ACT_INSERT,
			(const char *[]){"\"a\"", "1", NULL, NULL, NULL, "\"k\"", NULL});
		struct osy_ljoin *join = join_new(w);
		say(w, join, add_result(w, join, 0, OSY_LRESULT_FAILED), said);
		assert_int_equal(osy_load_bulk_apply(&w->batch), OSY_LAPPLIED_SOME);
		assert_true(osy_is_pending(&w->rows[0]) && w->rows[0].ask);
		/* and the same by a key of several fields of which one is unique */
		osy_load_bulk_free(&w->load);
		w->batch.row_count = 0;
		memset(w->rows, 0, sizeof(w->rows));
		w->object.match = OSY_MATCH_KEYS;
		w->object.match_field = NULL;
		w->object.match_unique = false;
	}
}

static void an_aborted_run_forgets_what_was_not_executed(void **state)
{
	struct world *w = *state;

	w->run.aborting = true;
	add_row(w, OSY_ACT_INSERT, plain_values);
	add_row(w, OSY_ACT_INSERT, plain_values);
	struct osy_ljoin *join = join_new(w);
	add_result(w, join, 0, OSY_LRESULT_UNPROCESSED);
	struct osy_lsent *second = add_result(w, join, 1, OSY_LRESULT_UNPROCESSED);
	assert_int_equal(osy_load_bulk_apply(&w->batch), OSY_LAPPLIED_UNSENT);
	second->result = OSY_LRESULT_NONE; /* perhaps it was */
	assert_int_equal(osy_load_bulk_apply(&w->batch), OSY_LAPPLIED_SOME);
	second->result = OSY_LRESULT_UNPROCESSED;
	w->batch.begun = true;
	assert_int_equal(osy_load_bulk_apply(&w->batch), OSY_LAPPLIED_SOME);
	w->batch.offset++; /* of no job */
	assert_int_equal(osy_load_bulk_apply(&w->batch), OSY_LAPPLIED_NOTHING);
}

/* ---- Batches that a former owner had begun ---- */
static void what_is_in_a_job_is_no_batch_in_work(void **state)
{
	struct world *w = *state;

	/* Its row was there already when the lane was taken. */
	osy_load_left_add(&w->load, w->batch.offset)->taken = true;
	add_row(w, OSY_ACT_INSERT, plain_values);
	struct osy_lbulk *bulk = write_rows(w);
	osy_load_bulk_added(&w->batch);
	const struct osy_lleft *left = osy_load_left_of(&w->load, w->batch.offset);
	assert_true(left->bulk && !left->taken);
	/* Once its results are there, or the job is left, it is owed again. */
	assert_null(osy_load_unfinished(&w->load));
	bulk->phase = OSY_LBULK_SETTLE;
	assert_ptr_equal(osy_load_unfinished(&w->load), left);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(each_kind_of_value),
		TEST(an_update_says_what_it_writes),
		TEST(a_blank_text_clears_its_field),
		TEST(what_csv_cannot_say_stays_out),
		TEST(an_empty_row_stays_out),
		TEST(only_what_is_to_be_sent_goes_in),
		TEST(a_source_id_has_its_column),
		TEST(a_job_has_an_end),
		TEST(a_batch_of_the_rest_is_not_taken),
		TEST(found_by_all_that_was_sent),
		TEST(numbers_that_are_spelled_anew),
		TEST(updates_are_found_by_their_id),
		TEST(results_settle_rows),
		TEST(an_id_of_another_object_is_none),
		TEST(errors_keep_their_words),
		TEST(what_is_left_over_goes_on),
		TEST(somebody_was_quicker),
		TEST(an_aborted_run_forgets_what_was_not_executed),
		TEST(what_is_in_a_job_is_no_batch_in_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
