#include "load_index.h"

#include "osy/err.h"

#include "osy/banned.h"

void osy_lindex_init(struct osy_lindex *index, struct osy_arena *arena, size_t most)
{
	size_t size = 16;

	while (size < most * 2)
		size *= 2;
	index->slots = osy_arena_calloc(arena, size, sizeof(*index->slots));
	index->mask = size - 1;
}

void osy_lindex_add(struct osy_lindex *index, uint64_t hash, uint32_t item)
{
	size_t at = hash & index->mask;

	for (size_t tries = 0; index->slots[at].item; tries++) {
		OSY_ASSERT(tries <= index->mask);
		at = (at + 1) & index->mask;
	}
	index->slots[at] = (struct osy_lslot){hash, item + 1};
}

int64_t osy_lindex_next(const struct osy_lindex *index, uint64_t hash, size_t *at)
{
	size_t i = *at == OSY_LINDEX_START ? hash & index->mask : (*at + 1) & index->mask;

	for (; index->slots[i].item; i = (i + 1) & index->mask) {
		if (index->slots[i].hash == hash) {
			*at = i;
			return (int64_t)index->slots[i].item - 1;
		}
	}
	return -1;
}
