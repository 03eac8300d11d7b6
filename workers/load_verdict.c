/* What is concluded from the candidates for each batch in doubt. */
#include "load_reconcile.h"

#include <stdlib.h>

#include "osy/clock.h"
#include "osy/log.h"

#include "osy/banned.h"

#define ROUNDS 3      /* in which other doubtful batches may explain what is left over */
#define ROUND_MS 3000 /* between them */
#define SHORTEST_ASIDE 200

struct tally {
	unsigned found, found_sole;
};

struct decision {
	struct osy_lreconcile *rec;
	struct osy_lsuspect *suspects;
	size_t count;
	unsigned *batch_of; /* member of a suspect */
	unsigned *row_of;
	struct tally *collections;
	size_t left; /* candidates that answer to nobody */
	bool alone, limit_passed;
	int64_t aside_ms;
};

/* ---- Suspects ---- */
static const struct osy_str *sent_values(
	struct osy_lreconcile *rec, const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	struct osy_str *values =
		osy_arena_calloc(&rec->arena, rec->column_count + 1, sizeof(*values));

	(void)batch;
	for (size_t c = 0; c < rec->column_count; c++) {
		struct osy_str value = row->values[rec->columns[c]];
		if (value.p && !osy_is_left_out(value) && !osy_str_is(value, "null"))
			values[c] = value;
	}
	return values;
}

static void add_suspect(struct decision *d, unsigned member, unsigned row, unsigned collection)
{
	struct osy_lreconcile *rec = d->rec;
	const struct osy_lbatch *batch = rec->members[member];

	d->batch_of[d->count] = member;
	d->row_of[d->count] = row;
	d->suspects[d->count++] = (struct osy_lsuspect){
		.values = sent_values(rec, batch, &batch->rows[row]), .collection = collection};
}

static int by_sent(const void *a, const void *b)
{
	const struct osy_lbatch *x = *(struct osy_lbatch *const *)a,
				*y = *(struct osy_lbatch *const *)b;

	return (x->sent_at > y->sent_at) - (x->sent_at < y->sent_at);
}

/* Collection by collection, those of older sends first. */
static void add_member(struct decision *d, unsigned member, unsigned *next_collection)
{
	const struct osy_lbatch *batch = d->rec->members[member];
	int most = -1;

	for (unsigned i = 0; i < batch->row_count; i++) {
		if (osy_is_pending(&batch->rows[i]) && batch->rows[i].doubt &&
			batch->rows[i].collection > most)
			most = batch->rows[i].collection;
	}
	for (int c = -1; c <= most; c++) {
		bool any = false;
		for (unsigned i = 0; i < batch->row_count; i++) {
			const struct osy_lrow *row = &batch->rows[i];
			if (!osy_is_pending(row) || !row->doubt || row->collection != c)
				continue;
			add_suspect(d, member, i, *next_collection);
			any = true;
		}
		*next_collection += any;
	}
}

static void collect(struct decision *d)
{
	struct osy_lreconcile *rec = d->rec;
	size_t most = 0;
	unsigned collections = 0;

	qsort(rec->members, rec->count, sizeof(struct osy_lbatch *), by_sent);
	for (size_t i = 0; i < rec->count; i++)
		most += rec->members[i]->row_count;
	d->suspects = osy_arena_calloc(&rec->arena, most + 1, sizeof(*d->suspects));
	d->batch_of = osy_arena_calloc(&rec->arena, most + 1, sizeof(*d->batch_of));
	d->row_of = osy_arena_calloc(&rec->arena, most + 1, sizeof(*d->row_of));
	for (unsigned i = 0; i < rec->count; i++)
		add_member(d, i, &collections);
	d->collections = osy_arena_calloc(&rec->arena, collections + 1u, sizeof(*d->collections));
}

/* ---- What was found ---- */

/* A lookup that was not sent then and is mapped now waits for the link pass; one that can only be
 * set with its record stays out. */
static void defer_unsent(const struct osy_lreconcile *rec, struct osy_lbatch *batch, unsigned i,
	const struct osy_lcandidate *candidate)
{
	for (size_t c = 0; c < rec->column_count; c++) {
		const struct osy_lcolumn *column = &batch->columns[rec->columns[c]];
		if (!rec->assign[c].loose || column->lookup < 0 || candidate->values[c].p)
			continue;
		struct osy_lref *ref = &osy_lrefs(batch, i)[column->lookup];
		if (ref->state != OSY_REF_MAPPED || !osy_id_is_set(&ref->source))
			continue;
		ref->state = column->field->link ? OSY_REF_DEFERRED : OSY_REF_OUT;
		if (!column->field->link)
			osy_load_note(batch, i, "notice", OSY_FAIL_PARENT_MISSING,
				osy_str(column->field->target),
				"its parent came after it, and this lookup is set when the record "
				"is made or never; it was left out");
	}
}

