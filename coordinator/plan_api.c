/* REST or Bulk: by what it costs in API calls, and by what the org has left. */
#include "osy/key.h"
#include "plan.h"

/* Fewer records than this are never worth a job, unless the template says so. */
#define LOAD_LEAST 10000
#define DEAR_LEAST 20000    /* where REST would take a share of what is left today */
#define KEYLESS_LEAST 50000 /* a job is its own fence: nothing is inserted twice */
#define ALWAYS 200000
#define DEAR_PERCENT 1
#define KEYS_LEAST 20000   /* records to be matched: a job takes its time */
#define KEYS_MOST 10000000 /* keys in Redis: about 200 MB */

/* Records a page or request. A job of ingest is one a lane, cut at JOB_RECORDS. */
#define REST_PAGE 2000
#define REST_REQUEST 1000
#define JOB_RECORDS 150000
#define INTERNAL_BATCH 10000

/* Calls of a job besides its pages: made, looked at, closed, results, deleted. */
#define QUERY_JOB_CALLS 7
#define INGEST_JOB_CALLS 12
#define FILE_CALLS 2 /* to the target, of a file: it is sent, and looked at */

static int64_t file_calls(const struct osy_spec_file *file)
{
	/* and read again */
	return FILE_CALLS + ((file->verify && file->sum < 0) || file->size < 0);
}

static int64_t parts(int64_t records, int64_t size)
{
	return (records + size - 1) / size;
}

int64_t osy_plan_read_calls(const struct osy_spec_object *object, bool bulk)
{
	if (bulk)
		return parts(object->selected, OSY_BULK_PAGE) + QUERY_JOB_CALLS;
	/* with a limit, or by levels, the ids are listed before the records are read */
	return parts(object->selected, REST_PAGE) * (osy_spec_is_listed(object) ? 2 : 1) + 1 +
	       (object->file ? object->selected * (object->file->size < 0 ? 2 : 1) : 0);
}

static int64_t ingest_jobs(const struct osy_spec_object *object)
{
	/* of each level at least one */
	return object->lanes * (parts(parts(object->selected, object->lanes), JOB_RECORDS) +
				       (object->levels > 1 ? object->levels - 1 : 0));
}

/* By keys that were read: the job, and the targets that were found are read by id. */
static int64_t key_read_calls(const struct osy_spec_object *object, int64_t records)
{
	int64_t found = records < object->target_count ? records : object->target_count;

	return parts(object->target_count, OSY_BULK_PAGE) + QUERY_JOB_CALLS +
	       parts(found, REST_PAGE);
}

bool osy_plan_key_read_pays(const struct osy_spec_object *object, int64_t records)
{
	return key_read_calls(object, records) < parts(records, REST_REQUEST);
}

int64_t osy_plan_load_calls(const struct osy_spec_object *object, bool bulk)
{
	int64_t calls = 0;

	if (object->key_read)
		calls += key_read_calls(object, object->selected);
	else if (!object->target_empty && object->match != OSY_MATCH_NONE)
		calls += parts(object->selected, REST_REQUEST);
	if (object->match_only)
		return calls;
	if (object->file)
		return calls + object->selected * file_calls(object->file);
	return calls + (bulk ? ingest_jobs(object) * INGEST_JOB_CALLS
			     : parts(object->selected, REST_REQUEST));
}

/* ---- The rules; docs/templates.md tells them ---- */
static bool is_dear(int64_t calls, int64_t left)
{
	return left >= 0 && calls * 100 > left * DEAR_PERCENT;
}

static bool can_read_bulk(const struct osy_spec_object *object)
{
	if (osy_spec_is_listed(object))
		return false;
	for (size_t i = 0; i < object->field_count; i++) {
		enum osy_sf_type type = object->fields[i].type;
		if (type == OSY_T_BASE64 || type == OSY_T_ADDRESS || type == OSY_T_LOCATION)
			return false;
	}
	return true;
}

static bool is_read_bulk(const struct osy_spec_object *object, enum osy_template_api api,
	const struct osy_plan_quota *source)
{
	if (api == OSY_API_REST || !can_read_bulk(object))
		return false;
	return api == OSY_API_BULK || object->selected >= ALWAYS ||
	       (object->selected >= DEAR_LEAST &&
		       is_dear(osy_plan_read_calls(object, false), source->calls));
}

