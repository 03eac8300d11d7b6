/*
 * Describe: what an object and its fields are, for the calling user. Source: salesforce-wire.md
 * section 2.4.
 */
#ifndef OSY_SF_DESCRIBE_H
#define OSY_SF_DESCRIBE_H

#include "osy/sf_org.h"

/* Wire names of describe's `type`. The formatter never comes to rest here. */
/* clang-format off */
#define OSY_SF_TYPES(X) \
	X(OSY_T_OTHER, "anyType") X(OSY_T_STRING, "string") X(OSY_T_PICKLIST, "picklist") \
	X(OSY_T_MULTIPICKLIST, "multipicklist") X(OSY_T_COMBOBOX, "combobox") \
	X(OSY_T_REFERENCE, "reference") X(OSY_T_BASE64, "base64") \
	X(OSY_T_BOOLEAN, "boolean") X(OSY_T_CURRENCY, "currency") \
	X(OSY_T_TEXTAREA, "textarea") X(OSY_T_INT, "int") X(OSY_T_DOUBLE, "double") \
	X(OSY_T_PERCENT, "percent") X(OSY_T_PHONE, "phone") X(OSY_T_ID, "id") \
	X(OSY_T_DATE, "date") X(OSY_T_DATETIME, "datetime") X(OSY_T_TIME, "time") \
	X(OSY_T_URL, "url") X(OSY_T_EMAIL, "email") X(OSY_T_ENCRYPTED, "encryptedstring") \
	X(OSY_T_LOCATION, "location") X(OSY_T_ADDRESS, "address") \
	X(OSY_T_COMPLEX, "complexvalue") X(OSY_T_LONG, "long") X(OSY_T_JSON, "json") \
	X(OSY_T_CATEGORY, "datacategorygroupreference")
/* clang-format on */

enum osy_sf_type {
#define X(symbol, name) symbol,
	OSY_SF_TYPES(X)
#undef X
};
enum osy_sf_type osy_sf_type_parse(struct osy_str name);
const char *osy_sf_type_name(enum osy_sf_type type);

struct osy_sf_field {
	const char *name, *label, *relationship_name /* NULL: none */, *compound_name /* NULL */;
	enum osy_sf_type type;
	int length, precision, scale, digits;
	bool createable, updateable, nillable, defaulted_on_create, calculated, auto_number,
		external_id, id_lookup, unique, case_sensitive, restricted_picklist, filterable,
		polymorphic, html, cascade_delete, restricted_delete, permissionable;
	int relationship_order;		 /* 0, 1: master-detail; -1: lookup or none */
	const char *const *reference_to; /* NULL-terminated; never NULL */
	size_t reference_count;
	const char *const *picklist; /* active values, NULL-terminated; never NULL */
};

/* A lookup of another object to this one. */
struct osy_sf_child {
	const char *object, *field;
	bool cascade_delete, restricted_delete;
};

struct osy_sf_record_type {
	const char *name, *label; /* developer name */
	bool active, available;	  /* available: to our user */
	bool standard;		  /* what our user's records get that name none */
	char id[19];
};

struct osy_sf_object {
	const char *name, *label;
	char key_prefix[4]; /* "" when the org gives none */
	bool createable, updateable, deletable, undeletable, replicateable, queryable, custom;
	const struct osy_sf_field *fields;
	size_t field_count;
	const struct osy_sf_child *children; /* without those that name no object or no field */
	size_t child_count;
	const struct osy_sf_record_type *record_types; /* without the master */
	size_t record_type_count;
	struct osy_arena *arena_; /* owns it all */
};

/* Must be set on insert: createable, not nillable, without a default. */
bool osy_sf_field_required(const struct osy_sf_field *field);
/* Names are compared without case; NULL when there is none. */
const struct osy_sf_field *osy_sf_find_field(const struct osy_sf_object *object, const char *name);

/* The lookup `field` of the object `child` to this one; NULL when the describe has none. */
const struct osy_sf_child *osy_sf_find_child(
	const struct osy_sf_object *object, const char *child, const char *field);

/* Whether a describe was refused because the org has no such object. */
bool osy_sf_is_unknown_object(const struct osy_err *err, enum osy_code code);
/* Asks the org; OSY_E_NOT_FOUND when it has no such object (or the user may not see it). */
enum osy_code osy_sf_describe(struct osy_org *org, const char *name, struct osy_sf_object **ret,
	struct osy_err *err) OSY_CHECKED;
/* Parses a describe reply. */
enum osy_code osy_sf_describe_parse(
	struct osy_str json, struct osy_sf_object **ret, struct osy_err *err) OSY_CHECKED;
struct osy_sf_object *osy_sf_object_free(struct osy_sf_object *object);
void osy_sf_object_free_at(struct osy_sf_object **object);
/* Names of all objects of the org (global describe), for "did you mean". Gives a JSON array of
 * strings. */
enum osy_code osy_sf_object_names(
	struct osy_org *org, struct osy_json **ret, struct osy_err *err) OSY_CHECKED;

#endif
