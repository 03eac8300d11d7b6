/*
 * The load protocol (docs/protocol.md): take, resolve, match, compare, intent, send, record,
 * reconcile. At-least-once delivery, exactly-once effect.
 *
 * A lane has one request in flight; while it flies the next batch is prepared up to compare. The
 * loader works on all lanes together: what is ready in several lanes goes to Redis in one pipelined
 * round trip and to Postgres in one statement.
 */
#ifndef OSY_LOAD_H
#define OSY_LOAD_H

#include "worker.h"

struct osy_loader *osy_loader_new(struct osy_worker *worker);
struct osy_loader *osy_loader_free(struct osy_loader *loader);
/*
 * One turn: moves every load as far as it goes without waiting, gathered over lanes. Returns in how
 * many ms it wants its next turn when nothing else happens (a back-off, a set-aside batch that is
 * due), at most 1000; 0: at once.
 */
unsigned osy_loader_turn(struct osy_loader *loader);

/*
 * A load begins with its lane. It looks in Postgres for what the former owner left (intents,
 * doubts, batches set aside) and settles that first: osy_load_wants() is false until the unfinished
 * batch at the position has been fetched again.
 */
struct osy_load *osy_load_new(struct osy_loader *loader, struct osy_wlane *lane);
/* Drops everything; replies still under way are ignored (their intents stand in Postgres). */
struct osy_load *osy_load_free(struct osy_load *load);
/* Whether it takes a message now (at most two batches at once in a lane). */
bool osy_load_wants(const struct osy_load *load);
/* Takes the message (the struct is zeroed). Messages come in the order of their offsets, from
 * lane->recorded on. */
void osy_load_give(struct osy_load *load, struct osy_kafka_message *message);
/* Nothing in work: the lane may be released. Batches set aside do not count: they stay in Postgres
 * for the next owner. */
bool osy_load_idle(const struct osy_load *load);
/* The first batch belongs to a stage that is not open, or an ingest job runs: the lane gives up its
 * place among those that fetch. */
bool osy_load_waits(const struct osy_load *load);
/* What it has waits for more of its lane that is still to be published, so that a request gets
 * full. */
bool osy_load_waits_for_more(const struct osy_load *load);
/* Gives what has not begun back to Kafka: it comes again when the lane fetches again. */
void osy_load_give_back(struct osy_load *load);
/* All that nothing is under way of, begun or not; false: something is left. */
bool osy_load_give_all_back(struct osy_load *load);
/* A former owner left a batch unsettled whose message has to be fetched again, also when the run is
 * being aborted. */
bool osy_load_owes(const struct osy_load *load);
/* The offset of the first message from this one on that the pass takes: of a retry these are few.
 */
int64_t osy_load_next(const struct osy_load *load, int64_t offset);
/* Batches set aside by this lane, which its owner must look at again. */
bool osy_load_has_aside(const struct osy_load *load);

/* The lane is given back in good order: that its results were begun is no crash. */
void osy_load_bulk_leaves(struct osy_load *load);

#endif
