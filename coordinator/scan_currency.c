/*
 * From an org with one currency into one with several: new records get the target's corporate
 * currency, not what happens to be our user's own.
 */
#include <strings.h>

#include "osy/json_pull.h"
#include "osy/sf_query.h"
#include "scan.h"

#define CURRENCY "CurrencyIsoCode"

static const struct osy_sf_object *described(
	struct osy_sf_object *const *objects, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(objects[i]->name, name) == 0)
			return objects[i];
	}
	return NULL;
}

static bool fills(const struct osy_spec_object *object)
{
	for (size_t i = 0; i < object->field_count; i++) {
		if (strcasecmp(object->fields[i].target, CURRENCY) == 0)
			return true;
	}
	return false;
}

/* Whether nothing of the source says what the target has to know. */
static bool lacks_currency(const struct scan *scan, const struct osy_spec_object *object)
{
	size_t count = scan->template->object_count;
	const struct osy_sf_object *source = described(scan->sources, count, object->name);
	const struct osy_sf_object *target = described(scan->targets, count, object->target);
	const struct osy_sf_field *field = target ? osy_sf_find_field(target, CURRENCY) : NULL;

	return object->insert && source && field && field->createable &&
	       !osy_sf_find_field(source, CURRENCY) && !fills(object);
}

struct asked {
	struct osy_arena *arena;
	const char *code;
};

static enum osy_code take_code(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct asked *asked = arg;
	struct osy_str text;

	(void)err;
	if (values[0].p && osy_json_plain(values[0], &text) && text.len == 3)
		asked->code = osy_arena_strndup(asked->arena, text.p, text.len);
	return OSY_OK;
}

static enum osy_code corporate(struct scan *scan, const char **ret, struct osy_err *err)
{
	static const char *const fields[] = {"IsoCode"};
	struct asked asked = {.arena = &scan->plan.arena};
	enum osy_code rc = osy_sf_query(scan->drive->target,
		OSY_STR("SELECT IsoCode FROM CurrencyType WHERE IsCorporate = true LIMIT 1"),
		fields, 1, 1, take_code, &asked, err);

	*ret = asked.code;
	if (rc != OSY_E_SALESFORCE)
		return rc;
	*err = OSY_ERR_NONE;
	return OSY_OK;
}

enum osy_code scan_currency(struct scan *scan, struct osy_err *err)
{
	const char *code = NULL;
	bool asked = false;

	for (size_t i = 0; i < scan->plan.spec.object_count; i++) {
		struct osy_spec_object *object = &scan->plan.objects[i];
		if (!lacks_currency(scan, object))
			continue;
		enum osy_code rc = asked ? OSY_OK : corporate(scan, &code, err);
		if (rc)
			return rc;
		if (!asked && code)
			osy_plan_notice(&scan->plan,
				"org '%s' has one currency: new records get %s, the corporate "
				"currency of org '%s'",
				scan->drive->source_name, code, scan->drive->target_name);
		else if (!asked)
			osy_plan_notice(&scan->plan,
				"org '%s' does not tell its corporate currency: new records get "
				"our user's own",
				scan->drive->target_name);
		asked = true;
		object->currency = code;
	}
	return OSY_OK;
}
