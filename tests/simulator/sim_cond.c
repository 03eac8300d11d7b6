/* Evaluating paths and conditions on records. Needs the org's read lock. */
#include "sim_number.h"
#include "sim_soql.h"

#include <strings.h>

uint64_t sim_ref_oid(const struct sim_org *org, const struct sim_rec *r, const struct sim_field *f)
{
	if (f->sys == SIM_SYS_CREATED_BY)
		return sim_oid(org->user_obj->idx, r->created_by);
	if (f->sys == SIM_SYS_MODIFIED_BY)
		return sim_oid(org->user_obj->idx, r->modified_by);
	return sim_rec_u64(r, f);
}

const struct sim_rec *sim_path_rec(const struct sim_org *org, const struct sim_path *p,
	const struct sim_rec *r, const struct sim_field **ret_field)
{
	const struct sim_object *obj;

	for (int i = 0; i < p->nsteps; i++) {
		const struct sim_field *f = p->step[i];

		if (i && p->step[i - 1]->polymorphic)
			f = sim_field_by_rel(org->object[sim_oid_obj(r->oid)], p->step_name[i]);
		r = f ? sim_find(org, sim_ref_oid(org, r, f)) : NULL;
		if (!r)
			return NULL;
	}
	obj = org->object[sim_oid_obj(r->oid)];
	*ret_field = p->field && p->owner == obj ? p->field : sim_field_find(obj, p->name);
	if (!p->field && sim_is(p->name, "Type"))
		*ret_field = NULL; /* the kind of the record, not a field of it */
	return r;
}

bool sim_path_cell(const struct sim_query *q, const struct sim_path *p, const struct sim_rec *r,
	struct sim_cell *ret)
{
	const struct sim_field *f = p->field;

	if (p->nsteps) {
		r = sim_path_rec(q->org, p, r, &f);
		if (!r)
			return false;
		if (!f && sim_is(p->name, "Type")) {
			*ret = (struct sim_cell){.kept = SIM_K_TEXT,
				.s = sim_cstr(q->org->object[sim_oid_obj(r->oid)]->name)};
			return true;
		}
		if (!f)
			return false;
	}
	if (f->sys == SIM_SYS_CREATED_BY || f->sys == SIM_SYS_MODIFIED_BY) {
		*ret = (struct sim_cell){
			.kept = SIM_K_REF, .i64 = (int64_t)sim_ref_oid(q->org, r, f)};
		return true;
	}
	if (!sim_value_cell(r, f, ret))
		return false;
	if (f->type == SIM_T_DATE)
		return sim_parse_date(ret->s, &ret->i64);
	return true;
}

static bool sim_like(struct sim_str s, struct sim_str pat)
{
	size_t i = 0, k = 0, star = SIZE_MAX, mark = 0;

	while (i < s.len) {
		bool esc = k + 1 < pat.len && pat.p[k] == '\\';
		char c = k < pat.len ? pat.p[k + esc] : 0;

		if (k < pat.len && c == '%' && !esc) {
			star = k++;
			mark = i;
		} else if (k < pat.len && ((c == '_' && !esc) || !strncasecmp(&c, s.p + i, 1))) {
			k += 1 + esc;
			i++;
		} else if (star != SIZE_MAX) {
			k = star + 1;
			i = ++mark;
		} else {
			return false;
		}
	}
	while (k < pat.len && pat.p[k] == '%')
		k++;
	return k == pat.len;
}

static bool sim_has_all(struct sim_str have, struct sim_str want)
{
	while (want.len) {
		struct sim_str w = sim_trim(sim_cut(&want, ';')), rest = have;
		bool found = false;

		while (rest.len && !found)
			found = sim_eqi(sim_cut(&rest, ';'), w);
		if (!found)
			return false;
	}
	return true;
}

/* -1, 0, 1; a range literal holds all of its values */
static int sim_against(const struct sim_cell *c, const struct sim_lit *l, const struct sim_field *f)
{
	int64_t v;

	if (c->kept == SIM_K_NUM)
		return (c->num > l->num) - (c->num < l->num);
	if (c->kept == SIM_K_BOOL)
		return (c->i64 > l->lo) - (c->i64 < l->lo);
	if (c->kept == SIM_K_TEXT && !(f && f->type == SIM_T_DATE))
		return f && f->case_sensitive && f->unique && sim_eqi(c->s, l->s) &&
				       !sim_eq(c->s, l->s)
			       ? 1
			       : sim_cmpi(c->s, l->s);
	v = c->i64;
	return v < l->lo ? -1 : v >= l->hi ? 1 : 0;
}

static bool sim_in_list(const struct sim_cond *c, bool has, const struct sim_cell *v)
{
	if (c->semi) {
		size_t lo = 0, hi = c->nlit;

		while (has && lo < hi) {
			size_t mid = (lo + hi) / 2;

			if (c->lit[mid].lo < v->i64)
				lo = mid + 1;
			else
				hi = mid;
		}
		return has && lo < c->nlit && c->lit[lo].lo == v->i64;
	}
	for (size_t i = 0; i < c->nlit; i++) {
		if (c->lit[i].null ? !has : has && !sim_against(v, &c->lit[i], c->path.field))
			return true;
	}
	return false;
}

