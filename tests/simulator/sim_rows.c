/* Query results as JSON rows, and aggregate queries. */
#include "sim_soql.h"

#include <stdlib.h>

struct sim_rec *sim_take_rec(const struct sim_org *org, uint64_t oid)
{
	struct sim_org *o = (struct sim_org *)org;
	struct sim_rec *r;

	pthread_rwlock_rdlock(&o->db);
	r = sim_find(org, oid);
	if (r)
		sim_rec_ref(r);
	pthread_rwlock_unlock(&o->db);
	return r;
}

static void sim_attributes(struct sim_buf *b, const struct sim_query *q,
	const struct sim_object *obj, const struct sim_rec *r)
{
	char id[19];

	sim_id_text(q->org, r->oid, id);
	sim_buf_add(b, "{\"attributes\":{\"type\":\"", 23);
	sim_buf_str(b, obj->name);
	sim_buf_add(b, "\",\"url\":\"/services/data/", 24);
	sim_buf_str(b, q->version);
	sim_buf_str(b, q->tooling ? "/tooling/sobjects/" : "/sobjects/");
	sim_buf_str(b, obj->name);
	sim_buf_ch(b, '/');
	sim_buf_add(b, id, 18);
	sim_buf_add(b, "\"}", 2);
}

static void sim_row(struct sim_buf *b, struct sim_query *q, const struct sim_shape *shape,
	const struct sim_object *obj, const struct sim_rec *r);

static void sim_row_parent(struct sim_buf *b, struct sim_query *q, const struct sim_shape *s,
	const struct sim_object *obj, const struct sim_rec *r)
{
	const struct sim_field *f = s->field;
	struct sim_rec *p;

	if (f->idx >= obj->nfields || obj->field[f->idx] != f)
		f = sim_field_by_rel(obj, s->name);
	p = f ? sim_take_rec(q->org, sim_ref_oid(q->org, r, f)) : NULL;
	if (!p) {
		sim_buf_add(b, "null", 4);
		return;
	}
	sim_row(b, q, s->child, q->org->object[sim_oid_obj(p->oid)], p);
	sim_rec_unref(p);
}

static void sim_row_sub(
	struct sim_buf *b, struct sim_query *q, struct sim_query *sub, const struct sim_rec *r)
{
	struct sim_result res = {0};

	sub->version = q->version;
	sim_query_run(sub, r->oid, &res);
	if (!res.n) {
		sim_buf_add(b, "null", 4);
	} else {
		sim_buf_fmt(b, "{\"totalSize\":%zu,\"done\":true,\"records\":[", res.n);
		sim_query_rows(sub, b, res.serial, res.n);
		sim_buf_add(b, "]}", 2);
	}
	sim_result_done(&res);
}

static void sim_row(struct sim_buf *b, struct sim_query *q, const struct sim_shape *shape,
	const struct sim_object *obj, const struct sim_rec *r)
{
	sim_attributes(b, q, obj, r);
	for (const struct sim_shape *s = shape; s; s = s->next) {
		const struct sim_field *f = s->field;

		sim_buf_add(b, ",", 1);
		sim_buf_clean(b, s->name);
		sim_buf_ch(b, ':');
		if (s->item->sub && !s->parent) {
			sim_row_sub(b, q, s->item->sub, r);
			continue;
		}
		if (s->parent) {
			sim_row_parent(b, q, s, obj, r);
			continue;
		}
		if (!f && sim_is(s->name, "Type")) {
			sim_buf_jstr(b, obj->name);
			continue;
		}
		if (!f || f->idx >= obj->nfields || obj->field[f->idx] != f)
			f = sim_field_find(obj, s->name);
		if (f)
			sim_value_out(b, q->org, obj, r, f);
		else
			sim_buf_add(b, "null", 4);
	}
	sim_buf_ch(b, '}');
}

void sim_query_rows(struct sim_query *q, struct sim_buf *b, const uint32_t *serial, size_t n)
{
	struct sim_rec **rec = sim_alloc(n * sizeof(*rec));
	bool first = true;

	pthread_rwlock_rdlock(&q->org->db);
	for (size_t i = 0; i < n; i++) {
		rec[i] = sim_store_get(q->obj->store, serial[i]);
		if (rec[i])
			sim_rec_ref(rec[i]);
	}
	pthread_rwlock_unlock(&q->org->db);
	for (size_t i = 0; i < n; i++) {
		if (!rec[i])
			continue;
		if (!first)
			sim_buf_ch(b, ',');
		first = false;
		sim_row(b, q, q->shape, q->obj, rec[i]);
		sim_rec_unref(rec[i]);
	}
	free(rec);
}

void sim_query_path_plain(
	struct sim_buf *b, struct sim_query *q, const struct sim_path *p, struct sim_rec *r)
{
	const struct sim_field *f = p->field;
	const struct sim_rec *at = r;

	if (!p->nsteps) {
		sim_value_plain(b, q->org, r, f);
		return;
	}
	pthread_rwlock_rdlock(&q->org->db);
	at = sim_path_rec(q->org, p, r, &f);
	if (at && f)
		sim_value_plain(b, q->org, at, f);
	else if (at)
		sim_buf_str(b, q->org->object[sim_oid_obj(at->oid)]->name);
	pthread_rwlock_unlock(&q->org->db);
}

/* ---- aggregates ---- */

