/* The template's expressions: what can be said of them without an org. */
#include "expr.h"
#include "osy/json.h"
#include "template_check.h"

static enum osy_code check_syntax(const struct check *check, const struct osy_json *container,
	const char *field, struct osy_str text, struct osy_err *err)
{
	static const struct osy_expr_scope nothing_known = {NULL, 0};
	static const struct osy_expr_target any = {OSY_T_OTHER, 0, 0};
	struct osy_arena arena;
	struct osy_expr *expr;
	struct osy_err why = OSY_ERR_NONE;

	osy_arena_init(&arena, 64u * 1024);
	enum osy_code rc = osy_expr_compile(text, &nothing_known, &any, &arena, &expr, &why);
	osy_arena_done(&arena);
	return rc ? check_fail(check, container, field, 0, err, "expression of '%s', %s", field,
			    why.msg)
		  : OSY_OK;
}

enum osy_code check_expressions(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err)
{
	const struct osy_json *value = osy_json_get(container, key->name);
	struct osy_str name;
	struct osy_json *item;

	if (osy_json_type(value) != OSY_JSON_OBJECT ||
		osy_json_count(value) > OSY_TEMPLATE_MAX_NAMES)
		return check_fail(check, container, key->name, 0, err,
			"expressions must be a mapping from fields of the target to expressions, "
			"for example {Name: \"UPPER(Name)\"}");
	OSY_AUTO(osy_json_free_at) struct osy_json *all = osy_json_new_object();
	for (size_t i = 0; osy_json_member(value, i, &name, &item); i++) {
		OSY_AUTO_FREE char *z = osy_xstrndup(name.p, name.len);
		if (!check_is_name(name) || osy_json_type(item) != OSY_JSON_STRING)
			return check_fail(check, value, z, 0, err,
				"expressions: '%.80s' must be a field of the target, and what "
				"makes it an expression in quotes",
				z);
		enum osy_code rc = check_syntax(check, value, z, osy_json_str(item), err);
		if (rc)
			return rc;
		osy_json_put(all, z, osy_json_new_str(osy_json_str(item)));
	}
	*ret = all;
	all = NULL;
	return OSY_OK;
}
