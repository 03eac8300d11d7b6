/*
 * Match: targets known by id, or by keys that were read as a whole (load_guess.c), are read again
 * (load_fetch.c), the others are asked for by key. One call at a time a batch: first the ids, then
 * the keys, up to five queries in a composite.
 */
#include "load_internal.h"

#include "osy/clock.h"
#include "osy/log.h"

#include "osy/banned.h"

bool osy_load_compares(const struct osy_lbatch *batch)
{
	const struct osy_spec_object *object = batch->object;

	return batch->head.links || osy_lrun(batch)->undo || object->deletes ||
	       (object->update && !object->match_only);
}

void osy_load_ask_again(struct osy_lbatch *batch, const struct osy_err *err)
{
	osy_load_step(batch, OSY_STEP_MATCH);
	osy_load_wait(batch, osy_load_pause(batch, err));
}

/* A question that the org refuses: the rows that it was about fail. */
void osy_load_ask_refused(struct osy_lbatch *batch, const struct osy_err *err)
{
	if (err->code != OSY_E_SALESFORCE || err->cls == OSY_RETRY) {
		osy_load_ask_again(batch, err);
		return;
	}
	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		if (osy_is_pending(row) && row->ask && !row->looked && !row->fetched)
			osy_load_refuse_err(batch, i, err);
	}
	batch->paths = NULL;
	osy_load_step(batch, OSY_STEP_MATCH);
}

/* ---- By key ---- */

struct look {
	struct osy_lbatch *batch;
	bool with_columns;
	size_t keys_at, maker_at; /* places in values */
	struct osy_str *keys;
};

/* With audit fields a record of ours looks as if somebody else had made it long ago: at the moment
 * that we sent. -1: the row sent none. */
static int64_t sent_created(const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	int column = osy_load_audit_column(batch, "CreatedDate");
	struct osy_str value = column < 0 ? OSY_STR_NULL : row->values[column];

	return value.len > 2 && value.p[0] == '"' ? osy_wall_parse(value.p + 1, value.len - 2) : -1;
}

/* Whether our user made it since the first attempt: then one of our attempts did. */
static bool is_ours(
	const struct osy_lbatch *batch, const struct osy_lrow *row, const struct osy_str *maker)
{
	const struct osy_spec *spec = osy_lspec(batch);
	struct osy_id user, me;
	/* The org's own moments are whole seconds. */
	int64_t since = batch->org_ms - batch->org_ms % 1000;
	int64_t sent = sent_created(batch, row);

	if (maker[2].len < 2 || osy_wall_parse(maker[2].p + 1, maker[2].len - 2) < since)
		return false;
	int64_t created = maker[1].len > 2 ? osy_wall_parse(maker[1].p + 1, maker[1].len - 2) : -1;
	if (sent >= 0)
		return created / 1000 == sent / 1000;
	return created >= since && osy_id_parse_json(maker[0], &user) &&
	       osy_id_parse(osy_str(spec->target_user_id), &me) && osy_id_equal(&user, &me);
}

static void add_found(struct look *look, struct osy_lrow *row, const struct osy_id *id, bool exact,
	const struct osy_str *values)
{
	struct osy_lbatch *batch = look->batch;

	for (const struct osy_lfound *other = row->found; other; other = other->next) {
		if (osy_id_equal(&other->id, id))
			return;
	}
	struct osy_lfound *found = osy_arena_calloc(&batch->arena, 1, sizeof(*found));
	found->id = *id;
	found->exact = exact;
	found->ours = batch->asks_maker &&
		      (batch->object->no_maker || is_ours(batch, row, values + look->maker_at));
	found->values = look->with_columns ? osy_load_values_kept(batch, values + 1) : NULL;
	found->next = row->found;
	row->found = found;
}

static enum osy_code on_looked(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct look *look = arg;
	struct osy_lbatch *batch = look->batch;
	struct osy_id id;
	size_t at = OSY_LINDEX_START;
	int64_t i;
	uint64_t hash = osy_key_hash(batch->object, values + look->keys_at);

	(void)err;
	if (!values[0].p || !osy_id_parse_json(values[0], &id))
		return OSY_OK;
	while ((i = osy_lindex_next(&batch->by_key, hash, &at)) >= 0) {
		struct osy_lrow *row = &batch->rows[i];
		bool exact = false;
		if (osy_load_keys(batch, row, look->keys) &&
			osy_key_equal(batch->object, look->keys, values + look->keys_at, &exact))
			add_found(look, row, &id, exact, values);
	}
	return OSY_OK;
}

