#include "osy/mem.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "osy/err.h"

#include "osy/banned.h"

static void *checked(void *p, size_t size_bytes)
{
	if (!p)
		OSY_BUG("out of memory: %zu bytes", size_bytes);
	return p;
}

void osy_mem_tune(size_t large_bytes)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, (int)large_bytes);
	mallopt(M_TRIM_THRESHOLD, 2 * 1024 * 1024);
}

void *osy_xmalloc(size_t size_bytes)
{
	return checked(malloc(size_bytes ? size_bytes : 1), size_bytes);
}

void *osy_xcalloc(size_t count, size_t size_bytes)
{
	bool is_empty = count == 0 || size_bytes == 0;

	return checked(is_empty ? calloc(1, 1) : calloc(count, size_bytes), size_bytes);
}

void *osy_xrealloc(void *p, size_t size_bytes)
{
	return checked(realloc(p, size_bytes ? size_bytes : 1), size_bytes);
}

char *osy_xstrdup(const char *s)
{
	return osy_xstrndup(s, strlen(s));
}

char *osy_xstrndup(const char *s, size_t len)
{
	char *copy = osy_xmalloc(len + 1);

	if (len)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

void osy_free_at(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}
