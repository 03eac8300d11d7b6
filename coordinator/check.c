#include "check_internal.h"
#include "drive.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/budget.h"
#include "osy/clock.h"
#include "osy/log.h"
#include "osy/org_store.h"
#include "related.h"

#define FINDINGS_MAX 10000
#define TEXT_BYTES (64u * 1024)
/* Of each org, besides the describes: lists, and the workflow rules one by one. */
#define CALLS_BESIDE 40
#define BUDGET_MS 120000
#define CONNECTIONS 16

void osy_check_init(struct osy_check *check, const struct osy_template *template,
	const char *source_org, const char *target_org)
{
	size_t count = template->object_count;

	*check = (struct osy_check){.template = template, .orgs = {source_org, target_org}};
	osy_arena_init(&check->arena, 64u * 1024);
	check->types = osy_arena_calloc(&check->arena, count + 1, sizeof(*check->types));
	for (int side = 0; side < OSY_CHECK_SIDES; side++) {
		check->describes[side] =
			osy_arena_calloc(&check->arena, count + 1, sizeof(*check->describes[side]));
		check->nearest[side] =
			osy_arena_calloc(&check->arena, count + 1, sizeof(*check->nearest[side]));
	}
}

static void free_values(struct osy_check_types *types, int side)
{
	for (size_t i = 0; i < types->count; i++)
		osy_json_free(types->items[i].values[side]);
}

void osy_check_done(struct osy_check *check)
{
	for (int side = 0; side < OSY_CHECK_SIDES; side++) {
		for (size_t i = 0; i < check->template->object_count; i++)
			osy_sf_object_free(check->describes[side][i]);
		free(check->rules[side].items);
		for (size_t i = 0; i < check->template->object_count; i++)
			free_values(&check->types[i], side);
	}
	free(check->findings);
	osy_arena_done(&check->arena);
}

struct osy_rule *osy_check_rule(struct osy_check *check, int side)
{
	struct osy_rules *rules = &check->rules[side];

	if (rules->count == rules->cap) {
		rules->cap = rules->cap ? rules->cap * 2 : 64;
		rules->items = osy_xrealloc(rules->items, rules->cap * sizeof(*rules->items));
	}
	rules->items[rules->count] = (struct osy_rule){.kind = "", .object = "", .name = ""};
	return &rules->items[rules->count++];
}

/* ---- Findings ---- */
static const char *copy(struct osy_check *check, const char *text)
{
	return text && *text ? osy_arena_strndup(&check->arena, text, strlen(text)) : "";
}

void osy_check_add(struct osy_check *check, bool blocks, const struct osy_check_at *at,
	const char *todo, const char *format, ...)
{
	OSY_AUTO(osy_buf_done) struct osy_buf what = OSY_BUF(TEXT_BYTES);
	bool whole = at->place >= check->template->object_count;
	va_list args;

	if (check->count == FINDINGS_MAX)
		return;
	if (check->count == check->cap) {
		check->cap = check->cap ? check->cap * 2 : 64;
		check->findings =
			osy_xrealloc(check->findings, check->cap * sizeof(*check->findings));
	}
	va_start(args, format);
	osy_buf_vaddf(&what, format, args);
	va_end(args);
	check->findings[check->count++] = (struct osy_finding){.blocks = blocks,
		.kind = at->kind,
		.org = check->orgs[at->side],
		.object = whole ? "" : check->template->objects[at->place].name,
		.field = copy(check, at->field),
		.name = copy(check, at->name),
		.what = copy(check, what.p),
		.todo = copy(check, todo),
		.place = at->place};
}

size_t osy_check_blocking(const struct osy_check *check)
{
	size_t count = 0;

	for (size_t i = 0; i < check->count; i++)
		count += check->findings[i].blocks;
	return count;
}

static int rank_of(const char *kind)
{
	static const char *const kinds[] = {
#define X(name) name,
		OSY_CHECK_KINDS(X)
#undef X
	};
	int i = 0;

	while (i < (int)OSY_COUNT(kinds) && strcmp(kinds[i], kind) != 0)
		i++;
	return i;
}

/* What blocks first; then by object, kind, field. */
static int compare(const void *a, const void *b)
{
	const struct osy_finding *one = a, *other = b;
	int ranks[2] = {rank_of(one->kind), rank_of(other->kind)};

	if (one->blocks != other->blocks)
		return one->blocks ? -1 : 1;
	if (one->place != other->place)
		return one->place < other->place ? -1 : 1;
	if (ranks[0] != ranks[1])
		return ranks[0] - ranks[1];
	int by = strcmp(one->field, other->field);
	by = by ? by : strcmp(one->name, other->name);
	return by ? by : strcmp(one->what, other->what);
}

