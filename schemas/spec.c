#include "osy/spec.h"

#include <stdlib.h>

#include "osy/json.h"
#include "osy/json_write.h"

#define MAX_OBJECTS 2000

enum {
	VERSION = 1,
	VERSION_WITH_RULES = 2,
	VERSION_WITH_DELETES = 3,
	VERSION_WITH_POLICIES = 4,
	VERSION_WITH_EXPRESSIONS = 5,
	VERSION_WITH_FILES = 6,
	VERSION_WITH_HOOKS = 7,
	VERSION_WITH_IDS = 8,
	VERSION_WITH_LEVELS = 9
};

/* ---- Tables: one row a member, for writer and reader alike. kind: S text, T text or null, I
 * number, N number or -1, B boolean. The formatter never comes to rest here. ---- */
/* clang-format off */
#define FIELD_MEMBERS(X) \
	X(S, name) X(S, target) X(I, scale) X(B, createable) X(B, updateable) X(B, nillable) \
	X(B, unique) X(B, required) X(B, link) X(B, write_nulls) X(B, to_users) X(B, to_queues) \
	X(I, missing) X(I, kind) X(B, to_several) X(B, ids) X(B, level)

#define OBJECT_MEMBERS(X) \
	X(I, index) X(S, name) X(S, target) X(I, stage) X(B, insert) X(B, update) \
	X(B, match_only) X(B, write_nulls) X(B, target_empty) X(I, batch_size) X(I, lanes) X(I, first_lane) \
	X(I, lock_field) X(N, order_field) X(T, match_field) X(B, match_unique) X(B, claim) \
	X(T, where) X(T, order_by) X(I, limit) X(I, selected) X(B, read_bulk) X(B, load_bulk) \
	X(I, target_count) X(B, key_read) X(B, deletes) X(N, since) \
	X(N, waiting_of) X(N, waiting_leg) X(B, waits) X(N, person_field) X(B, person_contact) \
	X(T, currency) X(B, no_maker) X(I, levels) X(B, circles)

#define FILE_MEMBERS(X) X(N, body) X(N, size) X(N, sum) X(N, changed) X(N, document) X(I, max_bytes) X(B, all) X(B, verify)

#define SPEC_MEMBERS(X) \
	X(S, source) X(S, target) X(I, pair) X(I, lanes) X(I, stages) X(I, api_reserve_percent) \
	X(B, continue_on_error) X(B, snapshots) X(B, audit_fields) X(B, delta) X(B, revives) X(T, duplicate_rules)
/* clang-format on */

static const char *const mask_names[] = {
	"none", "hash", "keep-last", "replace", "pattern", "shuffle", "null"};

static const char *const missing_names[] = {"blank", "wait", "fail", "keep"};

const char *osy_missing_name(enum osy_missing missing)
{
	return missing_names[missing];
}

bool osy_missing_parse(struct osy_str name, enum osy_missing *ret)
{
	for (size_t i = 0; i < OSY_MISSING_KEEP; i++) {
		if (osy_str_is(name, missing_names[i])) {
			*ret = (enum osy_missing)i;
			return true;
		}
	}
	return false;
}

static const char *const match_names[] = {"none", "externalId", "keys", "sourceId", "id"};

#define WRITE_S(w, from, member) osy_jw_put_str((w), #member, osy_str((from)->member));
#define WRITE_T(w, from, member) osy_jw_put_str((w), #member, osy_str((from)->member));
#define WRITE_I(w, from, member) osy_jw_put_i64((w), #member, (from)->member);
#define WRITE_N WRITE_I
#define WRITE_B(w, from, member) osy_jw_put_bool((w), #member, (from)->member);

static void write_ints(struct osy_json_writer *w, const char *key, const int *items, size_t count)
{
	osy_jw_key(w, key);
	osy_jw_array(w);
	for (size_t i = 0; i < count; i++)
		osy_jw_i64(w, items[i]);
	osy_jw_array_end(w);
}

