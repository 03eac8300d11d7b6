#include "slow.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "osy/clock.h"
#include "osy/err.h"
#include "osy/mem.h"

#define LOOK_MS 500

struct osy_slow_caller {
	struct osy_slow_caller *prev, *next;
	int fd;
	int64_t since_ms; /* of waiting; 0: it does not, or has been cut off */
};

struct osy_slow {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool ends;
	unsigned places, count;
	struct osy_slow_caller *callers;
};

/* Under the lock, as all that follows: the socket is not closed meanwhile. */
static void cut(struct osy_slow_caller *caller)
{
	shutdown(caller->fd, SHUT_RDWR);
	caller->since_ms = 0;
}

static void cut_longest(struct osy_slow *slow)
{
	struct osy_slow_caller *longest = NULL;

	for (struct osy_slow_caller *c = slow->callers; c; c = c->next)
		if (c->since_ms && (!longest || c->since_ms < longest->since_ms))
			longest = c;
	if (longest)
		cut(longest);
}

static void cut_late(struct osy_slow *slow, int64_t now_ms)
{
	for (struct osy_slow_caller *c = slow->callers; c; c = c->next)
		if (c->since_ms && now_ms - c->since_ms >= OSY_SLOW_MS)
			cut(c);
}

static void *watch(void *arg)
{
	struct osy_slow *slow = arg;

	pthread_mutex_lock(&slow->lock);
	while (!slow->ends) {
		struct timespec until;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += LOOK_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&slow->changed, &slow->lock, &until);
		cut_late(slow, osy_mono_ms());
	}
	pthread_mutex_unlock(&slow->lock);
	return NULL;
}

struct osy_slow *osy_slow_new(unsigned places)
{
	struct osy_slow *slow = osy_xcalloc(1, sizeof(*slow));
	pthread_condattr_t attr;

	slow->places = places;
	pthread_mutex_init(&slow->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&slow->changed, &attr);
	pthread_condattr_destroy(&attr);
	OSY_ASSERT(pthread_create(&slow->thread, NULL, watch, slow) == 0);
	return slow;
}

struct osy_slow *osy_slow_free(struct osy_slow *slow)
{
	if (!slow)
		return NULL;
	pthread_mutex_lock(&slow->lock);
	slow->ends = true;
	pthread_cond_signal(&slow->changed);
	pthread_mutex_unlock(&slow->lock);
	pthread_join(slow->thread, NULL);
	OSY_ASSERT(!slow->callers);
	pthread_cond_destroy(&slow->changed);
	pthread_mutex_destroy(&slow->lock);
	free(slow);
	return NULL;
}

struct osy_slow_caller *osy_slow_came(struct osy_slow *slow, int fd)
{
	struct osy_slow_caller *caller = osy_xcalloc(1, sizeof(*caller));

	caller->fd = fd;
	pthread_mutex_lock(&slow->lock);
	if (slow->count >= slow->places)
		cut_longest(slow);
	caller->since_ms = osy_mono_ms();
	caller->next = slow->callers;
	if (caller->next)
		caller->next->prev = caller;
	slow->callers = caller;
	slow->count++;
	pthread_mutex_unlock(&slow->lock);
	return caller;
}

void osy_slow_went(struct osy_slow *slow, struct osy_slow_caller *caller)
{
	pthread_mutex_lock(&slow->lock);
	if (caller->prev)
		caller->prev->next = caller->next;
	else
		slow->callers = caller->next;
	if (caller->next)
		caller->next->prev = caller->prev;
	slow->count--;
	pthread_mutex_unlock(&slow->lock);
	free(caller);
}

void osy_slow_waits(struct osy_slow *slow, struct osy_slow_caller *caller, bool waits)
{
	pthread_mutex_lock(&slow->lock);
	caller->since_ms = waits ? osy_mono_ms() : 0;
	pthread_mutex_unlock(&slow->lock);
}
