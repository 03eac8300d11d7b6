/*
 * Files: bodies that are sent as forms and read raw, and what the org makes of a version of a file:
 * its document, its links, its checksum.
 */
#include "sim_file.h"

#include <openssl/evp.h>

#include "sim_number.h"

/* ---- Forms of two parts: the fields as JSON, and the bytes ---- */

static struct sim_str sim_boundary(struct sim_req *req)
{
	struct sim_str type = req->header[SIM_H_TYPE];
	const char *at = type.len ? memmem(type.p, type.len, "boundary=", 9) : NULL;
	struct sim_str b = {at ? at + 9 : NULL, at ? (size_t)(type.p + type.len - at) - 9 : 0};

	if (b.len && b.p[0] == '"') {
		b.p++, b.len--;
		b = sim_cut(&b, '"');
	}
	return b;
}

/* the next part: its headers and what they are of; false at the end, or when it is cut off */
static bool sim_part(struct sim_str *rest, struct sim_str line, struct sim_str *ret_head,
	struct sim_str *ret_body)
{
	const char *end, *blank;

	if (rest->len < line.len + 2 || memcmp(rest->p, line.p, line.len) ||
		memcmp(rest->p + line.len, "\r\n", 2))
		return false;
	rest->p += line.len + 2, rest->len -= line.len + 2;
	blank = memmem(rest->p, rest->len, "\r\n\r\n", 4);
	if (!blank)
		return false;
	*ret_head = (struct sim_str){rest->p, (size_t)(blank - rest->p)};
	rest->len -= (size_t)(blank - rest->p) + 4, rest->p = blank + 4;
	end = memmem(rest->p, rest->len, line.p, line.len);
	if (!end || end - rest->p < 2)
		return false;
	*ret_body = (struct sim_str){rest->p, (size_t)(end - rest->p) - 2};
	rest->len -= (size_t)(end - rest->p), rest->p = end;
	return true;
}

static struct sim_str sim_part_name(struct sim_str head)
{
	const char *at = memmem(head.p, head.len, " name=\"", 7);
	struct sim_str rest = {at ? at + 7 : NULL, at ? (size_t)(head.p + head.len - at) - 7 : 0};

	return at ? sim_cut(&rest, '"') : rest;
}

static struct sim_json *sim_bytes(struct sim_arena *a, struct sim_str name, struct sim_str raw)
{
	struct sim_json *v = sim_arena_get(a, sizeof(*v));
	struct sim_buf text = {0};

	sim_base64_encode(&text, raw);
	*v = (struct sim_json){.key = name,
		.type = SIM_J_STR,
		.clean = true,
		.text = sim_arena_dup(a, sim_buf_view(&text))};
	sim_buf_done(&text);
	return v;
}

bool sim_is_form(const struct sim_req *req)
{
	return sim_starts(req->header[SIM_H_TYPE], "multipart/form-data");
}

const struct sim_json *sim_form_json(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_str b = sim_boundary(req), rest = {req->body, req->len}, head, body, last;
	struct sim_str line = sim_cstr(sim_arena_fmt(req->arena, "--%.*s", SIM_P(b)));
	struct sim_json *fields = NULL;
	const char *why = NULL;

	if (b.len && sim_part(&rest, line, &head, &body))
		fields = sim_json_parse(req->arena, (char *)(uintptr_t)body.p, body.len, &why);
	while (fields && fields->type == SIM_J_OBJ && sim_part(&rest, line, &head, &body)) {
		struct sim_json *v = sim_bytes(req->arena, sim_part_name(head), body);

		v->next = fields->child;
		fields->child = v;
	}
	last = sim_cstr(sim_arena_fmt(req->arena, "%.*s--", SIM_P(line)));
	if (fields && fields->type == SIM_J_OBJ && rest.len >= last.len &&
		!memcmp(rest.p, last.p, last.len))
		return fields;
	sim_resp_error(resp, 400, "INVALID_MULTIPART_REQUEST",
		"Multipart message: Binary data is missing, or its end");
	return NULL;
}

