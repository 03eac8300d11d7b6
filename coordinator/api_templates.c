/* /templates */
#include <stdio.h>

#include "api.h"
#include "osy/mem.h"
#include "template.h"

static void write_template(
	struct osy_json_writer *w, const struct osy_pg_result *result, size_t row, bool whole)
{
	osy_jw_object(w);
	osy_api_put_text(w, "name", result, row, 0);
	osy_api_put_int(w, "version", result, row, 1);
	osy_api_put_time(w, "updatedAt", result, row, 2);
	if (whole) {
		osy_api_put_text(w, "body", result, row, 3);
		osy_jw_key(w, "doc");
		osy_jw_raw(w, osy_pg_str(result, row, 4));
	}
}

/* How far it has brought its objects, between which orgs. */
static enum osy_code write_marks(
	struct osy_call *call, struct osy_json_writer *w, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(call->pg, &result, err,
		"SELECT coalesce((SELECT min(name) FROM org WHERE org_id = source_org_id), "
		"source_org_id), coalesce((SELECT min(name) FROM org WHERE org_id = "
		"target_org_id), target_org_id), object, leg, deletes, at, run FROM mark WHERE "
		"template = $1 ORDER BY 1, 2, object, leg, deletes",
		OSY_PG_Z(call->params[0]));

	osy_jw_key(w, "marks");
	osy_jw_array(w);
	for (size_t i = 0; !rc && i < osy_pg_rows(result); i++) {
		osy_jw_object(w);
		osy_api_put_text(w, "source", result, i, 0);
		osy_api_put_text(w, "target", result, i, 1);
		osy_api_put_text(w, "object", result, i, 2);
		osy_api_put_int(w, "leg", result, i, 3);
		osy_jw_put_bool(w, "deletes", osy_pg_i64(result, i, 4, 0) != 0);
		osy_api_put_time(w, "at", result, i, 5);
		osy_api_put_text(w, "run", result, i, 6);
		osy_jw_object_end(w);
	}
	osy_jw_array_end(w);
	return rc;
}

static enum osy_code list(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	enum osy_code rc = osy_pg_do(call->pg, &result, err,
		"SELECT name, version, updated_at FROM template ORDER BY name");

	if (rc)
		return rc;
	osy_api_items(&w);
	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		write_template(&w, result, i, false);
		osy_jw_object_end(&w);
	}
	osy_api_items_end(&w, NULL);
	return OSY_OK;
}

static enum osy_code show(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	enum osy_code rc = osy_pg_do(call->pg, &result, err,
		"SELECT name, version, updated_at, body, doc FROM template WHERE name = $1",
		OSY_PG_Z(call->params[0]));

	if (rc)
		return rc;
	if (!osy_pg_rows(result))
		return osy_fail(err, OSY_E_NOT_FOUND,
			"there is no template named %s; `orgsync template list` shows those "
			"there are",
			call->params[0]);
	write_template(&w, result, 0, true);
	rc = write_marks(call, &w, err);
	osy_jw_object_end(&w);
	return rc;
}

/* A template as it is, or {"template": its text, "usersFile": what is in the file that it names}.
 */
static enum osy_code take_body(struct osy_call *call, struct osy_json **ret,
	struct osy_str *ret_text, struct osy_str *ret_users, struct osy_err *err)
{
	static const char *const names[] = {"template", "usersFile", NULL};
	OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;
	struct osy_err ignored = OSY_ERR_NONE;

	*ret_text = call->body;
	*ret_users = OSY_STR_NULL;
	if (call->body.len && call->body.p[0] == '{' &&
		osy_json_parse(call->body, "the body", &json, &ignored))
		return OSY_OK; /* no JSON: a template in YAML, or what its check refuses */
	if (!json || osy_json_type(osy_json_get(json, "template")) != OSY_JSON_STRING)
		return OSY_OK;
	enum osy_code rc = osy_call_json(call, names, ret, err);
	if (rc)
		return rc;
	*ret_text = osy_json_get_str(*ret, "template");
	*ret_users = osy_json_get_str(*ret, "usersFile");
	return OSY_OK;
}

static enum osy_code apply(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf doc = OSY_BUF(16u * 1024 * 1024);
	OSY_AUTO(osy_json_free_at) struct osy_json *body = NULL;
	struct osy_str text, users;
	const char *file = osy_call_query(call, "file");
	struct osy_json_writer w = osy_json_writer(&call->out);
	char name[64];
	enum osy_code rc = take_body(call, &body, &text, &users, err);

	if (rc)
		return rc;
	if (!osy_utf8_valid(text) || (text.len && memchr(text.p, 0, text.len)))
		return osy_fail(err, OSY_E_INVALID, "the template is not text in UTF-8");
	rc = osy_template_check(
		text, file && *file ? file : "the template", users, name, &doc, err);
	if (!rc)
		rc = osy_pg_do(call->pg, &result, err,
			"INSERT INTO template (name, body, doc) VALUES ($1, $2, $3) ON CONFLICT "
			"(name) DO UPDATE SET version = template.version + (template.body <> "
			"EXCLUDED.body OR template.doc::jsonb -> 'users' IS DISTINCT FROM "
			"EXCLUDED.doc::jsonb -> 'users')::int, body = EXCLUDED.body, doc = "
			"EXCLUDED.doc, updated_at = now() RETURNING name, version, updated_at",
			OSY_PG_Z(name), OSY_PG_TEXT(text), OSY_PG_TEXT(osy_buf_str(&doc)));
	if (rc)
		return rc;
	osy_call_audit(call, "template.apply", name);
	write_template(&w, result, 0, false);
	osy_jw_object_end(&w);
	return OSY_OK;
}

static enum osy_code remove_template(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	/* Runs hold their own copy, so a template may go at any time. */
	enum osy_code rc = osy_pg_do(call->pg, &result, err,
		"DELETE FROM template WHERE name = $1 RETURNING name", OSY_PG_Z(call->params[0]));

	if (rc)
		return rc;
	if (!osy_pg_rows(result))
		return osy_fail(
			err, OSY_E_NOT_FOUND, "there is no template named %s", call->params[0]);
	osy_call_audit(call, "template.remove", call->params[0]);
	call->status = 204;
	return OSY_OK;
}

const struct osy_route osy_routes_templates[] = {
	{"GET", "/templates", OSY_ROLE_VIEWER, list},
	{"POST", "/templates", OSY_RIGHT_TEMPLATE, apply},
	{"GET", "/templates/{}", OSY_ROLE_VIEWER, show},
	{"DELETE", "/templates/{}", OSY_RIGHT_TEMPLATE, remove_template},
	{NULL, NULL, OSY_ROLE_NONE, NULL},
};
