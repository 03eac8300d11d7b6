/* Rollback: the plan, taking batches again, and what is decided of each record. See undo.h. */
#include "undo.h"

#include <stdlib.h>

#include "load_file.h"
#include "load_internal.h"
#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/json.h"
#include "osy/log.h"
#include "pulse.h"

#include "osy/banned.h"

#define ASIDE_LOOK_MS 200

/* ---- The plan ---- */
static const char *text(struct osy_arena *arena, const struct osy_json *json)
{
	struct osy_str s = osy_json_str(json);

	return osy_arena_strndup(arena, s.p ? s.p : "", s.len);
}

static void read_object(
	struct osy_arena *arena, const struct osy_json *json, struct osy_undo_object *object)
{
	const struct osy_json *children = osy_json_get(json, "children");
	const struct osy_json *later = osy_json_get(json, "later");
	struct osy_spec_child *kids =
		osy_arena_calloc(arena, osy_json_count(children) + 1, sizeof(*kids));
	struct osy_str *runs = osy_arena_calloc(arena, osy_json_count(later) + 1, sizeof(*runs));

	for (size_t i = 0; i < osy_json_count(children); i++) {
		const struct osy_json *pair = osy_json_at(children, i);
		kids[i].object = text(arena, osy_json_at(pair, 0));
		kids[i].field = text(arena, osy_json_at(pair, 1));
		kids[i].where = text(arena, osy_json_at(pair, 2));
	}
	for (size_t i = 0; i < osy_json_count(later); i++)
		runs[i] = osy_str(text(arena, osy_json_at(later, i)));
	*object = (struct osy_undo_object){.children = kids,
		.child_count = osy_json_count(children),
		.later = runs,
		.later_count = osy_json_count(later)};
}

enum osy_code osy_undo_read(struct osy_str json, int loaded_pass, const struct osy_spec *spec,
	struct osy_undo **ret, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *plan = NULL;
	enum osy_code rc = osy_json_parse(json, "the rollback", &plan, err);

	if (rc)
		return rc;
	const struct osy_json *objects = osy_json_get(plan, "objects");
	if (osy_json_count(objects) != spec->object_count)
		return osy_fail(err, OSY_E_INTERNAL,
			"the rollback plans %zu objects instead of %zu", osy_json_count(objects),
			spec->object_count);
	struct osy_undo *undo = osy_xcalloc(1, sizeof(*undo));
	undo->arena_ = osy_xcalloc(1, sizeof(*undo->arena_));
	osy_arena_init(undo->arena_, 16u * 1024);
	undo->dry = osy_json_get_bool(plan, "dryRun", false);
	undo->force = osy_json_get_bool(plan, "force", false);
	undo->loaded_pass = loaded_pass;
	undo->object_count = spec->object_count;
	undo->objects =
		osy_arena_calloc(undo->arena_, spec->object_count + 1, sizeof(*undo->objects));
	for (size_t i = 0; i < spec->object_count; i++)
		read_object(undo->arena_, osy_json_at(objects, i), &undo->objects[i]);
	*ret = undo;
	return OSY_OK;
}

struct osy_undo *osy_undo_free(struct osy_undo *undo)
{
	if (!undo)
		return NULL;
	for (size_t i = 0; i < undo->object_count; i++)
		free(undo->objects[i].written);
	osy_arena_done(undo->arena_);
	free(undo->arena_);
	free(undo);
	return NULL;
}

/* ---- Taking ---- */

/* The last batch of the stage that has written something and is not undone; *ret_offset -1: none.
 * *ret_wait: there is one, which is set aside and not due yet. */
static bool find_next(struct osy_load *load, int64_t *ret_offset, bool *ret_wait)
{
	const struct osy_wlane *lane = load->lane;
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;

	*ret_offset = -1;
	if (osy_pg_do(load->loader->worker->pg, &result, &err,
		    "SELECT b.at_offset, coalesce((SELECT a.state = 'aside' AND a.due_at > "
		    "clock_timestamp() FROM batch a WHERE a.run = b.run AND a.pass = $5 AND a.lane "
		    "= b.lane AND a.at_offset = b.at_offset), false) AS later FROM batch b WHERE "
		    "b.run = $1 AND b.pass <= $2 AND b.lane = $3 AND b.stage = $4 AND b.state = "
		    "'done' AND b.outcome IS NOT NULL AND (b.inserted + b.updated + b.deleted > 0 "
		    "OR b.links) AND NOT EXISTS (SELECT 1 FROM batch u WHERE u.run = b.run AND "
		    "u.pass = $5 AND u.lane = b.lane AND u.at_offset = b.at_offset AND u.state = "
		    "'done') ORDER BY later, b.at_offset DESC LIMIT 1",
		    OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->run->undo->loaded_pass),
		    OSY_PG_I32(lane->lane), OSY_PG_I32(lane->run->open_stage),
		    OSY_PG_I32(lane->run->pass)))
		return osy_load_trouble(load->loader, "undo.next", &err);
	*ret_wait = osy_pg_rows(result) && osy_pg_i64(result, 0, 1, 0) != 0;
	if (osy_pg_rows(result) && !*ret_wait)
		*ret_offset = osy_pg_i64(result, 0, 0, -1);
	return true;
}

