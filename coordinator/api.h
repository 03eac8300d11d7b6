/*
 * The HTTP API (schemas/openapi.yaml): routes as rows of a table, handlers that write JSON.
 *
 * One thread a connection (libmicrohttpd), about OSY_API_CONNECTIONS (slow.h); a caller is let in
 * by the head of its request, before its body is taken. A handler may block and has a Postgres
 * connection of its own for the time of the call. It changes runs only through the osy_drive_ask
 * functions.
 */
#ifndef OSY_API_H
#define OSY_API_H

#include <sys/types.h>

#include "drive.h"
#include "osy/json.h"
#include "osy/json_write.h"
#include "osy/kafka.h"
#include "osy/pg.h"
#include "osy/settings.h"

#define OSY_API_CONNECTIONS 64
#define OSY_API_MAX_BODY (4u * 1024 * 1024)
#define OSY_API_MAX_TEXT 255
#define OSY_API_PARAMS 3

/* What an operator may do, each a right that a token may have by itself. symbol, name, what */
#define OSY_RIGHTS(X)                                                                    \
	X(TEMPLATE, "template", "apply and remove templates")                            \
	X(ORDER, "order", "give a run's objects another order")                          \
	X(PREVIEW, "preview", "create and scan runs")                                    \
	X(CHECK, "check", "check metadata, test orgs")                                   \
	X(AUTOMATION, "automation", "switch on what a run has left off")                 \
	X(START, "start", "start, resume, retry, resync, replay; see a record's values") \
	X(ABORT, "abort", "pause and abort")                                             \
	X(ROLLBACK, "rollback", "roll back")                                             \
	X(DELETE, "delete", "delete runs")                                               \
	X(SCHEDULE, "schedule", "add, fire, pause and remove schedules")                 \
	X(IDMAP, "idmap", "rebuild the id map")

/* Who calls, and what a route asks for: a role, or one right of the operator's. */
enum osy_role {
	OSY_ROLE_NONE,
	OSY_ROLE_VIEWER,
	OSY_ROLE_OPERATOR, /* with all rights, as what a route asks for */
	OSY_ROLE_ADMIN,
#define X(symbol, name, what) OSY_RIGHT_##symbol,
	OSY_RIGHTS(X)
#undef X
};

struct osy_api;
struct MHD_Connection;

struct osy_api_context {
	const struct osy_settings *settings;
	struct osy_kafka *kafka;
	struct osy_driver *driver;
};

struct osy_caller {
	enum osy_role role;
	uint32_t rights; /* of an operator: bit n is osy_role n */
	char token[128]; /* its name */
};

struct osy_call {
	const struct osy_api_context *context;
	struct MHD_Connection *connection;
	struct osy_pg *pg;
	const char *params[OSY_API_PARAMS]; /* the {} of the route, decoded */
	struct osy_str body;
	struct osy_caller caller;
	/* the answer */
	int status;
	struct osy_buf out;
	const char *type;     /* content type, JSON unless set */
	const char *filename; /* for a download, or NULL */
	/* set: the answer is streamed; read is a content reader of libmicrohttpd, done frees what
	 * it reads from */
	ssize_t (*read)(void *stream, uint64_t position, char *out, size_t max);
	void (*done)(void *stream);
	void *stream;
};

typedef enum osy_code (*osy_handler)(struct osy_call *call, struct osy_err *err);
struct osy_route {
	const char *method, *path; /* "/runs/{}/errors" below /api/v1 */
	enum osy_role needs;
	osy_handler handler;
};

/* Whether the caller has a role, or a right. */
bool osy_call_may(const struct osy_call *call, enum osy_role needs);
/* OSY_E_FORBIDDEN with a sentence when not. */
enum osy_code osy_call_needs(
	const struct osy_call *call, enum osy_role needs, struct osy_err *err) OSY_CHECKED;
