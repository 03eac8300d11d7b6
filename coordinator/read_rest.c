#include "read_internal.h"

#include <stdlib.h>

#include "gate.h"
#include "osy/mem.h"
#include "osy/sf_collection.h"
#include "osy/sf_query.h"

#define PAGE_MOST 2000
#define GROW_AFTER 4
#define GROW_AFTER_MOST 1024
/* A page of more is asked for with half the rows; one row may have any size that a call may. */
#define PAGE_BYTES (4u * 1024 * 1024)

struct read_rest {
	struct osy_drive *drive;
	const struct osy_spec_object *object;
	struct osy_read_place place;
	bool by_list;	     /* its ids are listed first */
	const char **names;  /* Id and the fields */
	char taken[19];	     /* last id of the last page taken */
	char asked[19];	     /* where the request in flight, or the next one, begins */
	unsigned limit;	     /* of the next request */
	unsigned most;	     /* that the org gives at once */
	unsigned good;	     /* pages in a row that came */
	unsigned grow_after; /* so many of them; more each time that it was too early */
	bool grown;
	struct osy_read_request *request;
	/* the page that has come, or is coming */
	bool has_page, last_page;
	struct osy_buf page;
	unsigned page_limit;
	char page_end[19]; /* by a list: last id asked for */
	bool listed, exhausted, complete;
	struct read_again again;
};

struct read_rest *read_rest_new(
	struct osy_drive *drive, const struct osy_read_place *place, const char *last_id)
{
	struct read_rest *reader = osy_xcalloc(1, sizeof(*reader));
	const struct osy_spec_object *object = place->object;

	reader->drive = drive;
	reader->object = object;
	reader->place = *place;
	reader->by_list = osy_spec_is_listed(object);
	reader->limit = reader->most = PAGE_MOST;
	reader->grow_after = GROW_AFTER;
	reader->page = OSY_BUF(1);
	OSY_ASSERT(strlen(last_id) < sizeof(reader->taken));
	memcpy(reader->taken, last_id, strlen(last_id));
	memcpy(reader->asked, last_id, strlen(last_id));
	size_t columns = osy_spec_columns(object);
	reader->names = osy_xcalloc(columns + 1, sizeof(*reader->names));
	reader->names[0] = "Id";
	for (size_t i = 0; i < columns; i++) {
		const char *name = osy_spec_column(object, i, NULL);
		/* a name that no reply has leaves its place to the expression */
		reader->names[i + 1] = name ? name : object->fields[i].name;
	}
	return reader;
}

/* ---- Requests ---- */
struct read_rest *read_rest_free(struct read_rest *reader)
{
	if (reader) {
		if (reader->request)
			reader->request->owner = NULL;
		osy_buf_done(&reader->page);
		free(reader->names);
		free(reader);
	}
	return NULL;
}

static void failed(struct read_rest *reader, const struct osy_err *err)
{
	bool too_much = err->code == OSY_E_TOO_BIG || strcmp(err->origin, "sf:QUERY_TIMEOUT") == 0;

	reader->good = 0;
	if (too_much && reader->limit > 1) {
		if (reader->grown && reader->grow_after < GROW_AFTER_MOST)
			reader->grow_after *= 2;
		reader->grown = false;
		reader->limit /= 2;
		return;
	}
	read_again_after(&reader->again, err);
}

/* What was too much at one place need not be at the next: after some pages twice as many records.
 */
static void grow(struct read_rest *reader)
{
	if (reader->limit == reader->most || ++reader->good < reader->grow_after)
		return;
	reader->good = 0;
	reader->grown = true;
	reader->limit = reader->limit > reader->most / 2 ? reader->most : 2 * reader->limit;
}

static void on_reply(struct osy_sf_reply *reply, void *arg)
{
	struct osy_read_request *request = arg;
	struct read_rest *reader = request->owner;

	read_request_drop(request);
	if (!reader)
		return;
	reader->request = NULL;
	if (reply->code) {
		failed(reader, &reply->err);
		return;
	}
	osy_buf_done(&reader->page);
	reader->page = *reply->body;
	*reply->body = OSY_BUF(1);
	reader->has_page = true;
	reader->again.attempts = 0;
	grow(reader);
}

static void write_soql(const struct osy_spec_object *object, const char *last, unsigned limit,
	struct osy_buf *soql)
{
	read_soql(object, soql);
	if (last[0])
		osy_buf_addf(soql, " %s Id > '%s'", object->where ? "AND" : "WHERE", last);
	osy_buf_addf(soql, " ORDER BY Id LIMIT %u", limit);
}

bool osy_read_fits(const struct osy_spec_object *object)
{
	OSY_AUTO(osy_buf_done)
	struct osy_buf soql = OSY_BUF(READ_MAX_SOQL), path = OSY_BUF(4 * READ_MAX_SOQL);

	if (osy_spec_is_listed(object))
		return true;
	write_soql(object, "001000000000000AAA", PAGE_MOST, &soql);
	osy_soql_path(osy_buf_str(&soql), false, &path);
	return path.len <= OSY_SF_MAX_URL;
}

