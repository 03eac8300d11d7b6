/* The admin door: /__sim/... */
#include "sim_lock.h"
#include "sim_seed.h"
#include "sim_soql.h"

#include <stdlib.h>

static struct sim_json *sim_admin_json(struct sim_req *req)
{
	return req->len ? sim_json_parse(req->arena, req->body, req->len, NULL) : NULL;
}

static void sim_bad(struct sim_resp *resp, const char *why)
{
	resp->status = 400;
	sim_buf_str(&resp->body, "{\"error\":");
	sim_buf_jstr(&resp->body, why);
	sim_buf_ch(&resp->body, '}');
}

static void sim_ok(struct sim_resp *resp)
{
	sim_buf_str(&resp->body, "{\"ok\":true}");
}

static void sim_a_ready(struct sim_req *req, struct sim_resp *resp)
{
	sim_buf_fmt(&resp->body, "{\"ready\":true,\"org\":\"%s\",\"organizationId\":\"%s\"}",
		req->org->name, req->org->id);
}

static void sim_a_seed(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_buf out = {0};
	const char *error = NULL;

	sim_seed(req->org, req->body, req->len, &out, &error);
	if (error)
		sim_bad(resp, error);
	else
		sim_buf_s(&resp->body, sim_buf_view(&out));
	sim_buf_done(&out);
}

static void sim_a_generate(struct sim_req *req, struct sim_resp *resp)
{
	const char *error = NULL;
	uint64_t n = sim_generate(req->org, sim_admin_json(req), &error);

	if (error)
		sim_bad(resp, error);
	else
		sim_buf_fmt(&resp->body, "{\"generated\":%llu}", (unsigned long long)n);
}

static void sim_a_update(struct sim_req *req, struct sim_resp *resp)
{
	const char *error = NULL;

	sim_change(req->org, req->body, req->len, false, &resp->body, &error);
}

static void sim_a_delete(struct sim_req *req, struct sim_resp *resp)
{
	const char *error = NULL;

	sim_change(req->org, req->body, req->len, true, &resp->body, &error);
}

static void sim_a_count(struct sim_req *req, struct sim_resp *resp)
{
	bool first = true;

	sim_buf_ch(&resp->body, '{');
	for (unsigned i = 0; i < req->org->nobjects; i++)
		if (req->org->object[i]->store->live && !req->org->object[i]->meta) {
			sim_buf_fmt(&resp->body, "%s\"%s\":%llu", first ? "" : ",",
				req->org->object[i]->name,
				(unsigned long long)req->org->object[i]->store->live);
			first = false;
		}
	sim_buf_ch(&resp->body, '}');
}

static void sim_dump_one(
	struct sim_req *req, struct sim_buf *b, const struct sim_object *o, struct sim_rec *r)
{
	struct sim_str s;

	sim_buf_fmt(b, "{\"attributes\":{\"type\":\"%s\"}", o->name);
	for (unsigned i = 0; i < o->nfields; i++) {
		const struct sim_field *f = o->field[i];

		sim_buf_fmt(b, ",\"%s\":", f->name);
		if (f->type == SIM_T_BASE64 && sim_rec_get(r, f->idx, &s, NULL))
			sim_buf_clean(b, s);
		else
			sim_value_out(b, req->org, o, r, f);
	}
	sim_buf_str(b, "}\n");
}

static void sim_a_dump(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_object *o = sim_object_find(req->org, sim_req_arg(req, "object"));

	if (!o) {
		sim_bad(resp, "unknown object");
		return;
	}
	resp->type = "application/x-ndjson";
	for (uint64_t s = 1; s <= o->store->top; s++) {
		struct sim_rec *r = sim_take_rec(req->org, sim_oid(o->idx, s));

		if (r)
			sim_dump_one(req, &resp->body, o, r);
		sim_rec_unref(r);
	}
}

static void sim_a_schema(struct sim_req *req, struct sim_resp *resp)
{
	const struct sim_json *doc = sim_admin_json(req);
	const char *error = doc ? sim_schema_load(req->org, doc) : "bad JSON";

	if (error)
		sim_bad(resp, error);
	else
		sim_ok(resp);
}

