#include "runs.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/log.h"
#include "osy/mem.h"
#include "osy/names.h"
#include "osy/org_store.h"
#include "undo.h"

/* Live orgs are shared by the runs that write to them, one each name. */
struct shared_org {
	char *name;
	struct osy_org *org;
	unsigned refs;
	struct shared_org *next;
};
static struct shared_org *shared_orgs; /* of the loop's thread */

static enum osy_code org_ref(
	struct osy_worker *worker, const char *name, struct osy_org **ret, struct osy_err *err)
{
	struct shared_org *shared = shared_orgs;

	while (shared && strcmp(shared->name, name) != 0)
		shared = shared->next;
	if (!shared) {
		struct osy_org *org = NULL;
		enum osy_code rc = osy_org_store_open(worker->pg, &worker->settings->secret_key,
			name, worker->http, worker->settings->allow_http_orgs, &org, err);
		if (rc)
			return rc;
		shared = osy_xcalloc(1, sizeof(*shared));
		*shared = (struct shared_org){osy_xstrdup(name), org, 0, shared_orgs};
		shared_orgs = shared;
	}
	shared->refs++;
	*ret = shared->org;
	return OSY_OK;
}

static void org_unref(struct osy_org *org)
{
	for (struct shared_org **at = &shared_orgs; *at; at = &(*at)->next) {
		struct shared_org *shared = *at;
		if (shared->org != org)
			continue;
		if (--shared->refs > 0)
			return;
		*at = shared->next;
		osy_org_free(shared->org);
		free(shared->name);
		free(shared);
		return;
	}
}

struct osy_wrun *osy_runs_find(const struct osy_worker *worker, const char *id, int pass)
{
	struct osy_wrun *run = worker->runs;

	while (run && (run->pass != pass || strcmp(run->id, id) != 0))
		run = run->next;
	return run;
}

static void free_run(struct osy_wrun *run)
{
	if (run->target)
		org_unref(run->target);
	if (run->source)
		org_unref(run->source);
	osy_spec_free(run->spec);
	osy_undo_free(run->undo);
	free(run);
}

enum osy_code osy_runs_source(struct osy_worker *worker, struct osy_wrun *run, struct osy_err *err)
{
	return run->source ? OSY_OK : org_ref(worker, run->spec->source, &run->source, err);
}

void osy_runs_unref(struct osy_wrun *run)
{
	OSY_ASSERT(run->refs > 0);
	run->refs--;
}

void osy_runs_done(struct osy_worker *worker)
{
	while (worker->runs) {
		struct osy_wrun *run = worker->runs;
		worker->runs = run->next;
		free_run(run);
	}
}

#define RETAKES_FEW 10000 /* records for which no ingest job is made */

/* What a later pass takes. */
static void take_pass(struct osy_wrun *run, struct osy_str kind, int64_t records)
{
	run->retakes_skipped = osy_str_is(kind, "resync");
	run->retakes = run->retakes_skipped || osy_str_is(kind, "retry");
	run->retakes_few = run->retakes && records < RETAKES_FEW;
}

static enum osy_code load_run(struct osy_worker *worker, const char *id, int pass,
	struct osy_wrun **ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(worker->pg, &result, err,
		"SELECT spec, target, CASE WHEN state = 'Rollback Started' THEN rollback END, "
		"coalesce(loaded_pass, 0), pass_kind, (SELECT coalesce(sum(pass_records), "
		"0)::bigint FROM run_object WHERE run = id) FROM run WHERE id = $1",
		OSY_PG_Z(id));

	if (rc)
		return rc;
	if (!osy_pg_rows(result) || osy_pg_is_null(result, 0, 0))
		return osy_fail(err, OSY_E_INTERNAL, "run %s has no spec", id);
	struct osy_wrun *run = osy_xcalloc(1, sizeof(*run));
	snprintf(run->id, sizeof(run->id), "%s", id);
	run->pass = pass;
	snprintf(run->name, sizeof(run->name), "%s:%d", run->id, pass);
	osy_run_topic(worker->settings->kafka_prefix, id, run->topic, sizeof(run->topic));
	struct osy_str target = osy_pg_str(result, 0, 1);
	OSY_AUTO_FREE char *name = osy_xstrndup(target.p, target.len);
	rc = osy_spec_read(osy_pg_str(result, 0, 0), &run->spec, err);
	if (!rc && !osy_pg_is_null(result, 0, 2))
		rc = osy_undo_read(osy_pg_str(result, 0, 2), (int)osy_pg_i64(result, 0, 3, 0),
			run->spec, &run->undo, err);
	if (!rc)
		take_pass(run, osy_pg_str(result, 0, 4), osy_pg_i64(result, 0, 5, 0));
	if (!rc)
		rc = org_ref(worker, name, &run->target, err);
	if (rc) {
		free_run(run);
		return osy_err_prefix(err, "run %s", id);
	}
	run->next = worker->runs;
	worker->runs = run;
	*ret = run;
	return OSY_OK;
}

static void turn_off_all(struct osy_worker *worker)
{
	for (struct osy_wrun *run = worker->runs; run; run = run->next)
		run->active = false;
}

enum osy_code osy_runs_refresh(struct osy_worker *worker, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(worker->pg, &result, err,
		"SELECT id, pass, open_stage, coalesce(wanted, ''), stages_published FROM run "
		"WHERE state IN ('Sync In Progress', 'Rollback Started') AND open_stage > 0");

	if (rc)
		return rc;
	turn_off_all(worker);
	for (size_t i = 0; i < osy_pg_rows(result); i++) {
		char id[40];
		struct osy_str text = osy_pg_str(result, i, 0);
		int pass = (int)osy_pg_i64(result, i, 1, 1);
		snprintf(id, sizeof(id), "%.*s", (int)text.len, text.p);
		struct osy_wrun *run = osy_runs_find(worker, id, pass);
		struct osy_err problem = OSY_ERR_NONE;
		if (!run && load_run(worker, id, pass, &run, &problem)) {
			osy_log(OSY_ERROR, "run.unusable", OSY_KV("run", id), OSY_KV_ERR(&problem));
			if (problem.code == OSY_E_POSTGRES)
				return osy_fail(err, problem.code, "%s", problem.msg);
			continue;
		}
		run->active = true;
		run->open_stage = (int)osy_pg_i64(result, i, 2, 0);
		run->stages_published = (int)osy_pg_i64(result, i, 4, 0);
		run->aborting = run->strict_failed || osy_str_is(osy_pg_str(result, i, 3), "abort");
	}
	return OSY_OK;
}

void osy_runs_sweep(struct osy_worker *worker)
{
	for (struct osy_wrun **at = &worker->runs; *at;) {
		struct osy_wrun *run = *at;
		if (run->active || run->refs) {
			at = &run->next;
			continue;
		}
		*at = run->next;
		free_run(run);
	}
}
