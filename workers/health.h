/*
 * /healthz, /readyz and /metrics of the worker, on libmicrohttpd's own thread; it reads atomics
 * only.
 */
#ifndef OSY_HEALTH_H
#define OSY_HEALTH_H

#include "osy/err.h"

struct osy_health;

/* listen: "host:port", or "" for none (a health object that answers nobody). */
enum osy_code osy_health_start(
	const char *listen, struct osy_health **ret, struct osy_err *err) OSY_CHECKED;
struct osy_health *osy_health_stop(struct osy_health *health);
void osy_health_alive(
	struct osy_health *health); /* each turn of the loop: /healthz is red without it for 30 s */
void osy_health_draining(struct osy_health *health); /* /readyz is red from now on */

#endif
