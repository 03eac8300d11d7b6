/* Send: collections of rows, up to five in a composite, one call after the other. */
#include "load_file.h"

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "pulse.h"

#include "osy/banned.h"

unsigned osy_load_row_limit(const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	int most = batch->object->file ? 1 : batch->object->batch_size;

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
	if (!batch->object->file) /* they go one by one, in their order */
		osy_load_order(batch, batch->order + begin, end - begin);
	for (; *at < end; ++*at) {
		struct osy_lrow *row = &batch->rows[batch->order[*at]];
		unsigned own = osy_load_row_limit(batch, row);
		if (*at == begin && begin == 0)
			size = batch->tail; /* what those in front have left of theirs is filled up
					     */
		if (*at == begin || size >= limit || own != limit) {
			batch->starts[batch->collections++] = *at;
			size = *at == begin && size < own ? size : 0;
			limit = own;
		}
		size++;
		row->collection = (int)batch->collections - 1;
	}
	batch->tail = end > begin ? size : batch->tail;
}

/* Rows that lock second parents too are in the order of these within a collection: those of two
 * batches, one behind the other, would not be. */
static bool shares_collections(const struct osy_lbatch *batch)
{
	return batch->object->order_field < 0;
}

static enum osy_action last_action(const struct osy_lbatch *batch)
{
	unsigned end = batch->starts[batch->collections];

	return end ? batch->rows[batch->order[end - 1]].action : OSY_ACT_NONE;
}

static bool any_of(const struct osy_lbatch *batch, enum osy_action action)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (osy_is_pending(&batch->rows[i]) && batch->rows[i].action == action)
			return true;
	}
	return false;
}

void osy_load_plan(struct osy_lbatch *batch, const struct osy_lbatch *front)
{
	enum osy_action first = batch->object->deletes		? OSY_ACT_DELETE
				: any_of(batch, OSY_ACT_INSERT) ? OSY_ACT_INSERT
								: OSY_ACT_UPDATE;
	unsigned at = 0;

	if (!batch->order) {
		batch->order = osy_arena_calloc(
			&batch->arena, batch->row_count + 1, sizeof(*batch->order));
		batch->starts = osy_arena_calloc(
			&batch->arena, batch->row_count + 2, sizeof(*batch->starts));
	}
	batch->collections = batch->next_collection = 0;
	batch->single |= batch->object->file != NULL;
	bool shares = front && shares_collections(batch) && last_action(front) == first &&
		      !any_of(batch, OSY_ACT_UNDELETE);
	batch->tail = shares ? front->tail : 0;
	plan_action(batch, OSY_ACT_UNDELETE, &at);
	plan_action(batch, OSY_ACT_INSERT, &at);
	plan_action(batch, OSY_ACT_UPDATE, &at);
	plan_action(batch, OSY_ACT_DELETE, &at);
	batch->starts[batch->collections] = at;
}

/* Rows that have been settled since the intent leave their collections; the others stay in theirs,
 * as the intent says. */
static void drop_settled(struct osy_lbatch *batch)
{
	unsigned kept = 0;

	for (unsigned c = 0; c < batch->collections; c++) {
		unsigned begin = batch->starts[c], end = batch->starts[c + 1];
		batch->starts[c] = kept;
		for (unsigned i = begin; i < end; i++) {
			if (osy_is_pending(&batch->rows[batch->order[i]]))
				batch->order[kept++] = batch->order[i];
		}
	}
	batch->starts[batch->collections] = kept;
}