static void settle_found(struct decision *d)
{
	for (size_t s = 0; s < d->count; s++) {
		const struct osy_lsuspect *suspect = &d->suspects[s];
		struct osy_lbatch *batch = d->rec->members[d->batch_of[s]];
		struct osy_lrow *row = &batch->rows[d->row_of[s]];
		if (suspect->candidate < 0)
			continue;
		const struct osy_lcandidate *candidate = &d->rec->candidates[suspect->candidate];
		row->outcome = OSY_INSERTED;
		row->action = OSY_ACT_NONE;
		row->target = candidate->id;
		row->put = true;
		row->doubt = false;
		defer_unsent(d->rec, batch, d->row_of[s], candidate);
		d->collections[suspect->collection].found++;
		d->collections[suspect->collection].found_sole +=
			suspect->sole && !suspect->guessed;
	}
}

/* ---- What was not ---- */

/*
 * A collection commits as a whole, so one record of it that can be no other's shows that it is
 * over: what is not there was refused. With other doubtful batches about, a record might be theirs.
 */
static bool is_over(const struct decision *d, const struct osy_lsuspect *suspect)
{
	return d->limit_passed || (d->alone && d->collections[suspect->collection].found_sole > 0);
}

enum verdict { SEND_AGAIN, SET_ASIDE, ASK_AGAIN, UNKNOWN, GIVEN_UP };

static enum verdict judge(const struct decision *d, const struct osy_lsuspect *suspect,
	const struct osy_lbatch *batch)
{
	if (!is_over(d, suspect))
		return SET_ASIDE;
	if (!d->left)
		return batch->given_up ? GIVEN_UP : SEND_AGAIN;
	return !d->alone && batch->doubts < ROUNDS ? ASK_AGAIN : UNKNOWN;
}

static void settle_missing(struct decision *d, bool *aside, bool *again)
{
	for (size_t s = 0; s < d->count; s++) {
		const struct osy_lsuspect *suspect = &d->suspects[s];
		unsigned member = d->batch_of[s];
		struct osy_lbatch *batch = d->rec->members[member];
		struct osy_lrow *row = &batch->rows[d->row_of[s]];
		if (suspect->candidate >= 0)
			continue;
		switch (judge(d, suspect, batch)) {
		case SEND_AGAIN:
			row->doubt = false;
			row->action = OSY_ACT_INSERT; /* a former owner's batch knows it not */
			break;
		case SET_ASIDE:
			aside[member] = true;
			break;
		case ASK_AGAIN:
			again[member] = true;
			break;
		case GIVEN_UP:
			osy_load_fail(batch, d->row_of[s], OSY_FAIL_CRASHED, OSY_STR(""),
				"the batch was in work at %d crashes of a worker and is not sent "
				"again; the record is not in the org",
				OSY_LOAD_CRASHES);
			break;
		case UNKNOWN:
			row->unknown = row->put = true;
			osy_load_fail(batch, d->row_of[s], OSY_FAIL_OUTCOME_UNKNOWN, OSY_STR(""),
				"the reply to its insert was lost, and the org holds %zu records "
				"of this user's since then that match nothing that was sent: one "
				"of them may be this record",
				d->left);
			break;
		}
	}
}

static void conclude(struct decision *d, unsigned member, bool aside, bool again)
{
	struct osy_lbatch *batch = d->rec->members[member];
	bool pending = false, ask = false;

	for (unsigned i = 0; i < batch->row_count; i++) {
		pending |= osy_is_pending(&batch->rows[i]);
		ask |= osy_is_pending(&batch->rows[i]) && batch->rows[i].ask;
	}
	batch->doubts += again;
	batch->record_as = aside || again ? OSY_RECORD_ASIDE
			   : pending	  ? OSY_RECORD_PART
					  : OSY_RECORD_DONE;
	batch->after = ask ? OSY_STEP_MATCH : OSY_STEP_READY;
	batch->due_in_ms = again && !aside ? ROUND_MS : d->aside_ms;
	osy_load_step(batch, OSY_STEP_RECORD);
	osy_log(OSY_INFO, "batch.reconciled", OSY_KV("lane", batch->load->lane->key),
		OSY_KV_INT("offset", batch->offset),
		OSY_KV("then", aside || again ? "set aside"
			       : pending      ? "sent again"
					      : "done"));
}

void osy_reconcile_decide(struct osy_lreconcile *rec, const struct osy_lothers *others)
{
	struct decision d = {.rec = rec, .alone = others->alone};
	int64_t limit = osy_load_request_limit(rec->members[0]);
	bool aside[OSY_RECONCILE_MAX] = {false}, again[OSY_RECONCILE_MAX] = {false};

	bool may_guess = others->alone;
	for (size_t i = 0; i < rec->count; i++)
		may_guess |= rec->members[i]->doubts >= ROUNDS;
	d.limit_passed = others->youngest_ms >= limit;
	d.aside_ms = limit - others->youngest_ms;
	if (d.aside_ms < SHORTEST_ASIDE)
		d.aside_ms = SHORTEST_ASIDE;
	collect(&d);
	d.left = osy_load_assign(&rec->arena, rec->assign, rec->column_count, d.suspects, d.count,
		rec->candidates, rec->candidate_count, may_guess);
	settle_found(&d);
	settle_missing(&d, aside, again);
	for (unsigned i = 0; i < rec->count; i++)
		conclude(&d, i, aside[i], again[i]);
}
