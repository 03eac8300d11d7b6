#include "automation.h"

#include <stdio.h>
#include <stdlib.h>

#include "automation_internal.h"
#include "osy/log.h"
#include "template.h"

static void work_init(struct auto_work *work, struct osy_drive *drive)
{
	*work = (struct auto_work){.drive = drive};
	osy_arena_init(&work->arena, 64u * 1024);
}

static void work_done(struct auto_work *work)
{
	osy_arena_done(&work->arena);
}

/* ---- Switching some of them ---- */
static enum osy_code switch_all(
	struct auto_work *work, auto_pick pick, bool on, struct osy_err *err)
{
	OSY_AUTO_FREE struct auto_switch **patched =
		osy_xcalloc(work->count + 1, sizeof(struct auto_switch *));
	OSY_AUTO_FREE struct auto_switch **deployed =
		osy_xcalloc(work->count + 1, sizeof(struct auto_switch *));
	size_t patches = 0, deploys = 0;
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; i < work->count; i++) {
		struct auto_switch *item = &work->items[i];
		if (!pick(item))
			continue;
		if (auto_kind_tooling(item->kind))
			patched[patches++] = item;
		else
			deployed[deploys++] = item;
	}
	if (patches)
		rc = auto_patch(work, patched, patches, on, err);
	if (!rc && deploys)
		rc = auto_deploy(work, deployed, deploys, on, err);
	return rc;
}

static bool is_pending(const struct auto_switch *item)
{
	return item->state == AUTO_FOUND || item->state == AUTO_SENT;
}

static bool is_to_switch(const struct auto_switch *item)
{
	return item->state == AUTO_SENT && item->looked;
}

/* ---- Off ---- */
/* Objects that the run writes, each once: also those that the scan has found. */
static enum osy_code find(
	struct auto_work *work, const bool kinds[AUTO_KIND_COUNT], struct osy_err *err)
{
	const struct osy_spec *spec = work->drive->spec;
	OSY_AUTO_FREE const char **objects =
		osy_xcalloc(spec->object_count + 1, sizeof(const char *));
	size_t count = 0;

	for (size_t i = 0; i < spec->object_count; i++) {
		bool told = spec->objects[i].match_only;
		for (size_t k = 0; !told && k < count; k++)
			told = strcmp(objects[k], spec->objects[i].target) == 0;
		if (!told)
			objects[count++] = spec->objects[i].target;
	}
	return auto_find(work, kinds, objects, count, err);
}

/* What is sent is recorded as such before it is sent; what is off by now is not sent. */
static enum osy_code switch_off(struct auto_work *work, struct osy_err *err)
{
	enum osy_code rc = auto_deploys_end(work, err);

	if (!rc)
		rc = auto_look(work, is_pending, err);
	for (size_t i = 0; !rc && i < work->count; i++) {
		struct auto_switch *item = &work->items[i];
		if (!is_pending(item))
			continue;
		item->deploy[0] = 0;
		if (!item->there)
			auto_set(work, item, AUTO_GONE, "somebody has deleted it meanwhile");
		else if (!item->active && item->state == AUTO_SENT)
			auto_set(work, item, AUTO_OFF, NULL);
		else if (!item->active)
			auto_set(work, item, AUTO_THEIRS,
				"somebody else has switched it off before the run did");
		else
			auto_set(work, item, AUTO_SENT, NULL);
	}
	if (!rc)
		rc = auto_save(work, err);
	return rc ? rc : switch_all(work, is_to_switch, false, err);
}

static enum osy_code heed_refusals(struct auto_work *work, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf why = OSY_BUF(16 * 1024);
	const struct auto_switch *refused = NULL;

	for (size_t i = 0; i < work->count && !refused; i++) {
		if (work->items[i].state == AUTO_REFUSED)
			refused = &work->items[i];
	}
	if (!refused)
		return OSY_OK;
	osy_buf_addf(&why,
		"%s %s of org '%s' could not be switched off (%s); see to it there, or take %s out "
		"of options.automationOff",
		auto_kind_type(refused->kind), refused->name, work->drive->target_name,
		refused->note ? refused->note : "", auto_kind_name(refused->kind));
	work->drive->wants_abort = true;
	return osy_drive_set(work->drive, err, "wanted = 'abort', problem = $4", OSY_PG_Z(why.p));
}

