#include <stdlib.h>

#include "osy/json.h"
#include "osy/mem.h"
#include "scan.h"

static enum osy_code unknown_object(struct scan *scan, struct osy_org *org, const char *name,
	const char *as_named, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *names = NULL;
	struct osy_err ignored = OSY_ERR_NONE;
	const char *near = NULL;
	OSY_AUTO_FREE char *text = NULL;
	size_t count = 0;

	if (osy_sf_object_names(org, &names, &ignored) == OSY_OK)
		count = osy_json_count(names);
	OSY_AUTO_FREE const char **candidates = osy_xcalloc(count + 1, sizeof(*candidates));
	for (size_t i = 0; i < count; i++) {
		struct osy_str one = osy_json_str(osy_json_at(names, i));
		candidates[i] = one.p ? one.p : ""; /* NUL-terminated within json-c */
	}
	near = osy_nearest(name, candidates, count);
	if (near)
		text = osy_xstrdup(near);
	return osy_fail(err, OSY_E_INVALID,
		"template '%s', object %s: there is no object '%s' in org '%s' (or our user may "
		"not "
		"see it)%s%s%s",
		scan->template->name, as_named, name, osy_org_name(org),
		text ? "; did you mean '" : "", text ? text : "", text ? "'?" : "");
}

static enum osy_code describe_one(struct scan *scan, struct osy_org *org, const char *name,
	const char *as_named, struct osy_sf_object **ret, struct osy_err *err)
{
	enum osy_code rc = scan_may_go_on(scan, err);

	if (rc)
		return rc;
	rc = osy_sf_describe(org, name, ret, err);
	if (rc == OSY_E_NOT_FOUND)
		return unknown_object(scan, org, name, as_named, err);
	return rc;
}

enum osy_code scan_describe(struct scan *scan, struct osy_err *err)
{
	size_t count = scan->template->object_count;
	enum osy_code rc = OSY_OK;

	scan->sources = osy_xcalloc(count + 1, sizeof(*scan->sources));
	scan->targets = osy_xcalloc(count + 1, sizeof(*scan->targets));
	for (size_t i = 0; !rc && i < count; i++) {
		const struct osy_template_object *object = &scan->template->objects[i];
		rc = describe_one(scan, scan->drive->source, object->name, object->name,
			&scan->sources[i], err);
		if (!rc)
			rc = describe_one(scan, scan->drive->target, object->target, object->name,
				&scan->targets[i], err);
	}
	return rc;
}
