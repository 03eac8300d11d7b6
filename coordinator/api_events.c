/* Server-sent events of a run: the run at each change and each second, each new failure, the end.
 */
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>

#include "api.h"
#include "osy/clock.h"
#include "osy/mem.h"
#include "osy/names.h"

#define LOOK_MS 200
#define AT_LEAST_MS 1000
#define FAILURES_A_LOOK 500
#define GAP_MS 2000

struct osy_events {
	struct osy_pg *pg;
	char *run;
	int64_t seq;	    /* last failure that was sent */
	struct osy_buf out; /* not sent yet, from at on */
	size_t at;
	uint64_t last_hash; /* of the run as it was sent */
	int64_t sent_at;
	bool ended;
};

static void events_free(void *arg)
{
	struct osy_events *events = arg;

	osy_pg_free(events->pg);
	osy_buf_done(&events->out);
	free(events->run);
	free(events);
}

static void add_failure(struct osy_events *events, const struct osy_pg_result *result, size_t row)
{
	static const char *const keys[] = {
		"sourceId", "targetId", "object", "kind", "code", "message", "fields"};
	struct osy_json_writer w = osy_json_writer(&events->out);

	osy_buf_addf(&events->out, "event: failure\nid: %lld\ndata: ", (long long)events->seq);
	osy_jw_object(&w);
	for (int k = 0; k < (int)OSY_COUNT(keys); k++)
		osy_api_put_text(&w, keys[k], result, row, k);
	osy_api_put_time(&w, "at", result, row, 8);
	osy_jw_object_end(&w);
	osy_buf_addz(&events->out, "\n\n");
}

/*
 * Failures get their numbers before they are committed: behind a gap, which may be one that is
 * still to come, only those are sent that are old enough. *ret_more: some are left.
 */
static enum osy_code add_failures(struct osy_events *events, bool *ret_more, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(events->pg, &result, err,
		"SELECT f.source_id, f.target_id, o.name, f.kind, f.code, f.message, f.fields, "
		"f.seq, f.at, (extract(epoch FROM clock_timestamp() - f.at) * 1000)::bigint FROM "
		"failure f JOIN run_object o ON o.run = f.run AND o.object = f.object WHERE f.run "
		"= $1 AND f.seq > $2 ORDER BY f.seq LIMIT $3",
		OSY_PG_Z(events->run), OSY_PG_I64(events->seq), OSY_PG_I64(FAILURES_A_LOOK));

	*ret_more = !rc && osy_pg_rows(result) == FAILURES_A_LOOK;
	for (size_t i = 0; !rc && i < osy_pg_rows(result); i++) {
		int64_t seq = osy_pg_i64(result, i, 7, 0);
		if (seq != events->seq + 1 && osy_pg_i64(result, i, 9, 0) < GAP_MS) {
			*ret_more = true;
			break;
		}
		events->seq = seq;
		add_failure(events, result, i);
	}
	return rc;
}

/* States that move by themselves. */
static enum osy_code is_moving(struct osy_events *events, bool *ret, struct osy_err *err)
{
	OSY_AUTO(osy_pg_result_free_at) struct osy_pg_result *result = NULL;
	enum osy_code rc = osy_pg_do(events->pg, &result, err,
		"SELECT state IN ('Scan In Progress', 'Sync In Progress', 'Paused', 'Rollback', "
		"'Rollback Started') OR wanted IS NOT NULL FROM run WHERE id = $1",
		OSY_PG_Z(events->run));

	if (!rc)
		*ret = osy_pg_rows(result) && osy_pg_i64(result, 0, 0, 0) != 0;
	return rc;
}

static enum osy_code look(struct osy_events *events, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf run = OSY_BUF(16u * 1024 * 1024);
	bool moving = true, more = false;
	/* First whether it moves, then the run: so that the last state is sent before the end. */
	enum osy_code rc = is_moving(events, &moving, err);

	if (!rc)
		rc = osy_api_write_run(events->pg, events->run, true, &run, err);
	if (!rc)
		rc = add_failures(events, &more, err);
	if (rc)
		return rc;
	uint64_t hash = osy_hash(run.p, run.len, 0);
	if (hash != events->last_hash && (!moving || osy_mono_ms() - events->sent_at >= LOOK_MS)) {
		events->last_hash = hash;
		events->sent_at = osy_mono_ms();
		osy_buf_addf(&events->out, "event: run\ndata: %s\n\n", run.p);
	}
	if (!moving && !more) {
		osy_buf_addz(&events->out, "event: end\ndata: {}\n\n");
		events->ended = true;
	}
	return OSY_OK;
}

static void fill(struct osy_events *events)
{
	struct osy_err err = OSY_ERR_NONE;
	enum osy_code rc = look(events, &err);

	if (rc == OSY_E_NOT_FOUND) {
		osy_buf_addz(&events->out, "event: end\ndata: {}\n\n");
		events->ended = true;
	} else if (!events->out.len && osy_mono_ms() - events->sent_at >= AT_LEAST_MS) {
		/* A comment keeps the connection alive, and tells us when nobody listens any more.
		 */
		events->sent_at = osy_mono_ms();
		osy_buf_addz(&events->out, ": \n\n");
	}
}

static ssize_t events_read(void *arg, uint64_t position, char *out, size_t max)
{
	struct osy_events *events = arg;

	(void)position;
	if (events->at == events->out.len) {
		osy_buf_reset(&events->out);
		events->at = 0;
		if (events->ended)
			return MHD_CONTENT_READER_END_OF_STREAM;
		fill(events);
		if (!events->out.len) {
			poll(NULL, 0, LOOK_MS);
			return 0;
		}
	}
	size_t n = events->out.len - events->at < max ? events->out.len - events->at : max;
	memcpy(out, events->out.p + events->at, n);
	events->at += n;
	return (ssize_t)n;
}

void osy_events_begin(struct osy_call *call, int64_t last_seq)
{
	struct osy_events *events = osy_xcalloc(1, sizeof(*events));

	events->pg = osy_pg_new(call->context->settings->postgres_url, "orgsync-events", 10000);
	events->run = osy_xstrdup(call->params[0]);
	events->seq = last_seq;
	events->out = OSY_BUF(64u * 1024 * 1024);
	call->type = "text/event-stream";
	call->read = events_read;
	call->done = events_free;
	call->stream = events;
}
