#include <stdlib.h>

#include "osy/json.h"
#include "osy/mem.h"
#include "osy/sf_many.h"
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
		"not see it)%s%s%s",
		scan->template->name, as_named, name, osy_org_name(org),
		text ? "; did you mean '" : "", text ? text : "", text ? "'?" : "");
}

/* ---- All describes of both orgs, side by side ---- */
#define IN_FLIGHT 8
#define PATH_BYTES 1024

struct wanted {
	const char *name, *as_named;
	struct osy_sf_object **ret;
	struct osy_buf path;
};

static enum osy_code want(struct scan *scan, struct osy_org *org, const char *name,
	const char *as_named, struct osy_sf_object **ret, struct wanted *wanted,
	struct osy_sf_many *call, struct osy_err *err)
{
	if (!*name || strlen(name) > 255)
		return osy_fail(err, OSY_E_INVALID,
			"template '%s': '%.40s' is no name of an object", scan->template->name,
			name);
	*wanted = (struct wanted){name, as_named, ret, OSY_BUF(PATH_BYTES)};
	osy_buf_addz(&wanted->path, "sobjects/");
	osy_url_encode(osy_str(name), &wanted->path);
	osy_buf_addz(&wanted->path, "/describe");
	*call = (struct osy_sf_many){.org = org,
		.request = {.method = "GET", .path = osy_buf_str(&wanted->path)},
		.body = OSY_BUF(1)};
	return OSY_OK;
}

static enum osy_code take(struct scan *scan, const struct wanted *wanted,
	const struct osy_sf_many *call, struct osy_err *err)
{
	if (osy_sf_is_unknown_object(&call->err, call->code))
		return unknown_object(scan, call->org, wanted->name, wanted->as_named, err);
	if (call->code) {
		*err = call->err;
		return call->code;
	}
	enum osy_code rc = osy_sf_describe_parse(osy_buf_str(&call->body), wanted->ret, err);
	return rc ? osy_err_prefix(err, "org %s, object %s", osy_org_name(call->org), wanted->name)
		  : OSY_OK;
}

enum osy_code scan_describe(struct scan *scan, struct osy_err *err)
{
	size_t count = scan->template->object_count, n = 0;
	OSY_AUTO_FREE struct wanted *wanted = osy_xcalloc(2 * count + 1, sizeof(*wanted));
	OSY_AUTO_FREE struct osy_sf_many *calls = osy_xcalloc(2 * count + 1, sizeof(*calls));
	enum osy_code rc = scan_may_go_on(scan, err);

	scan->targets = osy_xcalloc(count + 1, sizeof(*scan->targets));
	for (size_t i = 0; !rc && i < count; i++) {
		const struct osy_template_object *object = &scan->template->objects[i];
		if (!scan->sources[i]) {
			rc = want(scan, scan->drive->source, object->name, object->name,
				&scan->sources[i], &wanted[n], &calls[n], err);
			n += !rc;
		}
		if (!rc)
			rc = want(scan, scan->drive->target, object->target, object->name,
				&scan->targets[i], &wanted[n], &calls[n], err);
		n += !rc;
	}
	if (!rc)
		osy_sf_run_many(scan->drive->http, calls, n, IN_FLIGHT);
	for (size_t i = 0; i < n; i++) {
		if (!rc)
			rc = take(scan, &wanted[i], &calls[i], err);
		osy_buf_done(&calls[i].body);
		osy_buf_done(&wanted[i].path);
	}
	return rc;
}
