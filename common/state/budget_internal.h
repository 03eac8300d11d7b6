/* Between the files of the budget. See osy/budget.h. */
#ifndef OSY_BUDGET_INTERNAL_H
#define OSY_BUDGET_INTERNAL_H

#include "osy/budget.h"

/* KEYS: the org's hash. ARGV: the owner, and what it tells, as JSON (budget_script.c names all
 * members). Gives the numbers of enum osy_budget_reply. */
extern const char *const osy_budget_script;

enum osy_budget_reply {
	REPLY_SLOTS,
	REPLY_CALLS,
	REPLY_BACK_OFF,
	REPLY_STEPS,
	REPLY_LOCK_LIMIT,
	REPLY_LOCK_SHARE,
	REPLY_LOCK_STEPS,
	REPLY_LOCK_PATIENCE,
	REPLY_LOCK_LEFT,
	REPLY_USED,
	REPLY_MAX,
	REPLY_LEFT,
	REPLY_PROBE,
	REPLY_LIMIT,
	REPLY_FLYING,
	REPLY_BULK_BATCHES,
	REPLY_BULK_QUERY_JOBS,
	REPLY_COUNT
};

struct osy_budget_latency {
	unsigned count;
	int64_t sum_ms;
};

struct osy_budget_org {
	struct osy_budget *budget;
	char id[19];
	int reserve_percent;
	/* wanted and under way */
	unsigned want, want_writes, flying;
	struct osy_budget_call *oldest, *newest;
	/* granted */
	unsigned slots;
	int64_t calls;		/* that may still be started */
	int64_t granted_until;	/* mono ms */
	int64_t back_off_until; /* mono ms */
	unsigned steps;
	/* heard since the last turn */
	bool has_usage;
	int64_t used, max, usage_sent_ms, usage_heard_ms;
	unsigned lost;	   /* calls of which no reply told the usage */
	bool daily;	   /* refused: no calls left today */
	unsigned refused;  /* least in flight at a refusal for too many at once; 0: none */
	unsigned busy;	   /* 429 and 503 */
	unsigned retry_ms; /* Retry-After */
	struct osy_budget_latency latency[OSY_BUDGET_CLASSES];
	int64_t bulk_told[OSY_BULK_COUNT]; /* -1: nothing */
	struct osy_budget_locks locks;
	/* as of the last turn */
	bool known;
	int64_t last_used, last_max, last_left;
	int64_t bulk[OSY_BULK_COUNT];
	unsigned limit, all_flying;
	/* turns */
	bool present; /* Redis has an entry of ours */
	bool denied, at_once;
	int64_t turned_ms; /* 0: never */
	struct osy_budget_org *next;
};

struct osy_budget {
	struct osy_redis *redis;
	char *prefix, *owner;
	struct osy_budget_org *orgs;
	int64_t retry_at; /* mono ms, after an error of Redis */
};

/* What a turn asks for besides the usual. */
struct osy_budget_ask {
	unsigned probe_ms;	/* may we ask the org for its limits? */
	unsigned take, take_ms; /* osy_budget_take */
	bool leave;
	bool ret_probe;
};
enum osy_code osy_budget_turn_(
	struct osy_budget_org *org, struct osy_budget_ask *ask, struct osy_err *err) OSY_CHECKED;

#endif
