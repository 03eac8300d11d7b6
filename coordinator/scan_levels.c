/*
 * Objects whose records must go in after others of the same object, since a lookup to these can be
 * set when a record is made and never after: which of them come when. First those that point to
 * none of the selection, then those whose parents have all come before, and so on. What is left
 * over points to itself, be it over others, or hangs below such a circle: it comes last.
 *
 * Ids and parents lie in temporary tables of Postgres, so that memory stays flat; a connection that
 * is lost takes them along, and the scan begins anew.
 */
#include "scan.h"

#include <stdio.h>
#include <stdlib.h>

#include "gate.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "osy/sf_query.h"
#include "read.h"
#include "soql.h"

#define PAGE 2000
#define WAITING_PAGE 400 /* ids in a query */
#define CALLS 50	 /* that are set aside at a time */
#define LEVELS_MOST 1000

struct lookup {
	struct osy_id child, parent;
};

struct listing {
	struct scan *scan;
	struct osy_spec_object *object;
	const char **names; /* Id, and the lookups that are levels */
	size_t name_count;
	struct osy_id ids[PAGE];
	struct lookup *lookups; /* name_count - 1 a record at most */
	size_t count, lookup_count;
	unsigned calls; /* left of those that are set aside */
};

/* ---- Pages ---- */
static enum osy_code flush(struct listing *listing, struct osy_err *err)
{
	OSY_AUTO_FREE struct osy_str *ids = osy_xcalloc(PAGE, sizeof(*ids));
	OSY_AUTO_FREE struct osy_str *children =
		osy_xcalloc(2 * listing->lookup_count + 1, sizeof(*children));
	struct osy_str *parents = children + listing->lookup_count;
	size_t count = listing->count, lookup_count = listing->lookup_count;

	for (size_t i = 0; i < count; i++)
		ids[i] = (struct osy_str){listing->ids[i].c, 15};
	for (size_t i = 0; i < lookup_count; i++) {
		children[i] = (struct osy_str){listing->lookups[i].child.c, 15};
		parents[i] = (struct osy_str){listing->lookups[i].parent.c, 15};
	}
	listing->count = listing->lookup_count = 0;
	return osy_pg_do(listing->scan->drive->pg, NULL, err,
		"WITH r AS (INSERT INTO level_record (id) SELECT unnest($1::text[]) ON CONFLICT DO "
		"NOTHING) INSERT INTO level_parent (id, parent) SELECT * FROM unnest($2::text[], "
		"$3::text[])",
		OSY_PG_TEXTS(ids, count), OSY_PG_TEXTS(children, lookup_count),
		OSY_PG_TEXTS(parents, lookup_count));
}

static enum osy_code take_row(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct listing *listing = arg;
	enum osy_code rc = listing->count == PAGE ? flush(listing, err) : OSY_OK;
	struct osy_id id, parent;

	if (rc)
		return rc;
	if (!osy_id_parse_json(values[0], &id))
		return osy_fail(err, OSY_E_SALESFORCE, "a record of %s came without its id",
			listing->object->name);
	listing->ids[listing->count++] = id;
	for (size_t i = 1; i < listing->name_count; i++) {
		if (values[i].p && osy_id_parse_json(values[i], &parent))
			listing->lookups[listing->lookup_count++] =
				(struct lookup){.child = id, .parent = parent};
	}
	return OSY_OK;
}

static void begin_soql(const struct listing *listing, const char *where, struct osy_buf *soql)
{
	osy_buf_addz(soql, "SELECT ");
	for (size_t i = 0; i < listing->name_count; i++)
		osy_buf_addf(soql, "%s%s", i ? "," : "", listing->names[i]);
	osy_buf_addf(soql, " FROM %s", listing->object->name);
	if (where) {
		osy_buf_addz(soql, " WHERE ");
		osy_soql_nest(where, soql);
	}
}

