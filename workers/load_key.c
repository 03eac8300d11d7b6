/* Match keys: their values, hashes, comparison, and how SOQL spells them. */
#include "load_internal.h"

#include "osy/clock.h"
#include "osy/json_pull.h"

#include "osy/banned.h"

size_t osy_load_key_count(const struct osy_spec_object *object)
{
	switch (object->match) {
	case OSY_MATCH_EXTERNAL_ID:
	case OSY_MATCH_KEYS:
		return object->key_count;
	case OSY_MATCH_SOURCE_ID:
		return 1;
	case OSY_MATCH_NONE:
	case OSY_MATCH_SAME_ID:
		break;
	}
	return 0;
}

static const struct osy_spec_field *key_field(const struct osy_spec_object *object, size_t index)
{
	return object->match == OSY_MATCH_SOURCE_ID ? NULL : &object->fields[object->keys[index]];
}

const char *osy_load_key_name(const struct osy_spec_object *object, size_t index)
{
	const struct osy_spec_field *field = key_field(object, index);

	return field ? field->target : object->match_field;
}

enum osy_sf_type osy_load_key_type(const struct osy_spec_object *object, size_t index)
{
	const struct osy_spec_field *field = key_field(object, index);

	return field ? field->type : OSY_T_STRING;
}

static int key_scale(const struct osy_spec_object *object, size_t index)
{
	const struct osy_spec_field *field = key_field(object, index);

	return field ? field->scale : 0;
}

/* Types that the org compares without case. */
static bool is_text(enum osy_sf_type type)
{
	return type == OSY_T_STRING || type == OSY_T_PICKLIST || type == OSY_T_COMBOBOX ||
	       type == OSY_T_TEXTAREA || type == OSY_T_PHONE || type == OSY_T_URL ||
	       type == OSY_T_EMAIL || type == OSY_T_ENCRYPTED || type == OSY_T_OTHER;
}

/* Text of a raw value, trimmed; decoded into buf when it has escapes. */
static struct osy_str text_of(struct osy_str raw, struct osy_buf *buf)
{
	struct osy_str text = raw;
	struct osy_err ignored = OSY_ERR_NONE;

	if (raw.len >= 2 && raw.p[0] == '"' && !osy_json_plain(raw, &text)) {
		osy_buf_reset(buf);
		if (osy_json_unquote(raw, buf, &ignored))
			return raw;
		text = osy_buf_str(buf);
	}
	while (text.len && (unsigned char)text.p[0] <= ' ')
		text.p++, text.len--;
	while (text.len && (unsigned char)text.p[text.len - 1] <= ' ')
		text.len--;
	return text;
}

