#include "plan.h"

#include <stdlib.h>
#include <strings.h>

#include "osy/sf_collection.h"
#include "plan_build.h"
#include "soql.h"

void osy_plan_notice(struct osy_plan *plan, const char *format, ...)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(64 * 1024);
	const char **notices = (const char **)plan->notices;
	va_list args;

	if (plan->notice_count == OSY_PLAN_MAX_NOTICES)
		return;
	va_start(args, format);
	osy_buf_vaddf(&text, format, args);
	va_end(args);
	notices[plan->notice_count++] = osy_arena_strndup(&plan->arena, text.p, text.len);
}

static enum osy_code check_object(
	struct plan_build *build, struct plan_node *node, struct osy_err *err)
{
	const struct osy_template_object *object = node->template;
	const struct osy_sf_object *source = node->source, *target = node->target;

	if (!source->queryable)
		return plan_fail(build, node,
			PLAN_TODO("permission", NULL, false, "grant our user Read on the object"),
			err, "%s cannot be queried in org '%s'", source->name, build->source_org);
	if (!source->key_prefix[0] || !target->key_prefix[0])
		return plan_fail(build, node,
			PLAN_TODO("object", NULL, source->key_prefix[0] != 0,
				"take the object out of the template"),
			err, "%s has records without a key prefix, which cannot be synced",
			source->key_prefix[0] ? target->name : source->name);
	if (object->match_only)
		return OSY_OK;
	if (object->insert && !target->createable)
		return plan_fail(build, node, PLAN_AT("permission", NULL, true), err,
			"records of %s cannot be inserted in org '%s' by our user; grant it Create "
			"or set insert: false",
			target->name, build->target_org);
	if (object->update && !target->updateable)
		plan_note(build, node,
			PLAN_TODO("permission", NULL, true,
				"grant our user Edit on the object, or set update: false"),
			false,
			"records of %s cannot be updated in the target; those that are there stay "
			"as they are",
			target->name);
	return OSY_OK;
}

/* What the target wants on insert and nobody fills: the rows will fail, so say it now. */
static void note_missing(struct plan_build *build, const struct plan_node *node)
{
	if (!node->template->insert || node->template->match_only)
		return;
	for (size_t i = 0; i < node->target->field_count; i++) {
		const struct osy_sf_field *field = &node->target->fields[i];
		bool filled = node->template->match == OSY_MATCH_SOURCE_ID &&
			      strcasecmp(node->template->match_fields[0], field->name) == 0;
		for (size_t j = 0; !filled && j < node->field_count; j++)
			filled = !node->fields[j].dropped && node->fields[j].target == field;
		if (!filled && osy_sf_field_required(field))
			plan_note(build, node,
				PLAN_TODO("required", field->name, true,
					"copy or map a field into it, give it a default, or set "
					"insert: false"),
				true,
				"%s.%s is required in the target but nothing is copied into it: "
				"inserts will fail",
				node->target->name, field->name);
	}
}

void plan_required_fields(struct plan_build *build)
{
	for (size_t i = 0; i < build->node_count; i++) {
		if (i == 0 || build->nodes[i].template != build->nodes[i - 1].template)
			note_missing(build, &build->nodes[i]);
	}
}

static void keep_keys_only(struct plan_node *node)
{
	for (size_t i = 0; i < node->field_count; i++)
		node->fields[i].dropped |= !node->fields[i].key;
}

static enum osy_code build_node(
	struct plan_build *build, struct plan_node *node, struct osy_err *err)
{
	enum osy_code rc = check_object(build, node, err);

	if (!rc)
		rc = plan_fields(build, node, err);
	if (!rc && node->template->match_only)
		keep_keys_only(node);
	if (!rc)
		rc = plan_rules(build, node, err);
	if (!rc)
		rc = plan_ids(build, node, err);
	return rc ? rc : plan_hook(build, node, err);
}

static bool is_standard(const struct osy_sf_object *object, const char *name)
{
	return strcasecmp(object->name, name) == 0;
}

struct plan_node *plan_second_leg(struct plan_build *build, struct plan_node *node)
{
	struct plan_node *second = &build->nodes[build->node_count++];

	*second = *node;
	second->fields =
		osy_arena_calloc(&build->plan->arena, node->field_cap + 1, sizeof(*second->fields));
	if (node->field_count)
		memcpy(second->fields, node->fields, node->field_count * sizeof(*second->fields));
	return second;
}

/* The standard prices first: without them no other price of a product goes in. */
static void split_legs(struct plan_build *build, struct plan_node *node)
{
	plan_second_leg(build, node)->leg_where = "Pricebook2.IsStandard = false";
	node->leg_where = "Pricebook2.IsStandard = true";
}