static enum osy_code ask(
	struct listing *listing, struct osy_buf *soql, size_t most, struct osy_err *err)
{
	struct scan *scan = listing->scan;
	unsigned calls = (unsigned)(most / PAGE) + 1;
	enum osy_code rc = scan_may_go_on(scan, err);

	if (!rc && listing->calls < calls) {
		listing->calls = calls > CALLS ? calls : CALLS;
		rc = osy_gate_scan_reads(
			scan->drive, scan->template->api_reserve_percent, listing->calls, err);
	}
	listing->calls -= listing->calls < calls ? listing->calls : calls;
	if (!rc)
		rc = osy_sf_query(scan->drive->source, osy_buf_str(soql), listing->names,
			listing->name_count, most, take_row, listing, err);
	return rc;
}

/* Those that a limit selects: the org tells them in its order. */
static enum osy_code list_limited(struct listing *listing, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(100 * 1024);
	const struct osy_spec_object *object = listing->object;

	begin_soql(listing, object->where, &soql);
	osy_buf_addf(&soql, " ORDER BY %s LIMIT %lld", object->order_by ? object->order_by : "Id",
		(long long)object->limit);
	size_t most =
		object->limit < OSY_READ_LIST_MOST ? (size_t)object->limit : OSY_READ_LIST_MOST;
	enum osy_code rc = ask(listing, &soql, most, err);
	return rc ? rc : flush(listing, err);
}

static enum osy_code list_selected(struct listing *listing, struct osy_err *err)
{
	const struct osy_spec_object *object = listing->object;
	char last[19] = "";
	size_t count = PAGE;
	enum osy_code rc = OSY_OK;

	if (object->limit)
		return list_limited(listing, err);
	while (!rc && count == PAGE) {
		OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(100 * 1024);
		begin_soql(listing, object->where, &soql);
		if (last[0])
			osy_buf_addf(&soql, " %s Id > '%s'", object->where ? "AND" : "WHERE", last);
		osy_buf_addf(&soql, " ORDER BY Id LIMIT %d", PAGE);
		rc = ask(listing, &soql, PAGE, err);
		count = listing->count;
		if (!rc && count)
			osy_id_18(&listing->ids[count - 1], last);
		if (!rc)
			rc = flush(listing, err);
	}
	return rc;
}

/* ---- Records that wait for a parent since earlier runs: they come as well, whatever the filter
 * selects; those that the source does not have any more wait no longer ---- */
static enum osy_code drop_gone(
	struct listing *listing, const struct osy_str *ids, size_t count, struct osy_err *err)
{
	struct scan *scan = listing->scan;

	return osy_pg_do(scan->drive->pg, NULL, err,
		"DELETE FROM waiting w USING org_pair p WHERE p.id = w.pair AND p.source_org_id = "
		"$1 AND p.target_org_id = $2 AND w.template = $3 AND w.object = $4 AND w.in_run IS "
		"NULL AND w.source_id = ANY ($5::text[]) AND NOT EXISTS (SELECT 1 FROM "
		"level_record r WHERE r.id = left(w.source_id, 15))",
		OSY_PG_Z(scan->source.org_id), OSY_PG_Z(scan->target.org_id),
		OSY_PG_Z(scan->template->name), OSY_PG_Z(listing->object->name),
		OSY_PG_TEXTS(ids, count));
}

/* One that the filter selects too is read twice: what it points to now counts, and nothing else. */
static enum osy_code forget_parents(
	struct listing *listing, const struct osy_str *ids, size_t count, struct osy_err *err)
{
	return osy_pg_do(listing->scan->drive->pg, NULL, err,
		"DELETE FROM level_parent WHERE id IN (SELECT left(w, 15) FROM unnest($1::text[]) "
		"w)",
		OSY_PG_TEXTS(ids, count));
}

