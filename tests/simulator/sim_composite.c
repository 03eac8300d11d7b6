/* Composite, batch and tree: calls made of calls. */
#include "sim_http.h"

#include <stdlib.h>

struct sim_done {
	struct sim_str ref;
	struct sim_resp resp;
	struct sim_json *json; /* of the body, parsed when somebody refers to it */
	bool failed;
};

struct sim_comp {
	struct sim_req *req;
	struct sim_done *done;
	int n;
};

/* the value behind "ref.records[0].Id" */
static struct sim_json *sim_ref_value(
	struct sim_comp *c, struct sim_str path, const struct sim_done **ret)
{
	struct sim_str rest = path, ref = sim_cut(&rest, '.');
	struct sim_json *v = NULL;

	*ret = NULL;
	for (int i = 0; i < c->n; i++)
		if (sim_eq(c->done[i].ref, ref))
			*ret = &c->done[i];
	if (!*ret || (*ret)->failed)
		return NULL;
	v = (*ret)->json;
	if (!v) {
		struct sim_str copy =
			sim_arena_dup(c->req->arena, sim_buf_view(&(*ret)->resp.body));

		v = sim_json_parse(c->req->arena, (char *)copy.p, copy.len, NULL);
		((struct sim_done *)(*ret))->json = v;
	}
	while (v && rest.len) {
		struct sim_str part = sim_cut(&rest, '.'), name = sim_cut(&part, '[');
		int64_t at = 0;

		if (name.len)
			v = sim_json_get(v, sim_arena_dup(c->req->arena, name).p);
		if (part.len && v) {
			sim_to_i64(sim_cut(&part, ']'), &at);
			for (v = v->child; v && at > 0; at--)
				v = v->next;
		}
	}
	return v;
}

/* replaces @{...}; false: the reference cannot be had, *halt when its call failed */
static bool sim_fill(struct sim_comp *c, struct sim_str in, struct sim_buf *out, bool *halt)
{
	size_t i = 0;

	while (i < in.len) {
		const struct sim_done *from;
		const struct sim_json *v;
		const char *end;

		if (in.p[i] != '@' || i + 1 >= in.len || in.p[i + 1] != '{' ||
			!(end = memchr(in.p + i, '}', in.len - i))) {
			sim_buf_ch(out, in.p[i++]);
			continue;
		}
		v = sim_ref_value(
			c, (struct sim_str){in.p + i + 2, (size_t)(end - in.p) - i - 2}, &from);
		if (!v || v->type >= SIM_J_ARR) {
			*halt = from && from->failed;
			return false;
		}
		sim_buf_s(out, v->text);
		i = (size_t)(end - in.p) + 1;
	}
	return true;
}

/* fills the references in the strings of a body */
static bool sim_fill_json(struct sim_comp *c, struct sim_json *v, bool *halt)
{
	struct sim_buf b = {0};
	bool ok = true;

	if (v->type == SIM_J_STR && sim_findi(v->text, SIM_S("@{"))) {
		ok = sim_fill(c, v->text, &b, halt);
		v->text = sim_arena_dup(c->req->arena, sim_buf_view(&b));
		v->clean = false;
		sim_buf_done(&b);
	}
	for (struct sim_json *k = v->type >= SIM_J_ARR ? v->child : NULL; k && ok; k = k->next)
		ok = sim_fill_json(c, k, halt);
	return ok;
}

/* a subrequest has headers of its own */
static void sim_sub_headers(struct sim_req *sub, const struct sim_json *headers)
{
	static const struct {
		const char *name;
		enum sim_header at;
	} known[] = {{"If-Modified-Since", SIM_H_SINCE}, {"If-Unmodified-Since", SIM_H_UNMODIFIED},
		{"Sforce-Query-Options", SIM_H_QUERY_OPTIONS},
		{"Sforce-Duplicate-Rule-Header", SIM_H_DUPLICATES},
		{"Sforce-Auto-Assign", SIM_H_ASSIGN}};

	for (size_t i = 0; i < SIM_COUNT(known); i++) {
		const struct sim_json *v = sim_json_geti(headers, known[i].name);

		if (v)
			sub->header[known[i].at] = sim_arena_dup(sub->arena, v->text);
		else if (known[i].at == SIM_H_DUPLICATES || known[i].at == SIM_H_ASSIGN
				 ? sub->org->set.own_headers
				 : known[i].at != SIM_H_QUERY_OPTIONS)
			sub->header[known[i].at] = (struct sim_str){NULL, 0};
	}
}