enum osy_code plan_nodes(struct plan_build *build, struct osy_sf_object *const *sources,
	struct osy_sf_object *const *targets, struct osy_err *err)
{
	const struct osy_template *template = build->template;

	build->nodes = osy_arena_calloc(
		&build->plan->arena, template->object_count * 2 + 1, sizeof(*build->nodes));
	for (size_t i = 0; i < template->object_count; i++) {
		struct plan_node *node = &build->nodes[build->node_count++];
		node->template = &template->objects[i];
		node->source = sources[i];
		node->target = targets[i];
		enum osy_code rc = build_node(build, node, err);
		if (rc)
			return rc;
		plan_currency(build, node);
		node->leg_where = plan_file_where(build, node);
		build->plan->standard_pricebook |= is_standard(node->source, "Pricebook2") ||
						   is_standard(node->source, "PricebookEntry");
		if (is_standard(node->source, "PricebookEntry"))
			split_legs(build, node);
		plan_person_fields(build, node);
		plan_person_contacts(build, node);
	}
	return plan_audit_check(build, err);
}

/* ---- The spec ---- */
static void spec_field(const struct plan_field *from, struct osy_spec_field *to)
{
	const struct osy_sf_field *target = from->target;

	*to = (struct osy_spec_field){
		.name = from->source->name,
		.target = target->name,
		.type = target->type,
		.scale = target->scale,
		.createable = !from->told && target->createable && !target->calculated &&
			      !target->auto_number,
		.updateable = !from->told && target->updateable && !target->calculated &&
			      !target->auto_number,
		.nillable = target->nillable,
		.unique = target->unique,
		.required = !from->ids && plan_required(from),
		.ids = from->ids,
		.link = from->link,
		.level = from->level,
		.write_nulls = from->write_nulls,
		.missing = from->missing,
		.kind = from->kind,
		.to_several = from->source->reference_count > 1,
		.to_users = from->to_users,
		.to_queues = from->to_queues,
		.parents = from->parents,
		.parent_count = from->parent_count,
		.rule = from->rule,
	};
}

static void spec_fields(
	struct plan_build *build, const struct plan_node *node, struct osy_spec_object *object)
{
	struct osy_arena *arena = &build->plan->arena;
	struct osy_spec_field *fields =
		osy_arena_calloc(arena, node->field_count + 1, sizeof(*fields));
	int *place = osy_arena_calloc(arena, node->field_count + 1, sizeof(*place));
	int lock = plan_lock_field(node), order = plan_order_field(node);

	for (size_t i = 0; i < node->field_count; i++) {
		if (node->fields[i].dropped)
			continue;
		place[i] = (int)object->field_count;
		if (!node->person_contact &&
			strcasecmp(node->fields[i].source->name, "IsPersonAccount") == 0)
			object->person_field = place[i];
		spec_field(&node->fields[i], &fields[object->field_count++]);
		object->levels |= node->fields[i].level;
	}
	object->fields = fields;
	plan_inputs(build, node, object);
	object->lock_field = lock < 0 ? -1 : place[lock];
	object->order_field = order < 0 ? -1 : place[order];
	object->file = plan_spec_file(build, node, place);
	object->hook = plan_spec_hook(build, node, place);
	if (object->match != OSY_MATCH_EXTERNAL_ID && object->match != OSY_MATCH_KEYS)
		return;
	const char *const *names =
		node->person_contact ? plan_person_keys : node->template->match_fields;
	object->key_count = node->person_contact ? 2 : node->template->match_count;
	int *keys = osy_arena_calloc(arena, object->key_count + 1, sizeof(*keys));
	for (size_t i = 0; i < object->key_count; i++)
		keys[i] = place[plan_find(node, names[i])];
	object->keys = keys;
}

static void spec_match(const struct plan_node *node, struct osy_spec_object *object)
{
	const struct osy_template_object *template = node->template;

	if (object->match == OSY_MATCH_KEYS)
		object->claim = true;
	/* The org keeps one link of a document to a record. */
	if (is_standard(node->target, "ContentDocumentLink") && object->match == OSY_MATCH_KEYS)
		object->match_unique = true;
	object->no_maker = !osy_sf_find_field(node->target, "CreatedById");
	if (object->match != OSY_MATCH_EXTERNAL_ID && object->match != OSY_MATCH_SOURCE_ID)
		return;
	const char *name = template->match_fields[0];
	const struct osy_sf_field *target;
	if (object->match == OSY_MATCH_SOURCE_ID) {
		target = osy_sf_find_field(node->target, name);
	} else {
		const struct plan_field *field = &node->fields[plan_find(node, name)];
		target = field->target;
		/* A key that differs in case only may be one key in the target. */
		object->claim = !field->source->unique ||
				(field->source->case_sensitive && !target->case_sensitive);
	}
	object->match_field = target->name;
	object->match_unique = target->unique;
}

