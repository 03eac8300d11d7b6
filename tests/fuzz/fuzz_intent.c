/* What Postgres keeps packed of a batch: intents, snapshots, outcomes. What is read is written and
 * read again, to the same end. */
#include "osy/intent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 16 << 20, ROWS = 3 };

static void check_same(const struct osy_buf *a, const struct osy_buf *b)
{
	OSY_ASSERT(osy_str_equal(osy_buf_str(a), osy_buf_str(b)));
}

static void try_intent(struct osy_str packed, struct osy_arena *arena)
{
	OSY_AUTO(osy_buf_done) struct osy_buf first = OSY_BUF(MAX_BYTES);
	OSY_AUTO(osy_buf_done) struct osy_buf second = OSY_BUF(MAX_BYTES);
	struct osy_intent intent;
	struct osy_err err;

	if (osy_intent_read(packed, arena, &intent, &err))
		return;
	osy_intent_write(&intent, &first);
	if (osy_intent_read(osy_buf_str(&first), arena, &intent, &err))
		OSY_BUG("our own intent: %s", err.msg);
	osy_intent_write(&intent, &second);
	check_same(&first, &second);
}

static void try_snapshot(struct osy_str packed, struct osy_arena *arena)
{
	OSY_AUTO(osy_buf_done) struct osy_buf first = OSY_BUF(MAX_BYTES);
	OSY_AUTO(osy_buf_done) struct osy_buf second = OSY_BUF(MAX_BYTES);
	struct osy_snapshot snapshot;
	struct osy_err err;

	if (osy_snapshot_read(packed, arena, &snapshot, &err))
		return;
	osy_snapshot_write(&snapshot, &first);
	if (osy_snapshot_read(osy_buf_str(&first), arena, &snapshot, &err))
		OSY_BUG("our own snapshot: %s", err.msg);
	osy_snapshot_write(&snapshot, &second);
	check_same(&first, &second);
}

static void try_outcomes(struct osy_str packed)
{
	OSY_AUTO(osy_buf_done) struct osy_buf first = OSY_BUF(MAX_BYTES);
	OSY_AUTO(osy_buf_done) struct osy_buf second = OSY_BUF(MAX_BYTES);
	struct osy_outcome_row rows[ROWS] = {0}, again[ROWS] = {0};
	struct osy_err err;

	if (osy_outcomes_read(packed, "001", rows, ROWS, &err))
		return;
	osy_outcomes_write(rows, ROWS, "001", &first);
	if (osy_outcomes_read(osy_buf_str(&first), "001", again, ROWS, &err))
		OSY_BUG("our own outcomes: %s", err.msg);
	osy_outcomes_write(again, ROWS, "001", &second);
	check_same(&first, &second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OSY_AUTO(osy_arena_done) struct osy_arena arena;
	const struct osy_str packed = {(const char *)data, size};

	osy_arena_init(&arena, 4096);
	try_intent(packed, &arena);
	try_snapshot(packed, &arena);
	try_outcomes(packed);
	return 0;
}
