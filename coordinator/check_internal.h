/*
 * Inside of the check's questions.
 */
#ifndef CHECK_INTERNAL_H
#define CHECK_INTERNAL_H

#include "check.h"
#include "osy/json.h"

/* check_describe.c */
enum osy_code check_describe(struct osy_check *check, struct osy_http *http,
	struct osy_org *const orgs[OSY_CHECK_SIDES], struct osy_err *err) OSY_CHECKED;

/* check_currency.c */
enum osy_code check_currency(struct osy_check *check, struct osy_org *const orgs[OSY_CHECK_SIDES],
	struct osy_err *err) OSY_CHECKED;

/* check_fallback.c */
enum osy_code check_fallback(
	struct osy_check *check, struct osy_org *target, struct osy_err *err) OSY_CHECKED;

/* check_values.c: what is to be asked, once the describes are there; returns the calls to each org.
 * Then the questions. */
unsigned check_types_plan(struct osy_check *check);
enum osy_code check_types_ask(struct osy_check *check, struct osy_http *http,
	struct osy_org *const orgs[OSY_CHECK_SIDES], struct osy_err *err) OSY_CHECKED;

/* check_composite.c: GETs gathered into composites, of both orgs side by side. */
#define CHECK_PARTS_MAX 25

struct check_parts {
	struct osy_org *org;
	const char *path; /* "composite" or "tooling/composite" */
	struct osy_buf body;
	unsigned count;
	struct osy_json_writer w;
	/* the answer */
	struct osy_json *reply;
	enum osy_code code; /* of the call as a whole */
	struct osy_err err;
};
void check_parts_begin(struct check_parts *parts, struct osy_org *org, const char *path);
/* path: below /services/data/vXX.X/ */
void check_parts_get(struct check_parts *parts, struct osy_str path);
void check_parts_query(struct check_parts *parts, struct osy_str soql);
/* Sends all of them and parses what comes; one by one where the org has no such composite. */
void check_parts_send(struct osy_http *http, struct check_parts *parts, size_t count);
/* The body of a part; NULL with why it was refused ("CODE: message"). */
const struct osy_json *check_parts_body(
	const struct check_parts *parts, unsigned index, struct osy_buf *ret_why);
/* Another method's call, with a JSON body. */
void check_parts_put(
	struct check_parts *parts, const char *method, struct osy_str path, struct osy_str body);
/* The HTTP status of a part; 0: there is none. */
int check_parts_status(const struct check_parts *parts, unsigned index);
void check_parts_done(struct check_parts *parts);
/* check_query.c: filters and orders, tried in the source. */
enum osy_code check_queries(struct osy_check *check, struct osy_http *http, struct osy_org *source,
	struct osy_err *err) OSY_CHECKED;
/* Records of a part that answers a query, and of the pages behind it. *ret_whole false: there are
 * more than 50 pages. */
enum osy_code check_pages(struct osy_org *org, const struct osy_json *first,
	void (*take)(void *arg, const struct osy_json *record), void *arg, bool *ret_whole,
	struct osy_err *err) OSY_CHECKED;

#endif
