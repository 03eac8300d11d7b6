/* What query and ingest jobs share. */
#include "sim_job.h"

#include <stdlib.h>
#include <sys/mman.h>

static bool sim_job_expired(const struct sim_job *j)
{
	return j->done_ms && sim_now_ms() - j->done_ms > j->org->set.bulk_keep_s * 1000;
}

static void sim_job_free(struct sim_job *j)
{
	for (size_t i = 0; i < j->nrec; i++)
		sim_rec_unref(j->rec[i]);
	free(j->rec);
	free(j->row);
	if (j->mapped)
		munmap(j->csv, j->csv_len);
	else
		free(j->csv);
	sim_arena_done(&j->arena);
	free(j);
}

/* an org keeps jobs for some days; under `side` */
static void sim_job_purge(struct sim_org *org)
{
	for (struct sim_job **at = &org->jobs; *at;) {
		struct sim_job *j = *at;

		if (j->users || !sim_job_expired(j)) {
			at = &j->next;
			continue;
		}
		*at = j->next;
		sim_job_free(j);
	}
}

struct sim_job *sim_job_new(struct sim_req *req, bool ingest)
{
	struct sim_job *j = sim_zalloc(sizeof(*j));
	static const char abc[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	uint64_t n;

	j->ingest = ingest;
	j->org = req->org;
	j->user = req->user;
	j->version = sim_arena_dup(&j->arena, sim_cstr(req->version)).p;
	j->created_ms = sim_now_ms();
	j->ready_ms = j->created_ms + req->org->set.bulk_delay_ms;
	j->state = ingest ? "Open" : "UploadComplete";
	j->delimiter = ',';
	j->fail_after = j->hold_after = -1;
	j->users = 1;
	pthread_mutex_lock(&req->org->side);
	sim_job_purge(req->org);
	n = ++req->org->job_no;
	memcpy(j->id, "750", 3);
	memcpy(j->id + 3, req->org->pod, 2);
	for (int i = 14; i >= 5; i--, n /= 62)
		j->id[i] = abc[n % 62];
	sim_id_check(j->id);
	j->next = req->org->jobs;
	req->org->jobs = j;
	pthread_mutex_unlock(&req->org->side);
	return j;
}

struct sim_job *sim_job_take(struct sim_req *req, struct sim_resp *resp, bool ingest)
{
	struct sim_str id = req->part[0];
	struct sim_job *j;

