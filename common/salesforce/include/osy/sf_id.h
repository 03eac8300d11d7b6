/*
 * Record ids. Outside: 15 or 18 characters; inside: 15 characters compared case-sensitively.
 * Packed: 9 bytes for the 12 characters after the 3 of the key prefix (62^12 < 2^72), as Redis and
 * the id map's log hold them. Source: salesforce-wire.md section 2.16.
 */
#ifndef OSY_SF_ID_H
#define OSY_SF_ID_H

#include "osy/str.h"

#define OSY_ID_PACKED 9

struct osy_id {
	char c[16]; /* 15 characters and NUL; c[0] == 0: none */
};

/* Accepts 15 or 18 characters (the checksum is verified); false when it is no id. */
bool osy_id_parse(struct osy_str text, struct osy_id *ret);
/* From a raw JSON token ("\"001...\""). */
bool osy_id_parse_json(struct osy_str raw, struct osy_id *ret);
void osy_id_18(const struct osy_id *id, char ret[19]);
void osy_id_pack(
	const struct osy_id *id, unsigned char ret[OSY_ID_PACKED]); /* without its prefix */
bool osy_id_unpack(
	const char prefix[3], const unsigned char packed[OSY_ID_PACKED], struct osy_id *ret);
static inline bool osy_id_is_set(const struct osy_id *id)
{
	return id->c[0] != 0;
}
static inline bool osy_id_equal(const struct osy_id *a, const struct osy_id *b)
{
	return memcmp(a->c, b->c, 15) == 0;
}

#endif
