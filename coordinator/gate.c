#include "gate.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/budget.h"
#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "osy/mem.h"

#define READS_MOST 16	  /* requests at an org that a run has a use for */
#define READ_IDLE_MS 1000 /* after that nothing is wanted any more */
#define LIST_MS 60000	  /* a list of ids is read within that */
#define SCAN_REST 16	  /* calls that a scan still takes behind its last list */
#define SCAN_MS 120000	  /* and a scan within that */
#define PROBE_TIMEOUT_MS 20000

/* One of the two orgs. */
struct side {
	const char *name;
	struct osy_org **live;
	struct osy_budget_org *budget; /* NULL: not known yet */
	unsigned refused;	       /* reads that had to wait, since the last turn */
	int64_t asked_at;	       /* mono ms of the last read that was asked for; 0: none */
};

struct osy_gate {
	struct osy_redis *redis;
	struct osy_budget *budget;
	struct side sides[2]; /* by enum osy_gate_side */
	int64_t aside_since;  /* mono ms since when calls are made past the budget; 0: none */
	struct read_call *reads;
	bool lacks; /* less is left than a list of ids takes */
};

/* A read under way. */
struct read_call {
	struct osy_gate *gate;
	struct side *side;
	struct osy_budget_call call;
	osy_sf_done done;
	bool (*data)(struct osy_http_call *call, struct osy_str piece, void *arg); /* NULL: none */
	void *arg;
	struct read_call *prev, *next;
};

static struct osy_gate *gate_of(struct osy_drive *drive)
{
	struct osy_gate *gate = drive->gate;
	char owner[100];

	if (gate)
		return gate;
	gate = drive->gate = osy_xcalloc(1, sizeof(*gate));
	snprintf(owner, sizeof(owner), "%s:%s", osy_driver_id(drive->driver), drive->run);
	gate->redis = osy_redis_new(drive->settings->redis_url);
	gate->budget = osy_budget_new(gate->redis, drive->settings->kafka_prefix, owner);
	gate->sides[0] = (struct side){.name = drive->source_name, .live = &drive->source};
	gate->sides[1] = (struct side){.name = drive->target_name, .live = &drive->target};
	return gate;
}

static void read_free(struct read_call *read)
{
	if (read->prev)
		read->prev->next = read->next;
	else
		read->gate->reads = read->next;
	if (read->next)
		read->next->prev = read->prev;
	free(read);
}

void osy_gate_free(struct osy_drive *drive)
{
	if (!drive->gate)
		return;
	osy_budget_free(drive->gate->budget);
	while (drive->gate->reads) /* whose replies come no more */
		read_free(drive->gate->reads);
	osy_redis_free(drive->gate->redis);
	free(drive->gate);
	drive->gate = NULL;
}

/* Of a run that has a spec. */
static struct osy_gate *gate_of_run(struct osy_drive *drive)
{
	struct osy_gate *gate = gate_of(drive);
	const struct osy_spec *spec = drive->spec;

	gate->sides[0].budget =
		osy_budget_org(gate->budget, spec->source_org_id, spec->api_reserve_percent);
	gate->sides[1].budget =
		osy_budget_org(gate->budget, spec->target_org_id, spec->api_reserve_percent);
	return gate;
}

/* ---- Reading ---- */
static void tell_reads(const struct side *side)
{
	bool idle = !side->asked_at || osy_mono_ms() - side->asked_at > READ_IDLE_MS;
	unsigned want = osy_budget_flying(side->budget) + (idle ? 0 : side->refused + 1);

	osy_budget_want(side->budget, want < READS_MOST ? want : READS_MOST, 0);
}

/* Calls that were made past the budget are known by what the org told since. */
static void note_aside(struct osy_gate *gate)
{
	int64_t used, max;

	for (int i = 0; i < 2 && gate->aside_since; i++) {
		const struct side *side = &gate->sides[i];
		if (side->budget && *side->live && osy_org_usage(*side->live, &used, &max))
			osy_budget_note_usage(side->budget, used, max, gate->aside_since);
	}
	gate->aside_since = 0;
}

static void take_turns(struct osy_gate *gate)
{
	struct osy_err err = OSY_ERR_NONE;
	bool turned = false;

	note_aside(gate);
	for (int i = 0; i < 2; i++)
		tell_reads(&gate->sides[i]);
	if (osy_budget_turn(gate->budget, &turned, &err))
		osy_log(OSY_WARN, "org.budget", OSY_KV("org", gate->sides[0].name),
			OSY_KV_ERR(&err));
	for (int i = 0; turned && i < 2; i++)
		gate->sides[i].refused = 0;
}

