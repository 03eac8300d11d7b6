/*
 * The migration order of a run: why it is what it is, and one that a user gives instead.
 *
 * A given order names every object once; each then has a stage of its own. A required parent may
 * not come after its child. An optional lookup to an object that comes later waits for the link
 * pass. Saving one (or going back) takes a run from Scanned to Scan In Progress: it is planned and
 * scanned anew, and cannot be started before that has ended.
 */
#ifndef OSY_ORDER_H
#define OSY_ORDER_H

#include "osy/json_write.h"
#include "osy/pg.h"
#include "osy/spec.h"

#define OSY_ORDER_NAMES 200

/* Whether the objects may be loaded in this order: OSY_E_INVALID with a sentence. */
enum osy_code osy_order_check(const struct osy_spec *spec, const char *const *names, size_t count,
	struct osy_err *err) OSY_CHECKED;
/* Members "order" and "objects" of a reply: place, stage, what each object waits for, and why. */
void osy_order_write(const struct osy_spec *spec, struct osy_json_writer *w);

/*
 * Saves an order (names NULL: back to the computed one) as the next version and asks for the
 * recalculation. OSY_E_NOT_FOUND; OSY_E_STATE unless the run is Scanned; OSY_E_INVALID. A run that
 * is Not Started, because it cannot be planned with the order that was saved, may go back too: it
 * is not scanned by that.
 */
enum osy_code osy_order_save(struct osy_pg *pg, const char *run, const char *const *names,
	size_t count, const char *by, struct osy_err *err) OSY_CHECKED;

#endif
