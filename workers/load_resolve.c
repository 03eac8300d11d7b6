/* Resolve: lookups and the records' own ids through the id map. */
#include "load_earlier.h"

#include <stdlib.h>

#include "osy/log.h"
#include "pulse.h"

#include "osy/banned.h"

static const struct osy_id *find_pin(const struct osy_spec *spec, const struct osy_id *source)
{
	size_t low = 0, high = spec->pin_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(source->c, spec->pins[middle].source.c, 15);
		if (order == 0)
			return &spec->pins[middle].target;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* The object that an id belongs to: among those that the field may point to, else in the run at
 * all. */
static int parent_of(
	const struct osy_spec *spec, const struct osy_spec_field *field, const struct osy_id *id)
{
	for (size_t i = 0; i < field->parent_count; i++) {
		if (memcmp(spec->objects[field->parents[i]].prefix, id->c, 3) == 0)
			return field->parents[i];
	}
	const struct osy_spec_object *object = osy_spec_by_prefix(spec, id->c);
	return object ? object->index : -1;
}

/* As many characters as the source's text has; a lookup has 18. */
static void write_id(
	struct osy_lbatch *batch, struct osy_str *to, const struct osy_id *id, bool brief)
{
	char *text = osy_arena_alloc(&batch->arena, 24);
	size_t len = brief ? 15 : 18;

	text[0] = '"';
	osy_id_18(id, text + 1);
	text[len + 1] = '"';
	*to = (struct osy_str){text, len + 2};
}

/* ---- Asking ---- */
static struct osy_idmap_ask *next_ask(struct osy_loader *loader, size_t *count)
{
	if (*count == loader->ask_cap) {
		loader->ask_cap = loader->ask_cap ? loader->ask_cap * 2 : 4096;
		loader->asks = osy_xrealloc(loader->asks, loader->ask_cap * sizeof(*loader->asks));
	}
	return &loader->asks[(*count)++];
}

static void ask(struct osy_loader *loader, size_t *count, int pair, const struct osy_id *source,
	const char *target_prefix)
{
	struct osy_idmap_ask *item = next_ask(loader, count);

	*item = (struct osy_idmap_ask){.pair = pair, .source = *source};
	memcpy(item->target_prefix, target_prefix, 3);
}

/* What is asked for nobody: of a text that stays what it is, a lookup is left out. */
static enum osy_lref_state unknown_ref(
	const struct osy_spec_field *field, enum osy_lref_state lookup)
{
	return field->ids ? OSY_REF_NULL : lookup;
}

/* A lookup's value as an id; anything else that is no null is an id that nobody knows. */
static void read_ref(struct osy_lbatch *batch, const struct osy_lcolumn *column,
	struct osy_str *value, struct osy_lref *ref)
{
	const struct osy_spec *spec = osy_lspec(batch);
	bool good = false;

	ref->parent = -1;
	ref->state = OSY_REF_NULL;
	if (!value->p || osy_str_is(*value, "null"))
		return;
	good = batch->head.links ? osy_id_parse(*value, &ref->source)
				 : osy_id_parse_json(*value, &ref->source);
	ref->state = unknown_ref(column->field, OSY_REF_SEEK);
	if (!good)
		return;
	ref->brief = column->field->ids && value->len == (batch->head.links ? 15 : 17);
	const struct osy_id *pin = spec->pin_count ? find_pin(spec, &ref->source) : NULL;
	if (pin) {
		ref->state = osy_id_is_set(pin) ? OSY_REF_MAPPED
						: unknown_ref(column->field, OSY_REF_OUT);
		if (osy_id_is_set(pin))
			write_id(batch, value, pin, ref->brief);
		return;
	}
	ref->parent = parent_of(spec, column->field, &ref->source);
	if (ref->parent >= 0)
		ref->state = OSY_REF_ASKED;
}

static void ask_row(struct osy_lbatch *batch, unsigned i, size_t *count)
{
	const struct osy_spec *spec = osy_lspec(batch);
	struct osy_lrow *row = &batch->rows[i];
	struct osy_lref *refs = osy_lrefs(batch, i);
	const struct osy_id *pin = spec->pin_count ? find_pin(spec, &row->source) : NULL;

	if (pin && osy_id_is_set(pin)) {
		row->target = *pin;
		row->mapped = true;
	}
	ask(batch->load->loader, count, spec->pair, &row->source, batch->object->target_prefix);
	for (unsigned c = 0; c < batch->column_count; c++) {
		const struct osy_lcolumn *column = &batch->columns[c];
		if (column->lookup < 0)
			continue;
		struct osy_lref *ref = &refs[column->lookup];
		/* a second attempt after trouble finds them read already */
		if (!osy_id_is_set(&ref->source))
			read_ref(batch, column, &row->values[c], ref);
		osy_load_tell_text(batch, i, c, ref);
		if (ref->state == OSY_REF_ASKED)
			ask(batch->load->loader, count, spec->pair, &ref->source,
				spec->objects[ref->parent].target_prefix);
	}
}

/* ---- Answers ---- */

/* What an unmapped lookup is: to be linked later, or a matter of what became of the parent. */
static enum osy_lref_state unmapped(const struct osy_lbatch *batch,
	const struct osy_spec_field *field, const struct osy_lref *ref)
{
	const struct osy_spec *spec = osy_lspec(batch);
	const struct osy_spec_file *file = batch->object->file;

	if (file && file->document >= 0 && field == &batch->object->fields[file->document])
		return OSY_REF_OUT; /* the first version of its document */
	if (!batch->head.links && field->link && !field->required &&
		osy_spec_last_stage(spec, spec->objects[ref->parent].prefix) >= batch->head.stage)
		return OSY_REF_DEFERRED;
	return OSY_REF_SEEK;
}

/* The mapping that a record had before a former attempt inserted it anew. */
static bool is_stale(const struct osy_lrow *row, const struct osy_id *target)
{
	return row->lost && osy_id_is_set(&row->gone) && osy_id_equal(&row->gone, target);
}

static bool answer_row(struct osy_lbatch *batch, unsigned i, size_t *at)
{
	struct osy_lrow *row = &batch->rows[i];
	struct osy_lref *refs = osy_lrefs(batch, i);
	const struct osy_idmap_ask *own = &batch->load->loader->asks[(*at)++];
	bool seek = false;

	if (osy_is_pending(row) && !row->mapped && osy_id_is_set(&own->target) &&
		!is_stale(row, &own->target)) {
		/* what an attempt has updated stays what it has updated: a new version of a file
		 * may be mapped already, and not recorded */
		if (!row->was_update || !osy_id_is_set(&row->target))
			row->target = own->target;
		row->mapped = true;
	}
	row->unknown = own->unknown;
	for (unsigned c = 0; c < batch->column_count; c++) {
		const struct osy_lcolumn *column = &batch->columns[c];
		if (column->lookup < 0)
			continue;
		struct osy_lref *ref = &refs[column->lookup];
		if (ref->state == OSY_REF_ASKED) {
			const struct osy_idmap_ask *answer = &batch->load->loader->asks[(*at)++];
			if (osy_id_is_set(&answer->target)) {
				ref->state = OSY_REF_MAPPED;
				write_id(batch, &row->values[c], &answer->target, ref->brief);
			} else {
				ref->state = unmapped(batch, column->field, ref);
			}
		}
		if (ref->state != OSY_REF_MAPPED && ref->state != OSY_REF_NULL)
			row->values[c] = osy_left_out;
		seek |= ref->state == OSY_REF_SEEK && osy_is_pending(row);
	}
	return seek;
}

static void resolved(struct osy_lbatch *batch)
{
	if (osy_lrun(batch)->undo) {
		osy_undo_resolved(batch);
		return;
	}
	osy_load_retake_links(batch);
	osy_load_find_keys(batch);
	osy_load_former_sort(batch);
}

static void answer(struct osy_lbatch *batch)
{
	size_t at = batch->first_ask;
	bool seek = false;

	for (unsigned i = 0; i < batch->row_count; i++)
		seek |= answer_row(batch, i, &at);
	if (seek && !osy_lrun(batch)->undo)
		osy_load_step(batch, OSY_STEP_PARENTS);
	else
		resolved(batch);
}

void osy_load_resolve(struct osy_loader *loader)
{
	struct osy_lbatch *batches[OSY_LOAD_GATHER];
	size_t n = osy_load_pick(loader, OSY_STEP_RESOLVE, batches, OSY_COUNT(batches)), count = 0;
	struct osy_err err = OSY_ERR_NONE;
	bool rebuilt = false;

	if (!n)
		return;
	for (size_t i = 0; i < n; i++) {
		batches[i]->first_ask = count;
		for (unsigned r = 0; r < batches[i]->row_count; r++)
			ask_row(batches[i], r, &count);
	}
	osy_pulse_blocking(loader->worker->pulse, true);
	enum osy_code rc =
		osy_idmap_get(loader->worker->idmap, loader->asks, count, &rebuilt, &err);
	osy_pulse_blocking(loader->worker->pulse, false);
	if (rebuilt)
		osy_log(OSY_INFO, "idmap.rebuilt", OSY_KV_INT("asks", count));
	if (rc) {
		osy_load_trouble(loader, "load.resolve", &err);
		return;
	}
	for (size_t i = 0; i < n; i++)
		answer(batches[i]);
}

/* ---- Parents that have no mapping and will not get one: did they fail? ---- */
struct seek {
	struct osy_str *runs, *ids;
	size_t count, cap;
};

static void seek_add(struct seek *seek, const char *run, char *id)
{
	if (seek->count == seek->cap) {
		seek->cap = seek->cap ? seek->cap * 2 : 256;
		seek->runs = osy_xrealloc(seek->runs, seek->cap * sizeof(*seek->runs));
		seek->ids = osy_xrealloc(seek->ids, seek->cap * sizeof(*seek->ids));
	}
	seek->runs[seek->count] = osy_str(run);
	seek->ids[seek->count++] = (struct osy_str){id, 18};
}

static void seek_done(struct seek *seek)
{
	free(seek->runs);
	free(seek->ids);
}

static void seek_batch(struct osy_lbatch *batch, struct seek *seek)
{
	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lref *refs = osy_lrefs(batch, i);
		for (unsigned k = 0; k < batch->lookup_count; k++) {
			if (refs[k].state != OSY_REF_SEEK || refs[k].parent < 0)
				continue;
			char *text = osy_arena_alloc(&batch->arena, 24);
			osy_id_18(&refs[k].source, text);
			seek_add(seek, osy_lrun(batch)->id, text);
		}
	}
}

