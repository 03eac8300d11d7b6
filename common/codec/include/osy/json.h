/*
 * JSON as a tree, for everything but record values (those pass as slices: json_pull.h). A strict
 * façade over json-c: UTF-8 checked, no NaN, no integer that json-c would saturate, depth at most
 * 32, nothing after the value. Numbers keep their own text. Objects keep their order. Not
 * thread-safe per tree.
 *
 * The getters never coerce: a value of another type is as good as missing. Borrowed values live as
 * long as the tree.
 */
#ifndef OSY_JSON_H
#define OSY_JSON_H

#include "osy/str.h"

struct osy_json; /* any value; an opaque json_object */

enum osy_json_type {
	OSY_JSON_NULL, /* also: missing (a NULL pointer) */
	OSY_JSON_BOOL,
	OSY_JSON_INT,
	OSY_JSON_NUMBER, /* with fraction or exponent */
	OSY_JSON_STRING,
	OSY_JSON_ARRAY,
	OSY_JSON_OBJECT,
};

/* Parses one document of at most 64 MiB; gives a tree to osy_json_free(). what names the source in
 * errors. */
enum osy_code osy_json_parse(struct osy_str text, const char *what, struct osy_json **ret,
	struct osy_err *err) OSY_CHECKED;
void osy_json_free(struct osy_json *json);     /* NULL is fine */
void osy_json_free_at(struct osy_json **json); /* for OSY_AUTO */

enum osy_json_type osy_json_type(const struct osy_json *json);
struct osy_json *osy_json_get(
	const struct osy_json *object, const char *key); /* NULL: missing or not an object */
bool osy_json_has(const struct osy_json *object, const char *key); /* true for a null too */
struct osy_str osy_json_str(const struct osy_json *json);	   /* p NULL: not a string */
struct osy_str osy_json_get_str(const struct osy_json *object, const char *key);
int64_t osy_json_get_i64(const struct osy_json *object, const char *key, int64_t otherwise);
bool osy_json_get_bool(const struct osy_json *object, const char *key, bool otherwise);
int64_t osy_json_i64(const struct osy_json *json, int64_t otherwise);
bool osy_json_bool(const struct osy_json *json, bool otherwise);
struct osy_str osy_json_number(
	const struct osy_json *json); /* a number's own text; borrowed until the next call on it */
size_t osy_json_count(const struct osy_json *array_or_object);
struct osy_json *osy_json_at(const struct osy_json *array, size_t index);
/* Walks an object in order: index from 0; false at the end. */
bool osy_json_member(const struct osy_json *object, size_t index, struct osy_str *ret_key,
	struct osy_json **ret_value);

/* Building; the container takes the value. */
struct osy_json *osy_json_new_object(void);
struct osy_json *osy_json_new_array(void);
struct osy_json *osy_json_new_str(struct osy_str s); /* p NULL gives null */
struct osy_json *osy_json_new_i64(int64_t n);
struct osy_json *osy_json_new_bool(bool b);
struct osy_json *osy_json_new_number(
	struct osy_str text); /* a JSON number of ours; stops the program when it is none */
void osy_json_put(struct osy_json *object, const char *key, struct osy_json *value);
void osy_json_push(struct osy_json *array, struct osy_json *value);
void osy_json_write(const struct osy_json *json, bool pretty, struct osy_buf *out);

#endif