static bool may_list(struct osy_gate *gate, unsigned calls)
{
	struct osy_err err = OSY_ERR_NONE;
	bool taken = false;

	if (osy_budget_take(gate->sides[0].budget, calls, LIST_MS, &taken, &err)) {
		osy_log(OSY_WARN, "org.budget", OSY_KV("org", gate->sides[0].name),
			OSY_KV_ERR(&err));
		return false;
	}
	gate->lacks = !taken;
	gate->aside_since = taken ? osy_mono_ms() : 0;
	return taken;
}

bool osy_gate_may_read(struct osy_drive *drive, enum osy_gate_side which, unsigned calls)
{
	struct osy_gate *gate = gate_of_run(drive);
	struct side *side = &gate->sides[which];

	side->asked_at = osy_mono_ms();
	take_turns(gate);
	if (osy_budget_may_start(side->budget) && (calls <= 1 || may_list(gate, calls)))
		return true;
	side->refused++;
	return false;
}

static void on_read(struct osy_sf_reply *reply, void *arg)
{
	struct read_call *read = arg;

	osy_budget_ended(read->side->budget, &read->call, reply);
	read->done(reply, read->arg);
	read_free(read);
}

static bool on_data(struct osy_http_call *call, struct osy_str piece, void *arg)
{
	const struct read_call *read = arg;

	return read->data(call, piece, read->arg);
}

enum osy_code osy_gate_start(struct osy_drive *drive, enum osy_gate_side side,
	const struct osy_sf_request *request, osy_sf_done done, void *arg, struct osy_err *err)
{
	struct osy_gate *gate = gate_of_run(drive);
	struct read_call *read = osy_xcalloc(1, sizeof(*read));

	read->gate = gate;
	read->side = &gate->sides[side];
	read->done = done;
	read->data = request->on_data;
	read->arg = arg;
	struct osy_sf_request gated = *request;
	gated.on_data = request->on_data ? on_data : NULL;
	enum osy_code rc = osy_sf_start(*read->side->live, &gated, on_read, read, err);
	if (rc) {
		free(read);
		return rc;
	}
	read->next = gate->reads;
	if (read->next)
		read->next->prev = read;
	gate->reads = read;
	osy_budget_started(read->side->budget, &read->call, 0);
	return OSY_OK;
}

/* ---- Paused ---- */
static void explain(const struct side *side, int reserve_percent, struct osy_buf *out)
{
	struct osy_budget_usage usage;

	osy_budget_usage(side->budget, &usage);
	if (usage.known)
		osy_buf_addf(out,
			"org '%s' has used %lld of its %lld API calls of today, and "
			"apiReservePercent leaves %lld (%d %%) to others",
			side->name, (long long)usage.used, (long long)usage.max,
			(long long)usage.reserve, reserve_percent);
	else
		osy_buf_addf(out, "org '%s' has no API calls left today", side->name);
}

static bool is_used_up(const struct osy_gate *gate, const struct side *side)
{
	return osy_budget_exhausted(side->budget) || (gate->lacks && side == &gate->sides[0]);
}

static void explain_pause(
	const struct osy_drive *drive, const struct side *side, struct osy_buf *out)
{
	explain(side, drive->spec->api_reserve_percent, out);
	osy_buf_addz(out, "; the run goes on by itself when there are calls again");
}

enum osy_code osy_gate_pause(struct osy_drive *drive, const char *org, const char *why,
	bool *ret_paused, struct osy_err *err)
{
	int64_t source_calls, target_calls;

	osy_drive_calls(drive, &source_calls, &target_calls);
	enum osy_code rc = osy_drive_set_if(drive, ret_paused, err, "NOT held AND wanted IS NULL",
		"state = 'Paused', problem = $4, source_calls = source_calls + $5, target_calls = "
		"target_calls + $6",
		OSY_PG_Z(why), OSY_PG_I64(source_calls), OSY_PG_I64(target_calls));
	if (rc || !*ret_paused)
		return rc;
	drive->state = OSY_RUN_PAUSED;
	drive->has_problem = true;
	osy_log(OSY_INFO, "run.paused", OSY_KV("run", drive->run), OSY_KV("org", org));
	return OSY_OK;
}

