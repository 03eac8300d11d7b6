/*
 * The template: what a user writes in YAML (interfaces.md section 4), checked strictly, and the
 * same as a struct for the plan. The normalised form ("doc") is a JSON text of the same shape with
 * all defaults filled in; it is kept in template.doc and copied to run.doc, so it can be shown and
 * applied again.
 */
#ifndef OSY_TEMPLATE_H
#define OSY_TEMPLATE_H

#include "osy/mem.h"
#include "osy/spec.h"
#include "osy/str.h"

#define OSY_TEMPLATE_MAX_OBJECTS 200
#define OSY_TEMPLATE_MAX_NAMES 1000 /* names in one list: fields, keys, map */

/*
 * Checks text (YAML or JSON; what names the file in errors: "crm.yaml, line 7: ...") and appends
 * the normalised JSON to ret_doc. ret_name gets the template's name:
 * [A-Za-z0-9][A-Za-z0-9._-]{0,62}. users_file: what is in the file that users.file names (CSV, as
 * whoever applies the template has read it; p NULL: it was not sent); in ret_doc it is a part of
 * users.map.
 */
enum osy_code osy_template_check(struct osy_str text, const char *what, struct osy_str users_file,
	char ret_name[64], struct osy_buf *ret_doc, struct osy_err *err) OSY_CHECKED;

struct osy_template_pair {
	const char *source, *target;
};

#define OSY_TEMPLATE_MAX_VALUES 2000 /* in the map of one field */
#define OSY_TEMPLATE_MAX_TEXT 255    /* bytes of a pattern or of a replacement */

#define OSY_TEMPLATE_USERS_BYTES (2u * 1024 * 1024) /* of a file of users */
#define OSY_TEMPLATE_FILE_BYTES 2147483648ll	    /* what an org takes at most */

struct osy_template_values { /* of one field */
	const char *field;
	const struct osy_spec_value *items; /* to: raw JSON, checked against the org by the scan */
	size_t count;
};

struct osy_template_mask {
	const char *field;
	enum osy_mask mask;
	int keep;	  /* KEEP_LAST */
	const char *text; /* REPLACE: raw JSON; PATTERN: the pattern */
};

struct osy_template_null {
	const char *field;
	bool write;
};

struct osy_template_parent {
	const char *field;
	enum osy_missing missing;
};

enum osy_user_match { OSY_USER_USERNAME, OSY_USER_FEDERATION_ID, OSY_USER_EMAIL };

struct osy_template_users {
	bool on; /* the template has users: lookups to users and queues are mapped */
	enum osy_user_match match[3];
	size_t match_count;
	const char *suffix, *fallback;	     /* "" for none */
	const struct osy_template_pair *map; /* usernames; target "": nobody */
	size_t map_count;
};

enum osy_template_api { OSY_API_AUTO, OSY_API_REST, OSY_API_BULK };

struct osy_template_related {	    /* children that join the run with the object's records */
	int depth;		    /* 0: none */
	const char *const *include; /* "Contact" or "Case.ContactId"; none: all */
	size_t include_count;
	const char *const *exclude;
	size_t exclude_count;
};

