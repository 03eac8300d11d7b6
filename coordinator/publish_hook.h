/*
 * A hook that changes records on their way (template: transform): rows are gathered, a receiver is
 * asked about the fields that the template names, and its answer takes their place. Rows that are
 * not published yet when the coordinator dies are read and asked about again; what is in the
 * journal never is, whatever pass takes it. One thread, which waits for the answer: at most
 * PUBLISH_HOOK_ROWS rows are held an object.
 *
 * An answer is {"records": [{"Id": ..., field: value ...} ...]}; what it leaves out stays as it is.
 * A receiver that does not answer well is an error of class retry: the run stalls, says why, and
 * asks again.
 */
#ifndef OSY_PUBLISH_HOOK_H
#define OSY_PUBLISH_HOOK_H

#include "drive_run.h"

#define PUBLISH_HOOK_ROWS 500
#define PUBLISH_HOOK_BYTES (1024u * 1024)

struct publish_hook;

/* NULL when the object has none. All is borrowed. */
struct publish_hook *publish_hook_new(
	struct osy_drive *drive, const struct osy_spec_object *object);
struct publish_hook *publish_hook_free(struct publish_hook *hook);
/* Whether it sees values before rules (of columns), or behind them (of fields). */
bool publish_hook_is_early(const struct publish_hook *hook);
/* Copies a row: its id and values, raw JSON. True: it is full now. */
bool publish_hook_add(struct publish_hook *hook, struct osy_str id, const struct osy_str *values);
size_t publish_hook_bytes(const struct publish_hook *hook);
/* Asks about the rows that are held; they may be changed by it. */
enum osy_code publish_hook_ask(struct publish_hook *hook, struct osy_err *err) OSY_CHECKED;
size_t publish_hook_count(const struct publish_hook *hook);
/* The id and, behind it, the values of a row. */
const struct osy_str *publish_hook_row(const struct publish_hook *hook, size_t row);
void publish_hook_reset(struct publish_hook *hook);

/* Takes an answer: for publish_hook_ask() and its tests. */
enum osy_code publish_hook_take(
	struct publish_hook *hook, struct osy_str answer, struct osy_err *err) OSY_CHECKED;
/* What is asked. */
void publish_hook_write(const struct publish_hook *hook, const char *id, struct osy_buf *out);

#endif
