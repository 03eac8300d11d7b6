#include "transform.h"

#include <stdlib.h>

#include "expr.h"
#include "mask.h"
#include "osy/mem.h"
#include "osy/sf_value.h"

#define MAX_ROW (64u * 1024 * 1024)

struct entry {
	struct osy_str from; /* canonical */
	struct osy_str to;   /* raw JSON; p NULL: null */
};

struct column {
	size_t index; /* of the field */
	enum osy_sf_type type;
	const struct osy_spec_rule *rule;
	struct osy_expr *expr; /* NULL: none */
	struct entry *entries; /* by from, ascending */
	size_t entry_count;
	bool maps_null, maps_other;
	struct osy_str null_to, other_to;
};

struct osy_transform {
	size_t field_count, column_count;
	struct column *columns;
	struct osy_mac *mac; /* NULL: nothing is masked */
	struct osy_str *values;
	struct osy_buf made;  /* values that are no slices of what came, one behind the other */
	size_t *from, *until; /* places of the columns' values in made */
	struct osy_buf text, item, computed;
	struct osy_expr_run *run; /* NULL: no field has an expression */
	const struct osy_spec_input *inputs;
	size_t input_count;
	struct osy_str *arguments; /* of expressions: an input each */
	struct osy_arena arena;
};

/* ---- Value maps ---- */
static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order =
		memcmp(x->from.p, y->from.p, x->from.len < y->from.len ? x->from.len : y->from.len);

	return order ? order : (x->from.len > y->from.len) - (x->from.len < y->from.len);
}

static struct osy_str value_of(const char *raw)
{
	return strcmp(raw, "null") == 0 ? OSY_STR_NULL : osy_str(raw);
}

/* Items of a multi-select picklist are texts of their own. */
static enum osy_sf_type item_type(enum osy_sf_type type)
{
	return type == OSY_T_MULTIPICKLIST ? OSY_T_STRING : type;
}

static void add_entry(
	struct osy_transform *transform, struct column *column, const struct osy_spec_value *value)
{
	struct osy_str to = value_of(value->to);

	if (strcmp(value->from, "null") == 0) {
		column->maps_null = true;
		column->null_to = to;
		return;
	}
	if (strcmp(value->from, "*") == 0) {
		column->maps_other = true;
		column->other_to = to;
		return;
	}
	osy_buf_reset(&transform->text);
	if (!osy_sf_value_canon(item_type(column->rule->source_type), -1, osy_str(value->from),
		    &transform->text))
		return;
	struct osy_str from = osy_buf_str(&transform->text);
	column->entries[column->entry_count++] = (struct entry){
		{osy_arena_strndup(&transform->arena, from.p, from.len), from.len}, to};
}

static void add_column(
	struct osy_transform *transform, const struct osy_spec_object *object, size_t index)
{
	struct column *column = &transform->columns[transform->column_count++];
	const struct osy_spec_field *field = &object->fields[index];
	const struct osy_spec_rule *rule = field->rule;

	*column = (struct column){.index = index, .type = field->type, .rule = rule};
	column->entries = osy_arena_calloc(
		&transform->arena, rule->value_count + 1, sizeof(*column->entries));
	for (size_t i = 0; i < rule->value_count; i++)
		add_entry(transform, column, &rule->values[i]);
	if (column->entry_count)
		qsort(column->entries, column->entry_count, sizeof(*column->entries),
			compare_entries);
}

/* What a value that is there becomes; raw itself when the map does not name it. */
static struct osy_str map_one(
	struct osy_transform *transform, const struct column *column, struct osy_str raw)
{
	struct entry key = {0};

	osy_buf_reset(&transform->text);
	if (!osy_sf_value_canon(item_type(column->rule->source_type), -1, raw, &transform->text))
		return column->maps_null ? column->null_to : OSY_STR_NULL;
	key.from = osy_buf_str(&transform->text);
	const struct entry *found = column->entry_count
					    ? bsearch(&key, column->entries, column->entry_count,
						      sizeof(key), compare_entries)
					    : NULL;
	if (found)
		return found->to;
	return column->maps_other ? column->other_to : raw;
}

/* Text of a raw JSON string of ours or of a plain one, without its quotes. */
static struct osy_str unquoted(struct osy_str raw)
{
	return raw.len >= 2 && raw.p[0] == '"' ? (struct osy_str){raw.p + 1, raw.len - 2} : raw;
}