static enum osy_code read_row(struct osy_drive *drive, struct osy_template **ret_template,
	char ret_state[16], struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(drive->pg, &row, err,
		"SELECT coalesce(automation, ''), doc FROM run WHERE id = $1",
		OSY_PG_Z(drive->run));

	if (rc)
		return rc;
	struct osy_str state = osy_pg_str(row, 0, 0);
	(void)snprintf(ret_state, 16, "%.*s", (int)state.len, state.p);
	return ret_template ? osy_template_read(osy_pg_str(row, 0, 1), ret_template, err) : OSY_OK;
}

static bool kinds_of(const struct osy_template *template, bool ret[AUTO_KIND_COUNT])
{
	bool any = false;

	for (size_t i = 0; i < template->automation_off_count; i++) {
		enum auto_kind kind;
		if (!auto_kind_parse(osy_str(template->automation_off[i]), &kind))
			continue;
		ret[kind] = true;
		any = true;
	}
	return any;
}

static void tell(const struct auto_work *work, const char *event)
{
	osy_log(OSY_INFO, event, OSY_KV("run", work->drive->run),
		OSY_KV_INT("switches", work->count));
}

static enum osy_code begin_off(struct auto_work *work, const char *state,
	const bool kinds[AUTO_KIND_COUNT], struct osy_err *err)
{
	enum osy_code rc = osy_drive_orgs(work->drive, err);

	if (rc)
		return rc;
	if (strcmp(state, "off") == 0)
		return auto_load(work, err);
	rc = find(work, kinds, err);
	return rc ? rc : auto_record(work, err);
}

enum osy_code osy_automation_off(struct osy_drive *drive, struct osy_err *err)
{
	OSY_AUTO(osy_template_free_at) struct osy_template *template = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf left = OSY_BUF(16 * 1024);
	OSY_AUTO(work_done) struct auto_work work;
	bool kinds[AUTO_KIND_COUNT] = {false};
	char state[16] = "";
	enum osy_code rc = read_row(drive, &template, state, err);

	work_init(&work, drive);
	if (!rc && strcmp(state, "restore") == 0) /* of the pass before */
		rc = osy_automation_back(drive, &left, err);
	if (rc || (!kinds_of(template, kinds) && strcmp(state, "off") != 0))
		return rc;
	rc = begin_off(&work, state, kinds, err);
	if (!rc)
		rc = switch_off(&work, err);
	if (!rc)
		tell(&work, "automation.off");
	return rc ? rc : heed_refusals(&work, err);
}

/* ---- Back ---- */
static bool may_be_off(const struct auto_switch *item)
{
	return item->state == AUTO_SENT || item->state == AUTO_OFF;
}

static bool is_to_bring_back(const struct auto_switch *item)
{
	return may_be_off(item) && item->looked;
}

static void settle_one(struct auto_work *work, struct auto_switch *item)
{
	if (item->state == AUTO_FOUND) {
		auto_set(work, item, AUTO_BACK, "it was never switched off");
		return;
	}
	switch (auto_decide(item)) {
	case AUTO_DO:
		break;
	case AUTO_IS_BACK:
		auto_set(work, item, AUTO_BACK, NULL);
		break;
	case AUTO_IS_GONE:
		auto_set(work, item, AUTO_GONE, "somebody has deleted it meanwhile");
		break;
	case AUTO_IS_THEIRS:
		auto_set(work, item, AUTO_THEIRS,
			"somebody has activated version %lld meanwhile, which is left; it was %lld",
			(long long)item->active_version, (long long)item->version);
		break;
	}
}

static enum osy_code bring_back(struct auto_work *work, struct osy_err *err)
{
	enum osy_code rc = auto_deploys_end(work, err);

	if (!rc)
		rc = auto_look(work, may_be_off, err);
	for (size_t i = 0; !rc && i < work->count; i++)
		settle_one(work, &work->items[i]);
	if (!rc)
		rc = auto_save(work, err);
	return rc ? rc : switch_all(work, is_to_bring_back, true, err);
}

