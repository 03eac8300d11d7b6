/*
 * sObject Collections and composites of them: bodies and replies. Source: salesforce-wire.md
 * sections 2.9, 2.10, 2.6.
 *
 * A send is 1 to 5 collections of at most 200 records each. One collection goes to
 * /composite/sobjects itself, several into one /composite with collateSubrequests:false and
 * allOrNone:false: each collection commits on its own, in order. A composite may hold queries and
 * retrieves instead (at most 5 of these kinds in all).
 */
#ifndef OSY_SF_COLLECTION_H
#define OSY_SF_COLLECTION_H

#include "osy/sf_org.h"

#define OSY_SF_COLLECTION_MAX 200
#define OSY_SF_COMPOSITE_MAX 5

enum osy_sf_op { OSY_SF_INSERT, OSY_SF_UPDATE, OSY_SF_DELETE };

/*
 * Builds one HTTP call out of parts. begin, then parts; each collection part: part, record ...
 * (record begins one and fields follow). end gives method, path and body (borrowed from the
 * builder).
 */
struct osy_sf_send {
	struct osy_buf body;
	struct osy_buf path;
	const char *method;
	unsigned parts, expected_parts;
	bool in_part, in_record, composite;
	enum osy_sf_op op;
	const char *type;
	size_t records;
	const struct osy_http_header *headers; /* borrowed; also those of each collection */
	size_t header_count;
	/* for the reader of the reply: how many rows each part has to answer for; 0 for queries and
	 * retrieves */
	size_t part_records[OSY_SF_COMPOSITE_MAX];
};

void osy_sf_send_init(struct osy_sf_send *send, size_t max_body_bytes);
void osy_sf_send_done(struct osy_sf_send *send);
/* parts: how many will follow, 1 to 5 */
void osy_sf_send_begin(struct osy_sf_send *send, unsigned parts);
/* Headers of plain text for the collections that follow: what belongs to a collection is said to it
 * also where it is a part of a composite, whose own headers may not hold for it. After begin. */
void osy_sf_send_headers(
	struct osy_sf_send *send, const struct osy_http_header *headers, size_t count);
void osy_sf_send_collection(struct osy_sf_send *send, enum osy_sf_op op, const char *type);
/* id: 18 characters for updates and deletes, NULL for inserts */
void osy_sf_send_record(struct osy_sf_send *send, const char *id);
void osy_sf_send_field(
	struct osy_sf_send *send, const char *name, struct osy_str raw_json); /* p NULL: null */
/* A part that is a GET of a path relative to the data root ("query?q=..."). Composite only. */
void osy_sf_send_get(struct osy_sf_send *send, struct osy_str path);
/* A part that retrieves by ids: POST composite/sobjects/TYPE; ids of 18 characters. Alone or in a
 * composite. */
void osy_sf_send_retrieve(struct osy_sf_send *send, const char *type, const char *const *fields,
	size_t field_count, const char (*ids)[19], size_t id_count);
void osy_sf_send_end(struct osy_sf_send *send, struct osy_sf_request *ret);

/* One row's result; slices of the reply (raw JSON where said so). */
struct osy_sf_row_result {
	bool success;
	struct osy_str id; /* text; p NULL without */
	struct osy_str
		status_code; /* text "UNABLE_TO_LOCK_ROW" of the first error; p NULL on success */
	struct osy_str message_raw; /* JSON string */
	struct osy_str fields_raw;  /* JSON array */
};
typedef enum osy_code (*osy_sf_result)(unsigned part, size_t index,
	const struct osy_sf_row_result *result, void *arg, struct osy_err *err);
/*
 * Reads the reply of a send. part_status: per part, its HTTP status; a part whose status is not 2xx
 * calls result for none of its rows, and its error (class, sf: code and message) is in part_errs.
 * Arrays have send->parts items.
 */
enum osy_code osy_sf_send_read(const struct osy_sf_send *send, struct osy_str reply,
	int *part_status, struct osy_err *part_errs, osy_sf_result result, void *arg,
	struct osy_err *err) OSY_CHECKED;
/* The raw body of each part of a composite reply (for GETs and retrieves). One part alone: the
 * reply itself. */
enum osy_code osy_sf_send_bodies(const struct osy_sf_send *send, struct osy_str reply,
	int *part_status, struct osy_str *part_bodies, struct osy_err *part_errs,
	struct osy_err *err) OSY_CHECKED;

/* What to do with a status code of a row or call. Source: salesforce-wire.md section 2.13. */
enum osy_sf_verdict {
	OSY_SF_PERMANENT, /* failed, for good */
	OSY_SF_RETRY_ROW, /* back off, retry these rows: locks, time-outs, limits of the org */
	OSY_SF_REMATCH,	  /* DUPLICATE_VALUE, ENTITY_IS_DELETED on the record itself: match again */
	OSY_SF_BAD_PARENT, /* a lookup points to what is not there */
	OSY_SF_STOP,	   /* no record will go in any more: storage, API disabled */
};
enum osy_sf_verdict osy_sf_verdict(struct osy_str status_code, struct osy_str message_raw);
/* The org takes no more files and versions of files within 24 hours, by the words of a refusal:
 * they are known, its code is not. */
bool osy_sf_is_file_limit(struct osy_str message);
/* Whether the org has refused a query for what stands in it, or for what our user may not see: the
 * same query will be refused again. */
bool osy_sf_is_bad_query(const struct osy_err *err);
/* Whether a row or call failed because a row that it needed was locked, or automation on its way.
 */
bool osy_sf_is_lock(struct osy_str status_code, struct osy_str message_raw);

#endif
