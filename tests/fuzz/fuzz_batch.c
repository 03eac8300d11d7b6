/* Messages of a run's topic: record batches, link batches, checkpoints. What is read is written and
 * read again, to the same end; slices lie in the message. */
#include "osy/batch.h"
#include "osy/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OBJECTS = 2, STAGES = 2, LANES = 3, MAX_BYTES = 4 << 20 };

static void check_inside(struct osy_str slice, struct osy_str message)
{
	OSY_ASSERT(!slice.p ||
		   (slice.p >= message.p && slice.p + slice.len <= message.p + message.len));
}

/* Reads all rows, writes them when out is not NULL; whether the message was good to its end. */
static bool read_batch(struct osy_str message, struct osy_arena *arena, struct osy_buf *out)
{
	OSY_AUTO(osy_batch_writer_done) struct osy_batch_writer writer;
	struct osy_batch_reader reader;
	struct osy_err err = OSY_ERR_NONE;
	enum osy_code code = OSY_OK;
	struct osy_id source;
	size_t rows = 0;

	osy_batch_writer_init(&writer);
	if (osy_batch_read(message, arena, &reader, &err))
		return false;
	writer.head = reader.head;
	writer.head.count = 0;
	OSY_ASSERT(reader.field_count <= OSY_BATCH_MAX_FIELDS);
	struct osy_str *values = osy_arena_calloc(arena, reader.field_count + 1, sizeof(*values));
	while (osy_batch_row(&reader, &source, values, &code, &err)) {
		for (size_t i = 0; i < reader.field_count; i++)
			check_inside(values[i], message);
		OSY_ASSERT(osy_id_is_set(&source));
		if (out)
			osy_batch_add(&writer, &source, values, reader.field_count);
		rows++;
	}
	if (code)
		return false;
	OSY_ASSERT(rows == (size_t)reader.head.count);
	if (!out || !rows)
		return false;
	const char **names = osy_arena_calloc(arena, reader.field_count + 1, sizeof(*names));
	for (size_t i = 0; i < reader.field_count; i++)
		names[i] = osy_arena_strndup(arena, reader.fields[i].p, reader.fields[i].len);
	osy_batch_finish(&writer, names, reader.field_count, out);
	return true;
}

static void try_batch(struct osy_str message, struct osy_arena *arena)
{
	OSY_AUTO(osy_buf_done) struct osy_buf first = OSY_BUF(MAX_BYTES);
	OSY_AUTO(osy_buf_done) struct osy_buf second = OSY_BUF(MAX_BYTES);

	if (!read_batch(message, arena, &first))
		return;
	OSY_ASSERT(read_batch(osy_buf_str(&first), arena, &second));
	OSY_ASSERT(osy_str_equal(osy_buf_str(&first), osy_buf_str(&second)));
}

static void try_checkpoint(struct osy_str message)
{
	OSY_AUTO(osy_buf_done) struct osy_buf first = OSY_BUF(MAX_BYTES);
	OSY_AUTO(osy_buf_done) struct osy_buf second = OSY_BUF(MAX_BYTES);
	OSY_AUTO(osy_checkpoint_done) struct osy_checkpoint read, again;
	struct osy_err err = OSY_ERR_NONE;

	osy_checkpoint_init(&read, OBJECTS, STAGES, LANES);
	osy_checkpoint_init(&again, OBJECTS, STAGES, LANES);
	if (osy_checkpoint_read(message, &read, &err))
		return;
	osy_checkpoint_write(&read, &first);
	if (osy_checkpoint_read(osy_buf_str(&first), &again, &err))
		OSY_BUG("our own checkpoint: %s", err.msg);
	osy_checkpoint_write(&again, &second);
	OSY_ASSERT(osy_str_equal(osy_buf_str(&first), osy_buf_str(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OSY_AUTO(osy_arena_done) struct osy_arena arena;
	const struct osy_str message = {(const char *)data, size};

	osy_arena_init(&arena, 4096);
	try_batch(message, &arena);
	try_checkpoint(message);
	return 0;
}
