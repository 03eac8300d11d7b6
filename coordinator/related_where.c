/* The filter of a child, by those of its parents. */
#include "related_internal.h"
#include "soql.h"

#define WHERE_MAX (64u * 1024)
#define TOO_LONG "its filter would be too long"

/* Appends "F != null AND (parent's filter over F)"; gives why not. */
static const char *add_path(
	const struct related_walk *walk, const struct related_edge *edge, struct osy_buf *out)
{
	const struct osy_template_object *parent = &walk->objects[edge->parent];
	OSY_AUTO(osy_buf_done) struct osy_buf where = OSY_BUF(OSY_SOQL_THROUGH_MAX);
	const char *why = NULL;

	if (parent->limit)
		return "its parents have a limit";
	if (edge->field->reference_count != 1)
		return "the lookup may point to several objects";
	if (parent->where && !edge->field->relationship_name)
		return "the lookup has no relationship name";
	if (parent->where)
		why = osy_soql_through(
			parent->where, parent->name, edge->field->relationship_name, &where);
	if (why)
		return why;
	if (out->len + where.len > OSY_SOQL_WHERE_MAX)
		return TOO_LONG;
	osy_buf_addf(out, "%s%s != null", out->len ? " OR (" : "(", edge->field->name);
	if (parent->where)
		osy_buf_addf(out, " AND (%s)", where.p);
	osy_buf_addc(out, ')');
	return NULL;
}

/* Appends "F IN (SELECT Id FROM Parent WHERE ...)"; gives why not. */
static const char *add_query(
	const struct related_walk *walk, const struct related_edge *edge, struct osy_buf *out)
{
	const struct osy_template_object *parent = &walk->objects[edge->parent];

	if (parent->limit)
		return "its parents have a limit";
	if (parent->where && osy_soql_has_query(parent->where))
		return "its filter holds a sub-query";
	if (!parent->where && edge->field->relationship_name && edge->field->reference_count > 1) {
		osy_buf_addf(out, "%s.Type = '%s'", edge->field->relationship_name, parent->name);
		return NULL;
	}
	osy_buf_addf(out, "%s IN (SELECT Id FROM %s%s%s)", edge->field->name, parent->name,
		parent->where ? " WHERE " : "", parent->where ? parent->where : "");
	return NULL;
}

static void use(struct related_walk *walk, const struct related_edge *edge)
{
	struct osy_template_object *object = &walk->objects[edge->child];

	if (object->related_parent)
		return;
	object->related_parent = walk->objects[edge->parent].name;
	object->related_field = edge->field->name;
}

static bool is_for(const struct related_walk *walk, size_t i, size_t place)
{
	return walk->edges[i].child == place && walk->edges[i].field;
}

/* What is not said is told: of one that was asked for by name, or that is left without a filter, by
 * a refusal. */
static void tell_unsaid(
	struct related_walk *walk, const struct related_edge *edge, bool any, const char *why)
{
	const struct osy_template_object *child = &walk->objects[edge->child];
	const struct osy_template_object *parent = &walk->objects[edge->parent];

	related_note(walk, edge->named || (!any && child->select_related),
		walk->places[edge->child].root,
		"records of %s cannot be selected as children of %s by %s: %s; %s", child->name,
		parent->name, edge->name, why,
		any ? "those that are its children by this lookup alone are not read"
		    : "list it with a filter of its own, or exclude it");
}

static bool set_where(struct related_walk *walk, size_t place, const struct osy_buf *by)
{
	struct osy_template_object *object = &walk->objects[place];
	OSY_AUTO(osy_buf_done) struct osy_buf where = OSY_BUF(WHERE_MAX);

	osy_buf_addz(&where, by->p);
	if (object->where) {
		where.len = 0;
		osy_soql_nest(by->p, &where);
		osy_buf_addz(&where, " AND ");
		osy_soql_nest(object->where, &where);
	}
	if (where.len > OSY_SOQL_WHERE_MAX)
		return false;
	object->where = osy_arena_strndup(&walk->template->arena_, where.p, where.len);
	return true;
}

void related_select(struct related_walk *walk, size_t place)
{
	OSY_AUTO(osy_buf_done) struct osy_buf by = OSY_BUF(WHERE_MAX);
	size_t first = walk->edges_told, none = walk->edge_count, query = none, last = none;
	const char *why;

	for (size_t i = first; i < none; i++) {
		if (!is_for(walk, i, place))
			continue;
		last = i;
		if (!add_path(walk, &walk->edges[i], &by))
			use(walk, &walk->edges[i]);
	}
	for (size_t i = first; !by.len && i < none; i++) {
		if (!is_for(walk, i, place) || add_query(walk, &walk->edges[i], &by))
			continue;
		use(walk, &walk->edges[i]);
		query = i;
	}
	for (size_t i = first; i < none; i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf ignored = OSY_BUF(WHERE_MAX);
		if (is_for(walk, i, place) && i != query &&
			(why = query == none ? add_path(walk, &walk->edges[i], &ignored)
					     : "a query takes one such lookup only"))
			tell_unsaid(walk, &walk->edges[i], by.len != 0, why);
	}
	walk->places[place].gone = !by.len;
	if (by.len && !set_where(walk, place, &by)) {
		walk->places[place].gone = true;
		tell_unsaid(walk, &walk->edges[last], false, TOO_LONG);
	}
}