static void sim_sub_call(struct sim_comp *c, const struct sim_json *one, struct sim_str url,
	struct sim_json *body, struct sim_resp *resp)
{
	struct sim_req *sub = sim_arena_get(c->req->arena, sizeof(*sub));
	struct sim_str rest = url, path = sim_cut(&rest, '?'), head;

	*sub = *c->req;
	sub->inner = true;
	sub->method = sim_json_str(one, "method");
	sim_sub_headers(sub, sim_json_get(one, "httpHeaders"));
	sub->args = rest;
	sub->json = body;
	sub->body = NULL;
	sub->len = 0;
	resp->status = 200;
	resp->type = "application/json;charset=UTF-8";
	if (sim_starts(path, "/services/data/"))
		path.p += 15, path.len -= 15;
	head = sim_cut(&path, '/');
	sub->version = sim_arena_dup(c->req->arena, head).p;
	sub->path = path;
	if (sim_starts(path, "tooling/") != c->req->tooling) {
		sim_resp_error(resp, 404, "NOT_FOUND", "The requested resource does not exist");
		return;
	}
	if (sim_starts(path, "composite") && !sim_starts(path, "composite/sobjects")) {
		sim_resp_error(
			resp, 400, "INVALID_INPUT", "A composite call cannot hold another one");
		return;
	}
	sim_dispatch(sub, resp);
}

static void sim_one_sub(struct sim_comp *c, struct sim_json *s, struct sim_done *d)
{
	struct sim_buf url = {0};
	struct sim_json *body = sim_json_get(s, "body");
	bool halt = false;

	d->ref = sim_json_str(s, "referenceId");
	if (!sim_fill(c, sim_json_str(s, "url"), &url, &halt) ||
		(body && !sim_fill_json(c, body, &halt))) {
		if (halt)
			sim_resp_error(&d->resp, 400, "PROCESSING_HALTED",
				"Invalid reference specified. No value for the reference was "
				"found; the referenced call failed");
		else
			sim_resp_error(&d->resp, 400, "PROCESSING_HALTED",
				"Invalid reference specified. No value for the reference was "
				"found");
	} else {
		sim_sub_call(
			c, s, sim_arena_dup(c->req->arena, sim_buf_view(&url)), body, &d->resp);
	}
	d->failed = d->resp.status >= 300;
	sim_buf_done(&url);
}

static bool sim_ref_id_ok(struct sim_str id)
{
	if (!id.len || id.p[0] == '_')
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_",
			    id.p[i]))
			return false;
	return true;
}

static bool sim_comp_valid(struct sim_resp *resp, const struct sim_json *list)
{
	int n = 0, heavy = 0;

	for (const struct sim_json *s = list->child; s; s = s->next, n++) {
		struct sim_str url = sim_json_str(s, "url"), id = sim_json_str(s, "referenceId");

		heavy += sim_findi(url, SIM_S("/query")) ||
			 sim_findi(url, SIM_S("/composite/sobjects"));
		if (!sim_ref_id_ok(id)) {
			sim_resp_error(
				resp, 400, "INVALID_INPUT", "Provided referenceId is not valid");
			return false;
		}
		if (!sim_starts(url, "/services/data/v")) {
			sim_resp_error(resp, 400, "INVALID_INPUT",
				"The url of a subrequest must begin with /services/data/vXX.X/");
			return false;
		}
		for (const struct sim_json *k = list->child; k != s; k = k->next)
			if (sim_eq(sim_json_str(k, "referenceId"), id)) {
				sim_resp_error(resp, 400, "INVALID_INPUT", "Duplicate referenceId");
				return false;
			}
	}
	if (n <= 25 && heavy <= 5)
		return true;
	sim_resp_error(resp, 400, "LIMIT_EXCEEDED",
		n > 25 ? "The number of subrequests cannot be more than 25"
		       : "The number of query and sObject Collections subrequests cannot be more "
			 "than 5");
	return false;
}

static void sim_sub_body(struct sim_buf *b, const struct sim_resp *r)
{
	if (!r->body.len)
		sim_buf_add(b, "null", 4);
	else if (r->type && strstr(r->type, "json"))
		sim_buf_s(b, sim_buf_view(&r->body));
	else
		sim_buf_json(b, sim_buf_view(&r->body));
}

