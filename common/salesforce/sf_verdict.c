#include "osy/sf_collection.h"

#include "osy/mem.h"

#include "osy/banned.h"

/* Source: salesforce-wire.md section 2.13. What is not here is permanent. Sorted by verdict, not by
 * name. */
static const struct row {
	const char *code;
	enum osy_sf_verdict verdict;
} rows[] = {
	{"UNABLE_TO_LOCK_ROW", OSY_SF_RETRY_ROW},
	{"REQUEST_LIMIT_EXCEEDED", OSY_SF_RETRY_ROW},
	{"REQUEST_RUNNING_TOO_LONG", OSY_SF_RETRY_ROW},
	{"QUERY_TIMEOUT", OSY_SF_RETRY_ROW},
	{"SERVER_UNAVAILABLE", OSY_SF_RETRY_ROW},
	{"UNKNOWN_EXCEPTION", OSY_SF_RETRY_ROW},
	{"INTERNAL_ERROR", OSY_SF_RETRY_ROW},
	{"TXN_SECURITY_METERING_ERROR", OSY_SF_RETRY_ROW},
	{"EXCEEDED_QUOTA", OSY_SF_RETRY_ROW},
	{"TOO_MANY_APEX_REQUESTS", OSY_SF_RETRY_ROW},
	{"ORG_LOCKED", OSY_SF_RETRY_ROW},
	{"INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", OSY_SF_RETRY_ROW},
	{"FUNCTIONALITY_TEMPORARILY_UNAVAILABLE", OSY_SF_RETRY_ROW},
	{"INVALID_SESSION_ID", OSY_SF_RETRY_ROW},
	{"ALL_OR_NONE_OPERATION_ROLLED_BACK", OSY_SF_RETRY_ROW},
	{"PROCESSING_HALTED", OSY_SF_RETRY_ROW},
	{"DUPLICATE_VALUE", OSY_SF_REMATCH},
	{"ENTITY_IS_DELETED", OSY_SF_REMATCH},
	{"INVALID_CROSS_REFERENCE_KEY", OSY_SF_BAD_PARENT},
	{"STORAGE_LIMIT_EXCEEDED", OSY_SF_STOP},
	{"API_DISABLED_FOR_ORG", OSY_SF_STOP},
	{"API_CURRENTLY_DISABLED", OSY_SF_STOP},
	{"PASSWORD_LOCKOUT", OSY_SF_STOP},
	{"INVALID_LOGIN", OSY_SF_STOP},
};

/* Apex and flows hand on what they ran into: the text says it. */
static const char *const automation[] = {"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
	"CANNOT_EXECUTE_FLOW_TRIGGER", "FLOW_EXCEPTION", "APEX_ERROR"};

static bool has(struct osy_str s, const char *part)
{
	return s.p && memmem(s.p, s.len, part, strlen(part)) != NULL;
}

enum osy_sf_verdict osy_sf_verdict(struct osy_str status_code, struct osy_str message_raw)
{
	for (size_t i = 0; i < OSY_COUNT(rows); i++) {
		if (osy_str_is(status_code, rows[i].code))
			return rows[i].verdict;
	}
	for (size_t i = 0; i < OSY_COUNT(automation); i++) {
		if (osy_str_is(status_code, automation[i]) &&
			(has(message_raw, "UNABLE_TO_LOCK_ROW") ||
				has(message_raw, "System.LimitException")))
			return OSY_SF_RETRY_ROW;
	}
	if (osy_str_is(status_code, "INVALID_FIELD") && has(message_raw, "Foreign key external ID"))
		return OSY_SF_BAD_PARENT;
	return OSY_SF_PERMANENT;
}

bool osy_sf_is_file_limit(struct osy_str message)
{
	return has(message, "ContentPublication Limit exceeded");
}

bool osy_sf_is_bad_query(const struct osy_err *err)
{
	static const char *const codes[] = {"sf:MALFORMED_QUERY", "sf:INVALID_FIELD",
		"sf:INVALID_TYPE", "sf:INVALID_TYPE_FOR_OPERATION",
		"sf:INVALID_QUERY_FILTER_OPERATOR", "sf:INSUFFICIENT_ACCESS",
		"sf:INSUFFICIENT_ACCESS_OR_READONLY", "sf:QUERY_TOO_COMPLICATED"};

	for (size_t i = 0; i < OSY_COUNT(codes); i++)
		if (strcmp(err->origin, codes[i]) == 0)
			return err->code == OSY_E_SALESFORCE;
	return false;
}

bool osy_sf_is_lock(struct osy_str status_code, struct osy_str message_raw)
{
	if (osy_str_is(status_code, "UNABLE_TO_LOCK_ROW"))
		return true;
	return has(message_raw, "UNABLE_TO_LOCK_ROW") &&
	       osy_sf_verdict(status_code, message_raw) == OSY_SF_RETRY_ROW;
}
