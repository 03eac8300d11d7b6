/* Whose turn it is: which batches of a lane may be sent, and which wait to share a request. */
#include "load_file.h"

#include "osy/banned.h"

#define LINGER_MS 10000 /* for what is still to be published */
#define FETCH_MS 500	/* for what is in the journal already */

/* As much waits as flies in full requests, and no more than there is room for. */
bool osy_load_has_memory(const struct osy_loader *loader, bool fills)
{
	unsigned requests = (unsigned)loader->worker->settings->worker_requests;

	return loader->rows < 2 * requests * OSY_BATCH_MAX_RECORDS &&
	       loader->batches < 4 * requests && osy_load_has_room(loader, fills);
}

unsigned osy_load_request_rows(const struct osy_lbatch *batch)
{
	int most = batch->object ? batch->object->batch_size : 0;

	return OSY_SF_COMPOSITE_MAX *
	       (most < 1 || most > OSY_SF_COLLECTION_MAX ? OSY_SF_COLLECTION_MAX : (unsigned)most);
}

static bool writes(const struct osy_lbatch *batch)
{
	return batch && (batch->step == OSY_STEP_SEND || batch->step == OSY_STEP_SENDING);
}

static bool any_writes(const struct osy_load *load)
{
	for (const struct osy_lbatch *batch = load->first; batch; batch = batch->next) {
		if (writes(batch))
			return true;
	}
	return false;
}

bool osy_load_joins(const struct osy_lbatch *front, const struct osy_lbatch *batch)
{
	return !front->object->file && !osy_load_goes_bulk(front) && !osy_load_goes_bulk(batch) &&
	       osy_lrun(front) == osy_lrun(batch) && front->head.object == batch->head.object &&
	       front->head.stage == batch->head.stage && front->head.links == batch->head.links &&
	       !front->single && !batch->single && !front->given_up && !batch->given_up;
}

/* What of a batch that is ready has still to be sent, in rows; one whose collections are made knows
 * better. */
static unsigned rows_to_send(const struct osy_lbatch *batch)
{
	if (batch->step != OSY_STEP_SEND)
		return batch->row_count - batch->kept_count;
	return batch->starts[batch->collections] - batch->starts[batch->next_collection];
}

bool osy_load_may_write(const struct osy_lbatch *batch)
{
	const struct osy_load *load = batch->load;
	unsigned rows = 0;
	size_t bytes = batch->message.payload.len;

	if (osy_load_bulk_runs(load))
		return false;
	if (batch == load->late)
		return !any_writes(load) && !osy_load_bulk_gathers(load);
	if (writes(load->late) || osy_file_waits(batch))
		return false;
	if (osy_load_goes_bulk(batch))
		return batch == load->first;
	if (osy_load_bulk_gathers(load))
		return false; /* its rows come after those of the job */
	for (const struct osy_lbatch *front = load->first; front != batch; front = front->next) {
		bool ready =
			front->step == OSY_STEP_SEND ||
			(front->step == OSY_STEP_READY && front->wait_until <= load->loader->now);
		if (front->step == OSY_STEP_OVER)
			continue;
		if (!ready || !osy_load_joins(front, batch))
			return false;
		rows += rows_to_send(front);
		bytes += front->message.payload.len;
	}
	return rows == 0 || (rows < osy_load_request_rows(batch) && bytes <= OSY_LOAD_JOINED_BYTES);
}

/* Whether what is prepared and not yet sent fills a request. */
bool osy_load_is_full(const struct osy_load *load)
{
	unsigned count = 0, rows = 0;
	size_t bytes = 0;

	for (const struct osy_lbatch *batch = load->first; batch; batch = batch->next) {
		count++;
		if (batch->step > OSY_STEP_SEND)
			continue;
		rows += batch->row_count - batch->kept_count;
		bytes += batch->message.payload.len;
	}
	return count >= OSY_LOAD_AHEAD ||
	       (load->first && rows >= osy_load_request_rows(load->first)) ||
	       bytes >= OSY_LOAD_JOINED_BYTES * 3 / 4;
}

