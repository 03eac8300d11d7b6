/* Currencies of the source's records that the target does not have, or has switched off. */
#include <stdlib.h>
#include <strings.h>

#include "check_internal.h"
#include "osy/json_pull.h"
#include "osy/sf_query.h"

#define CURRENCY "CurrencyIsoCode"
#define CODES_MAX 500

struct codes {
	char code[CODES_MAX][4];
	bool active[CODES_MAX];
	int64_t count[CODES_MAX]; /* of records */
	size_t n;
};

static enum osy_code take_code(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct codes *codes = arg;
	struct osy_str text;
	struct osy_err ignored = *err;

	if (!values[0].p || !osy_json_plain(values[0], &text) || text.len != 3 ||
		codes->n == CODES_MAX)
		return OSY_OK;
	memcpy(codes->code[codes->n], text.p, 3);
	codes->active[codes->n] = values[1].p && osy_str_is(values[1], "true");
	if (!values[1].p ||
		osy_parse_i64(values[1], 0, INT64_MAX, &codes->count[codes->n], &ignored))
		codes->count[codes->n] = 0;
	codes->n++;
	return OSY_OK;
}

static int find(const struct codes *codes, const char *code)
{
	for (size_t i = 0; i < codes->n; i++) {
		if (strcmp(codes->code[i], code) == 0)
			return (int)i;
	}
	return -1;
}

static bool is_compared(const struct osy_check *check, size_t place)
{
	const struct osy_sf_object *source = check->describes[OSY_CHECK_SOURCE][place];
	const struct osy_sf_object *target = check->describes[OSY_CHECK_TARGET][place];

	return source && target && !check->template->objects[place].match_only &&
	       osy_sf_find_field(source, CURRENCY) && osy_sf_find_field(target, CURRENCY);
}

static enum osy_code ask_types(struct osy_org *org, struct codes *ret, struct osy_err *err)
{
	static const char *const fields[] = {"IsoCode", "IsActive"};

	return osy_sf_query(org, OSY_STR("SELECT IsoCode, IsActive FROM CurrencyType"), fields, 2,
		CODES_MAX, take_code, ret, err);
}

/* What the records are in that the template selects. */
static enum osy_code ask_used(struct osy_check *check, struct osy_org *org, size_t place,
	struct codes *ret, struct osy_err *err)
{
	static const char *const fields[] = {CURRENCY, "records"};
	const struct osy_template_object *object = &check->template->objects[place];
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(100u * 1024);

	osy_buf_addf(&soql, "SELECT " CURRENCY ", COUNT(Id) records FROM %s%s%s GROUP BY " CURRENCY,
		object->name, object->where ? " WHERE " : "", object->where ? object->where : "");
	return osy_sf_query(org, osy_buf_str(&soql), fields, 2, CODES_MAX, take_code, ret, err);
}

static void tell(struct osy_check *check, size_t place, const char *code, int64_t count, int there)
{
	osy_check_add(check, true,
		&(struct osy_check_at){.kind = "currency",
			.side = OSY_CHECK_TARGET,
			.place = place,
			.field = CURRENCY,
			.name = code},
		there < 0 ? "add the currency there, or leave these records out"
			  : "activate the currency there, or leave these records out",
		"%lld records are in %s, which %s in org '%s': they are refused", (long long)count,
		code, there < 0 ? "is no currency" : "is inactive", check->orgs[OSY_CHECK_TARGET]);
}

static enum osy_code check_object(struct osy_check *check, struct osy_org *source, size_t place,
	const struct codes *theirs, struct osy_err *err)
{
	OSY_AUTO_FREE struct codes *used = osy_xcalloc(1, sizeof(*used));
	enum osy_code rc = ask_used(check, source, place, used, err);

	for (size_t i = 0; !rc && i < used->n; i++) {
		int there = find(theirs, used->code[i]);
		if (there < 0 || !theirs->active[there])
			tell(check, place, used->code[i], used->count[i], there);
	}
	return rc;
}

/* Whether the source may have a record in a currency that the target does not take. */
static bool differ(const struct codes *ours, const struct codes *theirs)
{
	for (size_t i = 0; i < ours->n; i++) {
		int there = find(theirs, ours->code[i]);
		if (there < 0 || !theirs->active[there])
			return true;
	}
	return false;
}

static enum osy_code check_all(struct osy_check *check, struct osy_org *const orgs[],
	struct codes *codes, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	for (int side = 0; !rc && side < OSY_CHECK_SIDES; side++)
		rc = ask_types(orgs[side], &codes[side], err);
	if (rc || !differ(&codes[OSY_CHECK_SOURCE], &codes[OSY_CHECK_TARGET]))
		return rc;
	for (size_t i = 0; !rc && i < check->template->object_count; i++) {
		if (is_compared(check, i))
			rc = check_object(
				check, orgs[OSY_CHECK_SOURCE], i, &codes[OSY_CHECK_TARGET], err);
	}
	return rc;
}

enum osy_code check_currency(
	struct osy_check *check, struct osy_org *const orgs[OSY_CHECK_SIDES], struct osy_err *err)
{
	OSY_AUTO_FREE struct codes *codes = NULL;
	bool any = false;

	for (size_t i = 0; i < check->template->object_count; i++)
		any |= is_compared(check, i);
	if (!any)
		return OSY_OK;
	codes = osy_xcalloc(OSY_CHECK_SIDES, sizeof(*codes));
	enum osy_code rc = check_all(check, orgs, codes, err);
	if (rc != OSY_E_SALESFORCE)
		return rc;
	osy_check_add(check, false,
		&(struct osy_check_at){.kind = "currency",
			.side = OSY_CHECK_TARGET,
			.place = check->template->object_count},
		"grant our user the right to see them", "currencies could not be compared: %s",
		err->msg);
	*err = OSY_ERR_NONE;
	return OSY_OK;
}
