/*
 * Memory: small allocations that abort when there is none (a stateless process that dies is
 * redelivered), guarded locals, and arenas. Whatever has a size from outside is bounded before it
 * is allocated.
 */
#ifndef OSY_MEM_H
#define OSY_MEM_H

#include <stddef.h>
#include <stdint.h>

void *osy_xmalloc(size_t size_bytes);
void *osy_xcalloc(size_t count, size_t size_bytes);
void *osy_xrealloc(void *p, size_t size_bytes);
char *osy_xstrdup(const char *s);
char *osy_xstrndup(const char *s, size_t len);

/*
 * For programs that run for long, before their first thread: blocks of large_bytes and more are
 * pages of their own, which take memory only as far as they were written and go back to the system
 * when they are freed (which costs time: a page must be cleared each time); threads share one heap.
 * So memory follows what is in use instead of its peak in each thread.
 */
void osy_mem_tune(size_t large_bytes);

/* Runs done(&variable) when the variable leaves its scope. */
#define OSY_AUTO(done) __attribute__((cleanup(done)))
/* For plain pointers from osy_x*: `OSY_AUTO_FREE char *s = ...` */
#define OSY_AUTO_FREE OSY_AUTO(osy_free_at)
void osy_free_at(void *pointer_to_pointer);

#define OSY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Arena: everything made for one batch lives there and dies with it. Memory is zeroed, aligned to
 * 16 bytes and never moves. Not thread-safe.
 */
struct osy_arena {
	struct osy_arena_chunk *head;
	size_t used_bytes; /* handed out since the last reset */
	size_t chunk_bytes;
};

void osy_arena_init(struct osy_arena *arena, size_t chunk_bytes);
void osy_arena_done(struct osy_arena *arena);
/* Gives all memory back but one chunk. */
void osy_arena_reset(struct osy_arena *arena);
void *osy_arena_alloc(struct osy_arena *arena, size_t size_bytes);
void *osy_arena_calloc(struct osy_arena *arena, size_t count, size_t size_bytes);
char *osy_arena_strndup(struct osy_arena *arena, const char *s, size_t len);

#endif
