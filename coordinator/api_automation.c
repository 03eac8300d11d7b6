/* /runs/{id}/automation */
#include "api.h"
#include "automation.h"

static void write_item(struct osy_json_writer *w, const struct osy_pg_result *rows, size_t row)
{
	static const char *const texts[] = {"kind", "object", "name", "state", "note"};

	osy_jw_object(w);
	for (int i = 0; i < (int)OSY_COUNT(texts); i++)
		osy_api_put_text(w, texts[i], rows, row, i);
	if (osy_pg_i64(rows, row, 5, 0))
		osy_api_put_int(w, "version", rows, row, 5);
	osy_api_put_time(w, "changedAt", rows, row, 6);
	osy_jw_object_end(w);
}

static enum osy_code show(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *run = NULL, *rows = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	enum osy_code rc = osy_pg_do(call->pg, &run, err,
		"SELECT automation, automation_note, target FROM run WHERE id = $1",
		OSY_PG_Z(call->params[0]));

	if (!rc && !osy_pg_rows(run))
		rc = osy_no_such_run(call->params[0], err);
	if (!rc)
		rc = osy_pg_do(call->pg, &rows, err,
			"SELECT kind, object, name, state, note, version, changed_at FROM "
			"automation WHERE run = $1 ORDER BY pass, kind, object, name",
			OSY_PG_Z(call->params[0]));
	if (rc)
		return rc;
	osy_jw_object(&w);
	osy_jw_put_str(&w, "run", osy_str(call->params[0]));
	osy_api_put_text(&w, "target", run, 0, 2);
	osy_api_put_text(&w, "state", run, 0, 0);
	osy_api_put_text(&w, "note", run, 0, 1);
	osy_jw_key(&w, "switches");
	osy_jw_array(&w);
	for (size_t i = 0; i < osy_pg_rows(rows); i++)
		write_item(&w, rows, i);
	osy_jw_array_end(&w);
	osy_jw_object_end(&w);
	return OSY_OK;
}

static enum osy_code asked(struct osy_call *call, const char *action, struct osy_err *err)
{
	osy_call_audit(call, action, call->params[0]);
	osy_driver_wake(call->context->driver);
	call->status = 202;
	return show(call, err);
}

static enum osy_code enable(struct osy_call *call, struct osy_err *err)
{
	enum osy_code rc = osy_automation_ask_enable(call->pg, call->params[0], err);

	return rc ? rc : asked(call, "run.automation_enable", err);
}

static enum osy_code forget(struct osy_call *call, struct osy_err *err)
{
	enum osy_code rc = osy_automation_ask_forget(call->pg, call->params[0], err);

	return rc ? rc : asked(call, "run.automation_forget", err);
}

const struct osy_route osy_routes_automation[] = {
	{"GET", "/runs/{}/automation", OSY_ROLE_VIEWER, show},
	{"POST", "/runs/{}/automation", OSY_RIGHT_AUTOMATION, enable},
	{"DELETE", "/runs/{}/automation", OSY_RIGHT_AUTOMATION, forget},
	{NULL, NULL, OSY_ROLE_NONE, NULL},
};
