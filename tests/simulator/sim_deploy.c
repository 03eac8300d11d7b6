/* deployRequest: takes a package, works on it in a thread, tells how far it is. */
#include "sim_deploy.h"

#include <pthread.h>
#include <stdlib.h>

#include "sim_http.h"

struct sim_deploy {
	struct sim_deploy *next;
	struct sim_org *org;
	char id[19];
	struct sim_package package;
	const char *status;
	bool rollback, test_failed;
};

/* of all orgs: they are few */
static pthread_mutex_t sim_deploys_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sim_deploys_moved = PTHREAD_COND_INITIALIZER;
static struct sim_deploy *sim_deploys;
static unsigned sim_deploy_no;

/* ---- the work ---- */

static bool sim_deploy_running(const struct sim_org *org)
{
	const struct sim_deploy *d = sim_deploys;

	while (d && (d->org != org || strcmp(d->status, "InProgress") != 0))
		d = d->next;
	return d != NULL;
}

static void sim_deploy_move(struct sim_deploy *d, const char *status)
{
	pthread_mutex_lock(&sim_deploys_lock);
	while (!strcmp(status, "InProgress") && sim_deploy_running(d->org))
		pthread_cond_wait(&sim_deploys_moved, &sim_deploys_lock);
	d->status = status;
	pthread_cond_broadcast(&sim_deploys_moved);
	pthread_mutex_unlock(&sim_deploys_lock);
}

static void *sim_deploy_run(void *arg)
{
	struct sim_deploy *d = arg;
	struct sim_package *p = &d->package;
	bool bad;

	sim_deploy_move(d, "InProgress");
	sim_sleep_us(d->org->set.deploy_ms * 1000);
	sim_package_walk(d->org, p, false);
	d->test_failed = p->apex && d->org->set.apex_fails;
	bad = d->test_failed || (p->nproblems && (d->rollback || p->nproblems >= p->components));
	if (!bad) {
		bool some = p->nproblems > 0;

		p->nproblems = 0;
		sim_package_walk(d->org, p, true);
		sim_deploy_move(d, some ? "SucceededPartial" : "Succeeded");
	} else {
		sim_deploy_move(d, "Failed");
	}
	return NULL;
}

/* ---- the calls ---- */

/* a part of a multipart body; p NULL when it is not there */
static struct sim_str sim_deploy_part(const struct sim_req *req, const char *name)
{
	struct sim_str type = req->header[SIM_H_TYPE], none = {NULL, 0}, at = {req->body, req->len};
	const char *mark = type.p ? strstr(type.p, "boundary=") : NULL, *head, *end;
	char want[64], line[200];

	if (!mark)
		return none;
	mark += 9 + (mark[9] == '"');
	snprintf(line, sizeof(line), "\r\n--%.*s", (int)strcspn(mark, "\";"), mark);
	snprintf(want, sizeof(want), "name=\"%s\"", name);
	head = memmem(at.p, at.len, want, strlen(want));
	head = head ? memmem(head, at.len - (size_t)(head - at.p), "\r\n\r\n", 4) : NULL;
	if (!head)
		return none;
	head += 4;
	end = memmem(head, at.len - (size_t)(head - at.p), line, strlen(line));
	return end ? (struct sim_str){head, (size_t)(end - head)} : none;
}

static struct sim_deploy *sim_deploy_new(
	struct sim_req *req, const struct sim_json *options, struct sim_str zip)
{
	struct sim_deploy *d = sim_zalloc(sizeof(*d));

	d->org = req->org;
	d->status = "Pending";
	d->rollback = sim_json_bool(options, "rollbackOnError", false);
	if (!sim_package_open(&d->package, zip)) {
		sim_package_done(&d->package);
		free(d);
		return NULL;
	}
	pthread_mutex_lock(&sim_deploys_lock);
	snprintf(d->id, sizeof(d->id), "0Af%.2s%010u", req->org->pod, ++sim_deploy_no);
	sim_id_check(d->id);
	d->next = sim_deploys;
	sim_deploys = d;
	pthread_mutex_unlock(&sim_deploys_lock);
	return d;
}