void osy_read_probe(const struct osy_spec_object *object, struct osy_buf *soql)
{
	struct osy_spec_object listed = *object;

	if (osy_spec_is_listed(object)) /* its ids are listed first */
		listed.field_count = 0;
	read_soql(&listed, soql);
	osy_buf_addf(soql, " %s Id > '000000000000000AAA' ORDER BY %s LIMIT 1",
		object->where ? "AND" : "WHERE", object->order_by ? object->order_by : "Id");
}

static enum osy_code send_keyset(
	struct read_rest *reader, struct osy_read_request *request, struct osy_err *err)
{
	static const struct osy_http_header batch_size = {
		.name = "Sforce-Query-Options", .value = {"batchSize=2000", 14}};
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(READ_MAX_SOQL);

	write_soql(reader->object, reader->asked, reader->limit, &soql);
	osy_soql_path(osy_buf_str(&soql), false, &request->path);
	struct osy_sf_request call = {.method = "GET",
		.path = osy_buf_str(&request->path),
		.headers = &batch_size,
		.header_count = 1,
		.max_reply_bytes = reader->limit > 1 ? PAGE_BYTES : 0};
	return osy_gate_start(reader->drive, OSY_GATE_SOURCE, &call, on_reply, request, err);
}

/* The next ids of the list; nothing is sent when there are none: then the reader is exhausted. */
static enum osy_code send_list(
	struct read_rest *reader, struct osy_read_request *request, struct osy_err *err)
{
	OSY_AUTO_FREE struct osy_id *ids = osy_xcalloc(reader->limit, sizeof(*ids));
	OSY_AUTO_FREE char(*texts)[19] = osy_xcalloc(reader->limit, sizeof(*texts));
	struct osy_sf_request call;
	size_t count = 0;
	enum osy_code rc = OSY_OK;

	if (!reader->listed)
		rc = osy_read_list_make(reader->drive, reader->object, err);
	if (rc)
		return rc;
	reader->listed = true;
	rc = osy_read_list_next(
		reader->drive, &reader->place, reader->asked, ids, reader->limit, &count, err);
	if (rc)
		return rc;
	if (count == 0) {
		reader->exhausted = true;
		return OSY_OK;
	}
	for (size_t i = 0; i < count; i++)
		osy_id_18(&ids[i], texts[i]);
	memcpy(reader->page_end, ids[count - 1].c, sizeof(ids->c));
	osy_sf_send_begin(&request->send, 1);
	OSY_AUTO_FREE const char **names =
		osy_xcalloc(osy_spec_columns(reader->object) + 1, sizeof(*names));
	size_t named = 0;
	names[named++] = "Id";
	for (size_t i = 0; i < osy_spec_columns(reader->object); i++) {
		if (osy_spec_column(reader->object, i, NULL))
			names[named++] = reader->names[i + 1];
	}
	osy_sf_send_retrieve(&request->send, reader->object->name, names, named,
		(const char(*)[19])texts, count);
	osy_sf_send_end(&request->send, &call);
	call.max_reply_bytes = reader->limit > 1 ? PAGE_BYTES : 0;
	return osy_gate_start(reader->drive, OSY_GATE_SOURCE, &call, on_reply, request, err);
}

/* A limit's list is asked for on the spot, page by page, before its first records. */
static bool may_send(const struct read_rest *reader)
{
	bool lists = reader->object->limit && !reader->object->levels && !reader->listed;

	return osy_gate_may_read(reader->drive, OSY_GATE_SOURCE,
		lists ? (unsigned)(reader->object->limit / 2000) + 3 : 1);
}

static enum osy_code send_request(struct read_rest *reader, struct osy_err *err)
{
	struct osy_read_request *request = read_request_new(reader->drive, reader);
	enum osy_code rc = reader->by_list ? send_list(reader, request, err)
					   : send_keyset(reader, request, err);
	if (rc || reader->exhausted) {
		read_request_drop(request);
		return rc;
	}
	reader->request = request;
	reader->page_limit = reader->limit;
	return OSY_OK;
}

enum osy_code read_rest_start(struct read_rest *reader, struct osy_err *err)
{
	if (reader->again.failed.code) {
		*err = reader->again.failed;
		return osy_err_prefix(err, "reading %s", reader->object->name);
	}
	if (reader->request || reader->has_page || reader->complete ||
		read_again_waits(&reader->again))
		return OSY_OK;
	if (!reader->exhausted && !may_send(reader))
		return OSY_OK; /* the publisher comes again */
	if (!reader->exhausted) {
		enum osy_code rc = send_request(reader, err);
		if (rc)
			return osy_err_prefix(err, "reading %s", reader->object->name);
	}
	if (reader->exhausted)
		reader->complete = true;
	return OSY_OK;
}

bool read_rest_has_page(const struct read_rest *reader)
{
	return reader->has_page;
}