static void write_rule(struct osy_json_writer *w, const struct osy_spec_rule *rule)
{
	osy_jw_key(w, "rule");
	osy_jw_object(w);
	osy_jw_put_str(w, "source_type", osy_str(osy_sf_type_name(rule->source_type)));
	osy_jw_put_i64(w, "length", rule->length);
	osy_jw_key(w, "values");
	osy_jw_array(w);
	for (size_t i = 0; i < rule->value_count; i++) {
		osy_jw_array(w);
		osy_jw_str(w, osy_str(rule->values[i].from));
		osy_jw_str(w, osy_str(rule->values[i].to));
		osy_jw_array_end(w);
	}
	osy_jw_array_end(w);
	osy_jw_put_str(w, "mask", osy_str(mask_names[rule->mask]));
	osy_jw_put_i64(w, "keep", rule->keep);
	osy_jw_put_str(w, "text", osy_str(rule->text));
	osy_jw_put_str(w, "expression", osy_str(rule->expression));
	osy_jw_key(w, "choices");
	osy_jw_array(w);
	for (size_t i = 0; i < rule->choice_count; i++)
		osy_jw_str(w, osy_str(rule->choices[i]));
	osy_jw_array_end(w);
	osy_jw_object_end(w);
}

static void write_field(struct osy_json_writer *w, const struct osy_spec_field *field)
{
	osy_jw_object(w);
#define X(kind, member) WRITE_##kind(w, field, member)
	FIELD_MEMBERS(X)
#undef X
	osy_jw_put_str(w, "type", osy_str(osy_sf_type_name(field->type)));
	write_ints(w, "parents", field->parents, field->parent_count);
	if (field->rule)
		write_rule(w, field->rule);
	osy_jw_object_end(w);
}

static void write_inputs(struct osy_json_writer *w, const struct osy_spec_object *object)
{
	osy_jw_put_i64(w, "extra", object->extra);
	osy_jw_key(w, "inputs");
	osy_jw_array(w);
	for (size_t i = 0; i < object->input_count; i++) {
		osy_jw_object(w);
		osy_jw_put_str(w, "name", osy_str(object->inputs[i].name));
		osy_jw_put_str(w, "type", osy_str(osy_sf_type_name(object->inputs[i].type)));
		osy_jw_put_i64(w, "column", object->inputs[i].column);
		osy_jw_object_end(w);
	}
	osy_jw_array_end(w);
}

static void write_file(struct osy_json_writer *w, const struct osy_spec_file *file)
{
	osy_jw_key(w, "file");
	osy_jw_object(w);
#define X(kind, member) WRITE_##kind(w, file, member)
	FILE_MEMBERS(X)
#undef X
	osy_jw_object_end(w);
}

static void write_hook(struct osy_json_writer *w, const struct osy_spec_hook *hook)
{
	osy_jw_key(w, "hook");
	osy_jw_object(w);
	osy_jw_put_str(w, "name", osy_str(hook->name));
	osy_jw_put_bool(w, "early", hook->early);
	osy_jw_put_i64(w, "timeout_ms", hook->timeout_ms);
	write_ints(w, "fields", hook->fields, hook->field_count);
	osy_jw_object_end(w);
}

static void write_object(struct osy_json_writer *w, const struct osy_spec_object *object)
{
	osy_jw_object(w);
#define X(kind, member) WRITE_##kind(w, object, member)
	OBJECT_MEMBERS(X)
#undef X
	osy_jw_put_str(w, "prefix", osy_str(object->prefix));
	osy_jw_put_str(w, "target_prefix", osy_str(object->target_prefix));
	osy_jw_put_str(w, "match", osy_str(match_names[object->match]));
	write_ints(w, "keys", object->keys, object->key_count);
	osy_jw_key(w, "children");
	osy_jw_array(w);
	for (size_t i = 0; i < object->child_count; i++) {
		osy_jw_array(w);
		osy_jw_str(w, osy_str(object->children[i].object));
		osy_jw_str(w, osy_str(object->children[i].field));
		osy_jw_str(w, osy_str(object->children[i].where));
		osy_jw_array_end(w);
	}
	osy_jw_array_end(w);
	osy_jw_key(w, "fields");
	osy_jw_array(w);
	for (size_t i = 0; i < object->field_count; i++)
		write_field(w, &object->fields[i]);
	osy_jw_array_end(w);
	if (object->input_count)
		write_inputs(w, object);
	if (object->file)
		write_file(w, object->file);
	if (object->hook)
		write_hook(w, object->hook);
	osy_jw_object_end(w);
}