static enum osy_code ask_waiting(
	struct listing *listing, const struct osy_pg_result *page, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(100 * 1024);
	OSY_AUTO_FREE struct osy_str *ids = osy_xcalloc(WAITING_PAGE, sizeof(*ids));
	size_t count = osy_pg_rows(page);

	begin_soql(listing, NULL, &soql);
	osy_buf_addz(&soql, " WHERE Id IN (");
	for (size_t i = 0; i < count; i++) {
		ids[i] = osy_pg_str(page, i, 0);
		osy_buf_addf(&soql, "%s'%.*s'", i ? "," : "", (int)ids[i].len, ids[i].p);
	}
	osy_buf_addc(&soql, ')');
	enum osy_code rc = forget_parents(listing, ids, count, err);
	if (!rc)
		rc = ask(listing, &soql, WAITING_PAGE, err);
	if (!rc)
		rc = flush(listing, err);
	return rc ? rc : drop_gone(listing, ids, count, err);
}

static enum osy_code list_waiting(struct listing *listing, struct osy_err *err)
{
	struct scan *scan = listing->scan;
	char last[19] = "";
	size_t count = WAITING_PAGE;
	enum osy_code rc = OSY_OK;

	while (!rc && count == WAITING_PAGE) {
		OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *page = NULL;
		rc = osy_pg_do(scan->drive->pg, &page, err,
			"SELECT DISTINCT w.source_id COLLATE \"C\" FROM waiting w JOIN org_pair p "
			"ON p.id = w.pair WHERE p.source_org_id = $1 AND p.target_org_id = $2 AND "
			"w.template = $3 AND w.object = $4 AND w.target = $5 AND w.in_run IS NULL "
			"AND w.source_id COLLATE \"C\" > $6 ORDER BY 1 LIMIT $7",
			OSY_PG_Z(scan->source.org_id), OSY_PG_Z(scan->target.org_id),
			OSY_PG_Z(scan->template->name), OSY_PG_Z(listing->object->name),
			OSY_PG_Z(listing->object->target), OSY_PG_Z(last),
			OSY_PG_I64(WAITING_PAGE));
		count = rc ? 0 : osy_pg_rows(page);
		if (!count)
			break;
		struct osy_str end = osy_pg_str(page, count - 1, 0);
		(void)snprintf(last, sizeof(last), "%.*s", (int)end.len, end.p);
		rc = ask_waiting(listing, page, err);
	}
	return rc;
}

/* ---- Levels: level_now has the records of one, level_done those that have theirs ---- */
static enum osy_code run_all(
	struct osy_drive *drive, const char *const *statements, size_t count, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; !rc && i < count; i++)
		rc = osy_pg_do(drive->pg, NULL, err, statements[i]);
	return rc;
}

static enum osy_code make_tables(struct osy_drive *drive, struct osy_err *err)
{
	static const char *const statements[] = {
		"SET temp_buffers = '32MB'",
		"CREATE TEMP TABLE IF NOT EXISTS level_record (id text COLLATE \"C\" PRIMARY KEY)",
		"CREATE TEMP TABLE IF NOT EXISTS level_parent (id text COLLATE \"C\" NOT NULL, "
		"parent text COLLATE \"C\" NOT NULL)",
		"CREATE INDEX IF NOT EXISTS level_parent_parent ON level_parent (parent)",
		"CREATE TEMP TABLE IF NOT EXISTS level_now (id text COLLATE \"C\" NOT NULL)",
		"CREATE TEMP TABLE IF NOT EXISTS level_next (id text COLLATE \"C\" NOT NULL)",
		"CREATE TEMP TABLE IF NOT EXISTS level_done (id text COLLATE \"C\" NOT NULL)",
		"CREATE TEMP TABLE IF NOT EXISTS level_list (object integer NOT NULL, level "
		"integer "
		"NOT NULL, chunk integer NOT NULL, ids bytea NOT NULL)",
		"TRUNCATE level_list",
	};

	return run_all(drive, statements, OSY_COUNT(statements), err);
}