bool read_rest_complete(const struct read_rest *reader)
{
	return reader->complete;
}

const char *read_rest_last(const struct read_rest *reader)
{
	return reader->taken;
}

/* ---- Pages ---- */
/* The last "Id" of a page, found from its end: quotes within values are escaped, so this is no
 * value. */
static bool peek_last(struct osy_str body, struct osy_id *ret)
{
	static const char key[] = "\"Id\":\"";
	const size_t len = sizeof(key) - 1;

	for (size_t at = body.len > len + 19 ? body.len - len - 19 : 0; at > 0; at--) {
		if (body.p[at] == '"' && memcmp(body.p + at, key, len) == 0)
			return osy_id_parse((struct osy_str){body.p + at + len, 18}, ret);
	}
	return false;
}

/* Whether the page's head says for certain that more may follow. */
static bool peek_more(struct osy_str body, unsigned limit)
{
	struct osy_str head = {body.p, body.len < 200 ? body.len : 200};
	const char *total = memmem(head.p, head.len, "\"totalSize\":", 12);
	const char *done = memmem(head.p, head.len, "\"done\":", 7);
	int64_t n = 0;

	if (!total || !done)
		return false;
	for (const char *p = total + 12; p < head.p + head.len && *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (*p - '0');
	return n >= limit || (done + 12 <= head.p + head.len && done[7] == 'f');
}

struct taking {
	struct read_rest *reader;
	osy_reader_row row;
	void *arg;
	struct osy_id last;
};

static enum osy_code take_row(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct taking *taking = arg;

	if (!values) /* of a list: deleted meanwhile */
		return OSY_OK;
	if (!osy_id_parse_json(values[0], &taking->last))
		return osy_fail(err, OSY_E_SALESFORCE, "a record of %s came without its id",
			taking->reader->object->name);
	return taking->row(values, taking->arg, err);
}

/* The next request may go out before this page is worked on. */
static enum osy_code prefetch(struct read_rest *reader, bool *ret_sent, struct osy_err *err)
{
	struct osy_id last;

	*ret_sent = false;
	if (reader->by_list) {
		memcpy(reader->asked, reader->page_end, sizeof(reader->page_end));
	} else {
		struct osy_str body = osy_buf_str(&reader->page);
		if (!peek_more(body, reader->page_limit) || !peek_last(body, &last))
			return OSY_OK;
		osy_id_18(&last, reader->asked);
	}
	*ret_sent = may_send(reader);
	return *ret_sent ? send_request(reader, err) : OSY_OK;
}

static enum osy_code page_taken(struct read_rest *reader, const struct osy_sf_page *page,
	const struct osy_id *last, unsigned limit, bool sent, struct osy_err *err)
{
	if (reader->by_list)
		return OSY_OK;
	if (page->rows)
		osy_id_18(last, reader->taken);
	if (page->done && page->rows < limit) {
		reader->exhausted = true;
		if (!reader->request)
			reader->complete = true;
	} else if (page->rows == 0) {
		return osy_fail(err, OSY_E_SALESFORCE,
			"a query of %s gave no rows and yet says that it is not done",
			reader->object->name);
	}
	if (!page->done && page->rows >= 200 && page->rows < reader->limit)
		reader->limit = reader->most = (unsigned)page->rows; /* no more at once */
	if (sent && strcmp(reader->asked, reader->taken) != 0)
		return osy_fail(err, OSY_E_INTERNAL, "a page of %s ends with %s, not %s",
			reader->object->name, reader->taken, reader->asked);
	memcpy(reader->asked, reader->taken, sizeof(reader->taken));
	return OSY_OK;
}

enum osy_code read_rest_take(
	struct read_rest *reader, osy_reader_row row, void *arg, struct osy_err *err)
{
	struct taking taking = {.reader = reader, .row = row, .arg = arg};
	struct osy_sf_page page = {0};
	unsigned limit = reader->page_limit;
	char list_end[19];
	bool sent;

	OSY_ASSERT(reader->has_page);
	memcpy(list_end, reader->page_end, sizeof(list_end));
	enum osy_code rc = prefetch(reader, &sent, err);
	if (rc)
		return osy_err_prefix(err, "reading %s", reader->object->name);
	OSY_AUTO(osy_buf_done) struct osy_buf body = reader->page;
	reader->page = OSY_BUF(1);
	reader->has_page = false;
	if (reader->request)
		osy_http_poll(reader->drive->http, 0, NULL, 0, NULL); /* on its way meanwhile */
	rc = osy_sf_page_read(osy_buf_str(&body), reader->by_list, reader->names,
		osy_spec_columns(reader->object) + 1, take_row, &taking, &page, err);
	if (rc)
		return rc;
	if (reader->by_list) {
		memcpy(reader->taken, list_end, sizeof(list_end));
		if (reader->exhausted)
			reader->complete = true;
	}
	return page_taken(reader, &page, &taking.last, limit, sent, err);
}
