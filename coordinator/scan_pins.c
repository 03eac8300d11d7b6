/*
 * Pins: mappings that nobody has to write, because the records are there in both orgs: the standard
 * price book, which nobody can create, record types, which are the same by object and developer
 * name, folders (scan_folders.c), and users and queues (scan_users.c).
 */
#include <stdlib.h>
#include <strings.h>

#include "osy/json_pull.h"
#include "osy/mem.h"
#include "osy/sf_collection.h"
#include "osy/sf_query.h"
#include "scan.h"

#define MAX_RECORD_TYPES 10000

struct record_type {
	struct osy_id id;
	const char *object, *name; /* name with its namespace */
	bool person;		   /* of accounts of people */
};

struct record_types {
	struct osy_arena *arena;
	struct record_type *items;
	size_t count;
	bool people; /* the org tells which are of people */
};

void scan_add_pin(struct scan *scan, const struct osy_id *source, const struct osy_id *target)
{
	struct osy_spec *spec = &scan->plan.spec;

	if (spec->pin_count == scan->pin_cap) {
		size_t cap = scan->pin_cap ? scan->pin_cap * 2 : 64;
		struct osy_spec_pin *pins = osy_arena_calloc(&scan->plan.arena, cap, sizeof(*pins));
		if (spec->pin_count)
			memcpy(pins, spec->pins, spec->pin_count * sizeof(*pins));
		spec->pins = pins;
		scan->pin_cap = cap;
	}
	((struct osy_spec_pin *)spec->pins)[spec->pin_count++] =
		(struct osy_spec_pin){*source, *target};
}

bool scan_not_told(struct scan *scan, const struct osy_org *org, const char *what_follows,
	enum osy_code *rc, struct osy_err *err)
{
	if (*rc != OSY_E_SALESFORCE || !osy_sf_is_bad_query(err))
		return false;
	osy_plan_notice(&scan->plan, "org '%s' %s (%.200s)", osy_org_name(org), what_follows,
		strncmp(err->origin, "sf:", 3) == 0 ? err->origin + 3 : err->msg);
	*rc = OSY_OK;
	*err = OSY_ERR_NONE;
	return true;
}

/* ---- The standard price book ---- */
static enum osy_code take_id(const struct osy_str *values, void *arg, struct osy_err *err)
{
	(void)err;
	(void)!osy_id_parse_json(values[0], arg);
	return OSY_OK;
}

static enum osy_code standard_pricebook(
	struct scan *scan, struct osy_org *org, struct osy_id *ret, struct osy_err *err)
{
	static const char *const fields[] = {"Id"};
	enum osy_code rc = osy_sf_query(org,
		OSY_STR("SELECT Id FROM Pricebook2 WHERE IsStandard = true LIMIT 1"), fields, 1, 10,
		take_id, ret, err);

	(void)scan_not_told(
		scan, org, "does not tell our user which price book is its standard", &rc, err);
	return rc;
}

static enum osy_code pin_pricebook(struct scan *scan, struct osy_err *err)
{
	struct osy_id source = {{0}}, target = {{0}};
	enum osy_code rc;

	if (!scan->plan.standard_pricebook)
		return OSY_OK;
	rc = standard_pricebook(scan, scan->drive->source, &source, err);
	if (!rc)
		rc = standard_pricebook(scan, scan->drive->target, &target, err);
	if (rc)
		return rc;
	if (osy_id_is_set(&source) && osy_id_is_set(&target))
		scan_add_pin(scan, &source, &target);
	else
		osy_plan_notice(&scan->plan,
			"org '%s' has no standard price book that our user may see: its prices "
			"will fail",
			osy_id_is_set(&source) ? scan->drive->target_name
					       : scan->drive->source_name);
	return OSY_OK;
}

/* ---- Record types ---- */
static const char *text_of(struct record_types *types, struct osy_str raw)
{
	struct osy_str text = OSY_STR("");

	/* names of metadata have no escapes */
	if (raw.p)
		(void)osy_json_plain(raw, &text);
	return osy_arena_strndup(types->arena, text.p, text.len);
}

static enum osy_code take_type(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct record_types *types = arg;
	struct record_type *type = &types->items[types->count];

	(void)err;
	if (!osy_id_parse_json(values[0], &type->id))
		return OSY_OK;
	const char *namespace = text_of(types, values[3]);
	const char *name = text_of(types, values[2]);
	OSY_AUTO(osy_buf_done) struct osy_buf whole = OSY_BUF(1024);
	osy_buf_addf(&whole, "%.100s%s%.200s", namespace, *namespace ? "__" : "", name);
	type->object = text_of(types, values[1]);
	type->name = osy_arena_strndup(types->arena, whole.p, whole.len);
	type->person = types->people && osy_str_is(values[4], "true");
	types->count++;
	return OSY_OK;
}

/* Whether both orgs have person accounts, and the run takes accounts. */
static bool has_people(const struct scan *scan)
{
	for (size_t i = 0; i < scan->plan.spec.object_count; i++) {
		if (scan->plan.objects[i].person_field >= 0)
			return true;
	}
	return false;
}

