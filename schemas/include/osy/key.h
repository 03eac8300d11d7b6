/*
 * The match key of an object: which fields of the target it is made of, and how its values (raw
 * JSON, a key field each) are hashed and compared. Who reads keys and who looks for them must
 * agree, so both come here: text is compared without case and without outer white space, everything
 * else as the org keeps it (osy/sf_value.h).
 */
#ifndef OSY_KEY_H
#define OSY_KEY_H

#include "osy/spec.h"

size_t osy_key_count(const struct osy_spec_object *object); /* fields, 0: it has no key */
const char *osy_key_name(const struct osy_spec_object *object, size_t index); /* in the target */
enum osy_sf_type osy_key_type(const struct osy_spec_object *object, size_t index);
bool osy_key_is_null(struct osy_str raw);
/* Text of a raw value, trimmed; decoded into buf when it has escapes. */
struct osy_str osy_key_text(struct osy_str raw, struct osy_buf *buf);
/* Never 0. */
uint64_t osy_key_hash(const struct osy_spec_object *object, const struct osy_str *keys);
/* *ret_exact: equal in case too. */
bool osy_key_equal(const struct osy_spec_object *object, const struct osy_str *a,
	const struct osy_str *b, bool *ret_exact);
/* Whether two records of the target cannot share a key: one of its fields is unique there. */
bool osy_key_is_unique(const struct osy_spec_object *object);

#endif
