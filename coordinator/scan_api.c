#include "osy/log.h"
#include "scan.h"

static int64_t calls_left(const struct osy_org *org)
{
	int64_t used, most;

	if (!org || !osy_org_usage(org, &used, &most))
		return -1;
	return most > used ? most - used : 0;
}

static void take_limit(const struct osy_json *limits, const char *name, int64_t *ret_left)
{
	*ret_left = osy_json_get_i64(osy_json_get(limits, name), "Remaining", -1);
}

/* *ret NULL: the org does not tell its limits. */
static enum osy_code ask_limits(struct osy_org *org, struct osy_json **ret, struct osy_err *err)
{
	enum osy_code rc = osy_sf_get(org, "limits", ret, err);

	if (rc != OSY_E_SALESFORCE)
		return rc;
	osy_log(OSY_INFO, "org.limits_unknown", OSY_KV("org", osy_org_name(org)), OSY_KV_ERR(err));
	*err = OSY_ERR_NONE;
	return OSY_OK;
}

/* New files and versions of files that the run may bring, at most. */
static int64_t file_versions(const struct osy_spec *spec)
{
	int64_t n = 0;

	for (size_t i = 0; i < spec->object_count; i++) {
		const struct osy_spec_object *object = &spec->objects[i];
		n += object->file && object->file->sum >= 0 ? object->selected : 0;
	}
	return n;
}

static void take_files(struct scan *scan, const struct osy_json *limits)
{
	take_limit(limits, "ContentPublicationLimit", &scan->files_left);
	if (scan->files_left < 0 || scan->file_versions <= scan->files_left)
		return;
	osy_plan_notice(&scan->plan,
		"org '%s' takes %lld more files and versions of files within 24 hours, and the run "
		"may bring %lld: what is too many waits",
		scan->drive->target_name, (long long)scan->files_left,
		(long long)scan->file_versions);
}

/* What is left of Bulk and of files, as far as it is wanted; what the org does not tell stays
 * unknown. */
static enum osy_code ask_bulk(struct scan *scan, struct osy_plan_quota *source,
	struct osy_plan_quota *target, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *of_source = NULL;
	OSY_AUTO(osy_json_free_at) struct osy_json *of_target = NULL;
	bool reads, loads, keys;
	enum osy_code rc = OSY_OK;

	osy_plan_wants_bulk(&scan->plan, source, target, &reads, &loads, &keys);
	if (reads)
		rc = ask_limits(scan->drive->source, &of_source, err);
	scan->file_versions = file_versions(&scan->plan.spec);
	if (!rc && (loads || keys || scan->file_versions))
		rc = ask_limits(scan->drive->target, &of_target, err);
	if (rc)
		return rc;
	take_limit(of_source, "DailyBulkV2QueryJobs", &source->bulk);
	take_files(scan, of_target);
	take_limit(of_target, "DailyBulkApiBatches", &target->bulk);
	take_limit(of_target, "DailyBulkV2QueryJobs", &target->keys);
	return OSY_OK;
}

/* About how many records of each object the id map has: these are not matched by their keys. */
static enum osy_code count_mapped(struct scan *scan, struct osy_err *err)
{
	const struct osy_spec *spec = &scan->plan.spec;
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; !rc && i < spec->object_count; i++) {
		const struct osy_spec_object *object = &spec->objects[i];
		OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
		if (!osy_plan_can_read_keys(spec, object))
			continue;
		rc = osy_pg_do(scan->drive->pg, &row, err,
			"SELECT coalesce(sum(CASE WHEN l.tombstone THEN -1 ELSE 1 END * "
			"octet_length(l.pairs)) / $5, 0)::bigint FROM idmap_log l JOIN org_pair p "
			"ON p.id = l.pair WHERE p.source_org_id = $1 AND p.target_org_id = $2 AND "
			"l.source_prefix = $3 AND l.target_prefix = $4",
			OSY_PG_Z(spec->source_org_id), OSY_PG_Z(spec->target_org_id),
			OSY_PG_Z(object->prefix), OSY_PG_Z(object->target_prefix),
			OSY_PG_I64(2 * OSY_ID_PACKED));
		if (!rc)
			scan->plan.mapped[i] = osy_pg_i64(row, 0, 0, 0);
	}
	return rc;
}

enum osy_code scan_api(struct scan *scan, struct osy_err *err)
{
	struct osy_drive *drive = scan->drive;
	struct osy_plan_quota source = {.calls = calls_left(drive->source), .bulk = -1};
	struct osy_plan_quota target = {.calls = calls_left(drive->target), .bulk = -1};
	enum osy_code rc = count_mapped(scan, err);

	if (!rc)
		rc = ask_bulk(scan, &source, &target, err);
	if (rc)
		return rc;
	osy_plan_api(&scan->plan, &source, &target);
	return OSY_OK;
}
