/* The template's missingParents: one word for all lookups of an object, or a word a lookup. */
#include "osy/json.h"
#include "template_check.h"

enum osy_code check_parents(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err)
{
	const struct osy_json *value = osy_json_get(container, key->name);
	enum osy_missing ignored;
	struct osy_str name;
	struct osy_json *word;

	if (osy_json_type(value) != OSY_JSON_OBJECT) {
		if (!osy_missing_parse(osy_json_str(value), &ignored))
			return check_fail(check, container, key->name, 0, err,
				"missingParents must be wait, blank or fail, or a mapping, for "
				"example {AccountId: fail, \"*\": wait}");
		*ret = osy_json_new_str(osy_json_str(value));
		return OSY_OK;
	}
	OSY_AUTO(osy_json_free_at) struct osy_json *out = osy_json_new_object();
	for (size_t i = 0; osy_json_member(value, i, &name, &word); i++) {
		OSY_AUTO_FREE char *z = osy_xstrndup(name.p, name.len);
		if ((!check_is_name(name) && !osy_str_is(name, "*")) ||
			!osy_missing_parse(osy_json_str(word), &ignored))
			return check_fail(check, value, z, 0, err,
				"missingParents of '%.60s' must be wait, blank or fail; names are "
				"lookups, or \"*\" for all others",
				z);
		osy_json_put(out, z, osy_json_new_str(osy_json_str(word)));
	}
	*ret = out;
	out = NULL;
	return OSY_OK;
}

void osy_template_read_parents(
	struct osy_arena *arena, const struct osy_json *json, struct osy_template_object *object)
{
	struct osy_template_parent *parents =
		osy_arena_calloc(arena, osy_json_count(json) + 1, sizeof(*parents));
	struct osy_str name;
	struct osy_json *word;

	(void)osy_missing_parse(osy_json_str(json), &object->missing);
	object->parents = parents;
	for (size_t i = 0; osy_json_member(json, i, &name, &word); i++) {
		enum osy_missing missing = OSY_MISSING_BLANK;
		(void)osy_missing_parse(osy_json_str(word), &missing);
		if (osy_str_is(name, "*"))
			object->missing = missing;
		else
			parents[object->parent_count++] = (struct osy_template_parent){
				osy_arena_strndup(arena, name.p, name.len), missing};
	}
}