static const char *spec_where(struct plan_build *build, const struct plan_node *node)
{
	OSY_AUTO(osy_buf_done) struct osy_buf where = OSY_BUF(64 * 1024);

	if (!node->leg_where)
		return node->template->where;
	osy_buf_addz(&where, node->leg_where);
	if (node->template->where) {
		osy_buf_addz(&where, " AND ");
		osy_soql_nest(node->template->where, &where);
	}
	return osy_arena_strndup(&build->plan->arena, where.p, where.len);
}

static void spec_object(
	struct plan_build *build, const struct plan_node *node, struct osy_spec_object *object)
{
	const struct osy_template_object *template = node->template;

	object->name = node->source->name;
	object->target = node->target->name;
	memcpy(object->prefix, node->source->key_prefix, sizeof(object->prefix));
	memcpy(object->target_prefix, node->target->key_prefix, sizeof(object->target_prefix));
	object->stage = node->stage;
	object->match_only = template->match_only || node->person_contact;
	object->insert = template->insert && !object->match_only;
	object->update = template->update && !object->match_only && node->target->updateable;
	object->person_contact = node->person_contact;
	object->person_field = -1;
	object->write_nulls = template->write_nulls && !template->null_count;
	object->batch_size = template->batch_size;
	object->lanes = 1;
	object->waiting_of = object->waiting_leg = -1;
	object->match = node->person_contact ? OSY_MATCH_KEYS : template->match;
	object->where = spec_where(build, node);
	object->order_by = template->order_by;
	object->limit = template->limit;
	spec_fields(build, node, object);
	spec_match(node, object);
}

static enum osy_code make_spec(struct plan_build *build, struct osy_err *err)
{
	struct osy_plan *plan = build->plan;
	struct osy_spec *spec = &plan->spec;
	/* with what is deleted of each, and what waits */
	size_t most = 3 * build->node_count + 1;

	plan->objects = osy_arena_calloc(&plan->arena, most, sizeof(*plan->objects));
	plan->apis = osy_arena_calloc(&plan->arena, most, sizeof(*plan->apis));
	plan->mapped = osy_arena_calloc(&plan->arena, most, sizeof(*plan->mapped));
	plan->deltas = osy_arena_calloc(&plan->arena, most, sizeof(*plan->deltas));
	for (size_t i = 0; i < build->node_count; i++) {
		plan->objects[i].index = (int)i;
		plan->apis[i] = build->nodes[i].template->api;
		spec_object(build, &build->nodes[i], &plan->objects[i]);
		plan->deltas[i] = (struct osy_plan_delta){
			.from = (size_t)(build->nodes[i].template - build->template->objects),
			.where = plan->objects[i].where,
			.since = -1,
			.mark = -1};
		if (osy_spec_columns(&plan->objects[i]) > 900)
			return plan_fail(build, &build->nodes[i], PLAN_AT("object", NULL, false),
				err,
				"%zu fields are more than orgsync can copy at once (900); exclude "
				"some",
				osy_spec_columns(&plan->objects[i]));
	}
	spec->source = build->source_org;
	spec->target = build->target_org;
	spec->lanes = 1;
	spec->continue_on_error = build->template->continue_on_error;
	spec->api_reserve_percent = build->template->api_reserve_percent;
	spec->snapshots = build->template->snapshots;
	spec->audit_fields = build->template->audit_fields;
	spec->duplicate_rules = build->template->duplicate_rules;
	spec->objects = plan->objects;
	spec->object_count = build->node_count;
	return OSY_OK;
}

enum osy_code osy_plan_build(struct osy_plan *plan, const struct osy_template *template,
	struct osy_sf_object *const *sources, struct osy_sf_object *const *targets,
	const char *source_org, const char *target_org, struct osy_err *err)
{
	*plan = (struct osy_plan){0};
	osy_arena_init(&plan->arena, 64u * 1024);
	plan->notices =
		osy_arena_calloc(&plan->arena, OSY_PLAN_MAX_NOTICES, sizeof(*plan->notices));
	struct plan_build build = {.plan = plan,
		.template = template,
		.source_org = source_org,
		.target_org = target_org};
	enum osy_code rc = plan_nodes(&build, sources, targets, err);

	if (!rc)
		rc = plan_lookups(&build, err);
	if (!rc)
		rc = plan_parents(&build, err);
	if (!rc)
		rc = plan_stages(&build, err);
	if (rc)
		return rc;
	plan_required_fields(&build);
	return make_spec(&build, err);
}

void osy_plan_done(struct osy_plan *plan)
{
	osy_arena_done(&plan->arena);
	*plan = (struct osy_plan){0};
}

