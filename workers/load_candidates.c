/* The records that may be those whose replies were lost. */
#include "load_file.h"
#include "load_reconcile.h"

#include <stdlib.h>

#include "osy/clock.h"
#include "osy/log.h"

#include "osy/banned.h"

#define PAGE 2000
#define LOG_MARGIN_MS 600000 /* the same between the org's and Postgres' */
#define NAMES_MAX 6000	     /* of the query's field names */

/* ---- Columns ---- */
static bool is_key(const struct osy_lbatch *batch, unsigned column)
{
	for (size_t k = 0; batch->key_columns && k < osy_key_count(batch->object); k++) {
		if (batch->key_columns[k] == (int)column)
			return true;
	}
	return false;
}

/* Types that an org keeps as they were sent. */
static bool is_kept(enum osy_sf_type type)
{
	return type != OSY_T_BASE64 && type != OSY_T_ENCRYPTED && type != OSY_T_LOCATION &&
	       type != OSY_T_ADDRESS && type != OSY_T_COMPLEX;
}

/* What automation changes again as soon as it is there. */
static bool is_moved(const char *name)
{
	return strcmp(name, "LastModifiedDate") == 0 || strcmp(name, "LastModifiedById") == 0;
}

void osy_reconcile_columns(struct osy_lreconcile *rec)
{
	const struct osy_lbatch *batch = rec->members[0];
	size_t len = 0;

	rec->columns =
		osy_arena_calloc(&rec->arena, batch->column_count + 1, sizeof(*rec->columns));
	rec->assign = osy_arena_calloc(&rec->arena, batch->column_count + 1, sizeof(*rec->assign));
	for (unsigned c = 0; c < batch->column_count; c++) {
		const struct osy_spec_field *field = batch->columns[c].field;
		if ((!field->createable && !osy_file_is_kept(batch, c)) || !is_kept(field->type) ||
			is_moved(field->target))
			continue;
		len += strlen(field->target) + 3;
		if (len > NAMES_MAX)
			break;
		rec->columns[rec->column_count] = c;
		rec->assign[rec->column_count++] = (struct osy_lassign_column){.type = field->type,
			.scale = field->scale,
			/* left out by those that point to each other */
			.loose = field->link || (field->level && !field->required),
			.must_be_null = is_key(batch, c)};
	}
	rec->since = INT64_MAX;
	for (size_t i = 0; i < rec->count; i++) {
		if (rec->members[i]->org_ms < rec->since)
			rec->since = rec->members[i]->org_ms;
	}
	rec->since -= OSY_LOAD_ORG_MARGIN;
}

/* ---- Ids that are taken ---- */
static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void take(struct osy_lreconcile *rec, const void *packed)
{
	if (rec->taken_count == rec->taken_cap) {
		rec->taken_cap = rec->taken_cap ? rec->taken_cap * 2 : 4096;
		rec->taken = osy_xrealloc(rec->taken, rec->taken_cap * sizeof(*rec->taken));
	}
	rec->taken[rec->taken_count++] = osy_hash(packed, OSY_ID_PACKED, 0);
}

static bool is_taken(const struct osy_lreconcile *rec, const struct osy_id *id)
{
	unsigned char packed[OSY_ID_PACKED];

	osy_id_pack(id, packed);
	uint64_t hash = osy_hash(packed, sizeof(packed), 0);
	return rec->taken_count &&
	       bsearch(&hash, rec->taken, rec->taken_count, sizeof(*rec->taken), by_number) != NULL;
}

/* Mappings of the pair of objects that were made since then. */
static enum osy_code take_log(
	struct osy_loader *loader, struct osy_lreconcile *rec, struct osy_err *err)
{
	const struct osy_lbatch *batch = rec->members[0];
	int64_t age = osy_wall_ms() - rec->since + LOG_MARGIN_MS, last = 0;

	for (;;) {
		OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
		enum osy_code rc = osy_pg_do(loader->worker->pg, &result, err,
			"SELECT id, pairs FROM idmap_log WHERE pair = $1 AND target_prefix = $2 "
			"AND id > $3 AND at >= clock_timestamp() - $4 * interval '1 millisecond' "
			"AND NOT tombstone ORDER BY id LIMIT 500",
			OSY_PG_I32(osy_lspec(batch)->pair), OSY_PG_Z(batch->object->target_prefix),
			OSY_PG_I64(last), OSY_PG_I64(age));
		if (rc || !osy_pg_rows(result))
			return rc;
		for (size_t i = 0; i < osy_pg_rows(result); i++) {
			struct osy_str pairs = osy_pg_str(result, i, 1);
			for (size_t at = 0; at + 2 * OSY_ID_PACKED <= pairs.len;
				at += 2 * OSY_ID_PACKED)
				take(rec, pairs.p + at + OSY_ID_PACKED);
			last = osy_pg_i64(result, i, 0, 0);
		}
	}
}

