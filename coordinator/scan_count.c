#include <stdio.h>
#include <stdlib.h>

#include "osy/mem.h"
#include "osy/sf_many.h"
#include "osy/sf_query.h"
#include "read.h"
#include "scan.h"
#include "soql.h"

#define MAX_SOQL (100 * 1024)

/*
 * ---- What the filters select, what the target holds, and the queries of the reading: side by side
 * ----
 */
#define IN_FLIGHT 8

static void ask(
	struct osy_org *org, struct osy_str soql, struct osy_buf *path, struct osy_sf_many *call)
{
	*path = OSY_BUF(4 * MAX_SOQL);
	osy_soql_path(soql, false, path);
	*call = (struct osy_sf_many){.org = org,
		.request = {.method = "GET", .path = osy_buf_str(path)},
		.body = OSY_BUF(1)};
}

static void ask_count(struct osy_org *org, const char *object, const char *where,
	struct osy_buf *path, struct osy_sf_many *call)
{
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(MAX_SOQL);

	osy_buf_addf(&soql, "SELECT COUNT() FROM %s", object);
	if (where) {
		osy_buf_addz(&soql, " WHERE ");
		osy_soql_nest(where, &soql);
	}
	ask(org, osy_buf_str(&soql), path, call);
}

/* The count does not sort; this query is the one of the reading. */
static void ask_probe(struct osy_org *org, const struct osy_spec_object *object,
	struct osy_buf *path, struct osy_sf_many *call)
{
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(MAX_SOQL);

	osy_read_probe(object, &soql);
	ask(org, osy_buf_str(&soql), path, call);
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

static enum osy_code refused(
	struct scan *scan, const struct osy_spec_object *object, struct osy_err *err)
{
	return osy_err_prefix(err,
		"template '%s', object %s: org '%s' refuses the query of the %s%s%s "
		"(%s%.100s%s%.100s)",
		scan->template->name, object->name, scan->drive->source_name,
		object->where ? "filter" : "", object->where && object->order_by ? " and " : "",
		object->order_by ? "order"
		: object->where	 ? ""
				 : "object",
		object->where ? "where: " : "", object->where ? object->where : "",
		object->order_by ? "; orderBy: " : "", object->order_by ? object->order_by : "");
}

static enum osy_code take_selected(struct scan *scan, struct osy_spec_object *object,
	const struct osy_sf_many *calls, struct osy_err *err)
{
	enum osy_code rc = take_count(&calls[0], &object->selected, err);

	if (!rc && calls[1].code) {
		*err = calls[1].err;
		rc = err->code;
	}
	if (rc == OSY_E_SALESFORCE && err->cls != OSY_RETRY)
		return refused(scan, object, err);
	if (!rc && object->limit && object->selected > object->limit)
		object->selected = object->limit;
	return rc;
}

static enum osy_code take_target(
	struct osy_spec_object *object, const struct osy_sf_many *call, struct osy_err *err)
{
	enum osy_code rc = take_count(call, &object->target_count, err);

	if (!rc)
		object->target_empty = object->target_count == 0 && !object->person_contact &&
				       !osy_plan_target_grows(object);
	return rc;
}

#define QUESTIONS 3 /* of an object */

static enum osy_code count_all(struct scan *scan, struct osy_err *err)
{
	size_t count = scan->plan.spec.object_count;
	OSY_AUTO_FREE struct osy_buf *paths = osy_xcalloc(QUESTIONS * count + 1, sizeof(*paths));
	OSY_AUTO_FREE struct osy_sf_many *calls =
		osy_xcalloc(QUESTIONS * count + 1, sizeof(*calls));
	enum osy_code rc = scan_may_go_on(scan, err);

	for (size_t i = 0; i < count; i++) {
		const struct osy_spec_object *object = &scan->plan.objects[i];
		size_t at = QUESTIONS * i;
		ask_count(scan->drive->source, object->name, object->where, &paths[at], &calls[at]);
		ask_probe(scan->drive->source, object, &paths[at + 1], &calls[at + 1]);
		ask_count(scan->drive->target, object->target, osy_plan_target_where(object),
			&paths[at + 2], &calls[at + 2]);
	}
	if (!rc)
		osy_sf_run_many(scan->drive->http, calls, QUESTIONS * count, IN_FLIGHT);
	for (size_t i = 0; i < count; i++) {
		struct osy_spec_object *object = &scan->plan.objects[i];
		if (!rc)
			rc = take_selected(scan, object, &calls[QUESTIONS * i], err);
		if (!rc)
			rc = take_target(object, &calls[QUESTIONS * i + 2], err);
	}
	for (size_t i = 0; i < QUESTIONS * count; i++) {
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
