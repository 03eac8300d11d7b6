/*
 * Rollback: what a worker does with the batches of a run that is undone. A rollback is a pass of
 * the run (osy_wrun.undo is set): of each lane the batches of the open stage that have written
 * something are taken again from the journal, the last ones first, and go through the steps of
 * load_internal.h:
 *
 *   RESOLVE   lookups through the id map: what was left in the target is known again
 *   MATCH     the targets are read
 *   UNDO      a record that holds what the run left in it is deleted, when the run has inserted it,
 *             or gets its values before; any other is left and told (CHANGED_MEANWHILE). A delete
 *             that would take other people's records along is left (HAS_CHILDREN)
 *             What the run has deleted is undeleted, or inserted anew as its snapshot says
 *   RECORD    as in any pass; mappings of what was deleted are dropped, those of what is back are
 *             made again
 *
 * Nothing of it needs an intent, for what was done already is found done by whoever does it again;
 * but for inserts, which go through READY and SEND, and DOUBT, like those of a load.
 */
#ifndef OSY_UNDO_H
#define OSY_UNDO_H

#include "load_index.h"
#include "osy/spec.h"

struct osy_undo_object {
	const struct osy_spec_child *children;
	size_t child_count;
	const struct osy_str *later; /* runs that wrote the object since, in their order */
	size_t later_count;
	/* Of what they wrote a hash, and in its lowest byte which of them, ascending; read when the
	 * first batch asks. */
	uint64_t *written;
	size_t written_count, written_cap;
	bool written_known;
};

struct osy_undo {
	bool dry;			 /* nothing is written */
	bool force;			 /* what somebody has changed is undone too */
	int loaded_pass;		 /* passes up to this one are undone */
	struct osy_undo_object *objects; /* as many as the spec's */
	size_t object_count;
	struct osy_arena *arena_;
};

/* run.rollback, as the coordinator has planned it. */
enum osy_code osy_undo_read(struct osy_str json, int loaded_pass, const struct osy_spec *spec,
	struct osy_undo **ret, struct osy_err *err) OSY_CHECKED;
struct osy_undo *osy_undo_free(struct osy_undo *undo);

/* What is done with a row. */
enum osy_undo_op {
	OSY_UNDO_NOTHING,
	OSY_UNDO_DELETE,
	OSY_UNDO_RESTORE,
	OSY_UNDO_UNDELETE, /* what the run has deleted */
	OSY_UNDO_INSERT,   /* the same, where it has left the recycle bin */
};

/* A lookup whose parent the run did not have: its record went in without. */
struct osy_lout {
	unsigned row;
	const char *field; /* in the target */
	struct osy_lout *next;
};

/* A batch that is undone, in its arena. */
struct osy_lundo {
	enum osy_undo_op *ops; /* a row each, and so are the others */
	struct osy_id *targets;
	struct osy_lout *outs;	     /* lookups that inserts went in without */
	struct osy_str **olds;	     /* values before, a column each; NULL: none */
	struct osy_lindex by_target; /* rows that are to be undone */
	/* deletes: children that are asked for */
	size_t child, from; /* the next: its lookup, and the row from which on */
	/* the call under way: rows in the order of its parts */
	unsigned *sent, parts[5], part_count;
	unsigned waits; /* for parents of what is inserted again */
};

#endif