/* Failed parents of this batch's run: index of rows of the result by id. */
static void index_failures(
	struct osy_lbatch *batch, const struct osy_pg_result *result, struct osy_lindex *index)
{
	osy_lindex_init(index, &batch->arena, osy_pg_rows(result));
	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		struct osy_id id;
		if (osy_str_is(osy_pg_str(result, i, 0), osy_lrun(batch)->id) &&
			osy_id_parse(osy_pg_str(result, i, 1), &id))
			osy_lindex_add(index, osy_lindex_id(&id), (uint32_t)i);
	}
}

static int64_t find_failure(const struct osy_pg_result *result, const struct osy_lindex *index,
	const struct osy_id *source)
{
	size_t at = OSY_LINDEX_START;
	int64_t i;

	while ((i = osy_lindex_next(index, osy_lindex_id(source), &at)) >= 0) {
		struct osy_id id;
		if (osy_id_parse(osy_pg_str(result, (size_t)i, 1), &id) &&
			osy_id_equal(&id, source))
			return i;
	}
	return -1;
}

/* A lookup in a record: the whole row fails. In a link batch: that link alone. */
static void parent_problem(struct osy_lbatch *batch, unsigned i, const char *code,
	const struct osy_spec_field *field, const char *text)
{
	if (batch->head.links)
		osy_load_note(batch, i, "link", code, osy_str(field->target), "%s", text);
	else
		osy_load_fail(batch, i, code, osy_str(field->target), "%s", text);
}

