/*
 * YAML into the JSON model (json.h), by libyaml. Plain scalars follow YAML 1.2's core schema only:
 * `no` stays a string. Anchors and aliases, tags, several documents and duplicate keys are refused.
 * Depth at most 32, text at most 1 MiB. Each object remembers the line of each key for errors that
 * name file and line.
 */
#ifndef OSY_YAML_H
#define OSY_YAML_H

#include "osy/json.h"

struct osy_yaml; /* the tree and its lines */

/* JSON text is accepted too (it is YAML). what names the file in errors. */
enum osy_code osy_yaml_parse(struct osy_str text, const char *what, struct osy_yaml **ret,
	struct osy_err *err) OSY_CHECKED;
void osy_yaml_free(struct osy_yaml *yaml);
void osy_yaml_free_at(struct osy_yaml **yaml);
const struct osy_json *osy_yaml_root(const struct osy_yaml *yaml);
/* Line (from 1) where the value began that root contains; 0 when unknown. For a member: the line of
 * its key. */
unsigned osy_yaml_line(const struct osy_yaml *yaml, const struct osy_json *container,
	const char *key_or_null, size_t index);

#endif
