/* From a message to rows; what former owners of a lane left unsettled. */
#include "load_earlier.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "pulse.h"

#include "osy/banned.h"

const struct osy_str osy_left_out = {"left out", 0};

/* ---- Decoding ---- */
static const struct osy_spec_field *find_field(
	const struct osy_spec_object *object, struct osy_str name, size_t hint)
{
	if (hint < object->field_count && osy_str_is(name, object->fields[hint].name))
		return &object->fields[hint];
	for (size_t i = 0; i < object->field_count; i++) {
		if (osy_str_is(name, object->fields[i].name))
			return &object->fields[i];
	}
	return NULL;
}

/* The source's id goes into a field of its own, unless the template maps that field anyway. */
static bool needs_source_id(const struct osy_lbatch *batch)
{
	const struct osy_spec_object *object = batch->object;

	if (batch->head.links || object->deletes || object->match != OSY_MATCH_SOURCE_ID)
		return false;
	for (size_t i = 0; i < object->field_count; i++) {
		if (strcmp(object->fields[i].target, object->match_field) == 0)
			return false;
	}
	return true;
}

static void add_source_id(struct osy_lbatch *batch)
{
	struct osy_spec_field *field = osy_arena_alloc(&batch->arena, sizeof(*field));

	*field = (struct osy_spec_field){.name = "Id",
		.target = batch->object->match_field,
		.type = OSY_T_STRING,
		.createable = true,
		.updateable = true,
		.nillable = true,
		.unique = batch->object->match_unique};
	batch->columns[batch->column_count++] = (struct osy_lcolumn){field, -1};
}

/* Its rows are ids: the columns are what is kept of the targets. */
static void read_target_columns(struct osy_lbatch *batch)
{
	const struct osy_spec_object *object = batch->object;

	batch->columns =
		osy_arena_calloc(&batch->arena, object->field_count + 1, sizeof(*batch->columns));
	for (size_t i = 0; i < object->field_count; i++)
		batch->columns[i] = (struct osy_lcolumn){&object->fields[i], -1};
	batch->column_count = (unsigned)object->field_count;
}

/* New records of an org with one currency: no field of the source says which. */
static void add_currency(struct osy_lbatch *batch)
{
	struct osy_spec_field *field = osy_arena_alloc(&batch->arena, sizeof(*field));

	*field = (struct osy_spec_field){.name = "CurrencyIsoCode",
		.target = "CurrencyIsoCode",
		.type = OSY_T_PICKLIST,
		.createable = true,
		.nillable = true};
	batch->columns[batch->column_count++] = (struct osy_lcolumn){field, -1};
}

static enum osy_code read_columns(
	struct osy_lbatch *batch, const struct osy_batch_reader *reader, struct osy_err *err)
{
	if (batch->object->deletes) {
		read_target_columns(batch);
		return OSY_OK;
	}
	batch->columns =
		osy_arena_calloc(&batch->arena, reader->field_count + 3, sizeof(*batch->columns));
	for (size_t i = 0; i < reader->field_count; i++) {
		const struct osy_spec_field *field =
			find_field(batch->object, reader->fields[i], i);
		if (!field || (batch->head.links && !osy_spec_refers(field)))
			return osy_fail(err, OSY_E_INVALID,
				"field %.*s of %s is not in the run's spec",
				(int)reader->fields[i].len, reader->fields[i].p,
				batch->object->name);
		int lookup = osy_spec_refers(field) ? (int)batch->lookup_count++ : -1;
		batch->columns[batch->column_count++] = (struct osy_lcolumn){field, lookup};
	}
	if (batch->object->currency && !batch->head.links)
		add_currency(batch);
	if (needs_source_id(batch))
		add_source_id(batch);
	return OSY_OK;
}

static void set_source_id(struct osy_lbatch *batch, struct osy_lrow *row)
{
	char *text = osy_arena_alloc(&batch->arena, 24);

	text[0] = '"';
	osy_id_18(&row->source, text + 1);
	text[19] = '"';
	row->values[batch->column_count - 1] = (struct osy_str){text, 20};
}