static uint64_t hash_text(struct osy_str text, uint64_t seed)
{
	char lower[256];
	size_t len = text.len < sizeof(lower) ? text.len : sizeof(lower);

	for (size_t i = 0; i < len; i++) {
		char c = text.p[i];
		lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	return osy_hash(lower, len, seed);
}

static bool is_null(struct osy_str value)
{
	return !value.p || osy_str_is(value, "null") || osy_str_is(value, "\"\"");
}

uint64_t osy_load_key_hash(const struct osy_spec_object *object, const struct osy_str *keys)
{
	uint64_t hash = 1;

	for (size_t k = 0; k < osy_load_key_count(object); k++) {
		enum osy_sf_type type = osy_load_key_type(object, k);
		if (is_null(keys[k])) {
			hash = osy_hash("", 0, ~hash);
		} else if (is_text(type)) {
			OSY_AUTO(osy_buf_done)
			struct osy_buf buf = OSY_BUF(keys[k].len + 64);
			hash = hash_text(text_of(keys[k], &buf), hash);
		} else {
			hash = osy_sf_value_hash(type, key_scale(object, k), keys[k], hash);
		}
	}
	return hash ? hash : 1;
}

bool osy_load_key_equal(const struct osy_spec_object *object, const struct osy_str *a,
	const struct osy_str *b, bool *ret_exact)
{
	bool exact = true;

	for (size_t k = 0; k < osy_load_key_count(object); k++) {
		enum osy_sf_type type = osy_load_key_type(object, k);
		if (osy_sf_value_equal(type, key_scale(object, k), a[k], b[k]))
			continue;
		exact = false;
		if (!is_text(type) || is_null(a[k]) || is_null(b[k]))
			return false;
		OSY_AUTO(osy_buf_done) struct osy_buf x = OSY_BUF(a[k].len + 64);
		OSY_AUTO(osy_buf_done) struct osy_buf y = OSY_BUF(b[k].len + 64);
		if (!osy_str_equal_nocase(text_of(a[k], &x), text_of(b[k], &y)))
			return false;
	}
	*ret_exact = exact;
	return true;
}

/* ---- Keys of rows ---- */
static int find_column(const struct osy_lbatch *batch, const char *target)
{
	for (unsigned c = 0; c < batch->column_count; c++) {
		if (strcmp(batch->columns[c].field->target, target) == 0)
			return (int)c;
	}
	return -1;
}

static void find_key_columns(struct osy_lbatch *batch)
{
	size_t count = osy_load_key_count(batch->object);
	int *columns = osy_arena_calloc(&batch->arena, count + 1, sizeof(*columns));

	if (!count || batch->head.links)
		return;
	for (size_t k = 0; k < count; k++) {
		columns[k] = find_column(batch, osy_load_key_name(batch->object, k));
		if (columns[k] < 0)
			return;
	}
	batch->key_columns = columns;
}

bool osy_load_keys(const struct osy_lbatch *batch, const struct osy_lrow *row, struct osy_str *ret)
{
	bool any = false;

	if (!batch->key_columns)
		return false;
	for (size_t k = 0; k < osy_load_key_count(batch->object); k++) {
		ret[k] = row->values[batch->key_columns[k]];
		if (osy_is_left_out(ret[k]))
			return false;
		any |= !is_null(ret[k]);
	}
	return any;
}

static bool is_keyed(const struct osy_lbatch *batch, const struct osy_str *keys)
{
	const struct osy_spec_object *object = batch->object;

	if (object->match != OSY_MATCH_KEYS)
		return object->match_unique;
	for (size_t k = 0; k < object->key_count; k++) {
		if (object->fields[object->keys[k]].unique && !is_null(keys[k]))
			return true;
	}
	return false;
}

void osy_load_find_keys(struct osy_lbatch *batch)
{
	find_key_columns(batch);
	if (!batch->key_columns)
		return;
	struct osy_str *keys = osy_arena_calloc(
		&batch->arena, osy_load_key_count(batch->object) + 1, sizeof(*keys));
	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		if (!osy_load_keys(batch, row, keys))
			continue;
		row->key = osy_load_key_hash(batch->object, keys);
		row->keyed = is_keyed(batch, keys);
	}
}

/* ---- SOQL ---- */
static void add_moment(struct osy_str text, struct osy_buf *out)
{
	char moment[32];
	int64_t ms = osy_wall_parse(text.p, text.len);

	if (ms < 0) {
		osy_buf_add_str(out, text);
		return;
	}
	osy_wall_text(ms, moment);
	osy_buf_addz(out, moment);
}

void osy_load_literal(enum osy_sf_type type, struct osy_str raw, struct osy_buf *out)
{
	OSY_AUTO(osy_buf_done) struct osy_buf buf = OSY_BUF(raw.len + 64);
	struct osy_str text;

	if (is_null(raw)) {
		osy_buf_addz(out, "null");
		return;
	}
	text = text_of(raw, &buf);
	if (type == OSY_T_DATETIME)
		add_moment(text, out);
	else if (raw.p[0] != '"' || type == OSY_T_DATE || type == OSY_T_TIME)
		osy_buf_add_str(out, text);
	else
		osy_soql_quote(text, out);
}
