/*
 * A JSON writer into a buffer: commas and quotes are its business. Depth at most 32.
 */
#ifndef OSY_JSON_WRITE_H
#define OSY_JSON_WRITE_H

#include "osy/str.h"

struct osy_json_writer {
	struct osy_buf *out;
	uint32_t has_items; /* a bit a level */
	unsigned depth;
	bool after_key;
};

static inline struct osy_json_writer osy_json_writer(struct osy_buf *out)
{
	return (struct osy_json_writer){.out = out};
}

void osy_jw_object(struct osy_json_writer *w);
void osy_jw_object_end(struct osy_json_writer *w);
void osy_jw_array(struct osy_json_writer *w);
void osy_jw_array_end(struct osy_json_writer *w);
void osy_jw_key(struct osy_json_writer *w, const char *key);	    /* ASCII without escapes */
void osy_jw_key_str(struct osy_json_writer *w, struct osy_str key); /* any text */
void osy_jw_str(struct osy_json_writer *w, struct osy_str text);    /* p NULL writes null */
void osy_jw_raw(struct osy_json_writer *w, struct osy_str json);    /* JSON text as it is */
void osy_jw_i64(struct osy_json_writer *w, int64_t n);
void osy_jw_bool(struct osy_json_writer *w, bool b);
void osy_jw_null(struct osy_json_writer *w);
/* key and value in one */
void osy_jw_put_str(struct osy_json_writer *w, const char *key, struct osy_str text);
void osy_jw_put_i64(struct osy_json_writer *w, const char *key, int64_t n);
void osy_jw_put_bool(struct osy_json_writer *w, const char *key, bool b);

#endif
