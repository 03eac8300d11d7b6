/*
 * A pair of fields that is copied. A difference blocks when it spoils every record, and warns when
 * it spoils some.
 */
#include <strings.h>

#include "check.h"

#define TELL_VALUES 5

enum family { TEXTS, NUMBERS, BOOLEANS, DATES, MOMENTS, TIMES, LOOKUPS, OTHERS, FAMILIES };

static enum family family_of(enum osy_sf_type type)
{
	static const enum family families[] = {
		[OSY_T_OTHER] = OTHERS,
		[OSY_T_STRING] = TEXTS,
		[OSY_T_PICKLIST] = TEXTS,
		[OSY_T_MULTIPICKLIST] = TEXTS,
		[OSY_T_COMBOBOX] = TEXTS,
		[OSY_T_REFERENCE] = LOOKUPS,
		[OSY_T_BASE64] = OTHERS,
		[OSY_T_BOOLEAN] = BOOLEANS,
		[OSY_T_CURRENCY] = NUMBERS,
		[OSY_T_TEXTAREA] = TEXTS,
		[OSY_T_INT] = NUMBERS,
		[OSY_T_DOUBLE] = NUMBERS,
		[OSY_T_PERCENT] = NUMBERS,
		[OSY_T_PHONE] = TEXTS,
		[OSY_T_ID] = OTHERS,
		[OSY_T_DATE] = DATES,
		[OSY_T_DATETIME] = MOMENTS,
		[OSY_T_TIME] = TIMES,
		[OSY_T_URL] = TEXTS,
		[OSY_T_EMAIL] = TEXTS,
		[OSY_T_ENCRYPTED] = TEXTS,
		[OSY_T_LOCATION] = OTHERS,
		[OSY_T_ADDRESS] = OTHERS,
		[OSY_T_COMPLEX] = OTHERS,
		[OSY_T_LONG] = NUMBERS,
		[OSY_T_JSON] = OTHERS,
		[OSY_T_CATEGORY] = OTHERS,
	};

	return (size_t)type < OSY_COUNT(families) ? families[type] : OTHERS;
}

struct pair {
	struct osy_check *check;
	const struct osy_sf_field *source, *target;
	const struct osy_spec_rule *rule; /* NULL: values pass as they are */
	struct osy_check_at at;
};

/* ---- Types ---- */
enum fit { FITS, TELL, REFUSED };

static enum fit fit_of(const struct osy_sf_field *source, const struct osy_sf_field *target)
{
	/* from the rows' family into the columns' */
	static const enum fit fits[FAMILIES][FAMILIES] = {
		[TEXTS] = {FITS, TELL, TELL, TELL, TELL, TELL, REFUSED, TELL},
		[NUMBERS] = {TELL, FITS, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, TELL},
		[BOOLEANS] = {TELL, REFUSED, FITS, REFUSED, REFUSED, REFUSED, REFUSED, TELL},
		[DATES] = {TELL, REFUSED, REFUSED, FITS, TELL, REFUSED, REFUSED, TELL},
		[MOMENTS] = {TELL, REFUSED, REFUSED, REFUSED, FITS, REFUSED, REFUSED, TELL},
		[TIMES] = {TELL, REFUSED, REFUSED, REFUSED, REFUSED, FITS, REFUSED, TELL},
		[LOOKUPS] = {TELL, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, FITS, TELL},
		[OTHERS] = {TELL, TELL, TELL, TELL, TELL, TELL, TELL, FITS},
	};
	enum family from = family_of(source->type), to = family_of(target->type);

	if (source->type == target->type)
		return FITS;
	/* an address or list of the target takes texts of one form only; an integer no fraction */
	if (from == TEXTS && (target->type == OSY_T_EMAIL || target->type == OSY_T_MULTIPICKLIST ||
				     source->type == OSY_T_MULTIPICKLIST))
		return TELL;
	if (from == NUMBERS && target->type == OSY_T_INT)
		return TELL;
	return fits[from][to];
}

static void check_types(struct pair *pair)
{
	enum fit fit = fit_of(pair->source, pair->target);

	if (fit == FITS)
		return;
	pair->at.kind = "type";
	osy_check_add(pair->check, fit == REFUSED, &pair->at,
		"change the type of one of them, map another field, or exclude it",
		"%s is %s in org '%s' and %s in org '%s': %s", pair->source->name,
		osy_sf_type_name(pair->source->type), pair->check->orgs[OSY_CHECK_SOURCE],
		osy_sf_type_name(pair->target->type), pair->check->orgs[OSY_CHECK_TARGET],
		fit == REFUSED ? "every record with a value is refused"
			       : "values that do not fit are refused or changed");
}

