#include <stdlib.h>
#include <strings.h>

#include "plan_build.h"

/* A sentence about a node: to the sink, with one. */
static bool tell_sink(const struct plan_build *build, const struct plan_node *node, bool blocks,
	const struct plan_at *at, const char *text)
{
	if (build->sink)
		build->sink->found(build->sink->arg, blocks, node, at, text);
	return build->sink != NULL;
}

enum osy_code plan_fail(const struct plan_build *build, const struct plan_node *node,
	struct plan_at at, struct osy_err *err, const char *format, ...)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(64 * 1024);
	va_list args;

	va_start(args, format);
	osy_buf_vaddf(&text, format, args);
	va_end(args);
	if (tell_sink(build, node, true, &at, text.p))
		return OSY_OK;
	return osy_fail(err, OSY_E_INVALID, "template '%s', object %s: %s", build->template->name,
		node->template->name, text.p);
}

void plan_note(const struct plan_build *build, const struct plan_node *node, struct plan_at at,
	bool blocks, const char *format, ...)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(64 * 1024);
	va_list args;

	va_start(args, format);
	osy_buf_vaddf(&text, format, args);
	va_end(args);
	if (!tell_sink(build, node, blocks, &at, text.p))
		osy_plan_notice(build->plan, "%s", text.p);
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(names[i], name) == 0)
			return true;
	}
	return false;
}

static bool is_audit(const char *name)
{
	static const char *const names[] = {"CreatedDate", "CreatedById", "LastModifiedDate",
		"LastModifiedById", "SystemModstamp", "IsDeleted"};

	return is_one_of(name, names, OSY_COUNT(names));
}

/* Fields that "*" leaves out although they could be written: the org derives one from the other and
 * refuses both; or it says that an insert may have them, and refuses it. */
static bool is_derived(const char *object, const char *field)
{
	static const char *const pairs[][2] = {{"OpportunityLineItem", "TotalPrice"},
		{"QuoteLineItem", "TotalPrice"}, {"QuoteDocument", "ContentVersionDocumentId"},
		{"QuoteDocument", "DocumentTemplate"},
		{"QuoteDocument", "DocumentGenerationProcessId"}};

	for (size_t i = 0; i < OSY_COUNT(pairs); i++) {
		if (strcasecmp(object, pairs[i][0]) == 0 && strcasecmp(field, pairs[i][1]) == 0)
			return true;
	}
	return false;
}

/* Why a field of this type is never copied as a value, NULL when it is. */
static const char *no_value(const struct osy_sf_field *field)
{
	static const char *const reasons[] = {
		[OSY_T_OTHER] = "has a type that orgsync does not know",
		[OSY_T_BASE64] = "holds a file",
		[OSY_T_LOCATION] = "is a compound; its components are copied",
		[OSY_T_ADDRESS] = "is a compound; its components are copied",
		[OSY_T_ID] = "is the record's id",
		[OSY_T_COMPLEX] = "is a compound; its components are copied",
		[OSY_T_CATEGORY] = "holds data categories",
	};

	return (size_t)field->type < OSY_COUNT(reasons) ? reasons[field->type] : NULL;
}

static const char *no_write(const struct osy_sf_field *field)
{
	if (field->calculated)
		return "is calculated";
	if (field->auto_number)
		return "is an auto-number";
	if (no_value(field))
		return no_value(field);
	if (!field->createable && !field->updateable)
		return "cannot be written by our user";
	return NULL;
}

/* A field that our user may not write, or nobody may. */
static struct plan_at write_at(const struct osy_sf_field *field)
{
	if (field->permissionable && !field->calculated && !field->auto_number)
		return PLAN_TODO("permission", field->name, true,
			"grant our user Edit on the field, or exclude it");
	return PLAN_TODO("field", field->name, true, "exclude it");
}

static const char *mapped(const struct osy_template_object *object, const char *name)
{
	for (size_t i = 0; i < object->map_count; i++) {
		if (strcasecmp(object->map[i].source, name) == 0)
			return object->map[i].target;
	}
	return NULL;
}

static const char *nearest_field(const struct osy_sf_object *object, const char *name)
{
	OSY_AUTO_FREE const char **names = osy_xcalloc(object->field_count + 1, sizeof(*names));

	for (size_t i = 0; i < object->field_count; i++)
		names[i] = object->fields[i].name;
	return osy_nearest(name, names, object->field_count);
}

