/* What the HTTP server answers. */
#include "answer.h"

#include <microhttpd.h>
#include <stdio.h>

#include "osy/mem.h"
#include "osy/metrics.h"

static const struct {
	const char *name, *value;
} fixed_headers[] = {
	{"Cache-Control", "no-store"},
	{"X-Content-Type-Options", "nosniff"},
	{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
};

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status, const char *type,
	struct MHD_Response *response)
{
	for (size_t i = 0; i < OSY_COUNT(fixed_headers); i++)
		MHD_add_response_header(response, fixed_headers[i].name, fixed_headers[i].value);
	MHD_add_response_header(response, "Content-Type", type);
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static void add_disposition(struct MHD_Response *response, const char *filename)
{
	char disposition[256];

	snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"", filename);
	MHD_add_response_header(response, "Content-Disposition", disposition);
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
	const char *filename, struct osy_str text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		text.len, (void *)(uintptr_t)text.p, MHD_RESPMEM_MUST_COPY);
	if (filename)
		add_disposition(response, filename);
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
	return queue(connection, status, type, response);
}

int osy_answer_problem(struct MHD_Connection *connection, const struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(16 * 1024);
	struct osy_json_writer w = osy_json_writer(&out);
	int status = osy_code_http(err->code);

	osy_jw_object(&w);
	osy_jw_put_str(&w, "type", OSY_STR("about:blank"));
	osy_jw_put_str(&w, "title", osy_str(osy_code_name(err->code)));
	osy_jw_put_i64(&w, "status", status);
	osy_jw_put_str(&w, "detail", osy_str(err->msg));
	osy_jw_put_str(&w, "code", osy_str(osy_code_name(err->code)));
	if (err->origin[0])
		osy_jw_put_str(&w, "origin", osy_str(err->origin));
	osy_jw_object_end(&w);
	return answer(
		connection, (unsigned)status, "application/problem+json", NULL, osy_buf_str(&out));
}

int osy_answer_call(struct osy_call *call)
{
	struct MHD_Response *response;

	if (!call->read)
		return answer(call->connection, (unsigned)call->status,
			call->type ? call->type : "application/json", call->filename,
			osy_buf_str(&call->out));
	response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, 64u * 1024, call->read, call->stream, call->done);
	if (call->filename)
		add_disposition(response, call->filename);
	return queue(call->connection, 200, call->type, response);
}

/* ---- Health, without a token ---- */
int osy_answer_health(
	const struct osy_api_context *context, struct MHD_Connection *connection, const char *url)
{
	bool alive = osy_driver_may_go(context->driver);

	if (strcmp(url, "/metrics") == 0) {
		OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(4u * 1024 * 1024);
		osy_metrics_render(&out);
		return answer(
			connection, 200, "text/plain; version=0.0.4", NULL, osy_buf_str(&out));
	}
	/* healthz: this process works; readyz: it may drive runs, which needs Postgres. */
	if (strcmp(url, "/readyz") == 0 && !alive)
		return answer(
			connection, 503, "text/plain", NULL, OSY_STR("no lease from Postgres\n"));
	return answer(connection, 200, "text/plain", NULL, OSY_STR("ok\n"));
}