struct osy_template_object {
	const char *name, *target;    /* objects in the source and in the target */
	const char *where, *order_by; /* NULL: none */
	int64_t limit;		      /* 0: none */
	bool all_fields;	      /* include has "*" */
	const char *const *include;   /* without the "*" */
	size_t include_count;
	const char *const *exclude;
	size_t exclude_count;
	const struct osy_template_pair *map;
	size_t map_count;
	const struct osy_template_pair *expressions; /* source: the expression */
	size_t expression_count;
	const struct osy_template_values *values;
	size_t values_count;
	const struct osy_template_mask *masks;
	size_t mask_count;
	bool write_nulls;		       /* of fields that nulls does not name */
	const struct osy_template_null *nulls; /* of those that it names */
	size_t null_count;
	enum osy_missing missing; /* parents that are not there: of lookups that are not named */
	const struct osy_template_parent *parents; /* of those that are named */
	size_t parent_count;
	const char *const *ids; /* texts that hold ids of records */
	size_t id_count;
	enum osy_match match;
	const char *const *
		match_fields; /* names in the target: EXTERNAL_ID and SOURCE_ID one, KEYS several */
	size_t match_count;
	bool insert, update, match_only;
	struct osy_template_related related;
	bool select_related; /* only what is related to the records of another object */
	/* related.h: found there, or joined by it: its parent and the lookup; NULL: neither */
	const char *related_parent, *related_field;
	bool no_parents;	      /* lookups are left out, but for those that are named */
	const char *const *no_parent; /* lookups that are */
	size_t no_parent_count;
	int batch_size;
	enum osy_template_api api;
	const char *hook; /* transform: who is asked; NULL: nobody */
	bool hook_early;  /* after retrieval; else after masking */
	int hook_timeout_ms;
	const char *const *hook_fields;
	size_t hook_field_count;
};

struct osy_template {
	const char *name;
	const struct osy_template_object *objects;
	size_t object_count;
	struct osy_template_users users;
	bool continue_on_error, skip_missing_fields, snapshots, delta_sync, include_deleted,
		audit_fields;
	int api_reserve_percent, lanes, delta_overlap_minutes;
	bool all_versions;	/* of files; else the latest one */
	bool file_verify;	/* bodies are read from the target too */
	int64_t file_max_bytes; /* larger files are not sent */
	const char *duplicate_rules;
	const char *const *transactional; /* objects that related does not find by itself */
	size_t transactional_count;
	const char *const
		*order; /* names of all objects in the order wanted; computed when empty */
	size_t order_count;
	const char *const *automation_off; /* kinds, as automation.h names them */
	size_t automation_off_count;
	struct osy_arena arena_;
};

/* Reads a normalised doc. */
enum osy_code osy_template_read(
	struct osy_str doc, struct osy_template **ret, struct osy_err *err) OSY_CHECKED;
/* Another order than the template's: a JSON list of names, as it was saved. */
enum osy_code osy_template_give_order(
	struct osy_template *template, struct osy_str names, struct osy_err *err) OSY_CHECKED;
struct osy_template *osy_template_free(struct osy_template *template);
void osy_template_free_at(struct osy_template **template);

/* template_files.c: objects has room for one more. */
void osy_template_add_files(
	struct osy_arena *arena, struct osy_template_object *objects, size_t *count);
const char *const *osy_template_order_files(
	struct osy_arena *arena, const char *const *order, size_t *count);
/* template_users.c: `users` of a normalised doc. */
struct osy_json;
void osy_template_read_users(
	struct osy_arena *arena, const struct osy_json *json, struct osy_template_users *users);
/* template_parents.c: `missingParents` of a normalised object. */
void osy_template_read_parents(
	struct osy_arena *arena, const struct osy_json *json, struct osy_template_object *object);
/* template_related.c: `related`, `select`, `excludeParents` of a normalised object; the option. */
void osy_template_read_related(
	struct osy_arena *arena, const struct osy_json *json, struct osy_template_object *object);
/* Shares: only those that were given by hand; matched by record, person and cause. */
bool osy_template_is_share(const char *name);
void osy_template_match_share(struct osy_arena *arena, struct osy_template_object *object);
void osy_template_read_transactional(
	struct osy_arena *arena, const struct osy_json *json, struct osy_template *template);
/* template_hooks.c: `transform` of a normalised object. */
void osy_template_read_hook(
	struct osy_arena *arena, const struct osy_json *json, struct osy_template_object *object);
/* template_rules.c: `values` and `mask` of a normalised object. */
void osy_template_read_rules(
	struct osy_arena *arena, const struct osy_json *json, struct osy_template_object *object);

/* The candidate nearest to name (edit distance without case), NULL when none is near; for "did you
 * mean". */
const char *osy_nearest(const char *name, const char *const *candidates, size_t count);

#endif
