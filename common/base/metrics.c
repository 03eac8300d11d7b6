#include "osy/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

#include "osy/mem.h"

#include "osy/banned.h"

enum kind { COUNTER, GAUGE, HISTOGRAM };

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

struct osy_metric {
	struct osy_metric *next;
	const char *name, *help;
	char *labels;
	enum kind kind;
	unsigned bounds_count;
	double *bounds;
	_Atomic int64_t value;	   /* of a histogram: the sum in microseconds */
	_Atomic uint64_t *buckets; /* bounds_count + 1, not cumulative */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct osy_metric *metrics; /* metrics of one name lie together, as the format wants */

static struct osy_metric *metric_new(
	enum kind kind, const char *name, const char *labels, const char *help)
{
	struct osy_metric *m = osy_xcalloc(1, sizeof(*m));

	m->name = name;
	m->help = help;
	m->labels = osy_xstrdup(labels ? labels : "");
	m->kind = kind;
	return m;
}

static void set_bounds(struct osy_metric *m, const double *bounds, unsigned count)
{
	m->bounds = osy_xcalloc(count, sizeof(*m->bounds));
	m->buckets = osy_xcalloc(count + 1u, sizeof(*m->buckets));
	m->bounds_count = count;
	for (unsigned i = 0; i < count; i++) {
		OSY_ASSERT(i == 0 || bounds[i] > bounds[i - 1]);
		m->bounds[i] = bounds[i];
	}
}

/* The metric, made at its first use. */
static struct osy_metric *registered(enum kind kind, const char *name, const char *labels,
	const char *help, const double *bounds, unsigned count)
{
	struct osy_metric **at, **after = NULL, *m;

	pthread_mutex_lock(&lock);
	for (at = &metrics; (m = *at); at = &m->next) {
		if (strcmp(m->name, name) != 0)
			continue;
		OSY_ASSERT(m->kind == kind);
		if (strcmp(m->labels, labels ? labels : "") == 0)
			break;
		after = &m->next;
	}
	if (!m) {
		m = metric_new(kind, name, labels, help);
		if (kind == HISTOGRAM)
			set_bounds(m, bounds, count);
		at = after ? after : at;
		m->next = *at;
		*at = m;
	}
	pthread_mutex_unlock(&lock);
	return m;
}

struct osy_metric *osy_counter(const char *name, const char *labels, const char *help)
{
	return registered(COUNTER, name, labels, help, NULL, 0);
}

struct osy_metric *osy_gauge(const char *name, const char *labels, const char *help)
{
	return registered(GAUGE, name, labels, help, NULL, 0);
}

struct osy_metric *osy_histogram(const char *name, const char *labels, const char *help,
	const double *bounds, unsigned count)
{
	return registered(HISTOGRAM, name, labels, help, bounds, count);
}

void osy_metric_add(struct osy_metric *metric, int64_t n)
{
	OSY_ASSERT(metric->kind != HISTOGRAM && (n >= 0 || metric->kind == GAUGE));
	atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}

void osy_metric_set(struct osy_metric *metric, int64_t value)
{
	OSY_ASSERT(metric->kind == GAUGE);
	atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

void osy_metric_observe_us(struct osy_metric *metric, int64_t us)
{
	double seconds = (double)us / 1e6;
	unsigned i = 0;

	OSY_ASSERT(metric->kind == HISTOGRAM);
	while (i < metric->bounds_count && seconds > metric->bounds[i])
		i++;
	atomic_fetch_add_explicit(&metric->buckets[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&metric->value, us, memory_order_relaxed);
}

static void put_series(
	struct osy_buf *out, const struct osy_metric *m, const char *suffix, const char *bound)
{
	bool has_labels = m->labels[0] || bound;

	osy_buf_addf(out, "%s%s%s%s", m->name, suffix, has_labels ? "{" : "", m->labels);
	if (bound)
		osy_buf_addf(out, "%sle=\"%s\"", m->labels[0] ? "," : "", bound);
	osy_buf_addz(out, has_labels ? "} " : " ");
}

static void put_histogram(struct osy_buf *out, struct osy_metric *m)
{
	int64_t sum_us = atomic_load_explicit(&m->value, memory_order_relaxed);
	uint64_t count = 0;

	for (unsigned i = 0; i <= m->bounds_count; i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf bound = OSY_BUF(64);

		count += atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
		if (i < m->bounds_count)
			osy_buf_addf(&bound, "%g", m->bounds[i]);
		else
			osy_buf_addz(&bound, "+Inf");
		put_series(out, m, "_bucket", bound.p);
		osy_buf_addf(out, "%llu\n", (unsigned long long)count);
	}
	put_series(out, m, "_sum", NULL);
	osy_buf_addf(out, "%.6f\n", (double)sum_us / 1e6);
	/* counted from the buckets, so that it is never at odds with +Inf */
	put_series(out, m, "_count", NULL);
	osy_buf_addf(out, "%llu\n", (unsigned long long)count);
}

void osy_metrics_render(struct osy_buf *out)
{
	const char *last = "";

	pthread_mutex_lock(&lock);
	for (struct osy_metric *m = metrics; m; m = m->next) {
		if (strcmp(m->name, last) != 0)
			osy_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name,
				kind_names[m->kind]);
		last = m->name;
		if (m->kind == HISTOGRAM) {
			put_histogram(out, m);
			continue;
		}
		put_series(out, m, "", NULL);
		osy_buf_addf(out, "%lld\n",
			(long long)atomic_load_explicit(&m->value, memory_order_relaxed));
	}
	pthread_mutex_unlock(&lock);
}
