/*
 * Metrics in Prometheus' text format: counters, gauges and histograms of fixed buckets, registered
 * once, then atomic: any thread may add, any thread may render. Label values come from closed sets.
 */
#ifndef OSY_METRICS_H
#define OSY_METRICS_H

#include <stdint.h>

#include "osy/str.h"

struct osy_metric; /* lives as long as the program */

/* labels: "api=\"rest\"" or "" ; name and help are borrowed for ever. The same name and labels give
 * the same metric. */
struct osy_metric *osy_counter(const char *name, const char *labels, const char *help);
struct osy_metric *osy_gauge(const char *name, const char *labels, const char *help);
/* Upper bounds in seconds, ascending. */
struct osy_metric *osy_histogram(const char *name, const char *labels, const char *help,
	const double *bounds, unsigned count);
void osy_metric_add(struct osy_metric *metric, int64_t n);
void osy_metric_set(struct osy_metric *metric, int64_t value);
void osy_metric_observe_us(struct osy_metric *metric, int64_t us);
void osy_metrics_render(struct osy_buf *out);

#endif
