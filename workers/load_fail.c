/* What becomes rows of table failure. */
#include "load_internal.h"

#include <stdio.h>

#include "osy/json_pull.h"

#include "osy/banned.h"

#define MESSAGE_MAX 2000

static struct osy_str keep(struct osy_lbatch *batch, struct osy_str text)
{
	if (text.len > MESSAGE_MAX)
		text.len = MESSAGE_MAX;
	while (text.len && ((unsigned char)text.p[text.len - 1] & 0xc0) == 0x80 &&
		text.len == MESSAGE_MAX)
		text.len--;
	return (struct osy_str){
		osy_arena_strndup(&batch->arena, text.p ? text.p : "", text.len), text.len};
}

static void add(struct osy_lbatch *batch, unsigned row, const char *kind, struct osy_str code,
	struct osy_str fields, struct osy_str message)
{
	struct osy_lfailure *failure = osy_arena_alloc(&batch->arena, sizeof(*failure));

	*failure = (struct osy_lfailure){.row = row,
		.kind = kind,
		.code = keep(batch, code),
		.fields = keep(batch, fields),
		.message = keep(batch, message),
		.next = batch->failures};
	batch->failures = failure;
}

static void settle(struct osy_lbatch *batch, unsigned row)
{
	batch->rows[row].outcome = OSY_FAILED;
	batch->rows[row].action = OSY_ACT_NONE;
	batch->rows[row].ask = batch->rows[row].doubt = false;
}

static const char *kind_of(const struct osy_lbatch *batch)
{
	return osy_lrun(batch)->undo ? "rollback" : batch->head.links ? "link" : "record";
}

void osy_load_fail(struct osy_lbatch *batch, unsigned row, const char *code, struct osy_str fields,
	const char *format, ...)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(16384);
	va_list args;

	va_start(args, format);
	osy_buf_vaddf(&text, format, args);
	va_end(args);
	add(batch, row, kind_of(batch), osy_str(code), fields, osy_buf_str(&text));
	settle(batch, row);
}

void osy_load_note(struct osy_lbatch *batch, unsigned row, const char *kind, const char *code,
	struct osy_str fields, const char *format, ...)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(16384);
	va_list args;

	va_start(args, format);
	osy_buf_vaddf(&text, format, args);
	va_end(args);
	add(batch, row, kind, osy_str(code), fields, osy_buf_str(&text));
}

void osy_load_wait_for(struct osy_lbatch *batch, unsigned row, const struct osy_spec_field *field,
	const struct osy_lref *ref)
{
	struct osy_lwait *wait = osy_arena_alloc(&batch->arena, sizeof(*wait));

	*wait = (struct osy_lwait){.row = row,
		.field = field,
		.parent = ref->source,
		.parent_object = ref->parent,
		.next = batch->waits_for};
	batch->waits_for = wait;
}

/* ["A","B"] as A,B */
static void join_fields(struct osy_str raw, struct osy_buf *out)
{
	struct osy_json_pull pull;
	enum osy_pull token;

	if (!raw.p)
		return;
	osy_json_pull_init(&pull, raw);
	while ((token = osy_json_pull_next(&pull)) != OSY_PULL_END && token != OSY_PULL_ERROR) {
		struct osy_str text;
		if (token != OSY_PULL_STRING || !osy_json_plain(pull.token, &text) ||
			out->len + text.len + 2 > out->max)
			continue;
		if (out->len)
			osy_buf_addc(out, ',');
		osy_buf_add_str(out, text);
	}
}

void osy_load_refuse(struct osy_lbatch *batch, unsigned row, const struct osy_sf_row_result *result)
{
	OSY_AUTO(osy_buf_done) struct osy_buf fields = OSY_BUF(1024);
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(result->message_raw.len + 64);
	struct osy_err ignored = OSY_ERR_NONE;

	join_fields(result->fields_raw, &fields);
	if (!result->message_raw.p || osy_json_unquote(result->message_raw, &text, &ignored))
		osy_buf_reset(&text);
	add(batch, row, kind_of(batch), result->status_code, osy_buf_str(&fields),
		osy_buf_str(&text));
	settle(batch, row);
}

/* "sf:MALFORMED_QUERY" gives MALFORMED_QUERY; what is not Salesforce's own keeps our name. */
void osy_load_refuse_err(struct osy_lbatch *batch, unsigned row, const struct osy_err *err)
{
	struct osy_str code = osy_str(osy_code_name(err->code));

	if (strncmp(err->origin, "sf:", 3) == 0)
		code = osy_str(err->origin + 3);
	add(batch, row, kind_of(batch), code, OSY_STR(""), osy_str(err->msg));
	settle(batch, row);
}

bool osy_load_take_id(const struct osy_lbatch *batch, struct osy_str text, struct osy_id *ret)
{
	struct osy_id id;

	if (!text.p || !osy_id_parse(text, &id) ||
		memcmp(id.c, batch->object->target_prefix, 3) != 0)
		return false;
	*ret = id;
	return true;
}
