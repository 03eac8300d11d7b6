#include "osy/log.h"
#include "scan.h"

static int64_t calls_left(const struct osy_org *org)
{
	int64_t used, most;

	if (!org || !osy_org_usage(org, &used, &most))
		return -1;
	return most > used ? most - used : 0;
}

/* What is left of one limit; what the org does not tell stays unknown. */
static enum osy_code ask_limit(
	struct osy_org *org, const char *name, int64_t *ret_left, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *limits = NULL;
	enum osy_code rc = osy_sf_get(org, "limits", &limits, err);

	if (rc == OSY_E_SALESFORCE) {
		osy_log(OSY_INFO, "org.limits_unknown", OSY_KV("org", osy_org_name(org)),
			OSY_KV_ERR(err));
		*err = OSY_ERR_NONE;
		return OSY_OK;
	}
	if (!rc)
		*ret_left = osy_json_get_i64(osy_json_get(limits, name), "Remaining", -1);
	return rc;
}

enum osy_code scan_api(struct scan *scan, struct osy_err *err)
{
	struct osy_drive *drive = scan->drive;
	struct osy_plan_quota source = {.calls = calls_left(drive->source), .bulk = -1};
	struct osy_plan_quota target = {.calls = calls_left(drive->target), .bulk = -1};
	bool reads, loads;
	enum osy_code rc = OSY_OK;

	osy_plan_wants_bulk(&scan->plan, &source, &target, &reads, &loads);
	if (reads)
		rc = ask_limit(drive->source, "DailyBulkV2QueryJobs", &source.bulk, err);
	if (!rc && loads)
		rc = ask_limit(drive->target, "DailyBulkApiBatches", &target.bulk, err);
	if (rc)
		return rc;
	osy_plan_api(&scan->plan, &source, &target);
	return OSY_OK;
}