/* A multi-select picklist: item by item. False: nothing is left of it. */
static bool map_items(struct osy_transform *transform, const struct column *column,
	struct osy_str raw, struct osy_buf *out)
{
	struct osy_str rest = unquoted(raw);
	size_t before = out->len;

	osy_buf_addc(out, '"');
	while (rest.len) {
		const char *end = memchr(rest.p, ';', rest.len);
		size_t len = end ? (size_t)(end - rest.p) : rest.len;
		osy_buf_reset(&transform->item);
		osy_buf_addc(&transform->item, '"');
		osy_buf_add(&transform->item, rest.p, len);
		osy_buf_addc(&transform->item, '"');
		struct osy_str to = map_one(transform, column, osy_buf_str(&transform->item));
		if (to.p) {
			if (out->len > before + 1)
				osy_buf_addc(out, ';');
			osy_buf_add_str(out, unquoted(to));
		}
		rest.p += len + (end != NULL);
		rest.len -= len + (end != NULL);
	}
	osy_buf_addc(out, '"');
	if (out->len > before + 2)
		return true;
	out->len = before;
	out->p[before] = 0;
	return false;
}

static bool is_null(struct osy_str raw)
{
	return !raw.p || osy_str_is(raw, "null");
}

static struct osy_str map_value(
	struct osy_transform *transform, const struct column *column, struct osy_str raw)
{
	struct osy_buf *made = &transform->made;
	size_t before = made->len;

	if (!column->rule->value_count)
		return raw;
	if (is_null(raw))
		return column->maps_null ? column->null_to : raw;
	if (column->rule->source_type != OSY_T_MULTIPICKLIST)
		return map_one(transform, column, raw);
	if (!map_items(transform, column, raw, made))
		return OSY_STR_NULL;
	return (struct osy_str){made->p + before, made->len - before};
}

/* ---- Rows ---- */
static void mask_column(struct osy_transform *transform, size_t at, struct osy_str raw, bool mapped)
{
	const struct column *column = &transform->columns[at];
	size_t before = transform->made.len;
	enum osy_sf_type canon = mapped ? column->type : column->rule->source_type;

	transform->values[column->index] = OSY_STR_NULL;
	if (is_null(raw))
		return;
	/* raw may lie in made, which grows: masks are made aside */
	osy_buf_reset(&transform->item);
	if (!osy_mask_value(
		    transform->mac, column->rule, column->type, canon, raw, &transform->item))
		return;
	osy_buf_add_str(&transform->made, osy_buf_str(&transform->item));
	transform->from[at] = before;
	transform->until[at] = transform->made.len;
}

static bool in_made(const struct osy_transform *transform, struct osy_str value)
{
	const char *p = transform->made.p;

	return value.p && value.p >= p && value.p < p + transform->made.len;
}

static struct osy_str compute(struct osy_transform *transform, const struct column *column)
{
	osy_buf_reset(&transform->computed);
	osy_expr_eval(column->expr, transform->run, transform->arguments, &transform->computed);
	return osy_buf_str(&transform->computed);
}

/* What lies in a buffer that the next column uses again goes into made. */
static struct osy_str keep_computed(struct osy_transform *transform, struct osy_str value)
{
	size_t before = transform->made.len;

	if (value.p != transform->computed.p)
		return value;
	if (is_null(value))
		return OSY_STR_NULL;
	osy_buf_add_str(&transform->made, value);
	return (struct osy_str){transform->made.p + before, value.len};
}

static void one_column(struct osy_transform *transform, size_t at, struct osy_str raw)
{
	const struct column *column = &transform->columns[at];

	if (column->expr)
		raw = compute(transform, column);
	bool failed = column->expr && raw.p[0] == '!';
	struct osy_str value = failed ? raw : map_value(transform, column, raw);
	bool mapped = value.p != raw.p;

	transform->from[at] = transform->until[at] = 0;
	if (column->rule->mask != OSY_MASK_NONE && !failed) {
		mask_column(transform, at, value, mapped);
		return;
	}
	if (column->expr)
		value = keep_computed(transform, value);
	transform->values[column->index] = value;
	if (in_made(transform, value)) {
		transform->from[at] = (size_t)(value.p - transform->made.p);
		transform->until[at] = transform->from[at] + value.len;
	}
}

