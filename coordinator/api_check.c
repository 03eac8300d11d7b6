/* /runs/{id}/check */
#include "api.h"
#include "check.h"

static enum osy_code show(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(call->pg, &row, err, "SELECT findings FROM run WHERE id = $1",
		OSY_PG_Z(call->params[0]));

	if (rc)
		return rc;
	if (!osy_pg_rows(row))
		return osy_no_such_run(call->params[0], err);
	if (osy_pg_is_null(row, 0, 0))
		return osy_fail(err, OSY_E_STATE,
			"run %s has not been checked yet; `orgsync run check %s` does it",
			call->params[0], call->params[0]);
	osy_buf_add_str(&call->out, osy_pg_str(row, 0, 0));
	return OSY_OK;
}

static enum osy_code check(struct osy_call *call, struct osy_err *err)
{
	enum osy_code rc = osy_check_run(call->pg, call->context->settings, call->params[0], err);

	if (rc)
		return rc;
	osy_call_audit(call, "run.check", call->params[0]);
	return show(call, err);
}

const struct osy_route osy_routes_check[] = {
	{"GET", "/runs/{}/check", OSY_ROLE_VIEWER, show},
	{"POST", "/runs/{}/check", OSY_RIGHT_CHECK, check},
	{NULL, NULL, OSY_ROLE_NONE, NULL},
};
