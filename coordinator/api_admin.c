/* /idmap, /doctor, /audit */
#include <stdio.h>
#include <stdlib.h>

#include "api.h"
#include "osy/idmap.h"
#include "osy/names.h"
#include "osy/mem.h"
#include "osy/org_store.h"

/* ---- Id map ---- */
static enum osy_code pair_of(struct osy_call *call, const char *source, const char *target,
	int *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(call->pg, &result, err,
		"SELECT p.id FROM org s, org t, org_pair p WHERE s.name = $1 AND t.name = $2 AND "
		"p.source_org_id = s.org_id AND p.target_org_id = t.org_id",
		OSY_PG_Z(source), OSY_PG_Z(target));

	if (rc)
		return rc;
	if (!osy_pg_rows(result))
		return osy_fail(err, OSY_E_NOT_FOUND,
			"there is no id map from org %s to org %s yet", source, target);
	*ret = (int)osy_pg_i64(result, 0, 0, 0);
	return OSY_OK;
}

struct map {
	struct osy_redis *redis;
	struct osy_idmap *idmap;
};

static struct map open_map(struct osy_call *call)
{
	const struct osy_settings *settings = call->context->settings;
	struct map map = {.redis = osy_redis_new(settings->redis_url)};

	map.idmap = osy_idmap_new(map.redis, call->pg, settings->kafka_prefix);
	return map;
}

static void close_map(struct map *map)
{
	osy_idmap_free(map->idmap);
	osy_redis_free(map->redis);
}

/* The objects that a source prefix is mapped to; asks each. */
static enum osy_code ask_each(struct osy_call *call, struct map *map, int pair,
	const struct osy_id *id, struct osy_idmap_ask *ret, char object[128], struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	char prefix[4] = {id->c[0], id->c[1], id->c[2], 0};
	bool rebuilt = false;
	enum osy_code rc = osy_pg_do(call->pg, &result, err,
		"SELECT target_prefix, source_object FROM idmap WHERE pair = $1 AND source_prefix "
		"= $2",
		OSY_PG_I32(pair), OSY_PG_Z(prefix));

	for (size_t i = 0; !rc && i < osy_pg_rows(result) && !osy_id_is_set(&ret->target); i++) {
		struct osy_str name = osy_pg_str(result, i, 1);
		*ret = (struct osy_idmap_ask){.pair = pair, .source = *id};
		memcpy(ret->target_prefix, osy_pg_str(result, i, 0).p, 3);
		snprintf(object, 128, "%.*s", (int)name.len, name.p);
		rc = osy_idmap_get(map->idmap, ret, 1, &rebuilt, err);
	}
	return rc;
}

static enum osy_code idmap_get(struct osy_call *call, struct osy_err *err)
{
	const char *source = osy_call_query(call, "source"),
		   *target = osy_call_query(call, "target"),
		   *record = osy_call_query(call, "record");
	struct osy_json_writer w = osy_json_writer(&call->out);
	struct osy_idmap_ask ask = {0};
	struct osy_id id;
	char object[128] = "", text[19];
	int pair = 0;

	if (!source || !target || !record || !osy_id_parse(osy_str(record), &id))
		return osy_fail(err, OSY_E_USAGE,
			"idmap needs source and target (names of orgs) and a record id");
	enum osy_code rc = pair_of(call, source, target, &pair, err);
	if (rc)
		return rc;
	struct map map = open_map(call);
	rc = ask_each(call, &map, pair, &id, &ask, object, err);
	close_map(&map);
	if (rc)
		return rc;
	if (!osy_id_is_set(&ask.target))
		return osy_fail(err, OSY_E_NOT_FOUND,
			"record %s of org %s is mapped to no record of org %s%s", record, source,
			target, ask.unknown ? "; its outcome is unknown (a reply was lost)" : "");
	osy_jw_object(&w);
	osy_id_18(&id, text);
	osy_jw_put_str(&w, "sourceId", osy_str(text));
	osy_id_18(&ask.target, text);
	osy_jw_put_str(&w, "targetId", osy_str(text));
	osy_jw_put_str(&w, "object", osy_str(object));
	osy_jw_object_end(&w);
	return OSY_OK;
}

static enum osy_code idmap_rebuild(struct osy_call *call, struct osy_err *err)
{
	static const char *const members[] = {"source", "target", NULL};
	OSY_AUTO(osy_json_free_at) struct osy_json *body = NULL;
	const char *source = NULL, *target = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	int pair = 0;
	int64_t mappings = 0;
	enum osy_code rc = osy_call_json(call, members, &body, err);

