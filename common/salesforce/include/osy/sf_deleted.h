/*
 * getDeleted: ids of records that were deleted in a span of time, also of those that the recycle
 * bin holds no longer. Source: salesforce-wire.md section 2.8.
 */
#ifndef OSY_SF_DELETED_H
#define OSY_SF_DELETED_H

#include "osy/sf_id.h"
#include "osy/sf_org.h"

#define OSY_SF_DELETED_DAYS 15 /* an org tells of no more */

typedef enum osy_code (*osy_sf_deleted_id)(const struct osy_id *id, void *arg, struct osy_err *err);
/*
 * On the spot, in ms of the org's own clock; a span that holds more ids than a reply may is asked
 * for in parts. *ret_earliest_ms: the org can tell of nothing before; -1: it does not say.
 */
enum osy_code osy_sf_deleted(struct osy_org *org, const char *object, int64_t start_ms,
	int64_t end_ms, osy_sf_deleted_id row, void *arg, int64_t *ret_earliest_ms,
	struct osy_err *err) OSY_CHECKED;

#endif