/* What the describes of one org say of them: no namespace, no mark of people. */
static void described_types(
	struct osy_sf_object *const objects[], size_t count, struct record_types *ret)
{
	for (size_t i = 0; i < count; i++) {
		const struct osy_sf_object *object = objects[i];
		for (size_t k = 0; k < object->record_type_count && ret->count < MAX_RECORD_TYPES;
			k++) {
			struct record_type *type = &ret->items[ret->count];
			if (!osy_id_parse(osy_str(object->record_types[k].id), &type->id))
				continue;
			type->object = object->name;
			type->name = object->record_types[k].name;
			ret->count++;
		}
	}
}

static enum osy_code record_types(
	struct scan *scan, struct osy_org *org, struct record_types *ret, struct osy_err *err)
{
	static const char *const fields[] = {
		"Id", "SobjectType", "DeveloperName", "NamespacePrefix", "IsPersonType"};

	ret->people = has_people(scan);
	ret->arena = &scan->plan.arena;
	ret->items = osy_arena_calloc(&scan->plan.arena, MAX_RECORD_TYPES, sizeof(*ret->items));
	enum osy_code rc = osy_sf_query(org,
		ret->people ? OSY_STR("SELECT Id, SobjectType, DeveloperName, NamespacePrefix, "
				      "IsPersonType FROM RecordType")
			    : OSY_STR("SELECT Id, SobjectType, DeveloperName, NamespacePrefix FROM "
				      "RecordType"),
		fields, ret->people ? 5 : 4, MAX_RECORD_TYPES, take_type, ret, err);
	if (scan_not_told(scan, org,
		    "does not tell our user its record types: those of its describes are taken",
		    &rc, err))
		described_types(org == scan->drive->source ? scan->sources : scan->targets,
			scan->template->object_count, ret);
	return rc;
}

/* The object of the target that takes the records of a source object; NULL when the run has none.
 */
static const char *target_of(const struct scan *scan, const char *object)
{
	for (size_t i = 0; i < scan->plan.spec.object_count; i++) {
		if (strcasecmp(scan->plan.objects[i].name, object) == 0)
			return scan->plan.objects[i].target;
	}
	return NULL;
}

static bool needs_record_types(const struct scan *scan)
{
	for (size_t i = 0; i < scan->plan.spec.object_count; i++) {
		const struct osy_spec_object *object = &scan->plan.objects[i];
		for (size_t f = 0; f < object->field_count; f++) {
			if (strcasecmp(object->fields[f].name, "RecordTypeId") == 0)
				return true;
		}
	}
	return false;
}

static void pin_type(
	struct scan *scan, const struct record_type *source, const struct record_types *targets)
{
	const char *object = target_of(scan, source->object);

	if (!object)
		return;
	const struct record_type *other = NULL; /* of people, with another name */
	for (size_t i = 0; i < targets->count; i++) {
		const struct record_type *target = &targets->items[i];
		if (strcasecmp(target->object, object) != 0 || target->person != source->person)
			continue;
		if (strcasecmp(target->name, source->name) == 0) {
			scan_add_pin(scan, &source->id, &target->id);
			return;
		}
		other = source->person && !other ? target : other;
	}
	if (other) {
		/* without one an account of a person would be one of a business */
		scan_add_pin(scan, &source->id, &other->id);
		osy_plan_notice(&scan->plan,
			"record type %s of %s is not in the target: its records get %s, which is "
			"of person accounts too",
			source->name, source->object, other->name);
		return;
	}
	osy_plan_notice(&scan->plan,
		"record type %s of %s is not in the target: its records keep the user's default "
		"record type",
		source->name, source->object);
}

static enum osy_code pin_record_types(struct scan *scan, struct osy_err *err)
{
	struct record_types sources = {0}, targets = {0};
	enum osy_code rc;

	if (!needs_record_types(scan))
		return OSY_OK;
	rc = record_types(scan, scan->drive->source, &sources, err);
	if (!rc)
		rc = record_types(scan, scan->drive->target, &targets, err);
	for (size_t i = 0; !rc && i < sources.count; i++)
		pin_type(scan, &sources.items[i], &targets);
	return rc;
}

static int compare_pins(const void *a, const void *b)
{
	return memcmp(((const struct osy_spec_pin *)a)->source.c,
		((const struct osy_spec_pin *)b)->source.c, 15);
}

enum osy_code scan_pins(struct scan *scan, struct osy_err *err)
{
	enum osy_code rc = pin_pricebook(scan, err);

	if (!rc)
		rc = pin_record_types(scan, err);
	if (!rc)
		rc = scan_folders(scan, err);
	if (!rc)
		rc = scan_users(scan, err);
	if (!rc && scan->plan.spec.pin_count)
		qsort((void *)(uintptr_t)scan->plan.spec.pins, scan->plan.spec.pin_count,
			sizeof(*scan->plan.spec.pins), compare_pins);
	return rc;
}
