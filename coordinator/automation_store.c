#include <stdio.h>

#include "automation_internal.h"

struct auto_switch *auto_add(struct auto_work *work)
{
	if (work->count == work->cap) {
		struct auto_switch *more;
		work->cap = work->cap ? 2 * work->cap : 64;
		more = osy_arena_calloc(&work->arena, work->cap, sizeof(*more));
		if (work->count)
			memcpy(more, work->items, work->count * sizeof(*more));
		work->items = more;
	}
	return &work->items[work->count++];
}

const char *auto_keep(struct auto_work *work, struct osy_str text)
{
	return osy_arena_strndup(&work->arena, text.p ? text.p : "", text.len);
}

void auto_set(struct auto_work *work, struct auto_switch *item, enum auto_state state,
	const char *note, ...)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(8192);
	va_list args;

	item->state = state;
	item->changed = true;
	item->note = NULL;
	if (!note)
		return;
	va_start(args, note);
	osy_buf_vaddf(&text, note, args);
	va_end(args);
	item->note = auto_keep(work, osy_buf_str(&text));
}

static enum osy_code insert(
	struct osy_pg *pg, const char *run, const struct auto_switch *item, struct osy_err *err)
{
	return osy_pg_do(pg, NULL, err,
		"INSERT INTO automation (run, pass, item, kind, id, object, name, version, before, "
		"state, note) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
		OSY_PG_Z(run), OSY_PG_I32(item->pass), OSY_PG_I32(item->item),
		OSY_PG_Z(auto_kind_name(item->kind)), OSY_PG_Z(item->id), OSY_PG_Z(item->object),
		OSY_PG_Z(item->name), OSY_PG_I64(item->version),
		OSY_PG_Z(item->before ? item->before : ""), OSY_PG_Z(auto_state_name(item->state)),
		OSY_PG_Z(item->note));
}

enum osy_code auto_record(struct auto_work *work, struct osy_err *err)
{
	struct osy_drive *drive = work->drive;
	enum osy_code rc = osy_drive_begin(drive, err);

	if (rc)
		return rc;
	for (size_t i = 0; !rc && i < work->count; i++) {
		work->items[i].pass = drive->pass;
		work->items[i].item = (int)i;
		rc = insert(drive->pg, drive->run, &work->items[i], err);
	}
	if (!rc)
		rc = osy_pg_do(drive->pg, NULL, err,
			"UPDATE run SET automation = 'off', automation_note = NULL WHERE id = $1",
			OSY_PG_Z(drive->run));
	if (!rc)
		return osy_drive_commit(drive, err);
	osy_pg_rollback(drive->pg);
	return rc;
}

static enum osy_code take(
	struct auto_work *work, const struct osy_pg_result *rows, size_t row, struct osy_err *err)
{
	struct auto_switch *item = auto_add(work);
	struct osy_str id = osy_pg_str(rows, row, 3), deploy = osy_pg_str(rows, row, 9);

	if (!auto_kind_parse(osy_pg_str(rows, row, 2), &item->kind) ||
		!auto_state_parse(osy_pg_str(rows, row, 8), &item->state))
		return osy_fail(err, OSY_E_INTERNAL,
			"a switch of run %s has a kind or state that is not known",
			work->drive->run);
	item->pass = (int)osy_pg_i64(rows, row, 0, 1);
	item->item = (int)osy_pg_i64(rows, row, 1, 0);
	(void)snprintf(item->id, sizeof(item->id), "%.*s", (int)id.len, id.p);
	item->object = auto_keep(work, osy_pg_str(rows, row, 4));
	item->name = auto_keep(work, osy_pg_str(rows, row, 5));
	item->version = osy_pg_i64(rows, row, 6, 0);
	item->before = auto_keep(work, osy_pg_str(rows, row, 7));
	(void)snprintf(item->deploy, sizeof(item->deploy), "%.*s", (int)deploy.len,
		deploy.p ? deploy.p : "");
	return OSY_OK;
}

enum osy_code auto_load(struct auto_work *work, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *rows = NULL;
	enum osy_code rc = osy_pg_do(work->drive->pg, &rows, err,
		"SELECT pass, item, kind, id, object, name, version, before, state, deploy FROM "
		"automation WHERE run = $1 AND state IN ('found', 'sent', 'off') ORDER BY pass, "
		"item",
		OSY_PG_Z(work->drive->run));

	for (size_t i = 0; !rc && i < osy_pg_rows(rows); i++)
		rc = take(work, rows, i, err);
	return rc;
}

enum osy_code auto_save(struct auto_work *work, struct osy_err *err)
{
	struct osy_drive *drive = work->drive;
	enum osy_code rc = osy_drive_begin(drive, err);

	if (rc)
		return rc;
	for (size_t i = 0; !rc && i < work->count; i++) {
		const struct auto_switch *item = &work->items[i];
		if (!item->changed)
			continue;
		rc = osy_pg_do(drive->pg, NULL, err,
			"UPDATE automation SET state = $4, note = $5, deploy = $6, changed_at = "
			"now() WHERE run = $1 AND pass = $2 AND item = $3",
			OSY_PG_Z(drive->run), OSY_PG_I32(item->pass), OSY_PG_I32(item->item),
			OSY_PG_Z(auto_state_name(item->state)), OSY_PG_Z(item->note),
			item->deploy[0] ? OSY_PG_Z(item->deploy) : OSY_PG_NULL);
	}
	if (rc) {
		osy_pg_rollback(drive->pg);
		return rc;
	}
	rc = osy_drive_commit(drive, err);
	for (size_t i = 0; !rc && i < work->count; i++)
		work->items[i].changed = false;
	return rc;
}