/* ---- Levels ---- */
void osy_plan_levels(struct osy_plan *plan)
{
	for (int stage = plan->spec.stages; stage >= 1; stage--) {
		int more = 0;
		for (size_t i = 0; i < plan->spec.object_count; i++) {
			const struct osy_spec_object *object = &plan->objects[i];
			if (object->stage == stage && object->levels - 1 > more)
				more = object->levels - 1;
		}
		for (size_t i = 0; i < plan->spec.object_count; i++) {
			if (plan->objects[i].stage > stage)
				plan->objects[i].stage += more;
		}
		plan->spec.stages += more;
	}
}

/* ---- Lanes ---- */
#define REQUESTS_PER_LANE 5
#define LANES_AT_LEAST 8
#define RECORDS_PER_BULK_LANE 100000
#define FILES_PER_LANE 8 /* they go one by one in a lane */
#define FILE_LANES 16

/* What an object locks: the name of its lock parent, or itself. */
static const char *lock_parent(const struct osy_plan *plan, const struct osy_spec_object *object)
{
	if (object->lock_field < 0)
		return object->target;
	const struct osy_spec_field *field = &object->fields[object->lock_field];
	return plan->objects[field->parents[0]].target;
}

/* One lane for so many full requests; of a few requests each has its own. */
static int64_t lanes_for(const struct osy_spec_object *object)
{
	int64_t request = (int64_t)OSY_SF_COMPOSITE_MAX * object->batch_size;
	int64_t full = object->selected / request;
	int64_t lanes = (object->selected + REQUESTS_PER_LANE * request - 1) /
			(REQUESTS_PER_LANE * request);

	full = full > LANES_AT_LEAST ? LANES_AT_LEAST : full;
	lanes = lanes < full ? full : lanes;
	if (object->file && lanes < FILE_LANES)
		lanes = object->selected < FILES_PER_LANE * FILE_LANES
				? (object->selected + FILES_PER_LANE - 1) / FILES_PER_LANE
				: FILE_LANES;
	return lanes;
}

static int64_t bulk_lanes_for(const struct osy_spec_object *object)
{
	int64_t lanes = (object->selected + RECORDS_PER_BULK_LANE - 1) / RECORDS_PER_BULK_LANE;

	return lanes > OSY_BULK_LANES ? OSY_BULK_LANES : lanes;
}

static bool lock_the_same(const struct osy_plan *plan, const struct osy_spec_object *one,
	const struct osy_spec_object *other)
{
	return one->stage == other->stage &&
	       strcmp(lock_parent(plan, one), lock_parent(plan, other)) == 0;
}

static int lanes_of_group(const struct osy_plan *plan, const struct osy_spec_object *object)
{
	int64_t rest = 1, bulk = 1;
	bool any_bulk = false;

	for (size_t i = 0; i < plan->spec.object_count; i++) {
		const struct osy_spec_object *other = &plan->objects[i];
		if (!lock_the_same(plan, object, other))
			continue;
		int64_t lanes = lanes_for(other), bulk_lanes = bulk_lanes_for(other);
		rest = lanes > rest ? lanes : rest;
		bulk = bulk_lanes > bulk ? bulk_lanes : bulk;
		any_bulk |= other->load_bulk;
	}
	return (int)(any_bulk ? bulk : rest);
}

/* Objects that lock the same are a group; its first one speaks for it. */
static size_t first_of_group(const struct osy_plan *plan, size_t index)
{
	size_t first = 0;

	while (!lock_the_same(plan, &plan->objects[first], &plan->objects[index]))
		first++;
	return first;
}

void osy_plan_lanes(struct osy_plan *plan, int most)
{
	int64_t *used = osy_arena_calloc(/* of each stage, from 1 */
		&plan->arena, (size_t)plan->spec.stages + 1, sizeof(*used));
	int64_t lanes = 1;

	for (size_t i = 0; i < plan->spec.object_count; i++) {
		struct osy_spec_object *object = &plan->objects[i];
		const struct osy_spec_object *first = &plan->objects[first_of_group(plan, i)];
		if (first == object) {
			int group = lanes_of_group(plan, object);
			object->lanes = group > most ? most : group;
			object->first_lane = (int)used[object->stage];
			used[object->stage] += object->lanes;
			lanes = used[object->stage] > lanes ? used[object->stage] : lanes;
		} else {
			object->lanes = first->lanes;
			object->first_lane = first->first_lane;
		}
	}
	plan->spec.lanes = lanes > most ? most : (int)lanes;
	for (size_t i = 0; i < plan->spec.object_count; i++)
		plan->objects[i].first_lane %= plan->spec.lanes;
}
