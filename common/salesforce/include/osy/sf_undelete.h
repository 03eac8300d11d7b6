/*
 * SOAP undelete: records out of the recycle bin, which no REST call does. Source:
 * salesforce-wire.md section 2.14.
 */
#ifndef OSY_SF_UNDELETE_H
#define OSY_SF_UNDELETE_H

#include "osy/sf_collection.h"
#include "osy/sf_id.h"

#define OSY_SF_UNDELETE_MAX 200

/* A call for ids of 18 characters; body is filled, and ret points into it. */
void osy_sf_undelete(
	const char (*ids)[19], size_t count, struct osy_buf *body, struct osy_sf_request *ret);
/* A result an id, in their order; part is 0. */
enum osy_code osy_sf_undelete_read(struct osy_str reply, size_t count, osy_sf_result result,
	void *arg, struct osy_err *err) OSY_CHECKED;

#endif