/* ---- The report ---- */
static void write_finding(struct osy_json_writer *w, const struct osy_finding *finding)
{
	osy_jw_object(w);
	osy_jw_put_str(w, "severity", osy_str(finding->blocks ? "blocking" : "warning"));
	osy_jw_put_str(w, "kind", osy_str(finding->kind));
	osy_jw_put_str(w, "org", osy_str(finding->org));
	osy_jw_put_str(w, "object", osy_str(finding->object));
	osy_jw_put_str(w, "field", osy_str(finding->field));
	osy_jw_put_str(w, "name", osy_str(finding->name));
	osy_jw_put_str(w, "what", osy_str(finding->what));
	osy_jw_put_str(w, "todo", osy_str(finding->todo));
	osy_jw_object_end(w);
}

static void write_report(struct osy_check *check, const char *run, int64_t calls[OSY_CHECK_SIDES],
	struct osy_buf *out)
{
	struct osy_json_writer w = osy_json_writer(out);
	size_t blocking = osy_check_blocking(check);
	char now[32];

	if (check->count)
		qsort(check->findings, check->count, sizeof(*check->findings), compare);
	osy_wall_text(osy_wall_ms(), now);
	osy_jw_object(&w);
	osy_jw_put_str(&w, "run", osy_str(run));
	osy_jw_put_str(&w, "checkedAt", osy_str(now));
	osy_jw_put_i64(&w, "blocking", (int64_t)blocking);
	osy_jw_put_i64(&w, "warnings", (int64_t)(check->count - blocking));
	osy_jw_put_bool(&w, "cut", check->count == FINDINGS_MAX);
	osy_jw_put_i64(&w, "sourceCalls", calls[OSY_CHECK_SOURCE]);
	osy_jw_put_i64(&w, "targetCalls", calls[OSY_CHECK_TARGET]);
	osy_jw_key(&w, "findings");
	osy_jw_array(&w);
	for (size_t i = 0; i < check->count; i++)
		write_finding(&w, &check->findings[i]);
	osy_jw_array_end(&w);
	osy_jw_object_end(&w);
}

/* ---- The orgs' budgets ---- */
struct purse {
	struct osy_redis *redis;
	struct osy_budget *budget;
};

static enum osy_code take_calls(struct purse *purse, const char *org, const char *org_id,
	int reserve_percent, unsigned calls, struct osy_err *err)
{
	struct osy_budget_org *budget = osy_budget_org(purse->budget, org_id, reserve_percent);
	struct osy_budget_usage usage;
	bool taken = false;
	enum osy_code rc = osy_budget_take(budget, calls, BUDGET_MS, &taken, err);

	if (rc || taken)
		return rc;
	osy_budget_usage(budget, &usage);
	return osy_fail(err, OSY_E_STATE,
		"org '%s' has used %lld of today's %lld API calls, and %lld are kept in reserve; "
		"the check takes about %u: check again when there are more",
		org, (long long)usage.used, (long long)usage.max, (long long)usage.reserve, calls);
}

static void purse_open(struct purse *purse, const struct osy_settings *settings)
{
	char owner[40];

	osy_new_id("check-", owner, sizeof(owner));
	purse->redis = osy_redis_new(settings->redis_url);
	purse->budget = osy_budget_new(purse->redis, settings->kafka_prefix, owner);
}

static void purse_close(struct purse *purse)
{
	osy_budget_free(purse->budget);
	osy_redis_free(purse->redis);
}

/* ---- The whole ---- */
struct subject {
	char *names[OSY_CHECK_SIDES];
	char ids[OSY_CHECK_SIDES][19];
	struct osy_template *template;
};

static void subject_done(struct subject *subject)
{
	free(subject->names[0]);
	free(subject->names[1]);
	osy_template_free(subject->template);
}

/* Calls to either org, within its budget; an org that was never reached has none yet. */
static enum osy_code pay(
	struct purse *purse, const struct subject *subject, unsigned calls, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	for (int side = 0; !rc && calls && side < OSY_CHECK_SIDES; side++) {
		if (subject->ids[side][0])
			rc = take_calls(purse, subject->names[side], subject->ids[side],
				subject->template->api_reserve_percent, calls, err);
	}
	return rc;
}

static enum osy_code load(
	struct osy_pg *pg, const char *run, struct subject *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *row = NULL;
	enum osy_code rc = osy_pg_do(pg, &row, err,
		"SELECT r.doc, r.source, r.target, coalesce(s.org_id, ''), coalesce(t.org_id, '') "
		"FROM run r JOIN org s ON s.name = r.source JOIN org t ON t.name = r.target WHERE "
		"r.id = $1",
		OSY_PG_Z(run));

	if (rc)
		return rc;
	if (!osy_pg_rows(row))
		return osy_no_such_run(run, err);
	for (int side = 0; side < OSY_CHECK_SIDES; side++) {
		struct osy_str name = osy_pg_str(row, 0, 1 + side);
		struct osy_str id = osy_pg_str(row, 0, 3 + side);
		ret->names[side] = osy_xstrndup(name.p, name.len);
		(void)snprintf(ret->ids[side], sizeof(ret->ids[side]), "%.*s", (int)id.len, id.p);
	}
	return osy_template_read(osy_pg_str(row, 0, 0), &ret->template, err);
}