	pthread_mutex_lock(&req->org->side);
	for (j = req->org->jobs; j; j = j->next)
		if (j->ingest == ingest && (id.len == 15 || id.len == 18) &&
			!memcmp(j->id, id.p, id.len) && !sim_job_expired(j)) {
			j->users++;
			break;
		}
	pthread_mutex_unlock(&req->org->side);
	if (!j)
		sim_resp_error(resp, 404, "NOT_FOUND", "The requested resource does not exist");
	return j;
}

void sim_job_release(struct sim_org *org, struct sim_job *j)
{
	bool last;

	pthread_mutex_lock(&org->side);
	last = !--j->users && j->gone;
	pthread_mutex_unlock(&org->side);
	if (last)
		sim_job_free(j);
}

void sim_job_remove(struct sim_org *org, struct sim_job *j)
{
	struct sim_job **at;

	pthread_mutex_lock(&org->side);
	for (at = &org->jobs; *at && *at != j; at = &(*at)->next)
		;
	if (*at)
		*at = j->next;
	j->gone = true;
	pthread_mutex_unlock(&org->side);
}

const char *sim_job_state(const struct sim_job *j)
{
	int64_t now = sim_now_ms();

	if (j->ingest || strcmp(j->state, "UploadComplete") != 0 || now < j->ready_ms)
		return j->state;
	return now < j->done_ms ? "InProgress" : "JobComplete";
}

bool sim_job_is(const struct sim_job *j, const char *state)
{
	return !strcmp(sim_job_state(j), state);
}

bool sim_job_over(const struct sim_job *j)
{
	return sim_job_is(j, "JobComplete") || sim_job_is(j, "Failed") || sim_job_is(j, "Aborted");
}

bool sim_job_move(struct sim_job *j, const char *from, const char *to)
{
	bool ok;

	pthread_mutex_lock(&j->org->side);
	ok = sim_job_is(j, from);
	if (ok)
		j->state = to;
	pthread_mutex_unlock(&j->org->side);
	return ok;
}

bool sim_job_quota(_Atomic int64_t *left)
{
	if (atomic_fetch_sub(left, 1) > 0)
		return true;
	atomic_fetch_add(left, 1);
	return false;
}

static const struct {
	const char *name;
	char c;
} sim_delimiters[] = {{"COMMA", ','}, {"TAB", '\t'}, {"SEMICOLON", ';'}, {"PIPE", '|'},
	{"CARET", '^'}, {"BACKQUOTE", '`'}};

bool sim_job_options(struct sim_resp *resp, struct sim_job *j, const struct sim_json *doc)
{
	struct sim_str delimiter = sim_json_str(doc, "columnDelimiter"),
		       ending = sim_json_str(doc, "lineEnding"),
		       content = sim_json_str(doc, "contentType");
	bool known = !delimiter.len;

	for (size_t i = 0; i < SIM_COUNT(sim_delimiters); i++)
		if (sim_eq(delimiter, sim_cstr(sim_delimiters[i].name))) {
			j->delimiter = sim_delimiters[i].c;
			known = true;
		}
	if ((ending.len && !sim_eq(ending, SIM_S("LF")) && !sim_eq(ending, SIM_S("CRLF"))) ||
		(content.len && !sim_eq(content, SIM_S("CSV"))))
		known = false;
	j->crlf = sim_eq(ending, SIM_S("CRLF"));
	if (!known)
		sim_resp_error(resp, 400, "JSON_PARSER_ERROR",
			"Unknown columnDelimiter, lineEnding or contentType");
	return known;
}

static const char *sim_delimiter_name(char c)
{
	for (size_t i = 0; i < SIM_COUNT(sim_delimiters); i++)
		if (sim_delimiters[i].c == c)
			return sim_delimiters[i].name;
	return "COMMA";
}

static void sim_job_counts(struct sim_buf *b, const struct sim_job *j)
{
	bool done = sim_job_over(j);
	int64_t took = done && j->done_ms ? j->done_ms - j->created_ms : 0;

	sim_buf_fmt(b,
		",\"jobType\":\"%s\",\"numberRecordsProcessed\":%zu,\"retries\":0,"
		"\"totalProcessingTime\":%lld",
		j->ingest ? "V2Ingest" : "V2Query",
		j->ingest ? j->processed
		: done	  ? j->nrec
			  : 0,
		(long long)took);
	if (j->ingest)
		sim_buf_fmt(b,
			",\"numberRecordsFailed\":%zu,\"apiActiveProcessingTime\":%lld,"
			"\"apexProcessingTime\":0",
			j->failed, (long long)took);
	else
		sim_buf_str(b, ",\"isPkChunkingSupported\":true");
	if (done && j->error) {
		sim_buf_str(b, ",\"errorMessage\":");
		sim_buf_jstr(b, j->error);
	}
}

void sim_job_json(
	struct sim_req *req, struct sim_buf *b, const struct sim_job *j, const char *state)
{
	const char *now = state ? state : sim_job_state(j);
	char user[19];

