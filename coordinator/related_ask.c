/* Related objects of real orgs: describes side by side, and what each org says of all its objects.
 */
#include <strings.h>

#include "osy/json.h"
#include "osy/mem.h"
#include "osy/sf_many.h"
#include "related.h"
#include "osy/sf_describe.h"

#define IN_FLIGHT 8
#define PATH_BYTES 1024

struct orgs {
	struct osy_http *http;
	struct osy_org *source, *target;
	struct osy_json *of_source, *of_target; /* global describes, NULL: not asked yet */
};

static void ask(struct orgs *orgs, const char *name, struct osy_buf *path, struct osy_sf_many *call)
{
	*path = OSY_BUF(PATH_BYTES);
	osy_buf_addz(path, "sobjects/");
	osy_url_encode(osy_str(name), path);
	osy_buf_addz(path, "/describe");
	*call = (struct osy_sf_many){.org = orgs->source,
		.request = {.method = "GET", .path = osy_buf_str(path)},
		.body = OSY_BUF(1)};
}

static enum osy_code take(const struct osy_sf_many *call, const char *name,
	struct osy_sf_object **ret, struct osy_err *err)
{
	if (osy_sf_is_unknown_object(&call->err, call->code))
		return OSY_OK; /* the scan says so, and what is nearest */
	if (call->code) {
		*err = call->err;
		return call->code;
	}
	enum osy_code rc = osy_sf_describe_parse(osy_buf_str(&call->body), ret, err);
	return rc ? osy_err_prefix(err, "org %s, object %s", osy_org_name(call->org), name)
		  : OSY_OK;
}

static enum osy_code describe(void *arg, const char *const *names, size_t count,
	struct osy_sf_object **ret, struct osy_err *err)
{
	struct orgs *orgs = arg;
	OSY_AUTO_FREE struct osy_buf *paths = osy_xcalloc(count + 1, sizeof(*paths));
	OSY_AUTO_FREE struct osy_sf_many *calls = osy_xcalloc(count + 1, sizeof(*calls));
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; i < count; i++)
		ask(orgs, names[i], &paths[i], &calls[i]);
	osy_sf_run_many(orgs->http, calls, count, IN_FLIGHT);
	for (size_t i = 0; i < count; i++) {
		if (!rc)
			rc = take(&calls[i], names[i], &ret[i], err);
		osy_buf_done(&calls[i].body);
		osy_buf_done(&paths[i]);
	}
	return rc;
}

static bool can(const struct osy_json *global, const char *name, const char *what)
{
	const struct osy_json *list = osy_json_get(global, "sobjects");

	for (size_t i = 0; i < osy_json_count(list); i++) {
		const struct osy_json *one = osy_json_at(list, i);
		if (osy_str_equal_nocase(osy_json_get_str(one, "name"), osy_str(name)))
			return osy_json_get_bool(one, what, false) &&
			       osy_json_get_str(one, "keyPrefix").len > 0;
	}
	return false;
}

static enum osy_code usable(void *arg, const char *name, bool *ret, struct osy_err *err)
{
	struct orgs *orgs = arg;
	enum osy_code rc = OSY_OK;

	if (!orgs->of_source)
		rc = osy_sf_get(orgs->source, "sobjects", &orgs->of_source, err);
	if (!rc && !orgs->of_target)
		rc = osy_sf_get(orgs->target, "sobjects", &orgs->of_target, err);
	if (!rc)
		*ret = can(orgs->of_source, name, "queryable") &&
		       can(orgs->of_target, name, "createable");
	return rc;
}

enum osy_code osy_related_ask(struct osy_template *template, struct osy_http *http,
	struct osy_org *source, struct osy_org *target, struct osy_related *ret,
	struct osy_err *err)
{
	struct orgs orgs = {.http = http, .source = source, .target = target};
	enum osy_code rc = osy_related_find(template,
		&(struct osy_related_orgs){.arg = &orgs, .describe = describe, .usable = usable},
		ret, err);

	osy_json_free(orgs.of_source);
	osy_json_free(orgs.of_target);
	return rc;
}
