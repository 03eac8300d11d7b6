#include "sim_store.h"
#include "sim_org.h"

#include <stdlib.h>

#define SIM_CHUNK 4096

struct sim_store *sim_store_new(void)
{
	return sim_zalloc(sizeof(struct sim_store));
}

struct sim_rec *sim_rec_new(const struct sim_val *vals, size_t n)
{
	size_t bytes = 0, head = sizeof(struct sim_rec) + n * 6;
	struct sim_rec *r;
	uint16_t *fields;
	char *data;

	for (size_t i = 0; i < n; i++)
		bytes += vals[i].s.len;
	r = sim_alloc(head + bytes);
	memset(r, 0, sizeof(*r));
	atomic_init(&r->refs, 1);
	r->nslots = (uint16_t)n;
	r->bytes = (uint32_t)bytes;
	fields = (uint16_t *)(r->end + n);
	data = (char *)(fields + n);
	bytes = 0;
	for (size_t i = 0; i < n; i++) {
		if (vals[i].s.len)
			memcpy(data + bytes, vals[i].s.p, vals[i].s.len);
		bytes += vals[i].s.len;
		r->end[i] = (uint32_t)bytes | (vals[i].dirty ? SIM_DIRTY : 0);
		fields[i] = vals[i].field;
	}
	return r;
}

void sim_rec_unref(struct sim_rec *r)
{
	if (r && atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) == 1)
		free(r);
}

struct sim_val sim_rec_slot(const struct sim_rec *r, unsigned slot)
{
	const uint16_t *fields = (const uint16_t *)(r->end + r->nslots);
	const char *data = (const char *)(fields + r->nslots);
	uint32_t from = slot ? r->end[slot - 1] & ~SIM_DIRTY : 0, to = r->end[slot] & ~SIM_DIRTY;

	return (struct sim_val){.field = fields[slot],
		.dirty = r->end[slot] & SIM_DIRTY,
		.s = {data + from, to - from}};
}

bool sim_rec_get(const struct sim_rec *r, unsigned field, struct sim_str *ret, bool *ret_dirty)
{
	const uint16_t *fields = (const uint16_t *)(r->end + r->nslots);
	unsigned lo = 0, hi = r->nslots;
	struct sim_val v;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (fields[mid] < field)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo >= r->nslots || fields[lo] != field)
		return false;
	v = sim_rec_slot(r, lo);
	*ret = v.s;
	if (ret_dirty)
		*ret_dirty = v.dirty;
	return true;
}

uint64_t sim_rec_u64(const struct sim_rec *r, const struct sim_field *f)
{
	struct sim_str s;
	uint64_t v;

	if (f->sys == SIM_SYS_ID)
		return r->oid;
	if (!sim_rec_get(r, f->idx, &s, NULL) || s.len != 8)
		return 0;
	memcpy(&v, s.p, 8);
	return v;
}

struct sim_rec *sim_store_get(const struct sim_store *st, uint64_t serial)
{
	if (!serial || serial > st->top)
		return NULL;
	return st->chunk[serial / SIM_CHUNK][serial % SIM_CHUNK];
}

struct sim_rec *sim_find(const struct sim_org *org, uint64_t oid)
{
	if (!oid || oid == SIM_MASTER_RT || sim_oid_obj(oid) >= org->nobjects)
		return NULL;
	return sim_store_get(org->object[sim_oid_obj(oid)]->store, sim_oid_serial(oid));
}

uint64_t sim_store_new_serial(struct sim_store *st)
{
	uint64_t serial = ++st->top;
	size_t c = serial / SIM_CHUNK;

	if (c >= st->nchunks) {
		size_t n = st->nchunks ? st->nchunks * 2 : 16;

		st->chunk = sim_realloc(st->chunk, n * sizeof(*st->chunk));
		memset(st->chunk + st->nchunks, 0, (n - st->nchunks) * sizeof(*st->chunk));
		st->nchunks = n;
	}
	if (!st->chunk[c])
		st->chunk[c] = sim_zalloc(SIM_CHUNK * sizeof(struct sim_rec *));
	return serial;
}

/* ---- the log of changes, by SystemModstamp ---- */

static bool sim_log_live(const struct sim_store *st, size_t i)
{
	const struct sim_rec *r = sim_store_get(st, st->log[i].serial);

	return r && r->log_at == (uint32_t)i;
}

