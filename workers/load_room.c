/*
 * What batches in work may take of memory. A batch weighs its message, what was made of it, and the
 * replies that it keeps; while it is young, what batches came to in the end, measured by their
 * messages. Bodies that are still to be sent count as well.
 */
#include "load_internal.h"

#include "osy/banned.h"

/* Room for a full batch of ordinary records a request, but no more than a process of 64 MiB bears.
 */
#define ROOM_BYTES (8u * 1024 * 1024)
#define ROOM_BYTES_A_REQUEST (768u * 1024)
#define ROOM_BYTES_MOST (24u * 1024 * 1024)
#define ALWAYS 4	   /* batches that find room whatever they weigh */
#define GUESS_PERCENT 400u /* of its message, before any batch has ended */
#define SHARE 8		   /* of what a batch says in the averages */

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
	size_t percent = loader->grown_percent ? loader->grown_percent : GUESS_PERCENT;
	size_t weight = message_bytes(batch) / 100 * percent, held = held_bytes(batch);

	if (weight < held)
		weight = held;
	loader->bytes += weight - batch->weight;
	batch->weight = weight;
}

void osy_load_unweigh(struct osy_lbatch *batch)
{
	struct osy_loader *loader = batch->load->loader;
	size_t message = message_bytes(batch), percent = 0;

	loader->bytes -= batch->weight;
	if (message < 100 || batch->step != OSY_STEP_OVER)
		return;
	percent = held_bytes(batch) / (message / 100);
	loader->grown_percent = loader->grown_percent
					? (loader->grown_percent * (SHARE - 1) + percent) / SHARE
					: percent;
	loader->usual_weight =
		loader->usual_weight
			? (loader->usual_weight * (SHARE - 1) + held_bytes(batch)) / SHARE
			: held_bytes(batch);
}

bool osy_load_has_room(const struct osy_loader *loader, bool ahead)
{
	size_t requests = (size_t)loader->worker->settings->worker_requests;
	size_t room = ROOM_BYTES + requests * ROOM_BYTES_A_REQUEST;

	if (room > ROOM_BYTES_MOST)
		room = ROOM_BYTES_MOST;
	if (ahead)
		room = room / 4 * 3;

	return loader->batches < ALWAYS || loader->bytes + loader->usual_weight <= room;
}