static void sim_a_faults(struct sim_req *req, struct sim_resp *resp)
{
	const struct sim_json *doc;

	if (sim_eq(req->method, SIM_S("GET"))) {
		sim_fault_list(req->org, &resp->body);
		return;
	}
	if (sim_eq(req->method, SIM_S("DELETE"))) {
		sim_fault_clear(req->org);
		sim_ok(resp);
		return;
	}
	doc = sim_admin_json(req);
	if (!doc) {
		sim_bad(resp, "bad JSON");
		return;
	}
	if (doc->type == SIM_J_ARR || sim_json_get(doc, "faults")) {
		const struct sim_json *list =
			doc->type == SIM_J_ARR ? doc : sim_json_get(doc, "faults");

		for (const struct sim_json *v = list->child; v; v = v->next)
			sim_fault_add(req->org, v);
	} else {
		sim_fault_add(req->org, doc);
	}
	sim_ok(resp);
}

static void sim_a_latency(struct sim_req *req, struct sim_resp *resp)
{
	const struct sim_json *doc = sim_admin_json(req);

	req->org->latency_ms = sim_json_i64(doc, "ms", req->org->latency_ms);
	req->org->latency_record_us = sim_json_i64(doc, "perRecordUs", req->org->latency_record_us);
	sim_ok(resp);
}

static void sim_a_expire(struct sim_req *req, struct sim_resp *resp)
{
	sim_session_kill(req->org, (struct sim_str){NULL, 0});
	sim_ok(resp);
}

/* one without the other: all of it remains, or the most stays */
static void sim_set_limit(const struct sim_json *doc, const char *max, const char *left,
	_Atomic int64_t *ret_max, _Atomic int64_t *ret_left)
{
	*ret_max = sim_json_i64(doc, max, *ret_max);
	*ret_left = sim_json_i64(doc, left, sim_json_get(doc, max) ? *ret_max : *ret_left);
}

static void sim_a_limits(struct sim_req *req, struct sim_resp *resp)
{
	const struct sim_json *doc = sim_admin_json(req);

	sim_set_limit(
		doc, "dailyMax", "dailyRemaining", &req->org->daily_max, &req->org->daily_left);
	sim_set_limit(
		doc, "filesMax", "filesRemaining", &req->org->files_max, &req->org->files_left);
	sim_set_limit(doc, "bulkBatchesMax", "bulkBatchesRemaining", &req->org->bulk_batches_max,
		&req->org->bulk_batches_left);
	sim_set_limit(doc, "bulkQueryJobsMax", "bulkQueryJobsRemaining",
		&req->org->bulk_queries_max, &req->org->bulk_queries_left);
	req->org->concurrent = sim_json_i64(doc, "concurrent", req->org->concurrent);
	sim_ok(resp);
}

static void sim_a_stats(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_stats *s = &req->org->stats;
	struct sim_buf *b = &resp->body;

	pthread_mutex_lock(&req->org->side);
	if (sim_eq(req->method, SIM_S("DELETE"))) {
		s->requests = s->written = s->lock_waits = s->lock_failures = s->faults = 0;
		s->max_in_flight = s->in_flight;
		s->max_jobs = s->jobs;
		s->longest_uri = 0;
		for (int i = 0; i < s->ncalls; i++)
			free(s->by_call[i].call);
		s->ncalls = 0;
	}
	sim_buf_fmt(b, "{\"requests\":%llu,\"byCall\":{", (unsigned long long)s->requests);
	for (int i = 0; i < s->ncalls; i++)
		sim_buf_fmt(b, "%s\"%s\":%llu", i ? "," : "", s->by_call[i].call,
			(unsigned long long)s->by_call[i].n);
	sim_buf_fmt(b,
		"},\"recordsWritten\":%llu,\"inFlight\":%llu,\"maxInFlight\":%llu,\"lockWaits\":%"
		"llu,"
		"\"lockFailures\":%llu,\"faultsFired\":%llu,\"held\":%llu,\"maxJobs\":%llu,"
		"\"longestUri\":%llu}",
		(unsigned long long)s->written, (unsigned long long)s->in_flight,
		(unsigned long long)s->max_in_flight, (unsigned long long)s->lock_waits,
		(unsigned long long)s->lock_failures, (unsigned long long)s->faults,
		(unsigned long long)s->held, (unsigned long long)s->max_jobs,
		(unsigned long long)s->longest_uri);
	pthread_mutex_unlock(&req->org->side);
}

static void sim_a_reset(struct sim_req *req, struct sim_resp *resp)
{
	pthread_rwlock_wrlock(&req->org->db);
	for (unsigned i = 0; i < req->org->nobjects; i++)
		if (!req->org->object[i]->meta)
			sim_store_clear(
				req->org->object[i]->store, req->org->object[i]->store->builtin);
	sim_names_clear(req->org);
	pthread_rwlock_unlock(&req->org->db);
	sim_ok(resp);
}

