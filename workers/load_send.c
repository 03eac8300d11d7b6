/* Send: collections of rows, up to five in a composite, one call after the other. */
#include "load_internal.h"

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "pulse.h"

#include "osy/banned.h"

unsigned osy_load_row_limit(const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	int most = batch->object->batch_size;

	if (most < 1 || most > OSY_SF_COLLECTION_MAX)
		most = OSY_SF_COLLECTION_MAX;
	return row->unit && row->unit < (unsigned)most ? row->unit : (unsigned)most;
}

static void plan_action(struct osy_lbatch *batch, enum osy_action action, unsigned *at)
{
	unsigned limit = 0, size = 0, begin = *at, end = *at;

	for (unsigned i = 0; i < batch->row_count; i++) {
		if (osy_is_pending(&batch->rows[i]) && batch->rows[i].action == action)
			batch->order[end++] = i;
	}
	osy_load_order(batch, batch->order + begin, end - begin);
	for (; *at < end; ++*at) {
		struct osy_lrow *row = &batch->rows[batch->order[*at]];
		unsigned own = osy_load_row_limit(batch, row);
		if (size == 0 || size >= limit || own != limit) {
			batch->starts[batch->collections++] = *at;
			limit = own;
			size = 0;
		}
		size++;
		row->collection = (int)batch->collections - 1;
	}
}

void osy_load_plan(struct osy_lbatch *batch)
{
	unsigned at = 0;

	if (!batch->order) {
		batch->order = osy_arena_calloc(
			&batch->arena, batch->row_count + 1, sizeof(*batch->order));
		batch->starts = osy_arena_calloc(
			&batch->arena, batch->row_count + 2, sizeof(*batch->starts));
	}
	batch->collections = batch->next_collection = 0;
	plan_action(batch, OSY_ACT_INSERT, &at);
	plan_action(batch, OSY_ACT_UPDATE, &at);
	batch->starts[batch->collections] = at;
}

/* ---- Bodies ---- */
static void add_insert(
	struct osy_sf_send *send, const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	osy_sf_send_record(send, NULL);
	for (unsigned c = 0; c < batch->column_count; c++) {
		const struct osy_spec_field *field = batch->columns[c].field;
		if (field->createable && row->values[c].p && !osy_is_left_out(row->values[c]) &&
			!osy_str_is(row->values[c], "null"))
			osy_sf_send_field(send, field->target, row->values[c]);
	}
}

static void add_update(
	struct osy_sf_send *send, const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	char id[19];

	osy_id_18(&row->target, id);
	osy_sf_send_record(send, id);
	for (unsigned c = 0; c < batch->column_count; c++) {
		if (((row->written[c / 64] >> (c % 64)) & 1) && !osy_is_left_out(row->values[c]))
			osy_sf_send_field(send, batch->columns[c].field->target, row->values[c]);
	}
}

static void add_collection(
	struct osy_sf_send *send, const struct osy_lbatch *batch, unsigned collection)
{
	const struct osy_lrow *first = &batch->rows[batch->order[batch->starts[collection]]];
	bool insert = first->action == OSY_ACT_INSERT;

	osy_sf_send_collection(send, insert ? OSY_SF_INSERT : OSY_SF_UPDATE, batch->object->target);
	for (unsigned i = batch->starts[collection]; i < batch->starts[collection + 1]; i++) {
		const struct osy_lrow *row = &batch->rows[batch->order[i]];
		if (insert)
			add_insert(send, batch, row);
		else
			add_update(send, batch, row);
	}
}

static size_t headers_of(const struct osy_lbatch *batch, struct osy_http_header *ret)
{
	size_t n = 0;

	ret[n++] = (struct osy_http_header){"Sforce-Auto-Assign", OSY_STR("FALSE")};
	if (osy_lspec(batch)->duplicate_rules &&
		strcmp(osy_lspec(batch)->duplicate_rules, "allow-save") == 0)
		ret[n++] = (struct osy_http_header){
			"Sforce-Duplicate-Rule-Header", OSY_STR("allowSave=true")};
	return n;
}