static bool sim_test_holds(
	const struct sim_query *q, const struct sim_cond *c, const struct sim_rec *r)
{
	struct sim_cell v = {.kept = SIM_K_NONE};
	bool has = sim_path_cell(q, &c->path, r, &v);
	const struct sim_lit *l = c->lit;
	int d;

	switch (c->cmp) {
	case SIM_IN:
		return sim_in_list(c, has, &v);
	case SIM_NOT_IN:
		return !sim_in_list(c, has, &v);
	case SIM_HAS:
	case SIM_HAS_NOT:
		for (size_t i = 0; i < c->nlit; i++)
			if (has && sim_has_all(v.s, c->lit[i].s))
				return c->cmp == SIM_HAS;
		return c->cmp == SIM_HAS_NOT;
	case SIM_LIKE:
		return has && !l->null && v.kept == SIM_K_TEXT && sim_like(v.s, l->s);
	case SIM_EQ:
	case SIM_NE:
	case SIM_LT:
	case SIM_LE:
	case SIM_GT:
	case SIM_GE:
		break;
	}
	if (l->null || (!l->s.len && v.kept == SIM_K_TEXT))
		return c->cmp == SIM_EQ ? !has : c->cmp == SIM_NE && has;
	if (!has)
		return c->cmp == SIM_NE;
	d = sim_against(&v, l, c->path.field);
	switch (c->cmp) {
	case SIM_EQ:
		return !d;
	case SIM_NE:
		return d != 0;
	case SIM_LT:
		return d < 0;
	case SIM_LE:
		return d <= 0;
	case SIM_GT:
		return d > 0;
	case SIM_GE:
		return d >= 0;
	case SIM_LIKE:
	case SIM_IN:
	case SIM_NOT_IN:
	case SIM_HAS:
	case SIM_HAS_NOT:
		break;
	}
	return false;
}

bool sim_cond_holds(const struct sim_query *q, const struct sim_cond *c, const struct sim_rec *r)
{
	if (!c || c->done)
		return true;
	switch (c->kind) {
	case SIM_AND:
		return sim_cond_holds(q, c->a, r) && sim_cond_holds(q, c->b, r);
	case SIM_OR:
		return sim_cond_holds(q, c->a, r) || sim_cond_holds(q, c->b, r);
	case SIM_NOT:
		return !sim_cond_holds(q, c->a, r);
	case SIM_TEST:
		break;
	}
	return sim_test_holds(q, c, r);
}

static int64_t sim_month(int64_t day, int plus)
{
	int y, m, d;

	sim_civil(day, &y, &m, &d);
	m += plus;
	while (m > 12)
		m -= 12, y++;
	while (m < 1)
		m += 12, y--;
	return sim_days(y, m, 1);
}

static int64_t sim_year(int64_t day, int plus)
{
	int y, m, d;

	sim_civil(day, &y, &m, &d);
	return sim_days(y + plus, 1, 1);
}

bool sim_date_literal(struct sim_str word, int64_t n, int64_t *ret_lo, int64_t *ret_hi)
{
	/* unit d w m y, first and last period relative to now; N stands for the number */
	static const struct {
		const char *word;
		char unit;
		int lo, hi;
		int n_lo, n_hi;
	} lits[] = {
		{"TODAY", 'd', 0, 1, 0, 0},
		{"YESTERDAY", 'd', -1, 0, 0, 0},
		{"TOMORROW", 'd', 1, 2, 0, 0},
		{"LAST_WEEK", 'w', -1, 0, 0, 0},
		{"THIS_WEEK", 'w', 0, 1, 0, 0},
		{"NEXT_WEEK", 'w', 1, 2, 0, 0},
		{"LAST_MONTH", 'm', -1, 0, 0, 0},
		{"THIS_MONTH", 'm', 0, 1, 0, 0},
		{"NEXT_MONTH", 'm', 1, 2, 0, 0},
		{"LAST_YEAR", 'y', -1, 0, 0, 0},
		{"THIS_YEAR", 'y', 0, 1, 0, 0},
		{"NEXT_YEAR", 'y', 1, 2, 0, 0},
		{"LAST_90_DAYS", 'd', -90, 1, 0, 0},
		{"NEXT_90_DAYS", 'd', 1, 91, 0, 0},
		{"LAST_N_DAYS", 'd', 0, 1, -1, 0},
		{"NEXT_N_DAYS", 'd', 1, 1, 0, 1},
		{"N_DAYS_AGO", 'd', 0, 1, -1, -1},
		{"LAST_N_WEEKS", 'w', 0, 0, -1, 0},
		{"LAST_N_MONTHS", 'm', 0, 0, -1, 0},
		{"NEXT_N_MONTHS", 'm', 1, 1, 0, 1},
		{"LAST_N_YEARS", 'y', 0, 0, -1, 0},
		{"NEXT_N_YEARS", 'y', 1, 1, 0, 1},
	};
	int64_t today = sim_now_ms() / 86400000, sunday = today - (today + 4) % 7;

	for (size_t i = 0; i < SIM_COUNT(lits); i++) {
		int lo = lits[i].lo + lits[i].n_lo * (int)n,
		    hi = lits[i].hi + lits[i].n_hi * (int)n;

		if (!sim_is(word, lits[i].word))
			continue;
		switch (lits[i].unit) {
		case 'd':
			*ret_lo = today + lo, *ret_hi = today + hi;
			break;
		case 'w':
			*ret_lo = sunday + lo * 7, *ret_hi = sunday + hi * 7;
			break;
		case 'm':
			*ret_lo = sim_month(today, lo), *ret_hi = sim_month(today, hi);
			break;
		default:
			*ret_lo = sim_year(today, lo), *ret_hi = sim_year(today, hi);
			break;
		}
		return true;
	}
	return false;
}
