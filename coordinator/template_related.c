/* The template's words about related objects: related, excludeParents, skipTransactional. */
#include "osy/json.h"
#include "template_check.h"

#include <strings.h>

/* "Contact", or "Case.ContactId" where fields are allowed. */
static bool is_child(struct osy_str name, bool with_field)
{
	const char *point = with_field && name.p ? memchr(name.p, '.', name.len) : NULL;
	size_t len = point ? (size_t)(point - name.p) : name.len;

	return check_is_name((struct osy_str){name.p, len}) &&
	       (!point || check_is_name((struct osy_str){point + 1, name.len - len - 1}));
}

enum osy_code check_children(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err)
{
	const struct osy_json *value = osy_json_get(container, key->name);
	size_t count = osy_json_count(value);

	if (osy_json_type(value) != OSY_JSON_ARRAY || count > OSY_TEMPLATE_MAX_NAMES)
		return check_fail(check, container, key->name, 0, err,
			"%s must be a list of at most %d names of objects%s", key->name,
			OSY_TEMPLATE_MAX_NAMES,
			key->min ? ", or of their lookups, for example [Contact, Case.ContactId]"
				 : "");
	OSY_AUTO(osy_json_free_at) struct osy_json *list = osy_json_new_array();
	for (size_t i = 0; i < count; i++) {
		struct osy_str name = osy_json_str(osy_json_at(value, i));
		if (!is_child(name, key->min != 0))
			return check_fail(check, value, NULL, i, err,
				"item %zu of %s is not the name of an object%s", i + 1, key->name,
				key->min ? " or of its lookup, for example Case.ContactId" : "");
		osy_json_push(list, osy_json_new_str(name));
	}
	*ret = list;
	list = NULL;
	return OSY_OK;
}

enum osy_code check_transactional(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err)
{
	const struct osy_json *value = osy_json_get(container, key->name);

	if (osy_json_type(value) == OSY_JSON_BOOL) {
		*ret = osy_json_new_bool(osy_json_bool(value, false));
		return OSY_OK;
	}
	if (osy_json_type(value) == OSY_JSON_ARRAY)
		return check_children(check, container, key, ret, err);
	return check_fail(check, container, key->name, 0, err,
		"%s must be true, false, or a list of objects, for example [Opportunity, Case]",
		key->name);
}

/* Names of lookups, or "all". */
enum osy_code check_lookups(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err)
{
	const struct osy_json *value = osy_json_get(container, key->name);

	if (osy_str_is(osy_json_str(value), "all")) {
		*ret = osy_json_new_str(OSY_STR("all"));
		return OSY_OK;
	}
	if (osy_json_type(value) == OSY_JSON_ARRAY) {
		struct key names = *key;
		names.kind = KEY_NAMES;
		return check_value(check, container, &names, "", ret, err);
	}
	return check_fail(check, container, key->name, 0, err,
		"%s must be all, or a list of lookups, for example [ParentId]", key->name);
}

enum osy_code check_related(const struct check *check, const struct osy_json *object,
	const struct osy_json *out, const char *name, struct osy_err *err)
{
	bool is_related = osy_str_is(osy_json_get_str(out, "select"), "related");

	if (!osy_json_get(out, "related"))
		return OSY_OK;
	if (is_related)
		return check_fail(check, object, "related", 0, err,
			"object %s has related and select: related; a child of another object is "
			"walked on from there: raise the depth there, and take related out here",
			name);
	if (osy_json_get(out, "limit"))
		return check_fail(check, object, "related", 0, err,
			"related of object %s does not go with limit: children are selected by the "
			"filter of their parents, which cannot say it; narrow it by where instead",
			name);
	return OSY_OK;
}

/* ---- From the normalised doc ---- */
static const char *const *names(
	struct osy_arena *arena, const struct osy_json *list, size_t *ret_count)
{
	size_t count = osy_json_count(list);
	const char **items = osy_arena_calloc(arena, count + 1, sizeof(*items));

	for (size_t i = 0; i < count; i++) {
		struct osy_str name = osy_json_str(osy_json_at(list, i));
		items[i] = osy_arena_strndup(arena, name.p, name.len);
	}
	*ret_count = count;
	return items;
}

void osy_template_read_related(
	struct osy_arena *arena, const struct osy_json *json, struct osy_template_object *object)
{
	const struct osy_json *related = osy_json_get(json, "related");
	const struct osy_json *parents = osy_json_get(json, "excludeParents");

	object->select_related = osy_str_is(osy_json_get_str(json, "select"), "related");
	object->no_parents = osy_str_is(osy_json_str(parents), "all");
	object->no_parent =
		names(arena, object->no_parents ? NULL : parents, &object->no_parent_count);
	osy_template_match_share(arena, object);
	object->related.depth = related ? (int)osy_json_get_i64(related, "depth", 1) : 0;
	object->related.include =
		names(arena, osy_json_get(related, "include"), &object->related.include_count);
	object->related.exclude =
		names(arena, osy_json_get(related, "exclude"), &object->related.exclude_count);
}

/* ---- Shares ---- */
bool osy_template_is_share(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && strcasecmp(name + len - 5, "Share") == 0;
}

/* What a share is of: ParentId, but for some standard objects of old. */
static const char *share_parent(struct osy_arena *arena, const char *name)
{
	static const char *const old[] = {"AccountShare", "AssetShare", "CampaignShare",
		"CaseShare", "ContactShare", "LeadShare", "OpportunityShare", "UserShare"};
	OSY_AUTO(osy_buf_done) struct osy_buf field = OSY_BUF(512);

	for (size_t i = 0; i < OSY_COUNT(old); i++) {
		if (strcasecmp(old[i], name) != 0)
			continue;
		osy_buf_addf(&field, "%.*sId", (int)strlen(name) - 5, name);
		return osy_arena_strndup(arena, field.p, field.len);
	}
	return "ParentId";
}

void osy_template_match_share(struct osy_arena *arena, struct osy_template_object *object)
{
	if (object->match != OSY_MATCH_NONE || !osy_template_is_share(object->target))
		return;
	const char **fields = osy_arena_calloc(arena, 4, sizeof(*fields));
	fields[0] = share_parent(arena, object->target);
	fields[1] = "UserOrGroupId";
	fields[2] = "RowCause";
	object->match = OSY_MATCH_KEYS;
	object->match_fields = fields;
	object->match_count = 3;
}

/* Records of business that come and go, as opposed to what they are about. */
static const char *const transactional[] = {"Opportunity", "OpportunityLineItem",
	"OpportunityContactRole", "Quote", "QuoteLineItem", "Order", "OrderItem", "Contract",
	"ContractLineItem", "ServiceContract", "Case", "CaseComment", "EmailMessage", "Task",
	"Event", "Lead", "CampaignMember", "WorkOrder", "WorkOrderLineItem", "ServiceAppointment",
	"Invoice", "InvoiceLine", "CreditMemo", "CreditMemoLine", "Payment", "ReturnOrder",
	"ReturnOrderLineItem", "LiveChatTranscript", "MessagingSession", "VoiceCall"};

void osy_template_read_transactional(
	struct osy_arena *arena, const struct osy_json *json, struct osy_template *template)
{
	if (osy_json_type(json) == OSY_JSON_ARRAY) {
		template->transactional = names(arena, json, &template->transactional_count);
	} else if (osy_json_bool(json, false)) {
		template->transactional = transactional;
		template->transactional_count = OSY_COUNT(transactional);
	}
}
