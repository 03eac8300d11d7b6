/*
 * The budget of an org, shared by all processes through Redis: requests in flight, API calls of the
 * day, writes while row locks are about. Pictures and rules are in docs/protocol.md, "The budget of
 * an org".
 *
 * A process takes a turn about five times a second while it wants something: one script call says
 * what it wants, what flies and what its replies told, and brings what it may do until the next
 * turn. In between everything is decided here, without Redis. A grant has an end by our own clock:
 * when Redis does not answer, nothing is started beyond it. An owner that died is forgotten after
 * OSY_BUDGET_KEPT_MS; nothing is a counter that it could leak.
 *
 * One thread; redis is borrowed and must outlive the budget.
 */
#ifndef OSY_BUDGET_H
#define OSY_BUDGET_H

#include "osy/redis.h"
#include "osy/sf_org.h"

#define OSY_BUDGET_TURN_MS 200
#define OSY_BUDGET_KEPT_MS 3000
#define OSY_BUDGET_CLASSES 8 /* writes of similar size: log2 of their records, at most 7 */

struct osy_budget;
struct osy_budget_org; /* an org, with the reserve that its calls leave */

/* prefix: of the keys; owner: this process (and run), unlike any other. Both are copied. */
struct osy_budget *osy_budget_new(struct osy_redis *redis, const char *prefix, const char *owner);
/* Gives back what is held, when Redis answers. */
struct osy_budget *osy_budget_free(struct osy_budget *budget);
/* The org by its id of 18 characters; lives as long as the budget. */
struct osy_budget_org *osy_budget_org(
	struct osy_budget *budget, const char *org_id, int reserve_percent);

/* ---- Calls ---- */
struct osy_budget_call {
	int64_t started_ms;
	unsigned mark;
	int write_class; /* -1: no write */
	struct osy_budget_call *prev, *next;
};

/* How many requests the owner has a use for now, flying ones included; writes: of them. */
void osy_budget_want(struct osy_budget_org *org, unsigned requests, unsigned writes);
/* Whether a request may be started now. A false is remembered: the next turn comes sooner. */
bool osy_budget_may_start(struct osy_budget_org *org);
/* records: of a write; 0: a read. */
void osy_budget_started(struct osy_budget_org *org, struct osy_budget_call *call, unsigned records);
/* reply: NULL when it was given up. */
void osy_budget_ended(
	struct osy_budget_org *org, struct osy_budget_call *call, const struct osy_sf_reply *reply);
unsigned osy_budget_flying(const struct osy_budget_org *org);
unsigned osy_budget_slots(const struct osy_budget_org *org);

/* ---- Row locks: what the loader tells, and what holds for all workers together ---- */
struct osy_budget_locks {
	/* told */
	bool locked;
	unsigned clean;	 /* replies since the last turn, of writes sent under steps */
	unsigned flying; /* writes */
	unsigned most;	 /* that one process sends at once */
	/* given */
	unsigned limit;	   /* of all workers; 0: none */
	unsigned share;	   /* of it, ours */
	unsigned steps;	   /* down, so far */
	unsigned patience; /* clean replies that a doubling takes */
	unsigned left;	   /* of them, still to come */
};
/* Borrowed; the told part is taken and set to zero by each turn. */
struct osy_budget_locks *osy_budget_locks(struct osy_budget_org *org);

/* ---- Turns ---- */
/*
 * Takes the turns that are due; cheap when none is. *ret_turned (may be NULL): one was taken. After
 * an error the next try comes half a second later.
 */
enum osy_code osy_budget_turn(
	struct osy_budget *budget, bool *ret_turned, struct osy_err *err) OSY_CHECKED;
/* The turn of one org, now. */
enum osy_code osy_budget_turn_now(struct osy_budget_org *org, struct osy_err *err) OSY_CHECKED;
/* In how many ms the next turn is due, at most 1000. */
unsigned osy_budget_next_ms(const struct osy_budget *budget);

/* ---- The day's calls ---- */
struct osy_budget_usage {
	bool known;
	int64_t used, max, reserve;
	int64_t left; /* max - used - reserve; may be below 0 */
};
/* Calls that were made without osy_budget_started() told this; sent_ms: when the last of them was
 * sent, at the earliest. Goes out with the next turn. */
void osy_budget_note_usage(struct osy_budget_org *org, int64_t used, int64_t max, int64_t sent_ms);
/* As of the last turn. */
void osy_budget_usage(const struct osy_budget_org *org, struct osy_budget_usage *ret);
/* No call may be started, and that will not change by waiting for what flies. */
bool osy_budget_exhausted(const struct osy_budget_org *org);
/* After that: whether so much is there again that it is worth going on. */
bool osy_budget_recovered(const struct osy_budget_org *org);
/*
 * Sees to it that so many calls are ours for so long, whole or not at all: for a scan, which cannot
 * stop in between. The next turn gives back what was not used.
 */
enum osy_code osy_budget_take(struct osy_budget_org *org, unsigned calls, unsigned for_ms,
	bool *ret_taken, struct osy_err *err) OSY_CHECKED;
/* Whether it is our turn to ask an org without calls for its limits: once in every_ms, by whichever
 * process comes first. */
enum osy_code osy_budget_may_probe(struct osy_budget_org *org, unsigned every_ms, bool *ret_may,
	struct osy_err *err) OSY_CHECKED;
/* What a reply of /limits told, which was asked for at asked_ms (osy_mono_ms); goes out with the
 * next turn. */
void osy_budget_limits(struct osy_budget_org *org, const struct osy_json *limits, int64_t asked_ms);

enum osy_budget_bulk { OSY_BULK_BATCHES, OSY_BULK_QUERY_JOBS, OSY_BULK_COUNT };
/* What is left of a Bulk limit today, as of the last /limits that anybody has read; -1: not known.
 */
int64_t osy_budget_bulk_left(const struct osy_budget_org *org, enum osy_budget_bulk which);

/* How many requests all processes together may have in flight, and have; as of the last turn. */
void osy_budget_width(const struct osy_budget_org *org, unsigned *ret_limit, unsigned *ret_flying);

#endif