static void sim_deploy_failures(struct sim_buf *b, const struct sim_package *p)
{
	sim_buf_str(b, "\"componentFailures\":[");
	for (size_t i = 0; i < p->nproblems; i++) {
		const struct sim_problem *f = &p->problem[i];

		sim_buf_fmt(b, "%s{\"success\":false,\"problemType\":\"Error\",\"fileName\":",
			i ? "," : "");
		sim_buf_json(b, f->file);
		sim_buf_str(b, ",\"fullName\":");
		sim_buf_json(b, f->name);
		sim_buf_fmt(b, ",\"componentType\":\"%s\",\"problem\":", f->type);
		sim_buf_jstr(b, f->text);
		sim_buf_ch(b, '}');
	}
	sim_buf_str(b, "],\"componentSuccesses\":[],\"retrieveResult\":null,");
}

/* under the lock */
static void sim_deploy_result(struct sim_buf *b, const struct sim_deploy *d, bool details)
{
	bool good = sim_starts(sim_cstr(d->status), "Succeeded"),
	     done = good || !strcmp(d->status, "Failed");

	sim_buf_fmt(b,
		"{\"id\":\"%s\",\"status\":\"%s\",\"success\":%s,\"done\":%s,\"checkOnly\":false,"
		"\"ignoreWarnings\":false,\"rollbackOnError\":%s,\"runTestsEnabled\":%s,"
		"\"numberComponentsTotal\":%zu,\"numberComponentErrors\":%zu,"
		"\"numberComponentsDeployed\":%zu,\"numberTestErrors\":%d",
		d->id, d->status, good ? "true" : "false", done ? "true" : "false",
		d->rollback ? "true" : "false", d->package.apex ? "true" : "false",
		done ? d->package.components : 0, done ? d->package.nproblems : 0,
		good ? d->package.components - d->package.nproblems : 0, d->test_failed);
	if (details && done) {
		sim_buf_str(b, ",\"details\":{");
		sim_deploy_failures(b, &d->package);
		sim_buf_fmt(b,
			"\"runTestResult\":{\"numFailures\":%d,\"numTestsRun\":%d,\"failures\":[%s]"
			"}}",
			d->test_failed, d->package.apex,
			d->test_failed ? "{\"name\":\"AccountTest\",\"methodName\":\"works\","
					 "\"message\":\"System.AssertException: Assertion "
					 "Failed\"}"
				       : "");
	}
	sim_buf_ch(b, '}');
}

void sim_deploy_create(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_str json = sim_deploy_part(req, "json"), zip = sim_deploy_part(req, "file"),
		       text;
	const struct sim_json *doc, *options;
	struct sim_deploy *d = NULL;
	pthread_t thread;

	text = sim_arena_dup(req->arena, json.p ? json : SIM_S(""));
	doc = sim_json_parse(req->arena, (char *)(uintptr_t)text.p, text.len, NULL);
	options = sim_json_get(doc, "deployOptions");
	if (options && zip.p && sim_json_bool(options, "singlePackage", false))
		d = sim_deploy_new(req, options, zip);
	if (!d) {
		sim_resp_error(resp, 400, "INVALID_MULTIPART_REQUEST",
			"A part json with deployOptions (singlePackage) and a part file with a zip "
			"are needed");
		return;
	}
	resp->status = 201;
	pthread_mutex_lock(&sim_deploys_lock);
	sim_buf_fmt(&resp->body, "{\"id\":\"%s\",\"deployOptions\":", d->id);
	sim_json_write(&resp->body, options);
	sim_buf_str(&resp->body, ",\"deployResult\":");
	sim_deploy_result(&resp->body, d, false);
	sim_buf_ch(&resp->body, '}');
	pthread_mutex_unlock(&sim_deploys_lock);
	if (!pthread_create(&thread, NULL, sim_deploy_run, d))
		pthread_detach(thread);
}

void sim_deploy_get(struct sim_req *req, struct sim_resp *resp)
{
	const struct sim_deploy *d;

	pthread_mutex_lock(&sim_deploys_lock);
	d = sim_deploys;
	while (d && (d->org != req->org || !sim_eq(req->part[0], sim_cstr(d->id))))
		d = d->next;
	if (d) {
		sim_buf_fmt(&resp->body,
			"{\"id\":\"%s\",\"url\":\"http://127.0.0.1:%d/services/data/%s/metadata/"
			"deployRequest/%s\",\"deployResult\":",
			d->id, req->org->port, req->version, d->id);
		sim_deploy_result(
			&resp->body, d, sim_is(sim_req_arg(req, "includeDetails"), "true"));
		sim_buf_str(&resp->body, ",\"deployOptions\":null}");
	}
	pthread_mutex_unlock(&sim_deploys_lock);
	if (!d)
		sim_resp_error(resp, 404, "NOT_FOUND", "The requested resource does not exist");
}
