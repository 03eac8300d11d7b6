/* The user that takes the place of those whom the target does not have: the scan refuses a run
 * without. */
#include "check_internal.h"
#include "osy/json_pull.h"
#include "osy/sf_query.h"
#include "soql.h"

#define USERS_MAX 200

struct candidates {
	size_t by_name, by_address;
	const char *fallback;
};

static enum osy_code take_user(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct candidates *found = arg;
	struct osy_str name, address;

	(void)err;
	found->by_name += values[0].p && osy_json_plain(values[0], &name) &&
			  osy_str_equal_nocase(name, osy_str(found->fallback));
	found->by_address += values[1].p && osy_json_plain(values[1], &address) &&
			     osy_str_equal_nocase(address, osy_str(found->fallback));
	return OSY_OK;
}

enum osy_code check_fallback(struct osy_check *check, struct osy_org *target, struct osy_err *err)
{
	static const char *const fields[] = {"Username", "Email"};
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(4096);
	struct candidates found = {.fallback = check->template->users.fallback};

	if (!check->template->users.on || !found.fallback[0])
		return OSY_OK;
	osy_buf_addz(
		&soql, "SELECT Username, Email FROM User WHERE IsActive = true AND (Username = ");
	osy_soql_quote(osy_str(found.fallback), &soql);
	osy_buf_addz(&soql, " OR Email = ");
	osy_soql_quote(osy_str(found.fallback), &soql);
	osy_buf_addf(&soql, ") LIMIT %d", USERS_MAX);
	enum osy_code rc = osy_sf_query(
		target, osy_buf_str(&soql), fields, 2, USERS_MAX, take_user, &found, err);
	if (rc == OSY_E_SALESFORCE) { /* what our user may not see, the scan tells */
		*err = OSY_ERR_NONE;
		return OSY_OK;
	}
	if (!rc && !found.by_name && found.by_address != 1)
		osy_check_add(check, true,
			&(struct osy_check_at){.kind = "lookup",
				.side = OSY_CHECK_TARGET,
				.place = check->template->object_count,
				.name = found.fallback},
			"name one in the template's users.fallback, or leave it out",
			"there is no active user '%s' in org '%s' to fall back to", found.fallback,
			check->orgs[OSY_CHECK_TARGET]);
	return rc;
}