/* ---- Bodies, raw ---- */

void sim_row_blob(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_object *o = sim_req_object(req, resp, req->part[0]);
	const char *name = sim_findi(req->path, SIM_S("/VersionData")) ? "VersionData"
			   : sim_is(req->part[0], "QuoteDocument")     ? "Document"
								       : "Body";
	const struct sim_field *f = o ? sim_field_named(o, name) : NULL;
	struct sim_str s = {NULL, 0};
	struct sim_rec *r;
	uint64_t oid;

	if (!o || !sim_id_of_object(req, resp, o, req->part[1], &oid))
		return;
	r = sim_take_rec(req->org, oid);
	if (r && f)
		sim_rec_get(r, f->idx, &s, NULL);
	s = sim_base64_decode(req->arena, s);
	resp->type = "application/octet-stream";
	sim_buf_s(&resp->body, s);
	sim_rec_unref(r);
}

/* ---- What a write makes of them ---- */

static size_t sim_raw_len(struct sim_str base64)
{
	size_t pad = 0;

	while (pad < 2 && base64.len > pad && base64.p[base64.len - 1 - pad] == '=')
		pad++;
	return base64.len / 4 * 3 - pad;
}

void sim_derive_document(struct sim_work *w)
{
	char name[40];

	sim_put_num(w, "BodyLength", (double)sim_raw_len(sim_work_text(w, "Body")));
	sim_id_text(w->t->org, w->row->id, name);
	if (!sim_work_ref(w, "AuthorId"))
		sim_put_ref(w, "AuthorId", w->t->user);
	if (!sim_work_text(w, "DeveloperName").len)
		sim_put_text(w, "DeveloperName",
			sim_cstr(sim_arena_fmt(w->t->arena, "Document_%s", name)));
}

static struct sim_str sim_md5(struct sim_arena *a, struct sim_str raw)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	char *hex = sim_arena_get(a, 2 * EVP_MAX_MD_SIZE + 1);
	unsigned len = 0;

	EVP_Digest(raw.p, raw.len, md, &len, EVP_md5(), NULL);
	for (unsigned i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", md[i]);
	return (struct sim_str){hex, 2 * (size_t)len};
}

/* puts a record of another object in place: old's values, with some of them set */
static void sim_put_other(struct sim_work *w, struct sim_object *o, uint64_t oid,
	const struct sim_rec *old, const struct sim_val *set, size_t nset)
{
	struct sim_val *vals = sim_arena_get(w->t->arena, sizeof(*vals) * o->nfields);
	struct sim_rec *rec;
	size_t n = 0;

	for (unsigned i = 0; i < o->nfields; i++) {
		const struct sim_val *given = NULL;

		for (size_t k = 0; k < nset; k++)
			if (set[k].field == i)
				given = &set[k];
		if (given && !given->null) {
			vals[n++] = *given;
		} else if (!given && old && sim_rec_get(old, i, &vals[n].s, &vals[n].dirty)) {
			vals[n].null = false;
			vals[n++].field = (uint16_t)i;
		}
	}
	rec = sim_rec_new(vals, n);
	rec->oid = oid;
	sim_rec_stamp(w->t, rec, old, true);
	rec->oid = oid;
	sim_txn_put(w->t, rec);
}

static struct sim_object *sim_named(const struct sim_work *w, const char *name)
{
	return sim_object_find(w->t->org, sim_cstr(name));
}

static struct sim_val sim_text_val(
	const struct sim_work *w, const struct sim_object *o, const char *name, struct sim_str s)
{
	return sim_val_text(w->t->arena, sim_field_named(o, name), s);
}

static struct sim_val sim_ref_val(
	const struct sim_work *w, const struct sim_object *o, const char *name, uint64_t oid)
{
	return sim_val_u64(w->t->arena, sim_field_named(o, name), oid);
}

/* a trigger of the org changes the case that something is attached to, and assignment rules see it
 */
