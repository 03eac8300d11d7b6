#include "order.h"
#include "drive.h"

#include <stdio.h>
#include <strings.h>

#include "osy/json.h"
#include "osy/mem.h"
#include "osy/names.h"
#include "template.h"

/* ---- Places ---- */
/* -1: not in the list */
static int place_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(names[i], name) == 0)
			return (int)i;
	}
	return -1;
}

/* The first object of this name; -1. */
static int find(const struct osy_spec *spec, const char *name)
{
	for (size_t i = 0; i < spec->object_count; i++) {
		if (strcasecmp(spec->objects[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static enum osy_code check_names(
	const struct osy_spec *spec, const char *const *names, size_t count, struct osy_err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (place_of(names[i], names, i) >= 0)
			return osy_fail(err, OSY_E_INVALID,
				"the order names %s twice; name each object once", names[i]);
		if (find(spec, names[i]) >= 0)
			continue;
		OSY_AUTO_FREE const char **candidates =
			osy_xcalloc(spec->object_count + 1, sizeof(*candidates));
		for (size_t k = 0; k < spec->object_count; k++)
			candidates[k] = spec->objects[k].name;
		const char *near = osy_nearest(names[i], candidates, spec->object_count);
		return osy_fail(err, OSY_E_INVALID,
			"the order names %.80s, which is no object of the run%s%s%s", names[i],
			near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	}
	for (size_t i = 0; i < spec->object_count; i++) {
		if (place_of(spec->objects[i].name, names, count) < 0)
			return osy_fail(err, OSY_E_INVALID,
				"the order does not name %s; name every object of the run once",
				spec->objects[i].name);
	}
	return OSY_OK;
}

static bool is_key(const struct osy_spec_object *object, size_t field)
{
	for (size_t i = 0; i < object->key_count; i++) {
		if (object->keys[i] == (int)field)
			return true;
	}
	return false;
}

/* A lookup without which a record cannot go in, or cannot be matched. */
static enum osy_code check_lookup(const struct osy_spec *spec, const struct osy_spec_object *object,
	size_t field, const char *const *names, size_t count, struct osy_err *err)
{
	const struct osy_spec_field *lookup = &object->fields[field];
	bool key = is_key(object, field);

	if (!key && (!lookup->required || !object->insert))
		return OSY_OK;
	for (size_t i = 0; i < lookup->parent_count; i++) {
		const char *parent = spec->objects[lookup->parents[i]].name;
		if (strcasecmp(parent, object->name) == 0 ||
			place_of(parent, names, count) < place_of(object->name, names, count))
			continue;
		return osy_fail(err, OSY_E_INVALID,
			"%s cannot come before %s: its lookup %s is %s, so that %s must be in "
			"first; put %s before %s",
			object->name, parent, lookup->name,
			key ? "a match key" : "required in the target", parent, parent,
			object->name);
	}
	return OSY_OK;
}

enum osy_code osy_order_check(
	const struct osy_spec *spec, const char *const *names, size_t count, struct osy_err *err)
{
	enum osy_code rc = check_names(spec, names, count, err);

	for (size_t i = 0; !rc && i < spec->object_count; i++) {
		const struct osy_spec_object *object = &spec->objects[i];
		for (size_t f = 0; !rc && f < object->field_count; f++)
			rc = check_lookup(spec, object, f, names, count, err);
	}
	return rc;
}

/* ---- Reasons ---- */
/* Parents of a lookup, each name once. */
static void write_parents(const struct osy_spec *spec, const struct osy_spec_object *object,
	const struct osy_spec_field *field, struct osy_json_writer *w)
{
	for (size_t i = 0; i < field->parent_count; i++) {
		const char *parent = spec->objects[field->parents[i]].name;
		bool told = false;
		for (size_t k = 0; k < i; k++)
			told |= strcmp(spec->objects[field->parents[k]].name, parent) == 0;
		if (told)
			continue;
		osy_jw_object(w);
		osy_jw_put_str(w, "object", osy_str(parent));
		osy_jw_put_str(w, "field", osy_str(field->name));
		osy_jw_put_bool(w, "required", field->required && object->insert);
		osy_jw_object_end(w);
	}
}

/* A level of its own object alone, which waits for no other one. */
static bool is_own(const struct osy_spec_object *object, const struct osy_spec_field *field)
{
	return field->level && field->parent_count == 1 && field->parents[0] == object->index;
}

static void write_lookups(const struct osy_spec *spec, const struct osy_spec_object *object,
	bool links, struct osy_json_writer *w)
{
	osy_jw_key(w, links ? "links" : "after");
	osy_jw_array(w);
	for (size_t f = 0; f < object->field_count; f++) {
		if (object->fields[f].parent_count && object->fields[f].link == links &&
			!is_own(object, &object->fields[f]))
			write_parents(spec, object, &object->fields[f], w);
	}
	osy_jw_array_end(w);
}

static void add_reasons(const struct osy_spec *spec, const struct osy_spec_object *object,
	bool links, struct osy_buf *out)
{
	bool first = true;

	for (size_t f = 0; f < object->field_count; f++) {
		const struct osy_spec_field *field = &object->fields[f];
		if (!field->parent_count || field->link != links || is_own(object, field))
			continue;
		osy_buf_addz(out, first ? links ? "link pass: " : "after " : ", ");
		first = false;
		for (size_t i = 0; !links && i < field->parent_count; i++)
			osy_buf_addf(out, "%s%s", i ? " and " : "",
				spec->objects[field->parents[i]].name);
		if (links)
			osy_buf_addf(out, "%s to %s", field->name,
				spec->objects[field->parents[0]].name);
		else
			osy_buf_addf(out, " (%s%s)", field->name,
				field->required && object->insert ? ", required" : "");
	}
}

static void add_levels(const struct osy_spec_object *object, struct osy_buf *out)
{
	bool first = true;

	for (size_t f = 0; f < object->field_count; f++) {
		if (!object->fields[f].level)
			continue;
		osy_buf_addf(
			out, "%s%s", first ? "; level by level: " : ", ", object->fields[f].name);
		first = false;
	}
	if (!first)
		osy_buf_addf(
			out, " (%d %s)", object->levels, object->levels == 1 ? "stage" : "stages");
}

static void write_reason(const struct osy_spec *spec, const struct osy_spec_object *object,
	bool second_leg, struct osy_json_writer *w)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(64 * 1024), links = OSY_BUF(64 * 1024);

	add_reasons(spec, object, false, &text);
	if (object->person_contact)
		osy_buf_addf(&text, "%s of person accounts, which come with their account",
			text.len ? ";" : "");
	else if (second_leg)
		osy_buf_addf(&text, "%s the standard prices", text.len ? ", after" : "after");
	if (!text.len)
		osy_buf_addz(&text, "waits for no other object");
	add_levels(object, &text);
	add_reasons(spec, object, true, &links);
	if (links.len)
		osy_buf_addf(&text, "; %s", links.p);
	osy_jw_put_str(w, "reason", osy_buf_str(&text));
}

/*
 * The objects by stage; those of one stage in the template's order. Records that wait are no object
 * of their own in anybody's eyes.
 */
static size_t in_order(const struct osy_spec *spec, const struct osy_spec_object **ret)
{
	size_t n = 0;

	for (int stage = 1; stage <= spec->stages; stage++) {
		for (size_t i = 0; i < spec->object_count; i++) {
			if (spec->objects[i].stage == stage && spec->objects[i].waiting_of < 0)
				ret[n++] = &spec->objects[i];
		}
	}
	return n;
}

void osy_order_write(const struct osy_spec *spec, struct osy_json_writer *w)
{
	OSY_AUTO_FREE const struct osy_spec_object **objects =
		osy_xcalloc(spec->object_count + 1, sizeof(*objects));
	size_t count = in_order(spec, objects);

	osy_jw_key(w, "order");
	osy_jw_array(w);
	for (size_t i = 0; i < count; i++) {
		bool told = false;
		for (size_t k = 0; k < i; k++)
			told |= strcmp(objects[k]->name, objects[i]->name) == 0;
		if (!told)
			osy_jw_str(w, osy_str(objects[i]->name));
	}
	osy_jw_array_end(w);
	osy_jw_key(w, "objects");
	osy_jw_array(w);
	for (size_t i = 0; i < count; i++) {
		bool second =
			objects[i]->index > 0 &&
			strcmp(spec->objects[objects[i]->index - 1].name, objects[i]->name) == 0;
		osy_jw_object(w);
		osy_jw_put_i64(w, "place", (int64_t)i + 1);
		osy_jw_put_i64(w, "stage", objects[i]->stage);
		osy_jw_put_str(w, "name", osy_str(objects[i]->name));
		osy_jw_put_str(w, "target", osy_str(objects[i]->target));
		write_lookups(spec, objects[i], false, w);
		write_lookups(spec, objects[i], true, w);
		write_reason(spec, objects[i], second, w);
		osy_jw_object_end(w);
	}
	osy_jw_array_end(w);
}

/* ---- Saving ---- */
/* The run's row, locked; its spec, NULL when it is Not Started. */
static enum osy_code lock_run(struct osy_pg *pg, const char *run, bool may_be_unplanned,
	struct osy_spec **ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_run_state state;
	enum osy_code rc = osy_pg_do(pg, &row, err,
		"SELECT state, wanted IS NOT NULL, spec FROM run WHERE id = $1 FOR UPDATE",
		OSY_PG_Z(run));

	if (rc)
		return rc;
	if (osy_pg_rows(row) == 0)
		return osy_no_such_run(run, err);
	if (!osy_run_state_parse(osy_pg_str(row, 0, 0), &state))
		return osy_fail(err, OSY_E_INTERNAL, "run %s is in an unknown state", run);
	if (state == OSY_RUN_NOT_STARTED && may_be_unplanned)
		return OSY_OK;
	if (state == OSY_RUN_NOT_STARTED)
		return osy_fail(err, OSY_E_STATE,
			"run %s has not been scanned yet; `orgsync run scan %s` finds its order",
			run, run);
	if (state != OSY_RUN_SCANNED || osy_pg_i64(row, 0, 1, 0) || osy_pg_is_null(row, 0, 2))
		return osy_fail(err, OSY_E_STATE,
			"run %s is in state '%s'; its order can be changed when it is Scanned, "
			"before it is started",
			run, osy_run_state_name(state));
	return osy_spec_read(osy_pg_str(row, 0, 2), ret, err);
}

static void write_names(const char *const *names, size_t count, struct osy_buf *out)
{
	struct osy_json_writer w = osy_json_writer(out);

	osy_jw_array(&w);
	for (size_t i = 0; i < count; i++)
		osy_jw_str(&w, osy_str(names[i]));
	osy_jw_array_end(&w);
}

static enum osy_code save(struct osy_pg *pg, const char *run, const char *const *names,
	size_t count, const char *by, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(1024 * 1024);
	enum osy_code rc;

	if (names)
		write_names(names, count, &text);
	rc = osy_pg_do(pg, NULL, err,
		"INSERT INTO run_order (run, version, objects, created_by) SELECT $1, "
		"coalesce(max(version), 0) + 1, $2, $3 FROM run_order WHERE run = $1",
		OSY_PG_Z(run), names ? OSY_PG_TEXT(osy_buf_str(&text)) : OSY_PG_NULL, OSY_PG_Z(by));
	if (!rc)
		rc = osy_pg_do(pg, NULL, err,
			"UPDATE run SET state = 'Scan In Progress', problem = NULL WHERE id = $1 "
			"AND state = 'Scanned'",
			OSY_PG_Z(run));
	return rc ? rc : osy_pg_do(pg, NULL, err, "UPDATE world SET version = version + 1");
}

enum osy_code osy_order_save(struct osy_pg *pg, const char *run, const char *const *names,
	size_t count, const char *by, struct osy_err *err)
{
	struct osy_spec *spec = NULL;
	enum osy_code rc = osy_pg_begin(pg, err);

	if (!rc)
		rc = lock_run(pg, run, !names, &spec, err);
	if (!rc && names)
		rc = osy_order_check(spec, names, count, err);
	osy_spec_free(spec);
	if (!rc)
		rc = save(pg, run, names, count, by, err);
	if (!rc)
		return osy_pg_commit(pg, err);
	osy_pg_rollback(pg);
	return rc;
}