static void say_failed(struct osy_lbatch *batch, unsigned i, const struct osy_spec_field *field,
	const struct osy_lref *ref, struct osy_str code)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(4096);
	char id[19];

	osy_id_18(&ref->source, id);
	osy_buf_addf(&text, "%s points to %s %s, which failed: %.*s", field->name,
		osy_lspec(batch)->objects[ref->parent].name, id, (int)code.len, code.p);
	parent_problem(batch, i, OSY_FAIL_PARENT_FAILED, field, text.p);
}

/* Of an object that is loaded level by level: whether no parent of the record can be in before it.
 */
static bool is_circular(const struct osy_lbatch *batch, const struct osy_spec_field *field,
	const struct osy_lref *ref)
{
	const struct osy_spec_object *object = batch->object;

	return field->level && object->circles && ref->parent == object->index &&
	       batch->head.stage == osy_spec_object_last(object);
}

/* "AccountId points to Account 001..., which is not in the target" */
static void write_missing(const struct osy_lbatch *batch, const struct osy_spec_field *field,
	const struct osy_lref *ref, struct osy_buf *text)
{
	const struct osy_spec_object *parent =
		ref->parent < 0 ? NULL : &osy_lspec(batch)->objects[ref->parent];
	char id[19] = "";

	if (osy_id_is_set(&ref->source))
		osy_id_18(&ref->source, id);
	if (is_circular(batch, field, ref))
		osy_buf_addf(text,
			"%s points to %s %s, which is not in the target and never in first: the "
			"record points to itself, be it over others, or hangs below one that does",
			field->name, parent->name, id);
	else if (!parent)
		osy_buf_addf(text, "%s points to %s, whose object is not in the run", field->name,
			id[0] ? id : "something that is no record id");
	else
		osy_buf_addf(text, "%s points to %s %s, which %s%s%s", field->name, parent->name,
			id,
			parent->insert ? "is not in the target"
				       : "has no match in the target (insert is off for ",
			parent->insert ? "" : parent->name, parent->insert ? "" : ")");
}

