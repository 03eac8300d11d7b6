/* The YAML bridge: what is taken has JSON text that both parsers take, to the same end; each member
 * has a line. */
#include "osy/mem.h"
#include "osy/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(const struct osy_yaml *yaml, const struct osy_json *json, size_t lines)
{
	bool is_object = osy_json_type(json) == OSY_JSON_OBJECT;
	size_t count = osy_json_count(json);

	for (size_t i = 0; i < count; i++) {
		struct osy_json *value = osy_json_at(json, i);
		unsigned line = osy_yaml_line(yaml, json, NULL, i);
		struct osy_str key;

		if (is_object) {
			OSY_ASSERT(osy_json_member(json, i, &key, &value));
			OSY_ASSERT(osy_yaml_line(yaml, json, key.p, 0) == line);
		}
		OSY_ASSERT(line >= 1 && line <= lines);
		check_lines(yaml, value, lines);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OSY_AUTO(osy_yaml_free_at) struct osy_yaml *yaml = NULL, *back = NULL;
	OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf a = OSY_BUF(64 << 20);
	OSY_AUTO(osy_buf_done) struct osy_buf b = OSY_BUF(64 << 20);
	struct osy_str text = {(const char *)data, size};
	struct osy_err err;

	if (osy_yaml_parse(text, "fuzz", &yaml, &err))
		return 0;
	if (size < 4096)
		check_lines(yaml, osy_yaml_root(yaml), size + 1);
	osy_json_write(osy_yaml_root(yaml), false, &a);
	if (osy_json_parse(osy_buf_str(&a), "json", &json, &err))
		OSY_BUG("our own text: %s", err.msg);
	if (osy_yaml_parse(osy_buf_str(&a), "yaml", &back, &err))
		OSY_BUG("our own text as YAML: %s", err.msg);
	osy_json_write(osy_yaml_root(back), false, &b);
	OSY_ASSERT(osy_str_equal(osy_buf_str(&a), osy_buf_str(&b)));
	return 0;
}