enum osy_code osy_gate_look(struct osy_drive *drive, bool *ret_paused, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf why = OSY_BUF(1024);
	struct osy_gate *gate = gate_of_run(drive);

	take_turns(gate);
	for (int i = 0; i < 2; i++) {
		const struct side *side = &gate->sides[i];
		struct osy_err problem = OSY_ERR_NONE;
		if (osy_budget_turn_now(side->budget, &problem)) {
			osy_log(OSY_WARN, "org.budget", OSY_KV("org", side->name),
				OSY_KV_ERR(&problem));
			return OSY_OK;
		}
		if (!is_used_up(gate, side))
			continue;
		explain_pause(drive, side, &why);
		return osy_gate_pause(drive, side->name, why.p, ret_paused, err);
	}
	return OSY_OK;
}

/* One call for its limits; whatever comes of it, the next one comes later. */
static void probe(struct side *side, struct osy_json **ret_limits)
{
	OSY_AUTO(osy_buf_done) struct osy_buf body = OSY_BUF(4u * 1024 * 1024);
	const struct osy_sf_request request = {
		.method = "GET", .path = OSY_STR("limits"), .timeout_ms = PROBE_TIMEOUT_MS};
	struct osy_err err = OSY_ERR_NONE;
	int64_t asked = osy_mono_ms();
	enum osy_code rc = osy_sf_run(*side->live, &request, &body, &err);

	if (!rc)
		rc = osy_json_parse(osy_buf_str(&body), "limits", ret_limits, &err);
	if (rc)
		osy_log(OSY_INFO, "org.limits", OSY_KV("org", side->name), OSY_KV_ERR(&err));
	else
		osy_budget_limits(side->budget, *ret_limits, asked);
}

bool osy_gate_ask_limits(
	struct osy_drive *drive, enum osy_gate_side side, struct osy_json **ret_limits)
{
	probe(&gate_of_run(drive)->sides[side], ret_limits);
	return *ret_limits != NULL;
}

static enum osy_code probe_when_due(
	const struct osy_drive *drive, struct side *side, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *limits = NULL;
	bool may = false;
	enum osy_code rc = osy_budget_may_probe(
		side->budget, (unsigned)drive->settings->limit_probe_ms, &may, err);

	if (rc || !may)
		return rc;
	probe(side, &limits);
	return osy_budget_turn_now(side->budget, err);
}

/* Whether both have calls; asks those that have not. */
static enum osy_code look_again(
	struct osy_drive *drive, bool may_probe, bool *ret_good, struct osy_err *err)
{
	struct osy_gate *gate = gate_of_run(drive);
	enum osy_code rc = OSY_OK;

	*ret_good = true;
	for (int i = 0; !rc && i < 2; i++) {
		struct side *side = &gate->sides[i];
		osy_budget_want(side->budget, 0, 0);
		rc = osy_budget_turn_now(side->budget, err);
		if (!rc && may_probe && !osy_budget_recovered(side->budget))
			rc = probe_when_due(drive, side, err);
		*ret_good &= !rc && osy_budget_recovered(side->budget);
	}
	return rc;
}

static enum osy_code resume(struct osy_drive *drive, struct osy_err *err)
{
	bool done = false;

	(void)OSY_FAILPOINT("coordinator.resumes");
	enum osy_code rc = osy_gate_files_go(drive, err);
	if (!rc)
		rc = osy_drive_set_if(drive, &done, err, "NOT held AND wanted IS NULL",
			"state = 'Sync In Progress', problem = NULL");
	if (rc || !done)
		return rc;
	drive->has_problem = false;
	drive->gate->lacks = false;
	osy_log(OSY_INFO, "run.resumed", OSY_KV("run", drive->run));
	return OSY_OK;
}

/* After a person's pause, whose sentence is gone. */
static void tell_why(struct osy_drive *drive)
{
	OSY_AUTO(osy_buf_done) struct osy_buf why = OSY_BUF(1024);

	for (int i = 0; i < 2 && !why.len; i++) {
		const struct side *side = &drive->gate->sides[i];
		if (!osy_budget_recovered(side->budget))
			explain_pause(drive, side, &why);
	}
	if (!why.len)
		osy_gate_files_why(drive, &why);
	osy_drive_problem(drive, why.p);
}

static enum osy_code rest(struct osy_drive *drive, struct osy_err *err)
{
	int64_t since = osy_mono_ms();
	enum osy_code rc = osy_drive_orgs(drive, err);
	bool good = false;