static enum osy_code open_orgs(struct osy_pg *pg, const struct osy_settings *settings,
	const struct subject *subject, struct osy_http *http, struct osy_org *orgs[OSY_CHECK_SIDES],
	struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	for (int side = 0; !rc && side < OSY_CHECK_SIDES; side++)
		rc = osy_org_store_open(pg, &settings->secret_key, subject->names[side], http,
			settings->allow_http_orgs, &orgs[side], err);
	return rc;
}

static enum osy_code keep(struct osy_pg *pg, struct osy_check *check, const char *run,
	struct osy_org *const orgs[OSY_CHECK_SIDES], struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf report = OSY_BUF(64u * 1024 * 1024);
	int64_t calls[OSY_CHECK_SIDES];

	for (int side = 0; side < OSY_CHECK_SIDES; side++)
		calls[side] = (int64_t)osy_org_calls(orgs[side]);
	write_report(check, run, calls, &report);
	return osy_pg_do(pg, NULL, err,
		"UPDATE run SET findings = $2, source_calls = source_calls + $3, target_calls = "
		"target_calls + $4 WHERE id = $1",
		OSY_PG_Z(run), OSY_PG_TEXT(osy_buf_str(&report)),
		OSY_PG_I64(calls[OSY_CHECK_SOURCE]), OSY_PG_I64(calls[OSY_CHECK_TARGET]));
}

/* Children join the template, and what there is to say of them the findings. */
static enum osy_code find_related(const struct subject *subject, struct osy_http *http,
	struct osy_org *const orgs[OSY_CHECK_SIDES], struct osy_check *check, struct osy_err *err)
{
	OSY_AUTO(osy_related_done) struct osy_related related = {0};
	enum osy_code rc = osy_related_ask(subject->template, http, orgs[OSY_CHECK_SOURCE],
		orgs[OSY_CHECK_TARGET], &related, err);

	osy_check_init(check, subject->template, subject->names[0], subject->names[1]);
	for (size_t i = 0; related.sources && i < subject->template->object_count; i++)
		check->describes[OSY_CHECK_SOURCE][i] = related.sources[i];
	for (size_t i = 0; !rc && i < related.note_count; i++) {
		const struct osy_related_note *note = &related.notes[i];
		const char *cut = strrchr(note->text, ';');
		size_t len = cut ? (size_t)(cut - note->text) : strlen(note->text);
		osy_check_add(check, note->refuses,
			&(struct osy_check_at){
				.kind = "lookup", .side = OSY_CHECK_SOURCE, .place = note->place},
			cut ? cut + 2 : "", "%.*s", (int)len, note->text);
	}
	return rc;
}

static enum osy_code check_orgs(struct osy_pg *pg, const struct osy_settings *settings,
	const struct subject *subject, struct purse *purse, const char *run, struct osy_err *err)
{
	struct osy_http *http = osy_http_new(CONNECTIONS);
	struct osy_org *orgs[OSY_CHECK_SIDES] = {NULL};
	size_t listed = subject->template->object_count;
	struct osy_check check = {0};
	enum osy_code rc = open_orgs(pg, settings, subject, http, orgs, err);

	if (!rc)
		rc = find_related(subject, http, orgs, &check, err);
	if (!rc && subject->template->object_count > listed)
		rc = pay(purse, subject,
			2 * (unsigned)(subject->template->object_count - listed) + CALLS_BESIDE,
			err);
	if (!rc)
		rc = osy_check_ask(&check, http, orgs, err);
	if (!rc)
		rc = check_currency(&check, orgs, err);
	if (!rc)
		rc = check_fallback(&check, orgs[OSY_CHECK_TARGET], err);
	if (!rc)
		rc = pay(purse, subject, check_types_plan(&check), err);
	if (!rc)
		rc = check_types_ask(&check, http, orgs, err);
	if (!rc) {
		osy_check_metadata(&check);
		osy_check_automation(&check);
		rc = keep(pg, &check, run, orgs, err);
	}
	if (!rc)
		osy_log(OSY_INFO, "run.checked", OSY_KV("run", run),
			OSY_KV_INT("findings", check.count),
			OSY_KV_INT("blocking", osy_check_blocking(&check)));
	if (check.template)
		osy_check_done(&check);
	for (int side = 0; side < OSY_CHECK_SIDES; side++)
		osy_org_free(orgs[side]);
	osy_http_free(http);
	return rc;
}

enum osy_code osy_check_run(struct osy_pg *pg, const struct osy_settings *settings, const char *run,
	struct osy_err *err)
{
	OSY_AUTO(subject_done) struct subject subject = {.names = {NULL}};
	struct purse purse;
	enum osy_code rc = load(pg, run, &subject, err);

	if (rc)
		return rc;
	purse_open(&purse, settings);
	/* describes; and of currencies that differ a question each */
	rc = pay(
		&purse, &subject, 2 * (unsigned)subject.template->object_count + CALLS_BESIDE, err);
	if (!rc)
		rc = check_orgs(pg, settings, &subject, &purse, run, err);
	purse_close(&purse);
	return rc;
}
