/* /runs/{id}/order */
#include <stdio.h>

#include "api.h"
#include "order.h"
#include "osy/mem.h"
#include "template.h"

/* Where the order comes from. */
static enum osy_code source_of(
	const struct osy_pg_result *row, const char **ret, struct osy_err *err)
{
	OSY_AUTO(osy_template_free_at) struct osy_template *template = NULL;
	enum osy_code rc = OSY_OK;

	*ret = "given";
	if (!osy_pg_is_null(row, 0, 4))
		return OSY_OK;
	rc = osy_template_read(osy_pg_str(row, 0, 1), &template, err);
	if (!rc)
		*ret = template->order_count ? "template" : "computed";
	return rc;
}

static enum osy_code write_order(
	struct osy_call *call, const struct osy_pg_result *row, struct osy_err *err)
{
	struct osy_json_writer w = osy_json_writer(&call->out);
	struct osy_spec *spec = NULL;
	const char *source = NULL;
	enum osy_code rc = source_of(row, &source, err);

	if (!rc)
		rc = osy_spec_read(osy_pg_str(row, 0, 0), &spec, err);
	if (rc)
		return rc;
	osy_jw_object(&w);
	osy_jw_put_str(&w, "run", osy_str(call->params[0]));
	osy_jw_put_str(&w, "source", osy_str(source));
	osy_jw_put_i64(&w, "version", osy_pg_i64(row, 0, 2, 0));
	osy_jw_put_bool(&w, "recalculating", osy_pg_i64(row, 0, 3, 0) > osy_pg_i64(row, 0, 2, 0));
	osy_order_write(spec, &w);
	osy_jw_object_end(&w);
	osy_spec_free(spec);
	return OSY_OK;
}

static enum osy_code show(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(call->pg, &row, err,
		"SELECT spec, doc, order_version, (SELECT coalesce(max(version), 0) FROM run_order "
		"o WHERE o.run = r.id), (SELECT objects FROM run_order o WHERE o.run = r.id AND "
		"o.version = r.order_version) FROM run r WHERE id = $1",
		OSY_PG_Z(call->params[0]));

	if (rc)
		return rc;
	if (!osy_pg_rows(row))
		return osy_no_such_run(call->params[0], err);
	if (osy_pg_is_null(row, 0, 0))
		return osy_fail(err, OSY_E_STATE,
			"run %s has not been scanned yet; `orgsync run scan %s` finds its order",
			call->params[0], call->params[0]);
	return write_order(call, row, err);
}

static enum osy_code saved(struct osy_call *call, const char *action, struct osy_err *err)
{
	osy_call_audit(call, action, call->params[0]);
	osy_driver_wake(call->context->driver);
	call->status = 202;
	return osy_api_write_run(call->pg, call->params[0], true, &call->out, err);
}

static enum osy_code set(struct osy_call *call, struct osy_err *err)
{
	static const char *const members[] = {"objects", NULL};
	OSY_AUTO(osy_json_free_at) struct osy_json *body = NULL;
	const char *names[OSY_ORDER_NAMES];
	enum osy_code rc = osy_call_json(call, members, &body, err);

	if (rc)
		return rc;
	const struct osy_json *list = osy_json_get(body, "objects");
	size_t count = osy_json_count(list);
	if (osy_json_type(list) != OSY_JSON_ARRAY || !count || count > OSY_COUNT(names))
		return osy_fail(err, OSY_E_INVALID,
			"the body must have \"objects\", a list of the names of all objects");
	for (size_t i = 0; i < count; i++) {
		struct osy_str name = osy_json_str(osy_json_at(list, i));
		if (!name.len || memchr(name.p, 0, name.len))
			return osy_fail(err, OSY_E_INVALID,
				"item %zu of \"objects\" is no name of an object", i + 1);
		names[i] = name.p; /* NUL-terminated within json-c */
	}
	rc = osy_order_save(call->pg, call->params[0], names, count, call->caller.token, err);
	return rc ? rc : saved(call, "run.order", err);
}

static enum osy_code reset(struct osy_call *call, struct osy_err *err)
{
	enum osy_code rc =
		osy_order_save(call->pg, call->params[0], NULL, 0, call->caller.token, err);

	return rc ? rc : saved(call, "run.order_reset", err);
}

const struct osy_route osy_routes_order[] = {
	{"GET", "/runs/{}/order", OSY_ROLE_VIEWER, show},
	{"PUT", "/runs/{}/order", OSY_RIGHT_ORDER, set},
	{"DELETE", "/runs/{}/order", OSY_RIGHT_ORDER, reset},
	{NULL, NULL, OSY_ROLE_NONE, NULL},
};