	if (!rc)
		rc = osy_call_text(body, "source", &source, err);
	if (!rc)
		rc = osy_call_text(body, "target", &target, err);
	if (!rc)
		rc = pair_of(call, source, target, &pair, err);
	/* Moving the generation makes every process, this one first, fill Redis anew. */
	if (!rc)
		rc = osy_pg_do(call->pg, NULL, err,
			"UPDATE org_pair SET generation = generation + 1 WHERE id = $1",
			OSY_PG_I32(pair));
	if (rc)
		return rc;
	struct map map = open_map(call);
	rc = osy_idmap_rebuild(map.idmap, pair, err);
	if (!rc)
		rc = osy_idmap_count(map.idmap, pair, &mappings, err);
	close_map(&map);
	if (rc)
		return rc;
	osy_call_audit(call, "idmap.rebuild", source);
	osy_jw_object(&w);
	osy_jw_put_i64(&w, "pair", pair);
	osy_jw_put_i64(&w, "mappings", mappings);
	osy_jw_object_end(&w);
	return OSY_OK;
}

/* ---- Doctor ---- */
static void check(struct osy_json_writer *w, const char *what, bool ok, const char *detail,
	const char *advice)
{
	osy_jw_object(w);
	osy_jw_put_str(w, "what", osy_str(what));
	osy_jw_put_bool(w, "ok", ok);
	osy_jw_put_str(w, "detail", osy_str(detail));
	osy_jw_put_str(w, "advice", ok ? OSY_STR_NULL : osy_str(advice));
	osy_jw_object_end(w);
}

static void check_kafka(struct osy_call *call, struct osy_json_writer *w)
{
	struct osy_err err = OSY_ERR_NONE;
	unsigned brokers = 0;
	char detail[600];
	enum osy_code rc = osy_kafka_ping(call->context->kafka, 5000, &brokers, &err);

	snprintf(detail, sizeof(detail), "%u broker%s at %s", brokers, brokers == 1 ? "" : "s",
		call->context->settings->kafka_brokers);
	check(w, "kafka", !rc, rc ? err.msg : detail, "start Kafka, or set ORGSYNC_KAFKA_BROKERS");
}

static void check_redis(struct osy_call *call, struct osy_json_writer *w)
{
	struct osy_err err = OSY_ERR_NONE;
	struct osy_redis *redis = osy_redis_new(call->context->settings->redis_url);
	enum osy_code rc = osy_redis_ensure(redis, &err);

	osy_redis_free(redis);
	check(w, "redis", !rc, rc ? err.msg : "answers; maxmemory-policy is noeviction",
		"start Redis, or set ORGSYNC_REDIS_URL");
}

static void check_postgres(struct osy_call *call, struct osy_json_writer *w)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;
	char detail[200];
	enum osy_code rc =
		osy_pg_do(call->pg, &result, &err, "SELECT current_setting('server_version')");

	if (!rc)
		snprintf(detail, sizeof(detail), "version %.*s", (int)osy_pg_str(result, 0, 0).len,
			osy_pg_str(result, 0, 0).p);
	check(w, "postgres", !rc, rc ? err.msg : detail,
		"start Postgres, or set ORGSYNC_POSTGRES_URL");
}

static void check_processes(struct osy_call *call, struct osy_json_writer *w, const char *kind)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;
	char detail[200], name[32];
	enum osy_code rc = osy_pg_do(call->pg, &result, &err,
		"SELECT count(*) FROM process WHERE kind = $1 AND heartbeat_at > clock_timestamp() "
		"- $2 * interval '1 ms'",
		OSY_PG_Z(kind), OSY_PG_I64(call->context->settings->lease_ms));
	int64_t n = rc ? 0 : osy_pg_i64(result, 0, 0, 0);

	snprintf(name, sizeof(name), "%ss", kind);
	snprintf(detail, sizeof(detail), "%lld alive", (long long)n);
	check(w, name, n > 0, rc ? err.msg : detail,
		strcmp(kind, "worker") == 0
			? "start orgsync-worker: nothing is written without one"
			: "this coordinator's heartbeat is late; look at its log");
}