/* ---- Bodies ---- */
static void add_insert(
	struct osy_sf_send *send, const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	osy_sf_send_record(send, NULL);
	for (unsigned c = 0; c < batch->column_count; c++) {
		const struct osy_spec_field *field = batch->columns[c].field;
		if (field->createable && osy_lfits(row, field) && !osy_file_is_body(batch, c) &&
			row->values[c].p && !osy_is_left_out(row->values[c]) &&
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
		if (((row->written[c / 64] >> (c % 64)) & 1) && !osy_file_is_body(batch, c) &&
			!osy_is_left_out(row->values[c]))
			osy_sf_send_field(send, batch->columns[c].field->target, row->values[c]);
	}
}

static void add_delete(struct osy_sf_send *send, const struct osy_lrow *row)
{
	char id[19];

	osy_id_18(&row->target, id);
	osy_sf_send_record(send, id);
}

static enum osy_action action_of(const struct osy_lpiece *piece)
{
	const struct osy_lbatch *batch = piece->batch;

	return batch->rows[batch->order[batch->starts[piece->collection]]].action;
}

static void add_piece(struct osy_sf_send *send, const struct osy_lpiece *piece)
{
	const struct osy_lbatch *batch = piece->batch;
	enum osy_action action = action_of(piece);
	unsigned from = batch->starts[piece->collection];

	if (piece->begin == 0)
		osy_sf_send_collection(send,
			action == OSY_ACT_INSERT   ? OSY_SF_INSERT
			: action == OSY_ACT_DELETE ? OSY_SF_DELETE
						   : OSY_SF_UPDATE,
			batch->object->target);
	for (unsigned i = 0; i < piece->count; i++) {
		const struct osy_lrow *row = &batch->rows[batch->order[from + i]];
		if (action == OSY_ACT_INSERT)
			add_insert(send, batch, row);
		else if (action == OSY_ACT_DELETE)
			add_delete(send, row);
		else
			add_update(send, batch, row);
	}
}

bool osy_load_allows_duplicates(const struct osy_lbatch *batch)
{
	const char *rules = osy_lspec(batch)->duplicate_rules;

	return rules && strcmp(rules, "allow-save") == 0;
}

size_t osy_load_headers(const struct osy_lbatch *batch, struct osy_http_header *ret)
{
	size_t n = 0;

	ret[n++] = (struct osy_http_header){"Sforce-Auto-Assign", OSY_STR("FALSE")};
	if (osy_load_allows_duplicates(batch))
		ret[n++] = (struct osy_http_header){
			"Sforce-Duplicate-Rule-Header", OSY_STR("allowSave=true")};
	return n;
}

/* ---- The step ---- */

int64_t osy_load_request_limit(const struct osy_lbatch *batch)
{
	return osy_lworker(batch)->settings->request_limit_ms + OSY_LOAD_SEND_SLACK;
}

/*
 * sent_at is when the org may have begun at the latest: a send that comes much later than it was
 * noted is noted again first.
 */
bool osy_load_note_sent(struct osy_lbatch *batch)
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
static void unsendable(const struct osy_lpiece *pieces, unsigned count, const struct osy_err *err)
{
	if (err->cls == OSY_RETRY) {
		osy_load_wait(pieces[0].batch, osy_load_pause(pieces[0].batch, err));
		return;
	}
	for (unsigned p = 0; p < count; p++) {
		struct osy_lbatch *batch = pieces[p].batch;
		unsigned from = batch->starts[pieces[p].collection];
		for (unsigned i = 0; i < pieces[p].count; i++)
			osy_load_refuse_err(batch, batch->order[from + i], err);
		batch->next_collection = pieces[p].collection + 1;
	}
}

/* Claims that may have been forgotten are taken again, and sent_at is noted. */
static bool is_ready(struct osy_lbatch *batch)
{
	if (batch->claims_doubtful) {
		if (!osy_load_claim_again(batch))
			return false;
		batch->claims_doubtful = false;
		drop_settled(batch);
	}
	while (batch->next_collection < batch->collections &&
		batch->starts[batch->next_collection] == batch->starts[batch->next_collection + 1])
		batch->next_collection++;
	return batch->next_collection == batch->collections || osy_load_note_sent(batch);
}

/* Puts a piece into the last part of the request, or into a new one; false: it has no room. */
static bool place(struct osy_lpiece *pieces, unsigned count, unsigned most, struct osy_lpiece piece)
{
	const struct osy_lpiece *last = count ? &pieces[count - 1] : NULL;
	const struct osy_lbatch *batch = piece.batch;
	unsigned fill = last ? last->begin + last->count : 0;
	const struct osy_lrow *row = &batch->rows[batch->order[batch->starts[piece.collection]]];

	/* an undelete is a call of its own */
	if (count == OSY_LOAD_PIECES || (last && (action_of(last) == OSY_ACT_UNDELETE ||
							 action_of(&piece) == OSY_ACT_UNDELETE)))
		return false;
	if (last && last->batch != batch && shares_collections(batch) &&
		action_of(last) == action_of(&piece) &&
		fill + piece.count <= osy_load_row_limit(batch, row)) {
		piece.part = last->part;
		piece.begin = fill;
	} else if (last) {
		piece.part = last->part + 1;
	}
	if (piece.part >= most)
		return false;
	pieces[count] = piece;
	return true;
}

/* Nothing of its lane flies, and it is the first of those that are to be sent. */
static bool is_next(const struct osy_lbatch *batch)
{
	const struct osy_load *load = batch->load;

	if (batch->step != OSY_STEP_SEND)
		return false; /* by now it went along with another one */
	if (batch != load->late && load->late && load->late->step == OSY_STEP_SENDING)
		return false;
	for (const struct osy_lbatch *other = load->first; other; other = other->next) {
		if (other != batch &&
			(other->step == OSY_STEP_SENDING ||
				(other->step == OSY_STEP_SEND && other->offset < batch->offset)))
			return false;
	}
	return true;
}

struct request {
	struct osy_lpiece pieces[OSY_LOAD_PIECES];
	unsigned count, most; /* parts at most */
	unsigned rows;
};

/* Collections of the batch that are still to be sent; false: not all of them had room. */
static bool add_batch(struct request *request, struct osy_lbatch *batch)
{
	for (unsigned c = batch->next_collection; c < batch->collections; c++) {
		struct osy_lpiece piece = {.batch = batch,
			.collection = c,
			.count = batch->starts[c + 1] - batch->starts[c]};
		if (!piece.count)
			continue;
		if (!place(request->pieces, request->count, request->most, piece))
			return false;
		request->count++;
		request->rows += piece.count;
	}
	return true;
}

/* Batches behind it that have their intents, as long as all of them goes in. */
static bool add_lane(struct request *request, struct osy_lbatch *batch)
{
	if (!add_batch(request, batch))
		return false;
	for (struct osy_lbatch *next = batch->late ? NULL : batch->next; next; next = next->next) {
		if (next->step != OSY_STEP_SEND || next->wait_until > next->load->loader->now ||
			!osy_load_joins(batch, next) || !is_ready(next))
			return true;
		if (!add_batch(request, next))
			return false;
	}
	return true;
}

static unsigned rows_left(const struct osy_lbatch *batch)
{
	return batch->starts[batch->collections] - batch->starts[batch->next_collection];
}

/* What other lanes have left over goes along where it has room as a whole. */
static void add_others(struct request *request, const struct osy_lbatch *batch)
{
	for (struct osy_load *load = batch->load->loader->loads; load; load = load->next) {
		struct osy_lbatch *first = load->first;
		if (load == batch->load || load->lane->lost || !first || first->next ||
			!is_next(first) || first->wait_until > load->loader->now ||
			!osy_load_joins(batch, first) || !is_ready(first) || !rows_left(first) ||
			request->rows + rows_left(first) > osy_load_request_rows(batch))
			continue;
		if (!add_batch(request, first))
			return;
	}
}

static void sent(const struct osy_lpiece *pieces, unsigned count)
{
	uint64_t number = ++pieces[0].batch->load->loader->sends;

	for (unsigned p = 0; p < count; p++) {
		pieces[p].batch->load->sent = number;
		pieces[p].batch->next_collection = pieces[p].collection + 1;
		pieces[p].batch->begun = true;
		osy_load_step(pieces[p].batch, OSY_STEP_SENDING);
	}
}

static void send_undelete(struct osy_lbatch *batch)
{
	OSY_AUTO(osy_buf_done) struct osy_buf body = OSY_BUF(64u * 1024);
	unsigned c = batch->next_collection;
	struct osy_lpiece piece = {
		.batch = batch, .collection = c, .count = batch->starts[c + 1] - batch->starts[c]};
	struct osy_err err = OSY_ERR_NONE;
	struct osy_sf_request request;

	if (!osy_pulse_may_send(osy_lworker(batch)->pulse)) {
		osy_load_wait(batch, 20);
		return;
	}
	struct osy_lcall *call = osy_load_undelete_call(&piece, &body, &request);
	/* the body goes with the call */
	osy_buf_done(&call->send.body);
	call->send.body = body;
	body = OSY_BUF(1);
	request.body = osy_buf_str(&call->send.body);
	if (osy_load_call_request(call, &request, &err))
		unsendable(&piece, 1, &err);
	else
		sent(&piece, 1);
	(void)OSY_FAILPOINT("worker.after_send");
}

static bool undeletes_next(const struct osy_lbatch *batch)
{
	unsigned from = batch->starts[batch->next_collection];

	return batch->rows[batch->order[from]].action == OSY_ACT_UNDELETE;
}

static void send_next(struct osy_lbatch *batch)
{
	struct osy_http_header headers[OSY_LOAD_HEADERS];
	struct osy_err err = OSY_ERR_NONE;
	struct request request = {.most = batch->single ? 1 : OSY_SF_COMPOSITE_MAX};
	struct osy_lcall *call = osy_load_call_new(
		batch, batch->load->loader, osy_lrun(batch), osy_load_settle_reply);

	if (add_lane(&request, batch) && !batch->late && !batch->single)
		add_others(&request, batch);
	call->org = osy_load_org(batch);
	memcpy(call->pieces, request.pieces, sizeof(request.pieces));
	call->piece_count = request.count;
	osy_sf_send_begin(&call->send, request.pieces[request.count - 1].part + 1);
	size_t header_count = osy_load_headers(batch, headers);
	osy_sf_send_headers(&call->send, headers, header_count);
	for (unsigned p = 0; p < request.count; p++)
		add_piece(&call->send, &request.pieces[p]);
	if (!osy_pulse_may_send(osy_lworker(batch)->pulse)) {
		osy_load_call_drop(call);
		osy_load_wait(batch, 20);
		return;
	}
	if (osy_load_call_start(call, headers, header_count, &err)) {
		unsendable(request.pieces, request.count, &err);
		return;
	}
	sent(request.pieces, request.count);
	(void)OSY_FAILPOINT("worker.after_send");
}

/* Rows of which nothing has been sent; the others are updates that may have happened. */
static bool holds_unsent(const struct osy_lbatch *batch)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		const struct osy_lrow *row = &batch->rows[i];
		if (osy_is_pending(row) && row->action != OSY_ACT_NONE && !row->was_update)
			return true;
	}
	return false;
}

static void send_batch(struct osy_lbatch *batch)
{
	bool ends = osy_lrun(batch)->aborting;

	if (!is_ready(batch))
		return;
	/* Of a run that is to end nothing goes out for the first time. */
	if (ends && osy_load_unintend(batch))
		return;
	if (batch->next_collection == batch->collections || (ends && holds_unsent(batch)))
		osy_load_next_round(batch);
	else if (undeletes_next(batch))
		send_undelete(batch);
	else if (osy_file_is_next(batch))
		osy_file_send(batch);
	else
		send_next(batch);
}

void osy_load_send(struct osy_loader *loader)
{
	struct osy_lbatch *batches[OSY_LOAD_GATHER];
	size_t n = osy_load_pick_writers(loader, OSY_STEP_SEND, batches, OSY_COUNT(batches));

	for (size_t i = 0; i < n; i++) {
		if (loader->trouble_until > loader->now)
			return;
		if (!is_next(batches[i]) || osy_load_rest_waits(batches[i]))
			continue;
		if (batches[i]->next_collection == batches[i]->collections ||
			(osy_load_slot(batches[i], true) &&
				osy_pulse_may_send(loader->worker->pulse)))
			send_batch(batches[i]);
	}
}
