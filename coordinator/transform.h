/*
 * The transformation of values: what a template's `values` and `mask` make of a record between the
 * page that was read and the batch that is published, so that nothing behind the coordinator
 * (Kafka, Postgres, Redis, the target, logs) sees a masked value as it was.
 *
 * Order: the field map (which is a matter of names) and expressions, the value map, the mask;
 * matching comes behind
 * all of it, in the worker, by what it finds in the batch. Fields without a rule pass as the slices
 * that they are, and an object without rules has no transformation at all. One thread.
 */
#ifndef OSY_TRANSFORM_H
#define OSY_TRANSFORM_H

#include "osy/secret.h"
#include "osy/spec.h"

struct osy_transform;

/* *ret is NULL when no field of the object has a rule. object is borrowed. now_ms: what expressions
 * take for now. */
enum osy_code osy_transform_new(const struct osy_spec_object *object,
	const struct osy_secret *secret_key, int64_t now_ms, struct osy_transform **ret,
	struct osy_err *err) OSY_CHECKED;
struct osy_transform *osy_transform_free(struct osy_transform *transform);
/* values: one a column of the object (osy_spec_columns), as raw JSON, behind the id. Gives one a
 * field, good until the next call. */
const struct osy_str *osy_transform_row(
	struct osy_transform *transform, const struct osy_str *values);

#endif