/* The first level: those that point to none of the selection. */
static enum osy_code begin_levels(struct osy_drive *drive, struct osy_err *err)
{
	static const char *const statements[] = {
		"ANALYZE level_record, level_parent",
		"DELETE FROM level_parent e WHERE NOT EXISTS (SELECT 1 FROM level_record r WHERE "
		"r.id = e.parent)",
		"TRUNCATE level_now, level_next, level_done",
		"INSERT INTO level_now SELECT r.id FROM level_record r WHERE NOT EXISTS (SELECT 1 "
		"FROM level_parent e WHERE e.id = r.id)",
	};

	return run_all(drive, statements, OSY_COUNT(statements), err);
}

/* From level_now to the list; *ret_count: how many. */
static enum osy_code pack_level(
	const struct listing *listing, int64_t *ret_count, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	enum osy_code rc = osy_pg_do(listing->scan->drive->pg, &rows, err,
		"WITH packed AS (INSERT INTO level_list SELECT $1, $2, (n - 1) / 10000, "
		"string_agg(convert_to(id, 'UTF8'), ''::bytea ORDER BY n) FROM (SELECT id, "
		"row_number() OVER (ORDER BY id) AS n FROM level_now) l GROUP BY (n - 1) / 10000 "
		"RETURNING length(ids)) SELECT coalesce(sum(length) / 15, 0)::bigint FROM packed",
		OSY_PG_I32(listing->object->index), OSY_PG_I32(listing->object->levels));

	if (!rc)
		*ret_count = osy_pg_i64(rows, 0, 0, 0);
	return rc;
}

/* Those whose parents have all come by now. With one lookup a record has one parent. */
static enum osy_code next_level(const struct listing *listing, struct osy_err *err)
{
	static const char *const before[] = {
		"INSERT INTO level_done SELECT id FROM level_now",
		"TRUNCATE level_next",
	};
	static const char *const behind[] = {
		"TRUNCATE level_now",
		"INSERT INTO level_now SELECT id FROM level_next",
	};
	struct osy_drive *drive = listing->scan->drive;
	enum osy_code rc = run_all(drive, before, OSY_COUNT(before), err);

	if (!rc)
		rc = osy_pg_do(drive->pg, NULL, err,
			listing->name_count > 2
				? "INSERT INTO level_next SELECT DISTINCT e.id FROM level_now n "
				  "JOIN level_parent e ON e.parent = n.id WHERE NOT EXISTS (SELECT "
				  "1 FROM level_parent o LEFT JOIN level_done d ON d.id = o.parent "
				  "WHERE o.id = e.id AND d.id IS NULL)"
				: "INSERT INTO level_next SELECT DISTINCT e.id FROM level_now n "
				  "JOIN level_parent e ON e.parent = n.id");
	return rc ? rc : run_all(drive, behind, OSY_COUNT(behind), err);
}

/* Those that have no level come last. */
static enum osy_code place_circles(struct listing *listing, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	struct scan *scan = listing->scan;
	int64_t count = 0;
	enum osy_code rc = osy_pg_do(scan->drive->pg, NULL, err,
		"INSERT INTO level_now SELECT r.id FROM level_record r WHERE NOT EXISTS (SELECT 1 "
		"FROM level_done d WHERE d.id = r.id)");

	if (!rc)
		rc = pack_level(listing, &count, err);
	if (rc || !count)
		return rc;
	listing->object->levels++;
	listing->object->selected += count;
	listing->object->circles = true;
	rc = osy_pg_do(scan->drive->pg, &rows, err, "SELECT min(id) FROM level_now");
	if (rc)
		return rc;
	struct osy_str example = osy_pg_str(rows, 0, 0);
	osy_plan_notice(&scan->plan,
		"%lld records of %s point to themselves by %s, be it over others, or hang below "
		"such records (%.*s is one): no parent of theirs can be in first; correct them in "
		"org '%s'",
		(long long)count, listing->object->name, listing->names[1], (int)example.len,
		example.p, scan->drive->source_name);
	return OSY_OK;
}

