/*
 * Records of one object. A record is one allocation and its values never change: an update puts
 * a new record in its place. Readers take the org's read lock only to find records, keep a
 * reference, and format without any lock. Everything that changes a store needs the write lock.
 */
#ifndef SIM_STORE_H
#define SIM_STORE_H

#include <stdatomic.h>

#include "sim_schema.h"

struct sim_rec {
	_Atomic uint32_t refs;
	uint32_t log_at; /* its entry in the store's log of changes */
	uint64_t oid;
	int64_t created, modified, stamp, deleted; /* ms; deleted 0 while it lives */
	uint32_t created_by, modified_by;	   /* serials of users */
	uint16_t nslots, flags;
	uint32_t bytes;
	uint32_t
		end[]; /* end of each value; top bit: needs escaping. Then uint16_t field[], data */
};
#define SIM_DIRTY 0x80000000u
#define SIM_PURGED 1u /* flags: deleted, and out of the recycle bin */

/* one value of a record in the making */
struct sim_val {
	uint16_t field;
	bool null, dirty;
	struct sim_str s; /* text, number text, "t", or 8 bytes of an id or a time */
};

struct sim_log_entry {
	int64_t ms;
	uint64_t serial;
};

struct sim_index {
	const struct sim_field *field;
	uint32_t *head;
	size_t nheads, used;
	uint32_t (**link)[2]; /* chunks of {next, prev} by serial */
	size_t nlinks;
};

struct sim_store {
	struct sim_rec ***chunk; /* serial -> record */
	size_t nchunks;
	uint64_t top; /* serials 1 .. top were given out */
	_Atomic uint64_t live, deleted;
	uint64_t auto_no;
	uint64_t builtin; /* serials up to here survive a reset */
	struct sim_log_entry *log;
	size_t nlog, log_cap;
	bool log_unsorted;
	struct sim_index index[32];
	int nindexes;
};

struct sim_store *sim_store_new(void);
int sim_store_add_index(struct sim_store *st, const struct sim_field *f);
struct sim_rec *sim_store_get(const struct sim_store *st, uint64_t serial); /* borrowed; or NULL */
struct sim_rec *sim_find(const struct sim_org *org, uint64_t oid);
uint64_t sim_store_new_serial(struct sim_store *st);
/* puts rec in its serial's place (gives it to the store) and returns what was there, still owned */
struct sim_rec *sim_store_put(struct sim_store *st, struct sim_rec *rec);
/* takes the record out altogether */
struct sim_rec *sim_store_take(struct sim_store *st, uint64_t serial);
void sim_store_clear(struct sim_store *st, uint64_t keep); /* serials above keep */
void sim_store_sort_log(struct sim_store *st);
size_t sim_store_log_from(const struct sim_store *st, int64_t ms); /* first entry at or after */

/* walks live records whose field is v: returns the next after `serial` (0 starts), 0 at the end */
uint64_t sim_index_next(const struct sim_store *st, int index, struct sim_str v, uint64_t serial);

/* vals must be sorted by field, without nulls */
struct sim_rec *sim_rec_new(const struct sim_val *vals, size_t n);
void sim_rec_unref(struct sim_rec *r);
static inline struct sim_rec *sim_rec_ref(struct sim_rec *r)
{
	atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	return r;
}
bool sim_rec_get(const struct sim_rec *r, unsigned field, struct sim_str *ret, bool *ret_dirty);
struct sim_val sim_rec_slot(const struct sim_rec *r, unsigned slot);
uint64_t sim_rec_u64(const struct sim_rec *r, const struct sim_field *f); /* id or 0 */

#endif
