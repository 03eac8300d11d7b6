/* Pages of records, and the values in them: any bytes. What is read must not depend on what the
 * page said before. */
#include "osy/mem.h"
#include "osy/sf_query.h"
#include "osy/sf_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const fields[] = {
	"Id", "Name", "Owner.Name", "Owner.Profile.Name", "A", "A.B", "name"};

static enum osy_code row(const struct osy_str *values, void *arg, struct osy_err *err)
{
	const struct osy_str *input = arg;

	(void)err;
	for (size_t i = 0; values && i < OSY_COUNT(fields); i++) {
		if (!values[i].p)
			continue;
		OSY_ASSERT(values[i].len > 0 && values[i].p >= input->p &&
			   values[i].p + values[i].len <= input->p + input->len);
		for (int type = 0; type <= OSY_T_CATEGORY; type++) {
			const uint64_t hash =
				osy_sf_value_hash((enum osy_sf_type)type, 2, values[i], 1);
			const struct osy_str other = values[(i + 1) % OSY_COUNT(fields)];
			const bool equal =
				osy_sf_value_equal((enum osy_sf_type)type, 2, values[i], other);
			OSY_ASSERT(osy_sf_value_equal(
					   (enum osy_sf_type)type, 2, other, values[i]) == equal);
			OSY_ASSERT(!equal ||
				   hash == osy_sf_value_hash((enum osy_sf_type)type, 2, other, 1));
		}
	}
	return OSY_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct osy_str body = {(const char *)data, size};
	struct osy_sf_page page;
	struct osy_err err;

	for (int array = 0; array < 2; array++) {
		const enum osy_code code = osy_sf_page_read(
			body, array, fields, OSY_COUNT(fields), row, &body, &page, &err);
		OSY_ASSERT(code == OSY_OK || code == OSY_E_INVALID);
		OSY_ASSERT(code || page.done || page.next_path.p);
	}
	return 0;
}
