/*
 * The worker's loop: one thread around the network, the lanes' Kafka queues and signals.
 */
#ifndef OSY_LOOP_H
#define OSY_LOOP_H

#include "osy/settings.h"

/* Runs until SIGTERM or SIGINT: then it finishes what is in flight, releases its lanes and returns.
 * A second signal: now. */
enum osy_code osy_worker_run(const struct osy_settings *settings, struct osy_err *err) OSY_CHECKED;

#endif
