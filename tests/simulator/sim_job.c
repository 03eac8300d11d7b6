/* What query and ingest jobs share. */
#include "sim_job.h"

#include <stdlib.h>

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
	j->users = 1;
	pthread_mutex_lock(&req->org->side);
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

static void sim_job_free(struct sim_job *j)
{
	for (size_t i = 0; i < j->nrec; i++)
		sim_rec_unref(j->rec[i]);
	free(j->rec);
	free(j->csv);
	sim_arena_done(&j->arena);
	free(j);
}

struct sim_job *sim_job_take(struct sim_req *req, struct sim_resp *resp, bool ingest)
{
	struct sim_job *j;

	pthread_mutex_lock(&req->org->side);
	for (j = req->org->jobs; j; j = j->next)
		if (j->ingest == ingest && req->part[0].len >= 15 &&
			!memcmp(j->id, req->part[0].p, 15)) {
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
	if (!j->ingest && !strcmp(j->state, "UploadComplete"))
		return sim_now_ms() < j->ready_ms ? "InProgress" : "JobComplete";
	return j->state;
}

static const struct {
	const char *name;
	char c;
} sim_delimiters[] = {{"COMMA", ','}, {"TAB", '\t'}, {"SEMICOLON", ';'}, {"PIPE", '|'},
	{"CARET", '^'}, {"BACKQUOTE", '`'}};

bool sim_job_options(
	struct sim_req *req, struct sim_resp *resp, struct sim_job *j, const struct sim_json *doc)
{
	struct sim_str delimiter = sim_json_str(doc, "columnDelimiter"),
		       ending = sim_json_str(doc, "lineEnding");
	bool known = !delimiter.len;

	(void)req;
	for (size_t i = 0; i < SIM_COUNT(sim_delimiters); i++)
		if (sim_eq(delimiter, sim_cstr(sim_delimiters[i].name))) {
			j->delimiter = sim_delimiters[i].c;
			known = true;
		}
	if (ending.len && !sim_eq(ending, SIM_S("LF")) && !sim_eq(ending, SIM_S("CRLF")))
		known = false;
	j->crlf = sim_eq(ending, SIM_S("CRLF"));
	if (!known)
		sim_resp_error(
			resp, 400, "JSON_PARSER_ERROR", "Unknown columnDelimiter or lineEnding");
	return known;
}

static const char *sim_delimiter_name(char c)
{
	for (size_t i = 0; i < SIM_COUNT(sim_delimiters); i++)
		if (sim_delimiters[i].c == c)
			return sim_delimiters[i].name;
	return "COMMA";
}

void sim_job_json(struct sim_req *req, struct sim_buf *b, const struct sim_job *j, bool full)
{
	const char *state = sim_job_state(j);
	bool done = !strcmp(state, "JobComplete") || !strcmp(state, "Failed");
	char user[19];

	sim_id_text(req->org, j->user, user);
	sim_buf_fmt(b, "{\"id\":\"%s\",\"operation\":\"%s\",\"object\":", j->id, j->operation);
	sim_buf_jstr(b, j->object);
	sim_buf_fmt(b, ",\"createdById\":\"%s\",\"createdDate\":\"", user);
	sim_buf_datetime(b, j->created_ms);
	sim_buf_str(b, "\",\"systemModstamp\":\"");
	sim_buf_datetime(b, j->done_ms ? j->done_ms : j->created_ms);
	sim_buf_fmt(b,
		"\",\"state\":\"%s\",\"concurrencyMode\":\"Parallel\",\"contentType\":\"CSV\","
		"\"apiVersion\":%s",
		state, j->version + 1);
	if (j->ext_field)
		sim_buf_fmt(b, ",\"externalIdFieldName\":\"%s\"", j->ext_field);
	if (j->ingest && !strcmp(state, "Open"))
		sim_buf_fmt(b, ",\"contentUrl\":\"services/data/%s/jobs/ingest/%s/batches\"",
			j->version, j->id);
	sim_buf_fmt(b, ",\"lineEnding\":\"%s\",\"columnDelimiter\":\"%s\"", j->crlf ? "CRLF" : "LF",
		sim_delimiter_name(j->delimiter));
	if (full) {
		sim_buf_fmt(b,
			",\"jobType\":\"%s\",\"numberRecordsProcessed\":%zu,\"retries\":0,"
			"\"totalProcessingTime\":%lld",
			j->ingest ? "V2Ingest" : "V2Query",
			j->ingest ? j->processed
			: done	  ? j->nrec
				  : 0,
			(long long)(j->done_ms ? j->done_ms - j->created_ms : 0));
		if (j->ingest)
			sim_buf_fmt(b,
				",\"numberRecordsFailed\":%zu,\"apiActiveProcessingTime\":1,"
				"\"apexProcessingTime\":0",
				j->failed);
		else
			sim_buf_str(b, ",\"isPkChunkingSupported\":true");
		if (j->error) {
			sim_buf_str(b, ",\"errorMessage\":");
			sim_buf_jstr(b, j->error);
		}
	}
	sim_buf_ch(b, '}');
}

void sim_job_list(struct sim_req *req, struct sim_resp *resp, bool ingest)
{
	bool first = true;

	sim_buf_str(&resp->body, "{\"done\":true,\"records\":[");
	pthread_mutex_lock(&req->org->side);
	for (const struct sim_job *j = req->org->jobs; j; j = j->next) {
		if (j->ingest != ingest)
			continue;
		if (!first)
			sim_buf_ch(&resp->body, ',');
		first = false;
		sim_job_json(req, &resp->body, j, true);
	}
	pthread_mutex_unlock(&req->org->side);
	sim_buf_str(&resp->body, "],\"nextRecordsUrl\":null}");
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