/* ---- Lengths and numbers ---- */
static void check_length(struct pair *pair)
{
	int from = pair->source->length, to = pair->target->length;

	if (family_of(pair->target->type) != TEXTS || family_of(pair->source->type) != TEXTS ||
		to <= 0 || from <= to)
		return;
	pair->at.kind = "length";
	osy_check_add(pair->check, false, &pair->at,
		"lengthen the field in the target, or exclude or shorten the values",
		"%s holds up to %d characters in org '%s' and %d in org '%s': longer values are "
		"refused (STRING_TOO_LONG)",
		pair->source->name, from, pair->check->orgs[OSY_CHECK_SOURCE], to,
		pair->check->orgs[OSY_CHECK_TARGET]);
}

/* Digits before the point; 0: not told. */
static int whole_digits(const struct osy_sf_field *field)
{
	if (field->type == OSY_T_INT)
		return field->digits;
	return field->precision ? field->precision - field->scale : 0;
}

static int scale_of(const struct osy_sf_field *field)
{
	return field->type == OSY_T_INT ? 0 : field->scale;
}

static void check_numbers(struct pair *pair)
{
	const struct osy_sf_field *source = pair->source, *target = pair->target;
	int from = whole_digits(source), to = whole_digits(target);

	if (family_of(target->type) != NUMBERS || family_of(source->type) != NUMBERS)
		return;
	pair->at.kind = "precision";
	if (from > to && to)
		osy_check_add(pair->check, false, &pair->at, "widen the field in the target",
			"%s has %d digits before the point in org '%s' and %d in org '%s': larger "
			"numbers are refused (NUMBER_OUTSIDE_VALID_RANGE)",
			source->name, from, pair->check->orgs[OSY_CHECK_SOURCE], to,
			pair->check->orgs[OSY_CHECK_TARGET]);
	if (scale_of(source) > scale_of(target))
		osy_check_add(pair->check, false, &pair->at,
			"give the field in the target as many decimals",
			"%s has %d decimals in org '%s' and %d in org '%s': numbers are rounded",
			source->name, scale_of(source), pair->check->orgs[OSY_CHECK_SOURCE],
			scale_of(target), pair->check->orgs[OSY_CHECK_TARGET]);
}

/* ---- Picklists ---- */
static bool has_value(const char *const *values, const char *value)
{
	for (; *values; values++) {
		if (strcasecmp(*values, value) == 0)
			return true;
	}
	return false;
}

/* Whether the template's value map makes another one of it; what that is was checked by the plan.
 */
static bool is_mapped(const struct osy_spec_rule *rule, const char *value)
{
	for (size_t i = 0; rule && i < rule->value_count; i++) {
		if (strcmp(rule->values[i].from, value) == 0 ||
			strcmp(rule->values[i].from, "*") == 0)
			return true;
	}
	return false;
}

static bool is_list(const struct osy_sf_field *field)
{
	return field->type == OSY_T_PICKLIST || field->type == OSY_T_MULTIPICKLIST;
}

static void check_list(struct pair *pair)
{
	const struct osy_sf_field *source = pair->source, *target = pair->target;
	const char *org = pair->check->orgs[OSY_CHECK_TARGET];
	OSY_AUTO(osy_buf_done) struct osy_buf names = OSY_BUF(16 * 1024);
	size_t missing = 0;

	if (!is_list(target))
		return;
	pair->at.kind = "picklist";
	if (!is_list(source)) {
		if (target->restricted_picklist)
			osy_check_add(pair->check, false, &pair->at,
				"add the values to the picklist, or map another field",
				"%s is a restricted picklist in org '%s' and none in org '%s': "
				"values that are not in it are refused",
				target->name, org, pair->check->orgs[OSY_CHECK_SOURCE]);
		return;
	}
	for (const char *const *value = source->picklist; *value; value++) {
		if (has_value(target->picklist, *value) || is_mapped(pair->rule, *value))
			continue;
		if (missing++ < TELL_VALUES)
			osy_buf_addf(&names, "%s'%.255s'", missing > 1 ? ", " : "", *value);
	}
	if (missing > TELL_VALUES)
		osy_buf_addf(&names, " and %zu more", missing - TELL_VALUES);
	if (missing)
		osy_check_add(pair->check, target->restricted_picklist, &pair->at,
			target->restricted_picklist
				? "add the values to the picklist of the target, or exclude the "
				  "field"
				: "add the values to the picklist of the target",
			"%s has values that the picklist of org '%s' does not have%s: %s",
			source->name, org,
			target->restricted_picklist
				? "; it is restricted, so that records with them are refused"
				: ", which takes them all the same",
			names.p);
}

