/* The describes of the template's objects in both orgs; an object that is not there is no error. */
#include <stdlib.h>

#include "check_internal.h"

#define IN_FLIGHT 8
#define AT_ONCE 16 /* replies in memory */
#define PATH_BYTES 1024

struct wanted {
	size_t place;
	int side;
	struct osy_buf path;
};

static const char *name_of(const struct osy_check *check, const struct wanted *wanted)
{
	const struct osy_template_object *object = &check->template->objects[wanted->place];

	return wanted->side == OSY_CHECK_TARGET ? object->target : object->name;
}

/* The n-th question: each object in the source, then in the target. */
static void want(struct osy_check *check, size_t n, struct osy_org *const orgs[],
	struct wanted *wanted, struct osy_sf_many *call)
{
	*wanted = (struct wanted){.place = n / OSY_CHECK_SIDES,
		.side = (int)(n % OSY_CHECK_SIDES),
		.path = OSY_BUF(PATH_BYTES)};
	osy_buf_addz(&wanted->path, "sobjects/");
	osy_url_encode(osy_str(name_of(check, wanted)), &wanted->path);
	osy_buf_addz(&wanted->path, "/describe");
	*call = (struct osy_sf_many){.org = orgs[wanted->side],
		.request = {.method = "GET", .path = osy_buf_str(&wanted->path)},
		.body = OSY_BUF(1)};
}

/* The n-th question is answered already. */
static bool is_known(const struct osy_check *check, size_t n)
{
	return check->describes[n % OSY_CHECK_SIDES][n / OSY_CHECK_SIDES] != NULL;
}

static enum osy_code take(struct osy_check *check, const struct wanted *wanted,
	const struct osy_sf_many *call, struct osy_err *err)
{
	if (osy_sf_is_unknown_object(&call->err, call->code))
		return OSY_OK; /* stays NULL */
	if (call->code) {
		*err = call->err;
		return call->code;
	}
	enum osy_code rc = osy_sf_describe_parse(
		osy_buf_str(&call->body), &check->describes[wanted->side][wanted->place], err);
	return rc ? osy_err_prefix(err, "org %s, object %s", osy_org_name(call->org),
			    name_of(check, wanted))
		  : OSY_OK;
}

static enum osy_code describe_some(struct osy_check *check, struct osy_http *http,
	struct osy_org *const orgs[], size_t from, size_t count, struct osy_err *err)
{
	struct wanted wanted[AT_ONCE];
	struct osy_sf_many calls[AT_ONCE];
	enum osy_code rc = OSY_OK;
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (!is_known(check, from + i)) {
			want(check, from + i, orgs, &wanted[n], &calls[n]);
			n++;
		}
	}
	osy_sf_run_many(http, calls, n, IN_FLIGHT);
	for (size_t i = 0; i < n; i++) {
		if (!rc)
			rc = take(check, &wanted[i], &calls[i], err);
		osy_buf_done(&calls[i].body);
		osy_buf_done(&wanted[i].path);
	}
	return rc;
}

/* ---- What may have been meant ---- */
static bool lacks(const struct osy_check *check, int side)
{
	for (size_t i = 0; i < check->template->object_count; i++) {
		if (!check->describes[side][i])
			return true;
	}
	return false;
}

static void find_nearest(struct osy_check *check, int side, struct osy_org *org)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *names = NULL;
	struct osy_err ignored = OSY_ERR_NONE;
	size_t count = 0;

	if (!lacks(check, side) || osy_sf_object_names(org, &names, &ignored))
		return;
	count = osy_json_count(names);
	OSY_AUTO_FREE const char **candidates = osy_xcalloc(count + 1, sizeof(*candidates));
	for (size_t i = 0; i < count; i++) {
		struct osy_str one = osy_json_str(osy_json_at(names, i));
		candidates[i] = one.p ? one.p : ""; /* NUL-terminated within json-c */
	}
	for (size_t i = 0; i < check->template->object_count; i++) {
		struct wanted wanted = {.place = i, .side = side};
		if (check->describes[side][i])
			continue;
		const char *near = osy_nearest(name_of(check, &wanted), candidates, count);
		if (near)
			check->nearest[side][i] =
				osy_arena_strndup(&check->arena, near, strlen(near));
	}
}

enum osy_code check_describe(struct osy_check *check, struct osy_http *http,
	struct osy_org *const orgs[OSY_CHECK_SIDES], struct osy_err *err)
{
	size_t all = check->template->object_count * OSY_CHECK_SIDES;
	enum osy_code rc = OSY_OK;

	for (size_t from = 0; !rc && from < all; from += AT_ONCE)
		rc = describe_some(
			check, http, orgs, from, all - from < AT_ONCE ? all - from : AT_ONCE, err);
	for (int side = 0; !rc && side < OSY_CHECK_SIDES; side++)
		find_nearest(check, side, orgs[side]);
	return rc;
}
