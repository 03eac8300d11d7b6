#include "sim_base.h"

#include <stdarg.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

void *sim_alloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	if (!p) {
		fputs("simulator: no memory\n", stderr);
		abort();
	}
	return p;
}

void *sim_zalloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		abort();
	return p;
}

void *sim_realloc(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	if (!p)
		abort();
	return p;
}

char *sim_strdup(struct sim_str s)
{
	char *p = sim_alloc(s.len + 1);

	if (s.len)
		memcpy(p, s.p, s.len);
	p[s.len] = 0;
	return p;
}

struct sim_str sim_cstr(const char *s)
{
	return (struct sim_str){s, s ? strlen(s) : 0};
}

bool sim_eq(struct sim_str a, struct sim_str b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}

bool sim_eqi(struct sim_str a, struct sim_str b)
{
	return a.len == b.len && (!a.len || !strncasecmp(a.p, b.p, a.len));
}

bool sim_is(struct sim_str a, const char *lit)
{
	return sim_eqi(a, sim_cstr(lit));
}

int sim_cmpi(struct sim_str a, struct sim_str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? strncasecmp(a.p, b.p, n) : 0;

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

bool sim_starts(struct sim_str s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.len >= n && !memcmp(s.p, prefix, n);
}

bool sim_findi(struct sim_str hay, struct sim_str needle)
{
	for (size_t i = 0; i + needle.len <= hay.len; i++)
		if (!strncasecmp(hay.p + i, needle.p, needle.len))
			return true;
	return false;
}

uint64_t sim_hash(struct sim_str s, bool fold, uint64_t seed)
{
	uint64_t h = seed ^ 1469598103934665603ull;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (fold && c >= 'A' && c <= 'Z')
			c = (unsigned char)(c + 32);
		h = (h ^ c) * 1099511628211ull;
	}
	h ^= h >> 32;
	h *= 0x9E3779B97F4A7C15ull;
	return h ^ (h >> 29);
}

bool sim_to_i64(struct sim_str s, int64_t *ret)
{
	char tmp[32], *end;

	if (!s.len || s.len >= sizeof(tmp))
		return false;
	memcpy(tmp, s.p, s.len);
	tmp[s.len] = 0;
	*ret = strtoll(tmp, &end, 10);
	return !*end;
}

struct sim_str sim_cut(struct sim_str *rest, char sep)
{
	const char *at = rest->len ? memchr(rest->p, sep, rest->len) : NULL;
	struct sim_str head = *rest;

	if (!at) {
		*rest = (struct sim_str){NULL, 0};
		return head;
	}
	head.len = (size_t)(at - rest->p);
	*rest = (struct sim_str){at + 1, rest->len - head.len - 1};
	return head;
}

struct sim_str sim_trim(struct sim_str s)
{
	while (s.len && (unsigned char)s.p[0] <= ' ')
		s.p++, s.len--;
	while (s.len && (unsigned char)s.p[s.len - 1] <= ' ')
		s.len--;
	return s;
}

void sim_buf_need(struct sim_buf *b, size_t more)
{
	if (b->len + more + 1 <= b->cap)
		return;
	b->cap = (b->cap ? b->cap * 2 : 256) + more;
	b->p = sim_realloc(b->p, b->cap);
}

void sim_buf_add(struct sim_buf *b, const void *p, size_t len)
{
	if (!len)
		return;
	sim_buf_need(b, len);
	memcpy(b->p + b->len, p, len);
	b->len += len;
}

void sim_buf_str(struct sim_buf *b, const char *s)
{
	sim_buf_add(b, s, strlen(s));
}

void sim_buf_s(struct sim_buf *b, struct sim_str s)
{
	sim_buf_add(b, s.p, s.len);
}

void sim_buf_ch(struct sim_buf *b, char c)
{
	sim_buf_need(b, 1);
	b->p[b->len++] = c;
}

void sim_buf_u64(struct sim_buf *b, uint64_t v)
{
	char tmp[24];
	size_t i = sizeof(tmp);

	do {
		tmp[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	sim_buf_add(b, tmp + i, sizeof(tmp) - i);
}

void sim_buf_fmt(struct sim_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	sim_buf_need(b, (size_t)n);
	va_start(ap, fmt);
	vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void sim_buf_json(struct sim_buf *b, struct sim_str s)
{
	static const char hex[] = "0123456789abcdef";

	sim_buf_need(b, s.len + 2);
	b->p[b->len++] = '"';
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		const char *esc = NULL;

		if (c >= 0x20 && c != '"' && c != '\\') {
			sim_buf_ch(b, (char)c);
			continue;
		}
		switch (c) {
		case '"':
			esc = "\\\"";
			break;
		case '\\':
			esc = "\\\\";
			break;
		case '\n':
			esc = "\\n";
			break;
		case '\r':
			esc = "\\r";
			break;
		case '\t':
			esc = "\\t";
			break;
		default:
			break;
		}
		if (esc) {
			sim_buf_add(b, esc, 2);
		} else {
			char u[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

			sim_buf_add(b, u, 6);
		}
	}
	sim_buf_ch(b, '"');
}

void sim_buf_clean(struct sim_buf *b, struct sim_str s)
{
	sim_buf_need(b, s.len + 2);
	b->p[b->len++] = '"';
	memcpy(b->p + b->len, s.p, s.len);
	b->len += s.len;
	b->p[b->len++] = '"';
}

void sim_buf_jstr(struct sim_buf *b, const char *s)
{
	if (s)
		sim_buf_json(b, sim_cstr(s));
	else
		sim_buf_add(b, "null", 4);
}

void sim_buf_done(struct sim_buf *b)
{
	free(b->p);
	*b = (struct sim_buf){0};
}

struct sim_str sim_buf_view(const struct sim_buf *b)
{
	return (struct sim_str){b->p ? b->p : "", b->len};
}

struct sim_arena_block {
	struct sim_arena_block *next;
	size_t used, cap;
	char data[] __attribute__((aligned(16)));
};

void *sim_arena_get(struct sim_arena *a, size_t size)
{
	struct sim_arena_block *k = a->top;
	size_t cap;
	void *p;

	size = (size + 7) & ~(size_t)7;
	if (!k || k->used + size > k->cap) {
		cap = k ? k->cap * 2 : 8192 - sizeof(*k);
		if (cap > (4u << 20))
			cap = 4u << 20;
		if (cap < size)
			cap = size;
		k = sim_alloc(sizeof(*k) + cap);
		*k = (struct sim_arena_block){.next = a->top, .cap = cap};
		a->top = k;
	}
	p = k->data + k->used;
	k->used += size;
	return p;
}

struct sim_str sim_arena_dup(struct sim_arena *a, struct sim_str s)
{
	char *p = sim_arena_get(a, s.len + 1);

	if (s.len)
		memcpy(p, s.p, s.len);
	p[s.len] = 0;
	return (struct sim_str){p, s.len};
}

char *sim_arena_fmt(struct sim_arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	p = sim_arena_get(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void sim_arena_done(struct sim_arena *a)
{
	struct sim_arena_block *k = a->top, *next;

	for (; k; k = next) {
		next = k->next;
		free(k);
	}
	a->top = NULL;
}
