#include "sim_lock.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define SIM_STRIPES 64

struct sim_lock_entry {
	struct sim_lock_entry *next;
	const struct sim_held *owner;
	uint64_t oid;
	unsigned waiters;
};

struct sim_stripe {
	pthread_mutex_t mutex;
	pthread_cond_t freed;
	struct sim_lock_entry *bucket[256];
};

struct sim_locks {
	struct sim_stripe stripe[SIM_STRIPES];
};

struct sim_locks *sim_locks_new(void)
{
	struct sim_locks *l = sim_zalloc(sizeof(*l));
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	for (int i = 0; i < SIM_STRIPES; i++) {
		pthread_mutex_init(&l->stripe[i].mutex, NULL);
		pthread_cond_init(&l->stripe[i].freed, &attr);
	}
	return l;
}

static uint64_t sim_mix(uint64_t oid)
{
	oid *= 0x9E3779B97F4A7C15ull;
	return oid ^ (oid >> 31);
}

static struct sim_lock_entry **sim_lock_find(struct sim_stripe *s, uint64_t oid)
{
	struct sim_lock_entry **at = &s->bucket[sim_mix(oid) / SIM_STRIPES % 256];

	while (*at && (*at)->oid != oid)
		at = &(*at)->next;
	return at;
}

static void sim_held_add(struct sim_held *h, uint64_t oid)
{
	if (h->n == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 64;
		h->oid = sim_realloc(h->oid, h->cap * sizeof(*h->oid));
	}
	h->oid[h->n++] = oid;
}

bool sim_lock(struct sim_held *h, uint64_t oid, int64_t deadline_ms, bool *waited)
{
	struct sim_stripe *s = &h->locks->stripe[sim_mix(oid) % SIM_STRIPES];
	struct timespec until = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};
	struct sim_lock_entry **at, *e;
	bool ok = true, mine = false;

	pthread_mutex_lock(&s->mutex);
	at = sim_lock_find(s, oid);
	e = *at;
	if (!e) {
		e = sim_zalloc(sizeof(*e));
		*e = (struct sim_lock_entry){.owner = h, .oid = oid};
		*at = e;
	} else if (e->owner == h) {
		mine = true;
	} else {
		*waited = true;
		e->waiters++;
		while (e->owner && ok)
			ok = !pthread_cond_timedwait(&s->freed, &s->mutex, &until) || !e->owner;
		e->waiters--;
		if (ok)
			e->owner = h;
	}
	pthread_mutex_unlock(&s->mutex);
	if (ok && !mine)
		sim_held_add(h, oid);
	return ok;
}

void sim_unlock_all(struct sim_held *h)
{
	for (size_t i = 0; i < h->n; i++) {
		struct sim_stripe *s = &h->locks->stripe[sim_mix(h->oid[i]) % SIM_STRIPES];
		struct sim_lock_entry **at, *e;

		pthread_mutex_lock(&s->mutex);
		at = sim_lock_find(s, h->oid[i]);
		e = *at;
		e->owner = NULL;
		if (e->waiters) {
			pthread_cond_broadcast(&s->freed);
		} else {
			*at = e->next;
			free(e);
		}
		pthread_mutex_unlock(&s->mutex);
	}
	free(h->oid);
	h->oid = NULL;
	h->n = h->cap = 0;
}
