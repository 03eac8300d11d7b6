/* Describe replies: what is taken can be walked to its ends. */
#include "osy/mem.h"
#include "osy/sf_describe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t lengths(const char *const *list)
{
	size_t sum = 0;

	for (; *list; list++)
		sum += strlen(*list);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OSY_AUTO(osy_sf_object_free_at) struct osy_sf_object *object = NULL;
	struct osy_err err = OSY_ERR_NONE;

	if (osy_sf_describe_parse((struct osy_str){(const char *)data, size}, &object, &err)) {
		OSY_ASSERT(err.msg[0]);
		return 0;
	}
	OSY_ASSERT(object->name[0] && strlen(object->key_prefix) <= 3);
	for (size_t i = 0; i < object->field_count; i++) {
		const struct osy_sf_field *field = &object->fields[i];

		OSY_ASSERT(field->name[0] && osy_sf_type_name(field->type)[0]);
		OSY_ASSERT(osy_sf_find_field(object, field->name));
		OSY_ASSERT(lengths(field->reference_to) + lengths(field->picklist) <= size);
		(void)osy_sf_field_required(field);
	}
	for (size_t i = 0; i < object->child_count; i++)
		OSY_ASSERT(osy_sf_find_child(
			object, object->children[i].object, object->children[i].field));
	return 0;
}