/* What unsettled batches of the group know already. */
static enum osy_code take_outcomes(
	struct osy_loader *loader, struct osy_lreconcile *rec, struct osy_err *err)
{
	const struct osy_lbatch *batch = rec->members[0];
	int32_t objects[64];
	size_t n = osy_load_same_target(batch, objects, OSY_COUNT(objects));
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(loader->worker->pg, &result, err,
		"SELECT outcome, records FROM batch WHERE run = $1 AND object = ANY($2) AND state "
		"<> 'done' AND outcome IS NOT NULL",
		OSY_PG_Z(osy_lrun(batch)->id), OSY_PG_I32S(objects, n));

	for (size_t i = 0; !rc && i < osy_pg_rows(result); i++) {
		unsigned count = (unsigned)osy_pg_i64(result, i, 1, 0);
		OSY_AUTO_FREE struct osy_outcome_row *rows = osy_xcalloc(count + 1u, sizeof(*rows));
		rc = osy_outcomes_read(
			osy_pg_str(result, i, 0), batch->object->target_prefix, rows, count, err);
		for (unsigned r = 0; !rc && r < count; r++) {
			unsigned char packed[OSY_ID_PACKED];
			if (!osy_id_is_set(&rows[r].target))
				continue;
			osy_id_pack(&rows[r].target, packed);
			take(rec, packed);
		}
	}
	return rc;
}

/* Rows of the members whose ids had reached Redis and nothing else when their worker died. */
static void take_members(struct osy_lreconcile *rec)
{
	for (size_t m = 0; m < rec->count; m++) {
		const struct osy_lbatch *batch = rec->members[m];
		for (unsigned i = 0; i < batch->row_count; i++) {
			unsigned char packed[OSY_ID_PACKED];
			if (!osy_id_is_set(&batch->rows[i].target))
				continue;
			osy_id_pack(&batch->rows[i].target, packed);
			take(rec, packed);
		}
	}
}

/* What the org itself has made and every run finds there. */
static void take_pins(struct osy_lreconcile *rec)
{
	const struct osy_lbatch *batch = rec->members[0];
	const struct osy_spec *spec = osy_lspec(batch);

	for (size_t i = 0; i < spec->pin_count; i++) {
		unsigned char packed[OSY_ID_PACKED];
		/* packed ids are without their prefix */
		if (memcmp(spec->pins[i].target.c, batch->object->target_prefix, 3) != 0)
			continue;
		osy_id_pack(&spec->pins[i].target, packed);
		take(rec, packed);
	}
}

enum osy_code osy_reconcile_taken(
	struct osy_loader *loader, struct osy_lreconcile *rec, struct osy_err *err)
{
	rec->taken_count = 0;
	take_pins(rec);
	take_members(rec);
	enum osy_code rc = take_log(loader, rec, err);
	if (!rc)
		rc = take_outcomes(loader, rec, err);
	if (!rc && rec->taken_count)
		qsort(rec->taken, rec->taken_count, sizeof(*rec->taken), by_number);
	return rc;
}

void osy_reconcile_filter(struct osy_lreconcile *rec)
{
	size_t kept = 0;

	for (size_t i = 0; i < rec->candidate_count; i++) {
		if (!is_taken(rec, &rec->candidates[i].id))
			rec->candidates[kept++] = rec->candidates[i];
	}
	rec->candidate_count = kept;
}

/* ---- Pages ---- */
static const char **page_names(struct osy_lreconcile *rec, size_t *ret_count)
{
	const struct osy_lbatch *batch = rec->members[0];
	const char **names = osy_arena_calloc(&rec->arena, rec->column_count + 3, sizeof(*names));

	for (size_t c = 0; c < rec->column_count; c++)
		names[c] = batch->columns[rec->columns[c]].field->target;
	names[rec->column_count] = "Id";
	names[rec->column_count + 1] = "CreatedDate";
	*ret_count = rec->column_count + 2;
	return names;
}

