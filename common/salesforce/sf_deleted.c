#include "osy/sf_deleted.h"

#include <string.h>

#include "osy/clock.h"
#include "osy/mem.h"

#define MINUTE 60000
#define SHORTEST (60 * MINUTE) /* a span is not halved below it */

static void add_time(struct osy_buf *path, const char *name, int64_t ms)
{
	char text[32];

	osy_wall_text(ms, text);
	osy_buf_addf(path, "%s=", name);
	osy_url_encode(osy_str(text), path);
}

static enum osy_code take(const struct osy_json *reply, osy_sf_deleted_id row, void *arg,
	int64_t *ret_earliest_ms, struct osy_err *err)
{
	const struct osy_json *records = osy_json_get(reply, "deletedRecords");
	struct osy_str earliest = osy_json_get_str(reply, "earliestDateAvailable");
	enum osy_code rc = OSY_OK;

	if (earliest.p)
		*ret_earliest_ms = osy_wall_parse(earliest.p, earliest.len);
	for (size_t i = 0; !rc && i < osy_json_count(records); i++) {
		struct osy_id id;
		if (osy_id_parse(osy_json_get_str(osy_json_at(records, i), "id"), &id))
			rc = row(&id, arg, err);
	}
	return rc;
}

static bool is_too_much(const struct osy_err *err)
{
	return strcmp(err->origin, "sf:EXCEEDED_ID_LIMIT") == 0 || err->code == OSY_E_TOO_BIG;
}

enum osy_code osy_sf_deleted(struct osy_org *org, const char *object, int64_t start_ms,
	int64_t end_ms, osy_sf_deleted_id row, void *arg, int64_t *ret_earliest_ms,
	struct osy_err *err)
{
	int64_t span = end_ms - start_ms, at = start_ms;
	enum osy_code rc = OSY_OK;

	*ret_earliest_ms = -1;
	while (!rc && at < end_ms) {
		OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(4096);
		OSY_AUTO(osy_json_free_at) struct osy_json *reply = NULL;
		int64_t to = end_ms - at < span + 2 * MINUTE ? end_ms : at + span;
		osy_buf_addf(&path, "sobjects/%s/deleted/?", object);
		add_time(&path, "start", at);
		add_time(&path, "&end", to);
		rc = osy_sf_get(org, path.p, &reply, err);
		if (rc && is_too_much(err) && span > SHORTEST) {
			span /= 2;
			*err = OSY_ERR_NONE;
			rc = OSY_OK;
			continue;
		}
		if (!rc)
			rc = take(reply, row, arg, ret_earliest_ms, err);
		at = to;
	}
	return rc;
}
