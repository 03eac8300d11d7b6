/*
 * JSON into a tree of slices. The text is changed in place (unescaping) and must outlive the
 * tree; nodes live in the arena. Keys of an object keep their order.
 */
#ifndef SIM_JSON_H
#define SIM_JSON_H

#include "sim_base.h"

enum sim_json_type {
	SIM_J_NULL,
	SIM_J_FALSE,
	SIM_J_TRUE,
	SIM_J_NUM,
	SIM_J_STR,
	SIM_J_ARR,
	SIM_J_OBJ
};

struct sim_json {
	struct sim_json *next, *child;
	struct sim_str key, text; /* text: number as written, or the string */
	enum sim_json_type type;
	bool clean; /* the string needs no escaping */
};

struct sim_json *sim_json_parse(
	struct sim_arena *a, char *text, size_t len, const char **ret_error);
struct sim_json *sim_json_get(const struct sim_json *obj, const char *key);  /* exact */
struct sim_json *sim_json_geti(const struct sim_json *obj, const char *key); /* any case */
struct sim_str sim_json_str(const struct sim_json *obj, const char *key); /* strings; else p NULL */
int64_t sim_json_i64(const struct sim_json *obj, const char *key, int64_t def);
double sim_json_num(const struct sim_json *obj, const char *key, double def);
bool sim_json_bool(const struct sim_json *obj, const char *key, bool def);
size_t sim_json_count(const struct sim_json *arr);
void sim_json_write(struct sim_buf *b, const struct sim_json *v);

#endif
