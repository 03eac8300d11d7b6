/* Questions to the org: which fields, and SOQL by match keys within the longest address. */
#include "load_file.h"

#include "osy/banned.h"

#define KEYS_A_QUERY 200
#define SELECT_MAX 6000 /* encoded: beyond it, keys are asked alone and fields read by id */
#define QUERY_MAX (OSY_SF_MAX_URL - 500)
#define MAKER_FIELDS 3

/* Names in the order in which values come: Id, columns (when with_columns), keys, maker. */
const char **osy_load_asked(
	struct osy_lbatch *batch, bool with_columns, bool with_keys, size_t *ret_count)
{
	size_t keys = with_keys ? osy_key_count(batch->object) : 0, n = 0;
	const char **names = osy_arena_calloc(
		&batch->arena, 1 + batch->column_count + keys + MAKER_FIELDS, sizeof(*names));

	names[n++] = "Id";
	for (unsigned c = 0; with_columns && c < batch->column_count; c++)
		names[n++] = batch->columns[c].field->target;
	for (size_t k = 0; k < keys; k++)
		names[n++] = osy_key_name(batch->object, k);
	if (batch->asks_maker && with_keys && !batch->object->no_maker) {
		names[n++] = "CreatedById";
		names[n++] = "CreatedDate";
		names[n++] = "SystemModstamp";
	}
	*ret_count = n;
	return names;
}

static bool is_listed(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* Those of them that are asked for: each once, and no column that is never compared. */
size_t osy_load_select_names(const struct osy_lbatch *batch, bool with_columns,
	const char *const *names, size_t count, const char **ret)
{
	size_t n = 0, columns = with_columns ? batch->column_count : 0;

	for (size_t i = 0; i < count; i++) {
		if (i > 0 && i <= columns &&
			((!batch->columns[i - 1].field->updateable && !batch->object->deletes) ||
				osy_file_is_body(batch, (unsigned)i - 1)) &&
			!osy_file_is_told(batch, (unsigned)i - 1))
			continue;
		if (!is_listed(ret, n, names[i]))
			ret[n++] = names[i];
	}
	return n;
}

int osy_load_audit_column(const struct osy_lbatch *batch, const char *name)
{
	for (unsigned c = 0; osy_lspec(batch)->audit_fields && c < batch->column_count; c++) {
		const struct osy_spec_field *field = batch->columns[c].field;
		if (field->createable && strcmp(field->target, name) == 0)
			return (int)c;
	}
	return -1;
}

/* A target that was empty at the scan, or does not have the key by those that were read, holds
 * nothing but what this run put there. */
bool osy_load_needs_look(const struct osy_lbatch *batch, const struct osy_lrow *row)
{
	if (!osy_is_pending(row) || !row->ask || osy_id_is_set(&row->target) || row->looked ||
		!row->key)
		return false;
	return !(osy_ltarget_empty(batch) || row->absent) || row->lost || row->rematches ||
	       row->unknown || osy_id_is_set(&row->gone);
}

static size_t encoded_len(struct osy_str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
		n += plain ? 1 : 3;
	}
	return n;
}

static void add_select(struct osy_lbatch *batch, struct osy_buf *soql)
{
	bool with_columns = osy_load_compares(batch) && !batch->wide;
	size_t count = 0;
	const char **names = osy_load_asked(batch, with_columns, true, &count);
	const char **fields = osy_arena_calloc(&batch->arena, count + 1, sizeof(*fields));

	count = osy_load_select_names(batch, with_columns, names, count, fields);
	osy_buf_addz(soql, "SELECT ");
	for (size_t i = 0; i < count; i++)
		osy_buf_addf(soql, "%s%s", i ? "," : "", fields[i]);
	osy_buf_addf(soql, " FROM %s WHERE ", batch->object->target);
}

/* One key field's part of the WHERE: values IN a list, or null. */
static void add_condition(const struct osy_spec_object *object, size_t key,
	const struct osy_buf *list, bool null, struct osy_buf *soql)
{
	const char *name = osy_key_name(object, key);

	osy_buf_addz(soql, key ? " AND (" : "(");
	if (list->len)
		osy_buf_addf(soql, "%s IN (%s)", name, list->p);
	if (null)
		osy_buf_addf(soql, "%s%s = null", list->len ? " OR " : "", name);
	osy_buf_addz(soql, ")");
}