/* ---- settings ---- */

static const struct {
	const char *key, *on, *off; /* value for true, value for false */
	size_t at;
} sim_switches[] = {
	{"unknownField", "call", "row", offsetof(struct sim_settings, unknown_field_call)},
	{"emailCase", "lower", "keep", offsetof(struct sim_settings, email_lower)},
	{"newlines", "lf", "keep", offsetof(struct sim_settings, newline_lf)},
	{"nullBoolean", "false", "refuse", offsetof(struct sim_settings, null_boolean_false)},
	{"duplicateExternalId", "last", "fail", offsetof(struct sim_settings, duplicate_last_wins)},
	{"doubles", "plain", "java", offsetof(struct sim_settings, plain_doubles)},
	{"length", "utf16", "characters", offsetof(struct sim_settings, utf16_length)},
	{"deletedParent", "INVALID_CROSS_REFERENCE_KEY", "ENTITY_IS_DELETED",
		offsetof(struct sim_settings, deleted_parent_xref)},
	{"refreshTokens", "rotate", "keep", offsetof(struct sim_settings, rotate_tokens)},
	{"auditFields", "settable", "no", offsetof(struct sim_settings, audit_fields)},
	{"inactiveOwner", "allowed", "refused", offsetof(struct sim_settings, inactive_owner)},
	{"newFields", "hidden", "visible", offsetof(struct sim_settings, new_fields_hidden)},
	{"csvNull", "bare", "quoted", offsetof(struct sim_settings, bare_null)},
	{"compositeHeaders", "own", "inherited", offsetof(struct sim_settings, own_headers)},
	{"emptyResults", "nothing", "header", offsetof(struct sim_settings, empty_no_header)},
	{"earlyResults", "404", "400", offsetof(struct sim_settings, early_not_found)},
	{"apexTests", "fail", "pass", offsetof(struct sim_settings, apex_fails)},
};

/* the names of enum sim_doubles */
static const char *const sim_doubles_names[] = {"same", "java", "plain", "point"};

static const struct {
	const char *key;
	size_t at;
} sim_numbers[] = {
	{"lockWaitMs", offsetof(struct sim_settings, lock_wait_ms)},
	{"pageRows", offsetof(struct sim_settings, page_rows)},
	{"bulkDelayMs", offsetof(struct sim_settings, bulk_delay_ms)},
	{"bulkBatchMs", offsetof(struct sim_settings, bulk_batch_ms)},
	{"bulkKeepSeconds", offsetof(struct sim_settings, bulk_keep_s)},
	{"publicPort", offsetof(struct sim_settings, public_port)},
	{"deployMs", offsetof(struct sim_settings, deploy_ms)},
	{"resultTurn", offsetof(struct sim_settings, result_turn)},
	{"resultRows", offsetof(struct sim_settings, result_rows)},
	{"uploadBytes", offsetof(struct sim_settings, upload_bytes)},
	{"csvFieldChars", offsetof(struct sim_settings, csv_field_chars)},
};

static bool sim_set_one(struct sim_settings *set, const struct sim_json *v)
{
	for (size_t i = 0; i < SIM_COUNT(sim_switches); i++)
		if (sim_is(v->key, sim_switches[i].key) && v->type == SIM_J_STR &&
			(sim_is(v->text, sim_switches[i].on) ||
				sim_is(v->text, sim_switches[i].off))) {
			*(bool *)((char *)set + sim_switches[i].at) =
				sim_is(v->text, sim_switches[i].on);
			return true;
		}
	for (size_t i = 0; i < SIM_COUNT(sim_numbers); i++)
		if (sim_is(v->key, sim_numbers[i].key) && v->type == SIM_J_NUM)
			return sim_to_i64(v->text, (int64_t *)((char *)set + sim_numbers[i].at));
	if (sim_is(v->key, "assignTo") && v->type == SIM_J_STR && v->text.len <= 18) {
		snprintf(set->assign_to, sizeof(set->assign_to), "%.*s", SIM_P(v->text));
		return true;
	}
	for (size_t i = 0; i < SIM_COUNT(sim_doubles_names); i++)
		if (sim_is(v->key, "csvDoubles") && v->type == SIM_J_STR &&
			sim_is(v->text, sim_doubles_names[i])) {
			set->csv_doubles = (int64_t)i;
			return true;
		}
	return false;
}