/* As raw JSON; null: the records say it themselves. */
static struct osy_str currency_text(struct osy_lbatch *batch)
{
	const char *code = batch->object->currency;

	if (!code || batch->head.links)
		return OSY_STR_NULL;
	char *text = osy_arena_alloc(&batch->arena, strlen(code) + 3);
	snprintf(text, strlen(code) + 3, "\"%s\"", code);
	return osy_str(text);
}

/* The column that tells accounts of people; -1: there is none. */
static int person_column(const struct osy_lbatch *batch)
{
	const struct osy_spec_object *object = batch->object;

	for (unsigned c = 0; object->person_field >= 0 && c < batch->column_count; c++) {
		if (batch->columns[c].field == &object->fields[object->person_field])
			return (int)c;
	}
	return -1;
}

/* '!' and a sentence in the place of a value: it could not be made. */
static void fail_expressions(struct osy_lbatch *batch, unsigned i, size_t fields)
{
	struct osy_str *values = batch->rows[i].values;

	for (size_t c = 0; c < fields && !batch->head.links; c++) {
		const struct osy_spec_field *field = batch->columns[c].field;
		if (!values[c].p || !values[c].len || values[c].p[0] != '!')
			continue;
		if (!osy_lrun(batch)->undo && osy_is_pending(&batch->rows[i]))
			osy_load_fail(batch, i, OSY_FAIL_EXPRESSION, osy_str(field->target),
				"the expression of %s, %.*s", field->target, (int)values[c].len - 1,
				values[c].p + 1);
		values[c] = osy_left_out;
	}
}

static enum osy_code read_rows(
	struct osy_lbatch *batch, struct osy_batch_reader *reader, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;
	unsigned count = (unsigned)batch->head.count, n = 0;
	bool source_id = needs_source_id(batch);
	struct osy_str currency = currency_text(batch);
	int person = person_column(batch);
	struct osy_str *values = osy_arena_calloc(
		&batch->arena, (size_t)(count + 1) * (batch->column_count + 1), sizeof(*values));

	batch->rows = osy_arena_calloc(&batch->arena, count + 1, sizeof(*batch->rows));
	batch->refs = osy_arena_calloc(
		&batch->arena, (size_t)count * batch->lookup_count + 1, sizeof(*batch->refs));
	for (;; n++) {
		struct osy_lrow *row = &batch->rows[n];
		row->values = values + (size_t)n * batch->column_count;
		if (!osy_batch_row(reader, &row->source, row->values, &rc, err))
			break;
		if (memcmp(row->source.c, batch->object->prefix, 3) != 0)
			return osy_fail(err, OSY_E_INVALID, "record %s is no %s", row->source.c,
				batch->object->name);
		row->collection = -1;
		row->ask = true;
		fail_expressions(batch, n, reader->field_count);
		row->person = person >= 0 && osy_str_is(row->values[person], "true");
		if (currency.p)
			row->values[reader->field_count] = currency;
		if (source_id)
			set_source_id(batch, row);
	}
	batch->row_count = n;
	return rc;
}

static enum osy_code decode(struct osy_lbatch *batch, struct osy_str message, struct osy_err *err)
{
	const struct osy_spec *spec = osy_lspec(batch);
	struct osy_batch_reader reader;
	enum osy_code rc = osy_batch_read(message, &batch->arena, &reader, err);

	if (rc)
		return rc;
	if ((size_t)reader.head.object >= spec->object_count)
		return osy_fail(err, OSY_E_INVALID, "object %lld is not in the run's spec",
			(long long)reader.head.object);
	batch->head = reader.head;
	batch->object = &spec->objects[reader.head.object];
	/* link batches of another pass were that pass's business */
	batch->skip = batch->head.links && batch->head.pass != osy_lrun(batch)->pass;
	rc = read_columns(batch, &reader, err);
	if (!rc)
		rc = read_rows(batch, &reader, err);
	return rc;
}