/* A pass that has found another record under the key, since ours was gone: what earlier ones did
 * was done to that one. */
static void forget_other(struct osy_lbatch *batch, unsigned r, const struct osy_id *target)
{
	struct osy_lundo *undo = batch->undo;

	if (!osy_id_is_set(&undo->targets[r]) || osy_id_equal(&undo->targets[r], target))
		return;
	undo->ops[r] = OSY_UNDO_NOTHING;
	batch->rows[r].before = NULL;
	batch->rows[r].written = NULL;
}

static enum osy_code read_pass(
	struct osy_lbatch *batch, const struct osy_pg_result *result, size_t i, struct osy_err *err)
{
	struct osy_outcome_row *outcomes =
		osy_arena_calloc(&batch->arena, batch->row_count + 1, sizeof(*outcomes));
	struct osy_str packed = osy_pg_str(result, i, 0), snapshot = osy_pg_str(result, i, 1);
	enum osy_code rc = OSY_OK;

	if (packed.p)
		rc = osy_outcomes_read(
			packed, batch->object->target_prefix, outcomes, batch->row_count, err);
	for (unsigned r = 0; r < batch->row_count && !rc; r++) {
		if (outcomes[r].outcome == OSY_UPDATED)
			forget_other(batch, r, &outcomes[r].target);
		if (outcomes[r].outcome == OSY_INSERTED && !batch->head.links)
			batch->undo->ops[r] = OSY_UNDO_DELETE;
		else if (outcomes[r].outcome == OSY_UPDATED && !batch->undo->ops[r])
			batch->undo->ops[r] = OSY_UNDO_RESTORE;
		else if (outcomes[r].outcome == OSY_DELETED)
			batch->undo->ops[r] = OSY_UNDO_UNDELETE;
		if (osy_id_is_set(&outcomes[r].target))
			batch->undo->targets[r] = outcomes[r].target;
	}
	if (!rc && snapshot.p)
		rc = osy_load_snapshot_read(batch, snapshot, err);
	return rc;
}

static enum osy_code read_outs(struct osy_lbatch *batch, struct osy_err *err)
{
	const struct osy_wlane *lane = batch->load->lane;
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(osy_lworker(batch)->pg, &result, err,
		"SELECT row_index, fields FROM failure WHERE run = $1 AND lane = $2 AND at_offset "
		"= $3 AND kind = 'notice' AND code IN ($4, $5) AND resolved_pass IS NULL",
		OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->lane), OSY_PG_I64(batch->offset),
		OSY_PG_Z(OSY_FAIL_PARENT_MISSING), OSY_PG_Z(OSY_FAIL_WAITS));

	for (size_t i = 0; !rc && i < osy_pg_rows(result); i++) {
		struct osy_lout *out = osy_arena_alloc(&batch->arena, sizeof(*out));
		struct osy_str field = osy_pg_str(result, i, 1);
		*out = (struct osy_lout){.row = (unsigned)osy_pg_i64(result, i, 0, 0),
			.field = osy_arena_strndup(&batch->arena, field.p, field.len),
			.next = batch->undo->outs};
		batch->undo->outs = out;
	}
	return rc;
}