const struct osy_str *osy_transform_row(
	struct osy_transform *transform, const struct osy_str *values)
{
	osy_buf_reset(&transform->made);
	memcpy(transform->values, values, transform->field_count * sizeof(*values));
	for (size_t i = 0; i < transform->input_count; i++)
		transform->arguments[i] = values[transform->inputs[i].column];
	for (size_t i = 0; i < transform->column_count; i++)
		one_column(transform, i, values[transform->columns[i].index]);
	for (size_t i = 0; i < transform->column_count; i++) { /* made moves no more */
		if (transform->until[i])
			transform->values[transform->columns[i].index] =
				(struct osy_str){transform->made.p + transform->from[i],
					transform->until[i] - transform->from[i]};
	}
	return transform->values;
}

/* ---- Life ---- */
/* The plan has compiled them all: what fails here is no matter of the template. */
static enum osy_code compile(struct osy_transform *transform, const struct osy_spec_object *object,
	struct column *column, struct osy_err *err)
{
	const struct osy_spec_field *field = &object->fields[column->index];
	const struct osy_expr_target target = {field->type, column->rule->length, field->scale};
	struct osy_expr_field *fields =
		osy_arena_calloc(&transform->arena, object->input_count + 1, sizeof(*fields));

	for (size_t i = 0; i < object->input_count; i++)
		fields[i] = (struct osy_expr_field){object->inputs[i].name, object->inputs[i].type};
	const struct osy_expr_scope scope = {fields, object->input_count};
	enum osy_code rc = osy_expr_compile(osy_str(column->rule->expression), &scope, &target,
		&transform->arena, &column->expr, err);
	return rc ? osy_err_prefix(err, "expression of %s.%s", object->target, field->target)
		  : OSY_OK;
}

static enum osy_code compile_all(struct osy_transform *transform,
	const struct osy_spec_object *object, int64_t now_ms, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; !rc && i < transform->column_count; i++) {
		struct column *column = &transform->columns[i];
		if (!column->rule->expression)
			continue;
		if (!transform->run)
			transform->run = osy_expr_run_new(now_ms);
		rc = compile(transform, object, column, err);
	}
	transform->inputs = object->inputs;
	transform->input_count = object->input_count;
	transform->arguments = osy_arena_calloc(
		&transform->arena, object->input_count + 1, sizeof(*transform->arguments));
	return rc;
}

enum osy_code osy_transform_new(const struct osy_spec_object *object,
	const struct osy_secret *secret_key, int64_t now_ms, struct osy_transform **ret,
	struct osy_err *err)
{
	size_t rules = 0, masks = 0;
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; i < object->field_count; i++) {
		rules += object->fields[i].rule != NULL;
		masks += object->fields[i].rule && object->fields[i].rule->mask != OSY_MASK_NONE;
	}
	*ret = NULL;
	if (!rules)
		return OSY_OK;
	struct osy_transform *transform = osy_xcalloc(1, sizeof(*transform));
	osy_arena_init(&transform->arena, 16u * 1024);
	transform->field_count = object->field_count;
	transform->columns = osy_xcalloc(rules, sizeof(*transform->columns));
	transform->values = osy_xcalloc(object->field_count, sizeof(*transform->values));
	transform->from = osy_xcalloc(rules, sizeof(*transform->from));
	transform->until = osy_xcalloc(rules, sizeof(*transform->until));
	transform->made = transform->text = transform->item = OSY_BUF(MAX_ROW);
	transform->computed = OSY_BUF(MAX_ROW);
	for (size_t i = 0; i < object->field_count; i++) {
		if (object->fields[i].rule)
			add_column(transform, object, i);
	}
	rc = compile_all(transform, object, now_ms, err);
	if (!rc && masks)
		rc = osy_mac_new(secret_key, "orgsync mask 1", &transform->mac, err);
	*ret = rc ? osy_transform_free(transform) : transform;
	return rc;
}

struct osy_transform *osy_transform_free(struct osy_transform *transform)
{
	if (!transform)
		return NULL;
	osy_mac_free(transform->mac);
	osy_buf_done(&transform->made);
	osy_buf_done(&transform->text);
	osy_buf_done(&transform->item);
	osy_buf_done(&transform->computed);
	osy_expr_run_free(transform->run);
	osy_arena_done(&transform->arena);
	free(transform->columns);
	free(transform->values);
	free(transform->from);
	free(transform->until);
	free(transform);
	return NULL;
}
