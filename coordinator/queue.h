/*
 * The queue: runs that write the same objects of the same target org go one after the other, as a
 * whole, in the order in which they were started. One condition, for those who wait and for those
 * who show it.
 */
#ifndef OSY_QUEUE_H
#define OSY_QUEUE_H

/* SQL: run b goes before run r. One that was paused before its turn came lets others by. */
#define OSY_QUEUE_BEFORE                                                                           \
	"(b.id <> r.id AND (b.state IN ('Sync In Progress', 'Rollback', 'Rollback Started') OR "   \
	"(b.state = 'Paused' AND b.phase = 'Executing')) AND (b.phase = 'Executing' OR "           \
	"(b.started_at, b.id) < (r.started_at, r.id)) AND EXISTS (SELECT 1 FROM org bo JOIN org "  \
	"ro ON ro.org_id = bo.org_id WHERE bo.name = b.target AND ro.name = r.target) AND EXISTS " \
	"(SELECT 1 FROM run_object bj JOIN run_object rj ON rj.target_name = bj.target_name "      \
	"WHERE bj.run = b.id AND rj.run = r.id))"
/* SQL: run r waits. */
#define OSY_QUEUE_WAITS "(r.state IN ('Sync In Progress', 'Rollback') AND r.phase = 'Initializing')"

#endif