/* Query parameter, NULL when missing; borrowed. */
const char *osy_call_query(const struct osy_call *call, const char *name);
const char *osy_call_header(const struct osy_call *call, const char *name);
/* limit= (1 to 1000, default 100). */
enum osy_code osy_call_limit(
	const struct osy_call *call, int64_t *ret, struct osy_err *err) OSY_CHECKED;
/* limit= and cursor= of a list whose cursors are numbers; *at stays as it is without a cursor. */
enum osy_code osy_call_page(const struct osy_call *call, int64_t *ret_limit, int64_t *at,
	struct osy_err *err) OSY_CHECKED;
/* The body as a JSON object; an unknown member (not in the NULL-terminated names) is an error. */
enum osy_code osy_call_json(const struct osy_call *call, const char *const *names,
	struct osy_json **ret, struct osy_err *err) OSY_CHECKED;
/* OSY_E_NOT_FOUND unless the route's run is there. */
enum osy_code osy_call_run(struct osy_call *call, struct osy_err *err) OSY_CHECKED;
/* What orgs and schedules may be called. */
bool osy_api_name_is_good(const char *name);
/* A required text member: one line of at most OSY_API_MAX_TEXT bytes. */
enum osy_code osy_call_text(const struct osy_json *body, const char *name, const char **ret,
	struct osy_err *err) OSY_CHECKED;
void osy_call_audit(struct osy_call *call, const char *action, const char *subject);

/* ---- Writing rows of results ---- */
void osy_api_put_time(struct osy_json_writer *w, const char *key,
	const struct osy_pg_result *result, size_t row, int column);
void osy_api_put_text(struct osy_json_writer *w, const char *key,
	const struct osy_pg_result *result, size_t row, int column);
void osy_api_put_int(struct osy_json_writer *w, const char *key, const struct osy_pg_result *result,
	size_t row, int column);
void osy_api_items(struct osy_json_writer *w); /* {"items":[ */
void osy_api_items_end(struct osy_json_writer *w, const char *next_or_null);

/* A run as the API shows it; with its objects when full. OSY_E_NOT_FOUND. */
enum osy_code osy_api_write_run(struct osy_pg *pg, const char *id, bool full, struct osy_buf *out,
	struct osy_err *err) OSY_CHECKED;

/* ---- The server ---- */
enum osy_code osy_api_start(const struct osy_api_context *context, struct osy_api **ret,
	struct osy_err *err) OSY_CHECKED;
struct osy_api *osy_api_stop(struct osy_api *api);
unsigned osy_api_port(const struct osy_api *api); /* useful when settings->listen has port 0 */

/* ---- Routes of each part, ended by a row without a method ---- */
extern const struct osy_route osy_routes_orgs[], osy_routes_templates[], osy_routes_runs[],
	osy_routes_errors[], osy_routes_admin[], osy_routes_check[], osy_routes_order[],
	osy_routes_automation[], osy_routes_waiting[], osy_routes_hooks[], osy_routes_tokens[],
	osy_routes_schedules[], osy_routes_log[];

/* By a method and a path below /api/v1; NULL: there is none. params gets copies of what the {}
 * stand for (free()). *ret_path_known: the path is there, be it with other methods only. */
const struct osy_route *osy_api_route(
	const char *method, const char *path, char *params[OSY_API_PARAMS], bool *ret_path_known);

/* ---- Tokens ---- */
/* Looks a bearer token up and notes that it was used; OSY_ROLE_NONE when it is none of ours. */
enum osy_code osy_token_check(struct osy_pg *pg, struct osy_str token, struct osy_caller *ret,
	struct osy_err *err) OSY_CHECKED;
/* Writes a first admin token to the file (mode 600) when there is no token yet. */
enum osy_code osy_token_bootstrap(
	struct osy_pg *pg, const char *path, struct osy_err *err) OSY_CHECKED;

/* ---- Events ---- */
/* Makes the call's answer a stream of server-sent events of its run; failures after last_seq. */
void osy_events_begin(struct osy_call *call, int64_t last_seq);

#endif