/* A program that knows no rules must not run a spec that has some: it would let values through; nor
 * one that knows no deletes: it would insert; nor one that knows no policies: it would send a
 * record that is to wait; nor one that knows no files: it would send their addresses; nor one that
 * knows no hooks: it would publish what nobody was asked about; nor one that knows no ids in texts:
 * it would send those of the source; nor one that knows no levels: it would read all of them at
 * once. */
static int version_of_object(const struct osy_spec_object *object)
{
	int version = object->hook	? VERSION_WITH_HOOKS
		      : object->file	? VERSION_WITH_FILES
		      : object->deletes ? VERSION_WITH_DELETES
					: VERSION;

	if (object->levels)
		return VERSION_WITH_LEVELS;
	for (size_t f = 0; f < object->field_count; f++) {
		const struct osy_spec_field *field = &object->fields[f];
		if (field->ids)
			return VERSION_WITH_IDS;
		if (field->rule && field->rule->expression && version < VERSION_WITH_EXPRESSIONS)
			version = VERSION_WITH_EXPRESSIONS;
		if ((field->missing != OSY_MISSING_BLANK || field->kind != OSY_KIND_BOTH) &&
			version < VERSION_WITH_POLICIES)
			version = VERSION_WITH_POLICIES;
		if (field->rule && version < VERSION_WITH_RULES)
			version = VERSION_WITH_RULES;
	}
	return version;
}

static int version_of(const struct osy_spec *spec)
{
	int version = VERSION;

	for (size_t i = 0; i < spec->object_count; i++) {
		int own = version_of_object(&spec->objects[i]);
		version = own > version ? own : version;
	}
	return version;
}

void osy_spec_write(const struct osy_spec *spec, struct osy_buf *out)
{
	struct osy_json_writer w = osy_json_writer(out);

	osy_jw_object(&w);
	osy_jw_put_i64(&w, "v", version_of(spec));
	osy_jw_put_str(&w, "run", osy_str(spec->run));
	osy_jw_put_str(&w, "source_org_id", osy_str(spec->source_org_id));
	osy_jw_put_str(&w, "target_org_id", osy_str(spec->target_org_id));
	osy_jw_put_str(&w, "target_user_id", osy_str(spec->target_user_id));
#define X(kind, member) WRITE_##kind(&w, spec, member)
	SPEC_MEMBERS(X)
#undef X
	osy_jw_key(&w, "pins");
	osy_jw_array(&w);
	for (size_t i = 0; i < spec->pin_count; i++) {
		osy_jw_array(&w);
		osy_jw_str(&w, osy_str(spec->pins[i].source.c));
		osy_jw_str(&w, osy_str(spec->pins[i].target.c));
		osy_jw_array_end(&w);
	}
	osy_jw_array_end(&w);
	osy_jw_key(&w, "objects");
	osy_jw_array(&w);
	for (size_t i = 0; i < spec->object_count; i++)
		write_object(&w, &spec->objects[i]);
	osy_jw_array_end(&w);
	osy_jw_object_end(&w);
}

/* ---- Reading ---- */
static const char *take_text(struct osy_arena *arena, const struct osy_json *from, const char *key)
{
	struct osy_str text = osy_json_get_str(from, key);

	return text.p ? osy_arena_strndup(arena, text.p, text.len) : NULL;
}

