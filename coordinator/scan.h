/*
 * Inside of the scan: what is gathered between the template and the report.
 */
#ifndef OSY_SCAN_H
#define OSY_SCAN_H

#include "drive_run.h"
#include "plan.h"
#include "related.h"

/* Lookups of a field to records of a parent that the run does not select; parent -1: of objects
 * that are not in the template. */
struct scan_missing {
	int object, field, parent;
	int64_t count;
};

struct scan {
	struct osy_drive *drive;
	struct osy_template *template;
	int order_version; /* of the order that a user has given; 0: none */
	struct osy_org_identity source, target;
	struct osy_sf_object **sources, **targets; /* describes, in the template's order */
	struct osy_related related;
	struct osy_plan plan;
	size_t pin_cap;
	struct scan_missing *missing;
	size_t missing_count;
	int64_t file_versions; /* new ones that the run may bring */
	int64_t files_left;    /* that the target takes; -1: not known */
};

/* scan_related.c: children of the template's objects join it, with their describes in the source;
 * then what there is to say of it, in the plan. */
enum osy_code scan_related(struct scan *scan, struct osy_err *err) OSY_CHECKED;
void scan_tell_related(struct scan *scan);
/* scan_describe.c: describes of all objects in both orgs; an unknown one is an error that names the
 * nearest. */
enum osy_code scan_describe(struct scan *scan, struct osy_err *err) OSY_CHECKED;
/* scan_count.c: what the filters select, what the target holds, parents that the selection misses,
 * the pins. */
enum osy_code scan_count(struct scan *scan, struct osy_err *err) OSY_CHECKED;
/* scan_missing.c: lookups to parents that the selection misses. */
enum osy_code scan_missing(struct scan *scan, struct osy_err *err) OSY_CHECKED;
/* scan_pins.c: mappings that nobody has to write: the standard price book, record types by name. */
enum osy_code scan_pins(struct scan *scan, struct osy_err *err) OSY_CHECKED;
/* An unset target: nobody. */
void scan_add_pin(struct scan *scan, const struct osy_id *source, const struct osy_id *target);
/* Whether an org refused a question whose answer is not needed, for good (object or field that our
 * user does not see): then rc and err are none any more, and the plan says what follows. */
bool scan_not_told(struct scan *scan, const struct osy_org *org, const char *what_follows,
	enum osy_code *rc, struct osy_err *err);
/* scan_folders.c: folders of documents, by name. */
enum osy_code scan_folders(struct scan *scan, struct osy_err *err) OSY_CHECKED;
/* scan_users.c: users and queues, when the template maps them. */
enum osy_code scan_users(struct scan *scan, struct osy_err *err) OSY_CHECKED;
/* scan_api.c: REST or Bulk, by what both orgs have left today. */
enum osy_code scan_api(struct scan *scan, struct osy_err *err) OSY_CHECKED;
/* scan_currency.c: of new records from an org with one currency. */
enum osy_code scan_currency(struct scan *scan, struct osy_err *err) OSY_CHECKED;
/* scan_waiting.c: legs of records that wait for a parent; and the list of the ids of one. */
enum osy_code scan_waiting(struct scan *scan, struct osy_err *err) OSY_CHECKED;
enum osy_code scan_list_waiting(
	struct scan *scan, const struct osy_spec_object *object, struct osy_err *err) OSY_CHECKED;
/* scan_levels.c: of objects that are loaded level by level, which records come when; then the lists
 * of one, level by level. */
enum osy_code scan_levels(struct scan *scan, struct osy_err *err) OSY_CHECKED;
void scan_levels_done(struct scan *scan);
enum osy_code scan_list_levels(
	struct scan *scan, const struct osy_spec_object *object, struct osy_err *err) OSY_CHECKED;
/* scan_hierarchy.c: parents, and below each its children. */
struct osy_json_writer;
void scan_hierarchy(const struct scan *scan, struct osy_json_writer *w);
/* scan_report.c */
void scan_report(const struct scan *scan, struct osy_buf *out);
/* Ends the scan in time when the program stops or the run is aborted. */
enum osy_code scan_may_go_on(struct scan *scan, struct osy_err *err) OSY_CHECKED;

#endif
