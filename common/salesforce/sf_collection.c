/*
 * Building sends. Records pass here one field at a time, so a field is one look at the room left
 * and three copies.
 */
#include "osy/sf_collection.h"

#include "osy/json_pull.h"
#include "osy/mem.h"

#include "sf_internal.h"

#include "osy/banned.h"

#define COLLECTION_PATH OSY_SF_DATA_ROOT "composite/sobjects"
#define COMPOSITE_PATH OSY_SF_DATA_ROOT "composite"
#define DELETE_MAX_URL 8192

void osy_sf_send_init(struct osy_sf_send *send, size_t max_body_bytes)
{
	*send = (struct osy_sf_send){
		.body = OSY_BUF(max_body_bytes), .path = OSY_BUF(DELETE_MAX_URL)};
}

void osy_sf_send_done(struct osy_sf_send *send)
{
	osy_buf_done(&send->body);
	osy_buf_done(&send->path);
}

static inline char *copy(char *to, const char *from, size_t len)
{
	memcpy(to, from, len);
	return to + len;
}

/* Room for n bytes and a NUL; the writer moves len itself and the text is ended in osy_sf_send_end.
 */
static inline char *room(struct osy_buf *buf, size_t n)
{
	if (__builtin_expect(buf->cap > buf->len && buf->cap - buf->len > n, 1))
		return buf->p + buf->len;
	return osy_buf_room(buf, n);
}

#define LITERAL(to, text) copy((to), "" text "", sizeof(text) - 1)

static void add(struct osy_buf *buf, struct osy_str s)
{
	copy(room(buf, s.len), s.p, s.len);
	buf->len += s.len;
}

void osy_sf_send_begin(struct osy_sf_send *send, unsigned parts)
{
	OSY_ASSERT(parts >= 1 && parts <= OSY_SF_COMPOSITE_MAX);
	osy_buf_reset(&send->body);
	osy_buf_reset(&send->path);
	send->parts = 0;
	send->expected_parts = parts;
	send->in_part = send->in_record = send->composite = false;
	send->method = "POST";
	send->type = NULL;
	send->records = send->header_count = 0;
	memset(send->part_records, 0, sizeof(send->part_records));
}

void osy_sf_send_headers(
	struct osy_sf_send *send, const struct osy_http_header *headers, size_t count)
{
	send->headers = headers;
	send->header_count = count;
}

static void add_headers(struct osy_sf_send *send)
{
	for (size_t i = 0; i < send->header_count; i++)
		osy_buf_addf(&send->body, "%s\"%s\":\"%.*s\"", i ? "," : "\"httpHeaders\":{",
			send->headers[i].name, (int)send->headers[i].value.len,
			send->headers[i].value.p);
	if (send->header_count)
		osy_buf_addz(&send->body, "},");
}

static void end_record(struct osy_sf_send *send)
{
	if (send->in_record)
		add(&send->body, OSY_STR("}"));
	send->in_record = false;
}

static void end_part(struct osy_sf_send *send)
{
	if (!send->in_part)
		return;
	end_record(send);
	if (send->op != OSY_SF_DELETE)
		add(&send->body, OSY_STR("]}"));
	else if (send->composite)
		osy_buf_addf(
			&send->body, "&allOrNone=false\",\"referenceId\":\"p%u\"", send->parts - 1);
	else
		osy_buf_addz(&send->path, "&allOrNone=false");
	if (send->composite)
		add(&send->body, OSY_STR("}"));
	send->in_part = false;
}

/* Begins a part: in a composite its braces and method. */
static void begin_part(struct osy_sf_send *send, const char *method, bool alone_is_composite)
{
	end_part(send);
	OSY_ASSERT(send->parts < send->expected_parts);
	send->composite = send->expected_parts > 1 || alone_is_composite;
	if (!send->composite) {
		send->method = method;
	} else {
		if (send->parts == 0) {
			osy_buf_addz(&send->path, COMPOSITE_PATH);
			osy_buf_addz(&send->body, "{\"allOrNone\":false,\"collateSubrequests\":"
						  "false,\"compositeRequest\":[");
		}
		osy_buf_addf(&send->body, "%s{\"method\":\"%s\",\"url\":\"", send->parts ? "," : "",
			method);
	}
	send->parts++;
}

/* Object and field names come from describes: letters, digits and '_'. Anything else would break
 * out of the JSON. */