static const char *take_required(
	struct osy_arena *arena, const struct osy_json *from, const char *key)
{
	const char *text = take_text(arena, from, key);

	return text ? text : "";
}

/* A text that does not fit counts as none: half an id would be another one. */
static void take_chars(char *to, size_t size, const struct osy_json *from, const char *key)
{
	struct osy_str text = osy_json_get_str(from, key);
	size_t len = text.len < size ? text.len : 0;

	if (len)
		memcpy(to, text.p, len);
	to[len] = 0;
}

#define READ_S(arena, json, to, member) (to)->member = take_required((arena), (json), #member);
#define READ_T(arena, json, to, member) (to)->member = take_text((arena), (json), #member);
#define READ_I(arena, json, to, member) \
	(to)->member = (__typeof__((to)->member))osy_json_get_i64((json), #member, 0);
#define READ_N(arena, json, to, member) \
	(to)->member = (__typeof__((to)->member))osy_json_get_i64((json), #member, -1);
#define READ_B(arena, json, to, member) (to)->member = osy_json_get_bool((json), #member, false);

static const int *take_ints(
	struct osy_arena *arena, const struct osy_json *array, size_t *ret_count)
{
	size_t count = osy_json_count(array);
	int *items = osy_arena_calloc(arena, count + 1, sizeof(*items));

	for (size_t i = 0; i < count; i++)
		items[i] = (int)osy_json_i64(osy_json_at(array, i), -1);
	*ret_count = count;
	return items;
}

static void read_values(
	struct osy_arena *arena, const struct osy_json *array, struct osy_spec_rule *rule)
{
	rule->value_count = osy_json_count(array);
	struct osy_spec_value *values =
		osy_arena_calloc(arena, rule->value_count + 1, sizeof(*values));
	for (size_t i = 0; i < rule->value_count; i++) {
		const struct osy_json *pair = osy_json_at(array, i);
		struct osy_str from = osy_json_str(osy_json_at(pair, 0));
		struct osy_str to = osy_json_str(osy_json_at(pair, 1));
		values[i].from = from.p ? osy_arena_strndup(arena, from.p, from.len) : "";
		values[i].to = to.p ? osy_arena_strndup(arena, to.p, to.len) : "null";
	}
	rule->values = values;
}

static const struct osy_spec_rule *read_rule(struct osy_arena *arena, const struct osy_json *json)
{
	if (osy_json_type(json) != OSY_JSON_OBJECT)
		return NULL;
	struct osy_spec_rule *rule = osy_arena_calloc(arena, 1, sizeof(*rule));
	const struct osy_json *choices = osy_json_get(json, "choices");
	struct osy_str mask = osy_json_get_str(json, "mask");
	rule->source_type = osy_sf_type_parse(osy_json_get_str(json, "source_type"));
	rule->length = (int)osy_json_get_i64(json, "length", 0);
	read_values(arena, osy_json_get(json, "values"), rule);
	rule->mask = OSY_MASK_NULL; /* a mask that we do not know hides all */
	for (size_t i = 0; i < OSY_COUNT(mask_names); i++) {
		if (osy_str_is(mask, mask_names[i]))
			rule->mask = (enum osy_mask)i;
	}
	rule->keep = (int)osy_json_get_i64(json, "keep", 0);
	rule->text = take_text(arena, json, "text");
	rule->expression = take_text(arena, json, "expression");
	rule->choice_count = osy_json_count(choices);
	const char **texts = osy_arena_calloc(arena, rule->choice_count + 1, sizeof(*texts));
	for (size_t i = 0; i < rule->choice_count; i++) {
		struct osy_str text = osy_json_str(osy_json_at(choices, i));
		texts[i] = text.p ? osy_arena_strndup(arena, text.p, text.len) : "";
	}
	rule->choices = texts;
	return rule;
}

static void read_field(
	struct osy_arena *arena, const struct osy_json *json, struct osy_spec_field *field)
{
#define X(kind, member) READ_##kind(arena, json, field, member)
	FIELD_MEMBERS(X)
#undef X
	field->type = osy_sf_type_parse(osy_json_get_str(json, "type"));
	field->parents = take_ints(arena, osy_json_get(json, "parents"), &field->parent_count);
	field->rule = read_rule(arena, osy_json_get(json, "rule"));
}

static void read_children(
	struct osy_arena *arena, const struct osy_json *array, struct osy_spec_object *object)
{
	object->child_count = osy_json_count(array);
	struct osy_spec_child *children =
		osy_arena_calloc(arena, object->child_count + 1, sizeof(*children));
	for (size_t i = 0; i < object->child_count; i++) {
		const struct osy_json *pair = osy_json_at(array, i);
		struct osy_str child = osy_json_str(osy_json_at(pair, 0));
		struct osy_str field = osy_json_str(osy_json_at(pair, 1));
		struct osy_str where = osy_json_str(osy_json_at(pair, 2));
		children[i].object = child.p ? osy_arena_strndup(arena, child.p, child.len) : "";
		children[i].field = field.p ? osy_arena_strndup(arena, field.p, field.len) : "";
		children[i].where = where.p ? osy_arena_strndup(arena, where.p, where.len) : "";
	}
	object->children = children;
}

static void read_inputs(
	struct osy_arena *arena, const struct osy_json *json, struct osy_spec_object *object)
{
	const struct osy_json *array = osy_json_get(json, "inputs");

	object->input_count = osy_json_count(array);
	object->extra = (int)osy_json_get_i64(json, "extra", 0);
	struct osy_spec_input *inputs =
		osy_arena_calloc(arena, object->input_count + 1, sizeof(*inputs));
	for (size_t i = 0; i < object->input_count; i++) {
		const struct osy_json *item = osy_json_at(array, i);
		inputs[i].name = take_required(arena, item, "name");
		inputs[i].type = osy_sf_type_parse(osy_json_get_str(item, "type"));
		inputs[i].column = (int)osy_json_get_i64(item, "column", -1);
	}
	object->inputs = inputs;
}

static const struct osy_spec_file *read_file(struct osy_arena *arena, const struct osy_json *json)
{
	if (osy_json_type(json) != OSY_JSON_OBJECT)
		return NULL;
	struct osy_spec_file *file = osy_arena_calloc(arena, 1, sizeof(*file));
#define X(kind, member) READ_##kind(arena, json, file, member)
	FILE_MEMBERS(X)
#undef X
	return file;
}

static const struct osy_spec_hook *read_hook(struct osy_arena *arena, const struct osy_json *json)
{
	if (osy_json_type(json) != OSY_JSON_OBJECT)
		return NULL;
	struct osy_spec_hook *hook = osy_arena_calloc(arena, 1, sizeof(*hook));
	hook->name = take_required(arena, json, "name");
	hook->early = osy_json_get_bool(json, "early", false);
	hook->timeout_ms = (int)osy_json_get_i64(json, "timeout_ms", 0);
	hook->fields = take_ints(arena, osy_json_get(json, "fields"), &hook->field_count);
	return hook;
}

static void read_object(
	struct osy_arena *arena, const struct osy_json *json, struct osy_spec_object *object)
{
#define X(kind, member) READ_##kind(arena, json, object, member)
	OBJECT_MEMBERS(X)
#undef X
	take_chars(object->prefix, sizeof(object->prefix), json, "prefix");
	take_chars(object->target_prefix, sizeof(object->target_prefix), json, "target_prefix");
	struct osy_str match = osy_json_get_str(json, "match");
	for (size_t i = 0; i < OSY_COUNT(match_names); i++) {
		if (osy_str_is(match, match_names[i]))
			object->match = (enum osy_match)i;
	}
	object->keys = take_ints(arena, osy_json_get(json, "keys"), &object->key_count);
	read_children(arena, osy_json_get(json, "children"), object);
	const struct osy_json *array = osy_json_get(json, "fields");
	object->field_count = osy_json_count(array);
	struct osy_spec_field *fields =
		osy_arena_calloc(arena, object->field_count + 1, sizeof(*fields));
	for (size_t i = 0; i < object->field_count; i++)
		read_field(arena, osy_json_at(array, i), &fields[i]);
	object->fields = fields;
	read_inputs(arena, json, object);
	object->file = read_file(arena, osy_json_get(json, "file"));
	object->hook = read_hook(arena, osy_json_get(json, "hook"));
}

static bool indexes_hold(const int *items, size_t count, size_t limit)
{
	for (size_t i = 0; i < count; i++) {
		if (items[i] < 0 || (size_t)items[i] >= limit)
			return false;
	}
	return true;
}

/* Each column of the row is a field, or that of one input. */
static bool inputs_hold(const struct osy_spec_object *object)
{
	if (object->extra < 0 || (size_t)object->extra > object->input_count)
		return false;
	for (size_t i = 0; i < object->input_count; i++) {
		const struct osy_spec_input *input = &object->inputs[i];
		if (!input->name[0] || input->column < OSY_COLUMN_ID ||
			input->column >= (int)osy_spec_columns(object))
			return false;
	}
	for (size_t c = object->field_count; c < osy_spec_columns(object); c++) {
		if (!osy_spec_column(object, c, NULL))
			return false;
	}
	return true;
}

static bool is_index(int index, const struct osy_spec_object *object)
{
	return index >= -1 && index < (int)object->field_count;
}

static bool file_holds(const struct osy_spec_object *object)
{
	const struct osy_spec_file *file = object->file;

	return !file || (file->body >= 0 && (file->size >= 0 || file->changed >= 0) &&
				is_index(file->body, object) && is_index(file->size, object) &&
				is_index(file->sum, object) && is_index(file->changed, object) &&
				is_index(file->document, object));
}

static bool hook_holds(const struct osy_spec_object *object)
{
	const struct osy_spec_hook *hook = object->hook;

	return !hook || (hook->name[0] && hook->timeout_ms > 0 &&
				indexes_hold(hook->fields, hook->field_count, object->field_count));
}

static bool object_holds(
	const struct osy_spec *spec, const struct osy_spec_object *object, size_t index)
{
	if (object->index != (int)index || object->stage < 1 || object->levels < 0 ||
		osy_spec_object_last(object) > spec->stages || object->lanes < 1 ||
		object->lanes > spec->lanes || object->first_lane < 0 ||
		object->first_lane >= spec->lanes || object->batch_size < 1 ||
		object->batch_size > 200 || !is_index(object->lock_field, object) ||
		!is_index(object->order_field, object) || !file_holds(object) ||
		!hook_holds(object) || object->person_field >= (int)object->field_count ||
		object->waiting_of >= (int)spec->object_count ||
		object->waiting_leg >= (int)spec->object_count ||
		!indexes_hold(object->keys, object->key_count, object->field_count))
		return false;
	for (size_t i = 0; i < object->field_count; i++) {
		const struct osy_spec_field *field = &object->fields[i];
		if (!field->name[0] || !field->target[0] || field->missing > OSY_MISSING_KEEP ||
			field->kind > OSY_KIND_BUSINESS ||
			!indexes_hold(field->parents, field->parent_count, spec->object_count))
			return false;
	}
	return object->name[0] && object->target[0] && inputs_hold(object);
}

static bool read_pins(const struct osy_json *array, struct osy_spec *spec)
{
	spec->pin_count = osy_json_count(array);
	struct osy_spec_pin *pins =
		osy_arena_calloc(spec->arena_, spec->pin_count + 1, sizeof(*pins));
	for (size_t i = 0; i < spec->pin_count; i++) {
		const struct osy_json *pair = osy_json_at(array, i);
		if (!osy_id_parse(osy_json_str(osy_json_at(pair, 0)), &pins[i].source) ||
			(osy_json_str(osy_json_at(pair, 1)).len &&
				!osy_id_parse(osy_json_str(osy_json_at(pair, 1)), &pins[i].target)))
			return false;
	}
	spec->pins = pins;
	return true;
}

static bool read_spec(const struct osy_json *json, struct osy_spec *spec)
{
#define X(kind, member) READ_##kind(spec->arena_, json, spec, member)
	SPEC_MEMBERS(X)
#undef X
	take_chars(spec->run, sizeof(spec->run), json, "run");
	take_chars(spec->source_org_id, sizeof(spec->source_org_id), json, "source_org_id");
	take_chars(spec->target_org_id, sizeof(spec->target_org_id), json, "target_org_id");
	take_chars(spec->target_user_id, sizeof(spec->target_user_id), json, "target_user_id");
	const struct osy_json *array = osy_json_get(json, "objects");
	spec->object_count = osy_json_count(array);
	if (spec->object_count > MAX_OBJECTS || spec->lanes < 1 || spec->stages < 0 ||
		!spec->run[0])
		return false;
	struct osy_spec_object *objects =
		osy_arena_calloc(spec->arena_, spec->object_count + 1, sizeof(*objects));
	spec->objects = objects;
	for (size_t i = 0; i < spec->object_count; i++)
		read_object(spec->arena_, osy_json_at(array, i), &objects[i]);
	for (size_t i = 0; i < spec->object_count; i++) {
		if (!object_holds(spec, &objects[i], i))
			return false;
	}
	return read_pins(osy_json_get(json, "pins"), spec);
}

enum osy_code osy_spec_read(struct osy_str text, struct osy_spec **ret, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;
	enum osy_code rc = osy_json_parse(text, "a run's spec", &json, err);

	if (rc)
		return rc;
	struct osy_spec *spec = osy_xcalloc(1, sizeof(*spec));
	spec->arena_ = osy_xmalloc(sizeof(*spec->arena_));
	osy_arena_init(spec->arena_, 64u * 1024);
	int64_t version = osy_json_get_i64(json, "v", 0);
	if (version < VERSION || version > VERSION_WITH_LEVELS || !read_spec(json, spec)) {
		osy_spec_free(spec);
		return osy_fail(err, OSY_E_INTERNAL,
			"a run's spec of %zu bytes does not hold together; scan the run again",
			text.len);
	}
	*ret = spec;
	return OSY_OK;
}

struct osy_spec *osy_spec_free(struct osy_spec *spec)
{
	if (spec) {
		osy_arena_done(spec->arena_);
		free(spec->arena_);
		free(spec);
	}
	return NULL;
}

const char *osy_spec_column(
	const struct osy_spec_object *object, size_t column, enum osy_sf_type *ret_type)
{
	if (column < object->field_count) {
		const struct osy_spec_field *field = &object->fields[column];
		if (ret_type)
			*ret_type = field->type;
		return field->rule && field->rule->expression ? NULL : field->name;
	}
	for (size_t i = 0; i < object->input_count; i++) {
		if (object->inputs[i].column != (int)column)
			continue;
		if (ret_type)
			*ret_type = object->inputs[i].type;
		return object->inputs[i].name;
	}
	return NULL;
}

const struct osy_spec_object *osy_spec_by_prefix(const struct osy_spec *spec, const char prefix[3])
{
	for (size_t i = 0; i < spec->object_count; i++) {
		if (memcmp(spec->objects[i].prefix, prefix, 3) == 0)
			return &spec->objects[i];
	}
	return NULL;
}

int osy_spec_last_stage(const struct osy_spec *spec, const char prefix[3])
{
	int stage = 0;

	for (size_t i = 0; i < spec->object_count; i++) {
		if (memcmp(spec->objects[i].prefix, prefix, 3) == 0 && !spec->objects[i].deletes &&
			osy_spec_object_last(&spec->objects[i]) > stage)
			stage = osy_spec_object_last(&spec->objects[i]);
	}
	return stage;
}