/* Only a real id can be waited for. */
static bool may_wait(const struct osy_spec_field *field, const struct osy_lref *ref)
{
	return field->missing == OSY_MISSING_WAIT && osy_id_is_set(&ref->source);
}

/* A text that stays as it is, since its id has become nobody's. */
static void keep_text(
	struct osy_lbatch *batch, unsigned i, unsigned c, struct osy_lref *ref, const char *why)
{
	const struct osy_spec_field *field = batch->columns[c].field;

	write_id(batch, &batch->rows[i].values[c], &ref->source, ref->brief);
	ref->state = OSY_REF_NULL;
	osy_load_note(batch, i, "notice", OSY_FAIL_PARENT_MISSING, osy_str(field->target),
		"%s; the id stays as it is", why);
}

static void say_missing(struct osy_lbatch *batch, unsigned i, unsigned c, struct osy_lref *ref)
{
	const struct osy_spec_field *field = batch->columns[c].field;
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(4096);
	bool fails = field->required || field->missing == OSY_MISSING_FAIL || batch->head.links;

	write_missing(batch, field, ref, &text);
	if (field->missing == OSY_MISSING_KEEP) {
		keep_text(batch, i, c, ref, text.p);
		return;
	}
	ref->state = may_wait(field, ref) ? OSY_REF_WAITS : OSY_REF_OUT;
	if (ref->state == OSY_REF_WAITS)
		return;
	if (fails)
		parent_problem(batch, i, OSY_FAIL_PARENT_MISSING, field, text.p);
	else
		osy_load_note(batch, i, "notice", OSY_FAIL_PARENT_MISSING, osy_str(field->target),
			"%s; it was left out", text.p);
}

/*
 * Its lookups to parents that it is to wait for. A record that is in the target already waits with
 * these alone, and so does one whose link is being made; any other as a whole.
 */
