/* Between the YAML files: the tree with its lines, built event by event. */
#ifndef OSY_YAML_I_H
#define OSY_YAML_I_H

#include "osy/yaml.h"

enum { OSY_YAML_DEPTH_MAX = 32, OSY_YAML_TEXT_MAX = 1024 * 1024 };

struct osy_yaml_lines {
	const struct osy_json *container;
	unsigned *lines; /* of its members or items, in order */
	size_t count, cap;
};

struct osy_yaml {
	struct osy_json *root;
	struct osy_yaml_lines *containers;
	size_t count, cap;
};

struct osy_yaml_build {
	struct osy_yaml *yaml;
	size_t open[OSY_YAML_DEPTH_MAX]; /* indexes of containers, outermost first */
	unsigned depth;
	struct osy_buf key; /* of the member to come */
	unsigned key_line;
	bool has_key;
};

void osy_yaml_build_init(struct osy_yaml_build *b);
void osy_yaml_build_done(struct osy_yaml_build *b); /* frees the tree that was not taken */
/* Whether the next scalar is a key. */
bool osy_yaml_wants_key(const struct osy_yaml_build *b);
/* What is wrong, or NULL. */
const char *osy_yaml_key(struct osy_yaml_build *b, struct osy_str key, unsigned line);
const char *osy_yaml_open(struct osy_yaml_build *b, struct osy_json *container, unsigned line);
void osy_yaml_close(struct osy_yaml_build *b);
void osy_yaml_add(struct osy_yaml_build *b, struct osy_json *value, unsigned line);

/* A plain scalar by YAML 1.2's core schema. What is wrong, or NULL. */
const char *osy_yaml_plain(struct osy_str text, struct osy_json **ret);

/* JSON text, lines and all; false when it is no JSON (it may be YAML yet). */
bool osy_yaml_from_json(struct osy_str text, struct osy_yaml_build *b);

#endif
