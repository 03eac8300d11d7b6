/* The spec of a run, as JSON out of Postgres: what is taken has indexes that lead somewhere and
 * comes back as it was. */
#include "osy/spec.h"
#include "osy/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_object(const struct osy_spec *spec, const struct osy_spec_object *object)
{
	const int fields = (int)object->field_count;

	OSY_ASSERT(object->lock_field >= -1 && object->lock_field < fields);
	OSY_ASSERT(object->order_field >= -1 && object->order_field < fields);
	OSY_ASSERT(object->stage >= 1 && object->lanes >= 1 && object->batch_size >= 1);
	for (size_t i = 0; i < object->key_count; i++)
		OSY_ASSERT(object->keys[i] >= 0 && object->keys[i] < fields);
	for (size_t i = 0; i < object->input_count; i++)
		OSY_ASSERT(object->inputs[i].column >= OSY_COLUMN_ID &&
			   object->inputs[i].column < (int)osy_spec_columns(object));
	for (size_t c = object->field_count; c < osy_spec_columns(object); c++)
		OSY_ASSERT(osy_spec_column(object, c, NULL));
	for (size_t i = 0; i < object->field_count; i++)
		for (size_t j = 0; j < object->fields[i].parent_count; j++)
			OSY_ASSERT(object->fields[i].parents[j] >= 0 &&
				   object->fields[i].parents[j] < (int)spec->object_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OSY_AUTO(osy_buf_done) struct osy_buf first = OSY_BUF(64 << 20);
	OSY_AUTO(osy_buf_done) struct osy_buf second = OSY_BUF(64 << 20);
	struct osy_spec *spec = NULL, *again = NULL;
	struct osy_err err;

	if (osy_spec_read((struct osy_str){(const char *)data, size}, &spec, &err))
		return 0;
	for (size_t i = 0; i < spec->object_count; i++)
		check_object(spec, &spec->objects[i]);
	(void)osy_spec_by_prefix(spec, "001");
	(void)osy_spec_last_stage(spec, "001");
	osy_spec_write(spec, &first);
	if (osy_spec_read(osy_buf_str(&first), &again, &err))
		OSY_BUG("our own spec: %s", err.msg);
	osy_spec_write(again, &second);
	OSY_ASSERT(osy_str_equal(osy_buf_str(&first), osy_buf_str(&second)));
	osy_spec_free(spec);
	osy_spec_free(again);
	return 0;
}
