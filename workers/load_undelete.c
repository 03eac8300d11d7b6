/*
 * Records that were deleted by an earlier run and are alive again in the source. The tombstone of
 * their mapping names the target they had: while that is in the recycle bin it is undeleted and
 * then updated; the record counts as inserted, so that a rollback deletes it again. What has left
 * the bin is inserted anew, as any record without a mapping.
 *
 *   MATCH     batches with unmapped rows ask Postgres for tombstones, and the org what it has of
 *             their targets
 *   READY     the intent names the undeletes
 *   SEND      a SOAP call a collection; then the rows are matched again and updated
 *
 * A reply that is lost: the undelete is sent again, and refused for what is out of the bin; then
 * the target is looked at once more.
 */
#include "load_internal.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "osy/sf_undelete.h"
#include "pulse.h"

#include "osy/banned.h"

#define IDS_A_QUERY 300
#define REVIVE_TRIES 2

/* ---- Tombstones ---- */
static bool is_wanted(const struct osy_lrow *row)
{
	return osy_is_pending(row) && row->ask && !osy_id_is_set(&row->target) && !row->lost &&
	       !row->looked && row->revives < REVIVE_TRIES;
}

static bool takes_back(const struct osy_lbatch *batch)
{
	const struct osy_spec_object *object = batch->object;

	if (!osy_lspec(batch)->revives || osy_lrun(batch)->undo || batch->head.links ||
		object->deletes || object->match_only || !object->insert || batch->bins_known)
		return false;
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (is_wanted(&batch->rows[i]))
			return true;
	}
	return false;
}

static void take_pairs(
	struct osy_lbatch *batch, const struct osy_lindex *by_source, struct osy_str pairs)
{
	for (size_t at = 0; at + 2 * OSY_ID_PACKED <= pairs.len; at += 2 * OSY_ID_PACKED) {
		const unsigned char *packed = (const unsigned char *)pairs.p + at;
		struct osy_id source, target;
		size_t next = OSY_LINDEX_START;
		int64_t i;
		if (!osy_id_unpack(batch->object->prefix, packed, &source) ||
			!osy_id_unpack(
				batch->object->target_prefix, packed + OSY_ID_PACKED, &target))
			continue;
		while ((i = osy_lindex_next(by_source, osy_lindex_id(&source), &next)) >= 0) {
			if (osy_id_equal(&batch->rows[i].source, &source))
				batch->rows[i].bin = target; /* the last one counts */
		}
	}
}

/* False: Postgres fails. */
static bool read_tombstones(struct osy_lbatch *batch)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	const struct osy_spec_object *object = batch->object;
	const struct osy_id *smallest = NULL, *largest = NULL;
	struct osy_err err = OSY_ERR_NONE;
	struct osy_lindex by_source;

	osy_lindex_init(&by_source, &batch->arena, batch->row_count);
	for (unsigned i = 0; i < batch->row_count; i++) {
		const struct osy_id *id = &batch->rows[i].source;
		if (!is_wanted(&batch->rows[i]))
			continue;
		osy_lindex_add(&by_source, osy_lindex_id(id), i);
		if (!smallest || memcmp(id->c, smallest->c, 15) < 0)
			smallest = id;
		if (!largest || memcmp(id->c, largest->c, 15) > 0)
			largest = id;
	}
	if (osy_pg_do(osy_lworker(batch)->pg, &result, &err,
		    "SELECT pairs FROM idmap_log WHERE deleted AND pair = $1 AND source_prefix = "
		    "$2 AND target_prefix = $3 AND smallest COLLATE \"C\" <= $5 AND largest "
		    "COLLATE \"C\" >= $4 ORDER BY id",
		    OSY_PG_I32(osy_lspec(batch)->pair),
		    OSY_PG_TEXT(((struct osy_str){object->prefix, 3})),
		    OSY_PG_TEXT(((struct osy_str){object->target_prefix, 3})),
		    OSY_PG_TEXT(((struct osy_str){smallest->c, 15})),
		    OSY_PG_TEXT(((struct osy_str){largest->c, 15}))))
		return osy_load_trouble(batch->load->loader, "load.tombstones", &err);
	for (size_t i = 0; i < osy_pg_rows(result); i++)
		take_pairs(batch, &by_source, osy_pg_str(result, i, 0));
	return true;
}

