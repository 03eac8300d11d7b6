#include "publish_hook.h"

#include <stdlib.h>

#include "hook.h"
#include "osy/clock.h"
#include "osy/json.h"
#include "osy/json_write.h"
#include "osy/log.h"
#include "osy/mem.h"

#define ANSWER_MOST (4u * 1024 * 1024)
#define LOOK_MS 200
#define RUN_LOOK_MS 1000 /* whether it is to stop */
#define LONGEST_WAIT_MS 30000

struct publish_hook {
	struct osy_drive *drive;
	const struct osy_spec_object *object;
	const struct osy_spec_hook *spec;
	size_t width; /* values of a row with its id */
	struct osy_str *values;
	size_t rows, bytes;
	struct osy_arena arena; /* of the values */
	struct osy_http *http;	/* NULL: nothing was asked yet */
};

struct publish_hook *publish_hook_new(struct osy_drive *drive, const struct osy_spec_object *object)
{
	if (!object->hook || object->deletes)
		return NULL;
	struct publish_hook *hook = osy_xcalloc(1, sizeof(*hook));
	*hook = (struct publish_hook){.drive = drive, .object = object, .spec = object->hook};
	hook->width = 1 + (hook->spec->early ? osy_spec_columns(object) : object->field_count);
	hook->values = osy_xcalloc(PUBLISH_HOOK_ROWS * hook->width, sizeof(*hook->values));
	osy_arena_init(&hook->arena, 256u * 1024);
	return hook;
}

struct publish_hook *publish_hook_free(struct publish_hook *hook)
{
	if (!hook)
		return NULL;
	osy_http_free(hook->http);
	osy_arena_done(&hook->arena);
	free(hook->values);
	free(hook);
	return NULL;
}

bool publish_hook_is_early(const struct publish_hook *hook)
{
	return hook->spec->early;
}

size_t publish_hook_bytes(const struct publish_hook *hook)
{
	return hook->bytes;
}

size_t publish_hook_count(const struct publish_hook *hook)
{
	return hook->rows;
}

const struct osy_str *publish_hook_row(const struct publish_hook *hook, size_t row)
{
	return &hook->values[row * hook->width];
}

void publish_hook_reset(struct publish_hook *hook)
{
	hook->rows = hook->bytes = 0;
	osy_arena_reset(&hook->arena);
}

static struct osy_str keep(struct publish_hook *hook, struct osy_str value)
{
	if (!value.p)
		return value;
	return (struct osy_str){osy_arena_strndup(&hook->arena, value.p, value.len), value.len};
}

bool publish_hook_add(struct publish_hook *hook, struct osy_str id, const struct osy_str *values)
{
	OSY_ASSERT(hook->rows < PUBLISH_HOOK_ROWS);
	struct osy_str *row = &hook->values[hook->rows++ * hook->width];
	row[0] = keep(hook, id);
	hook->bytes += id.len;
	for (size_t i = 1; i < hook->width; i++) {
		row[i] = keep(hook, values[i - 1]);
		hook->bytes += values[i - 1].len;
	}
	return hook->rows == PUBLISH_HOOK_ROWS || hook->bytes >= PUBLISH_HOOK_BYTES;
}

/* ---- The question ---- */

/* In the source, but of what an expression makes. */
static const char *name_of(const struct publish_hook *hook, size_t i)
{
	const struct osy_spec_field *field = &hook->object->fields[hook->spec->fields[i]];

	return field->name[0] == '=' ? field->target : field->name;
}

static void write_head(const struct publish_hook *hook, const char *id, struct osy_json_writer *w)
{
	const struct osy_drive *drive = hook->drive;
	char now[32];

	osy_wall_text(osy_wall_ms(), now);
	osy_jw_put_str(w, "id", osy_str(id));
	osy_jw_put_str(w, "type", osy_str(hook->spec->early ? "afterRetrieval" : "afterMasking"));
	osy_jw_put_str(w, "timestamp", osy_str(now));
	osy_jw_key(w, "run");
	osy_jw_object(w);
	osy_jw_put_str(w, "id", osy_str(drive->run));
	osy_jw_put_str(w, "source", osy_str(drive->source_name));
	osy_jw_put_str(w, "target", osy_str(drive->target_name));
	osy_jw_object_end(w);
	osy_jw_key(w, "object");
	osy_jw_object(w);
	osy_jw_put_str(w, "name", osy_str(hook->object->name));
	osy_jw_put_str(w, "target", osy_str(hook->object->target));
	osy_jw_object_end(w);
}

