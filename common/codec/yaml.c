/* libyaml's events into the tree. */
#include "yaml-i.h"

#include <yaml.h>

#include "osy/mem.h"

#include "osy/banned.h"

struct bridge {
	yaml_parser_t parser;
	struct osy_yaml_build b;
	unsigned documents;
	bool is_over;
};

static const char *refuse_names(const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		return "anchors are not supported";
	return tag ? "tags are not supported" : NULL;
}

static const char *take_scalar(struct bridge *br, const yaml_event_t *event)
{
	struct osy_str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
	bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	const char *wrong = refuse_names(event->data.scalar.anchor, event->data.scalar.tag);
	unsigned line = (unsigned)event->start_mark.line + 1;
	struct osy_json *value;

	if (wrong)
		return wrong;
	if (osy_yaml_wants_key(&br->b))
		return osy_yaml_key(&br->b, text, line);
	if (is_plain)
		wrong = osy_yaml_plain(text, &value);
	else
		value = osy_json_new_str(text);
	if (!wrong)
		osy_yaml_add(&br->b, value, line);
	return wrong;
}

static const char *take_open(struct bridge *br, const yaml_event_t *event, bool is_object)
{
	const yaml_char_t *anchor =
		is_object ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
	const yaml_char_t *tag =
		is_object ? event->data.mapping_start.tag : event->data.sequence_start.tag;
	const char *wrong = refuse_names(anchor, tag);

	if (wrong)
		return wrong;
	if (osy_yaml_wants_key(&br->b))
		return "a key must be a scalar";
	return osy_yaml_open(&br->b, is_object ? osy_json_new_object() : osy_json_new_array(),
		(unsigned)event->start_mark.line + 1);
}

static const char *take_event(struct bridge *br, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return take_scalar(br, event);
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		return take_open(br, event, event->type == YAML_MAPPING_START_EVENT);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		osy_yaml_close(&br->b);
		return NULL;
	case YAML_DOCUMENT_START_EVENT:
		return br->documents++ ? "more than one document" : NULL;
	case YAML_ALIAS_EVENT:
		return "aliases are not supported";
	case YAML_STREAM_END_EVENT:
		br->is_over = true;
		return NULL;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
	return NULL;
}

static enum osy_code fail_here(const struct bridge *br, const char *what, struct osy_err *err)
{
	const yaml_mark_t *mark = &br->parser.problem_mark;
	const char *problem = br->parser.problem ? br->parser.problem : "not YAML";

	if (br->parser.error == YAML_MEMORY_ERROR)
		OSY_BUG("out of memory: YAML");
	if (br->parser.error == YAML_READER_ERROR)
		return osy_fail(err, OSY_E_INVALID, "%s: %s at byte %zu", what, problem,
			br->parser.problem_offset);
	return osy_fail(err, OSY_E_INVALID, "%s:%zu:%zu: %s", what, mark->line + 1,
		mark->column + 1, problem);
}

static enum osy_code run(struct bridge *br, const char *what, struct osy_err *err)
{
	while (!br->is_over) {
		yaml_event_t event;
		const char *wrong;
		enum osy_code rc = OSY_OK;

		if (!yaml_parser_parse(&br->parser, &event))
			return fail_here(br, what, err);
		wrong = take_event(br, &event);
		if (wrong)
			rc = osy_fail(err, OSY_E_INVALID, "%s:%zu:%zu: %s", what,
				event.start_mark.line + 1, event.start_mark.column + 1, wrong);
		yaml_event_delete(&event);
		if (rc)
			return rc;
	}
	return OSY_OK;
}

static enum osy_code from_yaml(
	struct osy_str text, const char *what, struct bridge *br, struct osy_err *err)
{
	enum osy_code rc;

	if (!yaml_parser_initialize(&br->parser))
		OSY_BUG("out of memory: YAML");
	yaml_parser_set_encoding(&br->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&br->parser, (const unsigned char *)text.p, text.len);
	rc = run(br, what, err);
	yaml_parser_delete(&br->parser);
	return rc;
}

static bool looks_like_json(struct osy_str text)
{
	size_t i = 0;

	while (i < text.len && strchr(" \t\r\n", text.p[i]) && text.p[i])
		i++;
	return i < text.len && (text.p[i] == '{' || text.p[i] == '[' || text.p[i] == '"');
}

enum osy_code osy_yaml_parse(
	struct osy_str text, const char *what, struct osy_yaml **ret, struct osy_err *err)
{
	struct bridge br = {.is_over = false};
	bool is_done;

	if (!text.p)
		text = OSY_STR("");
	if (text.len > OSY_YAML_TEXT_MAX)
		return osy_fail(err, OSY_E_TOO_BIG,
			"%s: YAML text of %zu bytes is over the limit of %d", what, text.len,
			OSY_YAML_TEXT_MAX);
	if (!osy_utf8_valid(text))
		return osy_fail(err, OSY_E_INVALID, "%s: text is not UTF-8", what);
	osy_yaml_build_init(&br.b);
	is_done = looks_like_json(text) && osy_yaml_from_json(text, &br.b);
	if (!is_done) {
		/* flow collections look like JSON at first; start anew */
		osy_yaml_build_done(&br.b);
		osy_yaml_build_init(&br.b);
		is_done = from_yaml(text, what, &br, err) == OSY_OK;
	}
	if (is_done) {
		*ret = br.b.yaml;
		br.b.yaml = NULL;
	}
	osy_yaml_build_done(&br.b);
	return is_done ? OSY_OK : err->code;
}
