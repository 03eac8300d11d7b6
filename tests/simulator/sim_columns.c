/* `query?columns=true`: what a query's columns are, instead of its rows. */
#include "sim_soql.h"

static void sim_column_bool(struct sim_buf *b, const char *key, bool v)
{
	sim_buf_fmt(b, "\"%s\":%s,", key, v ? "true" : "false");
}

static const char *sim_apex_type(const struct sim_field *f)
{
	switch (f ? f->kept : SIM_K_NONE) {
	case SIM_K_NUM:
		return f->type == SIM_T_INT ? "Integer" : "Double";
	case SIM_K_BOOL:
		return "Boolean";
	case SIM_K_REF:
		return "Id";
	case SIM_K_STAMP:
		return "Datetime";
	case SIM_K_TEXT:
		return f->type == SIM_T_DATE ? "Date" : f->type == SIM_T_TIME ? "Time" : "String";
	case SIM_K_NONE:
		break;
	}
	return "complexvalue";
}

static void sim_columns(struct sim_buf *b, const struct sim_shape *shape);

static void sim_column(struct sim_buf *b, struct sim_str name, const struct sim_field *f,
	bool aggregate, const struct sim_shape *join)
{
	bool plain = f && !join && !aggregate;

	sim_buf_ch(b, '{');
	sim_column_bool(b, "aggregate", aggregate);
	sim_buf_fmt(b, "\"apexType\":\"%s\",", sim_apex_type(join ? NULL : f));
	sim_column_bool(b, "booleanType", plain && f->kept == SIM_K_BOOL);
	sim_buf_str(b, "\"columnName\":");
	sim_buf_clean(b, name);
	sim_buf_ch(b, ',');
	sim_column_bool(b, "custom", plain && f->custom);
	sim_buf_str(b, "\"displayName\":");
	sim_buf_clean(b, name);
	sim_buf_str(b, ",\"foreignKeyName\":");
	sim_buf_jstr(b, join && f ? f->rel_name : NULL);
	sim_buf_ch(b, ',');
	sim_column_bool(b, "insertable", plain && f->createable);
	sim_buf_str(b, "\"joinColumns\":[");
	sim_columns(b, join);
	sim_buf_str(b, "],");
	sim_column_bool(b, "numberType", plain && f->kept == SIM_K_NUM);
	sim_column_bool(b, "textType", plain && (f->kept == SIM_K_TEXT || f->kept == SIM_K_REF));
	sim_buf_fmt(b, "\"updatable\":%s}", plain && f->updateable ? "true" : "false");
}

static void sim_columns(struct sim_buf *b, const struct sim_shape *shape)
{
	for (const struct sim_shape *s = shape; s; s = s->next) {
		bool sub = s->item->sub && !s->parent;

		if (s != shape)
			sim_buf_ch(b, ',');
		sim_column(b, s->name, s->field, sub,
			sub	    ? s->item->sub->shape
			: s->parent ? s->child
				    : NULL);
	}
}

void sim_query_columns(const struct sim_query *q, struct sim_buf *b)
{
	bool id = false;

	sim_buf_str(b, "{\"columnMetadata\":[");
	if (!q->aggregate)
		sim_columns(b, q->shape);
	for (const struct sim_item *it = q->items; it; it = it->next) {
		id |= it->path.field && it->path.field->sys == SIM_SYS_ID && !it->path.nsteps;
		if (!q->aggregate || it->count_all)
			continue;
		sim_column(b, it->agg ? sim_cstr(it->alias) : it->path.name, it->path.field,
			it->agg != SIM_AGG_NONE, NULL);
		if (it->next)
			sim_buf_ch(b, ',');
	}
	sim_buf_fmt(b, "],\"entityName\":\"%s\",\"groupBy\":%s,\"idSelected\":%s,\"keyPrefix\":",
		q->obj->name, q->ngroup ? "true" : "false", id ? "true" : "false");
	sim_buf_jstr(b, *q->obj->prefix ? q->obj->prefix : NULL);
	sim_buf_ch(b, '}');
}