/* What all passes have done with each row, the first ones first: the oldest value counts. */
static bool read_passes(struct osy_lbatch *batch)
{
	const struct osy_wlane *lane = batch->load->lane;
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;
	struct osy_lundo *undo = osy_arena_calloc(&batch->arena, 1, sizeof(*undo));
	size_t n = batch->row_count + 1;

	batch->undo = undo;
	undo->ops = osy_arena_calloc(&batch->arena, n, sizeof(*undo->ops));
	undo->targets = osy_arena_calloc(&batch->arena, n, sizeof(*undo->targets));
	undo->olds = osy_arena_calloc(&batch->arena, n, sizeof(*undo->olds));
	undo->sent = osy_arena_calloc(&batch->arena, n, sizeof(*undo->sent));
	enum osy_code rc = osy_pg_do(osy_lworker(batch)->pg, &result, &err,
		"SELECT outcome, snapshot FROM batch WHERE run = $1 AND lane = $2 AND at_offset = "
		"$3 AND pass <= $4 AND state = 'done' ORDER BY pass",
		OSY_PG_Z(lane->run->id), OSY_PG_I32(lane->lane), OSY_PG_I64(batch->offset),
		OSY_PG_I32(lane->run->undo->loaded_pass));
	for (size_t i = 0; !rc && i < osy_pg_rows(result); i++)
		rc = read_pass(batch, result, i, &err);
	if (!rc)
		rc = read_outs(batch, &err);
	return !rc || osy_load_trouble(batch->load->loader, "undo.batch", &err);
}

static void prepare_rows(struct osy_lbatch *batch)
{
	osy_lindex_init(&batch->undo->by_target, &batch->arena, batch->row_count);
	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		struct osy_lundo *undo = batch->undo;
		undo->olds[i] = row->before;
		row->before = NULL;
		row->ask = undo->ops[i] != OSY_UNDO_NOTHING && osy_id_is_set(&undo->targets[i]);
		if (!row->ask) {
			row->outcome = OSY_SKIPPED;
			continue;
		}
		osy_lindex_add(&undo->by_target, osy_lindex_id(&undo->targets[i]), i);
		row->written = undo->ops[i] == OSY_UNDO_UNDELETE ? NULL : row->written;
		if (undo->ops[i] == OSY_UNDO_UNDELETE)
			continue;
		row->target = undo->targets[i];
		row->mapped = true; /* what the id map says of it now is nothing to us */
	}
}

static void take(struct osy_load *load, int64_t offset)
{
	struct osy_worker *worker = load->loader->worker;
	struct osy_lbatch *batch = osy_load_batch_new(load);
	struct osy_err err = OSY_ERR_NONE;

	batch->offset = offset;
	osy_pulse_blocking(worker->pulse, true);
	enum osy_code rc = osy_kafka_at(worker->kafka, load->lane->run->topic, load->lane->lane,
		offset, &batch->copy, &err);
	osy_pulse_blocking(worker->pulse, false);
	if (!rc)
		osy_load_decode(batch, osy_buf_str(&batch->copy));
	if (rc || batch->broken) {
		osy_load_trouble(load->loader, "undo.fetch", rc ? &err : batch->broken);
		osy_load_batch_free(batch);
		return;
	}
	batch->skip = false; /* links of whatever pass */
	load->loader->rows += batch->row_count;
	if (!read_passes(batch)) {
		osy_load_batch_free(batch);
		return;
	}
	prepare_rows(batch);
	/* inserts of what was deleted may be in doubt */
	if (osy_load_left_of(load, offset) && !osy_load_former_read(batch)) {
		osy_load_batch_free(batch);
		return;
	}
	load->first = batch;
	osy_load_step(batch, OSY_STEP_RESOLVE);
	(void)OSY_FAILPOINT("worker.undo_taken");
}

void osy_undo_take(struct osy_loader *loader)
{
	for (struct osy_load *load = loader->loads; load; load = load->next) {
		const struct osy_wlane *lane = load->lane;
		int64_t offset = -1;
		bool waits = false;
		if (!lane->run->undo || load->undo_at > loader->now || !load->looked ||
			!lane->raised || lane->lost || load->first || osy_load_ends(load) ||
			load->undone_stage == lane->run->open_stage ||
			!osy_load_has_memory(loader, false))
			continue;
		if (loader->trouble_until > loader->now || !find_next(load, &offset, &waits))
			return;
		if (waits)
			load->undo_at = loader->now + ASIDE_LOOK_MS;
		else if (offset < 0)
			load->undone_stage = lane->run->open_stage;
		else
			take(load, offset);
	}
}

/* ---- What was deleted ---- */
static void insert_again(struct osy_lbatch *batch, unsigned i)
{
	struct osy_lrow *row = &batch->rows[i];

	if (!batch->undo->olds[i]) {
		osy_load_fail(batch, i, OSY_FAIL_NO_SNAPSHOT, OSY_STR(""),
			"it has left the recycle bin, and the run kept no values before it deleted "
			"it (option snapshots)");
		return;
	}
	batch->undo->ops[i] = OSY_UNDO_INSERT;
	row->values = batch->undo->olds[i];
	row->action = OSY_ACT_INSERT;
	row->target = (struct osy_id){{0}};
	row->mapped = row->ask = false;
}