static void sim_a_settings(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_settings *set = &req->org->set;
	const struct sim_json *doc = sim_admin_json(req);
	bool first = true;

	for (const struct sim_json *v = doc ? doc->child : NULL; v; v = v->next) {
		if (!sim_set_one(set, v)) {
			sim_bad(resp, sim_arena_fmt(req->arena, "unknown setting or value: %.*s",
					      SIM_P(v->key)));
			return;
		}
	}
	for (size_t i = 0; i < SIM_COUNT(sim_switches); i++, first = false)
		sim_buf_fmt(&resp->body, "%s\"%s\":\"%s\"", first ? "{" : ",", sim_switches[i].key,
			*(bool *)((char *)set + sim_switches[i].at) ? sim_switches[i].on
								    : sim_switches[i].off);
	for (size_t i = 0; i < SIM_COUNT(sim_numbers); i++)
		sim_buf_fmt(&resp->body, ",\"%s\":%lld", sim_numbers[i].key,
			(long long)*(int64_t *)((char *)set + sim_numbers[i].at));
	sim_buf_fmt(&resp->body, ",\"csvDoubles\":\"%s\",\"assignTo\":\"%s\"}",
		sim_doubles_names[set->csv_doubles], set->assign_to);
}

/*
 * {"ids":[...],"ms":N}: holds the locks of these rows, as somebody else's transaction would;
 * without ms until the faults are cleared.
 */
static void sim_a_lock(struct sim_req *req, struct sim_resp *resp)
{
	const struct sim_json *doc = sim_admin_json(req), *v = sim_json_get(doc, "ids");
	struct sim_held held = {.locks = req->org->locks};
	uint64_t clears = req->org->fault_clears;
	bool waited, ok = true;

	for (v = v ? v->child : NULL; v; v = v->next) {
		uint64_t oid;

		if (sim_id_parse(req->org, v->text, &oid) == SIM_ID_OK)
			ok &= sim_lock(
				&held, oid, sim_mono_ms() + req->org->set.lock_wait_ms, &waited);
	}
	if (sim_json_get(doc, "ms"))
		sim_sleep_us(sim_json_i64(doc, "ms", 0) * 1000);
	else
		sim_fault_wait(req->org, clears);
	sim_unlock_all(&held);
	sim_buf_fmt(&resp->body, "{\"ok\":%s}", ok ? "true" : "false");
}

/* what was deleted leaves the recycle bin: getDeleted alone still tells of it */
static void sim_a_empty_bin(struct sim_req *req, struct sim_resp *resp)
{
	size_t n = 0;

	pthread_rwlock_wrlock(&req->org->db);
	for (unsigned i = 0; i < req->org->nobjects; i++) {
		struct sim_store *st = req->org->object[i]->store;

		for (uint64_t at = 1; st->deleted && at <= st->top; at++) {
			struct sim_rec *r = sim_store_get(st, at);

			if (!r || !r->deleted || (r->flags & SIM_PURGED))
				continue;
			r->flags |= SIM_PURGED;
			n++;
		}
	}
	pthread_rwlock_unlock(&req->org->db);
	sim_buf_fmt(&resp->body, "{\"purged\":%zu}", n);
}

static const struct {
	const char *method, *name;
	sim_handler *handler;
} sim_doors[] = {
	{"GET", "ready", sim_a_ready},
	{"POST", "seed", sim_a_seed},
	{"POST", "generate", sim_a_generate},
	{"POST", "update", sim_a_update},
	{"POST", "delete", sim_a_delete},
	{"GET", "count", sim_a_count},
	{"GET", "dump", sim_a_dump},
	{"POST", "schema", sim_a_schema},
	{"", "faults", sim_a_faults},
	{"POST", "latency", sim_a_latency},
	{"POST", "expire-sessions", sim_a_expire},
	{"POST", "limits", sim_a_limits},
	{"", "stats", sim_a_stats},
	{"", "settings", sim_a_settings},
	{"POST", "lock", sim_a_lock},
	{"POST", "empty-bin", sim_a_empty_bin},
	{"POST", "reset", sim_a_reset},
};

void sim_admin(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_str name = {req->path.p + 7, req->path.len - 7};

	resp->type = "application/json";
	for (size_t i = 0; i < SIM_COUNT(sim_doors); i++)
		if (sim_eq(name, sim_cstr(sim_doors[i].name)) &&
			(!*sim_doors[i].method ||
				sim_eq(req->method, sim_cstr(sim_doors[i].method)))) {
			sim_doors[i].handler(req, resp);
			return;
		}
	resp->status = 404;
	sim_buf_str(&resp->body, "{\"error\":\"no such door\"}");
}