static void sim_comp_reply(struct sim_comp *c, struct sim_buf *b)
{
	sim_buf_str(b, "{\"compositeResponse\":[");
	for (int i = 0; i < c->n; i++) {
		struct sim_done *d = &c->done[i];

		sim_buf_str(b, i ? ",{\"body\":" : "{\"body\":");
		sim_sub_body(b, &d->resp);
		sim_buf_str(b, ",\"httpHeaders\":{");
		for (int k = 0; k < d->resp.nheaders; k++) {
			sim_buf_fmt(b, "%s\"%s\":", k ? "," : "", d->resp.header[k].name);
			sim_buf_json(b, sim_cstr(d->resp.header[k].value));
		}
		sim_buf_fmt(b, "},\"httpStatusCode\":%d,\"referenceId\":", d->resp.status);
		sim_buf_json(b, d->ref);
		sim_buf_ch(b, '}');
		sim_buf_done(&d->resp.body);
	}
	sim_buf_str(b, "]}");
}

static void sim_comp_roll_back(struct sim_comp *c, int bad)
{
	sim_undo_all(c->req->org, c->req->undo);
	for (int i = 0; i < c->n; i++) {
		if (i == bad)
			continue;
		c->done[i].resp.nheaders = 0;
		sim_resp_error(&c->done[i].resp, 400, "PROCESSING_HALTED",
			"The transaction was rolled back since another operation in the same "
			"transaction failed.");
	}
}

void sim_composite(struct sim_req *req, struct sim_resp *resp)
{
	const struct sim_json *doc = sim_req_json(req, resp),
			      *list = sim_json_get(doc, "compositeRequest");
	struct sim_undo *undo = NULL;
	struct sim_comp c = {.req = req};
	bool all = sim_json_bool(doc, "allOrNone", false);
	int64_t total = req->base_us;
	int bad = -1;
	size_t count;

	if (!doc)
		return;
	if (!list || list->type != SIM_J_ARR) {
		sim_resp_error(resp, 400, "INVALID_INPUT", "compositeRequest is required");
		return;
	}
	if (!sim_comp_valid(resp, list))
		return;
	count = sim_json_count(list);
	c.done = sim_arena_get(req->arena, sizeof(*c.done) * (count + 1));
	memset(c.done, 0, sizeof(*c.done) * (count + 1));
	req->undo = all ? &undo : NULL;
	for (struct sim_json *s = list->child; s; s = s->next) {
		c.done[c.n].ref = sim_json_str(s, "referenceId");
		if (bad >= 0) {
			c.n++;
			continue;
		}
		req->base_us = total / (int64_t)count; /* the latency is spread over the calls */
		sim_one_sub(&c, s, &c.done[c.n]);
		if (c.done[c.n].failed && all)
			bad = c.n;
		c.n++;
	}
	req->base_us = 0;
	if (bad >= 0)
		sim_comp_roll_back(&c, bad);
	sim_undo_free(&undo);
	sim_comp_reply(&c, &resp->body);
}

void sim_tooling_composite(struct sim_req *req, struct sim_resp *resp)
{
	req->tooling = true;
	sim_composite(req, resp);
}

void sim_batch(struct sim_req *req, struct sim_resp *resp)
{
	const struct sim_json *doc = sim_req_json(req, resp),
			      *list = sim_json_get(doc, "batchRequests");
	bool halt = sim_json_bool(doc, "haltOnError", false), failed = false;
	struct sim_comp c = {.req = req};
	struct sim_buf rows = {0};

	if (!doc)
		return;
	for (struct sim_json *s = list ? list->child : NULL; s; s = s->next) {
		struct sim_resp sub = {.status = 200};

		if (halt && failed)
			sim_resp_error(&sub, 412, "BATCH_PROCESSING_HALTED",
				"Batch processing halted per request");
		else
			sim_sub_call(
				&c, s, sim_json_str(s, "url"), sim_json_get(s, "richInput"), &sub);
		failed |= sub.status >= 300;
		sim_buf_fmt(
			&rows, "%s{\"statusCode\":%d,\"result\":", rows.len ? "," : "", sub.status);
		sim_sub_body(&rows, &sub);
		sim_buf_ch(&rows, '}');
		sim_buf_done(&sub.body);
	}
	sim_buf_fmt(&resp->body, "{\"hasErrors\":%s,\"results\":[%.*s]}", failed ? "true" : "false",
		SIM_P(sim_buf_view(&rows)));
	sim_buf_done(&rows);
}

/* ---- tree ---- */

struct sim_tree {
	struct sim_req *req;
	struct sim_row row[200];
	struct sim_str ref[200];
	int parent[200];
	const struct sim_field *link[200];
	int n;
};

