/* Replies to sends, alone and composite: any bytes. Rows come whole and in order, or not at all. */
#include "osy/mem.h"
#include "osy/sf_collection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct count {
	size_t rows;
	unsigned part;
	size_t index;
};

static enum osy_code result(unsigned part, size_t index, const struct osy_sf_row_result *row,
	void *arg, struct osy_err *err)
{
	struct count *count = arg;

	(void)err;
	if (part != count->part)
		*count = (struct count){count->rows, part, 0};
	OSY_ASSERT(index == count->index);
	OSY_ASSERT(row->success == (row->status_code.p == NULL));
	(void)osy_sf_verdict(row->status_code, row->message_raw);
	count->index++;
	count->rows++;
	return OSY_OK;
}

static void try(struct osy_str reply, const unsigned *records, unsigned parts)
{
	OSY_AUTO(osy_sf_send_done) struct osy_sf_send send;
	struct osy_sf_request request;
	struct osy_err errs[OSY_SF_COMPOSITE_MAX], err = OSY_ERR_NONE;
	struct osy_str bodies[OSY_SF_COMPOSITE_MAX];
	int status[OSY_SF_COMPOSITE_MAX];
	struct count count = {0};
	size_t expected = 0;

	osy_sf_send_init(&send, 1u << 16);
	osy_sf_send_begin(&send, parts);
	for (unsigned i = 0; i < parts; i++) {
		osy_sf_send_collection(&send, OSY_SF_INSERT, "A");
		for (unsigned j = 0; j < records[i]; j++)
			osy_sf_send_record(&send, NULL);
	}
	osy_sf_send_end(&send, &request);
	const enum osy_code code =
		osy_sf_send_read(&send, reply, status, errs, result, &count, &err);
	OSY_ASSERT(code == OSY_OK || code == OSY_E_NO_REPLY);
	for (unsigned i = 0; i < parts && !code; i++) {
		const bool well = status[i] >= 200 && status[i] < 300;
		OSY_ASSERT(well == (errs[i].code == OSY_OK));
		expected += well ? records[i] : 0;
	}
	OSY_ASSERT(count.rows == expected);
	const enum osy_code ignored = osy_sf_send_bodies(&send, reply, status, bodies, errs, &err);
	(void)ignored;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct osy_str reply = {(const char *)data, size};

	try(reply, (const unsigned[]){1}, 1);
	try(reply, (const unsigned[]){2}, 1);
	try(reply, (const unsigned[]){1, 2}, 2);
	return 0;
}
