/*
 * Objects and fields of one org. Built from tables at start, extended by schema files at run time.
 * Fields are only ever added, at stable places, so readers need no lock; properties may change
 * under the org's write lock.
 */
#ifndef SIM_SCHEMA_H
#define SIM_SCHEMA_H

#include "sim_base.h"

enum sim_type {
	SIM_T_ID,
	SIM_T_STRING,
	SIM_T_TEXTAREA,
	SIM_T_PICKLIST,
	SIM_T_MULTIPICKLIST,
	SIM_T_COMBOBOX,
	SIM_T_REFERENCE,
	SIM_T_BASE64,
	SIM_T_BOOLEAN,
	SIM_T_CURRENCY,
	SIM_T_DOUBLE,
	SIM_T_PERCENT,
	SIM_T_INT,
	SIM_T_PHONE,
	SIM_T_EMAIL,
	SIM_T_URL,
	SIM_T_DATE,
	SIM_T_DATETIME,
	SIM_T_TIME,
	SIM_T_ADDRESS,
	SIM_T_LOCATION,
	SIM_T_ENCRYPTED,
	SIM_T_ANYTYPE,
	SIM_T_COMPLEX, /* kept as the JSON text that it is shown as */
	SIM_T_COUNT
};

/* how a value is kept in a record */
enum sim_kept { SIM_K_NONE, SIM_K_TEXT, SIM_K_NUM, SIM_K_BOOL, SIM_K_REF, SIM_K_STAMP };

/* fields that the record's header holds */
enum sim_sys {
	SIM_SYS_NO,
	SIM_SYS_ID,
	SIM_SYS_DELETED,
	SIM_SYS_CREATED,
	SIM_SYS_CREATED_BY,
	SIM_SYS_MODIFIED,
	SIM_SYS_MODIFIED_BY,
	SIM_SYS_STAMP
};

struct sim_type_info {
	const char *name, *soap;
	enum sim_kept kept;
	bool text; /* has a length */
	bool number;
	bool sortable, groupable;
};

struct sim_pick {
	char *value, *label;
	bool active, def;
};

struct sim_allowed { /* the values that a record type takes */
	char *type;  /* its developer name */
	char **value;
	int n;
};

struct sim_object;

struct sim_field {
	char *name, *label;
	enum sim_type type;
	enum sim_kept kept;
	enum sim_sys sys;
	unsigned short idx;
	int length, precision, scale, digits;
	bool createable, updateable, nillable, defaulted, name_field, external_id, id_lookup,
		unique, case_sensitive, calculated, auto_number, restricted, html, cascade,
		cascade_shown, restrict_delete, locks, master, custom, no_filter, no_perm,
		default_true, polymorphic, hidden, read_only,
		soft; /* soft: the value may be set past createable by the org only */
	char *def_text, *formula, *compound, *rel_name, *child_rel, *extra, *controller;
	char **ref_to;
	int nref;
	struct sim_object *target[64];
	struct sim_pick *pick;
	int npick;
	struct sim_allowed *allowed;
	int nallowed;
	int index; /* number of its hash index in the store, -1 none */
	unsigned short part[8];
	int nparts; /* components of an address or a location */
};

#define SIM_MAX_FIELDS 1024
#define SIM_MAX_OBJECTS 512
#define SIM_NAME_SLOTS 4096

struct sim_store;

struct sim_object {
	char *name, *label, *plural;
	char prefix[4];
	unsigned idx;
	bool custom, createable, updateable, deletable, queryable, undeletable, replicateable,
		setup, has_owner;
	bool meta;	 /* no record: not counted, outlives a reset */
	bool tooling;	 /* seen by the Tooling API alone */
	bool hidden;	 /* our user has no right to see it */
	uint64_t entity; /* its EntityDefinition */
	struct sim_field *field[SIM_MAX_FIELDS];
	unsigned nfields;
	unsigned short slot[SIM_NAME_SLOTS]; /* name -> field idx + 1 */
	struct sim_field *name_field, *owner, *record_type;
	char *auto_format;
	struct sim_store *store;
	int64_t changed_ms;
	struct { /* lookups that point here */
		struct sim_object *obj;
		struct sim_field *field;
	} inbound[128];
	int ninbound;
};

