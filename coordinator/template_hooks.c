/* The template's hooks: who is told of which point of a run (hook.h), and who may change records
 * (publish_hook.h). */
#include "hook.h"
#include "osy/json.h"
#include "template_check.h"

#define MOST 20

static const struct key hook_keys[] = {
	{"at", KEY_CHOICE, NULL, 0, 0, "beforeRun|afterObject|afterRun", NULL},
	{"hook", KEY_TEXT, NULL, 1, 63, NULL, NULL},
	{"timeoutSeconds", KEY_INT, "10", 1, 60, NULL, NULL},
	{"attempts", KEY_INT, "6", 1, 20, NULL, NULL},
	{"onError", KEY_CHOICE, "\"continue\"", 0, 0, "abort|continue", NULL},
	{0},
};

const struct key template_transform_keys[] = {
	{"hook", KEY_TEXT, NULL, 1, 63, NULL, NULL},
	{"at", KEY_CHOICE, "\"afterMasking\"", 0, 0, "afterRetrieval|afterMasking", NULL},
	{"fields", KEY_NAMES, "[]", 0, 0, NULL, NULL},
	{"timeoutSeconds", KEY_INT, "30", 1, 60, NULL, NULL},
	{0},
};

enum osy_code check_transform(const struct check *check, const struct osy_json *object,
	const struct osy_json *out, const char *name, struct osy_err *err)
{
	const struct osy_json *transform = osy_json_get(out, "transform");

	if (!transform)
		return OSY_OK;
	if (!osy_hook_is_name(osy_json_get_str(transform, "hook")))
		return check_fail(check, object, "transform", 0, err,
			"transform of object %s needs hook: the name of one that `orgsync hook "
			"list` shows",
			name);
	if (osy_json_count(osy_json_get(transform, "fields")) == 0)
		return check_fail(check, object, "transform", 0, err,
			"transform of object %s needs fields: the names of those that the hook "
			"is to see and may change",
			name);
	return OSY_OK;
}

void osy_template_read_hook(
	struct osy_arena *arena, const struct osy_json *json, struct osy_template_object *object)
{
	const struct osy_json *transform = osy_json_get(json, "transform");
	const struct osy_json *fields = osy_json_get(transform, "fields");
	struct osy_str hook = osy_json_get_str(transform, "hook");
	size_t count = osy_json_count(fields);

	if (!hook.p || !osy_json_get_bool(json, "hooks", true))
		return;
	const char **names = osy_arena_calloc(arena, count + 1, sizeof(*names));
	for (size_t i = 0; i < count; i++) {
		struct osy_str name = osy_json_str(osy_json_at(fields, i));
		names[i] = osy_arena_strndup(arena, name.p, name.len);
	}
	object->hook = osy_arena_strndup(arena, hook.p, hook.len);
	object->hook_early = osy_str_is(osy_json_get_str(transform, "at"), "afterRetrieval");
	object->hook_timeout_ms = (int)osy_json_get_i64(transform, "timeoutSeconds", 30) * 1000;
	object->hook_fields = names;
	object->hook_field_count = count;
}

static enum osy_code check_one(const struct check *check, const struct osy_json *list, size_t index,
	struct osy_json *all, struct osy_err *err)
{
	const struct osy_json *item = osy_json_at(list, index);
	OSY_AUTO(osy_json_free_at) struct osy_json *out = osy_json_new_object();

	if (osy_json_type(item) != OSY_JSON_OBJECT)
		return check_fail(check, list, NULL, index, err,
			"item %zu of hooks must be a mapping, for example {at: afterRun, hook: "
			"warehouse}",
			index + 1);
	enum osy_code rc = check_object(check, item, hook_keys, "a hook", out, err);
	if (rc)
		return rc;
	if (!osy_json_has(out, "at"))
		return check_fail(check, list, NULL, index, err,
			"item %zu of hooks needs at: beforeRun, afterObject or afterRun",
			index + 1);
	if (!osy_hook_is_name(osy_json_get_str(out, "hook")))
		return check_fail(check, list, NULL, index, err,
			"item %zu of hooks needs hook: the name of one that `orgsync hook list` "
			"shows",
			index + 1);
	if (osy_str_is(osy_json_get_str(out, "at"), "afterRun") &&
		osy_str_is(osy_json_get_str(out, "onError"), "abort"))
		return check_fail(check, item, "onError", 0, err,
			"onError of a hook at afterRun must be continue: the run has ended by "
			"then");
	osy_json_push(all, out);
	out = NULL;
	return OSY_OK;
}

enum osy_code check_hooks(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err)
{
	const struct osy_json *list = osy_json_get(container, key->name);

	if (osy_json_type(list) != OSY_JSON_ARRAY || osy_json_count(list) > MOST)
		return check_fail(check, container, key->name, 0, err,
			"hooks must be a list of at most %d, for example [{at: afterRun, hook: "
			"warehouse}]",
			MOST);
	return check_each(check, list, check_one, ret, err);
}