static enum osy_code unknown_field(const struct plan_build *build, const struct plan_node *node,
	const struct osy_sf_object *object, const char *org, const char *name, struct osy_err *err)
{
	const char *near = nearest_field(object, name);

	return plan_fail(build, node,
		PLAN_TODO("field", name, object == node->target,
			"deploy it, or grant our user the right to see it"),
		err, "field '%s' is not on %s in org '%s' (or our user may not see it)%s%s%s", name,
		object->name, org, near ? "; did you mean '" : "", near ? near : "",
		near ? "'?" : "");
}

static struct plan_field *target_taken(struct plan_node *node, const struct osy_sf_field *target)
{
	for (size_t i = 0; i < node->field_count; i++) {
		if (node->fields[i].target == target)
			return &node->fields[i];
	}
	return NULL;
}

struct plan_field *plan_add_field(struct plan_build *build, struct plan_node *node,
	const struct osy_sf_field *source, const struct osy_sf_field *target)
{
	if (node->field_count == node->field_cap) {
		size_t cap = node->field_cap ? node->field_cap * 2 : 32;
		struct plan_field *fields =
			osy_arena_calloc(&build->plan->arena, cap, sizeof(*fields));
		if (node->field_count)
			memcpy(fields, node->fields, node->field_count * sizeof(*fields));
		node->fields = fields;
		node->field_cap = cap;
	}
	struct plan_field *field = &node->fields[node->field_count++];
	*field = (struct plan_field){.source = source, .target = target};
	return field;
}

/* Whether the template says to leave a field out by its name. */
static bool is_excluded(const struct osy_template_object *object, const char *name)
{
	return is_one_of(name, object->exclude, object->exclude_count) ||
	       is_one_of(name, object->no_parent, object->no_parent_count);
}

/* A lookup to a parent; record types and people are none. */
static bool is_parent(const struct osy_sf_field *field)
{
	if (field->type != OSY_T_REFERENCE)
		return false;
	for (size_t i = 0; i < field->reference_count; i++) {
		if (strcasecmp(field->reference_to[i], "RecordType") == 0 ||
			strcasecmp(field->reference_to[i], "User") == 0)
			return false;
	}
	return true;
}

/* A field that the template names, by include or map. */
static enum osy_code take_named(
	struct plan_build *build, struct plan_node *node, const char *name, struct osy_err *err)
{
	const struct osy_template_object *object = node->template;
	bool lenient = build->template->skip_missing_fields;

	if (is_excluded(object, name))
		return OSY_OK;
	const struct osy_sf_field *source = osy_sf_find_field(node->source, name);
	if (!source && !lenient)
		return unknown_field(build, node, node->source, build->source_org, name, err);
	if (source && plan_is_body(node, source)) {
		node->wants_body = true;
		return OSY_OK;
	}
	const char *other = mapped(object, name);
	const char *target_name = other ? other : source ? source->name : name;
	const struct osy_sf_field *target = osy_sf_find_field(node->target, target_name);
	if (!target && !lenient)
		return unknown_field(
			build, node, node->target, build->target_org, target_name, err);
	if (!source || !target) {
		plan_note(build, node,
			PLAN_TODO("field", name, source != NULL,
				"deploy it, or take it out of the template"),
			false, "%s.%s is not in both orgs and is left out", node->source->name,
			name);
		return OSY_OK;
	}
	const char *why = no_value(source);
	if (why)
		return plan_fail(build, node, PLAN_TODO("field", name, false, "exclude it"), err,
			"field '%s' %s and cannot be copied", name, why);
	if (is_audit(target->name))
		return plan_fail(build, node, PLAN_TODO("field", target->name, true, "exclude it"),
			err,
			"field '%s' is an audit field; take it out of the list, and set "
			"auditFields: true to send those with inserts",
			target->name);
	why = no_write(target);
	if (why && !lenient)
		return plan_fail(build, node, write_at(target), err,
			"field '%s' %s in org '%s'; exclude it", target->name, why,
			build->target_org);
	if (why) {
		plan_note(build, node, write_at(target), false,
			"%s.%s %s in the target and is left out", node->target->name, target->name,
			why);
		return OSY_OK;
	}
	if (target->type == OSY_T_REFERENCE && source->type != OSY_T_REFERENCE)
		return plan_fail(build, node,
			PLAN_TODO("type", target->name, true, "exclude it, or map another field"),
			err, "field '%s' is a lookup in the target, but '%s' is none in the source",
			target->name, source->name);
	struct plan_field *taken = target_taken(node, target);
	if (taken && (taken->source == source || (taken->expr && !other)))
		return OSY_OK; /* an expression takes the place of the field of the same name */
	if (taken)
		return plan_fail(build, node,
			PLAN_TODO("field", target->name, true, "exclude one of them"), err,
			"fields '%s' and '%s' both go to '%s'", taken->source->name, source->name,
			target->name);
	plan_add_field(build, node, source, target)->explicit_ = true;
	return OSY_OK;
}

