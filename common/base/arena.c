#include "osy/mem.h"

#include <stdlib.h>
#include <string.h>

#include "osy/err.h"

#include "osy/banned.h"

/* Under AddressSanitizer each allocation is a block of its own, so that overruns inside an arena
 * are seen. */
#if defined(__SANITIZE_ADDRESS__)
#define SEPARATE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SEPARATE 1
#endif
#endif
#ifndef SEPARATE
#define SEPARATE 0
#endif

enum { ALIGN = 16, CHUNK_BYTES = 64 * 1024 };

struct osy_arena_chunk {
	struct osy_arena_chunk *next;
	size_t size_bytes;
	size_t used_bytes;
	size_t pad_; /* keeps data aligned */
	char data[];
};

_Static_assert(sizeof(struct osy_arena_chunk) % ALIGN == 0, "data must be aligned");

void osy_arena_init(struct osy_arena *arena, size_t chunk_bytes)
{
	*arena = (struct osy_arena){.chunk_bytes = chunk_bytes ? chunk_bytes : CHUNK_BYTES};
}

static void free_list(struct osy_arena_chunk *chunk)
{
	while (chunk) {
		struct osy_arena_chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
}

void osy_arena_done(struct osy_arena *arena)
{
	free_list(arena->head);
	arena->head = NULL;
	arena->used_bytes = 0;
}

void osy_arena_reset(struct osy_arena *arena)
{
	struct osy_arena_chunk *keep = arena->head;

	arena->used_bytes = 0;
	if (!keep)
		return;
	free_list(keep->next);
	keep->next = NULL;
	if (SEPARATE || keep->size_bytes > arena->chunk_bytes) {
		free(keep);
		arena->head = NULL;
		return;
	}
	memset(keep->data, 0, keep->used_bytes);
	keep->used_bytes = 0;
}

static struct osy_arena_chunk *chunk_new(size_t size_bytes)
{
	struct osy_arena_chunk *chunk = osy_xcalloc(1, sizeof(*chunk) + size_bytes);

	chunk->size_bytes = size_bytes;
	return chunk;
}

/* Big blocks get a chunk of their own behind the head, which goes on being filled. */
static void *alloc_own_chunk(struct osy_arena *arena, size_t size_bytes)
{
	struct osy_arena_chunk *chunk = chunk_new(size_bytes);

	chunk->used_bytes = size_bytes;
	if (arena->head) {
		chunk->next = arena->head->next;
		arena->head->next = chunk;
	} else {
		arena->head = chunk;
	}
	return chunk->data;
}

void *osy_arena_alloc(struct osy_arena *arena, size_t size_bytes)
{
	struct osy_arena_chunk *head = arena->head;
	size_t need = (size_bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	void *p;

	OSY_ASSERT(size_bytes <= SIZE_MAX / 2);
	if (need == 0)
		need = ALIGN;
	if (arena->chunk_bytes == 0)
		arena->chunk_bytes = CHUNK_BYTES;
	arena->used_bytes += need;
	if (SEPARATE)
		return alloc_own_chunk(arena, size_bytes);
	if (need > arena->chunk_bytes / 4)
		return alloc_own_chunk(arena, need);
	if (!head || head->size_bytes - head->used_bytes < need) {
		head = chunk_new(arena->chunk_bytes);
		head->next = arena->head;
		arena->head = head;
	}
	p = head->data + head->used_bytes;
	head->used_bytes += need;
	return p;
}

void *osy_arena_calloc(struct osy_arena *arena, size_t count, size_t size_bytes)
{
	size_t total;

	if (__builtin_mul_overflow(count, size_bytes, &total))
		OSY_BUG("arena: %zu x %zu bytes", count, size_bytes);
	return osy_arena_alloc(arena, total);
}

char *osy_arena_strndup(struct osy_arena *arena, const char *s, size_t len)
{
	char *copy = osy_arena_alloc(arena, len + 1);

	if (len)
		memcpy(copy, s, len);
	return copy;
}