static void sim_touch_case(struct sim_work *w, uint64_t oid)
{
	struct sim_object *o = sim_named(w, "Case");
	const struct sim_rec *old = sim_find(w->t->org, oid);
	uint64_t to = sim_assigned(w->t, o);

	if (!old || !to || sim_oid_obj(oid) != o->idx)
		return;
	const struct sim_val owner = sim_ref_val(w, o, "OwnerId", to);
	sim_put_other(w, o, oid, old, &owner, 1);
}

void sim_derive_attachment(struct sim_work *w)
{
	sim_put_num(w, "BodyLength", (double)sim_raw_len(sim_work_text(w, "Body")));
	sim_touch_case(w, sim_work_ref(w, "ParentId"));
}

static void sim_link(struct sim_work *w, uint64_t document, uint64_t entity, const char *share)
{
	struct sim_object *o = sim_named(w, "ContentDocumentLink");
	const struct sim_val set[] = {sim_ref_val(w, o, "ContentDocumentId", document),
		sim_ref_val(w, o, "LinkedEntityId", entity),
		sim_text_val(w, o, "ShareType", sim_cstr(share)),
		sim_text_val(w, o, "Visibility", SIM_S("AllUsers"))};

	sim_put_other(
		w, o, sim_oid(o->idx, sim_store_new_serial(o->store)), NULL, set, SIM_COUNT(set));
}

/* the document as its newest version leaves it */
static void sim_put_document(struct sim_work *w, uint64_t document)
{
	struct sim_object *o = sim_named(w, "ContentDocument");
	const struct sim_val set[] = {sim_text_val(w, o, "Title", sim_work_text(w, "Title")),
		sim_ref_val(w, o, "LatestPublishedVersionId", w->row->id),
		sim_ref_val(w, o, "OwnerId", sim_work_ref(w, "OwnerId")),
		sim_text_val(w, o, "FileType", sim_work_text(w, "FileType")),
		sim_text_val(w, o, "FileExtension", sim_work_text(w, "FileExtension")),
		sim_val_num(w->t->arena, sim_field_named(o, "ContentSize"),
			sim_work_num(w, "ContentSize"))};

	sim_put_other(w, o, document, sim_find(w->t->org, document), set, SIM_COUNT(set));
}

/* the version that was the newest is so no more; its number */
static int sim_end_latest(struct sim_work *w, uint64_t document)
{
	const struct sim_rec *doc = sim_find(w->t->org, document), *old;
	const struct sim_object *o = sim_named(w, "ContentDocument");
	uint64_t last = doc ? sim_rec_u64(doc, sim_field_named(o, "LatestPublishedVersionId")) : 0;
	struct sim_str number = {NULL, 0};
	struct sim_val off = {.field = sim_field_named(w->obj, "IsLatest")->idx, .null = true};

	old = last ? sim_find(w->t->org, last) : NULL;
	if (!old)
		return 0;
	sim_rec_get(old, sim_field_named(w->obj, "VersionNumber")->idx, &number, NULL);
	int64_t n = 0;
	(void)sim_to_i64(number, &n);
	sim_put_other(w, w->row->obj, last, old, &off, 1);
	return (int)n;
}

static void sim_new_version(struct sim_work *w)
{
	struct sim_object *o = sim_named(w, "ContentDocument");
	uint64_t document = sim_work_ref(w, "ContentDocumentId");
	uint64_t where = sim_work_ref(w, "FirstPublishLocationId");
	bool first = !document;
	int number = first ? 0 : sim_end_latest(w, document);

	if (first)
		document = sim_oid(o->idx, sim_store_new_serial(o->store));
	sim_put_ref(w, "ContentDocumentId", document);
	sim_put_bool(w, "IsLatest", true);
	sim_put_text(w, "VersionNumber", sim_cstr(sim_arena_fmt(w->t->arena, "%d", number + 1)));
	sim_put_document(w, document);
	if (!first)
		return;
	sim_link(w, document, sim_work_ref(w, "OwnerId"), "I");
	if (where && where != sim_work_ref(w, "OwnerId"))
		sim_link(w, document, where, "V");
}

