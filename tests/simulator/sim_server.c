/* The transport: one daemon an org, one thread a connection, so that latency blocks nobody. */
#include "sim_server.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <strings.h>
#ifdef SIM_ZLIB
#include <zlib.h>
#endif

struct sim_conn {
	char *uri;
	struct sim_buf body;
	struct sim_req *req;
};

static void *sim_on_uri(void *cls, const char *uri, struct MHD_Connection *c)
{
	struct sim_conn *conn = sim_zalloc(sizeof(*conn));

	(void)cls;
	(void)c;
	conn->uri = sim_strdup(sim_cstr(uri));
	return conn;
}

static void sim_on_done(
	void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	struct sim_conn *conn = *state;

	(void)cls;
	(void)c;
	(void)why;
	if (!conn)
		return;
	free(conn->uri);
	sim_buf_done(&conn->body);
	free(conn);
	*state = NULL;
}

void sim_req_done(struct sim_req *req)
{
	struct sim_arena a = *req->arena;

	free(req->body);
	sim_arena_done(&a);
}

/* the body goes to the request */
static struct sim_req *sim_make_req(
	struct sim_org *org, struct MHD_Connection *c, struct sim_conn *conn, const char *method)
{
	static const char *const names[SIM_H_COUNT] = {"Authorization", "Sforce-Query-Options",
		"Accept-Encoding", "Content-Encoding", "Content-Type", "If-Modified-Since",
		"If-Unmodified-Since", "Accept", "SOAPAction", "Sforce-Duplicate-Rule-Header",
		"Sforce-Auto-Assign"};
	struct sim_arena first = {NULL}, *arena = sim_arena_get(&first, sizeof(*arena));
	struct sim_req *req;

	*arena = first;
	req = sim_arena_get(arena, sizeof(*req));
	memset(req, 0, sizeof(*req));
	req->arena = arena;
	req->org = org;
	req->method = sim_arena_dup(arena, sim_cstr(method));
	req->uri = sim_arena_dup(arena, sim_cstr(conn->uri));
	for (int i = 0; i < SIM_H_COUNT; i++) {
		const char *v = MHD_lookup_connection_value(c, MHD_HEADER_KIND, names[i]);

		req->header[i] = v ? sim_arena_dup(arena, sim_cstr(v)) : (struct sim_str){NULL, 0};
	}
	req->body = conn->body.p;
	req->len = conn->body.len;
	conn->body = (struct sim_buf){0};
	return req;
}

struct sim_tail {
	char *p;
	size_t len;
	struct sim_org *held_by; /* NULL: the other half never comes */
	uint64_t fault_clears;
};

static ssize_t sim_half(void *cls, uint64_t pos, char *out, size_t max)
{
	struct sim_tail *t = cls;
	size_t n = t->len / 2;

	if (pos >= n && !t->held_by)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (pos >= n) {
		sim_fault_wait(t->held_by, t->fault_clears);
		n = t->len;
	}
	n -= pos;
	n = n < max ? n : max;
	memcpy(out, t->p + pos, n);
	return (ssize_t)n;
}

static void sim_half_done(void *cls)
{
	struct sim_tail *t = cls;

	free(t->p);
	free(t);
}

#ifdef SIM_ZLIB
static bool sim_gzip(struct sim_buf *b)
{
	z_stream z = {0};
	char *out;
	size_t cap;

	if (deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	cap = deflateBound(&z, b->len);
	out = sim_alloc(cap);
	z.next_in = (Bytef *)b->p;
	z.avail_in = (uInt)b->len;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)cap;
	deflate(&z, Z_FINISH);
	free(b->p);
	*b = (struct sim_buf){out, z.total_out, cap};
	deflateEnd(&z);
	return true;
}

static void sim_gunzip(struct sim_req *req)
{
	struct sim_buf out = {0};
	z_stream z = {0};
	int rc = Z_OK;

	if (inflateInit2(&z, 15 + 32) != Z_OK)
		return;
	z.next_in = (Bytef *)req->body;
	z.avail_in = (uInt)req->len;
	while (rc == Z_OK && out.len < (200u << 20)) {
		sim_buf_need(&out, 65536);
		z.next_out = (Bytef *)out.p + out.len;
		z.avail_out = 65536;
		rc = inflate(&z, Z_NO_FLUSH);
		out.len += 65536 - z.avail_out;
	}
	inflateEnd(&z);
	free(req->body);
	req->body = out.p;
	req->len = out.len;
}
#else
static bool sim_gzip(struct sim_buf *b)
{
	(void)b;
	return false;
}
static void sim_gunzip(struct sim_req *req)
{
	(void)req;
}
#endif

