/* Filters: read through a lookup, and once more through another; put beside other conditions. */
#include "osy/mem.h"
#include "soql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OSY_AUTO_FREE char *where = osy_xstrndup((const char *)data, size);
	OSY_AUTO(osy_buf_done) struct osy_buf nested = OSY_BUF(OSY_SOQL_WHERE_MAX + 2);
	OSY_AUTO(osy_buf_done) struct osy_buf once = OSY_BUF(OSY_SOQL_THROUGH_MAX);
	OSY_AUTO(osy_buf_done) struct osy_buf twice = OSY_BUF(OSY_SOQL_THROUGH_MAX);

	if (strlen(where) > OSY_SOQL_WHERE_MAX)
		return 0;
	osy_soql_nest(where, &nested);
	if (osy_soql_through(where, "Contact", "Contact", &once) || once.len > OSY_SOQL_WHERE_MAX)
		return 0;
	/* what was made can be read again: only then its lookups may be too many */
	const char *why = osy_soql_through(once.p, "Case", "Case", &twice);
	OSY_ASSERT(!why || strstr(why, "five lookups"));
	return 0;
}
