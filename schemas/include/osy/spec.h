/*
 * The spec: the frozen plan of a run, made by the coordinator at scan time, kept as JSON in
 * run.spec, read by workers. It holds everything a worker must know of a run besides its batches.
 */
#ifndef OSY_SPEC_H
#define OSY_SPEC_H

#include "osy/mem.h"
#include "osy/sf_describe.h"
#include "osy/sf_id.h"

enum osy_match {
	OSY_MATCH_NONE,
	OSY_MATCH_EXTERNAL_ID,
	OSY_MATCH_KEYS,
	OSY_MATCH_SOURCE_ID,
	OSY_MATCH_SAME_ID
};

/* How the values of a field are masked (docs/templates.md). */
enum osy_mask {
	OSY_MASK_NONE,
	OSY_MASK_HASH,
	OSY_MASK_KEEP_LAST,
	OSY_MASK_REPLACE,
	OSY_MASK_PATTERN,
	OSY_MASK_SHUFFLE,
	OSY_MASK_NULL
};

/* What becomes of a record whose lookup points to one that has no target. */
enum osy_missing {
	OSY_MISSING_BLANK, /* the lookup is left out; a required one fails the record */
	OSY_MISSING_WAIT,  /* it waits in table waiting until the parent is there */
	OSY_MISSING_FAIL,  /* it fails */
	OSY_MISSING_KEEP,  /* a text that holds an id stays as it is in the source */
};
const char *osy_missing_name(enum osy_missing missing);
/* Of the words that a template may say: not KEEP. */
bool osy_missing_parse(struct osy_str name, enum osy_missing *ret);

/* Accounts of people and of businesses: which of both a field can be written for. */
enum osy_kind { OSY_KIND_BOTH, OSY_KIND_PERSON, OSY_KIND_BUSINESS };

struct osy_spec_value {
	const char *from; /* text; "null": a null, "*": any other value */
	const char *to;	  /* raw JSON, "null" for null */
};

/* What is done to the values of a field between reading and the batch: first the expression makes
 * one, then the value map, then the mask. */
struct osy_spec_rule {
	const char *expression; /* NULL: the value is that of the source field */
	enum osy_sf_type source_type;
	int length; /* of the target field, in characters; 0: not limited */
	const struct osy_spec_value *values;
	size_t value_count;
	enum osy_mask mask;
	int keep;		    /* KEEP_LAST */
	const char *text;	    /* REPLACE: raw JSON; PATTERN: the pattern; else NULL */
	const char *const *choices; /* HASH: the only values that the target takes */
	size_t choice_count;
};

/* A source field that expressions read. column: its place in a row as it is read. */
#define OSY_COLUMN_ID (-1) /* before the first */
struct osy_spec_input {
	const char *name;
	enum osy_sf_type type;
	int column;
};

struct osy_spec_field {
	const char *name;	     /* in the source; "=" and that in the target: an expression */
	const char *target;	     /* in the target */
	enum osy_sf_type type;	     /* in the target */
	int scale;		     /* in the target */
	bool createable, updateable; /* in the target */
	bool nillable;		     /* in the target */
	bool unique;		     /* in the target */
	bool write_nulls;	     /* although the object does not */
	bool ids; /* a text whose ids are those of records: resolved as a lookup is */
	/* lookups and such texts only: */
	bool required; /* may not be left out on insert */
	bool link;  /* self-lookup, or cut in a cycle: waits for the link pass while its parent is
		       unmapped */
	bool level; /* to records of its own object, and it cannot wait for the link pass: these
		       must be in first */
	bool to_several;	  /* objects of the source, be they in the run or not */
	bool to_users, to_queues; /* it may point to people or queues, which are pins */
	enum osy_missing missing;
	enum osy_kind kind; /* of any type */
	const int *parents; /* indexes of the spec's objects that it may point to */
	size_t parent_count;
	const struct osy_spec_rule *rule; /* NULL: values pass as they are */
};

/* Whether its values are resolved through the id map. */
static inline bool osy_spec_refers(const struct osy_spec_field *field)
{
	return field->type == OSY_T_REFERENCE || field->ids;
}

/* A lookup of the target org whose records go when the one that they point to is deleted. */
struct osy_spec_child {
	const char *object, *field;
	const char *where; /* only these of them; "": all */
};

/* Of an object whose records hold a file: indexes of its fields, -1: none. What its body field has
 * in a batch is only where the body can be read. */
struct osy_spec_file {
	int body;	   /* type OSY_T_BASE64 */
	int size;	   /* bytes of the body; not written. -1: no record tells it */
	int sum;	   /* its MD5 in hex digits; not written */
	int changed;	   /* when it was last changed, where there is no sum; not written */
	int document;	   /* what the record is a version of; not written as other lookups are */
	int64_t max_bytes; /* a larger file is not sent */
	bool all;	   /* versions of a document, in their order */
	bool verify; /* bodies are read from the target where nothing else tells what they are */
};

/* A receiver that may change values of some fields before they are published. */
struct osy_spec_hook {
	const char *name;
	bool early; /* before the fields' rules; else behind them, masks among them */
	int timeout_ms;
	const int *fields; /* their indexes */
	size_t field_count;
};