/* One row a field; flags are explained at sim_schema_flags[] in sim_schema.c. */
struct sim_def_field {
	const char *name;
	enum sim_type type;
	int len, scale;
	const char *flags;
	const char *to, *rel; /* rel: "Parent>Children" */
	const char *extra;    /* picklist values, number format, formula or default */
};

struct sim_def_object {
	const char *name, *label, *plural, *prefix, *flags;
	const struct sim_def_field *fields;
	size_t nfields;
};

extern const struct sim_def_object sim_std_crm[];
extern const size_t sim_std_crm_count;
extern const struct sim_def_object sim_std_sales[];
extern const size_t sim_std_sales_count;
extern const struct sim_def_object sim_std_custom[];
extern const size_t sim_std_custom_count;
extern const struct sim_def_object sim_std_meta[];
extern const size_t sim_std_meta_count;
extern const struct sim_def_object sim_std_files[];
extern const size_t sim_std_files_count;
extern const struct sim_type_info sim_types[SIM_T_COUNT];

#define SIM_HEAD                                      \
	{"Id", SIM_T_ID, 18, 0, "dI"},                \
	{                                             \
		"IsDeleted", SIM_T_BOOLEAN, 0, 0, "d" \
	}
#define SIM_AUDIT                                                                           \
	{"CreatedDate", SIM_T_DATETIME, 0, 0, "d"},                                         \
		{"CreatedById", SIM_T_REFERENCE, 0, 0, "d", "User", "CreatedBy"},           \
		{"LastModifiedDate", SIM_T_DATETIME, 0, 0, "d"},                            \
		{"LastModifiedById", SIM_T_REFERENCE, 0, 0, "d", "User", "LastModifiedBy"}, \
	{                                                                                   \
		"SystemModstamp", SIM_T_DATETIME, 0, 0, "d"                                 \
	}
#define SIM_ACCURACY \
	"Address;NearAddress;Block;Street;ExtendedZip;Zip;Neighborhood;City;County;State;Unknown"
#define SIM_ADDRESS(p)                                                                       \
	{p "Street", SIM_T_TEXTAREA, 255, 0, "cun"}, {p "City", SIM_T_STRING, 40, 0, "cun"}, \
		{p "State", SIM_T_STRING, 80, 0, "cun"},                                     \
		{p "PostalCode", SIM_T_STRING, 20, 0, "cun"},                                \
		{p "Country", SIM_T_STRING, 80, 0, "cun"},                                   \
		{p "Latitude", SIM_T_DOUBLE, 18, 15, "cun"},                                 \
		{p "Longitude", SIM_T_DOUBLE, 18, 15, "cun"},                                \
		{p "GeocodeAccuracy", SIM_T_PICKLIST, 40, 0, "cunR", 0, 0, SIM_ACCURACY},    \
	{                                                                                    \
		p "Address", SIM_T_ADDRESS, 0, 0, "n"                                        \
	}
#define SIM_KEYS                                              \
	{"Ext_Id__c", SIM_T_STRING, 40, 0, "cunXQI"},         \
	{                                                     \
		"Source_Id__c", SIM_T_STRING, 18, 0, "cunXQI" \
	}

struct sim_org;
struct sim_json;

void sim_schema_init(struct sim_org *org);
struct sim_object *sim_object_find(const struct sim_org *org, struct sim_str name);
struct sim_field *sim_field_find(const struct sim_object *obj, struct sim_str name);
struct sim_field *sim_field_named(const struct sim_object *obj, const char *name);
struct sim_field *sim_field_by_rel(const struct sim_object *obj, struct sim_str rel);
bool sim_field_is_text(const struct sim_field *f);
bool sim_field_is_num(const struct sim_field *f);
/* lays a schema file over the org's schema; the message of a bad file, or NULL */
const char *sim_schema_load(struct sim_org *org, const struct sim_json *doc);
struct sim_object *sim_object_add(struct sim_org *org, struct sim_str name, const char *prefix);
struct sim_field *sim_field_add(struct sim_object *obj, struct sim_str name, enum sim_type type);
void sim_field_targets(struct sim_org *org, struct sim_field *f, struct sim_str list);
void sim_field_picks(struct sim_field *f, struct sim_str list);
void sim_schema_settle(struct sim_org *org); /* targets, parts and indexes after a change */
char *sim_label_of(struct sim_str name);

#endif