static void resolve_deleted(struct osy_lbatch *batch, unsigned i)
{
	struct osy_lrow *row = &batch->rows[i];
	char now[19];

	if (row->mapped && row->lost) { /* ids go to Redis first: the reply had come */
		row->outcome = OSY_DELETED;
		row->put = true;
		row->ask = false;
	} else if (row->mapped && !osy_id_equal(&row->target, &batch->undo->targets[i])) {
		osy_id_18(&row->target, now);
		osy_load_fail(batch, i, OSY_FAIL_CHANGED, OSY_STR(""),
			"the record is in the target again, as %s: a later run has brought it",
			now);
	} else if (row->lost) {
		insert_again(batch, i);
		row->doubt = osy_is_pending(row);
	} else {
		row->target = batch->undo->targets[i];
		row->mapped = true;
	}
}

void osy_undo_resolved(struct osy_lbatch *batch)
{
	bool doubt = false;

	for (unsigned i = 0; i < batch->row_count; i++) {
		if (osy_is_pending(&batch->rows[i]) && batch->undo->ops[i] == OSY_UNDO_UNDELETE)
			resolve_deleted(batch, i);
		doubt |= batch->rows[i].doubt;
	}
	if (doubt && !osy_undo_insert(batch))
		return; /* resolved once more */
	osy_load_step(batch, doubt ? OSY_STEP_DOUBT : OSY_STEP_MATCH);
}

static void decide_deleted(struct osy_lbatch *batch, unsigned i)
{
	struct osy_lrow *row = &batch->rows[i];

	if (row->fetched && osy_id_is_set(&row->target))
		osy_undo_row_done(batch, i); /* it is back */
	else if (row->revives)
		insert_again(batch, i);
	else
		row->action = OSY_ACT_UNDELETE;
}

/* ---- Deciding ---- */
static bool is_null(struct osy_str value)
{
	return !value.p || osy_str_is(value, "null");
}

static bool is_same(const struct osy_spec_field *field, struct osy_str a, struct osy_str b)
{
	return osy_sf_value_equal(field->type, field->scale, a, b);
}

static void name_field(struct osy_buf *fields, const char *name)
{
	if (fields->len + strlen(name) + 2 < fields->max)
		osy_buf_addf(fields, "%s%s", fields->len ? "," : "", name);
}

/* A text that holds the source's id as it was: it was kept, for its record had no mapping then. */
static bool is_kept_id(const struct osy_lbatch *batch, unsigned i, const struct osy_lcolumn *column,
	struct osy_str now)
{
	struct osy_id id;

	return column->field->ids && column->lookup >= 0 && osy_id_parse_json(now, &id) &&
	       osy_id_equal(&id, &osy_lrefs(batch, i)[column->lookup].source);
}

/* The run did not have its parent; another one may have brought it since. */
static bool was_left_out(
	const struct osy_lbatch *batch, unsigned i, const struct osy_spec_field *field)
{
	const struct osy_lout *out = batch->undo->outs;

	while (out && (out->row != i || strcmp(out->field, field->target) != 0))
		out = out->next;
	return out != NULL;
}

/*
 * Fields of an inserted record that hold something else than what was sent. Nulls were not sent,
 * and a default may have filled them; a lookup that was to be linked later may never have been.
 */
static void inserted_changes(const struct osy_lbatch *batch, unsigned i, struct osy_buf *fields)
{
	const struct osy_lrow *row = &batch->rows[i];

	for (unsigned c = 0; c < batch->column_count; c++) {
		const struct osy_spec_field *field = batch->columns[c].field;
		struct osy_str left = row->values[c], now = row->before[c];
		if (!field->createable || !field->updateable || osy_file_is_body(batch, c) ||
			is_null(left) || osy_is_left_out(left) || is_same(field, left, now) ||
			(is_null(now) && (field->link || was_left_out(batch, i, field))) ||
			is_kept_id(batch, i, &batch->columns[c], now))
			continue;
		name_field(fields, field->target);
	}
}

/* Files are not among the values that are kept. */
static void say_kept(struct osy_lbatch *batch, unsigned i, const struct osy_spec_field *field)
{
	char id[19];

	osy_id_18(&batch->undo->targets[i], id);
	osy_load_note(batch, i, "rollback", OSY_FAIL_FILE_NOT_KEPT, osy_str(field->target),
		"the file of %s is the one that the run has sent: the one before it was not kept",
		id);
}