static void page_soql(struct osy_lreconcile *rec, struct osy_buf *soql)
{
	const struct osy_lbatch *batch = rec->members[0];
	const struct osy_spec *spec = osy_lspec(batch);
	size_t count = 0;
	const char **names = page_names(rec, &count);
	char since[32];

	osy_wall_text(rec->since, since);
	osy_buf_addz(soql, "SELECT Id,CreatedDate");
	for (size_t c = 0; c < rec->column_count; c++) {
		if (strcmp(names[c], "CreatedDate") != 0)
			osy_buf_addf(soql, ",%s", names[c]);
	}
	osy_buf_addf(soql, " FROM %s WHERE SystemModstamp >= %s", batch->object->target, since);
	if (osy_load_audit_column(batch, "CreatedById") < 0)
		osy_buf_addf(soql, " AND CreatedById = '%s'", spec->target_user_id);
	if (rec->last[0])
		osy_buf_addf(soql, " AND Id > '%s'", rec->last);
	osy_buf_addf(soql, " ORDER BY Id LIMIT %d", PAGE);
}

static enum osy_code on_candidate(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct osy_lreconcile *rec = arg;
	struct osy_str created = values[rec->column_count + 1];
	struct osy_id id;

	(void)err;
	if (!osy_id_parse_json(values[rec->column_count], &id))
		return OSY_OK;
	osy_id_18(&id, rec->last);
	/* Changed since then, but not made: none of ours. */
	if (osy_load_audit_column(rec->members[0], "CreatedDate") < 0 && created.len > 2 &&
		osy_wall_parse(created.p + 1, created.len - 2) < rec->since)
		return OSY_OK;
	if (memcmp(id.c, rec->members[0]->object->target_prefix, 3) != 0 || is_taken(rec, &id))
		return OSY_OK;
	if (rec->candidate_count == rec->candidate_cap) {
		rec->candidate_cap = rec->candidate_cap ? rec->candidate_cap * 2 : 1024;
		rec->candidates = osy_xrealloc(
			rec->candidates, rec->candidate_cap * sizeof(*rec->candidates));
	}
	struct osy_str *kept = osy_arena_calloc(&rec->arena, rec->column_count + 1, sizeof(*kept));
	for (size_t c = 0; c < rec->column_count; c++) {
		if (values[c].p)
			kept[c] = (struct osy_str){
				osy_arena_strndup(&rec->arena, values[c].p, values[c].len),
				values[c].len};
	}
	rec->candidates[rec->candidate_count++] = (struct osy_lcandidate){.id = id, .values = kept};
	return OSY_OK;
}

static void wait(struct osy_lreconcile *rec, const struct osy_err *err)
{
	unsigned ms = osy_backoff_ms(rec->waits++, 250, 30000);

	osy_log(OSY_WARN, "reconcile.wait", OSY_KV("object", rec->members[0]->object->target),
		OSY_KV_ERR(err));
	rec->phase = OSY_RECONCILE_PAGE;
	rec->wait_until = osy_mono_ms() + (err->retry_after_ms > ms ? err->retry_after_ms : ms);
}

static void on_page(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct osy_lreconcile *rec = call->loader->reconcile;
	struct osy_sf_page page = {.next_path = OSY_STR_NULL};
	struct osy_str body = OSY_STR_NULL;
	struct osy_err err = OSY_ERR_NONE, part_err = OSY_ERR_NONE;
	int status = 0;
	size_t count = 0;

	if (!rec || rec->call != call)
		return;
	rec->call = NULL;
	enum osy_code rc = osy_load_call_bodies(call, reply, &status, &body, &part_err, &err);
	if (!rc && !body.p) {
		err = part_err;
		rc = err.code;
	}
	if (!rc) {
		const char **names = page_names(rec, &count);
		rc = osy_sf_page_read(body, false, names, count, on_candidate, rec, &page, &err);
	}
	if (rc) {
		wait(rec, &err);
		return;
	}
	rec->waits = 0;
	rec->phase = page.done && page.rows < PAGE ? OSY_RECONCILE_DECIDE : OSY_RECONCILE_PAGE;
}

void osy_reconcile_page(struct osy_loader *loader, struct osy_lreconcile *rec)
{
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(64u * 1024);
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(256u * 1024);
	struct osy_err err = OSY_ERR_NONE;

	if (rec->wait_until > loader->now || !osy_load_slot(rec->members[0], false))
		return;
	struct osy_lcall *call =
		osy_load_call_new(NULL, loader, osy_lrun(rec->members[0]), on_page);
	page_soql(rec, &soql);
	osy_soql_path(osy_buf_str(&soql), false, &path);
	osy_sf_send_begin(&call->send, 1);
	osy_sf_send_get(&call->send, osy_buf_str(&path));
	rec->call = call;
	if (osy_load_call_start(call, NULL, 0, &err)) {
		rec->call = NULL;
		wait(rec, &err);
		return;
	}
	rec->phase = OSY_RECONCILE_ASKING;
}