bool osy_load_ends(const struct osy_load *load)
{
	const struct osy_wlane *lane = load->lane;

	return load->loader->worker->draining || lane->giving_back || !lane->run->active;
}

/* Whether what is ready fills no request, and is all that the lane has. */
static bool may_linger(const struct osy_load *load)
{
	const struct osy_lbatch *first = load->first, *last = first;

	if (!first || first->step != OSY_STEP_READY || !first->sends || osy_load_goes_bulk(first) ||
		first->in_table || load->lane->run->aborting || load->lane->lost ||
		osy_load_ends(load) || osy_load_is_full(load) ||
		!osy_load_has_memory(load->loader, true))
		return false;
	for (; last->next; last = last->next) {
		if (last->next->step != OSY_STEP_READY || !osy_load_joins(first, last->next))
			return false;
	}
	return true;
}

static bool is_published(const struct osy_load *load)
{
	return load->first->head.stage <= load->lane->run->stages_published;
}

int64_t osy_load_lingers_ms(const struct osy_load *load)
{
	if (!may_linger(load))
		return 0;
	unsigned ms = is_published(load) ? FETCH_MS : LINGER_MS;
	int64_t left = load->first->ready_at + ms - load->loader->now;
	return left > 0 ? left : 0;
}

bool osy_load_waits_for_more(const struct osy_load *load)
{
	return osy_load_lingers_ms(load) > 0 && !is_published(load);
}

static unsigned rows_ready(const struct osy_load *load)
{
	unsigned rows = 0;

	for (const struct osy_lbatch *batch = load->first; batch; batch = batch->next)
		rows += rows_to_send(batch);
	return rows;
}

/* Lanes that linger with records of one object go together when one request holds them. */
void osy_load_linger_ends(struct osy_loader *loader)
{
	for (struct osy_load *load = loader->loads; load; load = load->next) {
		if (!may_linger(load) || load->first->ready_at == 0 || osy_load_lingers_ms(load))
			continue;
		unsigned rows = rows_ready(load);
		load->first->ready_at = 0;
		for (struct osy_load *other = loader->loads; other; other = other->next) {
			if (other == load || !may_linger(other) ||
				!osy_load_joins(load->first, other->first) ||
				rows + rows_ready(other) > osy_load_request_rows(load->first))
				continue;
			rows += rows_ready(other);
			other->first->ready_at = 0;
		}
	}
}

bool osy_load_rest_waits(const struct osy_lbatch *batch)
{
	const struct osy_load *load = batch->load;
	unsigned rows = 0;

	if (batch->late || !batch->next_collection || batch->single ||
		batch->next_collection == batch->collections || load->lane->run->aborting ||
		osy_load_ends(load) || load->loader->now - batch->ready_at >= FETCH_MS)
		return false;
	for (const struct osy_lbatch *at = batch; at; at = at->next) {
		if (at->step < OSY_STEP_READY)
			return true; /* it is on its way */
		if (at != batch && (at->step != OSY_STEP_SEND || !osy_load_joins(batch, at)))
			return false;
		rows += rows_to_send(at);
	}
	return rows < osy_load_request_rows(batch) && osy_load_wants(load);
}

/* A batch behind others that has to wait for them, or for its stage, takes nobody's place. */
bool osy_load_is_held(const struct osy_lbatch *batch)
{
	const struct osy_load *load = batch->load;

	if (batch == load->late)
		return false;
	if (batch->step == OSY_STEP_READY && osy_load_lingers_ms(load))
		return true;
	if (batch == load->first)
		return batch->step == OSY_STEP_READY && osy_load_bulk_runs(load);
	return (batch->step == OSY_STEP_READY && !osy_load_may_write(batch)) ||
	       (batch->step == OSY_STEP_TAKEN && !batch->broken &&
		       batch->head.stage > load->lane->run->open_stage);
}
