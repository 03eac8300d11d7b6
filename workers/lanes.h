/*
 * Leases of lanes, and which of them fetch from Kafka. See worker.h for struct osy_wlane.
 */
#ifndef OSY_LANES_H
#define OSY_LANES_H

#include "worker.h"

/*
 * Claims free lanes up to the fair share and gives surplus ones back; looks at its own lanes when
 * the pulse's term has moved. Called once a second and when the world's version has moved.
 */
enum osy_code osy_lanes_balance(struct osy_worker *worker, struct osy_err *err) OSY_CHECKED;
/* Whether it is given up as soon as nothing of it is under way. */
bool osy_lane_shall_go(const struct osy_worker *worker, const struct osy_wlane *lane);

/* ---- lanes_fetch.c ---- */
/* The world has moved: lanes that had nothing more may have something now. */
void osy_lanes_look_again(struct osy_worker *worker);
/*
 * Opens and closes Kafka queues, takes messages into the loads. True when something was taken.
 * *ret_wait_ms: to be called again at the latest then, for a lane waits for a place.
 */
bool osy_lanes_fetch(struct osy_worker *worker, unsigned *ret_wait_ms);

/* ---- lanes.c ---- */
/* Releases what is idle and shall go: lanes given back, lost, of runs that have ended, or all of
 * them when draining. */
void osy_lanes_release(struct osy_worker *worker);
/* Drops every lane without releasing it (the process ends at once). */
void osy_lanes_done(struct osy_worker *worker);

#endif