static void sim_log_compact(struct sim_store *st)
{
	size_t n = 0;

	for (size_t i = 0; i < st->nlog; i++) {
		if (!sim_log_live(st, i))
			continue;
		st->log[n] = st->log[i];
		sim_store_get(st, st->log[n].serial)->log_at = (uint32_t)n;
		n++;
	}
	st->nlog = n;
}

static void sim_log_add(struct sim_store *st, struct sim_rec *r)
{
	const struct sim_log_entry *had = r->log_at < st->nlog ? &st->log[r->log_at] : NULL;

	/* a record that comes back by an undo still has its entry: the log stays sorted */
	if (had && had->ms == r->stamp && had->serial == sim_oid_serial(r->oid))
		return;
	if (st->nlog > 65536 && st->nlog > 3 * (st->live + st->deleted))
		sim_log_compact(st);
	if (st->nlog == st->log_cap) {
		st->log_cap = st->log_cap ? st->log_cap * 2 : 64;
		st->log = sim_realloc(st->log, st->log_cap * sizeof(*st->log));
	}
	if (st->nlog && st->log[st->nlog - 1].ms > r->stamp)
		st->log_unsorted = true;
	r->log_at = (uint32_t)st->nlog;
	st->log[st->nlog++] = (struct sim_log_entry){r->stamp, sim_oid_serial(r->oid)};
}

static int sim_log_cmp(const void *a, const void *b)
{
	const struct sim_log_entry *x = a, *y = b;

	if (x->ms != y->ms)
		return x->ms < y->ms ? -1 : 1;
	return (x->serial > y->serial) - (x->serial < y->serial);
}

void sim_store_sort_log(struct sim_store *st)
{
	if (!st->log_unsorted)
		return;
	sim_log_compact(st);
	qsort(st->log, st->nlog, sizeof(*st->log), sim_log_cmp);
	for (size_t i = 0; i < st->nlog; i++)
		sim_store_get(st, st->log[i].serial)->log_at = (uint32_t)i;
	st->log_unsorted = false;
}

