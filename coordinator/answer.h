/* Inside of the HTTP server: answers, each queued on its connection. */
#ifndef OSY_ANSWER_H
#define OSY_ANSWER_H

#include <microhttpd.h>

#include "api.h"

/* application/problem+json (RFC 9457) with the status of the error's code. */
enum MHD_Result osy_answer_problem(struct MHD_Connection *connection, const struct osy_err *err);
/* What a handler has put into its call. */
enum MHD_Result osy_answer_call(struct osy_call *call);
/* /healthz, /readyz and /metrics, without a token. */
enum MHD_Result osy_answer_health(
	const struct osy_api_context *context, struct MHD_Connection *connection, const char *url);

#endif
