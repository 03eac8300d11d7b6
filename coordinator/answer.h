/* Inside of the HTTP server: answers, each queued on its connection; MHD_YES, or MHD_NO when that
 * failed. */
#ifndef OSY_ANSWER_H
#define OSY_ANSWER_H

#include "api.h"

/* application/problem+json (RFC 9457) with the status of the error's code. */
int osy_answer_problem(struct MHD_Connection *connection, const struct osy_err *err);
/* What a handler has put into its call. */
int osy_answer_call(struct osy_call *call);
/* /healthz, /readyz and /metrics, without a token. */
int osy_answer_health(
	const struct osy_api_context *context, struct MHD_Connection *connection, const char *url);

#endif
