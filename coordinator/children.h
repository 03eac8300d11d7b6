/*
 * Which children a delete in the target would take along: lookups that cascade, of objects that
 * hold any record, or may by the time of the delete.
 */
#ifndef OSY_CHILDREN_H
#define OSY_CHILDREN_H

#include "drive_run.h"
#include "osy/sf_describe.h"

/* Shadows of the record itself, as X__History: they have no life of their own. */
bool osy_is_shadow(const char *name);

struct osy_children_known; /* objects that were asked already; in the arena */

/* with: objects of this spec may get records yet; NULL: none does. ret and its texts: in the arena.
 */
enum osy_code osy_children_find(struct osy_drive *drive, const struct osy_sf_object *target,
	const struct osy_spec *with, struct osy_arena *arena, struct osy_children_known **known,
	struct osy_spec_child **ret, size_t *ret_count, struct osy_err *err) OSY_CHECKED;

#endif