size_t sim_store_log_from(const struct sim_store *st, int64_t ms)
{
	size_t lo = 0, hi = st->nlog;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (st->log[mid].ms < ms)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* ---- hash indexes: heads by hash, a doubly linked list through every record of a bucket ---- */

static uint64_t sim_index_hash(const struct sim_index *ix, struct sim_str v)
{
	return sim_hash(v, !ix->field->case_sensitive && ix->field->kept == SIM_K_TEXT, 11);
}

static uint32_t *sim_link(struct sim_index *ix, uint64_t serial)
{
	size_t c = serial / SIM_CHUNK;

	if (c >= ix->nlinks) {
		size_t n = c * 2 + 16;

		ix->link = sim_realloc(ix->link, n * sizeof(*ix->link));
		memset(ix->link + ix->nlinks, 0, (n - ix->nlinks) * sizeof(*ix->link));
		ix->nlinks = n;
	}
	if (!ix->link[c])
		ix->link[c] = sim_zalloc(SIM_CHUNK * sizeof(**ix->link));
	return ix->link[c][serial % SIM_CHUNK];
}

static void sim_index_push(struct sim_index *ix, uint64_t hash, uint64_t serial)
{
	uint32_t *head = &ix->head[hash & (ix->nheads - 1)], *l = sim_link(ix, serial);

	l[0] = *head;
	l[1] = 0;
	if (*head)
		sim_link(ix, *head)[1] = (uint32_t)serial;
	*head = (uint32_t)serial;
}

static void sim_index_grow(struct sim_store *st, struct sim_index *ix)
{
	struct sim_str v;

	ix->nheads = ix->nheads ? ix->nheads * 4 : 256;
	free(ix->head);
	ix->head = sim_zalloc(ix->nheads * sizeof(*ix->head));
	for (uint64_t s = 1; s <= st->top; s++) {
		const struct sim_rec *r = sim_store_get(st, s);

		if (r && !r->deleted && sim_rec_get(r, ix->field->idx, &v, NULL))
			sim_index_push(ix, sim_index_hash(ix, v), s);
	}
}

static void sim_index_add(struct sim_store *st, struct sim_index *ix, const struct sim_rec *r)
{
	struct sim_str v;

	if (!sim_rec_get(r, ix->field->idx, &v, NULL))
		return;
	ix->used++;
	if (ix->used > ix->nheads)
		sim_index_grow(st, ix); /* r is in its place already */
	else
		sim_index_push(ix, sim_index_hash(ix, v), sim_oid_serial(r->oid));
}

static void sim_index_drop(struct sim_index *ix, const struct sim_rec *r)
{
	uint64_t serial = sim_oid_serial(r->oid);
	struct sim_str v;
	uint32_t *l;

	if (!sim_rec_get(r, ix->field->idx, &v, NULL))
		return;
	l = sim_link(ix, serial);
	if (l[0])
		sim_link(ix, l[0])[1] = l[1];
	if (l[1])
		sim_link(ix, l[1])[0] = l[0];
	else
		ix->head[sim_index_hash(ix, v) & (ix->nheads - 1)] = l[0];
	ix->used--;
}

int sim_store_add_index(struct sim_store *st, const struct sim_field *f)
{
	struct sim_index *ix = &st->index[st->nindexes];
	struct sim_str v;

	if (st->nindexes == (int)SIM_COUNT(st->index))
		return -1;
	*ix = (struct sim_index){.field = f};
	for (uint64_t s = 1; s <= st->top; s++) {
		const struct sim_rec *r = sim_store_get(st, s);

		ix->used += r && !r->deleted && sim_rec_get(r, f->idx, &v, NULL);
	}
	do
		sim_index_grow(st, ix);
	while (ix->used > ix->nheads);
	return st->nindexes++;
}

uint64_t sim_index_next(const struct sim_store *st, int index, struct sim_str v, uint64_t serial)
{
	const struct sim_index *ix = &st->index[index];
	bool fold = !ix->field->case_sensitive && ix->field->kept == SIM_K_TEXT;
	struct sim_str have;

	if (!ix->nheads)
		return 0;
	if (serial)
		serial = ix->link[serial / SIM_CHUNK][serial % SIM_CHUNK][0];
	else
		serial = ix->head[sim_index_hash(ix, v) & (ix->nheads - 1)];
	while (serial) {
		const struct sim_rec *r = sim_store_get(st, serial);

		if (r && sim_rec_get(r, ix->field->idx, &have, NULL) &&
			(fold ? sim_eqi(have, v) : sim_eq(have, v)))
			return serial;
		serial = ix->link[serial / SIM_CHUNK][serial % SIM_CHUNK][0];
	}
	return 0;
}

static bool sim_same_value(const struct sim_rec *a, const struct sim_rec *b, unsigned field)
{
	struct sim_str x = {NULL, 0}, y = {NULL, 0};
	bool has = sim_rec_get(a, field, &x, NULL);

	return has == sim_rec_get(b, field, &y, NULL) && sim_eq(x, y);
}

static void sim_count(struct sim_store *st, const struct sim_rec *r, int by)
{
	if (!r)
		return;
	if (r->deleted)
		st->deleted += (uint64_t)by;
	else
		st->live += (uint64_t)by;
}

struct sim_rec *sim_store_put(struct sim_store *st, struct sim_rec *rec)
{
	uint64_t serial = sim_oid_serial(rec->oid);
	struct sim_rec **place = &st->chunk[serial / SIM_CHUNK][serial % SIM_CHUNK], *old = *place;

	for (int i = 0; i < st->nindexes; i++) {
		bool was = old && !old->deleted, is = !rec->deleted;

		if (was && is && sim_same_value(old, rec, st->index[i].field->idx))
			continue;
		if (was)
			sim_index_drop(&st->index[i], old);
	}
	sim_count(st, old, -1);
	*place = rec;
	sim_count(st, rec, 1);
	for (int i = 0; i < st->nindexes && !rec->deleted; i++)
		if (!old || old->deleted || !sim_same_value(old, rec, st->index[i].field->idx))
			sim_index_add(st, &st->index[i], rec);
	sim_log_add(st, rec);
	return old;
}

struct sim_rec *sim_store_take(struct sim_store *st, uint64_t serial)
{
	struct sim_rec *old = sim_store_get(st, serial);

	if (!old)
		return NULL;
	for (int i = 0; i < st->nindexes && !old->deleted; i++)
		sim_index_drop(&st->index[i], old);
	sim_count(st, old, -1);
	st->chunk[serial / SIM_CHUNK][serial % SIM_CHUNK] = NULL;
	return old;
}

void sim_store_clear(struct sim_store *st, uint64_t keep)
{
	for (uint64_t s = keep + 1; s <= st->top; s++)
		sim_rec_unref(sim_store_take(st, s));
	sim_log_compact(st);
}
