/*
 * Slices, buffers, an arena and text helpers. Allocation never fails here: the program aborts on
 * no memory. Nothing in this header takes a lock.
 */
#ifndef SIM_BASE_H
#define SIM_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct sim_str {
	const char *p;
	size_t len;
};
#define SIM_S(lit) ((struct sim_str){(lit), sizeof(lit) - 1})
#define SIM_P(s) (int)(s).len, (s).p
#define SIM_COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct sim_buf {
	char *p;
	size_t len, cap;
};

struct sim_arena_block;
struct sim_arena {
	struct sim_arena_block *top;
};

void *sim_alloc(size_t size);
void *sim_zalloc(size_t size);
void *sim_realloc(void *p, size_t size);
char *sim_strdup(struct sim_str s);

struct sim_str sim_cstr(const char *s);
bool sim_eq(struct sim_str a, struct sim_str b);
bool sim_eqi(struct sim_str a, struct sim_str b); /* ASCII letters alike */
bool sim_is(struct sim_str a, const char *lit);	  /* case-insensitive */
int sim_cmpi(struct sim_str a, struct sim_str b);
bool sim_starts(struct sim_str s, const char *prefix);
bool sim_findi(struct sim_str hay, struct sim_str needle);
uint64_t sim_hash(struct sim_str s, bool fold, uint64_t seed);
bool sim_to_i64(struct sim_str s, int64_t *ret);
/* the part before sep; *rest moves behind it */
struct sim_str sim_cut(struct sim_str *rest, char sep);
struct sim_str sim_trim(struct sim_str s);

void sim_buf_need(struct sim_buf *b, size_t more);
void sim_buf_add(struct sim_buf *b, const void *p, size_t len);
void sim_buf_str(struct sim_buf *b, const char *s);
void sim_buf_s(struct sim_buf *b, struct sim_str s);
void sim_buf_ch(struct sim_buf *b, char c);
void sim_buf_u64(struct sim_buf *b, uint64_t v);
void sim_buf_fmt(struct sim_buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull(1, 2)));
void sim_buf_json(struct sim_buf *b, struct sim_str s);	 /* with quotes, escaped */
void sim_buf_clean(struct sim_buf *b, struct sim_str s); /* with quotes, nothing to escape */
void sim_buf_jstr(struct sim_buf *b, const char *s);	 /* NULL gives null */
void sim_buf_done(struct sim_buf *b);
struct sim_str sim_buf_view(const struct sim_buf *b);

void *sim_arena_get(struct sim_arena *a, size_t size);
struct sim_str sim_arena_dup(struct sim_arena *a, struct sim_str s);
char *sim_arena_fmt(struct sim_arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull(1, 2)));
void sim_arena_done(struct sim_arena *a);

/* UTF-8: characters of a text; as UTF-16 units when asked. -1 when it is not valid. */
long sim_utf8_len(struct sim_str s, bool utf16);
struct sim_str sim_url_decode(struct sim_arena *a, struct sim_str s, bool plus);
/* the value of a parameter of a query string or form, decoded; p NULL when absent */
struct sim_str sim_form_get(struct sim_arena *a, struct sim_str form, const char *name);
struct sim_str sim_base64_decode(struct sim_arena *a, struct sim_str s); /* p NULL when bad */
void sim_base64_encode(struct sim_buf *b, struct sim_str s);

int64_t sim_now_ms(void);
int64_t sim_mono_ms(void);
void sim_sleep_us(int64_t us);
uint64_t sim_random(void);
int64_t sim_days(int y, int m, int d); /* days since 1970-01-01 */
void sim_civil(int64_t days, int *y, int *m, int *d);
bool sim_parse_date(struct sim_str s, int64_t *ret_days);
bool sim_parse_datetime(struct sim_str s, int64_t *ret_ms);
void sim_buf_datetime(struct sim_buf *b, int64_t ms);
void sim_buf_date(struct sim_buf *b, int64_t days);

#endif