/* A field that an expression makes. */
static enum osy_code take_expression(struct plan_build *build, struct plan_node *node,
	const struct osy_template_pair *pair, struct osy_err *err)
{
	const struct osy_sf_field *target = osy_sf_find_field(node->target, pair->target);
	bool lenient = build->template->skip_missing_fields;
	const char *why = !target		       ? "is not in the target"
			  : is_audit(target->name)     ? "is an audit field"
			  : node->template->match_only ? NULL
						       : no_write(target);

	if (!target && !lenient)
		return unknown_field(
			build, node, node->target, build->target_org, pair->target, err);
	if (why && lenient) {
		plan_note(build, node,
			PLAN_TODO("field", pair->target, true, "take out its expression"), false,
			"the expression of '%s' is left out: the field %s", pair->target, why);
		return OSY_OK;
	}
	if (why)
		return plan_fail(build, node, write_at(target), err,
			"field '%s' %s in org '%s'; take out its expression", target->name, why,
			build->target_org);
	if (!target_taken(node, target))
		return plan_expression(build, node, pair, target, err);
	return plan_fail(build, node,
		PLAN_TODO("expression", pair->target, true, "take out one of them"), err,
		"'%s' has two expressions", pair->target);
}

/* A field of "*": what cannot be copied is left out, with a notice where a user may miss it. */
static void take_any(
	struct plan_build *build, struct plan_node *node, const struct osy_sf_field *source)
{
	const struct osy_template_object *object = node->template;
	bool real = source->createable || source->updateable;

	if (is_excluded(object, source->name) || (object->no_parents && is_parent(source)))
		return;
	node->wants_body |= plan_is_body(node, source);
	if (mapped(object, source->name) || is_audit(source->name) || no_value(source) ||
		source->calculated || source->auto_number ||
		is_derived(node->target->name, source->name))
		return;
	const struct osy_sf_field *target = osy_sf_find_field(node->target, source->name);
	if (!target && strcasecmp(source->name, "CurrencyIsoCode") == 0)
		return; /* told by plan_currency() */
	const char *why = !target ? "is not in the target" : NULL;
	struct plan_at at = PLAN_TODO("field", source->name, true,
		"deploy it or grant our user the right to see it, or exclude it");
	if (target && no_write(target)) {
		why = "cannot be written in the target";
		at = write_at(target);
	} else if (source->type == OSY_T_ENCRYPTED) {
		why = "is encrypted and perhaps masked for our user";
		at = PLAN_TODO("permission", source->name, false, "exclude it");
	} else if (target && target->type == OSY_T_REFERENCE && source->type != OSY_T_REFERENCE) {
		why = "is a lookup in the target only";
		at = PLAN_TODO(
			"type", source->name, true, "map it to another field, or exclude it");
	}
	if (!why && !target_taken(node, target))
		plan_add_field(build, node, source, target);
	else if (why && real)
		plan_note(build, node, at, false, "%s.%s %s and is left out", node->source->name,
			source->name, why);
}

/* The field that the match key needs, added when the list does not have it: also one that cannot be
 * written. */
static enum osy_code take_key(
	struct plan_build *build, struct plan_node *node, const char *name, struct osy_err *err)
{
	int index = plan_find(node, name);

	if (index >= 0) {
		node->fields[index].key = true;
		return OSY_OK;
	}
	const struct osy_sf_field *target = osy_sf_find_field(node->target, name);
	if (!target)
		return unknown_field(build, node, node->target, build->target_org, name, err);
	const struct osy_sf_field *source = osy_sf_find_field(node->source, target->name);
	if (!source)
		return unknown_field(build, node, node->source, build->source_org, name, err);
	if (no_value(source) || !target->filterable)
		return plan_fail(build, node,
			PLAN_TODO("match", name, !no_value(source), "match by another field"), err,
			"field '%s' cannot be a match key: it %s", name,
			no_value(source) ? no_value(source)
					 : "cannot be filtered by in the target");
	if (target->type == OSY_T_REFERENCE && source->type != OSY_T_REFERENCE)
		return plan_fail(build, node,
			PLAN_TODO("match", name, true, "match by another field"), err,
			"match key '%s' is a lookup in the target only", name);
	plan_add_field(build, node, source, target)->key = true;
	return OSY_OK;
}

