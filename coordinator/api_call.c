/* What the handlers share: reading a call, writing rows. */
#include <stdlib.h>

#include "api.h"
#include "osy/clock.h"
#include "osy/log.h"
#include "osy/mem.h"

enum osy_code osy_call_limit(const struct osy_call *call, int64_t *ret, struct osy_err *err)
{
	const char *text = osy_call_query(call, "limit");

	*ret = 100;
	if (!text)
		return OSY_OK;
	if (osy_parse_i64(osy_str(text), 1, 1000, ret, err))
		return osy_fail(err, OSY_E_USAGE, "limit must be a number from 1 to 1000");
	return OSY_OK;
}

enum osy_code osy_call_page(
	const struct osy_call *call, int64_t *ret_limit, int64_t *at, struct osy_err *err)
{
	const char *cursor = osy_call_query(call, "cursor");
	enum osy_code rc = osy_call_limit(call, ret_limit, err);

	return rc || !cursor ? rc : osy_parse_i64(osy_str(cursor), 0, INT64_MAX, at, err);
}

bool osy_api_name_is_good(const char *name)
{
	size_t len =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return len > 0 && len <= 63 && !name[len] && name[0] != '.' && name[0] != '-';
}

enum osy_code osy_call_run(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(call->pg, &result, err, "SELECT 1 FROM run WHERE id = $1",
		OSY_PG_Z(call->params[0]));

	return !rc && !osy_pg_rows(result) ? osy_no_such_run(call->params[0], err) : rc;
}

static bool listed(const char *const *names, struct osy_str key)
{
	for (; *names; names++) {
		if (osy_str_is(key, *names))
			return true;
	}
	return false;
}

enum osy_code osy_call_json(const struct osy_call *call, const char *const *names,
	struct osy_json **ret, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;
	enum osy_code rc = osy_json_parse(call->body, "the body", &json, err);
	struct osy_str key;
	struct osy_json *value;

	if (rc)
		return rc;
	if (osy_json_type(json) != OSY_JSON_OBJECT)
		return osy_fail(err, OSY_E_INVALID, "the body must be a JSON object");
	for (size_t i = 0; osy_json_member(json, i, &key, &value); i++) {
		if (!listed(names, key))
			return osy_fail(err, OSY_E_INVALID,
				"the body has an unknown member \"%.*s\"",
				(int)(key.len < 80 ? key.len : 80), key.p);
	}
	*ret = json;
	json = NULL;
	return OSY_OK;
}

enum osy_code osy_call_text(
	const struct osy_json *body, const char *name, const char **ret, struct osy_err *err)
{
	struct osy_str text = osy_json_get_str(body, name);

	if (!text.p || !text.len)
		return osy_fail(err, OSY_E_INVALID, "the body must have \"%s\", a text", name);
	if (text.len > OSY_API_MAX_TEXT || !osy_utf8_line(text))
		return osy_fail(err, OSY_E_INVALID,
			"\"%s\" must be plain text of at most %d bytes, on one line", name,
			OSY_API_MAX_TEXT);
	*ret = text.p;
	return OSY_OK;
}

void osy_call_audit(struct osy_call *call, const char *action, const char *subject)
{
	struct osy_err err = OSY_ERR_NONE;

	osy_log(OSY_INFO, "api.audit", OSY_KV("token", call->caller.token),
		OSY_KV("action", action), OSY_KV("subject", subject));
	if (osy_pg_do(call->pg, NULL, &err,
		    "INSERT INTO audit (token, action, subject) VALUES ($1, $2, $3)",
		    OSY_PG_Z(call->caller.token), OSY_PG_Z(action), OSY_PG_Z(subject)))
		osy_log(OSY_ERROR, "api.audit_lost", OSY_KV("action", action), OSY_KV_ERR(&err));
}

void osy_api_put_time(struct osy_json_writer *w, const char *key,
	const struct osy_pg_result *result, size_t row, int column)
{
	char text[32];

	osy_jw_key(w, key);
	if (osy_pg_is_null(result, row, column)) {
		osy_jw_null(w);
		return;
	}
	osy_wall_text(osy_pg_i64(result, row, column, 0), text);
	osy_jw_str(w, osy_str(text));
}

void osy_api_put_text(struct osy_json_writer *w, const char *key,
	const struct osy_pg_result *result, size_t row, int column)
{
	osy_jw_put_str(w, key, osy_pg_str(result, row, column));
}

void osy_api_put_int(struct osy_json_writer *w, const char *key, const struct osy_pg_result *result,
	size_t row, int column)
{
	osy_jw_key(w, key);
	if (osy_pg_is_null(result, row, column))
		osy_jw_null(w);
	else
		osy_jw_i64(w, osy_pg_i64(result, row, column, 0));
}

void osy_api_items(struct osy_json_writer *w)
{
	osy_jw_object(w);
	osy_jw_key(w, "items");
	osy_jw_array(w);
}

void osy_api_items_end(struct osy_json_writer *w, const char *next_or_null)
{
	osy_jw_array_end(w);
	osy_jw_put_str(w, "next", osy_str(next_or_null));
	osy_jw_object_end(w);
}
