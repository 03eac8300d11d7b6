/*
 * The worker's parts and who owns what. One thread (the loop) owns everything here but the pulse,
 * which has a thread and a Postgres connection of its own.
 *
 *   pulse.c   heartbeat, world version, "may I still send?"
 *   runs.c    the runs that are loaded: spec, open stage, state, target org
 *   lanes.c   leases of lanes: claim, take over, give back; their Kafka queues; which of them fetch
 *   undo*.c   what a rollback does with a batch (undo.h)
 *   load*.c   the load protocol: from a message to its recorded outcomes (load.h)
 *   health.c  /healthz, /readyz, /metrics
 *   loop.c    puts them together
 */
#ifndef OSY_WORKER_H
#define OSY_WORKER_H

#include "osy/budget.h"
#include "osy/http.h"
#include "osy/idmap.h"
#include "osy/kafka.h"
#include "osy/pg.h"
#include "osy/redis.h"
#include "osy/settings.h"
#include "osy/sf_org.h"
#include "osy/spec.h"

struct osy_pulse;
struct osy_loader;
struct osy_load;
struct osy_undo;

/* A run that has lanes here. Lives while a lane or a load refers to it (refs). */
struct osy_wrun {
	char id[40];
	char topic[200];
	char name[56]; /* "<run>:<pass>" */
	int pass;
	int open_stage;	      /* batches of later stages wait; moves up only within a pass */
	int stages_published; /* of these no more batches will come */
	bool retakes;	      /* takes only what has failed */
	bool retakes_skipped; /* and what was skipped */
	bool retakes_few;     /* not worth an ingest job */
	bool strict_failed;   /* a record has failed here, and the template bears none */
	bool active;	      /* in progress and in this pass: its lanes may be worked on */
	bool aborting; /* take no new batch; finish, reconcile, record what is in flight or in doubt
			*/
	struct osy_spec *spec;
	struct osy_undo *undo;	/* a rollback: what it undoes and how; NULL: it loads */
	struct osy_org *target; /* shared by the runs of one org */
	struct osy_org *source; /* out of which files are read; NULL: none was so far */
	unsigned refs;
	unsigned flying;   /* requests */
	int64_t hungry_at; /* mono ms when a request of it last had to wait for others */
	bool greeting;	   /* its target is being greeted (load_greet.c) */
	struct osy_wrun *next;
};

/* A lane whose lease is ours. */
struct osy_wlane {
	struct osy_wrun *run; /* a reference */
	int lane;
	int64_t spread; /* to which worker it falls, see lanes.c */
	int64_t epoch;
	int64_t position; /* offset of the next message to take from Kafka */
	int64_t recorded; /* position in Postgres: everything before it has its outcomes (or is set
			     aside) */
	char key[96];	  /* "<run>:<pass>:<lane>" */
	struct osy_kafka_lane *queue; /* NULL: not fetching */
	struct osy_load *load;	      /* its batches in work; never NULL */
	bool giving_back;	      /* takes no new message; released when the load is idle */
	bool lost;   /* somebody else has the next epoch: forget everything, send and record nothing
		      */
	bool raised; /* its epoch is raised in Redis */
	int64_t empty_since;  /* mono ms since when its queue gives nothing; 0: it gave something */
	unsigned patience_ms; /* how long that may be while others wait for its place */
	bool at_end; /* Kafka had nothing more of it; believed for patience_ms once it has no queue
		      */
	struct osy_wlane *next;
};

struct osy_worker {
	const struct osy_settings *settings;
	char id[40];
	struct osy_kafka *kafka;
	struct osy_kafka_lanes *consumer;
	struct osy_http *http;
	struct osy_redis *redis;
	struct osy_pg *pg; /* the loop's */
	struct osy_idmap *idmap;
	struct osy_budget *budget;
	struct osy_pulse *pulse;
	struct osy_wrun *runs;
	struct osy_wlane *lanes;
	struct osy_loader *loader;
	size_t message_bytes;	     /* of a message taken from Kafka, on the average */
	unsigned requests_in_flight; /* sends, of all lanes; at most settings->worker_requests */
	bool draining;
};

/*
 * Whether our leases are still good by our own monotonic clock, with a margin: asked immediately
 * before a write is handed to the network. False: send nothing, wait.
 */
bool osy_pulse_may_send(const struct osy_pulse *pulse);

#endif
