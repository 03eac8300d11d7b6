/*
 * Comparing values as an org keeps them: raw JSON tokens of the source against those of the target,
 * by field type. Equal bytes are equal; otherwise numbers are compared as decimals at the target's
 * scale (half up), date-times by instant in whole seconds, text after decoding, with the org's
 * habits: outer white space is trimmed, empty text is null, CRLF may be LF, multi-select picklists
 * are sets, e-mail addresses may be lower-cased. Source: salesforce-wire.md sections 6 (text
 * normalisations) and 7.
 */
#ifndef OSY_SF_VALUE_H
#define OSY_SF_VALUE_H

#include "osy/sf_describe.h"

/* p NULL is null. scale: of the target field. */
bool osy_sf_value_equal(
	enum osy_sf_type type, int scale, struct osy_str a_raw, struct osy_str b_raw);
/* A hash for which equal values (as above) are equal. */
uint64_t osy_sf_value_hash(enum osy_sf_type type, int scale, struct osy_str raw, uint64_t seed);
/* The canonical text of a value: equal values (as above) have the same one. Appended to out; false,
 * and nothing appended, for null. */
bool osy_sf_value_canon(enum osy_sf_type type, int scale, struct osy_str raw, struct osy_buf *out);
/* Lock parents of an object by platform rule, besides master-detail: NULL-terminated field names
 * (section 6). */
const char *const *osy_sf_lock_fields(const char *object);

#endif
