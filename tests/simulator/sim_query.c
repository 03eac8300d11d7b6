/* Finding the records of a query: which index, which order, when to stop. */
#include "sim_number.h"
#include "sim_soql.h"

#include <stdlib.h>

#define SIM_STRETCH 2048 /* records looked at in one hold of the read lock */

enum sim_cand_kind { SIM_C_RANGE, SIM_C_LIST };

struct sim_cand {
	enum sim_cand_kind kind;
	uint64_t from, to; /* RANGE: serials [from, to] */
	uint32_t *list;
	size_t n, cap;
	bool by_stamp; /* LIST in order of SystemModstamp, else by id */
	bool capped;   /* there are more in the log */
	bool desc;
};

static void sim_cand_add(struct sim_cand *c, uint64_t serial)
{
	if (c->n == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 256;
		c->list = sim_realloc(c->list, c->cap * sizeof(*c->list));
	}
	c->list[c->n++] = (uint32_t)serial;
}

static int sim_u32_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void sim_cand_sort(struct sim_cand *c)
{
	size_t n = 0;

	if (c->n)
		qsort(c->list, c->n, sizeof(*c->list), sim_u32_cmp);
	for (size_t i = 0; i < c->n; i++)
		if (!i || c->list[i] != c->list[n - 1])
			c->list[n++] = c->list[i];
	c->n = n;
}

static bool sim_own_test(const struct sim_query *q, const struct sim_cond *c)
{
	return c->kind == SIM_TEST && !c->path.nsteps && c->path.owner == q->obj && c->path.field;
}

/* the narrowest equality among the conditions that must all hold */
static struct sim_cond *sim_find_equal(const struct sim_query *q, struct sim_cond *c)
{
	struct sim_cond *a, *b;

	if (!c)
		return NULL;
	if (c->kind == SIM_AND) {
		a = sim_find_equal(q, c->a);
		b = sim_find_equal(q, c->b);
		if (a && b)
			return b->nlit < a->nlit ? b : a;
		return a ? a : b;
	}
	if (!sim_own_test(q, c) || (c->cmp != SIM_EQ && c->cmp != SIM_IN) ||
		(c->semi && c->path.field->kept != SIM_K_REF && c->path.field->sys != SIM_SYS_ID))
		return NULL;
	for (size_t i = 0; i < c->nlit; i++)
		if (c->lit[i].null)
			return NULL;
	if (c->path.field->sys == SIM_SYS_ID)
		return c;
	return !q->all && c->path.field->index >= 0 ? c : NULL;
}

static void sim_equal_list(const struct sim_query *q, struct sim_cond *c, struct sim_cand *cand)
{
	const struct sim_field *f = c->path.field;
	char num[SIM_NUM_TEXT];
	size_t len;
	bool range;

	for (size_t i = 0; i < c->nlit; i++) {
		const struct sim_lit *l = &c->lit[i];
		struct sim_str key = l->s;
		uint64_t oid = (uint64_t)l->lo, at = 0;

		if (f->sys == SIM_SYS_ID) {
			if (l->lo > 0 && sim_oid_obj(oid) == q->obj->idx)
				sim_cand_add(cand, sim_oid_serial(oid));
			continue;
		}
		if (f->kept == SIM_K_REF)
			key = (struct sim_str){(const char *)&oid, 8};
		else if (f->kept == SIM_K_NUM &&
			 sim_num_text(l->s, 18 + f->scale, f->scale, num, &len, &range))
			key = (struct sim_str){num, len};
		else if (f->type == SIM_T_DATE)
			key = l->s;
		while ((at = sim_index_next(q->obj->store, f->index, key, at)))
			sim_cand_add(cand, at);
	}
	c->done = true;
	sim_cand_sort(cand);
}

/* narrows a range over a sys field by the conditions that must all hold */
static void sim_find_range(const struct sim_query *q, const struct sim_cond *c, enum sim_sys sys,
	int64_t *lo, int64_t *hi)
{
	if (!c)
		return;
	if (c->kind == SIM_AND) {
		sim_find_range(q, c->a, sys, lo, hi);
		sim_find_range(q, c->b, sys, lo, hi);
		return;
	}
	if (!sim_own_test(q, c) || c->path.field->sys != sys || c->cmp > SIM_GE || c->lit->null)
		return;
	if ((c->cmp == SIM_GT || c->cmp == SIM_GE || c->cmp == SIM_EQ)) {
		int64_t v = c->cmp == SIM_GT ? c->lit->hi : c->lit->lo;

		*lo = v > *lo ? v : *lo;
	}
	if ((c->cmp == SIM_LT || c->cmp == SIM_LE || c->cmp == SIM_EQ)) {
		int64_t v = c->cmp == SIM_LT ? c->lit->lo : c->lit->hi;

		*hi = v < *hi ? v : *hi;
	}
}