static int64_t rest_load_calls(const struct osy_spec_object *object)
{
	return parts(object->selected, REST_REQUEST) +
	       (object->target_empty ? 0 : parts(object->selected, REST_PAGE));
}

static bool is_load_bulk(const struct osy_spec_object *object, enum osy_template_api api,
	const struct osy_plan_quota *target)
{
	if (api == OSY_API_REST || object->match_only || object->file)
		return false;
	if (api == OSY_API_BULK)
		return true;
	if (object->levels && object->selected / object->levels < LOAD_LEAST)
		return false; /* each level has its own jobs */
	if (object->selected >= ALWAYS)
		return true;
	if (object->selected < LOAD_LEAST)
		return false;
	return (object->selected >= DEAR_LEAST &&
		       is_dear(rest_load_calls(object), target->calls)) ||
	       (object->selected >= KEYLESS_LEAST && !osy_key_is_unique(object));
}

bool osy_plan_can_read_keys(const struct osy_spec *spec, const struct osy_spec_object *object)
{
	if (osy_key_count(object) == 0 || object->target_empty || object->target_count > KEYS_MOST)
		return false;
	for (size_t i = 0; i < spec->object_count; i++) {
		const struct osy_spec_object *other = &spec->objects[i];
		if (other != object && strcmp(other->target, object->target) == 0)
			return false;
	}
	return true;
}

static bool is_key_read(const struct osy_plan *plan, size_t index)
{
	const struct osy_spec_object *object = &plan->objects[index];
	int64_t records = object->selected - plan->mapped[index];

	if (plan->apis[index] == OSY_API_REST || !osy_plan_can_read_keys(&plan->spec, object))
		return false;
	if (plan->apis[index] == OSY_API_AUTO && records < KEYS_LEAST)
		return false;
	return osy_plan_key_read_pays(object, records > 0 ? records : 0);
}

void osy_plan_wants_bulk(const struct osy_plan *plan, const struct osy_plan_quota *source,
	const struct osy_plan_quota *target, bool *ret_read, bool *ret_load, bool *ret_keys)
{
	*ret_read = *ret_load = *ret_keys = false;
	for (size_t i = 0; i < plan->spec.object_count; i++) {
		*ret_read |= is_read_bulk(&plan->objects[i], plan->apis[i], source);
		*ret_load |= is_load_bulk(&plan->objects[i], plan->apis[i], target);
		*ret_keys |= is_key_read(plan, i);
	}
}

/* ---- The choice ---- */
/* Takes what a choice needs out of what is left. Without enough, auto takes REST. */
static bool afford(struct osy_plan *plan, size_t index, int64_t need, int64_t *left,
	const char *what, const char *org)
{
	if (*left < 0)
		return true;
	if (*left >= need) {
		*left -= need;
		return true;
	}
	if (plan->apis[index] == OSY_API_AUTO)
		return false;
	osy_plan_notice(plan,
		"api: bulk of %s needs about %lld of org '%s' today's %s, of which %lld are left; "
		"it goes on by REST where the org refuses",
		plan->objects[index].name, (long long)need, org, what, (long long)*left);
	*left = 0;
	return true;
}

static int64_t internal_batches(const struct osy_spec_object *object)
{
	return parts(object->selected, INTERNAL_BATCH) + OSY_BULK_LANES;
}

void osy_plan_api(struct osy_plan *plan, const struct osy_plan_quota *source,
	const struct osy_plan_quota *target)
{
	int64_t query_jobs = source->bulk, batches = target->bulk, key_jobs = target->keys;

	for (size_t i = 0; i < plan->spec.object_count; i++) {
		struct osy_spec_object *object = &plan->objects[i];
		enum osy_template_api api = plan->apis[i];
		object->read_bulk =
			is_read_bulk(object, api, source) &&
			afford(plan, i, 1, &query_jobs, "Bulk query jobs", plan->spec.source);
		object->load_bulk = is_load_bulk(object, api, target) &&
				    afford(plan, i, internal_batches(object), &batches,
					    "Bulk batches", plan->spec.target);
		object->key_read = is_key_read(plan, i) && key_jobs != 0;
		key_jobs -= object->key_read && key_jobs > 0;
		if (api == OSY_API_BULK && !can_read_bulk(object))
			osy_plan_notice(plan, "%s is read by REST in spite of api: bulk: %s",
				object->name,
				object->limit	 ? "with a limit its ids are listed first"
				: object->levels ? "its ids are listed first, level by level"
						 : "Bulk cannot query one of its fields");
	}
}