static bool is_name(const char *s)
{
	const char *p = s;
	for (; (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
		*p == '_';
		p++)
		;
	return p > s && !*p;
}

void osy_sf_send_collection(struct osy_sf_send *send, enum osy_sf_op op, const char *type)
{
	static const char *const methods[] = {
		[OSY_SF_INSERT] = "POST", [OSY_SF_UPDATE] = "PATCH", [OSY_SF_DELETE] = "DELETE"};

	OSY_ASSERT(is_name(type));
	begin_part(send, methods[op], false);
	send->in_part = true;
	send->op = op;
	send->type = type;
	struct osy_buf *url = send->composite ? &send->body : &send->path;
	osy_buf_addz(url, COLLECTION_PATH);
	if (op == OSY_SF_DELETE) {
		osy_buf_addz(url, "?ids=");
		return;
	}
	if (send->composite) {
		osy_buf_addf(&send->body, "\",\"referenceId\":\"p%u\",", send->parts - 1);
		add_headers(send);
		osy_buf_addz(&send->body, "\"body\":");
	}
	osy_buf_addz(&send->body, "{\"allOrNone\":false,\"records\":[");
}

static void delete_record(struct osy_sf_send *send, const char *id, bool first)
{
	struct osy_buf *url = send->composite ? &send->body : &send->path;
	if (!first)
		add(url, OSY_STR(","));
	add(url, (struct osy_str){id, 18});
}

void osy_sf_send_record(struct osy_sf_send *send, const char *id)
{
	OSY_ASSERT(send->in_part);
	OSY_ASSERT((id != NULL) == (send->op != OSY_SF_INSERT));
	end_record(send);
	size_t *count = &send->part_records[send->parts - 1];
	OSY_ASSERT(*count < OSY_SF_COLLECTION_MAX);
	const bool first = (*count)++ == 0;
	send->records++;
	if (send->op == OSY_SF_DELETE) {
		delete_record(send, id, first);
		return;
	}
	const size_t type_len = strlen(send->type);
	char *start = room(&send->body, type_len + 64), *p = start;
	if (!first)
		*p++ = ',';
	p = LITERAL(p, "{\"attributes\":{\"type\":\"");
	p = copy(p, send->type, type_len);
	p = LITERAL(p, "\"}");
	if (id) {
		p = LITERAL(p, ",\"id\":\"");
		p = copy(p, id, 18);
		*p++ = '"';
	}
	send->body.len += (size_t)(p - start);
	send->in_record = true;
}

void osy_sf_send_field(struct osy_sf_send *send, const char *name, struct osy_str raw_json)
{
	const size_t name_len = strlen(name);

	OSY_ASSERT(send->in_record);
	if (!raw_json.p)
		raw_json = OSY_STR("null");
	char *start = room(&send->body, name_len + raw_json.len + 4), *p = start;
	p = LITERAL(p, ",\"");
	p = copy(p, name, name_len);
	p = LITERAL(p, "\":");
	p = copy(p, raw_json.p, raw_json.len);
	send->body.len += (size_t)(p - start);
}

void osy_sf_send_get(struct osy_sf_send *send, struct osy_str path)
{
	OSY_AUTO(osy_buf_done) struct osy_buf quoted = OSY_BUF(path.len * 6 + 64);

	begin_part(send, "GET", true);
	if (!osy_str_starts(path, "/services/"))
		osy_buf_addz(&send->body, OSY_SF_DATA_ROOT);
	osy_json_quote(path, &quoted);
	osy_buf_add(&send->body, quoted.p + 1, quoted.len - 2);
	osy_buf_addf(&send->body, "\",\"referenceId\":\"p%u\"}", send->parts - 1);
}

void osy_sf_send_retrieve(struct osy_sf_send *send, const char *type, const char *const *fields,
	size_t field_count, const char (*ids)[19], size_t id_count)
{
	OSY_ASSERT(is_name(type));
	begin_part(send, "POST", false);
	struct osy_buf *url = send->composite ? &send->body : &send->path;
	osy_buf_addf(url, "%s/%s", COLLECTION_PATH, type);
	if (send->composite)
		osy_buf_addf(&send->body, "\",\"referenceId\":\"p%u\",\"body\":", send->parts - 1);
	osy_buf_addz(&send->body, "{\"ids\":[");
	for (size_t i = 0; i < id_count; i++) {
		char *start = room(&send->body, 24), *p = start;
		if (i)
			*p++ = ',';
		*p++ = '"';
		p = copy(p, ids[i], 18);
		*p++ = '"';
		send->body.len += (size_t)(p - start);
	}
	osy_buf_addz(&send->body, "],\"fields\":[");
	for (size_t i = 0; i < field_count; i++)
		osy_buf_addf(&send->body, "%s\"%s\"", i ? "," : "", fields[i]);
	osy_buf_addz(&send->body, send->composite ? "]}}" : "]}");
}

void osy_sf_send_end(struct osy_sf_send *send, struct osy_sf_request *ret)
{
	end_part(send);
	OSY_ASSERT(send->parts == send->expected_parts);
	if (send->composite)
		osy_buf_addz(&send->body, "]}");
	if (send->body.len)
		send->body.p[send->body.len] = 0;
	*ret = (struct osy_sf_request){.method = send->method,
		.path = osy_buf_str(&send->path),
		.body = send->body.len ? osy_buf_str(&send->body) : OSY_STR_NULL};
}