void sim_derive_version(struct sim_work *w)
{
	struct sim_str data = sim_work_text(w, "VersionData"),
		       path = sim_work_text(w, "PathOnClient");
	const char *dot = path.len ? memrchr(path.p, '.', path.len) : NULL;
	struct sim_str ext = {
		dot ? dot + 1 : NULL, dot ? (size_t)(path.p + path.len - dot) - 1 : 0};

	if (!w->old || w->sent[sim_field_named(w->obj, "VersionData")->idx]) {
		sim_put_num(w, "ContentSize", (double)sim_raw_len(data));
		sim_put_text(
			w, "Checksum", sim_md5(w->t->arena, sim_base64_decode(w->t->arena, data)));
	}
	sim_put_text(w, "FileExtension", ext);
	sim_put_text(w, "FileType", ext.len ? ext : SIM_S("UNKNOWN"));
	if (!w->old)
		sim_new_version(w);
}

bool sim_check_version(struct sim_work *w)
{
	if (w->old)
		return true;
	if (!sim_work_text(w, "VersionData").len)
		return sim_row_fail(w->t, w->row, "REQUIRED_FIELD_MISSING", "VersionData",
			"Required fields are missing: [VersionData]");
	if (!sim_work_text(w, "PathOnClient").len)
		return sim_row_fail(w->t, w->row, "REQUIRED_FIELD_MISSING", "PathOnClient",
			"Required fields are missing: [PathOnClient]");
	if (sim_work_ref(w, "ContentDocumentId") && sim_work_ref(w, "FirstPublishLocationId"))
		return sim_row_fail(w->t, w->row, "FIELD_INTEGRITY_EXCEPTION",
			"FirstPublishLocationId",
			"You cannot specify a location for a new version of a file");
	if (atomic_fetch_sub(&w->t->org->files_left, 1) > 0)
		return true;
	atomic_fetch_add(&w->t->org->files_left, 1);
	return sim_row_fail(
		w->t, w->row, "LIMIT_EXCEEDED", NULL, "ContentPublication Limit exceeded.");
}

bool sim_check_link(struct sim_work *w)
{
	if (!w->old && sim_twin(w, "ContentDocumentId", "LinkedEntityId"))
		return sim_row_fail(w->t, w->row, "DUPLICATE_VALUE", "ContentDocumentId",
			"A document link already exists for this entity and document");
	return true;
}

/* ---- Documents of quotes: bytes go in, and the org makes name, number and a file of them ---- */

bool sim_check_quote_document(struct sim_work *w)
{
	if (w->old || w->t->seed)
		return true;
	if (sim_work_ref(w, "ContentVersionDocumentId") || sim_work_text(w, "DocumentTemplate").len)
		return sim_row_fail(
			w->t, w->row, "UNKNOWN_EXCEPTION", NULL, "unexpected metadata: []");
	if (!sim_work_text(w, "Document").len)
		return sim_row_fail(w->t, w->row, "UNKNOWN_EXCEPTION", NULL,
			"An unexpected error occurred: a quote document needs its Document");
	return true;
}

static int sim_documents_of(const struct sim_work *w)
{
	const struct sim_field *f = sim_field_named(w->obj, "QuoteId");
	uint64_t at = 0;
	int n = 0;

	while ((at = sim_index_next(w->obj->store, f->index, sim_work_text(w, "QuoteId"), at)))
		n++;
	return n;
}

static struct sim_val sim_true_val(const struct sim_object *o, const char *name)
{
	return (struct sim_val){.field = sim_field_named(o, name)->idx, .s = {"t", 1}};
}