	while (!rc && drive->state == OSY_RUN_PAUSED && !drive->wants_abort && !drive->held) {
		bool due = osy_mono_ms() - since >= drive->settings->limit_probe_ms;
		rc = look_again(drive, due, &good, err);
		if (!rc && good)
			rc = osy_gate_files_may_go(drive, &good, err);
		if (!rc && good)
			return resume(drive, err);
		if (!rc && !drive->has_problem)
			tell_why(drive);
		for (int64_t until = osy_mono_ms() + 300; !rc && osy_mono_ms() < until;)
			rc = osy_drive_wait(drive, 300, err);
		if (!rc)
			rc = osy_drive_load(drive, err);
	}
	return rc;
}

enum osy_code osy_gate_rest(struct osy_drive *drive, struct osy_err *err)
{
	osy_driver_waiting(drive->driver, true);
	enum osy_code rc = rest(drive, err);
	osy_driver_waiting(drive->driver, false);
	return rc;
}

/* ---- Scans ---- */
static unsigned calls_of_scan(size_t objects)
{
	return (unsigned)(5 * objects + 16);
}

static enum osy_code take_for_scan(struct osy_drive *drive, struct side *side, int reserve_percent,
	unsigned calls, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf why = OSY_BUF(1024);
	struct osy_budget_usage usage;
	bool taken = false;
	enum osy_code rc = osy_budget_take(side->budget, calls, SCAN_MS, &taken, err);
	if (!rc && !taken)
		rc = probe_when_due(drive, side, err);
	if (!rc && !taken)
		rc = osy_budget_take(side->budget, calls, SCAN_MS, &taken, err);
	if (rc || taken)
		return rc;
	osy_budget_usage(side->budget, &usage);
	explain(side, reserve_percent, &why);
	return osy_fail(err, OSY_E_INVALID,
		"%s; the scan takes about %u calls: scan again when there are more", why.p, calls);
}

/* The id as of the last look at the org; "" when it was never asked. */
static enum osy_code ask_org_id(
	struct osy_drive *drive, const char *name, char ret[19], struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(drive->pg, &row, err,
		"SELECT coalesce(org_id, '') FROM org WHERE name = $1", OSY_PG_Z(name));

	if (rc)
		return rc;
	struct osy_str id = osy_pg_rows(row) ? osy_pg_str(row, 0, 0) : OSY_STR("");
	snprintf(ret, 19, "%.*s", (int)(id.len < 18 ? id.len : 18), id.len ? id.p : "");
	return OSY_OK;
}

enum osy_code osy_gate_scan(struct osy_drive *drive, int reserve_percent, size_t objects,
	const char *source_org_id, const char *target_org_id, struct osy_err *err)
{
	struct osy_gate *gate = gate_of(drive);
	const char *given[2] = {source_org_id, target_org_id};
	int64_t since = gate->aside_since;
	enum osy_code rc = osy_drive_orgs(drive, err);

	for (int i = 0; !rc && i < 2; i++) {
		struct side *side = &gate->sides[i];
		char id[19] = "";
		if (given[i])
			snprintf(id, sizeof(id), "%s", given[i]);
		else
			rc = ask_org_id(drive, side->name, id, err);
		side->budget = id[0] ? osy_budget_org(gate->budget, id, reserve_percent) : NULL;
	}
	note_aside(gate);
	for (int i = 0; !rc && i < 2; i++) {
		if (gate->sides[i].budget)
			rc = take_for_scan(drive, &gate->sides[i], reserve_percent,
				calls_of_scan(objects), err);
	}
	gate->aside_since = since ? since : osy_mono_ms();
	return rc;
}

enum osy_code osy_gate_scan_reads(
	struct osy_drive *drive, int reserve_percent, unsigned calls, struct osy_err *err)
{
	struct osy_gate *gate = gate_of(drive);
	struct side *side = &gate->sides[OSY_GATE_SOURCE];
	enum osy_code rc = OSY_OK;

	note_aside(gate);
	if (side->budget)
		rc = take_for_scan(drive, side, reserve_percent, calls + SCAN_REST, err);
	gate->aside_since = osy_mono_ms();
	return rc;
}

void osy_gate_scan_over(struct osy_drive *drive)
{
	struct osy_gate *gate = gate_of(drive);

	note_aside(gate);
	for (int i = 0; i < 2; i++) {
		struct osy_err ignored = OSY_ERR_NONE;
		if (gate->sides[i].budget)
			(void)!osy_budget_turn_now(gate->sides[i].budget, &ignored);
	}
}
