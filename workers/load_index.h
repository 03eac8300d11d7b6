/*
 * A small hash index inside an arena: 64-bit hashes to numbers of the caller's, several a hash.
 * The caller compares what the numbers stand for. Never grows: room for `most` entries.
 */
#ifndef OSY_LOAD_INDEX_H
#define OSY_LOAD_INDEX_H

#include "osy/mem.h"
#include "osy/sf_id.h"

struct osy_lslot {
	uint64_t hash;
	uint32_t item; /* number + 1; 0: free */
};

struct osy_lindex {
	struct osy_lslot *slots;
	size_t mask;
};

#define OSY_LINDEX_START SIZE_MAX

void osy_lindex_init(struct osy_lindex *index, struct osy_arena *arena, size_t most);
void osy_lindex_add(struct osy_lindex *index, uint64_t hash, uint32_t item);
/* The next number under a hash, -1 at the end; *at begins as OSY_LINDEX_START. */
int64_t osy_lindex_next(const struct osy_lindex *index, uint64_t hash, size_t *at);

static inline uint64_t osy_lindex_id(const struct osy_id *id)
{
	return osy_hash(id->c, 15, 0);
}

#endif
