/* The tree of a YAML text and the lines it came from. */
#include "yaml-i.h"

#include <stdlib.h>

#include "osy/mem.h"

#include "osy/banned.h"

void osy_yaml_free(struct osy_yaml *yaml)
{
	if (!yaml)
		return;
	osy_json_free(yaml->root);
	for (size_t i = 0; i < yaml->count; i++)
		free(yaml->containers[i].lines);
	free(yaml->containers);
	free(yaml);
}

void osy_yaml_free_at(struct osy_yaml **yaml)
{
	osy_yaml_free(*yaml);
}

const struct osy_json *osy_yaml_root(const struct osy_yaml *yaml)
{
	return yaml->root;
}

static size_t index_of_key(const struct osy_json *object, const char *wanted)
{
	struct osy_json *value;
	struct osy_str key;
	size_t i = 0;

	while (osy_json_member(object, i, &key, &value) && !osy_str_is(key, wanted))
		i++;
	return i;
}

unsigned osy_yaml_line(const struct osy_yaml *yaml, const struct osy_json *container,
	const char *key_or_null, size_t index)
{
	for (size_t i = 0; i < yaml->count; i++) {
		const struct osy_yaml_lines *lines = &yaml->containers[i];

		if (lines->container != container)
			continue;
		if (key_or_null)
			index = index_of_key(container, key_or_null);
		return index < lines->count ? lines->lines[index] : 0;
	}
	return 0;
}

void osy_yaml_build_init(struct osy_yaml_build *b)
{
	*b = (struct osy_yaml_build){.key = OSY_BUF(OSY_YAML_TEXT_MAX)};
	b->yaml = osy_xcalloc(1, sizeof(*b->yaml));
}

void osy_yaml_build_done(struct osy_yaml_build *b)
{
	osy_yaml_free(b->yaml);
	osy_buf_done(&b->key);
}

static struct osy_yaml_lines *innermost(const struct osy_yaml_build *b)
{
	return b->depth ? &b->yaml->containers[b->open[b->depth - 1]] : NULL;
}

bool osy_yaml_wants_key(const struct osy_yaml_build *b)
{
	const struct osy_yaml_lines *in = innermost(b);

	return in && osy_json_type(in->container) == OSY_JSON_OBJECT && !b->has_key;
}

const char *osy_yaml_key(struct osy_yaml_build *b, struct osy_str key, unsigned line)
{
	osy_buf_reset(&b->key);
	osy_buf_add_str(&b->key, key);
	if (memchr(b->key.p, '\0', b->key.len))
		return "key contains a NUL";
	if (osy_json_has(innermost(b)->container, b->key.p))
		return "duplicate key";
	b->key_line = line;
	b->has_key = true;
	return NULL;
}

static void add_line(struct osy_yaml_lines *in, unsigned line)
{
	if (in->count == in->cap) {
		in->cap = in->cap ? in->cap * 2 : 8;
		in->lines = osy_xrealloc(in->lines, in->cap * sizeof(*in->lines));
	}
	in->lines[in->count++] = line;
}

void osy_yaml_add(struct osy_yaml_build *b, struct osy_json *value, unsigned line)
{
	struct osy_yaml_lines *in = innermost(b);

	if (!in) {
		b->yaml->root = value;
	} else if (osy_json_type(in->container) == OSY_JSON_OBJECT) {
		osy_json_put((struct osy_json *)in->container, b->key.p, value);
		add_line(in, b->key_line);
		b->has_key = false;
	} else {
		osy_json_push((struct osy_json *)in->container, value);
		add_line(in, line);
	}
}

const char *osy_yaml_open(struct osy_yaml_build *b, struct osy_json *container, unsigned line)
{
	struct osy_yaml *yaml = b->yaml;

	osy_yaml_add(b, container, line);
	if (b->depth == OSY_YAML_DEPTH_MAX)
		return "nested too deep";
	if (yaml->count == yaml->cap) {
		yaml->cap = yaml->cap ? yaml->cap * 2 : 16;
		yaml->containers =
			osy_xrealloc(yaml->containers, yaml->cap * sizeof(*yaml->containers));
	}
	b->open[b->depth++] = yaml->count;
	yaml->containers[yaml->count++] = (struct osy_yaml_lines){.container = container};
	return NULL;
}

void osy_yaml_close(struct osy_yaml_build *b)
{
	b->depth--;
}
