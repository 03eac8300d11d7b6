/*
 * Clocks. Leases and time-outs are measured by the monotonic clock, moments for people by the wall
 * clock.
 */
#ifndef OSY_CLOCK_H
#define OSY_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t osy_mono_ms(void);
int64_t osy_mono_us(void);
int64_t osy_wall_ms(void); /* since 1970, UTC */
/* "2026-11-24T17:03:05.123Z"; text has room for 32 bytes. */
void osy_wall_text(int64_t wall_ms, char text[32]);
/* Parses "2026-11-24T17:03:05.000+0000", "...Z", "...+01:00", "2026-11-24"; -1 when it is none. */
int64_t osy_wall_parse(const char *p, size_t len);
/* Back-off: full jitter between base and base * 2^attempt, at most max. */
unsigned osy_backoff_ms(unsigned attempt, unsigned base_ms, unsigned max_ms);
uint64_t osy_random_u64(void); /* getrandom */
void osy_random_bytes(void *p, size_t len);
/* "prefix" + 20 characters [0-9a-z], sortable by time; for run ids and worker ids. */
void osy_new_id(const char *prefix, char *ret_id, size_t size);

#endif
