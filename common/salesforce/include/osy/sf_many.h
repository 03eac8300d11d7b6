/*
 * Several calls side by side, on the spot: for plans and scans, whose many small questions would
 * otherwise cost a round trip each. The calls may go to different orgs of one osy_http.
 */
#ifndef OSY_SF_MANY_H
#define OSY_SF_MANY_H

#include "osy/sf_org.h"

struct osy_sf_many {
	struct osy_org *org;
	struct osy_sf_request request; /* what it points to is borrowed until the end */
	/* answers */
	struct osy_buf body; /* the caller's: osy_buf_done() */
	enum osy_code code;
	int status;	    /* 0: no reply came */
	struct osy_err err; /* when code is not OSY_OK */
	bool ended_;
};

/* Polls http until all calls have their answers, in_flight at a time. */
void osy_sf_run_many(
	struct osy_http *http, struct osy_sf_many *calls, size_t count, unsigned in_flight);

#endif
