/* Counts of a batch, and what a later pass changes in the run's totals. */
#include "load_internal.h"

#include "osy/banned.h"

static bool is_in(enum osy_outcome outcome)
{
	return outcome == OSY_INSERTED || outcome == OSY_UPDATED || outcome == OSY_EXISTING ||
	       outcome == OSY_DELETED;
}

static bool is_out(enum osy_outcome outcome)
{
	return outcome == OSY_FAILED || outcome == OSY_SKIPPED || outcome == OSY_PENDING;
}

/* What this pass has done to a record that was in already, and a rollback is to undo: it has
 * updated one that was only found before, or another one than before, or inserted anew one that was
 * gone. */
static bool has_done_more(const struct osy_outcome_row *before, const struct osy_outcome_row *now)
{
	return osy_id_is_set(&now->target) &&
	       (now->outcome == OSY_INSERTED ||
		       (now->outcome == OSY_UPDATED &&
			       (before->outcome == OSY_EXISTING ||
				       !osy_id_equal(&now->target, &before->target))));
}

void osy_load_tally(const struct osy_outcome_row *before, const struct osy_outcome_row *now,
	unsigned count, struct osy_ltally *ret, struct osy_outcome_row *merged)
{
	*ret = (struct osy_ltally){0};
	for (unsigned i = 0; i < count; i++) {
		enum osy_outcome was = before ? before[i].outcome : OSY_PENDING;
		merged[i] = now[i];
		if (now[i].outcome == OSY_PENDING) { /* this pass has not taken it */
			merged[i] = before ? before[i] : now[i];
			continue;
		}
		ret->counts[now[i].outcome]++;
		if (!before || was == OSY_PENDING) {
			ret->deltas[now[i].outcome]++;
			continue;
		}
		if (is_out(was) && is_in(now[i].outcome)) {
			ret->deltas[was]--;
			ret->deltas[now[i].outcome]++;
			continue;
		}
		if (has_done_more(&before[i], &now[i]))
			continue;
		merged[i] = before[i];
		if (!osy_id_is_set(&merged[i].target))
			merged[i].target = now[i].target;
	}
}