static void wait_row(struct osy_lbatch *batch, unsigned i)
{
	struct osy_lrow *row = &batch->rows[i];
	bool alone = row->mapped || batch->head.links, waits = false;

	if (!osy_is_pending(row))
		return;
	for (unsigned c = 0; c < batch->column_count; c++) {
		const struct osy_lcolumn *column = &batch->columns[c];
		OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(4096);
		struct osy_lref *ref =
			column->lookup < 0 ? NULL : &osy_lrefs(batch, i)[column->lookup];
		if (!ref || ref->state != OSY_REF_WAITS)
			continue;
		write_missing(batch, column->field, ref, &text);
		osy_load_note(batch, i, "notice", OSY_FAIL_WAITS, osy_str(column->field->target),
			"%s; %s", text.p,
			alone ? "the lookup waits for it" : "the record waits for it");
		osy_load_wait_for(batch, i, column->field, ref);
		ref->state = OSY_REF_OUT;
		waits = true;
	}
	if (!waits || alone)
		return;
	row->outcome = OSY_SKIPPED;
	row->action = OSY_ACT_NONE;
	row->ask = row->doubt = false;
}

/*
 * Of a record that a former attempt has sent no lookup fails any more. What that attempt left out,
 * and had to say of it, went with its worker, and is said again.
 */
static void judge_sent(
	struct osy_lbatch *batch, unsigned i, unsigned c, struct osy_lref *ref, bool failed)
{
	const struct osy_spec_field *field = batch->columns[c].field;

	if (failed || field->required || field->missing == OSY_MISSING_FAIL ||
		(may_wait(field, ref) && !batch->rows[i].mapped))
		ref->state = OSY_REF_OUT;
	else
		say_missing(batch, i, c, ref);
}

static void judge_row(struct osy_lbatch *batch, unsigned i, const struct osy_pg_result *result,
	const struct osy_lindex *index)
{
	struct osy_lrow *row = &batch->rows[i];
	bool sent = (row->lost || row->was_update) && !batch->head.links;

	for (unsigned c = 0; c < batch->column_count; c++) {
		const struct osy_lcolumn *column = &batch->columns[c];
		if (column->lookup < 0 || !osy_is_pending(row))
			continue;
		struct osy_lref *ref = &osy_lrefs(batch, i)[column->lookup];
		if (ref->state != OSY_REF_SEEK)
			continue;
		/* The record itself is not in the target: nothing is linked. */
		if (batch->head.links && !row->mapped)
			continue;
		int64_t failure = find_failure(result, index, &ref->source);
		bool failed = failure >= 0 && ref->parent >= 0;
		if (sent) {
			judge_sent(batch, i, c, ref, failed);
		} else if (failed) {
			ref->state = OSY_REF_OUT;
			say_failed(batch, i, column->field, ref,
				osy_pg_str(result, (size_t)failure, 2));
		} else {
			say_missing(batch, i, c, ref);
		}
	}
}

void osy_load_parents(struct osy_loader *loader)
{
	struct osy_lbatch *batches[OSY_LOAD_GATHER];
	size_t n = osy_load_pick(loader, OSY_STEP_PARENTS, batches, OSY_COUNT(batches));
	OSY_AUTO(seek_done) struct seek seek = {0};
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;

	if (!n)
		return;
	for (size_t i = 0; i < n; i++)
		seek_batch(batches[i], &seek);
	if (osy_pg_do(loader->worker->pg, &result, &err,
		    "SELECT DISTINCT ON (f.run, f.source_id) f.run, f.source_id, f.code FROM "
		    "failure f JOIN (SELECT DISTINCT g.run, g.id FROM unnest($1::text[], "
		    "$2::text[]) AS g(run, id)) w "
		    "ON f.run = w.run AND f.source_id = w.id WHERE f.kind = 'record' AND "
		    "f.resolved_pass IS NULL "
		    "ORDER BY f.run, f.source_id, f.pass DESC",
		    OSY_PG_TEXTS(seek.runs, seek.count), OSY_PG_TEXTS(seek.ids, seek.count))) {
		osy_load_trouble(loader, "load.parents", &err);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct osy_lindex index;
		index_failures(batches[i], result, &index);
		for (unsigned r = 0; r < batches[i]->row_count; r++) {
			judge_row(batches[i], r, result, &index);
			wait_row(batches[i], r);
		}
		resolved(batches[i]);
	}
}