static void ambiguous(struct osy_lbatch *batch, unsigned i)
{
	OSY_AUTO(osy_buf_done) struct osy_buf ids = OSY_BUF(1024);
	OSY_AUTO(osy_buf_done) struct osy_buf fields = OSY_BUF(4096);
	unsigned n = 0;

	for (const struct osy_lfound *found = batch->rows[i].found; found; found = found->next) {
		char id[19];
		osy_id_18(&found->id, id);
		if (n++ < 5)
			osy_buf_addf(&ids, "%s%s", n > 1 ? ", " : "", id);
	}
	for (size_t k = 0; k < osy_key_count(batch->object) && fields.len < 3000; k++)
		osy_buf_addf(&fields, "%s%s", k ? "," : "", osy_key_name(batch->object, k));
	osy_load_fail(batch, i, OSY_FAIL_AMBIGUOUS, osy_buf_str(&fields),
		"%u records of the target have this key: %s%s", n, ids.p, n > 5 ? ", ..." : "");
}

/* Of several targets, one that is equal in case too. */
static void choose(struct osy_lbatch *batch, unsigned i)
{
	struct osy_lrow *row = &batch->rows[i];
	const struct osy_lfound *best = NULL;
	unsigned exact = 0, all = 0;

	row->looked = true;
	for (const struct osy_lfound *found = row->found; found; found = found->next) {
		all++;
		exact += found->exact;
		if (!best || found->exact)
			best = found;
	}
	if (!best)
		return;
	if (exact > 1 || (exact == 0 && all > 1)) {
		ambiguous(batch, i);
		return;
	}
	if (row->lost && best->ours) {
		row->outcome = OSY_INSERTED;
		row->target = best->id;
		row->put = true;
		row->ask = false;
		osy_load_defer_unsure(batch, i);
		return;
	}
	row->target = best->id;
	row->before = NULL;
	if (best->values) {
		row->before = osy_arena_calloc(
			&batch->arena, batch->column_count + 1, sizeof(*row->before));
		memcpy(row->before, best->values, batch->column_count * sizeof(*row->before));
	}
	row->fetched = best->values || !osy_load_compares(batch);
}

static void all_looked(struct osy_lbatch *batch)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (osy_load_needs_look(batch, &batch->rows[i]))
			choose(batch, i);
	}
}

static enum osy_code read_query(struct osy_lbatch *batch, struct osy_str body, struct osy_err *err)
{
	struct look look = {
		.batch = batch, .with_columns = osy_load_compares(batch) && !batch->wide};
	size_t count = 0;
	const char **names = osy_load_asked(batch, look.with_columns, true, &count);
	struct osy_sf_page page = {.next_path = OSY_STR_NULL};

	look.keys_at = 1 + (look.with_columns ? batch->column_count : 0);
	look.maker_at = look.keys_at + osy_key_count(batch->object);
	look.keys = osy_arena_calloc(
		&batch->arena, osy_key_count(batch->object) + 1, sizeof(*look.keys));
	enum osy_code rc =
		osy_sf_page_read(body, false, names, count, on_looked, &look, &page, err);
	if (rc || page.done || !page.next_path.p)
		return rc;
	struct osy_lpath *next = osy_arena_alloc(&batch->arena, sizeof(*next));
	next->path = (struct osy_str){
		osy_arena_strndup(&batch->arena, page.next_path.p, page.next_path.len),
		page.next_path.len};
	next->next = batch->paths;
	batch->paths = next;
	return OSY_OK;
}