static int64_t header_number(
	const struct osy_lbatch *batch, const char *name, int64_t min, int64_t max)
{
	struct osy_err ignored = OSY_ERR_NONE;
	int64_t n = min;
	struct osy_str text = osy_kafka_message_header(&batch->message, name);

	if (!text.p || osy_parse_i64(text, min, max, &n, &ignored))
		return min;
	return n;
}

/* What its Kafka headers tell of a message that says nothing itself: so it counts all the same. */
static void read_headers(struct osy_lbatch *batch)
{
	int64_t objects = (int64_t)osy_lspec(batch)->object_count;

	batch->head = (struct osy_batch_head){
		.object = header_number(batch, "object", 0, objects ? objects - 1 : 0),
		.stage = header_number(batch, "stage", 1, osy_lspec(batch)->stages + 1),
		.links = osy_str_is(osy_kafka_message_header(&batch->message, "kind"), "links"),
		.count = header_number(batch, "count", 0, OSY_BATCH_MAX_RECORDS)};
}

void osy_load_decode(struct osy_lbatch *batch, struct osy_str message)
{
	struct osy_err err = OSY_ERR_NONE;

	if (!decode(batch, message, &err))
		return;
	batch->broken = osy_arena_alloc(&batch->arena, sizeof(*batch->broken));
	*batch->broken = err;
	read_headers(batch);
	batch->skip = false;
	batch->row_count = 0;
	batch->column_count = batch->lookup_count = 0;
}

/* ---- What cannot be decoded ---- */
static bool dead_letter(struct osy_lbatch *batch)
{
	struct osy_worker *worker = osy_lworker(batch);
	const struct osy_wlane *lane = batch->load->lane;
	char topic[200], offset[32], number[16];
	struct osy_err err = OSY_ERR_NONE;

	osy_deadletter_topic(worker->settings->kafka_prefix, topic, sizeof(topic));
	snprintf(offset, sizeof(offset), "%lld", (long long)batch->offset);
	snprintf(number, sizeof(number), "%d", lane->lane);
	const struct osy_kafka_header headers[] = {{"run", osy_str(lane->run->id)},
		{"lane", osy_str(number)}, {"offset", osy_str(offset)},
		{"reason", osy_str(batch->broken->msg)}};
	const struct osy_kafka_property keep = {"retention.ms", "-1"};
	osy_pulse_blocking(worker->pulse, true);
	enum osy_code rc = osy_kafka_topic_create(worker->kafka, topic, 1, &keep, 1, &err);
	if (!rc)
		rc = osy_kafka_put(worker->kafka, topic, 0,
			batch->copy.len ? osy_buf_str(&batch->copy) : batch->message.payload,
			headers, OSY_COUNT(headers), &err);
	osy_pulse_blocking(worker->pulse, false);
	if (rc)
		return osy_load_trouble(batch->load->loader, "batch.deadletter", &err);
	osy_log(OSY_ERROR, "batch.undecodable", OSY_KV("lane", lane->key),
		OSY_KV_INT("offset", batch->offset), OSY_KV_ERR(batch->broken));
	return true;
}

/* ---- What former owners left ---- */
struct osy_lleft *osy_load_left_of(const struct osy_load *load, int64_t offset)
{
	struct osy_lleft *left = load->left;

	while (left && left->offset != offset)
		left = left->next;
	return left;
}

struct osy_lleft *osy_load_left_add(struct osy_load *load, int64_t offset)
{
	struct osy_lleft *left = osy_load_left_of(load, offset);

	if (left)
		return left;
	left = osy_xcalloc(1, sizeof(*left));
	left->offset = offset;
	left->next = load->left;
	load->left = left;
	return left;
}

void osy_load_left_out_of_job(struct osy_load *load, int64_t offset)
{
	struct osy_lleft *left = osy_load_left_of(load, offset);

	if (left)
		left->bulk = false;
}

void osy_load_left_free(struct osy_load *load)
{
	while (load->left) {
		struct osy_lleft *left = load->left;
		load->left = left->next;
		free(left);
	}
}

void osy_load_untake(struct osy_load *load, int64_t offset)
{
	struct osy_lleft *left = osy_load_left_of(load, offset);

	if (left)
		left->taken = false;
}

