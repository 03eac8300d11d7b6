/* Replies of an org beside its records: errors, logins, the limits header, addresses, secrets as
 * they were sealed. The first two bytes choose status and type. */
#include <stdlib.h>

#include "osy/mem.h"
#include "sf_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int statuses[] = {
	200, 204, 300, 302, 400, 401, 403, 404, 408, 413, 420, 429, 500, 503};

static void check_err(enum osy_code code, const struct osy_err *err)
{
	OSY_ASSERT(code == OSY_OK || (code == err->code && err->msg[0]));
	OSY_ASSERT(code == OSY_OK || osy_utf8_valid(osy_str(err->msg)));
	for (const char *p = err->msg; code && *p; p++)
		OSY_ASSERT((unsigned char)*p >= ' ');
}

static void try_classify(int status, unsigned kind, struct osy_str body)
{
	struct osy_sf_fault fault;
	struct osy_err err = OSY_ERR_NONE;

	check_err(osy_sf_classify(status, kind & 1, kind & 2, body, 0, &err), &err);
	if (osy_sf_fault_read(body, &fault))
		OSY_ASSERT(fault.code[0] && strlen(fault.message) < sizeof(fault.message));
}

static void try_login(int status, unsigned kind, struct osy_str body)
{
	char instance[] = "https://a.my.salesforce.com";
	const struct osy_org_login login = {.auth = OSY_AUTH_JWT, .instance_url = instance};
	struct osy_sf_login_reply reply = {0};
	struct osy_err err = OSY_ERR_NONE;
	const struct osy_str type =
		kind & 1 ? OSY_STR("application/json;charset=UTF-8") : OSY_STR_NULL;
	const enum osy_code code =
		osy_sf_login_read(&login, kind & 4, status, type, body, 0, &reply, &err);

	check_err(code, &err);
	OSY_ASSERT(code || osy_secret_is_set(&reply.token));
	osy_sf_login_reply_done(&reply);
}

static void try_url(struct osy_str text)
{
	struct osy_err err = OSY_ERR_NONE;

	for (unsigned kind = 0; kind < 4; kind++) {
		const enum osy_code code =
			osy_sf_url_check(text, kind & 1, kind & 2, "the URL", &err);

		OSY_ASSERT(code || osy_str_starts(text, "https://") ||
			   ((kind & 1) && osy_str_starts(text, "http://")));
		OSY_ASSERT(code || !memchr(text.p, '@', text.len));
	}
}

static void try_secrets(struct osy_str text)
{
	OSY_AUTO(osy_org_login_done) struct osy_org_login login = {0};
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(1 << 20);
	struct osy_err err = OSY_ERR_NONE;

	if (osy_org_login_read_secrets(&login, text, &err) == OSY_OK)
		osy_org_login_write_secrets(&login, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t used, max;

	if (size < 2)
		return 0;
	const struct osy_str body = {(const char *)data + 2, size - 2};
	const int status = statuses[data[0] % OSY_COUNT(statuses)];
	try_classify(status, data[1], body);
	try_login(status, data[1], body);
	try_url(body);
	try_secrets(body);
	if (osy_sf_usage(body, &used, &max))
		OSY_ASSERT(used >= 0 && max >= 0);
	return 0;
}