struct sim_group {
	struct sim_group *next;
	struct sim_str key; /* the group fields as JSON members */
	struct {
		uint64_t n;
		double sum, min, max;
		struct sim_cell low, high;
	} acc[]; /* one an aggregate of the query, in its order */
};

static void sim_acc_add(struct sim_query *q, struct sim_group *g, const struct sim_rec *r)
{
	int k = 0;

	for (const struct sim_item *it = q->items; it; it = it->next) {
		struct sim_cell v;

		if (!it->agg)
			continue;
		if (it->count_all || sim_path_cell(q, &it->path, r, &v)) {
			if (!it->count_all) {
				double num = v.kept == SIM_K_NUM ? v.num : (double)v.i64;

				g->acc[k].sum += num;
				if (!g->acc[k].n || num < g->acc[k].min)
					g->acc[k].min = num, g->acc[k].low = v;
				if (!g->acc[k].n || num > g->acc[k].max)
					g->acc[k].max = num, g->acc[k].high = v;
			}
			g->acc[k].n++;
		}
		k++;
	}
}

static void sim_acc_out(
	struct sim_buf *b, const struct sim_item *it, const struct sim_group *g, int k)
{
	const struct sim_cell *c = it->agg == SIM_AGG_MIN ? &g->acc[k].low : &g->acc[k].high;

	sim_buf_fmt(b, ",\"%s\":", it->alias);
	switch (it->agg) {
	case SIM_AGG_COUNT:
	case SIM_AGG_DISTINCT:
		sim_buf_u64(b, g->acc[k].n);
		return;
	case SIM_AGG_SUM:
	case SIM_AGG_AVG:
		if (g->acc[k].n)
			sim_buf_fmt(b, "%.15g",
				it->agg == SIM_AGG_SUM ? g->acc[k].sum
						       : g->acc[k].sum / (double)g->acc[k].n);
		else
			sim_buf_str(b, "null");
		return;
	case SIM_AGG_MIN:
	case SIM_AGG_MAX:
	case SIM_AGG_NONE:
		break;
	}
	if (!g->acc[k].n) {
		sim_buf_str(b, "null");
	} else if (c->kept == SIM_K_STAMP) {
		sim_buf_ch(b, '"');
		sim_buf_datetime(b, c->i64);
		sim_buf_ch(b, '"');
	} else if (c->kept == SIM_K_TEXT) {
		sim_buf_ch(b, '"');
		sim_buf_date(b, c->i64);
		sim_buf_ch(b, '"');
	} else {
		sim_buf_fmt(b, "%.15g", c->num);
	}
}

static void sim_group_key(struct sim_query *q, struct sim_buf *b, const struct sim_rec *r)
{
	for (int i = 0; i < q->ngroup; i++) {
		const struct sim_field *f = q->group[i].field;
		const struct sim_rec *at =
			q->group[i].nsteps ? sim_path_rec(q->org, &q->group[i], r, &f) : r;

		sim_buf_ch(b, ',');
		sim_buf_clean(b, q->group[i].name);
		sim_buf_ch(b, ':');
		if (at && f)
			sim_value_out(b, q->org, q->org->object[sim_oid_obj(at->oid)], at, f);
		else
			sim_buf_str(b, "null");
	}
}

static struct sim_group *sim_group_of(
	struct sim_query *q, struct sim_group **table, struct sim_str key)
{
	struct sim_group **at = &table[sim_hash(key, false, 3) % 4096];

	while (*at && !sim_eq((*at)->key, key))
		at = &(*at)->next;
	if (!*at) {
		size_t size = sizeof(**at);

		for (const struct sim_item *it = q->items; it; it = it->next)
			size += it->agg ? sizeof((*at)->acc[0]) : 0;
		*at = sim_arena_get(q->arena, size);
		memset(*at, 0, size);
		(*at)->key = sim_arena_dup(q->arena, key);
	}
	return *at;
}

static void sim_group_out(struct sim_query *q, struct sim_buf *b, const struct sim_group *g)
{
	int k = 0;

	sim_buf_str(b, "{\"attributes\":{\"type\":\"AggregateResult\"}");
	sim_buf_s(b, g->key);
	for (const struct sim_item *it = q->items; it; it = it->next)
		if (it->agg)
			sim_acc_out(b, it, g, k++);
	sim_buf_ch(b, '}');
}

size_t sim_query_aggregate(struct sim_query *q, const struct sim_result *res, struct sim_buf *b)
{
	struct sim_group **table = sim_zalloc(sizeof(*table) * 4096);
	struct sim_buf key = {0};
	size_t n = 0;

	if (!q->ngroup)
		sim_group_of(q, table, SIM_S(""));
	for (size_t i = 0; i < res->n;) {
		pthread_rwlock_rdlock(&q->org->db);
		for (size_t stop = i + 2048; i < res->n && i < stop; i++) {
			const struct sim_rec *r = sim_store_get(q->obj->store, res->serial[i]);

			if (!r)
				continue;
			key.len = 0;
			sim_group_key(q, &key, r);
			sim_acc_add(q, sim_group_of(q, table, sim_buf_view(&key)), r);
		}
		pthread_rwlock_unlock(&q->org->db);
	}
	for (int i = 0; i < 4096; i++)
		for (const struct sim_group *g = table[i]; g; g = g->next) {
			if (q->limit >= 0 && n >= (size_t)q->limit)
				break;
			if (n++)
				sim_buf_ch(b, ',');
			sim_group_out(q, b, g);
		}
	sim_buf_done(&key);
	free(table);
	return n;
}