static bool sim_order_is(const struct sim_query *q, int i, enum sim_sys sys)
{
	return i < q->norder && !q->order[i].path.nsteps && q->order[i].path.field &&
	       q->order[i].path.field->sys == sys && q->order[i].path.owner == q->obj;
}

static bool sim_by_stamp(const struct sim_query *q)
{
	return sim_order_is(q, 0, SIM_SYS_STAMP) && !q->order[0].desc &&
	       (q->norder == 1 ||
		       (q->norder == 2 && sim_order_is(q, 1, SIM_SYS_ID) && !q->order[1].desc));
}

/* the log's entries of [lo, hi) ms, when they are few or wanted in that order */
static bool sim_log_list(
	const struct sim_query *q, int64_t lo, int64_t hi, size_t cap, struct sim_cand *cand)
{
	struct sim_store *st = q->obj->store;
	size_t from, to;

	if (st->log_unsorted)
		return false;
	from = sim_store_log_from(st, lo);
	to = sim_store_log_from(st, hi);
	if (!sim_by_stamp(q) && to - from > (st->live + st->deleted) / 8 + 1000)
		return false;
	for (size_t i = from; i < to; i++) {
		const struct sim_rec *r = sim_store_get(st, st->log[i].serial);

		if (r && r->log_at == (uint32_t)i)
			sim_cand_add(cand, st->log[i].serial);
		if (sim_by_stamp(q) && cand->n >= cap) {
			cand->capped = true;
			break;
		}
	}
	cand->by_stamp = true;
	return true;
}

/* cap: of candidates that come in the order wanted, so many will do for a first try */
static void sim_plan(const struct sim_query *q, size_t cap, struct sim_cand *cand)
{
	struct sim_cond *eq = sim_find_equal(q, q->where);
	int64_t lo = INT64_MIN, hi = INT64_MAX;
	int64_t id_lo = (int64_t)sim_oid(q->obj->idx, 1),
		id_hi = (int64_t)sim_oid(q->obj->idx, 0xFFFFFFFFFF);

	*cand = (struct sim_cand){.kind = SIM_C_LIST};
	if (eq) {
		sim_equal_list(q, eq, cand);
		return;
	}
	sim_find_range(q, q->where, SIM_SYS_STAMP, &lo, &hi);
	if ((lo != INT64_MIN || sim_by_stamp(q)) && sim_log_list(q, lo, hi, cap, cand)) {
		if (!sim_by_stamp(q)) {
			cand->by_stamp = false;
			sim_cand_sort(cand);
		}
		return;
	}
	sim_find_range(q, q->where, SIM_SYS_ID, &id_lo, &id_hi);
	cand->kind = SIM_C_RANGE;
	cand->from = sim_oid_serial((uint64_t)id_lo);
	cand->to = id_hi <= id_lo ? 0 : sim_oid_serial((uint64_t)id_hi - 1);
	if (id_lo >= (int64_t)sim_oid(q->obj->idx + 1, 0))
		cand->to = 0;
	if (cand->to > q->obj->store->top)
		cand->to = q->obj->store->top;
	cand->n = cand->to >= cand->from ? cand->to - cand->from + 1 : 0;
}

static uint64_t sim_cand_at(const struct sim_cand *c, size_t i)
{
	if (c->kind == SIM_C_LIST)
		return c->list[c->desc ? c->n - 1 - i : i];
	return c->desc ? c->to - i : c->from + i;
}

/* ---- sorting ---- */

struct sim_sorted {
	uint32_t serial;
	bool null[8];
	struct sim_cell cell[8];
};

struct sim_sorter {
	const struct sim_query *q;
	struct sim_arena arena;
	struct sim_sorted **row;
	size_t n, cap;
};