/* An expression that failed leaves a mark in the place of a value (expr.h): its record fails,
 * whatever a receiver makes of it. */
static bool is_failed(struct osy_str value)
{
	return value.len && value.p[0] == '!';
}

void publish_hook_write(const struct publish_hook *hook, const char *id, struct osy_buf *out)
{
	struct osy_json_writer w = osy_json_writer(out);

	osy_jw_object(&w);
	write_head(hook, id, &w);
	osy_jw_key(&w, "records");
	osy_jw_array(&w);
	for (size_t r = 0; r < hook->rows; r++) {
		const struct osy_str *row = publish_hook_row(hook, r);
		osy_jw_object(&w);
		osy_jw_key(&w, "Id");
		osy_jw_raw(&w, row[0]);
		for (size_t i = 0; i < hook->spec->field_count; i++) {
			struct osy_str value = row[1 + hook->spec->fields[i]];
			osy_jw_key(&w, name_of(hook, i));
			osy_jw_raw(&w, !value.len || is_failed(value) ? OSY_STR("null") : value);
		}
		osy_jw_object_end(&w);
	}
	osy_jw_array_end(&w);
	osy_jw_object_end(&w);
}

/* ---- The answer. No word of it is repeated: it may be a value. ---- */
__attribute__((format(printf, 3, 4))) static enum osy_code wrong(
	const struct publish_hook *hook, struct osy_err *err, const char *format, ...)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(1024);
	va_list args;

	va_start(args, format);
	osy_buf_vaddf(&text, format, args);
	va_end(args);
	return osy_fail(err, OSY_E_UNREACHABLE,
		"hook %s, asked about records of %s, %s; correct it, or abort the run",
		hook->spec->name, hook->object->name, text.p);
}

static bool may_hold(enum osy_sf_type type, enum osy_json_type json)
{
	switch (json) {
	case OSY_JSON_NULL:
		return true;
	case OSY_JSON_BOOL:
		return type == OSY_T_BOOLEAN;
	case OSY_JSON_INT:
	case OSY_JSON_NUMBER:
		return type == OSY_T_INT || type == OSY_T_LONG || type == OSY_T_DOUBLE ||
		       type == OSY_T_CURRENCY || type == OSY_T_PERCENT;
	case OSY_JSON_STRING:
		return type != OSY_T_BOOLEAN && type != OSY_T_INT && type != OSY_T_LONG &&
		       type != OSY_T_DOUBLE && type != OSY_T_CURRENCY && type != OSY_T_PERCENT;
	case OSY_JSON_ARRAY:
	case OSY_JSON_OBJECT:
		break;
	}
	return false;
}

static enum osy_sf_type type_of(const struct publish_hook *hook, size_t index)
{
	const struct osy_spec_field *field = &hook->object->fields[index];

	return hook->spec->early && field->rule ? field->rule->source_type : field->type;
}

static struct osy_str *row_of(struct publish_hook *hook, struct osy_str id)
{
	struct osy_id asked, is;

	if (!osy_id_parse(id, &asked))
		return NULL;
	for (size_t r = 0; r < hook->rows; r++) {
		struct osy_str *row = &hook->values[r * hook->width];
		if (osy_id_parse_json(row[0], &is) && memcmp(is.c, asked.c, 15) == 0)
			return row;
	}
	return NULL;
}

static enum osy_code take_member(struct publish_hook *hook, struct osy_str *row,
	struct osy_str name, const struct osy_json *value, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf raw = OSY_BUF(ANSWER_MOST);

	for (size_t i = 0; i < hook->spec->field_count; i++) {
		size_t index = (size_t)hook->spec->fields[i];
		if (!osy_str_is(name, name_of(hook, i)))
			continue;
		if (!may_hold(type_of(hook, index), osy_json_type(value)))
			return wrong(hook, err, "gave field %s a value of another type",
				name_of(hook, i));
		if (is_failed(row[1 + index]))
			return OSY_OK;
		if (osy_json_type(value) == OSY_JSON_NULL) {
			row[1 + index] = OSY_STR_NULL;
			return OSY_OK;
		}
		osy_json_write(value, false, &raw);
		row[1 + index] = keep(hook, osy_buf_str(&raw));
		return OSY_OK;
	}
	return wrong(hook, err, "answered with a field that it was not asked about");
}

static enum osy_code take_record(
	struct publish_hook *hook, const struct osy_json *record, struct osy_err *err)
{
	struct osy_str *row = row_of(hook, osy_json_get_str(record, "Id"));
	enum osy_code rc = OSY_OK;
	struct osy_json *value;
	struct osy_str name;