/* ---- The step ---- */

/*
 * sent_at is when the org may have begun at the latest: a send that comes much later than it was
 * noted is noted again first.
 */
static bool note_sent(struct osy_lbatch *batch)
{
	const struct osy_wlane *lane = batch->load->lane;
	struct osy_err err = OSY_ERR_NONE;

	if (osy_mono_ms() - batch->sent_at <= OSY_LOAD_SEND_SLACK)
		return true;
	if (osy_pg_do(osy_lworker(batch)->pg, NULL, &err,
		    "UPDATE batch SET sent_at = clock_timestamp() WHERE run = $1 AND pass = $2 AND "
		    "lane = $3 AND at_offset = $4 AND epoch = $5",
		    OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->run->pass), OSY_PG_I32(lane->lane),
		    OSY_PG_I64(batch->offset), OSY_PG_I64(lane->epoch)))
		return osy_load_trouble(batch->load->loader, "batch.sent_at", &err);
	batch->sent_at = osy_mono_ms();
	return true;
}

/* What cannot be sent at all (a body that is too large, an address that is none). */
static void unsendable(struct osy_lbatch *batch, unsigned parts, const struct osy_err *err)
{
	unsigned end = batch->starts[batch->next_collection + parts];

	if (err->cls == OSY_RETRY) {
		osy_load_wait(batch, osy_load_pause(batch, err));
		return;
	}
	for (unsigned i = batch->starts[batch->next_collection]; i < end; i++)
		osy_load_refuse_err(batch, batch->order[i], err);
	batch->next_collection += parts;
}

static void send_next(struct osy_lbatch *batch)
{
	struct osy_http_header headers[2];
	struct osy_err err = OSY_ERR_NONE;
	unsigned left = batch->collections - batch->next_collection;
	unsigned most = batch->single ? 1 : OSY_SF_COMPOSITE_MAX;
	unsigned parts = left < most ? left : most;
	struct osy_lcall *call = osy_load_call_new(
		batch, batch->load->loader, osy_lrun(batch), osy_load_settle_reply);

	call->org = osy_load_org(batch);
	call->first_collection = batch->next_collection;
	osy_sf_send_begin(&call->send, parts);
	for (unsigned p = 0; p < parts; p++)
		add_collection(&call->send, batch, batch->next_collection + p);
	size_t header_count = headers_of(batch, headers);
	if (!osy_pulse_may_send(osy_lworker(batch)->pulse)) {
		osy_load_call_drop(call);
		osy_load_wait(batch, 20);
		return;
	}
	if (osy_load_call_start(call, headers, header_count, &err)) {
		unsendable(batch, parts, &err);
		return;
	}
	batch->next_collection += parts;
	batch->load->sent = ++batch->load->loader->sends;
	osy_load_step(batch, OSY_STEP_SENDING);
	(void)OSY_FAILPOINT("worker.after_send");
}

static void send_batch(struct osy_lbatch *batch)
{
	if (batch->claims_doubtful) {
		if (!osy_load_claim_again(batch))
			return;
		batch->claims_doubtful = false;
		osy_load_plan(batch);
	}
	if (batch->next_collection == batch->collections)
		osy_load_next_round(batch);
	else if (note_sent(batch))
		send_next(batch);
}

void osy_load_send(struct osy_loader *loader)
{
	struct osy_lbatch *batches[OSY_LOAD_GATHER];
	size_t n = osy_load_pick_writers(loader, OSY_STEP_SEND, batches, OSY_COUNT(batches));

	for (size_t i = 0; i < n; i++) {
		if (loader->trouble_until > loader->now)
			return;
		if (batches[i]->next_collection == batches[i]->collections ||
			(osy_load_slot(batches[i], true) &&
				osy_pulse_may_send(loader->worker->pulse)))
			send_batch(batches[i]);
	}
}
