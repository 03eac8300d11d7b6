#include "osy/str.h"

#include <stdio.h>
#include <stdlib.h>

#include "osy/mem.h"

#include "osy/banned.h"

enum { FIRST_BYTES = 64 };

void osy_buf_done(struct osy_buf *buf)
{
	if (buf->cap)
		free(buf->p);
	*buf = OSY_BUF(buf->max);
}

void osy_buf_reset(struct osy_buf *buf)
{
	buf->len = 0;
	if (buf->cap)
		buf->p[0] = '\0';
}

char *osy_buf_take(struct osy_buf *buf, size_t *ret_len)
{
	char *p = buf->cap ? buf->p : osy_xstrndup("", 0);

	if (ret_len)
		*ret_len = buf->len;
	*buf = OSY_BUF(buf->max);
	return p;
}

static bool fits(const struct osy_buf *buf, size_t n)
{
	return n <= buf->max - buf->len;
}

/* Makes cap at least len + n + 1, the last for the NUL; the caller knows that it fits. */
static void grow(struct osy_buf *buf, size_t n)
{
	size_t need = buf->len + n + 1, cap = buf->cap ? buf->cap : FIRST_BYTES;

	if (need <= buf->cap)
		return;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	if (cap > buf->max && buf->max + 1 >= need)
		cap = buf->max + 1;
	buf->p = osy_xrealloc(buf->cap ? buf->p : NULL, cap);
	buf->cap = cap;
	buf->p[buf->len] = '\0';
}

static void append(struct osy_buf *buf, const void *p, size_t n)
{
	if (n == 0)
		return;
	grow(buf, n);
	memcpy(buf->p + buf->len, p, n);
	buf->len += n;
	buf->p[buf->len] = '\0';
}

enum osy_code osy_buf_try(struct osy_buf *buf, const void *p, size_t len, struct osy_err *err)
{
	if (!fits(buf, len))
		return osy_fail(
			err, OSY_E_TOO_BIG, "buffer would pass its limit of %zu bytes", buf->max);
	append(buf, p, len);
	return OSY_OK;
}

char *osy_buf_room(struct osy_buf *buf, size_t n)
{
	if (!fits(buf, n))
		OSY_BUG("buffer: %zu + %zu bytes pass its limit of %zu", buf->len, n, buf->max);
	grow(buf, n);
	return buf->p + buf->len;
}

void osy_buf_end(struct osy_buf *buf, size_t n_written)
{
	if (n_written == 0)
		return;
	OSY_ASSERT(n_written < buf->cap - buf->len);
	buf->len += n_written;
	buf->p[buf->len] = '\0';
}

void osy_buf_add(struct osy_buf *buf, const void *p, size_t len)
{
	if (!fits(buf, len))
		OSY_BUG("buffer: %zu + %zu bytes pass its limit of %zu", buf->len, len, buf->max);
	append(buf, p, len);
}

void osy_buf_add_str(struct osy_buf *buf, struct osy_str s)
{
	osy_buf_add(buf, s.p, s.len);
}

void osy_buf_addz(struct osy_buf *buf, const char *s)
{
	osy_buf_add(buf, s, strlen(s));
}

void osy_buf_addc(struct osy_buf *buf, char c)
{
	osy_buf_add(buf, &c, 1);
}

void osy_buf_addf(struct osy_buf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	osy_buf_vaddf(buf, format, args);
	va_end(args);
}

void osy_buf_vaddf(struct osy_buf *buf, const char *format, va_list args)
{
	va_list again;
	int n;

	OSY_ASSERT(format); /* gcc warns under UBSan without it */
	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	OSY_ASSERT(n >= 0);
	vsnprintf(osy_buf_room(buf, (size_t)n), (size_t)n + 1, format, args);
	osy_buf_end(buf, (size_t)n);
}
