/*
 * C11 threads by pthreads, for ThreadSanitizer: it wraps pthreads only, and Debian's librdkafka is
 * built upon C11 threads, whose thread of its own TSan does not know and crashes in. Linked into
 * each program of a build with OSY_SANITIZE=thread (cmake/flags.cmake), whose symbols the library
 * then takes (-rdynamic).
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(mtx_t), "mtx_t holds a mutex");
_Static_assert(sizeof(pthread_cond_t) <= sizeof(cnd_t), "cnd_t holds a condition");

static int code(int rc)
{
	switch (rc) {
	case 0:
		return thrd_success;
	case ENOMEM:
		return thrd_nomem;
	case ETIMEDOUT:
		return thrd_timedout;
	case EBUSY:
		return thrd_busy;
	default:
		return thrd_error;
	}
}

struct start {
	thrd_start_t function;
	void *data;
};

static void *start_thread(void *data)
{
	struct start start = *(struct start *)data;

	free(data);
	return (void *)(intptr_t)start.function(start.data);
}

int thrd_create(thrd_t *ret, thrd_start_t function, void *data)
{
	struct start *start = malloc(sizeof(*start));
	int rc;

	if (!start)
		return thrd_nomem;
	*start = (struct start){function, data};
	rc = pthread_create(ret, NULL, start_thread, start);
	if (rc)
		free(start);
	return code(rc);
}

int thrd_join(thrd_t thread, int *ret)
{
	void *value = NULL;
	int rc = pthread_join(thread, &value);

	if (ret)
		*ret = (int)(intptr_t)value;
	return code(rc);
}

int thrd_detach(thrd_t thread)
{
	return code(pthread_detach(thread));
}

thrd_t thrd_current(void)
{
	return pthread_self();
}

int thrd_equal(thrd_t a, thrd_t b)
{
	return pthread_equal(a, b);
}

void thrd_yield(void)
{
	sched_yield();
}

_Noreturn void thrd_exit(int value)
{
	pthread_exit((void *)(intptr_t)value);
}

int mtx_init(mtx_t *mutex, int type)
{
	pthread_mutexattr_t attributes;
	int rc;

	pthread_mutexattr_init(&attributes);
	if (type & mtx_recursive)
		pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	rc = pthread_mutex_init((pthread_mutex_t *)mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
	return code(rc);
}

void mtx_destroy(mtx_t *mutex)
{
	pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

int mtx_lock(mtx_t *mutex)
{
	return code(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

int mtx_trylock(mtx_t *mutex)
{
	return code(pthread_mutex_trylock((pthread_mutex_t *)mutex));
}

int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict until)
{
	return code(pthread_mutex_timedlock((pthread_mutex_t *)mutex, until));
}

int mtx_unlock(mtx_t *mutex)
{
	return code(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

int cnd_init(cnd_t *condition)
{
	return code(pthread_cond_init((pthread_cond_t *)condition, NULL));
}

void cnd_destroy(cnd_t *condition)
{
	pthread_cond_destroy((pthread_cond_t *)condition);
}

int cnd_signal(cnd_t *condition)
{
	return code(pthread_cond_signal((pthread_cond_t *)condition));
}

int cnd_broadcast(cnd_t *condition)
{
	return code(pthread_cond_broadcast((pthread_cond_t *)condition));
}

int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
	return code(pthread_cond_wait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex));
}

int cnd_timedwait(
	cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict until)
{
	return code(pthread_cond_timedwait(
		(pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until));
}

int tss_create(tss_t *key, tss_dtor_t destroy)
{
	return code(pthread_key_create(key, destroy));
}

void tss_delete(tss_t key)
{
	pthread_key_delete(key);
}

void *tss_get(tss_t key)
{
	return pthread_getspecific(key);
}

int tss_set(tss_t key, void *value)
{
	return code(pthread_setspecific(key, value));
}

void call_once(once_flag *flag, void (*function)(void))
{
	pthread_once((pthread_once_t *)flag, function);
}
