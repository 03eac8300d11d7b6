#include "osy/sf_describe.h"

#include <strings.h>

#include "osy/json.h"
#include "osy/mem.h"
#include "osy/sf_id.h"

#include "osy/banned.h"

#define FIELDS_MAX 2000 /* an org allows about 900 a table */

static const char *const type_names[] = {
#define X(symbol, name) [symbol] = (name),
	OSY_SF_TYPES(X)
#undef X
};

enum osy_sf_type osy_sf_type_parse(struct osy_str name)
{
	for (size_t i = 0; i < OSY_COUNT(type_names); i++) {
		if (osy_str_is(name, type_names[i]))
			return (enum osy_sf_type)i;
	}
	return OSY_T_OTHER;
}

const char *osy_sf_type_name(enum osy_sf_type type)
{
	OSY_ASSERT((size_t)type < OSY_COUNT(type_names));
	return type_names[type];
}

bool osy_sf_field_required(const struct osy_sf_field *field)
{
	return field->createable && !field->nillable && !field->defaulted_on_create;
}

const struct osy_sf_field *osy_sf_find_field(const struct osy_sf_object *object, const char *name)
{
	for (size_t i = 0; i < object->field_count; i++) {
		if (strcasecmp(object->fields[i].name, name) == 0)
			return &object->fields[i];
	}
	return NULL;
}

const struct osy_sf_child *osy_sf_find_child(
	const struct osy_sf_object *object, const char *child, const char *field)
{
	for (size_t i = 0; i < object->child_count; i++) {
		if (strcasecmp(object->children[i].field, field) == 0 &&
			strcasecmp(object->children[i].object, child) == 0)
			return &object->children[i];
	}
	return NULL;
}

/* A copy in the arena; NULL for what is not a text, and for an empty one. */
static const char *text(struct osy_arena *arena, const struct osy_json *object, const char *key)
{
	const struct osy_str s = osy_json_get_str(object, key);
	return s.p && s.len ? osy_arena_strndup(arena, s.p, s.len) : NULL;
}

static const char *text_or(struct osy_arena *arena, const struct osy_json *object, const char *key,
	const char *otherwise)
{
	const char *s = text(arena, object, key);
	return s ? s : otherwise;
}

static int number(const struct osy_json *object, const char *key, int otherwise)
{
	const int64_t n = osy_json_get_i64(object, key, otherwise);
	return n < INT32_MIN || n > INT32_MAX ? otherwise : (int)n;
}

static const char *const *texts_of(
	struct osy_arena *arena, const struct osy_json *array, size_t *ret_count)
{
	size_t count = osy_json_type(array) == OSY_JSON_ARRAY ? osy_json_count(array) : 0, kept = 0;
	const char **ret = osy_arena_calloc(arena, count + 1, sizeof(*ret));

	for (size_t i = 0; i < count; i++) {
		const struct osy_str s = osy_json_str(osy_json_at(array, i));
		if (s.p)
			ret[kept++] = osy_arena_strndup(arena, s.p, s.len);
	}
	*ret_count = kept;
	return ret;
}

static const char *const *active_values(struct osy_arena *arena, const struct osy_json *array)
{
	size_t count = osy_json_type(array) == OSY_JSON_ARRAY ? osy_json_count(array) : 0, kept = 0;
	const char **ret = osy_arena_calloc(arena, count + 1, sizeof(*ret));

	for (size_t i = 0; i < count; i++) {
		const struct osy_json *entry = osy_json_at(array, i);
		const struct osy_str value = osy_json_get_str(entry, "value");
		if (value.p && osy_json_get_bool(entry, "active", true))
			ret[kept++] = osy_arena_strndup(arena, value.p, value.len);
	}
	return ret;
}

/* The booleans, by their place. What a describe leaves out is taken in the way that asks nothing of
 * a record. */
static const struct flag {
	const char *key;
	size_t offset;
	bool otherwise;
} flags[] = {
#define FLAG(key, member, otherwise)                                  \
	{                                                             \
		key, offsetof(struct osy_sf_field, member), otherwise \
	}
	FLAG("createable", createable, false),
	FLAG("updateable", updateable, false),
	FLAG("nillable", nillable, true),
	FLAG("defaultedOnCreate", defaulted_on_create, false),
	FLAG("calculated", calculated, false),
	FLAG("autoNumber", auto_number, false),
	FLAG("externalId", external_id, false),
	FLAG("idLookup", id_lookup, false),
	FLAG("unique", unique, false),
	FLAG("caseSensitive", case_sensitive, false),
	FLAG("restrictedPicklist", restricted_picklist, false),
	FLAG("filterable", filterable, true),
	FLAG("polymorphicForeignKey", polymorphic, false),
	FLAG("htmlFormatted", html, false),
	FLAG("cascadeDelete", cascade_delete, false),
	FLAG("restrictedDelete", restricted_delete, false),
	FLAG("permissionable", permissionable, false),
#undef FLAG
};

