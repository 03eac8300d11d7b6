#include <stdio.h>

#include "osy/failpoint.h"
#include "osy/mem.h"
#include "publish.h"

static struct osy_str decimal(char text[24], int64_t n)
{
	int len = snprintf(text, 24, "%lld", (long long)n);

	return (struct osy_str){text, (size_t)len};
}

enum osy_code publish_txn_begin(struct publish_txn *txn, struct osy_err *err)
{
	memset(txn->touched, 0, sizeof(txn->touched));
	return osy_kafka_begin(txn->producer, err);
}

enum osy_code publish_txn_send(struct publish_txn *txn, bool links, int object, int stage, int lane,
	int64_t count, struct osy_str message, struct osy_err *err)
{
	char numbers[4][24];
	const struct osy_kafka_header headers[] = {
		{"kind", links					     ? OSY_STR("links")
			 : txn->drive->spec->objects[object].deletes ? OSY_STR("deletes")
								     : OSY_STR("records")},
		{"object", decimal(numbers[0], object)},
		{"stage", decimal(numbers[1], stage)},
		{"count", decimal(numbers[2], count)},
		{"pass", decimal(numbers[3], links ? txn->drive->pass : 1)},
	};

	OSY_ASSERT(lane >= 0 && lane < txn->drive->spec->lanes);
	txn->touched[lane] = true;
	return osy_kafka_send(
		txn->producer, txn->drive->topic, lane, message, headers, OSY_COUNT(headers), err);
}

void publish_txn_abort(struct publish_txn *txn)
{
	struct osy_err ignored = OSY_ERR_NONE;

	(void)!osy_kafka_abort_txn(txn->producer, &ignored);
}

static void note_ends(struct publish_txn *txn, int stage, struct osy_checkpoint *next)
{
	for (unsigned lane = 0; lane < next->lane_count; lane++) {
		if (txn->touched[lane])
			next->ends[(unsigned)(stage - 1) * next->lane_count + lane] =
				osy_kafka_last_offset(txn->producer, (int32_t)lane);
	}
}

static enum osy_code failpoint(const char *name, bool hit, struct osy_err *err)
{
	return hit ? osy_fail(err, OSY_E_KAFKA, "failpoint %s", name) : OSY_OK;
}

static enum osy_code send_checkpoint(
	struct publish_txn *txn, const struct osy_checkpoint *next, struct osy_err *err)
{
	static const struct osy_kafka_header kind = {"kind", {"checkpoint", 10}};
	OSY_AUTO(osy_buf_done) struct osy_buf message = OSY_BUF(16u * 1024 * 1024);

	osy_checkpoint_write(next, &message);
	enum osy_code rc = osy_kafka_send(txn->producer, txn->drive->topic,
		(int32_t)next->lane_count, osy_buf_str(&message), &kind, 1, err);
	return rc ? rc : osy_kafka_flush(txn->producer, err);
}

enum osy_code publish_txn_commit(
	struct publish_txn *txn, int stage, struct osy_checkpoint *next, struct osy_err *err)
{
	enum osy_code rc = osy_kafka_flush(txn->producer, err);

	if (!rc)
		note_ends(txn, stage, next);
	if (!rc)
		rc = failpoint("coordinator.before_checkpoint",
			OSY_FAILPOINT("coordinator.before_checkpoint"), err);
	if (!rc)
		rc = send_checkpoint(txn, next, err);
	if (!rc)
		rc = failpoint("coordinator.before_commit",
			OSY_FAILPOINT("coordinator.before_commit"), err);
	if (!rc)
		rc = osy_kafka_commit_txn(txn->producer, err);
	if (rc) {
		publish_txn_abort(txn);
		return rc;
	}
	return failpoint(
		"coordinator.after_commit", OSY_FAILPOINT("coordinator.after_commit"), err);
}