/* match: sourceId: nothing else may be written into its field. */
static enum osy_code check_source_id(
	struct plan_build *build, struct plan_node *node, struct osy_err *err)
{
	const char *name = node->template->match_fields[0];
	const struct osy_sf_field *target = osy_sf_find_field(node->target, name);

	if (!target)
		return unknown_field(build, node, node->target, build->target_org, name, err);
	if (!target->external_id || !target->createable || target->type != OSY_T_STRING ||
		target->length < 18)
		return plan_fail(build, node,
			PLAN_TODO("match", name, true, "add such a field, or match by another"),
			err,
			"match: sourceId needs a writable external-id text field of at least 18 "
			"characters; '%s' in org '%s' is none",
			name, build->target_org);
	struct plan_field *taken = target_taken(node, target);
	if (taken && taken->explicit_)
		return plan_fail(build, node, PLAN_TODO("match", name, true, "exclude it"), err,
			"field '%s' is to hold the source's id and cannot be copied into as well",
			name);
	if (taken)
		taken->dropped = true;
	return OSY_OK;
}

static enum osy_code check_external_id(
	struct plan_build *build, struct plan_node *node, struct osy_err *err)
{
	int index = plan_find(node, node->template->match_fields[0]);

	if (index < 0) /* told to the sink already */
		return OSY_OK;
	const struct plan_field *field = &node->fields[index];
	if (!field->target->external_id && !field->target->id_lookup && !field->target->unique)
		return plan_fail(build, node, PLAN_AT("match", field->target->name, true), err,
			"match: externalId needs an external id or unique field; '%s' in org '%s' "
			"is neither; use keys: [%s] to match by it all the same",
			field->target->name, build->target_org, field->target->name);
	return OSY_OK;
}

static enum osy_code take_match(
	struct plan_build *build, struct plan_node *node, struct osy_err *err)
{
	const struct osy_template_object *object = node->template;
	enum osy_code rc = OSY_OK;

	if (object->match == OSY_MATCH_SOURCE_ID)
		return check_source_id(build, node, err);
	if (object->match != OSY_MATCH_EXTERNAL_ID && object->match != OSY_MATCH_KEYS)
		return OSY_OK;
	for (size_t i = 0; !rc && i < object->match_count; i++)
		rc = take_key(build, node, object->match_fields[i], err);
	if (!rc && object->match == OSY_MATCH_EXTERNAL_ID)
		rc = check_external_id(build, node, err);
	return rc;
}

static enum osy_code check_excluded(
	struct plan_build *build, struct plan_node *node, struct osy_err *err)
{
	const struct osy_template_object *object = node->template;

	for (size_t i = 0; i < object->exclude_count; i++) {
		if (!osy_sf_find_field(node->source, object->exclude[i]) &&
			!build->template->skip_missing_fields)
			return unknown_field(build, node, node->source, build->source_org,
				object->exclude[i], err);
	}
	return OSY_OK;
}

static enum osy_code check_no_parents(
	struct plan_build *build, struct plan_node *node, struct osy_err *err)
{
	const struct osy_template_object *object = node->template;

	for (size_t i = 0; i < object->no_parent_count; i++) {
		const char *name = object->no_parent[i];
		const struct osy_sf_field *field = osy_sf_find_field(node->source, name);
		if (!field && !build->template->skip_missing_fields)
			return unknown_field(
				build, node, node->source, build->source_org, name, err);
		if (field && field->type != OSY_T_REFERENCE)
			return plan_fail(build, node,
				PLAN_TODO("lookup", name, false, "put it into fields.exclude"), err,
				"excludeParents names '%s', which is no lookup; put it into "
				"fields.exclude",
				name);
	}
	return OSY_OK;
}

enum osy_code plan_fields(struct plan_build *build, struct plan_node *node, struct osy_err *err)
{
	const struct osy_template_object *object = node->template;
	enum osy_code rc = check_excluded(build, node, err);

	if (!rc)
		rc = check_no_parents(build, node, err);
	for (size_t i = 0; !rc && i < object->expression_count; i++)
		rc = take_expression(build, node, &object->expressions[i], err);
	for (size_t i = 0; !rc && i < object->map_count; i++)
		rc = take_named(build, node, object->map[i].source, err);
	for (size_t i = 0; !rc && i < object->include_count; i++)
		rc = take_named(build, node, object->include[i], err);
	if (rc)
		return rc;
	for (size_t i = 0; object->all_fields && i < node->source->field_count; i++)
		take_any(build, node, &node->source->fields[i]);
	plan_audit_fields(build, node);
	rc = plan_files(build, node, err);
	return rc ? rc : take_match(build, node, err);
}
