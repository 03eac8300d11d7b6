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
		object->target_empty = object->target_count == 0 && !osy_plan_target_grows(object);
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
		ask_count(scan->drive->target, object->target, osy_plan_target_where(object), &paths[2 * i + 1],
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

/* Whether the run selects only some records of it. */
static bool is_partial(const struct osy_spec_object *object)
{
	return object->where || object->limit;
}

/*
 * Children whose parent the selection misses. A parent with a limit, or in several legs, cannot be
 * asked for by one query; an org that refuses the query is no fault of the run.
 */
static enum osy_code count_missing(struct scan *scan, const struct osy_spec_object *object,
	size_t field_index, struct osy_err *err)
{
	const struct osy_spec_field *field = &object->fields[field_index];
	const struct osy_spec_object *parent =
		field->parent_count == 1 ? &scan->plan.objects[field->parents[0]] : NULL;
	/* parents that an earlier run has brought are not missing */
	const char *where = parent ? scan->plan.deltas[parent->index].where : NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(MAX_SOQL);
	int64_t count = 0;

	if (!where || parent->limit || parent == object)
		return OSY_OK;
	osy_buf_addf(&soql,
		"SELECT COUNT() FROM %s WHERE %s%s%s%s != null AND %s NOT IN (SELECT Id FROM %s "
		"WHERE "
		"%s)",
		object->name, object->where ? "(" : "", object->where ? object->where : "",
		object->where ? ") AND " : "", field->name, field->name, parent->name, where);
	enum osy_code rc = osy_sf_count(scan->drive->source, osy_buf_str(&soql), &count, err);
	if (rc == OSY_E_SALESFORCE) {
		osy_plan_notice(&scan->plan,
			"parents of %s.%s that the filter of %s leaves out could not be counted",
			object->name, field->name, parent->name);
		*err = OSY_ERR_NONE;
		return OSY_OK;
	}
	if (rc || count == 0)
		return rc;
	scan->missing =
		osy_xrealloc(scan->missing, (scan->missing_count + 1) * sizeof(*scan->missing));
	scan->missing[scan->missing_count++] = (struct scan_missing){
		.object = object->index, .field = (int)field_index, .count = count};
	return OSY_OK;
}

static enum osy_code count_all_missing(struct scan *scan, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;
	bool partial = false;

	for (size_t i = 0; i < scan->plan.spec.object_count; i++)
		partial |= is_partial(&scan->plan.objects[i]);
	for (size_t i = 0; partial && i < scan->plan.spec.object_count; i++) {
		const struct osy_spec_object *object = &scan->plan.objects[i];
		for (size_t j = 0; !rc && j < object->field_count; j++)
			rc = count_missing(scan, object, j, err);
	}
	return rc;
}

enum osy_code scan_count(struct scan *scan, struct osy_err *err)
{
	enum osy_code rc = count_all(scan, err);
	if (!rc)
		rc = count_all_missing(scan, err);
	return rc ? rc : scan_pins(scan, err);
}