/* The parts that were answered are done with, whatever became of the others. */
static void on_look(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct osy_lbatch *batch = call->batch;
	int status[OSY_SF_COMPOSITE_MAX];
	struct osy_str bodies[OSY_SF_COMPOSITE_MAX];
	struct osy_err errs[OSY_SF_COMPOSITE_MAX], err = OSY_ERR_NONE;
	const struct osy_err *problem = NULL;
	unsigned parts = call->send.parts;
	struct osy_lpath *sent[OSY_SF_COMPOSITE_MAX];

	if (!batch)
		return;
	enum osy_code rc = osy_load_call_bodies(call, reply, status, bodies, errs, &err);
	if (rc) {
		osy_load_ask_refused(batch, &err);
		return;
	}
	osy_load_keep(batch, reply->body);
	for (unsigned i = 0; i < parts; i++) {
		sent[i] = batch->paths;
		batch->paths = batch->paths->next;
	}
	for (unsigned i = 0; i < parts; i++) {
		if (!bodies[i].p)
			problem = &errs[i];
		else if (read_query(batch, bodies[i], &err))
			problem = &err;
		else
			continue;
		sent[i]->next = batch->paths;
		batch->paths = sent[i];
	}
	batch->waits = problem ? batch->waits : 0;
	if (problem) {
		osy_load_ask_refused(batch, problem);
		return;
	}
	if (!batch->paths)
		all_looked(batch);
	osy_load_step(batch, OSY_STEP_MATCH);
}

static enum osy_code start_look(struct osy_lbatch *batch, struct osy_err *err)
{
	struct osy_lcall *call =
		osy_load_call_new(batch, batch->load->loader, osy_lrun(batch), on_look);
	unsigned parts = 0;

	for (const struct osy_lpath *path = batch->paths; path && parts < OSY_SF_COMPOSITE_MAX;
		path = path->next)
		parts++;
	osy_sf_send_begin(&call->send, parts);
	const struct osy_lpath *path = batch->paths;
	for (unsigned i = 0; i < parts; i++, path = path->next)
		osy_sf_send_get(&call->send, path->path);
	return osy_load_call_start(call, NULL, 0, err);
}

/* ---- The step ---- */

/* No mapping, and the template says that ids are the same in both orgs. */
static void guess_same_ids(struct osy_lbatch *batch)
{
	const struct osy_spec_object *object = batch->object;

	if (object->match != OSY_MATCH_SAME_ID || batch->head.links || osy_ltarget_empty(batch) ||
		strcmp(object->prefix, object->target_prefix) != 0)
		return;
	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		if (osy_is_pending(row) && row->ask && !osy_id_is_set(&row->target) && !row->looked)
			row->target = row->source;
	}
}

static void match(struct osy_lbatch *batch)
{
	struct osy_err err = OSY_ERR_NONE;

	if (!batch->paths)
		osy_load_make_paths(batch);
	if (!batch->paths) {
		osy_load_compare(batch);
		return;
	}
	if (start_look(batch, &err))
		osy_load_ask_refused(batch, &err);
	else
		osy_load_step(batch, OSY_STEP_ASKING);
}

static bool needs_org(const struct osy_lbatch *batch)
{
	if (batch->paths || osy_load_fetches(batch) || batch->object->match == OSY_MATCH_SAME_ID)
		return true;
	for (unsigned i = 0; i < batch->row_count; i++) {
		if (osy_load_needs_look(batch, &batch->rows[i]))
			return true;
	}
	return false;
}

void osy_load_match(struct osy_loader *loader)
{
	struct osy_lbatch *batches[OSY_LOAD_GATHER];
	size_t n = osy_load_pick(loader, OSY_STEP_MATCH, batches, OSY_COUNT(batches));

	for (size_t i = 0; i < n;) {
		if (osy_load_takes_back(batches[i]))
			batches[i] = batches[--n];
		else
			guess_same_ids(batches[i++]);
	}
	if (!osy_load_guess(loader, batches, n))
		return;
	for (size_t i = 0; i < n; i++) {
		struct osy_lbatch *batch = batches[i];
		if (batch->step != OSY_STEP_MATCH)
			continue; /* its ids went with those of another one */
		bool asks = needs_org(batch);
		if (!asks && !osy_load_must_greet(batch))
			osy_load_compare(batch);
		else if (!osy_load_slot(batch, false))
			continue;
		else if (!asks)
			osy_load_greet(batch);
		else if (!batch->paths && osy_load_fetches(batch))
			osy_load_fetch(batches + i, n - i);
		else
			match(batch);
	}
}