/* Fields of an updated record that hold neither what was sent nor what was there before; those that
 * have their value back are taken out of what is to be written. */
static void updated_changes(
	struct osy_lbatch *batch, unsigned i, bool force, struct osy_buf *fields)
{
	struct osy_lrow *row = &batch->rows[i];
	const struct osy_str *old = batch->undo->olds[i];

	for (unsigned c = 0; c < batch->column_count; c++) {
		const struct osy_spec_field *field = batch->columns[c].field;
		uint64_t bit = 1ull << (c % 64);
		if (!(row->written[c / 64] & bit))
			continue;
		if (osy_file_is_body(batch, c)) {
			row->written[c / 64] &= ~bit;
			say_kept(batch, i, field);
			continue;
		}
		struct osy_str left = row->values[c], now = row->before[c];
		if (is_same(field, now, old[c]))
			row->written[c / 64] &= ~bit;
		else if (!force && !osy_is_left_out(left) && !is_same(field, now, left) &&
			 !is_kept_id(batch, i, &batch->columns[c], now))
			name_field(fields, field->target);
	}
}

static bool any_written(const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	for (unsigned w = 0; w <= batch->column_count / 64; w++) {
		if (row->written[w])
			return true;
	}
	return false;
}

void osy_undo_row_done(struct osy_lbatch *batch, unsigned i)
{
	struct osy_lrow *row = &batch->rows[i];

	row->action = OSY_ACT_NONE;
	row->ask = row->put = false;
	if (batch->undo->ops[i] == OSY_UNDO_UNDELETE || batch->undo->ops[i] == OSY_UNDO_INSERT) {
		row->outcome = OSY_DELETED; /* counts as a delete that is undone */
		row->put = !osy_lrun(batch)->undo->dry;
		row->target = batch->undo->targets[i];
		return;
	}
	if (batch->undo->ops[i] != OSY_UNDO_DELETE) {
		row->outcome = OSY_UPDATED;
		return;
	}
	row->outcome = OSY_INSERTED; /* counts as an insert that is undone */
	if (osy_lrun(batch)->undo->dry)
		return;
	row->gone = batch->undo->targets[i];
	row->target = (struct osy_id){{0}};
}

static void say_changed(struct osy_lbatch *batch, unsigned i, const struct osy_buf *fields)
{
	char id[19];

	osy_id_18(&batch->undo->targets[i], id);
	osy_load_fail(batch, i, OSY_FAIL_CHANGED, osy_buf_str(fields),
		"%s %s was changed by somebody else since the run wrote it (%.*s); it was left as "
		"it is",
		batch->object->target, id, (int)fields->len, fields->p ? fields->p : "");
}

static void decide_row(struct osy_lbatch *batch, unsigned i)
{
	OSY_AUTO(osy_buf_done) struct osy_buf fields = OSY_BUF(1000);
	struct osy_lrow *row = &batch->rows[i];
	bool force = osy_lrun(batch)->undo->force, delete = batch->undo->ops[i] == OSY_UNDO_DELETE;

	row->ask = false;
	if (batch->undo->ops[i] == OSY_UNDO_UNDELETE) {
		decide_deleted(batch, i);
		return;
	}
	if (!row->fetched || !osy_id_is_set(&row->target)) {
		if (delete) {
			osy_undo_row_done(batch, i); /* gone already */
			return;
		}
		name_field(&fields, "IsDeleted");
		say_changed(batch, i, &fields);
		return;
	}
	if (delete) {
		if (!force)
			inserted_changes(batch, i, &fields);
	} else if (!row->written || !batch->undo->olds[i]) {
		osy_load_fail(batch, i, OSY_FAIL_NO_SNAPSHOT, OSY_STR(""),
			"the run kept no values before its update of %s (option snapshots)",
			batch->object->target);
		return;
	} else {
		updated_changes(batch, i, force, &fields);
	}
	if (fields.len) {
		say_changed(batch, i, &fields);
		return;
	}
	if (!delete &&!any_written(batch, row)) {
		osy_undo_row_done(batch, i);
		return;
	}
	row->action = OSY_ACT_UPDATE; /* something is to be sent */
}

void osy_undo_decide(struct osy_lbatch *batch)
{
	if (!osy_undo_check_later(batch))
		return;
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (osy_is_pending(&batch->rows[i]) && batch->undo->ops[i] != OSY_UNDO_INSERT)
			decide_row(batch, i);
	}
	osy_load_step(batch, OSY_STEP_UNDO);
}