struct lists {
	size_t count;
	struct osy_buf *lists; /* a key field each */
	bool *nulls;
	size_t len; /* encoded */
	unsigned rows;
};

static void finish_query(struct osy_lbatch *batch, struct osy_str select, struct lists *lists)
{
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(256u * 1024);
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(1024u * 1024);
	struct osy_lpath *item = osy_arena_alloc(&batch->arena, sizeof(*item));

	osy_buf_add_str(&soql, select);
	for (size_t k = 0; k < lists->count; k++)
		add_condition(batch->object, k, &lists->lists[k], lists->nulls[k], &soql);
	osy_soql_path(osy_buf_str(&soql), false, &path);
	item->path = (struct osy_str){osy_arena_strndup(&batch->arena, path.p, path.len), path.len};
	item->next = batch->paths;
	batch->paths = item;
	for (size_t k = 0; k < lists->count; k++) {
		osy_buf_reset(&lists->lists[k]);
		lists->nulls[k] = false;
	}
	lists->len = lists->rows = 0;
}

static void add_to_lists(struct osy_lbatch *batch, const struct osy_str *keys, struct lists *lists)
{
	OSY_AUTO(osy_buf_done) struct osy_buf literal = OSY_BUF(1024u * 1024);

	for (size_t k = 0; k < lists->count; k++) {
		osy_buf_reset(&literal);
		osy_load_literal(osy_key_type(batch->object, k), keys[k], &literal);
		if (osy_str_is(osy_buf_str(&literal), "null")) {
			lists->nulls[k] = true;
			continue;
		}
		if (lists->lists[k].len)
			osy_buf_addc(&lists->lists[k], ',');
		osy_buf_add_str(&lists->lists[k], osy_buf_str(&literal));
		lists->len += encoded_len(osy_buf_str(&literal)) + 3;
	}
	lists->rows++;
}

static void lists_init(struct osy_lbatch *batch, struct lists *lists)
{
	*lists = (struct lists){.count = osy_key_count(batch->object)};
	lists->lists = osy_arena_calloc(&batch->arena, lists->count + 1, sizeof(*lists->lists));
	lists->nulls = osy_arena_calloc(&batch->arena, lists->count + 1, sizeof(*lists->nulls));
	for (size_t k = 0; k < lists->count; k++)
		lists->lists[k] = OSY_BUF(1024u * 1024);
}

void osy_load_make_paths(struct osy_lbatch *batch)
{
	OSY_AUTO(osy_buf_done) struct osy_buf select = OSY_BUF(1024u * 1024);
	struct lists lists;
	struct osy_str *keys;

	add_select(batch, &select);
	if (encoded_len(osy_buf_str(&select)) > SELECT_MAX && !batch->wide) {
		batch->wide = true;
		osy_buf_reset(&select);
		add_select(batch, &select);
	}
	size_t base = encoded_len(osy_buf_str(&select)) + 64;
	lists_init(batch, &lists);
	for (size_t k = 0; k < lists.count; k++)
		base += strlen(osy_key_name(batch->object, k)) * 2 + 64;
	keys = osy_arena_calloc(&batch->arena, lists.count + 1, sizeof(*keys));
	osy_lindex_init(&batch->by_key, &batch->arena, batch->row_count);
	for (unsigned i = 0; i < batch->row_count; i++) {
		struct osy_lrow *row = &batch->rows[i];
		if (!osy_load_needs_look(batch, row) || !osy_load_keys(batch, row, keys))
			continue;
		row->found = NULL;
		osy_lindex_add(&batch->by_key, row->key, i);
		add_to_lists(batch, keys, &lists);
		if (lists.rows == KEYS_A_QUERY || base + lists.len > QUERY_MAX / 2)
			finish_query(batch, osy_buf_str(&select), &lists);
	}
	if (lists.rows)
		finish_query(batch, osy_buf_str(&select), &lists);
	for (size_t k = 0; k < lists.count; k++)
		osy_buf_done(&lists.lists[k]);
}
