#include <stdio.h>
#include <stdlib.h>

#include "osy/mem.h"
#include "osy/sf_many.h"
#include "osy/sf_query.h"
#include "scan.h"

#define MAX_SOQL (100 * 1024)

/* ---- What the filters select and what the target holds, side by side ---- */
#define IN_FLIGHT 8

static void ask_count(struct osy_org *org, const char *object, const char *where,
	struct osy_buf *path, struct osy_sf_many *call)
{
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(MAX_SOQL);

	osy_buf_addf(&soql, "SELECT COUNT() FROM %s", object);
	if (where)
		osy_buf_addf(&soql, " WHERE %s", where);
	*path = OSY_BUF(4 * MAX_SOQL);
	osy_soql_path(osy_buf_str(&soql), false, path);
	*call = (struct osy_sf_many){.org = org,
		.request = {.method = "GET", .path = osy_buf_str(path)},
		.body = OSY_BUF(1)};
}

static enum osy_code no_row(const struct osy_str *values, void *arg, struct osy_err *err)
{
	(void)values;
	(void)arg;
	(void)err;
	return OSY_OK;
}

static enum osy_code take_count(const struct osy_sf_many *call, int64_t *ret, struct osy_err *err)
{
	struct osy_sf_page page;

	if (call->code) {
		*err = call->err;
		return call->code;
	}
	enum osy_code rc = osy_sf_page_read(
		osy_buf_str(&call->body), false, NULL, 0, no_row, NULL, &page, err);
	if (!rc)
		*ret = page.total_size;
	return rc;
}

static enum osy_code take_selected(struct scan *scan, struct osy_spec_object *object,
	const struct osy_sf_many *call, struct osy_err *err)
{
	enum osy_code rc = take_count(call, &object->selected, err);

	if (rc == OSY_E_SALESFORCE)
		return osy_err_prefix(err,
			"template '%s', object %s: org '%s' refuses the query of the filter "
			"(where: "
			"%.100s)",
			scan->template->name, object->name, scan->drive->source_name,
			object->where ? object->where : "");
	if (!rc && object->limit && object->selected > object->limit)
		object->selected = object->limit;
	return rc;
}

static enum osy_code take_target(
	struct osy_spec_object *object, const struct osy_sf_many *call, struct osy_err *err)
{
	enum osy_code rc = take_count(call, &object->target_count, err);

	if (!rc)
		object->target_empty = object->target_count == 0 && !object->person_contact;
	return rc;
}

static enum osy_code count_all(struct scan *scan, struct osy_err *err)
{
	size_t count = scan->plan.spec.object_count;
	OSY_AUTO_FREE struct osy_buf *paths = osy_xcalloc(2 * count + 1, sizeof(*paths));
	OSY_AUTO_FREE struct osy_sf_many *calls = osy_xcalloc(2 * count + 1, sizeof(*calls));
	enum osy_code rc = scan_may_go_on(scan, err);

	for (size_t i = 0; i < count; i++) {
		const struct osy_spec_object *object = &scan->plan.objects[i];
		ask_count(scan->drive->source, object->name, object->where, &paths[2 * i],
			&calls[2 * i]);
		ask_count(scan->drive->target, object->target, NULL, &paths[2 * i + 1],
			&calls[2 * i + 1]);
	}
	if (!rc)
		osy_sf_run_many(scan->drive->http, calls, 2 * count, IN_FLIGHT);
	for (size_t i = 0; i < count; i++) {
		struct osy_spec_object *object = &scan->plan.objects[i];
		if (!rc)
			rc = take_selected(scan, object, &calls[2 * i], err);
		if (!rc)
			rc = take_target(object, &calls[2 * i + 1], err);
	}
	for (size_t i = 0; i < 2 * count; i++) {
		osy_buf_done(&paths[i]);
		osy_buf_done(&calls[i].body);
	}
	return rc;
}

enum osy_code scan_count(struct scan *scan, struct osy_err *err)
{
	enum osy_code rc = count_all(scan, err);
	if (!rc)
		rc = scan_missing(scan, err);
	return rc ? rc : scan_pins(scan, err);
}