static bool read_field(
	struct osy_arena *arena, const struct osy_json *json, struct osy_sf_field *field)
{
	field->name = text(arena, json, "name");
	if (!field->name)
		return false;
	field->label = text_or(arena, json, "label", field->name);
	field->relationship_name = text(arena, json, "relationshipName");
	field->compound_name = text(arena, json, "compoundFieldName");
	field->type = osy_sf_type_parse(osy_json_get_str(json, "type"));
	field->length = number(json, "length", 0);
	field->precision = number(json, "precision", 0);
	field->scale = number(json, "scale", 0);
	field->digits = number(json, "digits", 0);
	field->relationship_order = number(json, "relationshipOrder", -1);
	for (size_t i = 0; i < OSY_COUNT(flags); i++)
		*(bool *)((char *)field + flags[i].offset) =
			osy_json_get_bool(json, flags[i].key, flags[i].otherwise);
	field->reference_to =
		texts_of(arena, osy_json_get(json, "referenceTo"), &field->reference_count);
	if (field->reference_count > 1)
		field->polymorphic = true; /* old describes do not say so */
	field->picklist = active_values(arena, osy_json_get(json, "picklistValues"));
	return true;
}

static enum osy_code read_fields(struct osy_arena *arena, const struct osy_json *array,
	struct osy_sf_object *object, struct osy_err *err)
{
	const size_t count = osy_json_count(array);

	if (osy_json_type(array) != OSY_JSON_ARRAY)
		return osy_fail(err, OSY_E_INVALID, "the describe of %s has no list of fields",
			object->name);
	if (count > FIELDS_MAX)
		return osy_fail(err, OSY_E_TOO_BIG, "%s has %zu fields; orgsync reads %d",
			object->name, count, FIELDS_MAX);
	struct osy_sf_field *fields = osy_arena_calloc(arena, count + 1, sizeof(*fields));
	for (size_t i = 0; i < count; i++) {
		if (!read_field(arena, osy_json_at(array, i), &fields[i]))
			return osy_fail(err, OSY_E_INVALID,
				"the describe of %s has a field without a name", object->name);
	}
	object->fields = fields;
	object->field_count = count;
	return OSY_OK;
}

static void read_children(
	struct osy_arena *arena, const struct osy_json *array, struct osy_sf_object *object)
{
	size_t count = osy_json_type(array) == OSY_JSON_ARRAY ? osy_json_count(array) : 0;
	struct osy_sf_child *children = osy_arena_calloc(arena, count + 1, sizeof(*children));

	for (size_t i = 0; i < count; i++) {
		const struct osy_json *json = osy_json_at(array, i);
		struct osy_sf_child *child = &children[object->child_count];
		child->object = text(arena, json, "childSObject");
		child->field = text(arena, json, "field");
		child->cascade_delete = osy_json_get_bool(json, "cascadeDelete", false);
		child->restricted_delete = osy_json_get_bool(json, "restrictedDelete", false);
		object->child_count += child->object && child->field;
	}
	object->children = children;
}

static void read_type_id(struct osy_sf_record_type *type, struct osy_str raw)
{
	struct osy_id id;

	if (osy_id_parse(raw, &id))
		osy_id_18(&id, type->id);
}

static void read_record_types(
	struct osy_arena *arena, const struct osy_json *array, struct osy_sf_object *object)
{
	size_t count = osy_json_type(array) == OSY_JSON_ARRAY ? osy_json_count(array) : 0;
	struct osy_sf_record_type *types = osy_arena_calloc(arena, count + 1, sizeof(*types));

	for (size_t i = 0; i < count; i++) {
		const struct osy_json *json = osy_json_at(array, i);
		struct osy_sf_record_type *type = &types[object->record_type_count];
		type->name = text(arena, json, "developerName");
		if (!type->name || osy_json_get_bool(json, "master", false))
			continue;
		type->label = text_or(arena, json, "name", type->name);
		type->active = osy_json_get_bool(json, "active", true);
		type->available = osy_json_get_bool(json, "available", true);
		type->standard = osy_json_get_bool(json, "defaultRecordTypeMapping", false);
		read_type_id(type, osy_json_get_str(json, "recordTypeId"));
		object->record_type_count++;
	}
	object->record_types = types;
}