	if (!row)
		return wrong(hook, err, "answered with a record that it was not asked about");
	for (size_t i = 0; !rc && osy_json_member(record, i, &name, &value); i++) {
		if (!osy_str_is(name, "Id"))
			rc = take_member(hook, row, name, value, err);
	}
	return rc;
}

enum osy_code publish_hook_take(
	struct publish_hook *hook, struct osy_str answer, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;
	struct osy_err ignored;
	enum osy_code rc = OSY_OK;

	if (osy_json_parse(answer, "an answer", &json, &ignored))
		return wrong(hook, err, "gave an answer that is no JSON");
	const struct osy_json *records = osy_json_get(json, "records");
	if (osy_json_type(records) != OSY_JSON_ARRAY)
		return wrong(hook, err, "gave an answer without a list of records");
	for (size_t i = 0; !rc && i < osy_json_count(records); i++)
		rc = take_record(hook, osy_json_at(records, i), err);
	return rc;
}

/* ---- Asking ---- */
struct asked {
	struct publish_hook *hook;
	bool over;
	enum osy_code rc;
	struct osy_err err;
};

static void answered(struct osy_http_reply *reply, void *arg)
{
	OSY_AUTO(osy_buf_done) struct osy_buf note = OSY_BUF(4096);
	struct asked *asked = arg;

	asked->over = true;
	if (osy_hook_judge(reply, &note) == OSY_HOOK_DELIVERED)
		asked->rc = publish_hook_take(asked->hook, osy_buf_str(&reply->body), &asked->err);
	else
		asked->rc = wrong(asked->hook, &asked->err, "did not answer well: %s", note.p);
	asked->err.retry_after_ms =
		reply->retry_after_ms < LONGEST_WAIT_MS ? reply->retry_after_ms : LONGEST_WAIT_MS;
}

static enum osy_code begin(struct asked *asked, struct osy_str body, const char *id,
	struct osy_http_call **ret, struct osy_err *err)
{
	OSY_AUTO(osy_hook_done) struct osy_hook to = {0};
	const struct publish_hook *hook = asked->hook;
	const struct osy_settings *settings = hook->drive->settings;
	enum osy_code rc =
		osy_hook_get(hook->drive->pg, &settings->secret_key, hook->spec->name, &to, err);

	if (!rc)
		rc = osy_hook_check(&to, settings->allow_http_orgs, err);
	if (rc)
		return rc;
	const struct osy_hook_request request = {.id = id,
		.body = body,
		.timeout_ms = (unsigned)hook->spec->timeout_ms,
		.max_reply_bytes = ANSWER_MOST};
	return osy_hook_start(hook->http, &to, &request, answered, asked, ret, err);
}

/* The run is to stop, or this program: who is asked is not waited for. */
static enum osy_code look(const struct publish_hook *hook, int64_t *looked_at, struct osy_err *err)
{
	struct osy_drive *drive = hook->drive;
	int64_t now = osy_mono_ms();

	if (osy_driver_stopping(drive->driver))
		return osy_fail(err, OSY_E_FENCED, "the coordinator stops");
	if (now - *looked_at < RUN_LOOK_MS)
		return OSY_OK;
	*looked_at = now;
	enum osy_code rc = osy_drive_load(drive, err);
	if (rc || !(drive->wants_abort || drive->held))
		return rc;
	rc = wrong(hook, err, "is not waited for: the run is to stop");
	err->retry_after_ms = 1;
	return rc;
}

/* The network of the run waits meanwhile: answers of reads lie in the kernel until we are back. */
enum osy_code publish_hook_ask(struct publish_hook *hook, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf body = OSY_BUF(64u * 1024 * 1024);
	struct asked asked = {.hook = hook, .err = OSY_ERR_NONE};
	struct osy_http_call *call = NULL;
	int64_t looked_at = 0;
	char id[40];

	if (!hook->rows)
		return OSY_OK;
	if (!hook->http)
		hook->http = osy_http_new(1);
	osy_new_id("ask-", id, sizeof(id));
	publish_hook_write(hook, id, &body);
	enum osy_code rc = begin(&asked, osy_buf_str(&body), id, &call, err);
	while (!rc && !asked.over) {
		osy_http_poll(hook->http, LOOK_MS, NULL, 0, NULL);
		rc = asked.over ? OSY_OK : look(hook, &looked_at, err);
		if (rc)
			osy_http_cancel(call);
	}
	if (!rc && asked.rc) {
		*err = asked.err;
		rc = asked.rc;
	}
	return rc;
}
