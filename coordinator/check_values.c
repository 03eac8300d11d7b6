/*
 * Which values of its picklists each record type takes, in both orgs: an org tells them by its UI
 * API, a record type a call. They are asked of objects only whose target has record types, and of
 * which picklists are copied.
 */
#include <strings.h>

#include "check_internal.h"

#define IN_FLIGHT 8
#define AT_ONCE 16   /* replies in memory */
#define TYPES_MAX 50 /* of an object */
#define PATH_BYTES 1024
#define MASTER "012000000000000AAA"

/* ---- What is asked ---- */
static bool is_one_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(names[i], name) == 0)
			return true;
	}
	return false;
}

static bool is_copied(const struct osy_template_object *object, const char *name)
{
	bool named = object->all_fields || is_one_of(name, object->include, object->include_count);

	for (size_t i = 0; i < object->map_count; i++)
		named |= strcasecmp(object->map[i].source, name) == 0;
	return named && !is_one_of(name, object->exclude, object->exclude_count);
}

static bool copies_lists(
	const struct osy_template_object *object, const struct osy_sf_object *source)
{
	for (size_t i = 0; i < source->field_count; i++) {
		const struct osy_sf_field *field = &source->fields[i];
		if ((field->type == OSY_T_PICKLIST || field->type == OSY_T_MULTIPICKLIST) &&
			strcasecmp(field->name, "CurrencyIsoCode") != 0 &&
			is_copied(object, field->name))
			return true;
	}
	return false;
}

/* The record type that records get: that of the same name, else our user's default. */
static const struct osy_sf_record_type *target_type(
	const struct osy_sf_object *target, const char *name)
{
	const struct osy_sf_record_type *other = NULL;

	for (size_t i = 0; i < target->record_type_count; i++) {
		const struct osy_sf_record_type *type = &target->record_types[i];
		if (name && strcasecmp(type->name, name) == 0)
			return type->active && type->available ? type : NULL;
		if (type->standard)
			other = type;
	}
	return other;
}

static void want(struct osy_check *check, size_t place, const char *source_id,
	const struct osy_sf_record_type *target)
{
	struct osy_check_types *types = &check->types[place];

	if (!target || !target->id[0] || types->count == TYPES_MAX)
		return;
	types->items[types->count++] = (struct osy_check_type){
		.name = target->name, .ids = {source_id, target->id}, .values = {NULL}};
}

static void want_types(struct osy_check *check, size_t place)
{
	const struct osy_template_object *object = &check->template->objects[place];
	const struct osy_sf_object *source = check->describes[OSY_CHECK_SOURCE][place],
				   *target = check->describes[OSY_CHECK_TARGET][place];

	if (object->match_only || !source || !target || !target->record_type_count ||
		!copies_lists(object, source))
		return;
	check->types[place].items =
		osy_arena_calloc(&check->arena, TYPES_MAX, sizeof(*check->types[place].items));
	if (!source->record_type_count || !is_copied(object, "RecordTypeId")) {
		want(check, place, MASTER, target_type(target, NULL));
		return;
	}
	for (size_t i = 0; i < source->record_type_count; i++) {
		const struct osy_sf_record_type *type = &source->record_types[i];
		if (type->id[0])
			want(check, place, type->id, target_type(target, type->name));
	}
}

unsigned check_types_plan(struct osy_check *check)
{
	unsigned calls = 0;

	for (size_t i = 0; i < check->template->object_count; i++) {
		want_types(check, i);
		calls += (unsigned)check->types[i].count;
	}
	return calls;
}

/* ---- Asking ---- */
struct wanted {
	size_t place;
	int side;
	struct osy_check_type *type;
	struct osy_buf path;
};

static void begin(const struct osy_check *check, struct osy_org *const orgs[],
	struct wanted *wanted, struct osy_sf_many *call)
{
	const struct osy_template_object *object = &check->template->objects[wanted->place];

	wanted->path = OSY_BUF(PATH_BYTES);
	osy_buf_addz(&wanted->path, "ui-api/object-info/");
	osy_url_encode(osy_str(wanted->side == OSY_CHECK_TARGET ? object->target : object->name),
		&wanted->path);
	osy_buf_addf(&wanted->path, "/picklist-values/%s", wanted->type->ids[wanted->side]);
	*call = (struct osy_sf_many){.org = orgs[wanted->side],
		.request = {.method = "GET", .path = osy_buf_str(&wanted->path)},
		.body = OSY_BUF(1)};
}

/* An object that the UI API does not know, or a right that our user lacks: told, and no more. */
static enum osy_code take(struct osy_check *check, const struct wanted *wanted,
	const struct osy_sf_many *call, struct osy_err *err)
{
	if (!call->code)
		return osy_json_parse(osy_buf_str(&call->body), "picklist values",
			&wanted->type->values[wanted->side], err);
	if (call->code != OSY_E_SALESFORCE) {
		*err = call->err;
		return call->code;
	}
	struct osy_check_types *types = &check->types[wanted->place];
	if (!types->told)
		osy_check_add(check, false,
			&(struct osy_check_at){.kind = "picklist",
				.side = wanted->side,
				.place = wanted->place,
				.name = wanted->type->name},
			"look at the picklists of its record types yourself",
			"org '%s' does not tell which picklist values its record types take: %s",
			check->orgs[wanted->side], call->err.msg);
	types->told = true;
	return OSY_OK;
}

static enum osy_code ask_some(struct osy_check *check, struct osy_http *http,
	struct osy_org *const orgs[], struct wanted *wanted, size_t count, struct osy_err *err)
{
	struct osy_sf_many calls[AT_ONCE];
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; i < count; i++)
		begin(check, orgs, &wanted[i], &calls[i]);
	osy_sf_run_many(http, calls, count, IN_FLIGHT);
	for (size_t i = 0; i < count; i++) {
		if (!rc)
			rc = take(check, &wanted[i], &calls[i], err);
		osy_buf_done(&calls[i].body);
		osy_buf_done(&wanted[i].path);
	}
	return rc;
}

enum osy_code check_types_ask(struct osy_check *check, struct osy_http *http,
	struct osy_org *const orgs[OSY_CHECK_SIDES], struct osy_err *err)
{
	struct wanted wanted[AT_ONCE];
	enum osy_code rc = OSY_OK;
	size_t n = 0;

	for (size_t i = 0; !rc && i < check->template->object_count; i++) {
		struct osy_check_types *types = &check->types[i];
		for (size_t k = 0; !rc && k < OSY_CHECK_SIDES * types->count; k++) {
			wanted[n++] = (struct wanted){.place = i,
				.side = (int)(k % OSY_CHECK_SIDES),
				.type = &types->items[k / OSY_CHECK_SIDES]};
			if (n == AT_ONCE) {
				rc = ask_some(check, http, orgs, wanted, n, err);
				n = 0;
			}
		}
	}
	return rc || !n ? rc : ask_some(check, http, orgs, wanted, n, err);
}