static enum osy_code read_object(
	const struct osy_json *json, struct osy_sf_object *object, struct osy_err *err)
{
	struct osy_arena *arena = object->arena_;
	const struct osy_str prefix = osy_json_get_str(json, "keyPrefix");

	object->name = text(arena, json, "name");
	if (!object->name)
		return osy_fail(err, OSY_E_INVALID, "the reply is no describe: it has no name");
	object->label = text_or(arena, json, "label", object->name);
	if (prefix.p && prefix.len == 3)
		memcpy(object->key_prefix, prefix.p, 3);
	object->createable = osy_json_get_bool(json, "createable", true);
	object->updateable = osy_json_get_bool(json, "updateable", true);
	object->deletable = osy_json_get_bool(json, "deletable", true);
	object->undeletable = osy_json_get_bool(json, "undeletable", false);
	object->replicateable = osy_json_get_bool(json, "replicateable", false);
	object->queryable = osy_json_get_bool(json, "queryable", true);
	object->custom = osy_json_get_bool(json, "custom", false);
	read_children(arena, osy_json_get(json, "childRelationships"), object);
	read_record_types(arena, osy_json_get(json, "recordTypeInfos"), object);
	return read_fields(arena, osy_json_get(json, "fields"), object, err);
}

enum osy_code osy_sf_describe_parse(
	struct osy_str json, struct osy_sf_object **ret, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *tree = NULL;
	enum osy_code code = osy_json_parse(json, "describe", &tree, err);
	if (code)
		return code;
	struct osy_arena *arena = osy_xcalloc(1, sizeof(*arena));
	osy_arena_init(arena, 64 * 1024);
	struct osy_sf_object *object = osy_arena_calloc(arena, 1, sizeof(*object));
	object->arena_ = arena;
	code = read_object(tree, object, err);
	if (code) {
		osy_sf_object_free(object);
		return code;
	}
	*ret = object;
	return OSY_OK;
}

struct osy_sf_object *osy_sf_object_free(struct osy_sf_object *object)
{
	if (object) {
		OSY_AUTO_FREE struct osy_arena *arena = object->arena_;
		osy_arena_done(arena);
	}
	return NULL;
}

void osy_sf_object_free_at(struct osy_sf_object **object)
{
	*object = osy_sf_object_free(*object);
}

bool osy_sf_is_unknown_object(const struct osy_err *err, enum osy_code code)
{
	return code == OSY_E_SALESFORCE && (strcmp(err->origin, "sf:NOT_FOUND") == 0 ||
						   strcmp(err->origin, "sf:INVALID_TYPE") == 0 ||
						   strcmp(err->origin, "http:404") == 0);
}

enum osy_code osy_sf_describe(
	struct osy_org *org, const char *name, struct osy_sf_object **ret, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(4096), body = OSY_BUF(64u << 20);
	enum osy_code code;

	if (!*name || strlen(name) > 255)
		return osy_fail(err, OSY_E_INVALID, "\"%.40s\" is no name of an object", name);
	osy_buf_addz(&path, "sobjects/");
	osy_url_encode(osy_str(name), &path);
	osy_buf_addz(&path, "/describe");
	const struct osy_sf_request request = {.method = "GET", .path = osy_buf_str(&path)};
	code = osy_sf_run(org, &request, &body, err);
	if (osy_sf_is_unknown_object(err, code))
		return osy_fail_from(err, OSY_E_NOT_FOUND, "sf:NOT_FOUND",
			"org %s has no object %s, or its user may not see it", osy_org_name(org),
			name);
	if (code)
		return code;
	code = osy_sf_describe_parse(osy_buf_str(&body), ret, err);
	return code ? osy_err_prefix(err, "org %s, object %s", osy_org_name(org), name) : OSY_OK;
}

enum osy_code osy_sf_object_names(struct osy_org *org, struct osy_json **ret, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *tree = NULL;
	const enum osy_code code = osy_sf_get(org, "sobjects", &tree, err);
	if (code)
		return code;
	const struct osy_json *list = osy_json_get(tree, "sobjects");
	if (osy_json_type(list) != OSY_JSON_ARRAY)
		return osy_fail(err, OSY_E_INVALID,
			"org %s: the global describe has no list of objects", osy_org_name(org));
	struct osy_json *names = osy_json_new_array();
	for (size_t i = 0; i < osy_json_count(list); i++) {
		const struct osy_str name = osy_json_get_str(osy_json_at(list, i), "name");
		if (name.p)
			osy_json_push(names, osy_json_new_str(name));
	}
	*ret = names;
	return OSY_OK;
}