static enum osy_code place(struct listing *listing, struct osy_err *err)
{
	struct osy_drive *drive = listing->scan->drive;
	struct osy_spec_object *object = listing->object;
	int64_t count = 0;
	enum osy_code rc = begin_levels(drive, err);

	object->selected = object->levels = 0;
	if (!rc)
		rc = pack_level(listing, &count, err);
	while (!rc && count && object->levels < LEVELS_MOST) {
		object->levels++;
		object->selected += count;
		rc = scan_may_go_on(listing->scan, err);
		if (!rc)
			rc = next_level(listing, err);
		if (!rc)
			rc = pack_level(listing, &count, err);
	}
	if (!rc && count)
		return osy_fail(err, OSY_E_INVALID,
			"template '%s', object %s: its records hang on each other by %s in more "
			"than %d levels, which is more than orgsync loads one after the other; "
			"select fewer, or exclude the field",
			listing->scan->template->name, object->name, listing->names[1],
			LEVELS_MOST);
	if (!rc)
		rc = place_circles(listing, err);
	if (!object->levels)
		object->levels = 1; /* nothing is selected */
	return rc;
}

static enum osy_code list_object(
	struct scan *scan, struct osy_spec_object *object, struct osy_err *err)
{
	OSY_AUTO_FREE struct listing *listing = osy_xcalloc(1, sizeof(*listing));
	OSY_AUTO_FREE const char **names = osy_xcalloc(object->field_count + 1, sizeof(*names));
	enum osy_code rc =
		osy_pg_do(scan->drive->pg, NULL, err, "TRUNCATE level_record, level_parent");

	*listing = (struct listing){.scan = scan, .object = object, .names = names};
	names[listing->name_count++] = "Id";
	for (size_t i = 0; i < object->field_count; i++) {
		if (object->fields[i].level)
			names[listing->name_count++] = object->fields[i].name;
	}
	OSY_AUTO_FREE struct lookup *lookups =
		osy_xcalloc(PAGE * (listing->name_count - 1), sizeof(*lookups));
	listing->lookups = lookups;
	if (!rc)
		rc = list_selected(listing, err);
	if (!rc)
		rc = list_waiting(listing, err);
	if (!rc)
		rc = place(listing, err);
	if (!rc)
		osy_log(OSY_INFO, "run.levels", OSY_KV("run", scan->drive->run),
			OSY_KV("object", object->name), OSY_KV_INT("levels", object->levels),
			OSY_KV_INT("records", object->selected));
	return rc;
}

enum osy_code scan_levels(struct scan *scan, struct osy_err *err)
{
	bool any = false;
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; !rc && i < scan->plan.spec.object_count; i++) {
		if (!scan->plan.objects[i].levels)
			continue;
		if (!any)
			rc = make_tables(scan->drive, err);
		any = true;
		if (!rc)
			rc = list_object(scan, &scan->plan.objects[i], err);
	}
	if (!rc && any)
		osy_plan_levels(&scan->plan);
	return rc;
}

void scan_levels_done(struct scan *scan)
{
	struct osy_err ignored = OSY_ERR_NONE;
	bool any = false;

	for (size_t i = 0; i < scan->plan.spec.object_count; i++)
		any |= scan->plan.objects[i].levels > 0;
	if (any)
		(void)!osy_pg_do(scan->drive->pg, NULL, &ignored,
			"DROP TABLE IF EXISTS level_record, level_parent, level_now, level_next, "
			"level_done, level_list");
}

enum osy_code scan_list_levels(
	struct scan *scan, const struct osy_spec_object *object, struct osy_err *err)
{
	return osy_pg_do(scan->drive->pg, NULL, err,
		"INSERT INTO run_ids (run, object, level, chunk, ids) SELECT $1, object, level, "
		"chunk, ids FROM level_list WHERE object = $2",
		OSY_PG_Z(scan->drive->run), OSY_PG_I32(object->index));
}