/* ---- The same by record type ---- */

/* What the org tells of the field; NULL: nothing. */
static const struct osy_json *values_of(const struct osy_json *reply, const char *field)
{
	return osy_json_get(
		osy_json_get(osy_json_get(reply, "picklistFieldValues"), field), "values");
}

static bool tells_value(const struct osy_json *values, const char *value)
{
	for (size_t i = 0; i < osy_json_count(values); i++) {
		if (osy_str_equal_nocase(
			    osy_json_get_str(osy_json_at(values, i), "value"), osy_str(value)))
			return true;
	}
	return false;
}

/* Values that the source's record type takes and that of the target does not, though the picklist
 * as a whole has them. */
static size_t name_values(
	const struct pair *pair, const struct osy_check_type *type, struct osy_buf *names)
{
	const struct osy_json *here = values_of(type->values[OSY_CHECK_SOURCE], pair->source->name);
	const struct osy_json *there =
		values_of(type->values[OSY_CHECK_TARGET], pair->target->name);
	size_t missing = 0;

	for (const char *const *value = pair->source->picklist; here && there && *value; value++) {
		if (!tells_value(here, *value) || tells_value(there, *value) ||
			!has_value(pair->target->picklist, *value) || is_mapped(pair->rule, *value))
			continue;
		if (missing++ < TELL_VALUES)
			osy_buf_addf(names, "%s'%.255s'", missing > 1 ? ", " : "", *value);
	}
	if (missing > TELL_VALUES)
		osy_buf_addf(names, " and %zu more", missing - TELL_VALUES);
	return missing;
}

static void check_type_values(struct pair *pair)
{
	const struct osy_check_types *types = &pair->check->types[pair->at.place];
	bool restricted = pair->target->restricted_picklist;

	if (!is_list(pair->source) || !is_list(pair->target))
		return;
	for (size_t i = 0; i < types->count; i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf names = OSY_BUF(16 * 1024);
		struct osy_check_at at = pair->at;
		if (!name_values(pair, &types->items[i], &names))
			continue;
		at.kind = "picklist";
		at.name = types->items[i].name;
		osy_check_add(pair->check, restricted, &at,
			"add the values to the record type in the target, map them to others, or "
			"exclude the field",
			"%s has values that record type %s of org '%s' does not have%s: %s",
			pair->source->name, at.name, pair->check->orgs[OSY_CHECK_TARGET],
			restricted ? "; the picklist is restricted, so that records with them are "
				     "refused (INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST)"
				   : ", which takes them all the same",
			names.p);
	}
}

/* ---- Rules of the field itself ---- */
static void check_rules(struct pair *pair)
{
	const struct osy_sf_field *source = pair->source, *target = pair->target;
	const char *orgs[] = {
		pair->check->orgs[OSY_CHECK_SOURCE], pair->check->orgs[OSY_CHECK_TARGET]};

	if (osy_sf_field_required(target) && source->nillable) {
		pair->at.kind = "required";
		osy_check_add(pair->check, false, &pair->at,
			"fill the field in the source, or give it a default in the target",
			"%s is required in org '%s' but not in org '%s': records without a value "
			"are refused",
			target->name, orgs[1], orgs[0]);
	}
	pair->at.kind = "unique";
	if (target->unique && !source->unique)
		osy_check_add(pair->check, false, &pair->at,
			"look for values that are there twice in the source",
			"%s is unique in org '%s' but not in org '%s': the second record with a "
			"value is refused (DUPLICATE_VALUE)",
			target->name, orgs[1], orgs[0]);
	else if (target->unique && source->case_sensitive && !target->case_sensitive)
		osy_check_add(pair->check, false, &pair->at, "make both alike",
			"%s is unique without case in org '%s' and with it in org '%s': values "
			"that differ in case only are refused",
			target->name, orgs[1], orgs[0]);
	pair->at.kind = "permission";
	if (target->createable != target->updateable && target->permissionable)
		osy_check_add(pair->check, false, &pair->at, "grant our user Edit on the field",
			"%s can be written on %s only in org '%s'", target->name,
			target->createable ? "insert" : "update", orgs[1]);
}

void osy_check_pair(struct osy_check *check, size_t place, const struct osy_sf_field *source,
	const struct osy_sf_field *target, const struct osy_spec_rule *rule)
{
	struct pair pair = {.check = check,
		.source = source,
		.target = target,
		.rule = rule,
		.at = {.side = OSY_CHECK_TARGET, .place = place, .field = target->name}};

	check_types(&pair);
	check_length(&pair);
	check_numbers(&pair);
	check_list(&pair);
	check_type_values(&pair);
	check_rules(&pair);
}