static bool sim_tree_collect(struct sim_tree *t, struct sim_object *o, const struct sim_json *list,
	int parent, const struct sim_field *link)
{
	for (const struct sim_json *r = list ? list->child : NULL; r; r = r->next) {
		struct sim_json *flat, **at, *copy;
		int me = t->n;

		if (t->n == 200)
			return false;
		flat = sim_arena_get(t->req->arena, sizeof(*flat));
		*flat = *r;
		at = &flat->child;
		t->row[t->n] = (struct sim_row){.obj = o, .op = SIM_INSERT, .in = flat};
		t->ref[t->n] = sim_json_str(sim_json_get(r, "attributes"), "referenceId");
		t->parent[t->n] = parent;
		t->link[t->n++] = link;
		for (const struct sim_json *v = r->child; v; v = v->next) {
			const struct sim_json *kids =
				v->type == SIM_J_OBJ ? sim_json_get(v, "records") : NULL;
			int i;

			if (!kids) {
				copy = sim_arena_get(t->req->arena, sizeof(*copy));
				*copy = *v;
				*at = copy;
				at = &copy->next;
				continue;
			}
			for (i = 0; i < o->ninbound; i++)
				if (o->inbound[i].field->child_rel &&
					sim_is(v->key, o->inbound[i].field->child_rel))
					break;
			if (i == o->ninbound || !sim_tree_collect(t, o->inbound[i].obj, kids, me,
							o->inbound[i].field))
				return false;
		}
		*at = NULL;
	}
	return true;
}

/* parents were collected before their children, so ids are there when they are needed */
static int sim_tree_insert(struct sim_tree *t, struct sim_undo **undo)
{
	for (int i = 0; i < t->n; i++) {
		struct sim_txn x = {.org = t->req->org,
			.arena = t->req->arena,
			.user = t->req->user,
			.row = &t->row[i],
			.n = 1,
			.keep_undo = true,
			.undo = *undo};
		struct sim_json *id;
		char *text;

		if (t->parent[i] >= 0) {
			id = sim_arena_get(t->req->arena, sizeof(*id));
			text = sim_arena_get(t->req->arena, 19);
			sim_id_text(t->req->org, t->row[t->parent[i]].id, text);
			*id = (struct sim_json){.next = t->row[i].in->child,
				.key = sim_cstr(t->link[i]->name),
				.text = {text, 18},
				.type = SIM_J_STR,
				.clean = true};
			((struct sim_json *)t->row[i].in)->child = id;
		}
		sim_txn_run(&x);
		*undo = x.undo;
		sim_txn_end(&x);
		if (t->row[i].err.code)
			return i;
	}
	return -1;
}

void sim_tree(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_object *o = sim_req_object(req, resp, req->part[0]);
	const struct sim_json *doc = o ? sim_req_json(req, resp) : NULL;
	struct sim_tree *t = sim_arena_get(req->arena, sizeof(*t));
	struct sim_undo *undo = NULL;
	struct sim_buf *b = &resp->body;
	int bad;

	if (!doc)
		return;
	t->req = req;
	t->n = 0;
	if (!sim_tree_collect(t, o, sim_json_get(doc, "records"), -1, NULL)) {
		sim_resp_error(resp, 400, "INVALID_INPUT",
			"Too many records or an unknown relationship in the tree");
		return;
	}
	bad = sim_tree_insert(t, &undo);
	sim_pause(req, (size_t)t->n);
	if (bad >= 0) {
		sim_undo_all(req->org, &undo);
		resp->status = 400;
		sim_buf_str(b, "{\"hasErrors\":true,\"results\":[{\"referenceId\":");
		sim_buf_json(b, t->ref[bad]);
		sim_buf_str(b, ",\"errors\":");
		sim_buf_row_errors(b, &t->row[bad].err, "statusCode");
		sim_buf_str(b, "}]}");
		return;
	}
	resp->status = 201;
	sim_buf_str(b, "{\"hasErrors\":false,\"results\":[");
	for (int i = 0; i < t->n; i++) {
		sim_buf_str(b, i ? ",{\"referenceId\":" : "{\"referenceId\":");
		sim_buf_json(b, t->ref[i]);
		sim_buf_str(b, ",\"id\":");
		sim_buf_id(b, req->org, t->row[i].id);
		sim_buf_ch(b, '}');
	}
	sim_buf_str(b, "]}");
	sim_undo_free(&undo);
}