static enum MHD_Result sim_send(
	struct MHD_Connection *c, const struct sim_req *req, struct sim_resp *r, const char *fault)
{
	struct MHD_Response *m;
	bool hold = fault && !strcmp(fault, "hold-body");
	enum MHD_Result ok;
	bool zip = r->body.len > 512 && req->header[SIM_H_ENCODING].len &&
		   sim_findi(req->header[SIM_H_ENCODING], SIM_S("gzip")) && sim_gzip(&r->body);

	if (hold || (fault && !strcmp(fault, "cut-body"))) {
		struct sim_tail *t = sim_alloc(sizeof(*t));

		*t = (struct sim_tail){
			r->body.p, r->body.len, hold ? req->org : NULL, req->fault_clears};
		m = MHD_create_response_from_callback(t->len, 65536, sim_half, t, sim_half_done);
	} else {
		m = MHD_create_response_from_buffer(
			r->body.len, r->body.p ? r->body.p : sim_alloc(1), MHD_RESPMEM_MUST_FREE);
	}
	r->body = (struct sim_buf){0};
	if (zip)
		MHD_add_response_header(m, "Content-Encoding", "gzip");
	if (r->type)
		MHD_add_response_header(m, "Content-Type", r->type);
	MHD_add_response_header(m, "Vary", "Accept-Encoding");
	for (int i = 0; i < r->nheaders; i++)
		MHD_add_response_header(m, r->header[i].name, r->header[i].value);
	ok = MHD_queue_response(c, (unsigned)r->status, m);
	MHD_destroy_response(m);
	return ok;
}

struct sim_late {
	struct sim_req *req;
	int64_t ms;
};

static void *sim_commit_late(void *arg)
{
	struct sim_late *late = arg;
	struct sim_resp resp = {0};

	sim_sleep_us(late->ms * 1000);
	sim_handle(late->req, &resp);
	sim_buf_done(&resp.body);
	sim_req_done(late->req);
	free(late);
	return NULL;
}

static void sim_later(struct sim_req *req, int64_t ms)
{
	struct sim_late *late = sim_alloc(sizeof(*late));
	pthread_t thread;

	*late = (struct sim_late){req, ms};
	if (!pthread_create(&thread, NULL, sim_commit_late, late))
		pthread_detach(thread);
}

static enum MHD_Result sim_serve(struct MHD_Connection *c, struct sim_req *req)
{
	struct sim_resp resp = {.status = 200};
	enum MHD_Result ok = MHD_NO;
	const char *fault;
	int64_t ms = 0;

	if (req->header[SIM_H_BODY_ENCODING].len &&
		sim_is(req->header[SIM_H_BODY_ENCODING], "gzip"))
		sim_gunzip(req);
	fault = sim_fault_pick(req, &ms);
	if (fault && !strcmp(fault, "drop-before")) {
		sim_req_done(req);
		return MHD_NO;
	}
	if (fault && !strcmp(fault, "slow-commit")) {
		sim_later(req, ms);
		return MHD_NO;
	}
	if (fault && !strcmp(fault, "spoil-request") && req->len)
		req->body[req->len / 2] ^= 1;
	sim_handle(req, &resp);
	if (fault && !strcmp(fault, "short-body") && resp.body.len)
		resp.body.len--;
	if (fault && !strcmp(fault, "spoil-body") && resp.body.len)
		resp.body.p[resp.body.len / 2] ^= 1;
	if (fault &&
		(!strcmp(fault, "drop-after") || (!resp.body.len && !strcmp(fault, "cut-body"))))
		sim_buf_done(&resp.body);
	else
		ok = sim_send(c, req, &resp, fault);
	sim_req_done(req);
	return ok;
}

static enum MHD_Result sim_on_request(void *cls, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *data, size_t *len, void **state)
{
	struct sim_conn *conn = *state;

	(void)url;
	(void)version;
	if (!conn->req) {
		conn->req = (struct sim_req *)conn; /* headers seen */
		return MHD_YES;
	}
	if (*len) {
		if (conn->body.len + *len > (200u << 20))
			return MHD_NO;
		sim_buf_add(&conn->body, data, *len);
		*len = 0;
		return MHD_YES;
	}
	sim_buf_need(&conn->body, 1);
	conn->body.p[conn->body.len] = 0;
	return sim_serve(c, sim_make_req(cls, c, conn, method));
}

void *sim_server_start(struct sim_org *org, unsigned max_connections)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)org->port)};

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return MHD_start_daemon(
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL,
		(uint16_t)org->port, NULL, NULL, sim_on_request, org, MHD_OPTION_SOCK_ADDR, &addr,
		MHD_OPTION_URI_LOG_CALLBACK, sim_on_uri, NULL, MHD_OPTION_NOTIFY_COMPLETED,
		sim_on_done, NULL, MHD_OPTION_CONNECTION_LIMIT, max_connections,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)256 * 1024,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)512 * 1024, MHD_OPTION_LISTEN_BACKLOG_SIZE,
		1024u, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
}

void sim_server_stop(void *daemon)
{
	MHD_stop_daemon(daemon);
}
