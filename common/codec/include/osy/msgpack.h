/*
 * MessagePack: a writer into a buffer (over msgpack-c) and a pull reader over slices of a message,
 * which checks every length against what is left before it believes it. Depth at most 16. An error
 * of the reader is sticky.
 */
#ifndef OSY_MSGPACK_H
#define OSY_MSGPACK_H

#include "osy/str.h"

/* Writer */
void osy_mp_map(struct osy_buf *out, uint32_t pairs);
void osy_mp_array(struct osy_buf *out, uint32_t items);
void osy_mp_str(struct osy_buf *out, struct osy_str s); /* p NULL writes nil */
void osy_mp_bin(struct osy_buf *out, struct osy_str s);
void osy_mp_i64(struct osy_buf *out, int64_t n);
void osy_mp_bool(struct osy_buf *out, bool b);
void osy_mp_nil(struct osy_buf *out);

/* Reader */
enum osy_mp_type {
	OSY_MP_ERROR,
	OSY_MP_END,
	OSY_MP_NIL,
	OSY_MP_BOOL,
	OSY_MP_INT,
	OSY_MP_STR,
	OSY_MP_BIN,
	OSY_MP_ARRAY,
	OSY_MP_MAP
};

struct osy_mp {
	const unsigned char *p, *end;
	const char *error; /* NULL: fine */
	/* of the last value: */
	struct osy_str str; /* STR, BIN: a slice of the message */
	int64_t i64;	    /* INT, BOOL */
	uint32_t
		count; /* ARRAY: items, MAP: pairs; at most what the rest of the message can hold */
};

void osy_mp_init(struct osy_mp *mp, const void *p, size_t len);
enum osy_mp_type osy_mp_next(
	struct osy_mp *mp);	     /* unsigned above INT64_MAX and floats are errors */
void osy_mp_skip(struct osy_mp *mp); /* the next value, whole */
/* Expecting readers: a value of another type is a sticky error. */
uint32_t osy_mp_need_map(struct osy_mp *mp);
uint32_t osy_mp_need_array(struct osy_mp *mp);
struct osy_str osy_mp_need_str(struct osy_mp *mp);	  /* STR */
struct osy_str osy_mp_need_str_or_nil(struct osy_mp *mp); /* p NULL for nil */
struct osy_str osy_mp_need_bin(struct osy_mp *mp);
int64_t osy_mp_need_i64(struct osy_mp *mp);
/* Turns a sticky error into an osy_err; what names the message. */
enum osy_code osy_mp_fail(const struct osy_mp *mp, const char *what, struct osy_err *err);

#endif
