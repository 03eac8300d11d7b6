/*
 * What batches in work may take of memory. A batch weighs its message, what was made of it, the
 * replies that it keeps, and an eighth more for what is still to be made of it. Bodies that are
 * still to be sent count as well.
 */
#include "load_internal.h"

#include "osy/banned.h"

/* Room for a full batch of ordinary records a request, but no more than a process of 64 MiB bears.
 */
#define ROOM_BYTES (8u * 1024 * 1024)
#define ROOM_BYTES_A_REQUEST (1280u * 1024)
#define ROOM_BYTES_MOST (20u * 1024 * 1024)
#define ALWAYS 4 /* batches that find room whatever they weigh */
#define SHARE 8	 /* of what a batch says in the averages */

static size_t message_bytes(const struct osy_lbatch *batch)
{
	return batch->message.payload.len + batch->copy.len;
}

static size_t held_bytes(const struct osy_lbatch *batch)
{
	size_t arena = batch->arena.used_bytes;

	if (arena < OSY_LOAD_ARENA)
		arena = OSY_LOAD_ARENA;
	return message_bytes(batch) + arena + batch->kept_bytes;
}

void osy_load_weigh(struct osy_lbatch *batch)
{
	struct osy_loader *loader = batch->load->loader;
	size_t held = held_bytes(batch), weight = held + held / 8;

	loader->bytes += weight - batch->weight;
	batch->weight = weight;
}

void osy_load_unweigh(struct osy_lbatch *batch)
{
	struct osy_loader *loader = batch->load->loader;

	loader->bytes -= batch->weight;
	if (batch->step == OSY_STEP_OVER)
		loader->usual_weight =
			loader->usual_weight
				? (loader->usual_weight * (SHARE - 1) + batch->weight) / SHARE
				: batch->weight;
}

bool osy_load_has_room(const struct osy_loader *loader, bool fills)
{
	size_t requests = (size_t)loader->worker->settings->worker_requests;
	size_t room = ROOM_BYTES + requests * ROOM_BYTES_A_REQUEST;

	if (room > ROOM_BYTES_MOST)
		room = ROOM_BYTES_MOST;
	if (!fills)
		room = room / 4 * 3;

	return loader->batches < ALWAYS || loader->bytes + loader->usual_weight <= room;
}
