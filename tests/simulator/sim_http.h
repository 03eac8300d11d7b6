/*
 * Requests and replies. A request owns copies of everything it needs, so it may be handled after
 * its connection died. Sub-requests of composite calls are requests too.
 */
#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include "sim_json.h"
#include "sim_org.h"
#include "sim_write.h"

enum sim_header {
	SIM_H_AUTH,
	SIM_H_QUERY_OPTIONS,
	SIM_H_ENCODING,
	SIM_H_BODY_ENCODING,
	SIM_H_TYPE,
	SIM_H_SINCE,
	SIM_H_UNMODIFIED,
	SIM_H_ACCEPT,
	SIM_H_SOAP_ACTION,
	SIM_H_DUPLICATES,
	SIM_H_ASSIGN,
	SIM_H_COUNT
};

struct sim_fault {
	struct sim_fault *next;
	char *method, *path, *kind, *text;
	double probability;
	double rows; /* the share of rows that row faults hit */
	int64_t after, count, ms, batches;
	int64_t over_limit, over_bytes; /* only on queries whose LIMIT, calls whose body is larger;
					   -1: on any */
	int64_t seen, hits;
};

struct sim_req {
	struct sim_org *org;
	struct sim_arena *arena;
	struct sim_str method, uri, path, args; /* uri as sent; path and args are parts of it */
	const char *version;			/* "v60.0" */
	struct sim_str part[12];		/* what the route's stars matched, decoded */
	int nparts;
	struct sim_str header[SIM_H_COUNT];
	char *body;
	size_t len;
	uint64_t user;
	struct sim_undo **undo; /* composite with allOrNone keeps it */
	const struct sim_json *json;
	int64_t base_us; /* latency that is still to be slept */
	struct sim_err fault_err;
	bool fault_rows, fault_fail, fault_hold, inner;
	bool tooling; /* inside of a composite of the Tooling API */
	double fault_share;
	int64_t fault_batches;
	uint64_t fault_clears; /* of the org when it fired */
	struct sim_str token;
};

struct sim_resp {
	int status;
	struct sim_buf body;
	const char *type;
	struct {
		const char *name;
		char value[256];
	} header[8];
	int nheaders;
	bool no_limit_info;
};

void sim_resp_header(struct sim_resp *r, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void sim_resp_error(struct sim_resp *r, int status, const char *code, const char *msg);
void sim_resp_err(struct sim_resp *r, int status, const struct sim_err *e);	/* REST form */
void sim_resp_row_err(struct sim_resp *r, int status, const struct sim_err *e); /* of a write */
void sim_buf_row_errors(struct sim_buf *b, const struct sim_err *e, const char *code_key);
int sim_err_status(const struct sim_err *e);

/* everything but the transport: faults, session, limits, latency, route */
bool sim_http_time(struct sim_str s, int64_t *ret_s); /* RFC 1123 */
void sim_handle(struct sim_req *req, struct sim_resp *resp);
void sim_dispatch(struct sim_req *req, struct sim_resp *resp); /* behind /services/data/vXX.X/ */
/* sleeps the request's latency and that of n records */
void sim_pause(struct sim_req *req, size_t n);
int64_t sim_latency(struct sim_req *req, size_t n); /* the same as a number; taken once */
const struct sim_json *sim_req_json(struct sim_req *req, struct sim_resp *resp); /* NULL: replied */
/* counts the call against the org's limits; true: it is over them, and was told */
bool sim_over_limit(struct sim_req *req, struct sim_resp *resp);
struct sim_str sim_req_arg(struct sim_req *req, const char *name);
/* part of the path as the id of a record that lives; false: replied */
bool sim_id_of_object(struct sim_req *req, struct sim_resp *resp, const struct sim_object *o,
	struct sim_str text, uint64_t *ret);
struct sim_object *sim_req_object(struct sim_req *req, struct sim_resp *resp, struct sim_str name);
void sim_req_done(struct sim_req *req);

/* *most is at least now */
void sim_raise(_Atomic uint64_t *most, uint64_t now);
/* whether a write of the request passes duplicate rules that only alert */
bool sim_allows_duplicates(const struct sim_req *req);
bool sim_assigns(const struct sim_req *req); /* assignment rules work */
/* decides on the faults of a request; NULL when none fires */
const char *sim_fault_pick(struct sim_req *req, int64_t *ret_ms);
void sim_fault_add(struct sim_org *org, const struct sim_json *v);
void sim_fault_clear(struct sim_org *org);
/* whether a fault that fired then holds on: they were not cleared since */
bool sim_fault_holds(const struct sim_org *org, uint64_t clears);
void sim_fault_wait(struct sim_org *org, uint64_t clears); /* while it does */
void sim_fault_list(struct sim_org *org, struct sim_buf *b);

/* sessions */
bool sim_session_check(struct sim_req *req, struct sim_resp *resp);
void sim_session_kill(struct sim_org *org, struct sim_str token); /* all when empty */
void sim_auth_token(struct sim_req *req, struct sim_resp *resp);
void sim_auth_info(struct sim_req *req, struct sim_resp *resp); /* userinfo */
void sim_auth_identity(struct sim_req *req, struct sim_resp *resp);
bool sim_auth_load_key(struct sim_org *org, const char *pem, size_t len);

void sim_admin(struct sim_req *req, struct sim_resp *resp);
size_t sim_seed(
	struct sim_org *org, char *text, size_t len, struct sim_buf *out, const char **error);
void sim_settings_default(struct sim_org *org);

typedef void sim_handler(struct sim_req *req, struct sim_resp *resp);
sim_handler sim_versions, sim_resources, sim_global_describe, sim_describe, sim_object_basic,
	sim_query_call, sim_query_all_call, sim_query_more, sim_limits, sim_ui_values,
	sim_record_count, sim_row_create, sim_row_get, sim_row_update, sim_row_delete,
	sim_row_get_ext, sim_row_upsert, sim_row_delete_ext, sim_row_blob, sim_updated, sim_deleted,
	sim_collect_insert, sim_collect_update, sim_collect_upsert, sim_collect_delete,
	sim_collect_get, sim_collect_retrieve, sim_composite, sim_batch, sim_tooling_query,
	sim_bulk_query_create, sim_bulk_query_list, sim_bulk_query_get, sim_bulk_query_patch,
	sim_bulk_query_delete, sim_bulk_query_results, sim_bulk_query_pages, sim_ingest_create,
	sim_ingest_upload, sim_ingest_patch, sim_ingest_get, sim_ingest_delete, sim_ingest_list,
	sim_ingest_good, sim_ingest_failed, sim_ingest_unprocessed, sim_tooling_objects,
	sim_tooling_get, sim_tooling_patch, sim_tooling_composite, sim_deploy_create,
	sim_deploy_get, sim_soap_metadata, sim_soap_partner, sim_tree;

#endif