/* ---- What the org has of their targets ---- */
static bool is_asked(const struct osy_lrow *row)
{
	return is_wanted(row) && osy_id_is_set(&row->bin);
}

static enum osy_code on_target(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct osy_lbatch *batch = arg;
	struct osy_id id;

	(void)err;
	if (!values || !values[0].p || !osy_id_parse_json(values[0], &id))
		return OSY_OK;
	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		if (!is_asked(row) || !osy_id_equal(&row->bin, &id))
			continue;
		if (osy_str_is(values[1], "true")) {
			row->action = OSY_ACT_UNDELETE;
			row->target = id;
			row->ask = row->revived = false;
			batch->rest = true;
		} else {
			row->target = id; /* alive: it is compared like one that was matched */
		}
	}
	return OSY_OK;
}

static void on_targets(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	static const char *const names[] = {"Id", "IsDeleted"};
	struct osy_lbatch *batch = call->batch;
	int status[OSY_SF_COMPOSITE_MAX];
	struct osy_str bodies[OSY_SF_COMPOSITE_MAX];
	struct osy_err errs[OSY_SF_COMPOSITE_MAX], err = OSY_ERR_NONE;

	if (!batch)
		return;
	enum osy_code rc = osy_load_call_bodies(call, reply, status, bodies, errs, &err);
	for (unsigned p = 0; !rc && p < call->send.parts; p++) {
		struct osy_sf_page page;
		if (bodies[p].p)
			rc = osy_sf_page_read(
				bodies[p], false, names, 2, on_target, batch, &page, &err);
		else
			rc = errs[p].code, err = errs[p];
	}
	if (rc && (err.code != OSY_E_SALESFORCE || err.cls == OSY_RETRY)) {
		osy_load_ask_again(batch, &err);
		return;
	}
	batch->waits = 0;
	batch->bins_known = true; /* a refusal: they are inserted anew */
	osy_load_step(batch, OSY_STEP_MATCH);
}

/* At most 1,000 rows: no more than five queries. */
static void ask_targets(struct osy_lbatch *batch)
{
	struct osy_lcall *call =
		osy_load_call_new(batch, batch->load->loader, osy_lrun(batch), on_targets);
	struct osy_buf paths[OSY_SF_COMPOSITE_MAX];
	unsigned parts = 0, i = 0;
	struct osy_err err = OSY_ERR_NONE;

	while (i < batch->row_count && parts < OSY_SF_COMPOSITE_MAX) {
		OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(64u * 1024);
		unsigned n = 0;
		osy_buf_addf(
			&soql, "SELECT Id,IsDeleted FROM %s WHERE Id IN (", batch->object->target);
		for (; i < batch->row_count && n < IDS_A_QUERY; i++) {
			char id[19];
			if (!is_asked(&batch->rows[i]))
				continue;
			osy_id_18(&batch->rows[i].bin, id);
			osy_buf_addf(&soql, "%s'%s'", n++ ? "," : "", id);
		}
		if (!n)
			break;
		osy_buf_addc(&soql, ')');
		paths[parts] = OSY_BUF(64u * 1024);
		osy_soql_path(osy_buf_str(&soql), true, &paths[parts++]);
	}
	osy_sf_send_begin(&call->send, parts);
	for (unsigned p = 0; p < parts; p++) {
		osy_sf_send_get(&call->send, osy_buf_str(&paths[p]));
		osy_buf_done(&paths[p]);
	}
	if (osy_load_call_start(call, NULL, 0, &err))
		osy_load_ask_again(batch, &err);
	else
		osy_load_step(batch, OSY_STEP_ASKING);
}