/* the version, in a document of its own that is linked to the quote */
static uint64_t sim_put_quote_file(struct sim_work *w, struct sim_str name)
{
	struct sim_object *version = sim_named(w, "ContentVersion");
	struct sim_object *document = sim_named(w, "ContentDocument");
	uint64_t vid = sim_oid(version->idx, sim_store_new_serial(version->store));
	uint64_t did = sim_oid(document->idx, sim_store_new_serial(document->store));
	struct sim_str data = sim_work_text(w, "Document");
	double size = (double)sim_raw_len(data);
	struct sim_arena *a = w->t->arena;
	const struct sim_val of_version[] = {sim_ref_val(w, version, "ContentDocumentId", did),
		sim_true_val(version, "IsLatest"), sim_text_val(w, version, "Title", name),
		sim_text_val(w, version, "PathOnClient", name),
		sim_text_val(w, version, "VersionNumber", SIM_S("1")),
		sim_text_val(w, version, "VersionData", data),
		sim_val_num(a, sim_field_named(version, "ContentSize"), size),
		sim_text_val(w, version, "Checksum", sim_md5(a, sim_base64_decode(a, data))),
		sim_ref_val(w, version, "OwnerId", w->t->user)};
	const struct sim_val of_document[] = {sim_text_val(w, document, "Title", name),
		sim_ref_val(w, document, "LatestPublishedVersionId", vid),
		sim_ref_val(w, document, "OwnerId", w->t->user),
		sim_val_num(a, sim_field_named(document, "ContentSize"), size)};

	sim_put_other(w, version, vid, NULL, of_version, SIM_COUNT(of_version));
	sim_put_other(w, document, did, NULL, of_document, SIM_COUNT(of_document));
	sim_link(w, did, sim_work_ref(w, "QuoteId"), "V");
	return vid;
}

void sim_derive_quote_document(struct sim_work *w)
{
	uint64_t quote = sim_work_ref(w, "QuoteId");
	const struct sim_rec *r = sim_find(w->t->org, quote);
	const struct sim_object *o = sim_named(w, "Quote");
	struct sim_str name = {NULL, 0}, total = {NULL, 0};

	if (w->old || !r || w->t->seed)
		return;
	sim_rec_get(r, sim_field_named(o, "Name")->idx, &name, NULL);
	sim_rec_get(r, sim_field_named(o, "GrandTotal")->idx, &total, NULL);
	name = sim_cstr(
		sim_arena_fmt(w->t->arena, "%.*s_V%d.pdf", SIM_P(name), sim_documents_of(w) + 1));
	sim_put_text(w, "Name", name);
	sim_put_num(w, "GrandTotal", total.len ? sim_num_value(total) : 0);
	sim_put_ref(w, "ContentVersionDocumentId", sim_put_quote_file(w, name));
}

bool sim_check_attachment(struct sim_work *w)
{
	if (sim_raw_len(sim_work_text(w, "Body")) <= (25u << 20))
		return true;
	return sim_row_fail(w->t, w->row, "STRING_TOO_LONG", "Body",
		"Attachment: data value too large (max length=26214400)");
}

/* ---- Queries of links ---- */

/* whether a test of one of the two ids must hold */
static bool sim_names_link(const struct sim_cond *c)
{
	if (!c)
		return false;
	if (c->kind == SIM_AND)
		return sim_names_link(c->a) || sim_names_link(c->b);
	return c->kind == SIM_TEST && !c->path.nsteps && c->path.field &&
	       (c->cmp == SIM_EQ || c->cmp == SIM_IN) &&
	       (!strcmp(c->path.field->name, "ContentDocumentId") ||
		       !strcmp(c->path.field->name, "LinkedEntityId"));
}

struct sim_query *sim_soql_parse_call(
	struct sim_org *org, struct sim_arena *a, struct sim_str text, struct sim_err *err)
{
	struct sim_query *q = sim_soql_parse(org, a, text, err);

	if (!q || strcmp(q->obj->name, "ContentDocumentLink") != 0 || sim_names_link(q->where))
		return q;
	sim_err_set(err, a, "MALFORMED_QUERY", NULL,
		"Implementation restriction: ContentDocumentLink requires a filter by a single Id "
		"on "
		"ContentDocumentId or LinkedEntityId using the equals operator or multiple Id's "
		"using "
		"the IN operator.");
	return NULL;
}
