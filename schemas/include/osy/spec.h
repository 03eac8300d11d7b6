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

struct osy_spec_value {
	const char *from; /* text; "null": a null, "*": any other value */
	const char *to;	  /* raw JSON, "null" for null */
};

/* What is done to the values of a field between reading and the batch: first the value map, then
 * the mask. */
struct osy_spec_rule {
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

struct osy_spec_field {
	const char *name;	     /* in the source */
	const char *target;	     /* in the target */
	enum osy_sf_type type;	     /* in the target */
	int scale;		     /* in the target */
	bool createable, updateable; /* in the target */
	bool nillable;		     /* in the target */
	bool unique;		     /* in the target */
	bool write_nulls;	     /* although the object does not */
	/* lookups only (type OSY_T_REFERENCE): */
	bool required; /* may not be left out on insert */
	bool link; /* self-lookup, or cut in a cycle: waits for the link pass while its parent is
		      unmapped */
	bool to_users, to_queues; /* it may point to people or queues, which are pins */
	const int *parents;	  /* indexes of the spec's objects that it may point to */
	size_t parent_count;
	const struct osy_spec_rule *rule; /* NULL: values pass as they are */
};

/* A lookup of the target org whose records go when the one that they point to is deleted. */
struct osy_spec_child {
	const char *object, *field;
};

/* Of an object whose records hold a file: indexes of its fields, -1: none. What its body field has
 * in a batch is only where the body can be read. */
struct osy_spec_file {
	int body;	   /* type OSY_T_BASE64 */
	int size;	   /* bytes of the body; not written */
	int sum;	   /* its MD5 in hex digits; not written */
	int changed;	   /* when it was last changed, where there is no sum; not written */
	int document;	   /* what the record is a version of; not written as other lookups are */
	int64_t max_bytes; /* a larger file is not sent */
};

struct osy_spec_object {
	int index;
	const char *name, *target; /* objects in the source and in the target */
	char prefix[4], target_prefix[4];
	int stage; /* from 1 */
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
	bool no_maker; /* its records do not tell who made them */
	bool claim;	   /* two source records may share a key: claims are needed */
	const struct osy_spec_file *file; /* its records hold a file each; NULL: they do not */
	const char *where;		  /* of the source, NULL: all */
	int64_t since;	      /* deletes: since then, ms of the source org's clock; -1: all */
	const char *order_by; /* NULL: by id */
	int64_t limit;	      /* 0: none */
	int64_t selected;     /* counted by the scan */
	int64_t target_count; /* as well: what the target object held */
	const struct osy_spec_field *fields;
	size_t field_count;
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
/* Object by the key prefix of a source id; of several legs the first; NULL when the run has none.
 */
const struct osy_spec_object *osy_spec_by_prefix(const struct osy_spec *spec, const char prefix[3]);
/* Stage in which the last leg of the object with this prefix is loaded; 0 when the run has none. */
int osy_spec_last_stage(const struct osy_spec *spec, const char prefix[3]);

#endif