static bool any_asked(const struct osy_lbatch *batch)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (is_asked(&batch->rows[i]))
			return true;
	}
	return false;
}

bool osy_load_takes_back(struct osy_lbatch *batch)
{
	if (!takes_back(batch))
		return false;
	if (!any_asked(batch) && !read_tombstones(batch))
		return true;
	if (!any_asked(batch)) {
		batch->bins_known = true;
		return false;
	}
	if (osy_load_slot(batch, false))
		ask_targets(batch);
	return true;
}

/* ---- Sending ---- */
static unsigned row_of(const struct osy_lcall *call, size_t index)
{
	const struct osy_lbatch *batch = call->batch;

	return batch->order[batch->starts[call->pieces[0].collection] + index];
}

/* Matched again, with the target it has now or without. */
static void settle_row(struct osy_lrow *row, bool revived)
{
	row->action = OSY_ACT_NONE;
	row->ask = true;
	row->fetched = false;
	row->revived = revived;
	if (!revived) {
		row->target = (struct osy_id){{0}};
		row->revives++;
	}
}

static enum osy_code on_row(unsigned part, size_t index, const struct osy_sf_row_result *result,
	void *arg, struct osy_err *err)
{
	struct osy_lcall *call = arg;
	struct osy_lbatch *batch = call->batch;
	struct osy_lrow *row = &batch->rows[row_of(call, index)];

	(void)part;
	(void)err;
	if (!osy_is_pending(row))
		return OSY_OK;
	if (result->success) {
		settle_row(row, true);
	} else if (osy_sf_verdict(result->status_code, result->message_raw) == OSY_SF_RETRY_ROW &&
		   ++row->tries < OSY_LOAD_TRIES) {
		call->locked |= osy_sf_is_lock(result->status_code, result->message_raw);
	} else {
		bool lost = row->lost_undelete;
		settle_row(row, false);
		row->revived = lost; /* ours may be why it is out of the bin */
		batch->bins_known = false;
	}
	return OSY_OK;
}

static void on_undeleted(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct osy_lbatch *batch = call->batch;
	struct osy_err err = OSY_ERR_NONE;

	if (!batch)
		return;
	(void)OSY_FAILPOINT("worker.after_undelete");
	unsigned count = call->pieces[0].count;
	enum osy_code rc = reply->code;
	if (rc)
		err = reply->err;
	else
		rc = osy_sf_undelete_read(osy_buf_str(reply->body), count, on_row, call, &err);
	batch->pause_ms = 0;
	for (unsigned i = 0; rc && i < count; i++) {
		struct osy_lrow *row = &batch->rows[row_of(call, i)];
		if (err.code == OSY_E_SALESFORCE && err.cls != OSY_RETRY) {
			row->revives = REVIVE_TRIES; /* not here: it is inserted anew */
			settle_row(row, false);
		} else {
			row->lost_undelete |= err.code == OSY_E_NO_REPLY;
		}
	}
	if (rc && (err.code != OSY_E_SALESFORCE || err.cls == OSY_RETRY))
		batch->pause_ms = osy_load_pause(batch, &err);
	else
		batch->waits = 0;
	osy_load_org_replied(call);
	osy_load_next_round(batch);
}

struct osy_lcall *osy_load_undelete_call(
	const struct osy_lpiece *piece, struct osy_buf *body, struct osy_sf_request *ret)
{
	struct osy_lbatch *batch = piece->batch;
	char ids[OSY_SF_UNDELETE_MAX][19];
	struct osy_lcall *call =
		osy_load_call_new(batch, batch->load->loader, osy_lrun(batch), on_undeleted);

	for (unsigned i = 0; i < piece->count; i++) {
		const struct osy_lrow *row =
			&batch->rows[batch->order[batch->starts[piece->collection] + i]];
		osy_id_18(&row->target, ids[i]);
	}
	call->org = osy_load_org(batch);
	call->pieces[0] = *piece;
	call->piece_count = 1;
	osy_sf_undelete((const char(*)[19])ids, piece->count, body, ret);
	return call;
}