static void sim_sorter_add(struct sim_sorter *s, const struct sim_rec *r)
{
	const struct sim_query *q = s->q;
	struct sim_sorted *w = sim_arena_get(&s->arena,
		offsetof(struct sim_sorted, cell) + sizeof(struct sim_cell) * (size_t)q->norder);

	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 1024;
		s->row = sim_realloc(s->row, s->cap * sizeof(*s->row));
	}
	w->serial = (uint32_t)sim_oid_serial(r->oid);
	for (int i = 0; i < q->norder; i++) {
		w->null[i] = !sim_path_cell(q, &q->order[i].path, r, &w->cell[i]);
		if (!w->null[i] && w->cell[i].kept == SIM_K_TEXT)
			w->cell[i].s = sim_arena_dup(&s->arena, w->cell[i].s);
	}
	s->row[s->n++] = w;
}

static int sim_cell_cmp(const struct sim_cell *a, const struct sim_cell *b)
{
	if (a->kept == SIM_K_TEXT)
		return sim_cmpi(a->s, b->s);
	if (a->kept == SIM_K_NUM)
		return (a->num > b->num) - (a->num < b->num);
	return (a->i64 > b->i64) - (a->i64 < b->i64);
}

static int sim_sorted_cmp(const void *x, const void *y, void *arg)
{
	const struct sim_sorted *a = *(struct sim_sorted *const *)x,
				*b = *(struct sim_sorted *const *)y;
	const struct sim_query *q = arg;

	for (int i = 0; i < q->norder; i++) {
		int c;

		if (a->null[i] != b->null[i])
			return a->null[i] == q->order[i].nulls_last ? 1 : -1;
		c = a->null[i] ? 0 : sim_cell_cmp(&a->cell[i], &b->cell[i]);
		if (c)
			return q->order[i].desc ? -c : c;
	}
	return (a->serial > b->serial) - (a->serial < b->serial);
}

/* ---- running ---- */

static void sim_result_add(struct sim_result *r, uint64_t serial)
{
	if (r->n == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 1024;
		r->serial = sim_realloc(r->serial, r->cap * sizeof(*r->serial));
	}
	r->serial[r->n++] = (uint32_t)serial;
}

void sim_result_done(struct sim_result *r)
{
	free(r->serial);
	*r = (struct sim_result){0};
}

static bool sim_natural_order(const struct sim_query *q, struct sim_cand *c)
{
	if (c->by_stamp)
		return false; /* sorted by (second, id) below, though only as much as needed */
	if (!q->norder)
		return true;
	if (!sim_order_is(q, 0, SIM_SYS_ID))
		return false;
	c->desc = q->order[0].desc;
	return true;
}

struct sim_run {
	struct sim_query *q;
	struct sim_cand cand;
	struct sim_sorter sorter;
	bool natural;
	size_t want;  /* enough records */
	bool stopped; /* there were enough */
	int64_t last_sec;
};

/* false when there is enough */
static bool sim_run_one(struct sim_run *run, const struct sim_rec *r, struct sim_result *ret)
{
	struct sim_query *q = run->q;
	int64_t sec = r->stamp / 1000;

	if (run->cand.by_stamp && run->sorter.n >= run->want && sec != run->last_sec)
		return false;
	if ((r->deleted && (!q->all || (r->flags & SIM_PURGED))) || !sim_cond_holds(q, q->where, r))
		return true;
	run->last_sec = sec;
	if (!run->natural) {
		sim_sorter_add(&run->sorter, r);
		return true;
	}
	sim_result_add(ret, sim_oid_serial(r->oid));
	return ret->n < run->want;
}

static void sim_run_all(struct sim_run *run, struct sim_result *ret)
{
	size_t i = 0;
	bool more = run->want > 0;

	while (more && i < run->cand.n) {
		size_t stop = i + SIM_STRETCH < run->cand.n ? i + SIM_STRETCH : run->cand.n;

		pthread_rwlock_rdlock(&run->q->org->db);
		for (; more && i < stop; i++) {
			const struct sim_rec *r =
				sim_store_get(run->q->obj->store, sim_cand_at(&run->cand, i));

			more = !r || sim_run_one(run, r, ret);
		}
		pthread_rwlock_unlock(&run->q->org->db);
	}
	run->stopped = !more;
}

