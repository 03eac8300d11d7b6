/*
 * The worker's pulse: a thread with a Postgres connection of its own that registers the process,
 * beats once a second, and looks five times a second at the world's version. Leases live and die
 * with it.
 *
 * A heartbeat counts from when it was sent. When the loop stalls (no osy_pulse_loop_alive for half
 * a lease), it stops beating, unless the loop said that it blocks on purpose (a rebuild of Redis).
 */
#ifndef OSY_PULSE_H
#define OSY_PULSE_H

#include "osy/http.h"
#include "osy/settings.h"
#include "worker.h"

/* http is woken when the world's version moves; borrowed. */
enum osy_code osy_pulse_start(const struct osy_settings *settings, const char *id,
	struct osy_http *http, struct osy_pulse **ret, struct osy_err *err) OSY_CHECKED;
/* Stops the thread and removes the process row. */
struct osy_pulse *osy_pulse_stop(struct osy_pulse *pulse);

void osy_pulse_loop_alive(struct osy_pulse *pulse);		 /* each turn of the loop */
void osy_pulse_blocking(struct osy_pulse *pulse, bool blocking); /* the loop waits on purpose */
void osy_pulse_drain(struct osy_pulse *pulse); /* shown to others: counts no more for fair shares */
int64_t osy_pulse_world(const struct osy_pulse *pulse); /* version last seen, 0: none yet */
bool osy_pulse_steady(const struct osy_pulse
		*pulse); /* beats unbroken for one lease: may take dead workers' lanes */
bool osy_pulse_beats(
	const struct osy_pulse *pulse); /* the last heartbeat is younger than a lease */
/*
 * The term moves when a gap between heartbeats was so long that lanes may have been taken.
 * osy_pulse_may_send() is false until the loop has looked at its lanes again and says so with the
 * term that it saw before it looked.
 */
unsigned osy_pulse_term(const struct osy_pulse *pulse);
void osy_pulse_verified(struct osy_pulse *pulse, unsigned term);

#endif
