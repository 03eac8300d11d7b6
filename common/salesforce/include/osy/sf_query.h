/*
 * Queries: building SOQL, paths, and reading pages as slices. Source: salesforce-wire.md
 * section 2.7.
 */
#ifndef OSY_SF_QUERY_H
#define OSY_SF_QUERY_H

#include "osy/sf_org.h"

/* Appends a SOQL string literal: quotes, and the escapes SOQL knows. */
void osy_soql_quote(struct osy_str text, struct osy_buf *out);
/* Appends "query?q=" and the percent-encoded SOQL. */
void osy_soql_path(struct osy_str soql, bool all_rows, struct osy_buf *out);
/* Longest URL we send (the org refuses 16,384 bytes with headers). */
#define OSY_SF_MAX_URL 14000

#define OSY_SF_MAX_NEXT 1024

/*
 * A page: rows of raw JSON values in the order of fields asked for. A field that the reply leaves
 * out, and JSON null, is a struct osy_str with p NULL. Names are compared without case; keys that
 * were not asked for are skipped. A dotted name ("Owner.Username") reaches into the nested parent.
 */
struct osy_sf_page {
	int64_t total_size;
	bool done;
	struct osy_str
		next_path; /* nextRecordsUrl: a slice of the body, or of spelled; p NULL without */
	char spelled[OSY_SF_MAX_NEXT]; /* one that came with escapes ("\/services\/data\/...") */
	size_t rows;
};
typedef enum osy_code (*osy_sf_row)(const struct osy_str *values, void *arg, struct osy_err *err);
/*
 * Reads one query reply (or, with array: true, a bare array of records as `composite/sobjects`
 * retrieves give, where null entries call row with values NULL). Stops at the first error of row.
 */
enum osy_code osy_sf_page_read(struct osy_str body, bool array, const char *const *fields,
	size_t field_count, osy_sf_row row, void *arg, struct osy_sf_page *ret,
	struct osy_err *err) OSY_CHECKED;

/* SELECT COUNT() ... on the spot. */
enum osy_code osy_sf_count(
	struct osy_org *org, struct osy_str soql, int64_t *ret, struct osy_err *err) OSY_CHECKED;
/* A small query on the spot: all pages, at most max_rows rows (more is an error). */
enum osy_code osy_sf_query(struct osy_org *org, struct osy_str soql, const char *const *fields,
	size_t field_count, size_t max_rows, osy_sf_row row, void *arg,
	struct osy_err *err) OSY_CHECKED;
/* The same with deleted records (queryAll). */
enum osy_code osy_sf_query_all(struct osy_org *org, struct osy_str soql, const char *const *fields,
	size_t field_count, size_t max_rows, osy_sf_row row, void *arg,
	struct osy_err *err) OSY_CHECKED;

#endif