void osy_load_left_done(struct osy_load *load, int64_t offset)
{
	for (struct osy_lleft **at = &load->left; *at; at = &(*at)->next) {
		struct osy_lleft *left = *at;
		if (left->offset == offset) {
			*at = left->next;
			free(left);
			return;
		}
	}
}

void osy_load_left_aside(const struct osy_lbatch *batch)
{
	struct osy_lleft *left = osy_load_left_add(batch->load, batch->offset);

	left->aside = true;
	left->bulk = false;
	left->taken = false;
	left->doubts = batch->doubts;
	left->due = osy_mono_ms() + batch->due_in_ms;
}

static struct osy_load *find_load(
	struct osy_loader *loader, struct osy_str run, int64_t pass, int64_t lane)
{
	for (struct osy_load *load = loader->loads; load; load = load->next) {
		if (!load->looked && !load->lane->lost && load->lane->lane == lane &&
			load->lane->run->pass == pass && osy_str_is(run, load->lane->run->id))
			return load;
	}
	return NULL;
}

static void add_left(struct osy_load *load, const struct osy_pg_result *result, size_t i)
{
	struct osy_lleft *left = osy_load_left_add(load, osy_pg_i64(result, i, 3, 0));
	struct osy_str state = osy_pg_str(result, i, 4);

	left->done = osy_str_is(state, "done");
	/* One that lies before the position was set aside, whatever became of it since. */
	left->aside =
		!left->done && (osy_str_is(state, "aside") || left->offset < load->lane->recorded);
	left->due = osy_mono_ms() + osy_pg_i64(result, i, 5, 0);
}

#define LOOK_MAX 256

static size_t unlooked(struct osy_loader *loader, struct osy_load **ret)
{
	size_t n = 0;

	for (struct osy_load *load = loader->loads; load && n < LOOK_MAX; load = load->next) {
		if (!load->looked && load->lane->raised && !load->lane->lost)
			ret[n++] = load;
	}
	return n;
}

void osy_load_look(struct osy_loader *loader)
{
	struct osy_load *loads[LOOK_MAX];
	struct osy_str runs[LOOK_MAX];
	int32_t passes[LOOK_MAX], lanes[LOOK_MAX];
	struct osy_err err = OSY_ERR_NONE;
	size_t n = unlooked(loader, loads);

	if (!n)
		return;
	for (size_t i = 0; i < n; i++) {
		runs[i] = osy_str(loads[i]->lane->run->id);
		passes[i] = loads[i]->lane->run->pass;
		lanes[i] = loads[i]->lane->lane;
	}
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	if (osy_load_retakes_read(loads, n, &err) ||
		osy_pg_do(loader->worker->pg, &result, &err,
			"SELECT b.run, b.pass, b.lane, b.at_offset, b.state, greatest(0, "
			"coalesce(extract(epoch FROM b.due_at - clock_timestamp()) * 1000, "
			"0))::bigint FROM batch b JOIN unnest($1::text[], $2::int[], $3::int[]) AS "
			"g(run, pass, lane) ON b.run = g.run AND b.pass = g.pass AND b.lane = "
			"g.lane WHERE b.state <> 'done' UNION ALL SELECT b.run, b.pass, b.lane, "
			"b.at_offset, b.state, 0 FROM lane l JOIN unnest($1::text[], $2::int[], "
			"$3::int[]) AS g(run, pass, lane) ON l.run = g.run AND l.pass = g.pass AND "
			"l.lane = g.lane JOIN batch b ON b.run = l.run AND b.pass = l.pass AND "
			"b.lane = l.lane AND b.at_offset >= l.position WHERE b.state = 'done'",
			OSY_PG_TEXTS(runs, n), OSY_PG_I32S(passes, n), OSY_PG_I32S(lanes, n))) {
		osy_load_trouble(loader, "load.look", &err);
		return;
	}
	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		struct osy_load *load = find_load(loader, osy_pg_str(result, i, 0),
			osy_pg_i64(result, i, 1, 0), osy_pg_i64(result, i, 2, 0));
		if (load)
			add_left(load, result, i);
	}
	for (size_t i = 0; i < n; i++) {
		loads[i]->looked = true;
		osy_load_bulk_adopt(loads[i]);
	}
	loader->moved = true;
}

