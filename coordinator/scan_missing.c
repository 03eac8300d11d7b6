/*
 * Lookups to parents that the selection misses, counted by the source's own queries, a field and an
 * object that it may point to at a time.
 */
#include <stdlib.h>

#include "osy/mem.h"
#include "osy/sf_query.h"
#include "scan.h"
#include "soql.h"

#define MAX_SOQL (100 * 1024)

/* "WhoId" is What.Type's Who, "Parent__c" Parent__r. */
static void add_relation(const char *field, struct osy_buf *soql)
{
	size_t len = strlen(field);

	if (len > 3 && strcmp(field + len - 3, "__c") == 0)
		osy_buf_addf(soql, "%.*s__r", (int)len - 3, field);
	else if (len > 2 && strcmp(field + len - 2, "Id") == 0)
		osy_buf_add(soql, field, len - 2);
	else
		osy_buf_addz(soql, field);
}

/* Of lookups to several objects: only those that point to this one, or to none of them. */
static void add_types(const struct scan *scan, const struct osy_spec_field *field, int parent,
	struct osy_buf *soql)
{
	osy_buf_addz(soql, " AND ");
	add_relation(field->name, soql);
	if (parent >= 0) {
		osy_buf_addf(soql, ".Type = '%s'", scan->plan.objects[parent].name);
		return;
	}
	osy_buf_addz(soql, ".Type NOT IN (");
	for (size_t i = 0; i < field->parent_count; i++)
		osy_buf_addf(
			soql, "%s'%s'", i ? ", " : "", scan->plan.objects[field->parents[i]].name);
	osy_buf_addc(soql, ')');
}

static void note_unknown(struct scan *scan, const struct osy_spec_object *object,
	const struct osy_spec_field *field, int parent)
{
	if (parent < 0)
		osy_plan_notice(&scan->plan,
			"parents of %s.%s that are of no object of the template could not be "
			"counted",
			object->name, field->name);
	else
		osy_plan_notice(&scan->plan,
			"parents of %s.%s that the filter of %s leaves out could not be counted",
			object->name, field->name, scan->plan.objects[parent].name);
}

static enum osy_code count_one(struct scan *scan, const struct osy_spec_object *object,
	size_t field_index, int parent, struct osy_err *err)
{
	const struct osy_spec_field *field = &object->fields[field_index];
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(MAX_SOQL);
	int64_t count = 0;

	osy_buf_addf(&soql, "SELECT COUNT() FROM %s WHERE %s != null", object->name, field->name);
	if (object->where) {
		osy_buf_addz(&soql, " AND ");
		osy_soql_nest(object->where, &soql);
	}
	if (field->to_several || parent < 0)
		add_types(scan, field, parent, &soql);
	if (parent >= 0)
		osy_buf_addf(&soql, " AND %s NOT IN (SELECT Id FROM %s WHERE %s)", field->name,
			scan->plan.objects[parent].name, scan->plan.deltas[parent].where);
	enum osy_code rc = osy_sf_count(scan->drive->source, osy_buf_str(&soql), &count, err);
	if (rc == OSY_E_SALESFORCE) {
		note_unknown(scan, object, field, parent);
		*err = OSY_ERR_NONE;
		return OSY_OK;
	}
	if (rc || count == 0)
		return rc;
	scan->missing =
		osy_xrealloc(scan->missing, (scan->missing_count + 1) * sizeof(*scan->missing));
	scan->missing[scan->missing_count++] = (struct scan_missing){.object = object->index,
		.field = (int)field_index,
		.parent = parent,
		.count = count};
	return OSY_OK;
}

/* A parent with a limit, or in several legs, cannot be asked for by one query, nor the object
 * itself; an org that refuses the query is no fault of the run. */
static bool can_ask(const struct scan *scan, const struct osy_spec_object *object, int parent)
{
	const struct osy_spec_object *other = &scan->plan.objects[parent];

	for (size_t i = 0; i < scan->plan.spec.object_count; i++) {
		if ((int)i != parent && strcmp(scan->plan.objects[i].name, other->name) == 0)
			return false;
	}
	/* parents that an earlier run has brought are not missing */
	const char *where = scan->plan.deltas[parent].where;
	return where && !osy_soql_has_query(where) && !other->limit && other != object;
}

static enum osy_code count_field(struct scan *scan, const struct osy_spec_object *object,
	size_t field_index, struct osy_err *err)
{
	const struct osy_spec_field *field = &object->fields[field_index];
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; !rc && i < field->parent_count; i++) {
		if (can_ask(scan, object, field->parents[i]))
			rc = count_one(scan, object, field_index, field->parents[i], err);
	}
	if (!rc && field->parent_count && field->to_several && !field->to_users)
		rc = count_one(scan, object, field_index, -1, err);
	return rc;
}

enum osy_code scan_missing(struct scan *scan, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; i < scan->plan.spec.object_count; i++) {
		const struct osy_spec_object *object = &scan->plan.objects[i];
		for (size_t j = 0; !rc && j < object->field_count; j++)
			rc = count_field(scan, object, j, err);
	}
	return rc;
}