static void tell_left(const struct auto_work *work, struct osy_buf *out)
{
	size_t left = 0;

	for (size_t i = 0; i < work->count; i++) {
		const struct auto_switch *item = &work->items[i];
		if (!may_be_off(item))
			continue;
		if (left++ < 5)
			osy_buf_addf(out, "%s%s %.200s (%.300s)",
				out->len ? ", " : "still off: ", auto_kind_type(item->kind),
				item->name, item->note ? item->note : "no reason given");
	}
	if (left > 5)
		osy_buf_addf(out, " and %zu more", left - 5);
	if (left)
		osy_buf_addf(out,
			"; see to it in org '%s', then: orgsync run automation %s --enable",
			work->drive->target_name, work->drive->run);
}

enum osy_code osy_automation_back(
	struct osy_drive *drive, struct osy_buf *ret_left, struct osy_err *err)
{
	OSY_AUTO(work_done) struct auto_work work;
	int64_t source_calls, target_calls;
	char state[16] = "";
	enum osy_code rc = read_row(drive, NULL, state, err);

	work_init(&work, drive);
	if (rc || (strcmp(state, "off") != 0 && strcmp(state, "restore") != 0))
		return rc;
	rc = osy_drive_orgs(drive, err);
	if (!rc)
		rc = auto_load(&work, err);
	if (!rc)
		rc = bring_back(&work, err);
	if (rc)
		return rc;
	tell_left(&work, ret_left);
	tell(&work, "automation.back");
	osy_drive_calls(drive, &source_calls, &target_calls);
	rc = osy_drive_set(drive, err,
		"automation = $4, automation_note = $5, source_calls = source_calls + $6, "
		"target_calls = target_calls + $7",
		OSY_PG_Z(ret_left->len ? "left" : "on"),
		ret_left->len ? OSY_PG_Z(ret_left->p) : OSY_PG_NULL, OSY_PG_I64(source_calls),
		OSY_PG_I64(target_calls));
	if (!rc)
		drive->restores = false;
	return rc;
}

/* ---- What a user may ask ---- */
static enum osy_code ask(
	struct osy_pg *pg, const char *run, const char *sql, const char *what, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(pg, &row, err, sql, OSY_PG_Z(run));

	if (rc)
		return rc;
	if (osy_pg_is_null(row, 0, 1))
		return osy_no_such_run(run, err);
	if (osy_pg_i64(row, 0, 0, 0))
		return OSY_OK;
	struct osy_str state = osy_pg_str(row, 0, 1);
	return osy_fail(err, OSY_E_STATE, "run %s has left no automation off that could be %s: %s",
		run, what,
		osy_str_is(state, "off") ? "it is off for the run, and comes back at its end"
					 : "nothing of it is off");
}

#define ASK(assignments)                                                                      \
	"WITH asked AS (UPDATE run SET " assignments " WHERE id = $1 AND automation IN "      \
	"('left', 'restore') RETURNING 1), moved AS (UPDATE world SET version = version + 1 " \
	"WHERE EXISTS (SELECT 1 FROM asked)) "

enum osy_code osy_automation_ask_enable(struct osy_pg *pg, const char *run, struct osy_err *err)
{
	return ask(pg, run,
		ASK("automation = 'restore'") "SELECT (SELECT count(*) FROM asked), (SELECT "
					      "coalesce(automation, '') FROM run WHERE id = $1)",
		"enabled", err);
}

enum osy_code osy_automation_ask_forget(struct osy_pg *pg, const char *run, struct osy_err *err)
{
	return ask(pg, run,
		ASK("automation = 'on', automation_note = NULL, epoch = epoch + 1, owner = "
		    "NULL") ", gone AS (UPDATE automation SET state = 'forgotten' WHERE run = $1 "
			    "AND state IN ('found', 'sent', 'off') AND EXISTS (SELECT 1 FROM "
			    "asked)) SELECT (SELECT count(*) FROM asked), (SELECT "
			    "coalesce(automation, '') FROM run WHERE id = $1)",
		"forgotten", err);
}
