/*
 * The plan: from a template and the describes of both orgs to the spec, without talking to anybody.
 * What it needs of the orgs' contents (counts, ids) the scan fills in afterwards.
 */
#ifndef OSY_PLAN_H
#define OSY_PLAN_H

#include "osy/sf_describe.h"
#include "osy/spec.h"
#include "template.h"

#define OSY_PLAN_MAX_NOTICES 500
#define OSY_PLAN_HASH 17

/* What a delta reads of an object (delta.h); moments are ms of the source org's clock, -1: none. */
struct osy_plan_delta {
	size_t from;	   /* index of the template's object */
	const char *where; /* the filter without it */
	int leg;
	const char *field; /* that tells when a record has changed; NULL: none */
	int64_t since, mark;
	bool moves; /* the run may move the mark */
	bool deletes;
	char hash[OSY_PLAN_HASH];
};

struct osy_plan {
	struct osy_arena arena;		 /* owns everything below */
	struct osy_spec spec;		 /* arena_ is NULL: never osy_spec_free() it */
	struct osy_spec_object *objects; /* spec.objects, for the scan to fill in */
	enum osy_template_api *apis;	 /* what the template says, an object */
	int64_t *mapped;		 /* about how many records the id map has, an object */
	struct osy_plan_delta *deltas;	 /* an object */
	const char *const *notices;
	size_t notice_count;
	bool standard_pricebook; /* Pricebook2 or PricebookEntry is in it: pins are needed */
};

/*
 * Builds plan (zeroed by this function; osy_plan_done() also after an error). sources and targets:
 * describes of the template's objects, in its order; borrowed. source_org and target_org name the
 * orgs in sentences and in the spec.
 */
enum osy_code osy_plan_build(struct osy_plan *plan, const struct osy_template *template,
	struct osy_sf_object *const *sources, struct osy_sf_object *const *targets,
	const char *source_org, const char *target_org, struct osy_err *err) OSY_CHECKED;
void osy_plan_done(struct osy_plan *plan);
/* Once the scan has told the levels of objects that are loaded level by level: the stages behind
 * these move. */
void osy_plan_levels(struct osy_plan *plan);
/*
 * Lanes of each object and of the spec, once selected and the API are known. most: options.lanes.
 * Objects of one stage that lock the same parents get the same number, the smaller one where one of
 * them is loaded by Bulk.
 */
void osy_plan_lanes(struct osy_plan *plan, int most);
/* An org tells links of files by document or record alone: here by those of every document. */
#define OSY_PLAN_LINKS_WHERE "ContentDocumentId IN (SELECT Id FROM ContentDocument)"
/* plan_files.c: the filter without which an object of the target cannot be counted; NULL: none. */
const char *osy_plan_target_where(const struct osy_spec_object *object);
/* Whether the org itself makes records of the target object for those of another one: then it does
 * not stay empty until its stage. */
bool osy_plan_target_grows(const struct osy_spec_object *object);
void osy_plan_notice(struct osy_plan *plan, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Another object of the plan, the last one, for count records of objects[index] that wait since
 * earlier runs (plan_parents.c).
 */
void osy_plan_add_waiting(struct osy_plan *plan, size_t index, int64_t count);

/* ---- REST or Bulk (plan_api.c), once selected, target_count and target_empty are known ---- */
#define OSY_BULK_PAGE 25000 /* records of a page of a Bulk query's result */
#define OSY_BULK_LANES 8    /* most lanes of an object that is loaded by Bulk */

struct osy_plan_quota { /* what an org has left today; -1: not known */
	int64_t calls;
	int64_t bulk; /* the source: query jobs; the target: batches */
	int64_t keys; /* the target: query jobs */
};
/* Whether an object would be read or loaded by Bulk, as far as calls say: then it is worth a call
 * to ask what is left of Bulk. */
void osy_plan_wants_bulk(const struct osy_plan *plan, const struct osy_plan_quota *source,
	const struct osy_plan_quota *target, bool *ret_read, bool *ret_load, bool *ret_keys);
/* Decides read_bulk, load_bulk and key_read of each object, with notices. */
void osy_plan_api(struct osy_plan *plan, const struct osy_plan_quota *source,
	const struct osy_plan_quota *target);
/* About how many calls an object costs. Loading: with its lanes known. */
int64_t osy_plan_read_calls(const struct osy_spec_object *object, bool bulk);
int64_t osy_plan_load_calls(const struct osy_spec_object *object, bool bulk);
/* Whether a bulk read of the target's keys takes fewer calls than asking for so many records of the
 * object batch by batch. */
bool osy_plan_key_read_pays(const struct osy_spec_object *object, int64_t records);
/* Whether an object can be matched by keys that were read at all: they have no meaning where
 * another object of the run writes the same target. */
bool osy_plan_can_read_keys(const struct osy_spec *spec, const struct osy_spec_object *object);

/*
 * ---- Migration order (plan_order.c): each node after its parents. ----
 * A lookup that would close a cycle becomes a link (out), unless it is hard: then the cycle is an
 * error that names it. Lookups are taken by rank (0 first), so that as few as possible, and the
 * least important, are cut. All parents of one lookup stand or fall together.
 */
struct osy_order_lookup {
	int child;
	const char *field; /* "" for an edge that is no lookup */
	const int *parents;
	size_t parent_count;
	bool hard;
	int rank;
	bool link; /* out */
};
/* ret_stages: a stage a node, from 1; returns the number of stages by ret_count. */
enum osy_code osy_order(const char *const *names, size_t nodes, struct osy_order_lookup *lookups,
	size_t count, int *ret_stages, int *ret_count, struct osy_err *err) OSY_CHECKED;

#endif
