#include "osy/clock.h"
#include "osy/json_write.h"
#include "scan.h"

/* What one can expect of a lane. */
#define RECORDS_PER_SECOND_PER_LANE 150

static void estimate(
	const struct scan *scan, int64_t *ret_source, int64_t *ret_target, int64_t *ret_seconds)
{
	const struct osy_spec *spec = &scan->plan.spec;
	int64_t source = 0, target = 0, ms = 0;

	for (size_t i = 0; i < spec->object_count; i++) {
		const struct osy_spec_object *object = &spec->objects[i];
		source += osy_plan_read_calls(object, object->read_bulk);
		target += osy_plan_load_calls(object, object->load_bulk);
		ms += 1000 * object->selected / (RECORDS_PER_SECOND_PER_LANE * object->lanes);
	}
	*ret_source = source;
	*ret_target = target;
	*ret_seconds = (ms + 999) / 1000;
}

/* How records are matched that the id map does not have. */
static const char *match_way(const struct osy_spec_object *object)
{
	if (object->key_read)
		return "bulk";
	return object->target_empty || object->match == OSY_MATCH_NONE ? "none" : "rest";
}

/* Null: everything is read. */
static void put_moment(struct osy_json_writer *w, const char *key, int64_t ms)
{
	char text[32];

	if (ms >= 0)
		osy_wall_text(ms, text);
	osy_jw_put_str(w, key, ms < 0 ? OSY_STR_NULL : osy_str(text));
}

static void write_objects(const struct scan *scan, struct osy_json_writer *w)
{
	const struct osy_spec *spec = &scan->plan.spec;

	osy_jw_key(w, "objects");
	osy_jw_array(w);
	for (size_t i = 0; i < spec->object_count; i++) {
		const struct osy_spec_object *object = &spec->objects[i];
		if (object->waiting_of >= 0)
			continue;
		osy_jw_object(w);
		osy_jw_put_str(w, "name", osy_str(object->name));
		osy_jw_put_str(w, "target", osy_str(object->target));
		osy_jw_put_bool(w, "deletes", object->deletes);
		osy_jw_put_i64(w, "stage", object->stage);
		osy_jw_put_i64(w, "levels", object->levels);
		osy_jw_put_i64(w, "selected", object->selected);
		put_moment(w, "since", scan->plan.deltas[i].since);
		osy_jw_put_i64(w, "waiting",
			object->waiting_leg < 0 ? 0 : spec->objects[object->waiting_leg].selected);
		osy_jw_put_i64(w, "targetCount", object->target_count);
		osy_jw_put_i64(w, "lanes", object->lanes);
		osy_jw_put_i64(w, "fields", (int64_t)object->field_count);
		osy_jw_put_str(w, "read", osy_str(object->read_bulk ? "bulk" : "rest"));
		osy_jw_put_str(w, "load", osy_str(object->load_bulk ? "bulk" : "rest"));
		osy_jw_put_str(w, "match", osy_str(match_way(object)));
		osy_jw_put_i64(w, "sourceCalls", osy_plan_read_calls(object, object->read_bulk));
		osy_jw_put_i64(w, "targetCalls", osy_plan_load_calls(object, object->load_bulk));
		osy_jw_object_end(w);
	}
	osy_jw_array_end(w);
	osy_jw_key(w, "order");
	osy_jw_array(w);
	for (int stage = 1; stage <= spec->stages; stage++) {
		for (size_t i = 0; i < spec->object_count; i++) {
			const struct osy_spec_object *object = &spec->objects[i];
			if (object->stage == stage && !object->deletes && object->waiting_of < 0)
				osy_jw_str(w, osy_str(spec->objects[i].name));
		}
	}
	osy_jw_array_end(w);
}

/* What becomes of a record with such a lookup: a required one cannot be left out. */
static enum osy_missing policy_of(
	const struct osy_spec_object *object, const struct osy_spec_field *field)
{
	return field->missing == OSY_MISSING_BLANK && field->required && object->insert
		       ? OSY_MISSING_FAIL
		       : field->missing;
}

static void write_missing(const struct scan *scan, struct osy_json_writer *w)
{
	osy_jw_key(w, "missingParents");
	osy_jw_array(w);
	for (size_t i = 0; i < scan->missing_count; i++) {
		const struct scan_missing *missing = &scan->missing[i];
		const struct osy_spec_object *object = &scan->plan.objects[missing->object];
		const struct osy_spec_field *field = &object->fields[missing->field];
		osy_jw_object(w);
		osy_jw_put_str(w, "object", osy_str(object->name));
		osy_jw_put_str(w, "field", osy_str(field->name));
		osy_jw_put_str(w, "parent",
			osy_str(missing->parent < 0 ? ""
						    : scan->plan.objects[missing->parent].name));
		osy_jw_put_i64(w, "count", missing->count);
		osy_jw_put_str(w, "policy", osy_str(osy_missing_name(policy_of(object, field))));
		osy_jw_object_end(w);
	}
	osy_jw_array_end(w);
}

static void write_files(const struct scan *scan, struct osy_json_writer *w)
{
	osy_jw_key(w, "fileVersions");
	osy_jw_object(w);
	osy_jw_put_i64(w, "selected", scan->file_versions);
	if (scan->file_versions && scan->files_left >= 0) {
		osy_jw_put_i64(w, "left", scan->files_left);
	} else {
		osy_jw_key(w, "left");
		osy_jw_null(w);
	}
	osy_jw_object_end(w);
}

void scan_report(const struct scan *scan, struct osy_buf *out)
{
	struct osy_json_writer w = osy_json_writer(out);
	int64_t source, target, seconds;

	estimate(scan, &source, &target, &seconds);
	osy_jw_object(&w);
	write_objects(scan, &w);
	scan_hierarchy(scan, &w);
	write_missing(scan, &w);
	osy_jw_key(&w, "apiCalls");
	osy_jw_object(&w);
	osy_jw_put_i64(&w, "source", source);
	osy_jw_put_i64(&w, "target", target);
	osy_jw_object_end(&w);
	write_files(scan, &w);
	osy_jw_put_i64(&w, "estimatedSeconds", seconds);
	osy_jw_key(&w, "notices");
	osy_jw_array(&w);
	for (size_t i = 0; i < scan->plan.notice_count; i++)
		osy_jw_str(&w, osy_str(scan->plan.notices[i]));
	osy_jw_array_end(&w);
	osy_jw_object_end(&w);
}
