/* Children that a delete would take along: of a rollback, or of a batch that deletes. See undo.h.
 */
#include <strings.h>

#include "load_internal.h"
#include "undo.h"

#include "osy/banned.h"

#define IDS_A_QUERY 400

static bool is_to_delete(const struct osy_lbatch *batch, unsigned i)
{
	return osy_is_pending(&batch->rows[i]) && batch->undo->ops[i] == OSY_UNDO_DELETE;
}

struct plan {
	const struct osy_spec_child *children;
	size_t child_count;
};

static struct plan plan_of(const struct osy_lbatch *batch)
{
	const struct osy_undo *undo = osy_lrun(batch)->undo;
	const struct osy_undo_object *object = undo ? &undo->objects[batch->object->index] : NULL;

	if (object)
		return (struct plan){object->children, object->child_count};
	return (struct plan){batch->object->children, batch->object->child_count};
}

static bool is_dry(const struct osy_lbatch *batch)
{
	const struct osy_undo *undo = osy_lrun(batch)->undo;

	return undo && undo->dry;
}

/* Where a batch stands that asks, and while it asks. */
static enum osy_step at_rest(const struct osy_lbatch *batch)
{
	return osy_lrun(batch)->undo ? OSY_STEP_UNDO : OSY_STEP_CHILDREN;
}

static void again(struct osy_lbatch *batch, const struct osy_err *err)
{
	osy_load_step(batch, at_rest(batch));
	osy_load_wait(batch, osy_load_pause(batch, err));
}

/* Records of the run itself are gone before their parents, but for a dry run. */
static bool is_of_run(const struct osy_lbatch *batch, const char *object)
{
	const struct osy_spec *spec = osy_lspec(batch);

	for (size_t i = 0; i < spec->object_count; i++) {
		if (strcasecmp(spec->objects[i].target, object) == 0)
			return true;
	}
	return false;
}

/* The next lookup that is to be asked; false: none is left. */
static bool next_child(struct osy_lbatch *batch)
{
	struct osy_lundo *undo = batch->undo;
	struct plan plan = plan_of(batch);

	for (; undo->child < plan.child_count; undo->child++, undo->from = 0) {
		if (is_dry(batch) && is_of_run(batch, plan.children[undo->child].object))
			continue;
		while (undo->from < batch->row_count && !is_to_delete(batch, (unsigned)undo->from))
			undo->from++;
		if (undo->from < batch->row_count)
			return true;
	}
	return false;
}

/* Parents' ids from undo->from on, as many as a query takes; ret: the row behind them. */
static size_t add_ids(struct osy_lbatch *batch, struct osy_buf *soql)
{
	size_t i = batch->undo->from;

	for (unsigned n = 0; i < batch->row_count && n < IDS_A_QUERY; i++) {
		char id[19];
		if (!is_to_delete(batch, (unsigned)i))
			continue;
		osy_id_18(&batch->undo->targets[i], id);
		osy_buf_addf(soql, "%s'%s'", n++ ? "," : "", id);
	}
	return i;
}

static enum osy_code on_child(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct osy_lbatch *batch = arg;
	const struct osy_spec_child *child = &plan_of(batch).children[batch->undo->child];
	size_t at = OSY_LINDEX_START;
	struct osy_id id;
	int64_t i;

	(void)err;
	if (!values || !values[1].p || !osy_id_parse_json(values[1], &id))
		return OSY_OK;
	while ((i = osy_lindex_next(&batch->undo->by_target, osy_lindex_id(&id), &at)) >= 0) {
		if (is_to_delete(batch, (unsigned)i) && osy_id_equal(&batch->undo->targets[i], &id))
			osy_load_fail(batch, (unsigned)i, OSY_FAIL_HAS_CHILDREN,
				osy_str(child->field),
				"it has a %s that is not the run's and would be deleted with it; "
				"it was left as it is",
				child->object);
	}
	return OSY_OK;
}

static void on_children(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct osy_lbatch *batch = call->batch;
	struct osy_err err = OSY_ERR_NONE;
	struct osy_sf_page page = {.done = true};
	struct osy_str body = OSY_STR_NULL;
	int status = 0;

	if (!batch)
		return;
	enum osy_code rc = osy_load_call_bodies(call, reply, &status, &body, &err, &err);
	if (!rc && body.p) {
		const char *names[] = {"Id", plan_of(batch).children[batch->undo->child].field};
		rc = osy_sf_page_read(body, false, names, 2, on_child, batch, &page, &err);
	} else if (!rc) {
		rc = err.code;
	}
	if (rc) {
		again(batch, &err);
		return;
	}
	batch->waits = 0;
	/* Of a page that is not the last one the parents are known; the others are asked again. */
	if (page.done)
		batch->undo->from = (size_t)call->mark;
	osy_load_step(batch, at_rest(batch));
}

static void ask_children(struct osy_lbatch *batch)
{
	const struct osy_spec_child *child = &plan_of(batch).children[batch->undo->child];
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(64u * 1024);
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(64u * 1024);
	struct osy_err err = OSY_ERR_NONE;
	struct osy_lcall *call =
		osy_load_call_new(batch, batch->load->loader, osy_lrun(batch), on_children);

	osy_buf_addf(&soql, "SELECT Id,%s FROM %s WHERE %s IN (", child->field, child->object,
		child->field);
	call->mark = (unsigned)add_ids(batch, &soql);
	osy_buf_addc(&soql, ')');
	if (child->where[0])
		osy_buf_addf(&soql, " AND %s", child->where);
	osy_soql_path(osy_buf_str(&soql), false, &path);
	osy_sf_send_begin(&call->send, 1);
	osy_sf_send_get(&call->send, osy_buf_str(&path));
	if (osy_load_call_start(call, NULL, 0, &err))
		again(batch, &err);
	else
		osy_load_step(batch, osy_lrun(batch)->undo ? OSY_STEP_UNDOING : OSY_STEP_ASKING);
}

bool osy_load_asks_children(struct osy_lbatch *batch)
{
	if (!next_child(batch))
		return false;
	if (osy_load_slot(batch, false))
		ask_children(batch);
	return true;
}
