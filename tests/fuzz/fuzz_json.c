/* The JSON tree: what is taken is written, and what is written is taken again and comes out the
 * same. */
#include "osy/json.h"
#include "osy/json_pull.h"
#include "osy/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct osy_json *again(struct osy_str text)
{
	struct osy_json *json = NULL;
	struct osy_err err;

	if (osy_json_parse(text, "again", &json, &err))
		OSY_BUG("our own text: %s", err.msg);
	return json;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *first = NULL, *second = NULL, *third = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf a = OSY_BUF(64 << 20);
	OSY_AUTO(osy_buf_done) struct osy_buf b = OSY_BUF(64 << 20);
	struct osy_str text = {(const char *)data, size};
	struct osy_err err;

	if (osy_json_parse(text, "fuzz", &first, &err))
		return 0;
	osy_json_write(first, false, &a);
	OSY_ASSERT(osy_utf8_valid(osy_buf_str(&a)));
	second = again(osy_buf_str(&a));
	osy_json_write(second, true, &b);
	third = again(osy_buf_str(&b));
	osy_buf_reset(&b);
	osy_json_write(third, false, &b);
	OSY_ASSERT(osy_str_equal(osy_buf_str(&a), osy_buf_str(&b)));
	return 0;
}