static void check_topics(struct osy_call *call, struct osy_json_writer *w)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_err err = OSY_ERR_NONE;
	char detail[300] = "";
	unsigned missing = 0;
	enum osy_code rc = osy_pg_do(call->pg, &result, &err,
		"SELECT id FROM run WHERE state IN ('Sync In Progress', 'Paused', 'Synced', "
		"'Aborted') AND open_stage > 0 "
		"ORDER BY created_at DESC LIMIT 100");
	size_t rows = rc ? 0 : osy_pg_rows(result);

	for (size_t i = 0; i < rows && !rc; i++) {
		char id[64], topic[256];
		unsigned partitions = 0;
		snprintf(id, sizeof(id), "%.*s", (int)osy_pg_str(result, i, 0).len,
			osy_pg_str(result, i, 0).p);
		osy_run_topic(call->context->settings->kafka_prefix, id, topic, sizeof(topic));
		rc = osy_kafka_topic_partitions(call->context->kafka, topic, &partitions, &err);
		missing += !rc && !partitions;
	}
	snprintf(detail, sizeof(detail), "%zu run topics, %u missing", rows, missing);
	check(w, "topics", !rc && !missing, rc ? err.msg : detail,
		"a run whose topic is gone cannot be replayed; delete it");
}

static void check_org(struct osy_call *call, struct osy_json_writer *w, const char *name)
{
	const struct osy_settings *settings = call->context->settings;
	struct osy_err err = OSY_ERR_NONE;
	struct osy_http *http = osy_http_new(1);
	struct osy_org *org = NULL;
	struct osy_org_identity identity = {.org_id = ""};
	char what[128], detail[256] = "", advice[256];
	enum osy_code rc = osy_org_store_open(
		call->pg, &settings->secret_key, name, http, settings->allow_http_orgs, &org, &err);

	if (!rc)
		rc = osy_org_identify(org, &identity, &err);
	osy_org_free(org);
	osy_http_free(http);
	snprintf(what, sizeof(what), "org %s", name);
	snprintf(detail, sizeof(detail), "%s, %s%s", identity.org_id, identity.organization_type,
		identity.is_sandbox ? ", sandbox" : "");
	snprintf(advice, sizeof(advice),
		"check its address and credentials; `orgsync org add %s ...` replaces them", name);
	check(w, what, !rc, rc ? err.msg : detail, advice);
}

static enum osy_code doctor(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);

	osy_api_items(&w);
	check_kafka(call, &w);
	check_redis(call, &w);
	check_postgres(call, &w);
	check_topics(call, &w);
	check_processes(call, &w, "coordinator");
	check_processes(call, &w, "worker");
	enum osy_code rc = osy_pg_do(call->pg, &result, err,
		"SELECT name FROM org WHERE disconnected_at IS NULL ORDER BY name LIMIT 50");
	for (size_t i = 0; !rc && i < osy_pg_rows(result); i++) {
		struct osy_str text = osy_pg_str(result, i, 0);
		OSY_AUTO_FREE char *name = osy_xstrndup(text.p, text.len);
		check_org(call, &w, name);
	}
	osy_api_items_end(&w, NULL);
	return rc;
}

/* ---- Audit ---- */
static enum osy_code audit(struct osy_call *call, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	struct osy_json_writer w = osy_json_writer(&call->out);
	int64_t limit = 0, before = INT64_MAX;
	char next[32] = "";
	enum osy_code rc = osy_call_page(call, &limit, &before, err);

	if (!rc)
		rc = osy_pg_do(call->pg, &result, err,
			"SELECT id, at, token, action, subject FROM audit WHERE id < $1 ORDER BY "
			"id DESC LIMIT $2",
			OSY_PG_I64(before), OSY_PG_I64(limit + 1));
	if (rc)
		return rc;
	size_t rows = osy_pg_rows(result);
	osy_api_items(&w);
	for (size_t i = 0; i < rows && i < (size_t)limit; i++) {
		osy_jw_object(&w);
		osy_api_put_int(&w, "id", result, i, 0);
		osy_api_put_time(&w, "at", result, i, 1);
		osy_api_put_text(&w, "token", result, i, 2);
		osy_api_put_text(&w, "action", result, i, 3);
		osy_api_put_text(&w, "subject", result, i, 4);
		osy_jw_object_end(&w);
		snprintf(next, sizeof(next), "%lld", (long long)osy_pg_i64(result, i, 0, 0));
	}
	osy_api_items_end(&w, rows > (size_t)limit ? next : NULL);
	return OSY_OK;
}

const struct osy_route osy_routes_admin[] = {
	{"GET", "/idmap", OSY_ROLE_VIEWER, idmap_get},
	{"POST", "/idmap/rebuild", OSY_RIGHT_IDMAP, idmap_rebuild},
	{"GET", "/doctor", OSY_ROLE_VIEWER, doctor},
	{"GET", "/audit", OSY_ROLE_ADMIN, audit},
	{NULL, NULL, OSY_ROLE_NONE, NULL},
};