struct osy_spec_object {
	int index;
	const char *name, *target; /* objects in the source and in the target */
	char prefix[4], target_prefix[4];
	int stage; /* from 1 */
	/*
	 * Of an object with a lookup that is a level: so many stages from stage on, in each of them
	 * the records whose parents are in the ones before. Their ids are listed by the scan. 0:
	 * all in one stage. circles: the last one has those of which this can never be so.
	 */
	int levels;
	bool circles;
	bool insert, update, match_only, write_nulls;
	bool deletes; /* its records were deleted in the source, and are to be in the target: of
			 these only ids are read; fields: what of the target is kept before */
	const struct osy_spec_child *children; /* deletes: would be deleted along */
	size_t child_count;
	bool target_empty; /* it was at the scan: a fresh record needs no asking */
	int batch_size;	   /* records a collection, 1..200 */
	bool read_bulk;	   /* read by a Bulk query job */
	bool load_bulk;	   /* loaded by Bulk ingest jobs */
	bool key_read;	   /* the target's keys are read by a Bulk query job before its stage
			      opens (osy/target_keys.h) */
	int lanes;	   /* lanes its records are spread over */
	int first_lane;	   /* from this one on, behind the last one comes lane 0: objects of a
			      stage that lock nothing in common should not wait for each other */
	int lock_field;	 /* index of the field whose value chooses the lane, -1: the record's own id
			  */
	int order_field; /* index of a second field whose parents a write locks, -1: none: requests
			    of several lanes take these locks in one order */
	enum osy_match match;
	const int *keys; /* indexes of fields (EXTERNAL_ID: one, KEYS: several) */
	size_t key_count;
	const char *match_field; /* target field of EXTERNAL_ID and SOURCE_ID, NULL otherwise */
	bool match_unique; /* that field is unique in the target: an insert can be found again for
			      certain */
	bool no_maker;	   /* its records do not tell who made them */
	bool claim;	   /* two source records may share a key: claims are needed */
	const struct osy_spec_hook *hook; /* NULL: none */
	const struct osy_spec_file *file; /* its records hold a file each; NULL: they do not */
	/*
	 * Records that wait for a parent since earlier runs are read by their ids, as an object of
	 * their own: waiting_of names the one that they are records of, waiting_leg is that one's
	 * way back. -1: none. waits: some may be in table waiting; those that get in leave it.
	 */
	int waiting_of, waiting_leg;
	bool waits;
	int person_field;    /* index of the field that tells person accounts, -1: none */
	bool person_contact; /* the contacts of person accounts: made by the org, found by their
				account */
	const char
		*currency; /* of new records, where the source has one for all; NULL: as they say */
	const char *where; /* of the source, NULL: all */
	int64_t since;	   /* deletes: since then, ms of the source org's clock; -1: all */
	const char *order_by; /* NULL: by id */
	int64_t limit;	      /* 0: none */
	int64_t selected;     /* counted by the scan */
	int64_t target_count; /* as well: what the target object held */
	const struct osy_spec_field *fields;
	size_t field_count;
	const struct osy_spec_input *inputs;
	size_t input_count;
	int extra; /* columns behind the fields that are read for expressions alone */
};

/* A mapping that nobody has to write: the standard price book, record types, users, queues. An
 * unset target: lookups to it are left out without a word. */
struct osy_spec_pin {
	struct osy_id source, target;
};

struct osy_spec {
	char run[40];
	const char *source, *target; /* names of the orgs */
	char source_org_id[19], target_org_id[19], target_user_id[19];
	int pair;		 /* org_pair.id */
	int lanes;		 /* partitions of the topic, without the checkpoints' */
	int stages;		 /* without the link stage, which is stages + 1 */
	int api_reserve_percent; /* of each org's daily calls, which the run leaves to others */
	bool continue_on_error, snapshots, audit_fields;
	bool revives;		     /* deletes too: a record that is alive again is undeleted */
	bool delta;		     /* the run may move marks (coordinator/delta.h) */
	const char *duplicate_rules; /* "allow-save" or "respect" */
	const struct osy_spec_object *objects;
	size_t object_count;
	const struct osy_spec_pin *pins; /* by source id, ascending */
	size_t pin_count;
	struct osy_arena *arena_;
};

void osy_spec_write(const struct osy_spec *spec, struct osy_buf *out);
enum osy_code osy_spec_read(
	struct osy_str json, struct osy_spec **ret, struct osy_err *err) OSY_CHECKED;
struct osy_spec *osy_spec_free(struct osy_spec *spec);
/* What a row has as it is read, behind the id: a column a field, then the extra ones. */
static inline size_t osy_spec_columns(const struct osy_spec_object *object)
{
	return object->field_count + (size_t)object->extra;
}
/* The source field in a column; NULL: none, for an expression makes its value. */
const char *osy_spec_column(
	const struct osy_spec_object *object, size_t column, enum osy_sf_type *ret_type);
/* Object by the key prefix of a source id; of several legs the first; NULL when the run has none.
 */
const struct osy_spec_object *osy_spec_by_prefix(const struct osy_spec *spec, const char prefix[3]);
/* The stage of its last level. */
static inline int osy_spec_object_last(const struct osy_spec_object *object)
{
	return object->levels > 1 ? object->stage + object->levels - 1 : object->stage;
}
static inline bool osy_spec_is_loaded_in(const struct osy_spec_object *object, int stage)
{
	return stage >= object->stage && stage <= osy_spec_object_last(object);
}
/* Whether its ids are listed before the first of its records is read. */
static inline bool osy_spec_is_listed(const struct osy_spec_object *object)
{
	return object->limit > 0 || object->levels > 0;
}
/* Stage in which the last leg of the object with this prefix is loaded; 0 when the run has none. */
int osy_spec_last_stage(const struct osy_spec *spec, const char prefix[3]);

#endif