static void sim_cut_result(const struct sim_query *q, struct sim_result *ret)
{
	size_t skip = (size_t)q->offset < ret->n ? (size_t)q->offset : ret->n;

	if (skip)
		memmove(ret->serial, ret->serial + skip, (ret->n - skip) * sizeof(*ret->serial));
	ret->n -= skip;
	if (q->limit >= 0 && ret->n > (size_t)q->limit)
		ret->n = (size_t)q->limit;
}

static int sim_lit_cmp(const void *a, const void *b)
{
	const struct sim_lit *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

/* fills in the ids of an IN (SELECT ...) */
static void sim_run_semi(struct sim_query *q, struct sim_cond *c)
{
	const struct sim_item *it;
	struct sim_result in = {0};

	if (!c)
		return;
	sim_run_semi(q, c->a);
	sim_run_semi(q, c->b);
	if (c->kind != SIM_TEST || !c->semi)
		return;
	it = c->semi->items;
	sim_query_run(c->semi, 0, &in);
	c->lit = sim_arena_get(q->arena, sizeof(*c->lit) * (in.n + 1));
	c->nlit = 0;
	pthread_rwlock_rdlock(&q->org->db);
	for (size_t i = 0; i < in.n; i++) {
		const struct sim_rec *r = sim_store_get(c->semi->obj->store, in.serial[i]);
		struct sim_cell v;

		if (r && sim_path_cell(c->semi, &it->path, r, &v))
			c->lit[c->nlit++] = (struct sim_lit){.lo = v.i64, .hi = v.i64 + 1};
	}
	pthread_rwlock_unlock(&q->org->db);
	qsort(c->lit, c->nlit, sizeof(*c->lit), sim_lit_cmp);
	sim_result_done(&in);
}

static void sim_plan_children(const struct sim_query *q, uint64_t parent, struct sim_cand *cand)
{
	struct sim_str key = {(const char *)&parent, 8};
	uint64_t at = 0;

	*cand = (struct sim_cand){.kind = SIM_C_LIST};
	while ((at = sim_index_next(q->obj->store, q->link->index, key, at)))
		sim_cand_add(cand, at);
	sim_cand_sort(cand);
}

/* false: the capped candidates did not hold enough */
static bool sim_run_try(struct sim_run *run, uint64_t parent, size_t cap, struct sim_result *ret)
{
	struct sim_query *q = run->q;
	bool enough;

	pthread_rwlock_rdlock(&q->org->db);
	if (parent)
		sim_plan_children(q, parent, &run->cand);
	else
		sim_plan(q, cap, &run->cand);
	pthread_rwlock_unlock(&q->org->db);
	run->natural = q->aggregate || sim_natural_order(q, &run->cand);
	run->sorter = (struct sim_sorter){.q = q};
	run->stopped = false;
	run->last_sec = 0;
	sim_run_all(run, ret);
	enough = !run->cand.capped || run->stopped;
	if (!run->natural && enough && run->sorter.n > 0) {
		qsort_r(run->sorter.row, run->sorter.n, sizeof(*run->sorter.row), sim_sorted_cmp,
			q);
		for (size_t i = 0; i < run->sorter.n; i++)
			sim_result_add(ret, run->sorter.row[i]->serial);
	}
	free(run->cand.list);
	free(run->sorter.row);
	sim_arena_done(&run->sorter.arena);
	if (!enough)
		ret->n = 0;
	return enough;
}

void sim_query_run(struct sim_query *q, uint64_t parent, struct sim_result *ret)
{
	struct sim_run run = {.q = q, .want = SIZE_MAX};
	size_t cap = SIZE_MAX;
	bool unsorted;

	sim_run_semi(q, q->where);
	pthread_rwlock_rdlock(&q->org->db);
	unsorted = q->obj->store->log_unsorted;
	pthread_rwlock_unlock(&q->org->db);
	if (unsorted) {
		pthread_rwlock_wrlock(&q->org->db);
		sim_store_sort_log(q->obj->store);
		pthread_rwlock_unlock(&q->org->db);
	}
	if (q->limit >= 0 && !q->aggregate) {
		run.want = (size_t)(q->limit + q->offset);
		cap = run.want * 4 + 4096;
	}
	while (!sim_run_try(&run, parent, cap, ret))
		cap *= 8;
	if (!q->aggregate)
		sim_cut_result(q, ret);
}