	sim_id_text(req->org, j->user, user);
	sim_buf_fmt(b, "{\"id\":\"%s\",\"operation\":\"%s\",\"object\":", j->id, j->operation);
	sim_buf_jstr(b, j->object);
	sim_buf_fmt(b, ",\"createdById\":\"%s\",\"createdDate\":\"", user);
	sim_buf_datetime(b, j->created_ms);
	sim_buf_str(b, "\",\"systemModstamp\":\"");
	sim_buf_datetime(b, sim_job_over(j) && j->done_ms ? j->done_ms : j->created_ms);
	sim_buf_fmt(b,
		"\",\"state\":\"%s\",\"concurrencyMode\":\"Parallel\",\"contentType\":\"CSV\","
		"\"apiVersion\":%s",
		now, j->version + 1);
	if (j->ext_field)
		sim_buf_fmt(b, ",\"externalIdFieldName\":\"%s\"", j->ext_field);
	if (j->ingest && !strcmp(now, "Open"))
		sim_buf_fmt(b, ",\"contentUrl\":\"services/data/%s/jobs/ingest/%s/batches\"",
			j->version, j->id);
	sim_buf_fmt(b, ",\"lineEnding\":\"%s\",\"columnDelimiter\":\"%s\"", j->crlf ? "CRLF" : "LF",
		sim_delimiter_name(j->delimiter));
	if (!state)
		sim_job_counts(b, j);
	sim_buf_ch(b, '}');
}

/* a thousand a page, in no order */
void sim_job_list(struct sim_req *req, struct sim_resp *resp, bool ingest)
{
	int64_t skip = 0, seen = 0;

	sim_to_i64(sim_req_arg(req, "queryLocator"), &skip);
	sim_buf_str(&resp->body, "{\"records\":[");
	pthread_mutex_lock(&req->org->side);
	for (const struct sim_job *j = req->org->jobs; j; j = j->next) {
		if (j->ingest != ingest || sim_job_expired(j) || seen++ < skip ||
			seen > skip + 1000)
			continue;
		if (seen > skip + 1)
			sim_buf_ch(&resp->body, ',');
		sim_job_json(req, &resp->body, j, NULL);
	}
	pthread_mutex_unlock(&req->org->side);
	if (seen > skip + 1000)
		sim_buf_fmt(&resp->body,
			"],\"done\":false,\"nextRecordsUrl\":\"/services/data/%s/jobs/%s?"
			"queryLocator=%lld\"}",
			req->version, ingest ? "ingest" : "query", (long long)skip + 1000);
	else
		sim_buf_str(&resp->body, "],\"done\":true,\"nextRecordsUrl\":null}");
}

void sim_buf_csv(struct sim_buf *b, struct sim_str s)
{
	sim_buf_need(b, s.len + 2);
	b->p[b->len++] = '"';
	while (s.len) {
		const char *q = memchr(s.p, '"', s.len);
		size_t n = q ? (size_t)(q - s.p) + 1 : s.len;

		sim_buf_add(b, s.p, n);
		if (q)
			sim_buf_ch(b, '"');
		s.p += n, s.len -= n;
	}
	sim_buf_ch(b, '"');
}

/* ---- pages of results ---- */

size_t sim_mixed(size_t i, size_t n)
{
	size_t step = (size_t)((double)n * 0.618), a, b, t;

	for (step += !step;; step++) {
		for (a = step, b = n; b; t = a % b, a = b, b = t)
			;
		if (a == 1)
			break;
	}
	return (size_t)(((unsigned __int128)i * step + n / 2) % n);
}

/* "L<at>" or "L<at>N<rows>", veiled: locators are to be handed back, not to be read */
static bool sim_locator(struct sim_str s, size_t *ret_at, size_t *ret_max)
{
	struct sim_str rest = s, head = sim_cut(&rest, 'N');
	int64_t at, n;

	if (head.len < 2 || head.p[0] != 'L')
		return false;
	head.p++, head.len--;
	if (!sim_to_i64(head, &at) || at < 0 || at % 7919)
		return false;
	*ret_at = (size_t)(at / 7919);
	if (rest.len && sim_to_i64(rest, &n) && n > 0)
		*ret_max = (size_t)n;
	return true;
}

bool sim_page_args(struct sim_req *req, size_t *ret_at, size_t *ret_max)
{
	struct sim_str locator = sim_req_arg(req, "locator");
	int64_t n = 0, most = req->org->set.result_rows;

	*ret_at = 0;
	*ret_max = 50000;
	if (sim_to_i64(sim_req_arg(req, "maxRecords"), &n) && n > 0)
		*ret_max = n < 250000 ? (size_t)n : 250000;
	if (most > 0 && *ret_max > (size_t)most)
		*ret_max = (size_t)most;
	return !locator.len || sim_locator(locator, ret_at, ret_max);
}

void sim_page_headers(struct sim_resp *resp, size_t rows, size_t next, bool more)
{
	resp->type = "text/csv;charset=UTF-8";
	sim_resp_header(resp, "Sforce-NumberOfRecords", "%zu", rows);
	if (more)
		sim_resp_header(resp, "Sforce-Locator", "L%zu", next * 7919);
	else
		sim_resp_header(resp, "Sforce-Locator", "null");
}
