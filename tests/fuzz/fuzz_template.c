/* Templates: what the check takes has a normalised form that the check takes as it is and the
 * reader reads. */
#include "template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_read(struct osy_str doc)
{
	OSY_AUTO(osy_template_free_at) struct osy_template *template = NULL;
	struct osy_err err = OSY_ERR_NONE;

	if (osy_template_read(doc, &template, &err))
		OSY_BUG("our own template: %s", err.msg);
	OSY_ASSERT(template->object_count > 0);
	for (size_t i = 0; i < template->object_count; i++) {
		const struct osy_template_object *object = &template->objects[i];

		OSY_ASSERT(object->name[0] && object->target[0] && object->batch_size > 0);
		OSY_ASSERT(object->match == OSY_MATCH_NONE || object->match == OSY_MATCH_SAME_ID ||
			   object->match_count > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OSY_AUTO(osy_buf_done) struct osy_buf doc = OSY_BUF(64 << 20), again = OSY_BUF(64 << 20);
	const struct osy_str text = {(const char *)data, size};
	char name[64], second_name[64];
	struct osy_err err = OSY_ERR_NONE;

	if (osy_template_check(text, "fuzz.yaml", OSY_STR_NULL, name, &doc, &err)) {
		OSY_ASSERT(err.msg[0] && osy_utf8_valid(osy_str(err.msg)));
		return 0;
	}
	if (osy_template_check(osy_buf_str(&doc), "doc", OSY_STR_NULL, second_name, &again, &err))
		OSY_BUG("our own template: %s", err.msg);
	OSY_ASSERT(strcmp(name, second_name) == 0);
	OSY_ASSERT(osy_str_equal(osy_buf_str(&doc), osy_buf_str(&again)));
	check_read(osy_buf_str(&doc));
	return 0;
}