/* ---- Taking what Kafka's queue will not bring ---- */
static struct osy_lbatch *fetch_again(struct osy_load *load, struct osy_lleft *left)
{
	struct osy_worker *worker = load->loader->worker;
	struct osy_lbatch *batch = osy_load_batch_new(load);
	struct osy_err err = OSY_ERR_NONE;

	batch->offset = left->offset;
	batch->doubts = left->doubts;
	osy_pulse_blocking(worker->pulse, true);
	enum osy_code rc = osy_kafka_at(worker->kafka, load->lane->run->topic, load->lane->lane,
		left->offset, &batch->copy, &err);
	osy_pulse_blocking(worker->pulse, false);
	if (rc) {
		osy_load_batch_free(batch);
		osy_load_trouble(load->loader, "batch.fetch", &err);
		return NULL;
	}
	osy_load_decode(batch, osy_buf_str(&batch->copy));
	load->loader->rows += batch->row_count;
	osy_load_step(batch, OSY_STEP_TAKEN);
	left->taken = true;
	return batch;
}

/* True when one was fetched: that blocks, so one a turn is enough. */
static bool take_late(struct osy_load *load)
{
	struct osy_lleft *left = load->left;

	while (left && (!left->aside || left->taken || left->due > load->loader->now))
		left = left->next;
	if (left && !load->late && osy_load_has_room(load->loader, false)) {
		load->late = fetch_again(load, left);
		if (load->late) {
			load->late->late = true;
			(void)OSY_FAILPOINT("worker.aside");
		}
		return true;
	}
	left = osy_load_unfinished(load);
	if (!left || !load->lane->run->aborting || load->first || load->lane->queue)
		return false;
	/* no queue is opened for a run that ends */
	load->first = fetch_again(load, left);
	if (load->first && load->lane->position <= left->offset)
		load->lane->position = left->offset + 1;
	return true;
}

void osy_load_take_late(struct osy_loader *loader)
{
	for (struct osy_load *load = loader->loads; load; load = load->next) {
		if (load->looked && load->left && !load->lane->lost && !osy_load_ends(load) &&
			!load->lane->run->undo && loader->trouble_until <= loader->now &&
			take_late(load))
			return;
	}
}

/* ---- TAKEN ---- */
static void begin(struct osy_lbatch *batch)
{
	struct osy_lleft *left = osy_load_left_of(batch->load, batch->offset);

	if (!batch->late && !batch->broken && !batch->skip &&
		batch->head.stage > osy_lrun(batch)->open_stage)
		return;
	if (osy_lrun(batch)->aborting && !left)
		return;
	/* Recorded, or set aside, before those in front of it: only the position is to be moved. */
	if (left && !batch->late && (left->done || left->aside)) {
		batch->skip = true;
		osy_load_step(batch, OSY_STEP_RECORD);
		return;
	}
	if (left)
		left->taken = true;
	if (!osy_load_retake(batch))
		return;
	if (batch->broken ? !dead_letter(batch) : left && !osy_load_former_read(batch))
		return;
	enum osy_lapplied applied = left && left->bulk && !batch->broken
					    ? osy_load_bulk_apply(batch)
					    : OSY_LAPPLIED_NOTHING;
	if (applied == OSY_LAPPLIED_UNSENT) {
		if (osy_load_unintend(batch))
			osy_load_left_done(batch->load, batch->offset);
		return;
	}
	osy_load_step(batch, batch->broken || batch->skip || applied == OSY_LAPPLIED_ALL
				     ? OSY_STEP_RECORD
				     : OSY_STEP_RESOLVE);
}

void osy_load_begin(struct osy_loader *loader)
{
	struct osy_lbatch *batches[OSY_LOAD_GATHER];
	size_t n = osy_load_pick(loader, OSY_STEP_TAKEN, batches, OSY_COUNT(batches));

	for (size_t i = 0; i < n && loader->trouble_until <= loader->now; i++)
		begin(batches[i]);
}
